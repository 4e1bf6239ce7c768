"""Make 09_time.npz: how alike network and machine are at every step and patch size, and what other schedules draw.

    python data/lessons/make_09_time.py

First it follows the network's own 20-step trajectory from the first ten calibration seeds and compares, at each step,
its score with that of the ELS machine (zero padding) at P = 3, 5, ..., 15, through the square and through the gaussian
window; through the square also from ten further calibration seeds, by cosine and by distance. Then it draws seeds 0 ...
9 with the square machine through schedules other than the calibrated one, and with 1, 3 or 5 pixels at the last step of
the calibrated one. Last it asks the calibrated machine how far it looks, with the Jacobian of its middle pixel, and
five networks the same. It keeps what is finished of all but the last three minutes in runs/, so a run that was
killed goes on where it stopped.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

import elscourse as els
from elscourse.calibration import CALIBRATION_SEEDS, calibration_table
from elscourse.files import save_array, whole_file
from elscourse.patches import boundary_classes, gather, gaussian_window, windows
from elscourse.schedule import CosineSchedule

NETWORK = "fashion-mnist-16-resnet-zeros"
NETWORKS = [NETWORK] + [f"fashion-mnist-16-{name}" for name in ("resnet-zeros-conditional", "resnet-circular")]
NETWORKS += ["fashion-mnist-16-unet-zeros", "fashion-mnist-28-resnet-zeros-conditional"]
CANDIDATES = list(range(3, 16, 2))
SAMPLES, SEEDS, CHUNK = 10, 10, 5
SOFTER = 3 / (1 + 2 * np.exp(-1 / (2 * 0.75**2)))  # the root of 9 over the sum of the gaussian window, w = 3/4
HERE = Path(__file__).parent
KEEP = HERE.parent.parent / "runs" / "09_time"


def half_of_the_sensitivity(lab: els.Lab, times: list[float]) -> list[int]:
    """The smallest odd window that holds half of the network's mean |Jacobian|, probed on a larger, black canvas."""
    images = lab.data.images[:20]
    r, side = 16, images.shape[-1]
    before = r - side // 2
    x_0 = F.pad(images, (before, 2 * r + 1 - side - before, before, 2 * r + 1 - side - before), value=-1.0)
    eps = els.seeded_noise(CALIBRATION_SEEDS[:20], x_0.shape[1:])
    offset = torch.arange(-r, r + 1).abs()
    ring = torch.maximum(offset[:, None], offset[None, :])
    sizes = []
    for t in times:
        x_t = els.add_noise(x_0, eps, t).requires_grad_()
        (slope,) = torch.autograd.grad(lab.network(x_t, t)[:, :, r, r].sum(), x_t)
        share = torch.stack([slope.abs()[..., ring <= k].sum() for k in range(r + 1)]) / slope.abs().sum()
        sizes.append(2 * int((share >= 0.5).nonzero()[0]) + 1)
    return sizes


def schedules(lab: els.Lab) -> dict[str, int | list[tuple[float, int]]]:
    """Name -> patch sizes, for everything but the calibrated schedule (that one is in data/results)."""
    times, sizes = zip(*lab.patch_sizes("els-zeros"), strict=True)
    straight = [2 * round((3 + 12 * i / (len(times) - 1) - 1) / 2) + 1 for i in reversed(range(len(times)))]

    def at(values: list[int]) -> list[tuple[float, int]]:
        return list(zip(times, values, strict=True))

    return {f"P={p}": p for p in CANDIDATES} | {
        "reversed": at(list(reversed(sizes))),
        "two larger": at([p + 2 for p in sizes]),
        "two smaller": at([max(3, p - 2) for p in sizes]),
        "straight": at(straight),
        "two sizes": at([sizes[6] if t > 0.44 else 3 for t in times]),  # sizes[6] is that of t = 0.7
        "late switch": at([sizes[6] if t > 0.24 else 3 for t in times]),
        "jacobian": at(half_of_the_sensitivity(lab, list(times))),
    }


def drawn(lab: els.Lab, name: str, sizes: int | list[tuple[float, int]], done: Callable[[int], object]) -> np.ndarray:
    """What the machine draws through these sizes, in chunks that are kept."""
    machine = lab.patch_machine("els-zeros", sizes)
    pieces = []
    for start in range(0, SEEDS, CHUNK):
        path = KEEP / f"{name.replace(' ', '-')}-{start}.npy"
        if not path.exists():
            images = els.sample(machine, els.seeded_noise(range(start, start + CHUNK), lab.shape), steps=20)
            save_array(images.numpy().astype(np.float16), path)
        pieces.append(np.load(path, allow_pickle=False))
        done(CHUNK)
    return np.concatenate(pieces)


def asked(lab: els.Lab) -> np.ndarray:
    """How far three look, and their derivatives' sum, at every time: (3, 2, T), mean |Jacobian| of the middle pixel on
    20 garments that are in no training set: of the calibrated machine, of that with a Gaussian window, of the network.

    The Jacobian of a posterior mean is alpha / sigma^2 times the covariance of centre and pixel under the weights; in a
    Gaussian window that of each pixel counts with its K. No window around the middle pixel reaches past a border, so
    only patches from inside the images vote.
    """
    images, x_0 = lab.data.images, lab.held_out(20).images
    eps = els.seeded_noise(CALIBRATION_SEEDS[:20], lab.shape)
    middle, found = lab.shape[-1] // 2, []
    hard, soft = (lab.patch_sizes(f"els-zeros{window}") for window in ("", "-gaussian"))
    for (t, square), (_, gaussian) in zip(hard, soft, strict=True):
        alpha, sigma, x_t = lab.schedule.alpha(t), lab.schedule.sigma(t), els.add_noise(x_0, eps, t)
        row = []
        for size, window in ((square, torch.ones(square, square)), (gaussian, gaussian_window(gaussian, images.dtype))):
            r, factor = size // 2, window.flatten().double()
            patches = F.unfold(images, size).mT.flatten(0, 1).double()
            centres, inside = patches[:, size * size // 2], slice(middle - r, middle + r + 1)
            own = torch.zeros(size * size, dtype=torch.float64)
            for query in x_t[:, :, inside, inside].flatten(1).double():
                weights = torch.softmax(-((query - alpha * patches).square() @ factor) / (2 * sigma**2), dim=0)
                away = centres - weights @ centres
                own += (alpha / sigma**2 * factor * ((weights * away) @ patches)).abs() / len(x_0)
            row.append(_radius_and_sum(own.view(size, size)))
        x_t.requires_grad_()
        (slope,) = torch.autograd.grad(lab.network(x_t, t)[:, :, middle, middle].sum(), x_t)
        found.append([*row, _radius_and_sum(slope.abs().mean((0, 1)).double())])
    return np.array(found).transpose(1, 2, 0)


def _radius_and_sum(jacobian: Tensor) -> tuple[float, float]:
    offset = torch.arange(len(jacobian)) - len(jacobian) // 2
    distance = (offset[:, None] ** 2 + offset[None, :] ** 2).sqrt()
    return float((jacobian * distance).sum() / jacobian.sum()), float(jacobian.sum())


def radii() -> np.ndarray:
    """How far five networks look, at every time: (5, T), the radius of the mean |Jacobian| of 20 training pictures in
    the middle of a black canvas; of the UNet, which was trained for one size only, on the pictures themselves.
    """
    found = []
    for name in NETWORKS:
        lab = els.lab("laptop", network=name, verbose=False)
        some, length = lab.data.subset(slice(20)), lab.shape[-1]
        side = length if "unet" in name else length + 17
        middle, before = side // 2, side // 2 - length // 2
        after = side - length - before
        x_0 = F.pad(some.images, (before, after, before, after), value=-1.0)
        eps = els.seeded_noise(CALIBRATION_SEEDS[:20], x_0.shape[1:])
        labels = some.labels if lab.network.conditional else None
        row = []
        for t, _ in lab.patch_sizes(f"els-{lab.network.padding}"):
            x_t = els.add_noise(x_0, eps, t).requires_grad_()
            (slope,) = torch.autograd.grad(lab.network(x_t, t, labels)[:, 0, middle, middle].sum(), x_t)
            row.append(_radius_and_sum(slope.abs().mean((0, 1)).double())[0])
        found.append(row)
    return np.array(found)


def last_step(lab: els.Lab) -> np.ndarray:
    """r2 of ten seeds with the network's 150 steps, when the last step of the calibrated machine has P = 1, 3 or 5."""
    machine = lab.patch_machine("els-zeros", lab.patch_sizes("els-zeros"))
    path = list(els.trajectory(machine, els.seeded_noise(range(SEEDS), lab.shape), steps=20))
    t, x_t, _ = path[-2]
    target = els.load_results(NETWORK)["network-150"][:SEEDS]
    return np.stack([els.compare(lab.patch_machine("els-zeros", p)(x_t, t), target).r2.numpy() for p in (1, 3, 5)])


class _Louder(CosineSchedule):
    """The course's schedule; the weights of a machine take the noise for louder, so that all pixels count less."""

    def sigma(self, t: float) -> float:
        return super().sigma(t) * SOFTER


def softer_square(lab: els.Lab, noise: Tensor) -> np.ndarray:
    """Cosines at the last step of a square of 3 whose factors add up to what those of the gaussian window of 3 do."""
    t, x_t, x0_network = list(els.trajectory(lab.network, noise, steps=20))[-2]
    machine = els.EquivariantLocalScoreMachine(lab.data.images, _Louder(), patch_size=3)
    scores = (els.score_from_denoiser(x0, x_t, t).double().flatten(1) for x0 in (machine(x_t, t), x0_network))
    return torch.cosine_similarity(*scores).numpy()


def again(lab: els.Lab, noise: Tensor) -> dict[str, np.ndarray]:
    """Cosine and relative distance of the scores from further seeds, at every time and size: (T, K, S) each."""
    cosine, distance = [], []
    for t, x_t, x0_network in list(els.trajectory(lab.network, noise, steps=20))[:-1]:
        theirs = els.score_from_denoiser(x0_network, x_t, t).double().flatten(1)
        estimates = [lab.patch_machine("els-zeros", p)(x_t, t) for p in CANDIDATES]
        ours = [els.score_from_denoiser(x0, x_t, t).double().flatten(1) for x0 in estimates]
        cosine.append(torch.stack([torch.cosine_similarity(one, theirs) for one in ours]))
        distance.append(torch.stack([(one - theirs).norm(dim=1) / theirs.norm(dim=1) for one in ours]))
    return {"cosine-again": torch.stack(cosine).numpy(), "distance-again": torch.stack(distance).numpy()}


def crosses(lab: els.Lab, noise: Tensor) -> np.ndarray:
    """Cosines at t = 0.1 and 0.05 of a machine that sees a cross, the square of 3 without its corners: (2, S)."""
    images, cross, found = lab.data.images, [1, 3, 4, 5, 7], []
    for t, x_t, x0_network in list(els.trajectory(lab.network, noise, steps=20))[18:20]:
        alpha, sigma, x_0 = lab.schedule.alpha(t), lab.schedule.sigma(t), torch.empty_like(x_t)
        for places in boundary_classes(*x_t.shape[-2:], 3):
            patches, queries = (gather(windows(x, 3, "zeros"), places)[..., cross] for x in (images, x_t))
            for group, some, asking in zip(places, patches, queries, strict=True):
                keys, half = (alpha * some).mT, (alpha * some).square().sum(1) / 2
                votes = [torch.softmax((q @ keys - half) / sigma**2, dim=1) @ some[:, 2] for q in asking.split(64)]
                x_0.flatten(1)[:, group] = torch.cat(votes).view(len(x_t), -1)
        scores = (els.score_from_denoiser(x0, x_t, t).double().flatten(1) for x0 in (x_0, x0_network))
        found.append(torch.cosine_similarity(*scores).numpy())
    return np.stack(found)


def main() -> None:
    """Both windows' tables, the schedules' samples, then one file."""
    lab = els.lab("laptop", network=NETWORK)
    noise = els.seeded_noise(CALIBRATION_SEEDS[:SAMPLES], lab.shape)
    found: dict[str, np.ndarray] = {"candidates": np.array(CANDIDATES)}
    for window, machine in (("square", "els-zeros"), ("gaussian", "els-zeros-gaussian")):
        table = calibration_table(
            lab.patch_machine(machine, CANDIDATES[0]),
            lab.network,
            CANDIDATES,
            noise,
            progress=True,
            checkpoint=KEEP / f"{window}.npz",
        )
        found["times"] = np.array(table.times)
        found[f"cosine-{window}"] = table.cosine.numpy()
    wanted = schedules(lab)
    with tqdm(total=len(wanted) * SEEDS, unit="image") as bar:
        for name, sizes in wanted.items():
            bar.set_description(name)
            found[name] = drawn(lab, name, sizes, bar.update)
            if not isinstance(sizes, int):
                found[f"{name} sizes"] = np.array([p for _, p in sizes])
    found |= {"asked": asked(lab), "last step": last_step(lab), "cosine-softer": softer_square(lab, noise)}
    found |= {"cosine-crosses": crosses(lab, noise), "radii": radii()}
    found |= again(lab, els.seeded_noise(CALIBRATION_SEEDS[SAMPLES:], lab.shape))
    with whole_file(HERE / "09_time.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
