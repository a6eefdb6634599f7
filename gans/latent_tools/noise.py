"""A sheet of what the noise in the layers of a generator does (StyleGAN, Karras 2019, 1812.04948, section 3.2)."""

from pathlib import Path

import jax
import numpy as np

from gans import pictures
from gans.core import TrainState
from gans.latent_tools import space
from gans.ops.pixels import to_float
from gans.training import sampling
from gans.training.setup import Experiment

ROWS, REDRAWS = 2, 100  # images, and draws of which the deviation is taken, as in the paper
TIMES = 4  # the deviation is shown as so much
COLUMNS = ('noise', 'drawn again', 'none', 'first half', 'last half', f'deviation x {TIMES}')  # halves of the layers


def draw_sheet(cells: np.ndarray, shown: str, path: Path) -> None:
    """Writes the sheet of what `make_cells` made: along each row everything but the noise stays."""
    about = f'along each row noise changes; the deviation is that of {REDRAWS} draws, mean over colors'
    grid = pictures.grid(cells.reshape(-1, *cells.shape[2:]), len(COLUMNS))
    pictures.save(path, pictures.annotate(grid, pictures.Caption(f'noise, {shown}: {about}', COLUMNS)))


def make_cells(experiment: Experiment, state: TrainState, seed: int) -> np.ndarray:
    """Images [ROWS, COLUMNS, H, W, C] of a generator with noise maps, float in [-1, 1]."""
    inputs = sampling.fixed_inputs(experiment, ROWS, seed)
    words = sampling.fixed_inputs(experiment, ROWS * REDRAWS, seed + 1)['noise']  # row by row
    make = sampling.make_sampler(experiment)
    images = lambda inputs: np.concatenate(jax.device_get(make(state, inputs)))
    repeated = jax.tree.map(lambda x: np.repeat(x, REDRAWS, 0), inputs)
    redrawn = images({**repeated, 'noise': words})
    redrawn = redrawn.reshape(ROWS, REDRAWS, *redrawn.shape[1:])
    maps = jax.device_get(jax.jit(experiment.system.styles.maps)(inputs))
    half = len(maps) // 2
    part = lambda first, last: [x * (first <= i < last) for i, x in enumerate(maps)]
    some = [part(0, len(maps)), part(0, 0), part(0, half), part(half, len(maps))]
    joined = [np.concatenate(layer) for layer in zip(*some, strict=True)]
    four = images(space.with_maps(jax.tree.map(lambda x: np.concatenate([x] * len(some)), inputs), joined))
    every, none, first, last = four.reshape(len(some), ROWS, *four.shape[1:])
    deviation = np.clip(redrawn, -1, 1).std(1).mean(-1, keepdims=True)  # in [0, 1]
    shade = np.broadcast_to(to_float(np.clip(TIMES * 127.5 * deviation, 0, 255)), every.shape)
    return np.stack([every, redrawn[:, 0], none, first, last, shade], 1)
