"""Sphinx configuration: pages in MyST Markdown, notebooks as committed, reference generated."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tfp_index import __version__

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))

import _reference  # noqa: E402  beside this file

project = "tfp_index"
author = "The tfp_index authors"
copyright = f"2026, {author}"
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_nb",
    "_mathml",  # beside this file
]
html_math_renderer = "mathml"
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
suppress_warnings = [
    "toc.empty_glob",  # a chapter may still be empty
]

# pages
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"  # pages with code cells; the notebooks are shown with their outputs
nb_execution_excludepatterns = ["notebooks/*"]
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_merge_streams = True

# reference
autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say it
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_attributes_as_param_list = True

html_theme = "pydata_sphinx_theme"
html_title = f"tfp_index {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 8,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"*": []}  # pages at the root have no chapter to show
html_show_sourcelink = False


def bring_in(*_: object) -> None:
    """Write the reference pages and copy the executed notebooks, before Sphinx looks for pages."""
    _reference.write(HERE / "reference")
    folder = HERE / "notebooks"
    for old in folder.glob("*.ipynb"):
        old.unlink()
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        shutil.copy(notebook, folder)


def setup(app: object) -> None:
    """Connect to Sphinx."""
    app.connect("config-inited", bring_in)  # type: ignore[attr-defined]
