"""Unpaired sets side by side: each part has its own size and its own order, and gives a field of every example."""

import zlib
from collections.abc import Mapping

import jax

from gans.core import Array, Batch
from gans.data.base import Source, digest
from gans.errors import UserError


def joined(**parts: Source) -> Source:
    """The set whose examples have one example of each part.

    A batch has the parts' names for fields: of a part 'a' what is 'real' there is 'a', its label 'a_label', its field
    'source' 'a_source'. There is no 'real': shape and kind of `spec` itself are those of the part whose name comes
    first in the alphabet, in whose order the parts are taken, for what asks how examples look in general.

    Args:
        parts: all held, or all streamed; drawn ones go with either.

    Raises:
        UserError: fewer than two parts; two fields of one name.
    """
    if len(parts) < 2:
        raise UserError(
            f"a joined set has at least two parts, not {len(parts)}: give data.a.name, data.b.name and so on"
        )
    parts = {name: parts[name] for name in sorted(parts)}
    if len({part.placement for part in parts.values()} - {'drawn'}) > 1:
        raise ValueError('of a joined set, all parts are held or all are streamed')
    fields, labels = {}, []
    for name, part in parts.items():
        own = {field_name(name, field): spec._replace(fields={}) for field, spec in part.fields.items()}
        labels += [field_name(name, 'label')] if part.spec.classes else []
        twice = (own.keys() | set(labels)) & fields.keys() | own.keys() & set(labels)
        if twice:
            raise UserError(f"of a joined set two fields would be called '{min(twice)}': give its parts other names")
        fields |= own
    sizes = [part.size for part in parts.values() if part.size is not None]
    digests = [[name, part.digest] for name, part in parts.items()]
    return Source(
        next(iter(fields.values()))._replace(classes=(), fields=fields),
        finish=None,
        size=max(sizes, default=None),
        digest=digest(digests) if any(known for _, known in digests) else None,
        parts=parts,
    )


def field_name(part: str, field: str) -> str:
    """What a part's field is called in the batch of the whole."""
    return part if field == 'real' else f'{part}_{field}'


def merge(batches: Mapping[str, Batch]) -> Batch:
    """The batch of the whole, from those of its parts."""
    return {field_name(part, field): array for part, batch in batches.items() for field, array in batch.items()}


def part_key(key: Array, part: str) -> Array:
    """The data key [] of a part: it knows nothing of the others, nor of how many there are."""
    return jax.random.fold_in(key, zlib.crc32(part.encode()))
