"""A generator by itself, which learns what is 'real' of an example from its 'source', by the error of pixels alone.

It is SRResNet (Ledig 2017, 1609.04802, section 2.2) where the source is smaller, and the first stage of SRGAN; of
Pix2Pix (Isola 2017, 1611.07004, table 1) it is the row 'L1'. The mean of all that is likely minimizes the squared
error, the median the absolute one: both are blurred where much is.
"""

import ml_collections

from gans.core import Array, Aux, Batch, Compute, Keys, Params, Spec, System, TrainState, Update
from gans.errors import UserError
from gans.optimizers import ema
from gans.systems._players import player, refuse
from gans.systems._sources import error_of, from_source

CRITICS = ('pack', 'flip_targets', 'top_k.share', 'replay.size', 'augment.names', 'instance_noise.sigma')


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute, *, error: str = 'mse') -> System:
    """There is no critic: its section of the config is left alone, so that a GAN's config needs `system` alone.

    Args:
      error: 'mse', the mean squared error, or 'l1', the mean absolute one.

    Raises:
      UserError: examples without a source, or options of a critic's.
    """
    for key in (*CRITICS, 'train.n_critic'):
        refuse(config, key, 'there is no critic')
    if config.terms:
        raise UserError(f"terms.{min(config.terms)} has no meaning in system '{config.system}', where there is no game:"
                        ' leave it off')  # fmt: skip
    made, measure = from_source(config, spec, compute), error_of(error, 'regression.error')

    def loss(params: Params, state: TrainState, batch: Batch, keys: Keys) -> tuple[Array, Aux]:
        fakes, stats = made.generate(params, state, made.inputs(batch, keys), True)
        return measure(batch['real'], fakes).mean(), Aux(stats=stats)

    return System(
        nets={'generator': made.net},
        players={'generator': player(config, 'generator', ('generator',))},
        updates=(Update('generator', 'generator', loss, micro=config.train.micro),),
        samplers={'samples': made.sampler()},
        ema=ema(config.ema),
    )
