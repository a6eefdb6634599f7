"""AnoGAN: a DCGAN that has never seen a sandal, and how well its scores tell sandals from other clothes.

Paper: Schlegl 2017 (1703.05921), whose images are of retinas; the nets are DCGAN's (Radford 2016, 1511.06434).
Command: python launch.py --config=experiments/anogan_fashion_mnist.py
  then the same with --mode=anomaly: scores of 1,000 test images, as they come, so that about 100 are sandals.
  Another class: --config.data.without='ankle boot' (or its number), with a --workdir of its own.
Hardware and cost: two CPU cores that others use too, 8 to 14 steps a second: 7 minutes. The scores take 100 s of CPU.
Expected: seed 0, step 3,000, of 1,000 images 90 sandals: area under the ROC curve 0.729+-0.027 (standard error); of the
  residual alone 0.687, of the features alone 0.792; of the distance in pixels to the nearest of 10,000 training images,
  which needs no GAN, 0.837. So the GAN's scores are better than chance, and worse than neighbours. They measure how
  intricate an image is as much as how new: bags, which it has seen, score as high as sandals (117 and 118 on average),
  then shirts (92), and trousers the lowest (48). The picture shows it: at the top prints, stripes, logos, high heels,
  whose likes the generator draws as plain clothes; at the bottom trousers and a dress, drawn as they are.
Deviations: lambda = 0.1 and 500 steps down as in the paper, the learning rate of the latents (0.05) by the least
  score that 250 test images came to, whatever their classes. Nets of width 24 for 28 pixels, averaged weights.
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
