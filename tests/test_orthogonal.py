"""Orthogonal regularization against numpy."""

import jax
import numpy as np
import pytest

from gans.parts import Scene
from gans.penalties import overlaps
from gans.terms import orthogonal


@pytest.mark.parametrize('shape', [(3, 3, 2, 5), (4, 7), (6, 6)])
def test_overlaps_and_their_gradient_against_numpy(shape):
    """|W W^T o (1 - I)|^2 has the gradient 4 (W W^T o (1 - I)) W, of which BigGAN-PyTorch takes half."""
    kernel = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    filters = kernel.reshape(-1, shape[-1]).T  # W [outputs, inputs]
    products = filters @ filters.T * (1 - np.eye(len(filters)))
    value, gradient = jax.value_and_grad(overlaps)(kernel)
    np.testing.assert_allclose(value, (products**2).sum(), rtol=1e-4)
    np.testing.assert_allclose(gradient, 4 * (products @ filters).T.reshape(shape), rtol=1e-3, atol=1e-4)


def test_the_term_spares_embeddings_and_vectors_and_is_of_its_own_pair():
    same = np.ones((2, 2), np.float32)  # two filters whose product is 2, so 4 twice
    layers = {'dense': {'kernel': same, 'bias': same[0]}, 'embedding': {'kernel': same}, 'norm': {'scale': same[0]}}
    params = {'generator': layers, 'generator_a': {'one': layers, 'other': layers}, 'critic': layers}
    scene = Scene(None, None, None, params=params)
    assert orthogonal(name='orthogonal').value(scene, None)[0] == 8
    assert orthogonal(name='orthogonal_a').value(scene, None)[0] == 16
    assert (orthogonal(name='orthogonal').role, orthogonal(name='orthogonal').weight) == ('generator', 1e-4)
