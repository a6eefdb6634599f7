"""PyTorch's peer of StyleGAN2 computes what ours does, in all phases: with first and second derivatives."""

import functools

import pytest

pytest.importorskip('torch')

import torch
from benchmarks import stylegan2

both = functools.cache(lambda: stylegan2.Both(8, 8, 8))


@pytest.fixture(autouse=True, scope='module')
def one_thread():
    """Threads that wait for each other do not go well with other tests beside this one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize('phase', stylegan2.OWNED)
def test_losses_and_gradients(phase: str) -> None:
    """With the deviation of two groups of four, through which R1 couples examples."""
    found = stylegan2.compare(both(), phase)
    assert all(value < 1e-3 for value in found.values()), found
