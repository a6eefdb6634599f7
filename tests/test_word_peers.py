"""PyTorch's DAMSM and DF-GAN compute what ours do, in both passes: losses and gradients of all players."""

import pytest

pytest.importorskip('torch')

from benchmarks import words


@pytest.mark.parametrize('name', [*words.ROLES])
def test_losses_and_gradients(name):
    differences = words.compare(name)
    assert len(differences) == 2 * len(words.ROLES[name])
    assert all(value < 1e-3 for value in differences.values()), differences
