"""Augmentations of what a critic is shown: (x [B, H, W, C] in [-1, 1], keys [B], p) -> x, differentiable in x.

DiffAugment (Zhao 2020, 2006.10738) has 'color', 'translation' and 'cutout'; ADA (Karras 2020, 2006.06676, appendix B)
has 'blit', 'geometric' and 'lighting', the three groups that the paper settles on; 'flip_shift' is that of balanced
consistency. Each transformation is applied to an example with probability p, a number or a tracer; otherwise the
example stays unchanged, to the bit. It is up to the caller to keep p below about 0.8, where augmentations may leak.
"""

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gans.core import Array, Keys
from gans.errors import UserError, unknown
from gans.ops import random
from gans.ops.fir import downsample, upsample

Augment = Callable[[Array, Keys, float | Array], Array]

# The scaling filter of sym6, the symlet of six vanishing moments, which ADA takes.
SYM6 = (
    0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633, 0.4910559419267466,
    0.787641141030194, 0.3379294217276218, -0.07263752278646252, -0.021060292512300564, 0.04472490177066578,
    0.0017677118642428036, -0.007800708325034148,
)  # fmt: skip
LUMA = np.ones(3, np.float32) / np.sqrt(np.float32(3))  # the gray axis of RGB


def augmentation(names: str, shape: Sequence[int]) -> Augment:
    """The composition of the augmentations in a comma-separated list, such as 'color,translation,cutout'."""
    parts = []
    for name in names.split(','):
        if name not in AUGMENTS:
            raise unknown('augmentation', name, AUGMENTS)
        parts.append(AUGMENTS[name])
    if len(shape) != 3:
        raise UserError(f"'{names}' augments images, not examples of shape {tuple(shape)}: leave it off")
    if shape[0] != shape[1] and {'blit', 'geometric'} & set(names.split(',')):
        raise UserError(f"'{names}' turns images by 90 degrees, so they must be square, not {tuple(shape)}")

    def augment(x: Array, keys: Keys, p: float | Array) -> Array:
        for part, own in zip(parts, random.split(keys, len(parts)), strict=True):
            x = part(x, own, p)
        return x

    return augment


def augment_together(
    augment: Augment, x: Array, others: tuple[Array, ...], keys: Keys, p: float | Array
) -> tuple[Array, tuple[Array, ...]]:
    """Examples [B, H, W, C], and the images among what belongs to them, all transformed by the same draws."""
    return augment(x, keys, p), tuple(augment(other, keys, p) if other.ndim == x.ndim else other for other in others)


def _sometimes(keys: Keys, p: float | Array, new: Array, old: Array) -> Array:
    """The new version of each example with probability p, else the old one; [B, ...]."""
    return jnp.where(random.uniform(keys, (1,) * (old.ndim - 1)) < p, new, old)


# DiffAugment


def color(x: Array, keys: Keys, p: float | Array) -> Array:
    """Brightness + U(-.5, .5); saturation x U(0, 2) around a pixel's gray; contrast x U(.5, 1.5) around the mean."""
    k_if, k_bright, k_saturate, k_contrast = random.split(keys, 4)
    new = x + random.uniform(k_bright, (1, 1, 1), -0.5, 0.5)
    gray = new.mean(3, keepdims=True)
    new = gray + random.uniform(k_saturate, (1, 1, 1), 0.0, 2.0) * (new - gray)
    mean = new.mean((1, 2, 3), keepdims=True)
    new = mean + random.uniform(k_contrast, (1, 1, 1), 0.5, 1.5) * (new - mean)
    return _sometimes(k_if, p, new, x)


def translation(x: Array, keys: Keys, p: float | Array) -> Array:
    """Shifted by whole pixels, up to an eighth of each side, with zeros outside."""
    return _pick(x, *_shift(x, keys, p, [_round(n / 8) for n in x.shape[1:3]], mirror=False))


def cutout(x: Array, keys: Keys, p: float | Array) -> Array:
    """A rectangle of half of each side is set to 0. Its center is anywhere in the image, so that it may be cropped."""
    k_if, *k_axes = random.split(keys, 3)
    rows, columns = (_band(k, n) for k, n in zip(k_axes, x.shape[1:3], strict=True))
    hole = rows[:, :, None, None] & columns[:, None, :, None]
    return _sometimes(k_if, p, jnp.where(hole, 0.0, x), x)


def _band(keys: Keys, n: int) -> Array:
    """An interval of n / 2 positions around a random one, as a mask: bool [B, n]."""
    size = _round(n / 2)
    start = random.integers(keys, n + 1 - size % 2)[:, None] - size // 2
    positions = jnp.arange(n)
    return (positions >= start) & (positions < start + size)


# Balanced consistency


def flip_shift(x: Array, keys: Keys, p: float | Array) -> Array:
    """CR-GAN's (Zhang 2020, 1910.12027): mirrored left to right half of the time, and shifted by up to 4 pixels."""
    k_flip, k_shift = random.split(keys, 2)
    rows, columns = _shift(x, k_shift, p, (4, 4), mirror=True)
    return _pick(x, rows, _flip(columns, random.uniform(k_flip) < 0.5 * p))


# ADA


def blit(x: Array, keys: Keys, p: float | Array) -> Array:
    """Whole pixels: mirrored (half of the time), rotated by multiples of 90 degrees, shifted by up to an eighth."""
    k_flip, k_turn, k_quarter, k_shift = random.split(keys, 4)
    rows, columns = _shift(x, k_shift, p, [_round(n / 8) for n in x.shape[1:3]], mirror=True)
    # Turned by a quarter, an image is its transpose upside down; by three, its transpose mirrored; by two, it is both.
    quarters = jnp.where(random.uniform(k_turn) < p, random.integers(k_quarter, 4), 0)
    flipped, odd = random.uniform(k_flip) < 0.5 * p, quarters % 2 == 1
    x = jnp.where(odd[:, None, None, None], jnp.swapaxes(x, 1, 2), x)
    rows = _flip(rows, ((quarters == 1) | (quarters == 2)) ^ (odd & flipped))
    return _pick(x, rows, _flip(columns, (quarters >= 2) ^ (~odd & flipped)))


def geometric(x: Array, keys: Keys, p: float | Array) -> Array:
    """Scaled by 2^N(0, .2^2), rotated by any angle, stretched by 2^N(0, .2^2) in one direction, rotated, translated by
    N(0, 1) eighths of a side; each rotation with probability 1 - sqrt(1 - p), so at least one of them with p.

    All of it is one warp of the mirrored image, see `affine`.
    """
    k_scale, k_first, k_stretch, k_second, k_move = random.split(keys, 5)
    once = 1 - jnp.sqrt(1 - jnp.clip(p, 0, 1))
    matrix = _scaling(k_scale, p, lambda s: (s, s))
    matrix = _rotation(k_first, once) @ matrix
    matrix = _scaling(k_stretch, p, lambda s: (s, 1 / s)) @ matrix
    matrix = _rotation(k_second, once) @ matrix
    k_if, k_by = random.split(k_move, 2)
    by = random.normal(k_by, (2,)) / 8 * jnp.array(x.shape[1:3])
    move = _sometimes(k_if, p, by, jnp.zeros_like(by))  # [B, 2]
    changed = (matrix != jnp.eye(2)).any((1, 2)) | (move != 0).any(1)
    return jnp.where(changed[:, None, None, None], affine(x, matrix, move), x)


def affine(x: Array, matrix: Array, move: Array) -> Array:
    """Warps images [B, H, W, C]: what lies at r from the center moves to matrix r + move; (rows, columns) in pixels.

    Mirrored at the borders. Bilinear on a grid twice as fine, between two wavelet filters (2006.06676, appendix B): on
    the image's own, warps would blur, and hide from the critic what single pixels do. matrix: [B, 2, 2], invertible;
    move: [B, 2].
    """
    sides, margin = np.array(x.shape[1:3]), len(SYM6) // 4  # pixels around the result that the second filter reaches
    pads = np.minimum(sides // 2 + margin, sides - 1)
    center = (sides - 1) / 2
    # The filter's delay puts pixel i at 2 i of the finer grid.
    rows, columns = (np.arange(2 * (n + 2 * margin)) / 2 - margin for n in sides)
    positions = np.stack(np.meshgrid(rows, columns, indexing='ij'), -1) - center  # [h, w, 2]
    (a, b), (c, d) = (row.T for row in jnp.swapaxes(matrix, 0, 1))  # each [B]
    inverse = jnp.stack([jnp.stack([d, -b], -1), jnp.stack([-c, a], -1)], -2) / (a * d - b * c)[:, None, None]
    source = jnp.einsum('bij,bhwj->bihw', inverse, positions - move[:, None, None], precision='highest')
    source = 2 * (source + (center + pads)[:, None, None])
    fine = upsample(jnp.pad(x, ((0, 0), *((pad, pad) for pad in pads), (0, 0)), 'reflect'), SYM6)
    return downsample(_sample(fine, source), SYM6[::-1])[:, margin:-margin, margin:-margin]


def _sample(x: Array, at: Array) -> Array:
    """Images [B, H, W, C] between their pixels, at [B, 2, h, w] -> [B, h, w, C]: bilinear, mirrored at the borders.

    All channels of a pixel are taken at once: on CPU the transpose of that takes half the time of one channel each.
    """
    b, height, width, channels = x.shape
    first = jnp.floor(at)
    share, first, pixels = at - first, first.astype(jnp.int32), x.reshape(b, -1, channels)
    take = jax.vmap(lambda image, index: image.at[index].get(mode='promise_in_bounds'))

    def corner(below: int, right: int) -> Array:
        rows, columns = _mirror(first[:, 0] + below, height), _mirror(first[:, 1] + right, width)
        weights = (share[:, 0] if below else 1 - share[:, 0]) * (share[:, 1] if right else 1 - share[:, 1])
        return weights[..., None] * take(pixels, rows * width + columns)

    return corner(0, 0) + corner(0, 1) + corner(1, 0) + corner(1, 1)


def _mirror(index: Array, n: int) -> Array:
    """0 1 2 3 2 1 0 1 ... of n = 4."""
    return (n - 1) - jnp.abs((n - 1) - index % (2 * n - 2)) if n > 1 else jnp.zeros_like(index)


def lighting(x: Array, keys: Keys, p: float | Array) -> Array:
    """Brightness + N(0, .2^2); contrast x 2^N(0, .5^2); for RGB also the luma inverted half of the time, the hue
    rotated by any angle, saturation x 2^N(0, 1). Images with other channels get the first two only (grayscale as in the
    paper's code, but without the inverted luma).
    """
    k_bright, k_contrast, k_luma, k_hue, k_saturate = random.split(keys, 5)

    def normal(keys: Keys) -> Array:
        return random.normal(keys, (1, 1, 1))

    def luma(x: Array) -> Array:
        return jnp.einsum('bhwc,c,d->bhwd', x, LUMA, LUMA, precision='highest')

    x = _apply_sometimes(k_bright, p, lambda k: x + 0.2 * normal(k), x)
    x = _apply_sometimes(k_contrast, p, lambda k: x * 2 ** (0.5 * normal(k)), x)
    if x.shape[3] != 3:
        return x
    x = _sometimes(k_luma, 0.5 * p, x - 2 * luma(x), x)
    x = _apply_sometimes(k_hue, p, lambda k: _hue(x, random.uniform(k, (1, 1, 1), -np.pi, np.pi)), x)
    return _apply_sometimes(k_saturate, p, lambda k: luma(x) + 2 ** normal(k) * (x - luma(x)), x)


def _hue(x: Array, angle: Array) -> Array:
    """RGB rotated around the gray axis n, by Rodrigues' formula: x cos + (n x x) sin + n (n . x)(1 - cos)."""
    across = jnp.cross(jnp.broadcast_to(jnp.asarray(LUMA), x.shape), x)
    along = jnp.sum(x * LUMA, 3, keepdims=True) * LUMA
    return x * jnp.cos(angle) + across * jnp.sin(angle) + along * (1 - jnp.cos(angle))


# Shared parts


def _apply_sometimes(keys: Keys, p: float | Array, change: Callable[[Keys], Array], x: Array) -> Array:
    k_if, k_how = random.split(keys, 2)
    return _sometimes(k_if, p, change(k_how), x)


def _scaling(keys: Keys, p: float | Array, axes: Callable[[Array], tuple[Array, Array]]) -> Array:
    """diag(axes(2^N(0, .2^2))) or the identity, [B, 2, 2]."""
    k_if, k_by = random.split(keys, 2)
    matrix = jax.vmap(jnp.diag)(jnp.stack(axes(2 ** (0.2 * random.normal(k_by, ()))), -1))
    return _sometimes(k_if, p, matrix, jnp.broadcast_to(jnp.eye(2), matrix.shape))


def _rotation(keys: Keys, p: float | Array) -> Array:
    """A rotation by any angle, or the identity, [B, 2, 2]."""
    k_if, k_by = random.split(keys, 2)
    angle = random.uniform(k_by, (), -np.pi, np.pi)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    matrix = jnp.stack([jnp.stack([cos, -sin], -1), jnp.stack([sin, cos], -1)], -2)
    return _sometimes(k_if, p, matrix, jnp.broadcast_to(jnp.eye(2), matrix.shape))


def _shift(x: Array, keys: Keys, p: float | Array, most: Sequence[int], mirror: bool) -> tuple[Array, Array]:
    """Rows and columns, of `_pick`, of images that are shifted down and to the right by whole pixels in [-most, most];
    outside is 0, or the mirrored image.
    """
    k_if, *k_axes = random.split(keys, 3)
    moves = random.uniform(k_if) < p

    def index(keys: Keys, n: int, limit: int) -> Array:
        by = jnp.where(moves, random.integers(keys, 2 * limit + 1) - limit, 0)
        source = jnp.arange(n) - by[:, None]
        return _mirror(source, n) if mirror else source

    return tuple(map(index, k_axes, x.shape[1:3], most))


def _flip(index: Array, turned: Array) -> Array:
    """Index int [B, n] of a side's n pixels, as they are in a flipped image where `turned`, bool [B], says so."""
    return jnp.where(turned[:, None], index.shape[1] - 1 - index, index)


def _pick(x: Array, rows: Array, columns: Array) -> Array:
    """x[b, rows[b, i], columns[b, j]] of images [B, H, W, C], and 0 outside of them; exact.

    By products: where indices are gathered, XLA fuses them into all that reads the result, and a CPU draws random
    numbers anew for every pixel.
    """
    rows, columns = (jax.nn.one_hot(index, index.shape[1], dtype=x.dtype) for index in (rows, columns))
    x = jnp.einsum('bih,bhwc->biwc', rows, x, precision='highest')
    return jnp.einsum('bjw,biwc->bijc', columns, x, precision='highest')


def _round(x: float) -> int:
    return int(x + 0.5)


AUGMENTS: dict[str, Augment] = {
    'color': color,
    'translation': translation,
    'cutout': cutout,
    'flip_shift': flip_shift,
    'blit': blit,
    'geometric': geometric,
    'lighting': lighting,
}


# ADA's control of p


def update_probability(memory: Mapping[str, Array], real_scores: Array, target: float, step: float) -> dict[str, Array]:
    """The new p and r, given real scores [B] (section 3.1 of ADA): p moves up or down by `step`, within [0, 1].

    The critic overfits if r, the mean sign of its scores of real examples, is above the target. p follows the r of the
    previous call: the train step averages memories over the devices, so that it is the same on all of them.

    Args:
      memory: {'p', 'r'}, float32 [].
      step: number of examples, as a fraction of those in which p could go from 0 to 1.
    """
    p = jnp.clip(memory['p'] + step * jnp.sign(memory['r'] - target), 0.0, 1.0)
    return {'p': p, 'r': jnp.sign(lax.stop_gradient(real_scores)).mean()}
