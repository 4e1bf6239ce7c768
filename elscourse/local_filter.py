"""The best linear denoisers through the local machines' windows; bent by a curve, they are the strongest rivals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from . import patches
from .diffusion import Labels
from .patches import Padding, Sizes
from .posterior import MEMORY, full_precision
from .schedule import CosineSchedule, Schedule, check_time
from .training_set import TrainingSetDenoiser
from .wiener import mean_and_covariance

ROUNDED = 1e-10  # noise below this is less than what rounding leaves of two pixels that always agree


class Filter(NamedTuple):
    """What a guess at one time is made of: colour d of the pixel at (y, x) is bias + sum of weights times window."""

    weights: Float[Tensor, "H W D C P P"]  # 0 for what a window sees beyond the border
    bias: Float[Tensor, "D H W"]


class LocalFilter(TrainingSetDenoiser):
    r"""The best linear denoiser that may not look further than a window: the Wiener filter made local.

    .. math:: D(x_t)(x) = m(x) + \alpha \, C_{x \Omega} (\alpha^2 C_{\Omega\Omega} + \sigma^2 I)^{-1}
                          (x_t[\Omega] - \alpha m_\Omega)

    where Omega is the P x P window around pixel x, and m and C are the mean and covariance (over 1/N) of what it sees
    in the images, or in those of one class when labels are given. Every pixel has its own filter, as every pixel of LS
    has its own dictionary; with `equivariant`, pixels that share a dictionary of ELS share a filter, made from what all
    their windows see.

    sigma is taken as at least 1e-5, below which pixels that always agree could not be told apart.

    patch_size, padding: as for `EquivariantLocalScoreMachine`; with zeros a window is cut off at the border.
    Other parameters, and errors: see `elscourse.training_set.TrainingSetDenoiser`. It has no `posterior`: nobody votes.
    Source: Wiener 1949, window by window. Lessons 04, 07 and 11.
    """

    def __init__(
        self,
        images: Float[Tensor, "N C H W"],
        schedule: Schedule = CosineSchedule(),
        *,
        patch_size: int | Sizes,
        padding: Padding = "zeros",
        equivariant: bool = False,
        image_labels: Int[Tensor, " N"] | Sequence[int] | None = None,
    ):
        super().__init__(images, schedule, image_labels=image_labels)
        self.padding, self.equivariant = patches.check_padding(padding), equivariant
        self.patch_size = patches.check_sizes(patch_size, images.shape, padding)
        self._moments: dict[int | None, tuple[Tensor, Tensor]] = {}
        self._filters: dict[tuple[int | None, float], Filter] = {}

    @property
    def id(self) -> str:  # type: ignore[override]
        """The id in files and tables."""
        return "equivariant-filter" if self.equivariant else "local-filter"

    @torch.no_grad()
    def __call__(self, x_t: Float[Tensor, "B C H W"], t: float, labels: Labels = None) -> Float[Tensor, "B C H W"]:
        """The best linear guess of every pixel from its window, at t in (0, 1]."""
        t = check_time(t)  # as a number, by which filters are kept
        self._check(x_t)
        out = torch.empty_like(x_t)
        for items, index in self._by_class(len(x_t), labels):
            weights, bias = self._filter(t, index)
            size = weights.shape[-1]
            at_once = max(1, MEMORY // (x_t[0].numel() * size**2 * x_t.element_size()))
            for some in items.split(at_once):
                seen = patches.windows(x_t[some], size, self.padding)
                with full_precision:
                    out[some] = bias + torch.einsum("bchwij,hwdcij->bdhw", seen, weights)
        return out

    def _filter(self, t: float, index: Int[Tensor, " n"] | None) -> Filter:
        """The filter of a class at t; kept, as long as all fit into the memory."""
        name = None if index is None else int(index[0])  # classes are disjoint: their first image names them
        if name not in self._moments:
            m, covariance = mean_and_covariance(self.images, index)
            self._moments[name] = m, covariance.addr_(m, m)
        if (name, t) not in self._filters:
            new = self._solve(*self._moments[name], t)
            if sum(some.weights.nbytes for some in [*self._filters.values(), new]) > MEMORY:
                self._filters.clear()
            self._filters[name, t] = new
        return self._filters[name, t]

    def _solve(self, m: Float[Tensor, " D"], products: Float[Tensor, "D D"], t: float) -> Filter:
        """A filter for each class of pixels, from the images' mean and the mean products of two numbers, in float64."""
        (alpha, sigma), size = self._alpha_sigma(t), patches.size_at(self.patch_size, t)
        shape = self.images.shape[1:]
        numbers = torch.arange(1, len(m) + 1, dtype=torch.float32, device=m.device).view(1, *shape)
        # 0: beyond the border
        seen = patches.windows(numbers, size, self.padding)[0].permute(1, 2, 0, 3, 4).flatten(2).flatten(0, 1).long()
        own = numbers[0].flatten(1).T.long() - 1  # (H W, C)
        weights, bias = m.new_zeros(len(seen), shape[0], seen.shape[1]), m.new_zeros(own.shape)
        for pixels in self._classes(size):
            inside = seen[pixels[0]] > 0
            windows, centres = seen[pixels][:, inside] - 1, own[pixels]
            m_window, m_centre = m[windows].mean(0), m[centres].mean(0)
            within, across = -torch.outer(m_window, m_window), -torch.outer(m_window, m_centre)
            for window, centre in zip(windows, centres, strict=True):
                within += products[window[:, None], window] / len(pixels)
                across += products[window[:, None], centre] / len(pixels)
            noisy = (alpha**2 * within).diagonal_scatter(alpha**2 * within.diagonal() + max(sigma**2, ROUNDED))
            best = torch.linalg.solve(noisy, alpha * across).T  # (C, what is inside)
            weights[pixels[:, None, None], torch.arange(shape[0])[:, None], inside.nonzero()[:, 0]] = best
            bias[pixels] = m_centre - alpha * best @ m_window
        dtype = self.images.dtype
        return Filter(
            weights.to(dtype).unflatten(2, (shape[0], size, size)).unflatten(0, shape[1:]),
            bias.to(dtype).T.reshape(shape),
        )

    def _classes(self, size: int) -> list[Int[Tensor, " m"]]:
        """The pixels that share a filter."""
        height, width = self.images.shape[-2:]
        alone = [torch.arange(height * width)[:, None]]
        groups = patches.dictionaries(height, width, size, self.padding) if self.equivariant else alone
        return [pixels.to(self.images.device) for group in groups for pixels in group]
