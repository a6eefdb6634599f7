"""EBGAN, the energy-based GAN (Zhao 2017, 1609.03126): the critic is an autoencoder, and its reconstruction error an
energy.

The critic assigns low energy E to real examples and pushes that of fakes up to a margin m; the generator minimizes the
energy of fakes (eqs. 1 and 2). The pulling-away term keeps the codes of different fakes apart (eq. 4).
"""

import jax
import jax.numpy as jnp
import ml_collections

from gans.core import Array, Aux, Compute, Keys, Spec, System
from gans.ops.batch_check import check_batch
from gans.parts import Scene, Term
from gans.systems import _energies
from gans.systems._players import Sides


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    *,
    margin: float = 1.0,
    pull_away: float | None = 0.1,
) -> System:
    """critic.net must be a net with an `Autoencoder`. Energies are mean squared errors, so that margins do not depend
    on the size of images.

    Args:
      margin: m.
      pull_away: weight of the pulling-away term; None turns it off.
    """

    def critic(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        real, fake = -scene.real_scores, -scene.fake_scores
        metrics = {'real_energy': scene.mean(real), 'fake_energy': scene.mean(fake)}
        return margin_loss(real, fake, margin), Aux(metrics)

    def generator(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        return -scene.fake_scores, Aux()

    def repel(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        return pulling_away(scene.fake_features), Aux()

    terms = {} if pull_away is None else {'pulling_away': Term(repel, pull_away, features=True)}
    return _energies.build(config, spec, compute, jnp.square, Sides(Term(critic), Term(generator)), terms)


def margin_loss(real: Array, fake: Array, margin: float | Array) -> Array:
    """E(x) + max(0, m - E(G(z))) per pair of energies, [B] (eq. 1)."""
    return real + jax.nn.relu(margin - fake)


def pulling_away(code: Array) -> Array:
    """Mean squared cosine similarity over all pairs of different codes [B, d], B at least 2: 1 if all are parallel, 0
    if all are orthogonal (eq. 4). Devices and micro-batches see the pairs within their own part of the batch.
    """
    check_batch('the pulling-away term', len(code))
    unit = code * jax.lax.rsqrt((code**2).sum(1, keepdims=True) + 1e-12)  # an all-zero code has no direction
    cosines = unit @ unit.T
    different = 1 - jnp.eye(len(code))
    return (cosines**2 * different).sum() / different.sum()
