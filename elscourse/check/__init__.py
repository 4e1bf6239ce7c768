"""Feedback on exercises: `check.NAME(your_function)` says not attempted, correct, or incorrect and why.

`check.hint(NAME)` gives one hint at a time, `check.progress()` the table of what is done, `check.export(PATH)` the
same as JSON for a lecturer. Results are kept in `elscourse-progress.json` in the folder one works in.
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
    """Every exercise of the course by name, lesson by lesson: the modules `lesson_NN` beside this one."""
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
        raise unknown_name("exercise", str(name), known)
    return known[name]


def _check(exercise: Exercise, *given: object) -> Verdict:
    verdict = exercise.examine(given[0] if len(given) == 1 else given)  # nothing, or two things, is no function
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
    """Print the next hint of an exercise, by its name; after the last, say so and start again.

    Of the lesson's solution nothing is said: who has an assignment would learn where the answer to it is.
    """
    if isinstance(name, partial) and name.func is _check:
        name = name.args[0].name  # check.hint(check.NAME) and check.hint(my_function) are what people type
    exercise = _exercise(getattr(name, "__name__", name))
    name = exercise.name
    given = _hints_given.get(name, 0)
    print(f"Hint {given + 1} of {len(exercise.hints)} for {name}: {exercise.hints[given]}")
    _hints_given[name] = (given + 1) % len(exercise.hints)
    if _hints_given[name] == 0:
        print("That was the last one; the next is the first again.")


def progress() -> Any:
    """The table of all exercises and how far you are, from this folder's `elscourse-progress.json`."""
    return Progress.here().table(exercises().values())


def export(path: str = "") -> None:
    """Write what `progress` shows as JSON, one entry per exercise: for yourself, or to show to a lecturer.

    The name of the file tells whose it is. It proves nothing: `elscourse grade` does.
    """
    print(f"{Progress.here().export(path, exercises().values())} exercises written to {path}.")
