"""The same machines on a CUDA device, against the CPU in float64. Skipped where there is none."""

from __future__ import annotations

import pytest
import torch
from conftest import noised, pictures

import elscourse as els
from elscourse import posterior
from elscourse.diffusion import Denoiser

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is present"),
]
SCHEDULE = els.CosineSchedule()
MACHINES = {
    "is": els.IdealScoreMachine,
    "es": els.EquivariantScoreMachine,
    "ls": lambda v: els.LocalScoreMachine(v, patch_size=5),
    "els-zeros": lambda v: els.EquivariantLocalScoreMachine(v, patch_size=5),
    "els-circular": lambda v: els.EquivariantLocalScoreMachine(v, patch_size=7, padding="circular"),
    "els-zeros-gaussian": lambda v: els.EquivariantLocalScoreMachine(v, patch_size=7, window="gaussian"),
    "els-zeros with a tolerance": lambda v: els.EquivariantLocalScoreMachine(v, patch_size=3, tolerance=1e-3),
    "wiener": els.WienerFilter,
    "local-filter": lambda v: els.LocalFilter(v, patch_size=5),
    "equivariant-filter": lambda v: els.LocalFilter(v, patch_size=5, equivariant=True),
}


@pytest.mark.parametrize("t", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_is_the_same_on_the_gpu(name: str, t: float) -> None:
    images = pictures(60, 1, 12, 12)
    x_t = noised(images, 3, SCHEDULE.alpha(t), SCHEDULE.sigma(t))
    make: Denoiser = MACHINES[name]
    exact = make(images.double())(x_t.double(), t)
    there = make(images.cuda())(x_t.cuda(), t)
    assert there.device.type == "cuda"
    torch.testing.assert_close(there.double().cpu(), exact, rtol=0, atol=2e-5)


def test_a_bent_filter_is_the_same_on_the_gpu() -> None:
    """But where an answer lies on the edge of two bins and rounding decides."""
    images = pictures(60, 1, 12, 12)
    x_t = noised(images, 3, SCHEDULE.alpha(0.3), SCHEDULE.sigma(0.3))
    exact = els.BentFilter(els.LocalFilter(images.double(), patch_size=5))(x_t.double(), 0.3)
    there = els.BentFilter(els.LocalFilter(images.cuda(), patch_size=5))(x_t.cuda(), 0.3)
    assert there.device.type == "cuda"
    assert ((there.double().cpu() - exact).abs() < 1e-3).double().mean() > 0.98


def test_the_programs_choice_of_tf32_is_left_alone_and_has_no_effect() -> None:
    images = els.load("fashion-mnist", size=16, n=500).images
    x_t = els.add_noise(images[:4], els.seeded_noise(range(4), (1, 16, 16)), 0.3)
    exact = els.EquivariantLocalScoreMachine(images.double(), patch_size=7)(x_t.double(), 0.3)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        there = els.EquivariantLocalScoreMachine(images.cuda(), patch_size=7)(x_t.cuda(), 0.3)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    torch.testing.assert_close(there.double().cpu(), exact, rtol=0, atol=2e-5)


def test_tiles_stay_inside_the_budget() -> None:
    device = torch.device("cuda")
    assert posterior.tile_size(device, 2**20) == posterior.TILE
    assert posterior.TILE < posterior.tile_size(device, 2**40) <= posterior.GPU_TILE


def test_the_lab_and_a_network_on_the_gpu() -> None:
    lab = els.lab("laptop", device="cuda", verbose=False)
    noise = els.seeded_noise(range(2), lab.shape)
    there = els.sample(lab.network, noise.cuda(), 5).cpu()
    here = els.sample(els.lab("laptop", verbose=False).network, noise, 5)
    torch.testing.assert_close(there, here, rtol=0, atol=1e-2)
