"""BigGAN, small, on Fashion-MNIST with a black frame: all of its parts at the scale of two CPU cores.

Paper: Brock 2019 (1809.11096), appendix B.
Command: python launch.py --config=experiments/biggan_fashion_mnist.py
Hardware and cost: two CPU cores; 69 minutes beside other programs, 1.5 steps per second, of which its program takes two
  minutes to compile.
Expected: seed 0, the best checkpoint, after 5,000 steps: FD (classifier, 10,000 samples) 5.93 (halves 0.29, untrained
  315; projection_fashion_mnist 6.82), precision 0.68, recall 0.60, accuracy 87.0 % (trousers 100 %, shirts 53 %; real
  images 91.2 %). Clothes of all classes, some dotted, sandals broken. It is not steady: 21.5 after 4,000 steps. With
  latents truncated at 0.6, 2,000 samples have a precision of 0.89 and a recall of 0.20 (0.80 and 0.60 without).
Deviations: other data and size; 32 channels, batch 64, and the learning rates of the authors' code, 1e-4 and 4e-4, with
  one critic step; weights are averaged from step 1,000 on with a decay of 0.999.
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
    config.optimizer.generator = common.adam(1e-4, b1=0.0)
    config.optimizer.critic = common.adam(4e-4, b1=0.0)
    config.ema.decay = 0.999
    config.ema.begin = 1_000
    config.train.steps = 6_000
    config.train.batch_size = 64
    config.train.sync_batch_norm = True
    config.eval.features = 'classifier'
    return common.finish(config, variant, __file__, {'data.name': 'digits', 'eval.features': 'pixels'})
