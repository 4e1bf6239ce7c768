"""Images in a file that may be larger than memory: opened, not read; and every pass over images in pieces."""

from __future__ import annotations

import hashlib
import math
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .errors import CourseError
from .files import UNREADABLE

PIECE = 2**22  # bytes of images looked at together
SLACK = 1e-3  # by which pixels may leave [-1, 1]: they were rounded when they were made
MOST_CLASSES = 10_000  # in an array file: each gets a name


def piece_length(images: Float[Tensor, "N C H W"]) -> int:
    """How many images make a piece."""
    return max(1, PIECE // (images[0].numel() * images.element_size()))


def pieces(images: Float[Tensor, "N C H W"]) -> Iterator[Float[Tensor, "n C H W"]]:
    """The images in order, a view of some 4 MB at a time, so that what is computed from them never grows with N."""
    yield from images.split(piece_length(images))


def sha256_of(*tensors: Tensor) -> str:
    """The SHA-256 of the numbers in order, in hex."""
    digest = hashlib.sha256()
    for tensor in tensors:
        for piece in pieces(tensor):
            digest.update(np.ascontiguousarray(piece.cpu().numpy()).data)
    return digest.hexdigest()


def is_mapped(dataset: str | Path) -> bool:
    """Whether a data set is given as an array in a file."""
    path = Path(os.path.expanduser(dataset))
    return path.suffix == ".npy" and not os.path.isdir(path)  # which a name that is too long does not fail


def open_images(path: Path) -> Float[Tensor, "N C H W"]:
    """The images of a .npy file: shape (N, C, H, W), float32 or float64. They stay in the file until they are used,
    and can be read only: writing to one ends the process.

    Raises CourseError for another shape, type or order (also of the axes), and for a file that is damaged or not there.
    """
    # not "c", to which torch could write: of such a mapping Linux wants all to fit into memory
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


def check_order(shape: Sequence[int], what: object) -> None:
    """Raise CourseError for images whose colours come last, as most programs have them: they would pass for images of
    many channels, a few pixels wide. Up to 4 channels are believed to be some."""
    if shape[-1] in (1, 3, 4) and shape[1] > 4:
        raise CourseError(
            f"{what} must have the shape (N, C, H, W), got {tuple(shape)}, whose colours seem to come last: move them "
            "with x.transpose(0, 3, 1, 2) in numpy, x.permute(0, 3, 1, 2) in torch."
        )


def check_range(images: Float[Tensor, "N C H W"], what: object) -> None:
    """Raise CourseError for pixels that are no numbers in [-1, 1], as those of 0 to 255 are not."""
    low, high = (bound.item() for bound in images.aminmax())
    if not (low >= -1 - SLACK and high <= 1 + SLACK):  # so that NaN is found too: one anywhere makes both NaN
        found = "NaN" if math.isnan(low) else f"some from {low:.4g} to {high:.4g}"
        raise CourseError(f"{what}: pixels must lie in [-1, 1] (uint8 / 127.5 - 1), got {found}.")


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
    except UNREADABLE as error:
        # numpy takes whatever it does not know for a pickle, and advises to load that
        reason = "not an array" if "pickle" in str(error) else error
        raise CourseError(
            f"{path} holds no {what}, or not all of it ({reason}): write it again with np.save."
        ) from error
