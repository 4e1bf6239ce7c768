"""Exercises of lesson 10: predicting a network, image by image."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .exercise import Exercise, Mistake


def _sign_cases(generator: torch.Generator) -> list[tuple[int, int]]:
    cases = []
    for _ in range(5):
        n = int(torch.randint(4, 30, (1,), generator=generator))
        cases.append((int(torch.randint(n // 2, n + 1, (1,), generator=generator)), n))
    return [*cases, (0, 7), (98, 100)]


def _sign_test(wins: int, n: int) -> float:
    return sum(math.comb(n, k) for k in range(wins, n + 1)) / 2**n


def _exactly(wins: int, n: int) -> float:
    return math.comb(n, wins) / 2**n


def _strictly_more(wins: int, n: int) -> float:
    return sum(math.comb(n, k) for k in range(wins + 1, n + 1)) / 2**n


def _at_most(wins: int, n: int) -> float:
    return sum(math.comb(n, k) for k in range(wins + 1)) / 2**n


def _without_choices(wins: int, n: int) -> float:
    return sum(1 for _ in range(wins, n + 1)) / 2**n


def _fewer(wins: int, n: int) -> float:
    return sum(math.comb(n, k) for k in range(wins)) / 2**n


def _without_the_last(wins: int, n: int) -> float:
    return sum(math.comb(n, k) for k in range(wins, n)) / 2**n


def _counted(wins: int, n: int) -> float:
    return float(sum(math.comb(n, k) for k in range(wins, n + 1)))


def _interval_cases(generator: torch.Generator) -> list[tuple[Tensor, Tensor, Tensor]]:
    cases = []
    for n in (13, 21, 31):  # odd, so that there is one median
        common = torch.rand(n, generator=generator, dtype=torch.float64)
        theirs = 0.5 * common + 0.2 * torch.rand(n, generator=generator, dtype=torch.float64)
        ours = 0.5 * common + 0.3 * torch.rand(n, generator=generator, dtype=torch.float64)
        resamples = torch.randint(n, (500, n), generator=generator)
        # each four times, and one more: 2.5 % of the way through the sorted means all are alike, so that whoever takes
        # the one before or the one after, as some quantiles do, has the same
        cases.append((ours, theirs, torch.cat([resamples.repeat(4, 1), resamples[:1]])))
    return cases


def _ends(values: Tensor) -> tuple[float, float]:
    low, high = values.quantile(torch.tensor([0.025, 0.975], dtype=values.dtype))
    return float(low), float(high)


def _paired(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    return _ends((ours.double() - theirs.double())[index].mean(1))


def _apart(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    (low_a, high_a), (low_b, high_b) = _ends(ours[index].mean(1)), _ends(theirs[index].mean(1))
    return low_a - high_b, high_a - low_b


def _ends_apart(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    (low_a, high_a), (low_b, high_b) = _ends(ours[index].mean(1)), _ends(theirs[index].mean(1))
    return low_a - low_b, high_a - high_b


def _other_sign(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    return _paired(theirs, ours, index)


def _spread_of_seeds(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    return _ends(ours - theirs)


def _all_draws(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    return _ends((ours - theirs)[index].flatten())


def _wrong_axis(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    return _ends((ours - theirs)[index].mean(0))


def _medians(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    return _ends((ours - theirs)[index].quantile(0.5, dim=1))


def _ninety(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    means = (ours - theirs)[index].mean(1)
    low, high = means.quantile(torch.tensor([0.05, 0.95], dtype=means.dtype))
    return float(low), float(high)


def _normal(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    means = (ours - theirs)[index].mean(1)
    return float(means.mean() - 1.96 * means.std()), float(means.mean() + 1.96 * means.std())


def _exchanged_ends(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    low, high = _paired(ours, theirs, index)
    return high, low


def _middle_half(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    low, high = (ours - theirs)[index].mean(1).quantile(torch.tensor([0.25, 0.75], dtype=torch.float64))
    return float(low), float(high)


def _only_ours(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    return _ends(ours[index].mean(1) - theirs.mean())


def _skill_cases(generator: torch.Generator) -> list[tuple[Tensor, Tensor]]:
    return [tuple(0.05 + 0.9 * torch.rand(2, n, generator=generator, dtype=torch.float64)) for n in (1, 5, 9)]  # type: ignore[misc]


def _never_negative(r2: Tensor, baseline: Tensor) -> Tensor:
    return ((r2 - baseline) / (1 - baseline)).clamp(min=0)


def _departure_cases(generator: torch.Generator) -> list[tuple[Tensor, list[float], float]]:
    cases = []
    for steps, level in ((6, 0.5), (9, 0.6), (12, 0.4)):
        r2 = torch.rand(steps, 8, generator=generator, dtype=torch.float64)
        r2[-1, :6] = level * torch.rand(6, generator=generator, dtype=torch.float64)  # most end below
        r2[steps // 2 :, :3] *= level
        r2[0, :5] = level + 0.1
        r2[1, :4] = level - 0.1
        r2[2, :4] = level + 0.1  # below for a moment, and back
        r2[-1, 7] = level  # at the level is not below it
        r2[:, 5] = level - 0.1  # never near
        cases.append((r2, [(1 - k / steps) ** 1.5 for k in range(steps)], level))
    return cases


def _departure(r2: Tensor, times: Sequence[float], level: float) -> Tensor:
    since = torch.zeros(r2.shape[1], dtype=torch.float64)
    for b in range(r2.shape[1]):
        for k in reversed(range(len(times))):
            if not r2[k, b] < level:
                break
            since[b] = times[k]
    return since


def _first_below(r2: Tensor, times: Sequence[float], level: float) -> Tensor:
    below = r2 < level
    first = below.long().argmax(0)
    return torch.where(below.any(0), torch.tensor(times, dtype=torch.float64)[first], 0.0)


def _last_below(r2: Tensor, times: Sequence[float], level: float) -> Tensor:
    below = r2 < level
    last = len(times) - 1 - below.flip(0).long().argmax(0)
    return torch.where(below.any(0), torch.tensor(times, dtype=torch.float64)[last], 0.0)


def _at_or_below(r2: Tensor, times: Sequence[float], level: float) -> Tensor:
    grid = torch.tensor([0.0, *reversed(times)], dtype=torch.float64)
    return grid[(r2 <= level).long().flip(0).cumprod(0).sum(0)]


def _first_time_for_none(r2: Tensor, times: Sequence[float], level: float) -> Tensor:
    run = (r2 < level).long().flip(0).cumprod(0).sum(0)
    return torch.tensor(times, dtype=torch.float64)[-run]


def _all_below(r2: Tensor, times: Sequence[float], level: float) -> Tensor:
    return torch.tensor([0.0, *reversed(times)], dtype=torch.float64)[(r2 < level).sum(0)]


def _first_below_of_those_that_end_below(r2: Tensor, times: Sequence[float], level: float) -> Tensor:
    return torch.where(r2[-1] < level, _first_below(r2, times, level), 0.0)


def _row_number(r2: Tensor, times: Sequence[float], level: float) -> Tensor:
    return (len(times) - (r2 < level).long().flip(0).cumprod(0).sum(0)).double()


def _row_or_zero(r2: Tensor, times: Sequence[float], level: float) -> Tensor:
    row = _row_number(r2, times, level)
    return torch.where(row < len(times), row, 0.0)


def _last_above(r2: Tensor, times: Sequence[float], level: float) -> Tensor:
    grid = torch.tensor([0.0, *reversed(times), times[0]], dtype=torch.float64)
    run = (r2 < level).long().flip(0).cumprod(0).sum(0)
    return torch.where(run > 0, grid[run + 1], 0.0)


EXERCISES = [
    Exercise(
        name="sign_test",
        lesson=10,
        title="Could it be luck?",
        minutes=8,
        difficulty=2,
        start="Start from the probability that n fair coins show heads exactly k times: math.comb(n, k) / 2**n.",
        hints=(
            "There are math.comb(n, k) ways to have exactly k heads among n tosses, each with probability 1 / 2**n.",
            "At least `wins` heads: add the cases k = wins, wins + 1, ..., n.",
            "range(wins, n + 1) has these k; sum math.comb(n, k) over them and divide by 2**n once.",
        ),
        cases=_sign_cases,
        answer=_sign_test,
        mistakes=(
            Mistake(
                "This is the probability of exactly `wins` heads: 'at least' also counts all the larger k.", _exactly
            ),
            Mistake("You leave out k = wins itself: 'at least' begins there, so range(wins, n + 1).", _strictly_more),
            Mistake("You sum from 0 up to wins, which is 'at most': begin at wins and go up to n.", _at_most),
            Mistake("Each k can happen in math.comb(n, k) ways; you count it as one.", _without_choices),
            Mistake("This is the probability of fewer than `wins` heads: one minus it is asked for.", _fewer),
            Mistake("Your range ends before n: all n heads count as well, so range(wins, n + 1).", _without_the_last),
            Mistake(
                "You double it, as for luck on either side: only 'at least this many' is asked for.",
                lambda wins, n: min(1.0, 2 * _sign_test(wins, n)),
            ),
            Mistake(
                "You double it, and may pass 1: luck on either side is not asked for, only 'at least this many'.",
                lambda wins, n: 2 * _sign_test(wins, n),
            ),
            Mistake("You count the ways: each sequence of n tosses has probability 1 / 2**n.", _counted),
        ),
        tolerance=1e-5,
    ),
    Exercise(
        name="paired_interval",
        lesson=10,
        title="An interval for the mean advantage",
        minutes=8,
        difficulty=2,
        start="Start from the difference of the two, one number per seed, and index it with `index`.",
        hints=(
            "(ours - theirs)[index] has shape (R, n): one row per resample.",
            "Take the mean of every row (dim 1): R means. The interval is made of these, not of the seeds.",
            "means.quantile(torch.tensor([0.025, 0.975], dtype=means.dtype)) has the two ends.",
        ),
        cases=_interval_cases,
        answer=_paired,
        mistakes=(
            Mistake(
                "You make one interval for each method and subtract: resample the differences, seed by seed.", _apart
            ),
            Mistake("You subtract the ends of two intervals: resample the differences, seed by seed.", _ends_apart),
            Mistake("You take theirs - ours: an advantage of ours is positive.", _other_sign),
            Mistake(
                "This is the spread of the seeds themselves: first take the mean of each resample.", _spread_of_seeds
            ),
            Mistake(
                "You throw all resampled seeds together: one mean per row of `index` first, then the ends.", _all_draws
            ),
            Mistake("You average over the resamples (dim 0): average over the n seeds of each resample.", _wrong_axis),
            Mistake("You take medians of the resamples; this time the mean is asked for.", _medians),
            Mistake("The central 95 % leaves 2.5 % on each side: 0.025 and 0.975, not 0.05 and 0.95.", _ninety),
            Mistake(
                "You take a normal distribution for granted: take the quantiles of the resampled means themselves.",
                _normal,
            ),
            Mistake("You return the upper end first: (low, high) is asked for.", _exchanged_ends),
            Mistake("0.25 and 0.75 are the quartiles: the central 95 % ends at 0.025 and 0.975.", _middle_half),
            Mistake("You resample ours only: theirs takes the same seeds, so resample the differences.", _only_ours),
        ),
    ),
    Exercise(
        name="skill",
        lesson=10,
        title="What the baseline left over",
        minutes=6,
        difficulty=1,
        start="Start from what the baseline leaves unexplained: 1 - baseline.",
        hints=(
            "What the prediction leaves unexplained is 1 - r2, what the baseline leaves is 1 - baseline.",
            "The ratio of the two says how much of the rest is still unexplained; skill is one minus that.",
        ),
        cases=_skill_cases,
        answer=lambda r2, baseline: 1 - (1 - r2.double()) / (1 - baseline.double()),
        mistakes=(
            Mistake(
                "This is the plain difference: divide it by (1 - baseline), with the brackets, or Python divides by 1 "
                "and then subtracts.",
                lambda r2, b: r2 - b,
            ),
            Mistake(
                "You divide by the baseline: the yardstick is what it leaves over, 1 - baseline.",
                lambda r2, b: (r2 - b) / b,
            ),
            Mistake(
                "This is the share that is still unexplained: skill is one minus that.",
                lambda r2, b: (1 - r2) / (1 - b),
            ),
            Mistake(
                "You divide by what the prediction left over: the yardstick is what the baseline left, 1 - baseline.",
                lambda r2, b: (r2 - b) / (1 - r2),
            ),
            Mistake(
                "Your sign is turned: skill is positive where r2 is above the baseline.",
                lambda r2, b: (b - r2) / (1 - b),
            ),
            Mistake(
                "You square once more: r2 is a square already, and so is the baseline.",
                lambda r2, b: 1 - (1 - r2**2) / (1 - b**2),
            ),
            Mistake(
                "You exchanged the two: r2 is the prediction's, baseline is what it must beat.",
                lambda r2, b: 1 - (1 - b) / (1 - r2),
            ),
            Mistake("You cut off at 0: a prediction worse than the baseline has a negative skill.", _never_negative),
            Mistake(
                "This is the ratio of what is explained: compare what is left over, 1 - r2 and 1 - baseline.",
                lambda r2, b: r2 / b,
            ),
        ),
    ),
    Exercise(
        name="departure",
        lesson=10,
        title="The moment of departure",
        minutes=8,
        difficulty=2,
        start="Start from the end: is the last row below level? And the one before?",
        hints=(
            "A dip that recovers does not count: only the unbroken run of rows below level that reaches the last row.",
            "Flip the truth values in time and take the cumulative product: ones until the first row not below.",
            "Its sum over time is the length L of the run. L = 0 means 0; else the answer is times[T - L].",
        ),
        cases=_departure_cases,
        answer=_departure,
        mistakes=(
            Mistake(
                "You take the first time below level, even if it recovers: it must stay below until the end.",
                _first_below,
            ),
            Mistake(
                "You take the first time below level of those that end below: a dip that recovers does not count.",
                _first_below_of_those_that_end_below,
            ),
            Mistake("Where no row counts, times[-0] is times[0]: 0 is asked for.", _first_time_for_none),
            Mistake("You count all rows below level: only the unbroken run at the end counts.", _all_below),
            Mistake("You return the number of the row: return the time, times[row].", _row_number),
            Mistake("You return the number of the row, and 0 for none: times[row] is asked for.", _row_or_zero),
            Mistake(
                "You return the last time below level: the first time of the unbroken run at the end is asked for.",
                _last_below,
            ),
            Mistake("At the level is not below it: compare with <, not with <=.", _at_or_below),
            Mistake(
                "You return the last time at or above level: it is below from the next entry of times on.", _last_above
            ),
        ),
    ),
]
