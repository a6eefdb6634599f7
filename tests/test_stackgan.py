"""StackGAN: conditioning augmentation, its nets and stages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gans.core import Compute
from gans.errors import UserError
from gans.losses import divergence
from gans.nets._augmentation import Augmentation


@pytest.mark.parametrize('form', ['leaky_relu', 'relu', 'glu'])
def test_what_is_told_is_drawn_around_the_sentence(form) -> None:
    """In the three published forms, by hand; the divergence is the mean over numbers of the authors' code."""
    draw = np.random.default_rng(0)
    sentences, noise = draw.normal(size=(5, 7)), draw.normal(size=(5, 3))
    module = Augmentation(Compute(), 3, form)
    params = module.init(jax.random.key(0), sentences, noise)
    told, mean, log_variance = module.apply(params, sentences, noise)
    kernel = np.asarray(params['params']['moments']['kernel'])
    x = sentences @ kernel
    if form == 'glu':
        assert kernel.shape == (7, 12)
        x = x[:, :6] / (1 + np.exp(-x[:, 6:]))
        mu, sigma = x[:, :3], np.exp(x[:, 3:] / 2)
    elif form == 'relu':
        mu, sigma = np.maximum(x[:, :3], 0), np.exp(np.maximum(x[:, 3:], 0) / 2)
        assert sigma.min() >= 1
    else:
        x = np.where(x > 0, x, 0.2 * x)
        mu, sigma = x[:, :3], np.exp(x[:, 3:])
    np.testing.assert_allclose(mean, mu, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(told, mu + sigma * noise, rtol=1e-4, atol=1e-5)
    wanted = np.mean(-np.log(sigma) + (sigma**2 + mu**2 - 1) / 2)
    np.testing.assert_allclose(divergence(mean, log_variance).mean() / 3, wanted, rtol=1e-4)


def test_a_form_that_there_is_not_is_told() -> None:
    with pytest.raises(UserError, match="form of conditioning augmentation 'gul'"):
        Augmentation(Compute(), 3, 'gul').init(jax.random.key(0), jnp.zeros((2, 7)), jnp.zeros((2, 3)))
