"""The code a GPU runs, on a pretended one: nothing on the wrong device, the same numbers, no waiting inside loops."""

from __future__ import annotations

import contextlib
import importlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import noised, ok, pictures
from pretend_gpu import GPU, PretendedGpu
from test_gpu import MACHINES, SCHEDULE

import elscourse as els
from elscourse import posterior, shifts
from elscourse.diffusion import Denoiser
from elscourse.lab import choose
from elscourse.recipes import Recipe, follow
from elscourse.training import TrainingPlan

CPU = torch.device("cpu")
PICKING = ("lab", "bench", "training")  # modules that look up which device was asked for


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendedGpu]:
    for name in PICKING:
        module = importlib.import_module(f"elscourse.{name}")
        monkeypatch.setattr(module, "pick_device", lambda asked=None: GPU if str(asked) in ("cuda", GPU.type) else CPU)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # a parameter's numbers cannot be exchanged here
    yield PretendedGpu()
    torch.__future__.set_overwrite_module_params_on_conversion(before)


def test_the_pretended_gpu_refuses_what_a_gpu_refuses(gpu: PretendedGpu) -> None:
    with gpu:
        here = torch.ones(3)
        there = torch.arange(3.0).to(GPU)
        assert there.device == GPU and (there + 1).device == GPU and (2 * there).cpu().tolist() == [0, 2, 4]
        assert (there * torch.tensor(2.0)).device == GPU  # a single number may come along
        for wrong in (
            lambda: there + here,
            lambda: here.add_(there),
            lambda: torch.stack([here, there]),
            lambda: here[there.long()],
            lambda: here.index_put_((torch.tensor([0]),), there[:1]),
            lambda: there.index_put_((torch.tensor([0, 1]),), here[:2]),
        ):
            with pytest.raises(RuntimeError, match="expected all tensors on one device"):
                wrong()
        with pytest.raises(RuntimeError):
            there.numpy()
        gpu.waits.clear()
        assert there.add_(1) is there and there[there.long() - 1].device == GPU and not gpu.waits.total()
        for waiting in (lambda: float(there[0]), there.cpu, lambda: here.to(GPU), lambda: there[there > 1]):
            before = gpu.waits.total()
            waiting()
            assert gpu.waits.total() == before + 1
        gpu.waits.clear()
        here.copy_(there)
        there[:] = here
        assert gpu.waits == {"aten.copy_.default": 2} and here.tolist() == [1, 2, 3]
    with pytest.raises(RuntimeError, match="outside of `with`"):
        there + 1


@pytest.mark.parametrize("t", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_is_the_same_there(gpu: PretendedGpu, name: str, t: float) -> None:
    images = pictures(60, 1, 12, 12)
    x_t = noised(images, 3, SCHEDULE.alpha(t), SCHEDULE.sigma(t))
    make: Denoiser = MACHINES[name]
    exact = make(images.double())(x_t.double(), t)
    with gpu:
        there = make(images.to(GPU))(x_t.to(GPU), t)
        assert there.device == GPU
        torch.testing.assert_close(there.cpu().double(), exact, rtol=0, atol=2e-5)


def test_a_bent_filter_is_the_same_there(gpu: PretendedGpu) -> None:
    images, classes = pictures(60, 2, 12, 12), torch.arange(60) % 3
    x_t = noised(images, 3, SCHEDULE.alpha(0.3), SCHEDULE.sigma(0.3))
    here = els.BentFilter(els.LocalFilter(images, patch_size=5, image_labels=classes))(x_t, 0.3, labels=[2, 0, 1])
    with gpu:
        filter = els.LocalFilter(images.to(GPU), patch_size=5, image_labels=classes)
        there = els.BentFilter(filter)(x_t.to(GPU), 0.3, labels=[2, 0, 1])
        assert there.device == GPU
        torch.testing.assert_close(there.cpu(), here, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["is", "es", "ls", "els-zeros", "els-zeros with a tolerance"])
def test_classes_votes_and_certificates_there(gpu: PretendedGpu, name: str) -> None:
    images, classes, labels = pictures(40, 1, 9, 9), torch.arange(40) % 3, torch.tensor([2, 0, 1])
    x_t = noised(images, 3, SCHEDULE.alpha(0.2), SCHEDULE.sigma(0.2))
    make = {
        "is": els.IdealScoreMachine,
        "es": els.EquivariantScoreMachine,
        "ls": lambda v, **own: els.LocalScoreMachine(v, patch_size=5, **own),
        "els-zeros": lambda v, **own: els.EquivariantLocalScoreMachine(v, patch_size=5, **own),
        "els-zeros with a tolerance": lambda v, **own: els.EquivariantLocalScoreMachine(
            v, patch_size=3, tolerance=1e-3, **own
        ),
    }[name]
    here = make(images, image_labels=classes)
    mean, votes = here(x_t, 0.2, labels=labels), here.posterior(x_t, 0.2, labels=labels)
    with gpu:
        machine = make(images.to(GPU), image_labels=classes)
        answer, theirs = machine(x_t.to(GPU), 0.2, labels=labels), machine.posterior(x_t.to(GPU), 0.2, labels=labels)
        torch.testing.assert_close(answer.cpu(), mean, rtol=0, atol=1e-3)
        assert theirs.image.device == GPU and torch.equal(theirs.image.cpu()[..., 0], votes.image[..., 0])
        torch.testing.assert_close(theirs.entropy.cpu(), votes.entropy, rtol=0, atol=1e-3)
        if name not in ("is", "es"):
            certified = machine.certified(x_t.to(GPU), 0.2, labels=labels)
            torch.testing.assert_close(certified.mean.cpu(), answer.cpu())


@pytest.mark.parametrize("name", [name for name in MACHINES if name != "wiener" and "filter" not in name])
def test_nobody_waits_inside_the_loop(gpu: PretendedGpu, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times the images take more operations there, and not one more wait."""
    monkeypatch.setattr(posterior, "BLOCK", 2**16)  # many blocks of images
    monkeypatch.setattr(shifts, "KEYS", 16)
    counts = []
    for n in (30, 300):
        images = pictures(n, 1, 9, 9)
        x_t = noised(images, 2, SCHEDULE.alpha(0.3), SCHEDULE.sigma(0.3))
        with gpu:
            machine, there = MACHINES[name](images.to(GPU)), x_t.to(GPU)
            gpu.operations, gpu.waits = 0, type(gpu.waits)()
            machine(there, 0.3)
            counts.append((gpu.operations, gpu.waits.total()))
    (few, waits), (many, waits_of_many) = counts
    assert many > 2 * few and waits == waits_of_many <= 40, counts


def test_a_network_from_training_to_its_prediction_there(
    gpu: PretendedGpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands of the gpu lab, one after the other; the network is a stand-in that sees a few images."""
    monkeypatch.chdir(tmp_path)
    name = "fashion-mnist-32-resnet-zeros"
    options = {"padding": "zeros", "width": 4}
    recipe = Recipe(name, "fashion-mnist", 32, 30, "resnet", options, plan=TrainingPlan(steps=4, precision="float32"))
    with gpu:
        follow(recipe, Path("runs/networks"), device="meta")
        ok("calibrate", name, "--samples", "1", "--steps", "2", "--largest", "5", "--device", "cuda")
        small = ["--seeds", "2", "--steps", "2", "--network-steps", "3"]
        said = ok("reproduce", "--lab", "gpu", "--device", "cuda", *small, "--out", "there")
    assert f"lab: gpu on {GPU} | 30 images of fashion-mnist at 32x32 | network {name}" in said
    said = ok("reproduce", "--lab", "gpu", "--device", "cpu", *small, "--out", "here")
    assert f"lab: gpu on {CPU} | 30 images of fashion-mnist at 32x32 | network {name}" in said
    assert f"Network {name}, 30 images of fashion-mnist, 2 seeds, machines 2 steps, on cpu." in said
    settings = json.loads(Path("here/metrics.json").read_text())["settings"]
    assert settings["device"] == "cpu" and settings["images"] == [30, 1, 32, 32] and settings["network"] == name
    there, here = (np.load(f"{folder}/samples.npz") for folder in ("there", "here"))
    assert set(there.files) == set(here.files) and len(there.files) > 7 and here["ls"].shape == (2, 1, 32, 32)
    for column in there.files:
        np.testing.assert_allclose(there[column], here[column], rtol=0, atol=1e-3, err_msg=column)


def test_the_gpu_lab_computes_on_a_gpu_unless_told_otherwise(
    gpu: PretendedGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    asked = ("laptop", None), ("gpu", None), ("laptop", "cuda"), ("gpu", "cpu")
    assert [choose(*one)[1] for one in asked] == [CPU, GPU, GPU, CPU]


def test_a_conditional_unet_learns_the_same_there(gpu: PretendedGpu) -> None:
    data = els.load("fashion-mnist", size=8, n=40)
    plan = TrainingPlan(steps=3, batch=8, precision="float32")

    def train(device: torch.device) -> list[torch.Tensor]:
        torch.manual_seed(0)
        network = els.UNet(1, width=4, classes=10)
        average, _ = els.train(network, data, plan, device=device, progress=False)
        return [p.detach().cpu() for p in average.parameters()]

    here = train(CPU)
    with gpu:
        there = train(GPU)
    for a, b in zip(there, here, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)
