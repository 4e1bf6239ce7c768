"""The table of grades, a line per learner, and what each learner may read of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..check import Exercise
from ..errors import CourseError
from ..files import save_text

PARTS = {"learner", "folder", "file", "assignment", "key", "points", "of", "exercises", "seconds", "remark"}  # of a row
WITHHELD_POINTS = (
    "No points for now: the notebook uses something that is not available in grading, such as `els.reference`. Ask "
    "your lecturer."
)
Row = dict[str, Any]


def stored_rows(
    out: Path, assignment: dict[str, Any], place: str, fresh: bool, say: Callable[[str], None]
) -> list[Row]:
    """Rows of an earlier run. A line that cannot be read is left out: its notebook is graded anew.

    Two classes have learners of the same name: what came from another folder than `place` is not mixed with this.
    """
    file = out / "grades.jsonl"
    lines = file.read_bytes().splitlines() if file.exists() else []
    rows = [row for row in map(_row, lines) if row]
    for other in (row["assignment"] for row in rows if row["assignment"] != assignment):
        there, asked = (f"lesson {a['lesson'][:2]} ({', '.join(a['exercises'])})" for a in (other, assignment))
        raise CourseError(
            f"{file} holds grades of another assignment, {there}; this one is {asked}. Name another folder with --out, "
            "or grade with the grade_NN.py of the hand-out, which knows its exercises."
        )
    others = {row["folder"] for row in rows} - {place}
    if others and not fresh:
        raise CourseError(
            f"{out} holds grades of {', '.join(sorted(others))}: name another folder for the new ones with --out, or "
            "leave the old ones out with --fresh."
        )
    if lines and not rows and not fresh:
        raise CourseError(
            f"{file} holds no grades that can be read: name another folder, or overwrite it with --fresh."
        )
    if len(rows) < len(lines):
        say(f"{file} is damaged: {len(lines) - len(rows)} of {len(lines)} lines cannot be read: they are graded anew.")
    return [row for row in rows if row["folder"] == place]


def write_table(out: Path, rows: list[Row], chosen: list[Exercise]) -> None:
    """Both files, whole: a line per learner, by name."""
    rows = sorted(rows, key=lambda row: str(row["learner"]))
    save_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), out / "grades.jsonl")
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["learner", "points", "of", *(e.name for e in chosen), "seconds", "remark"])
    for row in rows:
        states = [row["exercises"][e.name]["state"] for e in chosen]
        line = [row["learner"], row["points"], row["of"], *states, row["seconds"], row["remark"]]
        writer.writerow([_harmless(value) for value in line])
    save_text(table.getvalue(), out / "grades.csv")


def feedback(row: Row) -> str:
    """What a learner may read: the points, and what the check says of each function. The remark is the lecturer's."""
    verdicts = {name: (found["state"], found["says"]) for name, found in row["exercises"].items()}
    lines = [f"* `{name}`: {state}. {says}".rstrip() for name, (state, says) in verdicts.items()]
    if not row["points"] and any(state == "correct" for state, _ in verdicts.values()):
        lines = [WITHHELD_POINTS, "", *lines]
    elif len(verdicts) > 1 == len({*verdicts.values()}):  # said of the notebook: once is enough
        (state, says), *_ = verdicts.values()
        lines = [f"All exercises: {state}. {says}".rstrip()]
    lesson = row["assignment"]["lesson"][:2]
    return "\n".join([f"# Lesson {lesson}: {row['points']} of {row['of']} points", "", *lines, ""])


def _row(line: bytes) -> Row | None:
    with suppress(ValueError, RecursionError, AttributeError):
        row = json.loads(line)
        if isinstance(row, dict) and row.keys() >= PARTS and row["assignment"].keys() == {"lesson", "exercises"}:
            return row
    return None


def _harmless(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula is quoted."""
    return "'" + value if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
