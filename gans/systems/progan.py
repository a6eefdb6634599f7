"""ProGAN (Karras 2018, 1710.10196): a GAN whose images grow, from 4 pixels to their full size.

Growing is stages, one after another of twice the size, each a config of this system: in the first steps of a size its
layers fade in (gans/systems/_fades.py). Then the nets are those of the size. `experiments.common.grow` writes such
stages. Game, penalties and optimizers are those of the config; in the paper WGAN-GP with a drift term, and Adam.

With labels, as in the authors' code, the generator is given a one-hot vector beside its latents
(`generator.condition='concat'`), and the critic's last layer classifies images as well, as in AC-GAN.
"""

import ml_collections

from gans.core import Array, Compute, Params, Spec, System, TrainState, Tree
from gans.latents import make_latents, with_label
from gans.nets import build as nets
from gans.nets._heads import features_of
from gans.nets.progan import Classifier
from gans.optimizers import ema
from gans.parts import Pair
from gans.systems._classes import class_terms
from gans.systems._fades import check_fades, make_fade
from gans.systems._players import refuse, two_players
from gans.systems._sheets import class_sheets


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    *,
    class_weight: float = 1.0,
    fade_begin: int = 0,
    fade_steps: int = 0,
) -> System:
    """The nets are those of gans/nets/progan.py, or others that fade.

    Args:
      class_weight: of the classes' losses, where the generator is told labels.
      fade_begin: the step of the run after which the fade begins; of a stage, that where the stage does.
      fade_steps: how long it takes; 0: none, the layers of this size are there from the start.

    Raises:
      UserError: nets that do not fade, a fade from images of half the size where there are none, or one that its stage
        cuts short; a critic that is told labels, packs.
    """
    refuse(config, 'critic.condition', 'the critic has to find out the class itself')
    refuse(config, 'pack', 'the critic compares the examples of a batch by their deviation')
    fade = make_fade(config, spec, fade_begin, fade_steps)
    generator = nets.generator(config.generator, spec, config.latents.size, compute, told=fade.inputs)
    critic = nets.critic(config.critic, spec, compute, fade.inputs)
    built, labeled = {'generator': generator, 'critic': critic}, config.generator.get('condition') is not None
    for role, net in built.items():
        check_fades(config, role, net)
    if labeled:
        built['classifier'] = nets.from_linen(Classifier(len(spec.classes), compute), features_of(critic))
    latents = make_latents(config.latents)
    arguments = lambda inputs: (inputs['z'], inputs['label']) if labeled else (inputs,)

    def generate(params: Params, state: TrainState, inputs: Tree, train: bool) -> tuple[Array, Params]:
        own, given = (params['generator'], state.stats['generator']), arguments(inputs)
        fakes, stats = generator.apply(*own, *given, *fade.tell(given[0], state), train=train)
        return fakes, {'generator': stats}

    pair = Pair(
        spec,
        generate,
        critic,
        inputs=with_label(latents) if labeled else lambda batch, keys: latents(keys),
        conditions=lambda inputs, state: fade.tell(arguments(inputs)[0], state),
        real=fade.real,
        replayable=not labeled,
        **(class_terms(built['classifier'], class_weight) if labeled else {}),
    )
    samples = pair.sampler(asked={'label': 'labels'} if labeled else {})
    return two_players(
        config,
        [pair],
        built,
        with_critic=('classifier',) if labeled else (),
        samplers={'samples': samples, **(class_sheets(samples, spec.classes) if labeled else {})},
        ema=ema(config.ema),
        critic=fade.judge(pair),
    )
