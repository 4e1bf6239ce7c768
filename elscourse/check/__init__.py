"""Feedback on exercises: `check.NAME(your_function)` says not attempted, correct, or incorrect and why.

`check.hint(NAME)` gives one hint at a time, `check.progress()` shows a table of what is done, and `check.export(PATH)`
writes the same as JSON for a lecturer. Results are kept in `elscourse-progress.json` in the current folder.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from ..errors import CourseError, unknown_name
from .exercise import Exercise, Mistake, Verdict
from .record import Progress

__all__ = ["Exercise", "Mistake", "Verdict", "exercises", "export", "hint", "progress"]

_hints_given: dict[str, int] = {}


@cache
def exercises() -> dict[str, Exercise]:
    """Every exercise of the course by name, lesson by lesson, from the modules `lesson_NN` beside this one."""
    found: dict[str, Exercise] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name.startswith("lesson_")):
        for exercise in importlib.import_module(f"{__name__}.{module}").EXERCISES:
            if exercise.name in found:
                raise CourseError(f"two exercises are named {exercise.name!r}: rename one.")
            found[exercise.name] = exercise
    return found


def _exercise(name: object) -> Exercise:
    known = exercises()
    if not isinstance(name, str) or name not in known:
        raise unknown_name("exercise", name, known)
    return known[name]


def _check(exercise: Exercise, *given: object) -> Verdict:
    verdict = exercise.examine(given[0] if len(given) == 1 else given)  # no argument, or two, is not a function
    if verdict.state != "not attempted":
        Progress.here().record(exercise.name, verdict.state)
    return verdict


def __getattr__(name: str) -> Callable[..., Verdict]:
    """check.NAME is the check of the exercise NAME."""
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return partial(_check, _exercise(name))
    except CourseError as error:
        raise AttributeError(str(error)) from None


def __dir__() -> list[str]:
    return [*__all__, *exercises()]


def hint(name: object = "") -> None:
    """Print the next hint for an exercise, given its name; after the last one, say so and start again.

    The lesson's solution is not mentioned: a learner with an assignment would find out where the answer to it is.
    """
    if isinstance(name, partial) and name.func is _check:
        name = name.args[0].name  # check.hint(check.NAME) and check.hint(my_function) are what people type
    exercise = _exercise(getattr(name, "__name__", name))
    name = exercise.name
    given = _hints_given.get(name, 0)
    print(f"Hint {given + 1} of {len(exercise.hints)} for {name}: {exercise.hints[given]}")
    _hints_given[name] = (given + 1) % len(exercise.hints)
    if _hints_given[name] == 0:
        print("That was the last hint; the next call shows the first one again.")


def progress() -> Any:
    """A table of all exercises and how far you are with them, from this folder's `elscourse-progress.json`."""
    return Progress.here().table(exercises().values())


def export(path: str = "") -> None:
    """Write what `progress` shows as JSON, one entry per exercise: for yourself, or to show to a lecturer.

    The name of the file says whose progress it is. The file is no proof: for that there is `elscourse grade`.
    """
    print(f"{Progress.here().export(path, exercises().values())} exercises written to {path}.")
