"""CycleGAN on emoji of 32 pixels, with the cycle loss and without it: what is lost?

Paper: Zhu 2017 (1703.10593), tables 4 and 5, whose row 'GAN alone' is without.
Command: python launch.py --sweep=experiments/sweeps/cyclegan_cycle.py --seeds=3
  The errors against hidden partners are eval/l1 and eval/psnr; --direction=b_to_a of --mode=evaluate has the other way.
Hardware and cost: two CPU cores, 11 minutes for six runs in one program.
Expected: to colors, three seeds, with and without: FD (pixels) 12.2 +- 5.5 and 47.1 +- 4.5, sliced Wasserstein .130
  +- .041 and .507 +- .018, both significant; l1 41 +- 13 and 51.6 +- 1.7, not so: one of three seeds has found the
  colors (26.9). To lines: FD 2.6, .7, 2.3 and 9.2, 9.1, 8.4; l1 44, 23, 41 and 45, 42, 42.
Deviations: those of experiments/cyclegan_openmoji64.py; half of its pixels, 3 blocks and patches of 16 pixels, so that
  six runs fit in half an hour of two CPU cores.
"""

from ml_collections import ConfigDict

from experiments import common, cyclegan_openmoji64


def get_config(variant: str = '') -> ConfigDict:
    config = cyclegan_openmoji64.get_config()
    config.data.a.size = config.data.b.size = 32
    config.generator.blocks = 3
    config.critic.update(width=16, patch=16)
    config.train.steps = 800
    for player in ('generator', 'critic'):
        config.optimizer[player].update(schedule_start=400, schedule_end=800)
    config.train.batch_size = 8
    common.every(config, 200)
    config.eval.features = 'pixels'
    return common.finish(config, variant, __file__, {'generator.blocks': 1, 'cyclegan.pool': 4, 'train.conv': 'lax'})


def sweep(add) -> None:
    add('cycle10', **{'cyclegan.cycle': 10.0})
    add('cycle0', **{'cyclegan.cycle': 0.0})
