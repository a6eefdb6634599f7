"""Randomness by example: the very numbers of jax.random, key by key."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gans.ops import random

KEYS = jax.random.split(jax.random.key(3), 64)


def same(ours, theirs):
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    if jnp.issubdtype(ours.dtype, jax.dtypes.prng_key):
        ours, theirs = jax.random.key_data(ours), jax.random.key_data(theirs)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize('shape', [(), (1,), (3,), (5, 4, 3)])
@pytest.mark.parametrize('jit', [False, True])
def test_numbers_are_those_of_jax(shape, jit):
    wrap = jax.jit if jit else lambda f: f
    uniform = lambda key: jax.random.uniform(key, shape, minval=-2.0, maxval=3.0)
    same(wrap(lambda keys: random.uniform(keys, shape, -2.0, 3.0))(KEYS), wrap(jax.vmap(uniform))(KEYS))
    normal = lambda key: jax.random.normal(key, shape)
    same(wrap(lambda keys: random.normal(keys, shape))(KEYS), wrap(jax.vmap(normal))(KEYS))


def test_keys_are_those_of_jax():
    theirs = jax.vmap(lambda key: jax.random.split(key, 3))(KEYS)
    for i, ours in enumerate(random.split(KEYS, 3)):
        same(ours, theirs[:, i])
    places = jnp.array([0, 1, 7, 2**31, 2**32 - 1], jnp.uint32)
    same(random.example_keys(KEYS[0], places), jax.vmap(jax.random.fold_in, (None, 0))(KEYS[0], places))
    same(random.example_keys(KEYS[0], np.arange(5)), jax.vmap(jax.random.fold_in, (None, 0))(KEYS[0], np.arange(5)))


def test_mapped_over_runs():
    """A population's keys [M, B] give each member what it draws alone."""
    keys = KEYS.reshape(4, 16)
    draw = lambda keys: random.normal(random.split(keys, 2)[1], (3,))
    mapped = jax.vmap(draw)(keys)
    for i in range(4):
        same(mapped[i], draw(keys[i]))


def test_integers_are_even():
    keys = jax.random.split(jax.random.key(0), 100_000)
    drawn = np.asarray(random.integers(keys, 7))
    assert drawn.dtype == np.int32 and drawn.min() == 0 and drawn.max() == 6
    expected, counts = len(drawn) / 7, np.bincount(drawn)
    chi_squared = ((counts - expected) ** 2 / expected).sum()  # 6 degrees of freedom: mean 6, standard deviation 3.5
    assert chi_squared < 22.5  # 0.1 %


def test_pairs_of_fresh_keys_compile():
    """Two normals for each of many new keys: as one kernel, jax 0.12 on CPU would compile this for ever."""
    draw = lambda key: random.normal(random.example_keys(key, jnp.arange(16)), (2,))
    theirs = jax.vmap(lambda i: jax.random.normal(jax.random.fold_in(KEYS[0], i), (2,)))(jnp.arange(16))
    same(jax.jit(draw)(KEYS[0]), theirs)
