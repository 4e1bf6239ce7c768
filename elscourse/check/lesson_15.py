"""Exercises of lesson 15: what is left of the training pictures, and the most that can be predicted."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ..metrics import compare, nearest_training_image
from .attempt import Case
from .exercise import NEGATIVE_SQUARE, Exercise, Mistake

# ---------------------------------------------------------------------------------------------------- nearer to own


def _two_sets(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for shape, bright in (((6, 1, 5, 5), 1.0), ((4, 3, 4, 6), 0.5), ((50, 1, 3, 3), 1.5)):
        own = torch.randn(shape, generator=generator)
        others = bright * torch.randn(shape, generator=generator)
        blends = (own[:3] + others[:3]) / 2 + 0.6 * torch.randn(3, *shape[1:], generator=generator)
        split = own.clone()  # the first channel near others, the rest that of own: all channels must count, in one sum
        split[:, 0] = 2.2 * others[:, 0] - 1.2 * own[:, 0]
        # many, so that two different shares seldom agree, and many copies, so that one's square is rounded to below 0
        drawings = torch.cat([own, others[2:3], blends, split, torch.randn(50, *shape[1:], generator=generator)])
        cases.append((drawings, own, others))
    own, others = torch.zeros(3, 1, 4, 4), torch.ones(3, 1, 4, 4)
    own[2], others[2] = 0.75, 0.75  # a picture that is in both: equally near is not nearer
    cases.append((torch.tensor([0.1, 0.7, 0.8, 1.2, 0.2])[:, None, None, None].expand(5, 1, 4, 4).clone(), own, others))
    return cases


def _nearest(drawings: Tensor, pictures: Tensor) -> Float[Tensor, " B"]:
    return nearest_training_image(drawings.double(), pictures.double())[1]


def _share(nearer: Tensor) -> float:
    return float(nearer.double().mean())


def _nearer_to_own(drawings: Tensor, own: Tensor, others: Tensor) -> float:
    return _share(_nearest(drawings, own) < _nearest(drawings, others))


def _ties_counted(drawings: Tensor, own: Tensor, others: Tensor) -> float:
    return _share(_nearest(drawings, own) <= _nearest(drawings, others))


def _counted(drawings: Tensor, own: Tensor, others: Tensor) -> float:
    return len(drawings) * _nearer_to_own(drawings, own, others)


def _the_others(drawings: Tensor, own: Tensor, others: Tensor) -> float:
    return _nearer_to_own(drawings, others, own)


def _mean_distances(drawings: Tensor, own: Tensor, others: Tensor) -> float:
    mean = [torch.cdist(drawings.flatten(1), some.flatten(1)).mean(1) for some in (own, others)]
    return _share(mean[0] < mean[1])


def _absolute(drawings: Tensor, own: Tensor, others: Tensor) -> float:
    near = [torch.cdist(drawings.flatten(1), some.flatten(1), p=1).amin(1) for some in (own, others)]
    return _share(near[0] < near[1])


def _each_picture(drawings: Tensor, own: Tensor, others: Tensor) -> float:
    """For every picture the nearest drawing."""
    return _share(_nearest(own, drawings) < _nearest(others, drawings))


def _ties_left_out(drawings: Tensor, own: Tensor, others: Tensor) -> float:
    """Drawings that are equally near to both are not counted at all."""
    near = _nearest(drawings, own), _nearest(drawings, others)
    return float((near[0] < near[1]).sum() / (near[0] != near[1]).sum())


def _mean_pictures(drawings: Tensor, own: Tensor, others: Tensor) -> float:
    return _nearer_to_own(drawings, own.mean(0, keepdim=True), others.mean(0, keepdim=True))


def _expanded_square(drawings: Tensor, own: Tensor, others: Tensor) -> float:
    """|x|^2 + |v|^2 - 2 x.v, which is rounded to below 0 for a copy, and its root."""
    x = drawings.flatten(1)
    near = []
    for v in (own.flatten(1), others.flatten(1)):
        near.append((x.square().sum(1)[:, None] + v.square().sum(1) - 2 * x @ v.T).sqrt().amin(1))
    return _share(near[0] < near[1])


def _which_is_nearest(drawings: Tensor, own: Tensor, others: Tensor) -> float:
    """Compares the indices of the two nearest pictures."""
    nearest = [torch.cdist(drawings.flatten(1), some.flatten(1)).argmin(1) for some in (own, others)]
    return _share(nearest[0] < nearest[1])


def _percent(drawings: Tensor, own: Tensor, others: Tensor) -> float:
    return 100 * _nearer_to_own(drawings, own, others)


# ------------------------------------------------------------------------------------------------------ two trainings


def _two_trainings(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for shape, own_part in (((5, 1, 5, 5), 0.3), ((3, 3, 4, 6), 0.6), ((6, 1, 4, 4), 1.0)):
        shared = torch.randn(shape, generator=generator) + torch.linspace(-1, 1, shape[0])[:, None, None, None]
        first, second = (shared + own_part * torch.randn(shape, generator=generator) for _ in range(2))
        cases.append((first, second))
    return cases


def _perfect_r2(first: Tensor, second: Tensor) -> Float[Tensor, " B"]:
    return compare(first, second).r


def _squared(first: Tensor, second: Tensor) -> Tensor:
    return compare(first, second).r2


def _root(first: Tensor, second: Tensor) -> Tensor:
    return compare(first, second).r.abs().sqrt()


def _big_r2(first: Tensor, second: Tensor) -> Tensor:
    return compare(first, second).R2


def _not_centred(first: Tensor, second: Tensor) -> Tensor:
    return torch.cosine_similarity(first.double().flatten(1), second.double().flatten(1), dim=1)


def _one_for_all(first: Tensor, second: Tensor) -> Tensor:
    return compare(first.reshape(1, 1, 1, -1), second.reshape(1, 1, 1, -1)).r.expand(len(first))


def _one_mean_for_all(first: Tensor, second: Tensor) -> Tensor:
    a, b = (x.double() - x.double().mean() for x in (first, second))
    return torch.cosine_similarity(a.flatten(1), b.flatten(1), dim=1)


def _one_mean_per_channel(first: Tensor, second: Tensor) -> Tensor:
    a, b = (x.double() - x.double().mean((2, 3), keepdim=True) for x in (first, second))
    return torch.cosine_similarity(a.flatten(1), b.flatten(1), dim=1)


def _covariance(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The covariance of every two images, and both variances, (B,) each."""
    a, b = (x.double().flatten(1) - x.double().flatten(1).mean(1, keepdim=True) for x in (first, second))
    return (a * b).mean(1), a.square().mean(1), b.square().mean(1)


def _variance_of_one(first: Tensor, second: Tensor) -> Tensor:
    covariance, variance, _ = _covariance(first, second)
    return covariance / variance


def _mean_variance(first: Tensor, second: Tensor) -> Tensor:
    covariance, *variances = _covariance(first, second)
    return 2 * covariance / (variances[0] + variances[1])


def _from_the_difference(first: Tensor, second: Tensor, variance: Tensor) -> Tensor:
    """V(y - y') is 2 V(e): the share of the variance that is left without V(e)."""
    return 1 - (first.double() - second.double()).flatten(1).var(1, correction=0) / 2 / variance


def _difference_over_root(first: Tensor, second: Tensor) -> Tensor:
    _, *variances = _covariance(first, second)
    return _from_the_difference(first, second, (variances[0] * variances[1]).sqrt())


def _difference_over_one(first: Tensor, second: Tensor) -> Tensor:
    return _from_the_difference(first, second, _covariance(first, second)[1])


def _difference_over_the_other(first: Tensor, second: Tensor) -> Tensor:
    return _from_the_difference(first, second, _covariance(first, second)[2])


def _covariance_over_fewer(first: Tensor, second: Tensor) -> Tensor:
    """The covariance divided by N - 1, as torch's cov does, the variances by N."""
    n = first[0].numel()
    return _perfect_r2(first, second) * n / (n - 1)


def _variance_of_the_other(first: Tensor, second: Tensor) -> Tensor:
    return _variance_of_one(second, first)


def _no_root(first: Tensor, second: Tensor) -> Tensor:
    covariance, *variances = _covariance(first, second)
    return covariance / (variances[0] * variances[1])


def _two_divisors(first: Tensor, second: Tensor) -> Tensor:
    """The covariance divided by N, the variances by N - 1, as torch's var and std do."""
    n = first[0].numel()
    return _perfect_r2(first, second) * (n - 1) / n


def _spearman_brown(first: Tensor, second: Tensor) -> Tensor:
    r = _perfect_r2(first, second)
    return 2 * r / (1 + r)


def _big_r2_of_the_other(first: Tensor, second: Tensor) -> Tensor:
    return _big_r2(second, first)


def _mean_with_shared_second(first: Tensor, second: Tensor) -> Tensor:
    return _mean_with_shared(second, first)


def _mean_with_shared(first: Tensor, second: Tensor) -> Tensor:
    """How well the mean of the two predicts the first, which is one half of it."""
    return compare((first.double() + second.double()) / 2, first.double()).r2


def _mean_with_both(first: Tensor, second: Tensor) -> Tensor:
    return (_mean_with_shared(first, second) + _mean_with_shared_second(first, second)) / 2


# --------------------------------------------------------------------------------------------- the mean of k trainings


def _numbers(_generator: torch.Generator) -> list[Case]:
    return [(0.9, 1), (0.9, 2), (0.5, 3), (0.97, 10), (0.2, 5), (0.75, 1000)]


def _mean_of_k(r: float, k: int) -> float:
    return k * r * r / (1 + (k - 1) * r)


def _r_not_squared(r: float, k: int) -> float:
    return math.sqrt(_mean_of_k(r, k))


def _k_ignored(r: float, k: int) -> float:
    return r * r


def _perfect(r: float, k: int) -> float:
    return r


def _means_with_each_other(r: float, k: int) -> float:
    """The correlation of the mean of k with the mean of another k (Spearman and Brown)."""
    return k * r / (1 + (k - 1) * r)


def _as_if_independent(r: float, k: int) -> float:
    """As if the variance of the mean were 1 / k."""
    return k * r * r


def _not_averaged_down(r: float, k: int) -> float:
    """Multiplied by what it should be divided by."""
    return r * r * (1 + (k - 1) * r)


def _pairs_miscounted(r: float, k: int) -> float:
    return k * r * r / (1 + k * r)


def _means_with_each_other_squared(r: float, k: int) -> float:
    return _means_with_each_other(r, k) ** 2


def _pairs_once(r: float, k: int) -> float:
    return k * r * r / (1 + (k - 1) / 2 * r)


def _no_k(r: float, k: int) -> float:
    return r * r / (1 + (k - 1) * r)


def _sum_for_mean(r: float, k: int) -> float:
    """The variance of the sum of the k drawings, not of their mean."""
    return r * r / (k + k * (k - 1) * r)


def _r2_for_r(r: float, k: int) -> float:
    return _mean_of_k(r * r, k)


EXERCISES = [
    Exercise(
        name="nearer_to_own",
        lesson=15,
        title="Whose pictures are nearer?",
        minutes=6,
        difficulty=2,
        start="Start from the distances of every drawing to every picture of one set, shape (B, N).",
        hints=(
            "torch.cdist(drawings.flatten(1), own.flatten(1)) has shape (B, N); its smallest entry in each row belongs "
            "to the nearest picture.",
            "near_own < near_others is a tensor of truth values, shape (B,); convert it to numbers, and its mean is "
            "the share.",
        ),
        cases=_two_sets,
        answer=_nearer_to_own,
        mistakes=(
            Mistake("Equally near is not nearer, but you count a tie for own: compare with <.", _ties_counted),
            Mistake("That is how many: divide by the number of drawings.", _counted),
            Mistake("That is the share that is nearer to the others: take the share nearer to own.", _the_others),
            Mistake("You compare mean distances: take the nearest picture of each set.", _mean_distances),
            Mistake("You add absolute differences: the distance is the root of the sum of squares.", _absolute),
            Mistake(
                "You look for the nearest drawing of every picture: take the nearest picture of every drawing.",
                _each_picture,
            ),
            Mistake("You measure the distance to the mean of each set: take the nearest picture.", _mean_pictures),
            Mistake(
                "You leave out drawings that are equally near to both: divide by the number of all drawings.",
                _ties_left_out,
            ),
            Mistake(NEGATIVE_SQUARE, _expanded_square),
            Mistake("That is in percent: return a share from 0 to 1.", _percent),
            Mistake(
                "You compare which pictures are nearest (argmin): compare how near they are, amin.", _which_is_nearest
            ),
        ),
    ),
    Exercise(
        name="perfect_r2",
        lesson=15,
        title="The r2 of a perfect theory",
        minutes=6,
        difficulty=2,
        start="Start from the two equations: both drawings are s plus something of their own, of the same variance.",
        hints=(
            "The covariance of first and second is the variance of s. Divide it by both standard deviations, which "
            "are equal: that is the r of the two.",
            "The r of s with first is the standard deviation of s divided by that of first. Square it, and compare it "
            "with the hint before.",
            "So the answer is the r of first with second, not squared: els.compare has it.",
        ),
        cases=_two_trainings,
        answer=_perfect_r2,
        mistakes=(
            Mistake(
                "That is the r2 of one training with the other. A perfect theory does better: it draws s alone, "
                "without the second one's own part.",
                _squared,
            ),
            Mistake("That is the r of a perfect theory: return its r2.", _root),
            Mistake("That is the R2 of one training as a prediction of the other: start from their r.", _big_r2),
            Mistake(
                "That would be right if both variances were equal. They differ a little, and you divide by the "
                "variance of the first alone: divide by the root of their product.",
                _variance_of_one,
            ),
            Mistake(
                "That would be right if both variances were equal. They differ a little: divide by the root of their "
                "product, not by their mean, and you have r.",
                _mean_variance,
            ),
            Mistake(
                "That would be right if both variances were equal. They differ a little, and you divide by the "
                "variance of the second alone: divide by the root of their product.",
                _variance_of_the_other,
            ),
            Mistake("You divide by the product of both variances: divide by its root.", _no_root),
            Mistake(
                "That is the covariance, V(s): divide it by the variance of a drawing.",
                lambda first, second: _covariance(first, second)[0],
            ),
            Mistake(
                "That would be right if both variances were equal. They differ a little: use the covariance of the "
                "two as the variance of s, not the variance minus V(e).",
                _difference_over_root,
            ),
            Mistake(
                "That would be right if both variances were equal. They differ a little: use the covariance of the "
                "two as the variance of s, and divide it by the root of the product of both variances, not by the "
                "variance of the first.",
                _difference_over_one,
            ),
            Mistake(
                "That would be right if both variances were equal. They differ a little: use the covariance of the "
                "two as the variance of s, and divide it by the root of the product of both variances, not by the "
                "variance of the second.",
                _difference_over_the_other,
            ),
            Mistake(
                "Your theory is right, but you divide the covariance by N - 1, as torch.cov does, and the variances "
                "by N: give it correction=0.",
                _covariance_over_fewer,
            ),
            Mistake(
                "Your theory is right, but torch's var and std divide by N - 1, and your mean of the products divides "
                "by N: give them correction=0.",
                _two_divisors,
            ),
            Mistake(
                "That is the r2 of s with the *mean* of the two (Spearman and Brown): return the r2 of s with one of "
                "them.",
                _spearman_brown,
            ),
            Mistake("That is R2, with the second one as the prediction: start from their r.", _big_r2_of_the_other),
            Mistake("Subtract each image's mean first.", _not_centred),
            Mistake("That is one number for the whole batch: compare image by image.", _one_for_all),
            Mistake("You subtract one mean for the whole batch: every image has its own.", _one_mean_for_all),
            Mistake(
                "You subtract one mean per channel: an image has one mean, over all its channels.",
                _one_mean_per_channel,
            ),
            Mistake(
                "The mean of the two contains the first one's own part as well, so it only seems to predict the first.",
                _mean_with_shared,
            ),
            Mistake(
                "The mean of the two contains the second one's own part as well, so it only seems to predict the "
                "second.",
                _mean_with_shared_second,
            ),
            Mistake(
                "The mean of the two contains the own part of each as well, so it only seems to predict both.",
                _mean_with_both,
            ),
        ),
    ),
    Exercise(
        name="mean_of_k",
        lesson=15,
        title="Several trainings foretell one more",
        minutes=7,
        difficulty=3,
        start="Start from the variance of the mean of k drawings of variance 1, any two of which have covariance r.",
        hints=(
            "The variance of the mean is (k + k (k - 1) r) / k^2 = (1 + (k - 1) r) / k.",
            "The covariance of the mean with one more drawing is r.",
            "r2 is the covariance squared, divided by both variances, (1 + (k - 1) r) / k and 1: r^2 k / (1 + (k - 1) "
            "r).",
        ),
        cases=_numbers,
        answer=_mean_of_k,
        mistakes=(
            Mistake("That is r: square it.", _r_not_squared),
            Mistake("That is r2 for k = 1: averaging takes away what belongs to each drawing alone.", _k_ignored),
            Mistake("That is the limit for infinitely many drawings.", _perfect),
            Mistake(
                "That is how one mean of k correlates with another mean of k: here the other is a single drawing, and "
                "you need r2. Or you forgot to square the covariance: r2 is r^2 divided by the variance of the mean.",
                _means_with_each_other,
            ),
            Mistake(
                "That is the r2 of one mean of k with another mean of k: here the other is a single drawing. Or you "
                "divided the covariance by the variance of the mean, not by its root, before you squared it.",
                _means_with_each_other_squared,
            ),
            Mistake("The variance of the mean is (1 + (k - 1) r) / k: you left out the k.", _no_k),
            Mistake(
                "You count each pair once: in the square of a sum it occurs twice, which makes k (k - 1) terms.",
                _pairs_once,
            ),
            Mistake(
                "You are off by k^2. Are there brackets round the variance, r**2 / ((1 + (k - 1) * r) / k)? If so: the "
                "variance of a mean is that of the sum divided by k^2, its covariance that of the sum divided by k.",
                _sum_for_mean,
            ),
            Mistake(
                "You are k^2 times too large: k r is the covariance of one more drawing with the sum of k; with their "
                "mean it is r.",
                lambda r, k: k**2 * _mean_of_k(r, k),
            ),
            Mistake(
                "The k drawings are not independent: the variance of their mean is more than 1 / k.", _as_if_independent
            ),
            Mistake("The variance of the mean belongs in the denominator.", _not_averaged_down),
            Mistake("Every drawing has k - 1 partners, not k.", _pairs_miscounted),
            Mistake(
                "You put r2 where r belongs, in the denominator: the variance of a mean of k drawings has k - 1 times "
                "r.",
                lambda r, k: k * r**2 / (1 + (k - 1) * r**2),
            ),
            Mistake("You put r2 where r belongs: the covariance of two drawings of variance 1 is r.", _r2_for_r),
        ),
    ),
]
