"""Batch statistics of one example: whatever takes some says so before anything is trained."""

import flax.linen as nn
import gan_ring8
import jax
import jax.numpy as jnp
import pytest

from gans.configs import override
from gans.errors import UserError
from gans.ops.layers import norm
from gans.training.setup import setup


class _Norm(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        return norm('batch', x, train, name='norm')


def checked(devices: int = 1, **changes: object) -> None:
    config = gan_ring8.get_config('smoke')
    setup(override(config, {key.replace('__', '.'): value for key, value in changes.items()}, 'of a test'), devices)


@pytest.mark.parametrize(
    'devices, changes, said',
    [
        (1, {'critic__norm': 'batch', 'train__batch_size': 8, 'train__micro': 8}, 'train.micro=8 x pack=1: batch norm'),
        (1, {'critic__norm': 'batch', 'train__batch_size': 1}, 'train.batch_size=1 over 1 device x'),
        (4, {'critic__norm': 'batch', 'train__batch_size': 4}, 'train.batch_size=4 over 4 devices x'),
        (1, {'generator__norm': 'batch', 'train__batch_size': 1}, 'batch norm'),
        (1, {'critic__norm': 'batch', 'train__batch_size': 4, 'pack': 4}, 'x pack=4: batch norm'),
        (2, {'critic__minibatch': 'std', 'train__batch_size': 2}, "critic.minibatch='std'"),
        (1, {'critic__minibatch': 'discrimination', 'train__batch_size': 1}, "critic.minibatch='discrimination'"),
        (1, {'game': 'relativistic_average', 'train__batch_size': 1}, 'the relativistic average'),
        (1, {'terms__feature_matching__weight': 1.0, 'train__batch_size': 1}, 'feature matching'),
        (1, {'top_k__share': 0.5, 'train__batch_size': 1}, 'top_k'),
    ],
)
def test_statistics_of_one_example_are_refused(devices: int, changes: dict, said: str) -> None:
    with pytest.raises(UserError, match='needs at least 2 examples per micro-batch and device') as error:
        checked(devices, **changes)
    assert said in str(error.value)


@pytest.mark.parametrize(
    'devices, changes',
    [
        (1, {'critic__norm': 'batch', 'train__batch_size': 8, 'train__micro': 4}),
        (4, {'critic__norm': 'batch', 'train__batch_size': 4, 'train__sync_batch_norm': True}),
        (1, {'critic__norm': 'layer', 'train__batch_size': 1}),
        (1, {'generator__norm': 'virtual', 'train__batch_size': 1}),
        (1, {'generator__norm': 'batch', 'train__batch_size': 4, 'pack': 4}),
        (1, {'game': 'relativistic_pairing', 'train__batch_size': 1}),
        (4, {'train__batch_size': 4}),
    ],
)
def test_one_example_is_enough_where_nothing_looks_beside_it(devices: int, changes: dict) -> None:
    checked(devices, **changes)


def test_batch_norm_samples_one_example() -> None:
    x = jnp.ones((1, 3))
    apply = lambda train: jax.eval_shape(lambda: _Norm().init_with_output(jax.random.key(0), x, train))
    assert apply(False)[0].shape == (1, 3)
    with pytest.raises(UserError, match='batch norm needs at least 2 examples'):
        apply(True)


@pytest.mark.parametrize('kind, shape', [('layer', (2, 1)), ('instance', (2, 1, 1, 8))])
def test_norm_of_a_single_number_is_refused(kind: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match=f'{kind} norm of a single number is always 0'):
        norm(kind, jnp.ones(shape), True, name='norm')
