r"""The ELS machine as the paper suggests it, for `elscourse bench` to compare with: patches as convolution filters.

One image at a time. For each boundary class the patches of the training images, one batch of images after another, are
the filters of a convolution over the part of x_t that belongs to the class; of each pixel's softmax only the running
maximum, the sum and the weighted sum of centres are kept. Float32, vectorised within a class, and nothing cleverer: no
work is shared between patches that overlap, between images of the batch, or between classes.

`tuned` is the same written by someone who knows the hardware: batches that stay in a processor's caches, and no numbers
so small that a processor multiplies them slowly. It is two to three times faster; `elscourse bench` shows both.

Source: the equivariant local score machine of Kamb & Ganguli, ICML 2025 (arXiv 2412.20292); lessons 07, 08 and 13.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from .patches import Padding, Sizes, size_at
from .schedule import CosineSchedule, Schedule, alpha_sigma

BATCH = 64  # training images at a time
# tuned: filters and logits held at once. Two cores: the fastest of 2^17 ... 2^24, larger ones leave the caches. A GPU:
# enough that starting its kernels is no part of the time.
NUMBERS = {"cpu": 2**20, "cuda": 2**26}
NEGLIGIBLE = -80.0  # tuned: a logit this far below the largest: e^-80 is a normal float32, and no vote


@dataclass(frozen=True)
class TextbookMachine:
    """A denoiser D(x_t, t): `textbook_local` at the schedule's alpha(t) and sigma(t) and the patch size of t.

    images (N, C, H, W) float32 in [-1, 1]; patch_size odd, or calibrated pairs (t, P); padding "zeros" or "circular".
    """

    images: Float[Tensor, "N C H W"]
    schedule: Schedule = CosineSchedule()
    _: KW_ONLY
    patch_size: int | Sizes
    padding: Padding = "zeros"
    tuned: bool = False

    def __call__(self, x_t: Float[Tensor, "B C H W"], t: float) -> Float[Tensor, "B C H W"]:
        """E[x_0 | x_t] under equivariance and locality, for t in (0, 1], over all images: it knows no labels."""
        size, alpha, sigma = size_at(self.patch_size, t), *alpha_sigma(self.schedule, t)
        return textbook_local(x_t, self.images, alpha, sigma, size, self.padding, self.tuned)


@torch.no_grad()
def textbook_local(
    x_t: Float[Tensor, "B C H W"],
    images: Float[Tensor, "N C H W"],
    alpha: float,
    sigma: float,
    patch_size: int,
    padding: Padding,
    tuned: bool = False,
) -> Float[Tensor, "B C H W"]:
    r"""The formula of `reference.equivariant_local` with a square window, in the precision of its arguments.

    .. math:: D(x_t)(x) = \sum_p p(0) \, w_p, \quad
              w_p \propto \exp\big((\alpha\, x_t[\Omega_x] \cdot p - \alpha^2 \|p\|^2 / 2) / \sigma^2\big)

    tuned: see the module. Returns shape (B, C, H, W).
    """
    r = patch_size // 2
    mode = "circular" if padding == "circular" and r else "constant"
    noisy, clean = (F.pad(x, (r, r, r, r), mode=mode) for x in (x_t, images))
    out = torch.empty_like(x_t)
    for rows, columns in _classes(x_t.shape[-2], x_t.shape[-1], r, padding):
        above, beside = (slice(part.start, part.stop + 2 * r) for part in (rows, columns))
        for item in range(len(x_t)):
            piece = noisy[item : item + 1, :, above, beside]
            out[item, :, rows, columns] = _posterior_mean(piece, clean[..., above, beside], alpha, sigma, r, tuned)
    return out


def _classes(height: int, width: int, r: int, padding: Padding) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of the places that share a dictionary: all of them, or those with one padding pattern."""
    if padding == "circular":
        yield slice(0, height), slice(0, width)
        return
    for rows in _bands(height, r):
        for columns in _bands(width, r):
            yield rows, columns


def _bands(length: int, r: int) -> list[slice]:
    """The interior rows (or columns) together, each of the others by itself."""
    inside = [slice(r, length - r)] if length > 2 * r else []
    return inside + [slice(i, i + 1) for i in range(length) if not r <= i < length - r]


def _posterior_mean(
    piece: Float[Tensor, "1 C h2 w2"],
    clean: Float[Tensor, "N C h2 w2"],
    alpha: float,
    sigma: float,
    r: int,
    tuned: bool,
) -> Float[Tensor, "C h w"]:
    """The softmax over the patches of all images, one chunk of images after another."""
    size, channels = 2 * r + 1, piece.shape[1]
    height, width = piece.shape[2] - 2 * r, piece.shape[3] - 2 * r
    places = height * width
    largest = piece.new_full((places,), -torch.inf)
    total, weighted = piece.new_zeros(places), piece.new_zeros(channels, places)
    at_once = NUMBERS[piece.device.type] // (places * (places + channels * size**2)) if tuned else BATCH
    for chunk in clean.split(max(1, at_once)):
        view = chunk.unfold(2, size, 1).unfold(3, size, 1)  # (n, C, h, w, P, P)
        filters = view.permute(0, 2, 3, 1, 4, 5).reshape(-1, channels, size, size)
        bias = filters.square().sum((1, 2, 3)) * (-(alpha**2) / (2 * sigma**2))
        logit = F.conv2d(piece * (alpha / sigma**2), filters, bias).view(len(filters), places)
        new = torch.maximum(largest, logit.amax(0))
        logit.sub_(new)
        # far below the largest, exp leaves numbers so small that a CPU multiplies them many times more slowly
        weights = (logit.clamp_(min=NEGLIGIBLE) if tuned else logit).exp_()
        old = torch.exp(largest - new)
        total = total * old + weights.sum(0)
        weighted = weighted * old + filters[:, :, r, r].T @ weights
        largest = new
    return (weighted / total).view(channels, height, width)
