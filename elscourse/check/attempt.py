"""Calling a learner's function on copies of its arguments, with a sentence for anything that goes wrong."""

from __future__ import annotations

import dis
import functools
import inspect
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import CodeType
from typing import Any

import numpy as np
import torch
from torch import Tensor

Case = tuple[Any, ...]  # the arguments of one call
Settings = tuple[torch.dtype, torch.device, bool]  # torch's defaults, and whether gradients are computed

PLAIN: Settings = (torch.float32, torch.device("cpu"), True)  # as torch starts


MODULES = {  # names that a learner may use without having imported them
    "math": "import math",
    "np": "import numpy as np",
    "numpy": "import numpy",
    "torch": "import torch",
    "F": "from torch.nn import functional as F",
    "itertools": "import itertools",
    "Counter": "from collections import Counter",
}


class Wrong(Exception):
    """Carries a diagnosis out of nested calls."""


def is_stub(attempt: object) -> bool:
    """Whether a function is still empty: only a docstring, `...`, `pass`, or `raise NotImplementedError`."""
    code = code_of(attempt)
    if code is None:
        return attempt is None or attempt is Ellipsis
    quiet = {"RESUME", "NOP", "RETURN_VALUE", "POP_TOP", "CACHE"}
    steps = [step for step in dis.get_instructions(code) if step.opname not in quiet]
    if any(step.opname == "RAISE_VARARGS" for step in steps):  # with or without a message, and nothing else
        raising = {"RAISE_VARARGS", "LOAD_CONST", "PUSH_NULL", "PRECALL", "CALL"}
        return all(step.opname in raising or step.argval == "NotImplementedError" for step in steps)
    loads = {"LOAD_CONST", "LOAD_CONST_IMMORTAL", "RETURN_CONST"}
    return all(step.opname in loads and (step.argval is None or step.argval is Ellipsis) for step in steps)


def code_of(attempt: object) -> CodeType | None:
    """The code the learner wrote, beneath decorators, functools.partial, a module or an object with __call__."""
    with suppress(Exception):  # an object may do anything on getattr
        while isinstance(attempt, functools.partial):
            attempt = attempt.func
        attempt = inspect.unwrap(attempt)  # type: ignore[arg-type]
        if not hasattr(attempt, "__code__"):
            attempt = getattr(type(attempt), "forward" if isinstance(attempt, torch.nn.Module) else "__call__")
        code = getattr(attempt, "__code__", None)
        return code if isinstance(code, CodeType) else None
    return None


def signature_of(attempt: object) -> inspect.Signature | None:
    """The parameters of a callable, where they can be known."""
    with suppress(Exception):  # functions written in C have none
        return inspect.signature(attempt)  # type: ignore[arg-type]
    return None


@contextmanager
def plain_torch() -> Iterator[None]:
    """torch's initial settings during the check; afterwards the learner's own again, and their random numbers go on."""
    own = settings()
    try:
        _set(PLAIN)
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        _set(own)


def settings() -> Settings:
    """The settings that a function could change for everything that runs after it."""
    # asked of a tensor, as torch 2.9 no longer knows its default device once that has been set back
    return torch.get_default_dtype(), torch.empty(0).device, torch.is_grad_enabled()


def _set(settings: Settings) -> None:
    dtype, device, gradients = settings
    torch.set_default_dtype(dtype)
    torch.set_grad_enabled(gradients)
    if device != torch.empty(0).device:
        torch.set_default_device(None if device.type == "cpu" else device)


def copied(case: Case) -> Case:
    """The arguments with every tensor, array and list copied, so that a function that changes them changes a copy."""
    return tuple(_copy(argument) for argument in case)


def _copy(argument: Any) -> Any:
    if isinstance(argument, Tensor):
        return argument.clone()
    if isinstance(argument, np.ndarray):
        return argument.copy()
    if type(argument) in (list, tuple):
        return type(argument)(map(_copy, argument))
    return argument


def unchanged(before: Any, after: Any) -> bool:
    """Whether an argument is the same after the call as before it."""
    if type(before) is not type(after):
        return False
    if isinstance(before, (Tensor, np.ndarray)):
        if (before.dtype, before.shape) != (after.dtype, after.shape) or before.device != after.device:
            return False
        return bool(((before == after) | ((before != before) & (after != after))).all())  # NaN differs from itself
    if isinstance(before, (list, tuple)):
        return len(before) == len(after) and all(map(unchanged, before, after))
    return before is after or bool(before == after)


def call(attempt: Callable[..., Any], case: Case) -> Any:
    """The attempt's output on one case; anything it raises or changes is reported as a sentence."""
    mine = copied(case)
    try:
        output = attempt(*mine)
    except BaseException as error:  # also Ctrl-C, for a loop that does not end
        raise Wrong(_what_was_raised(attempt, case, error)) from None
    if settings() != PLAIN:
        raise Wrong(
            "Your function changes a setting of torch for everything that runs after it (default dtype, default device "
            "or gradients): give dtype= and device= to the tensors you make, and use `with torch.no_grad():`."
        )
    for i, (before, after) in enumerate(zip(case, mine, strict=True)):
        if not unchanged(before, after):
            raise Wrong(f"Your function changes {_argument(attempt, i)} in place: {_how_not_to_change(before)}.")
    return _copy(output)  # the next call may fill the same tensor


def _how_not_to_change(argument: Any) -> str:
    if isinstance(argument, list) and not any(isinstance(part, (Tensor, np.ndarray, list, tuple)) for part in argument):
        return "work on a copy, `list(...)`"
    copy = ".copy()" if isinstance(argument, np.ndarray) else ".clone()"
    views = " (`flatten`, `view` and slices share its memory)" if isinstance(argument, Tensor) else ""
    return f"work on a copy (`{copy}`), and write `a = a + b`, not `a += b`{views}"


def _argument(attempt: object, i: int) -> str:
    signature = signature_of(attempt)
    names = list(signature.parameters) if signature else []
    return f"{names[i]} (argument {i + 1})" if i < len(names) else f"argument {i + 1}"


def said(attempt: object, cases: Sequence[Case]) -> list[str]:
    """Each case in brackets, with the attempt's own names: numbers, short lists of numbers, the shapes of tensors."""
    signature = signature_of(attempt)
    if signature is None or not all(_takes(signature, case) for case in cases):
        return [""] * len(cases)
    named = [signature.bind(*case).arguments.items() for case in cases]
    told = [", ".join(f"{name}{text}" for name, value in case if (text := _told(value))) for case in named]
    return [f" ({text})" if text else "" for text in told]


def _told(argument: Any) -> str:
    if isinstance(argument, Tensor):
        return f" of shape {tuple(argument.shape)}"
    if isinstance(argument, (bool, int)):
        return f" = {argument}"
    if isinstance(argument, float):
        return f" = {argument:g}"
    numbers = type(argument) in (list, tuple) and all(isinstance(a, (bool, int, float)) for a in argument)
    if not numbers or not 0 < len(argument) <= 8:
        return ""
    inside = ", ".join(f"{a:g}" if isinstance(a, float) else f"{a}" for a in argument)
    return f" = [{inside}]" if isinstance(argument, list) else f" = ({inside})"


def _what_was_raised(attempt: object, case: Case, error: BaseException) -> str:
    """One sentence: the kind of error, what it says, and the learner's own line."""
    signature = signature_of(attempt)
    if isinstance(error, TypeError) and signature and not _takes(signature, case):
        return (
            f"Your function takes ({', '.join(signature.parameters)}), but {len(case)} argument"
            f"{'s are' if len(case) > 1 else ' is'} given to it: keep the `def` line of the exercise."
        )
    code = code_of(attempt)
    lines = [f for f in traceback.extract_tb(error.__traceback__) if code and f.filename == code.co_filename]
    where = f", in your line `{lines[-1].line}`" if lines and lines[-1].line else ""
    if isinstance(error, KeyboardInterrupt):
        return f"Your function was stopped{where}: is there a loop that never ends, or one you could do without?"
    text = one_line(error)
    if isinstance(error, NameError) and not isinstance(error, UnboundLocalError):
        module = MODULES.get(error.name or "")
        first = f"write `{module}` above it" if module else "in a fresh notebook, run the cells above"
        text += f" ({first} first)"
    if "^" in where:
        text += " (a power is written ** in Python; ^ is something else)"
    elif isinstance(error, NotImplementedError) and "raise" in where:
        text += " (take `raise NotImplementedError` out once the rest is written)"
    if isinstance(error, (TypeError, AttributeError)) and "NoneType" in text:
        text += " (does a function that you call return None, perhaps one from an earlier exercise?)"
    if isinstance(error, (TypeError, AttributeError)) and "return_types" in text:
        text += " (along a dimension, torch's min, max, median and sort return values and indices: take `.values`)"
    if isinstance(error, ZeroDivisionError):
        text += f" (which number is 0 there?{' sigma is, at t = 0.' * ('sigma' in where)})"
    return f"Your function raises {type(error).__name__}{where}: {text}".rstrip(":. ") + "."


def _takes(signature: inspect.Signature, case: Case) -> bool:
    try:
        signature.bind(*case)
    except TypeError:
        return False
    return True


def one_line(error: BaseException) -> str:
    """What an error says, cut to 200 characters."""
    text = ""
    with suppress(Exception):  # a learner's own error class may fail to say what it is
        text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:197] + "..."
