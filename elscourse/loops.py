"""How loops are compiled by numba, and kept from one process to the next."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """njit, kept from one process to the next where there is a folder to keep it in, while its sources are the same.

    numba looks at the date of the loop's own file only; what loops share lies in others, which are looked at here.
    """

    def compile_later(loops: Callable[..., Any]) -> Any:
        try:
            dispatcher = njit(cache=True, **options)(loops)
        except RuntimeError:  # none that may be written to
            return njit(**options)(loops)
        kept = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
        if kept is not None:
            kept._source_stamp = kept._source_stamp, shared_sources()
        return dispatcher

    return compile_later


@functools.cache
def shared_sources() -> str:
    """A digest of the files that compiled loops share."""
    files = (Path(__file__).with_name(name) for name in ("loops.py", "vectors.py", "votes.py", "windows.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


# A part of a compiled loop. It allocates nothing, so numba need not count who holds an array: `_nrt`, not part of its
# public interface, says so, and loops are a fifth faster.
part = njit(forceinline=True, _nrt=False)
