"""Peak memory of one call of a machine, beyond its images: the memory section of `elscourse bench`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import torch

from .diffusion import Denoiser
from .errors import CourseError
from .hardware import process_status
from .machines import EquivariantLocalScoreMachine, LocalScoreMachine
from .measure import Row, timed
from .textbook import TextbookMachine

# glibc hands freed memory back at once: what counts is then what is in use
AT_ONCE = {name: "65536" for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")} | {"MALLOC_ARENA_MAX": "1"}
MACHINES: dict[str, Callable[..., Denoiser]] = {
    "els": EquivariantLocalScoreMachine,
    "ls": LocalScoreMachine,
    "textbook": TextbookMachine,
}
WARM = 2_000  # images of the call before: enough for the compiled loops to be taken


def memory(kind: str, n: int, side: int, patch_size: int, device: torch.device) -> Row:
    """Peak bytes beyond the n random images of one call with one x_t, for kind "els", "ls" or "textbook"; 0: unknown.

    Only Linux lets the peak of a process start anew: that of another system may be of the call before, made to warm up.

    On a CPU it runs in a process of its own, so that nothing else is counted. Raises CourseError if that process ends
    before it has answered, as it does when the system has no memory for it.
    """
    call = (kind, n, side, patch_size, str(device))
    if device.type == "cuda":
        return _memory_here(*call)
    script = f"import json; from elscourse.measure_memory import _memory_here; print(json.dumps(_memory_here{call!r}))"
    done = subprocess.run([sys.executable, "-c", script], env=os.environ | AT_ONCE, capture_output=True, text=True)
    if done.returncode:  # below 0: the number of the signal that ended it, of which nothing is printed
        reason = (done.stderr.splitlines() or [f"status {done.returncode}"])[-1]
        raise CourseError(f"the process that was to measure {kind} on {n:,} images ended ({reason}): free some memory.")
    return json.loads(done.stdout)


def _memory_here(kind: str, n: int, side: int, patch_size: int, device: str) -> Row:
    images = torch.rand(n, 1, side, side, generator=torch.Generator().manual_seed(0)).mul_(2).sub_(1).to(device)
    x_t = torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(1)).to(device)
    make = partial(MACHINES[kind], patch_size=patch_size)
    make(images[:WARM].clone())(x_t, 0.5)  # libraries are loaded and code is compiled before it counts
    before = _memory_in_use(device)
    seconds, _ = timed(lambda: make(images)(x_t, 0.5), torch.device(device))
    return {
        "kind": kind,
        "images": n,
        "image_bytes": images.numel() * images.element_size(),
        "patch_size": patch_size,
        "bytes": max(0, _memory_peak(device) - before),
        "seconds": seconds,
    }


def _memory_in_use(device: str) -> int:
    """Bytes now; the peak is measured from here on, if the system can be told to."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak starts anew
    return process_status("VmRSS") or 0


def _memory_peak(device: str) -> int:
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device)
    return process_status("VmHWM") or 0
