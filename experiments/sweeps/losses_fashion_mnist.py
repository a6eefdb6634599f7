"""The seven GANs of 'Are GANs created equal?' on Fashion-MNIST, each at the settings of its own paper.

Paper: Lucic 2018 (1711.10337). Nets and settings are the defaults of the study's code, google/compare_gan in 2018
  (params.py, abstract_gan.py, BEGAN.py; not checked against the text): Adam with beta2 0.999 for all, including WGAN;
  batch 64, 64 latents U(-1, 1), batch norm in the critic except for WGAN-GP and BEGAN.
Command: python launch.py --sweep=experiments/sweeps/losses_fashion_mnist.py --seeds=5
  At the scale of two CPU cores: --seeds=3 --config.generator.width=16 --config.critic.width=16
  --config.train.steps=1000 --config.eval.every=250 --config.train.checkpoint_every=250
  --config.train.sample_every=1000 --config.eval.features=classifier
Hardware and cost: for an accelerator: a step with one critic update is 21 GFLOP (counted), so an hour per run on two
  CPU cores, three or more with five critic updates, and about three days for all 35 runs. A run's state is 160 MB. The
  small one: 55 minutes on one thread of a CPU, another program on the other.
Expected: not run at full size. The paper's FID, each the best of 100 settings (not these defaults): minimax 29.6+-1.6,
  non-saturating 26.5+-1.6, LSGAN 30.7+-2.2, WGAN 21.5+-1.6, WGAN-GP 24.5+-2.1, DRAGAN 27.7+-1.2, BEGAN 22.9+-0.9. The
  report here has the sliced Wasserstein distance of pixels, which may rank differently. Of the small one, FD
  (classifier): LSGAN 76+-60, WGAN-GP 100+-13, WGAN 199+-49, BEGAN 510+-58, minimax 524+-16, DRAGAN 568+-27,
  non-saturating 572+-21: clothes by the first two alone. That ranks the papers' learning rates more than their losses:
  1,000 steps of 5e-5 have hardly begun, and five critic steps are five times the work.
Deviations: 15,625 generator updates for all, where the code counts critic updates, so that its WGAN, WGAN-GP and BEGAN,
  with five of them, had 3,125; images in (-1, 1) by tanh in place of (0, 1) by sigmoid, so that BEGAN's errors are
  twice as large and k changes twice as fast; batch norm's momentum 0.9 and epsilon 1e-5 in place of 0.999 and 1e-3; new
  latents for the generator's update, where the code reuses the critic's except for WGAN-GP. LSGAN's scores and the
  critic that DRAGAN's penalty differentiates are before the sigmoid, as in their papers; the code takes them after it.
  k is kept in [0, 1] and updated once per generator update, as in BEGAN's paper; the code updates it with the critic.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'fashion_mnist'
    config.data.size = 28
    config.latents.size = 64
    config.latents.distribution = 'uniform'
    config.generator = ConfigDict({'net': 'infogan', 'width': 64})
    config.critic = ConfigDict({'net': 'infogan', 'width': 64, 'norm': 'batch'})
    config.train.steps = 15_625  # 20 epochs of 50,000 images, as the code counts
    common.every(config, 3_125)
    return common.finish(config, variant, __file__, {'data.name': 'digits'})


def adam(learning_rate: float, b1: float) -> dict[str, float]:
    numbers = {'learning_rate': learning_rate, 'b1': b1}
    return {f'optimizer.{role}.{key}': x for role in ('generator', 'critic') for key, x in numbers.items()}


def sweep(add) -> None:
    add('minimax', game='minimax', **adam(5e-5, 0.0))
    add('non_saturating', game='non_saturating', **adam(5e-5, 0.0))
    add('lsgan', game='least_squares', **adam(2e-4, 0.5))
    five = {'train.n_critic': 5}
    add('wgan', game='wasserstein', **{'optimizer.critic.clip_weights': 0.01}, **five, **adam(5e-5, 0.5))
    gp = {'terms.wgan_gp.weight': 10.0, 'critic.norm': 'none'}
    add('wgan_gp', game='wasserstein', **gp, **five, **adam(1e-4, 0.5))
    dragan = {'terms.dragan.weight': 10.0}
    add('dragan', game='non_saturating', **dragan, **adam(1e-4, 0.5))
    began = {'began.gamma': 0.75, 'began.rate': 0.001, 'critic.norm': 'none'}
    add('began', system='began', **began, **five, **adam(1e-4, 0.5))
