"""WIDTH numbers side by side, float32 or float64, that numba keeps in registers: load, +, -, *, exp2, store.

Left alone, a compiler makes vectors only of loops that store each number again at once; here sums stay in registers
over many steps. LLVM splits a vector over as many registers as it needs, so the same loops run on every processor.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.core.typing import signature
from numba.core.typing.templates import ConcreteTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, models, register_model

# Of the processor that numba compiles for, as NUMBA_CPU_NAME may say: compiled loops that are kept hold REGISTER as it
# was, and may come to another computer.
_, _, _features = cpu_target.target_context.codegen().magic_tuple()
REGISTER = 16 if "+avx512f" in _features.split(",") else 8  # numbers in one
_SCALES = "+avx512dq" in _features.split(",")  # whether it takes numbers apart, and multiplies by powers of two
WIDTH = 4 * REGISTER  # enough of them in flight to keep the arithmetic busy
UNSEEN = np.float32(3e38)  # the least exponent of a query that has met no key yet

_LEAST = -120  # exponent of the least power: below 2^-125 the processor would take hundreds of cycles
_FAST = ("nnan", "ninf", "nsz", "contract", "reassoc")
_SHORT = ir.VectorType(ir.FloatType(), REGISTER)
_INTS = ir.VectorType(ir.IntType(32), REGISTER)

# coefficients of a polynomial for 2^f, right to 1e-7, the rounding of float32. f is what is left of a number when the
# whole one below it is taken away (as AVX-512 does) or the nearest one
_POWERS = (
    np.polynomial.Chebyshev.interpolate(np.exp2, 5, domain=[0, 1] if _SCALES else [-0.5, 0.5])
    .convert(kind=np.polynomial.Polynomial)
    .coef.astype(np.float32)
)


class _Vector(types.Type):
    """WIDTH numbers, as numba's compiler sees them."""

    def __init__(self, number: Any) -> None:
        self.number = number
        self.wide = ir.VectorType(ir.DoubleType() if number == types.float64 else ir.FloatType(), WIDTH)
        super().__init__(f"{number} x {WIDTH}")


single, double = _Vector(types.float32), _Vector(types.float64)


def _vector_of(number: Any) -> Any:
    """The vectors of such numbers: of float64, or of float32, which other numbers are made into."""
    return double if number == types.float64 else single


@register_model(_Vector)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, kind.wide)


def _operator(symbol: Any, name: str) -> None:
    """Teach numba what a + b is."""

    @infer_global(symbol)
    class _Template(ConcreteTemplate):
        cases = tuple(signature(kind, kind, kind) for kind in (single, double))

    @lower_builtin(symbol, _Vector, _Vector)
    def _build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return getattr(builder, name)(*args, flags=_FAST)


_operator(operator.add, "fadd")
_operator(operator.sub, "fsub")
_operator(operator.mul, "fmul")


def _constant(x: float) -> Any:
    """One number REGISTER times."""
    return ir.Constant(_SHORT, [float(np.float32(x))] * REGISTER)


def _call(builder: Any, name: str, result: Any, *args: Any) -> Any:
    """An intrinsic of LLVM; the last argument is a vector."""
    function = ir.FunctionType(result, [a.type for a in args])
    bits = 64 if args[-1].type.element == ir.DoubleType() else 32
    full_name = f"{name}.v{args[-1].type.count}f{bits}"
    return builder.call(cgutils.get_or_insert_function(builder.module, function, full_name), args, fastmath=_FAST)


def _shuffled(builder: Any, a: Any, b: Any, which: Any) -> Any:
    which = list(which)
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(which)), which))


def _broadcast(builder: Any, x: Any, width: int = WIDTH) -> Any:
    nothing = ir.Constant(ir.VectorType(x.type, width), ir.Undefined)
    return _shuffled(builder, builder.insert_element(nothing, x, ir.IntType(32)(0)), nothing, [0] * width)


def _registers(builder: Any, v: Any) -> list[Any]:
    """A vector in pieces."""
    nothing = ir.Constant(v.type, ir.Undefined)
    return [_shuffled(builder, v, nothing, range(i, i + REGISTER)) for i in range(0, WIDTH, REGISTER)]


def _joined(builder: Any, parts: list[Any]) -> Any:
    """The pieces put together, two by two."""
    while len(parts) > 1:
        pairs = zip(parts[::2], parts[1::2], strict=True)
        parts = [_shuffled(builder, a, b, range(2 * a.type.count)) for a, b in pairs]
    return parts[0]


def _pointer(context: Any, builder: Any, kind: Any, args: Any, to: Any) -> Any:
    """Where array[index] begins; args: the two."""
    view = context.make_array(kind)(context, builder, args[0])
    return builder.bitcast(builder.gep(view.data, [args[1]]), to.as_pointer())


@intrinsic
def load(_: Any, array: Any, index: Any) -> Any:
    """array[index : index + WIDTH], of a flat array; index: uintp, as a signed one would be checked for < 0."""
    kind = _vector_of(array.dtype)

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_pointer(context, builder, array, args, kind.wide), align=4)

    return kind(array, types.uintp), build


@intrinsic
def store(_: Any, array: Any, index: Any, v: Any) -> Any:
    """array[index : index + WIDTH] = v"""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], _pointer(context, builder, array, args, v.wide), align=4)
        return context.get_dummy_value()

    return types.void(array, types.uintp, v), build


@intrinsic
def add_to(_: Any, array: Any, index: Any, v: Any) -> Any:
    """array[index : index + REGISTER] += v, folded to that length."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at = _pointer(context, builder, array, args, _SHORT)
        a, b, c, d = _registers(builder, args[2])
        both = [builder.fadd(a, b, flags=_FAST), builder.fadd(c, d, flags=_FAST)]
        all_four = builder.fadd(*both, flags=_FAST)
        builder.store(builder.fadd(builder.load(at, align=4), all_four, flags=_FAST), at, align=4)
        return context.get_dummy_value()

    return types.void(array, types.uintp, single), build


@intrinsic
def total(_: Any, array: Any, index: Any) -> Any:
    """The sum of array[index : index + REGISTER]."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        numbers = builder.load(_pointer(context, builder, array, args, _SHORT), align=4)
        return _call(builder, "llvm.vector.reduce.fadd", ir.FloatType(), ir.FloatType()(0.0), numbers)

    return types.float32(array, types.uintp), build


@intrinsic
def broadcast(_: Any, x: Any) -> Any:
    """One number WIDTH times."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _broadcast(builder, *args)

    kind = _vector_of(x)
    return kind(kind.number), build


@intrinsic
def larger(_: Any, a: Any, b: Any) -> Any:
    """The larger of each pair."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", *args, flags=_FAST), *args)

    return a(a, a), build


@intrinsic
def least(_: Any, v: Any) -> Any:
    """The least of the numbers."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _call(builder, "llvm.vector.reduce.fmin", v.wide.element, *args)

    return v.number(v), build


@intrinsic
def any_below(_: Any, v: Any, limit: Any) -> Any:
    """Whether any of the numbers is below the limit: they are folded first, as comparing takes longer."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        v, limit = args
        n = WIDTH
        while n > REGISTER:
            n //= 2
            nothing = ir.Constant(v.type, ir.Undefined)
            one, two = (_shuffled(builder, v, nothing, range(i, i + n)) for i in (0, n))
            v = builder.select(builder.fcmp_ordered("<", one, two, flags=_FAST), one, two)
        bits = builder.fcmp_ordered("<", v, _broadcast(builder, limit, n))
        return builder.icmp_unsigned("!=", builder.bitcast(bits, ir.IntType(n)), ir.IntType(n)(0))

    return types.boolean(v, v.number), build


@intrinsic
def below(_: Any, v: Any, limit: Any) -> Any:
    """A bit for each number, the first one lowest: whether it is below the limit."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bits = builder.bitcast(builder.fcmp_ordered("<", args[0], _broadcast(builder, args[1])), ir.IntType(WIDTH))
        return bits if WIDTH == 64 else builder.zext(bits, ir.IntType(64))

    return types.uint64(v, v.number), build


@intrinsic
def instead(_: Any, v: Any, limit: Any, x: Any) -> Any:
    """v, with x in place of the numbers that are below the limit."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        limit, x = (_broadcast(builder, a) for a in args[1:])
        return builder.select(builder.fcmp_ordered("<", args[0], limit), x, args[0])

    return v(v, v.number, v.number), build


@intrinsic
def unless_below(_: Any, v: Any, limit: Any, x: Any) -> Any:
    """x, with 0 in place of the numbers for which v is below the limit."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        v, limit, x = args
        return builder.select(builder.fcmp_ordered("<", v, _broadcast(builder, limit)), ir.Constant(x.type, None), x)

    return v(v, v.number, v), build


@intrinsic
def sum_of(_: Any, v: Any) -> Any:
    """The sum of the numbers."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _call(builder, "llvm.vector.reduce.fadd", v.wide.element, v.wide.element(0.0), *args)

    return v.number(v), build


@intrinsic
def lowest(_: Any, bits: Any) -> Any:
    """The place of the lowest bit that is set; there must be one."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.IntType(1)(1))

    return types.uint64(types.uint64), build


def _masked(builder: Any, name: str, a: Any, b: Any) -> Any:
    """An instruction of AVX-512 on all numbers of a register; they are rounded as ever."""
    args = a, b, ir.Constant(_SHORT, None), ir.IntType(16)(-1), ir.IntType(32)(4)
    function = ir.FunctionType(_SHORT, [argument.type for argument in args])
    full_name = f"llvm.x86.avx512.mask.{name}.ps.512"
    return builder.call(cgutils.get_or_insert_function(builder.module, function, full_name), args)


def _polynomial(builder: Any, f: Any) -> Any:
    p = _constant(_POWERS[-1])
    for c in _POWERS[-2::-1]:
        p = builder.fadd(builder.fmul(p, f, flags=_FAST), _constant(c), flags=_FAST)
    return p


def _power_of_two(builder: Any, z: Any) -> Any:
    low = _constant(_LEAST)
    z = builder.select(builder.fcmp_ordered(">", z, low, flags=_FAST), z, low)
    if _SCALES:  # two instructions instead of five; 9: what z exceeds the whole number below it by
        return _masked(builder, "scalef", _polynomial(builder, _masked(builder, "reduce", z, ir.IntType(32)(9))), z)
    n = _call(builder, "llvm.rint", _SHORT, z)
    p = _polynomial(builder, builder.fsub(z, n))
    exponent = builder.shl(builder.fptosi(n, _INTS), ir.Constant(_INTS, [23] * REGISTER))
    return builder.bitcast(builder.add(builder.bitcast(p, _INTS), exponent), _SHORT)


@intrinsic
def exp2(_: Any, v: Any) -> Any:
    """2^v for v < 127, no smaller than 2^-120: a polynomial of what v exceeds a whole number by; that number is
    added to the exponent. One register after the other, as all at once would need too many."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _joined(builder, [_power_of_two(builder, z) for z in _registers(builder, args[0])])

    return single(single), build


@intrinsic
def narrow(_: Any, v: Any) -> Any:
    """The numbers as float32."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return args[0] if v == single else builder.fptrunc(args[0], single.wide)

    return single(v), build


@njit
def zeros(n: int, dtype: Any) -> Any:
    """n zeros, the first one where a register's line of the cache begins: others would take two lines a load."""
    numbers = np.zeros(n + 16, dtype)
    return numbers[(-(numbers.ctypes.data // numbers.itemsize)) % (64 // numbers.itemsize) :][:n]
