"""Exercises of lesson 09: locality in time."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from .attempt import Case
from .exercise import EXCHANGED, Exercise, Mistake

# ------------------------------------------------------------------------------------------------ the radius of a map


def _maps(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for side, reach in ((5, 2.0), (9, 1.5), (17, 4.0)):
        offset = torch.arange(side) - side // 2
        squared = offset[:, None] ** 2 + offset[None, :] ** 2
        blob = (-squared / (2 * reach**2)).exp()
        cases.append((3 * blob * (0.5 + torch.rand(side, side, generator=generator)),))
    return cases


def _distances(side: int) -> Float[Tensor, "S S"]:
    offset = torch.arange(side, dtype=torch.float64) - side // 2
    return torch.hypot(offset[:, None].expand(side, side), offset[None, :].expand(side, side))


def _radius(J: Tensor) -> float:
    return float((J.double() * _distances(len(J))).sum() / J.double().sum())


def _not_divided(J: Tensor) -> float:
    return float((J.double() * _distances(len(J))).sum())


def _root_mean_square(J: Tensor) -> float:
    return float((J.double() * _distances(len(J)) ** 2).sum() / J.double().sum()) ** 0.5


def _mean_square(J: Tensor) -> float:
    return float((J.double() * _distances(len(J)) ** 2).sum() / J.double().sum())


def _of_the_rings(J: Tensor) -> float:
    offset = (torch.arange(len(J)) - len(J) // 2).abs()
    return float((J.double() * torch.maximum(offset[:, None], offset[None, :])).sum() / J.double().sum())


def _city_blocks(J: Tensor) -> float:
    offset = (torch.arange(len(J)) - len(J) // 2).abs()
    return float((J.double() * (offset[:, None] + offset[None, :])).sum() / J.double().sum())


def _half_a_pixel_off(J: Tensor) -> float:
    offset = torch.arange(len(J), dtype=torch.float64) - len(J) / 2
    distance = torch.hypot(offset[:, None].expand(len(J), -1), offset[None, :].expand(len(J), -1))
    return float((J.double() * distance).sum() / J.double().sum())


def _from_the_corner(J: Tensor) -> float:
    place = torch.arange(len(J), dtype=torch.float64)
    distance = torch.hypot(place[:, None].expand(len(J), -1), place[None, :].expand(len(J), -1))
    return float((J.double() * distance).sum() / J.double().sum())


def _plain_mean(J: Tensor) -> float:
    return float((J.double() * _distances(len(J))).mean())


# --------------------------------------------------------------------------------------------------- cosine against L2


def _estimates(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for shape, alpha, sigma in (((3, 1, 4, 4), 0.7, 0.71), ((2, 3, 3, 5), 0.95, 0.31), ((4, 1, 6, 6), 0.3, 0.95)):
        x_0, other, eps = (torch.randn(shape, generator=generator) for _ in range(3))
        cases.append((x_0 + 0.3 * other, x_0, alpha * x_0 + sigma * eps, alpha, sigma))
    return cases


def _compared(ours: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
    a, b = ours.double().flatten(1), theirs.double().flatten(1)
    return torch.cosine_similarity(a, b, dim=1), (a - b).norm(dim=1) / b.norm(dim=1)


def _mismatch(x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
    ours, theirs = ((alpha * x0.double() - x_t.double()) / sigma**2 for x0 in (x0_a, x0_b))
    return _compared(ours, theirs)


def _of_the_denoisers(x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
    return _compared(x0_a, x0_b)


def _alpha_forgotten(x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
    return _compared(x0_a - x_t, x0_b - x_t)


def _absolute_error(x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
    cosine, _ = _mismatch(x0_a, x0_b, x_t, alpha, sigma)
    return cosine, (alpha * (x0_a - x0_b).double() / sigma**2).flatten(1).norm(dim=1)


def _squared_error(x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
    cosine, error = _mismatch(x0_a, x0_b, x_t, alpha, sigma)
    return cosine, error**2


def _product(x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
    ours, theirs = ((alpha * x0.double() - x_t.double()) / sigma**2 for x0 in (x0_a, x0_b))
    return (ours * theirs).flatten(1).sum(1), _mismatch(x0_a, x0_b, x_t, alpha, sigma)[1]


def _exchanged(x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
    cosine, error = _mismatch(x0_a, x0_b, x_t, alpha, sigma)
    return error, cosine


def _one_minus_cosine(x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
    cosine, error = _mismatch(x0_a, x0_b, x_t, alpha, sigma)
    return 1 - cosine, error


def _error_of_the_denoisers(
    x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float
) -> tuple[Tensor, Tensor]:
    return _mismatch(x0_a, x0_b, x_t, alpha, sigma)[0], _compared(x0_a, x0_b)[1]


def _norms_of_the_batch(x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
    ours, theirs = (((alpha * x0.double() - x_t.double()) / sigma**2).flatten(1) for x0 in (x0_a, x0_b))
    return (ours * theirs).sum(1) / (ours.norm() * theirs.norm()), (ours - theirs).norm(dim=1) / theirs.norm(dim=1)


def _relative_to_ours(x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
    return _mismatch(x0_b, x0_a, x_t, alpha, sigma)


# ------------------------------------------------------------------------------------------------- calibrate one step


def _tables(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for choices in ([0, 4, 4, 1, 2, 4], [3, 0, 0, 2, 1, 3, 3, 1], [0, 0, 4, 4, 4], [1, 1, 3, 4]):
        cosine = 0.9 + 0.02 * torch.rand(8, len(choices), generator=generator)  # no fewer sizes than seeds
        for seed, k in enumerate(choices):
            cosine[k, seed] = 0.95 + 0.01 * torch.rand((), generator=generator)
        cosine[0, 0] = 0.5 if choices[0] else 0.99  # one seed that fits a size badly, or very well
        cases.append((cosine, [3, 5, 9, 13, 15, 19, 21, 25] if len(choices) % 2 else list(range(3, 18, 2))))
    second_of_all = torch.full((5, 5), 0.8)
    second_of_all[1] = 0.85  # nobody's choice, with the best median
    second_of_all[1, 0], second_of_all[4] = 0.3, 0.84  # the last has the best mean
    second_of_all[[0, 0, 2, 3, 4], range(5)] = 0.9
    return [*cases, (second_of_all, [3, 5, 7, 9, 11])]


def _lower_median(cosine: Tensor, candidates: list[int]) -> int:
    choices = sorted(candidates[int(k)] for k in cosine.argmax(0))
    return choices[(len(choices) - 1) // 2]


def _upper_median(cosine: Tensor, candidates: list[int]) -> int:
    choices = sorted(candidates[int(k)] for k in cosine.argmax(0))
    return choices[len(choices) // 2]


def _middle_between(cosine: Tensor, candidates: list[int]) -> float:
    return (_lower_median(cosine, candidates) + _upper_median(cosine, candidates)) / 2


def _not_sorted(cosine: Tensor, candidates: list[int]) -> int:
    choices = [candidates[int(k)] for k in cosine.argmax(0)]
    return choices[(len(choices) - 1) // 2]


def _of_the_mean_cosine(cosine: Tensor, candidates: list[int]) -> int:
    return candidates[int(cosine.mean(1).argmax())]


def _of_the_median_cosine(cosine: Tensor, candidates: list[int]) -> int:
    return candidates[int(cosine.median(1).values.argmax())]


def _argmax_over_seeds(cosine: Tensor, candidates: list[int]) -> int:
    choices = sorted(candidates[int(k)] for k in cosine.argmax(1))
    return choices[(len(choices) - 1) // 2]


def _mean_of_choices(cosine: Tensor, candidates: list[int]) -> float:
    return sum(candidates[int(k)] for k in cosine.argmax(0)) / cosine.shape[1]


def _rounded_mean(cosine: Tensor, candidates: list[int]) -> int:
    mean = _mean_of_choices(cosine, candidates)
    return min(candidates, key=lambda size: abs(size - mean))


def _most_frequent(cosine: Tensor, candidates: list[int]) -> int:
    return candidates[int(cosine.argmax(0).mode().values)]


def _index_instead(cosine: Tensor, candidates: list[int]) -> int:
    return candidates.index(_lower_median(cosine, candidates))


# -------------------------------------------------------------------------------------------------- a published list


def _lists(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for count, times in (
        (20, (1.0, 0.05, 0.31, 0.68, 0.15, 0.02)),
        (10, (1.0, 0.1, 0.44, 0.76)),
        (5, (0.2, 0.63, 0.97)),
    ):
        steps = torch.randint(1, 3, (count,), generator=generator)
        sizes = [1 + 2 * int(p) for p in steps.cumsum(0)]  # strictly rising: every index is told from its neighbours
        cases += [(sizes, t) for t in times]
    falls_again = [3, 3, 5, 7, 11, 9, 5]  # as that of MNIST
    return cases + [(falls_again, t) for t in (0.16, 0.42, 0.7, 0.85, 0.99)]


def _size_at(sizes: list[int], t: float) -> int:
    grid = [(i + 1) / len(sizes) for i in range(len(sizes))]
    return sizes[min(range(len(sizes)), key=lambda i: abs(grid[i] - t))]


def _sorted_first(sizes: list[int], t: float) -> int:
    return _size_at(sorted(sizes), t)


def _index_of_the_size(sizes: list[int], t: float) -> int:
    return min(range(len(sizes)), key=lambda i: abs((i + 1) / len(sizes) - t))


def _between_two_sizes(sizes: list[int], t: float) -> float:
    place = min(max(t * len(sizes) - 1, 0), len(sizes) - 1)
    low = int(place)
    return sizes[low] + (place - low) * (sizes[min(low + 1, len(sizes) - 1)] - sizes[low])


def _from_the_wrong_end(sizes: list[int], t: float) -> int:
    return _size_at(list(reversed(sizes)), t)


def _shifted_by_one(sizes: list[int], t: float) -> int:
    return sizes[min(round(t * len(sizes)), len(sizes) - 1)]


def _cut_off(sizes: list[int], t: float) -> int:
    return sizes[max(0, int(t * len(sizes) + 1e-9) - 1)]


def _rounded_up(sizes: list[int], t: float) -> int:
    return sizes[math.ceil(t * len(sizes) - 1e-9) - 1]


def _grid_from_zero(sizes: list[int], t: float) -> int:
    return sizes[round(t * (len(sizes) - 1))]


EXERCISES = [
    Exercise(
        name="jacobian_radius",
        lesson=9,
        title="The radius of a map",
        minutes=7,
        difficulty=1,
        start="Start from a tensor of the distances of all S x S pixels to the middle one.",
        hints=(
            "The middle pixel has row and column S // 2.",
            "torch.arange(S) - S // 2 gives the offsets along one axis; combine them with [:, None] and [None, :].",
            "The distance is the square root of the sum of the squared offsets; weight by J, sum, divide by J.sum().",
        ),
        cases=_maps,
        answer=_radius,
        mistakes=(
            Mistake(
                "You do not divide by the sum of J: a network that answers more strongly would seem to look further.",
                _not_divided,
            ),
            Mistake(
                "You take the root of the mean squared distance: also a radius, but the mean distance is asked for.",
                _root_mean_square,
            ),
            Mistake("You average the SQUARED distance: the square root is missing.", _mean_square),
            Mistake(
                "Your distance is the larger of the two offsets, which makes square rings. Asked for is the Euclidean "
                "distance, the root of the sum of their squares.",
                _of_the_rings,
            ),
            Mistake(
                "Your distance is |dy| + |dx|: asked for is the Euclidean distance, the root of the sum of squares.",
                _city_blocks,
            ),
            Mistake(
                "Your middle lies between pixels: S / 2 is half a pixel too far. With S odd it is S // 2.",
                _half_a_pixel_off,
            ),
            Mistake(
                "You measure distances from the corner [0, 0]: the pixel asked is the middle one, [S//2, S//2].",
                _from_the_corner,
            ),
            Mistake(
                "You divide by the number of pixels: a weighted mean divides by the sum of the weights.", _plain_mean
            ),
        ),
    ),
    Exercise(
        name="score_mismatch",
        lesson=9,
        title="Cosine against L2",
        minutes=8,
        difficulty=2,
        start="Turn both estimates into scores, (alpha x0_hat - x_t) / sigma^2, and flatten each to (B, pixels).",
        hints=(
            "Compare the scores, not the estimates: the two differ by the term -x_t that both scores share.",
            "Cosine: the inner product of the two vectors over the product of their norms, image by image (dim=1).",
            "Relative error: (ours - theirs).norm(dim=1) / theirs.norm(dim=1), with theirs the network's score.",
        ),
        cases=_estimates,
        answer=_mismatch,
        mistakes=(
            Mistake(
                EXCHANGED,
                lambda x0_a, x0_b, x_t, alpha, sigma: _mismatch(x0_a, x0_b, x_t, sigma, alpha),
            ),
            Mistake(
                "You compare the denoised images: compare the scores, (alpha x0_hat - x_t) / sigma^2.",
                _of_the_denoisers,
            ),
            Mistake("You forget alpha: the score is (alpha x0_hat - x_t) / sigma^2.", _alpha_forgotten),
            Mistake(
                "Your error is absolute: divide it by the norm of the network's score.",
                _absolute_error,
            ),
            Mistake("Your error is squared: take the ratio of the norms, not of their squares.", _squared_error),
            Mistake("Your cosine is the inner product: divide it by the norms of both scores.", _product),
            Mistake("You return 1 - cosine, what is missing: return the cosine itself.", _one_minus_cosine),
            Mistake(
                "Your cosine is right, but your error is that of the denoised images: take that of the scores.",
                _error_of_the_denoisers,
            ),
            Mistake(
                "The norms in your cosine run over the whole batch: take one per image, .norm(dim=1) of (B, pixels).",
                _norms_of_the_batch,
            ),
            Mistake("You return the error first: the cosine comes first, then the error.", _exchanged),
            Mistake("You divide by the norm of the machine's score: the network is the yardstick.", _relative_to_ours),
        ),
    ),
    Exercise(
        name="calibrate_one_step",
        lesson=9,
        title="Calibrate one step",
        minutes=7,
        difficulty=1,
        start="Start with the best size of every seed: cosine.argmax over the axis of the sizes.",
        hints=(
            "cosine has shape (K, S): the sizes are on axis 0, so cosine.argmax(dim=0) gives one index per seed.",
            "Sort the S choices. With an even number there are two in the middle: take the lower one.",
            "The lower median of S sorted values has index (S - 1) // 2. Return the size, not its index.",
        ),
        cases=_tables,
        answer=_lower_median,
        mistakes=(
            Mistake(
                "You take the upper of the two middle values: the lower median has index (S - 1) // 2.", _upper_median
            ),
            Mistake(
                "You average the two middle values, as numpy's median does: that may be no size at all. Take the lower "
                "one.",
                _middle_between,
            ),
            Mistake("You take the middle seed without sorting: sort the choices first.", _not_sorted),
            Mistake(
                "You average the cosines over the seeds first: one bad fit can then outvote the others. Choose "
                "per seed, then take the median.",
                _of_the_mean_cosine,
            ),
            Mistake(
                "Your argmax runs over the seeds: the sizes are on axis 0, so it is cosine.argmax(dim=0).",
                _argmax_over_seeds,
            ),
            Mistake(
                "You take the median of the cosines first: choose per seed, then take the median of the choices.",
                _of_the_median_cosine,
            ),
            Mistake(
                "You average the choices: the mean of odd sizes need not be one of them. Take the median.",
                _mean_of_choices,
            ),
            Mistake(
                "You take the size next to the mean of the choices: asked for is their lower median, in the middle of "
                "the sorted choices.",
                _rounded_mean,
            ),
            Mistake(
                "You take the size that is chosen most often: asked for is the lower median, in the middle of the "
                "sorted choices.",
                _most_frequent,
            ),
            Mistake("You return the index of the size: return candidates[index].", _index_instead),
        ),
    ),
    Exercise(
        name="published_size",
        lesson=9,
        title="Read a published list",
        minutes=6,
        difficulty=2,
        start="Find out which index belongs to t = 1 and which to t = 1/S, with S = len(sizes).",
        hints=(
            "Index i belongs to the time (i + 1) / S: index 0 to the lowest noise, index S - 1 to t = 1.",
            "Solve (i + 1) / S = t for i, and round to the nearest whole number.",
            "round(t * S) - 1, and never below 0.",
        ),
        cases=_lists,
        answer=_size_at,
        mistakes=(
            Mistake("You read the list from the wrong end: index 0 is the lowest noise, t = 1/S.", _from_the_wrong_end),
            Mistake(
                "You are one index too far: round(t * S) counts from 1 (t = 1/S gives 1), a list counts from 0.",
                _shifted_by_one,
            ),
            Mistake(
                "Below half a step your index is -1, which is the *last* entry, the most noise: never below 0.",
                lambda sizes, t: sizes[round(t * len(sizes)) - 1],
            ),
            Mistake(
                "You sort the list: its order is the order of the times, and the sizes need not rise.", _sorted_first
            ),
            Mistake("You return the index: return sizes[index].", _index_of_the_size),
            Mistake(
                "You return a value between two sizes: take the size that belongs to the nearest grid time.",
                _between_two_sizes,
            ),
            Mistake("You cut off instead of rounding: take the nearest grid time, not the next lower one.", _cut_off),
            Mistake("You round up: take the nearest grid time, not the next higher one.", _rounded_up),
            Mistake(
                "You spread the sizes from t = 0 to t = 1. The grid starts at t = 1/S: index i belongs to (i + 1) / S.",
                _grid_from_zero,
            ),
        ),
    ),
]
