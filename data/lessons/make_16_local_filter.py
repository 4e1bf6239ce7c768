"""Make 16_local_filter.npz: what the best linear filter with ELS's windows draws after a change of the noise.

    python data/lessons/make_16_local_filter.py

The noises are those of make_16_what_if.py. Kept with 8 bits per pixel (0 is -1, 255 is 1), for each network:

before      seeds 0 to 99, of the four shipped networks for 16 x 16 pictures
exchanged   the same after a block of 6 x 6 of the noise was exchanged
turned      class-conditional, 20 pairs of noises, one turned into the other in 20 steps

With zero padding the filter is local, one for every pixel, the strongest rival of lesson 11; of a class-conditional
network it has the pictures of each class. With circular padding it is one for all pixels, as the network is.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from make_11_agreement import LinearThroughWindows
from make_14_memory import eight_bits
from make_16_what_if import CONDITIONAL, NETWORKS, classes, exchanged, turned
from torch import Tensor

import elscourse as els
from elscourse.files import whole_file


class LinearAroundTheTorus(LinearThroughWindows):
    """One best linear guess for all pixels, from windows that go on at the other border."""

    def filter(self, t: float, size: int) -> tuple[Tensor, Tensor]:
        alpha, sigma, n = self.schedule.alpha(t), self.schedule.sigma(t), self.side
        r = min(size, n - 1) // 2
        pixels, a = torch.arange(n**2).view(n, n), torch.zeros_like(self.products)
        windows = [pixels.roll((r - i, r - j), (0, 1))[: 2 * r + 1, : 2 * r + 1].flatten() for i, j in np.ndindex(n, n)]
        m, centre = self.mean.mean(), 2 * r * (r + 1)  # the middle of a window
        within = torch.stack([self.products[w][:, w] for w in windows]).mean(0) - m**2
        noisy = alpha**2 * within + sigma**2 * torch.eye(len(within), dtype=m.dtype)
        weights = torch.linalg.solve(noisy, alpha * within[:, centre])
        for k, window in enumerate(windows):
            a[k, window] = weights
        return a, (m - alpha * weights.sum() * m).expand(n**2)


class LocalFilter:
    """The denoiser of a set of images and of windows (t, P): of the class of each noise, or, without labels, of all."""

    def __init__(self, data: els.ImageSet, sizes: list[tuple[float, int]], padding: str = "zeros"):
        self.data, self.sizes, self.circular = data, sizes, padding == "circular"

    @cache  # noqa: B019
    def linear(self, label: int | None) -> LinearThroughWindows:
        """What is known of a class."""
        some = self.data.images if label is None else self.data.images[self.data.labels == label]
        return (LinearAroundTheTorus if self.circular else LinearThroughWindows)(some, [], self.circular)

    @cache  # noqa: B019
    def filter(self, t: float, label: int | None) -> tuple[Tensor, Tensor]:
        """Matrix and vector at t, with the window of the nearest calibrated time, as ELS has it."""
        return self.linear(label).filter(t, min(self.sizes, key=lambda pair: abs(pair[0] - t))[1])

    def __call__(self, x_t: Tensor, t: float, /, labels: Tensor | None = None) -> Tensor:
        x0_hat = torch.zeros_like(x_t)
        for label in [None] if labels is None else labels.unique().tolist():
            these = torch.ones(len(x_t), dtype=torch.bool) if labels is None else labels == label
            a, b = self.filter(t, label)
            x0_hat[these] = (x_t[these].flatten(1).double() @ a.T + b).float().view_as(x_t[these])
        return x0_hat


def main() -> None:
    """Two minutes; then one file."""
    found = {}
    for name in NETWORKS:
        lab = els.lab("laptop", network=name, device="cpu", verbose=False)
        noises = {"before": els.seeded_noise(lab.seeds, lab.shape), "exchanged": exchanged(lab)}
        if name == CONDITIONAL:
            noises["turned"] = turned(lab)
        every = torch.cat([some.flatten(0, -4) for some in noises.values()])
        labels = torch.cat([classes(some) for some in noises.values()]) if lab.network.conditional else None
        local = LocalFilter(lab.data, lab.patch_sizes(f"els-{lab.network.padding}"), lab.network.padding)
        drawings = eight_bits(els.sample(local, every, 20, labels=labels))
        for group, some in noises.items():
            found[f"{group}, {name}"], drawings = np.split(drawings, [len(some.flatten(0, -4))])
            found[f"{group}, {name}"] = found[f"{group}, {name}"].reshape(some.shape)
        print(name, flush=True)
    with whole_file(Path(__file__).parent / "16_local_filter.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
