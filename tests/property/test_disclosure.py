"""Nobody gets a suppressed cell, or a sum that may not be published, by subtraction."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.profiles import examples
from tfp_index.kernels import disclosure as sdc

LIMITS = sdc.Limits(min_count=5, dominance=(2, 85.0), p_percent=10.0)
SHAPES = [(3, 3), (4, 3), (2, 2), (5, 4), (2, 2, 2)]
tables = st.tuples(st.integers(0, 2**32 - 1), st.sampled_from(SHAPES), st.integers(1, 3))


def make(seed, shape, periods):
    """Firms in a table with all its margins, some cells nearly empty, in several periods."""
    rng = np.random.default_rng(seed)
    full = tuple(s + 1 for s in shape)
    ids = np.arange(np.prod(full)).reshape(full)
    lines = [
        sdc.Line(row[:-1].copy(), int(row[-1]))
        for axis in range(len(shape))
        for row in np.moveaxis(ids, axis, -1).reshape(-1, full[axis])
    ]
    tables = []
    for _ in range(periods):
        few = rng.random(shape) < 0.3
        n = np.where(few, rng.integers(0, 4, shape), rng.integers(3, 15, shape)).ravel()
        place = np.unravel_index(np.repeat(np.arange(n.size), n), shape)
        weight = np.exp(1.5 * rng.normal(size=place[0].size))
        rows = [
            ids[tuple(np.full_like(p, s) if m else p for p, s, m in zip(place, shape, mask,
                                                                        strict=True))]
            for mask in itertools.product([False, True], repeat=len(shape))
        ]  # fmt: skip
        weights = np.tile(weight, len(rows))
        tables.append(sdc.contributions(weights, np.concatenate(rows), ids.size))
    return lines, tables


def protect(lines, tables):
    primary = np.array([sdc.sensitive(table, LIMITS) > 0 for table in tables])
    return primary, sdc.suppress(primary, tables, lines, LIMITS)


def exact_rank(rows):
    """Rank in rational arithmetic, so that the attack shares no tolerance with the defence."""
    rows = [[Fraction(int(x)) for x in row] for row in rows]
    rank = 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((r for r in range(rank, len(rows)) if rows[r][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        for r in range(rank + 1, len(rows)):
            factor = rows[r][column] / rows[rank][column]
            if factor:
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[rank], strict=True)]
        rank += 1
    return rank


def equations(unknown, lines):
    place = {cell: i for i, cell in enumerate(unknown)}
    rows = []
    for line in lines:
        row = [0] * len(unknown)
        for cell in line.parts.tolist():
            if cell in place:
                row[place[cell]] = 1
        if line.total in place:
            row[place[line.total]] -= 1
        if any(row):
            rows.append(row)
    return rows


@given(tables)
@settings(max_examples=examples(40))
def test_attack_by_differencing_over_groups_recovers_no_cell(table):
    lines, years = make(*table)
    _, pattern = protect(lines, years)
    for year in years:
        # the attacker knows every published cell and which cells have no firm
        unknown = np.flatnonzero(pattern & (year.n > 0)).tolist()
        rows = equations(unknown, lines)
        rank = exact_rank(rows)
        for i in range(len(unknown)):
            unit = [int(i == j) for j in range(len(unknown))]
            assert exact_rank([*rows, unit]) == rank + 1, (unknown[i], "follows from the rest")


@pytest.mark.slow
def test_attack_on_three_hundred_tables_recovers_no_cell():
    for seed in range(300):
        lines, years = make(seed, SHAPES[seed % len(SHAPES)], 1 + seed % 3)
        _, pattern = protect(lines, years)
        for year in years:
            unknown = np.flatnonzero(pattern & (year.n > 0)).tolist()
            rows = equations(unknown, lines)
            rank = exact_rank(rows)
            for i in range(len(unknown)):
                unit = [int(i == j) for j in range(len(unknown))]
                assert exact_rank([*rows, unit]) == rank + 1, (seed, unknown[i])


@given(tables)
@settings(max_examples=examples(40))
def test_attack_by_differencing_over_years_finds_the_same_blanks_in_each(table):
    lines, years = make(*table)
    primary, pattern = protect(lines, years)
    assert (pattern >= primary.any(axis=0)).all()  # one pattern for all years


@example(table=(69, (2, 2), 1))  # nothing is suppressed
@given(tables)
@settings(max_examples=examples(20))
def test_no_derivable_sum_of_few_cells_breaks_the_primary_rules(table):
    lines, years = make(*table)
    primary, pattern = protect(lines, years)
    for year, sensitive in zip(years, primary, strict=True):
        unknown = np.flatnonzero(pattern & (year.n > 0))
        assert set(np.flatnonzero(sensitive & (year.n > 0))) <= set(unknown)
        rows = equations(unknown.tolist(), lines)
        if not rows:
            assert not unknown.size  # a suppressed cell is part of some total
            continue
        A = np.array(rows, float)
        _, singular, basis = np.linalg.svd(A, full_matrices=False)
        basis = basis[singular > 1e-9]
        for size in (2, 3):
            for members in itertools.combinations(range(unknown.shape[0]), size):
                v = np.zeros(unknown.shape[0])
                v[list(members)] = 1.0
                if np.linalg.norm(v - basis.T @ (basis @ v)) < 1e-8:
                    union = sdc.combine(year, unknown[list(members)])
                    assert sdc.sensitive(union, LIMITS)[0] == 0


@given(tables)
@settings(max_examples=examples(40))
def test_no_line_has_exactly_one_blank_part_and_its_sum_of_blanks_may_be_known(table):
    lines, years = make(*table)
    _, pattern = protect(lines, years)
    for year in years:
        blank = pattern & (year.n > 0)
        for line in lines:
            parts = line.parts[blank[line.parts]]
            if blank[line.total] or not parts.size:
                continue
            assert parts.size > 1
            assert sdc.sensitive(sdc.combine(year, parts), LIMITS)[0] == 0


@given(tables)
@settings(max_examples=examples(30))
def test_leverage_agrees_with_exact_ranks_on_any_pattern(table):
    lines, years = make(*table)
    unknown = np.random.default_rng(table[0]).random(years[0].n.shape[0]) < 0.4
    cells = np.flatnonzero(unknown).tolist()
    rows = equations(cells, lines)
    rank = exact_rank(rows)
    ours = sdc.identified(unknown, lines)
    for i, cell in enumerate(cells):
        unit = [int(i == j) for j in range(len(cells))]
        assert ours[cell] == (exact_rank([*rows, unit]) == rank)
    assert not ours[~unknown].any()


def test_without_secondary_suppression_the_attack_succeeds():
    """The attack of these tests is a real one: primary suppression alone does not stop it."""
    broken = 0
    for seed in range(20):
        lines, years = make(seed, (4, 3), 1)
        primary, _ = protect(lines, years)
        unknown = np.flatnonzero(primary[0] & (years[0].n > 0)).tolist()
        rows = equations(unknown, lines)
        rank = exact_rank(rows)
        for i in range(len(unknown)):
            unit = [int(i == j) for j in range(len(unknown))]
            broken += exact_rank([*rows, unit]) == rank
    assert broken > 5


@given(tables)
@settings(max_examples=examples(10))
def test_bounds_by_linear_programming_hold_the_value_and_are_not_points(table):
    lines, years = make(*table)
    _, pattern = protect(lines, years)
    year = years[0]
    unknown = pattern & (year.n > 0)
    low, high = sdc.feasible_ranges(year.total, unknown, lines)
    slack = 1e-6 * year.total.max(initial=1.0)
    assert (low <= year.total + slack).all()
    assert (high >= year.total - slack).all()
    positive = unknown & (year.total > 0)
    assert (high[positive] - low[positive] > 0).all()
    assert np.array_equal(low[~unknown], year.total[~unknown])


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_contributions_equal_a_loop_over_units(seed, k):
    rng = np.random.default_rng(seed)
    n = 40
    weight, cell = rng.integers(0, 6, n).astype(float), rng.integers(-1, 4, n)
    unit = rng.integers(0, 15, n)
    for units in (None, unit):
        found = sdc.contributions(weight, cell, 4, k=k, unit=units)
        for c in range(4):
            mine = cell == c
            if units is None:
                parts = weight[mine]
            else:
                parts = np.array([weight[mine & (unit == u)].sum() for u in set(unit[mine])])
            parts = np.sort(parts)[::-1]
            assert found.n[c] == parts.size
            assert found.total[c] == pytest.approx(parts.sum())
            assert found.largest[c] == pytest.approx(np.pad(parts[:k], (0, k))[:k])


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_contributions_of_runs_equal_those_of_cells(seed, k):
    rng = np.random.default_rng(seed)
    cell = np.sort(rng.integers(0, 5, 30))
    offsets = np.searchsorted(cell, np.arange(6))
    for weight in (rng.random(30), None):
        ours = sdc.contributions_of_runs(weight, offsets, k)
        given_weight = np.ones(30) if weight is None else weight
        theirs = sdc.contributions(given_weight, cell, 5, k=k)
        assert ours.n.tolist() == theirs.n.tolist()
        assert ours.total == pytest.approx(theirs.total)
        assert ours.largest == pytest.approx(theirs.largest)


@given(st.integers(0, 2**32 - 1))
def test_merged_groups_are_safe_in_every_period_and_never_alone(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 30, 6)
    group = np.repeat(np.arange(6), 2 * sizes)
    period = np.concatenate([np.tile([0, 1], s) for s in sizes])
    weight = np.exp(rng.normal(size=group.size))
    merged = sdc.merge_small_groups(weight, group, 6, period, 2, LIMITS)
    alone = sdc.contributions(weight, group * 2 + period, 12)
    unsafe = (sdc.sensitive(alone, LIMITS) > 0).reshape(6, 2).any(axis=1)
    assert (merged >= unsafe).all()
    assert merged.sum() != 1
    if merged.any() and not merged.all():
        together = np.where(merged[group], period, -1)
        assert not sdc.sensitive(sdc.contributions(weight, together, 2), LIMITS).any()
    if not unsafe.any():
        assert not merged.any()


def test_empty_cells_are_empty_and_not_unsafe():
    cells = sdc.Contributions(np.zeros(1), np.zeros(1), np.zeros((1, 2)))
    assert sdc.sensitive(cells, LIMITS).tolist() == [0]


@pytest.mark.parametrize(
    ("values", "limits", "bits"),
    [
        ([1.0] * 4, sdc.Limits(5, None, None), sdc.RULE_COUNT),
        ([1.0] * 5, sdc.Limits(5, None, None), 0),
        ([75.0, 25.0], sdc.Limits(None, (1, 75), None), 0),  # exactly k % is not above it
        ([75.1, 24.9], sdc.Limits(None, (1, 75), None), sdc.RULE_DOMINANCE),
        ([100.0, 50.0, 10.0], sdc.Limits(None, None, 10), 0),  # the rest is exactly p %
        ([100.0, 50.0, 9.9], sdc.Limits(None, None, 10), sdc.RULE_P_PERCENT),
        ([100.0, 50.0, 19.9], sdc.Limits(None, None, None, (10, 50)), sdc.RULE_PQ),
        ([100.0, 50.0, 20.1], sdc.Limits(None, None, None, (10, 50)), 0),
    ],
)
def test_rules_at_their_boundaries(values, limits, bits):
    values = np.array(values)
    cell = np.zeros(values.shape[0], np.int64)
    found = sdc.contributions(values, cell, 1, k=limits.largest)
    assert sdc.sensitive(found, limits).tolist() == [bits]
