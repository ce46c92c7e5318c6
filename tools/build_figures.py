"""Draw the picture of the README and of the start page from the bundled data.

    python tools/build_figures.py            write docs/_static/contributions.png
    python tools/build_figures.py --check    draw only; exit 1 where the accounts changed

Contributions to growth as the Penn World Table has them: the accounts of six
Asian economies, and Viet Nam's under a stated capital share, all with the capital stock.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import tfp_index as tfp

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "_static" / "contributions.png"
PERIOD = (2000, 2019)
CAPITAL_SHARE = 0.40  # of Viet Nam: its accounts publish none
LABELS = {
    "CHN": "China",
    "IDN": "Indonesia",
    "KOR": "Korea",
    "MYS": "Malaysia",
    "SGP": "Singapore",
    "THA": "Thailand",
    "VNM": "Viet Nam",
}
DRAWN = {  # TFP growth in percent a year, as on the picture that is stored
    "CHN": 3.26,
    "IDN": 1.32,
    "KOR": 1.24,
    "MYS": 0.33,
    "SGP": 0.61,
    "THA": 1.67,
    "VNM": 2.05,
}


def accounts() -> Any:
    """Return the growth accounts of the seven."""
    pwt = tfp.datasets.load("pwt110")
    frame = pwt[pwt["country"].isin(LABELS)].assign(
        labor_share=lambda d: d["labsh"].where(d["country"] != "VNM", 1.0 - CAPITAL_SHARE)
    )
    panel = tfp.Panel.from_frame(
        frame,
        entity="country",
        time="year",
        output="rgdpna",
        capital="rnna",
        labor="labor_input",
        labor_share="labor_share",
        vintage="PWT 11.0",
    )
    return tfp.GrowthAccounting.pwt().fit(panel)


def main() -> int:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    result = accounts()
    means = result.periods([PERIOD])
    percent = (100 * means["tfp_growth"]).round(2).tolist()
    growth = dict(zip(means["entity"].tolist(), percent, strict=True))
    ax = tfp.plot.comparison(
        result,
        period=PERIOD,
        highlight="VNM",
        labels=LABELS,
        title=f"Where growth came from, {PERIOD[0]}–{PERIOD[1]}",
        note=f"Penn World Table 11.0, capital stock. Viet Nam: capital share {CAPITAL_SHARE:.2f} "
        "by assumption. TFP growth is a residual.",
    )
    if options.check:
        if growth != DRAWN:
            print(f"the picture shows {DRAWN}, the accounts say {growth}: draw it again")
        return int(growth != DRAWN)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    ax.figure.savefig(PICTURE, dpi=160, metadata={"Software": None})
    print(f"{PICTURE.name}: {PICTURE.stat().st_size:,} bytes; {growth}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
