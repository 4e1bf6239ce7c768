"""What this computer is, which parts of the course are intact on it, and what will be slow: `elscourse doctor`."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from .catalogue import CATALOGUE
from .checkpoints import network_cards
from .data import BUNDLE, data_dir, read_sums, status
from .devices import threads_asked
from .errors import CourseError
from .hardware import GIB, bfloat16_flags, core_count, gib, gpu_names, memory_bytes
from .lab import choose
from .recipes import RECIPES

Finding = tuple[str, str, str | None]  # topic, what was found, what to do about it (None: nothing)

SETTINGS = ("ELSCOURSE_LAB", "ELSCOURSE_THREADS", "ELSCOURSE_DATA")
LITTLE_MEMORY, LITTLE_DISK = 4 * GIB, 2 * GIB
OPTIONAL_TOOLS = {"jupyterlab": "notebook", "torchvision": "datasets", "sphinx": "site"}  # tool: the extra that has it


def report() -> list[Finding]:
    """Every finding as (topic, what was found, advice or None), for `elscourse doctor` to print.

    Nothing is changed, downloaded or kept. What cannot be examined becomes a finding of its own, never an error.
    """
    return [finding for section in SECTIONS for finding in examined(section)]


def examined(section: Callable[[], list[Finding]]) -> list[Finding]:
    """The findings of one section, or the one finding that it failed: a doctor must not die of the disease."""
    try:
        return section()
    except Exception as error:
        topic = section.__name__.replace("_", " ")
        return [(topic, f"could not be examined ({type(error).__name__}: {error})", "please report this line")]


def python_and_torch() -> list[Finding]:
    """Versions, and whether torch is a CUDA build that finds no GPU."""
    idle = torch.version.cuda is not None and not torch.cuda.is_available()
    return [
        ("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}", None),
        ("torch", torch.__version__, "a CUDA build, but no GPU: it works; the CPU build is smaller" if idle else None),
    ]


def processor() -> list[Finding]:
    """Cores this process may use, torch's threads, and bfloat16."""
    cores, threads = core_count(), torch.get_num_threads()
    flags = bfloat16_flags()
    bf16 = "this torch cannot tell" if flags is None else f"native ({', '.join(flags)})" if flags else "not native"
    return [
        ("CPU", f"{cores} cores, {threads} torch threads", threads_advice(cores, threads)),
        ("bfloat16 on the CPU", bf16, None),
    ]


def threads_advice(cores: int, threads: int) -> str | None:
    """What to do when torch's threads do not fit the cores. Half of them is right where each core counts twice."""
    setting = "ELSCOURSE_THREADS" if os.environ.get("ELSCOURSE_THREADS") else "OMP_NUM_THREADS"  # the first one wins
    if threads > cores:
        return f"more threads than cores make each other wait: set {setting}={cores}"
    if threads * 2 < cores:
        return f"torch leaves cores idle: unset {setting}, or set it to {cores}"
    return None


def memory() -> list[Finding]:
    """Memory in all and free, as the system and the container allow."""
    total, free = memory_bytes()
    advice = None
    if free is not None and free < LITTLE_MEMORY:
        advice = "close other programs: a lesson needs up to 1.5 GiB, and each open notebook keeps what it has taken"
    return [("memory", f"{gib(total)} in all, {gib(free)} free", advice)]


def accelerators() -> list[Finding]:
    """The GPUs that a lab can use: CUDA devices, with their memory. Apple's GPUs have no float64."""
    found = gpu_names()
    asked = os.environ.get("ELSCOURSE_LAB") == "gpu"
    advice = "ELSCOURSE_LAB=gpu is set, but torch finds no CUDA GPU: unset it" if asked and not found else None
    return [("GPU", "; ".join(found) or "none; the laptop lab needs none", advice)]


def disk() -> list[Finding]:
    """Free space in the working folder."""
    free = shutil.disk_usage(Path.cwd()).free
    return [("free disk", f"{gib(free)} here", "complete sets and training need more" if free < LITTLE_DISK else None)]


def settings() -> list[Finding]:
    """The environment variables of the course: would the other commands accept them?"""
    given = ", ".join(f"{name}={os.environ[name]}" for name in SETTINGS if os.environ.get(name))
    try:
        threads_asked()
        choose(None, "cpu")
    except CourseError as error:
        return [("settings", given, str(error))]
    return [("settings", given or "none", None)]


def repair(folder: Path) -> str:
    """How to get a file of the course back."""
    return "install the course again" if folder.name == "_data" else "`git checkout -- data` brings it back"


def bundled_files() -> list[Finding]:
    """The bundled images, and everything else that SHA256SUMS lists: present and intact?"""
    folder = data_dir()
    try:
        sums = read_sums(folder / "SHA256SUMS")
        bundle = file_state(folder / BUNDLE, sums.pop(BUNDLE))
    except (OSError, ValueError, KeyError) as error:  # without it nothing loads
        return [("bundled files", f"their checksums cannot be read ({error})", f"SHA256SUMS: {repair(folder)}")]
    others = {name: file_state(folder / name, sha256) for name, sha256 in sums.items()}
    intact = sum(state == "intact" for state in others.values())
    bad = [f"{name} is {state}" for name, state in ({BUNDLE: bundle} | others).items() if state != "intact"]
    finding = f"{BUNDLE} {bundle}; {intact} of {len(others)} other files intact"
    return [("bundled files", finding, f"{', '.join(bad)}: {repair(folder)}" if bad else None)]


def file_state(path: Path, sha256: str) -> str:
    """'missing', 'unreadable', 'changed or damaged', or, if its checksum is right, 'intact'."""
    try:
        with path.open("rb") as file:
            return "intact" if hashlib.file_digest(file, "sha256").hexdigest() == sha256 else "changed or damaged"
    except OSError as error:
        return f"unreadable ({error.strerror})" if os.path.isfile(path) else "missing"


def networks() -> list[Finding]:
    """The networks shipped or trained here: each file against the sha256 on its card."""
    folder = data_dir()

    def remedy(card: Path) -> str:
        if card.is_relative_to(folder):
            return repair(folder)
        return f"`elscourse train {card.stem}` makes it again" if card.stem in RECIPES else "restore it"

    states = {card: network_state(card) for card in network_cards()}
    intact = sorted(card.stem for card, state in states.items() if state == "intact")
    bad = [f"{card.stem} is {state}: {remedy(card)}" for card, state in states.items() if state != "intact"]
    finding = f"{len(intact)} intact: {', '.join(intact)}" if intact else "none"
    none = None if states else "none is shipped with this installation: `elscourse train NAME` makes one"
    return [("networks", finding, "; ".join(bad) or none)]


def network_state(card: Path) -> str:
    """The state of the .safetensors file beside a card, as in `file_state`, against the sha256 that the card holds."""
    try:
        sha256 = json.loads(card.read_text(encoding="utf-8"))["sha256"]
    except OSError as error:
        return f"unreadable ({error.strerror})"
    except (ValueError, KeyError, TypeError):
        return "changed or damaged"
    return file_state(card.with_suffix(".safetensors"), str(sha256))


def datasets() -> list[Finding]:
    """The complete published sets on this computer."""
    return [("complete sets", "; ".join(f"{one.name}: {status(one)}" for one in CATALOGUE.values()), None)]


def optional_tools() -> list[Finding]:
    """JupyterLab and the other tools that extras install: their versions, or how to get them."""
    findings: list[Finding] = []
    for tool, extra in OPTIONAL_TOOLS.items():
        try:
            findings.append((tool, version(tool), None))
        except PackageNotFoundError:
            findings.append((tool, "not installed", f'pip install "elscourse[{extra}]"'))
    return findings


def what_is_slow() -> list[Finding]:
    """The last line: what to expect of this computer."""
    reasons = slow_reasons(core_count(), bfloat16_flags(), memory_bytes()[1], bool(gpu_names()), os.environ)
    return [("slow here", "; ".join(reasons) or "nothing", None)]


def slow_reasons(
    cores: int, bfloat16: list[str] | None, free: int | None, gpu: bool, environ: Mapping[str, str]
) -> list[str]:
    """What will take longer than the lessons say, and why."""
    asked = environ.get("ELSCOURSE_LAB") == "gpu"
    reasons = {
        "everything (the lessons' times are for 2 cores)": cores < 2,
        "training on the CPU (no native bfloat16, so it runs in float32)": bfloat16 == [],
        "large dictionaries (under 4 GiB free, so in small pieces)": free is not None and free < LITTLE_MEMORY,
        "nearly everything (ELSCOURSE_LAB=gpu without a GPU)": asked and not gpu,
        "the lab with larger images, ELSCOURSE_LAB=gpu (no GPU)": not asked and not gpu,
    }
    return [reason for reason, applies in reasons.items() if applies]


SECTIONS: tuple[Callable[[], list[Finding]], ...] = (
    python_and_torch,
    processor,
    memory,
    accelerators,
    disk,
    settings,
    bundled_files,
    networks,
    datasets,
    optional_tools,
    what_is_slow,
)
