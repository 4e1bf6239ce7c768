"""The lessons as files: pairs in sync, outputs complete and clean, every figure described, the minutes add up."""

from __future__ import annotations

import ast
import html
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest

from elscourse.grading import reading

ROOT = Path(__file__).parents[1]
LESSONS = sorted((ROOT / "notebooks").glob("*.py"))
FIRST_CELL = """\
import torch
from matplotlib import pyplot as plt

import elscourse as els
from elscourse import check, plotting, widgets
from elscourse.plotting import show

plt.style.use("elscourse.course")
lab = els.lab()"""
MINUTES = re.compile(r"^(?:## \d+\. .+|### Exercise \d+: .+) \((\d+) minutes(?:, [★☆]{3})?\)$", re.MULTILINE)
ADDRESS = re.compile(r"0x[0-9a-f]{6,}|(?:/home|/root|/work|/tmp|/Users|C:)[/\\]")

each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda p: p.stem)


@cache
def source_of(lesson: Path) -> Any:
    return jupytext.read(lesson)


@cache
def notebook_of(lesson: Path) -> Any:
    return nbformat.read(lesson.with_suffix(".ipynb"), 4)


def outputs_of(lesson: Path) -> list[Any]:
    return [o for c in notebook_of(lesson).cells if c.cell_type == "code" for o in c.outputs]


def test_the_course_is_complete() -> None:
    assert [int(p.stem[:2]) for p in LESSONS] == list(range(19))
    assert sorted((ROOT / "notebooks").glob("*.ipynb")) == [p.with_suffix(".ipynb") for p in LESSONS]


@each_lesson
def test_pair_in_sync(lesson: Path) -> None:
    source, notebook = source_of(lesson), notebook_of(lesson)
    nbformat.validate(notebook)
    assert [(c.cell_type, c.source, c.metadata.get("tags", [])) for c in source.cells] == [
        (c.cell_type, c.source, c.metadata.get("tags", [])) for c in notebook.cells
    ], f"run: ./course notebooks {lesson.stem}"


@each_lesson
def test_run_top_to_bottom_with_outputs(lesson: Path) -> None:
    code = [c for c in notebook_of(lesson).cells if c.cell_type == "code"]
    assert [c.execution_count for c in code] == list(range(1, len(code) + 1))
    assert sum(bool(c.outputs) for c in code) >= len(code) / 3
    assert lesson.with_suffix(".ipynb").stat().st_size < 2_000_000


@each_lesson
def test_outputs_are_clean(lesson: Path) -> None:
    """No errors, nothing on stderr, no progress bars, no addresses or folders of whoever built it."""
    for output in outputs_of(lesson):
        assert output.output_type != "error" and output.get("name") != "stderr"
        assert "image/png" not in output.get("data", {}), "a figure without alt text: use show(figure, alt=...)"
        text = str(output.get("text", "")) + str(output.get("data", {}).get("text/plain", ""))
        assert not ADDRESS.search(text), text
        assert "it/s]" not in text and "\r" not in text


@each_lesson
def test_every_figure_is_described(lesson: Path) -> None:
    images = [
        tag
        for output in outputs_of(lesson)
        for tag in re.findall(r"<img[^>]*>", str(output.get("data", {}).get("text/html", "")))
    ]
    shown = sum(
        c.source.count("show(") - c.source.count("def show(")
        for c in notebook_of(lesson).cells
        if c.cell_type == "code"
    )
    assert images and shown
    for tag in images:
        match = re.search(r'alt="([^"]*)"', tag)
        assert match and len(html.unescape(match[1]).split()) >= 6, f"say what is to be seen: {match and match[1]}"
    alts = [m[1] for tag in images if (m := re.search(r'alt="([^"]*)"', tag))]
    assert len(set(alts)) == len(alts), "two figures with one description"


@each_lesson
def test_minutes_add_up(lesson: Path) -> None:
    text = "\n\n".join(c.source for c in source_of(lesson).cells if c.cell_type == "markdown")
    stated = re.findall(r"\*\*Time\*\* (\d+) minutes", text)
    assert len(stated) == 1
    parts = [int(m) for m in MINUTES.findall(text)]
    assert int(stated[0]) == sum(parts), f"the parts take {sum(parts)} minutes"
    assert 45 <= sum(parts) <= 90 or lesson.stem.startswith("00"), f"{sum(parts)} minutes: a lesson takes 45 to 90"
    untimed = [
        line for line in re.findall(r"^##+ \d.*$|^### Exercise.*$", text, re.MULTILINE) if not MINUTES.match(line)
    ]
    assert not untimed


@each_lesson
def test_readme_and_the_page_for_lecturers_know_its_minutes(lesson: Path) -> None:
    head = source_of(lesson).cells[0].source
    title, minutes = head.splitlines()[0].removeprefix("# "), re.search(r"\*\*Time\*\* (\d+)", head)
    assert minutes
    row = f"| [{title}](notebooks/{lesson.stem}.ipynb) | {minutes[1]} |"
    assert row in (ROOT / "README.md").read_text(encoding="utf-8")
    page = ROOT / "book" / "teach" / "lessons" / f"{lesson.stem[:2]}.md"
    assert f" · {minutes[1]} minutes\n" in page.read_text(encoding="utf-8"), f"the minutes in {page.name}"


def test_the_hours_of_the_course_are_the_sum_of_its_lessons() -> None:
    heads = (source_of(lesson).cells[0].source for lesson in LESSONS)
    hours = round(sum(int(re.findall(r"\*\*Time\*\* (\d+)", head)[0]) for head in heads) / 60)
    assert f"take {hours} hours" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"In nineteen lessons, {hours} hours," in (ROOT / "book" / "index.md").read_text(encoding="utf-8")


@each_lesson
def test_form(lesson: Path) -> None:
    """Title, first cell, closing sections, and cells that fit on a screen."""
    cells = source_of(lesson).cells
    assert re.match(rf"# {lesson.stem[:2]} · .+\n", cells[0].source)
    assert all(f"**{word}**" in cells[0].source for word in ("You will", "You will learn", "You need"))
    own_lab = lesson.stem.startswith("00")
    first = FIRST_CELL.removesuffix("\nlab = els.lab()") if own_lab else FIRST_CELL
    assert next(c.source for c in cells if c.cell_type == "code") == first
    text = "\n\n".join(c.source for c in cells if c.cell_type == "markdown")
    assert "## What is still unexplained" in text and "## References" in text
    if not lesson.stem.startswith("00"):
        assert "## What you can now say" in text
        assert 40 <= len(cells) <= 70, f"{len(cells)} cells: a lesson has 40 to 70, so take some out or join some"
    assert text.count("**Predict.**") >= 3, "ask before you tell"
    for cell in cells:
        lines, words = len(cell.source.splitlines()), len(cell.source.split())
        fits = lines <= 26 if cell.cell_type == "code" else words <= 220 or "## References" in cell.source
        assert fits, f"{lines} lines, {words} words: a code cell has at most 26 lines, a text 220 words\n{cell.source}"
    assert "import *" not in "\n".join(c.source for c in cells if c.cell_type == "code")


@each_lesson
def test_claims_are_asserted(lesson: Path) -> None:
    code = [c.source for c in source_of(lesson).cells if c.cell_type == "code"]
    assert sum("assert" in source for source in code) >= 3


@each_lesson
def test_what_is_folded_can_be_skipped(lesson: Path) -> None:
    """JupyterLab and the website fold the same cells: those that draw, check or measure. A reader who opens none of
    them misses no exercise and nothing that the text, or code that is seen, goes on with."""
    cells = notebook_of(lesson).cells
    folded = [c for c in cells if "hide-input" in c.metadata.get("tags", [])]
    assert folded == [c for c in cells if c.metadata.get("jupyter", {}).get("source_hidden")]
    assert all(c.cell_type == "code" for c in folded)
    prose = "\n".join(c.source for c in cells if c.cell_type == "markdown")
    prose = re.sub(r"```.*?```", "", prose, flags=re.DOTALL)
    out_of_sight: set[str] = set()
    for cell in (c for c in cells if c.cell_type == "code"):
        made, needed = _names(cell.source)
        if cell in folded:
            assert not re.search(r"\bcheck\.|# Yours", cell.source)
            assert not [name for name in made if f"`{name}`" in prose or f"`{name}(" in prose]
            out_of_sight |= made
        else:
            missing = needed & out_of_sight
            assert not missing, f"{missing}: made where nobody looks, needed in\n{cell.source}"
            out_of_sight -= made


class _Reads(ast.NodeTransformer):
    """`a += b` makes no name: it needs one."""

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        target = ast.parse(ast.unparse(node.target), mode="eval").body
        return ast.Expr(ast.BinOp(target, node.op, node.value))


def _names(source: str) -> tuple[set[str], set[str]]:
    """The global names that a cell makes, and those that it needs from others, its functions included."""
    read = ast.unparse(ast.fix_missing_locations(_Reads().visit(ast.parse(source))))
    statements = reading.read([read]).statements
    made = {name for statement in statements for name in statement.binds}
    return made, {name for statement in statements for name in statement.uses} - made


@each_lesson
def test_what_is_cited_is_in_the_bibliography(lesson: Path) -> None:
    bibliography = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    text = "\n".join(c.source for c in source_of(lesson).cells if c.cell_type == "markdown")
    cited = set(re.findall(r"(?:arxiv\.org/abs/|doi\.org/)([\w./()-]+[\w])", text))
    assert cited
    assert not [name for name in cited if name not in bibliography]


@each_lesson
def test_only_the_lessons_of_today_are_volatile(lesson: Path) -> None:
    for cell in source_of(lesson).cells:
        timed = re.search(r"\bperf_counter\b|\btime\.time\b|platform\.", cell.source) and cell.cell_type == "code"
        assert not timed or "volatile" in cell.metadata.get("tags", []), "timings change with every run: tag the cell"


def test_the_clock_of_the_stored_lesson_agrees_with_its_text() -> None:
    """On a learner's computer it may not, and the lesson goes on; what is published must."""
    printed = "".join(output.get("text", "") for output in outputs_of(ROOT / "notebooks" / "13_gpu.py"))
    verdicts = re.findall(r"^(yes|no )  \S", printed.partition("is so on this computer:\n")[2], re.M)
    assert verdicts == ["yes"] * 4


def test_widgets_are_stored_with_their_state() -> None:
    """On a page without a kernel a widget is what is stored in the notebook."""
    view, state = "application/vnd.jupyter.widget-view+json", "application/vnd.jupyter.widget-state+json"
    shown = 0
    for lesson in LESSONS:
        notebook = notebook_of(lesson)
        models = notebook.metadata.get("widgets", {}).get(state, {}).get("state", {})
        for output in outputs_of(lesson):
            if view in output.get("data", {}):
                shown += 1
                assert output["data"][view]["model_id"] in models
        assert "__main__" not in json.dumps(models)
    assert shown >= 6


def test_what_can_be_read_if_time_is_short_is_the_spine() -> None:
    """The first cell of a lesson and the route through a day name the same sections."""
    day = (ROOT / "book" / "day.md").read_text(encoding="utf-8")
    spine = {
        n: re.findall(r"(?:^|, )(\d+)\b", parts) for n, parts in re.findall(r"^(\d\d): ([^:]+):", day, re.MULTILINE)
    }
    told = {}
    for path in LESSONS:
        (line,) = re.findall(r"^# \*\*Time\*\*.*(?:\n# .+)*", path.read_text(encoding="utf-8"), re.MULTILINE)
        if found := re.search(r"If time is short:\s+sections?\s+([\d, and]+)\.", line.replace("\n#", " ")):
            told[path.stem[:2]] = re.findall(r"\d+", found[1])
    assert told == {n: sections for n, sections in spine.items() if n != "00"}


def test_no_formula_is_torn_by_a_list() -> None:
    """A line that begins with + or - begins a list item, even in the middle of a formula."""
    for lesson in LESSONS:
        for cell in source_of(lesson).cells:
            text = re.sub(r"```.*?```|`[^`]*`", "", cell.source, flags=re.DOTALL)
            for part in re.split(r"\n\s*\n|\n(?=\s*(?:[*+-]|\d+\.) )", text if cell.cell_type == "markdown" else ""):
                assert part.replace("$$", "").count("$") % 2 == 0, f"{lesson.stem}: {part}"


def test_no_line_of_text_begins_with_a_percent_sign() -> None:
    """The website takes such a line for a comment, and leaves it out."""
    texts = {lesson: [c.source for c in source_of(lesson).cells if c.cell_type == "markdown"] for lesson in LESSONS}
    texts |= {page: [page.read_text(encoding="utf-8")] for page in (ROOT / "book").rglob("*.md")}
    assert len(texts) > 40
    for where, parts in texts.items():
        assert not re.search(r"^%.*", "\n".join(parts), re.MULTILINE), where
