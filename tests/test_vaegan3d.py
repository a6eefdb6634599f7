"""3D-VAE-GAN: pictures of volumes, the encoder, its divergence, and how shapes of pictures are scored."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gans.core import Compute, Spec
from gans.data import load
from gans.data.feed import examples, fixed_key
from gans.errors import UserError
from gans.losses import divergence
from gans.metrics import volumes
from gans.nets import build
from gans.ops import rendering
from gans.training import targets
from gans.training.setup import setup

DATA = {'name': 'furniture', 'size': 8, 'view': 32, 'split': 'train'}


def test_the_encoder_has_the_papers_layers() -> None:
    """Kernels 11, 5, 5, 5 and 8, no biases before norms, scales and shifts; 400 features with biases."""
    net = build.encoder(Spec((256, 256, 3)), 400, 64, Compute())
    count = sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(net.init, jax.random.key(0))[0]))
    convs = 11**2 * 3 * 64 + 5**2 * (64 * 128 + 128 * 256 + 256 * 512)
    assert count == convs + 2 * (64 + 128 + 256 + 512) + 8**2 * 512 * 400 + 400
    with pytest.raises(UserError, match='multiple of 32 pixels'):
        jax.eval_shape(build.encoder(Spec((40, 40, 3)), 4, 4, Compute()).init, jax.random.key(0))


def test_divergence_is_that_of_many_draws() -> None:
    """KL(N(m, s^2) || N(0, 1)) = E log q - log p, and 0 of the prior."""
    rng = np.random.default_rng(0)
    mean, log_variance = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    z = mean + np.exp(log_variance / 2) * rng.normal(size=(200_000, 2, 3))
    log_q = -((z - mean) ** 2) / np.exp(log_variance) / 2 - log_variance / 2
    wanted = (log_q + z**2 / 2).sum(2).mean(0)
    np.testing.assert_allclose(divergence(mean, log_variance), wanted, rtol=0.02)
    assert float(divergence(jnp.zeros((1, 3)), jnp.zeros((1, 3)))[0]) == 0


def box(shift: int = 0) -> np.ndarray:
    volume = np.zeros((1, 16, 16, 16, 1), np.float32)
    volume[:, 4:12, 2:6, 3 + shift : 9 + shift] = 1
    return volume


def seen(volume: np.ndarray, turn: float) -> np.ndarray:
    """Which pixels are not white, bool [32, 32]."""
    return np.asarray(rendering.render_compiled(volume, np.array([turn], np.float32), 32))[0].min(-1) < 0.99


def test_from_the_front_width_is_to_the_right_and_height_goes_up() -> None:
    front = seen(box(), 0.0)
    moved = seen(box(4), 0.0)
    middle = lambda picture: np.argwhere(picture).mean(0)
    assert middle(moved)[1] > middle(front)[1] + 3 and abs(middle(moved)[0] - middle(front)[0]) < 0.5
    raised = np.roll(box(), 6, 2)
    assert middle(seen(raised, 0.0))[0] < middle(front)[0] - 3


def test_a_mirrored_shape_from_the_other_side_is_the_mirrored_picture() -> None:
    """So that mirroring volumes and pictures is seeing from other sides."""
    volume = box()
    mirrored = volume[:, :, :, ::-1]
    one, other = seen(volume, 35.0), seen(mirrored, -35.0)[:, ::-1]
    assert (one != other).mean() < 0.02 < one.mean()


def test_examples_see_themselves_from_a_side_of_their_own() -> None:
    source = load.load(DATA)
    assert source.spec.fields['source'].shape == (32, 32, 3)
    found = examples(source, 4, fixed_key())
    assert found.keys() == {'real', 'label', 'source'} and found['source'].shape == (4, 32, 32, 3)
    straight = examples(load.load(DATA | {'turn': 0.0}), 4, fixed_key())
    front = rendering.render_compiled(straight['real'], np.full(4, 0, np.float32), 32)
    np.testing.assert_allclose(straight['source'], front, atol=1e-5)
    assert np.abs(found['source'] - straight['source']).mean() > 0.01
    for options, line in (({'name': 'openmoji', 'view': 8}, 'this is no set of volumes'),
                          ({'name': 'furniture', 'turn': 9.0}, 'has no meaning without data.view')):  # fmt: skip
        with pytest.raises(UserError, match=line):
            load.load(options)


def test_iou_and_average_precision() -> None:
    metrics = pytest.importorskip('sklearn.metrics')
    rng = np.random.default_rng(1)
    truth = (rng.random((3, 4, 4, 4, 1)) < 0.3).astype(np.uint8) * 255
    guess = np.clip(0.5 * truth + rng.integers(0, 200, truth.shape), 0, 255).astype(np.uint8)
    wanted = [metrics.average_precision_score(t.ravel() > 0, g.ravel()) for t, g in zip(truth, guess, strict=True)]
    np.testing.assert_allclose(volumes.average_precision(guess, truth), wanted, rtol=1e-6)
    wanted = [metrics.jaccard_score(t.ravel() > 0, g.ravel() >= 128) for t, g in zip(truth, guess, strict=True)]
    np.testing.assert_allclose(volumes.iou(guess, truth), wanted, rtol=1e-6)
    nothing = np.zeros_like(truth)
    assert volumes.iou(nothing, nothing).tolist() == [1, 1, 1] and not volumes.average_precision(guess, nothing).any()


def test_the_nearest_model_is_that_of_the_nearest_picture() -> None:
    import systems

    config = systems.smoke('vaegan3d')
    experiment = setup(config, devices=1)
    some = examples(experiment.source, 5, fixed_key())
    found = targets.nearest_targets(experiment, some['source'], 'real')
    np.testing.assert_array_equal(found, (some['real'] * 255).astype(np.uint8))
    known = targets.targets(experiment, 3)
    assert isinstance(known, volumes.Targets) and known.score(known.examples)['iou'] == 1
