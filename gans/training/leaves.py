"""A pytree as a flat dict of numpy arrays by path (`params/generator/block_4/kernel`), and back, bit for bit."""

import json
import zlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from gans.core import Tree


def by_path(tree: Tree) -> dict[str, Any]:
    """The leaves of a tree, of arrays or of shapes, in its order."""
    paths, _ = jax.tree_util.tree_flatten_with_path(tree)
    leaves = {jax.tree_util.keystr(path, simple=True, separator='/'): leaf for path, leaf in paths}
    if len(leaves) < len(paths):
        raise ValueError('two leaves of the tree have the same path: is there a name with a slash in it?')
    return leaves


def to_numpy(leaf: Any) -> np.ndarray:
    """An array or scalar as a numpy array, without a copy where it lies on the host; a typed key as its data."""
    if _is_key(leaf):
        leaf = jax.random.key_data(leaf)
    return np.asarray(leaf, _dtype(leaf))


def from_numpy(data: np.ndarray, like: jax.ShapeDtypeStruct) -> Any:
    """The inverse of `to_numpy` for a leaf that looked like `like`: a numpy array, or a typed key."""
    if not _is_key(like):
        return data
    impls = []  # key_impl takes arrays and tracers, not a ShapeDtypeStruct
    jax.eval_shape(lambda key: impls.append(jax.random.key_impl(key)), like)
    return jax.random.wrap_key_data(data, impl=impls[0])


def describe(leaf: Any) -> str:
    """Type and shape of an array, scalar, key or ShapeDtypeStruct: 'float32[3,4]', 'key<fry>[]'."""
    return f'{_dtype(leaf)}[{",".join(map(str, np.shape(leaf)))}]'


def checksum(leaves: Mapping[str, np.ndarray]) -> int:
    """CRC-32 of the bytes of all arrays, in the order of their paths."""
    crc = 0
    for path in sorted(leaves):
        crc = zlib.crc32(np.ascontiguousarray(leaves[path]).reshape(-1).view(np.uint8), crc)
    return crc


def checksum_json(value: Any) -> int:
    """CRC-32 of a value that JSON holds; the same before it is written and after it was read."""
    value = json.loads(json.dumps(value))  # tuples become lists, integer keys strings
    return zlib.crc32(json.dumps(value, sort_keys=True).encode())


def count(tree: Tree) -> int:
    """Numbers in a tree of arrays or shapes."""
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def size_of(tree: Tree) -> int:
    """Bytes of a tree of arrays or shapes."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def _is_key(leaf: Any) -> bool:
    return hasattr(leaf, 'dtype') and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _dtype(leaf: Any) -> Any:
    return getattr(leaf, 'dtype', None) or jax.numpy.result_type(leaf)  # the scalar 1 is int32, as in jax
