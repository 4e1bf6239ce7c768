"""The headline experiment: predict, image by image, what a trained network draws from the same noise.

Work is cut into columns (a machine, or the network on some grid) and chunks of seeds; each piece is a file as soon as
it is done, so a run that was killed goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm.auto import tqdm

from .diffusion import Denoiser, sample, seeded_noise, with_first_step
from .errors import CourseError, unknown_name
from .lab import MACHINES, Lab
from .machines import IdealScoreMachine
from .metrics import bootstrap_interval, compare, nearest_training_image
from .version import __version__

CHUNK = 20  # seeds computed at once


@dataclass(frozen=True)
class Settings:
    """What decides the numbers; a folder with results of other settings is not continued."""

    network: str
    network_sha256: str
    dataset: str
    images: list[int]
    images_sha256: str
    sizes: dict[str, list[tuple[float, int]]]
    seeds: int
    steps: int
    network_steps: int
    machines: list[str]
    device: str


@dataclass
class Experiment:
    """One run of the experiment on a lab: settings, what to compute, where it is kept."""

    lab: Lab
    out: Path
    seeds: int = 100
    steps: int = 20
    network_steps: int = 150
    extra_machines: Sequence[str] = ()
    progress: bool = True
    machines: list[str] = field(init=False)

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise CourseError(f"at least one seed is needed, got {self.seeds}.")
        for name in self.extra_machines:
            if name not in MACHINES:
                raise unknown_name("machine", name, MACHINES)
        own = f"els-{self.lab.network.padding}"
        default = ["is", "ls", own, f"{own}-gaussian", "wiener"]
        self.machines = default + [m for m in self.extra_machines if m not in default]

    @property
    def own_machine(self) -> str:
        """The machine with the network's padding, whose prediction is the headline."""
        return self.machines[2]

    @property
    def settings(self) -> Settings:
        """See `Settings`."""
        lab = self.lab
        return Settings(
            network=lab.network.name,
            network_sha256=str(lab.network.card.get("sha256", "")),
            dataset=lab.data.name,
            images=list(lab.data.images.shape),
            images_sha256=hashlib.sha256(lab.data.images.cpu().numpy().tobytes()).hexdigest(),
            sizes={m: lab.patch_sizes(m) for m in self.machines if m.startswith("els") or m == "ls"},
            seeds=self.seeds,
            steps=self.steps,
            network_steps=self.network_steps,
            machines=self.machines,
            device=lab.device.type,
        )

    def columns(self) -> dict[str, tuple[Callable[[], Denoiser], int]]:
        """Name in samples.npz -> how to make the denoiser, and its number of steps."""
        lab = self.lab

        def exact_first() -> Denoiser:
            exact = IdealScoreMachine(lab.data.images, lab.schedule, image_labels=lab.image_labels)
            return with_first_step(exact, lab.network)

        networks: dict[str, tuple[Callable[[], Denoiser], int]] = {
            f"network-{self.steps}": (lambda: lab.network, self.steps),
            f"network-{self.network_steps}": (lambda: lab.network, self.network_steps),
            f"network-{self.steps}-exact-first": (exact_first, self.steps),
        }
        machines = {m: ((lambda m=m: lab.machine(m)), self.steps) for m in self.machines}
        return networks | machines

    def run(self, fresh: bool = False) -> dict[str, Any]:
        """Compute what is missing, then write samples, metrics, table and figures; returns the metrics."""
        parts = self.out / "parts"
        self._open(parts, fresh)
        samples = {"noise": self._noise(range(self.seeds))}
        columns = self.columns()
        chunks = [range(a, min(a + CHUNK, self.seeds)) for a in range(0, self.seeds, CHUNK)]
        with tqdm(total=len(columns) * self.seeds, unit="image", disable=not self.progress) as bar:
            for name, (make, steps) in columns.items():
                bar.set_description(name)
                denoiser, pieces = make(), []
                for seeds in chunks:
                    pieces.append(self._piece(parts / f"{name}-{seeds.start:05d}.npy", denoiser, seeds, steps))
                    bar.update(len(seeds))
                samples[name] = torch.from_numpy(np.concatenate(pieces))
        metrics = self.measure(samples)
        self._write(samples, metrics)
        return metrics

    def _noise(self, seeds: range) -> Float[Tensor, "B C H W"]:
        return seeded_noise(seeds, self.lab.shape)

    def _piece(self, path: Path, denoiser: Denoiser, seeds: range, steps: int) -> np.ndarray:
        if path.exists():
            return np.load(path, allow_pickle=False)
        lab = self.lab
        noise = self._noise(seeds).to(lab.device)
        images = sample(denoiser, noise, steps, schedule=lab.schedule, labels=lab.labels_for(seeds)).cpu().numpy()
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.save(file, images)
        os.replace(partial, path)
        return images

    def _open(self, parts: Path, fresh: bool) -> None:
        """Start in an empty folder, or continue in one that was started with the same settings."""
        record, wanted = parts / "settings.json", json.dumps(asdict(self.settings), indent=1)
        if fresh:  # only what a run writes: the folder may be the user's
            for old in [*parts.glob("*-[0-9]*.npy"), *parts.glob("*.partial"), record]:
                old.unlink(missing_ok=True)
        if record.exists() and record.read_text() != wanted:
            before, now = json.loads(record.read_text()), json.loads(wanted)
            changed = ", ".join(k for k in now if now[k] != before.get(k))
            raise CourseError(
                f"{self.out} holds a run with other settings ({changed}): use --fresh to replace it, or another --out."
            )
        parts.mkdir(parents=True, exist_ok=True)
        record.write_text(wanted)

    def measure(self, samples: dict[str, Tensor]) -> dict[str, Any]:
        """Every machine against every network column: medians over seeds of r, r2, R2, and more."""
        rows = []
        for column in (c for c in samples if c.startswith("network-")):
            target = samples[column]
            ideal = compare(samples["is"], target).r2
            label = column.removeprefix("network-")
            for machine in self.machines:
                c = compare(samples[machine], target)
                row = {
                    "machine": machine,
                    "network": self.lab.network.name,
                    "network_steps": int(label) if label.isdigit() else label,
                    "n": self.seeds,
                    "r": _median(c.r),
                    "r2": _median(c.r2),
                    "R2": _median(c.R2),
                    "r2_quartiles": [_round(q) for q in c.r2.nanquantile(torch.tensor([0.25, 0.75]).double())],
                    "r2_interval": [
                        _round(b) for b in bootstrap_interval(c.r2[~c.r2.isnan()], torch.Generator().manual_seed(0))
                    ],
                    "beats_ideal": _round((c.r2 > ideal).double().mean()),
                }
                rows.append(row)
        return {
            "rows": rows,
            "distance_to_training": {
                name: _median(nearest_training_image(x.to(self.lab.device), self.lab.data.images)[1])
                for name, x in samples.items()
                if name != "noise"
            },
            "settings": asdict(self.settings),
            "versions": {"elscourse": __version__, "torch": torch.__version__.split("+")[0]},
        }

    def _write(self, samples: dict[str, Tensor], metrics: dict[str, Any]) -> None:
        _atomically(
            self.out / "samples.npz",
            lambda p: np.savez_compressed(p, **{k: v.numpy() for k, v in samples.items()}),  # type: ignore[arg-type]
        )
        _atomically(self.out / "metrics.json", lambda p: p.write_text(json.dumps(metrics, indent=1) + "\n"))
        _atomically(self.out / "table.md", lambda p: p.write_text(table(metrics)))
        target = f"network-{self.network_steps}"
        figure, scatter = self._figure(samples, target), self._scatter(samples, target)
        _atomically(self.out / "figure.png", lambda p: figure.savefig(p))
        _atomically(self.out / "scatter.png", lambda p: scatter.savefig(p))

    def _figure(self, samples: dict[str, Tensor], target: str) -> Any:
        from .plotting import image_rows

        first = {k: v[:10] for k, v in samples.items()}
        nearest, _ = nearest_training_image(first[target].to(self.lab.device), self.lab.data.images)
        padding = self.lab.network.padding
        rows = {
            "noise": first["noise"] / 3,
            "ideal machine\nIS": first["is"],
            "local machine\nLS": first["ls"],
            f"local + equivariant\nELS {padding}": first[self.own_machine],
            "trained\nnetwork": first[target],
            "nearest\ntraining image": self.lab.data.images[nearest].cpu(),
        }
        r2 = compare(first[self.own_machine], first[target]).r2
        return image_rows(rows, [f"r² {v:.2f}" for v in r2.tolist()])

    def _scatter(self, samples: dict[str, Tensor], target: str) -> Any:
        from .plotting import agreement_scatter

        ours, ideal = (compare(samples[m], samples[target]).r2 for m in (self.own_machine, "is"))
        return agreement_scatter(ours, ideal, (f"ELS {self.lab.network.padding}", "IS"), "the network")


def table(metrics: dict[str, Any]) -> str:
    """The metrics as a Markdown table: one line per machine and network column."""
    s = metrics["settings"]
    lines = [
        f"Network {s['network']}, {s['images'][0]:,} images of {s['dataset']}, {s['seeds']} seeds, "
        f"machines {s['steps']} steps, on {s['device']}. Medians over seeds.",
        "",
        "| network steps | machine | r | r2 | r2 quartiles | R2 | beats IS |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in metrics["rows"]:
        low, high = row["r2_quartiles"]
        beats = "" if row["machine"] == "is" else f"{row['beats_ideal']:.0%}"
        lines.append(
            f"| {row['network_steps']} | {row['machine']} | {row['r']:.3f} | {row['r2']:.3f} "
            f"| {low:.2f} - {high:.2f} | {row['R2']:.3f} | {beats} |"
        )
    return "\n".join(lines) + "\n"


def _median(values: Tensor) -> float:
    return _round(values.double().nanquantile(0.5))


def _round(value: Tensor | float) -> float:
    return round(float(value), 5)


def _atomically(path: Path, write: Callable[[Path], Any]) -> None:
    partial = path.with_name(f"partial-{path.name}")  # keeps the suffix, by which the writers know the format
    write(partial)
    os.replace(partial, path)
