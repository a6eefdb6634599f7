"""The GAN: one generator, one critic, any game and any penalty (Goodfellow 2014 and its descendants).

With labels it is the conditional GAN (Mirza & Osindero 2014, 1411.1784): each fake example has the label of the real
one beside it, and the critic is told it. How nets are told is a matter of the nets: gans/ops/labels.py.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import ml_collections

from gans import augment, losses, optimizers, penalties, regularisers
from gans.core import Array, Aux, Compute, Ema, Keys, Player, Spec, System, TrainState, Tree, Update
from gans.errors import UserError, unknown
from gans.nets import build as nets
from gans.ops import random

LATENTS = {
    'normal': random.normal,
    'uniform': lambda keys, shape: random.uniform(keys, shape, -1.0, 1.0),
}


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute) -> System:
    """See `gans/defaults.py` for the keys of the config."""
    z = make_latents(config.latents)
    generator = nets.generator(config.generator, spec, config.latents.size, compute, z)
    pack = config.pack
    critic = nets.critic(config.critic, spec._replace(shape=(*spec.shape[:-1], pack * spec.shape[-1])), compute)
    conditional = _conditional(config)
    game = losses.game(config.game, losses.Labels(**config.labels))
    penalty = penalties.penalty(config.penalty.name, config.penalty.target, config.penalty.one_sided)
    lazy = penalty is not None and config.penalty.every > 1
    augmented = None if config.augment.names is None else augment.augmentation(config.augment.names, spec.shape)
    memory = regularisers.memory(config, spec, conditional)
    terms = {}  # penalties of each critic step: weight, penalty
    if penalty is not None and not lazy:
        terms['penalty'] = config.penalty.weight, penalty
    if config.consistency.weight is not None:
        moved = augment.augmentation(config.consistency.names, spec.shape)
        terms['consistency'] = config.consistency.weight, penalties.balanced_consistency(lambda x, k: moved(x, k, 1.0))
    latents = make_latents(config.latents, len(spec.classes) if conditional else None)

    def sample(params: dict[str, Tree], stats: dict[str, Tree], latents: Tree) -> Array:
        inputs = (latents['z'], latents['label']) if conditional else (latents,)
        return generator.apply(params['generator'], stats['generator'], *inputs, train=False)[0]

    def seen(x: Array, keys: Keys, state: TrainState) -> Array:
        """What the critic is shown: augmented examples, under instance noise (Sonderby 2017, 1610.04490) that fades."""
        if augmented is not None:
            keys, k_augment = random.split(keys, 2)
            p = state.memory['augment']['p'] if 'augment' in memory else config.augment.probability
            x = augmented(x, k_augment, p)
        if config.instance_noise.sigma is None:
            return x
        sigma = config.instance_noise.sigma * jnp.maximum(0.0, 1.0 - state.step / config.instance_noise.until)
        return x + sigma * random.normal(keys, x.shape[1:])

    def pairs(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys, past: bool
    ) -> tuple[Pairs, Tree]:
        """What the critic is shown, past fakes among it or not, and the generator's advanced statistics."""
        k_fake, k_real_noise, k_fake_noise, k_past = random.split(keys, 4)
        real, z, told, weights = batch['real'], latents(k_fake), (), None
        if conditional:
            z, label = z['z'], batch['label']
            if pack > 1:  # neighbours of one label make packs; packs in which labels are mixed do not count
                order = jnp.argsort(label)
                real, label = real[order], label[order]
                weights = (label[::pack] == label[pack - 1 :: pack]).astype(jnp.float32)
            told = (label,)
        fake, stats = generator.apply(params['generator'], state.stats['generator'], z, *told, train=True)
        if past and 'replay' in memory:
            pool, replay = state.memory['replay'], config.replay
            fake = regularisers.replayed(pool, fake, k_past, replay.share, state.step, replay.fresh)
        real, fake = seen(real, k_real_noise, state), seen(fake, k_fake_noise, state)
        return Pairs(packed(real, pack), packed(fake, pack), tuple(x[::pack] for x in told), weights), stats

    def remember(
        params: dict[str, Tree], state: TrainState, real_scores: Array, fake_scores: Array
    ) -> tuple[dict[str, tuple], dict[str, Tree]]:
        """What lasts longer than a step: the terms that read it (weight, value), and the memories from now on."""
        terms, now = {}, {}
        if 'lecam' in memory:
            means, decay = state.memory['lecam'], config.lecam.decay
            value, now['lecam'] = regularisers.lecam(means, real_scores, fake_scores, decay)
            terms['lecam'] = config.lecam.weight, value
        if 'augment' in memory:
            examples = config.train.batch_size / config.train.micro
            move = examples / (1000 * config.augment.kimg)
            now['augment'] = augment.adapted(state.memory['augment'], real_scores, config.augment.target, move)
        if 'replay' in memory:
            fresh = sample(params, state.stats, latents(regularisers.fresh_keys(state, config.replay.fresh)))
            now['replay'] = regularisers.stored(state.memory['replay'], fresh, state.step)
        return terms, now

    def penalise(
        penalty: penalties.Penalty, params: dict[str, Tree], state: TrainState, shown: Pairs, keys: Keys
    ) -> Array:
        critic_fn = lambda x: critic.apply(params['critic'], state.stats['critic'], x, *shown.label, train=True)[0]
        return shown.mean(penalty(critic_fn, shown.real, shown.fake, keys))

    def judge_both(params: dict[str, Tree], state: TrainState, shown: Pairs) -> tuple[Array, Array, Tree]:
        """The scores of real and of fake examples, and the critic's advanced statistics; in one batch, which is faster,
        where that is the same.
        """
        weights, stats = params['critic'], state.stats['critic']
        if stats or config.critic.get('minibatch'):  # the second call sees what the first left, or neighbours matter
            real, stats = critic.apply(weights, stats, shown.real, *shown.label, train=True)
            fake, stats = critic.apply(weights, stats, shown.fake, *shown.label, train=True)
            return real, fake, stats
        twice = [jnp.concatenate([x, x]) for x in shown.label]
        scores, _ = critic.apply(weights, stats, jnp.concatenate([shown.real, shown.fake]), *twice, train=True)
        return *jnp.split(scores, 2), stats

    def critic_loss(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> tuple[Array, Aux]:
        k_pairs, k_flip, *k_terms = random.split(keys, 4)
        shown, _ = pairs(params, state, batch, k_pairs, past=True)
        real_scores, fake_scores, stats = judge_both(params, state, shown)
        metrics = {'real_score': real_scores.mean(), 'fake_score': fake_scores.mean()}
        more, now = remember(params, state, real_scores, fake_scores)
        if config.flip_labels is not None:
            real_scores, fake_scores = losses.flip(k_flip[::pack], config.flip_labels, real_scores, fake_scores)
        loss = shown.mean(game.critic(real_scores, fake_scores))
        for (name, (weight, term)), own_keys in zip(terms.items(), k_terms, strict=False):
            more[name] = weight, penalise(term, params, state, shown, own_keys[::pack])
        metrics |= {'game': loss} if more else {}
        metrics |= {'augment_p': now['augment']['p']} if 'augment' in now else {}
        for name, (weight, value) in more.items():
            metrics[name] = value
            loss += weight * value
        return loss, Aux(metrics, {'critic': stats}, now)

    def penalty_loss(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> tuple[Array, Aux]:
        """Lazy regularisation (StyleGAN2, 1912.04958, section 3.1): every k steps, k times as strong."""
        k_pairs, k_penalty = random.split(keys, 2)
        shown, _ = pairs(params, state, batch, k_pairs, past=True)
        weight = config.penalty.weight * config.penalty.every
        return weight * penalise(penalty, params, state, shown, k_penalty[::pack]), Aux()

    def generator_loss(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> tuple[Array, Aux]:
        shown, stats = pairs(params, state, batch, keys, past=False)
        tell = config.feature_matching is not None
        judge = lambda x: critic.apply(
            params['critic'], state.stats['critic'], x, *shown.label, train=True, features=tell
        )[0]
        aux = Aux({}, {'generator': stats})
        if tell:
            (_, real), (_, fake) = judge(shown.real), judge(shown.fake)
            return config.feature_matching * regularisers.feature_matching(real, fake), aux
        real_scores = judge(shown.real) if game.needs_real else jnp.zeros(())
        fake_scores = judge(shown.fake)
        if config.top_k.share is not None:
            shown = shown.only(regularisers.top_k(fake_scores, config.top_k.share, state.step, config.top_k.until))
        return shown.mean(game.generator(real_scores, fake_scores)), aux

    micro = config.train.micro
    every = config.penalty.every if lazy else None
    updates = [Update('critic', 'critic', critic_loss, repeats=config.train.n_critic, micro=micro)]
    if lazy:
        updates.append(Update('penalty', 'critic', penalty_loss, every=config.penalty.every, micro=micro))
    updates.append(Update('generator', 'generator', generator_loss, micro=micro))
    return System(
        nets={'generator': generator, 'critic': critic},
        players={
            'critic': Player(('critic',), optimizers.build(config.optimizer.critic, 'critic', every)),
            'generator': Player(('generator',), optimizers.build(config.optimizer.generator, 'generator')),
        },
        updates=tuple(updates),
        latents=latents,
        sample=sample,
        ema=ema(config.ema),
        memory=memory,
    )


class Pairs(NamedTuple):
    """Real and fake packs, one beside the other."""

    real: Array  # [P, ...]
    fake: Array  # [P, ...]
    label: tuple[Array, ...]  # what the critic is told of both: int32 [P], or nothing
    weights: Array | None  # [P], 0 for a pack of several labels; None if all count alike

    def mean(self, values: Array) -> Array:
        """Of a value a pack, [P]."""
        if self.weights is None:
            return values.mean()
        return (values * self.weights).sum() / jnp.maximum(self.weights.sum(), 1)

    def only(self, weights: Array) -> 'Pairs':
        """The packs of these weights, [P], count."""
        return self._replace(weights=weights if self.weights is None else weights * self.weights)


def _conditional(config: ml_collections.ConfigDict) -> bool:
    """Whether the nets are told labels; both must be, or none."""
    by_role = {role: config[role].get('condition') for role in ('generator', 'critic')}
    for role, condition in by_role.items():
        if condition is None and any(by_role.values()):
            raise UserError(f"{role}.condition is not set, but the other net's is: set both, or none")
    return any(by_role.values())


def packed(x: Array, pack: int) -> Array:
    """Packs of examples that the critic judges as one (PacGAN, 1712.04086): [B, ..., C] -> [B / pack, ..., pack C]."""
    if pack == 1:
        return x
    x = x.reshape(-1, pack, *x.shape[1:])
    return jnp.concatenate([x[:, i] for i in range(pack)], -1)


def make_latents(config: ml_collections.ConfigDict, classes: int | None = None) -> Callable[[Keys], Tree]:
    """Makes latents(keys [B]) -> z [B, size] of the distribution and the scale that the config names; with classes
    {'z': z, 'label': int32 [B]}, all classes as likely.
    """
    if config.distribution not in LATENTS:
        raise unknown('latents.distribution', config.distribution, LATENTS)
    draw = LATENTS[config.distribution]
    z = lambda keys: config.scale * draw(keys, (config.size,))
    if classes is None:
        return z

    def labelled(keys: Keys) -> Tree:
        k_z, k_label = random.split(keys, 2)
        return {'z': z(k_z), 'label': random.integers(k_label, classes)}

    return labelled


def ema(config: ml_collections.ConfigDict) -> Ema | None:
    """The generator's moving average, if `decay` is set: min(decay, (1 + t) / (warmup + t)) after t steps, so that
    early averages forget early weights; warmup=1 is none, 10 a gentle one.
    """
    if config.decay is None:
        return None
    return Ema(('generator',), lambda t: jnp.minimum(config.decay, (1.0 + t) / (config.warmup + t)))
