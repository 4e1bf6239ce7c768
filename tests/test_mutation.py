"""The lessons notice: with a machine broken on purpose, a lesson fails at an assert."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Mutant:
    """One place of the package changed; `lesson` is a lesson that must fail on it."""

    name: str
    file: str
    right: str
    wrong: str
    lesson: str


TILES = "        dtype = logit_dtype(self, alpha, sigma)\n"
SLIDING = "    batch, _, height, width = x.shape\n    unit ="
MUTANTS = [
    Mutant("alpha dropped", "posterior.py", TILES, TILES + "        alpha = 1.0\n", "02_ideal"),
    Mutant("sigma not squared", "posterior.py", TILES, TILES + "        sigma = sigma**0.5\n", "02_ideal"),
    Mutant(
        "alpha dropped where images slide",
        "shifts.py",
        SLIDING,
        SLIDING.replace("unit =", "alpha = 1.0\n    unit ="),
        "07_els",
    ),
    Mutant(
        "window off by one where images slide",
        "window_sums.py",
        "_across(rows, U((y - above) * WIDTH), view, y, dy, dx,",
        "_across(rows, U((y - above) * WIDTH), view, y + 1, dy, dx,",
        "07_els",
    ),
    Mutant(
        "wrong displacements at the border",
        "patches.py",
        "    return [(0, 0, length), *moves]",
        "    return [(0, radius, length - radius), *moves]",
        "08_borders",
    ),
    Mutant(
        "window off by one where nothing slides",
        "shifts.py",
        "    apart = (places[:, None] - places).abs()",
        "    apart = (places[:, None] - places + 1).abs()",
        "04_local",
    ),
    Mutant(
        "window off by one",
        "patches.py",
        "    return padded.unfold(",
        "    padded = torch.roll(padded, 1, dims=-1)\n    return padded.unfold(",
        "07_els",
    ),
    Mutant(
        "wrong dictionary at the border",
        "machines.py",
        'patch_size, "torus" if self.padding == "circular" else "classes")',
        'patch_size, "torus")',
        "08_borders",
    ),
    Mutant(
        "weights not normalised",
        "posterior.py",
        "        return self.weighted / self.total\n",
        "        return self.weighted\n",
        "02_ideal",
    ),
    Mutant(
        "sums of chunks not rescaled",
        "posterior.py",
        "        a, b = torch.exp(self.largest - largest), torch.exp(other.largest - largest)\n",
        "        a, b = torch.ones_like(largest), torch.ones_like(largest)\n",
        "02_ideal",
    ),
    Mutant(
        "the strongest rival left straight",
        "bent_filter.py",
        "        return self._curve(t, None if labels is None else self.filter.image_labels)(answer)\n",
        "        return answer\n",
        "11_agreement",
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name.replace(" ", "-"))
def test_a_lesson_fails_on_a_broken_machine(mutant: Mutant, tmp_path: Path) -> None:
    package = tmp_path / "elscourse"
    shutil.copytree(ROOT / "elscourse", package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "data").symlink_to(ROOT / "data")  # found beside the package
    text = (package / mutant.file).read_text(encoding="utf-8")
    assert text.count(mutant.right) == 1, "the mutant no longer applies: rewrite it"
    (package / mutant.file).write_text(text.replace(mutant.right, mutant.wrong), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(ROOT / "notebooks" / f"{mutant.lesson}.py")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=600,
    )
    assert done.returncode == 1, "the lesson did not notice"
    assert "AssertionError" in done.stderr, done.stderr[-2000:]
