"""The headline experiment, small: what it writes, what it means, that a kill loses nothing; and the shipped runs."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import ok, run
from PIL import Image
from test_networks import SHIPPED
from torch import Tensor
from torch.nn import functional as F

import elscourse as els
from elscourse import cli, plotting, reproduce, summary
from elscourse.lab import MACHINES
from elscourse.metrics import bootstrap_interval, compare
from elscourse.reproduce import CHUNK, Experiment

RESULTS = Path(__file__).parents[1] / "data" / "results"


def said_on(page: str) -> str:
    """The text of a page of the repository, its lines as one."""
    return " ".join((RESULTS.parents[1] / page).read_text(encoding="utf-8").split())


SMALL = ["--network", "tiny", "--seeds", "23", "--steps", "3", "--network-steps", "5", "--out", "out"]


@pytest.fixture
def results(here: Path) -> Path:
    """What a run writes into."""
    return here / "out"


def test_what_it_writes(results: Path) -> None:
    text = ok("reproduce", *SMALL, "--machine", "es", "--machine", "bent-local-filter")
    metrics = json.loads((results / "metrics.json").read_text())
    samples = np.load(results / "samples.npz")
    machines = ["is", "ls", "els-zeros", "els-zeros-gaussian", "wiener", "local-filter", "equivariant-filter", "es"]
    machines += ["bent-local-filter"]
    columns = ["network-3", "network-5", "network-3-exact-first"]
    assert set(samples.files) == {"noise", *machines, *columns}
    assert all(samples[name].shape == (23, 1, 8, 8) for name in samples.files)
    rows = {(r["machine"], r["network_steps"]): r for r in metrics["rows"]}
    assert set(rows) == {(m, s) for m in machines for s in (3, 5, "3-exact-first")}
    assert f"| 5 | els-zeros | {rows['els-zeros', 5]['r']:.3f} |" in text
    assert metrics["versions"] == {"elscourse": els.__version__, "torch": torch.__version__.split("+")[0]}
    assert metrics["settings"]["dtype"] == "float32"
    assert text.startswith("lab:") and (results / "table.md").read_text() in text
    for name in ("figure.png", "scatter.png"):
        assert (results / name).read_bytes()[:4] == b"\x89PNG"


def test_the_numbers_are_those_of_the_samples(results: Path) -> None:
    ok("reproduce", *SMALL)
    metrics = json.loads((results / "metrics.json").read_text())
    samples = {k: torch.from_numpy(v) for k, v in np.load(results / "samples.npz").items()}
    lab = els.lab(network="tiny", verbose=False)
    noise = els.seeded_noise(range(23), (1, 8, 8))
    assert torch.equal(samples["noise"], noise)
    torch.testing.assert_close(samples["els-zeros"], els.sample(lab.machine("els-zeros"), noise, 3), rtol=0, atol=1e-5)
    # this network's pixels are 50 and more, and round otherwise in batches of another size: draw in the same ones
    drawn = torch.cat([els.sample(lab.network, some, 5) for some in noise.split(CHUNK)])
    torch.testing.assert_close(samples["network-5"], drawn, rtol=0, atol=1e-5)
    exact = els.with_first_step(lab.machine("is"), lab.network)
    torch.testing.assert_close(samples["network-3-exact-first"], els.sample(exact, noise, 3), rtol=0, atol=1e-5)
    away = {
        name: (x[:, None] - lab.data.images).square().sum((2, 3, 4)).amin(1).sqrt().quantile(0.5).item()
        for name, x in samples.items()
        if name != "noise"
    }
    assert metrics["distance_to_training"] == pytest.approx(away, rel=1e-5, abs=1e-4)
    row = next(r for r in metrics["rows"] if (r["machine"], r["network_steps"]) == ("ls", 5))
    ours, ideal = (compare(samples[m], samples["network-5"]) for m in ("ls", "is"))
    low, middle, high = np.quantile(ours.r2.numpy(), [0.25, 0.5, 0.75])
    assert row["n"] == 23 and row["network"] == "tiny"
    assert row["r2"] == pytest.approx(middle, abs=1e-5) and row["r2_quartiles"] == pytest.approx([low, high], abs=1e-5)
    assert row["r"] == pytest.approx(float(np.median(ours.r)), abs=1e-5)
    assert row["R2"] == pytest.approx(float(np.median(ours.R2)), abs=1e-5)
    assert row["beats_ideal"] == pytest.approx(float((ours.r2 > ideal.r2).float().mean()), abs=1e-5)
    interval = bootstrap_interval(ours.r2, torch.Generator().manual_seed(0))
    assert row["r2_interval"] == pytest.approx(interval, abs=1e-5)


def test_the_table_has_a_line_for_each_machine_and_column() -> None:
    settings = {"network": "tiny", "images": [60, 1], "dataset": "d", "seeds": 23, "steps": 3, "device": "cpu"}
    row = {"network_steps": 5, "r": 0.5124, "r2": 0.2626, "r2_quartiles": [0.1, 0.4], "R2": -0.5, "beats_ideal": 0.75}
    rows = [{"machine": "ls"} | row, {"machine": "is"} | row]
    assert summary.table({"settings": settings, "rows": rows}).splitlines()[-2:] == [
        "| 5 | ls | 0.512 | 0.263 | 0.10 - 0.40 | -0.500 | 75% |",
        "| 5 | is | 0.512 | 0.263 | 0.10 - 0.40 | -0.500 |  |",
    ]


def drawn_in(axis: Any) -> Tensor:
    """The picture on an axis, as one grey value per pixel in [-1, 1]."""
    return torch.from_numpy(np.asarray(axis.images[0].get_array(), dtype=np.float32)) * 2 - 1


def test_the_figures_show_the_samples(results: Path) -> None:
    ok("reproduce", *SMALL)
    samples = {k: torch.from_numpy(v) for k, v in np.load(results / "samples.npz").items()}
    lab = els.lab(network="tiny", verbose=False)
    nearest, _ = els.nearest_training_image(samples["network-5"], lab.data.images)
    r2 = {name: compare(samples[name], samples["network-5"]).r2 for name in ("els-zeros", "is")}
    rows = summary.figure(lab, samples, "els-zeros", "network-5").axes
    columns = len(rows) // 6
    expected = [samples["noise"] / 3, *(samples[name] for name in ("is", "ls", "els-zeros", "network-5"))]
    for line, images in enumerate([*expected, lab.data.images[nearest]]):
        for column in (0, columns - 1):
            shown = drawn_in(rows[line * columns + column])
            torch.testing.assert_close(shown, images[column, 0].clamp(-1, 1), rtol=0, atol=1e-6)
    below = [axis.get_xlabel() for axis in rows]
    numbers = [f"r² {value:.2f}" for value in r2["els-zeros"]]
    assert below[3 * columns : 4 * columns] == numbers, "between the two rows that they compare"
    assert not any(below[: 3 * columns] + below[4 * columns :])
    points = summary.scatter(lab, samples, "els-zeros", "network-5").axes[0]
    expected_points = torch.stack([r2["is"], r2["els-zeros"]], dim=1).numpy()
    np.testing.assert_allclose(points.collections[0].get_offsets(), expected_points, atol=1e-6)
    assert "IS" in points.get_xlabel() and "ELS zeros" in points.get_ylabel()


def test_classes_follow_the_seeds(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproduce, "CHUNK", 7)  # beyond the first piece, too
    ok("reproduce", *SMALL, "--network", "tiny-classes", "--seeds", "12")
    assert json.loads((results / "metrics.json").read_text())["settings"]["labels_sha256"]
    lab = els.lab(network="tiny-classes", verbose=False)
    labels = torch.arange(12) % 10
    expected = els.sample(lab.machine("ls"), els.seeded_noise(range(12), (1, 8, 8)), 3, labels=labels)
    torch.testing.assert_close(torch.from_numpy(np.load(results / "samples.npz")["ls"]), expected, rtol=0, atol=1e-5)


def test_a_killed_run_goes_on(results: Path) -> None:
    long = ["--network", "tiny", "--seeds", "400", "--steps", "12", "--network-steps", "15", "--out", "out"]
    command = [sys.executable, "-m", "elscourse", "reproduce", *long]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    parts = results / "parts"
    while len(list(parts.glob("*-?????.npz"))) < 3:  # whole ones, not one that is being written
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = {p: p.stat().st_mtime_ns for p in parts.glob("*-?????.npz")}
    assert len(kept) >= 3 and not (results / "metrics.json").exists()
    ok("reproduce", *long)
    assert all(p.stat().st_mtime_ns == at for p, at in kept.items()), "what was finished was not computed again"
    resumed = np.load(results / "samples.npz")
    ok("reproduce", *long, "--fresh")
    fresh = np.load(results / "samples.npz")
    for name in fresh.files:
        np.testing.assert_array_equal(resumed[name], fresh[name])
    assert any(p.stat().st_mtime_ns != at for p, at in kept.items()), "--fresh starts over"


def test_fresh_removes_only_its_own_files(results: Path) -> None:
    (results / "parts").mkdir(parents=True)
    mine = [results / "parts" / name for name in ("thesis.txt", "thesis-2024.npz", "letter.partial")]
    for path in mine:
        path.write_text("mine")
    ok("reproduce", *SMALL, "--fresh")
    assert all(path.read_text() == "mine" for path in mine)


def test_pieces_of_another_version_are_not_adopted(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ok("reproduce", *SMALL)
    monkeypatch.setattr("elscourse.reproduce.__version__", "99.0")
    other = run("reproduce", *SMALL)
    assert other.exit_code == 1 and "other settings (version)" in other.output


def test_a_damaged_piece_is_named(results: Path) -> None:
    ok("reproduce", *SMALL)
    piece = results / "parts" / "ls-00000.npz"
    with np.load(piece) as file:
        images, own_run = file["images"], file["run"]
    flipped = bytearray(piece.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    with piece.open("wb") as partial:
        np.save(partial, images)
    contents = [bytes(flipped), piece.read_bytes(), b""]
    for wrong in (np.zeros((2, 3, 8, 8), np.float32), images.astype(str), images * np.nan):
        np.savez(piece, images=wrong, run=own_run)
        contents.append(piece.read_bytes())
    for content in contents:
        piece.write_bytes(content)
        other = run("reproduce", *SMALL)
        assert other.exit_code == 1 and f"{piece.name} is damaged: delete it and run again" in " ".join(
            other.output.split()
        )
    piece.unlink()
    ok("reproduce", *SMALL)


def test_pieces_of_another_run_in_the_same_folder_are_made_again(results: Path) -> None:
    """Of a process that was still at work when this one was told to start over."""
    ok("reproduce", *SMALL, "--steps", "4")
    piece = results / "parts" / "ls-00000.npz"
    late = piece.read_bytes()
    ok("reproduce", *SMALL, "--fresh")
    right = np.load(results / "samples.npz")["ls"]
    piece.write_bytes(late)
    with pytest.raises(els.CourseError, match=r"ls-00000\.npz is of other settings: another process"):
        reproduce._read(piece, "this run", right[:CHUNK].shape)
    ok("reproduce", *SMALL)
    np.testing.assert_array_equal(np.load(results / "samples.npz")["ls"], right)


def test_the_classes_count_where_a_bent_filter_is_told_them(tmp_path: Path) -> None:
    lab, settings = els.lab(verbose=False), {}
    for classes in (lab.data.labels, lab.data.labels.flip(0)):
        other = replace(lab, data=replace(lab.data, labels=classes))
        for machines in ((), ("bent-local-filter",)):
            settings.setdefault(machines, []).append(Experiment(other, tmp_path, extra_machines=machines).settings)
    assert [one == two for one, two in settings.values()] == [True, False]


def test_a_bent_filter_is_told_the_classes_though_the_network_is_not() -> None:
    """Or, of images that are sorted by them, it would know the first ones only."""
    lab = els.lab(verbose=False)
    by_class = lab.data.subset(lab.data.labels.argsort())
    bent = replace(lab, data=by_class).machine("bent-local-filter")
    assert not lab.network.conditional and len(by_class.labels[bent._shown()].unique()) == 10


def test_pieces_without_their_settings_are_not_adopted(results: Path) -> None:
    ok("reproduce", *SMALL)
    (results / "parts" / "settings.json").unlink()
    other = run("reproduce", *SMALL, "--steps", "4")
    assert other.exit_code == 1 and "but not its settings.json: use --fresh" in other.output
    ok("reproduce", *SMALL, "--steps", "4", "--fresh")


def test_other_images_do_not_mix(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ok("reproduce", *SMALL)
    original = els.load
    flipped = lambda *a, **k: original(*a, **k).subset(torch.arange(59, -1, -1))  # noqa: E731
    monkeypatch.setattr(sys.modules["elscourse.lab"], "load", flipped)
    result = run("reproduce", *SMALL)
    assert result.exit_code == 1 and "other settings (images_sha256)" in result.output


def test_a_run_that_failed_at_once_binds_nobody(results: Path) -> None:
    assert run("reproduce", *SMALL, "--steps", "200000").exit_code == 1
    ok("reproduce", *SMALL)
    settings = json.loads((results / "parts" / "settings.json").read_text())
    assert settings["steps"] == json.loads((results / "metrics.json").read_text())["settings"]["steps"] < 200_000


def test_other_settings_do_not_mix(results: Path) -> None:
    ok("reproduce", *SMALL)
    other = run("reproduce", *SMALL, "--steps", "4")
    assert other.exit_code == 1 and "other settings (steps)" in other.output and "--fresh" in other.output
    assert "Traceback" not in other.output


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["reproduce", "--network", "nobody"], "unknown network 'nobody'"),
        (["reproduce", *SMALL, "--machine", "elz-zeros"], "unknown machine 'elz-zeros': did you mean els-zeros"),
        (
            ["reproduce", *SMALL, "--machine", "els-circular"],
            "no calibrated sizes for els-circular: run `elscourse cal",
        ),
        (["reproduce", "--seeds", "0"], "'0' is not a number of seeds: write 10 for seeds 0 to 9."),
        (["reproduce", "--seeds", "0-9"], "'0-9' is not a number of seeds: write 10 for seeds 0 to 9."),
        (["sample", "tiny"], "unexpected extra argument (tiny): name the network with --network."),
        (["train", "mine", "my-pictures"], "unexpected extra argument (my-pictures): name the images with --dataset."),
        (["doctor", "tiny"], "unexpected extra argument (tiny)\n"),
        (["reproduce", *SMALL, "--device", "tpu9"], "unknown device 'tpu9'"),
        (["reproduce", *SMALL, "--dataset", "no/such/folder"], "no/such/folder"),
        (["train", "nobody"], "For a network of your own, add --dataset"),
        (["train", "fashion-mnist-16-unet-zeros", "--dataset", "mnist"], "is the name of one of the course's recipes"),
        (["sample", "--seeds", "a-b"], "write 7, or 0-9, or 1,5,8"),
        (["train", "tiny", "--seed", "99999999999999999999"], "is not in the range"),
        (["sample", "--denoiser", "netwrk"], "unknown denoiser 'netwrk': did you mean network or wiener? Choose"),
        (["sample", "--label", "3"], "knows no classes: leave the label out, or take a network that does"),
        (["sample", "--seeds", "0-100"], "'0-100' is more than the 100 seeds that fit in a picture: draw fewer."),
        (["sample", "--steps", "2000000000"], "steps must be a whole number from 1 to 100,000, got 2000000000."),
        (["train", "mine", "--dataset", "fashion-mnist", "--width", "1000000"], "is not in the range 2<=x<=4096"),
        (["calibrate", "tiny", "--machine", "is"], "only ELS machines"),
        (["datasets", "download", "fashon-mnist"], "fashion-mnist"),
        (["nonsense"], "No such command 'nonsense'"),
    ],
)
def test_mistakes_get_a_sentence(results: Path, command: list[str], sentence: str) -> None:
    result = run(*command)
    assert result.exit_code in (1, 2) and sentence in result.output, result.output
    assert "Traceback" not in result.output and len(result.output.splitlines()) < 8


def test_sample_draws_a_picture(results: Path) -> None:
    for options in (["--network", "tiny"], ["--network", "tiny-classes", "--label", "3", "--denoiser", "els-zeros"]):
        ok("sample", *options, "--seeds", "0-2,7", "--steps", "2", "--out", "four.png")
        assert Path("four.png").read_bytes()[:4] == b"\x89PNG"


def test_sample_draws_in_the_precision_of_the_images(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = els.lab(network="tiny", verbose=False, float64=True)
    monkeypatch.setattr(cli, "make_lab", lambda **_: lab)
    for denoiser in ("network", "els-zeros"):
        ok("sample", "--denoiser", denoiser, "--seeds", "0", "--steps", "2", "--out", f"{denoiser}.png")
        assert Path(f"{denoiser}.png").exists()


@pytest.mark.parametrize(("seeds", "lines"), [("0-2,7", [[0, 1, 2, 7]]), ("3-14", [[*range(3, 13)], [13, 14]])])
def test_sample_draws_what_was_asked(
    seeds: str, lines: list[list[int]], results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    original = plotting.image_rows
    monkeypatch.setattr(plotting, "image_rows", lambda *given: shown.append(given) or original(*given))
    ok("sample", "--network", "tiny-classes", "--label", "3", "--denoiser", "ls", "--seeds", seeds, "--steps", "4")
    ((rows, notes),) = shown
    lab = els.lab(network="tiny-classes", verbose=False)
    for row, line in zip(rows.values(), lines, strict=True):
        again = els.sample(lab.machine("ls"), els.seeded_noise(line, lab.shape), 4, labels=3)
        torch.testing.assert_close(row, again, rtol=0, atol=1e-5)
    told = notes if len(lines) == 1 else " ".join(name.removeprefix("ls\n") for name in rows).split()
    assert told == [str(seed) for line in lines for seed in line]


def test_lists() -> None:
    assert "torch" in ok("doctor")
    told = ok("datasets").splitlines()
    assert "fashion-mnist" in told[0] and len({line.index(" images, ") for line in told}) == 1, "one column"


def test_the_sizes_of_whatever_looks_through_a_window_are_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reproduce, "MACHINES", (*MACHINES, "new"))
    monkeypatch.setattr(els.Lab, "patch_sizes", lambda *_: [(1.0, 3)])
    run = Experiment(els.lab(verbose=False), tmp_path, extra_machines=["es", "new"])
    assert set(run.settings["sizes"]) == {*run.machines} - {"is", "es", "wiener"} and "new" in run.machines


def test_stopping_says_how_to_go_on(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("elscourse.reproduce.Experiment._piece", stop)
    result = run("reproduce", *SMALL)
    assert result.exit_code == 130 and "Run the same command again" in result.output


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_runs_are_those_of_the_shipped_files(name: str) -> None:
    """Two seeds of four columns computed again; and the metrics belong to the network and sizes that are shipped."""
    lab = els.lab(network=name, verbose=False)
    settings = json.loads((RESULTS / f"{name}.metrics.json").read_text())["settings"]
    assert settings["network_sha256"] == lab.network.card["sha256"] and settings["seeds"] == 100
    for machine, pairs in settings["sizes"].items():
        assert [tuple(p) for p in pairs] == lab.patch_sizes(machine)
    stored = {k: torch.from_numpy(v) for k, v in np.load(RESULTS / f"{name}.samples.npz").items()}
    seeds = [3, 58]
    noise, labels = els.seeded_noise(seeds, lab.shape), lab.labels_for(seeds)
    torch.testing.assert_close(stored["noise"][seeds], noise)  # processors differ by rounding
    columns = {f"els-{lab.network.padding}": (lab.machine(f"els-{lab.network.padding}"), 20)}
    columns |= {name: (lab.machine(name), 20) for name in ("is", "equivariant-filter")} | {
        "network-20": (lab.network, 20)
    }
    for column, (denoiser, steps) in columns.items():
        again = els.sample(denoiser, noise, steps, labels=labels)
        again = again.clamp(-1, 1) if "filter" in column else again
        assert (compare(again, stored[column][seeds]).r2 > 0.999).all(), column


def blue_in(path: Path) -> Tensor:
    """1 where the dots of a scatter are, (1, H, W); of one size, as some matplotlibs make it a pixel narrower."""
    with Image.open(path) as picture:
        colours = torch.from_numpy(np.array(picture.convert("RGB").resize((500, 480)), dtype=np.float32))
    return (colours[None, ..., 2] - colours[None, ..., 0] > 60).float()


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_tables_and_pictures_are_those_of_the_shipped_numbers(name: str, tmp_path: Path) -> None:
    """Drawn anew, pictures differ by 4 of 255, as each matplotlib puts them elsewhere; figures of other seeds by 23.
    (The dots of a scatter are too small for that: each must lie at one of the other's, or nearly.)
    """
    metrics = json.loads((RESULTS / f"{name}.metrics.json").read_text())
    assert (RESULTS / f"{name}.table.md").read_text(encoding="utf-8") == summary.table(metrics)
    lab = els.lab(network=name, verbose=False)
    stored = {k: torch.from_numpy(v) for k, v in np.load(RESULTS / f"{name}.samples.npz").items()}
    of = f"els-{lab.network.padding}", "network-150"
    first = {k: v[:10] for k, v in stored.items()}
    summary.figure(lab, first, *of).savefig(tmp_path / "figure.png")
    summary.scatter(lab, stored, *of).savefig(tmp_path / "scatter.png")
    for kind in ("figure", "scatter"):
        with Image.open(tmp_path / f"{kind}.png") as again, Image.open(RESULTS / f"{name}.{kind}.png") as shipped:
            both = [np.asarray(one.convert("RGB").resize((300, 200)), dtype=float) for one in (again, shipped)]
        assert np.abs(both[0] - both[1]).mean() < 10, f"{kind}: of 255"
    dots = [blue_in(tmp_path / "scatter.png"), blue_in(RESULTS / f"{name}.scatter.png")]
    for some, others in (dots, dots[::-1]):
        assert some.mean() > 0.005 and some[F.max_pool2d(others, 7, 1, 3) == 0].sum() < 0.01 * some.sum()


def reached(name: str, machine: str, steps: int | str, what: str = "r2") -> float:
    rows = json.loads((RESULTS / f"{name}.metrics.json").read_text())["rows"]
    return next(r[what] for r in rows if (r["machine"], r["network_steps"]) == (machine, steps))


def test_the_readme_states_the_shipped_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    text = said_on("README.md")
    assert f"which costs at most the {CHUNK} drawings in progress" in text
    medians = [reached(name, "els-circular" if "circular" in name else "els-zeros", 150) for name in SHIPPED]
    assert f"for each of six networks (median r2 {min(medians):.2f} to {max(medians):.2f})" in text
    emoji = "emoji-24-resnet-zeros-conditional"
    bent = {key: r2.quantile(0.5) for key, r2 in els.load_results("11_bent").items() if "wiener" not in key}
    assert (
        bent.pop(f"{emoji}, equivariant-filter") > reached(emoji, "els-zeros", 150)
        and "through 3 x 3 pixels the formula's last vote is too strict" in text
    )
    fresh, both = els.load_results("11_new_noises"), els.load_results(emoji)
    gaps = [
        els.load_results("11_bent")[f"{emoji}, equivariant-filter"]
        - compare(both["els-zeros"].clamp(-1, 1), both["network-150"]).r2,
        fresh[f"bent, {emoji}"] - fresh[f"els-zeros, {emoji}"],
    ]
    assert f"For emoji the filter is ahead (of 200 noises for {sum(int((gap > 0).sum()) for gap in gaps)})" in text
    assert f"reaches {min(bent.values()):.2f} to {max(bent.values()):.2f} for clothes, each time behind" in text
    for key, r2 in bent.items():
        name = key.partition(", ")[0]
        own = "els-circular" if "circular" in name else "els-zeros"
        assert r2 < reached(name, own, 150), "the formula is ahead of it with clothes"
    plain = "fashion-mnist-16-resnet-zeros"
    first, rival = els.load_results(plain), els.load_results("15_bent")[f"local, {plain}"]
    ours, theirs = (compare(x, first["network-20"]) for x in (first["els-zeros"], rival.float() / 127.5 - 1))
    low, high = bootstrap_interval(ours.r2 - theirs.r2, torch.Generator().manual_seed(0))
    assert low < 0 < high and "takes 20 steps as well, the bent filter is level with the formula by r2" in text
    lead = ours.R2 - theirs.R2
    low, high = bootstrap_interval(lead, torch.Generator().manual_seed(11))
    by_R2 = f"by R2 ELS is ahead by {lead.quantile(0.5):.3f}, {low:.3f} to {high:.3f}; but"
    assert low > 0 and by_R2 in said_on("book/measured.md")
    monkeypatch.setattr("elscourse.bent_filter.FIRST_SEED", 6000)  # other noise for its curves
    again = els.sample(els.lab("laptop", verbose=False).machine("bent-local-filter"), first["noise"], 20)
    low, high = bootstrap_interval(
        ours.R2 - compare(again.clamp(-1, 1), first["network-20"]).R2, torch.Generator().manual_seed(11)
    )
    assert low < 0 < high and "made with other noise, this interval, too, contains 0)" in said_on("book/measured.md")
    assert abs(float(ours.r2.quantile(0.5) - theirs.r2.quantile(0.5))) < 0.01


def test_the_table_in_the_readme_is_that_of_the_shipped_drawings() -> None:
    """Each rival's median r2, cut at black and white, and for how many of 100 seeds the formula has more."""
    rivals = {
        "a linear filter with the formula's windows, bent by a curve": "bent",
        "the same filter, straight": "straight",
        "the formula with its patches kept at their own place (LS)": "ls",
        "the best linear filter of the whole picture": "wiener",
        "the ideal denoiser (IS)": "is",
        "the mean training picture of the same group or class": "mean",
    }
    columns, medians = [], []
    for kind, other, name in (
        ("equivariant-filter", "local-filter", "fashion-mnist-28-resnet-zeros-conditional"),
        ("local-filter", "equivariant-filter", "fashion-mnist-16-resnet-zeros-conditional"),
        ("equivariant-filter", "local-filter", "emoji-24-resnet-zeros-conditional"),
    ):
        stored, lab = els.load_results(name), els.lab("laptop", network=name, verbose=False)
        images, told = lab.data.images, lab.labels_for(lab.seeds)
        stored["mean"] = torch.stack([images[lab.data.labels == label].mean(0) for label in told])
        stored["straight"] = stored[kind]
        drawn = {who: some.clamp(-1, 1) for who, some in stored.items()}
        r2 = {who: compare(some, stored["network-150"]).r2 for who, some in drawn.items()}
        assert r2[kind].quantile(0.5) > r2[other].quantile(0.5), "whichever does better"
        r2["bent"] = els.load_results("11_bent")[f"{name}, {kind}"]
        ours = r2["els-zeros"]
        medians.append({who: r2[who].quantile(0.5) for who in ("els-zeros", *rivals.values())})
        ahead = {who: f"{r2[who].quantile(0.5):.2f} ({int((ours > r2[who]).sum())})" for who in rivals.values()}
        columns.append(ahead | {"els": f"**{ours.quantile(0.5):.2f}**"})
    lines = (RESULTS.parents[1] / "README.md").read_text(encoding="utf-8").splitlines()
    start = lines.index(
        "| from the same noise as the network | clothes, 28 x 28 | clothes, 16 x 16 | emoji, in colour |"
    )
    named = {"**the formula** (ELS)": "els"} | rivals
    rows = [f"| {said} | {' | '.join(column[who] for column in columns)} |" for said, who in named.items()]
    assert lines[start + 2 : start + 3 + len(rows)] == [*rows, ""]
    large, small, _ = medians
    loss = {who: small[who] - large[who] for who in small}
    own = loss.pop("els-zeros")
    assert own > 0 and min(loss.values()) > own, "what is said below the table"
    assert "from 16 x 16 to 28 x 28 pixels every rival loses more than the formula" in said_on("README.md")


def test_the_measured_page_states_how_the_strongest_rival_fares() -> None:
    text = said_on("book/measured.md")
    rows = {
        "the first ResNet (garments, 16 x 16)": "fashion-mnist-16-resnet-zeros",
        "told the class": "fashion-mnist-16-resnet-zeros-conditional",
        "UNet": "fashion-mnist-16-unet-zeros",
        "circular": "fashion-mnist-16-resnet-circular",
        "28 x 28, told the class": "fashion-mnist-28-resnet-zeros-conditional",
        "emoji, told the group": "emoji-24-resnet-zeros-conditional",
    }
    for k, (said, name) in enumerate(rows.items()):
        lab, stored = els.lab("laptop", network=name, verbose=False), els.load_results(name)
        images, told = lab.data.images, lab.labels_for(lab.seeds)
        kinds = [slice(None)] * 100 if told is None else [lab.data.labels == label for label in told]
        means = torch.stack([images[kind].mean(0) for kind in kinds])
        ours = stored["els-circular" if "circular" in name else "els-zeros"]
        filters = [stored[key].clamp(-1, 1) for key in ("wiener", "local-filter", "equivariant-filter")]
        ours, mean, *filters = (compare(some, stored["network-150"]).r2 for some in (ours, means, *filters))
        rival = max(filters, key=torch.median)
        columns = [f"{some.quantile(0.5):.2f}" for some in (ours, *filters)]
        columns.append(f"{int((ours > rival).sum())}{' of 100' if k == 0 else ''}")
        columns.append(f"{(1 - (1 - ours) / (1 - mean)).quantile(0.5):.2f}")
        bent = max(
            (r2 for key, r2 in els.load_results("11_bent").items() if name == key.split(", ")[0]), key=torch.median
        )
        columns += [f"{bent.quantile(0.5):.2f}", str(int((ours > bent).sum()))]
        columns.append(f"{(1 - (1 - ours) / (1 - bent)).quantile(0.5):.2f}")
        assert f"| {said} | {' | '.join(columns)} |" in text, name
    curved = {name: r2.quantile(0.5) for name, r2 in els.load_results("11_bent_els").items()}
    first, *_, emoji = curved.values()
    assert f"Bent in the same way ELS gains nothing: {emoji:.2f}, with the first ResNet {first:.2f}." in text
    assert curved[name] == emoji < bent.quantile(0.5)


def test_the_code_in_the_readme_reaches_what_it_says() -> None:
    text = (RESULTS.parents[1] / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    made: dict[str, torch.Tensor] = {}
    exec(code, made)

    def middle(predicted: Tensor) -> str:
        return f"{compare(predicted, made['drawn']).r2.quantile(0.5):.2f}"

    lab, noise = els.lab("laptop", verbose=False), made["noise"]
    own, curved = (els.sample(lab.machine(name), noise, steps=20) for name in ("els-zeros", "bent-local-filter"))
    fixed = els.EquivariantLocalScoreMachine(lab.data.images, lab.schedule, patch_size=11, padding="zeros")
    assert f".r2.quantile(0.5))  # {middle(made['predicted'])}\n" in code
    assert f"(11 gives {middle(els.sample(fixed, noise, steps=20))})" in text
    assert f"r2 is {middle(own)} in the median" in text and f"has {middle(curved)}: in 20 steps" in text


def test_the_measured_page_states_how_well_each_machine_predicts() -> None:
    text = (RESULTS.parents[1] / "book" / "measured.md").read_text(encoding="utf-8")
    zeros, circular = "fashion-mnist-16-resnet-zeros", "fashion-mnist-16-resnet-circular"
    for name, machine in {"ELS": "els-zeros", "LS": "ls", "Wiener": "wiener", "IS": "is"}.items():
        said = " | ".join(f"{reached(zeros, machine, 150, what):.3f}" for what in ("r", "r2", "R2"))
        assert f"| {name} | {said} |" in text
    pairs = {"IS": ("is", "is"), "LS": ("ls", "ls"), "ELS": ("els-circular", "els-zeros")}
    for name, (around, padded) in pairs.items():
        said = f"{reached(circular, around, 150):.2f} | {reached(zeros, padded, 150):.2f}"
        assert re.search(rf"^\| {re.escape(name)} \|.*\| {re.escape(said)} \|$", text, re.MULTILINE), name


def test_the_measured_page_states_what_a_linear_filter_gets_and_what_the_first_step_does() -> None:
    text = said_on("book/measured.md")
    name = "fashion-mnist-16-resnet-zeros"
    stored = els.load_results(name)
    pictures = els.lab("laptop", network=name, verbose=False).data.images
    copy = torch.stack([compare(pictures, drawing.expand_as(pictures)).r2.max() for drawing in stored["network-150"]])
    assert f"among the 2,000 pictures, has r2 {copy.quantile(0.5):.2f} (shifted by up to two" in text
    wide, local, both = (
        compare(stored[kind].clamp(-1, 1), stored["network-150"]).r2.quantile(0.5)
        for kind in ("wiener", "local-filter", "equivariant-filter")
    )
    said = f"(seeing all: {wide:.2f}), has {local:.2f}; if it must also treat all places alike, {both:.2f}."
    assert said in text
    assert f"LS {reached(name, 'ls', 150):.2f}, ELS {reached(name, 'els-zeros', 150):.2f}." in text
    steps = [
        compare(stored[f"network-20{kind}"], stored["network-150"]).r2.quantile(0.5) for kind in ("", "-exact-first")
    ]
    lifted = [reached(name, "els-zeros", kind) for kind in (20, "20-exact-first")]
    assert "r2 with ELS, whose first step is the exact one, from {:.3f} to {:.3f}.".format(*lifted) in text
    assert "where no formula is involved, from {:.3f} to {:.3f}".format(*steps) in text


def test_the_measured_page_states_what_other_windows_cost() -> None:
    """From the stored drawings of lessons 04 and 09."""
    measured = said_on("book/measured.md")
    shipped = els.load_results("fashion-mnist-16-resnet-zeros")
    drawn = [*els.load_results("04_local")["samples"], shipped["ls"], shipped["local-filter"]]
    images = els.lab("laptop", verbose=False).data.images
    drawn.append(els.sample(els.LocalFilter(images, patch_size=9), shipped["noise"], 20).clamp(-1, 1))
    *alone, shrinking, rival, nine = (
        els.compare(some, shipped["network-150"]).r2.quantile(0.5).item() for some in drawn
    )
    bent = els.load_results("11_bent")["fashion-mnist-16-resnet-zeros, local-filter"]
    assert f"LS its {shrinking:.2f} with the first ResNet is that windows shrink" in measured
    assert f"| as calibrated | {shrinking:.2f} | {rival:.2f} | {bent.quantile(0.5):.2f} |" in measured
    assert f"| one size throughout | {max(alone):.2f} at best | {nine:.2f} ($P = 9$) | |" in measured
    assert max(alone) == alone[1]  # P = 5
    ahead = (els.compare(shipped["ls"], shipped["network-150"]).r2 > bent).sum()
    assert f"LS is ahead of the bent filter for {ahead} of 100 seeds" in measured

    curves = els.load_results("09_curves")

    def cost(curve: str, network: str) -> float:
        new = (curves[f"{curve}, {network}"] - curves[f"calibrated, {network}"])[1]  # seeds 100 to 199
        return -new.quantile(0.5).item()

    few = {name: (curves[name] - curves[f"calibrated, {name.partition(', ')[2]}"])[1][:30] for name in curves}
    late = sorted(-some.quantile(0.5).item() for name, some in few.items() if name.startswith("late switch"))
    said = f"down to $0.25$, {late[0]:.3f} to {late[-1]:.3f} (thirty, too few to tell for two)"
    assert said in measured and len(late) == 4
    ends = [bootstrap_interval(few[name], torch.Generator().manual_seed(0)) for name in few if name.startswith("late")]
    assert [low < 0 < high for low, high in ends].count(True) == 2 and max(high for _, high in ends) < 0.02
    first, last = (
        -few[f"{end}, fashion-mnist-16-resnet-zeros"].quantile(0.5)
        for end in ("3 at the first two", "15 at the last two")
    )
    assert f"thirty others at the ends: {first:.3f} and {last:.3f})" in measured
    costs = sorted(cost("two sizes", name.removeprefix("two sizes, ")) for name in curves if name.startswith("two "))
    assert f"{costs[0]:.3f} to {costs[-1]:.3f} less for the four networks" in measured and len(costs) == 4
    assert f"that costs {cost('ten others', 'fashion-mnist-16-resnet-zeros'):.3f} |" in measured
    bent, lab = els.load_results("09_bent"), els.lab("laptop", verbose=False)
    calibrated = torch.tensor([size for _, size in lab.patch_sizes("els-zeros")])
    apart = (calibrated - bent["derivative sizes"])[1:].abs().double().mean()
    assert f"derivative ({apart:.2f} pixels apart on average below $t = 1$;" in measured
    target = els.load_results(lab.network.name)["network-150"][:10]
    turned = els.compare(els.load_results("09_time")["reversed"].float(), target).r2.quantile(0.5)
    best = els.compare(els.load_results("09_time")["P=9"].float(), target).r2.quantile(0.5)
    both = {f"{bent[name].quantile(0.5):.2f}" for name in ("calibrated", "reversed", "P=9")}
    assert (
        f"curve reversed ELS has {turned:.2f}, " in measured
        and f"the bent filter has {both.pop()} with both" in measured
    )
    assert f"| r2 {best:.2f} at best, less than the bent filter with the same size" in measured and not both


def test_the_measured_page_states_what_the_border_does() -> None:
    text = said_on("book/measured.md")
    found = els.load_results("08_borders")
    names = [f"fashion-mnist-16-resnet-{border}" for border in ("zeros", "circular")]
    zeros, circular = map(els.load_results, names)

    def median(formula: str, network: Mapping[str, Tensor], results: Mapping[str, Tensor]) -> str:
        return f"{compare(results[formula], network['network-150']).r2.quantile(0.5):.2f}"

    own = median("els-zeros", zeros, zeros), median("els-circular", circular, circular)
    other = median("els-zeros", circular, zeros), median("els-circular", zeros, circular)
    assert "zeros {}, circular {}; with the other's {} and {}".format(*own, *other) in text
    switched = {name: found[f"r2-{name}"].quantile(0.5, dim=-1) for name in ("zeros-first", "circular-first")}
    at = {round(float(t), 1): k for k, t in enumerate(found["switches"])}
    first, last = switched.values()
    assert (
        f"is {first[at[0.8]]:.2f} if it has them only in the first 4 of 20 steps, {first[at[0.6]]:.2f} in the" in text
    )
    assert f"without the first 4 it is {last[at[0.8]]:.2f}, without the first 8 {last[at[0.6]]:.2f} (never:" in text
    lab, noise = els.lab("laptop", verbose=False), els.seeded_noise(range(30), (1, 16, 16))
    torus, mean = els.load_network(names[1]), lab.data.images.mean(0)
    drawings, settled = zeros["network-20"][:30], []
    for picture in (mean, torch.full_like(mean, float(mean.mean()))):

        def early(x: Tensor, t: float, labels: Tensor | None = None, picture: Tensor = picture) -> Tensor:
            return picture.expand_as(x) if t > 0.61 else torus(x, t)

        settled.append(compare(els.sample(early, noise, steps=20), drawings).r2.quantile(0.5))
    itself = compare(mean.expand_as(drawings), drawings).r2.quantile(0.5)
    assert f"the circular network comes to {settled[0]:.2f}, the one with zeros" in text
    assert f"(the picture itself: {itself:.2f}; the circular one after grey: {settled[1]:.2f}) |" in text
    bent = els.load_results("15_bent")
    first_bent, second_bent = ({"bent": bent[f"equivariant, {name}"].float() / 127.5 - 1} for name in names)
    pairs = (first_bent, zeros), (second_bent, circular), (first_bent, circular), (second_bent, zeros)
    rivals = [median("bent", network, results) for results, network in pairs]
    assert "less well: {} and {}; {} and {} |".format(*rivals) in text


def test_the_measured_page_states_who_foretells_third_legs() -> None:
    """Counted by the runs of bright pixels in a row below the waist, as in lesson 12."""
    drawn = {name: els.load_results("12_legs")[f"trousers.{name}"] for name in ("network-150", "els-zeros")}
    filtered = els.load_results("12_local_filter")
    drawn |= {"local": filtered["trousers"], "bent": els.load_results("12_bent")["trousers, alike"]}
    drawn = {name: some.float() / 127.5 - 1 for name, some in drawn.items()}

    def three_legs(images: Tensor) -> Tensor:
        bright = torch.nn.functional.pad(images[:, 0, 8:] > 0, (1, 0)).int()
        return (bright.diff(dim=-1) == 1).sum(-1).amax(-1) >= 3

    lists = {name: three_legs(some) for name, some in drawn.items()}
    network, ours, rival, blind = lists.values()
    text = said_on("book/measured.md")
    assert (
        f"Of 400 pairs of trousers the network draws {network.sum()} with a third leg, the machine {ours.sum()};"
        in text
    )
    assert f"{(network & ours).sum()} are on both lists, where chance would give" in text
    alike = [f"{compare(drawn[name], drawn['network-150']).r2.median():.2f}" for name in ("local", "els-zeros")]
    said = (
        f"by r2 nearly as good ({alike[0]}; ELS {alike[1]}), draws {rival.sum()}, of which {(network & rival).sum()} is"
    )
    assert said in text
    curved = compare(drawn["bent"], drawn["network-150"]).r2.quantile(0.5)
    straight = filtered["trousers, alike"].float() / 127.5 - 1
    plain, unbent = three_legs(straight), compare(straight, drawn["network-150"]).r2.quantile(0.5)
    assert plain.sum() == blind.sum() and (network & plain).sum() == (network & blind).sum()
    said = f"equivariant filter, bent ({curved:.2f}) or not ({unbent:.2f}) and as blind to its place as ELS, draws"
    assert f"{said} {blind.sum()}, of which {(network & blind).sum()} are the network's:" in text


def test_the_measured_page_states_who_foretells_lopsided_sleeves() -> None:
    """By the r2 of each drawing with its mirror image, the best of shifts by up to four pixels, as in lesson 12."""
    legs, bent = els.load_results("12_legs"), els.load_results("12_bent")

    def mirror(images: Tensor) -> Tensor:
        return torch.stack([compare(images.flip(-1).roll(s, -1), images).r2 for s in range(-4, 5)]).amax(0)

    data = els.lab("laptop", network="fashion-mnist-16-resnet-zeros-conditional", verbose=False).data
    assert data.labels is not None
    said: dict[str, list[str]] = {"alike": [], "ELS": []}
    lopsided, first, limit = [], [], torch.tensor(0.0)
    for garment, label in {"pullover": 2, "shirt": 6, "trousers": 1}.items():
        network, real = mirror(legs[f"{garment}.network-150"].float()), data.images[data.labels == label]
        limit = mirror(real).quantile(0.05)
        found = {
            "alike": mirror(bent[f"{garment}, alike"].float()),
            "ELS": mirror(legs[f"{garment}.els-zeros"].float()),
        }
        many, ours, theirs = (int((some < limit).sum()) for some in (*found.values(), network))
        lopsided.append(f"{many} of {len(network)} {garment.rstrip('s')}s")
        lopsided[-1] += f" lopsided (ELS {ours}, the network {theirs})" if garment == "pullover" else ""
        lopsided[-1] += f" (ELS {ours}, the network {theirs})" if garment == "trousers" else ""
        for name, values in found.items():
            said[name].append(f"{torch.stack([values, network]).corrcoef()[0, 1]:.2f}")
            if garment == "pullover":
                first.append(int((network < limit)[values.argsort(stable=True)[:theirs]].sum()))
    text = said_on("book/measured.md")
    shares = [*said["alike"][:2], *said["ELS"][:2]]
    assert "correlation {}, shirts {}; ELS {} and {})".format(*shares) in text
    assert "pullovers, {} are among its 35 most lopsided, {} among those of ELS,".format(*first) in text
    assert f"it draws {lopsided[0]}, {lopsided[2]}" in text
    els_, late = (legs[f"trousers.{name}"][:100].float() / 127.5 - 1 for name in ("els-zeros", "els-13-below-0.4"))
    mixed = 0.6 * els_ + 0.4 * data.images[data.labels == 1].mean(0)
    left, usual, also = (int((mirror(some) < limit).sum()) for some in (mixed, els_, late))
    assert f"ELS has {left} lopsided of 100 trousers instead of {usual}, just as with a view" in text and also == left


def test_the_measured_page_states_what_was_found_on_emoji() -> None:
    stored, emoji = els.load_results("emoji-24-resnet-zeros-conditional"), els.load("emoji", size=24)
    assert emoji.labels is not None
    seeds = torch.arange(100) % len(emoji.class_names)
    means = torch.stack([emoji.images[emoji.labels == label].mean(0) for label in seeds])
    names = ("is", "wiener", "ls", "equivariant-filter", "els-zeros")
    drawings = {name: stored[name].clamp(-1, 1) for name in names}
    drawings["bent"] = els.load_results("17_bent")["drawn"].float() / 127.5 - 1
    predictions = [means, *(drawings[name] for name in (*names[:4], "bent", "els-zeros"))]

    row = " | ".join(f"{compare(some, stored['network-150']).r2.quantile(0.5):.2f}" for some in predictions)
    text = said_on("book/measured.md")
    assert f"| emoji, r2 | {row} |" in text
    drawings["network-150"] = stored["network-150"]
    kinds = ("els-zeros", "network-150", "equivariant-filter", "bent")
    white = [f"{(drawings[kind].amin(1) >= 0.95).float().mean():.2f}" for kind in kinds]
    seen = "(though one sees it: {} of ELS's pixels are white, of the network's {}, of the filter's {}, bent {})"
    assert seen.format(*white) in " ".join(text.split())

    recoloured, own = els.load_results("17_colour"), torch.arange(100)[:, None] % 3 == torch.arange(3)
    before = {"network-150": stored["network-150"], "els-zeros": stored["els-zeros"]}
    before |= {"local": stored["equivariant-filter"], "bent": drawings["bent"]}
    after = {name: recoloured[f"recoloured, {name}"] for name in ("network-150", "els-zeros")}
    after["local"] = els.load_results("17_local_filter")["recoloured"]
    after["bent"] = els.load_results("17_bent")["recoloured"]
    change = {name: after[name].float() / 127.5 - 1 - before[name].clamp(-1, 1) for name in before}

    def foretold(guess: Tensor, where: Tensor) -> str:
        truth, where = change["network-150"], where[:, :, None, None]
        left = ((truth - guess) * where).square().sum((1, 2, 3)) / (truth * where).square().sum((1, 2, 3))
        return f"{(1 - left).quantile(0.5):.2f}"

    there = [foretold(change[name], ~own) for name in ("els-zeros", "local", "bent")]
    whole = [foretold(change[name], own | ~own) for name in ("els-zeros", "local", "bent")]
    ours, straight, bent = there
    assert (
        f"ELS foretells {ours}, three separate machines nothing, **the straight filter {straight}**, bent {bent};"
        in text
    )
    assert f"of the whole change ELS {whole[0]}, the straight filter {whole[1]}, bent {whole[2]}." in text
    late = els.load_results("17_last_step")  # ELS with one pixel in its last step
    lax = (late["recoloured"].float() - late["drawn, emoji-24-resnet-zeros-conditional"].float()) / 127.5
    lax_foretells = foretold(lax, own | ~own)
    said = "the filter also foretells more of what changes when one colour of the noise is exchanged (lesson 17)."
    assert said in said_on("README.md") and whole[2] > max(whole[0], lax_foretells)
    assert f"lets it foretell {lax_foretells} of an exchanged colour instead of {whole[0]} (bent {whole[2]})" in text


def test_the_measured_page_states_how_much_another_word_changes() -> None:
    results = els.load_results("17_colour")
    drawn = [results[f"as others, {name}"] for name in ("network-150", "els-zeros")]
    controls = els.load_results("17_controls")
    bent = els.load_results("17_bent")["as others"]
    drawn = [some.float() / 127.5 - 1 for some in (*drawn, controls["filter"], bent, controls["shuffled"])]
    pairs = [*itertools.combinations(range(drawn[0].shape[1]), 2)]
    changes = [torch.stack([some[:, b] - some[:, a] for a, b in pairs]).flatten(2) for some in drawn]  # (28, noises, n)
    shuffled = (changes[4].norm(dim=2) / changes[0][:, : changes[4].shape[1]].norm(dim=2)).quantile(0.5)
    new, said, linear, curved = (some.flatten(0, 1) for some in changes[:4])  # pairs outside, noises inside
    noises = changes[0].shape[1]

    def part_by_halves(truth: Tensor, guess: Tensor) -> float:
        """In the median, if each half of the noises takes the factor that is best for the other half."""
        first = (torch.arange(len(truth)) % noises) < noises // 2
        error = {k: 1 - (truth - k * guess).square().sum(1) / truth.square().sum(1) for k in torch.arange(2, 21) / 20}
        best = [max(error.values(), key=lambda told, half=half: told[half].quantile(0.5)) for half in (~first, first)]
        return torch.where(first, best[0], best[1]).quantile(0.5).item()

    def foretold(guess: Tensor) -> str:
        return f"{(1 - (new - guess).square().sum(1) / new.square().sum(1)).quantile(0.5):.2f}"

    alike, straight = (torch.cosine_similarity(new, some) for some in (said, linear))
    assert (alike > 0).all() and (straight > 0).all()
    text = said_on("book/measured.md")
    cosines = f"{straight.quantile(0.5):.2f} and {alike.quantile(0.5):.2f}"
    assert f"in all of {len(alike)} cases (cosine {cosines} in the median)" in text
    times = f"{(said.norm(dim=1) / new.norm(dim=1)).quantile(0.5):.1f}"
    smaller = [part_by_halves(new, some) for some in (said, curved)]
    plain = f"is {times} times as large as the network's, {foretold(said)}"
    assert f"{plain}, made smaller in the same way {smaller[0]:.2f} (the bent filter's {smaller[1]:.2f})" in text
    assert f"**the straight filter foretells {foretold(linear)}**, bent {foretold(curved)};" in text
    assert f"The bent filter has cosine {torch.cosine_similarity(new, curved).quantile(0.5):.2f}, and" in text
    assert f"ELS still changes {shuffled:.1f} times as much" in text
    assert float(foretold(linear)) > float(foretold(said / 2)), (
        "the filter foretells more, as README.md says of all colour"
    )


def test_the_measured_page_states_what_foretells_the_circular_network() -> None:
    """The rivals of lesson 07, from the stored drawings."""
    stored = els.load_results("fashion-mnist-16-resnet-circular")
    network = stored["network-150"]
    drawn = {"ES": els.load_results("07_els")["es"], "ELS": stored["els-circular"]}
    drawn |= {"filter": stored["equivariant-filter"]}
    r2 = {name: f"{compare(some, network).r2.quantile(0.5):.2f}" for name, some in drawn.items()}
    text = said_on("book/measured.md")
    assert f"| the whole picture | {r2['ES']} (ES) |" in text
    assert f"| ELS's windows | {r2['ELS']} (ELS) | {r2['filter']} |" in text
    quick = compare(drawn["ELS"], stored["network-20"]).r2.quantile(0.5)
    assert f"If the network, too, takes 20 steps, ELS has {quick:.3f} and that filter" in text


def test_the_measured_page_states_what_foretells_a_network_of_ten_pictures() -> None:
    """At the six ages of lesson 14: the best of six curves of windows, and other pictures; and when the loss turns."""
    stored = els.load_results("14_memory")
    text, steps = said_on("book/measured.md"), [500 * 2**k for k in range(6)]
    drawings = {
        who: [stored[f"{who}, 10 pictures, {step} steps"].float() / 127.5 - 1 for step in steps]
        for who in ("els-zeros", "network")
    }
    r2 = [
        [compare(ours, theirs).r2.quantile(0.5).item() for theirs in drawings["network"]]
        for ours in drawings["els-zeros"]
    ]
    best = [f"{max(of_age):.2f}" for of_age in zip(*r2, strict=True)]
    assert f"ELS has {', '.join(best[:-1])} and {best[-1]}, the bent filter" in text
    images, windows = els.load("fashion-mnist", size=16, n=60).images, stored["patch sizes, 10 pictures, 16000 steps"]
    curve = list(zip(els.CosineSchedule().times(20), windows.tolist(), strict=False))
    noise = els.seeded_noise(range(100), images.shape[1:])
    others = [els.EquivariantLocalScoreMachine(images[k : k + 10], patch_size=curve) for k in range(10, 60, 10)]
    drawn = [compare(els.sample(machine, noise, steps=20), drawings["network"][-1]).r2 for machine in others]
    far = sum(r2.quantile(0.5).item() for r2 in drawn) / len(drawn)
    assert f"and {r2[-1][-1] - far:.2f} (at the end {r2[-1][-1]:.2f}, the others on average {far:.2f})" in text
    for n in (5, 10, 20):
        training = [100 * n * 2**k // 2 for k in range(6)]
        new = [stored[f"losses on new pictures, {n} pictures, {step} steps"][:, 0].mean() for step in training]
        assert new.index(min(new)) == 1, "turned after 100 steps for each picture"
    rate = els.load_results("14_rate")
    tables = [rate[f"steps, own loss, new loss, {n} pictures"] for n in (5, 10, 20)]
    turns = [int(table[table[:, 2].argmin(), 0]) for table in tables]
    assert f"turned after {turns[0]}, {turns[1]} and {turns[2]} steps" in text


def test_the_measured_page_states_what_decides_a_drawing() -> None:
    """The numbers of lesson 15, from its stored drawings and those of the bent filters."""
    stored, bent = els.load_results("15_exchange"), els.load_results("15_bent")
    names = {"A1": "2000-pictures-seed-1", "A2": "2000-pictures-seed-2", "UNet A1": "unet-2000-pictures-seed-1"}
    names |= {f"{key[:-2]}B{key[-1]}": name.replace("pictures", "other-pictures") for key, name in names.items()}
    kinds = {"network-150": stored, "els-zeros": stored, "local": bent}
    drawn: dict[str, list[Tensor]] = {
        key: [kept[f"{kind}, {name}"].float() / 127.5 - 1 for kind, kept in kinds.items()]
        for key, name in names.items()
    }
    for key, name in {"A0": "resnet-zeros", "UNet A0": "unet-zeros", "circular": "resnet-circular"}.items():
        run_, border = els.load_results(f"fashion-mnist-16-{name}"), name.partition("-")[2]
        drawn[key] = [run_[kind] for kind in ("network-150", f"els-{border}")]
        local = bent.get(f"local, fashion-mnist-16-{name}")
        drawn[key] += [] if local is None else [local.float() / 127.5 - 1]

    def span(values: Sequence[Tensor]) -> str:
        low, high = (f"{value:.2f}" for value in (min(values), max(values)))
        return low if low == high else f"{low} to {high}"

    groups = {
        "only its pictures: 2,000 others (three pairs)": "A1 B1, A2 B2, UNet A1 UNet B1",
        "only the seed of its training (five pairs)": "A0 A1, A0 A2, A1 A2, B1 B2, UNet A0 UNet A1",
        "its architecture: a UNet": "A0 UNet A0, A1 UNet A1, B1 UNet B1",
        "its border: circular": "A0 circular",
    }
    text = said_on("book/measured.md")
    columns, changes = {}, {}
    for what, listed in groups.items():
        pairs = [re.findall(r"(?:UNet )?[AB]\d|circular", pair) for pair in listed.split(", ")]
        both = [list(zip(drawn[a], drawn[b], strict=False)) for a, b in pairs]  # the border has no local filter
        alike = [[compare(x, y).r2.quantile(0.5) for x, y in pair] for pair in both]
        columns[what] = [*zip(*alike, strict=True)]
        assert f"| {what} | {span(columns[what][0])} | {span(columns[what][1])} |" in text
        apart = [[x - y for x, y in pair] for pair in both]
        by_pair = [[compare(guess, change).r.quantile(0.5) for guess in guesses] for change, *guesses in apart]
        changes[what] = [*zip(*by_pair, strict=True)]
    pictures, seed, architecture, border = groups
    assert max(max(some) for what in (pictures, seed) for some in changes[what]) < 0.2 and "(r below 0.2)" in text
    votes, local_r = changes[architecture]
    assert f"of networks and of ELS, have r {span(votes)} and {changes[border][0][0]:.2f}." in text
    assert f"draws (r2 {span(columns[architecture][2])}; r at most {max(local_r):.2f})" in text
    change = drawn["A0"][0] - drawn["circular"][0]
    kinds_of_border = (f"equivariant, fashion-mnist-16-resnet-{border}" for border in ("zeros", "circular"))
    zeros, circular = (bent[kind].float() / 127.5 - 1 for kind in kinds_of_border)
    guesses = zeros - circular, change.mean(0).expand_as(change)
    alike_r, mean_r = (compare(guess, change).r.quantile(0.5) for guess in guesses)
    assert f"treat all places alike have r {alike_r:.2f}, the mean change {mean_r:.2f}." in text
    least = min(columns[pictures][0])
    assert f"draw nearly the same from the same noise (r2 {least:.2f})" in said_on("README.md")
    floor = compare(drawn["A0"][0], drawn["A0"][0].roll(1, 0)).r2.quantile(0.5)
    assert f"from different noises have {floor:.2f}." in text
    assert f"bent filters do, too ({span(columns[pictures][2])})" in text


def test_readme_and_the_measured_page_state_how_much_of_an_exchange_is_foretold() -> None:
    """The numbers of lesson 16, from its stored drawings, the strongest rival with them."""
    results, filtered = els.load_results("16_what_if"), els.load_results("16_bent")
    second = els.load_results("16_second")
    kinds = ("resnet-zeros-conditional", "resnet-zeros", "unet-zeros", "resnet-circular")
    parts: dict[str, dict[str, str]] = {}
    ahead: dict[str, int] = {}
    below: dict[str, int] = {}
    for kind in kinds:
        name = f"fashion-mnist-16-{kind}"
        stored, score = els.load_results(name), {}
        after = {key: results[f"exchanged, {name}, {key}"].float() / 127.5 - 1 for key in ("is", "wiener", "ls")}
        for who, key in (("els", f"els-{kind.split('-')[1]}"), ("network", "network-150")):
            after[who] = results[f"exchanged, {name}, {key}"].float() / 127.5 - 1
            stored[who] = stored[key]
        after["bent"] = filtered[f"exchanged, {name}"].float() / 127.5 - 1
        stored["bent"] = second[f"drawn, {name}, bent"].float() / 127.5 - 1
        change = {who: some - stored[who].clamp(-1, 1) for who, some in after.items()}
        truth = change.pop("network")
        for who, guess in change.items():
            score[who] = 1 - (truth - guess).square().sum((1, 2, 3)) / truth.square().sum((1, 2, 3))
        parts[kind] = {who: f"{some.quantile(0.5):.2f}" for who, some in score.items()}
        ahead[kind] = int((score["els"] > score["bent"]).sum())
        below[kind] = int((score["els"] < 0).sum())
    measured, readme = said_on("book/measured.md"), said_on("README.md")
    one, two, three, four = (parts[kind] for kind in kinds)
    row = " | ".join(one[who] for who in ("is", "wiener", "ls", "bent", "els"))
    assert f"| the change, foretold | 0 | {row} |" in measured
    assert f"ELS foretells more for {ahead[kinds[0]]} of 100 seeds" in measured
    assert f"{two['els']} to {two['bent']} ({ahead[kinds[1]]} of 100, the first ResNet)" in measured
    assert f"{three['els']} to {three['bent']} ({ahead[kinds[2]]}, UNet)" in measured
    assert f"{four['els']} to {four['bent']} ({ahead[kinds[3]]}, circular, one filter for all pixels)" in measured
    assert (
        f"For {below[kinds[0]]} of 100 seeds with the network of the table (UNet {below[kinds[2]]}) it would have been "
        "better to say nothing" in measured
    )
    assert f"told the class, the formula foretells {one['els']} (1 would be all of it" in readme
    assert float(one["is"]) < 0 and "the ideal denoiser less than 0." in readme
    assert f"and foretells {one['bent']} of that exchange." in readme
    assert f"the formula foretells {two['els']} with our first network" in readme


def test_the_measured_page_states_what_other_noises_give() -> None:
    """The tables of before and now: r2 of six networks, exchanges of four; and what no lesson prints."""
    fresh, bent, exchanged = (els.load_results(name) for name in ("11_new_noises", "11_bent", "16_what_if"))
    filtered, second, text = els.load_results("16_bent"), els.load_results("16_second"), said_on("book/measured.md")

    def median(some: Tensor) -> str:
        return f"{some.quantile(0.5):.2f}"

    def median3(some: Tensor) -> str:
        return f"{some.quantile(0.5):.3f}"

    def row(label: str, before: list[Tensor], now: list[Tensor], ours: int, rival: int) -> str:
        cells = [f"{median(a)}&nbsp;/&nbsp;{median(b)}" for a, b in zip(before, now, strict=True)]
        ahead = [int((some[ours] > some[rival]).sum()) for some in (before, now)]
        return f"| {label} | {' | '.join(cells)} | {ahead[0]}&nbsp;/&nbsp;{ahead[1]} |"

    straight = {"the first ResNet": ("fashion-mnist-16-resnet-zeros", "local-filter")}
    straight["told the class"] = "fashion-mnist-16-resnet-zeros-conditional", "local-filter"
    straight["UNet"] = "fashion-mnist-16-unet-zeros", "wiener"
    straight["circular"] = "fashion-mnist-16-resnet-circular", "equivariant-filter"
    straight["28 x 28, told the class"] = "fashion-mnist-28-resnet-zeros-conditional", "equivariant-filter"
    straight["emoji, told the group"] = "emoji-24-resnet-zeros-conditional", "equivariant-filter"
    for label, (name, kind) in straight.items():
        stored, own = els.load_results(name), "els-circular" if "circular" in name else "els-zeros"
        who = ("is", "ls", kind, own)
        before = [compare(stored[one].clamp(-1, 1), stored["network-150"]).r2 for one in who]
        before.insert(3, bent[f"{name}, {kind}"])
        now = [fresh[f"{one}, {name}"] for one in (*who[:3], "bent wiener" if kind == "wiener" else "bent", own)]
        assert row(label, before, now, 4, 3) in text
        if "16" not in name:
            continue
        drawn = {one: stored[one].clamp(-1, 1) for one in ("network-150", own, "ls", "is")}
        drawn["bent"] = second[f"drawn, {name}, bent"].float() / 127.5 - 1
        after = {one: exchanged[f"exchanged, {name}, {one}"] for one in drawn if one != "bent"}
        after["bent"] = filtered[f"exchanged, {name}"]
        change = {one: some.float() / 127.5 - 1 - drawn[one] for one, some in after.items()}
        truth = change["network-150"]
        told = {one: 1 - (truth - some).square().sum((1, 2, 3)) / truth.square().sum((1, 2, 3))
                for one, some in change.items()}  # fmt: skip
        order = (own, "bent", "ls", "is")
        now = [fresh[f"{one}, {name}, exchanged"] for one in order]
        assert row(label, [told[one] for one in order], now, 0, 1) in text

    emoji, plain = "emoji-24-resnet-zeros-conditional", "fashion-mnist-16-resnet-zeros"
    colours = [
        fresh[f"{one}, {emoji}, exchanged"] for one in ("els-zeros", "one pixel last", "equivariant-filter", "bent")
    ]
    whole, crossing = ([median(some[part]) for some in colours] for part in (0, 1))
    said = (
        "Of an exchanged colour ELS foretells {}, with one pixel at the last step {}, the straight filter {}, bent {};"
    )
    assert said.format(*whole) in text
    assert "in the two colours left alone {}, {}, {} and {} (in no lesson;".format(*crossing) in text

    def lead(*gaps: Tensor) -> tuple[str, str, int]:
        """The median difference, its interval, and how many are above 0."""
        gap = torch.cat(gaps)
        low, high = bootstrap_interval(gap, torch.Generator().manual_seed(11))
        return f"{gap.quantile(0.5):.3f}", f"{low:.3f} to {high:.3f}".replace("-0.000", "0.000"), int((gap > 0).sum())

    def now(who: str, name: str, more: str = "") -> Tensor:
        return fresh[f"{who}, {name}{more}"]

    before = {name: els.load_results(name) for name in (emoji, plain)}
    then = {name: compare(x["els-zeros"].clamp(-1, 1), x["network-150"]).r2 for name, x in before.items()}
    behind = bent[f"{emoji}, equivariant-filter"] - then[emoji], now("bent", emoji) - now("els-zeros", emoji)
    by, interval, count = lead(*behind)
    assert f"with both hundreds together it is {by}, {interval}, and ELS ahead for {200 - count} of 200." in text
    by, interval, count = lead(now("one pixel last", emoji) - now("bent", emoji))
    assert f"and is ahead of the bent filter for {count} of 100, by {by}, {interval}.)" in text
    gap_20 = [now("els-zeros", plain, ", with network-20") - now("bent", plain, ", with network-20")]
    (by, interval, _), low = lead(*gap_20), bootstrap_interval(gap_20[0], torch.Generator().manual_seed(11))[0]
    assert f"ELS is {by} ahead of the first ResNet's bent filter, with 0 at the edge" in text and abs(low) < 5e-4
    bent_20 = els.load_results("15_bent")[f"local, {plain}"].float() / 127.5 - 1
    ours, rival = (compare(x, before[plain]["network-20"]).r2 for x in (before[plain]["els-zeros"], bent_20))
    both = lead(*gap_20, ours - rival)
    assert f"({interval}); of both hundreds together {both[0]}, {both[1]}. Told the class" in text
    told, ended = "fashion-mnist-16-resnet-zeros-conditional", ", with network-20"
    assert f"(ELS is ahead for {lead(now('els-zeros', told, ended) - now('bent', told, ended))[2]})." in text
    repaired = now("els-zeros", plain, ", with network-20-exact-first").quantile(0.5)
    assert f"With the first step exact ELS has {repaired:.3f} with the first ResNet (in no lesson)." in text
    kinds = [median3(now(who, plain)) for who in ("bent", "wider", "bent equivariant-filter", "17 t")]
    assert (
        "the first network's bent filter has {}, two pixels wider {}, with weights per boundary class {}, and LS with "
        "$17t$ {}.".format(*kinds)
        in text
    )
    unet = "fashion-mnist-16-unet-zeros"
    shaped = (
        median3(now("correlations", unet)),
        median3(els.load_results("10_correlations")[f"r2 seeds 0 to 99, {unet}"][1]),
    )
    assert "LS in windows shaped by correlations: {}, before {})".format(*shaped) in text
    strongest = [("17 t", plain), ("bent", told), ("ls", unet), ("bent, no window", "fashion-mnist-16-resnet-circular")]
    strongest.append(("wider", "fashion-mnist-28-resnet-zeros-conditional"))
    counts = [lead(now("els-circular" if "circular" in name else "els-zeros", name) - now(who, name))[2]
              for who, name in strongest]  # fmt: skip
    assert "for {}, {}, {}, {} and {} of 100 (garments".format(*counts) in text
    blind = now("bent wiener", unet, ", exchanged")
    ahead = lead(now("els-zeros", unet, ", exchanged") - blind)[2]
    assert f"window has {median(blind)} now, and ELS is ahead for {ahead}):" in text


def test_the_measured_page_states_how_lopsided_garments_from_other_noises_are_found() -> None:
    """Lopsided: below the twentieth part of the real garments; found: among as many of the prediction's lowest."""
    fresh, text = els.load_results("11_new_noises"), said_on("book/measured.md")
    real, labels = els.load("fashion-mnist", size=16, n=10_000), {"pullover": 2, "shirt": 6}
    theories = ("els-zeros", "bent-equivariant-filter", "local-filter", "wiener", "is")
    counts, found, chance, with_it = [], {who: [] for who in theories}, [], {who: [] for who in theories}
    leads: list[list[float]] = []
    for garment, label in labels.items():
        some = real.images[real.labels == label]
        mirrored = [compare(some.flip(-1).roll(s, -1), some).r2 for s in range(-4, 5)]
        limit = torch.stack(mirrored).amax(0).quantile(0.05)
        drawn = {who: fresh[f"mirror, {garment}, {who}"].double() for who in ("network-150", *theories)}
        truth = drawn.pop("network-150")
        odd = truth < limit
        counts.append(int(odd.sum()))
        chance.append(f"{counts[-1] ** 2 / len(odd):.0f}")
        for who, values in drawn.items():
            found[who].append(int(odd[values.argsort(stable=True)[: counts[-1]]].sum()))
            with_it[who].append(f"{torch.corrcoef(torch.stack([values, truth]))[0, 1]:.2f}")
        picks = torch.randint(len(odd), (2000, len(odd)), generator=torch.Generator().manual_seed(1))
        gaps = torch.tensor([
            float(torch.corrcoef(torch.stack([drawn[theories[0]][p], truth[p]]))[0, 1])
            - float(torch.corrcoef(torch.stack([drawn[theories[1]][p], truth[p]]))[0, 1])
            for p in picks
        ])  # fmt: skip
        leads.append([gaps.quantile(q).item() for q in (0.5, 0.025)])
    assert "Of 400 other pullovers by the network {} are lopsided, of 400 other shirts {}.".format(*counts) in text
    said = (
        "ELS has {} and {} of these, the equivariant filter, bent, {} and {}, the local filter {} and {}, Wiener {} "
        "and {}, IS {} and {} (by chance {} and {})."
    )
    assert said.format(*(n for who in theories for n in found[who]), *chance) in text
    ours, rival = with_it["els-zeros"], with_it["bent-equivariant-filter"]
    said = "is {} and {} for ELS, {} and {} for the equivariant filter:"
    assert said.format(*ours, *rival) in text
    by, low = zip(*leads, strict=True)
    said = "(by {:.2f} and {:.2f}, the intervals from {:.2f} and {:.2f})"
    assert said.format(*by, *low) in text


def test_the_measured_page_states_where_drawings_are_most_sensitive() -> None:
    """Lesson 16: whose largest change is at the network's block, and whose map of changes is more like its map."""
    places, text = els.load_results("16_places"), said_on("book/measured.md")
    told, plain, circular = (f"fashion-mnist-16-resnet-{kind}" for kind in ("zeros-conditional", "zeros", "circular"))

    def named(who: str, network: str = "") -> int:
        mine, its = (places[f"change, {one}{network}"].argmax(1) for one in (who, "network"))
        return int((mine == its).sum())

    def ahead(ours: str, rival: str, network: str = "") -> int:
        a, b, c = (places[f"change, {one}{network}"].double() for one in (ours, rival, "network"))
        both = [[float(torch.corrcoef(torch.stack([x, z]))[0, 1]) for x, z in zip(some, c, strict=True)]
                for some in (a, b)]  # fmt: skip
        return sum(x > y for x, y in zip(*both, strict=True))

    who = ("els-zeros", "bent-local-filter", "ls", "wiener", "is")
    said = "for {} of 100 seeds, the bent filter for {}, LS for {}, Wiener for {}, IS for {} (by chance 3); its map"
    assert said.format(*map(named, who)) in text
    assert f"correlates better with the network's for {ahead(*who[:2])}." in text
    unet = "fashion-mnist-16-unet-zeros"
    new = [[named(one, f", {network}") for one in ("els", "bent")] for network in (told, plain, unet, circular)]
    said = "ELS names {}, the bent filter {}; for the first ResNet {} and {}, **another network, trained on other "
    said += "pictures, {}**; for the UNet {} and {}; for the circular one {} and {}."
    assert said.format(*new[0], *new[1], named("other-2000-pictures", f", {plain}"), *new[2], *new[3]) in text
    leads = [ahead("els", "bent", f", {network}") for network in (told, plain, unet, circular)]
    assert "ELS's map is ahead for {}, {}, {} and {}.".format(*leads) in text
    its = places[f"change, network, {plain}"].argmax(1)
    ours, rival, agreed = (
        places[f"change, {who}, {plain}"].argmax(1) == its for who in ("els", "bent", "other-2000-pictures")
    )
    both = [int((agreed & some).sum()) for some in (ours, rival)]
    said = f"Of the {agreed.sum()} blocks on which two trainings agree, ELS names {{}}, the bent filter {{}} ("
    assert said.format(*both) in text
    said = "of 36 blocks it names the first network's for {} of 100 drawings, the filter for {}, another network, "
    said += f"trained on other pictures, for {agreed.sum()} (lesson 16)"
    assert said.format(*new[1]) in said_on("README.md")


def test_the_measured_page_states_what_a_linear_filter_does_as_well() -> None:
    """The controls of lesson 16: turns, also of a second network, the mean of eight, wishes, third legs."""
    kind = "fashion-mnist-16-resnet-zeros-conditional"
    text = said_on("book/measured.md")
    results, controls = els.load_results("16_what_if"), els.load_results("16_controls")

    def after_90(drawn: dict[str, torch.Tensor]) -> tuple[list[str], int]:
        """ELS and the bent filter: what they foretell, and on how many ways ELS is ahead."""
        change = {who: (some[:, -1].float() - some[:, 0].float()) / 127.5 for who, some in drawn.items()}
        truth = change.pop("network-150")
        one, two = (
            1 - (truth - some).square().sum((1, 2, 3)) / truth.square().sum((1, 2, 3)) for some in change.values()
        )
        return [f"{some.quantile(0.5):.2f}" for some in (one, two)], int((one > two).sum())

    told = {who: results[f"turned, {kind}, {who}"] for who in ("network-150", "els-zeros")}
    (one, two), ways = after_90(told | {"bent": els.load_results("16_bent")[f"turned, {kind}"]})
    said = (
        f"by 90 degrees, ELS foretells {one}, the bent filter {two}, which is level "
        f"(ELS is ahead on {ways} of 20 paths)"
    )
    assert said in text
    second, plain = els.load_results("16_second"), "fashion-mnist-16-resnet-zeros"
    untold = {who: second[f"turned, {plain}, {who}"] for who in ("network-150", "els-zeros", "bent")}
    (one, two), ways = after_90(untold)
    assert f"at 90 degrees it is ahead ({one} to {two}, on {ways} of 20 paths)" in text
    drawn = els.load_results(kind)
    truth = results[f"exchanged, {kind}, network-150"].float() / 127.5 - 1 - drawn["network-150"].clamp(-1, 1)
    near = results[f"nearby, {kind}, els-zeros"].float() / 127.5
    left = (truth - (near[1] - near[0])).square().sum((1, 2, 3)) / truth.square().sum((1, 2, 3))
    assert f"its mean over eight noises nearby {(1 - left).quantile(0.5):.2f}." in text
    alone, mean = (compare(some.clamp(-1, 1), drawn["network-150"]) for some in (drawn["els-zeros"], near[0] - 1))
    one, many = (f"{some.r2.quantile(0.5):.2f}" for some in (alone, mean))
    assert f"where the class is told {one} becomes {many} (in no lesson)" in text
    wished = {who: results[f"wished, {kind}, {who}"].float() / 127.5 - 1 for who in ("network-150", "els-zeros")}
    wished["filter"] = controls["wished, equivariant"].float() / 127.5 - 1
    lively = {who: some[:, 1:].diff(dim=-1).abs().mean((-1, -2, -3)) for who, some in wished.items()}
    truth, worth = lively.pop("network-150"), {}
    for who, some in lively.items():
        given = truth.gather(1, some.argmax(1, keepdim=True))[:, 0] - truth.mean(1)
        worth[who] = f"{(given / (truth.amax(1) - truth.mean(1))).mean():.2f}"
    assert f"as good as ELS ({worth['filter']} and {worth['els-zeros']} of what is possible)" in text
    legs = {who: results[f"repaired, {kind}, {who}"] for who in ("network-150", "els-zeros")}
    legs["filter"] = controls["repaired, equivariant"]
    below = {who: torch.nn.functional.pad(some[:, 1:, 0, 8:] > 127, (1, 0)).int() for who, some in legs.items()}
    third = {who: (some.diff(dim=-1) == 1).sum(-1).amax(-1) >= 3 for who, some in below.items()}
    cured = ~third.pop("network-150")
    share = {who: round(100 * cured[some].float().mean().item()) for who, some in third.items()}
    every = round(100 * cured.float().mean().item())
    said = f"{share['filter']} % of the network's are sound, where ELS does {share['els-zeros']} %, after all exchanges"
    assert f"where it draws one itself, {said} {every} %." in text


def test_readme_and_the_measured_page_state_where_the_formula_ends() -> None:
    """The numbers of lesson 18, from its stored drawings."""
    filtered = els.load_results("18_bent")
    results = els.load_results("18_edges") | {"noisy, bent": filtered["noisy"]}
    results |= {f"guided, bent, {w}": filtered[f"guided, {w}"] for w in (1, 2, 3, 4)}
    for name in [name for name in filtered if name.startswith(("drawn", "exchanged"))]:
        results[f"{name}, bent"] = filtered[name]

    def drawn(key: str) -> Tensor:
        return results[key].float() / 127.5 - 1

    def r2(guess: str, truth: str) -> str:
        return f"{els.compare(drawn(guess), drawn(truth)).r2.quantile(0.5):.2f}"

    def part(change: Tensor, guess: Tensor, whole: bool = True) -> Tensor:
        """What is foretold of each change; of the guess made smaller by what is best for the other seeds."""
        both, own = (change * guess).sum((1, 2, 3)), guess.square().sum((1, 2, 3))
        factor = torch.ones(len(change)) if whole else (both.sum() - both) / (own.sum() - own)
        left = (change - factor.view(-1, 1, 1, 1) * guess).square().sum((1, 2, 3))
        return 1 - left / change.square().sum((1, 2, 3))

    def median(scores: Tensor) -> str:
        return f"{scores.quantile(0.5):.2f}"

    def ahead(ours: Tensor, *theirs: Tensor) -> int:
        return min(int((ours > rival).sum()) for rival in theirs)

    measured, readme = said_on("book/measured.md"), said_on("README.md")

    def with_noise(machine: str) -> str:
        pairs = zip(drawn(f"noisy, {machine}"), drawn("noisy, network"), strict=True)
        return " and ".join(f"{els.compare(ours, theirs).r2.quantile(0.5):.2f}" for ours, theirs in pairs)

    in_20 = [
        els.compare(drawn(f"guided, {who}, 1"), drawn("guided in 20 steps, network, 1")).r2 for who in ("els", "bent")
    ]

    truth, guesses = drawn("noisy, network"), [drawn(f"noisy, {who}") for who in ("els", "bent")]
    ours, bent = ([els.compare(some[k], truth[k]).r2 for k in (0, 1)] for some in guesses)
    lead = " and ".join(str(ahead(*pair)) for pair in zip(ours, bent, strict=True))
    assert (
        f"r2 of ELS {with_noise('els')}, of LS {with_noise('ls')}, of the bent filter {with_noise('bent')}" in measured
    )
    said = f"(ELS is ahead of it for {lead} of 100 seeds; without fresh noise, network and formulas in 20 steps, for "
    assert f"{said}{ahead(*in_20)})" in measured
    labels = els.lab("laptop", network="fashion-mnist-16-resnet-zeros-conditional", verbose=False).labels_for(
        range(100)
    )
    i, j = zip(*(p for p in itertools.permutations(range(100), 2) if labels[p[0]] == labels[p[1]]), strict=True)
    strangers, twins = els.compare(truth[0][list(i)], truth[1][list(j)]).r2, els.compare(*truth).r2
    assert median(strangers) == median(twins) and f"than two of a class ({median(twins)})" in measured
    scores = {
        who: [els.compare(drawn(f"guided, {who}, {w}"), drawn(f"guided, network, {w}")).r2 for w in (2, 3, 4)]
        for who in ("els", "ls", "bent")
    }
    few = drawn("guided in 20 steps, network, 3") - drawn("guided in 20 steps, network, 1")
    pushed = {who: drawn(f"guided, {who}, 3") - drawn(f"guided, {who}, 1") for who in ("network", "els", "ls", "bent")}
    told = [part(pushed["network"], pushed[who], whole=False) for who in ("els", "ls", "bent")]
    one, two, three = map(median, told)
    assert f"ELS foretells {one}, LS {two}, the bent filter {three} (" in measured
    plain = [part(pushed["network"], pushed[who]) for who in ("els", "ls", "bent")]
    as_they_are = f"as they are, ELS {median(plain[0])}, LS {median(plain[1])}, ahead for {ahead(*plain)})"
    assert f"chosen on other seeds; ELS ahead for {ahead(*told)}; {as_they_are}" in measured
    told = [part(few, pushed[who], whole=False) for who in ("els", "ls", "bent")]
    assert f"takes 20 steps, {', '.join(map(median, told))} ({ahead(*told)})" in measured
    calm, guided = (r2(f"guided in 20 steps, network, {w}", f"guided, network, {w}") for w in (1, 3))
    assert f"r2 {calm} without guidance, {guided} at strength 3" in measured
    another = r2("guided away from another, network, 3", "guided, network, 3")
    assert f"With another untold network the drawings are nearly the same ({another}; in no lesson)" in measured

    rows = {
        "resnet-16000-steps": "the same, trained for 16,000 steps instead of 8,000",
        "attention-unet": "UNet with attention where it is coarse, as usual {cite}`ho2020`",
        "attention-resnet-16000-steps": "ResNet with one layer of attention in the middle, 16,000 steps",
        "transformer": "small transformer {cite}`peebles2023`, 8,000 steps",
        "transformer-16000-steps": "the same, 16,000 steps",
        "resnet-32000-steps": "the same, trained for 32,000 steps",
    }
    of_exchange, changes = {}, {}

    def columns(drawings: list[Tensor], told: list[Tensor]) -> str:
        """Medians of r2 and of what is foretold, and for how many seeds ELS, the first, is ahead of the others."""
        return " | ".join(f"{', '.join(map(median, some))} | {ahead(*some)}" for some in (drawings, told))

    for network, name in rows.items():
        before = {who: drawn(f"drawn, {network}, {who}") for who in ("network", "els", "ls", "bent")}
        change = {who: drawn(f"exchanged, {network}, {who}") - some for who, some in before.items()}
        drawings = [els.compare(before[who], before["network"]).r2 for who in ("els", "ls", "bent")]
        told = [part(change["network"], change[who]) for who in ("els", "ls", "bent")]
        of_exchange[network], changes[network] = told[0], change
        assert f"| {name} | {columns(drawings, told)} |" in measured, name
    second, bent_after, what_if = (els.load_results(f"16_{part_of}") for part_of in ("second", "bent", "what_if"))
    keys = {"network": "network-150", "els": "els-zeros", "ls": "ls"}
    for architecture, name in (("ResNet", "the first ResNet"), ("UNet", "UNet")):
        network = f"fashion-mnist-16-{architecture.lower()}-zeros"
        before = {who: els.load_results(network)[key].clamp(-1, 1) for who, key in keys.items()}
        before["bent"] = second[f"drawn, {network}, bent"].float() / 127.5 - 1
        after = {who: what_if[f"exchanged, {network}, {key}"] for who, key in keys.items()}
        after["bent"] = bent_after[f"exchanged, {network}"]
        change = {who: some.float() / 127.5 - 1 - before[who] for who, some in after.items()}
        drawings = [els.compare(before[who], before["network"]).r2 for who in ("els", "ls", "bent")]
        told = [part(change["network"], change[who]) for who in ("els", "ls", "bent")]
        assert f"| {name} (lesson 16) | {columns(drawings, told)} |" in measured, network
        if architecture == "ResNet":
            first_has = median(told[0])
    latest = "resnet-32000-steps"
    late = ("resnet-16000-steps", "attention-resnet-16000-steps", "transformer-16000-steps")
    told_garments = els.lab("laptop", network="fashion-mnist-16-resnet-zeros-conditional", verbose=False).data
    assert told_garments.labels is not None
    means = torch.stack([told_garments.images[told_garments.labels == label].mean(0) for label in labels])
    of_mean = [els.compare(means, drawn(f"guided, network, {w}")).r2 for w in (1, 2, 3, 4)]
    of_els = [els.compare(drawn(f"guided, els, {w}"), drawn(f"guided, network, {w}")).r2 for w in (1, 2, 3, 4)]
    for w, *some, mean in zip((2, 3, 4), *scores.values(), of_mean[1:], strict=True):
        row = f"| {w} | {' | '.join(map(median, (*some, mean)))} | {ahead(*some)}{' of 100' if w == 2 else ''} |"
        assert row in measured, row
    skill = [median(1 - (1 - ours) / (1 - mean)) for ours, mean in zip(of_els, of_mean, strict=True)]
    assert skill == sorted(skill, reverse=True) and "The harder a class is pushed, the less it follows." in readme
    with_attention = [of_exchange[name] for name in rows if name not in (late[0], latest)]
    for network in ("attention-resnet", "attention-resnet-seed-1"):  # after 8,000 steps, in two trainings
        each = [drawn(f"exchanged, {network}, {who}") - drawn(f"drawn, {network}, {who}") for who in ("network", "els")]
        with_attention.append(part(*each))
    high = max(map(median, with_attention))
    twice, four = (median(of_exchange[name]) for name in (late[0], latest))
    said = "less once that is trained for longer, and less with networks that have attention."
    assert said in readme and len(with_attention) == 6 and max(twice, four, high) < first_has
    whole = [median(of_exchange[name]) for name in (late[1], late[0])]
    small = [median(part(changes[n]["network"], changes[n]["els"], whole=False)) for n in (late[1], late[0])]
    assert f"{whole[0]}, without it {whole[1]}; with each change made smaller {small[0]} and {small[1]}" in measured

    what_if = els.load_results("16_what_if")
    resnet, unet_drawings = (els.load_results(f"fashion-mnist-16-{kind}-zeros") for kind in ("resnet", "unet"))
    first = {who: resnet[key].clamp(-1, 1) for who, key in (("network", "network-150"), ("els", "els-zeros"))}
    shift = {
        who: what_if[f"exchanged, fashion-mnist-16-resnet-zeros, {key}"].float() / 127.5 - 1 - first[who]
        for who, key in (("network", "network-150"), ("els", "els-zeros"))
    }
    before = els.compare(first["els"], first["network"]).r2
    later = [els.compare(drawn(f"drawn, {n}, els"), drawn(f"drawn, {n}, network")).r2 for n in (late[0], latest)]
    foretold = median(part(shift["network"], shift["els"]))
    assert f"foretells {foretold} with our first network" in readme
    assert f"32,000 steps {foretold}, {twice} and {four} are foretold of an exchange, r2 is " in measured
    assert f"r2 is {median(before)}, {median(later[0])} and {median(later[1])}. Its loss" in measured
    again = (f"network-150, 2000-pictures-seed-{seed}" for seed in (1, 2))
    twins = [first["network"], *(els.load_results("15_exchange")[key].float() / 127.5 - 1 for key in again)]
    ceiling = torch.stack([els.compare(*pair).r for pair in itertools.combinations(twins, 2)]).mean(0)
    assert f"it has {median(before)}; a perfect theory could have {median(ceiling)}." in readme
    longer = ("fashion-mnist-16-resnet-zeros", late[0], latest)
    far = [round(100 * results[f"exchanged once, {name}"][2].item()) for name in longer]
    said = f"{far[0]}, {far[1]} and {far[2]} % of the squared change in one answer lie 5 pixels or more from the block"
    assert said in measured
    losses = ", ".join(f"{results[f'losses, {name}'].mean(1)[1]:.3f}" for name in longer)
    assert f"falls all the way ({losses}), and it copies none" in measured

    trained_again = els.load_results("15_exchange")["network-150, unet-2000-pictures-seed-1"].float() / 127.5 - 1
    near, itself = (
        median(els.compare(some, unet_drawings["network-150"].clamp(-1, 1)).r2)
        for some in (drawn("drawn, attention-unet, network"), trained_again)
    )
    assert f"to the one without ({near}) as that is to itself, trained again ({itself})" in measured


def test_the_page_on_the_paper_states_the_shipped_numbers() -> None:
    text = said_on("book/paper.md")
    said = {}
    for side, machine, what in itertools.product((16, 28), ("els-zeros", "is"), ("r", "r2")):
        said[side, machine, what] = " / ".join(
            f"{reached(f'fashion-mnist-{side}-resnet-zeros-conditional', machine, steps, what):.2f}"[1:]
            for steps in (150, 20)
        )
    for side, what in itertools.product((16, 28), ("r", "r2")):
        assert f"| ours, {side}x{side}, {what} | {said[side, 'els-zeros', what]} | {said[side, 'is', what]} |" in text
    ours, ideal = (
        " / ".join(f"{reached('fashion-mnist-16-unet-zeros', m, steps, 'r'):.2f}"[1:] for steps in (150, 20))
        for m in ("els-zeros", "is")
    )
    assert f"ELS predicts it with r {ours}, IS with {ideal};" in text


def test_the_story_is_true_in_the_shipped_runs() -> None:
    zeros, circular, classes = (f"fashion-mnist-16-resnet-{n}" for n in ("zeros", "circular", "zeros-conditional"))
    assert reached(zeros, "els-zeros", 150) >= 0.91
    assert reached(zeros, "els-zeros", "20-exact-first") >= 0.91
    assert reached(zeros, "els-zeros", 20) >= 0.84
    assert reached(zeros, "is", 150) <= 0.65
    assert reached(zeros, "els-zeros", 150, "beats_ideal") >= 0.97
    ours = reached(circular, "els-circular", 150)
    assert ours >= reached(circular, "ls", 150) + 0.1 and ours >= reached(circular, "is", 150) + 0.3
    assert reached(classes, "els-zeros", 150) >= 0.90
    unet = "fashion-mnist-16-unet-zeros"
    assert reached(unet, "els-zeros", 150) >= 0.92 and reached(unet, "els-zeros", 150, "beats_ideal") >= 0.90


def test_another_training_under_the_same_name_does_not_mix(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ok("reproduce", *SMALL)
    original = cli.make_lab

    def retrained(*given: object, **options: object) -> els.Lab:
        lab = original(*given, **options)
        lab.network.card["sha256"] = 64 * "0"
        return lab

    monkeypatch.setattr(cli, "make_lab", retrained)
    result = run("reproduce", *SMALL)
    assert result.exit_code == 1 and "other settings (network_sha256)" in result.output


def test_filters_with_windows_are_cut_at_black_and_white(results: Path) -> None:
    """Each as a rival at its strongest; the Wiener filter is kept as it draws, as the line above the table says."""
    ok("reproduce", *SMALL)
    samples = np.load(results / "samples.npz")
    lab, noise = els.lab(network="tiny", verbose=False), els.seeded_noise(range(23), (1, 8, 8))
    for name in ("local-filter", "equivariant-filter", "wiener"):
        drawn = els.sample(lab.machine(name), noise, 3)
        assert drawn.abs().max() > 1
        kept = drawn if name == "wiener" else drawn.clamp(-1, 1)
        np.testing.assert_allclose(samples[name], kept, rtol=0, atol=1e-5, err_msg=name)


def test_one_picture_without_contrast_costs_itself_only() -> None:
    """Medians, quartiles and the interval are of the seeds that can be compared; a machine does not beat itself."""
    random = torch.Generator().manual_seed(0)
    draw = lambda: torch.randn(6, 1, 4, 4, generator=random)  # noqa: E731
    samples = {"is": draw(), "els-zeros": draw(), "network-5": draw()}
    samples["network-5"][0] = 0.5
    rows = {row["machine"]: row for row in summary.comparisons(samples, ["is", "els-zeros"], "mine")}
    r2 = compare(samples["els-zeros"], samples["network-5"]).r2[1:]
    four = {k: v[1:] for k, v in samples.items()}
    alone = {row["machine"]: row for row in summary.comparisons(four, ["is", "els-zeros"], "mine")}
    for measure in ("r", "r2", "r2_quartiles", "r2_interval"):
        assert rows["els-zeros"][measure] == alone["els-zeros"][measure], measure
    assert rows["els-zeros"]["r2"] == pytest.approx(float(np.median(r2)), abs=1e-5)
    assert rows["is"]["beats_ideal"] == 0
    even = torch.tensor([0.1, 0.2, 0.3, 0.4])
    assert summary.median(even) == pytest.approx(0.25)


def test_class_0_is_a_label(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []

    def trajectory(
        source: object, noise: torch.Tensor, steps: int, labels: object
    ) -> list[tuple[float, torch.Tensor, None]]:
        told.append(labels)
        return [(0, noise, None)]

    monkeypatch.setattr(cli, "trajectory", trajectory)
    ok("sample", "--network", "tiny-classes", "--label", "0", "--seeds", "1-2", "--steps", "1")
    assert told == [0], "and not the classes of the seeds"


def test_a_seed_that_is_named_twice_is_drawn_once() -> None:
    assert cli.SeedRange().convert("3,1-4,3", None, None) == [3, 1, 2, 4]


def test_fresh_removes_all_that_a_run_has_written(tmp_path: Path) -> None:
    """What a kill has cut off, and the pieces of very many seeds, too."""
    names = "is-00000.npz", "is-00020.77.partial.npz", "els-zeros-100000.npz", "network-20-exact-first-00000.npz"
    experiment = Experiment(els.lab(verbose=False), tmp_path)
    (tmp_path / "parts").mkdir()
    for name in names:
        (tmp_path / "parts" / name).touch()
    (tmp_path / "parts" / "settings.json").write_text("{")
    assert experiment._open(fresh=True) == set()
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["settings.json"]


def test_without_a_seed_there_is_no_experiment(tmp_path: Path) -> None:
    with pytest.raises(els.CourseError, match="at least one seed is needed, got 0"):
        Experiment(els.lab(verbose=False), tmp_path, seeds=0)


def test_a_machine_that_is_asked_for_twice_is_drawn_once(tmp_path: Path) -> None:
    machines = Experiment(els.lab(verbose=False), tmp_path, extra_machines=["is", "es", "es"]).machines
    assert len(machines) == len(set(machines)) and machines[-1] == "es"


def test_a_piece_that_is_gone_is_not_called_damaged(tmp_path: Path) -> None:
    with pytest.raises(els.CourseError, match=r"is-00000\.npz is gone: another process is working in this folder"):
        reproduce._read(tmp_path / "is-00000.npz", "", (1,))


def test_the_figures_show_the_first_ten_and_the_long_run_of_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = {}
    for name in ("figure", "scatter"):

        def draw(lab: object, samples: Mapping[str, Tensor], own: str, target: str, name: str = name) -> Any:
            drawn[name] = samples["is"].tolist(), own, target
            return type("Figure", (), {"savefig": lambda self, path: path.touch()})()

        monkeypatch.setattr(reproduce, name, draw)
    monkeypatch.setattr(reproduce, "table", lambda metrics: "")
    Experiment(els.lab(verbose=False), tmp_path, seeds=12)._write({"is": torch.arange(12)}, {})
    assert drawn["figure"] == ([*range(10)], "els-zeros", "network-150")
    assert drawn["scatter"] == ([*range(12)], "els-zeros", "network-150")
