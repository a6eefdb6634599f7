"""Augmentations of what a critic is shown: (x [B, H, W, C] in [-1, 1], keys [B], p) -> x, differentiable in x.

DiffAugment's (Zhao 2020, 2006.10738) are 'color', 'translation' and 'cutout'; ADA's (Karras 2020, 2006.06676, appendix
B) are 'blit', 'geometric' and 'lighting', the three groups that the paper ends with; 'flip_shift' is what balanced
consistency asks for. Each change of an example happens with probability p, a number or a tracer; what does not happen
leaves the example's bits alone. Non-leaking p (below about 0.8) is the caller's affair.
"""

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.ndimage import map_coordinates

from gans.core import Array, Keys
from gans.errors import UserError, unknown
from gans.ops import random

Augment = Callable[[Array, Keys, float | Array], Array]

LUMA = np.ones(3, np.float32) / np.sqrt(np.float32(3))  # the grey axis of RGB


def augmentation(names: str, shape: Sequence[int]) -> Augment:
    """One after the other those whose names stand between commas, such as 'color,translation,cutout'."""
    parts = []
    for name in names.split(','):
        if name not in AUGMENTS:
            raise unknown('augmentation', name, AUGMENTS)
        parts.append(AUGMENTS[name])
    if len(shape) != 3:
        raise UserError(f"'{names}' augments images, not points {tuple(shape)}: leave it off")
    if shape[0] != shape[1] and {'blit', 'geometric'} & set(names.split(',')):
        raise UserError(f"'{names}' turns images by 90 degrees, so they must be square, not {tuple(shape)}")

    def augment(x: Array, keys: Keys, p: float | Array) -> Array:
        for part, own in zip(parts, random.split(keys, len(parts)), strict=True):
            x = part(x, own, p)
        return x

    return augment


def _sometimes(keys: Keys, p: float | Array, new: Array, old: Array) -> Array:
    """Each example's new version with probability p; [B, ...]."""
    return jnp.where(random.uniform(keys, (1,) * (old.ndim - 1)) < p, new, old)


# DiffAugment


def color(x: Array, keys: Keys, p: float | Array) -> Array:
    """Brightness + U(-.5, .5); saturation x U(0, 2) around an example's grey; contrast x U(.5, 1.5) around its mean."""
    k_if, k_bright, k_saturate, k_contrast = random.split(keys, 4)
    number = lambda keys, low, high: random.uniform(keys, (1, 1, 1), low, high)
    new = x + number(k_bright, -0.5, 0.5)
    grey = new.mean(3, keepdims=True)
    new = grey + number(k_saturate, 0.0, 2.0) * (new - grey)
    mean = new.mean((1, 2, 3), keepdims=True)
    new = mean + number(k_contrast, 0.5, 1.5) * (new - mean)
    return _sometimes(k_if, p, new, x)


def translation(x: Array, keys: Keys, p: float | Array) -> Array:
    """By whole pixels, up to an eighth of each side, before a background of 0."""
    return _shift(x, keys, p, [_round(n / 8) for n in x.shape[1:3]], mirror=False)


def cutout(x: Array, keys: Keys, p: float | Array) -> Array:
    """A rectangle of half of each side is 0; its centre is anywhere in the image, so parts of it may be outside."""
    k_if, *k_axes = random.split(keys, 3)
    rows, columns = (_band(k, n) for k, n in zip(k_axes, x.shape[1:3], strict=True))
    hole = rows[:, :, None, None] & columns[:, None, :, None]
    return _sometimes(k_if, p, jnp.where(hole, 0.0, x), x)


def _band(keys: Keys, n: int) -> Array:
    """Which of n places lie in a stretch of n / 2 around a random one: bool [B, n]."""
    size = _round(n / 2)
    start = random.integers(keys, n + 1 - size % 2)[:, None] - size // 2
    places = jnp.arange(n)
    return (places >= start) & (places < start + size)


# Balanced consistency


def flip_shift(x: Array, keys: Keys, p: float | Array) -> Array:
    """Mirrored left to right half of the time, and moved by up to 4 pixels: CR-GAN's (Zhang 2020, 1910.12027)."""
    k_flip, k_shift = random.split(keys, 2)
    x = _sometimes(k_flip, 0.5 * p, x[:, :, ::-1], x)
    return _shift(x, k_shift, p, (4, 4), mirror=True)


# ADA


def blit(x: Array, keys: Keys, p: float | Array) -> Array:
    """Pixels that move whole: mirrored (half of the time), turned by 0 to 3 right angles, moved by up to an eighth."""
    k_flip, k_turn, k_quarter, k_shift = random.split(keys, 4)
    x = _sometimes(k_flip, 0.5 * p, x[:, :, ::-1], x)
    quarters = random.integers(k_quarter, 4)[:, None, None, None]
    turned = jnp.select([quarters == i for i in range(4)], [jnp.rot90(x, i, (1, 2)) for i in range(4)])
    x = _sometimes(k_turn, p, turned, x)
    return _shift(x, k_shift, p, [_round(n / 8) for n in x.shape[1:3]], mirror=True)


def geometric(x: Array, keys: Keys, p: float | Array) -> Array:
    """Scaled by 2^N(0, .2^2), turned by any angle, stretched by 2^N(0, .2^2) in one direction, turned, moved by N(0, 1)
    eighths of a side; either turn with probability 1 - sqrt(1 - p), so one of them with p.

    One bilinear interpolation of the mirrored image, at the end; the paper's filters that keep it from aliasing, on a
    grid of twice the resolution, are left out.
    """
    k_scale, k_turn, k_stretch, k_turn_again, k_move = random.split(keys, 5)
    once = 1 - jnp.sqrt(1 - jnp.clip(p, 0, 1))
    matrix = _scaling(k_scale, p, lambda s: (s, s))
    matrix = _rotation(k_turn, once) @ matrix
    matrix = _scaling(k_stretch, p, lambda s: (s, 1 / s)) @ matrix
    matrix = _rotation(k_turn_again, once) @ matrix
    k_if, k_by = random.split(k_move, 2)
    by = random.normal(k_by, (2,)) / 8 * jnp.array(x.shape[1:3])
    move = _sometimes(k_if, p, by, jnp.zeros_like(by))  # [B, 2]
    changed = (matrix != jnp.eye(2)).any((1, 2)) | (move != 0).any(1)
    return jnp.where(changed[:, None, None, None], affine(x, matrix, move), x)


def affine(x: Array, matrix: Array, move: Array) -> Array:
    """Images [B, H, W, C] whose contents at r from the centre go to matrix r + move; (rows, columns) in pixels.

    Bilinear, mirrored at the borders. matrix: [B, 2, 2], invertible; move: [B, 2].
    """
    height, width = x.shape[1:3]
    centre = jnp.array([(height - 1) / 2, (width - 1) / 2])
    places = jnp.stack(jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing='ij'), -1) - centre  # [H, W, 2]
    (a, b), (c, d) = (row.T for row in jnp.swapaxes(matrix, 0, 1))  # each [B]
    inverse = jnp.stack([jnp.stack([d, -b], -1), jnp.stack([-c, a], -1)], -2) / (a * d - b * c)[:, None, None]
    from_ = jnp.einsum('bij,bhwj->bihw', inverse, places - move[:, None, None], precision='highest')
    from_ += centre[:, None, None]
    one = lambda image, at: map_coordinates(image, at, order=1, mode='mirror')
    return jax.vmap(jax.vmap(one, (2, None), 2))(x, from_)


def lighting(x: Array, keys: Keys, p: float | Array) -> Array:
    """Brightness + N(0, .2^2); contrast x 2^N(0, .5^2); for RGB also the luma mirrored half of the time, the hue turned
    by any angle, saturation x 2^N(0, 1). Grey and other images have the first two (grey: as the paper's code, without
    the mirrored luma of RGB).
    """
    k_bright, k_contrast, k_luma, k_hue, k_saturate = random.split(keys, 5)
    normal = lambda keys: random.normal(keys, (1, 1, 1))
    x = _apply_sometimes(k_bright, p, lambda k: x + 0.2 * normal(k), x)
    x = _apply_sometimes(k_contrast, p, lambda k: x * 2 ** (0.5 * normal(k)), x)
    if x.shape[3] != 3:
        return x
    luma = lambda x: jnp.einsum('bhwc,c,d->bhwd', x, LUMA, LUMA, precision='highest')
    x = _sometimes(k_luma, 0.5 * p, x - 2 * luma(x), x)
    x = _apply_sometimes(k_hue, p, lambda k: _hue(x, random.uniform(k, (1, 1, 1), -np.pi, np.pi)), x)
    return _apply_sometimes(k_saturate, p, lambda k: luma(x) + 2 ** normal(k) * (x - luma(x)), x)


def _hue(x: Array, angle: Array) -> Array:
    """RGB turned around the grey axis n, by Rodrigues' formula: x cos + (n x x) sin + n (n . x)(1 - cos)."""
    across = jnp.cross(jnp.broadcast_to(jnp.asarray(LUMA), x.shape), x)
    along = jnp.sum(x * LUMA, 3, keepdims=True) * LUMA
    return x * jnp.cos(angle) + across * jnp.sin(angle) + along * (1 - jnp.cos(angle))


# Parts


def _apply_sometimes(keys: Keys, p: float | Array, change: Callable[[Keys], Array], x: Array) -> Array:
    k_if, k_how = random.split(keys, 2)
    return _sometimes(k_if, p, change(k_how), x)


def _scaling(keys: Keys, p: float | Array, axes: Callable[[Array], tuple[Array, Array]]) -> Array:
    """diag(axes(2^N(0, .2^2))) or the identity, [B, 2, 2]."""
    k_if, k_by = random.split(keys, 2)
    matrix = jax.vmap(jnp.diag)(jnp.stack(axes(2 ** (0.2 * random.normal(k_by, ()))), -1))
    return _sometimes(k_if, p, matrix, jnp.broadcast_to(jnp.eye(2), matrix.shape))


def _rotation(keys: Keys, p: float | Array) -> Array:
    """By any angle, or the identity, [B, 2, 2]."""
    k_if, k_by = random.split(keys, 2)
    angle = random.uniform(k_by, (), -np.pi, np.pi)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    matrix = jnp.stack([jnp.stack([cos, -sin], -1), jnp.stack([sin, cos], -1)], -2)
    return _sometimes(k_if, p, matrix, jnp.broadcast_to(jnp.eye(2), matrix.shape))


def _shift(x: Array, keys: Keys, p: float | Array, most: Sequence[int], mirror: bool) -> Array:
    """Moved down and to the right by whole pixels in [-most, most], with a background of 0 or of the mirrored image."""
    k_if, *k_axes = random.split(keys, 3)
    new = x
    for axis, (own, limit) in enumerate(zip(k_axes, most, strict=True), 1):
        n = x.shape[axis]
        index = jnp.arange(n) - (random.integers(own, 2 * limit + 1)[:, None] - limit)  # [B, n], where it comes from
        if mirror and n > 1:
            index = (n - 1) - jnp.abs((n - 1) - index % (2 * n - 2))  # 0 1 2 3 2 1 0 1 ...
        shape = [len(x), *(n if i == axis else 1 for i in range(1, 4))]
        moved = jnp.take_along_axis(new, jnp.clip(index, 0, n - 1).reshape(shape), axis)
        new = moved if mirror else jnp.where(((index >= 0) & (index < n)).reshape(shape), moved, 0.0)
    return _sometimes(k_if, p, new, x)


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
    """The probability after some real scores [B] (section 3.1 of ADA): p moves by `step` up or down, within [0, 1].

    It overfits where r, the mean sign of the scores of real examples, is above the target. r is that of the call
    before, which all devices know; it is the mean over them where memories are averaged, as they are after a step.

    Args:
      memory: {'p', 'r'}, float32 [].
      step: examples seen, as a share of those in which p could go from 0 to 1.
    """
    p = jnp.clip(memory['p'] + step * jnp.sign(memory['r'] - target), 0.0, 1.0)
    return {'p': p, 'r': jnp.sign(lax.stop_gradient(real_scores)).mean()}
