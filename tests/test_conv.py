import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gans.ops.conv import conv, conv_transpose, geometry

NHWC = ('NHWC', 'HWIO', 'NHWC')


def lax_conv(x, w, stride=1, padding='SAME'):
    return lax.conv_general_dilated(x, w, (stride, stride), padding, dimension_numbers=NHWC)


def lax_conv_transpose(x, w, stride=1, padding='SAME'):
    return lax.conv_transpose(x, w, (stride, stride), padding)


REFERENCE = {conv: lax_conv, conv_transpose: lax_conv_transpose}
OPS = pytest.mark.parametrize('op', [conv, conv_transpose])
FORMS = pytest.mark.parametrize('form', ['direct', 'matmul', 'winograd'])


def arrays(*shapes, dtype=np.float32):
    rng = np.random.default_rng(sum(map(sum, shapes)))
    return [jnp.asarray(rng.normal(size=shape), dtype) for shape in shapes]


def all_orders(op, x, w):
    """Value, first and second derivatives in x and w, where the nonlinearities mix every pair of arguments."""

    def loss(x, w):
        y = op(x, w)
        weight = 1 + jnp.arange(y.size, dtype=y.dtype).reshape(y.shape) % 7
        return jnp.sum(jnp.sin(y) * weight), y

    def penalty(x, w):
        (by_x, by_w), y = jax.grad(loss, (0, 1), has_aux=True)(x, w)
        return jnp.sum(jnp.sin(by_x)) + jnp.sum(jnp.sin(by_w)), (y, by_x, by_w)

    return jax.grad(penalty, (0, 1), has_aux=True)(x, w)


def assert_same(op, x, w, *args, forms=('direct', 'matmul'), wrap=lambda f: f, tolerance=1e-9):
    ops = [lambda x, w: REFERENCE[op](x, w, *args)]
    ops += [lambda x, w, form=form: op(x, w, *args, form=form) for form in forms]
    # Compiled without optimisations, which takes a third of the time and changes no operation.
    fast = {'xla_backend_optimization_level': 0, 'xla_llvm_disable_expensive_passes': True}
    want, *results = jax.jit(lambda x, w: [all_orders(wrap(op), x, w) for op in ops], compiler_options=fast)(x, w)
    for form, got in zip(forms, results, strict=True):
        for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b).max(), err_msg=form)


@pytest.fixture
def float64():
    with jax.enable_x64(True):
        yield


# kernel, stride, padding, image. Odd and even of each, a trailing remainder, a stride beyond the kernel, cut borders.
CASES = [
    ((4, 4), 2, [(1, 1), (1, 1)], (8, 6)),
    ((3, 3), 1, 'SAME', (5, 6)),
    ((3, 3), 2, 'VALID', (8, 7)),
    ((1, 1), 1, 'SAME', (4, 5)),
    ((1, 2), 3, 'SAME', (7, 5)),
    ((2, 3), 1, 'VALID', (4, 3)),
    ((4, 4), 1, 'VALID', (4, 4)),
    ((5, 6), 2, [(0, 3), (2, 1)], (6, 9)),
    ((7, 7), 1, 'SAME', (6, 4)),
    ((7, 5), 3, 'SAME', (11, 10)),
    ((3, 3), 2, [(-1, 0), (1, -1)], (9, 8)),
]


@OPS
@pytest.mark.parametrize(('kernel', 'stride', 'padding', 'image'), CASES)
def test_equals_lax_to_second_order(float64, op, kernel, stride, padding, image):
    # More channels than conv.FEW on both sides: with fewer, 'direct' computes as 'matmul'.
    x, w = arrays((2, *image, 9), (*kernel, 9, 10), dtype=np.float64)
    assert_same(op, x, w, stride, padding)


# Two taps and three, tiles of two outputs and of four, a last tile that is not whole, cut borders.
@OPS
@pytest.mark.parametrize('case', [10, 11, 12])
def test_fewer_products(float64, op, case):
    more = [((4, 4), 2, 'SAME', (14, 16)), ((3, 3), 1, [(0, 2), (1, 1)], (6, 8))]
    kernel, stride, padding, image = [*CASES, *more][case]
    x, w = arrays((2, *image, 9), (*kernel, 9, 10), dtype=np.float64)
    assert_same(op, x, w, stride, padding, forms=['winograd'])


@OPS
@pytest.mark.parametrize(('channels', 'features'), [(2, 9), (9, 2)])
@pytest.mark.parametrize(('kernel', 'stride'), [(3, 1), (4, 2)])
def test_few_channels(float64, op, channels, features, kernel, stride):
    x, w = arrays((1, 6, 5, channels), (kernel, kernel, channels, features), dtype=np.float64)
    assert_same(op, x, w, stride, forms=['direct'])


@OPS
def test_in_a_scan(float64, op):
    x, w = arrays((2, 6, 4, 9), (3, 3, 9, 9), dtype=np.float64)

    def twice(f):
        return lambda x, w: lax.scan(lambda x, _: (jnp.tanh(f(x, w)), None), x, None, length=2)[0]

    assert_same(op, x, w, wrap=twice)


@OPS
@pytest.mark.parametrize('axes', [(0, None), (None, 0), (0, 0)])
def test_under_vmap(float64, op, axes):
    members = [(3,) if axis == 0 else () for axis in axes]
    x, w = arrays((*members[0], 2, 5, 4, 9), (*members[1], 4, 4, 9, 9), dtype=np.float64)
    assert_same(op, x, w, 2, wrap=lambda f: jax.vmap(f, axes))


def primitives(jaxpr):
    for eqn in jaxpr.eqns:
        yield eqn.primitive.name
        for sub in eqn.params.values():
            sub = getattr(sub, 'jaxpr', sub)
            if hasattr(sub, 'eqns'):
                yield from primitives(sub)


@OPS
def test_matmul_never_convolves(op):
    x, w = arrays((3, 2, 8, 8, 9), (3, 4, 4, 9, 9))

    def names(form):
        members = jax.vmap(lambda x, w: op(x, w, 2, form=form))
        return set(primitives(jax.make_jaxpr(lambda x, w: all_orders(members, x, w))(x, w).jaxpr))

    assert 'conv_general_dilated' in names('direct')
    for form in ('matmul', 'winograd', 'loop'):
        assert 'conv_general_dilated' not in names(form) and 'dot_general' in names(form)


@FORMS
@OPS
def test_bfloat16(op, form):
    x, w = arrays((2, 8, 8, 16), (4, 4, 16, 16), dtype=jnp.bfloat16)

    def loss(op, *args):
        return lambda x, w: jnp.sum(op(x, w, 2, *args).astype(jnp.float32) ** 2)

    got = jax.jit(jax.grad(loss(op, 'SAME', form), (0, 1)))(x, w)
    want = jax.jit(jax.grad(loss(REFERENCE[op]), (0, 1)))(np.asarray(x, np.float32), np.asarray(w, np.float32))
    assert jax.eval_shape(lambda x, w: op(x, w, 2, form=form), x, w).dtype == jnp.bfloat16
    for a, b in zip(got, want, strict=True):
        assert a.dtype == jnp.bfloat16
        assert np.linalg.norm(np.asarray(a, np.float32) - b) / np.linalg.norm(b) < 0.01


@FORMS
def test_untouched_pixels_get_no_gradient(form):
    x, w = arrays((1, 8, 8, 9), (3, 3, 9, 9))
    loss = lambda x: jnp.sum(conv(x, w, 2, 'VALID', form) ** 2)
    slope = np.asarray(jax.jit(jax.grad(loss))(x))  # windows end at pixel 6
    assert not slope[:, 7].any() and not slope[:, :, 7].any()
    assert np.abs(slope[:, :7, :7]).min() > 0


@OPS
@pytest.mark.parametrize(
    ('kernel', 'channels', 'chosen'),
    [(4, 16, ('winograd', 'winograd')), (3, 16, ('direct', 'matmul')), (4, 12, ('direct', 'matmul'))],
)
def test_chosen_on_cpu(op, kernel, channels, chosen):
    shapes = (50 * channels, 16, 16, channels), (kernel, kernel, channels, channels)
    arrays = [jax.ShapeDtypeStruct(shape, np.float32) for shape in shapes]
    traced = {
        form: str(jax.make_jaxpr(lambda x, w, form=form: op(x, w, 2, form=form))(*arrays))
        for form in ('auto', 'loop', 'winograd', 'direct', 'matmul')
    }
    assert len({traced[form] for form in ('winograd', 'direct', 'matmul')}) == 3
    assert (traced['auto'], traced['loop']) == tuple(traced[form] for form in chosen)


@pytest.mark.parametrize(
    ('image', 'kernel', 'chosen'),
    [((2, 8, 8, 256), (4, 4, 256, 256), 'matmul'), ((4, 32, 32, 64), (4, 4, 64, 192), 'direct')],
)
def test_where_kernels_are_large_beside_the_images_they_are_not_transformed(image, kernel, chosen):
    """32 windows of a million weights; 64 tiles."""
    x, w = arrays(image, kernel)
    np.testing.assert_array_equal(conv(x, w, 2), conv(x, w, 2, form=chosen))


def test_few_channels_become_patches_unless_taps_are_many():
    """The first layers of SRGAN, of a critic of 3 x 3, and those of a narrow StyleGAN2."""

    def method(taps, channels):
        kernel, pads = jnp.zeros((taps, taps, channels, 64)), [(taps // 2,) * 2] * 2
        return geometry('conv', 1, (24, 24), kernel, (1, 1), pads, 'auto', False).method

    chosen = {(9, 3): 'direct', (7, 3): 'matmul', (3, 7): 'matmul', (3, 8): 'direct'}
    assert {case: method(*case) for case in chosen} == chosen


def test_fewer_products_round_no_worse():
    x, w = arrays((4, 16, 16, 32), (3, 3, 32, 32))
    with jax.enable_x64(True):
        exact = conv(x.astype(jnp.float64), w.astype(jnp.float64), form='matmul')
    exact = np.asarray(exact)
    error = lambda form: np.linalg.norm(np.asarray(conv(x, w, form=form)) - exact) / np.linalg.norm(exact)
    assert error('matmul') < 1e-6 and error('winograd') < 1e-5


@OPS
def test_forward_mode(op):
    x, w = arrays((1, 6, 6, 9), (4, 4, 9, 9))
    np.testing.assert_array_equal(op(x, w, (2, 2), form='lax'), REFERENCE[op](x, w, 2))
    y, dy = jax.jvp(lambda x: op(x, w, 2, form='lax'), (x,), (x,))
    np.testing.assert_allclose(y, dy, rtol=1e-5, atol=1e-5)


@OPS
def test_equals_linen(op):
    nn = pytest.importorskip('flax.linen')
    x, w = arrays((2, 6, 6, 9), (4, 4, 9, 10))
    layer = {conv: nn.Conv, conv_transpose: nn.ConvTranspose}[op](10, (4, 4), (2, 2), padding='SAME', use_bias=False)
    np.testing.assert_allclose(op(x, w, 2), layer.apply({'params': {'kernel': w}}, x), rtol=1e-4, atol=1e-4)


@OPS
def test_errors(op):
    x, w = arrays((1, 4, 4, 3), (3, 3, 3, 5))
    with pytest.raises(ValueError, match=r"unknown form 'fast'.*auto, loop, lax, direct, matmul, winograd"):
        op(x, w, form='fast')
    with pytest.raises(ValueError, match=r'\(1, 4, 4, 3\).*\(3, 3, 4, 5\)'):
        op(x, jnp.zeros((3, 3, 4, 5)))
    with pytest.raises(ValueError, match='\\[B, H, W, C\\]'):
        op(x[0], w)
    with pytest.raises(ValueError, match=r'float32.*bfloat16'):
        op(x, w.astype(jnp.bfloat16))
    with pytest.raises(ValueError, match="unknown padding 'FULL'"):
        op(x, w, padding='FULL')
    with pytest.raises(ValueError, match='leave'):
        op(x, w, padding=[(-4, -4), (0, 0)], form='direct')
