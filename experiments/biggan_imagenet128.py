"""BigGAN on ImageNet at 128 x 128: large batches, wide nets, one embedding of the class, latents for every block.

Paper: Brock 2019 (1809.11096), tables 1 and 4, appendices B and C.
Command: python launch.py --config=experiments/biggan_imagenet128.py
  on fewer devices: --config.train.micro=8; 256 pixels: --config.data.size=256 --config.latents.size=140
  --config.generator.attention='(128,)'; 512 pixels: 512, 160, '(64,)'
Hardware and cost: batches of 2,048 through 70.4 and 88.0 M parameters, 250,000 steps: for many accelerators; never run.
Expected: not run. The paper reports inception score 166.5 and FID 7.4 at a truncation of its choice; before nets
  collapse, which is expected after 100,000 to 200,000 steps: the best checkpoint stays.
Deviations: orthogonal regularization with its true gradient, of which the authors' code takes half; statistics of
  batches are running averages, not standing ones; averages begin at step 20,000, as in the authors' PyTorch code.
"""

from ml_collections import ConfigDict

from experiments import common

# Of smoke variants: four classes of two pictures.
SMOKE = {'data.name': common.DOMAINS.replace('unpaired:', 'folder:'), 'eval.samples': 8}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'tfds:imagenet2012'
    config.data.size = 128
    config.data.flip = True
    config.latents.size = 120
    net = {'net': 'biggan', 'width': 96, 'attention': (64,)}
    config.generator = ConfigDict(net | {'label_size': 128, 'hierarchical': True, 'condition': 'norm'})
    config.critic = ConfigDict(net | {'condition': 'projection'})
    config.game = 'hinge'
    config.terms.orthogonal = {'weight': 1e-4}
    config.optimizer.generator = common.adam(5e-5, b1=0.0)
    config.optimizer.critic = common.adam(2e-4, b1=0.0)
    config.ema.decay, config.ema.warmup, config.ema.begin = 0.9999, 1.0, 20_000
    config.train.steps = 250_000
    config.train.batch_size = 2_048
    config.train.n_critic = 2
    config.train.sync_batch_norm = True
    common.every(config, 5_000)
    config.eval.samples = 50_000
    return common.finish(config, variant, __file__, SMOKE)
