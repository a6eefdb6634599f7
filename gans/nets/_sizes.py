"""Sides of what nets make block by block."""

from gans.errors import UserError


def doublings(net: str, base: int, size: int, unit: str = 'pixels') -> list[int]:
    """[base, 2 base, ..., size], two or more. Raises UserError where size is not base times 2, 4, 8, ..."""
    sides = [base]
    while sides[-1] < size:
        sides.append(2 * sides[-1])
    if sides[-1] != size or len(sides) < 2:
        raise UserError(
            f"net '{net}' with base={base} does not support {size} {unit}: data.size must be base times a power of two"
        )
    return sides
