"""Exercises of lesson 14: when a network begins to remember."""

from __future__ import annotations

import itertools
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


# ----------------------------------------------------------------------------------------------------- proven reach


def _on_the_same(generator: torch.Generator) -> list[Case]:
    """Gains over the rungs, as (mean, spread) of the differences, on noisy pictures that are hard or easy for all."""
    ladders: list[tuple[list[tuple[float, float]], list[int]]] = [
        ([(0.05, 0.05), (0.02, 0.04), (-0.02, 0.04), (-0.05, 0.05)], [3, 5, 7, 9]),
        ([(-0.05, 0.02), (-0.06, 0.03), (-0.07, 0.03)], [3, 5, 7]),  # above every rung
        ([(0.09, 0.05), (0.07, 0.04), (0.05, 0.05), (0.03, 0.04)], [5, 9, 13, 17]),  # below all
        ([(0.06, 0.05), (0.004, 0.07), (0.0007, 0.07)], [3, 5, 7]),  # below the others, but not by enough
        ([(0.06, 0.05), (0.012, 0.07)], [3, 5]),  # by one standard error and a half
        ([(0.03, 0.04), (0.04, 0.05), (-0.02, 0.05)], [7, 3, 11]),  # the windows need not be in order
        ([(0.01, 0.09), (0.02, 0.04), (-0.02, 0.04)], [3, 5, 7]),  # a rung that varies much is no proof, the next is
    ]
    cases: list[Case] = []
    for gains, windows in ladders:
        hardness = 0.05 + 0.4 * torch.rand(100, generator=generator)  # far more than the gains
        spread = torch.randn(len(gains), 100, generator=generator)
        spread = (spread - spread.mean(1, keepdim=True)) / spread.std(1, keepdim=True)
        mean, sd = torch.tensor(gains).T[..., None]
        network = hardness + 0.01 * torch.randn(100, generator=generator)
        cases.append((network, network + mean + sd * spread, windows))
    # most are a little worse, the mean is better: a mean is what counts
    few = torch.where(torch.arange(100) < 30, 0.4, -0.02) + 0.001 * torch.randn(100, generator=generator)
    network = 0.6 + 0.1 * torch.rand(100, generator=generator)
    cases.append((network, torch.stack([network + few, network - few]), [3, 5]))
    calm = 0.2 + 0.01 * torch.randn(100, generator=generator)  # a network to which all pictures are equally hard
    varied = torch.linspace(-1.7, 1.7, 100)[torch.randperm(100, generator=generator)]
    cases.append((calm, torch.stack([calm + 0.08 + 0.04 * varied, calm + 0.012 + 0.07 * varied]), [3, 5]))
    sure = torch.full((2, 100), 0.05) + 0.01 * varied  # on every picture above the first rung's network
    cases.append((calm, calm + sure * torch.tensor([[1.0], [-1.0]]), [3, 5]))
    wild = torch.stack([0.02 + 0.04 * varied, -0.02 + 0.9 * varied])  # one rung varies far more than the other
    cases.append((calm, calm + wild, [3, 5]))
    but_one = sure.index_fill(1, torch.tensor([7]), -0.01)  # and on every picture but one
    cases.append((calm, calm + but_one * torch.tensor([[1.0], [-1.0]]), [3, 5]))
    return cases


def _widest(windows: list[int], passed: Tensor) -> int:
    return max((P for P, yes in zip(windows, passed.tolist(), strict=True) if yes), default=0)


def _gains(network: Tensor, ladder: Tensor) -> Float[Tensor, "K N"]:
    return ladder.double() - network.double()


def _surely(gain: Tensor, errors: float = 2.0) -> Tensor:
    return gain.mean(1) > errors * gain.std(1) / gain.shape[1] ** 0.5


def _proven_reach(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    return _widest(windows, _surely(_gains(network, ladder)))


def _means_alone(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    return _widest(windows, _gains(network, ladder).mean(1) > 0)


def _one_error(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    return _widest(windows, _surely(_gains(network, ladder), errors=1))


def _not_paired(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    apart = ((ladder.double().var(1) + network.double().var()) / len(network)).sqrt()
    return _widest(windows, _gains(network, ladder).mean(1) > 2 * apart)


def _bars_apart(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    ladder, network, root = ladder.double(), network.double(), len(network) ** 0.5
    return _widest(windows, ladder.mean(1) - 2 * ladder.std(1) / root > network.mean() + 2 * network.std() / root)


def _spread_of_the_rung(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    return _widest(windows, _gains(network, ladder).mean(1) > 2 * ladder.double().std(1) / len(network) ** 0.5)


def _spread_of_the_network(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    return _widest(windows, _gains(network, ladder).mean(1) > 2 * network.double().std() / len(network) ** 0.5)


def _without_root(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    gain = _gains(network, ladder)
    return _widest(windows, gain.mean(1) > 2 * gain.std(1))


def _divided_by_n(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    gain = _gains(network, ladder)
    return _widest(windows, gain.mean(1) > 2 * gain.std(1) / len(network))


def _root_of_the_rungs(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    gain = _gains(network, ladder)
    return _widest(windows, gain.mean(1) > 2 * gain.std(1) / len(ladder) ** 0.5)


def _one_spread(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    gain = _gains(network, ladder)
    return _widest(windows, gain.mean(1) > 2 * gain.std() / len(network) ** 0.5)


def _wrong_way_round(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    return _widest(windows, _surely(-_gains(network, ladder)))


def _either_way(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    gain = _gains(network, ladder)
    return _widest(windows, _surely(gain) | _surely(-gain))


def _more_than_half(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    return _widest(windows, (_gains(network, ladder) > 0).double().mean(1) > 0.5)


def _on_every_one(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    return _widest(windows, (_gains(network, ladder) > 0).all(1))


def _last_in_the_list(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    proven = [P for P, yes in zip(windows, _surely(_gains(network, ladder)).tolist(), strict=True) if yes]
    return proven[-1] if proven else 0


def _first_in_the_list(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    proven = [P for P, yes in zip(windows, _surely(_gains(network, ladder)).tolist(), strict=True) if yes]
    return proven[0] if proven else 0


def _before_the_first_failure(rungs: list[tuple[int, bool]]) -> int:
    passed = [P for P, _ in itertools.takewhile(lambda rung: rung[1], rungs)]
    return passed[-1] if passed else 0


def _up_to_the_first_failure(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    passed = _surely(_gains(network, ladder)).tolist()
    return _before_the_first_failure(sorted(zip(windows, passed, strict=True)))


def _down_the_list_to_the_first_failure(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    passed = _surely(_gains(network, ladder)).tolist()
    return _before_the_first_failure(list(zip(windows, passed, strict=True)))


def _how_many(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    return int(_surely(_gains(network, ladder)).sum())


def _which_rung(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    reach = _proven_reach(network, ladder, windows)
    return windows.index(reach) if reach else 0


def _next_window(network: Tensor, ladder: Tensor, windows: list[int]) -> int:
    reach = _proven_reach(network, ladder, windows)
    return reach + 2 if reach else 0


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
        name="proven_reach",
        lesson=14,
        title="Proven to look further",
        minutes=7,
        difficulty=2,
        start="Start from the differences, ladder - network: one for every rung and every noisy picture, (K, N).",
        hints=(
            "The mean of N numbers with standard deviation s, measured again and again, would vary by about "
            "s / sqrt(N): that is its standard error.",
            "Take the standard deviation of the *differences*: what makes a noisy picture hard for both drops out.",
            "gain.mean(1) > 2 * gain.std(1) / len(network) ** 0.5 says for every rung whether it is passed.",
            "max([...], default=0) is 0 for an empty list.",
        ),
        cases=_on_the_same,
        answer=_proven_reach,
        mistakes=(
            Mistake(
                "You compare the means alone: another noise might turn them round. The mean difference must be more "
                "than twice its standard error.",
                _means_alone,
            ),
            Mistake("You ask for one standard error: ask for two.", _one_error),
            Mistake(
                "You treat the two losses as if they came from different noises: take the standard deviation of the "
                "differences, picture by picture. What is hard for both then drops out.",
                _not_paired,
            ),
            Mistake(
                "You ask that two error bars do not touch: the losses are of the same noisy pictures, so take the "
                "standard deviation of their differences.",
                _bars_apart,
            ),
            Mistake(
                "That is the standard deviation of a rung's losses: take that of the differences.", _spread_of_the_rung
            ),
            Mistake(
                "That is the standard deviation of the network's losses: take that of the differences.",
                _spread_of_the_network,
            ),
            Mistake(
                "That is the spread of single differences: the mean of N varies less, by std / sqrt(N).", _without_root
            ),
            Mistake("You divide by N: the standard error of a mean is std / sqrt(N).", _divided_by_n),
            Mistake(
                "You divide by the root of the number of rungs: N is the number of noisy pictures.", _root_of_the_rungs
            ),
            Mistake("You take one standard deviation for all rungs: each has its own, gain.std(1).", _one_spread),
            Mistake(
                "Your differences have the wrong sign: a rung is passed if the network's loss is *smaller*.",
                _wrong_way_round,
            ),
            Mistake("A loss far above a rung proves nothing: leave out the absolute value.", _either_way),
            Mistake(
                "You count on how many pictures the network is better: the proof is about the mean loss.",
                _more_than_half,
            ),
            Mistake("You ask that every picture be better: the proof is about the mean loss.", _on_every_one),
            Mistake(
                "That is the last rung of the list that is passed: return the widest window, whatever their order.",
                _last_in_the_list,
            ),
            Mistake("That is the first rung that is passed: return the widest window.", _first_in_the_list),
            Mistake(
                "You stop at the first rung that is not passed: who passes a wider one has proven more, whatever "
                "happens at narrower ones.",
                _up_to_the_first_failure,
            ),
            Mistake(
                "You walk down the list and stop at the first rung that is not passed: look at all of them, and return "
                "the widest window, whatever their order.",
                _down_the_list_to_the_first_failure,
            ),
            Mistake("That is how many rungs are passed: return the widest window among them.", _how_many),
            Mistake("That is the index of a rung: return its window, windows[k].", _which_rung),
            Mistake(
                "That is the window after the widest one that is passed: return the one that is passed.", _next_window
            ),
        ),
    ),
]
