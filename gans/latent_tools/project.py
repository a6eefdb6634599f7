"""`--mode=project --input=FOLDER`: the w of which a net makes an image that is most like a given one.

The projector of StyleGAN2 (Karras 2020, 1912.04958, appendix D) with the settings of the authors' code: one w for all
layers, from the mean of w on, by Adam, while ever less noise is added to it. The noise of the net is that of --seed and
stays, since our nets draw theirs: it is not optimized, so there is nothing to regularize.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
from jax import lax

from gans import files, kinds, memory, pictures
from gans.core import Array, Keys, Spec, TrainState, Tree
from gans.data.decode import eight_bits
from gans.data.files import pictures_in
from gans.data.images import square
from gans.errors import UserError
from gans.features.distance import Distance, default, distance
from gans.latent_tools import space
from gans.ops import random
from gans.ops.pixels import to_float
from gans.training import draw, sampling
from gans.training.setup import Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLACE = 'projected'  # in the run's folder, unless --out says another
SHOWN = 16  # images in the sheet, at most
BATCH = 8  # images at a time


class Settings(NamedTuple):
    """Those of the authors' code."""

    steps: int = 1000
    samples: int = 10_000  # of which the mean and the deviation of w are taken
    seed: int = 123  # of these samples
    rate: float = 0.1
    rise: float = 0.05  # share of steps in which the rate rises,
    fall: float = 0.25  # and in which it falls
    noise: float = 0.05  # added to w at first, in deviations of w
    quiet: float = 0.75  # share of steps after which none is


OFFICIAL = Settings()


class Options(NamedTuple):
    """What is projected, and how images are compared."""

    input: str | None = None
    num: int | None = None
    seed: int = 0
    step: str = 'latest'
    out: str | None = None
    features: str | None = None
    weights: str | None = None


def project(config: ml_collections.ConfigDict, folder: Path, options: Options, settings: Settings = OFFICIAL) -> str:
    """Projects the images of a folder, or the first `num`: `w.npz` with the array 'w' [N, layers, d] and their names,
    and a sheet of targets, projections and distances. Returns a line that says where they are.

    Raises:
      UserError: no folder or no images; samples are no images, or made from no latents. Or some images cannot be read:
        the others are projected first.
    """
    if not options.input:
        raise UserError('project which images? set --input=FOLDER')
    if options.num is not None and options.num < 1:
        raise UserError(f'--num={options.num} must be at least 1')
    root, place = Path(options.input), Path(options.out or folder / PLACE)
    if not root.is_dir():
        raise UserError(f"--input={root}: there is no such folder{' (it is a file)' * root.is_file()}")
    if place.suffix:
        raise UserError(f'--out={place}: name a FOLDER, for a sheet and a w.npz')
    experiment, state, done = draw.restored(config, folder, options.step)
    spec = sampling.sampled_spec(experiment)
    if not kinds.is_image(spec):
        raise UserError(f'--input={root}: this system makes {kinds.name_of(spec)}, and no images')
    space.styles_of(experiment)  # raises
    between = make_distance(spec, options.features, options.weights)
    names, images, broken = _read(root, spec, options.num)
    w, distances, steps = run(experiment, state, images, between, options.seed, settings)
    layers, _ = space.shape_of_w(experiment)
    arrays = {'w': np.repeat(w[-1][:, None], layers, 1), 'names': np.array([str(name) for name in names])}
    files.write(place / 'w.npz', lambda file: np.savez(file, **arrays))
    some = images[:SHOWN]
    made = _make(experiment, state, w[:, : len(some)], options.seed)
    shown = f'{sampling.words(done, options.seed)}, distance: {between.name}'
    pictures.save(place / 'sheet.png', _sheet(some, made, steps, distances, shown))
    said = f'{len(names)} images in w, of step {done:,}: {place / "w.npz"}, sheet {place / "sheet.png"}'
    first, last = distances[0].mean(), distances[-1].mean()
    said += f'\nmean distance ({between.name}) {first:.4g} at the mean of w, {last:.4g} at the end'
    if broken:
        raise UserError(f'{len(broken)} images cannot be read, the first is {broken[0]}; projected are {said}')
    return said


def _read(root: Path, spec: Spec, num: int | None) -> tuple[list[Path], np.ndarray, list[str]]:
    """Names, the central squares of images, float [N, H, W, C], and the names of files that are broken."""
    from PIL import Image

    _, side, channels = spec.shape
    names, images, broken = [], [], []
    for file in pictures_in(root).names[:num]:
        try:
            with Image.open(root / file) as image:
                images.append(square(eight_bits(image), side, channels))
            names.append(file)
        except MemoryError:
            raise
        except Exception:  # a broken file may raise anything at all
            broken.append(str(file))
    if not names:
        raise UserError(f"none of the images in '{root}' can be read, the first is {broken[0]}")
    return names, np.asarray(to_float(np.stack(images))), broken


def make_distance(spec: Spec, features: str | None, weights: str | None) -> Distance:
    """The mean squared difference of pixels; and, unless features are 'pixels', plus that of a net's features.

    features: see `gans.features.distance`; None: the best that is installed.
    """
    found = distance(features or default(), spec, weights)
    if found.name == 'pixels':
        return found
    pixels = distance('pixels', spec)
    return found._replace(between=lambda weights, a, b: found.between(weights, a, b) + pixels.between((), a, b))


def run(
    experiment: Experiment,
    state: TrainState,
    images: np.ndarray,
    between: Distance,
    seed: int,
    settings: Settings = OFFICIAL,
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Projects images float [N, H, W, C].

    Returns:
      w [K, N, d] after some steps, of all layers; distances [steps, N], of each step; these steps, K.
    """
    sample = space.sample_w(experiment, state, settings.samples, settings.seed)
    mean = sample.mean(0)
    deviation = np.sqrt(((sample - mean) ** 2).sum(1).mean())
    inputs = sampling.fixed_inputs(experiment, len(images), seed)
    keys = random.example_keys(jax.random.fold_in(jax.random.key(seed), 1), jnp.arange(len(images)))
    compiled = jax.jit(_projector(experiment, between, settings))
    ways, distances, few = [], [], min(BATCH, len(images))
    for start in range(0, len(images), few):
        some = np.minimum(np.arange(start, start + few), len(images) - 1)  # shapes stay: the last image again
        given = jax.tree.map(lambda x, some=some: x[some], (inputs, keys, images))
        way, found = memory.fetch(compiled(state, between.weights, *given, mean, deviation))
        ways.append(way)
        distances.append(found)
    chosen = sorted({0, settings.steps // 10, settings.steps})
    way, distances = (np.concatenate(parts, 1)[:, : len(images)] for parts in (ways, distances))
    return way[chosen], distances, chosen


def _projector(experiment: Experiment, between: Distance, settings: Settings) -> Callable:
    """Makes (state, weights of the distance, inputs, keys [N], images [N, ...], mean [d], deviation []) -> w
    [steps + 1, N, d], from the mean on, and distances [steps, N].
    """
    styles, (layers, _) = space.styles_of(experiment), space.shape_of_w(experiment)
    adam = optax.scale_by_adam(0.9, 0.999)

    def run(
        state: TrainState, weights: Tree, inputs: Tree, keys: Keys, images: Array, mean: Array, deviation: Array
    ) -> tuple[Array, Array]:
        state = sampling.use_averages(state)

        def loss(w: Array, noise: Array) -> tuple[Array, Array]:
            made = styles.make(state, jnp.repeat((w + noise)[:, None], layers, 1), inputs)
            found = between.between(weights, made, images)
            return found.sum(), found  # a sum, so that images know nothing of each other

        def step(carry: Tree, number: Array) -> tuple[Tree, tuple[Array, Array]]:
            w, adam_state = carry
            t = number / settings.steps
            strength = deviation * settings.noise * jnp.maximum(0, 1 - t / settings.quiet) ** 2
            drawn = random.normal(jax.vmap(jax.random.fold_in, (0, None))(keys, number), w.shape[1:])
            grad, found = jax.grad(loss, has_aux=True)(w, strength * drawn)
            move, adam_state = adam.update(grad, adam_state)
            after = w - settings.rate * ramp(t, settings) * move
            return (after, adam_state), (after, found)

        start = jnp.broadcast_to(mean, (len(images), *mean.shape))
        _, (way, distances) = lax.scan(step, (start, adam.init(start)), jnp.arange(settings.steps))
        return jnp.concatenate([start[None], way]), distances

    return run


def ramp(t: Array, settings: Settings = OFFICIAL) -> Array:
    """The factor of the rate at a share t of all steps: it rises linearly, and falls as a cosine."""
    fall = jnp.minimum(1, (1 - t) / settings.fall)
    return jnp.minimum(1, t / settings.rise) * (0.5 - 0.5 * jnp.cos(jnp.pi * fall))


def _make(experiment: Experiment, state: TrainState, w: np.ndarray, seed: int) -> np.ndarray:
    """Images [K, N, ...] of w [K, N, d], with the same noise for all K."""
    times, num, _ = w.shape
    layers, _ = space.shape_of_w(experiment)
    inputs = jax.tree.map(lambda x: np.concatenate([x] * times), sampling.fixed_inputs(experiment, num, seed))
    flat = np.repeat(w.reshape(times * num, 1, -1), layers, 1)
    made = draw.apply(space.from_w(experiment, flat, space.chain()), state, (inputs, flat))
    return made.reshape(times, num, *made.shape[1:])


def _sheet(
    images: np.ndarray, made: Sequence[np.ndarray], steps: Sequence[int], distances: np.ndarray, shown: str
) -> np.ndarray:
    """In each row a target and its projection after some steps; below, distances over steps."""
    columns = ('target', *(f'{step:,}' for step in steps))
    cells = np.stack([images, *made], 1)
    grid = pictures.grid(cells.reshape(-1, *images.shape[1:]), len(columns))
    rows = tuple(f'{value:.3g}' for value in distances[-1, : len(images)])
    parts = [
        pictures.annotate(grid, pictures.Caption(f'projections after steps, {shown}', columns, rows)),
        pictures.to_pixels(_plot(distances)),
    ]
    width = max(part.shape[1] for part in parts)
    return np.concatenate(
        [np.pad(part, ((0, 0), (0, width - part.shape[1]), (0, 0)), constant_values=255) for part in parts]
    )


def _plot(distances: np.ndarray) -> 'Figure':
    """Distances [steps, N] over steps."""
    from matplotlib.figure import Figure

    figure = Figure((4.8, 3.0), layout='constrained')
    axes = figure.subplots()
    axes.semilogy(distances, color='tab:blue', linewidth=0.6, alpha=0.5)
    axes.semilogy(distances.mean(1), color='black')
    axes.set(xlabel='step', ylabel='distance', title='black: the mean')
    return figure
