"""Perceptual nets against PyTorch's, and where their weights come from."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gans.core import Compute, Spec
from gans.errors import UserError
from gans.features import efficientnet, vgg
from gans.features.perceptual import EfficientNetLite0, lite0_shapes, perceptual
from gans.nets import build as nets

needs_lite0 = pytest.mark.skipif(not efficientnet.is_installed(), reason='the extra `features` is not installed')


def shapes(name: str):
    net = perceptual(name, Spec((96, 96, 3)), Compute()).net
    params, stats = jax.eval_shape(net.init, jax.random.key(0))
    assert not stats
    return params, jax.eval_shape(lambda params, x: net.apply(params, {}, x, train=False)[0], params, net.inputs[0])


def test_vgg19_has_torchvisions_layers():
    """20,024,384 parameters before its classifier; convolutions at 0, 2, 5, ..., 34 of `features`."""
    params, found = shapes('vgg19:relu5_4')
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == 20_024_384 and found.shape == (2, 6, 6, 512)
    assert [place for _, _, place in vgg.CONVS] == [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]
    assert [*shapes('vgg19:conv2_1')[0]] == ['conv1_1', 'conv1_2', 'conv2_1']


@pytest.fixture(scope='module')
def torchs(tmp_path_factory):
    """A file as torchvision's, of random weights, and the convolutions in it."""
    torch = pytest.importorskip('torch')
    torch.manual_seed(0)
    before, layers = 3, []
    for i, widths in enumerate(vgg.WIDTHS[:3]):
        layers += [torch.nn.MaxPool2d(2, 2)] if i else []
        for width in widths:
            layers += [torch.nn.Conv2d(before, width, 3, padding=1), torch.nn.ReLU()]
            before = width
    net = torch.nn.Sequential(*layers)
    path = tmp_path_factory.mktemp('vgg') / 'vgg19.pth'
    torch.save({f'features.{name}': value for name, value in net.state_dict().items()}, path)
    return net, path


@pytest.mark.parametrize('layer, end', [('conv3_2', 13), ('relu3_2', 14)])
def test_features_of_vgg19_are_those_of_pytorch(torchs, layer, end, monkeypatch):
    torch, (net, path) = pytest.importorskip('torch'), torchs
    monkeypatch.setattr(vgg, 'SHA256', vgg.torch_file.sha256(path)[:8])
    images = np.random.default_rng(0).uniform(-1, 1, (2, 18, 21, 3)).astype(np.float32)  # odd sides are cut
    judge = perceptual(f'vgg19:{layer}', Spec(images.shape[1:]), Compute(), str(path))
    ours, stats = judge.net.apply(judge.read(), {}, images, train=False)
    mean, std = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    x = ((images + 1) / 2 - mean) / std
    with torch.no_grad():
        theirs = net[:end](torch.tensor(x.transpose(0, 3, 1, 2), dtype=torch.float32)).numpy().transpose(0, 2, 3, 1)
    assert not stats and (theirs.min() < 0) == layer.startswith('conv')
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_weights_that_are_not_there_or_of_others(torchs, tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    for weights, place in ((None, tmp_path / 'gans' / vgg.FILE), (str(tmp_path / 'mine.pth'), tmp_path / 'mine.pth')):
        with pytest.raises(UserError) as raised:
            vgg.read('relu5_4', weights)
        assert f'{place}: No such file' in str(raised.value) and vgg.URL in str(raised.value)
    with pytest.raises(UserError, match="is not the official VGG19: its SHA-256 is"):
        vgg.read('relu5_4', str(torchs[1]))
    monkeypatch.setattr(vgg, 'SHA256', vgg.torch_file.sha256(torchs[1])[:8])
    with pytest.raises(UserError, match=r"no 'features\.19\.weight': they belong to another net"):
        vgg.read('relu5_4', str(torchs[1]))


@pytest.mark.parametrize(
    'name, weights, said',
    [
        ('vgg16:relu5_3', None, 'unknown perceptual net'),
        ('vgg19', None, "unknown layer of vgg19 ''"),
        ('vgg19:conv5_5', None, "did you mean 'conv5_4'"),
        ('efficientnet_lite0:block_16', None, "unknown layer of efficientnet_lite0 'block_16'"),
        ('efficientnet_lite0:block_4', 'x.pth', 'weights=x.pth are for vgg19'),
    ],
)
def test_mistakes(name, weights, said):
    with pytest.raises(UserError, match=said):
        perceptual(name, Spec((64, 64, 3)), Compute(), weights)


@needs_lite0
def test_blocks_of_efficientnet_lite0_are_those_of_the_extractor():
    """After all blocks, the extractor's own features come of it; a file gives the parameters that the net has."""
    judge = perceptual('efficientnet_lite0:block_15', Spec((32, 32, 1)), Compute(conv='lax'))
    params = efficientnet.convert(efficientnet.torch_file.read(efficientnet.weights_file()))
    own = judge.read()
    assert jax.tree.map(jnp.shape, own) == jax.tree.map(jnp.shape, jax.eval_shape(judge.net.init, jax.random.key(0))[0])
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 1)).astype(np.float32)
    maps = judge.net.apply(own, {}, pixels / 127.5 - 1, train=False)[0]
    found = efficientnet.relu6(efficientnet.pointwise(maps, params['head'])).mean((1, 2))
    expected = efficientnet.features(params, (np.repeat(pixels, 3, -1) - 127) / 128)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_a_frozen_net_begins_at_zero_until_its_weights_are_read():
    """So that nothing random takes their place unseen."""
    net = nets.from_linen(EfficientNetLite0(2), jax.ShapeDtypeStruct((1, 8, 8, 3), jnp.float32))
    params, _ = net.init(jax.random.key(0))
    assert jax.tree.map(jnp.shape, params) == jax.tree.map(lambda x: x.shape, lite0_shapes(2))
    assert not any(leaf.any() for leaf in jax.tree.leaves(params))
