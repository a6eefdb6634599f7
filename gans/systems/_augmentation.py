"""What systems share whose generators are told sentences through conditioning augmentation, layer 'augmentation'."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gans.core import Array, Aux, Compute, Keys, Params, Tree
from gans.losses import divergence
from gans.nets._augmentation import Augmentation
from gans.nets.build import from_linen
from gans.parts import Scene, Term

# (params by net, sentences [B, d]) -> (means, log-variances), [B, size] each
Moments = Callable[[Params, Array], tuple[Array, Array]]


def moments_of(compute: Compute, features: int, size: int, form: str, name: str = 'generator') -> Moments:
    """Makes the function that gives the moments of sentences of so many features, by the parameters of the generator
    of that name.
    """
    like = [jax.ShapeDtypeStruct((2, n), jnp.float32) for n in (features, size)]
    net = from_linen(Augmentation(compute, size, form), *like)

    def moments(params: Params, sentences: Array) -> tuple[Array, Array]:
        noise = jnp.zeros((len(sentences), size))
        (_, mean, log_variance), _ = net.apply(params[name]['augmentation'], {}, sentences, noise, train=True)
        return mean, log_variance

    return moments


def divergence_term(moments: Moments, sentence: Callable[[Params, Tree], Array], weight: float | Array) -> Term:
    """The divergence of what the generator is told from N(0, I), as a mean over its numbers (1612.03242, eq. 2, as the
    authors' code has it). sentence: (params, inputs of the pair) -> [B, d].
    """

    def value(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        mean, log_variance = moments(scene.params, sentence(scene.params, scene.inputs))
        return divergence(mean, log_variance) / mean.shape[1], Aux()

    return Term(value, weight)
