"""SRGAN (Ledig 2017, 1609.04802) and ESRGAN (Wang 2018, 1809.00219): from small images to large ones that look real.

The generator minimizes content, an error of a frozen net's features (eq. 5), + adversarial times its game (eq. 3), and,
where that is asked for, the error of pixels. ESRGAN's are other options of the same: absolute errors, features before
the activation, the relativistic average game (`game='relativistic_average'`), its own net.
"""

import jax.numpy as jnp
import ml_collections

from gans.core import Array, Aux, Compute, Keys, Params, Spec, System, TrainState, Tree
from gans.features.perceptual import perceptual as perceptual_net
from gans.nets import build as nets
from gans.optimizers import ema
from gans.parts import Pair, Scene, Term
from gans.systems._players import refuse, two_players
from gans.systems._sources import error_of, from_source


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    *,
    perceptual: str | None = 'vgg19:relu5_4',
    weights: str | None = None,
    error: str = 'mse',
    content: float = 0.006,
    pixel: float = 0.0,
    adversarial: float = 1e-3,
) -> System:
    """A first stage of system 'regression' is the papers' pretraining: nets pass on by their names.

    Args:
      perceptual: NET:LAYER of gans/features/perceptual.py; None: without content (the paper's 'SRGAN-MSE', with pixel).
      weights: the file of vgg19.
      error: of features and pixels, 'mse' or 'l1' (ESRGAN).
      content: weight of the error of features. The paper divides VGG19's by 12.75, which is 0.006 for squared errors.
      pixel: weight of the error of pixels, which are in [-1, 1].
      adversarial: weight of the game in the generator's loss.

    Raises:
      UserError: examples without a source, labels, packs, an unknown net, layer or error.
    """
    refuse(config, 'pack', 'each example has a source of its own')
    refuse(config, 'critic.condition', 'the critic is told nothing')
    made, measure = from_source(config, spec, compute), error_of(error, 'srgan.error')
    critic = nets.critic(config.critic, spec, compute)

    def pixel_error(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        return measure(scene.real, scene.fake), Aux()

    terms, judged, frozen = {'pixel': Term(pixel_error, pixel)}, {}, {}
    if perceptual is not None:
        judge = perceptual_net(perceptual, spec, compute, weights)
        judged, frozen = {'perceptual': judge.net}, {'perceptual': judge.read}

        def content_error(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
            see = lambda x: judge.net.apply(scene.params['perceptual'], {}, x, train=False)[0]
            return measure(see(scene.real), see(scene.fake)), Aux()

        terms['content'] = Term(content_error, content)

    def generate(params: Params, state: TrainState, inputs: Tree, train: bool) -> tuple[Array, Params]:
        x, stats = made.generate(params, state, inputs, train)
        return jnp.clip(x, -1, 1), stats  # else the critic tells it from real white by what no file can hold

    pair = Pair(spec, generate, critic, inputs=made.inputs, generator_terms=terms, replayable=False)
    return two_players(
        config,
        [pair],
        {'generator': made.net, 'critic': critic, **judged},
        weight=adversarial,
        samplers={'samples': made.sampler()},
        ema=ema(config.ema),
        pretrained=frozen,
    )
