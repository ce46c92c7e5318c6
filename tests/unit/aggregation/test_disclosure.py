from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tfp_index as tfp
from tests.profiles import examples
from tfp_index.aggregation._cells import OTHER, TOTAL
from tfp_index.kernels import disclosure as kernel

NO_RULE = {"min_count": None, "dominance": None, "p_percent": None}
SETTINGS = {
    "freq_lt3": {"min_count": 3},
    "freq_lt5": {"min_count": 5},
    "freq_lt10": {"min_count": 10},
    "nk_1_75": {"dominance": (1, 75)},
    "nk_2_85": {"dominance": (2, 85)},
    "nk_2_90": {"dominance": (2, 90)},
    "p10": {"p_percent": 10},
    "p15": {"p_percent": 15},
}


def firms(seed=0, n=300, years=(2023, 2024)):
    """Firms of districts, industries and size classes, some of them nearly alone."""
    rng = np.random.default_rng(seed)
    districts = np.array(["Hạ Long", "Cẩm Phả", "Uông Bí", "Móng Cái", "Cô Tô"], object)
    frame = pd.DataFrame(
        {
            "firm": np.arange(n),
            "district": rng.choice(districts, n, p=[0.4, 0.3, 0.2, 0.08, 0.02]),
            "industry": rng.choice(np.array(["B", "C", "G"], object), n, p=[0.1, 0.5, 0.4]),
            "size": rng.choice(np.array(["nhỏ", "vừa", "lớn"], object), n, p=[0.7, 0.2, 0.1]),
        }
    )
    parts = []
    for year in years:
        here = frame[rng.random(n) < 0.9].assign(year=year)
        parts.append(here.assign(output=np.exp(2 + 1.3 * rng.normal(size=len(here)))))
    return pd.concat(parts, ignore_index=True)


def panel_of(frame, **more):
    groups = {"district": "district", "industry": "industry", "size": "size", **more}
    return tfp.Panel.from_frame(frame, entity="firm", time="year", output="output", groups=groups)


@pytest.mark.parametrize("setting", list(SETTINGS))
def test_flags_of_400_firms_with_margins(reference, setting):
    document = reference("aggregation")["disclosure"]
    given, want = document["inputs"], document["primary_flags_rev"]
    frame = pd.DataFrame({k: given[k] for k in ("firmid", "province", "industry", "rev")})
    panel = tfp.Panel.from_frame(
        frame.assign(year=1), entity="firmid", time="year", output="rev",
        groups={"province": "province", "industry": "industry"},
    )  # fmt: skip
    cells = tfp.Cells.from_panel(panel, by=["province", "industry"], sums=["output"])
    rules = tfp.DisclosureRules(**{**NO_RULE, **SETTINGS[setting]}, secondary=False)
    table = rules.apply(cells).restricted
    ours = {
        (p.replace(TOTAL, "Total"), i.replace(TOTAL, "Total")): status == "suppressed"
        for p, i, status in zip(table["province"], table["industry"], table["status"], strict=True)
    }
    theirs = dict(zip(zip(want["province"], want["industry"], strict=True), want[setting],
                      strict=True))  # fmt: skip
    assert {key: ours[key] for key in theirs} == theirs
    assert not any(flag for key, flag in ours.items() if key not in theirs)  # empty cells


def test_a_table_made_elsewhere_is_judged_by_its_counts_and_largest(reference):
    want = reference("aggregation")["disclosure"]["primary_flags_rev"]
    cells = tfp.Cells.from_frame(
        {k: np.array(v) for k, v in want.items()}, by=["province", "industry"],
        values=["total"], total_label="Total",
    )  # fmt: skip
    rules = tfp.DisclosureRules(min_count=None, dominance=(2, 85), p_percent=None, secondary=False)
    flags = (rules.apply(cells).status == "suppressed").tolist()
    assert flags == want["nk_2_85"]


def test_the_public_table_has_status_and_rule_and_no_count():
    cells = tfp.Cells.from_panel(panel_of(firms()), by=["district", "industry"], sums=["output"])
    disclosed = tfp.DisclosureRules().apply(cells)
    public = disclosed.public
    assert list(public.columns) == ["district", "industry", "year", "output", "status", "rule"]
    blank = public["status"] != "published"
    assert np.isnan(public["output"][blank]).all()
    assert not np.isnan(public["output"][~blank]).any()
    assert set(public["rule"][public["status"] == "published"]) == {""}
    assert "" not in set(public["rule"][public["status"] == "suppressed"])
    restricted = disclosed.restricted
    assert {"n", "largest_1", "share_of_two_largest"} <= set(restricted.columns)
    assert "RESTRICTED" in restricted.title
    assert "n" not in public.columns
    assert disclosed.counts()["cells"].sum() == len(public)


def test_show_rule_and_rounding():
    cells = tfp.Cells.from_panel(
        panel_of(firms()), by="district", sums=["output"], means=["output"]
    )
    rules = tfp.DisclosureRules(show_rule=False, rounding=5, decimals=1)
    public = rules.apply(cells).public
    assert "rule" not in public.columns
    shown = public["output"][public["status"] == "published"]
    assert np.allclose(shown % 5, 0)
    mean = public["mean_output"][public["status"] == "published"]
    assert np.allclose(mean, np.round(mean, 1))


def test_the_same_cells_are_blank_in_every_year_unless_asked_otherwise():
    frame = firms(seed=3)
    cells = tfp.Cells.from_panel(panel_of(frame), by=["district", "industry"], sums=["output"])

    def blanks(rules):
        public = rules.apply(cells).public
        return {
            year: {
                (d, i)
                for d, i, y, s in zip(*(public[c] for c in ("district", "industry", "year",
                                                            "status")), strict=True)
                if y == year and s == "suppressed"
            }
            for year in (2023, 2024)
        }  # fmt: skip

    same = blanks(tfp.DisclosureRules())
    assert same[2023] == same[2024]
    apart = blanks(tfp.DisclosureRules(same_over_time=False))
    assert apart[2023] != apart[2024]
    rules = tfp.DisclosureRules(secondary=False).apply(cells).rule
    assert "other period" in set(rules)


def exact_rank(rows):
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


def attack(frame, published, dimensions):
    """What a reader of all public tables can work out: blanks that follow exactly.

    The attacker thinks in the finest cells (district x industry x size x year), knows which of
    them have no firm, and reads every published number as a sum of them.
    """
    atoms = frame.groupby([*dimensions, "year"]).size().index.tolist()
    place = {atom: i for i, atom in enumerate(atoms)}

    def vector(keys, year):
        row = [0] * len(atoms)
        for atom in atoms:
            labels = dict(zip(dimensions, atom, strict=False))
            if atom[-1] == year and all(labels[k] == v for k, v in keys.items()):
                row[place[atom]] = 1
        return row

    known, blanks = [], []
    for table in published:
        names = [c for c in table.columns if c in dimensions]
        for row in table.rows():
            keys = {n: row[n] for n in names if row[n] != TOTAL}
            v = vector(keys, row["year"])
            if not any(v):
                continue
            (known if row["status"] == "published" else blanks).append((keys, row["year"], v))
    broken = []
    for year in sorted(set(frame["year"])):
        columns = [i for i, atom in enumerate(atoms) if atom[-1] == year]
        equations = [[v[i] for i in columns] for _, y, v in known if y == year]
        rank = exact_rank(equations) if equations else 0
        for keys, y, v in blanks:
            if y == year and exact_rank([*equations, [v[i] for i in columns]]) == rank:
                broken.append((keys, year))
    return broken, blanks


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=examples(8))
def test_attack_on_several_public_tables_at_once_recovers_nothing(seed):
    """District x industry and district x size share their margins: differencing tables."""
    frame = firms(seed, n=120)
    panel = panel_of(frame)
    tables = [
        tfp.Cells.from_panel(panel, by=by, sums=["output"])
        for by in (["district", "industry"], ["district", "size"])
    ]
    disclosed = tfp.DisclosureRules().apply(tables)
    broken, blanks = attack(frame, [d.public for d in disclosed], ["district", "industry", "size"])
    assert not broken
    assert blanks


def two_tables(seed, n):
    frame = firms(seed, n=n)
    panel = panel_of(frame)
    by = (["district", "industry"], ["district", "size"])
    return frame, [tfp.Cells.from_panel(panel, by=names, sums=["output"]) for names in by]


def test_the_attack_is_real():
    """It breaks primary suppression alone, and two tables that do not know of each other."""
    names = ["district", "industry", "size"]
    frame, tables = two_tables(0, 120)
    bare = tfp.DisclosureRules(secondary=False)
    assert attack(frame, [bare.apply(table).public for table in tables], names)[0]
    frame, tables = two_tables(8, 40)
    rules = tfp.DisclosureRules()
    assert attack(frame, [rules.apply(table).public for table in tables], names)[0]
    together = [disclosed.public for disclosed in rules.apply(tables)]
    assert not attack(frame, together, names)[0]


def test_shared_margins_are_treated_alike_in_linked_tables():
    panel = panel_of(firms(1, n=120))
    tables = [
        tfp.Cells.from_panel(panel, by=by, sums=["output"])
        for by in (["district", "industry"], ["district", "size"])
    ]
    one, other = tfp.DisclosureRules().apply(tables)

    def margins(disclosed, across):
        public = disclosed.public
        return {
            (row["district"], row["year"]): row["status"]
            for row in public.rows()
            if row[across] == TOTAL
        }

    assert margins(one, "industry") == margins(other, "size")


def test_small_groups_are_merged_first():
    frame = firms(2)
    rules = tfp.DisclosureRules()
    disclosed = rules.protect(panel_of(frame), by="district", sums=["output"])
    public = disclosed.public
    labels = set(public["district"])
    assert OTHER in labels
    assert "Cô Tô" not in labels
    assert (public["status"] == "published").all()
    assert "Cô Tô" in disclosed.cells.merged["district"]
    assert len(disclosed.cells.merged["district"]) >= 2
    assert any("Cô Tô" in note for note in public.notes)
    total = public["output"][(public["district"] == TOTAL) & (public["year"] == 2024)]
    assert total == pytest.approx(frame.loc[frame["year"] == 2024, "output"].sum())


def test_enterprises_of_one_group_count_as_one():
    frame = firms(0, n=60, years=(2024,))
    frame["district"] = "Hạ Long"
    frame["holding"] = "một"
    panel = panel_of(frame, holding="holding")
    rules = tfp.DisclosureRules(dominance=None, p_percent=None)
    apart = rules.apply(tfp.Cells.from_panel(panel, by="district", sums=["output"]))
    together = rules.apply(
        tfp.Cells.from_panel(panel, by="district", sums=["output"], unit="holding")
    )
    assert (apart.status == "published").all()
    assert (together.status == "suppressed").all()


def test_bounds_hold_the_value():
    cells = tfp.Cells.from_panel(panel_of(firms(4)), by=["district", "industry"], sums=["output"])
    disclosed = tfp.DisclosureRules().apply(cells)
    bounds = disclosed.bounds()
    assert len(bounds) == (disclosed.status == "suppressed").sum()
    slack = 1e-6 * cells.contributions[0].total.max()
    assert (bounds["low"] <= bounds["weight"] + slack).all()
    assert (bounds["high"] >= bounds["weight"] - slack).all()
    open_ = bounds["weight"] > 0
    assert (bounds["high"][open_] > bounds["low"][open_]).all()


def test_empty_cells_say_so():
    frame = firms(0, n=40, years=(2024,))
    frame.loc[frame["district"] == "Cô Tô", "industry"] = "C"
    frame.loc[0, ["district", "industry"]] = ["Cô Tô", "C"]
    cells = tfp.Cells.from_panel(panel_of(frame), by=["district", "industry"], sums=["output"])
    disclosed = tfp.DisclosureRules(secondary=False).apply(cells)
    table = disclosed.public
    rows = [r for r in table.rows() if r["district"] == "Cô Tô" and r["industry"] == "B"]
    assert rows[0]["status"] == "empty"


@pytest.mark.parametrize(
    "options",
    [
        {"min_count": 0},
        {"dominance": (0, 85)},
        {"dominance": (2, 101)},
        {"dominance": 2},
        {"p_percent": 0},
        {"pq": (20, 10)},
        {"rounding": 0},
        {"percentile_window": 4},
    ],
)
def test_parameters_without_sense_are_refused(options):
    with pytest.raises(tfp.SpecificationError):
        tfp.DisclosureRules(**options)


def test_rules_travel_as_json():
    rules = tfp.DisclosureRules(dominance=(3, 75), pq=(5, 50))
    assert tfp.spec_from_dict(rules.to_dict()) == rules


def test_negative_contributions_are_refused():
    frame = firms(0, n=20, years=(2024,))
    frame.loc[3, "output"] = -1.0
    with pytest.raises(tfp.DataError) as error:
        tfp.Cells.from_panel(panel_of(frame), by="district")
    assert error.value.code == "negative_weight"
    assert error.value.entity == frame.loc[3, "firm"]


def test_a_bare_table_is_refused():
    with pytest.raises(tfp.DataError, match="who stands behind") as error:
        tfp.DisclosureRules().apply(pd.DataFrame({"x": [1.0]}))
    assert "Cells" in error.value.remedy


def test_rules_that_look_at_more_contributions_than_were_kept_are_refused():
    cells = tfp.Cells.from_panel(panel_of(firms()), by="district", keep_largest=2)
    with pytest.raises(tfp.DataError, match="need 3"):
        tfp.DisclosureRules(dominance=(3, 80)).apply(cells)


def test_a_cell_given_twice_is_refused():
    frame = {"g": ["a", "a"], "n": [9, 9], "total": [5.0, 5.0], "x1": [1.0, 1.0], "x2": [1.0, 1.0]}
    with pytest.raises(tfp.DataError, match="twice"):
        tfp.DisclosureRules().apply(tfp.Cells.from_frame(frame, by="g"))


def test_values_of_cells_are_what_they_say():
    frame = firms(5)
    panel = panel_of(frame)
    cells = tfp.Cells.from_panel(
        panel, by=["district", "size"], sums=["output"], means=["output"],
        weighted_means=["output"],
    )  # fmt: skip
    lookup = {
        key: i
        for i, key in enumerate(
            zip(cells.keys["district"], cells.keys["size"], cells.time, strict=True)
        )
    }
    for district, size in itertools.product([*set(frame["district"]), TOTAL], ["nhỏ", TOTAL]):
        mine = frame[frame["year"] == 2024]
        mine = mine if district == TOTAL else mine[mine["district"] == district]
        mine = mine if size == TOTAL else mine[mine["size"] == size]
        i = lookup[(district, size, 2024)]
        assert cells.contributions[0].n[i] == len(mine)
        assert cells.values["output"][i] == pytest.approx(mine["output"].sum())
        if len(mine):
            weighted = np.average(mine["output"], weights=mine["output"])
            assert cells.values["mean_output"][i] == pytest.approx(mine["output"].mean())
            assert cells.values["mean_output_by_output"][i] == pytest.approx(weighted)
    assert cells.contributions[0].largest.shape == (len(cells), 3)
    assert isinstance(cells.contributions[0], kernel.Contributions)


def test_sums_of_columns_in_logs_are_sums_of_levels():
    frame = firms(6, years=(2024,))
    logs = frame.assign(output=np.log(frame["output"]))
    groups = {"district": "district"}
    panel = tfp.Panel.from_frame(
        logs, entity="firm", time="year", output="output", groups=groups, logs=True
    )
    ours = tfp.Cells.from_panel(panel, by="district", sums=["output"])
    theirs = tfp.Cells.from_panel(panel_of(frame), by="district", sums=["output"])
    assert ours.values["output"] == pytest.approx(theirs.values["output"])
    assert ours.contributions[0].largest == pytest.approx(theirs.contributions[0].largest)


def test_shares_do_not_give_away_what_a_blank_total_hides():
    """Shares add up to one, so those of the other groups would tell that of the giant."""
    firms = 40
    weight = np.linspace(5.0, 9.0, firms)
    weight[30] = 5000.0
    frame = {
        "firm": [f"f{k}" for k in range(firms)], "year": [2024] * firms, "va": weight,
        "tfp": np.linspace(0.0, 1.0, firms),
        "industry": ["A"] * 15 + ["B"] * 15 + ["giant"] * 6 + ["small"] * 4,
    }  # fmt: skip
    panel = tfp.Panel.from_frame(
        frame, entity="firm", time="year", columns={"va": "va", "tfp": "tfp"},
        groups={"industry": "industry"},
    )  # fmt: skip
    result = tfp.Aggregation(weight="va", by="industry").fit(panel, productivity="tfp")
    public = result.to_public().public
    rows = {row["industry"]: row for row in public.rows()}
    assert rows["(total)"]["status"] == rows["giant"]["status"] == "suppressed"
    assert rows["A"]["status"] == "published"
    assert rows["A"]["productivity"] is not None
    assert np.isnan(public["share"]).all()
    assert any("shares are blank" in note for note in public.notes)
    weight[30] = 8.0  # without the giant the total is published, and so are shares
    panel = tfp.Panel.from_frame(
        {**frame, "va": weight}, entity="firm", time="year", columns={"va": "va", "tfp": "tfp"},
        groups={"industry": "industry"},
    )  # fmt: skip
    public = tfp.Aggregation(weight="va", by="industry").fit(panel, productivity="tfp").to_public()
    rows = {row["industry"]: row for row in public.public.rows()}
    assert rows["(total)"]["status"] == "published"
    assert rows["A"]["share"] > 0
