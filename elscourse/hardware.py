"""What this computer is: processor, memory, GPUs."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import torch

PROC, CGROUP = Path("/proc"), Path("/sys/fs/cgroup")  # Linux's own words about itself, and a container's limits
GIB = 2**30
# the instructions that torch's products in bfloat16 use: those of ARM have other names, and none was tried
BFLOAT16 = ("avx512_bf16", "amx_bf16")


def cpu_model() -> str:
    """The processor's name."""
    models = (line.partition(":")[2].strip() for line in _lines(PROC / "cpuinfo") if line.startswith("model name"))
    return next(models, None) or platform.processor() or platform.machine()


def core_count() -> int:
    """The cores this process may use: in a container or under a scheduler, fewer than the machine has."""
    allowed = getattr(os, "sched_getaffinity", None)  # Linux
    cores = len(allowed(0)) if allowed else os.cpu_count() or 1
    quota = _words(CGROUP / "cpu.max")  # "200000 100000": 2 cores' time; "max 100000": no limit
    if len(quota) == 2 and quota[0].isdigit():
        cores = min(cores, max(1, round(int(quota[0]) / int(quota[1]))))
    return cores


def bfloat16_flags() -> list[str] | None:
    """The processor's instructions for bfloat16 products, by name; None where this torch cannot tell (before 2.10)."""
    capabilities = getattr(torch.cpu, "get_capabilities", None)
    if capabilities is None:
        return None
    known = capabilities()
    return [name for name in BFLOAT16 if known.get(name) is True]


def memory_bytes() -> tuple[int | None, int | None]:
    """Total and free memory in bytes, None where the system does not say. A container's limit counts."""
    total = free = None
    for line in _lines(PROC / "meminfo"):
        name, _, rest = line.partition(":")
        if name == "MemTotal":
            total = int(rest.split()[0]) * 1024
        elif name == "MemAvailable":
            free = int(rest.split()[0]) * 1024
    if total is None and sys.platform == "win32":
        total, free = _windows_memory()
    elif total is None and hasattr(os, "sysconf"):  # macOS
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit, used = _words(CGROUP / "memory.max"), _words(CGROUP / "memory.current")
    if total is not None and limit and limit[0].isdigit() and int(limit[0]) < total:
        total = int(limit[0])
        # what it has read lately counts as used, though the system gives that up as soon as memory is wanted
        given_up = _number(CGROUP / "memory.stat", "inactive_file ") or 0
        left = max(0, total - max(0, int(used[0]) - given_up)) if used else total
        free = left if free is None else min(free, left)
    return total, free


def _windows_memory() -> tuple[int | None, int | None]:
    import ctypes

    class Status(ctypes.Structure):  # MEMORYSTATUSEX
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in ("total", "free", "a", "b", "c", "d", "e")),
        )

    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009  (mypy knows windll on Windows only)
    status = Status()
    status.length = ctypes.sizeof(Status)
    if not kernel.GlobalMemoryStatusEx(ctypes.byref(status)):
        return None, None
    return status.total, status.free


def process_status(name: str, pid: int | str = "self") -> int | None:
    """A line of a process's status in bytes, such as VmHWM, the most memory it has held; None where there is none."""
    kib = _number(PROC / str(pid) / "status", f"{name}:")
    return None if kib is None else kib * 1024


def gpu_names() -> list[str]:
    """The CUDA devices, in words."""
    names = []
    if torch.cuda.is_available():
        for i in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(i)
            names.append(f"cuda:{i} {torch.cuda.get_device_name(i)}, {gib(total)}, {gib(free)} free")
    return names


def gib(count: int | None) -> str:
    """Bytes in words."""
    return "an unknown amount" if count is None else f"{count / GIB:.1f} GiB"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _number(path: Path, name: str) -> int | None:
    """The number in the line that begins with this name."""
    return next((int(line.split()[1]) for line in _lines(path) if line.startswith(name)), None)


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()
