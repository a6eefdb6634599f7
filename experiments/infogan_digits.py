"""InfoGAN on the 8x8 digits of scikit-learn: the category's bound comes to log 10 in about a minute.

Paper: Chen 2016 (1606.03657), the settings of infogan_mnist.
Command: python launch.py --config=experiments/infogan_digits.py
  --mode=sample also draws each category (a column each), and what each code changes from -2 to 2.
Hardware and cost: two CPU cores, a minute of CPU time; 115 to 232 s while others used them.
Expected: generator/category_information, at most log 10 = 2.303 nats, is 2.30 (seeds 0, 1, 2: 2.295, 2.299, 2.299).
  Matched one to one with the digits that a classifier sees in the samples, the categories are wrong for 24, 22 and
  17 % of 2,000 samples; those that the recognition net reads in the real images, for 28, 23 and 17 %. The paper has 5 %
  on MNIST. Each category is one shape, but digits that look alike at 8 pixels (1 and 2, 1 and 8, 3 and 5) share some.
  FD (pixels) 0.33, 0.41, 0.40, of two halves of the real data 0.08, of the untrained generator 11.
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
