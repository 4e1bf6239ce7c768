"""Make 16_places.npz: where in the noise a drawing is most sensitive, for a network and its predictions.

    python data/lessons/make_16_places.py

The class-conditional network of lesson 16 and its rivals draw seeds 0 to 99, each with a block of 6 x 6 pixels taken
from another noise, as in make_16_what_if.py, at each of 36 places. Kept are the root mean square change, and of seeds 0
(a t-shirt), 1 (trousers), 3 (a dress), 6 (a shirt), 8 (a bag) and 9 (an ankle boot) the drawings of the network and of
ELS, with 8 bits per pixel: 0 is -1, 255 is 1. Every piece is kept in runs/lessons/16_places/, so a run that was stopped
goes on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from kept import drawings
from make_16_what_if import CONDITIONAL, exchange

import elscourse as els
from elscourse.files import whole_file

HERE = Path(__file__).parent
PARTS = HERE.parents[1] / "runs" / "lessons" / "16_places"
PLACES = [(y, x) for y in range(0, 11, 2) for x in range(0, 11, 2)]  # upper left pixels
SHOWN = [0, 1, 3, 6, 8, 9]
MACHINES = ("els-zeros", "ls", "is", "wiener", "bent-local-filter")  # the bent filter that foretells this network best


def main() -> None:
    """Draw, and write the file."""
    lab = els.lab("laptop", network=CONDITIONAL, verbose=False)
    seeds = range(100)
    noise, other = (els.seeded_noise([first + seed for seed in seeds], lab.shape) for first in (0, 10_000))
    places = PLACES * len(seeds)
    changed = exchange(*(some.repeat_interleave(len(PLACES), 0) for some in (noise, other)), places)
    labels = lab.labels_for(seeds)
    found: dict[str, np.ndarray] = {"seeds": np.array(SHOWN), "places": np.array(PLACES)}
    for name in ("network", *MACHINES):
        denoiser, steps = (lab.network, 150) if name == "network" else (lab.machine(name), 20)
        before = drawings(PARTS, f"{name}, before", denoiser, noise, steps, labels)
        after = drawings(PARTS, name, denoiser, changed, steps, labels.repeat_interleave(len(PLACES)))
        after = after.reshape(len(seeds), len(PLACES), *lab.shape)
        change = (after.astype(np.float32) - before[:, None]) / 127.5
        found[f"change, {name}"] = np.sqrt(np.square(change).mean((2, 3, 4)))
        if name in ("network", "els-zeros"):
            found[name] = after[SHOWN]
    with whole_file(HERE / "16_places.npz") as partial:
        np.savez_compressed(partial, **found)


if __name__ == "__main__":
    main()
