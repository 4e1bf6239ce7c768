"""Make 08_borders.npz: what the machine draws when the border is removed, always or for a while, or out of sight.

    python data/lessons/make_08_borders.py

Samplers of the class-conditional laptop lab, the same noise (seeds 0 to 29, class = seed mod 10), images and patch
sizes as `els-zeros`; only the border differs:
circular: the circular machine at every step; zeros-first: boundary-broken while t > 0.6, circular below;
circular-first: the reverse. These are kept as drawings. Of the others what is kept is each drawing's r2 with the one of
`els-zeros`, which has borders always: r2-zeros-first and r2-circular-first, (7, 30), switch at each of `switches`.
torus: seeds 0 to 9 of the laptop lab, its els-zeros with its own dictionaries, windows that wrap around, 8 bits per
pixel (0 is -1, 255 is 1).

Interrupted, it goes on where it stopped. About 15 minutes on one CPU core.
"""

from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from kept import eight_bits, kept
from tqdm.auto import tqdm

import elscourse as els
from elscourse.files import whole_file
from elscourse.patches import size_at, windows

SEEDS, TORUS_SEEDS = range(30), range(10)
SWITCH, SWITCHES = 0.6, (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
CONDITIONAL = "fashion-mnist-16-resnet-zeros-conditional"
HERE = Path(__file__).parent
KEEP = HERE.parents[1] / "runs" / "lessons" / "08_borders"


def above(switch, early, late):
    """A denoiser that is `early` while t > switch and `late` from there on."""
    return lambda x_t, t, labels=None: (early if t > switch + 1e-9 else late)(x_t, t, labels=labels)


def interior_alone(lab):
    """Windows wrap around and so see no border: each pixel asks the interior class of the boundary-broken machine."""

    def denoiser(x_t, t, labels=None):
        size = size_at(lab.patch_sizes("els-zeros"), t)
        alpha, sigma = lab.schedule.alpha(t), lab.schedule.sigma(t)
        patches = lab.data.images.cpu().unfold(2, size, 1).unfold(3, size, 1).flatten(4).flatten(0, 3)
        queries = windows(x_t, size, "circular").flatten(4).flatten(0, 3)
        answers = [
            torch.softmax(-torch.cdist(few, alpha * patches).square() / (2 * sigma**2), -1) @ patches[:, size**2 // 2]
            for few in queries.split(32)
        ]
        return torch.cat(answers).view(x_t.shape)

    return denoiser


def samplers():
    """What is drawn with the class-conditional lab: name, or name and switch -> denoiser."""
    lab = els.lab("laptop", network=CONDITIONAL)
    sizes = lab.patch_sizes("els-zeros")
    zeros, circular = (lab.patch_machine(m, sizes) for m in ("els-zeros", "els-circular"))
    found = {
        "circular": circular,
        "zeros-first": above(SWITCH, zeros, circular),
        "circular-first": above(SWITCH, circular, zeros),
    }
    for switch in SWITCHES:
        if switch != SWITCH:
            found[f"zeros-first {switch}"] = above(switch, zeros, circular)
            found[f"circular-first {switch}"] = above(switch, circular, zeros)
    return lab, found


def main():
    """Sample seed by seed, keep what is done, write drawings and r2."""
    lab, found = samplers()
    laptop = els.lab("laptop", network="fashion-mnist-16-resnet-zeros")
    found["torus"] = interior_alone(laptop)
    jobs = [(name, seed) for name in found for seed in (TORUS_SEEDS if name == "torus" else SEEDS)]
    done = defaultdict(list)
    for name, seed in tqdm(jobs):
        noise, labels = els.seeded_noise([seed], lab.shape), lab.labels_for([seed])
        drawing = kept(KEEP / f"{name}-{seed}.npy", els.sample, found[name], noise, 20, labels=labels)
        done[name].append(torch.from_numpy(drawing))
    stacked = {name: torch.cat(drawings) for name, drawings in done.items()}
    always = els.load_results(CONDITIONAL)["els-zeros"][: len(SEEDS)]
    arrays = {name: stacked[name].numpy() for name in ("circular", "zeros-first", "circular-first")}
    for name in ("zeros-first", "circular-first"):
        drawn = [stacked[name if switch == SWITCH else f"{name} {switch}"] for switch in SWITCHES]
        arrays[f"r2-{name}"] = np.stack([els.compare(some, always).r2.numpy() for some in drawn])
    arrays["torus"] = eight_bits(stacked["torus"])
    with whole_file(HERE / "08_borders.npz") as partial:
        np.savez_compressed(partial, seeds=np.array(SEEDS), switches=np.array(SWITCHES), **arrays)


if __name__ == "__main__":
    main()
