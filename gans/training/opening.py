"""What a run says of itself before its first step."""

import json
import math
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

from gans import cache, devices, files, schedules
from gans.configs import flatten, of_stage
from gans.data.base import Source, digest
from gans.errors import UserError
from gans.training import workdir
from gans.training.leaves import count
from gans.training.provenance import environment
from gans.training.setup import Experiment

REMEMBERED = 200  # programs whose time of compiling is kept
FAR = 16  # R1's gamma is that of another size of images, or of batches, if it is so many times the usual one, or less
NOT_COMPILED = ('seed', *workdir.MAY_CHANGE)  # keys that make no other program


def describe(experiments: Sequence[Experiment], done: int) -> list[str]:
    """The device, the data, the nets, the schedule and the stages of a run that has done so many steps, in lines."""
    stage = next(each for each in experiments if done < each.end)
    train, last = stage.config.train, experiments[-1]
    lines = [
        *machine(),
        f'data     {stage.config.data.name}: {examples(stage.source)}',
        f'nets     {", ".join(f"{name} {number:,}" for name, number in parameters(stage).items())} parameters',
        f'updates  {"; ".join(schedule(stage))}',
        f'steps    {last.end:,}, batches of {train.batch_size}',
        *doubt_gamma(experiments, stage),
    ]
    if len(experiments) > 1:
        name = lambda each: each.stage or 'first'
        ends = ', '.join(f'{name(each)} to step {each.end:,}' for each in experiments)
        lines.append(f'stages   {ends}; now {name(stage)}')
    return lines


def machine() -> list[str]:
    """The devices that compute, and a warning where they are not those that this machine has."""
    idle = devices.explain_idle_gpu()
    device = f'device   {environment()["device"]}, jax {metadata.version("jax")}'
    return [device, *([f'warning: {idle}'] if idle else [])]


def doubt_gamma(experiments: Sequence[Experiment], stage: Experiment) -> list[str]:
    """A warning where R1's gamma is far from .0002 size^2 / batch, where StyleGAN2-ADA (2006.06676, the authors' code)
    begins: it has to change with the size of images. In runs that grow it does not, as in StyleGAN's own code.
    """
    config = stage.config
    gamma = config.terms.get('r1', {}).get('weight')
    if config.critic.get('net') not in ('stylegan', 'stylegan2') or not gamma:
        return []
    sizes = {each.source.spec.shape[0] for each in experiments}
    usual = 0.0002 * max(sizes) ** 2 / config.train.batch_size
    if len(sizes) > 1 or 1 / FAR <= gamma / usual <= FAR:
        return []
    return [
        f'warning: terms.r1.weight={gamma:g} is {gamma / usual:.3g} times the usual {usual:.2g} (.0002 size^2 / batch)'
        f' for data.size={max(sizes)} and train.batch_size={config.train.batch_size}'
    ]


def parameters(experiment: Experiment) -> dict[str, int]:
    """How many each net has."""
    held = experiment.abstract().params
    return {name: count(held[name]) for name in experiment.system.nets}


def examples(source: Source) -> str:
    """How many there are, where they lie, and their shapes; of a joined set those of each part."""
    if source.parts:
        return '; '.join(f'{name}: {examples(part)}' for name, part in source.parts.items())
    kind = 'streamed from the host' if source.placement == 'streamed' else 'held on the device'
    beside = ''.join(f', {name} {spec.shape}' for name, spec in source.spec.fields.items())
    number = f'{source.size:,} examples, {kind}' if source.size else 'drawn anew without end'
    if source.absent:
        number = 'not here'
    return f'{number}, shape {source.spec.shape}{beside}'


def schedule(experiment: Experiment) -> list[str]:
    """What each update does and when: 'critic 5 x, every step, moves critic'; and the numbers that change."""
    lines = []
    for update in experiment.system.updates:
        nets = ', '.join(experiment.system.players[update.player].nets)
        when = 'every step' if update.every == 1 else f'every {update.every} steps'
        lines.append(f'{update.name} {update.repeats} x, {when}, moves {nets}')
    return lines + schedules.describe(experiment.config)


def timed(experiment: Experiment, call: Callable) -> Callable:
    """The `call` of a run, of which it is said that it is being compiled, and how long that took the last time."""
    path, key = cache.home() / 'compiling.json', _program(experiment)
    before, began, waiting = _read(path).get(key), time.monotonic(), True
    workdir.say('compiling' if before is None else f'compiling (about {math.ceil(before)} s, the last time)')

    def timed_call(*args: object) -> object:
        nonlocal waiting
        result = call(*args)
        if waiting:
            waiting = False
            known = {**_read(path), key: round(time.monotonic() - began, 1)}
            try:
                recent = dict(list(known.items())[-REMEMBERED:])
                files.write(path, lambda file: file.write(json.dumps(recent).encode()))
            except UserError:  # a home folder that cannot be written
                pass
        return result

    return timed_call


def _program(experiment: Experiment) -> str:
    """Which program it is, as far as a config, versions and devices tell."""
    flat = flatten(experiment.config)
    own = {key: value for key, value in flat.items() if of_stage(key)[1] not in NOT_COMPILED}
    return digest(own, environment(), experiment.devices)


def _read(path: Path) -> dict[str, float]:
    try:
        held = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in held.items() if isinstance(value, float)} if isinstance(held, dict) else {}
