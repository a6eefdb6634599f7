"""How many points the curves of a run have, by its cadences."""

from collections.abc import Iterable

from ml_collections import ConfigDict

from gans.training.stages import stages

FEW = 5  # points of a curve; fewer show little
SHORT = 20  # steps of a run that is but a trial


def times(config: ConfigDict, key: str) -> int:
    """How often a run does what `eval.every`, `train.log_every` or `train.sample_every` says: also at its end."""
    section, name = key.split('.')
    found = set()
    for stage in stages(config):
        every = stage.config[section][name]
        found |= {*range(stage.begin - stage.begin % every + every, stage.end + 1, every)}
    return len(found | {config.train.steps})


def warn(configs: Iterable[ConfigDict]) -> str:
    """A line on runs whose curves of scores or losses have few points; empty if there are none."""
    for config in configs:
        points = {'eval.every': times(config, 'eval.every') + 1, 'train.log_every': times(config, 'train.log_every')}
        for key, count in points.items():  # scores have a point before the first step
            steps, per_call = config.train.steps, config.train.steps_per_call
            fitting = steps // FEW // per_call * per_call
            if count < FEW and steps >= SHORT and fitting:
                what = 'scores' if key == 'eval.every' else 'losses'
                section, name = key.split('.')
                return (
                    f'{key}={config[section][name]} of {steps:,} steps leaves curves of {what} of {count} points: '
                    f'--config.{key}={fitting} gives {FEW + 1 if what == "scores" else FEW} or more'
                )
    return ''
