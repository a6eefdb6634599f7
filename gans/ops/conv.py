"""Convolution and its transpose, with derivatives of every order that are fast on CPU.

A convolution has three bilinear forms, and each one's derivatives are the other two (g is the cotangent):

    form            derivative in its first argument    in its second
    conv(x, w)      conv_t(g, w)                        wgrad(x, g)
    conv_t(y, w)    conv(g, w)                          wgrad(g, y)
    wgrad(x, y)     conv_t(y, g)                        conv(x, g)

Each is a `jax.custom_vjp` in terms of the others, so the set is closed: a gradient, and the gradient of a gradient
(WGAN-GP, R1), only ever run these three. XLA's CPU backend is fast for plain convolutions and slow, at times a hundred
times slower, for the dilated ones that autodiff makes of them; here each form is written the ways that are fast: as
plain convolutions, as matrix products, and as fewer products (`gans/ops/winograd.py`), where layers are large.

Images are [B, H, W, C], kernels [kh, kw, C, F], both exactly as `flax.linen` has them.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gans.ops import winograd

FORMS = ('auto', 'loop', 'lax', 'direct', 'matmul', 'winograd')
FEW = 8  # channels: at or below, patches are small and XLA's convolutions gain nothing
NHWC = ('NHWC', 'HWIO', 'NHWC')
SWAPPED = ('CHWN', 'IHWO', 'HWNC')  # batch and channels exchanged: what sums over the batch

Pair = tuple[int, int]
Padding = str | Sequence[tuple[int, int]]


class Geometry(NamedTuple):
    """All that is static about one convolution, each a (height, width) pair. `image` is the size of its input."""

    image: Pair
    kernel: Pair
    stride: Pair
    pads: tuple[Pair, Pair]
    way: str  # 'direct', 'matmul' or 'winograd'
    flipped: bool  # kernels are [kh, kw, F, C] and upside down, as transposed convolutions have them

    @property
    def axes(self) -> Iterator[tuple[int, int, int, int, int, int]]:
        """(size, kernel, stride, pad before, output size, pad after that the last window really reaches) of each axis.

        The last is smaller than the padding asked for (negative, where it cuts) if windows stop short of the end.
        """
        for n, k, s, (before, after) in zip(self.image, self.kernel, self.stride, self.pads, strict=True):
            out = (n + before + after - k) // s + 1
            yield n, k, s, before, out, (out - 1) * s + k - n - before


def conv(
    x: jax.Array, w: jax.Array, stride: int | Pair = 1, padding: Padding = 'SAME', form: str = 'auto'
) -> jax.Array:
    """Convolves x [B, H, W, C] with w [kh, kw, C, F] -> [B, H', W', F]; what `flax.linen.Conv` computes without a bias.

    Args:
      x: images.
      w: kernel, of the same dtype.
      stride: pixels, one number or (height, width).
      padding: 'SAME', 'VALID' or zeros added [(top, bottom), (left, right)], in pixels.
      form: 'lax' is `lax.conv_general_dilated` with its own derivatives: for GPU and TPU, and for forward mode, which
        the others lack. 'direct' is XLA's convolutions, fast on CPU outside of loops. 'matmul' is slices and matrix
        products. 'winograd' is fewer products, in float32 where a stride has two or three taps, else 'matmul'; its
        rounding errors are some seven times larger. 'auto' is 'lax' except on CPU, where it is 'winograd' if that saves
        much, else 'direct'. 'loop' is the same with 'matmul' for 'direct': for CPU in `lax.scan`, where XLA's
        convolutions are slow, and under `vmap` with one kernel a member, where products become batched ones, not a
        grouped convolution.

    Raises:
      ValueError: for an unknown form or padding, and for shapes that do not fit.
    """
    form, stride, padding = _check('conv', x, w, stride, padding, form)
    if form == 'lax':
        return lax.conv_general_dilated(x, w, stride, padding, dimension_numbers=NHWC)
    image, kernel = x.shape[1:3], w.shape[:2]
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(image, kernel, stride, padding)
    if stride == (1, 1) and w.shape[3] <= FEW < w.shape[2]:  # the same map, seen as an image made from many channels
        return conv_transpose(x, w, stride, padding, form)
    return _conv(_geometry('conv', x.shape[0], image, w, stride, padding, form, False), x, w)


def conv_transpose(
    x: jax.Array, w: jax.Array, stride: int | Pair = 1, padding: Padding = 'SAME', form: str = 'auto'
) -> jax.Array:
    """Upsamples x [B, H, W, C] by w [kh, kw, C, F] -> [B, H', W', F]; `flax.linen.ConvTranspose` without a bias.

    As `lax.conv_transpose` with transpose_kernel=False: x is dilated by the stride, padded, and convolved with w.
    'SAME' gives H' = H * stride; explicit padding is of the dilated x, [(top, bottom), (left, right)] in pixels.
    The other arguments and errors are `conv`'s.
    """
    form, stride, padding = _check('conv_transpose', x, w, stride, padding, form)
    if form == 'lax':
        return lax.conv_transpose(x, w, stride, padding)
    kernel = w.shape[:2]
    if isinstance(padding, str):
        padding = [_transpose_pads(k, s, padding) for k, s in zip(kernel, stride, strict=True)]
    # The same map, read backwards: the transpose of a convolution of images of the size that comes out.
    sides = tuple(zip(x.shape[1:3], kernel, stride, padding, strict=True))
    image = tuple((n - 1) * s + 2 - k + a + b for n, k, s, (a, b) in sides)
    pads = [(k - 1 - a, k - 1 - b) for _, k, _, (a, b) in sides]
    return _conv_t(_geometry('conv_transpose', x.shape[0], image, w, stride, pads, form, True), x, w)


def _geometry(name, batch, image, w, stride, pads, form, flipped):
    kernel = w.shape[:2]
    geo = Geometry(image, kernel, stride, tuple((int(a), int(b)) for a, b in pads), 'matmul', flipped)
    out = tuple(out for _, _, _, _, out, _ in geo.axes)
    if min(*image, *out) < 1:
        raise ValueError(f'{name}: kernel {kernel}, stride {stride} and padding leave {image} <-> {out} pixels')
    # With few channels patches are small, and with one tap or one window there are none: a matrix product wins.
    if w.shape[3 if flipped else 2] <= FEW or kernel == (1, 1) or out == (1, 1) or form == 'matmul':
        return geo
    if winograd.applies(geo, w) and (form == 'winograd' or (form != 'direct' and winograd.saves(geo, batch, w))):
        return geo._replace(way='winograd')
    return geo._replace(way='direct' if form in ('auto', 'direct') else 'matmul')


def _check(name, x, w, stride, padding, form):
    if form not in FORMS:
        raise ValueError(f'{name}: unknown form {form!r}, choose from {", ".join(FORMS)}')
    if x.ndim != 4 or w.ndim != 4 or x.shape[3] != w.shape[2]:
        raise ValueError(f'{name}: x {x.shape} is to be [B, H, W, C] and w {w.shape} [kh, kw, C, F] with the same C')
    if x.dtype != w.dtype:
        raise ValueError(f'{name}: x is {x.dtype} and w is {w.dtype}; cast one of them')
    if isinstance(padding, str) and padding not in ('SAME', 'VALID'):
        raise ValueError(
            f"{name}: unknown padding {padding!r}, choose 'SAME', 'VALID' or [(top, bottom), (left, right)]"
        )
    if form == 'auto' and jax.default_backend() != 'cpu':
        form = 'lax'
    return form, (stride, stride) if isinstance(stride, int) else tuple(stride), padding


def _transpose_pads(k, s, padding):
    """`lax.conv_transpose`'s reading of 'SAME' and 'VALID': the padding of the dilated input along one axis."""
    if padding == 'VALID':
        return k - 1, k - 1 + max(s - k, 0)
    total = k + s - 2
    before = k - 1 if s > k - 1 else -(-total // 2)
    return before, total - before


# The closed set. Images x [B, H, W, C], outputs y [B, h, w, F], kernels w [kh, kw, C, F], or flipped ones.


def _flip(geo, w):
    """A flipped kernel as a plain one, or a plain one as a flipped one."""
    return w[::-1, ::-1].swapaxes(2, 3) if geo.flipped else w


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _conv(geo, x, w):
    """conv(x, w): [B, H, W, C], [kh, kw, C, F] -> [B, h, w, F]."""
    if geo.way == 'winograd':
        return winograd.conv(geo, x, w)
    w = _flip(geo, w)
    if geo.way == 'matmul':
        return _dot('bhwk,kf->bhwf', _patches(geo, x), w.reshape(-1, w.shape[3]))
    return lax.conv_general_dilated(x, w, geo.stride, geo.pads, dimension_numbers=NHWC)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _conv_t(geo, y, w):
    """conv's transpose in x: [B, h, w, F], [kh, kw, C, F] -> [B, H, W, C]."""
    if geo.way == 'winograd':
        return winograd.conv_t(geo, y, w)
    return (_spread if geo.way == 'matmul' else _phases)(geo, y, _flip(geo, w))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _wgrad(geo, x, y):
    """conv's transpose in w: [B, H, W, C], [B, h, w, F] -> [kh, kw, C, F]."""
    if geo.way == 'winograd':
        return winograd.wgrad(geo, x, y)
    if geo.way == 'matmul':  # of matrices: what has more dimensions XLA would first transpose
        patches, y = (a.reshape(-1, a.shape[3]) for a in (_patches(geo, x), y))
        return _flip(geo, _dot('nk,nf->kf', patches, y).reshape(*geo.kernel, x.shape[3], y.shape[1]))
    pads = [(before, after) for _, _, _, before, _, after in geo.axes]
    return _flip(geo, lax.conv_general_dilated(x, y, (1, 1), pads, rhs_dilation=geo.stride, dimension_numbers=SWAPPED))


def _close(form, first, second):
    # The products with 1 cost nothing once compiled. They hide from JAX that the residuals are the arguments: in the
    # second derivative of a scan, jax 0.10 to 0.12 hands the backward pass the wrong arguments in their place.
    def forward(geo, a, b):
        return form(geo, a, b), (a * 1, b * 1)

    def backward(geo, arguments, g):
        return first(geo, *arguments, g), second(geo, *arguments, g)

    form.defvjp(forward, backward)


_close(_conv, lambda geo, x, w, g: _conv_t(geo, g, w), lambda geo, x, w, g: _wgrad(geo, x, g))
_close(_conv_t, lambda geo, y, w, g: _conv(geo, g, w), lambda geo, y, w, g: _wgrad(geo, g, y))
_close(_wgrad, lambda geo, x, y, g: _conv_t(geo, y, g), lambda geo, x, y, g: _conv(geo, x, g))


# How the forms are computed.


def _dot(equation, a, b):
    """einsum that sums in float32 at least."""
    dtype = jnp.promote_types(a.dtype, jnp.float32)
    return jnp.einsum(equation, a, b, preferred_element_type=dtype).astype(a.dtype)


def _patches(geo, x):
    """x [B, H, W, C] -> the windows that conv sees, [B, h, w, kh * kw * C]."""
    (_, kh, sh, top, h, bottom), (_, kw, sw, left, w, right) = geo.axes
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), (top, bottom, 0), (left, right, 0), (0, 0, 0)])
    taps = [x[:, i : i + (h - 1) * sh + 1 : sh, j : j + (w - 1) * sw + 1 : sw] for i in range(kh) for j in range(kw)]
    return jnp.concatenate(taps, axis=-1)


def _phase(axis, a):
    """Where the output pixels i = s * m + a of conv_t along one axis come from: kernel taps r, r + s, ... and padding.

    Pixel i takes tap k of the window at o where i + before = s * o + k, so with r = (a + before) % s the taps are
    k = r + s * j and the windows o = m + (a + before) // s - j: a stride-1 convolution of y with the taps reversed.
    """
    n, k, s, before, out, _ = axis
    shift, r = divmod(a + before, s)
    taps = len(range(r, k, s))
    low = taps - 1 - shift
    return r, taps, (low, -(-n // s) - out - low + taps - 1)


def _phases(geo, y, w):
    """conv_t as one stride-1 convolution for each of the stride's phases of the output."""
    (height, _, sh, *_), (width, _, sw, *_) = rows, columns = tuple(geo.axes)
    b, c = y.shape[0], w.shape[2]
    parts = []
    for a in range(sh):
        r, n, pad_h = _phase(rows, a)
        for q in range(sw):
            t, m, pad_w = _phase(columns, q)
            if n and m:
                part = w[r::sh, t::sw][::-1, ::-1].swapaxes(2, 3)
                parts.append(lax.conv_general_dilated(y, part, (1, 1), (pad_h, pad_w), dimension_numbers=NHWC))
            else:  # a stride beyond the kernel: no window touches these pixels
                parts.append(jnp.zeros((b, -(-height // sh), -(-width // sw), c), y.dtype))
    return _interleave(geo, parts)


def _spread(geo, y, w):
    """conv_t as one matrix product, each window's share of each pixel, and shifted sums."""
    (height, _, sh, *_), (width, _, sw, *_) = rows, columns = tuple(geo.axes)
    shares = _dot('bhwf,ijcf->bhwijc', y, w)
    zero = jnp.zeros((), y.dtype)
    parts = []
    for a in range(sh):
        r, n, (up, down) = _phase(rows, a)
        for q in range(sw):
            t, m, (left, right) = _phase(columns, q)
            part = jnp.zeros((y.shape[0], -(-height // sh), -(-width // sw), w.shape[2]), y.dtype)
            for i in range(n):  # tap i of the reversed kernel reads y from i - up on
                for j in range(m):
                    share = shares[:, :, :, r + sh * (n - 1 - i), t + sw * (m - 1 - j)]
                    part += lax.pad(
                        share,
                        zero,
                        [(0, 0, 0), (up - i, down - n + 1 + i, 0), (left - j, right - m + 1 + j, 0), (0, 0, 0)],
                    )
            parts.append(part)
    return _interleave(geo, parts)


def _interleave(geo, parts):
    """s * s phases, each [B, ceil(H / s), ceil(W / s), C], -> [B, H, W, C]."""
    (height, width), (sh, sw) = geo.image, geo.stride
    if sh == sw == 1:
        return parts[0]
    b, m, n, c = parts[0].shape
    x = jnp.stack(parts, 3).reshape(b, m, n, sh, sw, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, sh * m, sw * n, c)[:, :height, :width]
