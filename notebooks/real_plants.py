# %% [markdown]
# # Production functions of real plants
#
# Simulated firms obey the assumptions of an estimator; real plants do not promise to. This notebook
# estimates production functions the way an applied study would, and reads every warning.
#
# It uses real plants where a copy of the file is at hand, and simulated plants otherwise. Set
# `TFP_INDEX_PLANTS` to the path of one of
#
# * Colombian food plants, 1981–91, gross output: columns `id, year, RGO, L, K, RI, share`, all logs
#   (part 1);
# * Chilean plants, 1996–2006, value added: columns `idvar, timevar, Y, sX, fX1, fX2, pX`, all logs
#   (part 2).

# %%
import os
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import tfp_index as tfp

path = Path(os.environ.get("TFP_INDEX_PLANTS", ""))
table = pd.read_csv(path) if path.is_file() else pd.DataFrame()


def quiet(spec, panel):
    """Fit without printing warnings: they are kept in the result and read below."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tfp.errors.TFPWarning)
        return spec.fit(panel)


def said(fits):
    """Print what each estimator warned of."""
    for name, fit in fits.items():
        for text in fit.warnings or ("no warning",):
            print(f"{name}: {text}")


# %% [markdown]
# ## 1. Gross output: labor, capital and materials

# %%
names = ["id", "year", "RGO", "L", "K", "RI", "share"]
if set(names) <= set(table.columns):
    gross, source = table[names].copy(), "Colombian food plants"
else:
    sim = tfp.datasets.simulate.gnr(
        800, 8, labor_elasticity=0.2, materials_elasticity=0.6, curvature=0.05, rng=311
    )
    gross = sim.frame().rename(
        columns={
            "firm": "id", "output": "RGO", "labor": "L", "capital": "K", "materials": "RI",
        }
    )  # fmt: skip
    source = "simulated plants"
size = gross.sort_values("year").groupby("id")["K"].transform("first")
gross["size"] = pd.qcut(size, 3, labels=["1 small", "2 medium", "3 large"]).astype(str)
plants = tfp.Panel.from_frame(
    gross, entity="id", time="year", output="RGO", labor="L", capital="K", materials="RI",
    columns={"share": "share"}, groups={"size": "size"}, logs=True,
)  # fmt: skip
print(source)
print(plants)
plants.check().counts()

# %% [markdown]
# Least squares first, always. Then Gandhi, Navarro and Rivers, who take the elasticity of materials
# from their share in revenue, because no proxy method identifies it.

# %%
gnr = tfp.GandhiNavarroRivers(revenue_share="share", share_degree=2)
fits = {
    "OLS": quiet(tfp.CobbDouglas(cov="clustered"), plants),
    "within": quiet(tfp.CobbDouglas(effects="entity", cov="clustered"), plants),
    "GNR": quiet(gnr, plants),
}
tfp.compare(fits, terms=("labor", "capital", "materials"), title=source)

# %%
said(fits)

# %% [markdown]
# Least squares gives materials more than their due and capital less: plants that know themselves to
# be productive buy more materials. What else solves the moments of GNR is listed, not hidden:

# %%
fits["GNR"].roots

# %% [markdown]
# The elasticities differ from plant to plant, as those of Cobb–Douglas cannot:

# %%
fits["GNR"].elasticities

# %% [markdown]
# ### Each size its own technology
#
# `by=` fits every group as if it were all there is, in one call. Groups that are too small would
# be in `failed`, with the reason. The sizes are those of the capital in a plant's first year: a
# size that later productivity has a part in, such as mean employment, would select the plants by
# the very innovations that the moments take to be zero on average.

# %%
by_size = quiet(tfp.GandhiNavarroRivers(revenue_share="share", share_degree=2, by="size"), plants)
print(by_size.failed if len(by_size.failed) else "every size has an estimate")
by_size.glance().to_frame()[["group", "rows", "returns_to_scale", "returns_to_scale_error"]].round(
    3
)

# %%
tfp.compare({"GNR": by_size}, terms=("labor", "capital", "materials"))

# %%
said({"by size": by_size})

# %% [markdown]
# ### Productivity
#
# One technology or three, and one by least squares: how much does the ranking of the plants depend
# on it?

# %%
both = pd.DataFrame(
    {
        "one technology": fits["GNR"].productivity["productivity"],
        "one per size": by_size.productivity["productivity"],
        "OLS": fits["OLS"].productivity["productivity"],
    }
)
both -= both.groupby(plants.group("size").codes).transform("mean")
both.corr(method="spearman").round(3)

# %%
spread = both.quantile([0.1, 0.5, 0.9])
ratio = np.exp(spread.loc[0.9] - spread.loc[0.1])
print("productivity at the 90th over that at the 10th percentile, within sizes")
print(ratio.round(2).to_string())

# %%
fig, ax = plt.subplots(figsize=(6, 3.5))
for column in both:
    ax.hist(both[column].dropna(), bins=60, histtype="step", density=True, label=column)
ax.set_xlabel("log productivity, less the mean of the size")
ax.set_ylabel("density")
ax.legend()
plt.show()

# %% [markdown]
# ## 2. Value added: a proxy for productivity

# %%
names = ["idvar", "timevar", "Y", "sX", "fX1", "fX2", "pX"]
if set(names) <= set(table.columns):
    added, source = table[names], "Chilean plants"
    roles = {
        "entity": "idvar", "time": "timevar", "output": "Y", "materials": "pX",
        "inputs": {"skilled": "fX1", "unskilled": "fX2", "capital": "sX"},
    }  # fmt: skip
    free = ("skilled", "unskilled")
else:
    sim = tfp.datasets.simulate.proxies(firms=500, periods=10, rng=1996)
    added, source, free = sim.frame(), "simulated plants", ("labor",)
    roles = {
        "entity": "firm", "time": "year", "output": "output", "materials": "materials",
        "inputs": {"labor": "labor", "capital": "capital"},
    }  # fmt: skip
plants = tfp.Panel.from_frame(added, **roles, logs=True)
inputs = (*free, "capital")
print(source)
print(plants)

# %%
fits = {
    "OLS": quiet(tfp.CobbDouglas(inputs=inputs, cov="clustered"), plants),
    "LP": quiet(tfp.LevinsohnPetrin(free=free, basis_degree=2, law_degree=2), plants),
    "ACF": quiet(tfp.AckerbergCavesFrazer(free=free, basis_degree=2, law_degree=3), plants),
    "Wooldridge": quiet(tfp.Wooldridge(free=free), plants),
}
tfp.compare(fits, terms=inputs, title=source)

# %% [markdown]
# The warnings are half of the result. A root that is exact and implausible is reported as exactly
# that; see the how-to on reading warnings.

# %%
said(fits)

# %%
fits["ACF"].roots
