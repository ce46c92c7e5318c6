"""The thirteen identities of the six dynamic decompositions, also those that must fail."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfp_index.kernels import decompose as dec
from tfp_index.kernels import decompose_levels as levels
from tfp_index.kernels.matching import (
    KIND_RETURNING,
    KIND_TRUE,
    KIND_UNMEASURED,
    match_pairs,
    part_switchers,
    select_pair,
)

# rounding of sums of some forty numbers of order one
ROUNDING = 1e-12
TERMS = ("within", "between", "cross", "entry", "exit")
REVERSIBLE = ("griliches_regev", "diewert_fox", "melitz_polanec")


def random_panel(seed, *, entry=True, exit_=True, survivors=None, periods=2):
    """Firms over two or more periods with at least two survivors; sorted by firm and time."""
    rng = np.random.default_rng(seed)
    stay = survivors or int(rng.integers(2, 15))
    enter = int(rng.integers(1, 8)) if entry else 0
    leave = int(rng.integers(1, 8)) if exit_ else 0
    present = np.zeros((stay + enter + leave, periods), bool)
    present[:stay] = True
    present[stay : stay + enter, 1:] = rng.random((enter, periods - 1)) < 0.6
    present[stay : stay + enter, -1] = True
    present[stay + enter :, :-1] = rng.random((leave, periods - 1)) < 0.6
    present[stay + enter :, 0] = True
    codes, time = np.nonzero(present)
    n = codes.shape[0]
    return codes, time, rng.normal(size=n), rng.random(n) + 0.01


def decompose(method, codes, time, phi, weight, pair=(0, 1), **options):
    matches = match_pairs(codes, time, np.array([pair]))
    cell = np.zeros(codes.shape[0], np.int64)
    terms = dec.METHODS[method](dec.pair_moments(matches, phi, weight, cell, (1, 1, 1), **options))
    return {f.name: getattr(terms, f.name).reshape(-1)[0] for f in fields(terms)}


def aggregates(codes, time, phi, weight):
    """The aggregates of the definition, firm by firm: Φ1, Φ2, ΦS1, ΦS2, s_X, s_E."""
    there = [set(codes[time == t]) for t in (0, 1)]
    stay = np.isin(codes, list(there[0] & there[1]))
    out = []
    for t in (0, 1):
        now = time == t
        s = weight[now] / weight[now].sum()
        inside = stay[now]
        out.append((s @ phi[now], s[inside] @ phi[now][inside] / s[inside].sum(), s[~inside].sum()))
    (Phi1, PhiS1, s_X), (Phi2, PhiS2, s_E) = out
    return Phi1, Phi2, PhiS1, PhiS2, s_X, s_E


def by_definition(method, codes, time, phi, weight):
    """Every formula firm by firm, as printed, with no sums shared."""
    firms = [
        {
            c: (p, w)
            for c, p, w in zip(codes[time == t], phi[time == t], weight[time == t], strict=True)
        }
        for t in (0, 1)
    ]
    total = [sum(w for _, w in f.values()) for f in firms]
    f = [{c: p for c, (p, _) in g.items()} for g in firms]
    s = [{c: w / total[t] for c, (_, w) in g.items()} for t, g in enumerate(firms)]
    S = sorted(set(f[0]) & set(f[1]))
    E, X = sorted(set(f[1]) - set(f[0])), sorted(set(f[0]) - set(f[1]))
    Phi1, Phi2, PhiS1, PhiS2, _, _ = aggregates(codes, time, phi, weight)
    bar = (Phi1 + Phi2) / 2
    PhiX = sum(s[0][i] * f[0][i] for i in X) / sum(s[0][i] for i in X) if X else np.nan
    sS = [sum(s[t][i] for i in S) for t in (0, 1)]
    v = [{i: s[t][i] / sS[t] for i in S} for t in (0, 1)]
    mean = [sum(f[t][i] for i in S) / len(S) for t in (0, 1)]
    cov = [sum((v[t][i] - 1 / len(S)) * (f[t][i] - mean[t]) for i in S) for t in (0, 1)]
    reference = {
        "baily_hulten_campbell": (0.0, 0.0),
        "griliches_regev": (bar, bar),
        "foster_haltiwanger_krizan": (Phi1, Phi1),
        "baldwin_gu": (PhiX, PhiX),
        "diewert_fox": (PhiS2, PhiS1),
        "melitz_polanec": (PhiS2, PhiS1),
    }[method]
    entry = sum(s[1][i] * (f[1][i] - reference[0]) for i in E)
    leave = -sum(s[0][i] * (f[0][i] - reference[1]) for i in X)
    cross = np.nan
    if method == "baily_hulten_campbell":
        within = sum(s[0][i] * (f[1][i] - f[0][i]) for i in S)
        between = sum((s[1][i] - s[0][i]) * f[1][i] for i in S)
    elif method == "foster_haltiwanger_krizan":
        within = sum(s[0][i] * (f[1][i] - f[0][i]) for i in S)
        between = sum((s[1][i] - s[0][i]) * (f[0][i] - Phi1) for i in S)
        cross = sum((s[1][i] - s[0][i]) * (f[1][i] - f[0][i]) for i in S)
    elif method in ("griliches_regev", "baldwin_gu"):
        within = sum((s[0][i] + s[1][i]) / 2 * (f[1][i] - f[0][i]) for i in S)
        ref = reference[0]
        between = sum((s[1][i] - s[0][i]) * ((f[0][i] + f[1][i]) / 2 - ref) for i in S)
    elif method == "diewert_fox":
        within = sum((v[0][i] + v[1][i]) / 2 * (f[1][i] - f[0][i]) for i in S)
        between = sum((v[1][i] - v[0][i]) * (f[0][i] + f[1][i]) / 2 for i in S)
    else:
        within, between = mean[1] - mean[0], cov[1] - cov[0]
    return dict(zip(TERMS, (within, between, cross, entry, leave), strict=True))


seeds = st.integers(0, 2**32 - 1)
methods = pytest.mark.parametrize("method", list(dec.METHODS))


@methods
@given(seed=seeds)
def test_each_term_equals_its_printed_formula(method, seed):
    panel = random_panel(seed)
    ours, printed = decompose(method, *panel), by_definition(method, *panel)
    for name in TERMS:
        assert ours[name] == pytest.approx(printed[name], abs=ROUNDING, nan_ok=True)


@methods
@given(seed=seeds)
def test_1_terms_sum_to_the_change(method, seed):
    panel = random_panel(seed)
    terms = decompose(method, *panel)
    Phi1, Phi2, *_ = aggregates(*panel)
    assert np.nansum([terms[name] for name in TERMS]) == pytest.approx(Phi2 - Phi1, abs=ROUNDING)
    assert terms["end"] - terms["start"] == pytest.approx(Phi2 - Phi1, abs=ROUNDING)


@given(seed=seeds)
def test_2_diewert_fox_and_melitz_polanec_share_entry_exit_and_survivors(seed):
    panel = random_panel(seed)
    df, mp = decompose("diewert_fox", *panel), decompose("melitz_polanec", *panel)
    assert df["entry"] == mp["entry"]
    assert df["exit"] == mp["exit"]
    _, _, PhiS1, PhiS2, _, _ = aggregates(*panel)
    for terms in (df, mp):
        survivors = terms["within"] + terms["between"]
        assert survivors == pytest.approx(PhiS2 - PhiS1, abs=ROUNDING)


@given(seed=seeds)
def test_3_biases_of_the_other_references(seed):
    panel = random_panel(seed)
    Phi1, Phi2, PhiS1, PhiS2, s_X, s_E = aggregates(*panel)
    mp = decompose("melitz_polanec", *panel)
    for method, reference in (
        ("foster_haltiwanger_krizan", Phi1),
        ("griliches_regev", (Phi1 + Phi2) / 2),
    ):
        other = decompose(method, *panel)
        gap = other["entry"] - mp["entry"]
        assert gap == pytest.approx(s_E * (PhiS2 - reference), abs=ROUNDING)
        gap = other["exit"] - mp["exit"]
        assert gap == pytest.approx(s_X * (reference - PhiS1), abs=ROUNDING)


@given(seed=seeds)
def test_4_within_terms_that_agree(seed):
    panel = random_panel(seed)
    fhk = decompose("foster_haltiwanger_krizan", *panel)
    gr, bg = decompose("griliches_regev", *panel), decompose("baldwin_gu", *panel)
    assert gr["within"] == pytest.approx(fhk["within"] + fhk["cross"] / 2, abs=ROUNDING)
    assert bg["within"] == gr["within"]


def reverse(codes, time, phi, weight):
    order = np.lexsort((1 - time, codes))
    return codes[order], (1 - time)[order], phi[order], weight[order]


@methods
@given(seed=seeds)
def test_5_time_reversal(method, seed):
    panel = random_panel(seed)
    ahead, back = decompose(method, *panel), decompose(method, *reverse(*panel))
    swapped = {**back, "entry": back["exit"], "exit": back["entry"]}
    error = max(abs(ahead[n] + swapped[n]) for n in ("within", "between", "entry", "exit"))
    if method in REVERSIBLE:
        assert error < ROUNDING


@pytest.mark.parametrize("method", sorted(set(dec.METHODS) - set(REVERSIBLE)))
def test_5_time_reversal_fails_where_it_should(method):
    panel = random_panel(7)
    ahead, back = decompose(method, *panel), decompose(method, *reverse(*panel))
    error = max(abs(ahead[n] + back[n]) for n in ("within", "between"))
    if method == "baldwin_gu":
        error = max(error, abs(ahead["entry"] + back["exit"]))
    assert error > 0.01


@methods
@given(seed=seeds, shift=st.floats(-50, 50))
def test_6_translation_changes_only_baily_hulten_campbell(method, seed, shift):
    codes, time, phi, weight = random_panel(seed)
    before = decompose(method, codes, time, phi, weight)
    after = decompose(method, codes, time, phi + shift, weight)
    same = [abs(before[n] - after[n]) for n in TERMS if not np.isnan(before[n])]
    if method != "baily_hulten_campbell":
        assert max(same) < ROUNDING * (1 + abs(shift))
    elif abs(shift) > 1:
        assert max(same) > 1e-6


@methods
@given(seed=seeds, factor=st.floats(1e-6, 1e6))
def test_7_units_of_the_weight_and_order_of_the_rows_do_not_matter(method, seed, factor):
    codes, time, phi, weight = random_panel(seed)
    before = decompose(method, codes, time, phi, weight)
    rescaled = decompose(method, codes, time, phi, np.where(time == 1, factor * weight, weight))
    names = np.random.default_rng(seed).permutation(int(codes.max()) + 1)
    order = np.lexsort((time, names[codes]))
    renamed = decompose(method, names[codes][order], time[order], phi[order], weight[order])
    for name in TERMS:
        for after in (rescaled, renamed):
            assert after[name] == pytest.approx(before[name], abs=ROUNDING, nan_ok=True)


def split(codes, time, phi, weight, firm):
    """Cut `firm` into two identical halves."""
    mine = codes == firm
    weight = np.where(mine, weight / 2, weight)
    codes = np.concatenate((codes, np.full(mine.sum(), codes.max() + 1)))
    time, phi, weight = (np.concatenate((a, a[mine])) for a in (time, phi, weight))
    return codes, time, phi, weight


@methods
@given(seed=seeds)
def test_8_splitting_a_firm(method, seed):
    panel = random_panel(seed)
    firm = np.random.default_rng(seed).choice(panel[0])
    before, after = decompose(method, *panel), decompose(method, *split(*panel, firm))
    names = ("entry", "exit") if method == "melitz_polanec" else TERMS
    for name in names:
        assert after[name] == pytest.approx(before[name], abs=ROUNDING, nan_ok=True)


def test_8_splitting_a_survivor_moves_within_and_between_of_melitz_polanec():
    panel = random_panel(7)
    before = decompose("melitz_polanec", *panel)
    after = decompose("melitz_polanec", *split(*panel, 0))
    assert abs(after["within"] - before["within"]) > 0.01
    both = [terms["within"] + terms["between"] for terms in (before, after)]
    assert both[0] == pytest.approx(both[1], abs=ROUNDING)


@methods
@given(seed=seeds, growth=st.floats(-0.5, 0.5))
def test_9_common_growth_is_all_within(method, seed, growth):
    codes, time, phi, weight = random_panel(seed, entry=False, exit_=False)
    first = np.flatnonzero(time == 0)
    phi[first + 1] = phi[first] + growth
    weight[first + 1] = weight[first]
    terms = decompose(method, codes, time, phi, weight)
    assert terms["within"] == pytest.approx(growth, abs=ROUNDING)
    others = {n: terms[n] for n in ("between", "cross", "entry", "exit")}
    if method == "baldwin_gu":  # undefined without exit
        assert np.isnan(others["between"])
        assert np.isnan(others["entry"])
    else:
        assert np.nansum(np.abs(list(others.values()))) < ROUNDING


@methods
@given(seed=seeds)
def test_10_annual_totals_chain_and_components_do_not(method, seed):
    panel = random_panel(seed, periods=4)
    long = decompose(method, *panel, pair=(0, 3))
    annual = [decompose(method, *panel, pair=(t, t + 1)) for t in range(3)]
    if method == "baldwin_gu" and any(np.isnan(terms["total"]) for terms in annual):
        return
    assert sum(terms["total"] for terms in annual) == pytest.approx(long["total"], abs=ROUNDING)


@methods
def test_10_components_do_not_chain(method):
    panel = random_panel(0, periods=4)  # someone exits every year
    long = decompose(method, *panel, pair=(0, 3))
    annual = [decompose(method, *panel, pair=(t, t + 1)) for t in range(3)]
    assert abs(sum(terms["entry"] for terms in annual) - long["entry"]) > 1e-3


@methods
@given(seed=seeds, groups=st.integers(2, 5), pivot=st.floats(-2, 2))
def test_11_contributions_of_groups_are_sums_over_firms(method, seed, groups, pivot):
    codes, time, phi, weight = random_panel(seed)
    matches = match_pairs(codes, time, np.array([[0, 1]]))
    by_firm = np.random.default_rng(seed).integers(0, groups, int(codes.max()) + 1)
    cell = by_firm[codes]
    terms = dec.METHODS[method](dec.pair_moments(matches, phi, weight, cell, (1, 1, groups)))
    moments, rows = dec.firm_moments(select_pair(matches, 0), phi, weight, pivot=pivot)
    firms = dec.METHODS[method](moments)
    whole = decompose(method, codes, time, phi, weight)
    for name in ("total", *TERMS):
        ours, each = getattr(terms, name)[0, 0], getattr(firms, name)
        if np.isnan(ours).any():
            assert np.isnan(each).all()
            continue
        grouped = np.bincount(by_firm[codes[rows]], each, groups)
        assert grouped == pytest.approx(ours, abs=ROUNDING)
        assert ours.sum() == pytest.approx(whole[name], abs=ROUNDING)


@given(seed=seeds)
def test_11_within_of_melitz_polanec_is_each_firms_change_over_their_number(seed):
    codes, time, phi, weight = random_panel(seed)
    matches = match_pairs(codes, time, np.array([[0, 1]]))
    firms = dec.melitz_polanec(dec.firm_moments(matches, phi, weight)[0])
    n = matches.start.shape[0]
    change = (phi[matches.end] - phi[matches.start]) / n
    assert firms.within[:n] == pytest.approx(change, abs=ROUNDING)


@methods
@given(seed=seeds)
def test_12_labor_productivity_in_levels_with_employment_weights_is_output_over_labor(method, seed):
    codes, time, log_output, labor = random_panel(seed)
    output = np.exp(log_output)
    terms = decompose(method, codes, time, output / labor, labor)
    ratio = [output[time == t].sum() / labor[time == t].sum() for t in (0, 1)]
    assert terms["start"] == pytest.approx(ratio[0], rel=ROUNDING)
    assert terms["end"] == pytest.approx(ratio[1], rel=ROUNDING)


@methods
def test_13_without_exiters_only_baldwin_gu_is_undefined(method):
    terms = decompose(method, *random_panel(5, exit_=False))
    undefined = [name for name in ("between", "entry", "exit") if np.isnan(terms[name])]
    assert undefined == (["between", "entry", "exit"] if method == "baldwin_gu" else [])
    assert np.isfinite(terms["within"])


@pytest.mark.parametrize("method", ["diewert_fox", "melitz_polanec"])
def test_13_without_survivors_survivor_references_are_missing(method):
    codes, time = np.array([0, 1]), np.array([0, 1])
    terms = decompose(method, codes, time, np.array([1.0, 2.0]), np.ones(2))
    assert np.isnan([terms[name] for name in ("within", "between", "entry", "exit")]).all()


@methods
@given(seed=seeds)
def test_13_a_firm_without_weight_moves_only_unweighted_means(method, seed):
    codes, time, phi, weight = random_panel(seed)
    before = decompose(method, codes, time, phi, weight)
    n = int(codes.max()) + 1
    ghost = decompose(
        method,
        np.concatenate((codes, [n, n])),
        np.concatenate((time, [0, 1])),
        np.concatenate((phi, [3.0, 5.0])),
        np.concatenate((weight, [0.0, 0.0])),
    )
    names = ("entry", "exit", "total") if method == "melitz_polanec" else TERMS
    for name in names:
        assert ghost[name] == pytest.approx(before[name], abs=ROUNDING, nan_ok=True)
    if method == "melitz_polanec":
        assert ghost["within"] != pytest.approx(before["within"], abs=1e-6)


@given(seed=seeds)
def test_13_unmeasured_rows_leave_before_shares_are_formed_and_are_marked(seed):
    codes, time, phi, weight = random_panel(seed)
    rng = np.random.default_rng(seed)
    measured = rng.random(codes.shape[0]) < 0.8
    measured[: 2 * 2] = True  # two survivors stay
    phi = np.where(measured, phi, np.nan)
    found = match_pairs(codes, time, np.array([[0, 1]]), measured=measured)
    kept = [a[measured] for a in (codes, time, phi, weight)]
    again = match_pairs(kept[0], kept[1], np.array([[0, 1]]))
    assert np.array_equal(np.flatnonzero(measured)[again.start], found.start)
    assert np.array_equal(np.flatnonzero(measured)[again.entrant], found.entrant)
    every = match_pairs(codes, time, np.array([[0, 1]]))
    truly_new = np.isin(found.entrant, every.entrant)
    assert np.array_equal(found.entrant_kind == KIND_UNMEASURED, ~truly_new)
    assert np.array_equal(
        found.exiter_kind == KIND_UNMEASURED, ~np.isin(found.exiter, every.exiter)
    )


@given(seed=seeds)
def test_consecutive_and_distant_pairs_are_matched_alike(seed):
    codes, time, *_ = random_panel(seed, periods=4)
    pairs = np.array([[0, 1], [2, 3], [1, 2]])
    near = match_pairs(codes, time, pairs)
    far = match_pairs(codes, 2 * time, 2 * pairs)  # two calendar steps apart: the other path

    def as_sets(matches):
        return (
            set(zip(matches.start, matches.end, matches.pair, strict=True)),
            set(zip(matches.entrant, matches.entrant_pair, matches.entrant_kind, strict=True)),
            set(zip(matches.exiter, matches.exiter_pair, matches.exiter_kind, strict=True)),
        )

    assert as_sets(near) == as_sets(far)


def test_returning_firms_are_told_from_true_entrants_and_exiters():
    codes = np.array([0, 0, 0, 0, 1, 1, 2, 3, 3])
    time = np.array([0, 1, 2, 3, 0, 2, 2, 1, 3])
    found = match_pairs(codes, time, np.array([[1, 2]]))
    assert codes[found.entrant].tolist() == [1, 2]
    assert found.entrant_kind.tolist() == [KIND_RETURNING, KIND_TRUE]
    assert codes[found.exiter].tolist() == [3]
    assert found.exiter_kind.tolist() == [KIND_RETURNING]


@given(seed=seeds)
def test_switchers_leave_one_population_and_enter_the_other(seed):
    codes, time, phi, weight = random_panel(seed)
    industry = np.random.default_rng(seed).integers(0, 2, codes.shape[0])
    matches, switchers = part_switchers(match_pairs(codes, time, np.array([[0, 1]])), industry)
    moments = dec.pair_moments(matches, phi, weight, industry, (1, 2, 1))
    for j in (0, 1):
        mine = industry == j
        alone = dec.pair_moments(
            match_pairs(codes[mine], time[mine], np.array([[0, 1]])),
            phi[mine],
            weight[mine],
            np.zeros(int(mine.sum()), np.int64),
            (1, 1, 1),
        )
        for name in ("w1", "w2", "w1f2", "m1f1"):
            ours = getattr(moments.survivors, name)[0, j, 0]
            assert ours == pytest.approx(getattr(alone.survivors, name)[0, 0, 0], abs=ROUNDING)
        for side in ("entrants", "exiters"):
            ours = getattr(moments, side).wf.sum(axis=0)[0, j, 0]
            theirs = getattr(alone, side).wf.sum(axis=0)[0, 0, 0]
            assert ours == pytest.approx(theirs, abs=ROUNDING)
    there = [np.isin(codes[time == t], codes[time == 1 - t]) for t in (0, 1)]
    before, after = industry[time == 0][there[0]], industry[time == 1][there[1]]
    assert switchers.sum() == (before != after).sum()


@given(seed=seeds)
def test_sampling_weights_stand_for_copies_of_a_firm(seed):
    codes, time, phi, weight = random_panel(seed)
    copies = np.random.default_rng(seed).integers(1, 4, int(codes.max()) + 1)
    design = copies[codes].astype(float)
    repeat = copies[codes]
    offset = np.concatenate(([0], np.cumsum(copies)))[:-1]
    inner = np.concatenate([np.arange(k) for k in repeat])
    many = np.repeat(offset[codes], repeat) + inner
    order = np.lexsort((np.repeat(time, repeat), many))
    copied = [np.repeat(a, repeat)[order] for a in (time, phi, weight)]
    for method in dec.METHODS:
        ours = decompose(method, codes, time, phi, weight * design, design=design)
        theirs = decompose(method, many[order], *copied)
        for name in TERMS:
            assert ours[name] == pytest.approx(theirs[name], abs=ROUNDING, nan_ok=True)


@given(seed=seeds)
def test_total_moments_are_those_of_one_part(seed):
    codes, time, phi, weight = random_panel(seed)
    matches = match_pairs(codes, time, np.array([[0, 1]]))
    parts = dec.pair_moments(matches, phi, weight, codes % 3, (1, 1, 3))
    one = dec.pair_moments(matches, phi, weight, np.zeros_like(codes), (1, 1, 1))
    total = dec.total_moments(parts)
    for side in ("survivors", "entrants", "exiters"):
        for field in fields(getattr(one, side)):
            ours = getattr(getattr(total, side), field.name)
            theirs = getattr(getattr(one, side), field.name)
            assert ours == pytest.approx(theirs, abs=ROUNDING)


@given(seed=seeds, pivot=st.floats(-3, 3))
def test_static_terms_sum_to_the_aggregate(seed, pivot):
    codes, time, phi, weight = random_panel(seed)
    cell = time * 3 + codes % 3
    moments = levels.level_moments(phi, weight, cell, (2, 3), pivot=pivot)
    for method in (
        levels.olley_pakes,
        levels.collard_wexler_de_loecker,
        levels.nested_olley_pakes,
    ):
        terms = method(moments)
        total = (terms.mean + terms.covariance + terms.between).sum(axis=-1)
        for t in (0, 1):
            Phi = np.average(phi[time == t], weights=weight[time == t])
            assert terms.aggregate[t] == pytest.approx(Phi, abs=ROUNDING)
            assert total[t] == pytest.approx(Phi, abs=ROUNDING)


@given(seed=seeds)
def test_olley_pakes_by_group_of_nesting_equals_olley_pakes_of_the_group(seed):
    codes, _, phi, weight = random_panel(seed)
    moments = levels.level_moments(phi, weight, codes % 2, (2,))
    nested = levels.nested_olley_pakes(moments)
    alone = levels.olley_pakes(
        replace(
            moments, **{f.name: getattr(moments, f.name)[:, None] for f in fields(moments)[:-1]}
        )
    )
    share = moments.w / moments.w.sum()
    assert nested.mean == pytest.approx(share * alone.mean[:, 0], abs=ROUNDING)
    assert nested.covariance == pytest.approx(share * alone.covariance[:, 0], abs=ROUNDING)


@given(seed=seeds)
def test_structural_terms_sum_with_industries_that_come_and_go(seed):
    rng = np.random.default_rng(seed)
    S1, S2 = rng.random(5), rng.random(5)
    S1[0] = S2[1] = 0.0
    Phi1, Phi2 = rng.normal(size=5), rng.normal(size=5)
    terms = levels.structural(S1, S2, Phi1, Phi2)
    change = np.average(Phi2, weights=S2) - np.average(Phi1, weights=S1)
    assert terms.total.sum() == pytest.approx(change, abs=ROUNDING)
    assert terms.within[[0, 1]].tolist() == [0.0, 0.0]
    assert terms.arrival[1:].tolist() == [0.0] * 4
    shifted = levels.structural(S1, S2, Phi1 + 9, Phi2 + 9)
    assert shifted.total == pytest.approx(terms.total, abs=1e-11)


@given(seed=seeds)
def test_petrin_levinsohn_adds_up_to_growth_measured_without_elasticities(seed):
    rng = np.random.default_rng(seed)
    n, k = 6, 2
    value = (rng.random(n) + 1, rng.random(n) + 1)
    cost = (rng.random((n, k)), rng.random((n, k)))
    dlnx = rng.normal(size=(n, k))
    dlny = rng.normal(size=n)
    elasticity = rng.random(k)
    demand = (float(value[0].sum()), float(value[1].sum()))
    terms = levels.petrin_levinsohn(
        value, dlny, dlnx, cost, elasticity, dlny - dlnx @ elasticity, demand
    )
    parts = terms.technical + terms.reallocation.sum(axis=1)
    assert parts == pytest.approx(terms.growth, abs=ROUNDING)
    assert terms.residual == pytest.approx(np.zeros(n), abs=ROUNDING)


def test_thousands_of_cells_hold_the_same_sums_as_their_whole():
    """More cells than an int8 counts, and than a block has rows per cell."""
    codes, time, phi, weight = random_panel(1, survivors=300)
    matches = match_pairs(codes, time, np.array([[0, 1]]))
    many = dec.pair_moments(matches, phi, weight, codes * 31 % 5000, (1, 1, 5000))
    one = dec.pair_moments(matches, phi, weight, np.zeros_like(codes), (1, 1, 1))
    for name in METHOD_TERMS:
        ours = getattr(dec.griliches_regev(many), name).sum()
        assert ours == pytest.approx(getattr(dec.griliches_regev(one), name).sum(), abs=ROUNDING)


METHOD_TERMS = ("within", "between", "entry", "exit", "total")
