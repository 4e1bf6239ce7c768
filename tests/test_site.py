"""The website as files: complete, small, without dead links, and readable by whoever does not see it."""

from __future__ import annotations

import base64
import html
import importlib
import json
import os
import re
import runpy
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image
from site_build import ROOT, build, working_tree
from torch.nn import functional as F

import elscourse as els
from elscourse import plotting
from elscourse.grading.assignment import chosen_exercises

LESSONS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
SCRIPTS = {"embed-amd.js", "tex-svg-full.js", "reveal.js"}
PLAN_DECKS = ["lecture", "workshop", *(f"week-{week}" for week in range(1, 7))]
MB = 1_000_000


class Page(HTMLParser):
    """What a page refers to, what can be referred to in it, its headings and its images."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []  # to other pages and places
        self.loads: list[str] = []  # what the browser fetches by itself
        self.ids: set[str] = set()
        self.headings: list[int] = []
        self.images: list[dict[str, str | None]] = []
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        got = dict(attributes)
        self.ids |= {value for name, value in attributes if name in ("id", "name") and value}
        if tag == "a" and got.get("href"):
            self.links.append(str(got["href"]))
        if tag in ("script", "img", "iframe", "source") and got.get("src"):
            self.loads.append(str(got["src"]))
        if tag == "link" and got.get("href") and got.get("rel") in ("stylesheet", "icon", "preload"):
            self.loads.append(str(got["href"]))
        if tag == "article":
            self.headings.clear()  # what comes before it repeats the title, for print only
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.images.append(got)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)


@cache
def read(path: Path) -> Page:
    return Page(path)


def pages_of(site: Path) -> list[Path]:
    return sorted(path for path in site.rglob("*.html") if path.relative_to(site).parts[0] in ("book", "notebooks"))


def test_every_page_is_there(site: Path) -> None:
    for name in ("index", "start", "theory", "measured", "paper", "glossary", "further", "status", "contribute",
                 "changelog", "licence", "day", "teach/index", "teach/assignments"):  # fmt: skip
        assert (site / "book" / f"{name}.html").is_file(), name
    for lesson in LESSONS:
        assert (site / "notebooks" / f"{lesson}.html").is_file()
        assert (site / "book" / "teach" / "slides" / f"{lesson}.html").is_file()
        assert (site / "book" / "teach" / "lessons" / f"{lesson[:2]}.html").is_file()
    for plan in PLAN_DECKS:
        assert (site / "book" / "teach" / "slides" / f"{plan}.html").is_file()
    assert "url=book/index.html" in (site / "index.html").read_text()
    assert (site / "404.html").is_file()


def test_what_search_engines_and_chats_show(site: Path) -> None:
    """The address that people share, which only leads on, says the same as the landing page."""
    landing = read(site / "book" / "index.html").text
    assert landing.count("<title>Why diffusion models create instead of copy</title>") == 1
    assert "<title>All machines on one page &#8212; Why" in read(site / "book" / "theory.html").text
    told = re.findall(r'<meta content="([^"]+)" (?:name|property)="((?:og:)?description|og:title)"', landing)
    assert len(told) == 3 and all("Kamb" in text for text, name in told if name != "og:title")
    for text, name in told:
        assert re.search(rf'="{name}" content="{re.escape(text)}"', (site / "index.html").read_text()), name


def test_the_lessons_are_listed_by_part(site: Path) -> None:
    listed = re.search(r'<table class="[^"]*els-lessons.*?</table>', read(site / "book/index.html").text, re.DOTALL)
    assert listed
    rows = re.findall(r"<tr.*?</tr>", listed[0], re.DOTALL)[1:]
    bold = [n for n, row in enumerate(rows) if "<strong>" in row]
    assert len(rows) == len(LESSONS) + len(bold) and bold[:3] == [0, 2, 6]


def test_links_and_anchors_resolve(site: Path) -> None:
    dead = []
    for path in pages_of(site):
        for link in [*read(path).links, *read(path).loads]:
            parts = urlsplit(link)
            if parts.scheme or link.startswith("//"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            known = target.is_file() and (not anchor or target.suffix != ".html" or anchor in read(target).ids)
            if not known and not (anchor.startswith("/") and "slides" in path.parts):
                dead.append(f"{path.relative_to(site)} -> {link}")
    assert not dead, dead[:10]


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for path in pages_of(site):
        for address in read(path).loads:
            assert not urlsplit(address).netloc, f"{path.relative_to(site)} loads {address}"
        assert not re.search(r"@import\s+(url\()?['\"]?https?:", read(path).text)


def test_the_course_can_be_got_from_the_site_alone(site: Path, tmp_path: Path) -> None:
    """The file that the start page links to holds lessons, networks and data, and works where nothing else is."""
    [wheel] = site.glob("*.whl")
    start = read(site / "book" / "start.html")
    assert start.links.count(f"../{wheel.name}") == 2  # for a laptop and for Colab
    assert f'pip install "./{wheel.name}[notebook]"' in html.unescape(re.sub(r"<[^>]+>", "", start.text))
    into, pip = tmp_path / "in", [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
    subprocess.run([*pip, "--target", into, wheel], check=True)
    code = (
        "import sys, elscourse as els; from pathlib import Path; from elscourse.workspace import copy_lessons; "
        "copy_lessons(Path(sys.argv[1])); print(els.__file__, len(els.lab('laptop', verbose=False).data))"
    )
    run = [sys.executable, "-c", code, str(tmp_path / "my-course")]
    environment = {**os.environ, "PYTHONPATH": str(into)}
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [str(into / "elscourse" / "__init__.py"), "2000"], done.stderr
    assert sorted(path.stem for path in (tmp_path / "my-course").glob("*.ipynb")) == LESSONS


def test_sizes(site: Path) -> None:
    sizes = {path: path.stat().st_size for path in site.rglob("*") if path.is_file()}
    assert sum(size for path, size in sizes.items() if path.suffix != ".whl") < 50 * MB
    assert sum(sizes.values()) < 80 * MB  # with the package, which readers install
    assert max(sizes.values()) < 100 * MB  # what hosts of static pages take
    assert (site / "_static" / "explorer-data.js").stat().st_size < 3 * MB
    for lesson in LESSONS:
        page = site / "notebooks" / f"{lesson}.html"
        own = [page.parent / unquote(urlsplit(a).path) for a in read(page).loads if "_images" in a]
        assert page.stat().st_size + sum(path.stat().st_size for path in own) < 3 * MB


def test_scripts_load_only_where_they_are_used(site: Path) -> None:
    """And nothing on a page waits for them; the landing page's explorer fetches its data itself, last of all."""
    for path in pages_of(site):
        page = read(path)
        loaded = {urlsplit(address).path.rsplit("/", 1)[-1] for address in page.loads} & SCRIPTS
        wanted = set()
        if "widget-state+json" in page.text:
            wanted.add("embed-amd.js")
        if 'class="math' in page.text or "/slides/" in path.as_posix():
            wanted.add("tex-svg-full.js")
        if "/slides/" in path.as_posix():
            wanted.add("reveal.js")
        assert loaded == wanted, path.relative_to(site)
    landing = read(site / "book" / "index.html")
    assert 'src="../_static/explorer.js" data-shows="../_static/explorer-data.js"' in landing.text
    lesson = read(site / "notebooks" / f"{LESSONS[0]}.html").text
    assert re.findall(r"<script ([^>]*)src=[^>]*(?:require|embed-amd)[^>]*>", lesson) == ['defer="defer" '] * 3
    assert (site / "_static" / "scripts" / "fontawesome.js").stat().st_size < 1000  # its icons are in the fonts


def test_every_image_is_described(site: Path) -> None:
    for path in pages_of(site):
        for image in read(path).images:
            assert image.get("alt") is not None, f"{path.relative_to(site)}: {str(image)[:200]}"
            if "logo" not in str(image.get("class")):
                assert len(str(image["alt"]).split()) >= 3, f"{path.relative_to(site)}: {image['alt']}"


def test_headings_are_in_order(site: Path) -> None:
    for path in pages_of(site):
        headings = read(path).headings
        if "slides" in path.parts:  # where each lesson begins with a first heading, and the speaker's notes are hidden
            shown = re.sub(r"<aside.*?</aside>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
            headings = [int(level) for level in re.findall(r"<h([1-6])\b", shown)]
        else:
            assert headings.count(1) == 1, f"{path.relative_to(site)}: {headings}"
        assert headings[0] == 1, f"{path.relative_to(site)}: {headings}"
        for before, after in pairwise(headings):
            assert after <= before + 1, f"{path.relative_to(site)}: h{after} after h{before}"


def test_solutions_and_answers_are_folded(site: Path) -> None:
    for lesson in LESSONS:
        text = read(site / "notebooks" / f"{lesson}.html").text
        assert text.count("<details><summary>Solution</summary>") >= 1
        quiz = read(site / "book" / "teach" / "lessons" / f"{lesson[:2]}.html").text
        assert quiz.count("<details><summary>Answer</summary>") == 3
        assert "<details open" not in text + quiz


def test_links_on_formulas_have_names_that_can_be_read(site: Path) -> None:
    pages = [read(site / "notebooks" / f"{lesson}.html").text for lesson in LESSONS]
    names = {html.unescape(name) for page in pages for name in re.findall(r'title="([^"]+) in the glossary"', page)}
    assert {"epsilon", "E[x_0 | x_t]", "v(· + d)", "d = (d_y, d_x)"} <= names
    assert not [name for name in names if re.search(r"[\\{}]| [_^)\]]", name.replace("w_{v,d}", ""))]


def test_the_glossary_leads_to_its_words_from_a_to_z(site: Path) -> None:
    assert "../genindex.html" in read(site / "book" / "glossary.html").links
    listed = html.unescape(read(site / "genindex.html").text)
    names = re.findall(r"book/glossary\.html#term-[^>]*>(?:<strong[^>]*>)?([^<]+)", listed)
    assert len(names) > 200 and {"epsilon", "E[x_0 | x_t]", "bent filter"} <= set(names), "symbols as they are spoken"
    assert not [name for name in names if "\\" in name]


def test_first_uses_are_linked_to_the_glossary(site: Path) -> None:
    glossary = read(site / "book" / "glossary.html")
    terms = [name for name in glossary.ids if name.startswith("term-")]
    assert len(terms) > 100 and {"term-fixed-point", "term-skill"} <= set(terms)
    assert max(len(term) for term in terms) < 60, "a definition has run into its term"
    for lesson in LESSONS:
        links = [link for link in read(site / "notebooks" / f"{lesson}.html").links if "glossary.html#term" in link]
        assert len(links) >= 3 and len(set(links)) == len(links), lesson
        assert all(urlsplit(link).fragment in glossary.ids for link in links)
    for lesson, term in (("01_noise", "score"), ("02_ideal", "loss"), ("09_time", "cosine"), ("13_gpu", "attention")):
        assert f"../book/glossary.html#term-{term}" in read(site / "notebooks" / f"{lesson}.html").links, term
    assert "../book/glossary.html#term-score" not in read(site / "notebooks" / "00_result.html").links, "a verb there"


def test_numbers_are_those_of_the_results(site: Path) -> None:
    name = "fashion-mnist-16-resnet-zeros-conditional"
    metrics = json.loads((ROOT / "data" / "results" / f"{name}.metrics.json").read_text())
    [row] = [r for r in metrics["rows"] if r["machine"] == "els-zeros" and r["network_steps"] == 150]
    text = re.sub(r"<[^>]+>", " ", read(site / "book" / "paper.html").text)
    rows = r"\s16-resnet-zeros-conditional\s(?:(?!\s16-).)*"  # a network is named in its first row
    assert re.search(rf"{rows}\sels-zeros\s+{row['r']:.3f}\s+{row['r2']:.3f}\s", text, re.DOTALL)
    status = json.loads((ROOT / "book" / "status.json").read_text())
    assert sorted(status["lessons"]) == LESSONS
    assert f"{status['lessons'][LESSONS[0]]['seconds']:.0f}" in read(site / "book" / "status.html").text


def test_downloads_without_a_public_address(site: Path) -> None:
    """While the repository's address is unset, what needs it is left out."""
    for lesson in LESSONS:
        text = read(site / "notebooks" / f"{lesson}.html").text
        assert f"_sources/notebooks/{lesson}.ipynb" in text
        assert "colab.research" not in text and "mybinder" not in text
        download = json.loads((site / "_sources" / "notebooks" / f"{lesson}.ipynb").read_text(encoding="utf-8"))
        code = [cell for cell in download["cells"] if cell["cell_type"] == "code"]
        assert code and not any(cell["outputs"] for cell in code) and "widgets" not in download["metadata"]


def test_one_setting_turns_the_buttons_on(tmp_path: Path) -> None:
    tree = working_tree(tmp_path)
    project = tree / "pyproject.toml"
    address = "https://github.com/somebody/elscourse"
    setting = f'[project.urls]\nRepository = "{address}"\n\n'
    project.write_text(project.read_text().replace("[project.scripts]", setting + "[project.scripts]"))
    out = build(tree)
    lesson = (out / "notebooks" / f"{LESSONS[0]}.html").read_text()
    assert "mybinder.org" in lesson and address in lesson
    assert f"git+{address}" in (out / "book" / "start.html").read_text()


def test_the_speaker_has_what_is_on_no_slide(site: Path) -> None:
    """The answer to the question before a figure is in the figure's notes; code and solutions are in none."""
    deck = read(site / "book" / "teach" / "slides" / "04_local.html").text
    figure = next(
        slide
        for slide in re.findall(r"<section.*?</section>", deck, re.DOTALL)
        if "falls from about 6 at P = 3" in slide
    )
    shown, notes = figure.split("<aside", 1)
    answer = "So the sample is new; but so is debris."
    assert answer in notes and answer not in shown
    assert "plt.subplots" not in deck and "Stuck?" not in deck and "Solution" not in deck


@pytest.mark.parametrize("lesson", LESSONS)
def test_what_a_lesson_says_is_on_a_slide_or_spoken(lesson: str, site: Path, decks: ModuleType) -> None:
    """All its text from the first slide on, but for exercises; also text that is tagged and yet on no slide."""
    deck = site / "book" / "teach" / "slides" / f"{lesson}.html"
    spoken = letters(re.sub("</?aside[^>]*>", "", deck.read_text(encoding="utf-8")))
    for cell in json.loads((ROOT / "notebooks" / f"{lesson}.ipynb").read_text())["cells"]:
        source = decks.SOLUTION.sub("", "".join(cell["source"]))
        if cell["cell_type"] == "markdown" and not decks.EXERCISE.search(source):
            for paragraph in re.sub(r"^#+ .+", "", source, flags=re.MULTILINE).split("\n\n"):
                if not re.search(r"[|`$<\[]|^\* ", paragraph):  # tables, code, formulas and links are written otherwise
                    assert letters(paragraph) in spoken, paragraph


def test_the_speaker_recites_no_exercise(site: Path) -> None:
    for deck in (site / "book" / "teach" / "slides").glob("*.html"):
        for notes in re.findall(r'<aside class="notes">.*?</aside>', deck.read_text(encoding="utf-8"), re.DOTALL):
            assert not re.search("<h3>Exercise|Stuck[?]", notes), f"{deck.name}: {notes}"


def test_slides_show_what_the_lesson_asks_and_shows(site: Path) -> None:
    for lesson in LESSONS:
        notebook = json.loads((ROOT / "notebooks" / f"{lesson}.ipynb").read_text())
        tagged = [c for c in notebook["cells"] if "slide" in c["metadata"].get("tags", [])]
        figures = sum(
            "".join(o.get("data", {}).get("text/html", "")).startswith("<img ")
            for c in tagged if c["cell_type"] == "code" for o in c["outputs"]
        )  # fmt: skip
        deck = read(site / "book" / "teach" / "slides" / f"{lesson}.html")
        slides = re.findall(r"<section[^>]*>(.*?)<aside", deck.text, re.DOTALL)
        assert len(slides) >= len(tagged) - 3 and len(deck.images) == figures >= 3
        assert sum("<strong>Predict.</strong>" in slide for slide in slides) >= 3
        assert not any("Stuck?" in slide for slide in slides)  # a hint without its exercise
        words = [len(re.sub(r"<[^>]+>", " ", slide).split()) for slide in slides]
        assert max(words) < 170, f"{lesson}: a slide of {max(words)} words"


@pytest.fixture
def decks(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The extension that makes the slides."""
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    return importlib.import_module("slides")


def test_figures_are_files_that_pages_and_slides_share(site: Path) -> None:
    lesson, deck = (read(site / place / "07_els.html") for place in ("notebooks", "book/teach/slides"))
    of_lesson, of_deck = ({address.split("/")[-1] for address in page.loads if "_images" in address}
                          for page in (lesson, deck))  # fmt: skip
    assert len(of_deck) >= 5 and of_deck <= of_lesson
    assert "data:image/png" not in lesson.text + deck.text


def test_a_figure_on_a_slide_says_what_it_is_of(site: Path) -> None:
    """The heading that it stands under: whoever comes late, or gets the slides as a file, sees nothing else."""
    text = read(site / "book" / "teach" / "slides" / "04_local.html").text
    slides = [slide.strip() for slide in re.findall(r"<section[^>]*>(.*?)<aside", text, re.DOTALL)]
    told = [re.match(r'<p class="of">(.+?)</p>\s*<img ', slide) for slide in slides if slide.count("<img ")]
    lesson = (ROOT / "notebooks" / "04_local.py").read_text(encoding="utf-8")
    assert len(told) > 5 and all(found and f"# {found[1]}" in lesson for found in told)
    assert "minutes" not in "".join(found[1] for found in told if found)


def test_a_text_before_a_heading_is_of_the_section_before(decks: ModuleType, tmp_path: Path) -> None:
    texts = "## 1. One (2 minutes)\n\nA.", "B.\n\n## 2. Two\n\nC.", "D."
    cells = [{"cell_type": "markdown", "metadata": {"tags": ["slide"]}, "source": text} for text in texts]
    (tmp_path / "lesson.ipynb").write_text(json.dumps({"cells": cells}))
    assert [slide.of for slide in decks.deck(tmp_path / "lesson.ipynb")] == ["", "1. One", "", "2. Two"]


def test_what_python_prints_is_a_table_on_a_slide(site: Path, decks: ModuleType) -> None:
    for path in (site / "book" / "teach" / "slides").glob("*.html"):
        for printed in re.findall(r"<pre.*?</pre>", read(path).text, re.DOTALL):
            assert "{" not in printed, f"{path.stem}: {printed[:200]}"
    body, lines = decks.printed("lab: laptop\nIS   {1: 0.5, 2: [3, 4]}\nLS : {1: 5, 2: 'x'}\nof {these}\n")
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    cells = [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in rows]
    assert cells == [["", "1", "2"], ["IS", "0.5", "3, 4"], ["LS", "5", "x"]] and lines == 4
    assert body.endswith(">of {these}</pre>")
    nested = decks.printed("legs: {'real': {0: 1, 2: 9}, 'drawn': {0: 3, 2: 4}} of 9")[0]
    assert re.findall(r"<t[hd]>(.*?)</t[hd]>", nested) == ["legs of 9", "0", "2", "real", "1", "9", "drawn", "3", "4"]


def test_the_deck_of_a_plan_shows_what_the_plan_names(site: Path) -> None:
    """In its order, and nothing in between: the lecture leaves out most of lesson 01."""
    deck = read(site / "book" / "teach" / "slides" / "lecture.html")
    named = [
        *("<p>lesson 01</p>", "Adding noise", "2. The schedule", "A quarter circle", "3. The best guess"),
        *("called the posterior", "6. How to take a step", "Histograms of samples", "<p>lesson 02</p>"),
        *("First, a world", "A cloud of noised", "4. Let it generate"),
        *("The same ten", "3. Five crowds"),
    ]
    places = [deck.text.index(words) for words in named]
    assert places == sorted(places)
    shown = " ".join(re.findall(r"<section[^>]*>(.*?)<aside", deck.text, re.DOTALL))
    left_out = (
        "1. A picture with one pixel",
        "move the slider",
        "The same by hand",
        "4. One thing",
        "keep the rank of",
        "mean squared error: 0.52",  # between two parts of a section
    )
    for words in left_out:
        assert words in read(site / "book" / "teach" / "slides" / "01_noise.html").text and words not in shown, words
    for plan in PLAN_DECKS:
        number = read(site / "book" / "teach" / "slides" / f"{plan}.html").text.count("<p>lesson ")
        assert number >= 2, plan


def test_a_plan_that_names_what_is_not_there_stops_the_build(decks: ModuleType) -> None:
    slides = [decks.Slide(body) for body in ("<h2>1. One</h2>", "a", "b", "c", "<h2>2. Two</h2>", "d")]
    for words, bodies in (("", "oneabc"), ("a ...", "abc"), ("... b", "oneab"), ("b", "b"), ("a ... b", "ab")):
        named = [slide.body.replace("<h2>1. One</h2>", "one") for slide in decks.shown(slides, "s1", words)]
        assert "".join(named) == bodies, words
    for section, words in (("s3", ""), ("s1", "d"), ("s1", "a ... d"), ("s1", "b ... a"), ("s2", "... c")):
        with pytest.raises(decks.ExtensionError, match=f"of section {section}, and no slide of it is that"):
            decks.shown(slides, section, words)
    own, below = decks.Slide("own", of="1. One"), decks.Slide("below a heading of its own", of="The same by hand")
    figures = [slides[0], own, below, decks.Slide("of a section without slides", of="2. Two"), below]
    assert decks.shown(figures, "s1", "") == [slides[0], own, below]
    with pytest.raises(KeyError, match="01_renamed"):
        decks.of_plan("Plan", [("5", "", '<a href="../slides/01_renamed.html#s1">1</a>')])


def letters(text: str) -> str:
    """Its letters alone: no markup, no formulas."""
    text = re.sub(r"<aside.*?</aside>|<[^>]+>|\\\(.*?\\\)|\$[^$]+\$", "", text, flags=re.DOTALL)
    return re.sub("[^a-z]", "", html.unescape(text).lower())


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_slide_asks_the_whole_question_and_leads_to_what_it_speaks_of(lesson: str, site: Path) -> None:
    deck = read(site / "book" / "teach" / "slides" / f"{lesson}.html").text
    cells = json.loads((ROOT / "notebooks" / f"{lesson}.ipynb").read_text())["cells"]
    for cell, below in pairwise(cells):
        if cell["cell_type"] == "markdown" and "slide" in cell["metadata"].get("tags", []):
            explorer = any("widget-view" in kind for o in below.get("outputs", []) for kind in o.get("data", {}))
            for question in re.findall(r"^.*\*\*Predict(?:.+\n?)+", "".join(cell["source"]), re.MULTILINE):
                [slide] = [s for s in deck.split("<section")[1:] if letters(question) in letters(f"<{s}")]
                assert not explorer or f'href="../../../notebooks/{lesson}.html#' in slide, slide
    assert "lab: " not in "".join(re.findall(r"</?section[^>]*>|<pre style.*?</pre>", deck, re.DOTALL))


def test_none_of_the_pictures_on_the_landing_page_is_a_copy() -> None:
    name = "fashion-mnist-16-resnet-zeros-conditional"
    stored, pictures = els.load_results(name), els.load("fashion-mnist", size=16, n=10_000).images
    for row in ("els-zeros", "network-150"):
        assert els.nearest_training_image(stored[row][:12].float(), pictures)[1].min() > 1


def test_both_ways_begin_in_one_noise_and_end_in_what_is_stored() -> None:
    """The moving picture of README.md and of the landing page's answer."""
    script = runpy.run_path(str(ROOT / "book" / "make_way.py"))
    ways, stored = script["ways"](), els.load_results("fashion-mnist-16-resnet-zeros-conditional")
    assert torch.equal(ways["formula"][0], ways["network"][0])
    for name, column in (("formula", "els-zeros"), ("network", "network-150")):
        assert (els.compare(ways[name][-1], stored[column][:6]).r2 > 0.999).all(), name
    with Image.open(script["FIGURE"]) as moving:
        assert moving.n_frames == len(ways["formula"]) == 11 and moving.info["loop"] == 1, "once, in four seconds"
        for k, rows in enumerate(zip(*ways.values(), strict=True)):
            moving.seek(k)
            shown, again = (np.asarray(i.convert("RGBA"), dtype=int) for i in (moving, script["frame"](list(rows))))
            assert np.abs(shown - again).max() <= 2, k


def test_the_figure_on_the_landing_page_shows_what_its_caption_says() -> None:
    stored = els.load_results("emoji-24-resnet-zeros-conditional")
    pictures = els.load("emoji", size=24).images
    distance = {c: els.nearest_training_image(stored[c][:10], pictures)[1] for c in ("is", "els-zeros", "network-150")}
    assert distance["is"].max() < 0.01, "the ideal denoiser copies"
    assert min(distance[c].min() for c in ("els-zeros", "network-150")) > 5, "the others do not"
    rivals = ("ls", "local-filter", "equivariant-filter", "wiener", "is")
    seeds = {name: els.compare(stored[name], stored["network-150"]).r2 for name in ("els-zeros", *rivals)}
    # README.md: (100)
    assert all(torch.all(seeds["els-zeros"] > seeds[name]) for name in ("ls", "wiener", "is"))
    r2 = {name: values.quantile(0.5) for name, values in seeds.items()}
    strongest = max(rivals, key=lambda name: r2[name])
    assert strongest == "equivariant-filter"
    page = " ".join((ROOT / "book" / "index.md").read_text(encoding="utf-8").split())
    bent = els.load_results("11_bent")["emoji-24-resnet-zeros-conditional, equivariant-filter"].quantile(0.5)
    ours = (
        f"over 100 seeds is {r2['els-zeros']:.2f}, where LS has {r2['ls']:.2f} "
        "and a linear filter with the same windows"
    )
    assert f"{ours} {r2[strongest]:.2f} (bent by a curve at each step {bent:.2f}, more than the formula," in page
    assert bent > r2["els-zeros"]


def test_the_landing_page_says_what_the_word_alone_is_worth() -> None:
    stored, garments = (
        els.load_results("fashion-mnist-16-resnet-zeros-conditional"),
        els.load("fashion-mnist", size=16, n=10_000),
    )
    assert garments.labels is not None
    mean = torch.stack([garments.images[garments.labels == seed % 10].mean(0) for seed in range(100)])
    guesses = mean, *(stored[name] for name in ("els-zeros", "local-filter", "ls"))
    word, formula, windowed, local = (els.compare(some, stored["network-150"]).r2.quantile(0.5) for some in guesses)
    page = " ".join((ROOT / "book" / "index.md").read_text(encoding="utf-8").split())
    assert f"the mean picture of the class alone has {word:.2f}; the formula has {formula:.3f} (medians" in page
    bent = els.load_results("11_bent")["fashion-mnist-16-resnet-zeros-conditional, local-filter"].quantile(0.5)
    assert f"windows has {windowed:.2f}, or {bent:.2f} as a **bent filter**," in page
    assert f"A formula whose patches must come from the pixel's own place has {local:.2f}, too" in page


def test_the_painted_pictures_are_copied_broken_and_recombined() -> None:
    """What the captions of painted.png and the playground's page say, with the course's own machines."""
    painting, painted = runpy.run_path(str(ROOT / "book" / "make_painted.py")), els.load("painted").images
    ideal, local, equivariant = map(painting["drawn"], painting["machines"](painted).values())
    away = [(last[:, None] - painted).abs().amax((-3, -2, -1)).amin(1) for last, _ in (ideal, local, equivariant)]
    assert away[0].max() < 0.01, "the ideal denoiser copies"
    assert {1, 2} == set(ideal[1].image[:, 0].tolist()), "houses and trees, no face"
    inks = (ROOT / "book" / "playground.js").read_text(encoding="utf-8").partition('COLOURS = "')[2].split()
    assert [f"#{ink}" for ink in inks[: len(plotting.VOTERS)]] == list(plotting.VOTERS)
    assert torch.stack(away[1:]).min() > 0.2, "the others do not"
    at_its_place = (local[0][:, None] - painted).abs().amin(1)
    assert at_its_place.max() < 0.2, "what the local machine draws was there in one of the pictures"
    moved = (equivariant[0][:, None] - painted).abs().amin(1) > 0.2
    assert moved.any((1, 2, 3)).sum() >= 7, "the equivariant one has put pieces elsewhere"
    for last, votes in (local, equivariant):
        torch.testing.assert_close(votes.weight.sum(-1), torch.ones(8, 16, 16))
        for n in range(3):
            share = (votes.weight * (votes.image == n)).sum(-1)
            assert share[last[:, 0] > 0].max() > 0.9, "somewhere in the eight each of the three decides alone"


def test_the_painted_figure_is_what_its_script_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compared well inside of areas of one colour, as each matplotlib puts them a little elsewhere: one of other seeds
    differs in 12 % of them, one with windows smaller by two in 4 %."""
    main, again = runpy.run_path(str(ROOT / "book" / "make_painted.py"))["main"], tmp_path / "painted.png"
    shipped = main.__globals__["FIGURE"]
    monkeypatch.setitem(main.__globals__, "FIGURE", again)
    main()
    with Image.open(again) as one, Image.open(shipped) as other:
        both = one.convert("RGB"), other.convert("RGB").resize(one.size, Image.Resampling.NEAREST)
    drawn, stored = (torch.from_numpy(np.array(picture, dtype=np.float32)).movedim(-1, 0) for picture in both)
    brightest, darkest = F.max_pool2d(torch.stack([drawn, -drawn]), 7, 1, 3)
    plain = (brightest + darkest <= 2).all(0) & (drawn < 250).any(0)
    assert plain.float().mean() > 0.1, "there is something to compare"
    assert ((drawn - stored).abs().amax(0)[plain] > 8).float().mean() < 0.01


def test_the_figure_of_what_was_measured_is_what_its_script_draws(tmp_path: Path) -> None:
    """And its caption says what it shows. Another matplotlib moves a mark by a pixel or two; 0.02 of r2 are fifteen."""
    script = runpy.run_path(str(ROOT / "book" / "make_measured.py"))
    shown = {who: script["medians"](name) for who, name in script["NETWORKS"].items()}
    ours, bent, *_, ideal, mean = script["LOOKS"]
    unet = "UNet, 16 x 16"
    leaders = {who: max(r2, key=r2.__getitem__) for who, r2 in shown.items()}
    *clothes, emoji = shown
    assert [leaders[who] for who in (*clothes, emoji)] == [ours] * 5 + [bent]
    page = " ".join((ROOT / "book" / "measured.md").read_text(encoding="utf-8").split())
    reached = [shown[who][ours] for who in clothes]
    assert f"furthest to the right in five rows, between {min(reached):.2f} and {max(reached):.2f}; in the row" in page
    assert all(r2[ours] - r2[mean] > 0.2 for r2 in shown.values())
    assert [who for who, r2 in shown.items() if r2[ours] - r2[ideal] < 0.2] == [unet]
    correlated = els.load_results("10_correlations")["r2 seeds 0 to 99, fashion-mnist-16-unet-zeros"][1].quantile(0.5)
    assert f"in all but that of the UNet, where it has {shown[unet][ideal]:.2f}." in page
    assert f"has {correlated:.2f}, more than the formula's {shown[unet][ours]:.2f}." in page
    with plt.style.context("elscourse.course"):
        script["figure"]().savefig(tmp_path / "again.png")
    with Image.open(tmp_path / "again.png") as one, Image.open(script["FIGURE"]) as other:
        both = [np.asarray(picture.convert("RGB").resize((945, 462)), dtype=np.float32) for picture in (one, other)]
    orange, blue = ([(picture @ weights > 60) for picture in both] for weights in ((1, 0, -1), (-1, 0, 1)))
    for again, stored in (orange, blue):
        for some, others in ((again, stored), (stored, again)):
            near = F.max_pool2d(torch.tensor(others)[None].float(), 7, 1, 3)[0]
            assert some.sum() > 400 and some[near.numpy() == 0].sum() < 0.01 * some.sum()


@pytest.mark.parametrize("half", [1, 2])
def test_the_pairs_of_the_landing_page_are_the_shipped_drawings(half: int) -> None:
    """The formula's above, the network's below, to a rounding: each of their pixels is a square of 8 x 8."""
    stored = els.load_results("fashion-mnist-16-resnet-zeros-conditional")
    drawn = [
        stored[who][6 * half - 6 : 6 * half, 0].clamp(-1, 1) * 127.5 + 127.5 for who in ("els-zeros", "network-150")
    ]
    with Image.open(ROOT / "book" / "_static" / f"pairs-{half}.png") as picture:
        shown = np.asarray(picture.convert("LA"), dtype=float)
    assert np.array_equal(shown, shown[::8, ::8].repeat(8, 0).repeat(8, 1)[:264, :808])
    for row, images in enumerate(drawn):
        for column, image in enumerate(images):
            grey, there = np.moveaxis(
                shown[136 * row : 136 * row + 128 : 8, 136 * column : 136 * column + 128 : 8], -1, 0
            )
            assert (there == 255).all() and np.abs(grey - image.numpy()).max() <= 2


@pytest.mark.parametrize("plan", ["lecture", "workshop", "six-weeks"])
def test_the_minutes_of_a_plan_add_up(plan: str) -> None:
    text = (ROOT / "book" / "teach" / "plans" / f"{plan}.md").read_text(encoding="utf-8")
    timed, _, rest = text.partition("## Minute by minute")[2].partition("Total:")
    total = re.match(r" (\d+) minutes", rest)
    assert total and int(total[1]) == sum(int(m) for m in re.findall(r"^\| (\d+) \|", timed, re.MULTILINE))
    for part in ("What to run live", "ask", "Common wrong answers"):
        assert re.search(rf"^##? .*{part}|^\| .*{part}", text, re.MULTILINE), part


def lesson_minutes() -> dict[tuple[str, int | str], int]:
    """Minutes of every section by (lesson, number), and of exercises by (lesson, "exercise 1")."""
    found: dict[tuple[str, int | str], int] = {}
    for name in LESSONS:
        text = (ROOT / "notebooks" / f"{name}.py").read_text(encoding="utf-8")
        for level, number, minutes in re.findall(
            r"^# (## |### Exercise )(\d+)[.:] .*\((\d+) minutes", text, re.MULTILINE
        ):
            found[name[:2], int(number) if level == "## " else f"exercise {number}"] = int(minutes)
    return found


def sections(cell: str) -> list[tuple[str, int | str]]:
    """The sections that a cell of a plan's table leads to."""
    return [(lesson, int(number)) for lesson, number in re.findall(r"slides/(\d\d)_\w+\.html#s(\d+)", cell)]


def test_what_the_plans_say_of_minutes_is_what_the_lessons_say() -> None:
    """The lecture's own reading time; per week what is read at home, and its homework; how long the blocks are."""
    minutes = lesson_minutes()
    lecture, weeks = (
        (ROOT / "book/teach/plans" / f"{plan}.md").read_text("utf-8") for plan in ("lecture", "six-weeks")
    )
    table = lecture.partition("## Minute by minute")[2].partition("Total:")[0]
    stated = re.search(r"cells needs (\d+), by the lessons' own count", lecture)
    assert stated and sum(minutes[part] for part in sections(table)) == int(stated[1])
    day = (ROOT / "book/teach/plans/workshop.md").read_text("utf-8").partition("## A whole day")[2]
    total = 0
    for row, where in re.findall(r"^\| (\d+) \|.*\|([^|]*)\|$", day, re.MULTILINE):
        own = [minutes[part] for part in sections(where)]
        own += [minutes[two, f"exercise {n}"] for two, n in re.findall(r"\{doc\}`(\d\d).*: exercise (\d)", where)]
        total += int(row)
        assert sum(own) <= int(row) * 0.6, where
    assert total == 180 and "In all 180 minutes" in day
    workshop = (ROOT / "book/teach/plans/workshop.md").read_text("utf-8")
    tight = []
    for name, begins in {"the ideal denoiser": "The ideal denoiser,", "the 2 x 2 table": "One formula, two"}.items():
        row = re.search(rf"^\| (\d+) \| {begins} .*", workshop, re.MULTILINE)
        assert row and sections(row[0])
        tight.append(f"{name} ({sum(minutes[part] for part in sections(row[0]))} in {row[1]}")
    said = " ".join(workshop.split())
    assert f"two rows are tight: {') and '.join(tight)}, with all" in said
    (beyond,) = re.findall(r"^\| \(7\) \|(.*)\| ([\d, and]+) minutes, exercises included", weeks, re.MULTILINE)
    numbers = re.findall(r"\{doc\}`(\d\d)", beyond[0])
    whole = [sum(m for (lesson, _), m in minutes.items() if lesson == number) for number in numbers]
    assert [int(n) for n in re.findall(r"\d+", beyond[1])] == whole
    blocks: dict[str, list[list[tuple[str, int | str]]]] = {}
    for week, where in re.findall(r"^\| (\d), (?:first|second) \|.*\|([^|]*)\|$", weeks, re.MULTILINE):
        blocks.setdefault(week, []).append(sections(where.partition(', <a href="../slides/10_prediction.html#s10')[0]))
    lengths = [sum(minutes[part] for part in block) for pair in blocks.values() for block in pair]
    assert len(blocks) == 6 and f"takes {min(lengths)} to {max(lengths)} of its 25" in " ".join(weeks.split())
    rows = re.findall(
        r"^\| (\d) \| (.*?): .* \| the rest of [^|]*?, (\d+) minutes[^|]* \| ([^|]*) \|$", weeks, re.MULTILINE
    )
    assert len(rows) == 6
    for week, lessons, at_home, homework in rows:
        numbers = re.findall(r"\{doc\}`(\d\d)", lessons)
        everything = sum(m for (lesson, part), m in minutes.items() if lesson in numbers and isinstance(part, int))
        assert everything - sum(minutes[part] for pair in blocks[week] for part in pair) == int(at_home), f"week {week}"
        set_ = [
            (lesson, f"exercise {number}")
            for lesson, list_ in re.findall(r"(\d\d): ([\d†, and]+)", homework)
            for number in re.findall(r"\d+", list_)
        ]
        total = re.search(r"(\d+) minutes", homework)
        assert sum(minutes[part] for part in set_) == (int(total[1]) if total else 0), f"week {week}"


def test_every_page_says_what_it_is(site: Path) -> None:
    """To a search engine, and where its address is shared."""
    for path in [*site.glob("notebooks/*.html"), *site.glob("book/*.html"), *site.glob("book/teach/**/*.html")]:
        if "slides" not in path.parts:
            text = path.read_text(encoding="utf-8")
            (told,) = re.findall(
                r'<meta (?:name="description" content="([^"]*)"|content="([^"]*)" name="description")', text
            )
            assert 20 < len("".join(told)) <= 240 and 'property="og:title"' in text, path


def test_a_day_is_no_longer_than_six_hours(site: Path) -> None:
    """Each part of it leads to that section or exercise, and the minutes are those of the lessons."""
    page, minutes = read(site / "book" / "day.html").text, lesson_minutes()
    places = re.findall(r'href="\.\./notebooks/(\d\d)_\w+\.html#([\w-]+)">(?:(\d+)|Exercise (\d+))\. ', page)
    chosen = [(lesson, int(section) if section else f"exercise {number}") for lesson, _, section, number in places]
    assert len(chosen) >= 40 and sum("exercise" in str(part) for _, part in chosen) >= 6
    for (_, anchor, _, _), part in zip(places, chosen, strict=True):
        assert anchor.endswith(f"-{minutes[part]}-minutes")
    stated = re.search(r"In all (\d+) minutes", page)
    assert stated and int(stated[1]) == sum(minutes[part] for part in chosen) <= 360


def homework() -> list[tuple[str, str, str]]:
    """(week, lesson, number of an exercise) of the homework in the six weeks, as its table says."""
    text = (ROOT / "book/teach/plans/six-weeks.md").read_text("utf-8")
    table = re.findall(r"^\| (\d) \|.*\| ([^|]*; \d+ minutes[^|]*) \|$", text, re.MULTILINE)
    return [
        (week, lesson, number)
        for week, cell in table
        for lesson, numbers in re.findall(r"(\d\d): ([\d†, and]+)", cell)
        for number in re.findall(r"\d+", numbers)
    ]


def test_the_homework_is_handed_out_and_its_points_add_up() -> None:
    text = (ROOT / "book/teach/plans/six-weeks.md").read_text("utf-8")
    lines = re.findall(r"^elscourse assignment (\d\d)(.*) --out week-(\d)$", text, re.MULTILINE)
    handed = {(week, lesson, n) for lesson, options, week in lines for n in re.findall(r"--exercise (\d+)", options)}
    assert len(homework()) >= 15 and handed == set(homework())
    lessons = {lesson[:2]: ROOT / "notebooks" / f"{lesson}.ipynb" for lesson in LESSONS}
    points = sum(chosen_exercises(lessons[lesson], [n])[0].difficulty for _, lesson, n in homework())
    assert f"`elscourse grade`: {points} in all" in text
    assert "nine tables" in text and len(lines) == 9


def test_every_exercise_is_in_one_list_of_what_a_hand_out_answers() -> None:
    """Answered by a call, by lines of another cell, or by nothing: whoever adds a lesson says which."""
    text = (ROOT / "book/teach/assignments.md").read_text("utf-8").partition("## What a hand-out answers")[2]
    listed = re.findall(r"^\| (\d\d) \| (\d+) `(\w+)` \|", text, re.MULTILINE)
    unanswered = " ".join(text.partition("as far as we know: ")[2].partition(".\n")[0].split())
    left = dict(re.findall(r"(\d\d): ([^;]+)", unanswered))
    for lesson in LESSONS:
        exercises = {str(n): e.name for n, e in enumerate(chosen_exercises(ROOT / f"notebooks/{lesson}.ipynb", []), 1)}
        answered = {number: name for two, number, name in listed if two == lesson[:2]}
        numbers = left.get(lesson[:2], "").replace("all", f"1 to {len(exercises)}")
        numbers = re.sub(r"(\d+) to (\d+)", lambda m: " ".join(map(str, range(int(m[1]), int(m[2]) + 1))), numbers)
        assert answered.items() <= exercises.items(), lesson
        assert sorted([*answered, *re.findall(r"\d+", numbers)]) == sorted(exercises), lesson


def test_points_of_many_assignments_become_one_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for lesson, lines in (("04", "bob,3,6\nada,6,6\n"), ("05", "ada,2,2\n")):
        (tmp_path / f"grades-{lesson}").mkdir()
        (tmp_path / f"grades-{lesson}" / "grades.csv").write_text(f"learner,points,of\n{lines}")
    code = (ROOT / "book/teach/assignments.md").read_text("utf-8").partition("```python\n")[2].partition("```")[0]
    exec(code, {})
    assert capsys.readouterr().out == "ada 8\nbob 3\n"


def extension(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """One of those that make the site."""
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    return importlib.import_module(name)


def rows_of(table: str) -> list[list[str]]:
    """The cells of a Markdown table, without its head."""
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()[2:] if "|" in line]


def test_the_tables_of_the_site_say_what_the_files_say(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = extension("parts", monkeypatch)
    from elscourse.check import exercises

    for lesson, _, title, function, points, minutes in rows_of(parts.exercises()):
        exercise = exercises()[function.strip("`")]
        told = f"{exercise.lesson:02d}", exercise.title, str(exercise.difficulty), str(exercise.minutes)
        assert (lesson, title, points, minutes) == told
    on_view = [line.split("|")[1:-1] for line in parts.results().partition(":::")[0].strip().splitlines()[2:]]
    named = [cells[0].strip() for cells in on_view if cells[0].strip()]
    stored = [json.loads(path.read_text())["rows"] for path in (ROOT / "data" / "results").glob("*.metrics.json")]
    assert len(named) == len(set(named)) == len(stored), "each network once"
    assert [name.startswith("emoji") for name in named] == sorted(name.startswith("emoji") for name in named)
    long = {(row["machine"], f"{row['r2']:.3f}") for rows in stored for row in rows if row["network_steps"] == 150}
    assert {(cells[1].strip(), cells[3].strip()) for cells in on_view} == long
    for _, machine, _, r2, interval, _, beats in on_view:
        low, high = map(float, interval.split("\u00a0to\u00a0"))
        assert low <= float(r2) <= high and bool(beats.strip()) == (machine.strip() != "is")
    for _, _, sizes in rows_of(parts.calibration()):
        first, *_, last = map(int, sizes.split())
        assert first > last, "from much noise to little"
    status = json.loads((ROOT / "book" / "status.json").read_text())["lessons"]
    assert {name: gib for name, _, gib in rows_of(parts.runs())} == {
        n: f"{took['gib']:.2f}" for n, took in status.items()
    }


def test_the_plans_say_how_long_a_lesson_computes() -> None:
    day, workshop = (
        " ".join((ROOT / "book" / page).read_text().split()) for page in ("day.md", "teach/plans/workshop.md")
    )
    assert "about a minute" in day and "less than a minute on two cores" in workshop
    status = json.loads((ROOT / "book" / "status.json").read_text())
    assert status["cores"] == 2 and max(took["seconds"] for took in status["lessons"].values()) < 60


def test_the_minutes_of_a_route_add_up_over_its_lessons(monkeypatch: pytest.MonkeyPatch) -> None:
    made, total = extension("route", monkeypatch).route(["01: 1, exercise 1: Noise.", "02: 1: A guess."])
    assert total == sum(map(int, re.findall(r", (\d+) minutes", made))) and made.count(" minutes") == 2
    assert len(set(re.findall(r'html#([\w-]+)"', made))) == 3


def test_glossary_links_take_the_plural_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    found = extension("glossary_links", monkeypatch).pattern_of(["score", "IS"]).finditer("Scores, IS is, a scored one")
    assert [match[0] for match in found] == ["Scores", "IS"]


def test_glossary_links_are_where_words_are_read_alone(site: Path) -> None:
    """Not in headings, cards, heads of tables, titles of papers, code or other links; and each says where it leads."""
    closed = (
        r'<h[1-6]\b.*?</h[1-6]>|<thead>.*?</thead>|<section id="references">.*?</section>|<div class="sd-card .*?</a>'
        r'|<code\b.*?</code>|<a class="reference .*?</a>'
    )
    for path in pages_of(site):
        for part in re.findall(closed, read(path).text, re.DOTALL):
            assert "glossary-link" not in part, f"{path.relative_to(site)}: {part[:300]}"
        for link in re.findall(r'<a class="glossary-link[^>]*>', read(path).text):
            assert " in the glossary" in link, link


def test_a_page_says_that_its_explorers_work_where_it_has_some(site: Path) -> None:
    live = ["widget-state+json" in read(site / "notebooks" / f"{lesson}.html").text for lesson in LESSONS]
    told = ["its explorers work" in read(site / "notebooks" / f"{lesson}.html").text for lesson in LESSONS]
    assert told == live and not all(live) and not list(site.rglob("*.map"))


def test_a_slide_leaves_out_minutes_and_is_set_smaller_where_it_is_full(decks: ModuleType) -> None:
    [short] = decks.text_slides("## 1. One (5 minutes, exercise)\n\nIt is **so**.")
    [long] = decks.text_slides(f"## 1. One (5 minutes)\n\n{100 * 'so '} **it** is.")
    assert "minutes" not in short.body + long.body and short.size == 1 > long.size


def test_the_first_paragraph_after_a_question_is_shown_whole(decks: ModuleType) -> None:
    long = f"The answer is five. {90 * 'so '}\n\nA second one. It is **so**. Cut.\n\nA third."
    plain, answer = (next(decks.text_slides(long, asked)).body for asked in (False, True))
    assert "five" in answer and "Cut." not in plain + answer and "five" not in plain and "third" not in answer


def test_the_speaker_is_told_what_is_to_be_seen_on_a_figure(site: Path) -> None:
    for lesson in LESSONS:
        deck = (site / "book" / "teach" / "slides" / f"{lesson}.html").read_text(encoding="utf-8")
        for slide in re.findall(r"<section.*?</section>", deck, re.DOTALL):
            for words in re.findall(r'<img [^>]*alt="([^"]+)"', slide.partition("<aside")[0])[-1:]:
                assert f"<em>To be seen:</em> {words}</p>" in slide, lesson


def test_an_answer_is_known_by_the_slide_before_it(decks: ModuleType, tmp_path: Path) -> None:
    long = f"It is five. {90 * 'so '}"
    told = {"metadata": {"tags": ["slide"]}, "cell_type": "markdown"}
    sources = ["# Title\n\nWords.", "## 1. One\n\nIt leads. **Predict.** How many?", f"{long}\n\nMore.", long]
    cells = [told | {"source": [source]} for source in sources]
    (tmp_path / "01_one.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    bodies = [slide.body for slide in decks.deck(tmp_path / "01_one.ipynb")]
    assert "five" in bodies[2] and "More." not in bodies[2] and len(bodies) == 3, "the last answers nothing"


def test_a_plan_may_name_a_section_without_a_number(decks: ModuleType) -> None:
    slides = [decks.Slide("<h2>1. One</h2>"), decks.Slide("a", of="1. One"), decks.Slide("<h2>In five words</h2>"),
              decks.Slide("b", of="In five words"), decks.Slide("c", of="2. Two")]  # fmt: skip
    assert decks.shown(slides, "in-five-words", "") == slides[2:4] and decks.shown(slides, "s1", "") == slides[:2]


def test_a_text_that_fits_is_shown_whole_and_of_a_longer_one_what_is_bold(decks: ModuleType) -> None:
    said = "It **matters**. The rest is spoken. (So is this.)\n\nNothing here is bold.\n\n"
    [whole] = decks.text_slides(said + 70 * "so ")
    [cut] = decks.text_slides(said + 80 * "so ")
    assert (
        whole.body == decks.MARKDOWN.render(said + 70 * "so ") and cut.body == "<p>It <strong>matters</strong>.</p>\n"
    )
    assert "The rest is spoken." in cut.notes
    [first, unseen] = decks.text_slides(f"## 1. One\n\nSo.\n\n### Two\n\n{100 * 'spoken '}")
    assert first.body and not unseen.body and "spoken" in unseen.notes
    exercise = f"### Exercise 1: Add\n\nWrite `add`.\n\n{said}"
    assert [slide.body for slide in decks.text_slides(exercise)] == [decks.MARKDOWN.render(decks.essence(exercise))]
    assert "bold" not in decks.essence(exercise)
    [after] = decks.text_slides(f"It **matters.** This does not.\n\n{100 * 'so '}")
    assert "does not" not in after.body


def test_the_decks_of_plans_have_titles_and_the_speaker_those_of_the_lessons(site: Path) -> None:
    for week in range(1, 7):
        assert f"<h1>Week {week}</h1>" in read(site / "book" / "teach" / "slides" / f"week-{week}.html").text
    deck = read(site / "book" / "teach" / "slides" / "lecture.html").text
    begin = r'<h1>The paradox</h1><p>lesson 01</p>\s*<aside class="notes"><p>01 · '
    assert re.search(begin, deck), "its title gives away the answer"


def test_the_speaker_has_minutes_what_to_say_first_and_what_to_ask(site: Path) -> None:
    slides = site / "book" / "teach" / "slides"
    lecture, week = ((slides / f"{name}.html").read_text(encoding="utf-8") for name in ("lecture", "week-4"))
    first = [text.partition("<p>lesson 06</p>")[2].partition("</aside>")[0] for text in (lecture, week)]
    for notes, minutes in zip(first, (7, 25), strict=True):
        assert f"<strong>{minutes} minutes.</strong>" in notes and "comes back on the other" in notes
    for deck, section in (
        ("lecture", "3. The best denoiser that must not"),
        ("06_equivariance", "4. What does it draw"),
    ):
        _, _, slide = (slides / f"{deck}.html").read_text(encoding="utf-8").partition(f"<h2>{section}")
        notes = slide.partition('<aside class="notes">')[2].partition("</aside>")[0]
        assert notes.count(f"<strong>Section {section[0]}") == 1 and "Expect" in notes


def test_the_lecture_says_how_many_slides_it_has(site: Path) -> None:
    deck = (site / "book" / "teach" / "slides" / "lecture.html").read_text(encoding="utf-8")
    shown = deck.count("<section") - deck.count("<p>lesson ") - 1
    assert f"for {shown} slides beside" in (ROOT / "book/teach/plans/lecture.md").read_text(encoding="utf-8")


def test_there_is_a_slide_while_learners_work(site: Path) -> None:
    deck = (site / "book" / "teach" / "slides" / "workshop.html").read_text(encoding="utf-8")
    told = re.findall(r"<h1>Exercise (\d) of <code>(\w+)</code></h1>\s*(.*?)<aside", deck, re.DOTALL)
    assert [(lesson, number) for number, lesson, _ in told] == [("01_noise", "3"), ("02_ideal", "1"), ("07_els", "1")]
    for (_, _, text), name, after in zip(
        told, ("ddim_step", "posterior_weights", "els_pixel"), ("4", "2 and 3", "3"), strict=True
    ):
        assert "in pairs" in text and f"check.hint(&quot;{name}&quot;)" in text and f"exercise {after}." in text


def test_every_deck_says_whose_the_theory_is_and_under_which_licence(site: Path) -> None:
    for name in [*LESSONS, *PLAN_DECKS]:
        text = (site / "book" / "teach" / "slides" / f"{name}.html").read_text(encoding="utf-8")
        (credit,) = re.findall(r'<p class="credit">(.*?)</p>', text, re.DOTALL)
        assert "Kamb and S. Ganguli, ICML 2025, arXiv:2412.20292" in credit and "CC BY 4.0" in credit


def test_every_quiz_question_has_other_numbers_or_is_asked_aloud() -> None:
    text = (ROOT / "book/teach/quizzes.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| (\d\d): (\d) \|", text, re.MULTILINE)
    for lesson, numbers in re.findall(r"(\d\d): ([\d, ]+)", text.partition("Better asked aloud: ")[2]):
        listed += [(lesson, number) for number in re.findall(r"\d", numbers)]
    assert sorted(listed) == [(f"{lesson:02d}", str(number)) for lesson in range(13) for number in (1, 2, 3)]


def test_the_stick_of_the_workshop_has_the_file_that_the_site_offers(site: Path) -> None:
    text = re.sub(r"<[^>]+>", "", read(site / "book" / "teach" / "plans" / "workshop.html").text)
    (wheel,) = site.glob("*.whl")
    assert f"./{wheel.name}[notebook]" in html.unescape(text)


def test_the_playground_begins_with_the_first_picture_of_each_class(monkeypatch: pytest.MonkeyPatch) -> None:
    constants = extension("scripts", monkeypatch).constants()
    made = base64.b64decode(re.search("const CLOTHES = '(.+)'", constants)[1])  # type: ignore[index]
    data = els.load("fashion-mnist", size=16, n=2000)
    assert data.labels is not None
    first = data.images[[data.labels.tolist().index(label) for label in range(10)]].double()
    assert made == bytes(((first + 1) * 127.5).round().byte().flatten().tolist())


def test_each_row_of_a_table_leads_to_its_own_lesson(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = extension("parts", monkeypatch)
    listed = [row for row in rows_of(parts.lessons()) if not row[0].startswith("**")]
    for name, row, to_teach in zip(LESSONS, listed, rows_of(parts.teaching()), strict=True):
        assert f"[{name[:2]} · " in row[0] and row[0].endswith(f"](../notebooks/{name}.ipynb)")
        assert to_teach[0] == row[0].replace("../", "../../") and to_teach[1] == row[1]
        assert to_teach[2:] == [f"{{doc}}`page <lessons/{name[:2]}>`", f'<a href="slides/{name}.html">slides</a>']


def test_no_row_of_a_table_is_left_out_and_no_number_stands_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = extension("parts", monkeypatch)
    for lesson, number, title, *_ in rows_of(parts.exercises()):
        [path] = (ROOT / "notebooks").glob(f"{lesson}_*.ipynb")
        assert chosen_exercises(path, [number])[0].title == title, "the number that `elscourse assignment` takes"
    stored = [json.loads(path.read_text())["rows"] for path in sorted((ROOT / "data" / "results").glob("*.json"))]
    told = {(row["machine"], f"{row['R2']:.3f}", f"{row['beats_ideal']:.0%}") for rows in stored for row in rows}
    results = [line.split("|")[1:-1] for line in parts.results().splitlines() if line.count("|") > 8]
    for *_, machine, _, _, _, large, beats in results:
        name, number = machine.strip(), large.strip()
        assert name in ("machine", "---") or any((name, number, beats.strip() or one[2]) == one for one in told)
    sizes = {path.name: json.loads(path.read_text())["machines"] for path in parts.SIZES}
    shown = [(f"{name}.sizes.json", machine) for name, machine, _ in rows_of(parts.calibration())]
    wanted = [
        (name.removeprefix("fashion-mnist-"), machine) for name, machines in sizes.items() for machine in machines
    ]
    assert shown == wanted
    versions = json.loads((ROOT / "book" / "status.json").read_text())["versions"]
    assert dict(rows_of(parts.versions())) == versions


def test_no_slide_shows_a_solution_or_code(decks: ModuleType) -> None:
    """Nor an aside; whichever text is tagged. But the answer to the question of the slide before."""
    told = f"{90 * 'long '} It leads. (An aside, as whole sentences.)\n\n$$x$$\n\n```python\ncode\n```\n\n"
    folded = "<details><summary>Solution</summary>\n\n**Three** pictures.\n\n</details>\n"
    (slide,) = decks.text_slides(told + folded)
    assert decks.MARKDOWN.render(f"{90 * 'long '} It leads.\n\n$$x$$") == slide.body and "Three" not in slide.notes
    (slide,) = decks.text_slides(f"{folded.replace('Solution', 'Answer')}\nMore.")
    assert slide.body == slide.notes == decks.MARKDOWN.render("**Three** pictures.\n\nMore.")


def test_details_are_spoken_but_not_shown(decks: ModuleType) -> None:
    (slide,) = decks.text_slides("It leads.\n\n<details><summary>In detail</summary>\n\nBy **three**.\n\n</details>")
    assert slide.body == decks.MARKDOWN.render("It leads.") and "By <strong>three</strong>." in slide.notes
    assert "details" not in slide.notes


def test_a_few_lines_stand_below_their_figure_more_on_a_slide_of_their_own(decks: ModuleType) -> None:
    figure = {"output_type": "display_data", "data": {"text/html": '<img alt="a b c">'}}
    for lines, slides in ((4, 1), (5, 2)):
        text = {"output_type": "stream", "text": lines * "so\n"}
        assert len([*decks.output_slides({"outputs": [figure, text]})]) == slides


def test_a_figure_keeps_its_width_and_a_narrow_one_fits_a_phone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = extension("pictures", monkeypatch).as_files
    for width, fits in ((800, True), (801, False)):
        shown = made(f'<img src="data:image/png;base64,YWJj" width="{width}">', "notebooks/00_result", tmp_path)
        assert re.match(r'<img src="\.\./_images/\w+\.png"', shown) and f' width="{width}"' in shown
        assert ("els-fits" in shown) == fits


def test_a_route_says_what_one_knows_after_each_lesson(monkeypatch: pytest.MonkeyPatch) -> None:
    made = extension("route", monkeypatch).route(["01: 1: Noise is easy.", "02: 1: A guess."])[0]
    assert ": Noise is easy.\n" in made and ": A guess.\n" in made
