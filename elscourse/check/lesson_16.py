"""Exercises of lesson 16: changing the noise, and foretelling what that changes in a drawing."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ..metrics import compare
from .attempt import Case
from .exercise import Exercise, Mistake

# ------------------------------------------------------------------------------------------------------------ exchange


def _two_noises(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for shape, y, x, side in (((2, 1, 8, 8), 1, 4, 3), ((3, 3, 6, 9), 0, 2, 4), ((1, 1, 7, 7), 2, 3, 4)):
        noise, other = (torch.randn(shape, generator=generator) for _ in range(2))
        cases.append((noise, other, y, x, side))
    return cases


def _inside(shape: torch.Size, rows: slice, columns: slice) -> Tensor:
    """Which pixels lie in these rows and columns, (H, W)."""
    found = torch.zeros(shape[-2:], dtype=torch.bool)
    found[rows, columns] = True
    return found


def _exchange(noise: Tensor, other: Tensor, y: int, x: int, side: int) -> Tensor:
    return torch.where(_inside(noise.shape, slice(y, y + side), slice(x, x + side)), other, noise)


def _outside(noise: Tensor, other: Tensor, y: int, x: int, side: int) -> Tensor:
    return _exchange(other, noise, y, x, side)


def _transposed(noise: Tensor, other: Tensor, y: int, x: int, side: int) -> Tensor:
    return _exchange(noise, other, x, y, side)


def _corner_as_centre(noise: Tensor, other: Tensor, y: int, x: int, side: int) -> Tensor:
    half = side // 2
    rows, columns = (slice(max(0, k - half), k - half + side) for k in (y, x))
    return torch.where(_inside(noise.shape, rows, columns), other, noise)


def _one_more(noise: Tensor, other: Tensor, y: int, x: int, side: int) -> Tensor:
    return _exchange(noise, other, y, x, side + 1)


def _one_less(noise: Tensor, other: Tensor, y: int, x: int, side: int) -> Tensor:
    return _exchange(noise, other, y, x, side - 1)


def _whole_rows(noise: Tensor, other: Tensor, y: int, x: int, side: int) -> Tensor:
    return torch.where(_inside(noise.shape, slice(y, y + side), slice(None)), other, noise)


def _added(noise: Tensor, other: Tensor, y: int, x: int, side: int) -> Tensor:
    return torch.where(_inside(noise.shape, slice(y, y + side), slice(x, x + side)), noise + other, noise)


def _up_to_side(noise: Tensor, other: Tensor, y: int, x: int, side: int) -> Tensor:
    return torch.where(_inside(noise.shape, slice(y, side), slice(x, side)), other, noise)


def _images_and_channels(noise: Tensor, other: Tensor, y: int, x: int, side: int) -> Tensor:
    changed = noise.clone()
    changed[y : y + side, x : x + side] = other[y : y + side, x : x + side]
    return changed


def _channel_forgotten(noise: Tensor, other: Tensor, y: int, x: int, side: int) -> Tensor:
    """The block cut from the channels and the rows."""
    changed = noise.clone()
    changed[:, y : y + side, x : x + side] = other[:, y : y + side, x : x + side]
    return changed


def _corner_of_other(noise: Tensor, other: Tensor, y: int, x: int, side: int) -> Tensor:
    changed = noise.clone()
    changed[..., y : y + side, x : x + side] = other[..., :side, :side]
    return changed


# ------------------------------------------------------------------------------------------------------------ foretold


def _changes(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for shape, off in (((5, 1, 5, 5), 0.4), ((3, 3, 4, 6), 1.5), ((6, 1, 4, 4), 0.1)):
        change = torch.randn(shape, generator=generator) + torch.linspace(0.2, 1, shape[0])[:, None, None, None]
        predicted = 0.8 * change + off * torch.randn(shape, generator=generator)
        predicted[0] = 0  # nothing foretold
        cases.append((change, predicted))
    return cases


def _squares(x: Tensor) -> Float[Tensor, " B"]:
    return x.double().square().flatten(1).sum(1)


def _foretold(change: Tensor, predicted: Tensor) -> Float[Tensor, " B"]:
    return 1 - _squares(change.double() - predicted.double()) / _squares(change)


def _what_is_missing(change: Tensor, predicted: Tensor) -> Tensor:
    return 1 - _foretold(change, predicted)


def _not_squared(change: Tensor, predicted: Tensor) -> Tensor:
    return 1 - _what_is_missing(change, predicted).sqrt()


def _absolute(change: Tensor, predicted: Tensor) -> Tensor:
    return 1 - (change - predicted).abs().flatten(1).sum(1) / change.abs().flatten(1).sum(1)


def _against_the_mean(change: Tensor, predicted: Tensor) -> Tensor:
    """R2 of lesson 11: the baseline is the mean change instead of no change."""
    x = change.double().flatten(1)
    return 1 - _squares(change.double() - predicted.double()) / (x - x.mean(1, keepdim=True)).square().sum(1)


def _against_the_variance(change: Tensor, predicted: Tensor) -> Tensor:
    """The same by way of var, which divides by n - 1."""
    left = _squares(change.double() - predicted.double()) / change[0].numel()
    return 1 - left / change.double().flatten(1).var(1)


def _of_the_predicted(change: Tensor, predicted: Tensor) -> Tensor:
    return 1 - _squares(change.double() - predicted.double()) / _squares(predicted)


def _one_for_all(change: Tensor, predicted: Tensor) -> Tensor:
    missing = _squares(change.double() - predicted.double()).sum() / _squares(change).sum()
    return (1 - missing).expand(len(change))


def _per_pixel(change: Tensor, predicted: Tensor) -> Tensor:
    """A part for every pixel, then their mean."""
    return (1 - (change.double() - predicted.double()).square() / change.double().square()).flatten(1).mean(1)


def _correlation(change: Tensor, predicted: Tensor) -> Tensor:
    return compare(predicted, change).r2


def _cosine(power: int, of_nothing: float) -> Callable[..., Tensor]:
    """The cosine or its square; of_nothing where nothing is foretold, nan by hand and 0 by torch."""

    def cosine(change: Tensor, predicted: Tensor) -> Tensor:
        product = (change.double() * predicted).flatten(1).sum(1)
        return (product / (_squares(change) * _squares(predicted)).sqrt()).nan_to_num(of_nothing) ** power

    return cosine


def _correlation_or_none(change: Tensor, predicted: Tensor) -> Tensor:
    return compare(predicted, change).r2.nan_to_num(0)


def _variances(change: Tensor, predicted: Tensor) -> Tensor:
    """The mean is subtracted from what is left, and from the change."""
    left, whole = ((some.double().flatten(1)).var(1) for some in (change.double() - predicted.double(), change))
    return 1 - left / whole


def _not_below_zero(change: Tensor, predicted: Tensor) -> Tensor:
    return _foretold(change, predicted).clamp(min=0)


def _size_alone(change: Tensor, predicted: Tensor) -> Tensor:
    return _squares(predicted) / _squares(change)


def _slope(change: Tensor, predicted: Tensor) -> Tensor:
    return (change.double() * predicted).flatten(1).sum(1) / _squares(change)


# ---------------------------------------------------------------------------------------------------------------- kept


def _scores(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for seeds, many, blur in ((6, 10, 0.5), (3, 5, 1.0), (8, 20, 0.1)):
        true = torch.randn(seeds, many, generator=generator) + torch.linspace(-1, 3, seeds)[:, None]
        cases.append((0.7 * true + blur * torch.randn(seeds, many, generator=generator) + 0.5, true))
    return cases


def _kept_at(choice: Tensor, by_network: Tensor) -> Tensor:
    """What the network gives at these columns, on a scale from the mean (0) to the best (1) of each row."""
    given = by_network.gather(1, choice[:, None])[:, 0]
    mean = by_network.mean(1)
    return (given - mean) / (by_network.amax(1) - mean)


def _given(by_formula: Tensor, by_network: Tensor) -> Tensor:
    """What the network gives where the formula chooses."""
    return by_network.gather(1, by_formula.argmax(1)[:, None])[:, 0]


def _kept(by_formula: Tensor, by_network: Tensor) -> Tensor:
    return _kept_at(by_formula.argmax(1), by_network)


def _lowest(by_formula: Tensor, by_network: Tensor) -> Tensor:
    return _kept_at(by_formula.argmin(1), by_network)


def _as_the_formula_sees_it(by_formula: Tensor, by_network: Tensor) -> Tensor:
    mean = by_network.mean(1)
    return (by_formula.amax(1) - mean) / (by_network.amax(1) - mean)


def _roles_exchanged(by_formula: Tensor, by_network: Tensor) -> Tensor:
    return _kept(by_network, by_formula)


def _share_of_the_best(by_formula: Tensor, by_network: Tensor) -> Tensor:
    return by_network.gather(1, by_formula.argmax(1)[:, None])[:, 0] / by_network.amax(1)


def _from_the_worst(by_formula: Tensor, by_network: Tensor) -> Tensor:
    given = _given(by_formula, by_network)
    worst = by_network.amin(1)
    return (given - worst) / (by_network.amax(1) - worst)


def _promised(by_formula: Tensor, by_network: Tensor) -> Tensor:
    """The whole numerator is from the formula's table."""
    promised = by_formula.amax(1) - by_formula.mean(1)
    return promised / (by_network.amax(1) - by_network.mean(1))


def _from_the_formulas_mean(by_formula: Tensor, by_network: Tensor) -> Tensor:
    given = _given(by_formula, by_network)
    mean = by_formula.mean(1)
    return (given - mean) / (by_network.amax(1) - mean)


def _of_the_formulas_best(by_formula: Tensor, by_network: Tensor) -> Tensor:
    """The denominator is the formula's best minus the network's mean."""
    given, mean = _given(by_formula, by_network), by_network.mean(1)
    return (given - mean) / (by_formula.amax(1) - mean)


def _of_the_formulas_most(by_formula: Tensor, by_network: Tensor) -> Tensor:
    """The whole denominator is from the formula's table."""
    given = _given(by_formula, by_network)
    return (given - by_network.mean(1)) / (by_formula.amax(1) - by_formula.mean(1))


def _only_the_gift(by_formula: Tensor, by_network: Tensor) -> Tensor:
    """Mean and best are from the formula's table."""
    mean = by_formula.mean(1)
    return (_given(by_formula, by_network) - mean) / (by_formula.amax(1) - mean)


def _of_the_range(by_formula: Tensor, by_network: Tensor) -> Tensor:
    given = _given(by_formula, by_network)
    return (given - by_network.mean(1)) / (by_network.amax(1) - by_network.amin(1))


def _of_the_best(by_formula: Tensor, by_network: Tensor) -> Tensor:
    return (_given(by_formula, by_network) - by_network.mean(1)) / by_network.amax(1)


def _one_best(by_formula: Tensor, by_network: Tensor) -> Tensor:
    given = _given(by_formula, by_network)
    mean = by_network.mean(1)
    return (given - mean) / (by_network.max() - mean)


def _one_choice_for_all(by_formula: Tensor, by_network: Tensor) -> Tensor:
    return _kept_at(by_formula.mean(0).argmax().expand(len(by_formula)), by_network)


def _hit_or_miss(by_formula: Tensor, by_network: Tensor) -> Tensor:
    return (by_formula.argmax(1) == by_network.argmax(1)).double()


def _not_below_a_blind_choice(by_formula: Tensor, by_network: Tensor) -> Tensor:
    return _kept(by_formula, by_network).clamp(min=0)


def _what_is_lost(by_formula: Tensor, by_network: Tensor) -> Tensor:
    return 1 - _kept(by_formula, by_network)


def _one_mean(by_formula: Tensor, by_network: Tensor) -> Tensor:
    given = _given(by_formula, by_network)
    return (given - by_network.mean()) / (by_network.amax(1) - by_network.mean())


def _one_mean_and_best(by_formula: Tensor, by_network: Tensor) -> Tensor:
    mean = by_network.mean()
    return (_given(by_formula, by_network) - mean) / (by_network.max() - mean)


def _from_the_median(by_formula: Tensor, by_network: Tensor) -> Tensor:
    median = by_network.median(1).values
    return (_given(by_formula, by_network) - median) / (by_network.amax(1) - median)


def _above_the_mean(by_formula: Tensor, by_network: Tensor) -> Tensor:
    return by_network.gather(1, by_formula.argmax(1)[:, None])[:, 0] - by_network.mean(1)


EXERCISES = [
    Exercise(
        name="exchange",
        lesson=16,
        title="Exchange a block of the noise",
        minutes=4,
        difficulty=1,
        start="Start from a copy of the noise: noise.clone().",
        hints=(
            "Rows y to y + side - 1 are written y : y + side in Python, and columns likewise.",
            "changed[..., y : y + side, x : x + side] = the same part of other; then return changed.",
        ),
        cases=_two_noises,
        answer=_exchange,
        mistakes=(
            Mistake("You keep the block and exchange all the rest: it should be the other way round.", _outside),
            Mistake("You have swapped y and x: y counts rows, the second-to-last dimension.", _transposed),
            Mistake("You take (y, x) for the middle of the block: it is its upper left pixel.", _corner_as_centre),
            Mistake("Your block is one pixel too wide: y : y + side already has `side` rows.", _one_more),
            Mistake("Your block is one pixel too narrow: y : y + side already stops before y + side.", _one_less),
            Mistake("You exchange whole rows: the columns have limits, too.", _whole_rows),
            Mistake("You cut y : side. The block's rows are y : y + side, and columns likewise.", _up_to_side),
            Mistake("You add the other noise: put it in place of the first.", _added),
            Mistake(
                "You cut channels and rows: rows and columns are the last two dimensions, [..., rows, columns].",
                _channel_forgotten,
            ),
            Mistake("You take the other noise's upper left corner: take it from the same place.", _corner_of_other),
            Mistake(
                "The noise comes back unchanged: is your slice empty, or did you assign nothing to it?",
                lambda noise, other, y, x, side: noise,
            ),
            Mistake(
                "You cut images and channels: rows and columns are the last two dimensions, [..., rows, columns].",
                _images_and_channels,
            ),
        ),
    ),
    Exercise(
        name="foretold",
        lesson=16,
        title="How much of the change is foretold",
        minutes=4,
        difficulty=1,
        start="Start from the sum of the squared change over the pixels of each image, shape (B,).",
        hints=(
            "change.square().sum((1, 2, 3)) has one number for every image.",
            "What is not foretold is change - predicted; sum its square in the same way.",
            "Return 1 minus the second sum divided by the first.",
        ),
        cases=_changes,
        answer=_foretold,
        mistakes=(
            Mistake("That is the part that is not foretold: subtract it from 1.", _what_is_missing),
            Mistake("You take a root: compare the sums of squares as they are.", _not_squared),
            Mistake("You add absolute values: add squares.", _absolute),
            Mistake(
                "You subtract the mean of the change: that is R2, whose baseline knows the mean change. Here the "
                "baseline is no change at all.",
                _against_the_mean,
            ),
            Mistake(
                "You divide by the variance of the change, which subtracts its mean. Here the baseline is no change "
                "at all: divide by its sum of squares.",
                _against_the_variance,
            ),
            Mistake(
                "You subtract two means, one from what is left and one from the change, as var does: just sum the "
                "squares.",
                _variances,
            ),
            Mistake("You divide by the change that was predicted: divide by the true one.", _of_the_predicted),
            Mistake("You divide pixel by pixel: sum both squares over the pixels first, then divide.", _per_pixel),
            Mistake("That is one number for the whole batch: return one for every image.", _one_for_all),
            Mistake("That is r2. It forgives a change that is foretold too small or too large.", _correlation),
            Mistake("That is r2: it forgives a change that is foretold too small or too large.", _correlation_or_none),
            Mistake(
                "That is r: it forgives a change that is foretold too large, and has no value where nothing is "
                "foretold.",
                lambda change, predicted: compare(predicted, change).r,
            ),
            *(
                Mistake(f"That is {what}: it forgives a change that is foretold too large{of}.", _cosine(power, value))
                for power, what in ((1, "a cosine"), (2, "a squared cosine"))
                for value, of in ((0.0, ""), (math.nan, ", and has no value where nothing is foretold"))
            ),
            Mistake("Below 0 is allowed: it means that it would have been better to say nothing.", _not_below_zero),
            Mistake("You compare how large the two changes are: compare the changes themselves.", _size_alone),
            Mistake(
                "That is a slope, which does not see what is predicted besides the change: look at what is left.",
                _slope,
            ),
        ),
    ),
    Exercise(
        name="kept",
        lesson=16,
        title="What the formula's choice is worth",
        minutes=6,
        difficulty=2,
        start="Start from the formula's choice in each row: by_formula.argmax(1).",
        hints=(
            "The network's value there, row by row: by_network[torch.arange(len(by_network)), by_formula.argmax(1)].",
            "Subtract the network's mean over the row: that is what a blind choice gives.",
            "Divide by the network's best minus the same mean.",
        ),
        cases=_scores,
        answer=_kept,
        mistakes=(
            Mistake("You take the formula's lowest value: it chooses the highest.", _lowest),
            Mistake(
                "You count what the formula promises: count what the network gives there.", _as_the_formula_sees_it
            ),
            Mistake("You have swapped formula and network: the formula chooses, the network draws.", _roles_exchanged),
            Mistake(
                "Your numerator is what the formula promises above its own mean: count what the network gives.",
                _promised,
            ),
            Mistake("You subtract the formula's mean: subtract the network's.", _from_the_formulas_mean),
            Mistake("You take one best for all rows: each row has its own.", _one_best),
            Mistake(
                "Your denominator has the formula's best: take the network's, minus its mean.", _of_the_formulas_best
            ),
            Mistake(
                "Your denominator is the formula's best minus its own mean: take both from the network.",
                _of_the_formulas_most,
            ),
            Mistake("Only the choice is the formula's: take mean and best from the network.", _only_the_gift),
            Mistake("Your denominator is the best minus the worst: take the best minus the mean.", _of_the_range),
            Mistake("You subtract the mean in the numerator only: subtract it in the denominator, too.", _of_the_best),
            Mistake("You do not subtract the mean: a blind choice should come out as 0.", _share_of_the_best),
            Mistake(
                "You measure from the worst: a blind choice gives the mean, which should come out as 0.",
                _from_the_worst,
            ),
            Mistake("You choose one column for all rows: each row has a choice of its own.", _one_choice_for_all),
            Mistake("You count hits: a choice that is nearly the best should come out close to 1.", _hit_or_miss),
            Mistake(
                "Below 0 is allowed: a choice can be worse than a blind one.",
                _not_below_a_blind_choice,
            ),
            Mistake("That is what the choice loses: return what it keeps.", _what_is_lost),
            Mistake("You take one mean for all rows: each row has its own.", _one_mean),
            Mistake("You take one mean and one best for all rows: each row has its own.", _one_mean_and_best),
            Mistake("You measure from the median: a blind choice gives the mean on average.", _from_the_median),
            Mistake("You do not divide: divide by what the best choice would give above the mean.", _above_the_mean),
        ),
    ),
]
