r"""The inner loops of `shifts`, compiled by numba: slide, square, blur, exponentiate, add up.

For a displacement d, all pixels x of a rectangle and the images v of a chunk at once, WIDTH of them in a vector:

.. math:: S(x) = \sum_{o, c} K(o) \, (u - a)(u - b), \quad u = v_c(x + d + o)

over the offsets o of the window and the channels c, where v are the images times alpha and x_t the noisy image, both
divided by sigma sqrt(2 ln 2): a key then weighs 2^-S. Either a = b = x_t(x + o), so that S is the squared distance; or
a = 2 x_t(x + o), b = 0, so that the query's own square, which all keys share, is left out. The first loses no digits
where the distance is small (little noise), the second where the keys are (much noise). As K is a product of rows and
columns, a window is a sum along rows and then along columns: 2 P additions instead of P^2; and where it is square, made
of its neighbours', six.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .loops import compiled, part
from .vectors import REGISTER, WIDTH, total, zeros
from .window_sums import Sums, View, in_blocks, row_by_row, three_by_three

U = np.uintp


@part
def _begin(sums: Any, best: Any) -> None:
    """The sums of no keys yet, relative to what was best so far."""
    for i in range(len(best)):
        sums.best[i] = best[i]
    for i in range(len(sums.votes)):
        sums.votes[i] = 0


@part
def _collect(sums: Any, best: Any, weights: Any, values: Any) -> None:
    """Add the sums of a chunk to those of all, (H W,) and (C H W,), which were relative to `best`."""
    plane = len(best)
    for i in range(plane):
        smaller = 1.0
        if sums.best[i] != best[i]:
            smaller = np.exp2(np.float64(sums.best[i]) - np.float64(best[i]))
            best[i] = sums.best[i]
        weights[i] = weights[i] * smaller + total(sums.votes, U(i * REGISTER))
        for k in range(i, len(values), plane):
            values[k] = values[k] * smaller + total(sums.votes, U((plane + k) * REGISTER))


@part
def _moves(
    view: Any, moves: Any, taps: Any, square: bool, rows: Any, line: Any, sums: Any, others: Any, both: bool
) -> None:
    """All displacements of one chunk."""
    r = len(taps) - 1
    for m in range(len(moves)):
        move = (moves[m, 0], moves[m, 1], moves[m, 2], moves[m, 3], moves[m, 4], moves[m, 5])
        if square and r > 1:
            in_blocks(view, move, r, rows, line, sums, others, both)
        elif square and r == 1:
            three_by_three(view, move, rows, sums)
        else:
            row_by_row(view, move, taps, rows, line, sums)


@compiled
def slide(
    x: Any,
    keys: Any,
    taps: Any,
    square: bool,
    moves: Any,
    wrap: bool,
    without_own: bool,
    best: Any,
    weights: Any,
    values: Any,
) -> None:
    """Add to the sums what the keys contribute at the given displacements.

    Read: x (B, C, H, W), keys (chunks, C, H, W, WIDTH), and taps (r + 1,), which are K from its centre outwards.
    Changed: best (B, H, W), no more than NEAR_ENOUGH above the least S; and in float64 weights (B, H, W) and values
    (B, C, H, W), the sums of 2^(best - S), alone and times the centre pixel.
    x, keys, taps and best have one type, float32 or float64, in which S is summed. square: whether all taps are 1;
    moves (n, 6): see `patches.displacements`; wrap: whether windows continue on the other side of the image or see
    zeros; without_own: the second form of S.
    """
    batch, channels, height, width = x.shape
    r, side, plane = len(taps) - 1, max(height, width), height * width
    numbers = np.arange(-side - r, 2 * side + r)
    starts, columns = (numbers % height * width).astype(np.uintp), (numbers % width).astype(np.uintp)
    queries = (np.float32(2) * x if without_own else x).reshape(batch, channels * plane)
    best, weights, values = best.reshape(batch, plane), weights.reshape(batch, plane), values.reshape(batch, -1)
    rows, line = zeros(2 * (2 * r + 1) * (side + 2 * r) * WIDTH, x.dtype), zeros((side + 2 * r) * WIDTH, x.dtype)
    sums = Sums(np.empty(plane, x.dtype), zeros((1 + channels) * plane * REGISTER, np.float32))
    others = Sums(np.empty(plane, x.dtype), zeros((1 + channels) * plane * REGISTER, np.float32))
    pairs = square and r > 1
    for n in range(len(keys)):
        chunk = keys[n].reshape(channels * plane * WIDTH)
        for b in range(0, batch, 2 if pairs else 1):
            beside = min(b + 1, batch - 1) if pairs else b
            _begin(sums, best[b])
            _begin(others, best[beside])
            seen = queries[b], queries[beside], chunk, starts, columns, side + r
            how = U(plane), height, width, wrap, without_own, x.dtype.type(0)
            if channels == 1:  # known to the compiler: a sixth faster
                _moves(View(*seen, 1, *how), moves, taps, square, rows, line, sums, others, b < beside)
            else:
                _moves(View(*seen, channels, *how), moves, taps, square, rows, line, sums, others, b < beside)
            _collect(sums, best[b], weights[b], values[b])
            if b < beside:
                _collect(others, best[beside], weights[beside], values[beside])
