"""The unconditional GAN: one generator, one critic, any game and any penalty (Goodfellow 2014 and its descendants)."""

from collections.abc import Callable

import jax.numpy as jnp
import ml_collections

from gans import losses, optimizers, penalties
from gans.core import Array, Aux, Compute, Ema, Keys, Player, Spec, System, TrainState, Tree, Update
from gans.errors import unknown
from gans.nets import build as nets
from gans.ops import random

LATENTS = {
    'normal': random.normal,
    'uniform': lambda keys, shape: random.uniform(keys, shape, -1.0, 1.0),
}


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute) -> System:
    """See `experiments/common.py` for the keys of the config."""
    generator = nets.generator(config.generator, spec, config.latents.size, compute)
    pack = config.pack
    critic = nets.critic(config.critic, spec._replace(shape=(*spec.shape[:-1], pack * spec.shape[-1])), compute)
    game = losses.game(config.game, losses.Labels(**config.labels))
    penalty = penalties.penalty(config.penalty.name, config.penalty.target, config.penalty.one_sided)
    lazy = penalty is not None and config.penalty.every > 1
    latents = make_latents(config.latents)

    def sample(params: dict[str, Tree], stats: dict[str, Tree], z: Array) -> Array:
        return generator.apply(params['generator'], stats['generator'], z, train=False)[0]

    def seen(x: Array, keys: Keys, step: Array) -> Array:
        """What the critic is shown: examples under instance noise (Sonderby 2017, 1610.04490), fading linearly."""
        if config.instance_noise.sigma is None:
            return x
        sigma = config.instance_noise.sigma * jnp.maximum(0.0, 1.0 - step / config.instance_noise.until)
        return x + sigma * random.normal(keys, x.shape[1:])

    def pairs(params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys) -> tuple:
        """Real and fake examples as the critic is shown them (packs), and the generator's advanced statistics."""
        k_fake, k_real_noise, k_fake_noise = random.split(keys, 3)
        fake, stats = generator.apply(params['generator'], state.stats['generator'], latents(k_fake), train=True)
        real, fake = seen(batch['real'], k_real_noise, state.step), seen(fake, k_fake_noise, state.step)
        return packed(real, pack), packed(fake, pack), stats

    def penalise(params: dict[str, Tree], state: TrainState, real: Array, fake: Array, keys: Keys) -> Array:
        critic_fn = lambda x: critic.apply(params['critic'], state.stats['critic'], x, train=True)[0]
        return penalty(critic_fn, real, fake, keys).mean()

    def critic_loss(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> tuple[Array, Aux]:
        k_pairs, k_flip, k_penalty = random.split(keys, 3)
        real, fake, _ = pairs(params, state, batch, k_pairs)
        real_scores, stats = critic.apply(params['critic'], state.stats['critic'], real, train=True)
        fake_scores, stats = critic.apply(params['critic'], stats, fake, train=True)
        metrics = {'real_score': real_scores.mean(), 'fake_score': fake_scores.mean()}
        if config.flip_labels is not None:
            real_scores, fake_scores = losses.flip(k_flip[::pack], config.flip_labels, real_scores, fake_scores)
        loss = game.critic(real_scores, fake_scores).mean()
        if penalty is not None and not lazy:
            metrics |= {'game': loss, 'penalty': penalise(params, state, real, fake, k_penalty[::pack])}
            loss += config.penalty.weight * metrics['penalty']
        return loss, Aux(metrics, {'critic': stats})

    def penalty_loss(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> tuple[Array, Aux]:
        """Lazy regularisation (StyleGAN2, 1912.04958, section 3.1): every k steps, k times as strong."""
        k_pairs, k_penalty = random.split(keys, 2)
        real, fake, _ = pairs(params, state, batch, k_pairs)
        return config.penalty.weight * config.penalty.every * penalise(
            params, state, real, fake, k_penalty[::pack]
        ), Aux()

    def generator_loss(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> tuple[Array, Aux]:
        real, fake, stats = pairs(params, state, batch, keys)
        scores = lambda x: critic.apply(params['critic'], state.stats['critic'], x, train=True)[0]
        real_scores = scores(real) if game.needs_real else jnp.zeros(())
        return game.generator(real_scores, scores(fake)).mean(), Aux({}, {'generator': stats})

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
    )


def packed(x: Array, pack: int) -> Array:
    """Packs of examples that the critic judges as one (PacGAN, 1712.04086): [B, ..., C] -> [B / pack, ..., pack C]."""
    if pack == 1:
        return x
    x = x.reshape(-1, pack, *x.shape[1:])
    return jnp.concatenate([x[:, i] for i in range(pack)], -1)


def make_latents(config: ml_collections.ConfigDict) -> Callable[[Keys], Array]:
    """Makes latents(keys [B]) -> [B, size] of the distribution and the scale that the config names."""
    if config.distribution not in LATENTS:
        raise unknown('latents.distribution', config.distribution, LATENTS)
    draw = LATENTS[config.distribution]
    return lambda keys: config.scale * draw(keys, (config.size,))


def ema(config: ml_collections.ConfigDict) -> Ema | None:
    """The generator's moving average, if `decay` is set: min(decay, (1 + t) / (warmup + t)) after t steps, so that
    early averages forget early weights; warmup=1 is none, 10 a gentle one.
    """
    if config.decay is None:
        return None
    return Ema(('generator',), lambda t: jnp.minimum(config.decay, (1.0 + t) / (config.warmup + t)))
