"""The scripts of the landing page's explorer and of the playground, each put together into one file.

They are classic scripts and no modules: a page that is opened from disk may not import.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import torch
from sphinx.application import Sphinx

import elscourse as els
from elscourse.widgets.base import pixels

BOOK = Path(__file__).parents[1]
WIDGETS = BOOK.parent / "elscourse" / "widgets"
SHARED = WIDGETS / "shared.js"


def clothes() -> torch.Tensor:
    """The first training picture of every class, as the laptop's lab sees it."""
    data = els.load("fashion-mnist", size=16, n=2000)
    assert data.labels is not None
    return data.images[[int((data.labels == label).nonzero()[0]) for label in range(10)]]


def constants() -> str:
    """What the playground takes from the course: pictures, and how far a trained network looks at each of 20 steps."""
    pictures = {"PAINTED": els.load("painted").images, "CLOTHES": clothes()}
    lines = [f"const {name} = '{base64.b64encode(pixels(images)).decode()}';\n" for name, images in pictures.items()]
    windows = [size for _, size in els.lab("laptop", verbose=False).patch_sizes("els-zeros")]
    return "".join(lines) + f"const WINDOWS = {windows};\n"


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
