"""AnoGAN: a DCGAN trained without sandals, whose anomaly scores should detect them.

Paper: Schlegl 2017 (1703.05921), whose images are of retinas; the nets are DCGAN's (Radford 2016, 1511.06434).
Command: python launch.py --config=experiments/anogan_fashion_mnist.py
  then the same with --mode=anomaly: scores of 1,000 test images, of which about 100 are sandals.
  Another class: --config.data.without='ankle boot' (or its number), with its own --workdir.
Hardware and cost: two shared CPU cores, 8 to 14 steps per second: 7 minutes. The scores take 100 s of CPU.
Expected: seed 0, step 3,000, 1,000 images with 90 sandals: area under the ROC curve 0.729+-0.027 (standard error);
  residual alone 0.687, features alone 0.792; pixel distance to the nearest of 10,000 training images, without a GAN,
  0.837. So the scores are better than chance, but worse than nearest neighbors. They measure complexity as much as
  novelty: bags, which are in the training data, score as high as sandals (117 and 118 on average), then shirts (92),
  and trousers lowest (48). In the picture, the highest scores are prints, stripes, logos and high heels, which the
  generator renders as plain clothes; the lowest are trousers and a dress, which it reconstructs well.
Deviations: lambda = 0.1 and 500 steps as in the paper; the learning rate of the latents (0.05) gave the lowest scores
  of 250 test images, regardless of class. Nets of width 24 for 28 pixels, averaged weights.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'fashion_mnist'
    config.data.size = 28
    config.data.without = 'sandal'
    config.latents.size = 100
    config.latents.distribution = 'uniform'
    config.generator = ConfigDict({'net': 'dcgan', 'width': 24, 'base': 7})  # 7, 14, 28
    config.critic = ConfigDict({'net': 'dcgan', 'width': 24, 'base': 7})
    config.ema.decay = 0.999
    config.train.steps = 3_000
    config.train.batch_size = 128
    config.eval.features = 'pixels'
    return common.finish(config, variant, __file__, {'data.name': 'digits', 'data.without': '5'})
