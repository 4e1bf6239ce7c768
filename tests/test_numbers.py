"""Numbers in prose are made by cells: those of the lesson that states them, or of one that the paragraph names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
LESSONS = {path.stem[:2]: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
ELSEWHERE = (  # of stored arrays, asserted in tests/test_results.py and tests/test_reproduce.py; and what is published
    "(r2 0.93 and 0.89; measured 0.93 and 0.86)",
    "With another untold network the drawings are nearly the same (0.96)",
    "ELS 0.77, LS 0.77, IS 0.48 {cite}`kamb2025` (if r was printed, r2 0.59, 0.59, 0.23)",
)
STATED = re.compile(r"(?<![\w.,:/-])\d+\.\d+(?![\w.])")
NOT_PROSE = re.compile(r"```.*?```|\$\$.*?\$\$|\$[^$]*\$|(?<=\])\([^)]*\)|section \d\.\d", re.DOTALL)


@cache
def cells_of(lesson: str) -> list[Any]:
    return list(nbformat.read(LESSONS[lesson], 4).cells)


@cache
def made_by(lesson: str) -> list[float]:
    """Every number that the lesson's cells print or assert."""
    text = ""
    for cell in cells_of(lesson):
        if cell.cell_type == "code":
            printed = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in cell.outputs]
            text += " ".join([cell.source, *printed])
    return [float(number) for number in re.findall(r"\d*\.\d+(?:e-\d+)?|\d+(?:e-\d+)?", text)]


def without_source(text: str, lessons: set[str]) -> Iterator[str]:
    """The decimal numbers of a text that no cell of these lessons makes, at the precision in which they are stated."""
    for number in STATED.findall(NOT_PROSE.sub(" ", text)):
        half = 0.5001 * 10 ** -len(number.split(".")[1])
        if not any(abs(float(number) - one) <= half for name in lessons for one in made_by(name)):
            yield number


def named_in(text: str) -> set[str]:
    """Lessons in "lesson 04", "lessons 07 and 10", a link to 09_time, or a cell of a table with 09 in it."""
    found = re.findall(r"lessons? (\d\d)(?: and (\d\d))?|\b(\d\d)_[a-z]|\| (\d\d) \|$", text, re.MULTILINE)
    return {name for names in found for name in names} & set(LESSONS)


@pytest.mark.parametrize("lesson", LESSONS)
def test_numbers_in_a_lesson(lesson: str) -> None:
    prose = [c.source for c in cells_of(lesson) if c.cell_type == "markdown" and "## References" not in c.source]
    for paragraph in "\n\n".join(prose).split("\n\n"):
        missing = [*without_source(paragraph, named_in(paragraph) | {lesson})]
        assert not missing, f"no cell of lesson {lesson} prints {', '.join(missing)}:\n{paragraph}"


def test_numbers_on_the_measured_page() -> None:
    page = (ROOT / "book" / "measured.md").read_text(encoding="utf-8")
    for words in ELSEWHERE:
        said = re.compile(r"\s+".join(map(re.escape, words.split())))
        assert said.search(page), words
        page = said.sub(" ", page)
    for section in page.split("\n## ")[1:]:
        for part in re.split(r"\n\n|\n(?=[|-] )", section):  # paragraphs, entries of lists, rows of tables
            missing = [*without_source(part, named_in(part) or named_in(section))]
            assert not missing, f"no lesson named there prints {', '.join(missing)}:\n{part}"


def test_a_number_that_nobody_made_is_found() -> None:
    """Stated with two digits as printed with more; what is math, code or a reference is left out."""
    assert 0.99 in made_by("10")
    assert [*without_source("1.0 or 0.99, not 123.46 ($t = 77.7$, arXiv:2412.20292)", {"10"})] == ["123.46"]
