"""How alike two images are, and how new one is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .diffusion import answer_of, check_batch, check_denoiser
from .errors import CourseError, brief


@dataclass(frozen=True, eq=False)
class Comparison:
    """Three measures per image, shape (B,), named so everywhere in the course: r, r2 (its square), R2.

    A constant image has no variance to explain: NaN, in r and r2 if either image is constant, in R2 if the target is.
    """

    r: Float[Tensor, " B"]
    r2: Float[Tensor, " B"]
    R2: Float[Tensor, " B"]


def compare(prediction: Float[Tensor, "B C H W"], target: Float[Tensor, "B C H W"]) -> Comparison:
    r"""Pearson correlation, its square, and the coefficient of determination, image by image.

    .. math:: r = \frac{\sum (p - \bar p)(y - \bar y)}{\sqrt{\sum (p - \bar p)^2 \sum (y - \bar y)^2}}, \quad
              R^2 = 1 - \frac{\sum (y - p)^2}{\sum (y - \bar y)^2}

    over all pixels and channels of an image, with one mean per image. r2 does not mind a wrong contrast or brightness;
    R2 does, and can be negative: R2 <= r2 always. Computed in float64. The paper's table is headed r^2, whereas the
    code published with it prints r; lesson 11 shows all three. Raises CourseError unless both are batches of one shape,
    on one device, of finite pixels.
    """
    check_batch(prediction, "prediction")
    check_batch(target, "target")
    if (prediction.shape, prediction.device) != (target.shape, target.device):
        raise CourseError(
            f"prediction and target must have one shape and device, got {tuple(prediction.shape)} on "
            f"{prediction.device} and {tuple(target.shape)} on {target.device}."
        )
    if not (prediction.isfinite().all() and target.isfinite().all()):
        raise CourseError("prediction or target contains NaN or infinite pixels: there is nothing to compare.")
    p, y = prediction.double().flatten(1), target.double().flatten(1)
    dp, dy = p - p.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    # the mean of equal pixels may round to another number: what is left of them then is no picture
    spp, syy = (d.square().sum(1).masked_fill((x == x[:, :1]).all(1), 0) for d, x in ((dp, p), (dy, y)))
    r = (dp * dy).sum(1) / (spp.sqrt() * syy.sqrt())
    r = torch.where((spp > 0) & (syy > 0), r, torch.nan)
    big_r2 = torch.where(syy > 0, 1 - (y - p).square().sum(1) / syy, torch.nan)
    return Comparison(r, r.square(), big_r2)


def nearest_training_image(
    x: Float[Tensor, "B C H W"], images: Float[Tensor, "N C H W"]
) -> tuple[Int[Tensor, " B"], Float[Tensor, " B"]]:
    """Index of, and Euclidean distance to, the training image nearest to each x (squared: 4 per black/white flip).
    Lesson 02.

    Raises CourseError unless both are batches of one shape, type and device, in float32 or float64, and for NaN or
    infinite pixels.
    """
    return _nearest(x, images, "x")


def _nearest(x: Tensor, images: Tensor, name: str) -> tuple[Tensor, Tensor]:
    check_batch(x, name)
    check_batch(images, "images")
    if (x.shape[1:], x.dtype, x.device) != (images.shape[1:], images.dtype, images.device):
        raise CourseError(
            f"{name} and the images must have one shape, type and device, got {tuple(x.shape[1:])} {x.dtype} on "
            f"{x.device} and {tuple(images.shape[1:])} {images.dtype} on {images.device}."
        )
    if x.dtype not in (torch.float32, torch.float64):
        raise CourseError(
            f"{name} and the images must be float32 or float64, got {x.dtype}: convert both with .float()."
        )
    if not x.isfinite().all():
        raise CourseError(f"{name} contains NaN or infinite pixels: nothing is nearest to them.")
    best = torch.full((len(x),), torch.inf, dtype=x.dtype, device=x.device)
    index = torch.zeros(len(x), dtype=torch.int64, device=x.device)
    start = 0
    for chunk in images.split(4096):
        if not chunk.isfinite().all():
            raise CourseError("images contain NaN or infinite pixels: nothing is near to them.")
        apart = torch.cdist(x.flatten(1), chunk.flatten(1), compute_mode="donot_use_mm_for_euclid_dist")
        distance, place = apart.min(1)
        closer = distance < best
        best, index = torch.where(closer, distance, best), torch.where(closer, place + start, index)
        start += len(chunk)
    return index, best


def novelty(
    x: Float[Tensor, "B C H W"], images: Float[Tensor, "N C H W"], held_out: Float[Tensor, "K C H W"]
) -> Float[Tensor, " B"]:
    """Distance to the nearest training image, in units of its (lower) median over real held-out images.

    0 is a copy; 1 is as far from the training set as a new real image; more is further out. Lesson 03.

    Raises CourseError as `nearest_training_image` does, and if at least half of the held-out images are training
    images.
    """
    usual = _nearest(held_out, images, "held_out")[1].median()
    if usual == 0:
        raise CourseError(
            "at least half of the held-out images are training images: give images that are not among them."
        )
    return nearest_training_image(x, images)[1] / usual


@torch.no_grad()
def shift_error(
    denoiser: Callable[[Tensor, float], Tensor], x_t: Float[Tensor, "B C H W"], t: float, shift: tuple[int, int]
) -> Float[Tensor, "H W"]:
    """How far a denoiser is from equivariant, pixel by pixel: |D(S x_t) - S D(x_t)|, root mean square over batch and C.

    S moves the contents down and to the right by shift = (rows, columns), wrapping around. 0 everywhere means
    equivariant under this shift, as far as x_t can tell. Lesson 03.

    Raises CourseError unless x_t is a batch of images, shift is a pair of whole numbers, and the denoiser answers in
    the shape of x_t.
    """
    check_batch(x_t, "x_t")
    try:
        shifted = x_t.roll(shift, (-2, -1))
    except (TypeError, RuntimeError):
        raise CourseError(f"shift must be (rows, columns), two whole numbers, got {brief(shift)}.") from None
    check_denoiser(denoiser)
    first, last = answer_of(denoiser, shifted, t), answer_of(denoiser, x_t, t)
    return (first - last.roll(shift, (-2, -1))).square().mean((0, 1)).sqrt()


def bootstrap_interval(values: Float[Tensor, " B"], generator: torch.Generator) -> tuple[float, float]:
    """The central 95 % of the median over 2,000 resamples of the values (which must not be NaN)."""
    v = values.double().cpu()
    index = torch.randint(len(v), (2000, len(v)), generator=generator)
    medians = v[index].quantile(0.5, dim=1)
    low, high = medians.quantile(torch.tensor([0.025, 0.975], dtype=v.dtype))
    return float(low), float(high)
