"""Calibrated sizes as files: what the calibration found for a network, and how to find it again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .calibration import CALIBRATION_SEEDS, calibrate, candidates_of
from .checkpoints import find_card
from .data import data_dir
from .errors import CourseError
from .files import whole_file

if TYPE_CHECKING:  # lab imports this module
    from .lab import Lab
    from .machines import PatchMachine

# every ELS machine there is: padding, then window
ELS_MACHINES = ("els-zeros", "els-circular", "els-zeros-gaussian", "els-circular-gaussian")


@dataclass
class CalibratedSizes:
    """Per machine id the pairs (t, P) from t = 1 down, for one network; with the command and seeds that made them."""

    network: str
    command: str
    seeds: list[int]
    steps: int
    machines: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    network_sha256: str = ""

    def save(self, path: Path) -> None:
        """Write as JSON, moved into place at once."""
        with whole_file(path) as partial:
            partial.write_text(_compact_pairs(asdict(self)), "utf-8")

    @classmethod
    def load(cls, path: Path) -> CalibratedSizes:
        """Read what `save` wrote; anything else is refused with a sentence."""
        try:
            raw = json.loads(path.read_text("utf-8"))
            machines = {m: [(float(t), int(p)) for t, p in pairs] for m, pairs in raw.pop("machines").items()}
            return cls(**raw, machines=machines)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise CourseError(
                f"{path} does not hold calibrated sizes ({error!r}): make it again with `elscourse calibrate`."
            ) from error


def sizes_path(card_path: Path) -> Path:
    """Beside the network's card: NAME.json -> NAME.sizes.json."""
    return card_path.with_suffix(".sizes.json")


def sizes_of(card: dict[str, Any], path: Path) -> CalibratedSizes | None:
    """The sizes calibrated for the network of this card; damaged ones, or those of a network it replaced, are reported
    and left out: `elscourse calibrate` writes them anew."""
    if not path.exists():
        return None
    try:
        sizes = CalibratedSizes.load(path)
    except CourseError as error:
        print(error)
        return None
    if sizes.network_sha256 != card.get("sha256", ""):
        print(f"{path.name} was measured on another training of {card['name']}: run `elscourse calibrate` again.")
        return None
    return sizes


def _compact_pairs(content: dict[str, Any]) -> str:
    """JSON with one line per machine, so that a calibration is read, and compared, as the curve it is."""
    curves = content.pop("machines")
    lines = ",\n".join(f"  {json.dumps(m)}: {json.dumps(pairs)}" for m, pairs in curves.items())
    head = json.dumps(content, indent=1).removesuffix("\n}")
    return f'{head},\n "machines": {{\n{lines}\n }}\n}}\n'


def _keep_shipped(path: Path, same_settings: bool) -> None:
    """Refuse to replace sizes that came with the course by those of other settings."""
    if path.resolve().parent == (data_dir() / "networks").resolve() and not same_settings:
        raise CourseError(
            f"{path} came with the course, and other settings would replace what it measured: copy "
            f"{path.name.replace('.sizes', '')} and its .safetensors into a folder of yours, and calibrate that .json."
        )


def _offers(lab: Lab, names: Sequence[str], largest: int | None) -> dict[str, tuple[PatchMachine, list[int]]]:
    """What is calibrated: name -> machine and the sizes to try, at least one."""
    for name in names:
        if name not in ELS_MACHINES:
            raise CourseError(f"only ELS machines are calibrated (ls takes their sizes), got {name!r}.")
    machines = {name: lab.patch_machine(name, 1) for name in names}
    offers = {name: (machine, candidates_of(machine, largest)) for name, machine in machines.items()}
    if not all(sizes for _, sizes in offers.values()):
        raise CourseError(f"there is no patch size to try between 3 and {largest or min(lab.shape[1:])}.")
    return offers


def _warn_at_the_edge(machine: str, sizes: list[tuple[float, int]], offered: int, largest: int) -> None:
    """A fit that ends at the edge of what was offered is none (at t = 1 all sizes are alike)."""
    at_the_edge = sum(size == offered for t, size in sizes if t < 1)
    if at_the_edge and offered + 2 <= largest:
        print(
            f"{machine} took the largest size on offer, {offered}, at {at_the_edge} of {len(sizes)} times: try larger "
            "ones (--largest)."
        )


def calibrate_lab(
    lab: Lab,
    network: str,
    machines: Sequence[str] = (),
    *,
    samples: int = 10,
    steps: int = 20,
    largest: int | None = None,
    fresh: bool = False,
    progress: bool = True,
) -> Path:
    """Calibrate ELS machines of a lab (by default square and gaussian windows with the network's own padding).

    The sizes are written beside the network's card. Until all machines are done, their scores are kept beside it too,
    so that a calibration that was killed goes on; once they are, the next one starts anew.

    Raises CourseError for other machines, for no size to try, for scores kept of other settings or images, and for
    settings other than those by which sizes that came with the course were measured: they would be replaced.
    """
    own = f"els-{lab.network.padding}"
    path = sizes_path(find_card(network))
    offers = _offers(lab, tuple(machines) or (own, f"{own}-gaussian"), largest)
    seeds = list(CALIBRATION_SEEDS[:samples])
    command = f"elscourse calibrate {lab.network.name} --samples {samples} --steps {steps}"
    command += f" --largest {largest}" if largest else ""
    sha256 = str(lab.network.card.get("sha256", ""))
    found = CalibratedSizes(lab.network.name, command, seeds, steps, network_sha256=sha256)
    before = sizes_of(lab.network.card, path)
    if before is not None:
        same = before.command == command
        _keep_shipped(path, same)
        found.machines = dict(before.machines) if same else {}
    checkpoints = {n: path.with_suffix(f".{n}-{sha256[:8]}-{sizes[-1]}.npz") for n, (_, sizes) in offers.items()}
    if fresh:
        for checkpoint in checkpoints.values():
            checkpoint.unlink(missing_ok=True)
    for name, (machine, candidates) in offers.items():
        found.machines[name] = calibrate(
            machine,
            lab.network,
            candidates,
            steps=steps,
            samples=samples,
            seeds=seeds,
            labels=lab.labels_for(seeds),
            progress=progress,
            checkpoint=checkpoints[name],
        )
        found.save(path)
        _warn_at_the_edge(name, found.machines[name], candidates[-1], machine.largest_patch_size)
    for checkpoint in checkpoints.values():
        checkpoint.unlink(missing_ok=True)  # another process that calibrates the same network may have been first
    return path
