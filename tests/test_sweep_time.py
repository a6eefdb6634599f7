"""What is said of a sweep's time before and while it trains, and of curves with few points."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from experiments import common
from gans.configs import override
from gans.cost.describe import count_flops
from gans.sweep import cadence
from gans.sweep.work import Clock, Work, measure, say_time


def work_of(function, *shapes: tuple[int, ...]) -> Work:
    return measure(jax.make_jaxpr(function)(*(jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes)), 10)


def test_operations_are_counted_as_often_as_they_run() -> None:
    assert work_of(jnp.matmul, (3, 5), (5, 7)).operations == 2 * 3 * 5 * 7
    assert work_of(jax.vmap(jnp.matmul), (4, 3, 5), (4, 5, 7)).operations == 4 * 2 * 3 * 5 * 7
    conv = lambda x, kernel: lax.conv_general_dilated(x, kernel, (1, 1), 'SAME')
    assert work_of(conv, (2, 3, 8, 8), (6, 3, 5, 5)).operations == 2 * (2 * 6 * 8 * 8) * (3 * 5 * 5)
    scan = lambda x: lax.scan(lambda x, _: (jax.jit(jnp.tanh)(x), None), x, length=9)[0]
    found = work_of(scan, (4,))
    assert found.operations == 9 * 4 and found.equations == 3 and found.total == 10 * 9 * 4


def test_operations_of_a_step_are_about_xlas() -> None:
    def loss(weights: list[jax.Array], x: jax.Array) -> jax.Array:
        for each in weights:
            x = jax.nn.relu(x @ each)
        return x.mean()

    shapes = [(32, 64), (64, 64), (64, 1)]
    args = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes], jax.ShapeDtypeStruct((256, 32), jnp.float32)
    jaxpr = jax.make_jaxpr(jax.grad(loss))(*args)
    assert measure(jaxpr, 1).operations == pytest.approx(count_flops(jaxpr), rel=0.1)


class Part:
    """Of one stage, with so many runs."""

    def __init__(self, members: int, steps: int, operations: float, equations: int) -> None:
        self.members, self.work = (None,) * members, (Work(steps, operations, equations),)


def test_the_time_left_is_that_of_what_is_left_at_the_rates_so_far(capsys) -> None:
    """100 equations take 50 s, a step of 2 runs 10 s: the second program has 3 runs of twice the work, 40 equations."""
    time = 0.0
    parts = [Part(2, 100, 5.0, 100), Part(3, 10, 10.0, 40)]
    clock = Clock(lambda: time)
    assert clock.begin(parts) == 'program 1 of 2' and clock.left() is None
    call = clock.watching(parts[0].work[0], 2 * 10)(lambda *args: args)
    for seconds in (0, 50, 100, 100):  # the first call compiles
        time += seconds
        assert call('state', 'piece', 'counts') == ('state', 'piece', 'counts')
    second = 40 * 0.5 + 3 * 10 * 10.0
    assert clock.left() == pytest.approx((100 - 30) * 2 * 5.0 + second)  # of the fourth call the end is not seen yet
    assert 'sweep: program 1 of 2, about 19 min left' in capsys.readouterr().err
    time += 700
    assert clock.begin(parts[1:]) == 'program 2 of 2, about 5 min left' and clock.left() == pytest.approx(second)
    clock.skip(3 * 4 * 10.0)  # an earlier launch did four steps
    assert clock.left() == pytest.approx(second - 120)
    clock.wait(30.0)
    assert clock.spent() == pytest.approx({'compiling': 50, 'scoring': 30, 'training': 950 - 80})


@pytest.mark.parametrize(('seconds', 'said'), [(0.2, '10 s'), (44, '40 s'), (151, '3 min'), (6000, '1.7 h')])
def test_estimates_are_said_in_round_numbers(seconds, said) -> None:
    assert say_time(seconds) == said


def test_few_points_of_a_curve_are_told_before_the_training() -> None:
    config = common.get_config()
    config.train.update(steps=600, steps_per_call=20, log_every=100)
    config.eval.every = 200
    assert (cadence.times(config, 'eval.every'), cadence.times(config, 'train.log_every')) == (3, 6)
    said = 'eval.every=200 of 600 steps leaves curves of scores of 4 points: --config.eval.every=120 gives 6 or more'
    assert cadence.warn([config]) == said
    config.eval.every = 120
    assert cadence.warn([config]) == ''
    config.train.log_every = 200
    assert 'leaves curves of losses of 3 points: --config.train.log_every=120 gives 5 or more' in cadence.warn([config])
    staged = override(config, {'stages.late.begin': 300, 'stages.late.eval.every': 50}, 'of a test')
    assert cadence.times(staged, 'eval.every') == 2 + 6
    config.train.steps = 10
    assert cadence.warn([config]) == ''
