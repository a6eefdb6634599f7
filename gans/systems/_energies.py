"""Critics that are autoencoders, whose score is minus the reconstruction error of an example."""

from collections.abc import Callable, Mapping
from typing import Any

import ml_collections

from gans.core import Array, Compute, Net, Spec, System, Tree
from gans.latents import make_latents
from gans.nets import build as nets
from gans.optimizers import ema
from gans.parts import Pair, Term
from gans.systems._players import Sides, make_generate, pack_spec, refuse, two_players


def scorer(autoencoder: Net, error: Callable[[Array], Array]) -> Net:
    """The net examples [B, ...] -> scores [B], minus the mean reconstruction error; its features are the codes."""

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
    """Builds the system of a generator and an autoencoder as critic.

    Args:
      error: elementwise, of differences, such as the square.
      own: the system's game.
      generator_terms: the system's own terms of the generator's loss.
    """
    for net in ('generator', 'critic'):
        refuse(config, f'{net}.condition', 'the nets take no labels')
    generator = nets.generator(config.generator, spec, config.latents.size, compute)
    autoencoder = nets.autoencoder(config.critic, pack_spec(spec, config.pack), compute)
    latents = make_latents(config.latents)

    pair = Pair(
        spec,
        make_generate(generator),
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
