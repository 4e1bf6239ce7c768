"""Locality in time: which window, at each noise level, makes the machine most like a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm.auto import tqdm

from .diffusion import Denoiser, Labels, score_from_denoiser, seeded_noise, trajectory
from .errors import CourseError
from .files import save_array
from .machines import PatchMachine
from .schedule import CosineSchedule

CALIBRATION_SEEDS = range(900_000, 900_020)  # no evaluation uses these


@dataclass(frozen=True)
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
    checkpoint: Path | None = None,
) -> CalibrationTable:
    """Follow the network's own trajectory from `noise`; at each x_t compare its score with the machine's.

    At one x_t and t the scores are s = (alpha D - x_t) / sigma^2, and their cosine is taken over all pixels.
    checkpoint: a .npy file that keeps the finished entries, so that a killed calibration goes on where it stopped.
    """
    if not candidates:
        raise CourseError("calibration needs at least one candidate patch size.")
    machines = [machine.with_patch_size(p) for p in candidates]
    schedule: CosineSchedule = machine.schedule
    points = list(trajectory(network, noise, steps, schedule=schedule, labels=labels))[:-1]
    given = {} if labels is None else {"labels": labels}
    table = _started(checkpoint, (len(points), len(candidates), len(noise)))
    with tqdm(total=len(points) * len(candidates), desc="calibrating", unit="score", disable=not progress) as bar:
        for row, (t, x_t, x0_hat) in zip(table, points, strict=True):
            theirs = score_from_denoiser(x0_hat, x_t, t, schedule).double().flatten(1)
            for k, candidate in enumerate(machines):
                if row[k].isnan().any():
                    ours = score_from_denoiser(candidate(x_t, t, **given), x_t, t, schedule).double().flatten(1)
                    row[k] = torch.cosine_similarity(ours, theirs, dim=1).cpu()
                bar.update()
            if checkpoint is not None:
                save_array(table.numpy(), checkpoint)
    return CalibrationTable([t for t, _, _ in points], list(candidates), table)


def _started(checkpoint: Path | None, shape: tuple[int, int, int]) -> Float[Tensor, "T K S"]:
    """The table so far: NaN where nothing was computed yet."""
    if checkpoint is not None and checkpoint.exists():
        try:
            table = torch.from_numpy(np.load(checkpoint, allow_pickle=False))
        except (OSError, ValueError, TypeError, EOFError) as error:
            raise CourseError(f"{checkpoint} is damaged: delete it and calibrate again.") from error
        if tuple(table.shape) == shape:
            return table
    return torch.full(shape, torch.nan, dtype=torch.float64)


def calibrate(
    machine: PatchMachine,
    network: Denoiser,
    candidates: Sequence[int] = tuple(range(3, 20, 2)),
    *,
    steps: int = 20,
    samples: int = 10,
    labels: Labels = None,
    seeds: Sequence[int] = CALIBRATION_SEEDS,
    progress: bool = False,
    checkpoint: Path | None = None,
) -> list[tuple[float, int]]:
    """The patch size that best explains the network at each t: pairs (t, P) from t = 1 down, for `patch_size=`.

    candidates: odd sizes to choose from. samples: how many of `seeds` to start from (10 to 20 are enough).
    labels, checkpoint: as in `calibration_table`.
    The machine's window may be square or gaussian; of a gaussian one the candidates are the supports.
    Source: Kamb & Ganguli 2025, section on calibrating the locality scale. Lesson 09.
    """
    if not 1 <= samples <= len(seeds):
        raise CourseError(f"samples must be between 1 and the number of seeds ({len(seeds)}), got {samples}.")
    noise = seeded_noise(seeds[:samples], machine.images.shape[1:]).to(machine.images)
    return calibration_table(
        machine, network, candidates, noise, steps=steps, labels=labels, progress=progress, checkpoint=checkpoint
    ).best()
