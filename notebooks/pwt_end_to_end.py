# %% [markdown]
# # The Penn World Table, end to end
#
# The Penn World Table publishes total factor productivity for some 120 countries: over time
# (`rtfpna`, and `rwtfpna` with domestic absorption as output), and as a level relative to the
# United States (`ctfp`, `cwtfp`). All of it can be made again from the other columns of the table.
# This notebook does so, step by step, and then shows what happens when one step is done in another
# way that also looks reasonable.
#
# What you will have seen at the end: where hours come from when nobody reports them, why a level
# needs all countries at once, and how many percent each shortcut costs.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import tfp_index as tfp

pwt = tfp.datasets.load("pwt110")
info = tfp.datasets.describe("pwt110")
print(info.title)
print(info.citation)

# %% [markdown]
# ## Labor: persons, hours, schooling
#
# Labor input is persons engaged times hours times human capital. Hours are missing for many
# countries and years, and yet their TFP is published. `fill_hours` says how each figure came about:
# observed, interpolated between two observations, moved along with US hours before the first and
# after the last observation, or simply US hours. The recipe was found in no documentation; it is
# the one with which the published TFP follows.

# %%
hours = tfp.datasets.fill_hours(pwt["country"], pwt["year"], pwt["avh"])
with_tfp = pwt["rtfpna"].notna()
origin = pd.Series(hours.origin[with_tfp]).value_counts()
(100 * origin / origin.sum()).round(1).rename("percent of the country-years with TFP")

# %%
labor = pwt["emp"] * hours.hours * pwt["hc"]
assert np.allclose(labor, pwt["labor_input"], equal_nan=True)  # the bundled table has it already

# %% [markdown]
# ## TFP over time
#
# $$ \Delta\ln A = \Delta\ln Y - \tfrac12(s_t+s_{t-1})\,\Delta\ln L
#    - \bigl(1-\tfrac12(s_t+s_{t-1})\bigr)\,\Delta\ln K $$
#
# with output `rgdpna`, the services of capital `rkna`, and the labor share `labsh`. The preset
# `GrowthAccounting.pwt()` is this convention.


# %%
def over_time(frame, output="rgdpna", capital="rkna", labor="labor_input", spec=None):
    panel = tfp.Panel.from_frame(
        frame,
        entity="country",
        time="year",
        output=output,
        capital=capital,
        labor=labor,
        labor_share="labsh",
        vintage="PWT 11.0",
    )
    return (spec or tfp.GrowthAccounting.pwt()).fit(panel)


result = over_time(pwt)
print(result.summary())

# %% [markdown]
# Not every row can have a growth rate, and the summary says why. Now chain the residual, set it to
# 1 in 2021, the base year of this edition, and lay it beside the published series.

# %%
ours = result.index(base=2021).to_frame()["tfp_index"]
gap = (ours - pwt["rtfpna"]).abs()
print(f"{gap.notna().sum():,} values of {pwt.loc[gap.notna(), 'country'].nunique()} countries")
print(f"largest deviation {gap.max():.1e}, median {gap.median():.1e}")
assert gap.max() < 4e-6

# %% [markdown]
# The published series have single precision, some seven digits: nothing is left to explain.
#
# ## Levels
#
# How productive is Korea compared with the United States? A direct comparison of the two would use
# the factor shares of the two, and comparing Korea with Thailand through the United States would
# give another answer than comparing them directly. `ctfp` avoids that: every country is compared
# with the same hypothetical one, the (unweighted) mean of all countries of the year, as proposed by
# Caves, Christensen and Diewert:
#
# $$ \ln a_i = \ln Y_i - \tfrac12\sum_j (s_{ij}+\bar s_j)\,(\ln x_{ij}-\overline{\ln x}_j),
#    \qquad \mathrm{ctfp}_i = \exp(\ln a_i-\ln a_{USA}) . $$

# %%
levels = tfp.Panel.from_frame(
    pwt,
    entity="country",
    time="year",
    output="cgdpo",
    capital="ck",
    labor="labor_input",
    labor_share="labsh",
    vintage="PWT 11.0",
)
multilateral = tfp.TFPLevels(base="USA").fit(levels).to_frame()["tfp"]
gap = (multilateral - pwt["ctfp"]).abs()
print(f"{gap.notna().sum():,} levels, largest deviation {gap.max():.1e}")
assert gap.max() < 4e-6

# %%
asia = {"CHN": "China", "KOR": "Korea", "THA": "Thailand", "MYS": "Malaysia", "IDN": "Indonesia"}
fig, ax = plt.subplots(figsize=(7, 3.6))
for code, name in asia.items():
    rows = (pwt["country"] == code) & multilateral.notna() & (pwt["year"] >= 1970)
    ax.plot(pwt.loc[rows, "year"], multilateral[rows], label=name)
ax.set_ylabel("TFP level, USA = 1")
ax.legend(frameon=False, ncols=3)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# ## All four series in one call
#
# What we did by hand is a recipe of the library. It also compares every value.

# %%
found = tfp.reproductions.run("pwt")
found

# %%
assert found.holds
found.values("ctfp").to_frame().query("country == 'KOR'").tail(3)

# %% [markdown]
# ## What goes wrong with other variants
#
# Each line below changes one thing that looks harmless. The error is the largest and the median
# distance to the published growth rate, over all countries and years, in percentage points.

# %%
published = np.log(pwt["rtfpna"]).groupby(pwt["country"]).diff()


def error(variant):
    growth = variant.to_frame()["tfp_growth"]
    apart = 100 * (growth - published).abs()
    return {"largest": apart.max(), "median": apart.median(), "values": apart.notna().sum()}


no_hours = pwt.assign(labor_input=pwt["emp"] * pwt["hc"])
no_schooling = pwt.assign(labor_input=pwt["emp"] * pwt["avh_filled"])
observed = pwt.assign(labor_input=pwt["emp"] * pwt["avh"] * pwt["hc"])
thirds = tfp.GrowthAccounting(growth="log", capital_share=1 / 3)
variants = {
    "as published": result,
    "stock (rnna) for services (rkna)": over_time(pwt, capital="rnna"),
    "no hours": over_time(no_hours),
    "no human capital": over_time(no_schooling),
    "persons only": over_time(pwt, labor="emp"),
    "observed hours only": over_time(observed),
    "share of the later year": over_time(pwt, spec=tfp.GrowthAccounting.fernald()),
    "capital share 1/3 for everyone": over_time(pwt, spec=thirds),
    "simple growth rates": over_time(
        pwt, spec=tfp.GrowthAccounting(growth="discrete", share_timing="average")
    ),
}
table = pd.DataFrame({name: error(variant) for name, variant in variants.items()}).T
table.assign(values=table["values"].astype(int)).round(4)

# %% [markdown]
# The share of one year instead of two costs little. Leaving out hours or schooling, or taking the
# stock of capital for its services, costs two to four tenths of a point in the median year; the
# mean of all published growth rates is itself two tenths. With observed hours only, the error is
# nil and four country-years in ten are gone. The largest errors belong to single years, Iraq 1991
# or Kuwait 1990 among them.
#
# For levels, the tempting shortcut is to compare each country with the United States directly.

# %%
bilateral = tfp.BilateralIndex(
    formula="tornqvist", kind="tfp", compare="entity", chained=False, base="USA"
)
direct = bilateral.fit(levels).to_frame()["tfp_index"]
apart = (np.log(direct) - np.log(pwt["ctfp"])).abs()
print(f"bilateral against published: median {apart.median():.1%}, largest {apart.max():.1%}")

# %%
few = pwt[pwt["country"].isin([*asia, "USA"])]
partial = tfp.reproductions.run("pwt", few, series=("ctfp",))
print(partial.summary())

# %% [markdown]
# The second table is a warning of another kind. On an extract of six countries the *formula* is
# right and the *numbers* are not, because the mean country is another one. Growth can be computed
# country by country; multilateral levels need everybody. The recipe says so in its note.
#
# ## A long average hides none of this
#
# Mean TFP growth of 2000-2019, percent a year, with the published convention and with three others:

# %%
spans = [(2000, 2019)]
columns = {}
for name in ("as published", "persons only", "no human capital", "capital share 1/3 for everyone"):
    means = variants[name].periods(spans, entities=list(asia)).to_frame()
    columns[name] = 100 * means.set_index("entity")["tfp_growth"].rename(index=asia)
pd.DataFrame(columns).round(2)

# %% [markdown]
# For these countries one capital share for everyone adds half a point a year or more, over two
# decades a tenth of output. Hence the rule: a TFP figure
# comes with its convention, its data edition and its shares, and the record of a result carries all
# three.

# %%
record = result.record.to_dict()
print(record["vintage"], record["specification"])
print("fingerprint of the data:", record["fingerprint"][:16])
