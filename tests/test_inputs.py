"""Bad input to the machines gets one clear sentence: what was given, what is expected."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from conftest import pictures

import elscourse as els

IMAGES = pictures(4, 1, 8, 8)
CLASSES = torch.tensor([0, 0, 1, 1])
X = pictures(2, 1, 8, 8, seed=9)


def els_machine(**options: object) -> els.EquivariantLocalScoreMachine:
    return els.EquivariantLocalScoreMachine(IMAGES, **{"patch_size": 3, **options})  # type: ignore[arg-type]


BUILDING = [
    (lambda: els_machine(patch_size=4), r"odd and at least 1.*got 4: try 3 or 5"),
    (lambda: els_machine(patch_size=0), r"odd and at least 1"),
    (lambda: els_machine(patch_size=2.5), r"odd whole number of pixels, got 2\.5"),
    (lambda: els_machine(patch_size=17), r"17 is larger than 15, at which every window already sees"),
    (lambda: els_machine(patch_size=9, padding="circular"), r"9 would wrap onto itself: the shorter side is 8"),
    (lambda: els_machine(patch_size=[(1.0, 3), (0.5, 6)]), r"odd and at least 1.*got 6"),
    (lambda: els_machine(patch_size=[(2.0, 3)]), r"pairs \(t, value\) with t in \[0, 1\]"),
    (lambda: els_machine(patch_size="big"), r"patch_size must be a number or a list of pairs"),
    (lambda: els_machine(padding="zero"), r"unknown padding 'zero': did you mean zeros"),
    (lambda: els_machine(window="round"), r"unknown window 'round'"),
    (lambda: els_machine(width=1.0), r"width belongs to window=\"gaussian\""),
    (lambda: els.IdealScoreMachine(IMAGES[0]), r"shape \(N, C, H, W\) and N >= 1, got \(1, 8, 8\)"),
    (lambda: els.IdealScoreMachine(IMAGES[:0]), r"N >= 1, got \(0, 1, 8, 8\)"),
    (lambda: els.IdealScoreMachine(IMAGES.numpy()), r"must be a tensor.*got ndarray"),
    (lambda: els.IdealScoreMachine((IMAGES * 255).byte()), r"float32 or float64.*got torch.uint8"),
    (lambda: els.IdealScoreMachine(IMAGES.log()), r"images contain NaN or infinite pixels"),
    (lambda: els.IdealScoreMachine(IMAGES / 0), r"images contain NaN or infinite pixels"),
    (lambda: els.IdealScoreMachine(IMAGES, image_labels=CLASSES[:3]), r"one label per image \(4\), got \(3,\)"),
]
ASKING = [
    (lambda m: m(X.numpy(), 0.5), r"training images, B >= 1, got ndarray"),
    (lambda m: m(X[0], 0.5), r"shape \(B, 1, 8, 8\) of the training images, B >= 1, got \(1, 8, 8\)"),
    (lambda m: m(X[:0], 0.5), r"B >= 1, got \(0, 1, 8, 8\)"),
    (lambda m: m(X[..., :7], 0.5), r"shape \(B, 1, 8, 8\).*got \(2, 1, 8, 7\)"),
    (lambda m: m(X.double(), 0.5), r"x_t is torch.float64, the training images are torch.float32"),
    (lambda m: m(X.to("meta"), 0.5), r"x_t is meta, the training images are cpu"),
    (lambda m: m(X * float("nan"), 0.5), r"x_t contains NaN"),
    (lambda m: m(X, 0), r"t must lie in \(0, 1\].*got 0"),
    (lambda m: m(X, 1.5), r"t must lie in \(0, 1\].*got 1.5"),
    (lambda m: m(X, float("nan")), r"t must lie in \(0, 1\].*got nan"),
    (lambda m: m(X, 0.5, labels=7), r"label 7 has no images.*labels 0, 1"),
    (
        lambda m: m(X, 0.5, labels=[0, 1, 1]),
        r"one class or one per image \(2\), whole numbers, got torch.int64 of shape \(3,\)",
    ),
    (lambda m: m(X, 0.5, labels=1.0), r"whole numbers, got torch.float32"),
    (lambda m: m.posterior(X, 0.5, top=0), r"top must be at least 1"),
    (lambda m: m.posterior(X[0], 0.5), r"shape \(B, 1, 8, 8\)"),
]


@pytest.mark.parametrize(("build", "sentence"), BUILDING)
def test_building(build, sentence: str) -> None:
    with pytest.raises(els.CourseError, match=sentence) as error:
        build()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("ask", "sentence"), ASKING)
@pytest.mark.parametrize("machine", ["is", "els"])
def test_asking(machine: str, ask, sentence: str) -> None:
    built = (
        els_machine(image_labels=CLASSES) if machine == "els" else els.IdealScoreMachine(IMAGES, image_labels=CLASSES)
    )
    with pytest.raises(els.CourseError, match=sentence) as error:
        ask(built)
    assert "\n" not in str(error.value)


def test_numbers_of_numpy_are_numbers() -> None:
    machine = els_machine(patch_size=np.int64(5))
    assert torch.equal(machine(X, np.float32(0.5)), els_machine(patch_size=5)(X, 0.5))
    assert els_machine(patch_size=[(np.float64(1), np.int32(3))]).window_at(0.5)[0] == 3


def test_a_rotated_input_is_an_input() -> None:
    turned = torch.rot90(X, 1, (-2, -1))
    assert torch.equal(els_machine()(turned, 0.5), els_machine()(turned.contiguous(), 0.5))


def test_labels_without_classes() -> None:
    with pytest.raises(els.CourseError, match="labels were given, but the machine was built without image_labels"):
        els.IdealScoreMachine(IMAGES)(X, 0.5, labels=0)


def test_too_little_memory() -> None:
    with pytest.raises(els.CourseError, match=r"keys of one image need .* MiB, but the memory budget is 0\.0 MiB"):
        els_machine(memory=1000)(X, 0.5)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: els.CosineSchedule().times(0), "steps must be a whole number of at least 1, got 0"),
        (lambda: els.CosineSchedule().alpha(2), r"t must lie in \[0, 1\]"),
        (lambda: els.sample(els_machine(), X, times=[0.1, 0.5]), "times must fall strictly"),
        (lambda: els.sample(els_machine(), X, times=[0.1]), "at least two entries"),
        (lambda: els.add_noise(X, X[..., :3], 0.5), "images and noise must have one shape"),
        (lambda: els.compare(X, X[:1]), "prediction and target must have one shape"),
        (lambda: els.nearest_training_image(X, IMAGES[..., :4]), "must have one shape"),
        (lambda: els.lab("laptp", verbose=False), "unknown lab 'laptp': did you mean laptop"),
        (lambda: els.lab(device="cdua", verbose=False), "unknown device 'cdua': did you mean cuda"),
        (lambda: els.lab("gpu", device="cpu", verbose=False), "gpu lab is not here yet: `elscourse train fashion"),
        (lambda: els.lab(device="mps", verbose=False), "mps has no float64"),
        (lambda: els.lab(verbose=False).machine("els-zero"), "unknown machine 'els-zero': did you mean els-zeros"),
        (lambda: els.lab(verbose=False).patch_sizes("els-circular"), "no calibrated sizes for els-circular: run"),
    ],
)
def test_the_rest(call, sentence: str) -> None:
    with pytest.raises(els.CourseError, match=sentence):
        call()


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is present")
def test_a_device_that_is_not_there() -> None:
    with pytest.raises(els.CourseError, match=r"device cuda was asked for, but this computer has: cpu"):
        els.lab(device="cuda", verbose=False)


@pytest.mark.parametrize("threads", ["0", "two", "-1", "1.5"])
def test_a_number_of_threads(threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELSCOURSE_THREADS", threads)
    with pytest.raises(els.CourseError, match=r"ELSCOURSE_THREADS must be a whole number of threads, at least 1, got"):
        els.lab(verbose=False)


def test_the_number_of_threads_is_respected_and_changes_no_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    images = els.load("fashion-mnist", size=16, n=100).images
    machine = els.EquivariantLocalScoreMachine(images, patch_size=5, tolerance=1e-3)
    before, pools = torch.get_num_threads(), []

    class Pool(ThreadPoolExecutor):
        def __init__(self, workers: int):
            pools.append(workers)
            super().__init__(workers)

    monkeypatch.setattr("elscourse.shifts.ThreadPoolExecutor", Pool)
    answers = []
    try:
        for threads in (1, 2, 3):
            monkeypatch.setenv("ELSCOURSE_THREADS", str(threads))
            els.lab(verbose=False)
            pools.clear()
            answers += [[machine(images[:2], t) for t in (0.1, 0.5)]]
            assert set(pools) == {threads} and torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for one, other in zip(answers[0] * 2, answers[1] + answers[2], strict=True):
        assert torch.equal(one, other), "the same image on every number of threads"
