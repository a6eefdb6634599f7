"""From `config.data` to a data set: the names of all sets, and where their examples lie."""

import inspect
import logging
import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from gans import user_code
from gans.configs import drop_none
from gans.data import (
    captions,
    clips,
    digits,
    folder,
    furniture,
    idx,
    moving,
    openmoji,
    pairs,
    stacked,
    tfds,
    toys,
    volumes,
)
from gans.data.base import Source, digest_of, stored_shapes
from gans.data.images import whole
from gans.data.joined import joined
from gans.data.part import say_empty, take, take_split
from gans.data.transforms import flip, random_crop, shrink, view
from gans.errors import UserError, unknown

SETS: dict[str, Callable[..., Source]] = {
    'openmoji': openmoji.openmoji,
    'furniture': furniture.furniture,
    'fashion_mnist': idx.fashion_mnist,
    'mnist': idx.mnist,
    'digits': digits.digits,
    'moving_digits': moving.moving_digits,
    'moving_emoji': moving.moving_emoji,
    'stacked': stacked.stacked,
    'cifar10': tfds.cifar10,
    'celeb_a': tfds.celeb_a,
    'gaussian1d': toys.gaussian1d,
    'ring': toys.ring,
    'grid': toys.grid,
    'swiss_roll': toys.swiss_roll,
    'dirac': toys.dirac,
}
FAMILIES: dict[str, Callable[..., Source]] = {  # of 'tfds:NAME' and so on
    'tfds': tfds.tfds,
    'folder': folder.folder,
    'paired': pairs.paired,
    'unpaired': pairs.unpaired,
    'volumes': volumes.volumes,
    'clips': clips.clips,
    'captions': captions.captions,
}
OF_PATHS = ('folder', 'paired', 'unpaired', 'volumes', 'clips', 'captions')  # families whose names are folders
SEEN = (
    'flip',
    'random_crop',
    'shrink',
    'shrink_kernel',
    'view',
    'turn',
)  # keys of any set: what is seen of its examples


def load(config: Mapping[str, Any], outlined: bool = False) -> Source:
    """The data set that `config.data` describes.

    Args:
        config: a dict or ConfigDict of
            name: of `SETS`, or 'tfds:NAME', 'folder:PATH', 'paired:PATH', 'unpaired:PATH', 'volumes:PATH',
                'clips:PATH', 'captions:PATH', or the user's own function, 'FILE.py:NAME';
            flip: mirror half of the examples that training sees (default False), all fields of an example together;
            random_crop: training sees random squares of that side, in pixels of 'real', all others the central ones;
            shrink: gives examples a 'source', 'real' so many times smaller (bicubic, antialiased, 8 bits);
            shrink_kernel: 'pillow' (default), or 'matlab', which mirrors images at their edges;
            view: gives volumes a 'source', a picture of 'real' of so many pixels, from a side that is drawn anew;
            turn: degrees that this side may lie off the front (default 60);
            split: 'train', 'test' or 'all', as far as the set's own function does not say otherwise;
            num: only so many of its examples, a random part in which classes keep their shares;
            on_device_max_mb: a set of at most so many MB (10^6 bytes, all fields as they are stored) lies on the
                device, a larger one is streamed from the host (default 2000);
            and the keyword arguments of the set's own function. A value of None counts as not given.
            Or of name='joined', on_device_max_mb of the whole, and a section of the other keys for each part. Of
            'unpaired:PATH', the parts are 'a' and 'b', whose sections hold what is not the same for both.
        outlined: a set that is not here, but whose shape is known, may come without its examples (`Source.absent`).

    Raises:
        UserError: an unknown name or key, or data that are not there.
    """
    asked = sections(config)
    max_mb = drop_none(config).get('on_device_max_mb', 2000)
    made = {part: _of_part(part, _make, options, outlined) for part, options in asked.items()}
    held = sum(_size_in_bytes(source) for source in made.values()) <= max_mb * 1e6
    parts = {part: _of_part(part, _prepare, made[part], asked[part], held) for part in made}
    return parts[''] if '' in parts else joined(**parts)


def split(config: Mapping[str, Any], which: str) -> Source:
    """The split 'train' or 'test' of the set that `config.data` describes: 'test' is what is held out from training.

    All that looks at held-out examples takes them from here. A drawn set is its own split; of a joined set each part is
    split; `data.num` is of what is trained on and leaves the test split whole. Where training has seen the test split
    all the same (see `trained_on_test`), a line says so.

    Raises:
        UserError: as of `load`; the set has no such split.
    """
    source = load(of_split(config, which))
    if which == 'test' and trained_on_test(config, source):
        some = 'PART.' if source.parts else ''
        _warn(f"'{config['name']}': training has seen the test split; data.{some}split=train keeps it out")
    return source


def of_split(config: Mapping[str, Any], which: str) -> dict[str, Any]:
    """The config of that split of a set, or of each part of a joined one."""
    parts = {}
    for part, options in sections(config).items():
        of_training = {'num'} - arguments(options['name']).keys() if which == 'test' else set()
        parts[part] = {key: value for key, value in options.items() if key not in of_training} | {'split': which}
    of_whole = {key: value for key, value in drop_none(config).items() if key in ('name', 'on_device_max_mb')}
    return of_whole | parts.get('', parts)


def trained_on_test(config: Mapping[str, Any], test: Source) -> bool:
    """Whether a run on `config.data` trains on examples of its own test split, which `split` has given as `test`."""
    drawn = lambda part: (test.parts[part] if part else test).placement == 'drawn'
    splits = {part: split_of(options) for part, options in sections(config).items()}
    return any((name == 'all' or 'test' in name) and not drawn(part) for part, name in splits.items())


def split_of(options: Mapping[str, Any]) -> str:
    """The split that a set, or a part of a joined one, is trained on."""
    options = drop_none(options)
    known = arguments(options['name'])
    if 'split' in options:
        return options['split']
    if 'split' in known and known['split'] is None:  # that of the set from which it is made
        return split_of({'name': options.get('of', known['of'])})
    return known.get('split', 'all')


def sections(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The options of a set as far as they are given, under the name ''; of a joined set those of each part.

    Raises:
        UserError: a key of a joined set that is no part, or one of a part that is of the whole.
    """
    options = drop_none(config)
    if options.get('name', '').startswith('unpaired:') and 'domain' not in options:
        options = _both_sides(options)
    if options.get('name') != 'joined':
        return {'': {key: value for key, value in options.items() if key != 'on_device_max_mb'}}
    parts = {key: value for key, value in options.items() if key not in ('name', 'on_device_max_mb')}
    if parts.get('flip') is False:  # as every config has it
        del parts['flip']
    for key, value in parts.items():
        if not hasattr(value, 'items'):
            raise UserError(
                f'data.{key}={value!r}: a joined set has sections, such as data.a.name; set it in one of them'
            )
        if not value.get('name'):
            raise UserError(f'data.{key} has no name: give data.{key}.name of a set, such as digits')
        if value.get('name') == 'joined':
            raise UserError(f'data.{key}.name=joined: the parts of a joined set are not joined themselves')
        if 'on_device_max_mb' in value:
            raise UserError(f'data.{key}.on_device_max_mb is of the whole set: set data.on_device_max_mb')
    return {part: drop_none(section) for part, section in parts.items()}


def _both_sides(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an unpaired set as those of the joined one that it is."""
    own = {part: options.get(part, {}) for part in ('a', 'b')}
    shared = {key: value for key, value in options.items() if key not in (*own, 'on_device_max_mb')}
    whole = {key: value for key, value in options.items() if key == 'on_device_max_mb'}
    filled = lambda part: {**shared, 'domain': part, **own[part]} if hasattr(own[part], 'items') else own[part]
    return {'name': 'joined', **whole, **{part: filled(part) for part in own}}


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
    if user_code.is_reference(name):
        return user_code.function('data.name', name, Source), ()
    raise unknown(
        'data.name', name, [*SETS, 'joined', 'tfds:NAME', *(f'{family}:PATH' for family in OF_PATHS), 'FILE.py:NAME']
    )


@cache  # a line is said once
def _warn(line: str) -> None:
    logging.warning(line)


def _of_part(part: str, make: Callable[..., Source], *args: Any) -> Source:
    """What `make` gives; of a part of a joined set, an error tells which."""
    try:
        return make(*args)
    except UserError as error:
        raise UserError(f'data.{part}: {error}') if part else error from None


def _make(options: Mapping[str, Any], outlined: bool) -> Source:
    """The examples that are asked for, wherever their set's own function has put them."""
    options = {key: value for key, value in options.items() if key not in SEEN}
    name = options.pop('name', '')
    make, args = _function(name)
    known = arguments(name)
    which = 'all' if 'split' in known else options.pop('split', 'all')
    num = None if 'num' in known else options.pop('num', None)
    for key in options:
        if key not in known:
            raise unknown(f"key of the data set '{name}'", key, {*known, *SEEN, 'split', 'num', 'on_device_max_mb'})
    source = make(*args, **options)
    if source.absent and not outlined:
        raise UserError(source.absent)
    if source.arrays is not None and source.digest is None:
        source = source._replace(digest=digest_of(source.arrays))
    source = take_split(source, which)
    return source if num is None else take(source, num)


def _prepare(source: Source, options: Mapping[str, Any], held: bool) -> Source:
    """The set where it is to lie, and as training is to see it."""
    if held and source.placement == 'streamed':
        source = source._replace(arrays=whole(source), read=None)
    elif not held and source.arrays is not None:
        arrays = source.arrays
        source = source._replace(arrays=None, read=lambda i: {name: array[i] for name, array in arrays.items()})
    if source.spec.classes and source.arrays and not options.keys() & {'without', 'group'}:  # which empty some
        say_empty(options['name'], source.arrays['label'], source.spec.classes)
    if 'random_crop' in options:
        source = random_crop(source, options['random_crop'])
    source = flip(source) if options.get('flip') else source
    if 'shrink' in options:
        return shrink(source, options['shrink'], options.get('shrink_kernel', 'pillow'))
    if 'view' in options:
        return view(source, options['view'], options.get('turn', 60.0))
    if 'turn' in options:
        raise UserError(f"data.turn={options['turn']} has no meaning without data.view")
    if 'shrink_kernel' in options:
        raise UserError(f"data.shrink_kernel='{options['shrink_kernel']}' has no meaning without data.shrink")
    return source


def _size_in_bytes(source: Source) -> int:
    """Of all examples as they are stored; 0 for a drawn set."""
    return (source.size or 0) * sum(math.prod(one.shape) * one.dtype.itemsize for one in stored_shapes(source).values())
