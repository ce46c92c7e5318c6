# %% [markdown]
# # Which estimator finds the truth?
#
# Every estimator of a firm's production function rests on an assumption about who knows what when.
# On real data nobody tells you whether it holds. On simulated data the truth is known, and so is
# the reason why an estimate misses it. Four exercises:
#
# 1. a world in which all assumptions hold, except those of least squares;
# 2. a proxy that does not tell productivity, and a second solution as good as the first;
# 3. gross output with materials bought at one price;
# 4. firm effects, and no proxy at all.

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import tfp_index as tfp
from tfp_index.datasets import simulate


def against_truth(fits, truth):
    """Return estimates less the truth, and how many standard errors that is."""
    rows = []
    for name, fit in fits.items():
        for term, value in truth.items():
            miss = fit.params[term] - value
            rows.append((name, term, value, fit.params[term], miss, miss / fit.bse[term]))
    columns = ["estimator", "input", "truth", "estimate", "miss", "in standard errors"]
    return pd.DataFrame(rows, columns=columns).round(3).set_index(["estimator", "input"])


# %% [markdown]
# ## 1. All assumptions hold
#
# Value added from labor (0.6) and capital (0.4); productivity is a first-order Markov process;
# investment and materials each tell it exactly, given capital; a wage of its own moves labor.

# %%
sim = simulate.proxies(firms=1_000, periods=10, rng=1)
firms = sim.panel()
inputs = ("labor", "capital")
fits = {
    "OLS": tfp.CobbDouglas(inputs=inputs, cov="clustered").fit(firms),
    "within": tfp.CobbDouglas(inputs=inputs, effects="entity", cov="clustered").fit(firms),
    "OP": tfp.OlleyPakes(proxy="investment", basis_degree=2, law_degree=2).fit(firms),
    "LP": tfp.LevinsohnPetrin(basis_degree=2, law_degree=2).fit(firms),
    "ACF": tfp.AckerbergCavesFrazer(basis_degree=2, law_degree=2).fit(firms),
    "Wooldridge": tfp.Wooldridge().fit(firms),
}
tfp.compare(fits, terms=inputs, title="Truth: labor 0.6, capital 0.4")

# %%
against_truth(fits, sim.truth.elasticities)

# %% [markdown]
# Least squares overstates labor by a factor of almost two, with a standard error of 0.008: the
# interval does not say that an assumption fails. Firm effects help little, since it is *changes* in
# productivity that labor responds to. The four estimators that account for this are within one or
# two standard errors. OP and LP agree to the digit because investment and materials tell the same
# productivity here. ACF asks less of labor, and pays with a standard error eight times as large.
#
# Wrong elasticities mean wrong productivity, and with it wrong rankings of firms:

# %%
omega = sim.truth.productivity
ranking = {
    name: np.corrcoef(fit.productivity["productivity"], omega)[0, 1] for name, fit in fits.items()
}
pd.Series(ranking, name="correlation with true productivity").round(3).to_frame()

# %% [markdown]
# ## 2. A second solution
#
# In the first design of Ackerberg, Caves and Frazer (2015) labor is chosen half a period before
# materials, at a wage that differs between firms. Materials depend on labor, so that capital and
# materials do not tell productivity without it, and the first stage of Levinsohn and Petrin goes
# astray. Their own estimator takes all coefficients from the second stage.

# %%
sim = simulate.acf2015(design=1, firms=1_000, measurement_error=0.0, rng=1)
firms = sim.panel()
linear = {"basis_degree": 1, "law_degree": 1}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    lp = tfp.LevinsohnPetrin(**linear).fit(firms)
acf = tfp.AckerbergCavesFrazer(**linear).fit(firms)
print(tfp.compare({"LP": lp, "ACF": acf}, terms=inputs))
print()
print("LP warns:", caught[0].message)

# %% [markdown]
# LP gives nothing to labor, and a tight standard error with it; the warning says why. ACF is right.
# But look at everything that solves its moments:

# %%
acf.roots

# %%
tfp.plot.roots(acf)
plt.show()

# %% [markdown]
# Three exact solutions. At labor ≈ 1, capital ≈ 0 what is left of output is the wage plus news: a
# Markov process as well, which satisfies the moments. The objective is zero at both and cannot
# choose. Their persistence can: 0.72 at the truth (0.7), 0.11 at the other. A search that starts
# from least squares ends at the wrong one, and says that it converged.
#
# With an error in materials of a tenth of their variance no estimator is consistent any more:

# %%
sim = simulate.acf2015(design=1, firms=1_000, measurement_error=0.1, rng=1)
noisy = sim.panel()
compared = {
    "LP": tfp.LevinsohnPetrin(**linear).fit(noisy),
    "ACF": tfp.AckerbergCavesFrazer(**linear).fit(noisy),
}
against_truth(compared, sim.truth.elasticities)

# %% [markdown]
# ACF misses by a few hundredths, LP by two to three tenths.
#
# ## 3. Gross output
#
# Materials are bought at the same price by everyone, at their first-order condition. The elasticity
# of materials falls as materials grow relative to capital.

# %%
sim = simulate.gnr(
    1_000, 10, labor_elasticity=0.15, materials_elasticity=0.5, curvature=0.05, rng=1
)
plants = sim.panel()
x = ("labor", "capital", "materials")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    gross = {
        "OLS": tfp.CobbDouglas(inputs=x, cov="clustered").fit(plants),
        "within": tfp.CobbDouglas(inputs=x, effects="entity", cov="clustered").fit(plants),
        "ACF": tfp.AckerbergCavesFrazer(
            free=("labor", "materials"), proxy="materials", basis_degree=2, law_degree=1
        ).fit(plants),
        "GNR": tfp.GandhiNavarroRivers(
            revenue_share="share", share_degree=1, constant_degree=2, law_degree=1
        ).fit(plants),
    }
print("truth:", {k: round(v, 3) for k, v in sim.truth.elasticities.items()})
print(tfp.compare(gross, terms=x))
print()
for warning in caught:
    print("-", warning.message)

# %% [markdown]
# Output is all but proportional to materials, since both follow productivity: three estimators say
# "materials 1.1, the rest nothing", each with small errors, and agree with each other. ACF says
# something else beside: that these moments do not identify a flexible input. The share of materials
# in revenue does. It also gives the elasticity of each plant:

# %%
shown = slice(None, None, 10)
truth = sim.truth.by_row["materials"][shown]
found = gross["GNR"].elasticities_by_row["materials"][shown]
fig, ax = plt.subplots(figsize=(5, 4))
ax.plot(truth, found, ".", markersize=3)
ax.axline((0.47, 0.47), slope=1, color="0.6", linewidth=1)
ax.set_xlabel("true elasticity of materials")
ax.set_ylabel("estimated")
plt.show()

# %% [markdown]
# ## 4. Firm effects
#
# No proxy here. Firms differ for good, productivity around that is autoregressive, and both inputs
# respond to it: labor at once, capital a year later.

# %%
sim = simulate.firm_effects(firms=1_000, periods=8, shock_persistence=0.5, rng=1)
panel = sim.panel()
effects = {
    "OLS": tfp.CobbDouglas(cov="clustered").fit(panel),
    "within": tfp.CobbDouglas(effects="two_way", cov="clustered").fit(panel),
    "difference GMM": tfp.DynamicPanel(form="difference", predetermined="capital").fit(panel),
    "system GMM": tfp.DynamicPanel(predetermined="capital").fit(panel),
}
print("truth:", dict(sim.truth.elasticities), "persistence 0.5")
tfp.compare(effects, terms=("labor", "capital", "persistence"))

# %%
against_truth(effects, sim.truth.elasticities)

# %% [markdown]
# Within firms only labor is off, by 0.06: its response to this year's news is left. The dynamic
# panel removes that too. Its error for labor is three times as large, which is the price of
# instruments that lie two years back. They say something about labor only because what moves it
# besides productivity lasts (`shock_persistence`); without that the fit warns.
#
# ## What to take home
#
# - A small standard error says nothing about whether an assumption holds. In exercises 2 to 4 the
#   smallest errors belong to wrong estimates.
# - Estimators that agree may share a mistake (exercise 3).
# - Exactly identified moments can have several solutions. Look at `result.roots`.
# - The assumption to think about is *timing*: which input is chosen with knowledge of what. No test
#   on the data decides it for you; a simulation like these shows what depends on it.
