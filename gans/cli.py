"""The command line behind `launch.py`: from flags to one call, and from mistakes to one line."""

import os
import re
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import ml_collections
from absl import app, flags

from gans.errors import UserError, unknown


class Options(NamedTuple):
    """The flags of the modes that read a checkpoint."""

    num: int = 64
    seed: int = 0
    step: str = 'latest'
    path: str = 'spherical'
    out: str | None = None


def own_config(config: ml_collections.ConfigDict, folder: Path) -> ml_collections.ConfigDict:
    """The config of the run in a folder, for the modes that read one; `--config` names its default folder only.

    Overrides on the command line must agree with it, lest somebody believes that they have an effect.
    """
    from gans.train import workdir

    path = folder / 'config.json'
    if not path.is_file():
        raise UserError(f'{folder} holds no run: train it first, or name its folder with --workdir')
    if any(arg.startswith(('--config.', '-config.')) for arg in sys.argv):
        workdir.claim(folder, config)
    return workdir.read_config(path)


def train(config: ml_collections.ConfigDict, folder: Path, options: Options) -> None:
    from gans.train import loop, workdir

    summary = loop.train(config, folder)
    if summary:
        final = ', '.join(f'{name.removeprefix("eval/")} {value:.4g}' for name, value in summary['final'].items()
                          if name.startswith('eval/'))  # fmt: skip
        last = folder / 'samples' / f'step_{summary["steps"]:08d}.png'
        workdir.say(f'done: {summary["steps"]:,} steps in {summary["seconds"]:,.0f} s, {final}')
        print(f'samples {last}  curves {folder / "curves.png"}  checkpoints {folder / "checkpoints"}  all in {folder}')


def sample(config: ml_collections.ConfigDict, folder: Path, options: Options) -> None:
    from gans.train import draw

    print(draw.sample(own_config(config, folder), folder, options.num, options.seed, options.step, options.out))


def interpolate(config: ml_collections.ConfigDict, folder: Path, options: Options) -> None:
    from gans.train import draw

    print(
        draw.interpolate(
            own_config(config, folder), folder, options.num, options.seed, options.step, options.path, options.out
        )
    )


def describe(config: ml_collections.ConfigDict, folder: Path, options: Options) -> None:
    from gans.train.describe import describe

    print(describe(config))


MODES: dict[str, Callable] = {'train': train, 'sample': sample, 'interpolate': interpolate, 'describe': describe}


def parse(argv: list[str]) -> None:
    """Parses absl's flags; every mistake becomes a UserError of one line."""
    chosen = [value for arg, after in pairwise([*argv, '']) for value in _value_of_config(arg, after)]
    if not chosen and not any('help' in arg for arg in argv):
        raise UserError(f'which experiment? --config=experiments/NAME.py, NAME one of: {", ".join(_experiments())}')
    for value in chosen:
        path = Path(value.partition(':')[0])
        if not path.is_file():
            raise unknown('experiment', str(path), [f'experiments/{name}.py' for name in _experiments()])
    app.define_help_flags()
    try:
        rest = flags.FLAGS(argv)
    except (KeyError, AttributeError) as error:  # ml_collections': a key that is not in the config
        text = re.sub(r'[\\\'"\s]+', ' ', str(error).replace('\\n', ' '))
        raise UserError(f'no such key in the config:{text}(all keys: experiments/common.py)') from error
    except Exception as error:  # absl's flags.Error, and whatever a config file raises
        raise UserError(_said(str(error)) or type(error).__name__) from error
    if rest[1:]:
        raise UserError(f"cannot make sense of '{rest[1]}': flags are --NAME=VALUE, and --config comes first")


def start(cache: str | None, distributed: str | None) -> None:
    """What must be said to jax before it looks for devices."""
    import jax

    if cache:
        jax.config.update('jax_compilation_cache_dir', os.path.abspath(os.path.expanduser(cache)))
        jax.config.update('jax_persistent_cache_min_compile_time_secs', 0)
        jax.config.update('jax_persistent_cache_min_entry_size_bytes', -1)
    if distributed == 'auto':
        jax.distributed.initialize()
    elif distributed:
        try:
            address, processes, process = distributed.split(',')
            processes, process = int(processes), int(process)
        except ValueError:
            message = (
                f"--distributed={distributed} is neither 'auto' nor HOST:PORT,PROCESSES,PROCESS (like host:1234,2,0)"
            )
            raise UserError(message) from None
        jax.distributed.initialize(address, processes, process)


def default_workdir(config: str) -> Path:
    """runs/NAME[-variant] for experiments/NAME.py[:variant]."""
    path, _, variant = config.partition(':')
    return Path('runs') / '-'.join([Path(path).stem, *filter(None, [variant])])


def _experiments() -> list[str]:
    folder = Path(__file__).parent.parent / 'experiments'
    return sorted(path.stem for path in folder.glob('*.py') if path.stem != 'common')


def _value_of_config(arg: str, after: str) -> list[str]:
    name, given, value = arg.lstrip('-').partition('=')
    return [value if given else after] if arg.startswith('-') and name == 'config' else []


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
