"""`--mode=directions`: directions of w along which images change, and sheets of them.

Three ways to find them: by the kernels that read w (SeFa, Shen 2021, 2007.06600); as the principal components of w
(GANSpace, Härkönen 2020, 2004.02546); and, with a classifier, as what tells images of one class from all others
(InterFaceGAN, Shen 2020, 1907.10786, by logistic regression in place of a support vector machine). Of the last, those
called `only_CLASS` leave what tells all other classes as it is (its conditional manipulation).
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import ml_collections
import numpy as np

from gans import files, kinds, pictures
from gans.core import TrainState
from gans.errors import UserError
from gans.features import load
from gans.latent_tools import space, truncation
from gans.metrics.extract import extract
from gans.training import draw, sampling
from gans.training.setup import Experiment

KEPT, SHOWN = 20, 5  # directions of one way in the file, and in its sheet
STRENGTHS = np.linspace(-3, 3, 11)
SAMPLES, JUDGED = 50_000, 10_000  # w, and images of them that a classifier judges
ENDS, TRAINED = 0.02, 0.7  # share of images that are surest of a class, or of others; and of these for the regression
PENALTY = 1e-3  # of the squared normal
LEAST = 0.05  # share of a normal that must be left without the others


class Options(NamedTuple):
    """What directions are found from."""

    num: int | None = None
    seed: int = 0
    step: str = 'latest'
    out: str | None = None
    features: str | None = None
    layers: str | None = None
    truncation: str | None = None


def find(config: ml_collections.ConfigDict, folder: Path, options: Options) -> str:
    """Writes `directions.npz`, for each direction an array [layers, d] by its name, as `--edit` reads it, and a sheet
    of one image for each way to find them; returns lines that say where they are.

    Raises:
      UserError: there are no styles, and no classifier; layers that w has not.
    """
    num = SAMPLES if options.num is None else options.num
    if num < 100:
        raise UserError(f'--num={num} must be at least 100, from so many w directions are found')
    place = Path(options.out or folder)
    if place.suffix:
        raise UserError(f'--out={place}: name a FOLDER, for sheets and {space.DIRECTIONS}')
    experiment, state, done = draw.restored(config, folder, options.step)
    styles, spec = experiment.system.styles, sampling.sampled_spec(experiment)
    if not kinds.is_image(spec):
        raise UserError(f'this system makes {kinds.name_of(spec)}: directions are seen in images alone')
    if styles is None and options.features is None:
        raise UserError(
            'this system has no styles w: set --features=classifier, to find directions of classes in its latents'
        )
    chosen = space.read_layers(options.layers, experiment)
    change, shown = space.chain(), sampling.words(done, options.seed)
    if options.truncation:
        by = truncation.read(options.truncation)
        (experiment, change), shown = truncation.truncate(experiment, by), f'{shown}, truncation {by}'
    w, found, notes = space.sample_w(experiment, state, num, options.seed), {}, []
    if styles is not None and styles.kernels is not None:
        kernels = jax.jit(lambda state: styles.kernels(sampling.use_averages(state)))(state)
        found['sefa'] = _numbered('sefa', sefa([np.asarray(kernel) for kernel in kernels[chosen]]))
    if styles is not None:
        vectors, deviations = principal(w)
        found['pca'] = _numbered('pca', vectors * deviations[:, None])
    if options.features is not None:
        found['classes'], notes = _of_classes(experiment, state, w, options)
        found |= {'only': alone} if (alone := without_others(found['classes'])) else {}
    lines = _write(experiment, state, found, chosen, change, options.seed, place, shown)
    return '\n'.join([*lines, *notes])


def _numbered(name: str, vectors: np.ndarray) -> dict[str, np.ndarray]:
    return {f'{name}_{i + 1}': vector for i, vector in enumerate(vectors[:KEPT])}


def sefa(kernels: Sequence[np.ndarray]) -> np.ndarray:
    """Directions [d, d], unit vectors in rows, by which the styles change most first: eigenvectors of A A^T, where A
    [d, all features] are kernels [d, features] side by side, each column of unit length.
    """
    a = np.concatenate(kernels, 1).astype(np.float64)
    a /= np.maximum(np.linalg.norm(a, axis=0), 1e-12)
    return _signed(np.linalg.eigh(a @ a.T)[1].T[::-1])


def principal(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The principal components of w [N, d], unit vectors in rows [d, d], and standard deviations along them [d]; the
    largest first.
    """
    values, vectors = np.linalg.eigh(np.cov(w.astype(np.float64), rowvar=False))
    return _signed(vectors.T[::-1]), np.sqrt(np.maximum(values[::-1], 0))


def _signed(vectors: np.ndarray) -> np.ndarray:
    """Rows with a positive largest number: which of both ways is forwards is arbitrary, but the same each time."""
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(1)[:, None], 1)
    return vectors * np.sign(largest)


def separate(w: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, float]:
    """The unit normal [d] of the plane between the w [N, d] of lowest and of highest scores [N], to where they are
    high; and the share of those left out that lie on their side.
    """
    from scipy.optimize import minimize

    count = max(2, round(ENDS * len(w)))
    order = np.argsort(scores, kind='stable')
    mixed = np.random.default_rng(0).permutation(2 * count)
    x = w[np.concatenate([order[:count], order[-count:]])][mixed].astype(np.float64)
    sign = np.repeat([-1.0, 1.0], count)[mixed]
    center, cut = x.mean(0), max(2, round(TRAINED * len(x)))
    scale = x.std() or 1.0
    x = np.hstack([(x - center) / scale, np.ones((len(x), 1))])

    def loss(v: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign[:cut] * (x[:cut] @ v)
        slope = -sign[:cut] / (1 + np.exp(np.minimum(margin, 500)))
        penalized = np.append(v[:-1], 0)
        return np.logaddexp(0, -margin).mean() + PENALTY * penalized @ penalized, (
            slope @ x[:cut] / cut + 2 * PENALTY * penalized
        )

    v = minimize(loss, np.zeros(x.shape[1]), jac=True, method='L-BFGS-B').x
    right = (sign[cut:] * (x[cut:] @ v) > 0).mean()
    return v[:-1] / max(np.linalg.norm(v[:-1]), 1e-12), float(right)


def conditional(normal: np.ndarray, others: np.ndarray) -> np.ndarray | None:
    """The unit vector [d] nearest to a normal [d] along which no image moves across the planes of other normals [K, d]:
    the normal without its projection on them. None: they leave nothing of it.
    """
    basis, sizes, _ = np.linalg.svd(others.T.astype(np.float64), full_matrices=False)
    basis = basis[:, sizes > 1e-6 * sizes.max(initial=1e-12)]
    rest = normal - basis @ (basis.T @ normal)
    length = np.linalg.norm(rest)
    return rest / length if length > LEAST * np.linalg.norm(normal) else None


def without_others(found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Of normals by 'class_NAME' those that are conditional on all others, by 'only_NAME', where there are some: of two
    classes each is the other's opposite.
    """
    names, normals = list(found), np.stack([*found.values()])
    alone = {name: conditional(normals[i], np.delete(normals, i, 0)) for i, name in enumerate(names)}
    return {name.replace('class_', 'only_', 1): x for name, x in alone.items() if x is not None}


def _of_classes(
    experiment: Experiment, state: TrainState, w: np.ndarray, options: Options
) -> tuple[dict[str, np.ndarray], list[str]]:
    """A direction for each class that a classifier knows, and lines that say how well they separate images."""
    spec = sampling.sampled_spec(experiment)
    if not options.features.startswith('classifier'):
        raise UserError(f'--features={options.features} tell no classes: set classifier, or classifier:DATA_SET')
    judge = load.load(options.features, spec, experiment.config.data)
    num = min(len(w), JUDGED)
    samples = draw.apply(experiment, state, sampling.fixed_inputs(experiment, num, options.seed))
    logits = extract(judge, kinds.kind_of(spec).store(samples)).logits.astype(np.float64)
    known = spec.classes if len(spec.classes) == logits.shape[1] else tuple(map(str, range(logits.shape[1])))
    found, notes = {}, []
    for i, name in enumerate(known):
        others = np.delete(logits, i, 1)
        score = logits[:, i] - np.logaddexp.reduce(others, axis=1)
        found[f'class_{name}'], right = separate(w[:num], score)
        notes.append(f'class_{name}: of images left out {right:.0%} lie on their side')
    return found, notes


def _write(
    experiment: Experiment,
    state: TrainState,
    found: dict[str, dict[str, np.ndarray]],
    chosen: slice,
    change: space.Change,
    seed: int,
    place: Path,
    shown: str,
) -> list[str]:
    layers, size = space.shape_of_w(experiment)
    arrays = {}
    for vectors in found.values():
        for name, vector in vectors.items():
            arrays[name] = np.zeros((layers, size), np.float32)
            arrays[name][chosen] = vector
    files.write(place / space.DIRECTIONS, lambda file: np.savez(file, **arrays))
    lines = [f'{len(arrays)} directions: {place / space.DIRECTIONS}; apply them by --mode=sample --edit=NAME:STRENGTH']
    for way, vectors in found.items():
        names, path = tuple(vectors)[:SHOWN], place / f'directions_{way}.png'
        moves = np.stack([strength * arrays[name] for name in names for strength in STRENGTHS])
        inputs = sampling.fixed_inputs(experiment, 2, seed)
        inputs = jax.tree.map(partial(np.repeat, repeats=len(moves), axis=0), jax.tree.map(lambda x: x[:1], inputs))
        move = lambda state, w, moves=moves: change(state, w) + moves  # w is truncated, and then moved
        images = np.asarray(jax.jit(partial(sampling.sample, space.changed(experiment, move)))(state, inputs))
        caption = pictures.Caption(
            f'{way}, {shown}: along each row one direction', tuple(f'{x:.1f}' for x in STRENGTHS), names
        )
        pictures.save(path, pictures.annotate(pictures.grid(images, len(STRENGTHS)), caption))
        lines.append(f'{way}: {path}')
    return lines
