"""What an exercise is, and how an attempt at it is examined: three states, and a diagnosis when it is wrong."""

from __future__ import annotations

import dis
import functools
import inspect
import math
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import CodeType
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

State = Literal["not attempted", "correct", "incorrect"]
Case = tuple[Any, ...]  # the arguments of one call
Settings = tuple[torch.dtype, torch.device, bool]  # torch's defaults, and whether gradients are computed

SIGNS: dict[State, str] = {"not attempted": "○", "correct": "✓", "incorrect": "✗"}
CASES_SEED = 2025  # the cases are random, and the same at every check: an attempt is right or wrong, never sometimes
NUMBERS = (bool, int, float, np.bool_, np.integer, np.floating)
PLAIN: Settings = (torch.float32, torch.device("cpu"), True)  # as torch starts


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
            with _plain_torch():
                problem = self._problem(attempt)
        except _Wrong as wrong:
            problem = str(wrong)
        except Exception as error:  # a judge that was not made for such an output, a torch that was written over
            problem = (
                f"What your function does cannot be checked ({type(error).__name__}: {_one_line(error)}): "
                "restart the kernel, run the cells above, and check again; does it persist, return plain tensors."
            )
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
        if isinstance(attempt, type):
            return f"{attempt.__name__} is a class: pass a function, or an object of the class that can be called."
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
        """Whether two outputs agree within the tolerance, whole numbers exactly; NaN agrees with NaN."""
        parts_a, parts_b = list(_parts(a)), list(_parts(b))
        return len(parts_a) == len(parts_b) and all(
            x.shape == y.shape and self._agree(x, y) for x, y in zip(parts_a, parts_b, strict=True)
        )

    def _agree(self, x: Tensor, y: Tensor) -> bool:
        counts = (x == x.round()) & (y == y.round())  # a large count is wrong by one long before the tolerance sees it
        close = torch.isclose(x, y, rtol=self.tolerance, atol=self.tolerance, equal_nan=True)
        return bool(torch.where(counts, x == y, close).all())

    def _difference(self, outputs: list[Any], rights: list[Any]) -> str:
        """Where the attempt is furthest from the answer, in the first case where it is wrong."""
        number = next(i for i in range(len(rights)) if not self._same(outputs[i], rights[i]))
        worst = ""
        largest = -math.inf
        for i, (x, y) in enumerate(zip(_parts(outputs[number]), _parts(rights[number]), strict=True)):
            agree = (x == y) | (x.isnan() & y.isnan())  # also two infinities, whose difference is NaN
            gap = (x - y).abs().nan_to_num(nan=math.inf).masked_fill(agree, 0).flatten()
            if gap.numel() and float(gap.max()) > largest:
                largest, flat = float(gap.max()), int(gap.argmax())
                place = [int(k) for k in np.unravel_index(flat, tuple(x.shape))] if x.ndim else None
                where = "" if place is None else f" at {place}"
                where += f" of output {i + 1}" if isinstance(rights[number], tuple) else ""
                worst = f"you return {_digits(x.flatten()[flat])}{where}, expected {_digits(y.flatten()[flat])}"
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
    code = _code(attempt)
    if code is None:
        return attempt is None or attempt is Ellipsis
    quiet = {"RESUME", "NOP", "RETURN_VALUE", "POP_TOP", "CACHE"}
    steps = [step for step in dis.get_instructions(code) if step.opname not in quiet]
    if any(step.opname == "RAISE_VARARGS" for step in steps):  # with or without a message, and nothing else
        raising = {"RAISE_VARARGS", "LOAD_CONST", "PUSH_NULL", "PRECALL", "CALL"}
        return all(step.opname in raising or step.argval == "NotImplementedError" for step in steps)
    loads = {"LOAD_CONST", "LOAD_CONST_IMMORTAL", "RETURN_CONST"}
    return all(step.opname in loads and (step.argval is None or step.argval is Ellipsis) for step in steps)


def _code(attempt: object) -> CodeType | None:
    """What the learner wrote, below decorators, functools.partial, a module or an object with __call__."""
    with suppress(Exception):  # an object may answer anything to getattr
        while isinstance(attempt, functools.partial):
            attempt = attempt.func
        attempt = inspect.unwrap(attempt)  # type: ignore[arg-type]
        if not hasattr(attempt, "__code__"):
            attempt = getattr(type(attempt), "forward" if isinstance(attempt, torch.nn.Module) else "__call__")
        code = getattr(attempt, "__code__", None)
        return code if isinstance(code, CodeType) else None
    return None


def _signature(attempt: object) -> inspect.Signature | None:
    with suppress(Exception):  # functions written in C have none
        return inspect.signature(attempt)  # type: ignore[arg-type]
    return None


@contextmanager
def _plain_torch() -> Iterator[None]:
    """torch's settings as it starts, for the check; afterwards the learner's own, and their random numbers go on."""
    own = _settings()
    try:
        _set(PLAIN)
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        _set(own)


def _settings() -> Settings:
    return torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled()


def _set(settings: Settings) -> None:
    dtype, device, gradients = settings
    torch.set_default_dtype(dtype)
    torch.set_grad_enabled(gradients)
    if device != torch.get_default_device():
        torch.set_default_device(None if device.type == "cpu" else device)


def copied(case: Case) -> Case:
    """The arguments with every tensor, array and list copied, so that whoever changes them changes a copy."""
    return tuple(_copy(argument) for argument in case)


def _copy(argument: Any) -> Any:
    if isinstance(argument, Tensor):
        return argument.clone()
    if isinstance(argument, np.ndarray):
        return argument.copy()
    if type(argument) in (list, tuple):
        return type(argument)(map(_copy, argument))
    return argument


def _unchanged(before: Any, after: Any) -> bool:
    """Whether an argument is after the call what it was before."""
    if type(before) is not type(after):
        return False
    if isinstance(before, (Tensor, np.ndarray)):
        if (before.dtype, before.shape) != (after.dtype, after.shape) or before.device != after.device:
            return False
        return bool(((before == after) | ((before != before) & (after != after))).all())  # NaN differs from itself
    if isinstance(before, (list, tuple)):
        return len(before) == len(after) and all(map(_unchanged, before, after))
    return before is after or bool(before == after)


def _call(attempt: Callable[..., Any], case: Case) -> Any:
    """The attempt's output on one case; what it raises and what it changes is reported as a sentence."""
    mine = copied(case)
    try:
        output = attempt(*mine)
    except BaseException as error:  # also Ctrl-C, for a loop that does not end
        raise _Wrong(_what_was_raised(attempt, case, error)) from None
    if _settings() != PLAIN:
        raise _Wrong(
            "Your function changes a setting of torch for all that runs after it (default dtype, default device or "
            "gradients): give dtype= and device= to the tensors you make, and use `with torch.no_grad():`."
        )
    for i, (before, after) in enumerate(zip(case, mine, strict=True)):
        if not _unchanged(before, after):
            raise _Wrong(
                f"Your function changes {_argument(attempt, i)} in place: work on a copy, or write `a = a + b`, "
                "not `a += b`."
            )
    return _copy(output)  # the next call may fill the same tensor


def _argument(attempt: object, i: int) -> str:
    signature = _signature(attempt)
    names = list(signature.parameters) if signature else []
    return f"{names[i]} (argument {i + 1})" if i < len(names) else f"argument {i + 1}"


def _what_was_raised(attempt: object, case: Case, error: BaseException) -> str:
    """One sentence: the kind of error, what it says, and the learner's own line."""
    signature = _signature(attempt)
    if isinstance(error, TypeError) and signature and not _takes(signature, case):
        return (
            f"Your function takes ({', '.join(signature.parameters)}), but {len(case)} argument"
            f"{'s are' if len(case) > 1 else ' is'} given to it: keep the `def` line of the exercise."
        )
    code = _code(attempt)
    lines = [f for f in traceback.extract_tb(error.__traceback__) if code and f.filename == code.co_filename]
    where = f", in your line `{lines[-1].line}`" if lines and lines[-1].line else ""
    if isinstance(error, KeyboardInterrupt):
        return f"Your function was stopped{where}: is there a loop that does not end, or that one can do without?"
    text = _one_line(error)
    if isinstance(error, NameError):
        text += " (in a fresh notebook, run the cells above first)"
    if isinstance(error, NotImplementedError):
        text += " (take `raise NotImplementedError` out once the rest is written)"
    return f"Your function raises {type(error).__name__}{where}: {text}".rstrip(":. ") + "."


def _takes(signature: inspect.Signature, case: Case) -> bool:
    try:
        signature.bind(*case)
    except TypeError:
        return False
    return True


def _one_line(error: BaseException) -> str:
    text = ""
    with suppress(Exception):  # an error of the learner's own may fail to say what it is
        text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:197] + "..."


def _parts(output: object) -> Iterator[Tensor]:
    """The tensors in an output, in float64 on the CPU; booleans and whole numbers as 0.0, 1.0, ..."""
    for part in output if isinstance(output, (tuple, list)) else (output,):
        if isinstance(part, Tensor) and not (part.is_meta or part.is_complex()):
            yield part.detach().to_dense().to("cpu", torch.float64)
        elif isinstance(part, NUMBERS) or (isinstance(part, np.ndarray) and part.dtype.kind in "biuf"):
            yield torch.as_tensor(_as_float(part))
        else:
            raise _Wrong(f"Your function returns {_kind(part)} where a tensor or a number is expected.")


def _as_float(part: Any) -> Any:
    try:
        return np.asarray(part, dtype=np.float64)
    except OverflowError:  # a whole number of more than 308 digits
        return np.float64(math.inf if part > 0 else -math.inf)


def _unusable(output: object, right: object, free_shape: bool) -> str | None:
    """Why an output cannot even be compared with the right one, or None."""
    if output is None:
        return "Your function returns None: does it end in `return ...`?"
    if isinstance(right, tuple):
        if not isinstance(output, (tuple, list)) or len(output) != len(right):
            return f"Your function must return {len(right)} values, like `return a, b`; it returns {_kind(output)}."
        problems = (_unusable(o, r, free_shape) for o, r in zip(output, right, strict=True))
        return next(
            (f"Output {i + 1} of {len(right)}: {problem}" for i, problem in enumerate(problems) if problem), None
        )
    if isinstance(right, Tensor):
        return _unusable_tensor(output, right, free_shape)
    scalar = isinstance(output, NUMBERS) or (isinstance(output, (Tensor, np.ndarray)) and output.ndim == 0)
    if not scalar:
        wanted = "truth value" if isinstance(right, bool) else "number"
        return f"Your function must return one {wanted}, it returns {_kind(output)}."
    return _nan(output, right)


def _unusable_tensor(output: object, right: Tensor, free_shape: bool) -> str | None:
    if not isinstance(output, Tensor):
        advice = ": torch.tensor or torch.stack makes one of it" if isinstance(output, (list, tuple)) else ""
        shape = tuple(right.shape)
        return f"Your function must return a torch tensor of shape {shape}, it returns {_kind(output)}{advice}."
    if output.layout != torch.strided:
        return "Your function returns a sparse tensor: end it in `.to_dense()`."
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


def _digits(value: Tensor) -> str:
    """A count with all its digits, another number with four."""
    return f"{value:.0f}" if value == value.round() and value.abs() < 1e15 else f"{value:.4g}"


def _kind(output: object) -> str:
    if isinstance(output, Tensor):
        kind = "complex tensor" if output.is_complex() else "tensor without values" if output.is_meta else "tensor"
        return f"a {kind} of shape {tuple(output.shape)}"
    if isinstance(output, np.ndarray):
        if output.dtype.kind not in "biuf":
            return f"a numpy array of {output.dtype}"
        return f"a numpy array of shape {output.shape} (torch.from_numpy makes a tensor of it)"
    if isinstance(output, (tuple, list)):
        return f"a {type(output).__name__} of {len(output)}"
    name = type(output).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
