"""StackGAN (Zhang 2017, 1612.03242): images of sentences in two stages, a small sketch, and one drawn anew from it.

Each stage is a GAN of its own, and a stage of the run, behind that of system 'damsm', which teaches the text encoder.
Both critics want real images with their sentences up, fakes and real images with others' sentences down, each of the
two by half; both generators are held to N(0, I) in what they are told (conditioning augmentation, section 3.2.1). The
second stage has no latents: it is given a sketch, and the sentence again. Stage I is frozen then, on the statistics of
its batches. Nets, players and updates are named by the size of their images: generator_64, critic_256, ...
"""

import jax
import jax.numpy as jnp
import ml_collections

from gans.core import Array, Aux, Batch, Compute, Keys, Params, Sampler, Spec, System, TrainState, Tree
from gans.errors import UserError
from gans.latents import make_latents
from gans.nets import build as nets
from gans.ops import random
from gans.optimizers import ema
from gans.parts import Pair, Scene, Term
from gans.systems._augmentation import divergence_term, moments_of
from gans.systems._players import Sides, two_players
from gans.systems._words import encoders, features_of, pretrained, read, refuse_labels_and_packs, score_mismatched


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    *,
    stage: int = 1,
    doublings: int = 2,
    sketch_width: int = 128,
    condition: int = 128,
    form: str = 'leaky_relu',
    divergence: float = 2.0,
    alone: bool = False,
) -> System:
    """`generator` and `critic` are the nets of the stage, images of the data those that it makes.

    Args:
      stage: 1 or 2.
      doublings: from the size of stage I to that of stage II.
      sketch_width: in stage II, the generator.width of stage I.
      condition: numbers that a generator is told of a sentence, and a critic.
      form: of conditioning augmentation: 'leaky_relu' as the authors' code for birds has it, 'relu' as theirs for COCO.
      divergence: weight of the divergence of what generators are told from N(0, I).
      alone: whether stage II's critic also scores images without their sentences, as the authors' code for COCO.

    Raises:
      UserError: examples without captions, sizes that the images have not; labels, packs, micro-batches.
    """
    refuse_labels_and_packs(config)
    if stage not in (1, 2):
        raise UserError(f'stackgan.stage={stage} is neither 1 nor 2')
    size, channels, second = spec.shape[0], spec.shape[-1], stage == 2
    last = spec if second else spec._replace(shape=(*(n << doublings for n in spec.shape[:2]), channels))
    (text, judge), features = encoders(config, last, compute), features_of(config)
    like = lambda *shape: jax.ShapeDtypeStruct((2, *shape), jnp.float32)
    told = like(features), like(condition)
    augmented = {'compute': compute, 'condition': condition, 'form': form}

    def sketcher(shape: tuple[int, ...], options: dict) -> nets.Net:
        module = nets.make_module('SketchGenerator', options, 'generator', shape=shape, **augmented)
        return nets.from_linen(module, like(config.latents.size), *told)

    if second:
        small = size >> doublings
        frozen = sketcher((small, small, channels), {'net': config.generator.net, 'width': sketch_width})
        module = nets.make_module('DrawingGenerator', config.generator, 'generator', shape=spec.shape, **augmented)
        generator = nets.from_linen(module, like(small, small, channels), *told)
        built = {f'generator_{small}': frozen}
    else:
        generator, built = sketcher(spec.shape, dict(config.generator)), {}
    more = {'condition': condition, 'more': doublings if second else 0, 'alone': alone and second}
    critic = nets.make_module('StackCritic', config.critic, 'critic', shape=spec.shape, compute=compute, **more)
    critic = nets.from_linen(critic, like(*spec.shape), like(features))
    built |= {f'generator_{size}': generator, f'critic_{size}': critic, 'text': text, 'image': judge}
    latents, moments = make_latents(config.latents), moments_of(compute, features, condition, form, f'generator_{size}')

    def sentence(params: Params, inputs: Tree) -> Array:
        return read(text, params, inputs['caption']).sentence

    def inputs(batch: Batch, keys: Keys) -> Tree:
        k_latents, *k_noises = random.split(keys, 3)
        noises = {f'noise_{i}': random.normal(k, (condition,)) for i, k in enumerate(k_noises[:stage], 1)}
        return {'z': latents(k_latents), 'caption': batch['caption'], **noises}

    def sketch(params: Params, state: TrainState, inputs: Tree, train: bool) -> Array:
        """What stage I makes, in stage II."""
        given = inputs['z'], sentence(params, inputs), inputs['noise_1']
        name = f'generator_{small}'
        return jax.lax.stop_gradient(frozen.apply(params[name], state.stats[name], *given, train=train)[0])

    def generate(params: Params, state: TrainState, inputs: Tree, train: bool) -> tuple[Array, Params]:
        seen = sketch(params, state, inputs, train) if second else inputs['z']
        given, name = (seen, sentence(params, inputs), inputs[f'noise_{stage}']), f'generator_{size}'
        made, stats = generator.apply(params[name], state.stats[name], *given, train=train)
        return made, {name: stats}

    def critic_loss(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        mismatched, other = score_mismatched(scene, compute)
        up, down = lambda scores: jax.nn.softplus(-scores), jax.nn.softplus
        metrics = Aux({'mismatched_score': (mismatched[:, 0] if mismatched.ndim > 1 else mismatched).mean()})
        if mismatched.ndim == 1:
            return up(scene.real_scores) + (other * down(mismatched) + down(scene.fake_scores)) / 2, metrics
        wrong, fake = other * down(mismatched[:, 0]), down(scene.fake_scores).sum(1)
        return up(scene.real_scores).mean(1) + (wrong + fake) / 3, metrics

    def generator_loss(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        return jax.nn.softplus(-scene.fake_scores.reshape(len(scene.fake_scores), -1)).sum(1), Aux()

    pair = Pair(
        spec,
        generate,
        critic,
        inputs,
        conditions=lambda inputs, state: (sentence(state.params, inputs),),
        name=str(size),
        generator_terms={'divergence': divergence_term(moments, sentence, divergence)},
        replayable=False,
    )

    def both(state: TrainState, inputs: Tree) -> Array:
        """The sketch of each sample, enlarged, and what is drawn from it: [B, ...] -> [2 B, H, W, C]."""
        drawn, small = generate(state.params, state, inputs, False)[0], sketch(state.params, state, inputs, False)
        enlarged = small.repeat(1 << doublings, 1).repeat(1 << doublings, 2)
        return jnp.stack([enlarged, drawn], 1).reshape(-1, *spec.shape)

    sheet = Sampler(inputs, both, about='each row is one sample', columns=('stage I', 'stage II'))
    return two_players(
        config,
        [pair],
        built,
        pretrained=pretrained(config),
        own=Sides(Term(critic_loss), Term(generator_loss)),
        samplers={'samples': pair.sampler(), **({'stages': sheet} if second else {})},
        ema=ema(config.ema, (f'generator_{size}',)),
    )
