"""Bad input to the machines gets one clear sentence: what was given, what is expected."""

from __future__ import annotations

import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import ok, pictures, python, run
from PIL import Image
from site_build import ROOT

import elscourse as els
from elscourse import cli, devices, errors, pieces, plotting
from elscourse.calibration import calibration_table
from elscourse.catalogue import CATALOGUE
from elscourse.checkpoints import save_network
from elscourse.data import data_dir
from elscourse.devices import pick_device, respect_threads
from elscourse.diffusion import Denoiser
from elscourse.files import save_text, whole_file
from elscourse.grading.pupil import Limits
from elscourse.networks import build_network
from elscourse.sizes import CalibratedSizes
from elscourse.training import TrainingPlan, train

IMAGES = pictures(4, 1, 8, 8)
CLASSES = torch.tensor([0, 0, 1, 1])
X = pictures(2, 1, 8, 8, seed=9)
SET = els.ImageSet(IMAGES)


def els_machine(**options: object) -> els.EquivariantLocalScoreMachine:
    return els.EquivariantLocalScoreMachine(IMAGES, **{"patch_size": 3, **options})  # type: ignore[arg-type]


def holed(images: torch.Tensor) -> torch.Tensor:
    """With one pixel that is no number."""
    return images.masked_fill(images == images.max(), float("nan"))


class Timeless(els.CosineSchedule):
    times = None  # type: ignore[assignment]


class Exploding(els.CosineSchedule):
    """Its noise grows to 5, and the images stay as they are."""

    alpha = staticmethod(lambda t: 1.0)  # type: ignore[assignment]

    def __init__(self, most: float = 5.0) -> None:
        object.__setattr__(self, "sigma", lambda t: most * t)

    @classmethod
    def machine(cls, most: float = 5.0) -> els.IdealScoreMachine:
        return els.IdealScoreMachine(IMAGES, cls(most))


BUILDING = [
    (lambda: els_machine(patch_size=4), r"odd and at least 1.*got 4: try 3 or 5"),
    (lambda: els_machine(patch_size=0), r"odd and at least 1.*got 0: try 1\."),
    (lambda: els_machine(patch_size=2.5), r"odd whole number of pixels, got 2\.5"),
    (lambda: els_machine(patch_size=float("inf")), r"odd whole number of pixels, got inf"),
    (lambda: els_machine(patch_size=10**400 + 1), r"0001 is larger than 15, at which every window already sees"),
    (lambda: els_machine(patch_size=17), r"17 is larger than 15, at which every window already sees"),
    (
        lambda: els_machine(patch_size=9, padding="circular"),
        r"onto itself: the shorter side is 8, so patch_size must be at most 7\.",
    ),
    (lambda: els_machine(patch_size=[(1.0, 3), (0.5, 6)]), r"odd and at least 1.*got 6"),
    (lambda: els_machine(patch_size=[(1.0, 3), (0.5, 17)]), r"17 is larger than 15, at which every window already"),
    (lambda: els_machine(patch_size=[(1.0, 3), (2.0, 3)]), r"pairs \(t, P\) with t in \[0, 1\]"),
    (lambda: els_machine(patch_size=[(1.0, 3), (-0.1, 3)]), r"pairs \(t, P\) with t in \[0, 1\]"),
    (lambda: els_machine(patch_size=None), r"patch_size must be a number or a list of pairs"),
    (lambda: els.LocalFilter(IMAGES, patch_size=4), r"odd and at least 1.*got 4: try 3 or 5"),
    (lambda: els.LocalFilter(IMAGES, patch_size=9, padding="circular"), r"9 would wrap onto itself"),
    (lambda: els.LocalFilter(IMAGES, patch_size=3, padding="mirror"), r"padding"),
    (lambda: els.BentFilter(els_machine()), r"linear filter, els.WienerFilter or els.LocalFilter, got Equivariant"),
    (lambda: els.BentFilter("local-filter"), r"linear filter.*got str"),  # type: ignore[arg-type]
    (lambda: els.BentFilter(els.WienerFilter), r"got the class WienerFilter: build one"),  # type: ignore[arg-type]
    (lambda: els_machine(patch_size="big"), r"patch_size must be a number or a list of pairs"),
    (lambda: els_machine(padding="zero"), r"unknown padding 'zero': did you mean zeros"),
    (lambda: els_machine(padding=np.array(["zeros", "circular"])), r"unknown padding"),
    (lambda: els_machine(window="round"), r"unknown window 'round'"),
    (lambda: els_machine(window=np.ones(3)), r"unknown window"),
    (lambda: els.IdealScoreMachine(IMAGES[0]), r"shape \(N, C, H, W\) and N >= 1, got \(1, 8, 8\)"),
    (lambda: els.IdealScoreMachine(IMAGES[:0]), r"N >= 1, got \(0, 1, 8, 8\)"),
    (
        lambda: els.IdealScoreMachine(IMAGES.numpy()),
        r"must be a tensor.*got ndarray: take torch.from_numpy\(images\)\.",
    ),
    (lambda: els.IdealScoreMachine(SET), r"must be a tensor.*got ImageSet: take its images, as in data.images\."),
    (
        lambda: els.IdealScoreMachine((IMAGES * 255).byte()),
        r"float32 or float64.*got torch.uint8: take images / 127.5 - 1",
    ),
    (
        lambda: els.IdealScoreMachine(IMAGES.to_sparse()),
        r"in memory, got torch.sparse_coo: take images",
    ),
    (lambda: els.IdealScoreMachine(IMAGES.half()), r"float32 or float64.*got torch.float16: take images.float\(\)\."),
    (lambda: els.IdealScoreMachine(IMAGES.log()), r"images: pixels must lie in \[-1, 1\].* got NaN"),
    (lambda: els.IdealScoreMachine(IMAGES / 0), r"images: pixels must lie in \[-1, 1\]"),
    (lambda: els.IdealScoreMachine((IMAGES + 1) * 127.5), r"\(uint8 / 127.5 - 1\), got some from \d.* to 2\d\d"),
    (lambda: els.IdealScoreMachine(IMAGES, image_labels=CLASSES[:3]), r"one label per image \(4\), got \(3,\)"),
    (lambda: els.IdealScoreMachine(IMAGES, image_labels=["a"] * 4), r"whole numbers, one label per image .*got list"),
    (lambda: els.IdealScoreMachine(IMAGES, image_labels=[0, 1]), r"one label per image \(4\), got \(2,\)"),
    (lambda: els.IdealScoreMachine(IMAGES, image_labels=[0.0] * 4), r"must be whole numbers, got torch.float32"),
    (lambda: els.IdealScoreMachine(IMAGES, image_labels=[True] * 4), r"must be whole numbers, got torch.bool"),
    (lambda: els.IdealScoreMachine(IMAGES, image_labels=[1j] * 4), r"must be whole numbers, got torch.complex64"),
    (
        lambda: els.IdealScoreMachine(IMAGES, memory="512MB"),
        r"memory must be a number of bytes, at least 1, got '512MB'",
    ),
    (lambda: els.IdealScoreMachine(IMAGES, memory=float("nan")), r"memory must be a number of bytes"),
    (lambda: els.IdealScoreMachine(IMAGES, memory=0), r"memory must be a number of bytes, at least 1, got 0"),
    (lambda: els.IdealScoreMachine(IMAGES, memory=True), r"memory must be a number of bytes, at least 1, got True"),
    (lambda: els_machine(patch_size=float("nan")), r"odd whole number of pixels, got nan"),
]
ASKING = [
    (lambda m: m(X.numpy(), 0.5), r"training images, B >= 1, got ndarray"),
    (lambda m: m(X[0], 0.5), r"shape \(B, 1, 8, 8\) of the training images, B >= 1, got \(1, 8, 8\)"),
    (lambda m: m(X[:0], 0.5), r"B >= 1, got \(0, 1, 8, 8\)"),
    (lambda m: m(X[..., :7], 0.5), r"shape \(B, 1, 8, 8\).*got \(2, 1, 8, 7\)"),
    (lambda m: m(X.double(), 0.5), r"x_t is torch.float64, the training images are torch.float32"),
    (lambda m: m(X.to_sparse(), 0.5), r"in memory, got torch.sparse_coo: take x_t.to_dense\(\)"),
    (lambda m: m(X.to("meta"), 0.5), r"x_t is meta, the training images are cpu"),
    (lambda m: m(holed(X), 0.5), r"x_t contains NaN"),
    (lambda m: m(X, 0), r"t must lie in \(0, 1\].*got 0"),
    (lambda m: m(X, 1.5), r"t must lie in \(0, 1\].*got 1.5"),
    (lambda m: m(X, float("nan")), r"t must lie in \(0, 1\].*got nan"),
    (lambda m: m(X, "half"), r"t must be one number, the same for the whole batch, got 'half'"),
    (lambda m: m(X, None), r"t must be one number.*got None"),
    (lambda m: m(X, torch.tensor([0.5, 0.6])), r"t must be one number.*got shape \(2,\)"),
    (lambda m: m(X, 0.5, labels="shirt"), r"one class or one per image \(2\), whole numbers, got 'shirt'"),
    (lambda m: m(X, 0.5, labels=True), r"whole numbers, got torch.bool"),
    (lambda m: m(X, 0.5, labels=7), r"label 7 has no images.*labels 0, 1"),
    (
        lambda m: m(X, 0.5, labels=[0, 1, 1]),
        r"one class or one per image \(2\), whole numbers, got torch.int64 of shape \(3,\)",
    ),
    (lambda m: m(X, 0.5, labels=1.0), r"whole numbers, got torch.float32"),
    (lambda m: m.posterior(X, 0.5, top=0), r"top must be a whole number of voters, at least 1, got 0"),
    (lambda m: m.posterior(X, 0.5, top=2.5), r"top must be a whole number of voters, at least 1, got 2.5"),
    (lambda m: m.posterior(X[0], 0.5), r"shape \(B, 1, 8, 8\)"),
]


def under_autocast(denoiser: Denoiser) -> torch.Tensor:
    with torch.autocast("cpu"):
        return denoiser(X, 0.5)


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
    assert els_machine(patch_size=[(np.float64(1), np.int32(3))]).size_at(0.5) == 3
    assert els_machine(patch_size=torch.tensor(5)).size_at(0.5) == 5
    assert els_machine(patch_size=[(torch.tensor(1.0), torch.tensor(3))]).size_at(0.5) == 3


def test_a_rotated_input_is_an_input() -> None:
    turned = torch.rot90(X, 1, (-2, -1))
    assert torch.equal(els_machine()(turned, 0.5), els_machine()(turned.contiguous(), 0.5))


def test_classes_may_be_a_list_or_an_array() -> None:
    answer = els_machine(image_labels=CLASSES)(X, 0.5, labels=1)
    for classes in (CLASSES.tolist(), CLASSES.numpy(), CLASSES.numpy().astype(np.uint8)):
        assert torch.equal(els_machine(image_labels=classes)(X, 0.5, labels=1), answer)


def test_labels_without_classes() -> None:
    with pytest.raises(els.CourseError, match="labels were given, but the machine was built without image_labels"):
        els.IdealScoreMachine(IMAGES)(X, 0.5, labels=0)


def test_too_little_memory() -> None:
    with pytest.raises(els.CourseError, match="need 10,368 bytes, but the memory budget is 1,000 bytes"):
        els_machine(memory=1000)(X, 0.5)
    with pytest.raises(els.CourseError, match="but the memory budget is 1 bytes"):
        els.LocalScoreMachine(IMAGES, patch_size=3, memory=1)(X, 0.5)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: els.CosineSchedule().times(0), "steps must be a whole number from 1 to 100,000, got 0"),
        (lambda: els.CosineSchedule(-1), "offset must be a number of at least 0, got -1"),
        (lambda: els.CosineSchedule("a"), "offset must be a number of at least 0, got 'a'"),
        (lambda: els.CosineSchedule(float("nan")), "offset must be a number of at least 0, got nan"),
        (lambda: els.sample(els_machine(), X, schedule=None), r"schedule must have alpha\(t\), sigma.*, got None"),
        (
            lambda: els.sample(lambda x_t, t: x_t, X, schedule="cosine"),
            r"schedule must have alpha\(t\).*, got 'cosine'",
        ),
        (
            lambda: els.IdealScoreMachine(IMAGES, None),
            r"schedule must have alpha\(t\), sigma.*, got None",
        ),
        (lambda: els.sample(lambda x_t, t: x_t, X, labels=1), r"must take \(x_t, t, labels\), but.*'labels'"),
        (lambda: els.sample(lambda x_t: x_t, X), r"the denoiser must take \(x_t, t\), but it does not: too many"),
        (lambda: els.sample(lambda x_t, t: [0], X), r"in the shape of x_t, \(2, 1, 8, 8\), got list"),
        (lambda: els.sample(lambda x_t, t: None, X), "the denoiser must answer in the shape of x_t, .* got NoneType"),
        (
            lambda: els.sample(lambda x_t, t: x_t.numpy(), X),
            "the denoiser must answer in the shape of x_t, .* got ndarray",
        ),
        (lambda: els.train(els.ResNet(width=4), IMAGES, progress=False), r"made with els.ImageSet.*, got Tensor"),
        (lambda: els.ImageSet(IMAGES.numpy()), "must be a tensor of floats .*, got ndarray"),
        (lambda: els.ImageSet(IMAGES, [0] * 4), r"labels must be an int64 tensor of shape \(4,\), .*, got list"),
        (lambda: els.IdealScoreMachine(IMAGES[:, :0]), r"N >= 1, got \(4, 0, 8, 8\)"),
        (lambda: els.CosineSchedule().times(None), "steps must be a whole number from 1 to 100,000, got None"),
        (lambda: els.CosineSchedule().times(float("inf")), "steps must be a whole number from 1 to 100,000, got inf"),
        (
            lambda: els.CosineSchedule().times(2_000_000_000),
            "steps must be a whole number from 1 to 100,000, got 2000000000",
        ),
        (lambda: els.sample(els_machine(), X, times=0.5), "at least two entries, got"),
        (
            lambda: els.sample(lambda x_t, t: x_t[0], X),
            r"the denoiser must answer in the shape of x_t, \(2, 1, 8, 8\), got \(1, 8, 8\)",
        ),
        (
            lambda: els.seeded_noise(5, (1, 8, 8)),
            r"seeds must be a list of whole numbers, such as \[7\] or range\(10\), got 5",
        ),
        (lambda: els.seeded_noise([], (1, 8, 8)), "at least one whole number, got an empty one"),
        (lambda: els.seeded_noise([0, 1.5], (1, 8, 8)), "whole numbers, at least 0 .*, got 1.5 among them"),
        (lambda: els.seeded_noise([2**32], (1, 8, 8)), r"whole numbers, at least 0 and below 2\^32, got 4294967296"),
        (lambda: els.seeded_noise([-1], (1, 8, 8)), r"whole numbers, at least 0 and below 2\^32, got -1"),
        (lambda: els.seeded_noise([0], (1, 8, 8), torch.int64), "dtype must be one of torch's float types"),
        (lambda: els.seeded_noise([0], (1, 8, 8), "float64"), "dtype must be one of torch's float types"),
        (lambda: els.seeded_noise([0], (1, 8, 8), torch.float8_e4m3fn), "dtype must be one of torch's float types"),
        (lambda: els_machine()(X.clone().requires_grad_(), 0.5), "x_t asks for a gradient, but machines have none"),
        (lambda: under_autocast(els_machine()), "torch.autocast would round their products to 3 digits"),
        (lambda: under_autocast(els.LocalFilter(IMAGES, patch_size=3)), "torch.autocast would round their products"),
        (lambda: els.ResNet(classes=0), "a network's classes must be a whole number of at least 1, got 0"),
        (lambda: els.ResNet(classes=2.0), "a network's classes must be a whole number of at least 1, got 2.0"),
        (lambda: els.ResNet(channels=-1), "a network's channels must be a whole number of at least 1, got -1"),
        (lambda: els.ResNet(layers="3"), "a network's layers must be a whole number of at least 1, got '3'"),
        (lambda: els.UNet(width=-4), "a network's width must be a whole number of at least 1, got -4"),
        (lambda: els.load_network("a" * 300), "unknown network"),
        (lambda: torch.func.jacrev(lambda x: els_machine()(x, 0.5))(X), "x_t asks for a gradient, but machines have"),
        (lambda: els.WienerFilter(IMAGES)(X.clone().requires_grad_(), 0.5), "x_t asks for a gradient, but machines"),
        (lambda: els_machine()(1e7 * X, 0.5), r"x_t has pixels of up to .*e\+0\d: noised images lie within about 10"),
        (
            lambda: els.sample(lambda x_t, t: x_t, X, schedule=Exploding()),
            r"alpha\^2 \+ sigma\^2 = 26 at t = 1: ",
        ),
        (lambda: els.sample(Exploding.machine(3.0), X, times=[0.5, 0], schedule=Exploding()), "with another schedule"),
        (lambda: els.with_first_step(Exploding.machine(), els_machine()), "the denoiser has the schedule"),
        (lambda: els.IdealScoreMachine(IMAGES, Timeless()), r"alpha\(t\), sigma\(t\) and times\(steps\)"),
        (
            lambda: els.add_noise(None, X, 0.5),
            "images and noise must be tensors of floats, got NoneType and torch.float32",
        ),
        (lambda: els.add_noise(X, X, 0.5, 5), "schedule must have alpha"),
        (lambda: els.NetworkDenoiser(lambda x_t, t, labels: x_t), "module must be a torch.nn.Module, .* got function"),
        (lambda: els.NetworkDenoiser(els.ResNet(), "mine"), "card must be a dict, such as .*, got 'mine'"),
        (lambda: els.train(lambda x_t, t, labels: x_t, SET), "the network must be a torch.nn.Module, .* got function"),
        (lambda: els.train(els.ResNet(), SET, 5), r"plan must be an els.TrainingPlan\(...\), got int"),
        (
            lambda: els.train(els.ResNet().double(), SET),
            r"but this one holds torch.float64: call network.f",
        ),
        (lambda: els.load(IMAGES), r"got Tensor: for images that you have in memory, use els.ImageSet"),
        (lambda: els.load("nowhere.npy"), "nowhere.npy does not exist"),
        (lambda: els.load("x" * 5000), "unknown dataset 'xxx"),
        (lambda: els.load("./" + "x" * 5000 + ".npy"), "holds no images, or is incomplete"),
        (lambda: els.load_network(IMAGES), r"unknown network tensor\(\[.*"),
        (lambda: plotting.image_rows({"a": (255 * X).byte()}), "row 'a' must hold floats, .*, got torch.uint8"),
        (
            lambda: els.seeded_noise([0, 1], (2**40, 2**20)),
            r"not enough memory for 2 images of shape \(1099511627776, 1048576\)",
        ),
        (lambda: els.seeded_noise([0], 8), r"shape must be that of one image, such as \(1, 16, 16\), got 8"),
        (lambda: els.seeded_noise([0], ()), r"shape must be that of one image, .*, got \(\)"),
        (lambda: els.seeded_noise([0], (1, 8.0, 8)), "shape must be that of one image"),
        (lambda: els.seeded_noise([0], (1, -8, 8)), "shape must be that of one image"),
        (lambda: els.sample(els_machine(), None), "noise must be a tensor of floats, got NoneType"),
        (lambda: els.sample(lambda x_t, t: x_t, X.int()), "noise must be a tensor of floats, got torch.int32"),
        (lambda: els.sample(lambda x_t, t: x_t, X / 0), "noise contains NaN or infinite pixels"),
        (lambda: els.sample(None, X), r"a denoiser must be callable, as denoiser\(x_t, t\), got NoneType"),
        (
            lambda: els.sample(els.IdealScoreMachine, X),
            r"got the class IdealScoreMachine: build one, such as IdealScoreMachine\(images\)\.",
        ),
        (lambda: els.shift_error(els.WienerFilter, X, 0.5, (1, 0)), "got the class WienerFilter: build one"),
        (lambda: els.calibrate(els.IdealScoreMachine(IMAGES), els_machine()), "needs a machine with patches, LS or"),
        (lambda: els.calibrate(lambda x_t, t: x_t, els_machine()), "a machine with patches, .* got function"),
        (
            lambda: els.calibration_table(els.IdealScoreMachine(IMAGES), els_machine(), (3, 5), X),
            "a machine with patches, LS or ELS, got IdealScoreMachine",
        ),
        (lambda: els.sample(els_machine(), X, times=torch.tensor(0.5)), "at least two entries, got"),
        (lambda: els.CosineSchedule().alpha(10**400), "t must be one number"),
        (lambda: els.add_noise(IMAGES[:3], X, 0.5), "images and noise must have one shape"),
        (lambda: els.compare(X.numpy(), X), "prediction must be a tensor of floats .*got ndarray"),
        (
            lambda: els.compare(X[0], X[0]),
            r"prediction must be .* shape \(B, C, H, W\), B >= 1, got torch.float32 \(1, 8, 8\)",
        ),
        (lambda: els.nearest_training_image(X.double(), IMAGES), "must have one shape, type and device"),
        (lambda: els.nearest_training_image(X, IMAGES[:0]), "images must be a tensor"),
        (lambda: els.nearest_training_image(holed(X), IMAGES), "x contains NaN"),
        (
            lambda: els.nearest_training_image(X.half(), IMAGES.half()),
            r"float32 or float64, got torch.float16: convert both with .float\(\)",
        ),
        (lambda: els.shift_error(3, X, 0.5, (1, 0)), "a denoiser must be callable, .*, got int"),
        (lambda: els.shift_error(lambda x_t, t: x_t, X, 0.5, 1), r"shift must be \(rows, columns\), .*, got 1"),
        (lambda: els.shift_error(lambda x_t, t: x_t, X, 0.5, (1, 0.5)), r"two whole numbers, got \(1, 0.5\)"),
        (lambda: els.shift_error(lambda x_t, t: x_t.mean(), X, 0.5, (1, 0)), r"in the shape of x_t, .* got \(\)"),
        (lambda: els.novelty(X, IMAGES, IMAGES), "at least half of the held-out images are training images"),
        (lambda: els.novelty(X, IMAGES, X[0]), r"held_out must be a tensor of floats .* \(1, 8, 8\)"),
        (lambda: els.novelty(X, IMAGES, X / 0), "held_out contains NaN"),
        (lambda: els.CosineSchedule().alpha(2), r"t must lie in \[0, 1\]"),
        (lambda: els.sample(els_machine(), X, times=[0.1, 0.5]), "times must decrease strictly"),
        (lambda: els.sample(els_machine(), X, times=[0.1]), "at least two entries"),
        (lambda: els.add_noise(X, X[..., :3], 0.5), "images and noise must have one shape"),
        (lambda: els.compare(X, X[:1]), "prediction and target must have one shape"),
        (
            lambda: els.compare(X.to("meta"), X),
            r"one shape and device, got \(2, 1, 8, 8\) on meta and \(2, 1, 8, 8\) on cpu",
        ),
        (
            lambda: els.nearest_training_image(X, IMAGES.to("meta")),
            r"got \(1, 8, 8\) torch.float32 on cpu and \(1, 8, 8\) torch.float32 on meta",
        ),
        (lambda: els.nearest_training_image(X, IMAGES[..., :4]), "must have one shape"),
        (lambda: els.lab("laptp", verbose=False), "unknown lab 'laptp': did you mean laptop"),
        (lambda: els.lab(["gpu"], verbose=False), "unknown lab .*gpu"),  # type: ignore[arg-type]
        (lambda: els.lab(dataset=X, verbose=False), "got Tensor: for images that you have in memory, use els.ImageSet"),
        (lambda: els.lab(dataset="", verbose=False), "name must be that of a data set .*got ''"),
        (lambda: els.lab(network=X, verbose=False), r"unknown network tensor\(\["),
        (lambda: els.lab(network="", verbose=False), "unknown network ''"),
        (lambda: els.lab(device="cdua", verbose=False), "unknown device 'cdua': choose cpu, or cuda for an NVIDIA GPU"),
        (lambda: els.lab(device=3.5, verbose=False), "unknown device '3.5': choose cpu, or cuda for an NVIDIA GPU"),
        (lambda: els.lab(device="", verbose=False), "unknown device ''"),
        (lambda: els.lab("gpu", device="cpu", verbose=False), "gpu lab is not here yet: `elscourse train fashion"),
        (lambda: els.lab(device="mps", verbose=False), "mps has no float64"),
        (lambda: els.lab(verbose=False).machine("els-zero"), "unknown machine 'els-zero': did you mean els-zeros"),
        (lambda: els.lab(verbose=False).machine(None), "unknown machine None"),
        (lambda: els.lab(verbose=False).patch_machine("els", 3), "unknown patch machine 'els': did you mean"),
        (lambda: els.load_network(None), "unknown network None"),
        (lambda: els.lab(verbose=False).patch_sizes("is"), "unknown machine with windows 'is'.* Choose one of: bent-"),
        (lambda: els.lab(verbose=False).patch_sizes("els-zero"), "windows 'els-zero': did you mean els-zeros"),
        (lambda: els.lab(verbose=False).patch_sizes("els-circular"), "no calibrated sizes for els-circular: run"),
        (lambda: els_machine()(-1e7 * X.abs(), 0.5), r"x_t has pixels of up to .*e\+0\d"),
        (lambda: els_machine()(torch.full_like(X, -torch.inf), 0.5), "x_t contains NaN or infinite"),
        (lambda: els.nearest_training_image(X, holed(IMAGES)), "images contain NaN"),
        (lambda: els.add_noise(X, X[..., :1], 0.5), "images and noise must have one shape"),
        (lambda: els.sample(els_machine(), X, times=[0.5, 0.5, 0]), "times must decrease strictly"),
        (lambda: els.IdealScoreMachine(IMAGES, els.CosineSchedule), r"schedule must have alpha\(t\), sigma\(t\) and"),
        (lambda: els.add_noise((IMAGES * 127).byte(), X, 0.5), "must be tensors of floats, got torch.uint8"),
        (lambda: els.compare(X, holed(X)), "contains NaN or infinite pixels: there is nothing to compare"),
        (lambda: els.IdealScoreMachine(IMAGES, image_labels=torch.ones(4)), "must be whole numbers, got torch.float32"),
        (
            lambda: els.IdealScoreMachine(IMAGES, image_labels=CLASSES.to(torch.uint8))(X, 0.5, labels=257),
            "label 257 has no images",
        ),
        (lambda: els.reference.local(X, IMAGES[..., :5, :5], 0.9, 0.4, 3), r"must have one shape \(C, H, W\)"),
        (lambda: els.reference.local(X, IMAGES, 0.9, 0.4, True), "odd whole number"),
        (lambda: save_network(els.ResNet(), {}, "here"), 'saved under the "name" on its card'),
        (lambda: els.lab(verbose=False).held_out(1.5), "whole number of images, at least 1, got 1.5"),
        (lambda: els.lab(verbose=False).held_out(-1), "whole number of images, at least 1, got -1"),
        (lambda: els.CosineSchedule().times(2.5), "steps must be a whole number from 1 to 100,000, got 2.5"),
        (lambda: els_machine(patch_size=True), "odd whole number of pixels, got True"),
        (lambda: els.CosineSchedule(float("inf")), "offset must be a number of at least 0, got inf"),
    ],
)
def test_the_rest(call, sentence: str) -> None:
    with pytest.raises(els.CourseError, match=sentence):
        call()


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is present")
@pytest.mark.parametrize(
    "call",
    [
        lambda lab: els.IdealScoreMachine(IMAGES, lab),
        lambda lab: els.IdealScoreMachine(IMAGES, IMAGES),  # type: ignore[arg-type]
        lambda lab: els.calibrate(els_machine(), els_machine(), lab),
        lambda lab: els.load("fashion-mnist", size=lab),
        lambda lab: els.load("fashion-mnist", n=lab),
        lambda lab: els.load("a" * 5000),
        lambda lab: els.NetworkDenoiser(lab.network.module, lab.network.module),
        lambda lab: els_machine(patch_size=IMAGES),
        lambda lab: els_machine(patch_size=lab.sizes),
        lambda lab: els_machine(padding=lab.network),
        lambda lab: els.load_network(lab.network),
        lambda lab: els.seeded_noise(lab.network, (1, 8, 8)),
        lambda lab: els.shift_error(els_machine(), X, 0.5, lab),
    ],
)
def test_what_was_given_is_shown_on_one_line(call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(els.CourseError, match=r"\.\.\.") as error:
        call(els.lab(verbose=False))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    "call",
    [
        lambda lab, true: lab.held_out(true),
        lambda lab, true: lab.one_label(true),
        lambda lab, true: els.calibrate(els_machine(), els_machine(), samples=true),
        lambda lab, true: els.load("fashion-mnist", n=true),
        lambda lab, true: els.load("fashion-mnist", size=true),
        lambda lab, true: els.seeded_noise([true], (1, 8, 8)),
        lambda lab, true: els.ResNet(layers=true),
        lambda lab, true: els.reference.local(X, IMAGES, 0.9, 0.4, true),
        lambda lab, true: els_machine().posterior(X, 0.5, top=true),
        lambda lab, true: TrainingPlan(steps=true).resolved(torch.device("cpu")),
    ],
)
@pytest.mark.parametrize("true", [True, np.True_, torch.tensor(True)])
def test_a_truth_value_is_no_whole_number(call, true: object) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(els.CourseError, match=r"whole number|is not a class"):
        call(els.lab(network="fashion-mnist-16-resnet-zeros-conditional", verbose=False), true)


def test_whole_numbers_of_other_libraries() -> None:
    whole = [2, np.int64(2), np.uint8(2), torch.tensor(2)]
    assert [errors.whole_number(n, 2, 2) for n in whole] == [2] * 4
    assert [errors.whole_number(n, 0) for n in (-1, 2.0, "2", None, [2], np.float64(2), torch.tensor(2.0))] == [
        None
    ] * 7


@pytest.mark.parametrize("refuse", [lambda given: els_machine(padding=given), lambda given: reference_padding(given)])
@pytest.mark.parametrize(
    ("given", "shown"), [(None, "None"), (5, "5"), ("nought", "'nought'"), (np.zeros(2), r"array\(.*\)")]
)
def test_a_wrong_name_is_shown_as_it_was_given(refuse, given: object, shown: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(els.CourseError, match=rf"unknown padding {shown}\. Choose"):
        refuse(given)


def reference_padding(padding: Any) -> torch.Tensor:
    return els.reference.local_wiener(X, IMAGES, 0.9, 0.4, 3, padding)


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(els.CourseError, match=r"device cuda was asked for, but this computer has: cpu"):
        els.lab(device="cuda", verbose=False)
    for choose in (pick_device, lambda number: els.lab(device=number, verbose=False)):
        with pytest.raises(els.CourseError, match=r"device '?(cuda:)?0'?"):  # in torch's words GPU 0, and not the CPU
            choose(0)


def test_more_gpus_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [str(pick_device(name)) for name in ("cuda", "cuda:1", "cpu")] == ["cuda", "cuda:1", "cpu"]
    for name in ("cuda:2", "cuda:9", "vulkan"):
        with pytest.raises(els.CourseError, match=rf"device {name} was asked for, but .* has: cpu, cuda:0, cuda:1; "):
            pick_device(name)


@pytest.mark.parametrize("threads", ["0", "two", "-1", "1.5", "9999999999"])
def test_a_number_of_threads(threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELSCOURSE_THREADS", threads)
    with pytest.raises(els.CourseError, match="ELSCOURSE_THREADS must be a whole number of threads from 1 to 1024"):
        els.lab(verbose=False)


def test_threads_are_those_asked_for_without_a_lab() -> None:
    """As soon as the package is imported; what is no number is refused by whoever chooses a device."""
    script = "import torch, elscourse; print(torch.get_num_threads())"
    for threads, taken in (("1", "1"), ("3", "3"), ("two", "2")):
        assert python("-c", script, ELSCOURSE_THREADS=threads, OMP_NUM_THREADS="2").strip() == taken


def test_threads_set_after_the_import_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.setenv("ELSCOURSE_THREADS", "3")
    try:
        torch.set_num_threads(2)
        assert str(pick_device()) == "cpu" and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_who_waits_for_the_engine_does_not_take_its_one_thread_for_torchs() -> None:
    before, seen, inside, leave = torch.get_num_threads(), [], threading.Event(), threading.Event()

    def first() -> None:
        with devices.workers(2):
            inside.set()
            leave.wait(30)

    def second() -> None:
        with devices.workers(2):
            pass

    run = [threading.Thread(target=work) for work in (first, second, lambda: seen.append(torch.get_num_threads()))]
    torch.set_num_threads(2)
    try:
        run[0].start()
        assert inside.wait(30)
        run[1].start()
        while devices._threads._users < 2 and run[1].is_alive():
            time.sleep(0.01)
        leave.set()
        run[0].join()
        run[1].join()
        run[2].start()
        run[2].join()
        assert seen == [2]
    finally:
        torch.set_num_threads(before)


def test_a_thread_that_starts_beside_the_engine_counts_as_many_threads() -> None:
    before, seen = torch.get_num_threads(), []
    beside = threading.Thread(target=lambda: seen.extend([torch.get_num_threads(), devices.thread_count()]))
    torch.set_num_threads(2)
    try:
        with devices.workers(2):
            beside.start()
            beside.join()
        assert seen == [1, 2] and devices.thread_count() == 2
    finally:
        torch.set_num_threads(before)


def test_keys_that_do_not_fit_are_refused_before_they_are_cut() -> None:
    machine = els.EquivariantScoreMachine(torch.zeros(1, 1, 512, 512))  # all shifts of it: 256 GiB
    with pytest.raises(els.CourseError, match=r"the keys of one image need .* bytes, but the memory budget is"):
        machine(machine.images, 0.5)


def test_the_number_of_threads_is_respected_and_changes_no_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    images = els.load("fashion-mnist", size=16, n=100).images
    machine = els.EquivariantLocalScoreMachine(images, patch_size=5, tolerance=1e-3)
    before, pools = torch.get_num_threads(), []

    class Pool(ThreadPoolExecutor):
        def __init__(self, workers: int):
            pools.append(workers)
            super().__init__(workers)

    monkeypatch.setattr("elscourse.devices.ThreadPoolExecutor", Pool)
    answers = []
    try:
        for threads in (1, 2, 3):
            monkeypatch.setenv("ELSCOURSE_THREADS", str(threads))
            respect_threads()
            pools.clear()
            answers += [[machine(images[:2], t) for t in (0.1, 0.5)]]
            assert set(pools) == {threads} and torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for one, other in zip(answers[0] * 2, answers[1] + answers[2], strict=True):
        assert torch.equal(one, other), "the same image on every number of threads"


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda d, z: d(z.numpy(), 0.5), "x_t must be a tensor of floats"),
        (lambda d, z: d(z[0], 0.5), r"shape \(B, C, H, W\), B >= 1, got torch.float32 \(1, 16, 16\)"),
        (lambda d, z: d(z.double(), 0.5), r"x_t is torch.float64 on cpu, but fashion-.* is torch.float32 on cpu: "),
        (lambda d, z: d(z.repeat(1, 3, 1, 1), 0.5), r"draws images of 1 channel\(s\), but x_t has 3"),
        (lambda d, z: d(z, "half"), "t must be one number"),
        (lambda d, z: d(z, 0.5, labels=1), "knows no classes"),
    ],
)
def test_asking_a_network(ask, sentence: str) -> None:
    with pytest.raises(els.CourseError, match=sentence):
        ask(els.load_network("fashion-mnist-16-resnet-zeros"), pictures(2, 1, 16, 16))


def test_images_that_do_not_fit_the_network(tmp_path: Path) -> None:
    np.save(tmp_path / "colour.npy", pictures(6, 3, 16, 16).numpy())
    with pytest.raises(els.CourseError, match=r"colour has 3 channels .* was trained on 1: give other images"):
        els.lab(dataset=tmp_path / "colour.npy", verbose=False)
    np.save(tmp_path / "three.npy", pictures(6, 1, 16, 16).numpy())
    told = "fashion-mnist-16-resnet-zeros-conditional"
    for labels, count in ((None, 0), (np.arange(6) * 2, 11)):
        if labels is not None:
            np.save(tmp_path / "three.labels.npy", labels)
        with pytest.raises(els.CourseError, match=rf"three has {count} classes, but {told} was told 10"):
            els.lab(network=told, dataset=tmp_path / "three.npy", verbose=False)
    assert len(els.lab(dataset=tmp_path / "three.npy", verbose=False).data) == 6
    for k in range(3):
        (tmp_path / f"folder/{k}").mkdir(parents=True)
        Image.new("L", (16, 16), 9 * k).save(tmp_path / f"folder/{k}/0.png")
    with pytest.raises(els.CourseError, match=rf"folder has 3 classes, but {told} was told 10"):
        els.lab(network=told, dataset=tmp_path / "folder", verbose=False)
    np.save(tmp_path / "three.labels.npy", np.array([0, 1, 2, 8, 8, 8]))  # the last class has no image
    assert len(els.lab(network=told, dataset=tmp_path / "three.npy", verbose=False).data) == 6


def test_of_a_folders_first_images_only_the_classes_that_they_have_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("ape/0", "ape/1", "bee/0", "cat/0", "dog/0", "dog/1")):
        Path("few", name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(Path("few", f"{name}.png"))
    ok("train", "own", "--dataset", "few", "--conditional", "--n", "3", "--width", "4", "--steps", "2")
    ok("calibrate", "own", "--samples", "3", "--steps", "2", "--largest", "3")
    lab = els.lab(network="own", verbose=False)
    assert len(lab.data.class_names) == 4 and lab.labels_for(range(5)).tolist() == [0, 1, 0, 1, 0]
    with pytest.raises(els.CourseError, match="label 2 is not a class of few; its classes are 0 ape, 1 bee"):
        lab.one_label(2)
    assert lab.network.card["data"]["size"] == [8, 8], "the size at which other images are read for it"
    shipped = els.lab(network="fashion-mnist-16-resnet-zeros-conditional", verbose=False)
    assert shipped.labels_for(range(100)).tolist() == [seed % 10 for seed in range(100)]
    seeds = torch.tensor([3, 14, 2])
    assert shipped.labels_for(seeds).tolist() == [3, 4, 2] and len(els.seeded_noise(seeds, (1, 2, 2))) == 3
    for wrong in ([1.5], 3, [-1], []):
        with pytest.raises(els.CourseError, match="seeds must be"):
            shipped.labels_for(wrong)
    for label in (10, -1, "a", None, 3.0, True):
        with pytest.raises(els.CourseError, match=rf"label {label!r} is not a class of .* are 0 t-shirt"):
            shipped.one_label(label)
    assert els.lab(verbose=False).labels_for(range(3)) is None


def test_training_a_network_of_ones_own() -> None:
    class Affine(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gain = torch.nn.Parameter(torch.zeros(()))

        def forward(self, x_t: torch.Tensor, t: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
            assert labels is None
            return self.gain * x_t

    data = els.ImageSet(IMAGES, torch.tensor([0, 1, 2, 3]), tuple("abcd"), "four")
    average, _ = els.train(Affine(), data, TrainingPlan(steps=3, batch=2, ema=0.0), progress=False)
    assert average.gain > 0  # at much noise, the noise is x_t


def test_images_of_one_grey_value_cannot_be_compared(tmp_path: Path) -> None:
    np.save(tmp_path / "grey.npy", np.zeros((20, 1, 16, 16), np.float32))
    steps = ("--seeds", "1", "--steps", "1", "--network-steps", "1")
    result = run("reproduce", "--dataset", str(tmp_path / "grey.npy"), *steps, "--out", str(tmp_path / "run"))
    assert result.exit_code == 1 and "for which r is undefined: are the training images constant?" in result.output


def test_images_without_classes_are_told_how_to_get_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a/0.png", "b/0.png", "stray.png"):
        Path("three", name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8)).save(Path("three", name))
    np.save("mine.npy", pictures(6, 1, 8, 8).numpy())
    for images, advice in (
        ("three", ", as stray.png lies in no subfolder: put every image into one that is named after its class."),
        ("mine.npy", ": write one whole number per image, from 0 on, into NAME.labels.npy beside NAME.npy."),
    ):
        result = run("train", "own", "--dataset", images, "--conditional")
        said = f"a class-conditional network needs classes, but {Path(images).stem} has none{advice}"
        assert result.exit_code == 1 and said in " ".join(result.output.split())


@pytest.mark.parametrize("channels", [2, 4])
def test_images_that_cannot_be_drawn(channels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("layers.npy", pictures(6, channels, 8, 8).numpy())
    ok("train", "own", "--dataset", "layers.npy", "--width", "4", "--steps", "1")
    ok("calibrate", "own", "--samples", "1", "--steps", "1", "--largest", "3")
    before = sorted(tmp_path.rglob("*"))
    for command in (("reproduce", "--seeds", "1", "--steps", "1", "--network-steps", "2"), ("sample", "--steps", "1")):
        result = run(*command, "--network", "own")
        assert result.exit_code == 1 and sorted(tmp_path.rglob("*")) == before
        assert f"images of layers must have 1 channel (grey) or 3 (red, green, blue), got {channels}" in result.output


def test_the_home_of_nobody() -> None:
    for path in ("~nobody-of-that-name/images", "~nobody-of-that-name/images.npy"):
        with pytest.raises(els.CourseError, match="nobody-of-that-name"):
            els.load(path)


def test_what_is_written_to_ones_own_folder_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell leaves the ~ of --out=~/x as it is, and Python that of a name in quotes."""
    home, work = tmp_path / "home", tmp_path / "work"
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    work.mkdir()
    monkeypatch.chdir(work)
    np.save("mine.npy", pictures(6, 1, 8, 8).numpy())
    ok("train", "own", "--dataset", "mine.npy", "--width", "4", "--steps", "1", "--out=~/nets")
    ok("sample", "--network", "~/nets/own.json", "--seeds", "1", "--steps", "1", "--out=~/drawn.png")
    data, plan = els.load("mine.npy"), TrainingPlan(steps=1, batch=2)
    train(build_network("resnet", width=4), data, plan, checkpoint="~/state", progress=False)
    machine, denoiser = els.EquivariantLocalScoreMachine(data.images, patch_size=3), els.load_network("~/nets/own")
    calibration_table(machine, denoiser, [3], data.images[:2], steps=1, checkpoint="~/table.npz", progress=False)
    CalibratedSizes("own", "", [0], 1).save("~/sizes.json")
    assert CalibratedSizes.load("~/sizes.json").network == "own"
    save_network(denoiser.module, {**denoiser.card, "name": "again"}, "~/nets")
    written = {"nets/own.json", "nets/again.json", "drawn.png", "state", "table.npz", "sizes.json"}
    assert all((home / name).is_file() for name in written)
    assert [path.name for path in work.iterdir()] == ["mine.npy"]


ANOTHER = "--machine", "els-circular"


def test_what_another_calibration_has_begun_does_not_pass_for_fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is stopped, a third one replaces the first: then the second is not told again to replace anything."""
    monkeypatch.chdir(tmp_path)
    np.save("images.npy", pictures(6, 1, 8, 8).numpy())
    ok("train", "own", "--dataset", "images.npy", "--width", "4", "--steps", "1")
    card = next(tmp_path.rglob("own.json"))
    settings = ("own", "--samples", "1", "--largest", "3", "--steps")
    ok("calibrate", *settings, "1")
    sha256 = json.loads(card.read_text())["sha256"]
    begun = card.with_name(f"own.sizes.els-zeros-{sha256[:8]}-15.npz")  # of a larger largest size
    begun.touch()
    ok("calibrate", *settings, "2", "--fresh")
    assert not begun.exists()
    refused = run("calibrate", "own", "--samples", "1", "--steps", "3")
    assert refused.exit_code == 1 and "use the same settings, or --fresh" in refused.output


def test_sizes_that_came_with_the_course_stay() -> None:
    name = "fashion-mnist-16-resnet-zeros"
    path = data_dir() / "networks" / f"{name}.sizes.json"
    before = path.read_bytes()
    shipped = os.path.relpath(path.with_name(f"{name}.json"))
    calls = ((name, "--samples", "1"), (shipped, "--steps", "1"), (name, "--largest", "3"), (name, *ANOTHER))
    results = [run("calibrate", *call) for call in calls]
    after = path.read_bytes()
    path.write_bytes(before)  # whatever happened: they are those of the course
    assert after == before
    for result in results:
        assert (
            result.exit_code == 1
            and "came with the course, and this would change it: copy fashion-mnist-16-resnet-zeros.json and"
            in result.output
        )


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        ({"steps": 2.5}, "a plan needs whole numbers steps >= 1"),
        ({"batch": "2"}, "a plan needs whole numbers"),
        ({"seed": 2**32}, r"0 <= seed < 2\^32"),
        ({"learning_rate": "1e-3"}, "0 < learning_rate <= 1, got"),
        ({"learning_rate": -1.0}, "0 < learning_rate <= 1, got"),
        ({"learning_rate": math.inf}, "0 < learning_rate <= 1, got"),
        ({"warmup": 2.0}, "0 <= warmup < 1"),
        ({"steps": 1, "warmup": 1.0}, "0 <= warmup < 1"),
        ({"steps": 1, "ema": 1.0}, "0 <= ema < 1"),
        ({"steps": 1, "learning_rate": 0.0}, "0 < learning_rate <= 1, got"),
        ({"steps": 1, "batch": 0}, "batch >= 1"),
        ({"steps": 1, "seed": -1}, "0 <= seed"),
        ({"steps": 5, "batch": 2, "learning_rate": 1e30}, "0 < learning_rate <= 1, got"),
    ],
)
def test_plans_that_cannot_be_followed(plan: dict[str, Any], sentence: str) -> None:
    data = els.ImageSet(IMAGES, None, (), "noise")
    with pytest.raises(els.CourseError, match=sentence):
        els.train(els.ResNet(width=4, layers=1), data, TrainingPlan(**plan), progress=False)


def test_a_checkpoint_must_be_a_path() -> None:
    data, once = els.ImageSet(IMAGES, None, (), "noise"), TrainingPlan(steps=1, batch=2)
    with pytest.raises(els.CourseError, match=r"a path must be text or a pathlib.Path, .*, got 3\."):
        els.train(els.ResNet(width=4, layers=1), data, once, checkpoint=3, progress=False)  # type: ignore[arg-type]


def test_training_on_what_does_not_fit(tmp_path: Path) -> None:
    data = els.ImageSet(IMAGES, torch.tensor([0, 1, 2, 3]), tuple("abcd"), "four")
    plan = TrainingPlan(steps=1, batch=2)
    with pytest.raises(els.CourseError, match=r"can be told the classes 0 ... 2, but four has labels from 0 to 3"):
        els.train(els.ResNet(width=4, layers=1, classes=3), data, plan, progress=False)
    unnamed = els.ImageSet(IMAGES, torch.tensor([-1, 0, 1, 2]))
    with pytest.raises(els.CourseError, match=r"the classes 0 ... 2, but images has labels from -1 to 2"):
        els.train(els.ResNet(width=4, layers=1, classes=3), unnamed, plan, progress=False)
    for network in (els.ResNet(3, width=4, layers=1), els.UNet(3, width=4)):
        with pytest.raises(els.CourseError, match=r"draws images of 3 channels .* but four has 1: build it with chann"):
            els.train(network, data, plan, progress=False)
    with pytest.raises(els.CourseError, match="unknown device 'gpu'"):
        els.train(els.ResNet(width=4, layers=1), data, plan, device="gpu", progress=False)
    plan = TrainingPlan(steps=np.int64(1), batch=2)
    els.train(els.ResNet(width=4, layers=1), data, plan, checkpoint=str(tmp_path / "state.safetensors"), progress=False)
    assert (tmp_path / "state.safetensors").exists()


def test_a_warning_of_a_command_is_one_line(tmp_path: Path) -> None:
    np.save(tmp_path / "bright.npy", (pictures(6, 1, 8, 8).numpy() + 1) / 2)
    own = ("train", "own", "--dataset", "bright.npy", "--width", "4", "--steps", "1")
    command = [sys.executable, "-m", "elscourse", *own]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    told = [line for line in said.stderr.splitlines() if "pixel" in line or ".py" in line or "return" in line]
    assert told == ["Warning: bright: no pixel is below 0. If the pixels are in [0, 1], take 2 * images - 1."]


@pytest.mark.parametrize("name", ["", "..", "../evil", "a/b", "own.json", "x" * 201, "網" * 67])
def test_a_network_gets_the_name_of_a_file(name: str) -> None:
    result = run("train", name, "--dataset", "fashion-mnist", "--steps", "1")
    assert result.exit_code == 1 and "a network's name must be a file name without its suffix" in result.output


@pytest.mark.parametrize(
    "seeds", ["0-9999999999", "0-99999999999999999999", "0-9999,0-9999", "1,5-3", "x", "5-", "1-2-3"]
)
def test_seeds_on_the_command_line(seeds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "trajectory", lambda *_, **__: pytest.fail("these seeds were drawn"))
    result = run("sample", "--seeds", seeds)
    assert result.exit_code == 2 and "Traceback" not in result.output and "seeds" in result.output


def test_a_card_that_was_edited(tmp_path: Path) -> None:
    source = data_dir() / "networks" / "fashion-mnist-16-resnet-zeros.json"
    card = json.loads(source.read_text())
    shutil.copy(source.with_suffix(".safetensors"), tmp_path / "own.safetensors")
    for config in ({**card["config"], "width": 8}, {**card["config"], "depth": 3}, None):
        (tmp_path / "own.json").write_text(json.dumps({**card, "config": config}))
        with pytest.raises(
            els.CourseError, match=r"own\.json does not describe the weights beside it \(.*restore both"
        ):
            els.load_network(tmp_path / "own.json")
    (tmp_path / "own.json").write_text(json.dumps({k: v for k, v in card.items() if k != "data"}))
    with pytest.raises(els.CourseError, match="does not say which images it was trained on"):
        els.lab(network=tmp_path / "own.json", verbose=False)


def test_a_run_whose_files_are_damaged(tmp_path: Path) -> None:
    command = ("reproduce", "--seeds", "1", "--steps", "1", "--network-steps", "1", "--out", str(tmp_path / "run"))
    ok(*command)
    part = tmp_path / "run" / "parts" / "is-00000.npz"
    whole = part.read_bytes()
    for damaged in (whole[:-50], whole[:100], b"", b"nothing"):
        part.write_bytes(damaged)
        result = run(*command)
        assert result.exit_code == 1 and "is-00000.npz is damaged: delete it and run again" in result.output
    part.write_bytes(whole)
    for wrong in ("{", "[1]"):
        (tmp_path / "run" / "parts" / "settings.json").write_text(wrong)
        result = run(*command)
        assert result.exit_code == 1 and "settings.json is damaged" in result.output, result.output


def test_a_finished_network_is_not_trained_again_nor_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own = ("train", "own", "--dataset", "fashion-mnist", "--size", "8", "--width", "4", "--steps", "2")
    ok(*own, "--n", "20")
    weights = Path("runs/networks/own.safetensors")
    before = weights.stat().st_mtime_ns
    assert "is trained" in ok(*own, "--n", "20") and weights.stat().st_mtime_ns == before
    result = run(*own, "--n", "21")
    assert result.exit_code == 1 and "was made by another recipe (other data): choose another name" in result.output
    assert weights.stat().st_mtime_ns == before
    weights.write_bytes(b"damaged")
    ok(*own, "--n", "20")
    ok(*own, "--n", "21", "--fresh")
    assert els.load_network("own").card["data"]["n"] == 21


def test_a_network_knows_its_images_from_others_in_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("mine.npy", pictures(6, 1, 8, 8).numpy())
    own = ("train", "own", "--dataset", "mine.npy", "--width", "4", "--steps", "2")
    ok(*own)
    card = Path("runs/networks/own.json").resolve()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert len(els.lab(network=card, verbose=False).data) == 6, "from another folder too"
    monkeypatch.chdir(tmp_path)
    np.save("mine.npy", pictures(6, 1, 8, 8, seed=5).numpy())
    result = run(*own)
    assert result.exit_code == 1 and "made by another recipe (other data)" in result.output
    for command in ("calibrate", "sample"):
        result = run(command, *([] if command == "calibrate" else ["--network"]), "own")
        assert result.exit_code == 1 and "no longer holds the images that own was trained on" in result.output
    assert len(els.lab(network="own", dataset="mine.npy", verbose=False).data) == 6


def test_images_may_move_to_another_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("mine.npy", pictures(6, 1, 8, 8).numpy())
    own = ("train", "own", "--width", "4", "--steps", "2", "--dataset")
    ok(*own, "mine.npy")
    weights = Path("runs/networks/own.safetensors").read_bytes()
    Path("mine.npy").rename("moved.npy")
    result = run("sample", "--network", "own")
    said = (
        "If they have moved, run its `elscourse train` again with the new place as --dataset: it only notes the place."
    )
    assert result.exit_code == 1 and said in " ".join(result.output.split())
    card = Path("runs/networks/own.json").read_bytes()
    other = run(*own, "moved.npy", "--steps", "3")
    assert (
        other.exit_code == 1
        and "another recipe" in other.output
        and card == Path("runs/networks/own.json").read_bytes()
    )
    assert "is trained" in ok(*own, "moved.npy") and Path("runs/networks/own.safetensors").read_bytes() == weights
    assert len(els.lab(network="own", verbose=False).data) == 6


def test_a_package_that_cannot_be_loaded_gets_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pooch.py").write_text("raise ImportError('broken')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pooch", raising=False)
    result = run("datasets", "download", "mnist")
    assert result.exit_code == 1 and "a package that the course needs cannot be loaded here (broken)" in result.output


def test_a_download_says_which_folder_cannot_take_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("ELSCOURSE_DATA", str(tmp_path / "file"))
    result = run("datasets", "download", "mnist")
    assert result.exit_code == 1 and "is a file, not a folder" in result.output and "connection" not in result.output


def test_a_network_knows_its_classes_from_others_in_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("mine.npy", pictures(6, 1, 8, 8).numpy())
    np.save("mine.labels.npy", np.arange(6) % 2)
    own = ("train", "own", "--dataset", "mine.npy", "--conditional", "--width", "4", "--steps", "2")
    ok(*own)
    ok("train", "untold", "--dataset", "mine.npy", "--width", "4", "--steps", "2")
    assert len(els.lab(network="own", verbose=False).data) == 6
    np.save("mine.labels.npy", np.arange(6) // 3)
    assert len(els.lab(network="untold", verbose=False).data) == 6, "its classes are nothing to it"
    result = run(*own)
    assert result.exit_code == 1 and "made by another recipe (other data)" in result.output
    result = run("sample", "--network", "own")
    assert result.exit_code == 1 and "no longer holds the images and classes that own was trained on" in result.output


@pytest.mark.parametrize(("command", "goes_on"), [("train", True), ("sample", False)])
def test_a_stop_promises_what_it_keeps(command: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("elscourse.recipes.follow", stop)
    monkeypatch.setattr(cli, "make_lab", stop)
    result = run(command, *(["fashion-mnist-16-unet-zeros"] if command == "train" else []))
    assert result.exit_code == 130 and "Stopped." in result.output
    assert ("it goes on from what is finished" in result.output) == goes_on


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:115] data. DefaultCPUAllocator: not enough memory: you tried"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    ],
    ids=["Python", "Linux", "Windows", "CUDA"],
)
def test_too_little_memory_is_one_sentence(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cli, "make_lab", fail)
    result = run("sample")
    assert result.exit_code == 1 and result.output.startswith("Error: not enough memory for that: ask for fewer")


def test_an_error_of_our_own_is_not_taken_for_too_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "make_lab", lambda *_, **__: [][0])
    assert isinstance(run("sample").exception, IndexError)
    monkeypatch.setattr(cli, "make_lab", lambda *_, **__: torch.zeros(2) @ torch.zeros(3))
    assert isinstance(run("sample").exception, RuntimeError)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_the_gpu_lab_says_what_it_needs() -> None:
    result = run("reproduce", "--lab", "gpu")
    assert result.exit_code == 1 and "the gpu lab needs an NVIDIA GPU, but this computer has none" in result.output


@contextmanager
def full_disk(room: int = 200) -> Iterator[None]:
    """As on a full disk: no file of this process gets more bytes than that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    "write",
    [
        lambda path: els.calibrate(els_machine(), els.IdealScoreMachine(IMAGES), (3, 5), samples=1, checkpoint=path),
        lambda path: save_network(els.ResNet(width=4, layers=1), {"name": "net"}, path),
        lambda path: CalibratedSizes("net", "x" * 300, [1], 1).save(path),
    ],
)
def test_a_full_disk_is_one_sentence_and_leaves_nothing(write, tmp_path: Path) -> None:
    with full_disk(), pytest.raises(els.CourseError, match=r"could not write \S+ \(.+\): make room there, or name a"):
        write(tmp_path / "new" / "file.npy")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("room", "file", "command"),
    [
        (200, "run/parts/settings.json", ["reproduce", "--network-steps", "1", "--out", "run"]),
        (9000, "run/parts/network-1-00000.npz", ["reproduce", "--network-steps", "1", "--out", "run"]),
        (200, "a.png", ["sample", "--out", "a.png"]),
    ],
)
def test_a_command_on_a_full_disk(
    room: int, file: str, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    seeds = "0-19" if command[0] == "sample" else "20"
    with full_disk(room):
        result = run(*command, "--seeds", seeds, "--steps", "1")
    assert result.exit_code == 1 and f"could not write {file} (" in result.output
    assert not list(tmp_path.rglob("*partial*"))


def test_a_checkpoint_that_cannot_be_written_is_told_after_the_first_step(tmp_path: Path) -> None:
    steps: list[int] = []
    with full_disk(), pytest.raises(els.CourseError, match=r"could not write \S+state.safetensors"):
        els.train(
            els.ResNet(width=4, layers=1),
            els.ImageSet(IMAGES),
            TrainingPlan(steps=200, batch=2),
            progress=False,
            checkpoint=tmp_path / "state.safetensors",
            after_step=lambda trainer: steps.append(trainer.step),
        )
    assert steps == [1] and not list(tmp_path.iterdir())


def test_two_processes_may_write_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with whole_file(tmp_path / "a.json") as mine:
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with whole_file(tmp_path / "a.json") as theirs:
            mine.write_text("mine")
            theirs.write_text("theirs")
        assert (tmp_path / "a.json").read_text() == "theirs"
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.json", "mine")]


def test_a_file_may_have_the_longest_name_that_there_is(tmp_path: Path) -> None:
    longest = tmp_path / f"{'n' * 251}.txt"
    save_text("whole", longest)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["whole"] and longest.exists()


def test_a_file_keeps_its_rights_and_a_link_its_place(tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    real.chmod(0o600)
    link.symlink_to(real)
    save_text("new", link)
    assert link.is_symlink() and real.read_text() == "new" and real.stat().st_mode & 0o777 == 0o600


def test_a_table_that_a_spreadsheet_holds_open_is_told_on_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replace(*_: Path) -> None:
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(sys, "platform", "win32")
    table = tmp_path / "grades.csv"
    with pytest.raises(els.CourseError, match=r"grades.csv \(Access is denied\): make room there, or name"):
        save_text("new", table)
    table.write_text("old")
    with pytest.raises(els.CourseError, match=r"\(Access is denied\): close it where it is open, make room there, or"):
        save_text("new", table)
    assert [path.name for path in tmp_path.iterdir()] == ["grades.csv"] and table.read_text() == "old"


def test_a_picture_that_cannot_be_put_there_is_not_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "trajectory", lambda *_, **__: pytest.fail("it was drawn"))
    Path("file").touch()
    for place in ("file/a.png", "file/below/a.png"):
        result = run("sample", "--out", place)
        assert result.exit_code == 1 and f"could not write {place}: file is a file, not a folder" in result.output


def test_a_picture_gets_the_folder_that_it_names(tmp_path: Path) -> None:
    ok("sample", "--seeds", "0", "--steps", "1", "--out", tmp_path / "new" / "folder" / "a.png")
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["a.png"]


def test_a_reader_that_leaves_ends_a_command_quietly() -> None:
    """As in `elscourse doctor | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "elscourse", "datasets"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=ROOT)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


CONVERSIONS = [els.score_from_denoiser, els.noise_from_denoiser, els.denoiser_from_noise, els.denoiser_from_score]


@pytest.mark.parametrize("convert", CONVERSIONS)
def test_conversions_ask_for_estimates_of_one_shape_and_a_schedule(convert: Any) -> None:
    for other, x_t in ((X[:1], X), (X[0, 0], X), (X[:1].numpy(), X.numpy())):
        with pytest.raises(els.CourseError, match="must be tensors of one shape"):
            convert(other, x_t, 0.5)
    with pytest.raises(els.CourseError, match=r"schedule must have alpha\(t\).*, got 3"):
        convert(X, X, 0.5, 3)


@pytest.mark.parametrize("convert", [els.denoiser_from_noise, els.denoiser_from_score])
def test_nothing_is_divided_by_an_image_that_is_gone(convert: Any) -> None:
    """Rounding would be multiplied by 1e16, and look like an answer."""
    schedule = els.CosineSchedule(0)
    with pytest.raises(els.CourseError, match=r"leaves nothing of the image at t = 1 \(alpha = 6e-17\).*smaller t"):
        convert(X, X, 1, schedule)
    assert convert(X, X, 0.99, schedule).isfinite().all()
    network = els.NetworkDenoiser(els.ResNet(width=4, layers=1), schedule=schedule)
    with pytest.raises(els.CourseError, match="leaves nothing of the image"):
        els.sample(network, X, 2, schedule=schedule)
    assert els.sample(network, X, times=[0.9, 0.5, 0], schedule=schedule).isfinite().all()


def test_a_first_step_keeps_the_schedule_and_asks_for_denoisers() -> None:
    machine = els.IdealScoreMachine(IMAGES, els.CosineSchedule(0.3))
    with pytest.raises(els.CourseError, match="another schedule"):
        els.sample(els.with_first_step(machine, machine), X, 2)
    with pytest.raises(els.CourseError, match="must be callable"):
        els.with_first_step(None, machine)  # type: ignore[arg-type]


def test_a_frozen_network_is_not_trained() -> None:
    network = els.ResNet(width=4, layers=1).requires_grad_(False)
    with pytest.raises(els.CourseError, match=r"no weights that can be trained.*requires_grad_"):
        els.train(network, els.ImageSet(IMAGES), TrainingPlan(steps=1, batch=2), progress=False)


def test_a_network_without_an_answer_is_not_calibrated() -> None:
    machine = els.EquivariantLocalScoreMachine(IMAGES, patch_size=3)
    with pytest.raises(els.CourseError, match="answers NaN or infinite pixels at t = 1"):
        els.calibrate(machine, lambda x, t, labels=None: x * float("nan"), [3, 5], steps=1, samples=2)


def test_a_folder_that_cannot_be_read_is_not_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", ".trash"):
        (tmp_path / name).mkdir()
        Image.new("L", (4, 4)).save(tmp_path / name / "one.png")
    listed = os.scandir

    def scandir(path: str) -> Any:
        if Path(path).name in ("a", ".trash"):  # rights do not stop everybody
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(els.CourseError, match=r"/a cannot be read \(Permission denied\)"):
        els.load(str(tmp_path))


def test_a_first_step_of_a_denoiser_without_schedule() -> None:
    machine = els.IdealScoreMachine(IMAGES, els.CosineSchedule(0.3))
    own = els.with_first_step(machine, lambda x_t, t: x_t)
    assert own.schedule == machine.schedule
    with pytest.raises(els.CourseError, match="another schedule"):
        els.sample(own, X, 2)


def test_unless_told_otherwise_twenty_steps_are_taken() -> None:
    asked: list[float] = []
    els.sample(lambda x_t, t: asked.append(t) or x_t, X)
    assert len(asked) == len(list(els.trajectory(lambda x_t, t: x_t, X))) - 1 == 20


def test_what_torch_multiplies_with_is_left_alone() -> None:
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("high")
        els.IdealScoreMachine(IMAGES)(X, 0.5)
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)


def test_images_larger_than_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", 8)
    assert len(list(pieces.pieces(IMAGES))) == 4 and els.IdealScoreMachine(IMAGES)(X, 0.5).isfinite().all()


def test_more_voters_than_there_are_take_no_memory() -> None:
    assert els.IdealScoreMachine(IMAGES).posterior(X, 0.5, top=10**15).image.shape[-1] <= 4 * 64


def test_float64_does_not_copy_a_file_into_memory(tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", pictures(6, 1, 16, 16).numpy())
    with pytest.raises(els.CourseError, match="float64 would copy it into memory: save it in float64"):
        els.lab(dataset=tmp_path / "mine.npy", float64=True, verbose=False)


def test_a_command_that_is_stopped_ends_in_order_and_leaves_the_handlers_as_they_were() -> None:
    stops = signal.SIGTERM, signal.SIGHUP
    before = [signal.signal(number, signal.SIG_DFL) for number in stops]
    try:
        with cli.ended_in_order():
            for number in stops:
                with pytest.raises(SystemExit) as stop:
                    signal.getsignal(number)(number, None)  # type: ignore[operator,misc]
                assert stop.value.code == 128 + number
        assert [signal.getsignal(number) for number in stops] == 2 * [signal.SIG_DFL]
    finally:
        for number, handler in zip(stops, before, strict=True):
            signal.signal(number, handler)


def test_lists_tell_terms_and_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elscourse.doctor.report", lambda: [("topic", "what was found", "what to do")])
    assert ok("doctor").split("\n")[1].strip() == "-> what to do"
    assert all(set_.terms in line for set_, line in zip(CATALOGUE.values(), ok("datasets").splitlines(), strict=True))


def test_what_to_do_next_can_be_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "my own"
    monkeypatch.setattr("elscourse.recipes.follow", lambda *_, **__: folder / "net.json")
    said = ok("train", "mine", "--dataset", "fashion-mnist", "--out", folder)
    assert f"elscourse calibrate '{folder}/net.json'" in said
    said = ok("assignment", "01", "--out", folder)
    assert f"python '{folder}/grade_01.py' FOLDER" in said
    with monkeypatch.context() as windows:
        windows.setattr(sys, "platform", "win32")
        assert cli.quoted(folder) == f'"{folder}"' and cli.quoted(tmp_path) == str(tmp_path)
    (tmp_path / "sizes.json").write_text("{}")
    monkeypatch.setattr(cli, "make_lab", lambda **_: None)
    monkeypatch.setattr("elscourse.lab_calibration.calibrate_lab", lambda *_, **__: tmp_path / "sizes.json")
    assert f"elscourse reproduce --network '{folder}/net.json'" in ok("calibrate", folder / "net.json")


def test_a_lab_that_is_set_to_nothing_is_the_laptops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELSCOURSE_LAB", "")
    assert els.lab(verbose=False).profile == "laptop"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, dict[str, Any]]]:
    """What commands ask of the course, which does none of it."""
    calls: list[tuple[Any, dict[str, Any]]] = []

    def stop(*given: Any, **options: Any) -> None:
        calls.append((given, options))
        raise els.CourseError("far enough")

    for name in (
        "cli.make_lab",
        "recipes.follow",
        "lab_calibration.calibrate_lab",
        "grading.grades.grade",
        "bench.run",
    ):
        monkeypatch.setattr(f"elscourse.{name}", stop)
    return calls


def test_a_command_hands_on_what_it_is_asked(asked: list[tuple[Any, dict[str, Any]]], tmp_path: Path) -> None:
    for command in (["sample", "--network", "mine"], ["calibrate", "mine"]):
        run(*command, "--device", "tpu")
        assert asked.pop() == ((), {"network": "mine", "device": "tpu"}), command
    run("reproduce", "--lab", "gpu", "--device", "cpu", "--network", "mine", "--dataset", "emoji", "--float64")
    where = {"network": "mine", "dataset": "emoji", "device": torch.device("cpu")}
    assert asked.pop() == (("gpu",), where | {"float64": True, "verbose": True})
    for command in (["reproduce"], ["train", "fashion-mnist-16-unet-zeros"]):
        assert "unknown device 'tpu'" in run(*command, "--device", "tpu").output and not asked
    run("grade", "4", tmp_path, "--time-limit", "7", "--memory", "3", "--exercise", "1", "--fresh")
    (*given, limits), options = asked.pop()
    assert given == ["4", tmp_path, Path("grades-04"), ("1",)] and (limits.seconds, limits.memory) == (7, 3)
    assert options["fresh"]
    (tmp_path / "file").touch()
    assert run("bench", "--out", tmp_path / "file" / "below").exit_code == 1 and not asked, "before the minutes"


def test_a_calibration_hands_on_its_settings(
    asked: list[tuple[Any, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "make_lab", lambda **_: None)
    run("calibrate", "mine", "--machine", "els-zeros", "--samples", "2", "--steps", "3", "--largest", "5", "--fresh")
    settings = {"samples": 2, "steps": 3, "largest": 5, "fresh": True}
    assert asked.pop() == ((None, "mine", ("els-zeros",)), settings)


def test_unless_told_otherwise_commands_do_what_was_done_for_the_course(
    asked: list[tuple[Any, dict[str, Any]]], tmp_path: Path
) -> None:
    """And what their help and the pages say."""
    default = {name: {o.name: o.default for o in command.params} for name, command in cli.main.commands.items()}
    name = "fashion-mnist-16-resnet-zeros"
    of_results = json.loads((data_dir() / "results" / f"{name}.metrics.json").read_text())["settings"]
    assert all(of_results[setting] == default["reproduce"][setting] for setting in ("seeds", "steps", "network_steps"))
    of_sizes = json.loads((data_dir() / "networks" / f"{name}.sizes.json").read_text())
    calibrated = len(of_sizes["seeds"]), of_sizes["steps"]
    assert calibrated == (default["calibrate"]["samples"], default["calibrate"]["steps"])
    run("grade", "04", tmp_path)
    assert asked.pop()[0][-1] == Limits() and default["lab"]["folder"] == Path("my-course")
    sample = default["sample"]
    assert (sample["seeds"], sample["steps"], sample["out"]) == ("0-9", 20, Path("samples.png"))
    assert "[default: samples.png]" in ok("sample", "-h")
    assert default["bench"]["out"] == Path("runs/bench")


def test_a_hundred_seeds_fit_in_a_picture() -> None:
    assert cli.SeedRange().convert("0-99", None, None) == [*range(100)]


def test_after_a_command_warnings_are_pythons_again() -> None:
    import warnings

    before = warnings.formatwarning
    ok("datasets")
    assert warnings.formatwarning is before


def test_of_threads_that_are_stopped_none_begins_what_is_waiting() -> None:
    begun: list[str] = []
    goes_on = threading.Event()
    with pytest.raises(KeyboardInterrupt), devices.workers(1) as pool:
        pool.submit(goes_on.wait)
        pool.submit(begun.append, "waiting")
        threading.Timer(0.2, goes_on.set).start()
        raise KeyboardInterrupt
    assert not begun


def test_as_many_threads_as_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELSCOURSE_THREADS", "1024")
    assert devices.threads_asked() == 1024
