"""R3GAN on CIFAR-10, with labels: a relativistic game, R1 and R2, and modern nets without tricks.

Paper: Huang 2025 (2501.05441), configuration E; settings of the authors' published code.
Command: python launch.py --config=experiments/r3gan_cifar10.py
  32-pixel ImageNet (batch 4,096, gamma 0.5 to 0.05, half-life 50 M images, augmentation 0.5, T 200 M images):
  --config.data.name=folder:PATH --config.generator.widths='(1536,)*4' --config.generator.group=32, the critic alike
Hardware and cost: batches of 512 through 21 M parameters a net: for accelerators; never run here.
Expected: not run. The paper reports FID 1.96 (50,000 samples, all training images).
Deviations: colors are augmented as often as places, in the authors' code half as often. The generator's step compares
  with the real images of the critic's step, with new latents. Training lasts for 200 M images, ten times the schedules;
  the authors' code goes on until it is stopped.
"""

from ml_collections import ConfigDict

from experiments import common

NET = {'net': 'r3gan', 'widths': (768, 768, 768, 768), 'blocks': 2}
BATCH, IMAGES = 512, 20_000_000  # images in which all numbers come to their last values

# Of smoke variants: two stages of one block, and an augmentation that is quickly compiled.
SMOKE = {f'{net}.{key}': value for net in ('generator', 'critic') for key, value in (('widths', (8, 8)), ('blocks', 1))}
SMOKE |= {'augment.names': 'cutout'}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'cifar10'
    config.data.size = 32
    config.data.flip = True
    config.latents.size = 64
    config.generator = ConfigDict({**NET, 'condition': 'embedding'})
    config.critic = ConfigDict({**NET, 'condition': 'projection'})
    regularize(config, 0.05, 0.005, half_life=5_000_000, augment=0.55, batch=BATCH, images=IMAGES)
    config.train.steps = 10 * IMAGES // BATCH
    common.every(config, 5_000)
    config.eval.samples = 10_000
    return common.finish(config, variant, __file__, SMOKE | {'data.name': 'openmoji'})


def regularize(
    config: ConfigDict, gamma: float, last: float, half_life: float, augment: float, batch: int, images: int
) -> None:
    """Sets the game, its penalties, and the schedules of the authors' settings, all cosines over so many images.

    gamma, last: weight of R1 and R2 at first and at the end. half_life: of averaged weights at the end, in images.
    augment: probability of augmentations at the end.
    """
    config.game = 'relativistic_pairing'
    config.terms = {'r1_r2': {'weight': gamma}}
    config.augment.names, config.augment.probability = 'blit,geometric,lighting,cutout', 0.0
    for player in ('generator', 'critic'):
        config.optimizer[player] = common.adam(2e-4, b1=0.0, b2=0.9)
    config.ema.half_life, config.ema.warmup = 0.0, 1.0
    config.train.batch_size = batch
    moves = {
        'rate': ('optimizer.generator.learning_rate,optimizer.critic.learning_rate', 5e-5),
        'beta2': ('optimizer.generator.b2,optimizer.critic.b2', 0.99),
        'gamma': ('terms.r1_r2.weight', last),
        'average': ('ema.half_life', half_life / batch),
        'augment': ('augment.probability', augment),
    }
    when = {'begin': 0, 'end': images // batch, 'shape': 'cosine'}
    config.schedules = {name: {'of': of, 'to': to, **when} for name, (of, to) in moves.items()}
