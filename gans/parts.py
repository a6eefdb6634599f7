"""The parts of adversarial losses: a loss is a game plus weighted terms; a term sees a scene; a critic has a view.

`Pair` is a generator and its critic. From a batch it makes a `Scene`: real examples, fakes, and the critic's opinion of
both. Games and all that is added to them are `Term`s, functions of a scene. A `View` is what the critic is shown in
place of the examples themselves. `gans/systems/_players.py` makes the updates of a system of these.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gans.core import Array, Aux, Batch, Keys, Net, Params, Sampler, Spec, TrainState, Tree
from gans.ops import random

Conditions = tuple[Array, ...]  # what a critic is given beside an example: labels [P], images [P, H, W, C], or nothing


class View(NamedTuple):
    """What a critic is shown in place of an example: augmented, under noise, or both."""

    # (examples [B, ...], conditions, keys [B], state) -> the same as they are shown; differentiable in the examples
    show: Callable[[Array, Conditions, Keys, TrainState], tuple[Array, Conditions]]
    memory: Mapping[str, Tree] = {}  # initial values of what it remembers
    learn: Callable[[TrainState, Array], Aux] = lambda state, real_scores: Aux()  # from the real scores [P] of a step


class Scene(NamedTuple):
    """One batch as the terms of a loss see it.

    Examples are packs [P, ...] (PacGAN, 1712.04086): single examples, P = B, unless `pack` says otherwise. Fields that
    nothing in the loss asks for are None.
    """

    real: Array  # [P, ...]
    fake: Array  # [P, ...]
    # packs [P, ...] -> scores [P], by the view, conditions and statistics of this batch
    critic: Callable[[Array], Array]
    real_scores: Array | None = None  # [P]
    fake_scores: Array | None = None  # [P]
    real_features: Array | None = None  # [P, f] of the critic's last layer but one
    fake_features: Array | None = None  # [P, f]
    weights: Array | None = None  # [P], 0 for a pack that does not count; None: all count alike
    bare_critic: Callable[[Array], Array] | None = None  # the same critic without the view,
    shown: tuple[Array, Array] | None = None  # and real and fake packs as the view shows them
    pack: int = 1  # examples in a pack
    batch: Batch | None = None
    inputs: Tree = None  # what the fakes were made from
    params: Params | None = None
    state: TrainState | None = None

    def mean(self, values: Array) -> Array:
        """The mean over packs that count, [P, ...] -> [...]; a value that is a mean already stays, [] -> []."""
        if not values.ndim:
            return values
        if self.weights is None:
            return values.mean(0)
        weights = self.weights.reshape(-1, *[1] * (values.ndim - 1))
        return (values * weights).sum(0) / jnp.maximum(self.weights.sum(), 1)


class Term(NamedTuple):
    """One summand of a player's loss, weight x value."""

    # (scene, keys [P]) -> (value [P] or [], Aux): metrics to log, statistics and memories that have moved
    value: Callable[[Scene, Keys], tuple[Array, Aux]]
    weight: float | Array = 1.0
    every: int = 1  # > 1: an update of its own at every so many steps, as many times as strong (StyleGAN2, 1912.04958)
    memory: Mapping[str, Tree] = {}  # initial values, by the names under which `value` finds them in the state
    real: bool = False  # of a generator's term: it reads the critic's opinion of real examples
    features: bool = False  # it reads features
    alone: bool = False  # of a generator's term: it takes the place of the game


class Pair(NamedTuple):
    """A generator, the critic that judges it, and what stands between them.

    What a paper says is filled in by its system; `pack` and `replay` are the config's, and it adds terms and a view.
    """

    spec: Spec  # of the examples that the critic judges
    # (params by net, statistics by net, inputs, train) -> (fakes [B, ...], advanced statistics by net)
    generate: Callable[[Params, Params, Tree, bool], tuple[Array, Params]]
    critic: Net  # packs [P, ...], conditions -> scores [P]
    inputs: Callable[[Batch, Keys], Tree]  # what fakes are made from: latents, labels, images
    conditions: Callable[[Tree], Conditions] = lambda inputs: ()
    real: Callable[[Batch], Array] = lambda batch: batch['real']  # [B, ...], what fakes should look like
    name: str = ''  # tells several pairs apart: their nets, players and memories are called critic_NAME and so on
    critic_terms: Mapping[str, Term] = {}
    generator_terms: Mapping[str, Term] = {}
    view: View | None = None
    replayable: bool = True  # its fakes can be judged again later, without what they were made from
    pack: int = 1  # examples that are judged as one
    replay: Callable[[Array, TrainState, Keys], Array] | None = None  # fakes with past ones among them

    def qualify(self, what: str) -> str:
        """The name of a net, a player or a memory of this pair."""
        return f'{what}_{self.name}' if self.name else what

    def sampler(self, **given: Any) -> Sampler:
        """What this pair's generator makes, from what it is given in training. given: fields of the sampler."""
        make = lambda state, inputs: self.generate(state.params, state.stats, inputs, False)[0]
        return Sampler(self.inputs, make, **given)

    def scene(
        self,
        params: Params,
        state: TrainState,
        batch: Batch,
        keys: Keys,
        past: bool = False,
        real: bool = True,
        features: bool = False,
    ) -> tuple[Scene, Tree, Params]:
        """Plays one batch.

        Args:
          past: whether fakes of earlier steps are among the fakes, if there are any.
          real: whether the critic judges the real examples too.
          features: whether its features are wanted.

        Returns:
          the scene, the critic's advanced statistics, and those of the generator's nets by name.
        """
        k_inputs, k_real, k_fake, k_past = random.split(keys, 4)
        inputs = self.inputs(batch, k_inputs)
        fakes, made = self.generate(params, state.stats, inputs, True)
        if past and self.replay is not None:
            fakes = self.replay(fakes, state, k_past)
        reals, fakes, conditions, weights = pack_batch(self.real(batch), fakes, self.conditions(inputs), self.pack)
        net, stats = params[self.qualify('critic')], state.stats[self.qualify('critic')]

        def show(x: Array, conditions: Conditions, keys: Keys) -> tuple[Array, Conditions]:
            if self.view is None:
                return x, conditions
            shown, conditions = self.view.show(unpack_examples(x, self.pack), conditions, keys, state)
            return pack_examples(shown, self.pack), conditions

        def judge(x: Array, conditions: Conditions, stats: Tree) -> tuple[Array, Array | None, Tree]:
            out, stats = self.critic.apply(net, stats, x, *conditions, train=True, features=features)
            return (*out, stats) if features else (out, None, stats)

        def score(x: Array) -> Array:
            return judge(*show(x, conditions, k_real), stats)[0]

        shown_real, shown_fake = show(reals, conditions, k_real), show(fakes, conditions, k_fake)
        real_scores = real_features = None
        if not real:
            fake_scores, fake_features, after = judge(*shown_fake, stats)
        elif stats or self.critic.batchwise:  # statistics advance from one to the other, or neighbors matter
            real_scores, real_features, after = judge(*shown_real, stats)
            fake_scores, fake_features, after = judge(*shown_fake, after)
        else:  # one batch is faster, and the same
            scores, found, after = judge(*jax.tree.map(lambda *x: jnp.concatenate(x), shown_real, shown_fake), stats)
            real_scores, fake_scores = jnp.split(scores, 2)
            real_features, fake_features = jnp.split(found, 2) if features else (None, None)
        scene = Scene(
            reals, fakes, score, real_scores, fake_scores, real_features, fake_features, weights,
            lambda x: judge(x, shown_real[1], stats)[0], (shown_real[0], shown_fake[0]), self.pack, batch, inputs,
            params, state,
        )  # fmt: skip
        return scene, after, made


def pack_batch(
    real: Array, fake: Array, conditions: Conditions, pack: int
) -> tuple[Array, Array, Conditions, Array | None]:
    """Examples [B, ...] and conditions [B] as packs [P, ...], and the packs' weights.

    Conditions of packs must be labels: neighbors of one label are packed, and a pack in which labels are mixed does not
    count.
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
    """Lays packs of examples side by side in the channels: [B, ..., C] -> [B / pack, ..., pack C]."""
    if pack == 1:
        return x
    x = x.reshape(-1, pack, *x.shape[1:])
    return jnp.concatenate([x[:, i] for i in range(pack)], -1)


def unpack_examples(x: Array, pack: int) -> Array:
    """The inverse of `packed`: [P, ..., pack C] -> [P pack, ..., C]."""
    if pack == 1:
        return x
    x = jnp.stack(jnp.split(x, pack, -1), 1)  # [P, pack, ..., C]
    return x.reshape(-1, *x.shape[2:])
