"""A small classifier of a labeled data set: features and class probabilities for data unlike ImageNet.

It is trained once on the training images, deterministically, and cached. Its accuracy on held-out images is part of the
stamp of each result, with the hash of its weights.
"""

import hashlib
import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from gans import cache, kinds
from gans.core import Array, Compute, Spec, Tree
from gans.data import load
from gans.data.base import Source
from gans.data.images import hold
from gans.errors import UserError
from gans.features.base import Extractor
from gans.ops.layers import Conv, Dense
from gans.ops.pixels import to_float

FEATURES = 128
SMALLEST = 7  # pixels, to which convolutions of stride 2 reduce images
BATCH, EPOCHS, STEPS = 128, 5, 1_000  # at least that many steps, for small data sets
TRAINING = 1  # version: increment it with any change of this file that changes the weights


class Classifier(nn.Module):
    """uint8 images [B, H, W, C] -> (features [B, 128], logits [B, classes])."""

    classes: int

    @nn.compact
    def __call__(self, images: Array) -> tuple[Array, Array]:
        compute = Compute()
        x, channels, i = to_float(images), 32, 0
        while min(x.shape[1:3]) > SMALLEST:
            x = nn.relu(Conv(channels, compute, kernel=5, stride=2, name=f'block_{i}')(x))
            channels, i = min(2 * channels, 256), i + 1
        x = nn.relu(Dense(FEATURES, compute, name='features')(x.reshape(len(x), -1)))
        return x, Dense(self.classes, compute, name='logits')(x)


def classifier(data: Mapping[str, Any], spec: Spec) -> Extractor:
    """The classifier of the data set that `config.data` describes, trained unless it is cached.

    For a stacked set it is that of the channels' data set, applied to each channel: features [B, 3 * 128], and as
    logits the logarithms of the joint probabilities [B, classes^3], in the order of the set's labels.

    Args:
      data: `config.data`, or a part of it.
      spec: of the images to classify.

    Raises:
      UserError: the data set has no labels, or images of another shape.
    """
    stacked = data['name'] == 'stacked'
    options = {'name': data.get('of') or 'mnist', 'size': data.get('size')} if stacked else data
    train = load.split(options, 'train')
    if len(train.spec.classes) < 2 or train.size is None or not kinds.is_image(train.spec):
        raise UserError(f"a classifier needs labeled images, and '{options['name']}' has none: choose other features")
    train, test = hold(train), hold(load.split({**options, 'split': 'train'}, 'test'))
    wanted = (*train.spec.shape[:2], 3 if stacked else train.spec.shape[2])
    if spec.shape != wanted:
        shapes = ' x '.join(map(str, wanted)), ' x '.join(map(str, spec.shape))
        raise UserError(f"the classifier of '{data['name']}' takes images {shapes[0]}, not {shapes[1]}: see data.size")
    net, params = load_or_train(train)
    weights = hashlib.sha256(b''.join(leaf.tobytes() for leaf in jax.tree.leaves(params))).hexdigest()[:16]
    notes = {'accuracy': accuracy(net, params, test), 'trained on': options['name']}
    apply = lambda params, images: net.apply(params, images)
    if stacked:
        apply = lambda params, images: _join_stacks(*net.apply(params, _split_channels(images)), images.shape[3])
    return Extractor('classifier', 'FD (classifier)', apply, params, weights, 'none', notes, 500)


def load_or_train(train: Source) -> tuple[Classifier, Tree]:
    """The classifier of a labeled set in memory, and its parameters on the host; trained unless they are cached."""
    net = Classifier(len(train.spec.classes))
    shapes = jax.eval_shape(net.init, jax.random.key(0), jnp.zeros((1, *train.spec.shape), jnp.uint8))
    names = [jax.tree_util.keystr(path, simple=True, separator='/') for path, _ in jax.tree.leaves_with_path(shapes)]
    key = {'shape': train.spec.shape, 'train': digest(train), 'training': TRAINING}
    leaves = lambda: map(np.asarray, jax.tree.leaves(fit(net, train)))
    held = cache.load_or_make('classifiers', key, lambda: dict(zip(names, leaves(), strict=True)))
    return net, jax.tree.unflatten(jax.tree.structure(shapes), [held[name] for name in names])


def digest(source: Source) -> str:
    """SHA-256 of the images and labels of a set in memory."""
    content = hashlib.sha256()
    for name in ('label', 'real'):
        content.update(np.ascontiguousarray(source.arrays[name]))
    return content.hexdigest()


def accuracy(net: Classifier, params: Tree, test: Source) -> float:
    """Accuracy on the test images, rounded to four digits."""
    predict = jax.jit(lambda images: net.apply(params, images)[1].argmax(-1))
    images, labels = test.arrays['real'], test.arrays['label']
    cuts = range(0, len(images), 1000)
    correct = sum(int((np.asarray(predict(images[i : i + 1000])) == labels[i : i + 1000]).sum()) for i in cuts)
    return round(correct / len(images), 4)


def fit(net: Classifier, train: Source) -> Tree:
    """Trains on a labeled set in memory: Adam with a cosine decay of the learning rate, on shuffled batches."""
    images, labels = train.arrays['real'], train.arrays['label']
    batch = min(BATCH, len(images))
    per_epoch = len(images) // batch
    epochs = max(EPOCHS, -(-STEPS // per_epoch))
    steps = epochs * per_epoch
    logging.info('training a classifier on %s images, %s steps', f'{len(images):,}', f'{steps:,}')
    tx = optax.adam(optax.cosine_decay_schedule(1e-3, steps))

    def loss(params: Tree, images: Array, labels: Array) -> Array:
        logits = net.apply(params, images)[1]
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Tree, state: Tree, images: Array, labels: Array) -> tuple[Tree, Tree]:
        change, state = tx.update(jax.grad(loss)(params, images, labels), state)
        return optax.apply_updates(params, change), state

    params = jax.jit(net.init)(jax.random.key(0), images[:1])
    state, rng = tx.init(params), np.random.default_rng(0)
    for _ in range(epochs):
        for index in np.split(rng.permutation(len(images))[: per_epoch * batch], per_epoch):
            params, state = step(params, state, images[index], labels[index])
    return params


def _split_channels(images: Array) -> Array:
    """Channels as grayscale images: [B, H, W, C] -> [B * C, H, W, 1]."""
    b, h, w, c = images.shape
    return images.transpose(0, 3, 1, 2).reshape(b * c, h, w, 1)


def _join_stacks(features: Array, logits: Array, channels: int) -> tuple[Array, Array]:
    """Combines features and logits of the channels [B * C, ...] into those of the stacks [B, ...]."""
    batch = len(features) // channels
    logs = jax.nn.log_softmax(logits).reshape(batch, channels, -1)
    joint = logs[:, 0]
    for i in range(1, channels):
        joint = (joint[:, :, None] + logs[:, i, None, :]).reshape(batch, -1)
    return features.reshape(batch, -1), joint
