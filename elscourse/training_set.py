"""What every denoiser made of training images shares: checking what it is given, and classes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .devices import pick_device
from .diffusion import Labels, check_labels
from .errors import CourseError, shape_of
from .pixels import check_order, check_range
from .schedule import CosineSchedule, Schedule, alpha_sigma, check_schedule, check_time

LEAST_NOISE = 1e-100  # of sigma: float64 has no square of a much smaller one
MOST = 1e6  # beyond it float32 no longer tells one training image from another


class TrainingSetDenoiser:
    """A denoiser computed from a training set, without training.

    images: the training set, (N, C, H, W), float32 or float64 (which decides the arithmetic), pixels in [-1, 1]. They
        are not copied, and what is computed from them is kept: instead of changing them, build another denoiser.
    schedule: gives alpha(t), sigma(t) and times(steps), as `CosineSchedule` does.
    image_labels: N whole numbers, optional: with them, `labels` in a call restricts each x_t to images of its class.

    Raises CourseError for images, a schedule or image_labels that are not like this; when called, for an x_t of another
    shape, type or device, with NaN or infinite pixels, or that asks for a gradient, for a t outside (0, 1] or so small
    that the noise has no square, and for a class that has no images.
    """

    id: str  # in files and tables

    def __init__(
        self,
        images: Float[Tensor, "N C H W"],
        schedule: Schedule = CosineSchedule(),
        *,
        image_labels: Int[Tensor, " N"] | Sequence[int] | None = None,
    ):
        if not isinstance(images, Tensor) or images.ndim != 4 or images.numel() == 0:
            raise CourseError(
                f"images must be a tensor with the shape (N, C, H, W) and N >= 1, got {shape_of(images)}"
                f"{_how_to_make_a_tensor(images)}."
            )
        if images.layout != torch.strided:
            raise CourseError(f"images must have their pixels in memory, got {images.layout}: take images.to_dense().")
        if images.dtype not in (torch.float32, torch.float64):
            advice = "images.float()" if images.is_floating_point() else "images / 127.5 - 1 if they are 0 to 255"
            raise CourseError(
                f"images must be float32 or float64 with pixels in [-1, 1], got {images.dtype}: take {advice}."
            )
        if images.device.type == "mps":
            pick_device(images.device)  # says what it lacks
        check_order(images.shape, "images")
        check_range(images, "images")
        check_schedule(schedule)
        self.images, self.schedule = images, schedule
        self.image_labels = None if image_labels is None else _check_image_labels(image_labels, len(images))

    def _alpha_sigma(self, t: float) -> tuple[float, float]:
        alpha, sigma = alpha_sigma(self.schedule, check_time(t))
        if sigma < LEAST_NOISE:
            raise CourseError(
                f"{self.schedule} has sigma = {sigma:g} at t = {t:g}, whose square is 0 to a computer: ask at a larger "
                "t."
            )
        return alpha, sigma

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
        if x_t.layout != torch.strided:
            raise CourseError(f"x_t must have its pixels in memory, got {x_t.layout}: take x_t.to_dense().")
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


def _how_to_make_a_tensor(given: object) -> str:
    """What to do with images that are not in a tensor: those of `load`, or of numpy."""
    if isinstance(getattr(given, "images", None), Tensor):
        return ": take its images, as in data.images"
    return ": take torch.from_numpy(images)" if isinstance(given, np.ndarray) else ""


def _check_image_labels(image_labels: Tensor | Sequence[int], n: int) -> Int[Tensor, " N"]:
    """The labels of n images as a tensor."""
    try:
        labels = torch.as_tensor(image_labels)
    except (TypeError, ValueError, RuntimeError):
        labels = None
    if labels is None or labels.shape != (n,):
        given = shape_of(image_labels if labels is None else labels)
        raise CourseError(f"image_labels must be whole numbers, one label per image ({n}), got {given}.")
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise CourseError(
            f"image_labels must be whole numbers, got {labels.dtype}: take torch.as_tensor(image_labels).long()."
        )
    return labels.long()
