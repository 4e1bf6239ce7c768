"""The project as a whole: clean for the linters, packaged by one file, and free of what a stranger cannot use."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from conftest import ok, python

import elscourse
from elscourse.cli import main

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(path for path in (ROOT / "elscourse").rglob("*.py") if not path.name.startswith("_"))
MB = 1_000_000


def run(*command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A finished command with its output as text."""
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


@cache
def tracked() -> tuple[Path, ...]:
    """The files in git; skips where there is no git, or no repository of our own (an unpacked archive)."""
    try:
        top = run("git", "rev-parse", "--show-toplevel")
        listed = run("git", "ls-files", "-z")
    except OSError:
        pytest.skip("git is not installed")
    if top.returncode or listed.returncode or Path(top.stdout.strip()).resolve() != ROOT:
        pytest.skip("not a git repository")
    return tuple(path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file())


def texts() -> Iterator[tuple[str, str]]:
    """(name, text) of every tracked text file that was written here."""
    for path in tracked():
        if "vendor" not in path.parts:
            try:
                yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


@pytest.fixture(scope="module")
def pyproject() -> dict:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_ruff_check() -> None:
    python("-m", "ruff", "check", ".")


def test_ruff_format() -> None:
    python("-m", "ruff", "format", "--check", ".")


def test_mypy() -> None:
    python("-m", "mypy")


def test_dependencies_are_lower_bounds(pyproject: dict) -> None:
    """An exact pin breaks every notebook on Colab the day a new torch comes."""
    project = pyproject["project"]
    extras = project["optional-dependencies"]
    named = [*project["dependencies"], *pyproject["build-system"]["requires"]]
    named += [requirement for name, extra in extras.items() if name != "all" for requirement in extra]
    for requirement in named:
        assert re.fullmatch(r"[A-Za-z0-9._-]+>=[0-9.]+", requirement), requirement
    assert project["requires-python"] == ">=3.11"


def test_what_is_imported_is_declared(pyproject: dict) -> None:
    """Apart from parts of what is: llvmlite of numba, the others of Jupyter. What modules take at once, but for those
    of the widgets, is among what everybody gets; the rest may be in an extra."""
    at_once, later = set[str](), set[str]()
    for path in (ROOT / "elscourse").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            match node:
                case ast.Import(aliases):
                    names = {alias.name.partition(".")[0] for alias in aliases}
                case ast.ImportFrom(str(module), level=0):
                    names = {module.partition(".")[0]}
                case _:
                    continue
            (at_once if node in tree.body and path.parent.name != "widgets" else later).update(names)
    ours = {*sys.stdlib_module_names, "elscourse", "llvmlite", "IPython", "nbformat", "traitlets"}
    project = pyproject["project"]
    core = {line.partition(">")[0] for line in project["dependencies"]}
    extras = {line.partition(">")[0] for extra in project["optional-dependencies"].values() for line in extra}
    at_once, later = ({"pillow" if name == "PIL" else name for name in some - ours} for some in (at_once, later))
    assert "numba" in at_once and later <= core | extras
    assert at_once <= core


def test_all_is_every_extra(pyproject: dict) -> None:
    extras = dict(pyproject["project"]["optional-dependencies"])
    [everything] = extras.pop("all")
    assert everything == f"elscourse[{','.join(extras)}]"


def test_every_package_and_data_file_is_in_the_wheel(pyproject: dict) -> None:
    setuptools = pyproject["tool"]["setuptools"]
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "elscourse").rglob("*.py")}
    assert {".".join(folder.parts) for folder in folders} <= set(setuptools["packages"])
    assert setuptools["package-dir"] == {"elscourse._data": "data", "elscourse._notebooks": "notebooks"}
    carried = set()
    for package, globs in setuptools["package-data"].items():
        assert package in setuptools["packages"]
        top, _, below = package.removeprefix("elscourse.").partition(".")
        places = {"_data": "data", "_notebooks": "notebooks", "elscourse": "elscourse"}
        folder = ROOT / places.get(top, f"elscourse/{top}") / below
        carried |= {path for glob in globs for path in folder.glob(glob)}
    shipped = {path for path in tracked() if path.is_relative_to(ROOT / "data") and path.suffix != ".py"}
    shipped |= {path for path in tracked() if path.is_relative_to(ROOT / "notebooks") and path.suffix == ".ipynb"}
    shipped |= {path for path in tracked() if path.is_relative_to(ROOT / "elscourse") and path.suffix != ".py"}
    assert not shipped - carried


def test_environment_names_nothing_of_its_own(pyproject: dict) -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *conda, pip = environment["dependencies"]
    assert conda == [f"python{pyproject['project']['requires-python']}", "pip"]
    assert list(pip) == ["pip"]
    [itself] = pip["pip"]
    extras = re.fullmatch(r"-e \.\[([a-z,]+)\]", itself)
    assert extras, itself
    assert set(extras[1].split(",")) <= set(pyproject["project"]["optional-dependencies"])


def test_binder_and_the_devcontainer_start_the_same_lab(pyproject: dict) -> None:
    """The same Python, the same lower bound of torch, the extra of environment.yml; nothing else is named."""
    project = pyproject["project"]
    [torch] = [line.removeprefix("torch") for line in project["dependencies"] if line.startswith("torch>")]
    binder = yaml.safe_load((ROOT / ".binder" / "environment.yml").read_text(encoding="utf-8"))
    assert binder["dependencies"] == [f"python{project['requires-python']}", "pip", f"pytorch-cpu{torch}"]
    post_build = ROOT / ".binder" / "postBuild"
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"][-1]["pip"][0]
    installed = re.findall(r'^python -m pip install (-e) "(\.\[.+\])"$', post_build.read_text(), re.MULTILINE)
    assert [" ".join(words) for words in installed] == [conda] and os.access(post_build, os.X_OK)

    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    version = re.search(r"python:3\.(\d+)$", container["image"])
    least = re.search(r"3\.(\d+)", project["requires-python"])
    assert version and least and int(version[1]) >= int(least[1])
    assert container["postCreateCommand"] == "./course setup"
    python = container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert python.endswith("/.venv/bin/python")


# Written in two parts, so that this file does not contain what it looks for.
FORBIDDEN = {
    "a package registry's host": "|".join(
        re.escape(host + ".org")
        for host in ("pypi", "pythonhosted", "npmjs", "deb.debian", "security.debian", "conda.anaconda")
    ),
    "a path of one person's machine": r"(?<![\w.~])/(?:home|" + r"work|root|Users)/\w|[A-Z]:\\+Users",
    "a folder outside the repository": r"\.\./" + r"shared",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_tracked_file_names(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = [f"{name}: {match[0]}" for name, text in texts() if (match := pattern.search(text))]
    assert not found, f"{what} in {found}"


@pytest.mark.parametrize(
    ("what", "example"),
    [
        ("a package registry's host", "https://files.python" + "hosted.org/x"),
        ("a path of one person's machine", '"/ho' + 'me/ada/x"'),
        ("a folder outside the repository", "see ../sha" + "red/x"),
    ],
)
def test_the_patterns_find_what_they_are_for(what: str, example: str) -> None:
    assert re.search(FORBIDDEN[what], example)
    assert not re.search(FORBIDDEN[what], "https://example.org/work/shared ~/home/x /usr/share/x")


def test_the_repository_is_small() -> None:
    sizes = {str(path.relative_to(ROOT)): path.stat().st_size for path in tracked()}
    assert not [name for name, size in sizes.items() if size >= 10 * MB]
    assert sum(sizes.values()) < 150 * MB


def test_what_the_commands_leave_behind_is_not_added_to_the_repository() -> None:
    """Among it learners' names and points."""
    assert tracked()
    left = ["grades-04/grades.csv", "homework/04_local.ipynb", "returned/ada.ipynb", "returned-01/ada.ipynb"]
    left += ["my-course/04_local.ipynb", "samples.png", "runs/reproduce/metrics.json", "elscourse-progress.json"]
    assert run("git", "check-ignore", *left).stdout.split() == left


def test_licences(pyproject: dict) -> None:
    project = pyproject["project"]
    assert project["license"] == "MIT AND CC-BY-4.0"
    assert all((ROOT / name).is_file() for name in project["license-files"])
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License\n\nCopyright (c) ")
    prose = (ROOT / "LICENSE-PROSE").read_text(encoding="utf-8")
    assert prose.startswith("SPDX-License-Identifier: CC-BY-4.0\n")
    assert "https://creativecommons.org/licenses/by/4.0/" in prose


def test_citation() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)  # what the format requires
    assert citation["version"] == elscourse.__version__
    assert citation["license"] == ["MIT", "CC-BY-4.0"]
    [paper] = citation["references"]
    assert [author["family-names"] for author in paper["authors"]] == ["Kamb", "Ganguli"]
    assert (paper["year"], paper["volume"], paper["start"], paper["end"]) == (2025, 267, 28795, 28831)


def test_changelog_knows_this_version() -> None:
    assert elscourse.__version__ in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_map_of_the_package_names_every_module_once() -> None:
    page = (ROOT / "book" / "contribute.md").read_text(encoding="utf-8")
    parts = re.findall(r"^\| [a-z ]+ \| (.+) \|$", page.partition("## Where is what")[2], re.MULTILINE)
    top = {path.relative_to(ROOT / "elscourse").parts[0].removesuffix(".py") for path in MODULES}
    assert sorted(re.findall(r"`(\w+)`", " ".join(parts))) == sorted(top)


def test_import_is_light() -> None:
    """No plotting and no notebook stack until asked."""
    heavy = ("matplotlib", "IPython", "ipykernel", "ipywidgets", "anywidget", "torchvision")
    loaded = python("-c", "import sys, elscourse; print(*sorted(m for m in sys.modules if '.' not in m))").split()
    assert "elscourse" in loaded
    assert not [name for name in loaded if name in heavy or name.startswith("jupyter")]


def test_command_line_helps() -> None:
    """What each command does is said in one line that is not cut off."""
    said = python("-m", "elscourse", "--help")
    commands = said.partition("Commands:\n")[2].splitlines()
    assert "Usage:" in said and len(commands) == len(main.commands)
    assert all(line.endswith(".") and not line.endswith("...") for line in commands), said


def test_the_version_is_that_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: "that of an older installation")
    assert ok("--version").endswith(f"version {elscourse.__version__}\n")


def test_script_is_the_command_line(pyproject: dict) -> None:
    assert pyproject["project"]["scripts"] == {"elscourse": "elscourse.cli:main"}


@pytest.mark.skipif(os.name == "nt", reason="./course is a shell script")
def test_course_refuses_unknown_commands(tmp_path: Path) -> None:
    done = run(str(ROOT / "course"), "nonsense", cwd=tmp_path)
    assert done.returncode == 2
    assert "nonsense" in done.stderr
    for command in ("setup", "lab", "test", "notebooks", "book", "reproduce"):
        assert re.search(rf"^  {command} ", done.stderr, re.MULTILINE), command


@pytest.mark.skipif(os.name == "nt", reason="./course is a shell script")
def test_course_helps(tmp_path: Path) -> None:
    done = run(str(ROOT / "course"), "help", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("usage: ./course")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no executable bit")
@pytest.mark.parametrize("name", ["course", ".ci/run"])
def test_scripts_are_executable(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_public_names_have_docstrings(path: Path) -> None:
    module = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(module), "the module itself"
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    public = [node for node in module.body if isinstance(node, kinds) and not node.name.startswith("_")]
    assert not [node.name for node in public if not ast.get_docstring(node)]


def tool(path: Path, script: str) -> None:
    """An executable of one's own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """./course in a folder where everything is installed, with a Python that notes what it is asked for."""
    for name in ("course", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "00_result.ipynb").touch()
    for name in ("python", "elscourse"):
        tool(tmp_path / ".venv" / "bin" / name, f'[ "$*" = "-c " ] || echo {name} "$@" >>log; [ ! -e "fail$2$4" ]')
    (tmp_path / ".venv" / ".done").write_text(f"{tmp_path}\n{(ROOT / 'pyproject.toml').read_text()}")
    return tmp_path


def course(clone: Path, *words: str) -> tuple[int, list[str]]:
    """The exit status of ./course, and what it has called."""
    (clone / "log").write_text("")
    return run(str(clone / "course"), *words).returncode, (clone / "log").read_text().splitlines()


@pytest.mark.skipif(os.name == "nt", reason="./course is a shell script")
def test_course_hands_on_what_was_asked(clone: Path) -> None:
    assert course(clone, "setup") == (0, []), "installed once"
    assert course(clone, "lab", "--dir", "mine") == (0, ["elscourse lab --dir mine"])
    assert course(clone, "reproduce", "--seeds", "2") == (0, ["elscourse reproduce --seeds 2"])
    assert course(clone, "notebooks", "02_ideal") == (0, ["python -m elscourse.build 02_ideal"])
    assert course(clone, "test", "-k", "schedule") == (0, ["python -m pytest -k schedule"])
    (status, [made]) = course(clone, "book")
    assert status == 0 and "sphinx -W " in made and made.endswith(" . _site")


@pytest.mark.skipif(os.name == "nt", reason="./course is a shell script")
@pytest.mark.parametrize("failing", ["failpytest2", "failpytest--nbval-current-env"])
def test_one_failing_suite_of_two_fails_and_both_run(failing: str, clone: Path) -> None:
    assert course(clone, "test")[0] == 0
    (clone / failing).touch()
    status, called = course(clone, "test")
    assert status == 1 and ["--nbval-lax" in line for line in called] == [False, True]


@pytest.mark.skipif(os.name == "nt", reason="./course is a shell script")
def test_course_installs_again_what_changed_or_moved(clone: Path) -> None:
    for change in (lambda: (clone / "pyproject.toml").write_text("[project]\n"), (clone / ".venv" / ".done").unlink):
        change()
        status, called = course(clone, "setup")
        first = next(line for line in called if line != "python -m pip --version")  # whether there is a pip is asked
        assert status == 0 and first == "python -m pip install --quiet -e .[all]"
        assert course(clone, "setup") == (0, [])
    moved = clone.rename(clone.with_name("moved"))
    assert course(moved, "setup")[1]


@pytest.mark.skipif(os.name == "nt", reason="./course is a shell script")
def test_an_environment_whose_making_was_stopped_is_made_again(clone: Path) -> None:
    (clone / ".venv" / ".done").unlink()
    (clone / "failpip").touch()  # its Python runs, but has no pip yet
    tool(clone / "python", 'echo "$@" >>log')
    done = run("env", f"PYTHON={clone / 'python'}", str(clone / "course"), "setup")
    assert done.returncode == 0 and "Making .venv with" in done.stderr
    assert "-m venv --clear .venv" in (clone / "log").read_text().splitlines()


@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_the_build_server_fails_when_a_test_fails(tmp_path: Path) -> None:
    for name in ("git", "chromium", "python3"):  # all is there: nothing is installed
        tool(tmp_path / "bin" / name, "exit 0")
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    tool(tmp_path / "course", 'echo "$@"; exit 3')
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = run("env", f"PATH={path}", str(tmp_path / ".ci" / "run"))
    assert (done.returncode, done.stdout) == (3, "test\n")
