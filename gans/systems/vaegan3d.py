"""3D-VAE-GAN (Wu 2016, 1610.07584, section 3.3): shapes from pictures, by a VAE whose decoder is a GAN's generator.

An encoder makes of a picture y the mean and the log-variance of the latents of its shape x. In each step the critic
learns x from G(z), z of the prior; the encoder takes a step down kl KL(q(z | y) || N(0, I)) + reconstruction
|G(E(y)) - x|^2; and the generator one down its game + reconstruction |G(E(y)) - x|^2. Norms are sums over latents and
voxels and means over examples: the paper's 5 and 1e-4 are of these, as far as its text, which has no squares, says.
"""

import jax.numpy as jnp
import ml_collections

from gans import kinds, optimizers
from gans.core import Array, Aux, Batch, Compute, Keys, Params, Player, Sampler, Spec, System, TrainState, Tree, Update
from gans.errors import UserError
from gans.latents import make_latents
from gans.losses import divergence
from gans.nets import build as nets
from gans.ops import random
from gans.optimizers import ema
from gans.parts import Pair, Scene, Term
from gans.systems._players import make_generate, pack_spec, refuse, two_players


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    *,
    kl: float = 5.0,
    reconstruction: float = 1e-4,
    encoder_width: int = 64,
    encoder_rate: float = 3e-4,
) -> System:
    """The keys are those of the system 'gan'; the encoder has the generator's optimizer at a rate of its own.

    Args:
      kl: weight of the divergence in the encoder's loss.
      reconstruction: weight of the squared error of voxels in the encoder's and the generator's.
      encoder_width: channels of the encoder's first convolution.
      encoder_rate: its learning rate, which the paper does not tell; that of a re-implementation.

    The main sampler makes shapes of held-out pictures, by the mean of their latents; 'prior' makes them of the prior.

    Raises:
      UserError: examples without a picture as their 'source'; latents that are not normal; labels.
    """
    for role in ('generator', 'critic'):
        refuse(config, f'{role}.condition', 'pictures are what it is told')
    if config.latents.distribution != 'normal':
        raise UserError(f"latents.distribution='{config.latents.distribution}' is not the prior of system 'vaegan3d',"
                        ' which is normal: leave it off')  # fmt: skip
    size, source = config.latents.size, _source(spec)
    latents = make_latents(config.latents)
    encoder = nets.encoder(source, 2 * size, encoder_width, compute)
    generator = nets.generator(config.generator, spec, size, compute)
    critic = nets.critic(config.critic, pack_spec(spec, config.pack), compute)
    generate = make_generate(generator, lambda inputs: (inputs['z'],))

    def encode(params: Params, state: TrainState, pictures: Array, train: bool) -> tuple[Array, Array, Params]:
        """Means and log-variances, [B, size] each, and advanced statistics by net."""
        found, stats = encoder.apply(params['encoder'], state.stats['encoder'], pictures, train=train)
        return *jnp.split(found, 2, 1), {'encoder': stats}

    def error(params: Params, state: TrainState, z: Array, batch: Batch) -> Array:
        """The squared error of each example's voxels, [B]."""
        made, _ = generate(params, state, {'z': z}, True)
        return jnp.square(made - batch['real']).sum((1, 2, 3, 4))

    def draw(mean: Array, log_variance: Array, keys: Keys) -> Array:
        return mean + jnp.exp(log_variance / 2) * random.normal(keys, (size,))

    def rebuilt(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        """For the generator, which does not move the encoder."""
        mean, log_variance, _ = encode(scene.params, scene.state, scene.batch['source'], True)
        keys = jnp.repeat(keys, len(scene.batch['source']) // len(keys), total_repeat_length=len(scene.batch['source']))
        z = draw(mean, log_variance, random.fold(keys, 'posterior'))
        return error(scene.params, scene.state, z, scene.batch).mean(), Aux()

    def encoder_loss(params: Params, state: TrainState, batch: Batch, keys: Keys) -> tuple[Array, Aux]:
        mean, log_variance, stats = encode(params, state, batch['source'], True)
        apart = divergence(mean, log_variance).mean()
        off = error(params, state, draw(mean, log_variance, keys), batch).mean()
        return kl * apart + reconstruction * off, Aux({'divergence': apart, 'reconstruction': off}, stats)

    pair = Pair(
        spec,
        generate,
        critic,
        inputs=lambda batch, keys: {'z': latents(keys)},
        generator_terms={'reconstruction': Term(rebuilt, reconstruction)},
        pack=config.pack,
    )

    def make(state: TrainState, inputs: Tree) -> Array:
        mean, _, _ = encode(state.params, state, inputs['source'], False)
        return generate(state.params, state, {'z': mean}, False)[0]

    shapes = Sampler(lambda batch, keys: {'source': batch['source']}, make, target='real')
    system = two_players(
        config,
        [pair],
        {'generator': generator, 'critic': critic, 'encoder': encoder},
        samplers={'samples': shapes, 'prior': pair.sampler(about='made of latents of the prior')},
        headline=('divergence', 'reconstruction'),
        ema=ema(config.ema),
    )
    if system.ema is not None:
        system = system._replace(ema=system.ema._replace(nets=(*system.ema.nets, 'encoder')))
    update = Update('encoder', 'encoder', encoder_loss, micro=config.train.micro)
    own = config.optimizer.generator.copy_and_resolve_references()
    with own.ignore_type():
        own.learning_rate = encoder_rate
    rate = optimizers.rate(own, 'generator')
    rates = {} if rate is None else {'encoder': rate}
    return system._replace(
        players={**system.players, 'encoder': Player(('encoder',), optimizers.build(own, 'generator', ()), rates)},
        updates=(*(each for each in system.updates if each.player == 'critic'), update,
                 *(each for each in system.updates if each.player != 'critic')),
    )  # fmt: skip


def _source(spec: Spec) -> Spec:
    source = spec.fields.get('source')
    if source is None or not kinds.is_image(source) or kinds.name_of(spec) != 'volumes':
        raise UserError("system 'vaegan3d' makes volumes of pictures of them, and these examples have none: set"
                        ' data.view=64 for a set of volumes')  # fmt: skip
    return source
