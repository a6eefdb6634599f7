"""SN-GAN's ResNet on CIFAR-10: spectral norm in all layers of the critic, and the hinge loss.

Paper: Miyato 2018 (1802.05957), table 4 and appendix B.2.
Command: python launch.py --config=experiments/sngan_resnet_cifar10.py
  48 pixels (table 5): --config.data.name=folder:PATH --config.data.size=48
Hardware and cost: about 2.7 TFLOP per step (counted, not measured): for an accelerator.
Expected: untested at full size. The paper reports inception score 8.22 and FID 21.7 (10k real, 5k fake); mimicry 16.77
  (50k, 50k) with linear decay, and nets that differ in bilinear upsampling.
Deviations: the learning rate is constant for the paper's 100,000 generator updates; it decays linearly to 0 over 50,000
  in the authors' published settings, over 100,000 in mimicry. The generator's batch is 64, like the critic's, and 128
  in the authors' settings. The critic's last layer has a bias.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'cifar10'
    config.data.size = 32
    config.generator = ConfigDict({'net': 'resnet', 'width': 64})  # 256 channels
    config.critic = ConfigDict({'net': 'resnet', 'width': 64, 'norm': 'spectral'})  # 128 channels
    config.game = 'hinge'
    config.optimizer.generator = common.adam(2e-4, b1=0.0, b2=0.9)
    config.optimizer.critic = common.adam(2e-4, b1=0.0, b2=0.9)
    config.train.steps = 100_000
    config.train.batch_size = 64
    config.train.n_critic = 5
    common.every(config, 5_000)
    config.eval.samples = 10_000
    return common.finish(config, variant, __file__, {'data.name': 'openmoji'})
