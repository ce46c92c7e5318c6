"""TFP levels of the Penn World Table 11.0, all countries and years."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tfp_index.datasets.hours import fill_hours

# PWT publishes single precision; differences reach 3e-6 where levels are far above one
LEVELS = 4e-6
COUNTRY_YEARS = 6_988


def levels(frame, output, labor, entity):
    panel = tfp.Panel.from_frame(
        frame,
        entity=entity,
        time="year",
        output=output,
        capital="ck",
        labor=labor,
        labor_share="labsh",
    )
    return tfp.TFPLevels(base="USA").fit(panel).to_frame()["tfp"].to_numpy()


@pytest.mark.parametrize(("output", "published"), [("cgdpo", "ctfp"), ("cda", "cwtfp")])
def test_ctfp_and_cwtfp_from_the_bundled_table(output, published):
    frame = tfp.datasets.load("pwt110")
    found = levels(frame, output, "labor_input", "country")
    theirs = frame[published].to_numpy()
    assert np.isfinite(theirs).sum() == COUNTRY_YEARS
    assert np.array_equal(np.isfinite(found), np.isfinite(theirs))
    assert np.nanmax(np.abs(found - theirs)) < LEVELS


@pytest.mark.parametrize(("output", "published"), [("cgdpo", "ctfp"), ("cda", "cwtfp")])
def test_ctfp_and_cwtfp_from_the_table_as_published(shared_file, output, published):
    frame = pd.read_csv(shared_file("data/growth/pwt110_tfp_columns_all.csv.gz"))
    hours = fill_hours(frame["isocode"], frame["year"], frame["avh"]).hours
    frame["labor"] = frame["emp"] * hours * frame["hc"]
    found = levels(frame, output, "labor", "isocode")
    assert np.nanmax(np.abs(found - frame[published])) < LEVELS
    assert np.isfinite(found).sum() == COUNTRY_YEARS


def test_the_bilateral_comparison_is_another_number():
    frame = tfp.datasets.load("pwt110")
    panel = tfp.Panel.from_frame(
        frame,
        entity="country",
        time="year",
        output="cgdpo",
        capital="ck",
        labor="labor_input",
        labor_share="labsh",
    )
    spec = tfp.BilateralIndex(
        formula="tornqvist", kind="tfp", compare="entity", chained=False, base="USA"
    )
    found = spec.fit(panel).to_frame()["tfp_index"].to_numpy()
    apart = np.abs(np.log(found) - np.log(frame["ctfp"].to_numpy()))
    # by some 4 per cent in the median, measured
    assert 0.03 < np.nanmedian(apart) < 0.06


def test_multilateral_index_gives_the_same_levels():
    frame = tfp.datasets.load("pwt110")
    panel = tfp.Panel.from_frame(
        frame,
        entity="country",
        time="year",
        output="cgdpo",
        capital="ck",
        labor="labor_input",
        labor_share="labsh",
    )
    spec = tfp.MultilateralIndex(formula="ccd", compare="entity", base="USA")
    found = spec.fit(panel).to_frame()["tfp_index"].to_numpy()
    assert np.nanmax(np.abs(found - frame["ctfp"].to_numpy())) < LEVELS
