"""From pairs to a system: critics and generators take turns, with everything that the config adds to their losses."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections

from gans import defaults, losses, optimizers, replay, terms, views
from gans.core import Array, Aux, Batch, Keys, Loss, Net, Params, Player, Spec, System, TrainState, Tree, Update
from gans.errors import UserError
from gans.ops import random
from gans.parts import Pair, Scene, Term


class Sides(NamedTuple):
    """A game as terms: what each side minimizes, given the scores of a scene."""

    critic: Term
    generator: Term


def make_generate(
    net: Net, arguments: Callable[[Tree], tuple] = lambda inputs: (inputs,), name: str = 'generator'
) -> Callable[[Params, TrainState, Tree, bool], tuple[Array, Params]]:
    """Makes `Pair.generate` for one net. arguments: inputs of the pair -> arguments of the net."""

    def generate(params: Params, state: TrainState, inputs: Tree, train: bool) -> tuple[Array, Params]:
        fakes, updated = net.apply(params[name], state.stats[name], *arguments(inputs), train=train)
        return fakes, {name: updated}

    return generate


def pack_spec(spec: Spec, pack: int) -> Spec:
    """The spec of packs of examples."""
    return spec._replace(shape=(*spec.shape[:-1], pack * spec.shape[-1]))


def sides(config: ml_collections.ConfigDict) -> Sides:
    """The game that `config.game` names, as terms."""
    game = losses.game(config.game, losses.Targets(**config.targets))

    def critic(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        return game.critic(scene.real_scores, scene.fake_scores), Aux()

    def generator(scene: Scene, keys: Keys) -> tuple[Array, Aux]:
        return game.generator(scene.real_scores, scene.fake_scores), Aux()

    return Sides(Term(critic), Term(generator, real=game.needs_real))


def two_players(
    config: ml_collections.ConfigDict,
    pairs: Sequence[Pair],
    nets: Mapping[str, Net],
    own: Sides | None = None,
    weight: float | Array = 1.0,
    together: bool = False,
    with_critic: tuple[str, ...] = (),
    with_generator: tuple[str, ...] = (),
    **given: Any,
) -> System:
    """The system in which critics and generators take turns, as the config says.

    Args:
      pairs: their nets and players are called critic and generator, or critic_NAME and generator_NAME; pairs that
        share a generator are trained together.
      own: the system's own game, which replaces config.game and its targets.
      weight: of the game in the generators' losses, beside terms of weights of their own.
      together: one critic player and one generator player for all pairs, with the sums of their losses.
      with_critic, with_generator: further nets that the players own.
      given: other fields of `System`.

    Raises:
      UserError: options that do not fit each other or the system.
    """
    if own is not None:
        _refuse_game(config)
    game = sides(config) if own is None else own
    game = game._replace(generator=game.generator._replace(weight=weight))
    pairs = [_equip(config, pair) for pair in pairs]
    players, updates, memory = {}, [], dict(given.pop('memory', {}))
    for group in [pairs] if together else [[pair] for pair in pairs]:
        for role, more in (('critic', with_critic), ('generator', with_generator)):
            name = role if together else group[0].qualify(role)
            lazy = [(pair, term) for pair in group for term, each in _terms(pair, role).items() if each.every > 1]
            every = [_terms(pair, role)[term].every for pair, term in lazy]
            owned = [own if (own := pair.qualify(role)) in nets else role for pair in group]
            players[name] = player(config, role, (*dict.fromkeys(owned), *more), every)
            make = _critic_loss if role == 'critic' else _generator_loss
            loss = _sum({pair.name: make(config, pair, getattr(game, role)) for pair in group})
            repeats = config.train.n_critic if role == 'critic' else 1
            updates.append(Update(name, name, loss, repeats=repeats, micro=config.train.micro))
            for (pair, term), k in zip(lazy, every, strict=True):
                alone = _lazy_loss(pair, role, term)
                updates.append(Update(pair.qualify(term), name, alone, every=k, micro=config.train.micro))
    memory |= {**game.critic.memory, **game.generator.memory}
    for pair in pairs:
        if game.generator.memory and any(term.alone for term in pair.generator_terms.values()):
            raise UserError(f"terms.feature_matching.alone has no meaning in system '{config.system}', where the"
                            " generator's game controls a balance: set it to False")  # fmt: skip
        memory |= {} if pair.view is None else pair.view.memory
        memory |= {} if pair.replay is None else pair.replay.memory
        for term in (*pair.critic_terms.values(), *pair.generator_terms.values()):
            memory |= term.memory
    given.setdefault('critic', pairs[0].judge() if len(pairs) == 1 else None)
    return System(nets=dict(nets), players=players, updates=tuple(updates), memory=memory, **given)


def player(config: ml_collections.ConfigDict, role: str, nets: tuple[str, ...], every: Sequence[int] = ()) -> Player:
    """The player of a role, with the optimizer of the config. every: of its lazy updates."""
    rate = optimizers.rate(config.optimizer[role], role)
    rates = {} if rate is None else dict.fromkeys(nets, rate)
    return Player(nets, optimizers.build(config.optimizer[role], role, every), rates)


def _terms(pair: Pair, role: str) -> Mapping[str, Term]:
    return pair.critic_terms if role == 'critic' else pair.generator_terms


def _sum(of: Mapping[str, Loss]) -> Loss:
    """The sum of the losses of several pairs, with separate keys and metrics prefixed with the pair's name."""
    if len(of) == 1:
        return next(iter(of.values()))

    def loss(params: Params, state: TrainState, batch: Batch, keys: Keys) -> tuple[Array, Aux]:
        total, found = 0.0, []
        for name, each in of.items():
            value, aux = each(params, state, batch, random.fold(keys, name))
            metrics = {f'{name}_{metric}': x for metric, x in {'loss': value, **aux.metrics}.items()}
            total, found = total + value, [*found, aux._replace(metrics=metrics)]
        return total, join(*found)

    return loss


def _equip(config: ml_collections.ConfigDict, pair: Pair) -> Pair:
    """The pair with the terms, view and replay of the config."""
    own = {role: getattr(pair, f'{role}_terms') for role in ('critic', 'generator')}
    more = {role: terms.build(config.terms, role, pair.name, pair.spec) for role in own}
    if config.top_k.share is not None and any(term.alone for term in more['generator'].values()):
        raise UserError(f'top_k.share={config.top_k.share} has no meaning with terms.feature_matching.alone, which'
                        ' replaces the game of the generator: turn one of them off')  # fmt: skip
    return pair._replace(
        critic_terms={**own['critic'], **more['critic']},
        generator_terms={**own['generator'], **more['generator']},
        view=views.chain(pair.view, views.build(config, pair.spec, pair.qualify('augment'))),
        replay=replay.build(config, pair) or pair.replay,
    )


def _critic_loss(config: ml_collections.ConfigDict, pair: Pair, game: Term) -> Loss:
    now = {name: term for name, term in pair.critic_terms.items() if term.every == 1}
    features, slopes = (tuple(getattr(term, each) for term in now.values()) for each in ('features', 'slopes'))
    read = {'features': any(features), 'slopes': next((each for each in ('both', 'real') if each in slopes), '')}

    def loss(params: Params, state: TrainState, batch: Batch, keys: Keys) -> tuple[Array, Aux]:
        k_scene, k_flip, k_terms = random.split(keys, 3)
        scene, stats, _ = pair.scene(params, state, batch, k_scene, past=True, **read)
        aux = Aux({'real_score': scene.real_scores.mean(), 'fake_score': scene.fake_scores.mean()})
        played = scene
        if config.flip_targets is not None:
            flipped = losses.flip(k_flip[:: pair.pack], config.flip_targets, scene.real_scores, scene.fake_scores)
            played = scene._replace(real_scores=flipped[0], fake_scores=flipped[1])
        value, more = game.value(played, k_terms[:: pair.pack])
        value, more = add_terms(scene.average(value), more, now, scene, k_terms[:: pair.pack], game.weight)
        learned = Aux() if pair.view is None else pair.view.learn(state, scene.real_scores)
        return value, join(aux, more, Aux(stats={pair.qualify('critic'): stats}, memory=scene.memory), learned)

    return loss


def _generator_loss(config: ml_collections.ConfigDict, pair: Pair, game: Term) -> Loss:
    now = {name: term for name, term in pair.generator_terms.items() if term.every == 1}
    alone = any(term.alone for term in now.values())
    parts = [*now.values(), *(() if alone else (game,))]
    real, features = any(term.real for term in parts), any(term.features for term in parts)

    def loss(params: Params, state: TrainState, batch: Batch, keys: Keys) -> tuple[Array, Aux]:
        scene, _, stats = pair.scene(params, state, batch, keys, real=real, features=features)
        value, more = 0.0, Aux()
        if not alone:
            played = scene
            if config.top_k.share is not None:
                scores = losses.per_example(scene.fake_scores)
                best = losses.top_k(scores, config.top_k.share, state.step, config.top_k.until)
                played = scene._replace(weights=best if scene.weights is None else best * scene.weights)
            values, more = game.value(played, keys[:: pair.pack])
            value = played.average(values)
        value, more = add_terms(value, more, now, scene, keys[:: pair.pack], None if alone else game.weight)
        return value, join(more, Aux(stats=stats))

    return loss


def _lazy_loss(pair: Pair, role: str, name: str) -> Loss:
    """The loss of a lazy term, which is an update of its own."""
    term, past = _terms(pair, role)[name], role == 'critic'

    def loss(params: Params, state: TrainState, batch: Batch, keys: Keys) -> tuple[Array, Aux]:
        k_scene, k_term = random.split(keys, 2)
        scene, _, _ = pair.scene(params, state, batch, k_scene, past=past, features=term.features, slopes=term.slopes)
        value, aux = term.value(scene, k_term[:: pair.pack])
        return term.weight * term.every * scene.average(value), aux

    return loss


def add_terms(
    loss: Array, aux: Aux, now: Mapping[str, Term], scene: Scene, keys: Keys, weight: float | Array | None = 1.0
) -> tuple[Array, Aux]:
    """Adds weighted terms to a loss [], and merges their `Aux`. weight: of the loss; None: it is that of no game."""
    found = [aux, Aux({'game': loss} if now and weight is not None else {})]
    loss = loss if weight is None else weight * loss
    for name, term in now.items():
        value, more = term.value(scene, random.fold(keys, name))  # adding a term changes the draws of no other
        value = scene.average(value)
        loss += term.weight * value
        found += [Aux({name: value}), more]
    return loss, join(*found)


def join(*found: Aux) -> Aux:
    """Merges them, field by field; later ones win."""
    return Aux(*({key: x for part in parts for key, x in part.items()} for parts in zip(*found, strict=True)))


def _refuse_game(config: ml_collections.ConfigDict) -> None:
    """Raises UserError for options that only the games of gans/losses.py read."""
    default = defaults.get_config()
    options = [('game', config.game, default.game)]
    options += [(f'targets.{key}', value, default.targets[key]) for key, value in config.targets.items()]
    for key, value, usual in options:
        if not isinstance(value, jax.core.Tracer) and value != usual:
            raise UserError(f'{key}={value!r} has no meaning in system {config.system!r}, which has its own game: leave'
                            ' it off')  # fmt: skip


def refuse(config: ml_collections.ConfigDict, key: str, why: str) -> None:
    """Raises UserError if an option that this system cannot honor is on."""
    section, _, last = key.rpartition('.')
    value = (config[section] if section else config).get(last)
    if value not in (None, 1):
        raise UserError(f"{key}={value!r} has no meaning in system '{config.system}', where {why}: leave it off")


def repeat_rows(rows: Tree, columns: int) -> Tree:
    """Repeats each row `columns` times: leaves [N, ...] -> [N * columns, ...]."""
    return jax.tree.map(lambda x: jnp.repeat(x, columns, 0), rows)
