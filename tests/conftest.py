"""Shared by all tests: the same random cases in every run, and no time limit per case on a busy machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from hypothesis import settings
from site_build import ROOT, build, working_tree
from torch import Tensor

from elscourse import checkpoints
from elscourse.cli import main

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip

settings.register_profile("course", deadline=None, derandomize=True, max_examples=60, print_blob=True)
settings.load_profile("course")


@pytest.fixture(autouse=True)
def no_personal_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nor networks that someone has trained in the folder where the tests are started."""
    for name in ("ELSCOURSE_LAB", "ELSCOURSE_DATA", "ELSCOURSE_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(checkpoints, "OWN_NETWORKS", tmp_path / checkpoints.OWN_NETWORKS)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built website."""
    return build(working_tree(tmp_path_factory.mktemp("tree")))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser that asks nothing of the network by itself."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM:
        pytest.skip("no chromium: install it, or set CHROMIUM to its path")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which two tiny networks were trained and calibrated by the commands."""
    folder = tmp_path_factory.mktemp("tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        images = ("--dataset", "fashion-mnist", "--size", "8", "--n", "60")
        ok("train", "tiny", *images, "--width", "8", "--steps", "40")
        ok("train", "tiny-classes", *images, "--width", "8", "--steps", "40", "--conditional")
        for name in ("tiny", "tiny-classes"):
            ok("calibrate", name, "--samples", "2", "--steps", "4")
    return folder


@pytest.fixture
def here(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh folder to work in, with the tiny networks."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "networks").symlink_to(tiny / "runs" / "networks")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def pictures(n: int, c: int, h: int, w: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Random images in [-1, 1]."""
    return torch.rand(n, c, h, w, generator=torch.Generator().manual_seed(seed), dtype=dtype) * 2 - 1


def noised(images: Tensor, batch: int, alpha: float, sigma: float, seed: int = 1) -> Tensor:
    """x_t around the first images, as the sampler meets it."""
    clean = images[torch.arange(batch) % len(images)]
    eps = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed), dtype=images.dtype)
    return alpha * clean + sigma * eps


def run(*command: str | Path) -> Result:
    """An elscourse command, in this process."""
    return CliRunner().invoke(main, [str(word) for word in command])


def ok(*command: str | Path) -> str:
    """What it prints, if it succeeds."""
    result = run(*command)
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result.output


def python(*arguments: str, **settings: str) -> str:
    """What a Python of its own prints, run in the repository with these environment variables, if it succeeds."""
    command, environ = [sys.executable, *arguments], os.environ | settings
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
