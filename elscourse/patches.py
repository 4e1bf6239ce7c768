"""Windows on images: cutting them, weighting them, and which places share a dictionary."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from .errors import NUMBER, CourseError, brief, unknown_name

Padding = Literal["zeros", "circular"]
Sizes = Sequence[tuple[float, int]]  # pairs (t, P), a step function of t

GAUSSIAN_WIDTH = 0.25  # of a gaussian window, in patch sizes


def size_at(sizes: int | Sizes, t: float) -> int:
    """A patch size, or the one at the nearest t; of two equally near times, the noisier."""
    if isinstance(sizes, NUMBER):
        return int(sizes)
    return int(min(sizes, key=lambda pair: (round(abs(pair[0] - float(t)), 9), -pair[0]))[1])


def check_patch_size(patch_size: object) -> int:
    """A patch has a centre pixel: its size is an odd whole number of at least 1."""
    patch_size = _plain(patch_size)
    if isinstance(patch_size, bool) or not isinstance(patch_size, NUMBER) or patch_size % 1 != 0:
        raise CourseError(f"a patch size must be an odd whole number of pixels, got {brief(patch_size)}.")
    if patch_size < 1 or patch_size % 2 == 0:
        near = "1" if patch_size < 1 else f"{int(patch_size) - 1} or {int(patch_size) + 1}"
        raise CourseError(
            f"a patch size must be odd and at least 1 (it has a centre pixel), got {brief(patch_size)}: try {near}."
        )
    return int(patch_size)


def _plain(number: object) -> object:
    return number.item() if isinstance(number, Tensor) and number.ndim == 0 else number


def check_padding(padding: object) -> Padding:
    """What a window sees beyond the border: zeros, or the image wrapped around."""
    if not isinstance(padding, str) or padding not in ("zeros", "circular"):
        raise unknown_name("padding", padding, ("zeros", "circular"))
    return padding  # type: ignore[return-value]


def largest_patch_size(shape: Sequence[int], padding: Padding) -> int:
    """The patch size at which every window sees the whole image: 2 side - 1, with the longer side; on the torus, the
    largest odd one that does not wrap onto itself."""
    shorter, longer = sorted(shape[-2:])
    return shorter - 1 + shorter % 2 if padding == "circular" else 2 * longer - 1


def check_sizes(sizes: object, shape: Sequence[int], padding: Padding) -> int | list[tuple[float, int]]:
    """A patch size, or calibrated pairs (t, P): what `patch_size` may be, with windows that fit the images."""
    sizes = _plain(sizes)
    try:
        pairs = [(1.0, sizes)] if isinstance(sizes, NUMBER) else [(float(t), p) for t, p in sizes]  # type: ignore
    except (TypeError, ValueError):
        pairs = []
    if not pairs or not all(0 <= t <= 1 for t, _ in pairs):
        raise CourseError(
            f"patch_size must be a number or a list of pairs (t, P) with t in [0, 1], got {brief(sizes)}."
        )
    checked = [(t, check_patch_size(p)) for t, p in pairs]
    size, (shorter, longer) = max(p for _, p in checked), sorted(shape[-2:])
    largest = largest_patch_size(shape, padding)
    if size > largest and padding == "circular":
        raise CourseError(
            f"with circular padding a patch of {size} would wrap onto itself: the shorter side is {shorter}, so "
            f"patch_size must be at most {largest}."
        )
    if size > largest:
        raise CourseError(
            f"patch size {size} is larger than {largest}, at which every window already sees the whole image of "
            f"side {longer}."
        )
    return checked[0][1] if isinstance(sizes, NUMBER) else checked


def gaussian_window(patch_size: int) -> Float[Tensor, "P P"]:
    """K(o) = exp(-|o|^2 / (2 width^2)) on a patch_size x patch_size support, 1 at the centre, in float64."""
    taps = gaussian_taps(patch_size)
    k = torch.cat([taps[1:].flip(0), taps])
    return torch.outer(k, k)


def gaussian_taps(patch_size: int) -> Float[Tensor, " r+1"]:
    """One axis of `gaussian_window`, from the centre outwards, in float64."""
    d = torch.arange(patch_size // 2 + 1, dtype=torch.float64)
    return torch.exp(-d.square() / (2 * (GAUSSIAN_WIDTH * patch_size) ** 2))


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
    stay inside, and each of the other rows by itself, as no two of them overhang alike."""
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


def dictionaries(height: int, width: int, patch_size: int, padding: Padding) -> list[Int[Tensor, "G m"]]:
    """Which pixels share a dictionary, row by row: on the torus all of them, else those of a boundary class."""
    if padding == "circular":
        return [torch.arange(height * width)[None]]
    return boundary_classes(height, width, patch_size)


@functools.cache
def displacements(
    height: int, width: int, patch_size: int, which: Literal["none", "classes", "edges", "torus"]
) -> Int[np.ndarray, "n 6"]:
    """Who meets whom, by displacement: rows (dy, dx, top, bottom, left, right).

    The pixels (y, x) with top <= y < bottom, left <= x < right may use the patch at (y + dy, x + dx). which: "none":
    each pixel its own place only (LS); "torus": all places, wrapped around (ELS, circular); "classes": those of the
    same boundary class (ELS, zeros): dy = 0 or both rows interior, and dx = 0 or both columns interior; "edges": the
    same without the pixels of the interior class.
    """
    if which == "torus":
        return np.array([(dy, dx, 0, height, 0, width) for dy in range(height) for dx in range(width)])
    if which == "none":
        return np.array([(0, 0, 0, height, 0, width)])
    r = patch_size // 2
    moves = [(dy, dx, (*y, *x)) for dy, *y in _along(height, r) for dx, *x in _along(width, r)]
    if which == "edges":
        moves = [(dy, dx, strip) for dy, dx, box in moves for strip in _around(box, (r, height - r, r, width - r))]
    return np.array([(dy, dx, *box) for dy, dx, box in moves], dtype=np.int64).reshape(-1, 6)


def _along(length: int, radius: int) -> list[tuple[int, int, int]]:
    """(d, first, last + 1) of the rows that may move by d: all stay, the interior ones move among themselves."""
    interior = length - 2 * radius
    moves = [(d, radius + max(0, -d), radius + interior - max(0, d)) for d in range(1 - interior, interior) if d]
    return [(0, 0, length), *moves]


def _around(box: tuple[int, ...], hole: tuple[int, ...]) -> list[tuple[int, ...]]:
    """A box (top, bottom, left, right) without a hole in it: at most four strips."""
    top, bottom, left, right = box
    start, stop, first, last = hole
    if start >= stop or first >= last:
        return [box]
    a, b = max(top, start), min(bottom, stop)
    strips = [(top, a, left, right), (b, bottom, left, right), (a, b, left, max(left, first)), (a, b, last, right)]
    return [strip for strip in strips if strip[0] < strip[1] and strip[2] < strip[3]]
