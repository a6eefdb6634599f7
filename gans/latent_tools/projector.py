"""The projector of StyleGAN2 (Karras 2020, 1912.04958, appendix D) with the settings of the authors' code.

One w for all layers, from the mean of w on, by Adam, while ever less noise is added to it; with it the noise maps of
the layers, which stay of mean 0 and deviation 1, and are held without pattern by a regularizer: the image is to be in
w, and not in the noise. Of nets without maps w alone is moved.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gans import memory
from gans.core import Array, Keys, TrainState, Tree
from gans.features.distance import Distance
from gans.latent_tools import space
from gans.ops import random
from gans.ops.pixels import to_uint8
from gans.training import sampling
from gans.training.setup import Experiment

BATCH = 8  # images at a time
COARSEST = 8  # pixels of the last level of a map's pyramid


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
    regularize: float = 1e5  # weight of the regularizer of noise maps


OFFICIAL = Settings()


class Course(NamedTuple):
    """What became of N images."""

    w: np.ndarray  # [N, d], of all layers
    maps: list[np.ndarray]  # [N, h, w, 1] of each layer, or none
    distances: np.ndarray  # [steps, N], of each step, with the noise that was added to w
    images: dict[int, np.ndarray]  # after some steps, uint8 [N, H, W, C]


class Place(NamedTuple):
    """What moves."""

    w: Array
    maps: space.Maps


def run(
    experiment: Experiment,
    state: TrainState,
    images: np.ndarray,
    between: Distance,
    seed: int,
    seen: Sequence[int],
    settings: Settings = OFFICIAL,
) -> Course:
    """Projects images float [N, H, W, C]. seen: the steps after which images are kept, of 0, ..., steps."""
    sample = space.sample_w(experiment, state, settings.samples, settings.seed)
    mean = sample.mean(0)
    deviation = np.sqrt(((sample - mean) ** 2).sum(1).mean())
    inputs = sampling.fixed_inputs(experiment, len(images), seed)
    keys = random.example_keys(jax.random.fold_in(jax.random.key(seed), 1), jnp.arange(len(images)))
    begin, step, show = _make_projector(experiment, between, mean, deviation, settings)
    state, few, parts = sampling.use_averages(state), min(BATCH, len(images)), []
    for start in range(0, len(images), few):
        some = np.minimum(np.arange(start, start + few), len(images) - 1)  # shapes stay: the last image again
        given, own, target = jax.tree.map(lambda x, some=some: x[some], (inputs, keys, images))
        place, adam_state = begin(given)
        distances, kept = [], {}
        for number in range(settings.steps + 1):  # not in one program: loops inside one are slow on CPU
            if number in seen:
                kept[number] = to_uint8(memory.fetch(show(state, place, given)))
            if number < settings.steps:
                place, adam_state, found = step(state, between.weights, place, adam_state, number, given, own, target)
                distances.append(found)
        parts.append(Course(*memory.fetch(place), np.stack(memory.fetch(distances), 1), kept))
    w, maps, distances, kept = jax.tree.map(lambda *x: np.concatenate(x)[: len(images)], *parts)
    return Course(w, maps, distances.T, kept)


def _make_projector(
    experiment: Experiment, between: Distance, mean: np.ndarray, deviation: float, settings: Settings
) -> tuple[Callable, Callable, Callable]:
    """Makes begin(inputs) -> (place, state of Adam); step(state, weights of the distance, place, state of Adam, number
    of the step, inputs, keys [N], images [N, ...]) -> (place, state of Adam, distances [N]); and show(state, place,
    inputs) -> images.
    """
    styles, (layers, _) = space.styles_of(experiment), space.shape_of_w(experiment)
    adam = optax.scale_by_adam(0.9, 0.999)

    def begin(inputs: Tree) -> tuple[Place, Tree]:
        num = len(jax.tree.leaves(inputs)[0])
        place = Place(jnp.tile(mean, (num, 1)), list(styles.maps(inputs)) if styles.maps else [])
        return place, adam.init(place)

    def show(state: TrainState, place: Place, inputs: Tree) -> Array:
        return styles.make(state, jnp.repeat(place.w[:, None], layers, 1), space.with_maps(inputs, place.maps))

    def step(
        state: TrainState,
        weights: Tree,
        place: Place,
        adam_state: Tree,
        number: Array,
        inputs: Tree,
        keys: Keys,
        images: Array,
    ) -> tuple[Place, Tree, Array]:
        t = number / settings.steps
        strength = deviation * settings.noise * jnp.maximum(0, 1 - t / settings.quiet) ** 2
        added = strength * random.normal(jax.vmap(jax.random.fold_in, (0, None))(keys, number), mean.shape)

        def loss(place: Place) -> tuple[Array, Array]:
            found = between.between(weights, show(state, place._replace(w=place.w + added), inputs), images)
            return (found + settings.regularize * regularizer(place.maps)).sum(), found  # images know nothing of others

        grad, found = jax.grad(loss, has_aux=True)(place)
        move, adam_state = adam.update(grad, adam_state)
        w, maps = jax.tree.map(lambda x, way: x - settings.rate * ramp(t, settings) * way, place, move)
        return Place(w, [normalize(x) for x in maps]), adam_state, found

    return jax.jit(begin), jax.jit(step), jax.jit(show)


def ramp(t: Array, settings: Settings = OFFICIAL) -> Array:
    """The factor of the rate at a share t of all steps: it rises linearly, and falls as a cosine."""
    fall = jnp.minimum(1, (1 - t) / settings.fall)
    return jnp.minimum(1, t / settings.rise) * (0.5 - 0.5 * jnp.cos(jnp.pi * fall))


def regularizer(maps: space.Maps) -> Array:
    """Of each example [N] how much its maps [N, h, w, 1] have of a pattern: squared correlations of neighbors, over the
    levels of a pyramid of means of 2 x 2 pixels, down to 8.
    """
    total = jnp.zeros(())
    for level in maps:
        while True:
            for axis in (1, 2):
                total += (level * jnp.roll(level, 1, axis)).mean((1, 2, 3)) ** 2
            n, height, width, _ = level.shape
            if height <= COARSEST:
                break
            level = level.reshape(n, height // 2, 2, width // 2, 2, 1).mean((2, 4))
    return total


def normalize(maps: Array) -> Array:
    """Maps [N, h, w, 1] with mean 0 and deviation 1, each by itself."""
    maps = maps - maps.mean((1, 2, 3), keepdims=True)
    return maps * jax.lax.rsqrt((maps**2).mean((1, 2, 3), keepdims=True))
