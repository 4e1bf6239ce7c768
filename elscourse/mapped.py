"""Images in a file that may be larger than memory: opened, not read."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .errors import CourseError
from .files import UNREADABLE
from .pixels import check_order

MOST_CLASSES = 10_000  # in an array file: each gets a name


def is_mapped(dataset: str | Path) -> bool:
    """Whether a data set is given as an array in a file."""
    path = Path(os.path.expanduser(dataset))
    return path.suffix == ".npy" and not os.path.isdir(path)  # unlike path.is_dir(), it takes any length


def open_images(path: Path) -> Float[Tensor, "N C H W"]:
    """The images of a .npy file: shape (N, C, H, W), float32 or float64. They stay in the file until they are used,
    and are read-only: writing to one ends the process.

    Raises CourseError for another shape, type or order (in memory or of the axes), and for a file that is damaged or
    not there.
    """
    # not "c", which torch could write to: Linux wants the whole of such a mapping to fit into memory
    array = _load(path, "images", "r")
    if array.ndim != 4 or array.size == 0 or array.dtype not in (np.float32, np.float64):
        raise CourseError(
            f"{path} must hold float32 or float64 of shape (N, C, H, W), at least one image, got {array.dtype} "
            f"{array.shape}: save np.float32(x) / 127.5 - 1 for pixels of 0 to 255, and x.transpose(0, 3, 1, 2) where "
            "colours come last."
        )
    check_order(array.shape, path)
    if not array.flags.c_contiguous:
        raise CourseError(f"{path} is in Fortran order: save it with np.save(path, np.ascontiguousarray(images)).")
    with warnings.catch_warnings():  # torch warns that it does not know read-only tensors
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(array)


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


def _load(path: Path, what: str, mode: Literal["r"] | None = None) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode=mode, allow_pickle=False)
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
