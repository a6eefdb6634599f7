"""A training step of DAMSM, of DF-GAN and of AttnGAN, as their experiments have it, against a plain PyTorch peer: same
nets, losses and Adam.

    pip install torch
    python tests/benchmarks/words.py [--cases=damsm,dfgan,attngan] [--rounds=5] [--steps=3] [--cpu] [--check]

Timed as in turns.py; --cpu: seconds of the CPU in place of those of the clock, one thread in PyTorch. --check times
nothing and compares losses and gradients.

Our side is the step that trains, with the recurrent text encoder in it, which DAMSM trains and the others leave as it
is.
"""

import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from benchmarks import turns
from benchmarks.peers import attngan, paths
from benchmarks.peers import words as peers
from torch.nn.functional import avg_pool2d, relu, softplus

from experiments import attngan_openmoji64, dfgan_openmoji32
from gans.core import Array, Compute, Tree
from gans.data import load
from gans.data.feed import examples, fixed_key
from gans.ops import random
from gans.step import init_state, make_train_step
from gans.systems.build import build
from gans.training.setup import unoptimized
from gans.training.stages import stages

BATCH = 32


class Ours:
    """The step that trains, without averages. size: of images, None for the experiment's."""

    def __init__(self, name: str, variant: str = '', size: int | None = None) -> None:
        case = CASES[name]
        self.roles = case.roles
        of = {stage.config.system: stage.config for stage in stages(case.experiment.get_config(variant))}
        of[name].data.size = size or of[name].data.size
        self.config, source = of[name].copy_and_resolve_references(), load.load(of[name].data)
        self.config.ema.decay = None
        self.system = build(self.config, source.spec, Compute())
        self.state = jax.jit(lambda: init_state(self.system, jax.random.key(0)), compiler_options=unoptimized())()
        drawn = examples(source, BATCH, fixed_key())
        self.batch = {name: jnp.asarray(drawn[name])[None] for name in ('real', 'caption')}
        step = make_train_step(self.system)
        due = tuple(update.name for update in self.system.updates)
        self.jitted = jax.jit(lambda state, batch: step(state, batch, due)[0], donate_argnums=0)

    def gradients(self, role: str, params: Tree) -> tuple[Array, Tree, Tree]:
        """Loss, the player's gradients, and what the generator was given."""
        update = self.system.updates[list(self.roles).index(role)]
        keys = random.example_keys(jax.random.key(1), jnp.arange(BATCH))
        batch, state = {name: x[0] for name, x in self.batch.items()}, self.state.replace(params=params)
        own = {name: params[name] for name in self.roles[role]}
        value, slope = jax.value_and_grad(lambda own: update.loss({**params, **own}, state, batch, keys)[0])(own)
        scene = random.split(keys, 3)[0] if role == 'critic' else keys
        return value, slope, self.system.samplers['samples'].inputs(batch, random.split(scene, 4)[0])

    def step(self) -> None:
        self.state = self.jitted(self.state, self.batch)

    def wait(self) -> None:
        jax.block_until_ready(self.state.params)


class Theirs:
    """The peer, which begins with the same weights."""

    make = peers.Peer

    def __init__(self, ours: Ours, channels_last: bool) -> None:
        self.ours, self.peer = ours, self.make(ours.state.params, channels_last)
        real, captions = (np.array(ours.batch[name][0]) for name in ('real', 'caption'))
        real = torch.from_numpy(real).permute(0, 3, 1, 2)
        self.real = real.contiguous(memory_format=self.peer.order(4))
        self.captions = torch.from_numpy(captions).long()
        self.inside = self.captions != 0
        self.same = (self.captions[:, None] == self.captions[None]).all(2)
        self.other = (self.captions != self.captions.roll(-1, 0)).any(1)
        self.own = {
            role: [p for name, p in self.peer.p.items() if name.startswith(nets)] for role, nets in ours.roles.items()
        }
        options = {role: ours.config.optimizer[role] for role in ours.roles}
        self.optimizers = {
            role: torch.optim.Adam(own, options[role].learning_rate, (options[role].b1, options[role].b2), fused=True)
            for role, own in self.own.items()
        }

    def matching(self, words: torch.Tensor, sentences: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        """DAMSM's loss."""
        regions, whole = self.peer.image(images)
        by_words = peers.match(words, self.inside, regions, (5.0, 5.0))
        by_sentence = torch.nn.functional.cosine_similarity(whole[:, None], sentences[None], dim=2)
        return peers.find(by_words, self.same, 10.0) + peers.find(by_sentence, self.same, 10.0)

    def loss(self, role: str, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        """Gradients are in the parameters of the player afterwards, and in no others."""
        for parameter in self.peer.p.values():
            parameter.requires_grad_(False)
            parameter.grad = None
        for parameter in self.own[role]:
            parameter.requires_grad_()
        loss = getattr(self, role)(**drawn)
        loss.backward()
        return loss.detach()

    def draw(self) -> dict[str, torch.Tensor]:
        """What is new in each step."""
        return {'z': torch.randn(BATCH, self.ours.config.latents.size)}

    def step(self) -> None:
        for role in self.own:
            self.loss(role, self.draw())
            self.optimizers[role].step()

    def wait(self) -> None:
        pass


class Damsm(Theirs):
    def draw(self) -> dict[str, torch.Tensor]:
        return {}

    def generator(self) -> torch.Tensor:
        return self.matching(*self.peer.text(self.captions), self.real)


class Dfgan(Theirs):
    def critic(self, z: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            sentence = self.peer.told(self.captions)[1]
            fake = self.peer.generator(z, sentence, self.real.shape[-1])
        real, told = self.real.clone().requires_grad_(), sentence.clone().requires_grad_()
        scores = self.peer.critic(real, told)
        down = relu(1 + self.peer.critic(fake, sentence)) + self.other * relu(
            1 + self.peer.critic(self.real, told.roll(-1, 0))
        )
        slopes = torch.autograd.grad(scores.sum(), (real, told), create_graph=True)
        norms = sum(slope.flatten(1).square().sum(1) for slope in slopes)
        return (relu(1 - scores) + down / 2 + 2 * norms**3).mean()

    def generator(self, z: torch.Tensor) -> torch.Tensor:
        sentence = self.peer.told(self.captions)[1]
        return -self.peer.critic(self.peer.generator(z, sentence, self.real.shape[-1]), sentence).mean()


class Attngan(Theirs):
    make = attngan.Peer

    def __init__(self, ours: Ours, channels_last: bool) -> None:
        super().__init__(ours, channels_last)
        self.reals = [self.real]
        while f'critic/size_{self.reals[0].shape[-1] // 2}/told/kernel' in self.peer.p:
            self.reals.insert(0, avg_pool2d(self.reals[0], 2))
        self.sizes = [x.shape[-1] for x in self.reals]

    def draw(self) -> dict[str, torch.Tensor]:
        return {**super().draw(), 'noise': torch.randn(BATCH, self.ours.config.attngan.condition)}

    def fakes(self, z: torch.Tensor, noise: torch.Tensor, told: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
        words, sentence = told
        words = words * (words.square().mean(2, True) + 1e-12).rsqrt()
        return self.peer.generator(z, noise, words, sentence, self.inside, self.sizes)

    def critic(self, z: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            told = self.peer.told(self.captions)
            fakes = self.fakes(z, noise, told)
        sentence, loss = told[1], 0.0
        for size, real, fake in zip(self.sizes, self.reals, fakes, strict=True):
            score = lambda maps, *told, size=size: self.peer.score(size, maps, *told)
            seen, made = self.peer.read(real), self.peer.read(fake)
            up = softplus(-score(seen, sentence)) + softplus(-score(seen))
            wrong = self.other * softplus(score(seen, sentence.roll(-1, 0)))
            loss += (up / 2 + (softplus(score(made, sentence)) + softplus(score(made)) + wrong) / 3).mean()
        return loss

    def generator(self, z: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        words, sentence = told = self.peer.told(self.captions)
        fakes, loss = self.fakes(z, noise, told), 0.0
        for size, fake in zip(self.sizes, fakes, strict=True):
            made = self.peer.read(fake)
            loss += (softplus(-self.peer.score(size, made, sentence)) + softplus(-self.peer.score(size, made))).mean()
        mean, log_variance = self.peer.moments(sentence)
        divergence = (mean**2 + log_variance.exp() - 1 - log_variance).mean() / 2
        return loss + divergence + 5 * self.matching(words, sentence, fakes[-1])


class Case(NamedTuple):
    experiment: ModuleType
    peer: type[Theirs]
    roles: dict[str, tuple[str, ...]]  # players, in turn, and their nets


TURNS = {'critic': ('critic',), 'generator': ('generator',)}
CASES = {
    'damsm': Case(dfgan_openmoji32, Damsm, {'generator': ('text', 'image')}),
    'dfgan': Case(dfgan_openmoji32, Dfgan, TURNS),
    'attngan': Case(attngan_openmoji64, Attngan, TURNS),
}


def compare(name: str) -> dict[str, float]:
    """How far the peer's losses and gradients are from ours, for narrow nets and small images; all kernels count."""
    ours, found = Ours(name, 'smoke', 16), {}
    noise = lambda x: x + 0.1 * np.random.default_rng(x.size).normal(size=x.shape).astype(np.float32)
    ours.state = ours.state.replace(params=jax.tree.map(noise, ours.state.params))
    theirs = CASES[name].peer(ours, False)
    for role in ours.roles:
        gradients = jax.jit(ours.gradients, static_argnums=0, compiler_options=unoptimized())
        value, slopes, given = gradients(role, ours.state.params)
        drawn = {name: torch.tensor(np.asarray(given[name])) for name in theirs.draw()}
        loss = theirs.loss(role, drawn)
        found[f'{role} loss'] = abs(float(value) - float(loss)) / max(1.0, abs(float(value)))
        mine = paths.arrays(slopes)
        apart = [np.linalg.norm(x - theirs.peer.p[path].grad.numpy()) for path, x in mine.items()]
        found[f'{role} gradients'] = float(np.linalg.norm(apart) / optax.tree.norm(slopes))
    return found


def main() -> None:
    args = turns.read_arguments(__doc__, cases=','.join(CASES))
    for name in args.cases.split(','):
        if args.check:
            turns.print_differences(name, compare(name))
        else:
            ours, peer = Ours(name), CASES[name].peer
            both = turns.both_layouts(lambda layout, ours=ours, peer=peer: peer(ours, layout == torch.channels_last))
            turns.print_times(name, ours, both, args)


if __name__ == '__main__':
    main()
