"""Independent implementations that tests compare with, where they are installed."""

import importlib
import importlib.util
import sys
from types import ModuleType
from unittest.mock import MagicMock

import pytest

STUBS = ('torchvision', 'torchvision.datasets', 'torchvision.transforms', 'torchvision.transforms.functional')


def torch_fidelity(name: str) -> ModuleType:
    """A module of torch-fidelity, or the test is skipped.

    All of it imports torchvision, which no metric needs: where that is not installed, something empty stands in for it.
    """
    pytest.importorskip('torch')
    if not importlib.util.find_spec('torch_fidelity'):
        pytest.skip('torch-fidelity is not installed')
    missing = () if importlib.util.find_spec('torchvision') else STUBS
    sys.modules.update({stub: MagicMock() for stub in missing})
    try:
        return importlib.import_module(f'torch_fidelity.{name}')
    finally:
        for stub in missing:
            del sys.modules[stub]
