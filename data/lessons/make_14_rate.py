"""Make 14_rate.npz: is it the number of pictures that sets the clock, or the cycle of the learning rate?

    python data/lessons/make_14_rate.py [N ...]

The network of make_14_memory.py with 5, 10 and 20 pictures, with one learning rate for all: it rises for 100 steps,
then stays (the cycle is so long that its cosine hardly begins). Batches of 16, one seed, until a while after the loss
on new pictures is lowest; every 50 steps the losses are taken, on the pictures themselves and on 30 new ones, at ten
times. All of it stays in runs/14_rate, and a run that was killed goes on where it stopped. With numbers, only these
are trained.
"""

import sys
from dataclasses import replace

import make_14_memory as memory
import numpy as np
import torch

import elscourse as els
from elscourse.checkpoints import NetworkDenoiser
from elscourse.files import save_array, whole_file
from elscourse.networks import build_network
from elscourse.recipes import card_of
from elscourse.training import Trainer

KEEP = memory.HERE.parents[1] / "runs" / "14_rate"
STEPS = {5: 600, 10: 900, 20: 1050}  # by the number of pictures: trained for so many steps
EVERY = 50
TIMES = memory.EVENLY[::2]


def trainer(n: int) -> Trainer:
    """At its first step, or where it was."""
    run = memory.RUNS[f"{n} pictures"]
    run = replace(run, plan=replace(run.plan, steps=100_000, warmup=0.001, batch=16))
    data = run.data()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.plan.seed)
        network = build_network(run.architecture, **card_of(run, data)["config"])
    return Trainer(network, data, run.plan, torch.device("cpu"))


def measured(n: int) -> np.ndarray:
    """A row every 50 steps: the step, the loss on its pictures, that on new ones."""
    kept, state = KEEP / f"{n}.npy", KEEP / f"{n}.training.safetensors"
    one, found = trainer(n), []
    if state.exists() and kept.exists():
        one.load(state)
        found = [row for row in np.load(kept, allow_pickle=False).tolist() if row[0] <= one.step]
    known = one.images.repeat(-(-20 // n), 1, 1, 1)[:20]
    new = els.load("fashion-mnist", size=16, n=200).images[100:130]
    while one.step < STEPS[n]:
        one.advance()
        if one.step % EVERY == 0:
            network = [NetworkDenoiser(one.average, {"name": f"{n} pictures"})]
            with torch.no_grad():
                both = [memory.losses(network, some, TIMES).mean() for some in (known, new)]
            found.append([one.step, *both])
            print(n, found[-1], flush=True)
            save_array(np.array(found), kept)
            one.save(state)
    return np.array(found)


def main() -> None:
    """Train and measure, then write the result."""
    KEEP.mkdir(parents=True, exist_ok=True)
    found = {f"steps, own loss, new loss, {n} pictures": measured(n) for n in map(int, sys.argv[1:] or STEPS)}
    if sys.argv[1:]:
        return
    with whole_file(memory.HERE / "14_rate.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
