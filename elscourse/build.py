"""Build the notebooks from their .py pairs: executed, with outputs, the same bytes whenever nothing changed.

`./course notebooks [NAME ...]` runs this. A lesson is executed again only if its source, the package or the data
changed since it was built on this computer; one that fails is not written. Cells tagged `volatile` (timings, names of
machines) keep the output that they had. The seconds and the memory of a run that changed a notebook are noted in
book/status.json. Cells tagged `hide-input`, which only draw, check or measure, are shown with their code folded: the
website reads the tag, JupyterLab the metadata written here.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from .errors import CourseError, unknown_name
from .files import digest_of, save_text
from .hardware import GIB, process_status

ROOT = Path(__file__).parent.parent
STAMPS = ROOT / "runs" / "built.json"  # what each notebook was built from; not in git
STATUS = ROOT / "book" / "status.json"  # what each run took, and with which versions; the website shows it
VERSIONS = ("torch", "numpy", "matplotlib", "jupyterlab", "anywidget")
VIEW, STATE = "application/vnd.jupyter.widget-view+json", "application/vnd.jupyter.widget-state+json"
LEFT_BEHIND = re.compile(r"\.partial|__pycache__/|(^|/)\.")  # beside the data, by whoever writes, imports or browses
MODEL_ID = re.compile(r"[0-9a-f]{32}")


def build(source: Path) -> tuple[str, dict[str, float]]:
    """The text of the executed notebook of one .py file, and what the run took: seconds, and GiB where Linux says."""
    import jupytext
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"c{number:03d}"
        if "hide-input" in cell.metadata.get("tags", []):
            cell.metadata["jupyter"] = {"source_hidden": True}
    took: dict[str, float] = {}
    started = time.perf_counter()
    client: NotebookClient = NotebookClient(
        notebook,
        on_cell_executed=lambda **_: took.update(_peak_memory(client)),
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=True,
        extra_arguments=["--log-level=ERROR"],  # the kernel greets with a warning about TCP
        resources={"metadata": {"path": str(source.parent)}},
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise CourseError(f"{source.name} fails, so it is not written:\n{error}") from error
    took = {"seconds": round(time.perf_counter() - started, 1), **took}
    notebook.metadata.pop("language_info", None)  # names the exact Python
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell["outputs"] = _without_noise(cell.outputs)
    _keep_volatile(notebook, source.with_suffix(".ipynb"))
    return nbformat.writes(_with_stable_ids(notebook)) + "\n", took


def _peak_memory(client: Any) -> dict[str, float]:
    """The most memory that the kernel has held so far."""
    most = process_status("VmHWM", client.km.provisioner.pid)
    return {"gib": round(most / GIB, 2)} if most else {}


def _without_noise(outputs: list[Any]) -> list[Any]:
    """Neighbouring pieces of one stream joined: how they are cut depends on timing."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last and output.output_type == "stream" == last.output_type and output.name == last.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def _keep_volatile(notebook: Any, path: Path) -> None:
    """Volatile cells keep their stored outputs while none of them changes: they may belong together."""
    import nbformat

    if not path.exists():
        return
    before, now = _volatile(nbformat.read(path, 4)), _volatile(notebook)
    if [c.source for c in before] == [c.source for c in now]:
        for old, new in zip(before, now, strict=True):
            new["outputs"] = old.outputs


def _volatile(notebook: Any) -> list[Any]:
    return [c for c in notebook.cells if c.cell_type == "code" and "volatile" in c.metadata.get("tags", [])]


def _with_stable_ids(notebook: Any) -> Any:
    """The notebook with the random ids of its widgets replaced by numbers, in the order they are shown."""
    import nbformat

    names = {model: f"{number:032x}" for number, model in enumerate(_models_in_order(notebook))}
    body = MODEL_ID.sub(lambda match: names.get(match[0], match[0]), json.dumps(notebook))
    notebook = json.loads(body)
    state = notebook["metadata"].get("widgets", {}).get(STATE, {})
    if "state" in state:
        state["state"] = dict(sorted(state["state"].items()))
    return nbformat.from_dict(notebook)


def _models_in_order(notebook: Any) -> list[str]:
    """Ids of the widget models: those shown, each followed by what it refers to, then the rest by content."""
    state = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    shown = [
        o["data"][VIEW]["model_id"] for c in notebook.cells for o in c.get("outputs", []) if VIEW in o.get("data", {})
    ]
    rest = sorted(state, key=lambda model: MODEL_ID.sub("", json.dumps(state[model], sort_keys=True)))
    ordered: dict[str, None] = {}
    waiting = shown + rest
    while waiting:
        model = waiting.pop(0)
        if model in state and model not in ordered:
            ordered[model] = None
            text = json.dumps(state[model], sort_keys=True)
            waiting = re.findall(r"IPY_MODEL_([0-9a-f]{32})", text) + waiting
    return list(ordered)


def stamp(source: Path) -> str:
    """A hash of all that an output depends on: the lesson's source, the package, the data."""
    package, data = ROOT / "elscourse", ROOT / "data"
    files = [
        source,
        *package.rglob("*.py"),
        *package.rglob("*.js"),
        *package.rglob("*.css"),
        *package.glob("*.mplstyle"),
    ]
    files += [p for p in data.rglob("*") if p.is_file() and not LEFT_BEHIND.search(p.relative_to(data).as_posix())]
    return digest_of(files, ROOT)


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _text_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def update(source: Path, fresh: bool = False) -> str:
    """Build one lesson if needed; says "unchanged", or "same" (executed, same bytes) or "written" and what it took."""
    path = source.with_suffix(".ipynb")
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    made_of = stamp(source)  # before it runs: what is edited meanwhile is not in it
    if not fresh and before and _read(STAMPS).get(source.stem) == f"{made_of} {_text_hash(before)}":
        return "unchanged"
    text, took = build(source)
    if text != before:
        save_text(text, path)
    stamps = _read(STAMPS) | {source.stem: f"{made_of} {_text_hash(text)}"}
    save_text(json.dumps(stamps, indent=1, sort_keys=True) + "\n", STAMPS)
    if fresh or text != before:  # what a fresh clone executes without a change leaves nothing to commit
        _note(source.stem, took)
    words = {"seconds": "seconds", "gib": "GiB"}
    return ("same" if text == before else "written") + "".join(f", {took[k]:g} {words[k]}" for k in took)


def _note(lesson: str, took: dict[str, float]) -> None:
    """Add one run to book/status.json."""
    runs = _read(STATUS).get("lessons", {}) | {lesson: took}
    versions = {"python": platform.python_version(), **{name: version(name).split("+")[0] for name in VERSIONS}}
    status = {"cores": os.cpu_count(), "versions": versions, "lessons": dict(sorted(runs.items()))}
    save_text(json.dumps(status, indent=1) + "\n", STATUS)


@click.command()
@click.argument("names", nargs=-1)
@click.option("--fresh", is_flag=True, help="Execute even what did not change.")
def main(names: tuple[str, ...], fresh: bool) -> None:
    """Execute the lessons NAMES (all by default) and write their notebooks."""
    known = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.py"))}
    if not known:
        raise click.ClickException(f"there are no lessons in {ROOT / 'notebooks'}: this needs a clone of the course.")
    failed = []
    for name in names or known:
        try:
            if Path(name).stem not in known:
                raise unknown_name("lesson", name, known)
            click.echo(f"{Path(name).stem}: ", nl=False)
            click.echo(update(known[Path(name).stem], fresh))
        except CourseError as error:
            click.echo(str(error), err=True)
            failed.append(name)
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
