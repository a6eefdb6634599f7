"""The Dirac-GAN: nine methods x three schedules: which converge to the equilibrium, which cycle, which diverge?

Paper: Mescheder 2018 (1801.04406), section 2, and its notebook: the data are the point 0, the generator a point theta,
  the critic the line psi x; gradient descent with h = 0.2, 500 steps from (theta, psi) = (1, 1).
Command: python launch.py --sweep=experiments/sweeps/dirac.py --seeds=1
  (nothing is random, so all seeds give the same)
Hardware and cost: two CPU cores, 75 s for one seed on shared cores, mostly compilation of 27 programs.
Expected: near (0, 0) one step multiplies (theta, psi) by a matrix, whose spectral radius is:

  method                       simultaneous  alternating  alternating5
  minimax                            1.0050       1.0000        1.0000
  non_saturating                     1.0050       1.0000        1.0000
  wasserstein                        1.0198       1.0000        1.0000
  least_squares                      1.0198       1.0000        1.0000
  hinge                              1.0198       1.0000        1.0000
  relativistic_pairing               1.0050       1.0000        1.0000
  minimax_r1                         0.9539       0.9487        0.8737
  relativistic_pairing_r1_r2         0.9732       0.9740        0.9749
  wasserstein_gp0                    0.9165       0.8944        0.7647

  Below 1 the method converges: |theta|, which is eval/sliced_wasserstein, ends below 1e-5. At 1 higher-order terms
  decide: minimax, Wasserstein and hinge cycle forever, with (theta, psi) at 0.8 to 2.4 from the equilibrium;
  non-saturating, least squares and pairing converge like 1 / sqrt(step), to 0.06 to 0.32 in 500 steps. Above 1 the
  equilibrium is repelling: Wasserstein diverges, to 25,000, the others end on a cycle at 0.6 to 4 around it.
  `tests/test_dirac_sweep.py` derives these numbers, and checks our train step against them to 1e-4.
Deviations: methods without such a matrix are left out: WGAN's clipping and WGAN-GP's norm 1 have a kink at psi = 0, and
  instance noise is random. Least squares has the targets (real, fake, generator) = (1, -1, 1): with the paper's (1, 0,
  1) or (1, -1, 0) one force vanishes near 0, because a line through 0 scores the real point 0 for any psi, and a whole
  line of points, psi = 0 or theta = 0, is stationary. The gradient penalty is centered at 0 (gp0), not 1. Near the
  equilibrium, scores are far from the hinges' kinks at +-1, so hinge equals Wasserstein.
"""

from ml_collections import ConfigDict

from experiments import common

METHODS = {
    'minimax': {'game': 'minimax'},
    'non_saturating': {'game': 'non_saturating'},
    'wasserstein': {'game': 'wasserstein'},
    'least_squares': {'game': 'least_squares', 'targets.fake': -1.0},
    'hinge': {'game': 'hinge'},
    'relativistic_pairing': {'game': 'relativistic_pairing'},
    'minimax_r1': {'game': 'minimax', 'terms.r1.weight': 0.5},
    'relativistic_pairing_r1_r2': {
        'game': 'relativistic_pairing', 'terms.r1.weight': 1.0, 'terms.r2.weight': 1.0,
    },
    'wasserstein_gp0': {
        'game': 'wasserstein', 'terms.wgan_gp.weight': 0.5, 'terms.wgan_gp.target': 0.0,
    },
}  # fmt: skip
SCHEDULES = {
    'simultaneous': {'dynamics': 'simultaneous'},
    'alternating': {},
    'alternating5': {'train.n_critic': 5},
}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'dirac'
    config.latents.size = 1
    config.generator = ConfigDict({'net': 'dirac', 'start': 1.0})
    config.critic = ConfigDict({'net': 'dirac', 'start': 1.0})
    for role in ('generator', 'critic'):
        config.optimizer[role] = ConfigDict({'name': 'sgd', 'learning_rate': 0.2, 'momentum': 0.0})
    config.train.steps = 500
    config.train.batch_size = 2  # all examples are the same point
    config.train.steps_per_call = 10
    config.train.log_every = 10
    common.every(config, 500)
    config.eval.every = 10
    config.eval.samples = 2
    return common.finish(config, variant, __file__)


def sweep(add) -> None:
    for method, overrides in METHODS.items():
        for schedule, how in SCHEDULES.items():
            add(f'{method}+{schedule}', **overrides, **how)
