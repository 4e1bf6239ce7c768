"""Make 17_controls.npz: emoji of some noises as each of the eight groups, by rivals of the formula's answer to a word.

    python data/lessons/make_17_controls.py

Noises, groups and steps are those of "as others" in 17_colour.npz; 8 bits per pixel (0 is -1, 255 is 1):

filter     by the equivariant filter with the windows of ELS
shuffled   by ELS whose pictures have lost their groups: each label goes to another picture, so there are groups of the
           same sizes, which mean nothing; the first eight noises, another shuffle for each

Every piece is kept in runs/lessons/17_controls/, so a run that was stopped goes on.
"""

from __future__ import annotations

import numpy as np
import torch
from kept import piece
from make_17_colour import HERE, NETWORK, NOISES

import elscourse as els
from elscourse.files import whole_file

PARTS = HERE.parents[1] / "runs" / "lessons" / "17_controls"


def shuffled(lab: els.Lab, seed: int) -> np.ndarray:
    """One noise as eight groups that mean nothing, (8, 3, 24, 24)."""
    pictures, groups = lab.data.images, lab.image_labels
    assert groups is not None
    anew = groups[torch.randperm(len(groups), generator=torch.Generator().manual_seed(seed))]
    machine = els.EquivariantLocalScoreMachine(
        pictures, lab.schedule, patch_size=lab.patch_sizes("els-zeros"), padding="zeros", image_labels=anew
    )
    noise = els.seeded_noise([seed] * 8, lab.shape)
    return piece(PARTS / f"shuffled, {seed}.npy", machine, noise, 20, torch.arange(8))


def filtered(lab: els.Lab, group: int) -> np.ndarray:
    """All noises as one group, (12, 3, 24, 24)."""
    noise, labels = els.seeded_noise(NOISES, lab.shape), torch.full((len(NOISES),), group)
    return piece(PARTS / f"filter, {group}.npy", lab.machine("equivariant-filter"), noise, 20, labels)


def main() -> None:
    """Draw what is missing, then write the file."""
    lab = els.lab("laptop", network=NETWORK, device="cpu", verbose=False)
    found = {
        "filter": np.stack([filtered(lab, group) for group in range(8)], axis=1),
        "shuffled": np.stack([shuffled(lab, seed) for seed in NOISES[:8]]),
    }
    with whole_file(HERE / "17_controls.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
