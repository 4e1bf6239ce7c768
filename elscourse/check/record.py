"""The learner's progress: one small JSON file in the folder they work in."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import CourseError
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
    """Per exercise: its state and how often it was checked. Once correct, it stays so."""

    path: Path
    done: dict[str, dict[str, object]] = field(default_factory=dict)

    @classmethod
    def here(cls) -> Progress:
        """The progress kept in the current folder; a damaged file is put aside, never overwritten."""
        path = Path(FILE)
        if not path.exists():
            return cls(path)
        try:
            done = json.loads(path.read_text(encoding="utf-8"))
            if not all(isinstance(entry, dict) for entry in done.values()):
                raise ValueError("entries are not objects")
        except (ValueError, AttributeError):
            aside = path.with_suffix(".damaged.json")
            os.replace(path, aside)
            print(f"{FILE} could not be read: it is kept as {aside.name}, and a new one is started.")
            done = {}
        return cls(path, done)

    def record(self, name: str, state: State) -> None:
        """Note one check and write the file at once. A folder that cannot be written to costs only the record."""
        entry = self.done.setdefault(name, {"state": state, "checks": 0})
        entry["checks"] = int(str(entry.get("checks", 0))) + 1
        if entry.get("state") != "correct":
            entry["state"] = state
        partial = self.path.with_suffix(".partial")
        try:
            partial.write_text(json.dumps(self.done, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            os.replace(partial, self.path)
        except OSError as error:
            print(f"Your progress could not be saved in {Path.cwd()} ({error.strerror}); the check itself is fine.")

    def rows(self, exercises: Iterable[Exercise]) -> list[dict[str, object]]:
        """One entry per exercise of the course."""
        nothing: dict[str, object] = {"state": "not attempted", "checks": 0}
        return [
            {"lesson": e.lesson, "exercise": e.name, "title": e.title, "minutes": e.minutes, **nothing}
            | {k: v for k, v in self.done.get(e.name, {}).items() if k in nothing}
            for e in exercises
        ]

    def table(self, exercises: Iterable[Exercise]) -> Table:
        """The rows as text: a line per exercise, a sum at the end."""
        rows = self.rows(exercises)
        lines = [
            f"{SIGNS.get(row['state'], '?')} {row['lesson']:02d}  {row['exercise']:<32} {row['title']}"  # type: ignore[call-overload]
            for row in rows
        ]
        correct = sum(row["state"] == "correct" for row in rows)
        return Table("\n".join([*lines, f"{correct} of {len(rows)} exercises correct."]))

    def export(self, path: str | Path, exercises: Iterable[Exercise]) -> int:
        """Write the rows as JSON; returns how many."""
        rows = self.rows(exercises)
        try:
            Path(path).write_text(json.dumps({"exercises": rows}, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise CourseError(
                f"{path} cannot be written ({error.strerror}): name a file in a folder of yours."
            ) from error
        return len(rows)
