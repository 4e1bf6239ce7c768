"""A piece of the noise is exchanged: what changes in a network's drawing, and in its prediction?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
import traitlets
from jaxtyping import Float
from torch import Tensor

from ..errors import CourseError, brief, whole_number
from .base import Explorer, check_images, check_same_shape, packed, pixels, script

Drawings = tuple[Float[Tensor, "B C H W"], Float[Tensor, "B K C H W"]]


class ExchangeExplorer(Explorer):
    """Noises in which one of K blocks can be exchanged for other noise, and the drawings before and after.

    picked: which of the noises; place: which of the blocks; told: whether the network's drawing after it is shown.
    """

    _esm = script("exchange.js")

    picked = traitlets.Int(0, help="which of the noises").tag(sync=True)
    place = traitlets.Int(0, help="which of the blocks").tag(sync=True)
    told = traitlets.Bool(False, help="whether the network's drawing after the exchange is shown").tag(sync=True)
    count = traitlets.Int(1, help="B, the number of noises").tag(sync=True)
    side = traitlets.Int(1, help="of a block, in pixels").tag(sync=True)
    corners = traitlets.List(
        traitlets.List(traitlets.Int()), help="[row, column] of each block's upper left pixel"
    ).tag(sync=True)
    noise = traitlets.Bytes(help="uint8 (B, H, W, C): the noises, halved").tag(sync=True)
    other = traitlets.Bytes(help="uint8 (B, H, W, C): what a block is taken from, halved").tag(sync=True)
    before = traitlets.Bytes(help="uint8 (2, B, H, W, C): drawings of formula and network").tag(sync=True)
    after = traitlets.Bytes(help="uint8 (2, B, K, H, W, C): the same after the exchange").tag(sync=True)
    change = traitlets.Bytes(help="uint8 (2, B, K, H, W, C): after minus before, grey where there is none").tag(
        sync=True
    )
    foretold = traitlets.Bytes(help="float32 (B, K): the part of the network's change that was foretold").tag(sync=True)

    @classmethod
    def of(
        cls,
        noise: Float[Tensor, "B C H W"],
        other: Float[Tensor, "B C H W"],
        corners: Sequence[Sequence[int]],
        side: int,
        formula: Drawings,
        network: Drawings,
    ) -> Self:
        """noise, other: a block of `side` pixels of the one is taken from the other; corners: the upper left pixels
        (row, column) of the K blocks.
        formula, network: drawings before, (B, C, H, W), and after each exchange, (B, K, C, H, W).

        Drawings are cut at black and white. The part foretold is 1 - |n - f|^2 / |n|^2, with n the network's change and
        f the formula's.

        Raises CourseError for shapes that do not belong together, and for blocks that do not lie in the picture.
        """
        check_same_shape(check_images(noise, "noise"), check_images(other, "other"), ("noise", "other"))
        batch, *shape = noise.shape
        blocks = _check_blocks(corners, side, *noise.shape[-2:])
        befores, changes = [], []
        for name, drawings in (("formula", formula), ("network", network)):
            before, after = _check_drawings(drawings, name)
            check_same_shape(before, noise, (f"{name}'s drawings before the exchange", "noise"))
            if after.shape != (batch, len(blocks), *shape):
                raise CourseError(
                    f"{name}'s drawings after the exchange must have the shape {(batch, len(blocks), *shape)}, one for "
                    f"each noise and block, got {tuple(after.shape)}."
                )
            first, then = (some.cpu().float().clamp(-1, 1) for some in (before, after))
            befores.append(first)
            changes.append(then - first[:, None])
        said, did = (change.flatten(2) for change in changes)
        foretold = 1 - (did - said).square().sum(2) / did.square().sum(2)
        drawn, difference = torch.stack(befores), torch.stack(changes)
        return cls(
            shape=shape,
            count=batch,
            side=side,
            corners=[list(corner) for corner in blocks],
            place=_nearest_to_the_middle(blocks, side, *noise.shape[-2:]),
            noise=pixels(noise / 2),
            other=pixels(other / 2),
            before=pixels(drawn),
            after=pixels(drawn[:, :, None] + difference),
            change=pixels(difference),
            foretold=packed(foretold, torch.float32),
        )

    @traitlets.validate("picked")
    def _check_picked(self, proposal: Any) -> int:
        return self._bounded(proposal, self.count)

    @traitlets.validate("place")
    def _check_place(self, proposal: Any) -> int:
        return self._bounded(proposal, len(self.corners))

    def _summary(self) -> str:
        return f"{self.count} noises, {len(self.corners)} blocks of {self.side} x {self.side} pixels"


def _check_blocks(corners: object, side: object, height: int, width: int) -> list[tuple[int, int]]:
    """Blocks that lie in the picture."""
    pixels = whole_number(side, 1, min(height, width))
    if pixels is None:
        raise CourseError(f"side must be a whole number from 1 to {min(height, width)}, got {brief(side)}.")
    pairs = torch.as_tensor(corners).tolist() if isinstance(corners, Tensor) else corners
    if not isinstance(pairs, Sequence) or not pairs:
        raise CourseError(
            f"corners must list the upper left pixels of the blocks, [(0, 0), (0, 2)], got {brief(corners)}."
        )
    blocks = []
    for corner in pairs:
        try:
            y, x = (
                whole_number(number, 0, last - pixels) for number, last in zip(corner, (height, width), strict=True)
            )
        except (TypeError, ValueError):
            y = x = None
        if y is None or x is None:
            raise CourseError(
                f"a block of {pixels} pixels in a picture of {height} x {width} begins in rows 0 to {height - pixels}, "
                f"columns 0 to {width - pixels}, got {brief(corner)}."
            )
        blocks.append((y, x))
    return blocks


def _nearest_to_the_middle(blocks: list[tuple[int, int]], side: int, height: int, width: int) -> int:
    away = [abs(2 * y + side - height) + abs(2 * x + side - width) for y, x in blocks]
    return away.index(min(away))


def _check_drawings(drawings: object, name: str) -> tuple[Tensor, Tensor]:
    """Two tensors: before and after."""
    if not isinstance(drawings, tuple | list) or len(drawings) != 2:
        raise CourseError(
            f"{name} must be a pair, drawings before and after the exchange, got {type(drawings).__name__}."
        )
    before, after = drawings
    return check_images(before, f"{name}'s drawings before the exchange"), check_images(
        after, f"{name}'s drawings after the exchange", "BKCHW"
    )
