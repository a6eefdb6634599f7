"""The Dirac-GAN: which update rules make a game converge that cycles or diverges under plain gradient descent?

Paper: optimism: Daskalakis 2018 (1711.00141); extragradient: Gidel 2019 (1802.10551); consensus optimization: Mescheder
  2017 (1705.10461); look-ahead minimax: Chavdarova 2021 (2006.14567). The Dirac-GAN: Mescheder 2018 (1801.04406).
Command: python launch.py --sweep=experiments/sweeps/game_dynamics.py --seeds=1
  (nothing is random, so all seeds give the same)
Hardware and cost: two CPU cores, 28 s for one seed, mostly compilation of 12 programs.
Expected: near (0, 0) one step multiplies (theta, psi), and the optimizer state, by a matrix, whose spectral radius is;
  for look-ahead, the fifth root of that of five steps:

  method             minimax  wasserstein
  simultaneous        1.0050       1.0198
  alternating         1.0000       1.0000
  optimism            0.9949       0.9789
  extragradient       0.9950       0.9806
  consensus           0.9552       0.8246
  lookahead           0.9937       0.9741

  Starting from (1, 1), the maximum of |theta|, which is eval/sliced_wasserstein, over steps 400 to 500: simultaneous
  3.3 and 22,000; alternating 1.35 and 1.35, cycling; optimism 0.17 and 1.5e-4; extragradient 0.18 and 3.0e-4; consensus
  4.8e-9 and 4.2e-35; look-ahead 0.084 and 2.5e-5. So all four converge without a penalty. `tests/test_consensus.py`
  derives the radii, and checks the systems against their matrices step by step.
Deviations: the papers train images with Adam or RMSProp; here it is gradient descent with h = 0.2, which can be
  verified by hand. An extragradient step takes two gradients where the others take one, consensus a second derivative.
"""

from ml_collections import ConfigDict

from experiments import common
from experiments.sweeps import dirac

METHODS = {
    'simultaneous': {'dynamics': 'simultaneous'},
    'alternating': {},
    'optimism': {
        'dynamics': 'simultaneous', 'optimizer.generator.optimism': 1.0, 'optimizer.critic.optimism': 1.0,
    },
    'extragradient': {'dynamics': 'extragradient'},
    'consensus': {'dynamics': 'consensus', 'consensus.gamma': 1.0},
    'lookahead': {'dynamics': 'lookahead', 'lookahead.every': 5, 'lookahead.alpha': 0.5},
}  # fmt: skip
GAMES = ('minimax', 'wasserstein')


def get_config(variant: str = '') -> ConfigDict:
    config = dirac.get_config()
    for role in ('generator', 'critic'):
        config.optimizer[role] = common.sgd(0.2)
    return common.finish(config, variant, __file__)


def sweep(add) -> None:
    for method, overrides in METHODS.items():
        for game in GAMES:
            add(f'{game}+{method}', game=game, **overrides)
