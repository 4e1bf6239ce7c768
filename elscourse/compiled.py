"""What the compiled loops share: a power of two and a minimum that vectorise.

numba caches each compiled loop by the date of its own file alone: after a change here, touch `kernel` and `search`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

UNSEEN = np.float32(3e38)  # the least exponent of a query that has met no key yet

# 2^f on [-1/2, 1/2] to 1e-7, the rounding of float32
_C0, _C1, _C2, _C3, _C4, _C5 = (
    np.polynomial.Chebyshev.interpolate(np.exp2, 5, domain=[-0.5, 0.5])
    .convert(kind=np.polynomial.Polynomial)
    .coef.astype(np.float32)
)


@intrinsic
def _as_bits(_: Any, x: Any) -> Any:
    """The bits of a float32 as an int32."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(32))

    return types.int32(types.float32), build


@intrinsic
def _as_float(_: Any, i: Any) -> Any:
    """The float32 with the bits of an int32."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.FloatType())

    return types.float32(types.int32), build


def _of_two(name: str) -> Any:
    """An LLVM intrinsic of two numbers that are not NaN, of which Python's own version cannot be vectorised."""

    @intrinsic
    def chosen(_: Any, a: Any, b: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = args[0].type
            function = builder.module.declare_intrinsic(name, [kind], ir.FunctionType(kind, [kind, kind]))
            return builder.call(function, args, fastmath=("nnan", "nsz", "ninf"))

        return a(a, a), build

    return chosen


smaller, larger = _of_two("llvm.minnum"), _of_two("llvm.maxnum")


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """njit, kept from one process to the next where there is a folder to keep it in."""

    def compile_later(loops: Callable[..., Any]) -> Any:
        try:
            return njit(cache=True, **options)(loops)
        except RuntimeError:  # none that may be written to
            return njit(**options)(loops)

    return compile_later


@njit(fastmath=True, inline="always")
def exp2(z: float) -> float:
    """2^z for z < 127, no smaller than 2^-126: a polynomial of what z exceeds the nearest whole number by; that number
    is added to the exponent."""
    z = larger(z, np.float32(-126))
    n = np.rint(z)
    f = z - n
    p = ((((_C5 * f + _C4) * f + _C3) * f + _C2) * f + _C1) * f + _C0
    return _as_float(_as_bits(p) + (np.int32(n) << np.int32(23)))
