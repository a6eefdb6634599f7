"""What systems of images and captions share: the encoders, what the text encoder tells a GAN, and examples of a batch
that meet each other.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
from jax import lax

from gans import kinds
from gans.core import Array, Compute, Net, Params, Spec, Tree
from gans.errors import UserError
from gans.features import regions, sentences
from gans.nets._words import ImageEncoder, TextEncoder
from gans.nets.build import from_linen
from gans.parts import Scene
from gans.systems._players import refuse

LSTM, SMALL = 'lstm', 'small'  # encoders that are trained, of text and of images


def caption_of(config: ml_collections.ConfigDict, spec: Spec) -> Spec:
    """The spec of captions; UserError if there are none, or no images."""
    caption = spec.fields.get('caption')
    if caption is None:
        raise UserError(f"system '{config.system}' is told words, and these examples have no captions: set"
                        ' data.words=8 for openmoji, or take captions:PATH')  # fmt: skip
    if not kinds.is_image(spec):
        raise UserError(f"system '{config.system}' makes images of words, not {kinds.name_of(spec)}")
    return caption


def encoders(config: ml_collections.ConfigDict, spec: Spec, compute: Compute) -> tuple[Net, Net]:
    """The encoders of text and of images that `config.encoders` names, 'text' and 'image' among the nets; `pretrained`
    is among the system's.
    """
    refuse_pieces(config)
    given, caption = config.encoders, caption_of(config, spec)
    features = features_of(config)
    if given.text == LSTM:
        text = TextEncoder(compute, len(caption.classes), features, given.embedding)
    else:
        text = sentences.encoder(given.text, caption, compute)
    if given.image == SMALL:
        image = ImageEncoder(spec.shape, compute, features, given.width)
    else:
        image = regions.RegionEncoder(compute, given.image, features)
    captions = jax.ShapeDtypeStruct((2, *caption.shape), jnp.int32)
    return from_linen(text, captions), from_linen(image, jax.ShapeDtypeStruct((2, *spec.shape), jnp.float32))


def features_of(config: ml_collections.ConfigDict) -> int:
    """The numbers of a word, a sentence, a region and an image."""
    given = config.encoders
    if given.text != LSTM:
        return sentences.features_of(given.text)
    if given.features % 2:
        raise UserError(f'encoders.features={given.features} must be even: one half is read forward, one backward')
    return given.features


def pretrained(config: ml_collections.ConfigDict) -> dict[str, Callable[[], Tree]]:
    """What is read of frozen encoders, as `System.pretrained`."""
    given = config.encoders
    if given.image == SMALL and given.weights is not None:
        raise UserError(f"encoders.weights={given.weights} are for encoders.image=inception_v3, not '{SMALL}': leave"
                        ' them off')  # fmt: skip
    text = {'text': sentences.read} if given.text != LSTM else {}
    return text | ({'image': regions.reader(given.image, given.weights)} if given.image != SMALL else {})


class Told(NamedTuple):
    """What a frozen text encoder says of captions."""

    words: Array  # [B, L, features], 0 behind the ends
    sentence: Array  # [B, features], of mean square 1
    inside: Array  # bool [B, L], False behind the ends


def read(text: Net, params: Params, captions: Array | Told) -> Told:
    """Captions int32 [B, L] as the net 'text' reads them; nothing passes a gradient back to it. What has been read
    already stays: mixtures of captions are.

    DAMSM teaches directions of sentences alone. Their lengths, .3 with 64 numbers, would be lost beside noise of
    deviation 1, and a critic of bounded slope could not tell them apart.
    """
    if isinstance(captions, Told):
        return captions
    words, sentence = lax.stop_gradient(text.apply(params['text'], {}, captions, train=False)[0])
    return Told(words, level(sentence), captions != 0)


def level(x: Array) -> Array:
    """Vectors [..., d] of mean square 1; 0 stays."""
    return x * lax.rsqrt(jnp.square(x).mean(-1, keepdims=True) + 1e-12)


def gather(tree: Tree, compute: Compute) -> Tree:
    """Leaves [B, ...] of the part of a batch that a device has -> those of the whole batch, on each of them."""
    if compute.device_axis is None:
        return tree
    return jax.tree.map(lambda x: lax.all_gather(x, compute.device_axis, tiled=True), tree)


def pass_on(x: Array, compute: Compute) -> Array:
    """Gives each example what is the next one's in the batch, and the last one what is the first one's: [B, ...]."""
    every = jnp.roll(gather(x, compute), -1, 0)
    first = 0 if compute.device_axis is None else lax.axis_index(compute.device_axis) * len(x)
    return lax.dynamic_slice_in_dim(every, first, len(x))


def score_mismatched(scene: Scene, compute: Compute) -> tuple[Array, Array]:
    """The critic's scores of real images, as they are shown, with the sentences of the next examples, and for each
    image whether that is another caption than its own, bool [P]: else it is no mismatch.
    """
    (own,), captions = scene.conditions, scene.inputs['caption']
    other = (captions != pass_on(captions, compute)).any(1)
    return scene.bare_critic(scene.shown[0], (pass_on(own, compute),)), other


def refuse_labels_and_packs(config: ml_collections.ConfigDict) -> None:
    """Raises UserError for what a GAN that is told words cannot have."""
    for role in ('generator', 'critic'):
        refuse(config, f'{role}.condition', 'words are what it is told')
    refuse(config, 'pack', 'each example has words of its own')


def refuse_pieces(config: ml_collections.ConfigDict) -> None:
    """Raises UserError for batches whose examples do not all meet."""
    refuse(config, 'train.micro', 'the captions of a batch meet each other')
    if config.train.batch_size < 2:
        raise UserError(f"train.batch_size={config.train.batch_size}: system '{config.system}' shows images with the"
                        ' captions of others: set it to at least 2')  # fmt: skip
