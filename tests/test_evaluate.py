"""--mode=evaluate, scores during training, and what stands beside a number: floor, ceiling, stamp."""

import csv
import json
import shutil
from concurrent.futures import Future
from pathlib import Path

import ml_collections
import numpy as np
import pytest
from PIL import Image

from experiments import common
from gans.core import Spec
from gans.data import load as data
from gans.data.base import Source
from gans.data.images import image_set
from gans.errors import UserError
from gans.evaluation import bench, run
from gans.evaluation.judge import HALVES, evaluate_pairs
from gans.features import pixels
from gans.metrics import protocol
from gans.metrics.extract import Extracted, extract
from gans.metrics.measure import measure
from gans.metrics.score import SLICED, Scorer, better, halves, selection_metric
from gans.ops.pixels import to_uint8
from gans.training import draw, loop, report
from gans.training.logs import read_metrics

NUM = 48


def small(**changes) -> ml_collections.ConfigDict:
    config = common.get_config()
    config.data.name = 'digits'
    config.latents.size = 8
    config.generator = ml_collections.ConfigDict({'net': 'mlp', 'widths': (16,)})
    config.critic = ml_collections.ConfigDict({'net': 'mlp', 'widths': (16,)})
    config.ema.decay = 0.9
    config.train.update(steps=4, batch_size=16, log_every=2, sample_every=4, checkpoint_every=2)
    config.eval.update(every=2, samples=32, features='pixels')
    config.update_from_flattened_dict(changes)
    return config


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[ml_collections.ConfigDict, Path]:
    folder = tmp_path_factory.mktemp('runs') / 'digits'
    loop.train(small(), folder)
    return small(), folder


@pytest.fixture
def evaluated(trained, tmp_path) -> tuple[ml_collections.ConfigDict, Path]:
    """A copy of the run, for one test alone."""
    shutil.copytree(trained[1], tmp_path / 'run')
    return trained[0], tmp_path / 'run'


# While it trains


def test_a_run_is_scored_from_its_untrained_generator_on(trained) -> None:
    _, folder = trained
    columns = read_metrics(folder / 'metrics.csv')
    assert columns['step'].tolist() == [0, 2, 4] and np.isfinite(columns['eval/fd_pixels']).all()
    assert np.isnan(columns['critic/loss'][0])
    held = json.loads((folder / 'stamps.json').read_text())
    stamp = held['eval/fd_pixels']['protocol']
    assert stamp['data'] == 'digits' and stamp['fake'] == stamp['real'] == 32 and stamp['ema'] is True
    assert stamp['features'] == 'pixels' and stamp['weights'] == 'none' and stamp['statistics'] == 'running averages'
    assert 'are too few for 64 features' in held['eval/fd_pixels']['warning'] and 'warning' not in held[SLICED]
    assert 0 < held['eval/fd_pixels']['floor'] < columns['eval/fd_pixels'][0]
    summary = json.loads((folder / 'summary.json').read_text())
    assert summary['final']['eval/fd_pixels'] == pytest.approx(columns['eval/fd_pixels'][-1])


def test_a_worker_that_is_quick_finds_all_there(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each job is done at the moment it is given: none may need what is made after it (features may be kept)."""

    class Quick:
        def __init__(self, threads: int) -> None: ...

        def submit(self, call, *args) -> Future:
            future = Future()
            future.set_result(call(*args))
            return future

        def shutdown(self) -> None: ...

    monkeypatch.setattr(report, 'ThreadPoolExecutor', Quick)
    summary = loop.train(small(), tmp_path)
    assert summary['floor']['eval/fd_pixels'] > 0 and (tmp_path / 'stamps.json').is_file()


def test_the_scores_of_a_set_and_of_damage() -> None:
    source = data.load({'name': 'digits'})
    real = source.arrays['real'].astype(np.float32) / 127.5 - 1
    scorer = Scorer(source, real[:1000], 500, pixels.pixels())
    same, half = scorer(real[:500]), scorer(real[500:1000])
    assert same['eval/fd_pixels'] < 1e-4 and same[SLICED] == 0
    assert half['eval/fd_pixels'] == pytest.approx(scorer.floor['eval/fd_pixels'], rel=1e-3)
    assert half[SLICED] == pytest.approx(scorer.floor[SLICED])
    assert not scorer.warnings  # 64 features
    noise = real[500:1000] + np.random.default_rng(0).normal(0, 0.5, (500, 8, 8, 1)).astype(np.float32)
    assert scorer(noise)['eval/fd_pixels'] > 2 * half['eval/fd_pixels']
    noise[3, 0, 0] = np.nan
    assert all(np.isnan(value) for value in scorer(noise).values())


def test_few_examples_are_warned_of() -> None:
    source = data.load({'name': 'digits'})
    source = source._replace(size=50, arrays={name: array[:50] for name, array in source.arrays.items()})
    real = np.concatenate([source.arrays['real']] * 4).astype(np.float32) / 127.5 - 1
    scorer = Scorer(source, real, 100, pixels.pixels())
    assert '50 real and 100 generated images are too few for 64 features' in scorer.warnings['eval/fd_pixels']
    assert scorer.stamps({})['eval/fd_pixels']['real'] == 50  # the set has no more


def test_accuracy_has_a_stamp_where_samples_are_asked_for_in_classes() -> None:
    source, plain = data.load({'name': 'digits'}), pixels.pixels()
    classifier = plain._replace(name='classifier', apply=lambda params, x: (plain.apply(params, x)[0],) * 2)
    real = source.arrays['real'][:8].astype(np.float32) / 127.5 - 1
    stamped = lambda labels: Scorer(source, real, 4, classifier, labels=labels).stamps({})
    assert stamped(np.zeros(4, np.int32)).keys() - stamped(None).keys() == {'eval/accuracy'}


def test_halves_are_disjoint_and_of_the_samples_size_where_they_can_be() -> None:
    assert halves(1000, 300) == (slice(0, 300), slice(300, 600))
    assert halves(171, 1000) == (slice(0, 85), slice(85, 170))


def test_what_decides_and_what_is_better() -> None:
    assert selection_metric({SLICED: 1, 'eval/fd_pixels': 2}) == 'eval/fd_pixels'
    assert selection_metric({SLICED: 1, 'eval/modes': 2}) == SLICED
    names = [
        'eval/fid',
        'eval/fd_classifier',
        'evaluation/kid',
        'eval/is_classifier',
        'eval/recall',
        'eval/mean',
        'kid_std',
    ]
    assert [better(name) for name in names] == ['lower', 'lower', 'lower', 'higher', 'higher', None, None]


# Afterwards


def test_evaluate(evaluated) -> None:
    config, folder = evaluated
    table = run.evaluate(config, folder, run.Options(num=NUM))
    assert 'fd_pixels ↓' in table and 'real halves' in table and 'untrained' in table and 'data digits' in table
    entries = json.loads((folder / 'evaluation.json').read_text())
    values = {entry['metric']: entry['value'] for entry in entries}
    assert {'fd_pixels', 'fd_pixels/real', 'fd_pixels/untrained', 'kid', 'kid_std', 'precision', 'recall'} <= set(
        values
    )
    assert {'density', 'coverage', 'ms_ssim', 'spectrum_distance', 'memorized'} <= set(values)
    assert values['fd_pixels/real'] < values['fd_pixels'] and 0 <= values['precision/real'] <= 1
    stamp = next(entry['protocol'] for entry in entries if entry['metric'] == 'fd_pixels')
    wanted = {
        'metric',
        'features',
        'weights',
        'data',
        'split',
        'real',
        'fake',
        'resizing',
        'latents seed',
        'ema',
        'statistics',
    }
    assert wanted <= set(stamp) and stamp['fake'] == NUM and stamp['latents seed'] == 0 and entries[0]['step'] == 4
    assert next(entry['protocol'] for entry in entries if entry['metric'] == 'precision')['k'] == 3
    lines = list(csv.DictReader((folder / 'evaluation.csv').open()))
    assert [line['metric'] for line in lines] == list(values) and lines[0]['features'] == 'pixels'
    assert any((folder / 'tensorboard' / 'evaluation').iterdir())
    nearest = np.asarray(Image.open(folder / 'evaluation' / 'nearest_step_00000004.png'))
    assert nearest.shape[2] == 3 and (folder / 'evaluation' / 'spectrum_step_00000004.png').is_file()
    again = run.evaluate(config, folder, run.Options(num=NUM))
    assert again == table and json.loads((folder / 'evaluation.json').read_text()) == entries  # in the place of the old
    run.evaluate(config, folder, run.Options(num=NUM, seed=1, step='2'))
    both = json.loads((folder / 'evaluation.json').read_text())
    assert both[: len(entries)] == entries and {entry['step'] for entry in both[len(entries) :]} == {2}


def test_the_classifier_counts_classes(evaluated) -> None:
    config, folder = evaluated
    table = run.evaluate(config, folder, run.Options(num=NUM, features='classifier'))
    entries = json.loads((folder / 'evaluation.json').read_text())
    values = {entry['metric']: entry['value'] for entry in entries}
    assert values['modes/real'] == 10 and values['high_quality/real'] > 0.9 and 1 <= values['is_classifier'] <= 10
    assert values['is_classifier/real'] > 3 and entries[0]['protocol']['features accuracy'] > 0.95
    assert 'features accuracy' in table and len(entries[0]['protocol']['weights']) == 16


def test_scores_in_training_count_classes_as_an_evaluation_does(tmp_path) -> None:
    told = {f'{role}.condition': 'concat' for role in ('generator', 'critic')}
    config = small(**told, **{'eval.features': 'classifier', 'eval.samples': NUM})
    loop.train(config, tmp_path)
    scores = read_metrics(tmp_path / 'metrics.csv')
    run.evaluate(config, tmp_path, run.Options(num=NUM))
    found = {entry['metric']: entry for entry in json.loads((tmp_path / 'evaluation.json').read_text())}
    kept = json.loads((tmp_path / 'stamps.json').read_text())
    for name in ('fd_classifier', 'modes', 'high_quality', 'reverse_kl', 'accuracy'):
        assert scores[f'eval/{name}'][-1] == pytest.approx(found[name]['value'], rel=1e-5), name
        of_training, of_evaluation = kept[f'eval/{name}']['protocol'], found[name]['protocol']
        assert set(of_evaluation) - set(of_training) <= {'metric', 'real', 'real hash'}
    assert 0 < scores['eval/accuracy'][-1] < 1 and kept['eval/modes']['floor'] == found['modes/real']['value']


def test_toys(tmp_path) -> None:
    config = small(**{'data.name': 'ring', 'eval.features': 'auto'})
    loop.train(config, tmp_path)
    run.evaluate(config, tmp_path, run.Options(num=400))
    values = {entry['metric']: entry['value'] for entry in json.loads((tmp_path / 'evaluation.json').read_text())}
    assert values['modes/real'] == 8 and 0.97 < values['high_quality/real'] <= 1 and 'fd_identity' in values
    assert not any(name.startswith('ms_ssim') for name in values) and not (tmp_path / 'evaluation').exists()
    pixels = np.asarray(Image.open(tmp_path / 'samples' / 'step_00000004.png')).astype(int)
    assert (pixels[100:800, 200:800, 0] - pixels[100:800, 200:800, 2] > 20).mean() > 0.2  # the critic's surface
    # Thousands, with the truth.
    said = draw.sample(config, tmp_path, draw.Options(None, 0, 'latest', str(tmp_path / 'x.svg')))
    held = (tmp_path / 'x.svg').read_text()
    assert said.startswith('2000 samples of step 4') and "critic's score" in held and 'true density' in held


@pytest.mark.parametrize(
    'options, said',
    [
        (run.Options(num=1), '--num=1 must be at least 2'),
        (run.Options(features='efficientnet'), "unknown features 'efficientnet'; did you mean 'efficientnet_lite0'"),
        (run.Options(step='7'), 'step 7'),
        (run.Options(weights='a.pth'), '--weights=a.pth is for inception_v3'),
    ],
)
def test_mistakes(trained, options: run.Options, said: str) -> None:
    with pytest.raises(UserError) as caught:
        run.evaluate(*trained, options)
    assert said in str(caught.value)


def test_a_diverged_generator_is_not_measured(trained, monkeypatch: pytest.MonkeyPatch) -> None:
    nan = lambda experiment: lambda state, latents: [np.full((NUM, 8, 8, 1), np.nan)]
    monkeypatch.setattr('gans.training.sampling.make_sampler', nan)
    with pytest.raises(UserError, match='step 4 gives samples that are not finite: it has diverged'):
        run.evaluate(*trained, run.Options(num=NUM))


def test_points_have_closed_forms() -> None:
    """Two Gaussians: the Fréchet distance is the squared Wasserstein-2 distance (1 + 1 of N(0, 1) and N(1, 4))."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, (200_000, 1)), rng.normal(1, 2, (200_000, 1))
    identity = pixels.identity()
    sides = [extract(identity, x.astype(np.float32)) for x in (a, b)]
    found = measure(*sides, identity, only=True)
    assert found['fd_identity'].value == pytest.approx(2, rel=0.02)
    few = measure(*(side.part(slice(1000)) for side in sides), identity)
    assert few['mean'].value == pytest.approx(b[:1000].mean()) and few['sliced_wasserstein'].value > 0.5


def test_features_that_are_not_numbers_give_one_line() -> None:
    """Never a number beside one that is missing for the same reason."""
    images = to_uint8(np.random.default_rng(0).uniform(-1, 1, (20, 16, 16, 1)))
    broken = pixels.pixels()._replace(apply=lambda params, images: (np.nan * images.reshape(len(images), -1), None))
    with pytest.raises(UserError, match='fd_pixels is not finite, of features up to nan: remove'):
        evaluate_pairs({'': (extract(pixels.pixels(), images), extract(broken, images))}, broken, {})


def test_metrics_that_need_more_examples_are_left_out() -> None:
    images = to_uint8(np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 1)))
    seen = extract(pixels.pixels(), images)
    found = measure(seen, seen, pixels.pixels())
    assert 'precision' in found and 'density' not in found  # k = 3 and 5
    assert 'kid' in found and 'kid' not in measure(seen, seen.part(slice(3)), pixels.pixels())
    results, warnings = evaluate_pairs({'': (seen, seen), HALVES: (seen.part(slice(2)),) * 2}, pixels.pixels(), {})
    assert 'singular' in warnings[0] and {'fd_pixels', 'fd_pixels/real'} <= {result.metric for result in results}


@pytest.mark.parametrize('num, parts', [(999, 1), (1000, 10)])
def test_parts_of_the_inception_score_have_a_hundred_samples(num: int, parts: int) -> None:
    """Else there is one, and no deviation: a part of one sample has a score of 1."""
    logits = np.random.default_rng(0).normal(0, 3, (num, 5)).astype(np.float32)
    seen = Extracted(np.zeros((num, 1, 1, 1), np.uint8), logits, logits)
    found = measure(seen, seen, pixels.pixels()._replace(name='test'))
    assert found['is_test'] == (found['is_test'].value, {'splits': parts}) and found['is_test'].value > 2
    assert ('is_test_std' in found) == (parts > 1)


@pytest.mark.parametrize('height, width, there', [
    (1, 1, set()), (16, 1, set()), (1, 16, set()), (2, 16, {'spectrum_distance'}),
    (3, 16, {'spectrum_distance', 'ms_ssim'}),
])  # fmt: skip
def test_metrics_that_need_more_pixels_are_left_out(height: int, width: int, there: set[str]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (8, height, width, 3), np.uint8)
    seen = extract(pixels.pixels(), images)
    found = measure(seen, seen, pixels.pixels())
    assert {'spectrum_distance', 'ms_ssim'} & set(found) == there and {'fd_pixels', 'kid', 'memorized'} <= set(found)
    assert all(np.isfinite(value.value) for value in found.values())


def test_what_a_part_of_the_set_leaves_out_is_said(evaluated, capsys) -> None:
    config, folder = evaluated
    run.evaluate(config, folder, run.Options(num=NUM))
    assert f'{NUM} real examples (a random part of 1,797, always the same)' in capsys.readouterr().err


@pytest.mark.parametrize('text', ['[{', '{"metric": 1}', '[1]'])
def test_a_damaged_evaluation_is_told_before_the_work(evaluated, monkeypatch, text: str) -> None:
    config, folder = evaluated
    (folder / 'evaluation.json').write_text(text)
    monkeypatch.setattr(bench, 'samples', lambda *args: pytest.fail('worked in vain'))
    with pytest.raises(UserError, match=r'evaluation\.json (is no|does not hold) '):
        run.evaluate(config, folder, run.Options(num=NUM))
    assert (folder / 'evaluation.json').read_text() == text


def test_stamps_and_how_they_differ() -> None:
    config = {'name': 'folder:/some/where/faces', 'size': 64, 'flip': True, 'strict': None, 'on_device_max_mb': 10}
    held, drawn = (Source(Spec((2,)), lambda raw, keys: raw, digest=digest) for digest in ('0123456789abcdef', None))
    expected = {'data': 'folder:faces size=64', 'split': 'all', 'data hash': '0123456789abcdef'}
    assert protocol.data(config, held) == protocol.data({**config, 'cache': '/else/where'}, held) == expected
    assert protocol.data({'name': 'fashion_mnist'}, drawn) == {'data': 'fashion_mnist', 'split': 'train'}
    stamps = [{'fake': 10, 'ema': True}, {'fake': 20, 'ema': True}, {'fake': 10, 'ema': True, 'k': 3}]
    assert protocol.differences(stamps) == {'fake': [10, 20], 'k': [None, 3]}
    assert protocol.Result('kid', float('nan'), {}).json()['value'] is None


def test_a_set_of_too_few_images_for_a_distance() -> None:
    images = np.zeros((3, 4, 4, 3), np.uint8)
    with pytest.raises(UserError, match=r'at least 4 images, this data set has 3 images: set eval\.features=None'):
        Scorer(image_set(images), images, 2, pixels.pixels())
