"""A training step of TGAN, MoCoGAN and 3D-GAN against a plain PyTorch peer: same nets, losses and Adam, 16 frames.

    pip install torch
    python tests/benchmarks/clips.py [--cases=tgan,mocogan] [--side=32] [--width=32] [--batch=32] [--rounds=5]
        [--steps=2] [--cpu] [--check]
    python tests/benchmarks/clips.py --cases=gan3d --width=64 --batch=16

Timed as in turns.py; --cpu: seconds of the CPU in place of those of the clock, one thread in PyTorch. --check times
nothing and compares losses and gradients. Clipping of singular values is left out.
"""

import argparse
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
from benchmarks.peers import clips as peers
from benchmarks.peers import paths

from gans.core import Array, Compute, Tree
from gans.nets import gan3d, mocogan, tgan
from gans.nets.build import from_linen
from gans.systems.mocogan import take_frame

FRAMES, LATENTS, MOTION = 16, 50, 10
ADAM = {'learning_rate': 2e-4, 'b1': 0.5, 'b2': 0.999, 'eps': 1e-8}
PHASES = ('critic', 'generator')


class Case:
    """Nets, inputs and losses of either side; a name and those of its system."""

    def __init__(self, name: str, side: int, width: int, batch: int) -> None:
        self.name, self.side, self.batch = name, side, batch
        shape, plain = (side, side, side, 1) if name == 'gan3d' else (FRAMES, side, side, 3), Compute()
        like = lambda *shape: jax.ShapeDtypeStruct((2, *shape), jnp.float32)
        if name == 'tgan':
            nets = {
                'generator': (tgan.Generator(shape, plain, width, init_limit=None), like(LATENTS)),
                'critic': (tgan.Critic(shape, plain, width, init_limit=None), like(*shape)),
            }
        elif name == 'gan3d':
            nets = {
                'generator': (gan3d.Generator(shape, plain, width), like(LATENTS)),
                'critic': (gan3d.Critic(shape, plain, width), like(*shape)),
            }
        else:
            drawn = like(LATENTS), like(MOTION), like(FRAMES, MOTION), like(0)
            nets = {
                'generator': (mocogan.Generator(shape, plain, width=width), *drawn),
                'critic_frames': (mocogan.Critic(shape[1:], plain, width), like(*shape[1:])),
                'critic_clips': (mocogan.Critic(shape, plain, width), like(*shape)),
            }
        self.nets = {each: from_linen(*parts) for each, parts in nets.items()}
        keys = jax.random.split(jax.random.key(1), len(nets))
        made = {each: jax.jit(net.init)(key) for (each, net), key in zip(self.nets.items(), keys, strict=True)}
        self.params, self.stats = ({each: both[i] for each, both in made.items()} for i in (0, 1))
        draw = np.random.default_rng(0)
        sizes = {'z': (LATENTS,), 'start': (MOTION,), 'steps': (FRAMES, MOTION)}
        self.inputs = {each: draw.normal(size=(batch, *size)).astype(np.float32) for each, size in sizes.items()}
        self.inputs['real'] = draw.uniform(-1, 1, (batch, *shape)).astype(np.float32)
        self.inputs['frame'] = draw.integers(0, FRAMES, batch).astype(np.int32)

    def owned(self, phase: str, params: Tree) -> Tree:
        return {name: params[name] for name in self.nets if name.startswith(phase)}

    def ours(self, phase: str, params: Tree, given: dict[str, Array]) -> Array:
        apply = lambda name, *x: self.nets[name].apply(params[name], self.stats[name], *x, train=True)[0]
        loss, softplus = 0.0, jax.nn.softplus
        if self.name != 'mocogan':
            fake = apply('critic', apply('generator', given['z']))
            return self.loss(phase, softplus, fake, lambda: apply('critic', given['real']))
        codes = given['z'], given['start'], given['steps'], jnp.zeros((self.batch, 0))
        for name, frame in (('critic_frames', given['frame']), ('critic_clips', None)):
            fake = apply(name, apply('generator', *codes, *(() if frame is None else (frame,))))
            real = given['real'] if frame is None else take_frame(given['real'], frame)
            loss += self.loss(phase, softplus, fake, lambda name=name, real=real: apply(name, real))
        return loss

    def theirs(self, phase: str, peer: peers.Peer, given: dict[str, torch.Tensor]) -> torch.Tensor:
        side, softplus = self.side, torch.nn.functional.softplus
        with torch.set_grad_enabled(phase == 'generator'):
            if self.name == 'tgan':
                fakes = {'critic': peer.tgan(given['z'], FRAMES, side)}
            elif self.name == 'gan3d':
                fakes = {'critic': peer.gan3d(given['z'], side)}
            else:
                codes = given['z'], given['start'], given['steps'], side
                fakes = {'critic_frames': peer.mocogan(*codes, given['frame']), 'critic_clips': peer.mocogan(*codes)}
        loss = 0.0
        for name, fake in fakes.items():
            steps = [side >> i for i in range((side // 4).bit_length() - 1 - (name == 'critic_frames'))]
            real = given['real']
            if name == 'critic_frames':
                real = real[torch.arange(self.batch), :, given['frame']]
            score = lambda x, name=name, steps=steps: peer.critic(name, x, steps)
            loss += self.loss(phase, softplus, score(fake), lambda score=score, real=real: score(real))
        return loss

    def loss(self, phase: str, softplus: Callable[[Any], Any], fake: Any, real: Callable[[], Any]) -> Any:
        """TGAN's is Wasserstein's, the others' are of logits. fake: scores; real: what makes them."""
        if self.name == 'tgan':
            return -fake.mean() if phase == 'generator' else fake.mean() - real().mean()
        return softplus(-fake).mean() if phase == 'generator' else softplus(fake).mean() + softplus(-real()).mean()


class Ours:
    """Trains by `step`."""

    def __init__(self, case: Case) -> None:
        tx, given = optax.adam(**ADAM), jax.tree.map(jnp.asarray, case.inputs)
        self.params = jax.tree.map(jnp.copy, case.params)
        self.opt = {phase: tx.init(case.owned(phase, self.params)) for phase in PHASES}

        def step(params: Tree, opt: Tree, given: Tree) -> tuple[Tree, Tree]:
            for phase in PHASES:
                own = case.owned(phase, params)
                loss = lambda own, phase=phase, params=params: case.ours(phase, {**params, **own}, given)
                moves, state = tx.update(jax.grad(loss)(own), opt[phase])
                params, opt = {**params, **optax.apply_updates(own, moves)}, {**opt, phase: state}
            return params, opt

        self.jitted, self.given = jax.jit(step, donate_argnums=(0, 1)), given

    def step(self) -> None:
        self.params, self.opt = self.jitted(self.params, self.opt, self.given)

    def wait(self) -> None:
        jax.block_until_ready(self.params)


class Theirs:
    """The peer, which begins with the same weights."""

    def __init__(self, case: Case, channels_last: bool = True) -> None:
        self.case, self.peer = case, peers.Peer(case.params, channels_last)
        self.given = {name: torch.from_numpy(x) for name, x in case.inputs.items()}
        real = self.given['real'].movedim(-1, 1)
        self.given['real'] = real.contiguous(memory_format=self.peer.order(5))
        self.given['frame'] = self.given['frame'].long()
        self.prepare()

    def prepare(self) -> None:
        """The optimizers of the players' parameters."""
        self.own = {phase: [p for name, p in self.peer.p.items() if name.startswith(phase)] for phase in PHASES}
        options = {'lr': ADAM['learning_rate'], 'betas': (ADAM['b1'], ADAM['b2']), 'fused': True}
        self.optimizers = {phase: torch.optim.Adam(own, **options) for phase, own in self.own.items()}

    def gradients(self, phase: str) -> torch.Tensor:
        """The loss; gradients are in the parameters of the phase, and in no others."""
        for other, own in self.own.items():
            for parameter in own:
                parameter.requires_grad_(other == phase)
                parameter.grad = None
        loss = self.case.theirs(phase, self.peer, self.given)
        loss.backward()
        return loss

    def step(self) -> None:
        for phase in PHASES:
            self.gradients(phase)
            self.optimizers[phase].step()

    def wait(self) -> None:
        pass


def compare(case: Case, side: type[Theirs] = Theirs) -> dict[str, float]:
    """How far the peer's loss and gradients are from ours: over the larger of 1 and the loss, and over their norm."""
    theirs, found = side(case), {}
    for phase in PHASES:
        grad = jax.jit(
            jax.value_and_grad(lambda own, phase=phase: case.ours(phase, {**case.params, **own}, case.inputs))
        )
        value, gradients = grad(case.owned(phase, case.params))
        loss = theirs.gradients(phase).item()
        found[f'{phase} loss'] = abs(float(value) - loss) / max(1.0, abs(loss))
        mine = paths.arrays(gradients, peers.TRANSPOSED)
        apart = [np.linalg.norm(x - theirs.peer.p[name].grad.numpy()) for name, x in mine.items()]
        found[f'{phase} gradients'] = float(np.linalg.norm(apart) / optax.tree.norm(gradients))
    return found


def print_times(case: Case, args: argparse.Namespace, side: type[Theirs] = Theirs) -> None:
    both = turns.both_layouts(lambda layout: side(case, layout == torch.channels_last))
    turns.print_times(case.name, Ours(case), both, args)


def main() -> None:
    args = turns.read_arguments(__doc__, steps=2, cases='tgan,mocogan', side=32, width=32, batch=32)
    for name in args.cases.split(','):
        case = Case(name, args.side, args.width, args.batch)
        if args.check:
            turns.print_differences(name, compare(case))
        else:
            print_times(case, args)


if __name__ == '__main__':
    main()
