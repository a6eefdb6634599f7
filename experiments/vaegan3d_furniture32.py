"""3D-VAE-GAN on furniture at 32^3 voxels: shapes from pictures of them, which are drawn in the compiled step.

Paper: Wu 2016 (1610.07584), section 3.3.
Command: python launch.py --config=experiments/vaegan3d_furniture32.py
  then --mode=evaluate: of held-out models the IoU and the average precision, beside those of the mean model and of the
  model of the training set whose picture is nearest
Hardware and cost: two CPU cores; 26 minutes, 1.3 steps per second.
Expected: seed 0, of 21 held-out models IoU 0.366 and average precision 0.42; the model of the nearest picture has 0.330
  and 0.33, the mean model 0.065 and 0.44. Sofas, beds and cupboards are recognized, chairs have crumbs around them; a
  rocking horse is none. After 1,000 steps IoU is as good, and shapes are smoother.
Deviations: other data; pictures of the models alone, in one color on white, from up to 60 degrees off the front; 32
  voxels and pixels, nets of half the width, batch 16; one rate of 5e-4 for generator and critic and 1e-3 for the
  encoder, R1 in place of the critic's batch norms, no gate; a divergence of weight 0.01 and a reconstruction of 1e-2,
  because with the paper's 5 and 1e-4 the latents say nothing of so few pictures.
"""

from ml_collections import ConfigDict

from experiments import common, gan3d_furniture32


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'furniture'
    config.data.size = 32
    config.data.split = 'train'
    config.data.flip = True
    config.data.view = 32
    play(config, width=32, rate=5e-4, critic_rate=5e-4, encoder_width=32)
    config.vaegan3d.update({'kl': 0.01, 'reconstruction': 1e-2, 'encoder_rate': 1e-3})
    config.generator.occupancy = 0.12
    config.critic.norm = 'none'
    config.terms.r1 = {'weight': 0.5, 'every': 4}
    config.ema.decay = 0.99
    config.train.steps = 2_000
    config.train.batch_size = 16
    common.every(config, 500)
    config.eval.samples = 20
    smoke = {'generator.base': 8, 'critic.base': 8, 'vaegan3d.encoder_width': 4, 'terms.r1.every': 1}
    return common.finish(config, variant, __file__, smoke)


def play(config: ConfigDict, width: int, rate: float, critic_rate: float, encoder_width: int) -> None:
    """Sets the paper's system and nets; its rates are those of 3D-GAN."""
    gan3d_furniture32.play(config, width, rate, critic_rate)
    config.system = 'vaegan3d'
    config.vaegan3d = ConfigDict({'encoder_width': encoder_width})
    config.latents.distribution = 'normal'
