"""Systems that are given other fields of an example than noise and labels, through the whole trainer."""

from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest
from ml_collections import ConfigDict

from gans import configs
from gans.core import Array, Compute, Spec, System
from gans.nets.build import from_linen
from gans.parts import Pair
from gans.systems._players import two_players
from gans.train import loop, setup

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
    """Images, and those that they are made from -> scores [B] and features [B, 8]."""

    compute: Compute = Compute()

    @nn.compact
    def __call__(self, x: Array, *beside: Array, train: bool) -> tuple[Array, Array]:
        flat = [array.reshape(len(array), -1) for array in (x, *beside)]
        features = nn.relu(nn.Dense(8)(jnp.concatenate(flat, -1)))
        return nn.Dense(1)(features)[:, 0], features


def translator(config: ConfigDict, spec: Spec, compute: Compute) -> System:
    """Pix2Pix and CycleGAN in miniature: from 'source' to 'real', whose critic sees both; or from 'a' to 'b'."""
    of, to = ('source', 'real') if 'source' in spec.fields else ('a', 'b')
    made, given = spec if to == 'real' else spec.fields[to], spec.fields[of]
    like = lambda some: jax.ShapeDtypeStruct((2, *some.shape), jnp.float32)
    nets = {
        'generator': from_linen(Painter(made.shape[-1]), like(given)),
        'critic': from_linen(Judge(), like(made), *([like(given)] if to == 'real' else [])),
    }

    def generate(params, stats, inputs, train):
        fakes, now = nets['generator'].apply(params['generator'], stats['generator'], inputs, train=train)
        return fakes, {'generator': now}

    pair = Pair(
        made,
        generate,
        nets['critic'],
        inputs=lambda batch, keys: batch[of],
        conditions=lambda inputs: (inputs,) if to == 'real' else (),
        real=lambda batch: batch[to],
    )
    return two_players(config, [pair], nets, samplers={'samples': pair.sampler(like=to)})


@pytest.fixture(autouse=True)
def translating(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the config names, the system is `translator`; on the first device alone."""
    monkeypatch.setattr(setup, 'build', translator)
    monkeypatch.setattr(jax, 'device_count', lambda: 1)


def config_of(data: dict, **train) -> ConfigDict:
    config = configs.apply_defaults({'data': data}, 'of a test')
    config.train.update(steps=8, batch_size=12, n_critic=2, log_every=1, sample_every=4, checkpoint_every=3)
    config.train.update(train)
    config.eval.update(every=4, samples=8, features='pixels')
    return config


def trained(folder: Path, data: dict, **train) -> bytes:
    loop.train(config_of(data, **train), folder)
    return (folder / 'metrics.csv').read_bytes()


@pytest.mark.parametrize('data', [PAIRED, UNPAIRED], ids=['paired', 'unpaired'])
def test_a_run_is_the_same_held_streamed_and_resumed_within_an_epoch(data: dict, tmp_path: Path) -> None:
    held = trained(tmp_path / 'held', data)
    assert len(held.splitlines()) == 9 and (tmp_path / 'held' / 'samples' / 'step_00000008.png').exists()
    assert trained(tmp_path / 'streamed', {**data, 'on_device_max_mb': 0.0}) == held
    trained(tmp_path / 'resumed', data, steps=5, checkpoint_every=5)
    assert trained(tmp_path / 'resumed', {**data, 'on_device_max_mb': 0.0}, checkpoint_every=5) == held
