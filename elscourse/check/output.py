"""What a learner's function returned: its numbers, and why it cannot even be compared with the right answer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .attempt import Wrong

NUMBERS = (bool, int, float, Fraction, np.bool_, np.integer, np.floating)


def parts(output: object) -> Iterator[Tensor]:
    """The tensors in an output, in float64 on the CPU; booleans and whole numbers as 0.0, 1.0, ..."""
    for part in output if isinstance(output, (tuple, list)) else (output,):
        if isinstance(part, Tensor) and not (part.is_meta or part.is_complex()):
            yield part.detach().to_dense().to("cpu", torch.float64)
        elif isinstance(part, NUMBERS) or (isinstance(part, np.ndarray) and part.dtype.kind in "biuf"):
            yield torch.as_tensor(_as_float(part))
        else:
            raise Wrong(f"Your function returns {kind(part)} where a tensor or a number is expected.")


def _as_float(part: Any) -> Any:
    try:
        return np.asarray(part, dtype=np.float64)
    except OverflowError:  # a whole number of more than 308 digits
        return np.float64(math.inf if part > 0 else -math.inf)


def as_expected(output: Any, right: object, free_shape: bool) -> Any:
    """A numpy array or a list of numbers as a tensor, where a tensor is expected; anything else as it is."""
    if isinstance(right, tuple) and isinstance(output, (tuple, list)) and len(output) == len(right):
        return tuple(as_expected(o, r, free_shape) for o, r in zip(output, right, strict=True))
    if isinstance(right, Tensor) and isinstance(output, (np.ndarray, list, tuple)) and not _with_indices(output):
        with suppress(Exception):  # a list may hold anything, an array may hold objects
            stacks = isinstance(output, (list, tuple)) and all(isinstance(part, Tensor) for part in output)
            made = torch.stack(list(output)) if stacks else torch.as_tensor(np.array(output))
            if isinstance(output, np.ndarray) or made.shape == right.shape or free_shape:
                return made
    return output


def _with_indices(output: object) -> bool:
    """Whether it is what torch's min, max, median, sort and topk return along a dimension."""
    return isinstance(output, tuple) and hasattr(output, "values") and hasattr(output, "indices")


def unusable(output: object, right: object, free_shape: bool) -> str | None:
    """Why an output cannot even be compared with the right one, or None."""
    if output is None:
        return "Your function returns None: does it end in `return ...`, even when the loop runs out or no `if` holds?"
    if isinstance(right, tuple):
        if not isinstance(output, (tuple, list)) or len(output) != len(right):
            many = isinstance(output, (Tensor, np.ndarray)) and output.shape[:1] == (len(right),)
            advice = ": split it with tuple(...)" if many else ""
            values = f"{len(right)} values, like `return {', '.join('abcdefgh'[: len(right)])}`"
            return f"Your function must return {values}, but it returns {kind(output)}{advice}."
        problems = (unusable(o, r, free_shape) for o, r in zip(output, right, strict=True))
        return next(
            (f"Output {i + 1} of {len(right)}: {problem}" for i, problem in enumerate(problems) if problem), None
        )
    if _with_indices(output):
        return "Your function returns values and their indices together: take `.values` (or `.indices`)."
    if isinstance(right, Tensor):
        return _unusable_tensor(output, right, free_shape)
    scalar = isinstance(output, NUMBERS) or (isinstance(output, (Tensor, np.ndarray)) and output.ndim == 0)
    if not scalar:
        wanted, make = ("truth value", "bool") if isinstance(right, bool) else ("number", "float")
        one = isinstance(output, (Tensor, np.ndarray)) and math.prod(output.shape) == 1
        advice = f": convert it with {make}(...)" if one else ""
        advice = ": return what is in it" if isinstance(output, (list, tuple)) and len(output) == 1 else advice
        return f"Your function must return one {wanted}, but it returns {kind(output)}{advice}."
    return _nan(output, right)


def _unusable_tensor(output: object, right: Tensor, free_shape: bool) -> str | None:
    if not isinstance(output, Tensor):
        marks = right.dtype == torch.bool and isinstance(output, (list, tuple))
        advice = ": mark them in a tensor of truth values" if marks else ""
        shape = tuple(right.shape)
        return f"Your function must return a torch tensor of shape {shape}, but it returns {kind(output)}{advice}."
    if output.layout != torch.strided:
        return "Your function returns a sparse tensor: end with `.to_dense()`."
    if output.device.type != "cpu":
        return f"Your function returns a tensor on {output.device}: stay on the device of the inputs, here the CPU."
    if output.is_complex() or (right.dtype == torch.bool) != (output.dtype == torch.bool):
        wanted = "truth values (torch.bool)" if right.dtype == torch.bool else "real numbers"
        return f"Your function must return {wanted}, but it returns {output.dtype}."
    if output.is_floating_point() and output.dtype in (torch.float16, torch.bfloat16):
        return f"Your function returns {output.dtype}, which keeps 2 or 3 digits: keep the dtype of the inputs."
    if output.shape != right.shape and not free_shape:
        return f"Your function must return shape {tuple(right.shape)}, but it returns {tuple(output.shape)}."
    return _nan(output, right)


def _nan(output: Any, right: Any) -> str | None:
    ours, theirs = next(parts(output)), next(parts(right))
    if ours.shape == theirs.shape and bool((ours.isnan() & ~theirs.isnan()).any()):
        count = int((ours.isnan() & ~theirs.isnan()).sum())
        return (
            f"Your function returns NaN ({count} of {ours.numel()} values): do you divide something by 0, or 0 by 0, "
            "take exp() of a large number, or the root of a number below 0?"
        )
    return None


def digits(*values: Tensor) -> tuple[str, ...]:
    """Counts with all their digits, other numbers with four, or with as many as it takes to tell them apart."""
    for places in range(4, 17):
        texts = tuple(f"{v:.0f}" if v == v.round() and v.abs() < 1e15 else f"{v:.{places}g}" for v in values)
        if len(set(texts)) == len(texts):
            break
    return texts


def kind(output: object) -> str:
    """What an output is, in words."""
    if isinstance(output, Tensor):
        kind = "complex tensor" if output.is_complex() else "tensor without values" if output.is_meta else "tensor"
        return f"a {kind} of shape {tuple(output.shape)}"
    if isinstance(output, np.ndarray):
        if output.dtype.kind not in "biuf":
            return f"a numpy array of {output.dtype}"
        return f"a numpy array of shape {output.shape}"
    if isinstance(output, (tuple, list)):
        return f"a {type(output).__name__} of {len(output)}"
    name = type(output).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
