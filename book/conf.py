"""The website of the course: `./course book` builds it from the committed notebooks and the pages beside this file.

The source folder is the root of the repository, so that notebooks/ and book/ both stay where they are:
sphinx-build -c book . _site
"""

import html
import re
import sys
import tomllib
from pathlib import Path
from textwrap import shorten

import nbformat
from docutils import nodes
from sphinx.application import Sphinx

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE / "_ext"))

settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
repository = settings.get("urls", {}).get("Repository", "")  # the ONE place; unset: no buttons that need it

project = "Why diffusion models create instead of copy"
author = "The elscourse authors"
copyright = "the elscourse authors. Prose and figures CC BY 4.0, code MIT"

extensions = [
    "myst_nb",
    "sphinx_book_theme",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinxcontrib.bibtex",
    "parts",
    "route",
    "glossary_links",
    "scripts",
    "pictures",
    "formulas",
    "slides",
    "one_file",
]
root_doc = "book/index"
include_patterns = ["book/**", "notebooks/*.ipynb"]
exclude_patterns = ["book/_*", "**.ipynb_checkpoints"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
bibtex_bibfiles = ["references.bib"]
nb_execution_mode = "off"  # the committed outputs are shown; the tests prove that they are fresh
nb_code_prompt_show, nb_code_prompt_hide = "Show the code", "Hide the code"  # of cells that only check or measure
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = ["mystnb.unknown_mime_type"]

html_theme = "sphinx_book_theme"
html_title = project
templates_path = ["_templates"]
html_static_path = ["_static"]
html_extra_path = [
    "_extra"
]  # at the top: index.html, which leads to book/index.html, and 404.html for a page that is not
html_css_files = ["course.css"]
html_js_files = [
    "from-disk.js",
    "contents.js",
    "predict.js",
    (None, {"body": 'document.documentElement.dataset.mode ||= "auto";'}),  # the theme complains of none in the console
]
html_favicon = "_static/favicon.svg"
html_show_sphinx = False
html_theme_options = {
    "repository_url": repository,
    "repository_branch": "main",
    "use_repository_button": bool(repository),
    "use_issues_button": bool(repository),
    "launch_buttons": {
        "colab_url": "https://colab.research.google.com",
        "binderhub_url": "https://mybinder.org",
        "notebook_interface": "jupyterlab",
    }
    if repository
    else {},
    "navbar_persistent": [],  # otherwise a second search box appears
    "back_to_top_button": False,  # on a phone it lies on what one has just asked for
    "show_toc_level": 2,
    "max_navbar_depth": 1,  # a deeper one gets folds that a screen reader cannot name
    "home_page_in_toc": True,
}

# No request leaves the site: every script is in _static. A page is shown before those of its explorers have come.
mathjax_path = "vendor/mathjax/tex-svg-full.js"
mathjax_config_path = "_static/mathjax-config.js"
nb_ipywidgets_js = {
    "vendor/widgets/require.js": {"defer": "defer"},
    "require-config.js": {"defer": "defer"},
    "vendor/widgets/embed-amd.js": {"defer": "defer"},
}


COLUMNS = re.compile(r"[^\s=:] {2,}\S")  # "P =  3" is padded, but no column


def mark_columns(app: Sphinx, doctree: nodes.document) -> None:
    """Prints in columns get a class, so that they scroll where they are too wide; sentences wrap."""
    for block in doctree.findall(nodes.literal_block):
        lines = block.astext().splitlines()
        if "stream" in block["classes"] and 2 * sum(bool(COLUMNS.search(line)) for line in lines) >= len(lines):
            block["classes"].append("columns")


def say_where_it_runs(app: Sphinx, doctree: nodes.document) -> None:
    """Below its time, the page of a lesson says that it is for reading, and where the lesson can be run; and taught."""
    page = app.env.docname
    if page.startswith("notebooks/"):
        time = next(one for one in doctree.findall(nodes.paragraph) if one.astext().startswith("Time "))
        start = nodes.reference("", "install the course", refuri=app.builder.get_relative_uri(page, "book/start"))
        live = "widget-view+json" in Path(app.env.doc2path(page)).read_text(encoding="utf-8")
        explorers = "; its explorers work" if live else ""
        words = nodes.Text(f"Here you read this lesson{explorers}. To run it, and to do the exercises, ")
        lesson, teach = Path(page).name, "../book/teach"
        notes = nodes.reference("", "notes", refuri=f"{teach}/lessons/{lesson[:2]}.html")
        slides = nodes.reference("", "slides", refuri=f"{teach}/slides/{lesson}.html")
        told = words, start, nodes.Text(". For lecturers: "), notes, nodes.Text(" and "), slides, nodes.Text(".")
        time.parent.insert(time.parent.index(time) + 1, nodes.paragraph("", "", *told))


CHOICE = """
<fieldset class="els-answers pst-js-only">
<legend>Answers:</legend>
<label><input type="radio" name="els-answers" value="covered" checked> covered until you decide</label>
<label><input type="radio" name="els-answers" value="shown"> all shown</label>
</fieldset>"""


def let_choose_answers(app: Sphinx, doctree: nodes.document) -> None:
    """Below that, a lesson that asks has the switch of predict.js: in the page, so that nothing jumps when it comes."""
    if app.env.docname.startswith("notebooks/"):
        asked = any(word.astext() == "Predict." for word in doctree.findall(nodes.strong))
        where = next(one for one in doctree.findall(nodes.paragraph) if one.astext().startswith("Here you read "))
        if asked:
            where.parent.insert(where.parent.index(where) + 1, nodes.raw("", CHOICE, format="html"))


def describe(app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    """What a search engine or a shared link shows of a page that says nothing itself: its title, its first words."""
    if doctree is None:
        return
    tags, title = context.get("metatags", ""), html.escape(app.env.titles[page].astext())
    if 'name="description"' not in tags:
        first = next((one.astext() for one in doctree.findall(nodes.paragraph)), "")
        told = html.escape(shorten(first, 200, placeholder=" ..."))
        tags += f'<meta name="description" content="{told}" /><meta property="og:description" content="{told}" />'
    if 'property="og:title"' not in tags:
        tags += f'<meta property="og:title" content="{title}" />'
    context["metatags"] = tags


def items_of_a_list(app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    """Docutils gives entries of the bibliography a role that is no longer one, in a list that may hold only items."""
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


def drop_source_maps(app: Sphinx, error: Exception | None) -> None:
    """The theme's maps from its scripts to their sources, several megabytes, are for whoever develops it."""
    for path in Path(app.outdir).rglob("*.map"):
        path.unlink()


def drop_outputs(app: Sphinx, error: Exception | None) -> None:
    """A lesson that is downloaded is run: its outputs, most of twelve megabytes, are on its page already."""
    for path in Path(app.outdir).glob("_sources/notebooks/*.ipynb"):
        notebook = nbformat.read(path, 4)
        notebook.metadata.pop("widgets", None)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, path)


def setup(app: Sphinx) -> None:
    app.connect("doctree-read", mark_columns)
    app.connect("doctree-read", say_where_it_runs)
    app.connect("doctree-read", let_choose_answers)
    app.connect("html-page-context", items_of_a_list)
    app.connect("html-page-context", describe)
    app.connect("build-finished", drop_source_maps)
    app.connect("build-finished", drop_outputs)
