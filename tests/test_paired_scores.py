"""Scores of samples against their own targets, beside answers that take no learning; and of several directions."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_translation import UNPAIRED, config_of, translator

from gans import configs
from gans.core import Compute, Sampler
from gans.data import feed, load
from gans.data.images import image_set
from gans.errors import UserError
from gans.evaluation import run
from gans.evaluation.paired import paired_scores
from gans.features import pixels
from gans.metrics import psnr, ssim
from gans.metrics.paired import MOST, Targets, copied, mean_example
from gans.metrics.score import PREFIX, Scorer, better
from gans.ops.pixels import to_float, to_uint8
from gans.systems.build import build
from gans.training import draw, identity, sampling, setup, workdir

NUM = 5


def images(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def test_scores_are_those_of_numpy() -> None:
    a, b = images(0, 40, 12, 12, 3), images(1, 40, 12, 12, 3)
    found, wide = Targets(b, 1, 'real').score(a), a.astype(float) - b
    assert found['l1'] == pytest.approx(np.abs(wide).mean())
    assert found['psnr'] == pytest.approx(np.mean(10 * np.log10(255**2 / (wide**2).mean((1, 2, 3)))))
    assert found['ssim'] == pytest.approx(ssim.ssim(a, b).mean(), abs=1e-5)
    large = Targets(b, 4, 'real')  # four times as large as the source: Y, without a border of 4
    assert large.score(a[:7])['psnr'] == pytest.approx(psnr.psnr(a[:7], b[:7], 4).mean())
    assert large.stamps()['ssim'] == {'target': 'real', 'channel': 'Y of BT.601, 16..235', 'border': 4}
    assert Targets(b[:, :8, :8], 4, 'real').settings == {'border': 0, 'channel': 'Y'}  # nothing would be left
    assert Targets(b, 1, 'real').score(b) == {'l1': 0, 'psnr': pytest.approx(MOST), 'ssim': pytest.approx(1)}
    names = ('eval/l1', 'evaluation/b_to_a/psnr', 'ssim', 'generator/l1')  # the last is a loss
    assert [better(name) for name in names] == ['lower', 'higher', 'higher', None]


def test_answers_that_take_no_learning() -> None:
    grey, color = images(0, 2, 4, 4, 1), images(1, 2, 4, 4, 3)
    np.testing.assert_array_equal(copied(grey, (4, 4, 3)), grey.repeat(3, -1))
    wanted = np.stack([np.asarray(Image.fromarray(each).convert('L')) for each in color])[..., None]
    assert np.abs(copied(color, (4, 4, 1)).astype(int) - wanted).max() <= 1  # its weights are rounded
    wanted = np.stack([Image.fromarray(each).resize((16, 16), Image.Resampling.BICUBIC) for each in color])
    assert np.abs(copied(color, (16, 16, 3)).astype(int) - wanted).max() <= 1
    assert mean_example([color[:1], color[1:]]).tolist() == np.round(color.mean(0)).astype(int).tolist()


def test_scores_while_it_trains() -> None:
    a, b = images(0, 8, 8, 8, 3), images(1, 8, 8, 8, 3)
    known, real = image_set(b), to_float(b)
    scorer = Scorer(known, real, 8, pixels.pixels(), Targets(b, 1, 'real'))
    found = scorer(to_float(a))
    assert found[f'{PREFIX}l1'] == pytest.approx(np.abs(a.astype(float) - b).mean())
    assert scorer(real)[f'{PREFIX}l1'] == 0 and f'{PREFIX}ssim' not in found
    assert np.isnan(scorer(np.full_like(real, np.nan))[f'{PREFIX}psnr'])
    assert not any(name in Scorer(known, real, 8, None)(real) for name in (f'{PREFIX}l1', f'{PREFIX}psnr'))


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> setup.Experiment:
    """Lines and colors without pairs, in two directions; each image has a hidden partner."""
    monkeypatch.setattr(setup, 'build', translator)
    data = UNPAIRED | {'a': UNPAIRED['a'] | {'source': 'color'}, 'b': UNPAIRED['b'] | {'source': 'line'}}
    experiment = setup.setup(config_of(data), devices=1)
    samplers = {
        'a_to_b': Sampler(lambda batch, keys: batch['a'], lambda state, x: -x.repeat(3, -1), 'b', 'a_source'),
        'b_to_a': Sampler(lambda batch, keys: batch['b'], lambda state, x: x[..., :1], 'a', 'b_source'),
        'cycles': Sampler(lambda batch, keys: batch['b'], lambda state, x: x, 'b', columns=('b', 'b')),
    }
    return experiment._replace(system=experiment.system._replace(samplers=samplers))


def test_hidden_partners_are_those_of_the_same_examples(both: setup.Experiment) -> None:
    inputs = sampling.fixed_inputs(both, NUM)
    made = np.concatenate([np.asarray(x) for x in sampling.make_sampler(both)(both.init(), inputs)])
    results = {each.metric: each for each in paired_scores(both, inputs, to_uint8(made), to_uint8(made), {'x': 1})}
    batch = feed.examples(both.held_out(), NUM, feed.fixed_key())
    target, given = (to_uint8(batch[name]).astype(float) for name in ('a_source', 'a'))
    assert results['l1'].value == pytest.approx(np.abs(255 - given - target).mean(), abs=1e-4)
    assert results['l1/source'].value == pytest.approx(np.abs(given - target).mean(), abs=1e-4)
    assert results['l1/untrained'].value == results['l1'].value
    seen = to_uint8(feed.examples(both.source, 50, feed.fixed_key())['a_source']).mean(0)
    assert results['l1/mean'].value == pytest.approx(np.abs(np.round(seen) - target).mean(), abs=1e-4)
    stamp = {'metric': 'l1', 'x': 1, 'pairs': NUM, 'target': 'a_source', 'range': '0..255'}
    assert results['l1'].protocol == stamp and results['psnr/mean'].protocol['channel'] == 'RGB'


def test_each_direction_is_measured_and_told_by_itself(both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Found:
        state, step = both.init(), 8

    monkeypatch.setattr(draw, 'Checkpoints', lambda folder: type('C', (), {'restore': lambda *args: Found}))
    monkeypatch.setattr(draw, 'setup_stages', lambda config, devices: (both,))
    table = run.evaluate(both.config, tmp_path, run.Options(num=NUM))
    assert 'the source' in table and 'the mean' in table and 'l1 ↓' in table and 'ssim ↑' in table
    run.evaluate(both.config, tmp_path, run.Options(num=NUM, direction='b_to_a'))
    entries = json.loads((tmp_path / 'evaluation.json').read_text())
    values = {(each['metric'], each['protocol']['direction']): each['value'] for each in entries}
    assert len(values) == len(entries) and ('l1', 'a_to_b') in values and ('fd_pixels', 'b_to_a') in values
    batch = feed.examples(both.held_out(), NUM, feed.fixed_key())
    wanted = np.abs(batch['b'][..., :1] - batch['b_source']).mean() * 127.5
    assert values['l1', 'b_to_a'] == pytest.approx(wanted, abs=1e-3)
    for name in ('a_to_b', 'b_to_a'):
        assert (tmp_path / 'evaluation' / name / 'nearest_step_00000008.png').is_file()
    draw.sample(both.config, tmp_path, draw.Options(4, 0, 'latest', None))
    assert {path.stem for path in tmp_path.glob('*.png')} == {'a_to_b_seed0', 'b_to_a_seed0', 'cycles_seed0'}
    draw.sample(both.config, tmp_path, draw.Options(4, 0, 'latest', str(tmp_path / 'x.npz'), None, 'b_to_a'))
    drawn = sampling.fixed_inputs(sampling.directed(both, 'b_to_a'), 4, 0)[..., :1]
    np.testing.assert_array_equal(np.load(tmp_path / 'x.npz')['samples'], to_uint8(drawn))
    with pytest.raises(UserError, match=r"unknown --direction 'a_to_c'; .* known: a_to_b, b_to_a$"):
        draw.restored(both.config, tmp_path, 'latest', 'a_to_c')


def test_dropout_of_samples_is_stamped_and_can_be_turned_off(tmp_path: Path) -> None:
    config = configs.apply_defaults({'data': {'name': 'openmoji', 'size': 32, 'source': 'line'}}, 'of a test')
    config.system, config.generator = 'pix2pix', {'net': 'unet', 'width': 2}
    config.critic = {'net': 'patchgan', 'width': 2, 'patch': 16}
    workdir.write_json(tmp_path / 'config.json', config.to_dict())
    source = load.load(config.data)

    def stamp(typed: dict) -> str:
        own = identity.own_config(config, tmp_path, typed, False)
        system = build(own, source.spec, Compute())
        experiment = setup.Experiment(own, source, Compute(), system, 1, None)
        return sampling.protocol_of(experiment, sampling.Truth(source, 'real', None, own.data, False))['dropout']

    assert stamp({}) == 'in sampling, too' and stamp({'generator.test_dropout': False}) == 'in training alone'
    with pytest.raises(UserError, match=r'holds a run of another config: generator\.width'):
        stamp({'generator.test_dropout': False, 'generator.width': 4})
