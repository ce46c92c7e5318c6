# %% [markdown]
# # From financial statements to a scorecard
#
# An enterprise hands in its statements; the department wants to know how productive it is, beside
# whom, and why. This notebook walks the whole way: a workbook under Circular 200, value added two
# ways, nineteen indicators, peers, a profile with strengths and weaknesses, and a rank that carries
# its uncertainty.
#
# **All enterprises here are invented.** The criteria set is a *proposal, not an official set*
# (đề xuất – không phải bộ tiêu chí chính thức).

# %%
import tempfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd

import tfp_index as tfp

folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## A workbook to fill in
#
# `template` writes the lines that are read, for the regime that the enterprise reports under, and a
# sheet `Bổ sung` for what the forms do not print: labor cost, production taxes, what was bought in,
# how many people work there.

# %%
path = tfp.statements.template(folder / "bctc.xlsx", regime="TT200")
book = openpyxl.load_workbook(path)
book.sheetnames

# %% [markdown]
# Somebody fills it in. The amounts are text, the way such files come: dots for thousands, a dash
# for nothing, thousand dong as the unit.

# %%
FILLED = {
    "B02-DN": {
        "01": "42.100.000", "02": "100.000", "10": "42.000.000", "11": "27.300.000",
        "20": "14.700.000", "21": "350.000", "22": "900.000", "23": "720.000",
        "25": "3.800.000", "26": "4.150.000", "30": "6.200.000", "31": "90.000",
        "32": "40.000", "40": "50.000", "50": "6.250.000", "51": "1.250.000", "52": "-",
        "60": "5.000.000",
    },
    "B01-DN": {
        "100": "19.500.000", "110": "2.100.000", "140": "6.400.000", "200": "22.500.000",
        "220": "21.000.000", "270": "42.000.000", "300": "24.000.000", "400": "18.000.000",
        "440": "42.000.000",
    },
    "B03-DN": {"02": "2.900.000"},
}  # fmt: skip
MORE = {
    "Tên doanh nghiệp": "Công ty Ví Dụ",
    "Ngành kinh doanh": "C",
    "Chi phí lao động": "8.300.000",
    "Thuế sản xuất": "210.000",
    "Vật tư và dịch vụ mua ngoài": "23.840.000",
    "Số lao động bình quân": 85,
    "Tổng số lao động": 88,
    "Số lao động tham gia BHXH bình quân": 80,
}
HEAD = {
    "Mã số thuế: ": "Mã số thuế: 5700000099",
    "Năm ": "Năm 2024",
    "Đơn vị tính: đồng": "Đơn vị tính: nghìn đồng",
}


def fill(book: openpyxl.Workbook, filled: dict[str, dict[str, str]]) -> None:
    for sheet in book:
        for row in sheet.iter_rows():
            row[0].value = HEAD.get(row[0].value, row[0].value)
            row[1].value = MORE.get(row[0].value, row[1].value)
            if row[1].value in filled.get(sheet.title, {}):
                row[2].value = row[3].value = filled[sheet.title][row[1].value]


fill(book, FILLED)
book.save(path)

# %% [markdown]
# ## Reading it back
#
# Under Circular 200 total assets is line 270. Under Circular 99, in force from 2026, line 270 is
# *other long-term assets*, and total assets is 280: a program with one list of codes would read a
# plausible wrong number. So the regime is named, and a file of another regime is refused.

# %%
try:
    tfp.statements.read(path, regime="TT99")
except tfp.DataError as error:
    print(error)

# %%
statement = tfp.statements.read(path, regime="TT200")
statement.to_frame().T

# %% [markdown]
# The identities of the forms (20 = 10 − 11, 270 = 100 + 200, …) are checked line by line. All hold:

# %%
statement.problems()

# %% [markdown]
# Had somebody mistyped the gross profit, two identities would say so; nothing is repaired:

# %%
wrong = {**FILLED, "B02-DN": {**FILLED["B02-DN"], "20": "14.070.000"}}
book = openpyxl.load_workbook(path)
fill(book, wrong)
book.save(folder / "wrong.xlsx")
tfp.statements.read(folder / "wrong.xlsx", regime="TT200").problems()

# %% [markdown]
# ## Value added, two ways
#
# By addition it is what is distributed: labor cost, depreciation, interest, production taxes,
# profit before tax. By subtraction it is output less what was bought in. Profit before tax holds
# financial and other income, which is not output; the gap is that, and nothing else here.

# %%
indicators = tfp.enterprise_indicators(statement)
indicators.reconciliation().to_frame().T

# %% [markdown]
# ## Nineteen indicators

# %%
indicators.table("vi").to_frame().T

# %% [markdown]
# Each identity between them holds: value added per worker is capital productivity times capital
# intensity.

# %%
x = {name: values[0] for name, values in indicators.values.items()}
assert np.isclose(x["va_per_worker"], x["capital_productivity"] * x["capital_intensity"])
assert np.isclose(x["va_per_worker"], x["va_to_sales"] * x["sales_per_worker"])
x["va_per_worker"], x["capital_productivity"], x["capital_intensity"]

# %% [markdown]
# ## Beside whom
#
# An indicator alone says little. Here is a simulated province: its enterprises are invented, their
# output, capital, employment and wages hang together as in the library's model. What the model
# does not have (depreciation, interest, stocks) is added as plain shares.

# %%
rng = np.random.default_rng(20)
firms = tfp.datasets.simulate.province(enterprises=1_500, periods=2, rng=3).frame()
last = firms[firms["year"] == firms["year"].max()].reset_index(drop=True)
million = 1e6
n = len(last)
capital = million * last["capital"]
value_added = million * last["value_added"]
costs = {
    "labor_cost": million * last["labor_cost"],
    "depreciation": 0.05 * capital,
    "interest": 0.02 * capital,
    "production_taxes": 0.01 * value_added,
}
profit = value_added - sum(costs.values())
population = pd.DataFrame(
    {
        "enterprise": last["enterprise"],
        "year": 2024,
        "industry": last["industry"],
        "net_revenue": million * last["output"],
        "materials_and_services": million * last["materials"],
        "cost_of_goods_sold": 0.85 * million * last["output"],
        **costs,
        "profit_before_tax": profit,
        "operating_profit": profit,
        "employees": last["labor"],
        "persons_employed": last["labor"] + 2,
        "fixed_assets": capital,
        "inventory": 0.12 * million * last["output"] * rng.uniform(0.6, 1.6, n),
        "total_assets": 1.8 * capital,
    }
)
own = statement.to_frame().reindex(columns=population.columns)
together = pd.concat([population, own], ignore_index=True)
result = tfp.enterprise_indicators(together)
scored = result.score(peers=["industry", "size_class"])
scored.peers("5700000099").shared

# %%
profile = scored.profile("5700000099", language="vi")
profile.to_frame()[["name", "value", "lower", "median", "upper", "standing", "verdict"]].round(2)

# %%
scored.strengths("5700000099", language="vi")

# %% [markdown]
# *Standing* is the share of the peers that do worse. Context (capital intensity, wages, labor
# share) has no verdict: more is neither better nor worse by itself.

# %%
ax = tfp.plot.profile(scored, "5700000099", language="vi")

# %%
ax = tfp.plot.scorecard(scored, "5700000099", language="en")

# %% [markdown]
# ## How sure is its rank?
#
# A thousand replicates with other, equally defensible choices: outliers treated or not, percentiles
# or min–max, arithmetic or geometric means, every weight varied by up to a quarter.

# %%
uncertainty = scored.uncertainty(reps=1000, rng=7)
ranks = uncertainty.table()
ranks.where(enterprise="5700000099")

# %%
width = ranks["rank_high"] - ranks["rank_low"]
print(f"median width of the 90 % intervals: {np.nanmedian(width):.0f} of {len(ranks)} ranks")
scored.sensitivity(rng=7, n=256).table()

# %% [markdown]
# The interval is the honest answer to "which place": a single rank among 400 enterprises means
# little. What a department can use is the profile, and its place within the peers.
#
# ## Into a workbook for the file
#
# Ranking, scores, indicators, coverage and the set itself, in Vietnamese; text never becomes a
# formula. It names single enterprises: not for publication.

# %%
written = scored.to_excel(
    folder / "scores.xlsx", language="vi", unit="5700000099", uncertainty=uncertainty
)
openpyxl.load_workbook(written).sheetnames
