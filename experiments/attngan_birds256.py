"""AttnGAN as for birds: images of 64, 128 and 256 pixels of sentences, on CUB-200 or a folder of your captioned images.

Paper: Xu 2018 (1711.10485); sizes and rates are those of the authors' code.
Command: python launch.py --config=experiments/attngan_birds256.py --config.data.name=captions:PATH
  for CUB-200 with --config.data.images=images --config.data.captions=text
Hardware and cost: meant for an accelerator; not measured.
Expected: not run. The paper's inception score, by a net that was trained on birds, is 4.36.
Deviations: the text encoder has no dropout and no clipped gradients, and its rate does not decay; Inception v3 sees
  in DAMSM with fixed statistics; the critics of all scales have one optimizer, for the sum of their losses.
"""

from typing import Any

from ml_collections import ConfigDict

from experiments import common

REGIONS = 4.0  # gamma of DAMSM
SMOKE = {
    'data.name': common.DOMAINS.replace('unpaired', 'captions', 1),
    'data.size': 16,
    'encoders.image': 'small',
    'stages.words.begin': 2,
    'stages.words.train.batch_size': 8,
    'stages.words.attngan.scales': 2,
}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.generator = ConfigDict({'net': 'attngan', 'width': 32, 'blocks': 2})
    config.critic = ConfigDict({'net': 'attngan', 'width': 64})
    draw(config, words=18, vocabulary=5_449, matching=37_000, drawing=266_000, batch=20, weight=5.0)
    return common.finish(config, variant, __file__, SMOKE)


def draw(
    config: ConfigDict, words: int, vocabulary: int, matching: int, drawing: int, batch: int, weight: float
) -> None:
    """Has words and images learn to agree, then images drawn of words.

    Args:
      words: at most so many of a caption. vocabulary: the most frequent ones that are known.
      matching, drawing: steps of the two stages.
      batch: of the second.
      weight: of DAMSM's loss in the generator's.
    """
    stage: dict[str, Any] = {
        'begin': matching,
        'system': 'attngan',
        'attngan': {'regions': REGIONS, 'matching': weight},
    }
    config.system, config.damsm = 'damsm', ConfigDict({'regions': REGIONS})
    config.encoders.image = 'inception_v3'
    config.data.name = 'captions:PATH'
    config.data.size = 256
    config.data.words = words
    config.data.vocabulary = vocabulary
    config.latents.size = 100
    config.optimizer.generator = common.adam(2e-3)
    config.train.steps = matching + drawing
    config.train.batch_size = 48
    common.every(config, 5_000)
    config.eval.samples = 1_000
    config.stages.words = {
        **stage,
        'optimizer': {role: common.adam(2e-4) for role in ('generator', 'critic')},
        'ema': {'decay': 0.999},
        'train': {'batch_size': batch, 'fresh_optimizers': True},
    }
