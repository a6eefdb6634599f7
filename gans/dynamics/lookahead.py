"""Look-ahead minimax (Chavdarova 2021, 2006.14567, algorithm 1): of the path of all players only a part is kept.

Every k steps all players' nets theta go back toward their slow weights phi, where they were after the last return:
theta and phi become phi + alpha (theta - phi). All return at once, after the last update, whatever n_critic is.
"""

import jax.numpy as jnp

from gans import optimizers
from gans.core import Aux, Player, System, Update


def transform(system: System, *, every: int = 5, alpha: float = 0.5) -> System:
    """The optimisers' states, and statistics such as batch norm's, do not go back.

    Args:
      every: the paper's k, in generator steps.
      alpha: 0.5 in the paper.
    """
    nets = tuple(net for player in system.players.values() for net in player.nets)
    back = Update('lookahead', 'lookahead', lambda *_: (jnp.zeros(()), Aux()), every=every)
    return system._replace(
        players={**system.players, 'lookahead': Player(nets, optimizers.backtrack(alpha))},
        updates=(*system.updates, back),
    )
