"""The command line of `launch.py`: flags and config overrides; mistakes become errors of one line."""

import ast
import difflib
import os
import re
import shlex
import shutil
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import app, flags
from ml_collections import ConfigDict
from ml_collections.config_flags import tuple_parser

from gans import arguments, config_file, configs, defaults, keys, ranges, schema
from gans.errors import UserError, either
from gans.modes import COMPARE

flags.disclaim_key_flags()  # so that --help lists them under launch.py
# Flags of some modes alone, most of them of styles, and the modes that have them.
STYLES = {'latents': ('sample',), 'edit': ('sample',), 'layers': ('directions',), 'space': ('interpolate',)}
STYLES |= {'truncation': ('sample', 'interpolate', 'directions', 'evaluate')}
STYLES |= {'text': ('sample', 'interpolate'), 'text-file': ('sample',)}
STYLES |= {'standing': ('sample', 'evaluate'), 'ppl': ('evaluate',), 'encoder': ('evaluate',)}
OVERRIDE = re.compile(r'--?(no)?config\.([^=\s]+)(?:=(.*))?', re.DOTALL)


class _WholeParser(flags.ArgumentParser):
    """Whole numbers, also as 1e4."""

    def parse(self, argument: Any) -> int:
        try:
            return flags.IntegerParser().parse(argument)
        except ValueError:
            if re.fullmatch(r'[-+]?[\d.]+[eE]\+?\d{1,2}', argument) and float(argument).is_integer():
                return int(float(argument))
            raise ValueError(f"'{argument}' is no whole number") from None


class _StepParser(_WholeParser):
    """The same as text, and words for it: 'latest'."""

    def parse(self, argument: str) -> str:
        try:
            return str(super().parse(argument))
        except ValueError:
            return argument


PARSERS = {
    bool: flags.BooleanParser(),
    int: _WholeParser(),
    float: flags.FloatParser(),
    str: flags.ArgumentParser(),
    tuple: tuple_parser.TupleParser(),
    list: tuple_parser.TupleParser(),
}

Overrides = list[tuple[str, str]]  # dotted keys of the config, and their values as text


class _PathParser(flags.ArgumentParser):
    """Paths, with `~` replaced by the home folder."""

    def parse(self, argument: str) -> str:
        return schema.expand_home(argument)


def define_path(name: str, help_string: str) -> flags.FlagHolder:
    """Defines a flag that names a file, a folder or a data set."""
    return flags.DEFINE(_PathParser(), name, None, help_string, serializer=flags.ArgumentSerializer())


def define_whole(name: str, default: int | None, help_string: str) -> flags.FlagHolder:
    """Defines a flag that is a whole number, such as 100 or 1e4."""
    return flags.DEFINE(_WholeParser(), name, default, help_string, serializer=flags.ArgumentSerializer())


def define_step(name: str, default: str, help_string: str) -> flags.FlagHolder:
    """Defines a flag that is a step, as text: a whole number, or a word for one."""
    return flags.DEFINE(_StepParser(), name, default, help_string, serializer=flags.ArgumentSerializer())


def parse(argv: Sequence[str]) -> tuple[list[str], Overrides]:
    """Parses the flags; every mistake becomes a UserError of one line.

    Returns:
      Positional arguments, and the `--config.KEY=VALUE` overrides in order.
    """
    app.define_help_flags()
    try:
        words, overrides = _split_overrides(flags.FLAGS.read_flags_from_files(argv[1:], force_gnu=False))
        try:
            rest = flags.FLAGS([argv[0], *words])[1:]
        except flags.UnrecognizedFlagError as error:
            raise UserError(_explain_unknown(error, argv[0], words)) from error
    except flags.Error as error:
        raise UserError(' '.join(str(error).split())) from error
    given = flags.FLAGS
    file = named_file()
    if not (file or given.report or given.mode == COMPARE):
        there = f'; {given.workdir} holds no run' if given.workdir else ''
        raise UserError(
            f'which experiment? set --config=NAME, such as quickstart (all {len(config_file.names())}: '
            f'{config_file.EXPERIMENTS}){there}'
        )
    if overrides and not file:
        raise UserError(
            f'--config.{overrides[0][0]} overrides a key of which config? set --config=NAME or --sweep=NAME'
        )
    if given['from'].present and given.mode != 'finetune':
        raise UserError('--from is for --mode=finetune only; rows of a sweep set finetune.run')
    if given['profile'].present and given.mode != 'benchmark':
        raise UserError('--profile is for --mode=benchmark only')
    if given['direction'].present and given.mode not in ('sample', 'evaluate'):
        raise UserError('--direction is for --mode=sample and --mode=evaluate only')
    for name, modes in STYLES.items():
        if given[name].present and given.mode not in modes:
            raise UserError(f'--{name} is for {" and ".join(f"--mode={mode}" for mode in modes)} only')
    of_styles = ('truncation', 'latents', 'edit', 'standing')
    if given['input'].present and any(given[name].present for name in of_styles):
        raise UserError(f'--input={given.input} is of images: leave out {", ".join(f"--{name}" for name in of_styles)}')
    if given['text'].present or given['text-file'].present:
        of_others = ('input', 'label', 'direction', *of_styles, 'path', 'space')
        for name in of_others:
            if given[name].present:
                raise UserError(f'--{name} has no meaning beside sentences: leave it out, or --text')
    if given['path'].present and given.space == 'w':
        raise UserError('--path is of latents; between styles the way is straight: leave it out')
    if given['seed'].present and given.mode in ('train', 'finetune'):
        raise UserError(
            f'--seed={given.seed} is of the latents of samples; to train with this seed set --config.seed={given.seed}'
        )
    if given.sweep:
        if given.config or given.report or given['sweep'].present > 1:
            raise UserError(f'--sweep={given.sweep} has its own config: leave out --config, --report and other sweeps')
        if given.mode != 'train':
            raise UserError('--sweep only trains; for other modes set --workdir alone, to a run in its rows/')
    elif given.cluster:
        raise UserError(f'--cluster={given.cluster} is of sweeps: set --sweep=NAME')
    if rest and not given.report:
        raise UserError(f"unexpected argument '{rest[0]}': flags are --NAME=VALUE")
    ranges.check_one('--seed', given.seed, ranges.SEED)
    return rest, overrides


def named_file() -> str | None:
    """What the flags name as the config: --sweep, --config, or that of the run in --workdir; None if nothing does."""
    given = flags.FLAGS
    own = Path(given.workdir or '.', 'config.json')
    return given.sweep or given.config or (str(own) if given.workdir and own.is_file() else None)


def read_config(name: str, overrides: Overrides, swept: bool = False) -> ConfigDict:
    """The config of NAME[:variant] or FILE[:variant] with the overrides of the command line."""
    config = config_file.read(name, swept)
    return lay_over(config, values(config, overrides))


def values(config: ConfigDict, overrides: Overrides) -> dict[str, Any]:
    """The overrides with their values, of the types that the config has; of one key the last counts."""
    of_function = {key: text for key, text in overrides if arguments.names_function(keys.of_stage(key)[1])}
    config, found = configs.override(config, of_function, schema.COMMAND_LINE), {}
    for key, text in overrides:
        found.pop(key, None)
        found[key] = _parse_value(configs.type_of(config, key), text)
    return found


def lay_over(config: ConfigDict, typed: Mapping[str, Any]) -> ConfigDict:
    """The config with what was typed; lines say what follows from it."""
    result = configs.override(config, typed, schema.COMMAND_LINE)
    for line in configs.consequences(config, result):
        print(line, file=sys.stderr)
    return result


def default_workdir(name: str, swept: bool = False, *more: str) -> Path:
    """runs/NAME[-variant] for NAME[:variant] or NAME.py[:variant], runs/sweeps/NAME[-variant] for a sweep, and the
    folder of the run for its config.json.

    Args:
      more: what else distinguishes this run, such as 'seed1': runs/NAME-seed1.
    """
    path, variant = config_file.split(name)
    if path.name == 'config.json':
        folder = path.parent if path.parent.name else path.parent.absolute()
    else:
        folder = Path('runs') / ('sweeps' if swept else '') / '-'.join([path.stem, *filter(None, [variant])])
    return folder.with_name('-'.join([folder.name, *more])) if more else folder


def sweep_command(argv: Sequence[str]) -> str:
    """The command line of a sweep without flags that select a part of it or where it runs."""
    words = without(argv[1:], ('row', 'workdir', 'compilation_cache', 'cluster'))
    return ' '.join(['python launch.py', *map(shlex.quote, words)])


def without(words: Sequence[str], names: Sequence[str]) -> list[str]:
    """A command line without these flags, which have values, and the values."""
    kept, left = [], deque(words)
    while left:
        word = left.popleft()
        name, given, _ = word.partition('=')
        if name.lstrip('-') not in names:
            kept.append(word)
        elif not given and left:
            left.popleft()
    return kept


def run_command(program: str, folder: Path) -> str:
    """The command line by which other modes find the run in a folder."""
    python = shutil.which('python')
    if python is None or os.path.abspath(python) != os.path.abspath(sys.executable):
        python = os.path.relpath(sys.executable)
        python = shlex.quote(sys.executable if python.startswith('..') else python)
    else:
        python = 'python'
    return f'{python} {shlex.quote(program)} {shlex.quote(f"--workdir={folder}")}'


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


def _explain_unknown(error: flags.UnrecognizedFlagError, program: str, words: Sequence[str]) -> str:
    """A line about a flag that does not exist, which may be a key of the config, with or without its whole path."""
    flags.FLAGS([program, *words], known_only=True)
    file, key = named_file(), error.flagname.replace('-', '_')
    config = config_file.read(file, bool(flags.FLAGS.sweep)) if file else defaults.get_config()
    found = schema.full_keys(config, key)
    if not found and '.' in key:
        found = difflib.get_close_matches(key, keys.flatten(config), n=1)
    if not found:
        return ' '.join(str(error).split())
    as_keys = [re.sub(rf'^--?(no)?(?={re.escape(error.flagname)}\b)', r'--\1config.', word) for word in words]
    text = dict(_split_overrides(as_keys)[1])[error.flagname]
    return f'unknown flag --{error.flagname}; did you mean {either([f"--config.{each}={text}" for each in found])}?'


def _parse_value(type_: type | None, text: str) -> Any:
    """Parses a value of that type, or a Python literal if the type is unknown; other text is returned as it is."""
    if text == 'None':
        return None
    try:
        return PARSERS[type_].parse(text) if type_ in PARSERS else ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
