"""The report's page in a real headless browser, used as a person would."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from sweeping import write_losses

from gans.metrics.score import SLICED as BEST
from gans.sweep.report import report

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason='no chromium')
GAMES = ['minimax', 'non_saturating', 'wasserstein', 'least_squares', 'hinge', 'relativistic_pairing',
         'relativistic_average', 'relativistic_average_least_squares', 'relativistic_average_hinge']  # fmt: skip
PENALTIES = ['none', 'gp', 'r1', 'r1_r2', 'sn', 'clip']


WATCH = """<head><script>window.failed = [];
for (const kind of ['error', 'securitypolicyviolation'])
  addEventListener(kind, event => failed.push(event.message ?? event.blockedURI), true);
</script>"""
PROBE = """<script>addEventListener('load', () => {
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const seen = {
  ready: document.documentElement.dataset.ready,
  errors: failed,
  requests: performance.getEntriesByType('resource').map(entry => entry.name),
  overflow: document.documentElement.scrollWidth - innerWidth,
  images: all('img').map(image => image.naturalWidth),
  sorted: {},
};
for (const i of [0, 2, 4]) {
  seen.sorted[i] = [1, 2].map(() => {
    all(`#results th[data-column="${i}"] button`)[0].click();
    return all('#results tbody tr').map(row => row.cells[i].dataset.value ?? row.cells[i].textContent);
  });
}
const shown = () => all('[data-metric]').filter(part => part.offsetHeight).map(part => part.dataset.metric);
seen.shown = [shown()];
const selector = document.getElementById('metric');
selector.value = 'eval/modes';
selector.dispatchEvent(new Event('change'));
seen.shown.push(shown());
seen.panels = all('section:not([hidden]) .panels svg path').length;
seen.names = all('section:not([hidden]) figcaption').map(each => each.textContent);
const out = document.createElement('script');
out.type = 'application/json';
out.id = 'seen';
out.textContent = JSON.stringify(seen);
document.body.append(out);
});</script>"""


def browse(page: Path, *args: str) -> subprocess.CompletedProcess:
    flags = ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--disable-background-networking']
    command = [CHROMIUM, *flags, f'--user-data-dir={page.parent / "profile"}', *args, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done


def probe(page: Path, extra: str = '') -> dict:
    """What a browser sees of a page, and what its script does when it is used."""
    copy = page.with_name('probed.html')
    copy.write_text(page.read_text().replace('<head>', WATCH, 1).replace('</body>', f'{extra}{PROBE}</body>', 1))
    dom = browse(copy, '--dump-dom', '--window-size=500,900').stdout
    (seen,) = re.findall(r'<script type="application/json" id="seen">(.*?)</script>', dom, re.DOTALL)
    return json.loads(seen)


@pytest.fixture(scope='module')
def page(tmp_path_factory) -> Path:
    folder = write_losses(tmp_path_factory.mktemp('page') / 'losses', GAMES, PENALTIES, seeds=3, picture=16)
    report([folder], folder / 'report')
    return folder / 'report' / 'report.html'


def test_in_a_browser(page) -> None:
    seen = probe(page)
    assert (seen['ready'], seen['errors'], seen['requests']) == ('yes', [], [])
    assert seen['overflow'] <= 0  # on a phone only tables scroll sideways
    assert seen['images'] == [16] * 53
    names, again = seen['sorted']['0']
    assert (names[0], names[-1]) == ('hinge+clip', 'wasserstein+sn') and again == names[::-1]
    assert sorted(names) == sorted(f'{game}+{penalty}' for game in GAMES for penalty in PENALTIES)
    for column, lower in (('2', True), ('4', False)):
        for values, upwards in zip(seen['sorted'][column], (lower, not lower), strict=True):
            numbers = [float(value) for value in values if value]
            assert len(numbers) == 53 and values[-1] == ''  # the row without runs comes last both ways
            assert numbers == sorted(numbers, reverse=not upwards) and numbers[0] != numbers[-1]
    assert seen['shown'] == [[BEST], ['eval/modes']]
    assert seen['names'] == [f'{game}+{penalty}' for game in GAMES for penalty in PENALTIES]
    assert seen['panels'] >= 2 * 53


def test_the_browser_tells_of_errors_and_requests(page) -> None:
    seen = probe(page, '<img src="http://localhost:9/x.png"><script>undefined_name()</script>')
    assert any('undefined_name' in str(error) for error in seen['errors'])
    assert any('localhost' in str(entry) for entry in seen['errors'] + seen['requests'])


@pytest.mark.parametrize('size', [(1200, 2400), (500, 900)])
def test_a_picture_of_the_page(page, size) -> None:
    from PIL import Image

    png = page.parent / f'{size[0]}.png'
    browse(page, f'--screenshot={png}', f'--window-size={size[0]},{size[1]}')
    pixels = np.asarray(Image.open(png).convert('RGB'))
    assert pixels.shape[:2] == size[::-1]
    inked = (pixels < 200).any(-1)
    assert 0.01 < inked.mean() < 0.5 and inked[: size[1] // 4].any() and inked[-size[1] // 4 :].any()
