"""Critics that are autoencoders: what they score is how badly they reconstruct an example."""

from collections.abc import Callable, Mapping
from typing import Any

import ml_collections

from gans.core import Array, Compute, Net, Params, Spec, System, Tree
from gans.latents import make_latents
from gans.nets import build as nets
from gans.optimizers import ema
from gans.parts import Pair, Term
from gans.systems._players import Sides, pack_spec, refuse, two_players


def scorer(autoencoder: Net, error: Callable[[Array], Array]) -> Net:
    """The net examples [B, ...] -> scores [B], minus the mean error of the reconstruction; its features are codes."""

    def apply(params: Tree, stats: Tree, x: Array, *, train: bool, features: bool = False) -> tuple[Any, Tree]:
        out, stats = autoencoder.apply(params, stats, x, train=train, features=features)
        copy, code = out if features else (out, None)
        scores = -error(x - copy).mean(tuple(range(1, x.ndim)))
        return (scores, code) if features else scores, stats

    return autoencoder._replace(apply=apply)


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    error: Callable[[Array], Array],
    own: Sides,
    generator_terms: Mapping[str, Term] = {},
) -> System:
    """The system of a generator and a critic that is an autoencoder, with a game of their own.

    Args:
      error: of differences, elementwise, such as the square.
      generator_terms: the system's own terms of the generator's loss.
    """
    for net in ('generator', 'critic'):
        refuse(config, f'{net}.condition', 'the nets are given no labels')
    generator = nets.generator(config.generator, spec, config.latents.size, compute)
    autoencoder = nets.autoencoder(config.critic, pack_spec(spec, config.pack), compute)
    latents = make_latents(config.latents)

    def generate(params: Params, stats: Params, inputs: Tree, train: bool) -> tuple[Array, Params]:
        fakes, now = generator.apply(params['generator'], stats['generator'], inputs, train=train)
        return fakes, {'generator': now}

    pair = Pair(
        spec,
        generate,
        scorer(autoencoder, error),
        lambda batch, keys: latents(keys),
        generator_terms=generator_terms,
        pack=config.pack,
    )
    return two_players(
        config,
        [pair],
        {'generator': generator, 'critic': autoencoder},
        own,
        samplers={'samples': pair.sampler()},
        ema=ema(config.ema),
    )
