"""PacGAN on stacked Fashion-MNIST: three grayscale images as the channels of one, 1,000 modes counted by a classifier.

Paper: Lin 2018 (1712.04086), section 4.2, whose nets and settings are those of Unrolled GAN (Metz 2017, 1611.02163).
Command: python launch.py --config=experiments/pacgan_stacked_fashion_mnist.py
  --config.pack=1 --config.train.batch_size=128 is the DCGAN that it is compared with
Hardware and cost: 500,000 steps of small nets, for an accelerator.
Expected: untested at full size; after 6,000 steps 786 modes of 1,000 (reverse KL 1.20) without packs, 819 (1.21) with
  packs of 2, of low quality still. In the paper, on stacked MNIST, with a critic of half the generator's width, of
  1,000 modes: DCGAN 487.7 (reverse KL 2.24), packs of 2, 3, 4: 840.7 (1.00), 866.6 (0.90), 820.2 (1.15).
Deviations: clothes in place of digits; the generator's last convolution is the last upsampling; images 4, 7, 14, 28.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'stacked'
    config.data.of = 'fashion_mnist'
    config.data.num = 128_000
    config.data.size = 28
    config.latents.size = 256
    config.generator = ConfigDict({'net': 'dcgan', 'width': 16, 'kernel': 3})  # 64, 32, 16 channels
    config.critic = ConfigDict({'net': 'dcgan', 'width': 4, 'kernel': 3})  # 4, 8, 16: half the generator's
    config.pack = 2
    config.optimizer.generator = common.adam(1e-4, b2=0.99)
    config.optimizer.critic = common.adam(2e-4, b2=0.99)
    config.train.steps = 500_000
    config.train.batch_size = 256  # 128 packs
    common.every(config, 20_000)
    config.eval.features = 'classifier'
    config.eval.samples = 25_600  # of which 'modes' and 'reverse_kl'
    return common.finish(config, variant, __file__, {'data.of': 'digits', 'data.num': 100, 'eval.features': 'pixels'})
