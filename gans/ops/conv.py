"""Convolution and its transpose, with derivatives of every order that are fast on CPU.

A convolution has three bilinear forms, and the gradients of each are the other two (g is the cotangent):

    form            gradient of its first argument    of its second
    conv(x, w)      conv_t(g, w)                      wgrad(x, g)
    conv_t(y, w)    conv(g, w)                        wgrad(g, y)
    wgrad(x, y)     conv_t(y, g)                      conv(x, g)

Each is a `jax.custom_vjp` in terms of the others, so the set is closed: gradients of any order (WGAN-GP, R1) only run
these three. XLA's CPU backend is fast for plain convolutions, but up to a hundred times slower for the dilated ones
that autodiff produces. Here each form is implemented in ways that are fast: as plain convolutions, as matrix products,
and, for large layers, with fewer products (`gans/ops/winograd.py`).

Images are [B, H, W, C], kernels [kh, kw, C, F], as in `flax.linen`.
"""

import functools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from gans.ops import winograd
from gans.ops.geometry import Geometry, Pair

FORMS = ('auto', 'loop', 'lax', 'direct', 'matmul', 'winograd')
FEW = 7  # channels, fewer than a vector register of floats: XLA's convolutions cannot use it, while patches are small,
TAPS = 49  # unless a kernel has more than these
WINDOWS, WIDE = 256, 2**20  # windows of a batch, and weights: with fewer and more, patches are small beside the kernel
PIECES = 4  # convolutions that a grouped one is made of, at most: each costs time to compile
NHWC = ('NHWC', 'HWIO', 'NHWC')

Padding = str | Sequence[tuple[int, int]]


def conv(
    x: jax.Array, w: jax.Array, stride: int | Pair = 1, padding: Padding = 'SAME', form: str = 'auto', groups: int = 1
) -> jax.Array:
    """Convolves x [B, H, W, C] with w [kh, kw, C / groups, F] -> [B, H', W', F]; like `flax.linen.Conv` without a bias.

    Args:
      x: images.
      w: kernel, of the same dtype.
      stride: pixels, one number or (height, width).
      padding: 'SAME', 'VALID' or zeros added [(top, bottom), (left, right)], in pixels.
      form: 'lax' is `lax.conv_general_dilated` with its own derivatives: for GPU and TPU, and for forward mode, which
        the others do not support. 'direct' uses XLA's convolutions, fast on CPU. 'matmul' uses slices
        and matrix products. 'winograd' uses fewer products, for float32 and two or three taps per stride, else
        'matmul'; its rounding errors are about seven times larger. 'auto' is 'lax' except on CPU, where it is
        'winograd' if that saves much, else 'direct'. 'loop' is the same with 'matmul' for 'direct': for CPU in
        `lax.scan`, as chosen when direct weight gradients were slow there. Under `vmap` with one kernel per member
        products stay products, where a convolution becomes a grouped one.
      groups: of channels that follow each other; those of an output are convolved with those of its own group of x.

    Raises:
      ValueError: an unknown form or padding, or shapes that do not match.
    """
    form, stride, padding = _check('conv', x, w, stride, padding, form, groups)
    if form == 'lax':
        return lax.conv_general_dilated(x, w, stride, padding, dimension_numbers=NHWC, feature_group_count=groups)
    if groups > 1:
        return _grouped(x, w, stride, padding, form, groups)
    image, kernel = x.shape[1:3], w.shape[:2]
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(image, kernel, stride, padding)
    if stride == (1, 1) and w.shape[3] <= FEW < w.shape[2]:  # as a transposed convolution from many channels
        return conv_transpose(x, w, stride, padding, form)
    return _conv(geometry('conv', x.shape[0], image, w, stride, padding, form, False), x, w)


def conv_transpose(
    x: jax.Array, w: jax.Array, stride: int | Pair = 1, padding: Padding = 'SAME', form: str = 'auto'
) -> jax.Array:
    """Upsamples x [B, H, W, C] by w [kh, kw, C, F] -> [B, H', W', F]; `flax.linen.ConvTranspose` without a bias.

    As `lax.conv_transpose` with transpose_kernel=False: x is dilated by the stride, padded, and convolved with w.
    'SAME' gives H' = H * stride; explicit padding applies to the dilated x, [(top, bottom), (left, right)] in pixels.
    Other arguments and errors are those of `conv`.
    """
    form, stride, padding = _check('conv_transpose', x, w, stride, padding, form)
    if form == 'lax':
        return lax.conv_transpose(x, w, stride, padding)
    if isinstance(padding, str):
        padding = [transpose_pads(k, s, padding) for k, s in zip(w.shape[:2], stride, strict=True)]
    return _conv_t(transpose_geometry('conv_transpose', x.shape[0], x.shape[1:3], w, stride, padding, form), x, w)


def transpose_geometry(name, batch, small, w, stride, padding, form) -> Geometry:
    """Of a transposed convolution of `small` images: that of the convolution of large ones whose transpose it is."""
    sides = tuple(zip(small, w.shape[:2], stride, padding, strict=True))
    image = tuple((n - 1) * s + 2 - k + a + b for n, k, s, (a, b) in sides)
    pads = [(k - 1 - a, k - 1 - b) for _, k, _, (a, b) in sides]
    return geometry(name, batch, image, w, stride, pads, form, True)


def geometry(name, batch, image, w, stride, pads, form, flipped) -> Geometry:
    """The geometry of a convolution, with the method that is best for its sizes; w is [kh, kw, C, F]."""
    kernel = w.shape[:2]
    geo = Geometry(image, kernel, stride, tuple((int(a), int(b)) for a, b in pads), 'matmul', flipped)
    out = tuple(out for _, _, _, _, out, _ in geo.axes)
    if min(*image, *out) < 1:
        raise ValueError(f'{name}: kernel {kernel}, stride {stride} and padding leave {image} <-> {out} pixels')
    # With few channels, patches are small; with one tap or one window there are none: a matrix product is best.
    few = w.shape[3 if flipped else 2] <= FEW and math.prod(kernel) <= TAPS
    if few or kernel == (1, 1) or out == (1, 1) or form == 'matmul':
        return geo
    if form in ('auto', 'loop') and batch * math.prod(out) <= WINDOWS and w.size >= WIDE:
        return geo
    if winograd.applies(geo, w) and (form == 'winograd' or (form != 'direct' and winograd.saves(geo, batch, w))):
        return geo._replace(method='winograd')
    return geo._replace(method='direct' if form in ('auto', 'direct') else 'matmul')


def _grouped(x, w, stride, padding, form, groups):
    """A few plain convolutions, of several groups each with zeros between them in the kernel: XLA's CPU backend takes a
    hundred times longer for the gradients of grouped ones.
    """
    some = next(n for n in range(1, groups + 1) if groups % n == 0 and groups // n <= PIECES)  # groups of a piece
    kernels = w.reshape(*w.shape[:3], groups // some, some, -1)
    kernels = kernels[:, :, None] * jnp.eye(some, dtype=w.dtype).reshape(some, 1, 1, some, 1)
    kernels = kernels.reshape(*w.shape[:2], -1, groups // some, some * kernels.shape[-1])
    pieces, form = jnp.split(x, groups // some, 3), 'direct' if form == 'auto' else form
    return jnp.concatenate(
        [conv(piece, kernels[:, :, :, i], stride, padding, form) for i, piece in enumerate(pieces)], 3
    )


def _check(name, x, w, stride, padding, form, groups=1):
    if form not in FORMS:
        raise ValueError(f'{name}: unknown form {form!r}, choose from {", ".join(FORMS)}')
    if x.ndim != 4 or w.ndim != 4 or x.shape[3] != groups * w.shape[2]:
        raise ValueError(f'{name}: x {x.shape} must be [B, H, W, C] and w {w.shape} [kh, kw, C, F] with the same C')
    if w.shape[3] % groups:
        raise ValueError(f'{name}: {w.shape[3]} outputs cannot be divided into {groups} groups')
    if x.dtype != w.dtype:
        raise ValueError(f'{name}: x is {x.dtype} and w is {w.dtype}; cast one of them')
    if isinstance(padding, str) and padding not in ('SAME', 'VALID'):
        raise ValueError(
            f"{name}: unknown padding {padding!r}, choose 'SAME', 'VALID' or [(top, bottom), (left, right)]"
        )
    if form == 'auto' and jax.default_backend() != 'cpu':
        form = 'lax'
    return form, (stride, stride) if isinstance(stride, int) else tuple(stride), padding


def transpose_pads(k: int, s: int, padding: str) -> Pair:
    """The padding of the dilated input along one axis for 'SAME' and 'VALID', as in `lax.conv_transpose`."""
    if padding == 'VALID':
        return k - 1, k - 1 + max(s - k, 0)
    total = k + s - 2
    before = k - 1 if s > k - 1 else -(-total // 2)
    return before, total - before


# The closed set of forms: images x [B, H, W, C], outputs y [B, h, w, F], kernels w [kh, kw, C, F] or flipped ones.


def _flip(geo, w):
    """Converts between flipped and plain kernels, if they are flipped."""
    return w[::-1, ::-1].swapaxes(2, 3) if geo.flipped else w


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _conv(geo, x, w):
    """conv(x, w): [B, H, W, C], [kh, kw, C, F] -> [B, h, w, F]."""
    if geo.method == 'winograd':
        return winograd.conv(geo, x, w)
    w = _flip(geo, w)
    if geo.method == 'matmul':
        return _dot('bhwk,kf->bhwf', _patches(geo, x), w.reshape(-1, w.shape[3]))
    return lax.conv_general_dilated(x, w, geo.stride, geo.pads, dimension_numbers=NHWC)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _conv_t(geo, y, w):
    """conv's transpose in x: [B, h, w, F], [kh, kw, C, F] -> [B, H, W, C]."""
    if geo.method == 'winograd':
        return winograd.conv_t(geo, y, w)
    return (_spread if geo.method == 'matmul' else _phases)(geo, y, _flip(geo, w))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _wgrad(geo, x, y):
    """conv's transpose in w: [B, H, W, C], [B, h, w, F] -> [kh, kw, C, F]."""
    if geo.method == 'winograd':
        return winograd.wgrad(geo, x, y)
    if geo.method == 'matmul':  # of matrices: XLA would transpose operands with more dimensions
        patches, y = (a.reshape(-1, a.shape[3]) for a in (_patches(geo, x), y))
        return _flip(geo, _dot('nk,nf->kf', patches, y).reshape(*geo.kernel, x.shape[3], y.shape[1]))
    # Batch and channels change places, to sum over the batch. XLA's CPU backend would do that itself, but not in loops
    # and conditions, where other orders of dimensions take 50 times as long.
    x, y = x.transpose(3, 1, 2, 0), y.transpose(1, 2, 0, 3)
    pads = [(before, after) for _, _, _, before, _, after in geo.axes]
    w = lax.conv_general_dilated(x, y, (1, 1), pads, rhs_dilation=geo.stride, dimension_numbers=NHWC)
    return _flip(geo, w.transpose(1, 2, 0, 3))


def _close(form, first, second):
    # The multiplications by 1 vanish in compilation. They hide from JAX that the residuals are the arguments: in second
    # derivatives of a scan, jax 0.10 to 0.12 passes wrong arguments to the backward pass otherwise.
    def forward(geo, a, b):
        return form(geo, a, b), (a * 1, b * 1)

    def backward(geo, arguments, g):
        return first(geo, *arguments, g), second(geo, *arguments, g)

    form.defvjp(forward, backward)


_close(_conv, lambda geo, x, w, g: _conv_t(geo, g, w), lambda geo, x, w, g: _wgrad(geo, x, g))
_close(_conv_t, lambda geo, y, w, g: _conv(geo, g, w), lambda geo, y, w, g: _wgrad(geo, g, y))
_close(_wgrad, lambda geo, x, y, g: _conv_t(geo, y, g), lambda geo, x, y, g: _conv(geo, x, g))


# Implementations of the forms.


def _dot(equation, a, b):
    """An einsum that accumulates in float32 or better."""
    dtype = jnp.promote_types(a.dtype, jnp.float32)
    return jnp.einsum(equation, a, b, preferred_element_type=dtype).astype(a.dtype)


def _patches(geo, x):
    """x [B, H, W, C] -> the windows of the convolution, [B, h, w, kh * kw * C]."""
    (_, kh, sh, top, h, bottom), (_, kw, sw, left, w, right) = geo.axes
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), (top, bottom, 0), (left, right, 0), (0, 0, 0)])

    def tap(i, j):  # not x[:, i:...]: with that, and sums that begin at zeros, a step is a tenth more to trace
        end = x.shape[0], i + (h - 1) * sh + 1, j + (w - 1) * sw + 1, x.shape[3]
        return lax.slice(x, (0, i, j, 0), end, (1, sh, sw, 1))

    return jnp.concatenate([tap(i, j) for i in range(kh) for j in range(kw)], axis=-1)


def _phase(axis, a):
    """The source of the output pixels i = s * m + a of conv_t along one axis: kernel taps r, r + s, ... and padding.

    Pixel i gets tap k of the window at o if i + before = s * o + k, so with r = (a + before) % s the taps are
    k = r + s * j and the windows o = m + (a + before) // s - j: a stride-1 convolution of y with the taps reversed.
    """
    n, k, s, before, out, _ = axis
    shift, r = divmod(a + before, s)
    taps = len(range(r, k, s))
    low = taps - 1 - shift
    return r, taps, (low, -(-n // s) - out - low + taps - 1)


def _phases(geo, y, w):
    """conv_t as one stride-1 convolution per phase of the output."""
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
            else:  # stride larger than the kernel: no window covers these pixels
                parts.append(jnp.zeros((b, -(-height // sh), -(-width // sw), c), y.dtype))
    return _interleave(geo, parts)


def _spread(geo, y, w):
    """conv_t as one matrix product for the contribution of each window to each pixel, and shifted sums."""
    (height, _, sh, *_), (width, _, sw, *_) = rows, columns = tuple(geo.axes)
    contributions = _dot('bhwf,ijcf->bhwijc', y, w)
    zero = jnp.zeros((), y.dtype)
    parts = []
    for a in range(sh):
        r, n, (up, down) = _phase(rows, a)
        for q in range(sw):
            t, m, (left, right) = _phase(columns, q)
            moved = []
            for i in range(n):  # tap i of the reversed kernel reads y from i - up
                for j in range(m):
                    k, l = r + sh * (n - 1 - i), t + sw * (m - 1 - j)
                    start, end = (0, 0, 0, k, l, 0), (*y.shape[:3], k + 1, l + 1, w.shape[2])
                    contribution = lax.squeeze(lax.slice(contributions, start, end), (3, 4))
                    pads = [(0, 0, 0), (up - i, down - n + 1 + i, 0), (left - j, right - m + 1 + j, 0), (0, 0, 0)]
                    moved.append(lax.pad(contribution, zero, pads))
            nothing = y.shape[0], -(-height // sh), -(-width // sw), w.shape[2]
            parts.append(functools.reduce(lax.add, moved) if moved else jnp.zeros(nothing, y.dtype))
    return _interleave(geo, parts)


def _interleave(geo, parts):
    """s * s phases, each [B, ceil(H / s), ceil(W / s), C], -> [B, H, W, C]."""
    (height, width), (sh, sw) = geo.image, geo.stride
    if sh == sw == 1:
        return parts[0]
    b, m, n, c = parts[0].shape
    x = jnp.stack(parts, 3).reshape(b, m, n, sh, sw, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, sh * m, sw * n, c)[:, :height, :width]
