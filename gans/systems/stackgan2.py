"""StackGAN v2 (StackGAN++, Zhang 2018, 1710.10916): a generator that makes images of several sizes of a sentence, and
for each size a critic, with two scores: of images with their sentences, and of images alone.

As in the authors' code for birds, whose sums have no halves: a critic wants up both scores of real images, down both of
fakes, and of real images with others' sentences the first down and the second up, for they are real. The generator
wants both of its own up at all sizes, and is held to N(0, I) in what it is told (conditioning augmentation). Critics
are told the mean of that, through which the generator learns, too. All sizes are one array, see gans/nets/_tree.py.
"""

import jax
import jax.numpy as jnp
import ml_collections

from gans.core import Array, Aux, Batch, Compute, Keys, Params, Sampler, Spec, System, TrainState, Tree
from gans.latents import make_latents
from gans.nets import _tree
from gans.nets import build as nets
from gans.ops import random
from gans.optimizers import ema
from gans.parts import Pair, Scene, Term
from gans.systems._augmentation import divergence_term, moments_of
from gans.systems._players import Sides, refuse, two_players
from gans.systems._words import encoders, pass_on, read


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    *,
    features: int = 256,
    embedding: int = 300,
    width: int = 32,
    scales: int = 3,
    condition: int = 128,
    divergence: float = 2.0,
) -> System:
    """
    Args:
      features, embedding, width: of the encoders, as of system 'damsm'. That of images moves nothing here; it judges.
      scales: sizes of images, each twice the one before, up to that of the data.
      condition: numbers that the generator is told of a sentence, and the critics their means.
      divergence: weight of the divergence of these from N(0, I).

    Raises:
      UserError: examples without captions, sizes that the images have not; labels, packs, micro-batches.
    """
    for role in ('generator', 'critic'):
        refuse(config, f'{role}.condition', 'words are what it is told')
    refuse(config, 'pack', 'each example has words of its own')
    text, image = encoders(config, spec, compute, features, embedding, width)
    sizes, (*sides, channels) = _tree.sizes(spec.shape, scales), spec.shape
    all_sizes = spec._replace(shape=(*sides, scales * channels))
    like = lambda *shape: jax.ShapeDtypeStruct((2, *shape), jnp.float32)
    given = {'shape': spec.shape, 'compute': compute, 'scales': scales}
    generator = nets.from_linen(
        nets.make_module('TreeGenerator', config.generator, 'generator', **given, condition=condition),
        *(like(config.latents.size), like(features), like(condition)),
    )
    critic = nets.from_linen(
        nets.make_module('TreeCritic', config.critic, 'critic', **given), like(*all_sizes.shape), like(condition)
    )
    latents, moments = make_latents(config.latents), moments_of(compute, features, condition, 'glu')

    def sentence(params: Params, inputs: Tree) -> Array:
        return read(text, params, inputs['caption']).sentence

    def inputs(batch: Batch, keys: Keys) -> Tree:
        k_latents, k_noise = random.split(keys, 2)
        return {'z': latents(k_latents), 'noise': random.normal(k_noise, (condition,)), 'caption': batch['caption']}

    def generate(params: Params, state: TrainState, inputs: Tree, train: bool) -> tuple[Array, Params]:
        told = inputs['z'], sentence(params, inputs), inputs['noise']
        made, stats = generator.apply(params['generator'], state.stats['generator'], *told, train=train)
        return made, {'generator': stats}

    def mean(params: Params, inputs: Tree) -> Array:
        return moments(params, sentence(params, inputs))[0]

    def critic_loss(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        (own,), captions = scene.conditions, scene.inputs['caption']
        other = (captions != pass_on(captions, compute)).any(1)  # an example whose neighbor has its words is none
        mismatched = scene.bare_critic(scene.shown[0], (pass_on(own, compute),))
        up, down = lambda scores: jax.nn.softplus(-scores), jax.nn.softplus
        wrong = other[:, None] * down(mismatched[..., 0]) + up(mismatched[..., 1])  # [P, S]
        loss = up(scene.real_scores).sum((1, 2)) + wrong.sum(1) + down(scene.fake_scores).sum((1, 2))
        return loss, Aux({'mismatched_score': mismatched[..., 0].mean()})

    def generator_loss(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        scores = scene.bare_critic(scene.shown[1], (mean(scene.params, scene.inputs),))  # not as constants
        return jax.nn.softplus(-scores).sum((1, 2)), Aux()

    pair = Pair(
        all_sizes,
        generate,
        critic,
        inputs,
        conditions=lambda inputs, state: (mean(state.params, inputs),),
        real=lambda batch, state, inputs: _tree.pyramid(batch['real'], scales),
        generator_terms={'divergence': divergence_term(moments, sentence, divergence)},
        replayable=False,
    )

    def rows(state: TrainState, inputs: Tree) -> Array:
        """All sizes of each sample, enlarged: [B, ...] -> [B S, H, W, C]."""
        made = pair.sampler().make(state, inputs)
        return jnp.stack(jnp.split(made, scales, -1), 1).reshape(-1, *spec.shape)

    largest = lambda state, inputs: _tree.take(pair.sampler().make(state, inputs), scales - 1, scales)
    return two_players(
        config,
        [pair],
        {'generator': generator, 'critic': critic, 'text': text, 'image': image},
        own=Sides(Term(critic_loss), Term(generator_loss)),
        samplers={
            'samples': pair.sampler()._replace(make=largest),
            'scales': Sampler(inputs, rows, about='each row is one sample', columns=tuple(f'{n} px' for n in sizes)),
        },
        ema=ema(config.ema),
    )
