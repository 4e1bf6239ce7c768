"""The figures that notebooks hold as text become files: a lesson's page and the decks that show one share it."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

AS_TEXT = re.compile(r'src="data:image/png;base64,([^"]+)"( width="(\d+)")?')
LEGIBLE = 800  # pixels: a figure this wide can still be read when a phone shows it at half its width


def as_files(body: str, page: str, site: Path) -> str:
    """The HTML of a page, with its pictures in the site's _images, each named after what is in it."""

    def file(found: re.Match[str]) -> str:
        data = base64.b64decode(found[1])
        name = f"_images/{hashlib.sha256(data).hexdigest()[:16]}.png"
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(data)
        fits = ' class="els-fits"' if found[3] and int(found[3]) <= LEGIBLE else ""
        return f'src="{"../" * page.count("/")}{name}"{found[2] or ""}{fits}'

    return AS_TEXT.sub(file, body)


def in_lesson(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Before a page is written."""
    if "body" in context:
        context["body"] = as_files(context["body"], page, Path(app.outdir))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect."""
    app.connect("html-page-context", in_lesson)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
