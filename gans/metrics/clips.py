"""What changes within clips: for those in which only places should."""

import numpy as np

from gans.metrics.extract import Extracted


def content_distances(seen: Extracted) -> dict[str, float]:
    """How far the frames of a clip lie apart, the mean over clips; 0 if nothing changes, so read it beside real ones'.

    - 'acd_color': the average content distance of Tulyakov 2018 (MoCoGAN, 1707.04993), the mean distance of the mean
      colors, in [0, 1], of all pairs of frames;
    - 'acd_features': the same of the features of frames, but the root of the mean square over pairs.

    Args:
        seen: clips uint8 [N, T, H, W, C], and features [N, 2 f] of them, of which the second half are standard
            deviations over frames.
    """
    frames = seen.examples.shape[1]
    colors = seen.examples.mean((2, 3)) / 255  # [N, T, C]
    apart = np.linalg.norm(colors[:, :, None] - colors[:, None], axis=-1).sum((1, 2))
    pairs = max(1, frames * (frames - 1))
    # The mean square of the distance of two different frames is 2 T / (T - 1) times the variance.
    spread = np.square(seen.features[:, seen.features.shape[1] // 2 :].astype(np.float64)).sum(1)
    return {
        'acd_color': float(np.mean(apart / pairs)),
        'acd_features': float(np.mean(np.sqrt(spread * 2 * frames / max(1, frames - 1)))),
    }
