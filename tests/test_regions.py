"""Image encoders of DAMSM on frozen nets: what they see, what learns, and where their weights come from."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import systems

from gans import configs
from gans.core import Compute, Spec
from gans.data import words
from gans.errors import UserError
from gans.features import efficientnet, inception, regions
from gans.features.regions import RegionEncoder, Trunk
from gans.nets import build
from gans.step import init_state
from gans.systems import _words
from gans.systems.build import build as build_system
from gans.training import graft
from gans.training.stages import stages

needs_lite0 = pytest.mark.skipif(not efficientnet.is_installed(), reason='the extra `features` is not installed')


def net_of(trunk: str, features: int, *shape: int):
    return build.from_linen(RegionEncoder(Compute(), trunk, features), jax.ShapeDtypeStruct((2, *shape), jnp.float32))


@pytest.mark.parametrize('trunk, count, side', [('efficientnet_lite0', 8, 112), ('inception_v3', 17, 768)])
def test_regions_are_the_places_of_a_middle_map(trunk: str, count: int, side: int) -> None:
    """For images of any size, grey ones too."""
    net = net_of(trunk, 6, 20, 20, 1)
    params, stats = jax.eval_shape(net.init, jax.random.key(0))
    (found, whole), _ = jax.eval_shape(lambda p, x: net.apply(p, {}, x, train=True), params, net.inputs[0])
    assert found.shape == (2, count**2, 6) and whole.shape == (2, 6) and not stats
    assert params['regions'].keys() == {'kernel'} and params['regions']['kernel'].shape == (1, 1, side, 6)
    assert params['whole'].keys() == {'kernel', 'bias'}


@needs_lite0
def test_efficientnet_sees_what_the_extractor_sees() -> None:
    trunk, extractor = regions.TRUNKS['efficientnet_lite0'], efficientnet.efficientnet_lite0()
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)
    params = trunk.read(None)
    assert jax.tree.map(jnp.shape, params) == jax.tree.map(lambda x: x.shape, trunk.shapes())
    maps, means = jax.jit(lambda params, x: trunk.see(params, x, 'lax'))(params, pixels / np.float32(127.5) - 1)
    wanted = jax.jit(extractor.apply)(extractor.params, pixels)[0]
    assert maps.shape == (2, 8, 8, 112)
    np.testing.assert_allclose(means, wanted, rtol=1e-3, atol=1e-3)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> list:
    """A frozen net of one number, 3, by which it multiplies; gives the files that were read."""
    read: list = []
    shape = lambda: {'scale': jax.ShapeDtypeStruct((), jnp.float32)}
    see = lambda params, x, form: (x[:, ::2, ::2] * params['scale'], x.mean((1, 2)) * params['scale'])
    trunk = Trunk(shape, see, lambda weights: read.append(weights) or {'scale': np.float32(3)})
    monkeypatch.setitem(regions.TRUNKS, 'toy', trunk)
    return read


def test_gradients_pass_through_the_frozen_net_to_images_alone(toy: list) -> None:
    net = net_of('toy', 5, 4, 4, 3)
    params, _ = net.init(jax.random.key(0))
    assert params['trunk'] == {'scale': 0}
    params, x = {**params, 'trunk': {'scale': jnp.float32(3)}}, jax.random.normal(jax.random.key(1), (2, 4, 4, 3))

    def loss(params: dict, x: jax.Array) -> jax.Array:
        (found, whole), _ = net.apply(params, {}, x, train=True)
        return jnp.square(found).sum() + whole.sum()

    (found, whole), _ = net.apply(params, {}, x, train=False)
    kernel = params['regions']['kernel'][0, 0]
    np.testing.assert_allclose(found, 3 * x[:, ::2, ::2].reshape(2, 4, 3) @ kernel, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(whole, 3 * x.mean((1, 2)) @ params['whole']['kernel'], rtol=1e-4, atol=1e-5)
    slopes, of_images = jax.jit(jax.grad(loss, (0, 1)))(params, x)
    assert slopes['trunk']['scale'] == 0 and slopes['regions']['kernel'].any() and of_images.any()


def test_the_frozen_net_is_read_once_and_never_moves(toy: list) -> None:
    sizes = {'features': 4, 'embedding': 4, 'width': 2, 'image': 'toy'}
    config = configs.override(systems.smokes()['dfgan_openmoji32'], {'encoders': sizes}, 'of a test')
    spec = Spec((8, 8, 3), fields={'caption': words.caption_spec(('', 'a', 'b'), 2)})
    matching, gan = (build_system(stage.config, spec, Compute()) for stage in stages(config))
    image, _ = graft.start_from(matching, graft.pretrained(matching)).nets['image'].init(jax.random.key(0))
    assert toy == [None] and image['trunk']['scale'] == 3 and image['regions']['kernel'].all()
    player, nets = matching.players['generator'], {'image': image}
    moved, _ = player.tx.update(jax.tree.map(jnp.ones_like, nets), player.tx.init(nets), nets)
    assert moved['image']['trunk']['scale'] == 0 and moved['image']['regions']['kernel'].all()
    assert player.nets == ('text', 'image')
    before = jax.eval_shape(lambda: init_state(matching, jax.random.key(0)))
    assert not graft.pretrained(gan, before) and toy == [None]  # it comes from the stage before
    assert graft.pretrained(gan).keys() == {'image/params/trunk/scale'} and toy == [None, None]
    assert not {'text', 'image'} & {net for player in gan.players.values() for net in player.nets}


def test_mistakes_are_told(tmp_path: Path) -> None:
    given = lambda **keys: configs.override(systems.smokes()['damsm_openmoji32'], {'encoders': keys}, 'of a test')
    with pytest.raises(UserError, match=r"unknown encoders\.image 'vgg19'; known: efficientnet_lite0, inception_v3"):
        _words.pretrained(given(image='vgg19'))
    with pytest.raises(UserError, match=r"weights=x\.pth are for encoders\.image=inception_v3, not 'small'"):
        _words.pretrained(given(weights='x.pth'))
    with pytest.raises(UserError, match=r"weights=x\.pth are for inception_v3; 'efficientnet_lite0' has its own"):
        regions.reader('efficientnet_lite0', 'x.pth')()
    wrong = tmp_path / 'mine.pth'
    wrong.write_bytes(b'x')
    with pytest.raises(UserError, match='is not the official Inception: its SHA-256 is') as raised:
        regions.reader('inception_v3', str(wrong))()
    assert inception.URL in str(raised.value)
