"""StyleGAN2, narrow, on emoji in color at 64 pixels.

Paper: Karras 2020 (1912.04958); ADA: Karras 2020 (2006.06676).
Command: python launch.py --config=experiments/stylegan2_openmoji64.py
  then --mode=sample: also sheets of truncation, and of pairs of styles mixed by layers
  then --mode=evaluate --truncation=1,0.9,0.8,0.7,0.5: what is gained and lost by truncation
  then --mode=evaluate --ppl=auto: path lengths, too
Hardware and cost: two CPU cores; on one of them beside another program 2.4 steps/s, 71 minutes.
Expected: clean faces with many expressions, hearts, cats; one in five broken. FD (EfficientNet-Lite0) 538, 313, 285,
  271, 242, 222, 226, 219, 207, 207 every 1,000 steps (real halves 176, untrained 803). 2,000 samples: FD 206, KID
  0.108, IS 4.7, precision 0.56, recall 0.02, coverage 0.90, memorized 10 %. After 48 minutes FD 226; the DCGAN of
  experiments/quickstart.py at this size, for as long: FD 248, KID 0.181, IS 3.4, precision 0.36, coverage 0.71.
Deviations: those of `stylegan2_openmoji32`, whose settings these are at twice the size: channels are 512 / size, at
  most 64 and 48; R1's gamma is 2, since it goes with size^2 / batch (StyleGAN2-ADA, 2006.06676).
"""

from ml_collections import ConfigDict

from experiments import common, stylegan2_openmoji32


def get_config(variant: str = '') -> ConfigDict:
    config = stylegan2_openmoji32.get_config()
    config.data.size = 64
    for net in (config.generator, config.critic):
        net.base = 256
    config.terms.r1.weight = 2.0
    config.train.steps = 10_000
    return common.finish(config, variant, __file__, stylegan2_openmoji32.SMOKE)
