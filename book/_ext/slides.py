"""A slide deck for every lesson, from its cells that are tagged `slide`: book/teach/slides/NN_topic.html. And one for
every plan, of what the links in its table name: lecture.html, workshop.html, week-1.html to week-6.html. Where learners
work it has a slide that says at what.

A text cell is shown whole if it fits. Of a longer one, or of an exercise, the slide has the headings, what is to be
predicted and what leads to it, the first paragraph after a question, formulas, lists, tables, and other paragraphs up
to their last bold words. A code cell gives its figures and what it prints. The speaker's notes have the whole text,
folded details and the cells that are on no slide included, but for exercises; of a figure, what is to be seen on it;
of a section, what the lecturer's page says to ask; in a plan's deck also the minutes, and what is to be said first.
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
from parts import LESSONS, about, part_begun_by, table
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
TEACH = Path(__file__).parents[1] / "teach"
SECTION = re.compile(r'<a href="\.\./slides/(\d\d_\w+)\.html#([\w-]+)"(?: data-slides="([^"]+)")?>')
WORK = re.compile(r"notebooks/(\d\d_\w+)>`, exercise (\d)(?:; ahead: ([\d and]+))?")
CREDIT = """<p class="credit">Theory: M. Kamb and S. Ganguli, ICML 2025, arXiv:2412.20292. Slides: the elscourse
authors, <a href="https://creativecommons.org/licenses/by/4.0/">CC BY 4.0</a>.</p>"""


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


def to_ask(stem: str, anchor: str) -> str:
    """What a lesson's page for lecturers says to ask in a section (s3), for the notes of its first slide."""
    page = (TEACH / "lessons" / f"{stem[:2]}.md").read_text(encoding="utf-8")
    items = re.findall(r"^([-*] \*\*Section (\d+).*(?:\n  .*)*)", page, re.MULTILINE)
    return MARKDOWN.render("\n".join(item for item, number in items if f"s{number}" == anchor))


def work(minutes: str, what: str, stem: str, number: str, ahead: str) -> Slide:
    """What is on the wall while learners do an exercise."""
    from elscourse.grading.assignment import chosen_exercises  # loads torch

    (exercise,) = chosen_exercises(next(lesson for lesson in LESSONS if lesson.stem == stem), [number])
    todo = f"""# Exercise {number} of `{stem}`

{what.removeprefix("Exercise: ")}. **{minutes} minutes**, in pairs.

* Click on the exercise, then *Run > Run All Above Selected Cell*.
* A hint: `check.hint("{exercise.name}")`
"""
    return Slide(MARKDOWN.render(todo + (f"* Done? Go on with exercise {ahead.strip()}." if ahead else "")))


def of_plan(title: str, rows: list[tuple[str, str, str]]) -> list[Slide]:
    """What the links in the rows of a plan's table (minutes, what, where) name, in their order; a link may name several
    parts of a section, with ";" between them. Each lesson begins with the name of its part, as its own title would give
    away what the room is asked: the speaker has it, with the row's minutes and what it says."""
    lessons, parts = {lesson.stem: lesson for lesson in LESSONS}, part_begun_by()
    slides = [Slide(f"<h1>{title}</h1>{CREDIT}")]
    for minutes, what, where in rows:
        slides += [work(minutes, what, *found) for found in WORK.findall(where)]
        for stem, group in groupby(SECTION.findall(where), key=lambda link: link[0]):
            said = MARKDOWN.render(f"{about(lessons[stem])[0]}\n\n**{minutes} minutes.** {what}")
            part = parts[max(first for first in parts if first <= stem)]
            slides.append(Slide(f"<h1>{part}</h1><p>lesson {stem[:2]}</p>", said))
            for n, (_, anchor, words) in enumerate(group):
                slides_of = deck(lessons[stem])
                first, *others = [slide for some in words.split(";") for slide in shown(slides_of, anchor, some)]
                if n == 0 and first.body.startswith("<h3>"):  # below the lesson's h1 no level is left out
                    first = replace(first, body=first.body.replace("h3>", "h2>"))
                slides += [replace(first, notes=first.notes + to_ask(stem, anchor)), *others]
    return slides


def plans(course: str) -> Iterator[tuple[str, str, list[tuple[str, str, str]]]]:
    """(deck, title, the rows that say what it shows) of every plan; of the six weeks a deck for each."""

    def rows(plan: str, first: str) -> list[tuple[str, str, str]]:
        text = (TEACH / "plans" / f"{plan}.md").read_text(encoding="utf-8").partition("## Minute by minute")[2]
        lines = re.findall(rf"^\| {first} \|.*(?=\|$)", text.partition("\n## What to run")[0], re.MULTILINE)
        cells = [[cell.strip() for cell in line[1:].split("|")] for line in lines]
        return [(cell[0], cell[1], cell[-1]) for cell in cells]

    for plan in ("lecture", "workshop"):
        yield plan, course, rows(plan, r"\d+")
    for week in range(1, 7):
        blocks = rows("six-weeks", rf"{week}, \w+")
        yield f"week-{week}", f"Week {week}", [("25", what, where) for _, what, where in blocks]


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page of its own for every deck."""
    decks = [(name, title, of_plan(title, rows), "") for name, title, rows in plans(app.config.project)]
    for lesson in LESSONS:
        slides = [replace(slide, notes=slide.notes + to_ask(lesson.stem, slide.anchor)) for slide in deck(lesson)]
        decks.append((lesson.stem, about(lesson)[0], slides, lesson.stem))
    for name, title, slides, lesson in decks:
        page = f"book/teach/slides/{name}"
        slides = [replace(slide, body=as_files(together(slide.body), page, Path(app.outdir))) for slide in slides]
        yield page, {"title": title, "slides": slides, "lesson": lesson, "credit": CREDIT}, "slides.html"


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect."""
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
