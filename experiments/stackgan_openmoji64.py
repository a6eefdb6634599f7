"""StackGAN on emoji: sketches of 16 pixels of words such as 'red heart', then pictures of 64 pixels drawn from these.

Paper: Zhang 2017 (1612.03242), with the text encoder of AttnGAN, Xu 2018 (1711.10485).
Command: python launch.py --config=experiments/stackgan_openmoji64.py
Hardware and cost: two CPU cores; 50 minutes of CPU time by the time of a step, which is 0.07, 0.06 and 0.56 s of it in
  the three stages (measured on busy cores, the last without R1; with it .7 steps/s beside other programs).
Expected: stage I: yellow faces, busts, red and purple boxes, FD (EfficientNet-Lite0) 458 after 3,000 steps of it, 518
  after all. Stage II, as a run of its own from those weights: red hearts, yellow faces, women, clocks, squares in clear
  outlines, on a grey that is white after 2,250 steps; FD 880, 801, 748, 733, 713 and R-precision by its own encoders
  .14, .19, .19, .20, .20 (chance .01) after 500, 1,000, 1,500, 2,000, 2,750. Without R1 its critic wins, and samples
  turn grey.
Deviations: other data, 16 and 64 pixels in place of 64 and 256, narrower nets, two residual blocks in place of four;
  the sentence is that of DAMSM's text encoder, which is taught here, not of a character-level net; batch 32, constant
  rates, R1 (Mescheder 2018, 1801.04406) and averaged weights in stage II; mismatched pairs are those of the batch, of
  other words, where the paper takes images of other classes.
"""

from ml_collections import ConfigDict

from experiments import common

SKETCHING, DRAWING = 10_000, 4_000  # steps of the stages behind that of words
NETS = {'condition': 32, 'sketch_width': 64}
SMOKE = {
    'eval.features': 'pixels',
    'data.size': 32,
    'stages.I.data.size': 8,
    'stages.I.begin': 1,
    'stages.II.begin': 2,
    'stages.II.stackgan.sketch_width': 4,
    'stages.II.generator': {'width': 4, 'halvings': 1, 'blocks': 1},
    'stages.II.critic.width': 4,
}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    common.match_words(config)
    matching = config.train.steps
    config.data.size = 64
    config.latents.size = 64
    config.generator = ConfigDict({'net': 'stackgan', 'width': NETS['sketch_width']})
    config.critic = ConfigDict({'net': 'stackgan', 'width': 64})
    config.train.steps = matching + SKETCHING + DRAWING
    common.every(config, 1_000)
    gan = {
        'system': 'stackgan',
        'optimizer': {role: common.adam(2e-4, b1=0.5) for role in ('generator', 'critic')},
        'train': {'fresh_optimizers': True},
    }
    config.stages.I = {**gan, 'begin': matching, 'data': {'size': 16}, 'stackgan': NETS}
    config.stages.II = {
        **gan,
        'begin': matching + SKETCHING,
        'stackgan': {**NETS, 'stage': 2},
        'generator': {'width': 32, 'halvings': 1, 'blocks': 2},
        'critic': {'width': 32},
        'terms': {'r1': {'weight': 1.0, 'every': 4}},
        'optimizer': {role: common.adam(4e-4, b1=0.5, b2=0.99) for role in ('generator', 'critic')},
        'ema': {'decay': 0.995},
    }
    return common.finish(config, variant, __file__, SMOKE)
