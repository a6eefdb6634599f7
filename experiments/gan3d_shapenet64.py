"""3D-GAN at 64^3 voxels on one class of ShapeNet, as the paper trains it.

Paper: Wu 2016 (1610.07584), section 3.1.
Command: python launch.py --config=experiments/gan3d_shapenet64.py --config.data.name=volumes:PATH
  PATH holds model_normalized.solid.binvox of the models of a class, in folders of their own; its y points up
Hardware and cost: as experiments/gan3d_modelnet64.py, whose settings it has.
Expected: not run.
Deviations: those of experiments/gan3d_modelnet64.py.
"""

from ml_collections import ConfigDict

from experiments import common, gan3d_modelnet64


def get_config(variant: str = '') -> ConfigDict:
    return common.finish(gan3d_modelnet64.get_config(), variant, __file__, gan3d_modelnet64.SMOKE)
