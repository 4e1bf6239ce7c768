"""A small world that votes: paint black and white pixels on a torus, and see which of them are outvoted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch
import traitlets
from jaxtyping import Float
from torch import Tensor

from ..errors import CourseError, brief, shape_of
from .base import Explorer, pixels, script

SMALLEST = 3  # sides of a torus on which the nine pixels of a window are nine places
LARGEST = 32  # more pixels could not be hit


class BoardExplorer(Explorer):
    """Black and white images on the torus to paint in. A pixel is outvoted if it differs from the majority of the 3 x 3
    window around it.

    board: the pixels, -1 or 1, row by row. `image` is the same as a tensor.
    """

    _esm = script("board.js")

    board = traitlets.List(traitlets.Int(), help="-1 and 1, row by row").tag(sync=True)
    names = traitlets.List(traitlets.Unicode(), help="of the images to begin with").tag(sync=True)
    starts = traitlets.Bytes(help="uint8 (n, H, W, 1): the images to begin with").tag(sync=True)

    @classmethod
    def of(cls, starts: Mapping[str, Float[Tensor, "H W"]]) -> Self:
        """starts: names and images, all pixels -1 or 1, of one size, to begin with; the first one is shown first.

        Raises CourseError for other pixels, and for sides of less than 3 or more than 32 pixels.
        """
        if not isinstance(starts, Mapping) or not starts:
            raise CourseError("starts must map names to images of -1 and 1: {'line': tensor, 'square': tensor}.")
        images = [_check(image, name) for name, image in starts.items()]
        if len({image.shape for image in images}) > 1:
            sizes = ", ".join(sorted({str(tuple(image.shape)) for image in images}))
            raise CourseError(f"all images must have the same size, got {sizes}.")
        stack = torch.stack(images).float()
        return cls(
            shape=[1, *stack.shape[1:]],
            names=[str(name) for name in starts],
            starts=pixels(stack[:, None]),
            board=stack[0].int().flatten().tolist(),
        )

    @property
    def image(self) -> Float[Tensor, "H W"]:
        """What is painted now."""
        return torch.tensor(self.board, dtype=torch.float32).view(*self.shape[1:])

    @traitlets.validate("board")
    def _check_board(self, proposal: Any) -> list[int]:
        height, width = self.shape[1:] if self.shape else (1, len(proposal.value))
        if len(proposal.value) != height * width or not set(proposal.value) <= {-1, 1}:
            raise CourseError(f"board must hold {height * width} numbers, -1 or 1, got {brief(proposal.value)}.")
        return list(proposal.value)

    def _summary(self) -> str:
        height, width = self.shape[1:] if self.shape else (0, 0)
        return f"{height} x {width} pixels to paint"


def _check(image: object, name: object) -> Tensor:
    if not isinstance(image, Tensor) or image.ndim != 2:
        raise CourseError(f"{brief(name)} must be a tensor of shape (H, W), got {shape_of(image)}.")
    if not all(SMALLEST <= side <= LARGEST for side in image.shape):
        raise CourseError(f"{brief(name)} must have sides of {SMALLEST} to {LARGEST} pixels, got {tuple(image.shape)}.")
    if not ((image == 1) | (image == -1)).all():
        raise CourseError(f"all pixels of {brief(name)} must be -1 (black) or 1 (white).")
    return image.detach().cpu()
