"""3D-GAN on furniture at 32^3 voxels, which is in the package: chairs, cupboards, beds, sofas and what stands on them.

Paper: Wu 2016 (1610.07584).
Command: python launch.py --config=experiments/gan3d_furniture32.py
  One kind of them: --config.data.group=chair (or kitchen, 'living room', table, ...)
Hardware and cost: two CPU cores, 61 minutes beside other programs (.7 to 1.3 steps/s).
Expected: FD (voxels) 7.35 after 1,500 steps and 13.5 after 2,500 (halves 3.88, untrained 32.8): lamps, vases, sofas,
  thinner and less varied than real ones. Smaller (16^3 voxels, width 16): varied blobs after 200 steps, while the
  paper's game, with rates of 2.5e-3 and 5e-5, gave one sample for all latents after 600, and so did gates of 0.8 and
  0.95 with equal rates after 400 and 200.
Deviations: other data, all kinds in one model, mirrored at random; 32 voxels in place of 64 and half the width; so
  that it learns in so few steps from so few models: no gate (--config.gan.gate=0.8 has it), both rates 5e-4, R1
  (1801.04406) in place of the critic's batch norms, pairs of examples (PacGAN, 1712.04086), a bias of the generator
  that begins at the occupancy of the data, batch 32; averages of the generator are sampled. The generator's loss is
  -log D(G(z)), as in all ports; logits in place of a sigmoid in the critic.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'furniture'
    config.data.size = 32
    config.data.flip = True
    play(config, width=32, rate=5e-4, critic_rate=5e-4)
    config.generator.occupancy = 0.12
    config.critic.norm = 'none'
    config.terms.r1 = {'weight': 0.5, 'every': 4}
    config.pack = 2
    config.ema.decay = 0.99
    config.train.steps = 2_500
    config.train.batch_size = 32
    common.every(config, 500)
    config.eval.samples = 500
    return common.finish(config, variant, __file__, {'generator.base': 8, 'critic.base': 8})


def play(config: ConfigDict, width: int, rate: float, critic_rate: float) -> None:
    """Sets the paper's nets and latents; its rates are 2.5e-3 and 1e-5."""
    config.latents.size = 200
    config.latents.distribution = 'unit'
    config.generator = ConfigDict({'net': 'gan3d', 'width': width, 'base': 4})
    config.critic = ConfigDict({'net': 'gan3d', 'width': width, 'base': 4})
    config.optimizer.generator = common.adam(rate)
    config.optimizer.critic = common.adam(critic_rate)
