"""The command line behind `launch.py`: from flags to one call, and from mistakes to one line."""

import ast
import re
import shlex
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import ml_collections
from absl import app, flags

from gans import configs
from gans.errors import UserError, unknown

EXPERIMENTS = Path(__file__).parent.parent / 'experiments'
NUM = 64  # --num of pictures, where it is not given


class SweepOptions(NamedTuple):
    """The flags of a sweep."""

    seeds: int = 5
    row: str | None = None
    dry_run: bool = False


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


def own_config(config: ml_collections.ConfigDict, folder: Path) -> ml_collections.ConfigDict:
    """The config of the run in a folder, for the modes that read one; `--config` names its default folder only.

    Overrides on the command line must agree with it, lest somebody believes that they have an effect. A run from before
    some key was there has the value that `--config` gives it: by default, what was always done.
    """
    from gans.train import workdir

    path = folder / 'config.json'
    if not path.is_file():
        raise UserError(f'{folder} holds no run: train it first, or name its folder with --workdir')
    if any(arg.startswith(('--config.', '-config.')) for arg in sys.argv):
        workdir.claim(folder, config)
    held, given = workdir.read_config(path), configs.flat(config)
    absent = [key for key in given if key not in configs.flat(held) and not configs.is_argument(key)]
    if absent:
        workdir.say(f'{folder} is older than {", ".join(f"{key} (taken as {given[key]})" for key in absent)}')
    return configs.completed(held, {key: given[key] for key in absent})


def train(config: ml_collections.ConfigDict, folder: Path, options: Options) -> None:
    from gans.train import loop, workdir

    summary = loop.train(config, folder)
    if summary:
        final = ', '.join(_told(summary, name) for name in summary['final'] if name.startswith('eval/'))
        last = folder / 'samples' / f'step_{summary["steps"]:08d}.png'
        workdir.say(f'done: {summary["steps"]:,} steps in {summary["seconds"]:,.0f} s, {final}')
        print(f'samples {last}  curves {folder / "curves.png"}  checkpoints {folder / "checkpoints"}  all in {folder}')


def finetune(config: ml_collections.ConfigDict, folder: Path, options: Options) -> None:
    """Trains from the nets of another run: what `train` does where `config.finetune` names one."""
    if options.run is None:
        raise UserError('begin from which run? --from=FOLDER, and --step=best or a number for a checkpoint of it')
    begin = {'finetune.run': options.run, 'finetune.step': options.step}
    train(configs.overridden(config, begin, 'on the command line'), folder, options)


def _told(summary: dict[str, Any], name: str) -> str:
    """A score, and what it means: 'fd_pixels 2.1 (two halves of the real data 0.5, untrained 133)'."""
    floor, untrained = (summary[key].get(name) for key in ('floor', 'untrained'))
    known = floor is not None and untrained is not None
    beside = f' (two halves of the real data {floor:.3g}, untrained {untrained:.3g})' if known else ''
    return f'{name.removeprefix("eval/")} {summary["final"][name]:.4g}{beside}'


def sample(config: ml_collections.ConfigDict, folder: Path, options: Options) -> None:
    from gans.train import draw

    num = NUM if options.num is None else options.num
    own = own_config(config, folder)
    print(draw.sample(own, folder, num, options.seed, options.step, options.out, options.label))


def interpolate(config: ml_collections.ConfigDict, folder: Path, options: Options) -> None:
    from gans.train import draw

    num = NUM if options.num is None else options.num
    own = own_config(config, folder)
    print(draw.interpolate(own, folder, num, options.seed, options.step, options.path, options.out))


def evaluate(config: ml_collections.ConfigDict, folder: Path, options: Options) -> None:
    from gans.evaluate import run

    num = run.Options().num if options.num is None else options.num
    chosen = run.Options(num, options.seed, options.step, options.features, options.weights)
    print(run.evaluate(own_config(config, folder), folder, chosen))


def anomaly(config: ml_collections.ConfigDict, folder: Path, options: Options) -> None:
    from gans.evaluate import anomaly

    num = anomaly.Options().num if options.num is None else options.num
    print(anomaly.anomaly(own_config(config, folder), folder, anomaly.Options(num, options.seed, options.step)))


def compare(real: str | None, fake: str | None, options: Options, size: int | None) -> None:
    from gans.evaluate import compare

    if not real or not fake:
        raise UserError('compare what? --real=PATH --fake=PATH, folders of images or .npz files')
    print(compare.compare(real, fake, options.features or 'auto', options.weights, size, options.out))


def describe(config: ml_collections.ConfigDict, folder: Path, options: Options) -> None:
    from gans.train.describe import describe

    print(describe(config))


def benchmark(config: ml_collections.ConfigDict, folder: Path, options: Options) -> None:
    from gans.train.benchmark import benchmark

    found = benchmark(config, folder, options.profile)
    if found:  # of several processes the first one tells
        print(found)


MODES: dict[str, Callable] = {
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


def sweep(file: str, base: ml_collections.ConfigDict, folder: Path, options: SweepOptions, argv: list[str]) -> None:
    from gans.sweep import run

    path = Path(file.partition(':')[0])
    if options.dry_run:
        print(run.dry_run(path, base, options.seeds, options.row))
        return
    beside = ('--row', '--workdir', '--compilation_cache')  # where and how much, not what
    command = ' '.join(['python launch.py', *(shlex.quote(arg) for arg in argv[1:] if not arg.startswith(beside))])
    print(run.run(path, base, folder, options.seeds, options.row, command))


def report(folders: list[str], out: str | None) -> None:
    from gans.sweep import run

    print(run.across([Path(folder) for folder in folders], Path(out) if out else None))


def parse(argv: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Parses absl's flags; every mistake becomes a UserError of one line.

    Returns:
      The words beside the flags, and the keys of the config that only we can set: see `_set_apart`.
    """
    chosen, swept, reported = (_values(argv, name) for name in ('config', 'sweep', 'report'))
    alone = reported or _values(argv, 'mode') == [COMPARE]
    if not (chosen or swept or alone or any('help' in arg for arg in argv)):
        raise UserError(
            f'which experiment? --config=experiments/NAME.py, NAME one of: {", ".join(_known(EXPERIMENTS))}'
        )
    for kind, values, folder in (('experiment', chosen, EXPERIMENTS), ('sweep', swept, EXPERIMENTS / 'sweeps')):
        for value in values:
            path = Path(value.partition(':')[0])
            if not path.is_file():
                place = folder.relative_to(EXPERIMENTS.parent)
                raise unknown(kind, str(path), [str(place / f'{name}.py') for name in _known(folder)])
    if _values(argv, 'from') and _values(argv, 'mode') != ['finetune']:
        raise UserError('--from is for --mode=finetune; rows of a sweep set finetune.run')
    if _values(argv, 'profile') and _values(argv, 'mode') != ['benchmark']:
        raise UserError('--profile is for --mode=benchmark')
    if swept:
        if chosen or reported or len(swept) > 1:
            raise UserError(f'--sweep={swept[0]} names its own config: leave out --config, --report and other sweeps')
        if _values(argv, 'mode') not in ([], ['train']):
            raise UserError('--sweep trains; for a mode that reads a run give --config and a --workdir in the rows/')
        argv = [argv[0], f'--config={swept[0]}', *argv[1:]]
    argv, added = _set_apart(argv)
    app.define_help_flags()
    given, sys.argv = sys.argv, argv  # where ml_collections looks for overrides
    try:
        rest = flags.FLAGS(argv)
    except (KeyError, AttributeError) as error:  # ml_collections': a key that is not in the config
        text = re.sub(r'[\\\'"\s]+', ' ', str(error).replace('\\n', ' '))
        raise UserError(f'no such key in the config:{text}(all keys: experiments/common.py)') from error
    except Exception as error:  # absl's flags.Error, and whatever a config file raises
        raise UserError(_said(str(error)) or type(error).__name__) from error
    finally:
        sys.argv = given
    if rest[1:] and not reported:
        raise UserError(f"cannot make sense of '{rest[1]}': flags are --NAME=VALUE, and --config comes first")
    return rest[1:], added


def _set_apart(argv: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Takes out of a command line the `--config.KEY=VALUE` that ml_collections would not have: `critic.KEY` and its
    like where the config has no such key yet, and None.

    The sections `data`, `generator` and `critic` are the arguments of a function, of which a file names the ones that
    it sets. None turns off again what is off by default.
    """
    pattern = re.compile(r'--?config\.([\w.]+)=(.*)', re.DOTALL)
    given = {arg: (match[1], _literal(match[2])) for arg in argv if (match := pattern.fullmatch(arg))}
    given = {arg: (key, value) for arg, (key, value) in given.items() if value is None or configs.is_argument(key)}
    chosen = _values(argv, 'config')
    if not chosen or not given:
        return argv, {}
    path, named, variant = chosen[-1].partition(':')
    make = configs.load(Path(path)).get_config
    known = configs.flat(configs.guarded(Path(path), lambda: make(*[variant] if named else [])))
    defaults = configs.flat(configs.load(EXPERIMENTS / 'common.py').get_config())
    added = {}
    for arg, (key, value) in given.items():
        optional = configs.is_argument(key) or defaults.get(key, known.get(key)) is None
        if value is None and not optional:
            raise UserError(
                f'--config.{key}=None: this cannot be turned off; give it a value, here it is {known[key]!r}'
            )
        if value is None or key not in known:
            added[arg] = key, value
    return [arg for arg in argv if arg not in added], dict(added.values())


def _literal(text: str) -> Any:
    """A number, tuple, True, False or None as Python writes them; else the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def default_workdir(config: str, swept: bool = False) -> Path:
    """runs/NAME[-variant] for experiments/NAME.py[:variant], runs/sweeps/NAME[-variant] for a sweep."""
    path, _, variant = config.partition(':')
    runs = Path('runs') / 'sweeps' if swept else Path('runs')
    return runs / '-'.join([Path(path).stem, *filter(None, [variant])])


def _known(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob('*.py') if path.stem != 'common')


def _values(argv: list[str], flag: str) -> list[str]:
    """What a flag is set to on a command line: '--flag=value' or '--flag value'."""
    parts = [(arg.lstrip('-').partition('='), after) for arg, after in pairwise([*argv, '']) if arg.startswith('-')]
    return [value if given else after for (name, given, value), after in parts if name == flag]


def _said(error: str) -> str:
    """One line of an error; of a traceback in a config file what the file says, or its last line and the place."""
    if 'Traceback' not in error:
        return ' '.join(error.split())
    last = error.strip().splitlines()[-1]
    place = re.findall(r'File "([^"]+)", line (\d+)', error)[-1]
    return (
        last.removeprefix('ValueError: ')
        if last.startswith('ValueError: ')
        else f'{last} ({place[0]}, line {place[1]})'
    )
