"""Compiled loops: the operations of a vector one by one, and when a loop is compiled again."""

from __future__ import annotations

import importlib.util
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import python
from numba import njit

from elscourse import loops, vectors
from elscourse.vectors import (
    REGISTER,
    WIDTH,
    add_to,
    any_below,
    below,
    broadcast,
    exp2,
    instead,
    larger,
    least,
    load,
    lowest,
    narrow,
    store,
)

U = np.uintp


@njit
def _arithmetic(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    one, two = load(a, U(3)), load(b, U(0))
    store(out, U(0), one + two)
    store(out, U(WIDTH), one - two)
    store(out, U(2 * WIDTH), one * broadcast(np.float32(3)))
    store(out, U(3 * WIDTH), larger(one, two))
    store(out, U(4 * WIDTH), exp2(one))
    store(out, U(5 * WIDTH), instead(one, np.float32(0), np.float32(7)))


@njit
def _folds(a: np.ndarray, sums: np.ndarray) -> tuple:
    v = load(a, U(3))
    add_to(sums, U(1), v)
    bits = below(v, np.float32(0))
    return least(v), vectors.total(sums, U(1)), bits, lowest(bits)


def test_every_operation() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(scale=20, size=(2, WIDTH + 5)).astype(np.float32)
    out, sums = np.zeros((6, WIDTH), np.float32), np.ones(REGISTER + 2, np.float32)
    _arithmetic(a, b, out.reshape(-1))
    one, two = a[3 : 3 + WIDTH], b[:WIDTH]
    expected = one + two, one - two, one * 3, np.maximum(one, two), np.exp2(one), np.where(one < 0, 7, one)
    np.testing.assert_allclose(out, np.stack(expected), rtol=5e-7)
    smallest, total, bits, first = _folds(a, sums)
    assert smallest == one.min()
    np.testing.assert_allclose(total, REGISTER + one.sum(dtype=np.float64), rtol=1e-5)
    assert sums[0] == sums[-1] == 1, "nothing beside is touched"
    assert [bits >> i & 1 for i in range(WIDTH)] == (one < 0).tolist()
    assert first == (one < 0).argmax()


@njit
def _any_below(numbers: np.ndarray, limit: float) -> bool:
    return any_below(load(numbers, U(0)), limit)


@pytest.mark.parametrize("number", [np.float32, np.float64])
def test_one_number_below_is_found_wherever_it_is(number: type) -> None:
    for place in range(WIDTH):
        numbers = np.full(WIDTH, 3, number)
        numbers[place] = 2
        assert _any_below(numbers, number(2.5)) and not _any_below(numbers, number(2))
    assert not _any_below(np.full(WIDTH, np.inf, number), number(3e38))


@njit
def _in_float64(a: np.ndarray, b: np.ndarray, out: np.ndarray, short: np.ndarray) -> tuple:
    one, two = load(a, U(3)), load(b, U(0))
    store(out, U(0), one + two)
    store(out, U(WIDTH), one - two)
    store(out, U(2 * WIDTH), one * broadcast(3.0))
    store(short, U(0), narrow(one))
    store(short, U(WIDTH), narrow(narrow(one)))
    return least(one), below(one, 0.0)


def test_the_operations_of_float64() -> None:
    a, b = np.random.default_rng(0).normal(scale=20, size=(2, WIDTH + 5))
    out, short, one, two = np.zeros((3, WIDTH)), np.zeros((2, WIDTH), np.float32), a[3 : 3 + WIDTH], b[:WIDTH]
    smallest, bits = _in_float64(a, b, out.reshape(-1), short.reshape(-1))
    np.testing.assert_allclose(out, [one + two, one - two, 3 * one], rtol=1e-15)
    assert (short == one.astype(np.float32)).all() and smallest == one.min()
    assert [bits >> i & 1 for i in range(WIDTH)] == (one < 0).tolist()


@njit
def _at_a_limit(numbers: np.ndarray, limit: float) -> int:
    v = load(numbers, U(0))
    store(numbers, U(0), instead(v, limit, np.float32(7)))
    return below(v, limit)


def test_a_number_at_a_limit_is_not_below_it() -> None:
    """Whoever comes to a leaf and who has seen it must be the same: else it is seen twice, or never."""
    numbers: np.ndarray = np.arange(WIDTH, dtype=np.float32)
    assert _at_a_limit(numbers, np.float32(2)) == 0b11
    assert (numbers[:2] == 7).all() and (numbers[2:] == np.arange(2, WIDTH)).all()


@pytest.mark.parametrize("z", [-1e30, -1000, -120.5, -120, -119.7, -0.5, 0, 0.5, 1.5, 126.4])
def test_powers_at_the_edges(z: float) -> None:
    out = np.zeros(6 * WIDTH, np.float32)
    _arithmetic(np.full(WIDTH + 5, z, np.float32), np.zeros(WIDTH, np.float32), out)
    np.testing.assert_allclose(out[4 * WIDTH : 5 * WIDTH], np.exp2(max(np.float32(z), np.float32(-120))), rtol=5e-7)


def test_a_processor_without_the_instructions_for_powers() -> None:
    """The same tests, compiled for it: this one may have them, or not."""
    settings = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    assert "passed" in python("-m", "pytest", "-q", __file__, "-k", "operation or edges", **settings)


def test_zeros_begin_on_a_line_of_the_cache() -> None:
    kept = []  # so that they begin at many places
    for n, dtype in itertools.product([1, 7, *range(1000, 1040)], (np.float32, np.float64)):
        numbers = vectors.zeros(n, np.dtype(dtype))
        kept.append(numbers)
        assert len(numbers) == n and numbers.dtype == dtype and not numbers.any() and numbers.ctypes.data % 64 == 0


@pytest.mark.parametrize(("features", "numbers"), [("", 8), ("+avx512f", 16)])
def test_a_register_is_that_of_the_processor_that_loops_are_compiled_for(features: str, numbers: int) -> None:
    """Kept loops hold it, and numba finds them by that processor, on whichever computer: it must not be another one."""
    settings = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": features}
    code = "from elscourse.vectors import REGISTER; print(REGISTER)"
    assert int(python("-c", code, **settings)) == numbers


def test_a_loop_is_compiled_again_when_what_it_shares_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "loops.py"
    path.write_text("from elscourse.loops import compiled\n@compiled\ndef twice(x):\n    return 2 * x\n")
    monkeypatch.setattr("numba.config.CACHE_DIR", "")  # beside the file

    def compiled_again() -> bool:
        spec = importlib.util.spec_from_file_location("loops", path)
        assert spec is not None and spec.loader is not None
        loops = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loops)
        assert loops.twice(21) == 42
        return sum(loops.twice.stats.cache_misses.values()) == 1

    assert compiled_again()
    assert not compiled_again()
    monkeypatch.setattr(loops, "shared_sources", lambda: "changed")
    assert compiled_again()
    assert not compiled_again()
    path.write_text(path.read_text() + "# changed itself\n")
    assert compiled_again()
    assert not compiled_again()
    for kind, keep in itertools.product(("*.nbi", "*.nbc"), (0, 100)):  # a full disk, a power cut
        for kept in (tmp_path / "__pycache__").glob(kind):
            kept.write_bytes(kept.read_bytes()[:keep])
        assert compiled_again(), "what is damaged is made anew"
        assert not compiled_again()


def test_all_that_loops_share_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file that kernel.py and search.py are compiled from, besides themselves, on whose dates numba has an eye."""
    folder, shared = Path(loops.__file__).parent, set[str]()
    looked_at: list[str] = []
    new = {"kernel", "search"}
    while new:
        shared |= new
        texts = [(folder / f"{name}.py").read_text(encoding="utf-8") for name in new]
        new = {name for text in texts for name in re.findall(r"^from \.(\w+) import", text, re.MULTILINE)} - shared
    monkeypatch.setattr(Path, "read_bytes", lambda path: looked_at.append(path.stem) or b"")  # type: ignore[func-returns-value]
    loops.shared_sources.__wrapped__()
    assert set(looked_at) == shared - {"kernel", "search"}


def test_where_nothing_can_be_kept_a_loop_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numba.core.caching.CompileResultCacheImpl._locator_classes", [])
    assert loops.compiled(lambda x: 2 * x)(21) == 42
