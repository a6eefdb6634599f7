"""AttnGAN (Xu 2018, 1711.10485): images of sentences at several sizes, each drawn from the one before by what its
regions attend to in the words; and encoders of words and images that say whether the largest one shows them (DAMSM).

As in the authors' code: for each size a critic with two scores, of an image with its sentence and of the image alone.
It wants up half of both of real images, and down a third each of both of fakes and of the first of real images with
others' sentences. The generator wants both up at all sizes (eq. 4 has halves, the code has none), + divergence times
that of what it is told from N(0, I) + matching times DAMSM's loss of the largest image (eq. 3's lambda). The encoders
are frozen: a first stage of system 'damsm' teaches them. All sizes are one array, see gans/nets/_tree.py.
"""

import jax
import jax.numpy as jnp
import ml_collections

from gans import damsm
from gans.core import Array, Aux, Compute, Keys, Params, Sampler, Spec, System, TrainState, Tree
from gans.nets import _tree
from gans.nets import build as nets
from gans.optimizers import ema
from gans.parts import Pair, Scene, Term
from gans.systems import _trees
from gans.systems._augmentation import divergence_term, moments_of
from gans.systems._players import Sides, two_players
from gans.systems._words import (
    Told,
    encoders,
    features_of,
    gather,
    level,
    pretrained,
    read,
    refuse_labels_and_packs,
    score_mismatched,
)


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    *,
    scales: int = 3,
    condition: int = 100,
    divergence: float = 1.0,
    matching: float = 5.0,
    regions: float = 5.0,
    words: float = 5.0,
    captions: float = 10.0,
) -> System:
    """
    Args:
      scales: sizes of images, each twice the one before, up to that of the data. 1: without attention.
      condition: numbers that the generator is told of a sentence.
      divergence: weight of the divergence of these from N(0, I).
      matching: weight of DAMSM's loss, the authors' 5 for birds, 50 for COCO.
      regions, words, captions: its gammas, see `gans.damsm.Sharpness`.

    Raises:
      UserError: examples without captions, sizes that the images have not; labels, packs, micro-batches.
    """
    refuse_labels_and_packs(config)
    (text_net, image_net), features = encoders(config, spec, compute), features_of(config)
    length = spec.fields['caption'].shape[0]
    like = lambda *shape, dtype=jnp.float32: jax.ShapeDtypeStruct((2, *shape), dtype)
    given = {'shape': spec.shape, 'compute': compute, 'scales': scales, 'condition': condition}
    told_by = (
        like(config.latents.size),
        like(features),
        like(condition),
        like(length, features),
        like(length, dtype=bool),
    )
    generators = {
        maps: nets.from_linen(
            nets.make_module('WordGenerator', config.generator, 'generator', **given, maps=maps),
            *told_by,
        )
        for maps in (False, True)
    }
    critic = _trees.make_critic(config, spec, compute, scales, features)
    moments = moments_of(compute, features, condition, 'glu')
    sharp = damsm.Sharpness(regions, words, captions)

    def told(params: Params, inputs: Tree) -> Told:
        return read(text_net, params, inputs['caption'])

    def make(params: Params, state: TrainState, inputs: Tree, train: bool, maps: bool = False) -> tuple[Tree, Tree]:
        words, sentence, inside = told(params, inputs)
        given = inputs['z'], sentence, inputs['noise'], level(words), inside
        return generators[maps].apply(params['generator'], state.stats['generator'], *given, train=train)

    def generate(params: Params, state: TrainState, inputs: Tree, train: bool) -> tuple[Array, Params]:
        made, stats = make(params, state, inputs, train)
        return made, {'generator': stats}

    def critic_loss(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        mismatched, other = score_mismatched(scene, compute)
        up, down = lambda scores: jax.nn.softplus(-scores), jax.nn.softplus
        wrong = other * down(mismatched[..., 0]).sum(1)
        loss = up(scene.real_scores).sum((1, 2)) / 2 + (down(scene.fake_scores).sum((1, 2)) + wrong) / 3
        return loss, Aux({'mismatched_score': mismatched[..., 0].mean()})

    def generator_loss(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        return jax.nn.softplus(-scene.fake_scores).sum((1, 2)), Aux()

    def matching_error(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        """DAMSM's loss of the largest images, [], by the whole batch."""
        largest = _tree.take(scene.fake, scales - 1, scales)
        seen, _ = image_net.apply(scene.params['image'], {}, largest, train=False)
        own, seen, captions = gather((told(scene.params, scene.inputs), seen, scene.inputs['caption']), compute)
        losses, found = damsm.losses(own, seen, captions, sharp)
        return sum(losses.values()), Aux({'found': found})

    pair = Pair(
        _trees.spec_of(spec, scales),
        generate,
        critic,
        _trees.make_inputs(config, condition),
        conditions=lambda inputs, state: (told(state.params, inputs).sentence,),
        real=lambda batch, state, inputs: _tree.pyramid(batch['real'], scales),
        generator_terms={
            'divergence': divergence_term(moments, lambda params, inputs: told(params, inputs).sentence, divergence),
            'matching': Term(matching_error, matching),
        },
        replayable=False,
    )

    def attention(state: TrainState, inputs: Tree) -> Array:
        """Each sample, and it where each of its words is attended to: [B, ...] -> [B (1 + L), H, W, C]."""
        (made, shares), _ = make(state.params, state, inputs, False, maps=True)
        made = _tree.take(made, scales - 1, scales)
        return jnp.concatenate([made[:, None], show_shares(made, shares)], 1).reshape(-1, *spec.shape)

    samplers = _trees.samplers(pair, spec, scales)
    if scales > 1:
        columns = 'all of it', *(f'word {i + 1}' for i in range(length))
        about = 'each row is one sample, bright where it attends to each of its words'
        samplers['attention'] = Sampler(pair.inputs, attention, about=about, columns=columns)
    return two_players(
        config,
        [pair],
        {'generator': generators[False], 'critic': critic, 'text': text_net, 'image': image_net},
        own=Sides(Term(critic_loss), Term(generator_loss)),
        samplers=samplers,
        ema=ema(config.ema),
        pretrained=pretrained(config),
    )


def show_shares(images: Array, shares: Array) -> Array:
    """Images [B, H, W, C], and the words' shares [B, h, w, L] of their places -> [B, L, H, W, C]: for each word its
    image, the darker the smaller the word's share is beside its largest one; black behind the end of a caption.
    """
    b, height, width, _ = images.shape
    shares = shares / jnp.maximum(shares.max((1, 2), keepdims=True), 1e-8)
    large = jax.image.resize(shares, (b, height, width, shares.shape[3]), 'linear')
    return (images[:, None] + 1) * jnp.moveaxis(large, 3, 1)[..., None] - 1
