"""PyTorch's DAMSM, DF-GAN and AttnGAN compute what ours do, in both passes: losses and gradients of all players."""

import pytest

pytest.importorskip('torch')

from benchmarks import words


@pytest.mark.parametrize('name', [*words.CASES])
def test_losses_and_gradients(name):
    differences = words.compare(name)
    assert len(differences) == 2 * len(words.CASES[name].roles)
    assert all(value < 1e-3 for value in differences.values()), differences
