"""AnoGAN's scores against closed forms and numpy; the ROC curve's area; --mode=anomaly."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
from PIL import Image
from test_data import write_idx

from experiments import common
from gans.core import Compute, Sampler, System, TrainState, Weights
from gans.data import load as data
from gans.data.images import image_set
from gans.errors import UserError
from gans.evaluation import anomaly
from gans.evaluation.anomaly import Options, Search, roc_auc, scores
from gans.ops import random
from gans.pictures import LINE
from gans.training.checkpoints import Checkpoints
from gans.training.setup import Experiment, setup

SHAPE = (2, 2, 1)


def linear(w: np.ndarray, v: np.ndarray, draw=lambda x: x) -> tuple[Experiment, TrainState]:
    """G(z) = draw(z W), averaged weights W and others to be ignored; f(x) = x V."""

    def critic(state, x, features):
        assert features
        return jnp.zeros(len(x)), x.reshape(len(x), -1) @ state.params['discriminator']

    sample = lambda params, stats, z: draw(z @ params['generator']).reshape(-1, *SHAPE)
    latents = lambda keys: random.normal(keys, (len(w),))
    make = lambda state, z: sample(state.params, state.stats, z)
    samplers = {'samples': Sampler(lambda batch, keys: latents(keys), make)}
    system = System({}, {}, (), samplers, critic=critic)
    params = {'generator': jnp.full(w.shape, 9.0), 'discriminator': jnp.asarray(v)}
    state = TrainState(0, params, {}, {}, {'generator': Weights(jnp.asarray(w), {})}, {}, jax.random.key(0))
    return Experiment(None, image_set(np.zeros((1, *SHAPE), np.uint8)), Compute(), system, 1, None), state


def images(num: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (num, *SHAPE)).astype(np.float32)


def keys(num: int, seed: int = 0) -> jax.Array:
    return jax.random.split(jax.random.key(seed), num)


FIRST_TWO = np.eye(2, 4, dtype=np.float32)  # G draws the first two pixels, and leaves the others at 0


# Scores


def test_what_the_generator_cannot_draw_is_what_is_left() -> None:
    experiment, state = linear(FIRST_TWO, 2 * np.eye(4, dtype=np.float32))
    x = images(7)
    found = scores(experiment, state, x, keys(7), Search(steps=600, weight=0.3, learning_rate=0.01))
    left = np.abs(x.reshape(7, 4)[:, 2:]).sum(1)
    np.testing.assert_allclose(found.residual, left, atol=0.05)
    np.testing.assert_allclose(found.feature, 2 * left, atol=0.1)
    np.testing.assert_allclose(found.score, 0.7 * found.residual + 0.3 * found.feature, rtol=1e-6)
    np.testing.assert_allclose(found.images.reshape(7, 4), x.reshape(7, 4) * [1, 1, 0, 0], atol=0.03)
    novel = np.arange(40) < 20
    mixed = np.where(novel[:, None, None, None], images(40), images(40) * [[[1], [1]], [[0], [0]]])
    found = scores(experiment, state, mixed.astype(np.float32), keys(40), Search(300, 0.1, 0.02))
    assert roc_auc(found.score, novel)[0] > 0.98


def test_the_search_is_adams() -> None:
    """In numpy, step by step, with gradients written out: d|a|_1 / da = sign(a)."""
    rng = np.random.default_rng(1)
    w, v = rng.normal(size=(3, 4)), rng.normal(size=(4, 5))
    experiment, state = linear(w.astype(np.float32), v.astype(np.float32))
    x, start = images(6), keys(6)
    z = np.asarray(random.normal(random.split(start, 1)[0], (3,)), np.float64)
    m = s = 0.0
    for t in range(1, 11):
        difference = z @ w - x.reshape(6, 4)
        slope = (0.8 * np.sign(difference) + 0.2 * np.sign(difference @ v) @ v.T) @ w.T
        m, s = 0.9 * m + 0.1 * slope, 0.999 * s + 0.001 * slope**2
        z = z - 0.05 * (m / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
    difference = z @ w - x.reshape(6, 4)
    expected = 0.8 * np.abs(difference).sum(1) + 0.2 * np.abs(difference @ v).sum(1)
    found = scores(experiment, state, x, start, Search(steps=10, weight=0.2, learning_rate=0.05))
    np.testing.assert_allclose(found.score, expected, rtol=1e-4)


def test_an_image_is_scored_by_itself(monkeypatch) -> None:
    """Alone, beside others, in whatever chunks: its key decides."""
    experiment, state = linear(FIRST_TWO, np.eye(4, dtype=np.float32))
    how, x = Search(steps=5, restarts=2), images(10)
    whole = scores(experiment, state, x, keys(10), how)
    assert (scores(experiment, state, x, keys(10), how).score == whole.score).all()
    assert (scores(experiment, state, x, keys(10, seed=1), how).score != whole.score).all()
    monkeypatch.setattr(anomaly, 'CHUNK', 4)
    for part in (slice(0, 10), slice(3, 9)):
        cut = scores(experiment, state, x[part], keys(10)[part], how)
        for one, other in zip(cut, whole, strict=True):
            np.testing.assert_allclose(one, other[part], rtol=1e-6)


def test_the_best_of_several_searches_counts() -> None:
    """A rectifier that is off has no gradient: half of all searches end where they began, at an image of zeros."""
    experiment, state = linear(np.ones((1, 4), np.float32), np.zeros((4, 1), np.float32), lambda x: jnp.maximum(x, 0))
    x = np.ones((40, *SHAPE), np.float32)
    found = [scores(experiment, state, x, keys(40), Search(200, 0.0, 0.05, restarts)) for restarts in (1, 8)]
    lost = [(some.score > 1).mean() for some in found]
    assert 0.25 < lost[0] < 0.75 and lost[1] <= 0.05  # 0.5, and 0.5^8
    good = found[1].score < 1
    np.testing.assert_allclose(found[1].images[good], 1, atol=0.1)


# The area under the ROC curve


def test_the_area_is_scikit_learns_also_with_ties() -> None:
    metrics = pytest.importorskip('sklearn.metrics')
    rng = np.random.default_rng(0)
    for values in (rng.normal(size=200), rng.integers(0, 5, 200).astype(float)):
        positive = rng.random(200) < 0.2
        assert roc_auc(values, positive)[0] == pytest.approx(metrics.roc_auc_score(positive, values), abs=1e-12)


def test_the_area_and_its_error_by_their_definition() -> None:
    rng = np.random.default_rng(1)
    values, positive = rng.integers(0, 9, 60).astype(float), rng.random(60) < 0.3
    a, b = values[positive][:, None], values[~positive][None]
    wins = (a > b) + 0.5 * (a == b)  # [positives, others]
    error = np.sqrt(wins.mean(1).var(ddof=1) / len(a) + wins.mean(0).var(ddof=1) / b.size)
    np.testing.assert_allclose(roc_auc(values, positive), (wins.mean(), error), rtol=1e-12)


def test_the_error_is_the_deviation_of_areas() -> None:
    """Of N(1, 1) against N(0, 1) the area is Phi(1 / sqrt 2) = 0.7602."""
    rng, positive = np.random.default_rng(2), np.arange(120) < 40
    found = np.array([roc_auc(rng.normal(size=120) + positive, positive) for _ in range(400)])
    assert found[:, 0].mean() == pytest.approx(0.7602, abs=0.008)
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std(), rel=0.1)


def test_bounds_of_the_area() -> None:
    positive = np.arange(10) < 4
    assert roc_auc(positive * 1.0, positive) == (1, 0) and roc_auc(-1.0 * positive, positive) == (0, 0)
    assert roc_auc(np.zeros(10), positive) == (0.5, 0)
    assert np.isnan(roc_auc(np.where(np.arange(10) == 3, np.nan, 0), positive)).all()
    with pytest.raises(ValueError, match='not 1 and 9'):
        roc_auc(np.zeros(10), np.arange(10) < 1)


# --mode=anomaly


def small(folder: Path, **changes) -> ml_collections.ConfigDict:
    config = common.get_config()
    config.data.update(name='mnist', folder=str(folder), size=8, without='3')
    config.latents.size = 8
    config.generator = ml_collections.ConfigDict({'net': 'mlp', 'widths': (16,)})
    config.critic = ml_collections.ConfigDict({'net': 'mlp', 'widths': (16,)})
    config.ema.decay = 0.9
    config.eval.features = None
    config.update_from_flattened_dict(changes)
    return config


@pytest.fixture(scope='module')
def run(tmp_path_factory) -> tuple[ml_collections.ConfigDict, Path]:
    """A run, at its beginning, on digits but for the threes in MNIST's form: 1,200 to train on, 597 to test."""
    pytest.importorskip('sklearn')
    place, arrays = tmp_path_factory.mktemp('idx'), data.load({'name': 'digits'}).arrays
    for split, part in (('train', slice(0, 1200)), ('t10k', slice(1200, None))):
        write_idx(place / f'{split}-images-idx3-ubyte', arrays['real'][part, ..., 0])
        write_idx(place / f'{split}-labels-idx1-ubyte', arrays['label'][part].astype(np.uint8))
    config, folder = small(place), tmp_path_factory.mktemp('runs')
    checkpoints = Checkpoints(folder / 'checkpoints')
    checkpoints.save(2, jax.device_get(setup(config, devices=1).init()))
    checkpoints.close()
    return config, folder


def test_anomaly(run) -> None:
    config, folder = run
    table = anomaly.anomaly(config, folder, Options(num=100, search=Search(steps=3)))
    held = json.loads((folder / 'anomaly.json').read_text())
    threes = held['protocol']['of the class']
    assert (
        f"'3', never seen, against the others; {threes} of 100 images" in table
        and f'{held["auc"]["value"]:.3f}' in table
    )
    assert 4 < threes < 20 and len(held['scores']) == 10 and held['step'] == 2
    areas = [held[name]['value'] for name in ('auc', 'auc_residual', 'auc_feature', 'auc_nearest')]
    assert all(0 <= area <= 1 for area in areas) and len(set(areas)) == 4
    assert held['auc_nearest']['value'] > 0.8  # threes are far from all other digits
    stamp = held['protocol']
    assert (
        'without=3' in stamp['data']
        and stamp['held out'] == '3'
        and stamp['search steps'] == 3
        and stamp['search weight'] == 0.1
    )
    picture = np.asarray(Image.open(folder / 'anomaly_step_00000002.png'))
    height, width, _ = picture.shape  # four rows of eight pairs, each image enlarged to 64; a title and names around
    assert height == 4 * 66 - 2 + 2 * LINE and 100 < width - (16 * 66 - 2) < 150
    assert anomaly.anomaly(config, folder, Options(num=100, search=Search(steps=3))) == table
    assert anomaly.anomaly(config, folder, Options(num=100, seed=1, search=Search(steps=3))) != table


def test_the_utmost_images_stand_first() -> None:
    shades = np.linspace(-1, 1, 40, dtype=np.float32)[:, None, None, None] * np.ones((40, 2, 2, 1), np.float32)
    found = anomaly.Found(np.arange(40.0), np.zeros(40), np.zeros(40), -shades)
    picture = anomaly.extremes(found, shades)[LINE:, -16 * 66 + 2 :]
    assert picture[0, 0, 0] == 255 and picture[0, 66, 0] == 0  # 39, and what was drawn for it
    assert picture[2 * 66, 0, 0] == 0 and picture[2 * 66, 66, 0] == 255  # 0


def test_a_run_that_has_seen_all_is_a_mistake() -> None:
    for seen in ({'name': 'mnist'}, {'name': 'mnist', 'without': None}, {'name': 'folder:digits', 'without': '3'}):
        with pytest.raises(UserError, match=f"'{seen['name']}' has seen all classes"):
            anomaly.load_unseen(ml_collections.ConfigDict(seen))


def test_packs_are_a_mistake(run) -> None:
    experiment = setup(small(run[0].data.folder, pack=2), devices=1)
    with pytest.raises(UserError, match='one critic, which judges single images without labels: pack=1'):
        scores(experiment, None, images(3), keys(3), Search())


def test_too_few_images_are_a_mistake(run) -> None:
    with pytest.raises(UserError, match=r'of 2 test images . are of class 3: raise --num'):
        anomaly.anomaly(*run, Options(num=2))


def test_latents_of_several_parts_are_a_mistake() -> None:
    experiment, state = linear(FIRST_TWO, np.eye(4, dtype=np.float32))
    parts = lambda batch, keys: {'z': random.normal(keys, (2,)), 'label': random.integers(keys, 3)}
    sampler = experiment.system.samplers['samples']._replace(inputs=parts)
    system = experiment.system._replace(samplers={'samples': sampler})
    with pytest.raises(UserError, match='plain vectors, not label, z'):
        scores(experiment._replace(system=system), state, images(3), keys(3), Search())
