"""Make 14_batch.npz: five pictures in small batches, to tell steps from how often each picture was seen.

    python data/lessons/make_14_batch.py [SEED ...]

The training of five pictures of make_14_memory.py, 8,000 steps with the same rates, in batches of 16 instead of 64,
so that after as many steps each picture was seen a quarter as often; with two seeds. At the same six moments the
network is kept, and its losses are taken on its pictures and on new ones; at the last three 100 seeds are drawn by it,
of which the copies are counted. All of it stays in runs/14_batch, and a run that was killed goes on where it stopped.
With seeds, only these are trained: for several processes side by side.
"""

import functools
import sys
from dataclasses import replace
from pathlib import Path

import make_14_memory as memory
import numpy as np
import torch

import elscourse as els
from elscourse.files import whole_file
from elscourse.recipes import Recipe, follow

HERE = Path(__file__).parent
KEEP = HERE.parents[1] / "runs" / "14_batch"
SEEDS = (0, 1)
DRAWN = 3  # at so many of the last moments; in batches of 64 there was no copy before
BATCH = 16


def recipe(seed: int) -> Recipe:
    """Five pictures, as in make_14_memory.py, but for the batch and the seed."""
    five = memory.RUNS["5 pictures"]
    plan = replace(five.plan, batch=BATCH, seed=seed)
    return replace(five, name=f"5-pictures-batch-{BATCH}-seed-{seed}", plan=plan)


def measure(path: Path, *, drawn: bool) -> dict[str, np.ndarray]:
    """The network's losses at 20 times, as in make_14_memory.py, and the gap ratios of 100 drawings (lesson 14)."""
    lab = els.lab("laptop", network=path.with_suffix(".json"), verbose=False)
    new = els.load("fashion-mnist", size=16, n=200).images[100:]
    known = lab.data.images.repeat(-(-100 // len(lab.data)), 1, 1, 1)[:100]
    found = {
        "losses": memory.losses([lab.network], known, memory.EVENLY)[:, 0],
        "losses on new pictures": memory.losses([lab.network], new, memory.EVENLY)[:, 0],
    }
    if drawn:
        drawings = els.sample(lab.network, els.seeded_noise(range(100), lab.shape), 150).clamp(-1, 1)
        away = torch.cdist(drawings.flatten(1), lab.data.images.flatten(1)).sort(1).values
        found["gap ratios"] = (away[:, 0] / away[:, 1]).numpy()
    return found


def main() -> None:
    """Train, then measure every snapshot, then write the result."""
    for seed in [int(word) for word in sys.argv[1:]] or SEEDS:
        run = recipe(seed)
        follow(run, KEEP, after_step=memory.keep(run, KEEP))
    if sys.argv[1:]:
        return
    found: dict[str, np.ndarray] = {}
    for seed in SEEDS:
        paths = memory.snapshots(recipe(seed), KEEP)
        for step, path in paths.items():
            its = memory.measured(path, functools.partial(measure, drawn=step in sorted(paths)[-DRAWN:]))
            found |= {f"{what}, seed {seed}, {step} steps": values for what, values in its.items()}
    with whole_file(HERE / "14_batch.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
