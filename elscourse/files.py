"""Files are written beside their place and moved there: a kill, or a full disk, leaves the old file or the new one."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tokenize import TokenError
from zipfile import BadZipFile

import numpy as np
import torch
from safetensors.torch import save as as_safetensors
from torch import Tensor

from .errors import CourseError, brief

# what reading an array raises if the file is damaged, or holds something else
UNREADABLE = (
    OSError, ValueError, EOFError, BadZipFile, zlib.error, TokenError, SyntaxError, RuntimeError, TypeError, KeyError
)  # fmt: skip


def shipped(folder: str) -> Path:
    """Where files of the course are: in _FOLDER inside the installed package, else in FOLDER beside it in a clone."""
    package = Path(__file__).parent
    inside = package / f"_{folder}"
    return inside if inside.is_dir() else package.parent / folder


def digest_of(files: Iterable[Path], root: Path) -> str:
    """A hash of these files, which lie below `root`: of their places there, sorted, and of what they hold."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def as_path(given: str | Path) -> Path:
    """The path that somebody wrote, ~ for their own folder; pathlib's own way fails where "~name" is no user."""
    try:
        return Path(os.path.expanduser(given))
    except TypeError:
        raise CourseError(
            f"a path must be text or a pathlib.Path, such as 'runs/out.png', got {brief(given)}."
        ) from None


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yields a path to write to, and then moves the file to `path`, whose folder is made if there is none. A file that
    was there keeps its permissions and, if it is a link, its place.

    Raises CourseError, with the reason, if that cannot be done; whatever was written so far is removed.
    """
    place = _place(path)
    # the process's id, because two may write to one folder; the suffix, because many writers know the format by it
    partial = place.with_name(f"{path.stem[:50]}.{os.getpid()}.partial{path.suffix}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with suppress(OSError):  # there is none yet, or the file system knows no permissions
            shutil.copymode(place, partial)
        os.replace(partial, place)
    except OSError as error:
        raise _cannot_be_written(path, getattr(error, "strerror", None) or str(error)) from error
    finally:
        with suppress(OSError):
            partial.unlink()


def save_text(text: str, path: Path) -> None:
    """Write a whole text file, in UTF-8, with the same line endings on every system.

    A name that is not valid text, as old archives leave behind, is written as Jos\\udce9: JSON reads it as that name.
    """
    with whole_file(path) as partial:
        partial.write_bytes(text.encode("utf-8", "backslashreplace"))


def save_array(array: np.ndarray, path: Path) -> None:
    """Write a whole .npy file, by way of memory: numpy writes to files in C, which may not see that a disk is full."""
    content = io.BytesIO()
    np.save(content, array)
    with whole_file(path) as partial:
        partial.write_bytes(content.getvalue())


def save_tensors(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file beside `path` and move it into place: never a half-written file under that name."""
    with whole_file(path) as partial:
        # as bytes: a file that safetensors makes itself is readable by its owner alone, whatever the umask says
        # a copy of each, as it refuses tensors that share memory
        copies = {name: v.clone(memory_format=torch.contiguous_format) for name, v in tensors.items()}
        partial.write_bytes(as_safetensors(copies, metadata))


def remove(path: Path) -> None:
    """Remove a file, if it is there. Raise CourseError if that is not allowed."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise CourseError(f"could not remove {path} ({error.strerror}): remove it, or name another place.") from error


def check_place(path: Path) -> None:
    """Make the folder of `path`. Raise CourseError unless a file can be put there: users should know before, not after,
    its contents are computed."""
    folder = _place(path).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_be_written(path, error.strerror) from error
    if not os.access(folder, os.W_OK):
        raise _cannot_be_written(path, f"you may not write to {folder}")


def _place(path: Path) -> Path:
    """Where a file is put: if it is a link, where that leads."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else path


def _cannot_be_written(path: Path, reason: str | None) -> CourseError:
    for parent in path.parents:
        if parent.is_file():
            return CourseError(f"could not write {path}: {parent} is a file, not a folder; name another place.")
    # Windows replaces no file that a program, such as a spreadsheet, has open
    close = "close it where it is open, " if sys.platform == "win32" and os.path.exists(path) else ""
    return CourseError(
        f"could not write {path} ({reason}): {close}make room there, or name a folder that you may write to."
    )
