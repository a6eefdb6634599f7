import numpy as np
import pytest
from PIL import Image

from gans import kinds, pictures, plots
from gans.core import Spec
from gans.errors import UserError
from gans.ops.pixels import to_uint8
from gans.training import paths, save


def test_grid_places_every_image() -> None:
    values = np.linspace(-1, 1, 7, dtype=np.float32)
    images = np.broadcast_to(values[:, None, None, None], (7, 64, 48, 3))
    grid = pictures.grid(images, columns=3)
    assert grid.dtype == np.uint8 and grid.shape == (3 * 64 + 2 * 2, 3 * 48 + 2 * 2, 3)
    for i, value in enumerate(values):
        top, left = i // 3 * 66, i % 3 * 50
        assert (grid[top : top + 64, left : left + 48] == np.round((value + 1) * 127.5)).all()
    assert (grid[64:66] == 255).all() and (grid[:, 48:50] == 255).all()
    assert (grid[2 * 66 :, 50:] == 255).all()


def test_grid_enlarges_small_images_by_a_whole_factor() -> None:
    image = np.random.default_rng(0).uniform(-1, 1, (1, 28, 28, 1)).astype(np.float32)
    grid = pictures.grid(image)
    assert grid.shape == (56, 56, 3)
    assert (grid[::2, ::2] == grid[1::2, 1::2]).all()
    assert (grid[::2, ::2] == to_uint8(image)[0]).all()
    assert pictures.grid(np.zeros((1, 8, 8, 3))).shape == (64, 64, 3)
    assert pictures.grid(np.zeros((1, 33, 33, 3))).shape == (33, 33, 3)


@pytest.mark.parametrize('n', [1, 2, 3, 5, 10, 64, 65])
def test_grid_of_any_number(n) -> None:
    grid = pictures.grid(np.zeros((n, 40, 40, 1), np.float32))
    assert (grid == 128).sum() == n * 40 * 40 * 3
    assert abs(grid.shape[0] - grid.shape[1]) <= 42


def test_to_uint8() -> None:
    raw = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    assert (to_uint8(raw.astype(np.float32) / 127.5 - 1) == raw).all()  # as data sets are read
    assert to_uint8(np.array([-9, 9, np.nan, np.inf, -np.inf])).tolist() == [0, 255, 0, 255, 0]


def test_grid_refuses_what_is_no_image() -> None:
    for shape in [(0, 8, 8, 3), (1, 8, 8, 2)]:
        with pytest.raises(ValueError, match='a grid needs images'):
            pictures.grid(np.zeros(shape))


def test_words_stand_around_a_picture() -> None:
    picture = np.zeros((2 * 66 - 2, 4 * 66 - 2, 3), np.uint8)
    assert pictures.annotate(picture, pictures.Caption()) is picture
    names = pictures.Caption(
        'step 4,000, seed 0', ('cats', 'dogs and other animals of the house', '', 'x'), ('up', 'down')
    )
    found = pictures.annotate(picture, names)
    height, width, _ = found.shape
    left = width - picture.shape[1]
    assert height == len(picture) + 2 * pictures.LINE and left > 30
    assert (found[2 * pictures.LINE :, left:] == 0).all()  # the picture itself
    dark = found.min(2) < 128
    assert dark[: pictures.LINE].any() and dark[2 * pictures.LINE :, :left].any()
    heads = dark[pictures.LINE : 2 * pictures.LINE, left:]
    shares = [heads[:, i * 66 : i * 66 + 64].any() for i in range(4)]
    assert shares == [True, True, False, True] and not heads[:, [64, 65, 130, 131]].any()  # each within its own column
    assert (found == pictures.annotate(picture, names)).all()
    small = pictures.annotate(picture[:9, :9], pictures.Caption('more words than there is room for in one line of it'))
    assert small.shape[1] == pictures.NARROWEST and small.shape[0] == 9 + 2 * pictures.LINE


def test_fields_stand_side_by_side_under_their_names() -> None:
    ones, zeros = np.ones((4, 64, 64, 3)), -np.ones((4, 32, 32, 1))
    found = pictures.side_by_side({'source': ones, 'sample': zeros})
    assert found.shape == (pictures.LINE + 4 * 66 - 2, pictures.NARROWEST, 3)
    assert (found[pictures.LINE :: 66, 0] == 255).all() and (found[pictures.LINE :: 66, 66] == 0).all()


def test_draw_chooses() -> None:
    def draw(spec, samples, real=None):
        return kinds.kind_of(spec).draw(samples, pictures.Caption(), plots.Beside(real))

    assert draw(Spec((64, 64, 3)), np.zeros((4, 64, 64, 3))).shape == (130, 130, 3)
    assert draw(Spec((64, 64, 3)), np.zeros((0, 64, 64, 3)), np.zeros((1, 64, 64, 3))).shape == (64, 64, 3)
    assert pictures.to_pixels(draw(Spec((2,)), np.zeros((4, 2)), np.eye(2))).shape == (960, 960, 3)
    with pytest.raises(UserError, match="kind of examples 'songs'"):
        kinds.kind_of(Spec((8, 8, 8, 1), kind='songs'))


def test_paths() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 100))
    for path in (paths.lerp, paths.slerp):
        assert np.allclose(path(a, b, 0), a) and np.allclose(path(a, b, 1), b)
        assert path(a, b, 0.3).dtype == np.float32 and path(a, b, np.linspace(0, 1, 5)).shape == (5, 100)
    assert np.allclose(paths.lerp(a, b, 0.25), 0.75 * a + 0.25 * b)
    middle = np.linalg.norm(paths.slerp(a, b, 0.5))
    assert np.isclose(middle, (np.linalg.norm(a) + np.linalg.norm(b)) / 2)
    x, y = np.eye(2)
    assert np.allclose(paths.slerp(x, y, 1 / 3), [np.cos(np.pi / 6), np.sin(np.pi / 6)])  # even in the angle
    for b in (a, 2 * a, -a, 0 * a):  # no arc
        path = paths.slerp(a, b, np.linspace(0, 1, 5))
        assert np.isfinite(path).all() and np.allclose(path, paths.lerp(a, b, np.linspace(0, 1, 5)), atol=1e-5)


@pytest.mark.parametrize('mode', ['linear', 'spherical'])
def test_interpolations(mode) -> None:
    corners = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
    made = paths.interpolations(corners[:2], corners[2:], 5, mode).reshape(2, 5, 8)
    assert np.allclose(made[:, 0], corners[:2]) and np.allclose(made[:, -1], corners[2:], atol=1e-6)


def test_unknown_path() -> None:
    with pytest.raises(UserError, match="unknown path 'sphercal'; did you mean 'spherical'"):
        paths.interpolations(np.eye(2), np.eye(2), 3, 'sphercal')


def test_save_png(tmp_path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    pictures.save_png(tmp_path / 'deep' / 'x.png', image)
    assert (np.asarray(Image.open(tmp_path / 'deep' / 'x.png')) == image).all()
    assert [path.name for path in (tmp_path / 'deep').iterdir()] == ['x.png']
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match=r'cannot write .*file/x.png: '):
        pictures.save_png(tmp_path / 'file' / 'x.png', image)
    (tmp_path / 'folder.png').mkdir()
    with pytest.raises(UserError, match=r'cannot write .*folder.png: '):
        pictures.save_png(tmp_path / 'folder.png', image)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['deep', 'file', 'folder.png']


@pytest.mark.parametrize('channels', [1, 3])
def test_save_images(tmp_path, channels) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (3, 8, 8, channels)).astype(np.float32)
    spec, raw = Spec((8, 8, channels)), to_uint8(samples)
    assert 'picture of 3 samples' in save.save_samples(tmp_path / 'a.png', samples, spec)
    assert (np.asarray(Image.open(tmp_path / 'a.png')) == pictures.grid(samples)).all()
    assert 'uint8 [3, 8, 8' in save.save_samples(tmp_path / 'new' / 'a.npz', samples, spec)
    with np.load(tmp_path / 'new' / 'a.npz') as arrays:
        assert arrays.files == ['samples'] and (arrays['samples'] == raw).all()
    assert '3 images' in save.save_samples(f'{tmp_path}/images/', samples, spec)
    assert sorted(path.name for path in (tmp_path / 'images').iterdir()) == ['000000.png', '000001.png', '000002.png']
    image = np.asarray(Image.open(tmp_path / 'images' / '000001.png'))
    assert (image.reshape(8, 8, channels) == raw[1]).all()


def test_save_points(tmp_path) -> None:
    samples, spec = np.random.default_rng(0).normal(size=(9, 2)), Spec((2,))
    save.save_samples(tmp_path / 'a.png', samples, spec)
    save.save_samples(tmp_path / 'a.npz', samples, spec)
    for name in ('a.svg', 'a.pdf'):  # lines and letters, and the same bytes each time
        held = [(save.save_samples(tmp_path / name, samples, spec), (tmp_path / name).read_bytes())[1] for _ in '12']
        assert held[0] == held[1] and held[0][:4] in (b'<?xm', b'%PDF') and b'Date' not in held[0]
    with pytest.raises(UserError, match=r'b\.pdf: images are made of pixels.*name a FILE\.png'):
        save.save_samples(tmp_path / 'b.pdf', np.zeros((2, 8, 8, 1)), Spec((8, 8, 1)))
    with np.load(tmp_path / 'a.npz') as arrays:
        assert arrays['samples'].dtype == np.float32 and np.allclose(arrays['samples'], samples)
    with pytest.raises(UserError, match=r'folder of one file per sample, but samples are points'):
        save.save_samples(f'{tmp_path}/folder/', samples, spec)
    for out in ('a.jpg', 'a', ''):
        with pytest.raises(UserError, match=r'NAME.png .*NAME.npz .*FOLDER/'):
            save.save_samples(out, samples, spec)


def test_images_of_other_proportions_keep_them() -> None:
    """A dark square beside a wide picture is a square, in the middle of white."""
    fields = {'source': np.full((1, 4, 4, 1), -1.0, np.float32), 'sample': np.zeros((1, 8, 16, 3), np.float32)}
    cell = pictures._fit_in(fields['source'].repeat(3, 3), (8, 16))[0]
    assert (cell[:, 4:12] == -1).all() and (cell[:, :4] == 1).all() and (cell[:, 12:] == 1).all()
    assert pictures._fit_in(fields['sample'], (8, 16)).tolist() == fields['sample'].tolist()
    assert pictures.side_by_side(fields).dtype == np.uint8
