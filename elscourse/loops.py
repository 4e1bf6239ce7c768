"""How loops are compiled by numba, and kept from one process to the next."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit


def compiled(loops: Callable[..., Any]) -> Any:
    """njit without Python's lock, kept from one process to the next, while its sources are the same, where there is a
    folder to keep it in.

    numba looks at the date of the loop's own file only; what loops share lies in others, which are looked at here.
    """
    try:
        dispatcher = njit(cache=True, nogil=True)(loops)
    except RuntimeError:  # none that may be written to
        return njit(nogil=True)(loops)
    kept = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if kept is not None:
        kept._source_stamp = kept._source_stamp, shared_sources()
        kept.load = functools.partial(_load, kept, kept.load)
    return dispatcher


def _load(kept: Any, load: Callable[[Any], Any], key: Any) -> Any:
    """What was compiled before. A damaged file is forgotten, and the loop compiled anew; numba would end here."""
    try:
        return load(key)
    except Exception:  # whatever unpickling half a file may raise
        kept.flush()
        return None


@functools.cache
def shared_sources() -> str:
    """A digest of the files that compiled loops share."""
    files = (Path(__file__).with_name(name) for name in ("loops.py", "vectors.py", "votes.py", "window_sums.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


# A part of a compiled loop. It allocates nothing, so numba need not count who holds an array: `_nrt`, not part of its
# public interface, says so, and loops are a fifth faster.
part = njit(forceinline=True, _nrt=False)
