"""What an exercise is, and how an attempt at it is examined: three states, and a diagnosis when it is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from .attempt import Case, Wrong, call, copied, is_stub, one_line, plain_torch, said
from .output import as_expected, digits, kind, parts, unusable

State = Literal["not attempted", "correct", "incorrect"]

SIGNS: dict[State, str] = {"not attempted": "○", "correct": "✓", "incorrect": "✗"}
EXCHANGED = (
    "You have swapped alpha and sigma: in x_t = alpha x_0 + sigma eps, alpha scales the image and sigma the noise."
)
UNDERFLOW = (
    "Your formula is right, but its exponentials are all rounded to 0, and 0/0 is not a number (or they overflow, as "
    "you subtract another exponent than the largest, that of the smallest distance): use torch.softmax, or subtract "
    "the largest exponent first."
)
NEVER_BY_ZERO = (
    "A small number added (or clamp, or nan_to_num) only hides 0/0: where all exponentials are rounded to 0, all "
    "weights are now 0, or all alike. Subtract the largest exponent first, or use torch.softmax."
)
NEGATIVE_SQUARE = (
    "Where x is a copy, rounding can make your |x|^2 + |v|^2 - 2 x.v slightly negative, so that its root is not a "
    "number: put .clamp(min=0) before the root."
)
WRONG_DIMS = (
    "You shift along dims (0, 1), the batch and the channels: rows and columns are the last two, dims=(-2, -1)."
)
CASES_SEED = 2025  # the cases are random, but the same at every check: an attempt is always right or always wrong


@dataclass(frozen=True)
class Mistake:
    """Something people get wrong, as a function with the exercise's signature, and what to tell them."""

    says: str
    function: Callable[..., Any]


@dataclass(frozen=True)
class Exercise:
    """A function to write, with everything needed to tell right from wrong.

    start: where to begin, printed while the exercise is not attempted. hints: each says more than the one before.
    cases: generator -> argument tuples, fresh random inputs.
    answer: the oracle. It returns a tensor, a number, a truth value, or a tuple of those.
    tolerance: the largest |attempt - answer| that passes, relative to 1 + |answer|; whole numbers must agree.
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

    def __repr__(self) -> str:
        """Without the hints: a learner who forgets the parentheses of a check sees this."""
        return f"<exercise {self.name}: check.{self.name}({self.name})>"

    def examine(self, attempt: object) -> Verdict:
        """The verdict on a learner's function. Raises nothing, whatever the function does."""
        if is_stub(attempt):
            return Verdict(self, "not attempted", f"{self.start} (Hints: check.hint({self.name!r}).)")
        try:
            with plain_torch():
                problem, count = self._problem(attempt), len(self._cases())
                aside = "" if problem else self._aside(attempt)  # type: ignore[arg-type]
        except Wrong as wrong:
            problem = str(wrong)
        except Exception as error:  # a judge not made for this output, or an overwritten function of torch
            problem = (
                f"What your function does cannot be checked ({type(error).__name__}: {one_line(error)}): restart the "
                "kernel, run the cells above, and check again; if this persists, return plain tensors."
            )
        if problem is None:
            return Verdict(self, "correct", f"On {count} case{'s' * (count > 1)} that you have not seen.{aside}")
        return Verdict(self, "incorrect", problem)

    def _cases(self) -> list[Case]:
        return list(self.cases(torch.Generator().manual_seed(CASES_SEED)))

    def _problem(self, attempt: object) -> str | None:
        """What is wrong with the attempt, or None."""
        if not callable(attempt):
            return f"Pass your function itself, without calling it: check.{self.name}({self.name})."
        if isinstance(attempt, type):
            return f"{attempt.__name__} is a class: pass a function, or a callable object of that class."
        cases = self._cases()
        rights = [self.answer(*copied(case)) for case in cases]
        outputs = [self._called(attempt, case, right) for case, right in zip(cases, rights, strict=True)]
        self._refuse_unusable(outputs, rights, said(attempt, cases))
        if self.judge is None and all(map(self._same, outputs, rights)):
            return None
        if recognised := self._recognised(outputs, rights):
            return recognised
        if self.judge is None:
            again = self._called(attempt, cases[0], rights[0])
            self._refuse_unusable([again], rights[:1], [""])
            if not self._same(again, outputs[0]):
                return "Your function returns something different at each call, but nothing here is drawn at random."
            return self._difference(outputs, rights, said(attempt, cases))
        complaints = (self.judge(output, *copied(case)) for output, case in zip(outputs, cases, strict=True))
        return next((complaint for complaint in complaints if complaint), None)

    def _called(self, attempt: Callable[..., Any], case: Case, right: object) -> Any:
        return as_expected(call(attempt, case), right, free_shape=self.judge is not None)

    def _aside(self, attempt: Callable[..., Any]) -> str:
        """What to say when the numbers are right, but in lists or arrays: a lesson goes on with tensors."""
        case = self._cases()[0]
        given, right = call(attempt, case), self.answer(*copied(case))
        pairs = zip(given, right, strict=True) if isinstance(right, tuple) else [(given, right)]
        made = [kind(ours) for ours, theirs in pairs if isinstance(theirs, Tensor) and not isinstance(ours, Tensor)]
        made_of = "`torch.stack(...)` of tensors, `torch.tensor(...)` of numbers, `torch.from_numpy(...)` of an array"
        return f" You return {made[0]}: a later cell that uses it may need a tensor ({made_of})." if made else ""

    def _refuse_unusable(self, outputs: list[Any], rights: list[Any], about: list[str]) -> None:
        """Refuse outputs of the wrong kind or shape, or with NaN; a registered mistake may explain them better."""
        for i, (output, right) in enumerate(zip(outputs, rights, strict=True)):
            problem = unusable(output, right, free_shape=self.judge is not None)
            if problem is not None:
                where = f" First in case {i + 1} of {len(rights)}{about[i]}." if i else ""
                if self.judge is None and not all(map(self._same, outputs[:i], rights[:i])):
                    where += " Before that, other numbers are wrong already."
                raise Wrong(self._recognised(outputs, rights) or problem + where)

    def _recognised(self, outputs: list[Any], rights: list[Any]) -> str | None:
        """What to say about a registered mistake: the outputs equal those of the mistake on every case, or on most of
        the wrong cases, in numbers that do not agree by chance."""
        cases = self._cases()
        most, partly = 0, None
        for mistake in self.mistakes:
            with suppress(Wrong):  # outputs that are not tensors equal no mistake
                wrong = [mistake.function(*copied(case)) for case in cases]
                alike = list(map(self._same, outputs, wrong))
                if all(alike):
                    return mistake.says
                missed = [not same for same in map(self._same, outputs, rights)]
                told = [_telling(o) and not _echoes(o, case) for o, case in zip(outputs, cases, strict=True)]
                hits = sum(map(all, zip(missed, alike, told, strict=True)))
                if self.judge is None and hits > max(most, sum(missed) / 2):
                    most, others = hits, " The other wrong cases do not fit this." * (hits < sum(missed))
                    partly = f"In {hits} of {len(rights)} cases: {mistake.says}{others}"
        return partly

    def _same(self, a: object, b: object) -> bool:
        """Whether two outputs agree within the tolerance, whole numbers exactly; NaN agrees with NaN."""
        parts_a, parts_b = list(parts(a)), list(parts(b))
        return len(parts_a) == len(parts_b) and all(
            x.shape == y.shape and self._agree(x, y) for x, y in zip(parts_a, parts_b, strict=True)
        )

    def _agree(self, x: Tensor, y: Tensor) -> bool:
        # a large count that is wrong by one is within the tolerance; up to 2**53, float64 has all whole numbers
        counts = (x == x.round()) & (y == y.round()) & (y.abs() < 2**53)
        close = torch.isclose(x, y, rtol=self.tolerance, atol=self.tolerance, equal_nan=True)
        return bool(torch.where(counts, x == y, close).all())

    def _difference(self, outputs: list[Any], rights: list[Any], about: list[str]) -> str:
        """Where the attempt is furthest from the answer, in the first case where it is wrong."""
        number = next(i for i in range(len(rights)) if not self._same(outputs[i], rights[i]))
        worst = ""
        largest = -math.inf
        for i, (x, y) in enumerate(zip(parts(outputs[number]), parts(rights[number]), strict=True)):
            agree = (x == y) | (x.isnan() & y.isnan())  # also two infinities, whose difference is NaN
            gap = (x - y).abs().nan_to_num(nan=math.inf).masked_fill(agree, 0).flatten()
            if gap.numel() and float(gap.max()) > largest:
                largest, flat = float(gap.max()), int(gap.argmax())
                place = [int(k) for k in np.unravel_index(flat, tuple(x.shape))] if x.ndim else None
                where = "" if place is None else f" at {place}"
                if isinstance(rights[number], tuple):
                    where += f" as output {i + 1}" if place is None else f" of output {i + 1}"
                given, expected = digits(x.flatten()[flat], y.flatten()[flat])
                worst = f"you return {given}{where}, expected {expected}"
        right_ones = sum(map(self._same, outputs, rights))
        return (
            f"In case {number + 1} of {len(rights)}{about[number]}, {worst} "
            f"({right_ones} of {len(rights)} cases are right). "
            f"For a hint: check.hint({self.name!r})."
        )


def _telling(output: object) -> bool:
    """Whether an output has numbers that are not whole, nor all alike: counts and equal weights can agree by chance."""
    return any(
        bool(((part != part.round()) & part.isfinite()).any()) and not _all_alike(part) for part in parts(output)
    )


def _all_alike(part: Tensor) -> bool:
    """Whether several numbers are one: weights that became equal, however that happened."""
    return part.numel() > 1 and bool(part.isclose(part.flatten()[0], rtol=0, atol=1e-6).all())


def _echoes(output: object, case: Case) -> bool:
    """Whether an output is an argument returned unchanged: many mistakes return it in cases where they do not show."""
    numbers = [*parts(output)]
    tensors = (argument.double() for argument in case if isinstance(argument, Tensor))
    return len(numbers) == 1 and any(torch.equal(numbers[0], argument) for argument in tensors)


@dataclass(frozen=True)
class Verdict:
    """What a check found: shown as text in the notebook."""

    exercise: Exercise
    state: State
    says: str

    def __repr__(self) -> str:
        return f"{SIGNS[self.state]} {self.exercise.name}: {self.state}. {self.says}"
