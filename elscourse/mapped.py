"""Images in a file that may be larger than memory: opened, not read."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .errors import CourseError, warn
from .files import UNREADABLE, as_path
from .pixels import check_order

MOST_CLASSES = 10_000  # in an array file: each gets a name


def is_mapped(dataset: str | Path) -> bool:
    """Whether a data set is given as an array in a file."""
    path = as_path(dataset)
    return path.suffix == ".npy" and not os.path.isdir(path)  # unlike path.is_dir(), it takes any length


def open_images(path: Path) -> Float[Tensor, "N C H W"]:
    """The images of a .npy file: shape (N, C, H, W), float32 or float64. They stay in the file until they are used, and
    what is written to them stays in memory. (Those of a file that does not fit there are read-only: a warning says so.)

    Raises CourseError for another shape, type or order (in memory or of the axes), and for a file that is damaged or
    not there.
    """
    array = _load(path, "images", mapped=True)
    if array.ndim != 4 or array.size == 0 or array.dtype not in (np.float32, np.float64):
        raise CourseError(
            f"{path} must hold float32 or float64 of shape (N, C, H, W), at least one image, got {array.dtype} "
            f"{array.shape}: save {_as_images(array)}."
        )
    check_order(array.shape, path)
    if not array.flags.c_contiguous:
        raise CourseError(f"{path} is in Fortran order: save it with np.save(path, np.ascontiguousarray(images)).")
    if array.flags.writeable:
        return torch.from_numpy(array)
    warn(
        f"{path} does not fit into memory, so writing to its images would end Python: change a clone() of some instead."
    )
    with warnings.catch_warnings():  # torch says it in its own way
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(array)


def _as_images(x: np.ndarray) -> str:
    """What to save instead of an array x in which the images have another shape or type."""
    if x.ndim not in (3, 4) or x.size == 0 or x.dtype.kind not in "iuf":
        return "an array like that"
    colours_last = x.ndim == 4 and x.shape[-1] in (1, 3, 4) and x.shape[1] > 4
    what = "x[:, None]" if x.ndim == 3 else "x.transpose(0, 3, 1, 2)" if colours_last else "x"
    given = ["grey images"] if x.ndim == 3 else []
    if x.dtype.kind != "f":
        what, given = f"np.float32({what}) / 127.5 - 1", [*given, "pixels of 0 to 255"]
    elif x.dtype not in (np.float32, np.float64):
        what = f"np.float32({what})"
    return f"{what} for {' with '.join(given)}" if given else what


def open_labels(path: Path, n: int) -> np.ndarray | None:
    """The classes of the n images in `path`, whole numbers from 0 on, if NAME.labels.npy lies beside NAME.npy."""
    beside = path.with_suffix(".labels.npy")
    if not beside.exists():
        return None
    labels = _load(beside, "labels")
    whole = labels.dtype.kind in "iu" and labels.size > 0
    if labels.shape != (n,) or not whole or labels.min() < 0 or labels.max() >= MOST_CLASSES:
        raise CourseError(
            f"{beside} must hold {n} whole numbers from 0 to {MOST_CLASSES - 1}, one per image of {path.name}, got "
            f"{labels.dtype} {labels.shape}" + (f" from {labels.min()} to {labels.max()}." if whole else ".")
        )
    return labels


def _map(path: Path) -> np.ndarray:
    """An array that stays in its file; what is written to it goes into memory. For that, Linux and Windows want all of
    it to fit there: where it does not, it is read-only."""
    try:
        return np.load(path, mmap_mode="c", allow_pickle=False)
    except OSError:
        return np.load(path, mmap_mode="r", allow_pickle=False)


def _load(path: Path, what: str, mapped: bool = False) -> np.ndarray:
    try:
        array = _map(path) if mapped else np.load(path, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("it is an archive")
        return array
    except FileNotFoundError as error:
        raise CourseError(f"{path} does not exist: expected {what} written by np.save.") from error
    except PermissionError as error:
        raise CourseError(f"{path} cannot be read ({error.strerror}): change its permissions.") from error
    except UNREADABLE as error:
        # numpy takes everything it does not know for a pickle, and advises loading that
        reason = "not an array" if "pickle" in str(error) else error
        raise CourseError(
            f"{path} holds no {what}, or is incomplete ({reason}): write it again with np.save."
        ) from error
