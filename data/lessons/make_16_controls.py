"""Make 16_controls.npz: the rivals and yardsticks that 16_what_if.npz and 16_local_filter.npz do not hold.

    python data/lessons/make_16_controls.py

Class-conditional, noises as in 16_what_if.npz, drawings with 8 bits per pixel:

wished, KIND        by the best linear filter with the windows of ELS, a filter for every pixel (local) or one for every
repaired, KIND      border class (equivariant)
repaired, corners   of the blocks, (y, x)
turned, 20 steps    by the network in 20 steps in place of 150
turned, calm        the mean of eight drawings of ELS at each of three places (PLACES) of the 20 ways: the noise turned
                    by 18 degrees towards eight others, the same along a way

Pieces are kept in runs/lessons/16_controls/, so a run that was stopped goes on.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from make_12_legs import piece
from make_16_what_if import CHUNK, CONDITIONAL, HERE, PARTS, classes, corners, noises, third_legs, turned
from torch import Tensor

import elscourse as els
from elscourse.diffusion import Denoiser
from elscourse.files import whole_file

KEEP = PARTS.with_name("16_controls")
PLACES = (5, 6, 9)  # steps of 4.5 degrees: pairs 4.5 and 18 degrees apart


def around(lab: els.Lab) -> Tensor:
    """(20, 3, 8, C, H, W): the noises at PLACES, each turned by 18 degrees towards the way's eight others."""
    ways = turned(lab)
    starts = range(50_000, 50_160, 8)
    towards = torch.stack([els.seeded_noise(range(start, start + 8), lab.shape) for start in starts])
    return math.cos(math.pi / 10) * ways[:, PLACES, None] + math.sin(math.pi / 10) * towards[:, None]


def main() -> None:
    """Draw what is missing, then write one file."""
    lab = els.lab("laptop", network=CONDITIONAL, device="cpu", verbose=False)
    found = {"repaired, corners": np.array([corners(24, seed, (6, 10)) for seed in third_legs()])}

    def draw(key: str, denoiser: Denoiser, noise: Tensor, labels: Tensor) -> None:
        flat, pieces = noise.flatten(0, -4), []
        for start in range(0, len(flat), CHUNK):
            some = slice(start, start + CHUNK)
            pieces.append(piece(KEEP / f"{key}, {start:04d}.npy", denoiser, flat[some], 20, labels[some]))
        found[key] = np.concatenate(pieces).reshape(noise.shape)
        print(key, flush=True)

    for kind in ("local", "equivariant"):
        for group in ("wished", "repaired"):
            draw(f"{group}, {kind}", lab.machine(f"{kind}-filter"), *noises(group, lab))
    draw("turned, 20 steps", lab.network, turned(lab), classes(turned(lab)))
    draw("turned, calm", lab.machine("els-zeros"), around(lab), classes(around(lab)))
    found["turned, calm"] = found["turned, calm"].mean(2).round().astype(np.uint8)
    with whole_file(HERE / "16_controls.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
