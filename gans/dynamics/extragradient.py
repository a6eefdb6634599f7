"""Extragradient (Gidel 2019, 1802.10551): all players extrapolate, and update with the gradient found there.

A step takes two batches. From w, the nets of all players, a step on the first leads to w' (extrapolation); the gradient
of the second at w' is applied to w (update). With Adam this is ExtraAdam, algorithm 4 of the paper.
"""

from gans import optimizers
from gans.core import Player, System
from gans.dynamics import simultaneous
from gans.errors import UserError


def transform(system: System) -> System:
    """Errors are those of simultaneous descent, and a UserError for learning rate schedules, which would also scale the
    way back to w.
    """
    system = simultaneous.transform(system)
    (update,), player = system.updates, system.players['both']
    if player.rates:
        raise UserError('learning rate schedules and warmup are not supported by these dynamics: leave them off')
    return system._replace(
        players={'both': Player(player.nets, optimizers.extragradient(player.tx))},
        updates=(update._replace(repeats=2),),
    )
