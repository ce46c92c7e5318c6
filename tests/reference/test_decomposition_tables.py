"""Decompositions against tables that others computed: eight firms by hand, Colombian plants."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from tfp_index.kernels import decompose as dec
from tfp_index.kernels import decompose_levels as levels
from tfp_index.kernels.matching import match_pairs

# eight firms, two steps: data set "firms" of the R package dfvad 0.3.6 (Zeng 2019)
IDS = np.array([1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 7, 8, 1, 2, 3, 4, 5, 6])
TIME = np.repeat([0, 1, 3], 6)
# periods 0, 1 and 3, of which the last repeats the first: time reversal
TFP_0, TFP_1 = [1.95, 1.73, 1.64, 1.85, 1.39, 1.57], [1.68, 1.76, 1.04, 1.47, 1.17, 1.23]
SHARE_0, SHARE_1 = [0.33, 0.25, 0.10, 0.12, 0.09, 0.11], [0.30, 0.21, 0.17, 0.01, 0.25, 0.06]
TFP, SHARE = np.array([*TFP_0, *TFP_1, *TFP_0]), np.array([*SHARE_0, *SHARE_1, *SHARE_0])
ORDER = np.lexsort((TIME, IDS))
FIRMS = (IDS[ORDER] - 1, TIME[ORDER], TFP[ORDER], SHARE[ORDER])

# within, between, cross, entry, exit; printed by dynamics() of that package. The digits that it
# prints rounded are exact fractions, worked out by hand: 0.0224 / 0.69 and so on.
STEP_0_1 = {
    "baily_hulten_campbell": (-0.1872, -0.2097, None, 0.3663, -0.2978),
    "griliches_regev": (-0.18385, -0.037534, None, -0.128336, 0.02132),
    "foster_haltiwanger_krizan": (-0.1872, -0.022822, 0.0067, -0.179238, 0.05416),
    "baldwin_gu": (-0.18385, -0.04926, None, -0.09529, 0.0),
    "diewert_fox": (-0.247797101449275, -0.0360797101449274, None, -0.112223188405797, 0.0677),
    "melitz_polanec": (-0.305, 0.0211231884057971, None, -0.112223188405797, 0.0677),
}
STEP_1_3 = {
    "baily_hulten_campbell": (0.1805, 0.2164, None, 0.2978, -0.3663),
    "griliches_regev": (0.18385, 0.037534, None, -0.02132, 0.128336),
    "foster_haltiwanger_krizan": (0.1805, 0.052246, 0.0067, 0.01152, 0.077434),
    "baldwin_gu": (0.18385, 0.0830725806451614, None, 0.0614774193548387, 0.0),
    "diewert_fox": (0.247797101449275, 0.0360797101449274, None, -0.0677, 0.112223188405797),
    "melitz_polanec": (0.305, -0.0211231884057971, None, -0.0677, 0.112223188405797),
}
# the values above carry 15 significant digits of numbers below one
EIGHT_FIRMS = 1e-12
# the note prints seven decimals
SEVEN_DECIMALS = 5.1e-8


@pytest.mark.parametrize("method", list(dec.METHODS))
@pytest.mark.parametrize(("pair", "expected"), [((0, 1), STEP_0_1), ((1, 3), STEP_1_3)])
@pytest.mark.parametrize("pivot", [0.0, 1.6])
def test_eight_firms(method, pair, expected, pivot):
    codes, time, tfp, share = FIRMS
    matches = match_pairs(codes, time, np.array([pair]))
    cell = np.zeros(codes.shape[0], np.int64)
    moments = dec.pair_moments(matches, tfp, share, cell, (1, 1, 1), pivot=pivot)
    terms = dec.METHODS[method](moments)
    sign = 1.0 if pair == (0, 1) else -1.0
    for name, value in zip(
        ("within", "between", "cross", "entry", "exit"), expected[method], strict=True
    ):
        ours = float(getattr(terms, name)[0, 0, 0])
        assert np.isnan(ours) if value is None else ours == pytest.approx(value, abs=EIGHT_FIRMS)
    assert float(terms.total[0, 0, 0]) == pytest.approx(-0.3284 * sign, abs=EIGHT_FIRMS)
    level = {0: 1.7598, 1: 1.4314, 3: 1.7598}
    assert float(terms.start[0, 0, 0]) == pytest.approx(level[pair[0]], abs=EIGHT_FIRMS)
    assert float(terms.end[0, 0, 0]) == pytest.approx(level[pair[1]], abs=EIGHT_FIRMS)


def test_eight_firms_statically(reference):
    want = reference("aggregation")["decomposition"]
    codes, time, tfp, share = FIRMS
    first = time == 0
    cell = np.where(first, 0, -1)
    static = levels.olley_pakes(levels.level_moments(tfp, share, cell, (1,), pivot=1.5))
    op = want["op_static_dfvad_t0"]
    tolerance = 1e-11  # the file keeps twelve digits
    assert static.aggregate[()] == pytest.approx(op["aggregate"], abs=tolerance)
    assert static.mean[0] == pytest.approx(op["unweighted_mean"], abs=tolerance)
    assert static.covariance[0] == pytest.approx(op["op_cov"], abs=tolerance)
    groups = np.where(first, (codes >= 3).astype(np.int64), -1)
    moments = levels.level_moments(tfp, share, groups, (2,), pivot=1.5)
    cwdl, op = levels.collard_wexler_de_loecker(moments), want["cwdl_dfvad_t0"]
    assert cwdl.mean.sum() == pytest.approx(op["mean_of_group_means"], abs=tolerance)
    assert cwdl.covariance.sum() == pytest.approx(op["mean_within_cov"], abs=tolerance)
    assert cwdl.between.sum() == pytest.approx(op["between_cov"], abs=tolerance)
    assert cwdl.aggregate[()] == pytest.approx(op["aggregate"], abs=tolerance)
    nested, op = levels.nested_olley_pakes(moments), want["nested_share_weighted_dfvad_t0"]
    assert nested.mean.sum() == pytest.approx(op["sum_S_mean"], abs=tolerance)
    assert nested.covariance.sum() == pytest.approx(op["sum_S_cov"], abs=tolerance)


def test_petrin_levinsohn_of_four_firms(reference):
    want = reference("aggregation")["decomposition"]["petrin_levinsohn_va"]
    given = {k: np.array(v) for k, v in want["inputs"].items()}
    value = (given["va0"], given["va1"])
    x0, x1 = (np.column_stack((given["L" + t], given["K" + t])) for t in "01")
    dlny, dlnx = np.log(value[1] / value[0]), np.log(x1 / x0)
    elasticity = np.array([want["eps_L"], want["eps_K"]])
    terms = levels.petrin_levinsohn(
        value,
        dlny,
        dlnx,
        (
            x0 * np.column_stack((given["w0"], given["r"])),
            x1 * np.column_stack((given["w1"], given["r"])),
        ),
        elasticity,
        dlny - dlnx @ elasticity,
        (float(value[0].sum()), float(value[1].sum())),
    )
    tolerance = 1e-12  # the file keeps twelve significant digits of numbers below 0.1
    assert terms.growth.sum() == pytest.approx(want["APG"], abs=tolerance)
    assert terms.technical.sum() == pytest.approx(want["technical_efficiency"], abs=tolerance)
    assert terms.reallocation.sum(axis=0) == pytest.approx(
        [want["reallocation_L"], want["reallocation_K"]], abs=tolerance
    )
    assert terms.residual == pytest.approx(np.zeros(4), abs=1e-16)


TEN_YEARS = {  # note on aggregation, 1.4: ISIC 311, 1981-91, total -0.0212094667
    "griliches_regev": (-0.0087267, -0.0038674, None, -0.0028929, -0.0057226),
    "foster_haltiwanger_krizan": (-0.0257718, -0.0232503, 0.0340903, -0.0032946, -0.0029830),
    "diewert_fox": (-0.0130513, -0.0015470, None, -0.0025892, -0.0040220),
    "melitz_polanec": (-0.0981563, 0.0835581, None, -0.0025892, -0.0040220),
}


@pytest.fixture(scope="module")
def plants(shared_file):
    """Colombian food plants: entity codes, year, tfp, output share; sorted."""
    path = shared_file("data/aggregation/decomposition/colombian_311_input.csv")
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows.sort(key=lambda row: (int(row["id"]), int(row["year"])))
    ids = np.array([int(row["id"]) for row in rows])
    return (
        np.unique(ids, return_inverse=True)[1],
        np.array([int(row["year"]) for row in rows]),
        np.array([float(row["tfp"]) for row in rows]),
        np.array([float(row["s_out"]) for row in rows]),
    )


@pytest.mark.parametrize("method", list(TEN_YEARS))
def test_ten_years_of_colombian_plants(plants, method):
    codes, time, tfp, share = plants
    cell = np.zeros(codes.shape[0], np.int64)
    matches = match_pairs(codes, time, np.array([[81, 91]]))
    terms = dec.METHODS[method](dec.pair_moments(matches, tfp, share, cell, (1, 1, 1)))
    assert float(terms.total[0, 0, 0]) == pytest.approx(-0.0212094667, abs=5.1e-11)
    for name, value in zip(
        ("within", "between", "cross", "entry", "exit"), TEN_YEARS[method], strict=True
    ):
        if value is not None:
            assert float(getattr(terms, name)[0, 0, 0]) == pytest.approx(value, abs=SEVEN_DECIMALS)


def test_the_jump_of_1986_is_the_work_of_a_few_plants(plants):
    codes, time, tfp, share = plants
    cell = np.zeros(codes.shape[0], np.int64)
    pairs = np.array([[85, 86], [86, 87]])
    matches = match_pairs(codes, time, pairs)
    terms = dec.diewert_fox(dec.pair_moments(matches, tfp, share, cell, (2, 1, 1)))
    # note on aggregation, 1.4: "+0.30 in 1986 and -0.33 in 1987 (a few plants)"
    assert terms.total[:, 0, 0].round(2).tolist() == [0.30, -0.33]
