"""The user's own images, each at its own size: `--mode=sample --input=FOLDER`."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from test_translation import PAIRED, config_of, translator

from gans import configs
from gans.core import Array, Compute, Sampler, Spec
from gans.errors import UserError
from gans.pictures import LINE, NARROWEST
from gans.step import init_state
from gans.systems.build import build
from gans.training import draw, sampling, setup, tiles, translate

# Tiles


@pytest.mark.parametrize(
    'size, multiple, scale', [((40, 24), 8, 1), ((41, 9), 8, 1), ((30, 61), 4, 2), ((1, 50), 1, 4)]
)
def test_what_is_cut_is_joined_again(size, multiple, scale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, 'LARGEST', 32)
    image = np.random.default_rng(0).random((*size, 3), np.float32)
    plan = tiles.plan(size, multiple, scale)
    cut = plan.cut(image)
    assert len(cut) == len(plan.places) and not any(side % multiple for side in cut.shape[1:3])
    assert cut[0].size // 3 * scale**2 <= 32**2
    whole = plan.join(cut.repeat(scale, 1).repeat(scale, 2))
    np.testing.assert_allclose(whole, image.repeat(scale, 0).repeat(scale, 1), atol=1e-6)


def test_tiles_are_blended_with_linear_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, 'LARGEST', 8)
    plan = tiles.plan((8, 14), 1)
    assert plan.places == [(0, 0), (0, 6)] and plan.tile == (8, 8)  # a quarter is shared
    row = plan.join(np.stack([np.zeros((8, 8, 1)), np.ones((8, 8, 1))]))[4, :, 0]
    np.testing.assert_allclose(row, [0] * 6 + [1 / 3, 2 / 3] + [1] * 6, atol=1e-6)
    assert tiles.plan((8, 8), 1).places == [(0, 0)]


def test_what_is_beyond_the_border_is_reflected() -> None:
    plan = tiles.plan((2, 3), 4)
    assert plan.cut(np.arange(6.0).reshape(2, 3, 1))[0, :, :, 0].tolist() == [
        [3, 4, 5, 4], [0, 1, 2, 1], [3, 4, 5, 4], [0, 1, 2, 1]
    ]  # fmt: skip


# A folder


@pytest.fixture(scope='module')
def experiment() -> setup.Experiment:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setup, 'build', translator)
        return setup.setup(config_of(PAIRED), devices=1)


@pytest.fixture
def translated(experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    """Translates a folder by a formula in place of a net; gives the line it returns, what was said, and the images."""
    monkeypatch.setattr(translate.remembered, 'sources', lambda folder, config: None)
    monkeypatch.setattr(translate, 'setup_stages', lambda config, devices, sources: ())
    monkeypatch.setattr(sampling, 'use_averages', lambda state: state)

    def run(sampler: Sampler, root: Path, out: str | None = None, num: int | None = None):
        made = experiment._replace(system=experiment.system._replace(samplers={'samples': sampler}))
        monkeypatch.setattr(draw, 'restore', lambda *args: (made, None, 7))
        place = out or str(tmp_path / 'out')
        told = translate.translate(experiment.config, tmp_path, str(root), draw.Options(num, 0, 'latest', place))
        found = {str(path.relative_to(place)): np.asarray(Image.open(path)) for path in Path(place).rglob('*.png')}
        return told, capsys.readouterr().err, found

    return run


def inverter(multiple: int | None = 4, scale: int = 1) -> Sampler:
    """From grey to color, inverted."""

    def make(state: None, inputs: dict[str, Array]) -> Array:
        return -inputs['source'].repeat(3, -1).repeat(scale, 1).repeat(scale, 2)

    return Sampler(lambda batch, keys: {'source': batch['source'][:, ::scale, ::scale]}, make, multiple=multiple)


def photos(root: Path) -> dict[str, np.ndarray]:
    """Images of several sizes and modes; by the name of what is made of each, the grey that is seen."""
    rng = np.random.default_rng(0)
    (root / 'more').mkdir(parents=True)
    grey = {f'{name}.png': rng.integers(0, 256, size, np.uint8) for name, size in {
        'grey': (12, 20), 'more/color': (12, 20), 'deep': (5, 9), 'glass': (3, 3), 'palette': (1, 50)
    }.items()}  # fmt: skip
    Image.fromarray(grey['grey.png']).save(root / 'grey.png')
    Image.fromarray(grey['more/color.png'][..., None].repeat(3, -1)).save(root / 'more' / 'color.bmp')
    Image.fromarray(grey['deep.png'].astype(np.uint16) * 256 + 3).save(root / 'deep.png')
    grey['glass.png'][0, 0] = 255
    glass = np.dstack([*[grey['glass.png']] * 3, np.full((3, 3), 255, np.uint8)])
    glass[0, 0] = 0, 0, 0, 0  # black, but nothing of it is seen
    Image.fromarray(glass, 'RGBA').save(root / 'glass.png')
    Image.fromarray(grey['palette.png']).convert('P').save(root / 'palette.gif')
    return grey


def test_images_keep_their_sizes_and_names(tmp_path: Path, translated) -> None:
    wanted = photos(tmp_path / 'mine')
    told, said, made = translated(inverter(), tmp_path / 'mine')
    sheet = made.pop('sheet.png')
    assert made.keys() == wanted.keys() and told.startswith('5 images of step 7: ')
    for name, grey in wanted.items():
        np.testing.assert_array_equal(made[name], 255 - grey[..., None].repeat(3, -1), name)
    # 12 x 20 fits; 5 x 9, 3 x 3 and 1 x 50 do not.
    assert said == ('3 of 5 images are padded, by reflection, to multiples of 4 pixels, which this net takes, and cut '
                    'back\n')  # fmt: skip
    # Three rows of two pairs, in cells as large as the largest image, below words.
    assert (sheet.shape[0] - (3 * (50 + 2) - 2)) % LINE == 0 and sheet.shape[1] == NARROWEST
    _, said, made = translated(inverter(1, 2), tmp_path / 'mine', str(tmp_path / 'large'), 2)
    assert not said and {name: image.shape for name, image in made.items() if name != 'sheet.png'} == {
        'deep.png': (10, 18, 3), 'glass.png': (6, 6, 3)
    }  # fmt: skip


def test_a_net_of_one_size_is_given_squares(tmp_path: Path, translated) -> None:
    photos(tmp_path / 'mine')
    _, said, made = translated(inverter(None), tmp_path / 'mine')
    assert said == 'this net takes images of 8 x 8 pixels alone: the central squares are resized\n'
    assert {image.shape for name, image in made.items() if name != 'sheet.png'} == {(8, 8, 3)}


def test_large_images_and_many_sizes(tmp_path: Path, translated, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = photos(tmp_path / 'mine')
    monkeypatch.setattr(tiles, 'LARGEST', 8)
    _, said, made = translated(inverter(), tmp_path / 'mine')
    for name, grey in wanted.items():
        np.testing.assert_array_equal(made[name], 255 - grey[..., None].repeat(3, -1), name)
    assert '4 of 5 images are large, and made in tiles of up to 8 x 8 pixels that are blended' in said
    monkeypatch.setattr(translate, 'FEW', 1)
    _, said, made = translated(inverter(), tmp_path / 'mine')
    assert 'to multiples of 64 pixels, so that images of many sizes take few programs' in said
    np.testing.assert_array_equal(made['deep.png'][..., 0], 255 - wanted['deep.png'])


def test_what_cannot_be_read_is_named_and_the_others_are_made(tmp_path: Path, translated) -> None:
    photos(tmp_path / 'mine')
    (tmp_path / 'mine' / 'broken.png').write_bytes((tmp_path / 'mine' / 'grey.png').read_bytes()[:60])
    with pytest.raises(
        UserError, match=r"1 of 6 images cannot be read, 'broken.png' \(.*\); made are 5 images"
    ) as error:
        translated(inverter(), tmp_path / 'mine')
    assert '\n' not in str(error.value) and len(list((tmp_path / 'out').rglob('*.png'))) == 6
    for path in (tmp_path / 'mine').rglob('*.*'):
        path.write_bytes(b'')
    with pytest.raises(UserError, match=r'none of the 6 images in .*mine. can be read'):
        translated(inverter(), tmp_path / 'mine')


def test_no_image_takes_the_place_of_another(tmp_path: Path, translated) -> None:
    root = tmp_path / 'mine'
    root.mkdir()
    for name in ('a.png', 'a.bmp', 'sheet.png'):
        Image.new('L', (4, 4)).save(root / name)
    assert translated(inverter(), root)[2].keys() == {'a.png.png', 'a.bmp.png', 'sheet.png', 'sheet_.png'}
    before = {path.name: path.read_bytes() for path in root.iterdir()}
    for out in (root, root / 'out'):
        with pytest.raises(UserError, match=r'lies in --input=.*mine, with whose images those made would be mixed'):
            translated(inverter(), root, str(out))
    assert {path.name: path.read_bytes() for path in root.iterdir()} == before
    told, _, _ = translated(inverter(), root, str(tmp_path / 'alone.png'))
    assert told == f'3 images of step 7: {tmp_path}/alone.png' and (tmp_path / 'alone.png').is_file()


@pytest.mark.parametrize('root, out, line', [
    ('nowhere', None, '--input=.*nowhere: there is no such folder$'),
    ('mine/grey.png', None, r'there is no such folder \(it is a file\)'),
    ('mine', 'x.npz', '--out=x.npz: name a FOLDER for images, or FILE.png for a sheet of them alone'),
])  # fmt: skip
def test_places_that_will_not_do(root: str, out: str | None, line: str, tmp_path: Path, translated) -> None:
    photos(tmp_path / 'mine')
    with pytest.raises(UserError, match=line):
        translated(inverter(), tmp_path / root, out)
    latents = Sampler(lambda batch, keys: jnp.zeros((len(keys), 3)), lambda state, x: x)
    with pytest.raises(UserError, match='samples of this system are made from latents alone, not from an image'):
        translated(latents, tmp_path / 'mine')


def test_translators_say_which_sizes_they_take() -> None:
    config = configs.apply_defaults({'system': 'pix2pix', 'critic': {'net': 'patchgan', 'width': 2, 'patch': 16}}, '')
    spec = Spec((32, 32, 3), fields={'source': Spec((32, 32, 1))})
    for depth, multiple in ((2, 4), (None, 32)):
        config.generator = {'net': 'unet', 'width': 2, 'depth': depth}
        system = build(config, spec, Compute())
        sampler = sampling.main_sampler(system)
        assert sampler.multiple == multiple and sampler.target == 'real'
    nothing = configs.override(config, {'pix2pix.l1': 0.0, 'pix2pix.adversarial': 0.0}, '')
    with pytest.raises(UserError, match='leave nothing to learn from: set one of them'):
        build(nothing, spec, Compute())
    like = lambda *shape: jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    inputs = {'source': like(64, 96, 1), 'noise': jax.ShapeDtypeStruct((1, 2), jnp.uint32)}
    state = jax.eval_shape(lambda: init_state(system, jax.random.key(0)))
    assert jax.eval_shape(sampler.make, state, inputs).shape == (1, 64, 96, 3)
