"""The working memory does not grow with the dictionary: 60,000 images of 28x28 in one call, in 1 GiB beyond them."""

from __future__ import annotations

import sys
import textwrap

import pytest
from conftest import python

# a process of its own, so that its peak is the call's; what torch itself takes, up to 1.5 GiB, depends on its build
SCRIPT = textwrap.dedent("""
    import sys, torch, elscourse as els
    from elscourse.measure_memory import _memory_in_use, _memory_peak
    n, kind = int(sys.argv[1]), sys.argv[2]
    images = torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    before = _memory_in_use("cpu")
    machine = {
        "is": lambda: els.IdealScoreMachine(images),
        "ls": lambda: els.LocalScoreMachine(images, patch_size=7),
        "els": lambda: els.EquivariantLocalScoreMachine(images, patch_size=21),
        "wiener": lambda: els.WienerFilter(images),
        "local-filter": lambda: els.LocalFilter(images, patch_size=7, equivariant=True),
    }[kind]()
    x_t = torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    assert machine(x_t, 0.5).isfinite().all()
    print((_memory_peak("cpu") - before) / 2**30)
""")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone says it")
@pytest.mark.parametrize("kind", ["is", "ls", "els", "wiener", "local-filter"])
def test_the_whole_set_at_full_size(kind: str) -> None:
    peak = float(python("-c", SCRIPT, "60000", kind))
    print(f"{kind}: {peak:.2f} GiB")
    assert 0 < peak < 1
