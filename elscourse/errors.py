"""One kind of error for everything a user can fix: the sentence says what was given, what is expected, what to do."""

from __future__ import annotations

import math
import operator
import re
import sys
import warnings
from collections.abc import Iterable
from difflib import get_close_matches

import numpy as np
import torch
from torch import Tensor

NUMBER = (int, float, np.integer, np.floating)
NO_MEMORY = re.compile("allocate memory|(out of|not enough) memory")  # as torch says it, on CPUs and GPUs


class CourseError(ValueError):
    """Raised for bad input. The command line prints it as one line, without a traceback."""


LONGEST = 100  # characters of a value that an error shows


def brief(value: object) -> str:
    """What was given, on one line: a network's or a tensor's own words would fill pages."""
    text = re.sub(r"\s*\n\s*", " ", repr(value))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def is_no_memory(error: BaseException) -> bool:
    """Whether an error says that the memory does not suffice; torch says it by its words alone."""
    return isinstance(error, MemoryError) or NO_MEMORY.search(str(error)) is not None


def whole_number(value: object, least: int, most: float = math.inf) -> int | None:
    """A whole number within these limits as Python's own, whichever library it is from; None for anything else."""
    if isinstance(value, bool | np.bool) or getattr(value, "dtype", None) == torch.bool:
        return None
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None
    return number if least <= number <= most else None


def shape_of(value: object) -> object:
    """What was given in place of a tensor of some shape: its own shape or, if it is not a tensor, its type."""
    return tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__


def type_of(value: object) -> str:
    """What was given in place of floats: a tensor's type of numbers and shape or, if it is no tensor, its type."""
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__


def warn(text: str) -> None:
    """Warn at the line that called the package, so that Python shows it once for each such line."""
    frame, level = sys._getframe(), 1
    ours = f"{__package__}.", "dataclasses"  # whose replace() calls the package in its turn
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith(ours):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, stacklevel=level)


def unknown_name(kind: str, given: object, known: Iterable[str]) -> CourseError:
    """The error for a name that is not in a list: nearest names first, then all of them."""
    known = sorted(known)
    near = get_close_matches(str(given), known, n=3, cutoff=0.4)
    hint = f": did you mean {' or '.join(near)}?" if near else "."
    choice = f"Choose one of: {', '.join(known)}." if known else "There are none here."
    return CourseError(f"unknown {kind} {brief(given)}{hint} {choice}")
