"""EBGAN, the energy-based GAN (Zhao 2017, 1609.03126): the critic is an autoencoder, and its error an energy.

The critic gives low energy E to real examples and pushes fake ones up to a margin m, the generator goes downhill
(eqs. 1 and 2). A repelling term, the pulling-away term of the encoder's codes, keeps its images apart (eq. 4).
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
    """The critic's net is one with an `Autoencoder`. An energy is the mean squared error of an example's numbers, so
    that margins mean the same for images of all sizes.

    Args:
      margin: m.
      pull_away: weight of the repelling term; None: there is none.
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
    """E(x) + max(0, m - E(G(z))) of each pair of energies, [B] (eq. 1)."""
    return real + jax.nn.relu(margin - fake)


def pulling_away(code: Array) -> Array:
    """The mean squared cosine of all pairs of different codes [B, d], B at least 2: 1 if all are alike, 0 if all are
    orthogonal (eq. 4). Of a batch that is cut, over devices or micro-batches, the pairs within the pieces.
    """
    check_batch('the pulling-away term', len(code))
    unit = code * jax.lax.rsqrt((code**2).sum(1, keepdims=True) + 1e-12)  # a code of zeros has no direction
    cosines = unit @ unit.T
    different = 1 - jnp.eye(len(code))
    return (cosines**2 * different).sum() / different.sum()
