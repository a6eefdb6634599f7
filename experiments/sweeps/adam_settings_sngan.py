"""SN-GAN's six settings of Adam and n_critic, A to F, for the hinge loss with spectral norm on CIFAR-10.

Paper: Miyato 2018 (1802.05957), section 4.1 and figure 1.
Command: python launch.py --sweep=experiments/sweeps/adam_settings_sngan.py --seeds=3
Hardware and cost: on two CPU cores about 1.3 s per step with one critic update; meant for an accelerator.
Expected: untested. In the paper spectral norm trains well at all six, while WGAN-GP fails at the high rates and momenta
  of D, E and F.
Deviations: those of sngan_cifar10, with the same nets and 100,000 generator updates.
"""

from ml_collections import ConfigDict

from experiments import sngan_cifar10

SETTINGS = {  # learning rate, beta1, beta2, n_critic
    'A': (1e-4, 0.5, 0.9, 5),
    'B': (1e-4, 0.5, 0.999, 1),
    'C': (2e-4, 0.5, 0.999, 1),
    'D': (1e-3, 0.5, 0.9, 5),
    'E': (1e-3, 0.5, 0.999, 5),
    'F': (1e-3, 0.9, 0.999, 5),
}


def get_config(variant: str = '') -> ConfigDict:
    return sngan_cifar10.get_config(variant)


def sweep(add) -> None:
    for name, (learning_rate, b1, b2, n_critic) in SETTINGS.items():
        adam = {'learning_rate': learning_rate, 'b1': b1, 'b2': b2}
        both = {f'optimizer.{role}.{key}': x for role in ('generator', 'critic') for key, x in adam.items()}
        add(name, **both, **{'train.n_critic': n_critic})
