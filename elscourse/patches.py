"""Windows on images: cutting them, weighting them, and which places share a dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from .errors import CourseError

Padding = Literal["zeros", "circular"]
Steps = Sequence[tuple[float, float]]  # pairs (t, value), a step function of t

NUMBER = (int, float, np.integer, np.floating)
GAUSSIAN_WIDTH = 0.25  # default width of a gaussian window, in patch sizes


def value_at(steps: float | Steps, t: float) -> float:
    """A constant, or the value whose t is nearest; of two equally near ones the noisier."""
    if isinstance(steps, NUMBER):
        return steps
    return min(steps, key=lambda pair: (round(abs(pair[0] - t), 9), -pair[0]))[1]


def check_patch_size(patch_size: object) -> int:
    """A patch has a centre pixel: its size is an odd whole number of at least 1."""
    if isinstance(patch_size, bool) or not isinstance(patch_size, NUMBER) or int(patch_size) != patch_size:
        raise CourseError(f"a patch size must be an odd whole number of pixels, got {patch_size!r}.")
    if patch_size < 1 or patch_size % 2 == 0:
        near = f"{max(1, int(patch_size) - 1)} or {max(1, int(patch_size) + 1)}"
        raise CourseError(
            f"a patch size must be odd and at least 1 (it has a centre pixel), got {patch_size}: try {near}."
        )
    return int(patch_size)


def check_steps(steps: object, what: str) -> float | list[tuple[float, float]]:
    """A number, or calibrated pairs (t, value): the form that `patch_size` and `width` take."""
    if isinstance(steps, NUMBER):
        return steps.item() if isinstance(steps, np.generic) else steps
    try:
        pairs = [(float(t), v) for t, v in steps]  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        pairs = []
    if not pairs or not all(0 <= t <= 1 for t, _ in pairs):
        raise CourseError(f"{what} must be a number or a list of pairs (t, value) with t in [0, 1], got {steps!r}.")
    return pairs


def gaussian_window(patch_size: int, width: float, dtype: torch.dtype = torch.float32) -> Float[Tensor, "P P"]:
    """K(d) = exp(-|d|^2 / (2 width^2)) on a patch_size x patch_size support, 1 at the centre; width in pixels."""
    if not width > 0:
        raise CourseError(f"the width of a gaussian window must be positive (in pixels), got {width}.")
    d = torch.arange(patch_size, dtype=torch.float64) - patch_size // 2
    k = torch.exp(-d.square() / (2 * width**2))
    return torch.outer(k, k).to(dtype)


def windows(images: Float[Tensor, "N C H W"], patch_size: int, padding: Padding) -> Float[Tensor, "N C H W P P"]:
    """The patch_size x patch_size window around every pixel, as a view: nothing is copied but the padded border."""
    r = patch_size // 2
    padded = F.pad(images, (r, r, r, r), mode="circular" if padding == "circular" and r else "constant")
    return padded.unfold(2, patch_size, 1).unfold(3, patch_size, 1)


def gather(view: Float[Tensor, "N C H W P P"], places: Int[Tensor, "G m"]) -> Float[Tensor, "G N*m C*P*P"]:
    """The windows at the given places (flat: row * W + column), group by group, image after image."""
    n, c, _, w, p, _ = view.shape
    picked = view[:, :, places // w, places % w]  # (N, C, G, m, P, P)
    return picked.permute(2, 0, 3, 1, 4, 5).reshape(len(places), n * places.shape[1], c * p * p)


def _bands(length: int, radius: int) -> list[Int[Tensor, "g m"]]:
    """The rows (or columns) split by what their window sees beyond the border: one band of interior ones, whose windows
    stay inside, and each other row by itself, as no two of them overhang alike."""
    rows = torch.arange(length)
    inside = (rows >= radius) & (rows < length - radius)
    bands = [rows[inside][None], rows[~inside][:, None]]
    return [band for band in bands if band.numel()]


def boundary_classes(height: int, width: int, patch_size: int) -> list[Int[Tensor, "G m"]]:
    """All pixels, grouped by the zero-padding pattern of their window: each row of each tensor is one class.

    With r = (P - 1)/2 < min(H, W)/2 these are P^2 classes: 1 interior, 4r along the edges, 4r^2 corners of one pixel.
    When P >= the sides, every pixel is a class of its own. Source: theorem on boundary-broken machines, Kamb & Ganguli
    2025; lesson 08.
    """
    r = patch_size // 2
    return [
        (rows[:, None, :, None] * width + columns[None, :, None, :]).reshape(
            len(rows) * len(columns), rows.shape[1] * columns.shape[1]
        )
        for rows in _bands(height, r)
        for columns in _bands(width, r)
    ]


def every_pixel_alone(height: int, width: int) -> list[Int[Tensor, "G 1"]]:
    """Each pixel its own class: the dictionaries of a machine that knows where it is."""
    return [torch.arange(height * width)[:, None]]


def one_class(height: int, width: int) -> list[Int[Tensor, "1 m"]]:
    """All pixels one class: the dictionary of a machine that does not know where it is."""
    return [torch.arange(height * width)[None]]
