"""--mode=compare: which examples take part, what stands beside them, and where results go."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from absl import flags
from comparing import emoji, folder, npz, results, smooth, values
from PIL import Image
from scipy.stats import wasserstein_distance

import launch
from gans.errors import UserError
from gans.evaluation.compare import compare

RNG = np.random.default_rng(0)


@pytest.fixture(scope='module')
def two_classes() -> tuple[np.ndarray, np.ndarray]:
    """Real: 60 dark pictures, then 60 bright ones; fake: 60, dark and bright in turn, of the same distribution."""
    rng = np.random.default_rng(1)
    draw = lambda level, num: rng.integers(level, level + 60, (num, 8, 8, 3), dtype=np.uint8)
    return np.concatenate([draw(10, 60), draw(180, 60)]), np.stack([draw(10, 30), draw(180, 30)], 1).reshape(
        60, 8, 8, 3
    )


def test_all_examples_take_part_in_any_order(two_classes, tmp_path: Path) -> None:
    """The first 60 of the real ones by name, of one class, would be at a distance of 43; class from class, at 86."""
    real, fake = two_classes
    fakes = npz(tmp_path / 'fake.npz', x=fake)
    for order in (np.arange(120), np.arange(120).reshape(2, 60).T.ravel(), np.random.default_rng(3).permutation(120)):
        found = results(npz(tmp_path / 'real.npz', x=real[order]), fakes, tmp_path, features='pixels')
        value = {metric: entry['value'] for metric, entry in found.items()}
        assert value['fd_pixels'] == pytest.approx(0.9130, abs=1e-4)
        assert value['precision'] == pytest.approx(0.767, abs=1e-3)
        assert value['recall'] == pytest.approx(0.867, abs=1e-3)
        assert 0.9 < value['fd_pixels/real'] < 2 and value['precision/real'] > 0.8  # 1.095 in order of names
        numbers = [(found[name]['protocol'][kind]) for name in ('recall', 'recall/real') for kind in ('real', 'fake')]
        assert numbers == [120, 60, 60, 60]


def test_halves_are_disjoint_and_all_there_is(tmp_path: Path) -> None:
    """Of an odd number one half has one more. Each picture stands there once: none is memorized."""
    images = RNG.integers(0, 256, (101, 4, 4, 1), np.uint8)
    place = npz(tmp_path / 'a.npz', x=images)
    found = results(place, place, tmp_path, features='pixels')
    assert found['memorized']['value'] == 1 and found['memorized/real']['value'] < 0.9
    assert [found['recall/real']['protocol'][kind] for kind in ('real', 'fake')] == [51, 50]
    again = results(place, place, tmp_path, features='pixels')
    assert again == found and 'real halves of 51 and 50' in compare(place, place, 'pixels')


def test_kid_has_a_deviation_of_subsets_that_differ(tmp_path: Path) -> None:
    a, b = (npz(tmp_path / f'{seed}.npz', x=smooth(200, seed, 16)) for seed in (5, 6))
    found = results(a, b, tmp_path, features='pixels')
    assert found['kid']['value'] == pytest.approx(0.0005, abs=1e-4)
    assert found['kid_std']['value'] == pytest.approx(0.001, abs=5e-4)
    assert found['kid']['protocol']['subset size'] == 100 and found['kid/real']['protocol']['subset size'] == 50


def test_an_inception_score_of_few_is_of_one_part(tmp_path: Path) -> None:
    grey = np.stack([np.asarray(Image.fromarray(x).convert('L')) for x in smooth(12, 0)])[..., None]
    place = str(folder(tmp_path / 'grey', grey))
    found = results(place, place, tmp_path, features='classifier:digits', size=8)
    assert found['is_classifier']['value'] == pytest.approx(2.054, abs=1e-3) and 'is_classifier_std' not in found
    assert found['is_classifier/real']['value'] > 1.5 and found['is_classifier']['protocol']['splits'] == 1


def test_large_points_and_points_far_from_0(tmp_path: Path) -> None:
    p, q = np.random.default_rng(7).standard_normal((2, 300, 4))
    plain = results(npz(tmp_path / 'p.npz', x=p), npz(tmp_path / 'q.npz', x=q), tmp_path)
    assert plain['fd_identity']['value'] == pytest.approx(0.07456, rel=1e-3) and 'kid' not in plain
    for scale, shift in ((1e20, 0), (1e30, 0), (1e-30, 0), (1, 1e7)):
        places = [npz(tmp_path / f'{i}.npz', x=x * scale + shift) for i, x in enumerate((p, q))]
        found = results(*places, tmp_path)
        assert found['fd_identity']['value'] == pytest.approx(plain['fd_identity']['value'] * scale**2, rel=1e-6)
        assert found['sliced_wasserstein']['value'] == pytest.approx(
            plain['sliced_wasserstein']['value'] * scale, rel=1e-3
        )
        for name in ('precision', 'recall', 'density', 'coverage', 'recall/real'):
            assert found[name]['value'] == pytest.approx(plain[name]['value'], abs=1e-12)
    for scale in (1e200, 1e-200):
        place = npz(tmp_path / 'x.npz', x=p * scale)
        with pytest.raises(UserError, match=r"x\.npz' holds points up to .*, whose squares float64 lacks: scale"):
            compare(place, place)


def test_other_numbers_of_points_all_take_part(tmp_path: Path) -> None:
    a, b = RNG.normal(size=(100, 1)), RNG.normal(size=(150, 1))
    found = results(npz(tmp_path / 'a.npz', x=np.sort(a, 0)), npz(tmp_path / 'b.npz', x=np.sort(b, 0)), tmp_path)
    assert found['sliced_wasserstein']['value'] == pytest.approx(wasserstein_distance(a[:, 0], b[:, 0]))


# Where it goes


@pytest.mark.parametrize(
    'args, code, said',
    [
        ((), 2, 'compare what? set --real=PATH and --fake=PATH'),
        (('--real=REAL', '--fake=REAL', '--out=a.txt'), 2, 'name a FILE.json'),
        (('--real=REAL', '--fake=REAL', '--features=classifier'), 2, "a classifier of which data set? set features"),
        (('--real=REAL', '--fake=REAL', '--features=pixels'), 0, ''),
    ],
)
def test_the_command_line(args, code, said, tmp_path, capsys, monkeypatch) -> None:
    real = npz(tmp_path / 'real.npz', a=emoji())
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    argv = ['launch.py', '--mode=compare', *(arg.replace('REAL', real) for arg in args)]
    monkeypatch.setattr(sys, 'argv', argv)
    assert launch.main(argv) == code
    out, errors = capsys.readouterr()
    assert said in errors and ('fd_pixels' in out) == (code == 0)


def test_characters_that_cannot_be_written_are_replaced(tmp_path: Path) -> None:
    """The table's lines and arrows, and names of any language: nothing that was computed is lost for them."""
    place = npz(tmp_path / 'точки.npz', x=RNG.normal(size=(20, 2)))
    command = [sys.executable, 'launch.py', '--mode=compare', f'--real={place}', f'--fake={place}']
    environment = os.environ | {'PYTHONIOENCODING': 'cp1252', 'JAX_PLATFORMS': 'cpu'}
    done = subprocess.run(
        [*command, f'--out={tmp_path}/out.json'],
        capture_output=True,
        env=environment,
        cwd=Path(launch.__file__).parent,
        timeout=300,
    )
    out, errors = done.stdout.decode('cp1252'), done.stderr.decode('cp1252')
    assert done.returncode == 0 and 'Traceback' not in errors
    assert 'fd_identity ?' in out and '?????.npz' in out and values(tmp_path / 'out.json')['fd_identity'] < 1e-9


def test_results_are_written_before_anything_is_printed(tmp_path: Path, monkeypatch) -> None:
    def fail(text: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr('gans.training.workdir.say', fail)
    place = npz(tmp_path / 'a.npz', x=emoji())
    with pytest.raises(BrokenPipeError):  # there is a warning to be said
        compare(place, place, 'pixels', out=str(tmp_path / 'out.json'))
    assert values(tmp_path / 'out.json')['recall'] == 1


def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / 'a.json').mkdir()
    with pytest.raises(UserError, match=r'--out=.*a\.json: there no file can be written'):
        compare(str(tmp_path / 'nowhere'), 'nowhere', 'pixels', out=str(tmp_path / 'a.json'))
