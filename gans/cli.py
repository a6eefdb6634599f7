"""The command line of `launch.py`: flags and config overrides; mistakes become errors of one line."""

import ast
import os
import re
import shlex
import shutil
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import app, flags
from ml_collections import ConfigDict
from ml_collections.config_flags import tuple_parser

from gans import config_file, configs, ranges
from gans.errors import UserError
from gans.modes import COMPARE

flags.disclaim_key_flags()  # so that --help lists them under launch.py
OVERRIDE = re.compile(r'--?(no)?config\.([^=\s]+)(?:=(.*))?', re.DOTALL)
PARSERS = {
    bool: flags.BooleanParser(),
    int: flags.IntegerParser(),
    float: flags.FloatParser(),
    str: flags.ArgumentParser(),
    tuple: tuple_parser.TupleParser(),
    list: tuple_parser.TupleParser(),
}

Overrides = list[tuple[str, str]]  # dotted keys of the config, and their values as text


class _PathParser(flags.ArgumentParser):
    """Paths, with `~` replaced by the home folder."""

    def parse(self, argument: str) -> str:
        return configs.expand_home(argument)


def define_path(name: str, help_string: str) -> flags.FlagHolder:
    """Defines a flag that names a file, a folder or a data set."""
    return flags.DEFINE(_PathParser(), name, None, help_string, serializer=flags.ArgumentSerializer())


def parse(argv: Sequence[str]) -> tuple[list[str], Overrides]:
    """Parses the flags; every mistake becomes a UserError of one line.

    Returns:
      Positional arguments, and the `--config.KEY=VALUE` overrides in order.
    """
    app.define_help_flags()
    try:
        words, overrides = _split_overrides(flags.FLAGS.read_flags_from_files(argv[1:], force_gnu=False))
        rest = flags.FLAGS([argv[0], *words])[1:]
    except flags.Error as error:
        raise UserError(' '.join(str(error).split())) from error
    given = flags.FLAGS
    if not (given.config or given.sweep or given.report or given.mode == COMPARE):
        raise UserError(
            f'which experiment? set --config=NAME, such as quickstart; all {len(config_file.names())} are files of '
            f'{config_file.EXPERIMENTS}'
        )
    if overrides and not (given.config or given.sweep):
        raise UserError(
            f'--config.{overrides[0][0]} overrides a key of which config? set --config=FILE or --sweep=FILE'
        )
    if given['from'].present and given.mode != 'finetune':
        raise UserError('--from is for --mode=finetune only; rows of a sweep set finetune.run')
    if given['profile'].present and given.mode != 'benchmark':
        raise UserError('--profile is for --mode=benchmark only')
    if given.sweep:
        if given.config or given.report or given['sweep'].present > 1:
            raise UserError(f'--sweep={given.sweep} has its own config: leave out --config, --report and other sweeps')
        if given.mode != 'train':
            raise UserError('--sweep only trains; for other modes set --config, and --workdir to a run in its rows/')
    if rest and not given.report:
        raise UserError(f"unexpected argument '{rest[0]}': flags are --NAME=VALUE")
    ranges.check_one('--seed', given.seed, ranges.SEED)
    return rest, overrides


def read_config(name: str, overrides: Overrides, swept: bool = False) -> ConfigDict:
    """The config of NAME[:variant] or FILE[:variant] with the overrides of the command line."""
    config = config_file.read(name, swept)
    for key, text in overrides:
        config = configs.override(
            config, {key: _parse_value(configs.type_of(config, key), text)}, 'on the command line'
        )
    return config


def default_workdir(config: str, swept: bool = False) -> Path:
    """runs/NAME[-variant] for NAME[:variant] or NAME.py[:variant], runs/sweeps/NAME[-variant] for a sweep, and the
    folder of the run for its config.json.
    """
    path, variant = config_file.split(config)
    if path.name == 'config.json':
        return path.parent
    runs = Path('runs') / 'sweeps' if swept else Path('runs')
    return runs / '-'.join([path.stem, *filter(None, [variant])])


def sweep_command(argv: Sequence[str]) -> str:
    """The command line of a sweep without flags that select a part of it or where it runs."""
    words, left = ['python launch.py'], deque(argv[1:])
    while left:
        word = left.popleft()
        name, given, _ = word.partition('=')
        if name.lstrip('-') not in ('row', 'workdir', 'compilation_cache'):
            words.append(shlex.quote(word))
        elif not given and left:
            left.popleft()
    return ' '.join(words)


def run_command(argv: Sequence[str]) -> str:
    """The command line by which other modes find the run that this one trains: --config and --workdir as they are."""
    found, python = [], shutil.which('python')
    for name in ('config', 'workdir'):
        if flags.FLAGS[name].present:
            found.append(shlex.quote(f'--{name}={flags.FLAGS[name].value}'))
    if python is None or os.path.abspath(python) != os.path.abspath(sys.executable):
        python = os.path.relpath(sys.executable)
        python = shlex.quote(sys.executable if python.startswith('..') else python)
    else:
        python = 'python'
    return ' '.join([python, shlex.quote(argv[0]), *found])


def _split_overrides(words: Sequence[str]) -> tuple[list[str], Overrides]:
    """Splits a command line into other words and config overrides, which absl would have to know in advance."""
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
        if text is None:  # the next word, or True and False without one
            follows = left and not off and not re.match(r'--?[a-zA-Z]|--$', left[0])
            text = left.popleft() if follows else str(not off)
        overrides.append((key, text))
    return others, overrides


def _parse_value(type_: type | None, text: str) -> Any:
    """Parses a value of that type, or a Python literal if the type is unknown; other text is returned as it is."""
    if text == 'None':
        return None
    try:
        return PARSERS[type_].parse(text) if type_ in PARSERS else ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
