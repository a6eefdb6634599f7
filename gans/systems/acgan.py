"""AC-GAN, the auxiliary classifier GAN (Odena 2017, 1610.09585): the critic also says of which class an image is.

The generator is told a class; the critic is not, but a head on its features classifies. Both players want real and fake
images to be classified rightly (L_C of section 3), beside the game of real against fake (L_S).
"""

import ml_collections
import optax

from gans import losses, penalties
from gans.core import Array, Aux, Compute, Keys, Spec, System, TrainState, Tree
from gans.errors import UserError
from gans.nets import build as nets
from gans.nets.recognition import head
from gans.ops import random
from gans.systems.build import refuse, two_players
from gans.systems.gan import ema, make_latents


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute) -> System:
    """See `gans/defaults.py` for the keys of the config; here also `acgan.weight` of L_C, 1 in the paper. Each
    fake image has the class of the real one beside it.

    Raises:
      UserError: options of the system 'gan' that this one does not have; a generator that is not told classes.
    """
    refuse(config, ('penalty.name', 'generator.condition'))
    if 'acgan' not in config:
        raise UserError("system 'acgan' wants a section acgan in the config: weight (such as 1.0)")
    if config.generator.get('condition') is None:
        raise UserError("system 'acgan' wants a generator that is told classes: set generator.condition, as 'concat'")
    generator = nets.generator(config.generator, spec, config.latents.size, compute)
    critic = nets.critic(config.critic, spec, compute)
    classifier = head(critic, len(spec.classes), compute)
    game = losses.game(config.game, losses.Labels(**config.labels))
    penalty = penalties.penalty(config.penalty.name, config.penalty.target, config.penalty.one_sided)
    latents = make_latents(config.latents, len(spec.classes))

    def sample(params: dict[str, Tree], stats: dict[str, Tree], latents: Tree) -> Array:
        told = latents['z'], latents['label']
        return generator.apply(params['generator'], stats['generator'], *told, train=False)[0]

    def fakes(params: dict[str, Tree], state: TrainState, label: Array, keys: Keys) -> tuple[Array, Tree]:
        told = latents(keys)['z'], label
        return generator.apply(params['generator'], state.stats['generator'], *told, train=True)

    def judged(params: dict[str, Tree], stats: Tree, x: Array, label: Array) -> tuple[Array, Array, Array, Tree]:
        """Scores [B], cross entropies of the class [B], whether it is the likeliest [B], the critic's statistics."""
        (scores, features), stats = critic.apply(params['critic'], stats, x, train=True, features=True)
        logits, _ = classifier.apply(params['classifier'], {}, features, train=True)
        wrong = optax.softmax_cross_entropy_with_integer_labels(logits, label)
        return scores, wrong, logits.argmax(1) == label, stats

    def critic_loss(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> tuple[Array, Aux]:
        k_fake, k_penalty = random.split(keys, 2)
        real, label = batch['real'], batch['label']
        fake, _ = fakes(params, state, label, k_fake)
        real_scores, real_wrong, real_right, stats = judged(params, state.stats['critic'], real, label)
        fake_scores, fake_wrong, fake_right, stats = judged(params, stats, fake, label)
        loss = game.critic(real_scores, fake_scores).mean()
        metrics = {'real_score': real_scores.mean(), 'fake_score': fake_scores.mean(), 'game': loss}
        metrics |= {'real_class_loss': real_wrong.mean(), 'fake_class_loss': fake_wrong.mean()}
        metrics |= {'real_accuracy': real_right.mean(), 'fake_accuracy': fake_right.mean()}
        loss += config.acgan.weight * (metrics['real_class_loss'] + metrics['fake_class_loss'])
        if penalty is not None:
            critic_fn = lambda x: critic.apply(params['critic'], state.stats['critic'], x, train=True)[0]
            metrics['penalty'] = penalty(critic_fn, real, fake, k_penalty).mean()
            loss += config.penalty.weight * metrics['penalty']
        return loss, Aux(metrics, {'critic': stats})

    def generator_loss(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> tuple[Array, Aux]:
        label = batch['label']
        fake, stats = fakes(params, state, label, keys)
        scores, wrong, *_ = judged(params, state.stats['critic'], fake, label)
        real_scores = judged(params, state.stats['critic'], batch['real'], label)[0] if game.needs_real else None
        loss = game.generator(real_scores, scores).mean()
        metrics = {'game': loss, 'class_loss': wrong.mean()}
        return loss + config.acgan.weight * metrics['class_loss'], Aux(metrics, {'generator': stats})

    return two_players(
        config,
        {'generator': generator, 'critic': critic, 'classifier': classifier},
        critic_loss,
        generator_loss,
        with_critic=('classifier',),
        latents=latents,
        sample=sample,
        ema=ema(config.ema),
    )
