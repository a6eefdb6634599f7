"""The valid range of every number in a config."""

import math
from numbers import Integral, Real
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from gans.configs import flatten, of_any_set, of_stage
from gans.errors import UserError

COUNT = 2**31 - 1  # the largest integer on a device
FINITE = 3.4e38  # the largest float32
SIGNS = {'[': 'at least', '(': 'greater than'}


class Range(NamedTuple):
    """An interval; `ends` are brackets as in mathematics, where a round one excludes the bound."""

    low: float = -math.inf
    high: float = math.inf
    ends: str = '[]'
    whole: bool = False

    def contains(self, value: Any) -> bool:
        if isinstance(value, tuple | list):
            return all(map(self.contains, value))
        if not self._is_number(value):
            return False
        above = value > self.low if self.ends[0] == '(' else value >= self.low
        below = value < self.high if self.ends[1] == ')' else value <= self.high
        return above and below

    def requirement(self, value: Any) -> str:
        """What a value outside of the range violates, as the end of 'must ...'."""
        number = self._is_number(value)
        if self.high == math.inf or (self.high == COUNT and not (number and value > COUNT)):
            bounds, verb = f'{SIGNS[self.ends[0]]} {self.low}', 'be'
        else:
            bounds, verb = f'in {self.ends[0]}{self.low}, {self.high}{self.ends[1]}', 'lie'
        if number:
            return f'{verb} {bounds}'
        kind = 'be a whole number' if self.whole else 'be a finite number'
        return kind if self.low == -math.inf else f'{kind}, {bounds}'

    def _is_number(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, Integral if self.whole else Real):
            return False
        return self.whole or abs(value) <= FINITE


ANY, POSITIVE, NOT_NEGATIVE = Range(), Range(0, ends='(]'), Range(0)
SHARE, FACTOR = Range(0, 1), Range(0, 1, '[)')  # a decay of 1 would never decay
POSITIVE_SHARE = Range(0, 1, '(]')
SEED = Range(0, 2**32 - 1, whole=True)


def count(low: int = 1) -> Range:
    return Range(low, COUNT, whole=True)


OPTIMIZER = {
    'learning_rate': POSITIVE,
    'b1': FACTOR,
    'b2': FACTOR,
    'eps': NOT_NEGATIVE,
    'decay': FACTOR,
    'momentum': Range(-1, 1, '()'),  # negative: Gidel 2019 (1807.04740)
    'historical_averaging': NOT_NEGATIVE,
    'clip_value': POSITIVE,
    'clip_norm': POSITIVE,
    'optimism': NOT_NEGATIVE,
    'clip_weights': POSITIVE,
    'schedule_start': count(0),
    'schedule_end': count(),
    'schedule_final': SHARE,
    'warmup': count(),
}
TERM = {'weight': NOT_NEGATIVE, 'every': count(), 'target': NOT_NEGATIVE, 'decay': FACTOR}
SCHEDULE = {'to': ANY, 'begin': count(0), 'end': count()}  # where a number arrives: gans/schedules.py looks closer
# Integers of nets are checked with their other options: gans/nets/build.py.
NET = {'init_std': POSITIVE, 'init_limit': POSITIVE, 'start': ANY, 'embedding': count(), 'dropout': FACTOR}
NET |= {'occupancy': Range(0, 1, '()'), 'noise_std': NOT_NEGATIVE}
RANGES = {
    'begin': count(),  # of a stage
    'seed': SEED,
    'data.on_device_max_mb': NOT_NEGATIVE,
    **{
        f'data.{key}': count()
        for key in (
            'num',
            'size',
            'channels',
            'source_channels',
            'crop',
            'random_crop',
            'modes',
            'side',
            'frames',
            'number',
            'stride',
            'length',
            'view',
            'words',
            'vocabulary',
        )
    },
    'data.shrink': count(2),
    **{f'data.{key}': NOT_NEGATIVE for key in ('std', 'radius', 'sigma', 'spacing', 'noise', 'speed', 'turn')},
    'data.mean': ANY,
    'data.threshold': POSITIVE_SHARE,
    'data.scale': POSITIVE,
    'latents.size': count(),
    'latents.scale': POSITIVE,
    'targets.real': ANY,  # see also gans/losses.py
    'targets.fake': ANY,
    'targets.generator': ANY,
    'pack': count(),
    'flip_targets': SHARE,
    'instance_noise.sigma': NOT_NEGATIVE,
    'instance_noise.until': count(),
    'augment.probability': SHARE,
    'augment.target': Range(-1, 1),  # a mean of signs
    'augment.kimg': POSITIVE,
    'top_k.share': POSITIVE_SHARE,
    'top_k.until': count(),
    'replay.size': count(),
    'replay.fresh': count(),
    'replay.share': SHARE,
    **{f'optimizer.{role}.{key}': range_ for role in ('generator', 'critic') for key, range_ in OPTIMIZER.items()},
    'ema.decay': FACTOR,
    'ema.half_life': NOT_NEGATIVE,
    'ema.warmup': Range(1),
    'ema.begin': count(),
    **{f'train.{key}': count() for key in ('steps', 'batch_size', 'n_critic', 'micro', 'steps_per_call')},
    **{f'train.{key}': count() for key in ('log_every', 'sample_every', 'checkpoint_every', 'keep')},
    'population.max_size': count(),
    'eval.every': count(),
    'eval.samples': count(2),
    **{f'{net}.{key}': range_ for net in ('generator', 'critic') for key, range_ in NET.items()},
    **{f'lapgan.{net}.{key}': range_ for net in ('generator', 'critic') for key, range_ in NET.items()},
    'acgan.weight': NOT_NEGATIVE,
    'gan.gate': SHARE,
    'began.gamma': SHARE,
    'began.rate': POSITIVE,
    'consensus.gamma': NOT_NEGATIVE,
    **{f'cyclegan.{key}': NOT_NEGATIVE for key in ('cycle', 'identity', 'adversarial')},
    'cyclegan.pool': count(0),
    **{f'encoders.{key}': count() for key in ('embedding', 'width')},
    'encoders.features': count(2),
    **{f'{system}.{key}': POSITIVE for system in ('damsm', 'attngan') for key in ('regions', 'words', 'captions')},
    **{f'{system}.condition': count() for system in ('stackgan', 'stackgan2', 'attngan')},
    **{f'{system}.divergence': NOT_NEGATIVE for system in ('stackgan', 'stackgan2', 'attngan')},
    **{f'{system}.scales': count() for system in ('stackgan2', 'attngan')},
    **{f'stackgan.{key}': count() for key in ('stage', 'doublings', 'sketch_width')},
    'attngan.matching': NOT_NEGATIVE,
    'dfgan.penalty': NOT_NEGATIVE,
    'dfgan.power': POSITIVE,
    'ebgan.margin': NOT_NEGATIVE,
    'ebgan.pull_away': NOT_NEGATIVE,
    'infogan.categories': count(2),
    'infogan.codes': count(0),
    'infogan.category_weight': NOT_NEGATIVE,
    'infogan.code_weight': NOT_NEGATIVE,
    'infogan.widths': count(),
    'lapgan.coarsest': count(),
    'lookahead.every': count(),
    'lookahead.alpha': POSITIVE_SHARE,
    'mocogan.motion': count(),
    'mocogan.categories': count(2),
    'mocogan.weight': NOT_NEGATIVE,
    'mocogan.long': count(),
    'pix2pix.l1': NOT_NEGATIVE,
    'pix2pix.adversarial': NOT_NEGATIVE,
    'progan.class_weight': NOT_NEGATIVE,
    **{f'{system}.{key}': count(0) for system in ('progan', 'stylegan') for key in ('fade_begin', 'fade_steps')},
    'srgan.pixel': NOT_NEGATIVE,
    'srgan.content': NOT_NEGATIVE,
    'srgan.adversarial': NOT_NEGATIVE,
    **{f'{system}.mapping': count(0) for system in ('stylegan', 'stylegan2')},
    **{f'{system}.mapping_rate': POSITIVE for system in ('stylegan', 'stylegan2')},
    **{f'{system}.mixing': SHARE for system in ('stylegan', 'stylegan2')},
    'stylegan2.path_length': NOT_NEGATIVE,
    'stylegan2.path_every': count(),
    'stylegan2.path_shrink': count(),
    'stylegan2.path_decay': SHARE,
    'tgan.clip_every': count(),
    'vaegan3d.kl': NOT_NEGATIVE,
    'vaegan3d.reconstruction': NOT_NEGATIVE,
    'vaegan3d.encoder_width': count(),
    'vaegan3d.encoder_rate': POSITIVE,
    'unrolled.steps': count(0),
}


def range_of(key: str) -> Range | None:
    """The range of a dotted key; None if it is not a number, or may have any value."""
    _, key = of_stage(key)
    if key.startswith('terms.'):
        return TERM.get(key.rpartition('.')[2])
    if key.startswith('schedules.'):
        return SCHEDULE.get(key.rpartition('.')[2])
    return RANGES.get(of_any_set(key))


def check(config: ConfigDict) -> None:
    """Raises UserError for a number of a config outside of its range.

    Tracers have no value yet; those of sweeps are checked beforehand, row by row.
    """
    for key, value in flatten(config).items():
        traced = hasattr(value, 'aval')  # every jax array has one; jax is not imported here
        range_ = range_of(key)
        if range_ is None and isinstance(value, float):
            range_ = ANY
        if range_ is not None and value is not None and not traced:
            check_one(key, value, range_)


def check_one(name: str, value: Any, range_: Range) -> None:
    """Raises UserError if one number is outside of its range."""
    if not range_.contains(value):
        raise UserError(f'{name}={repr(value).removesuffix(".0")} must {range_.requirement(value)}')
