"""Many processes, one dictionary: each visits its part of the training images, the partial results are merged.

`torchrun --nproc-per-node K -m elscourse reproduce ...` starts K processes, called ranks, numbered from 0. On the CPU
they talk through gloo; on GPUs, one per rank, tensors travel through nccl. Nothing here happens by itself: a machine
is spread over ranks only by `machine.across(ranks)`.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from .errors import CourseError
from .posterior import Partial

T = TypeVar("T")

PATIENCE = timedelta(hours=2)  # a dead process is noticed at once; one may be busy with its own seeds for this long
MEETING = timedelta(minutes=5)  # until all of them have started
LOST = (
    "another process of this run ended or no longer answers, or the run was stopped: run the same command again to "
    "continue, as finished seeds are kept."
)


@dataclass(frozen=True)
class Ranks:
    """This process among those of a run: number `rank` of `size`, computing on `device`.

    What a method says about all ranks holds if all of them call it, in the same order. Each method raises CourseError
    when another process has ended.
    """

    rank: int
    size: int
    device: torch.device

    def share(self, n: int) -> slice:
        """This rank's part of n images. Together the parts are all; their sizes differ by at most one, and may be 0."""
        return slice(self.rank * n // self.size, (self.rank + 1) * n // self.size)

    def merge(self, partial: Partial) -> Partial:
        """The result over the dictionaries of all ranks: rescale each to the common maximum, then add."""
        largest = partial.largest.clone(memory_format=torch.contiguous_format)
        _reduce(largest, dist.ReduceOp.MAX)
        # a rank without images has -inf as its maximum: it adds nothing, whatever the others have
        scale = torch.exp(partial.largest - largest).masked_fill(partial.total == 0, 0)
        sums = scale * torch.cat(partial.tensors[1:], dim=-1)
        _reduce(sums, dist.ReduceOp.SUM)
        return Partial(largest, *sums.split([1, sums.shape[-1] - 2, 1], dim=-1))

    def sums(self, *numbers: float) -> list[float]:
        """Each of these numbers, added up over all ranks."""
        total = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        _reduce(total, dist.ReduceOp.SUM)
        return total.tolist()

    def agree(self, settings: Mapping[str, Any]) -> None:
        """End the run unless these JSON values are the same on all ranks; only their hashes are sent.

        Rank 0 raises a CourseError that names those which differ; the others end without a word.
        """
        mine = {k: hashlib.sha256(json.dumps(v, sort_keys=True).encode()).hexdigest() for k, v in settings.items()}
        all_of_them = self._gather(mine)
        names = dict.fromkeys(k for hashes in all_of_them for k in hashes)
        different = [k for k in names if len({hashes.get(k) for hashes in all_of_them}) > 1]
        if different and self.rank:
            _leave()
        if different:
            raise CourseError(
                f"the processes of this run disagree on {', '.join(different)}: start all of them with the same "
                "command, with the same data, network and version of the course."
            )

    def first(self, make: Callable[[], T]) -> T:
        """On every rank, what `make` returns on rank 0, which alone calls it: something small that can be pickled.

        If it raises there, the other ranks end without a word.
        """
        box: list[Any] = [None, None]
        failure: Exception | None = None
        if self.rank == 0:
            try:
                box = [make(), True]
            except Exception as error:
                failure = error
        with _together():
            dist.broadcast_object_list(box, src=0)
        if failure is not None:
            raise failure
        if box[1] is None:
            _leave()
        return box[0]

    def wait(self) -> None:
        """Return when all ranks are here."""
        self._gather(None)

    def close(self) -> None:
        """Leave the other ranks."""
        if signal.getsignal(signal.SIGTERM) is _terminated:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with suppress(RuntimeError):  # those that ended cannot be told
            dist.destroy_process_group()

    def _gather(self, value: T) -> list[T]:
        values: list[Any] = [None] * self.size
        with _together():
            dist.all_gather_object(values, value)
        return values


def start(device: torch.device) -> Ranks | None:
    """Meet the other processes that torchrun started; None if it started none (WORLD_SIZE is not set).

    device: its type counts; of several GPUs each rank takes the one that torchrun numbered for it (LOCAL_RANK).
    Raises CourseError if there are too few GPUs, or the processes cannot find each other.
    """
    if "WORLD_SIZE" not in os.environ:
        return None
    try:
        rank, size, local = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    except (KeyError, ValueError) as error:
        raise CourseError(
            f"WORLD_SIZE is set, but RANK or LOCAL_RANK is missing or not a number ({error}): start with torchrun, or "
            "unset WORLD_SIZE to run one process."
        ) from error
    if device.type == "cuda":
        if local >= torch.cuda.device_count():
            raise CourseError(
                f"there is no GPU for process {local} on this computer, which has {torch.cuda.device_count()}: pass "
                f"--nproc-per-node {torch.cuda.device_count()} to torchrun, or --device cpu to the command."
            )
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    from torch.distributed.rendezvous import rendezvous  # which a torch built without distributed lacks

    try:
        store, rank, size = next(rendezvous("env://", timeout=MEETING))
        store.set(f"rank {rank}", "is here")  # torchrun's own store does not wait for them
        store.wait([f"rank {i}" for i in range(size)], MEETING)
        store.set_timeout(PATIENCE)
        # objects always travel through gloo, which notices a dead process at once
        kind = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(kind, store=store, rank=rank, world_size=size, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise CourseError(
            f"the processes of this run cannot find each other: start them with torchrun ({reason})."
        ) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminated)  # until now it ended the process at once
    return Ranks(rank, size, device)


def _reduce(values: Tensor, how: Any) -> None:
    with _together():
        dist.all_reduce(values, how)
        if values.is_cuda:
            torch.cuda.synchronize(values.device)  # nccl fails on waiting, not on asking


@contextmanager
def _together() -> Iterator[None]:
    """Something all ranks do at once, which fails when one of them is no longer there."""
    try:
        yield
    except RuntimeError as error:
        _ignore_termination()
        raise CourseError(LOST) from error


def _terminated(*_: object) -> None:
    """What SIGTERM does: torchrun sends it to all processes when one has ended."""
    _ignore_termination()
    raise CourseError(LOST)


def _ignore_termination() -> None:
    """This process is about to end by itself: let it say why first."""
    if signal.getsignal(signal.SIGTERM) is _terminated:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _leave() -> NoReturn:
    """End without a word, as rank 0 says why; not before it had the time to, as torchrun then stops all others."""
    _ignore_termination()
    time.sleep(1)
    sys.exit(1)
