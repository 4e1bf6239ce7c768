"""Make 09_bent.npz: the bent filter, ELS's strongest rival, treated as ELS is in lesson 09.

    python data/lessons/make_09_bent.py

The local filter, bent (`els.BentFilter`). First, as make_09_time.py does with ELS: the cosine of its score with the
first network's, on the network's own way from ten calibration seeds, at 20 times with P = 3, 5, ..., 15. Then its r2
with the network's 150 steps, seed by seed, for seeds 0 to 9, when it draws them with each of the lesson's curves. One
is that of the squares that hold nine tenths of the network's mean squared derivative; these sizes are kept, too.
"""

from pathlib import Path

import numpy as np
import torch

import elscourse as els
from elscourse.calibration import CALIBRATION_SEEDS
from elscourse.diffusion import Denoiser
from elscourse.files import whole_file

HERE = Path(__file__).parent
NETWORK, SEEDS, CANDIDATES = "fashion-mnist-16-resnet-zeros", range(10), range(3, 16, 2)


def filtered(lab: els.Lab, sizes: int | list[tuple[float, int]]) -> Denoiser:
    """The bent filter with these windows."""
    return els.BentFilter(els.LocalFilter(lab.data.images, patch_size=sizes, padding="zeros"))


def cosines(lab: els.Lab) -> np.ndarray:
    """(20 times, 7 sizes, 10 seeds)"""
    points = list(els.trajectory(lab.network, els.seeded_noise(CALIBRATION_SEEDS[:10], lab.shape), 20))[:-1]
    table = np.zeros((len(points), len(CANDIDATES), 10), np.float32)
    for k, size in enumerate(CANDIDATES):
        rival = filtered(lab, size)
        for row, (t, x_t, x0_hat) in zip(table, points, strict=True):
            a, b = (els.score_from_denoiser(x0, x_t, t).double().flatten(1) for x0 in (rival(x_t, t), x0_hat))
            row[k] = torch.cosine_similarity(a, b).numpy()
    return table


def nine_tenths(lab: els.Lab, times: list[float]) -> list[int]:
    """The smallest odd square that holds 90 % of the middle pixel's mean squared derivative, on 20 new images."""
    x_0, middle = lab.held_out(20).images, lab.shape[1] // 2
    eps = els.seeded_noise(CALIBRATION_SEEDS[:20], lab.shape)
    offset = (torch.arange(lab.shape[1]) - middle).abs()
    ring = torch.maximum(offset[:, None], offset[None, :])
    sizes = []
    for t in times:
        x_t = els.add_noise(x_0, eps, t).requires_grad_()
        (slope,) = torch.autograd.grad(lab.network(x_t, t)[:, 0, middle, middle].sum(), x_t)
        J = slope.square().mean((0, 1))
        sizes.append(next(2 * r + 1 for r in range(middle + 1) if J[ring <= r].sum() >= 0.9 * J.sum()))
    return sizes


def main() -> None:
    """Some minutes."""
    lab = els.lab("laptop", device="cpu", network=NETWORK, verbose=False)
    times, calibrated = map(list, zip(*lab.patch_sizes("els-zeros"), strict=True))
    table, target = els.load_results("09_time"), els.load_results(NETWORK)["network-150"][: len(SEEDS)]
    curves = {"calibrated": calibrated, "reversed": calibrated[::-1], "derivative": nine_tenths(lab, times)}
    curves |= {name: table[f"{name} sizes"].tolist() for name in ("straight", "late switch")}
    curves |= {f"P={P}": [P] * len(times) for P in CANDIDATES}
    found = {"cosine": cosines(lab), "derivative sizes": np.array(curves["derivative"])}
    for name, sizes in curves.items():
        rival = filtered(lab, list(zip(times, sizes, strict=True)))
        drawn = els.sample(rival, els.seeded_noise(SEEDS, lab.shape), 20)
        found[name] = els.compare(drawn, target).r2.numpy().astype(np.float32)
    with whole_file(HERE / "09_bent.npz") as partial:
        np.savez_compressed(partial, **found)


if __name__ == "__main__":
    main()
