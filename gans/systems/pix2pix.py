"""Pix2Pix (Isola 2017, 1611.07004): from the 'source' of an example to what is 'real' of it, as from edges to photos.

The generator minimizes the game's loss + l1 |y - G(x, z)|, the mean absolute error of pixels (eq. 4): the error sees to
what is coarse, the critic to what is sharp. The critic sees y or G(x, z) beside x, stacked along the channels, so any
net can be one; PatchGAN (net 'patchgan') is the paper's. The noise z is dropout alone (section 3.2.1), in sampling too.
"""

import jax
import jax.numpy as jnp
import ml_collections

from gans import kinds
from gans.core import Array, Aux, Compute, Keys, Net, Spec, System, Tree
from gans.errors import UserError
from gans.nets import build as nets
from gans.optimizers import ema
from gans.parts import Pair, Scene, Term
from gans.systems._players import refuse, two_players
from gans.systems._sources import absolute_error, from_source


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    *,
    l1: float = 100.0,
    adversarial: float = 1.0,
    conditional: bool = True,
) -> System:
    """The generator is a net with a Translator ('unet', 'cyclegan'); the options are the rows of the paper's table 1.

    Args:
      l1: weight of the absolute error, 100 in the paper; 0: without ('GAN' and 'cGAN' there).
      adversarial: weight of the game in the generator's loss; 0: without ('L1'), while the critic learns all the same.
      conditional: whether the critic sees the source (False: 'GAN' and 'L1 + GAN').

    Raises:
      UserError: examples without a source of the same size, labels, packs; both weights are 0.
    """
    if not any(isinstance(weight, jax.core.Tracer) or weight for weight in (l1, adversarial)):
        raise UserError('pix2pix.l1=0 and pix2pix.adversarial=0 leave nothing to learn from: set one of them')
    refuse(config, 'pack', 'each example has a source of its own')
    refuse(config, 'critic.condition', 'the critic is told the source, not labels')
    source = _source(spec)
    made = from_source(config, spec, compute)
    beside = source.shape[-1] if conditional else 0
    critic = nets.critic(config.critic, spec._replace(shape=(*spec.shape[:2], spec.shape[2] + beside)), compute)

    def error(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        return absolute_error(scene.real, scene.fake), Aux()

    pair = Pair(
        spec,
        made.generate,
        _stack(critic) if conditional else critic,
        inputs=made.inputs,
        conditions=lambda inputs, state: (inputs['source'],) if conditional else (),
        generator_terms={'l1': Term(error, l1)},
        replayable=False,
    )
    return two_players(
        config,
        [pair],
        {'generator': made.net, 'critic': critic},
        weight=adversarial,
        samplers={'samples': made.sampler()},
        ema=ema(config.ema),
    )


def _source(spec: Spec) -> Spec:
    """The spec of the images to translate."""
    source = spec.fields.get('source')
    if source is None:
        raise UserError(
            "system 'pix2pix' makes 'real' of the 'source' of an example, and this data set has none: take a set of "
            'pairs, such as paired:FOLDER, or openmoji with data.source=line'
        )
    if not kinds.is_image(spec) or not kinds.is_image(source) or spec.shape[:2] != source.shape[:2]:
        raise UserError(f"system 'pix2pix' translates images of one size, not {source.shape} to {spec.shape}")
    return source


def _stack(critic: Net) -> Net:
    """The critic of images beside which their sources are given: both come as the channels of one image."""

    def apply(params: Tree, stats: Tree, x: Array, source: Array, **how: bool) -> tuple:
        return critic.apply(params, stats, jnp.concatenate([source, x], -1), **how)

    return critic._replace(apply=apply)
