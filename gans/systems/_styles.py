"""What the systems of StyleGAN share: generators that go from latents by way of styles, w, to images.

Style mixing (StyleGAN, Karras 2019, 1812.04948, section 3.1): for some of the fakes, layers from a random one on take
the style of a second latent vector. The running mean of w is tracked, to which w is truncated.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import ml_collections

from gans.core import Array, Batch, Compute, Keys, Net, Params, Sampler, Spec, Styles, System, TrainState, Tree
from gans.latents import make_latents
from gans.nets import build as nets
from gans.nets import stylegan2
from gans.ops import random
from gans.ops.dropout import noise_shape, noise_words
from gans.ops.noise import noise_maps
from gans.optimizers import ema
from gans.parts import Pair, Term
from gans.systems._fades import Fade
from gans.systems._players import refuse, repeat_rows, two_players

PSIS = (1.0, 0.7, 0.5, 0.0, -0.5, -1.0)  # of the truncation sheet; negative ones are on the other side of the mean
# First layers of the mixing sheet's groups: sizes 4 and 8, 16 and 32, all others (1812.04948, figure 3).
GROUPS = {'coarse': 0, 'middle': 4, 'fine': 8}


class StyleGenerator(NamedTuple):
    """A mapping net from latents to w, and a synthesis net from one w for each layer to images."""

    mapping: Net
    synthesis: Net
    latents: Callable[[Keys], Array]
    conditional: bool  # whether the mapping net is given labels
    mixing: float | Array | None  # the share of fakes with two styles in training
    fade: Fade  # of the synthesis net

    @property
    def layers(self) -> int:
        """How many take a w."""
        return self.synthesis.module.layers

    def draw(self, batch: Batch, keys: Keys) -> Tree:
        """One style for each example."""
        k_z, k_noise = random.split(keys, 2)
        label = {'label': batch['label']} if self.conditional else {}
        return {'z': self.latents(k_z), 'noise': noise_words(k_noise)} | label

    def draw_mixed(self, batch: Batch, keys: Keys) -> Tree:
        """As in training: `second` [B, layers] is True where a layer takes the style of `z2`."""
        if self.mixing is None:
            return self.draw(batch, keys)
        k_first, k_z, k_mix = random.split(keys, 3)
        return self.draw(batch, k_first) | {'z2': self.latents(k_z), 'second': mix(k_mix, self.layers, self.mixing)}

    def labels(self, inputs: Tree) -> tuple[Array, ...]:
        return (inputs['label'],) if self.conditional else ()

    def styles(self, params: Params, state: TrainState, inputs: Tree, train: bool) -> tuple[Array, Tree]:
        """(w of each layer [B, layers, d], statistics of the mapping net, which follow the first style alone)."""
        stats, labels = state.stats['mapping'], self.labels(inputs)
        w, after = self.mapping.apply(params['mapping'], stats, inputs['z'], *labels, train=train)
        ws = jnp.repeat(w[:, None], self.layers, 1)
        if 'z2' in inputs:
            w, _ = self.mapping.apply(params['mapping'], stats, inputs['z2'], *labels, train=train)
            ws = jnp.where(inputs['second'][..., None], w[:, None], ws)
        if 'psi' in inputs:
            mean = self.mean(state)
            ws = mean + inputs['psi'][:, None, None] * (ws - mean)
        return ws, after

    def mean(self, state: TrainState) -> Array:
        """The running mean of w [d]."""
        return state.stats['mapping']['batch_stats']['mean']

    def show(self, params: Params, state: TrainState, ws: Array, inputs: Tree, train: bool) -> tuple[Array, Tree]:
        """(images of w [B, layers, d], statistics of the synthesis net)."""
        own, told = (params['generator'], state.stats['generator']), self.fade.tell(ws, state)
        return self.synthesis.apply(*own, ws, inputs['noise'], *told, train=train)

    def generate(self, params: Params, state: TrainState, inputs: Tree, train: bool) -> tuple[Array, Params]:
        """`Pair.generate`."""
        ws, after = self.styles(params, state, inputs, train)
        fakes, stats = self.show(params, state, ws, inputs, train)
        return fakes, {'generator': stats, 'mapping': after}

    def space(self) -> Styles:
        """In which tools move."""
        read, sides = (getattr(self.synthesis.module, name, None) for name in ('style_kernels', 'noise_sides'))
        return Styles(
            to_w=lambda state, inputs: self.styles(state.params, state, inputs, False)[0],
            make=lambda state, ws, inputs: self.show(state.params, state, ws, inputs, False)[0],
            mean=self.mean,
            kernels=None if read is None else lambda state: read(state.params['generator']),
            maps=(lambda inputs: noise_maps(inputs['noise'], sides)) if sides else None,
        )

    def samplers(self, pair: Pair) -> dict[str, Sampler]:
        """Samples, and sheets of truncation and of mixing."""
        crossings = _crossings(self.layers)

        def draw_truncated(batch: Batch, keys: Keys) -> Tree:
            psis = jnp.tile(jnp.array(PSIS), len(keys))
            return repeat_rows(self.draw(batch, keys), len(PSIS)) | {'psi': psis}

        def draw_crossed(batch: Batch, keys: Keys) -> Tree:
            """Two styles for each row, and which layers take the second."""
            k_first, k_second = random.split(keys, 2)
            both = self.draw(batch, k_first) | {'z2': self.latents(k_second)}
            masks = jnp.array([layer in taken for taken in crossings.values() for layer in range(self.layers)])
            masks = jnp.tile(masks.reshape(-1, self.layers), (len(keys), 1))
            return repeat_rows(both, len(crossings)) | {'second': masks}

        samples = pair.sampler(asked={'label': 'labels'} if self.conditional else {})._replace(inputs=self.draw)
        truncated = samples._replace(
            inputs=draw_truncated,
            about='along each row one style is moved towards the mean, and beyond it',
            columns=tuple(f'psi {psi:g}' for psi in PSIS),
            asked={},
        )
        crossed = samples._replace(
            inputs=draw_crossed,
            about='along each row layers of A take the style of B',
            columns=tuple(crossings),
            asked={},
        )
        return {'samples': samples, 'truncation': truncated, 'mixing': crossed}


def make_generator(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    mapping: type[stylegan2.Mapping],
    depth: int,
    lrmul: float,
    mixing: float | Array | None,
    fade: Fade,
) -> StyleGenerator:
    """The generator of a net with a Synthesis; w has the size of the latents, and labels, with `critic.condition`, are
    told to the mapping net.

    Args:
      mapping: the class of the mapping net; depth: its layers; lrmul: their rate, as a factor.
    """
    refuse(config, 'generator.condition', 'labels enter the mapping net: set critic.condition alone')
    conditional, size = config.critic.get('condition') is not None, config.latents.size
    shape = lambda *shape, dtype=jnp.float32: jax.ShapeDtypeStruct((2, *shape), dtype)
    module = nets.make_module('Synthesis', config.generator, 'generator', shape=spec.shape, compute=compute)
    to_w = nets.from_linen(
        mapping(size, compute, depth, len(spec.classes) if conditional else 0, lrmul),
        shape(size),
        *((shape(dtype=jnp.int32),) if conditional else ()),
    )
    synthesis = nets.from_linen(module, shape(module.layers, size), noise_shape(), *fade.inputs)
    return StyleGenerator(to_w, synthesis, make_latents(config.latents), conditional, mixing, fade)


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    generator: StyleGenerator,
    critic: Net,
    terms: Mapping[str, Term] = {},
) -> System:
    """The system of that generator and a critic. terms: the system's own, of the generator's loss."""
    refuse(config, 'pack', 'critic.group is what shows it several examples')
    pair = Pair(
        spec,
        generator.generate,
        critic,
        generator.draw_mixed,
        conditions=lambda inputs, state: (*generator.labels(inputs), *generator.fade.tell(inputs['z'], state)),
        real=generator.fade.real,
        generator_terms=terms,
        replayable=not generator.conditional,
    )
    return two_players(
        config,
        [pair],
        {'mapping': generator.mapping, 'generator': generator.synthesis, 'critic': critic},
        with_generator=('mapping',),
        samplers=generator.samplers(pair),
        ema=ema(config.ema, ('generator', 'mapping')),
        styles=generator.space(),
        critic=generator.fade.judge(pair),
    )


def mix(keys: Keys, layers: int, share: float | Array) -> Array:
    """True for the layers that take the second style: in that share of the examples those from a random one on, which
    is not the first. keys: [B] -> bool [B, layers].
    """
    k_if, k_from = random.split(keys, 2)
    start = jnp.where(random.uniform(k_if) < share, 1 + random.integers(k_from, layers - 1), layers)
    return jnp.arange(layers) >= start[:, None]


def _crossings(layers: int) -> dict[str, range]:
    """By name, the layers of A that take the style of B in one column of the mixing sheet."""
    starts = {name: start for name, start in GROUPS.items() if start < layers}
    ends = [*starts.values(), layers][1:]
    some = {f'{name} of B': range(start, end) for (name, start), end in zip(starts.items(), ends, strict=True)}
    return {'A': range(0), **some, 'B': range(layers)}
