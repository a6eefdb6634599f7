"""--mode=benchmark: what is counted is right, what is timed is what it says, and a run in the folder stays as it is."""

import functools
import gzip
import json
import re
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from ml_collections import ConfigDict

import launch
from experiments import common, pacgan_grid25, unrolled_ring8
from gans import config_file, configs, memory
from gans.core import DATA, Compute, Spec
from gans.cost import benchmark, describe, stopwatch
from gans.cost.stopwatch import Run, Timing
from gans.cost.text import format_quantity
from gans.data import feed
from gans.nets import build as nets
from gans.training import program
from gans.training.leaves import count, size_of
from gans.training.setup import setup

QUICK = benchmark.Effort(windows=2, seconds=0.0, rounds=1, side=64)


def small(**overrides: object) -> ConfigDict:
    """An MLP GAN of 16x16 emoji."""
    config = common.get_config()
    config.data.name = 'openmoji'
    config.data.size = 16
    config.latents.size = 8
    config.generator = ConfigDict({'net': 'mlp', 'widths': (8,)})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (8,)})
    config.train.update(steps=4, batch_size=16, log_every=2, sample_every=4, checkpoint_every=2)
    config.eval.update(every=4, samples=32, features=None)
    return configs.override(config, overrides, 'of a test')


# What is counted.


@pytest.mark.parametrize('unroll', [1, 2, 4, 5])
def test_loops_count_as_often_as_they_run(unroll: int) -> None:
    """A loop of 5 in which a loop of 3 multiplies [8, 64] by [64, 64]: 15 products, however it is written out."""

    def looped(w: jax.Array, x: jax.Array) -> jax.Array:
        inner = lambda x: lax.scan(lambda x, _: (jax.jit(jnp.matmul)(x, w), None), x, length=3)[0]
        return lax.scan(lambda x, _: (inner(x), None), x, length=5, unroll=unroll)[0]

    jaxpr = jax.make_jaxpr(jax.jit(looped))(jnp.ones((64, 64)), jnp.ones((8, 64)))
    assert describe.count_flops(jaxpr) == pytest.approx(15 * 2 * 8 * 64 * 64, rel=1e-3)


def test_flops_of_an_mlp_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Matrix products alone; what is elementwise is about a hundredth of them here. Critic steps are a loop."""
    batch, z, hidden, pixels = 512, 96, 512, 16 * 16 * 3
    over = {'latents.size': z, 'generator.widths': (hidden,), 'critic.widths': (hidden,), 'train.batch_size': batch}
    config = small(**over, **{'train.n_critic': 3})
    config.optimizer.generator = config.optimizer.critic = common.sgd()
    generator, critic = z * hidden + hidden * pixels, pixels * hidden + hidden
    # The critic scores real and fake; then come the gradients of its weights and of the hidden layer.
    by_hand = {'critic': 3 * (generator + 2 * (critic + critic + hidden))}
    # Through the critic to the pixels, which wants no gradient of its weights; then weights and hidden layer.
    by_hand['generator'] = generator + 2 * critic + generator + hidden * pixels
    experiment = setup(config, devices=1)
    for name, products in by_hand.items():
        assert describe.flops(experiment, (name,)) == pytest.approx(2 * batch * products, rel=0.015)
    monkeypatch.setattr(jax, 'default_backend', lambda: 'gpu')
    assert describe.flops(experiment, ('critic',)) == pytest.approx(2 * batch * by_hand['critic'], rel=0.015)


def test_flops_of_a_loop_in_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """The unrolled GAN's loop over updates counts as much as if it were written out."""
    config = unrolled_ring8.get_config('smoke')
    config.unrolled.steps = 2
    count = lambda: describe.flops(setup(config, devices=1), ('generator',))
    looped = count()
    monkeypatch.setattr(lax, 'scan', functools.partial(lax.scan, unroll=True))
    assert looped == pytest.approx(count(), rel=0.03)  # counted once, it would be a fourteenth less


def test_bytes_kept_for_the_backward_pass_by_hand() -> None:
    """Of sin(x w) with x [7, 3] and w [3, 5], a cosine a sum is made; x and w were there before."""
    backward = lambda w, x: jax.vjp(lambda w: jnp.sin(x @ w).sum(), w)[1]
    assert describe.residual_bytes(backward, jnp.zeros((3, 5)), jnp.zeros((7, 3))) == 7 * 5 * 4


def test_half_a_batch_keeps_half_and_remat_less() -> None:
    kept = lambda **keys: describe.kept(setup(small(**keys), devices=1))
    whole, halves = kept(), kept(**{'train.micro': 2})
    assert all(0.45 < halves[name] / whole[name] < 0.6 for name in whole)  # all but what has no batch
    assert all(size < whole[name] for name, size in kept(**{'train.remat': True}).items())


def test_a_period_of_the_schedule_and_its_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = setup(small(**{'terms.r1.every': 4, 'train.steps_per_call': 2}), devices=1)
    most, all_due = ('critic', 'generator'), ('critic', 'r1', 'generator')
    assert describe.period(experiment) == 4
    monkeypatch.setattr(describe, 'flops', lambda experiment, due: {most: 20.0, all_due: 100.0}[due])
    assert describe.mean_flops(experiment) == 40.0


def test_bytes_while_a_program_runs() -> None:
    """4 kB come in and 4 kB go out; donated they are the same."""
    x = jnp.ones(1000)
    add = lambda **how: jax.jit(lambda x: x + 1, **how).lower(x).compile()
    code = add().memory_analysis().generated_code_size_in_bytes
    assert memory.planned_bytes(add()) == 8000 + code
    assert memory.planned_bytes(add(donate_argnums=0)) == 4000 + code


def test_quantity() -> None:
    given = (0.0, 999, 999.6, 1234, 4.308e9, 9.9e14)
    said = ['0 B', '999 B', '1 kB', '1.23 kB', '4.31 GB', '990 TB']
    assert [format_quantity(value, 'B') for value in given] == said


# What is timed.


class Clock:
    """A run whose periods of three steps last as long as they are told to."""

    steps = 3

    def __init__(self, name: str, seconds: list[float], went: list) -> None:
        self.name, self.seconds, self.went = name, iter(seconds), went

    def go(self, periods: int) -> tuple[float, float]:
        self.went.append((self.name, periods))
        seconds = next(self.seconds)
        return seconds, seconds / 4


def test_windows_come_in_turns_and_last_long_enough() -> None:
    went: list = []
    runs = {'a': Clock('a', [9.0, 0.3, 1.0, 4.0, 2.0], went), 'b': Clock('b', [9.0, 5.0, 6.0, 8.0, 7.0], went)}
    found = stopwatch.time_in_turns(runs, windows=3, seconds=1.0)
    assert went == [('a', 1), ('b', 1), ('a', 1), ('b', 1), *[('a', 4), ('b', 1)] * 3]
    assert found == {
        'a': Timing(12, (1.0, 4.0, 2.0), (0.25, 1.0, 0.5)),
        'b': Timing(3, (6.0, 8.0, 7.0), (1.5, 2.0, 1.75)),
    }
    assert found['a'].step == 2.0 / 12 and found['a'].rates == [12.0, 3.0, 6.0]


def test_slow_programs_get_three_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopwatch, 'PATIENCE', 0.0)
    assert len(stopwatch.time_in_turns({'a': Clock('a', [1.0] * 9, [])}, windows=10, seconds=1.0)['a'].seconds) == 3
    assert len(stopwatch.time_in_turns({'a': Clock('a', [1.0] * 9, [])}, windows=2, seconds=1.0)['a'].seconds) == 2


def test_shares_add_up() -> None:
    """A step of 10 ms, 100 ms of logs every 10 steps, 400 ms of checkpoints every 20: a third and a half of 40 ms."""
    found = benchmark.shares(0.01, {'logs': 0.1, 'checkpoints': 0.4}, {'logs': 10, 'checkpoints': 20})
    assert found['logs'] == pytest.approx({'seconds': 0.1, 'every': 10, 'share': 0.25})
    assert found['checkpoints'] == pytest.approx({'seconds': 0.4, 'every': 20, 'share': 0.5})
    assert benchmark.cadences(small()) == {'logs': 2, 'pictures': 4, 'scores': 4, 'checkpoints': 2}
    assert benchmark.cadences(small(**{'eval.every': 500}))['scores'] == 4  # at the last step, if not before
    assert benchmark.against(6e9, 2.0, 12e9) == {'per_second': 3e9, 'share_of_matmul': 0.25}


@pytest.mark.parametrize('mb', [0.0, 2000.0])
def test_fetching_alone_fetches_the_batches_of_a_run(mb: float) -> None:
    experiment = setup(small(**{'data.on_device_max_mb': mb, 'train.steps_per_call': 2}), devices=1)
    images = setup(small(), devices=1).source.arrays['real']
    seed = np.asarray(feed.shuffle_seed(jax.random.fold_in(jax.random.key(0), DATA)))
    call, raws = stopwatch.fetch_call(experiment), program.raws(experiment, 0)
    for done in (0, 2):
        _, batches = call({}, next(raws), program.counts(experiment, done))
        for i in range(2):
            index = feed.shuffle(feed.positions(done + i, 1, 16), len(images), seed)  # [1, 16], by numpy
            np.testing.assert_allclose(batches['real'][i], images[index] / 127.5 - 1, atol=1e-6)


def test_the_limit_counts_the_products_of_all_devices() -> None:
    config = small(**{'train.precision': 'bfloat16'})
    for devices in (1, 4):
        run, flops = stopwatch.product_run(setup(config, devices), side=32)
        a = run.state
        run.go(3)
        assert flops == devices * 2 * 32**3 and run.steps == 1
        assert a.dtype == jnp.bfloat16 and run.state is a
        np.testing.assert_allclose(np.float32(run.metrics), np.float32(a @ a), rtol=0.02, atol=0.02)


def test_a_run_trains_on() -> None:
    """Streamed data goes on beyond the last step of the config, and the state counts every step."""
    experiment = setup(small(**{'data.on_device_max_mb': 0.0}), devices=1)
    raws = program.raws(benchmark._endless(experiment), 0)
    state = program.place(experiment, experiment.init())
    call = stopwatch.compile_call(experiment, state, next(raws)).call
    run = Run(experiment, call, state, raws)
    seconds, waited = run.go(6)
    assert run.state.step == 6 > experiment.config.train.steps and 0 < waited < seconds
    assert memory.planned_bytes(call) > size_of(run.state)


def test_the_second_compilation_reads_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spoilt entry of the cache is noticed, so nothing in memory is used in its place."""
    monkeypatch.setattr(program, 'make_call', lambda *_: jax.jit(lambda x, y, counts: x @ y))
    held, x = jax.config.jax_compilation_cache_dir, jnp.ones((3, 3))
    experiment = setup(small(), devices=1)
    entries = lambda: list(tmp_path.glob('*-cache'))
    with stopwatch.compilation_cache(tmp_path):
        compiled = lambda: stopwatch.compile_call(experiment, x, x)
        compiled()
        first = entries()
        compiled()
        assert first and entries() == first
        for path in first:
            path.write_bytes(b'spoilt')
        with pytest.warns(UserWarning, match='persistent compilation cache'):
            compiled()
    assert jax.config.jax_compilation_cache_dir == held


# The whole.

PARTS = {
    'experiment', 'device', 'processes', 'packages', 'compile', 'steps_per_second', 'examples_per_second', 'flops',
    'bytes', 'data', 'beside', 'updates', 'profile',
}  # fmt: skip


def check(found: dict, config: ConfigDict, kind: str, updates: list[str], terms: dict[str, list[str]]) -> None:
    """What holds of all figures. `terms`: those of each update that has some."""
    assert found.keys() == PARTS and found['data']['kind'] == kind
    speed, flops, train = found['steps_per_second'], found['flops'], config.train
    assert len(speed['windows']) == 2 and speed['min'] <= speed['median'] <= speed['max']
    assert found['examples_per_second']['max'] == pytest.approx(train.batch_size * train.n_critic * speed['max'])
    assert flops['share_of_matmul'] == pytest.approx(flops['per_second'] / flops['matmul_per_second'])
    assert found['bytes']['planned_peak'] > 0 and found['bytes']['device_peak'] is None
    assert found['beside'].keys() == {'logs', 'pictures', 'scores', 'checkpoints'}
    assert all(0 < each['share'] < 1 and each['seconds'] > 0 for each in found['beside'].values())
    assert list(found['updates']) == updates
    for name, update in found['updates'].items():
        added = update['terms']
        assert (added and added['names']) == terms.get(name)
        assert added is None or 0 < added['flops'] < update['flops']
        assert 0 < update['flops'] <= flops['step'] and update['seconds']['median'] > 0


def test_every_figure_of_a_toy_on_one_device(tmp_path: Path) -> None:
    config = pacgan_grid25.get_config('smoke')
    found = benchmark.measure(setup(config, devices=1), tmp_path, None, QUICK)
    check(json.loads(json.dumps(found, allow_nan=False)), config, 'drawn', ['both'], {})


CONFIG = """
from test_benchmark import small

def get_config(variant=''):
    return small(**{'terms.wgan_gp.weight': 10.0, 'game': 'wasserstein', 'data.on_device_max_mb': 0.0})
"""


def test_a_run_in_the_folder_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """By the command line: four devices, streamed data, a penalty, a trace, and what a killed benchmark has left."""
    path, folder = tmp_path / 'small.py', tmp_path / 'run'
    path.write_text(CONFIG)
    before = {'config.json': b'{}', 'checkpoints/4/state': b'4', 'metrics.csv': b'step\n', 'samples/a.png': b'png'}
    for name, content in {**before, '.benchmark-0/files/reports/metrics.csv': b'no csv'}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    monkeypatch.setattr(benchmark, 'Effort', lambda: QUICK)
    monkeypatch.setattr(sys, 'argv', argv := [
        'launch.py', f'--config={path}', f'--workdir={folder}', '--mode=benchmark', '--profile'
    ])  # fmt: skip
    try:
        assert launch.main(argv) == 0
    finally:
        launch.flags.FLAGS.unparse_flags()
        for name in launch.flags.FLAGS:
            launch.flags.FLAGS[name].unparse()
    after = {str(file.relative_to(folder)): file for file in folder.rglob('*') if file.is_file()}
    assert {name: after[name].read_bytes() for name in before} == before
    new = after.keys() - before.keys()
    assert 'benchmark.json' in new and all(name.startswith('profile/') for name in new - {'benchmark.json'})
    found, out = json.loads((folder / 'benchmark.json').read_text()), capsys.readouterr().out
    check(found, config_file.load(path).get_config(), 'streamed', ['critic', 'generator'], {'critic': ['wgan_gp']})
    assert found['profile'] in out and str(folder / 'benchmark.json') in out and 'for wgan_gp' in out
    with gzip.open(found['profile']) as file:
        events = json.load(file)['traceEvents']
    assert len(events) > 100 and any('dot' in event.get('name', '') for event in events)


def test_what_is_computed_again_takes_no_memory() -> None:
    """Without `remat`, what norms and activations came to is kept for the gradients."""

    def temporary(remat: bool) -> int:
        config = small(**{'train.batch_size': 128, 'train.conv': 'matmul', 'train.remat': remat})
        config.generator = config.critic = ConfigDict({'net': 'sngan', 'width': 8, 'norm': 'batch'})
        experiment = setup(config, devices=1)
        shapes = experiment.abstract(), experiment.source.arrays, program.counts(experiment, 0)
        return program.make_call(experiment).lower(*shapes).compile().memory_analysis().temp_size_in_bytes

    assert temporary(True) < 0.8 * temporary(False)


def test_the_table_of_a_net() -> None:
    """Its columns have one order: flax's own table has them in that of a set, which changes from launch to launch."""
    experiment = setup(small(**{'critic.norm': 'batch'}), devices=1)
    net = experiment.system.nets['critic']
    table = describe._table(net)
    params, stats = jax.eval_shape(net.init, jax.random.key(0))
    assert table.index(' params ') < table.index(' batch_stats ') and 'BatchNorm' in table
    for tree in (params, stats):
        assert f' {count(tree):,} ({size_of(tree):,} B) ' in table.splitlines()[-2]


def test_the_rows_of_a_table_come_to_its_total() -> None:
    """Also where a net has parameters of its own, outside of all layers."""
    point = nets.generator({'net': 'dirac'}, Spec((1,)), 1, Compute())
    layers = setup(small(), devices=1).system.nets['critic']
    for net in (point, layers):
        *rows, total = re.findall(r'([\d,]+) \([\d,]+ B\)', describe._table(net))
        assert sum(int(row.replace(',', '')) for row in rows) == int(total.replace(',', '')) > 0
