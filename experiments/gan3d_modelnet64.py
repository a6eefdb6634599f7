"""3D-GAN at 64^3 voxels on a folder of models of one class, such as the chairs of ModelNet.

Paper: Wu 2016 (1610.07584).
Command: python launch.py --config=experiments/gan3d_modelnet64.py --config.data.name=volumes:PATH
  PATH holds .mat (3DShapeNets' volumetric_data/chair/30), .off, .obj, .stl, .ply, .binvox or .npy; for ModelNet's .off,
  whose models stand upright along z, add --config.data.up=z
Hardware and cost: 8 G multiply-adds a sample and update, batch 100: meant for an accelerator.
Expected: not run.
Deviations: the generator's loss is -log D(G(z)), as in all ports; logits in place of a sigmoid in the critic, whose
  norms leave out the first layer; 20,000 steps, since the paper names no number. The gate looks at the accuracy on the
  batch of the very step, where the paper says 'the last batch'.
"""

from ml_collections import ConfigDict

from experiments import common, gan3d_furniture32

SMOKE = {'data.name': 'furniture', 'generator.base': 16, 'critic.base': 16}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'volumes:PATH'
    config.data.size = 64
    gan3d_furniture32.play(config, width=64, rate=2.5e-3, critic_rate=1e-5)
    config.gan = ConfigDict({'gate': 0.8})
    config.train.steps = 20_000
    config.train.batch_size = 100
    common.every(config, 1_000)
    config.eval.samples = 1_000
    return common.finish(config, variant, __file__, SMOKE)
