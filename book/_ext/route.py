"""A route: some sections and exercises of lessons, with their titles and minutes, made when the site is built.

```{course-route}
01: 1, 2, 3, exercise 4: What one knows after it.
```
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from docutils import nodes
from parts import LESSONS, about
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

LINE = re.compile(r"(\d\d): ([^:]+): (.+)")
HEADING = re.compile(r"^# (?:## (\d+)\.|### (Exercise \d+):) (.+) \((\d+) minutes.*\)$", re.MULTILINE)


def places(lesson: Path) -> dict[str, tuple[str, str, int]]:
    """Number of a section, or "exercise N" -> its title, its anchor on the lesson's page, its minutes."""
    found = {}
    for match in HEADING.finditer(lesson.with_suffix(".py").read_text(encoding="utf-8")):
        section, exercise, title, minutes = match.groups()
        anchor = nodes.make_id(match[0].lstrip("# "))
        found[section or exercise.lower()] = (title, anchor, int(minutes))
    return found


def route(lines: list[str]) -> tuple[str, int]:
    """A route, lesson by lesson, as Markdown, and its minutes in all."""
    items, total = [], 0
    for line in lines:
        if not (match := LINE.fullmatch(line)):
            raise ValueError(f"{line!r}: expected a lesson, its parts, and a sentence, as in 01: 1, 2: So it is.")
        number, chosen, then = match.groups()
        (lesson,) = [path for path in LESSONS if path.stem[:2] == number]
        steps = [(name, *places(lesson)[name]) for name in chosen.split(", ")]
        minutes = sum(step[-1] for step in steps)
        links = (
            f'<a href="../notebooks/{lesson.stem}.html#{anchor}">{name.capitalize()}. {escape(title)}</a>'
            for name, title, anchor, _ in steps
        )
        title = f"[{about(lesson)[0]}](../notebooks/{lesson.name}), {minutes} minutes"
        items.append(f"{title}\n: {then}\n: {' · '.join(links)}")
        total += minutes
    return "\n\n".join(items), total


class CourseRoute(SphinxDirective):
    """{course-route}, with a line for each lesson."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """The route, parsed like any text on the page, and the sum of its minutes; read again when a lesson changes."""
        for lesson in LESSONS:
            self.env.note_dependency(str(lesson.with_suffix(".py")))
        made, total = route(list(self.content))
        return self.parse_text_to_nodes(f"{made}\n\nIn all {total} minutes.\n")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("course-route", CourseRoute)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
