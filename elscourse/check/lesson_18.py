"""Exercises of lesson 18: noise in every step, guidance, attention."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from .attempt import Case
from .exercise import Exercise, Mistake

# ---------------------------------------------------------------------------------------------------------- noisy step


def _steps(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for shape, alpha, sigma, share in (
        ((2, 1, 5, 5), 0.6, 0.8, 0.5),
        ((1, 3, 4, 6), 0.8, 0.6, 0.55),
        ((3, 1, 4, 4), 0.28, 0.96, 0.2),
    ):
        cases.append((*(torch.randn(shape, generator=generator) for _ in range(3)), alpha, sigma, share * sigma))
    return cases


def _noisy_step(x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float) -> Tensor:
    return alpha * x0_hat + math.sqrt(sigma**2 - new**2) * eps_hat + new * fresh


def _on_top(x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float) -> Tensor:
    return alpha * x0_hat + sigma * eps_hat + new * fresh


def _sizes_taken_off(x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float) -> Tensor:
    return alpha * x0_hat + (sigma - new) * eps_hat + new * fresh


def _variances(x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float) -> Tensor:
    return alpha * x0_hat + (sigma**2 - new**2) * eps_hat + new**2 * fresh


def _root_forgotten(x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float) -> Tensor:
    return alpha * x0_hat + (sigma**2 - new**2) * eps_hat + new * fresh


def _fresh_squared(x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float) -> Tensor:
    return alpha * x0_hat + math.sqrt(sigma**2 - new**2) * eps_hat + new**2 * fresh


def _new_as_variance(x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float) -> Tensor:
    return alpha * x0_hat + math.sqrt(sigma**2 - new) * eps_hat + math.sqrt(new) * fresh


def _new_not_squared(x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float) -> Tensor:
    return alpha * x0_hat + math.sqrt(sigma**2 - new) * eps_hat + new * fresh


def _both_as_variances(
    x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float
) -> Tensor:
    return alpha * x0_hat + math.sqrt(sigma - new) * eps_hat + math.sqrt(new) * fresh


def _new_as_share_of_variance(
    x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float
) -> Tensor:
    return alpha * x0_hat + sigma * (math.sqrt(1 - new) * eps_hat + math.sqrt(new) * fresh)


def _grown(x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float) -> Tensor:
    return alpha * x0_hat + math.sqrt(sigma**2 + new**2) * eps_hat + new * fresh


def _old_and_new(x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float) -> Tensor:
    return _noisy_step(x0_hat, fresh, eps_hat, alpha, sigma, new)


def _share_of_one(x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float) -> Tensor:
    return alpha * x0_hat + math.sqrt(1 - new**2) * eps_hat + new * fresh


def _new_as_share(x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float) -> Tensor:
    return alpha * x0_hat + sigma * (math.sqrt(1 - new**2) * eps_hat + new * fresh)


def _sizes_from_one(x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float) -> Tensor:
    return alpha * x0_hat + (1 - new) * eps_hat + new * fresh


def _without_fresh(x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float) -> Tensor:
    return alpha * x0_hat + math.sqrt(sigma**2 - new**2) * eps_hat


def _without_chance(x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float) -> Tensor:
    return alpha * x0_hat + sigma * eps_hat


def _undimmed(x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float) -> Tensor:
    return x0_hat + math.sqrt(sigma**2 - new**2) * eps_hat + new * fresh


def _fresh_as_it_is(x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float) -> Tensor:
    return alpha * x0_hat + math.sqrt(sigma**2 - new**2) * eps_hat + fresh


def _shares_of_sigma(x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float) -> Tensor:
    return alpha * x0_hat + sigma * ((1 - new) * eps_hat + new * fresh)


def _all_fresh(x0_hat: Tensor, eps_hat: Tensor, fresh: Tensor, alpha: float, sigma: float, new: float) -> Tensor:
    return alpha * x0_hat + sigma * fresh


# -------------------------------------------------------------------------------------------------------------- guided


def _two_answers(generator: torch.Generator) -> list[Case]:
    strengths = (3.0, 0.4, 1.7)
    shapes = ((2, 1, 5, 5), (1, 3, 4, 6), (3, 1, 4, 4))
    return [
        (*(torch.randn(shape, generator=generator) for _ in range(2)), strength)
        for shape, strength in zip(shapes, strengths, strict=True)
    ]


def _guided(told: Tensor, untold: Tensor, strength: float) -> Tensor:
    return untold + strength * (told - untold)


def _one_more(told: Tensor, untold: Tensor, strength: float) -> Tensor:
    return told + strength * (told - untold)


def _away_from_the_class(told: Tensor, untold: Tensor, strength: float) -> Tensor:
    return untold + strength * (untold - told)


def _exchanged(told: Tensor, untold: Tensor, strength: float) -> Tensor:
    return told + strength * (untold - told)


def _difference_alone(told: Tensor, untold: Tensor, strength: float) -> Tensor:
    return strength * (told - untold)


def _told_alone(told: Tensor, untold: Tensor, strength: float) -> Tensor:
    return untold + strength * told


def _louder(told: Tensor, untold: Tensor, strength: float) -> Tensor:
    return strength * told


def _untold_once(told: Tensor, untold: Tensor, strength: float) -> Tensor:
    return strength * told - untold


def _told_once(told: Tensor, untold: Tensor, strength: float) -> Tensor:
    return told - strength * untold


def _sign_slip(told: Tensor, untold: Tensor, strength: float) -> Tensor:
    return strength * told - (1 - strength) * untold


def _one_less(told: Tensor, untold: Tensor, strength: float) -> Tensor:
    return untold + (strength - 1) * (told - untold)


def _never_beyond(told: Tensor, untold: Tensor, strength: float) -> Tensor:
    return _guided(told, untold, min(strength, 1))


def _without_sign(told: Tensor, untold: Tensor, strength: float) -> Tensor:
    return untold + strength * (told - untold).abs()


def _turned_back(told: Tensor, untold: Tensor, strength: float) -> Tensor:
    return told + (strength - 1) * (untold - told)


def _kept_in_range(told: Tensor, untold: Tensor, strength: float) -> Tensor:
    return _guided(told, untold, strength).clamp(-1, 1)


# -------------------------------------------------------------------------------------------------------------- attend


def _places(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for places, width, size, out in ((7, 5, 4, 3), (4, 6, 2, 5), (9, 4, 8, 4)):
        weights = (torch.randn(width, n, generator=generator) for n in (size, size, out))
        cases.append((torch.randn(places, width, generator=generator), *weights))
    return cases


def _attend(
    h: Float[Tensor, "places width"],
    W_q: Float[Tensor, "width size"],
    W_k: Float[Tensor, "width size"],
    W_v: Float[Tensor, "width out"],
) -> Float[Tensor, "places out"]:
    h, W_q, W_k, W_v = (x.double() for x in (h, W_q, W_k, W_v))
    return torch.softmax((h @ W_q) @ (h @ W_k).mT / math.sqrt(W_q.shape[1]), dim=1) @ (h @ W_v)


def _unscaled(h: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor) -> Tensor:
    return _attend(h, W_q * math.sqrt(W_q.shape[1]), W_k, W_v)


def _scaled_twice(h: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor) -> Tensor:
    return _attend(h, W_q / math.sqrt(W_q.shape[1]), W_k, W_v)


def _scaled_by_the_width(h: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor) -> Tensor:
    return _attend(h, W_q * math.sqrt(W_q.shape[1] / h.shape[1]), W_k, W_v)


def _scaled_by_the_values(h: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor) -> Tensor:
    return _attend(h, W_q * math.sqrt(W_q.shape[1] / W_v.shape[1]), W_k, W_v)


def _scaled_too_late(h: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor) -> Tensor:
    return _unscaled(h, W_q, W_k, W_v) / math.sqrt(W_q.shape[1])


def _over_all_pairs(h: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor) -> Tensor:
    logits = (h @ W_q) @ (h @ W_k).mT / math.sqrt(W_q.shape[1])
    return logits.flatten().softmax(0).unflatten(0, logits.shape) @ (h @ W_v)


def _over_the_askers(h: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor) -> Tensor:
    return torch.softmax((h @ W_q) @ (h @ W_k).mT / math.sqrt(W_q.shape[1]), dim=0) @ (h @ W_v)


def _keys_ask(h: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor) -> Tensor:
    return _attend(h, W_k, W_q, W_v)


def _keys_are_questions(h: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor) -> Tensor:
    return _attend(h, W_q, W_q, W_v)


def _places_as_values(h: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor) -> Tensor:
    return torch.softmax((h @ W_q) @ (h @ W_k).mT / math.sqrt(W_q.shape[1]), dim=1) @ h


def _not_normalised(h: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor) -> Tensor:
    return ((h @ W_q) @ (h @ W_k).mT / math.sqrt(W_q.shape[1])).exp() @ (h @ W_v)


def _others_only(h: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor) -> Tensor:
    logits = (h @ W_q) @ (h @ W_k).mT / math.sqrt(W_q.shape[1])
    return torch.softmax(logits.fill_diagonal_(-math.inf), dim=1) @ (h @ W_v)


def _scaled_by_places(h: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor) -> Tensor:
    return _attend(h, W_q * math.sqrt(W_q.shape[1] / len(h)), W_k, W_v)


def _transposed(h: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor) -> Tensor:
    return torch.softmax((h @ W_q) @ (h @ W_k).mT / math.sqrt(W_q.shape[1]), dim=1).mT @ (h @ W_v)


def _h_with_itself(h: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor) -> Tensor:
    return torch.softmax(h @ h.mT / math.sqrt(W_q.shape[1]), dim=1) @ (h @ W_v)


def _own_value_added(h: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor) -> Tensor:
    return _attend(h, W_q, W_k, W_v) + h @ W_v


def _no_softmax(h: Tensor, W_q: Tensor, W_k: Tensor, W_v: Tensor) -> Tensor:
    return (h @ W_q) @ (h @ W_k).mT / math.sqrt(W_q.shape[1]) @ (h @ W_v)


EXERCISES = [
    Exercise(
        name="noisy_step",
        lesson=18,
        title="A step with fresh noise",
        minutes=5,
        difficulty=1,
        start="Start from the step that you know: alpha * x0_hat + sigma * eps_hat. Some of its noise is to be fresh.",
        hints=(
            "Independent noises add by their variances: sizes a and b together have size sqrt(a^2 + b^2).",
            "If new^2 of the variance is fresh, sigma^2 - new^2 is left for the old noise.",
            "alpha * x0_hat + (sigma**2 - new**2) ** 0.5 * eps_hat + new * fresh.",
        ),
        cases=_steps,
        answer=_noisy_step,
        mistakes=(
            Mistake("You add the fresh noise to all of the old: together they are larger than sigma.", _on_top),
            Mistake("You subtract sizes: noises add by their variances, the squares of their sizes.", _sizes_taken_off),
            Mistake("Those are variances: to scale noise, take their roots.", _variances),
            Mistake("The old noise is scaled by a variance: take its root.", _root_forgotten),
            Mistake(
                "** 1/2 is the first power, divided by 2: for a root write ** 0.5.",
                lambda x0_hat, eps_hat, fresh, alpha, sigma, new: (
                    alpha * x0_hat + (sigma**2 - new**2) / 2 * eps_hat + new * fresh
                ),
            ),
            Mistake("The fresh noise is scaled by new^2, a variance: its size is new.", _fresh_squared),
            Mistake("You take new for a variance: it is a size, and new^2 of the variance is fresh.", _new_as_variance),
            Mistake(
                "Under the root you subtract new itself: subtract new^2, the variance of the fresh noise.",
                _new_not_squared,
            ),
            Mistake(
                "You take sigma and new for variances, and scale by their roots: they are sizes, so square them under "
                "the root.",
                _both_as_variances,
            ),
            Mistake(
                "Under the root you subtract sizes: square both first, sigma^2 - new^2.",
                lambda x0_hat, eps_hat, fresh, alpha, sigma, new: (
                    alpha * x0_hat + math.sqrt(sigma - new) * eps_hat + new * fresh
                ),
            ),
            Mistake(
                "You multiply the noise by alpha, too: only x0_hat is dimmed.",
                lambda x0_hat, eps_hat, fresh, alpha, sigma, new: (
                    alpha * (x0_hat + math.sqrt(sigma**2 - new**2) * eps_hat + new * fresh)
                ),
            ),
            Mistake(
                "You take new for a share of the variance: it is a size, and new^2 of sigma^2 is fresh.",
                _new_as_share_of_variance,
            ),
            Mistake("You add new^2 to sigma^2: subtract it, because the fresh noise takes its place.", _grown),
            Mistake("You have swapped old and fresh noise: the fresh noise has size new.", _old_and_new),
            Mistake("The noise must have size sigma, not 1: sigma^2 - new^2 is left for the old noise.", _share_of_one),
            Mistake(
                "You give the old noise size 1 - new: variances add, and together they must be sigma^2.",
                _sizes_from_one,
            ),
            Mistake("You take new for a share of sigma: it is the size of the fresh noise itself.", _new_as_share),
            Mistake("The fresh noise is missing: add new * fresh.", _without_fresh),
            Mistake("That is the step without chance: a part of size new must be fresh.", _without_chance),
            Mistake("The picture is not dimmed: multiply x0_hat by alpha.", _undimmed),
            Mistake("The fresh noise has its full size, 1: multiply it by new.", _fresh_as_it_is),
            Mistake(
                "You take new for a share of sigma, and add sizes: new is a size, and variances add.", _shares_of_sigma
            ),
            Mistake("You replace all of the noise: only a part of size new is fresh, the rest is eps_hat.", _all_fresh),
        ),
    ),
    Exercise(
        name="guided",
        lesson=18,
        title="Further in the same direction",
        minutes=4,
        difficulty=1,
        start="Start from what the class changes: the answer with it minus the answer without.",
        hints=(
            "With strength 0 the answer is untold, with strength 1 it is told.",
            "So begin at untold, and go strength times the way from untold to told.",
            "untold + strength * (told - untold).",
        ),
        cases=_two_answers,
        answer=_guided,
        mistakes=(
            Mistake(
                "With strength 1 you are already beyond told: begin at untold. (Some papers count this way: their 0 "
                "is our 1.)",
                _one_more,
            ),
            Mistake("You move away from the class: go from untold to told.", _away_from_the_class),
            Mistake("You have swapped the two: strength 1 must give told.", _exchanged),
            Mistake("That is only the difference: add it to untold.", _difference_alone),
            Mistake("You add all of told: add only what it has beyond untold.", _told_alone),
            Mistake(
                "You multiply told by the strength: multiply only what the class changes, with brackets round it, "
                "strength * (told - untold).",
                _louder,
            ),
            Mistake("Subtract untold strength - 1 times, not once: strength 1 must give told.", _untold_once),
            Mistake(
                "Take told strength times, and subtract untold strength - 1 times: strength 1 must give told.",
                _told_once,
            ),
            Mistake(
                "You subtract 1 - strength times untold: add that, or subtract strength - 1 times untold.", _sign_slip
            ),
            Mistake("Go strength times the way, not strength - 1 times: strength 1 must give told.", _one_less),
            Mistake(
                "You do not use the strength: with strength 0 your answer must be untold.",
                lambda told, untold, strength: told,
            ),
            Mistake("You stop at told: a strength above 1 goes beyond it.", _never_beyond),
            Mistake("You take the size of what the class changes: its sign matters.", _without_sign),
            Mistake(
                "Beyond told you turn back: keep going away from untold, in the direction told - untold.", _turned_back
            ),
            Mistake("Do not cut the answer to [-1, 1]: the sampler needs it as it is.", _kept_in_range),
        ),
    ),
    Exercise(
        name="attend",
        lesson=18,
        title="Attention between places",
        minutes=6,
        difficulty=2,
        start="Start from the three things that every place has: h @ W_q asks, h @ W_k is asked, h @ W_v answers.",
        hints=(
            "With Q = h @ W_q and K = h @ W_k, the logits of all pairs are Q @ K.T, divided by the root of the number "
            "of columns of W_q.",
            "torch.softmax(logits, dim=1): each row belongs to a place that asks, and its weights add up to 1.",
            "Return weights @ V, with V = h @ W_v.",
        ),
        cases=_places,
        answer=_attend,
        mistakes=(
            Mistake(
                "You do not divide the logits: divide them by the root of the number of columns of W_q.", _unscaled
            ),
            Mistake("You divide by the number of columns of W_q: divide by its root.", _scaled_twice),
            Mistake(
                "You multiply by the root of the number of columns of W_q: divide by it.",
                lambda h, W_q, W_k, W_v: _attend(h, W_q * W_q.shape[1], W_k, W_v),
            ),
            Mistake(
                "You divide by the root of the width of h, the number of rows of W_q and W_k: take the number of "
                "their columns.",
                _scaled_by_the_width,
            ),
            Mistake(
                "You divide by the root of the number of columns of W_v: take those of W_q.", _scaled_by_the_values
            ),
            Mistake("You divide the weights by the root: divide the logits, before the softmax.", _scaled_too_late),
            Mistake(
                "Your weights add up to 1 over all pairs: they must do so for each place that asks.",
                _over_all_pairs,
            ),
            Mistake(
                "Your weights add up to 1 over the places that ask: they must do so over the places that are asked.",
                _over_the_askers,
            ),
            Mistake(
                "You let the keys ask the queries: the rows of the logits belong to the places that ask, h @ W_q.",
                _keys_ask,
            ),
            Mistake("Your keys are made with W_q, as the questions are: they should be h @ W_k.", _keys_are_questions),
            Mistake(
                "** 1/2 divides by the number itself and then by 2: for a root write ** 0.5.",
                lambda h, W_q, W_k, W_v: _attend(h, W_q / (2 * math.sqrt(W_q.shape[1])), W_k, W_v),
            ),
            Mistake(
                "sum(1) has lost its dimension, so that column j is divided by the sum of row j: keepdim=True keeps "
                "it.",
                lambda h, W_q, W_k, W_v: (
                    (w := ((h @ W_q) @ (h @ W_k).mT / math.sqrt(W_q.shape[1])).exp()) / w.sum(1) @ (h @ W_v)
                ),
            ),
            Mistake("You weight h itself: the values are h @ W_v.", _places_as_values),
            Mistake("Your weights do not add up to 1: divide by their sum, or use softmax.", _not_normalised),
            Mistake("Each place asks itself, too: do not leave it out.", _others_only),
            Mistake(
                "You divide by the root of the number of places: take the number of columns of W_q.", _scaled_by_places
            ),
            Mistake(
                "Your weights are transposed: row i must have the weights of place i, the one that asks.", _transposed
            ),
            Mistake("Your logits compare h with itself: h @ W_q asks, h @ W_k is asked.", _h_with_itself),
            Mistake("You add each place's own value: what a place hears is the weighted mean alone.", _own_value_added),
            Mistake("You left out the softmax: logits are not yet weights.", _no_softmax),
        ),
    ),
]
