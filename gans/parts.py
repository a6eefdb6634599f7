"""The parts of adversarial losses: a loss is a game plus weighted terms; a term sees a scene; a critic has a view.

`Pair` is a generator and its critic. From a batch it makes a `Scene`: real examples, fakes, and the critic's scores of
both. Games, and everything added to them, are `Term`s: functions of a scene. A `View` transforms the examples before
the critic sees them. `gans/systems/_players.py` turns these into the updates of a system.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gans.core import Array, Aux, Batch, Keys, Net, Params, Sampler, Spec, TrainState, Tree
from gans.errors import UserError
from gans.losses import per_example
from gans.ops import random

Conditions = tuple[Array, ...]  # a critic's other inputs: labels [P], images [P, H, W, C], or none


class View(NamedTuple):
    """What a critic is shown in place of an example: with augmentations, noise, or both."""

    # (examples [B, ...], conditions, keys [B], state) -> both as they are shown; differentiable in the examples
    show: Callable[[Array, Conditions, Keys, TrainState], tuple[Array, Conditions]]
    memory: Mapping[str, Tree] = {}  # initial values of its memories
    learn: Callable[[TrainState, Array], Aux] = lambda state, real_scores: Aux()  # from the real scores [P] of a step


class Replay(NamedTuple):
    """Past fakes in the critic's batches."""

    # (fakes [B, ...], params by net, state, keys [B]) -> (fakes, of which past ones replace some; advanced memories)
    mix: Callable[[Array, Params, TrainState, Keys], tuple[Array, Mapping[str, Tree]]]
    memory: Mapping[str, Tree]  # initial values


class Slopes(NamedTuple):
    """Gradients of the sum of the scores, through the view."""

    real: Array  # at the real packs, [P, ...]
    fake: Array | None  # at the fake packs; None: nothing reads them
    told: Conditions  # at what the real packs are scored with; of labels there is none


class Scene(NamedTuple):
    """One batch as the terms of a loss see it.

    Examples come in packs [P, ...] (PacGAN, 1712.04086), which are single examples, P = B, unless `pack` > 1. Fields
    that no part of the loss needs are None.
    """

    real: Array  # [P, ...]
    fake: Array  # [P, ...]
    # packs [P, ...] -> scores [P], with the view, conditions and statistics of this batch; here and below a critic of
    # patches gives maps of scores, [P, h, w]
    critic: Callable[[Array], Array]
    real_scores: Array | None = None  # [P]
    fake_scores: Array | None = None  # [P]
    real_features: Array | None = None  # [P, f], inputs of the critic's last layer
    fake_features: Array | None = None  # [P, f]
    weights: Array | None = None  # [P], 0 for a pack to ignore; None: all count alike
    # the same critic without the view: packs, and conditions if not those below,
    bare_critic: Callable[..., Array] | None = None
    shown: tuple[Array, Array] | None = None  # and the real and fake packs as the view shows them,
    conditions: Conditions = ()  # with these, the same for both
    pack: int = 1  # examples in a pack
    batch: Batch | None = None
    inputs: Tree = None  # what the fakes were made from
    params: Params | None = None
    state: TrainState | None = None
    memory: Mapping[str, Tree] = {}  # memories of the pair's replay, if it took part
    slopes: Slopes | None = None

    def mean(self, values: Array) -> Array:
        """Weighted mean over packs, [P, ...] -> [...]; a scalar is returned as it is."""
        if not values.ndim:
            return values
        if self.weights is None:
            return values.mean(0)
        weights = self.weights.reshape(-1, *[1] * (values.ndim - 1))
        return (values * weights).sum(0) / jnp.maximum(self.weights.sum(), 1)

    def average(self, values: Array) -> Array:
        """The mean over each example's map, if there are maps, and over packs as `mean`: [P, ...] or [] -> []."""
        return self.mean(per_example(values) if values.ndim else values)


class Term(NamedTuple):
    """One summand of a player's loss: weight x value."""

    # (scene, keys [P]) -> (value [P], [P, h, w] or [], Aux with metrics, updated statistics and memories)
    value: Callable[[Scene, Keys], tuple[Array, Aux]]
    weight: float | Array = 1.0
    every: int = 1  # > 1: lazy, a separate update every so many steps, that many times as strong (1912.04958)
    memory: Mapping[str, Tree] = {}  # initial values, by their names in the state
    real: bool = False  # of a generator's term: it reads the scores or features of real examples
    features: bool = False  # it reads features
    slopes: str = ''  # of a critic's term: it reads slopes, of the 'real' packs or of 'both'
    alone: bool = False  # of a generator's term: it replaces the game
    role: str = 'critic'  # of a term that a config names: whose loss it is added to, 'critic' or 'generator'


class Pair(NamedTuple):
    """A generator, its critic, and everything between them.

    A system fills in what its paper specifies; the config sets `pack` and `replay`, and adds terms and a view.
    """

    spec: Spec  # of the examples that the critic scores
    # (params by net, state, inputs, train) -> (fakes [B, ...], advanced statistics by net)
    generate: Callable[[Params, TrainState, Tree, bool], tuple[Array, Params]]
    critic: Net  # packs [P, ...], conditions -> scores [P], or maps of them [P, h, w]
    inputs: Callable[[Batch, Keys], Tree]  # the generator's inputs: latents, labels, images
    conditions: Callable[[Tree, TrainState], Conditions] = lambda inputs, state: ()
    # (batch, state, inputs) -> [B, ...]: what fakes are to be
    real: Callable[[Batch, TrainState, Tree], Array] = lambda batch, state, inputs: batch['real']
    # Distinguishes several pairs: their nets, players and memories are called critic_NAME etc., but for a net of theirs
    # that has no such name, which they share
    name: str = ''
    critic_terms: Mapping[str, Term] = {}
    generator_terms: Mapping[str, Term] = {}
    view: View | None = None
    replayable: bool = True  # whether fakes can be scored again later, without their inputs
    pack: int = 1  # examples that the critic scores together
    replay: Replay | None = None

    def qualify(self, what: str) -> str:
        """The name of a net, player or memory of this pair."""
        return f'{what}_{self.name}' if self.name else what

    def sampler(self, **given: Any) -> Sampler:
        """A sampler of this pair's generator, with the inputs of training. given: other fields of `Sampler`."""
        make = lambda state, inputs: self.generate(state.params, state, inputs, False)[0]
        advance = lambda state, inputs: self.generate(state.params, state, inputs, True)[1]
        return Sampler(self.inputs, make, advance=advance, **given)

    def judge(self) -> Callable[..., Any] | None:
        """`System.critic` of this pair alone; None if its critic wants packs, is told more than labels, or does not say
        what it takes.
        """
        if not self.critic.inputs:
            return None
        example, *told = self.critic.inputs
        if example.shape[1:] != self.spec.shape or any(x.shape[1:] or x.dtype != jnp.int32 for x in told):
            return None

        def judge(state: TrainState, x: Array, *labels: Array, features: bool = False) -> Any:
            if len(labels) != len(told):
                wanted = 'the class of each example: give labels' if told else 'no classes: leave labels out'
                raise UserError(f'this critic is told {wanted}')
            own = (tree[self.qualify('critic')] for tree in (state.params, state.stats))
            return self.critic.apply(*own, x, *labels, train=False, features=features)[0]

        return judge

    def scene(
        self,
        params: Params,
        state: TrainState,
        batch: Batch,
        keys: Keys,
        past: bool = False,
        real: bool = True,
        features: bool = False,
        slopes: str = '',
    ) -> tuple[Scene, Tree, Params]:
        """Generates fakes for one batch and has the critic score them.

        Args:
          past: whether to mix in fakes of earlier steps, if replay is on.
          real: whether the critic scores the real examples as well.
          features: whether to return the critic's features.
          slopes: of which packs to return gradients of the scores, 'real' or 'both', in the pass that scores them.

        Returns:
          the scene, the critic's updated statistics, and those of the generator's nets by name.
        """
        k_inputs, k_real, k_fake, k_past = random.split(keys, 4)
        inputs, memory = self.inputs(batch, k_inputs), {}
        fakes, generator_stats = self.generate(params, state, inputs, True)
        if past and self.replay is not None:
            fakes, memory = self.replay.mix(fakes, params, state, k_past)
        reals, conditions = self.real(batch, state, inputs), self.conditions(inputs, state)
        reals, fakes, conditions, weights = pack_batch(reals, fakes, conditions, self.pack)
        net, stats = params[self.qualify('critic')], state.stats[self.qualify('critic')]

        def show(x: Array, conditions: Conditions, keys: Keys) -> tuple[Array, Conditions]:
            if self.view is None:
                return x, conditions
            shown, conditions = self.view.show(unpack_examples(x, self.pack), conditions, keys, state)
            return pack_examples(shown, self.pack), conditions

        def apply_critic(x: Array, conditions: Conditions, stats: Tree) -> tuple[Array, Array | None, Tree]:
            out, stats = self.critic.apply(net, stats, x, *conditions, train=True, features=features)
            return (*out, stats) if features else (out, None, stats)

        def score(x: Array) -> Array:
            return apply_critic(*show(x, conditions, k_real), stats)[0]

        # An image that both are scored with is shown as they are: alike, or a real one would stand beside another.
        images = any(condition.ndim == reals.ndim for condition in conditions)

        def judge(reals: Array, told: Conditions, fakes: Array) -> tuple[Array | None, tuple]:
            """The sum of the scores whose slopes are asked for, and all else that there is to know. told: of reals."""
            shown = show(reals, told, k_real), show(fakes, conditions, k_real if images else k_fake)
            real_scores = real_features = None
            if not real:
                fake_scores, fake_features, after = apply_critic(*shown[1], stats)
            # Statistics advance in turn, examples of a batch interact, or second derivatives are of half of them.
            elif stats or self.critic.batchwise or slopes == 'real':
                real_scores, real_features, after = apply_critic(*shown[0], stats)
                fake_scores, fake_features, after = apply_critic(*shown[1], after)
            else:  # one batch is faster, and equivalent
                scores, found, after = apply_critic(*jax.tree.map(lambda *x: jnp.concatenate(x), *shown), stats)
                real_scores, fake_scores = jnp.split(scores, 2)
                real_features, fake_features = jnp.split(found, 2) if features else (None, None)
            summed = {'': (), 'real': (real_scores,), 'both': (real_scores, fake_scores)}[slopes]
            total = sum(per_example(scores).sum() for scores in summed) if slopes else None
            return total, (shown, (real_scores, fake_scores, real_features, fake_features), after)

        if slopes:
            by = (0, 1, 2) if slopes == 'both' else (0, 1)
            (of_reals, of_told, *of_fakes), known = jax.grad(judge, by, has_aux=True, allow_int=True)(
                reals, conditions, fakes
            )
            found = Slopes(of_reals, of_fakes[0] if of_fakes else None, of_told)
        else:
            found, known = None, judge(reals, conditions, fakes)[1]
        (shown_real, shown_fake), seen, after = known
        scene = Scene(
            reals, fakes, score, *seen, weights,
            lambda x, conditions=shown_real[1]: apply_critic(x, conditions, stats)[0], (shown_real[0], shown_fake[0]),
            shown_real[1], self.pack, batch, inputs, params, state, memory, found,
        )  # fmt: skip
        return scene, after, generator_stats


def pack_batch(
    real: Array, fake: Array, conditions: Conditions, pack: int
) -> tuple[Array, Array, Conditions, Array | None]:
    """Examples [B, ...] and conditions [B] as packs [P, ...], and the packs' weights.

    With pack > 1, conditions must be labels: examples are sorted by label, and packs with mixed labels get weight 0.
    """
    if pack == 1:
        return real, fake, conditions, None
    weights = None
    if conditions:
        (label,) = conditions
        order = jnp.argsort(label)
        real, fake, label = real[order], fake[order], label[order]
        weights = (label[::pack] == label[pack - 1 :: pack]).astype(jnp.float32)
        conditions = (label[::pack],)
    return pack_examples(real, pack), pack_examples(fake, pack), conditions, weights


def pack_examples(x: Array, pack: int) -> Array:
    """Concatenates groups of `pack` examples along the channels: [B, ..., C] -> [B / pack, ..., pack C]."""
    if pack == 1:
        return x
    x = x.reshape(-1, pack, *x.shape[1:])
    return jnp.concatenate([x[:, i] for i in range(pack)], -1)


def unpack_examples(x: Array, pack: int) -> Array:
    """The inverse of `pack_examples`: [P, ..., pack C] -> [P pack, ..., C]."""
    if pack == 1:
        return x
    x = jnp.stack(jnp.split(x, pack, -1), 1)  # [P, pack, ..., C]
    return x.reshape(-1, *x.shape[2:])
