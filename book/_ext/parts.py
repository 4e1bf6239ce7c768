"""Parts of pages that are made when the site is built, so that no number and no address is typed in twice.

    ```{course-part} lessons
    ```

Parts: lessons, teaching, exercises, results, calibration, runs, speed, versions (tables), colab, download and stick
(how to install there, from one file, and without internet).
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from one_file import WHEEL
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RESULTS = sorted((ROOT / "data" / "results").glob("*.metrics.json"))
SIZES = sorted((ROOT / "data" / "networks").glob("*.sizes.json"))
CHECKS = sorted((ROOT / "elscourse" / "check").glob("lesson_*.py"))
LANDING = ROOT / "book" / "index.md"
STATUS = ROOT / "book" / "status.json"
BENCH = ROOT / "data" / "lessons" / "13_bench.json"


def about(lesson: Path) -> tuple[str, str, str]:
    """The title of a lesson, its minutes and what it needs, as its first cell says."""
    text = "".join(json.loads(lesson.read_text(encoding="utf-8"))["cells"][0]["source"])
    title, minutes = re.match(r"# (.+)", text), re.search(r"\*\*Time\*\* (\d+)", text)
    needs = re.search(r"\*\*You need\*\* (.+?)(?=\n\n)", text, re.DOTALL)
    assert title and minutes and needs, lesson
    return title[1], minutes[1], " ".join(needs[1].split())


def table(head: list[str], rows: Iterator[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def part_begun_by() -> dict[str, str]:
    """First lesson of each part of the course -> the part's name, as in the sidebar."""
    toctrees = re.findall(r":caption: (.+)\n:hidden:\n\n\.\./notebooks/(\w+)", LANDING.read_text(encoding="utf-8"))
    return {lesson: part for part, lesson in toctrees}


def lessons() -> str:
    """Each lesson, part by part, with what it needs and how long it takes."""

    def rows() -> Iterator[list[str]]:
        parts = part_begun_by()
        for lesson in LESSONS:
            if lesson.stem in parts:
                yield [f"**{parts[lesson.stem]}**", "", ""]
            title, minutes, needs = about(lesson)
            yield [f"[{title}](../notebooks/{lesson.name})", minutes, needs[0].upper() + needs[1:]]

    return table(["lesson", "minutes", "you need"], rows())


def teaching() -> str:
    """Per lesson: the page for lecturers, its slides, the minutes."""

    def rows() -> Iterator[list[str]]:
        for lesson in LESSONS:
            title, minutes, _ = about(lesson)
            yield [
                f"[{title}](../../notebooks/{lesson.name})",
                minutes,
                f"{{doc}}`page <lessons/{lesson.stem[:2]}>`",
                f'<a href="slides/{lesson.stem}.html">slides</a>',
            ]

    return table(["lesson", "minutes", "page", "slides"], rows())


def exercises() -> str:
    """Every exercise with its number in its lesson, its points and minutes."""
    from elscourse.grading.assignment import chosen_exercises  # loads torch

    def rows() -> Iterator[list[str]]:
        for lesson in LESSONS:
            if lesson.stem[:2] != "00":
                for number, exercise in enumerate(chosen_exercises(lesson, []), 1):
                    about = str(exercise.difficulty), str(exercise.minutes)
                    yield [lesson.stem[:2], str(number), exercise.title, f"`{exercise.name}`", *about]

    return table(["lesson", "number", "exercise", "function", "points", "minutes"], rows())


def results() -> str:
    """Median r2 of every machine with every shipped network, and how often it beats the ideal denoiser.

    What the network draws in 150 steps is on view, in 20 folded away. A network is named in the first of its rows.
    """

    def rows(*, plain: bool) -> Iterator[list[str]]:
        for path in sorted(RESULTS, key=lambda path: ("emoji" in path.name, path.name)):  # clothes first
            network = path.name.removesuffix(".metrics.json").removeprefix("fashion-mnist-")
            for row in json.loads(path.read_text(encoding="utf-8"))["rows"]:
                if (row["network_steps"] == 150) is plain:
                    low, high = row["r2_interval"]
                    yield [
                        network,
                        *([] if plain else [str(row["network_steps"])]),
                        row["machine"],
                        f"{row['r']:.3f}",
                        f"{row['r2']:.3f}",
                        f"{low:.3f}\u00a0to\u00a0{high:.3f}",
                        f"{row['R2']:.3f}",
                        "" if row["machine"] == "is" else f"{row['beats_ideal']:.0%}",
                    ]
                    network = ""

    head = ["machine", "r", "r2", "95 % interval of r2", "R2", "beats IS"]
    plain = table(["network", *head], rows(plain=True))
    others = table(["network", "its steps", *head], rows(plain=False))
    return f"{plain}\n\n:::{{dropdown}} 20 steps, and 20 with the first made exact\n{others}\n:::\n"


def calibration() -> str:
    """The calibrated patch sizes of every shipped network, from the most noise to the least."""

    def rows() -> Iterator[list[str]]:
        for path in SIZES:
            sizes = json.loads(path.read_text(encoding="utf-8"))["machines"]
            for machine, pairs in sizes.items():
                name = path.name.removesuffix(".sizes.json").removeprefix("fashion-mnist-")
                yield [name, machine, " ".join(str(size) for _, size in pairs)]

    return table(["network", "machine", "patch size from t = 1 down to 0.05"], rows())


def _status() -> dict:
    return json.loads(STATUS.read_text(encoding="utf-8"))


def runs() -> str:
    """What the last run of each notebook took."""
    rows = (
        [name, f"{took['seconds']:.0f}", f"{took['gib']:.2f}" if "gib" in took else "not measured"]
        for name, took in _status()["lessons"].items()
    )
    return table(["notebook", "seconds", "peak memory in GiB"], rows)


def versions() -> str:
    """The versions that the notebooks ran with."""
    return table(["package", "version"], ([name, version] for name, version in _status()["versions"].items()))


def colab() -> str:
    """How to install the course in Colab; the address of the repository is set in pyproject.toml, or not."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    repository = project.get("urls", {}).get("Repository")
    if repository:
        return (
            "Each lesson has a rocket button at the top that opens it there. In Colab, put this in a new first cell "
            "and run it before anything else; it leaves Colab's torch and numpy as they are:\n\n"
            f'```\n%pip install -q "elscourse[notebook] @ git+{repository}"\n```'
        )
    return (
        "In Colab, upload a lesson (*File, Upload notebook*; every lesson here has a download button) and "
        f'<a href="../{WHEEL}" download>the course as one file</a> (sidebar, *Files*), then run '
        f'`%pip install -q "./{WHEEL}[notebook]"` in a new first cell, before anything else. Binder reads the folder '
        "`.binder` of any public repository that holds the course."
    )


def download() -> str:
    """The course as one file, and how to start from it."""
    return (
        f'<a href="../{WHEEL}" download>{WHEEL}</a> is the whole course in one file: package, lessons, networks and '
        "pictures. Wherever Python 3.11 or newer is, in the folder into which you have put it:\n\n"
        f'```sh\npython3 -m venv course\ncourse/bin/pip install "./{WHEEL}[notebook]"\n'
        "course/bin/elscourse lab\n```\n\n"
        "On Windows it is `py -m venv course`, and `course\\Scripts\\` for `course/bin/`. After `source "
        "course/bin/activate` (Windows: `course\\Scripts\\activate` in the Command Prompt, as PowerShell may refuse to "
        "run it), `elscourse`, `python` and `torchrun` are those of the course. `lab` puts copies of the lessons into "
        "`my-course`, where you are: what you write there is kept."
    )


def stick() -> str:
    """How to put the course and all packages on a USB stick, and install from it."""
    return (
        f'```sh\npip download -d wheels "./{WHEEL}[notebook]"\n```\n\n'
        "Run this in the folder of the file, on Linux with the same line before it, or the stick will hold CUDA. On "
        "the day, without internet (on Windows `py -m venv course`, and `course\\Scripts\\` for `course/bin/`):\n\n"
        '```sh\npython3 -m venv course\ncourse/bin/pip install --no-index --find-links wheels "elscourse[notebook]"\n'
        "course/bin/elscourse lab\n```"
    )


def speed() -> str:
    """What `elscourse bench --full` measured."""
    from elscourse.bench import table as tables  # loads torch

    return tables(json.loads(BENCH.read_text(encoding="utf-8")))


MAKERS = (lessons, teaching, exercises, results, calibration, runs, speed, versions, colab, download, stick)
PARTS = {make.__name__: make for make in MAKERS}


class CoursePart(SphinxDirective):
    """{course-part} NAME"""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The part, parsed like any text on the page; the page is read again when its sources change.

        A table gets the part's name as a class, for course.css.
        """
        name = self.arguments[0]
        if name not in PARTS:
            raise self.error(f"course-part knows {', '.join(PARTS)}, got {name!r}.")
        for path in (*LESSONS, *RESULTS, *SIZES, *CHECKS, STATUS, BENCH, ROOT / "pyproject.toml"):
            self.env.note_dependency(str(path))
        made = self.parse_text_to_nodes(PARTS[name]())
        for node in made:
            for found in node.findall(nodes.table):
                found["classes"].append(f"els-{name}")
        return made


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("course-part", CoursePart)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
