"""Damage done to images, more and more of which any distance must show."""

import numpy as np


def noisy(images: np.ndarray, amount: float) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, amount, images.shape)
    return np.clip(np.round(images + noise), 0, 255).astype(np.uint8)


def blurred(images: np.ndarray, sigma: float) -> np.ndarray:
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-3)) ** 2)
    x = images.astype(np.float64)
    for axis in (1, 2):
        padded = np.pad(x, [(reach, reach) if i == axis else (0, 0) for i in range(4)], 'edge')
        n = x.shape[axis]
        x = sum(w * padded.take(range(i, i + n), axis) for i, w in enumerate(kernel / kernel.sum()))
    return np.round(x).astype(np.uint8)
