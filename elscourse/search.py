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

from .compiled import UNSEEN, compiled, exp2, larger, smaller

LEAF = 64  # keys in a leaf
STEP = 9  # dimensions at a time: a multiple of it is stored
NEAR = np.float32(3)  # boxes that are this much farther than the best key, in exponents, are visited first
SAFE = np.float32(60)  # a key may weigh 2^60 times as much as the reference, and as often as it is there


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
def _outside(q: Any, low: Any, high: Any) -> Any:
    """The square of how far q lies outside of [low, high]."""
    z = smaller(smaller(q - low, high - q), np.float32(0))
    return z * z


@njit(fastmath=True, inline="always")
def _to_box(bound: Any, low: Any, high: Any, leaf: Any, queries: Any, scale: Any) -> None:
    """bound[m] = scale times the squared distance of query m from the box of the leaf."""
    leaf = np.uint64(leaf)
    bound[:] = 0
    for d in range(0, low.shape[1], 3):
        a, b, c = np.uint64(d), np.uint64(d + 1), np.uint64(d + 2)
        a0, b0, c0, a1, b1, c1 = low[leaf, a], low[leaf, b], low[leaf, c], high[leaf, a], high[leaf, b], high[leaf, c]
        for m in range(bound.shape[0]):
            z = _outside(queries[a, m], a0, a1) + _outside(queries[b, m], b0, b1) + _outside(queries[c, m], c0, c1)
            bound[m] += scale * z


@njit(fastmath=True, inline="always")
def _gather(who: Any, seen: Any, bound: Any, limit: Any, queries: Any) -> int:
    """How many queries come to a leaf, as their bound is within the limit; which, and they themselves side by side."""
    n, least = 0, UNSEEN
    for m in range(bound.shape[0]):
        least = smaller(least, bound[m] - limit[m])
    if least > 0:
        return 0
    for m in range(bound.shape[0]):
        who[n] = m
        n += bound[m] <= limit[m]
    for d in range(queries.shape[0]):
        for j in range(n):
            seen[d, j] = queries[d, who[j]]
    return n


@njit(fastmath=True, inline="always")
def _distances(s: Any, seen: Any, n: int, keys: Any, leaf: Any, k: int) -> None:
    """s[j] = the squared distance of query j from one key."""
    for d in range(0, keys.shape[2], STEP):
        k0, k1, k2 = keys[leaf, k, d], keys[leaf, k, d + 1], keys[leaf, k, d + 2]
        k3, k4, k5 = keys[leaf, k, d + 3], keys[leaf, k, d + 4], keys[leaf, k, d + 5]
        k6, k7, k8 = keys[leaf, k, d + 6], keys[leaf, k, d + 7], keys[leaf, k, d + 8]
        a, b, c = np.uint64(d), np.uint64(d + 1), np.uint64(d + 2)
        e, f, g = np.uint64(d + 3), np.uint64(d + 4), np.uint64(d + 5)
        h, o, p = np.uint64(d + 6), np.uint64(d + 7), np.uint64(d + 8)
        if d == 0:
            for j in range(n):
                z0, z1, z2 = seen[a, j] - k0, seen[b, j] - k1, seen[c, j] - k2
                z3, z4, z5 = seen[e, j] - k3, seen[f, j] - k4, seen[g, j] - k5
                z6, z7, z8 = seen[h, j] - k6, seen[o, j] - k7, seen[p, j] - k8
                s[j] = z0 * z0 + z1 * z1 + z2 * z2 + (z3 * z3 + z4 * z4 + z5 * z5) + (z6 * z6 + z7 * z7 + z8 * z8)
        else:
            for j in range(n):
                z0, z1, z2 = seen[a, j] - k0, seen[b, j] - k1, seen[c, j] - k2
                z3, z4, z5 = seen[e, j] - k3, seen[f, j] - k4, seen[g, j] - k5
                z6, z7, z8 = seen[h, j] - k6, seen[o, j] - k7, seen[p, j] - k8
                s[j] += z0 * z0 + z1 * z1 + z2 * z2 + (z3 * z3 + z4 * z4 + z5 * z5) + (z6 * z6 + z7 * z7 + z8 * z8)


@njit(fastmath=True, inline="always")
def _lower(reference: Any, s: Any, seen: Any, n: int, keys: Any, extra: Any, leaf: Any, scale: Any) -> None:
    """reference[j] = the least exponent of query j so far, with the keys of the leaf."""
    for k in range(keys.shape[1]):
        _distances(s, seen, n, keys, leaf, k)
        more = extra[leaf, k]
        for j in range(n):
            reference[j] = smaller(reference[j], scale * s[j] - more)


@njit(fastmath=True, inline="always")
def _weigh(
    weight: Any,
    value: Any,
    reference: Any,
    s: Any,
    seen: Any,
    n: int,
    keys: Any,
    values: Any,
    extra: Any,
    leaf: Any,
    scale: Any,
) -> None:
    """weight[j], value[:, j] = the sums of 2^(reference - S) over the keys of a leaf, alone and times their values."""
    channels = values.shape[2]
    weight[:n] = 0
    value[:, :n] = 0
    for k in range(keys.shape[1]):
        _distances(s, seen, n, keys, leaf, k)
        more = extra[leaf, k]
        if channels == 1:
            v, c = values[leaf, k, 0], np.uint64(0)
            for j in range(n):
                z = exp2(reference[j] + more - scale * s[j])
                weight[j] += z
                value[c, j] += z * v
        else:
            for j in range(n):
                z = exp2(reference[j] + more - scale * s[j])
                weight[j] += z
                s[j] = z
            for channel in range(channels):
                v, c = values[leaf, k, channel], np.uint64(channel)
                for j in range(n):
                    value[c, j] += s[j] * v


@njit(fastmath=True, inline="always")
def _set_limits(limit: Any, turn: int, nearest: Any, best: Any, total: Any, share: float) -> None:
    """How far a leaf may be that each query visits in this round: see `search`."""
    for i in range(len(limit)):
        if turn == 0:
            limit[i] = nearest[i]
        elif turn == 1:
            limit[i] = best[i] - SAFE
        elif turn == 2:
            limit[i] = larger(best[i] + NEAR, nearest[i])
        else:
            limit[i] = best[i] - np.log2(share * total[i])


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

    queries (D, M); keys (leaves, LEAF, D), values (leaves, LEAF, C), extra (leaves, LEAF): log2 of each key's count;
    low, high (leaves, d): the boxes in the first d dimensions; count (leaves,): keys of a leaf, with their counts;
    lost: what may be left out, as a part of the whole. best (M,) float32, total (M,), weighted (M, C) and skipped (M,)
    float64: the results, the last three given as zeros; skipped bounds, in units of 2^-best, what was left out.

    In four rounds: the leaf nearest to a query gives a reference for its weights, leaves that may hold a much heavier
    key a better one; leaves that are near then give enough of the whole weight to know what is far, and the last round
    visits what is not. A leaf is shown to all queries that come to it before the next one, side by side in vectors: it
    fits a core's first cache, a dictionary does not.
    """
    leaves, m, channels = len(keys), queries.shape[1], values.shape[2]
    bounds, nearest, limit = np.empty((leaves, m), np.float32), np.full(m, UNSEEN), np.empty(m, np.float32)
    who, seen = np.empty(m + 1, np.int64), np.empty((len(queries), m), np.float32)
    s, reference, weight = np.empty(m, np.float32), np.empty(m, np.float32), np.empty(m, np.float32)
    value = np.empty((channels, m), np.float32)
    for leaf in range(leaves):
        bound = bounds[leaf]
        _to_box(bound, low, high, leaf, queries, scale)
        for i in range(m):
            nearest[i] = smaller(nearest[i], bound[i])
    best[:] = UNSEEN
    visited, share = 0, lost / count.sum()
    for turn in range(4):
        _set_limits(limit, turn, nearest, best, total, share)
        for leaf in range(leaves):
            n = _gather(who, seen, bounds[leaf], limit, queries)
            if n == 0:
                continue
            for j in range(n):
                reference[j] = best[who[j]]
            if turn < 2:
                _lower(reference, s, seen, n, keys, extra, leaf, scale)
                for j in range(n):
                    best[who[j]] = reference[j]
            else:
                _weigh(weight, value, reference, s, seen, n, keys, values, extra, leaf, scale)
                for j in range(n):
                    i = who[j]
                    total[i] += weight[j]
                    for channel in range(channels):
                        weighted[i, channel] += value[channel, j]
                    bounds[leaf, i] = UNSEEN
                visited += n * keys.shape[1]
    for leaf in range(leaves):
        for i in range(m):
            skipped[i] += count[leaf] * exp2(best[i] - bounds[leaf, i])
    return visited
