"""A slide deck for every lesson, from its cells that are tagged `slide`: book/teach/slides/NN_topic.html.

A text cell gives its headings, what is to be predicted and what leads to it, formulas, lists, tables, and other
paragraphs up to their last bold words; a code cell gives its figures and what it prints. The speaker's notes have the
whole text, with the cells that are on no slide, but for exercises.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from docutils import nodes
from markdown_it import MarkdownIt
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from parts import LESSONS, about
from sphinx.application import Sphinx

DENSE = 90  # words: more are set smaller
LINK = re.compile(r"\[([^\]]+)\]\([^)\s]+\.(?:ipynb|md)[^)]*\)")
EXERCISE = re.compile(r"### Exercise|<details>|Stuck\?")  # for readers
BRIEF = 4  # lines: as many fit below a figure
ASIDE = re.compile(r"(?<=[.?!])\s+\([A-Z][^()]*[.?!]\)")  # whole sentences in parentheses
SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z*$(\[`])")


@dataclass(frozen=True)
class Slide:
    """What is shown, what the speaker reads, and where in the lesson it goes on; a dense one is set smaller."""

    body: str
    notes: str
    dense: bool = False
    section: str = ""


def _markdown() -> MarkdownIt:
    def math(text: str, options: dict[str, Any]) -> str:
        left, right = (r"\[", r"\]") if options["display_mode"] else (r"\(", r"\)")
        return left + html.escape(text) + right

    return MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, renderer=math).use(amsmath_plugin)


MARKDOWN = _markdown()


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """(kind, source) of each paragraph, heading, list, table and formula of a text."""
    lines = text.splitlines()
    for token in MARKDOWN.parse(text):
        if token.level == 0 and token.map and token.nesting >= 0:
            yield token.type.removesuffix("_open"), "\n".join(lines[slice(*token.map)])


def essence(text: str) -> str:
    """What of a text belongs on a slide, as Markdown: a question or a formula is nothing without what leads to it."""
    text = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    text = re.sub(r"(?<=\S)\s(?=\*\*Predict)", "\n\n", text)  # on a slide a question stands by itself
    parts = [(kind, source) for kind, source in blocks(text) if kind not in ("fence", "html_block")]
    parts = [(kind, source) for kind, source in parts if not source.startswith("Stuck?")]  # of an exercise
    kept = []
    for (kind, source), (next_kind, following) in pairwise([*parts, ("", "")]):
        if kind == "paragraph" and not source.startswith("**Predict"):
            leads = next_kind not in ("paragraph", "heading", "") or following.startswith("**Predict")
            source = ASIDE.sub("", source) if leads else to_last_bold(source)
        kept.append(source)
    return "\n\n".join(filter(None, kept))


def to_last_bold(paragraph: str) -> str:
    """Its sentences up to the last with bold words; none without."""
    sentences = SENTENCE.split(" ".join(paragraph.split()))
    return " ".join(sentences[: max((i for i, s in enumerate(sentences, 1) if "**" in s), default=0)])


def text_slides(source: str) -> Iterator[Slide]:
    """The slides of a text cell, a new one at every heading; the minutes in headings are for readers."""
    source = re.sub(r"^(#+ .+?) \(\d+ minutes.*\)$", r"\1", source, flags=re.MULTILINE)
    for part in re.split(r"^(?=#{2,3} )", source, flags=re.MULTILINE):
        shown = essence(part)
        if shown and not re.fullmatch(r"#+ .+", shown):
            yield Slide(MARKDOWN.render(shown), MARKDOWN.render(part), dense=len(shown.split()) > DENSE)


def output_slides(cell: dict[str, Any]) -> Iterator[Slide]:
    """The slides of what a code cell shows: its figures, then what it prints, a few lines below the last figure."""
    pages = ("".join(output.get("data", {}).get("text/html", "")) for output in cell["outputs"])
    bodies = [page for page in pages if page.startswith("<img ")]
    printed = "".join("".join(output["text"]) for output in cell["outputs"] if output["output_type"] == "stream")
    lines = [line for line in printed.rstrip().splitlines() if not line.startswith("lab: ")]
    if lines:
        columns = max(map(len, lines))
        pre = f"<pre style='--columns: {columns}'>{html.escape(chr(10).join(lines))}</pre>"
        if bodies and len(lines) <= BRIEF:
            bodies[-1] += pre
        else:
            bodies.append(pre)
    yield from (Slide(body, notes="") for body in bodies)


def deck(lesson: Path) -> list[Slide]:
    """The slides of a lesson; a text that speaks of the code or the explorer below it leads to them."""
    slides: list[Slide] = []
    section = ""
    cells = json.loads(lesson.read_text(encoding="utf-8"))["cells"]
    for cell, below in pairwise([*cells, {"cell_type": ""}]):
        source, is_text = "".join(cell["source"]), cell["cell_type"] == "markdown"
        if is_text:
            section = nodes.make_id([section, *re.findall(r"^#+ (.+)", source, re.MULTILINE)][-1])
        if "slide" in cell["metadata"].get("tags", []):
            slides += text_slides(source) if is_text else output_slides(cell)
            if is_text and cell is not cells[0] and below["cell_type"] == "code":
                slides[-1] = replace(slides[-1], section=section)
        elif is_text and slides and not EXERCISE.match(source):
            spoken = LINK.sub(r"\1", source)  # notes lie elsewhere than lessons, and are read, not clicked
            slides[-1] = replace(slides[-1], notes=slides[-1].notes + MARKDOWN.render(spoken))
    return slides


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page of its own for every deck."""
    for lesson in LESSONS:
        title, _, _ = about(lesson)
        context = {"title": title, "slides": deck(lesson), "lesson": lesson.stem}
        yield f"book/teach/slides/{lesson.stem}", context, "slides.html"


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect."""
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
