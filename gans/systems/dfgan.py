"""DF-GAN (Tao 2022, 2008.05865): images of sentences, by one generator whose blocks are all told the sentence, and a
critic that knows which sentences belong to which images.

The critic wants real images with their sentences up, fakes and real images with others' sentences down, each of the two
by half of the hinge; a penalty of its gradient by image and sentence at real pairs keeps it smooth there (the
matching-aware gradient penalty). The sentence is that of a frozen text encoder: a first stage of system 'damsm' teaches
it, and it passes on by its name.
"""

import jax
import jax.numpy as jnp
import ml_collections

from gans.core import Array, Aux, Batch, Compute, Keys, Params, Spec, System, TrainState, Tree
from gans.latents import make_latents
from gans.nets import build as nets
from gans.ops import random
from gans.optimizers import ema
from gans.parts import Pair, Scene, Term
from gans.penalties import squared_norm
from gans.systems._players import Sides, two_players
from gans.systems._words import encoders, features_of, pretrained, read, refuse_labels_and_packs, score_mismatched


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    *,
    penalty: float = 2.0,
    power: float = 6.0,
) -> System:
    """
    Args:
      penalty, power: weight and power of the norm of the critic's gradient at real pairs.

    Raises:
      UserError: examples without captions; labels, packs, micro-batches.
    """
    refuse_labels_and_packs(config)
    text_net, image_net = encoders(config, spec, compute)
    told = (jax.ShapeDtypeStruct((2, features_of(config)), jnp.float32),)
    generator = nets.generator(config.generator, spec, config.latents.size, compute, told=told)
    critic = nets.critic(config.critic, spec, compute, told=told)
    latents = make_latents(config.latents)

    def generate(params: Params, state: TrainState, inputs: Tree, train: bool) -> tuple[Array, Params]:
        given = inputs['z'], read(text_net, params, inputs['caption']).sentence
        made, stats = generator.apply(params['generator'], state.stats['generator'], *given, train=train)
        return made, {'generator': stats}

    def inputs(batch: Batch, keys: Keys) -> Tree:
        return {'z': latents(random.split(keys, 1)[0]), 'caption': batch['caption']}

    def critic_loss(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        mismatched, other = score_mismatched(scene, compute)
        hinge = lambda x: jax.nn.relu(1 + x)
        down = (hinge(scene.fake_scores) + other * hinge(mismatched)) / 2
        return hinge(-scene.real_scores) + down, Aux({'mismatched_score': mismatched.mean()})

    def generator_loss(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        return -scene.fake_scores, Aux()

    def smooth(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        squared = squared_norm(scene.slopes.real) + squared_norm(*scene.slopes.told)
        return (squared + 1e-12) ** (power / 2), Aux()

    pair = Pair(
        spec,
        generate,
        critic,
        inputs,
        conditions=lambda inputs, state: (read(text_net, state.params, inputs['caption']).sentence,),
        critic_terms={'matching_penalty': Term(smooth, penalty, slopes='real')},
        replayable=False,
    )
    return two_players(
        config,
        [pair],
        {'generator': generator, 'critic': critic, 'text': text_net, 'image': image_net},
        own=Sides(Term(critic_loss), Term(generator_loss)),
        samplers={'samples': pair.sampler()},
        ema=ema(config.ema),
        pretrained=pretrained(config),
    )
