"""Statistics of a batch want a batch: the layers and terms that take some say so here."""

from jax import lax

from gans.errors import UserError


def check_batch(what: str, examples: int, axis_name: str | None = None) -> None:
    """Raises UserError where statistics would be of one example, which no longer says anything once they are taken out
    of it: a mean is the example, a deviation 0. To be called while tracing, where they are taken.

    Args:
      what: takes them.
      examples: of the piece of the batch that is at hand.
      axis_name: of the devices over which the statistics are averaged, if they are.
    """
    if examples < 2 and (axis_name is None or examples * lax.axis_size(axis_name) < 2):
        raise UserError(
            f'{what} would have batch statistics of one example; at least 2 per piece and device are needed: raise '
            'train.batch_size, or lower train.micro or pack'
        )
