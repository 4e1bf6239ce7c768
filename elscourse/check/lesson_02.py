"""Exercises of lesson 02: the ideal denoiser."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .. import reference
from .attempt import Case
from .exercise import EXCHANGED, NEVER_BY_ZERO, UNDERFLOW, Exercise, Mistake

TOLERANCE = 1e-3  # exponents near -882 in float32: the root of torch.cdist, squared again, costs 2e-4 of a weight
ONE_MAXIMUM = (
    "You subtract one number from all rows: each row of (B, N) needs its own largest exponent, "
    ".max(1, keepdim=True).values."
)
FORGOTTEN_2 = "You forgot the 2 of the normal distribution: the exponent is -d**2 / (2 sigma**2)."
NOT_DIMMED = "You compare x_t with v itself: the image inside x_t is dimmed, so compare with alpha * v."
FROM_THE_MEAN = (
    "You subtract the mean exponent: the exponents may still lie hundreds above or below it. Subtract the largest one, "
    ".max(1, keepdim=True).values."
)


def _normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator)


def _pixels(generator: torch.Generator, *shape: int) -> Tensor:
    return 2 * torch.rand(*shape, generator=generator) - 1


def _squared_distance(x_t: Tensor, images: Tensor) -> Tensor:
    return (x_t[:, None] - images[None]).square().sum((-3, -2, -1))


# --------------------------------------------------------------------------------------------- posterior_weights


def _seen(generator: torch.Generator, batch: int, n: int, shape: tuple[int, ...], theta: float) -> Case:
    """x_t made from blends of the images, so that several of them get a vote; the images; alpha and sigma."""
    images = _pixels(generator, n, *shape)
    blend = torch.rand(batch, n, generator=generator).softmax(1)
    alpha, sigma = math.cos(theta), math.sin(theta)
    x_t = alpha * torch.einsum("bn,nchw->bchw", blend, images) + sigma * _normal(generator, batch, *shape)
    return x_t, images, alpha, sigma


def _weights_cases(generator: torch.Generator) -> list[Case]:
    return [
        _seen(generator, 3, 5, (1, 3, 4), 0.9),
        _seen(generator, 2, 7, (3, 2, 2), 1.1),
        _seen(generator, 4, 4, (1, 2, 3), 0.6),
        _seen(generator, 2, 6, (1, 42, 42), 1.4),  # exponents near -882: exp alone is 0, in float64 too
        _unlike(_seen(generator, 3, 5, (1, 12, 12), 0.05)),
    ]


def _unlike(case: Case) -> Case:
    """Rows whose largest exponents lie far apart: one maximum for all of them leaves zeros."""
    x_t, *rest = case
    return x_t * torch.linspace(0.5, 4, len(x_t))[:, None, None, None], *rest


def _logits(x_t: Tensor, images: Tensor, alpha: float, sigma: float) -> Tensor:
    return -_squared_distance(x_t, alpha * images) / (2 * sigma**2)


def _one_maximum(exponent: Tensor) -> Tensor:
    e = (exponent - exponent.max()).exp()
    return e / e.sum(1, keepdim=True)


def _never_by_zero(e: Tensor) -> Tensor:
    return e / (e.sum(1, keepdim=True) + 1e-12)


def _from_the_mean(exponent: Tensor) -> Tensor:
    e = (exponent - exponent.mean(1, keepdim=True)).exp()
    return e / e.sum(1, keepdim=True)


def _literal(x_t: Tensor, images: Tensor, alpha: float, sigma: float) -> Tensor:
    e = torch.exp(-_squared_distance(x_t, alpha * images) / (2 * sigma**2))
    return e / e.sum(1, keepdim=True)


def _over_the_batch_too(x_t: Tensor, images: Tensor, alpha: float, sigma: float) -> Tensor:
    e = _logits(x_t, images, alpha, sigma).exp()
    return e / e.sum()


WEIGHTS = Exercise(
    name="posterior_weights",
    lesson=2,
    title="Posterior weights",
    minutes=7,
    difficulty=1,
    start="Start from the squared distance of each x_t to alpha times every image.",
    hints=(
        "x_t[:, None] has shape (B, 1, C, H, W), images[None] has (1, N, C, H, W): subtracting pairs every x_t with "
        "every image.",
        "Sum the squares over the last three axes: (B, N) squared distances to alpha * images.",
        "The exponent is minus the squared distance over 2 sigma**2, and torch.softmax(exponent, dim=1) is exp divided "
        "by its sum over the images.",
    ),
    cases=_weights_cases,
    answer=reference.ideal_weights,
    tolerance=TOLERANCE,
    mistakes=(
        Mistake(
            EXCHANGED,
            lambda x_t, images, alpha, sigma: reference.ideal_weights(x_t, images, sigma, alpha),
        ),
        Mistake(
            NOT_DIMMED,
            lambda x_t, images, alpha, sigma: torch.softmax(-_squared_distance(x_t, images) / (2 * sigma**2), 1),
        ),
        Mistake(
            "You divide by 2 sigma: the variance of the noise is sigma squared.",
            lambda x_t, images, alpha, sigma: torch.softmax(-_squared_distance(x_t, alpha * images) / (2 * sigma), 1),
        ),
        Mistake(
            "You leave out sigma: how fast the weights fall depends on it, so divide by 2 sigma**2.",
            lambda x_t, images, alpha, sigma: torch.softmax(-_squared_distance(x_t, alpha * images) / 2, 1),
        ),
        Mistake(
            FORGOTTEN_2,
            lambda x_t, images, alpha, sigma: torch.softmax(-_squared_distance(x_t, alpha * images) / sigma**2, 1),
        ),
        Mistake(
            "softmax takes the exponential itself: give it the exponents, without exp.",
            lambda *case: torch.softmax(_logits(*case).exp(), 1),
        ),
        Mistake("You return the exponents: softmax turns them into weights.", _logits),
        Mistake(
            "You dim x_t (or, multiplied out, alpha**2 is missing before |v|**2): it is the images that are dimmed "
            "inside x_t, so compare x_t with alpha * v.",
            lambda x_t, images, alpha, sigma: torch.softmax(
                -_squared_distance(alpha * x_t, images) / (2 * sigma**2), 1
            ),
        ),
        Mistake(
            "Your softmax runs over the wrong axis: each row, dim=1, must sum to one over the images.",
            lambda x_t, images, alpha, sigma: torch.softmax(
                -_squared_distance(x_t, alpha * images) / (2 * sigma**2), 0
            ),
        ),
        Mistake(
            "Your sum runs over the batch, too: each row needs a sum of its own, e.sum(1, keepdim=True).",
            _over_the_batch_too,
        ),
        Mistake(UNDERFLOW, _literal),
        Mistake(
            NEVER_BY_ZERO,
            lambda x_t, images, alpha, sigma: _never_by_zero(_logits(x_t, images, alpha, sigma).exp()),
        ),
        Mistake(ONE_MAXIMUM, lambda x_t, images, alpha, sigma: _one_maximum(_logits(x_t, images, alpha, sigma))),
        Mistake(FROM_THE_MEAN, lambda x_t, images, alpha, sigma: _from_the_mean(_logits(x_t, images, alpha, sigma))),
        Mistake(
            "In Python `-d2 / 2 * sigma**2` multiplies by sigma squared: write d2 / (2 * sigma**2).",
            lambda x_t, images, alpha, sigma: torch.softmax(-_squared_distance(x_t, alpha * images) / 2 * sigma**2, 1),
        ),
        Mistake(
            "(2 sigma)**2 is 4 sigma**2: only sigma is squared, 2 * sigma**2.",
            lambda x_t, images, alpha, sigma: torch.softmax(
                -_squared_distance(x_t, alpha * images) / (2 * sigma) ** 2, 1
            ),
        ),
        Mistake(
            "You compare x_t / alpha with v, where the noise is sigma / alpha, not sigma. Compare x_t with alpha * v.",
            lambda x_t, images, alpha, sigma: torch.softmax(
                -_squared_distance(x_t / alpha, images) / (2 * sigma**2), 1
            ),
        ),
        Mistake(
            "The sign is wrong: the nearest picture must weigh most, so the exponent is minus the squared distance.",
            lambda x_t, images, alpha, sigma: torch.softmax(_squared_distance(x_t, alpha * images) / (2 * sigma**2), 1),
        ),
        Mistake(
            "You return only the exponentials: divide by their sum over the images. torch.softmax does both.",
            lambda x_t, images, alpha, sigma: torch.exp(-_squared_distance(x_t, alpha * images) / (2 * sigma**2)),
        ),
        Mistake(
            "You take the mean of the squares over the pixels: the squared distance is their sum.",
            lambda x_t, images, alpha, sigma: torch.softmax(_logits(x_t, images, alpha, sigma) / images[0].numel(), 1),
        ),
        Mistake(
            "You use the distance: the exponent needs its square.",
            lambda x_t, images, alpha, sigma: torch.softmax(
                -_squared_distance(x_t, alpha * images).sqrt() / (2 * sigma**2), 1
            ),
        ),
        Mistake(
            "You leave out the term alpha**2 * |v|**2: for the coin it cancels, because +1 and -1 have the same "
            "square, but not all pictures are equally long.",
            lambda x_t, images, alpha, sigma: torch.softmax(alpha * x_t.flatten(1) @ images.flatten(1).T / sigma**2, 1),
        ),
    ),
)


# ------------------------------------------------------------------------------------------------ posterior_mean


def _mean_cases(generator: torch.Generator) -> list[Case]:
    sizes = [(3, 5, (1, 3, 4)), (2, 4, (3, 2, 2)), (4, 6, (1, 2, 5))]
    return [
        (_normal(generator, batch, n).mul(2).softmax(1), _pixels(generator, n, *shape)) for batch, n, shape in sizes
    ]


MEAN = Exercise(
    name="posterior_mean",
    lesson=2,
    title="The mean, by votes",
    minutes=5,
    difficulty=1,
    start="Start from the shapes: sum over n, keep b, c, h and w.",
    hints=(
        "For one noisy picture the mean is (weights[b][:, None, None, None] * images).sum(0).",
        "For all at once, use a matrix product of (B, N) with the flattened images (N, C*H*W), or torch.einsum.",
        'torch.einsum("bn,nchw->bchw", weights, images) sums over the shared letter n.',
    ),
    cases=_mean_cases,
    answer=lambda weights, images: torch.einsum("bn,nchw->bchw", weights.double(), images.double()),
    mistakes=(
        Mistake(
            "You average all images alike: each counts with its weight.",
            lambda weights, images: images.mean(0, keepdim=True).expand(len(weights), *images.shape[1:]),
        ),
        Mistake(
            "You return the heaviest image. The best guess in squared error is the weighted mean of all.",
            lambda weights, images: images[weights.argmax(1)],
        ),
        Mistake(
            "You divide by N: the weights sum to one already.",
            lambda weights, images: torch.einsum("bn,nchw->bchw", weights, images) / len(images),
        ),
        Mistake(
            "You apply softmax to the weights: they are normalised already.",
            lambda weights, images: torch.einsum("bn,nchw->bchw", weights.softmax(1), images),
        ),
        Mistake(
            "Your rows of pixels are right, but they are still flat: bring them back to (B, C, H, W) with "
            ".view(-1, *images.shape[1:]).",
            lambda weights, images: weights @ images.flatten(1),
        ),
    ),
)


# ---------------------------------------------------------------------------------------------- effective_voters


def _voters_cases(generator: torch.Generator) -> list[Case]:
    crowd = _normal(generator, 3, 6).mul(1.5).softmax(1)
    some = _normal(generator, 2, 9).softmax(1)
    some[:, ::2] = 0
    some = some / some.sum(1, keepdim=True)
    single = torch.eye(5)[:2] * 0.5 + torch.eye(5)[2:4] * 0.5
    lonely = torch.eye(2000)[:1]  # so many zeros that none of them may count, not even as a millionth
    return [(crowd,), (some,), (single,), (lonely,)]


VOTERS = Exercise(
    name="effective_voters",
    lesson=2,
    title="How many voters?",
    minutes=5,
    difficulty=2,
    start="Start from -w ln w for every weight, and think about w = 0.",
    hints=(
        "The entropy of a row is the sum of -w * ln(w) over the images; the answer is its exponential.",
        "At w = 0 the computer finds 0 * (-inf), which is not a number, although 0 is meant.",
        "torch.special.entr(w) is -w ln w with 0 at 0. Or take ln of w.clamp(min=1e-30).",
    ),
    cases=_voters_cases,
    answer=lambda weights: torch.special.entr(weights.double()).sum(1).exp(),
    mistakes=(
        Mistake(
            "0 * ln(0) is not a number in floating point: a weight of 0 must not count. Try torch.special.entr.",
            lambda weights: (-weights * weights.log()).sum(1).exp(),
        ),
        Mistake(
            "Your zeros count a little: raise them only inside the logarithm, as in w * w.clamp(min=1e-30).log().",
            lambda weights: torch.special.entr(weights.clamp(min=1e-6)).sum(1).exp(),
        ),
        Mistake(
            "That is the entropy. The effective number of voters is its exponential.",
            lambda weights: torch.special.entr(weights).sum(1),
        ),
        Mistake(
            "Your logarithm has base 2, your exponential base e: use the same for both.",
            lambda weights: (torch.special.entr(weights).sum(1) / math.log(2)).exp(),
        ),
        Mistake(
            "Your logarithm has base e, your power base 2: use the same for both.",
            lambda weights: 2 ** torch.special.entr(weights).sum(1),
        ),
        Mistake(
            "You count all weights above 0 alike: a voter with little weight must count for little.",
            lambda weights: (weights > 0).sum(1).double(),
        ),
        Mistake(
            "You take the mean of -w ln w: the entropy is the sum over the images.",
            lambda weights: torch.special.entr(weights).mean(1).exp(),
        ),
        Mistake(
            "You have lost the minus sign: entropy is minus the sum of w ln w.",
            lambda weights: (-torch.special.entr(weights).sum(1)).exp(),
        ),
        Mistake(
            "1 / sum of w**2 also counts voters, but it is a different measure: here we want exp(entropy).",
            lambda weights: 1 / weights.square().sum(1),
        ),
    ),
)

EXERCISES = [WEIGHTS, MEAN, VOTERS]
