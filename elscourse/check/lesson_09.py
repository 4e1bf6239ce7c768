"""Exercises of lesson 09: locality in time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from .attempt import Case
from .exercise import EXCHANGED, Exercise, Mistake

# ------------------------------------------------------------------------------- the square that holds nine tenths


def _blobs(generator: torch.Generator) -> list[Case]:
    """Maps of several widths: one with most of its sum in the middle pixel, one with much of it in a single far row,
    one with most of it in a corner, a flat one, and one whose middle pixel alone is enough."""
    cases: list[Case] = []
    for side, reach, power in ((9, 1.2, 2), (17, 2.6, 2), (21, 4.4, 2), (17, 1.5, 1)):
        offset = torch.arange(side) - side // 2
        squared = (offset[:, None] ** 2 + offset[None, :] ** 2).double()
        blob = (-0.5 * (squared.sqrt() / reach) ** power).exp().float()
        cases.append((2 * blob * (0.5 + torch.rand(side, side, generator=generator)),))
    middle, rim = torch.full((5, 5), 0.1), torch.zeros(7, 7)
    middle[2, 2] = 4.0
    rim[0], rim[3, 3], rim[2, 2] = 0.5, 0.4, 1.0
    aside, plateau = torch.full((9, 9), 0.002), torch.full((21, 21), 0.001)
    aside[:3, :3] = 1.0  # nearly all of it is in a square of 3, but not around the middle
    plateau[4:17, 4:17] = 1.0
    alone = torch.zeros(5, 5)
    alone[2, 2], alone[0, 0] = 3.0, 0.1
    nearly, enough = torch.zeros(9, 9), torch.zeros(9, 9)
    nearly[4, 4], nearly[3, 3], nearly[0, 0] = 1799.0, 160.0, 41.0  # 0.8995 in the middle pixel
    enough[4, 4], enough[0, 8] = 1801.0, 199.0  # 0.9005 there
    beside = torch.zeros(4, 9, 9)  # the middle alone is not enough; with one of its four neighbours, it is
    beside[:, 4, 4], beside[:, 0, 0] = 85.0, 5.0
    beside[[0, 1, 2, 3], [3, 5, 4, 4], [4, 4, 3, 5]] = 10.0
    exact = (nearly, enough, *beside)
    return [*cases, (middle,), (rim,), (aside,), (plateau,), (alone,), *((J,) for J in exact)]


def _distances(side: int) -> Float[Tensor, "S S"]:
    offset = torch.arange(side, dtype=torch.float64) - side // 2
    return torch.hypot(offset[:, None].expand(side, side), offset[None, :].expand(side, side))


def _rings(side: int) -> Tensor:
    offset = (torch.arange(side) - side // 2).abs()
    return torch.maximum(offset[:, None], offset[None, :])


def _smallest(J: Tensor, held: Callable[[int], Tensor], needed: float) -> int:
    """The first radius whose part of J is enough; if none is, the radius of the whole map."""
    radii = range(len(J) // 2 + 1)
    return next((r for r in radii if held(r) >= needed), len(J) // 2)


def _held_radius(J: Tensor, part: float = 0.9) -> int:
    ring = _rings(len(J))
    return _smallest(J, lambda r: J.double()[ring <= r].sum(), part * float(J.double().sum()))


def _nine_tenths_square(J: Tensor) -> int:
    return 2 * _held_radius(J) + 1


def _nearest_to_nine_tenths(J: Tensor) -> int:
    ring = _rings(len(J))
    held = torch.stack([J[ring <= r].sum() for r in range(len(J) // 2 + 1)]) / J.sum()
    return 2 * int((held - 0.9).abs().argmin()) + 1


def _one_row_too_many(J: Tensor) -> int:
    m = len(J) // 2
    return 2 * _smallest(J, lambda r: J[m - r : m + r + 2, m - r : m + r + 2].sum(), 0.9 * float(J.sum())) + 1


def _not_part_of_the_sum(J: Tensor) -> int:
    ring = _rings(len(J))
    return 2 * _smallest(J, lambda r: J[ring <= r].sum(), 0.9) + 1


def _one_ring_alone(J: Tensor) -> int:
    ring = _rings(len(J))
    return 2 * _smallest(J, lambda r: J[ring == r].sum(), 0.9 * float(J.sum())) + 1


def _in_a_disc(J: Tensor) -> int:
    distance = _distances(len(J))
    return 2 * _smallest(J, lambda r: J[distance <= r].sum(), 0.9 * float(J.sum())) + 1


def _a_tenth_as_high(J: Tensor) -> int:
    middle = len(J) // 2
    ring = _rings(len(J))
    return 2 * max(r for r in range(middle + 1) if J[ring == r].max() >= J.max() / 10) + 1


def _last_row_lost(J: Tensor) -> int:
    c = len(J) // 2
    return 2 * _smallest(J, lambda r: J[c - r : c + r, c - r : c + r].sum(), 0.9 * float(J.sum())) + 1


def _width_as_radius(J: Tensor) -> int:
    m, needed = len(J) // 2, 0.9 * float(J.sum())
    return next(
        P for P in range(1, len(J) + 1, 2) if J[max(m - P, 0) : m + P + 1, max(m - P, 0) : m + P + 1].sum() >= needed
    )


def _from_the_first_corner(J: Tensor) -> int:
    return next(P for P in range(1, len(J) + 1, 2) if J[:P, :P].sum() >= 0.9 * J.sum() or len(J) - P < 2)


def _anywhere(J: Tensor) -> int:
    for P in range(1, len(J) + 1, 2):
        if J.double().unfold(0, P, 1).unfold(1, P, 1).sum((2, 3)).max() >= 0.9 * J.double().sum():
            return P
    return len(J)


def _middle_row(J: Tensor) -> int:
    c = len(J) // 2
    return 2 * _smallest(J, lambda r: J[c, c - r : c + r + 1].sum(), 0.9 * float(J[c].sum())) + 1


# -------------------------------------------------------------------------------------------------- angle or distance


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


def _alpha_on_the_wrong_term(
    x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float
) -> tuple[Tensor, Tensor]:
    return _compared(x0_a - alpha * x_t, x0_b - alpha * x_t)


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


def _the_angle(x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
    cosine, error = _mismatch(x0_a, x0_b, x_t, alpha, sigma)
    return cosine.clamp(-1, 1).arccos(), error


def _pixel_by_pixel(x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
    ours, theirs = ((alpha * x0.double() - x_t.double()).flatten(1) for x0 in (x0_a, x0_b))
    return _compared(ours, theirs)[0], ((ours - theirs) / theirs).norm(dim=1)


def _error_of_the_denoisers(
    x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float
) -> tuple[Tensor, Tensor]:
    return _mismatch(x0_a, x0_b, x_t, alpha, sigma)[0], _compared(x0_a, x0_b)[1]


def _norms_of_the_batch(x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
    ours, theirs = (((alpha * x0.double() - x_t.double()) / sigma**2).flatten(1) for x0 in (x0_a, x0_b))
    return (ours * theirs).sum(1) / (ours.norm() * theirs.norm()), (ours - theirs).norm(dim=1) / theirs.norm(dim=1)


def _difference_of_norms(x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
    a, b = ((alpha * x0.double() - x_t.double()).flatten(1).norm(dim=1) for x0 in (x0_a, x0_b))
    return _mismatch(x0_a, x0_b, x_t, alpha, sigma)[0], (a - b).abs() / b


def _alpha_forgotten_above(
    x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float
) -> tuple[Tensor, Tensor]:
    cosine, error = _mismatch(x0_a, x0_b, x_t, alpha, sigma)
    return cosine, error / alpha


def _sigma_forgotten_above(
    x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float
) -> tuple[Tensor, Tensor]:
    cosine, error = _mismatch(x0_a, x0_b, x_t, alpha, sigma)
    return cosine, error * sigma**2


def _one_sign_lost(x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
    ours, theirs = (alpha * x0.double() - x_t.double() for x0 in (x0_a, x0_b))
    return _compared(-ours, theirs)


def _relative_to_ours(x0_a: Tensor, x0_b: Tensor, x_t: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
    return _mismatch(x0_b, x0_a, x_t, alpha, sigma)


# ------------------------------------------------------------------------------------------------- calibrate one step


def _tables(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for choices in ([0, 4, 4, 1, 2, 4], [3, 0, 0, 2, 1, 3, 3, 1], [0, 0, 4, 4, 4], [1, 4, 1, 3, 4, 1]):
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


def _fifth(cosine: Tensor, candidates: list[int]) -> int:
    return sorted(candidates[int(k)] for k in cosine.argmax(0))[4]


def _half_minus_one(cosine: Tensor, candidates: list[int]) -> int:
    choices = sorted(candidates[int(k)] for k in cosine.argmax(0))
    return choices[len(choices) // 2 - 1]


def _index_between(cosine: Tensor, candidates: list[int]) -> int:
    indices = sorted(int(k) for k in cosine.argmax(0))
    return candidates[(indices[(len(indices) - 1) // 2] + indices[len(indices) // 2]) // 2]


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


def _worst_of_each(cosine: Tensor, candidates: list[int]) -> int:
    return _lower_median(-cosine, candidates)


def _mean_of_choices(cosine: Tensor, candidates: list[int]) -> float:
    return sum(candidates[int(k)] for k in cosine.argmax(0)) / cosine.shape[1]


def _rounded_mean(cosine: Tensor, candidates: list[int]) -> int:
    mean = _mean_of_choices(cosine, candidates)
    return min(candidates, key=lambda size: abs(size - mean))


def _most_frequent(cosine: Tensor, candidates: list[int]) -> int:
    return candidates[int(cosine.argmax(0).mode().values)]


def _index_instead(cosine: Tensor, candidates: list[int]) -> int:
    return candidates.index(_lower_median(cosine, candidates))


EXERCISES = [
    Exercise(
        name="nine_tenths_square",
        lesson=9,
        title="Nine tenths of it",
        minutes=6,
        difficulty=2,
        start="Start with r = 0, the middle pixel alone, and let the square grow by one pixel on every side.",
        hints=(
            "The square of radius r around the middle m = S // 2 is J[m - r : m + r + 1, m - r : m + r + 1].",
            "Compare its sum with 0.9 * J.sum(): you want the first r for which it is at least as large.",
            "Return its width, 2 * r + 1, not r.",
        ),
        cases=_blobs,
        answer=_nine_tenths_square,
        mistakes=(
            Mistake("You return the radius r: the width of the square is 2 r + 1.", _held_radius),
            Mistake(
                "You return 2 r: the middle pixel adds one, so the width is 2 r + 1.", lambda J: 2 * _held_radius(J)
            ),
            Mistake(
                "You compare with 0.9: J does not sum to one, so compare with nine tenths of its sum.",
                _not_part_of_the_sum,
            ),
            Mistake(
                "You look for the square that holds half of J: it must hold nine tenths.",
                lambda J: 2 * _held_radius(J, 0.5) + 1,
            ),
            Mistake(
                "You take the square whose share is closest to nine tenths: take the first that holds at least that "
                "much.",
                _nearest_to_nine_tenths,
            ),
            Mistake(
                "Your square has one row and one column too many: m - r : m + r + 1 already includes row m + r.",
                _one_row_too_many,
            ),
            Mistake("You square J: its entries are squares already.", lambda J: _nine_tenths_square(J.double() ** 2)),
            Mistake(
                "You return the number of pixels in the square: return its width.",
                lambda J: _nine_tenths_square(J) ** 2,
            ),
            Mistake(
                "You look for one ring that holds nine tenths of J by itself: add up all rings from the middle to r.",
                _one_ring_alone,
            ),
            Mistake("You take a disc: it must be a square.", _in_a_disc),
            Mistake(
                "You look for where J has fallen to a tenth of its largest value: what counts is nine tenths of its "
                "sum.",
                _a_tenth_as_high,
            ),
            Mistake(
                "Your square lacks its last row and column: a slice stops before its end, so write m - r : m + r + 1.",
                _last_row_lost,
            ),
            Mistake(
                "Your square is too large: around the middle it reaches its radius, (width - 1) / 2, to every side, "
                "not its width.",
                _width_as_radius,
            ),
            Mistake(
                "Your square starts at the corner [0, 0]: it must be centred on the middle pixel.",
                _from_the_first_corner,
            ),
            Mistake("You look along the middle row only: a square has rows and columns.", _middle_row),
            Mistake("You take the best square anywhere: it must be centred on the middle pixel.", _anywhere),
            Mistake(
                "One step too few: yours is the largest square that holds less than nine tenths.",
                lambda J: _nine_tenths_square(J) - 2,
            ),
            Mistake(
                "One step too many: stop at the first square that holds nine tenths.",
                lambda J: _nine_tenths_square(J) + 2,
            ),
            Mistake(
                "Your search begins at r = 1: the middle pixel alone, r = 0, may hold nine tenths already.",
                lambda J: max(3, _nine_tenths_square(J)),
            ),
        ),
    ),
    Exercise(
        name="score_mismatch",
        lesson=9,
        title="Angle or distance?",
        minutes=8,
        difficulty=2,
        start="Turn both estimates into scores, (alpha x0_hat - x_t) / sigma^2, and flatten each to (B, pixels).",
        hints=(
            "Compare the scores, not the estimates: both scores contain the term -x_t, which changes both numbers.",
            "Cosine: the inner product of the two vectors divided by the product of their norms, image by image "
            "(dim=1).",
            "Relative error: (ours - theirs).norm(dim=1) / theirs.norm(dim=1), where theirs is the network's score.",
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
                "Your alpha is on the wrong term: the score is (alpha x0_hat - x_t) / sigma^2.",
                _alpha_on_the_wrong_term,
            ),
            Mistake(
                "Your error is absolute: divide it by the norm of the network's score.",
                _absolute_error,
            ),
            Mistake(
                "Your error is the difference of the two norms: take the norm of the difference of the scores.",
                _difference_of_norms,
            ),
            Mistake(
                "Your error lacks alpha in its numerator: take the difference of the scores, not of the images.",
                _alpha_forgotten_above,
            ),
            Mistake(
                "Your error lacks 1 / sigma^2 in its numerator, but not in its denominator: both scores have this "
                "factor.",
                _sigma_forgotten_above,
            ),
            Mistake(
                "The sign of one of your two scores is wrong: both are (alpha x0_hat - x_t) / sigma^2.", _one_sign_lost
            ),
            Mistake("Your error is squared: take the ratio of the norms, not of their squares.", _squared_error),
            Mistake("Your cosine is the inner product: divide it by the norms of both scores.", _product),
            Mistake("You return the angle: return its cosine, without arccos.", _the_angle),
            Mistake(
                "You divide pixel by pixel: divide the norm of the difference by the norm of the network's score.",
                _pixel_by_pixel,
            ),
            Mistake("You return 1 - cosine: return the cosine itself.", _one_minus_cosine),
            Mistake(
                "Your cosine is right, but your error compares the denoised images: compare the scores there, too.",
                _error_of_the_denoisers,
            ),
            Mistake(
                "The norms in your cosine run over the whole batch: take one norm per image, .norm(dim=1) of (B, "
                "pixels).",
                _norms_of_the_batch,
            ),
            Mistake("You return the error first: the cosine comes first, then the error.", _exchanged),
            Mistake(
                "You divide by the norm of the machine's score: divide by the network's, which is the yardstick.",
                _relative_to_ours,
            ),
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
                "You average the two middle values, as numpy's median does: the result may not be one of the sizes. "
                "Take the lower one.",
                _middle_between,
            ),
            Mistake(
                "You take the fifth: that is the lower median of ten seeds only. In general its index is (S - 1) // 2.",
                _fifth,
            ),
            Mistake(
                "With an odd number of seeds your index is one too low: (S - 1) // 2 is right for odd and even S.",
                _half_minus_one,
            ),
            Mistake(
                "Your index lies between the two middle ones: perhaps no seed chose that size. Take the lower one.",
                _index_between,
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
                "You take each seed's worst size: the largest cosine is the best, so argmax, not argmin.",
                _worst_of_each,
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
                "You take the size closest to the mean of the choices: take their lower median, the middle of the "
                "sorted choices.",
                _rounded_mean,
            ),
            Mistake(
                "You take the size that is chosen most often: take the lower median, the middle of the sorted choices.",
                _most_frequent,
            ),
            Mistake("You return the index of the size: return candidates[index].", _index_instead),
        ),
    ),
]
