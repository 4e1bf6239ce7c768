"""The learner's folder, and the lessons themselves as files."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

import elscourse as els
from elscourse import workspace
from elscourse.cli import main

LESSONS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.py"))


def test_work_is_never_overwritten(tmp_path: Path) -> None:
    copied, kept = workspace.copy_lessons(tmp_path / "mine")
    assert [p.name for p in copied] == [p.with_suffix(".ipynb").name for p in LESSONS] and not kept
    copied[0].write_text("my own work")
    again, kept = workspace.copy_lessons(tmp_path / "mine")
    assert not again and len(kept) == len(LESSONS) and kept[0].read_text() == "my own work"


def test_lab_opens_jupyterlab_in_that_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(subprocess, "call", lambda command, cwd: calls.append((command[1:], cwd)) or 0)
    result = CliRunner().invoke(main, ["lab", "--dir", str(tmp_path / "mine"), "--no-browser", "--port=9999"])
    assert result.exit_code == 0, result.output
    assert calls == [(["-m", "jupyterlab", "--no-browser", "--port=9999"], tmp_path / "mine")]
    assert (tmp_path / "mine" / LESSONS[0].with_suffix(".ipynb").name).exists()


def test_without_jupyterlab_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(els.CourseError, match="JupyterLab is not installed: run"):
        workspace.open_lab(tmp_path, [])
