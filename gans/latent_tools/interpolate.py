"""`--mode=interpolate`: strips of images between two latents each, or a film that ends where it begins."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import ml_collections
import numpy as np

from gans import films, kinds, pictures
from gans.core import TrainState, Tree
from gans.errors import UserError
from gans.latent_tools import space, truncation
from gans.training import draw, paths, sampling
from gans.training.draw import STRIPS
from gans.training.setup import Experiment

COLUMNS, FRAMES = 10, 240  # images in a strip, and in a film, unless --num says
RATE = 30  # frames a second
SMOOTHING = RATE  # standard deviation in frames of the filter along time: a second
BETWEEN = 60  # frames from one key frame in w to the next
WIDEST = 512  # pixels of a film's side, as far as that is four images or one
FILMS = ('.gif', '.webp')


class Options(NamedTuple):
    """How one goes from image to image."""

    num: int | None = None
    seed: int = 0
    step: str = 'latest'
    path: str = 'spherical'  # between latents; between styles it is straight
    out: str | None = None
    space: str = 'z'
    truncation: str | None = None


def interpolate(config: ml_collections.ConfigDict, folder: Path, options: Options) -> str:
    """Draws 8 strips of `num` steps between two latents each, or a looping film of `num` frames; returns a line that
    says where they are.

    Raises:
      UserError: examples are no images, or there is no such space.
    """
    kind = options.path if options.space == 'z' else options.space
    out = Path(options.out or folder / f'interpolation_{kind}_seed{options.seed}.png')
    looping = out.suffix in FILMS
    num = options.num if options.num is not None else FRAMES if looping else COLUMNS
    if num < 2:
        raise UserError(f'--num={num} must be at least 2')
    if out.suffix != '.png' and not looping:
        raise UserError(
            f'--out={out}: an interpolation is a picture, name a FILE.png, or a film, FILE.gif or FILE.webp'
        )
    experiment, state, done = draw.restored(config, folder, options.step)
    _check(experiment, options)
    scores = {} if options.truncation else draw.scores_of(folder, done)  # which are those of samples as they are
    change, shown = space.chain(), sampling.words(done, options.seed, scores)
    if options.truncation:
        by = truncation.read(options.truncation)
        (experiment, change), shown = truncation.truncate(experiment, by), f'{shown}, truncation {by}'
    if looping:
        return _film(experiment, state, change, options, num, out)
    draw.check_memory(experiment, STRIPS * num)
    classes = None if options.space == 'z' else space.classes_again(experiment, STRIPS, 2)
    ends = sampling.fixed_inputs(experiment, 2 * STRIPS, options.seed, classes)
    between = jax.tree.map(partial(_between, num=num, path=options.path), ends)  # leaves [STRIPS * num, ...]
    if options.space == 'w':
        w = _between(space.map_to_w(experiment, state, ends), num, 'linear')
        made, between = space.from_w(experiment, w, change), (between, w)
    else:
        made = space.changed(experiment, change) if options.truncation else experiment
    title = f'{kind} interpolations, {shown}: along each row from one latent to another'
    look = kinds.kind_of(sampling.sampled_spec(experiment)).look
    grid = pictures.grid(look(draw.apply(made, state, between)), num)
    pictures.save(out, pictures.annotate(grid, pictures.Caption(title)))
    return f'{STRIPS} {kind} interpolations of step {done:,}: {out}'


def _check(experiment: Experiment, options: Options) -> None:
    spec = sampling.sampled_spec(experiment)
    if kinds.kind_of(spec).look is None:
        raise UserError(
            f"there is nothing to see between {kinds.name_of(spec)}: '{experiment.config.data.name}' has none"
        )
    if options.space == 'w' and experiment.system.styles is None:
        raise UserError('--space=w: this system has no styles w, only latents: leave it off')


def _between(ends: np.ndarray, num: int, path: str) -> np.ndarray:
    """From the first half of latents to the second, in `num` steps each; classes stay those of the first."""
    half = len(ends) // 2
    starts, ends = ends[:half], ends[half:]
    if not np.issubdtype(starts.dtype, np.floating):
        return np.repeat(starts, num, 0)
    flat = lambda x: x.reshape(half, -1)
    return paths.interpolations(flat(starts), flat(ends), num, path).reshape(-1, *starts.shape[1:])


def _film(
    experiment: Experiment, state: TrainState, change: space.Change, options: Options, num: int, out: Path
) -> str:
    """Writes a film of a few latents, each on its way from where it begins to there again; noise and classes stay."""
    side = max(sampling.sampled_spec(experiment).shape[:2])
    columns = min(4, max(1, WIDEST // side))
    cells = columns**2
    space.styles_of(experiment)  # raises if nothing would move
    if options.space == 'w':
        keys = max(2, round(num / BETWEEN))
        classes = space.classes_again(experiment, cells, keys)
        inputs = sampling.fixed_inputs(experiment, keys * cells, options.seed, classes)
        drawn = space.map_to_w(experiment, state, inputs)
        ways = spline(drawn.reshape(keys, cells, *drawn.shape[1:]), num)  # [num, cells, layers, d]
        given = jax.tree.map(lambda x: x[:cells], inputs)
        made, at = space.from_w(experiment, drawn, change), lambda some: (_rest(given, some), _flat(ways[some]))
    else:
        drawn = sampling.fixed_inputs(experiment, num * cells, options.seed)
        ways = jax.tree.map(lambda x: smooth(x.reshape(num, cells, -1)) if space.is_latent(x) else x[:cells], drawn)
        made = space.changed(experiment, change) if options.truncation else experiment
        at = lambda some: jax.tree.map(
            lambda way, x: _flat(way[some]) if space.is_latent(x) else _rest(way, some), ways, drawn
        )
    frames = _frames(made, state, at, num, columns)
    times = np.diff(np.round(np.arange(num + 1) * 1000 / RATE)).astype(int)
    films.save(out, frames, times.tolist())
    return f'a film of {num} frames, {num / RATE:.1f} s in a loop, of step {int(state.step):,}: {out}'


def _flat(x: np.ndarray) -> np.ndarray:
    """[n, cells, ...] -> [n * cells, ...]"""
    return x.reshape(-1, *x.shape[2:])


def _rest(inputs: Tree, some: np.ndarray) -> Tree:
    """What stays, for so many frames."""
    return jax.tree.map(lambda x: np.concatenate([x] * len(some)), inputs)


def _frames(
    experiment: Experiment, state: TrainState, at: Callable[[np.ndarray], Tree], num: int, columns: int
) -> list:
    """Pictures of frames 0, ..., num - 1, whose inputs are `at` frames; made a few at a time, by one program."""
    from PIL import Image

    few, cells = max(1, sampling.CHUNK // columns**2), columns**2
    make, frames = sampling.make_sampler(experiment), []
    look = kinds.kind_of(sampling.sampled_spec(experiment)).look
    for start in range(0, num, few):
        some = np.minimum(np.arange(start, start + few), num - 1)  # the last ones again, so that shapes are the same
        images = look(np.concatenate(jax.device_get(make(state, at(some)))))
        grids = (pictures.grid(images[i : i + cells], columns) for i in range(0, len(images), cells))
        frames += [Image.fromarray(grid) for grid in grids]
    return frames[:num]


def smooth(latents: np.ndarray) -> np.ndarray:
    """Normal latents [frames, ...] as a way through such latents that ends where it begins: a Gaussian filter along
    time, and all of them divided by one number so that they have the root mean square that they had (the film of
    ProGAN, Karras 2018, 1710.10196).
    """
    from scipy.ndimage import gaussian_filter1d

    wide = latents.astype(np.float64)
    way = gaussian_filter1d(wide, SMOOTHING, 0, mode='wrap')
    return (way * np.sqrt((wide**2).mean() / (way**2).mean())).astype(np.float32)


def spline(keys: np.ndarray, num: int) -> np.ndarray:
    """`num` places at equal times on the periodic cubic spline through w [keys, ...]: [num, ...]; the first is the
    first key, and after the last it comes again (the film of StyleGAN3, Karras 2021, 2106.12423).
    """
    from scipy.interpolate import CubicSpline

    way = CubicSpline(np.arange(len(keys) + 1), np.concatenate([keys, keys[:1]]).astype(np.float64), bc_type='periodic')
    return way(np.arange(num) * len(keys) / num).astype(np.float32)
