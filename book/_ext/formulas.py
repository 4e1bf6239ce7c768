"""A line may end after a formula, but does not begin with the comma that follows it: on pages and on slides."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

# a formula, unless it is so long that it might fill a line of a phone, with what stands right before and after it
MARKED = re.compile(r'\(?<span class="math [^>]*>[^<]{1,40}</span>[.,;:)?!]+')


def together(body: str) -> str:
    """HTML in which a formula and its marks stay in one line."""
    return MARKED.sub(r'<span class="els-together">\g<0></span>', body)


def on_page(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """The same for a page of the site."""
    if "body" in context:
        context["body"] = together(context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect."""
    app.connect("html-page-context", on_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
