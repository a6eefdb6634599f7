"""Moments of channels and what they normalize, against numpy and flax's own layers."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gans.ops.moments import BatchNorm, InstanceNorm, average, spread

RNG = np.random.default_rng(0)
X = 3 * RNG.normal(size=(4, 6, 5, 7)).astype(np.float32) + 2
G = RNG.normal(size=X.shape).astype(np.float32)


@pytest.mark.parametrize('shape', [(6, 3), (2, 5, 3), X.shape, (2, 3, 4, 2, 3)])
def test_average_and_spread(shape: tuple[int, ...]) -> None:
    x, g, inner = RNG.normal(size=shape), RNG.normal(size=shape), tuple(range(1, len(shape) - 1))
    np.testing.assert_allclose(average(jnp.float32(x)), x.mean((0, *inner)), atol=1e-6)
    np.testing.assert_allclose(average(jnp.float32(x), examples=True), x.mean(inner) if inner else x, atol=1e-6)
    for vectors, axes in (x.mean((0, *inner)), (0, *inner)), (x.mean(inner) if inner else x, inner):
        wide, transpose = jax.vjp(lambda v: jnp.broadcast_to(spread(v, shape), shape), jnp.float32(vectors))
        want = vectors if vectors.ndim == 1 else vectors.reshape(len(x), *[1] * len(inner), -1)
        np.testing.assert_array_equal(wide, np.broadcast_to(np.float32(want), shape))
        np.testing.assert_allclose(transpose(jnp.float32(g))[0], g.sum(axes) if axes else g, atol=1e-5)


def flaxs(kind: str, dtype: jnp.dtype, scale: bool, shift: bool) -> nn.Module:
    options = {'epsilon': 1e-5, 'dtype': dtype, 'use_scale': scale, 'use_bias': shift}
    return nn.BatchNorm(False, momentum=0.9, **options) if kind == 'batch' else nn.InstanceNorm(**options)


@pytest.mark.parametrize('dtype', [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize(('scale', 'shift'), [(True, True), (True, False), (False, False)])
@pytest.mark.parametrize('kind', ['batch', 'instance'])
def test_norms_are_flaxs(kind: str, scale: bool, shift: bool, dtype: jnp.dtype) -> None:
    """Images, statistics, and gradients of everything."""
    options = dtype, nn.initializers.ones if scale else None, shift
    ours, given = (BatchNorm(*options, None), (True,)) if kind == 'batch' else (InstanceNorm(*options), ())
    theirs, x, g = flaxs(kind, dtype, scale, shift), jnp.asarray(X, dtype), jnp.asarray(G, dtype)

    def outcome(net: nn.Module, *given: bool) -> tuple:
        variables = net.init(jax.random.key(0), x, *given)
        params = jax.tree.map(lambda p: p + jnp.arange(7) / 7, variables.get('params', {}))
        rest = {name: held for name, held in variables.items() if name != 'params'}

        def apply(params: dict, x: jax.Array) -> tuple:
            return net.apply({'params': params, **rest}, x, *given, mutable=['batch_stats'])

        y, back, stats = jax.vjp(apply, params, x, has_aux=True)
        return params, y, stats, *back(g)

    found, want = (jax.jit(lambda case=case: outcome(*case))() for case in ((ours, *given), (theirs,)))
    assert jax.tree.map(lambda a: (a.shape, a.dtype), found) == jax.tree.map(lambda a: (a.shape, a.dtype), want)
    tolerance = 1e-4 if dtype == jnp.float32 else 5e-2
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance), found, want)


def test_on_a_cpu_no_columns_are_added_up() -> None:
    if jax.default_backend() != 'cpu':
        pytest.skip('sums are products on a CPU alone')
    net = BatchNorm(jnp.float32, nn.initializers.ones, True, None)
    variables = net.init(jax.random.key(0), X, True)
    loss = lambda variables, x: (net.apply(variables, x, True, mutable=['batch_stats'])[0] ** 2 * G).sum()
    compiled = jax.jit(jax.grad(loss, (0, 1))).lower(variables, X).compile().as_text()
    assert ' reduce(' not in compiled and 'reduce-window' not in compiled
