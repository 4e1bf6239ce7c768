"""The learner's progress: one small JSON file in the folder they work in."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import CourseError, brief
from ..files import as_path, save_text
from ..version import __version__
from .exercise import SIGNS, Exercise, State

FILE = "elscourse-progress.json"


@dataclass(frozen=True)
class Table:
    """Text that a notebook shows as it is."""

    text: str

    def __repr__(self) -> str:
        return self.text


@dataclass
class Progress:
    """For each exercise, its state and how often it was checked. Once correct, it stays correct.

    If two notebooks check in the same instant, one of them may lose its record: check again then.
    """

    path: Path
    done: dict[str, dict[str, object]] = field(default_factory=dict)

    @classmethod
    def here(cls) -> Progress:
        """The progress kept in the current folder; a damaged file is put aside, never overwritten."""
        path = Path(FILE)
        try:
            return cls(path, _read(path) if path.exists() else {})
        except (OSError, ValueError, RecursionError):
            _put_aside(path)
            return cls(path)

    def record(self, name: str, state: State) -> None:
        """Note one check and write the file at once. If the folder cannot be written to, only the record is lost."""
        entry = self.done.setdefault(name, {"state": state, "checks": 0})
        checks = entry.get("checks")
        entry["checks"] = (checks if isinstance(checks, int) else 0) + 1
        if entry.get("state") != "correct":
            entry["state"] = state
        try:
            save_text(json.dumps(self.done, indent=1, sort_keys=True) + "\n", self.path)
        except CourseError as error:
            print(f"Your progress could not be saved in this folder; the check itself is fine. ({error})")

    def rows(self, exercises: Iterable[Exercise]) -> list[dict[str, object]]:
        """One entry per exercise of the course."""
        nothing: dict[str, object] = {"state": "not attempted", "checks": 0}
        return [
            {"lesson": e.lesson, "exercise": e.name, "title": e.title, "minutes": e.minutes, "points": e.difficulty}
            | nothing
            | {k: v for k, v in self.done.get(e.name, {}).items() if k in nothing}
            for e in exercises
        ]

    def table(self, exercises: Iterable[Exercise]) -> Table:
        """The rows as text: a line per exercise, and a total at the end."""
        rows = self.rows(exercises)
        lines = [
            f"{SIGNS.get(str(row['state']), '?')} {row['lesson']:02d}  {row['exercise']:<32} {row['title']}"  # type: ignore[call-overload]
            for row in rows
        ]
        correct = sum(row["state"] == "correct" for row in rows)
        return Table("\n".join([*lines, f"{correct} of {len(rows)} exercises correct."]))

    def export(self, path: str | Path, exercises: Iterable[Exercise]) -> int:
        """Write the rows as JSON, with the name of the file, which says whose they are, and the course's version;
        returns how many rows. Raises CourseError if the name is not allowed or the file cannot be written."""
        rows = self.rows(exercises)
        # no file name contains a zero byte
        possible = isinstance(path, str | Path) and Path(path).suffix == ".json" and "\0" not in str(path)
        if not possible or Path(path).name.casefold() == FILE:  # the same file to macOS and Windows
            raise CourseError(f"name a new file that ends in .json, like check.export('ada.json'), got {brief(path)}.")
        path = as_path(path)
        record = {"learner": path.stem, "elscourse": __version__, "exercises": rows}
        save_text(json.dumps(record, indent=1) + "\n", path)
        return len(rows)


def _read(path: Path) -> dict[str, dict[str, object]]:
    """The contents of a progress file; ValueError if it is not one."""
    done = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(done, dict) or not all(isinstance(entry, dict) for entry in done.values()):
        raise ValueError("not an object of objects")
    return done


def _put_aside(path: Path) -> None:
    """Keep a file that cannot be read under a free name, and say so."""
    try:
        names = (path.with_suffix(f".damaged{number}.json") for number in ("", *range(2, 1000)))
        aside = next(name for name in names if not name.exists())
        os.replace(path, aside)
    except OSError as error:
        print(f"{path} can neither be read nor put aside ({error.strerror}): move it away to keep your progress.")
    else:
        print(f"{path} could not be read: it is kept as {aside.name}, and a new file is started.")
