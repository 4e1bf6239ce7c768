"""Assignments: what is handed out holds no solution, and what comes back is judged fairly, whatever it does."""

from __future__ import annotations

import csv
import inspect
import io
import json
import linecache
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from conftest import ok, run
from test_exercises import CODE, NOTEBOOKS, SOLUTION, lesson_cells

from elscourse import check
from elscourse.cli import main
from elscourse.errors import CourseError
from elscourse.files import save_text
from elscourse.grading import assignment, attempt, grades, learners, reading, table, wire, worker
from elscourse.grading import pupil as pupils
from elscourse.grading.pupil import Limits, Pupil

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at the processes as Linux shows them")
PACKAGE = grades._package
LESSONS = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
IMPORTS = "import os, sys, math\nimport torch\nimport elscourse as els\nfrom elscourse import check\n"
NOISING = """
def noising(x_0, eps, t):
    theta = (torch.pi / 2 * t / 1.008)[:, None, None, None]
    return theta.cos() * x_0 + theta.sin() * eps
"""
ANGLE = "torch.pi / 2 * t / 1.008"
SAMPLER = """
schedule = els.CosineSchedule()

def sampler_loop(denoiser, noise, steps):
    x_t, times = noise, schedule.times(steps)
    for t, t_next in zip(times, times[1:]):
        x0_hat = denoiser(x_t, t=t)
        eps_hat = (x_t - schedule.alpha(t) * x0_hat) / schedule.sigma(t)
        x_t = schedule.alpha(t_next) * x0_hat + schedule.sigma(t_next) * eps_hat
    return x_t

check.sampler_loop(sampler_loop)
"""


def noising(*lines: str) -> str:
    """An attempt at the exercise `noising` with this body."""
    return "def noising(x_0, eps, t):\n" + "".join(f"    {line}\n" for line in lines)


# name of the learner -> (cells after the imports, state of `noising`, what its check says, remark); None: whatever
LEARNERS: dict[str, tuple[list[str], str, str | None, str]] = {
    "ada": ([NOISING, SAMPLER], "correct", r"On 3 cases", ""),
    "crash": (
        ["scale = 1 / 0", noising("return scale * x_0")],
        "incorrect",
        r"NameError",
        r"^code cell 2 raises ZeroDivisionError: division by zero; no value for scale: a cell failed, or is missing$",
    ),
    "lost-a-cell": (
        ["angle = half * 2", NOISING.replace(ANGLE, "angle * t + half")],
        "incorrect",
        r"name 'angle' is not defined",
        r"^no value for half, angle: a cell failed, or is missing$",
    ),
    "sweeps": (  # had the worker files of its own there, they would be gone
        [noising("for name in os.listdir('.'):", "    os.remove(name)", "os._exit(1)")],
        "incorrect",
        r"process ended \(exit status 1\)",
        r"^noising: The notebook's process ended",
    ),
    "loops": (
        [noising("while True:", "    pass"), SAMPLER],
        "incorrect",
        r"^Stopped after",
        r"^noising: Stopped after 4 seconds: is there a loop that does not end\?$",
    ),
    "loops-in-a-cell": (
        ["while True:\n    scale = 1", noising("return scale"), SAMPLER],
        "incorrect",
        r"4 seconds in code cell 2: is there",
        r"^noising: Stopped after 4 seconds in code cell 2: is there a loop that does not end\?$",
    ),
    "leaves": (
        [noising("os._exit(0)"), SAMPLER],
        "incorrect",
        r"process ended \(exit status 0\)",
        r"^noising: The notebook's process ended \(exit status 0\)$",
    ),
    "patches": (
        [
            "import builtins\nfor name in ('allclose', 'equal'):\n    setattr(torch, name, lambda *a, **k: True)\n"
            "torch.allclose = lambda *a, **k: True\nbuiltins.all = lambda *a: True\ncheck.noising = print",
            noising("return torch.zeros_like(x_0) if all([]) else check.noising"),
        ],
        "incorrect",
        r"In case 1 of 3",
        "",
    ),
    "examines": (
        ["from elscourse.check.exercise import Exercise\nExercise.examine = lambda *a: 'correct'", noising("Exercise")],
        "incorrect",
        None,
        r"^reaches for the answers \(\.examine, elscourse\.check\.exercise, ",
    ),
    "asks": (
        [noising("return check.exercises()['noising'].answer(x_0, eps, t)")],
        "incorrect",
        r"raises TypeError",
        r"^reaches for the answers \(\.answer, \.exercises\): look at it",
    ),
    "hides": (
        [
            "import importlib",
            noising("del sys.modules['elscourse.' + 'check']", "importlib.import_module('elscourse.' + 'check')"),
            SAMPLER,
        ],
        "incorrect",
        r"raises PermissionError",
        r"^reaches for the answers \(.*check/__init__.py",
    ),
    "reads": (
        [noising(f"return open({str(NOTEBOOKS / LESSONS[1])!r} + '.ipynb').read()")],
        "incorrect",
        r"raises PermissionError",
        r"^reaches for the answers \(notebooks/01_noise.ipynb\)",
    ),
    "writes": (
        [noising("open(els.__file__, 'a').write('#')")],
        "incorrect",
        r"raises PermissionError",
        r"^reaches for the answers \(elscourse/__init__.py\)",
    ),
    "reads-compiled": (
        [noising("open(os.path.dirname(els.__file__) + '/__pycache__/reference.cpython-312.pyc', 'rb')")],
        "incorrect",
        r"raises PermissionError",
        r"^reaches for the answers \(__pycache__/reference.cpython-312.pyc\)",
    ),
    "reads-in-capitals": (  # the same file on macOS and Windows
        [noising("open(os.path.dirname(els.__file__) + '/CHECK/lesson_01.py')")],
        "incorrect",
        r"raises PermissionError",
        r"^reaches for the answers \(check/lesson_01.py\)",
    ),
    "compiles": (
        [
            "from elscourse import kernel\nkept = kernel.slide.stats.cache_path",
            NOISING.replace("theta =", "assert kept.startswith(os.getcwd())\n    theta ="),
        ],
        "correct",
        None,
        "",
    ),
    "caches": (
        [noising("open(os.path.dirname(els.__file__) + '/__pycache__/loops.nbi', 'w')")],
        "incorrect",
        r"raises PermissionError",
        "",
    ),
    "starts": ([noising("os.system('true')")], "incorrect", r"raises PermissionError", r"start another program"),
    "garbles": (
        [noising("for n in range(3, 12):", "    try: os.write(n, b'\\xff' * 64)", "    except OSError: pass")],
        "incorrect",
        r"cannot be understood \(4,294,967,295 bytes\)",
        r"^noising: What the notebook's process says",
    ),
    "talks": (
        [noising("os.write(1, b'x' * 10**7)", "os.write(2, b'x' * 10**7)"), ""],
        "incorrect",
        r"returns None",
        "",
    ),
    "swallows": ([noising("return torch.empty(2**29)")], "incorrect", r"raises RuntimeError", ""),  # 2 GiB
    "removes": (
        [noising("os.remove(els.__file__)")],
        "incorrect",
        r"raises PermissionError",
        r"^reaches for the answers \(elscourse/__init__.py\)",
    ),
    "forks": ([noising("os.fork()")], "incorrect", r"raises PermissionError", r"start another program"),
    "kills": ([noising("os.kill(os.getppid(), 0)")], "incorrect", r"raises PermissionError", r"start another program"),
    "connects": (
        ["import socket", noising("socket.create_connection(('127.0.0.1', 9))")],
        "incorrect",
        r"the grader allows no network",
        "",
    ),
    "two": (
        ["1 / 0", "def noising(x_0): return x_0", "%timeit 1\n" + NOISING, "sys.exit()"],
        "correct",
        None,
        r"noising is defined 2 times",
    ),
    "shadowed": (  # a later cell has another use for the helper's name, and another exercise needs that one
        [
            f"def schedule(t):\n    return torch.pi / 2 * t / 1.008\n{NOISING.replace(ANGLE, 'schedule(t)')}\n"
            "check.noising(noising)",
            SAMPLER,
        ],
        "correct",
        None,
        "",
    ),
    "helped-from-below": (
        [NOISING.replace(ANGLE, "angle(t)") + "\ncheck.noising(noising)", f"def angle(t):\n    return {ANGLE}"],
        "correct",
        None,
        "",
    ),
    "filled": (
        [
            "half = {}\ndef fill(d):\n    d['pi'] = [math.pi]\nfill(half)\nhalf['pi'].append(2)",
            NOISING.replace(ANGLE, "half['pi'][0] / half['pi'][1] * t / 1.008"),
        ],
        "correct",
        None,
        "",
    ),
    "unnamed": ([NOISING.replace("noising", "mine"), "check.noising(lambda *a: mine(*a));"], "correct", None, ""),
    "partial": (
        [
            "from functools import partial\ndef mine(x_0, eps, t, period):\n"
            "    theta = t[:, None, None, None] / period\n    return theta.cos() * x_0 + theta.sin() * eps\n"
            "for _ in range(2):\n    v = check.noising(partial(mine, period=1.008 * 2 / math.pi))",
        ],
        "correct",
        None,
        "",
    ),
    "unnamed-fails": (
        [NOISING, "check.noising(nosing)", "check.noising(lambda: 1 / 0)"],
        "incorrect",
        r"^Your function takes \(\), but 3 arguments",
        "",
    ),
    "lists-files": (["files = !ls *.ipynb\n" + NOISING], "correct", None, ""),
    "renamed": ([NOISING.replace("noising", "my_noise"), "check.noising(my_noise)"], "correct", None, ""),
    "lost": (
        [NOISING.replace("noising", "my_noise")],
        "not attempted",
        r"no function noising",
        r"^no function noising$",
    ),
    "other": (
        ["def ls_window(image, row, column, patch_size): ...", "els.reference"],
        "not attempted",
        None,
        r"^looks like lesson 04, not",
    ),
    "broken": (
        [NOISING.replace("return", "retrun"), SAMPLER],
        "incorrect",
        r"^The function could not be run: code cell 2 \(of noising\) cannot be read \(SyntaxError, line 4: retrun",
        r"^code cell 2 \(of noising\) cannot be read \(SyntaxError, line 4: retrun",
    ),
}
if sys.platform != "linux":
    del LEARNERS["swallows"]  # no other system limits memory
# Functions whose verdict must be the one that the learner has seen in the notebook, word by word.
ATTEMPTS = [
    NOISING,
    NOISING.replace(".sin", ".cos"),
    NOISING.replace("/ 1.008", ""),
    noising("..."),
    noising("return None"),
    noising("return 'text'"),
    noising("return [x_0, x_0]"),
    noising("return x_0.numpy()"),
    noising("return {1: 2}"),
    noising("return x_0.max(0)"),
    noising("class Liar:", "    __eq__ = lambda *a: True", "return Liar()"),
    noising("return x_0 / 0 - x_0 / 0"),
    noising("return x_0[0]"),
    noising("return x_0 > 0"),
    noising("return x_0.half()"),
    noising("return x_0.to_sparse()"),
    noising("return x_0.to('meta')"),
    noising("return torch.nn.Parameter(x_0)"),
    noising("x_0 *= 2", "return x_0"),
    noising("eps.resize_(3)", "return x_0"),
    noising("torch.set_default_dtype(torch.float64)", "return x_0"),
    noising("torch.set_grad_enabled(False)", "return x_0"),
    noising("return x_0 + y_0"),
    noising("class Odd(KeyError): pass", "x_0 + 1", "raise Odd('odd')"),
    noising("raise KeyboardInterrupt"),
    noising("raise ExceptionGroup('group', [ValueError()])"),
    noising("return b'' .decode(1)"),
    noising("x = 1 / 0"),
    noising("def again(): return again()", "return again()"),
    noising("sys.exit(0)"),
    noising("raise NotImplementedError", "return x_0"),
    "noising = 3",
    "class noising:\n    pass",
    "def noising(x_0): return x_0",
    "def noising(): return 0",
    "def noising(x_0, eps, t, period=1.008): return x_0",
    "noising = max",
    "noising = lambda x_0, eps, t: x_0",
    "import functools\nnoising = functools.partial(lambda a, x_0, eps, t: x_0, 1)",
    "class Callable:\n    def __call__(self, x_0, eps, t): return x_0 + 'a'\nnoising = Callable()",
]
FILES = {
    "empty": (b"", "empty"),
    "latin": ("{'cells': 'é'}".encode("latin-1"), "not text in UTF-8"),
    "list": (b"[[" * 10**5, "not a notebook"),
}


def notebook(*cells: str) -> str:
    """The text of a notebook with these code cells."""
    stub = [] if SAMPLER in cells or "ls_window" in cells[0] else ["def sampler_loop(denoiser, noise, steps): ..."]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in (IMPORTS, *cells, *stub)])
    return nbformat.writes(made)


FILES["cut"] = (notebook(NOISING).encode()[:200], "breaks off")


def rows_of(out: Path) -> dict[str, dict[str, Any]]:
    """Rows of grades.jsonl by learner."""
    lines = (out / "grades.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["learner"]: row for row in map(json.loads, lines)}


@pytest.fixture(autouse=True, scope="module")
def package_at_rest() -> Iterator[None]:
    """Whoever edits the package while its tests run has not tampered with it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grades, "_package", lambda: "as it is")
        yield


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """All learners, graded into one folder: that folder, and what was said. Only endless loops are stopped early."""
    folder = tmp_path_factory.mktemp("returned")
    endless = [name for name in LEARNERS if name.startswith("loops")]

    def hand_in(name: str) -> Path:
        file = folder / f"{name}.ipynb"
        file.write_text(notebook(*LEARNERS[name][0]), encoding="utf-8")
        return file

    for name in LEARNERS.keys() - endless:
        hand_in(name)
    for name, (data, _) in FILES.items():
        (folder / f"{name}.ipynb").write_bytes(data)
    (folder / "zoe").mkdir()
    (folder / "zoe" / "01_noise.ipynb").write_text(notebook(NOISING, SAMPLER), encoding="utf-8")
    out = folder.parent / "grades"
    only = ["--exercise", "noising", "--exercise", "sampler_loop"]
    options = ("--out", out, "--memory", "1", *only)
    said = ok("grade", "01", folder, *options)
    return out, said + "".join(ok("grade", "01", hand_in(name), *options, "--time-limit", "4") for name in endless)


@pytest.mark.parametrize("learner", LEARNERS)
def test_each_learner_gets_what_they_deserve(graded: tuple[Path, str], learner: str) -> None:
    _, state, says, remark = LEARNERS[learner]
    row = rows_of(graded[0])[learner]
    found = row["exercises"]["noising"]
    assert found["state"] == state, found
    assert says is None or re.search(says, found["says"]), found
    assert re.search(remark, row["remark"]) if remark else row["remark"] == "", row
    reaches = remark.startswith("^reaches")
    assert row["remark"].startswith("reaches") == reaches
    sampler = row["exercises"]["sampler_loop"]["state"] == "correct"
    assert sampler == (SAMPLER in LEARNERS[learner][0]), row  # whatever happened to the other function
    assert row["points"] == (0 if reaches else (state == "correct") + 2 * sampler) and row["of"] == 3


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_notebook_is_said_to_be_none(graded: tuple[Path, str], name: str) -> None:
    row = rows_of(graded[0])[name]
    assert row["points"] == 0 and FILES[name][1] in row["remark"]


def test_table_and_record_agree(graded: tuple[Path, str]) -> None:
    out, said = graded
    rows = rows_of(out)
    with (out / "grades.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert list(table[0]) == ["learner", "points", "of", "noising", "sampler_loop", "seconds", "remark"]
    assert [line["learner"] for line in table] == sorted({*LEARNERS, *FILES, "zoe"}) == list(rows)
    for line in table:
        row = rows[line["learner"]]
        assert int(line["points"]) == row["points"] and line["remark"] == row["remark"]
        assert all(line[name] == row["exercises"][name]["state"] for name in ("noising", "sampler_loop"))
        assert f": {row['learner']}: {row['points']} of 3" in said
    assert "zoe" in rows and rows["zoe"]["points"] == 3  # after everything that was done before


def test_what_is_graded_is_kept_until_it_changes(tmp_path: Path) -> None:
    returned, out = tmp_path / "returned", tmp_path / "out"
    returned.mkdir()
    for name in ("=ada", "bob"):
        (returned / f"{name}.ipynb").write_text(notebook(noising("...")), encoding="utf-8")
    arguments = ("grade", "01", returned, "--out", out, "--exercise", "noising")
    assert "graded before" not in ok(*arguments)
    (returned / "bob.ipynb").write_text(notebook(NOISING), encoding="utf-8")
    said = ok(*arguments)
    assert "1 of 2: =ada: 0 of 1 (graded before)" in said and "2 of 2: bob: 1 of 1\n" in said
    assert (out / "grades.csv").read_text(encoding="utf-8").splitlines()[1].startswith("'=ada,0,1,not attempted")
    (out / "grades.csv").unlink()
    shutil.rmtree(out / "feedback")
    assert ok(*arguments).count("graded before") == 2 and (out / "grades.csv").exists()
    assert {path.stem for path in (out / "feedback").iterdir()} == {"=ada", "bob"}
    assert "graded before" not in ok(*arguments[:2], returned / "bob.ipynb", *arguments[3:], "--fresh")
    for asked, this_one in ((("02",), "02 ("), (("01", "--exercise", "ddim_step"), "01 (ddim_step)")):
        other = run("grade", *asked, returned, "--out", out)
        says = f"another assignment, lesson 01 (noising); this one is lesson {this_one}"
        assert other.exit_code == 1 and says in other.output
    feedback = out / "feedback" / "bob.md"
    assert feedback.read_text(encoding="utf-8").startswith("# Lesson 01: 1 of 1 points\n\n* `noising`: correct.")
    assert set(rows_of(out)) == {"=ada", "bob"} and not list(out.glob("*.partial*"))


def test_whoever_builds_on_a_slip_is_told_so(tmp_path: Path) -> None:
    """ls_window is off by one, and ls_weights calls it."""
    wrong = "def ls_window(image, row, column, P):\n    return image[..., row : row + P, column : column + P]\n"
    right = "def ls_weights(x_t, images, row, column, P, alpha, sigma):\n    own = ls_window(images, row, column, P)\n"
    own = right + "    return torch.softmax(-(own**2).flatten(1).sum(1), 0)\n"
    (tmp_path / "fred.ipynb").write_text(notebook("import torch\n", wrong, own), encoding="utf-8")
    (tmp_path / "ada.ipynb").write_text(notebook(own.replace("ls_window", "torch.relu")), encoding="utf-8")
    half = notebook("import torch\n", wrong.replace("):", ")"), own)  # does not compile
    (tmp_path / "eve.ipynb").write_text(half, encoding="utf-8")
    exercises = ("--exercise", "ls_window", "--exercise", "ls_weights")
    ok("grade", "04", tmp_path, *exercises, "--out", tmp_path / "out")
    says = {learner: row["exercises"]["ls_weights"]["says"] for learner, row in rows_of(tmp_path / "out").items()}
    assert says["fred"].endswith(" It calls your ls_window, also incorrect: begin there.")
    assert says["eve"].endswith(" It calls your ls_window, which is missing or could not be run: begin there.")
    assert "begin there" not in says["ada"]
    assert says["fred"] in (tmp_path / "out" / "feedback" / "fred.md").read_text(encoding="utf-8")


def test_the_feedback_says_why_there_are_no_points(tmp_path: Path) -> None:
    """A damaged file, another lesson, a forbidden way: the learner reads it, once."""
    whole = notebook(NOISING).encode()
    reaches = notebook(NOISING, "import elscourse as els\nx = els.reference.ideal\n").encode()
    other = notebook("def ls_window(image, row, column, patch_size):\n    return image\n").encode()
    for name, data in {"cut": whole[:300], "other": other, "reaches": reaches, "sound": whole}.items():
        (tmp_path / f"{name}.ipynb").write_bytes(data)
    out = tmp_path / "out"
    ok("grade", "01", tmp_path, "--exercise", "noising", "--exercise", "ddim_step", "--out", out)
    reads = {name: (out / "feedback" / f"{name}.md").read_text(encoding="utf-8") for name in rows_of(out)}
    assert re.fullmatch(r"# .*: 0 of 3 .*\n\nAll exercises: not attempted\. There was .*breaks off.*\n", reads["cut"])
    assert re.fullmatch(r"# .*\n\nAll exercises: .* looks like lesson 04, not 01\.\n", reads["other"])
    assert "0 of 3 points\n\nNo points for now: " in reads["reaches"] and "`noising`: correct" in reads["reaches"]
    assert "No points" not in reads["sound"] and reads["sound"].count("* `") == 2


def test_only_what_is_incorrect_is_a_cause_and_only_of_what_is_incorrect() -> None:
    for state, other in (("incorrect", "not attempted"), ("correct", "incorrect")):
        verdicts = {"noising": (state, "So."), "ddim_step": (other, "")}
        assert grades._with_cause("noising", verdicts, {"noising": ["ddim_step"]}) == (state, "So.")


@pytest.mark.parametrize(
    ("state", "remarks"), [("correct", []), ("incorrect", ["noising: Stopped", "code cell 2 raises KeyError: 1"])]
)
def test_a_remark_is_of_what_went_wrong(state: str, remarks: list[str], tmp_path: Path) -> None:
    """A cell that fails where all is correct is none, nor is trouble that another exercise met."""
    chosen = [check.exercises()[name] for name in ("noising", "sampler_loop")]
    trouble = "Stopped." if remarks else ""
    pupil = Pupil(tmp_path, Limits(), problems=["code cell 2 raises KeyError: 1"], trouble=trouble)
    verdicts = {"noising": (state, trouble or "On 3 cases."), "sampler_loop": ("correct", "On 3 cases.")}
    assert [*grades._remarks(pupil, chosen, verdicts)] == remarks


def test_a_helper_of_another_lesson_makes_no_other_lesson(tmp_path: Path) -> None:
    pupil = Pupil(tmp_path, Limits(), defined=["ls_window", "noising"])
    assert grades._other_lesson(pupil, [check.exercises()["noising"]]) is None


WEIGHTS = "def posterior_weights(x_t, *a):\n    return "


@pytest.mark.parametrize(
    ("code", "state", "remark"),
    [
        (
            WEIGHTS + "els.reference.",
            "incorrect",
            r"^posterior_weights uses elscourse.reference, which is not available",
        ),
        ("from elscourse import reference\n" + WEIGHTS + "reference.", "incorrect", r"^posterior_weights uses"),
        ("from elscourse.reference import ideal_weights\n" + WEIGHTS, "not attempted", r"code cell 2"),
    ],
)
def test_the_reference_is_not_there_when_graded(code: str, state: str, remark: str, tmp_path: Path) -> None:
    returned = tmp_path / "ada.ipynb"  # lesson 02 shows els.reference, so that it is no reaching for the answers
    cells = (code + "ideal_weights(x_t, *a)", "def posterior_mean(weights, images): ...")
    returned.write_text(notebook(*cells), encoding="utf-8")
    ok("grade", "02", returned, "--exercise", "posterior_weights", "--out", tmp_path / "out")
    row = rows_of(tmp_path / "out")["ada"]
    found = row["exercises"]["posterior_weights"]
    assert found["state"] == state and row["points"] == 0 and re.search(remark, row["remark"]), row
    says = "the course's reference formulas are not available during grading: write it yourself"
    assert says in (found["says"] if state == "incorrect" else row["remark"]), row


def two_that_are_empty(folder: Path) -> tuple[Path, Path]:
    """Where two learners returned nothing, and where their grades go."""
    returned = folder / "returned"
    returned.mkdir()
    for name in ("ada", "bob"):
        (returned / f"{name}.ipynb").touch()
    return returned, folder / "out"


def test_grades_of_notebooks_that_are_gone_are_named(tmp_path: Path) -> None:
    returned, out = two_that_are_empty(tmp_path)
    arguments = ("grade", "01", returned, "--out", out)
    assert "No longer" not in ok(*arguments)
    (returned / "ada.ipynb").unlink()
    assert "leaves them out): ada\n" in ok(*arguments) and set(rows_of(out)) == {"ada", "bob"}
    assert "No longer" not in ok(*arguments[:2], returned / "bob.ipynb", *arguments[3:], "--fresh")
    assert "No longer" not in ok(*arguments, "--fresh") and set(rows_of(out)) == {"bob"}


def test_grades_of_two_classes_are_not_mixed(tmp_path: Path) -> None:
    (tmp_path / "monday").mkdir()
    (tmp_path / "tuesday").mkdir()
    monday, out = two_that_are_empty(tmp_path / "monday")
    tuesday, _ = two_that_are_empty(tmp_path / "tuesday")
    (tuesday / "ada.ipynb").unlink()
    ok("grade", "01", monday, "--out", out)
    for returned in (tuesday, tuesday / "bob.ipynb"):
        refused = run("grade", "01", returned, "--out", out)
        assert refused.exit_code == 1 and f"holds grades of {monday.resolve()}: name another folder" in refused.output
    assert set(rows_of(out)) == {"ada", "bob"}
    assert "graded before" in ok("grade", "01", monday / "ada.ipynb", "--out", out), "one of the same folder is fine"
    ok("grade", "01", tuesday / "bob.ipynb", "--out", out, "--fresh")
    assert set(rows_of(out)) == {"bob"}


def test_a_damaged_record_costs_the_lines_that_are_damaged(tmp_path: Path) -> None:
    returned, out = two_that_are_empty(tmp_path)
    arguments = ("grade", "01", returned, "--out", out)
    ok(*arguments)
    record = out / "grades.jsonl"
    whole = record.read_text(encoding="utf-8")
    for damage in ('"assignment": null', '"assignment": {}'):
        record.write_text(re.sub(r'"assignment": \{[^}]*\}', damage, whole, count=1), encoding="utf-8")
        assert "is damaged: 1 of 2 lines" in ok(*arguments)
    record.write_bytes(record.read_bytes()[:-9])
    said = ok(*arguments)
    assert (
        "is damaged: 1 of 2 lines" in said and said.count("graded before") == 1 and set(rows_of(out)) == {"ada", "bob"}
    )
    record.write_bytes(b"\xff\n{}\n")
    refused = run(*arguments)
    assert refused.exit_code == 1 and "holds no grades that can be read" in refused.output
    assert record.read_bytes() == b"\xff\n{}\n"
    assert "2 of 2 lines" in ok(*arguments, "--fresh") and set(rows_of(out)) == {"ada", "bob"}


def test_no_notebook_takes_the_place_of_another(tmp_path: Path) -> None:
    (tmp_path / "ada").mkdir()
    (tmp_path / ".ipynb_checkpoints").mkdir()
    for name in ("ada.ipynb", "ada/01_noise.ipynb", "ada/mine.ipynb", ".ipynb_checkpoints/x.ipynb", "01_noise.ipynb"):
        (tmp_path / name).write_text("")
    found = {
        name: path.relative_to(tmp_path).as_posix()
        for name, path in learners.find_learners(tmp_path, "01_noise").items()
    }
    assert found == {name: f"{name}.ipynb" for name in ("01_noise", "ada", "ada/01_noise", "ada/mine")}
    (tmp_path / "ada.IPYNB").write_text("")  # another file on some systems, the same one on others
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(learners.find_learners(tmp_path, "01_noise")) == len(files) - 1  # all but the checkpoint


def test_a_learner_in_a_group_is_named_with_the_group(tmp_path: Path) -> None:
    for name in ("monday/ada", "monday/bob"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "01_noise.ipynb").write_text("")
    assert [*learners.find_learners(tmp_path, "01_noise")] == ["monday/ada", "monday/bob"]


def test_a_notebook_that_is_cut_short_keeps_the_grade_of_the_one_before(tmp_path: Path) -> None:
    file, out = tmp_path / "returned" / "ada.ipynb", tmp_path / "grades"
    file.parent.mkdir()
    whole = notebook(NOISING).encode()
    arguments = ("grade", "01", file.parent, "--out", out, "--exercise", "noising")
    for data, remark in ((whole, ""), (whole[:300], "breaks off"), (b"", "empty"), (whole, "")):
        file.write_bytes(data)
        ok(*arguments)
        row = rows_of(out)["ada"]
        assert row["points"] == row["of"] > 0 and remark in row["remark"]
        assert bool(remark) == row["remark"].endswith("the grade is that of the earlier notebook")


def test_a_fresh_grading_that_is_stopped_goes_on_without_fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ada", "bob"):
        (tmp_path / f"{name}.ipynb").write_text(notebook(NOISING), encoding="utf-8")
    arguments = ("grade", "01", tmp_path, "--out", tmp_path / "grades", "--exercise", "noising")
    ok(*arguments)
    graded, seen = grades._graded, []

    def once(file: Path, *rest: Any) -> Any:
        seen.append(file.stem)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return graded(file, *rest)

    monkeypatch.setattr(grades, "_graded", once)
    assert run(*arguments, "--fresh").exit_code != 0
    ok(*arguments)
    assert seen == ["ada", "bob", "bob"], "and ada, who was graded anew, is not graded again"


def test_a_long_name_costs_nobody_a_grade(tmp_path: Path) -> None:
    (tmp_path / f"{'a' * 245}.ipynb").write_text(notebook(NOISING), encoding="utf-8")
    ok("grade", "01", tmp_path, "--out", tmp_path / "grades", "--exercise", "noising")
    assert [row["points"] > 0 for row in rows_of(tmp_path / "grades").values()] == [True]


def test_two_graders_of_one_folder_lose_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bob is graded by another process while this one grades Ada, into the same table."""
    for name in ("ada", "bob"):
        (tmp_path / f"{name}.ipynb").write_text(notebook(NOISING), encoding="utf-8")
    options = ("--out", tmp_path / "grades", "--exercise", "noising")
    graded = grades._graded

    def slowly(file: Path, *rest: Any) -> Any:
        if file.stem == "ada":
            ok("grade", "01", tmp_path / "bob.ipynb", *options)
        return graded(file, *rest)

    monkeypatch.setattr(grades, "_graded", slowly)
    ok("grade", "01", tmp_path / "ada.ipynb", *options)
    assert set(rows_of(tmp_path / "grades")) == {"ada", "bob"}


def test_grades_among_the_notebooks_are_no_learner(tmp_path: Path) -> None:
    (tmp_path / "ada.ipynb").write_text(notebook(NOISING), encoding="utf-8")
    for out in (tmp_path, tmp_path / "out" / "monday"):
        for _ in range(2):
            ok("grade", "01", tmp_path, "--out", out, "--exercise", "noising")
        assert set(rows_of(out)) == {"ada"}
        for made in ("grades.csv", "grades.jsonl"):
            (out / made).unlink()
        shutil.rmtree(out / "feedback")


def test_nobody_who_returned_something_vanishes(tmp_path: Path) -> None:
    returned, out = tmp_path / "returned", tmp_path / "returned" / "grades"
    for folder in ("carl", "bob", "lost.ipynb", "__MACOSX", "ada"):
        (returned / folder).mkdir(parents=True)
    for file in ("Eve.IPYNB", "Frank.ipynb.txt", "Dora.zip", "carl/homework.py", "ada/01_noise.ipynb", "ada/notes.txt"):
        (returned / file).write_text("")
    (returned / "link.ipynb").symlink_to("nowhere")
    arguments = ("grade", "01", returned, "--out", out, "--exercise", "noising")
    said = ok(*arguments)
    assert "must end in .ipynb: Dora.zip, Frank.ipynb.txt\n5 graded, 1 could not be read (link): " in said
    assert {learner: row["remark"] for learner, row in rows_of(out).items()} == {
        "ada": "The file is empty",
        "Eve": "The file is empty",
        "carl": "The folder holds no notebook, but homework.py",
        "bob": "The folder is empty",
        "lost.ipynb": "The folder is empty",
        "link": "The file cannot be read (No such file or directory)",
    }
    assert {row["points"] for row in rows_of(out).values()} == {0}
    states = {learner: row["exercises"]["noising"]["state"] for learner, row in rows_of(out).items()}
    assert states == dict.fromkeys(states, "not attempted") | {"link": "not read"}
    assert ok(*arguments).count("graded before") == 6


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text")
def test_no_name_of_a_file_stops_the_grading(tmp_path: Path) -> None:
    returned, out = tmp_path / "returned", tmp_path / "out"
    (returned / "eva").mkdir(parents=True)
    for name in (b"Jos\xe9.ipynb", b"eva/Jos\xe9.txt", "Łukasz.ipynb".encode()):  # the first two from an old zip
        (returned / os.fsdecode(name)).touch()
    arguments = ["grade", "01", str(returned), "--out", str(out), "--exercise", "noising"]
    for again in (0, 3):
        done = CliRunner(charset="latin-1").invoke(main, arguments)
        assert done.exit_code == 0, done.output
        assert "Jos\\udce9: 0 of 1" in done.output and "\\u0141ukasz: 0 of 1" in done.output
        assert done.output.count("graded before") == again
        assert rows_of(out)["eva"]["remark"] == "The folder holds no notebook, but Jos\udce9.txt"
        assert set(rows_of(out)) == {"Jos\udce9", "eva", "Łukasz"}
        assert "\nJos\\udce9,0,1," in (out / "grades.csv").read_text(encoding="utf-8")


def test_a_package_that_changes_stops_the_grading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ada.ipynb").write_text(notebook(NOISING), encoding="utf-8")
    states = iter(["before", "after"])
    monkeypatch.setattr(grades, "_package", lambda: next(states))
    done = run("grade", "01", tmp_path / "ada.ipynb", "--exercise", "noising", "--out", tmp_path / "out")
    assert done.exit_code == 1 and "the installed course changed while" in done.output
    row = rows_of(tmp_path / "out")["ada"]
    assert row["points"] == 0 and row["exercises"]["noising"]["state"] == "correct"


def test_the_package_is_what_is_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "grading").mkdir()
    module = tmp_path / "grading" / "grades.py"
    monkeypatch.setattr(grades, "__file__", str(module))
    found = set()
    for text in ("", "# more"):
        module.write_text(text)
        found.add(PACKAGE())
    assert len(found) == 2 and PACKAGE() in found


def test_a_worker_that_does_not_start_costs_nobody_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ada.ipynb").write_text(notebook(NOISING), encoding="utf-8")
    arguments = ("grade", "01", tmp_path / "ada.ipynb", "--exercise", "noising", "--out", tmp_path / "out")
    start = subprocess.Popen
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", lambda command, **own: start([command[0], "-c", "import nothing"], **own))
        done = run(*arguments)
    assert done.exit_code == 1 and "does not start, so nothing is graded" in done.output
    assert "No module named 'nothing'" in done.output and not rows_of(tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(pupils, "START_SECONDS", 0.01)
        done = run(*arguments)
    assert done.exit_code == 1 and "It said nothing for 0.01 seconds" in done.output and "loop" not in done.output
    assert "ada: 1 of 1\n" in ok(*arguments)


def test_the_worker_finds_the_packages_of_the_grader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that come by PYTHONPATH, too; but not what lies in the folder one works in."""
    (there := tmp_path / "there").mkdir()
    (there / "a_package_of_ours.py").write_text("known = True")
    (tmp_path / "beside.py").write_text("known = True")
    monkeypatch.syspath_prepend(there)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    for package, points in (("a_package_of_ours", 1), ("beside", 0)):
        cells = f"from {package} import known", NOISING.replace("return", "assert known; return")
        (tmp_path / "ada.ipynb").write_text(notebook(*cells), encoding="utf-8")
        said = ok("grade", "01", tmp_path / "ada.ipynb", "--exercise", "noising", "--out", tmp_path / package)
        assert f"ada: {points} of 1" in said


@pytest.fixture(scope="module")
def pupil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pupil]:
    """One worker that knows all ATTEMPTS, as the functions noising_0, noising_1, ..."""
    path = tmp_path_factory.mktemp("attempts") / "all.ipynb"
    path.write_text(notebook(*(f"{code}\nnoising_{i} = noising" for i, code in enumerate(ATTEMPTS))), encoding="utf-8")
    with Pupil(path, Limits()) as started:
        started.start([f"noising_{i}" for i in range(len(ATTEMPTS))])
        yield started


@pytest.mark.parametrize("number", range(len(ATTEMPTS)))
def test_the_grader_says_what_the_notebook_says(number: int, pupil: Pupil) -> None:
    exercise = check.exercises()["noising"]
    file = f"<code cell {number + 2}>"
    linecache.cache[file] = (1, None, ATTEMPTS[number].splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"torch": torch, "sys": sys, "__name__": "__main__"}
    exec(compile(ATTEMPTS[number], file, "exec"), namespace)
    here = exercise.examine(namespace["noising"])
    assert pupil.examine(replace(exercise, name=f"noising_{number}")) == (
        here.state,
        here.says.replace("check.noising(noising)", f"check.noising_{number}(noising_{number})").replace(
            "check.hint('noising')", f"check.hint('noising_{number}')"
        ),
    )


def test_only_a_name_that_is_missing_is_looked_for_in_the_cells_above() -> None:
    for line, advised in (("return x_0 + y", True), ("y += x_0", False)):
        namespace: dict[str, Any] = {}
        exec(noising(line), namespace)
        assert ("cells above" in check.exercises()["noising"].examine(namespace["noising"]).says) == advised


@pytest.mark.parametrize("lesson", LESSONS)
def test_an_assignment_holds_no_solution(lesson: str, tmp_path: Path) -> None:
    ok("assignment", lesson[:2], "--out", tmp_path)
    text = (tmp_path / f"{lesson}.ipynb").read_text(encoding="utf-8")
    made = nbformat.reads(text, as_version=4)
    nbformat.validate(made)
    everything = "\n".join(cell.source for cell in made.cells)
    kept = everything.count("<details><summary>Answer</summary>")  # to the lesson's own questions
    kept += everything.count("<details><summary>In detail")
    assert "<summary>Solution" not in everything and everything.count("</details>") == kept
    for cell in lesson_cells(int(lesson[:2])):
        for folded in SOLUTION.findall(cell.source):
            for code in CODE.findall(folded):
                assert code.strip() not in everything
                assert code.strip().splitlines()[-1].strip() not in everything.splitlines()
    names = [e.name for e in check.exercises().values() if e.lesson == int(lesson[:2])]
    for name in names:
        assert f"check.{name}({name})" in everything and f'check.hint("{name}")' in everything
        assert f"| `{name}` |" in made.cells[0].source
    assert not any(cell.get("outputs") for cell in made.cells) and "widgets" not in made.metadata


def pasted(assignment: Path) -> str:
    """The assignment with the lesson's solutions in cells at its end."""
    made = nbformat.read(assignment, as_version=4)
    for cell in lesson_cells(int(assignment.stem[:2])):
        for folded in SOLUTION.findall(cell.source):
            made.cells += [nbformat.v4.new_code_cell(code) for code in CODE.findall(folded)]
    return nbformat.writes(made)


@pytest.mark.parametrize("lesson", ["03_network", "05_mosaics"])  # denoisers, lists and tuples; whole numbers, a judge
def test_the_grader_that_is_handed_out_grades(lesson: str, tmp_path: Path) -> None:
    ok("assignment", lesson, "--out", tmp_path)
    returned = tmp_path / "returned"
    returned.mkdir()
    (returned / "untouched.ipynb").write_bytes((tmp_path / f"{lesson}.ipynb").read_bytes())
    (returned / "solved.ipynb").write_text(pasted(tmp_path / f"{lesson}.ipynb"), encoding="utf-8")
    command = [sys.executable, tmp_path / f"grade_{lesson[:2]}.py", returned, "--time-limit", "120"]
    path = os.pathsep.join([str(NOTEBOOKS.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    rows = rows_of(tmp_path / f"grades-{lesson[:2]}")
    assert rows["solved"]["points"] == rows["solved"]["of"] > 0, done.stdout + done.stderr
    states = {e["state"] for e in rows["untouched"]["exercises"].values()}
    assert states == {"not attempted"} and rows["untouched"]["remark"] == ""


def test_only_the_exercises_that_are_named(tmp_path: Path) -> None:
    ok("assignment", "1", "--exercise", "sampler_loop", "--exercise", "noising", "--out", tmp_path)
    made = nbformat.read(tmp_path / "01_noise.ipynb", as_version=4)
    assert assignment.OTHERS.strip() in made.cells[0].source
    assert "| together | | 3 | 13 |" in made.cells[0].source and "`ddim_step`" not in made.cells[0].source
    assert '"--exercise", "noising", "--exercise", "sampler_loop", *sys' in (tmp_path / "grade_01.py").read_text()


@pytest.mark.parametrize("lesson", LESSONS)
def test_an_exercise_is_chosen_by_its_number_too(lesson: str) -> None:
    path = assignment.lesson_path(lesson)
    headings = re.findall(
        r"^### Exercise (\d+): (.*) \(", "\n".join(c.source for c in lesson_cells(int(lesson[:2]))), re.M
    )
    assert headings
    for number, title in headings:
        assert [e.title for e in assignment.chosen_exercises(path, [number])] == [re.sub(r"[$`\\^]", "", title)]


def test_what_is_there_is_written_over_only_by_force(tmp_path: Path) -> None:
    (tmp_path / "01_noise.ipynb").write_text("mine")
    done = run("assignment", "01", "--out", tmp_path)
    assert done.exit_code == 1 and "exists: name another folder" in done.output and "Traceback" not in done.output
    assert (tmp_path / "01_noise.ipynb").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1
    ok("assignment", "01", "--out", tmp_path, "--force")
    assert (tmp_path / "01_noise.ipynb").read_text() != "mine"


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = []

    def full(path: Path, *_: Any, **__: Any) -> None:
        path.touch()
        names.append(path.name)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    for process in (1, 2):
        monkeypatch.setattr(os, "getpid", lambda process=process: process)
        with pytest.raises(CourseError, match="No space left"):
            save_text("text", tmp_path / "grades.csv")
    assert not list(tmp_path.iterdir()) and len(set(names)) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["assignment", "99", "--out", "x"],
            r"unknown lesson '99'\. Choose one of: 00_result.*\. Its number is",
        ),
        (["assignment", "04_locale", "--out", "x"], r"did you mean 04_local"),
        (
            ["assignment", "04", "--exercise", "ls_windw", "--out", "x"],
            r"has no exercise 'ls_windw': choose 1 ls_window, 2",
        ),
        (["assignment", "04", "--exercise", "noising", "--out", "x"], r"lesson 04 has no exercise 'noising'"),
        (
            ["assignment", "04", "--exercise", "99", "--out", "x"],
            r"lesson 04 has no exercise '99': choose 1 ls_window, .*; for several, repeat",
        ),
        (["assignment", "04", "--out", str(NOTEBOOKS)], r"holds the course's own lessons"),
        (["assignment", "04", "--out", "/dev/null/a"], r"could not write"),
        (["grade", "99", "x"], r"unknown lesson '99'\."),
        (["grade", "week-3/04_local.ipynb", "x"], r"is a path: name the lesson by its number, like 04\."),
        (["grade", "04", "nowhere"], r"nowhere does not exist"),
        (["grade", "04", str(NOTEBOOKS.parent / "README.md")], r"README.md is not a notebook: name a file that ends"),
        (["grade", "04", str(NOTEBOOKS.parent / "tests")], r"holds no notebooks"),
        (["grade", "04", "x", "--time-limit", "inf"], r"a time limit of inf seconds: expected 1 to 86,400"),
        (["grade", "04", "x", "--time-limit", "nan"], r"a time limit of nan seconds"),
        (["grade", "04", "x", "--time-limit", "0"], r"a time limit of 0 seconds"),
        (["grade", "04", "x", "--memory", "1e300"], r"memory of 1e\+300 GiB: expected 0.1 to 10,000"),
        (["grade", "04", "x", "--memory", "nan"], r"memory of nan GiB"),
    ],
)
def test_refusals_are_one_sentence(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.exit_code == 1 and re.search(says, done.output) and done.output.count("\n") == 1, done.output
    assert not list(tmp_path.iterdir())


def test_only_what_a_function_needs_is_run() -> None:
    cells = ["import torch\nslow = 1\nimages = []", "images.append(slow)", "figure = 1", "def f(): return images"]
    found = reading.read([*cells, "torch.testing.assert_close(figure, 1)"])
    assert [(s.cell, *s.binds) for s in found.needed(["f"])] == [(1, "slow"), (1, "images"), (2,), (4, "f")]


def test_any_argument_of_a_function_may_be_changed_by_it() -> None:
    found = reading.read(["half = []", "fill(1, half)", "def f(): return half"])
    assert [s.cell for s in found.needed(["f"])] == [1, 2, 3]


def test_a_name_that_is_used_again_after_the_check_is_another_function() -> None:
    found = reading.read(["def f(x): return 1\ncheck.noising(f)", "def f(x): return 2"])
    assert [s.cell for s in found.needed(["f"], found.until["noising"])] == [1]


def test_of_two_checks_the_last_counts() -> None:
    assert reading.read(["check.noising(first)\ncheck.noising(second)"]).attempts == {"noising": "second"}


@pytest.mark.parametrize(
    "cell", ["1" + 10**5 * "+1", f"x = {10**5 * '-'}1", "x = '\ud800'"], ids=["deep", "long", "half"]
)
def test_a_cell_that_is_too_much_for_python_costs_itself_alone(cell: str) -> None:
    found = reading.read([cell, "def f(): ..."])
    assert found.defined == ["f"] and len(found.problems) == 1


def test_an_exercise_uses_what_its_own_function_calls() -> None:
    cells = ["def mine(x): ...\ncheck.noising(mine)", "def h(x): ...", "def f(x): return h(x)\ncheck.ddim_step(f)"]
    assert "noising" not in worker._others_used(reading.read([*cells, "def h(x): return mine(x)"]), "ddim_step")
    cells[1] = "def h(x): return mine(x)"
    assert "noising" in worker._others_used(reading.read(cells), "ddim_step"), "by the name of the exercise"


def test_an_argument_that_is_given_by_name_may_be_changed_too() -> None:
    found = reading.read(["half = {}", "fill(d=half)", "def f(): return half"])
    assert [s.cell for s in found.needed(["f"])] == [1, 2, 3]


def test_a_class_hides_no_other_class() -> None:
    """What is stored in the body of a class is the class's own, and no name of the notebook."""
    cells = ["class A:\n    k = 1\n    def f(self): ...", "def f(x): return B.k * x", "class B:\n    k = 2"]
    for some, wanted in ((cells, [2, 3]), (cells[1:], [1, 2])):
        assert [s.cell for s in reading.read(some).needed(["f"])] == wanted


ASKS = '''
def f():
    """Is it so?
    Is it?
    """
    lines = ["a?", "b??"]  # why?
    text = "really?"  # is it?
    x = text  # who knows?
    {line}
    return x, lines
'''


@pytest.mark.parametrize(
    "line",
    [
        "torch.roll?",
        "torch.roll??",
        "?torch.roll",
        "lines[-1].split?",
        "torch.*roll*?",
        "a = torch.roll?",
        "a = !ls -l",
    ],
)
def test_a_line_that_asks_jupyter_for_help_costs_no_function(line: str) -> None:
    for cell in (ASKS.format(line=line), f"{line}\n{ASKS.format(line='pass')}", ASKS.format(line="pass") + line):
        found = reading.read([cell])
        assert found.defined == ["f"] and not found.problems
        namespace: dict[str, Any] = {}
        for statement in found.needed(["f"]):
            exec(statement.code, namespace)
        assert namespace["f"]() == ("really?", ["a?", "b??"])
        assert (inspect.getdoc(namespace["f"]) or "").startswith("Is it so?\nIs it?")


@pytest.mark.parametrize(
    "value",
    [
        None, True, 2**5000, -3, 0.1, float("inf"), "text", [1, (2.0, None)], torch.rand(2, 3), torch.rand(3, 2).T,
        torch.tensor(1), torch.zeros(0, 4), torch.tensor([True, False]), torch.ones(2, dtype=torch.bfloat16),
        torch.ones(2, dtype=torch.complex64), torch.ones(2, requires_grad=True), torch.rand(1, 3)[:, 0],
    ],
)  # fmt: skip
def test_values_come_back_as_they_went(value: Any) -> None:
    back = wire.decode(json.loads(json.dumps(wire.encode(value))))
    assert type(back) is type(value)
    if isinstance(value, torch.Tensor):
        assert back.dtype == value.dtype and torch.equal(back, value) and not back.requires_grad
    else:
        assert back == value


@pytest.mark.parametrize(
    "message",
    [
        {}, [], None, {"real": "x"}, {"pickle": "gASV"}, {"function": 0}, {"list": 3}, {"tensor": ["float32"]},
        {"tensor": ["float32", [2], "strided", "AAAA"]}, {"tensor": ["float32", [-1], "strided", ""]},
        {"tensor": ["object", [0], "strided", ""]}, {"none": 1, "real": 2},
    ],
)  # fmt: skip
def test_garbage_is_refused(message: Any) -> None:
    with pytest.raises(wire.Garbled):
        wire.decode(message)


FENCED = """
    import os, pty, resource, shutil, signal, socket, sqlite3, subprocess, sys, threading, _posixsubprocess
    from pathlib import Path
    from elscourse.grading import fences

    own, other = Path("own"), Path("own-not")
    for folder in (own, other):
        folder.mkdir()
    (own / "a").write_text("a")
    (other / "kept").write_text("kept")
    fences.limit(1, 50)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == 2**26 and resource.getrlimit(resource.RLIMIT_CPU)[0] == 50
    package = Path(sys.argv[1])
    fences.raise_around(own, package, package.parent / "notebooks", lambda *_: None)
    attempts = [
        lambda: os.rename("own/a", "a"),
        lambda: os.link("own/a", "a"),
        lambda: os.rename("own-not/kept", "own/kept"),
        lambda: (other / "b").write_text("b"),
        lambda: os.mkdir("new"),
        lambda: os.rmdir("own-not"),
        lambda: os.truncate("own-not/kept", 0),
        lambda: os.symlink("own/a", "a"),
        lambda: os.chmod("own-not/kept", 0),
        lambda: subprocess.run(["true"]),
        lambda: os.execv(sys.executable, [sys.executable, "-c", "raise SystemExit(9)"]),
        lambda: os.forkpty(),
        lambda: pty.spawn(["true"]),
        lambda: signal.pthread_kill(threading.get_ident(), 0),
        lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"", ("127.0.0.1", 9)),
        lambda: socket.gethostbyname("127.0.0.1"),
        lambda: socket.socket(type=socket.SOCK_DGRAM).sendmsg([b""], [], 0, ("127.0.0.1", 9)),
        lambda: sqlite3.connect("own-not/b"),
        lambda: (os.chdir(own), shutil.rmtree("../own-not")),  # removes what is in it by bare names, at a descriptor
        lambda: os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {}),
        lambda: os.killpg(os.getpgid(0), 0),
        lambda: socket.socket().bind(("127.0.0.1", 0)),
        lambda: socket.getaddrinfo("localhost", 80),
    ]
    for number, attempt in enumerate(attempts):
        try:
            attempt()
        except PermissionError as error:
            assert "the grader" in str(error)
        else:
            sys.exit(f"attempt {number} was let through")
    os.chdir("..")
    assert (other / "kept").read_text() == "kept"
    (own / "b").write_text("b")
    os.rename("own/b", "own/c")
    open(os.devnull, "w").close()
    sqlite3.connect("own/d")
    os.mkdir("own/e")
    shutil.rmtree("own/e")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limits of other systems are fewer")
def test_the_fences_stand(tmp_path: Path) -> None:
    package = Path(grades.__file__).parents[1]
    script = [sys.executable, "-c", textwrap.dedent(FENCED), str(package)]
    done = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_grade_depends_on_the_limits_and_the_course_it_was_given_under(tmp_path: Path) -> None:
    (tmp_path / "ada.ipynb").write_text("")
    given = [("old", Limits()), ("new", Limits()), ("old", Limits(61)), ("old", Limits(60, 3))]
    assert len({grades._key(tmp_path / "ada.ipynb", package, limits) for package, limits in given}) == 4


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learners, "LARGEST", 10)
    (tmp_path / "ada.ipynb").write_text(notebook(NOISING))
    ok("grade", "01", tmp_path, "--exercise", "noising", "--out", tmp_path / "out")
    assert rows_of(tmp_path / "out")["ada"]["remark"] == "The file has more than 50 MB: is it a notebook?"


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_the_table_is_a_formula(begins: str) -> None:
    assert table._harmless(f"{begins}1") == f"'{begins}1" and table._harmless("1") == "1"


def test_a_grader_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    _, grader = assignment.write_assignment("04", (), tmp_path / "a")
    (tmp_path / "a" / "04_local.ipynb").unlink()
    grader.write_text("mine")
    done = run("assignment", "04", "--out", tmp_path / "a")
    assert done.exit_code == 1 and "exists" in done.output and grader.read_text() == "mine"


def test_the_lessons_are_no_place_for_an_assignment_by_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson = Path(shutil.copy(NOTEBOOKS / "04_local.ipynb", tmp_path))
    monkeypatch.setattr(assignment, "lessons_dir", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    before = lesson.read_bytes()
    with pytest.raises(CourseError, match="holds the course's own lessons"):
        assignment.write_assignment("04", (), Path(), force=True)
    assert lesson.read_bytes() == before


def test_an_assignment_keeps_no_state_of_widgets() -> None:
    lesson = assignment.lesson_path("04")
    made = assignment.without_solutions(lesson, assignment.chosen_exercises(lesson, []))
    assert "widgets" in json.loads(lesson.read_text())["metadata"] and set(made["metadata"]) == {"kernelspec"}
    assert "not graded" not in made["cells"][0]["source"], "all exercises are"


def test_what_is_defined_again_after_its_check_counts_with_its_helpers() -> None:
    cells = [
        "def half(x): return x / 3",
        "def f(x): return half(x)\ncheck.f(f)",
        "def half(x): return x / 2\ndef f(x): return half(x)",
    ]
    found = reading.read(cells)
    namespace: dict = {}
    for statement in found.needed(["f"], found.until["f"]):
        exec(statement.code, namespace)
    assert found.until["f"] == 3 and namespace["f"](4) == 2


@pytest.mark.parametrize(
    ("below", "until"), [("f = f(3)", 1), ("f = lambda x: 2", 2), ("f = g", 2), ("f, y = 1, 2", 1)]
)
def test_a_value_below_the_check_is_no_second_definition(below: str, until: int) -> None:
    assert reading.read(["def g(x): return 3\ndef f(x): return 1\ncheck.f(f)", below]).until["f"] == until


def test_a_star_brings_names_that_nobody_sees() -> None:
    found = reading.read(["from math import *", "def f(x): return sqrt(x)"])
    assert [s.cell for s in found.needed(["f"])] == [1, 2]


@pytest.mark.parametrize(
    "name", ["answer", "exercises", "_exercise", "examine", "_getframe", "currentframe", "f_back", "f_globals"]
)
def test_ways_to_the_answers_are_seen(name: str) -> None:
    assert reading.read([f"def f(x): return x.{name}"]).reaches == [f".{name}"]


@pytest.mark.parametrize(
    ("code", "reached"),
    [
        ("import elscourse.check.lesson_01 as lesson", "elscourse.check.lesson_01"),
        ("from elscourse.check import exercise", "elscourse.check.exercise"),
        ("elscourse.reference.ideal", "elscourse.reference"),
        ("els.reference.ideal", "elscourse.reference"),
        ("importlib.import_module('elscourse.grading')", "elscourse.grading"),
    ],
)
def test_a_way_to_the_answers_is_seen_however_it_is_written(code: str, reached: str) -> None:
    assert reading.read([code]).reaches == [reached]


def test_a_fraction_travels_as_a_number() -> None:
    """The check in the notebook takes it for one."""
    assert wire.decode(wire.encode(Fraction(1, 4))) == 0.25


def test_views_that_are_stored_in_odd_ways_travel() -> None:
    for value in (np.arange(3)[::-1], np.arange(6).reshape(2, 3).T, np.arange(3) > 1):
        assert np.array_equal(wire.decode(wire.encode(value)), value)


def test_numbers_of_numpy_travel_as_numbers() -> None:
    for value in (np.True_, np.int64(3), np.float32(0.5)):
        assert wire.decode(wire.encode(value)) == value


def test_each_exercise_has_its_own_time(tmp_path: Path) -> None:
    path = tmp_path / "ada.ipynb"
    path.write_text(notebook(NOISING, SAMPLER))
    from elscourse import check

    with Pupil(path, Limits(seconds=5)) as pupil:
        pupil.start(["noising", "sampler_loop"])
        pupil.deadline = 0  # what was left of the time for the cells
        assert pupil.examine(check.exercises()["sampler_loop"])[0] == "correct"


def test_a_worker_that_is_left_while_it_computes_is_ended(tmp_path: Path) -> None:
    (tmp_path / "ada.ipynb").write_text(notebook(noising("while True:", "    pass")))
    with Pupil(tmp_path / "ada.ipynb", Limits()) as pupil:
        pupil.start(["noising"])
        pupil._send({"call": "noising", "arguments": 3 * [wire.encode(0)]})
        worker = pupil.process
    assert worker.poll() is not None, "whatever still runs is killed"


def until(true: Callable[[], object]) -> None:
    """Wait, two minutes at most."""
    for _ in range(1200):
        if true():
            return
        time.sleep(0.1)
    raise AssertionError("waited in vain")


def lives(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] not in "ZX"


@linux
def test_what_a_learner_wrote_ends_with_the_grader(tmp_path: Path) -> None:
    """Also where that was killed, and a function that waits for ever, which no limit of processor time ends."""
    (tmp_path / "ada.ipynb").write_text(notebook("import time", noising("while True:", "    time.sleep(1)")))
    asks = """
    import time
    from pathlib import Path
    from elscourse.grading import wire
    from elscourse.grading.pupil import Limits, Pupil
    with Pupil(Path("ada.ipynb"), Limits()) as pupil:
        pupil.start(["noising"])
        pupil._send({"call": "noising", "arguments": 3 * [wire.encode(0)]})
        print(pupil.process.pid, flush=True)
        time.sleep(600)
    """
    command = [sys.executable, "-c", textwrap.dedent(asks)]
    grader = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    worker = int(grader.stdout.readline())  # type: ignore[union-attr]
    assert lives(worker)
    grader.kill()
    grader.wait()
    until(lambda: not lives(worker))


@linux
def test_a_grader_that_is_asked_to_end_leaves_nothing(tmp_path: Path) -> None:
    waits = noising("open('waits', 'w').close()", "time.sleep(600)")
    (tmp_path / "ada.ipynb").write_text(notebook("import time", waits))
    (tmp_path / "for-a-while").mkdir()
    grader = subprocess.Popen(
        [sys.executable, "-m", "elscourse", "grade", "01", "ada.ipynb", "--time-limit", "500"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path / "for-a-while")},
        stdout=subprocess.DEVNULL,
    )
    children = Path(f"/proc/{grader.pid}/task/{grader.pid}/children")
    until(lambda: list((tmp_path / "for-a-while").glob("*/waits")))
    worker = int(children.read_text())
    grader.send_signal(signal.SIGTERM)
    assert grader.wait() == 128 + signal.SIGTERM
    until(lambda: not lives(worker))
    assert not list((tmp_path / "for-a-while").iterdir())


def test_a_lesson_is_known_by_number_name_and_file() -> None:
    assert {assignment.lesson_path(name).stem for name in ("4", "04", "04_local", "04_local.ipynb")} == {"04_local"}


@pytest.mark.parametrize("limits", [(0.99, 2), (86_401, 2), (60, 0.09), (60, 10_001)])
def test_limits_have_limits(limits: tuple[float, float]) -> None:
    Limits(1, 0.1), Limits(86_400, 10_000)
    with pytest.raises(CourseError, match="expected"):
        Limits(*limits)


def test_a_learner_s_process_is_like_a_notebook(tmp_path: Path) -> None:
    """Files for a while can be written, a cell ends where it fails, and the next one is run."""
    cells = [
        "import tempfile\nwith tempfile.TemporaryFile() as file:\n    file.write(b'x')\nquiet = open(os.devnull, 'w')\n"
        "display(quiet)",
        "first = 1\nfailed = 1 / 0\nfirst = 2",
        NOISING.replace("theta =", "assert file.closed and not quiet.closed and first == 1 or failed\n    theta ="),
        "def coin_denoiser(*_):\n    return torch.zeros(2**20)",
    ]
    (tmp_path / "ada.ipynb").write_text(notebook(*cells))
    with Pupil(tmp_path / "ada.ipynb", Limits()) as pupil:
        pupil.start(["noising", "coin_denoiser"])
        assert pupil.problems == ["code cell 3 raises ZeroDivisionError: division by zero"]
        found = [pupil.examine(check.exercises()[name]) for name in ("coin_denoiser", "noising")]
    assert "it returns a value too large." in found[0][1] and found[1][0] == "correct", found


def test_a_value_that_holds_itself_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "ada.ipynb").write_text(notebook(noising("own = []", "own.append(own)", "return own"), SAMPLER))
    with Pupil(tmp_path / "ada.ipynb", Limits()) as pupil:
        pupil.start(["noising", "sampler_loop"])
        found = [pupil.examine(check.exercises()[name]) for name in ("noising", "sampler_loop")]
    assert found[0][1].endswith("but it returns a list.") and found[1][0] == "correct", found


def test_every_exercise_has_its_time_of_the_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pupil, sent = Pupil(tmp_path, Limits(seconds=500)), []
    monkeypatch.setattr(pupil, "_wait_for_it", lambda: None)
    monkeypatch.setattr(pupil, "_send", sent.append)
    monkeypatch.setattr(pupil, "_receive", lambda: {"problem": "No notebook."})
    with pytest.raises(pupils.Trouble, match="No notebook"):
        pupil.start(["noising", "sampler_loop"])
    assert sent[0]["seconds"] >= 500 * (1 + 2), "for the cells, and for each exercise"


def test_what_a_process_says_of_its_functions_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is trouble of this notebook, and no error that stops the grading of all."""
    for ready in ({}, {"attempts": 3, "problems": []}, {"attempts": {}, "problems": None}):
        pupil = Pupil(tmp_path, Limits())
        told = iter([{}, {"defined": [], "found": [], "uses": {}}, ready])
        monkeypatch.setattr(pupil, "_send", lambda _: None)
        monkeypatch.setattr(pupil, "_receive", lambda told=told: next(told))
        with pytest.raises(pupils.Trouble, match="cannot be understood"):
            pupil.start(["noising"])


def test_what_is_reported_is_a_message_whatever_the_name_of_a_file() -> None:
    said: list[bytes] = []
    worker.Channel.report(SimpleNamespace(number=1), "reaches", 'check/"é\\".py', lambda _, data: said.append(data))  # type: ignore[arg-type, func-returns-value]
    assert wire.receive(io.BytesIO(said[0])) == {"reaches": "check/é.py"}


def test_checks_may_be_imported_by_a_star(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "inert", worker.Inert("inert"))
    names: dict[str, Any] = {}
    exec("from inert import *\nimport inert", names)
    assert names["inert"].noising(print) is None


def test_what_a_function_among_the_arguments_raises_is_raised_there() -> None:
    class Own(KeyError):
        """Of a kind that only the judging process knows."""

    def fails() -> None:
        raise Own("so")

    answered = attempt.answer({"ask": 0, "arguments": [], "named": {}}, [fails])
    assert answered == {"raised": "KeyError", "says": "'so'"}
    other = attempt.answer({"ask": 1, "arguments": [], "named": {}}, [fails, lambda: 2])
    assert other == {"answer": wire.encode(2)}, "it asks the one that it was given"
    channel = SimpleNamespace(send=lambda _: None, receive=lambda: answered)
    with pytest.raises(KeyError, match="so"):
        worker._asking(0, channel)()  # type: ignore[arg-type]


def test_an_answer_that_makes_no_sense_is_no_error_of_the_function() -> None:
    class Strange:
        trouble = ""

        def call(self, *_: object) -> dict[str, Any]:
            return {"returned": {"none": 1}, "changed": [7], "settings": False}

    strange = Strange()
    with pytest.raises(IndexError):
        attempt.Attempt(strange, "noising", None)(1)  # type: ignore[arg-type]
    assert "cannot be understood (IndexError)" in strange.trouble


def test_nobody_fills_the_table_with_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pupil = Pupil(tmp_path, Limits())
    told = iter([*({kind: str(n)} for n in range(30) for kind in ("reaches", "starts")), {"returned": 1}])
    pupil.process = type("Process", (), {"stdout": "a pipe"})  # type: ignore[assignment]
    monkeypatch.setattr(pupil, "_in_time", lambda _: next(told))
    assert pupil._receive() == {"returned": 1} and (len(pupil.reaches), len(pupil.notes)) == (20, 20)


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", 10**5 * b"["])
def test_what_is_no_message_is_not_received(body: bytes) -> None:
    with pytest.raises(wire.Garbled):
        wire.receive(io.BytesIO(len(body).to_bytes(4, "big") + body))


def test_what_is_too_long_is_not_sent() -> None:
    with pytest.raises(wire.Garbled):
        wire.send(io.BytesIO(), {"text": wire.LARGEST * "x"})
