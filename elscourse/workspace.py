"""The learner's own folder: copies of the lessons, so that work is never overwritten and the repository stays clean."""

from __future__ import annotations

import importlib.util
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from .errors import CourseError
from .files import shipped, whole_file


def lessons_dir() -> Path:
    """Where the lessons are."""
    return shipped("notebooks")


def copy_lessons(folder: Path) -> tuple[list[Path], list[Path]]:
    """Copy each lesson that `folder` does not hold yet; returns the copied and the kept ones."""
    if folder.resolve() == lessons_dir().resolve():
        raise CourseError(
            f"{folder} holds the course's own lessons: name another folder for yours with --dir my-course."
        )
    copied, kept = [], []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for lesson in sorted(lessons_dir().glob("*.ipynb")):
            mine = folder / lesson.name
            if mine.exists():
                kept.append(mine)
            else:
                with whole_file(mine) as partial:  # a copy that is cut off must not pass for the learner's work
                    shutil.copyfile(lesson, partial)
                copied.append(mine)
    except OSError as error:
        raise CourseError(
            f"the lessons cannot be copied to {str(folder)!r} ({error.strerror}): name a folder of your own with --dir."
        ) from error
    return copied, kept


def open_lab(folder: Path, options: list[str]) -> int:
    """Copy the lessons and run JupyterLab there until it is closed; returns its exit status."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise CourseError('JupyterLab is not installed: run `pip install "elscourse[notebook]"` (or ./course setup).')
    copied, kept = copy_lessons(folder)
    if options and not options[0].startswith("-") and not (folder / options[0]).exists():
        raise CourseError(f"there is no {options[0]} in {folder}: name a folder of your own with --dir {options[0]}.")
    print(f"{folder}: lessons copied: {len(copied)}, kept as you left them: {len(kept)}.", flush=True)
    # Ctrl-C is JupyterLab's, which asks before it ends; SIG_IGN would be handed down to it, and nobody would ask
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return run([sys.executable, "-m", "jupyterlab", *options], folder)
    finally:
        signal.signal(signal.SIGINT, before)


def run(command: list[str], folder: Path) -> int:
    """The exit status of a command that is run there; if this process is told to end meanwhile, so is the command."""
    with subprocess.Popen(command, cwd=folder) as process:
        try:
            return process.wait()
        except BaseException:
            process.terminate()
            raise
