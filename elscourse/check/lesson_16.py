"""Exercises of lesson 16: changing the noise, and foretelling what that changes in a drawing."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

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


def _put_elsewhere(noise: Tensor, other: Tensor, y: int, x: int, side: int) -> Tensor:
    """Cut at (y, x), put at (x, y)."""
    changed = noise.clone()
    changed[..., x : x + side, y : y + side] = other[..., y : y + side, x : x + side]
    return changed


def _cut_elsewhere(noise: Tensor, other: Tensor, y: int, x: int, side: int) -> Tensor:
    """Cut at (x, y), put at (y, x)."""
    changed = noise.clone()
    changed[..., y : y + side, x : x + side] = other[..., x : x + side, y : y + side]
    return changed


def _first_image_alone(noise: Tensor, other: Tensor, y: int, x: int, side: int) -> Tensor:
    changed = noise.clone()
    changed[0] = _exchange(noise, other, y, x, side)[0]
    return changed


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


# --------------------------------------------------------------------------------------------------------- best_factor


def _changes(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for shape, size, off in (((5, 1, 5, 5), 0.8, 0.4), ((4, 3, 4, 6), 2.0, 1.5), ((6, 1, 4, 4), 0.3, 0.1)):
        change = torch.randn(shape, generator=generator) + torch.linspace(0.2, 1, shape[0])[:, None, None, None]
        predicted = size * change + off * torch.randn(shape, generator=generator)
        predicted[0] = 0  # nothing foretold
        predicted[1] *= -1  # the wrong way round: a factor below 0 is best
        cases.append((change, predicted))
    return cases


def _sums(change: Tensor, predicted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For every image the sums of change times predicted, and of their squares, (B,) each."""
    c, p = (some.double().flatten(1) for some in (change, predicted))
    return (c * p).sum(1), c.square().sum(1), p.square().sum(1)


def _best_or(of_nothing: float) -> Callable[..., Tensor]:
    """The best factor; of_nothing where nothing is foretold."""

    def best(change: Tensor, predicted: Tensor) -> Float[Tensor, " B"]:
        product, _, squares = _sums(change, predicted)
        return torch.where(squares > 0, product / squares, of_nothing)

    return best


_best_factor = _best_or(0.0)


def _upside_down(change: Tensor, predicted: Tensor) -> Tensor:
    product, squares, _ = _sums(change, predicted)
    return product / squares


def _where_nothing_is_gained(change: Tensor, predicted: Tensor) -> Tensor:
    return 2 * _best_factor(change, predicted)


def _two_lost(change: Tensor, predicted: Tensor) -> Tensor:
    return _best_factor(change, predicted) / 2


def _sign_turned(change: Tensor, predicted: Tensor) -> Tensor:
    return -_best_factor(change, predicted)


def _sizes_alone(change: Tensor, predicted: Tensor) -> Tensor:
    _, whole, own = _sums(change, predicted)
    return (whole / own).sqrt().where(own > 0, 0.0)


def _sizes_alone_by_hand(change: Tensor, predicted: Tensor) -> Tensor:
    _, whole, own = _sums(change, predicted)
    return (whole / own).sqrt()


def _what_it_foretells(change: Tensor, predicted: Tensor) -> Tensor:
    product, whole, _ = _sums(change, predicted)
    return _best_factor(change, predicted) * product / whole


def _unchanged_foretells(change: Tensor, predicted: Tensor) -> Tensor:
    product, whole, own = _sums(change, predicted)
    return (2 * product - own) / whole


def _cosine(change: Tensor, predicted: Tensor) -> Tensor:
    product, whole, own = _sums(change, predicted)
    return (product / (whole * own).sqrt()).where(own > 0, 0.0)


def _root_of_the_squares(change: Tensor, predicted: Tensor) -> Tensor:
    product, _, own = _sums(change, predicted)
    return (product / own.sqrt()).where(own > 0, 0.0)


def _one_for_all(change: Tensor, predicted: Tensor) -> Tensor:
    product, _, own = _sums(change, predicted)
    return (product.sum() / own.sum()).expand(len(change))


def _per_pixel(change: Tensor, predicted: Tensor) -> Tensor:
    """A factor for every pixel, then their mean."""
    return (change.double() / predicted.double()).flatten(1).mean(1)


def _sums_first(change: Tensor, predicted: Tensor) -> Tensor:
    return (change.double().flatten(1).sum(1) / predicted.double().flatten(1).sum(1)).nan_to_num(0, 0, 0)


def _means_subtracted(of_nothing: float) -> Callable[..., Tensor]:
    """The slope of a straight line with an intercept."""

    def slope(change: Tensor, predicted: Tensor) -> Tensor:
        c, p = (some.double().flatten(1) for some in (change, predicted))
        c, p = (some - some.mean(1, keepdim=True) for some in (c, p))
        squares = p.square().sum(1)
        return torch.where(squares > 0, (c * p).sum(1) / squares, of_nothing)

    return slope


def _mean_over_sum(change: Tensor, predicted: Tensor) -> Tensor:
    return _best_factor(change, predicted) / change[0].numel()


def _not_below_zero(change: Tensor, predicted: Tensor) -> Tensor:
    return _best_factor(change, predicted).clamp(min=0)


def _never_more(change: Tensor, predicted: Tensor) -> Tensor:
    return _best_factor(change, predicted).clamp(max=1)


def _between_0_and_1(change: Tensor, predicted: Tensor) -> Tensor:
    return _best_factor(change, predicted).clamp(0, 1)


def _scaled_already(change: Tensor, predicted: Tensor) -> Tensor:
    return _best_factor(change, predicted)[:, None, None, None] * predicted


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


def _every_choice_of_every_row(by_formula: Tensor, by_network: Tensor) -> Tensor:
    mean = by_network.mean(1)
    return (by_network[:, by_formula.argmax(1)] - mean) / (by_network.amax(1) - mean)


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
            Mistake(
                "You put the block where y and x are swapped (left of the =): rows y : y + side, then columns.",
                _put_elsewhere,
            ),
            Mistake(
                "You cut the block where y and x are swapped (right of the =): rows y : y + side, then columns.",
                _cut_elsewhere,
            ),
            Mistake("You change the first image only: [..., rows, columns] is all of them.", _first_image_alone),
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
        name="best_factor",
        lesson=16,
        title="The best factor",
        minutes=4,
        difficulty=1,
        start="Start by writing down what is left, the sum of (change - k predicted)^2, and multiply the square out.",
        hints=(
            "Multiplied out, what is left has three terms: without k, with k, with k^2. Its derivative in k is 0 where "
            "the sum of change * predicted equals k times the sum of predicted^2.",
            "(change * predicted).sum((1, 2, 3)) has one number for every image; divide it by the sum of predicted^2.",
            "Where nothing is foretold that is 0 / 0: torch.where(squares > 0, product / squares, 0.0).",
        ),
        cases=_changes,
        answer=_best_factor,
        mistakes=(
            Mistake(
                "You divide by the squares of the true change: that factor makes the true change most like the "
                "predicted one. Divide by the squares of the predicted one.",
                _upside_down,
            ),
            Mistake(
                "Where nothing is foretold, your factor is 0 / 0, which is not a number: return 0 there.",
                _best_or(math.nan),
            ),
            Mistake("Where nothing is foretold no factor matters: return 0 there, as agreed.", _best_or(1.0)),
            Mistake(
                "That factor is twice the best one, and foretells as much as saying nothing: the parabola's top lies "
                "in the middle between its zeros, k = 0 and this k.",
                _where_nothing_is_gained,
            ),
            Mistake(
                "That is half of the best factor: the derivative of k^2 has a 2, as has the term with k, and they "
                "cancel.",
                _two_lost,
            ),
            Mistake("Your factor has the wrong sign: what is left is change MINUS k predicted.", _sign_turned),
            Mistake(
                "You compare the sizes of the two changes. A change foretold at the wrong place should be made "
                "smaller than the true one: the products, pixel by pixel, must come in.",
                _sizes_alone,
            ),
            Mistake(
                "You compare the sizes of the two changes: the products, pixel by pixel, must come in.",
                _sizes_alone_by_hand,
            ),
            Mistake("That is how much is foretold with the best factor: return the factor.", _what_it_foretells),
            Mistake("That is how much is foretold with factor 1: return the best factor.", _unchanged_foretells),
            Mistake("That is a cosine: divide by the sum of predicted^2 alone.", _cosine),
            Mistake(
                "That is a cosine: divide by the sum of predicted^2 alone (and return 0 where nothing is foretold).",
                lambda change, predicted: _cosine(change, predicted).where(_sums(change, predicted)[2] > 0, math.nan),
            ),
            Mistake(
                "You divide by the root of the squares, as norm() does: divide by their sum.", _root_of_the_squares
            ),
            Mistake("That is one factor for the whole batch: return one for every image.", _one_for_all),
            Mistake("You divide pixel by pixel: sum over the pixels first, then divide.", _per_pixel),
            Mistake(
                "You sum the changes themselves: sum the products change * predicted, and the squares of predicted.",
                _sums_first,
            ),
            Mistake(
                "You subtract means, as for a straight line in lesson 11: here nothing is added, and a factor alone "
                "must do.",
                _means_subtracted(0.0),
            ),
            Mistake(
                "You subtract means, as for a straight line in lesson 11: here nothing is added, and a factor alone "
                "must do. (And return 0 where nothing is foretold.)",
                _means_subtracted(math.nan),
            ),
            Mistake("You divide a mean over the pixels by a sum: take the sum of both.", _mean_over_sum),
            Mistake("Below 0 is allowed: it means that the machine foretells the opposite.", _not_below_zero),
            Mistake("Above 1 is allowed: a machine may foretell too little.", _never_more),
            Mistake("Below 0 and above 1 are allowed: a machine may be wrong either way.", _between_0_and_1),
            Mistake("That is the change, made smaller or larger: return the factor.", _scaled_already),
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
            Mistake(
                "by_network[:, choice] takes all the chosen columns of every row: pair each row with its own, "
                "by_network[torch.arange(len(choice)), choice].",
                _every_choice_of_every_row,
            ),
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
