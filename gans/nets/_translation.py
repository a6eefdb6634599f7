"""What the nets of image translation share."""

from typing import Any

from gans.core import Array
from gans.errors import UserError, unknown
from gans.ops.layers import IMAGE_NORMS, norm


def check_norm(kind: str, role: str = 'generator', known: tuple[str, ...] = IMAGE_NORMS) -> None:
    """Raises UserError for a norm that these nets do not have."""
    if kind not in known:
        raise unknown(f'{role}.norm', kind, known)


def has_bias(kind: str) -> bool:
    """Whether a convolution before that norm has a bias, as in the authors' PyTorch code: where the norm has shifts of
    its own there is none. Before 'plain_instance', which subtracts it, it does nothing but count.
    """
    return kind not in ('batch', 'instance')


def image_norm(kind: str, x: Array, train: bool, **options: Any) -> Array:
    """`gans.ops.layers.norm` of images [B, H, W, C].

    Papers that train on single images with batch norm, and use that image's statistics in sampling too, do what
    'instance' does; 'batch' has running statistics in sampling.
    """
    if kind == 'batch' and train and len(x) == 1 and options['compute'].axis_name is None:
        raise UserError(
            "norm='batch' has a single image for its statistics: set norm='instance', which is what papers with "
            'train.batch_size=1 call batch norm, or raise train.batch_size'
        )
    return norm(kind, x, train, **options)


def check_multiple(x: tuple[int, ...], multiple: int, net: str) -> None:
    """Raises UserError for images [..., H, W, C] whose sides are no multiples of that many pixels."""
    if len(x) < 3 or any(side % multiple or not side for side in x[-3:-1]):
        size = ' x '.join(map(str, x[-3:-1])) if len(x) >= 3 else f'shape {x}'
        raise UserError(
            f"net '{net}' halves images until each of its pixels stands for {multiple} x {multiple}, and these are "
            f'{size}: their sides must be multiples of {multiple}'
        )
