"""PyTorch's stage II of StackGAN computes what ours does: losses and gradients of both players."""

import pytest

pytest.importorskip('torch')

from benchmarks import clips, stackgan

from gans import config_file


def test_losses_and_gradients() -> None:
    case = stackgan.Case(config_file.read('experiments/stackgan_openmoji64.py:smoke'))
    differences = clips.compare(case, stackgan.Theirs)
    assert len(differences) == 4 and all(value < 1e-3 for value in differences.values()), differences
