"""CycleGAN on emoji: line drawings are colored, and colors become line drawings, without a pair to learn from.

Paper: Zhu 2017 (1703.10593).
Command: python launch.py --config=experiments/cyclegan_openmoji64.py
  then --mode=sample, with rows of cycles beside the samples; --direction=b_to_a for line drawings of images in color
Hardware and cost: two CPU cores; 47 minutes beside other programs, half a CPU second a step.
Expected: seed 0, 205 held-out drawings: l1 to the hidden partner 16.5 of 255 (copying the drawing 18.3), FD
  (EfficientNet-Lite0) 320 (untrained 797); back to drawings 7.5 (copying 16.0) and 59. Faces are yellow and fills keep
  within their lines; most colors are as good as any.
Deviations: 64 pixels; nets of a quarter and half of the width, 4 blocks, patches of 34 pixels, which at 64 are to the
  image what 70 are to 128; batch 4 at twice the rate, which is constant in the first half of the steps and goes to 0 in
  the second; no identity term, since lines have one channel and colors three. Every eighth emoji is held out from both
  domains, so that no drawing is scored whose colors were seen; duplicates stay, which keeps the two lists alike.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'cyclegan'
    config.cyclegan = ConfigDict({'cycle': 10.0, 'identity': None, 'adversarial': 2.0, 'pool': 50})
    config.game = 'least_squares'
    common_part = {'name': 'openmoji', 'size': 64, 'split': 'train', 'flip': True, 'drop_duplicates': False}
    config.data.name = 'joined'
    # Hidden partners, 'a_source' and 'b_source', are for scores only.
    config.data.a = ConfigDict({**common_part, 'style': 'line', 'source': 'color'})
    config.data.b = ConfigDict({**common_part, 'style': 'color', 'source': 'line'})
    config.generator = ConfigDict({'net': 'cyclegan', 'width': 16, 'blocks': 4})
    config.critic = ConfigDict({'net': 'patchgan', 'width': 32, 'patch': 34, 'norm': 'plain_instance'})
    steps = 4_000
    for player in ('generator', 'critic'):
        config.optimizer[player] = common.adam(4e-4)
        config.optimizer[player].update(schedule='linear', schedule_start=steps // 2, schedule_end=steps)
    config.train.steps = steps
    config.train.batch_size = 4
    common.every(config, 500)
    config.eval.samples = 200
    smoke = {'generator.blocks': 1, 'critic.patch': 16, 'cyclegan.pool': 4, 'train.batch_size': 2}
    smoke |= {'train.conv': 'lax', 'eval.features': 'pixels'}  # which is compiled in a third of the time
    return common.finish(config, variant, __file__, smoke)
