"""Execute the notebooks and pair each script with an .ipynb that holds its outputs.

    python tools/build_notebooks.py [NAME …]            execute and write notebooks/*.ipynb
    python tools/build_notebooks.py --check [NAME …]    execute only; exit 1 where a pair differs

The scripts (``notebooks/*.py``, percent format) are what is edited. Needs the extra ``docs``.
A notebook must run without warnings, and its outputs must not name a folder of this machine.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
LARGEST = 600_000  # bytes: outputs are committed, so they stay small
FOLDER = re.compile(r"(?<![\w:/.])/(?:home|root|tmp|work|Users|usr|var|opt|private)/[\w.-]+")


def read_script(path: Path) -> NotebookNode:
    """Return the notebook of a script, with cell numbers as ids so that nothing changes idly."""
    notebook = jupytext.read(path)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02d}"
        cell["metadata"] = {}
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def execute(notebook: NotebookNode) -> NotebookNode:
    """Run a notebook in an empty folder and return it with outputs."""
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=600,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            record_timing=False,
        )
        client.execute()
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def complaints(notebook: NotebookNode) -> list[str]:
    """Return what must not stand in the outputs."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                found.append(f"{cell['id']} writes to stderr: {output['text'][:300]}")
            texts = [output.get("text", "")]
            texts += [v for k, v in output.get("data", {}).items() if not k.startswith("image/png")]
            matches = filter(None, map(FOLDER.search, map(str, texts)))
            found += [f"{cell['id']} names the folder {match.group()}" for match in matches]
    size = len(nbformat.writes(notebook))
    if size > LARGEST:
        found.append(f"{size:,} bytes; at most {LARGEST:,} are kept")
    return found


def differs(notebook: NotebookNode, path: Path) -> str:
    """Say how the stored pair of a script falls short, or return an empty text."""
    if not path.exists():
        return "has no .ipynb"
    stored = nbformat.read(path, as_version=4)
    ours = [(cell.cell_type, cell.source) for cell in notebook.cells]
    theirs = [(cell.cell_type, cell.source) for cell in stored.cells]
    if ours != theirs:
        return "and its .ipynb hold different cells"
    if not any(cell.get("outputs") for cell in stored.cells):
        return "has an .ipynb without outputs"
    return ""


def main() -> int:
    """Build or check; return 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    names = options.names or sorted(path.stem for path in NOTEBOOKS.glob("*.py"))
    wrong = 0
    for name in names:
        start = perf_counter()
        script = NOTEBOOKS / f"{Path(name).stem}.py"
        notebook = execute(read_script(script))
        faults = complaints(notebook)
        pair = script.with_suffix(".ipynb")
        if options.check and (difference := differs(notebook, pair)):
            faults.append(f"{script.name} {difference}: run tools/build_notebooks.py")
        if not options.check and not faults:
            pair.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
        print(f"{script.stem}: {perf_counter() - start:.1f} s", *faults, sep="\n  ", flush=True)
        wrong += bool(faults)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
