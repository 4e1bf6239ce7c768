"""Make 09_time.npz: how alike network and machine are at every step and patch size, and what other schedules draw.

    python data/lessons/make_09_time.py

First it follows the network's own 20-step trajectory from the first ten calibration seeds and compares, at each step,
its score with that of the ELS machine (zero padding) at P = 3, 5, ..., 15, through the square and through the gaussian
window; through the square also from ten further calibration seeds, by cosine and by distance. Then it draws seeds 0 ...
9 with the square machine through schedules other than the calibrated one. It keeps what is finished of all but the last
minutes in runs/, so a run that was killed goes on where it stopped.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from kept import kept
from torch import Tensor
from tqdm import tqdm

import elscourse as els
from elscourse.calibration import CALIBRATION_SEEDS, calibration_table
from elscourse.files import whole_file

NETWORK = "fashion-mnist-16-resnet-zeros"
CANDIDATES = list(range(3, 16, 2))
SAMPLES, SEEDS, CHUNK = 10, 10, 5
HERE = Path(__file__).parent
KEEP = HERE.parent.parent / "runs" / "09_time"


def schedules(lab: els.Lab) -> dict[str, int | list[tuple[float, int]]]:
    """Name -> patch sizes, for everything but the calibrated schedule (that one is in data/results)."""
    times, sizes = zip(*lab.patch_sizes("els-zeros"), strict=True)
    straight = [2 * round((3 + 12 * i / (len(times) - 1) - 1) / 2) + 1 for i in reversed(range(len(times)))]

    def at(values: list[int]) -> list[tuple[float, int]]:
        return list(zip(times, values, strict=True))

    return {f"P={p}": p for p in CANDIDATES} | {
        "reversed": at(list(reversed(sizes))),
        "straight": at(straight),
        "late switch": at([sizes[6] if t > 0.24 else 3 for t in times]),  # sizes[6] is that of t = 0.7
    }


def drawn(lab: els.Lab, name: str, sizes: int | list[tuple[float, int]], done: Callable[[int], object]) -> np.ndarray:
    """What the machine draws through these sizes, in chunks that are kept."""
    machine = lab.patch_machine("els-zeros", sizes)

    def piece(start: int) -> Tensor:
        return els.sample(machine, els.seeded_noise(range(start, start + CHUNK), lab.shape), steps=20).half()

    pieces = []
    for start in range(0, SEEDS, CHUNK):
        pieces.append(kept(KEEP / f"{name.replace(' ', '-')}-{start}.npy", piece, start))
        done(CHUNK)
    return np.concatenate(pieces)


def again(lab: els.Lab, noise: Tensor) -> dict[str, np.ndarray]:
    """Cosine and relative distance of the scores from further seeds, at every time and size: (T, K, S) each."""
    cosine, distance = [], []
    for t, x_t, x0_network in list(els.trajectory(lab.network, noise, steps=20))[:-1]:
        theirs = els.score_from_denoiser(x0_network, x_t, t).double().flatten(1)
        estimates = [lab.patch_machine("els-zeros", p)(x_t, t) for p in CANDIDATES]
        ours = [els.score_from_denoiser(x0, x_t, t).double().flatten(1) for x0 in estimates]
        cosine.append(torch.stack([torch.cosine_similarity(one, theirs) for one in ours]))
        distance.append(torch.stack([(one - theirs).norm(dim=1) / theirs.norm(dim=1) for one in ours]))
    return {"cosine-again": torch.stack(cosine).numpy(), "distance-again": torch.stack(distance).numpy()}


def main() -> None:
    """Both windows' tables, the schedules' samples, then one file."""
    lab = els.lab("laptop", network=NETWORK)
    noise = els.seeded_noise(CALIBRATION_SEEDS[:SAMPLES], lab.shape)
    found: dict[str, np.ndarray] = {"candidates": np.array(CANDIDATES)}
    for window, machine in (("square", "els-zeros"), ("gaussian", "els-zeros-gaussian")):
        table = calibration_table(
            lab.patch_machine(machine, CANDIDATES[0]),
            lab.network,
            CANDIDATES,
            noise,
            progress=True,
            checkpoint=KEEP / f"{window}.npz",
        )
        found["times"] = np.array(table.times)
        found[f"cosine-{window}"] = table.cosine.numpy()
    wanted = schedules(lab)
    with tqdm(total=len(wanted) * SEEDS, unit="image") as bar:
        for name, sizes in wanted.items():
            bar.set_description(name)
            found[name] = drawn(lab, name, sizes, bar.update)
            if not isinstance(sizes, int):
                found[f"{name} sizes"] = np.array([p for _, p in sizes])
    found |= again(lab, els.seeded_noise(CALIBRATION_SEEDS[SAMPLES:], lab.shape))
    with whole_file(HERE / "09_time.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
