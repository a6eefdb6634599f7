"""AC-GAN, the auxiliary classifier GAN (Odena 2017, 1610.09585): the critic also classifies images.

The generator is conditioned on a class; the critic is not, but a head on its features classifies. Both players improve
the classification of real and fake images (L_C of section 3), in addition to the game of real against fake (L_S).
"""

import ml_collections

from gans.core import Compute, Spec, System
from gans.errors import UserError
from gans.latents import make_latents, with_label
from gans.nets import build as nets
from gans.nets._heads import head
from gans.optimizers import ema
from gans.parts import Pair
from gans.systems._classes import class_terms
from gans.systems._players import make_generate, refuse, two_players


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute, *, weight: float = 1.0) -> System:
    """weight: of L_C, 1 in the paper. Each fake image has the class of a real one of the batch.

    Raises:
      UserError: an unconditional generator, a conditional critic, packs.
    """
    refuse(config, 'critic.condition', 'the critic has to find out the class itself')
    refuse(config, 'pack', 'a pack has several classes')
    if config.generator.get('condition') is None:
        raise UserError(
            "system 'acgan' needs a conditional generator: set generator.condition, for example to 'concat'"
        )
    generator = nets.generator(config.generator, spec, config.latents.size, compute)
    critic = nets.critic(config.critic, spec, compute)
    classifier = head(critic, len(spec.classes), compute)

    pair = Pair(
        spec,
        make_generate(generator, lambda inputs: (inputs['z'], inputs['label'])),
        critic,
        inputs=with_label(make_latents(config.latents)),
        replayable=False,
        **class_terms(classifier, weight),
    )
    return two_players(
        config,
        [pair],
        {'generator': generator, 'critic': critic, 'classifier': classifier},
        with_critic=('classifier',),
        samplers={'samples': pair.sampler(asked={'label': 'labels'})},
        ema=ema(config.ema),
    )
