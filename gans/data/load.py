"""From `config.data` to a data set: the names of all sets, and where their examples lie."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gans import kinds
from gans.data import digits, folder, idx, openmoji, stacked, tfds, toys
from gans.data.base import Source, digest_of
from gans.data.images import mirror, whole
from gans.data.part import part, say_empty
from gans.errors import UserError, unknown

SETS: dict[str, Callable[..., Source]] = {
    'openmoji': openmoji.openmoji,
    'fashion_mnist': idx.fashion_mnist,
    'mnist': idx.mnist,
    'digits': digits.digits,
    'stacked': stacked.stacked,
    'cifar10': tfds.cifar10,
    'celeb_a': tfds.celeb_a,
    'gaussian1d': toys.gaussian1d,
    'ring': toys.ring,
    'grid': toys.grid,
    'swiss_roll': toys.swiss_roll,
    'dirac': toys.dirac,
}
FAMILIES: dict[str, Callable[..., Source]] = {'tfds': tfds.tfds, 'folder': folder.folder}  # of 'tfds:NAME' and so on


def load(config: Mapping[str, Any]) -> Source:
    """The data set that `config.data` describes.

    Args:
        config: a dict or ConfigDict of
            name: of `SETS`, or 'tfds:NAME', or 'folder:PATH';
            flip: mirror half of the images that training sees (default False);
            num: only so many of its examples, a random part in which classes keep their shares;
            on_device_max_mb: a set of images of at most so many MB (10^6 bytes, as uint8) lies on the device, a larger
                one is streamed from the host (default 2000);
            and the keyword arguments of the set's own function. A value of None counts as not given.

    Raises:
        UserError: an unknown name or key, or data that are not there.
    """
    options = {key: value for key, value in config.items() if value is not None}
    name, flip, max_mb = options.pop('name', ''), options.pop('flip', False), options.pop('on_device_max_mb', 2000)
    make, args = _function(name)
    known = arguments(name)
    num = None if 'num' in known else options.pop('num', None)
    for key in options:
        if key not in known:
            raise unknown(f"key of the data set '{name}'", key, [*known, 'flip', 'num', 'on_device_max_mb'])
    source = make(*args, **options)
    if source.arrays is not None and source.digest is None:
        source = source._replace(digest=digest_of(source.arrays))
    if num is not None:
        source = part(source, num)
    if flip and kinds.kind_of(source.spec).mirror is None:
        raise UserError(f"data.flip is set, but '{name}' is no set of images; leave it False")
    source = _placed(source, max_mb)
    if source.spec.classes and source.arrays and not options.keys() & {'without', 'group'}:  # which empty some
        say_empty(name, source.arrays['label'], source.spec.classes)
    return source._replace(augment=mirror if flip else None)


def arguments(name: str) -> dict[str, Any]:
    """The keyword arguments of a set's function, and their defaults."""
    kinds = inspect.signature(_function(name)[0]).parameters.values()
    return {p.name: p.default for p in kinds if p.kind is p.KEYWORD_ONLY}


def _function(name: str) -> tuple[Callable[..., Source], tuple[str, ...]]:
    family, _, rest = name.partition(':')
    if rest and family in FAMILIES:
        return FAMILIES[family], (rest,)
    if name in SETS:
        return SETS[name], ()
    raise unknown('data.name', name, [*SETS, 'tfds:NAME', 'folder:PATH'])


def _placed(source: Source, max_mb: float) -> Source:
    """The set held as arrays if it is small enough, to be read by the host otherwise."""
    arrays, read = source.arrays, source.read
    if source.size is None:
        return source
    if source.size * np.prod(source.spec.shape) > max_mb * 1e6:
        return source._replace(arrays=None, read=read or (lambda i: {name: a[i] for name, a in arrays.items()}))
    return source._replace(arrays=whole(source), read=None)
