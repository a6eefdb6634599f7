"""BigGAN's nets on CIFAR-10, with the settings of the authors' PyTorch code.

Paper: Brock 2019 (1809.11096); the settings are those of BigGAN-PyTorch for CIFAR-10.
Command: python launch.py --config=experiments/biggan_cifar10.py
  with DiffAugment (2006.10738): --config.augment.names=translation,cutout
Hardware and cost: 4.3 M parameters a net, five passes of 50 images a step, 125,000 steps: for an accelerator; not run.
Expected: not run. DiffAugment's code reports, for these nets, inception score 9.06 and FID 9.59 (10,000 samples, 10,000
  test images), with its augmentations 9.16 and 8.70.
Deviations: images are not quantized with noise.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'cifar10'
    config.data.size = 32
    config.data.flip = True
    config.latents.size = 128
    net = {'net': 'biggan', 'width': 64, 'kernel_init': 'normal'}
    config.generator = ConfigDict(net | {'condition': 'norm'})
    config.critic = ConfigDict(net | {'condition': 'projection'})
    config.game = 'hinge'
    config.optimizer.generator = common.adam(2e-4, b1=0.0)
    config.optimizer.critic = common.adam(2e-4, b1=0.0)
    config.ema.decay, config.ema.warmup, config.ema.begin = 0.9999, 1.0, 1_000
    config.train.steps = 125_000
    config.train.batch_size = 50
    config.train.n_critic = 4
    common.every(config, 5_000)
    config.eval.samples = 10_000
    return common.finish(config, variant, __file__, {'data.name': 'openmoji'})
