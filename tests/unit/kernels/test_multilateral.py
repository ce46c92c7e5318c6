from __future__ import annotations

import numpy as np
import pytest

from tfp_index.kernels import multilateral as m


def sides(n: int = 200, seed: int = 1) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    logs = list(rng.normal(size=(3, n)))
    raw = rng.uniform(0.1, 1.0, (3, n))
    return logs, list(raw / raw.sum(axis=0)), np.sort(rng.integers(0, 4, n))


def test_deviations_equal_the_formula_written_out():
    logs, shares, period = sides()
    found = m.deviations_from_mean_firm(logs, shares, period, 4)
    x, s = np.array(logs), np.array(shares)
    for t in range(4):
        rows = period == t
        mean_x, mean_s = x[:, rows].mean(axis=1), s[:, rows].mean(axis=1)
        expected = 0.5 * ((s[:, rows] + mean_s[:, None]) * (x[:, rows] - mean_x[:, None])).sum(
            axis=0
        )
        assert found.within[rows] == pytest.approx(expected, abs=1e-14)
        assert found.mean_logs[t] == pytest.approx(mean_x, abs=1e-15)
        assert found.mean_shares[t] == pytest.approx(mean_s, abs=1e-15)


def test_equal_weights_are_no_weights_and_zero_weights_leave_the_means():
    logs, shares, period = sides()
    plain = m.deviations_from_mean_firm(logs, shares, period, 4)
    weighted = m.deviations_from_mean_firm(logs, shares, period, 4, weights=np.full(200, 3.0))
    assert weighted.within == pytest.approx(plain.within, abs=1e-13)
    ghost = [np.append(x, 9.0) for x in logs], [np.append(s, 1 / 3) for s in shares]
    weights = np.append(np.ones(200), 0.0)
    with_ghost = m.deviations_from_mean_firm(*ghost, np.append(period, 0), 4, weights=weights)
    assert with_ghost.within[:200] == pytest.approx(plain.within, abs=1e-13)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_constant_share_equals_a_column_of_it(weighted):
    logs, _, period = sides()
    weights = np.linspace(1, 2, 200) if weighted else None
    for p, count in ((None, 1), (period, 4)):
        one = m.deviations_from_mean_firm(logs, [0.2, 0.5, 1.0], p, count, weights=weights)
        columns = [np.full(200, v) for v in (0.2, 0.5, 1.0)]
        other = m.deviations_from_mean_firm(logs, columns, p, count, weights=weights)
        assert one.within == pytest.approx(other.within, abs=1e-13)
        assert one.mean_shares == pytest.approx(other.mean_shares, abs=1e-14)


def test_the_number_of_threads_does_not_change_a_digit():
    n = 300_000
    rng = np.random.default_rng(0)
    logs, share = [rng.normal(size=n), rng.normal(size=n)], rng.uniform(size=n)
    period = rng.integers(0, 5, n)
    found = [
        m.deviations_from_mean_firm(logs, [share, 1 - share], period, 5, threads=threads).within
        for threads in (1, 2, 3)
    ]
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_an_empty_period_is_bridged():
    logs, shares, _ = sides(6)
    period = np.array([0, 0, 1, 1, 3, 3])
    with_gap = m.deviations_from_mean_firm(logs, shares, period, 4)
    dense = m.deviations_from_mean_firm(logs, shares, np.array([0, 0, 1, 1, 2, 2]), 3)
    chain = m.chain_of_means(with_gap.mean_logs, with_gap.mean_shares)
    assert np.isnan(chain[2])
    assert chain[[0, 1, 3]] == pytest.approx(
        m.chain_of_means(dense.mean_logs, dense.mean_shares), abs=1e-15
    )


def test_geks_needs_no_complete_set_of_pairs():
    # transitive logs with holes: least squares finds the levels behind them
    levels = np.array([0.0, 0.4, -0.2, 1.1, 0.3])
    logs = levels[None, :] - levels[:, None]
    complete = m.geks(logs)
    assert complete.index == pytest.approx(levels - levels.mean(), abs=1e-14)
    assert complete.missing_pairs == 0
    for i, j in ((0, 1), (2, 4)):
        logs[i, j] = logs[j, i] = np.nan
    holes = m.geks(logs)
    assert holes.index == pytest.approx(levels - levels.mean(), abs=1e-13)
    assert holes.missing_pairs == 2
    assert holes.component.tolist() == [0] * 5


def test_geks_tells_sets_apart_that_nothing_connects():
    logs = np.full((4, 4), np.nan)
    logs[:2, :2] = [[0.0, 1.0], [-1.0, 0.0]]
    logs[2:, 2:] = [[0.0, 0.6], [-0.6, 0.0]]
    found = m.geks(logs)
    assert found.component.tolist() == [0, 0, 1, 1]
    assert found.index == pytest.approx([-0.5, 0.5, -0.3, 0.3], abs=1e-15)
    assert found.missing_pairs == 4


def test_a_situation_that_shares_nothing_stands_alone():
    prices = np.array([[1.0, 2.0, np.nan], [2.0, 4.0, np.nan], [np.nan, np.nan, 3.0]])
    logs = m.pairwise_logs("fisher", prices, np.where(np.isnan(prices), np.nan, 1.0))
    assert np.isnan(logs[0, 2])
    assert m.geks(logs).component.tolist() == [0, 0, 1]


def test_pairs_use_every_product_that_two_situations_share():
    # the third product is unknown in situation 0 only; the pair (1, 2) must use it
    rng = np.random.default_rng(2)
    p, q = rng.uniform(1, 2, (3, 3)), rng.uniform(1, 2, (3, 3))
    p[0, 2] = np.nan
    logs = m.pairwise_logs("tornqvist", p, q)
    full = m.pairwise_logs("tornqvist", p[1:], q[1:])
    dropped = m.pairwise_logs("tornqvist", p[1:, :2], q[1:, :2])
    assert logs[1, 2] == full[0, 1]
    assert logs[1, 2] != dropped[0, 1]


WINDOWS = np.array([[0.0, 1.0, 3.0, 4.0], [0.0, 2.5, 2.0, 6.0], [0.0, -1.0, 5.0, 7.0]])


@pytest.mark.parametrize(
    ("splice", "published", "expected"),
    [
        # by hand: period 4 from window 1, period 5 from window 2
        ("movement", True, [8.0, 10.0]),
        ("movement", False, [8.0, 10.0]),
        ("window", True, [7.0, 10.0]),
        ("half", True, [6.5, 12.0]),
        ("mean", True, [21.5 / 3, (10.0 + 12.0 + 21.5 / 3 + 2.0) / 3]),
        # second link: window 1 put at 7 in period 4, so period 2 stands at 7 − (6 − 2.5) = 3.5
        ("window", False, [7.0, 10.5]),
    ],
)
def test_splices_link_where_they_say(splice, published, expected):
    found = m.splice_windows(WINDOWS, splice, published=published)
    assert found[:4].tolist() == [0.0, 1.0, 3.0, 4.0]
    assert found[4:] == pytest.approx(expected, abs=1e-14)


def test_windows_that_agree_give_their_own_series():
    series = np.array([0.0, 0.3, 0.1, 0.9, 1.4, 1.0])
    windows = np.lib.stride_tricks.sliding_window_view(series, 4) + np.array([[5.0], [-2.0], [0.0]])
    for splice in m.SPLICES:
        for published in (True, False):
            assert m.splice_windows(windows, splice, published=published) == pytest.approx(
                series, abs=1e-14
            )


def test_geary_khamis_solves_its_two_equations():
    rng = np.random.default_rng(8)
    p, q = rng.uniform(1, 3, (5, 4)), rng.uniform(1, 9, (5, 4))
    q[2, 1] = p[2, 1] = np.nan
    level = np.exp(m.geary_khamis(p, q))
    p, q = np.nan_to_num(p), np.nan_to_num(q)
    reference = (p * q / level[:, None]).sum(axis=0) / q.sum(axis=0)
    implied = (p * q).sum(axis=1) / (q @ reference)
    assert implied / implied[0] == pytest.approx(level, rel=1e-13)


def test_time_product_dummy_equals_the_regression():
    rng = np.random.default_rng(8)
    p, q = rng.uniform(1, 3, (5, 4)), rng.uniform(1, 9, (5, 4))
    q[2, 1] = p[2, 1] = np.nan
    t, j = np.nonzero(np.isfinite(p))
    design = np.zeros((t.size, 5 + 3))
    design[np.arange(t.size), t] = 1.0
    design[np.flatnonzero(j > 0), 5 + j[j > 0] - 1] = 1.0
    value = p[t, j] * q[t, j]
    weight = np.sqrt(value / np.bincount(t, value)[t])
    coefficients, *_ = np.linalg.lstsq(
        design * weight[:, None], weight * np.log(p[t, j]), rcond=None
    )
    assert m.time_product_dummy(p, q) == pytest.approx(
        coefficients[:5] - coefficients[0], abs=1e-12
    )
