"""Exercises of lesson 00: the result in half an hour."""

from __future__ import annotations

import torch
from torch import Tensor

from ..metrics import compare
from .attempt import Case
from .exercise import Exercise, Mistake


def _pairs(generator: torch.Generator) -> list[Case]:
    """Pairs of pictures, each with its own mean and contrast, and only partly related."""
    cases: list[Case] = []
    for shape in ((1, 4, 5), (1, 6, 6), (3, 4, 4)):
        target = torch.rand(shape, generator=generator) * 2 - 1
        noise = torch.randn(shape, generator=generator)
        cases.append((0.4 * target + 0.25 * noise + 0.5, target - 0.3))
    cases.append((-cases[0][0], cases[0][1]))  # the negative of a picture
    return cases


def _picture_r2(prediction: Tensor, target: Tensor) -> float:
    return float(compare(prediction[None], target[None]).r2)


def _r_not_squared(prediction: Tensor, target: Tensor) -> float:
    return float(compare(prediction[None], target[None]).r)


def _absolute_r(prediction: Tensor, target: Tensor) -> float:
    return abs(_r_not_squared(prediction, target))


def _one_mean_for_both(prediction: Tensor, target: Tensor) -> float:
    return _means_kept(prediction - prediction.mean(), target - prediction.mean())


def _divided_by_n(prediction: Tensor, target: Tensor) -> float:
    return _picture_r2(prediction, target) / prediction.numel() ** 2


def _means_kept(prediction: Tensor, target: Tensor) -> float:
    product = (prediction * target).sum()
    return float(product**2 / (prediction.square().sum() * target.square().sum()))


def _root_forgotten(prediction: Tensor, target: Tensor) -> float:
    p, y = prediction - prediction.mean(), target - target.mean()
    return float(((p * y).sum() / (p.square().sum() * y.square().sum())) ** 2)


def _determination(prediction: Tensor, target: Tensor) -> float:
    return float(compare(prediction[None], target[None]).R2)


def _determination_of_samples(prediction: Tensor, target: Tensor) -> float:
    return 1 - float((prediction - target).square().mean() / target.var())


def _mean_of_target_kept(prediction: Tensor, target: Tensor) -> float:
    return _means_kept(prediction - prediction.mean(), target)


def _mean_of_channels(prediction: Tensor, target: Tensor) -> float:
    return _means_kept(prediction - prediction.mean(0), target - target.mean(0))  # nan where there is one channel


def _average_over_channels(prediction: Tensor, target: Tensor) -> float:
    return sum(_picture_r2(p[None], y[None]) for p, y in zip(prediction, target, strict=True)) / len(target)


def _mixed_averages(prediction: Tensor, target: Tensor) -> float:
    p, y = prediction - prediction.mean(), target - target.mean()
    return float(((p * y).mean() / (prediction.std() * target.std())) ** 2)


def _times_the_target(prediction: Tensor, target: Tensor) -> float:
    p, y = prediction - prediction.mean(), target - target.mean()
    return float((p * y).sum() ** 2 / p.square().sum() * y.square().sum())


def _times_the_std(prediction: Tensor, target: Tensor) -> float:
    p, y = prediction - prediction.mean(), target - target.mean()
    return float(((p * y).mean() / p.std() * y.std()) ** 2)


def _means_kept_beside_std(prediction: Tensor, target: Tensor) -> float:
    return float(((prediction * target).mean() / (prediction.std() * target.std())) ** 2)


def _sum_over_std(prediction: Tensor, target: Tensor) -> float:
    p, y = prediction - prediction.mean(), target - target.mean()
    return float(((p * y).sum() / (p.std() * y.std())) ** 2)


def _squared_above_only(prediction: Tensor, target: Tensor) -> float:
    p, y = prediction - prediction.mean(), target - target.mean()
    return float((p * y).sum() ** 2 / (p.square().sum() * y.square().sum()).sqrt())


def _slope(prediction: Tensor, target: Tensor) -> float:
    p, y = prediction - prediction.mean(), target - target.mean()
    return float(((p * y).sum() / p.square().sum()) ** 2)


def _slope_the_other_way(prediction: Tensor, target: Tensor) -> float:
    return _slope(target, prediction)


def _pixels_squared(prediction: Tensor, target: Tensor) -> float:
    p, y = prediction - prediction.mean(), target - target.mean()
    return float((p * y).square().sum() / (p.square().sum() * y.square().sum()))


def _mean_per_channel(prediction: Tensor, target: Tensor) -> float:
    p, y = (x - x.mean((1, 2), keepdim=True) for x in (prediction, target))
    return float((p * y).sum() ** 2 / (p.square().sum() * y.square().sum()))


def _neither_root_nor_square(prediction: Tensor, target: Tensor) -> float:
    p, y = prediction - prediction.mean(), target - target.mean()
    return float((p * y).sum() / (p.square().sum() * y.square().sum()))


def _not_normalised(prediction: Tensor, target: Tensor) -> float:
    return float(((prediction - prediction.mean()) * (target - target.mean())).sum() ** 2)


def _votes(generator: torch.Generator) -> list[Case]:
    return [
        (torch.rand(k, generator=generator) * 3 + 0.1, torch.rand(k, generator=generator) * 2 - 1) for k in (3, 7, 20)
    ]


def _pixel_by_vote(votes: Tensor, pixels: Tensor) -> float:
    return float((votes.double() * pixels.double()).sum() / votes.double().sum())


def _not_divided(votes: Tensor, pixels: Tensor) -> float:
    return float((votes * pixels).sum())


def _divided_twice(votes: Tensor, pixels: Tensor) -> float:
    return float((votes * pixels).mean() / votes.sum())


def _divided_by_pixels(votes: Tensor, pixels: Tensor) -> float:
    return float((votes * pixels).sum() / pixels.sum())


def _not_multiplied(votes: Tensor, pixels: Tensor) -> float:
    return float(pixels.sum() / votes.sum())


def _divided_by_the_mean(votes: Tensor, pixels: Tensor) -> float:
    return float((votes * pixels).sum() / votes.mean())


def _divided_by_the_largest(votes: Tensor, pixels: Tensor) -> float:
    return float((votes * pixels).sum() / votes.max())


def _divided_by_count(votes: Tensor, pixels: Tensor) -> float:
    return float((votes * pixels).mean())


def _votes_ignored(votes: Tensor, pixels: Tensor) -> float:
    return float(pixels.mean())


def _softmax_of_votes(votes: Tensor, pixels: Tensor) -> float:
    return float((votes.softmax(0) * pixels).sum())


def _winner_takes_all(votes: Tensor, pixels: Tensor) -> float:
    return float(pixels[votes.argmax()])


EXERCISES = [
    Exercise(
        name="picture_r2",
        lesson=0,
        title="How alike?",
        minutes=3,
        difficulty=1,
        start="Start by subtracting from each picture its own mean.",
        hints=(
            "Let p and y be the pictures minus their means. The sum of p * y over all pixels says how alike they are.",
            "So that the contrast does not matter, divide that sum by the root of (sum of p squared) * (sum of y "
            "squared).",
            "That is the correlation r, between -1 and 1. Return its square.",
        ),
        cases=_pairs,
        answer=_picture_r2,
        mistakes=(
            Mistake("You return the correlation r itself: r2 is its square.", _r_not_squared),
            Mistake("You return r without its sign: r2 is the square of r, which is smaller.", _absolute_r),
            Mistake(
                "You subtract the prediction's mean from both pictures: the target has a mean of its own.",
                _one_mean_for_both,
            ),
            Mistake(
                "You divide the mean of p * y by sums: take sums above and below the fraction line, or means in both "
                "places.",
                _divided_by_n,
            ),
            Mistake("You did not subtract the means: two bright pictures would count as alike.", _means_kept),
            Mistake("You forgot the root: divide by the root of the product of the two sums.", _root_forgotten),
            Mistake(
                "You subtract a separate mean from each channel: take one mean over all pixels and channels.",
                _mean_per_channel,
            ),
            Mistake(
                "You divide by the product of the two sums: divide by its root, and square what you get.",
                _neither_root_nor_square,
            ),
            Mistake(
                "That is R2, the coefficient of determination: it penalises a different brightness or contrast, which "
                "r2 must ignore.",
                _determination,
            ),
            Mistake(
                "1 - error / variance is R2: it penalises a different brightness or contrast, which r2 must ignore.",
                _determination_of_samples,
            ),
            Mistake(
                "You subtract a mean from the prediction only: subtract the target's own mean from the target, too.",
                _mean_of_target_kept,
            ),
            Mistake(
                "You take the mean over the channels only, .mean(0): take one mean over all pixels, .mean().",
                _mean_of_channels,
            ),
            Mistake(
                "You average the r2 of the channels: take one correlation over all pixels of all channels.",
                _average_over_channels,
            ),
            Mistake(
                "Your average of p * y divides by the number of pixels n, but torch's std by n - 1: divide both by the "
                "same number (or use only sums).",
                _mixed_averages,
            ),
            Mistake(
                "You did not divide by the contrast: before you square, divide by the root of (sum of p squared) * "
                "(sum of y squared).",
                _not_normalised,
            ),
            Mistake(
                "std subtracts the mean, but your p * y does not: first subtract from each picture its mean.",
                _means_kept_beside_std,
            ),
            Mistake(
                "You divide a sum by std, which is built from a mean: take sums in both places, or means in both.",
                _sum_over_std,
            ),
            Mistake(
                "You square only the numerator: square the whole quotient, or leave out the root.", _squared_above_only
            ),
            Mistake(
                "You divide only by the prediction's sum of squares: divide by the root of its product with the "
                "target's.",
                _slope,
            ),
            Mistake(
                "You divide only by the target's sum of squares: divide by the root of its product with the "
                "prediction's.",
                _slope_the_other_way,
            ),
            Mistake("You square each pixel's product: sum first, then square.", _pixels_squared),
            Mistake("In Python `a / b * c` multiplies by c: put brackets round b * c.", _times_the_target),
            Mistake(
                "In Python `/ p.std() * y.std()` multiplies by y.std(): put brackets round p.std() * y.std().",
                _times_the_std,
            ),
        ),
    ),
    Exercise(
        name="pixel_by_vote",
        lesson=0,
        title="A pixel by vote",
        minutes=2,
        difficulty=1,
        start="Start with two windows, K = 2: which pixel should count more, and by how much?",
        hints=(
            "A weighted average: every pixel counts as often as it has votes.",
            "Sum votes * pixels, then divide by the sum of all votes.",
        ),
        cases=_votes,
        answer=_pixel_by_vote,
        mistakes=(
            Mistake("You did not divide by the sum of the votes, which need not be one.", _not_divided),
            Mistake("You divide by the number of windows: divide by the sum of their votes.", _divided_by_count),
            Mistake(
                "You divide twice: a mean is already divided by the number of windows, so take the sum instead.",
                _divided_twice,
            ),
            Mistake("You divide by the sum of the pixels: divide by the sum of the votes.", _divided_by_pixels),
            Mistake("You forgot to multiply: each pixel counts as often as it has votes.", _not_multiplied),
            Mistake(
                "You divide by the mean of the votes: divide by their sum.",
                _divided_by_the_mean,
            ),
            Mistake(
                "You divide by the largest number of votes: divide by the sum of all votes.", _divided_by_the_largest
            ),
            Mistake(
                "You take a softmax of the votes: they are positive already, so just divide them by their sum.",
                _softmax_of_votes,
            ),
            Mistake("You ignore the votes: that is the plain average of the pixels.", _votes_ignored),
            Mistake(
                "You take only the pixel with the most votes: the other windows vote, too, with less weight.",
                _winner_takes_all,
            ),
        ),
    ),
]
