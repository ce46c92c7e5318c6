from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tfp_index.kernels import prices
from tfp_index.kernels.groups import lag_status

# Value added of manufacturing in Viet Nam at 2010 prices, and its index (previous year = 100),
# General Statistics Office, 21 September 2018
YEARS = np.arange(2005, 2017)
LEVEL = np.array(
    [248709, 281925, 316812, 347808, 357415, 279360, 318690, 347523, 372597, 400192, 442612, 495283]
).astype(float)
INDEX = np.array(
    [112.92, 113.36, 112.37, 109.78, 102.76, 108.38, 114.08, 109.05, 107.22, 107.41, 110.6, 111.9]
)


def _status(years=YEARS):
    return lag_status(np.zeros(years.shape[0], np.int64), years)


def test_level_breaks_finds_2010_and_nothing_else():
    found = prices.level_breaks(LEVEL, INDEX, _status())
    assert YEARS[found.rows].tolist() == [2010]
    assert found.compared == 11
    np.testing.assert_allclose(found.level_growth, [-21.838758865744296], rtol=1e-13)
    np.testing.assert_allclose(found.index_growth, [8.38], rtol=1e-12)
    np.testing.assert_allclose(found.gap, found.level_growth - found.index_growth, rtol=1e-12)


def test_level_breaks_leaves_out_what_cannot_be_compared():
    level, index = LEVEL.copy(), INDEX.copy()
    level[3] = np.nan  # 2008 and 2009 not compared
    index[5] = np.nan  # 2010 not compared
    level[8] = 0.0  # compared as a fall to nothing, and not used as a base
    found = prices.level_breaks(level, index, _status())
    assert YEARS[found.rows].tolist() == [2013]
    assert found.compared == 7


def test_level_breaks_respects_gaps_and_entities():
    years = YEARS.copy()
    years[5:] += 1  # the level of 2009 is not the year before 2011
    found = prices.level_breaks(LEVEL, INDEX, _status(years))
    assert found.rows.size == 0
    assert found.compared == 10
    nothing = np.zeros(0)
    assert prices.level_breaks(nothing, nothing, np.zeros(0, np.int8)).compared == 0


# growth_accounting.json, viet_nam_splice_test: chained backwards from 2010 by the index
SPLICED = [
    179373.19142017348, 203337.44979390866, 228490.2923334152, 250836.6429236232,
    257759.73426831522, 279360.0, 318690.0, 347523.0, 372597.0, 400192.0, 442612.0, 495283.0,
]  # fmt: skip


def test_mended_levels_equal_the_reference():
    found = prices.level_breaks(LEVEL, INDEX, _status())
    by_index = prices.mend_levels(LEVEL, INDEX, found.rows, np.array([0, 12]), "index")
    np.testing.assert_allclose(by_index, SPLICED, rtol=1e-14)
    by_level = prices.mend_levels(LEVEL, INDEX, found.rows, np.array([0, 12]))
    assert prices.level_breaks(by_level, INDEX, _status()).rows.size == 0
    np.testing.assert_allclose(by_level[:4] / by_level[1:5], LEVEL[:4] / LEVEL[1:5], rtol=1e-14)
    np.testing.assert_array_equal(by_level[5:], LEVEL[5:])


def test_two_breaks_in_one_series_and_a_series_without():
    level = np.array([10.0, 30.0, 33.0, 99.0, 7.0, 7.7])
    index = np.array([np.nan, 100.0, 110.0, 100.0, np.nan, 110.0])
    mended = prices.mend_levels(level, index, np.array([1, 3]), np.array([0, 4, 6]))
    np.testing.assert_allclose(mended, [90.0, 90.0, 99.0, 99.0, 7.0, 7.7], rtol=1e-14)


def test_mixed_bases_within_series_only():
    base = np.array([0, 0, 1, 1, 0])
    status = lag_status(np.array([0, 0, 0, 1, 1]), np.array([1, 2, 3, 1, 3]))
    assert prices.mixed_bases(base, status).tolist() == [2]


@given(st.integers(0, 2**32 - 1), st.sampled_from(["first", "last", "sums", "geometric"]))
def test_splice_keeps_newer_levels_and_older_growth(seed, link):
    rng = np.random.default_rng(seed)
    older, newer = rng.uniform(1, 9, (2, 10))
    older[7:], newer[:5] = np.nan, np.nan  # rows 5 and 6 shared
    out = prices.splice(older, newer, np.array([0, 10]), link)
    assert out.overlap.tolist() == [2]
    np.testing.assert_array_equal(out.series[5:], newer[5:])
    np.testing.assert_allclose(out.series[:5] / older[:5], out.factor[0], rtol=1e-13)
    ratios = newer[5:7] / older[5:7]
    expected = {
        "first": ratios[0],
        "last": ratios[1],
        "sums": newer[5:7].sum() / older[5:7].sum(),
        "geometric": np.sqrt(ratios.prod()),
    }[link]
    np.testing.assert_allclose(out.factor, expected, rtol=1e-13)


def test_splice_without_overlap_is_missing_never_chained():
    nan = np.nan
    out = prices.splice(
        np.array([1.0, 2.0, nan, 5.0, 5.5]),
        np.array([nan, nan, 7.0, 50.0, nan]),
        np.array([0, 3, 5]),
    )
    np.testing.assert_allclose(out.series, [nan, nan, 7.0, 50.0, 55.0])
    assert out.overlap.tolist() == [0, 1]


def test_rebase_and_deflate():
    series, offsets = np.array([2.0, 4.0, 5.0, 6.0, 0.0]), np.array([0, 2, 4, 5])
    out = prices.rebase(series, offsets, np.array([0, 3, 4]), 100.0)
    np.testing.assert_allclose(out, [100, 200, 500 / 6, 100, np.nan])
    np.testing.assert_allclose(
        prices.deflate(np.array([6.0, 1.0]), np.array([2.0, 0.0])), [3, np.nan]
    )
    assert prices.rebase(np.zeros(0), np.zeros(1, np.int64), np.zeros(0, np.int64)).size == 0


@given(st.integers(0, 2**32 - 1))
def test_double_deflation_agrees_with_single_when_prices_move_together(seed):
    """One price for output and inputs: Laspeyres, Törnqvist and single deflation are the same."""
    rng = np.random.default_rng(seed)
    T = 6
    price = np.cumprod(rng.uniform(0.8, 1.3, T))
    share = rng.uniform(0.2, 0.8)  # constant, so that the Törnqvist mean is exact
    output = rng.uniform(5, 9, T) * price
    inputs = share * output
    lag = np.arange(-1, T - 1)
    single = prices.deflate(output - inputs, price)
    difference = prices.double_deflate_difference(output, price, inputs, price)
    np.testing.assert_allclose(difference, single, rtol=1e-12)
    growth = prices.double_deflate_growth(output, price, inputs, price, lag)
    np.testing.assert_allclose(growth[1:], np.diff(np.log(single)), rtol=1e-9, atol=1e-12)


def test_double_deflation_says_missing_where_it_does_not_exist():
    ones = np.ones(5)
    output = np.array([10.0, 10.0, 10.0, 10.0, 10.0])
    inputs = np.array(
        [5.0, 5.0, 10.0, 5.0, 0.0]
    )  # no value added in the third, no inputs at the end
    growth = prices.double_deflate_growth(output, ones, inputs, ones, np.arange(-1, 4))
    assert np.isnan(growth).tolist() == [True, False, True, True, True]
