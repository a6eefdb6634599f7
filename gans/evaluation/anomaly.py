"""`--mode=anomaly`: AnoGAN (Schlegl 2017, 1703.05921). What a GAN cannot draw is unlike all that it has seen.

An image x is looked for in the latent space: z goes down the gradient of

    A(x) = (1 - lambda) |x - G(z)|_1 + lambda |f(x) - f(G(z))|_1

(section 2.2), f being the features that the critic's last layer sees. What is left of A is the score of the image. A
run that has been trained without a class (`data.without`) is judged by how well scores tell this class from the others.
"""

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax

from gans import pictures
from gans.core import SAMPLES, Array, Keys, TrainState, Tree
from gans.data import feed, load
from gans.data.base import Source, class_number
from gans.errors import UserError
from gans.evaluation.bench import real_examples
from gans.metrics import protocol
from gans.metrics.extract import content_hash
from gans.metrics.neighbors import nearest
from gans.ops.pixels import to_float
from gans.ops.random import example_keys, split
from gans.training import draw, sampling, workdir
from gans.training.setup import Experiment

CHUNK = 250  # images at a time
SHOWN = 16  # images of a picture's halves
TRAINED_ON = 10_000  # training images among which the nearest is looked for


class Search(NamedTuple):
    """How an image's latents are looked for: by Adam, from latents as the generator knows them."""

    steps: int = 500  # Gamma
    weight: float = 0.1  # lambda
    learning_rate: float = 0.05
    restarts: int = 1  # searches an image, of which the best counts


class Options(NamedTuple):
    """What to score."""

    num: int = 1_000  # test images
    seed: int = 0  # of the latents from which searches start
    step: str = 'latest'
    search: Search = Search()


class Found(NamedTuple):
    """What searches ended with, for N images."""

    score: np.ndarray  # A, float32 [N]
    residual: np.ndarray  # |x - G(z)|_1, float32 [N]
    feature: np.ndarray  # |f(x) - f(G(z))|_1, float32 [N]
    images: np.ndarray  # G(z), float32 [N, H, W, C]


def scores(experiment: Experiment, state: TrainState, images: np.ndarray, keys: Keys, how: Search) -> Found:
    """Anomaly scores, and the nearest that averaged weights, if there are any, can draw to each image.

    An image's score depends on its own key alone, not on the images beside it.

    Args:
      images: float32 [N, H, W, C] in [-1, 1].
      keys: [N].

    Raises:
      UserError: the system has no critic of single images with features, or its latents are no plain vectors.
    """
    _check(experiment)
    critic, tx = experiment.system.critic, optax.adam(how.learning_rate)

    def features(state: TrainState, x: Array) -> Array:
        return critic(state, x, features=True)[1]

    def found(state: TrainState, z: Array, x: Array, fx: Array) -> Found:
        drawn = sampling.sample(experiment, state, z)
        residual, feature = _l1(x - drawn), _l1(fx - features(state, drawn))
        return Found((1 - how.weight) * residual + how.weight * feature, residual, feature, drawn)

    @jax.jit
    def step(state: TrainState, z: Array, opt: Tree, x: Array, fx: Array) -> tuple[Array, Tree]:
        # The sum's gradient is each image's own, and Adam treats each coordinate on its own.
        change, opt = tx.update(jax.grad(lambda z: found(state, z, x, fx).score.sum())(z), opt)
        return optax.apply_updates(z, change), opt

    sampler = sampling.main_sampler(experiment.system)
    start = jax.jit(lambda keys: (z := sampler.inputs({}, keys), tx.init(z)))
    features_of, found_of, state, parts = jax.jit(features), jax.jit(found), jax.device_put(state), []
    for first in range(0, len(images), CHUNK):
        index = np.minimum(np.arange(first, first + min(CHUNK, len(images))), len(images) - 1)  # the last is filled up
        x, best = jnp.asarray(images[index]), None
        fx = features_of(state, x)
        for some in split(keys[index], how.restarts):
            z, opt = start(some)
            for _ in range(how.steps):  # not lax.scan: XLA's convolutions are slow in loops on CPU
                z, opt = step(state, z, opt, x, fx)
            ended = jax.device_get(found_of(state, z, x, fx))
            best = ended if best is None else _better(best, ended)
        parts.append(Found(*(leaf[: len(images) - first] for leaf in best)))
    return Found(*map(np.concatenate, zip(*parts, strict=True)))


def roc_auc(values: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    """The area under the ROC curve and its standard error (DeLong 1988): the share of pairs in which the positive
    has the higher value, where a tie is half a pair. NaN both, if any value is.

    Args:
      values: [N].
      positive: bool [N].

    Raises:
      ValueError: there are fewer than two positives, or fewer than two others.
    """
    n1, n0 = int(positive.sum()), int((~positive).sum())
    if min(n1, n0) < 2:
        raise ValueError(f'at least two positives and two others are needed, not {n1} and {n0}')
    if np.isnan(values).any():
        return float('nan'), float('nan')
    ranks = _ranks(values)
    above = (ranks[positive] - _ranks(values[positive])) / n0  # by positive, the share of others below it
    below = 1 - (ranks[~positive] - _ranks(values[~positive])) / n1  # by other, the share of positives above it
    return float(above.mean()), float(np.sqrt(above.var(ddof=1) / n1 + below.var(ddof=1) / n0))


def anomaly(config: ml_collections.ConfigDict, folder: Path, options: Options) -> str:
    """Scores test images by a run that has never seen one of their classes; writes anomaly.json and a picture into
    the run's folder, and returns a table.

    Raises:
      UserError: no such run or checkpoint; it has seen all classes, or its system has no such scores;
        too few test images; weights that have diverged.
    """
    if options.num < 1:
        raise UserError(f'--num={options.num} must be at least 1')
    experiment, state, step = draw.restored(config, folder, options.step)
    data = experiment.config.data
    test, held_out = load_unseen(data)
    batch = feed.examples(test, min(options.num, test.size), feed.fixed_key())
    images, labels = batch['real'], batch['label']
    novel, name = labels == held_out, test.spec.classes[held_out]
    if min(novel.sum(), (~novel).sum()) < 2:
        raise UserError(f'of {len(images)} test images {novel.sum()} are of class {name}: raise --num')
    keys = example_keys(jax.random.fold_in(jax.random.key(options.seed), SAMPLES), jnp.arange(len(images)))
    known = real_examples(experiment.source, TRAINED_ON)
    some = f'{len(images):,} of {test.size:,} test images, {options.search.steps} steps down for each; the nearest of'
    workdir.say(f'{folder}: step {step:,}, {some} {len(known):,} of {experiment.source.size:,} training images')
    found = scores(experiment, state, images, keys, options.search)
    if not np.isfinite(found.score).all():
        raise UserError(f'step {step:,} gives scores that are not finite: it has diverged, take an earlier --step')
    flat = lambda x: x.reshape(len(x), -1).astype(np.float32)
    beside = nearest(flat(images), flat(to_float(known)))[1]
    values = {'auc': found.score, 'auc_residual': found.residual, 'auc_feature': found.feature, 'auc_nearest': beside}
    aucs = {metric: roc_auc(value, novel) for metric, value in values.items()}
    stamp = protocol.run(data, experiment.source, experiment.system)
    stamp |= {f'search {key}': value for key, value in options.search._asdict().items()}
    stamp |= {'test split': 'seen in training'} if load.trained_on_test(config.data, test) else {}
    stamp |= {'held out': name, 'test images': len(images), 'of the class': int(novel.sum())}
    stamp |= {'test hash': content_hash(images), 'latents seed': options.seed, 'nearest of': len(known)}
    by_class = {kind: float(found.score[labels == i].mean()) for i, kind in enumerate(test.spec.classes) if i in labels}
    entry = {'step': step, **{metric: {'value': auc, 'error': error} for metric, (auc, error) in aucs.items()}}
    workdir.write_json(folder / 'anomaly.json', entry | {'scores': by_class, 'protocol': stamp})
    picture = folder / f'anomaly_step_{step:08d}.png'
    shown = f"{sampling.words(step, options.seed)}, '{name}' never seen, AUC {aucs['auc'][0]:.3f}"
    pictures.save_png(picture, extremes(found, images, shown))
    most = novel[np.argsort(-found.score, kind='stable')[:SHOWN]].sum()
    head = f"{folder}, step {step:,}: '{name}', never seen, against the others; {novel.sum()} of {len(images):,} images"
    return '\n'.join([head, '', *_table(aucs, by_class), '', f'{picture}: {most} of the {SHOWN} at the top are {name}'])


def load_unseen(data: ml_collections.ConfigDict) -> tuple[Source, int]:
    """The test images of a set, all classes of them, and the number of the class that training leaves out."""
    if data.get('without') is None or 'without' not in load.arguments(data.name):
        raise UserError(
            f"'{data.name}' has seen all classes: train a set such as fashion_mnist with --config.data.without=CLASS"
        )
    test = load.split({key: value for key, value in data.items() if key != 'without'}, 'test')
    return test, class_number(data.without, test.spec.classes, 'data.without')


def extremes(found: Found, images: np.ndarray, title: str = '') -> np.ndarray:
    """A picture, uint8 [h, w, 3]: the most anomalous images in the upper half, the least in the lower one, the first
    of each being the utmost; each with what the generator draws for it at its right.
    """
    order = np.argsort(-found.score, kind='stable')
    shown = np.concatenate([order[:SHOWN], order[::-1][:SHOWN]])
    both = np.stack([images[shown], found.images[shown]], 1)  # [2 SHOWN, 2, H, W, C]
    words = pictures.Caption(title, ('image', 'drawn') * (SHOWN // 2), ('most anomalous', 'least anomalous'))
    return pictures.annotate(pictures.grid(both.reshape(-1, *both.shape[2:]), columns=SHOWN), words)


def _check(experiment: Experiment) -> None:
    if experiment.system.critic is None or len(experiment.source.spec.shape) != 3:
        raise UserError(
            'anomaly scores want one critic, which judges single images without labels: pack=1, no condition'
        )
    sampler = sampling.main_sampler(experiment.system)
    if sampling.fields_read(sampler, experiment.source):
        raise UserError('anomaly scores want samples that are made from latents alone, not from labels or images')
    inputs = jax.eval_shape(lambda: sampler.inputs({}, example_keys(jax.random.key(0), jnp.arange(2))))
    if not hasattr(inputs, 'shape'):
        raise UserError(f'anomaly scores want latents that are plain vectors, not {", ".join(inputs)}')


def _l1(difference: Array) -> Array:
    """Of each example: [B, ...] -> [B]."""
    return jnp.abs(difference).sum(tuple(range(1, difference.ndim)))


def _better(one: Found, other: Found) -> Found:
    """Of each image, the search that ended lower."""
    lower = other.score < one.score
    pick = lambda a, b: np.where(lower.reshape(-1, *[1] * (a.ndim - 1)), b, a)
    return Found(*map(pick, one, other))


def _ranks(values: np.ndarray) -> np.ndarray:
    """From 1 on; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


def _table(aucs: dict[str, tuple[float, float]], by_class: dict[str, float]) -> list[str]:
    names = {
        'auc': 'AnoGAN',
        'auc_residual': '  its residual alone',
        'auc_feature': '  its features alone',
        'auc_nearest': 'nearest training image',
    }
    lines = [f'{names[metric]:24} AUC {auc:.3f} ± {error:.3f}' for metric, (auc, error) in aucs.items()]
    scored = ', '.join(f'{name} {value:.4g}' for name, value in sorted(by_class.items(), key=lambda x: -x[1]))
    return [*lines, f'mean scores: {scored}']
