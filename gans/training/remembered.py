"""The data of a run that is only to be loaded: what its folder remembers of them, in place of the examples."""

import json
from collections.abc import Sequence
from pathlib import Path

import ml_collections

from gans.configs import flatten
from gans.data import blank
from gans.data.base import Source
from gans.data.sources import Sources
from gans.errors import UserError
from gans.training import workdir
from gans.training.setup import Experiment
from gans.training.stages import stages


def sources(folder: Path, config: ml_collections.ConfigDict) -> Sources:
    """Blank examples that look like those of the run in a folder; of a run that is older than this, its data."""
    looks = workdir.read_json(folder / 'data.json', {}).get('stages')
    if not looks:
        workdir.say(f'{folder} is older than what data.json tells of examples now: its data set is read')
        return Sources()
    try:
        return _Remembered({_key(stage.config): blank.blank(looks[stage.name]) for stage in stages(config)})
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f'{folder / "data.json"} does not hold what is written there: mend it, or move it away'
        ) from error


def check_words(folder: Path, experiments: Sequence[Experiment]) -> None:
    """Raises UserError if the vocabulary of a run's data is not what it was when the run began: its text encoder knows
    words by their numbers alone.
    """
    looks = workdir.read_json(folder / 'data.json', {}).get('stages', {})
    for each in experiments:
        held = looks.get(each.stage, {}).get('spec', {}).get('fields', {})
        for name, spec in each.source.spec.fields.items():
            then, now = held.get(name, {}).get('classes', [])[1:], list(spec.classes[1:])
            if spec.kind == 'tokens' and then and now != then:
                other = sorted({*now} ^ {*then})
                which = f"such as '{other[0]}'" if other else 'in another order'
                raise UserError(
                    f"{folder}: the captions of '{each.config.data.name}' have other words than those that this run"
                    f' began with ({len(then):,} then, {len(now):,} now, {which}): put them back; --text needs none'
                )


class _Remembered(Sources):
    """Blank sets by their configs."""

    def __init__(self, held: dict[str, Source]) -> None:
        self._held = held

    def of(self, config: ml_collections.ConfigDict, which: str | None = None) -> Source:
        return self._held[_key(config)]


def _key(config: ml_collections.ConfigDict) -> str:
    return json.dumps(flatten(config.data), sort_keys=True)
