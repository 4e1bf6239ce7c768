"""Make 16_second.npz: a second network as its noise turns, and what the bent filter draws before the exchanges.

    python data/lessons/make_16_second.py

Drawings with 8 bits per pixel, noises as in 16_what_if.npz:

drawn, NETWORK, bent   seeds 0 to 99, unchanged, by the bent filter of each of the four networks (16_bent.npz)
turned, NETWORK, WHO   the ResNet without classes: 20 pairs of noises at four places (PLACES) of the way from one to the
                       other, by the network, ELS and the bent filter

Pieces are kept in runs/lessons/, so a run that was stopped goes on.
"""

from __future__ import annotations

import numpy as np
from kept import drawings, eight_bits
from make_11_bent import drawn
from make_16_what_if import HERE, NETWORKS, PARTS, PLAIN, turned
from make_local_filter import lab_and_filter

import elscourse as els
from elscourse.files import whole_file

KEEP = PARTS.with_name("16_second")
PLACES = (0, 1, 4, 20)  # steps of 4.5 degrees


def main() -> None:
    """Draw what is missing, then write one file."""
    found = {}
    lab, linear = lab_and_filter(PLAIN)
    noise = turned(lab)[:, PLACES]
    asked = {"network-150": (lab.network, 150), "els-zeros": (lab.machine("els-zeros"), 20)}
    asked["bent"] = els.BentFilter(linear), 20
    for who, (denoiser, steps) in asked.items():
        key = f"turned, {PLAIN}, {who}"
        found[key] = drawings(KEEP, key, denoiser, noise.flatten(0, 1), steps).reshape(noise.shape)
    for name in NETWORKS:
        kind = "equivariant-filter" if "circular" in name else "local-filter"
        found[f"drawn, {name}, bent"] = eight_bits(drawn(name, kind))
    with whole_file(HERE / "16_second.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
