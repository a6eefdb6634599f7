"""Games: what critic and generator minimise, given the critic's scores.

A game only scores: `critic(real [B], fake [B]) -> [B]` and `generator(real [B], fake [B]) -> [B]`, a value for each
example, averaged once by the caller. Scores are logits: D = sigmoid(score) where a paper speaks of probabilities.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gans.core import Array, Keys
from gans.errors import UserError, unknown
from gans.ops import random
from gans.ops.batch_check import check_batch


class Game(NamedTuple):
    critic: Callable[[Array, Array], Array]
    generator: Callable[[Array, Array], Array]
    needs_real: bool = False  # whether the generator's loss reads the real scores


class Targets(NamedTuple):
    """Targets of the games that have targets. One-sided smoothing is real=0.9, two-sided fake=0.1 as well."""

    real: float = 1.0  # the critic's target for real examples
    fake: float = 0.0  # the critic's target for fake ones
    generator: float = 1.0  # the generator's target for fake ones


def cross_entropy(scores: Array, target: float | Array) -> Array:
    """-t log D - (1 - t) log(1 - D) in nats, with D = sigmoid(score), computed without overflow."""
    return jax.nn.softplus(scores) - target * scores


def minimax(targets: Targets) -> Game:
    """Goodfellow 2014 (1406.2661), eq. 1: the generator minimises log(1 - D), which saturates."""
    return Game(
        critic=lambda real, fake: cross_entropy(real, targets.real) + cross_entropy(fake, targets.fake),
        generator=lambda real, fake: -cross_entropy(fake, 0.0),
    )


def non_saturating(targets: Targets) -> Game:
    """Goodfellow 2014, end of section 3: the generator maximises log D instead."""
    return Game(
        critic=minimax(targets).critic,
        generator=lambda real, fake: cross_entropy(fake, targets.generator),
    )


def wasserstein(targets: Targets = Targets()) -> Game:
    """Arjovsky 2017 (1701.07875), eq. 2, as losses; the critic must be kept Lipschitz by other means."""
    return Game(critic=lambda real, fake: fake - real, generator=lambda real, fake: -fake)


def least_squares(targets: Targets) -> Game:
    """Mao 2017 (1611.04076), eq. 2, with b = targets.real, a = targets.fake, c = targets.generator."""
    return Game(
        critic=lambda real, fake: 0.5 * (real - targets.real) ** 2 + 0.5 * (fake - targets.fake) ** 2,
        generator=lambda real, fake: 0.5 * (fake - targets.generator) ** 2,
    )


def hinge(targets: Targets = Targets()) -> Game:
    """Lim & Ye 2017 (1705.02894); Miyato 2018 (1802.05957), eqs. 16 and 17."""
    return Game(
        critic=lambda real, fake: jax.nn.relu(1 - real) + jax.nn.relu(1 + fake),
        generator=lambda real, fake: -fake,
    )


def boundary_seeking(targets: Targets) -> Game:
    """Hjelm 2018 (1702.08431), section 3: the generator minimises (log D - log(1 - D))^2 / 2, half the squared score,
    which pulls its examples to the boundary of decision, from either side.
    """
    return Game(critic=minimax(targets).critic, generator=lambda real, fake: 0.5 * fake**2)


def relativistic_pairing(targets: Targets) -> Game:
    """RSGAN, Jolicoeur-Martineau 2018 (1807.00734), eqs. 8 and 9: is this real one more real than this fake one?"""
    return Game(
        critic=lambda real, fake: cross_entropy(real - fake, targets.real),
        generator=lambda real, fake: cross_entropy(fake - real, targets.generator),
        needs_real=True,
    )


def _relativistic_average(loss: Callable[[Array, Array], Array], other: Callable[[Array, Array], Array]) -> Game:
    """Scores compared with the mean score of the other side (over the device's batch): eqs. 10 to 13 of 1807.00734."""

    def compared(scores: Array, others: Array) -> Array:
        check_batch('the relativistic average', len(others))
        return scores - others.mean()

    return Game(
        critic=lambda real, fake: loss(compared(real, fake), compared(fake, real)),
        generator=lambda real, fake: other(compared(fake, real), compared(real, fake)),
        needs_real=True,
    )


def relativistic_average(targets: Targets) -> Game:
    """RaSGAN: cross entropy of the compared scores."""
    return _relativistic_average(
        lambda real, fake: cross_entropy(real, targets.real) + cross_entropy(fake, targets.fake),
        lambda fake, real: cross_entropy(fake, targets.generator) + cross_entropy(real, 0.0),
    )


def relativistic_average_least_squares(targets: Targets = Targets()) -> Game:
    """RaLSGAN: squares of the compared scores from +1 (the more real side) and -1."""
    squares = lambda up, down: (up - 1) ** 2 + (down + 1) ** 2
    return _relativistic_average(squares, squares)


def relativistic_average_hinge(targets: Targets = Targets()) -> Game:
    """RaHingeGAN: hinges of the compared scores."""
    hinges = lambda up, down: jax.nn.relu(1 - up) + jax.nn.relu(1 + down)
    return _relativistic_average(hinges, hinges)


# By name: what makes the game, and which targets it reads.
GAMES: dict[str, tuple[Callable[[Targets], Game], tuple[str, ...]]] = {
    'minimax': (minimax, ('real', 'fake')),
    'non_saturating': (non_saturating, ('real', 'fake', 'generator')),
    'wasserstein': (wasserstein, ()),
    'least_squares': (least_squares, ('real', 'fake', 'generator')),
    'hinge': (hinge, ()),
    'boundary_seeking': (boundary_seeking, ('real', 'fake')),
    'relativistic_pairing': (relativistic_pairing, ('real', 'generator')),
    'relativistic_average': (relativistic_average, ('real', 'fake', 'generator')),
    'relativistic_average_least_squares': (relativistic_average_least_squares, ()),
    'relativistic_average_hinge': (relativistic_average_hinge, ()),
}


def game(name: str, targets: Targets = Targets()) -> Game:
    """The game of that name. A label that the game does not read is a user's error, not silently ignored."""
    if name not in GAMES:
        raise unknown('game', name, GAMES)
    make, read = GAMES[name]
    for key, value, default in zip(Targets._fields, targets, Targets(), strict=True):
        if isinstance(value, jax.core.Tracer):
            continue
        if key in read and name != 'least_squares' and not 0 <= value <= 1:
            raise UserError(f"targets.{key}={value} must lie in [0, 1] in the game '{name}', where it is a probability")
        if key not in read and value != default:
            able = [other for other, (_, reads) in GAMES.items() if key in reads]
            raise UserError(f"targets.{key}={value} has no meaning in the game '{name}', only in {', '.join(able)}")
    return make(targets)


def flip(keys: Keys, probability: float | Array, real: Array, fake: Array) -> tuple[Array, Array]:
    """Label flipping (Salimans 2016 and 'GAN hacks'): swaps the scores of pair i, and so its targets, at random.

    Args:
      keys: [B], one for each pair.
      probability: of a swap, in [0, 1].
      real, fake: scores [B].
    """
    swap = random.uniform(keys) < probability
    return jnp.where(swap, fake, real), jnp.where(swap, real, fake)


def top_k(scores: Array, share: float | Array, step: Array, until: int) -> Array:
    """Which fakes the generator learns from: 1 for those of the k best scores [B], else 0 (Sinha 2020, 2002.06224).

    k goes from B at step 0 to share x B at step `until`, by the same factor each step, and stays there.
    """
    check_batch('top_k', len(scores))
    k = jnp.round(len(scores) * share ** jnp.minimum(1.0, step / until))
    rank = jnp.argsort(jnp.argsort(-scores))
    return (rank < jnp.maximum(k, 1)).astype(jnp.float32)
