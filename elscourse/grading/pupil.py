"""The judging process's side of a worker: it starts it, asks it, and ends it when its time is up."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ..check import Exercise, Verdict
from ..errors import CourseError
from . import wire
from .attempt import Attempt, answer

START_SECONDS = 300  # until Python and torch are there: the computer's time, not the learner's
MOST_SECONDS, MOST_GIB = 86_400, 10_000
KEPT = ("PATH", "HOME", "USERPROFILE", "SYSTEMROOT", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
T = TypeVar("T")


class Trouble(Exception):
    """The worker cannot go on; says why, in one sentence."""


@dataclass(frozen=True)
class Limits:
    """Seconds for the cells that the functions need, and again for each exercise; GiB of memory beyond torch's own."""

    seconds: float = 60
    memory: float = 2

    def __post_init__(self) -> None:
        """Raise CourseError for limits that are not limits, NaN among them, or more than systems can count."""
        if not 1 <= self.seconds <= MOST_SECONDS:
            raise CourseError(f"a time limit of {self.seconds:g} seconds: expected 1 to {MOST_SECONDS:,}.")
        if not 0.1 <= self.memory <= MOST_GIB:
            raise CourseError(f"memory of {self.memory:g} GiB: expected 0.1 to {MOST_GIB:,}.")


@dataclass
class Pupil:
    """One worker on one notebook. Used as a context: on leaving it, whatever still runs is killed."""

    notebook: Path
    limits: Limits
    defined: list[str] = field(default_factory=list)
    reaches: set[str] = field(default_factory=set)
    notes: set[str] = field(default_factory=set)
    uses: dict[str, list[str]] = field(default_factory=dict)  # exercise -> the others that its function calls
    problems: list[str] = field(default_factory=list)
    attempts: dict[str, Any] = field(default_factory=dict)
    cell: str = ""  # the one that was begun last
    trouble: str = ""
    stopped: BaseException | None = None  # by the person who runs the grader: Ctrl-C, SIGTERM
    there: bool = False  # the process has started
    deadline: float = 0

    def __enter__(self) -> Pupil:
        self.folder = tempfile.TemporaryDirectory(prefix="elscourse-grade-", ignore_cleanup_errors=True)
        here = str(Path(__file__).parents[2])
        environment = {name: os.environ[name] for name in KEPT if name in os.environ} | {
            "TMPDIR": self.folder.name,
            "TEMP": self.folder.name,
            "NUMBA_CACHE_DIR": self.folder.name,  # not beside the course's code, where it may not write
            "MPLBACKEND": "Agg",
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
            "PYTHONDONTWRITEBYTECODE": "1",
            # it finds what the grader has found, but nothing that lies beside the notebooks
            "PYTHONPATH": os.pathsep.join([here, *(p for p in sys.path if p and Path(p).resolve() != Path.cwd())]),
        }
        self.errors = tempfile.TemporaryFile()  # without a name: the learner's code cannot put something in its place
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "elscourse.grading.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            cwd=self.folder.name,
            env=environment,
            start_new_session=True,  # a group of its own, to be ended as a whole
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                if pipe and not self.trouble:  # a thread that still waits for a pipe holds it
                    pipe.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=10)
        self.errors.close()
        self.folder.cleanup()

    def _kill(self) -> None:
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        with suppress(OSError):
            self.process.kill()

    def start(self, exercises: list[str]) -> None:
        """Read the notebook and run what these exercises need. Raises Trouble."""
        self.deadline = time.monotonic() + START_SECONDS
        self._wait_for_it()
        seconds = self.limits.seconds * (len(exercises) + 1) + 60  # of processor
        self._send(
            {"notebook": str(self.notebook.resolve()), "exercises": exercises}
            | {"memory": self.limits.memory, "seconds": seconds}
        )
        first = self._receive()
        if "problem" in first:
            raise Trouble(str(first["problem"]))
        self.defined, found = list(first["defined"]), list(first["found"])  # nothing of the learner's has run yet
        self.uses = dict(first["uses"])
        self.reaches.update(found)
        self.deadline = time.monotonic() + self.limits.seconds
        ready = self._receive()
        attempts, problems = ready.get("attempts"), ready.get("problems")
        if not isinstance(attempts, dict) or not isinstance(problems, list):
            raise Trouble("What the notebook's process says cannot be understood.")
        self.attempts, self.problems = attempts, [wire.cut(problem) for problem in problems[:20]]

    def examine(self, exercise: Exercise) -> tuple[str, str]:
        """State and sentence of one exercise, from the course's own check."""
        self.deadline = time.monotonic() + self.limits.seconds
        found = self.attempts.get(exercise.name, "missing")
        if found == "missing":
            return "not attempted", f"There is no function {exercise.name} that could be run."
        if isinstance(found, dict) and "unreadable" in found:
            return "incorrect", f"The function could not be run: {wire.cut(found['unreadable'])}."
        verdict: Verdict = exercise.examine(self._stand_in(exercise.name, found))
        if self.stopped:
            raise self.stopped
        return ("incorrect", self.trouble) if self.trouble else (verdict.state, verdict.says)

    def _stand_in(self, name: str, found: Any) -> Any:
        """What is examined in the place of the learner's object."""
        if found == "stub":
            return None
        if isinstance(found, dict) and "class" in found:
            return type(wire.cut(found["class"], 60) or "Class", (), {})
        if isinstance(found, dict) and "signature" in found:
            return Attempt(self, name, found["signature"])
        return 0  # no function

    def call(self, name: str, arguments: tuple[Any, ...]) -> wire.Message:
        """The worker's answer to one call; in between, it may ask the functions among the arguments. Raises Trouble."""
        functions: list[wire.Function] = []
        self._send({"call": name, "arguments": [wire.encode(argument, functions) for argument in arguments]})
        while "ask" in (message := self._receive()):
            self._send(answer(message, functions))
        return message

    def _send(self, message: wire.Message) -> None:
        pipe = self.process.stdin
        assert pipe is not None
        self._in_time(lambda: wire.send(pipe, message))  # type: ignore[arg-type]

    def _receive(self) -> wire.Message:
        pipe = self.process.stdout
        assert pipe is not None
        while True:
            message = self._in_time(lambda: wire.receive(pipe))  # type: ignore[arg-type]
            if "reaches" in message and len(self.reaches) < 20:
                self.reaches.add(wire.cut(message["reaches"]))
            elif "starts" in message and len(self.notes) < 20:
                self.notes.add(f"tries to start another program ({wire.cut(message['starts'])})")
            elif "runs" in message:
                self.cell = wire.cut(message["runs"], 6)
            elif "reaches" not in message and "starts" not in message:
                return message

    def _in_time(self, action: Callable[[], T]) -> T:
        """The action's result. Past the deadline the worker is killed, even if something keeps the pipe open."""
        if self.trouble:
            raise Trouble(self.trouble)
        outcome: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()

        def act() -> None:
            try:
                outcome.put((action(), None))
            except Exception as error:
                outcome.put((None, error))

        threading.Thread(target=act, daemon=True).start()
        try:
            result, error = outcome.get(timeout=max(self.deadline - time.monotonic(), 0))
        except queue.Empty:
            result, error = None, TimeoutError()
        if error is None:
            return result  # type: ignore[return-value]
        self.trouble = self._what_happened(error)
        self._kill()
        raise Trouble(self.trouble)

    def _wait_for_it(self) -> None:
        """The process says that it is there; nothing of the learner's has been read until then."""
        try:
            self._receive()
        except Trouble as trouble:
            raise CourseError(
                f"the process that runs notebooks does not start, so nothing is graded: {trouble} "
                "Try again; `elscourse doctor` says whether the course is installed correctly."
            ) from trouble
        self.there = True

    def _what_happened(self, error: Exception) -> str:
        if isinstance(error, TimeoutError) and not self.there:
            return f"It said nothing for {START_SECONDS} seconds."
        if isinstance(error, TimeoutError):
            where = f" in code cell {self.cell}" if self.cell and not self.attempts else ""
            return f"Stopped after {self.limits.seconds:g} seconds{where}: is there a loop that does not end?"
        if isinstance(error, wire.Garbled):
            return f"What the notebook's process says cannot be understood ({error})."
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=10)
        status = self.process.returncode
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace")[-2000:].split("\n")
        last = next((line for line in reversed(said) if line.strip()), "")
        return f"The notebook's process ended (exit status {status}){': ' + wire.cut(last) if last else ''}."
