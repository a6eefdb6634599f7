"""InceptionV3 against torch-fidelity's with random weights, its resizes against closed forms and PyTorch, its file."""

import hashlib
import io
import urllib.error
import urllib.request
from http.client import IncompleteRead

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from damage import blurred, noisy
from peers import torch_fidelity

from gans.data import load
from gans.errors import UserError
from gans.features import inception, torch_file
from gans.features.base import Extractor
from gans.features.inception import convert, inception_v3
from gans.features.resize import bilinear, tf1_bilinear
from gans.metrics.extract import extract
from gans.metrics.frechet import frechet

RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, shape, np.uint8) for shape in [(2, 40, 56, 3), (1, 299, 299, 3)]]


def row(*values: float) -> np.ndarray:
    return np.float32(values)[None, None, :, None]  # [1, 1, W, 1]


@pytest.mark.parametrize(
    'resize, old, new',
    [
        (tf1_bilinear, [0, 1], [0, 0.5, 1, 1]),
        (bilinear, [0, 1], [0, 0.25, 0.75, 1]),
        (tf1_bilinear, [3, 1, 4, 2], [3, 4]),  # no antialias: the others are not seen
        (bilinear, [3, 1, 4, 2], [2, 3]),
        (tf1_bilinear, [7], [7, 7, 7]),
        (bilinear, [7], [7, 7, 7]),
    ],
)
def test_resizes_in_closed_form(resize, old, new):
    wide = resize(jnp.asarray(row(*old)), len(new))
    np.testing.assert_allclose(wide, np.broadcast_to(row(*new), wide.shape), atol=1e-6)
    high = resize(jnp.asarray(row(*old).swapaxes(1, 2)), len(new))
    np.testing.assert_allclose(high, wide.swapaxes(1, 2), atol=1e-6)


@pytest.mark.parametrize('resize', [tf1_bilinear, bilinear])
def test_a_resize_to_the_same_size_changes_nothing(resize):
    x = RNG.normal(size=(2, 299, 299, 3)).astype(np.float32)
    np.testing.assert_array_equal(resize(x, 299), x)


@pytest.mark.parametrize('shape', [(40, 56), (400, 311), (1, 1000)])
def test_resizes_of_the_peers(shape):
    torch = pytest.importorskip('torch')
    x = RNG.uniform(0, 255, (1, *shape, 2)).astype(np.float32)
    theirs = torch.nn.functional.interpolate(torch.tensor(x).permute(0, 3, 1, 2), (299, 299), mode='bilinear')
    np.testing.assert_allclose(bilinear(x, 299), theirs.permute(0, 2, 3, 1), atol=5e-3)  # of 255
    peer = torch_fidelity('feature_extractor_inceptionv3').interpolate_bilinear_2d_like_tensorflow1x
    theirs = peer(torch.tensor(x).permute(0, 3, 1, 2), (299, 299), align_corners=False)
    np.testing.assert_allclose(tf1_bilinear(x, 299), theirs.permute(0, 2, 3, 1), atol=5e-3)


def test_preprocessing_reaches_both_ends():
    black, white = (np.full((1, 8, 8, 3), value, np.float32) for value in (0, 255))
    np.testing.assert_allclose(inception.tf1(black), -np.ones((1, 299, 299, 3)))
    np.testing.assert_allclose(inception.tf1(white), np.full((1, 299, 299, 3), 127 / 128))
    np.testing.assert_allclose(inception.pytorch_fid(black), -np.ones((1, 299, 299, 3)))
    np.testing.assert_allclose(inception.pytorch_fid(white), np.ones((1, 299, 299, 3)), atol=1e-6)


def test_average_pools_exclude_the_padding():
    np.testing.assert_allclose(inception.average_pool(jnp.ones((1, 5, 5, 2))), np.ones((1, 5, 5, 2)), rtol=1e-6)


@pytest.fixture(scope='module')
def peer():
    """torch-fidelity's net with random weights under which activations keep their size."""
    torch, module = pytest.importorskip('torch'), torch_fidelity('feature_extractor_inceptionv3')

    class Random(module.FeatureExtractorInceptionV3):
        def load_state_dict(self, _):
            rng = np.random.default_rng(1)
            draws = {
                'bn.weight': lambda shape: rng.uniform(0.5, 1.5, shape),
                'bias': lambda shape: rng.normal(0, 0.1, shape),
                'running_mean': lambda shape: rng.normal(0, 0.1, shape),
                'running_var': lambda shape: rng.uniform(0.5, 2, shape),
                'weight': lambda shape: rng.normal(0, np.sqrt(2.5 / np.prod(shape[1:])), shape),
            }
            for name, value in self.state_dict().items():
                draw = next((draw for end, draw in draws.items() if name.endswith(end)), None)
                if draw:
                    value.copy_(torch.tensor(draw(value.shape)))

    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(module, 'load_state_dict_from_url', lambda *_, **__: None)
    with torch.no_grad():
        net = Random('random', ['64', '192', '768', '2048', 'logits_unbiased'])
    monkeypatch.undo()
    return net


@pytest.fixture(scope='module')
def file(peer, tmp_path_factory):
    path = tmp_path_factory.mktemp('weights') / 'random.pth'
    pytest.importorskip('torch').save(peer.state_dict(), path, _use_new_zipfile_serialization=False)
    return path


def test_all_features_are_those_of_torch_fidelity(peer, file):
    torch = pytest.importorskip('torch')
    ours = convert(torch_file.read(file))
    x = jnp.concatenate([inception.tf1(images.astype(np.float32)) for images in IMAGES])
    found = jax.jit(inception.features)(ours, x)
    with torch.no_grad():
        theirs = [peer(torch.tensor(images).permute(0, 3, 1, 2)) for images in IMAGES]
    names = ['64', '192', '768', '2048', 'logits']
    assert set(found) == {*names, 'Mixed_6e'}
    np.testing.assert_allclose(found['Mixed_6e'].mean((1, 2)), found['768'], rtol=1e-5)
    for name, *parts in zip(names, *theirs, strict=True):
        expected = torch.cat(parts).numpy()
        size = abs(expected).max()
        assert found[name].shape == expected.shape
        assert np.isfinite(expected).all() and size > 0.01
        assert np.ptp(expected, 0).max() > 0.02 * size  # images differ by far more than the tolerance
        np.testing.assert_allclose(found[name], expected, rtol=0, atol=1e-4 * size)


def test_distances_grow_with_damage():
    """In 64 of the net's features, with random weights."""
    spec = jax.ShapeDtypeStruct((1, 299, 299, 3), jnp.float32)
    shapes = jax.eval_shape(inception.InceptionV3().init, jax.random.key(0), spec)['params']
    draw = lambda x: RNG.normal(0, np.sqrt(2.5 / np.prod(x.shape[:-1])), x.shape).astype(np.float32)
    params = jax.tree.map(draw, shapes)
    apply = lambda params, images: (inception.features(params, inception.tf1(images.astype(np.float32)))['64'], None)
    extractor = Extractor('random', 'FD (random)', apply, params, batch=17)
    source = load.load({'name': 'openmoji', 'size': 32})
    kinds = np.argsort(source.arrays['label'][::100], kind='stable')
    images = source.arrays['real'][::100][kinds]  # 17, kind by kind
    real = extract(extractor, images)
    none = frechet(real.moments, real.moments)
    for damage, amounts in ((noisy, (8, 64)), (blurred, (0.5, 2))):
        found = [frechet(real.moments, extract(extractor, damage(images, amount)).moments) for amount in amounts]
        assert none < 1e-3 * found[0] and found == sorted(found), (damage, found)
    lost = [frechet(real.moments, real.part(slice(keep)).moments) for keep in (12, 4)]
    assert none < 1e-3 * lost[0] and lost == sorted(lost), lost


def test_the_extractor_with_grey_images_and_images_of_any_size(file, monkeypatch):
    monkeypatch.setattr(inception, 'SHA256', torch_file.sha256(file))
    extractor = inception_v3('pytorch_fid', str(file))
    assert extractor.name == 'inception_v3:pytorch_fid' and extractor.title == 'FID'
    assert extractor.weights == torch_file.sha256(file)[:16] and 'half-pixel' in extractor.resizing
    for shape in [(3, 1, 1, 3), (1, 640, 480, 1)]:
        shapes = jax.eval_shape(extractor.apply, extractor.params, jax.ShapeDtypeStruct(shape, jnp.uint8))
        assert [s.shape for s in shapes] == [(shape[0], 2048), (shape[0], 1008)]
    # What the net sees of a grey image (the net itself takes long to compile).
    monkeypatch.setattr(inception, 'features', lambda params, x: {'2048': x, 'logits': None})
    grey = IMAGES[0][..., :1]
    seen = jax.jit(extractor.apply)(extractor.params, grey)[0]
    expected = inception.pytorch_fid(np.repeat(grey, 3, -1).astype(np.float32))
    np.testing.assert_allclose(seen, expected, atol=1e-5)


def test_an_unknown_variant():
    with pytest.raises(UserError, match=r"did you mean 'pytorch_fid'\? known: pytorch_fid$"):
        inception_v3('pytorch-fid')


def state_dict() -> dict[str, np.ndarray]:
    """Zeros of the shapes of the official file."""
    spec = jax.ShapeDtypeStruct((1, 299, 299, 3), jnp.float32)
    shapes = jax.eval_shape(inception.InceptionV3().init, jax.random.key(0), spec)['params']
    found = {'fc.weight': np.zeros((1008, 2048)), 'fc.bias': np.zeros(1008)}
    for path, kernel in jax.tree.leaves_with_path(shapes):
        *names, leaf = (key.key for key in path)
        if leaf == 'kernel' and names != ['fc']:
            name = '.'.join(names)
            found[f'{name}.conv.weight'] = np.zeros([kernel.shape[axis] for axis in (3, 2, 0, 1)], np.float32)
            found |= {f'{name}.bn.{part}': np.ones(kernel.shape[3]) for part in ('weight', 'bias', 'running_var')}
            found |= {
                f'{name}.bn.running_mean': np.ones(kernel.shape[3]),
                f'{name}.bn.num_batches_tracked': np.array(0),
            }
    return found


def test_weights_of_another_net_are_refused():
    weights = state_dict()
    assert len(weights) == 566  # entries of the official file
    params = convert(weights)
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(params))
    folded = 1 - 1 / np.sqrt(1 + 1e-3)  # batch norm of 0, with mean, variance, scale and shift of 1
    np.testing.assert_allclose(params['Mixed_5b']['branch1x1']['bias'], np.full(64, folded), rtol=1e-4)
    with pytest.raises(UserError, match=r"no 'Mixed_7c.branch_pool.bn.bias'"):
        convert({name: value for name, value in weights.items() if name != 'Mixed_7c.branch_pool.bn.bias'})
    with pytest.raises(UserError, match=r"'fc.weight' has shape \(1000, 2048\), not \(1008, 2048\)"):
        convert(weights | {'fc.weight': np.zeros((1000, 2048))})
    with pytest.raises(UserError, match=r"unknown 'AuxLogits.fc.bias'"):
        convert(weights | {'AuxLogits.fc.bias': np.zeros(1000)})


def test_a_file_with_a_wrong_hash_is_not_read(tmp_path):
    path = tmp_path / 'weights.pth'
    path.write_bytes(b'something else')
    digest = hashlib.sha256(b'something else').hexdigest()
    with pytest.raises(UserError, match=f'weights.pth is not the official.*{digest}.*{inception.SHA256}'):
        inception_v3(weights=str(path))
    with pytest.raises(UserError, match=r'cannot read .*missing\.pth: No such file'):
        inception_v3(weights=str(tmp_path / 'missing.pth'))


class Server:
    """Answers with the content, or with an error, and counts."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def __call__(self, url, timeout):
        self.asked.append(url)
        if isinstance(self.answer, Exception):
            raise self.answer
        return io.BytesIO(self.answer)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    return tmp_path / 'gans'


def test_the_file_is_fetched_once(cache, monkeypatch):
    server = Server(b'weights')
    monkeypatch.setattr(urllib.request, 'urlopen', server)
    monkeypatch.setattr(inception, 'SHA256', hashlib.sha256(b'weights').hexdigest())
    for _ in range(2):
        assert inception.fetch() == cache / inception.FILE
        assert [path.name for path in cache.iterdir()] == [inception.FILE]
        assert (cache / inception.FILE).read_bytes() == b'weights' and server.asked == [inception.URL]


def test_a_wrong_file_does_not_stay_in_the_cache(cache, monkeypatch):
    monkeypatch.setattr(urllib.request, 'urlopen', Server(b'weigh'))
    with pytest.raises(UserError, match=hashlib.sha256(b'weigh').hexdigest()):
        inception_v3()
    assert not list(cache.iterdir())


@pytest.mark.parametrize('error', [urllib.error.URLError('no route'), TimeoutError('slow'), IncompleteRead(b'', 9)])
def test_without_internet_the_error_says_what_to_do(cache, monkeypatch, error):
    monkeypatch.setattr(urllib.request, 'urlopen', Server(error))
    with pytest.raises(UserError) as raised:
        inception_v3()
    for part in (inception.URL, str(cache / inception.FILE), '--weights=PATH'):
        assert part in str(raised.value)
    assert '\n' not in str(raised.value) and not list(cache.iterdir())
