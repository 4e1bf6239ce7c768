"""Makes 04_local.npz: what the local machine draws through growing windows. Run: python data/lessons/make_04_local.py

sizes (10,): the patch sizes P, the last one 31 = 2 * 16 - 1. samples (10, 100, 1, 16, 16), float16: LS with that one P
at every time, seeds 0..99, 20 steps. garment (10, 100): from how many different training images the pixels of a sample
come that are not black, > -0.9 (the heaviest voter of each pixel at the last evaluation, t = 0.05).

All of it is computed in float64. Every size is kept in runs/lessons/04_local, so a run that was stopped goes on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from kept import all_kept
from torch import Tensor
from tqdm import tqdm

import elscourse as els
from elscourse.files import whole_file

SIZES = (3, 5, 7, 9, 11, 13, 15, 17, 21, 31)
HERE = Path(__file__).parent
KEEP = HERE.parents[1] / "runs" / "lessons" / "04_local"


def drawn(machine: els.LocalScoreMachine, noise: Tensor) -> dict[str, np.ndarray]:
    """The samples, and of how many images each garment is made."""
    *_, (t, x_t, _), (_, samples, _) = els.trajectory(machine, noise, steps=20)
    voters = machine.posterior(x_t, t, top=1).image[..., 0]
    garment = [len(its[x[0] > -0.9].unique()) for x, its in zip(samples, voters, strict=True)]
    return {"samples": samples.numpy().astype(np.float16), "garment": np.array(garment, np.int16)}


def main() -> None:
    """Some minutes; then one file."""
    lab = els.lab("laptop")
    images, noise = lab.data.images.double(), els.seeded_noise(lab.seeds, lab.shape).double()
    machines = {size: els.LocalScoreMachine(images, patch_size=size) for size in SIZES}
    found = [all_kept(KEEP / f"{size}.npz", drawn, machine, noise) for size, machine in tqdm(machines.items())]
    stacked = {name: np.stack([its[name] for its in found]) for name in ("samples", "garment")}
    with whole_file(HERE / "04_local.npz") as partial:
        np.savez_compressed(partial, sizes=np.array(SIZES), **stacked)


if __name__ == "__main__":
    main()
