"""Volumes: as they are stored, drawn, saved, voxelised, read and measured."""

import logging

import jax.numpy as jnp
import numpy as np
import pytest

from gans import binvox, kinds, pictures, plots, surfaces
from gans.core import Spec
from gans.data import load, meshes, voxelize
from gans.data import volumes as readers
from gans.data.furniture import furniture, models
from gans.errors import UserError
from gans.evaluation.run import neighbors
from gans.metrics import volumes as metrics
from gans.metrics.extract import Extracted
from gans.training.save import save_samples

KIND = kinds.KINDS['volumes']


def ball(size, radius):
    """Float [size, size, size], soft at its border: 1/2 on it."""
    x = np.arange(size) + 0.5 - size / 2
    return np.clip(radius + 0.5 - np.sqrt(x[:, None, None] ** 2 + x[:, None] ** 2 + x**2), 0, 1)


def box(low, high):
    """Twelve triangles, [12, 3, 3]."""
    corners = np.array([[(low, high)[i >> a & 1][a] for a in range(3)] for i in range(8)], float)
    quads = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    return np.array([corners[[q[0], q[i], q[i + 1]]] for q in quads for i in (1, 2)])


def sphere(count=48):
    """Triangles of a unit sphere by longitude and latitude."""
    t, p = np.linspace(0, np.pi, count), np.linspace(0, 2 * np.pi, 2 * count)
    at = lambda i, j: np.array([np.sin(t[i]) * np.cos(p[j]), np.cos(t[i]), np.sin(t[i]) * np.sin(p[j])])
    faces = []
    for i in range(count - 1):
        for j in range(2 * count - 1):
            faces += [(at(i, j), at(i + 1, j), at(i + 1, j + 1)), (at(i, j), at(i + 1, j + 1), at(i, j + 1))]
    return np.array(faces)


# The kind


def test_stored_and_back_and_mirrored():
    levels = np.arange(256, dtype=np.uint8).reshape(2, 4, 4, 8, 1)
    np.testing.assert_array_equal(KIND.store(np.asarray(KIND.finish(levels))), levels)
    np.testing.assert_array_equal(KIND.keep(KIND.finish(levels)), levels)
    assert KIND.store(np.array([np.nan, -1, 2])).tolist() == [0, 0, 255]
    flipped = np.asarray(KIND.mirror(jnp.asarray(levels), jnp.array([True, False])))
    np.testing.assert_array_equal(flipped[0], levels[0, :, :, ::-1])
    np.testing.assert_array_equal(flipped[1], levels[1])


def test_pictures_show_what_is_above_and_right_of_it():
    """A small box in the upper right corner in front is there in the first view, whose eye stands a little right."""
    volume = np.zeros((1, 16, 16, 16, 1), np.float32)
    nothing = KIND.draw(volume, pictures.Caption(), plots.NOTHING)
    assert (nothing == 255).all()
    volume[0, :, 12:, 12:] = 1
    dark = np.argwhere(KIND.draw(volume, pictures.Caption(), plots.NOTHING)[:, :80].min(-1) < 200)
    assert len(dark) > 100 and dark[:, 0].mean() < 40 < dark[:, 1].mean()


# Surfaces


@pytest.mark.parametrize('volume', [ball(20, 8), np.random.default_rng(0).random((4, 5, 6)), np.ones((3, 3, 3))])
def test_surfaces_are_closed_and_face_outward(volume):
    vertices, faces = surfaces.surface(volume)
    edges = np.concatenate([faces[:, [i, (i + 1) % 4]] for i in range(4)])
    ways, counts = np.unique(edges, axis=0, return_counts=True)
    back = {(b, a): n for (a, b), n in zip(ways.tolist(), counts, strict=True)}
    assert all(back[a, b] == n for (a, b), n in zip(ways.tolist(), counts, strict=True))  # each edge there and back
    triangles = vertices[np.concatenate([faces[:, :3], faces[:, [0, 2, 3]]])] * max(volume.shape)
    inside = np.linalg.det(triangles).sum() / 6
    assert inside > 0 and (vertices >= 0).all() and (vertices <= 1).all()
    if len(volume) == 20:
        assert inside == pytest.approx(4 / 3 * np.pi * 8**3, rel=0.03)
        center = triangles.mean((0, 1))
        np.testing.assert_allclose(center, 10, atol=0.05)


# Files that we write and read


def test_files_of_samples_come_back(tmp_path):
    volume = np.random.default_rng(1).random((5, 6, 7)) ** 2
    spec, samples = Spec((5, 6, 7, 1), kind='volumes'), volume[None, ..., None]
    for name in ('a.binvox', 'a.npy'):
        assert name in save_samples(tmp_path / name, samples, spec)
        found = readers.READERS[f'.{name[2:]}']((tmp_path / name).read_bytes())
        found = found > 127 if name == 'a.npy' else found
        np.testing.assert_array_equal(found.transpose(2, 1, 0), KIND.store(volume) > 127)
    for name in ('a.obj', 'a.ply'):
        save_samples(tmp_path / name, samples, spec)
        vertices, faces = surfaces.surface(KIND.store(volume) / np.float32(255))
        triangles = meshes.read_mesh(tmp_path / name)
        assert len(triangles) == 2 * len(faces)
        np.testing.assert_allclose(triangles[0], vertices[faces[0, :3]], atol=1e-5)
    said = save_samples(tmp_path / 'many.obj', samples.repeat(2, 0), spec)
    assert said.endswith('many_000000.obj and so on') and (tmp_path / 'many_000001.obj').exists()
    save_samples(f'{tmp_path}/all/', samples, spec)
    assert (tmp_path / 'all' / '000000.binvox').exists()
    with pytest.raises(UserError, match=r'NAME.binvox, NAME.npy, NAME.obj, NAME.ply or FOLDER/'):
        save_samples('a.xyz', samples, spec)


def test_binvox_is_that_of_the_tool(tmp_path):
    """Index x w h + z w + y, as its page says; runs of at most 255; a file that is cut off."""
    voxels = np.zeros((8, 8, 8), bool)
    voxels[2, 1, 3] = True  # z, y, x
    binvox.save_binvox(tmp_path / 'a.binvox', voxels)
    content = (tmp_path / 'a.binvox').read_bytes()
    header, _, data = content.partition(b'data\n')
    assert header.startswith(b'#binvox 1\ndim 8 8 8\n')
    place = 3 * 64 + 2 * 8 + 1
    assert list(data) == [0, place, 1, 1, 0, 255, 0, 512 - place - 1 - 255]
    with pytest.raises(ValueError, match='it holds 465 voxels of 512: it is cut off'):
        binvox.read_binvox(content[:-2])
    with pytest.raises(ValueError, match='no header'):
        binvox.read_binvox(b'binvox')


# Voxels of meshes


def test_a_box_is_voxelised_exactly():
    found = voxelize.voxelize(box((0, 0, 0), (30, 15, 6)), 32)
    where = np.argwhere(found)
    assert found.sum() == 30 * 15 * 6 + 30 * 6  # 15 in 32 begin half a voxel off: 16 layers
    assert where.min(0).tolist() == [1, 8, 13] and where.max(0).tolist() == [30, 23, 18]
    even = voxelize.voxelize(7 + 0.1 * box((0, 0, 0), (30, 14, 30)), 32)
    assert even.sum() == 30 * 14 * 30


def test_a_sphere_is_the_voxels_that_it_meets():
    """And those inside: at most those whose nearest point is inside, at least those whose center is."""
    size, radius = 32, 15
    found = voxelize.voxelize(sphere(), size)
    far = np.abs(np.arange(size) + 0.5 - size / 2)
    near = np.maximum(far - 0.5, 0)
    squared = lambda x: x[:, None, None] ** 2 + x[:, None] ** 2 + x**2
    assert not found[squared(near) > radius**2].any()
    assert found[squared(far) <= (0.99 * radius) ** 2].all()
    assert (found != (squared(near) <= radius**2)).mean() < 0.02


def test_open_and_overlapping_meshes():
    open_box = box((0, 0, 0), (1, 1, 1))[2:]  # without two triangles, one side
    shell = voxelize.voxelize(open_box, 16)
    assert not shell[8, 8, 8] and shell.sum() < 16**3 / 2
    both = np.concatenate([box((0, 0, 0), (1, 1, 1)), box((0.2, 0.2, 0.2), (0.8, 0.8, 0.8))])
    assert voxelize.voxelize(both, 16).all((0, 1, 2))
    for bad, why in (([], 'no faces'), ([[[np.inf] * 3] * 3], 'not finite'), ([[[1.0] * 3] * 3], 'one point')):
        with pytest.raises(ValueError, match=why):
            voxelize.voxelize(np.array(bad).reshape(-1, 3, 3), 16)


PYRAMID = '5 {}\n0 0 0\n1 0 0\n1 0 1\n0 0 1\n.5 1 .5\n4 0 1 2 3\n3 0 1 4\n3 1 2 4\n3 2 3 4\n3 3 0 4\n'


@pytest.mark.parametrize('head', ['OFF\n', 'OFF', '# made by hand\nOFF\n# here\n'])
def test_off_with_glued_counts_and_faces_of_four(tmp_path, head):
    (tmp_path / 'a.off').write_text(head + PYRAMID.format('5 0'))
    triangles = meshes.read_mesh(tmp_path / 'a.off')
    assert triangles.shape == (6, 3, 3)
    assert abs(np.linalg.det(triangles).sum() / 6) == pytest.approx(1 / 3)


def test_obj_stl_and_ply_are_the_same_box(tmp_path):
    triangles = box((0, 0, 0), (2, 1, 1))
    flat = triangles.reshape(-1, 3)
    lines = [f'v {x} {y} {z}' for x, y, z in flat]
    lines += [f'f {i}/1/1 {i + 1} {i + 2 - 37}' for i in range(1, 37, 3)]  # the last one counted from the end
    (tmp_path / 'a.obj').write_text('\n'.join(['# box', 'o box', *lines]))
    facets = ''.join(
        'facet normal 0 0 0\nouter loop\n' + ''.join(f'vertex {x} {y} {z}\n' for x, y, z in t) for t in triangles
    )
    (tmp_path / 'a.stl').write_text(f'solid box\n{facets}endsolid')
    rows = np.zeros(12, [('n', '<f4', 3), ('c', '<f4', (3, 3)), ('a', '<u2')])
    rows['c'] = triangles
    (tmp_path / 'b.stl').write_bytes(b'solid'.ljust(80) + np.uint32(12).tobytes() + rows.tobytes())
    head = 'ply\nformat ascii 1.0\nelement vertex 36\nproperty float x\nproperty float y\nproperty float z\n'
    head += 'element face 12\nproperty list uchar int vertex_index\nend_header\n'
    body = [' '.join(map(str, corner)) for corner in flat] + [f'3 {i} {i + 1} {i + 2}' for i in range(0, 36, 3)]
    (tmp_path / 'a.ply').write_text(head + '\n'.join(body))
    for name in ('a.obj', 'a.stl', 'b.stl', 'a.ply'):
        np.testing.assert_array_equal(meshes.read_mesh(tmp_path / name), triangles, err_msg=name)
    (tmp_path / 'c.stl').write_bytes((tmp_path / 'b.stl').read_bytes()[:-7].replace(b'solid', b'other'))
    (tmp_path / 'c.ply').write_text(head + '\n'.join(body[:-1]))
    (tmp_path / 'c.off').write_text('OFF 9 9 0\n0 0 0\n')
    (tmp_path / 'c.obj').write_text('v 0 0 0\nf 1 2 3\n')
    for name, why in (
        ('c.stl', '677 bytes'),
        ('c.ply', 'cut off'),
        ('c.off', '1 lines of 9'),
        ('c.obj', 'none of its 1'),
    ):
        with pytest.raises(ValueError, match=why):
            meshes.read_mesh(tmp_path / name)


# Data sets


def test_grids_are_enlarged_shrunk_and_centered():
    grid = np.ones((30, 30, 30), bool)  # ModelNet's
    assert readers.fit(grid, 32)[1:31, 1:31, 1:31].all() and readers.fit(grid, 32).sum() == 30**3
    assert readers.fit(grid, 64).sum() == 60**3 and readers.fit(grid, 64)[2:62, 2:62, 2:62].all()
    thin = np.zeros((64, 64, 64), bool)
    thin[5, 6, 7] = True
    assert np.argwhere(readers.fit(thin, 32)).tolist() == [[2, 3, 3]]


@pytest.mark.parametrize(('up', 'there'), [('y', (5, 2, 1)), ('z', (5, 1, 13)), ('x', (13, 5, 1))])
def test_the_axis_that_points_up(up, there):
    voxels = np.zeros((16, 16, 16), bool)
    voxels[5, 2, 1] = True
    assert tuple(np.argwhere(readers.turn(voxels, up))[0]) == there


def test_a_folder_of_all_formats(tmp_path, caplog):
    from scipy.io import savemat

    grid = np.zeros((30, 30, 30), np.int8)
    grid[0, 10, 20] = 1
    for place in ('chair/30/train', 'chair/30/test', 'desk/train'):
        (tmp_path / place).mkdir(parents=True)
    savemat(tmp_path / 'chair/30/train/a.mat', {'instance': grid})
    np.save(tmp_path / 'chair/30/test/b.npy', np.ones((32, 32, 32, 1), np.float32))
    (tmp_path / 'desk/train/c.off').write_text('OFF' + PYRAMID.format('5 0'))
    (tmp_path / 'desk/train/d.binvox').write_bytes(b'#binvox 1\ndim 4 4 4\ndata\n\x00\x10')
    np.save(tmp_path / 'desk/train/e.npy', np.full((4, 4, 4), 0.4))
    options = {'name': f'volumes:{tmp_path}', 'size': 32, 'up': 'z', 'cache': str(tmp_path / 'cache')}
    with caplog.at_level(logging.WARNING):
        source = load.load({**options, 'split': 'train'})
    assert 'it is empty: no value is 0.5 or more' in caplog.text
    assert 'd.binvox' in caplog.text and 'it holds 16 voxels of 64: it is cut off, or damaged' in caplog.text
    assert source.spec == Spec((32, 32, 32, 1), ('chair', 'desk'), 'volumes')
    real = np.asarray(source.arrays['real'])
    assert len(real) == 2 and source.arrays['label'].tolist() == [0, 1]
    # x 0 + 1, y 10, z 20 of the file, whose z points up: height 21, depth 32 - 1 - 11
    assert np.argwhere(real[0]).tolist() == [[20, 21, 1, 0]] and real[0].max() == 255
    held_out = load.load({**options, 'split': 'test'})
    assert held_out.size == 1 and held_out.spec == source.spec
    with pytest.raises(UserError, match=r'd\.binvox'):
        load.load({**options, 'strict': True})
    with pytest.raises(UserError, match='there is no folder'):
        load.load({'name': 'volumes:nowhere'})


def test_furniture():
    source = furniture()
    assert source.spec.shape == (32, 32, 32, 1) and len(source.spec.classes) == 11
    assert source.size == len(models()) == 175 and set(np.unique(source.arrays['real'])) == {0, 255}
    assert 0.05 < (source.arrays['real'] > 0).mean() < 0.2
    assert (source.arrays['real'] > 0).any((1, 2, 3, 4)).all()
    assert furniture(split='train').size + furniture(split='test').size == 175
    assert furniture(group='chair').size == sum('chair' in model['name'].lower().split() for model in models())
    with pytest.raises(UserError, match=r"group 'chairs'; did you mean 'chair'"):
        furniture(group='chairs')


# Metrics


def test_metrics_of_known_volumes():
    full = lambda *places: (
        np.stack([np.isin(np.arange(27), place).reshape(3, 3, 3, 1) for place in places]) * np.uint8(255)
    )
    real = full([0, 1], [13, 14], [26])
    fake = full([0, 1], [0, 2], [13])  # IoU 1 with the first, 1/3 with the first, 1/2 with the second
    found = metrics.matching(real, fake)
    assert found['iou_nearest'] == pytest.approx((1 + 1 / 3 + 1 / 2) / 3)
    assert found['iou_coverage'] == pytest.approx(2 / 3)
    assert found['iou_mmd'] == pytest.approx(1 - (1 + 1 / 2 + 0) / 3)
    assert metrics.matching(real, real) == {'iou_nearest': 1, 'iou_coverage': 1, 'iou_mmd': 0}
    assert metrics.statistics(fake) == {'occupancy': pytest.approx(5 / 81), 'components': pytest.approx(4 / 3)}
    seen = [Extracted(some, np.eye(3), None) for some in (real, fake)]
    assert neighbors(*seen, 'step 0', KIND).shape[1] >= 4 * 80
    assert metrics.statistics(np.zeros_like(fake)) == {'occupancy': 0, 'components': 0}
