"""The course as one file to download: its wheel, with package, lessons and data, at the top of the built site."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from elscourse.version import __version__

ROOT = Path(__file__).parents[2]
WHEEL = f"elscourse-{__version__}-py3-none-any.whl"
SOURCES = ("elscourse", "data", "notebooks", "pyproject.toml", "README.md", "LICENSE", "LICENSE-PROSE")


def build_wheel(app: Sphinx, error: Exception | None) -> None:
    """From a copy: setuptools leaves its work beside the sources, and takes up what it left there before."""
    if error is not None or app.builder.format != "html":
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in SOURCES:
            if (source := ROOT / name).is_dir():
                shutil.copytree(source, Path(folder, name), ignore=shutil.ignore_patterns("__pycache__", "*.partial*"))
            else:
                shutil.copyfile(source, Path(folder, name))
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        done = subprocess.run(
            [*command, "--wheel-dir", str(app.outdir), folder], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise ExtensionError(f"The wheel of the course could not be made:\n{done.stderr}")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect."""
    app.connect("build-finished", build_wheel)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
