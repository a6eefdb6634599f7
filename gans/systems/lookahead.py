"""Look-ahead minimax (Chavdarova 2021, 2006.14567, algorithm 1): the GAN, of whose path only a part of the way is kept.

Every k steps both players' nets theta go back towards their slow weights phi, where they were after the last return:
theta and phi become phi + alpha (theta - phi). Both return at once, after the generator's step, whatever n_critic is.
"""

import jax.numpy as jnp
import ml_collections

from gans import optimizers
from gans.core import Aux, Compute, Player, Spec, System, Update
from gans.errors import UserError
from gans.systems import gan


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute) -> System:
    """The keys are those of the system 'gan', and of `lookahead`: `every`, the paper's k, in generator steps, and
    `alpha`, 0.5 in the paper. The optimisers' states, and statistics such as batch norm's, do not go back.

    Raises:
      UserError: the section is missing.
    """
    if 'lookahead' not in config:
        raise UserError("system 'lookahead' wants a section lookahead in the config: every (such as 5), alpha (0.5)")
    every, alpha = config.lookahead.every, config.lookahead.alpha
    system = gan.build(config, spec, compute)
    nets = tuple(net for player in system.players.values() for net in player.nets)
    back = Update('lookahead', 'lookahead', lambda *_: (jnp.zeros(()), Aux()), every=every)
    return system._replace(
        players={**system.players, 'lookahead': Player(nets, optimizers.backtrack(alpha))},
        updates=(*system.updates, back),
    )
