"""Makes sweep files, and folders of sweeps as training leaves them, with scores that the tests choose."""

import json
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from experiments import common
from gans.configs import override
from gans.metrics.score import SLICED as BEST
from gans.sweep import plan
from gans.sweep import rows as sweep_rows
from gans.sweep.report import report
from gans.sweep.results import read
from gans.sweep.table import Column, table

STEPS = [1_000, 2_000, 3_000, 4_000]


def write_run(folder: Path, scores: dict[str, list[float]], end: dict | None, config: dict, picture: int = 0) -> None:
    """One run: `scores` by column, one value an evaluation; `end` goes to summary.json; `picture` is its size."""
    folder.mkdir(parents=True)
    (folder / 'config.json').write_text(json.dumps({'data': {}, 'train': {}, **config}))
    lines = [['step', 'critic/loss', *scores]]
    for i in range(len(next(iter(scores.values())))):
        lines.append([STEPS[i] - 500, 0.5 + 0.1 * i, *[''] * len(scores)])
        lines.append([STEPS[i], 0.4 + 0.1 * i, *(f'{values[i]:.9g}' for values in scores.values())])
    (folder / 'metrics.csv').write_text(''.join(','.join(map(str, line)) + '\n' for line in lines))
    if end is not None:
        (folder / 'summary.json').write_text(json.dumps({'steps': STEPS[-1], 'seconds': 1.5, 'final': {}, **end}))
    if picture:
        from PIL import Image

        (folder / 'samples').mkdir()
        pixels = np.random.default_rng(0).integers(0, 256, (picture, picture, 3), np.uint8)
        for step in STEPS[:2]:
            Image.fromarray(pixels).save(folder / 'samples' / f'step_{step:08d}.png')


def write_head(
    folder: Path, names: dict[str, dict], seeds: int, doc: str = 'A sweep.\n\nExpected: all is well.'
) -> None:
    """sweep.json: `names` are overrides by row."""
    folder.mkdir(parents=True, exist_ok=True)
    head = {
        'name': folder.name,
        'doc': doc,
        'command': f'python launch.py --sweep=experiments/sweeps/{folder.name}.py --seeds={seeds}',
        'seeds': list(range(seeds)),
        'rows': [{'name': name, 'overrides': overrides} for name, overrides in names.items()],
    }
    (folder / 'sweep.json').write_text(json.dumps(head))


def write_losses(folder: Path, games: list[str], penalties: list[str], seeds: int = 5, picture: int = 24) -> Path:
    """A sweep of games x penalties that looks like one: some rows fail, some seeds diverge, the last row is missing."""
    rng = np.random.default_rng(1)
    weights = {penalty: {} if penalty == 'none' else {f'terms.{penalty}.weight': 10.0} for penalty in penalties}
    names = {f'{game}+{penalty}': {'game': game, **weights[penalty]} for game in games for penalty in penalties}
    write_head(
        folder, names, seeds, 'Every game with every penalty.\n\nPaper: none.\nExpected: <b>R1</b> & friends win.'
    )
    for i, (name, overrides) in enumerate(names.items()):
        good = i % 6 in (2, 3)
        for seed in range(seeds):
            noise = np.exp(rng.normal(0, 0.2, 4))
            distance = (0.05 if good else 0.4) * noise * np.array([4, 2, 1.3, 1])
            modes = [2, 5, 8, 8] if good else rng.integers(1, 8, 4).tolist()
            scores = {
                'eval/sliced_wasserstein': distance.tolist(),
                'eval/modes': modes,
                'eval/high_quality': np.clip(0.9 - distance, 0, 1).tolist(),
                'eval/reverse_kl': (distance**2).tolist(),
            }
            end = {}
            if i % 11 == 7 and seed == 1:
                scores, end = (
                    {key: values[:3] for key, values in scores.items()},
                    {'stopped': 'step 3,456: critic/loss is nan', 'steps': 3456},
                )
            if i == len(names) - 2 and seed > 2:
                scores, end = {key: values[:2] for key, values in scores.items()}, None
            if i < len(names) - 1:
                terms = {key.split('.')[1]: {'weight': value} for key, value in overrides.items() if key != 'game'}
                config = {'game': overrides['game'], 'terms': terms, 'seed': seed}
                write_run(folder / 'rows' / name / f'seed_{seed}', scores, end, config, picture)
    return folder


def write_scores(folder: Path, rows: dict[str, list[float]], metric: str = BEST, ends: dict | None = None) -> Path:
    """A sweep whose rows have these final values, one a seed, after a worse first evaluation; `ends` by (row, seed)."""
    seeds = max(map(len, rows.values()))
    write_head(folder, {name: {'game': name} for name in rows}, seeds)
    for name, values in rows.items():
        for seed, value in enumerate(values):
            scores = {BEST: [2.0, 1.0], metric: [value / 2, value]} if metric != BEST else {BEST: [2 * value, value]}
            end = (ends or {}).get((name, seed), {})
            write_run(folder / 'rows' / name / f'seed_{seed}', scores, end, {'game': name, 'seed': seed})
    return folder


def marks(folder: Path, metric: str = BEST, when: str = 'final') -> dict[str, str]:
    found = table(read([folder]))
    return {row.name: found.cell(row, Column(metric, when)).mark for row in found.rows}


def report_files(folders: list[Path], out: Path) -> dict[str, str]:
    line = report(folders, out)
    assert str(out / 'report.html') in line and '\n' not in line
    return {path.name: path.read_text(errors='replace') for path in sorted(out.iterdir())}


ROWS = """
'''Three rows and a hinge.'''

def sweep(add):
    add('base')
    add('heavy', **{'terms.r1.weight': 1.0})
    add(name='wild', **{'optimizer.critic.learning_rate': 1e30})
    add('hinge', **{'game': 'hinge', 'train.n_critic': 2})
"""


def small_config() -> ConfigDict:
    config = common.get_config()
    config.data.name = 'ring'
    config.latents.size = 4
    config.generator = ConfigDict({'net': 'mlp', 'widths': (8,)})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (8,)})
    config.ema.decay = 0.9
    config.train.update(steps=12, batch_size=8, log_every=2, steps_per_call=2)
    common.every(config, 4)
    config.eval.samples = 32
    return override(config, {'terms.r1.weight': 0.1}, 'of a test')


def write_file(folder: Path, text: str = ROWS) -> Path:
    path = folder / 'some.py'
    path.write_text(text)
    return path


def groups_of(path: Path, config: ConfigDict, seeds: int = 2) -> list[plan.Group]:
    return plan.plan(sweep_rows.load(path, config).members(seeds), plan.Sources())
