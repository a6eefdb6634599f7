"""Results stamped with their protocol, so that different protocols are not compared by accident."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gans import user_code
from gans.core import System
from gans.data import load
from gans.data.base import Source
from gans.features.base import Extractor
from gans.numerics import numerics

Protocol = dict[str, Any]  # JSON values; results are comparable if all of them are equal


class Result(NamedTuple):
    """A number and its stamp."""

    metric: str  # 'NAME', or its references 'NAME/real' and 'NAME/untrained', see `gans.evaluation.judge`
    value: float
    protocol: Protocol

    def json(self, **more: Any) -> dict[str, Any]:
        """As stored in evaluation.json, where non-finite values are None."""
        finite = self.value == self.value and abs(self.value) != float('inf')
        return {'metric': self.metric, 'value': self.value if finite else None, **more, 'protocol': self.protocol}


def frechet(extractor: Extractor) -> str:
    """The name of the Fréchet distance in these features: 'fid' is Inception's alone."""
    return 'fid' if extractor.title == 'FID' else f'fd_{extractor.name.replace(":", "_")}'


def inception_score(extractor: Extractor) -> str:
    """The name of the Inception Score with this extractor's classes: 'is' is Inception's alone."""
    return 'is' if extractor.title == 'FID' else f'is_{extractor.name.replace(":", "_")}'


def features(extractor: Extractor) -> Protocol:
    """The extractor's part of a stamp."""
    part = {'features': extractor.name, 'weights': extractor.weights, 'resizing': extractor.resizing}
    return part | {f'features {key}': value for key, value in extractor.notes.items()}


def data(config: Mapping[str, Any], source: Source) -> Protocol:
    """The data set's part of a stamp: name, split, other options that are set, and the hash of its examples."""
    parts = load.sections(config)
    named = {part: _describe(options) for part, options in parts.items()}
    splits = {part: load.split_of(options) for part, options in parts.items()}
    hashed = {'data hash': source.digest} if source.digest else {}
    if '' in parts:
        return {'data': named[''], 'split': splits[''], **hashed}
    of_parts = lambda each: '; '.join(f'{part}: {each[part]}' for part in sorted(parts))
    return {'data': f'joined {of_parts(named)}', 'split': of_parts(splits), **hashed}


def _describe(options: Mapping[str, Any]) -> str:
    """A set's name and its other options that are set."""
    # Only training sees flips, and it does not matter where examples are stored: their hash identifies them.
    ignored = ('name', 'split', 'flip', 'folder', 'data_dir', 'cache', 'strict')
    others = ' '.join(f'{key}={value}' for key, value in sorted(options.items()) if key not in ignored)
    name = options['name']
    family, _, path = name.partition(':')
    if family in load.OF_PATHS:  # without its location
        name = f'{family}:{Path(path).name}'
    elif user_code.is_reference(name):
        name = Path(name).name
    return f'{name} {others}'.strip()


def run(config: Mapping[str, Any], source: Source, system: System) -> Protocol:
    """A run's part of a stamp: its data (`config.data` and the data set), how it samples, and jax's settings."""
    return data(config, source) | {'ema': system.ema is not None, 'statistics': 'running averages'} | numerics()


def differences(protocols: Sequence[Protocol]) -> dict[str, list[Any]]:
    """The keys in which protocols differ, with their distinct values in order of appearance."""
    keys = dict.fromkeys(key for protocol in protocols for key in protocol)
    values = {key: [protocol.get(key) for protocol in protocols] for key in keys}
    distinct = {key: [v for i, v in enumerate(some) if v not in some[:i]] for key, some in values.items()}
    return {key: some for key, some in distinct.items() if len(some) > 1}
