"""Calibration finds a window that is known, and its files keep what it found."""

from __future__ import annotations

import io
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import pictures, run

import elscourse as els
from elscourse import calibration, lab_calibration
from elscourse.calibration import CALIBRATION_SEEDS, CalibrationTable
from elscourse.checkpoints import save_network
from elscourse.lab_calibration import calibrate_lab
from elscourse.patches import size_at
from elscourse.sizes import CalibratedSizes

NETWORKS = Path(__file__).parents[1] / "data" / "networks"


def smooth(n: int = 40) -> torch.Tensor:
    return torch.nn.functional.avg_pool2d(pictures(n, 1, 14, 14), 5, 1).mul(3).clamp(-1, 1)


def test_the_order_and_the_type_of_candidates_do_not_matter(tmp_path: Path) -> None:
    lab = els.lab(verbose=False)
    machine = els.EquivariantLocalScoreMachine(lab.data.images[:200], patch_size=3)
    orders = (3, 5, 7, 9, 11, 15, 31), (31, 3, 15, 5, 11, 7, 9), np.array([31, 3, 15, 5, 11, 7, 9])
    found = [els.calibrate(machine, lab.network, sizes, steps=6, samples=9) for sizes in orders]
    assert found[0] == found[1] == found[2] and len({p for _, p in found[0]}) > 2
    path = str(tmp_path / "sizes.json")
    CalibratedSizes("mine", "", [0], 4, {"els-circular": found[2]}).save(path)
    assert CalibratedSizes.load(path).machines["els-circular"] == found[0]
    with pytest.raises(els.CourseError, match="odd whole number"):
        els.calibrate(machine, machine, [[(1.0, 3)], [(1.0, 5)]])  # type: ignore[list-item]


@pytest.mark.parametrize("window", ["square", "gaussian"])
@pytest.mark.parametrize("padding", ["zeros", "circular"])
def test_a_machine_posing_as_network_gives_its_own_sizes_away(window: str, padding: str) -> None:
    images, truth = smooth(), [(1.0, 7), (0.5, 5), (0.1, 3)]
    machine = els.EquivariantLocalScoreMachine(images, patch_size=3, padding=padding, window=window)
    posing = machine.with_patch_size(truth)
    found = els.calibrate(machine, posing, (3, 5, 7, 9), steps=6, samples=3)
    assert [t for t, _ in found] == pytest.approx([1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6], abs=1e-6)
    assert [p for _, p in found] == [size_at(truth, t) for t, _ in found]


def test_unless_told_otherwise_windows_that_see_the_whole_image_are_tried() -> None:
    """A network may look further than one side: from a corner, the whole image is a window of 2 side - 1."""
    images, truth = smooth(), [(1.0, 19), (0.5, 13), (0.1, 3)]
    machine = els.EquivariantLocalScoreMachine(images, patch_size=3)
    assert images.shape[-1] == 10 and calibration.candidates_of(machine) == [3, 5, 7, 9, 11, 13, 15, 17, 19]
    found = els.calibrate(machine, machine.with_patch_size(truth), steps=4, samples=3)
    assert [p for _, p in found] == [size_at(truth, t) for t, _ in found]


def test_the_largest_window_is_the_first_that_sees_the_whole_image() -> None:
    images, x_t = pictures(6, 1, 5, 8).double(), els.seeded_noise([0], (1, 5, 8)).double()
    machine = els.EquivariantLocalScoreMachine(images, patch_size=1)
    other = x_t.clone()
    other[..., -1, -1] += 1
    sees = {}
    for size in (13, 15):
        sized = machine.with_patch_size(size)
        sees[size] = bool((sized(x_t, 0.5) - sized(other, 0.5))[..., 0, 0].abs() > 1e-6)
    assert machine.largest_patch_size == 15 and sees == {13: False, 15: True}, "from one corner to the other"
    with pytest.raises(els.CourseError, match="larger than 15, at which every window already sees the whole image"):
        machine.with_patch_size(17)


def test_on_the_torus_the_largest_window_does_not_wrap_onto_itself() -> None:
    for height, width, largest in ((5, 8, 5), (6, 7, 5)):
        machine = els.EquivariantLocalScoreMachine(pictures(2, 1, height, width), patch_size=1, padding="circular")
        assert machine.with_patch_size(largest).largest_patch_size == largest
        with pytest.raises(els.CourseError, match=f"would wrap onto itself: the shorter side is {height}"):
            machine.with_patch_size(largest + 2)


def test_between_two_times_the_nearer_counts_and_in_the_middle_the_noisier() -> None:
    grid = [(1 - k / 10, k) for k in range(10)]
    for steps in (grid, grid[::-1]):
        for k in range(9):  # with 1 - 0.05 the two distances differ by a rounding
            assert size_at(steps, 1 - (2 * k + 1) * 0.05) == k, k
            assert size_at(steps, 1 - (2 * k + 1) * 0.05 - 1e-6) == k + 1, k


def test_sizes_may_be_given_for_all_times_with_their_ends() -> None:
    machine = els.LocalScoreMachine(pictures(2, 1, 5, 5), patch_size=[(1, 5), (0, 3)])
    assert [machine.size_at(t) for t in (1.0, 0.6, 0.4)] == [5, 5, 3]


def test_sizes_that_change_later_are_not_those_of_the_machine() -> None:
    sizes = [(1.0, 5), (0.0, 3)]
    machine = els.LocalScoreMachine(pictures(2, 1, 5, 5), patch_size=sizes)
    sizes[0] = (1.0, 1)
    assert machine.size_at(1.0) == 5


def test_the_table_is_the_cosine_of_scores() -> None:
    images = smooth(10)
    machine = els.LocalScoreMachine(images, patch_size=3)
    network = els.IdealScoreMachine(images)
    noise = els.seeded_noise([1, 2], (1, 10, 10))
    table = els.calibration_table(machine, network, (3, 9), noise, steps=4)
    t, x_t, x0_hat = list(els.trajectory(network, noise, 4))[2]
    a = els.score_from_denoiser(x0_hat, x_t, t)[1].flatten().double()
    b = els.score_from_denoiser(machine.with_patch_size(9)(x_t, t), x_t, t)[1].flatten().double()
    assert float(table.cosine[2, 1, 1]) == pytest.approx(float(a @ b / a.norm() / b.norm()), abs=1e-6)


def test_best_is_the_lower_median_of_each_samples_best() -> None:
    cosine = torch.tensor([[[0.9, 0.1, 0.1, 0.9], [0.1, 0.9, 0.9, 0.1]]]).double()
    assert CalibrationTable([1.0], [3, 5], cosine).best() == [(1.0, 3)]
    cosine = torch.tensor([[[0.9, 0.1, 0.1], [0.1, 0.9, 0.9]]]).double()
    assert CalibrationTable([1.0], [3, 5], cosine).best() == [(1.0, 5)]


def test_a_stopped_calibration_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = smooth(10)
    machine, network = els.LocalScoreMachine(images, patch_size=3), els.IdealScoreMachine(images)
    whole = els.calibrate(machine, network, (3, 5), steps=5, samples=2)
    calls: list[float] = []
    original = els.LocalScoreMachine.__call__

    def counted(self, x_t, t, labels=None):
        calls.append(t)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return original(self, x_t, t, labels)

    monkeypatch.setattr(els.LocalScoreMachine, "__call__", counted)
    again = lambda: els.calibrate(machine, network, (3, 5), steps=5, samples=2, checkpoint=tmp_path / "c.npz")  # noqa: E731
    with pytest.raises(KeyboardInterrupt):
        again()
    assert again() == whole
    assert len(calls) == 5 + 6, "two times of two candidates were kept"


def test_a_calibration_of_something_else_is_not_continued(tmp_path: Path) -> None:
    images, kept = smooth(10), tmp_path / "new" / "c.npz"
    machine, network = els.EquivariantLocalScoreMachine(images, patch_size=3), els.IdealScoreMachine(images)

    def go(machine=machine, network=network, candidates=(3, 5), **options) -> list[tuple[float, int]]:
        options = {"steps": 3, "samples": 2, **options}
        return els.calibrate(machine, network, candidates, checkpoint=str(kept), **options)

    whole = go()
    written = kept.read_bytes()
    blind = els.EquivariantLocalScoreMachine(images, patch_size=3, window="gaussian")
    elsewhere = els.EquivariantLocalScoreMachine(images.flip(0), patch_size=3)
    wrapped = els.EquivariantLocalScoreMachine(images, patch_size=3, padding="circular")
    for what, other in {
        "network": {"network": els.with_first_step(network, machine)},
        "candidates": {"candidates": (3, 7)},
        "noise": {"samples": 3},
        "steps": {"steps": 4},
        "images": {"machine": elsewhere},
        "machine": {"machine": blind},
    }.items():
        with pytest.raises(els.CourseError, match=rf"c\.npz was started for something else \(other {what}\): use the"):
            go(**other)
    with pytest.raises(els.CourseError, match=r"other machine, candidates\)"):
        go(wrapped, candidates=(3, 5, 7))
    assert kept.read_bytes() == written and go() == whole


def test_damaged_scores_are_not_continued(tmp_path: Path) -> None:
    machine, kept = els.LocalScoreMachine(smooth(5), patch_size=3), tmp_path / "c.npz"
    go = lambda: els.calibrate(machine, machine, (3, 5), steps=2, samples=1, checkpoint=kept)  # noqa: E731
    go()
    whole = kept.read_bytes()
    array, other = io.BytesIO(), io.BytesIO()
    np.save(array, np.zeros((2, 2, 1)))
    np.savez(other, cosine=np.zeros((2, 2, 1)))
    with np.load(kept) as file:
        parts = dict(file)
    changes = [{"cosine": np.zeros((1, 2, 1))}, {"cosine": np.zeros((2, 2, 1), int)}, {"origin": "[1]"}]
    reshaped = []
    for change in [*changes, {"drawn": parts["drawn"][:0]}]:
        np.savez(made := io.BytesIO(), **parts | change)
        reshaped.append(made.getvalue())
    whole_but_other = (array.getvalue(), other.getvalue(), *reshaped)
    for damaged in (whole[:-50], whole[:100], whole[:300], b"", b"nothing", *whole_but_other):
        kept.write_bytes(damaged)
        with pytest.raises(els.CourseError, match="is damaged: delete it and calibrate again"):
            go()


def test_sizes_survive_the_file(tmp_path: Path) -> None:
    sizes = CalibratedSizes(
        "n", "elscourse calibrate n", [1, 2], 2, {"els-zeros": [(1.0, 5), (0.5, 3)], "b": [(1.0, 3)]}
    )
    path = tmp_path / "n.sizes.json"
    sizes.save(path)
    assert CalibratedSizes.load(path) == sizes
    half = path.read_text().replace("[0.5, 3]", "[0.5, 3.7]")
    for bad in ("{", "[]", json.dumps({"network": "n"}), half):
        path.write_text(bad)
        with pytest.raises(
            els.CourseError, match=r"n\.sizes\.json does not hold calibrated sizes.*elscourse calibrate"
        ):
            CalibratedSizes.load(path)


def test_shipped_sizes_fit_their_networks_and_share_no_seed_with_evaluation() -> None:
    cards = [p for p in NETWORKS.glob("*.json") if p.with_suffix(".safetensors").exists()]
    assert len(cards) == 6
    for card in cards:
        lab = els.lab(network=card.stem, verbose=False)
        assert lab.sizes is not None and lab.sizes.network == card.stem
        assert set(lab.sizes.seeds) <= set(CALIBRATION_SEEDS) and not set(lab.sizes.seeds) & set(range(100_000))
        for machine in (f"els-{lab.network.padding}", f"els-{lab.network.padding}-gaussian", "ls"):
            pairs = lab.patch_sizes(machine)
            assert [t for t, _ in pairs] == pytest.approx(els.CosineSchedule().times(20)[:-1])
            assert pairs[-1][1] <= 5 < pairs[0][1], "local in the end, not in the beginning"
        assert lab.sizes.command == f"elscourse calibrate {card.stem} --samples 10 --steps 20", "all sizes on offer"


def own_lab(folder: Path, seed: int = 0) -> tuple[Path, els.Lab]:
    """A network of one's own, as yet without sizes."""
    torch.manual_seed(seed)
    card = {"name": "mine", "architecture": "resnet", "config": {"width": 8, "padding": "zeros"}}
    card["data"] = {"name": "fashion-mnist", "size": 8, "n": 20}
    path = save_network(els.ResNet(width=8), card, folder)
    lab = els.lab(network=path, verbose=False)
    return path, lab


def test_a_killed_calibration_of_a_network_keeps_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, lab = own_lab(tmp_path)
    go = lambda: calibrate_lab(lab, str(path), samples=2, steps=3)  # noqa: E731
    whole = go().read_text()
    assert '"elscourse calibrate mine --samples 2 --steps 3"' in whole
    original, calls = els.EquivariantLocalScoreMachine.__call__, []

    def counted(self, *arguments, **options):
        calls.append(self.id)
        if calls == ["els-zeros"] * 21 + ["els-zeros-gaussian"] * 9:
            raise KeyboardInterrupt
        return original(self, *arguments, **options)

    monkeypatch.setattr(els.EquivariantLocalScoreMachine, "__call__", counted)
    with pytest.raises(KeyboardInterrupt):
        go()
    calls.clear()
    assert go().read_text() == whole
    assert calls == ["els-zeros-gaussian"] * 14, "the square windows and one time of the gaussian ones were kept"
    assert not list(tmp_path.glob("*.npz"))


def test_sizes_of_the_course_stay_where_another_processor_finds_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lab = own_lab(tmp_path / "networks")
    go = lambda: calibrate_lab(lab, str(path), ["els-zeros"], samples=1, steps=2)  # noqa: E731
    before = go().read_bytes()
    monkeypatch.setattr(lab_calibration, "data_dir", lambda: tmp_path)  # as if they had come with the course
    assert go().read_bytes() == before, "equal ones may be measured again"
    monkeypatch.setattr(lab_calibration, "calibrate", lambda *_, **__: [(1.0, 3), (0.5, 3)])
    with pytest.raises(els.CourseError, match="came with the course, and els-zeros has other sizes here"):
        go()
    assert path.with_suffix(".sizes.json").read_bytes() == before


def test_calibrating_in_two_processes_or_with_other_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, lab = own_lab(tmp_path)
    go = lambda **more: calibrate_lab(lab, str(path), ["els-zeros"], steps=2, **more)  # noqa: E731
    original = CalibratedSizes.save

    def killed(self, path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(CalibratedSizes, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        go(samples=1)
    with pytest.raises(
        els.CourseError, match=r"mine.sizes.els-zeros-\S+\.npz was started for .* \(other noise\).*--fresh"
    ):
        go(samples=2)

    def overtaken(self, path: Path) -> None:
        original(self, path)
        for scores in tmp_path.glob("*.npz"):
            scores.unlink()

    monkeypatch.setattr(CalibratedSizes, "save", overtaken)
    assert go(samples=2, fresh=True).exists() and not list(tmp_path.glob("*.npz"))


def test_a_fresh_calibration_that_is_stopped_goes_on_without_fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lab = own_lab(tmp_path)
    go = lambda **more: calibrate_lab(lab, str(path), ["els-zeros"], samples=1, **more)  # noqa: E731
    go(steps=2)
    with monkeypatch.context() as stopped:

        def stop(self: CalibratedSizes, path: Path) -> None:
            raise KeyboardInterrupt

        stopped.setattr(CalibratedSizes, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            go(steps=3, fresh=True)
    with pytest.raises(els.CourseError, match="--fresh"):
        go(steps=4)
    go(steps=3)
    assert len(CalibratedSizes.load(path.with_suffix(".sizes.json")).machines["els-zeros"]) == 3


def test_two_calibrations_at_once_keep_both_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, lab = own_lab(tmp_path)
    waiting = ["els-circular"]

    def meanwhile(*given: Any, **more: Any) -> Any:
        if waiting:
            calibrate_lab(lab, str(path), [waiting.pop()], samples=1, steps=2)
        return els.calibrate(*given, **more)

    monkeypatch.setattr(lab_calibration, "calibrate", meanwhile)
    calibrate_lab(lab, str(path), ["els-zeros"], samples=1, steps=2)
    assert set(CalibratedSizes.load(path.with_suffix(".sizes.json")).machines) == {"els-zeros", "els-circular"}


def test_a_curve_that_ends_at_what_was_offered_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, lab = own_lab(tmp_path)
    go = lambda **more: calibrate_lab(lab, str(path), ["els-zeros"], samples=1, steps=3, **more)  # noqa: E731
    go(largest=3)
    assert (
        "els-zeros took the largest size on offer, 3, at 2 of 3 times: try larger ones (--largest)."
        in capsys.readouterr().out
    )
    go(fresh=True)
    assert "on offer" not in capsys.readouterr().out, "15 sees the whole image: nothing larger can be tried"


def test_calibrating_one_machine_keeps_the_others_curves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, _ = own_lab(tmp_path)

    def go(machine: str, fresh: bool = False, largest: int | None = None) -> set[str]:
        lab = els.lab(network=path, verbose=False)
        calibrate_lab(lab, str(path), [machine], samples=1, steps=2, largest=largest, fresh=fresh)
        return set(CalibratedSizes.load(path.with_suffix(".sizes.json")).machines)

    assert go("els-zeros") == {"els-zeros"}
    assert go("els-circular") == go("els-zeros", fresh=True) == {"els-zeros", "els-circular"}
    with pytest.raises(els.CourseError, match=r"mine.sizes.json holds what `elscourse .*` measured: use the same"):
        go("els-circular", largest=5)
    assert go("els-circular", largest=5, fresh=True) == {"els-circular"}, "a file holds the curves of one command"
    path.with_suffix(".sizes.json").write_text("{")
    assert go("els-zeros") == {"els-zeros"}, "a damaged file is replaced"
    assert "does not hold calibrated sizes" in capsys.readouterr().out
    assert own_lab(tmp_path, seed=1)[1].sizes is None, "another training under the same name"
    assert "measured on another training of mine" in capsys.readouterr().out
    assert go("els-circular") == {"els-circular"}


def test_bad_requests() -> None:
    machine = els.LocalScoreMachine(smooth(3), patch_size=3)
    for candidates in ((), 3):
        with pytest.raises(els.CourseError, match="a list of at least one candidate"):
            els.calibrate(machine, machine, candidates)  # type: ignore[arg-type]
    for samples in (0, 1.5, "2"):
        with pytest.raises(els.CourseError, match="samples must be a whole number between 1 and 20, got"):
            els.calibrate(machine, machine, (3,), samples=samples)  # type: ignore[arg-type]
    with pytest.raises(els.CourseError, match="no patch size to try between 3 and 2"):
        calibrate_lab(els.lab(verbose=False), "fashion-mnist-16-resnet-zeros", largest=2)
    with pytest.raises(els.CourseError, match="only ELS machines"):
        calibrate_lab(els.lab(verbose=False), "fashion-mnist-16-resnet-zeros", ["is"])


def test_scores_of_other_labels_classes_or_another_tolerance_are_not_continued(tmp_path: Path) -> None:
    images, kept = smooth(10), tmp_path / "c.npz"
    classes = torch.arange(10) % 2

    def go(labels: object = 0, image_labels: torch.Tensor = classes, tolerance: float | None = None) -> object:
        told = {"image_labels": image_labels}
        machine = els.EquivariantLocalScoreMachine(images, patch_size=3, tolerance=tolerance, **told)
        network = els.IdealScoreMachine(images)
        ask = lambda x_t, t, labels=None: network(x_t, t)  # noqa: E731  # the same, whatever it is told
        return els.calibrate(machine, ask, (3, 5), steps=2, samples=2, labels=labels, checkpoint=kept)

    whole = go()
    for what, other in {
        "labels": {"labels": [0, 1]},
        "images": {"image_labels": 1 - classes},
        "machine": {"tolerance": 1e-3},
    }.items():
        with pytest.raises(els.CourseError, match=rf"started for something else \(other {what}\)"):
            go(**other)
    assert go() == whole


def test_the_trajectory_is_that_of_the_machines_schedule_and_precision() -> None:
    schedule = els.CosineSchedule(0.5)
    machine = els.EquivariantLocalScoreMachine(smooth(10).double(), schedule, patch_size=3)
    asked: list[torch.Tensor] = []
    network = lambda x_t, t: asked.append(x_t) or machine.with_patch_size(5)(x_t, t)  # noqa: E731
    found = els.calibrate(machine, network, (3, 5), steps=2, samples=2)
    assert [p for _, p in found] == [5, 5]
    start = els.seeded_noise(CALIBRATION_SEEDS[:2], (1, 10, 10)).double()
    assert torch.equal(asked[0], start), "no seed of an evaluation"
    mean = machine.with_patch_size(5)(start, 1.0)
    eps = els.noise_from_denoiser(mean, start, 1.0, schedule)
    torch.testing.assert_close(asked[1], schedule.alpha(0.5) * mean + schedule.sigma(0.5) * eps)


def test_scores_that_cannot_be_kept_are_told_before_the_first_is_computed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    asked: list[float] = []

    class Counted(els.LocalScoreMachine):
        def __call__(self, x_t, t, labels=None):
            asked.append(t)
            return super().__call__(x_t, t, labels)

    network = els.IdealScoreMachine(smooth(5))
    with pytest.raises(els.CourseError, match="could not write"):
        els.calibrate(
            Counted(smooth(5), patch_size=3),
            network,
            (3, 5),
            steps=2,
            samples=1,
            checkpoint=tmp_path / "file" / "c.npz",
        )
    assert not asked


def test_the_machines_of_the_network_s_own_padding_are_calibrated(tmp_path: Path) -> None:
    card = {"name": "mine", "architecture": "resnet", "config": {"width": 8, "padding": "circular"}}
    card["data"] = {"name": "fashion-mnist", "size": 8, "n": 20}
    path = save_network(els.ResNet(width=8, padding="circular"), card, tmp_path)
    calibrate_lab(els.lab(network=path, verbose=False), str(path), samples=1, steps=1, largest=3)
    found = CalibratedSizes.load(path.with_suffix(".sizes.json"))
    assert set(found.machines) == {"els-circular", "els-circular-gaussian"}


def test_the_command_replaces_sizes_if_fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path, _ = own_lab(tmp_path)
    go = lambda *more: run("calibrate", str(path), "--machine", "els-zeros", "--steps", "1", *more)  # noqa: E731
    assert go("--samples", "1").exit_code == 0
    assert go("--samples", "2").exit_code == 1
    assert go("--samples", "2", "--fresh").exit_code == 0


def test_where_nothing_of_the_image_is_left_there_is_nothing_to_calibrate() -> None:
    """All scores are -x_t / sigma^2 there, and the first candidate would win."""
    machine = els.EquivariantLocalScoreMachine(pictures(5, 1, 8, 8), els.CosineSchedule(0.0), patch_size=3)
    with pytest.raises(els.CourseError, match="leaves nothing of the image at t = 1"):
        els.calibrate(machine, machine.with_patch_size(7), steps=2, samples=2)


def test_no_window_is_tried_that_is_larger_than_the_whole_image(tmp_path: Path) -> None:
    path, lab = own_lab(tmp_path)
    calibrate_lab(lab, str(path), ["els-zeros"], samples=1, steps=1, largest=99)
    machine = lab.patch_machine("els-zeros", 1)
    for largest, last in ((99, 15), (15, 15), (6, 5), (None, 15)):
        assert calibration.candidates_of(machine, largest) == list(range(3, last + 1, 2))


def test_each_bar_says_what_it_calibrates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, lab = own_lab(tmp_path)
    calibrate_lab(lab, str(path), samples=1, steps=1, largest=3)
    bars = capsys.readouterr().err
    assert "calibrating els-zeros: 100%" in bars and "calibrating els-zeros-gaussian: 100%" in bars


def test_images_of_one_row_have_windows_of_one_pixel() -> None:
    machine = els.EquivariantLocalScoreMachine(pictures(5, 1, 1, 6), patch_size=1, padding="circular")
    assert calibration.candidates_of(machine) == [1]
    assert [p for _, p in els.calibrate(machine, machine, steps=2, samples=2)] == [1, 1]


def test_scores_of_a_network_that_differs_a_little_are_not_continued(tmp_path: Path) -> None:
    """Rounding on another computer is no difference; a hundredth of a pixel is."""
    images, kept = smooth(10), tmp_path / "c.npz"
    machine = els.EquivariantLocalScoreMachine(images, patch_size=3)

    def go(by: float) -> None:
        network = lambda x, t: machine(x, t) + by  # noqa: E731
        els.calibrate(machine, network, (3, 5), steps=2, samples=1, checkpoint=kept)

    go(0.0)
    go(1e-5)
    with pytest.raises(els.CourseError, match=r"other network\)"):
        go(0.01)


@pytest.mark.parametrize(("by", "same"), [(0.9e-3, True), (-0.9e-3, True), (1.1e-3, False), (-1.1e-3, False)])
def test_a_thousandth_of_a_pixel_on_average_is_another_network(by: float, same: bool, tmp_path: Path) -> None:
    """Whether all pixels differ by so much, or one by as much as all of them together."""
    machine, kept = els.EquivariantLocalScoreMachine(smooth(10), patch_size=3), tmp_path / "c.npz"
    one = torch.zeros(1, 1, 10, 10)
    one[..., 0, 0] = by * one.numel()

    def go(differs: torch.Tensor | float) -> None:
        network = lambda x, t: machine(x, t) + differs  # noqa: E731
        els.calibrate(machine, network, (3, 5), steps=1, samples=1, checkpoint=kept)

    for differs in (by, one):
        kept.unlink(missing_ok=True)
        go(0.0)
        with nullcontext() if same else pytest.raises(els.CourseError, match=r"other network\)"):
            go(differs)


def test_a_network_that_was_trained_again_is_calibrated_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the same name, after the calibration of the first one was stopped."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    path, lab = own_lab(tmp_path)
    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr(CalibratedSizes, "save", stop)
        calibrate_lab(lab, str(path), ["els-zeros"], samples=1, steps=2)
    path, lab = own_lab(tmp_path, seed=1)
    assert calibrate_lab(lab, str(path), ["els-zeros"], samples=1, steps=2).exists()


def test_a_name_with_brackets_is_a_name(tmp_path: Path) -> None:
    """Not a pattern, when --fresh removes what was begun."""
    card: dict[str, Any] = {"name": "a[1]", "architecture": "resnet", "config": {"width": 8, "padding": "zeros"}}
    card["data"] = {"name": "fashion-mnist", "size": 8, "n": 20}
    path = save_network(els.ResNet(width=8), card, tmp_path)
    begun = tmp_path / "a[1].sizes.els-zeros-01234567-15.npz"
    begun.touch()
    lab = els.lab(network=path, verbose=False)
    calibrate_lab(lab, str(path), ["els-zeros"], samples=1, steps=1, largest=3, fresh=True)
    assert not begun.exists()


def test_a_machine_is_told_the_classes_that_the_network_is_told() -> None:
    """Compared with itself, it is the same at its own size: all scores agree."""
    images, labels = smooth(10), [0, 1]
    machine = els.EquivariantLocalScoreMachine(images, patch_size=5, image_labels=torch.arange(10) % 2)
    noise = els.seeded_noise(range(2), (1, 10, 10))
    table = els.calibration_table(machine, machine, (3, 5), noise, steps=3, labels=labels)
    torch.testing.assert_close(table.cosine[:, 1], torch.ones(3, 2).double(), rtol=0, atol=1e-6)
