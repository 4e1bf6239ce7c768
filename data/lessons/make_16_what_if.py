"""Make 16_what_if.npz: what networks and machines draw when the noise is changed a little.

    python data/lessons/make_16_what_if.py [GROUP ...]

Five groups of drawings, of one noise per seed, kept with 8 bits per pixel (0 is -1, 255 is 1):

exchanged   seeds 0 to 99 of the four shipped networks for 16 x 16 pictures, and of the network of other-2000-pictures,
            after one block of 6 x 6 of the noise was replaced by other noise
turned      class-conditional, 20 pairs of noises, one turned into the other in 20 steps
wished      class-conditional, 20 seeds, of each 32 such exchanges
repaired    class-conditional, trousers to which the network drew a third leg (lesson 12), of each 24 exchanges in the
            lower half
nearby      class-conditional, seeds 0 to 99 before and after the exchange, each noise turned by 18 degrees towards 8
            others, the same before and after; kept is the mean of each eight drawings, by ELS

Every piece is kept in runs/lessons/16_what_if/, so a run that was stopped goes on. With names of groups, only these are
drawn: for several processes side by side.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from kept import drawings
from torch import Tensor

import elscourse as els
from elscourse.data import data_dir
from elscourse.diffusion import Denoiser
from elscourse.files import whole_file

HERE = Path(__file__).parent
PARTS = HERE.parents[1] / "runs" / "lessons" / "16_what_if"
CONDITIONAL = "fashion-mnist-16-resnet-zeros-conditional"
PLAIN = "fashion-mnist-16-resnet-zeros"
NETWORKS = (
    CONDITIONAL,
    PLAIN,
    "fashion-mnist-16-unet-zeros",
    "fashion-mnist-16-resnet-circular",
)
GROUPS = ("exchanged", "turned", "wished", "repaired", "nearby")
WISHED, WISHES = range(4000, 4020), 32  # seeds, and exchanges of each
SIDE = 6  # of the block


def exchange(noise: Tensor, other: Tensor, corners: Sequence[tuple[int, int]]) -> Tensor:
    """noise and other (B, C, H, W): each with a block of SIDE x SIDE pixels, upper left corner (y, x), of the other."""
    changed = noise.clone()
    for one, new, (y, x) in zip(changed, other, corners, strict=True):
        one[:, y : y + SIDE, x : x + SIDE] = new[:, y : y + SIDE, x : x + SIDE]
    return changed


def corners(n: int, seed: int, rows: tuple[int, int] = (0, 10)) -> list[tuple[int, int]]:
    """n corners (y, x) of blocks in a picture of 16 x 16: y within these rows, x anywhere."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(rows[0], rows[1] + 1, (n,), generator=generator)
    x = torch.randint(0, 16 - SIDE + 1, (n,), generator=generator)
    return list(zip(y.tolist(), x.tolist(), strict=True))


def exchanged(lab: els.Lab) -> Tensor:
    """(100, C, H, W): seeds 0 to 99, each with a block of the noise of seed 10,000 more."""
    other = els.seeded_noise([10_000 + seed for seed in lab.seeds], lab.shape)
    return exchange(els.seeded_noise(lab.seeds, lab.shape), other, corners(100, seed=0))


def turned(lab: els.Lab) -> Tensor:
    """(20, 21, C, H, W): from the noise of seed 2000 + k to that of 3000 + k; every mixture has variance 1."""
    first, last = (els.seeded_noise(range(start, start + 20), lab.shape) for start in (2000, 3000))
    angles = [k * math.pi / 40 for k in range(21)]
    return torch.stack([math.cos(a) * first + math.sin(a) * last for a in angles], 1)


def many(lab: els.Lab, seeds: Sequence[int], n: int, rows: tuple[int, int] = (0, 10)) -> Tensor:
    """(seeds, 1 + n, C, H, W): each noise as it is, then with n exchanges."""
    found = []
    for seed in seeds:
        noise = els.seeded_noise([seed] * n, lab.shape)
        other = els.seeded_noise(range(100_000 + 100 * seed, 100_000 + 100 * seed + n), lab.shape)
        found.append(torch.cat([noise[:1], exchange(noise, other, corners(n, seed, rows))]))
    return torch.stack(found)


def nearby(lab: els.Lab) -> Tensor:
    """(2, 100, 8, C, H, W): seeds 0 to 99 and `exchanged`, turned by 18 degrees towards 8 other noises each."""
    towards = torch.stack([els.seeded_noise(range(20_000 + 8 * s, 20_008 + 8 * s), lab.shape) for s in lab.seeds])
    both = torch.stack([els.seeded_noise(lab.seeds, lab.shape), exchanged(lab)])
    return math.cos(math.pi / 10) * both[:, :, None] + math.sin(math.pi / 10) * towards


def third_legs() -> list[int]:
    """The seeds of 12_legs.npz with three bright runs in a row below the waist of the network's trousers."""
    below = els.load_results("12_legs")["trousers.network-150"][:, 0, 8:] > 127
    starts = torch.nn.functional.pad(below, (1, 0)).int().diff(dim=-1) == 1
    return (starts.sum(-1).amax(-1) >= 3).nonzero().flatten().tolist()


def classes(noise: Tensor, label: int | None = None) -> Tensor:
    """The class of every noise of a stack, in its order: the same for all, or k mod 10 along the first dimension."""
    first = torch.arange(len(noise)) % 10 if label is None else torch.full((len(noise),), label)
    return first.repeat_interleave(noise[0].numel() // noise.shape[-3:].numel())


def noises(group: str, lab: els.Lab) -> tuple[Tensor, Tensor]:
    """The noises of a group, (..., C, H, W), and the class of each, in one row."""
    if group == "nearby":
        noise = nearby(lab)
        return noise, classes(noise[0]).repeat(2)
    if group == "repaired":
        noise = many(lab, third_legs(), 24, rows=(6, 10))
        return noise, classes(noise, label=1)
    make = {"exchanged": exchanged, "turned": turned, "wished": lambda lab: many(lab, WISHED, WISHES)}
    noise = make[group](lab)
    return noise, classes(noise)


def who_draws(group: str, lab: els.Lab) -> dict[str, tuple[Denoiser, int]]:
    """Name -> denoiser and steps."""
    if group == "nearby":
        return {"els-zeros": (lab.machine("els-zeros"), 20)}
    found = {name: (lab.machine(name), 20) for name in (f"els-{lab.network.padding}", "ls", "is", "wiener")}
    found["network-150"] = lab.network, 150
    if lab.network.name == PLAIN:
        found["other-2000-pictures"] = els.load_network(data_dir() / "lessons" / "other-2000-pictures.json"), 150
    return found


def drawn(group: str) -> dict[str, np.ndarray]:
    """All drawings of a group, in the shape of its noises; of those that are nearby, the mean."""
    found = {}
    for name in NETWORKS if group == "exchanged" else (CONDITIONAL,):
        lab = els.lab("laptop", network=name, verbose=False)
        noise, labels = noises(group, lab)
        told = labels if lab.network.conditional else None
        for who, (denoiser, steps) in who_draws(group, lab).items():
            key = f"{group}, {name}, {who}"
            found[key] = drawings(PARTS, key, denoiser, noise.flatten(0, -4), steps, told).reshape(noise.shape)
            if group == "nearby":
                found[key] = found[key].mean(2).round().astype(np.uint8)
    return found


def main(groups: list[str]) -> None:
    """Draw what is asked for; without groups all of it, then write one file."""
    found = {"exchanged, corners": np.array(corners(100, seed=0))}
    found["wished, corners"] = np.array([corners(WISHES, seed) for seed in WISHED])
    for group in groups or GROUPS:
        found |= drawn(group)
    if not groups:
        with whole_file(HERE / "16_what_if.npz") as partial:
            np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1:])
