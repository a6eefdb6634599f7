"""Batches as functions of (seed, step): starting at any step, on any number of devices, gives the same examples.

All examples of a run are numbered by one global counter. A position of the counter says which example of the set comes
there (`shuffle`: each epoch is a new permutation) and which key finishes it. Nothing is remembered between steps.
Each part of a joined set goes by the same counter, with a permutation and keys of its own.
"""

import math
from collections.abc import Callable, Iterator
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from gans import memory
from gans.core import SAMPLES, Array, Batch, Tree
from gans.data.base import Source, stored_shapes
from gans.data.joined import merge, part_key
from gans.errors import UserError
from gans.ops.random import example_keys

ROUNDS = 6  # of the permutation: with 3 neighbors correlate, with 6 all statistics are those of chance
EXAMPLES = 2**32  # limit of the global counter: steps x repeats x batch may not exceed it


def positions(
    step: Array | int,
    repeats: int,
    batch: int,
    offset: Array | int = 0,
    local: int | None = None,
    origin: int = 0,
) -> Array:
    """The places of a step's examples in the global counter, uint32 [repeats, local].

    Place (r, j) is origin + (step * repeats + r) * batch + offset + j: `batch` examples are taken at a time over all
    devices, of which this device takes `local` (default: all) from `offset` on; `origin` is where the counter stands at
    step 0, see `origin_of`. The counter wraps at 2^32 examples.

    Computed by numpy where step and offset are Python's integers, by JAX otherwise.
    """
    step, offset = (np.uint32(n) if isinstance(n, int) else n.astype(np.uint32) for n in (step, offset))
    row = np.arange(repeats, dtype=np.uint32)[:, None]
    place = np.arange(batch if local is None else local, dtype=np.uint32) + np.uint32(origin)
    return (step * np.uint32(repeats) + row) * np.uint32(batch) + offset + place


def origin_of(begin: int, seen: int, repeats: int, batch: int) -> int:
    """Where the counter would have stood at step 0, if `seen` examples have come by step `begin` and each step from
    there on takes `repeats` * `batch`: so the stages of a run, whose batches differ, number their examples on.
    """
    return (seen - begin * repeats * batch) % EXAMPLES


def shuffle(places: Array, size: int, seed: Array) -> Array:
    """Which of `size` examples comes at each place of the counter: uint32 of the same shape, in [0, size).

    Epoch e, the places from e * size to (e + 1) * size - 1, visits each example exactly once, in an order given by
    (seed, e). No table is made: a keyed bijection of the next power of two, built from steps that can each be undone
    (odd multiplication, addition, xor-shift), is repeated from where it leaves [0, size) until it is back inside.

    Args:
        places: uint32, any shape; a numpy array is computed on the host, by the same integers.
        size: examples in the set, below 2^31.
        seed: uint32 [2], see `shuffle_seed`.
    """
    bits = max((size - 1).bit_length(), 1)
    mask, shift = np.uint32(2**bits - 1), np.uint32((bits + 1) // 2)
    epoch = _scramble(_scramble(places // np.uint32(size) ^ seed[0]) ^ seed[1])
    factors = [_scramble(epoch + np.uint32(2 * n)) | np.uint32(1) for n in range(ROUNDS)]
    addends = [_scramble(epoch + np.uint32(2 * n + 1)) for n in range(ROUNDS)]

    def permuted(x: Array) -> Array:
        for factor, addend in zip(factors, addends, strict=True):
            x = x * factor + addend & mask
            x = x ^ x >> shift
        return x

    x = permuted(places % np.uint32(size))
    if isinstance(places, np.ndarray):
        while (x >= size).any():
            x = np.where(x < size, x, permuted(x))
        return x
    return jax.lax.while_loop(lambda x: (x >= size).any(), lambda x: jnp.where(x < size, x, permuted(x)), x)


def _scramble(x: Array) -> Array:
    """A uint32 whose every bit depends on every bit of the given one (the finaliser of MurmurHash3)."""
    x = (x ^ x >> np.uint32(16)) * np.uint32(0x85EBCA6B)
    x = (x ^ x >> np.uint32(13)) * np.uint32(0xC2B2AE35)
    return x ^ x >> np.uint32(16)


def shuffle_seed(key: Array) -> Array:
    """The seed of the order of examples, uint32 [2], from the data key []."""
    return jax.random.bits(jax.random.fold_in(key, 0), (2,), jnp.uint32)


def fixed_key() -> Array:
    """The key of the examples that scores and pictures look at: the same for all seeds."""
    return jax.random.fold_in(jax.random.key(0), SAMPLES)


def held_arrays(source: Source) -> Tree:
    """What `fetch` takes as `raw` of a set that is not streamed, on the host: the same for all steps."""
    return {name: held_arrays(part) for name, part in source.parts.items()} if source.parts else source.arrays or {}


def abstract(source: Source, repeats: int, local: int) -> Tree:
    """Shapes and types of what `fetch` takes as `raw`."""
    if source.parts:
        return {name: abstract(part, repeats, local) for name, part in source.parts.items()}
    lead = (repeats, local) if source.placement == 'streamed' else (source.size,)
    return {name: jax.ShapeDtypeStruct((*lead, *one.shape), one.dtype) for name, one in stored_shapes(source).items()}


def shapes(source: Source, num: int) -> dict[str, jax.ShapeDtypeStruct]:
    """What a batch of `num` examples looks like."""
    if source.parts:
        return merge({name: shapes(part, num) for name, part in source.parts.items()})
    raw = {name: jax.ShapeDtypeStruct((num, *one.shape), one.dtype) for name, one in stored_shapes(source).items()}
    places = jax.ShapeDtypeStruct((num,), np.uint32)
    return jax.eval_shape(_finisher(source), raw, fixed_key(), places)


def fetch(
    source: Source,
    raw: Tree,
    key: Array,
    step: Array | int,
    *,
    repeats: int,
    batch: int,
    offset: Array | int = 0,
    local: int | None = None,
    origin: int = 0,
) -> Batch:
    """A step's batch, leaves [repeats, local, ...]: all fields of the set, 'label' int32 if it has labels.

    To be called in the compiled step; step, key and offset may be traced and mapped.

    Args:
        source: the set.
        raw: of a streamed set, this step's item of `stream`; of others what `held_arrays` gives, on the device.
        key: typed key [] made of the data seed; the same for all steps and devices.
        step, repeats, batch, offset, local, origin: see `positions`.
    """
    if source.parts:
        size = {'repeats': repeats, 'batch': batch, 'offset': offset, 'local': local, 'origin': origin}
        each = lambda name, part: fetch(part, raw[name], part_key(key, name), step, **size)
        return merge({name: each(name, part) for name, part in source.parts.items()})
    places = positions(step, repeats, batch, offset, local, origin)  # [repeats, local]
    lead, places = places.shape, jnp.ravel(places)
    if source.arrays is not None:
        index = shuffle(places, source.size, shuffle_seed(key))
        raw = {name: jnp.asarray(array).at[index].get(mode='promise_in_bounds') for name, array in raw.items()}
    else:
        raw = {name: array.reshape(-1, *array.shape[2:]) for name, array in raw.items()}
    finished = source.finish(raw, example_keys(jax.random.fold_in(key, 1), places))
    if source.augment is not None:
        finished = source.augment(finished, example_keys(jax.random.fold_in(key, 2), places))
    if source.derive is not None:
        finished = source.derive(finished)
    return {name: array.reshape(*lead, *array.shape[1:]) for name, array in finished.items()}


def stream(
    source: Source,
    key: Array,
    start: int,
    stop: int,
    *,
    repeats: int,
    batch: int,
    offset: int = 0,
    local: int | None = None,
    origin: int = 0,
    threads: int = 4,
    prefetch: int = 4,
) -> Iterator[Tree]:
    """The raw examples of steps start, ..., stop - 1 of a streamed set, read ahead of time by Grain.

    Yields, for each step, what `fetch` wants as `raw`: leaves [repeats, local, ...]. The same examples come as from the
    set held on the device.

    Args:
        key, repeats, batch, offset, local, origin: as of `fetch`.
        threads: that read steps side by side; 0 reads in the caller's thread when it asks.
        prefetch: steps read ahead.
    """
    check_reading(source)
    import grain

    read = _reader(source, key)
    ahead = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=prefetch if threads else 0)
    steps = grain.MapDataset.range(start, stop)
    return iter(
        steps.map(lambda step: read(positions(int(step), repeats, batch, offset, local, origin))).to_iter_dataset(ahead)
    )


def check_reading(source: Source) -> None:
    """Raises UserError unless what reads a set ahead is there, where it is needed."""
    if source.placement != 'streamed':
        return
    try:
        import grain  # noqa: F401
    except ImportError:
        raise UserError(
            "a set that is streamed from the host is read by Grain, which is not here: `pip install -e '.[grain]'`, or "
            'raise data.on_device_max_mb so that it lies on the device'
        ) from None


def _reader(source: Source, key: Array) -> Callable[[np.ndarray], Tree]:
    """Makes read(places [repeats, local]) -> raw examples, leaves [repeats, local, ...]; of a drawn set none."""
    if source.parts:
        parts = {name: _reader(part, part_key(key, name)) for name, part in source.parts.items()}
        return lambda places: {name: read(places) for name, read in parts.items()}
    if source.read is None:
        return lambda places: {}
    seed = np.asarray(shuffle_seed(key))

    def read(places: np.ndarray) -> Tree:
        raw = source.read(shuffle(places, source.size, seed).ravel())
        return {name: array.reshape(*places.shape, *array.shape[1:]) for name, array in raw.items()}

    return read


def examples(source: Source, num: int, key: Array) -> dict[str, np.ndarray]:
    """`num` real examples for metrics and pictures, finished but not augmented: numpy leaves [num, ...].

    The same for the same key. The first `size` are distinct; beyond, the set comes again in another order.
    """
    needed = 4 * num * sum(math.prod(spec.shape) for spec in source.fields.values())
    memory.check(needed, f'to hold {num:,} real examples', 'eval.samples or --num', on_host=True)
    found = list(chunks(source, num, key))
    return {name: np.concatenate([some[name] for some in found]) for name in found[0]}


def chunks(source: Source, num: int, key: Array) -> Iterator[dict[str, np.ndarray]]:
    """What `examples` gives, a thousand or so at a time."""
    if source.parts:
        parts = {name: chunks(part, num, part_key(key, name)) for name, part in source.parts.items()}
        yield from (merge(dict(zip(parts, found, strict=True))) for found in zip(*parts.values(), strict=True))
        return
    seed, finish = np.asarray(shuffle_seed(key)), _finisher(source)
    chunk = min(num, 1024)
    for start in range(0, num, chunk):  # all of one shape, so that one program is compiled
        places, raw = np.arange(start, start + chunk, dtype=np.uint32), {}
        if source.size is not None:
            index = shuffle(places, source.size, seed)
            arrays = source.arrays
            raw = source.read(index) if arrays is None else {name: array[index] for name, array in arrays.items()}
        finished = jax.device_get(finish(raw, key, places))
        yield {name: array[: num - start] for name, array in finished.items()}


def _finisher(source: Source) -> Callable:
    return _compiled_finisher(source.finish, source.center, source.derive)


@cache
def _compiled_finisher(finish: Callable, center: Callable | None, derive: Callable | None) -> Callable:
    """Compiled once for all keys that ask a set for examples."""

    @jax.jit
    def finished(raw: dict[str, Array], key: Array, places: Array) -> Batch:
        batch = finish(raw, example_keys(jax.random.fold_in(key, 1), places))
        for then in (center, derive):
            batch = batch if then is None else then(batch)
        return batch

    return finished
