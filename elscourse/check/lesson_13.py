"""Exercises of lesson 13: the machine as attention, its precision and its cost."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from .attempt import Case
from .exercise import EXCHANGED, Exercise, Mistake

# ------------------------------------------------------------------------------------------------------ logits


def _logit_cases(generator: torch.Generator) -> list[Case]:
    return [
        (torch.randn(m, d, generator=generator), torch.rand(count, d, generator=generator) * 2 - 1, alpha, sigma)
        for m, count, d, alpha, sigma in ((4, 7, 9, 0.8, 0.6), (3, 5, 27, 0.5, 0.87), (6, 4, 25, 0.9, 0.44))
    ]


def _logits(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Float[Tensor, "M L"]:
    q, k = queries.double(), keys.double()
    squares = (q[:, None] - alpha * k).square().sum(-1)
    return (q.square().sum(-1, keepdim=True) - squares) / (2 * sigma**2)


def _bias_of_the_query(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return (alpha * queries @ keys.T - alpha**2 * queries.square().sum(1, keepdim=True) / 2) / sigma**2


def _no_bias(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return alpha * queries @ keys.T / sigma**2


def _bias(keys: Tensor) -> Float[Tensor, " L"]:
    return keys.square().sum(1) / 2


def _bias_added(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return (alpha * queries @ keys.T + alpha**2 * _bias(keys)) / sigma**2


def _bias_undimmed(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return (alpha * queries @ keys.T - _bias(keys)) / sigma**2


def _bias_dimmed_once(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return (alpha * queries @ keys.T - alpha * _bias(keys)) / sigma**2


def _bias_not_scaled(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return alpha * queries @ keys.T / sigma**2 - alpha**2 * _bias(keys)


def _bias_doubled(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return (alpha * queries @ keys.T - 2 * alpha**2 * _bias(keys)) / sigma**2


def _alpha_nowhere(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return _logits(queries, keys, 1.0, sigma)


def _two_of_the_cross_term(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return (alpha * queries @ keys.T - 2 * alpha**2 * _bias(keys)) / (2 * sigma**2)


def _all_halved(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return _logits(queries, keys, alpha, sigma) / 2


def _bias_a_mean(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return (alpha * queries @ keys.T - alpha**2 / 2 * keys.square().mean(1)) / sigma**2


def _multiplied_by_sigma(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return alpha * queries @ keys.T / sigma**2 - alpha**2 / 2 * sigma**2 * keys.square().sum(1)


def _dot_over_root_of_d(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    dot = alpha * queries @ keys.T / math.sqrt(queries.shape[1])
    return (dot - alpha**2 * _bias(keys)) / sigma**2


def _root_of_d(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return _logits(queries, keys, alpha, sigma) / math.sqrt(queries.shape[1])


def _sigma_not_squared(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return _logits(queries, keys, alpha, sigma) * sigma


def _length_not_squared(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return (alpha * queries @ keys.T - alpha**2 / 2 * keys.norm(dim=1)) / sigma**2


def _one_bias_for_all(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return (alpha * queries @ keys.T - alpha**2 / 2 * keys.square().sum()) / sigma**2


def _query_for_bias(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return alpha * queries @ keys.T / sigma**2 - queries.square().sum(1, keepdim=True) / (2 * sigma**2)


def _both_signs_turned(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return -_logits(queries, keys, alpha, sigma)


def _weights(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return torch.softmax(_logits(queries, keys, alpha, sigma), dim=1)


def _less_the_largest(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    logits = _logits(queries, keys, alpha, sigma)
    return logits - logits.amax(1, keepdim=True)


def _alpha_squared_in_both(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return alpha**2 * (queries @ keys.T - _bias(keys)) / sigma**2


def _alpha_in_the_bias_only(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return (queries @ keys.T - alpha**2 * _bias(keys)) / sigma**2


def _bias_halved(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return (alpha * queries @ keys.T - alpha**2 * _bias(keys) / 2) / sigma**2


def _all_multiplied_by_sigma(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return _logits(queries, keys, alpha, sigma) * sigma**4


def _square_of_the_sum(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return (alpha * queries @ keys.T - (alpha * keys).sum(1).square() / 2) / sigma**2


def _divided_by_alpha(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return (queries @ keys.T / alpha - _bias(keys)) / sigma**2


def _nothing_left_out(queries: Tensor, keys: Tensor, alpha: float, sigma: float) -> Tensor:
    return -(queries[:, None] - alpha * keys).square().sum(-1) / (2 * sigma**2)


# ------------------------------------------------------------------------------------------------------- merge

Triple = tuple[Tensor, Tensor, Tensor]


def _triple(logits: Tensor, values: Tensor) -> Triple:
    largest = logits.amax(1, keepdim=True)
    weights = torch.exp(logits - largest)
    return largest, weights.sum(1, keepdim=True), weights @ values


def _merge_cases(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for level, gap in ((0.0, 1.5), (800.0, 1.5), (-800.0, 1.5), (0.0, 150.0)):  # exp(150) is too large for a float32
        # the two halves differ in size, and which of them has the largest logit changes from query to query
        logits = torch.randn(5, 16, generator=generator, dtype=torch.float64) + level
        values = torch.randn(16, 2, generator=generator, dtype=torch.float64)
        logits[:2, :4] += gap
        logits[2:, 4:] += gap
        a, b = _triple(logits[:, :4], values[:4]), _triple(logits[:, 4:], values[4:])
        cases.append((tuple(x.float() for x in a), tuple(x.float() for x in b)))
    return cases


def _merge(a: Triple, b: Triple) -> Triple:
    (m_a, z_a, s_a), (m_b, z_b, s_b) = (tuple(x.double() for x in part) for part in (a, b))
    largest = torch.maximum(m_a, m_b)
    f_a, f_b = torch.exp(m_a - largest), torch.exp(m_b - largest)
    return largest, f_a * z_a + f_b * z_b, f_a * s_a + f_b * s_b


def _just_added(a: Triple, b: Triple) -> Triple:
    return torch.maximum(a[0], b[0]), a[1] + b[1], a[2] + b[2]


def _only_b_rescaled(a: Triple, b: Triple) -> Triple:
    f = torch.exp(b[0] - a[0])
    return a[0], a[1] + f * b[1], a[2] + f * b[2]


def _only_a_rescaled(a: Triple, b: Triple) -> Triple:
    f = torch.exp(a[0] - b[0])
    return b[0], f * a[1] + b[1], f * a[2] + b[2]


def _scaled_the_wrong_way(a: Triple, b: Triple) -> Triple:
    largest = torch.maximum(a[0], b[0])
    f_a, f_b = torch.exp(largest - a[0]), torch.exp(largest - b[0])
    return largest, f_a * a[1] + f_b * b[1], f_a * a[2] + f_b * b[2]


def _sum_forgotten(a: Triple, b: Triple) -> Triple:
    largest = torch.maximum(a[0], b[0])
    f_a, f_b = torch.exp(a[0] - largest), torch.exp(b[0] - largest)
    return largest, a[1] + b[1], f_a * a[2] + f_b * b[2]


def _weighted_forgotten(a: Triple, b: Triple) -> Triple:
    largest, total, _ = _merge(a, b)
    return largest, total, a[2] + b[2]


def _b_always_the_smaller(a: Triple, b: Triple) -> Triple:
    f = torch.exp(-(a[0] - b[0]).abs())
    return torch.maximum(a[0], b[0]), a[1] + f * b[1], a[2] + f * b[2]


def _factors_for_totals(a: Triple, b: Triple) -> Triple:
    largest, _, weighted = _merge(a, b)
    return largest, torch.exp(a[0] - largest) + torch.exp(b[0] - largest), weighted


def _softmax_of_maxima(a: Triple, b: Triple) -> Triple:
    f_a, f_b = torch.softmax(torch.stack([a[0], b[0]]).double(), dim=0)
    return torch.maximum(a[0], b[0]), f_a * a[1] + f_b * b[1], f_a * a[2] + f_b * b[2]


def _averaged(a: Triple, b: Triple) -> Triple:
    largest, z, s = _merge(a, b)
    return largest, z / 2, s / 2


def _by_way_of_a(a: Triple, b: Triple) -> Triple:
    f = torch.exp(b[0] - a[0])
    largest = torch.maximum(a[0], b[0])
    back = torch.exp(a[0] - largest)
    return largest, (a[1] + f * b[1]) * back, (a[2] + f * b[2]) * back


def _one_maximum(a: Triple, b: Triple) -> Triple:
    largest = torch.maximum(a[0].max(), b[0].max()).expand_as(a[0])
    f_a, f_b = torch.exp(a[0] - largest), torch.exp(b[0] - largest)
    return largest, f_a * a[1] + f_b * b[1], f_a * a[2] + f_b * b[2]


def _already_divided(a: Triple, b: Triple) -> Triple:
    largest, z, s = _merge(a, b)
    return largest, z, s / z


def _logarithms(a: Triple, b: Triple) -> Triple:
    largest, z, s = _merge(a, b)
    return largest + z.log(), torch.ones_like(z), s / z


def _no_maximum(a: Triple, b: Triple) -> Triple:
    f_a, f_b = torch.exp(a[0]), torch.exp(b[0])
    largest = torch.maximum(a[0], b[0])
    f = torch.exp(largest)
    return largest, (f_a * a[1] + f_b * b[1]) / f, (f_a * a[2] + f_b * b[2]) / f


def _answers_averaged(a: Triple, b: Triple) -> Triple:
    largest, z, _ = _merge(a, b)
    return largest, z, z * (a[2] / a[1] + b[2] / b[1]) / 2


def _answers_averaged_totals_added(a: Triple, b: Triple) -> Triple:
    largest, total = torch.maximum(a[0], b[0]), a[1] + b[1]
    return largest, total, total * (a[2] / a[1] + b[2] / b[1]) / 2


def _quotient_of_sums(a: Triple, b: Triple) -> Triple:
    largest, z, _ = _merge(a, b)
    return largest, z, z * (a[2] + b[2]) / (a[1] + b[1])


def _smaller_maximum(a: Triple, b: Triple) -> Triple:
    smallest = torch.minimum(a[0], b[0])
    f_a, f_b = torch.exp(a[0] - smallest), torch.exp(b[0] - smallest)
    return smallest, f_a * a[1] + f_b * b[1], f_a * a[2] + f_b * b[2]


def _log_sum_of_maxima(a: Triple, b: Triple) -> Triple:
    largest = torch.logaddexp(a[0], b[0])
    f_a, f_b = torch.exp(a[0] - largest), torch.exp(b[0] - largest)
    return largest, f_a * a[1] + f_b * b[1], f_a * a[2] + f_b * b[2]


# --------------------------------------------------------------------------------------------------- precision


def _sigma_cases(generator: torch.Generator) -> list[Case]:
    return [
        # vectors so long, and tolerances so large, that no answer is close to 0, where all wrong ones would look alike
        (torch.randn(m, d, generator=generator) * 300, torch.randn(n, d, generator=generator) * 300, alpha, tolerance)
        for m, n, d, alpha, tolerance in ((6, 9, 49, 0.5, 0.1), (4, 5, 9, 0.8, 0.01), (5, 8, 25, 0.3, 0.03))
    ]


def _smallest_sigma(queries: Tensor, keys: Tensor, alpha: float, tolerance: float) -> float:
    longest = float(queries.double().norm(dim=1).max() * keys.double().norm(dim=1).max())
    return math.sqrt(2.0**-24 * alpha * longest / tolerance)


def _alpha_forgotten(queries: Tensor, keys: Tensor, alpha: float, tolerance: float) -> float:
    return _smallest_sigma(queries, keys, 1.0, tolerance)


def _root_forgotten(queries: Tensor, keys: Tensor, alpha: float, tolerance: float) -> float:
    return _smallest_sigma(queries, keys, alpha, tolerance) ** 2


def _alpha_squared(queries: Tensor, keys: Tensor, alpha: float, tolerance: float) -> float:
    return _smallest_sigma(queries, keys, alpha**2, tolerance)


def _times_tolerance(queries: Tensor, keys: Tensor, alpha: float, tolerance: float) -> float:
    return _smallest_sigma(queries, keys, alpha, 1 / tolerance)


def _shortest(queries: Tensor, keys: Tensor, alpha: float, tolerance: float) -> float:
    length = float(queries.double().norm(dim=1).min() * keys.double().norm(dim=1).min())
    return math.sqrt(2.0**-24 * alpha * length / tolerance)


def _one_over_sigma(queries: Tensor, keys: Tensor, alpha: float, tolerance: float) -> float:
    return 1 / _smallest_sigma(queries, keys, alpha, tolerance)


def _eps_of_torch(queries: Tensor, keys: Tensor, alpha: float, tolerance: float) -> float:
    return _smallest_sigma(queries, keys, 2 * alpha, tolerance)


def _mean_length(queries: Tensor, keys: Tensor, alpha: float, tolerance: float) -> float:
    mean = float(queries.norm(dim=1).mean() * keys.norm(dim=1).mean())
    return math.sqrt(2.0**-24 * alpha * mean / tolerance)


def _lengths_of_columns(queries: Tensor, keys: Tensor, alpha: float, tolerance: float) -> float:
    return math.sqrt(2.0**-24 * alpha * float(queries.norm(dim=0).max() * keys.norm(dim=0).max()) / tolerance)


def _squared_lengths(queries: Tensor, keys: Tensor, alpha: float, tolerance: float) -> float:
    squares = float(queries.square().sum(1).max() * keys.square().sum(1).max())
    return math.sqrt(2.0**-24 * alpha * squares / tolerance)


def _largest_dot_product(queries: Tensor, keys: Tensor, alpha: float, tolerance: float) -> float:
    return math.sqrt(2.0**-24 * alpha * float((queries @ keys.T).abs().max()) / tolerance)


def _largest_signed_product(queries: Tensor, keys: Tensor, alpha: float, tolerance: float) -> float:
    return math.sqrt(2.0**-24 * alpha * float((queries @ keys.T).max()) / tolerance)


def _norm_of_the_matrix(queries: Tensor, keys: Tensor, alpha: float, tolerance: float) -> float:
    return math.sqrt(2.0**-24 * alpha * float(queries.norm() * keys.norm()) / tolerance)


# -------------------------------------------------------------------------------------------------------- cost


def _cost_cases(generator: torch.Generator) -> list[Case]:
    return [(2_000, 16, 1, 5, 20), (50_000, 32, 3, 7, 10), (1_281_167, 64, 3, 9, 50)]


def _cost(n_images: int, side: int, channels: int, patch_size: int, steps: int) -> tuple[int, int]:
    pairs = side**2 * n_images * side**2
    return steps * pairs * 2 * channels * patch_size**2, 4 * pairs


def _one_query(n_images: int, side: int, channels: int, patch_size: int, steps: int) -> tuple[float, float]:
    operations, table = _cost(n_images, side, channels, patch_size, steps)
    return operations / side**2, table / side**2


def _entries(n_images: int, side: int, channels: int, patch_size: int, steps: int) -> tuple[int, int]:
    operations, table = _cost(n_images, side, channels, patch_size, steps)
    return operations, table // 4


def _patch_side(n_images: int, side: int, channels: int, patch_size: int, steps: int) -> tuple[int, int]:
    operations, table = _cost(n_images, side, channels, patch_size, steps)
    return operations // patch_size, table


def _outputs_exchanged(n_images: int, side: int, channels: int, patch_size: int, steps: int) -> tuple[int, int]:
    operations, table = _cost(n_images, side, channels, patch_size, steps)
    return table, operations


def _table_per_channel(n_images: int, side: int, channels: int, patch_size: int, steps: int) -> tuple[int, int]:
    operations, table = _cost(n_images, side, channels, patch_size, steps)
    return operations, table * channels


def _table_of_all_steps(n_images: int, side: int, channels: int, patch_size: int, steps: int) -> tuple[int, int]:
    operations, table = _cost(n_images, side, channels, patch_size, steps)
    return operations, table * steps


def _table_of_patches(n_images: int, side: int, channels: int, patch_size: int, steps: int) -> tuple[int, int]:
    operations, _ = _cost(n_images, side, channels, patch_size, steps)
    return operations, 4 * n_images * side**2 * channels * patch_size**2


def _values_counted(n_images: int, side: int, channels: int, patch_size: int, steps: int) -> tuple[int, int]:
    pairs = side**2 * n_images * side**2
    return steps * pairs * 2 * channels * (patch_size**2 + 1), 4 * pairs


def _softmax_counted(n_images: int, side: int, channels: int, patch_size: int, steps: int) -> tuple[int, int]:
    operations, table = _values_counted(n_images, side, channels, patch_size, steps)
    return operations + 4 * steps * (table // 4), table


def _table_of_one_image(n_images: int, side: int, channels: int, patch_size: int, steps: int) -> tuple[int, int]:
    operations, table = _cost(n_images, side, channels, patch_size, steps)
    return operations, table // n_images


def _logits_and_weights(n_images: int, side: int, channels: int, patch_size: int, steps: int) -> tuple[int, int]:
    operations, table = _cost(n_images, side, channels, patch_size, steps)
    return operations, 2 * table


def _without_borders(n_images: int, side: int, channels: int, patch_size: int, steps: int) -> tuple[int, int]:
    places = (side - patch_size + 1) ** 2
    return steps * places**2 * n_images * 2 * channels * patch_size**2, 4 * places**2 * n_images


EXERCISES = [
    Exercise(
        name="attention_logits",
        lesson=13,
        title="The logits of the machine",
        minutes=6,
        difficulty=1,
        start="Start by expanding -|q - alpha k|^2 / (2 sigma^2) on paper, and strike out the term without k.",
        hints=(
            "Two terms are left: the dot product, with the factor alpha / sigma^2, and one that depends only on the "
            "key.",
            "The bias of a key is -alpha^2 |k|^2 / (2 sigma^2): keys.square().sum(1) has one number per key.",
            "alpha * queries @ keys.T / sigma**2 + bias, with bias = -(alpha**2) * keys.square().sum(1) / (2 * "
            "sigma**2).",
        ),
        cases=_logit_cases,
        answer=_logits,
        mistakes=(
            Mistake(
                "Your bias comes from the query, so it is the same for all keys: the term that stays comes from the "
                "key.",
                _bias_of_the_query,
            ),
            Mistake(
                EXCHANGED,
                lambda queries, keys, alpha, sigma: _logits(queries, keys, sigma, alpha),
            ),
            Mistake(
                "The bias is missing: without -alpha^2 |k|^2 / 2, long keys win just because they are long.", _no_bias
            ),
            Mistake("The bias has the wrong sign: it should put long keys at a disadvantage.", _bias_added),
            Mistake(
                "You divide the bias by sigma^2 twice: -alpha^2 |k|^2 / (2 sigma^2) already has it.",
                lambda q, k, a, s: (a * q @ k.T - a**2 * _bias(k) / s**2) / s**2,
            ),
            Mistake(
                "Only the bias is divided by sigma^2, not the dot product: put brackets round their sum.",
                lambda q, k, a, s: a * q @ k.T - a**2 * _bias(k) / s**2,
            ),
            Mistake(
                "The bias needs the factor alpha^2: the query is compared with the dimmed patch, alpha k.",
                _bias_undimmed,
            ),
            Mistake("The bias needs the factor alpha^2, not alpha: it is the square of alpha k.", _bias_dimmed_once),
            Mistake("Divide the bias by sigma^2, too: it is part of the same exponent.", _bias_not_scaled),
            Mistake(
                "The bias should be half of alpha^2 |k|^2: in the square only the cross term has a 2.", _bias_doubled
            ),
            Mistake("alpha is missing: the query is compared with the dimmed patch, alpha k.", _alpha_nowhere),
            Mistake(
                "The dot product is half of what it should be: the square's cross term has a 2, which cancels the 1/2.",
                _two_of_the_cross_term,
            ),
            Mistake(
                "You divide by the root of the dimension, as transformers do: here sigma^2 sets the scale.", _root_of_d
            ),
            Mistake(
                "You divide the dot product by the root of the dimension, as transformers do: here sigma^2 alone sets "
                "the scale.",
                _dot_over_root_of_d,
            ),
            Mistake(
                "Everything is half of what it should be: the square's cross term has a 2, which cancels the 1/2, and "
                "the bias has only one 1/2.",
                _all_halved,
            ),
            Mistake(
                "Everything is twice what it should be: the exponent is divided by 2 sigma^2, not by sigma^2.",
                lambda queries, keys, alpha, sigma: 2 * _logits(queries, keys, alpha, sigma),
            ),
            Mistake(
                "You take the mean in the bias: it should be a sum over the patch, as the dot product is.", _bias_a_mean
            ),
            Mistake(
                "The bias is multiplied by sigma^2: `/ 2 * sigma**2` divides only by 2, so write `/ (2 * sigma**2)`.",
                _multiplied_by_sigma,
            ),
            Mistake("You divide by sigma: divide by the variance of the noise, sigma squared.", _sigma_not_squared),
            Mistake(
                "The bias needs the square of the key's length: keys.norm(dim=1) is the length itself.",
                _length_not_squared,
            ),
            Mistake("You sum over all keys: the bias has one number per key, keys.square().sum(1).", _one_bias_for_all),
            Mistake(
                "Your bias is made of |q|^2, the term that cancels: the one that stays is made of |k|^2.",
                _query_for_bias,
            ),
            Mistake(
                "Both signs are wrong: in minus the square of a difference, the dot product has a plus and the key's "
                "own square a minus.",
                _both_signs_turned,
            ),
            Mistake("Those are the weights: return the logits, before the softmax.", _weights),
            Mistake(
                "You subtract each query's largest logit: the weights stay right, but return the bare logits.",
                _less_the_largest,
            ),
            Mistake(
                "Those are the logarithms of the weights: return the bare logits, before the softmax.",
                lambda queries, keys, alpha, sigma: _logits(queries, keys, alpha, sigma).log_softmax(1),
            ),
            Mistake(
                "The dot product has alpha only once: alpha^2 belongs to the bias, the square of alpha k.",
                _alpha_squared_in_both,
            ),
            Mistake(
                "The dot product lacks alpha: the query is compared with the dimmed patch, alpha k.",
                _alpha_in_the_bias_only,
            ),
            Mistake(
                "The bias is half of what it should be: alpha^2 |k|^2 is divided by 2 only once, in 2 sigma^2.",
                _bias_halved,
            ),
            Mistake(
                "Everything is multiplied by sigma^2: `/ 2 * sigma**2` divides only by 2, so write `/ (2 * sigma**2)`.",
                _all_multiplied_by_sigma,
            ),
            Mistake(
                "Your bias has the square of a sum: it should be the sum of squares, keys.square().sum(1).",
                _square_of_the_sum,
            ),
            Mistake(
                "You divide by alpha, as if the noisy patch were brightened: the patch alpha k is dimmed instead.",
                _divided_by_alpha,
            ),
            Mistake(
                "That is the whole exponent: leave out -|q|^2 / (2 sigma^2), which cancels.",
                _nothing_left_out,
            ),
        ),
    ),
    Exercise(
        name="merge_partials",
        lesson=13,
        title="Merge two partial softmaxes",
        minutes=9,
        difficulty=2,
        start="Start from the common maximum: torch.maximum of the two largest logits, query by query.",
        hints=(
            "The sums of a part are in units of exp(its own largest): convert them to the common unit.",
            "The factor of part a is exp(a's largest - common largest), at most 1; the same for b.",
            "Multiply both the total and the weighted sum of each part by its factor, then add.",
        ),
        cases=_merge_cases,
        answer=_merge,
        mistakes=(
            Mistake(
                "You add the sums as they are: each is relative to its own maximum, so rescale them first.", _just_added
            ),
            Mistake(
                "You rescale b to a's maximum, for all queries (so does an `if` with .any()): where b's is larger, "
                "rescale a instead (there your exp overflows). torch.maximum takes the larger one, query by query.",
                _only_b_rescaled,
            ),
            Mistake(
                "Your `if` decides for all queries at once: which part has the larger maximum may differ query by "
                "query. torch.maximum takes it.",
                lambda a, b: (_only_b_rescaled if a[0].max() > b[0].max() else _only_a_rescaled)(a, b),
            ),
            Mistake(
                "You rescale a to b's maximum, for all queries (so does an `if` with .all()): which part has the "
                "larger one may differ query by query. torch.maximum takes it.",
                _only_a_rescaled,
            ),
            Mistake(
                "Your factors are the wrong way round: take exp(own largest - common largest), which is at most 1.",
                _scaled_the_wrong_way,
            ),
            Mistake(
                "You rescale the weighted sums but not the totals: their quotient is then not a mean.", _sum_forgotten
            ),
            Mistake(
                "You rescale the totals but not the weighted sums: their quotient is then not a mean.",
                _weighted_forgotten,
            ),
            Mistake(
                "You always rescale b: where b's maximum is the larger one, a must be scaled down instead.",
                _b_always_the_smaller,
            ),
            Mistake(
                "Your total is the sum of the factors: multiply each factor by its part's total first.",
                _factors_for_totals,
            ),
            Mistake(
                "Your factors are a softmax of the two maxima: they should be exp(own largest - common largest), "
                "which do not add up to 1.",
                _softmax_of_maxima,
            ),
            Mistake(
                "You go through a's maximum: where b's is far larger, exp overflows before you scale it back. Go "
                "straight to the common maximum.",
                _by_way_of_a,
            ),
            Mistake("You take one maximum for all queries: every query has its own.", _one_maximum),
            Mistake(
                "Your third output is the answer s / z: return the weighted sum, because it may have to be merged "
                "again.",
                _already_divided,
            ),
            Mistake(
                "That is the same in another unit, that of FlashAttention-2: log of the sum, 1, and the answer. "
                "Return the larger maximum, and both sums relative to it.",
                _logarithms,
            ),
            Mistake("Partial sums are added, not averaged: only their quotient is a mean.", _averaged),
            Mistake(
                "You average the two answers s / z: a part that has nothing to say then counts as much as one that "
                "has.",
                _answers_averaged,
            ),
            Mistake(
                "You average the two answers s / z, and add the totals as they are: rescale totals and sums, then add.",
                _answers_averaged_totals_added,
            ),
            Mistake(
                "Your weighted sum adds the sums as they are: each is relative to its own maximum, so rescale them.",
                _quotient_of_sums,
            ),
            Mistake(
                "You take the smaller of the two maxima: exp then overflows. torch.maximum takes the larger.",
                _smaller_maximum,
            ),
            Mistake(
                "Your first output is logaddexp of the two maxima: it should be the larger of them, torch.maximum.",
                _log_sum_of_maxima,
            ),
            Mistake(
                "You take exp of the logits themselves: it overflows, or everything becomes 0. Take exp of "
                "differences.",
                _no_maximum,
            ),
        ),
    ),
    Exercise(
        name="smallest_sigma",
        lesson=13,
        title="Where float32 grows coarse",
        minutes=4,
        difficulty=1,
        start="Start by solving 2^-24 alpha |q| |k| / sigma^2 = tolerance for sigma, on paper.",
        hints=(
            "|q| is the length of a row: queries.norm(dim=1) has one per query. Take the longest, and do the same for "
            "the keys.",
            "sigma = sqrt(2**-24 * alpha * |q| * |k| / tolerance).",
        ),
        cases=_sigma_cases,
        answer=_smallest_sigma,
        mistakes=(
            Mistake("alpha is missing: the dot product in the logit is alpha q.k.", _alpha_forgotten),
            Mistake("That is sigma squared: take the root.", _root_forgotten),
            Mistake(
                "torch.finfo.eps is 2^-23, the gap between two float32 numbers: rounding errs by at most half of it, "
                "2^-24.",
                _eps_of_torch,
            ),
            Mistake(
                "There is no 2 in the denominator: the square's cross term has a 2, which cancels it in the logit.",
                lambda queries, keys, alpha, tolerance: _smallest_sigma(queries, keys, alpha / 2, tolerance),
            ),
            Mistake("You take the mean length: take the longest query and the longest key.", _mean_length),
            Mistake("You take the shortest query and key: take the longest of each.", _shortest),
            Mistake("The dot product has alpha only once: alpha^2 belongs to the bias.", _alpha_squared),
            Mistake(
                "You multiply by the tolerance: solve for sigma, and the tolerance is in the denominator.",
                _times_tolerance,
            ),
            Mistake("That is 1 / sigma: in the equation sigma^2 is in the denominator.", _one_over_sigma),
            Mistake("Those are the lengths of the columns: a query is a row, norm(dim=1).", _lengths_of_columns),
            Mistake("You multiply squared lengths: |q| is the root of the sum of squares.", _squared_lengths),
            Mistake(
                "You take the largest dot product that occurs: take |q| |k| for the longest query and the longest key.",
                _largest_dot_product,
            ),
            Mistake(
                "You take the largest dot product that occurs, without looking at negative ones: take |q| |k| for the "
                "longest query and the longest key.",
                _largest_signed_product,
            ),
            Mistake(
                "You take the norm of the whole matrix: take the lengths of the rows, norm(dim=1).",
                _norm_of_the_matrix,
            ),
        ),
    ),
    Exercise(
        name="machine_cost",
        lesson=13,
        title="What would ImageNet cost?",
        minutes=6,
        difficulty=1,
        start="Start by counting pairs: the queries of one picture times the patches of all images.",
        hints=(
            "There are side**2 queries, and side**2 patches in each of the n_images images.",
            "Operations: steps * pairs * 2 * channels * patch_size**2. The table has 4 bytes per pair, for one step.",
        ),
        cases=_cost_cases,
        answer=_cost,
        mistakes=(
            Mistake(
                "side**2 enters twice: every pixel of the picture asks, and every place of an image answers.",
                _one_query,
            ),
            Mistake("Return the size of the table in bytes: a float32 takes 4.", _entries),
            Mistake(
                "Return the size of the table in bytes: a float32 has 32 bits, which are 4 bytes.",
                lambda n, side, c, p, steps: (_cost(n, side, c, p, steps)[0], 8 * _cost(n, side, c, p, steps)[1]),
            ),
            Mistake("A patch has patch_size**2 pixels, and each of them is compared.", _patch_side),
            Mistake("The outputs are swapped: first the operations, then the bytes.", _outputs_exchanged),
            Mistake("The table has one weight per pair, for all channels together.", _table_per_channel),
            Mistake("Those are the bytes of the patches: the table has one weight for each pair.", _table_of_patches),
            Mistake(
                "That is twice the bytes: a float32 has 4, and only the weights count, not the logits.",
                _logits_and_weights,
            ),
            Mistake(
                "You count softmax and values: count only 2 C P^2 operations per pair here.",
                _softmax_counted,
            ),
            Mistake(
                "You count a bias as well: count only 2 C P^2 operations per pair here.",
                lambda n, side, c, p, steps: (
                    _cost(n, side, c, p, steps)[0] + steps * n * side**4,
                    _cost(n, side, c, p, steps)[1],
                ),
            ),
            Mistake(
                "Your table is in TB: return its bytes.",
                lambda n, side, c, p, steps: (_cost(n, side, c, p, steps)[0], _cost(n, side, c, p, steps)[1] / 1e12),
            ),
            Mistake("You count the values, too: count only 2 C P^2 operations per pair here.", _values_counted),
            Mistake(
                "Your table is for one image: it needs a column for every patch of all n_images.", _table_of_one_image
            ),
            Mistake(
                "On the torus, pixels at the border have patches, too: side**2 places, not (side - patch_size + 1)**2.",
                _without_borders,
            ),
            Mistake("The table is for one step only: the next step makes a new one.", _table_of_all_steps),
            Mistake(
                "A multiplication and an addition are two operations: the factor 2 is missing.",
                lambda n, side, c, p, steps: (_cost(n, side, c, p, steps)[0] // 2, _cost(n, side, c, p, steps)[1]),
            ),
            Mistake(
                "All channels are compared: the factor `channels` is missing.",
                lambda n, side, c, p, steps: _cost(n, side, 1, p, steps),
            ),
            Mistake(
                "A sample takes `steps` evaluations: the factor `steps` is missing.",
                lambda n, side, c, p, steps: _cost(n, side, c, p, 1),
            ),
        ),
    ),
]
