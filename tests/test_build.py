"""The builder: same source, same bytes; nothing executed without need; nothing written that fails."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import elscourse as els
from elscourse import build

HEADER = """\
# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 00 · A lesson

# %%
"""
WIDGET = """\
import ipywidgets as W

s, p = W.IntSlider(), W.IntProgress()
W.jslink((s, "value"), (p, "value"))
W.VBox([s, p])
"""


@pytest.fixture
def lesson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "STAMPS", tmp_path / "runs" / "built.json")
    monkeypatch.setattr(build, "STATUS", tmp_path / "book" / "status.json")
    path = tmp_path / "notebooks" / "00_lesson.py"
    path.parent.mkdir()
    path.write_text(HEADER + WIDGET)
    return path


def test_same_bytes_every_time(lesson: Path) -> None:
    assert build.update(lesson).startswith("written, ")
    first = lesson.with_suffix(".ipynb").read_bytes()
    assert b"widget-view+json" in first
    assert build.update(lesson) == "unchanged", "not executed again"
    assert build.update(lesson, fresh=True).startswith("same, ")
    assert lesson.with_suffix(".ipynb").read_bytes() == first


def test_a_check_is_folded(lesson: Path) -> None:
    lesson.write_text(HEADER + 'print("shown")\n\n# %% tags=["hide-input"]\nprint("folded")\n')
    build.update(lesson)
    folded = [c["metadata"].get("jupyter") for c in json.loads(lesson.with_suffix(".ipynb").read_text())["cells"]]
    assert folded == [None, None, {"source_hidden": True}]


def test_what_a_run_took_is_noted(lesson: Path) -> None:
    build.update(lesson)
    status = json.loads(build.STATUS.read_text())
    assert status["versions"]["torch"] and status["cores"] >= 1
    took = status["lessons"]["00_lesson"]
    assert took["seconds"] > 0 and (sys.platform != "linux" or 0.01 < took["gib"] < 10)


def test_a_run_that_changes_nothing_leaves_nothing_to_commit(lesson: Path) -> None:
    """As in a fresh clone, which has the notebooks and not what they were built from."""
    build.update(lesson)
    build.STAMPS.unlink()
    build.STATUS.unlink()
    assert build.update(lesson).startswith("same, ") and not build.STATUS.exists()
    build.update(lesson, fresh=True)
    assert build.STATUS.exists(), "asked for"


def test_executed_again_when_source_package_or_notebook_changed(lesson: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    monkeypatch.setattr(build, "build", lambda source: built.append(source) or (f"text of {source.read_text()}\n", {}))
    build.update(lesson)
    build.update(lesson)
    assert len(built) == 1
    lesson.write_text(HEADER + "2 + 2\n")
    build.update(lesson)
    assert len(built) == 2
    (lesson.parents[1] / "elscourse").mkdir()
    (lesson.parents[1] / "elscourse" / "machines.py").write_text("alpha = 1\n")
    build.update(lesson)
    assert len(built) == 3
    lesson.with_suffix(".ipynb").write_text("edited by hand")
    assert build.update(lesson) == "written" and len(built) == 4


def test_what_is_edited_while_a_lesson_runs_is_not_in_it(lesson: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def edited_meanwhile(source: Path) -> tuple[str, dict[str, float]]:
        text = source.read_text()
        source.write_text(text + "1 + 1\n")
        return text, {}

    monkeypatch.setattr(build, "build", edited_meanwhile)
    assert build.update(lesson) == build.update(lesson) == "written"


def test_a_failing_lesson_is_not_written(lesson: Path) -> None:
    lesson.with_suffix(".ipynb").write_text("as it was")
    lesson.write_text(HEADER + "assert 1 == 2, 'arithmetic'\n")
    with pytest.raises(els.CourseError, match=r"00_lesson\.py fails, so it is not written"):
        build.update(lesson)
    assert lesson.with_suffix(".ipynb").read_text() == "as it was"
    result = CliRunner().invoke(build.main, [])
    assert result.exit_code == 1 and "arithmetic" in result.output


def test_volatile_outputs_are_kept(lesson: Path) -> None:
    lesson.write_text(HEADER.replace("# %%\n", '# %% tags=["volatile"]\n') + "import time\n\nprint(time.time_ns())\n")
    build.update(lesson)
    first = lesson.with_suffix(".ipynb").read_bytes()
    assert build.update(lesson, fresh=True).startswith("same, ")
    assert lesson.with_suffix(".ipynb").read_bytes() == first


def test_without_lessons_there_is_nothing_to_build(lesson: Path) -> None:
    lesson.unlink()
    result = CliRunner().invoke(build.main, [])
    assert result.exit_code == 1 and "there are no lessons in" in result.output and "needs a clone of" in result.output


def test_unknown_lessons_are_named(lesson: Path) -> None:
    result = CliRunner().invoke(build.main, ["00_leson"])
    assert result.exit_code == 1 and "did you mean 00_lesson" in result.output


@pytest.mark.parametrize("name", ["widgets/a.py", "widgets/a.js", "widgets/a.css", "style.mplstyle", "../data/a.npz"])
def test_whatever_a_notebook_is_made_of_is_in_its_stamp(name: str, lesson: Path) -> None:
    path = build.ROOT / "elscourse" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("1")
    before = build.stamp(lesson)
    path.write_text("2")
    assert build.stamp(lesson) != before


def test_what_is_printed_and_what_is_warned_of_stay_apart(lesson: Path) -> None:
    lesson.write_text(HEADER + "import sys\nprint('a', flush=True)\nprint('b', file=sys.stderr, flush=True)\n")
    text, _ = build.build(lesson)
    outputs = json.loads(text)["cells"][-1]["outputs"]
    assert [(o["name"], "".join(o["text"])) for o in outputs] == [("stdout", "a\n"), ("stderr", "b\n")]


def test_what_a_process_is_still_writing_is_in_no_stamp(lesson: Path) -> None:
    before = build.stamp(lesson)
    (build.ROOT / "data").mkdir()
    (build.ROOT / "data" / "a.77.partial.npz").write_text("half")
    assert build.stamp(lesson) == before


@pytest.mark.parametrize("name", ["lessons/__pycache__/make_12_legs.cpython-311.pyc", ".DS_Store", ".git/x"])
def test_what_python_and_file_managers_leave_is_in_no_stamp(name: str, lesson: Path) -> None:
    before = build.stamp(lesson)
    path = build.ROOT / "data" / name
    path.parent.mkdir(parents=True)
    path.write_text("x")
    assert build.stamp(lesson) == before


def test_the_name_of_a_file_is_in_its_stamp(lesson: Path) -> None:
    (build.ROOT / "data").mkdir()
    path = build.ROOT / "data" / "a.npz"
    path.write_text("1")
    before = build.stamp(lesson)
    path.rename(path.with_name("b.npz"))
    assert build.stamp(lesson) != before


def test_pieces_of_one_stream_are_joined_and_those_of_two_are_not() -> None:
    from nbformat.v4 import new_output

    pieces = [("stdout", "a"), ("stdout", "b"), ("stderr", "c"), ("stdout", "d")]
    outputs = [new_output("stream", name=name, text=text) for name, text in pieces]
    joined = build._without_noise([*outputs, new_output("display_data"), new_output("display_data")])
    assert [o.get("text") for o in joined] == ["ab", "c", "d", None, None]


def test_only_volatile_cells_keep_their_outputs_and_only_while_their_code_is_the_same(lesson: Path) -> None:
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    def cells(code: str, text: str) -> list[Any]:
        output = [nbformat.v4.new_output("stream", text=text)]
        return [
            new_code_cell(code, outputs=output, metadata={"tags": ["volatile"]}), new_code_cell("b", outputs=output)
        ]  # fmt: skip

    path = lesson.with_suffix(".ipynb")
    nbformat.write(new_notebook(cells=cells("a", "before")), path)
    for code, kept in (("a", ["before", "now"]), ("other", ["now", "now"])):
        notebook = new_notebook(cells=cells(code, "now"))
        build._keep_volatile(notebook, path)
        assert [cell.outputs[0].text for cell in notebook.cells] == kept


def test_one_lesson_takes_nothing_from_the_others(lesson: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failing one neither stops them nor is it built again with them; and what is noted of them stays."""
    second = lesson.with_name("10_second.py")
    second.write_text("")
    built = []

    def fails(source: Path) -> tuple[str, dict[str, float]]:
        built.append(source.stem)
        if source == lesson and len(built) == 1:
            raise els.CourseError("it fails")
        return "text\n", {"seconds": 1.0}

    monkeypatch.setattr(build, "build", fails)
    assert CliRunner().invoke(build.main, []).exit_code == 1 and built == ["00_lesson", "10_second"]
    assert CliRunner().invoke(build.main, []).exit_code == 0 and built[2:] == ["00_lesson"]
    assert set(json.loads(build.STATUS.read_text())["lessons"]) == {"00_lesson", "10_second"}
    assert CliRunner().invoke(build.main, []).output.count("unchanged") == 2
    assert CliRunner().invoke(build.main, ["10_second", "--fresh"]).exit_code == 0 and built[3:] == ["10_second"]


def test_a_damaged_stamp_costs_a_run(lesson: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "build", lambda source: ("text\n", {}))
    build.STAMPS.parent.mkdir()
    build.STAMPS.write_text("{")
    assert build.update(lesson) == "written" and build.update(lesson) == "unchanged"


def test_a_lesson_runs_in_its_folder_and_names_no_python(lesson: Path) -> None:
    lesson.write_text(HEADER + "from pathlib import Path\n\nprint(Path('00_lesson.py').exists())\n")
    notebook = json.loads(build.build(lesson)[0])
    assert notebook["cells"][-1]["outputs"][0]["text"] == ["True\n"] and set(notebook["metadata"]) <= {
        "jupytext", "kernelspec", "widgets"
    }  # fmt: skip


def test_a_kernel_that_dies_is_one_sentence(lesson: Path) -> None:
    lesson.write_text(HEADER + "import os\n\nos._exit(1)\n")
    with pytest.raises(els.CourseError, match=r"00_lesson\.py fails, so it is not written"):
        build.build(lesson)


def test_a_cell_that_does_not_end_is_one_sentence(lesson: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbclient import NotebookClient

    init = NotebookClient.__init__
    monkeypatch.setattr(
        NotebookClient, "__init__", lambda self, notebook, **given: init(self, notebook, **{**given, "timeout": 1})
    )
    lesson.write_text(HEADER + "import time\n\ntime.sleep(60)\n")
    with pytest.raises(els.CourseError, match=r"00_lesson\.py fails, so it is not written"):
        build.build(lesson)


def test_a_lesson_may_be_named_by_its_file_and_what_it_took_is_told(
    lesson: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "build", lambda source: ("text\n", {"seconds": 2.5, "gib": 0.75}))
    monkeypatch.setattr(build, "version", lambda name: "2.13.0+cpu")
    said = CliRunner().invoke(build.main, ["notebooks/00_lesson.py"]).output
    assert said == "00_lesson: written, 2.5 seconds, 0.75 GiB\n"
    assert json.loads(build.STATUS.read_text())["versions"]["torch"] == "2.13.0", "not for which processor it was built"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone says it")
def test_the_memory_of_a_run_is_the_most_that_it_held(lesson: Path) -> None:
    lesson.write_text(HEADER + "x = b'1' * 2**30\ndel x\n")
    assert build.build(lesson)[1]["gib"] > 1
