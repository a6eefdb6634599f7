"""DAMSM (Xu 2018, AttnGAN, 1711.10485, section 3.2): encoders of words and of images that agree, the stage before a GAN
that is told words. It makes nothing: its one sampler gives back images, so that runs can be looked at.
"""

import ml_collections

from gans import damsm
from gans.core import Array, Aux, Batch, Compute, Keys, Params, Sampler, Spec, System, TrainState, Update
from gans.optimizers import ema
from gans.systems._players import player
from gans.systems._words import encoders, gather


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    *,
    features: int = 256,
    embedding: int = 300,
    width: int = 32,
    regions: float = 5.0,
    words: float = 5.0,
    captions: float = 10.0,
) -> System:
    """Both encoders have the optimizer of the generator.

    Args:
      features: numbers of a word, a region, a sentence and an image.
      embedding: numbers of a word before it is read in its sentence.
      width: channels of the image encoder's first convolution.
      regions, words, captions: the gammas, see `gans.damsm.Sharpness`.

    Raises:
      UserError: examples without captions, micro-batches.
    """
    text, image = encoders(config, spec, compute, features, embedding, width)
    sharp = damsm.Sharpness(regions, words, captions)

    def loss(params: Params, state: TrainState, batch: Batch, keys: Keys) -> tuple[Array, Aux]:
        told, _ = text.apply(params['text'], {}, batch['caption'], train=True)
        seen, _ = image.apply(params['image'], {}, batch['real'], train=True)
        captions, seen = gather((batch['caption'], seen), compute)
        told = *gather(told, compute), captions != 0
        losses, found = damsm.losses(told, seen, captions, sharp)
        return sum(losses.values()), Aux({**losses, 'found': found})

    seen = Sampler(lambda batch, keys: {'real': batch['real']}, lambda state, inputs: inputs['real'])
    return System(
        nets={'text': text, 'image': image},
        players={'generator': player(config, 'generator', ('text', 'image'))},
        updates=(Update('generator', 'generator', loss),),
        samplers={'samples': seen},
        ema=ema(config.ema)._replace(nets=('text', 'image')) if config.ema.decay is not None else None,
        headline=('found',),
    )
