"""The script of the landing page's explorer: what the notebooks' explorers share, then its own, in one file.

One classic script and no module: a page that is opened from disk may not import.
"""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

BOOK = Path(__file__).parents[1]
WIDGETS = BOOK.parent / "elscourse" / "widgets"


def write_script(app: Sphinx, error: Exception | None) -> None:
    """_static/explorer.js and explorer.css of the built site."""
    if error is not None or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    parts = [WIDGETS / "shared.js", BOOK / "explorer.js"]
    body = "\n".join(part.read_text(encoding="utf-8") for part in parts)
    (static / "explorer.js").write_text(f"(function () {{\n{body}\n}})();\n", encoding="utf-8")
    (static / "explorer.css").write_text((WIDGETS / "widgets.css").read_text(encoding="utf-8"), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect."""
    app.connect("build-finished", write_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
