"""PyTorch's peers of the nets of image translation compute what ours do, in both passes."""

import pytest

pytest.importorskip('torch')

from benchmarks import translation

pytestmark = pytest.mark.usefixtures('one_thread')


@pytest.mark.parametrize('name', ['pix2pix64', 'cyclegan64', 'srgan96'])
def test_losses_and_gradients(name):
    differences = translation.compare(translation.CASES[name](translation.NARROW, 4))
    assert all(abs(value) < translation.limit(what) for what, value in differences.items()), differences
    assert differences['generator parameters'] == differences['critic parameters'] == 0
