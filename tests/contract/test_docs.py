"""Documentation that runs: snippets of pages and README, and a reference without holes."""

from __future__ import annotations

import importlib.util
import logging
import re
from pathlib import Path

import pytest

import tfp_index as tfp

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^```python *(no-run)? *\n(.*?)^```", flags=re.M | re.S)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def pages_with_snippets() -> list[Path]:
    folders = ("howto", "theory", "explanation", "differences", "criteria")
    pages = [page for folder in folders for page in sorted((DOCS / folder).glob("*.md"))]
    pages += [DOCS / "index.md", ROOT / "README.md"]
    return [page for page in pages if FENCE.search(page.read_text(encoding="utf-8"))]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", pages_with_snippets(), ids=name_of)
def test_the_snippets_of_a_page_run_one_after_the_other(page, tmp_path, monkeypatch, request):
    request.addfinalizer(lambda: logging.getLogger("tfp_index").setLevel(logging.NOTSET))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)  # what a snippet writes goes nowhere
    text = page.read_text(encoding="utf-8")
    namespace = {"__name__": "__main__"}
    for match in FENCE.finditer(text):
        skipped, code = match.groups()
        if not skipped:
            lines_above = "\n" * (text.count("\n", 0, match.start()) + 1)  # errors show the page's
            exec(compile(lines_above + code, name_of(page), "exec"), namespace)


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("_reference", DOCS / "_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_lists_every_public_name(reference):
    listed = set(re.findall(r"^   ~(tfp_index\.[\w.]+)$", reference.text(), flags=re.M))
    homes = {f"tfp_index.{name}" for name in tfp._HOME}
    assert homes <= listed
    for public in tfp._MODULES:
        module = getattr(tfp, public)
        for name in module.__all__:
            dotted = f"{module.__name__}.{name}"
            assert dotted in listed or any(one.startswith(f"{dotted}.") for one in listed)


def test_every_specification_brings_its_result_class(reference):
    listed = reference.text()
    assert "GrowthAccountingResult" in listed
    assert "typing." not in listed


@pytest.mark.parametrize(
    "page",
    [*sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("*/*.md")), ROOT / "README.md"],
    ids=name_of,
)
def test_relative_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        path = (page.parent / target).resolve()
        if path.parent == DOCS / "notebooks" and path.suffix == ".ipynb":
            path = ROOT / "notebooks" / path.name  # the site copies them
        made_with_the_site = path == DOCS / "reference" / "index.md"
        assert path.exists() or made_with_the_site, f"{name_of(page)} links to {target}"


def test_readme_has_two_commands_that_set_up_everything_themselves():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^```sh\n(.*?)^```", text, flags=re.M | re.S)
    assert len(commands) == 2
    for command, last in zip(commands, ("tfp-index demo", "pytest"), strict=True):
        steps = [step.strip() for step in command.strip().split("&&")]
        assert steps[0] == "python3 -m venv .venv"
        assert steps[1].startswith(".venv/bin/pip install ")
        assert steps[-1] == f".venv/bin/{last}"
