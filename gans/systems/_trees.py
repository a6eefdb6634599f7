"""What StackGAN v2 and AttnGAN share: examples are all sizes of an image, in one array (gans/nets/_tree.py)."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import ml_collections

from gans.core import Array, Batch, Compute, Keys, Net, Sampler, Spec, TrainState, Tree
from gans.latents import make_latents
from gans.nets import _tree
from gans.nets import build as nets
from gans.ops import random
from gans.parts import Pair


def spec_of(spec: Spec, scales: int) -> Spec:
    """That of the examples of so many scales. UserError: sizes that the images have not."""
    _tree.sizes(spec.shape, scales)
    return spec._replace(shape=(*spec.shape[:-1], scales * spec.shape[-1]))


def make_critic(config: ml_collections.ConfigDict, spec: Spec, compute: Compute, scales: int, told: int) -> Net:
    """(examples [P, H, W, S C], what is told of them [P, told]) -> scores [P, S, 2], see `TreeCritic`."""
    module = nets.make_module('TreeCritic', config.critic, 'critic', shape=spec.shape, compute=compute, scales=scales)
    shapes = spec_of(spec, scales).shape, (told,)
    return nets.from_linen(module, *(jax.ShapeDtypeStruct((2, *shape), jnp.float32) for shape in shapes))


def make_inputs(config: ml_collections.ConfigDict, condition: int) -> Callable[[Batch, Keys], Tree]:
    """Those of the generators: latents 'z', the 'noise' [B, condition] of conditioning augmentation, the 'caption'."""
    latents = make_latents(config.latents)

    def inputs(batch: Batch, keys: Keys) -> Tree:
        k_latents, k_noise = random.split(keys, 2)
        return {'z': latents(k_latents), 'noise': random.normal(k_noise, (condition,)), 'caption': batch['caption']}

    return inputs


def samplers(pair: Pair, spec: Spec, scales: int) -> dict[str, Sampler]:
    """The largest images, and a picture of all sizes. pair: whose generator makes them."""
    made, sizes = pair.sampler(), _tree.sizes(spec.shape, scales)

    def take_largest(state: TrainState, inputs: Tree) -> Array:
        return _tree.take(made.make(state, inputs), scales - 1, scales)

    def take_all(state: TrainState, inputs: Tree) -> Array:
        """Each sample's sizes, enlarged: [B, ...] -> [B S, H, W, C]."""
        return jnp.stack(jnp.split(made.make(state, inputs), scales, -1), 1).reshape(-1, *spec.shape)

    columns = tuple(f'{size} px' for size in sizes)
    return {
        'samples': made._replace(make=take_largest),
        'scales': Sampler(pair.inputs, take_all, about='each row is one sample', columns=columns),
    }
