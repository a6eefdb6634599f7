"""BEGAN, the boundary equilibrium GAN (Berthelot 2017, 1703.10717): the critic is an autoencoder, its score an error.

With L(v) the mean absolute error of reconstructing v, the critic minimises L(x) - k L(G(z)), the generator L(G(z)), and
k in [0, 1] holds the balance L(G(z)) = gamma L(x) by proportional control (section 3.4).
"""

import jax.numpy as jnp
import ml_collections
import numpy as np

from gans.core import Array, Aux, Compute, Keys, Spec, System, TrainState, Tree
from gans.errors import UserError
from gans.nets import build as nets
from gans.systems.build import refuse, two_players
from gans.systems.gan import ema, make_latents


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute) -> System:
    """See `gans/defaults.py` for the keys of the config; here also `began.gamma`, the diversity ratio, and
    `began.rate`, lambda_k. The critic's net is one with an `Autoencoder`.

    Raises:
      UserError: options of the system 'gan' that this one does not have.
    """
    refuse(config)
    if 'began' not in config:
        raise UserError("system 'began' wants a section began in the config: gamma (such as 0.5) and rate (0.001)")
    generator = nets.generator(config.generator, spec, config.latents.size, compute)
    critic = nets.autoencoder(config.critic, spec, compute)
    latents = make_latents(config.latents)

    def sample(params: dict[str, Tree], stats: dict[str, Tree], z: Array) -> Array:
        return generator.apply(params['generator'], stats['generator'], z, train=False)[0]

    def fakes(params: dict[str, Tree], state: TrainState, keys: Keys) -> tuple[Array, Tree]:
        return generator.apply(params['generator'], state.stats['generator'], latents(keys), train=True)

    def error(params: dict[str, Tree], stats: Tree, x: Array) -> tuple[Array, Tree]:
        """L(x), and the critic's advanced statistics."""
        copy, stats = critic.apply(params['critic'], stats, x, train=True)
        return jnp.abs(x - copy).mean(), stats

    def critic_loss(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> tuple[Array, Aux]:
        # k is bounded where it is read, and advances elsewhere: so all micro-batches and devices read the same k, and
        # the mean of what they add to it is what the whole batch would add.
        k = jnp.clip(state.memory['k'], 0.0, 1.0)
        real, stats = error(params, state.stats['critic'], batch['real'])
        fake, stats = error(params, stats, fakes(params, state, keys)[0])
        metrics = {'real_error': real, 'fake_error': fake, 'k': k}
        return real - k * fake, Aux(metrics, {'critic': stats}, {'k': k})

    def generator_loss(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> tuple[Array, Aux]:
        fake_images, stats = fakes(params, state, keys)
        fake, _ = error(params, state.stats['critic'], fake_images)
        real, _ = error(params, state.stats['critic'], batch['real'])
        imbalance = config.began.gamma * real - fake
        k = state.memory['k'] + config.began.rate / config.train.micro * imbalance
        # M of the paper's section 3.4.1; with several devices the mean of theirs.
        return fake, Aux({'convergence': real + jnp.abs(imbalance)}, {'generator': stats}, {'k': k})

    return two_players(
        config,
        {'generator': generator, 'critic': critic},
        critic_loss,
        generator_loss,
        latents=latents,
        sample=sample,
        ema=ema(config.ema),
        memory={'k': np.float32(0.0)},
    )
