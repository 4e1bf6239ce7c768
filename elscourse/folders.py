"""A folder of images: which files it has, what classes they form, and the pixels of one file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .errors import CourseError, warn

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff")
UNREAD = (".heic", ".heif", ".avif", ".jp2", ".jxl", ".svg")  # images too, but Pillow alone cannot read them everywhere
WHITE_OR_BLACK = 262  # the tag of a TIFF that says what 0 is: 0 for white, 1 for black
RUN_BYTES = 2**25  # decoded images held at a time


def image_files(root: Path) -> list[Path]:
    """The images in a folder and its subfolders, sorted by path; hidden files and folders are left out, and, with a
    warning, images of kinds that cannot be read.

    Raises CourseError if the folder does not exist, is a file, holds no image, or holds a folder that
    cannot be read.
    """
    try:
        there = root.exists()
    except OSError as error:
        raise CourseError(
            f"{root} cannot be read ({error.strerror}): change its permissions, or name another folder."
        ) from error
    if not there:
        raise CourseError(f"{root} does not exist: expected a folder of images, or the name of a data set.")
    if not root.is_dir():
        raise CourseError(f"{root} is a file: expected a folder of images (unpack an archive first), or a .npy file.")
    there_are = [path for path in _visible(root) if path.suffix.lower() in (*SUFFIXES, *UNREAD) and path.is_file()]
    files = [path for path in there_are if path.suffix.lower() in SUFFIXES]
    if not files:
        raise CourseError(f"{root} holds no images: expected {', '.join(SUFFIXES)} files in it or in its subfolders.")
    if left_out := len(there_are) - len(files):
        kinds = ", ".join(sorted({path.suffix.lower() for path in there_are} & {*UNREAD}))
        warn(f"{root}: {left_out} images are left out ({kinds}): convert them to .png.")
    return sorted(files, key=lambda path: path.relative_to(root).as_posix())


def _visible(root: Path) -> Iterator[Path]:
    """All files that are not hidden: macOS leaves a "._photo.jpg" that is no image beside each photo it packs."""

    def unreadable(error: OSError) -> None:
        raise CourseError(f"{error.filename} cannot be read ({error.strerror}): change its permissions or take it out.")

    above: dict[str, set[str]] = {str(root): {os.path.realpath(root)}}  # of each folder, itself and those it lies in
    for folder, inside, names in os.walk(root, onerror=unreadable, followlinks=True):
        here = above.pop(folder)
        inside[:] = [name for name in inside if not name.startswith(".")]
        real = {name: os.path.realpath(os.path.join(folder, name)) for name in inside}
        inside[:] = [name for name in inside if real[name] not in here]  # a link to a folder around it would never end
        above |= {os.path.join(folder, name): here | {real[name]} for name in inside}
        yield from (Path(folder, name) for name in names if not name.startswith("."))


def classes(root: Path, files: list[Path]) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Labels and class names from the first level of subfolders; (None, ()) if an image lies outside of them."""
    parts = [path.relative_to(root).parts for path in files]
    if any(len(part) == 1 for part in parts):
        return None, ()
    names, labels = np.unique([part[0] for part in parts], return_inverse=True)
    return labels, tuple(names.tolist())


def read_image(path: Path) -> np.ndarray:
    """One image as uint8 with shape (H, W, 1) if all its pixels are grey, else (H, W, 3).

    Of several frames or pages the first is taken, with a warning, and what is transparent becomes black. Raises
    CourseError, with the file's name, if it cannot be read, or does not say which of its numbers are black and white.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as file:
            _check_black_and_white(path, file.mode, file.format)
            several = getattr(file, "is_animated", False) and file.format != "MPO"  # that is a photo and its previews
            zero_is_white = getattr(file, "tag_v2", {}).get(WHITE_OR_BLACK) == 0
            image = ImageOps.exif_transpose(file)  # else photos taken with a turned camera lie on their side
            if image.mode.startswith("I"):  # 16 bits per pixel, which PIL would clip to 8 instead of scaling
                pixels = _in_8_bits(image, zero_is_white)[..., None]
            else:
                if image.has_transparency_data:
                    image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image.convert("RGBA"))
                pixels = np.asarray(image.convert("RGB"))
    except CourseError:
        raise
    except Exception as error:  # PIL's readers fail in many ways on a damaged file
        raise CourseError(
            f"{path} is not a readable image ({error}): repair it, or take it out of the folder."
        ) from error
    if several:
        warn(
            f"{path.parent}: of a file with several frames or pages only the first is taken. Save the others as files "
            "of their own."
        )
    grey = (pixels == pixels[..., :1]).all()
    return pixels[..., :1] if grey else pixels


def _in_8_bits(image: Image, zero_is_white: bool) -> np.ndarray:
    """16-bit grey as uint8, where PIL leaves to its caller which value is transparent, and whether 0 is white."""
    pixels = np.asarray(image)
    if zero_is_white:
        pixels = 65535 - pixels
    return np.where(pixels == image.info.get("transparency"), 0, np.round(pixels / 257)).astype(np.uint8)


def _check_black_and_white(path: Path, mode: str, kind_of_file: str | None) -> None:
    """Raise CourseError for floats and 32-bit integers, as a TIFF may hold: PIL would cut them off, or wrap them."""
    if mode == "F" or (mode == "I" and kind_of_file != "PNG"):  # older PILs call a PNG's 16 bits so
        kind = "floats" if mode == "F" else "signed or 32-bit integers"
        raise CourseError(
            f"{path} has {kind} for pixels, so its black and white are not known: save it with 8 or 16 bits, or write "
            "all images into one .npy file."
        )


def runs_of_one_shape(files: list[Path]) -> Iterator[np.ndarray]:
    """The images in order, uint8 with shape (n, H, W, C): neighbours of one shape together, about 32 MB at most."""
    run: list[np.ndarray] = []
    for path in files:
        image = read_image(path)
        if run and (image.shape != run[0].shape or len(run) * image.size >= RUN_BYTES):
            yield np.stack(run)
            run = []
        run.append(image)
    if run:
        yield np.stack(run)
