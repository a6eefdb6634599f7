"""Pictures of any sample format in 8 bits: as bright as they are, or refused."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gans.data.decode import eight_bits
from gans.errors import UserError
from gans.evaluation.compare import compare

GREY = np.kron(
    np.random.default_rng(0).integers(20, 236, (3, 3), dtype=np.uint8), np.ones((8, 8), np.uint8)
)  # [24, 24]
GREY[0, 0] = 255
RGB = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], -1)
SIXTEEN = GREY.astype(np.uint16)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        found = eight_bits(image)
    assert found.mode in ('L', 'RGB')
    return np.asarray(found)


def png16(path: Path, array: np.ndarray) -> None:
    """A PNG of 16 bits of any number of channels [H, W, C], which Pillow does not write."""
    chunk = lambda kind, data: struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    rows = b''.join(b'\0' + row.astype('>u2').tobytes() for row in array)
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[array.shape[2]]
    head = struct.pack('>IIBBBBB', array.shape[1], array.shape[0], 16, kind, 0, 0, 0)
    parts = chunk(b'IHDR', head) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + parts)


def tiff(path: Path, data: bytes, bits: int, white: int = 1, kind: int = 1) -> None:
    """A grey TIFF of 24 x 24 pixels, `bits` a sample: `white` is its photometric interpretation, `kind` its format."""
    entries = [(256, 24), (257, 24), (258, bits), (259, 1), (262, white), (273, 134), (277, 1), (278, 24)]
    entries += [(279, len(data)), (339, kind)]
    table = b''.join(struct.pack('<HHII', tag, 4 if tag in (273, 279) else 3, 1, value) for tag, value in entries)
    path.write_bytes(b'II*\0\x08\0\0\0' + struct.pack('<H', len(entries)) + table + b'\0\0\0\0' + data)


@pytest.mark.parametrize(
    ('array', 'suffix'),
    [
        (GREY, 'png'),
        (SIXTEEN * 257, 'png'),
        (SIXTEEN << 8, 'tif'),
        (GREY.astype(np.int32) * 257, 'pgm'),
        (GREY.astype(np.int32), 'tif'),
        (GREY.astype(np.float32), 'tif'),
        (GREY.astype(np.float32) / 255, 'tif'),
        (GREY.astype(np.float32) / 255, 'pfm'),
    ],
)
def test_grey_of_any_depth_is_the_same(array, suffix, tmp_path) -> None:
    Image.fromarray(array).save(tmp_path / f'x.{suffix}')
    np.testing.assert_array_equal(read(tmp_path / f'x.{suffix}'), GREY)


@pytest.mark.parametrize(
    ('array', 'mode', 'values'),
    [
        (GREY.astype(np.float32) / 127.5 - 1, 'F', '-0'),
        (GREY.astype(np.float32) / 255 * 1.05, 'F', 'to 1.05'),  # neither to 1 nor to 255
        (GREY.astype(np.float32) * 2, 'F', 'to 510'),
        (np.where(GREY > 254, np.nan, GREY).astype(np.float32), 'F', 'nan'),
        (np.where(GREY > 254, np.inf, GREY).astype(np.float32), 'F', 'to inf'),
        (GREY.astype(np.float32) / 255 / 20, 'F', 'to 0.05'),
        (GREY.astype(np.int32) * 1000, 'I', 'to 255000'),
        (GREY.astype(np.int32) - 128, 'I', 'to 127'),
        (SIXTEEN << 4, 'I;16', 'to 4080'),  # 12 bits
        (SIXTEEN, 'I;16', 'to 255'),
    ],
)
def test_what_has_no_known_range_is_refused(array, mode, values, tmp_path) -> None:
    Image.fromarray(array).save(tmp_path / 'x.tif')
    with pytest.raises(UserError) as error:
        read(tmp_path / 'x.tif')
    assert f'mode {mode})' in str(error.value) and values in str(error.value)
    assert 'in doubt: save it in 8 bits' in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize('dtype', [np.uint16, np.int32, np.float32])
def test_black_is_black(dtype, tmp_path) -> None:
    Image.fromarray(np.zeros((4, 4), dtype)).save(tmp_path / 'x.tif')
    assert (read(tmp_path / 'x.tif') == 0).all()


@pytest.mark.parametrize('channels', [2, 3, 4])
def test_colors_and_alpha_of_16_bits(channels, tmp_path) -> None:
    """Of which Pillow takes the high byte: where that says nothing, the picture is refused, not black or white."""
    color = RGB[..., : 3 if channels > 2 else 1].astype(int)
    alpha = np.full((24, 24, 1), 255) if channels in (2, 4) else np.zeros((24, 24, 0), int)
    both = np.concatenate([color, alpha], -1)
    png16(tmp_path / 'full.png', both * 257)
    np.testing.assert_array_equal(read(tmp_path / 'full.png'), np.broadcast_to(color, (24, 24, 3)))
    for factor in (16, 1):
        png16(tmp_path / 'few.png', both * factor)
        with pytest.raises(UserError, match='of 16 bits'):
            read(tmp_path / 'few.png')


def test_ppm_says_its_range_itself(tmp_path) -> None:
    for top in (4095, 65535):
        head, values = f'P6\n24 24\n{top}\n'.encode(), np.round(RGB * (top / 255)).astype('>u2')
        (tmp_path / 'x.ppm').write_bytes(head + values.tobytes())
        assert abs(read(tmp_path / 'x.ppm').astype(int) - RGB).max() <= 1
    (tmp_path / 'x.ppm').write_bytes(b'P6\n24 24\n65535\n' + (RGB.astype(int) * 16).astype('>u2').tobytes())
    with pytest.raises(UserError, match='of 16 bits'):
        read(tmp_path / 'x.ppm')


def test_tiff_says_how_many_bits_and_what_is_white(tmp_path) -> None:
    values = np.round(GREY * (4095 / 255)).astype(int).reshape(-1, 2)
    twelve = b''.join(bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in values)
    tiff(tmp_path / '12.tif', twelve, 12)
    tiff(tmp_path / '16.tif', (65535 - SIXTEEN * 257).tobytes(), 16, white=0)
    tiff(tmp_path / '32.tif', (1 - GREY / 255).astype('<f4').tobytes(), 32, white=0, kind=3)
    for name in ('12', '16', '32'):
        np.testing.assert_array_equal(read(tmp_path / f'{name}.tif'), GREY)
    for bits, kind in (('i1', 8), ('i2', 16)):
        tiff(tmp_path / 'signed.tif', (GREY.astype(int) - 128).astype(f'<{bits}').tobytes(), kind, kind=2)
        with pytest.raises(UserError, match='in doubt'):
            read(tmp_path / 'signed.tif')


@pytest.mark.parametrize(
    ('mode', 'name', 'near'),
    [
        ('CMYK', 'x.tif', 0),
        ('CMYK', 'x.jpg', 8),
        ('YCbCr', 'x.tif', 3),
        ('LAB', 'x.tif', 16),
        ('P', 'x.png', 51),
        ('RGBA', 'x.webp', 0),
        ('RGB', 'x.jp2', 0),
    ],
)
def test_colors_of_other_kinds(mode, name, near, tmp_path) -> None:
    options = (
        {'quality': 98, 'subsampling': 0} if name.endswith('jpg') else {'lossless': True} if 'webp' in name else {}
    )
    Image.fromarray(RGB).convert(mode).save(tmp_path / name, **options)
    assert abs(read(tmp_path / name).astype(int) - RGB).max() <= near


def test_transparency_is_laid_over_white_in_every_mode(tmp_path) -> None:
    clear, solid = np.zeros((4, 4), np.uint8), np.full((4, 4), 200, np.uint8)
    Image.merge('LA', [Image.fromarray(x) for x in (solid, clear)]).save(tmp_path / 'la.png')
    Image.merge('RGBA', [Image.fromarray(x) for x in (solid, solid, solid, clear)]).save(tmp_path / 'rgba.tif')
    Image.fromarray(solid).save(tmp_path / 'l.png', transparency=200)
    Image.fromarray(solid).convert('P').save(tmp_path / 'p.png', transparency=200)
    Image.fromarray(solid.astype(np.uint16) * 257).save(tmp_path / '16.png', transparency=200 * 257)
    Image.fromarray(solid > 0).save(tmp_path / '1.png')
    for name in ('la.png', 'rgba.tif', 'l.png', 'p.png', '16.png', '1.png'):
        assert (read(tmp_path / name) == 255).all(), name


def test_comparing_floats_with_bytes(tmp_path, capsys) -> None:
    """The same pictures, as grey and as floats in 0..1, are the same; those in -1..1 are refused and named."""
    for n in range(4):
        grey = np.random.default_rng(n).integers(0, 256, (8, 8), dtype=np.uint8)
        for place, array in (
            ('grey', grey),
            ('float', grey.astype(np.float32) / 255),
            ('pm', grey / np.float32(127.5) - 1),
        ):
            (tmp_path / place).mkdir(exist_ok=True)
            Image.fromarray(array).save(tmp_path / place / f'{n}.tif')
    table = compare(str(tmp_path / 'grey'), str(tmp_path / 'float'), features='pixels')
    line = next(line for line in table.splitlines() if line.strip().startswith('fd_pixels'))
    assert abs(float(line.split()[2])) < 1e-6
    with pytest.raises(UserError, match=r'pm/0\.tif.*mode F.*-'):
        compare(str(tmp_path / 'grey'), str(tmp_path / 'pm'), features='pixels')
