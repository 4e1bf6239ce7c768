"""The provenance of a pixel: which patches of which training images voted for it."""

from __future__ import annotations

import zlib
from typing import Any, Self

import torch
import traitlets
from jaxtyping import Float, Int
from torch import Tensor

from ..diffusion import Labels
from ..errors import CourseError
from ..machine import Posterior
from ..machines import PatchMachine
from .base import (
    Explorer,
    check_images,
    check_machine,
    check_number,
    check_same_shape,
    check_top,
    packed,
    pixels,
    script,
)

PICTURES = 340_000  # bytes of training images that travel with a widget, compressed
FEWEST = 200  # of them, whatever their size


class MosaicExplorer(Explorer):
    """Generated images whose pixels can be asked who voted for them.

    picked: which of the images; pixel: (row, column) in it.
    """

    _esm = script("mosaic.js")

    picked = traitlets.Int(0, help="which of the generated images").tag(sync=True)
    pixel = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(0, 0), help="row, column").tag(sync=True)
    count = traitlets.Int(1, help="B, the number of generated images").tag(sync=True)
    top = traitlets.Int(1, help="voters per pixel").tag(sync=True)
    t = traitlets.Float(1.0).tag(sync=True)
    window = traitlets.Int(1, help="side of the window that is outlined").tag(sync=True)
    circular = traitlets.Bool(False, help="whether windows wrap around the border").tag(sync=True)
    samples = traitlets.Bytes(help="uint8 (B, H, W, C): the generated images").tag(sync=True)
    noisy = traitlets.Bytes(help="uint8 (B, H, W, C): x_t, whose windows were compared").tag(sync=True)
    image = traitlets.Bytes(help="int32 (B, H, W, top): index in the training set, -1 for nobody").tag(sync=True)
    place = traitlets.Bytes(help="uint16 (B, H, W, top): row * W + column of the voting patch").tag(sync=True)
    weight = traitlets.Bytes(help="float32 (B, H, W, top)").tag(sync=True)
    entropy = traitlets.Bytes(help="float32 (B, H, W): of all weights, in nats").tag(sync=True)
    atlas = traitlets.Bytes(help="zlib of uint8 (n, H, W, C): the training images that voted").tag(sync=True)
    atlas_index = traitlets.Bytes(help="int32 (n,): their indices in the training set").tag(sync=True)

    @classmethod
    def of(
        cls,
        machine: PatchMachine,
        x_t: Float[Tensor, "B C H W"],
        samples: Float[Tensor, "B C H W"],
        t: float,
        top: int = 4,
        labels: Labels = None,
    ) -> Self:
        """The votes of a patch machine (LS, ELS) on x_t at time t, shown on the images that were generated.

        samples: the generated images that x_t was on its way to.
        top: voters per pixel, heaviest first.
        labels: the classes that the images were made with, for a machine that was built with image_labels.

        Only training images that voted travel with the widget; if there are too many, those with the lightest votes are
        named in words only.
        """
        check_same_shape(check_images(x_t, "x_t"), check_images(samples, "samples"), ("x_t", "samples"))
        check_machine(machine, labels, len(x_t))
        t, top = check_number(t, "t"), check_top(top)
        if machine.whole_image:
            raise CourseError(f"{machine.id} votes with whole images, not with patches: use PosteriorExplorer.")
        _, _, height, width = x_t.shape
        if height * width > 2**16:
            raise CourseError(f"images of {height} x {width} pixels are too large to travel with a notebook.")
        votes = machine.posterior(x_t, t, top, labels)
        atlas, sent = _atlas(votes, machine.images)
        return cls(
            shape=list(x_t.shape[1:]),
            count=len(x_t),
            pixel=(height // 2, width // 2),
            top=votes.weight.shape[-1],  # a small dictionary has fewer entries than were asked for
            t=t,
            window=machine.size_at(t),
            circular=machine.padding == "circular",
            samples=pixels(samples),
            noisy=pixels(x_t),
            image=packed(votes.image, torch.int32),
            place=packed((votes.location[..., 0] * width + votes.location[..., 1]).clamp(min=0), torch.uint16),
            weight=packed(votes.weight, torch.float32),
            entropy=packed(votes.entropy, torch.float32),
            atlas=atlas,
            atlas_index=packed(sent, torch.int32),
        )

    @traitlets.validate("picked")
    def _check_picked(self, proposal: Any) -> int:
        return self._bounded(proposal, self.count)

    @traitlets.validate("pixel")
    def _check_pixel(self, proposal: Any) -> tuple[int, int]:
        row, column = proposal.value
        height, width = self.shape[1:] if self.shape else (1, 1)
        if not (0 <= row < height and 0 <= column < width):
            raise CourseError(f"pixel must lie in rows 0..{height - 1}, columns 0..{width - 1}, got {(row, column)}.")
        return row, column

    def _summary(self) -> str:
        return f"{self.count} images, {self.top} voters per pixel at t = {self.t:.3g}, window {self.window}"


def _atlas(votes: Posterior, images: Float[Tensor, "N C H W"]) -> tuple[bytes, Int[Tensor, " n"]]:
    """The pictures of the images that voted and their indices; if too many, each pixel's heaviest, then by weight."""
    counts = votes.weight.cpu().double().clone()
    counts[..., 0] += 1
    voted, number = votes.image.cpu().flatten().unique(return_inverse=True)
    most = torch.zeros(len(voted), dtype=torch.float64).scatter_reduce_(0, number, counts.flatten(), "amax")
    order = voted[most.argsort(descending=True, stable=True)]
    order = order[order >= 0]
    while True:
        sent = order.sort().values
        atlas = zlib.compress(pixels(images[sent.to(images.device)]), 9)
        if len(atlas) <= PICTURES or len(order) <= FEWEST:
            return atlas, sent
        order = order[: max(FEWEST, int(0.98 * len(order) * PICTURES / len(atlas)))]
