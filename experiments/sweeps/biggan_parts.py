"""From SAGAN to BigGAN: larger batches by themselves, in micro-batches of 32; then a part at a time, one embedding of
the class, latents for every block, orthogonal kernels and their regularization, attention.

Paper: Brock 2019 (1809.11096), table 1: of the parts the batch matters most, then channels, the shared embedding, and
  latents for every block.
Command: python launch.py --sweep=experiments/sweeps/biggan_parts.py --seeds=3
Hardware and cost: two CPU cores, a launch of one core on each, beside another program: 80 minutes, of which batches of
  512 are 64 for one core, 18 s a step of three seeds.
Expected: FD (classifier, 2,000 samples) after 200 steps, three seeds: SAGAN 109 +- 9, batches of 128 92 +- 35, of 512
  86 +- 18, one embedding 103 +- 19, latents for every block 117 +- 27, orthogonal 147 +- 17, attention 151 +- 17
  (halves 1.2): no difference shown. By eye, clothes have outlines with batches of 512, and are blots with those of 128.
Deviations: those of experiments/biggan_fashion_mnist.py; 16 channels, 200 steps at rates of 1e-3; batch norm sees 32
  examples in every row; attention comes last, where SAGAN has it from the beginning.
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
        config.train.steps = 200
        config.train.batch_size = MICRO
        for role in ('generator', 'critic'):
            config.optimizer[role].learning_rate = 1e-3
        config.ema.update(begin=50, decay=0.98)
        common.every(config, 100)
    return config


def sweep(add) -> None:
    add('sagan')
    for size in BATCHES:
        add(f'batch_{size}', **{'train.batch_size': size, 'train.micro': size // MICRO})
    overrides = {}
    for name, part in PARTS.items():
        overrides |= part
        add(name, **overrides)
