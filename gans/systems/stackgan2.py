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

from gans.core import Array, Aux, Compute, Keys, Params, Spec, System, TrainState, Tree
from gans.nets import _tree
from gans.nets import build as nets
from gans.optimizers import ema
from gans.parts import Pair, Scene, Term
from gans.systems import _trees
from gans.systems._augmentation import divergence_term, moments_of
from gans.systems._players import Sides, two_players
from gans.systems._words import encoders, features_of, pretrained, read, refuse_labels_and_packs, score_mismatched


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    *,
    scales: int = 3,
    condition: int = 128,
    divergence: float = 2.0,
) -> System:
    """
    Args:
      scales: sizes of images, each twice the one before, up to that of the data.
      condition: numbers that the generator is told of a sentence, and the critics their means.
      divergence: weight of the divergence of these from N(0, I).

    Raises:
      UserError: examples without captions, sizes that the images have not; labels, packs, micro-batches.
    """
    refuse_labels_and_packs(config)
    (text, judge), features = encoders(config, spec, compute), features_of(config)
    like = lambda *shape: jax.ShapeDtypeStruct((2, *shape), jnp.float32)
    given = {'shape': spec.shape, 'compute': compute, 'scales': scales, 'condition': condition}
    generator = nets.from_linen(
        nets.make_module('TreeGenerator', config.generator, 'generator', **given),
        *(like(config.latents.size), like(features), like(condition)),
    )
    critic = _trees.make_critic(config, spec, compute, scales, condition)
    moments = moments_of(compute, features, condition, 'glu')

    def sentence(params: Params, inputs: Tree) -> Array:
        return read(text, params, inputs['caption']).sentence

    def generate(params: Params, state: TrainState, inputs: Tree, train: bool) -> tuple[Array, Params]:
        told = inputs['z'], sentence(params, inputs), inputs['noise']
        made, stats = generator.apply(params['generator'], state.stats['generator'], *told, train=train)
        return made, {'generator': stats}

    def mean(params: Params, inputs: Tree) -> Array:
        return moments(params, sentence(params, inputs))[0]

    def critic_loss(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        mismatched, other = score_mismatched(scene, compute)
        up, down = lambda scores: jax.nn.softplus(-scores), jax.nn.softplus
        wrong = other[:, None] * down(mismatched[..., 0]) + up(mismatched[..., 1])  # [P, S]
        loss = up(scene.real_scores).sum((1, 2)) + wrong.sum(1) + down(scene.fake_scores).sum((1, 2))
        return loss, Aux({'mismatched_score': mismatched[..., 0].mean()})

    def generator_loss(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        scores = scene.bare_critic(scene.shown[1], (mean(scene.params, scene.inputs),))  # not as constants
        return jax.nn.softplus(-scores).sum((1, 2)), Aux()

    pair = Pair(
        _trees.spec_of(spec, scales),
        generate,
        critic,
        _trees.make_inputs(config, condition),
        conditions=lambda inputs, state: (mean(state.params, inputs),),
        real=lambda batch, state, inputs: _tree.pyramid(batch['real'], scales),
        generator_terms={'divergence': divergence_term(moments, sentence, divergence)},
        replayable=False,
    )
    return two_players(
        config,
        [pair],
        {'generator': generator, 'critic': critic, 'text': text, 'image': judge},
        pretrained=pretrained(config),
        own=Sides(Term(critic_loss), Term(generator_loss)),
        samplers=_trees.samplers(pair, spec, scales),
        ema=ema(config.ema),
    )
