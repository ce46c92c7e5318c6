# %% [markdown]
# # From investment to capital services
#
# National accounts publish investment and prices. A growth account needs the services of capital.
# Three steps lie between: a stock for each asset, the price of using it for a year, and the growth
# of all assets together. At each step there is a choice, and this notebook shows what it costs.
#
# The data are made up, so that the truth is known: one province, three assets, forty years.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import tfp_index as tfp

YEARS = np.arange(1981, 2021)
ASSETS = {  # depreciation, growth of investment, growth of the price, first investment
    "computers": (0.30, 0.12, -0.08, 1.0),
    "machines": (0.12, 0.06, 0.02, 10.0),
    "buildings": (0.03, 0.05, 0.04, 20.0),
}
rng = np.random.default_rng(7)
frame = pd.concat(
    [
        pd.DataFrame(
            {
                "province": "A",
                "asset": asset,
                "year": YEARS,
                "price": np.exp(inflation * (YEARS - 2010)),
                "investment": first
                * np.exp((growth + inflation) * (YEARS - 1981) + rng.normal(0, 0.1, YEARS.size))
                * np.exp(inflation * (1981 - 2010)),
            }
        )
        for asset, (_, growth, inflation, first) in ASSETS.items()
    ],
    ignore_index=True,
)
frame.head(3)

# %% [markdown]
# ## Stocks
#
# Investment is at current prices; `deflator` and `base` bring the whole series, initial stock
# included, to prices of 2010.

# %%
panel = tfp.Panel.from_frame(
    frame,
    entity="province",
    time="year",
    item="asset",
    investment="investment",
    columns={"price": "price"},
)
rates = {asset: figures[0] for asset, figures in ASSETS.items()}
options = {"depreciation": rates, "deflator": "price", "base": 2010}
stocks = tfp.PerpetualInventory(initial="berlemann_wesselhoeft", **options).fit(panel)
stocks.tidy()

# %% [markdown]
# Where the series begins is a guess that wears off, quickly for computers, slowly for buildings.

# %%
starts = {
    "log trend": {"initial": "berlemann_wesselhoeft"},
    "steady state": {"initial": "steady_state"},
    "three years": {"initial": "harberger", "window": 3, "growth": 0.05},
    "since 1860": {"initial": "kamps"},
    "four times investment": {"initial": "fixed_ratio", "ratio": 4.0},
}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2))
for axis, asset in zip(axes, ("computers", "buildings"), strict=True):
    reference = stocks.to_frame().query("asset == @asset")["capital"].to_numpy()
    for name, start in starts.items():
        other = tfp.PerpetualInventory(**start, **options).fit(panel).to_frame()
        ratio = other.query("asset == @asset")["capital"].to_numpy() / reference
        axis.plot(YEARS, ratio, label=name)
    axis.set_title(f"{asset}: stock relative to the log trend's")
axes[0].legend(fontsize=8)
figure.tight_layout()

# %% [markdown]
# ## The price of using an asset
#
# Capital income of the province is 12 percent of the value of its stock, plus what assets lose and
# less what they gain. The internal rate of return is found in each year so that user costs
# exhaust that income.

# %%
assets = frame.merge(stocks.to_frame()[["province", "asset", "year", "capital"]])
assets["delta"] = assets["asset"].map(rates)
gain = assets.groupby("asset")["price"].pct_change()
needed = (0.12 + assets["delta"] - gain.fillna(0.0)) * assets["price"] * assets["capital"]
assets["surplus"] = needed.groupby(assets["year"]).transform("sum")
capital = tfp.Panel.from_frame(
    assets,
    entity="province",
    time="year",
    item="asset",
    capital="capital",
    columns={"price": "price", "depreciation": "delta", "capital_income": "surplus"},
)
services = tfp.CapitalServices().fit(capital)
services.tidy()

# %% [markdown]
# A computer costs several times as much to use as a building of the same value, because it loses
# value so fast. That is why services grow faster than the stock when computers do.

# %%
costs = services.assets().to_frame().merge(assets)
costs["relative"] = costs["user_cost"] / costs["price"]
costs.query("year == 2015")[["asset", "relative", "cost_share"]].round(3)

# %%
out = services.to_frame().set_index("year")
known = out["growth"].notna()
index = np.exp(out.loc[known, ["growth", "stock_growth"]].cumsum())
axis = index.rename(columns={"growth": "services", "stock_growth": "sum of stocks"}).plot(
    figsize=(6, 3.2), logy=True
)
axis.set_title("Capital, start = 1")
axis.figure.tight_layout()

# %% [markdown]
# ## What the conventions are worth
#
# Percentage points of growth a year, against two-period shares, stock at the end of the year,
# smoothed capital gains and the ex-post rate.

# %%
variants = {
    "sum of stocks": None,
    "stock at the beginning": {"stock_timing": "begin"},
    "mean stock": {"stock_timing": "average"},
    "shares of the later year": {"share_timing": "current"},
    "capital gains of the year": {"capital_gains": "actual"},
    "no capital gains": {"capital_gains": "none"},
    "ex-ante rate of 8 percent": {"return_rate": "ex_ante", "rate": 0.08},
}
rows = []
for name, variant in variants.items():
    growth = (
        services.stock_growth
        if variant is None
        else tfp.CapitalServices(**variant).fit(capital).growth
    )
    gap = 100 * (growth - services.growth)
    rows.append((name, np.nanmean(gap), np.nanmax(np.abs(gap))))
pd.DataFrame(rows, columns=["instead", "mean", "largest"]).round(3)
