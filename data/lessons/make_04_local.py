"""Makes 04_local.npz: what the local machine draws through growing windows. Run: python data/lessons/make_04_local.py

sizes (10,): the patch sizes P, the last one 31 = 2 * 16 - 1. samples (10, 100, 1, 16, 16), float16: LS with that one P
at every time, seeds 0..99, 20 steps. sources (10, 100): from how many different training images the pixels of a sample
come (the heaviest voter of each pixel at the last evaluation, t = 0.05). garment (10, 100): the same, but only of the
pixels that are not black (> -0.9).

Windows with a soft edge, where the pixels outside count too, with the factor `outside`. outsides (4,): that factor.
soft_distance (4, 7): with P = 7, how far what seeds 4 to 10 become is from its nearest training image. soft_error (4,):
with P = 3, the mean squared error at t = 0.3 on the first 200 held-out images.

The machine is computed by box sums, two small matrix products whose cost does not grow with P.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

import elscourse as els
from elscourse.files import whole_file

SIZES = (3, 5, 7, 9, 11, 13, 15, 17, 21, 31)
OUTSIDES = (0.0, 0.01, 0.1, 0.5)
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


def weights(x: Tensor, images: Tensor, t: float, patch_size: int, outside: float = 0) -> Tensor:
    """LS: the weights (N, H, W) of the training images at every pixel of one x (C, H, W)."""
    schedule = els.CosineSchedule()
    squares = (x - schedule.alpha(t) * images).square().sum(1)
    distance = (1 - outside) * box_sums(squares, patch_size) + outside * squares.sum((-2, -1), keepdim=True)
    return torch.softmax(-distance / (2 * schedule.sigma(t) ** 2), dim=0)


def soft_windows(lab: els.Lab) -> dict[str, np.ndarray]:
    images, held_out = lab.data.images.double(), lab.held_out(500).images[:200].double()

    def denoiser(patch_size: int, outside: float) -> Callable[[Tensor, float], Tensor]:
        return lambda x_t, t: torch.stack(
            [(weights(x, images, t, patch_size, outside)[:, None] * images).sum(0) for x in x_t]
        )

    noise = els.seeded_noise(range(4, 11), lab.shape).double()
    drawn = [els.sample(denoiser(7, outside), noise, steps=20) for outside in OUTSIDES]
    noisy = els.add_noise(held_out, els.seeded_noise(range(1000, 1200), lab.shape).double(), 0.3)
    errors = [(denoiser(3, outside)(noisy, 0.3) - held_out).square().mean().item() for outside in OUTSIDES]
    return {
        "outsides": np.array(OUTSIDES, dtype=np.float32),
        "soft_distance": np.array([els.nearest_training_image(d, images)[1].tolist() for d in drawn], dtype=np.float32),
        "soft_error": np.array(errors, dtype=np.float32),
    }


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
        counts = [len(heaviest.unique()), len(heaviest[x[0] > -0.9].unique())]
        done[f"{size}-{seed}"] = torch.cat([x.flatten(), torch.tensor(counts, dtype=torch.float64)])
        if seed % 20 == 19:
            with whole_file(PARTIAL) as partial:
                torch.save(done, partial)
    table = torch.stack([torch.stack([done[f"{size}-{seed}"] for seed in lab.seeds]) for size in SIZES])
    with whole_file(HERE / "04_local.npz") as partial:
        np.savez_compressed(
            partial,
            sizes=np.array(SIZES),
            samples=table[..., :-2].reshape(len(SIZES), -1, *lab.shape).numpy().astype(np.float16),
            sources=table[..., -2].numpy().astype(np.int16),
            garment=table[..., -1].numpy().astype(np.int16),
            **soft_windows(lab),
        )
    PARTIAL.unlink()


if __name__ == "__main__":
    main()
