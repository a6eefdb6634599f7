"""Stages: what a run of several is made of, what passes from one to the next, and that it is one run for all that."""

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest
from launching import FAST, ROOT
from ml_collections import ConfigDict

from gans import cli, config_file, configs
from gans.cost import benchmark, describe
from gans.cost.stopwatch import compilation_cache
from gans.data import feed
from gans.errors import Stopped, UserError
from gans.training import draw, graft, loop, setup, workdir
from gans.training.checkpoints import Checkpoints
from gans.training.leaves import by_path
from gans.training.logs import read_metrics
from gans.training.setup import passes, setup_stages
from gans.training.stages import at, begin_of, stages

# Three stages: two sizes of images, two of batches, and another system without a penalty. The long one is to be killed.
CONFIG = """
from ml_collections import ConfigDict
from experiments import common

def get_config(variant=''):
    unit = 20 if variant == 'long' else 2
    config = common.get_config()
    config.data.update(name='openmoji', size=16, num=100, flip=True)
    config.latents.size = 4
    config.generator = ConfigDict({'net': 'mlp', 'widths': (8,), 'norm': 'batch'})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (8,), 'norm': 'spectral'})
    config.terms.r1 = {'weight': 1.0, 'every': 2}
    config.ema.decay = 0.9
    config.train.update(steps=12 * unit, batch_size=8, n_critic=2, log_every=2, checkpoint_every=unit, keep=20)
    config.train.sample_every = 3 * unit
    config.eval.update(every=2 * unit, samples=16, features=None)
    config.stages.big = {'begin': 5 * unit, 'data': {'size': 32}, 'train': {'batch_size': 4}}
    config.stages.last = {
        'begin': 8 * unit, 'data': {'size': 32}, 'system': 'infogan', 'train': {'n_critic': 1}, 'terms': {'r1': None}
    }
    return config
"""
BIG, LAST, END = 10, 16, 24  # steps at which the short one's stages begin, and the last one ends
# Trains straight to the end in one folder; in another it is killed four times, as soon as there are so many lines of
# metrics.csv, or a checkpoint of that step is begun. Its children are forked, so that each need not import anew.
KILLER = """
import os, random, signal, sys, time
from pathlib import Path
from gans import compiled, config_file
from gans.training import loop
from gans.training.signals import Signals

def child(folder):
    pid = os.fork()
    if pid == 0:
        compiled.use(Path(sys.argv[3], 'cache'))
        Signals.received = lambda self: time.sleep(0.003)  # lest it is over before it is killed
        loop.curves = lambda folder: None  # which takes seconds to draw
        loop.train(config_file.read(sys.argv[1]), Path(folder))
        os._exit(0)
    return pid

def reached(folder, moment):
    if isinstance(moment, str):
        return any(Path(folder, 'checkpoints').glob(moment + '*'))
    path = Path(folder, 'metrics.csv')
    return path.exists() and path.read_bytes().count(10) > moment

straight, killed = sys.argv[3] + '/straight', sys.argv[3] + '/killed'
assert os.waitpid(child(straight), 0)[1] == 0
chance = random.Random(int(sys.argv[2]))
rows = sorted(chance.sample(range(1, 112), 2))
moments = [row for row in rows if row <= 50] + ['100'] + [row for row in rows if 50 < row <= 80] + ['160']
moments += [row for row in rows if row > 80]
for moment in moments:
    pid = child(killed)
    while not reached(killed, moment):
        time.sleep(0.001)
    time.sleep(chance.random() * 0.02)
    os.kill(pid, signal.SIGKILL)
    print('killed at', moment, os.waitpid(pid, 0)[1] == signal.SIGKILL, flush=True)
assert os.waitpid(child(killed), 0)[1] == 0
"""


@pytest.fixture(scope='module')
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp('config') / 'staged.py'
    found.write_text(CONFIG)
    return found


@pytest.fixture(scope='module')
def config(path: Path) -> ConfigDict:
    return config_file.read(str(path))


@pytest.fixture(scope='module', autouse=True)
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Programs are compiled once for all runs of this file."""
    with compilation_cache(tmp_path_factory.mktemp('compiled')), pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, 'device_count', lambda: 1)
        yield


@pytest.fixture(scope='module')
def straight(config: ConfigDict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('straight')
    loop.train(config, folder)
    return folder


def changed(config: ConfigDict, changes: dict) -> ConfigDict:
    return configs.override(config, changes, 'of a test')


def last_of(folder: Path) -> tuple[int, dict[str, np.ndarray]]:
    found = Checkpoints(folder / 'checkpoints').restore(None)
    return found.step, found.state


def assert_same(folder: Path, other: Path) -> None:
    """Metrics, pictures and the last checkpoint, to the last bit."""
    assert (folder / 'metrics.csv').read_bytes() == (other / 'metrics.csv').read_bytes()
    names = sorted(path.name for path in (other / 'samples').iterdir())
    assert names == sorted(path.name for path in (folder / 'samples').iterdir())
    for name in names:
        assert (folder / 'samples' / name).read_bytes() == (other / 'samples' / name).read_bytes(), name
    (step, ours), (other_step, theirs) = last_of(folder), last_of(other)
    assert step == other_step and ours.keys() == theirs.keys()
    for leaf in ours:
        assert ours[leaf].tobytes() == theirs[leaf].tobytes(), leaf


# The config


def test_a_stage_is_the_base_with_its_keys_laid_over_it(config: ConfigDict) -> None:
    first, big, last = stages(config)
    assert [(each.name, each.begin, each.end) for each in (first, big, last)] == [
        ('', 0, BIG),
        ('big', BIG, LAST),
        ('last', LAST, END),
    ]
    assert big.config.data.to_dict() == first.config.data.to_dict() | {'size': 32}
    assert (big.config.train.batch_size, last.config.train.batch_size) == (4, 8)  # of the base, not of the stage before
    assert 'r1' in big.config.terms and 'r1' not in last.config.terms and last.config.system == 'infogan'
    assert not any(each.config.stages or 'begin' in each.config for each in (first, big, last))
    (only,) = stages(first.config)
    assert only.config is first.config and only.end == BIG
    longer = stages(changed(config, {'train.steps': 40}))
    assert [each.end for each in longer] == [BIG, LAST, 40]


def test_a_section_that_names_its_function_takes_the_place_of_the_base(config: ConfigDict) -> None:
    of = lambda key, value: configs.of_one_stage(changed(config, {f'stages.big.{key}': value}), 'big')
    assert of('generator', {'widths': (4,)}).generator.to_dict() == {'net': 'mlp', 'widths': (4,), 'norm': 'batch'}
    assert of('generator', {'net': 'dcgan', 'width': 4}).generator.to_dict() == {'net': 'dcgan', 'width': 4}
    assert of('data', {'name': 'ring'}).data.to_dict() == {'name': 'ring'}
    assert of('optimizer.critic', {'learning_rate': 1}).optimizer.critic.b1 == 0.5
    assert of('ema.decay', None).ema.decay is None
    assert of('terms.r1', {'weight': 3.0}).terms.r1.every == 2 and 'r1' not in of('terms.r1', None).terms


def test_stages_on_the_command_line_and_in_json(path: Path, tmp_path: Path) -> None:
    words = [('stages.big.begin', '6'), ('stages.last', 'None'), ('stages.new.train.batch_size', '2')]
    made = cli.read_config(str(path), [*words, ('stages.new.begin', '20'), ('stages.new.terms.r1', 'None')])
    assert [(each.name, each.begin, each.config.train.batch_size) for each in stages(made)] == [
        ('', 0, 8),
        ('big', 6, 4),
        ('new', 20, 2),
    ]
    (tmp_path / 'config.json').write_text(json.dumps(made.to_dict()))
    again = config_file.read(str(tmp_path / 'config.json'))
    assert configs.flatten(again) == configs.flatten(made)
    assert [configs.flatten(each.config) for each in stages(again)] == [
        configs.flatten(each.config) for each in stages(made)
    ]


@pytest.mark.parametrize(
    'changes, said',
    [
        ({'stages.big.train.batchsize': 4}, "did you mean 'train.batch_size'?"),
        ({'stages.big.data.size': 'x'}, "data.size='x' of stage 'big' of a test does not fit: expected a whole number"),
        ({'stages.big.begin': 0}, 'stages.big.begin=0 must be at least 1'),
        ({'stages.big.begin': 2.5}, "begin=2.5 of stage 'big' of a test does not fit: expected a whole number"),
        ({'stages.big.begin': LAST}, f'stages.big.begin={LAST} must be less than stages.last.begin={LAST}'),
        ({'stages.last.begin': END}, f'stages.last.begin={END} must be less than train.steps={END}'),
        ({'stages.new.train.batch_size': 4}, "stage 'new' does not begin: set stages.new.begin"),
        ({'stages.new': 7}, 'stages.new=7 of a test does not fit: expected a section'),
        ({'stages.big.seed': 7}, 'seed holds for the whole run, not for a stage'),
        ({'stages.big.train.steps': 7}, 'train.steps holds for the whole run'),
        ({'stages.big.train.keep': 7}, 'train.keep holds for the whole run'),
        ({'stages.big.finetune.run': 'here'}, 'finetune.run holds for the whole run'),
        ({'stages.big.population': {'max_size': 3}}, 'population.max_size holds for the whole run'),
        ({'stages.big.stages.more.begin': 3}, 'stages.more.begin holds for the whole run'),
        ({'stages.big.train.batch_size': 0}, 'stages.big.train.batch_size=0 must be at least 1'),
        ({'stages.last.terms.r1.weight': -1}, 'stages.last.terms.r1.weight=-1 must be at least 0'),
        ({'stages.big.data.size': 17}, "stage 'big': data.size is 17; openmoji comes in"),
        ({'stages.big.critic': {'net': 'dcgan', 'minibatch': 'foo'}}, "stage 'big': unknown critic.minibatch 'foo'"),
        ({'stages.last.system': 'gann'}, "stage 'last': unknown system 'gann'"),
        (
            {'stages.big.train.log_every': 3, 'stages.big.train.steps_per_call': 2},
            "stage 'big': train.log_every=3 must",
        ),
        ({'stages.big.train': {'steps_per_call': 4, 'log_every': 4}}, 'train.steps_per_call=4 of stage'),
        ({'train.steps_per_call': 4, 'train.log_every': 4}, 'train.steps_per_call=4 of the stretch before it'),
        ({'train.steps': 2**30}, 'examples; the limit is'),
    ],
)
def test_what_is_refused(config: ConfigDict, changes: dict, said: str) -> None:
    with pytest.raises(UserError) as error:
        setup_stages(changed(config, changes), devices=1)
    assert said in str(error.value) and '\n' not in str(error.value)


def test_a_mistake_in_the_loss_of_a_later_stage_is_told_before_the_first_is_trained(
    config: ConfigDict, tmp_path: Path, monkeypatch
) -> None:
    def failing(*_: object) -> object:
        raise UserError('this loss will not do')

    really = setup.make_train_step
    no_infogan = lambda system, axis: failing if 'recognition' in system.nets else really(system, axis)
    monkeypatch.setattr(setup, 'make_train_step', no_infogan)
    with pytest.raises(UserError, match=r"^stage 'last': this loss will not do$"):
        loop.train(config, tmp_path)
    assert not (tmp_path / 'config.json').exists()


# What passes on


def state_of(experiment: object, seed: int = 0) -> object:
    """A state whose leaves are all different from those of a fresh one."""
    state = jax.device_get(experiment.init())
    shift = lambda tree: jax.tree.map(lambda x: x + np.asarray(1 + seed, x.dtype), tree)
    return state.replace(
        step=np.int32(experiment.end), params=shift(state.params), stats=shift(state.stats), opt=shift(state.opt),
        ema=shift(shift(state.ema)), memory=shift(state.memory),
    )  # fmt: skip


def test_optimizers_pass_on_with_their_nets_or_not_at_all(config: ConfigDict) -> None:
    """Where the batch alone changes all is carried over; where a net grows, its own optimizer begins anew."""
    both = changed(
        config, {'stages.big': None, 'stages.last': None, 'stages.batch': {'begin': 4, 'train.batch_size': 4}}
    )
    first, batch = setup_stages(both, devices=1)
    old = state_of(first)
    new, fresh = jax.device_get(batch.pass_on(old)), jax.device_get(batch.init())
    assert by_path(new).keys() == by_path(old).keys()
    same = lambda a, b: jax.tree.map(np.testing.assert_array_equal, a.replace(rng=()), b.replace(rng=()))
    same(new, old)
    assert passes((first, batch), batch).endswith('leaves of critic and generator carried over; fresh: none')

    wide = changed(both, {'stages.batch.critic.widths': (8, 6)})
    first, wider = setup_stages(wide, devices=1)
    new, fresh = jax.device_get(wider.pass_on(old)), jax.device_get(wider.init())
    old_critic, new_critic = old.params['critic'], new.params['critic']
    np.testing.assert_array_equal(new_critic['dense_0']['kernel'], old_critic['dense_0']['kernel'])
    np.testing.assert_array_equal(new_critic['dense_1']['kernel'], fresh.params['critic']['dense_1']['kernel'])
    jax.tree.map(np.testing.assert_array_equal, new.opt['generator'], old.opt['generator'])
    jax.tree.map(np.testing.assert_array_equal, new.opt['critic'], fresh.opt['critic'])  # zero moments, count zero
    assert new.step == old.step and jax.random.key_data(new.rng).tolist() == jax.random.key_data(old.rng).tolist()
    said = passes((first, wider), wider)
    assert (
        said.startswith("stage 'batch' begins after step 4: ")
        and "fresh: optimizer of critic, critic/params/dense_1/" in said
    )


def test_averages_that_begin_in_a_stage_begin_at_its_weights(config: ConfigDict) -> None:
    two = changed(config, {'stages.big': None, 'ema.decay': None, 'stages.last.ema.decay': 0.5})
    first, last = setup_stages(changed(two, {'stages.last.data.size': 16}), devices=1)
    new = jax.device_get(last.pass_on(state_of(first)))
    jax.tree.map(np.testing.assert_array_equal, new.ema['generator'].params, new.params['generator'])


def test_a_memory_passes_on_whole_or_not_at_all(config: ConfigDict) -> None:
    """An empty pool of larger images must not be taken for a full one."""
    pooled = changed(
        config, {'stages.last': None, 'replay.size': 16, 'replay.fresh': 2, 'terms.lecam': {'weight': 0.1}}
    )
    first, big = setup_stages(pooled, devices=1)
    old = state_of(first)
    new, fresh = jax.device_get(big.pass_on(old)), jax.device_get(big.init())
    alike = lambda a, b: all(map(np.array_equal, jax.tree.leaves(a), jax.tree.leaves(b)))
    kinds = {
        name: (alike(new.memory[name], old.memory[name]), alike(new.memory[name], fresh.memory[name]))
        for name in old.memory
    }
    assert sorted(kinds.values()) == [(False, True), (True, False)], kinds
    assert 'memory of' in passes((first, big), big)


def test_dcgan_grows_by_path(config: ConfigDict) -> None:
    """Layers are named by resolution: what makes 16 px is found in a net of 32 px, of half the width as channels double
    with every halving.
    """
    nets = {role: {'net': 'dcgan', 'width': 8} for role in ('generator', 'critic')}
    grown = {f'stages.big.{role}.width': 4 for role in nets} | {'stages.last': None}
    first, big = setup_stages(changed(config, nets | grown), devices=1)
    found = graft.graft(*({'params': each.abstract().params} for each in (first, big)))
    layers = lambda paths: {tuple(path.split('/')[1:3]) for path in paths}
    assert layers(found.carried) == {
        *(('generator', layer) for layer in ('stem_4', 'norm_4', 'block_8', 'norm_8')),
        *(('critic', layer) for layer in ('block_8', 'norm_8', 'out')),
    }
    assert {layer.rpartition('_')[2] for _, layer in layers(found.fresh)} == {'16', '32'}


def test_examples_are_numbered_on_without_a_gap(config: ConfigDict) -> None:
    experiments, places, streamed = setup_stages(config, devices=1), [], []
    for stage in experiments:
        for step in range(stage.since, stage.end):
            places.append(np.ravel(feed.positions(step, **stage.shares)))
        source = stage.source._replace(arrays=None, read=lambda index: {'index': index})
        for raw in feed.stream(source, jax.random.key(0), stage.since, stage.end, threads=0, **stage.shares):
            streamed.append(np.ravel(raw['index']))
    places = np.concatenate(places)
    assert places.tolist() == list(range(10 * 16 + 6 * 8 + 8 * 8))
    order = feed.shuffle(places, 100, np.asarray(feed.shuffle_seed(jax.random.key(0))))
    assert np.concatenate(streamed).tolist() == order.tolist()


# Runs


def test_a_run_of_three_stages(straight: Path, config: ConfigDict) -> None:
    columns = read_metrics(straight / 'metrics.csv')
    assert {BIG, LAST, END} <= set(columns['step'].astype(int))  # a stage's end is reported, though no cadence has it
    penalized = columns['step'][np.isfinite(columns['r1/loss'])]
    assert penalized.max() == LAST
    checkpoints = Checkpoints(straight / 'checkpoints')
    assert checkpoints.steps() == list(range(2, END + 1, 2))
    scores = {step: checkpoints.restore(None, step).score is not None for step in checkpoints.steps()}
    assert {step for step, scored in scores.items() if scored} == {20, 24}  # those of the last stage decide
    assert checkpoints.restore(None, 'best').step > LAST
    summary = json.loads((straight / 'summary.json').read_text())
    assert not summary['untrained'] and 'r1/loss' not in summary['final'] and 'critic/loss' in summary['final']
    assert begin_of(config, END) == LAST and begin_of(config, LAST) == BIG and begin_of(config, 0) == 0


@pytest.mark.parametrize('step, size', [(4, 16), (BIG, 16), (BIG + 2, 32), (LAST, 32), (END, 32)])
def test_samples_from_any_checkpoint(straight: Path, config: ConfigDict, tmp_path: Path, step: int, size: int) -> None:
    draw.sample(
        workdir.read_config(straight / 'config.json'),
        straight,
        draw.Options(3, 0, str(step), str(tmp_path / 'some.npz')),
    )
    assert np.load(tmp_path / 'some.npz')['samples'].shape == (3, size, size, 3)


def test_another_run_begins_from_any_stage(straight: Path, config: ConfigDict) -> None:
    experiments = setup_stages(config, devices=1)
    for step, fresh in ((BIG, 'none'), (END, 'recognition')):  # which is InfoGAN's, and not in finetune.nets
        options = config.finetune.to_dict() | {'run': str(straight), 'step': str(step)}
        start, said = graft.read(options, at(experiments, step).system)
        assert f'step {step}: {len(start)} leaves' in said and said.endswith(f'fresh: {fresh}')


def test_a_damaged_checkpoint_falls_back_into_the_stage_before(
    straight: Path, config: ConfigDict, tmp_path: Path, monkeypatch, capsys
) -> None:
    stopped_after(BIG + 2, config, tmp_path, monkeypatch)
    for file in (tmp_path / 'checkpoints' / str(BIG + 2)).rglob('*'):
        if file.is_file() and file.stat().st_size > 200:
            file.write_bytes(file.read_bytes()[:100])
    loop.train(config, tmp_path)
    said = capsys.readouterr().err
    assert f'going on from step {BIG}' in said and said.count("stage 'big' begins after step 10") == 2
    assert_same(tmp_path, straight)


def stopped_after(step: int, config: ConfigDict, folder: Path, monkeypatch) -> None:
    """A run that a SIGTERM stops after so many steps."""
    calls = itertools.count(1)
    with monkeypatch.context() as patch:
        patch.setattr(loop.Signals, 'received', lambda self: signal.SIGTERM if next(calls) == step else None)
        with pytest.raises(Stopped, match=f'SIGTERM: saved step {step} '):
            loop.train(config, folder)


def test_what_may_change_of_a_stage(straight: Path, config: ConfigDict) -> None:
    data = setup_stages(config, devices=1)[0].source._replace(
        digest=json.loads((straight / 'data.json').read_text())['digest']
    )
    workdir.check(straight, changed(config, {'stages.big.train.log_every': 4, 'train.steps': 30}), data, END)
    with pytest.raises(UserError, match=r'stages.big.train.batch_size \(4 there, 2 now\)'):
        workdir.check(straight, changed(config, {'stages.big.train.batch_size': 2}), data, END)


def test_describe_and_benchmark_take_each_stage_in_turn(config: ConfigDict, tmp_path: Path, monkeypatch) -> None:
    said = describe.describe(config)
    assert [said.count(f'shape {shape}') for shape in ((16, 16, 3), (32, 32, 3))] == [1, 2]
    assert said.count("stage 'big' begins after step 10: ") == 1 and 'steps        6, 1 a call' in said
    first = describe.describe(stages(config)[0].config)
    assert said.startswith(first)
    monkeypatch.setattr(benchmark, 'measure', lambda experiment, *_: {'shape': experiment.source.spec.shape})
    monkeypatch.setattr(benchmark, 'format_benchmark', lambda found: [f'measured {found["shape"]}'])
    text = benchmark.benchmark(config, tmp_path)
    assert [line for line in text.splitlines() if line.startswith('measured')] == [
        'measured (16, 16, 3)', 'measured (32, 32, 3)', 'measured (32, 32, 3)',
    ]  # fmt: skip
    held = json.loads((tmp_path / 'benchmark.json').read_text())
    assert [(each['stage'], each['begin']) for each in held] == [('', 0), ('big', BIG), ('last', LAST)]


def test_killed_four_times_it_ends_in_the_same_bits(path: Path, tmp_path: Path) -> None:
    """SIGKILL at two random moments, and while the checkpoint of each border is written."""
    done = subprocess.run(
        [sys.executable, '-c', KILLER, f'{path}:long', '1', str(tmp_path)],
        cwd=ROOT, env=os.environ | {'XLA_FLAGS': FAST}, capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count('True') == 4, done.stdout
    assert_same(tmp_path / 'killed', tmp_path / 'straight')
    assert last_of(tmp_path / 'killed')[0] == 240
