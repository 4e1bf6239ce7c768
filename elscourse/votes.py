"""What WIDTH keys add to the sums of one query: sum 2^(best - S), alone and times the keys' values.

Of a query are kept `best`, a reference near the least S so far, and the sums relative to it, REGISTER partial ones each
for the weights and every channel of the values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .loops import part
from .vectors import REGISTER, add_to, any_below, broadcast, exp2, least, load, narrow

NEAR_ENOUGH = np.float32(8)  # S may be so much below the reference before that is moved: a key then weighs 2^8
NEGLIGIBLE = np.float32(50)  # a key that weighs 2^-50 of the reference changes no digit of a float32
U = np.uintp


@part
def vote(
    s: Any,
    best: Any,
    query: Any,
    sums: Any,
    at: Any,
    step: Any,
    values: Any,
    there: Any,
    values_step: Any,
    channels: int,
) -> None:
    """Add the keys with exponents s to the sums of a query, unless all of them are negligible.

    The query's sums begin at sums[at], a channel's values at values[there]; steps lead from one channel to the next.
    """
    if not any_below(s, best[query] + NEGLIGIBLE):
        return
    if any_below(s, best[query] - NEAR_ENOUGH):
        new = least(s)
        smaller = np.float32(np.exp2(np.float64(new) - np.float64(best[query])))
        for c in range(channels + 1):
            for i in range(REGISTER):
                sums[at + U(c) * step + U(i)] *= smaller
        best[query] = new
    weights = exp2(narrow(broadcast(best[query]) - s))
    add_to(sums, at, weights)
    for _ in range(channels):
        at += step
        add_to(sums, at, weights * narrow(load(values, there)))
        there += values_step
