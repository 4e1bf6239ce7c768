"""Locality in time: which window, at each noise level, makes the machine most like a network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm.auto import tqdm

from .diffusion import FAINTEST, Denoiser, Labels, check_labels, score_from_denoiser, seeded_noise, trajectory
from .errors import CourseError, brief, whole_number
from .files import UNREADABLE, as_path, whole_file
from .machines import PatchMachine
from .patches import check_patch_size
from .pieces import sha256_of
from .schedule import Schedule, alpha_sigma

SAME_NETWORK = 1e-3  # how far its drawings may differ, on average: processors round in their own ways
CALIBRATION_SEEDS = range(900_000, 900_020)  # no evaluation starts from these


@dataclass(frozen=True, eq=False)
class CalibrationTable:
    """The cosine similarity of machine and network for every time, candidate patch size and sample.

    times (T,), from 1 down; candidates (K,); cosine with shape (T, K, S): lesson 09 draws it and its ridge.
    """

    times: list[float]
    candidates: list[int]
    cosine: Float[Tensor, "T K S"]

    def best(self) -> list[tuple[float, int]]:
        """Pairs (t, P): the best size of each sample, then the lower median over the samples."""
        choice = self.cosine.argmax(1).sort(1).values  # (T, S)
        middle = choice[:, (choice.shape[1] - 1) // 2]
        return [(round(t, 6), self.candidates[int(k)]) for t, k in zip(self.times, middle, strict=True)]


def calibration_table(
    machine: PatchMachine,
    network: Denoiser,
    candidates: Sequence[int],
    noise: Float[Tensor, "S C H W"],
    *,
    steps: int = 20,
    labels: Labels = None,
    progress: bool = False,
    checkpoint: str | Path | None = None,
) -> CalibrationTable:
    """Follow the network's own trajectory from `noise`; at each x_t compare its score with the machine's.

    At one x_t and t the scores are s = (alpha D - x_t) / sigma^2, and their cosine is taken over all pixels.
    steps: of the trajectory. labels: one class or one per image, where network and machine know classes. progress:
    whether to show a bar.
    checkpoint: a file that keeps the finished entries, so that a killed calibration goes on where it stopped.

    Raises CourseError if there are no candidates or the machine has no patches, and for a checkpoint that cannot be
    written, is damaged, or was started with another network, other images or other settings. Lesson 09.
    """
    sizes = sorted(check_patch_size(p) for p in candidates) if isinstance(candidates, Iterable) else []
    if not sizes:
        raise CourseError(f"calibration needs a list of at least one candidate patch size, got {brief(candidates)}.")
    _check_patches(machine)
    machines = [machine.with_patch_size(p) for p in sizes]
    schedule: Schedule = machine.schedule
    points = list(trajectory(network, noise, steps, schedule=schedule, labels=labels))[:-1]
    for t, _, x0_hat in points:
        alpha, _ = alpha_sigma(schedule, t)
        if abs(alpha) < FAINTEST:
            raise CourseError(
                f"{schedule} leaves nothing of the image at t = {t:g} (alpha = {alpha:.1g}), where the scores "
                "of all windows are alike: take a schedule that leaves a trace, as els.CosineSchedule() does."
            )
        if not x0_hat.isfinite().all():
            raise CourseError(f"the network answers NaN or infinite pixels at t = {t:g}: there is nothing to compare.")
    given = {} if labels is None else {"labels": labels}
    table = torch.full((len(points), len(machines), len(noise)), torch.nan, dtype=torch.float64)
    kept = None
    if checkpoint is not None:
        origin = _origin(machines, noise, len(points), labels)
        kept = _Kept(as_path(checkpoint), origin, drawn=points[-1][2].cpu().numpy())
        table = kept.load(table)
        kept.save(table)  # what cannot be written is reported now, not after the first time
    total = len(points) * len(sizes)
    with tqdm(total=total, desc=f"calibrating {machine.id}", unit="score", disable=not progress) as bar:
        for row, (t, x_t, x0_hat) in zip(table, points, strict=True):
            theirs = score_from_denoiser(x0_hat, x_t, t, schedule).double().flatten(1)
            for k, candidate in enumerate(machines):
                if row[k].isnan().any():
                    ours = score_from_denoiser(candidate(x_t, t, **given), x_t, t, schedule).double().flatten(1)
                    row[k] = torch.cosine_similarity(ours, theirs, dim=1).cpu()
                bar.update()
            if kept is not None:
                kept.save(table)
    return CalibrationTable([t for t, _, _ in points], sizes, table)


def candidates_of(machine: PatchMachine, largest: int | None = None) -> list[int]:
    """Every odd size from 3 (or 1, if there is no other) to the one at which a window of this machine sees the whole
    image, or to `largest` if that is smaller."""
    whole = machine.largest_patch_size
    return list(range(min(3, whole), min(largest or whole, whole) + 1, 2))


def _check_patches(machine: object) -> None:
    if not isinstance(machine, PatchMachine):
        raise CourseError(f"calibration needs a machine with patches, LS or ELS, got {type(machine).__name__}.")


@dataclass(frozen=True)
class _Kept:
    """A table of scores as a file, with a note of what was scored: a table of anything else is not continued.

    drawn: what the network made of the noise, which distinguishes it from another network.
    """

    path: Path
    origin: dict[str, object]
    drawn: np.ndarray

    def save(self, table: Float[Tensor, "T K S"]) -> None:
        """Write the table, moved into place at once."""
        with whole_file(self.path) as partial, partial.open("wb") as file:  # whatever its name ends in
            np.savez(file, cosine=table.numpy(), drawn=self.drawn, origin=json.dumps(self.origin))

    def load(self, empty: Float[Tensor, "T K S"]) -> Float[Tensor, "T K S"]:
        """The table so far, or the empty one if there is none."""
        if self.path.is_dir():
            raise CourseError(f"{self.path} is a folder: name a file to keep the scores in.")
        if not self.path.exists():
            return empty
        try:
            with self.path.open("rb") as file:
                found = dict(np.load(file, allow_pickle=False))
            table, drawn = torch.from_numpy(found["cosine"]), found["drawn"]
            origin = dict(json.loads(str(found["origin"])))
            whole = table.dtype == empty.dtype and drawn.shape == self.drawn.shape
            if origin == self.origin and not (whole and table.shape == empty.shape):
                raise ValueError(f"it holds {table.dtype} {tuple(table.shape)}")
        except UNREADABLE as error:
            raise CourseError(f"{self.path} is damaged: delete it and calibrate again.") from error
        changed = [what for what, ours in self.origin.items() if origin.get(what) != ours]
        if not changed and not np.abs(drawn - self.drawn).mean() < SAME_NETWORK:
            changed = ["network"]
        if changed:
            raise CourseError(
                f"{self.path} was started for something else (other {', '.join(changed)}): use the same settings, "
                "another file, or delete it (--fresh) to start over."
            )
        return table


def _origin(machines: Sequence[PatchMachine], noise: Tensor, steps: int, labels: Labels) -> dict[str, object]:
    one = machines[0]
    return {
        "machine": f"{one.id}, tolerance {one.tolerance}",
        "candidates": str([machine.patch_size for machine in machines]),
        "images": sha256_of(one.images, one.image_labels),
        "noise": sha256_of(noise),
        "steps": steps,
        "labels": None if labels is None else check_labels(labels, len(noise)).tolist(),
    }


def calibrate(
    machine: PatchMachine,
    network: Denoiser,
    candidates: Sequence[int] | None = None,
    *,
    steps: int = 20,
    samples: int = 10,
    labels: Labels = None,
    progress: bool = False,
    checkpoint: str | Path | None = None,
) -> list[tuple[float, int]]:
    """The patch size whose machine is most like the network at each t: pairs (t, P) from t = 1 down, for `patch_size=`.

    candidates: odd sizes to choose from; by default all from 3 to the one at which a window sees the whole image.
    samples: how many of `CALIBRATION_SEEDS` to start from (10 to 20 are enough).
    steps, labels, progress, checkpoint: as in `calibration_table`.
    The machine's window may be square or gaussian; for a gaussian one the candidates are the sizes of its support.

    Raises CourseError for an impossible number of samples, and as `calibration_table` does.

    Source: Kamb & Ganguli 2025, section on calibrating the locality scale. Lesson 09.
    """
    count = whole_number(samples, 1, len(CALIBRATION_SEEDS))
    if count is None:
        raise CourseError(
            f"samples must be a whole number between 1 and {len(CALIBRATION_SEEDS)}, got {brief(samples)}."
        )
    _check_patches(machine)
    noise = seeded_noise(CALIBRATION_SEEDS[:count], machine.images.shape[1:]).to(machine.images)
    candidates = candidates_of(machine) if candidates is None else candidates
    return calibration_table(
        machine, network, candidates, noise, steps=steps, labels=labels, progress=progress, checkpoint=checkpoint
    ).best()
