"""From a config to nets: `config.generator.net` names a file of this package, the other keys are its arguments."""

import dataclasses
import functools
import importlib
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gans import user_code
from gans.core import Array, Compute, Keys, Net, Spec, Tree
from gans.errors import UserError, unknown
from gans.nets._encoder import Encoder
from gans.ops import labels
from gans.ops.dropout import noise_shape
from gans.ops.layers import PRODUCT
from gans.ops.splitmix import cheap
from gans.ops.virtual import WithReferenceBatch
from gans.ranges import COUNT
from gans.signatures import files


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and 0 < value <= COUNT


# Annotations that options of nets may have: what they mean in words, and whether a value fits.
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
    """Makes pure functions of a linen module, and hides its `mutable=`.

    With `compute.remat`, only the layers' products with their kernels are saved for the backward pass; norms,
    activations and upsampled images are recomputed (Chen 2016, 1604.06174). Products are recomputed in penalties only.
    A checkpoint around each residual block would save less, but does nothing for nets without blocks.

    Args:
      module: `__call__(*inputs, train)`. Its non-trainable variables are statistics, except for what it sows into the
        collection 'features'. `batchwise = False` in its class promises that it processes each example independently
        (apart from norms with statistics), so that real and fake examples may share a batch.
      inputs: shapes of the inputs, for any batch size.
    """

    @jax.jit  # traced once: shapes of the state are asked for several times before a run begins
    def init(rng: Array) -> tuple[Tree, Tree]:
        variables = module.init(cheap(rng), *[jnp.zeros(x.shape, x.dtype) for x in inputs], train=True)
        return variables['params'], {k: value for k, value in variables.items() if k not in ('params', 'features')}

    def apply(
        params: Tree, stats: Tree, *inputs: Array, train: bool, features: bool = False
    ) -> tuple[Array | tuple[Array, Array], Tree]:
        mutable = (list(stats) if train else []) + ['features'] * features
        out, changed = module.apply({'params': params, **stats}, *inputs, train=train, mutable=mutable)
        sown = jax.tree.leaves(changed.pop('features', ()))
        if features and not sown:
            raise UserError(
                'this net does not expose the features that a term or a head asks for: set another critic.net'
            )
        return (out, sown[0]) if features else out, {**stats, **changed}

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
    told: tuple[jax.ShapeDtypeStruct, ...] = (),
) -> Net:
    """Builds the generator: (latents [B, latents], labels [B] if conditional, and told) -> examples [B, *spec.shape].

    Args:
      latents: dimension of the latent space.
      draw: keys [B] -> latents [B, latents]; needed for virtual batch norm only.
      told: what the net is told beside.
    """
    config, condition, embedding = _split_condition(config, 'generator', spec, labels.GENERATOR)
    module = make_module('Generator', config, 'generator', shape=spec.shape, compute=compute)
    z = jax.ShapeDtypeStruct((2, latents), jnp.float32)
    net = _make_net(config['net'], module, condition, embedding, spec, z, *told)
    if config.get('norm') != 'virtual':
        return net
    if draw is None:
        raise UserError(
            "generator.norm='virtual' works in system gan and systems built on it only: choose another norm"
        )
    return from_linen(WithReferenceBatch(net.module, draw, len(spec.classes)), *net.inputs)


def critic(config: Mapping[str, Any], spec: Spec, compute: Compute, told: tuple[jax.ShapeDtypeStruct, ...] = ()) -> Net:
    """Builds the critic: (examples [B, *spec.shape], labels [B] if conditional, and told) -> scores [B]."""
    config, condition, embedding = _split_condition(config, 'critic', spec, labels.CRITIC)
    shape = labels.input_shape(spec.shape, condition, len(spec.classes) if embedding is None else embedding)
    module = make_module('Critic', config, 'critic', shape=shape, compute=compute)
    x = jax.ShapeDtypeStruct((2, *spec.shape), jnp.float32)
    return _make_net(config['net'], module, condition, embedding, spec, x, *told)


def autoencoder(config: Mapping[str, Any], spec: Spec, compute: Compute) -> Net:
    """Builds a critic that is an autoencoder: examples [B, *spec.shape] -> reconstructions of the same shape."""
    module = make_module('Autoencoder', config, 'critic', shape=spec.shape, compute=compute)
    return from_linen(module, jax.ShapeDtypeStruct((2, *spec.shape), jnp.float32))


def encoder(source: Spec, features: int, width: int, compute: Compute) -> Net:
    """Builds an encoder of pictures: [B, *source.shape] -> [B, features]."""
    module = Encoder(shape=source.shape, compute=compute, features=features, width=width)
    return from_linen(module, jax.ShapeDtypeStruct((2, *source.shape), jnp.float32))


def translator(config: Mapping[str, Any], source: Spec, made: Spec, compute: Compute) -> Net:
    """Builds a generator that is given an image: (images [B, *source.shape], and noise uint32 [B, 2] if it has dropout)
    -> images [B, *made.shape].
    """
    module = make_module('Translator', config, 'generator', shape=made.shape, compute=compute)
    image = jax.ShapeDtypeStruct((2, *source.shape), jnp.float32)
    return from_linen(module, image, *((noise_shape(),) if getattr(module, 'noisy', False) else ()))


def _split_condition(
    config: Mapping[str, Any], role: str, spec: Spec, known: tuple[str, ...]
) -> tuple[dict[str, Any], str | None, int | None]:
    """The net's own options, and separately how labels enter it: `condition` and `embedding`."""
    options = dict(config)
    condition, embedding = (options.pop(key, None) for key in ('condition', 'embedding'))
    if condition not in (None, *known):
        raise unknown(f'{role}.condition', condition, known)
    if condition and not spec.classes:
        raise UserError(f"{role}.condition='{condition}' needs labels, and this data set has none: see data.name")
    if embedding is not None and condition not in ('concat', 'planes'):
        raise UserError(f'{role}.embedding={embedding} has no meaning with condition={condition}: leave it off')
    return options, condition, embedding


def _make_net(
    name: str,
    module: nn.Module,
    condition: str | None,
    embedding: int | None,
    spec: Spec,
    x: jax.ShapeDtypeStruct,
    *told: jax.ShapeDtypeStruct,
) -> Net:
    """The pure functions of a net of x, labels if it is conditional, and what it is told beside."""
    if condition is None:
        return from_linen(module, x, *told)
    if condition in labels.IN_NET and condition not in getattr(module, 'conditions', ()):
        raise UserError(f"condition='{condition}' is not supported by the net '{name}': set 'concat', or another net")
    labeled = labels.Labeled(module, len(spec.classes), condition, embedding)
    return from_linen(labeled, x, jax.ShapeDtypeStruct((2,), jnp.int32), *told)


def make_module(kind: str, config: Mapping[str, Any], role: str, **given: Any) -> nn.Module:
    """The linen module of class `kind` (Generator, Critic, ...) in the file that `config['net']` names, or of the class
    of the user's own that it names.

    Args:
      config: `net`, and fields of the class.
      role: the section of the config, for errors.
      given: fields that the config cannot set.
    """
    options = dict(config)
    name = options.pop('net', None)
    cls = _find(kind, name, f'{role}.net')
    fields = {field.name: field.type for field in dataclasses.fields(cls)}
    if not given.keys() <= fields.keys():
        lacks = ', '.join(key for key in given if key not in fields)
        raise UserError(f"{role}.net='{name}' has no fields {lacks}, which it is to be given: see gans/nets/mlp.py")
    known = [field for field in fields if field not in ('parent', 'name', *given)]
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    for key, value in options.items():
        if key not in known:
            raise unknown(f"key of {role} for the net '{name}'", key, known)
        kinds = [KINDS[kind] for kind in _alternatives(fields[key]) if kind in KINDS]
        if kinds and not any(fits(value) for _, fits in kinds):
            wanted = ' or '.join(words for words, _ in kinds)
            raise UserError(f"{role}.{key}={value!r} does not fit: the net '{name}' expects {wanted}")
    return cls(**given, **options)


def _find(kind: str, name: Any, key: str) -> type[nn.Module]:
    """The class `kind` of a file of this package, or the user's own class, 'FILE.py:NAME'."""
    if user_code.is_reference(name):
        return user_code.subclass(key, name, nn.Module)
    known = files('gans.nets')
    if name not in known:
        raise unknown(key, name, known)
    cls = getattr(importlib.import_module(f'gans.nets.{name}'), kind, None)
    if cls is None:
        raise UserError(f"{key}='{name}' has no {kind}; choose another net")
    return cls


def _alternatives(kind: Any) -> tuple:
    return kind.__args__ if isinstance(kind, UnionType) else (kind,)
