"""Grade what was handed in: every notebook in processes of its own, one line per learner, resumed where it stopped."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..check import Exercise
from ..check import exercises as all_exercises
from ..errors import CourseError
from ..files import save_text
from .assignment import chosen_exercises, lesson_path
from .fences import WITHHELD
from .pupil import Limits, Pupil, Trouble
from .reading import code_cells, read

LARGEST = 50_000_000  # bytes of a notebook
UNREAD = "not read"  # the state of an exercise where the file cannot be opened, which is not the learner's doing
LOCKED = "The file cannot be read"
NOBODY = ("__MACOSX", "__pycache__")  # folders that computers leave behind
NAMELESS = re.compile(r"name '(\w+)' is not defined")
PARTS = {"learner", "folder", "file", "assignment", "key", "points", "of", "exercises", "seconds", "remark"}  # of a row
Row = dict[str, Any]
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

    A notebook that is graded already, and unchanged, is kept as it is unless `fresh`. Grades of notebooks that are gone
    are kept too, and named; `fresh` on a folder leaves them out. Raises CourseError for an unknown lesson or exercise,
    a folder without notebooks, and an `out` that holds the grades of another assignment, or of another folder.
    """
    path = lesson_path(lesson)
    chosen = chosen_exercises(path, only)
    assignment = {"lesson": path.stem, "exercises": [e.name for e in chosen]}
    learners = _learners(returned, path.stem)
    others = _others(returned, learners.values(), out)
    learners |= {other.name: other for other in others if other.is_dir() and other.name not in learners}
    place = str((returned if returned.is_dir() else returned.parent).resolve())
    rows = {row["learner"]: row for row in _stored(out, assignment, place, fresh, say)}
    gone = [learner for learner in rows if learner not in learners] if returned.is_dir() else []
    if fresh:
        rows = {learner: row for learner, row in rows.items() if learner not in gone}
    elif gone:
        say(f"No longer in {returned}, kept in the table (--fresh leaves them out): {', '.join(gone)}")
    _write(out, list(rows.values()), chosen)  # whatever became of the table meanwhile, and before the minutes
    package = _package()
    allowed = set(read(code_cells(path.read_bytes())).reaches)  # what the lesson itself reaches for is nobody's fault
    for number, (learner, file) in enumerate(learners.items(), 1):
        key = _key(file, package, limits)
        row, kept, changed = rows.get(learner, {}), "", False
        if not fresh and row.get("key") == key:
            kept = " (graded before)"
        else:
            grade = _graded(file, chosen, limits, allowed)
            changed = _package() != package
            if changed:
                grade |= {"points": 0, "remark": "The installed course changed meanwhile: look at it"}
            about = {"learner": learner, "folder": place, "file": file.name, "assignment": assignment, "key": key}
            row = rows[learner] = about | grade
            _write(out, list(rows.values()), chosen)
        save_text(_feedback(row), out / "feedback" / f"{learner}.md")
        remark = f"; {row['remark']}" if row["remark"] else ""
        say(f"{number} of {len(learners)}: {learner}: {row['points']} of {row['of']}{kept}{remark}")
        if changed:
            raise CourseError(
                f"the installed course changed while {file} was graded: install it anew, and run the same command "
                "again. What is graded is kept."
            )
    files = [other.name for other in others if not other.is_dir()]
    if files:
        say(f"Not graded, because the name of a notebook ends in .ipynb: {', '.join(files)}")
    return [rows[learner] for learner in learners]


def _graded(file: Path, chosen: list[Exercise], limits: Limits, allowed: set[str]) -> Row:
    """The grade of one notebook."""
    started = time.monotonic()
    problem = _unreadable(file)
    verdicts, reaches, remarks = ({}, set(), [problem]) if problem else _examined(file, chosen, limits)
    unknown = (UNREAD if problem.startswith(LOCKED) else "not attempted", "The notebook could not be read.")
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
    """Verdicts, what the notebook reaches for, remarks. After trouble what is left is for a new worker, one by one if
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
        if _other_lesson(pupil, chosen) is None:
            reaches |= pupil.reaches
        remarks += _remarks(pupil, chosen, verdicts)
        uses |= pupil.uses
    return {name: _with_cause(name, verdicts, uses) for name in verdicts}, reaches, remarks


def _with_cause(name: str, verdicts: Verdicts, uses: dict[str, list[str]]) -> tuple[str, str]:
    """The verdict on an exercise: one slip may cost the points of all that is built on it, and should be told so."""
    state, says = verdicts[name]
    wrong = [other for other in uses.get(name, []) if verdicts.get(other, ("", ""))[0] == "incorrect"]
    if state == "incorrect" and wrong:
        says += f" It calls your {' and '.join(wrong)}, not correct either: begin there."
    return state, says


def _remarks(pupil: Pupil, chosen: list[Exercise], verdicts: Verdicts) -> Iterator[str]:
    """What a lecturer should know beside the states."""
    other = _other_lesson(pupil, chosen)
    if other is not None:
        yield f"looks like lesson {other:02d}, not {chosen[0].lesson:02d}"
    for name in (e.name for e in chosen):
        if pupil.defined.count(name) > 1:
            yield f"{name} is defined {pupil.defined.count(name)} times: the last one counts"
        if pupil.trouble and verdicts.get(name, ("", ""))[1].endswith(pupil.trouble):
            yield f"{name}: {pupil.trouble}".rstrip(".")
        if pupil.attempts.get(name) == "missing":
            yield f"no function {name}"
        if WITHHELD in verdicts.get(name, ("", ""))[1]:
            yield f"{name} uses elscourse.reference, which is not there when graded"
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


def _learners(returned: Path, lesson: str) -> dict[str, Path]:
    """Learner -> notebook: the name of the file, or of its folder where the file is named as it was handed out."""
    if returned.is_file():
        if not _is_notebook(returned):
            raise CourseError(f"{returned} is no notebook: name a file that ends in .ipynb, or the folder of them.")
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


def _is_notebook(path: Path) -> bool:
    """By its name; a link that leads nowhere is somebody's too."""
    return path.suffix.lower() == ".ipynb" and (path.is_file() or (path.is_symlink() and not path.is_dir()))


def _is_hidden(part: str) -> bool:
    return part.startswith(".") or part in NOBODY


def _others(returned: Path, notebooks: Iterable[Path], out: Path) -> list[Path]:
    """What else was returned, and holds no notebook: folders of learners, and files of another kind."""
    if not returned.is_dir():
        return []
    known = {path.relative_to(returned).parts[0] for path in notebooks}
    found = [path for path in returned.iterdir() if path.name not in known and not _is_hidden(path.name)]
    return sorted(path for path in found if path.resolve() != out.resolve())


def _unreadable(file: Path) -> str:
    """Why there is no notebook to be read, or ""."""
    try:
        if file.is_dir():
            held = ", ".join(sorted(path.name for path in file.iterdir()))
            return f"The folder holds no notebook, but {held}" if held else "The folder is empty"
        with file.open("rb"):
            large = file.stat().st_size > LARGEST
    except OSError as error:
        return f"{LOCKED} ({error.strerror})"
    return "The file has more than 50 MB: is it a notebook?" if large else ""


def _package() -> str:
    """A hash of the installed course's code."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _key(file: Path, package: str, limits: Limits) -> str:
    """What a grade depends on: the notebook, the course's code, the limits."""
    content = _unreadable(file) or hashlib.sha256(file.read_bytes()).hexdigest()
    return hashlib.sha256(f"{content} {package} {limits}".encode(errors="backslashreplace")).hexdigest()


def _stored(out: Path, assignment: dict[str, Any], place: str, fresh: bool, say: Callable[[str], None]) -> list[Row]:
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
            "or grade by the grade_NN.py of the hand-out, which knows its exercises."
        )
    others = {row["folder"] for row in rows} - {place}
    if others and not fresh:
        raise CourseError(
            f"{out} holds grades of {', '.join(sorted(others))}: name another folder for these with --out, or leave "
            "those out by --fresh."
        )
    if lines and not rows and not fresh:
        raise CourseError(f"{file} holds no grades that can be read: name another folder, or write over it by --fresh.")
    if len(rows) < len(lines):
        say(f"{file} is damaged: {len(lines) - len(rows)} of {len(lines)} lines cannot be read, and are graded anew.")
    return [row for row in rows if row["folder"] == place]


def _row(line: bytes) -> Row | None:
    with suppress(ValueError, RecursionError, AttributeError):
        row = json.loads(line)
        if isinstance(row, dict) and row.keys() >= PARTS and row["assignment"].keys() == {"lesson", "exercises"}:
            return row
    return None


def _write(out: Path, rows: list[Row], chosen: list[Exercise]) -> None:
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


def _feedback(row: Row) -> str:
    """What a learner may read: the points, and what the check says of each function. The remark is the lecturer's."""
    lines = [f"* `{name}`: {found['state']}. {found['says']}".rstrip() for name, found in row["exercises"].items()]
    lesson = row["assignment"]["lesson"][:2]
    return "\n".join([f"# Lesson {lesson}: {row['points']} of {row['of']} points", "", *lines, ""])


def _harmless(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula is quoted."""
    return "'" + value if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
