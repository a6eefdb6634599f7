"""A small ProGAN on the smileys of OpenMoji: 4, 8, 16 and 32 pixels, on two CPU cores.

Paper: Karras 2018 (1710.10196).
Command: python launch.py --config=experiments/progan_openmoji32.py
  All 1,618 emoji: --config.data.group=all
Hardware and cost: two CPU cores; 15,000 steps in 37 minutes of one core beside another program, compilation included,
  in six of which it stood still; 4 to 16 pixels take a third of them.
Expected: faces with many expressions, hearts, bears and cats that are told by eye, some frayed at their edges. FD
  (EfficientNet-Lite0) at 32 pixels 711 when they have faded in, 520, 404, 339, 305, 245 after 625, 1,250, 1,875, 2,500,
  7,500 steps more. 2,000 samples: FD 238 (real halves 195, untrained 933), KID 0.117, precision 0.54, recall 0.12,
  coverage 0.91, memorized 13 %; stylegan2_openmoji32 after 44 minutes: FD 236, KID 0.129, precision 0.45, recall 0,
  coverage 0.84, memorized 8 %. With the authors' rate of 0.001, images without bounds and twice the channels FD was
  527 after 31 minutes.
Deviations: other data; channels 64, 64, 32, 16 from 4 to 32 pixels, 64 latents, batch 16, 20,000 images in a stage but
  for the last; rates of 0.005; images end in a tanh, which is exact where they are white.
"""

from ml_collections import ConfigDict

from experiments import common, progan_celeba128

SCHEDULE = {4: 16, 8: 16, 16: 16, 32: 16}, 20_000, 20_000, 240_000  # batches by size; images to train, to fade, in all


def get_config(variant: str = '') -> ConfigDict:
    config = progan_celeba128.of_authors()
    config.data.name = 'openmoji'
    config.data.style = 'color'
    config.data.group = 'smileys-emotion'
    config.latents.size = 64
    for net in (config.generator, config.critic):
        net.update(fmap_base=256, fmap_max=64)
    config.generator.bounded = True
    for player in ('generator', 'critic'):
        config.optimizer[player].learning_rate = 5e-3
    common.every(config, 1_250)
    config.eval.samples = 1_000
    return progan_celeba128.finish(config, variant, __file__, SCHEDULE, {'eval.features': 'pixels'})
