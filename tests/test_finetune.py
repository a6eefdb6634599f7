"""Training that begins from another run: from the command line's call to sweeps, and layers that are frozen."""

import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import launching
import numpy as np
import optax
import pytest
from launching import ROOT
from ml_collections import ConfigDict

from experiments import common
from gans import modes, optimizers
from gans.core import Compute, Spec
from gans.errors import UserError
from gans.step import init_state, make_train_step
from gans.sweep import run as sweep_run
from gans.training import loop
from gans.training.checkpoints import Checkpoints
from gans.training.leaves import by_path
from gans.training.logs import read_metrics
from gans.training.setup import setup, system_of

pytestmark = pytest.mark.usefixtures('compiled')


def config_of(**changes) -> ConfigDict:
    config = common.get_config()
    config.data.name = 'ring'
    config.latents.size = 4
    config.generator = ConfigDict({'net': 'mlp', 'widths': (8, 8)})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (8, 8), 'norm': 'spectral'})
    config.ema.decay = 0.9
    config.train.update(steps=4, batch_size=8, log_every=2)
    common.every(config, 2)
    config.eval.samples = 32
    config.update_from_flattened_dict(changes)
    return config


@pytest.fixture(autouse=True)
def one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, 'device_count', lambda: 1)


@pytest.fixture(scope='module')
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp('source')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, 'device_count', lambda: 1)
        loop.train(config_of(), folder)
    return folder


def leaves_of(folder: Path) -> dict[str, np.ndarray]:
    return Checkpoints(folder / 'checkpoints').restore(None).state


# Runs


def test_it_begins_from_the_other_run_and_a_resumed_one_needs_it_no_more(source: Path, tmp_path: Path, capsys) -> None:
    """--mode=finetune is --mode=train with config.finetune. Before any step it scores what the other run ended with."""
    copied, folder, again = (tmp_path / name for name in ('source', 'run', 'again'))
    shutil.copytree(source, copied)
    modes.finetune(config_of(), folder, modes.Options(run=str(copied), step='4'))
    said = capsys.readouterr().err
    assert f'begins from {copied}, step 4: ' in said and 'untrained' not in said
    score = 'eval/sliced_wasserstein'
    assert read_metrics(folder / 'metrics.csv')[score][0] == read_metrics(source / 'metrics.csv')[score][-1]
    shutil.copytree(folder, again)
    shutil.rmtree(again / 'checkpoints' / '4')
    (again / 'summary.json').unlink()
    shutil.rmtree(copied)
    modes.train(config_of(**{'finetune.run': str(copied), 'finetune.step': '4'}), again, modes.Options())
    assert 'going on from step 2' in capsys.readouterr().err
    whole, resumed = leaves_of(folder), leaves_of(again)
    assert whole.keys() == resumed.keys()
    for path in whole:
        np.testing.assert_array_equal(resumed[path], whole[path], err_msg=path)
    assert (again / 'metrics.csv').read_bytes() == (folder / 'metrics.csv').read_bytes()


def test_an_experiment_that_was_not_told_to_begin_is_untrained() -> None:
    """Its state is the untrained one that evaluation wants, and no other run is read for it."""
    experiment = setup(config_of(**{'finetune.run': 'gone'}))
    assert not experiment.start and experiment.init().step == 0
    with pytest.raises(UserError, match='there is no run in gone'):
        experiment.begin()


def test_a_mistake_claims_no_folder(source: Path, tmp_path: Path) -> None:
    for changes in (
        {'finetune.run': str(tmp_path / 'nothing')},
        {'generator.widths': (8, 9), 'finetune.run': str(source)},
    ):
        with pytest.raises(UserError):
            loop.train(config_of(**changes), tmp_path / 'run')
        assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize(
    'args, said',
    [
        (('--config=CONFIG', '--from=somewhere'), '--from is for --mode=finetune'),
        (('--config=CONFIG', '--mode=sample', '--from=somewhere'), '--from is for --mode=finetune'),
        (('--sweep=CONFIG', '--from=somewhere'), '--from is for --mode=finetune'),
    ],
)
def test_the_flag_in_other_modes(args: tuple[str, ...], said: str, capsys: pytest.CaptureFixture) -> None:
    assert launching.main(*(arg.replace('CONFIG', str(ROOT / 'experiments' / 'gan_ring8.py')) for arg in args)) == 2
    assert said in capsys.readouterr().err


def test_the_mode_without_the_flag(tmp_path: Path) -> None:
    with pytest.raises(UserError, match='fine-tune which run'):
        modes.finetune(config_of(), tmp_path, modes.Options())


# Sweeps


def test_members_of_a_population_are_their_solo_runs(source: Path, tmp_path: Path, capsys) -> None:
    """And what is frozen is as in the other run to the last bit, though the weights are clipped."""
    path = tmp_path / 'some.py'
    path.write_text("def sweep(add):\n    add('frozen', **{'finetune.freeze': ('critic/dense_0',)})\n")
    config = config_of(**{'finetune.run': str(source), 'optimizer.critic.clip_weights': 0.01, 'train.steps': 2})
    sweep_run.run(path, config, tmp_path / 'sweep', 2, None, 'python launch.py')
    assert capsys.readouterr().err.count('begins from') == 1
    config.finetune.freeze, config.seed = ('critic/dense_0',), 1
    loop.train(config, tmp_path / 'alone')
    together, alone = leaves_of(tmp_path / 'sweep' / 'rows' / 'frozen' / 'seed_1'), leaves_of(tmp_path / 'alone')
    there = leaves_of(source)
    assert together.keys() == alone.keys()
    for path in alone:
        np.testing.assert_allclose(together[path], alone[path], atol=1e-5, rtol=1e-4, err_msg=path)
        if path.startswith('params/'):
            still = path.startswith('params/critic/dense_0/')
            assert np.array_equal(alone[path], there[path]) == np.array_equal(together[path], there[path]) == still


def test_a_row_without_its_source_stops_the_sweep_before_any_training(tmp_path: Path) -> None:
    path = tmp_path / 'some.py'
    path.write_text("def sweep(add):\n    add('scratch')\n    add('tuned', **{'finetune.run': '/nowhere'})\n")
    with pytest.raises(UserError, match="row 'tuned': there is no run in /nowhere"):
        sweep_run.run(path, config_of(), tmp_path / 'sweep', 1, None, 'python launch.py')
    assert not (tmp_path / 'sweep' / 'rows').exists()


# freezeD


def test_frozen_layers_see_neither_decay_nor_clipping_and_are_no_part_of_the_norm() -> None:
    tree = lambda low, high: {'critic': {'low': {'w': jnp.full(3, low)}, 'high': {'w': jnp.full(1, high)}}}
    clip, decay = optax.clip_by_global_norm(1.0), optax.add_decayed_weights(0.1)
    tx = optax.chain(clip, decay, optax.sgd(1.0), optimizers.clip_weights(3.25))
    for frozen, low, high in ((('critic/low',), 5.0, 2.6), ((), 3.25, 3.25)):  # 2.6 is 4 - 1 - 0.1 * 4
        made = optimizers.freeze(tx, frozen)
        change, _ = made.update(tree(100.0, 2.0), made.init(tree(5.0, 4.0)), tree(5.0, 4.0))
        after = optax.apply_updates(tree(5.0, 4.0), change)['critic']
        np.testing.assert_array_equal(after['low']['w'], np.float32(low))
        np.testing.assert_allclose(after['high']['w'], high, rtol=1e-6)


def test_players_that_move_at_once_leave_frozen_layers_alone() -> None:
    config = config_of(**{'dynamics': 'simultaneous', 'finetune.freeze': ('critic/dense_0', 'critic/out')})
    system = system_of(config, Spec((2,)), Compute())
    step = jax.jit(make_train_step(system), static_argnums=2)
    before = jax.jit(lambda: init_state(system, jax.random.key(0)))()
    batch = {'real': np.random.default_rng(0).normal(size=(1, 8, 2)).astype(np.float32)}
    after, _ = step(before, batch, ('both',))
    old, new = (by_path(state.params) for state in (before, after))
    still = {path for path in old if np.array_equal(old[path], new[path])}
    assert still == {path for path in old if path.startswith(('critic/dense_0/', 'critic/out/'))}


@pytest.mark.parametrize(
    'changes, said',
    [
        ({'finetune.freeze': ('critic/block_8',), 'finetune.run': 'x'}, "'block_8'; known: dense_0, dense_1, out"),
        ({'finetune.freeze': ('critic/dense_2',), 'finetune.run': 'x'}, "'dense_2'; did you mean 'dense_1'"),
        ({'finetune.freeze': ('dense_0',), 'finetune.run': 'x'}, 'give NET/LAYER, NET one of generator, critic'),
        ({'finetune.freeze': ('critic/dense_0',)}, 'would freeze an untrained layer'),
        (
            {'finetune.freeze': ('critic/dense_0',), 'system': 'unrolled', 'game': 'minimax'},
            "in system 'unrolled', where the loss of 'generator' looks ahead as if nothing were frozen",
        ),
        (
            {'finetune.freeze': ('critic/dense_0',), 'finetune.run': 'x', 'finetune.nets': ('generator',)},
            'untrained layer',
        ),
    ],
)
def test_mistakes_about_what_is_frozen(changes: dict, said: str) -> None:
    with pytest.raises(UserError) as error:
        setup(config_of(**changes))
    assert said in str(error.value) and '\n' not in str(error.value)
