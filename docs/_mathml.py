"""Formulas as MathML, made while the site is built: pages need no script and no network."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

logger = logging.getLogger(__name__)

ALIGNED = re.compile(r"\\(begin|end)\{(?:aligned|split|gathered)\}")
LEFT_OVER = re.compile(r"\\[A-Za-z]+|<mi>&</mi>")


def mathml(latex: str, display: str) -> str:
    """Return the MathML of a formula; what is not understood is left in it as it was."""
    latex = " ".join(latex.split())
    if r"\\" in latex and r"\begin" not in latex:
        latex = rf"\begin{{align*}}{latex}\end{{align*}}"
    return convert(ALIGNED.sub(r"\\\1{align*}", latex), display=display)


def write_math(translator: Any, node: nodes.Element) -> None:
    """Write a formula and leave its children out."""
    display = "block" if isinstance(node, nodes.math_block) else "inline"
    written = mathml(node.astext(), display)
    if found := LEFT_OVER.search(written):
        logger.warning("formula not understood at %r", found.group(), location=node)
    tag = "div" if display == "block" else "span"
    translator.body.append(f'<{tag} class="formula">{written}</{tag}>')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Offer the renderer to Sphinx."""
    app.add_html_math_renderer("mathml", (write_math, None), (write_math, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
