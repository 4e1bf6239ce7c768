"""Exercises of lesson 07: the equivariant local score machine."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from .attempt import Case
from .exercise import EXCHANGED, NEVER_BY_ZERO, UNDERFLOW, WRONG_DIMS, Exercise, Mistake

# ------------------------------------------------------------------------------------------------ one pixel of ELS


def _pixel_cases(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for count, channels, size, alpha, sigma in ((40, 1, 3, 0.8, 0.6), (25, 3, 5, 0.5, 0.87), (30, 2, 3, 0.998, 0.06)):
        patches = torch.rand(count, channels, size, size, generator=generator) * 2 - 1
        noise = torch.randn(channels, size, size, generator=generator)
        # off every patch, so that at low noise each single weight is zero in floating point; and with little noise, so
        # that otherwise their sum is not small, and a small number added to it does not show
        query = alpha * (0.6 * patches[0] + 0.4 * patches[1]) + sigma / 4 * noise
        cases.append((query, patches, alpha, sigma))
    query, patches, _, _ = cases[1]
    cases.append((query.double(), patches.double(), 0.9998, 0.02))  # each exp is 0 in float64 as well
    return cases


def _pixel(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Float[Tensor, " C"]:
    q, p = query.double(), dictionary.double()
    logits = -(q - alpha * p).square().sum((-3, -2, -1)) / (2 * sigma**2)
    r = q.shape[-1] // 2
    return torch.softmax(logits, dim=0) @ p[:, :, r, r]


def _one_vote_per_channel(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    logits = -(query - alpha * dictionary).square().sum((-2, -1)) / (2 * sigma**2)
    r = query.shape[-1] // 2
    return (torch.softmax(logits, dim=0) * dictionary[:, :, r, r]).sum(0)


def _vote(dictionary: Tensor, logits: Tensor) -> Tensor:
    r = dictionary.shape[-1] // 2
    return torch.softmax(logits, dim=0) @ dictionary[:, :, r, r]


def _alpha_forgotten(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    return _vote(dictionary, -(query - dictionary).square().sum((-3, -2, -1)) / (2 * sigma**2))


def _dimmed_query(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    return _vote(dictionary, -(alpha * query - dictionary).square().sum((-3, -2, -1)) / (2 * sigma**2))


def _sigma_not_squared(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    return _vote(dictionary, -(query - alpha * dictionary).square().sum((-3, -2, -1)) / (2 * sigma))


def _two_forgotten(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    return _vote(dictionary, -(query - alpha * dictionary).square().sum((-3, -2, -1)) / sigma**2)


def _mean_of_squares(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    return _vote(dictionary, -(query - alpha * dictionary).square().mean((-3, -2, -1)) / (2 * sigma**2))


def _distance_not_squared(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    return _vote(dictionary, -(query - alpha * dictionary).square().sum((-3, -2, -1)).sqrt() / (2 * sigma**2))


def _wrong_sign(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    return _vote(dictionary, (query - alpha * dictionary).square().sum((-3, -2, -1)) / (2 * sigma**2))


def _dimmed_centre(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    return alpha * _pixel(query, dictionary, alpha, sigma)


def _corner(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    logits = -(query - alpha * dictionary).square().sum((-3, -2, -1)) / (2 * sigma**2)
    return torch.softmax(logits, dim=0) @ dictionary[:, :, 0, 0]


def _mean_of_the_patch(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    logits = -(query - alpha * dictionary).square().sum((-3, -2, -1)) / (2 * sigma**2)
    return torch.softmax(logits, dim=0) @ dictionary.mean((-2, -1))


def _centres_compared(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    r = query.shape[-1] // 2
    return _vote(dictionary, -(query - alpha * dictionary)[:, :, r, r].square().sum(1) / (2 * sigma**2))


def _divided_then_multiplied(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    return _vote(dictionary, -(query - alpha * dictionary).square().sum((-3, -2, -1)) / 2 * sigma**2)


def _heaviest_voter(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    r = dictionary.shape[-1] // 2
    distance = (query - alpha * dictionary).square().sum((-3, -2, -1))
    return dictionary[distance.argmin(), :, r, r]


def _always_two(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    logits = -(query - alpha * dictionary).square().sum((-3, -2, -1)) / (2 * sigma**2)
    return torch.softmax(logits, dim=0) @ dictionary[:, :, 2, 2]


def _next_to_the_centre(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    logits = -(query - alpha * dictionary).square().sum((-3, -2, -1)) / (2 * sigma**2)
    r = (query.shape[-1] + 1) // 2
    return torch.softmax(logits, dim=0) @ dictionary[:, :, r, r]


def _centre_not_compared(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    squares, r = (query - alpha * dictionary).square().sum(1), query.shape[-1] // 2
    return _vote(dictionary, -(squares.sum((-2, -1)) - squares[:, r, r]) / (2 * sigma**2))


def _never_by_zero(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    w = torch.exp(-(query - alpha * dictionary).square().sum((-3, -2, -1)) / (2 * sigma**2))
    r = query.shape[-1] // 2
    return (w / (w.sum() + 1e-12)) @ dictionary[:, :, r, r]


def _brightened_query(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    return _vote(dictionary, -(query / alpha - dictionary).square().sum((-3, -2, -1)) / (2 * sigma**2))


def _bare_weights(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    r = query.shape[-1] // 2
    weights = (-(query - alpha * dictionary).square().sum((-3, -2, -1)) / (2 * sigma**2)).exp()
    return weights @ dictionary[:, :, r, r]


def _not_normalised(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    logits = -(query - alpha * dictionary).square().sum((-3, -2, -1)) / (2 * sigma**2)
    r = query.shape[-1] // 2
    return (logits - logits.max()).exp() @ dictionary[:, :, r, r]


def _no_maximum_in_float64(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    return _no_maximum_subtracted(query.double(), dictionary.double(), alpha, sigma)


def _no_maximum_subtracted(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    w = torch.exp(-(query - alpha * dictionary).square().sum((-3, -2, -1)) / (2 * sigma**2))
    r = query.shape[-1] // 2
    return (w / w.sum()) @ dictionary[:, :, r, r]


# ---------------------------------------------------------------------------------------------------- one formula

Blur = Callable[[Tensor], Tensor]
Shifts = list[tuple[int, int]]


def _window(patch_size: int | None, mode: str = "circular") -> Blur:
    """The blur with all ones on P x P, or over the whole image, for every f (..., H, W)."""

    def blur(f: Tensor) -> Tensor:
        if patch_size is None:
            return f.sum((-2, -1), keepdim=True).expand(f.shape)
        rows = F.pad(f.reshape(1, -1, *f.shape[-2:]), [patch_size // 2] * 4, mode=mode)
        return (F.avg_pool2d(rows, patch_size, stride=1) * patch_size**2).reshape(f.shape)

    return blur


def _formula_cases(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    all_shifts = [(dy, dx) for dy in range(5) for dx in range(6)]
    for channels, alpha, sigma, shifts, blur in (
        (1, 0.8, 0.6, all_shifts, _window(3)),
        (2, 0.6, 0.8, [(0, 0), (1, 0), (0, 2), (-1, 1)], _window(None)),
        (3, 0.7, 0.71, [(0, 0)], _window(3, "constant")),
        (1, 0.9998, 0.02, [(0, 0), (2, 1)], _window(5)),  # each exp is 0 in float64 as well
    ):
        images = torch.rand(4, channels, 5, 6, generator=generator) * 2 - 1
        clean = 0.6 * images[:1] + 0.4 * images[1:2]  # off every image, even without noise
        # with little noise, so that the sum of the exps is 0 or not small: a small number added to it does not show
        x_t = alpha * clean + sigma / 4 * torch.randn(clean.shape, generator=generator)
        cases.append((x_t, images, alpha, sigma, shifts, blur))
    return cases


def _slid(images: Tensor, shifts: Shifts, dims: tuple[int, int] = (-2, -1)) -> Float[Tensor, "d N C H W"]:
    return torch.stack([images.double().roll((-dy, -dx), dims) for dy, dx in shifts])


def _averaged(logits: Tensor, values: Tensor) -> Tensor:
    """Softmax over displacements and images, then the mean of the values (d, N, C, H, W)."""
    weights = torch.softmax(logits.flatten(0, 1), dim=0)
    return (weights[:, None] * values.flatten(0, 1)).sum(0, keepdim=True)


def _energy(x_t: Tensor, slid: Tensor, alpha: float, blur: Blur) -> Float[Tensor, "d N H W"]:
    return blur((x_t.double() - alpha * slid).square().sum(2))


def _formula(x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur) -> Tensor:
    slid = _slid(images, shifts)
    return _averaged(-_energy(x_t, slid, alpha, blur) / (2 * sigma**2), slid)


def _slid_the_other_way(x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur) -> Tensor:
    return _formula(x_t, images, alpha, sigma, [(-dy, -dx) for dy, dx in shifts], blur)


def _slid_along_wrong_dims(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur
) -> Tensor:
    slid = _slid(images, shifts, dims=(0, 1))
    return _averaged(-_energy(x_t, slid, alpha, blur) / (2 * sigma**2), slid)


def _sign_lost(x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur) -> Tensor:
    slid = _slid(images, shifts)
    return _averaged(_energy(x_t, slid, alpha, blur) / (2 * sigma**2), slid)


def _where_they_lay(x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur) -> Tensor:
    logits = -_energy(x_t, _slid(images, shifts), alpha, blur) / (2 * sigma**2)
    return _averaged(logits, images.double().expand(len(shifts), *images.shape))


def _not_blurred(x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur) -> Tensor:
    return _formula(x_t, images, alpha, sigma, shifts, lambda f: f)


def _blurred_before_squaring(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur
) -> Tensor:
    slid = _slid(images, shifts)
    return _averaged(-blur(x_t.double() - alpha * slid).square().sum(2) / (2 * sigma**2), slid)


def _each_channel_for_itself(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur
) -> Tensor:
    slid = _slid(images, shifts)
    logits = -blur((x_t.double() - alpha * slid).square()) / (2 * sigma**2)
    return (logits.flatten(0, 1).softmax(0) * slid.flatten(0, 1)).sum(0, keepdim=True)


def _mean_over_channels(x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur) -> Tensor:
    slid = _slid(images, shifts)
    return _averaged(-_energy(x_t, slid, alpha, blur) / images.shape[1] / (2 * sigma**2), slid)


def _softmax_over_shifts(x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur) -> Tensor:
    slid = _slid(images, shifts)
    weights = torch.softmax(-_energy(x_t, slid, alpha, blur) / (2 * sigma**2), dim=0)
    return (weights[:, :, None] * slid).sum((0, 1))[None]


def _mean_over_images(x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur) -> Tensor:
    return _softmax_over_shifts(x_t, images, alpha, sigma, shifts, blur) / len(images)


def _one_weight_per_image(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur
) -> Tensor:
    slid = _slid(images, shifts)
    logits = -_energy(x_t, slid, alpha, blur).sum((-2, -1), keepdim=True) / (2 * sigma**2)
    return _averaged(logits.expand(*logits.shape[:2], *slid.shape[-2:]), slid)


def _mean_over_shifts(x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur) -> Tensor:
    return torch.stack([_formula(x_t, images, alpha, sigma, [d], blur) for d in shifts]).mean(0)


def _rows_and_columns_exchanged(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur
) -> Tensor:
    return _formula(x_t, images, alpha, sigma, [(dx, dy) for dy, dx in shifts], blur)


def _slid_picture(x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur) -> Tensor:
    energy = torch.stack([_energy(moved, images.double()[None], alpha, blur)[0] for moved in _slid(x_t, shifts)])
    return _averaged(-energy / (2 * sigma**2), images.double().expand(len(shifts), *images.shape))


def _not_slid(x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur) -> Tensor:
    return _formula(x_t, images, alpha, sigma, [(0, 0)], blur)


def _every_shift(x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur) -> Tensor:
    height, width = images.shape[-2:]
    return _formula(x_t, images, alpha, sigma, [(dy, dx) for dy in range(height) for dx in range(width)], blur)


def _mean_of_the_window(x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur) -> Tensor:
    return _formula(x_t, images, alpha, sigma, shifts, lambda f: blur(f) / blur(torch.ones_like(f)))


def _own_window(x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur) -> Tensor:
    return _formula(x_t, images, alpha, sigma, shifts, _window(3))


def _blurred_exponentials(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur
) -> Tensor:
    slid = _slid(images, shifts)
    w = blur(torch.exp(-_energy(x_t, slid, alpha, lambda f: f) / (2 * sigma**2)))[:, :, None]
    return ((w * slid).sum((0, 1)) / w.sum((0, 1)))[None]


def _sum_over_shifts(x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur) -> Tensor:
    return len(shifts) * _mean_over_shifts(x_t, images, alpha, sigma, shifts, blur)


def _one_maximum_of_all_pixels(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur
) -> Tensor:
    slid = _slid(images, shifts).float()
    logits = -_energy(x_t, slid.double(), alpha, blur).float() / (2 * sigma**2)
    w = (logits - logits.max()).exp()[:, :, None]
    return ((w * slid).sum((0, 1)) / w.sum((0, 1)))[None]


def _undimmed(x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur) -> Tensor:
    slid = _slid(images, shifts)
    return _averaged(-_energy(x_t, slid, 1.0, blur) / (2 * sigma**2), slid)


def _dimmed_values(x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur) -> Tensor:
    return alpha * _formula(x_t, images, alpha, sigma, shifts, blur)


def _formula_without_two(x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur) -> Tensor:
    return _formula(x_t, images, alpha, sigma / math.sqrt(2), shifts, blur)


def _formula_sigma_not_squared(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur
) -> Tensor:
    return _formula(x_t, images, alpha, math.sqrt(sigma), shifts, blur)


def _softmax_over_pixels_too(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur
) -> Tensor:
    slid = _slid(images, shifts)
    logits = -_energy(x_t, slid, alpha, blur) / (2 * sigma**2)
    return (logits.flatten().softmax(0).view(logits.shape)[:, :, None] * slid).sum((0, 1))[None]


def _best_fit_alone(x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur) -> Tensor:
    return _formula(x_t, images, alpha, 1e-6, shifts, blur)


def _formula_without_its_sum(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur
) -> Tensor:
    slid = _slid(images, shifts)
    return (torch.exp(-_energy(x_t, slid, alpha, blur) / (2 * sigma**2))[:, :, None] * slid).sum((0, 1))[None]


def _formula_of_bare_exps(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, shifts: Shifts, blur: Blur, below: float = 0
) -> Tensor:
    slid = _slid(images, shifts)
    w = torch.exp(-_energy(x_t, slid, alpha, blur) / (2 * sigma**2))[:, :, None]
    return ((w * slid).sum((0, 1)) / (w.sum((0, 1)) + below))[None]


# ------------------------------------------------------------------------------------------------ nearest, shifted


def _shifted_cases(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    wide = (1, 2, 18)  # more than 16, the width of the lesson's images
    for shape, count in (((1, 5, 6), 5), ((2, 4, 4), 4), ((1, 6, 5), 3), (wide, 3)):
        images = torch.rand(count, *shape, generator=generator) * 2 - 1
        moved = torch.stack([images[0].roll((1, 2), (-2, -1)), images[1].roll((-1, -1), (-2, -1)), images[2]])
        moved = torch.cat([moved, images[1:2].flip(1)])  # its channels swapped
        samples = torch.cat([moved, torch.rand(3, *shape, generator=generator) * 2 - 1])
        cases.append((samples + 0.2 * torch.randn(samples.shape, generator=generator), images))
    return cases


def _torus(picture: Tensor) -> Shifts:
    return [(dy, dx) for dy in range(picture.shape[-2]) for dx in range(picture.shape[-1])]


def _apart(
    samples: Tensor, images: Tensor, shifts: Shifts | None = None, dims: tuple[int, int] = (-2, -1)
) -> Float[Tensor, "d B N"]:
    """The distance of each sample, shifted by each d, to each image."""
    shifts = _torus(samples) if shifts is None else shifts
    slid = torch.stack([samples.double().roll(d, dims) for d in shifts])
    return torch.cdist(slid.flatten(2), images.double().flatten(1), compute_mode="donot_use_mm_for_euclid_dist")


def _nearest_shifted(samples: Tensor, images: Tensor) -> Float[Tensor, " B"]:
    return _apart(samples, images).amin((0, 2))


def _along(samples: Tensor, images: Tensor, axis: int) -> Tensor:
    return _apart(samples, images, [d for d in _torus(samples) if d[1 - axis] == 0]).amin((0, 2))


def _along_the_diagonal(samples: Tensor, images: Tensor) -> Tensor:
    shifts = [(d, d) for d in range(max(samples.shape[-2:]))]
    return _apart(samples, images, shifts).amin((0, 2))


def _to_sixteen(samples: Tensor, images: Tensor, sign: int) -> Tensor:
    """The height and width of the notebook's images, whatever comes in. With a minus, as if images were shifted."""
    return _apart(samples, images, [(sign * dy, sign * dx) for dy in range(16) for dx in range(16)]).amin((0, 2))


def _images_along_wrong_dims(samples: Tensor, images: Tensor) -> Tensor:
    slid = [images.roll(d, (0, 1)) for d in _torus(images)]
    return torch.stack([_apart(samples, moved, [(0, 0)]).amin((0, 2)) for moved in slid]).amin(0)


def _sides_confused(samples: Tensor, images: Tensor, rows: int, columns: int) -> Tensor:
    """dy and dx run over the lengths of these sides of the images."""
    sides = samples.shape
    return _apart(samples, images, [(dy, dx) for dy in range(sides[rows]) for dx in range(sides[columns])]).amin((0, 2))


def _in_steps_of_one(samples: Tensor, images: Tensor) -> Tensor:
    return _apart(samples, images, [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]).amin((0, 2))


def _fallen_off(samples: Tensor, images: Tensor) -> Tensor:
    height, width = samples.shape[-2:]
    wide = F.pad(images.double(), [width, width, height, height])
    corners = [(dy, dx) for dy in range(2 * height + 1) for dx in range(2 * width + 1)]
    slid = torch.cat([wide[..., dy : dy + height, dx : dx + width] for dy, dx in corners])
    return torch.cdist(samples.double().flatten(1), slid.flatten(1)).amin(1)


def _sum_of_differences(samples: Tensor, images: Tensor) -> Tensor:
    slid = torch.stack([samples.double().roll(d, (-2, -1)) for d in _torus(samples)])
    return torch.cdist(slid.flatten(2), images.double().flatten(1), p=1).amin((0, 2))


EXERCISES = [
    Exercise(
        name="els_pixel",
        lesson=7,
        title="One pixel of the machine",
        minutes=10,
        difficulty=2,
        start="Start from the squared distance of the query to alpha times every patch.",
        hints=(
            "The sum of squares runs over channels, rows and columns of the patch: one number per patch.",
            "Weights: torch.softmax(-distance / (2 * sigma**2), dim=0). It subtracts the largest logit by itself.",
            "With P = query.shape[-1], the value of a patch is its centre pixel, dictionary[:, :, P // 2, P // 2], of "
            "shape (M, C), undimmed.",
        ),
        cases=_pixel_cases,
        answer=_pixel,
        mistakes=(
            Mistake(
                EXCHANGED,
                lambda query, dictionary, alpha, sigma: _pixel(query, dictionary, sigma, alpha),
            ),
            Mistake(
                "You compare with the clean patch: inside x_t it is dimmed, so compare with alpha * p.",
                _alpha_forgotten,
            ),
            Mistake(
                "You dim the query, which is part of x_t and dimmed already: compare it with alpha * p.", _dimmed_query
            ),
            Mistake(
                "You multiply by sigma squared: in Python `/ 2 * sigma**2` divides by 2 and then multiplies. Write "
                "`/ (2 * sigma**2)`.",
                _divided_then_multiplied,
            ),
            Mistake(
                "You return the centre of the patch that fits best: return the weighted mean of all centres.",
                _heaviest_voter,
            ),
            Mistake(
                "You divide the query by alpha, which also makes the noise larger, sigma / alpha: compare with alpha * "
                "p instead.",
                _brightened_query,
            ),
            Mistake("Your weights do not sum to one: divide them by their sum.", _not_normalised),
            Mistake("Your weights, exp(...), do not sum to one: divide them by their sum.", _bare_weights),
            Mistake("You divide by 2 sigma: the variance of the noise is sigma squared.", _sigma_not_squared),
            Mistake("The 2 is missing: a Gaussian divides the squared distance by 2 sigma squared.", _two_forgotten),
            Mistake(
                "You take the mean of the squares over the patch: the squared distance is their sum.", _mean_of_squares
            ),
            Mistake("You took a square root: the Gaussian holds the squared distance.", _distance_not_squared),
            Mistake("The sign is wrong: the further away a patch is, the smaller its weight.", _wrong_sign),
            Mistake(
                "Your channels vote separately: a patch has only one weight, so sum over the channels, too.",
                _one_vote_per_channel,
            ),
            Mistake("You return the dimmed centre: compare with alpha * p, but average the clean p.", _dimmed_centre),
            Mistake(
                "You average pixel [2, 2] of the patches, which is the centre only if they are 5 x 5: the centre is at "
                "P // 2 (the notebook's P is 5; take it from the query, P = query.shape[-1]).",
                _always_two,
            ),
            Mistake("You average the corner [0, 0] of the patches: the centre is at P // 2.", _corner),
            Mistake(
                "You average the pixel below and right of the centre, at (P + 1) // 2: counted from 0, the centre is "
                "at P // 2.",
                _next_to_the_centre,
            ),
            Mistake(
                "You leave the centre out of the distance: the pixel itself counts, too, so sum over the whole window.",
                _centre_not_compared,
            ),
            Mistake(
                "You compare only the centres: compare whole windows, then average the centres.", _centres_compared
            ),
            Mistake("You average whole patches: average only the centre pixel of each.", _mean_of_the_patch),
            Mistake(NEVER_BY_ZERO, _never_by_zero),
            Mistake(
                "At low noise your exps are all 0, or overflow, and 0/0 is not a number: subtract the largest logit "
                "first, as torch.softmax does.",
                _no_maximum_subtracted,
            ),
            Mistake(
                "At the lowest noise your exps are all 0 in float64 as well, and 0/0 is not a number: subtract the "
                "largest logit first, as torch.softmax does.",
                _no_maximum_in_float64,
            ),
        ),
    ),
    Exercise(
        name="one_formula",
        lesson=7,
        title="One formula",
        minutes=10,
        difficulty=2,
        start="Start with step 1: images.roll((-dy, -dx), (-2, -1)) has v(x + d) at x. Stack it for all d in shifts.",
        hints=(
            "With axes (d, N, C, H, W) for the slid images, square the difference, sum over C, and blur: (d, N, H, W).",
            "At every pixel, take one softmax over all displacements and images together: flatten the first two axes.",
            "Average the slid images, undimmed; the weights need an axis for C: weights[:, None].",
        ),
        cases=_formula_cases,
        answer=_formula,
        mistakes=(
            Mistake(
                EXCHANGED,
                lambda x_t, images, alpha, sigma, shifts, blur: _formula(x_t, images, sigma, alpha, shifts, blur),
            ),
            Mistake(
                "You slide the wrong way: v(x + d) stands at x after a roll by *minus* d, (-dy, -dx).",
                _slid_the_other_way,
            ),
            Mistake(
                "You weigh the slid images, but average the ones that were not slid: the value is v(x + d).",
                _where_they_lay,
            ),
            Mistake("Rows and columns are swapped: d is (dy, dx), so roll by (-dy, -dx).", _rows_and_columns_exchanged),
            Mistake("You slide x_t: slide the training images, and leave x_t where it is.", _slid_picture),
            Mistake(
                "You do not blur, so every pixel judges only by itself: apply `blur` to the squares.", _not_blurred
            ),
            Mistake("You do not slide: compare with the images displaced by each d of `shifts`.", _not_slid),
            Mistake("You slide by every d of the torus: use only those in `shifts`.", _every_shift),
            Mistake(
                "You take the mean over the window: `blur` gives the sum, which is what the formula needs.",
                _mean_of_the_window,
            ),
            Mistake("You blur with a window of your own, 3 x 3: use the function `blur`.", _own_window),
            Mistake("You blur the exponentials: blur the squares first, then exponentiate.", _blurred_exponentials),
            Mistake("You blur the difference and then square it: square first.", _blurred_before_squaring),
            Mistake(
                "Your channels choose separately: sum the squares over the channels before the softmax.",
                _each_channel_for_itself,
            ),
            Mistake("You take the mean over the channels: sum the squares.", _mean_over_channels),
            Mistake(
                "Your softmax runs only over the displacements: flatten displacements and images into one axis first.",
                _softmax_over_shifts,
            ),
            Mistake(
                "Your softmax runs only over the displacements, and you average over the images: flatten displacements "
                "and images into one axis first.",
                _mean_over_images,
            ),
            Mistake(
                "You give each slid image one weight for all pixels: every pixel has weights of its own.",
                _one_weight_per_image,
            ),
            Mistake(
                "You take a softmax for each displacement and average: one softmax runs over all displacements and "
                "images together.",
                _mean_over_shifts,
            ),
            Mistake(
                "You take a softmax for each displacement and add the results: all weights of a pixel together must "
                "sum to one.",
                _sum_over_shifts,
            ),
            Mistake("You compare with the clean image: inside x_t it is dimmed, so compare with alpha * v.", _undimmed),
            Mistake(
                "You average dimmed pixels: compare with alpha * v, but average the clean v(x + d).", _dimmed_values
            ),
            Mistake("The 2 is missing: the exponent is divided by 2 sigma squared.", _formula_without_two),
            Mistake("You divide by 2 sigma: the variance of the noise is sigma squared.", _formula_sigma_not_squared),
            Mistake(
                "Your weights (or softmax) sum to one over the pixels, too: each pixel has its own weights.",
                _softmax_over_pixels_too,
            ),
            Mistake(
                "You take the pixel that fits best: take the weighted mean over all images and displacements.",
                _best_fit_alone,
            ),
            Mistake(
                "You multiply by sigma squared: in Python `/ 2 * sigma**2` divides by 2 and then multiplies.",
                lambda x_t, images, alpha, sigma, shifts, blur: _formula(x_t, images, alpha, 1 / sigma, shifts, blur),
            ),
            Mistake("Your weights do not sum to one: divide them by their sum.", _formula_without_its_sum),
            Mistake(UNDERFLOW, _formula_of_bare_exps),
            Mistake(NEVER_BY_ZERO, partial(_formula_of_bare_exps, below=1e-12)),
            Mistake(WRONG_DIMS, _slid_along_wrong_dims),
            Mistake("The sign is wrong: the further away an image is, the smaller its weight.", _sign_lost),
            Mistake(
                "You subtract one largest exponent from all pixels, so elsewhere all weights are rounded to 0: "
                "subtract from each pixel its own largest exponent.",
                _one_maximum_of_all_pixels,
            ),
        ),
    ),
    Exercise(
        name="nearest_shifted",
        lesson=7,
        title="Near, if you may shift",
        minutes=7,
        difficulty=1,
        start="Start with one shift: samples.roll((dy, dx), (-2, -1)), and its distances to all images.",
        hints=(
            "torch.cdist(a.flatten(1), b.flatten(1)) holds all distances of a (B, ...) to b (N, ...): (B, N).",
            "For each shift keep the smallest over the images, .amin(1): (B,). Stack these for all H W shifts, and "
            "take the smallest over the shifts.",
        ),
        cases=_shifted_cases,
        answer=_nearest_shifted,
        mistakes=(
            Mistake(
                "You do not shift, or you shift samples and images alike, which changes no distance: shift one of "
                "them, by all H W shifts of the torus.",
                lambda samples, images: _apart(samples, images, [(0, 0)]).amin((0, 2)),
            ),
            Mistake(
                "You shift only up and down: dy and dx both run, which makes H W shifts.", lambda s, i: _along(s, i, 0)
            ),
            Mistake(
                "You shift only sideways: dy and dx both run, which makes H W shifts.", lambda s, i: _along(s, i, 1)
            ),
            Mistake("You shift by the same number along both axes: dy and dx run independently.", _along_the_diagonal),
            Mistake(
                "You let dy and dx both run to the height: dx has W values, and an image need not be square.",
                partial(_sides_confused, rows=-2, columns=-2),
            ),
            Mistake(
                "You let dy and dx both run to the width: dy has H values, and an image need not be square.",
                partial(_sides_confused, rows=-1, columns=-1),
            ),
            Mistake(
                "Height and width are swapped: dy runs over the H rows, dx over the W columns.",
                partial(_sides_confused, rows=-1, columns=-2),
            ),
            Mistake(
                "You shift by one pixel at most: dy runs over all H rows, dx over all W columns.", _in_steps_of_one
            ),
            Mistake(
                "What you push over the border is lost: on the torus it comes back on the other side, as with roll.",
                _fallen_off,
            ),
            Mistake(
                "You return the squared distance: take the root.",
                lambda samples, images: _nearest_shifted(samples, images) ** 2,
            ),
            Mistake(
                "You divide by the number of pixels before the root: the distance is the root of the sum of squares.",
                lambda samples, images: _nearest_shifted(samples, images) / samples[0].numel() ** 0.5,
            ),
            Mistake("You add up differences without squaring them: the distance is Euclidean.", _sum_of_differences),
            Mistake(
                "You average over the images: take the nearest one.",
                lambda samples, images: _apart(samples, images).mean(2).amin(0),
            ),
            Mistake(
                "You average over the shifts: take the best one.",
                lambda samples, images: _apart(samples, images).amin(2).mean(0),
            ),
            Mistake(
                "You return the farthest image: take the smallest distance, .amin.",
                lambda samples, images: _apart(samples, images).amax((0, 2)),
            ),
            Mistake(
                "You return the smallest distance of all samples: each sample has its own, (B,).",
                lambda samples, images: _apart(samples, images).amin(),
            ),
            Mistake(
                "You return which image is nearest: return how far away it is.",
                lambda samples, images: _apart(samples, images).amin(0).argmin(1),
            ),
            Mistake(
                "You take the smallest over the samples, one number per image: return one number per sample, (B,).",
                lambda samples, images: _apart(samples, images).amin((0, 1)),
            ),
            *(
                Mistake(
                    f"Your loops run to 16, the notebook's H and W: take height and width from {what}.shape.",
                    partial(_to_sixteen, sign=sign),
                )
                for what, sign in (("samples", 1), ("images", -1))
            ),
            Mistake(
                WRONG_DIMS, lambda samples, images: _apart(samples, images, _torus(samples), dims=(0, 1)).amin((0, 2))
            ),
            Mistake(
                "You shift the images along dims (0, 1), their number and channels: rows and columns are the last two, "
                "dims=(-2, -1).",
                _images_along_wrong_dims,
            ),
        ),
    ),
]
