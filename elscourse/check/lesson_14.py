"""Exercises of lesson 14: when a network begins to remember."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .attempt import Case
from .exercise import NEGATIVE_SQUARE, Exercise, Mistake

# ------------------------------------------------------------------------------------------------------- gap ratio


def _drawn(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for shape in ((6, 1, 5, 5), (4, 3, 4, 6), (9, 1, 3, 3)):
        pictures = torch.randn(shape, generator=generator)
        drawings = pictures[:4] + 0.4 * torch.randn(4, *shape[1:], generator=generator)
        drawings[1] = pictures[2]  # a copy
        drawings[2] = (pictures[0] + pictures[1]) / 2  # a blend: equally far from both
        cases.append((torch.cat([drawings, torch.randn(3, *shape[1:], generator=generator)]), pictures))
    pictures = torch.rand(12, 1, 16, 16, generator=generator) * 2 - 1
    cases.append((pictures.clone(), pictures))  # all copies: squares that are not computed with care fall below 0
    return cases


def _distances(drawings: Tensor, pictures: Tensor) -> Float[Tensor, "B N"]:
    difference = drawings.double().flatten(1)[:, None] - pictures.double().flatten(1)
    return difference.square().sum(-1).sqrt()


def _gap_ratio(drawings: Tensor, pictures: Tensor) -> Tensor:
    nearest, second = _distances(drawings, pictures).sort(1).values[:, :2].T
    return nearest / second


def _expanded_square(drawings: Tensor, pictures: Tensor) -> Tensor:
    x, v = drawings.flatten(1), pictures.flatten(1)
    away = (x.square().sum(1)[:, None] + v.square().sum(1) - 2 * x @ v.T).sqrt().sort(1).values
    return away[:, 0] / away[:, 1]


def _squared(drawings: Tensor, pictures: Tensor) -> Tensor:
    return _gap_ratio(drawings, pictures) ** 2


def _absolute(drawings: Tensor, pictures: Tensor) -> Tensor:
    away = (drawings.double().flatten(1)[:, None] - pictures.double().flatten(1)).abs().sum(-1)
    nearest, second = away.sort(1).values[:, :2].T
    return nearest / second


def _upside_down(drawings: Tensor, pictures: Tensor) -> Tensor:
    return 1 / _gap_ratio(drawings, pictures)


def _to_the_rest(drawings: Tensor, pictures: Tensor) -> Tensor:
    away = _distances(drawings, pictures).sort(1).values
    return away[:, 0] / away[:, 1:].mean(1)


def _to_all(drawings: Tensor, pictures: Tensor) -> Tensor:
    away = _distances(drawings, pictures)
    return away.amin(1) / away.mean(1)


def _to_the_median(drawings: Tensor, pictures: Tensor) -> Tensor:
    away = _distances(drawings, pictures)
    return away.amin(1) / away.median(1).values


def _two_farthest(drawings: Tensor, pictures: Tensor) -> Tensor:
    farthest, next_to_it = _distances(drawings, pictures).topk(2).values.T
    return farthest / next_to_it


def _farthest(drawings: Tensor, pictures: Tensor) -> Tensor:
    away = _distances(drawings, pictures)
    return away.amin(1) / away.amax(1)


def _gap(drawings: Tensor, pictures: Tensor) -> Tensor:
    nearest, second = _distances(drawings, pictures).sort(1).values[:, :2].T
    return second - nearest


def _largest_difference(drawings: Tensor, pictures: Tensor) -> Tensor:
    away = (drawings.double().flatten(1)[:, None] - pictures.double().flatten(1)).abs().amax(-1)
    nearest, second = away.sort(1).values[:, :2].T
    return nearest / second


def _share_of_both(drawings: Tensor, pictures: Tensor) -> Tensor:
    nearest, second = _distances(drawings, pictures).sort(1).values[:, :2].T
    return nearest / (nearest + second)


def _from_one(drawings: Tensor, pictures: Tensor) -> Tensor:
    return 1 - _gap_ratio(drawings, pictures)


def _along_the_drawings(drawings: Tensor, pictures: Tensor) -> Tensor:
    away = _distances(drawings, pictures).sort(0).values
    return away[:, 0] / away[:, 1]


def _not_sorted(drawings: Tensor, pictures: Tensor) -> Tensor:
    away = _distances(drawings, pictures)
    return away[:, 0] / away[:, 1]


def _nearest_left_out(drawings: Tensor, pictures: Tensor) -> Tensor:
    """As if the nearest were the drawing itself."""
    second, third = _distances(drawings, pictures).sort(1).values[:, 1:3].T
    return second / third


def _neighbours_second(drawings: Tensor, pictures: Tensor) -> Tensor:
    """Divides by the distance from the nearest picture to its own nearest neighbour."""
    away = _distances(drawings, pictures)
    between = _distances(pictures, pictures).fill_diagonal_(math.inf).amin(1)
    return away.amin(1) / between[away.argmin(1)]


# ------------------------------------------------------------------------------------------------------- early stop


def _looks(generator: torch.Generator) -> list[Case]:
    steps = [50, 100, 200, 250, 400, 500, 800, 900]
    cases: list[Case] = [
        (steps, [0.9, 0.5, 0.6, 0.7, 0.4, 0.3, 0.8, 0.2], 2),  # ended at 250: what comes later is not seen
        (steps, [0.9, 0.5, 0.6, 0.7, 0.4, 0.3, 0.8, 0.2], 3),  # two looks without a new lowest do not end it
        (steps, [0.9, 0.5, 0.7, 0.6, 0.55, 0.4, 0.3, 0.2], 3),  # falling again is not a new lowest
        (steps, [0.9, 0.5, 0.5, 0.6, 0.7, 0.8, 0.9, 0.4], 2),  # equally low is not lower
        (steps, [0.9, 0.7, 0.8, 0.6, 0.7, 0.5, 0.6, 0.4], 2),  # one at a time: never two in a row
        (steps, [0.5, 0.6, 0.7, 0.8, 0.4, 0.3, 0.2, 0.1], 3),  # the first look is the lowest
        (steps, [0.9, 0.8, 0.7, 0.75, 0.6, 0.65, 0.7, 0.72], 1),
        (steps, [0.9, 0.7, 0.5, 0.4, 0.3, 0.35, 0.36, 0.38], 5),  # the looks are over first
    ]
    for patience in (1, 2, 4):
        losses = torch.linspace(2, 0.5, 24).square() + 0.5 * torch.rand(24, generator=generator)
        cases.append(([20 * k for k in range(1, 25)], losses.tolist(), patience))
    return cases


def _stop(losses: list[float], patience: int, lower: Callable[[float, float], bool] = operator.lt) -> tuple[int, int]:
    """The look with the lowest loss, and the look at which the training ends."""
    best = 0
    for k, loss in enumerate(losses):
        if k and lower(loss, losses[best]):
            best = k
        elif k - best >= patience:
            return best, k
    return best, len(losses) - 1


def _early_stop(steps: list[int], losses: list[float], patience: int) -> int:
    return steps[_stop(losses, patience)[0]]


def _hindsight(steps: list[int], losses: list[float], patience: int) -> int:
    return steps[int(np.argmin(losses))]


def _where_it_ends(steps: list[int], losses: list[float], patience: int) -> int:
    return steps[_stop(losses, patience)[1]]


def _one_look_more(steps: list[int], losses: list[float], patience: int) -> int:
    return _early_stop(steps, losses, patience + 1)


def _one_look_less(steps: list[int], losses: list[float], patience: int) -> int:
    return _early_stop(steps, losses, patience - 1)


def _first_rise(steps: list[int], losses: list[float], patience: int) -> int:
    return _early_stop(steps, losses, 1)


def _as_low_is_lower(steps: list[int], losses: list[float], patience: int) -> int:
    return steps[_stop(losses, patience, operator.le)[0]]


def _counted(losses: list[float], patience: int, failed: Callable[[int, int], bool], anew: bool) -> int:
    """The look with the lowest loss when `patience` looks have failed: in a row, or (not anew) in total."""
    best = count = 0
    for k in range(1, len(losses)):
        best = k if losses[k] < losses[best] else best
        count = count + 1 if failed(k, best) else 0 if anew else count
        if count >= patience:
            break
    return best


def _lower_than_before(steps: list[int], losses: list[float], patience: int) -> int:
    best = waited = 0
    for k in range(1, len(losses)):
        best, waited = (k, 0) if losses[k] < losses[k - 1] else (best, waited + 1)
        if waited == patience:
            break
    return steps[best]


def _rises(steps: list[int], losses: list[float], patience: int) -> int:
    return steps[_counted(losses, patience, lambda k, best: losses[k] > losses[k - 1], anew=True)]


def _never_anew(steps: list[int], losses: list[float], patience: int) -> int:
    return steps[_counted(losses, patience, lambda k, best: best != k, anew=False)]


def _which_look(steps: list[int], losses: list[float], patience: int) -> int:
    return _stop(losses, patience)[0]


def _its_loss(steps: list[int], losses: list[float], patience: int) -> float:
    return losses[_stop(losses, patience)[0]]


def _highest(steps: list[int], losses: list[float], patience: int) -> int:
    return _early_stop(steps, [-loss for loss in losses], patience)


# ------------------------------------------------------------------------------------------------------ falls below


def _falls(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for count, level in ((5, 0.2), (6, 0.1), (8, 0.05)):
        steps = [100 * 2**k for k in range(count)]
        losses = 0.9 * torch.linspace(0, 1, count).mul(-4).exp() * (0.8 + 0.4 * torch.rand(count, generator=generator))
        losses[0], losses[-1] = 0.8, 0.02
        cases.append((steps, losses.tolist(), level))
    cases.append(([10, 30, 80, 100, 400], [0.9, 0.4, 0.6, 0.3, 0.1], 0.5))  # below twice
    cases.append(([10, 40, 160, 640], [0.8, 0.5, 0.2, 0.1], 0.5))  # just on the level: the next step passes it
    cases.append(([10, 100, 1000], [0.4, 0.3, 0.02], 0.25))  # no halving between two moments
    cases.append(([10, 30, 80, 100, 400], [0.9, 0.7, 0.6, 0.3, 0.1], 0.5))  # where steps[k] // steps[k - 1] is 1
    cases.append(([10, 20, 40, 80], [0.9, 0.3, 0.5, 0.2], 0.3))  # comes down to the level, and rises again
    return cases


def _first_below(losses: list[float], level: float) -> int:
    return next(k for k, loss in enumerate(losses) if loss < level)


def _between(steps: list[int], losses: list[float], level: float, k: int) -> float:
    share = math.log(losses[k - 1] / level) / math.log(losses[k - 1] / losses[k])
    return steps[k - 1] * (steps[k] / steps[k - 1]) ** share


def _falls_below(steps: list[int], losses: list[float], level: float) -> float:
    return _between(steps, losses, level, _first_below(losses, level))


def _down_to(steps: list[int], losses: list[float], level: float) -> float:
    return _between(steps, losses, level, next(k for k, loss in enumerate(losses) if loss <= level))


def _for_good(steps: list[int], losses: list[float], level: float) -> float:
    return _between(steps, losses, level, 1 + max(k for k, loss in enumerate(losses) if loss >= level))


def _straight(steps: list[int], losses: list[float], level: float) -> float:
    k = _first_below(losses, level)
    share = (losses[k - 1] - level) / (losses[k - 1] - losses[k])
    return steps[k - 1] + share * (steps[k] - steps[k - 1])


def _straight_losses(steps: list[int], losses: list[float], level: float) -> float:
    k = _first_below(losses, level)
    share = (losses[k - 1] - level) / (losses[k - 1] - losses[k])
    return steps[k - 1] * (steps[k] / steps[k - 1]) ** share


def _straight_steps(steps: list[int], losses: list[float], level: float) -> float:
    k = _first_below(losses, level)
    share = math.log(losses[k - 1] / level) / math.log(losses[k - 1] / losses[k])
    return steps[k - 1] + share * (steps[k] - steps[k - 1])


def _always_doubled(steps: list[int], losses: list[float], level: float) -> float:
    k = _first_below(losses, level)
    share = math.log(losses[k - 1] / level) / math.log(losses[k - 1] / losses[k])
    return steps[k - 1] * 2.0**share


def _place_in_the_list(steps: list[int], losses: list[float], level: float) -> float:
    k = _first_below(losses, level)
    return k - 1 + math.log(losses[k - 1] / level) / math.log(losses[k - 1] / losses[k])


def _one_line_for_all(steps: list[int], losses: list[float], level: float) -> float:
    slope, start = np.polyfit(np.log(steps), np.log(losses), 1)
    return float(np.exp((np.log(level) - start) / slope))


def _falling_x(steps: list[int], losses: list[float], level: float) -> float:
    return float(np.exp(np.interp(np.log(level), np.log(losses), np.log(steps))))


def _share_from_k(steps: list[int], losses: list[float], level: float) -> float:
    k = _first_below(losses, level)
    share = math.log(level / losses[k]) / math.log(losses[k - 1] / losses[k])
    return steps[k - 1] * (steps[k] / steps[k - 1]) ** share


def _begins_at_k(steps: list[int], losses: list[float], level: float) -> float:
    k = _first_below(losses, level)
    return _falls_below(steps, losses, level) * steps[k] / steps[k - 1]


def _next_measured(steps: list[int], losses: list[float], level: float) -> float:
    return float(steps[_first_below(losses, level)])


def _one_before(steps: list[int], losses: list[float], level: float) -> float:
    return float(steps[_first_below(losses, level) - 1])


def _which_moment(steps: list[int], losses: list[float], level: float) -> float:
    return float(_first_below(losses, level))


def _middle(steps: list[int], losses: list[float], level: float) -> float:
    k = _first_below(losses, level)
    return (steps[k - 1] + steps[k]) / 2


def _geometric_middle(steps: list[int], losses: list[float], level: float) -> float:
    k = _first_below(losses, level)
    return math.sqrt(steps[k - 1] * steps[k])


def _first_above(steps: list[int], losses: list[float], level: float) -> float:
    return float(steps[next(k for k, loss in enumerate(losses) if loss > level)])


def _whole_step(steps: list[int], losses: list[float], level: float) -> float:
    return float(round(_falls_below(steps, losses, level)))


def _logarithm(steps: list[int], losses: list[float], level: float) -> float:
    return math.log(_falls_below(steps, losses, level))


EXERCISES = [
    Exercise(
        name="gap_ratio",
        lesson=14,
        title="A copy, without a unit",
        minutes=6,
        difficulty=2,
        start="Start from the distances of every drawing to every picture, shape (B, N).",
        hints=(
            "torch.cdist(drawings.flatten(1), pictures.flatten(1)) has shape (B, N).",
            "Sort along the pictures: the first two columns are the nearest and the second nearest.",
            "away.sort(1).values[:, 0] / away.sort(1).values[:, 1]",
        ),
        cases=_drawn,
        answer=_gap_ratio,
        mistakes=(
            Mistake(NEGATIVE_SQUARE, _expanded_square),
            Mistake("Those are squared distances: take the root.", _squared),
            Mistake("You add absolute differences: the distance is the root of the sum of squares.", _absolute),
            Mistake(
                "You take the largest difference: the distance is the root of the sum of squares.", _largest_difference
            ),
            Mistake("You divide by the sum of both distances: divide by the second nearest alone.", _share_of_both),
            Mistake("You return 1 minus the ratio: a copy should give 0.", _from_one),
            Mistake(
                "Your ratio is upside down: divide the nearest by the second nearest, so that a copy gives 0.",
                _upside_down,
            ),
            Mistake("You divide by the mean over the other pictures: take the second nearest alone.", _to_the_rest),
            Mistake("You divide by the mean over all pictures: take the second nearest alone.", _to_all),
            Mistake("You divide by the median over the pictures: take the second nearest alone.", _to_the_median),
            Mistake("You divide by the farthest: take the second nearest.", _farthest),
            Mistake("Those are the two farthest: take the two nearest (topk needs largest=False).", _two_farthest),
            Mistake("You sort along the drawings: sort the distances of each drawing, .sort(1).", _along_the_drawings),
            Mistake(
                "Those are the distances to the first two pictures: sort those of each drawing first.", _not_sorted
            ),
            Mistake(
                "You skip the nearest: no drawing is among the pictures, so begin with column 0.",
                _nearest_left_out,
            ),
            Mistake("That is a difference, which has a unit: divide the nearest by the second nearest.", _gap),
            Mistake(
                "You divide by the distance from the nearest picture to its own neighbour: measure both distances "
                "from the drawing.",
                _neighbours_second,
            ),
        ),
        tolerance=1e-3,
    ),
    Exercise(
        name="early_stop",
        lesson=14,
        title="When to stop",
        minutes=5,
        difficulty=1,
        start="Start from the look with the lowest loss so far, and go through the looks one by one.",
        hints=(
            "Remember which look has the lowest loss so far: best = 0, and best = k wherever losses[k] is lower.",
            "At look k, k - best looks in a row have brought nothing lower: end the loop when that number reaches the "
            "patience.",
            "Return steps[best].",
        ),
        cases=_looks,
        answer=_early_stop,
        mistakes=(
            Mistake("That is the lowest of all: nothing after the end of the training can be seen.", _hindsight),
            Mistake("That is where the training ends: return the step of the lowest loss up to then.", _where_it_ends),
            Mistake("You stop one look too late: stop as soon as `patience` looks have failed.", _one_look_more),
            Mistake("You stop one look too early: `patience` looks in a row must have failed.", _one_look_less),
            Mistake(
                "You stop at the first look that fails: wait for `patience` of them in a row (looks, not steps).",
                _first_rise,
            ),
            Mistake("Equally low is not lower: only a loss below the lowest so far is a new lowest.", _as_low_is_lower),
            Mistake("You compare with the look before: compare with the lowest loss so far.", _rises),
            Mistake(
                "You call a look the best if it is lower than the one before it: take the lowest of all so far.",
                _lower_than_before,
            ),
            Mistake("The looks must fail in a row: start counting again at every new lowest loss.", _never_anew),
            Mistake("That is the index of the look: return its step.", _which_look),
            Mistake("That is the loss: return the step.", _its_loss),
            Mistake("You look for the highest loss: take the lowest.", _highest),
        ),
    ),
    Exercise(
        name="falls_below",
        lesson=14,
        title="When is a rung passed?",
        minutes=7,
        difficulty=2,
        start="Start from the first k with losses[k] < level: the curve passes it between k - 1 and k.",
        hints=(
            "On a straight line the share of the way from k - 1 to k is (y0 - y) / (y0 - y1). Here y is the logarithm "
            "of a loss: which losses do y0, y and y1 belong to?",
            "With a line that is straight in the logarithm of the loss, the share is log(losses[k-1] / level) / "
            "log(losses[k-1] / losses[k]).",
            "The line is straight in the logarithm of the steps, too: log s = log s0 + share * (log s1 - log s0), "
            "where s0 = steps[k-1] and s1 = steps[k].",
            "So s = s0 * (s1 / s0) ** share.",
        ),
        cases=_falls,
        answer=_falls_below,
        mistakes=(
            Mistake("That is where it falls below for good: take the first time.", _for_good),
            Mistake(
                "Reaching the level is not passing it: look for the first loss *below* it, < and not <=.", _down_to
            ),
            Mistake("Your line is straight in steps and losses themselves: take the logarithm of both.", _straight),
            Mistake(
                "Take the logarithm of the losses, too: your line is straight in the losses themselves.",
                _straight_losses,
            ),
            Mistake(
                "Take the logarithm of the steps, too: your line is straight in the steps themselves.", _straight_steps
            ),
            Mistake(
                "np.interp needs x values that rise, but losses fall: give it minus the logarithms, of k - 1 and k "
                "alone.",
                _falling_x,
            ),
            Mistake("Not every moment is at twice the step before it: use steps[k] / steps[k - 1].", _always_doubled),
            Mistake("That is a place in the list, k - 1 plus the share: return a step.", _place_in_the_list),
            Mistake("You fit one line to all points: take the line between k - 1 and k.", _one_line_for_all),
            Mistake("You count the share from k: count it from k - 1, log(losses[k-1] / level).", _share_from_k),
            Mistake("You begin at steps[k]: begin at steps[k - 1].", _begins_at_k),
            Mistake(
                "That is the first measured step below the level: interpolate (np.interp does that only if its x "
                "values rise).",
                _next_measured,
            ),
            Mistake("That is the index of the moment: return a step, which lies between two moments.", _which_moment),
            Mistake("You take the middle: the losses decide where between the two steps it is.", _middle),
            Mistake(
                "You take the geometric middle: the losses decide where between the two steps it is.", _geometric_middle
            ),
            Mistake("That is the first step above the level: look for losses[k] < level.", _first_above),
            Mistake("That is the last measured step above the level: interpolate.", _one_before),
            Mistake("That is the logarithm of the step: return the step.", _logarithm),
            Mistake("You round to a whole step: return the float.", _whole_step),
        ),
        tolerance=1e-3,
    ),
]
