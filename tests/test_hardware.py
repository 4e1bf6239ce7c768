"""What the computer says of itself: memory with and without a container's limits, bfloat16, a process's memory."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

import pytest
import torch

from elscourse import hardware
from elscourse.hardware import GIB


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The two places where Linux says how much there is: 8 GiB, 6 of them free, and no container."""
    for name in ("proc", "cgroup"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(hardware, name.upper(), tmp_path / name)
    meminfo = f"MemTotal: {8 * 2**20} kB\nMemFree: 1 kB\nMemAvailable:  {6 * 2**20} kB\n"
    (tmp_path / "proc" / "meminfo").write_text(meminfo)
    return tmp_path


def test_memory_of_a_machine(system: Path) -> None:
    assert hardware.memory_bytes() == (8 * GIB, 6 * GIB)


def test_memory_of_a_container(system: Path) -> None:
    (system / "cgroup" / "memory.max").write_text(f"{2 * GIB}\n")
    (system / "cgroup" / "memory.current").write_text(f"{GIB // 2}\n")
    assert hardware.memory_bytes() == (2 * GIB, 3 * GIB // 2)
    (system / "cgroup" / "memory.max").write_text("max\n")
    assert hardware.memory_bytes() == (8 * GIB, 6 * GIB)


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("200000 100000", 2), ("max 100000", 8), ("50000 100000", 1), ("160000 100000", 2), ("", 8)],
)
def test_cores_of_a_container(system: Path, monkeypatch: pytest.MonkeyPatch, quota: str, cores: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    (system / "cgroup" / "cpu.max").write_text(quota)
    assert hardware.core_count() == cores


def test_bfloat16_with_old_and_new_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    for capabilities, flags in (
        ({"avx512_bf16": True, "amx_bf16": False, "avx2": True}, ["avx512_bf16"]),
        ({"avx2": True}, []),
        ({"bf16": True, "sve_bf16": True}, []),  # ARM: training does not take them either
    ):
        cpu = types.SimpleNamespace(get_capabilities=lambda known=capabilities: known)
        monkeypatch.setattr(torch, "cpu", cpu)
        assert hardware.bfloat16_flags() == flags
    monkeypatch.setattr(torch, "cpu", types.SimpleNamespace())
    assert hardware.bfloat16_flags() is None


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone says it in /proc")
def test_a_process_s_memory() -> None:
    most, now = hardware.process_status("VmHWM"), hardware.process_status("VmRSS", os.getpid())
    assert most is not None and now is not None and 10 * 2**20 < now <= most * 1.01
    assert hardware.process_status("VmHWM", 2**30) is None and hardware.process_status("Vm") is None


def test_the_processor_has_a_name(system: Path) -> None:
    (system / "proc" / "cpuinfo").write_text("processor: 0\nmodel name\t: A Processor @ 2 GHz\nmodel name\t: B\n")
    assert hardware.cpu_model() == "A Processor @ 2 GHz"
    (system / "proc" / "cpuinfo").write_text("")
    assert hardware.cpu_model()


def test_a_container_promises_no_more_than_the_machine_has_left(system: Path) -> None:
    (system / "cgroup" / "memory.max").write_text(f"{7 * GIB}\n")
    (system / "cgroup" / "memory.current").write_text("0\n")
    assert hardware.memory_bytes() == (7 * GIB, 6 * GIB)


def test_a_quota_gives_no_cores_that_a_scheduler_keeps(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    (system / "cgroup" / "cpu.max").write_text("400000 100000")
    assert hardware.core_count() == 2


def test_a_limit_above_the_machine_s_memory_is_none(system: Path) -> None:
    (system / "cgroup" / "memory.max").write_text(f"{2**63 - 4096}\n")
    (system / "cgroup" / "memory.current").write_text("0\n")
    assert hardware.memory_bytes() == (8 * GIB, 6 * GIB)


def test_the_memory_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = {"is_available": lambda: True, "device_count": lambda: 1, "get_device_name": lambda i: "A GPU"}
    for name, told in {**cuda, "mem_get_info": lambda i: (GIB, 80 * GIB)}.items():
        monkeypatch.setattr(torch.cuda, name, told)
    assert hardware.gpu_names() == ["cuda:0 A GPU, 80.0 GiB, 1.0 GiB free"]


def test_what_a_container_has_read_counts_as_free(system: Path) -> None:
    (system / "cgroup" / "memory.max").write_text(f"{4 * GIB}\n")
    (system / "cgroup" / "memory.current").write_text(f"{7 * GIB // 2}\n")
    (system / "cgroup" / "memory.stat").write_text(f"anon {GIB}\ninactive_file {2 * GIB}\nactive_file {GIB // 2}\n")
    assert hardware.memory_bytes() == (4 * GIB, 5 * GIB // 2)
