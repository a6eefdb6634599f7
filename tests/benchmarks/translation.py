"""A training step of the nets of image translation against a plain PyTorch peer: same nets, losses and optimizers.

    pip install torch
    python tests/benchmarks/translation.py [--cases=NAME,NAME] [--rounds=5] [--steps=3] [--cpu] [--check]
        [--profile=FOLDER]

Timed as in turns.py. On a busy machine take --cpu: seconds of the CPU in place of those of the clock, one thread in
PyTorch, whose threads would spin.

A case's losses are written once, for both sides. A generator takes its step first, and its fakes are the critic's.

--check times nothing and compares instead losses and gradients, for narrow nets without dropout.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from benchmarks import turns
from benchmarks.peers import translation as peers
from benchmarks.peers.translation_cases import CASES, OURS, THEIRS, Case

from gans.core import Array
from gans.nets.build import Net, from_linen
from gans.ops.dropout import noise_shape, noise_words
from gans.ops.random import example_keys

TOLERANCE = 1e-3
GRADIENTS = 1e-2  # their own: where rounding turns a ReLU or the sign of an error, they move by the root of that
RATE, BETAS, EPS = 2e-4, (0.5, 0.999), 1e-8
NARROW = 8  # times, for a check


class Ours:
    """Trains by `step`."""

    def __init__(self, case: Case, seed: int = 0) -> None:
        self.case, self.batch = case, {name: jnp.asarray(x) for name, x in examples(case).items()}
        side = {name: next(iter(case.batch.values()))[1] for name in case.nets}
        side |= {name: case.batch['real'][1] for name in case.nets if name == 'critic'}
        self.nets = {name: _net(module, channels, side[name]) for name, (module, channels) in case.nets.items()}
        keys = jax.random.split(jax.random.key(seed), len(case.nets))
        made = {name: jax.jit(net.init)(key) for (name, net), key in zip(self.nets.items(), keys, strict=True)}
        self.params, self.stats = ({name: both[i] for name, both in made.items()} for i in (0, 1))
        self.tx = optax.adam(RATE, *BETAS, EPS)
        self.opt = {role: self.tx.init(self.of(role)) for role in ('generator', 'critic')}
        self.count = 0
        self.jitted = jax.jit(self._step, donate_argnums=(0, 1))

    def of(self, role: str, params: dict | None = None) -> dict:
        params = self.params if params is None else params
        return {name: tree for name, tree in params.items() if name.startswith(role)}

    def functions(self, params: dict, key: Array) -> dict[str, Callable]:
        def function(name: str) -> Callable:
            net = self.nets[name]

            def call(*images: Array) -> Array:
                noisy = getattr(net.module, 'noisy', False)
                x = jnp.concatenate([*images[1:], images[0]], -1)
                noise = [noise_words(example_keys(key, jnp.arange(len(images[0]))))] if noisy else []
                return net.apply(params[name], self.stats[name], x, *noise, train=True)[0]

            return call

        return {name: function(name) for name in self.nets}

    def gradients(self, role: str, params: dict, key: Array, fakes: Any = None) -> tuple[Array, Any, dict]:
        """Loss, fakes, gradients."""

        def loss(own: dict) -> tuple[Array, Any]:
            nets = self.functions({**params, **own}, key)
            if role == 'generator':
                return self.case.generators(nets, self.batch, OURS)
            return self.case.critics(nets, self.batch, fakes, OURS), None

        (value, made), gradients = jax.value_and_grad(loss, has_aux=True)(self.of(role, params))
        return value, made, gradients

    def _step(self, params: dict, opt: dict, count: Array) -> tuple:
        fakes, losses = None, []
        for role in ('generator', 'critic')[: 1 if self.case.critics is None else 2]:
            value, made, gradients = self.gradients(role, params, jax.random.fold_in(jax.random.key(0), count), fakes)
            fakes = made if fakes is None else fakes
            moves, opt_of = self.tx.update(gradients, opt[role])
            params, opt = {**params, **optax.apply_updates(self.of(role, params), moves)}, {**opt, role: opt_of}
            losses.append(value)
        return params, opt, losses

    def step(self) -> None:
        self.params, self.opt, self.losses = self.jitted(self.params, self.opt, jnp.uint32(self.count))
        self.count += 1

    def wait(self) -> None:
        jax.block_until_ready(self.params)


class Theirs:
    """The peer, which begins with the same weights."""

    def __init__(self, case: Case, ours: Ours, layout: torch.memory_format = torch.channels_last) -> None:
        self.case = case
        self.nets = {name: peers.of(module, sum(channels)) for name, (module, channels) in case.nets.items()}
        for name, net in self.nets.items():
            net.to(memory_format=layout)
            for parameter, value in peers.paired(net, ours.params[name]):
                parameter.data.copy_(value)
        arrange = lambda x: torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=layout)
        self.batch = {name: arrange(x) for name, x in examples(case).items()}
        self.functions = {name: self._function(net) for name, net in self.nets.items()}
        self.roles = ('generator', 'critic')[: 1 if case.critics is None else 2]
        self.parameters = {role: self._parameters(role) for role in self.roles}
        self.optimizers = {
            role: torch.optim.Adam(self.parameters[role], RATE, BETAS, EPS, fused=True) for role in self.roles
        }

    def _parameters(self, role: str) -> list[torch.nn.Parameter]:
        return [p for name, net in self.nets.items() if name.startswith(role) for p in net.parameters()]

    @staticmethod
    def _function(net: torch.nn.Module) -> Callable:
        def call(x: torch.Tensor, *more: torch.Tensor) -> torch.Tensor:
            out = net(torch.cat([*more, x], 1) if more else x)
            return out.squeeze(1) if out.ndim == 4 and out.shape[1] == 1 and hasattr(net, 'out') else out

        return call

    def gradients(self, role: str, fakes: Any = None) -> tuple[torch.Tensor, Any]:
        """Loss and fakes; gradients are in the parameters."""
        for other in self.roles:
            for parameter in self.parameters[other]:
                parameter.requires_grad_(other == role)
        if role == 'generator':
            loss, made = self.case.generators(self.functions, self.batch, THEIRS)
        else:
            loss, made = self.case.critics(self.functions, self.batch, fakes, THEIRS), None
        self.optimizers[role].zero_grad()
        loss.backward()
        made = tuple(x.detach() for x in made) if isinstance(made, tuple) else None if made is None else made.detach()
        return loss.detach(), made

    def step(self) -> None:
        fakes = None
        for role in self.roles:
            _, made = self.gradients(role, fakes)
            fakes = made if fakes is None else fakes
            self.optimizers[role].step()

    def wait(self) -> None:
        pass


def _net(module: Any, channels: tuple[int, ...], side: int) -> Net:
    image = jax.ShapeDtypeStruct((2, side, side, sum(channels)), jnp.float32)
    return from_linen(module, image, *([noise_shape()] if getattr(module, 'noisy', False) else []))


def examples(case: Case) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {name: random.uniform(-1, 1, shape).astype(np.float32) for name, shape in case.batch.items()}


def compare(case: Case) -> dict[str, float]:
    """How far a peer's loss and gradients are from ours: over the larger of 1 and the loss, and over their norm."""
    ours = Ours(case)
    theirs, fakes, found = Theirs(case, ours), None, {}
    for role in theirs.roles:
        value, made, gradients = jax.jit(ours.gradients, static_argnums=0)(role, ours.params, jax.random.key(0), fakes)
        given = (
            None if fakes is None else jax.tree.map(lambda x: torch.tensor(np.asarray(x)).permute(0, 3, 1, 2), fakes)
        )
        loss, _ = theirs.gradients(role, given)
        fakes = made if fakes is None else fakes
        found[f'{role} loss'] = abs(float(value) - float(loss)) / max(1.0, abs(float(value)))
        pairs = [pair for name, tree in gradients.items() for pair in peers.paired(theirs.nets[name], tree)]
        flat = lambda tensors: torch.cat([x.flatten() for x in tensors])
        mine, other = flat(value for _, value in pairs), flat(parameter.grad for parameter, _ in pairs)
        found[f'{role} gradients'] = float((mine - other).norm() / mine.norm())
        found[f'{role} parameters'] = sum(p.numel() for p in theirs.parameters[role]) - len(mine)
    return found


def limit(what: str) -> float:
    """How far they may be apart in that."""
    return GRADIENTS if what.endswith('gradients') else TOLERANCE


def main() -> None:
    args = turns.read_arguments(__doc__, cases=','.join(CASES), profile='')
    cases, failed = args.cases.split(','), False
    if unknown := set(cases) - set(CASES):
        sys.exit(f'unknown case {", ".join(unknown)}; known: {", ".join(CASES)}')
    for name in cases:
        if args.check:
            found = compare(CASES[name](NARROW))
            turns.print_differences(name, found)
            failed |= any(abs(value) > limit(what) for what, value in found.items())
            continue
        case = CASES[name]()
        ours = Ours(case)
        both = turns.both_layouts(lambda layout, case=case, ours=ours: Theirs(case, ours, layout))
        turns.print_times(name, ours, both, args, case.goal)
        if args.profile:
            with jax.profiler.trace(args.profile):
                ours.step()
                ours.wait()
    sys.exit(failed)


if __name__ == '__main__':
    main()
