"""PyTorch's peers of BigGAN and R3GAN compute what ours do, as benchmarks time them."""

import importlib

import pytest

pytest.importorskip('torch')

from benchmarks import whole


@pytest.mark.usefixtures('one_thread')
@pytest.mark.parametrize('name', ['biggan', 'r3gan'])
def test_losses_and_gradients(monkeypatch, name: str) -> None:
    """Of both players, second derivatives included, where every kernel counts."""
    benchmark = importlib.import_module(f'benchmarks.{name}')
    monkeypatch.setattr(benchmark, 'BATCH', 3)
    found = benchmark.compare()
    assert all(apart < whole.TOLERANCE for apart in found.values()), found
