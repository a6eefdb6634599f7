"""StackGAN v2: trees of images, its nets and its losses."""

import numpy as np
import pytest
from test_stackgan import kernels

from gans.core import Compute
from gans.errors import UserError
from gans.nets import _tree
from gans.nets.stackgan2 import TreeCritic, TreeGenerator


def test_scales_of_an_example_come_apart_as_they_were() -> None:
    draw = np.random.default_rng(0)
    images = [draw.normal(size=(2, n, n, 3)).astype(np.float32) for n in (8, 16, 32)]
    both = _tree.stack(images)
    assert both.shape == (2, 32, 32, 9)
    for i, image in enumerate(images):
        np.testing.assert_array_equal(_tree.take(both, i, 3), image)
    real = _tree.pyramid(images[-1], 3)
    np.testing.assert_array_equal(_tree.take(real, 2, 3), images[-1])
    means = images[-1].reshape(2, 8, 4, 8, 4, 3).mean((2, 4))
    np.testing.assert_allclose(_tree.take(real, 0, 3), means, atol=1e-6)
    assert _tree.sizes((256, 256, 3), 3) == [64, 128, 256] and _tree.sizes((16, 16, 3), 2) == [8, 16]
    for shape, scales in (((24, 24), 1), ((16, 16), 3), ((64, 32), 2)):
        with pytest.raises(UserError, match=f'a tree of {scales} scales makes squares of'):
            _tree.sizes(shape, scales)


def test_the_generator_has_the_papers_layers() -> None:
    found, made = kernels(TreeGenerator((256, 256, 3), Compute(), 3, 128), (100,), (1024,), (128,))
    assert made == (2, 256, 256, 9)
    assert found['augmentation/moments'] == (1024, 512) and found['first_64/stem_4'] == (228, 2 * 1024 * 16)
    ups = [found[f'{part}/conv_norm/conv'] for part in ('up_128', 'up_256')]
    first = [found[f'first_64/up_{size}/conv_norm/conv'] for size in (8, 16, 32, 64)]
    assert [shape[-1] // 2 for shape in first + ups] == [512, 256, 128, 64, 32, 16]
    assert found['joint_128/conv'] == (3, 3, 64 + 128, 2 * 64) and found['joint_256/conv'] == (3, 3, 32 + 128, 2 * 32)
    for size, width in ((128, 64), (256, 32)):
        for i in (0, 1):
            residual = [found[f'residual_{size}_{i}/conv_norm_{j}/conv'] for j in (1, 2)]
            assert residual == [(3, 3, width, 2 * width), (3, 3, width, width)]
    assert [found[f'image_{size}/conv'][2] for size in (64, 128, 256)] == [64, 32, 16] and len(found) == 21


def test_critics_have_the_papers_layers() -> None:
    found, made = kernels(TreeCritic((256, 256, 3), Compute(), 3), (256, 256, 9), (128,))
    assert made == (2, 3, 2)
    downs = {
        64: ([32, 16, 8, 4], [64, 128, 256, 512], {}),
        128: ([64, 32, 16, 8, 4], [64, 128, 256, 512, 1024], {0: 512}),
        256: ([128, 64, 32, 16, 8, 4], [64, 128, 256, 512, 1024, 2048], {1: 1024, 0: 512}),
    }
    for scale, (sizes, widths, back) in downs.items():
        assert [found.pop(f'size_{scale}/conv_{size}')[-1] for size in sizes] == widths
        for i, width in back.items():
            assert found.pop(f'size_{scale}/conv_back_{i}') == (3, 3, 2 * width, width)
        assert found.pop(f'size_{scale}/conv_joint') == (3, 3, 512 + 128, 512)
        assert found.pop(f'size_{scale}/told') == found.pop(f'size_{scale}/alone') == (512 * 16, 1)
    assert not found
