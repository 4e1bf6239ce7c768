"""Exercises of lesson 03: a trained network does something else."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from ..metrics import novelty
from ..schedule import CosineSchedule
from .attempt import Case
from .exercise import EXCHANGED, NEGATIVE_SQUARE, WRONG_DIMS, Exercise, Mistake

Denoise = Callable[[Tensor, float], Tensor]


def _toy_denoiser(channels: int, generator: torch.Generator) -> Denoise:
    """A small convolution padded with zeros, which also knows the time: not equivariant at the border.

    Like a network, it takes one time for all pictures or one for each.
    """
    weight = torch.randn(channels, channels, 3, 3, generator=generator) / (3 * channels**0.5)

    def denoise(x_t: Tensor, t: float | Tensor) -> Tensor:
        t = t.reshape(-1, 1, 1, 1).to(x_t) if isinstance(t, Tensor) else t
        return torch.tanh(F.conv2d(x_t, weight.to(x_t), padding=1)) * (1 - 0.5 * t)

    return denoise


# ------------------------------------------------------------------------------------------------------- exercise 1


def _noised(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for b, c, t in ((2, 1, 0.3), (3, 1, 0.6), (2, 3, 0.8)):
        x_0 = torch.rand(b, c, 5, 4, generator=generator) * 2 - 1
        eps = torch.randn(b, c, 5, 4, generator=generator)
        alpha, sigma = CosineSchedule().alpha(t), CosineSchedule().sigma(t)
        cases.append((_toy_denoiser(c, generator), x_0, eps, t, alpha, sigma))
    return cases


def _error(denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float) -> Tensor:
    """eps - eps_hat, in float64."""
    x_0, eps = x_0.double(), eps.double()
    x_t = alpha * x_0 + sigma * eps
    return eps - (x_t - alpha * denoiser(x_t, t)) / sigma


def _loss_at(denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float) -> float:
    return float(_error(denoiser, x_0, eps, t, alpha, sigma).square().mean())


def _loss_of_pictures(denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float) -> float:
    return float((denoiser(alpha * x_0 + sigma * eps, t) - x_0).square().mean())


def _alpha_forgotten(denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float) -> float:
    x_t = alpha * x_0 + sigma * eps
    return float((eps - (x_t - denoiser(x_t, t)) / sigma).square().mean())


def _divided_by_variance(denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float) -> float:
    x_t = alpha * x_0 + sigma * eps
    return float((eps - (x_t - alpha * denoiser(x_t, t)) / sigma**2).square().mean())


def _picture_taken_for_noise(
    denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float
) -> float:
    return float((eps - denoiser(alpha * x_0 + sigma * eps, t)).square().mean())


def _not_scaled(denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float) -> float:
    x_t = alpha * x_0 + sigma * eps
    return float((eps - (x_t - alpha * denoiser(x_t, t))).square().mean())


def _exchanged(denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float) -> float:
    return _loss_at(denoiser, x_0, eps, t, sigma, alpha)


def _exchanged_in_x_t(denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float) -> float:
    x_t = sigma * x_0 + alpha * eps
    return float((eps - (x_t - alpha * denoiser(x_t, t)) / sigma).square().mean())


def _exchanged_in_solving(denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float) -> float:
    x_t = alpha * x_0 + sigma * eps
    return float((eps - (x_t - sigma * denoiser(x_t, t)) / alpha).square().mean())


def _shown_the_clean_picture(
    denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float
) -> float:
    x_t = alpha * x_0 + sigma * eps
    return float((eps - (x_t - alpha * denoiser(x_0, t)) / sigma).square().mean())


def _sign_turned(denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float) -> float:
    x_t = alpha * x_0 + sigma * eps
    return float((eps - (alpha * denoiser(x_t, t) - x_t) / sigma).square().mean())


def _not_dimmed(denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float) -> float:
    x_t = x_0 + sigma * eps
    return float((eps - (x_t - alpha * denoiser(x_t, t)) / sigma).square().mean())


def _factor_not_squared(denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float) -> float:
    return alpha / sigma * _loss_of_pictures(denoiser, x_0, eps, t, alpha, sigma)


def _mean_before_square(denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float) -> float:
    return float(_error(denoiser, x_0, eps, t, alpha, sigma).mean() ** 2)


def _bracket_forgotten(denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float) -> float:
    x_t = alpha * x_0 + sigma * eps
    return float((eps - (x_t - alpha * denoiser(x_t, t) / sigma)).square().mean())


def _summed_over_pixels(denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float) -> float:
    return _summed(denoiser, x_0, eps, t, alpha, sigma) / len(x_0)


def _absolute_loss(denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float) -> float:
    return float(_error(denoiser, x_0, eps, t, alpha, sigma).abs().mean())


def _halved(denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float) -> float:
    return _loss_at(denoiser, x_0, eps, t, alpha, sigma) / 2


def _rooted(denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float) -> float:
    return _loss_at(denoiser, x_0, eps, t, alpha, sigma) ** 0.5


def _roots_of_other_papers(denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float) -> float:
    return _loss_at(denoiser, x_0, eps, t, alpha**0.5, (1 - alpha) ** 0.5)


def _summed(denoiser: Denoise, x_0: Tensor, eps: Tensor, t: float, alpha: float, sigma: float) -> float:
    return float(_error(denoiser, x_0, eps, t, alpha, sigma).square().sum())


# ------------------------------------------------------------------------------------------------------- exercise 2


def _galleries(generator: torch.Generator) -> list[Case]:
    """Held-out sets of odd size, so that there is one median."""
    cases: list[Case] = []
    for b, n, k, shape in ((3, 6, 5, (1, 4, 4)), (4, 8, 7, (1, 3, 5)), (2, 5, 9, (3, 3, 3))):
        images, held_out, x = (torch.rand(m, *shape, generator=generator) * 2 - 1 for m in (n, k, b))
        x[0] = images[1] + 0.02
        cases.append((x * 1.3, images, held_out))
    images, held_out = (torch.rand(m, 1, 8, 8, generator=generator) * 2 - 1 for m in (24, 5))
    return [*cases, (images[:20], images, held_out)]  # copies: nothing is new


def _distances(x: Tensor, images: Tensor) -> Tensor:
    return (x[:, None].double() - images[None].double()).square().sum((2, 3, 4)).sqrt()


def _novelty(x: Tensor, images: Tensor, held_out: Tensor) -> Tensor:
    return novelty(x.double(), images.double(), held_out.double())


def _expanded_square(x: Tensor, images: Tensor, held_out: Tensor) -> Tensor:
    v = images.flatten(1)
    new, unit = (
        (p.square().sum(1)[:, None] + v.square().sum(1) - 2 * p @ v.T).min(1).values.sqrt()
        for p in (x.flatten(1), held_out.flatten(1))
    )
    return new / unit.median()


def _no_unit(x: Tensor, images: Tensor, held_out: Tensor) -> Tensor:
    return _distances(x, images).min(1).values


def _squares(x: Tensor, images: Tensor, held_out: Tensor) -> Tensor:
    near = [_distances(p, images).square().min(1).values for p in (x, held_out)]
    return near[0] / near[1].median()


def _mean_unit(x: Tensor, images: Tensor, held_out: Tensor) -> Tensor:
    return _distances(x, images).min(1).values / _distances(held_out, images).min(1).values.mean()


def _smallest_unit(x: Tensor, images: Tensor, held_out: Tensor) -> Tensor:
    return _distances(x, images).min(1).values / _distances(held_out, images).min()


def _mean_distance(x: Tensor, images: Tensor, held_out: Tensor) -> Tensor:
    return _distances(x, images).mean(1) / _distances(held_out, images).mean(1).median()


def _median_distance(x: Tensor, images: Tensor, held_out: Tensor) -> Tensor:
    return _distances(x, images).median(1).values / _distances(held_out, images).median(1).values.median()


def _unit_of_all(x: Tensor, images: Tensor, held_out: Tensor) -> Tensor:
    return _distances(x, images).min(1).values / _distances(held_out, images).median()


def _nearest_other(images: Tensor) -> Tensor:
    apart = _distances(images, images)
    return apart.masked_fill(torch.eye(len(images), dtype=torch.bool), torch.inf).min(1).values


def _unit_among_held_out(x: Tensor, images: Tensor, held_out: Tensor) -> Tensor:
    return _distances(x, images).min(1).values / _nearest_other(held_out).median()


def _unit_among_training(x: Tensor, images: Tensor, held_out: Tensor) -> Tensor:
    return _distances(x, images).min(1).values / _nearest_other(images).median()


def _unit_from_images_to_themselves(x: Tensor, images: Tensor, held_out: Tensor) -> Tensor:
    return _distances(x, images).min(1).values / _distances(images, images).min(1).values.median()


def _unit_from_x(x: Tensor, images: Tensor, held_out: Tensor) -> Tensor:
    return _distances(x, images).min(1).values / _distances(held_out, x).min(1).values.median()


def _unit_from_x_to_held_out(x: Tensor, images: Tensor, held_out: Tensor) -> Tensor:
    return _distances(x, images).min(1).values / _distances(x, held_out).min(1).values.median()


def _median_of_x(x: Tensor, images: Tensor, held_out: Tensor) -> Tensor:
    near = torch.cdist(x.flatten(1), images.flatten(1)).min(1).values
    return near / near.median()


def _ratio_to_held_out(x: Tensor, images: Tensor, held_out: Tensor) -> Tensor:
    return _distances(x, images).min(1).values / _distances(x, held_out).min(1).values


def _from_held_out(x: Tensor, images: Tensor, held_out: Tensor) -> Tensor:
    return _distances(x, held_out).min(1).values / _distances(held_out, images).min(1).values.median()


def _upside_down(x: Tensor, images: Tensor, held_out: Tensor) -> Tensor:
    return _distances(held_out, images).min(1).values.median() / _distances(x, images).min(1).values


def _unit_along_the_wrong_side(x: Tensor, images: Tensor, held_out: Tensor) -> Tensor:
    return _distances(x, images).min(1).values / _distances(held_out, images).min(0).values.median()


# ------------------------------------------------------------------------------------------------------- exercise 3


def _to_shift(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for b, c, t, shift in ((3, 1, 0.5, (1, 0)), (2, 1, 0.2, (-2, 1)), (2, 3, 0.8, (0, 2))):
        cases.append((_toy_denoiser(c, generator), torch.randn(b, c, 6, 7, generator=generator), t, shift))
    return cases


def _both(denoiser: Denoise, x_t: Tensor, t: float, shift: tuple[int, int]) -> tuple[Tensor, Tensor]:
    x_t = x_t.double()
    first = denoiser(x_t.roll(shift, (-2, -1)), t)
    return first, denoiser(x_t, t).roll(shift, (-2, -1))


def _shift_error(denoiser: Denoise, x_t: Tensor, t: float, shift: tuple[int, int]) -> Tensor:
    first, last = _both(denoiser, x_t, t, shift)
    return (first - last).square().mean((0, 1)).sqrt()


def _only_rows_shifted(denoiser: Denoise, x_t: Tensor, t: float, shift: tuple[int, int]) -> Tensor:
    return _shift_error(denoiser, x_t, t, (shift[0], 0))


def _only_columns_shifted(denoiser: Denoise, x_t: Tensor, t: float, shift: tuple[int, int]) -> Tensor:
    return _shift_error(denoiser, x_t, t, (0, shift[1]))


def _standard_deviation(denoiser: Denoise, x_t: Tensor, t: float, shift: tuple[int, int]) -> Tensor:
    first, last = _both(denoiser, x_t, t, shift)
    return (first - last).std((0, 1))


def _filled_with_zeros(denoiser: Denoise, x_t: Tensor, t: float, shift: tuple[int, int]) -> Tensor:
    height, width = x_t.shape[-2:]
    rows, columns = (torch.arange(n) - by for n, by in zip((height, width), shift, strict=True))
    inside = ((rows >= 0) & (rows < height))[:, None] & (columns >= 0) & (columns < width)
    first = denoiser(x_t.roll(shift, (-2, -1)) * inside, t)
    last = denoiser(x_t, t).roll(shift, (-2, -1)) * inside
    return (first - last).square().mean((0, 1)).sqrt()


def _output_not_shifted(denoiser: Denoise, x_t: Tensor, t: float, shift: tuple[int, int]) -> Tensor:
    return (denoiser(x_t.roll(shift, (-2, -1)), t) - denoiser(x_t, t)).square().mean((0, 1)).sqrt()


def _input_not_shifted(denoiser: Denoise, x_t: Tensor, t: float, shift: tuple[int, int]) -> Tensor:
    x_t = x_t.double()
    return (denoiser(x_t, t) - denoiser(x_t, t).roll(shift, (-2, -1))).square().mean((0, 1)).sqrt()


def _shifted_back_twice(denoiser: Denoise, x_t: Tensor, t: float, shift: tuple[int, int]) -> Tensor:
    first = denoiser(x_t.roll(shift, (-2, -1)), t)
    last = denoiser(x_t, t).roll((-shift[0], -shift[1]), (-2, -1))
    return (first - last).square().mean((0, 1)).sqrt()


def _shifted_back(denoiser: Denoise, x_t: Tensor, t: float, shift: tuple[int, int]) -> Tensor:
    return _shift_error(denoiser, x_t, t, shift).roll((-shift[0], -shift[1]), (-2, -1))


def _rows_and_columns_swapped(denoiser: Denoise, x_t: Tensor, t: float, shift: tuple[int, int]) -> Tensor:
    return _shift_error(denoiser, x_t, t, (shift[1], shift[0]))


def _root_forgotten(denoiser: Denoise, x_t: Tensor, t: float, shift: tuple[int, int]) -> Tensor:
    return _shift_error(denoiser, x_t, t, shift).square()


def _summed_squares(denoiser: Denoise, x_t: Tensor, t: float, shift: tuple[int, int]) -> Tensor:
    first, last = _both(denoiser, x_t, t, shift)
    return (first - last).square().sum((0, 1)).sqrt()


def _root_before_the_mean(denoiser: Denoise, x_t: Tensor, t: float, shift: tuple[int, int]) -> Tensor:
    first, last = _both(denoiser, x_t, t, shift)
    return (first - last).square().mean(1).sqrt().mean(0)


def _along_wrong_dims(
    denoiser: Denoise, x_t: Tensor, t: float, shift: tuple[int, int], dims: tuple[int, int] = (0, 1)
) -> Tensor:
    first, last = denoiser(x_t.roll(shift, dims), t), denoiser(x_t, t).roll(shift, dims)
    return (first - last).square().mean((0, 1)).sqrt()


def _absolute(denoiser: Denoise, x_t: Tensor, t: float, shift: tuple[int, int]) -> Tensor:
    first, last = _both(denoiser, x_t, t, shift)
    return (first - last).abs().mean((0, 1))


def _signs_cancel(denoiser: Denoise, x_t: Tensor, t: float, shift: tuple[int, int]) -> Tensor:
    first, last = _both(denoiser, x_t, t, shift)
    return (first - last).mean((0, 1)).abs()


# ------------------------------------------------------------------------------------------------------- exercise 4


def _layers(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = [([3] * 8, [1] * 8), ([3, 3, 3, 3], [1, 2, 1, 2]), ([4, 2, 5], [2, 3, 1])]
    for length in (3, 5, 6):
        kernels = torch.randint(0, 3, (length,), generator=generator) * 2 + 3
        strides = torch.randint(1, 3, (length,), generator=generator)
        strides[0] = 2
        cases.append((kernels.tolist(), strides.tolist()))
    return cases


def _receptive_field(kernels: list[int], strides: list[int]) -> int:
    """Followed backwards from one output pixel: s outputs in a row need (s - 1) stride + kernel inputs."""
    side = 1
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        side = (side - 1) * stride + kernel
    return side


def _strides_ignored(kernels: list[int], strides: list[int]) -> int:
    return 1 + sum(k - 1 for k in kernels)


def _kernels_added(kernels: list[int], strides: list[int]) -> int:
    side, step = 0, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        side += kernel * step
        step *= stride
    return side


def _own_stride_counted(kernels: list[int], strides: list[int]) -> int:
    side, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        step *= stride
        side += (kernel - 1) * step
    return side


def _strides_added(kernels: list[int], strides: list[int]) -> int:
    side, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        side += (kernel - 1) * step
        step += stride - 1
    return side


def _last_stride_only(kernels: list[int], strides: list[int]) -> int:
    return 1 + sum((k - 1) * s for k, s in zip(kernels, [1, *strides[:-1]], strict=True))


def _not_accumulated(kernels: list[int], strides: list[int]) -> int:
    return 1 + sum((k - 1) * s for k, s in zip(kernels, strides, strict=True))


def _first_layer_twice(kernels: list[int], strides: list[int]) -> int:
    return kernels[0] + _receptive_field(kernels, strides) - 1


def _all_strides_at_once(kernels: list[int], strides: list[int]) -> int:
    return 1 + sum(k - 1 for k in kernels) * math.prod(strides)


def _radius(kernels: list[int], strides: list[int]) -> int:
    return (_receptive_field(kernels, strides) + 1) // 2


def _area(kernels: list[int], strides: list[int]) -> int:
    return _receptive_field(kernels, strides) ** 2


def _always_doubled(kernels: list[int], strides: list[int]) -> int:
    return 1 + sum((kernel - 1) * 2**layer for layer, kernel in enumerate(kernels))


def _kernel_always_three(kernels: list[int], strides: list[int]) -> int:
    return _receptive_field([3] * len(kernels), strides)


def _stride_after_the_last(kernels: list[int], strides: list[int]) -> int:
    side = 1
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        side = side * stride + kernel - 1
    return side


def _wrong_way(kernels: list[int], strides: list[int]) -> int:
    return _receptive_field(kernels[::-1], strides[::-1])


def _one_forgotten(kernels: list[int], strides: list[int]) -> int:
    return _receptive_field(kernels, strides) - 1


EXERCISES = [
    Exercise(
        name="loss_at",
        lesson=3,
        title="The loss of a denoiser",
        minutes=8,
        difficulty=1,
        start="Start by making x_t from x_0 and eps.",
        hints=(
            "Three steps: make x_t; turn the denoiser's picture into a noise estimate; compare it with eps.",
            "x_t = alpha * x0_hat + sigma * eps_hat. You know x_t and x0_hat: solve for eps_hat.",
            "eps_hat = (x_t - alpha * denoiser(x_t, t)) / sigma, and the loss is the mean of (eps - eps_hat) squared.",
        ),
        cases=_noised,
        answer=_loss_at,
        mistakes=(
            Mistake("You compare pictures. The loss compares noise: eps with eps_hat.", _loss_of_pictures),
            Mistake(
                "You subtract x0_hat itself: inside x_t the picture is dimmed, so subtract alpha * x0_hat.",
                _alpha_forgotten,
            ),
            Mistake("You divide by sigma squared: that makes a score. Noise is scaled by sigma.", _divided_by_variance),
            Mistake(
                "You compare eps with the denoiser's answer, but that is a picture: turn it into noise first.",
                _picture_taken_for_noise,
            ),
            Mistake(
                "x_t - alpha * x0_hat is sigma times the noise: divide it by sigma.",
                _not_scaled,
            ),
            Mistake("You take the root of the mean: the loss is the mean square itself.", _rooted),
            Mistake("You halve the mean square: the loss is the mean square itself.", _halved),
            Mistake("You sum the squares: take their mean.", _summed),
            Mistake("You sum over the pixels: take the mean over pixels, channels and pictures.", _summed_over_pixels),
            Mistake("You average |eps - eps_hat|: square the difference instead.", _absolute_loss),
            Mistake(EXCHANGED, _exchanged),
            Mistake(
                "You take the roots of alpha and of 1 - alpha, as in papers whose alpha is the square of ours: here "
                "x_t = alpha * x_0 + sigma * eps.",
                _roots_of_other_papers,
            ),
            Mistake(
                "In x_t you have swapped alpha and sigma: alpha scales the image and sigma the noise.",
                _exchanged_in_x_t,
            ),
            Mistake(
                "Where you solve for eps_hat, you have swapped alpha and sigma: subtract alpha * x0_hat, then divide "
                "by sigma.",
                _exchanged_in_solving,
            ),
            Mistake("You give the denoiser the clean picture: it must see x_t.", _shown_the_clean_picture),
            Mistake("In your x_t the picture is not dimmed: x_t = alpha * x_0 + sigma * eps.", _not_dimmed),
            Mistake(
                "The difference of the noises is alpha / sigma times the difference of the pictures: square that "
                "factor, too.",
                _factor_not_squared,
            ),
            Mistake("You average before you square, so errors of opposite sign cancel.", _mean_before_square),
            Mistake(
                "A bracket is missing: the whole of x_t - alpha * x0_hat is divided by sigma.",
                _bracket_forgotten,
            ),
            Mistake("The sign of your eps_hat is wrong: x_t - alpha * x0_hat is sigma times the noise.", _sign_turned),
        ),
    ),
    Exercise(
        name="novelty_score",
        lesson=3,
        title="A score for novelty",
        minutes=7,
        difficulty=2,
        start="Start with the distance of every x to every training image: shape (B, N).",
        hints=(
            "torch.cdist takes two sets of flat vectors: x.flatten(1) and images.flatten(1).",
            "The smallest along the N training images is the distance to the nearest one: shape (B,).",
            "Do the same for held_out, take its .median(), and divide.",
        ),
        cases=_galleries,
        answer=_novelty,
        tolerance=2e-3,  # the root of a square that is rounded at 1e-5
        mistakes=(
            Mistake(NEGATIVE_SQUARE, _expanded_square),
            Mistake("You return the distance itself: divide it by the median over the held-out pictures.", _no_unit),
            Mistake("You use squared distances: take the root before anything else.", _squares),
            Mistake("You divide by the mean over the held-out pictures: take their median.", _mean_unit),
            Mistake(
                "You divide by the smallest distance of all held-out pictures: take the median of their distances to "
                "the nearest training image.",
                _smallest_unit,
            ),
            Mistake("You average over all training images: only the nearest one counts.", _mean_distance),
            Mistake(
                "You take the median over the training images: only the nearest one counts, so take the smallest "
                "distance.",
                _median_distance,
            ),
            Mistake(
                "Your unit is the median of all distances: for a held-out picture, too, only the nearest training "
                "image counts.",
                _unit_of_all,
            ),
            Mistake(
                "Your unit compares held-out pictures with each other: ask how far each of them is from the training "
                "images.",
                _unit_among_held_out,
            ),
            Mistake(
                "Your unit compares training images with each other: ask how far each held-out picture is from them.",
                _unit_among_training,
            ),
            Mistake(
                "Your unit is 0, because it compares pictures with themselves (training images, held-out pictures or "
                "x): compare the held-out pictures with the training images.",
                _unit_from_images_to_themselves,
            ),
            Mistake(
                "Your unit says how far the held-out pictures are from x: ask how far they are from the training "
                "images.",
                _unit_from_x,
            ),
            Mistake(
                "Your unit says how far x is from the held-out pictures: ask how far they are from the training "
                "images.",
                _unit_from_x_to_held_out,
            ),
            Mistake("You divide by the median over x itself: take it over the held-out pictures.", _median_of_x),
            Mistake("Your fraction is upside down: divide the distance of x by the unit.", _upside_down),
            Mistake(
                "For your unit you look for the held-out picture nearest to each training image: look for the training "
                "image nearest to each held-out picture.",
                _unit_along_the_wrong_side,
            ),
            Mistake(
                "You look for the held-out picture nearest to x: x is new if it is far from the training images.",
                _from_held_out,
            ),
            Mistake(
                "You divide by the distance of x to the held-out pictures: the unit is their own distance to the "
                "training images, one median for all x.",
                _ratio_to_held_out,
            ),
        ),
    ),
    Exercise(
        name="shift_error",
        lesson=3,
        title="Test any denoiser",
        minutes=8,
        difficulty=2,
        start="Start with torch.roll(x_t, shift, dims=(-2, -1)): the shifted input.",
        hints=(
            "Two ways to the same place: denoiser(shifted x_t), and the shifted denoiser(x_t).",
            "Shift by the same amount, and in the same direction, both times.",
            "Square the difference, take the mean over dim=(0, 1), batch and channels, and then the root.",
        ),
        cases=_to_shift,
        answer=_shift_error,
        mistakes=(
            Mistake(
                "You compare with the unshifted answer: an equivariant denoiser's answer moves with its input.",
                _output_not_shifted,
            ),
            Mistake(
                "Your first answer is the one to the unshifted x_t: shift x_t before it is denoised.",
                _input_not_shifted,
            ),
            Mistake("You shift the answer the other way: both shifts go in the same direction.", _shifted_back_twice),
            Mistake(
                "You shift up and to the left, by minus `shift`: torch.roll takes the shift as it is.",
                lambda denoiser, x_t, t, shift: _shift_error(denoiser, x_t, t, (-shift[0], -shift[1])),
            ),
            Mistake(
                "You shift the first answer back before you compare, which moves every error to another pixel: shift "
                "the second answer instead.",
                _shifted_back,
            ),
            Mistake(
                "You swap rows and columns: shift is (rows, columns), and dims=(-2, -1) names them in that order.",
                _rows_and_columns_swapped,
            ),
            Mistake("You shift rows only: shift[1] is for the columns.", _only_rows_shifted),
            Mistake("You shift columns only: shift[0] is for the rows.", _only_columns_shifted),
            Mistake(
                "You fill the gap that a shift leaves with zeros: let the picture wrap around, as torch.roll does.",
                _filled_with_zeros,
            ),
            Mistake(
                "You take the standard deviation, which subtracts the mean: take the root of the mean square.",
                _standard_deviation,
            ),
            Mistake("You forgot the root: return the root of the mean square.", _root_forgotten),
            Mistake("You sum the squares over batch and channels: take their mean.", _summed_squares),
            Mistake("You average absolute values: square, average, and take the root.", _absolute),
            Mistake(
                "You take the root of each picture's own mean square, and then the mean of these roots: take one mean "
                "over batch and channels, then the root.",
                _root_before_the_mean,
            ),
            Mistake(WRONG_DIMS, _along_wrong_dims),
            Mistake(
                "You move rows by shift[1], and no columns: rows and columns are the last two axes, dims=(-2, -1).",
                partial(_along_wrong_dims, dims=(1, 2)),
            ),
            Mistake("You average before you square, so errors of opposite sign cancel.", _signs_cancel),
        ),
    ),
    Exercise(
        name="receptive_field",
        lesson=3,
        title="A receptive field by hand",
        minutes=6,
        difficulty=2,
        start="Start with a field of 1 pixel, before any layer.",
        hints=(
            "Without strides every layer adds kernel - 1 pixels.",
            "Keep a second number, step: the distance, on the original picture, between two neighbouring inputs of the "
            "layer.",
            "A layer adds (kernel - 1) * step; after it, step is multiplied by the layer's stride.",
        ),
        cases=_layers,
        answer=_receptive_field,
        mistakes=(
            Mistake("You ignore the strides: after a stride of 2, neighbours lie two pixels apart.", _strides_ignored),
            Mistake(
                "You add the whole kernel: its centre is already counted, so a layer adds kernel - 1.", _kernels_added
            ),
            Mistake(
                "You multiply by the layer's own stride too early: it spreads only the layers after it.",
                _own_stride_counted,
            ),
            Mistake("You add up the strides, but they multiply: two strides of 3 make a step of 9.", _strides_added),
            Mistake(
                "You use only the stride just before each layer, but strides multiply: two strides of 2 make a step of "
                "4.",
                _last_stride_only,
            ),
            Mistake(
                "You multiply each layer by its own stride: a layer is spread by the product of the strides before it.",
                _not_accumulated,
            ),
            Mistake(
                "You multiply all layers by the product of all strides: a layer is spread only by the strides before "
                "it.",
                _all_strides_at_once,
            ),
            Mistake(
                "You count the first layer twice: start with the pixel itself, 1, or leave the first layer out of the "
                "loop.",
                _first_layer_twice,
            ),
            Mistake("You count only one side: a kernel of 3 adds one pixel on each side, 2 in all.", _radius),
            Mistake(
                "You go through the layers in the wrong direction. (side - 1) * stride + kernel goes from the last "
                "layer to the first; adding (kernel - 1) * step, and multiplying the step by the stride afterwards, "
                "goes from the first to the last.",
                _wrong_way,
            ),
            Mistake(
                "You add up whole kernels and ignore the strides: a layer adds (kernel - 1) times the strides "
                "before it.",
                lambda kernels, strides: sum(kernels),
            ),
            Mistake("You return the area: return the side, the length along one direction.", _area),
            Mistake(
                "You double the step at every layer: multiply it by the layer's stride, which may be 1 or 3.",
                _always_doubled,
            ),
            Mistake(
                "You add 2 * step at every layer, as if every kernel were 3 wide: add (kernel - 1) * step.",
                _kernel_always_three,
            ),
            Mistake(
                "Going backwards, `side` outputs in a row need (side - 1) * stride + kernel inputs: the strides lie "
                "between the outputs.",
                _stride_after_the_last,
            ),
            Mistake("Your result is one too small: before any layer the field is 1, the pixel itself.", _one_forgotten),
        ),
    ),
]
