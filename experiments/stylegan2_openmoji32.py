"""StyleGAN2, narrow, on emoji in color: at the scale of two CPU cores.

Paper: Karras 2020 (1912.04958); ADA: Karras 2020 (2006.06676).
Command: python launch.py --config=experiments/stylegan2_openmoji32.py
  then --mode=sample: also sheets of truncation, and of pairs of styles mixed by layers
  then --mode=evaluate --truncation=1,0.9,0.8,0.7,0.5: what is gained and lost by truncation
  Other groups: --config.data.group=animals-nature (or food-drink, objects, ...); all 1,618 images: =None
  With the paper's noise, constant input and images without bounds: --config.generator.noise=True
  --config.generator.constant=True --config.generator.bounded=False
  With its regularizers: --config.stylegan2.mixing=0.9 --config.stylegan2.path_length=2.0
  Without ADA: --config.augment.names=None --config.augment.target=None; with DiffAugment (2006.10738) in its place:
  --config.augment.names=color,translation,cutout --config.augment.probability=1.0 --config.augment.target=None
  At 64 pixels: stylegan2_openmoji64
Hardware and cost: two CPU cores; a step takes 0.10 s of one of them, half as much again as one of the DCGAN of
  experiments/quickstart.py, with which it compares.
Expected: clean faces with many expressions, hearts, cats; one in ten broken, colored specks at some corners, which come
  of augmentations (shifted images have empty borders). FD (EfficientNet-Lite0) 494, 375, 333, 306, 307, 316, 292, 273,
  266, 272, 265, 252 every 1,000 steps to 12,000 and 237 after 14,000 (real halves 195, untrained 757). 2,000 samples:
  FD 236, KID .129, IS 5.6, precision .45, recall 0, coverage .84, memorized 8 %. The DCGAN, for as long: FD 240, KID
  .21, IS 3.6, fewer kinds, see experiments/RESULTS.md. Of all 1,618 images, after 25 minutes of one core each: FD 237
  (real halves 104), KID .167, the DCGAN 343, .365. Without ADA it had 281 at best; runs of one seed that differ by
  rounding are 50 of FD apart until step 8,000. With rates that fall to a tenth from step 12,000 to 20,000, after 18,000
  FD 240, KID .109, coverage .89, IS 6.6, after 20,000 FD 260.
Deviations: other data; 8 to 64 channels in the generator, 8 to 48 in the critic, w of 64 numbers, a mapping of 2
  layers, batch 32; no style mixing, no path length, no noise, which grows faster than shapes at these rates. Four
  others together let the generator learn sooner: images end in a tanh, which is exact where they are white, the mapping
  net has the whole rate in place of a hundredth, its first layer is made of w, not a constant, and Adam's b1 is .5.
  Rates are .01 and .008 in place of .002 (in the run above they fell by 7 % after step 12,800): weights are of variance
  1 here, which Adam moves by .2 % a step at .002, the DCGAN's by 1.5 %. R1's gamma of .5 is far above the heuristic
  of StyleGAN2-ADA, .0002 size^2 / batch = .0064, of which a run warns: that is for a thousand times as many images and
  steps. ADA has translations and colors alone, and moves 25 times as fast.
"""

from ml_collections import ConfigDict

from experiments import common

ADA = {'names': 'translation,color', 'probability': 0.0, 'target': 0.6, 'kimg': 20.0}
SMOKE = {'eval.features': 'pixels', 'train.conv': 'lax', 'stylegan2.mapping': 1, 'terms.r1.every': 1}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'stylegan2'
    config.stylegan2 = ConfigDict({'mapping': 2, 'mapping_rate': 1.0, 'mixing': None, 'path_length': None})
    play_on_emoji(config)
    config.data.size = 32
    net = {'net': 'stylegan2', 'base': 128}
    config.generator = ConfigDict(net | {'width': 64, 'constant': False, 'noise': False, 'bounded': True})
    config.critic = ConfigDict(net | {'width': 48, 'group': 8})
    config.ema.decay = 0.999
    config.train.steps = 14_000
    config.train.batch_size = 32
    return common.finish(config, variant, __file__, SMOKE)


def play_on_emoji(config: ConfigDict) -> None:
    """Sets the data, and what lets nets of styles learn them in an hour: few latents, ADA, R1, and high rates."""
    config.data.name = 'openmoji'
    config.data.style = 'color'
    config.data.group = 'smileys-emotion'
    config.data.flip = True
    config.latents.size = 64
    config.augment.update(ADA)
    config.terms.r1 = ConfigDict({'weight': 0.5, 'every': 4})
    config.optimizer.generator = common.adam(1e-2, 0.5, 0.99)
    config.optimizer.critic = common.adam(8e-3, 0.0, 0.99)
    common.every(config, 1_000)
    config.eval.samples = 1_600
