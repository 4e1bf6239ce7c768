"""The scripts of the landing page's explorer and of the playground, each put together into one file.

They are classic scripts and no modules: a page that is opened from disk may not import.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

from sphinx.application import Sphinx

import elscourse as els
from elscourse.widgets.base import pixels

BOOK = Path(__file__).parents[1]
WIDGETS = BOOK.parent / "elscourse" / "widgets"
SHARED = WIDGETS / "shared.js"


def clothes() -> str:
    """The first training picture of every class, as the laptop's lab sees it: bytes in base64."""
    data = els.load("fashion-mnist", size=16, n=2000)
    assert data.labels is not None
    first = [int((data.labels == label).nonzero()[0]) for label in range(10)]
    return base64.b64encode(pixels(data.images[first])).decode()


def constants() -> str:
    """What the playground takes from the course: pictures, and how far a trained network looks at each of 20 steps."""
    painted = [text.replace("\n", "") for text in (BOOK / "painted.txt").read_text(encoding="ascii").split("\n\n")]
    windows = [size for _, size in els.lab("laptop", verbose=False).patch_sizes("els-zeros")]
    return f"const PAINTED = {painted};\nconst CLOTHES = '{clothes()}';\nconst WINDOWS = {windows};\n"


SCRIPTS: dict[str, tuple[list[Path], Callable[[], str]]] = {  # its parts, and what is put in front of them
    "explorer.js": ([SHARED, BOOK / "explorer.js"], str),
    "playground.js": ([SHARED, BOOK / "machine.js", BOOK / "playground.js"], constants),
}


def write_scripts(app: Sphinx, error: Exception | None) -> None:
    """_static/explorer.js, playground.js and explorer.css of the built site."""
    if error is not None or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    for name, (parts, before) in SCRIPTS.items():
        body = "\n".join(part.read_text(encoding="utf-8") for part in parts)
        (static / name).write_text(f"(function () {{\n{before()}{body}\n}})();\n", encoding="utf-8")
    (static / "explorer.css").write_text((WIDGETS / "widgets.css").read_text(encoding="utf-8"), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect."""
    app.connect("build-finished", write_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
