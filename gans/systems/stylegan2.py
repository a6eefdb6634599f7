"""StyleGAN2 (Karras 2020, 1912.04958): latents are mapped to styles, w, which modulate every layer of a synthesis net.

Beside the game, the generator has two regularizers of its own. Style mixing: see gans/systems/_styles.py. Path length
(section 3.2): with random images y, |d(g(w) . y) / dw| is held at its running mean, so that equal steps in w change
images equally.

ADA (2006.06676) is this system with `augment`, and labels with `critic.condition`. The lazy R1 is `terms.r1`.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import ml_collections
from jax import lax

from gans.core import Array, Aux, Compute, Keys, Spec, System
from gans.nets import build as nets
from gans.nets import stylegan2
from gans.ops import random
from gans.parts import Scene, Term
from gans.systems import _styles
from gans.systems._fades import Fade


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    *,
    mapping: int = 8,
    mapping_rate: float = 0.01,
    mixing: float | None = 0.9,
    path_length: float | None = 2.0,
    path_every: int = 4,
    path_shrink: int = 2,
    path_decay: float = 0.01,
) -> System:
    """The generator is a net with a Synthesis ('stylegan2'); w has the size of the latents.

    Args:
      mapping: layers of the mapping net.
      mapping_rate: of these layers, as a factor of the generator's; `mapping_lrmul` in StyleGAN's code.
      mixing: the share of fakes with two styles in training.
      path_length: weight of that term; None turns it off, as in ADA on CIFAR-10.
      path_every: it is lazy, an update every so many steps.
      path_shrink: it sees one in so many examples of a batch.
      path_decay: how far the mean length moves to that of a batch.

    Raises:
      UserError: images that are no squares of 8, 16, 32, ... pixels, packs.
    """
    generator = _styles.make_generator(config, spec, compute, stylegan2.Mapping, mapping, mapping_rate, mixing, Fade())
    critic = nets.critic(config.critic, spec, compute)

    def path_term(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        inputs, keys = jax.tree.map(lambda x: x[::path_shrink], (scene.inputs, keys))
        ws, _ = generator.styles(scene.params, scene.state, inputs, True)
        image = lambda ws: generator.show(scene.params, scene.state, ws, inputs, True)[0]
        lengths = path_lengths(image, ws, random.normal(keys, spec.shape))
        mean = scene.state.memory['path_length']
        mean += path_decay / config.train.micro * (lengths.mean() - mean)  # with its gradient, as in the authors' code
        return (lengths - mean) ** 2, Aux({'length': lengths.mean()}, memory={'path_length': lax.stop_gradient(mean)})

    if path_length is None:
        return _styles.build(config, spec, generator, critic)
    term = Term(path_term, path_length, path_every, {'path_length': jnp.float32(0)}, role='generator')
    return _styles.build(config, spec, generator, critic, {'path_length': term})


def path_lengths(image: Callable[[Array], Array], ws: Array, noise: Array) -> Array:
    """|J y| of each example, with J the transposed derivative of its image by w: the root of the mean over layers of
    squared lengths (1912.04958, eq. 4).

    Args:
      image: ws [B, layers, d] -> images [B, H, W, C].
      noise: [B, H, W, C], N(0, 1); y is that over sqrt(H W).
    """
    gradient = jax.grad(lambda ws: (image(ws) * noise).sum() / math.sqrt(math.prod(noise.shape[1:3])))(ws)
    return jnp.sqrt((gradient**2).sum(2).mean(1))
