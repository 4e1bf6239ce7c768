"""Make 12_local_filter.npz: the garments that the best linear filter with ELS's windows draws.

    python data/lessons/make_12_local_filter.py

Trousers of seeds 0 to 399, pullovers and shirts of seeds 0 to 99, class-conditional, as in 12_legs.npz: one filter for
every pixel, which knows the pictures of the class; kept with 8 bits per pixel (0 is -1, 255 is 1).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from make_14_memory import eight_bits
from make_16_local_filter import LocalFilter
from make_16_what_if import CONDITIONAL

import elscourse as els
from elscourse.files import whole_file

GARMENTS = {"trousers": (1, range(400)), "pullover": (2, range(100)), "shirt": (6, range(100))}


def main() -> None:
    """A minute; then one file."""
    lab = els.lab("laptop", network=CONDITIONAL, device="cpu", verbose=False)
    local = LocalFilter(lab.data, lab.patch_sizes("els-zeros"))
    found = {}
    for garment, (label, seeds) in GARMENTS.items():
        labels = torch.full((len(seeds),), label)
        found[garment] = eight_bits(els.sample(local, els.seeded_noise(seeds, lab.shape), 20, labels=labels))
    with whole_file(Path(__file__).parent / "12_local_filter.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
