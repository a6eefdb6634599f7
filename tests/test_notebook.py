"""The notebook beside the experiments, from its first cell to its last."""

import importlib.util
import os
from pathlib import Path

import pytest

import gans

ROOT = Path(__file__).parent.parent
PATH = ROOT / 'experiments' / 'first_steps.ipynb'


@pytest.mark.skipif(importlib.util.find_spec('nbclient') is None, reason='nbclient is not installed')
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With fewer steps; its mistake is shown as one line, and it ends with two runs and a figure."""
    import nbclient
    import nbformat

    text = PATH.read_text(encoding='utf-8')
    assert text.count('STEPS = 3_000') == 1 and len(text) < 100_000
    notebook = nbformat.reads(text.replace('STEPS = 3_000', 'STEPS = 200'), as_version=4)
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    monkeypatch.setenv('XLA_FLAGS', os.environ['XLA_FLAGS'].replace('device_count=4', 'device_count=1'))
    nbclient.NotebookClient(notebook, timeout=300, resources={'metadata': {'path': str(tmp_path)}}).execute()
    *_, last = cells = [cell for cell in notebook.cells if cell.cell_type == 'code']
    (error,) = last.outputs
    assert error.traceback == ['gans.UserError: there is no folder runs/first_step: train a run in it first']
    assert any('image/png' in output.get('data', {}) for cell in cells for output in cell.outputs)
    said = ''.join(output.get('text', '') for cell in cells for output in cell.outputs)
    assert 'soft_hinge' in said and 'modes' in said
    for name in ('first_steps', 'own_loss'):
        assert gans.load(tmp_path / 'runs' / name).step == 200
