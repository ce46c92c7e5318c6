"""One small fit for every public specification; the conformance suite runs over all of them.

A new specification adds an `Example` to `EXAMPLES`; a test fails until it has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

import tfp_index as tfp
from tfp_index.results.specification import Specification


@dataclass(frozen=True, eq=False)
class Example:
    """A specification with a table it fits and the roles of its columns.

    `tolerance` is the relative difference that another row order may make: 0 where sums are
    taken in the panel's own order. `fit_options` go to `fit`. `needs` is a role without which the
    fit must refuse.
    """

    spec: Specification
    frame: pd.DataFrame
    roles: Mapping[str, Any]
    needs: str | None
    tolerance: float = 0.0
    fit_options: Mapping[str, Any] = field(default_factory=dict)

    def fit(self, frame: Any = None, **roles: Any) -> Any:
        """Fit on `frame` (default: the example's own)."""
        panel = tfp.Panel.from_frame(
            self.frame if frame is None else frame, **{**self.roles, **roles}
        )
        return self.spec.fit(panel, **self.fit_options)


def provinces(n: int = 6, years: int = 8, seed: int = 11) -> pd.DataFrame:
    """Return a shuffled table of provinces with one gap and one missing value."""
    rng = np.random.default_rng(seed)
    parts = []
    for i in range(n):
        drift = np.cumsum(rng.normal(0.04, 0.03, (years, 3)), axis=0)
        parts.append(
            pd.DataFrame(
                {
                    "tỉnh": f"Tỉnh {i}",
                    "năm": 2010 + np.arange(years),
                    "grdp": 100 * np.exp(drift[:, 0]),
                    "vốn": 300 * np.exp(drift[:, 1]),
                    "lao động": 50 * np.exp(drift[:, 2]),
                    "tỷ trọng": rng.uniform(0.5, 0.7, years),
                }
            )
        )
    frame = pd.concat(parts, ignore_index=True)
    frame.loc[3, "vốn"] = np.nan
    frame = frame.drop(index=10)
    return frame.sample(frac=1.0, random_state=5).reset_index(drop=True)


PROVINCE_ROLES = {
    "entity": "tỉnh",
    "time": "năm",
    "output": "grdp",
    "capital": "vốn",
    "labor": "lao động",
    "labor_share": "tỷ trọng",
}


def assets(seed: int = 12) -> pd.DataFrame:
    """Return a shuffled table of industries with two assets each: investment, stock, price."""
    rng = np.random.default_rng(seed)
    rows = [
        (f"Ngành {i}", 2010 + t, asset, price * 1.02**t, 20 * 1.03**t)
        for i in range(4)
        for t in range(7)
        for asset, price in (("máy", 1.0), ("nhà", 1.3))
    ]
    frame = pd.DataFrame(rows, columns=["ngành", "năm", "tài sản", "giá", "thu nhập"])
    frame["đầu tư"] = rng.uniform(2, 3, len(frame))
    frame["vốn"] = rng.uniform(40, 50, len(frame))
    return frame.sample(frac=1.0, random_state=6).reset_index(drop=True)


ASSET_KEYS = {"entity": "ngành", "time": "năm", "item": "tài sản"}
STOCK_ROLES = {
    **ASSET_KEYS,
    "capital": "vốn",
    "investment": "đầu tư",
    "columns": {"price": "giá", "capital_income": "thu nhập"},
}
WORKER_ROLES = {**ASSET_KEYS, "labor": "vốn", "columns": {"compensation": "giá"}}


def accounts(seed: int = 13) -> pd.DataFrame:
    """Return a shuffled table of provinces with accounts, prices and two vintages."""
    rng = np.random.default_rng(seed)
    n = 24
    frame = pd.DataFrame({"tỉnh": np.repeat(list("ABCD"), 6), "năm": np.tile(np.arange(6), 4)})
    for name, low, high in (
        ("va", 90, 100), ("gia", 0.9, 1.2), ("coe", 30, 40), ("lao động", 50, 60),
        ("làm công", 30, 40), ("học", 6, 10),
    ):  # fmt: skip
        frame[name] = rng.uniform(low, high, n)
    frame["chỉ số"] = 100 * frame.groupby("tỉnh")["va"].pct_change() + 100
    frame.loc[7, "chỉ số"] += 9.0
    frame["cũ"] = frame["va"].where(frame["năm"] < 4) * 3
    frame["mới"] = frame["va"].where(frame["năm"] > 2)
    return frame.sample(frac=1.0, random_state=7).reset_index(drop=True)


ACCOUNT_ROLES = {
    "entity": "tỉnh",
    "time": "năm",
    "value_added": "va",
    "columns": {
        "compensation": "coe", "employed": "lao động", "employees": "làm công",
        "value_added_price": "gia", "value_added_index": "chỉ số", "schooling": "học",
        "older": "cũ", "newer": "mới",
    },
}  # fmt: skip

GOODS_ROLES = {**ASSET_KEYS, "columns": {"quantity": "vốn", "price": "giá"}}


def industries(seed: int = 14) -> pd.DataFrame:
    """Return a shuffled table of three industries in two sectors, with quantities and values."""
    rng = np.random.default_rng(seed)
    n = 18
    frame = pd.DataFrame(
        {
            "ngành": np.repeat(["lúa", "than", "thép"], 6),
            "khu vực": np.repeat(["một", "hai", "hai"], 6),
            "năm": np.tile(np.arange(2010, 2016), 3),
        }
    )
    for name in ("go", "ii", "k", "h"):
        frame[name] = np.exp(rng.normal(3, 0.1, n))
    for name in ("ii", "k", "h"):
        frame[f"v_{name}"] = rng.uniform(10, 30, n)
    frame["v_go"] = frame[["v_ii", "v_k", "v_h"]].sum(axis=1)
    frame.loc[9, "h"] = np.nan
    return frame.sample(frac=1.0, random_state=8).reset_index(drop=True)


INDUSTRY_ROLES = {
    "entity": "ngành",
    "time": "năm",
    "output": "go",
    "materials": "ii",
    "capital": "k",
    "labor": "h",
    "groups": {"sector": "khu vực"},
    "columns": {
        "output_value": "v_go", "materials_value": "v_ii", "capital_value": "v_k",
        "labor_value": "v_h",
    },
}  # fmt: skip


def firms(seed: int = 14) -> pd.DataFrame:
    """Return a shuffled table of firms with a gap and a missing value; all columns are logs."""
    sim = tfp.datasets.simulate.gnr(
        60, 6, labor_elasticity=0.15, materials_elasticity=0.5, curvature=0.05, rng=seed
    )
    frame = sim.frame().rename(columns={"firm": "doanh nghiệp", "year": "năm"})
    frame.loc[5, "capital"] = np.nan
    frame = frame.drop(index=14)
    return frame.sample(frac=1.0, random_state=8).reset_index(drop=True)


FIRM_ROLES = {
    "entity": "doanh nghiệp",
    "time": "năm",
    "output": "output",
    "labor": "labor",
    "capital": "capital",
    "materials": "materials",
    "columns": {"share": "share"},
    "logs": True,
}


def firms_with_effects(seed: int = 15) -> pd.DataFrame:
    """Return a shuffled table of firms with effects; with a gap and a missing value, in logs."""
    sim = tfp.datasets.simulate.firm_effects(160, 7, shock_persistence=0.5, rng=seed)
    frame = sim.frame().rename(columns={"firm": "doanh nghiệp", "year": "năm"})
    frame["ngành"] = np.where(frame["doanh nghiệp"] % 2, "dệt", "gỗ")
    frame.loc[5, "capital"] = np.nan
    frame = frame.drop(index=17)
    return frame.sample(frac=1.0, random_state=8).reset_index(drop=True)


EFFECT_ROLES = {
    "entity": "doanh nghiệp",
    "time": "năm",
    "output": "output",
    "labor": "labor",
    "capital": "capital",
    "logs": True,
}
CLUSTERS = 1e-7  # sums over firms follow the order of their labels


def by_group(spec: Specification, tolerance: float = CLUSTERS) -> Example:
    """Return an example of firms in two industries, each fitted on its own."""
    frame = firms()
    frame["ngành"] = np.where(frame["doanh nghiệp"] % 2, "dệt", "gỗ")
    roles = {**FIRM_ROLES, "groups": {"industry": "ngành"}}
    return Example(spec, frame, roles, "labor", tolerance)


def enterprises(seed: int = 15) -> pd.DataFrame:
    """Return a shuffled table of firms in levels, with two industries, exits and gaps."""
    frame = tfp.datasets.simulate.proxies(firms=80, periods=7, exit=True, rng=seed).frame()
    for name in ("output", "labor", "capital", "materials", "investment"):
        frame[name] = np.exp(frame[name])
    frame["ngành"] = np.where(frame["firm"] % 2, "dệt", "gỗ")
    frame["firm"] = [f"DN {i:03d}" for i in frame["firm"]]
    frame.loc[5, "materials"] = np.nan
    frame = frame.drop(index=20)
    return frame.sample(frac=1.0, random_state=9).reset_index(drop=True)


ENTERPRISE_ROLES = {
    "entity": "firm",
    "time": "year",
    **{name: name for name in ("output", "capital", "labor", "materials", "investment")},
    "groups": {"industry": "ngành"},
}


def plants(n: int = 40, years: int = 4, seed: int = 3) -> pd.DataFrame:
    """Return a shuffled table of plants of two districts and industries that come and go."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "plant": np.repeat([f"nhà máy {i:02d}" for i in range(n)], years),
            "year": np.tile(2019 + np.arange(years), n),
            "district": np.repeat(rng.choice(["Hạ Long", "Uông Bí"], n), years),
            "industry": np.repeat(rng.choice(["C", "G"], n), years),
        }
    )
    size = np.repeat(rng.normal(size=n), years)
    frame["sales"] = np.exp(4 + size + 0.2 * rng.normal(size=len(frame)))
    frame["persons"] = np.exp(2 + size + 0.3 * rng.normal(size=len(frame)))
    frame["assets"] = np.exp(3 + size + 0.3 * rng.normal(size=len(frame)))
    frame["wages"] = 0.3 * frame["sales"] * np.exp(0.2 * rng.normal(size=len(frame)))
    frame["tfp"] = rng.normal(size=len(frame))
    frame.loc[5, "tfp"] = np.nan
    frame = frame[rng.random(len(frame)) < 0.85]
    return frame.sample(frac=1.0, random_state=5).reset_index(drop=True)


PLANT_ROLES = {
    "entity": "plant",
    "time": "year",
    "value_added": "sales",
    "labor": "persons",
    "capital": "assets",
    "columns": {"tfp": "tfp", "labor_cost": "wages"},
    "groups": {"district": "district", "industry": "industry"},
}
ON_TFP = {"productivity": "tfp"}
SUMS = 1e-9  # sums over plants are taken in the panel's order, which labels decide

EXAMPLES: dict[str, list[Example]] = {
    "Aggregation": [
        Example(
            tfp.Aggregation(weight="persons", by=("district",), relative="industry"),
            plants(),
            PLANT_ROLES,
            "labor",
            SUMS,
            ON_TFP,
        ),
    ],
    "Decomposition": [
        Example(
            tfp.Decomposition(weight="labor", by="district"),
            plants(),
            PLANT_ROLES,
            "labor",
            SUMS,
            ON_TFP,
        ),
        Example(
            tfp.Decomposition(
                method=("foster_haltiwanger_krizan",),
                weight="value_added",
                within="industry",
                frame_breaks=(2021,),
                keep_firms=True,
            ),
            plants(),
            PLANT_ROLES,
            "value_added",
            SUMS,
            {**ON_TFP, "periods": [(2019, 2021)]},
        ),
        Example(
            tfp.Decomposition(
                method="petrin_levinsohn",
                weight="labor",
                elasticities={"labor": 0.6},
                costs={"labor": "wages"},
            ),
            plants(),
            PLANT_ROLES,
            "labor",
            SUMS,
            ON_TFP,
        ),
    ],
    "Dispersion": [
        Example(
            tfp.Dispersion(weight="labor", within=("industry", "year"), by="year"),
            plants(),
            PLANT_ROLES,
            "labor",
            SUMS,
            ON_TFP,
        ),
    ],
    "Levers": [
        Example(
            tfp.Levers(
                weight="value_added",
                by=("industry", "district"),
                hsieh_klenow=tfp.HsiehKlenow(trim=(0.01, 0.05), min_firms=20, min_cell=5),
                practices=("exporter",),
                min_enterprises=5,
            ),
            plants().assign(exporter=lambda frame: (frame["sales"] > 60.0).astype(float)),
            {**PLANT_ROLES, "columns": {**PLANT_ROLES["columns"], "exporter": "exporter"}},
            "value_added",
            SUMS,
            ON_TFP,
        ),
        Example(
            tfp.Levers(
                weight="labor",
                levers=("laggards", "exit"),
                targets=(0.25,),
                period=(2019, 2021),
                min_enterprises=5,
                se=tfp.Bootstrap(reps=20),
            ),
            plants(),
            PLANT_ROLES,
            "labor",
            SUMS,
            {**ON_TFP, "rng": 1},
        ),
    ],
    "HsiehKlenow": [
        Example(
            tfp.HsiehKlenow(trim=(0, 0.05), min_firms=20, min_cell=5),
            plants(),
            PLANT_ROLES,
            "capital",
            SUMS,
        ),
    ],
    "CobbDouglas": [
        Example(spec, firms(), FIRM_ROLES, "output", CLUSTERS)
        for spec in (
            tfp.CobbDouglas(),
            tfp.CobbDouglas(effects="two_way", cov="clustered"),
            tfp.CobbDouglas(effects="first_difference", returns="constant"),
        )
    ]
    + [by_group(tfp.CobbDouglas(inputs=("labor", "capital"), effects="entity", by="industry"))],
    "Translog": [
        by_group(tfp.Translog(inputs=("labor", "capital"), by="industry")),
        Example(
            tfp.Translog(inputs=("labor", "capital"), effects="time", cov="two_way_clustered"),
            firms(),
            FIRM_ROLES,
            "labor",
            CLUSTERS,
        ),
    ],
    "CostShareResidual": [
        Example(
            tfp.CostShareResidual(inputs=("capital", "labor"), output="grdp_real"),
            provinces(),
            {
                "entity": "tỉnh",
                "time": "năm",
                "capital": "vốn",
                "labor": "lao động",
                "labor_share": "tỷ trọng",
                "columns": {"grdp_real": "grdp"},
            },
            "labor_share",
            CLUSTERS,
        )
    ],
    "Wooldridge": [
        by_group(tfp.Wooldridge(form="one_equation", degree=1, by="industry")),
        Example(tfp.Wooldridge(), firms(), FIRM_ROLES, "materials", CLUSTERS),
        Example(
            tfp.Wooldridge(form="one_equation", se=tfp.Bootstrap(reps=5)),
            firms(),
            FIRM_ROLES,
            "labor",
            CLUSTERS,
            {"rng": 1},
        ),
    ],
    "DynamicPanel": [
        Example(
            tfp.DynamicPanel(
                inputs=("labor", "capital"), predetermined="capital", lags=(2, 3), by="industry"
            ),
            firms_with_effects(),
            {**EFFECT_ROLES, "groups": {"industry": "ngành"}},
            "labor",
            1e-5,
        ),
        Example(
            tfp.DynamicPanel(inputs=("labor", "capital"), lags=(2, 3), time_effects=False),
            firms_with_effects(),
            EFFECT_ROLES,
            "labor",
            1e-5,  # a search on top of a weight that is inverted
        ),
        Example(
            tfp.DynamicPanel(inputs=("labor", "capital"), lags=(2, 3), se=tfp.Bootstrap(reps=3)),
            firms_with_effects(),
            EFFECT_ROLES,
            "labor",
            0.5,  # another order of the firms gives them other weights
            {"rng": 1},
        ),
    ],
    "Markups": [
        Example(
            tfp.Markups(revenue_share="share", over="period"),
            firms(),
            FIRM_ROLES,
            "share",
            CLUSTERS,
            {"production": tfp.CobbDouglas()},
        )
    ],
    "GandhiNavarroRivers": [
        by_group(
            tfp.GandhiNavarroRivers(
                revenue_share="share", share_degree=1, law_degree=1, by="industry"
            )
        ),
        Example(
            tfp.GandhiNavarroRivers(revenue_share="share", share_degree=1, law_degree=1),
            firms(),
            FIRM_ROLES,
            "share",
            CLUSTERS,
        ),
    ],
    "GrowthAccounting": [
        Example(tfp.GrowthAccounting(), provinces(), PROVINCE_ROLES, "capital"),
        Example(
            tfp.GrowthAccounting.vietnam(capital_share=0.4), provinces(), PROVINCE_ROLES, "output"
        ),
    ],
    "BilateralIndex": [
        Example(
            tfp.BilateralIndex(formula="tornqvist", kind="tfp"),
            provinces(),
            PROVINCE_ROLES,
            "output",
        ),
        Example(
            tfp.BilateralIndex(formula="lowe", kind="price", chained=False),
            assets(),
            GOODS_ROLES,
            "price",
            1e-12,  # the mean of a good over all situations is a sum in the order of the labels
        ),
    ],
    "MultilateralIndex": [
        # means over firms are sums in the panel's order, which labels decide
        Example(tfp.MultilateralIndex(), provinces(), PROVINCE_ROLES, "output", 1e-12),
        Example(
            tfp.MultilateralIndex(formula="ccd", compare="entity"),
            provinces(),
            PROVINCE_ROLES,
            "output",
            1e-12,
        ),
        Example(
            tfp.MultilateralIndex(formula="geks", kind="price", compare="time", window=4),
            assets(),
            GOODS_ROLES,
            "price",
        ),
    ],
    "KlemsAccounts": [
        Example(
            tfp.KlemsAccounts(
                tree=("sector",), aggregate_inputs="sum", groups={"factors": ("capital", "labor")}
            ),
            industries(),
            INDUSTRY_ROLES,
            "output_value",
            1e-12,  # sums over industries are taken in the order of their labels
        ),
        Example(
            tfp.KlemsAccounts(aggregate="value_added", incomplete="matched"),
            industries(),
            INDUSTRY_ROLES,
            "output",
            1e-12,
        ),
    ],
    "TFPLevels": [Example(tfp.TFPLevels(), provinces(), PROVINCE_ROLES, "output", 1e-12)],
    "DevelopmentAccounting": [
        Example(tfp.DevelopmentAccounting(), provinces(), PROVINCE_ROLES, "capital", 1e-12)
    ],
    "PerpetualInventory": [
        Example(
            tfp.PerpetualInventory(depreciation={"máy": 0.1, "nhà": 0.03}, growth=0.04),
            assets(),
            STOCK_ROLES,
            "investment",
        ),
        Example(
            tfp.PerpetualInventory(
                profile="hyperbolic",
                life=8.0,
                retirement="normal",
                initial="fixed_ratio",
                ratio=6.0,
                growth=0.03,
                deflator="price",
                base=2012,
            ),
            assets(),
            STOCK_ROLES,
            "price",
        ),
    ],
    "CapitalServices": [
        Example(
            tfp.CapitalServices(depreciation={"máy": 0.1, "nhà": 0.03}),
            assets(),
            STOCK_ROLES,
            "capital_income",
        ),
        Example(
            tfp.CapitalServices(depreciation=0.08, return_rate="ex_ante", rate=0.05),
            assets(),
            STOCK_ROLES,
            "price",
        ),
    ],
    "LaborServices": [Example(tfp.LaborServices(), assets(), WORKER_ROLES, "compensation")],
    "HumanCapital": [Example(tfp.HumanCapital(), accounts(), ACCOUNT_ROLES, "schooling")],
    "LaborShare": [
        Example(tfp.LaborShare(adjustment=adjustment), accounts(), ACCOUNT_ROLES, "employees")
        for adjustment in ("gollin_3", "eu_klems", "vietnam_full_income")
    ],
    "Deflation": [Example(tfp.Deflation(base=3), accounts(), ACCOUNT_ROLES, "value_added_price")],
    "Rebasing": [
        Example(tfp.Rebasing(role="value_added", base=2), accounts(), ACCOUNT_ROLES, "value_added")
    ],
    "Splicing": [Example(tfp.Splicing(), accounts(), ACCOUNT_ROLES, "older")],
    "BreakRepair": [Example(tfp.BreakRepair(), accounts(), ACCOUNT_ROLES, "value_added_index")],
    "CompositeIndex": [
        Example(
            tfp.CompositeIndex(
                structure=[
                    {"code": "output", "parent": "results", "denominator": "labor"},
                    {"code": "capital", "parent": "results", "direction": -1},
                    {"code": "labor_share", "parent": "index"},
                    {"code": "results", "parent": "index", "weight": 2},
                    {"code": "index"},
                ],
                impute="mean",
                treat=True,
                scale=(1, 100),
                aggregate={"index": "geometric"},
            ),
            provinces(),
            PROVINCE_ROLES,
            "capital",
            1e-12,  # means over units are sums in the panel's order, which labels decide
        ),
        Example(
            tfp.CompositeIndex(
                structure=[
                    {"code": "output", "parent": "index", "goalposts": (50, 200)},
                    {"code": "labor_share", "parent": "index", "goalposts": (0.0, 1.0)},
                    {"code": "index"},
                ],
                normalize="goalposts",
                weights="equal",
            ),
            provinces(),
            PROVINCE_ROLES,
            "output",
        ),
    ],
    "OlleyPakes": [
        Example(
            tfp.OlleyPakes(basis_degree=2, law_degree=2, survival=True, controls="time"),
            enterprises(),
            ENTERPRISE_ROLES,
            "investment",
        )
    ],
    "LevinsohnPetrin": [
        Example(
            tfp.LevinsohnPetrin(basis_degree=2, law_degree=1, law_controls="industry"),
            enterprises(),
            ENTERPRISE_ROLES,
            "materials",
        )
    ],
    "AckerbergCavesFrazer": [
        Example(
            tfp.AckerbergCavesFrazer(basis_degree=1, law_degree=1, by="industry"),
            enterprises(),
            ENTERPRISE_ROLES,
            "capital",
            CLUSTERS,
        ),
        Example(
            tfp.AckerbergCavesFrazer(basis_degree=2, law_degree=1),
            enterprises(),
            ENTERPRISE_ROLES,
            "capital",
        ),
        Example(
            tfp.AckerbergCavesFrazer(
                basis_degree=1, law_degree=1, root={"labor": 0.6}, se=tfp.Bootstrap(reps=3)
            ),
            enterprises(),
            ENTERPRISE_ROLES,
            "materials",
            fit_options={"rng": 4},
        ),
    ],
}
