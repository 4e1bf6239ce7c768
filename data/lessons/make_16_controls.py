"""Make 16_controls.npz: the rival and the yardstick that 16_what_if.npz and 16_bent.npz do not hold.

    python data/lessons/make_16_controls.py

Class-conditional, noises as in 16_what_if.npz, drawings with 8 bits per pixel:

wished, equivariant     by the best linear filter with the windows of ELS, one for every border class
repaired, equivariant   the same
turned, 20 steps        by the network in 20 steps in place of 150

Pieces are kept in runs/lessons/16_controls/, so a run that was stopped goes on.
"""

from __future__ import annotations

import numpy as np
from kept import drawings
from make_16_what_if import CONDITIONAL, HERE, PARTS, noises
from torch import Tensor

import elscourse as els
from elscourse.diffusion import Denoiser
from elscourse.files import whole_file

KEEP = PARTS.with_name("16_controls")


def main() -> None:
    """Draw what is missing, then write one file."""
    lab = els.lab("laptop", network=CONDITIONAL, device="cpu", verbose=False)
    found = {}

    def draw(key: str, denoiser: Denoiser, noise: Tensor, labels: Tensor) -> None:
        found[key] = drawings(KEEP, key, denoiser, noise.flatten(0, -4), 20, labels).reshape(noise.shape)

    for group in ("wished", "repaired"):
        draw(f"{group}, equivariant", lab.machine("equivariant-filter"), *noises(group, lab))
    draw("turned, 20 steps", lab.network, *noises("turned", lab))
    with whole_file(HERE / "16_controls.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
