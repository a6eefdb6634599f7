"""The smallest experiment of every system, which ones are worth training, and what tests of systems share."""

import functools
import operator
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

import gans.dynamics
import gans.systems
from gans import config_file, defaults
from gans.configs import flatten, override
from gans.core import Compute, Net, System, TrainState, Tree
from gans.data import load
from gans.errors import UserError
from gans.step import init_state
from gans.systems.build import build
from gans.training.setup import Experiment, setup
from gans.training.stages import stages

EXPERIMENTS = Path(__file__).resolve().parent.parent / 'experiments'


def files(package: object) -> list[str]:
    """The names of a package's methods: its files without an underscore, but for `build`."""
    names = {path.stem for path in Path(package.__path__[0]).glob('[!_]*.py')}
    return sorted(names - {'build'})


SYSTEMS, DYNAMICS = files(gans.systems), files(gans.dynamics)


@functools.cache
def smokes() -> dict[str, ConfigDict]:
    """The smoke variants of all experiments, by name."""
    names = sorted(path.stem for path in EXPERIMENTS.glob('*.py') if path.stem != 'common')
    return {name: config_file.read(f'{EXPERIMENTS / name}.py:smoke') for name in names}


@functools.cache
def stretches() -> dict[str, ConfigDict]:
    """Each stage of each of them by itself: 'NAME', and 'NAME/STAGE' of later ones."""
    runs = {name: stages(config) for name, config in smokes().items()}
    return {f'{name}/{stage.name}'.strip('/'): stage.config for name, run in runs.items() for stage in run}


@functools.cache
def source_of(name: str) -> load.Source:
    return load.load(stretches()[name].data)


@functools.cache
def smallest(system: str) -> str:
    """The first stretch of a system by name, of those of experiments of one stage, of those whose generator is an MLP
    if there are some, and of those the smallest images that a key says.
    """
    of = stretches()
    names = [name for name, config in of.items() if config.system == system and not config.dynamics]
    assert names, f'no experiment has system={system!r}: a system comes with one'
    staged = lambda name: bool(smokes()[name.partition('/')[0]].stages)
    return min(names, key=lambda name: (staged(name), of[name].generator.net != 'mlp', of[name].data.get('size', 0)))


@functools.cache
def smoke(system: str) -> ConfigDict:
    """The smoke variant of that."""
    return stretches()[smallest(system)]


# Keys that choose data, scores and numbers, not what a step computes; and counts, of which one is none.
ASIDE = re.compile(
    r'(data|eval|latents|optimizer|ema|finetune|population)\..*|game|.*\.(activation|kernel_init|embedding|base|of)'
)
COUNTS = re.compile(r'pack|train\.(n_critic|micro|steps_per_call)|terms\..*\.every')


@functools.cache
def of_smokes() -> dict[str, set[str]]:
    """The ingredients of all experiments' smoke variants, by name: first MLPs, then small images, if keys say so."""

    def cost(name: str) -> tuple:
        keys = flatten(smokes()[name])
        sizes = [value for key, value in keys.items() if re.fullmatch(r'(stages\.\w+\.)?data\.(.*\.)?size', key)]
        return keys['generator.net'] != 'mlp', max(sizes, default=np.inf), name

    return {name: ingredients(smokes()[name]) for name in sorted(smokes(), key=cost)}


@functools.cache
def mechanism(system: str) -> tuple:
    """What a system has beside a generator and its critic that devices and members of a population could mix up."""
    made = build(smoke(system), source_of(smallest(system)).spec, Compute())
    looks_ahead = any(update.looks_ahead for update in made.updates)
    return len(made.players), len(made.updates), bool(made.memory), looks_ahead


# Nets, systems and their options: they have tests of their own.
OWN = re.compile(rf'(\w+\.)?(generator|critic)\..*|({"|".join(SYSTEMS)})\..*|system=.*')


@functools.cache
def structures() -> dict[str, set[str]]:
    """What the trainer could mix up in the systems of all experiments' smoke variants, by name, in the same order."""

    def of(config: ConfigDict) -> str:
        spec = source_of(smallest(config.system)).spec
        return f'{mechanism(config.system)}, {spec.kind or len(spec.shape)}, {sorted(spec.fields)}'

    return {name: {of(stage.config) for stage in stages(smokes()[name])} for name in of_smokes()}


def techniques(config: ConfigDict) -> set[str]:
    """The ingredients that go with any system and its nets."""
    return {each for each in ingredients(config) if not OWN.match(each)}


def ingredients(config: ConfigDict) -> set[str]:
    """What of the code a config runs: its systems, nets, terms, choices by name, and what is on in it."""
    found = {'stages'} if config.stages else set()
    for stage in stages(config):
        own = stage.config
        for key, value in flatten(own).items():
            section, name, *_ = *key.split('.'), ''
            key = f'schedules.{key.rpartition(".")[2]}' if section == 'schedules' else key  # their names are free
            on = isinstance(value, str | bool) or (COUNTS.fullmatch(key) and value > 1)
            if section == 'terms':
                found.add(f'terms.{name}')
            if not ASIDE.fullmatch(key) and value is not None and (on or key in off()):
                found.add(f'{key}={value}' if isinstance(value, str | bool) else key)
    return found


@functools.cache
def off() -> frozenset[str]:
    """What a config leaves out unless it is set."""
    return frozenset(key for key, value in flatten(defaults.get_config()).items() if value is None)


def cover(of: Mapping[Any, set[str]], known: Collection[str] = ()) -> list:
    """The names of few sets that together have everything that any has, but for what is known; of equals the first.
    None of them could be left out.
    """
    of = {name: each - set(known) for name, each in of.items()}
    left, found = set().union(*of.values()), []
    while left:
        found.append(max(of, key=lambda name: len(of[name] & left)))
        left -= of[found[-1]]
    for name in tuple(found):  # what those that were found later have all of
        others = [of[other] for other in found if other != name]
        if of[name] <= set().union(*others):
            found.remove(name)
    return sorted(found)


def tiny(system: str, **overrides: object) -> ConfigDict:
    """The config of `plain`, with these keys set."""
    return override(plain(system), overrides, 'of a test')


@functools.cache
def plain(system: str) -> ConfigDict:
    """That experiment with one step a call, plain descent, no lazy terms, and without norms and terms of its own that
    may be off: what examples of a batch share, and where rounding decides a step, is left out.
    """
    config = smoke(system)
    own = {f'{system}.{key}': None for key in config.get(system, {}) if f'{system}.{key}' in defaults.optional()}
    descent = {f'optimizer.{player}': defaults.sgd(1.0) for player in config.optimizer}
    every = {f'terms.{name}.every': 1 for name, term in config.terms.items() if 'every' in term}
    config = override(config, own | descent | every, 'of a test')
    if not builds(config):  # its critic is told what is off now
        config = override(config, {'critic.condition': None}, 'of a test')
    norms = {key for key in flatten(config) if key.rpartition('.')[2] == 'norm'} | {'generator.norm', 'critic.norm'}
    for key in sorted(norms):
        without = override(config, {key: 'none'}, 'of a test')
        config = without if builds(without) else config
    sizes = {'train.batch_size': 16, 'train.steps_per_call': 1, 'train.n_critic': 1}
    return override(config, sizes, 'of a test')


def builds(config: ConfigDict) -> bool:
    try:
        experiment(config)
    except UserError:
        return False
    return True


def experiment(config: ConfigDict, **how: object) -> Experiment:
    """Set up for one device, from the set that all tests share."""
    name = smallest(config.system)
    return setup(config, **({'devices': 1, 'source': source_of(name)} | how))


def first(system: System, seed: int = 0) -> TrainState:
    """The state at step 0, also where something is being traced: compiled beforehand, as one program."""
    return jax.jit(lambda seed: init_state(system, jax.random.key(seed))).lower(seed).compile()(seed)


def updates_of(system: System) -> tuple[str, ...]:
    return tuple(update.name for update in system.updates)


def with_statistics(experiment: Experiment) -> list[str]:
    """The nets that keep statistics: with those of batches, examples see each other."""
    return [name for name, stats in experiment.abstract().stats.items() if jax.tree.leaves(stats)]


def sees_the_batch(net: Net) -> bool:
    """Whether a net says that examples of a batch see each other in it; what is silent is held to the contract."""
    return getattr(getattr(net.module, 'net', net.module), 'batchwise', False)


def computed(step: Callable[..., tuple[TrainState, Tree]], state: TrainState, *args: Tree) -> dict[str, set[str]]:
    """What a step computes anew, traced: names of nets, players, memories and metrics by the field of a state, and
    'metrics'. The rest of a state is what it was, whatever the numbers are.
    """
    made = {}

    def call(*args: Tree) -> Tree:
        made['state'], made['metrics'] = step(*args)
        return made['state']

    jaxpr = jax.make_jaxpr(call)(state, *args).jaxpr
    same = jax.tree.unflatten(jax.tree.structure(made['state']), list(map(operator.is_, jaxpr.outvars, jaxpr.invars)))
    parts = {field: getattr(same, field).items() for field in ('params', 'stats', 'opt', 'memory')}
    anew = {field: {name for name, part in items if not jax.tree.all(part)} for field, items in parts.items()}
    return anew | {'metrics': set(made['metrics'])}


def assert_close(ours: Tree, theirs: Tree, rtol: float = 1e-4, atol: float = 1e-6) -> None:
    """Trees of arrays, but for the keys in them. atol: of arrays whose largest number is 1, or less."""
    paths = dict(jax.tree.leaves_with_path(theirs))
    assert paths.keys() == dict(jax.tree.leaves_with_path(ours)).keys()
    for path, leaf in jax.tree.leaves_with_path(ours):
        if not jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            scale = max(1.0, float(np.abs(paths[path]).max(initial=0)))
            np.testing.assert_allclose(leaf, paths[path], rtol, scale * atol, err_msg=jax.tree_util.keystr(path))


def changed(after: Tree, before: Tree) -> set[str]:
    """The keys under which two dicts of trees differ in a bit."""
    same = lambda a, b: jax.tree.all(jax.tree.map(lambda a, b: np.array_equal(a, b), a, b))
    return {name for name in before if not same(after[name], before[name])}
