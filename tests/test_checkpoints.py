import json
import logging
import shutil
import signal
import subprocess
import sys
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gans.core import TrainState, Weights
from gans.errors import UserError
from gans.numerics import numerics
from gans.training import orbax
from gans.training.checkpoints import Checkpoints


def make_state(seed=0, width=4) -> TrainState:
    """Every kind of leaf that a state may have."""
    key = jax.random.key(seed)
    params = {
        'generator': {
            'kernel': jax.random.normal(key, (3, width)),
            'half': jax.random.normal(key, (5,), jnp.bfloat16),
        },
        'critic': {'kernel': jax.random.normal(key, (300, 7))},
    }
    tx = optax.chain(optax.clip(1.0), optax.adam(optax.linear_schedule(1.0, 0.0, 9)))
    memory = {
        'none': None,
        'bits': jax.random.bits(key, (4,)),
        'flag': jnp.array(True),
        'empty': jnp.zeros((0, 3)),
        'keys': jax.random.split(key, 3),
        'odd': jnp.array([-0.0, jnp.nan, jnp.inf, 1e-42]),
    }
    return TrainState(
        step=jnp.int32(3),
        params=params,
        stats={'generator': {}, 'critic': {'mean': jnp.ones(2)}},
        opt={'generator': tx.init(params['generator'])},
        ema={'generator': Weights(params['generator'], {})},
        memory=memory,
        rng=jax.random.key(seed, impl='threefry2x32'),
    )


def template(**kwargs) -> TrainState:
    return jax.eval_shape(lambda: make_state(**kwargs))


def raw(leaf) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf)


def assert_identical(a, b) -> None:
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for (path, x), y in zip(jax.tree.leaves_with_path(a), jax.tree.leaves(b), strict=True):
        assert (x.dtype, x.shape) == (y.dtype, y.shape), path
        assert raw(x).tobytes() == raw(y).tobytes(), path


@pytest.fixture
def state() -> TrainState:
    return jax.device_get(make_state())


def fill(folder, state, steps, **kwargs) -> Checkpoints:
    checkpoints = Checkpoints(folder, **kwargs)
    for step in steps:
        checkpoints.save(step, state, notes={'step': step})
    checkpoints.close()
    return Checkpoints(folder, **kwargs)


def test_round_trip_is_bit_identical(tmp_path, state) -> None:
    checkpoints = Checkpoints(tmp_path / 'deep' / 'folder')
    assert checkpoints.restore(template()) is None and checkpoints.restore(template(), 'best') is None
    assert not (tmp_path / 'deep').exists()  # reading makes nothing
    checkpoints.save(7, state, score=1.5, notes={'pair': (1, 2), 'nan': float('nan'), 3: 'x'})
    restored = checkpoints.restore(template())
    assert (restored.step, restored.score, restored.notes['pair'], restored.notes['3']) == (7, 1.5, [1, 2], 'x')
    assert_identical(restored.state, state)
    for leaf in jax.tree.leaves(restored.state):
        assert isinstance(leaf, np.ndarray) or jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    jax.random.normal(restored.state.rng)
    checkpoints.close()
    checkpoints.close()  # twice does no harm
    assert_identical(Checkpoints(tmp_path / 'deep' / 'folder').restore(template(), 7).state, state)


def test_python_and_numpy_scalars(tmp_path) -> None:
    state = {'a': 1, 'b': np.int64(2), 'c': np.float32(0.5), 'd': True}
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(0, state)
    shapes = {'a': jnp.int32, 'b': np.int64, 'c': jnp.float32, 'd': jnp.bool_}
    restored = checkpoints.restore({k: np.zeros((), v) for k, v in shapes.items()}).state
    assert {k: v.item() for k, v in restored.items()} == state
    checkpoints.close()


def test_state_may_change_right_after_save(tmp_path) -> None:
    big = {'x': np.ones((500, 1000), np.float32)}
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, big)
    big['x'][:] = 2
    assert (checkpoints.restore(jax.eval_shape(lambda: {'x': jnp.ones((500, 1000))})).state['x'] == 1).all()
    checkpoints.close()


def test_keeps_the_latest_and_the_best(tmp_path, state) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    scores = {1: None, 2: 3.0, 3: 9.0, 4: float('nan'), 5: 5.0, 6: None}
    for step, score in scores.items():
        checkpoints.save(step, state, score)
    checkpoints.wait()
    assert checkpoints.steps() == [2, 5, 6]
    assert checkpoints.restore(template()).step == 6
    assert checkpoints.restore(template(), 'best').step == 2
    assert checkpoints.restore(template(), 5).score == 5.0
    checkpoints.close()
    checkpoints = Checkpoints(tmp_path, keep=1)  # scores outlive the process
    checkpoints.save(7, state, 4.0)
    checkpoints.wait()
    assert checkpoints.steps() == [2, 7]
    checkpoints.save(8, state, 1.0)
    checkpoints.wait()
    assert checkpoints.steps() == [8]
    checkpoints.close()


def test_where_a_run_only_stopped_is_kept_while_it_is_the_last(tmp_path, state) -> None:
    """So a run that stopped and went on has the checkpoints of one that did not, the best among them."""
    checkpoints = Checkpoints(tmp_path, keep=2)
    for step, score in [(1, 4.0), (2, 5.0), (3, 6.0)]:
        checkpoints.save(step, state, score)
    checkpoints.save(4, state, 1.0, stays=False)
    checkpoints.close()
    checkpoints = Checkpoints(tmp_path, keep=2)  # another process
    assert checkpoints.steps() == [1, 2, 3, 4]
    assert [checkpoints.restore(template(), which).step for which in ('latest', 'best')] == [4, 4]
    checkpoints.save(5, state, 7.0, score_stays=False)
    checkpoints.wait()
    assert checkpoints.steps() == [1, 3, 5]
    checkpoints.close()
    for step, score in [(6, 0.5), (7, 8.0)]:  # 6 is the best as long as it is the last
        checkpoints.save(step, state, score, score_stays=step != 6)
        checkpoints.wait()
        assert checkpoints.restore(template(), 'best').step == (6 if step == 6 else 1)
    checkpoints.close()


def test_settings_of_jax_are_part_of_a_state(tmp_path, state, monkeypatch) -> None:
    """64 bits, say: another run, even where no leaf of its state has another type."""
    checkpoints = fill(tmp_path, state, [1])
    monkeypatch.setattr('gans.training.checkpoints.numerics', lambda: {'jax_enable_x64': True})
    said = r'checkpoint 1 .* was trained with JAX_ENABLE_X64=False, which is True now: set it as then, or use another'
    with pytest.raises(UserError, match=said):
        checkpoints.restore(template())
    assert checkpoints.restore(None).step == 1  # leaves are what they are
    fill(tmp_path / 'wide', state, [1])
    monkeypatch.undo()
    with pytest.raises(UserError, match=r'JAX_ENABLE_X64=True, which is False now'):
        Checkpoints(tmp_path / 'wide').restore(template())


def test_settings_of_jax_that_are_not_as_they_are_by_default() -> None:
    assert numerics() == {}
    with jax.enable_x64(True):
        assert numerics() == {'jax_enable_x64': True}


def test_a_step_is_saved_once(tmp_path, state) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, state, notes={'n': 1})
    checkpoints.save(1, state, notes={'n': 2})
    assert checkpoints.restore(template()).notes == {'n': 1}
    checkpoints.save(1, state)
    checkpoints.close()
    assert fill(tmp_path, state, [1]).restore(template()).notes == {'n': 1}


def test_wrong_requests(tmp_path, state) -> None:
    checkpoints = fill(tmp_path, state, [3, 4])
    with pytest.raises(UserError, match=r'no checkpoint of step 5.*\[3, 4\]'):
        checkpoints.restore(template(), 5)
    with pytest.raises(UserError, match=r"no checkpoint .* has a score.*'latest'"):
        checkpoints.restore(template(), 'best')
    with pytest.raises(UserError, match=r"'newest'.*'latest' or 'best'"):
        checkpoints.restore(template(), 'newest')
    with pytest.raises(UserError, match=r'no checkpoint of step 5.*none'):
        Checkpoints(tmp_path / 'absent').restore(template(), 5)
    with pytest.raises(UserError, match='keep at least 1'):
        Checkpoints(tmp_path, keep=0)


def test_another_system_is_not_damage(tmp_path, state) -> None:
    checkpoints = fill(tmp_path, state, [1])
    kernel = r"'params/generator/kernel' it holds float32\[3,4\], this config makes float32\[3,5\]"
    with pytest.raises(UserError, match=kernel):
        checkpoints.restore(template(width=5))
    less = template()
    less.params.pop('critic')
    with pytest.raises(UserError, match=r"'params/critic/kernel' it holds float32\[300,7\], this config makes nothing"):
        checkpoints.restore(less)
    more = template().replace(ema={'x': jax.ShapeDtypeStruct((2,), jnp.int8)})
    with pytest.raises(UserError, match=r"'ema/x' it holds nothing, this config makes int8\[2\]"):
        checkpoints.restore(more)
    other_key = template().replace(rng=jax.eval_shape(lambda: jax.random.key(0, impl='rbg')))
    with pytest.raises(UserError, match=r"'rng' it holds key<fry>"):
        checkpoints.restore(other_key)
    assert checkpoints.restore(template()).step == 1


def damage_cut(path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_flip(path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data)


def damage_delete(path) -> None:
    path.unlink()


@pytest.mark.parametrize('damage', [damage_cut, damage_flip, damage_delete])
def test_no_damaged_file_is_restored(tmp_path, state, damage, caplog, monkeypatch) -> None:
    monkeypatch.setattr('gans.training.checkpoints.GONE', 0)
    fill(tmp_path / 'good', state, [1, 2])
    files = [path.relative_to(tmp_path / 'good') for path in (tmp_path / 'good' / '2').rglob('*') if path.is_file()]
    assert len(files) > 5
    harmless = []
    for i, file in enumerate(files):
        folder = tmp_path / f'{i}'
        shutil.copytree(tmp_path / 'good', folder)
        damage(folder / file)
        caplog.clear()
        checkpoints = Checkpoints(folder)
        restored = checkpoints.restore(template())
        assert_identical(restored.state, state)
        if restored.step == 2:  # Orbax can do without this file
            harmless.append(file.name)
            continue
        assert restored.notes == {'step': 1} and checkpoints.steps() == [1]
        (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
        assert record.message.startswith('checkpoint of step 2 in') and '\n' not in record.message
        assert 'step 1 is used instead' in record.message
        assert (folder / '2').exists()  # reading changes nothing
        checkpoints.save(2, state, notes={'again': True})
        assert checkpoints.restore(template()).notes == {'again': True}
        assert (folder / 'corrupted-2').is_dir() and checkpoints.steps() == [1, 2]
        checkpoints.close()
    assert len(files) - len(harmless) >= 2, harmless


def test_all_damaged(tmp_path, state) -> None:
    checkpoints = fill(tmp_path, state, [1, 2])
    for step in (1, 2):
        damage_cut(tmp_path / str(step) / 'about' / 'metadata')
    for _ in range(2):
        with pytest.raises(UserError, match=r'every checkpoint .* is damaged \(steps \[1, 2\]\)'):
            checkpoints.restore(template())


def test_checksum_guards_what_orbax_reads_well(tmp_path, state) -> None:
    fill(tmp_path, state, [1, 2])
    shutil.rmtree(tmp_path / '2' / 'arrays')
    other = jax.device_get(make_state(seed=1))
    fill(tmp_path / 'other', other, [2])
    shutil.copytree(tmp_path / 'other' / '2' / 'arrays', tmp_path / '2' / 'arrays')
    assert Checkpoints(tmp_path).restore(template()).step == 1


def test_damaged_best_gives_way_to_the_next_best(tmp_path, state) -> None:
    checkpoints = Checkpoints(tmp_path, keep=3)
    for step, score in [(1, 2.0), (2, 1.0), (3, 3.0)]:
        checkpoints.save(step, state, score)
    checkpoints.close()
    shutil.rmtree(tmp_path / '2' / 'arrays')
    assert checkpoints.restore(template(), 'best').step == 1


def test_opening_ignores_what_lies_about(tmp_path, state) -> None:
    fill(tmp_path, state, [1])
    leftover = tmp_path / '9.orbax-checkpoint-tmp'
    (leftover / 'about').mkdir(parents=True)
    (tmp_path / 'corrupted-4').mkdir()
    (tmp_path / '5').write_text('a file')
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.steps() == [1] and checkpoints.restore(template()).step == 1
    assert leftover.exists()  # it may be a save in progress, of the run that trains beside us
    checkpoints.save(9, state)
    checkpoints.close()
    assert not leftover.exists() and checkpoints.steps() == [1, 9]


def test_unwritable_folder(tmp_path, state) -> None:
    (tmp_path / 'file').write_text('')
    checkpoints = Checkpoints(tmp_path / 'file' / 'checkpoints')
    with pytest.raises(UserError, match=r'cannot save a checkpoint in .*/file/checkpoints: .*Not a directory'):
        checkpoints.save(1, state)
    checkpoints.close()


def run(code, *args, **kwargs) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, '-c', code, *args], stdout=subprocess.PIPE, text=True, **kwargs)


FULL_DISK = """
import json, resource, signal, sys
import jax, numpy as np
from gans.errors import UserError
from gans.training.checkpoints import Checkpoints
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
checkpoints = Checkpoints(sys.argv[1])
state = {'x': np.random.default_rng(0).random(100_000)}
checkpoints.save(1, state)
checkpoints.wait()
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))  # a larger file cannot be written
try:
    checkpoints.save(2, state)
    checkpoints.wait()
except UserError as error:
    print(json.dumps([str(error), checkpoints.steps()]))
restored = checkpoints.restore({'x': jax.ShapeDtypeStruct((100_000,), np.float64)})
assert restored.step == 1 and (restored.state['x'] == state['x']).all()
checkpoints.close()
"""


def test_full_disk(tmp_path) -> None:
    process = run(FULL_DISK, str(tmp_path), stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    message, steps = json.loads(out)
    assert message.startswith(f'cannot save a checkpoint in {tmp_path}: ') and '\n' not in message
    assert 'File too large' in message
    assert steps == [1]
    assert err == ''  # Orbax is silent


SAVES = """
import sys, numpy as np
from gans.training.checkpoints import Checkpoints
checkpoints = Checkpoints(sys.argv[1])
step = int(sys.argv[2])
while True:
    step += 1
    checkpoints.save(step, {'x': np.full((400_000,), step, np.float32), 'y': [np.int32(step)] * 20})
    print(step, flush=True)
"""


def test_kill_while_saving(tmp_path) -> None:
    shapes = {'x': jax.ShapeDtypeStruct((400_000,), jnp.float32), 'y': [jax.ShapeDtypeStruct((), jnp.int32)] * 20}
    rng, step = np.random.default_rng(), 0
    for _ in range(3):
        process = run(SAVES, str(tmp_path), str(step))
        started = 0
        for _ in range(3):
            started = int(process.stdout.readline())
        time.sleep(rng.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        started = max([started, *map(int, process.communicate()[0].split())])
        restored = Checkpoints(tmp_path).restore(shapes)
        # Save n + 1 begins when save n is on disk, so at most the one in progress is lost.
        assert started - 1 <= restored.step <= started + 1
        assert (restored.state['x'] == restored.step).all()
        step = restored.step


def test_a_checkpoint_that_goes_while_it_is_read(tmp_path, state, monkeypatch, caplog) -> None:
    """The run that trains beside us has saved a later one, and is deleting this one file by file."""
    read = orbax.read_arrays
    fill(tmp_path, state, [1])

    def half_gone(folder) -> None:
        monkeypatch.setattr(orbax, 'read_arrays', read)
        fill(tmp_path, state, [2])
        threading.Timer(0.1, shutil.rmtree, [folder]).start()
        raise orbax.DamageError('a file is not there')

    monkeypatch.setattr(orbax, 'read_arrays', half_gone)
    assert Checkpoints(tmp_path).restore(template()).step == 2
    assert not caplog.records  # it was not taken for damaged


def test_other_loggers_are_left_alone(tmp_path, state, caplog) -> None:
    from absl import logging as absl_logging

    fill(tmp_path, state, [1])
    assert not caplog.records
    absl_logging.get_absl_logger().warning('of somebody else')
    assert [record.message for record in caplog.records] == ['of somebody else']
