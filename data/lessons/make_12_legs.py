"""Samples for lesson 12: trousers, pullovers and shirts from one noise per seed, drawn by the network and by machines.

    python data/lessons/make_12_legs.py

writes data/lessons/12_legs.npz: per class and denoiser the images of seeds 0, 1, 2, ..., with 8 bits per pixel (0 is
-1, 255 is 1).
Every part is kept in runs/lessons/12_legs/, so a run that was stopped goes on. A column that the file holds is taken
from it: to draw everything again, remove the file and that folder first.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from kept import piece
from tqdm.auto import tqdm

import elscourse as els
from elscourse.files import whole_file

NETWORK = "fashion-mnist-16-resnet-zeros-conditional"
CLASSES = {"trousers": 1, "pullover": 2, "shirt": 6}
HERE = Path(__file__).parent
FILE = HERE / "12_legs.npz"
PARTS = HERE.parents[1] / "runs" / "lessons" / "12_legs"
CHUNK = 10

Make = Callable[[], els.diffusion.Denoiser]
Column = tuple[Make, int, int]  # how to make the denoiser, its steps, the number of seeds


def floored(sizes: list[tuple[float, int]], least: int, low: float, high: float) -> list[tuple[float, int]]:
    """The calibrated sizes, but at least `least` at the times with low <= t < high."""
    return [(t, max(p, least) if low <= t < high else p) for t, p in sizes]


def repaired(lab: els.Lab) -> els.diffusion.Denoiser:
    """The network, but above t = 0.95, where its estimate is mostly amplified error (lesson 11), the exact denoiser."""
    exact = lab.machine("is")
    return lambda x_t, t, labels=None: (exact if t > 0.951 else lab.network)(x_t, t, labels)


def in_the_middle(other: els.diffusion.Denoiser, usual: els.diffusion.Denoiser) -> els.diffusion.Denoiser:
    """The usual denoiser, but another one at the times with 0.4 <= t < 0.6."""
    return lambda x_t, t, labels=None: (other if 0.4 <= round(t, 6) < 0.6 else usual)(x_t, t, labels)


def columns(lab: els.Lab, garment: str) -> dict[str, Column]:
    """Name of a column -> what it takes to fill it."""
    sizes = lab.patch_sizes("els-zeros")
    many = 400 if garment == "trousers" else 100

    wanted: dict[str, Column] = {
        "network-150": (lambda: lab.network, 150, many),
        "is": (lambda: lab.machine("is"), 20, many),
        "els-zeros": (lambda: lab.machine("els-zeros"), 20, many),
    }
    if garment == "trousers":

        def edited(least: int, low: float, high: float, seeds: int) -> Column:
            return lambda: lab.patch_machine("els-zeros", floored(sizes, least, low, high)), 20, seeds

        wanted |= {f"els-{least}-below-0.4": edited(least, 0, 0.4, 100) for least in (9, 13)}
        # what the network's steps have to do with it; repaired, the exact denoiser takes 1 of 20 steps, or 8 of 150
        wanted |= {"network-20": (lambda: lab.network, 20, many)}
        wanted |= {f"network-{steps}-repaired": (lambda: repaired(lab), steps, many) for steps in (20, 150)}
        # an edit that was found on some seeds is judged by others
        wanted["els-15-0.4-to-0.6"] = edited(15, 0.4, 0.6, 200)
        wanted["ls"] = (lambda: lab.machine("ls"), 20, 100)
        # ELS, but a machine that knows every place from 0.4 to 0.6
        placed = floored(sizes, 9, 0.4, 0.6)
        wanted["els-ls-9-0.4-to-0.6"] = (
            lambda: in_the_middle(lab.patch_machine("ls", placed), lab.machine("els-zeros")),
            20,
            200,
        )
    return {f"{garment}.{column}": made for column, made in wanted.items()}


def main() -> None:
    """Compute what is missing, then write the result."""
    lab = els.lab(network=NETWORK)
    jobs = [(label, *job) for garment, label in CLASSES.items() for job in columns(lab, garment).items()]
    results: dict[str, np.ndarray] = {}
    if FILE.exists():
        with np.load(FILE, allow_pickle=False) as arrays:
            results = dict(arrays)
    with tqdm(total=sum(count for *_, (_, _, count) in jobs), unit="image") as bar:
        for label, name, (make, steps, count) in jobs:
            bar.set_description(name)
            if name in results:
                bar.update(count)
                continue
            denoiser, pieces = make(), []
            for start in range(0, count, CHUNK):
                noise = els.seeded_noise(range(start, start + CHUNK), lab.shape)
                pieces.append(piece(PARTS / f"{name}-{start:03d}.npy", denoiser, noise, steps, label))
                bar.update(len(noise))
            results[name] = np.concatenate(pieces)
    with whole_file(FILE) as partial:
        np.savez_compressed(partial, **{name: results[name] for _, name, _ in jobs})  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
