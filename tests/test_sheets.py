"""Pictures of conditional generators: what stays along a row, and what changes."""

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gans.core import Compute, Spec, TrainState
from gans.defaults import get_config
from gans.ops.random import example_keys
from gans.systems.build import build

CLASSES = tuple('abcdefghijklm')


def test_sheets_keep_the_latents_of_a_row() -> None:
    config = get_config()
    config.latents.size = 3
    config.generator = ConfigDict({'net': 'mlp', 'widths': (4,), 'condition': 'concat'})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (4,), 'condition': 'concat'})
    system = build(config, Spec((2, 2, 1), CLASSES), Compute())
    params, stats = jax.jit(system.nets['generator'].init)(jax.random.key(0))
    state = TrainState(0, {'generator': params}, {'generator': stats}, {}, {}, {}, None)
    keys, batch = example_keys(jax.random.key(1), jnp.arange(2)), {'label': jnp.array([3, 12])}
    plain, sheets = system.samplers['samples'], [system.samplers[name] for name in ('classes', 'between_classes')]
    z = plain.inputs(batch, keys)['z']
    for sheet in sheets:
        inputs = sheet.inputs(batch, keys)
        assert not sheet.asked and len(sheet.columns) == 10
        np.testing.assert_array_equal(inputs['z'], np.repeat(z, 10, 0))
    first, between = (sheet.inputs(batch, keys)['label'] for sheet in sheets)
    assert [CLASSES[i] for i in first[:10]] == list(sheets[0].columns) == [*'abdefhijlm']
    np.testing.assert_array_equal(first[:10], first[10:])
    np.testing.assert_allclose(between[1], np.eye(13)[3] * 8 / 9 + np.eye(13)[4] / 9, atol=1e-6)
    made = sheets[1].make(state, sheets[1].inputs(batch, keys))
    for end, label in ((0, [3, 12]), (9, [4, 0])):  # after the last class comes the first
        np.testing.assert_allclose(made[end::10], plain.make(state, {'z': z, 'label': jnp.array(label)}), atol=1e-6)
