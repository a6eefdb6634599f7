"""Games: what critic and generator minimize, given the critic's scores.

A game is two functions of scores, `critic(real [B], fake [B]) -> [B]` and `generator(real [B], fake [B]) -> [B]`, with
one value per example; the caller averages. Scores are logits: D = sigmoid(score) where a paper has probabilities.
A critic of patches gives each example a map of scores, [B, h, w], and a game then a map of values.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gans import user_code
from gans.choices import Choice, choose
from gans.core import Array, Keys
from gans.errors import UserError, unknown
from gans.ops import random
from gans.ops.batch_check import check_batch


class Game(NamedTuple):
    critic: Callable[[Array, Array], Array]
    generator: Callable[[Array, Array], Array]
    needs_real: bool = False  # whether the generator's loss reads the real scores


class Targets(NamedTuple):
    """Targets of the scores, in games that have them. One-sided smoothing: real=0.9; two-sided: fake=0.1 as well."""

    real: float = 1.0  # of the critic, for real examples
    fake: float = 0.0  # of the critic, for fakes
    generator: float = 1.0  # of the generator, for fakes


def per_example(values: Array) -> Array:
    """[B] as it is; maps of scores, or of functions of them, [B, h, w] -> the mean over each, [B]."""
    return values if values.ndim == 1 else values.reshape(len(values), -1).mean(1)


def cross_entropy(scores: Array, target: float | Array) -> Array:
    """-t log D - (1 - t) log(1 - D) in nats, with D = sigmoid(score), computed without overflow."""
    return jax.nn.softplus(scores) - target * scores


def minimax(targets: Targets) -> Game:
    """Goodfellow 2014 (1406.2661), eq. 1: the generator minimizes log(1 - D), which saturates."""
    return Game(
        critic=lambda real, fake: cross_entropy(real, targets.real) + cross_entropy(fake, targets.fake),
        generator=lambda real, fake: -cross_entropy(fake, 0.0),
    )


def non_saturating(targets: Targets) -> Game:
    """Goodfellow 2014, end of section 3: the generator maximizes log D instead."""
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
    """Hjelm 2018 (1702.08431), section 3: the generator minimizes (log D - log(1 - D))^2 / 2, half the squared score,
    which pulls its examples to the decision boundary from either side.
    """
    return Game(critic=minimax(targets).critic, generator=lambda real, fake: 0.5 * fake**2)


def relativistic_pairing(targets: Targets) -> Game:
    """RSGAN, Jolicoeur-Martineau 2018 (1807.00734), eqs. 8 and 9: is the real example more realistic than the fake?"""
    return Game(
        critic=lambda real, fake: cross_entropy(real - fake, targets.real),
        generator=lambda real, fake: cross_entropy(fake - real, targets.generator),
        needs_real=True,
    )


def _relativistic_average(loss: Callable[[Array, Array], Array], other: Callable[[Array, Array], Array]) -> Game:
    """Scores relative to the mean score of the other side (over the device's batch): eqs. 10 to 13 of 1807.00734."""

    def relative(scores: Array, others: Array) -> Array:
        check_batch('the relativistic average', len(others))
        return scores - others.mean()

    return Game(
        critic=lambda real, fake: loss(relative(real, fake), relative(fake, real)),
        generator=lambda real, fake: other(relative(fake, real), relative(real, fake)),
        needs_real=True,
    )


def relativistic_average(targets: Targets) -> Game:
    """RaSGAN: cross entropy of the relative scores."""
    return _relativistic_average(
        lambda real, fake: cross_entropy(real, targets.real) + cross_entropy(fake, targets.fake),
        lambda fake, real: cross_entropy(fake, targets.generator) + cross_entropy(real, 0.0),
    )


def relativistic_average_least_squares(targets: Targets = Targets()) -> Game:
    """RaLSGAN: squared distances of the relative scores to +1 (the more realistic side) and -1."""

    def squares(up: Array, down: Array) -> Array:
        return (up - 1) ** 2 + (down + 1) ** 2

    return _relativistic_average(squares, squares)


def relativistic_average_hinge(targets: Targets = Targets()) -> Game:
    """RaHingeGAN: hinge losses of the relative scores."""

    def hinges(up: Array, down: Array) -> Array:
        return jax.nn.relu(1 - up) + jax.nn.relu(1 + down)

    return _relativistic_average(hinges, hinges)


# By name: its constructor, and the targets that it reads.
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


def game(name: str | Choice, targets: Targets = Targets()) -> Game:
    """The game of that name. Raises UserError for a target that the game would ignore."""
    if isinstance(name, Choice):
        games = {each: game(each, targets) for each in name.names}
        return Game(
            critic=lambda real, fake: choose(name, lambda each: games[each].critic(real, fake)),
            generator=lambda real, fake: choose(name, lambda each: games[each].generator(real, fake)),
            needs_real=any(each.needs_real for each in games.values()),
        )
    if user_code.is_reference(name):
        return user_code.function('game', name, Game)(targets)
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
    """Label flipping (Salimans 2016, 'GAN hacks'): swaps the two scores of a pair, and so their targets, at random.

    Args:
      keys: [B], one per pair.
      probability: of a swap, in [0, 1].
      real, fake: scores [B], or maps of them, which are swapped as a whole.
    """
    swap = random.uniform(keys, (1,) * (real.ndim - 1)) < probability
    return jnp.where(swap, fake, real), jnp.where(swap, real, fake)


def divergence(mean: Array, log_variance: Array) -> Array:
    """KL(N(mean, exp(log_variance)) || N(0, I)) in nats: two of [B, d] -> [B]."""
    return 0.5 * (jnp.square(mean) + jnp.exp(log_variance) - 1 - log_variance).sum(1)


def top_k(scores: Array, share: float | Array, step: Array, until: int) -> Array:
    """Weights of the fakes in the generator's loss: 1 for the k best scores [B], else 0 (Sinha 2020, 2002.06224).

    k decays exponentially from B at step 0 to share x B at step `until`, and is constant from there on.
    """
    check_batch('top_k', len(scores))
    k = jnp.round(len(scores) * share ** jnp.minimum(1.0, step / until))
    rank = jnp.argsort(jnp.argsort(-scores))
    return (rank < jnp.maximum(k, 1)).astype(jnp.float32)
