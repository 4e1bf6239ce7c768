"""Images as tensors: the bundled subset, full sets, and any folder, all in one shape."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from .catalogue import CATALOGUE, Dataset
from .datasets import find, read
from .errors import CourseError, brief, type_of, unknown_name, whole_number
from .files import as_path, shipped
from .folders import classes, image_files, runs_of_one_shape
from .mapped import is_mapped, open_images, open_labels
from .pixels import check_order, check_range

Size = int | tuple[int, int]  # pixels; a pair is (height, width)

BUNDLE = CATALOGUE["fashion-mnist"].bundle
CHUNK = 1024  # images converted or resized at a time, so that little more than the result is in memory


def data_dir() -> Path:
    """Where the bundled files are."""
    return shipped("data")


def status(dataset: Dataset) -> str:
    """How much of a set is on this computer, in words."""
    place = find(dataset)
    if place is not None:
        return f"complete, found at {place}"
    if not dataset.bundled:
        return "not present"
    if not (data_dir() / dataset.bundle).exists():
        return "bundled, but its file is missing: `elscourse doctor` says what to do"
    return "complete, bundled" if dataset.comes_whole else f"the first {dataset.bundled:,} images are bundled"


def read_sums(path: Path) -> dict[str, str]:
    """A SHA256SUMS file as `sha256sum` writes it: file name -> sha256."""
    lines = (line.split(maxsplit=1) for line in path.read_text("utf-8").splitlines())
    return {name.removeprefix("*"): sha256 for sha256, name in lines}


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images with shape (N, C, H, W), floats in [-1, 1]; labels (N,), int64, or None; the names of the classes.

    Raises CourseError for another shape or type, an empty set, pixels that are not numbers in [-1, 1], and labels that
    do not fit the images.
    """

    images: Float[Tensor, "N C H W"]
    labels: Int[Tensor, " N"] | None = None
    class_names: tuple[str, ...] = ()
    name: str = "images"

    def __post_init__(self) -> None:
        if not isinstance(self.images, Tensor) or self.images.ndim != 4 or not self.images.is_floating_point():
            raise CourseError(
                f"{self.name}: images must be a tensor of floats of shape (N, C, H, W), got {type_of(self.images)}."
            )
        shape = tuple(self.images.shape)
        check_order(shape, self.name)
        if self.images.numel() == 0:
            raise CourseError(f"{self.name}: at least one image is needed, got none (shape {shape}).")
        check_range(self.images, self.name)
        if self.labels is not None:
            self._check_labels(self.labels)

    def _check_labels(self, labels: Tensor) -> None:
        if not isinstance(labels, Tensor) or labels.dtype != torch.int64 or labels.shape != (len(self),):
            raise CourseError(
                f"{self.name}: labels must be an int64 tensor of shape ({len(self)},), one label per image, got "
                f"{type_of(labels)}."
            )
        low, high, last = int(labels.min()), int(labels.max()), len(self.class_names) - 1
        if self.class_names and not 0 <= low <= high <= last:
            raise CourseError(f"{self.name}: labels must lie in 0 ... {last}, one per class, got {low} ... {high}.")

    def __len__(self) -> int:
        return len(self.images)

    def subset(self, index: Tensor | slice | Sequence[int]) -> ImageSet:
        """The images (and labels) at the given places: a slice, indices, or a mask with one truth value per image."""
        try:
            places = index if isinstance(index, slice) else torch.as_tensor(index).reshape(-1)
            if isinstance(places, Tensor) and places.numel() == 0:
                places = slice(0, 0)  # torch takes [] for floats
            elif isinstance(places, Tensor) and places.dtype == torch.uint8:
                places = places.long()  # torch takes them for a mask
            images, labels = self.images[places], None if self.labels is None else self.labels[places]
        except (IndexError, TypeError, ValueError, RuntimeError) as error:
            raise CourseError(f"{self.name} has {len(self)} images, but the index does not fit: {error}.") from error
        return replace(self, images=images, labels=labels)


def load(name: str | Path, size: Size | None = None, n: int | None = None) -> ImageSet:
    """The first n images of a published set, or the first n of a folder or file by path, at the given size.

    name: "fashion-mnist" (the first 10,000 are bundled), "emoji" and "painted" (bundled), "fashion-mnist-test",
    "mnist", "cifar10", "celeba": the training parts, except where the name says test. Or a folder of png, jpg, bmp,
    webp, gif or tif files (of 8 or 16 bits per pixel), also in subfolders: grey if all of them are, black where they
    are transparent, the first frame or page of several, in the order of their paths (10.png comes before 2.png, and the
    first n may lack the last classes). Its subfolders are the classes if every image lies in one. A set's name comes
    before a folder of the same name: for the folder, write "./mnist".
        Or the path of a .npy file with shape (N, C, H, W), float32 or float64 in [-1, 1], which may be larger than
        memory: it is mapped, not read, and cannot be resized; what you write to its images never reaches the file.
        Classes, if any, lie beside NAME.npy as NAME.labels.npy.
    size: in pixels, one number or (height, width), made as `resize` says (in a folder no image gets a border); None
        leaves the images as they are.
    n: a whole number, at least 1 and at most the number of images; None: all.

    Raises CourseError for an unknown name, a size or n that does not fit, and files that are damaged or not here.
    """
    if isinstance(name, str) and name in CATALOGUE:
        return _published(CATALOGUE[name], size, n)
    if not isinstance(name, str | Path) or not str(name):
        given = brief(name) if isinstance(name, str) else type(name).__name__
        raise CourseError(
            f"name must be that of a data set or the path of a folder of images, got {given}: for images that you have "
            "in memory, use els.ImageSet(images)."
        )
    root = as_path(name)
    if isinstance(name, str) and not set(name) & set("/\\.") and not os.path.exists(root):
        raise CourseError(f"{unknown_name('dataset', name, CATALOGUE)} Or give the path of a folder of images.")
    if is_mapped(root):
        return _mapped(root, size, n)
    files = image_files(root)
    n = _count(n, len(files), str(root))
    labels, class_names = classes(root, files)
    return ImageSet(_from_files(files[:n], size), _as_labels(labels, n), class_names, root.resolve().name)


def _published(dataset: Dataset, size: Size | None, n: int | None) -> ImageSet:
    n = _count(n, dataset.images, dataset.name)
    if size is not None:
        _height_width(size)  # before a set is looked for that may not be here, or read for minutes
    pixels, labels = _bundled(dataset.bundle) if n <= dataset.bundled else read(dataset)
    images = _from_files(pixels[:n], size) if isinstance(pixels, list) else _from_pixels(pixels[:n], size)
    return ImageSet(images, _as_labels(labels, n), dataset.class_names, dataset.name)


def _mapped(path: Path, size: Size | None, n: int | None) -> ImageSet:
    images = open_images(path)
    n, (height, width) = _count(n, len(images), str(path)), images.shape[-2:]
    if size is not None and _height_width(size) != (height, width):
        raise CourseError(
            f"{path} has images of {height}x{width} pixels (height x width), but size {size} was asked for: images in "
            "an array file are taken as they are, so write another file of that size."
        )
    labels = open_labels(path, len(images))
    class_names = () if labels is None else tuple(str(k) for k in range(int(labels.max()) + 1))
    try:
        return ImageSet(images[:n], _as_labels(labels, n), class_names, path.stem)
    except CourseError as error:
        raise CourseError(f"{path}: {error}") from error


def _bundled(bundle: str) -> tuple[np.ndarray, np.ndarray]:
    """The uint8 images and labels of a bundled file, once its sha256 is found to be the one in SHA256SUMS."""
    path = data_dir() / bundle
    advice = "restore the data (`git restore data` in a clone) or install the course again"
    try:
        raw = path.read_bytes()
        expected = read_sums(path.with_name("SHA256SUMS"))[bundle]
    except (OSError, ValueError, KeyError) as error:
        raise CourseError(
            f"the bundled images or their checksum cannot be read from {path.parent} ({error}): {advice}."
        ) from error
    found = hashlib.sha256(raw).hexdigest()
    if found != expected:
        raise CourseError(
            f"{path} is damaged: sha256 {found[:12]}... ({len(raw)} bytes), expected {expected[:12]}...: {advice}."
        )
    with np.load(io.BytesIO(raw), allow_pickle=False) as file:
        return file["images"], file["labels"]


def _count(n: int | None, there: int, name: str) -> int:
    count = there if n is None else whole_number(n, 1, there)
    if count is None:
        raise CourseError(
            f"n must be a whole number from 1 to {there}, the number of images in {name}, got {brief(n)}."
        )
    return count


def _as_labels(labels: np.ndarray | None, n: int) -> Int[Tensor, " N"] | None:
    return None if labels is None else torch.from_numpy(labels[:n].astype(np.int64))


def to_unit_range(images: np.ndarray) -> Float[Tensor, "N C H W"]:
    """x / 127.5 - 1: uint8 with shape (N, H, W) or (N, H, W, C) -> float32 in [-1, 1] with shape (N, C, H, W)."""
    x = torch.from_numpy(np.array(images))  # a copy: torch wants memory that is writable and in order
    x = x[:, None] if x.ndim == 3 else x.movedim(-1, 1)
    return x.to(torch.float32, memory_format=torch.contiguous_format).div_(127.5).sub_(1)


def resize(images: Float[Tensor, "N C H W"], size: Size | None) -> Float[Tensor, "N C h w"]:
    """Area average to `size`: each new pixel is the mean of the old pixels that its area touches.

    28x28 images first get a black border (-1) of 2 pixels, which makes them 32x32, as is usual for MNIST. If the aspect
    ratio changes, the largest centred part with the new one is cut out first. size=None, or the images' own size,
    leaves them untouched; images are only made smaller, and CourseError is raised for a size beyond theirs. (The paper
    resizes bilinearly.)
    """
    if size is None:
        return images
    target = _height_width(size)
    if images.shape[-2:] == target:
        return images
    border = 4 * [2 * (images.shape[-2:] == (28, 28))]
    return _in_chunks(lambda i: _shrink(F.pad(images[i], border, value=-1.0), target, "these images"), len(images))


def _height_width(size: Size) -> tuple[int, int]:
    sides = [whole_number(side, 1) for side in (size if isinstance(size, Sequence) else (size, size))]
    height, width = sides if len(sides) == 2 else (None, None)
    if height is None or width is None:
        raise CourseError(f"size must be a whole number of pixels >= 1, or (height, width) of them, got {brief(size)}.")
    return height, width


def _shrink(x: Float[Tensor, "N C H W"], target: tuple[int, int], what: str) -> Float[Tensor, "N C h w"]:
    height, width = x.shape[-2:]
    scale = min(height / target[0], width / target[1])
    if scale < 1:
        raise CourseError(
            f"size must be at most the images' own: {what} can give up to {height}x{width} pixels (height x width), "
            f"got {target[0]}x{target[1]}."
        )
    h, w = round(scale * target[0]), round(scale * target[1])
    top, left = (height - h) // 2, (width - w) // 2
    return F.interpolate(x[..., top : top + h, left : left + w], size=target, mode="area")


def _in_chunks(part: Callable[[slice], Tensor], n: int) -> Tensor:
    """part(0:n), made in chunks: what `part` needs on the way never lies in memory for all n at once."""
    first = part(slice(0, min(n, CHUNK)))
    out = _allocate(n, tuple(first.shape[1:]), first)
    out[: len(first)] = first
    for start in range(CHUNK, n, CHUNK):
        out[start : start + CHUNK] = part(slice(start, start + CHUNK))
    return out


def _allocate(n: int, shape: tuple[int, ...], like: Tensor) -> Tensor:
    try:
        return like.new_empty((n, *shape))
    except RuntimeError as error:
        gigabytes = n * np.prod(shape, dtype=float) * like.element_size() / 1e9
        raise CourseError(
            f"{n:,} images of shape {shape} need {gigabytes:,.0f} GB, more than this computer can give: ask for fewer "
            "(n=) or smaller ones (size=)."
        ) from error


def _from_pixels(pixels: np.ndarray, size: Size | None) -> Float[Tensor, "N C H W"]:
    return _in_chunks(lambda i: resize(to_unit_range(pixels[i]), size), len(pixels))


def _from_files(files: list[Path], size: Size | None) -> Float[Tensor, "N C H W"]:
    """A few files at a time, so that only the result has to fit into memory; grey ones among coloured become RGB."""
    target = None if size is None else _height_width(size)
    out = torch.empty(0)
    start = 0
    for pixels in runs_of_one_shape(files):
        x = to_unit_range(pixels)
        if target is not None and x.shape[-2:] != target:
            x = _shrink(x, target, str(files[start]))
        if start == 0:
            out = _allocate(len(files), tuple(x.shape[1:]), x)
        if x.shape[-2:] != out.shape[-2:]:
            (h, w), (height, width) = x.shape[-2:], out.shape[-2:]
            raise CourseError(
                f"{files[start]} has {h}x{w} pixels (height x width), but {files[0]} has {height}x{width}: give "
                "images of one size, or pass size= to crop and shrink them to it."
            )
        if x.shape[1] > out.shape[1]:
            out = out.repeat(1, 3, 1, 1)
        out[start : start + len(x)] = x
        start += len(x)
    return out
