"""Check an installation without extras: what works there, and what says how to get the rest.

    python tools/check_minimal_install.py

Run by `.ci/run` in an environment that holds the library and its five requirements only.
"""

from __future__ import annotations

import importlib.util
import sys

import tfp_index as tfp

EXTRAS = ("matplotlib", "jinja2", "pyarrow", "duckdb", "polars", "openpyxl")
COLUMNS = {
    "province": ["Quảng Ninh"] * 3,
    "year": [2018, 2019, 2020],
    "grdp": [100.0, 108.0, 113.4],
    "stock": [300.0, 327.0, 350.0],
    "persons": [50.0, 51.0, 51.5],
}
ROLES = {
    "entity": "province",
    "time": "year",
    "output": "grdp",
    "capital": "stock",
    "labor": "persons",
}


def require(condition: bool, message: str) -> None:
    """Stop with a message unless the condition holds."""
    if not condition:
        raise SystemExit(f"minimal install: {message}")


def main() -> None:
    """Check."""
    present = [name for name in EXTRAS if importlib.util.find_spec(name)]
    require(not present, f"{', '.join(present)} should not be installed here")
    require("pandas" not in sys.modules, "importing the library loaded pandas")
    spec = tfp.GrowthAccounting.vietnam(capital_share=0.4)
    result = spec.fit(tfp.Panel.from_frame(COLUMNS, **ROLES))
    frame = result.to_frame()
    growth = frame["tfp_growth"].round(4).tolist()
    require(growth[1:] == [0.032, 0.016], f"TFP growth is {growth}")
    again = spec.fit(tfp.Panel.from_frame(frame.assign(**COLUMNS), **ROLES))
    require((again.tfp_growth[1:] == result.tfp_growth[1:]).all(), "pandas gives other digits")
    require(tfp.spec_from_dict(spec.to_dict()) == spec, "the specification does not travel")
    require(len(tfp.datasets.load("pwt110")) == 13_690, "the bundled data are not complete")
    print(result.periods())
    for extra, call in {
        "plot": lambda: tfp.plot.contributions(result),
        "polars": lambda: result.to_frame("polars"),
        "io": lambda: result.to_frame("pyarrow"),
    }.items():
        message = ""
        try:
            call()
        except tfp.MissingDependencyError as error:
            message = str(error)
        require(f"tfp-index[{extra}]" in message, f"no remedy for {extra}: {message!r}")
        print(message)
    print("minimal install: fine")


if __name__ == "__main__":
    main()
