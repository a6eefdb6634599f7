import json
import sys

import numpy as np
import pytest
from PIL import Image

from gans import pictures
from gans.training.curves import _panels, curves
from gans.training.logs import Logs


def write(folder, rows) -> None:
    logs = Logs(folder)
    for step, values in rows:
        logs.scalars(step, values)
    logs.close()


def test_scores_come_first_then_losses() -> None:
    names = ['critic/loss', 'critic/real_score', 'generator/loss', 'eval/fid', 'critic/r1', 'plain']
    assert list(_panels(names).items()) == [
        ('eval/fid', ['eval/fid']),
        ('loss', ['critic/loss', 'generator/loss']),
        ('critic/real_score', ['critic/real_score']),
        ('critic/r1', ['critic/r1']),
        ('plain', ['plain']),
    ]


@pytest.mark.parametrize('steps', [[], [1], range(1, 30)])
def test_curves(tmp_path, steps) -> None:
    write(tmp_path, [(step, {'critic/loss': step, 'generator/loss': -step, 'eval/fid': 2.0}) for step in steps])
    with (tmp_path / 'metrics.csv').open('a') as file:
        if len(steps) > 1:
            file.write('99,nan,inf,\n')
    curves(tmp_path)
    image = Image.open(tmp_path / 'curves.png')
    assert image.mode == 'RGB' and image.width % 1260 == 0  # 4.2 inches at 300 dpi
    assert 'matplotlib.pyplot' not in sys.modules


def test_the_floor_is_a_line_and_decades_are_logarithmic(tmp_path, monkeypatch) -> None:
    write(
        tmp_path, [(step, {'eval/fid': 500 / step**2, 'eval/modes': step, 'critic/loss': 1.0}) for step in range(1, 20)]
    )
    entry = {'protocol': {}, 'floor': 0.25}
    (tmp_path / 'stamps.json').write_text(json.dumps({'eval/fid': entry, 'eval/modes': entry | {'floor': None}}))
    shown = []
    monkeypatch.setattr(pictures, 'save', lambda path, figure: shown.append(figure))
    curves(tmp_path)
    fid, modes, loss = shown[0].axes
    assert [axis.get_title(loc='left') for axis in (fid, modes, loss)] == [
        'fid, lower is better',
        'modes, higher is better',
        'loss',
    ]
    floor, values = fid.lines
    assert floor.get_label() == 'two halves of the real data' and np.unique(floor.get_ydata()).tolist() == [0.25]
    assert (values.get_ydata()[0], fid.get_yscale(), fid.get_ylabel()) == (500, 'log', 'logarithmic')
    assert len(modes.lines) == 1 and modes.get_yscale() == loss.get_yscale() == 'linear'
