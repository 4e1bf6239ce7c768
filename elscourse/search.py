r"""The inner loops of `clusters`, compiled by numba: boxes around keys, and a search that may leave boxes out.

All exponents S = scale |q - k|^2 - log2(count) are of base 2: a key weighs 2^-S. A box of keys whose nearest corner is
at the exponent b weighs at most count 2^-b; it may be left out when that is no more than its share of what may be lost:

.. math:: 2^{-b} \le \epsilon \, Z / n

with Z what was found so far and n the number of keys. All that is left out then weighs at most epsilon of the whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .compiled import UNSEEN, compiled, exp2, smaller

LEAF = 64  # keys in a leaf: loops over them are compiled to steps of 64
NEAR = np.float32(3)  # how many times (as a power of two) less than the best key found at first the near keys weigh
EARLY = (8, 16, 32)  # dimensions after which the distances of a leaf are looked at


@compiled(nogil=True)
def halve(keys: Any, order: Any) -> None:
    """Reorder `order` so that every LEAF of it are keys that lie together.

    Split at the middle, rounded to whole leaves, of the dimension that varies most, again and again; of the first
    eight, as keys come with their principal components first.
    """
    dims = min(8, keys.shape[1])
    stack = [(0, len(order))]
    while len(stack) > 0:
        start, stop = stack.pop()
        leaves = (stop - start + LEAF - 1) // LEAF
        if leaves < 2:
            continue
        widest, most = 0, -1.0
        for d in range(dims):
            one = two = 0.0
            for i in range(start, stop):
                value = keys[order[i], d]
                one += value
                two += value * value
            variance = two - one * one / (stop - start)
            if variance > most:
                widest, most = d, variance
        middle = start + (leaves // 2) * LEAF
        _select(keys, order, widest, start, stop, middle)
        stack.append((start, middle))
        stack.append((middle, stop))


@compiled(nogil=True)
def _select(keys: Any, order: Any, d: int, start: int, stop: int, middle: int) -> None:
    """Hoare's selection: no key before `middle` is larger, in dimension d, than any after it."""
    low, high = start, stop - 1
    while low < high:
        pivot = keys[order[(low + high) // 2], d]
        i, j = low, high
        while i <= j:
            while keys[order[i], d] < pivot:
                i += 1
            while keys[order[j], d] > pivot:
                j -= 1
            if i <= j:
                order[i], order[j] = order[j], order[i]
                i += 1
                j -= 1
        if middle <= j:
            high = j
        elif middle >= i:
            low = i
        else:
            return


@njit(fastmath=True, inline="always")
def _to_box(bound: Any, low: Any, high: Any, leaf: Any, queries: Any, scale: Any) -> None:
    """bound[m] = scale times the squared distance of query m from the box of the leaf."""
    dims, leaf = low.shape[1], np.uint64(leaf)
    for m in range(bound.shape[0]):
        bound[m] = 0
    for k in range(dims):
        d = np.uint64(k)
        a, b = low[leaf, d], high[leaf, d]
        for m in range(bound.shape[0]):
            outside = smaller(smaller(queries[d, m] - a, b - queries[d, m]), np.float32(0))
            bound[m] += outside * outside
    for m in range(bound.shape[0]):
        bound[m] *= scale


@njit(fastmath=True, inline="always")
def _distances(s: Any, keys: Any, extra: Any, leaf: Any, queries: Any, m: Any, scale: Any, limit: Any) -> Any:
    """The exponents of a leaf's keys into s, and their least; or a bound of it, once that is beyond the limit."""
    dims, lanes, leaf, m = keys.shape[1], keys.shape[2], np.uint64(leaf), np.uint64(m)
    for i in range(lanes):
        s[i] = 0
    for d in range(0, dims, 4):  # dims is a multiple of four
        a, b, c, e = np.uint64(d), np.uint64(d + 1), np.uint64(d + 2), np.uint64(d + 3)
        x0, x1, x2, x3 = queries[a, m], queries[b, m], queries[c, m], queries[e, m]
        for i in range(lanes):
            d0, d1 = x0 - keys[leaf, a, i], x1 - keys[leaf, b, i]
            d2, d3 = x2 - keys[leaf, c, i], x3 - keys[leaf, e, i]
            s[i] += d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3
        if d + 4 in EARLY and d + 4 < dims:
            least = UNSEEN
            for i in range(lanes):
                least = smaller(least, s[i])
            if least * scale > limit:
                return least * scale
    least = UNSEEN
    for i in range(lanes):
        s[i] = s[i] * scale - extra[leaf, i]
        least = smaller(least, s[i])
    return least


@njit(fastmath=True, inline="always")
def _vote(
    s: Any, least: Any, values: Any, leaf: Any, m: Any, best: Any, total: Any, weighted: Any, skipped: Any
) -> None:
    """Add 2^(best - s) and the same times the values to the sums of query m."""
    channels, lanes, leaf = values.shape[1], values.shape[2], np.uint64(leaf)
    if least < best[m]:
        rescale = np.exp2(np.float64(least) - np.float64(best[m])) if total[m] > 0 else 0.0
        total[m] *= rescale
        skipped[m] *= rescale
        for channel in range(channels):
            weighted[m, channel] *= rescale
        best[m] = least
    reference, sum_of_weights = best[m], np.float32(0)
    for i in range(lanes):
        weight = exp2(reference - s[i])
        s[i] = weight
        sum_of_weights += weight
    total[m] += sum_of_weights
    for channel in range(channels):
        sum_of_values, c = np.float32(0), np.uint64(channel)
        for i in range(lanes):
            sum_of_values += s[i] * values[leaf, c, i]
        weighted[m, channel] += sum_of_values


@compiled(nogil=True, fastmath=True)
def search(
    queries: Any,
    keys: Any,
    values: Any,
    extra: Any,
    low: Any,
    high: Any,
    count: Any,
    scale: Any,
    lost: float,
    best: Any,
    total: Any,
    weighted: Any,
    skipped: Any,
) -> int:
    """The sums of 2^(best - S) over the keys that matter, for each query; returns how many keys were visited.

    queries (D, M); keys (leaves, D, LEAF), values (leaves, C, LEAF), extra (leaves, LEAF): log2 of each key's count;
    low, high (leaves, d): the boxes in the first d dimensions; count (leaves,): keys of a leaf, with their counts;
    lost: what may be left out, as a part of the whole. best (M,) float32, total (M,), weighted (M, C) and skipped (M,)
    float64: the results, the last three given as zeros; skipped bounds, in units of 2^-best, what was left out.

    Each query visits the leaf that is nearest, then those that are near, and after that knows what is far. A leaf is
    shown to all queries before the next one, as it fits a core's first cache and a dictionary does not.
    """
    leaves, n = len(keys), queries.shape[1]
    bound, s = np.empty(n, np.float32), np.empty(keys.shape[2], np.float32)
    nearest, at = np.full(n, UNSEEN), np.zeros(n, np.int64)
    for leaf in range(leaves):
        _to_box(bound, low, high, leaf, queries, scale)
        for m in range(n):
            if bound[m] < nearest[m]:
                nearest[m], at[m] = bound[m], leaf
    best[:] = UNSEEN
    for m in range(n):
        least = _distances(s, keys, extra, at[m], queries, m, scale, UNSEEN)
        _vote(s, least, values, at[m], m, best, total, weighted, skipped)
    near, limit, share = best + NEAR, np.empty(n, np.float32), lost / count.sum()
    visited = n * keys.shape[2]
    for far in range(2):
        for m in range(n):
            limit[m] = best[m] - np.log2(share * total[m]) if far else near[m]
        for leaf in range(leaves):
            _to_box(bound, low, high, leaf, queries, scale)
            for m in range(n):
                if leaf == at[m] or (far and bound[m] <= near[m]) or bound[m] > limit[m]:
                    continue
                visited += keys.shape[2]
                least = _distances(s, keys, extra, leaf, queries, m, scale, limit[m] if far else UNSEEN)
                bound[m] = least
                if not far or least <= limit[m]:
                    _vote(s, least, values, leaf, m, best, total, weighted, skipped)
                    bound[m] = UNSEEN
            if far:
                for m in range(n):
                    if bound[m] > limit[m]:
                        skipped[m] += count[leaf] * exp2(best[m] - bound[m])
    return visited
