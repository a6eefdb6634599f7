"""Games against closed forms, quadrature and plain numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gans import losses
from gans.choices import choice_of
from gans.errors import UserError
from gans.losses import Targets, game

GAMES = tuple(losses.GAMES)
TARGETED = [name for name, (_, targets) in losses.GAMES.items() if targets]
UNTARGETED = [name for name in GAMES if name not in TARGETED]
UNREAD = [
    (name, Targets(**{key: 0.5}))
    for name, (_, targets) in losses.GAMES.items()
    for key in Targets._fields
    if key not in targets
]
LOG2 = np.log(2.0)

# The critic's and the generator's loss where real and fake are one distribution and the critic is best.
OPTIMA = {
    'minimax': (0.0, 2 * LOG2, -LOG2),
    'non_saturating': (0.0, 2 * LOG2, LOG2),
    'wasserstein': (0.0, 0.0, 0.0),
    'least_squares': (0.5, 0.25, 0.125),
    'hinge': (0.0, 2.0, 0.0),
    'boundary_seeking': (0.0, 2 * LOG2, 0.0),
    'relativistic_pairing': (0.0, LOG2, LOG2),
    'relativistic_average': (0.0, 2 * LOG2, 2 * LOG2),
    'relativistic_average_least_squares': (0.0, 2.0, 2.0),
    'relativistic_average_hinge': (0.0, 2.0, 2.0),
}


def scores(seed: int = 0, n: int = 16) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(0.7, 1.5, n).astype(np.float32), rng.normal(-0.4, 1.2, n).astype(np.float32)


def test_every_game_has_an_optimum_here():
    assert set(OPTIMA) == set(GAMES)


@pytest.mark.parametrize('name', GAMES)
def test_values_where_real_and_fake_are_alike(name):
    score, critic, generator = OPTIMA[name]
    constant = jnp.full(5, score)
    np.testing.assert_allclose(game(name).critic(constant, constant), np.full(5, critic), rtol=1e-6)
    np.testing.assert_allclose(game(name).generator(constant, constant), np.full(5, generator), rtol=1e-6)


@pytest.mark.parametrize('name', GAMES)
def test_no_critic_does_better_where_real_and_fake_are_alike(name):
    """All pairs of one set of scores, whatever they are: the critic's expected loss is at least the optimum."""
    for seed in range(5):
        s = 0.6 * scores(seed)[0]
        loss = game(name).critic(jnp.repeat(s, len(s)), jnp.tile(s, len(s))).mean()
        assert loss >= OPTIMA[name][1] - 1e-5
        if name != 'wasserstein':  # there every critic is as good as any other
            assert loss > OPTIMA[name][1] + 1e-3


@pytest.mark.parametrize('name', GAMES)
def test_one_value_per_example(name):
    real, fake = scores()
    for value in (game(name).critic(real, fake), game(name).generator(real, fake)):
        assert value.shape == real.shape and value.dtype == jnp.float32


@pytest.mark.parametrize('name', GAMES)
def test_critic_wants_real_up_and_fake_down_and_the_generator_wants_fake_up(name):
    """On either side of the best scores, near to them."""
    real, fake = jnp.full(4, OPTIMA[name][0] + 0.1), jnp.full(4, OPTIMA[name][0] - 0.1)
    d_real, d_fake = jax.grad(lambda r, f: game(name).critic(r, f).mean(), (0, 1))(real, fake)
    assert (d_real < 0).all() and (d_fake > 0).all()
    assert (jax.grad(lambda f: game(name).generator(real, f).mean())(fake) < 0).all()


@pytest.mark.parametrize('name', GAMES)
def test_needs_real_says_whether_the_generator_reads_real_scores(name):
    blind = jnp.full(4, jnp.nan)
    finite = bool(jnp.isfinite(game(name).generator(blind, jnp.zeros(4))).all())
    assert finite is not game(name).needs_real


# Quadrature: data N(0, 1), generator N(1, 1).

X = np.linspace(-9, 10, 801)
P, Q = (np.exp(-0.5 * (X - mean) ** 2) / np.sqrt(2 * np.pi) * (X[1] - X[0]) for mean in (0, 1))  # sum to 1


def expected(loss, s) -> jax.Array:
    """E loss(s(x), s(y)) for x of the data and y of the generator; s [grid]."""
    values = loss(jnp.repeat(s, len(X)), jnp.tile(s, len(X))).reshape(len(X), len(X))
    return P @ values @ Q


@pytest.mark.parametrize('name', ['minimax', 'non_saturating'])
def test_value_of_the_optimal_critic_is_the_jensen_shannon_divergence(name):
    js = 0.5 * (P * np.log(2 * P / (P + Q)) + Q * np.log(2 * Q / (P + Q))).sum()
    with jax.enable_x64(True):
        best = jnp.asarray(np.log(P / Q))  # the logit of p / (p + q)
        value, slope = jax.value_and_grad(lambda s: expected(game(name).critic, s))(best)
    np.testing.assert_allclose(js, 0.111421, atol=5e-7)
    np.testing.assert_allclose(-value, 2 * js - np.log(4), atol=1e-9)
    np.testing.assert_allclose(-value, -1.163451, atol=1e-6)
    np.testing.assert_allclose(slope, 0, atol=1e-9)


def test_minimax_generator_minimises_what_the_critic_maximises():
    real, fake = scores()
    both = lambda f: game('minimax').critic(real, f).sum() + game('minimax').generator(real, f).sum()
    np.testing.assert_allclose(jax.grad(both)(fake), 0, atol=1e-6)


def test_boundary_seeking_generator_before_the_optimal_critic():
    """It sees log p / q = 1/2 - x, whose square is on average 1/4 + 1; and it is pulled to the boundary x = 1/2."""
    generator = game('boundary_seeking').generator
    with jax.enable_x64(True):
        loss = lambda x: generator(None, 0.5 - x)
        np.testing.assert_allclose(Q @ loss(jnp.asarray(X)), 0.625, atol=1e-9)
        slopes = jax.grad(lambda x: loss(x).sum())(jnp.array([-1.0, 0.5, 3.0]))
    np.testing.assert_allclose(slopes, [-1.5, 0.0, 2.5], atol=1e-12)


def test_least_squares_is_pearson_chi_squared():
    least_squares = game('least_squares', Targets(real=1.0, fake=-1.0, generator=0.0))
    with jax.enable_x64(True):
        best = jnp.asarray((P - Q) / (P + Q))
        slope = jax.grad(lambda s: expected(least_squares.critic, s))(best)
        c = float((P + Q) @ least_squares.generator(None, best))  # the paper's C(G) also counts real examples
    np.testing.assert_allclose(slope, 0, atol=1e-12)
    np.testing.assert_allclose(2 * c, ((P - Q) ** 2 / (P + Q)).sum(), rtol=1e-12)


def test_wasserstein_of_shifted_gaussians():
    with jax.enable_x64(True):
        loss = expected(game('wasserstein').critic, jnp.asarray(-X))  # 1-Lipschitz and optimal
    np.testing.assert_allclose(-loss, 1.0, atol=1e-9)


# Plain numpy, with probabilities and logarithms as the papers have them.


def log_d(s):
    return np.log(1 / (1 + np.exp(-np.float64(s))))


def bce(s, target):
    return -target * log_d(s) - (1 - target) * log_d(-np.float64(s))


def relu(x):
    return np.maximum(x, 0)


TARGETS = {
    'hard': Targets(),
    'one-sided': Targets(real=0.9),
    'two-sided': Targets(real=0.8, fake=0.15, generator=0.95),
}


@pytest.mark.parametrize('targets', TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize('name', TARGETED)
def test_games_with_targets_against_numpy(name, targets):
    real, fake = scores()
    over_fake, over_real = real - fake.mean(), fake - real.mean()
    read = losses.GAMES[name][1]
    targets = Targets(**{key: value for key, value in targets._asdict().items() if key in read})
    critic, generator = {
        'minimax': (bce(real, targets.real) + bce(fake, targets.fake), log_d(-fake)),
        'non_saturating': (bce(real, targets.real) + bce(fake, targets.fake), bce(fake, targets.generator)),
        'boundary_seeking': (
            bce(real, targets.real) + bce(fake, targets.fake),
            (log_d(fake) - log_d(-fake)) ** 2 / 2,
        ),
        'least_squares': (
            ((real - targets.real) ** 2 + (fake - targets.fake) ** 2) / 2,
            (fake - targets.generator) ** 2 / 2,
        ),
        'relativistic_pairing': (bce(real - fake, targets.real), bce(fake - real, targets.generator)),
        'relativistic_average': (
            bce(over_fake, targets.real) + bce(over_real, targets.fake),
            bce(over_real, targets.generator) + bce(over_fake, 0.0),
        ),
    }[name]
    np.testing.assert_allclose(game(name, targets).critic(real, fake), critic, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(game(name, targets).generator(real, fake), generator, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('name', UNTARGETED)
def test_unlabeled_games_against_numpy(name):
    real, fake = scores()
    over_fake, over_real = real - fake.mean(), fake - real.mean()
    critic, generator = {
        'wasserstein': (fake - real, -fake),
        'hinge': (relu(1 - real) + relu(1 + fake), -fake),
        'relativistic_average_least_squares': (
            (over_fake - 1) ** 2 + (over_real + 1) ** 2,
            (over_real - 1) ** 2 + (over_fake + 1) ** 2,
        ),
        'relativistic_average_hinge': (
            relu(1 - over_fake) + relu(1 + over_real),
            relu(1 - over_real) + relu(1 + over_fake),
        ),
    }[name]
    np.testing.assert_allclose(game(name).critic(real, fake), critic, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(game(name).generator(real, fake), generator, rtol=1e-5, atol=1e-6)


def test_a_choice_of_games_is_each_of_them_and_so_are_its_slopes():
    """Mapped over, as a population has it."""
    choice, (real, fake) = choice_of(list(GAMES)), scores()
    for side in ('critic', 'generator'):

        def loss(name, real, fake, side=side):
            return jax.value_and_grad(lambda *own: getattr(game(name), side)(*own).mean(), (0, 1))(real, fake)

        found = jax.vmap(loss, (0, None, None))(choice, real, fake)
        for i, name in enumerate(GAMES):
            ours, alone = jax.tree.leaves(found), jax.tree.leaves(loss(name, real, fake))
            for some, wanted in zip(ours, alone, strict=True):
                np.testing.assert_allclose(some[i], wanted, rtol=1e-6, atol=1e-7, err_msg=f'{name}, {side}')
    assert game(choice).needs_real and not game(choice_of(['hinge', 'minimax'])).needs_real


@pytest.mark.parametrize('name', GAMES)
@pytest.mark.parametrize('size', [1e4, -1e4])
def test_extreme_scores_are_finite(name, size):
    real, fake = jnp.array([size, -size, 0.0]), jnp.array([-size, -size, size])
    for loss in (game(name).critic, game(name).generator):
        value, slopes = jax.value_and_grad(lambda r, f, loss=loss: loss(r, f).sum(), (0, 1))(real, fake)
        assert all(jnp.isfinite(x).all() for x in (value, *slopes))


def test_cross_entropy_of_a_sure_critic_is_its_score():
    np.testing.assert_allclose(losses.cross_entropy(jnp.array([1e4, -1e4]), 0.0), [1e4, 0.0])
    np.testing.assert_allclose(losses.cross_entropy(jnp.array([1e4, -1e4]), 1.0), [0.0, 1e4])


# Labels that are swapped.


@pytest.fixture
def keys():
    return jax.random.split(jax.random.key(0), 4000)


def test_flip_never_and_always(keys):
    real, fake = scores(n=len(keys))
    for probability, (a, b) in {0.0: (real, fake), 1.0: (fake, real)}.items():
        swapped = losses.flip(keys, probability, real, fake)
        np.testing.assert_array_equal(swapped, (a, b))


def test_flip_swaps_whole_pairs_as_often_as_asked(keys):
    real, fake = scores(n=len(keys))
    for probability in (0.05, 0.3):
        a, b = jax.jit(losses.flip)(keys, probability, real, fake)  # the probability may be a tracer
        swapped = np.asarray(a) == fake
        np.testing.assert_array_equal(np.where(swapped, real, fake), b)
        np.testing.assert_array_equal(np.where(swapped, fake, real), a)
        deviation = np.sqrt(probability * (1 - probability) / len(keys))
        assert abs(swapped.mean() - probability) < 4 * deviation


def test_flip_of_a_pair_depends_on_its_key_alone(keys):
    real, fake = scores(n=len(keys))
    whole = losses.flip(keys, 0.5, real, fake)
    part = losses.flip(keys[100:200], 0.5, real[100:200], fake[100:200])
    np.testing.assert_array_equal(part, [whole[0][100:200], whole[1][100:200]])


# Mistakes.


@pytest.mark.parametrize('name, targets', UNREAD)
def test_targets_without_meaning_are_an_error(name, targets):
    with pytest.raises(UserError, match=f"has no meaning in the game '{name}'"):
        game(name, targets)


def test_unknown_game_names_the_nearest():
    with pytest.raises(UserError, match="unknown game 'hindge'; did you mean 'hinge'"):
        game('hindge')


def test_labels_may_be_tracers():
    real, fake = scores()
    value = jax.jit(lambda t: game('non_saturating', Targets(real=t)).critic(real, fake))(0.9)
    np.testing.assert_allclose(value, game('non_saturating', Targets(real=0.9)).critic(real, fake), rtol=1e-6)
    jax.jit(lambda t: game('hinge', Targets(real=t)).critic(real, fake))(1.0)
