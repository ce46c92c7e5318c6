"""Write the page on reproductions from the recipes, with the deviations measured.

    python tools/build_reproductions.py                      run what is bundled, write the page
    python tools/build_reproductions.py --data cip=FILE …    run these as well
    python tools/build_reproductions.py --check              run and write nothing; exit 1 where
                                                             the page or a measurement is stale

Measurements are kept in ``docs/_reproductions.json``, so that the page can be written where the
data that may not be bundled are absent: those recipes keep what was measured last.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tfp_index import reproductions

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "reproductions.md"
MEASURED = DOCS / "_reproductions.json"

HEAD = """\
# Reproductions

<!-- written by tools/build_reproductions.py from the recipes; do not edit -->

Each section is a recipe, one short file in `tfp_index/reproductions/`, that makes published series
again from the published inputs and says how far it is from them. `tfp.reproductions.run(name)` runs
it; `tfp-index reproduce NAME` does from the command line; [how to](howto/reproductions.md).

A series *holds* if every published value was computed and none is farther away than the tolerance.
A series that is *not judged* is shown for its size. Deviations below are those measured with
version {version}.
"""


def measure(files: dict[str, Path]) -> dict[str, Any]:
    """Run the recipes that have data here and return their records."""
    found = {}
    for name in reproductions.names():
        if name not in files and reproductions.describe(name).bundled is None:
            continue
        result = reproductions.run(name, files.get(name))
        print(f"{name}: {'holds' if result.holds else 'DOES NOT HOLD'}", flush=True)
        found[name] = result.to_dict()
    return found


def text(measured: dict[str, Any]) -> str:
    """Return the page."""
    version = next(iter(measured.values()))["version"]
    parts = [HEAD.format(version=version), _overview(measured)]
    parts += [section(reproductions.describe(n), measured.get(n)) for n in reproductions.names()]
    return "\n".join(parts)


def _overview(measured: dict[str, Any]) -> str:
    lines = ["| recipe | source | data | result |", "|---|---|---|---|"]
    for name in reproductions.names():
        recipe = reproductions.describe(name)
        data = "bundled" if recipe.bundled else "to be given"
        lines.append(f"| [`{name}`](#{name}) | {recipe.title} | {data} | {_told(measured, name)} |")
    return "\n".join(lines) + "\n"


def _told(measured: dict[str, Any], name: str) -> str:
    record = measured.get(name)
    if record is None:
        return "not run on the original"
    judged = [row for row in record["series"] if row["holds"] != "not judged"]
    values = sum(row["compared"] for row in judged)
    verdict = "holds" if record["holds"] else "**does not hold**"
    return f"{verdict}: {len(judged)} series, {values:,} values"


def section(recipe: reproductions.Recipe, record: dict[str, Any] | None) -> str:
    """Return what is known about one recipe."""
    lines = [f"## {recipe.name}", "", f"**{recipe.title}.** {recipe.formula}", ""]
    lines += [f"*Source*: {recipe.source}.", "", f"*Data*: {recipe.data}.", ""]
    lines += [f"*Layout*: {recipe.layout}.", ""]
    if recipe.untested:
        lines += [f"*Limits*: {recipe.untested}.", ""]
    if record is None:
        lines += ["| series | what |", "|---|---|"]
        lines += [f"| {name} | {what} |" for name, what in recipe.series.items()]
        return "\n".join([*lines, ""])
    head = "| series | unit | values | largest deviation | median | at | tolerance | holds |"
    lines += [head, "|---|---|--:|--:|--:|---|--:|---|"]
    for row in record["series"]:
        cells = (
            row["series"],
            row["unit"],
            f"{row['compared']:,}",
            _figure(row["max_deviation"]),
            _figure(row["median_deviation"]),
            row["largest_at"],
            _figure(row["tolerance"]),
            row["holds"],
        )
        lines.append("| " + " | ".join(cells) + " |")
    reasons: dict[str, list[str]] = {}
    for row in record["series"]:
        reasons.setdefault(row["reason"], []).append(row["series"])
    lines.append("")
    lines += [f"- {'; '.join(of)}: {why}" for why, of in reasons.items() if why]
    lines += [f"- {note}" for note in record["notes"]]
    return "\n".join([*lines, ""])


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1e}" if value < 1e-3 else f"{value:.4f}"


def stale(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Name the recipes whose measurements no longer agree with those kept."""
    found = []
    for name, record in new.items():
        # not the deviations: those near the rounding of double precision differ by machine
        facts = [
            [(row["series"], row["compared"], row["holds"]) for row in one["series"]]
            for one in (old.get(name, {"series": []}), record)
        ]
        if facts[0] != facts[1] or not record["holds"]:
            found.append(name)
    return found


def main() -> int:
    """Build or check; return 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", nargs="*", default=[], metavar="NAME=FILE")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    files = {name: Path(file) for name, _, file in (one.partition("=") for one in options.data)}
    kept = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}
    found = measure(files)
    if options.check:
        wrong = stale(kept, found)
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text(kept):
            wrong.append(PAGE.name)
        for name in wrong:
            print(f"{name} is stale: run tools/build_reproductions.py")
        return 1 if wrong else 0
    merged = {n: {**kept, **found}[n] for n in reproductions.names() if n in {**kept, **found}}
    document = json.dumps(merged, ensure_ascii=False, allow_nan=False, indent=1)
    MEASURED.write_text(document + "\n", encoding="utf-8")
    PAGE.write_text(text(merged), encoding="utf-8")
    return 0 if all(record["holds"] for record in merged.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
