"""Pictures of any sample format as 8 bits: never darker or brighter than they are without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gans.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

# Tags of TIFF; a photometric interpretation of 0 says that 0 is white, a sample format of 2 that integers have a sign.
BITS, PHOTOMETRIC, FORMAT = 258, 262, 339
FAINT = 16  # a picture that uses less than 1 / FAINT of its range was probably meant to have another range


def eight_bits(image: Image, turned: bool = True) -> Image:
    """An opened picture in 8 bits: 'L' if it is grey, 'RGB' otherwise; transparency is laid over white.

    Of samples of more than 8 bits, integers of 16 bits fill 0..65535 (of 12-bit TIFF 0..4095), and floats 0..1, or
    0..255 if they go beyond 1; integers of 32 bits lie in 0..255. The rule is the same for all pictures of a set: none
    is stretched to its own brightest value. Of several frames, the first is taken.

    Args:
        turned: upright, as the camera says.

    Raises:
        UserError: samples beyond that range, or so far below (12 bits in files of 16, say) that the picture would be
            nearly black; it tells the mode and the range.
    """
    from PIL import ImageOps

    high_bytes = any(_is_deep(*tile) for tile in getattr(image, 'tile', ()))
    if turned:
        ImageOps.exif_transpose(image, in_place=True)
    if image.mode[0] in 'IF':
        return _scaled(image)
    if 2 in getattr(image, 'tag_v2', {}).get(FORMAT, ()):  # Pillow gives -1 as 255
        raise _doubtful(f'{image.mode}, signed', -128, 127)
    if high_bytes and (high := max(high for _, high in _color_extrema(image))) <= 256 // FAINT:
        raise _doubtful(f'{image.mode} of 16 bits', 0, high * 256 + 255)
    mode = 'L' if image.mode in ('1', 'L', 'LA', 'La') else 'RGB'
    return _over_white(image).convert(mode) if image.has_transparency_data else image.convert(mode)


def has_frames(image: Image) -> bool:
    """Whether an opened picture has several frames; the other views of a stereo camera are none."""
    return getattr(image, 'is_animated', False) and image.format != 'MPO'


def _scaled(image: Image) -> Image:
    """Grey of more than 8 bits."""
    from PIL import Image

    values, tags = np.asarray(image), getattr(image, 'tag_v2', {})
    low, high = values.min(), values.max()
    if image.mode == 'F':
        top = 1 if high <= 1 else 255
    else:  # Pillow gives the 16 bits of PGM, filled, as 32
        bits = int(np.max(tags.get(BITS, 16))) if image.mode != 'I' else 16 if image.format == 'PPM' else 8
        top = 2**bits - 1
    if not 0 <= low <= high <= top or 0 < high < top / FAINT:  # NaN is in no range
        raise _doubtful(image.mode, low, high)
    if image.info.get('transparency') is not None:
        values = np.where(values == image.info['transparency'], top, values)
    if tags.get(PHOTOMETRIC) == 0:  # which Pillow minds up to 8 bits
        values = top - values
    # The high byte of integers, as Pillow takes it of colors.
    grey = np.round(values * (255 / top)) if image.mode == 'F' else values.astype(np.int64) * 256 // (top + 1)
    return Image.fromarray(grey.astype(np.uint8))


def _over_white(image: Image) -> Image:
    from PIL import Image

    image = image.convert('RGBA')
    return Image.alpha_composite(Image.new('RGBA', image.size, 'white'), image)


def _is_deep(codec: str, extents: tuple, offset: int, args: object) -> bool:
    """Whether Pillow will take the high bytes of 16 bits, before it has read them."""
    return ';16' in str(args) or (codec.startswith('ppm') and args[-1] > 255)


def _color_extrema(image: Image) -> list[tuple[int, int]]:
    """The darkest and brightest value of each band but alpha."""
    found = [image.getextrema()] if len(image.getbands()) == 1 else image.getextrema()
    return [some for band, some in zip(image.getbands(), found, strict=True) if band not in 'Aa']


def _doubtful(mode: str, low: float, high: float) -> UserError:
    return UserError(f'its values (mode {mode}) are {low:g} to {high:g}, whose range is in doubt: save it in 8 bits')
