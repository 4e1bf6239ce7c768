"""`elscourse bench`: the textbook is right, the counts are right, and a small run says all it should. No clocks."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import noised, pictures
from conftest import run as command

import elscourse as els
from elscourse import bench, measure, measure_memory, reference, textbook
from elscourse.bench import SECTIONS, table, write
from elscourse.measure import pairs
from elscourse.patches import Padding
from elscourse.textbook import TextbookMachine, textbook_local

SMALL = {"MATRICES": 64, "SIDE": 16, "IMAGES": 6, "BATCH": 2, "SIZES": {"zeros": (3, 5), "circular": (3,)},
         "REPEATS": 1, "PAIRS": 1, "SEEDS": 2, "STEPS": 4, "EVERY": 2,
         "MEMORY": [("els", 64, 5), ("textbook", 64, 5)]}  # fmt: skip
CASES: list[tuple[Padding, int]] = [("zeros", p) for p in (1, 3, 5, 7, 11)] + [("circular", p) for p in (1, 3, 5)]


@pytest.mark.parametrize("t", [0.05, 0.5, 1.0])
@pytest.mark.parametrize(("padding", "patch_size"), CASES)
def test_the_textbook_is_the_formula(
    padding: Padding, patch_size: int, t: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = els.CosineSchedule()
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    images = pictures(5, 2, 7, 6)
    x_t = noised(images, 3, alpha, sigma)
    right = reference.equivariant_local(x_t, images, alpha, sigma, patch_size, padding)
    for batch, numbers, tuned in ((2, 1, False), (64, 1, False), (2, 1, True), (2, 3_000, True), (2, 2**20, True)):
        monkeypatch.setattr(textbook, "BATCH", batch)
        monkeypatch.setitem(textbook.NUMBERS, "cpu", numbers)
        answer = textbook_local(x_t, images, alpha, sigma, patch_size, padding, tuned)
        assert answer.dtype == torch.float32
        assert (answer - right).abs().max() < 2e-5
    exact = textbook_local(x_t.double(), images.double(), alpha, sigma, patch_size, padding)
    assert (exact - right).abs().max() < 1e-10


def test_the_textbook_follows_a_calibrated_curve() -> None:
    images, sizes = pictures(4, 1, 6, 6), [(1.0, 5), (0.5, 3)]
    x_t = noised(images, 2, 0.7, 0.7)
    textbook = TextbookMachine(images, patch_size=sizes)
    machine = els.EquivariantLocalScoreMachine(images, patch_size=sizes)
    for t in (0.9, 0.4):
        assert (textbook(x_t, t) - machine(x_t, t)).abs().max() < 2e-5


def test_a_tuned_machine_asks_the_tuned_textbook(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(textbook, "textbook_local", lambda *given: asked.append(given[-1]))
    for tuned in (False, True):
        TextbookMachine(pictures(2, 1, 4, 4), patch_size=3, tuned=tuned)(pictures(1, 1, 4, 4), 0.5)
    assert asked == [False, True]


@pytest.mark.parametrize(("height", "width"), [(5, 4), (6, 6)])
@pytest.mark.parametrize("patch_size", [1, 3, 5, 9])
def test_pairs_are_those_that_a_pixel_sees(height: int, width: int, patch_size: int) -> None:
    places = [(y, x) for y in range(height) for x in range(width)]
    seen = sum(len(reference.boundary_dictionary(y, x, height, width, patch_size)) for y, x in places)
    assert pairs((1, height, width), patch_size, "zeros", n=7, batch=3) == {
        "nominal": (height * width) ** 2 * 21,
        "true": seen * 21,
    }
    circular = pairs((1, height, width), patch_size, "circular", n=7, batch=3)
    assert circular["true"] == circular["nominal"]


def test_the_matrix_product_is_one_of_full_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    def best_seconds(*_: object) -> tuple[float, None]:
        assert torch.backends.cuda.matmul.fp32_precision == torch.backends.mkldnn.matmul.fp32_precision == "ieee"
        return 1.0, None

    monkeypatch.setattr(measure, "best_seconds", best_seconds)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")  # what a program may have chosen for its networks
    try:
        assert measure.matrix_rate(torch.device("cpu"), 4, 1)["flops"] == 128
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def results(said: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run with everything in it, on a handful of images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("bench"))  # where nobody has trained a network of the lab's name
        laptop = els.lab("laptop", verbose=False)
    laptop = replace(laptop, data=laptop.data.subset(slice(0, 12)))
    complete = els.load("fashion-mnist", size=16, n=60)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            patch.setattr(bench, name, value)
        patch.setattr(bench, "lab", lambda *_, **__: laptop)
        patch.setattr(bench, "_as_many_as_there_are", lambda side: complete)
        return bench.run("cpu", full=True, say=said.append)


def numbers(value: Any) -> Iterator[float]:
    """Every number in nested dicts and lists."""
    if isinstance(value, dict | list | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            yield from numbers(one)
    elif isinstance(value, int | float):
        yield value


def test_all_numbers_are_finite_and_none_is_negative(results: dict[str, Any]) -> None:
    found = list(numbers(results))
    assert len(found) > 80
    assert all(math.isfinite(x) and x >= 0 for x in found)


def test_every_call_is_counted_and_compared(results: dict[str, Any]) -> None:
    speed, rate = results["speed"], results["matrix_product"]["flops"]
    assert [(row["padding"], row["patch_size"]) for row in speed["rows"]] == [
        ("zeros", 3),
        ("zeros", 5),
        ("circular", 3),
    ]
    for row in speed["rows"]:
        count = row["pairs"]
        assert count == pairs((1, 16, 16), row["patch_size"], row["padding"], n=6, batch=2)
        assert row["seconds"] > 0 and row["textbook_seconds"] > 0 and rate > 0
        assert row["ratio"] == pytest.approx(row["textbook_seconds"] / row["seconds"])
        assert row["ns_per_true_pair"] * count["true"] == pytest.approx(row["ns_per_nominal_pair"] * count["nominal"])
        assert row["effective_flops"] * row["ns_per_true_pair"] == pytest.approx(2e9 * row["patch_size"] ** 2)
        assert row["difference"] < 1e-3  # two float32 implementations of one formula
    for mean, name in (("mean_ratio", "ratio"), ("mean_tuned_ratio", "tuned_ratio")):
        three, five = (row[name] for row in speed["rows"][:2])
        assert speed[mean] == pytest.approx(math.sqrt(three * five))


def test_each_time_is_of_the_implementation_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def clock(run: Any, repeats: int, device: torch.device) -> tuple[float, Any]:
        asked.append(run.func)
        return float(len(asked)), run()

    monkeypatch.setattr(measure, "best_seconds", clock)
    images = pictures(6, 2, 8, 8)
    row = measure.speed(images, measure.noisy(images, 2), 3, "zeros", repeats=1)
    assert row["effective_flops"] == 2 * 2 * 9 * row["pairs"]["true"], "both channels count"
    assert [getattr(one, "tuned", None) for one in asked] == [None, False, True]
    assert [row[name] for name in ("seconds", "textbook_seconds", "tuned_seconds")] == [1, 2, 3]


def test_memory_is_that_of_each_call(results: dict[str, Any]) -> None:
    assert [(row["kind"], row["images"], row["patch_size"]) for row in results["memory"]] == SMALL["MEMORY"]
    assert all(row["image_bytes"] == 4 * 64 * 28 * 28 for row in results["memory"])
    ours, theirs = (row["bytes"] for row in results["memory"])
    if sys.platform == "linux":
        assert ours < 32 * 2**20 < theirs  # 0.4 and 166 MiB where this was written
    else:
        assert ours == theirs == 0, "unknown"


def test_a_peak_that_does_not_start_anew_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure_memory, "process_status", lambda name: None)  # as on macOS and Windows
    monkeypatch.setattr(measure_memory, "WARM", 8)  # the call counts, not the one before
    assert measure_memory._memory_here("textbook", 512, 16, 5, "cpu")["bytes"] == 0


@pytest.mark.parametrize(
    ("status", "printed", "reason"), [(-9, "", "status -9"), (1, "Traceback\nMemoryError: none\n", "MemoryError: none")]
)
def test_a_measurement_that_the_system_ends_costs_its_section_only(
    status: int, printed: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = lambda command, **_: subprocess.CompletedProcess(command, status, "", printed)  # noqa: E731
    monkeypatch.setattr(subprocess, "run", ended)
    sections = [
        ("matrix_product", lambda: {"side": 64, "flops": 1e9}),
        ("memory", lambda: [measure_memory.memory("els", 64, 28, 5, torch.device("cpu"))]),
        ("machine", lambda: measure.computer(torch.device("cpu"))),
    ]
    monkeypatch.setattr(bench, "_sections", lambda *_: sections)
    said: list[str] = []
    assert list(bench.run("cpu", say=said.append)) == ["matrix_product", "machine"]
    sentence = f"Left out, memory: the process that was to measure els on 64 images ended ({reason}): free some memory."
    assert len(said) == 3 and said[1].strip() == sentence


def test_a_section_without_memory_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_much() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    sections = [
        ("speed", too_much),
        ("memory", lambda: torch.empty(2**58)),  # on a CPU
        ("machine", lambda: measure.computer(torch.device("cpu"))),
    ]
    monkeypatch.setattr(bench, "_sections", lambda *_: sections)
    said: list[str] = []
    assert list(bench.run("cpu", say=said.append)) == ["machine"]
    assert said[0].strip() == "Left out, speed: CUDA out of memory." and said[1].startswith("Left out, memory: ")


def test_a_section_with_a_fault_of_ours_is_not_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_sections", lambda *_: [("speed", lambda: torch.ones(2) @ torch.ones(3))])
    with pytest.raises(RuntimeError, match="size"):
        bench.run("cpu")


def test_a_table_does_without_the_matrix_product(results: dict[str, Any]) -> None:
    text = table({"speed": results["speed"]})
    assert text.count("| unknown |") == len(results["speed"]["rows"])


def test_trajectories_exact_and_pruned(results: dict[str, Any]) -> None:
    laptop, full = results["laptop"], results["full_lab"]
    assert (laptop["images"], laptop["seeds"], laptop["steps"]) == (12, 2, 4)
    seconds = {name: laptop[name]["seconds"] for name in ("exact", "pruned")}
    assert laptop["ratio_exact_to_pruned"] == pytest.approx(seconds["exact"] / seconds["pruned"])
    assert laptop["rms_difference"] <= laptop["largest_difference"] < 0.1
    assert (full["images"], full["complete"], len(full["measured"])) == (60, 60_000, 2)
    assert 0 < full["dictionary_images"] < 60
    assert [row["t"] for row in full["measured"]] == [0.75, 0.25]
    assert full["seconds"]["exact"] == pytest.approx(2 * sum(row["exact"] for row in full["measured"]))


def test_what_is_measured_in_part_stands_for_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that names whom it timed: the exact machine 3 s a call, the pruned one 2, the textbook 5; and a computer
    that has other work, and is three times as slow, in the second to the fourth call."""
    calls = itertools.count(1)

    def clock(run: Any, device: torch.device) -> tuple[float, Any]:
        denoiser = run.args[0] if run.func is els.sample else run.func
        pruned = getattr(denoiser, "tolerance", None) is not None
        busy = 3 if next(calls) in (2, 3, 4) else 1
        return 5.0 if isinstance(denoiser, TextbookMachine) else busy * (2.0 if pruned else 3.0), run()

    monkeypatch.setattr(measure, "timed", clock)
    lab = els.lab("laptop", verbose=False)
    row = measure.laptop_trajectory(replace(lab, data=lab.data.subset(slice(0, 9))), seeds=3, steps=2, repeats=3)
    assert (row["exact"]["seconds"], row["pruned"]["seconds"], row["textbook_seconds"]) == (3, 2, 15)
    assert row["ratio_exact_to_pruned"] == 3 / 2  # exact first and pruned then would be 9 / 2
    data = els.load("fashion-mnist", size=8, n=300)
    assert data.labels is not None
    own = int((data.labels == 0).sum())
    row = measure.full_trajectory(data.images, data.labels, [(1.0, 5)], steps=6, every=3)
    tenth = 5 * own / math.ceil(own / 10)  # the textbook answers from one image in ten
    assert row["seconds"] == pytest.approx({"exact": 3 * 6, "pruned": 2 * 6, "textbook": tenth * 6})
    assert (row["ratio_exact_to_pruned"], row["ratio_textbook_to_exact"]) == pytest.approx((3 / 2, tenth / 3))


def test_a_difference_is_how_far_apart_two_samples_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of the two is brighter."""
    black, grey = (lambda x_t, t, labels=None, at=at: torch.full_like(x_t, at) for at in (-1.0, -0.75))
    monkeypatch.setattr(measure, "exact_and_pruned", lambda make: {"exact": black, "pruned": grey})
    data = els.load("fashion-mnist", size=8, n=30)
    row = measure.full_trajectory(data.images, data.labels, [(1.0, 3)], steps=2, every=2)
    assert [one["difference"] for one in row["measured"]] == [0.25]
    lab = els.lab("laptop", verbose=False)
    row = measure.laptop_trajectory(replace(lab, data=lab.data.subset(slice(0, 9))), seeds=2, steps=2, repeats=1)
    assert (row["largest_difference"], row["rms_difference"]) == pytest.approx((0.25, 0.25))


def test_the_table_has_every_section(results: dict[str, Any], said: list[str]) -> None:
    text = table(results)
    assert list(results) == list(SECTIONS)
    assert "\n".join(said) == text
    for part in (
        f"elscourse {els.__version__}",
        f"torch {torch.__version__}",
        "GFLOP/s",
        "| ELS | P | seconds | ns per nominal pair | ns per true pair |",
        "| circular | 3 |",
        "Geometric mean",
        "| textbook | 5 | 64 |",
        "12 images, 2 seeds, 4 calibrated steps",
        "| pruned |",
        "60 of 60,000 images",
        "| all 4, from these 2 |",
    ):
        assert part in text
    widths = {len(block) for block in table_columns(text)}
    assert widths == {1}, "a row has more or fewer cells than its heading"
    assert "nan" not in text and "inf" not in text


def test_each_number_stands_in_its_column() -> None:
    speed = {"padding": "zeros", "patch_size": 3, "batch": 8, "seconds": 0.5, "effective_flops": 3e9, "ratio": 8,
             "ns_per_nominal_pair": 1.25, "ns_per_true_pair": 2.5, "textbook_seconds": 4, "tuned_seconds": 1.5,
             "tuned_ratio": 3}  # fmt: skip
    laptop = {"images": 12, "seeds": 2, "steps": 20, "textbook_seconds": 16, "ratio_exact_to_pruned": 2,
              "exact": {"first_seconds": 3, "seconds": 2}, "pruned": {"first_seconds": 4, "seconds": 1},
              "tolerance": 1e-3, "largest_difference": 0.02, "rms_difference": 1e-3}  # fmt: skip
    step = {"t": 0.75, "patch_size": 5, "exact": 3, "pruned": 1, "pruned_first": 2, "textbook": 9, "difference": 4e-3}
    full = {"curve": "mine", "images": 60, "complete": 100, "dictionary_images": 6, "steps": 20, "measured": [step],
            "seconds": {"exact": 60, "pruned": 20, "textbook": 180}, "ratio_exact_to_pruned": 3.5,
            "ratio_textbook_to_exact": 2.5}  # fmt: skip
    memory = {"kind": "els", "patch_size": 21, "images": 2000, "image_bytes": 600 * 2**20, "bytes": 1200 * 2**20,
              "seconds": 0.75}  # fmt: skip
    text = table({
        "matrix_product": {"side": 64, "flops": 6e9},
        "speed": {"shape": [256, 1, 32, 32], "rows": [speed], "mean_ratio": 8, "mean_tuned_ratio": 3},
        "memory": [memory],
        "laptop": laptop,
        "full_lab": full,
    })  # fmt: skip
    for part in (
        "64 x 64, float32: 6 GFLOP/s.",
        "| zeros | 3 | 0.500 | 1.250 | 2.500 | 3.0 | 50% | 4.00 | 8.0 | 1.50 | 3.0 |",
        "8.0 to the textbook, 3.0 to the tuned textbook",
        "| els | 21 | 2,000 | 600 | 1,200 | 0.75 |",
        "| exact | 3.00 | 2.00 | 8.0 |",
        "| pruned | 4.00 | 1.00 | 16.0 |",
        "(one seed's time x 2) | | 16.00 | 1 |",
        "Exact / pruned: 2.0. Pruned with tolerance 0.001: ",
        "differ by at most 2.0e-02 in a pixel, 1.0e-03 RMS",
        "| 0.75 | 5 | 3.00 | 1.00 | 2.00 | 9.0 | 4e-03 |",
        "| all 20, from these 1 | | 60 | 20 | | 180 | |",
        "Exact / pruned: 3.5; textbook / exact: 2.5.",
    ):
        assert part in text, part


def test_memory_that_a_system_does_not_tell_is_unknown(results: dict[str, Any]) -> None:
    untold = [row | {"bytes": 0} for row in results["memory"]]
    assert table(results | {"memory": untold}).count("| unknown |") == len(untold) > 0


def table_columns(text: str) -> Iterator[set[int]]:
    """Of each table in the text, the numbers of cells that its rows have."""
    for block in text.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        if rows:
            yield {line.count("|") for line in rows}


def test_a_quick_run_leaves_the_full_lab_out(results: dict[str, Any]) -> None:
    quick = {name: part for name, part in results.items() if name != "full_lab"}
    assert "full lab" not in table(quick) and "laptop lab" in table(quick)


def test_both_files_are_written(results: dict[str, Any], tmp_path: Path) -> None:
    write(results, tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["bench.json", "bench.md"]
    assert table(json.loads((tmp_path / "new" / "bench.json").read_text())) == table(results)
    assert (tmp_path / "new" / "bench.md").read_text(encoding="utf-8") == table(results)


def test_the_command_hands_on_what_was_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []

    def small(device: str | None, full: bool, say: Any) -> dict[str, Any]:
        asked.append((device, full))
        say("a table")
        return {}

    monkeypatch.setattr("elscourse.bench.run", small)
    done = command("bench", "--full", "--device", "cpu", "--out", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    assert asked == [("cpu", True)]
    assert done.output.splitlines()[0] == "a table"
    assert (tmp_path / "out" / "bench.json").exists()


@pytest.mark.parametrize("device", ["tpu", "mps", "cuda"])
def test_a_device_that_is_not_here_is_one_sentence(device: str, tmp_path: Path) -> None:
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    done = command("bench", "--device", device, "--out", str(tmp_path))
    assert done.exit_code == 1
    assert device in done.output and "Traceback" not in done.output
    assert len(done.output.strip().splitlines()) == 1


def test_the_best_time_counts_and_the_first_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([5.0, 2.0, 3.0])
    monkeypatch.setattr(measure, "timed", lambda run, device: (next(times), run()))
    calls: list[int] = []
    seconds, result = measure.best_seconds(lambda: calls.append(1) or len(calls), 3, torch.device("cpu"))
    assert (seconds, result, len(calls)) == (2.0, 1, 4)
