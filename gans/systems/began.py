"""BEGAN, the boundary equilibrium GAN (Berthelot 2017, 1703.10717): the critic is an autoencoder, its score an error.

With L(v) the mean absolute error of reconstructing v, the critic minimises L(x) - k L(G(z)), the generator L(G(z)), and
k in [0, 1] holds the balance L(G(z)) = gamma L(x) by proportional control (section 3.4).
"""

import jax.numpy as jnp
import ml_collections
import numpy as np

from gans.core import Array, Aux, Compute, Keys, Spec, System
from gans.parts import Scene, Term
from gans.systems import _energies
from gans.systems._players import Sides


def build(
    config: ml_collections.ConfigDict, spec: Spec, compute: Compute, *, gamma: float = 0.5, rate: float = 0.001
) -> System:
    """The critic's net is one with an `Autoencoder`.

    Args:
      gamma: the diversity ratio.
      rate: lambda_k, how fast k follows the balance.
    """

    def critic(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        # k is bounded where it is read, and advances elsewhere: so all micro-batches and devices read the same k, and
        # the mean of what they add to it is what the whole batch would add.
        k = jnp.clip(scene.state.memory['k'], 0.0, 1.0)
        real, fake = -scene.real_scores, -scene.fake_scores
        metrics = {'real_error': scene.mean(real), 'fake_error': scene.mean(fake), 'k': k}
        return real - k * fake, Aux(metrics, memory={'k': k})

    def generator(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        real, fake = -scene.real_scores.mean(), -scene.fake_scores.mean()
        imbalance = gamma * real - fake
        k = scene.state.memory['k'] + rate / config.train.micro * imbalance
        # M of the paper's section 3.4.1; with several devices the mean of theirs.
        return -scene.fake_scores, Aux({'convergence': real + jnp.abs(imbalance)}, memory={'k': k})

    own = Sides(Term(critic), Term(generator, real=True, memory={'k': np.float32(0.0)}))
    return _energies.build(config, spec, compute, jnp.abs, own)
