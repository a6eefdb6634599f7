"""What does half the digits cost? `quickstart` in float32 and with activations and products in bfloat16.

Command: python launch.py --sweep=experiments/sweeps/precision.py --seeds=3
Hardware and cost: for an accelerator. CPUs without bfloat16 matrix units are slower in it: two cores of the kind take
  twice as long.
Expected: see BUILD_NOTES.md (Speed).
Deviations: those of quickstart.
"""

from ml_collections import ConfigDict

from experiments import quickstart


def get_config(variant: str = '') -> ConfigDict:
    return quickstart.get_config(variant)


def sweep(add) -> None:
    for precision in ('float32', 'bfloat16'):
        add(precision, **{'train.precision': precision})
