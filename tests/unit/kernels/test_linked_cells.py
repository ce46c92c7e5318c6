"""What follows from sums of cells: blocks, published cells, sums over several lines."""

from __future__ import annotations

import numpy as np
import pytest

from tfp_index.kernels import disclosure as sdc
from tfp_index.kernels import linked_cells as linked


def table(rows: int, columns: int) -> list[linked.Line]:
    """Return the lines of a table with margins; its last row and column are totals."""
    ids = np.arange((rows + 1) * (columns + 1)).reshape(rows + 1, columns + 1)
    return [linked.Line(row[:-1], int(row[-1])) for half in (ids, ids.T) for row in half]


@pytest.mark.parametrize("seed", range(8))
def test_a_cell_published_later_leaves_what_is_open_when_it_never_was_unknown(seed: int) -> None:
    lines = table(5, 6)
    unknown = np.random.default_rng(seed).random(42) < 0.6
    for block in linked.open_blocks(unknown, lines):
        for cell in block.columns.tolist()[:4]:
            after = block.without(cell)
            fresh = unknown.copy()
            fresh[cell] = False
            open_ = np.full(42, -1.0)
            for other in linked.open_blocks(fresh, lines):
                open_[other.columns] = (other.Z**2).sum(axis=1)
            assert (after.Z**2).sum(axis=1) == pytest.approx(open_[after.columns], abs=1e-12)
            assert cell not in after.columns
            assert np.allclose(after.Z.T @ after.Z, np.eye(after.Z.shape[1]), rtol=0, atol=1e-12)


def test_blocks_share_no_cell_and_no_line() -> None:
    lines = [*table(2, 2), linked.Line(np.array([20, 21]), 22)]
    unknown = np.zeros(23, bool)
    unknown[[0, 1, 3, 4, 20, 21]] = True
    blocks = [block.columns.tolist() for block in linked.open_blocks(unknown, lines)]
    assert sorted(blocks) == [[0, 1, 3, 4], [20, 21]]
    assert linked.open_blocks(np.zeros(23, bool), lines) == []


def test_a_sum_of_four_cells_that_follows_from_two_lines_is_found() -> None:
    """A blank margin cancels between its own line and the line that it is a part of."""
    lines = [linked.Line(np.array([0, 1, 2]), 3), linked.Line(np.array([3, 4]), 5)]
    unknown = np.array([True, True, True, True, True, False])
    found = [union.tolist() for union in linked.derivable_unions(unknown, lines)]
    assert [3, 4] in found
    assert [0, 1, 2, 4] in found


def test_such_a_sum_is_protected() -> None:
    """Four cells of one enterprise each: they add up to fewer than five contributors."""
    lines = [
        sdc.Line(np.array([0, 1, 2, 6]), 3), sdc.Line(np.array([3, 4, 7]), 5),
    ]  # fmt: skip
    n = np.array([1.0, 1, 1, 43, 1, 84, 40, 40])
    cells = sdc.Contributions(n, n.copy(), np.ones((8, 2)))
    limits = sdc.Limits(5, None, None)
    primary = (n < 5)[None, :]
    pattern = sdc.suppress(primary, [cells], lines, limits)
    for union in sdc.derivable_unions(pattern, lines):
        assert not sdc.sensitive(sdc.combine(cells, union), limits)[0]
    assert pattern[:3].all()
    assert not pattern.all()


def test_a_total_without_parts_in_a_period_is_not_their_sum() -> None:
    """Levels and changes share a total; in the years of the levels no term of it exists."""
    lines = [sdc.Line(np.array([0, 1]), 2), sdc.Line(np.array([2, 3, 4]), 5)]
    some, top = np.array([9.0, 9, 18, 20, 20, 58]), np.ones((6, 2))
    change = sdc.Contributions(some, some, top)
    there = np.array([0.0, 0, 18, 20, 20, 58])
    level = sdc.Contributions(there, there, np.where(there[:, None] > 0, top, 0.0))
    primary = np.zeros((2, 6), bool)
    primary[:, 2] = True
    pattern = sdc.suppress(primary, [change, level], lines, sdc.Limits(5, None, None))
    assert pattern[2]
    assert pattern[3] != pattern[4]  # one more total hides it
    assert not pattern[5]


def test_what_is_worth_more_stays() -> None:
    n = np.array([2.0, 30, 40, 50, 122])
    cells = sdc.Contributions(n, n.copy(), np.ones((5, 2)))
    line = [sdc.Line(np.array([0, 1, 2, 3]), 4)]
    primary = (n < 5)[None, :]
    plain = sdc.suppress(primary, [cells], line, sdc.Limits(5, None, None))
    assert np.flatnonzero(plain).tolist() == [0, 1]
    worth = np.array([1.0, 9, 9, 2, 9])
    chosen = sdc.suppress(primary, [cells], line, sdc.Limits(5, None, None), worth)
    assert np.flatnonzero(chosen).tolist() == [0, 3]
