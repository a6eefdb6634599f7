"""PyTorch's peers of the nets of image translation compute what ours do, in both passes."""

import pytest

pytest.importorskip('torch')

import torch
from benchmarks import translation


@pytest.fixture(autouse=True, scope='module')
def one_thread():
    """Threads that wait for each other do not go well with other tests beside this one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize('name', ['pix2pix64', 'cyclegan64', 'srgan96'])
def test_losses_and_gradients(name):
    differences = translation.compare(translation.CASES[name](translation.NARROW, 4))
    assert all(abs(value) < translation.limit(what) for what, value in differences.items()), differences
    assert differences['generator parameters'] == differences['critic parameters'] == 0
