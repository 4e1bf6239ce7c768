"""Makes 04_local.npz: what the local machine draws through growing windows. Run: python data/lessons/make_04_local.py

sizes (10,): the patch sizes P, the last one 31 = 2 * 16 - 1. samples (10, 100, 1, 16, 16), float16: LS with that one P
at every time, seeds 0..99, 20 steps. garment (10, 100): from how many different training images the pixels of a sample
come that are not black, > -0.9 (the heaviest voter of each pixel at the last evaluation, t = 0.05).

The machine is computed by box sums, two small matrix products whose cost does not grow with P.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

import elscourse as els
from elscourse.files import whole_file

SIZES = (3, 5, 7, 9, 11, 13, 15, 17, 21, 31)
HERE = Path(__file__).parent
PARTIAL = HERE.parent.parent / "runs" / "04_local.pt"  # what is done so far: an interrupted run goes on


def band(side: int, patch_size: int) -> Tensor:
    """1 where two rows (or columns) are at most (P - 1)/2 apart: the window in one direction, cut off at the border."""
    place = torch.arange(side)
    return ((place[:, None] - place).abs() <= patch_size // 2).double()


def box_sums(squares: Tensor, patch_size: int) -> Tensor:
    """The sum over the window around each pixel: first along the columns, then along the rows."""
    height, width = squares.shape[-2:]
    return band(height, patch_size) @ (squares @ band(width, patch_size))


def weights(x: Tensor, images: Tensor, t: float, patch_size: int) -> Tensor:
    """LS: the weights (N, H, W) of the training images at every pixel of one x (C, H, W)."""
    schedule = els.CosineSchedule()
    distance = box_sums((x - schedule.alpha(t) * images).square().sum(1), patch_size)
    return torch.softmax(-distance / (2 * schedule.sigma(t) ** 2), dim=0)


def main() -> None:
    lab = els.lab("laptop")
    images = lab.data.images.double()
    noise = els.seeded_noise(lab.seeds, lab.shape).double()
    done: dict[str, Tensor] = torch.load(PARTIAL) if PARTIAL.exists() else {}
    for size, seed in tqdm([(size, seed) for size in SIZES for seed in lab.seeds]):
        if f"{size}-{seed}" in done:
            continue
        heaviest = torch.empty(0)

        def denoiser(x_t: Tensor, t: float, size: int = size) -> Tensor:
            nonlocal heaviest
            w = weights(x_t[0], images, t, size)
            heaviest = w.argmax(0)
            return (w[:, None] * images).sum(0)[None]

        x = els.sample(denoiser, noise[seed : seed + 1], steps=20)[0]
        done[f"{size}-{seed}"] = torch.cat([x.flatten(), x.new_tensor([len(heaviest[x[0] > -0.9].unique())])])
        if seed % 20 == 19:
            with whole_file(PARTIAL) as partial:
                torch.save(done, partial)
    table = torch.stack([torch.stack([done[f"{size}-{seed}"] for seed in lab.seeds]) for size in SIZES])
    with whole_file(HERE / "04_local.npz") as partial:
        np.savez_compressed(
            partial,
            sizes=np.array(SIZES),
            samples=table[..., :-1].reshape(len(SIZES), -1, *lab.shape).numpy().astype(np.float16),
            garment=table[..., -1].numpy().astype(np.int16),
        )
    PARTIAL.unlink()


if __name__ == "__main__":
    main()
