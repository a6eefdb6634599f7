"""StyleGAN2 with ADA, narrow, on emoji in color: at the scale of two CPU cores.

Paper: Karras 2020 (1912.04958); ADA: Karras 2020 (2006.06676).
Command: python launch.py --config=experiments/stylegan2_openmoji32.py
  then --mode=sample: also sheets of truncation, of pairs of styles mixed by layers, and of noise
  then --mode=evaluate --truncation=1,0.9,0.8,0.7,0.5: what is gained and lost by truncation
  Other groups: --config.data.group=animals-nature (or food-drink, objects, ...); all 1,618 images: =None
  With the paper's regularizers: --config.stylegan2.mixing=0.9 --config.stylegan2.path_length=2.0
  With DiffAugment (2006.10738) in place of ADA: --config.augment.names=color,translation,cutout
  --config.augment.probability=1.0 --config.augment.target=None
  At 64 pixels: stylegan2_openmoji64
Hardware and cost: two CPU cores; on one busy core 1.9 steps/s, 80 minutes.
Expected: faces with brows, glasses and teeth, hearts, cats, gems. FD (EfficientNet-Lite0) 681, 541, 410, 381, 358, 350
  after 1,000, 2,000, 3,000, 4,000, 6,000, 8,000 steps, and 312 after 500 more, as a run of their own at the lower rate
  that began with this generator and critic (real halves 195, untrained 746).
Deviations: other data; 8 to 48 channels, w of 64 numbers, a mapping of 2 layers, batch 32; no style mixing, no path
  length; ADA of translations alone, since these emoji are all upright and of a few colors; p rises 25 times as fast as
  theirs, to 1. Rates are .008 in place of .002, but for the last 1,000 steps: weights are of variance 1 here, which
  Adam moves by .2 % a step at .002, the DCGAN's in experiments/quickstart.py by 1.5 %; at .002 all samples had one
  shape after 3,000 steps. R1's gamma of .5 is far above the heuristic of StyleGAN2-ADA, .0002 size^2 / batch = .0064,
  of which a run warns: that is for a thousand times as many images and steps. Averages have a half-life of 4,400
  images.
"""

from ml_collections import ConfigDict

from experiments import common

SMOKE = {'eval.features': 'pixels', 'train.conv': 'lax', 'stylegan2.mapping': 1, 'terms.r1.every': 1}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'stylegan2'
    config.stylegan2 = ConfigDict({'mapping': 2, 'mixing': None, 'path_length': None})
    config.data.name = 'openmoji'
    config.data.size = 32
    config.data.style = 'color'
    config.data.group = 'smileys-emotion'
    config.data.flip = True
    config.latents.size = 64
    config.generator = ConfigDict({'net': 'stylegan2', 'base': 256, 'width': 48})
    config.critic = ConfigDict({'net': 'stylegan2', 'base': 256, 'width': 48, 'group': 8})
    config.terms.r1 = ConfigDict({'weight': 0.5, 'every': 4})
    config.augment = ConfigDict({'names': 'translation', 'probability': 0.0, 'target': 0.6, 'kimg': 20.0})
    for role in ('generator', 'critic'):
        config.optimizer[role] = common.adam(8e-3, 0.0, 0.99)
    rates = 'optimizer.generator.learning_rate,optimizer.critic.learning_rate'
    config.schedules.rates = {'of': rates, 'to': 2e-3, 'begin': 8_000, 'end': 8_250}
    config.ema.decay = 0.995
    config.train.steps = 9_000
    config.train.batch_size = 32
    common.every(config, 500)
    config.eval.samples = 1_600
    return common.finish(config, variant, __file__, SMOKE)
