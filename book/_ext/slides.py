"""A slide deck for every lesson, from its cells that are tagged `slide`: book/teach/slides/NN_topic.html. And one for
every plan, of what the links in its table name: lecture.html, workshop.html, week-1.html to week-6.html.

A text cell is shown whole if it fits. Of a longer one, or of an exercise, the slide has the headings, what is to be
predicted and what leads to it, the first paragraph after a question, formulas, lists, tables, and other paragraphs up
to their last bold words. A code cell gives its figures and what it prints. The speaker's notes have the whole text,
folded details and the cells that are on no slide included, but for exercises; of a figure, what is to be seen on it.
"""

from __future__ import annotations

import ast
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby, pairwise, takewhile
from pathlib import Path
from typing import Any

from docutils import nodes
from formulas import together
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from parts import LESSONS, about, table
from pictures import as_files
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

DENSE = 90  # words: more are set smaller, the smaller the more there are, and are not shown whole
LINK = re.compile(r"\[([^\]]+)\]\([^)\s]+\.(?:ipynb|md)[^)]*\)")
EXERCISE = re.compile(r"### Exercise|<details>|Stuck\?")  # for readers
ANSWER = re.compile(r"<details><summary>Answer</summary>\n(.*?)</details>", re.DOTALL)  # its question has had a slide
DETAIL = re.compile(r"<details><summary>In detail[^<]*</summary>\n(.*?)</details>", re.DOTALL)  # spoken only
SOLUTION = re.compile(r"(?:^Stuck\?.*?\n\n)?<details>.*?</details>", re.DOTALL | re.MULTILINE)
BRIEF = 4  # lines: as many fit below a figure
ASIDE = re.compile(r"(?<=[.?!])\s+\([A-Z][^()]*[.?!]\)")  # whole sentences in parentheses
SENTENCE = re.compile(r"(?:(?<=[.?!])|(?<=[.?!]\*\*)|(?<=[.?!]\)))\s+(?=[A-Z*$(\[`])")
DICT = re.compile(r"(.*?)(\{.+\})(.*)")
PLANS = Path(__file__).parents[1] / "teach" / "plans"
SECTION = re.compile(r'<a href="\.\./slides/(\d\d_\w+)\.html#([\w-]+)"(?: data-slides="([^"]+)")?>')


@dataclass(frozen=True)
class Slide:
    """What is shown, what the speaker reads, and where in the lesson it goes on; of what size its letters are. One that
    has no heading says what it is `of`."""

    body: str
    notes: str = ""
    size: float = 1
    lesson: str = ""
    section: str = ""
    of: str = ""

    @property
    def anchor(self) -> str:
        """By which links find the first slide of a section."""
        heading = re.match(r"<h2>(.*?)</h2>", self.body)
        return anchor_of(heading[1]) if heading else ""


def anchor_of(heading: str) -> str:
    """s3 of "3. Title", or the words of a heading without a number."""
    number = re.match(r"\d+(?=\. )", heading)
    return f"s{number[0]}" if number else nodes.make_id(heading)


def _markdown() -> MarkdownIt:
    def math(text: str, options: dict[str, Any]) -> str:
        left, right = (r"\[", r"\]") if options["display_mode"] else (r"\(", r"\)")
        return left + html.escape(text) + right

    return MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, renderer=math)


MARKDOWN = _markdown()


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """(kind, source) of each paragraph, heading, list, table and formula of a text."""
    lines = text.splitlines()
    for token in MARKDOWN.parse(text):
        if token.level == 0 and token.map and token.nesting >= 0:
            yield token.type.removesuffix("_open"), "\n".join(lines[slice(*token.map)])


def essence(text: str, answers: bool = False) -> str:
    """What of a text belongs on a slide, as Markdown: a question or a formula is nothing without what leads to it.
    answers: whether a question stands on the slide before."""
    text = re.sub(r"(?<=\S)\s(?=\*\*Predict)", "\n\n", text)  # on a slide a question stands by itself
    parts = [(kind, source) for kind, source in blocks(text) if kind not in ("fence", "html_block")]
    if len(text.split()) <= DENSE and not EXERCISE.search(text):
        return "\n\n".join(source for _, source in parts)
    kept = []
    for (kind, source), (next_kind, following) in pairwise([*parts, ("", "")]):
        if kind == "paragraph" and not source.startswith("**Predict"):
            leads = next_kind not in ("paragraph", "heading", "") or following.startswith("**Predict")
            source = ASIDE.sub("", source) if leads or answers else to_last_bold(source)
            answers = False
        kept.append(source)
    return "\n\n".join(filter(None, kept))


def to_last_bold(paragraph: str) -> str:
    """Its sentences up to the last with bold words; none without."""
    sentences = SENTENCE.split(" ".join(paragraph.split()))
    return " ".join(sentences[: max((i for i, s in enumerate(sentences, 1) if "**" in s), default=0)])


def unfolded(source: str) -> str:
    """With the answers to questions, and details, but without the solutions of exercises."""
    return SOLUTION.sub("", DETAIL.sub(r"\1", ANSWER.sub(r"\1", source)))


def text_slides(source: str, answers: bool = False) -> Iterator[Slide]:
    """The slides of a text cell, a new one at every heading; the minutes in headings are for readers. What is on no
    slide is spoken with the one before, and comes as a slide without a body. answers: see `essence`."""
    source = LINK.sub(r"\1", source)  # slides lie elsewhere than lessons, and are not clicked
    source = re.sub(r"^(#+ .+?) \(\d+ minutes.*\)$", r"\1", source, flags=re.MULTILINE)
    for part in re.split(r"^(?=#{2,3} )", source, flags=re.MULTILINE):
        whole = unfolded(part)
        shown, answers = essence(unfolded(DETAIL.sub("", part)), answers), False
        spoken = MARKDOWN.render(re.sub(r"\A#+ .+", "", whole))  # its heading is on the slide
        if shown and not re.fullmatch(r"#+ .+", shown):
            words = len(shown.split())
            yield Slide(
                MARKDOWN.render(shown), spoken, size=1 if words <= DENSE else round(max(0.76, 1.28 - words / 250), 2)
            )
        elif spoken and not EXERCISE.search(whole):
            yield Slide("", spoken)


def as_rows(line: str) -> list[tuple[list[str], list[str]]]:
    """(head, cells) of the lines that a printed line takes: several for a dict of dicts; text has no head."""
    found = DICT.fullmatch(line)
    try:
        values = ast.literal_eval(found[2]) if found else None
    except (SyntaxError, ValueError):
        values = None
    if not found or not isinstance(values, dict):
        return [([], [line])]
    what = f"{found[1].rstrip(' :')}{found[3]}"
    if all(isinstance(row, dict) for row in values.values()):
        return [([what, *map(str, row)], [str(name), *map(str, row.values())]) for name, row in values.items()]
    label = [what] if what else []
    return [(["", *map(str, values)][not label :], label + [str(value).strip("[]") for value in values.values()])]


def printed(text: str) -> tuple[str, int]:
    """What a cell prints, as HTML, and how many lines that is: Python's dicts, which no room can read, are tables."""
    lines = [line for line in text.rstrip().splitlines() if not line.startswith("lab: ")]
    rows = [row for line in lines for row in as_rows(line)]
    body, count = "", len(rows)
    for head, group in groupby(rows, key=lambda row: row[0]):
        cells = [cells for _, cells in group]
        if head:
            body += MARKDOWN.render(table(head, iter(cells)))
            count += 1
        else:
            columns = max(len(line) for (line,) in cells)
            body += f"<pre style='--columns: {columns}'>{html.escape(chr(10).join(line for (line,) in cells))}</pre>"
    return body, count


def output_slides(cell: dict[str, Any]) -> Iterator[Slide]:
    """The slides of what a code cell shows: its figures, then what it prints, a few lines below the last figure."""
    pages = ("".join(output.get("data", {}).get("text/html", "")) for output in cell["outputs"])
    bodies = [page for page in pages if page.startswith("<img ")]
    body, lines = printed(
        "".join("".join(output["text"]) for output in cell["outputs"] if output["output_type"] == "stream")
    )
    if bodies and lines <= BRIEF:
        bodies[-1] += body
    elif lines:
        bodies.append(body)
    for body in bodies:
        seen = re.match(r'<img [^>]*alt="([^"]+)"', body)
        yield Slide(body, f"<p><em>To be seen:</em> {seen[1]}</p>" if seen else "")


def deck(lesson: Path) -> list[Slide]:
    """The slides of a lesson; a text that speaks of the code or the explorer below it leads to them."""
    slides: list[Slide] = []
    section, of, asked = "", "", False
    cells = json.loads(lesson.read_text(encoding="utf-8"))["cells"]
    for cell, below in pairwise([*cells, {"cell_type": ""}]):
        source, is_text = "".join(cell["source"]), cell["cell_type"] == "markdown"
        title = MARKDOWN.renderInline(of)  # what stands in a text before its first heading still belongs to this one
        if is_text:
            section = nodes.make_id([section, *re.findall(r"^#+ (.+)", source, re.MULTILINE)][-1])
            of = [of, *re.findall(r"^##+ (?!Exercise)(.+?)(?: \(\d+ minutes.*\))?$", source, re.MULTILINE)][-1]
        if "slide" in cell["metadata"].get("tags", []):
            for slide in text_slides(source, asked) if is_text else output_slides(cell):
                if slide.body:
                    slides.append(slide if slide.body.startswith("<h") else replace(slide, of=title))
                else:
                    slides[-1] = replace(slides[-1], notes=slides[-1].notes + slide.notes)
            if is_text:
                asked = "**Predict" in source
            if is_text and cell is not cells[0] and below["cell_type"] == "code":
                slides[-1] = replace(slides[-1], section=section)
        elif is_text and slides:
            spoken = EXERCISE.split(unfolded(source))[0]
            spoken = LINK.sub(r"\1", spoken)  # notes lie elsewhere than lessons, and are read, not clicked
            slides[-1] = replace(slides[-1], notes=slides[-1].notes + MARKDOWN.render(spoken))
    return [replace(slide, lesson=lesson.stem) for slide in slides]


def shown(slides: list[Slide], anchor: str, words: str) -> list[Slide]:
    """The slides of a section (s3, or its heading), as a plan names them: "a ... b" is from the first with a to the
    next with b, and either may be left out; "a" is the one with a. Raises ExtensionError for what is not there."""
    heads = [i for i, slide in enumerate(slides) if "<h2>" in slide.body] + [len(slides)]
    part = next((slides[i:j] for i, j in pairwise(heads) if slides[i].anchor == anchor), [])
    # the next section may have no slide with its heading
    part = list(takewhile(lambda slide: not re.match(r"\d+\. ", slide.of) or anchor_of(slide.of) == anchor, part))
    first, dots, last = map(str.strip, (words or "...").partition("..."))
    last = last if dots else first
    begins = [i for i, slide in enumerate(part) if first in slide.body]
    ends = [i for i, slide in enumerate(part) if begins and i >= begins[0] and last in slide.body]
    if not ends:
        raise ExtensionError(f"a plan shows {words or 'all'!r} of section {anchor}, and no slide of it is that.")
    return part[begins[0] : (ends[0] if last else ends[-1]) + 1]


def of_plan(title: str, rows: str) -> list[Slide]:
    """What the links in the rows of a plan's table name, in their order; each lesson begins with its number, as its
    title would give away what the room is asked: the speaker has it."""
    lessons = {lesson.stem: lesson for lesson in LESSONS}
    slides = [Slide(f"<h1>{title}</h1>")]
    for stem, group in groupby(SECTION.findall(rows), key=lambda link: link[0]):
        slides.append(Slide(f"<h1>Lesson {stem[:2]}</h1>", notes=f"<p>{about(lessons[stem])[0]}</p>"))
        first, *others = [slide for _, anchor, words in group for slide in shown(deck(lessons[stem]), anchor, words)]
        if first.body.startswith("<h3>"):  # below the lesson's h1 no level is left out
            first = replace(first, body=first.body.replace("h3>", "h2>"))
        slides += [first, *others]
    return slides


def plans(course: str) -> Iterator[tuple[str, str, str]]:
    """(deck, title, the rows that say what it shows) of every plan; of the six weeks a deck for each."""
    for plan in ("lecture", "workshop"):
        text = (PLANS / f"{plan}.md").read_text(encoding="utf-8")
        yield plan, course, "\n".join(re.findall(r"^\|.*", text, re.MULTILINE))
    weeks = (PLANS / "six-weeks.md").read_text(encoding="utf-8")
    for week, row in re.findall(r"^\| (\d) \| (\d\d: <a .*)", weeks, re.MULTILINE):
        yield f"week-{week}", f"Week {week}", row


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page of its own for every deck."""
    decks = [(lesson.stem, about(lesson)[0], deck(lesson), lesson.stem) for lesson in LESSONS]
    decks += [(name, title, of_plan(title, rows), "") for name, title, rows in plans(app.config.project)]
    for name, title, slides, lesson in decks:
        page = f"book/teach/slides/{name}"
        slides = [replace(slide, body=as_files(together(slide.body), page, Path(app.outdir))) for slide in slides]
        yield page, {"title": title, "slides": slides, "lesson": lesson}, "slides.html"


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect."""
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
