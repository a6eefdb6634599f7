"""PacGAN on a grid of 25 Gaussians: a critic that sees several samples at once can detect a lack of diversity.

Paper: Lin 2018 (1712.04086), section 4.1 and the code of its authors. --config.pack=1 is the GAN that it is compared
  with.
Command: python launch.py --config=experiments/pacgan_grid25.py
Hardware and cost: 400,000 steps take hours on two CPU cores.
Expected: untested at full size. In the paper, 10 trials with packs of 1, 2, 3, 4: modes 17.3, 23.8, 24.6, 24.8 of 25;
  high quality 94.8, 91.3, 94.2, 93.6 %; reverse KL 0.70, 0.13, 0.06, 0.04.
Deviations: fresh examples in each batch, not from 100,000 fixed points.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.dynamics = 'simultaneous'  # as in the authors' code
    config.data.name = 'grid'
    config.latents.size = 2
    config.generator = ConfigDict({'net': 'mlp', 'widths': (400,) * 4, 'norm': 'batch', 'init_std': 0.02})
    config.critic = ConfigDict(
        {'net': 'mlp', 'widths': (200,) * 3, 'pieces': 5, 'activation': 'identity', 'init_std': 0.02}
    )
    config.pack = 2
    config.optimizer.generator = common.adam(1e-4, b1=0.8)
    config.optimizer.critic = common.adam(1e-4, b1=0.8)
    config.train.steps = 400_000
    config.train.batch_size = 200  # 100 packs
    config.train.steps_per_call = 100
    common.every(config, 20_000)
    config.eval.samples = 2_500
    return common.finish(config, variant, __file__)
