"""Systems that are given other fields of an example than noise and labels, through the whole trainer."""

import json
import os
import subprocess
import sys
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from gans import configs
from gans.core import Array, Compute, Spec, System
from gans.data import load
from gans.nets.build import from_linen
from gans.parts import Pair
from gans.pictures import LINE, NARROWEST
from gans.systems._players import two_players
from gans.training import draw, loop, sampling, setup, translate

ROOT = Path(__file__).parent.parent
PAIRED = {'name': 'openmoji', 'size': 16, 'source': 'line', 'num': 40, 'random_crop': 8, 'flip': True, 'split': 'train'}
UNPAIRED = {
    'name': 'joined',
    'a': {'name': 'openmoji', 'size': 16, 'style': 'line', 'num': 50, 'random_crop': 8, 'split': 'train'},
    'b': {'name': 'openmoji', 'size': 16, 'num': 30, 'random_crop': 8, 'flip': True, 'split': 'train'},
}


class Painter(nn.Module):
    """Images [B, H, W, C] -> images [B, H, W, channels]."""

    channels: int
    compute: Compute = Compute()

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        x = nn.relu(nn.Dense(8)(x.reshape(len(x), -1)))
        return jnp.tanh(nn.Dense(8 * 8 * self.channels)(x)).reshape(-1, 8, 8, self.channels)


class Judge(nn.Module):
    """Images, and those that they are made from -> scores [B]."""

    compute: Compute = Compute()

    @nn.compact
    def __call__(self, x: Array, *beside: Array, train: bool) -> Array:
        flat = [array.reshape(len(array), -1) for array in (x, *beside)]
        return nn.Dense(1)(nn.relu(nn.Dense(8)(jnp.concatenate(flat, -1))))[:, 0]


def translator(config: ConfigDict, spec: Spec, compute: Compute) -> System:
    """Pix2Pix and CycleGAN in miniature: from 'source' to 'real', whose critic sees both; or from 'a' to 'b'."""
    of, to = ('source', 'real') if 'source' in spec.fields else ('a', 'b')
    made, given = spec if to == 'real' else spec.fields[to], spec.fields[of]
    like = lambda some: jax.ShapeDtypeStruct((2, *some.shape), jnp.float32)
    nets = {
        'generator': from_linen(Painter(made.shape[-1]), like(given)),
        'critic': from_linen(Judge(), like(made), *([like(given)] if to == 'real' else [])),
    }

    def generate(params, state, inputs, train):
        fakes, now = nets['generator'].apply(params['generator'], state.stats['generator'], inputs, train=train)
        return fakes, {'generator': now}

    pair = Pair(
        made,
        generate,
        nets['critic'],
        inputs=lambda batch, keys: batch[of],
        conditions=lambda inputs, state: (inputs,) if to == 'real' else (),
        real=lambda batch, state, inputs: batch[to],
    )
    return two_players(config, [pair], nets, samplers={'samples': pair.sampler(like=to, target='real')})


def config_of(data: dict, **train) -> ConfigDict:
    config = configs.apply_defaults({'data': data}, 'of a test')
    config.train.update(steps=8, batch_size=12, n_critic=2, log_every=1, sample_every=4, checkpoint_every=3)
    config.train.update(train)
    config.eval.update(every=4, samples=8, features='pixels')
    return config


def trained(folder: Path, data: dict, **train) -> None:
    loop.train(config_of(data, **train), folder)


def runs(folder: Path, data: dict) -> None:
    """The same run held, streamed, and resumed within an epoch where the other was."""
    setup.build = translator  # whatever the config names
    loop.curves = lambda folder: None  # which takes seconds to draw
    streamed = {**data, 'on_device_max_mb': 0.0}
    trained(folder / 'held', data)
    trained(folder / 'streamed', streamed)
    trained(folder / 'resumed', data, steps=5, checkpoint_every=5)
    trained(folder / 'resumed', streamed, checkpoint_every=5)
    run = config_of(data), folder / 'held'
    draw.sample(*run, draw.Options(6, 0, 'latest', str(folder / 'six.png')))
    for name in ('a.png', 'b.jpg', 'more/a.png'):
        (folder / 'mine' / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (20, 12), 'red').save(folder / 'mine' / name)
    for out in ('painted', 'mine.png'):
        translate.translate(*run, str(folder / 'mine'), draw.Options(None, 0, 'latest', str(folder / out)))


def test_held_out_examples_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """By all that look at them."""
    read, really = [], load.load
    monkeypatch.setattr(load, 'load', lambda data, *how: (read.append(data['split']), really(data, *how))[1])
    monkeypatch.setattr(setup, 'build', translator)
    (experiment,) = setup.setup_stages(config_of(PAIRED), devices=1)
    for num in (2, 3):
        sampling.batch_of(experiment, sampling.main_sampler(experiment.system), num)
        assert sampling.truth(experiment).source.arrays is experiment.held_out().arrays
    assert read == ['train', 'test']


@pytest.mark.parametrize('kind', ['PAIRED', 'UNPAIRED'])
def test_a_run_is_the_same_held_streamed_and_resumed_within_an_epoch(kind: str, tmp_path: Path) -> None:
    """To the last digit where XLA optimizes as it does for users, hence in a process of its own."""
    program = f'import test_translation as t; t.runs(t.Path({str(tmp_path)!r}), t.{kind})'
    cache = {'JAX_COMPILATION_CACHE_DIR': str(tmp_path / 'cache'), 'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0'}
    cache |= {'JAX_ENABLE_COMPILATION_CACHE': 'true'}
    env = os.environ | cache | {'XLA_FLAGS': '', 'PYTHONPATH': os.pathsep.join(map(str, [ROOT, ROOT / 'tests']))}
    done = subprocess.run(
        [sys.executable, '-c', program], cwd=ROOT, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    held, streamed, resumed = (tmp_path / name / 'metrics.csv' for name in ('held', 'streamed', 'resumed'))
    assert (
        len(held.read_text().splitlines()) == 10 and held.read_bytes() == streamed.read_bytes() == resumed.read_bytes()
    )
    for name in ('step_00000004', 'step_00000008'):
        pictures = [
            (tmp_path / run / 'samples' / f'{name}.png').read_bytes() for run in ('held', 'streamed', 'resumed')
        ]
        assert len(set(pictures)) == 1
    assert all((f'eval/{name}' in held.read_text()) == (kind == 'PAIRED') for name in ('l1', 'psnr'))
    painted = [np.asarray(Image.open(tmp_path / 'painted' / name)) for name in ('a.png', 'b.png', 'more/a.png')]
    assert len(list((tmp_path / 'painted').rglob('*.png'))) == 4 and np.ptp(painted, axis=0).max() <= 2  # all are red
    sizes = [Image.open(tmp_path / name).size for name in ('six.png', 'mine.png')]
    # Images of 8 pixels are shown as 64, below the names of fields and a title in as many lines as it takes.
    cell = lambda count: 66 * count - 2
    rows = (6 if kind == 'PAIRED' else 3, 3)
    lines = [round((size[1] - cell(count)) / LINE) for size, count in zip(sizes, rows, strict=True)]
    assert min(lines) >= 2
    # Rows of source, sample and, where examples are pairs, what it should look like; of two, two beside each other.
    wide, high = (cell(3), cell(6)) if kind == 'PAIRED' else (cell(4), cell(3))
    assert sizes == [
        (max(NARROWEST, wide), high + LINE * lines[0]),
        (max(NARROWEST, cell(2)), cell(3) + LINE * lines[1]),
    ]
    stamp = json.loads((tmp_path / 'held' / 'stamps.json').read_text())['eval/fd_pixels']['protocol']
    assert stamp['split'] == ('test' if kind == 'PAIRED' else 'a: test; b: test') and 'random_crop=8' in stamp['data']
