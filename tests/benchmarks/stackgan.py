"""A training step of StackGAN's stage II against a plain PyTorch peer: same nets, losses and Adam.

    pip install torch
    python tests/benchmarks/stackgan.py [--config=experiments/stackgan_openmoji64.py] [--rounds=5] [--steps=2] [--cpu]
        [--check]

Ours is the step of the experiment itself, with stage I and the text encoder; the peer is given what these make, which
is to its advantage. Timed as in turns.py. --check times nothing and compares losses and
gradients.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import jax
import jax.numpy as jnp
import numpy as np
import torch
from benchmarks import clips, turns
from benchmarks.peers import stackgan as peers
from ml_collections import ConfigDict
from torch.nn.functional import softplus

from gans import config_file
from gans.core import Array, Tree
from gans.data import feed
from gans.ops import random
from gans.step import init_state
from gans.systems._words import read
from gans.training.setup import setup_stages


class Case:
    """Stage II of an experiment: its step, and what it draws."""

    name = 'stackgan'

    def __init__(self, config: ConfigDict) -> None:
        experiment = setup_stages(config, devices=1)[-1]
        self.system, batch = experiment.system, experiment.config.train.batch_size
        self.size, self.doublings = experiment.source.spec.shape[0], experiment.config.stackgan.get('doublings', 2)
        self.nets = {role: f'{role}_{self.size}' for role in clips.PHASES}
        self.options = experiment.config.generator
        self.state = jax.jit(lambda: init_state(self.system, jax.random.key(0)))()
        self.params = {role: self.state.params[name] for role, name in self.nets.items()}
        self.batch = jax.tree.map(jnp.asarray, feed.examples(experiment.source, batch, feed.fixed_key()))
        self.keys = random.example_keys(jax.random.key(1), jnp.arange(batch))
        captions = np.asarray(self.batch['caption'])
        other = (captions != np.roll(captions, -1, 0)).any(1).astype(np.float32)
        self.inputs = {'real': np.asarray(self.batch['real']), 'other': other}
        for role, num in (('critic', 3), ('generator', 0)):  # the keys of its scene are the first of so many
            keys = random.split(random.split(self.keys, num)[0] if num else self.keys, 4)[0]
            self.inputs |= {f'{role}/{name}': np.asarray(x) for name, x in jax.jit(self.given)(keys).items()}

    def given(self, keys: Array) -> dict[str, Array]:
        """What stage I and the text encoder make of these keys."""
        inputs, small = self.system.samplers['samples'].inputs(self.batch, keys), self.size >> self.doublings
        text, sketcher = self.system.nets['text'], f'generator_{small}'
        sentence = read(text, self.state.params, inputs['caption']).sentence
        own = self.state.params[sketcher], self.state.stats[sketcher]
        sketch, _ = self.system.nets[sketcher].apply(*own, inputs['z'], sentence, inputs['noise_1'], train=True)
        return {'sketch': sketch, 'sentence': sentence, 'noise': inputs['noise_2']}

    def owned(self, phase: str, params: Tree) -> Tree:
        return {phase: params[phase]}

    def ours(self, phase: str, params: Tree, given: dict[str, Array]) -> Array:
        update = next(update for update in self.system.updates if update.name == self.nets[phase])
        named = {self.nets[role]: tree for role, tree in params.items()}
        return update.loss({**self.state.params, **named}, self.state, self.batch, self.keys)[0]

    def theirs(self, phase: str, peer: peers.Peer, given: dict[str, torch.Tensor]) -> torch.Tensor:
        small, halvings = self.size >> self.doublings, self.options.halvings
        downs, least = [small >> (i + 1) for i in range(halvings)], small >> halvings
        ups = [least << (i + 1) for i in range(halvings + self.doublings)]
        sketch, sentence, noise = (given[f'{phase}/{name}'] for name in ('sketch', 'sentence', 'noise'))
        with torch.set_grad_enabled(phase == 'generator'):
            fake = peer.generator(sketch, sentence, noise, self.options.blocks, downs, ups)
        halved = [self.size >> i for i in range(2, (self.size // 4).bit_length())]
        judge = lambda x, sentence: peer.critic(x, sentence, halved, self.doublings)
        if phase == 'generator':
            return softplus(-judge(fake, sentence)).mean() + 2 * peer.divergence(sentence)
        wrong = given['other'] * softplus(judge(given['real'], sentence.roll(-1, 0)))
        down = (wrong + softplus(judge(fake, sentence))) / 2
        return (softplus(-judge(given['real'], sentence)) + down).mean()


class Theirs(clips.Theirs):
    """The peer, which begins with the same weights."""

    def __init__(self, case: Case, channels_last: bool = True) -> None:
        self.case, self.peer = case, peers.Peer(case.params, channels_last)
        self.given = {name: torch.from_numpy(x.copy()) for name, x in case.inputs.items()}
        for name, x in self.given.items():
            if x.ndim == 4:
                self.given[name] = x.movedim(-1, 1).contiguous(memory_format=self.peer.order(4))
        self.prepare()


def main() -> None:
    args = turns.read_arguments(__doc__, steps=2, config='experiments/stackgan_openmoji64.py')
    case = Case(config_file.read(args.config))
    if args.check:
        turns.print_differences(case.name, clips.compare(case, Theirs))
    else:
        clips.print_times(case, args, Theirs)


if __name__ == '__main__':
    main()
