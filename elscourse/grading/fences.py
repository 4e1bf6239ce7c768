"""What the learner's process may not do. Fences against accidents and simple tricks, not the walls of a jail.

An audit hook of Python sees every file that is opened, module that is imported and program that is started, and cannot
be taken away again. Memory, file sizes and processor time are limited by the system where it can (not on Windows).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..hardware import GIB

WITHHELD = "the course's reference formulas are not available during grading: write it yourself"
SECRETS = re.compile(r"elscourse\.(check|reference|grading)(\.|$)")
STARTS = {"os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "os.startfile/2", "subprocess.Popen"}
FORKS = {"os.fork", "os.forkpty", "pty.spawn"}
KILLS = {"os.kill", "os.killpg", "signal.pthread_kill"}
CONNECTS = {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname"}
CONNECTS |= {"socket.sendto", "socket.sendmsg"}
CHANGES = {"os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink", "os.chmod"}
CHANGES |= {"shutil.rmtree", "sqlite3.connect"}  # one removes by bare names, at a descriptor; one writes in C
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
Report = Callable[[str, str], None]


def limit(memory: float, seconds: float) -> None:
    """At most this much more memory (GiB), this much processor time, and files of 64 MiB."""
    try:
        import resource
    except ImportError:  # Windows
        return
    used = 0
    with suppress(OSError, ValueError):  # only Linux says how much address space is taken
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    wanted = {"RLIMIT_CPU": seconds, "RLIMIT_FSIZE": 2**26, "RLIMIT_CORE": 0}
    if used:
        wanted["RLIMIT_AS"] = used + memory * GIB
    for name, most in wanted.items():
        with suppress(AttributeError, OSError, ValueError):  # a system that has no such limit, or a lower one
            resource.setrlimit(getattr(resource, name), (int(most), int(most)))


def raise_around(folder: Path, package: Path, lessons: Path, report: Report) -> None:
    """From here on, for good: write in `folder` only, start nothing, reach nobody, and read no answers.

    report: called with ("reaches", what) for the answers, ("starts", what) for other programs.
    """
    own = _real(folder)
    secret = tuple(_real(path) for path in (package / "check", package / "reference.py", lessons))
    installed, nothing = _real(package), _real(os.devnull)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            writes = bool(flags & WRITING) if isinstance(flags, int) else False
            place = _real(path)
            if place and (_within(_source(place), secret) or (writes and _tampers(place, installed))):
                _refuse("reaches", _short(place), report)
            if place and writes and not _within(place, (own, nothing)):
                raise PermissionError(f"the grader lets a notebook write into its own folder only, not to {path}")
        elif event == "import":
            if SECRETS.match(str(arguments[0])):
                _refuse("reaches", str(arguments[0]), report)
        elif event in CHANGES:
            for path in arguments[:2]:
                place = _real(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
                if place and not _within(place, (own,)):
                    if _tampers(place, installed):
                        report("reaches", _short(place))
                    raise PermissionError(f"the grader lets a notebook change its own folder only, not {path}")
        elif event in STARTS | FORKS | KILLS:
            _refuse("starts", event, report)
        elif event in CONNECTS:
            raise PermissionError("the grader allows no network")

    sys.addaudithook(hook)


def _tampers(place: str, installed: str) -> bool:
    """Whether a change here changes the course. What libraries keep beside the code is refused, but no offence."""
    return _within(place, (installed,)) and "__pycache__" not in place.split(os.sep)


def _source(place: str) -> str:
    """The module of a compiled one, which tells as much."""
    folder, name = os.path.split(place)
    beside, kept = os.path.split(folder)
    return os.path.join(beside, name.split(".")[0] + ".py") if kept == "__pycache__" else place


def _refuse(kind: str, what: str, report: Report) -> None:
    report(kind, what)
    raise PermissionError(f"the grader does not allow {what}")


def _short(place: str) -> str:
    return "/".join(place.split(os.sep)[-2:])


def _real(path: Any) -> str:
    """The file that a path stands for, in small letters, as macOS opens it by any; "" for an open file's number."""
    with suppress(TypeError, ValueError, OSError):
        if not isinstance(path, int):
            return os.path.realpath(os.fsdecode(path)).casefold()
    return ""


def _within(place: str, folders: tuple[str, ...]) -> bool:
    return any(place == folder or place.startswith(folder + os.sep) for folder in folders)
