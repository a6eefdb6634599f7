"""BigGAN, small, on Fashion-MNIST with a black frame: all of its parts at the scale of two CPU cores.

Paper: Brock 2019 (1809.11096), appendix B.
Command: python launch.py --config=experiments/biggan_fashion_mnist.py
Hardware and cost: two threads of one CPU core: 53 minutes, for a part of them beside tests; 80 where the same core ran
  at half its speed.
Expected: FD (classifier, 2,000 samples) of seed 0 101, 25.7, 14.5, 8.2, 7.1, 6.0, 7.5, 4.5 every 500 steps, of seed 1
  97, 29, 19, 9.2, 7.7, 7.1, 5.6, 3.9 (untrained 307, halves 1.2). Step 4,000, 10,000 samples: FD 4.21, 3.57 (halves
  0.27; projection_fashion_mnist 6.82), accuracy 91.3, 89.3 % (real images 91.2; trousers 100, shirts 77, 68), precision
  0.79, 0.81, recall 0.48, 0.46. Clothes of all classes, some textures dotted, sandals broken.
Deviations: other data and size; 32 channels, batch 64. Rates are those of the authors' code for CIFAR-10, 2e-4 for
  both, with two critic steps in place of four: with one, and 1e-4 and 4e-4, it took twice the steps, and scores jumped
  by a factor of three. Weights are averaged from step 1,000 on with a decay of 0.999.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'fashion_mnist'
    config.data.size = 32
    config.latents.size = 80  # 20 for the first layer and for each block
    net = {'net': 'biggan', 'width': 8, 'attention': (16,)}
    config.generator = ConfigDict(net | {'label_size': 32, 'hierarchical': True, 'condition': 'norm'})
    config.critic = ConfigDict(net | {'condition': 'projection'})
    config.game = 'hinge'
    config.optimizer.generator = common.adam(2e-4, b1=0.0)
    config.optimizer.critic = common.adam(2e-4, b1=0.0)
    config.ema.decay = 0.999
    config.ema.begin = 1_000
    config.train.steps = 4_000
    config.train.n_critic = 2
    config.train.batch_size = 64
    common.every(config, 500)
    config.train.sync_batch_norm = True
    config.eval.features = 'classifier'
    return common.finish(config, variant, __file__, {'data.name': 'digits', 'eval.features': 'pixels'})
