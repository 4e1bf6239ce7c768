"""The learner's own folder: copies of the lessons, so that work is never overwritten and the repository stays clean."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from .errors import CourseError


def lessons_dir() -> Path:
    """Where the lessons are: inside the installed package, else beside it in the repository (as for the data)."""
    inside = Path(__file__).parent / "_notebooks"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "notebooks"


def copy_lessons(folder: Path) -> tuple[list[Path], list[Path]]:
    """Copy each lesson that `folder` does not hold yet; returns the copied and the kept ones."""
    folder.mkdir(parents=True, exist_ok=True)
    copied, kept = [], []
    for lesson in sorted(lessons_dir().glob("*.ipynb")):
        mine = folder / lesson.name
        if mine.exists():
            kept.append(mine)
        else:
            shutil.copyfile(lesson, mine)
            copied.append(mine)
    return copied, kept


def open_lab(folder: Path, options: list[str]) -> int:
    """Copy the lessons and run JupyterLab there until it is closed; returns its exit status."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise CourseError('JupyterLab is not installed: run `pip install "elscourse[notebook]"` (or ./course setup).')
    copied, kept = copy_lessons(folder)
    print(f"{folder}: lessons copied: {len(copied)}, kept as you left them: {len(kept)}.", flush=True)
    return subprocess.call([sys.executable, "-m", "jupyterlab", *options], cwd=folder)
