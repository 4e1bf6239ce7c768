r"""The inner loops of `shifts`, compiled by numba: slide, square, blur, exponentiate, add up.

For a displacement d, all pixels x of a rectangle and all images v of a chunk at once:

.. math:: S(x) = \sum_q K(q) \, (u - a)(u - b), \quad u = v(x + d + q)

with a = b = x_t(x + q), so that S is the squared distance; or a = 0, b = 2 x_t(x + q), so that the query's own square,
which all keys share, is left out. The first loses no digits where the distance is small (little noise), the second
where the keys are (much noise). As K is a product of rows and columns, S takes 2 P additions instead of P^2; and a wide
square window, built from its neighbours', six.

The last axis of everything is the image ("lane"): neighbouring memory, so that one instruction treats 8 or 16 of them.
Only that: the loops hold no branch, no view and no signed index that the compiler cannot see through.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .compiled import UNSEEN, compiled, exp2, smaller

MANY = 2  # radius beyond which a window's sum is built from those of its neighbours, and not anew
NEGLIGIBLE = np.float32(50)  # a chunk whose best weight is 2^-50 of the best so far changes no digit of a float32


@njit(inline="always")
def _around(i: Any, n: Any) -> Any:
    """i modulo n for 0 <= i < 2 n, without a division; unsigned, as the compiler would check a signed index for < 0."""
    return np.uint64(i - n if i >= n else i)


@njit(fastmath=True, inline="always")
def _few(out: Any, row: Any, column: Any, items: Any, first: int, k: Any, r: int) -> Any:
    """out[row, column] = the sum of items[first .. first + 2 r, k], taken around, r <= MANY; returns its least."""
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
    for i in range(lanes):
        z = (items[d, k, i] + items[a, k, i]) + items[at, k, i] + (items[b, k, i] + items[e, k, i])
        out[row, column, i] = z
        least = smaller(least, z)
    return least


@njit(fastmath=True, inline="always")
def _add_square(
    out: Any, row: Any, column: Any, before: Any, keys: Any, place: Any, v_row: Any, v_column: Any, a: Any, linear: bool
) -> None:
    """out[row, column] = out[before, column] + (u - a)(u - b) at one place; place: chunk and channel of the keys."""
    n, k, v_row, v_column = np.uint64(place[0]), np.uint64(place[1]), np.uint64(v_row), np.uint64(v_column)
    lanes, row, before, column, twice = keys.shape[4], np.uint64(row), np.uint64(before), np.uint64(column), a + a
    if linear:
        for i in range(lanes):
            u = keys[n, k, v_row, v_column, i]
            out[row, column, i] = out[before, column, i] + u * (u - twice)
    else:
        for i in range(lanes):
            u = keys[n, k, v_row, v_column, i] - a
            out[row, column, i] = out[before, column, i] + u * u


@njit(fastmath=True, inline="always")
def _add_squares(
    out: Any, row: Any, column: Any, keys: Any, place: Any, v_rows: Any, v_column: Any, a: Any, linear: bool
) -> None:
    """out[row, column] += (u - a)(u - b) at four places of a column."""
    n, k, row, column = np.uint64(place[0]), np.uint64(place[1]), np.uint64(row), np.uint64(column)
    lanes, v_column = keys.shape[4], np.uint64(v_column)
    r0, r1, r2, r3 = np.uint64(v_rows[0]), np.uint64(v_rows[1]), np.uint64(v_rows[2]), np.uint64(v_rows[3])
    a0, a1, a2, a3 = a
    if linear:
        a0, a1, a2, a3 = a0 + a0, a1 + a1, a2 + a2, a3 + a3
        for i in range(lanes):
            u0, u1 = keys[n, k, r0, v_column, i], keys[n, k, r1, v_column, i]
            u2, u3 = keys[n, k, r2, v_column, i], keys[n, k, r3, v_column, i]
            out[row, column, i] += (u0 * (u0 - a0) + u1 * (u1 - a1)) + (u2 * (u2 - a2) + u3 * (u3 - a3))
    else:
        for i in range(lanes):
            u0, u1 = keys[n, k, r0, v_column, i] - a0, keys[n, k, r1, v_column, i] - a1
            u2, u3 = keys[n, k, r2, v_column, i] - a2, keys[n, k, r3, v_column, i] - a3
            out[row, column, i] += (u0 * u0 + u1 * u1) + (u2 * u2 + u3 * u3)


@njit(fastmath=True)
def _many_down(
    sums: Any,
    at: int,
    newest: Any,
    x: Any,
    keys: Any,
    n: int,
    b: int,
    start: int,
    stop: int,
    column: int,
    dy: int,
    dx: int,
    wrap: bool,
    linear: bool,
) -> None:
    """sums[y - start, at] = the sum of (u - a)(u - b) over P places of a column, those around y, for start <= y < stop.

    There are no more than P such y: then all their windows hold the last row of the first one. Each is the sum of its
    rows up to there, which grows as y falls, and of those beyond, which grows as y rises; nothing is subtracted, which
    would lose digits.
    """
    channels, height, width, lanes = keys.shape[1], keys.shape[2], keys.shape[3], keys.shape[4]
    r, last, line = sums.shape[0] // 2, np.uint64(stop - 1 - start), np.uint64(at)
    column, v_column, least_row, most_row = column % width, (column + dx) % width, stop - 1 - r, start + r + 1
    if not wrap:
        least_row, most_row = max(least_row, 0), min(most_row, height)
    for i in range(lanes):
        sums[last, line, i] = 0
    for channel in range(channels):
        place, values = (n, channel), x[b, channel, :, column]
        for y in range(least_row, most_row - 3, 4):  # rows that all windows hold
            y0, y1, y2, y3 = y % height, (y + 1) % height, (y + 2) % height, (y + 3) % height
            v_rows = ((y + dy) % height, (y + 1 + dy) % height, (y + 2 + dy) % height, (y + 3 + dy) % height)
            a = (values[y0], values[y1], values[y2], values[y3])
            _add_squares(sums, last, line, keys, place, v_rows, v_column, a, linear)
        for y in range(most_row - (most_row - least_row) % 4, most_row):
            _add_square(sums, last, line, last, keys, place, (y + dy) % height, v_column, values[y % height], linear)
    for row in range(stop - 2 - r, start - 1 - r, -1):
        k = row + r - start
        if wrap or row >= 0:
            for channel in range(channels):
                before, v_row = k + 1 if channel == 0 else k, (row + dy) % height
                a = x[b, channel, row % height, column]
                _add_square(sums, k, line, before, keys, (n, channel), v_row, v_column, a, linear)
        else:
            here, below = np.uint64(k), np.uint64(k + 1)
            for i in range(lanes):
                sums[here, line, i] = sums[below, line, i]
    for i in range(lanes):
        newest[0, 0, i] = 0
    for row in range(start + 1 + r, stop + r):
        here = np.uint64(row - r - start)
        if wrap or row < height:
            for channel in range(channels):
                a, v_row = x[b, channel, row % height, column], (row + dy) % height
                _add_square(newest, 0, 0, 0, keys, (n, channel), v_row, v_column, a, linear)
        for i in range(lanes):
            sums[here, line, i] += newest[0, 0, i]


@njit(fastmath=True)
def _many_across(ends: Any, sums: Any, k: int, left: int, start: int, stop: int, first: int, last: int) -> None:
    """Half of the same along a row: ends[x - start] = the sum of sums[k] over the columns of the window of x
    up to the last one of the window of `start`. There are columns from `first` to `last`, and no more than P such x."""
    lanes, r, row, end = sums.shape[2], sums.shape[0] // 2, np.uint64(k), np.uint64(stop - 1 - start)
    low, high = max(stop - 1 - r, first) - left + r, min(start + r + 1, last) - left + r
    for i in range(lanes):
        ends[end, i] = 0
    for column in range(low, high - 3, 4):
        a, b, c, d = np.uint64(column), np.uint64(column + 1), np.uint64(column + 2), np.uint64(column + 3)
        for i in range(lanes):
            ends[end, i] += (sums[row, a, i] + sums[row, b, i]) + (sums[row, c, i] + sums[row, d, i])
    for column in range(high - (high - low) % 4, high):
        a = np.uint64(column)
        for i in range(lanes):
            ends[end, i] += sums[row, a, i]
    for x in range(stop - 2, start - 1, -1):
        here, after, a = np.uint64(x - start), np.uint64(x - start + 1), np.uint64(x - left)
        if x - r >= first:
            for i in range(lanes):
                ends[here, i] = ends[after, i] + sums[row, a, i]
        else:
            for i in range(lanes):
                ends[here, i] = ends[after, i]


@njit(fastmath=True, inline="always")
def _many(s: Any, ends: Any, x: int, start: int, newest: Any, sums: Any, k: int, left: int, last: int) -> Any:
    """s = the window of x: its end, and the columns since; returns its least. To be asked for one x after the other."""
    lanes, r, row, here, least = sums.shape[2], sums.shape[0] // 2, np.uint64(k), np.uint64(x - start), UNSEEN
    if x == start:
        for i in range(lanes):
            newest[0, 0, i] = 0
    elif x + r < last:
        a = np.uint64(x + 2 * r - left)
        for i in range(lanes):
            newest[0, 0, i] += sums[row, a, i]
    for i in range(lanes):
        z = ends[here, i] + newest[0, 0, i]
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


@njit(inline="always")
def _seen(left: int, right: int, r: int, width: int, wrap: bool) -> Any:
    """The first column that the windows of left..right see, and the one after the last."""
    return (left - r, right + r) if wrap else (max(left - r, 0), min(right + r, width))


@njit(fastmath=True)
def _slide_many(
    x: Any,
    keys: Any,
    n: int,
    b: int,
    move: Any,
    wrap: bool,
    linear: bool,
    sums: Any,
    ends: Any,
    newest: Any,
    s: Any,
    best: Any,
    total: Any,
    weighted: Any,
) -> None:
    """One displacement of one chunk where windows are wide: in blocks of P rows and P columns, columns summed first."""
    dy, dx, top, bottom, left, right = move
    (height, width), size = x.shape[2:], sums.shape[0]
    r = size // 2
    first, last = _seen(left, right, r, width, wrap)
    for start in range(top, bottom, size):
        stop = min(start + size, bottom)
        for column in range(first, last):
            _many_down(sums, column - left + r, newest, x, keys, n, b, start, stop, column, dy, dx, wrap, linear)
        for y in range(start, stop):
            for begin in range(left, right, size):
                end = min(begin + size, right)
                _many_across(ends, sums, y - start, left, begin, end, first, last)
                for column in range(begin, end):
                    least = _many(s, ends, column, begin, newest, sums, y - start, left, last)
                    v_row, v_column = (y + dy) % height, (column + dx) % width
                    _vote(s, least, keys, n, b, y, column, v_row, v_column, best, total, weighted)


@njit(fastmath=True)
def _slide_few(
    x: Any,
    keys: Any,
    n: int,
    b: int,
    move: Any,
    taps: Any,
    square: bool,
    wrap: bool,
    linear: bool,
    products: Any,
    rows: Any,
    s: Any,
    best: Any,
    total: Any,
    weighted: Any,
) -> None:
    """One displacement of one chunk where windows are narrow or gaussian: row by row, the last P rows are kept."""
    dy, dx, top, bottom, left, right = move
    (height, width), size = x.shape[2:], rows.shape[0]
    r = size // 2
    first, last = _seen(left, right, r, width, wrap)
    for y in range(top - r, bottom + r):
        at = (y - top + r) % size
        if wrap or 0 <= y < height:
            products[left : first + r] = 0
            products[last + r : right + 2 * r] = 0
            _products(products, x, keys, b, n, y, dy, dx, first, last, linear)
            for column in range(left, right):
                if square:
                    _few(rows, at, column, products, column, 0, r)
                else:
                    _blend(rows, at, column, products, column, 0, taps)
        else:
            rows[at] = 0
        centre = y - r
        if centre >= top:
            for column in range(left, right):
                if square:
                    least = _few(s, 0, 0, rows, at + 1, column, r)
                else:
                    least = _blend(s, 0, 0, rows, at + 1, column, taps)
                v_row, v_column = (centre + dy) % height, (column + dx) % width
                _vote(s, least, keys, n, b, centre, column, v_row, v_column, best, total, weighted)


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
    batch, _, _, width = x.shape
    lanes, r = keys.shape[4], len(taps) - 1
    size, across = 2 * r + 1, width + 2 * r
    products, rows = np.zeros((across, 1, lanes), np.float32), np.zeros((size, across, lanes), np.float32)
    ends, s = np.zeros((size, lanes), np.float32), np.zeros((1, 1, lanes), np.float32)
    newest = np.zeros((1, 1, lanes), np.float32)
    for n in range(keys.shape[0]):
        for b in range(batch):
            for move in moves:
                if square and r > MANY:
                    _slide_many(x, keys, n, b, move, wrap, linear, rows, ends, newest, s, best, total, weighted)
                else:
                    _slide_few(
                        x, keys, n, b, move, taps, square, wrap, linear, products, rows, s, best, total, weighted
                    )
