"""The complete published sets: where they are on this computer, how to get them, and reading them.

torchvision parses the files; this module only finds, checks and fetches them. The facts are in catalogue.py.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from torch import Tensor

from .catalogue import CATALOGUE, CELEBA_FOLDER, CIFAR_ARCHIVE, CIFAR_FOLDER, Dataset
from .errors import CourseError, unknown_name
from .files import as_path, check_place

# uint8 images with shape (N, H, W) or (N, H, W, C), or a list of image files; labels (N,) or None.
Raw = tuple[np.ndarray | list[Path], np.ndarray | None]


def download_folder() -> Path:
    """Where downloads go: $ELSCOURSE_DATA if it is set, else the user's cache, as pooch finds it on each system."""
    given = os.environ.get("ELSCOURSE_DATA")
    return as_path(given) if given else _cache_folder()


def search_folders() -> list[Path]:
    """Where complete sets are looked for, in this order; none of them has to exist.

    $ELSCOURSE_DATA; `data` in the working folder, as in torchvision's examples; Debian's packages; the user's cache.
    """
    own = [download_folder()] if os.environ.get("ELSCOURSE_DATA") else []
    places = [*own, Path("data"), Path("/usr/share/datasets")]
    with suppress(CourseError):  # some containers have no home folder
        places.append(_cache_folder())
    return list(dict.fromkeys(places))


def find(dataset: Dataset) -> Path | None:
    """The first folder that has all files of the set, or None."""
    for base in search_folders():
        below = [base / folder for folder in dataset.folders]
        itself = [base] if base.name in dataset.folders else []
        for place in below + itself:
            if dataset.present(place):
                return place
    return None


def read(dataset: Dataset) -> Raw:
    """The complete set as it is on this computer: uint8 images, or image files, and labels.

    Raises CourseError if the set is not here, if a file is damaged (it is named, with what to do about it), or if
    torchvision is missing.
    """
    place = find(dataset)
    if place is None:
        raise _not_here(dataset)
    try:
        import torchvision  # noqa: F401
    except ImportError as error:
        raise CourseError(
            f"reading the complete {dataset.name} needs torchvision, which cannot be imported here ({error}): "
            "`pip install torchvision`."
        ) from error
    reader = _READERS[dataset.name]
    try:
        return reader(dataset, place)
    except Exception as error:  # readers of damaged files fail in many ways
        if _is_the_systems(error):
            raise CourseError(
                f"{dataset.name} in {place} cannot be read ({error}): change its permissions or, if the disk is full, "
                "make room in the folder for temporary files (TMPDIR), where it is unpacked."
            ) from error
        reason = str(error).split(". You can use")[0]  # torchvision's advice does not apply here
        raise CourseError(
            f"{dataset.name} in {place} is damaged or incomplete ({reason or type(error).__name__}): "
            f"delete the damaged file, then {_how_to_get(dataset)}."
        ) from error


def _is_the_systems(error: Exception) -> bool:
    """Whether the system refused something, and no file is to blame: a full disk, a file that may not be read."""
    if not isinstance(error, OSError) or error.errno is None:
        return False
    if isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError):
        return error.filename is None  # so says Python where it finds no folder for temporary files
    return True


def download(name: str) -> Path:
    """Fetch a set into `download_folder()`, check its sha256, and return the folder that has it.

    A file is written beside its place and moved there once its sha256 is right. Files that are there and right are not
    fetched again, so an interrupted download goes on with the next file. Raises CourseError for an unknown name and, if
    no mirror gave a file, with each mirror's reason.
    """
    if name not in CATALOGUE:
        raise unknown_name("dataset", name, CATALOGUE)
    dataset = CATALOGUE[name]
    if dataset.comes_whole:
        raise CourseError(f"{name} comes with the course, all {dataset.images:,} images: there is nothing to fetch.")
    if not dataset.mirrors:
        raise CourseError(f"{name} cannot be fetched by a program: {_how_to_get(dataset)}.")
    place = (download_folder() / dataset.folders[0]).resolve()
    check_place(place / "file")
    for file, sha256 in dataset.downloads.items():
        _fetch(file, sha256, dataset, place)
    return place


def _cache_folder() -> Path:
    import pooch

    try:
        return Path(pooch.os_cache("elscourse"))
    except RuntimeError as error:
        raise CourseError("there is no home folder here: set ELSCOURSE_DATA to a folder for data sets.") from error


def _fetch(file: str, sha256: str, dataset: Dataset, place: Path) -> None:
    import pooch

    reasons = []
    for mirror in dataset.mirrors:
        try:
            pooch.retrieve(mirror + file, sha256, fname=file, path=place, progressbar=True)
            return
        except OSError as error:  # requests' errors are OSErrors, some ValueErrors too, and their texts are long
            reasons.append(f"{mirror}: {type(error).__name__}, {str(error)[:120]}")
        except ValueError:
            reasons.append(f"{mirror} has another file under this name (its sha256 is not {sha256[:12]}...)")
    raise CourseError(
        f"{file} of {dataset.name} could not be downloaded: {'; '.join(reasons)}. Check the connection and try again, "
        f"or put the file into {place} by hand."
    )


def _how_to_get(dataset: Dataset) -> str:
    if dataset.mirrors:
        return f"run `elscourse datasets download {dataset.name}`, or set ELSCOURSE_DATA to a folder that has it"
    return f"download {dataset.by_hand} by hand from {dataset.page} into {download_folder() / dataset.folders[0]}"


def _not_here(dataset: Dataset) -> CourseError:
    places = ", ".join(str(folder) for folder in search_folders())
    few = f" The first {dataset.bundled:,} are bundled: pass n={dataset.bundled} or less." if dataset.bundled else ""
    return CourseError(
        f"the complete {dataset.name} ({dataset.images:,} images) is not on this computer (looked in {places}): "
        f"{_how_to_get(dataset)}.{few}"
    )


def _check_sha256(path: Path, expected: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise ValueError(f"{path.name} has the sha256 {found[:12]}..., expected {expected[:12]}...")


def _read_idx(dataset: Dataset, place: Path) -> Raw:
    from torchvision.datasets import mnist

    (pixels, *_), (classes, *_) = dataset.files
    images = _parse_idx(place / pixels, dataset.contents[pixels], mnist.read_image_file)
    labels = _parse_idx(place / classes, dataset.contents[classes], mnist.read_label_file)
    return images.numpy(), labels.numpy()


def _parse_idx(path: Path, sha256: str, parse: Callable[[str], Tensor]) -> Tensor:
    if path.exists():
        _check_sha256(path, sha256)
        return parse(str(path))
    with TemporaryDirectory() as folder:  # torchvision parses uncompressed files only
        unpacked = Path(folder) / path.name
        try:
            with gzip.open(f"{path}.gz") as packed, unpacked.open("wb") as out:
                shutil.copyfileobj(packed, out)
        except Exception as error:
            if _is_the_systems(error):
                raise
            raise ValueError(f"{path.name}.gz does not unpack: {error}") from error
        _check_sha256(unpacked, sha256)
        return parse(str(unpacked))


def _read_cifar10(dataset: Dataset, place: Path) -> Raw:
    # CIFAR-10 is published as pickles. Nothing here unpickles: torchvision does, after checking the hash of each file.
    from torchvision.datasets import CIFAR10

    if (place / CIFAR_FOLDER).is_dir():
        data = CIFAR10(place)
        return data.data, np.asarray(data.targets)
    with TemporaryDirectory() as folder:
        _check_sha256(place / CIFAR_ARCHIVE, dataset.downloads[CIFAR_ARCHIVE])
        with tarfile.open(place / CIFAR_ARCHIVE) as archive:
            if hasattr(tarfile, "data_filter"):  # the first releases of Python 3.11 have none
                archive.extraction_filter = tarfile.data_filter
            archive.extractall(folder)
        data = CIFAR10(folder)
        return data.data, np.asarray(data.targets)


def _read_celeba(dataset: Dataset, place: Path) -> Raw:
    # 19 GB of pixels: only the names, to be read and resized one by one. 40 attributes, but no classes: no labels.
    from torchvision.datasets import CelebA

    names = CelebA(place.parent, split="train", target_type=[]).filename
    return [place / CELEBA_FOLDER / name for name in names], None


_READERS: dict[str, Callable[[Dataset, Path], Raw]] = {
    "fashion-mnist": _read_idx,
    "fashion-mnist-test": _read_idx,
    "mnist": _read_idx,
    "cifar10": _read_cifar10,
    "celeba": _read_celeba,
}
