"""SRResNet, SRGAN by pixels and SRGAN by a frozen net, on emoji of 16 pixels: rows of the paper's table 1.

Paper: Ledig 2017 (1609.04802), tables 1 and 2: SRGAN has the lower PSNR, and looks better to people.
Command: python launch.py --sweep=experiments/sweeps/srgan_openmoji64.py --seeds=3
Hardware and cost: two CPU cores; 9 runs in 3 programs. Not timed.
Expected: not run.
Deviations: those of srgan_openmoji64. All rows have as many steps; in the place of people's opinions stand FD
  (EfficientNet-Lite0), in whose first blocks the row 'srgan' learns, and which 'srgan_mse' has not seen.
"""

from ml_collections import ConfigDict

from experiments import srgan_openmoji64


def get_config(variant: str = '') -> ConfigDict:
    return srgan_openmoji64.get_config(variant)


def sweep(add) -> None:
    add('srresnet', **{'stages.adversarial': None})
    add('srgan_mse', **{'stages.adversarial.srgan.perceptual': None})
    add('srgan')
