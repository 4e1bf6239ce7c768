r"""The inner loops of `shifts`, compiled by numba: slide, square, blur, exponentiate, add up.

For a displacement d, all pixels x of a rectangle and all images v of a chunk at once:

.. math:: S(x) = \sum_q K(q) \, (u - a)(u - b), \quad u = v(x + d + q)

with a = b = x_t(x + q), so that S is the squared distance; or a = 0, b = 2 x_t(x + q), so that the query's own square,
which all keys share, is left out. The first loses no digits where the distance is small (little noise), the second
where the keys are (much noise). As K is a product of rows and columns, S takes 2 P additions instead of P^2.

The last axis of everything is the image ("lane"): neighbouring memory, so that one instruction treats 8 or 16 of them.
Only that: the loops hold no branch, no view and no signed index that the compiler cannot see through.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .compiled import UNSEEN, compiled, exp2, smaller

NEGLIGIBLE = np.float32(50)  # a chunk whose best weight is 2^-50 of the best so far changes no digit of a float32


@njit(inline="always")
def _around(i: Any, n: Any) -> Any:
    """i modulo n for 0 <= i < 2 n, without a division; unsigned, as the compiler would check a signed index for < 0."""
    return np.uint64(i - n if i >= n else i)


@njit(fastmath=True, inline="always")
def _few(out: Any, row: Any, column: Any, items: Any, first: int, k: Any, r: int) -> Any:
    """out[row, column] = the sum of items[first .. first + 2 r, k], taken around, r <= 3; returns the least of it."""
    n, lanes, c = items.shape[0], items.shape[2], first + r
    row, column, k, at, least = np.uint64(row), np.uint64(column), np.uint64(k), _around(c, n), UNSEEN
    if r == 0:
        for i in range(lanes):
            z = items[at, k, i]
            out[row, column, i] = z
            least = smaller(least, z)
        return least
    a, b = _around(c - 1, n), _around(c + 1, n)
    if r == 1:
        for i in range(lanes):
            z = items[a, k, i] + items[at, k, i] + items[b, k, i]
            out[row, column, i] = z
            least = smaller(least, z)
        return least
    d, e = _around(c - 2, n), _around(c + 2, n)
    if r == 2:
        for i in range(lanes):
            z = (items[d, k, i] + items[a, k, i]) + items[at, k, i] + (items[b, k, i] + items[e, k, i])
            out[row, column, i] = z
            least = smaller(least, z)
        return least
    f, g = _around(c - 3, n), _around(c + 3, n)
    for i in range(lanes):
        z = (items[f, k, i] + items[d, k, i] + items[a, k, i]) + items[at, k, i]
        z += items[b, k, i] + items[e, k, i] + items[g, k, i]
        out[row, column, i] = z
        least = smaller(least, z)
    return least


@njit(fastmath=True)
def _many_across(rows: Any, at: Any, products: Any, starts: Any, left: int, right: int) -> None:
    """rows[at, x] = the sum of products[x .. x + P - 1] for all x at three additions each, whatever P, and no
    subtraction, which would lose digits: in blocks of P, a window is the end of one block and the start of the next."""
    size, lanes, at = rows.shape[0], products.shape[2], np.uint64(at)
    for x in range(left, right + size - 1):  # sums from the start of the block
        if (x - left) % size == 0:
            for i in range(lanes):
                starts[x, i] = products[x, 0, i]
        else:
            for i in range(lanes):
                starts[x, i] = starts[x - 1, i] + products[x, 0, i]
    for x in range(right + size - 3, left - 1, -1):  # sums to the end of the block, in place
        if (x - left) % size != size - 1:
            for i in range(lanes):
                products[x, 0, i] += products[x + 1, 0, i]
    for x in range(left, right):
        here, last = np.uint64(x), np.uint64(x + size - 1)
        if (x - left) % size == 0:
            for i in range(lanes):
                rows[at, here, i] = products[here, 0, i]
        else:
            for i in range(lanes):
                rows[at, here, i] = products[here, 0, i] + starts[last, i]


@njit(fastmath=True)
def _many_down(rows: Any, at: Any, newest: Any, left: int, right: int) -> None:
    """The same down the columns, a row at a time: `newest` sums the rows since the block began; when it is complete,
    its rows become sums to its end."""
    size, lanes, line = rows.shape[0], rows.shape[2], np.uint64(at)
    for x in range(left, right):
        here = np.uint64(x)
        if at == 0:
            for i in range(lanes):
                newest[here, i] = rows[line, here, i]
        else:
            for i in range(lanes):
                newest[here, i] += rows[line, here, i]
    if at == size - 1:
        for k in range(size - 2, 0, -1):
            line, below = np.uint64(k), np.uint64(k + 1)
            for x in range(left, right):
                here = np.uint64(x)
                for i in range(lanes):
                    rows[line, here, i] += rows[below, here, i]


@njit(fastmath=True, inline="always")
def _many(s: Any, rows: Any, at: int, newest: Any, x: Any) -> Any:
    """s = the sum of the last P rows at column x: the end of the older block and the newest rows; returns its least."""
    lanes, x, least = s.shape[2], np.uint64(x), UNSEEN
    if at == rows.shape[0] - 1:
        for i in range(lanes):
            z = newest[x, i]
            s[0, 0, i] = z
            least = smaller(least, z)
        return least
    older = np.uint64(at + 1)
    for i in range(lanes):
        z = newest[x, i] + rows[older, x, i]
        s[0, 0, i] = z
        least = smaller(least, z)
    return least


@njit(fastmath=True, inline="always")
def _blend(out: Any, row: Any, column: Any, items: Any, first: int, k: Any, taps: Any) -> Any:
    """out[row, column] = sum over q in -r..r of taps[|q|] items[first + r + q, k], taken around; returns the least."""
    n, lanes, r = items.shape[0], items.shape[2], taps.shape[0] - 1
    row, column, k, c = np.uint64(row), np.uint64(column), np.uint64(k), first + r
    at, weight, least = _around(c, n), taps[0], UNSEEN
    for i in range(lanes):
        z = weight * items[at, k, i]
        out[row, column, i] = z
        least = smaller(least, z)
    for q in range(1, r + 1, 2):  # two pairs at a time
        last = min(q + 1, r)
        a, b, near = _around(c - q, n), _around(c + q, n), taps[q]
        d, e, far = _around(c - last, n), _around(c + last, n), taps[last] if q < r else np.float32(0)
        least = UNSEEN
        for i in range(lanes):
            z = out[row, column, i] + near * (items[a, k, i] + items[b, k, i]) + far * (items[d, k, i] + items[e, k, i])
            out[row, column, i] = z
            least = smaller(least, z)
    return least


@njit(fastmath=True)
def _products(
    products: Any, x: Any, keys: Any, b: int, n: int, y: int, dy: int, dx: int, left: int, right: int, linear: bool
) -> None:
    """One row of (u - a)(u - b), summed over channels, from `left` to `right`, taken around the torus."""
    channels, height, width, lanes = keys.shape[1], keys.shape[2], keys.shape[3], keys.shape[4]
    radius = (products.shape[0] - width) // 2
    y, v_row = y % height, (y + dy) % height
    for column in range(left, right):
        x_column, v_column = column % width, (column + dx) % width
        out = column + radius
        for channel in range(channels):
            a = x[b, channel, y, x_column]
            if channel > 0:
                c = np.float32(0) if linear else a
                d = a + a if linear else a
                for i in range(lanes):
                    u = keys[n, channel, v_row, v_column, i]
                    products[out, 0, i] += (u - c) * (u - d)
            elif linear:
                for i in range(lanes):
                    u = keys[n, channel, v_row, v_column, i]
                    products[out, 0, i] = u * (u - (a + a))
            else:
                for i in range(lanes):
                    u = keys[n, channel, v_row, v_column, i] - a
                    products[out, 0, i] = u * u


@njit(fastmath=True, inline="always")
def _vote(
    s: Any,
    least: Any,
    keys: Any,
    n: int,
    b: int,
    y: int,
    x: int,
    v_row: int,
    v_column: int,
    best: Any,
    total: Any,
    weighted: Any,
) -> None:
    """Add 2^(best - s) and the same times the centre pixels to the sums of query (b, y, x)."""
    channels, lanes = keys.shape[1], keys.shape[4]
    reference = best[b, y, x]
    if least > reference + NEGLIGIBLE:
        return
    if least < reference:
        rescale = np.exp2(np.float64(least) - np.float64(reference))
        total[b, y, x] *= rescale
        for channel in range(channels):
            weighted[b, channel, y, x] *= rescale
        best[b, y, x] = least
        reference = least
    sum_of_weights = np.float32(0)
    if channels == 1:
        sum_of_values, row, column, chunk = np.float32(0), np.uint64(v_row), np.uint64(v_column), np.uint64(n)
        for i in range(lanes):
            weight = exp2(reference - s[0, 0, i])
            sum_of_weights += weight
            sum_of_values += weight * keys[chunk, 0, row, column, i]
        total[b, y, x] += sum_of_weights
        weighted[b, 0, y, x] += sum_of_values
        return
    for i in range(lanes):
        weight = exp2(reference - s[0, 0, i])
        s[0, 0, i] = weight
        sum_of_weights += weight
    total[b, y, x] += sum_of_weights
    for channel in range(channels):
        sum_of_values = np.float32(0)
        for i in range(lanes):
            sum_of_values += s[0, 0, i] * keys[n, channel, v_row, v_column, i]
        weighted[b, channel, y, x] += sum_of_values


@compiled(nogil=True, fastmath=True)
def slide(
    x: Any,
    keys: Any,
    taps: Any,
    square: bool,
    moves: Any,
    wrap: bool,
    linear: bool,
    best: Any,
    total: Any,
    weighted: Any,
) -> None:
    """Add to (best, total, weighted) what the keys contribute at the given displacements.

    x (B, C, H, W), keys (chunks, C, H, W, lanes), taps (r + 1,): K from its centre outwards, all float32; square:
    whether all taps are 1; moves (n, 6): see `patches.displacements`; wrap: whether windows continue on the other side
    of the image or see zeros; best (B, H, W) float32: the least S, total (B, H, W) and weighted (B, C, H, W) float64:
    the sums of 2^(best - S), alone and times the centre pixel.
    """
    batch, _, height, width = x.shape
    lanes, r = keys.shape[4], len(taps) - 1
    size, few, many = 2 * r + 1, square and r <= 3, square and r > 3
    products = np.zeros((width + 2 * r, 1, lanes), np.float32)
    starts, newest = np.zeros((width + 2 * r, lanes), np.float32), np.zeros((width, lanes), np.float32)
    rows = np.zeros((size, width, lanes), np.float32)  # the last P rows, blurred along the row
    s = np.zeros((1, 1, lanes), np.float32)
    for n in range(keys.shape[0]):
        for b in range(batch):
            for move in range(moves.shape[0]):
                dy, dx, top, bottom, left, right = moves[move]
                start = left - r if wrap else max(left - r, 0)
                stop = right + r if wrap else min(right + r, width)
                for y in range(top - r, bottom + r):
                    at = (y - top + r) % size
                    if wrap or 0 <= y < height:
                        products[left : start + r] = 0
                        products[stop + r : right + 2 * r] = 0
                        _products(products, x, keys, b, n, y, dy, dx, start, stop, linear)
                        if many:
                            _many_across(rows, at, products, starts, left, right)
                        for column in range(left, right):
                            if few:
                                _few(rows, at, column, products, column, 0, r)
                            elif not many:
                                _blend(rows, at, column, products, column, 0, taps)
                    else:
                        rows[at] = 0
                    if many:
                        _many_down(rows, at, newest, left, right)
                    centre = y - r
                    if centre >= top:
                        for column in range(left, right):
                            if few:
                                least = _few(s, 0, 0, rows, at + 1, column, r)
                            elif many:
                                least = _many(s, rows, at, newest, column)
                            else:
                                least = _blend(s, 0, 0, rows, at + 1, column, taps)
                            v_row, v_column = (centre + dy) % height, (column + dx) % width
                            _vote(s, least, keys, n, b, centre, column, v_row, v_column, best, total, weighted)
