"""Grade what was handed in: every notebook in processes of its own, one line per learner, resumed where it stopped."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..check import Exercise
from ..check import exercises as all_exercises
from ..errors import CourseError
from ..files import digest_of, save_text
from .assignment import chosen_exercises, lesson_path
from .fences import WITHHELD
from .learners import LOCKED, find_learners, find_others, why_unreadable
from .pupil import Limits, Pupil, Trouble
from .reading import code_cells, read
from .table import Row, feedback, stored_rows, write_table

UNREAD = "not read"  # the state of an exercise where the file cannot be opened, which is not the learner's doing
LOST = "There was no notebook that could be read."
NAMELESS = re.compile(r"name '(\w+)' is not defined")
Verdicts = dict[str, tuple[str, str]]  # exercise -> state, sentence


def grade(
    lesson: str,
    returned: Path,
    out: Path,
    only: Sequence[str],
    limits: Limits,
    fresh: bool,
    say: Callable[[str], None],
) -> list[Row]:
    """Grade a notebook or a folder of them, into `out`/grades.csv, grades.jsonl and feedback; returns the rows.

    A notebook that is graded already, and unchanged, is kept as it is unless `fresh`; so is the grade of one that can
    no longer be read. Grades of notebooks that are gone are kept too, and named; `fresh` on a folder leaves them out.
    Raises CourseError for an unknown lesson or exercise, a folder without notebooks, and an `out` that holds the grades
    of another assignment, or of another folder.
    """
    path = lesson_path(lesson)
    chosen = chosen_exercises(path, only)
    assignment = {"lesson": path.stem, "exercises": [e.name for e in chosen]}
    learners = find_learners(returned, path.stem)
    others = find_others(returned, learners.values(), out)
    learners |= {other.name: other for other in others if other.is_dir() and other.name not in learners}
    place = str((returned if returned.is_dir() else returned.parent).resolve())
    rows = {row["learner"]: row for row in stored_rows(out, assignment, place, fresh, say)}
    gone = [learner for learner in rows if learner not in learners] if returned.is_dir() else []
    if fresh:
        # without its key a row is graded anew, also when this run is stopped and goes on without --fresh
        rows = {learner: row | {"key": ""} for learner, row in rows.items() if learner not in gone}
    elif gone:
        say(f"No longer in {returned}, kept in the table (--fresh leaves them out): {', '.join(gone)}")
    write_table(out, list(rows.values()), chosen)  # whatever became of the table meanwhile, and before the minutes
    package = _package()
    allowed = set(read(code_cells(path.read_bytes())).reaches)  # what the lesson itself reaches for is nobody's fault
    for number, (learner, file) in enumerate(learners.items(), 1):
        key = _key(file, package, limits)
        row, kept, changed = rows.get(learner, {}), "", False
        if row.get("key") == key:
            kept = " (graded before)"
        else:
            grade = _or_before(_graded(file, chosen, limits, allowed), row)
            changed = _package() != package
            if changed:
                grade |= {"points": 0, "remark": "The installed course changed during grading: look at it"}
            about = {"learner": learner, "folder": place, "file": file.name, "assignment": assignment, "key": key}
            row = about | grade
            # another process may have graded others meanwhile
            rows |= {one["learner"]: one for one in stored_rows(out, assignment, place, False, lambda _: None)}
            rows[learner] = row
            write_table(out, list(rows.values()), chosen)
        save_text(feedback(row), out / "feedback" / f"{learner}.md")
        remark = f"; {row['remark']}" if row["remark"] else ""
        say(f"{number} of {len(learners)}: {learner}: {row['points']} of {row['of']}{kept}{remark}")
        if changed:
            raise CourseError(
                f"the installed course changed while {file} was graded: install it anew, and run the same command "
                "again. What is graded is kept."
            )
    files = [other.name for other in others if not other.is_dir()]
    if files:
        say(f"Not graded, because a notebook's name must end in .ipynb: {', '.join(files)}")
    return [rows[learner] for learner in learners]


def _or_before(grade: Row, before: Row) -> Row:
    """The grade; or, if no notebook can be read any more, that of the earlier one, with a remark that says so."""
    if not before or _is_lost(before) or not _is_lost(grade):
        return grade
    remark = f"{grade['remark']}: the grade is that of the earlier notebook"
    return {part: before[part] for part in grade} | {"remark": remark}


def _is_lost(row: Row) -> bool:
    """Whether there was no notebook to grade."""
    return all(verdict["says"].startswith(LOST) for verdict in row["exercises"].values())


def _graded(file: Path, chosen: list[Exercise], limits: Limits, allowed: set[str]) -> Row:
    """The grade of one notebook."""
    started = time.monotonic()
    problem = why_unreadable(file)
    verdicts, reaches, remarks = ({}, set(), [problem]) if problem else _examined(file, chosen, limits)
    reason = [] if verdicts else [f"{remark}." for remark in remarks]
    unknown = (UNREAD if problem.startswith(LOCKED) else "not attempted", " ".join([LOST, *reason]))
    states = {e.name: verdicts.get(e.name, unknown) for e in chosen}
    points = sum(e.difficulty for e in chosen if states[e.name][0] == "correct")
    if reaches - allowed:  # each lesson may use what the course itself uses there
        points = 0
        remarks = [f"reaches for the answers ({', '.join(sorted(reaches - allowed))}): look at it", *remarks]
    return {
        "points": points,
        "of": sum(e.difficulty for e in chosen),
        "exercises": {name: {"state": state, "says": says} for name, (state, says) in states.items()},
        "seconds": round(time.monotonic() - started, 1),
        "remark": "; ".join(dict.fromkeys(remarks)),  # in order, each once
    }


def _examined(file: Path, chosen: list[Exercise], limits: Limits) -> tuple[Verdicts, set[str], list[str]]:
    """Verdicts, what the notebook reaches for, remarks. After trouble, a new worker takes what is left, one by one if
    need be."""
    verdicts: Verdicts = {}
    uses: dict[str, list[str]] = {}
    reaches: set[str] = set()
    remarks: list[str] = []
    batches = [list(chosen)]
    while batches:
        batch = batches.pop(0)
        with Pupil(file, limits) as pupil:
            try:
                pupil.start([e.name for e in batch])
                while batch and not pupil.trouble:
                    exercise = batch.pop(0)
                    verdicts[exercise.name] = pupil.examine(exercise)
                batches = [batch, *batches] if batch else batches
            except Trouble as trouble:
                if not pupil.defined and not pupil.trouble:  # no notebook
                    return verdicts, reaches, [*remarks, str(trouble).rstrip(".")]
                if len(batch) == 1:
                    verdicts[batch.pop().name] = ("incorrect", f"The cells it needs: {trouble}")
                batches = [[e] for e in batch] + batches
        if (other := _other_lesson(pupil, chosen)) is not None:
            remark = f"looks like lesson {other:02d}, not {chosen[0].lesson:02d}"
            return {e.name: ("not attempted", f"The notebook {remark}.") for e in chosen}, reaches, [remark]
        reaches |= pupil.reaches
        remarks += _remarks(pupil, chosen, verdicts)
        uses |= pupil.uses
    return {name: _with_cause(name, verdicts, uses) for name in verdicts}, reaches, remarks


def _with_cause(name: str, verdicts: Verdicts, uses: dict[str, list[str]]) -> tuple[str, str]:
    """The verdict on an exercise: one slip may cost the points of all that is built on it, and the verdict says so."""
    state, says = verdicts[name]
    wrong = [other for other in uses.get(name, []) if verdicts.get(other, ("", ""))[0] == "incorrect"]
    if state == "incorrect" and wrong:
        says += f" It calls your {' and '.join(wrong)}, also incorrect: begin there."
    elif state == "incorrect" and (lost := [other for other in NAMELESS.findall(says) if other in verdicts]):
        says += f" It calls your {' and '.join(lost)}, which is missing or could not be run: begin there."
    return state, says


def _remarks(pupil: Pupil, chosen: list[Exercise], verdicts: Verdicts) -> Iterator[str]:
    """What a lecturer should know besides the states."""
    for name in (e.name for e in chosen):
        if pupil.defined.count(name) > 1:
            yield f"{name} is defined {pupil.defined.count(name)} times: the last one counts"
        if pupil.trouble and verdicts.get(name, ("", ""))[1].endswith(pupil.trouble):
            yield f"{name}: {pupil.trouble}".rstrip(".")
        if pupil.attempts.get(name) == "missing":
            yield f"no function {name}"
        if WITHHELD in verdicts.get(name, ("", ""))[1]:
            yield f"{name} uses elscourse.reference, which is not available during grading"
    yield from sorted(pupil.notes)
    if any(state != "correct" for state, _ in verdicts.values()):
        yield from (problem for problem in pupil.problems if not NAMELESS.search(problem))
        says = [*pupil.problems, *(says for _, says in verdicts.values())]
        if missing := {name: None for sentence in says for name in NAMELESS.findall(sentence)}:
            yield f"no value for {', '.join(missing)}: a cell failed, or is missing"


def _other_lesson(pupil: Pupil, chosen: list[Exercise]) -> int | None:
    """The lesson whose functions a notebook defines, where it defines none of this one."""
    known = all_exercises()
    lessons = [known[name].lesson for name in pupil.defined if name in known]
    return lessons[0] if lessons and chosen[0].lesson not in lessons else None


def _package() -> str:
    """A hash of the installed course's code."""
    root = Path(__file__).parents[1]
    return digest_of(root.rglob("*.py"), root)


def _key(file: Path, package: str, limits: Limits) -> str:
    """What a grade depends on: the notebook, the course's code, the limits."""
    content = why_unreadable(file) or hashlib.sha256(file.read_bytes()).hexdigest()
    return hashlib.sha256(f"{content} {package} {limits}".encode(errors="backslashreplace")).hexdigest()
