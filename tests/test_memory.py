"""The working memory does not grow with the dictionary: 60,000 images of 28x28 in one call, well under 4 GB."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

# a process of its own, so that its peak is the call's
SCRIPT = textwrap.dedent("""
    import resource, sys, torch, elscourse as els
    n, kind = int(sys.argv[1]), sys.argv[2]
    images = torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    machine = {
        "is": lambda: els.IdealScoreMachine(images),
        "ls": lambda: els.LocalScoreMachine(images, patch_size=7),
        "els": lambda: els.EquivariantLocalScoreMachine(images, patch_size=21),
        "wiener": lambda: els.WienerFilter(images),
    }[kind]()
    x_t = torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    assert machine(x_t, 0.5).isfinite().all()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
""")


def peak_gib(n: int, kind: str) -> float:
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(n), kind], capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["is", "ls", "els", "wiener"])
def test_the_whole_set_at_full_size(kind: str) -> None:
    peak = peak_gib(60_000, kind)
    print(f"{kind}: {peak:.2f} GiB")
    assert peak < 2
