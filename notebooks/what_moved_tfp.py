# %% [markdown]
# # What moved the province's TFP
#
# A province's productivity is made by its enterprises. They grow, they gain or lose weight, they
# come and go. This notebook takes the change of a province's TFP apart, and checks the answer
# against the truth, because the province is simulated: districts and industries have real names,
# every enterprise is invented.

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import tfp_index as tfp

sim = tfp.datasets.simulate.province(enterprises=2_000, periods=10, rng=2025)
frame = sim.frame()
frame["true_tfp"] = sim.truth.productivity
panel = tfp.Panel.from_frame(
    frame, **{**sim.roles, "columns": {"true_tfp": "true_tfp", "labor_cost": "labor_cost"}}
)
panel

# %% [markdown]
# ## The change, and where it came from
#
# Levels of TFP are not comparable across industries, so each enterprise is measured from its
# industry's mean in 2015. What follows uses the true TFP that no statistician ever sees.

# %%
level = tfp.Aggregation(relative="industry").fit(panel, "true_tfp")
level.to_frame()[["year", "productivity", "index", "n"]].round(4)

# %%
truth = tfp.Decomposition(relative="industry").fit(panel, "true_tfp", periods=[(2015, 2024)])
truth.to_frame()[["method", "total", "within", "between", "entry", "exit"]].round(4)

# %% [markdown]
# Both methods agree on entry and exit, because both measure entrants and exiters against survivors.
# They share survivors out in two ways. The simulation says what to expect:
#
# * every industry has a trend, from half a percent to two and a half percent a year, so `within` is
#   positive;
# * entrants start 0.08 lower than the rest, so entry of a single year is negative;
# * enterprises leave when they are unproductive, so exit is positive.

# %%
yearly = tfp.Decomposition(method="diewert_fox", relative="industry").fit(panel, "true_tfp")
terms = yearly.to_frame()
terms[["end", "total", "within", "between", "entry", "exit"]].round(4)

# %%
assert (terms["exit"] > 0).mean() > 0.7
assert terms["entry"].mean() < 0
ax = tfp.plot.decomposition(yearly)

# %% [markdown]
# ## A long difference is not a sum of years
#
# Totals add up. Terms do not: what entrants learn in the years after they came counts as `entry` in
# the long difference and as `within` in the sum of years. The library labels which is which.

# %%
chained = yearly.chained(2015, 2024).to_frame()
long = truth.to_frame().query("method == 'diewert_fox'")
columns = ["kind", "total", "within", "between", "entry", "exit"]
both = pd.concat([long[columns], chained[columns]], ignore_index=True)
assert np.isclose(both["total"][0], both["total"][1])
both.round(4)

# %% [markdown]
# ## Districts and industries
#
# Contributions of districts are sums over their enterprises.

# %%
districts = tfp.Decomposition(method="diewert_fox", relative="industry", by="district")
by_district = districts.fit(panel, "true_tfp", periods=[(2015, 2024)])
ax = tfp.plot.decomposition(by_district, by="district", language="vi")

# %% [markdown]
# Inside each industry, and between them. Structure is small here: demand in the simulated province
# does not shift.

# %%
nested = tfp.Decomposition(method="diewert_fox", relative="industry", within="industry")
by_industry = nested.fit(panel, "true_tfp", periods=[(2015, 2024)])
industries = by_industry.industries().to_frame()
names = frame.drop_duplicates("industry").set_index("industry")["industry_name"]
industries.insert(1, "name", industries["industry"].map(names))
industries[["industry", "name", "within", "structure", "total"]].round(4)

# %%
trend = pd.Series({k[-1]: v for k, v in sim.truth.parameters.items() if k.startswith("trend_")})
own = by_industry.to_frame().query("industry != '(total)'").set_index("industry")
check = pd.DataFrame({"trend over nine years": 9 * trend, "within": own["within"]})
assert (check["trend over nine years"] - check["within"]).abs().median() < 0.04
check.round(3)

# %% [markdown]
# Mining (B) and electricity (D) have few enterprises, some of them very large: their own fortunes
# show beside the trend.

# %% [markdown]
# ## With estimated TFP
#
# Now as a statistician, with productivity estimated industry by industry: once by least squares on
# gross output, once with Ackerberg, Caves and Frazer's control function on value added.


# %%
def estimated(method):
    """Log TFP of every row, from an estimate for each industry."""
    parts = []
    for _, part in frame.groupby("industry"):
        fitted = method.fit(tfp.Panel.from_frame(part, **sim.roles))
        found = fitted.productivity.to_frame()
        parts.append(found[["enterprise", "year", "productivity"]])
    both = frame[["enterprise", "year"]].merge(pd.concat(parts), how="left")
    return both["productivity"].to_numpy()


frame["least_squares"] = estimated(tfp.CobbDouglas())
frame["control_function"] = estimated(tfp.AckerbergCavesFrazer())
names = ("true_tfp", "least_squares", "control_function")
seen = tfp.Panel.from_frame(frame, **{**sim.roles, "columns": {name: name for name in names}})
spec = tfp.Decomposition(method="diewert_fox", relative="industry")
rows = [
    spec.fit(seen, name, periods=[(2015, 2024)]).to_frame().assign(productivity=name)
    for name in names
]
compared = pd.concat(rows)[["productivity", "total", "within", "between", "entry", "exit"]]
cell = frame.groupby(["industry", "year"])
inside = frame[list(names)] - cell[list(names)].transform("mean")
compared["correlation with the truth"] = [inside["true_tfp"].corr(inside[n]) for n in names]
assert compared["correlation with the truth"].iloc[2] > 0.95
compared.round(3)

# %% [markdown]
# Least squares finds nothing to decompose: materials are bought in view of productivity, so they
# take its place in the regression. The control function ranks enterprises almost as the truth does.
# Its numbers are larger because they are about value added: a gain of one percent in gross output
# is a gain of 1/(1 − share of materials) percent in value added. Say on which output a TFP stands.

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="constrained")
for ax, name in zip(axes, ("true_tfp", "control_function"), strict=True):
    spread = tfp.Dispersion(within=("industry", "year"), by="year").fit(seen, name)
    tfp.plot.dispersion(spread, title=name, ax=ax)

# %% [markdown]
# ## What may be published
#
# A district with few entrants must not show what they added. Terms are judged by the enterprises
# they are about, and what could be had by subtraction goes too.

# %%
last_year = districts.fit(panel, "true_tfp", periods=[(2023, 2024)])
public = last_year.to_public()
public.counts()

# %%
shown = public.to_frame().pivot(index="district", columns="term", values="contribution")
shown[["within", "between", "entry", "exit", "(total)"]].round(4)

# %% [markdown]
# ## Real plants
#
# The same on Colombian food plants, 1981–91, where a copy of the file is at hand: set
# `TFP_INDEX_PLANTS` to the path of `colombian_311_input.csv` (columns `id, year, tfp, s_out`).

# %%
path = Path(os.environ.get("TFP_INDEX_PLANTS", ""))
if path.is_file():
    plants = tfp.Panel.from_frame(
        pd.read_csv(path), entity="id", time="year", columns={"tfp": "tfp", "s_out": "s_out"}
    )
    four = ("griliches_regev", "foster_haltiwanger_krizan", "diewert_fox", "melitz_polanec")
    ten_years = tfp.Decomposition(method=four, weight="s_out").fit(
        plants, "tfp", periods=[(81, 91)]
    )
    print(ten_years.to_frame()[["method", "total", "within", "between", "cross", "entry", "exit"]])
    inside = tfp.Decomposition(method="diewert_fox", weight="s_out", keep_firms=True)
    print(inside.fit(plants, "tfp", periods=[(85, 86)]).top(5))
else:
    print("no plants at hand")
