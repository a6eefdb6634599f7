"""DF-GAN on emoji: pictures of words such as 'red heart' or 'green apple', after a stage in which the words are learnt.

Paper: Tao 2022 (2008.05865), with the encoders of AttnGAN, Xu 2018 (1711.10485).
Command: python launch.py --config=experiments/dfgan_openmoji32.py
Hardware and cost: two CPU cores, 65 minutes beside other programs (1 to 3 steps/s).
Expected: R-precision of held-out captions .57 by its own encoders (real emoji .28), .25 by those of damsm_openmoji32
  with seed 1 (real emoji .25), chance .01; colors are right, few forms are. Two other seeds after 2,000 of its 5,000
  steps: .43 and .43 by their own encoders, .19 and .17 by others'.
Deviations: other data, 32 pixels, widths of 16 in place of 32, sentences of 64 numbers; the image encoder of DAMSM is a
  small net that is trained along, not Inception v3.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    common.match_words(config)
    matching = config.train.steps
    config.latents.size = 64
    config.generator = ConfigDict({'net': 'dfgan', 'width': 16})
    config.critic = ConfigDict({'net': 'dfgan', 'width': 16})
    config.train.steps = matching + 5_000
    common.every(config, 1_000)
    config.stages.words = {
        'begin': matching,
        'system': 'dfgan',
        'optimizer': {'generator': common.adam(2e-4, b1=0.0), 'critic': common.adam(8e-4, b1=0.0)},
        'ema': {'decay': 0.999},
        'train': {'fresh_optimizers': True},
    }
    smoke = {'eval.features': 'pixels', 'data.size': 8, 'stages.words.begin': 2}
    return common.finish(config, variant, __file__, smoke)
