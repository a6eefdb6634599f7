"""Stages: stretches of a run, each with a config of its own, whose nets begin where those of the last one ended.

`config.stages.big = {'begin': 4000, 'data': {'size': 32}}` begins after 4,000 steps, and lasts until the next stage
begins or the run ends; the config without its stages is the first stretch, from step 0. What a stage changes it changes
of that, not of the stage before. Growing, pretraining, a last stretch of smaller rates are all this.

Everything follows from (config, step), so resuming needs nothing of its own. How a state passes from one stage to the
next: `gans/training/graft.py`.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from ml_collections import ConfigDict

from gans import configs
from gans.errors import UserError


class Stage(NamedTuple):
    """A stretch of a run."""

    name: str  # '' of the first one, which is no stage of the config
    begin: int  # steps that the run has done before
    config: ConfigDict  # of a run that has no stages; its train.steps are where the stage ends

    @property
    def end(self) -> int:
        return self.config.train.steps


class _Ends(Protocol):
    @property
    def end(self) -> int: ...


Ending = TypeVar('Ending', bound=_Ends)


def stages(config: ConfigDict) -> tuple[Stage, ...]:
    """The stages of a run in the order in which they begin; a config without the section is one.

    Raises:
      UserError: a stage begins nowhere, where another does, at the run's end, or within a call of the program.
    """
    names = sorted(config.get('stages', {}), key=lambda name: _begin(config, name))
    if not names:
        return (Stage('', 0, config),)
    begins = [_begin(config, name) for name in names]
    ends = [*begins, config.train.steps]
    for i, (name, begin) in enumerate(zip(names, begins, strict=True)):
        if begin >= ends[i + 1]:
            other = f'stages.{names[i + 1]}.begin' if name != names[-1] else 'train.steps'
            raise UserError(f'stages.{name}.begin={begin} must be less than {other}={ends[i + 1]}')
    found = [
        Stage(name, begin, _ending(configs.of_one_stage(config, name), end))
        for name, begin, end in zip(['', *names], [0, *begins], ends, strict=True)
    ]
    for before, stage in pairwise(found):
        for each in (before, stage):
            per_call = each.config.train.steps_per_call
            if stage.begin % per_call:
                raise UserError(
                    f'stages.{stage.name}.begin={stage.begin} must be a multiple of train.steps_per_call={per_call} '
                    + (f"of stage '{each.name}'" if each.name else 'of the stretch before it')
                )
    return tuple(found)


def at(stages: Sequence[Ending], step: int) -> Ending:
    """The stage that makes a step. The state and the scores after that step are its own, where another begins too."""
    return next((stage for stage in stages if step <= stage.end), stages[-1])


def begin_of(config: ConfigDict, step: int) -> int:
    """Where the stage begins that makes a step: scores of later steps compare with each other, and with none before."""
    begins = (_begin(config, name) for name in config.get('stages', {}))
    return max((begin for begin in begins if begin < step), default=0)


def check_rates(folder: Path, before: ConfigDict, after: ConfigDict) -> None:
    """Raises UserError for a longer run in whose new steps a learning rate is 0, where its schedule ended before."""
    old, new = before.train.steps, after.train.steps
    for role, options in stages(after)[-1].config.optimizer.items():
        end = options.get('schedule_end')
        if end is not None and old <= end < new and not options.get('schedule_final'):
            raise UserError(
                f'{folder}: train.steps={new} goes beyond optimizer.{role}.schedule_end={end}, where the rate has come '
                f'to 0: begin another run from its nets, with a schedule of its own (--mode=finetune --from={folder})'
            )


def _begin(config: ConfigDict, name: str) -> int:
    begin = config.stages[name].get('begin')
    if begin is None:
        raise UserError(
            f"stage '{name}' does not begin: set stages.{name}.begin, a step, or take its keys off "
            f'(stages there: {", ".join(config.stages)})'
        )
    return begin


def _ending(config: ConfigDict, end: int) -> ConfigDict:
    """The config of a run that ends there."""
    with config.unlocked():
        del config.begin
        config.train.steps = end
    return config
