"""Whether clips are of one sprite that moves straight ahead and bounces off the walls, as in `gans.data.moving`.

A fixed reader finds where the ink of each frame is, and which sprite it is most like. It errs a little on real clips,
too, so read each number beside theirs.
"""

from typing import NamedTuple

import numpy as np

from gans.data.moving import SLOWEST, Sprites

FAINT = 26  # of 255: ink below is none, so that a haze has no middle
CLIPS = 64  # that are read at a time
STARTS, SPEEDS = 72, 76  # of the paths that are tried first
FASTEST = 1.5  # of these, in units of the fastest of the set
REFINED = 3  # times that the best of them is moved
REACH = 0.75  # sides of a sprite from its middle, beyond which ink is none of it
NEAR = 1 / 32  # of a side of the picture, that a frame may lie off its path


class Reading(NamedTuple):
    """What is seen in clips."""

    middle: np.ndarray  # float [N, T, 2]: the mean place of ink, (row, column) in pixels; NaN where there is none
    sprite: np.ndarray  # int [N, T]: the nearest sprite; -1 where there is no ink
    label: np.ndarray  # int [N, T]: its class, or -1
    corner: np.ndarray  # float [N, T, 2]: where that sprite's upper left corner is, the mean sprite of a clip


class Path(NamedTuple):
    """The nearest ways along one axis of what goes at one speed and is reflected at 0 and `room`."""

    speed: np.ndarray  # [M], pixels per frame, not negative
    off: np.ndarray  # [M, T]: how far the places lie off
    steps: np.ndarray  # [M, T - 1]: from each frame to the next, as it were without walls
    bounces: np.ndarray  # bool [M, T - 1]: whether there is a wall between


def statistics(clips: np.ndarray, sprites: Sprites) -> dict[str, float]:
    """Of stored clips [N, T, H, W, C]; of fewer than three frames each path is a right one:

    - 'identity_kept': the share of clips whose frames are all read as one class, and 'identity_frames' the mean share
      of a clip's frames that are read as its most frequent one;
    - 'path_kept': the share of clips of which each frame lies within a 32nd of the side of the nearest path of constant
      speed with exact reflections, if that is a speed of the set, up to a tenth; and 'path_error' the root mean square
      distance from that path in pixels, the mean over clips;
    - 'speed': of these paths, in pixels per frame, and 'speed_error' how much steps from frame to frame differ from it,
      along each axis, the mean;
    - 'bounces_right': of all meetings of these paths with walls the share before and after which the clip lies near its
      path; 0 if they meet none.
    """
    seen = read(clips, sprites)
    frames, side = clips.shape[1:3]
    counts = np.stack([(seen.label == label).sum(1) for label in np.unique(sprites.labels)], 1).max(1)
    near, room = NEAR * side, side - sprites.ink.shape[1]
    corner = np.nan_to_num(seen.corner, nan=-float(side))  # a frame without ink lies off any path
    path = nearest_path(corner.transpose(0, 2, 1).reshape(-1, frames), room, float(sprites.fastest))
    off = np.linalg.norm(path.off.reshape(-1, 2, frames), axis=1)  # [N, T]
    speed = np.linalg.norm(path.speed.reshape(-1, 2), axis=1)
    moves = (speed >= 0.9 * SLOWEST * sprites.fastest) & (speed <= 1.1 * sprites.fastest)
    right = np.maximum(path.off[:, 1:], path.off[:, :-1]) <= near
    return {
        'identity_kept': float((counts == frames).mean()),
        'identity_frames': float(counts.mean() / frames),
        'path_kept': float(((off.max(1) <= near) & moves).mean()),
        'path_error': float(np.sqrt(np.square(off).mean(1)).mean()),
        'speed': float(speed.mean()),
        'speed_error': float(np.abs(path.steps - path.speed[:, None]).mean()),
        'bounces_right': float(right[path.bounces].mean()) if path.bounces.any() else 0.0,
    }


def read(clips: np.ndarray, sprites: Sprites) -> Reading:
    """Where the ink of stored clips [N, T, H, W, C] is, and of which sprite."""
    reach = REACH * len(sprites.ink[0])
    own = _middles(sprites.ink, reach)
    known = _windows(sprites.ink, own, len(sprites.ink[0]))
    parts = []
    for start in range(0, len(clips), CLIPS):
        some = clips[start : start + CLIPS]
        ink = (255 - some if sprites.white else some).reshape(-1, *some.shape[2:])
        middle = _middles(ink, reach)
        likeness = _windows(ink, np.nan_to_num(middle), len(sprites.ink[0])) @ known.T
        sprite = np.where(np.isnan(middle[:, 0]), -1, likeness.argmax(1))
        parts.append((middle.reshape(*some.shape[:2], 2), sprite.reshape(some.shape[:2])))
    middle, sprite = (np.concatenate(part) for part in zip(*parts, strict=True))
    there = sprite >= 0
    inside = np.where(there[..., None], own[sprite], 0).sum(1) / np.maximum(there.sum(1), 1)[:, None]  # [N, 2]
    return Reading(middle, sprite, np.where(there, sprites.labels[sprite], -1), middle - inside[:, None])


def _middles(ink: np.ndarray, reach: float) -> np.ndarray:
    """The mean place of the ink of uint8 images [M, H, W, C], and then twice of what is in reach of that, float64
    [M, 2]; NaN where there is none.
    """
    weight = np.where(ink < FAINT, 0, ink).sum(3, dtype=np.float32)
    middle = _mean_place(weight)
    for _ in range(2):
        near = [np.abs(np.arange(weight.shape[1 + axis]) - middle[:, axis, None]) <= reach for axis in (0, 1)]
        closer = _mean_place(weight * near[0][:, :, None] * near[1][:, None])
        middle = np.where(np.isnan(closer), middle, closer)
    return middle


def _mean_place(weight: np.ndarray) -> np.ndarray:
    total = weight.sum((1, 2), dtype=np.float64)
    places = [weight.sum(2 - axis, dtype=np.float64) @ np.arange(weight.shape[1 + axis]) for axis in (0, 1)]
    return np.stack(places, 1) / np.where(total > 0, total, np.nan)[:, None]


def _windows(ink: np.ndarray, middle: np.ndarray, side: int) -> np.ndarray:
    """What is around the middles [M, 2] of images [M, H, W, C], in a square a little larger than `side`, between pixels
    bilinear: float32 [M, f] of length 1, or 0 where nothing is.
    """
    wide = side + 4
    start = middle - (wide - 1) / 2
    whole = np.floor(start).astype(int)
    x = np.pad(ink, [(0, 0), (wide, wide), (wide, wide), (0, 0)]).astype(np.float32)
    rows, columns = (whole[:, axis, None] + wide + np.arange(wide + 1) for axis in (0, 1))
    x = x[np.arange(len(x))[:, None, None], rows[:, :, None], columns[:, None, :]]  # [M, wide + 1, wide + 1, C]
    down, right = (start - whole).astype(np.float32).T[:, :, None, None, None]
    x = x[:, :-1] * (1 - down) + x[:, 1:] * down
    x = (x[:, :, :-1] * (1 - right) + x[:, :, 1:] * right).reshape(len(x), -1)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-6)


def nearest_path(places: np.ndarray, room: float, fastest: float) -> Path:
    """The path nearest to each of the places along an axis, [M, T]: the best of many is moved to the best near it."""
    room, t = max(float(room), 1e-6), np.arange(places.shape[1])
    starts, speeds = np.arange(STARTS) / STARTS * 2 * room, np.linspace(0, FASTEST * fastest, SPEEDS)
    tried = np.stack(np.meshgrid(starts, speeds, indexing='ij'), -1).reshape(-1, 2)
    ways = _fold(tried[:, :1] + tried[:, 1:] * t, room)[0]
    # |p - w|^2 without p^2, which is the same for all ways.
    blocks = [places[i : i + 500] for i in range(0, len(places), 500)]
    best = np.concatenate([(np.square(ways).sum(1) - 2 * block @ ways.T).argmin(1) for block in blocks])
    found = tried[best]
    for _ in range(REFINED):
        straight = _unfold(places, found, room)
        speed = ((straight - straight.mean(1, keepdims=True)) @ (t - t.mean())) / np.square(t - t.mean()).sum()
        found = np.stack([straight.mean(1) - speed * t.mean(), speed], 1)
    straight, at = _unfold(places, found, room), found[:, :1] + found[:, 1:] * t
    forward = np.where(found[:, 1:] < 0, -1, 1)  # paths of no negative speed
    bounces = np.diff(np.floor(at / room), axis=1) != 0
    return Path(np.abs(found[:, 1]), np.abs(places - _fold(at, room)[0]), forward * np.diff(straight), bounces)


def _fold(x: np.ndarray, room: float) -> tuple[np.ndarray, np.ndarray]:
    """Where in [0, room] comes what would be at x without walls, and its direction there, 1 or -1."""
    away = np.mod(x, 2 * room) - room
    return room - np.abs(away), np.where(away < 0, 1, -1)


def _unfold(places: np.ndarray, path: np.ndarray, room: float) -> np.ndarray:
    """The places [M, T] as they would be without walls, if they went along the path (start, speed) [M, 2]."""
    at = path[:, :1] + path[:, 1:] * np.arange(places.shape[1])
    folded, way = _fold(at, room)
    return at + way * (places - folded)
