"""Make 08_borders.npz: what the class-conditional garments become when the border is removed, always or for a while.

    python data/lessons/make_08_borders.py

Three samplers, the same noise (seeds 0 to 29, class = seed mod 10), images and patch sizes as `els-zeros` in the
class-conditional laptop lab; only the border differs:
circular: the circular machine at every step; zeros-first: boundary-broken while t > 0.6, circular below;
circular-first: the reverse. Interrupted, it goes on where it stopped. About 6 minutes on one CPU core.
"""

from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

import elscourse as els
from elscourse.files import whole_file

SEEDS = range(30)
SWITCH = 0.6
HERE = Path(__file__).parent
PART = HERE.parents[1] / "runs" / "lessons" / "08_borders.npz"  # what is done so far


def above(switch, early, late):
    """A denoiser that is `early` while t > switch and `late` from there on."""
    return lambda x_t, t, labels=None: (early if t > switch + 1e-9 else late)(x_t, t, labels=labels)


def main():
    """Sample seed by seed, keep what is done, write the three stacks."""
    lab = els.lab(network="fashion-mnist-16-resnet-zeros-conditional")
    sizes = lab.patch_sizes("els-zeros")
    zeros, circular = (lab.patch_machine(f"els-{p}", sizes) for p in ("zeros", "circular"))
    samplers = {
        "circular": circular,
        "zeros-first": above(SWITCH, zeros, circular),
        "circular-first": above(SWITCH, circular, zeros),
    }
    done = dict(np.load(PART)) if PART.exists() else {}
    for seed in tqdm(SEEDS):
        if f"{seed}" in done:
            continue
        noise = els.seeded_noise([seed], lab.shape)
        rows = [els.sample(m, noise, steps=20, labels=lab.labels_for([seed])) for m in samplers.values()]
        done[f"{seed}"] = torch.cat(rows).numpy()
        with whole_file(PART) as partial:
            np.savez(partial, **done)
    stacked = np.stack([done[f"{seed}"] for seed in SEEDS], axis=1)
    with whole_file(HERE / "08_borders.npz") as partial:
        np.savez_compressed(partial, seeds=np.array(SEEDS), **dict(zip(samplers, stacked, strict=True)))
    PART.unlink()


if __name__ == "__main__":
    main()
