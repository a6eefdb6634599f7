"""From a config to nets: `config.generator.net` names a file of this folder, the other keys are its arguments."""

import dataclasses
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

import gans.nets
from gans.core import Array, Compute, Keys, Net, Spec, Tree
from gans.errors import UserError, unknown
from gans.ops import labels
from gans.ops.layers import PRODUCT
from gans.ops.virtual import WithReferenceBatch
from gans.ranges import COUNT

HELPERS = ('build', 'recognition')  # files of this folder that are no family of nets


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and 0 < value <= COUNT


# What the options of nets may be annotated with: what that means, and whether a value is such.
KINDS: dict[Any, tuple[str, Callable[[Any], bool]]] = {
    int: (f'a whole number in [1, {COUNT}]', _is_count),
    tuple[int, ...]: (
        f'whole numbers in [1, {COUNT}], as (64, 64)',
        lambda v: isinstance(v, tuple) and all(map(_is_count, v)),
    ),
    float: ('a number', lambda v: isinstance(v, Real | Array) and not isinstance(v, bool)),
    bool: ('True or False', lambda v: isinstance(v, bool)),
    str: ('a name', lambda v: isinstance(v, str)),
    NoneType: ('None', lambda v: v is None),
}


def from_linen(module: nn.Module, *inputs: jax.ShapeDtypeStruct) -> Net:
    """Makes pure functions of a linen module, which hides `mutable=` and `rngs=`.

    With `compute.remat`, what a gradient needs and is no layer's product with its kernel (norms, activations, enlarged
    images) is not kept but computed again (Chen 2016, 1604.06174); no such product is, except in penalties. A
    checkpoint around each residual block keeps still less, but does nothing for nets without blocks.

    Args:
      module: `__call__(*inputs, train)`; all its non-trainable variables are statistics, except what it tells of itself
        in the collection 'features'. Where its class says `batchwise = False`, it treats each example of a batch
        alone (but for norms with statistics), so that real and fake examples may share a batch.
      inputs: shapes of the inputs, with a batch of any size.
    """

    def init(rng: Array) -> tuple[Tree, Tree]:
        variables = module.init(rng, *[jnp.zeros(x.shape, x.dtype) for x in inputs], train=True)
        return variables['params'], {k: value for k, value in variables.items() if k not in ('params', 'features')}

    def apply(
        params: Tree, stats: Tree, *inputs: Array, train: bool, rng: Array | None = None, features: bool = False
    ) -> tuple[Array | tuple[Array, Array], Tree]:
        rngs = None if rng is None else {'noise': rng}
        mutable = (list(stats) if train else []) + ['features'] * features
        out, changed = module.apply({'params': params, **stats}, *inputs, train=train, rngs=rngs, mutable=mutable)
        told = jax.tree.leaves(changed.pop('features', ()))
        if features and not told:
            raise UserError(f"the net '{type(module).__module__.rpartition('.')[2]}' tells no features: take another")
        return (out, told[0]) if features else out, {**stats, **changed}

    def apply_remat(params: Tree, stats: Tree, *inputs: Array, **how: Any) -> tuple[Array | tuple[Array, Array], Tree]:
        policy = jax.checkpoint_policies.save_only_these_names(PRODUCT)
        return jax.checkpoint(functools.partial(apply, **how), policy=policy)(params, stats, *inputs)

    batchwise = getattr(module, 'batchwise', True)
    return Net(init, apply_remat if module.compute.remat else apply, module, inputs, batchwise)


def generator(
    config: Mapping[str, Any],
    spec: Spec,
    latents: int,
    compute: Compute,
    draw: Callable[[Keys], Array] | None = None,
) -> Net:
    """The net latents [B, latents], and labels [B] if it is conditional -> examples [B, *spec.shape] that the config
    describes.

    Args:
      latents: how many numbers.
      draw: keys [B] -> latents, which only virtual batch norm wants.
    """
    config, condition, embedding = _split_condition(config, 'generator', spec, labels.GENERATOR)
    module = make_module('Generator', config, 'generator', shape=spec.shape, compute=compute)
    net = _make_net(module, condition, embedding, spec, jax.ShapeDtypeStruct((2, latents), jnp.float32))
    if config.get('norm') != 'virtual':
        return net
    if draw is None:
        raise UserError("generator.norm='virtual' is for the system gan and what is built on it: take another norm")
    return from_linen(WithReferenceBatch(net.module, draw, len(spec.classes)), *net.inputs)


def critic(config: Mapping[str, Any], spec: Spec, compute: Compute) -> Net:
    """The net examples [B, *spec.shape], and labels [B] if it is conditional -> scores [B] that the config has."""
    config, condition, embedding = _split_condition(config, 'critic', spec, labels.CRITIC)
    shape = labels.input_shape(spec.shape, condition, len(spec.classes) if embedding is None else embedding)
    module = make_module('Critic', config, 'critic', shape=shape, compute=compute)
    return _make_net(module, condition, embedding, spec, jax.ShapeDtypeStruct((2, *spec.shape), jnp.float32))


def autoencoder(config: Mapping[str, Any], spec: Spec, compute: Compute) -> Net:
    """The net examples [B, *spec.shape] -> reconstructions of that shape that the critic's config describes."""
    module = make_module('Autoencoder', config, 'critic', shape=spec.shape, compute=compute)
    return from_linen(module, jax.ShapeDtypeStruct((2, *spec.shape), jnp.float32))


def _split_condition(
    config: Mapping[str, Any], role: str, spec: Spec, known: tuple[str, ...]
) -> tuple[dict[str, Any], str | None, int | None]:
    """The net's own options, and apart from them how it is told labels: `condition` and `embedding`."""
    options = dict(config)
    condition, embedding = (options.pop(key, None) for key in ('condition', 'embedding'))
    if condition not in (None, *known):
        raise unknown(f'{role}.condition', condition, known)
    if condition and not spec.classes:
        raise UserError(f"{role}.condition='{condition}' wants labels, and this set has none: see data.name")
    if embedding is not None and condition not in ('concat', 'planes'):
        raise UserError(f'{role}.embedding={embedding} has no meaning with condition={condition}: leave it off')
    return options, condition, embedding


def _make_net(
    module: nn.Module, condition: str | None, embedding: int | None, spec: Spec, x: jax.ShapeDtypeStruct
) -> Net:
    """The pure functions of a net of x, or of x and labels."""
    if condition is None:
        return from_linen(module, x)
    if condition in ('norm', 'projection') and 'label' not in inspect.signature(type(module).__call__).parameters:
        net = type(module).__module__.rpartition('.')[2]
        raise UserError(f"condition='{condition}' cannot be had of the net '{net}': take 'concat', or another net")
    told = labels.Labeled(module, len(spec.classes), condition, embedding)
    return from_linen(told, x, jax.ShapeDtypeStruct((2,), jnp.int32))


def make_module(kind: str, config: Mapping[str, Any], role: str, **given: Any) -> nn.Module:
    options = dict(config)
    name = options.pop('net', None)
    known = [module.name for module in pkgutil.iter_modules(gans.nets.__path__) if module.name not in HELPERS]
    if name not in known:
        raise unknown(f'{role}.net', name, known)
    cls = getattr(importlib.import_module(f'gans.nets.{name}'), kind, None)
    if cls is None:
        raise UserError(f"{role}.net='{name}' has no {kind}; take another net")
    fields = {field.name: field.type for field in dataclasses.fields(cls)}
    known = [field for field in fields if field not in ('parent', 'name', *given)]
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    for key, value in options.items():
        if key not in known:
            raise unknown(f"key of {role} for the net '{name}'", key, known)
        kinds = [KINDS[kind] for kind in _alternatives(fields[key])]
        if not any(fits(value) for _, fits in kinds):
            wanted = ' or '.join(words for words, _ in kinds)
            raise UserError(f"{role}.{key}={value!r} does not fit: the net '{name}' wants {wanted} there")
    return cls(**given, **options)


def _alternatives(kind: Any) -> tuple:
    return kind.__args__ if isinstance(kind, UnionType) else (kind,)
