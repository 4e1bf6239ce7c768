"""What every denoiser made of training images shares: checking what it is given, and classes."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .diffusion import Labels, check_labels
from .errors import CourseError, shape_of
from .pixels import check_order, check_range
from .schedule import CosineSchedule, Schedule, alpha_sigma, check_schedule, check_time

MOST = 1e6  # beyond it float32 no longer tells one training image from another


class TrainingSetDenoiser:
    """A denoiser computed from a training set, without training.

    images: the training set, (N, C, H, W), float32 or float64 (which decides the arithmetic), pixels in [-1, 1]. They
        are not copied, and what is computed from them is kept: instead of changing them, build another denoiser.
    schedule: gives alpha(t), sigma(t) and times(steps), as `CosineSchedule` does.
    image_labels: (N,), optional: with them, `labels` in a call restricts each x_t to the images of its class.

    Raises CourseError for images, a schedule or image_labels that are not like this; when called, for an x_t of another
    shape, type or device, with NaN or infinite pixels, or that asks for a gradient, for a t outside (0, 1], and for a
    class that has no images.
    """

    id: str  # in files and tables

    def __init__(
        self,
        images: Float[Tensor, "N C H W"],
        schedule: Schedule = CosineSchedule(),
        *,
        image_labels: Int[Tensor, " N"] | None = None,
    ):
        if not isinstance(images, Tensor) or images.ndim != 4 or images.numel() == 0:
            raise CourseError(
                f"images must be a tensor with the shape (N, C, H, W) and N >= 1, got {shape_of(images)}."
            )
        if images.dtype not in (torch.float32, torch.float64):
            raise CourseError(f"images must be float32 or float64 with pixels in [-1, 1], got {images.dtype}.")
        check_order(images.shape, "images")
        check_range(images, "images")
        given = shape_of(image_labels)
        if image_labels is not None and given != (len(images),):
            raise CourseError(f"image_labels must be a tensor with one label per image ({len(images)}), got {given}.")
        if image_labels is not None and image_labels.is_floating_point():
            raise CourseError(
                f"image_labels must be whole numbers, got {image_labels.dtype}: take image_labels.long()."
            )
        check_schedule(schedule)
        self.images, self.schedule = images, schedule
        self.image_labels = None if image_labels is None else image_labels.long()

    def _angle(self, t: float) -> tuple[float, float]:
        return alpha_sigma(self.schedule, check_time(t))

    def _by_class(self, batch: int, labels: Labels) -> Iterator[tuple[Tensor, Tensor | None]]:
        if labels is None:
            yield torch.arange(batch), None
            return
        if self.image_labels is None:
            raise CourseError("labels were given, but the machine was built without image_labels.")
        wanted = check_labels(labels, batch)
        for label in wanted.unique():
            index = (self.image_labels == label).nonzero()[:, 0]
            if len(index) == 0:
                known = ", ".join(str(k) for k in self.image_labels.unique().tolist())
                raise CourseError(
                    f"label {label.item()} has no images in the training set; it holds the labels {known}."
                )
            yield (wanted == label).nonzero()[:, 0], index.to(self.images.device)

    def _check(self, x_t: Tensor) -> None:
        if not isinstance(x_t, Tensor) or x_t.ndim != 4 or x_t.shape[1:] != self.images.shape[1:] or not len(x_t):
            expected = ", ".join(str(n) for n in self.images.shape[1:])
            raise CourseError(
                f"x_t must have the shape (B, {expected}) of the training images, B >= 1, got {shape_of(x_t)}."
            )
        for what in ("dtype", "device"):
            mine, theirs = getattr(self.images, what), getattr(x_t, what)
            if mine != theirs:
                raise CourseError(f"x_t is {theirs}, the training images are {mine}: move one with x_t.to(...).")
        kind = x_t.device.type
        if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
            raise CourseError(
                "machines compute in the precision of their images, but torch.autocast would round their products to 3 "
                "digits: call them outside of it, or under torch.autocast(..., enabled=False)."
            )
        if x_t.requires_grad:
            raise CourseError(
                "x_t asks for a gradient, but machines have none (they are computed without autograd): pass "
                "x_t.detach(), or differentiate els.reference, which is plain torch."
            )
        largest = float(x_t.abs().max())  # NaN if one is: a GPU is waited for once
        if not math.isfinite(largest):
            raise CourseError("x_t contains NaN or infinite pixels.")
        if largest > MOST:
            raise CourseError(f"x_t has pixels of up to {largest:.2g}: noised images lie within about 10 of 0.")
