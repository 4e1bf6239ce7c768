"""Make 16_places.npz: where in the noise a drawing is most sensitive, for networks and their predictions.

    python data/lessons/make_16_places.py [NETWORK ...]

A block of 6 x 6 pixels of the noise is taken from another noise, as in make_16_what_if.py, at each of 36 places. Kept
is the root mean square change of the drawing, (seeds, places):

change, WHO            of the class-conditional network and its rivals, seeds 0 to 99
change, WHO, NETWORK   of the four shipped networks for 16 x 16 and of two rivals each, seeds 40,000 to 40,099, by which
                       nothing was chosen (make_11_new_noises.py); and of other-2000-pictures, what another network says

and of the first, seeds 0 (a t-shirt), 1 (trousers), 3 (a dress), 6 (a shirt), 8 (a bag) and 9 (an ankle boot), the
drawings of the network and of ELS, with 8 bits per pixel: 0 is -1, 255 is 1. Every piece is kept in
runs/lessons/16_places/, so a run that was stopped goes on. With names of networks, only what is new of these is drawn:
for several processes side by side.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from kept import drawings
from make_11_new_noises import OTHERS, SEEDS, with_windows
from make_16_what_if import CONDITIONAL, NETWORKS, PLAIN, exchange

import elscourse as els
from elscourse.data import data_dir
from elscourse.diffusion import Denoiser
from elscourse.files import whole_file

HERE = Path(__file__).parent
PARTS = HERE.parents[1] / "runs" / "lessons" / "16_places"
PLACES = [(y, x) for y in range(0, 11, 2) for x in range(0, 11, 2)]  # upper left pixels
SHOWN = [0, 1, 3, 6, 8, 9]
MACHINES = ("els-zeros", "ls", "is", "wiener", "bent-local-filter")  # the bent filter that foretells this network best
ANOTHER = "other-2000-pictures"


def artist(lab: els.Lab, name: str) -> tuple[Denoiser, int]:
    """Who is called so, and in how many steps it draws."""
    if name == "network":
        return lab.network, 150
    if name == ANOTHER:
        return els.load_network(data_dir() / "lessons" / f"{ANOTHER}.json"), 150
    return lab.machine(name), 20


def drawn(lab: els.Lab, name: str, folder: Path, seeds: range, others: range) -> tuple[np.ndarray, np.ndarray]:
    """What a network or machine draws, (seeds, C, H, W), and with each block exchanged, (seeds, places, C, H, W)."""
    denoiser, steps = artist(lab, name)
    noise, other = (els.seeded_noise(some, lab.shape) for some in (seeds, others))
    n, labels = len(PLACES), lab.labels_for(seeds)
    changed = exchange(noise.repeat_interleave(n, 0), other.repeat_interleave(n, 0), PLACES * len(seeds))
    before = drawings(folder, f"{name}, before", denoiser, noise, steps, labels)
    told = None if labels is None else labels.repeat_interleave(n)
    after = drawings(folder, name, denoiser, changed, steps, told)
    return before, after.reshape(len(seeds), n, *lab.shape)


def change(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Root mean square change of the drawings, (seeds, places); pixels from -1 to 1."""
    return np.sqrt(np.square((after.astype(np.float32) - before[:, None]) / 127.5).mean((2, 3, 4)))


def of_new_noises(network: str) -> dict[str, np.ndarray]:
    """The changes of a network and of its rivals."""
    lab = els.lab("laptop", network=network, device="cpu", verbose=False)
    who = {"network": "network", "els": f"els-{lab.network.padding}", "bent": f"bent-{with_windows(network)}"}
    if network == PLAIN:
        who[ANOTHER] = ANOTHER
    folder = PARTS / network
    return {f"change, {key}, {network}": change(*drawn(lab, name, folder, SEEDS, OTHERS)) for key, name in who.items()}


def main(networks: list[str]) -> None:
    """Draw what is missing; without names, write the file."""
    found = {key: value for network in networks or NETWORKS for key, value in of_new_noises(network).items()}
    if networks:
        return
    lab = els.lab("laptop", network=CONDITIONAL, device="cpu", verbose=False)
    found |= {"seeds": np.array(SHOWN), "places": np.array(PLACES)}
    for name in ("network", *MACHINES):
        before, after = drawn(lab, name, PARTS, range(100), range(10_000, 10_100))
        found[f"change, {name}"] = change(before, after)
        if name in ("network", "els-zeros"):
            found[name] = after[SHOWN]
    with whole_file(HERE / "16_places.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1:])
