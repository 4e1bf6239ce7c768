"""Make 10_local_filter.npz: what the best linear filter with ELS's windows draws of garments of 28 x 28 pixels.

    python data/lessons/make_10_local_filter.py

Drawings of seeds 0 to 99, one filter for every pixel and class, kept with 8 bits per pixel (0 is -1, 255 is 1). Those
for the networks of 16 x 16 are in 16_local_filter.npz, for emoji in 17_local_filter.npz.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from make_14_memory import eight_bits
from make_16_local_filter import LocalFilter

import elscourse as els
from elscourse.files import whole_file

NETWORK = "fashion-mnist-28-resnet-zeros-conditional"


def main() -> None:
    """Some minutes; then one file."""
    lab = els.lab("laptop", network=NETWORK, device="cpu", verbose=False)
    local = LocalFilter(lab.data, lab.patch_sizes("els-zeros"))
    drawn = els.sample(local, els.seeded_noise(lab.seeds, lab.shape), 20, labels=lab.labels_for(lab.seeds))
    with whole_file(Path(__file__).parent / "10_local_filter.npz") as partial:
        np.savez_compressed(partial, drawn=eight_bits(drawn))


if __name__ == "__main__":
    main()
