"""The generator that draws parameters: as good as random, and the same for one key or many."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from gans.ops.splitmix import cheap

COUNT = 4096


def keys(num: int) -> list[jax.Array]:
    return [cheap(jax.random.key(seed)) for seed in range(num)]


def test_numbers_are_those_of_whole_numbers_in_python() -> None:
    """As the docstring defines them."""

    def mix(x: int) -> int:
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
            x = (x ^ (x >> shift)) * factor % 2**32
        return x

    key = cheap(jax.random.key(2**31 - 7))
    a, b = (int(word) for word in jax.random.key_data(key))
    wanted = [mix(mix((0x9E3779B9 * n + a) % 2**32) ^ b) for n in range(6)]
    np.testing.assert_array_equal(jax.random.bits(key, (2, 3)), np.reshape(wanted, (2, 3)).astype(np.uint32))


def test_normal_numbers_are_normal_and_those_of_different_keys_independent() -> None:
    for some in (
        keys(60),
        list(jax.random.split(keys(1)[0], 60)),
        [jax.random.fold_in(keys(1)[0], i) for i in range(60)],
    ):
        drawn = np.stack([jax.random.normal(key, (COUNT,)) for key in some])
        assert stats.kstest([stats.kstest(row, 'norm').pvalue for row in drawn], 'uniform').pvalue > 0.001
        apart = np.corrcoef(drawn)[np.triu_indices(60, 1)] * np.sqrt(COUNT)
        assert stats.kstest(apart, 'norm').pvalue > 0.001
        near = [(drawn[:, lag:] * drawn[:, :-lag]).mean() * np.sqrt(drawn.size) for lag in (1, 2, 3, 64)]
        assert np.abs(near).max() < 4


def test_each_bit_of_a_key_turns_half_of_all_bits_over() -> None:
    key = keys(1)[0]
    words, impl = np.asarray(jax.random.key_data(key)), jax.random.key_impl(key)
    bits = lambda words: np.asarray(jax.random.bits(jax.random.wrap_key_data(jnp.asarray(words), impl=impl), (COUNT,)))
    for word, place in np.ndindex(2, 32):
        other = words ^ np.where(np.arange(2) == word, np.uint32(1 << place), np.uint32(0))
        turned = np.unpackbits((bits(words) ^ bits(other)).view(np.uint8)).mean()
        assert abs(turned - 0.5) < 0.02, (word, place)


def test_many_keys_draw_what_each_draws() -> None:
    many = jnp.stack(keys(3))
    draw = lambda key: jax.random.truncated_normal(jax.random.fold_in(key, 5), -2, 2, (7,))
    np.testing.assert_array_equal(jax.vmap(draw)(many), np.stack([draw(key) for key in keys(3)]))
