"""From SAGAN to BigGAN: larger batches by themselves, in micro-batches of 32; then a part at a time, one embedding of
the class, latents for every block, orthogonal kernels and their regularization, attention.

Paper: Brock 2019 (1809.11096), table 1: of the parts the batch matters most, then channels, the shared embedding, and
  latents for every block.
Command: python launch.py --sweep=experiments/sweeps/biggan_parts.py --seeds=3
Hardware and cost: two CPU cores, busy: 0.3 s a step of 32 examples of one run alone, 0.5 s a run of five side by side,
  which took two minutes to compile: an hour a seed at the least.
Expected: not run.
Deviations: those of experiments/biggan_fashion_mnist.py; 16 channels, 500 steps; batch norm sees 32 examples in every
  row; attention comes last, where SAGAN has it from the beginning.
"""

from ml_collections import ConfigDict

from experiments import biggan_fashion_mnist, common

MICRO = 32  # examples
BATCHES = (128, 512)
PARTS = {
    'shared': {'generator.label_size': 32},
    'hierarchical': {'generator.hierarchical': True},
    'orthogonal': {
        'generator.kernel_init': 'orthogonal',
        'critic.kernel_init': 'orthogonal',
        'terms.orthogonal.weight': 1e-4,
    },
    'attention': {'generator.attention': [16], 'critic.attention': [16]},
}


def get_config(variant: str = '') -> ConfigDict:
    config = biggan_fashion_mnist.get_config(variant)
    config.generator.label_size, config.generator.hierarchical = None, False
    for net in (config.generator, config.critic):
        net.width, net.attention, net.kernel_init = 4, (), 'xavier'
    if not variant:
        config.train.steps = 500
        config.train.batch_size = MICRO
        config.ema.update(begin=100, decay=0.99)
        common.every(config, 250)
    return config


def sweep(add) -> None:
    add('sagan')
    for size in BATCHES:
        add(f'batch_{size}', **{'train.batch_size': size, 'train.micro': size // MICRO})
    overrides = {}
    for name, part in PARTS.items():
        overrides |= part
        add(name, **overrides)
