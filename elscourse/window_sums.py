"""How S is summed over windows, for all pixels of one displacement and one chunk: see `kernel`.

Three ways: at once where windows are 3 x 3, in blocks where they are wider, row by row where they are weighted.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .loops import part
from .vectors import REGISTER, WIDTH, broadcast, load, store
from .votes import vote

U = np.uintp


class View(NamedTuple):
    """What one displacement of one chunk reads; arrays are flat.

    x, other: the x_t, and the one beside it that is treated at the same time; doubled where `without_own`, the second
    form of S. keys: WIDTH images side by side. rows, columns: where a row or a column of an image begins, taken around,
    at `origin` that of number 0. plane: pixels of an image. nothing: a zero of the precision in which S is summed.
    """

    x: Any
    other: Any
    keys: Any
    rows: Any
    columns: Any
    origin: int
    channels: int
    plane: Any
    height: int
    width: int
    wrap: bool
    without_own: bool
    nothing: Any


class Sums(NamedTuple):
    """Of one x_t: see `votes`."""

    best: Any
    votes: Any


@part
def _row(view: Any, y: int) -> Any:
    return view.rows[U(y + view.origin)]


@part
def _column(view: Any, x: int) -> Any:
    return view.columns[U(x + view.origin)]


@part
def _add(s: Any, view: Any, here: Any, there: Any) -> Any:
    """s + the summand of S at one place; here: in x_t, there: in the keys."""
    for _ in range(view.channels):
        u = load(view.keys, there * U(WIDTH))
        apart = u - broadcast(view.x[here])
        s = s + apart * (u if view.without_own else apart)
        here += view.plane
        there += view.plane
    return s


@part
def _add_both(one: Any, two: Any, view: Any, here: Any, there: Any) -> Any:
    """The same for two x_t: a key is loaded once."""
    for _ in range(view.channels):
        u = load(view.keys, there * U(WIDTH))
        a, b = u - broadcast(view.x[here]), u - broadcast(view.other[here])
        one, two = one + a * (u if view.without_own else a), two + b * (u if view.without_own else b)
        here += view.plane
        there += view.plane
    return one, two


@part
def _vote(s: Any, view: Any, here: Any, there: Any, sums: Any) -> None:
    step, keys_step, at, first = view.plane * U(REGISTER), view.plane * U(WIDTH), here * U(REGISTER), there * U(WIDTH)
    vote(s, sums.best, here, sums.votes, at, step, view.keys, first, keys_step, view.channels)


@part
def _seen(view: Any, move: Any, r: int) -> Any:
    """The rows and the columns, from the first to the one after the last, that the windows of a move see."""
    _, _, top, bottom, left, right = move
    if view.wrap:
        return top - r, bottom + r, left - r, right + r
    return max(top - r, 0), min(bottom + r, view.height), max(left - r, 0), min(right + r, view.width)


@part
def three_by_three(view: Any, move: Any, rows: Any, sums: Any) -> None:
    """One displacement where windows are 3 x 3: the last two rows, summed along themselves, are kept."""
    dy, dx, top, bottom, left, right = move
    above, below, first, last = _seen(view, move, 1)
    older, newer, zero = U(0), U(view.width * WIDTH), broadcast(view.nothing)
    for y in range(top - 1, bottom + 1):
        here, there, before, middle, end = _row(view, y), _row(view, y + dy), zero, zero, 0
        if above <= y < below:
            end = last
            middle = _add(zero, view, here + _column(view, left), there + _column(view, left + dx))
            if left > first:
                before = _add(zero, view, here + _column(view, left - 1), there + _column(view, left - 1 + dx))
        for x in range(left, right):
            after = zero
            if x + 1 < end:
                after = _add(zero, view, here + _column(view, x + 1), there + _column(view, x + 1 + dx))
            k, s = U((x - left) * WIDTH), before + middle + after
            if y > top:
                centre, its_key = _row(view, y - 1) + _column(view, x), _row(view, y - 1 + dy) + _column(view, x + dx)
                _vote(load(rows, older + k) + load(rows, newer + k) + s, view, centre, its_key, sums)
            store(rows, older + k, s)
            before, middle = middle, after
        older, newer = newer, older


@part
def _blended_row(rows: Any, at: Any, view: Any, y: int, move: Any, first: int, last: int, taps: Any, line: Any) -> None:
    """rows[at + x] = the weighted sum over the places around x of row y."""
    dy, dx, _, _, left, right = move
    here, there, r = _row(view, y), _row(view, y + dy), len(taps) - 1
    for x in range(left - r, right + r):
        s = broadcast(view.nothing)
        if first <= x < last:
            s = _add(s, view, here + _column(view, x), there + _column(view, x + dx))
        store(line, U((x + r) * WIDTH), s)
    for x in range(left, right):
        s = broadcast(taps[0]) * load(line, U((x + r) * WIDTH))
        for q in range(1, r + 1):
            both = load(line, U((x + r - q) * WIDTH)) + load(line, U((x + r + q) * WIDTH))
            s = s + broadcast(taps[U(q)]) * both
        store(rows, at + U(x * WIDTH), s)


@part
def row_by_row(view: Any, move: Any, taps: Any, rows: Any, line: Any, sums: Any) -> None:
    """One displacement where windows are weighted: the last P rows, summed along themselves, are kept."""
    dy, dx, top, bottom, left, right = move
    r = len(taps) - 1
    above, below, first, last = _seen(view, move, r)
    size, length = 2 * r + 1, U(view.width * WIDTH)
    for y in range(top - r, bottom + r):
        at = U((y - top + r) % size) * length
        if not above <= y < below:
            for i in range(length):
                rows[at + U(i)] = 0
        else:
            _blended_row(rows, at, view, y, move, first, last, taps, line)
        centre = y - r
        if centre < top:
            continue
        here, there, middle = _row(view, centre), _row(view, centre + dy), centre - top + r
        for x in range(left, right):
            k = U(x * WIDTH)
            s = broadcast(taps[0]) * load(rows, k + U(middle % size) * length)
            for q in range(1, r + 1):
                over, under = U((middle - q) % size), U((middle + q) % size)
                s = s + broadcast(taps[U(q)]) * (load(rows, k + over * length) + load(rows, k + under * length))
            _vote(s, view, here + _column(view, x), there + _column(view, x + dx), sums)


@part
def _length(view: Any, r: int) -> Any:
    """Of a column of sums, at most."""
    return U((view.height + 2 * r) * WIDTH)


@part
def _across(
    rows: Any, at: Any, view: Any, y: int, dy: int, dx: int, start: int, stop: int, first: int, last: int, r: int
) -> None:
    """For start <= x < stop and both x_t: the sum over the P places around x of row y, rows[at] for the first x.

    There are no more than P such x: then all their windows hold the last place of the first one. Each is the sum of its
    places up to there, which grows as x falls, and of those beyond, which grows as x rises; nothing is subtracted,
    which would lose digits.
    """
    here, there, length, half = _row(view, y), _row(view, y + dy), _length(view, r), U(len(rows) // 2)
    one = two = broadcast(view.nothing)
    for x in range(max(stop - 1 - r, first), min(start + r + 1, last)):  # places that all windows hold
        one, two = _add_both(one, two, view, here + _column(view, x), there + _column(view, x + dx))
    at += U(stop - 1 - start) * length
    store(rows, at, one)
    store(rows, at + half, two)
    for x in range(stop - 2 - r, start - 1 - r, -1):
        if x >= first:
            one, two = _add_both(one, two, view, here + _column(view, x), there + _column(view, x + dx))
        at -= length
        store(rows, at, one)
        store(rows, at + half, two)
    one = two = broadcast(view.nothing)
    for x in range(start + 1 + r, stop + r):
        if x < last:
            one, two = _add_both(one, two, view, here + _column(view, x), there + _column(view, x + dx))
        at += length
        store(rows, at, load(rows, at) + one)
        store(rows, at + half, load(rows, at + half) + two)


@part
def _down(
    rows: Any, at: Any, view: Any, x: int, move: Any, above: int, below: int, r: int, ends: Any, sums: Any
) -> None:
    """Likewise down the column of these sums that begins at rows[at] with row `above`; and vote."""
    dy, dx, top, bottom, _, _ = move
    here, there, size = _column(view, x), _column(view, x + dx), 2 * r + 1
    for start in range(top, bottom, size):
        stop = min(start + size, bottom)
        s = broadcast(view.nothing)
        for y in range(max(stop - 1 - r, above), min(start + r + 1, below)):
            s = s + load(rows, at + U((y - above) * WIDTH))
        end = U((stop - 1 - start) * WIDTH)
        store(ends, end, s)
        for y in range(stop - 2 - r, start - 1 - r, -1):
            if y >= above:
                s = s + load(rows, at + U((y - above) * WIDTH))
            end -= U(WIDTH)
            store(ends, end, s)
        s = broadcast(view.nothing)
        for y in range(start, stop):
            if start < y < below - r:
                s = s + load(rows, at + U((y + r - above) * WIDTH))
            _vote(load(ends, end) + s, view, here + _row(view, y), there + _row(view, y + dy), sums)
            end += U(WIDTH)


@part
def in_blocks(view: Any, move: Any, r: int, rows: Any, ends: Any, sums: Any, others: Any, both: bool) -> None:
    """One displacement where windows are wide and square, of two x_t: P columns at a time."""
    dy, dx, _, _, left, right = move
    above, below, first, last = _seen(view, move, r)
    size, length, half = 2 * r + 1, _length(view, r), U(len(rows) // 2)
    for start in range(left, right, size):
        stop = min(start + size, right)
        for y in range(above, below):
            _across(rows, U((y - above) * WIDTH), view, y, dy, dx, start, stop, first, last, r)
        for x in range(start, stop):
            at = U(x - start) * length
            _down(rows, at, view, x, move, above, below, r, ends, sums)
            if both:
                _down(rows, at + half, view, x, move, above, below, r, ends, others)
