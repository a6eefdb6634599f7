"""What `launch.py` can be asked for: one function a mode."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from gans import configs
from gans.errors import UserError

NUM = 64  # --num of pictures, where it is not given


class Options(NamedTuple):
    """The flags of the modes that read a checkpoint, or samples; `run` is --from."""

    num: int | None = None
    seed: int = 0
    step: str = 'latest'
    path: str = 'spherical'
    out: str | None = None
    features: str | None = None
    weights: str | None = None
    run: str | None = None
    label: str | None = None
    profile: bool = False
    overridden: bool = False  # whether keys of the config were set on the command line


class SweepOptions(NamedTuple):
    """The flags of a sweep."""

    seeds: int = 5
    row: str | None = None
    dry_run: bool = False


def train(config: ConfigDict, folder: Path, options: Options) -> None:
    from gans.train import loop, workdir

    summary = loop.train(config, folder)
    if summary:
        final = ', '.join(_told(summary, name) for name in summary['final'] if name.startswith('eval/'))
        last = folder / 'samples' / f'step_{summary["steps"]:08d}.png'
        workdir.say(f'done: {summary["steps"]:,} steps in {summary["seconds"]:,.0f} s, {final}')
        print(f'samples {last}  curves {folder / "curves.png"}  checkpoints {folder / "checkpoints"}  all in {folder}')


def finetune(config: ConfigDict, folder: Path, options: Options) -> None:
    """Trains from the nets of another run: what `train` does where `config.finetune` names one."""
    if options.run is None:
        raise UserError('begin from which run? --from=FOLDER, and --step=best or a number for a checkpoint of it')
    begin = {'finetune.run': options.run, 'finetune.step': options.step}
    train(configs.overridden(config, begin, 'on the command line'), folder, options)


def _told(summary: dict[str, Any], name: str) -> str:
    """A score, and what it means: 'fd_pixels 2.1 (two halves of the real data 0.5, untrained 133)'."""
    floor, untrained = (summary.get(key, {}).get(name) for key in ('floor', 'untrained'))
    known = floor is not None and untrained is not None
    beside = f' (two halves of the real data {floor:.3g}, untrained {untrained:.3g})' if known else ''
    return f'{name.removeprefix("eval/")} {summary["final"][name]:.4g}{beside}'


def sample(config: ConfigDict, folder: Path, options: Options) -> None:
    from gans.train import draw

    num = NUM if options.num is None else options.num
    own = own_config(config, folder, options)
    print(draw.sample(own, folder, num, options.seed, options.step, options.out, options.label))


def interpolate(config: ConfigDict, folder: Path, options: Options) -> None:
    from gans.train import draw

    num = NUM if options.num is None else options.num
    own = own_config(config, folder, options)
    print(draw.interpolate(own, folder, num, options.seed, options.step, options.path, options.out))


def evaluate(config: ConfigDict, folder: Path, options: Options) -> None:
    from gans.evaluate import run

    num = run.Options().num if options.num is None else options.num
    chosen = run.Options(num, options.seed, options.step, options.features, options.weights)
    print(run.evaluate(own_config(config, folder, options), folder, chosen))


def anomaly(config: ConfigDict, folder: Path, options: Options) -> None:
    from gans.evaluate import anomaly

    num = anomaly.Options().num if options.num is None else options.num
    own = own_config(config, folder, options)
    print(anomaly.anomaly(own, folder, anomaly.Options(num, options.seed, options.step)))


def describe(config: ConfigDict, folder: Path, options: Options) -> None:
    from gans.cost.describe import describe

    print(describe(config))


def benchmark(config: ConfigDict, folder: Path, options: Options) -> None:
    from gans.cost.benchmark import benchmark

    found = benchmark(config, folder, options.profile)
    if found:  # of several processes the first one tells
        print(found)


MODES: dict[str, Callable[[ConfigDict, Path, Options], None]] = {
    'train': train,
    'finetune': finetune,
    'sample': sample,
    'interpolate': interpolate,
    'evaluate': evaluate,
    'anomaly': anomaly,
    'describe': describe,
    'benchmark': benchmark,
}
COMPARE = 'compare'  # the one mode without a config


def compare(real: str | None, fake: str | None, options: Options, size: int | None) -> None:
    from gans.evaluate import compare

    if not real or not fake:
        raise UserError('compare what? --real=PATH --fake=PATH, folders of images or .npz files')
    print(compare.compare(real, fake, options.features or 'auto', options.weights, size, options.out))


def sweep(path: Path, base: ConfigDict, folder: Path, options: SweepOptions, command: str) -> None:
    from gans.sweep import run

    if options.dry_run:
        print(run.dry_run(path, base, options.seeds, options.row))
    else:
        print(run.run(path, base, folder, options.seeds, options.row, command))


def report(folders: Sequence[str], out: str | None) -> None:
    from gans.sweep import run

    print(run.across([Path(folder) for folder in folders], Path(out) if out else None))


def own_config(config: ConfigDict, folder: Path, options: Options) -> ConfigDict:
    """The config of the run in a folder, for the modes that read one; `--config` names its default folder only.

    Overrides on the command line must agree with it, lest somebody believes that they have an effect. A run from before
    some key was there has the value that `--config` gives it: by default, what was always done.
    """
    from gans.train import workdir

    path = folder / 'config.json'
    if not path.is_file():
        raise UserError(f'{folder} holds no run: train it first, or name its folder with --workdir')
    if options.overridden:
        workdir.agree(folder, config)
    held, given = workdir.read_config(path), configs.flat(config)
    # A section that the run has not at all is off there: only other keys are younger than the run. A stage's keys are
    # its own affair: what it lacks is as in the base.
    absent = [key for key in given if key not in configs.flat(held) and not configs.is_argument(key)]
    absent = [key for key in absent if configs.of_stage(key)[0] is None]
    there = {configs.section_of(key) for key in configs.flat(held)} | {None}
    absent = [key for key in absent if configs.section_of(key) in there]
    if absent:
        workdir.say(f'{folder} is older than {", ".join(f"{key} (taken as {given[key]})" for key in absent)}')
    return configs.completed(held, {key: given[key] for key in absent})
