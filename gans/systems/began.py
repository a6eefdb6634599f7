"""BEGAN, the boundary equilibrium GAN (Berthelot 2017, 1703.10717): the critic is an autoencoder, and scores are
reconstruction errors.

With L(v) the mean absolute error of reconstructing v, the critic minimizes L(x) - k L(G(z)), the generator L(G(z)), and
k in [0, 1] maintains the balance L(G(z)) = gamma L(x) by proportional control (section 3.4).
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
    """critic.net must be a net with an `Autoencoder`.

    Args:
      gamma: the diversity ratio.
      rate: lambda_k, the gain of the control of k.
    """

    def critic(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        # k is clipped here and updated in the generator's loss: all micro-batches and devices read the same k, and the
        # mean of their updates is that of the whole batch.
        k = jnp.clip(scene.state.memory['k'], 0.0, 1.0)
        real, fake = -scene.real_scores, -scene.fake_scores
        metrics = {'real_error': scene.mean(real), 'fake_error': scene.mean(fake), 'k': k}
        return real - k * fake, Aux(metrics, memory={'k': k})

    def generator(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        real, fake = -scene.real_scores.mean(), -scene.fake_scores.mean()
        imbalance = gamma * real - fake
        k = scene.state.memory['k'] + rate / config.train.micro * imbalance
        # M of the paper's section 3.4.1; averaged over devices.
        return -scene.fake_scores, Aux({'convergence': real + jnp.abs(imbalance)}, memory={'k': k})

    own = Sides(Term(critic), Term(generator, real=True, memory={'k': np.float32(0.0)}))
    return _energies.build(config, spec, compute, jnp.abs, own)
