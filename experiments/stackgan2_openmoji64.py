"""StackGAN v2 on emoji: pictures of 16, 32 and 64 pixels at once, of words such as 'red heart'.

Paper: Zhang 2018 (1710.10916), with the text encoder of AttnGAN, Xu 2018 (1711.10485).
Command: python launch.py --config=experiments/stackgan2_openmoji64.py
Hardware and cost: two CPU cores; not measured yet.
Expected: not run.
Deviations: other data, 16 to 64 pixels in place of 64 to 256, narrower nets, one residual block in place of two; the
  sentence is that of DAMSM's text encoder, which is taught here, not of a character-level net; batch 32; mismatched
  pairs are those of the batch, of other words, where the paper takes images of other classes, so that critics see each
  real image twice without its sentence.
"""

from ml_collections import ConfigDict

from experiments import common

SMOKE = {'eval.features': 'pixels', 'data.size': 16, 'stages.words.begin': 2, 'stages.words.stackgan2.scales': 2}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    common.match_words(config)
    matching = config.train.steps
    config.data.size = 64
    config.latents.size = 64
    config.generator = ConfigDict({'net': 'stackgan2', 'width': 32, 'blocks': 1})
    config.critic = ConfigDict({'net': 'stackgan2', 'width': 16})
    config.train.steps = matching + 4_000
    common.every(config, 1_000)
    config.stages.words = {
        'begin': matching,
        'system': 'stackgan2',
        'stackgan2': {'condition': 32},
        'optimizer': {role: common.adam(2e-4, b1=0.5) for role in ('generator', 'critic')},
        'ema': {'decay': 0.999},
        'train': {'fresh_optimizers': True},
    }
    return common.finish(config, variant, __file__, SMOKE)
