"""InfoGAN on the 8x8 digits of scikit-learn: the category's bound reaches log 10 in about a minute.

Paper: Chen 2016 (1606.03657), the settings of infogan_mnist.
Command: python launch.py --config=experiments/infogan_digits.py
  --mode=sample also draws each category (one column each), and the effect of each code from -2 to 2.
Hardware and cost: two CPU cores, a minute of CPU time (115 to 232 s on shared cores).
Expected: generator/category_information, at most log 10 = 2.303 nats, is 2.30 (seeds 0, 1, 2: 2.295, 2.299, 2.299).
  After a one-to-one matching with the predictions of a classifier, the categories of 24, 22 and 17 % of 2,000 samples
  are wrong; those that the recognition net predicts for real images, in 28, 23 and 17 %. The paper has 5 % on MNIST.
  Each category is one shape, but digits that look alike at 8 pixels (1 and 2, 1 and 8, 3 and 5) share some. FD (pixels)
  0.33, 0.41, 0.40 (two halves of the real data: 0.08, untrained generator: 11).
Deviations: half the width of infogan_mnist, half its batch and half its generator's rate.
"""

from ml_collections import ConfigDict

from experiments import common, infogan_mnist


def get_config(variant: str = '') -> ConfigDict:
    config = infogan_mnist.get_config()
    config.data.name = 'digits'
    config.data.size = 8
    config.generator.width = config.critic.width = 32
    config.optimizer.generator.learning_rate = 5e-4
    config.train.steps = 3_000
    config.train.batch_size = 64
    config.eval.samples = 1_000
    config.eval.features = 'pixels'
    return common.finish(config, variant, __file__, {'infogan.widths': (8,)})
