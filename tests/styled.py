"""A small StyleGAN2 for tests of tools."""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from experiments import common
from gans import configs
from gans.step import init_state
from gans.training.setup import Experiment, setup

SIZE, LAYERS = 6, 4  # of w, for images of 8 pixels


@functools.cache
def made() -> tuple[Experiment, object]:
    """A StyleGAN2 that was not trained, whose mean of w is not 0, and whose noise has some strength."""
    config = common.get_config()
    config.system, config.latents.size, config.train.batch_size = 'stylegan2', SIZE, 4
    config.data.name = 'digits'
    config.generator, config.critic = ({'net': 'stylegan2', 'width': 4} for _ in range(2))
    config = configs.override(config, {'stylegan2.mapping': 2, 'stylegan2.path_length': None}, 'of a test')
    experiment = setup(config, devices=1)
    state = jax.jit(lambda: init_state(experiment.system, jax.random.key(0)))()
    strong = lambda path, x: jnp.full_like(x, 0.3) if path[-1].key == 'strength' else x
    params = jax.tree_util.tree_map_with_path(strong, state.params)
    stats = {**state.stats, 'mapping': {'batch_stats': {'mean': jnp.arange(6.0) / 10}}}
    return experiment, state.replace(step=jnp.int32(7), params=params, stats=stats, ema={})


def samples_of(path: Path) -> np.ndarray:
    with np.load(path) as held:
        return held['samples'].astype(int)
