"""The strongest rival of the ELS machine: the best straight lines through the same windows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from . import patches
from .diffusion import Labels
from .patches import Padding, Steps
from .posterior import MEMORY
from .schedule import CosineSchedule
from .training_set import TrainingSetDenoiser
from .wiener import mean_and_covariance


class LocalFilter(TrainingSetDenoiser):
    r"""The best linear denoiser that may not look further than a window: the Wiener filter made local.

    .. math:: D(x_t)(x) = m(x) + \alpha \, C_{x \Omega} (\alpha^2 C_{\Omega\Omega} + \sigma^2 I)^{-1}
                          (x_t - \alpha m)[\Omega]

    with the P x P window Omega around pixel x, cut off at the border, and the mean m and covariance C (over 1/N) of the
    images, of one class each when labels are given. padding="zeros": a filter for every pixel. padding="circular":
    windows go on at the other border, m and C are those of the images in all shifts, and one filter serves all pixels.

    patch_size: odd, in pixels; or calibrated pairs (t, P), as for `EquivariantLocalScoreMachine`.
    Other parameters: see `TrainingSetDenoiser`. It has no `posterior`: nobody votes. Lesson 11.
    """

    id = "local-filter"

    def __init__(
        self,
        images: Float[Tensor, "N C H W"],
        schedule: CosineSchedule = CosineSchedule(),
        *,
        patch_size: int | Steps,
        padding: Padding = "zeros",
        image_labels: Int[Tensor, " N"] | None = None,
    ):
        super().__init__(images, schedule, image_labels=image_labels)
        self.padding = patches.check_padding(padding)
        self.patch_size = patches.check_sizes(patch_size, images.shape, padding)
        self._moments: dict[int | None, tuple[Tensor, Tensor]] = {}
        self._weights: dict[tuple[int | None, float], Tensor] = {}

    @torch.no_grad()
    def __call__(self, x_t: Float[Tensor, "B C H W"], t: float, labels: Labels = None) -> Float[Tensor, "B C H W"]:
        """E[x_0(x) | x_t[Omega]] if the images of the class were gaussian, at t in (0, 1]."""
        alpha, _ = self._angle(t)
        self._check(x_t)
        out = torch.empty_like(x_t)
        for items, index in self._by_class(len(x_t), labels):
            weights, m = self._weights_at(t, index), self._moments_of(index)[0].view_as(x_t[0]).to(x_t.dtype)
            size = weights.shape[-1]
            at_once = max(1, MEMORY // (x_t[0].numel() * size**2 * x_t.element_size()))
            for some in items.split(at_once):
                seen = patches.windows(x_t[some] - alpha * m, size, self.padding)
                out[some] = m + torch.einsum("bchwij,hwdcij->bdhw", seen, weights)
        return out

    def _weights_at(self, t: float, index: Int[Tensor, " n"] | None) -> Float[Tensor, "H W D C P P"]:
        """What each colour (D) of each pixel takes from its window; kept, as long as all fit into the memory."""
        key = _name(index), t
        if key not in self._weights:
            new = self._solve(self._moments_of(index)[1], t)
            kept = sum(some.untyped_storage().nbytes() for some in self._weights.values())
            if kept + new.untyped_storage().nbytes() > MEMORY:
                self._weights.clear()
            self._weights[key] = new
        return self._weights[key]

    def _moments_of(self, index: Int[Tensor, " n"] | None) -> tuple[Float[Tensor, " D"], Float[Tensor, "D D"]]:
        """Mean and covariance, in float64; once per class."""
        key = _name(index)
        if key not in self._moments:
            m, covariance = mean_and_covariance(self.images, index)
            around = self.padding == "circular"
            self._moments[key] = in_all_shifts(m, covariance, self.images.shape[1:]) if around else (m, covariance)
        return self._moments[key]

    def _solve(self, covariance: Float[Tensor, "D D"], t: float) -> Float[Tensor, "H W D C P P"]:
        """(alpha^2 C_OO + sigma^2 I)^-1 alpha C_Ox for every pixel; 0 for what a window sees beyond the border."""
        (alpha, sigma), size = self._angle(t), int(patches.value_at(self.patch_size, t))
        channels, height, width = self.images.shape[1:]
        numbers = torch.arange(1.0, len(covariance) + 1, device=covariance.device).view(1, channels, height, width)
        seen = patches.windows(numbers, size, self.padding)[0].permute(1, 2, 0, 3, 4).flatten(0, 1).flatten(1).long()
        own = numbers[0].flatten(1).T.long() - 1  # (H W, C)
        pixels = 1 if self.padding == "circular" else height * width
        weights = torch.zeros(pixels, channels, seen.shape[1], dtype=covariance.dtype, device=covariance.device)
        for k in range(pixels):
            inside = seen[k] > 0
            window = seen[k, inside] - 1
            noisy = alpha**2 * covariance[window[:, None], window]
            noisy.diagonal().add_(sigma**2)
            weights[k, :, inside] = torch.linalg.solve(noisy, alpha * covariance[window[:, None], own[k]]).T
        shaped = weights.to(self.images.dtype).unflatten(2, (channels, size, size))
        return shaped.expand(height * width, -1, -1, -1, -1).unflatten(0, (height, width))


def in_all_shifts(
    m: Float[Tensor, " D"], covariance: Float[Tensor, "D D"], shape: Sequence[int]
) -> tuple[Float[Tensor, " D"], Float[Tensor, "D D"]]:
    """Mean and covariance of images (C, H, W), from the unshifted ones to all shifts of them around the torus."""
    channels, height, width = shape
    n = height * width
    grid = torch.arange(n, device=m.device).view(height, width)
    moved = torch.stack([grid.roll((-i, -j), (0, 1)).flatten() for i in range(height) for j in range(width)], 1)
    products = (covariance + torch.outer(m, m)).view(channels, n, channels, n)
    of_shift = products.permute(1, 3, 0, 2)[grid.flatten()[:, None], moved].mean(0)  # (d, C, C): pixels d apart
    apart = moved.argsort(1)  # (p, q): by which d one gets from p to q
    mean = m.view(channels, n).mean(1)
    around = of_shift[apart].permute(2, 0, 3, 1) - torch.outer(mean, mean)[:, None, :, None]
    return mean.repeat_interleave(n), around.reshape_as(covariance)


def _name(index: Int[Tensor, " n"] | None) -> int | None:
    """Classes are disjoint: their first image names them."""
    return None if index is None else int(index[0])
