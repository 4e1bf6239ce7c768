"""Calibrate machines of a lab, and keep what was found beside the network: `elscourse calibrate`."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from .calibration import CALIBRATION_SEEDS, calibrate, candidates_of
from .checkpoints import find_card
from .data import data_dir
from .errors import CourseError, brief
from .files import remove
from .lab import ELS_MACHINES, Lab
from .machines import PatchMachine
from .sizes import CalibratedSizes, sizes_of, sizes_path


def calibrate_lab(
    lab: Lab,
    network: str,
    machines: Sequence[str] = (),
    *,
    samples: int = 10,
    steps: int = 20,
    largest: int | None = None,
    fresh: bool = False,
) -> Path:
    """Calibrate ELS machines of a lab (by default square and gaussian windows with the network's own padding).

    The sizes are written beside the network's card. Until all machines are done, their scores are kept there too, so
    that a calibration that was killed goes on; after that, the next one starts anew.

    Raises CourseError for other machines, if there is no size to try, for scores kept of other settings or images, and
    if the sizes already there were measured with other settings: these are replaced only if `fresh`. Those that came
    with the course are never changed: CourseError if other ones are found.
    """
    own = f"els-{lab.network.padding}"
    path = sizes_path(find_card(network))
    offers = _offers(lab, tuple(machines) or (own, f"{own}-gaussian"), largest)
    seeds = list(CALIBRATION_SEEDS[:samples])
    command = f"elscourse calibrate {lab.network.name} --samples {samples} --steps {steps}"
    command += f" --largest {largest}" if largest else ""
    sha256 = str(lab.network.card.get("sha256", ""))
    found = CalibratedSizes(lab.network.name, command, seeds, steps, network_sha256=sha256)
    checkpoints = {n: path.with_suffix(f".{n}-{sha256[:8]}-{sizes[-1]}.npz") for n, (_, sizes) in offers.items()}
    before = sizes_of(lab.network.card, path)
    if before is not None:
        begun = any(checkpoint.exists() for checkpoint in checkpoints.values())  # by --fresh, and stopped
        _check_replaceable(path, before, command, set(offers), fresh or begun)
        if before.command == command:
            found.machines = before.machines
    if fresh:  # what other settings have begun must not pass for a run that was told to replace these
        for checkpoint in path.parent.glob(f"{glob.escape(path.stem)}.els-*.npz"):
            remove(checkpoint)
    for name, (machine, candidates) in offers.items():
        pairs = calibrate(
            machine,
            lab.network,
            candidates,
            steps=steps,
            samples=samples,
            labels=lab.labels_for(seeds),
            progress=True,
            checkpoint=checkpoints[name],
        )
        _check_same(path, before, name, pairs)
        now = sizes_of(lab.network.card, path)  # another process may have measured another machine meanwhile
        if now is not None and now.command == command:
            found.machines |= now.machines
        found.machines[name] = pairs
        found.save(path)
        _warn_at_the_edge(name, pairs, candidates[-1], machine.largest_patch_size)
    for checkpoint in checkpoints.values():
        checkpoint.unlink(missing_ok=True)  # another process that calibrates the same network may have been first
    return path


def _check_replaceable(path: Path, before: CalibratedSizes, command: str, machines: set[str], fresh: bool) -> None:
    """Raise CourseError unless the sizes may change: to other settings if `fresh`, but never if the course's own."""
    if _came_with_the_course(path) and (before.command != command or not machines <= before.machines.keys()):
        raise CourseError(
            f"{path} came with the course, and this would change it: copy {path.name.replace('.sizes', '')} and its "
            ".safetensors into your own folder, and calibrate that .json."
        )
    if before.command != command and not fresh:
        raise CourseError(
            f"{path} holds what `{before.command}` measured: use the same settings, or --fresh to replace it."
        )


def _check_same(path: Path, before: CalibratedSizes | None, machine: str, pairs: list[tuple[float, int]]) -> None:
    """Raise CourseError if sizes that came with the course would become other ones."""
    if _came_with_the_course(path) and before is not None and before.machines[machine] != pairs:
        raise CourseError(
            f"{path} came with the course, and {machine} has other sizes here, as another processor or device rounds "
            "in another way: it stays as it was."
        )


def _came_with_the_course(path: Path) -> bool:
    return path.resolve().parent == (data_dir() / "networks").resolve()


def _offers(lab: Lab, names: Sequence[str], largest: int | None) -> dict[str, tuple[PatchMachine, list[int]]]:
    """What is calibrated: name -> machine and the sizes to try, at least one."""
    for name in names:
        if name not in ELS_MACHINES:
            raise CourseError(f"only ELS machines are calibrated (ls takes their sizes), got {brief(name)}.")
    machines = {name: lab.patch_machine(name, 1) for name in names}
    offers = {name: (machine, candidates_of(machine, largest)) for name, machine in machines.items()}
    if not all(sizes for _, sizes in offers.values()):
        raise CourseError(f"there is no patch size to try between 3 and {largest}.")
    return offers


def _warn_at_the_edge(machine: str, sizes: list[tuple[float, int]], offered: int, largest: int) -> None:
    """A fit that ends at the edge of what was offered is none (at t = 1 all sizes are alike)."""
    at_the_edge = sum(size == offered for t, size in sizes if t < 1)
    if at_the_edge and offered + 2 <= largest:
        print(
            f"{machine} took the largest size on offer, {offered}, at {at_the_edge} of {len(sizes)} times: try larger "
            "ones (--largest)."
        )
