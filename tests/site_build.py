"""The built website, once per test run, from a copy of what git would hand to a newcomer, without a network."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def working_tree(folder: Path) -> Path:
    """A copy of all files that git knows or would take up."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


def without_network() -> list[str]:
    """What to put in front of a command to cut its network, where this computer can; nothing elsewhere."""
    for cut in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):  # others than root need the second
        with contextlib.suppress(OSError):
            if subprocess.run([*cut, "true"], capture_output=True, check=False).returncode == 0:
                return cut
    return []


def build(tree: Path) -> Path:
    """The site of a tree, built as `./course book` does it: with warnings as errors."""
    out = tree / "_site"
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-c", "book"]
    command += ["-d", ".venv/doctrees", ".", str(out)]
    done = subprocess.run(
        [*without_network(), *command], cwd=tree, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out
