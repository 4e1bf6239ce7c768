"""The learner's folder, and the lessons themselves as files."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ok, run

import elscourse as els
from elscourse import files, workspace

LESSONS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.py"))


def test_work_is_never_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "a folder of folders" / "mine"
    copied, kept = workspace.copy_lessons(mine)
    assert [p.name for p in copied] == [p.with_suffix(".ipynb").name for p in LESSONS] and not kept
    copied[0].write_text("my own work")
    again, kept = workspace.copy_lessons(mine)
    assert not again and len(kept) == len(LESSONS) and kept[0].read_text() == "my own work"


def test_a_copy_that_is_cut_off_is_no_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        target.write_text("half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        with pytest.raises(els.CourseError, match=r"could not write .*\.ipynb \(No space left on device\): make room"):
            workspace.copy_lessons(tmp_path)
    copied, kept = workspace.copy_lessons(tmp_path)
    assert len(copied) == len(LESSONS) and not kept and not list(tmp_path.glob("*.partial*"))


def test_odd_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "mine", tmp_path / ("x" * 300)):
        with pytest.raises(els.CourseError, match="name a folder of your own with --dir"):
            workspace.copy_lessons(folder)
    lessons = workspace.lessons_dir()
    for folder in (lessons, lessons / ".." / lessons.name):  # two names of one folder
        with pytest.raises(els.CourseError, match="the course's own lessons"):
            workspace.copy_lessons(folder)


def test_a_folder_without_dir_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "run", lambda command, folder: 0)
    monkeypatch.chdir(tmp_path)
    result = run("lab", "mine")
    assert result.exit_code == 1 and "name a folder of your own with --dir mine" in result.output
    ok("lab", LESSONS[0].with_suffix(".ipynb").name)


def test_lab_opens_jupyterlab_in_that_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(workspace, "run", lambda command, folder: calls.append((command[1:], folder)) or 0)
    said = ok("lab", "--dir", str(tmp_path / "mine"), "--no-browser", "--port=9999")
    assert f"lessons copied: {len(LESSONS)}, kept as you left them: 0." in said
    assert calls == [(["-m", "jupyterlab", "--no-browser", "--port=9999"], tmp_path / "mine")]
    assert (tmp_path / "mine" / LESSONS[0].with_suffix(".ipynb").name).exists()


JUPYTER = """
import signal, sys, time

def ask(*_):
    time.sleep(1)  # until one has answered
    print("asked")
    sys.exit(7)

assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN, "handed down"
signal.signal(signal.SIGINT, ask)
signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
print("open", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(os.name == "nt", reason="no process groups")
def test_ctrl_c_lets_jupyterlab_ask(tmp_path: Path) -> None:
    (tmp_path / "jupyterlab.py").write_text(JUPYTER)  # python -m finds what lies in the folder first
    command = [sys.executable, "-m", "elscourse", "lab", "--dir", "."]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        while process.stdout.readline() not in ("open\n", ""):
            pass
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to both
        assert process.stdout.read() == "asked\n" and process.wait() == 7


@pytest.mark.skipif(os.name == "nt", reason="no SIGTERM")
def test_jupyterlab_ends_with_the_command(tmp_path: Path) -> None:
    (tmp_path / "jupyterlab.py").write_text(JUPYTER)
    command = [sys.executable, "-m", "elscourse", "lab", "--dir", "."]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, start_new_session=True, **pipes) as process:
        assert process.stdout is not None
        while process.stdout.readline() not in ("open\n", ""):
            pass
        process.terminate()  # this process alone, as a service manager does
        assert process.stdout.read() == "ended\n" and process.wait() == 143


def test_without_jupyterlab_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(els.CourseError, match="JupyterLab is not installed: run"):
        workspace.open_lab(tmp_path, [])


def test_ctrl_c_is_the_notebook_s_again_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def own(*_: object) -> None: ...

    monkeypatch.setattr(workspace, "run", lambda command, folder: 0)
    before = signal.signal(signal.SIGINT, own)
    try:
        workspace.open_lab(tmp_path, [])
        assert signal.getsignal(signal.SIGINT) is own
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_lessons_of_an_installed_course_are_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elscourse" / "_notebooks").mkdir(parents=True)
    monkeypatch.setattr(files, "__file__", str(tmp_path / "elscourse" / "files.py"))
    assert workspace.lessons_dir() == tmp_path / "elscourse" / "_notebooks"
