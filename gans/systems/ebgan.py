"""EBGAN, the energy-based GAN (Zhao 2017, 1609.03126): the critic is an autoencoder, and its error an energy.

The critic gives low energy E to real examples and pushes fake ones up to a margin m, the generator goes downhill
(eqs. 1 and 2). A repelling term, the pulling-away term of the encoder's codes, keeps its images apart (eq. 4).
"""

import jax
import jax.numpy as jnp
import ml_collections

from gans.core import Array, Aux, Compute, Keys, Spec, System, TrainState, Tree
from gans.errors import UserError
from gans.nets import build as nets
from gans.ops.several import several
from gans.systems.build import refuse, two_players
from gans.systems.gan import ema, make_latents


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute) -> System:
    """See `gans/defaults.py` for the keys of the config; here also `ebgan.margin`, and `ebgan.pull_away`, the
    weight of the repelling term, or None. The critic's net is one with an `Autoencoder`.

    An energy is the mean squared error of an example's numbers, so that margins mean the same for images of all sizes.

    Raises:
      UserError: options of the system 'gan' that this one does not have.
    """
    refuse(config)
    if 'ebgan' not in config:
        raise UserError("system 'ebgan' wants a section ebgan in the config: margin (such as 1.0) and pull_away (0.1)")
    generator = nets.generator(config.generator, spec, config.latents.size, compute)
    critic = nets.autoencoder(config.critic, spec, compute)
    latents = make_latents(config.latents)

    def sample(params: dict[str, Tree], stats: dict[str, Tree], z: Array) -> Array:
        return generator.apply(params['generator'], stats['generator'], z, train=False)[0]

    def fakes(params: dict[str, Tree], state: TrainState, keys: Keys) -> tuple[Array, Tree]:
        return generator.apply(params['generator'], state.stats['generator'], latents(keys), train=True)

    def judged(params: dict[str, Tree], stats: Tree, x: Array) -> tuple[Array, Array, Tree]:
        """Energies [B], codes [B, d], and the critic's advanced statistics."""
        (copy, code), stats = critic.apply(params['critic'], stats, x, train=True, features=True)
        return ((x - copy) ** 2).mean(tuple(range(1, x.ndim))), code, stats

    def critic_loss(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> tuple[Array, Aux]:
        real, _, stats = judged(params, state.stats['critic'], batch['real'])
        fake, _, stats = judged(params, stats, fakes(params, state, keys)[0])
        metrics = {'real_energy': real.mean(), 'fake_energy': fake.mean()}
        return margin_loss(real, fake, config.ebgan.margin).mean(), Aux(metrics, {'critic': stats})

    def generator_loss(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> tuple[Array, Aux]:
        fake, stats = fakes(params, state, keys)
        energy, code, _ = judged(params, state.stats['critic'], fake)
        loss, metrics = energy.mean(), {}
        if config.ebgan.pull_away is not None:
            metrics['pulling_away'] = pulling_away(code)
            loss += config.ebgan.pull_away * metrics['pulling_away']
        return loss, Aux(metrics, {'generator': stats})

    return two_players(
        config,
        {'generator': generator, 'critic': critic},
        critic_loss,
        generator_loss,
        latents=latents,
        sample=sample,
        ema=ema(config.ema),
    )


def margin_loss(real: Array, fake: Array, margin: float | Array) -> Array:
    """E(x) + max(0, m - E(G(z))) of each pair of energies, [B] (eq. 1)."""
    return real + jax.nn.relu(margin - fake)


def pulling_away(code: Array) -> Array:
    """The mean squared cosine of all pairs of different codes [B, d], B at least 2: 1 if all are alike, 0 if all are
    orthogonal (eq. 4). Of a batch that is cut, over devices or micro-batches, the pairs within the pieces.
    """
    several('the pulling-away term', len(code))
    unit = code * jax.lax.rsqrt((code**2).sum(1, keepdims=True) + 1e-12)  # a code of zeros has no direction
    cosines = unit @ unit.T
    different = 1 - jnp.eye(len(code))
    return (cosines**2 * different).sum() / different.sum()
