"""AttnGAN on emoji: pictures of words at 16, 32 and 64 pixels, each word of which is seen where it is drawn.

Paper: Xu 2018 (1711.10485).
Command: python launch.py --config=experiments/attngan_openmoji64.py
Hardware and cost: one CPU core, 93 minutes, other programs on the second one.
Expected: R-precision of held-out captions in pools of 100 by its own encoders 0.82 (real emoji 0.26, captions shuffled
  0.01), FD (EfficientNet-Lite0, 201 samples) 833 (halves 361, untrained 916): forms and colors are those of the words,
  with grain all over them. Another seed had 0.75 and 887 after 2,000 of its 4,000 steps, 0.18 by other encoders.
Deviations: other data, 64 pixels in place of 256, widths of 16 in place of 32 and 64, sentences of 64 numbers; the
  image encoder of DAMSM is a small net that is trained along, not Inception v3.
"""

from ml_collections import ConfigDict

from experiments import common

SMOKE = {
    'eval.features': 'pixels',
    'data.size': 16,
    'stages.words.begin': 2,
    'stages.words.attngan.scales': 2,
}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    common.match_words(config)
    matching = config.train.steps
    config.data.size = 64
    config.latents.size = 32
    config.generator = ConfigDict({'net': 'attngan', 'width': 16})
    config.critic = ConfigDict({'net': 'attngan', 'width': 16})
    config.train.steps = matching + 4_000
    common.every(config, 1_000)
    config.stages.words = {
        'begin': matching,
        'system': 'attngan',
        'attngan': {'condition': 32},
        'optimizer': {role: common.adam(2e-4, b1=0.5) for role in ('generator', 'critic')},
        'ema': {'decay': 0.999},
        'train': {'fresh_optimizers': True},
    }
    return common.finish(config, variant, __file__, SMOKE)
