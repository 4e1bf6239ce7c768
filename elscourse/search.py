r"""The inner loops of `clusters`, compiled by numba: leaves of keys, and a search that may leave leaves out.

All exponents S = scale |q - k|^2 - log2(count) are of base 2: a key weighs 2^-S. A leaf of n keys in a box whose
nearest point is at the exponent b weighs at most n 2^-b. With Z what was found so far, the leaves beyond a limit L may
be left out when

.. math:: \sum_{b \ge L} n \, 2^{-b} \le \epsilon \, Z

All that is left out then weighs at most epsilon of the whole.

S is summed as written or, where float32 allows it, from scale (|q|^2 - 2 q.k + |k|^2), which is half the work, as the
squares are known before.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .loops import compiled, part
from .vectors import (
    REGISTER,
    UNSEEN,
    WIDTH,
    below,
    broadcast,
    exp2,
    instead,
    larger,
    least,
    load,
    lowest,
    store,
    sum_of,
    total,
    unless_below,
    zeros,
)
from .votes import vote

LEAF = WIDTH  # keys in a leaf, and leaves in a branch
NEAR = np.float32(3)  # leaves at most this much farther, in exponents, than the nearest leaf are visited first
FARTHEST = np.float32(28)  # exponents beyond the best one from which on a branch counts as one leaf
HALVINGS = 7  # of that range, to find how far a query must look
ROUNDED = 1.002  # the coordinates of leaves are rounded: their true weights may be this many times those computed
MANY = 64  # leaves of which the sums are at least kept in float32
ALL = np.float32(1e25)  # farther than any leaf, and nearer than those that fill up the last branch
ONE = np.uint64(1)
U = np.uintp


@compiled
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


@compiled
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


class _Dictionary(NamedTuple):
    """The leaves; arrays are flat but for the counts, see `search`."""

    keys: Any
    values: Any
    extra: Any
    low: Any
    high: Any
    count: Any
    depth: Any
    dims: int
    channels: int
    scale: Any
    expanded: bool


class _Queries(NamedTuple):
    """Queries side by side (flat), what they have found so far, and how far each leaf is at least, branch by branch.

    factors, own: -2 scale q and scale |q|^2, for the expanded S. sums: those of the last leaves, so many of them as
    `since` says, float32, relative to best; weights, weighted: of all before, float64, relative to `reference`.
    """

    queries: Any
    factors: Any
    own: Any
    best: Any
    sums: Any
    since: Any
    reference: Any
    weights: Any
    weighted: Any
    bounds: Any
    nearest: Any


@part
def _to_boxes(branch: int, q: Any, book: Any, queries: Any) -> Any:
    """The least exponents that the leaves of a branch can hold for the query at q."""
    s, at = broadcast(np.float32(0)), U(branch * book.dims * WIDTH)
    for d in range(book.dims):
        x = broadcast(queries[q + U(d)])
        outside = larger(larger(load(book.low, at) - x, x - load(book.high, at)), broadcast(np.float32(0)))
        s = s + outside * outside
        at += U(WIDTH)
    return s * broadcast(book.scale)


@part
def _exponents(leaf: Any, i: Any, j: Any, book: Any, asked: Any) -> Any:
    """The exponents of the keys of a leaf for the queries i and j: a key is loaded once."""
    q, p, at, more = i * book.depth, j * book.depth, leaf * book.depth * U(WIDTH), load(book.extra, leaf * U(WIDTH))
    one = two = broadcast(np.float32(0))
    if book.expanded:  # what varies least comes first: most sums are small then, and rounded by less
        at += book.depth * U(WIDTH)
        for d in range(book.depth - U(1), -1, -1):
            at -= U(WIDTH)
            k = load(book.keys, at)
            one, two = one + k * broadcast(asked.factors[q + U(d)]), two + k * broadcast(asked.factors[p + U(d)])
        return one + (broadcast(asked.own[i]) + more), two + (broadcast(asked.own[j]) + more)
    for d in range(book.depth):
        k = load(book.keys, at)
        a, b = k - broadcast(asked.queries[q + U(d)]), k - broadcast(asked.queries[p + U(d)])
        one, two = one + a * a, two + b * b
        at += U(WIDTH)
    return one * broadcast(book.scale) + more, two * broadcast(book.scale) + more


@part
def _vote(s: Any, i: Any, leaf: Any, book: Any, asked: Any) -> None:
    at, there = i * U((1 + book.channels) * REGISTER), leaf * U(book.channels * WIDTH)
    asked.since[i] += 1
    vote(s, asked.best, i, asked.sums, at, U(REGISTER), book.values, there, U(WIDTH), book.channels)


@part
def _collect(i: Any, channels: int, asked: Any) -> None:
    """Move the last sums to those of all: in float32 many terms of like size would be rounded the same way."""
    smaller, at = np.exp2(np.float64(asked.best[i]) - np.float64(asked.reference[i])), i * U((1 + channels) * REGISTER)
    asked.reference[i], asked.since[i] = asked.best[i], 0
    asked.weights[i] = asked.weights[i] * smaller + total(asked.sums, at)
    for c in range(channels):
        there = at + U((c + 1) * REGISTER)
        asked.weighted[i, c] = asked.weighted[i, c] * smaller + total(asked.sums, there)
    for k in range((1 + channels) * REGISTER):
        asked.sums[at + U(k)] = np.float32(0)


@part
def _come(branch: int, limit: Any, asked: Any, who: Any, which: Any) -> Any:
    """How many queries come to a branch, as the bounds of some of its leaves are below their limits; who they are and
    to which leaves each of them comes, a bit for each. Those will not be seen again."""
    n, m, anywhere = 0, len(limit), np.uint64(0)
    for i in range(m):
        if asked.nearest[branch, i] < limit[i]:
            at = U((branch * m + i) * WIDTH)
            bounds = load(asked.bounds, at)
            bits = below(bounds, limit[i])
            if bits:
                store(asked.bounds, at, instead(bounds, limit[i], UNSEEN))
                who[U(n)], which[U(n)] = U(i), bits
                anywhere |= bits
                n += 1
    return n, anywhere


@part
def _visit(limit: Any, book: Any, asked: Any, who: Any, which: Any, here: Any) -> int:
    """Show the queries all leaves whose bounds are below their limits; returns how many keys were seen, in all.

    A leaf is shown to all that come to it before the next one: it fits a core's first cache, a dictionary does not.
    """
    seen = 0
    for branch in range(len(book.count)):
        n, anywhere = _come(branch, limit, asked, who, which)
        while anywhere:
            k = lowest(anywhere)
            anywhere &= anywhere - ONE
            leaf, some = U(branch * WIDTH) + U(k), 0
            for j in range(n):
                here[U(some)] = who[U(j)]
                some += int((which[U(j)] >> k) & ONE)
            here[U(some)] = here[U(max(some - 1, 0))]
            for j in range(0, some, 2):
                a, b = here[U(j)], here[U(j + 1)]
                one, two = _exponents(leaf, a, b, book, asked)
                _vote(one, a, leaf, book, asked)
                if j + 1 < some:
                    _vote(two, b, leaf, book, asked)
            seen += some * WIDTH
        for j in range(n):
            if asked.since[who[U(j)]] >= MANY:
                _collect(who[U(j)], book.channels, asked)
    for i in range(len(limit)):
        _collect(U(i), book.channels, asked)
    return seen


@part
def _beyond(limit: Any, i: int, far: Any, weights: Any, asked: Any) -> float:
    """What the leaves beyond a limit can weigh, but for those of far branches."""
    s, m = broadcast(np.float32(0)), asked.nearest.shape[1]
    for branch in range(asked.nearest.shape[0]):
        if asked.nearest[branch, i] < far:
            bounds = load(asked.bounds, U((branch * m + i) * WIDTH))
            s = s + unless_below(bounds, limit, load(weights, U(branch * WIDTH)))
    return sum_of(s)


@part
def _set_limit(i: int, lost: float, book: Any, asked: Any, weights: Any) -> Any:
    """How far query i must look so that all it leaves out weighs no more than `lost` of what it has found, and what
    that can weigh, relative to 2^-best. weights: memory for what each leaf can weigh."""
    best, m = asked.best[i], asked.nearest.shape[1]
    if asked.weights[i] <= 0:  # it has found nothing yet
        return ALL, 0.0
    far, farthest, always = best + FARTHEST, best + 2 * FARTHEST, 0.0
    # an exponent is a sum of rounded squares, each positive, so it is rounded by so many times 2^-24 of itself at most
    rounded = ROUNDED * 2.0 ** (max(np.float64(farthest), 0.0) * (book.dims + 5) * 2.0**-24)
    may_lose = lost / rounded * asked.weights[i]
    for branch in range(len(book.count)):
        if asked.nearest[branch, i] < far:
            # nearer leaves than the best key are visited in any case: a power of more than 2^0 need not be a number
            bounds = larger(load(asked.bounds, U((branch * m + i) * WIDTH)), broadcast(best))
            store(weights, U(branch * WIDTH), load(book.count[branch], U(0)) * exp2(broadcast(best) - bounds))
        else:  # as one leaf
            nearest = min(np.float64(asked.nearest[branch, i]), np.float64(farthest))
            always += book.count[branch].sum() * np.exp2(np.float64(best) - nearest)
    low, high = best, far
    left_out = always + _beyond(high, i, far, weights, asked)
    if left_out > may_lose:
        return ALL, 0.0
    for _ in range(HALVINGS):
        middle = np.float32(0.5) * (low + high)
        more = always + _beyond(middle, i, far, weights, asked)
        if more > may_lose:
            low = middle
        else:
            high, left_out = middle, more
    return min(ALL, high), rounded * left_out  # never as far as what fills up the last branch


@compiled
def search(
    queries: Any,
    keys: Any,
    values: Any,
    extra: Any,
    low: Any,
    high: Any,
    count: Any,
    scale: Any,
    expanded: bool,
    lost: float,
    best: Any,
    weights: Any,
    weighted: Any,
    skipped: Any,
) -> int:
    """The sums of 2^(best - S) over the keys that matter, for each query; returns how many keys were seen.

    queries (M, D); keys (leaves, D, LEAF), values (leaves, C, LEAF), extra (leaves, LEAF): - log2 of each key's count,
    and, where S is expanded, + scale |k|^2; low, high (branches, d, LEAF): the boxes of LEAF leaves in the first d
    dimensions; count (branches, LEAF): keys of a leaf, with their counts; expanded: whether S is summed in that form;
    lost: what may be left out, as a part of the whole. best (M,) float32, weights (M,),
    weighted (M, C) and skipped (M,) float64: the results; skipped bounds, in units of 2^-best, what was left out.

    In two rounds: the nearest leaves give a reference and, mostly, most of the whole weight; then it is known how far
    is far enough, and the second round visits what is not.
    """
    (m, depth), channels = queries.shape, values.shape[1]
    branches, dims = low.shape[:2]
    flat = keys.reshape(keys.size), values.reshape(values.size), extra.reshape(extra.size)
    boxes = low.reshape(low.size), high.reshape(high.size)
    book = _Dictionary(*flat, *boxes, count, U(depth), dims, channels, scale, expanded)
    sums, bounds = zeros(m * (1 + channels) * REGISTER, np.float32), zeros(branches * m * WIDTH, np.float32)
    nearest = np.empty((branches, m), np.float32)
    factors, own = (np.float32(-2) * scale * queries).reshape(m * depth), np.empty(m, np.float32)
    sought = queries.reshape(m * depth), factors, own
    so_far = best, sums, np.zeros(m, np.int64), np.full(m, UNSEEN), weights, weighted
    asked = _Queries(*sought, *so_far, bounds, nearest)
    who, here, which = np.empty(m, np.uintp), np.empty(m + 1, np.uintp), np.empty(m, np.uint64)
    limit, before, can_weigh = np.full(m, UNSEEN), np.empty(m, np.float32), zeros(branches * WIDTH, np.float32)
    for branch in range(branches):
        for i in range(m):
            box = _to_boxes(branch, U(i * depth), book, asked.queries)
            store(bounds, U((branch * m + i) * WIDTH), box)
            nearest[branch, i] = least(box)
            limit[i] = min(limit[i], nearest[branch, i] + NEAR)
    for i in range(m):
        own[i] = scale * (queries[i] * queries[i]).sum()
    best[:], weights[:], weighted[:] = UNSEEN, 0, 0
    seen = _visit(limit, book, asked, who, which, here)
    for i in range(m):
        before[i] = best[i]
        limit[i], skipped[i] = _set_limit(i, lost, book, asked, can_weigh)
    seen += _visit(limit, book, asked, who, which, here)
    for i in range(m):
        skipped[i] *= np.exp2(np.float64(best[i]) - before[i])
    return seen
