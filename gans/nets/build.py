"""From a config to nets: `config.generator.net` names a file of this folder, the other keys are its arguments."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

import gans.nets
from gans.core import Array, Compute, Net, Spec, Tree
from gans.errors import UserError, unknown


def from_linen(module: nn.Module, *inputs: jax.ShapeDtypeStruct) -> Net:
    """Makes pure functions of a linen module, which hides `mutable=` and `rngs=`.

    Args:
      module: `__call__(*inputs, train)`; all its non-trainable variables are statistics.
      inputs: shapes of the inputs, with a batch of any size.
    """

    def init(rng: Array) -> tuple[Tree, Tree]:
        variables = module.init(rng, *[jnp.zeros(x.shape, x.dtype) for x in inputs], train=True)
        return variables['params'], {name: value for name, value in variables.items() if name != 'params'}

    def apply(params: Tree, stats: Tree, *inputs: Array, train: bool, rng: Array | None = None) -> tuple[Array, Tree]:
        rngs = None if rng is None else {'noise': rng}
        variables = {'params': params, **stats}
        if not train:
            return module.apply(variables, *inputs, train=False, rngs=rngs, mutable=False), stats
        return module.apply(variables, *inputs, train=True, rngs=rngs, mutable=list(stats))

    return Net(init, apply, module, inputs)


def generator(config: Mapping[str, Any], spec: Spec, latents: int, compute: Compute) -> Net:
    """The net latents [B, latents] -> examples [B, *spec.shape] that the config describes."""
    module = _module('Generator', config, 'generator', shape=spec.shape, compute=compute)
    return from_linen(module, jax.ShapeDtypeStruct((2, latents), jnp.float32))


def critic(config: Mapping[str, Any], spec: Spec, compute: Compute) -> Net:
    """The net examples [B, *spec.shape] -> scores [B] that the config describes."""
    module = _module('Critic', config, 'critic', shape=spec.shape, compute=compute)
    return from_linen(module, jax.ShapeDtypeStruct((2, *spec.shape), jnp.float32))


def autoencoder(config: Mapping[str, Any], spec: Spec, compute: Compute) -> Net:
    """The net examples [B, *spec.shape] -> reconstructions of that shape that the critic's config describes."""
    module = _module('Autoencoder', config, 'critic', shape=spec.shape, compute=compute)
    return from_linen(module, jax.ShapeDtypeStruct((2, *spec.shape), jnp.float32))


def _module(kind: str, config: Mapping[str, Any], role: str, **given: Any) -> nn.Module:
    options = dict(config)
    name = options.pop('net')
    known = [module.name for module in pkgutil.iter_modules(gans.nets.__path__) if module.name != 'build']
    if name not in known:
        raise unknown(f'{role}.net', name, known)
    cls = getattr(importlib.import_module(f'gans.nets.{name}'), kind, None)
    if cls is None:
        raise UserError(f"{role}.net='{name}' has no {kind}; take another net")
    fields = [field.name for field in dataclasses.fields(cls) if field.name not in ('parent', 'name', *given)]
    for key in options:
        if key not in fields:
            raise unknown(f"key of {role} for the net '{name}'", key, fields)
    return cls(**given, **{key: tuple(v) if isinstance(v, list) else v for key, v in options.items()})
