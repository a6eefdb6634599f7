"""StyleGAN2 (Karras 2020, 1912.04958): latents are mapped to styles, w, which modulate every layer of a synthesis net.

Beside the game, the generator has two regularizers of its own. Style mixing: for some of the fakes, layers from a
random one on take the style of a second latent vector (StyleGAN, 1812.04948, section 3.1). Path length (section 3.2):
with random images y, |d(g(w) . y) / dw| is held at its running mean, so that equal steps in w change images equally.

ADA (2006.06676) is this system with `augment`, and labels with `critic.condition`. The lazy R1 is `terms.r1`.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import ml_collections
from jax import lax

from gans.core import Array, Aux, Batch, Compute, Keys, Params, Spec, Styles, System, TrainState, Tree
from gans.latents import make_latents
from gans.nets import build as nets
from gans.nets import stylegan2
from gans.ops import random
from gans.ops.dropout import noise_shape, noise_words
from gans.ops.noise import noise_maps
from gans.optimizers import ema
from gans.parts import Pair, Scene, Term
from gans.systems._players import refuse, repeat_rows, two_players

PSIS = (1.0, 0.7, 0.5, 0.0, -0.5, -1.0)  # of the truncation sheet; negative ones are on the other side of the mean
# First layers of the mixing sheet's groups: sizes 4 and 8, 16 and 32, all others (1812.04948, figure 3).
GROUPS = {'coarse': 0, 'middle': 4, 'fine': 8}


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    *,
    mapping: int = 8,
    mixing: float | None = 0.9,
    path_length: float | None = 2.0,
    path_every: int = 4,
    path_shrink: int = 2,
    path_decay: float = 0.01,
) -> System:
    """The generator is a net with a Synthesis ('stylegan2'); w has the size of the latents.

    Args:
      mapping: layers of the mapping net.
      mixing: the share of fakes with two styles in training.
      path_length: weight of that term; None turns it off, as in ADA on CIFAR-10.
      path_every: it is lazy, an update every so many steps.
      path_shrink: it sees one in so many examples of a batch.
      path_decay: how far the mean length moves to that of a batch.

    Raises:
      UserError: images that are no squares of 8, 16, 32, ... pixels, packs.
    """
    refuse(config, 'pack', 'critic.group is what shows it several examples')
    refuse(config, 'generator.condition', 'labels enter the mapping net: set critic.condition alone')
    conditional = config.critic.get('condition') is not None
    critic = nets.critic(config.critic, spec, compute)
    size, latents = config.latents.size, make_latents(config.latents)
    layers = stylegan2.layers(spec.shape)
    shape = lambda *shape, dtype=jnp.float32: jax.ShapeDtypeStruct((2, *shape), dtype)
    to_w = nets.from_linen(
        stylegan2.Mapping(size, compute, mapping, len(spec.classes) if conditional else 0),
        shape(size),
        *((shape(dtype=jnp.int32),) if conditional else ()),
    )
    synthesis = nets.from_linen(
        nets.make_module('Synthesis', config.generator, 'generator', shape=spec.shape, compute=compute),
        shape(layers, size),
        noise_shape(),
    )

    sides = synthesis.module.noise_sides

    def draw(batch: Batch, keys: Keys) -> Tree:
        """One style for each example."""
        k_z, k_noise = random.split(keys, 2)
        label = {'label': batch['label']} if conditional else {}
        return {'z': latents(k_z), 'noise': noise_words(k_noise)} | label

    def draw_mixed(batch: Batch, keys: Keys) -> Tree:
        """As in training: `second` [B, layers] is True where a layer takes the style of `z2`."""
        if mixing is None:
            return draw(batch, keys)
        k_first, k_z, k_mix = random.split(keys, 3)
        return draw(batch, k_first) | {'z2': latents(k_z), 'second': mix(k_mix, layers, mixing)}

    def styles(params: Params, state: TrainState, inputs: Tree, train: bool) -> tuple[Array, Tree]:
        """(w of each layer [B, layers, d], statistics of the mapping net, which follow the first style alone)."""
        stats, label = state.stats['mapping'], (inputs['label'],) if conditional else ()
        w, after = to_w.apply(params['mapping'], stats, inputs['z'], *label, train=train)
        ws = jnp.repeat(w[:, None], layers, 1)
        if 'z2' in inputs:
            w, _ = to_w.apply(params['mapping'], stats, inputs['z2'], *label, train=train)
            ws = jnp.where(inputs['second'][..., None], w[:, None], ws)
        if 'psi' in inputs:
            mean = stats['batch_stats']['mean']
            ws = mean + inputs['psi'][:, None, None] * (ws - mean)
        return ws, after

    def generate(params: Params, state: TrainState, inputs: Tree, train: bool) -> tuple[Array, Params]:
        ws, after = styles(params, state, inputs, train)
        fakes, stats = synthesis.apply(params['generator'], state.stats['generator'], ws, inputs['noise'], train=train)
        return fakes, {'generator': stats, 'mapping': after}

    def make(state: TrainState, ws: Array, inputs: Tree) -> Array:
        own = state.params['generator'], state.stats['generator']
        return synthesis.apply(*own, ws, inputs['noise'], train=False)[0]

    def path_term(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        inputs, keys = jax.tree.map(lambda x: x[::path_shrink], (scene.inputs, keys))
        ws, _ = styles(scene.params, scene.state, inputs, True)
        own = scene.params['generator'], scene.state.stats['generator']
        image = lambda ws: synthesis.apply(*own, ws, inputs['noise'], train=True)[0]
        lengths = path_lengths(image, ws, random.normal(keys, spec.shape))
        mean = scene.state.memory['path_length']
        mean += path_decay / config.train.micro * (lengths.mean() - mean)  # with its gradient, as in the authors' code
        return (lengths - mean) ** 2, Aux({'length': lengths.mean()}, memory={'path_length': lax.stop_gradient(mean)})

    def draw_truncated(batch: Batch, keys: Keys) -> Tree:
        psis = jnp.tile(jnp.array(PSIS), len(keys))
        return repeat_rows(draw(batch, keys), len(PSIS)) | {'psi': psis}

    def draw_crossed(batch: Batch, keys: Keys) -> Tree:
        """Two styles for each row, and which layers take the second."""
        k_first, k_second = random.split(keys, 2)
        both = draw(batch, k_first) | {'z2': latents(k_second)}
        masks = jnp.array([layer in taken for taken in crossings.values() for layer in range(layers)])
        return repeat_rows(both, len(crossings)) | {'second': jnp.tile(masks.reshape(-1, layers), (len(keys), 1))}

    pair = Pair(
        spec,
        generate,
        critic,
        draw_mixed,
        conditions=lambda inputs, state: (inputs['label'],) if conditional else (),
        replayable=not conditional,
    )
    crossings = _crossings(layers)
    samples = pair.sampler(asked={'label': 'labels'} if conditional else {})._replace(inputs=draw)
    samplers = {
        'samples': samples,
        'truncation': samples._replace(
            inputs=draw_truncated,
            about='along each row one style is moved towards the mean, and beyond it',
            columns=tuple(f'psi {psi:g}' for psi in PSIS),
            asked={},
        ),
        'mixing': samples._replace(
            inputs=draw_crossed,
            about='along each row layers of A take the style of B',
            columns=tuple(crossings),
            asked={},
        ),
    }
    if path_length is not None:
        term = Term(path_term, path_length, path_every, {'path_length': jnp.float32(0)}, role='generator')
        pair = pair._replace(generator_terms={'path_length': term})
    return two_players(
        config,
        [pair],
        {'mapping': to_w, 'generator': synthesis, 'critic': critic},
        with_generator=('mapping',),
        samplers=samplers,
        ema=ema(config.ema, ('generator', 'mapping')),
        styles=Styles(
            to_w=lambda state, inputs: styles(state.params, state, inputs, False)[0],
            make=make,
            mean=lambda state: state.stats['mapping']['batch_stats']['mean'],
            kernels=lambda state: stylegan2.style_kernels(state.params['generator'], spec.shape),
            maps=(lambda inputs: noise_maps(inputs['noise'], sides)) if sides else None,
        ),
    )


def mix(keys: Keys, layers: int, share: float | Array) -> Array:
    """True for the layers that take the second style: in that share of the examples those from a random one on, which
    is not the first. keys: [B] -> bool [B, layers].
    """
    k_if, k_from = random.split(keys, 2)
    start = jnp.where(random.uniform(k_if) < share, 1 + random.integers(k_from, layers - 1), layers)
    return jnp.arange(layers) >= start[:, None]


def path_lengths(image: Callable[[Array], Array], ws: Array, noise: Array) -> Array:
    """|J y| of each example, with J the transposed derivative of its image by w: the root of the mean over layers of
    squared lengths (1912.04958, eq. 4).

    Args:
      image: ws [B, layers, d] -> images [B, H, W, C].
      noise: [B, H, W, C], N(0, 1); y is that over sqrt(H W).
    """
    gradient = jax.grad(lambda ws: (image(ws) * noise).sum() / math.sqrt(math.prod(noise.shape[1:3])))(ws)
    return jnp.sqrt((gradient**2).sum(2).mean(1))


def _crossings(layers: int) -> dict[str, range]:
    """By name, the layers of A that take the style of B in one column of the mixing sheet."""
    starts = {name: start for name, start in GROUPS.items() if start < layers}
    ends = [*starts.values(), layers][1:]
    some = {f'{name} of B': range(start, end) for (name, start), end in zip(starts.items(), ends, strict=True)}
    return {'A': range(0), **some, 'B': range(layers)}
