"""Make 17_local_filter.npz: what the best linear filter with ELS's windows draws of emoji.

    python data/lessons/make_17_local_filter.py

Drawings of seeds 0 to 99, one filter for every pixel, kept with 8 bits per pixel (0 is -1, 255 is 1):

own group     it knows the pictures of the group that is drawn
all groups    it knows all pictures
recoloured    own group, after the noise of one colour was exchanged (make_17_colour.py)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from make_14_memory import eight_bits
from make_16_local_filter import LocalFilter
from make_17_colour import NETWORK, recoloured

import elscourse as els
from elscourse.files import whole_file


def main() -> None:
    """Some minutes; then one file."""
    lab = els.lab("laptop", network=NETWORK, device="cpu", verbose=False)
    noise, labels = els.seeded_noise(lab.seeds, lab.shape), lab.labels_for(lab.seeds)
    changed = recoloured(noise, els.seeded_noise([10_000 + seed for seed in lab.seeds], lab.shape))
    local = LocalFilter(lab.data, lab.patch_sizes("els-zeros"))
    found = {}
    asked = {"all groups": (noise, None), "own group": (noise, labels), "recoloured": (changed, labels)}
    for name, (some, told) in asked.items():
        found[name] = eight_bits(els.sample(local, some, 20, labels=told))
        print(name, flush=True)
    with whole_file(Path(__file__).parent / "17_local_filter.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
