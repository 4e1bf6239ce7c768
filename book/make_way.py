"""Draw book/_static/way.webp: formula and network on their way from the same noise, side by side in time (seconds).

python book/make_way.py

Seeds 0 to 5 of the landing page's first figure. The formula takes 20 steps, the network 150: a picture is shown
wherever both have been, at t = 1, 0.9, ..., 0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

import elscourse as els

FIGURE = Path(__file__).parent / "_static" / "way.webp"
SEEDS, STEPS = range(6), {"formula": 20, "network": 150}
STOPS = 10  # divides both numbers of steps
SIDE = 8  # of a pixel, in pixels of the figure; so wide are the gaps, too
SHOWN, LAST = 400, 4000  # milliseconds


def ways() -> dict[str, torch.Tensor]:
    """The pictures x_t of both, (11 times, 6 seeds, 1, 16, 16)."""
    lab = els.lab("laptop", network="fashion-mnist-16-resnet-zeros-conditional", verbose=False)
    noise, labels = els.seeded_noise(SEEDS, lab.shape), lab.labels_for(SEEDS)
    drawers = {"formula": lab.machine("els-zeros"), "network": lab.network}
    found = {}
    for name, steps in STEPS.items():
        way = list(els.trajectory(drawers[name], noise, steps=steps, labels=labels))
        found[name] = torch.stack([x_t for _, x_t, _ in way[:: steps // STOPS]])
    return found


def frame(rows: list[torch.Tensor]) -> Image.Image:
    """One moment: rows of pictures (6, 1, 16, 16), each pixel a square, gaps transparent."""
    grey = torch.cat([torch.cat(list(F.pad(row[:, 0].clamp(-1, 1), (0, 1, 0, 1), value=-3)), dim=1) for row in rows])
    squares = grey[:-1, :-1].repeat_interleave(SIDE, 0).repeat_interleave(SIDE, 1).numpy()
    shades = np.dstack([127.5 * (squares + 1), 255.0 * (squares >= -1)]).clip(0, 255).round().astype(np.uint8)
    return Image.fromarray(shades, "LA").convert("RGBA")


def main() -> None:
    """Write the figure."""
    moments = zip(*ways().values(), strict=True)
    first, *others = [frame(list(rows)) for rows in moments]
    durations = [SHOWN] * len(others) + [LAST]
    first.save(FIGURE, save_all=True, append_images=others, duration=durations, loop=1, lossless=True, method=6)


if __name__ == "__main__":
    main()
