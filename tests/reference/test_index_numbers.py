"""Index numbers against published tables and the output of other programs."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tfp_index.kernels import multilateral as m
from tfp_index.kernels.index_formulas import bilateral

# the reference file keeps twelve significant digits
PRINTED = 1e-11
# the price-index manual prints four decimals
FOUR_DECIMALS = 0.5e-4
# two exact ways to the same number, differing by the rounding of some thousand additions
IDENTITY = 1e-12

# Artificial data of the price-index manuals (Balk's six products in five periods; chapter 19 of
# the Producer Price Index Manual, International Monetary Fund 2004): products in rows.
PRICE = np.array(
    [
        [1.0, 1.2, 1.0, 0.8, 1.0],
        [1.0, 3.0, 1.0, 0.5, 1.0],
        [1.0, 1.3, 1.5, 1.6, 1.6],
        [1.0, 0.7, 0.5, 0.3, 0.1],
        [1.0, 1.4, 1.7, 1.9, 2.0],
        [1.0, 0.8, 0.6, 0.4, 0.2],
    ]
).T
QUANTITY = np.array(
    [
        [1.0, 0.8, 1.0, 1.2, 0.9],
        [1.0, 0.9, 1.1, 1.2, 1.2],
        [2.0, 1.9, 1.8, 1.9, 2.0],
        [1.0, 1.3, 3.0, 6.0, 12.0],
        [4.5, 4.7, 5.0, 5.6, 6.5],
        [0.5, 0.6, 0.8, 1.3, 2.5],
    ]
).T
# fixed-base price indices of period 5, as printed
MANUAL = {
    "laspeyres": 1.4400,
    "paasche": 0.7968,
    "fisher": 1.0712,
    "tornqvist": 1.2477,
    "walsh": 1.1850,
}


def fixed_base(formula, prices, quantities, base=0, **options):
    n, k = prices.shape
    return bilateral(
        formula,
        np.tile(prices[base], n),
        prices.ravel(),
        np.tile(quantities[base], n),
        quantities.ravel(),
        np.arange(n + 1) * k,
        **options,
    ).index


def chained(formula, prices, quantities, **options):
    n, k = prices.shape
    weights = options.pop("weights", None)
    links = bilateral(
        formula,
        prices[:-1].ravel(),
        prices[1:].ravel(),
        quantities[:-1].ravel(),
        quantities[1:].ravel(),
        np.arange(n) * k,
        weights=None if weights is None else weights[k:],
        **options,
    ).index
    return np.cumprod(np.concatenate(([1.0], links)))


@pytest.mark.parametrize("formula", MANUAL)
def test_price_index_manual_period_five(formula):
    found = fixed_base(formula, PRICE, QUANTITY)
    assert found[4] == pytest.approx(MANUAL[formula], rel=0, abs=FOUR_DECIMALS)


@pytest.mark.parametrize(
    ("theirs", "formula", "options"),
    [
        ("laspeyres", "laspeyres", {}),
        ("paasche", "paasche", {}),
        ("fisher", "fisher", {}),
        ("tornqvist", "tornqvist", {}),
        ("sato_vartia", "sato_vartia", {}),
        ("montgomery_vartia", "montgomery_vartia", {}),
        ("theil", "theil", {}),
        ("walsh1_arith", "walsh", {}),
        ("walsh2", "geometric_walsh", {}),
        ("drobisch", "drobisch", {}),
        ("marshall_edgeworth", "marshall_edgeworth", {}),
        ("palgrave", "palgrave", {}),
        ("stuvel", "stuvel", {}),
        ("lloyd_moulton_s05", "lloyd_moulton", {"elasticity": 0.5}),
    ],
)
def test_r_gpindex_on_the_manual_data(reference, theirs, formula, options):
    """Output of R gpindex 0.6.3 for the same data."""
    oracle = reference("growth_accounting")["index_numbers_balk_data"]
    data = np.array(oracle["price"]["rows_products_cols_periods"]).T
    assert np.array_equal(data, PRICE)
    expected = oracle["fixed_base_price_indices"][theirs]
    assert fixed_base(formula, PRICE, QUANTITY, **options) == pytest.approx(expected, rel=PRINTED)


@pytest.fixture(scope="module")
def ces(reference):
    """IndexNumR's CES_sigma_2 data: 12 periods, 4 products, and what R IndexNumR 0.6.0 gives."""
    oracle = reference("growth_accounting")["index_numbers_IndexNumR"]
    prices, quantities = np.empty((2, 12, 4))
    for row in oracle["data"]:
        cell = row["time"] - 1, row["prodID"] - 1
        prices[cell], quantities[cell] = row["prices"], row["quantities"]
    return oracle, prices, quantities


INDEXNUMR = {
    "dutot": "dutot",
    "carli": "carli",
    "jevons": "jevons",
    "harmonic": "harmonic",
    "cswd": "cswd",
    "laspeyres": "laspeyres",
    "paasche": "paasche",
    "fisher": "fisher",
    "tornqvist": "tornqvist",
    "satovartia": "sato_vartia",
    "walsh": "walsh",
    "ces": "lloyd_moulton",
    "geomLaspeyres": "geometric_laspeyres",
    "geomPaasche": "geometric_paasche",
    "stuvel": "stuvel",
    "marshalledgeworth": "marshall_edgeworth",
    "palgrave": "palgrave",
    "lowe": "lowe",
    "young": "young",
}


def indexnumr_options(theirs, prices, quantities):
    if theirs == "ces":
        # the run's value: 1.0001 reproduces every figure, so that is what it used
        return {"elasticity": 1.0001}
    first = {"lowe": quantities[0], "young": prices[0] * quantities[0]}.get(theirs)
    return {} if first is None else {"weights": np.tile(first, 12)}


@pytest.mark.parametrize("theirs", INDEXNUMR)
def test_r_indexnumr_prices(ces, theirs):
    oracle, prices, quantities = ces
    expected = oracle["priceIndex"][theirs]
    options = indexnumr_options(theirs, prices, quantities)
    formula = INDEXNUMR[theirs]
    found = fixed_base(formula, prices, quantities, **options)
    assert found == pytest.approx(expected["fixedBase"], rel=PRINTED)
    links = chained(formula, prices, quantities, **options)
    # Lowe and Young chain to themselves or not at all; the file has a chain for each
    assert links == pytest.approx(expected["chained"], rel=10 * PRINTED)


@pytest.mark.parametrize(
    "theirs",
    [
        "laspeyres",
        "paasche",
        "fisher",
        "tornqvist",
        "satovartia",
        "walsh",
        "stuvel",
        "marshalledgeworth",
        "palgrave",
    ],
)
def test_r_indexnumr_quantities(ces, theirs):
    oracle, prices, quantities = ces
    expected = oracle["quantityIndex"][theirs]
    formula = INDEXNUMR[theirs]
    found = fixed_base(formula, prices, quantities, kind="quantity")
    assert found == pytest.approx(expected["fixedBase"], rel=PRINTED)
    links = chained(formula, prices, quantities, kind="quantity")
    assert links == pytest.approx(expected["chained"], rel=10 * PRINTED)


@pytest.mark.parametrize("formula", ["fisher", "tornqvist", "walsh", "jevons"])
def test_r_indexnumr_geks(ces, formula):
    oracle, prices, quantities = ces
    index = m.geks(m.pairwise_logs(formula, prices, quantities)).index
    expected = oracle["GEKS_full_window"][formula]
    assert np.exp(index - index[0]) == pytest.approx(expected, rel=PRINTED)


@pytest.mark.parametrize("splice", m.SPLICES)
def test_r_indexnumr_rolling_windows(ces, splice):
    oracle, prices, quantities = ces
    windows = np.array(
        [
            m.geks(m.pairwise_logs("tornqvist", prices[a : a + 11], quantities[a : a + 11])).index
            for a in range(2)
        ]
    )
    expected = oracle["GEKS_tornqvist_window_11"][splice]
    assert np.exp(m.splice_windows(windows, splice)) == pytest.approx(expected, rel=PRINTED)


def test_r_indexnumr_geary_khamis_and_time_product_dummy(ces):
    oracle, prices, quantities = ces
    found = np.exp(m.geary_khamis(prices, quantities))
    assert found == pytest.approx(oracle["GK_full"], rel=PRINTED)
    found = np.exp(m.time_product_dummy(prices, quantities))
    assert found == pytest.approx(oracle["WTPD_full"], rel=PRINTED)


OUTPUTS = ("livestock", "crop", "other")
INPUTS = ("capital", "land", "labor", "materials")


@pytest.fixture(scope="module")
def agriculture(shared_file):
    """US agriculture by state, 1995–2004 (USDA), and our values computed independently."""

    def read(name):
        with shared_file(f"data/growth/{name}.csv").open(encoding="utf-8") as file:
            return list(csv.DictReader(file))

    rows = read("usagri")
    keys = [(r["States"], int(r["Years"])) for r in rows]

    def expected(name, column):
        values = {(r["States"], int(r["Years"])): float(r[column]) for r in read(name)}
        return np.array([values.get(key, np.nan) for key in keys])

    def side(names):
        p, q = (np.array([[float(r[f"{x}.{name}"]) for name in names] for r in rows]) for x in "pq")
        return p, q

    return keys, side(OUTPUTS), side(INPUTS), expected


def test_agriculture_bilateral(agriculture):
    keys, outputs, inputs, expected = agriculture
    position = {key: i for i, key in enumerate(keys)}
    now = np.array([i for i, (s, t) in enumerate(keys) if (s, t - 1) in position])
    before = np.array([position[keys[i][0], keys[i][1] - 1] for i in now])
    for formula in ("tornqvist", "fisher", "laspeyres", "paasche"):
        sides = []
        for p, q in (outputs, inputs):
            offsets = np.arange(now.size + 1) * p.shape[1]
            rows = (a.ravel() for a in (p[before], p[now], q[before], q[now]))
            sides.append(bilateral(formula, *rows, offsets, kind="quantity").index)
        theirs = expected("usagri_bilateral_tfp", formula)[now]
        assert now.size == 432
        assert sides[0] / sides[1] == pytest.approx(theirs, rel=IDENTITY)


def test_agriculture_multilateral(agriculture):
    keys, outputs, inputs, expected = agriculture
    year = np.array([t for _, t in keys]) - 1995
    log_ccd, log_gns, log_geks = [], [], []
    for p, q in (outputs, inputs):
        value = p * q
        logs, shares = list(np.log(q).T), list((value / value.sum(axis=1, keepdims=True)).T)
        log_ccd.append(m.deviations_from_mean_firm(logs, shares).within)
        d = m.deviations_from_mean_firm(logs, shares, year, 10)
        log_gns.append(d.within + m.chain_of_means(d.mean_logs, d.mean_shares)[year])
        log_geks.append(m.geks(m.pairwise_logs("tornqvist", p, q, kind="quantity")).index)
    ccd, gns, geks = (a[0] - a[1] for a in (log_ccd, log_gns, log_geks))
    assert ccd == pytest.approx(expected("usagri_multilateral_lntfp", "ln_ccd"), abs=IDENTITY)
    assert gns == pytest.approx(expected("usagri_multilateral_lntfp", "ln_gns"), abs=IDENTITY)
    assert ccd - ccd.mean() == pytest.approx(geks, abs=IDENTITY)


# The same figures through the specifications, as a user gets them.


@pytest.fixture(scope="module")
def farms(shared_file):
    roles = {}
    for name in (*OUTPUTS, *INPUTS):
        roles |= {name: f"q.{name}", f"{name}_price": f"p.{name}"}
    return tfp.Panel.from_frame(
        pd.read_csv(shared_file("data/growth/usagri.csv")),
        entity="States",
        time="Years",
        columns=roles,
    )


def of_farms(keys, result, name):
    frame = result.to_frame()
    rows = {
        (s, int(t)): i for i, (s, t) in enumerate(zip(frame["States"], frame["Years"], strict=True))
    }
    return frame[name].to_numpy()[[rows[key] for key in keys]]


@pytest.mark.parametrize("formula", ["tornqvist", "fisher", "laspeyres", "paasche"])
def test_bilateral_index_on_agriculture(farms, agriculture, reference, formula):
    keys, _, _, expected = agriculture
    spec = tfp.BilateralIndex(formula=formula, kind="tfp", outputs=OUTPUTS, inputs=INPUTS)
    result = spec.fit(farms)
    index = of_farms(keys, result, "tfp_index")
    log_change = expected("usagri_bilateral_tfp", formula)
    position = {key: i for i, key in enumerate(keys)}
    for i, (state, year) in enumerate(keys):
        if year > 1995:
            link = index[i] / index[position[state, year - 1]]
            assert link == pytest.approx(log_change[i], rel=IDENTITY)
    mean = np.exp(result.glance()["mean_tfp_growth"][0])
    theirs = reference("growth_accounting")["usagri_own"]["bilateral_geometric_mean_all"]
    assert mean == pytest.approx(theirs[formula], rel=PRINTED)


def test_multilateral_index_on_agriculture(farms, agriculture):
    keys, _, _, expected = agriculture
    sides = {"outputs": OUTPUTS, "inputs": INPUTS}
    gns = tfp.MultilateralIndex(**sides).fit(farms)
    ccd = tfp.MultilateralIndex(formula="ccd", **sides).fit(farms)
    geks = tfp.MultilateralIndex(formula="geks", bilateral="tornqvist", **sides).fit(farms)
    gns_log, ccd_log = of_farms(keys, gns, "log_tfp"), of_farms(keys, ccd, "log_tfp")
    assert gns_log == pytest.approx(expected("usagri_multilateral_lntfp", "ln_gns"), abs=IDENTITY)
    assert ccd_log == pytest.approx(expected("usagri_multilateral_lntfp", "ln_ccd"), abs=IDENTITY)
    assert of_farms(keys, geks, "log_tfp") == pytest.approx(ccd_log - ccd_log.mean(), abs=IDENTITY)


@pytest.fixture(scope="module")
def ces_panel(ces):
    oracle, _, _ = ces
    columns = {key: [row[key] for row in oracle["data"]] for key in oracle["data"][0]}
    return tfp.Panel.from_frame(
        columns | {"all": ["all"] * 48},
        entity="all",
        time="time",
        item="prodID",
        columns={"price": "prices", "quantity": "quantities"},
    )


@pytest.mark.parametrize("theirs", INDEXNUMR)
def test_bilateral_index_on_the_indexnumr_data(ces, ces_panel, theirs):
    oracle, prices, quantities = ces
    options = indexnumr_options(theirs, prices, quantities)
    options |= {"reference": 1} if options.pop("weights", None) is not None else {}
    for chained, key in ((True, "chained"), (False, "fixedBase")):
        spec = tfp.BilateralIndex(
            formula=INDEXNUMR[theirs], kind="price", chained=chained, **options
        )
        expected = oracle["priceIndex"][theirs][key]
        assert spec.fit(ces_panel)["price_index"] == pytest.approx(expected, rel=10 * PRINTED)


@pytest.mark.parametrize("splice", m.SPLICES)
def test_multilateral_index_on_the_indexnumr_data(ces, ces_panel, splice):
    oracle, _, _ = ces
    options = {"formula": "geks", "kind": "price", "compare": "time"}
    for formula, expected in oracle["GEKS_full_window"].items():
        spec = tfp.MultilateralIndex(bilateral=formula, **options)
        found = np.exp(spec.fit(ces_panel)["log_price"])
        assert found == pytest.approx(expected, rel=PRINTED)
    spec = tfp.MultilateralIndex(bilateral="tornqvist", window=11, splice=splice, **options)
    expected = oracle["GEKS_tornqvist_window_11"][splice]
    assert np.exp(spec.fit(ces_panel)["log_price"]) == pytest.approx(expected, rel=PRINTED)
    for formula, key in (("geary_khamis", "GK_full"), ("time_product_dummy", "WTPD_full")):
        spec = tfp.MultilateralIndex(**(options | {"formula": formula}))
        assert np.exp(spec.fit(ces_panel)["log_price"]) == pytest.approx(oracle[key], rel=PRINTED)


# R productivity 1.1.0, default scaled=TRUE: geometric means of annual TFP change, as printed
R_PRODUCTIVITY_SCALED = {"fisher": 1.020524, "laspeyres": 1.019995, "paasche": 1.021054}
SIX_DECIMALS = 0.5e-6


@pytest.mark.parametrize("formula", R_PRODUCTIVITY_SCALED)
def test_what_r_productivity_does_by_default(shared_file, formula):
    """Dividing quantities but not prices by their means is the whole of the difference."""
    frame = pd.read_csv(shared_file("data/growth/usagri.csv"))
    roles = {}
    for name in (*OUTPUTS, *INPUTS):
        frame[f"q.{name}"] /= frame[f"q.{name}"].mean()
        roles |= {name: f"q.{name}", f"{name}_price": f"p.{name}"}
    panel = tfp.Panel.from_frame(frame, entity="States", time="Years", columns=roles)
    spec = tfp.BilateralIndex(formula=formula, kind="tfp", outputs=OUTPUTS, inputs=INPUTS)
    mean = np.exp(spec.fit(panel).glance()["mean_tfp_growth"][0])
    assert mean == pytest.approx(R_PRODUCTIVITY_SCALED[formula], rel=0, abs=SIX_DECIMALS)
