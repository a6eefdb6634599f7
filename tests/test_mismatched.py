"""The losses of StackGAN and of StackGAN v2 as sums of scores, by hand: scores are numbers that are told apart here."""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import systems

from gans.configs import override
from gans.core import Array, Compute, Spec, Update
from gans.data.words import caption_spec
from gans.nets import _tree, stackgan, stackgan2
from gans.ops.random import example_keys
from gans.systems.build import build

CAPTIONS = np.array([[1, 0], [2, 0], [2, 0], [3, 1]], np.int32)  # the second and the third are one
OTHER = np.array([1, 0, 1, 1])  # whether the next example's is another
up, down = lambda x: np.logaddexp(0, -x), lambda x: np.logaddexp(0, x)


def losses_of(name: str, stage: str, keys: dict, net: tuple, score: Callable) -> dict:
    """Of each update its loss, and what its critic was shown, told and said.

    Args:
      net: the module and class of the critic, whose scores are those of `score`(images, what it is told).
    """
    module, kind = net
    seen: list = []

    class Known(getattr(module, kind)):
        batchwise = True  # real and fake are shown apart

        @nn.compact
        def __call__(self, x: Array, told: Array, train: bool = True) -> Array:
            scores = self.param('scale', nn.initializers.ones, ()) * score(x, told)
            seen.append((x, told, scores))
            return scores

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, kind, Known)
        config = override(systems.stretches()[f'{name}/{stage}'], keys, 'of a test')
        spec = Spec((16, 16, 3), fields={'caption': caption_spec(('', 'a', 'b', 'c'), 2)})
        system = build(config, spec, Compute())
        state, batch = systems.first(system), {'caption': CAPTIONS}
        batch['real'] = np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 3)).astype(np.float32)
        found = {}
        for update in system.updates:

            @functools.partial(jax.jit, static_argnums=1)
            def run(batch: dict, update: Update) -> tuple:
                seen.clear()
                loss, _ = update.loss(state.params, state, batch, example_keys(jax.random.key(0), np.arange(4)))
                return loss.mean(), list(seen)

            found[update.player.partition('_')[0]] = jax.device_get(run(batch, update))
    return {'real': batch['real'], **found}


def tell_apart(seen: list, real: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(scores of real images with their sentences, with the next examples', scores of fakes with their own)."""
    of_real = [(told, scores) for x, told, scores in seen if x.shape == real.shape and np.allclose(x, real, atol=1e-6)]
    ((fake_told, fakes),) = [(told, scores) for x, told, scores in seen if not np.allclose(x, real, atol=1e-6)]
    assert len(of_real) == 2 and not np.allclose(fake_told, np.roll(fake_told, -1, 0))
    own, mismatched = sorted(of_real, key=lambda call: np.abs(call[0] - fake_told).max())
    np.testing.assert_allclose(own[0], fake_told, atol=1e-6)
    np.testing.assert_allclose(mismatched[0], np.roll(fake_told, -1, 0), atol=1e-6)
    return own[1], mismatched[1], fakes


def test_stackgan2_sums_both_scores_of_all_sizes() -> None:
    """Real images with other sentences are real to the second; the authors' sums have no halves."""

    def score(x: Array, told: Array) -> Array:
        means = jnp.stack([_tree.take(x, i, 2).mean((1, 2, 3)) for i in range(2)], 1)  # [P, S]
        return jnp.stack([5 * means + told.mean(1, keepdims=True), 3 * means], -1)

    keys = {'stackgan2.scales': 2, 'stackgan2.divergence': 0.0}
    found = losses_of('stackgan2_openmoji64', 'words', keys, (stackgan2, 'TreeCritic'), score)
    loss, seen = found['critic']
    real, wrong, fake = tell_apart(seen, np.asarray(_tree.pyramid(found['real'], 2)))
    told = OTHER[:, None] * down(wrong[..., 0]) + up(wrong[..., 1])
    np.testing.assert_allclose(loss, (up(real).sum((1, 2)) + told.sum(1) + down(fake).sum((1, 2))).mean(), rtol=1e-5)
    loss, seen = found['generator']
    np.testing.assert_allclose(loss, up(seen[-1][2]).sum((1, 2)).mean(), rtol=1e-5)


@pytest.mark.parametrize('alone', [False, True])
def test_stackgan_weighs_fakes_and_others_sentences(alone: bool) -> None:
    """Each by half; with a score of images alone, which is of real and of fake ones, all that goes down by a third."""

    def score(x: Array, told: Array) -> Array:
        both = jnp.stack([5 * x.mean((1, 2, 3)) + told.mean(1), 3 * x.mean((1, 2, 3))], 1)
        return both if alone else both[:, 0]

    keys = {'stackgan.alone': alone, 'stackgan.doublings': 1, 'stackgan.divergence': 0.0, 'terms.r1': None}
    found = losses_of('stackgan_openmoji64', 'II', keys, (stackgan, 'StackCritic'), score)
    loss, seen = found['critic']
    real, wrong, fake = tell_apart(seen, found['real'])
    if alone:
        wanted = up(real).mean(1) + (OTHER * down(wrong[:, 0]) + down(fake).sum(1)) / 3
    else:
        wanted = up(real) + (OTHER * down(wrong) + down(fake)) / 2
    np.testing.assert_allclose(loss, wanted.mean(), rtol=1e-5)
    loss, seen = found['generator']
    np.testing.assert_allclose(loss, up(seen[-1][2]).reshape(4, -1).sum(1).mean(), rtol=1e-5)
