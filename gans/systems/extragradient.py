"""The extragradient GAN (Gidel 2019, 1802.10551): both players look a step ahead, and step by what they see there.

A step takes two batches. From w, the nets of both players, the first leads to w' (extrapolation); the gradient of the
second at w' is taken from w (update). With Adam this is ExtraAdam, algorithm 4 of the paper.
"""

import ml_collections

from gans import optimizers
from gans.core import Compute, Player, Spec, System
from gans.systems import simultaneous


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute) -> System:
    """The keys, and the errors, are those of the system 'simultaneous'."""
    system = simultaneous.build(config, spec, compute)
    (update,), player = system.updates, system.players['both']
    return system._replace(
        players={'both': Player(player.nets, optimizers.extragradient(player.tx))},
        updates=(update._replace(repeats=2),),
    )
