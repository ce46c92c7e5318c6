"""What may be published of levers: nothing that rests on few, nothing to be had by subtraction."""

from __future__ import annotations

import numpy as np
import pytest

import tfp_index as tfp
from tests.unit.criteria.lever_data import panel_of, province


@pytest.fixture(scope="module")
def data():
    return province()


@pytest.fixture(scope="module")
def levers(data):
    spec = tfp.Levers(by=("industry", "district"), practices="iso9001")
    return spec.fit(panel_of(*data), productivity="tfp")


def test_the_public_form_blanks_what_rests_on_few(levers):
    disclosed = levers.to_public()
    public = disclosed.public.to_frame()
    rows = levers.tidy().to_frame()
    assert public["points"].isna().any()
    assert public["points"].notna().any()
    hidden = public[public["status"] == "suppressed"]
    assert hidden[["points", "low", "high"]].isna().all().all()
    counts = rows.merge(
        public.assign(
            by=np.where(public["industry"] != "(total)", "industry",
                        np.where(public["district"] != "(total)", "district", "")),
            group=np.where(public["industry"] != "(total)", public["industry"],
                           public["district"]),
        )[["lever", "by", "group", "status"]],
        on=["lever", "by", "group"],
    )  # fmt: skip
    assert len(counts) == len(rows)
    few = counts[(counts["enterprises"] < 5) & (counts["enterprises"] > 0)]
    assert len(few)
    assert (few["status"] == "suppressed").all()
    assert (counts[counts["of"] < 5]["status"] == "suppressed").all()


def test_no_blank_follows_from_a_total(levers):
    public = levers.to_public().public.to_frame()
    for dim, other in (("industry", "district"), ("district", "industry")):
        groups = public[(public[other] == "(total)") & (public[dim] != "(total)")]
        for lever, block in groups.groupby("lever"):
            whole = public[
                (public["lever"] == lever)
                & (public["industry"] == "(total)")
                & (public["district"] == "(total)")
            ]
            blank = (block["status"] == "suppressed").sum()
            if whole["points"].notna().all():
                assert blank != 1, (lever, dim)


def test_published_groups_pass_the_rules_worked_out_again(levers, data):
    frame, _ = data
    public = levers.to_public().public.to_frame()
    published = public[public["status"] == "published"]
    checked = 0
    for lever, block in published.groupby("lever"):
        rows = levers.counterfactual(lever).to_frame().merge(frame, on=["enterprise", "year"])
        rows = rows.dropna(subset=["points"])
        for dim in ("industry", "district"):
            for group in set(block[dim]) - {"(total)"}:
                mine = rows[rows[dim] == group]
                for sizes in (mine["points"].abs(), mine["weight_before"]):
                    top = np.sort(sizes[sizes > 0.0])[::-1]
                    if top.size:
                        assert top.size >= 5, (lever, group)
                        assert top[:2].sum() <= 0.85 * top.sum(), (lever, group)
                        assert top[2:].sum() >= 0.10 * top[0], (lever, group)
                        checked += 1
    assert checked > 50


def test_a_dominant_enterprise_hides_its_group(data):
    frame, roles = data
    frame = frame.copy()
    last = frame["year"] == frame["year"].max()
    one = frame.index[last & (frame["district"] == "Hạ Long")][0]
    frame.loc[one, "value_added"] = frame.loc[last, "value_added"].sum() * 3
    fit = tfp.Levers(by="district", levers="frontier").fit(panel_of(frame, roles), "tfp")
    public = fit.to_public().public.to_frame().set_index("district")
    assert public.loc["Hạ Long", "status"] == "suppressed"


def test_what_is_public_names_nobody(levers, data):
    text = str(levers.to_public().public.to_dict()) + str(levers.tidy().to_dict())
    assert not [e for e in data[0]["enterprise"].unique()[:200] if e in text]
