"""Where the arithmetic runs: on which device, and in how many threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch

from .errors import CourseError, brief

MOST_THREADS = 1024
ALONE = threading.Lock()  # held while the number of threads is changed, for the whole process


def threads_asked() -> int | None:
    """The number in the environment variable ELSCOURSE_THREADS, None without it; CourseError if it is not one."""
    threads = os.environ.get("ELSCOURSE_THREADS")
    if not threads:
        return None
    if not threads.isdecimal() or not 1 <= int(threads) <= MOST_THREADS:
        raise CourseError(
            f"ELSCOURSE_THREADS must be a whole number of threads from 1 to {MOST_THREADS}, got {threads!r}."
        )
    return int(threads)


def respect_threads() -> None:
    """Let torch and the engine take as many threads as were asked for; if none were, torch's own setting holds."""
    if threads := threads_asked():
        torch.set_num_threads(threads)


def pick_device(device: str | int | torch.device | None = None) -> torch.device:
    """The device asked for, if it is there and can do the arithmetic; the CPU if none was asked for. A number k means
    GPU k."""
    threads_asked()  # only to refuse a wrong one: what was set since the import stays
    try:
        chosen = torch.device("cpu" if device is None else device)
    except (RuntimeError, TypeError):
        raise CourseError(f"unknown device {brief(str(device))}: choose cpu, or cuda for an NVIDIA GPU.") from None
    here = ["cpu"] + [f"cuda:{i}" for i in range(torch.cuda.device_count())] * torch.cuda.is_available()
    if chosen.type == "mps":
        raise CourseError("device mps has no float64, but the machines need it for their sums: use cpu.")
    if chosen.type != "cpu" and f"{chosen.type}:{chosen.index or 0}" not in here:
        raise CourseError(
            f"device {chosen} was asked for, but this computer has: {', '.join(here)}; ask for one of those."
        )
    return chosen


class _Threads:
    """torch's own number of threads, kept while `workers` has set it to 1: a caller that comes meanwhile would read
    1."""

    def __init__(self) -> None:
        self._counting, self._users, self._own = threading.Lock(), 0, 1

    def count(self) -> int:
        with self._counting:
            return self._own if self._users else torch.get_num_threads()

    def __enter__(self) -> int:
        with self._counting:
            if not self._users:
                self._own = torch.get_num_threads()
            self._users += 1
            return self._own

    def __exit__(self, *_: object) -> None:
        with self._counting:
            self._users -= 1


_threads = _Threads()


def thread_count() -> int:
    """How many threads torch would use, and `workers` will: torch's own number is 1 while another caller has some."""
    return _threads.count()


@contextmanager
def workers(most: int) -> Iterator[ThreadPoolExecutor]:
    """As many threads as torch would use. Meanwhile torch uses one, because its other threads wait for more work by
    spinning, for milliseconds in which these threads need the cores. When stopped from outside, the pool does not begin
    what is waiting."""
    with _threads as threads, ALONE:
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(min(threads, most)) as pool:
                try:
                    yield pool
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
        finally:
            torch.set_num_threads(threads)
