"""3D-VAE-GAN at 64^3 voxels on a folder of models, pictures of 256 pixels drawn of the models themselves.

Paper: Wu 2016 (1610.07584), section 3.3.
Command: python launch.py --config=experiments/vaegan3d_shapenet64.py --config.data.name=volumes:PATH
  PATH holds ShapeNet's model_normalized.solid.binvox, below folders of classes, or any other voxels or meshes
Hardware and cost: 8 G multiply-adds a sample and update, batch 100: meant for an accelerator.
Expected: not run.
Deviations: pictures have no indoor backgrounds, and the eye is anywhere within 180 degrees at one height, where the
  paper has 24 sides and 3 heights; those of experiments/gan3d_modelnet64.py.
"""

from ml_collections import ConfigDict

from experiments import common, gan3d_modelnet64, vaegan3d_furniture32


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'volumes:PATH'
    config.data.size = 64
    config.data.split = 'train'
    config.data.view = 256
    config.data.turn = 180.0
    vaegan3d_furniture32.play(config, width=64, rate=2.5e-3, critic_rate=1e-5, encoder_width=64)
    config.train.steps = 20_000
    config.train.batch_size = 100
    common.every(config, 1_000)
    config.eval.samples = 1_000
    smoke = gan3d_modelnet64.SMOKE | {'data.view': 32, 'vaegan3d.encoder_width': 4}
    return common.finish(config, variant, __file__, smoke)
