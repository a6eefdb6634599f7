import numpy as np
from PIL import Image

from gans import pictures
from gans.training.film import FRAMES, STILLS, film


def draw(folder, count: int, side: int = 60, step: int = 4) -> None:
    for i in range(count):
        picture = np.full((side, side + 10, 3), step * i, np.uint8)
        pictures.save_png(folder / 'samples' / f'step_{100 * i:08d}.png', picture)


def test_a_strip_and_a_film_of_all_pictures(tmp_path) -> None:
    draw(tmp_path, 3, step=100)
    film(tmp_path)
    strip = np.asarray(Image.open(tmp_path / 'strip.png'))
    assert strip.shape == (60, 3 * 70 + 2 * 8, 3) and strip[0, [0, 75, 78, 156], 0].tolist() == [0, 255, 100, 200]
    moving = Image.open(tmp_path / 'progress.webp')
    assert moving.format == 'WEBP' and moving.n_frames == 3 and moving.size == (70, 60)
    held = [(tmp_path / name).read_bytes() for name in ('strip.png', 'progress.webp')]
    film(tmp_path)
    assert held == [(tmp_path / name).read_bytes() for name in ('strip.png', 'progress.webp')]


def test_of_many_pictures_some_are_taken_and_large_ones_shrink(tmp_path) -> None:
    draw(tmp_path, 61)
    draw(tmp_path, 2, side=960)  # the size of a stage is not that of the next
    film(tmp_path)
    with Image.open(tmp_path / 'progress.webp') as moving:
        assert moving.n_frames <= FRAMES and max(moving.size) == 480
        moving.seek(moving.n_frames - 1)
        last = np.asarray(moving.convert('RGB')).astype(int)
    assert abs(last[:50, :50] - 240).max() < 8 and last[100:].min() > 240
    with Image.open(tmp_path / 'strip.png') as strip:
        assert strip.height == 480 and strip.width == 485 + (STILLS - 1) * (70 + 8)
        assert np.asarray(strip)[0, -1, 0] == 240  # the last


def test_one_picture_makes_none(tmp_path) -> None:
    draw(tmp_path, 1)
    film(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ['samples']
