"""3D-GAN on furniture at 32^3 voxels, which is in the package: chairs, cupboards, beds, sofas and what stands on them.

Paper: Wu 2016 (1610.07584).
Command: python launch.py --config=experiments/gan3d_furniture32.py
  One kind of them: --config.data.group=chair (or kitchen, 'living room', table, ...)
Hardware and cost: TODO
Expected: not run.
Deviations: other data, all kinds in one model, mirrored at random; 32 voxels in place of 64 and half the width; batch
  32, a rate of the critic of 5e-5, as others take at 32 voxels; the generator's loss is -log D(G(z)), as in all ports;
  logits in place of a sigmoid in the critic; averages of the generator are sampled.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'furniture'
    config.data.size = 32
    config.data.flip = True
    play(config, width=32, critic_rate=5e-5)
    config.ema.decay = 0.995
    config.train.steps = 3_000
    config.train.batch_size = 32
    common.every(config, 500)
    config.eval.samples = 500
    return common.finish(config, variant, __file__)


def play(config: ConfigDict, width: int, critic_rate: float) -> None:
    """Sets the paper's nets, latents, rates and gate. critic_rate: 1e-5 in the paper."""
    config.gan = ConfigDict({'gate': 0.8})
    config.latents.size = 200
    config.latents.distribution = 'unit'
    config.generator = ConfigDict({'net': 'gan3d', 'width': width})
    config.critic = ConfigDict({'net': 'gan3d', 'width': width})
    config.optimizer.generator = common.adam(2.5e-3)
    config.optimizer.critic = common.adam(critic_rate)
