"""Extragradient (Gidel 2019, 1802.10551): all players look a step ahead, and step by what they see there.

A step takes two batches. From w, the nets of all players, the first leads to w' (extrapolation); the gradient of the
second at w' is taken from w (update). With Adam this is ExtraAdam, algorithm 4 of the paper.
"""

from gans import optimizers
from gans.core import Player, System
from gans.dynamics import simultaneous
from gans.errors import UserError


def transform(system: System) -> System:
    """The errors are those of simultaneous descent, and a UserError for schedules of rates: the way back to w would be
    scaled with the step.
    """
    system = simultaneous.transform(system)
    (update,), player = system.updates, system.players['both']
    if player.rates:
        raise UserError('optimizer schedules and warmup have no meaning with dynamics=extragradient: leave them off')
    return system._replace(
        players={'both': Player(player.nets, optimizers.extragradient(player.tx))},
        updates=(update._replace(repeats=2),),
    )
