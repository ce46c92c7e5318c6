# %% [markdown]
# # Forty-eight states as provinces
#
# A country with provinces is a panel. Publicly available data for the provinces of Viet Nam do not
# yet make one: output, capital *and* labor by province and year. So this notebook practices on a
# country of forty-eight: the states of the USA, 1970–1986, with output, private capital, public
# capital and employment (Munnell 1990). The questions are those a planning department asks:
#
# - Which provinces grew by accumulating, and which by the residual?
# - Does the ranking survive another capital share?
# - What does public capital do to it?
# - Do the provinces add up to the nation?

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import tfp_index as tfp

munnell = tfp.datasets.load("munnell")
munnell.head(3)

# %% [markdown]
# ## One door
#
# `Panel.from_frame` is told which column plays which part. `P_CAP` is public capital; it is given
# as a further input, `public`, so that it can be counted or left out.

# %%
panel = tfp.Panel.from_frame(
    munnell,
    entity="STATE",
    time="YR",
    output="GSP",
    capital="PC",
    labor="EMP",
    inputs={"public": "P_CAP"},
    columns={"unemployment": "UNEMP"},
    vintage="Munnell (1990)",
)
print(panel)
panel.check()

# %% [markdown]
# No findings: no gaps, no repeated years, no jumps. To see that the check does look, give it the
# error that every statistical office knows, a province that reports a year in thousands instead of
# millions:

# %%
broken = munnell.astype({"GSP": float})
row = (broken["STATE"] == "OHIO") & (broken["YR"] == 1980)
broken.loc[row, "GSP"] *= 1000
roles = {"entity": "STATE", "time": "YR", "output": "GSP", "capital": "PC", "labor": "EMP"}
tfp.Panel.from_frame(broken, **roles).check()

# %% [markdown]
# The unit switch is an error: a fit refuses the column, and says where and why.

# %%
try:
    tfp.GrowthAccounting(capital_share=1 / 3).fit(tfp.Panel.from_frame(broken, **roles))
except tfp.DataError as error:
    print(error)

# %% [markdown]
# ## Accounting
#
# The states' accounts have no factor income here, so the weights are a scenario: one third for
# private capital, two thirds for labor, public capital left out for now. `inputs=` names the inputs
# that count.

# %%
spec = tfp.GrowthAccounting(inputs=("capital", "labor"), capital_share=1 / 3)
result = spec.fit(panel)
print(result.summary())

# %%
whole = result.periods().to_frame().sort_values("tfp_growth", ascending=False)
shown = ["entity", "output_growth", "capital_contribution", "labor_contribution", "tfp_growth"]
ends = pd.concat([whole.head(6), whole.tail(6)])[shown].set_index("entity")
(100 * ends).round(2)

# %% [markdown]
# Percent per year, 1970–1986. New Hampshire grew by 5.7 percent, 1.6 of it residual. At the other
# end stand Wyoming, Louisiana, Oklahoma and New Mexico: oil, gas and coal. Why should technique
# have *regressed* there? Look at the years:

# %%
labels = {"WYOMING": "Wyoming", "LOUISIANA": "Louisiana", "NEW_HAMPSHI": "New Hampshire"}
labels |= {"OHIO": "Ohio", "TEXAS": "Texas", "ARIZONA": "Arizona"}
tfp.plot.contributions(result, entity="LOUISIANA", labels=labels)
plt.show()

# %% [markdown]
# From 1973 to 1975, when oil became dear, employment in Louisiana grew by two to four percent a
# year and output at constant prices fell. A resource in the ground is an input that is not measured
# here; when a harder barrel costs more labor, the residual falls. (That is a reading, not a result:
# the data hold no resource.) A province that mines coal should expect the same sign and the same
# doubt.

# %%
tfp.plot.index(result, list(labels), base=1970, highlight="LOUISIANA", labels=labels)
plt.show()

# %% [markdown]
# ## What no automatic check finds
#
# Louisiana's capital fell by six percent in 1976, in the middle of a boom. Is it alone? The spread
# of capital growth *between* states, year by year:

# %%
capital = result.terms.input_growth[0]
spread = pd.Series(100 * capital, panel.time).groupby(level=0).std().dropna()
spread.round(1).rename("standard deviation, points").to_frame().T

# %% [markdown]
# In ordinary years the states' capital grows within a point or so of each other. In 1976, 1981 and
# 1986 the spread is seven to eight points. So large a common break, every five years, is not
# investment: it is the pattern of a national stock that is apportioned to states by keys which are
# renewed at benchmarks. The same method is used for provinces. No single value is absurd, so no
# rule flags it; a look at the spread by year does. The consequence: residuals of those three years
# are not to be read, state by state, and means should run over spans that contain them as a whole.

# %% [markdown]
# ## Periods
#
# The United States slowed down after 1973. Do the states show it?

# %%
spans = [(1970, 1973), (1973, 1979), (1979, 1986)]
by_span = result.periods(spans).to_frame()
by_span["period"] = by_span["start"].astype(str) + "–" + by_span["end"].astype(str)
spread = 100 * by_span.groupby("period")["tfp_growth"].describe()[["25%", "50%", "75%"]]
spread.round(2)

# %% [markdown]
# The middle state's residual fell from 1.1 percent a year to half a percent below zero, and came
# back only in part. And here is the reason why a *share of growth* needs care at this scale:

# %%
by_span["flag"].str.split("; ").explode().value_counts().rename("state-periods").to_frame()

# %% [markdown]
# In most state-periods the three usual rules for "the share of TFP in growth" disagree by more than
# five points, because single years of near-zero growth blow up the mean of annual ratios. The
# library reports percentage points always, and flags the shares.
#
# ## Does the ranking survive another capital share?

# %%
trial = result.sensitivity([0.25, 1 / 3, 0.40]).to_frame()
wide = trial.pivot(index="entity", columns="capital_share", values="tfp_growth")
ranks = wide.rank(ascending=False)
print("mean residual, % per year:", (100 * wide.mean()).round(2).to_dict())
print("rank correlation with one third:", ranks.corr().loc[1 / 3].round(3).to_dict())
moved = (ranks[0.40] - ranks[0.25]).abs().sort_values(ascending=False)
print("largest changes of rank from 0.25 to 0.40:", moved.head(3).astype(int).to_dict())

# %% [markdown]
# The *level* of the residual depends on the share, the *ranking* much less. Where a rank does move,
# as Arizona's by seventeen places, the reason can be named: its labor grew far faster than its
# capital, so weight moved from labor to capital makes its inputs grow more slowly. For comparing
# provinces the unknown weight is a smaller worry than for the nation's own number.
#
# ## Could the weights be estimated?
#
# Output elasticities can be estimated from the panel itself. The classic regression on these data
# has the logs of output on the logs of inputs, with state effects and the unemployment rate, which
# stands for the business cycle:

# %%
within = tfp.CobbDouglas(
    inputs=("capital", "labor", "public"),
    effects="entity",
    controls=("unemployment",),
    cov="clustered",
)
within.fit(panel).tidy()

# %%
pooled = tfp.CobbDouglas(
    inputs=("capital", "labor", "public"), controls=("unemployment",), cov="clustered"
)
pooled.fit(panel).tidy()

# %% [markdown]
# Private capital gets 0.29 and labor 0.77, not far from the scenario. Public capital gets 0.16 when
# states are compared with each other and nothing once they are compared with themselves, which is
# what made these data famous. Beware of reading too much into either: inputs answer to
# productivity, and least squares cannot tell.
#
# As weights in the accounts, with public capital at an elasticity of 0.1 taken from labor:

# %%
with_public = tfp.GrowthAccounting(capital_share=0.30, labor_share=0.60, shares={"public": 0.10})
public = with_public.fit(panel)
compared = pd.DataFrame(
    {
        "two inputs": result.periods()["tfp_growth"],
        "with public capital": public.periods()["tfp_growth"],
    },
    index=result.periods()["entity"],
)
(100 * compared.describe().loc[["mean", "std", "min", "max"]]).round(2)

# %% [markdown]
# ## Do the provinces add up to the nation?
#
# Add output, capital and employment over the states and account for the sum. Then weight the
# states' residuals by their shares in output. The two differ, and the difference has a meaning: it
# is what the *movement* of capital and labor between states did to the nation, at the weights used.

# %%
total = munnell.groupby("YR")[["GSP", "PC", "EMP"]].sum().reset_index().assign(nation="48 states")
nation = tfp.Panel.from_frame(
    total, entity="nation", time="YR", output="GSP", capital="PC", labor="EMP"
)
national = spec.fit(nation)

cells = result.to_frame().merge(munnell[["STATE", "YR", "GSP"]])
cells["weight"] = cells["GSP"] / cells.groupby("YR")["GSP"].transform("sum")
before = cells.groupby("STATE")["weight"].shift()
weights = 0.5 * (cells["weight"] + before)
terms = ["output_growth", "capital_contribution", "labor_contribution", "tfp_growth"]
weighted = cells[terms].mul(weights, axis=0).groupby(cells["YR"]).sum().loc[1971:]
of_nation = national.to_frame().set_index("YR").loc[1971:, terms]
sums = pd.DataFrame({"weighted states": weighted.mean(), "nation": of_nation.mean()})
sums["difference"] = sums["nation"] - sums["weighted states"]
(100 * sums).round(3)

# %% [markdown]
# Percent per year. Output growth agrees to a thousandth of a point, which is index arithmetic. The
# residual does not, because a worker who moves from a state with low output per worker to one with
# high output per worker adds to the nation's output and to no state's productivity. The effect is
# 0.05 points, a fifth of the nation's residual; where gaps between provinces are large it can be
# much more. Year by year:

# %%
gap = 100 * (of_nation["tfp_growth"] - weighted["tfp_growth"])
np.testing.assert_allclose(
    of_nation["tfp_growth"],
    of_nation["output_growth"]
    - of_nation[["capital_contribution", "labor_contribution"]].sum(axis=1),
    atol=1e-12,
)
ax = gap.plot.bar(figsize=(7.6, 2.8), color="#8b98a3", width=0.7)
ax.axhline(0, color="#1f2a33", linewidth=0.8)
ax.set(ylabel="percentage points", xlabel="", title="Residual of the nation less weighted states")
plt.show()

# %% [markdown]
# The two largest bars stand at the seams of the capital data. What looks like reallocation in 1976
# and 1986 is the renewal of the keys.
#
# ## For the next province
#
# The steps do not change: one table with a row per province and year; `Panel.from_frame` with the
# names of its columns; `check()` and an honest look at what it finds, and at what it cannot find; a
# specification that states its weights; periods rather than years; the sensitivity beside the
# number; and the record that lets the next person get the same digits.

# %%
record = result.record.to_dict()
{key: record[key] for key in ("specification", "version", "vintage")}
