"""The order of a sweep's rows, and how sure it is."""

from pathlib import Path

import numpy as np
import pytest
from sweeping import write_losses

from gans.sweep import html, ranking
from gans.sweep.results import read
from gans.sweep.table import Column, table


def test_rows_that_no_seeds_overlap_have_one_rank_each() -> None:
    groups = [np.array(values) for values in ([3.0, 3.1], [1.0, 1.2, 1.1], [9.0, 8.0])]
    assert ranking.ranks(groups, lower=True).tolist() == [[2, 2, 2], [1, 1, 1], [3, 3, 3]]
    assert ranking.ranks(groups, lower=False).tolist() == [[2, 2, 2], [3, 3, 3], [1, 1, 1]]


def test_equal_rows_share_a_rank() -> None:
    groups = [np.array(values) for values in ([8.0, 8.0], [8.0, 8.0], [5.0, 5.0])]
    assert ranking.ranks(groups, lower=False).tolist() == [[1, 1, 1], [1, 1, 1], [3, 3, 3]]


@pytest.mark.parametrize('far, share', [(0.0, 0.5), (1.2, 1 - 0.045)])
def test_a_rank_is_as_sure_as_the_seeds(far: float, share: float) -> None:
    """Of two rows the first is ahead in about Phi(far / deviation of the difference of the means) of the draws."""
    rng = np.random.default_rng(0)
    draw = lambda mean: (x := rng.normal(size=8), mean + (x - x.mean()) / x.std())[1]  # deviation 1, of the mean 8^-.5
    first, other = draw(0.0), draw(far)
    low, high = ranking.ranks([first, other], lower=True)[0, 1:]
    assert (low, high) == ((1, 2) if share < ranking.LEVEL + (1 - ranking.LEVEL) / 2 else (1, 1))


def test_the_best_of_each_line_of_a_grid(tmp_path: Path) -> None:
    """Rows 2 and 3 of each game, r1 and gp, have an eighth of the others' distance."""
    folder = write_losses(
        tmp_path / 'losses', ['minimax', 'hinge'], ['none', 'sn', 'r1', 'gp', 'r2', 'clip'], picture=0
    )
    sweeps = read([folder])
    whole = table(sweeps)
    column = Column('eval/sliced_wasserstein', 'final')
    ranked = ranking.ranking(whole, column)
    assert {rank.row.name.partition('+')[2] for rank in ranked[:3]} == {'r1', 'gp'} and ranked[0].place == 1
    assert all(rank.low <= rank.place <= rank.high for rank in ranked) and ranked[0].high <= 4
    best = ranking.best_of_lines(whole.grid, whole.grid.pages[0], ranked)
    assert {line for line, _, _ in best[:2]} == {'r1', 'gp'} and {head for _, head, _ in best} <= {'minimax', 'hinge'}
    assert [rank.place for _, _, rank in best] == sorted(min(
        rank.place for rank in ranked if rank.row.name.endswith(f'+{line}')) for line, _, _ in best)  # fmt: skip
    page = html.html(sweeps, whole)
    assert '<h3>Ranking</h3>' in page and f'<td class="text">{ranked[0].row.name}</td>' in page


def test_one_seed_ranks_nothing(tmp_path: Path) -> None:
    whole = table(read([write_losses(tmp_path / 'losses', ['minimax', 'hinge'], ['none', 'r1'], 1, picture=0)]))
    assert not ranking.ranking(whole, Column('eval/sliced_wasserstein', 'final'))
