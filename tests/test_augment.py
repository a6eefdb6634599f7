"""Augmentations against numpy and scipy: pixels, colors, how often; none at p = 0; gradients; ADA's control of p."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, signal
from scipy.spatial.transform import Rotation

from gans import augment
from gans.errors import UserError
from gans.ops import random

SHAPE, COUNT = (12, 12, 3), 300
NAMES = sorted(augment.AUGMENTS)
X = np.random.default_rng(0).uniform(-1, 1, (COUNT, *SHAPE)).astype(np.float32)
KEYS = random.example_keys(jax.random.key(1), jnp.arange(COUNT))


@functools.cache
def compiled(names):
    return jax.jit(augment.augmentation(names, SHAPE))


@functools.cache
def at(names, p):
    return np.asarray(compiled(names)(X, KEYS, p))


def share(new):
    """Of the examples that are not what they were."""
    return (new != X[: len(new)]).any((1, 2, 3)).mean()


@pytest.mark.parametrize('name', NAMES)
def test_at_0_bits_stay_and_at_1_all_change(name):
    assert (at(name, 0.0) == X).all()
    still = {'translation': 1 / 25, 'flip_shift': 1 / 162, 'blit': 1 / 200}.get(name, 0.0)  # moved by nothing
    assert share(at(name, 1.0)) == pytest.approx(1 - still, abs=0.04)


@pytest.mark.parametrize('name', NAMES)
def test_an_example_has_its_own_key(name):
    """Whatever is around it, and in whatever place."""
    order = np.random.default_rng(2).permutation(COUNT)
    again = np.asarray(compiled(name)(X[order], KEYS[order], 0.6))
    np.testing.assert_allclose(again, at(name, 0.6)[order], atol=1e-6)
    two = compiled(name)(np.repeat(X[:1], COUNT, 0), KEYS, 0.6)
    assert len(np.unique(np.asarray(two).reshape(COUNT, -1), axis=0)) > 5


@pytest.mark.parametrize('name', NAMES)
def test_gradients(name):
    """All are affine in x, so that its change along v, seen along u, is v along the gradient."""
    rng = np.random.default_rng(3)
    v, u = (jnp.asarray(rng.normal(size=X.shape), jnp.float32)[:16] for _ in range(2))

    @jax.jit
    def both(x):
        f = lambda x: augment.augmentation(name, SHAPE)(x, KEYS[:16], 0.8)
        here, transposed = jax.vjp(f, x)
        return f(x + v) - here, transposed(u)[0]

    change, back = both(X[:16])
    per_example = lambda a, b: np.asarray((a * b).sum((1, 2, 3)))
    np.testing.assert_allclose(per_example(change, u), per_example(v, back), rtol=1e-3, atol=0.02)
    assert np.abs(back).max() > 0.1


# Pixels


def moved(image, down, right, mirror):
    """np.pad and a window: contents go down and to the right."""
    mode = {'mode': 'reflect'} if mirror else {}
    padded = np.pad(image, ((5, 5), (5, 5), (0, 0)), **mode)
    return padded[5 - down : 5 - down + len(image), 5 - right : 5 - right + image.shape[1]]


def which(image, candidates):
    """The names of those that are the image, to the bit (and -0 is 0)."""
    wanted = (image + 0).tobytes()
    return [name for name, candidate in candidates.items() if (candidate + 0).tobytes() == wanted]


@pytest.mark.parametrize('name, most, mirror', [('translation', 2, False), ('flip_shift', 4, True)])
def test_shifts(name, most, mirror):
    """Each example is one of the shifted ones; all shifts as often, by the chi-square of their counts."""
    found, span = [], range(-most, most + 1)
    for new, old in zip(at(name, 1.0), X, strict=True):
        flips = {'': old} | ({'flip': old[:, ::-1]} if name == 'flip_shift' else {})
        options = {(f, i, j): moved(image, i, j, mirror) for f, image in flips.items() for i in span for j in span}
        found += which(new, options)
    assert len(found) == COUNT
    for axis in (1, 2):
        counts = np.array([sum(f[axis] == i for f in found) for i in span])
        expected = COUNT / len(span)
        assert ((counts - expected) ** 2 / expected).sum() < 3.5 * len(span)
    if name == 'flip_shift':
        assert np.mean([f[0] == 'flip' for f in found]) == pytest.approx(0.5, abs=0.1)


def test_blit():
    """One of the 8 symmetries of the square, each as often, then a shift of the mirrored image; to the bit."""
    found = []
    for new, old in zip(at('blit', 1.0), X, strict=True):
        turned = {(flip, k): np.rot90(old[:, ::-1] if flip else old, k) for flip in (0, 1) for k in range(4)}
        span = range(-2, 3)
        found += which(
            new, {(s, i, j): moved(image, i, j, True) for s, image in turned.items() for i in span for j in span}
        )
    assert len(found) == COUNT
    counts = np.array([sum(f[0] == s for f in found) for s in {f[0] for f in found}])
    assert len(counts) == 8 and ((counts - COUNT / 8) ** 2 / (COUNT / 8)).sum() < 25


def test_cutout():
    """A hole of 6 x 6, cut by the border, around a center that is anywhere in 0, ..., 12: 13 places an axis."""
    lengths = []
    for new, old in zip(at('cutout', 1.0), X, strict=True):
        hole = (new != old).any(-1)
        rows, columns = hole.any(1), hole.any(0)
        assert np.array_equal(hole, np.outer(rows, columns)) and (new[hole] == 0).all()
        for line in (rows, columns):
            assert np.abs(np.diff(line.astype(int))).sum() <= 2  # one stretch
            lengths.append(line.sum())
    expected = [len(set(range(c - 3, c + 3)) & set(range(12))) for c in range(13)]
    assert set(lengths) <= set(expected) and max(lengths) == 6
    assert np.mean(lengths) == pytest.approx(np.mean(expected), abs=4 * np.std(expected) / np.sqrt(2 * COUNT))


# Geometry

AFFINE = jax.jit(augment.affine)


def enlarged(x: np.ndarray) -> np.ndarray:
    """One channel, mirrored by 9 pixels, at twice the size, by scipy."""
    taps = np.sqrt(2) * np.array(augment.SYM6)
    for axis in (0, 1):
        x = np.pad(x, [(9, 9) if axis == i else (0, 0) for i in (0, 1)], 'reflect')
        x = np.apply_along_axis(lambda row: signal.upfirdn(taps, row, 2)[5 : 5 + 2 * len(row)], axis, x)
    return x


def test_affine_is_that_of_scipy():
    """Filtered to twice the size, warped by scipy there, filtered back."""
    rng = np.random.default_rng(4)
    matrix = np.eye(2) + 0.4 * rng.normal(size=(8, 2, 2))
    move = rng.normal(size=(8, 2))
    found = AFFINE(X[:8], jnp.asarray(matrix, jnp.float32), jnp.asarray(move, jnp.float32))
    taps, center = np.array(augment.SYM6) / np.sqrt(2), np.array([5.5, 5.5])
    for i in range(8):
        back = np.linalg.inv(matrix[i])  # scipy asks where a pixel comes from
        offset = 2 * (back @ (-3 - center - move[i]) + center + 9)  # three pixels more on each side
        for c in range(3):
            fine = ndimage.affine_transform(enlarged(X[i, ..., c]), back, offset, (36, 36), order=1, mode='mirror')
            for axis in (0, 1):
                fine = np.apply_along_axis(lambda row: np.correlate(row, taps)[1::2][:12], axis, fine)
            np.testing.assert_allclose(found[i, ..., c], fine, atol=5e-4)


def test_the_filter_is_the_symlet_of_six_vanishing_moments():
    """Orthonormal to its shifts by two, so that up and down again is what was there."""
    taps = np.array(augment.SYM6)
    assert taps.sum() == pytest.approx(np.sqrt(2))
    shifted = [taps[2 * m :] @ taps[: len(taps) - 2 * m] for m in range(6)]
    np.testing.assert_allclose(shifted, [1, 0, 0, 0, 0, 0], atol=1e-9)
    signs, places = (-1.0) ** np.arange(12), np.arange(12) - 5.5
    np.testing.assert_allclose([(signs * places**j) @ taps for j in range(6)], np.zeros(6), atol=1e-7)


def test_moves_by_whole_pixels_are_exact():
    move = np.array([[2, -3]] * 8, np.float32)
    found = np.asarray(AFFINE(X[:8], np.repeat(np.eye(2, dtype=np.float32)[None], 8, 0), move))
    np.testing.assert_allclose(found[:, 2:, :-3], X[:8, :-2, 3:], atol=1e-5)
    np.testing.assert_allclose(
        found[:, :2], np.pad(X[:8], ((0, 0), (2, 0), (0, 3), (0, 0)), 'reflect')[:, :2, 3:], atol=1e-5
    )


def test_moves_by_half_a_pixel_keep_what_is_small():
    """Stripes three pixels wide, of which bilinear interpolation would leave half."""
    stripes = lambda places: np.broadcast_to(np.cos(2 * np.pi * places / 3), (48, 48))[None, :, :, None]
    move = np.array([[0, 0.5]], np.float32)
    found = AFFINE(stripes(np.arange(48.0)).astype(np.float32), np.eye(2, dtype=np.float32)[None], move)
    middle = np.s_[:, 8:-8, 8:-8]
    wanted = stripes(np.arange(48.0) - 0.5)
    left = (np.asarray(found) * wanted)[middle].sum() / (wanted**2)[middle].sum()
    assert 0.8 < left < 1


@pytest.mark.parametrize('quarters', [1, 2, 3])
def test_turned_by_right_angles(quarters):
    """Up to the filter's phase, which is nearly linear."""
    angle = np.pi / 2 * quarters
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    smooth = ndimage.gaussian_filter(X[:8], (0, 1, 1, 0), mode='mirror')
    found = AFFINE(smooth, np.repeat(matrix[None], 8, 0), jnp.zeros((8, 2)))
    np.testing.assert_allclose(found, np.rot90(smooth, quarters, (1, 2)), atol=0.05)


def test_undone_by_the_inverse():
    """Of a smooth image, in its middle, up to what interpolation costs."""
    places = np.linspace(-1, 1, 48)
    smooth = np.stack([np.add.outer(np.sin(2 * places), np.cos(c + places)) for c in range(3)], -1)[None].astype('f')
    matrix, move = np.array([[[0.9, 0.3], [-0.2, 1.1]]], np.float32), np.array([[1.3, -2.4]], np.float32)
    there = AFFINE(smooth, matrix, move)
    inverse = np.linalg.inv(matrix)
    back = AFFINE(there, inverse, -(inverse @ move[..., None])[..., 0])
    middle = np.s_[:, 14:-14, 14:-14]
    assert np.abs(np.asarray(back - smooth)[middle]).max() < 0.001 < np.abs(np.asarray(there - smooth)[middle]).max()


@pytest.mark.parametrize('p', [0.1, 0.3])
def test_how_often_geometry_changes(p):
    """Scale, stretch and move with p each; one of two turns with p: nothing with (1 - p)^4."""
    keys = random.example_keys(jax.random.key(6), jnp.arange(4000))
    x = np.random.default_rng(6).normal(size=(4000, 3, 3, 1)).astype(np.float32)
    new, chance = np.asarray(jax.jit(augment.geometric)(x, keys, p)), 1 - (1 - p) ** 4
    share = (new != x).any((1, 2, 3)).mean()
    assert share == pytest.approx(chance, abs=4 * np.sqrt(chance * (1 - chance) / 4000))


def test_scales_and_turns():
    keys = random.example_keys(jax.random.key(7), jnp.arange(4000))
    stretch = np.asarray(augment._scaling(keys, 1.0, lambda s: (s, 1 / s)))
    np.testing.assert_allclose(np.linalg.det(stretch), 1, rtol=1e-5)
    logs = np.log2(stretch[:, 0, 0])
    assert abs(logs.mean()) < 0.015 and logs.std() == pytest.approx(0.2, rel=0.05)
    turns = np.asarray(augment._rotation(keys, 1.0))
    np.testing.assert_allclose(turns @ np.swapaxes(turns, 1, 2), np.broadcast_to(np.eye(2), turns.shape), atol=1e-6)
    angles = np.arctan2(turns[:, 1, 0], turns[:, 0, 0])
    np.testing.assert_allclose(np.quantile(angles, [0.25, 0.5, 0.75]), [-np.pi / 2, 0, np.pi / 2], atol=0.15)


# Colors


def test_hue_is_a_rotation():
    angles = np.linspace(-3, 3, 8, dtype=np.float32)[:, None, None, None]
    found = augment._hue(X[:8], jnp.asarray(angles))
    for i in range(8):
        axis = Rotation.from_rotvec(angles[i].item() * np.ones(3) / np.sqrt(3))
        np.testing.assert_allclose(found[i], axis.apply(X[i].reshape(-1, 3)).reshape(SHAPE), atol=1e-5)
    np.testing.assert_allclose(augment._hue(found, -jnp.asarray(angles)), X[:8], atol=1e-5)


def fitted(name, p=1.0):
    """Of each example the matrix [3, 3] and shift [3] that takes its old colors to its new ones."""
    new, found = at(name, p), []
    for old, now in zip(X.reshape(COUNT, -1, 3), new.reshape(COUNT, -1, 3), strict=True):
        solution, residual, *_ = np.linalg.lstsq(np.c_[old, np.ones(len(old))], now, rcond=None)
        assert residual.max() < 1e-6
        found.append((solution[:3].T, solution[3]))
    return (np.stack(part) for part in zip(*found, strict=True))


def test_lighting():
    """Scale of the luma 2^N(0, .5^2), half of them mirrored; of the rest 2^N(0, .5^2 + 1); shift before them."""
    matrix, shift = fitted('lighting')
    luma = np.ones(3) / np.sqrt(3)
    along = np.einsum('bij,i,j->b', matrix, luma, luma)
    np.testing.assert_allclose(matrix @ luma, along[:, None] * luma, atol=1e-4)  # the grey axis stays
    assert (along < 0).mean() == pytest.approx(0.5, abs=0.1)
    logs = np.log2(np.abs(along))
    assert abs(logs.mean()) < 0.1 and logs.std() == pytest.approx(0.5, rel=0.15)
    rest = np.log2(np.abs(np.linalg.det(matrix) / along)) / 2
    assert abs(rest.mean()) < 0.2 and rest.std() == pytest.approx(np.sqrt(1.25), rel=0.15)
    assert (rest - logs).std() == pytest.approx(1, rel=0.15)
    before = (shift @ luma) / along / np.sqrt(3)
    assert abs(before.mean()) < 0.04 and before.std() == pytest.approx(0.2, rel=0.15)
    cos = (np.trace(matrix, axis1=1, axis2=2) - along) / 2 / 2**rest
    np.testing.assert_allclose([cos.mean(), (cos**2).mean()], [0, 0.5], atol=0.12)  # of a uniform angle


def test_lighting_of_grey_images():
    x = X[..., :1]
    found = np.asarray(augment.augmentation('lighting', (12, 12, 1))(x, KEYS, 1.0))
    slopes = [np.polyfit(old.ravel(), new.ravel(), 1) for old, new in zip(x, found, strict=True)]
    scale, shift = np.transpose(slopes)
    assert (scale > 0).all() and np.log2(scale).std() == pytest.approx(0.5, rel=0.15)
    assert (shift / scale).std() == pytest.approx(0.2, rel=0.15)


def test_color():
    """Undone in the reverse order: contrast around the mean, saturation around the grey, brightness."""
    for old, new in zip(X[:50], at('color', 1.0), strict=False):
        bright = new.mean() - old.mean()  # which neither of the others moves
        assert -0.5 <= bright < 0.5
        lit = old + bright
        grey = lit.mean(-1, keepdims=True)
        contrast = (new.mean(-1) - new.mean()).std() / (grey - lit.mean()).std()
        colors = (new - new.mean(-1, keepdims=True)).std() / (lit - grey).std() / contrast
        assert 0.5 <= contrast < 1.5 and 0 <= colors < 2
        saturated = grey + colors * (lit - grey)
        np.testing.assert_allclose(new, lit.mean() + contrast * (saturated - lit.mean()), atol=1e-5)
    shifts = at('color', 1.0).mean((1, 2, 3)) - X.mean((1, 2, 3))
    assert abs(shifts.mean()) < 0.06 and shifts.std() == pytest.approx(1 / np.sqrt(12), rel=0.1)


# Names, and ADA's control


def test_the_order_is_that_of_the_names():
    k_first, k_second = random.split(KEYS, 2)
    wanted = augment.cutout(augment.translation(X, k_first, 1.0), k_second, 1.0)
    np.testing.assert_array_equal(at('translation,cutout', 1.0), wanted)


def test_p_moves_towards_the_target():
    rng = np.random.default_rng(5)
    scores = rng.normal(size=(200, 8)) + np.where(np.arange(200) < 120, 2.0, -1.0)[:, None]
    p, r, memory, rows = 0.0, 0.0, {'p': jnp.float32(0), 'r': jnp.float32(0)}, []
    for batch in scores:
        p = np.clip(p + (0.01 if r > 0.6 else -0.01), 0, 1)
        r = np.sign(batch).mean()
        memory = augment.update_probability(memory, jnp.asarray(batch), 0.6, 0.01)
        assert float(memory['p']) == pytest.approx(p, abs=1e-5) and float(memory['r']) == pytest.approx(r)
        rows.append(p)
    assert 0.4 < max(rows) <= 1.0 and rows[-1] < max(rows) - 0.3


@pytest.mark.parametrize(
    'names, shape, said',
    [
        ('colour', SHAPE, "unknown augmentation 'colour'; did you mean 'color'"),
        ('color', (2,), r'images, not examples of shape \(2,\)'),
        ('color,blit', (8, 12, 3), r'square, not \(8, 12, 3\)'),
    ],
)
def test_mistakes(names, shape, said):
    with pytest.raises(UserError, match=said):
        augment.augmentation(names, shape)
