"""The unrolled GAN (Metz 2017, 1611.02163): the generator plays against the critic k updates ahead.

Both players share one objective f; the critic's loss is -f. The critic ascends f as usual; the generator descends f_K,
which is f at the parameters that the critic would have after k more updates (eqs. 2 to 5). These updates depend on the
generator, so its gradient passes through all of them, and through the arithmetic of the optimizer (eq. 6).

The generator minimizes minus the critic's own loss, as in the authors' notebook. The generator loss of the system 'gan'
lacks the term of the real examples, which depends on the generator once the critic is unrolled.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import ml_collections
from jax import lax

from gans import terms
from gans.core import Array, Aux, Batch, Compute, Keys, Params, Player, Spec, System, TrainState, Tree, Update
from gans.errors import UserError
from gans.step import descend
from gans.systems import gan

ZERO_SUM = ('minimax', 'wasserstein')
TINY = 1e-30


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute, *, steps: int = 5) -> System:
    """The keys are those of the system 'gan'; `steps` is the k of the paper, and k = 0 is that system itself.

    All unrolled updates see the same real batch and the same latents, start from the current critic and its optimizer
    state, and are discarded after the generator's step. Everything else in the critic's loss (smoothed or flipped
    targets, noise, terms) is part of f. The critic may take several steps of its own per generator step
    (train.n_critic). Each device unrolls on its own part of the batch.

    Raises:
      UserError: a game that is not zero-sum; a lazy term; terms of the generator's loss; micro-batches, each of which
        would unroll a critic of its own.
    """
    system = gan.build(config, spec, compute)
    if steps == 0:
        return system
    if config.game not in ZERO_SUM:
        raise UserError(f"game='{config.game}' cannot be unrolled, since it is not zero-sum: choose one of"
                        f" {', '.join(ZERO_SUM)}")  # fmt: skip
    lazy = [update for update in system.updates if update.every > 1]
    if lazy:
        raise UserError(f"'{lazy[0].name}' is due every {lazy[0].every} steps, but every unrolled update takes the"
                        " critic's whole loss: set its `every` to 1")  # fmt: skip
    if config.train.micro > 1:
        raise UserError(f"train.micro={config.train.micro} has no meaning in system 'unrolled': set it to 1, and"
                        ' train.batch_size to what fits')  # fmt: skip
    own = {f'terms.{name}': config.terms[name] for name in terms.build(config.terms, 'generator', '', spec)}
    for key, value in {**own, 'top_k.share': config.top_k.share}.items():
        if value is not None:
            raise UserError(f"{key} has no meaning in system 'unrolled', whose generator minimizes minus the critic's"
                            ' loss: leave it off')  # fmt: skip
    critic, generator = system.updates
    ahead = look_ahead(critic, system.players[critic.player], steps)

    def generator_loss(params: Params, state: TrainState, batch: Batch, keys: Keys) -> tuple[Array, Aux]:
        loss, _ = critic.loss(*ahead(params, state, batch, keys), batch, keys)
        _, aux = generator.loss(params, state, batch, keys)  # only for the statistics of the generator's net
        return -loss, Aux(stats=aux.stats)

    return system._replace(updates=(critic, generator._replace(loss=generator_loss, looks_ahead=(critic.player,))))


def look_ahead(update: Update, player: Player, steps: int) -> Callable[..., tuple[dict[str, Tree], TrainState]]:
    """Makes ahead(params, state, batch, keys) -> (params, state) after `steps` updates of a player on one batch, as the
    train step would do them, statistics included. Differentiable in the other players' parameters.
    """

    def ahead(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> tuple[dict[str, Tree], TrainState]:
        def step(carry: tuple, _: None) -> tuple[tuple, None]:
            owned, opt, stats = carry
            loss = lambda owned: update.loss({**params, **owned}, state.replace(stats=stats), batch, keys)
            grads, aux = jax.grad(loss, has_aux=True)(owned)
            owned, opt = descend(player, grads, opt, owned, state.step)
            return (owned, opt, {**stats, **aux.stats}), None

        owned = {net: params[net] for net in player.nets}
        start = (owned, jax.tree.map(_off_zero, state.opt[update.player]), state.stats)
        (owned, opt, stats), _ = lax.scan(step, start, length=steps)
        return {**params, **owned}, state.replace(opt={**state.opt, update.player: opt}, stats=stats)

    return ahead


def _off_zero(leaf: Array) -> Array:
    """Replaces zeros of an optimizer state by TINY. Adam divides by the root of a mean square, which is 0 at first and
    for dead units, where the root has no derivative and would turn everything into NaN. The root of TINY is far below
    Adam's epsilon, so that the update stays the same up to rounding.
    """
    if not jnp.issubdtype(leaf.dtype, jnp.inexact):
        return leaf
    return jnp.where(leaf == 0, jnp.asarray(TINY, leaf.dtype), leaf)
