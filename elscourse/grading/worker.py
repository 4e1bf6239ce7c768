"""The process that runs what a learner wrote: `python -m elscourse.grading.worker`, started by `pupil`.

It is given a notebook, says what it finds there, runs the statements that the functions need, and calls the functions
with the arguments it is sent. It knows no answers, and judges nothing but whether a function is still a stub.
"""

from __future__ import annotations

import builtins
import inspect
import json
import linecache
import math
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import torch

import elscourse

from ..check import attempt as checks
from ..workspace import lessons_dir
from . import fences, wire
from .reading import NotANotebook, Notebook, Statement, code_cells, read

Report = Callable[[str, str], None]


class Inert(ModuleType):
    """Stands for elscourse.check while a notebook is graded: check.anything(...) does nothing and says nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *_, **__: None


class Withheld(ModuleType):
    """Stands for elscourse.reference meanwhile, which lessons show: code that asks it for something is told."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)
        raise PermissionError(fences.WITHHELD)


class Channel:
    """The way to the judging process."""

    def __init__(self) -> None:
        """Take standard input and output for it; what a notebook reads and prints is nothing from now on."""
        self.incoming: BinaryIO = os.fdopen(os.dup(0), "rb")
        self.number = os.dup(1)
        self.outgoing: BinaryIO = os.fdopen(self.number, "wb")
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        self.nothing = nothing

    def silence(self) -> None:
        """From here on errors are not printed either: the next to write is the learner's code."""
        os.dup2(self.nothing, 2)

    def send(self, message: wire.Message) -> None:
        """See wire.send."""
        wire.send(self.outgoing, message)

    def receive(self) -> wire.Message:
        """See wire.receive."""
        return wire.receive(self.incoming)

    def report(self, kind: str, what: str, write: Callable[[int, bytes], int] = os.write) -> None:
        """Tell at once, with nothing that a notebook may have written over."""
        plain = "".join(c for c in what[:200] if c.isalnum() or c in "._-/ ")
        body = f'{{"{kind}": "{plain}"}}'.encode()
        write(self.number, len(body).to_bytes(4, "big") + body)


def main() -> None:
    """Serve one judging process until it is gone."""
    channel = Channel()
    threading.Thread(target=_until_alone, args=(os.getppid(),), daemon=True).start()
    channel.send({})  # it is there: what fails before is not the learner's fault
    orders = channel.receive()
    try:
        cells = code_cells(Path(orders["notebook"]).read_bytes())
    except NotANotebook as problem:
        return channel.send({"problem": str(problem)})
    notebook = read(cells)
    uses = {name: _others_used(notebook, name) for name in orders["exercises"]}
    channel.send({"defined": notebook.defined, "found": notebook.reaches, "uses": uses})
    attempts = {name: notebook.attempts.get(name, name) for name in orders["exercises"]}
    _hide_the_answers()
    torch.set_num_threads(1)
    channel.silence()
    fences.limit(orders["memory"], orders["seconds"])
    fences.raise_around(Path.cwd(), Path(elscourse.__file__).parent, lessons_dir(), channel.report)
    for number, source in enumerate(cells, 1):  # for the learner's own line in a message
        lines = source.splitlines(keepends=True)
        linecache.cache[f"<code cell {number}>"] = (len(source), None, lines, f"<code cell {number}>")
    found, problems = _run(notebook, attempts, channel.report)
    lost = {name: {"unreadable": problem} for name, problem in notebook.unreadable.items()}
    described = {name: _described(found[name]) if name in found else lost.get(name, "missing") for name in attempts}
    channel.send({"attempts": described, "problems": [*notebook.problems, *problems]})
    while True:
        order = channel.receive()
        channel.send(_called(found[order["call"]], order["arguments"], channel))


def _until_alone(
    parent: int,
    parent_now: Callable[[], int] = os.getppid,
    wait: Callable[[float], None] = time.sleep,
    leave: Callable[[int], Any] = os._exit,
) -> None:
    """End this process when the judging one is gone, with nothing that a notebook may have written over: a function
    that waits for ever would stay."""
    while parent_now() == parent:
        wait(1)
    leave(1)


def _others_used(notebook: Notebook, exercise: str) -> list[str]:
    """The exercises whose functions this one's calls, directly or not."""
    function = notebook.attempts.get(exercise, exercise)
    bound = _bound(notebook.needed([function], notebook.until.get(exercise, math.inf)))
    attempts = dict.fromkeys(notebook.defined) | {f: e for e, f in notebook.attempts.items()}
    return [e or f for f, e in attempts.items() if f in bound and f != function]


def _hide_the_answers() -> None:
    inert = Inert("elscourse.check")
    for name in [name for name in sys.modules if fences.SECRETS.match(name) and not name.startswith(__package__)]:
        del sys.modules[name]
    sys.modules["elscourse.check"] = inert
    elscourse.check = inert  # type: ignore[attr-defined,assignment]
    sys.modules["elscourse.reference"] = elscourse.reference = Withheld("elscourse.reference")


def _run(notebook: Notebook, attempts: dict[str, str], report: Report) -> tuple[dict[str, Any], list[str]]:
    """Run what the functions need, and return them by exercise, and what went wrong.

    All share one namespace, but for those one of whose names is bound anew in a later cell that another one needs.
    """
    needs = {e: set(notebook.needed([f], notebook.until.get(e, math.inf))) for e, f in attempts.items()}
    everything = frozenset().union(*needs.values())
    alone = [[e] for e, own in needs.items() if _bound(everything - own) & _bound(own)]
    together = [e for e in attempts if [e] not in alone]
    found: dict[str, Any] = {}
    problems: dict[str, None] = {}  # in order, each once
    for exercises in (together, *alone):
        needed = frozenset().union(*(needs[e] for e in exercises))
        namespace = _namespace([s for s in notebook.statements if s in needed], problems, report)
        found |= {e: namespace[attempts[e]] for e in exercises if attempts[e] in namespace}
    return found, list(problems)


def _bound(statements: Iterable[Statement]) -> frozenset[str]:
    return frozenset().union(*(statement.binds for statement in statements))


def _namespace(statements: list[Statement], problems: dict[str, None], report: Report) -> dict[str, Any]:
    """What is there after these statements. A cell that fails is noted, and the next one is run, as in Jupyter."""
    learner = ModuleType("__main__")
    learner.__dict__.update(__builtins__=builtins, display=lambda *_, **__: None)
    sys.modules["__main__"] = learner
    failed = 0
    for statement in statements:
        if statement.cell != failed:
            report("runs", str(statement.cell))
            try:
                exec(statement.code, learner.__dict__)
            except BaseException as error:  # also sys.exit() and KeyboardInterrupt
                failed = statement.cell
                problems[f"code cell {failed} raises {type(error).__name__}: {checks.one_line(error)}"] = None
    return learner.__dict__


def _described(attempt: Any) -> wire.Message | str:
    """What the judging process must know of a function to speak of it."""
    if checks.is_stub(attempt):
        return "stub"
    if isinstance(attempt, type):
        return {"class": attempt.__name__}
    if not callable(attempt):
        return "value"
    signature = checks.signature_of(attempt)
    parameters = list(signature.parameters.values()) if signature else None
    return {"signature": parameters and [(p.name, int(p.kind), p.default is not inspect._empty) for p in parameters]}


def _called(attempt: Any, arguments: list[Any], channel: Channel) -> wire.Message:
    """What one call returns, or raises, and what it changes besides."""
    mine = tuple(wire.decode(argument, lambda place: _asking(place, channel)) for argument in arguments)
    before = checks.copied(mine)
    try:
        with checks.plain_torch():
            output = attempt(*mine)
            settings = checks.settings() != checks.PLAIN
    except BaseException as error:
        return {"raised": _raised(attempt, error)}
    changed = [i for i, (a, b) in enumerate(zip(before, mine, strict=True)) if not checks.unchanged(a, b)]
    try:
        returned = wire.encode(output)
        large = len(json.dumps(returned)) > wire.LARGEST // 2
    except BaseException:  # an object that answers anything to any question, a list inside itself
        return {"returned": {"other": type(output).__name__}, "changed": changed, "settings": settings}
    return {"returned": {"other": "value too large"} if large else returned, "changed": changed, "settings": settings}


def _asking(place: int, channel: Channel) -> wire.Function:
    """A function among the arguments: it lives in the judging process, and is asked there."""

    def asked(*arguments: Any, **named: Any) -> Any:
        by_name = {name: wire.encode(argument) for name, argument in named.items()}
        channel.send({"ask": place, "arguments": [wire.encode(argument) for argument in arguments], "named": by_name})
        answer = channel.receive()
        if "raised" in answer:
            kind = getattr(builtins, answer["raised"], RuntimeError)
            raise kind(answer["says"])
        return wire.decode(answer["answer"])

    return asked


def _raised(attempt: Any, error: BaseException) -> wire.Message:
    code = checks.code_of(attempt)
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    lines = [linecache.getline(file, line).strip() for file, line in frames if code and file == code.co_filename]
    base = next((kind for kind in type(error).__mro__ if getattr(builtins, kind.__name__, None) is kind), Exception)
    return {
        "type": type(error).__name__,
        "base": base.__name__,
        "says": checks.one_line(error),
        "line": lines[-1] if lines else "",
    }


if __name__ == "__main__":
    main()
