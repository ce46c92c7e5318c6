from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfp_index.kernels import groups
from tfp_index.kernels.blocks import blocks, map_blocks


@st.composite
def sorted_panels(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    years = draw(
        st.lists(st.sets(st.integers(1990, 2005), min_size=1, max_size=16), min_size=1, max_size=8)
    )
    codes = np.repeat(np.arange(len(years)), [len(y) for y in years])
    time = np.concatenate([sorted(y) for y in years])
    return codes, time


@given(sorted_panels(), st.integers(-3, 3).filter(bool))
def test_calendar_lags_equal_a_dictionary_lookup(panel, lag):
    codes, time = panel
    where = {(c, t): i for i, (c, t) in enumerate(zip(codes, time, strict=True))}
    expected = [where.get((c, t - lag), -1) for c, t in zip(codes, time, strict=True)]
    assert groups.calendar_lags(codes, time, lag).tolist() == expected


@given(sorted_panels(), st.integers(0, 2**32 - 1))
def test_running_sums_equal_a_loop(panel, seed):
    codes, _ = panel
    values = np.random.default_rng(seed).normal(size=codes.shape[0])
    offsets = groups.group_offsets(codes)
    expected = np.concatenate([np.cumsum(values[a:b]) for a, b in pairwise(offsets)])
    assert np.array_equal(groups.running_sums(values, offsets), expected)


@pytest.mark.parametrize("lengths", [[1], [3, 3], [1, 5], [40, 2], [1] * 9 + [3]])
def test_running_sums_take_every_branch(lengths):
    values = np.arange(1.0, sum(lengths) + 1)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    expected = np.concatenate([np.cumsum(values[a:b]) for a, b in pairwise(offsets)])
    assert np.array_equal(groups.running_sums(values, offsets), expected)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_map_blocks_keeps_row_order(threads):
    assert map_blocks(lambda b: b.start, 1000, size=7, threads=threads) == list(range(0, 1000, 7))


def test_blocks_of_nothing_are_none():
    assert list(blocks(0)) == []
