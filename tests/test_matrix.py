"""Every technique with every system: it is traced, or refused in one line; a cross of them trains: every technique with
the plain GAN, and every system with some technique.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import systems
from ml_collections import ConfigDict

from experiments import common
from gans import configs, ranges
from gans.core import Compute, Spec, System, TrainState
from gans.errors import UserError
from gans.step import due_updates, init_state, make_train_step, repeats
from gans.systems.build import build

SPEC = Spec((8, 8, 1), ('cat', 'dog'), fields={'source': Spec((8, 8, 3))})
BATCH = 8

SYSTEMS = {
    'gan': {},
    'conditional': {'generator': {'net': 'mlp', 'widths': (8,), 'condition': 'concat'},
                    'critic': {'net': 'mlp', 'widths': (8,), 'condition': 'concat'}},
    'acgan': {'system': 'acgan', 'generator': {'net': 'mlp', 'widths': (8,), 'condition': 'concat'}},
    'infogan': {'system': 'infogan', 'infogan.categories': 3, 'infogan.codes': 1, 'infogan.widths': (4,)},
    'lapgan': {'system': 'lapgan', 'lapgan.coarsest': 4,
               'generator': {'net': 'lapgan', 'width': 4}, 'critic': {'net': 'lapgan', 'width': 4},
               'lapgan.generator': {'net': 'mlp', 'widths': (8,)}, 'lapgan.critic': {'net': 'mlp', 'widths': (8,)}},
    'unrolled': {'system': 'unrolled', 'unrolled.steps': 1, 'game': 'minimax'},
    'began': {'system': 'began', 'critic': {'net': 'infogan', 'width': 4, 'norm': 'none'}},
    'pix2pix': {'system': 'pix2pix', 'generator': {'net': 'unet', 'width': 4, 'depth': 3},
                'critic': {'net': 'patchgan', 'width': 4, 'patch': 16}},
    'ebgan': {'system': 'ebgan', 'critic': {'net': 'infogan', 'width': 4, 'norm': 'none'}},
}  # fmt: skip
TECHNIQUES = {
    'wgan_gp': {'terms.wgan_gp.weight': 1.0},
    'r1_lazy': {'terms.r1.weight': 1.0, 'terms.r1.every': 2},
    'r1_r2': {'terms.r1.weight': 1.0, 'terms.r2.weight': 1.0},
    'lecam': {'terms.lecam.weight': 0.3},
    'consistency': {'terms.consistency.weight': 1.0},
    'diffaugment': {'augment.names': 'color,translation,cutout'},
    'ada': {'augment.names': 'blit', 'augment.target': 0.6, 'augment.kimg': 0.1, 'augment.probability': 0.5},
    'noise': {'instance_noise.sigma': 0.1},
    'flips': {'flip_targets': 0.2},
    'top_k': {'top_k.share': 0.5, 'top_k.until': 1},
    'replay': {'replay.size': 8, 'replay.fresh': 4},
    'pack': {'pack': 2},
    'feature_matching': {'terms.feature_matching.weight': 1.0},
}
REFUSED = {  # a part of the line that says why
    ('unrolled', 'r1_lazy'): 'is due every 2 steps',
    ('unrolled', 'top_k'): 'top_k.share has no meaning',
    ('unrolled', 'feature_matching'): 'terms.feature_matching has no meaning',
    ('began', 'feature_matching'): 'set it to False',
    ('acgan', 'pack'): 'a pack has several classes',
    ('infogan', 'pack'): 'a pack has several codes',
    ('lapgan', 'pack'): 'conditioned on an image for each example',
    ('pix2pix', 'pack'): 'each example has a source of its own',
    ('pix2pix', 'replay'): 'the pool does not keep',
    ('conditional', 'replay'): 'the pool does not keep',
    ('acgan', 'replay'): 'the pool does not keep',
    ('infogan', 'replay'): 'the pool does not keep',
    ('lapgan', 'replay'): 'the pool does not keep',
}


def config_of(system: str, technique: str) -> ConfigDict:
    config = common.get_config()
    config.latents.size = 4
    config.generator = {'net': 'mlp', 'widths': (8,)}
    config.critic = {'net': 'mlp', 'widths': (8,)}
    config.ema.decay = 0.9
    config.train.batch_size = BATCH
    config = configs.override(config, SYSTEMS[system] | TECHNIQUES[technique], 'of a test')
    ranges.check(config)
    return config


@functools.cache
def batch(step: int) -> dict[str, jax.Array]:
    rng = np.random.default_rng(step)
    images = rng.uniform(-1, 1, (1, BATCH, *SPEC.shape)).astype(np.float32)
    source = rng.uniform(-1, 1, (1, BATCH, *SPEC.fields['source'].shape)).astype(np.float32)
    return {
        'real': jnp.asarray(images),
        'source': jnp.asarray(source),
        'label': jnp.arange(BATCH, dtype=jnp.int32)[None] % 2,
    }


NETS = {}  # initial weights by the shapes of nets, which techniques leave alone: compiled once


def first_state(made: System) -> TrainState:
    """At step 0."""
    init = lambda: {name: net.init(jax.random.key(i)) for i, (name, net) in enumerate(made.nets.items())}
    shape = str(jax.eval_shape(init))
    nets = NETS[shape] = NETS[shape] if shape in NETS else jax.jit(init)()
    ready = {name: net._replace(init=lambda key, name=name: nets[name]) for name, net in made.nets.items()}
    return init_state(made._replace(nets=ready), jax.random.key(0))


def trained() -> list[tuple[str, str]]:
    """The cells of the cross: the next technique for each system that takes it."""
    plain, *others = SYSTEMS
    found, left = [(plain, technique) for technique in TECHNIQUES], [*TECHNIQUES, *TECHNIQUES]
    for system in others:
        technique = next(each for each in left if (system, each) not in REFUSED)
        left.remove(technique)
        found.append((system, technique))
    return found


@pytest.mark.parametrize('system, technique', REFUSED)
def test_is_refused(system: str, technique: str) -> None:
    with pytest.raises(UserError, match=REFUSED[system, technique]):
        build(config_of(system, technique), SPEC, Compute())


@pytest.mark.parametrize('system, technique', trained())
def test_trains(system: str, technique: str) -> None:
    """Two steps: finite losses, each player's nets move in its updates, and memories that are there are used."""
    made = build(config_of(system, technique), SPEC, Compute())
    assert repeats(made) == 1
    step = jax.jit(make_train_step(made), static_argnums=2)
    due = tuple(update.name for update in made.updates)  # lazy ones too, so that one program is compiled
    state = first = first_state(made)
    for i in range(2):
        state, metrics = step(state, batch(i), due)
        assert all(np.isfinite(value) for value in metrics.values()), metrics
        assert {f'{name}/loss' for name in due} <= set(metrics)
    for player in made.players.values():
        for net in player.nets:
            before, after = (jax.tree.leaves(each.params[net]) for each in (first, state))
            assert any((a != b).any() for a, b in zip(before, after, strict=True)), net
    for name, memory in made.memory.items():
        leaves = zip(jax.tree.leaves(memory), jax.tree.leaves(state.memory[name]), strict=True)
        assert any((np.asarray(a) != np.asarray(b)).any() for a, b in leaves), name


CELLS = list(itertools.product(SYSTEMS, TECHNIQUES))


@pytest.mark.parametrize('system, technique', [cell for cell in CELLS if cell not in [*REFUSED, *trained()]])
def test_is_traced(system: str, technique: str) -> None:
    """What players own and memories hold is computed anew in a step, and no other net."""
    made = build(config_of(system, technique), SPEC, Compute())
    due = tuple(update.name for update in made.updates)
    state = jax.eval_shape(lambda: init_state(made, jax.random.key(0)))
    step = make_train_step(made)
    anew = systems.computed(lambda state, batch: step(state, batch, due), state, batch(0))
    assert anew['params'] == {net for player in made.players.values() for net in player.nets}
    assert anew['memory'] == set(made.memory) and anew['opt'] == set(made.players)
    assert {f'{name}/loss' for name in due} <= anew['metrics']


def test_most_pairs_will_do() -> None:
    assert len(CELLS) - len(REFUSED) >= 80


def test_lazy_terms_are_due_every_so_many_steps() -> None:
    made = build(config_of('gan', 'r1_lazy'), SPEC, Compute())
    assert [due_updates(made, step) for step in (0, 1)] == [('critic', 'generator'), ('critic', 'r1', 'generator')]
