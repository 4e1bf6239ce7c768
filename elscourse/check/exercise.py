"""What an exercise is, and how an attempt at it is examined: three states, and a diagnosis when it is wrong."""

from __future__ import annotations

import dis
import math
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

State = Literal["not attempted", "correct", "incorrect"]
Case = tuple[Any, ...]  # the arguments of one call

SIGNS: dict[State, str] = {"not attempted": "○", "correct": "✓", "incorrect": "✗"}
CASES_SEED = 2025  # the cases are random, and the same at every check: an attempt is right or wrong, never sometimes
NUMBERS = (bool, int, float, np.bool_, np.integer, np.floating)


@dataclass(frozen=True)
class Mistake:
    """What people get wrong, as a function with the exercise's signature, and what to tell them."""

    says: str
    function: Callable[..., Any]


@dataclass(frozen=True)
class Exercise:
    """A function to write, with all that is needed to tell right from wrong.

    start: where to begin, printed while it is not attempted. hints: each says more than the one before.
    cases: generator -> argument tuples, fresh random inputs.
    answer: the oracle. It returns a tensor, a number, a truth value, or a tuple of those.
    tolerance: the largest |attempt - answer| that passes, relative to 1 + |answer|.
    judge: for answers that are not unique: (the attempt's output, *arguments) -> what is wrong with it, or None.
    """

    name: str
    lesson: int
    title: str
    minutes: int
    difficulty: Literal[1, 2, 3]
    start: str
    hints: tuple[str, ...]
    cases: Callable[[torch.Generator], Sequence[Case]]
    answer: Callable[..., Any]
    mistakes: tuple[Mistake, ...]
    tolerance: float = 1e-4
    judge: Callable[..., str | None] | None = None

    def examine(self, attempt: object) -> Verdict:
        """The verdict on a learner's function. Raises nothing, whatever the function does."""
        if is_stub(attempt):
            return Verdict(self, "not attempted", f"{self.start} (Hints: check.hint({self.name!r}).)")
        try:
            problem = self._problem(attempt)
        except _Wrong as wrong:
            problem = str(wrong)
        if problem is None:
            count = len(self._cases())
            return Verdict(self, "correct", f"on {count} case{'s' * (count > 1)} that you have not seen.")
        return Verdict(self, "incorrect", problem)

    def _cases(self) -> list[Case]:
        return list(self.cases(torch.Generator().manual_seed(CASES_SEED)))

    def _problem(self, attempt: object) -> str | None:
        """What is wrong with the attempt, or None."""
        if not callable(attempt):
            return f"Pass your function itself, without calling it: check.{self.name}({self.name})."
        cases = self._cases()
        rights = [self.answer(*copied(case)) for case in cases]
        outputs = [_call(attempt, case) for case in cases]
        self._refuse_unusable(outputs, rights)
        if self.judge is None and all(map(self._same, outputs, rights)):
            return None
        if recognised := self._recognised(outputs):
            return recognised
        if self.judge is None:
            return self._difference(outputs, rights)
        complaints = (self.judge(output, *copied(case)) for output, case in zip(outputs, cases, strict=True))
        return next((complaint for complaint in complaints if complaint), None)

    def _refuse_unusable(self, outputs: list[Any], rights: list[Any]) -> None:
        """Outputs of the wrong kind or shape, or that hold NaN; a registered mistake may explain them better."""
        for output, right in zip(outputs, rights, strict=True):
            problem = _unusable(output, right, free_shape=self.judge is not None)
            if problem is not None:
                raise _Wrong(self._recognised(outputs) or problem)

    def _recognised(self, outputs: list[Any]) -> str | None:
        """What to tell whoever made a registered mistake: the outputs equal its outputs on every case."""
        for mistake in self.mistakes:
            with suppress(_Wrong):  # outputs that are no tensors equal no mistake
                wrong = (mistake.function(*copied(case)) for case in self._cases())
                if all(map(self._same, outputs, wrong)):
                    return mistake.says
        return None

    def _same(self, a: object, b: object) -> bool:
        """Whether two outputs agree within the tolerance; NaN agrees with NaN."""
        parts_a, parts_b = list(_parts(a)), list(_parts(b))
        return len(parts_a) == len(parts_b) and all(
            x.shape == y.shape and torch.allclose(x, y, rtol=self.tolerance, atol=self.tolerance, equal_nan=True)
            for x, y in zip(parts_a, parts_b, strict=True)
        )

    def _difference(self, outputs: list[Any], rights: list[Any]) -> str:
        """Where the attempt is furthest from the answer, in the first case where it is wrong."""
        number = next(i for i in range(len(rights)) if not self._same(outputs[i], rights[i]))
        worst = ""
        largest = -math.inf
        for i, (x, y) in enumerate(zip(_parts(outputs[number]), _parts(rights[number]), strict=True)):
            gap = (x - y).abs().flatten()
            if gap.numel() and float(gap.max()) > largest:
                largest, flat = float(gap.max()), int(gap.argmax())
                place = [int(k) for k in np.unravel_index(flat, tuple(x.shape))] if x.ndim else None
                where = "" if place is None else f" at {place}"
                where += f" of output {i + 1}" if isinstance(rights[number], tuple) else ""
                worst = f"you return {x.flatten()[flat]:.4g}{where}, expected {y.flatten()[flat]:.4g}"
        right_ones = sum(map(self._same, outputs, rights))
        return (
            f"In case {number + 1} of {len(rights)}, {worst} ({right_ones} of {len(rights)} cases are right). "
            f"Another look: check.hint({self.name!r})."
        )


@dataclass(frozen=True)
class Verdict:
    """What a check found: shown as text in the notebook."""

    exercise: Exercise
    state: State
    says: str

    def __repr__(self) -> str:
        return f"{SIGNS[self.state]} {self.exercise.name}: {self.state}. {self.says}"


class _Wrong(Exception):
    """Carries a diagnosis out of nested calls."""


def is_stub(attempt: object) -> bool:
    """Whether a function still does nothing: a docstring, `...`, `pass`, or `raise NotImplementedError`."""
    code = getattr(attempt, "__code__", None)
    if code is None:
        return attempt is None or attempt is Ellipsis
    if code.co_names == ("NotImplementedError",):
        return True
    quiet = {"RESUME", "NOP", "RETURN_VALUE", "POP_TOP", "CACHE"}
    loads = {"LOAD_CONST", "LOAD_CONST_IMMORTAL", "RETURN_CONST"}
    return all(
        step.opname in quiet or (step.opname in loads and (step.argval is None or step.argval is Ellipsis))
        for step in dis.get_instructions(code)
    )


def copied(case: Case) -> Case:
    """The arguments with every tensor and array cloned, so that whoever changes them changes a copy."""
    return tuple(_copy(argument) for argument in case)


def _copy(argument: Any) -> Any:
    if isinstance(argument, Tensor):
        return argument.clone()
    if isinstance(argument, np.ndarray):
        return argument.copy()
    if isinstance(argument, list):
        return [_copy(a) for a in argument]
    return argument


def _call(attempt: Callable[..., Any], case: Case) -> Any:
    """The attempt's output on one case; what it raises and what it changes is reported as a sentence."""
    mine = copied(case)
    try:
        output = attempt(*mine)
    except (Exception, SystemExit) as error:  # Ctrl-C still stops a check that takes too long
        raise _Wrong(_what_was_raised(attempt, error)) from None
    for i, (before, after) in enumerate(zip(case, mine, strict=True)):
        if isinstance(before, Tensor) and not (
            before.shape == after.shape and torch.equal(before.nan_to_num(), after.nan_to_num())
        ):
            names = getattr(getattr(attempt, "__code__", None), "co_varnames", ())
            name = f"{names[i]} (argument {i + 1})" if i < len(names) else f"argument {i + 1}"
            raise _Wrong(f"Your function changes {name} in place: work on a copy, or write `a = a + b`, not `a += b`.")
    return output


def _what_was_raised(attempt: object, error: BaseException) -> str:
    """One sentence: the kind of error, what it says, and the learner's own line."""
    text = " ".join(str(error).split())
    text = text if len(text) <= 200 else text[:197] + "..."
    own = getattr(getattr(attempt, "__code__", None), "co_filename", None)
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own]
    where = f", in your line `{lines[-1].line}`" if lines and lines[-1].line else ""
    if isinstance(error, NameError):
        text += " (in a fresh notebook, run the cells above first)"
    return f"Your function raises {type(error).__name__}{where}: {text}".rstrip(":. ") + "."


def _parts(output: object) -> Iterator[Tensor]:
    """The tensors in an output, in float64 on the CPU; booleans and whole numbers as 0.0, 1.0, ..."""
    for part in output if isinstance(output, (tuple, list)) else (output,):
        if isinstance(part, Tensor) and not part.is_meta:
            yield part.detach().to("cpu", torch.float64)
        elif isinstance(part, (np.ndarray, *NUMBERS)):
            yield torch.as_tensor(np.asarray(part, dtype=np.float64))
        else:
            raise _Wrong(f"Your function returns a {type(part).__name__} where a tensor or a number is expected.")


def _unusable(output: object, right: object, free_shape: bool) -> str | None:
    """Why an output cannot even be compared with the right one, or None."""
    if output is None:
        return "Your function returns None: does it end in `return ...`?"
    if isinstance(right, tuple):
        if not isinstance(output, (tuple, list)) or len(output) != len(right):
            return f"Your function must return {len(right)} values, like `return a, b`; it returns {_kind(output)}."
        return next(filter(None, (_unusable(o, r, free_shape) for o, r in zip(output, right, strict=True))), None)
    if isinstance(right, Tensor):
        return _unusable_tensor(output, right, free_shape)
    scalar = isinstance(output, NUMBERS) or (isinstance(output, (Tensor, np.ndarray)) and output.ndim == 0)
    if not scalar:
        wanted = "truth value" if isinstance(right, bool) else "number"
        return f"Your function must return one {wanted}, it returns {_kind(output)}."
    return _nan(output, right)


def _unusable_tensor(output: object, right: Tensor, free_shape: bool) -> str | None:
    if not isinstance(output, Tensor):
        return f"Your function must return a torch tensor of shape {tuple(right.shape)}, it returns {_kind(output)}."
    if output.device.type != "cpu":
        return f"Your function returns a tensor on {output.device}: stay on the device of the inputs, here the CPU."
    if output.is_complex() or (right.dtype == torch.bool) != (output.dtype == torch.bool):
        wanted = "truth values (torch.bool)" if right.dtype == torch.bool else "real numbers"
        return f"Your function must return {wanted}, it returns {output.dtype}."
    if output.is_floating_point() and output.dtype in (torch.float16, torch.bfloat16):
        return f"Your function returns {output.dtype}, which keeps 2 or 3 digits: keep the dtype of the inputs."
    if output.shape != right.shape and not free_shape:
        return f"Your function must return shape {tuple(right.shape)}, it returns {tuple(output.shape)}."
    return _nan(output, right)


def _nan(output: Any, right: Any) -> str | None:
    ours, theirs = next(_parts(output)), next(_parts(right))
    if ours.shape == theirs.shape and bool((ours.isnan() & ~theirs.isnan()).any()):
        count = int((ours.isnan() & ~theirs.isnan()).sum())
        return (
            f"Your function returns NaN ({count} of {ours.numel()} values): is something divided by 0, or 0 by 0, "
            "or exp() of a large number taken?"
        )
    return None


def _kind(output: object) -> str:
    if isinstance(output, Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    if isinstance(output, np.ndarray):
        return f"a numpy array of shape {output.shape} (torch.from_numpy makes a tensor of it)"
    if isinstance(output, (tuple, list)):
        return f"a {type(output).__name__} of {len(output)}"
    return f"a {type(output).__name__}"
