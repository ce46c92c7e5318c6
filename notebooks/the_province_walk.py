# %% [markdown]
# # The whole walk: from enterprises to one report
#
# A department has enterprise returns, a criteria set and a plan. This notebook walks from the
# returns to the report that is handed upward: TFP by estimator, what moved it, scores and ranks,
# levers, the plan, one report in Vietnamese, and the public edition that gives no enterprise away.
#
# The province is **simulated**: districts and industries have real names, every enterprise and
# every number is invented. That is why each step can be set beside the truth.

# %%
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import tfp_index as tfp

sim = tfp.datasets.simulate.province(enterprises=1_000, periods=8, first_year=2016, rng=2026)
frame = sim.frame()
# the true TFP in terms of value added: that of output, with materials following
frame["truth"] = sim.truth.productivity / (1 - sim.truth.by_row["materials"])
# a practice that is given by lot and does nothing
members = np.random.default_rng(1).random(frame["enterprise"].nunique()) < 0.25
frame["iso"] = members[pd.factorize(frame["enterprise"])[0]].astype(float)
panel = tfp.Panel.from_frame(
    frame,
    **{
        **sim.roles,
        "columns": {"labor_cost": "labor_cost", "truth": "truth", "iso": "iso"},
        "vintage": "simulated",
    },
)
panel

# %% [markdown]
# ## TFP of enterprises, by estimator
#
# Every industry gets its own elasticities. Least squares takes a productive enterprise's larger
# inputs for the cause of its output; the control function of Ackerberg, Caves and Frazer does not.

# %%
specs = {
    "least squares": tfp.CobbDouglas(
        output="value_added", inputs=("labor", "capital"), by="industry"
    ),
    "Wooldridge": tfp.Wooldridge(by="industry"),
    "ACF": tfp.AckerbergCavesFrazer(by="industry"),
}
with warnings.catch_warnings():
    warnings.simplefilter("ignore", tfp.TFPWarning)  # two industries have few enterprises
    found = {name: spec.fit(panel).productivity for name, spec in specs.items()}

compared = panel.keys.columns() | {"truth": panel["truth"]}
table = pd.DataFrame(compared | {name: values["productivity"] for name, values in found.items()})
industry = panel.groups["industry"].codes
within = table[["truth", *specs]] - table[["truth", *specs]].groupby(industry).transform("mean")
within.corr()["truth"].round(3)

# %% [markdown]
# ## The province's index, and what moved it

# %%
productivity = found["ACF"]
index = tfp.Aggregation(relative="industry", by="district").fit(panel, productivity)
truth = tfp.Aggregation(relative="industry").fit(panel, "truth")
total = index.to_frame().query("district == '(total)'").set_index("year")["index"]
pd.DataFrame({"ACF": total, "truth": truth.to_frame().set_index("year")["index"]}).round(1)

# %%
change = tfp.Decomposition("diewert_fox", relative="industry").fit(panel, productivity)
ax = tfp.plot.decomposition(change)

# %% [markdown]
# ## Scores
#
# The bundled set for provinces is a *proposal, not official*. Here it scores the districts, on the
# indicators that the simulation has; the set says which are missing.

# %%
districts = frame.groupby(["district", "year"], as_index=False).agg(
    grdp=("value_added", "sum"),
    capital=("capital", "sum"),
    labor=("labor", "sum"),
    enterprises=("enterprise", "nunique"),
    certified_enterprises=("iso", "sum"),
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", tfp.DataWarning)  # names the indicators without data
    scores = tfp.CriteriaSet.load("province").score(districts, unit="district", time="year")
card = tfp.report.Criteria(
    scores,
    unit="Hạ Long",
    uncertainty=scores.uncertainty(reps=300, rng=7),
    entity_kind="area",
)
scores.ranking(2023).to_frame().head(5).round(1)

# %%
ax = tfp.plot.rank_intervals(card.uncertainty)

# %% [markdown]
# ## Levers
#
# Each lever alters the enterprises' data in one way, all else equal, and adds the province up
# again. The practice was given by lot, so its interval should hold zero: it is an association.

# %%
levers = tfp.Levers(by=("district",), practices=("iso",)).fit(panel, productivity)
levers.ranking().to_frame()[["lever", "points", "low", "high", "kind"]].round(2)

# %%
print(levers.explain("laggards_p50", "en"))
print()
print(levers.explain("practice:iso", "vi"))

# %%
row = levers.ranking().where(lever="practice:iso").rows()[0]
assert row["low"] < 0 < row["high"]
ax = tfp.plot.levers(levers)

# %% [markdown]
# Any of them can be worked out again by hand from the altered enterprises.

# %%
altered = levers.counterfactual("laggards_p50")
known = np.isfinite(altered["productivity"])
after, before = (
    np.average(altered[name][known], weights=altered[weight][known])
    for name, weight in (("productivity", "weight"), ("before", "weight_before"))
)
points = levers.ranking().where(lever="laggards_p50")["points"][0]
assert abs(100 * (after - before) - points) < 1e-10
points.round(4)

# %% [markdown]
# ## The plan
#
# Targets of Plan 203/KH-UBND of Quảng Ninh; the progress is invented.

# %%
progress = pd.DataFrame(
    [
        ("T1", 2021, 4), ("T1", 2022, 5), ("T1", 2023, 5),
        ("T2", 2021, 190), ("T2", 2022, 215), ("T2", 2023, 160),
        ("T3", 2020, 200), ("T3", 2021, 224), ("T3", 2022, 252), ("T3", 2023, 285),
        ("T6", 2021, 0), ("T6", 2022, 0.5), ("T6", 2023, 1),
    ],
    columns=["target", "year", "value"],
)  # fmt: skip
status = tfp.Plan.load("quang_ninh_203").track(progress, as_of=2023)
status.to_frame(lang="en")[["target", "status", "value", "expected"]].dropna()

# %% [markdown]
# ## One report
#
# The internal edition shows everything. The public one puts each cell about enterprises under the
# disclosure rules, all tables of the panel together, and says of each cell what was decided. The
# decomposition above is not split by district: beside the index by district it would give
# districts away by subtraction, and the rules would withhold most of both.

# %%
told = [index, change, card, levers, status]
folder = Path("report")
internal = tfp.report.write(folder / "internal.html", told, language="vi", also=["xlsx"])
public = tfp.report.write(
    folder / "public.html", told, language="vi", public=True, also=["xlsx", "figures"]
)
sorted({path.suffix for path in public.files}), len(public.tables)

# %%
cells = pd.read_csv(folder / "public_data" / "disclosure_cells.csv")
cells.groupby(["table", "status"]).size().unstack(fill_value=0)

# %% [markdown]
# No enterprise stands in any file of the public edition, and no count of them.

# %%
names = set(frame["enterprise"].astype(str))
for path in public.files:
    if path.suffix in (".html", ".csv", ".json"):
        assert not names & set(path.read_text(encoding="utf-8").split())
