from __future__ import annotations

import numpy as np

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
