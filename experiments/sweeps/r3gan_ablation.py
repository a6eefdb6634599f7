"""The non-saturating and the relativistic game x no penalty, R1, R1 and R2: modes of stacked Fashion-MNIST.

Paper: Huang 2025 (2501.05441), table 1: on stacked MNIST only the relativistic game with both penalties finds all
  modes with the fewest of them repeated; without R2 both games diverge.
Command: python launch.py --sweep=experiments/sweeps/r3gan_ablation.py --seeds=3
Hardware and cost: two CPU cores; on one of them, beside another program, 64 minutes.
Expected: no difference over three seeds, and nothing diverges within 5,000 steps: of 1,000 modes 981 to 1,000 on the
  average, the relativistic game with R1 the steadiest (999.7 +- 0.6, reverse KL 0.14 +- 0.02).
Deviations: those of experiments/r3gan_stacked_fashion_mnist.py.
"""

from ml_collections import ConfigDict

from experiments import r3gan_stacked_fashion_mnist

GAMES = {'gan': 'non_saturating', 'rpgan': 'relativistic_pairing'}
PENALTIES = {'none': {}, 'r1': {'terms.r1.weight': 0.1}, 'r1_r2': {'terms.r1_r2.weight': 0.1}}


def get_config(variant: str = '') -> ConfigDict:
    config = r3gan_stacked_fashion_mnist.get_config(variant)
    config.terms = {}
    return config


def sweep(add) -> None:
    for game, name in GAMES.items():
        for penalty, overrides in PENALTIES.items():
            add(f'{game}_{penalty}', game=name, **overrides)
