"""Which run is in a folder, for modes that read one: its own config decides, and what was asked for must fit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gans import configs, user_code
from gans.errors import UserError
from gans.schema import COMMAND_LINE
from gans.training import workdir

OF_SAMPLES = ('generator.test_dropout',)  # how samples are made, whatever was trained: whoever reads a run may say it


def own_config(config: ConfigDict, folder: Path, typed: Mapping[str, Any], named: bool) -> ConfigDict:
    """The config of the run in a folder. Keys that are newer than the run take the value of `config`.

    Args:
      config: of --config with what was typed, or the run's own with what was typed.
      typed: keys that the command line sets; they must be as in the run, or they would be silently ignored. Those of
        `OF_SAMPLES` take effect.
      named: whether --config and --workdir were both given, which must fit each other then.

    Raises:
      UserError: there is no run, or another one.
    """
    path = folder / 'config.json'
    if not path.is_file():
        raise UserError(f'{folder} contains no run: train it first, or set --workdir to its folder')
    held, given = workdir.read_config(path), configs.flatten(config)
    if named:
        check_experiment(folder, held, config)
    of_samples = {key: value for key, value in typed.items() if key in OF_SAMPLES}
    typed = {key: value for key, value in typed.items() if key not in OF_SAMPLES}
    if typed:
        own = configs.apply_defaults(held, f'of {path}')
        agree(folder, own, configs.override(own, typed, COMMAND_LINE))
    # A section that the run lacks is off there; other keys that it lacks are newer than the run. What
    # a stage lacks is as in the base.
    absent = [key for key in given if key not in configs.flatten(held) and not configs.is_argument(key)]
    absent = [key for key in absent if configs.of_stage(key)[0] is None]
    known = configs.sections(config)
    there = {configs.section_of(key, known) for key in configs.flatten(held)} | {None}
    absent = [key for key in absent if configs.section_of(key, known) in there]
    if absent:
        workdir.say(f'{folder} is older than {", ".join(f"{key} (taken as {given[key]})" for key in absent)}')
    complete = configs.add_missing(held, {key: given[key] for key in absent})
    return configs.override(complete, of_samples, COMMAND_LINE) if of_samples else complete


def agree(folder: Path, own: ConfigDict, wanted: ConfigDict) -> None:
    """Raises UserError unless the config of the run in a folder is the wanted one."""
    held, given = configs.flatten(own), configs.flatten(wanted)
    differ = workdir.differing(held, given)
    if differ:
        raise UserError(
            f'{folder} holds a run of another config: {workdir.changes(differ, held, given)}; leave out what is not '
            'its own'
        )


def check_experiment(folder: Path, own: ConfigDict, wanted: ConfigDict) -> None:
    """Raises UserError if a run is of another experiment than a config: of another method, other data, nets or terms,
    as far as its row of a sweep does not say so. Numbers do not matter.
    """
    held, given, row = _method(own), _method(wanted), _keys_of_row(folder)
    inside = lambda key, other: f'{key}.'.startswith(f'{other}.')
    differ = [
        key for key in workdir.differing(held, given) if not any(inside(key, each) or inside(each, key) for each in row)
    ]
    if differ:
        raise UserError(
            f'{folder} holds a run of another experiment than --config: {workdir.changes(differ, held, given)}; leave '
            '--config out: the run has its own'
        )


def _method(config: ConfigDict) -> dict[str, str]:
    """What an experiment is, whatever its numbers are, and wherever its files lie."""
    names = ('system', 'dynamics', 'game', 'data.name', 'generator.net', 'critic.net')
    found = {key: str(value) for key, value in configs.flatten(config).items() if key in names}
    found = {key: 'folder' if value.startswith('folder:') else user_code.title(value) for key, value in found.items()}
    return found | dict.fromkeys((f'terms.{name}' for name in config.get('terms', {})), 'on')


def _keys_of_row(folder: Path) -> list[str]:
    """The keys that its row of a sweep sets, if this is the folder of one: SWEEP/rows/ROW/seed_0."""
    place = [*folder.resolve().parents]
    if len(place) < 3 or place[1].name != 'rows':
        return []
    rows = workdir.read_json(place[2] / 'sweep.json', {}).get('rows', ())
    return [key for row in rows if row['name'] == place[0].name for key in row['overrides']]
