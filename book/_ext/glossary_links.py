"""The first use of each glossary term on a page becomes a link to its entry, symbols in formulas included.

Lessons stay plain Markdown, as notebooks must; the links are made when the site is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

GLOSSARY = "book/glossary"
# a term is no news in a heading, and no link in code, in another link, or in the caption of a table
CLOSED = (
    nodes.title,
    nodes.reference,
    nodes.literal,
    nodes.literal_block,
    nodes.raw,
    nodes.term,
    nodes.target,
    nodes.math_block,
    nodes.thead,
    nodes.footnote,
    nodes.citation,
)


def entries(env: object) -> dict[str, str]:
    """Every term of the glossary in lower case (symbols as they are), with the id of its entry."""
    objects = env.domains.standard_domain.get_objects()  # type: ignore[attr-defined]
    return {name if "\\" in name else name.lower(): anchor for name, _, kind, _, anchor, _ in objects if kind == "term"}


def pattern_of(terms: list[str]) -> re.Pattern[str]:
    """Whole words, the longest term first, a plural s allowed."""
    words = sorted((term for term in terms if "\\" not in term), key=len, reverse=True)
    return re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, words))})(s?)(?![\w-])", re.IGNORECASE)


class GlossaryLinks(SphinxPostTransform):
    """Link the first use of each term."""

    default_priority = 5  # before references are resolved

    def run(self, **_: object) -> None:
        """Walk over the page in reading order."""
        page = self.env.docname
        terms = entries(self.env)
        if page == GLOSSARY or not terms or self.app.builder.format != "html":
            return
        self.base = self.app.builder.get_relative_uri(page, GLOSSARY)
        self.left = dict(terms)
        self.pattern = pattern_of(list(terms))
        for node in list(self.document.findall(lambda n: isinstance(n, (nodes.Text, nodes.math)))):
            if not any(isinstance(parent, CLOSED) for parent in _above(node)):
                self._symbol(node) if isinstance(node, nodes.math) else self._words(node)

    def _link(self, anchor: str, child: nodes.Node) -> nodes.reference:
        link = nodes.reference("", "", internal=True, refuri=f"{self.base}#{anchor}", classes=["glossary-link"])
        link += child
        return link

    def _symbol(self, node: nodes.math) -> None:
        anchor = self.left.pop(node.astext().strip().replace(" ", "").lower(), None)
        if anchor is not None:
            node.replace_self(self._link(anchor, node.deepcopy()))

    def _words(self, node: nodes.Text) -> None:
        if isinstance(node.parent, nodes.math):
            return
        text, made, read = str(node), [], 0
        for match in self.pattern.finditer(text):
            anchor = self.left.pop(match[1].lower(), None)
            if anchor is None:
                continue
            made += [nodes.Text(text[read : match.start()]), self._link(anchor, nodes.Text(match[0]))]
            read = match.end()
        if made:
            node.parent.replace(node, [*made, nodes.Text(text[read:])])


def _above(node: nodes.Node) -> Iterator[nodes.Node]:
    while (node := node.parent) is not None:
        yield node


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform."""
    app.add_post_transform(GlossaryLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
