"""TGAN (Saito 2017, 1611.06624): clips from one latent, a WGAN whose critic is held Lipschitz by clipping the singular
values of its layers.

The clipping is an update of its own, after the critic's: its loss is half of the squared distance of the critic's
parameters to the nearest ones that are allowed, and one step of plain descent at rate 1 takes them there.
"""

import jax
import jax.numpy as jnp
import ml_collections
import optax
from jax import lax

from gans.core import Array, Aux, Batch, Compute, Keys, Params, Player, Spec, System, TrainState, Update
from gans.ops.singular import excesses
from gans.systems import gan


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute, *, clip_every: int | None = 5) -> System:
    """The keys are those of the system 'gan'; its game is 'wasserstein' in the paper.

    Args:
      clip_every: steps from one clipping to the next; None: without, for other ways to hold the critic
        (terms.wgan_gp, optimizer.critic.clip_weights).

    What is clipped: gans/ops/singular.py. The metric 'singular_value' is the largest one of all layers beforehand.

    Raises:
      UserError: as of 'gan'.
    """
    system = gan.build(config, spec, compute)
    if clip_every is None:
        return system

    def distance(params: Params, state: TrainState, batch: Batch, keys: Keys) -> tuple[Array, Aux]:
        critic = params['critic']
        over, largest = lax.stop_gradient(excesses(critic, state.stats['critic']))
        apart = jax.tree.map(lambda x, over: jnp.square(x - lax.stop_gradient(x - over)).sum() / 2, critic, over)
        return sum(jax.tree.leaves(apart)), Aux({'singular_value': largest})

    players = {**system.players, 'clip': Player(('critic',), optax.sgd(1.0))}
    critics = [update for update in system.updates if update.player == 'critic']
    others = [update for update in system.updates if update.player != 'critic']
    clip = Update('clip', 'clip', distance, every=clip_every)
    return system._replace(players=players, updates=(*critics, clip, *others))
