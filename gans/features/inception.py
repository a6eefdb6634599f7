"""The InceptionV3 of the Fréchet Inception Distance (Heusel 2017, 1706.08500), with the official weights."""

import tempfile
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gans import cache
from gans.core import Array, Tree
from gans.errors import UserError, unknown
from gans.features import torch_file
from gans.features.base import Extractor
from gans.features.resize import bilinear, tf1_bilinear

FILE = 'pt_inception-2015-12-05-6726825d.pth'
URL = f'https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{FILE}'
SHA256 = '6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2'
SIZE = 299  # pixels
CLASSES = 1008


def tf1(images: Array) -> Array:
    """The TensorFlow graph's own preprocessing: [0, 255] of any size -> [-1, 1) of 299 x 299."""
    return (tf1_bilinear(images, SIZE) - 128) / 128


def pytorch_fid(images: Array) -> Array:
    """What pytorch-fid does: [0, 255] of any size -> [-1, 1] of 299 x 299."""
    return 2 * bilinear(images / 255, SIZE) - 1


# By variant: the preprocessing, and its description for the stamp.
VARIANTS = {
    '': (tf1, 'TF1 bilinear to 299, no antialias'),
    'pytorch_fid': (pytorch_fid, 'bilinear to 299, half-pixel centres, no antialias'),
}


def inception_v3(variant: str = '', weights: str | None = None) -> Extractor:
    """The extractor of FID: 2,048 features, and the 1,008 logits, without bias, of the Inception Score.

    Args:
      variant: '' for the TensorFlow graph's resize, 'pytorch_fid' for that of pytorch-fid.
      weights: the official file; by default it is taken from the cache folder, or downloaded.
    """
    if variant not in VARIANTS:
        raise unknown('variant of inception_v3', variant, filter(None, VARIANTS))
    preprocess, resizing = VARIANTS[variant]
    file = verify(Path(weights).expanduser() if weights else fetch())

    def apply(params: Tree, images: Array) -> tuple[Array, Array]:
        images = jnp.broadcast_to(images, (*images.shape[:3], 3)).astype(jnp.float32)
        found = features(params, preprocess(images))
        return found['2048'], found['logits']

    return Extractor(
        name=f'inception_v3:{variant}'.removesuffix(':'),
        title='FID',
        apply=apply,
        params=convert(torch_file.read(file)),
        weights=SHA256[:16],
        resizing=resizing,
        batch=32,
    )


def fetch() -> Path:
    """The file of the weights in the cache folder, downloaded if missing."""
    path = cache.home() / FILE
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(dir=path.parent) as folder,
            urllib.request.urlopen(URL, timeout=60) as answer,
        ):
            part = Path(folder, FILE)
            part.write_bytes(answer.read())
            verify(part).rename(path)  # under its final name a file is complete
    except (OSError, HTTPException) as error:
        raise UserError(
            f'cannot download the weights of inception_v3 ({error}): download {URL}, and save it as {path} or set '
            '--weights=PATH'
        ) from error
    return path


def verify(path: Path) -> Path:
    """Returns the path if the file has the SHA-256 of the official weights."""
    try:
        found = torch_file.sha256(path)
    except OSError as error:
        raise UserError(f'cannot read the weights of inception_v3, {path}: {error.strerror}') from error
    if found != SHA256:
        raise UserError(f'{path} is not the official Inception: its SHA-256 is {found}, not {SHA256}; use {URL}')
    return path


def features(params: Tree, images: Array) -> dict[str, Array]:
    """Spatial means after the four layers that are in use, and the logits.

    Args:
      params: from `convert`.
      images: preprocessed, float32 [B, 299, 299, 3].

    Returns:
      '64', '192', '768' and '2048': float32 [B, 64] and so on; 'logits': [B, 1008], without bias; 'Mixed_6e': what
      the means '768' are of, [B, 17, 17, 768].
    """
    return InceptionV3().apply({'params': params}, images)


def convert(tensors: dict[str, np.ndarray]) -> Tree:
    """Converts the state dict of the official file, with batch norms folded into the convolutions."""
    spec = jax.ShapeDtypeStruct((1, SIZE, SIZE, 3), jnp.float32)
    shapes = jax.eval_shape(InceptionV3().init, jax.random.key(0), spec)['params']
    state = torch_file.StateDict(tensors)
    state.take('fc.bias', (CLASSES,))

    def fill(expected: Tree, name: str) -> Tree:
        if 'kernel' not in expected:
            return {key: fill(below, f'{name}{key}.') for key, below in expected.items()}
        kernel = expected['kernel'].shape
        if name == 'fc.':
            return {'kernel': state.take('fc.weight', kernel[::-1]).T}
        return state.fold(f'{name}conv', f'{name}bn', kernel, epsilon=1e-3)

    params = fill(shapes, '')
    state.finish()
    return params


class InceptionV3(nn.Module):
    """The TensorFlow graph of 2015-12-05 (Szegedy 2015, 1512.00567); names are those of the file."""

    @nn.compact
    def __call__(self, x: Array) -> dict[str, Array]:  # [B, 299, 299, 3]
        found = {}

        def record(x: Array) -> Array:
            found[str(x.shape[-1])] = x.mean((1, 2))
            return x

        x = conv(x, 'Conv2d_1a_3x3', 32, (3, 3), 2)
        x = conv(x, 'Conv2d_2a_3x3', 32, (3, 3), padding='VALID')
        x = conv(x, 'Conv2d_2b_3x3', 64, (3, 3))
        x = record(max_pool(x))  # [B, 73, 73, 64]
        x = conv(x, 'Conv2d_3b_1x1', 80)
        x = conv(x, 'Conv2d_4a_3x3', 192, (3, 3), padding='VALID')
        x = record(max_pool(x))  # [B, 35, 35, 192]
        x = BlockA(32, name='Mixed_5b')(x)
        x = BlockA(64, name='Mixed_5c')(x)
        x = BlockA(64, name='Mixed_5d')(x)
        x = BlockB(name='Mixed_6a')(x)  # [B, 17, 17, 768]
        for letter, width in zip('bcde', (128, 160, 160, 192), strict=True):
            x = BlockC(width, name=f'Mixed_6{letter}')(x)
        found['Mixed_6e'] = x
        x = record(x)
        x = BlockD(name='Mixed_7a')(x)  # [B, 8, 8, 1280]
        x = BlockE(average_pool, name='Mixed_7b')(x)
        # A peculiarity of this graph, unlike other Inceptions.
        x = BlockE(lambda x: nn.max_pool(x, (3, 3), padding='SAME'), name='Mixed_7c')(x)
        record(x)
        logits = nn.Dense(CLASSES, use_bias=False, precision=lax.Precision.HIGHEST, name='fc')(found['2048'])
        return {**found, 'logits': logits}


def conv(
    x: Array, name: str, width: int, kernel: tuple[int, int] = (1, 1), stride: int = 1, padding: str = ''
) -> Array:
    """Convolution, bias (the folded batch norm) and ReLU; by default padded for stride 1, unpadded for stride 2."""
    padding = padding or ('SAME' if stride == 1 else 'VALID')
    return nn.relu(nn.Conv(width, kernel, stride, padding, precision=lax.Precision.HIGHEST, name=name)(x))


def max_pool(x: Array) -> Array:
    return nn.max_pool(x, (3, 3), (2, 2))


def average_pool(x: Array) -> Array:
    return nn.avg_pool(x, (3, 3), padding='SAME', count_include_pad=False)


def concatenate(*branches: Array) -> Array:
    return jnp.concatenate(branches, -1)


class BlockA(nn.Module):
    """35 x 35: 1x1, 5x5, two 3x3, pool."""

    pooled: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        a = conv(x, 'branch1x1', 64)
        b = conv(x, 'branch5x5_1', 48)
        b = conv(b, 'branch5x5_2', 64, (5, 5))
        c = conv(x, 'branch3x3dbl_1', 64)
        c = conv(c, 'branch3x3dbl_2', 96, (3, 3))
        c = conv(c, 'branch3x3dbl_3', 96, (3, 3))
        return concatenate(a, b, c, conv(average_pool(x), 'branch_pool', self.pooled))


class BlockB(nn.Module):
    """35 x 35 to 17 x 17."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        a = conv(x, 'branch3x3', 384, (3, 3), 2)
        b = conv(x, 'branch3x3dbl_1', 64)
        b = conv(b, 'branch3x3dbl_2', 96, (3, 3))
        b = conv(b, 'branch3x3dbl_3', 96, (3, 3), 2)
        return concatenate(a, b, max_pool(x))


class BlockC(nn.Module):
    """17 x 17: 1x1, a factored 7x7, two of them, pool."""

    width: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        a = conv(x, 'branch1x1', 192)
        b = conv(x, 'branch7x7_1', self.width)
        b = conv(b, 'branch7x7_2', self.width, (1, 7))
        b = conv(b, 'branch7x7_3', 192, (7, 1))
        c = conv(x, 'branch7x7dbl_1', self.width)
        c = conv(c, 'branch7x7dbl_2', self.width, (7, 1))
        c = conv(c, 'branch7x7dbl_3', self.width, (1, 7))
        c = conv(c, 'branch7x7dbl_4', self.width, (7, 1))
        c = conv(c, 'branch7x7dbl_5', 192, (1, 7))
        return concatenate(a, b, c, conv(average_pool(x), 'branch_pool', 192))


class BlockD(nn.Module):
    """17 x 17 to 8 x 8."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        a = conv(x, 'branch3x3_1', 192)
        a = conv(a, 'branch3x3_2', 320, (3, 3), 2)
        b = conv(x, 'branch7x7x3_1', 192)
        b = conv(b, 'branch7x7x3_2', 192, (1, 7))
        b = conv(b, 'branch7x7x3_3', 192, (7, 1))
        b = conv(b, 'branch7x7x3_4', 192, (3, 3), 2)
        return concatenate(a, b, max_pool(x))


class BlockE(nn.Module):
    """8 x 8: 1x1, a 3x3 split in two, another after a 3x3, pool."""

    pool: Callable[[Array], Array]

    @nn.compact
    def __call__(self, x: Array) -> Array:
        a = conv(x, 'branch1x1', 320)
        b = conv(x, 'branch3x3_1', 384)
        b = concatenate(conv(b, 'branch3x3_2a', 384, (1, 3)), conv(b, 'branch3x3_2b', 384, (3, 1)))
        c = conv(x, 'branch3x3dbl_1', 448)
        c = conv(c, 'branch3x3dbl_2', 384, (3, 3))
        c = concatenate(conv(c, 'branch3x3dbl_3a', 384, (1, 3)), conv(c, 'branch3x3dbl_3b', 384, (3, 1)))
        return concatenate(a, b, c, conv(self.pool(x), 'branch_pool', 192))
