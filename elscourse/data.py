"""Images as tensors: the bundled subset, full sets, and any folder, all in one shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from .errors import CourseError, unknown_name

FASHION_CLASSES = (
    "t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
BUNDLED = 10_000


def data_dir() -> Path:
    """Where the bundled files are. The one rule: inside the installed package, else beside it in the repository."""
    inside = Path(__file__).parent / "_data"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "data"


@dataclass(frozen=True)
class ImageSet:
    """Images with shape (N, C, H, W), float32 in [-1, 1]; labels (N,), int64, or None; the names of the classes."""

    images: Float[Tensor, "N C H W"]
    labels: Int[Tensor, " N"] | None
    class_names: tuple[str, ...]
    name: str

    def __len__(self) -> int:
        return len(self.images)

    def subset(self, index: Tensor | slice) -> ImageSet:
        """The images (and labels) at the given places."""
        return replace(self, images=self.images[index], labels=None if self.labels is None else self.labels[index])


def to_unit_range(images: np.ndarray) -> Float[Tensor, "N C H W"]:
    """uint8 images with shape (N, H, W) or (N, H, W, C) -> float32 in [-1, 1] with shape (N, C, H, W)."""
    x = torch.from_numpy(np.ascontiguousarray(images)).to(torch.float32) / 127.5 - 1
    return x[:, None] if x.ndim == 3 else x.movedim(-1, 1).contiguous()


def resize(images: Float[Tensor, "N C H W"], size: int | None) -> Float[Tensor, "N C size size"]:
    """Area average to `size`; 28x28 images first get a black border (-1) of 2 pixels, which makes them 32x32.

    The paper resizes bilinearly instead. size=None, or the images' own size, leaves them untouched.
    """
    if size is None or images.shape[-2:] == (size, size):
        return images
    if images.shape[-2:] == (28, 28):
        images = F.pad(images, (2, 2, 2, 2), value=-1.0)
    if size > min(images.shape[-2:]) or size < 1:
        raise CourseError(f"size must be between 1 and {min(images.shape[-2:])} for these images, got {size}.")
    return F.interpolate(images, size=(size, size), mode="area")


def load(name: str, size: int | None = None, n: int | None = None) -> ImageSet:
    """The first n training images of a set, area-averaged to size x size."""
    if name != "fashion-mnist":
        raise unknown_name("dataset", name, ("fashion-mnist",))
    if n is None or n > BUNDLED:
        raise CourseError("only 10,000 images are bundled")
    with np.load(data_dir() / "fashion-mnist-10k.npz", allow_pickle=False) as file:
        images, labels = file["images"][:n], file["labels"][:n]
    return ImageSet(
        resize(to_unit_range(images), size), torch.from_numpy(labels.astype(np.int64)), FASHION_CLASSES, name
    )


_ = Sequence
