# %% [markdown]
# # Viet Nam and its neighbors
#
# How much of East Asia's growth came from more capital and more labor, and how much is the
# residual? The Penn World Table answers for six of Viet Nam's neighbors. For Viet Nam it does not:
# the table has its output, capital stock, employment, hours and schooling, but no labor share. This
# notebook
#
# 1. reproduces PWT's own TFP of the six to the last digit that it prints,
# 2. shows what the ingredients of the recipe are worth,
# 3. accounts for Viet Nam's growth under capital shares that are *stated*, with the sensitivity
#    beside every answer,
# 4. holds the answers against the figures that Viet Nam's statistics office has published, and
#    learns something about coincidence.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import tfp_index as tfp

pd.set_option("display.max_colwidth", 120)
pwt = tfp.datasets.load("pwt110")
names = {
    "CHN": "China",
    "IDN": "Indonesia",
    "KOR": "Korea",
    "MYS": "Malaysia",
    "SGP": "Singapore",
    "THA": "Thailand",
    "VNM": "Viet Nam",
}
six = [code for code in names if code != "VNM"]
columns = ["country", "year", "rgdpna", "rnna", "rkna", "emp", "avh", "hc", "labsh", "rtfpna"]
pwt.loc[(pwt["country"].isin(names)) & (pwt["year"] == 2019), columns]

# %% [markdown]
# `rgdpna` is real GDP, `rnna` the capital *stock* and `rkna` capital *services*, `emp` persons,
# `avh` hours per person, `hc` an index of schooling, `labsh` the share of labor in income. The last
# line has gaps where the six have numbers: no `rkna`, no `labsh`, no `rtfpna`.
#
# ## The six, as the Penn World Table has them
#
# The recipe: log growth; labor input is persons × hours × schooling; the weight of a growth rate is
# the mean share of its two years. `load` has put the labor input together (`labor_input`), filling
# missing hours the way PWT must have done; `GrowthAccounting.pwt()` is the rest.

# %%
panel = tfp.Panel.from_frame(
    pwt[pwt["country"].isin(six)],
    entity="country",
    time="year",
    output="rgdpna",
    capital="rkna",
    labor="labor_input",
    labor_share="labsh",
    columns={"published": "rtfpna"},
    vintage="PWT 11.0",
)
result = tfp.GrowthAccounting.pwt().fit(panel)
result.sample.table()

# %% [markdown]
# Every row is used or counted with its reason. Now the test: our residual against the growth of the
# published index.

# %%
published = np.full(panel.n_rows, np.nan)
lag = panel.lag()
published[lag >= 0] = np.log(panel["published"][lag >= 0] / panel["published"][lag[lag >= 0]])
gap = np.nanmax(np.abs(result.tfp_growth - published))
assert gap < 2e-7
print(f"largest difference in {np.isfinite(published).sum()} annual rates: {gap:.1e}")

# %% [markdown]
# Two parts in ten million: PWT stores single-precision numbers, and this is their rounding. The
# recipe is therefore *the* recipe, not something like it.

# %%
tfp.plot.comparison(result, period=(1990, 2019), labels=names)
plt.show()

# %% [markdown]
# Capital is the tall bar everywhere. Between 1990 and 2019 the residual carried a good third of
# China's growth and a quarter of Korea's; in Malaysia and Singapore it is slightly negative. A
# negative residual is no accident of the method and is never cut off at zero: with capital shares
# above one half, and capital growing faster than output, the weighted inputs simply grew faster
# than GDP.

# %%
table = result.periods([(1990, 2000), (2000, 2010), (2010, 2019)]).to_frame()
table = table.assign(country=table["entity"].map(names))
(100 * table.pivot(index="country", columns="start", values="tfp_growth")).round(2).rename(
    columns={1990: "1990–2000", 2000: "2000–2010", 2010: "2010–2019"}
)

# %% [markdown]
# Percent per year. The first decade contains the crisis of 1997–98, and the residual takes it in
# full: machines that stand idle are still counted as capital.
#
# ## What each ingredient is worth
#
# Shortcuts are common: persons for hours, no schooling, the stock for services. Each line of the
# next table changes the input and nothing else.

# %%
frame = pwt[pwt["country"].isin(six)].assign(
    hours=lambda d: d["emp"] * d["avh_filled"],
    persons=lambda d: d["emp"],
)


def mean_tfp(capital, labor):
    roles = {"output": "rgdpna", "capital": capital, "labor": labor, "labor_share": "labsh"}
    other = tfp.Panel.from_frame(frame, entity="country", time="year", **roles)
    means = tfp.GrowthAccounting.pwt().fit(other).periods([(1990, 2019)])
    return pd.Series(100 * means["tfp_growth"], [names[code] for code in means["entity"]])


recipes = pd.DataFrame(
    {
        "PWT": mean_tfp("rkna", "labor_input"),
        "stock, not services": mean_tfp("rnna", "labor_input"),
        "no schooling": mean_tfp("rkna", "hours"),
        "persons only": mean_tfp("rkna", "persons"),
    }
)
recipes.round(2)

# %% [markdown]
# Percent per year, 1990–2019. Leaving out schooling adds some 0.3 to 0.7 points to the residual:
# what was education is now called productivity. Counting the stock instead of its services adds up
# to 0.5, because services weight equipment, which grows fast, by what it earns. Differences of this
# size are larger than most differences *between* countries; a table of TFP growth that does not say
# which inputs it used says little.
#
# ## Viet Nam: one number is missing, and it is the weight
#
# Viet Nam's national accounts publish no compensation of employees, and PWT has no labor share, no
# capital services and no TFP. Nothing in the data can supply the weight. What can be done honestly
# is to *choose*, say so, and show what the choice does. Where do the neighbors stand?

# %%
shares = 1 - pwt[pwt["country"].isin(six) & pwt["year"].between(1990, 2019)].groupby("country")[
    "labsh"
].mean().rename(index=names)
shares.round(2).rename("capital share, mean 1990–2019").to_frame()

# %% [markdown]
# From 0.42 (China) to 0.67 (Malaysia). Among the provincial studies that come with the library two
# state their weight, 0.35 and 0.37. We take 0.40 as the *scenario* and look from 0.30 to 0.50.

# %%
viet_nam = pwt[(pwt["country"] == "VNM") & pwt["emp"].notna()]
vn_panel = tfp.Panel.from_frame(
    viet_nam,
    entity="country",
    time="year",
    output="rgdpna",
    capital="rnna",
    labor="labor_input",
    vintage="PWT 11.0",
)
vn_panel.check()

# %%
scenario = tfp.GrowthAccounting(capital_share=0.40)
vn = scenario.fit(vn_panel)
decades = [(1990, 2000), (2000, 2010), (2010, 2019)]
tfp.plot.sensitivity(
    vn, capital_share=[0.30, 0.35, 0.40, 0.45, 0.50], periods=decades, labels=names
)
plt.show()

# %%
sensitivity = vn.sensitivity([0.30, 0.37, 0.40, 0.50], decades).to_frame()
sensitivity["period"] = sensitivity["start"].astype(str) + "–" + sensitivity["end"].astype(str)
(100 * sensitivity.pivot(index="capital_share", columns="period", values="tfp_growth")).round(2)

# %% [markdown]
# Percent per year. Each tenth on the capital share takes about 0.7 to 0.8 points off the residual,
# because capital grew some seven to eight percent a year faster than labor. In the nineties even
# the *sign* hangs on the choice. What does not hang on it is the order of the decades: under each
# share the residual was lowest in 1990–2000.
#
# ## Viet Nam among the six
#
# To stand beside Viet Nam the neighbors must be measured in the same way, with the capital *stock*.
# Their shares stay their own; Viet Nam's is the scenario.

# %%
together = pwt[pwt["country"].isin(names)].assign(
    share=lambda d: d["labsh"].where(d["country"] != "VNM", 1 - 0.40)
)
all_panel = tfp.Panel.from_frame(
    together,
    entity="country",
    time="year",
    output="rgdpna",
    capital="rnna",
    labor="labor_input",
    labor_share="share",
    vintage="PWT 11.0, capital stock; Viet Nam: capital share 0.40 by assumption",
)
everyone = tfp.GrowthAccounting.pwt().fit(all_panel)
tfp.plot.comparison(
    everyone,
    period=(2000, 2019),
    highlight="VNM",
    labels=names,
    note="Capital stock for all. Viet Nam: capital share 0.40 by assumption. TFP is the residual.",
)
plt.show()

# %%
ax = tfp.plot.index(everyone, base=2000, highlight="VNM", labels=names)
ax.set(xlim=(1990, 2023), ylim=(65, 205))
plt.show()

# %% [markdown]
# ## The year-by-year residual is noisy, and one can see why

# %%
tfp.plot.contributions(vn, period=(2005, 2023), labels=names)
plt.show()

# %% [markdown]
# First, the tall years 2006–2010. Output growth of ten percent and more is what PWT 11.0 has. The
# previous edition, 10.01, had Viet Nam's GDP grow by 6.8 percent a year from 2000 to 2010, this one
# by 9.4; the re-evaluation of the level of GDP is probably behind it. Nothing about those years
# should be quoted without its vintage.
#
# Then the bars of labor, up and down:

# %%
late = viet_nam.set_index("year").loc[2015:2023, ["emp", "avh", "hc"]]
growth = 100 * np.log(late).diff()
growth["TFP"] = 100 * vn.to_frame().set_index("year")["tfp_growth"]
growth.dropna().round(1)

# %% [markdown]
# Hours per person jump by three to five percent in single years, as survey-based hours do, and the
# residual answers with the opposite sign and six tenths of the size. A year's TFP growth says more
# about the labor force survey than about technique. Hence means over several years, or a trend:

# %%
trend = vn.trend("hp").to_frame().set_index("time")
(100 * trend.loc[2012:2023, ["tfp_growth", "trend"]]).round(2).T

# %% [markdown]
# ## Against the published figures
#
# Viet Nam's statistics office computes simple growth rates, holds the weights until the next
# input–output table, and publishes by period. The preset `vietnam` has these conventions; the
# weight is still ours, and for labor we take persons. The published figures below are *secondary,
# to be confirmed*: they were read in reproductions, and the dataset says so in every row.

# %%
official = tfp.datasets.load("vietnam_official")
official = official[official["capital_share_of_growth"].notna()]
shares_of_growth = [f"{factor}_share_of_growth" for factor in ("capital", "labor", "tfp")]
official[["period", "vintage", *shares_of_growth, "tfp_growth"]]


# %%
def gso_way(frame, capital_share, period, vintage):
    roles = {"output": "rgdpna", "capital": "rnna", "labor": "emp"}
    other = tfp.Panel.from_frame(frame, entity="country", time="year", vintage=vintage, **roles)
    return tfp.GrowthAccounting.vietnam(capital_share=capital_share).fit(other).periods([period])


older = tfp.datasets.load("vietnam_pwt1001")
lines = []
for share in (0.30, 0.37, 0.40, 0.50):
    line = {"capital share": share}
    for vintage, frame in (("PWT 10.01", older), ("PWT 11.0", viet_nam)):
        means = gso_way(frame, share, (2010, 2015), vintage)
        line[vintage] = round(100 * float(means["tfp_share_of_growth"][0]), 1)
    lines.append(line)
pd.DataFrame(lines).set_index("capital share")

# %% [markdown]
# Share of TFP in the growth of 2011–2015, percent. With the *older* edition of PWT and a capital
# share of 0.40 we get 34.7, to the decimal the figure that the office publishes. It would be easy
# to conclude that 0.40 is what the office uses. The next column is the antidote: in the current
# edition, with its revised capital stock, the same share gives 21.4, and the published figure would
# need a share near 0.30. One equation cannot identify a weight and a capital stock at once.

# %%
assert lines[2]["PWT 10.01"] == 34.7
for vintage, frame in (("PWT 10.01", older), ("PWT 11.0", viet_nam)):
    means = gso_way(frame, 0.40, (2010, 2015), vintage)
    print(
        f"{vintage:9}  output {100 * means['output_growth'][0]:.2f}"
        f"  capital {100 * means['capital_growth'][0]:.2f}"
        f"  labor {100 * means['labor_growth'][0]:.2f}  percent per year"
    )

# %% [markdown]
# Capital grew by 7.4 percent a year in one edition and by 9.9 in the other. That is why every
# result carries its vintage and a fingerprint of its data.
#
# ## Published provincial figures: do they add up?
#
# The provincial figures that come with the library are kept as they were published, with their
# contradictions. `check_published` tests the arithmetic: shares that should sum to one hundred, TFP
# growth over output growth that should be TFP's share, and the income share that a set of figures
# implies.

# %%
provinces = tfp.datasets.load("vietnam_provinces")
verdict = tfp.check_published(provinces).to_frame()
checked = pd.concat([provinces[["province", "sector", "period"]], verdict], axis=1)
checked[checked["verdict"] != "not checkable"][
    ["province", "sector", "period", "verdict", "reason"]
]

# %% [markdown]
# Kon Tum's figures hold together: TFP growth divided by output growth gives the printed share, up
# to the rounding of the inputs. So we also know the *rule* behind them, mean over mean. Hà Giang's
# do not: if capital grew by 11.59 percent and contributed 88 percent of growth, then with the
# growth that its TFP figures imply, capital would earn more than the whole income. The likely
# reading is that contributions were printed under the name of growth rates. This is why the library
# uses two different words, and never prints one for the other.
#
# ## What to take home
#
# - The six neighbors' TFP is reproduced exactly; so the machinery is not what the answer hangs on.
# - For Viet Nam the answer hangs on the capital share, on the edition of the data, and on whether
#   capital is a stock or a service. Each is recorded, and the sensitivity is part of the result.
# - Annual residuals are mostly noise of measured hours. Use periods.
# - A match with a published figure is not a proof of its method.
