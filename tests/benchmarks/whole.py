"""A step of two players, for benchmarks whose PyTorch peer has one, too: ours, and how far the peer is from it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from ml_collections import ConfigDict

from gans.core import Array, Compute, Spec, TrainState
from gans.ops import random
from gans.step import init_state, make_train_step
from gans.systems.build import build
from gans.training.setup import unoptimized

ROLES = ('critic', 'generator')  # in the order of their updates
TOLERANCE = 1e-3


class Ours:
    """The step of a config's system that trains, without averages and augmentations.

    batch: arrays [B, ...] of the examples, the same in each step.
    """

    def __init__(self, config: ConfigDict, spec: Spec, batch: dict[str, np.ndarray]) -> None:
        self.system, self.batch = build(config, spec, Compute()), {name: jnp.asarray(x) for name, x in batch.items()}
        init = jax.jit(lambda key: init_state(self.system, key), compiler_options=unoptimized())
        self.state, step = init(jax.random.key(0)), make_train_step(self.system)
        self.jitted = jax.jit(lambda state, batch: step(state, batch, ROLES)[0], donate_argnums=0)
        self.repeats = {name: x[None] for name, x in self.batch.items()}

    def gradients(self, role: str, state: TrainState) -> tuple[Array, dict, Array]:
        """Loss, the player's gradients, and the latents that were drawn."""
        update = self.system.updates[ROLES.index(role)]
        keys = random.example_keys(jax.random.key(1), jnp.arange(len(self.batch['real'])))

        def loss(own: dict) -> Array:
            return update.loss({**state.params, role: own}, state, self.batch, keys)[0]

        value, slope = jax.value_and_grad(loss)(state.params[role])
        scene = random.split(keys, 3)[0] if role == 'critic' else keys
        inputs = self.system.samplers['samples'].inputs(self.batch, random.split(scene, 4)[0])
        return value, slope, inputs['z'] if isinstance(inputs, dict) else inputs

    def step(self) -> None:
        self.state = self.jitted(self.state, self.repeats)

    def wait(self) -> None:
        jax.block_until_ready(self.state.params)


def shake(ours: Ours, by: float) -> None:
    """Moves all parameters by noise of that deviation, so that each of them counts."""
    noise = lambda x: x + by * np.random.default_rng(x.size).normal(size=x.shape).astype(np.float32)
    ours.state = ours.state.replace(params=jax.tree.map(noise, ours.state.params))


def compare(ours: Ours, theirs: Any) -> dict[str, float]:
    """How far the peer's losses and gradients are from ours. theirs: `loss(role, latents)` leaves gradients in its
    parameters, `paired(role, tree)` lists ours of a tree beside them, all of them.
    """
    found = {}
    for role in ROLES:
        value, slope, z = jax.jit(ours.gradients, static_argnums=0, compiler_options=unoptimized())(role, ours.state)
        loss = theirs.loss(role, torch.tensor(np.asarray(z)))
        found[f'{role} loss'] = abs(float(value) - float(loss)) / max(1.0, abs(float(value)))
        pairs = [(value, parameter.grad) for value, parameter in theirs.paired(role, slope)]
        assert len(pairs) == len(list(theirs.nets[role].parameters()))
        mine, other = (torch.cat([x.flatten() for x in side]) for side in zip(*pairs, strict=True))
        found[f'{role} gradients'] = float((mine - other).norm() / mine.norm())
    return found
