"""A check for layers and terms that compute statistics over a batch."""

from jax import lax

from gans.errors import UserError


def check_batch(what: str, examples: int, axis_name: str | None = None) -> None:
    """Raises UserError for statistics over a single example, whose mean is the example and whose deviation is 0. Call
    it while tracing, where the statistics are computed.

    Args:
      what: computes them.
      examples: in this micro-batch on this device.
      axis_name: of the devices over which the statistics are averaged, if any.
    """
    if examples < 2 and (axis_name is None or examples * lax.axis_size(axis_name) < 2):
        raise UserError(
            f'{what} needs at least 2 examples per micro-batch and device for its statistics, and gets one: raise '
            'train.batch_size, or lower train.micro or pack'
        )
