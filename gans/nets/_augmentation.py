"""Conditioning augmentation (Zhang 2017, StackGAN, 1612.03242, section 3.2.1): what a generator is told of a sentence
is drawn from a Gaussian around it, so that a few captions fill the space that they are points of.
"""

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import unknown
from gans.ops.layers import Dense, Initializer

# What is made of the layer's numbers, and what the second half of them is. 'leaky_relu': log sigma (StackGAN's code in
# TensorFlow). 'relu': the log-variance, with means of at least 0 and sigmas of at least 1 (the one in PyTorch). 'glu':
# the log-variance of either sign (StackGAN v2, AttnGAN).
FORMS = ('leaky_relu', 'relu', 'glu')


class Augmentation(nn.Module):
    """Sentences [B, d] and normal noise [B, size] -> (what a generator is told, means, log-variances), [B, size] each,
    float32: told = mean + sigma noise. UserError for a form that is none of `FORMS`.
    """

    compute: Compute
    size: int = 128
    form: str = 'glu'
    kernel_init: Initializer = nn.linear.default_kernel_init

    batchwise = False

    @nn.compact
    def __call__(self, sentences: Array, noise: Array, train: bool = True) -> tuple[Array, Array, Array]:
        if self.form not in FORMS:
            raise unknown('form of conditioning augmentation', self.form, FORMS)
        numbers = (4 if self.form == 'glu' else 2) * self.size
        dense = Dense(numbers, self.compute, kernel_init=self.kernel_init, name='moments')
        x = dense(sentences, train).astype(jnp.float32)
        act = {'leaky_relu': lambda x: nn.leaky_relu(x, 0.2), 'relu': nn.relu, 'glu': nn.glu}[self.form]
        mean, spread = jnp.split(act(x), 2, 1)
        log_variance = 2 * spread if self.form == 'leaky_relu' else spread
        return mean + jnp.exp(log_variance / 2) * noise, mean, log_variance
