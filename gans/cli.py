"""The command line behind `launch.py`: from its words to flags and a config, and from mistakes to one line."""

import ast
import re
import shlex
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import app, flags
from ml_collections import ConfigDict
from ml_collections.config_flags import tuple_parser

from gans import config_file, configs, ranges
from gans.errors import UserError, unknown
from gans.modes import COMPARE

flags.disclaim_key_flags()  # they are the caller's
EXPERIMENTS = Path(__file__).parent.parent / 'experiments'
OVERRIDE = re.compile(r'--?(no)?config\.([^=\s]+)(?:=(.*))?', re.DOTALL)
PARSERS = {
    bool: flags.BooleanParser(),
    int: flags.IntegerParser(),
    float: flags.FloatParser(),
    str: flags.ArgumentParser(),
    tuple: tuple_parser.TupleParser(),
    list: tuple_parser.TupleParser(),
}

Overrides = list[tuple[str, str]]  # keys of the config by dotted name, and what was given for them


class _PathParser(flags.ArgumentParser):
    """A path, with the home folder for `~`."""

    def parse(self, argument: str) -> str:
        return configs.expand_home(argument)


def define_path(name: str, help_string: str) -> flags.FlagHolder:
    """A flag that names a file, a folder or a data set."""
    return flags.DEFINE(_PathParser(), name, None, help_string, serializer=flags.ArgumentSerializer())


def parse(argv: Sequence[str]) -> tuple[list[str], Overrides]:
    """Parses the flags; every mistake becomes a UserError of one line.

    Returns:
      The words beside the flags, and the `--config.KEY=VALUE` in their order.
    """
    app.define_help_flags()
    try:
        words, overrides = _split_overrides(flags.FLAGS.read_flags_from_files(argv[1:], force_gnu=False))
        rest = flags.FLAGS([argv[0], *words])[1:]
    except flags.Error as error:
        raise UserError(' '.join(str(error).split())) from error
    asked = flags.FLAGS
    if not (asked.config or asked.sweep or asked.report or asked.mode == COMPARE):
        raise UserError(
            f'which experiment? --config=experiments/NAME.py, NAME one of: {", ".join(_experiment_names(EXPERIMENTS))}'
        )
    if overrides and not (asked.config or asked.sweep):
        raise UserError(f'--config.{overrides[0][0]} is a key of which config? Give --config=FILE or --sweep=FILE')
    if asked['from'].present and asked.mode != 'finetune':
        raise UserError('--from is for --mode=finetune; rows of a sweep set finetune.run')
    if asked['profile'].present and asked.mode != 'benchmark':
        raise UserError('--profile is for --mode=benchmark')
    if asked.sweep:
        if asked.config or asked.report or asked['sweep'].present > 1:
            raise UserError(f'--sweep={asked.sweep} names its own config: leave out --config, --report, other sweeps')
        if asked.mode != 'train':
            raise UserError('--sweep trains; for a mode that reads a run give --config and a --workdir in the rows/')
    if rest and not asked.report:
        raise UserError(f"cannot make sense of '{rest[0]}': flags are --NAME=VALUE")
    ranges.check_one('--seed', asked.seed, ranges.SEED)
    return rest, overrides


def read_config(name: str, overrides: Overrides, swept: bool = False) -> ConfigDict:
    """The config of FILE[:variant], its keys set as the command line says."""
    path, _ = config_file.split(name)
    if not path.is_file():
        folder = EXPERIMENTS / 'sweeps' if swept else EXPERIMENTS
        known = [str(folder.relative_to(EXPERIMENTS.parent) / f'{known}.py') for known in _experiment_names(folder)]
        raise unknown('sweep' if swept else 'experiment', str(path), known)
    config = config_file.read(name)
    for key, text in overrides:
        config = configs.override(
            config, {key: _parse_value(configs.type_of(config, key), text)}, 'on the command line'
        )
    return config


def default_workdir(config: str, swept: bool = False) -> Path:
    """runs/NAME[-variant] for experiments/NAME.py[:variant], runs/sweeps/NAME[-variant] for a sweep, and for a run's
    config.json the folder of the run.
    """
    path, variant = config_file.split(config)
    if path.name == 'config.json':
        return path.parent
    runs = Path('runs') / 'sweeps' if swept else Path('runs')
    return runs / '-'.join([path.stem, *filter(None, [variant])])


def sweep_command(argv: Sequence[str]) -> str:
    """A command line without what says where and how much, not what."""
    words, left = ['python launch.py'], deque(argv[1:])
    while left:
        word = left.popleft()
        name, given, _ = word.partition('=')
        if name.lstrip('-') not in ('row', 'workdir', 'compilation_cache'):
            words.append(shlex.quote(word))
        elif not given and left:
            left.popleft()
    return ' '.join(words)


def _split_overrides(words: Sequence[str]) -> tuple[list[str], Overrides]:
    """The words of a command line, and apart from them its keys of the config: absl would have to know them before."""
    others, overrides, left = [], [], deque(words)
    while left:
        word = left.popleft()
        found = OVERRIDE.fullmatch(word)
        if word == '--':
            others += [word, *left]
            break
        if not found:
            others.append(word)
            continue
        off, key, text = found.groups()
        if text is None:  # a word of its own, or none for True and False
            follows = left and not off and not re.match(r'--?[a-zA-Z]|--$', left[0])
            text = left.popleft() if follows else str(not off)
        overrides.append((key, text))
    return others, overrides


def _parse_value(kind: type | None, text: str) -> Any:
    """A value of that kind, as far as the text is one; of a kind that is not known what Python would take it for."""
    if text == 'None':
        return None
    try:
        return PARSERS[kind].parse(text) if kind in PARSERS else ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _experiment_names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob('*.py') if path.stem != 'common')
