# %% [markdown]
# # Solow 1957: the residual, rebuilt line by line
#
# In 1957 Robert Solow took forty years of American output, capital and factor income and asked how
# much of the rise in output per man-hour came from more capital per man-hour. The answer, seven
# eighths *not*, started growth accounting. This notebook rebuilds his index $A(t)$ from his own
# table, finds the one entry that his other columns contradict, and shows that his famous share of
# 87½ percent depends on which of two reasonable ways of dividing is chosen.
#
# What you need to know: nothing but growth rates. What you will have seen at the end: a
# specification, a panel, a result, and why "the share of TFP in growth" is not one number.

# %%
import numpy as np
import pandas as pd

import tfp_index as tfp

solow = tfp.datasets.load("solow1957")
print(tfp.datasets.describe("solow1957"))

# %% [markdown]
# Note what the description says about `capital_share`: it was typed from memory of secondary
# sources and is to be compared with the printed table. `q`, `k` and `A` are the published numbers.
# We shall see below how much that matters.
#
# ## The equation
#
# With output per man-hour $q$, capital per man-hour $k$ and the share of property in income $w$,
#
# $$ \frac{\Delta A}{A} = \frac{\Delta q}{q} - w\,\frac{\Delta k}{k}, \qquad
#    A_{t+1} = A_t\left(1 + \frac{\Delta A}{A}\right), \qquad A_{1909} = 1 . $$
#
# Three conventions hide in this line: growth is a *simple* rate rather than a difference of logs;
# the share is that of the *earlier* year; and labor does not appear, because everything is already
# per man-hour. They are three options of `GrowthAccounting`, and together they are a preset.

# %%
spec = tfp.GrowthAccounting.solow_1957()
spec

# %%
panel = tfp.Panel.from_frame(
    solow,
    entity="country",
    time="year",
    output="q",
    capital="k",
    capital_share="capital_share",
    vintage="Solow (1957), Table 1",
)
panel.check()

# %%
result = spec.fit(panel)
print(result.summary())

# %% [markdown]
# The first year has no growth rate; the summary counts it, as it counts every row that does not
# take part. Here are the first years. Solow prints the rate from 1909 to 1910 on the row of 1909;
# the library puts it on the row of 1910, the year in which it is complete.

# %%
result.to_frame().head(6).round(4)

# %% [markdown]
# ## Does it reproduce A(t)?
#
# Chaining our own rates would let one difference spoil every later year. So we compare interval by
# interval: from the printed $A_t$, our rate leads to some $A_{t+1}$, which we hold against the
# printed one. The printed numbers are rounded, $q$, $A$ and the share to the third decimal and $k$
# to the second, and each rounding can move the result. The sum of those effects is the largest
# difference that rounding can explain.

# %%
q, k, A, w = (solow[name].to_numpy() for name in ("q", "k", "A", "capital_share"))
rate = result.tfp_growth[1:]
implied = A[:-1] * (1 + rate)

half = 0.0005  # half a unit of the third decimal; ten times that for k
from_q = half / q[:-1] + half * q[1:] / q[:-1] ** 2
from_k = w[:-1] * (10 * half / k[:-1] + 10 * half * k[1:] / k[:-1] ** 2)
from_w = half * np.abs(k[1:] / k[:-1] - 1)
allowed = A[:-1] * (from_q + from_k + from_w) + half * (1 + rate) + half

intervals = pd.DataFrame(
    {
        "from": solow["year"][:-1].to_numpy(),
        "to": solow["year"][1:].to_numpy(),
        "printed": A[1:],
        "ours": implied.round(4),
        "difference": (implied - A[1:]).round(4),
        "rounding explains": allowed.round(4),
    }
)
inside = np.abs(implied - A[1:]) <= allowed
print(f"{inside.sum()} of {inside.size} intervals agree within rounding")
intervals[~inside]

# %% [markdown]
# All but one. From 1942 to 1943 the printed index moves from 1.665 to 1.692, a rate of .016. The
# other columns say something else: output per man-hour rises from 1.136 to 1.180, by 3.9 percent,
# while capital per man-hour *falls* a little, from 2.64 to 2.62. The rate must exceed 3.9 percent.

# %%
year = int(np.flatnonzero(~inside)[0])
assert solow["year"][year + 1] == 1943
assert inside.sum() == 39
print(f"Δq/q    = {q[year + 1] / q[year] - 1:8.4f}")
print(f"w Δk/k  = {w[year] * (k[year + 1] / k[year] - 1):8.4f}")
print(f"ΔA/A    = {rate[year]:8.4f}   (printed: {A[year + 1] / A[year] - 1:.4f})")

# %% [markdown]
# It is an arithmetic slip, and because the index is chained it lowers every year after 1943. Put
# the right rate into this one interval, leave all others as printed, and the index ends at 1.854
# instead of 1.809:

# %%
printed_rates = A[1:] / A[:-1] - 1
corrected_rates = printed_rates.copy()
corrected_rates[year] = rate[year]
corrected = float(np.prod(1 + corrected_rates))
print(f"A(1949) printed   {A[-1]:.3f}")
print(f"A(1949) corrected {corrected:.3f}")
print(f"A(1949) from q, k and w at full precision {result.index()['tfp_index'][-1]:.3f}")

# %%
import matplotlib.pyplot as plt

ax = tfp.plot.index(
    result, value=1, labels={"USA": "rebuilt"}, title="A(t): rebuilt, and as printed", note=""
)
ax.plot(solow["year"], A, color="#d55e00", linestyle="--", linewidth=1.6)
ax.annotate("printed", (1949, A[-1]), (7, -6), textcoords="offset points", color="#d55e00")
ax.axvspan(1942, 1943, color="#e3e8ec", zorder=0)
ax.annotate("1942–43", (1942.5, 1.05), ha="center", fontsize=8, color="#5b6770")
plt.show()

# %% [markdown]
# ## How much of growth is the residual?
#
# Solow compares *levels*. Deflate output per man-hour of 1949 by the rise of $A$: what is left is
# what 1949 would have produced with the technique of 1909. The difference to 1909 is due to
# capital, the rest is technical change.

# %%
without = q[-1] / A[-1]
by_capital = (without - q[0]) / (q[-1] - q[0])
print(f"output per man-hour: 1909 {q[0]:.3f}, 1949 {q[-1]:.3f}")
print(f"1949 with the technique of 1909: {without:.3f}")
print(f"share of capital {by_capital:.1%}, of the residual {1 - by_capital:.1%}")

# %% [markdown]
# That is the published "87½ percent". But dividing logs is just as reasonable, and has the merit
# that shares add up whatever the order in which factors are credited:
#
# $$ \frac{\ln A_{1949}}{\ln q_{1949} - \ln q_{1909}} . $$
#
# The two ways, for the index as printed, with the slip corrected, and from $q$, $k$, $w$ directly:


# %%
def level_share(index_end):
    return 1 - (q[-1] / index_end - q[0]) / (q[-1] - q[0])


def log_share(index_end):
    return np.log(index_end) / np.log(q[-1] / q[0])


ends = {
    "as printed": A[-1],
    "slip corrected": corrected,
    "full precision": float(result.index()["tfp_index"][-1]),
}
shares = pd.DataFrame(
    {
        "A(1949)": ends,
        "share of levels": {name: level_share(end) for name, end in ends.items()},
        "share of logs": {name: log_share(end) for name, end in ends.items()},
    }
)
shares.round(3)

# %% [markdown]
# From 83 to 90 percent: the same data, the same method. Neither way of dividing is wrong. Levels
# credit the *interaction*, new technique working on the additional capital, to technique. The
# moral is the first rule of this library: **percentage points are reported always; a share of
# growth only with the rule that made it.** The period table therefore carries three rules side by
# side, and a flag where they disagree:

# %%
result.periods([(1909, 1929), (1929, 1949), (1909, 1949)]).to_frame().T

# %% [markdown]
# ## And the other conventions?
#
# What if Solow had used log growth, or the average of the two years' shares, as statistical
# offices do today?

# %%
variants = {
    "Solow 1957: rates, earlier share": spec,
    "rates, later share": tfp.GrowthAccounting.solow_1957(share_timing="current"),
    "rates, mean share": tfp.GrowthAccounting.solow_1957(share_timing="average"),
    "logs, earlier share": tfp.GrowthAccounting.solow_1957(growth="log"),
    "logs, mean share (Törnqvist)": tfp.GrowthAccounting.solow_1957(
        growth="log", share_timing="average"
    ),
}
ends = {name: float(v.fit(panel).index()["tfp_index"][-1]) for name, v in variants.items()}
shares = {name: log_share(end) for name, end in ends.items()}
pd.DataFrame({"A(1949)": ends, "share of logs": shares}).round(3)

# %% [markdown]
# Convention moves the end point by about one percent over forty years; the slip alone moved it by
# two and a half. Now the share column, the one we trust least. Shift *all* shares by one hundredth:

# %%
shifted = {}
for step in (-0.02, -0.01, 0.0, 0.01, 0.02):
    frame = solow.assign(capital_share=solow["capital_share"] + step)
    other = tfp.Panel.from_frame(
        frame,
        entity="country",
        time="year",
        output="q",
        capital="k",
        capital_share="capital_share",
    )
    shifted[f"{step:+.2f}"] = float(spec.fit(other).index()["tfp_index"][-1])
pd.DataFrame({"A(1949)": shifted}).round(3).T

# %% [markdown]
# A whole hundredth in every year's share moves $A(1949)$ by .006. So the index says little about
# the third decimal of a share, which is why thirty-nine matching intervals do not prove a share
# column that was typed from memory, and why the dataset says so in each row.
#
# ## What the residual is
#
# We have called $A(t)$ what Solow's arithmetic makes it: what is left when measured inputs have
# been credited. It holds technique, and everything else that was not measured: schooling (a
# man-hour is a man-hour here), how hard the employed capital was worked, and each error in $q$, $k$
# and $w$. The texts that this library prints call it the *residual*.
