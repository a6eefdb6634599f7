"""A small DCGAN on Fashion-MNIST at 32 pixels, which is then fine-tuned on OpenMoji's line drawings.

Paper: freezeD is Mo 2020 (2002.10964), fine-tuning of GANs Wang 2018 (1805.01677); nets of DCGAN (1511.06434) with the
  spectral norm of Miyato 2018 (1802.05957).
Command: python launch.py --config=experiments/finetune_openmoji_fashion.py
  then fine-tune it on the emoji, in another folder:
  python launch.py --config=experiments/finetune_openmoji_fashion.py --mode=finetune \\
    --from=runs/finetune_openmoji_fashion --workdir=runs/finetune_openmoji --config.data.name=openmoji \\
    --config.data.style=line
  With the critic's lowest block frozen: --config.finetune.freeze="('critic/block_32',)"
  sweeps/finetune_openmoji_fashion.py compares both to training from scratch.
Hardware and cost: two CPU cores, 20 to 35 steps per second, so about a minute; measured on shared cores.
Expected: seed 0, 1,000 samples: FD (pixels) 4.4 on Fashion-MNIST (untrained generator: 43); blurred shirts, shoes and
  bags. The emoji are only gray marks on white in this time: see the sweep.
Deviations: from 60,000 images to 1,580, as in the papers, but from light on black to black on white, which takes 200
  steps to adapt to; 16 channels in place of 64, 64 latents, batch 32, faster Adam.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'fashion_mnist'
    config.data.size = 32
    config.latents.size = 64
    config.generator = ConfigDict({'net': 'dcgan', 'width': 16})
    config.critic = ConfigDict({'net': 'dcgan', 'width': 16, 'norm': 'spectral'})
    config.optimizer.generator = common.adam(4e-4)
    config.optimizer.critic = common.adam(4e-4)
    config.ema.decay = 0.99
    config.train.steps = 800
    config.train.batch_size = 32
    config.train.log_every = 50
    common.every(config, 50)
    config.train.sample_every = config.train.checkpoint_every = 200
    config.eval.samples = 1_000
    config.eval.features = 'pixels'
    return common.finish(config, variant, __file__, {'data.name': 'digits', 'eval.features': 'pixels'})
