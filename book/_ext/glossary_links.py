"""The first use of each glossary term on a page becomes a link to its entry, symbols in formulas included.

Lessons stay plain Markdown, as notebooks must; the links are made when the site is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.osutil import relative_uri

GLOSSARY = "book/glossary"
# elsewhere Windows is an operating system and a network is the internet
PAGES = (
    "notebooks/",
    "book/index",
    "book/theory",
    "book/measured",
    "book/paper",
    "book/further",
    "book/teach/lessons/",
    "book/teach/plans/",
)
# a term is no news in a heading, and no link in code, in another link, or in the caption of a table
CLOSED = (
    nodes.title,
    nodes.reference,
    addnodes.pending_xref,  # a link to be
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

# words of everyday use, too: linked only where the course means the term
EVERYDAY = {
    "score": ("notebooks/01_noise", "notebooks/09_time", "book/theory", "book/teach/lessons/01"),
    "loss": (
        *("notebooks/02_ideal", "notebooks/03_network", "notebooks/04_local", "notebooks/06_equivariance"),
        *("notebooks/07_els", "notebooks/14_memory", "notebooks/15_exchange", "notebooks/18_edges"),
    ),
    "cosine": ("notebooks/09_time", "notebooks/11_agreement", "notebooks/17_colour", "book/teach/lessons/09"),
    "attention": (
        *("notebooks/10_prediction", "notebooks/12_failures", "notebooks/13_gpu", "notebooks/18_edges"),
        *("book/teach/lessons/13", "book/teach/lessons/18"),
    ),
}


def key_of(word: str) -> str:
    """How a word is looked up: IS, R2 and r2 as they are written, longer words in any case."""
    word = " ".join(word.replace("’", "'").split())
    return word if len(word) <= 2 or word.isupper() else word.lower()


def symbol_of(formula: str) -> str:
    """How a formula is looked up: D is not d, but spaces mean nothing."""
    return re.sub(r"\s", "", formula)


def entries(env: object) -> tuple[dict[str, str], dict[str, str]]:
    """The words and the symbols of the glossary, each with the id of its entry."""
    words: dict[str, str] = {}
    symbols: dict[str, str] = {}
    for term in env.get_doctree(GLOSSARY).findall(nodes.term):  # type: ignore[attr-defined]
        parts = [child for child in term.children if not isinstance(child, addnodes.index)]
        if len(parts) == 1 and isinstance(parts[0], nodes.math):
            symbols[symbol_of(parts[0].astext())] = term["ids"][0]
        else:
            words[key_of(term.astext())] = term["ids"][0]
    return words, symbols


def pattern_of(words: list[str]) -> re.Pattern[str]:
    """Whole words, the longest first, a plural s allowed; "on Windows" is the operating system."""
    ordered = sorted(words, key=len, reverse=True)
    either = (
        "|".join(
            re.escape(word) if key_of(word.upper()) == word or len(word) <= 2 else f"(?i:{re.escape(word)})"
            for word in ordered
        )
        .replace("'", "['’]")
        .replace(r"\ ", r"\s+")
    )
    return re.compile(rf"(?<![\w-])(?!(?<=on )Windows\b)({either})(s?)(?![\w-])")


def spoken(tex: str) -> str:
    r"""A symbol without the signs of TeX: "\mathrm{E}[x_0 \mid x_t]" -> "E[x_0 | x_t]"."""
    text = re.sub(r"\\math\w+\{(\w+)\}", r"\1", tex).replace(r"\mid", "|").replace(r"\cdot", "·")
    return re.sub(r"(?<=[A-Za-z]) (?=[_^()\]]|$)", "", re.sub(r"\\([A-Za-z]+) ?", r"\1 ", text))


class SpokenIndex(SphinxTransform):
    """In the index the symbols of the glossary stand as they are spoken: epsilon under E."""

    default_priority = 800  # before the index is collected

    def apply(self, **_: object) -> None:
        """Rename the entries of symbols."""
        if self.env.docname != GLOSSARY:
            return
        for term in self.document.findall(nodes.term):
            for index in term.findall(addnodes.index) if any(term.findall(nodes.math)) else ():
                index["entries"] = [(kind, spoken(name), *rest) for kind, name, *rest in index["entries"]]


class GlossaryLinks(SphinxPostTransform):
    """Link the first use of each term."""

    default_priority = 5  # before references are resolved
    formats = ("html",)

    def run(self, **_: object) -> None:
        """Walk over the page in reading order."""
        page = self.env.docname
        if not page.startswith(PAGES):
            return
        words, self.symbols = entries(self.env)
        self.words = {word: anchor for word, anchor in words.items() if page in EVERYDAY.get(word, (page,))}
        self.base = relative_uri(f"{page}.html", f"{GLOSSARY}.html")
        self.pattern = pattern_of(list(self.words))
        for node in list(self.document.findall(lambda n: isinstance(n, (nodes.Text, nodes.math)))):
            if not any(
                isinstance(parent, CLOSED) or _is_reference_list(parent) or _is_card(parent) for parent in _above(node)
            ):
                self._symbol(node) if isinstance(node, nodes.math) else self._link_words(node)

    def _link(self, anchor: str, child: nodes.Node) -> nodes.reference:
        name = spoken(child.astext()) if isinstance(child, nodes.math) else child.astext()
        title = f"{name} in the glossary"  # the name of a link that shows a formula only
        address = f"{self.base}#{anchor}"
        return nodes.reference("", "", child, internal=True, refuri=address, reftitle=title, classes=["glossary-link"])

    def _symbol(self, node: nodes.math) -> None:
        anchor = self.symbols.pop(symbol_of(node.astext()), None)
        if anchor is not None:
            node.replace_self(self._link(anchor, node.deepcopy()))

    def _link_words(self, node: nodes.Text) -> None:
        if isinstance(node.parent, nodes.math):
            return
        text, made, read = str(node), [], 0
        for match in self.pattern.finditer(text):
            anchor = self.words.pop(key_of(match[1]), None)
            if anchor is None:
                continue
            made += [nodes.Text(text[read : match.start()]), self._link(anchor, nodes.Text(match[0]))]
            read = match.end()
        if made:
            node.parent.replace(node, [*made, nodes.Text(text[read:])])


def _above(node: nodes.Node) -> Iterator[nodes.Node]:
    while (node := node.parent) is not None:
        yield node


def _is_card(node: nodes.Node) -> bool:
    """A card is one link: no other can be reached in it."""
    return isinstance(node, nodes.container) and "sd-card" in node["classes"]


def _is_reference_list(node: nodes.Node) -> bool:
    """Titles of papers are not ours to link."""
    return isinstance(node, nodes.section) and bool(node.children) and node[0].astext() == "References"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transforms."""
    app.add_transform(SpokenIndex)
    app.add_post_transform(GlossaryLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
