"""PyTorch's TGAN, MoCoGAN and 3D-GAN compute what ours do, in both passes: losses and gradients of both players."""

import pytest

pytest.importorskip('torch')

from benchmarks import clips


@pytest.mark.parametrize('name', ['tgan', 'mocogan', 'gan3d'])
def test_losses_and_gradients(name):
    differences = clips.compare(clips.Case(name, 16, 4, 2))
    assert len(differences) == 4 and all(value < 1e-3 for value in differences.values()), differences
