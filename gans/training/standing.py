"""Standing statistics (BigGAN, Brock 2019, 1809.11096, section 3.1): before it is sampled, a generator with batch norm
takes means and variances anew, of many batches that are made as its samples are, from averaged weights.

Running averages are of training's last batches, of other weights, and of latents that were not truncated. Where a batch
norm follows a linear layer of the latents, and nothing else reads these, moments taken anew undo every scale of them.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from gans.core import Params, TrainState, Tree
from gans.errors import UserError
from gans.training import sampling
from gans.training.setup import Experiment

STANDING = 2**32 - 4  # fold of the key of the latents: no sample is among the batches

Moments = dict[tuple[str, ...], jax.Array]  # by path from the net on


def renew(experiment: Experiment, state: TrainState, batches: int, seed: int) -> TrainState:
    """The state whose moments of batch norms are the means of those of `batches` batches, each of the size of training;
    its weights are the averaged ones.

    Raises:
      UserError: the main sampler's nets have no batch norm, or its samples are not made straight from its inputs.
    """
    if batches < 1:
        raise UserError(f'--standing={batches} must be at least 1')
    main, size = sampling.main_sampler(experiment.system), experiment.config.train.batch_size
    state = sampling.use_averages(state).replace(ema={})
    batch = sampling.batch_of(experiment, main, batches * size)
    key = jax.random.fold_in(jax.random.key(seed), STANDING)
    draw = jax.jit(lambda batch, number: sampling.inputs_of(main, batch, jax.random.fold_in(key, number), size))
    inputs = lambda i: draw({name: x[i * size : (i + 1) * size] for name, x in batch.items()}, i)
    first = inputs(0)
    nets = () if main.advance is None else jax.eval_shape(main.advance, state, first)
    found = {path: x for path, x in moments(state.stats).items() if path[0] in nets}
    if not found:
        raise UserError(f'--standing={batches}: samples of this run are made without batch norm: leave it off')

    @jax.jit
    def advance(state: TrainState, inputs: Tree, before: float) -> Moments:
        """Moments after a step, from `before` for all."""
        old = put(state.stats, {path: jnp.full_like(x, before) for path, x in found.items()})
        after = moments(main.advance(state.replace(stats=old), inputs))
        return {path: after[path] for path in found}

    # A step leaves (1 - momentum) of a batch's moments beside momentum times the old ones, which are 0, or 1 to see it.
    zeros, ones = (advance(state, first, before) for before in (0.0, 1.0))
    kept = jax.tree.map(lambda one, zero: np.mean(one - zero), ones, zeros)
    total = zeros
    for number in range(1, batches):
        total = jax.tree.map(jnp.add, total, advance(state, inputs(number), 0.0))
    means = {path: total[path] / batches / (1 - kept[path]) for path in found}
    return state.replace(stats=put(state.stats, means))


def moments(stats: Params) -> Moments:
    """The means and variances of batch norms among statistics by net."""
    flat = flatten_dict(stats)
    return {path: x for path, x in flat.items() if {(*path[:-1], name) for name in ('mean', 'var')} <= flat.keys()}


def put(stats: Params, some: Moments) -> Params:
    """Statistics with these in their places."""
    return unflatten_dict({**flatten_dict(stats, keep_empty_nodes=True), **some})
