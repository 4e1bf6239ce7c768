"""A lesson as an assignment: no solutions, no outputs, a first cell that says what to do, and a grader beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..check import Exercise, exercises
from ..errors import CourseError, unknown_name
from ..files import check_place, save_text
from ..workspace import lessons_dir
from .reading import source_of

SOLUTION = re.compile(r"\n*<details><summary>Solution</summary>.*?</details>\n*", re.DOTALL)

FIRST_CELL = """\
# Assignment: lesson {lesson:02d}

**Your name:**

**First** name this notebook after you, `your-name.ipynb`, and put it into a folder of its own: the lesson itself has
the same name, and your copy of it must not be overwritten.

Work through the lesson and write the functions of these exercises:

| | exercise | function | points | minutes |
| --- | --- | --- | --- | --- |
{rows}
| | together | | {points} | {minutes} |
{others}
The cell of an exercise ends in its check, which says whether the function is right and, if not, why. You may check as
often as you like; hints cost nothing. Keep the names and the `def` lines of the functions: your notebook is graded by
the same checks, in a fresh Python that runs your functions and what they need from the cells above. There
`els.reference`, the course's own formulas, is not available: use it nowhere where this notebook does not.

**Hand in** this notebook, saved.
"""

OTHERS = "\nThe other exercises of the lesson are for you: they are not graded.\n"

GRADER = '''\
"""Grade what was handed in for lesson {lesson:02d}: python {name} RETURNED [--out DIR] [--time-limit SECONDS]

RETURNED is a notebook, or a folder of notebooks named after the learners. Needs elscourse, as the lesson does.
This file is yours; learners get only the notebook.
"""

import sys

from elscourse.cli import main

if __name__ == "__main__":
    main(["grade", "{lesson:02d}", {chosen}*sys.argv[1:]])
'''


def lesson_path(name: str) -> Path:
    """The notebook of a lesson, by its number or its name: 04, 4, 04_local. Raises CourseError for any other."""
    if len(Path(name).parts) > 1:
        raise CourseError(
            f"{name} is a path: name the lesson by its number, like 04. The grade_NN.py beside a hand-out knows which "
            "of its exercises count."
        )
    known = {path.stem: path for path in sorted(lessons_dir().glob("[0-9][0-9]_*.ipynb"))}
    wanted = name.removesuffix(".ipynb")
    found = [path for stem, path in known.items() if wanted == stem or wanted.zfill(2) == stem[:2]]
    if not wanted or len(found) != 1:
        raise CourseError(f"{unknown_name('lesson', name, known)} Its number is enough, like 04.")
    return found[0]


def chosen_exercises(lesson: Path, wanted: Sequence[str]) -> list[Exercise]:
    """The exercises of a lesson, or those wanted by name or number, in the lesson's order. Raises CourseError."""
    known = {e.name: e for e in exercises().values() if e.lesson == int(lesson.stem[:2])}
    cells = json.loads(lesson.read_text(encoding="utf-8"))["cells"]
    place = {name: next((i for i, c in enumerate(cells) if f"check.{name}(" in source_of(c)), 0) for name in known}
    order = sorted(known, key=place.__getitem__)
    names = {str(number): name for number, name in enumerate(order, 1)} | {name: name for name in order}
    for name in wanted:
        if name not in names:
            listed = ", ".join(f"{number} {exercise}" for number, exercise in enumerate(order, 1))
            raise CourseError(
                f"lesson {lesson.stem[:2]} has no exercise {name!r}: choose {listed}; for several, repeat --exercise."
            )
    chosen = {names[name] for name in wanted}
    return [known[name] for name in order if not chosen or name in chosen]


def without_solutions(lesson: Path, chosen: Sequence[Exercise]) -> dict[str, Any]:
    """The lesson as a notebook to hand out: only these exercises are listed, but no solution at all is left."""
    shipped = json.loads(lesson.read_text(encoding="utf-8"))
    source = _first_cell(chosen, chosen_exercises(lesson, []))
    first = {"cell_type": "markdown", "id": "assignment", "metadata": {}, "source": source}
    cells = [first]
    for cell in shipped["cells"]:
        kept = cell | {"source": SOLUTION.sub("\n\n", source_of(cell)).strip("\n")}
        if cell["cell_type"] == "code":
            kept |= {"outputs": [], "execution_count": None, "source": source_of(cell)}
        if kept["source"]:
            cells.append(kept)
    metadata = {key: value for key, value in shipped["metadata"].items() if key == "kernelspec"}
    return shipped | {"cells": cells, "metadata": metadata}


def _first_cell(chosen: Sequence[Exercise], every: Sequence[Exercise]) -> str:
    numbers = {e.name: number for number, e in enumerate(every, 1)}
    rows = [f"| {numbers[e.name]} | {e.title} | `{e.name}` | {e.difficulty} | {e.minutes} |" for e in chosen]
    points, minutes = sum(e.difficulty for e in chosen), sum(e.minutes for e in chosen)
    others = "" if len(chosen) == len(every) else OTHERS
    return FIRST_CELL.format(
        lesson=chosen[0].lesson, rows="\n".join(rows), points=points, minutes=minutes, others=others
    )


def write_assignment(name: str, only: Sequence[str], folder: Path, force: bool = False) -> tuple[Path, Path]:
    """Write NN_topic.ipynb, to hand out, and grade_NN.py, to keep; returns their paths.

    Raises CourseError for an unknown lesson or exercise, and for files that are there already, unless forced.
    """
    lesson = lesson_path(name)
    chosen = chosen_exercises(lesson, only)
    notebook, grader = folder / lesson.name, folder / f"grade_{lesson.stem[:2]}.py"
    if folder.resolve() == lessons_dir().resolve():
        raise CourseError(f"{folder} holds the course's own lessons: name another folder with --out.")
    for path in (notebook, grader):
        check_place(path)
        if path.exists() and not force:
            raise CourseError(f"{path} exists: name another folder with --out, or overwrite it with --force.")
    options = "".join(f'"--exercise", "{e.name}", ' for e in chosen) if only else ""
    save_text(json.dumps(without_solutions(lesson, chosen), indent=1, ensure_ascii=False) + "\n", notebook)
    save_text(GRADER.format(lesson=chosen[0].lesson, name=grader.name, chosen=options), grader)
    return notebook, grader
