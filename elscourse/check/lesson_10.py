"""Exercises of lesson 10: predicting a network, image by image."""

from __future__ import annotations

import math
from typing import Any

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


def _judged_sign_test(answer: Any, wins: int, n: int) -> str | None:
    """By ratio: the probability of 98 of 100 is far below any absolute tolerance."""
    given, right = float(answer), _sign_test(wins, n)
    if abs(given - right) <= 1e-3 * right:
        return None
    if abs(given - right) <= 1e-5:
        return (
            f"Nearly: for {wins} of {n} you return {given:.2g}, expected {right:.2g}. If you take one minus all the "
            "other cases, 16 digits cannot hold so small a difference: add the small cases, k = wins to n."
        )
    return f"For {wins} of {n} you return {given:.4g}, expected {right:.4g}. Another look: check.hint('sign_test')."


def _interval_cases(generator: torch.Generator) -> list[tuple[Tensor, Tensor, Tensor]]:
    cases = []
    for n in (13, 21, 31):  # odd, so that there is one median
        common = torch.rand(n, generator=generator, dtype=torch.float64)
        theirs = 0.5 * common + 0.2 * torch.rand(n, generator=generator, dtype=torch.float64)
        ours = 0.5 * common + 0.3 * torch.rand(n, generator=generator, dtype=torch.float64)
        resamples = torch.randint(n, (500, n), generator=generator)
        # each resample four times, and the first once more: around 2.5 % of the way through the sorted means all are
        # equal, so it does not matter which of two neighbours an attempt takes (definitions of a quantile differ)
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


def _lopsided(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    low, high = (ours - theirs)[index].mean(1).quantile(torch.tensor([0.025, 0.95], dtype=torch.float64))
    return float(low), float(high)


def _all_of_them(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    means = (ours - theirs)[index].mean(1)
    return float(means.min()), float(means.max())


def _normal(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    means = (ours - theirs)[index].mean(1)
    return float(means.mean() - 1.96 * means.std()), float(means.mean() + 1.96 * means.std())


def _exchanged_ends(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    low, high = _paired(ours, theirs, index)
    return high, low


def _middle_half(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    low, high = (ours - theirs)[index].mean(1).quantile(torch.tensor([0.25, 0.75], dtype=torch.float64))
    return float(low), float(high)


def _one_quartile(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    low, high = (ours - theirs)[index].mean(1).quantile(torch.tensor([0.25, 0.975], dtype=torch.float64))
    return float(low), float(high)


def _sums(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    return _ends((ours - theirs)[index].sum(1))


def _formula_for_a_mean(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    gap = ours - theirs
    half = 1.96 * gap.std() / math.sqrt(len(gap))
    return float(gap.mean() - half), float(gap.mean() + half)


def _resampled_apart(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    return _ends(ours[index].mean(1) - theirs[index.roll(1, 0)].mean(1))


def _absolute(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    return _ends((ours - theirs).abs()[index].mean(1))


def _only_ours(ours: Tensor, theirs: Tensor, index: Tensor) -> tuple[float, float]:
    return _ends(ours[index].mean(1) - theirs.mean())


def _skill_cases(generator: torch.Generator) -> list[tuple[Tensor, Tensor]]:
    return [tuple(0.05 + 0.9 * torch.rand(2, n, generator=generator, dtype=torch.float64)) for n in (5, 1, 9)]  # type: ignore[misc]


def _never_negative(r2: Tensor, baseline: Tensor) -> Tensor:
    return ((r2 - baseline) / (1 - baseline)).clamp(min=0)


EXERCISES = [
    Exercise(
        name="sign_test",
        lesson=10,
        title="Could it be luck?",
        minutes=8,
        difficulty=2,
        start="Start from the probability that n fair coins show heads exactly k times: math.comb(n, k) / 2**n.",
        hints=(
            "At least `wins` heads: add the cases k = wins, wins + 1, ..., n.",
            "range(wins, n + 1) runs over these k; sum math.comb(n, k) over them and divide by 2**n once.",
        ),
        cases=_sign_cases,
        answer=_sign_test,
        mistakes=(
            Mistake(
                "This is the probability of exactly `wins` heads: 'at least' also counts all the larger k. (Does your "
                "`return` stand inside the loop?)",
                _exactly,
            ),
            Mistake("You leave out k = wins itself: 'at least' begins there, so range(wins, n + 1).", _strictly_more),
            Mistake("You sum from 0 up to wins, which is 'at most': begin at wins and go up to n.", _at_most),
            Mistake("Each k can happen in math.comb(n, k) ways; you count it as one.", _without_choices),
            Mistake("This is the probability of fewer than `wins` heads: the answer is one minus this.", _fewer),
            Mistake("Your range stops before n: n heads count as well, so range(wins, n + 1).", _without_the_last),
            Mistake(
                "You double it, to count luck on either side: the question is only about 'at least this many'.",
                lambda wins, n: min(1.0, 2 * _sign_test(wins, n)),
            ),
            Mistake(
                "You double it, which can exceed 1: count only 'at least this many', not luck on either side.",
                lambda wins, n: 2 * _sign_test(wins, n),
            ),
            Mistake("You only count the ways: each sequence of n tosses has probability 1 / 2**n.", _counted),
            Mistake(
                "Your answer is always 0: either you swapped wins and n, and range(n, wins + 1) is empty, or // "
                "dropped the remainder (divide with /).",
                lambda wins, n: _sign_test(n, wins),
            ),
            Mistake(
                "// drops the remainder, which leaves 0 here: divide with /.",
                lambda wins, n: sum(math.comb(n, k) for k in range(wins, n + 1)) // 2**n,
            ),
            Mistake("There are 2**n sequences of n tosses, not n**2.", lambda wins, n: _counted(wins, n) / n**2),
            Mistake(  # math.comb(k, n), or math.comb(wins, k)
                "Do you keep only the last term, k = n? Add all of them up (`+=`, not `=`). Or is it math.comb(k, n)? "
                "There n comes first, the number of tosses, and then k.",
                lambda wins, n: sum(math.comb(k, n) for k in range(wins, n + 1)) / 2**n,
            ),
            Mistake(
                "In the sum k goes from wins to n, and so must the number of heads: math.comb(n, k), not (n, wins).",
                lambda wins, n: (n - wins + 1) * math.comb(n, wins) / 2**n,
            ),
            Mistake(
                "Every sequence of n tosses has probability 0.5**n, however many heads it has; you take 0.5**k.",
                lambda wins, n: sum(math.comb(n, k) * 0.5**k for k in range(wins, n + 1)),
            ),
            Mistake(
                "This is the share of seeds that were won. The question is how probable so many heads are with fair "
                "coins.",
                lambda wins, n: wins / n,
            ),
            Mistake(
                "You use the normal curve, which is only an approximation: add math.comb(n, k) / 2**n for k = wins to "
                "n.",
                lambda wins, n: 0.5 * math.erfc((wins - n / 2) / math.sqrt(n / 2)),
            ),
            Mistake(
                "You use the normal curve, begun half a toss earlier, but it is still an approximation: add "
                "math.comb(n, k) / 2**n.",
                lambda wins, n: 0.5 * math.erfc((wins - 0.5 - n / 2) / math.sqrt(n / 2)),
            ),
            Mistake("There are 2**n sequences of n tosses, not 2 * n.", lambda wins, n: _counted(wins, n) / (2 * n)),
        ),
        tolerance=1e-5,
        judge=_judged_sign_test,
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
            "Take the mean of every row (dim 1): R means. The interval comes from these means, not from the seeds.",
            "low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=means.dtype)) are the two ends. Return low, "
            "high.",
        ),
        cases=_interval_cases,
        answer=_paired,
        mistakes=(
            Mistake(
                "You make one interval for each method and subtract: resample the differences, seed by seed.", _apart
            ),
            Mistake("You subtract the ends of two intervals: resample the differences, seed by seed.", _ends_apart),
            Mistake("You take theirs - ours: an advantage of ours should be positive.", _other_sign),
            Mistake(
                "This is the spread of the seeds themselves: first take the mean of each resample.", _spread_of_seeds
            ),
            Mistake("You pool all resampled seeds: first take one mean per row of `index`, then the ends.", _all_draws),
            Mistake("You average over the resamples (dim 0): average over the n seeds of each resample.", _wrong_axis),
            Mistake("You take the medians of the resamples: this time take their means.", _medians),
            Mistake("The central 95 % leaves 2.5 % on each side: 0.025 and 0.975, not 0.05 and 0.95.", _ninety),
            Mistake(
                "You assume a normal distribution: take the quantiles of the resampled means themselves.",
                _normal,
            ),
            Mistake("You return the upper end first: return (low, high).", _exchanged_ends),
            Mistake("0.25 and 0.75 are the quartiles: the central 95 % ends at 0.025 and 0.975.", _middle_half),
            Mistake("You leave 2.5 % below and 5 % above: the central 95 % ends at 0.025 and 0.975.", _lopsided),
            Mistake(
                "These are the lowest and the highest of the means: leave out 2.5 % of them on either side.",
                _all_of_them,
            ),
            Mistake(
                "You resample the two apart: in each resample both must use the same seeds, (ours - theirs)[index].",
                _resampled_apart,
            ),
            Mistake("You take absolute values: a seed on which theirs is better should count against ours.", _absolute),
            Mistake("You resample ours only: theirs needs the same seeds, so resample the differences.", _only_ours),
            Mistake("You take 0.25 for the lower end: the central 95 % begins at 0.025.", _one_quartile),
            Mistake("You add up the differences of a resample: divide by n, or take the mean.", _sums),
            Mistake(
                "This is the normal formula for a mean, without any resampling: take the quantiles of the resampled "
                "means.",
                _formula_for_a_mean,
            ),
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
            "The prediction leaves 1 - r2 unexplained, the baseline 1 - baseline.",
            "The ratio of the two says how much of what the baseline left is still unexplained; skill is one minus "
            "that.",
        ),
        cases=_skill_cases,
        answer=lambda r2, baseline: 1 - (1 - r2.double()) / (1 - baseline.double()),
        mistakes=(
            Mistake(
                "Put brackets round (1 - r2) and (1 - baseline), or Python divides only by 1 and leaves the plain "
                "difference. If you meant the difference, divide it by (1 - baseline).",
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
                "Your sign is reversed: skill is positive where r2 is above the baseline.",
                lambda r2, b: (b - r2) / (1 - b),
            ),
            Mistake(
                "You square once more: r2 is a square already, and so is the baseline.",
                lambda r2, b: 1 - (1 - r2**2) / (1 - b**2),
            ),
            Mistake(
                "You swapped the two: r2 is the prediction's, baseline is what it must beat.",
                lambda r2, b: 1 - (1 - b) / (1 - r2),
            ),
            Mistake("You cut off at 0: a prediction worse than the baseline has a negative skill.", _never_negative),
            Mistake(
                "Division comes before subtraction: put brackets round (1 - baseline).", lambda r2, b: (r2 - b) / 1 - b
            ),
            Mistake(
                "You divide r2 by what the baseline left over: the gain over the baseline is r2 - baseline. (With 1 - "
                "r2 in mind, put brackets round it: (1 - r2) / (1 - baseline).)",
                lambda r2, b: r2 / (1 - b),
            ),
            Mistake(
                "You take one baseline for all seeds, its mean: each seed has its own.",
                lambda r2, b: 1 - (1 - r2) / (1 - b.mean()),
            ),
            Mistake(
                "This is the ratio of what is explained: compare what is left over, 1 - r2 and 1 - baseline.",
                lambda r2, b: r2 / b,
            ),
        ),
    ),
]
