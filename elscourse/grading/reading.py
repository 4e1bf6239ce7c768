"""A returned notebook as it is read: its code, the statements that its functions need, and what it reaches for.

A lesson takes minutes to run, most of them for figures. A function needs little of that: the statements that bind the
names it uses, those that bind the names these use, and so on. Only they are run, in the order of the notebook.
"""

from __future__ import annotations

import ast
import builtins
import dis
import json
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import CodeType
from typing import Any

READS = {"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS", "LOAD_CLASSDEREF"}
WRITES = {"STORE_NAME", "STORE_GLOBAL", "DELETE_NAME", "DELETE_GLOBAL"}
ANSWERS = re.compile(r"elscourse\.(check\.(lesson_|exercise|_)|reference|grading)[\w.]*", re.IGNORECASE)
TELLING = {"answer", "exercises", "_exercise", "examine", "_getframe", "currentframe", "f_back", "f_globals"}
# lines for Jupyter alone: %matplotlib inline, files = !ls, ?torch.roll, torch.roll? (but x = 1  # why? is Python)
JUPYTER = re.compile(r"^(\s*)(?:\?.*|(?:[\w.]+ *= *)?(?:[%!].*|[\w.*\[\]-]+\?\??))$", re.MULTILINE)
DEFINED = re.compile(r"^def +(\w+)", re.MULTILINE)
NOT_ONE = "The file is not a notebook: was something else saved under that name?"
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)


class NotANotebook(Exception):
    """Says in one sentence what the file is instead."""


def code_cells(data: bytes) -> list[str]:
    """The code of a notebook, cell by cell. Raises NotANotebook."""
    if not data.strip():
        raise NotANotebook("The file is empty.")
    try:
        notebook = json.loads(data)
        cells = [(cell["cell_type"], source_of(cell)) for cell in notebook["cells"]]
    except UnicodeDecodeError:
        raise NotANotebook("The file is not text in UTF-8: was it saved by something other than Jupyter?") from None
    except json.JSONDecodeError as error:
        if data.lstrip().startswith(b"{") and error.pos > 1:
            raise NotANotebook("The file breaks off or is damaged: was it cut short on its way?") from None
        raise NotANotebook(NOT_ONE) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotANotebook(NOT_ONE) from None
    return [source for kind, source in cells if kind == "code"]


def source_of(cell: Any) -> str:
    """The text of a cell, which a notebook stores whole or as lines."""
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


@dataclass(frozen=True)
class Statement:
    """One statement of a cell: the names it binds, the names it uses, the names whose objects it changes."""

    cell: int  # number among the code cells, from 1
    code: CodeType
    binds: frozenset[str]
    uses: frozenset[str]
    changes: frozenset[str]

    @property
    def touches(self) -> frozenset[str]:
        """The names that mean something else afterwards."""
        return self.binds | self.changes


@dataclass(frozen=True)
class Notebook:
    """What is known of a notebook before any of it has run."""

    statements: list[Statement]
    attempts: dict[str, str]  # exercise -> the name of what the last check.NAME(...) was given
    until: dict[str, int]  # exercise -> the cell of that check, or the last one that defines a function of its name
    defined: list[str]  # names of the functions at the outermost level, as often as they are defined
    reaches: list[str]  # what looks like a way to the answers
    problems: list[str]  # cells that cannot be read
    unreadable: dict[str, str]  # functions in them -> that problem

    def needed(self, names: Iterable[str], until: float = math.inf) -> list[Statement]:
        """The statements that these names need, in order; later cells only for names that are not bound until then."""
        bound = {*dir(builtins), *(name for s in self.statements if s.cell <= until for name in s.binds)}
        usable = [s for s in self.statements if s.cell <= until or not s.touches & bound]
        wanted, chosen, before = set(names), [False] * len(usable), -1
        while sum(chosen) > before:
            before = sum(chosen)
            for i, statement in enumerate(usable):
                if not chosen[i] and ("*" in statement.binds or statement.touches & wanted):
                    chosen[i] = True
                    wanted |= statement.uses
        return [statement for statement, is_chosen in zip(usable, chosen, strict=True) if is_chosen]


def read(cells: list[str]) -> Notebook:
    """Take a notebook apart. Raises nothing, whatever is in the cells."""
    notebook, modules = Notebook([], {}, {}, [], [], [], {}), set(_imported(cells))
    last: dict[str, int] = {}  # function -> the last cell that defines it
    for number, source in enumerate(cells, 1):
        try:
            tree = _parsed(source)
            checked = dict(_checked(tree))
            tree.body += [_named(e, given) for e, given in checked.items() if not isinstance(given, ast.Name)]
            statements = [_statement(number, node, modules) for node in tree.body]
        except UNREADABLE as error:
            names = DEFINED.findall(source)
            of = f" (of {', '.join(names)})" if names else ""  # Jupyter shows no such number
            problem = f"code cell {number}{of} cannot be read ({type(error).__name__}{_where(error)})"
            notebook.problems.append(problem)
            notebook.unreadable.update(dict.fromkeys(names, problem))
            continue
        notebook.statements.extend(statements)
        notebook.until.update(dict.fromkeys(checked, number))
        last.update((name, number) for node in tree.body for name in _functions(node))
        notebook.attempts.update((e, g.id if isinstance(g, ast.Name) else f"check.{e}") for e, g in checked.items())
        notebook.defined.extend(n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)))
        notebook.reaches.extend(name for name in _reaches(tree) if name not in notebook.reaches)
    for exercise, function in notebook.attempts.items():
        if exercise == function:  # defined once more, after its check
            notebook.until[exercise] = max(notebook.until[exercise], last.get(function, 0))
    return notebook


def _functions(node: ast.stmt) -> Iterator[str]:
    """The names that a statement gives to functions: def f, f = lambda ..., f = g; not f = f(x), which is a value."""
    match node:
        case ast.FunctionDef(name) | ast.AsyncFunctionDef(name):
            yield name
        case ast.Assign(targets, ast.Lambda() | ast.Name()):
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def _where(error: BaseException) -> str:
    """The line that Python cannot read, if it says so."""
    return f", line {error.lineno}: {(error.text or '').strip()[:60]}" if isinstance(error, SyntaxError) else ""


def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.parse(JUPYTER.sub(r"\1pass", source))


def _imported(cells: list[str]) -> Iterator[str]:
    """The names of modules and of what is imported from them."""
    for source in cells:
        with suppress(*UNREADABLE):
            for node in ast.walk(_parsed(source)):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    yield from (alias.asname or alias.name.split(".")[0] for alias in node.names)


def _statement(cell: int, node: ast.stmt, modules: set[str]) -> Statement:
    code = compile(ast.Module([node], []), f"<code cell {cell}>", "exec")
    steps = [(step, part is code) for part in _all_code(code) for step in dis.get_instructions(part)]
    # what is stored in the body of a class is the class's, unless it is declared global
    binds = {s.argval for s, outside in steps if s.opname in WRITES and (outside or s.opname.endswith("_GLOBAL"))}
    uses = {step.argval for step, _ in steps if step.opname in READS}
    if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
        binds.add("*")
    return Statement(cell, code, frozenset(binds), frozenset(uses), frozenset(_changed(node, modules)))


def _all_code(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _all_code(constant)


def _changed(statement: ast.stmt, modules: set[str]) -> Iterator[str]:
    """Names whose objects are changed: a[0] = ..., a.b = ..., and, on a line of its own, a[0].b.method(...) or f(a).

    A call of a module's function changes no module: torch.testing.assert_close(...) would bring in half of the lesson.
    """
    for node in ast.walk(statement):
        if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
            yield _root(node)
        match node:
            case ast.Expr(ast.Call(ast.Attribute() as method)) if _root(method) not in modules:
                yield _root(method)
            case ast.Expr(ast.Call(ast.Name(), given, named)):
                yield from (one.id for one in (*given, *(k.value for k in named)) if isinstance(one, ast.Name))


def _root(node: ast.expr) -> str:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _checked(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """(exercise, what it is given) of each check.EXERCISE(...): a function's name, a lambda, els.sample."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(ast.Attribute(ast.Name("check"), exercise), [given]):
                yield exercise, given


def _named(exercise: str, given: ast.expr) -> ast.stmt:
    """A statement that gives it a name which no notebook can write."""
    assignment = ast.Assign([ast.Name(f"check.{exercise}", ast.Store())], given)
    return ast.fix_missing_locations(ast.copy_location(assignment, given))


def _reaches(tree: ast.Module) -> Iterator[str]:
    """Names that have no business in a learner's notebook; those that are well hidden are met by the fences."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                found = [alias.name for alias in names]
            case ast.ImportFrom(str(module), names):
                found = [f"{module}.{alias.name}" for alias in names]
            case ast.Constant(str(text)):
                found = [text]
            case ast.Attribute(ast.Name("els" | "elscourse"), "reference"):
                found = ["elscourse.reference"]
            case ast.Attribute(_, name) if name in TELLING:
                yield f".{name}"
                continue
            case _:
                continue
        yield from filter(ANSWERS.fullmatch, found)
