"""The headline experiment: predict, image by image, what a trained network draws from the same noise.

Work is cut into columns (a machine, or the network on some grid) and chunks of seeds; each piece is a file as soon as
it is done, so a run that was killed goes on where it stopped. Several processes (`ranks`) share the work: the network's
pieces are dealt out to them, whereas on a machine's piece all of them work together, each on its part of the images.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from .diffusion import Denoiser, seeded_noise, trajectory, with_first_step
from .errors import CourseError, unknown_name
from .files import UNREADABLE, remove, save_text, whole_file
from .lab import BENT_FILTERS, FILTERS, MACHINES, WITHOUT_WINDOW, Lab
from .machine import Machine
from .metrics import nearest_training_image
from .pieces import sha256_of
from .plotting import check_channels
from .ranks import Ranks
from .summary import comparisons, figure, median, scatter, table
from .version import __version__

T = TypeVar("T")

CHUNK = 20  # seeds computed at once
BAR = "{desc}{percentage:3.0f}%|{bar}| {n:.0f}/{total_fmt} images [{elapsed}<{remaining}]"  # n grows step by step
# what the pieces of a run are called, whole or cut off by a kill
PIECE = re.compile(rf"({'|'.join(MACHINES)}|network-[0-9a-z-]+)-\d{{5,}}(\.\d+\.partial)?\.npz")


@dataclass
class Experiment:
    """One run of the experiment on a lab: settings, what to compute, where it is kept.

    ranks: the processes that share the work, each of which has made the same experiment; rank 0 measures and writes.
    Other processes, more or fewer of them, may continue a run: `out` is all that they must share.
    """

    lab: Lab
    out: Path
    seeds: int = 100
    steps: int = 20
    network_steps: int = 150
    extra_machines: Sequence[str] = ()
    ranks: Ranks | None = None
    machines: list[str] = field(init=False)

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise CourseError(f"at least one seed is needed, got {self.seeds}.")
        for name in self.extra_machines:
            if name not in MACHINES:
                raise unknown_name("machine", name, MACHINES)
        check_channels(self.lab.shape[0], f"for the figures, images of {self.lab.data.name}")
        default = ["is", "ls", self.own_machine, f"{self.own_machine}-gaussian", "wiener", *FILTERS]
        self.machines = list(dict.fromkeys([*default, *self.extra_machines]))

    @property
    def own_machine(self) -> str:
        """The machine with the network's padding, whose prediction is the headline."""
        return f"els-{self.lab.network.padding}"

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What decides the numbers; a folder with results of other settings is not continued."""
        lab = self.lab
        # a bent filter is told the classes though the network may not be
        told = lab.data.labels if set(self.machines) & set(BENT_FILTERS) else lab.image_labels
        return {
            "network": lab.network.name,
            "network_sha256": str(lab.network.card.get("sha256", "")),
            "dataset": lab.data.name,
            "images": list(lab.data.images.shape),
            "images_sha256": sha256_of(lab.data.images),
            "labels_sha256": None if told is None else sha256_of(told),
            "sizes": {m: lab.patch_sizes(m) for m in self.machines if m not in WITHOUT_WINDOW},
            "seeds": self.seeds,
            "steps": self.steps,
            "network_steps": self.network_steps,
            "machines": self.machines,
            "device": lab.device.type,
            "dtype": str(lab.data.images.dtype).removeprefix("torch."),
        }

    @cached_property
    def _record(self) -> str:
        """What pieces must have been made with. Another version may draw other pictures."""
        return json.dumps(self.settings | {"version": __version__}, indent=1)

    @cached_property
    def _run(self) -> str:
        """The same in short, as it stands in each piece: two runs may have worked in one folder."""
        return hashlib.sha256(self._record.encode()).hexdigest()

    def columns(self) -> dict[str, tuple[Callable[[], Denoiser], int]]:
        """Name in samples.npz -> how to make the denoiser, and its number of steps."""
        lab = self.lab
        networks: dict[str, tuple[Callable[[], Denoiser], int]] = {
            f"network-{self.steps}": (lambda: lab.network, self.steps),
            f"network-{self.network_steps}": (lambda: lab.network, self.network_steps),
            f"network-{self.steps}-exact-first": (lambda: with_first_step(lab.machine("is"), lab.network), self.steps),
        }
        machines = {m: ((lambda m=m: lab.machine(m)), self.steps) for m in self.machines}
        return networks | machines

    def run(self, fresh: bool = False) -> dict[str, Any]:
        """Compute what is missing, then write samples, metrics, table and figures; every rank returns the metrics."""
        if self.ranks is not None:
            self.ranks.agree(self.settings | {"version": __version__, "fresh": fresh})
        done = self._first(lambda: self._open(fresh))
        columns = self.columns()
        dealt = itertools.count()
        with tqdm(total=len(columns) * self.seeds, bar_format=BAR, disable=self._rank > 0) as bar:
            for name, (make, steps) in columns.items():
                bar.set_description(name)
                missing = [seeds for seeds in self._chunks if self._path(name, seeds).name not in done]
                bar.update(self.seeds - sum(map(len, missing)))
                if not missing:
                    continue
                denoiser = make()
                for seeds in missing:
                    self._piece(name, denoiser, seeds, steps, dealt, bar)
        if self.ranks is not None:
            self.ranks.wait()
        return self._first(self._finish)

    @property
    def _rank(self) -> int:
        return 0 if self.ranks is None else self.ranks.rank

    def _first(self, make: Callable[[], T]) -> T:
        return make() if self.ranks is None else self.ranks.first(make)

    @property
    def _chunks(self) -> list[range]:
        return [range(a, min(a + CHUNK, self.seeds)) for a in range(0, self.seeds, CHUNK)]

    def _path(self, column: str, seeds: range) -> Path:
        return self.out / "parts" / f"{column}-{seeds.start:05d}.npz"

    def _piece(
        self, column: str, denoiser: Denoiser, seeds: range, steps: int, dealt: Iterator[int], bar: tqdm
    ) -> None:
        """Draw a piece and write it. All ranks draw a machine's together; others are dealt out, one rank each."""
        writer = 0
        if self.ranks is not None:
            if isinstance(denoiser, Machine):
                denoiser = denoiser.across(self.ranks)
            else:
                writer = next(dealt) % self.ranks.size
                if writer != self.ranks.rank:
                    bar.update(len(seeds))
                    return
        lab = self.lab
        noise = seeded_noise(seeds, lab.shape).to(lab.data.images)
        images = noise
        for t, x_t, _ in trajectory(denoiser, noise, steps, schedule=lab.schedule, labels=lab.labels_for(seeds)):
            images = x_t
            bar.update(len(seeds) / steps if t < 1 else 0)
        if column in FILTERS:
            images = images.clamp(-1, 1)  # linear filters go beyond white, and a rival is taken at its strongest
        if writer == self._rank:
            with whole_file(self._path(column, seeds)) as partial:
                # an archive, which holds a checksum of each array: a damaged piece is noticed when it is read
                np.savez(partial, images=images.cpu().numpy(), run=self._run)

    def _finish(self) -> dict[str, Any]:
        """Measure and write the results; all pieces are there."""
        samples = {"noise": seeded_noise(range(self.seeds), self.lab.shape)}
        for column in self.columns():
            shape = self.lab.shape
            pieces = [_read(self._path(column, seeds), self._run, (len(seeds), *shape)) for seeds in self._chunks]
            samples[column] = torch.from_numpy(np.concatenate(pieces))
        metrics = self.measure(samples)
        self._write(samples, metrics)
        return metrics

    def _open(self, fresh: bool) -> set[str]:
        """Start in an empty folder, or continue in one that was started with the same settings; returns the names of
        the pieces it has. Those of another run are made again."""
        parts = self.out / "parts"
        record, wanted = parts / "settings.json", self._record
        pieces = [path for path in parts.glob("*.npz") if PIECE.fullmatch(path.name)]
        if fresh:  # remove only what a run writes: the folder may be the user's
            for old in [*pieces, record]:
                remove(old)
            pieces = []
        if pieces and not record.exists():
            raise CourseError(f"{parts} holds pieces of a run, but not its settings.json: use --fresh to start over.")
        now = json.loads(wanted)
        try:
            before = dict(json.loads(record.read_text("utf-8"))) if record.exists() else now
        except (ValueError, TypeError, RecursionError) as error:
            raise CourseError(f"{record} is damaged ({error}): use --fresh to start over.") from error
        changed = ", ".join(k for k in now if now[k] != before.get(k))
        if changed and pieces:
            raise CourseError(
                f"{self.out} holds a run with other settings ({changed}): use --fresh to replace it, or another --out."
            )
        if changed or not record.exists():  # a run that failed before its first piece binds nobody
            save_text(wanted, record)
        return {path.name for path in pieces if _run_of(path) in (self._run, None)}

    def measure(self, samples: dict[str, Tensor]) -> dict[str, Any]:
        """Every machine against every network column, the distances to the training images, and the settings."""
        return {
            "rows": comparisons(samples, self.machines, self.lab.network.name),
            "distance_to_training": {
                name: median(nearest_training_image(x.to(self.lab.device), self.lab.data.images)[1])
                for name, x in samples.items()
                if name != "noise"
            },
            "settings": self.settings,
            "versions": {"elscourse": __version__, "torch": torch.__version__.split("+")[0]},
        }

    def _write(self, samples: dict[str, Tensor], metrics: dict[str, Any]) -> None:
        arrays = {k: v.numpy() for k, v in samples.items()}
        first = {k: v[:10] for k, v in samples.items()}
        target = f"network-{self.network_steps}"
        writers: dict[str, Callable[[Path], Any]] = {
            "samples.npz": lambda path: np.savez_compressed(path, **arrays),  # type: ignore[arg-type]
            "metrics.json": lambda path: path.write_text(json.dumps(metrics, indent=1) + "\n", "utf-8"),
            "table.md": lambda path: path.write_text(table(metrics), "utf-8"),
            "figure.png": lambda path: figure(self.lab, first, self.own_machine, target).savefig(path),
            "scatter.png": lambda path: scatter(self.lab, samples, self.own_machine, target).savefig(path),
        }
        for name, write in writers.items():
            with whole_file(self.out / name) as partial:
                write(partial)


def _run_of(path: Path) -> str | None:
    """Of which run a piece is; None if it cannot be read, which `_read` reports."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return str(file["run"]) if "run" in file else ""
    except UNREADABLE:
        return None


def _read(path: Path, run: str, shape: tuple[int, ...]) -> np.ndarray:
    try:
        with np.load(path, allow_pickle=False) as file:
            piece: np.ndarray = file["images"]
            own = str(file["run"]) == run
        if piece.shape != shape or piece.dtype.kind != "f" or not np.isfinite(piece).all():
            raise ValueError(f"it holds {piece.dtype} {piece.shape}")
    except FileNotFoundError as error:
        raise CourseError(f"{path} is gone: another process is working in this folder. Run again.") from error
    except UNREADABLE as error:
        raise CourseError(f"{path} is damaged: delete it and run again to make it anew.") from error
    if not own:
        raise CourseError(f"{path} is of other settings: another process is working in this folder. Run again.")
    return piece
