"""Which losses make a translation, and patches of which size: the paper's tables 1 to 3 on emoji.

Paper: Isola 2017 (1611.07004), section 4.2 to 4.4. On Cityscapes, by a segmentation net on what was made (accuracy of
  pixels): L1 .42, GAN .22, cGAN .57, L1 + GAN .64, L1 + cGAN .66; patches of 1, 16, 70 and 286 pixels at 256: .39, .65,
  .66, .42.
Command: python launch.py --sweep=experiments/sweeps/pix2pix_losses.py --seeds=2
Hardware and cost: two CPU cores, 11 minutes for 16 runs in 5 programs.
Expected: held-out, two seeds, FD (EfficientNet-Lite0) / l1: `l1` 530 +- 1 / 20.6; with the critic as well, patches of 1
  pixel 538 +- 10 / 20.7, of 16 544 +- 22 / 21.0, of 34 510 +- 32 / 21.6, of 70 492 +- 8 / 22.2. `cgan` alone 552 +- 17
  / 24.0; without the source, `gan` 854 +- 81 / 37.9 and `l1_gan` 551 +- 18 / 21.0. So the larger the patches, the
  better the distance and the higher l1, as in the paper; with two seeds the corrected tests show no difference.
Deviations: other data, and distances in place of people and segmentation: l1 and psnr of held-out emoji against their
  true colors, and the Fréchet distance. 32 pixels, nets of a quarter of the width, 1,000 steps of 16 images; patches of
  16 pixels are half of the image here, those of 34 and 70 are all of it.
"""

from ml_collections import ConfigDict

from experiments import common, pix2pix_openmoji64

STEPS = 1_000


def get_config(variant: str = '') -> ConfigDict:
    config = pix2pix_openmoji64.get_config()
    config.data.size = 32
    config.pix2pix.update({'l1': 100.0, 'adversarial': 1.0, 'conditional': True})
    config.generator.width = config.critic.width = 16
    config.critic.patch = 16
    config.train.steps = STEPS
    common.every(config, STEPS // 2)
    return common.finish(config, variant, __file__)


def sweep(add) -> None:
    add('l1', **{'pix2pix.adversarial': 0.0})
    add('gan', **{'pix2pix.l1': 0.0, 'pix2pix.conditional': False})
    add('cgan', **{'pix2pix.l1': 0.0})
    add('l1_gan', **{'pix2pix.conditional': False})
    add('l1_cgan')
    for patch in (1, 34, 70):
        add(f'l1_cgan_patch_{patch}', **{'critic.patch': patch})
