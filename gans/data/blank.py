"""What a run's folder remembers of its examples: enough to build its system again where they are not."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from gans.core import Array, Keys, Spec
from gans.data import feed
from gans.data.base import Source


def describe(source: Source) -> dict[str, Any]:
    """The spec of a set and what a batch of it looks like, as JSON values."""
    batch = {name: [list(x.shape[1:]), x.dtype.name] for name, x in feed.shapes(source, 1).items()}
    return {'spec': _describe(source.spec), 'batch': batch}


def blank(described: Mapping[str, Any]) -> Source:
    """A set that looks like the one that `describe` has described, whose examples are all zero."""

    batch = {name: (tuple(shape), jnp.dtype(dtype)) for name, (shape, dtype) in described['batch'].items()}

    def finish(raw: dict[str, Array], keys: Keys) -> dict[str, Array]:
        return {name: jnp.zeros((keys.shape[0], *shape), dtype) for name, (shape, dtype) in batch.items()}

    return Source(_spec(described['spec']), finish, absent='only what its examples look like is known')


def _describe(spec: Spec) -> dict[str, Any]:
    fields = {name: _describe(field) for name, field in spec.fields.items()}
    return {'shape': list(spec.shape), 'classes': list(spec.classes), 'kind': spec.kind, 'fields': fields}


def _spec(described: Mapping[str, Any]) -> Spec:
    fields = {name: _spec(field) for name, field in described['fields'].items()}
    return Spec(tuple(described['shape']), tuple(described['classes']), described['kind'], fields)
