"""OpenMoji: real images that need no download; the atlases beside this file are CC BY-SA 4.0, see their LICENSE.

1,644 emoji of Unicode (without skin tones, components, flags), each in color and as a line drawing that fits it, with
8 groups, 95 subgroups and captions. Packed by gans/data/openmoji_atlas/pack.py.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from gans.data.base import Source
from gans.data.images import image_set
from gans.data.words import encode, vocabulary, with_captions, words_of
from gans.errors import UserError, unknown

STYLES = ('color', 'line')
SPLITS = ('all', 'train', 'test')
SIZES = (4, 8, 16, 32, 64)


def openmoji(
    *,
    size: int = 32,
    style: str = 'color',
    split: str = 'all',
    drop_duplicates: bool = True,
    group: str = 'all',
    source: str | None = None,
    words: int | None = None,
) -> Source:
    """Emoji on white; the labels are the 8 groups ('smileys-emotion', 'animals-nature', ...).

    Args:
        size: pixels of a side: 64, or 32, 16, 8 or 4 by the mean of each block of pixels.
        style: 'color' [size, size, 3] or 'line' [size, size, 1], grey.
        split: 'all', or 'test' for every eighth of the list and 'train' for the others.
        drop_duplicates: leave out images that come again (at 64 pixels, exactly) and blank ones, which leaves 1,618 of
            1,644 in color and 1,580 lines; without, the styles are aligned: image i of 'line' is that of image i of
            'color'.
        group: 'all', or one of the 8 groups, or one of the 95 subgroups ('animal-mammal'); the labels stay the same.
        source: the other style, as field 'source' of each example. Which images come again is decided by `style` alone:
            a source may, but a blank one is left out, which leaves 1,617 pairs with lines as sources.
        words: at most so many of the field 'caption', int32 [words], 0 behind its end: the annotation ('red heart'), or
            it and one of the tags ('red heart love'), drawn anew each time. The vocabulary is that of 'train', and
            emoji of other splits without a word of it are left out.

    Raises:
        UserError: a wrong argument.
    """
    if size not in SIZES:
        raise UserError(f'data.size is {size!r}; openmoji comes in 4, 8, 16, 32 and 64 pixels')
    if split not in SPLITS:
        raise unknown('data.split', split, SPLITS)
    if source == style:
        raise UserError(f'data.source={source} is data.style itself; take the other of {" and ".join(STYLES)}')
    for key, name in (('data.style', style), ('data.source', source)):
        if name not in STYLES and (key, name) != ('data.source', None):
            raise unknown(key, name, STYLES)
    images = {'real': _images(style)} | ({} if source is None else {'source': _images(source)})
    keep = indices(style, split, drop_duplicates, source)
    groups, said = [emoji['group'] for emoji in table()], [phrases(emoji) for emoji in table()]
    classes = tuple(dict.fromkeys(groups))
    if group != 'all':
        belongs = np.array([group in (emoji['group'], emoji['subgroups']) for emoji in table()])
        if not belongs.any():
            raise unknown('data.group', group, {'all', *groups, *(emoji['subgroups'] for emoji in table())})
        keep = keep[belongs[keep]]
    labels = np.array([classes.index(group) for group in groups])
    if words is not None:
        known = vocabulary(caption for i in indices(style, 'train', drop_duplicates, source) for caption in said[i])
        keep = np.array([i for i in keep if any(encode(each, known, words)[0].any() for each in said[i])])
    fields = {name: shrunk(array[keep], array.shape[1] // size) for name, array in images.items()}
    made = image_set(fields.pop('real'), labels[keep], classes, **fields)
    return made if words is None else with_captions(made, [said[i] for i in keep], known, words)


@cache
def indices(
    style: str = 'color', split: str = 'all', drop_duplicates: bool = True, source: str | None = None
) -> np.ndarray:
    """The places in `table()` of the images that `openmoji` with these arguments gives, in order."""
    images = _images(style)
    keep = np.arange(len(images))
    if drop_duplicates:
        first = {image.tobytes(): i for i, image in reversed([*enumerate(images)])}
        drawn = [some.min((1, 2, 3)) < 255 for some in (images, *([] if source is None else [_images(source)]))]
        keep = np.array(sorted(i for i in first.values() if all(some[i] for some in drawn)))
    test = np.isin(keep, keep[7::8])
    found = {'all': keep, 'train': keep[~test], 'test': keep[test]}[split]
    found.flags.writeable = False
    return found


def phrases(emoji: dict[str, Any]) -> list[str]:
    """What an emoji is called: its annotation, and it with each of the tags that say more."""
    name, tags = emoji['annotation'], [tag.strip() for tag in emoji['tags'].split(',')]
    more = [tag for tag in tags if tag and not set(words_of(tag)) <= set(words_of(name))]
    return [name, *(f'{name} {tag}' for tag in more)]


def table() -> list[dict[str, Any]]:
    """For each of the 1,644 emoji, in the order of the atlases: hexcode, group, subgroups, annotation, tags (str)."""
    table = _table()
    return [dict(zip(table['fields'], emoji, strict=True)) for emoji in table['emoji']]


def shrunk(images: np.ndarray, factor: int) -> np.ndarray:
    """uint8 images [N, H, W, C] as [N, H / factor, W / factor, C]: the rounded mean of each block of pixels.

    factor: at most 16, as sums of more do not fit into 16 bits.
    """
    if factor == 1:
        return images
    rows = sum(images[:, i::factor].astype(np.uint16) for i in range(factor))
    blocks = sum(rows[:, :, i::factor] for i in range(factor))
    return np.round(blocks / np.float32(factor**2)).astype(np.uint8)


@cache  # runs read several splits, and decoding is most of it
def _images(style: str) -> np.ndarray:
    """uint8 [1644, 64, 64, C], cut from the atlas."""
    from PIL import Image

    table = _table()
    side, columns, count = table['size'], table['columns'], len(table['emoji'])
    with (files('gans.data') / 'openmoji_atlas' / f'{style}.webp').open('rb') as file:
        sheet = np.asarray(Image.open(file).convert('RGB' if style == 'color' else 'L'))
    cells = sheet.reshape(-1, side, columns, side, sheet.shape[2] if sheet.ndim == 3 else 1)
    images = cells.swapaxes(1, 2).reshape(-1, side, side, cells.shape[-1])[:count]
    images.flags.writeable = False
    return images


@cache
def _table() -> dict[str, Any]:
    return json.loads((files('gans.data') / 'openmoji_atlas' / 'emoji.json').read_text(encoding='utf-8'))
