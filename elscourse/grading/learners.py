"""Who has handed in: the notebooks of a folder, and what lies beside them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..errors import CourseError

LARGEST = 50_000_000  # bytes of a notebook
LOCKED = "The file cannot be read"
NOBODY = ("__MACOSX", "__pycache__")  # folders that computers leave behind


def find_learners(returned: Path, lesson: str) -> dict[str, Path]:
    """Learner -> notebook: the name of the file, or of its folder where the file is named as it was handed out."""
    if returned.is_file():
        if not _is_notebook(returned):
            raise CourseError(
                f"{returned} is not a notebook: name a file that ends in .ipynb, or a folder of such files."
            )
        return {returned.stem: returned}
    if not returned.is_dir():
        raise CourseError(f"{returned} does not exist: expected a notebook, or a folder of notebooks.")
    learners: dict[str, Path] = {}
    for path in sorted(filter(_is_notebook, returned.rglob("*")), key=lambda path: (len(path.parts), path)):
        whole = path.relative_to(returned)
        parts = whole.with_suffix("").parts
        if not any(map(_is_hidden, parts)):
            name = "/".join(parts[:-1] if parts[-1] == lesson and len(parts) > 1 else parts)
            free = (free for free in (name, "/".join(parts), whole.as_posix()) if free not in learners)
            learners[next(free)] = path
    if not learners:
        raise CourseError(f"{returned} holds no notebooks: expected one .ipynb file per learner, named after them.")
    return learners


def find_others(returned: Path, notebooks: Iterable[Path], out: Path) -> list[Path]:
    """What else was returned, and holds no notebook: folders of learners, and files of another kind."""
    if not returned.is_dir():
        return []
    known = {path.relative_to(returned).parts[0] for path in notebooks}
    found = [path for path in returned.iterdir() if path.name not in known and not _is_hidden(path.name)]
    out = out.resolve()
    own = [out / name for name in ("grades.csv", "grades.jsonl", "feedback")]  # it may lie among them, or be there
    return sorted(path for path in found if path.resolve() not in own and not out.is_relative_to(path.resolve()))


def why_unreadable(file: Path) -> str:
    """Why there is no notebook to read, or ""."""
    try:
        if file.is_dir():
            held = ", ".join(sorted(path.name for path in file.iterdir()))
            return f"The folder holds no notebook, but {held}" if held else "The folder is empty"
        with file.open("rb"):
            large = file.stat().st_size > LARGEST
    except OSError as error:
        return f"{LOCKED} ({error.strerror})"
    return "The file has more than 50 MB: is it a notebook?" if large else ""


def _is_notebook(path: Path) -> bool:
    """By its name; a link that leads nowhere is somebody's too."""
    return path.suffix.lower() == ".ipynb" and (path.is_file() or (path.is_symlink() and not path.is_dir()))


def _is_hidden(part: str) -> bool:
    return part.startswith(".") or part in NOBODY
