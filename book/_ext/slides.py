"""A slide deck for every lesson, from its cells that are tagged `slide`: book/teach/slides/NN_topic.html.

A text cell gives its headings, what is to be predicted and what leads to it, formulas, lists, tables, and sentences
with bold words; the whole text is in the speaker's notes. A code cell gives its figures and what it prints.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from sphinx.application import Sphinx

LESSONS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
DENSE = 75  # words: more are set smaller
CONTEXT = 45  # words: a paragraph of no more stays whole before a question
SENTENCE = re.compile(r"(?<=[.?!:])\s+(?=[A-Z*$(\[`])")


@dataclass(frozen=True)
class Slide:
    """What is shown, and what the speaker reads; a dense one is set smaller."""

    body: str
    notes: str
    dense: bool = False


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
    """What of a text belongs on a slide, as Markdown."""
    text = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    parts = [(kind, source) for kind, source in blocks(text) if kind not in ("fence", "html_block")]
    kept = []
    for (kind, source), (_, following) in pairwise([*parts, ("", "")]):
        short_lead = asks(following) and len(source.split()) <= CONTEXT
        kept.append(key_sentences(source) if kind == "paragraph" and not asks(source) and not short_lead else source)
    return "\n\n".join(filter(None, kept))


def key_sentences(paragraph: str) -> str:
    """The sentences with bold words, and one that ends in a colon, since something follows it."""
    sentences = SENTENCE.split(" ".join(paragraph.split()))
    return " ".join(s for s in sentences if "**" in s or (s is sentences[-1] and s.endswith(":")))


def asks(source: str) -> bool:
    """Whether a paragraph is a question to the learner."""
    return source.startswith("**Predict")


def text_slides(source: str) -> Iterator[Slide]:
    """The slides of a text cell, a new one at every heading; the minutes in headings are for readers."""
    source = re.sub(r"^(#+ .+?) \(\d+ minutes.*\)$", r"\1", source, flags=re.MULTILINE)
    for part in re.split(r"^(?=#{2,3} )", source, flags=re.MULTILINE):
        shown = essence(part)
        if shown and not re.fullmatch(r"#+ .+", shown):
            yield Slide(MARKDOWN.render(shown), MARKDOWN.render(part), dense=len(shown.split()) > DENSE)


def output_slides(cell: dict[str, Any]) -> Iterator[Slide]:
    """The slides of what a code cell shows: one for each figure, and one for what it prints."""
    notes = f"<pre>{html.escape(''.join(cell['source']))}</pre>"
    for output in cell["outputs"]:
        page = "".join(output.get("data", {}).get("text/html", ""))
        if page.startswith("<img "):
            yield Slide(page, notes)
        elif output["output_type"] == "stream":
            text = "".join(output["text"]).rstrip()
            yield Slide(f"<pre>{html.escape(text)}</pre>", notes, dense=text.count("\n") > 15)


def deck(lesson: Path) -> list[Slide]:
    """The slides of a lesson."""
    slides: list[Slide] = []
    for cell in json.loads(lesson.read_text(encoding="utf-8"))["cells"]:
        if "slide" in cell["metadata"].get("tags", []):
            is_text = cell["cell_type"] == "markdown"
            slides += text_slides("".join(cell["source"])) if is_text else output_slides(cell)
    return slides


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page of its own for every deck."""
    for lesson in LESSONS:
        title = "".join(json.loads(lesson.read_text(encoding="utf-8"))["cells"][0]["source"]).splitlines()[0]
        context = {"title": title.removeprefix("# "), "slides": deck(lesson), "lesson": lesson.stem}
        yield f"book/teach/slides/{lesson.stem}", context, "slides.html"


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect."""
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
