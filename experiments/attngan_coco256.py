"""AttnGAN as for COCO: wider nets, shorter sentences, and more weight on what the words say.

Paper: Xu 2018 (1711.10485); sizes and rates are those of the authors' code.
Command: python launch.py --config=experiments/attngan_coco256.py --config.data.name=captions:PATH
  --config.data.images=train2014 --config.data.captions=annotations/captions_train2014.json
Hardware and cost: meant for an accelerator; not measured.
Expected: not run. The paper's inception score is 25.89.
Deviations: those of attngan_birds256; both stages read 12 words, where the authors' encoders learn with 15.
"""

from ml_collections import ConfigDict

from experiments import attngan_birds256, common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.generator = ConfigDict({'net': 'attngan', 'width': 48, 'blocks': 3})
    config.critic = ConfigDict({'net': 'attngan', 'width': 96})
    attngan_birds256.draw(config, words=12, vocabulary=27_296, matching=172_000, drawing=710_000, batch=14, weight=50.0)
    return common.finish(config, variant, __file__, attngan_birds256.SMOKE)
