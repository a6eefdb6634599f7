"""PyTorch's peers of the StyleGANs compute what ours do, as benchmarks time them: with first and second derivatives."""

import functools

import pytest

pytest.importorskip('torch')

from benchmarks import stylegans

pytestmark = pytest.mark.usefixtures('one_thread')

both = functools.cache(lambda net: stylegans.Both(net, 8, 8, 8))


@pytest.mark.parametrize(
    ('net', 'phase'), [*(('stylegan2', phase) for phase in stylegans.OWNED), ('stylegan', 'critic'), ('stylegan', 'r1')]
)
def test_losses_and_gradients(net: str, phase: str) -> None:
    """With the deviation of two groups of four, through which R1 couples examples."""
    found = stylegans.compare(both(net), phase)
    assert all(value < 1e-3 for value in found.values()), found
