"""DAMSM (Xu 2018, AttnGAN, 1711.10485, section 3.2): encoders of words and of images that agree, the stage before a GAN
that is told words. It makes nothing: its one sampler gives back images, so that runs can be looked at.
"""

import ml_collections

from gans import damsm
from gans.core import Array, Aux, Batch, Compute, Keys, Params, Sampler, Spec, System, TrainState, Update
from gans.features.regions import FROZEN
from gans.optimizers import ema, freeze
from gans.systems._players import player
from gans.systems._words import encoders, gather, pretrained


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    *,
    regions: float = 5.0,
    words: float = 5.0,
    captions: float = 10.0,
) -> System:
    """Both encoders, those of `config.encoders`, have the optimizer of the generator.

    Args:
      regions, words, captions: the gammas, see `gans.damsm.Sharpness`.

    Raises:
      UserError: examples without captions, micro-batches.
    """
    text_net, image_net = encoders(config, spec, compute)
    frozen = pretrained(config)
    sharp = damsm.Sharpness(regions, words, captions)

    def loss(params: Params, state: TrainState, batch: Batch, keys: Keys) -> tuple[Array, Aux]:
        told, _ = text_net.apply(params['text'], {}, batch['caption'], train=True)
        seen, _ = image_net.apply(params['image'], {}, batch['real'], train=True)
        captions, seen = gather((batch['caption'], seen), compute)
        told = *gather(told, compute), captions != 0
        losses, found = damsm.losses(told, seen, captions, sharp)
        return sum(losses.values()), Aux({**losses, 'found': found})

    given = lambda batch, keys: {name: batch[name] for name in ('real', 'caption')}  # which R-precision compares
    seen = Sampler(given, lambda state, inputs: inputs['real'])
    own = player(config, 'generator', ('text', 'image'))
    return System(
        nets={'text': text_net, 'image': image_net},
        players={'generator': own._replace(tx=freeze(own.tx, [f'{name}/{FROZEN}' for name in frozen]))},
        updates=(Update('generator', 'generator', loss),),
        samplers={'samples': seen},
        ema=ema(config.ema)._replace(nets=('text', 'image')) if config.ema.decay is not None else None,
        headline=('found',),
        pretrained=frozen,
    )
