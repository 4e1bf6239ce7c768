"""What images must be, before anything is computed from them: colours before pixels, and pixels in [-1, 1]."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from .errors import CourseError, warn

SLACK = 1e-3  # how far pixels may leave [-1, 1]: they were rounded when they were made


def check_order(shape: Sequence[int], what: object) -> None:
    """Raise CourseError for images whose colours come last, as in most programs: they would pass for images of many
    channels that are a few pixels wide. Up to 4 channels are taken at their word."""
    if shape[-1] in (1, 3, 4) and shape[1] > 4:
        raise CourseError(
            f"{what} must have the shape (N, C, H, W), got {tuple(shape)}, whose colours seem to come last: move them "
            "with x.transpose(0, 3, 1, 2) in numpy, x.permute(0, 3, 1, 2) in torch."
        )


def check_range(images: Float[Tensor, "N C H W"], what: object) -> None:
    """Raise CourseError for pixels that are not numbers in [-1, 1], such as those of 0 to 255; warn of images that seem
    to be in [0, 1], such as torchvision's."""
    low, high = (bound.item() for bound in images.aminmax())
    if not (low >= -1 - SLACK and high <= 1 + SLACK):  # so that NaN is found too: one anywhere makes both NaN
        found = "NaN" if math.isnan(low) else f"some from {low:.4g} to {high:.4g}"
        raise CourseError(f"{what}: pixels must lie in [-1, 1] (uint8 / 127.5 - 1), got {found}.")
    if len(images) > 1 and 0 <= low < high:
        warn(f"{what}: no pixel is below 0. If the pixels are in [0, 1], take 2 * images - 1.")
