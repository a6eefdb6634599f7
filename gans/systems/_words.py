"""What systems of images and captions share: the encoders."""

import jax
import jax.numpy as jnp
import ml_collections

from gans import kinds
from gans.core import Compute, Net, Spec
from gans.errors import UserError
from gans.nets._words import ImageEncoder, TextEncoder
from gans.nets.build import from_linen


def caption_of(config: ml_collections.ConfigDict, spec: Spec) -> Spec:
    """The spec of captions; UserError if there are none, or no images."""
    caption = spec.fields.get('caption')
    if caption is None:
        raise UserError(f"system '{config.system}' is told words, and these examples have no captions: set"
                        ' data.captions=8 for openmoji, or take captions:PATH')  # fmt: skip
    if not kinds.is_image(spec):
        raise UserError(f"system '{config.system}' makes images of words, not {kinds.name_of(spec)}")
    return caption


def encoders(
    config: ml_collections.ConfigDict, spec: Spec, compute: Compute, features: int, embedding: int, width: int
) -> tuple[Net, Net]:
    """The encoders of text and of images, 'text' and 'image' among the nets."""
    caption = caption_of(config, spec)
    text = TextEncoder(compute, len(caption.classes), features, embedding)
    image = ImageEncoder(spec.shape, compute, features, width)
    captions = jax.ShapeDtypeStruct((2, *caption.shape), jnp.int32)
    return from_linen(text, captions), from_linen(image, jax.ShapeDtypeStruct((2, *spec.shape), jnp.float32))
