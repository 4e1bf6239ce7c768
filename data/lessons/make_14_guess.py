"""Make 14_guess.npz: the curve P(t) that pictures alone tell, and how well a machine with it predicts the networks.

    python data/lessons/make_14_guess.py

For each of the shipped networks for 16 x 16, and for four that are trained here on 500 pictures (a UNet, for 2,000 and
for 8,000 steps; ResNets of 6 and of 14 layers): what ELS loses on 100 pictures that it does not know, at the times of
the sampler and with every patch size; and r2 with the network's drawings (150 steps, seeds 0 to 99) if the machine
looks, at each time, through the window that loses least. No network has a part in choosing it. The same with windows
that are no larger than a ResNet's field of view, with the measured ones, and for the ideal machine. And the age of the
network: its losses on known and on new pictures, and its drawings' distances to the nearest picture, divided by those
to the second nearest. All of it stays in runs/lessons, the new networks in runs/networks; a run that was stopped
goes on.
"""

from dataclasses import replace
from pathlib import Path

import make_09_curves
import numpy as np
import torch
from kept import kept
from make_10_same_recipe import drawn
from make_14_memory import EVENLY, losses
from torch import Tensor
from tqdm import tqdm

import elscourse as els
from elscourse.calibration import candidates_of
from elscourse.files import whole_file
from elscourse.recipes import RECIPES

HERE = Path(__file__).parent
KEEP = HERE.parents[1] / "runs" / "lessons" / "14_guess"
FIELD_OF_VIEW = 17  # of a ResNet: the first convolution, six blocks and the last, each 3 x 3
SAMPLED = [k / 20 for k in range(1, 20)]  # those of the sampler, but for t = 1
UNET = RECIPES["fashion-mnist-16-unet-zeros"]  # saw each of its 2,000 pictures 512 times
FEWER = [  # as often, and four times as often
    replace(UNET, name=f"unet-500-pictures-{steps}-steps", n=500, plan=replace(UNET.plan, steps=steps, ema=0.99))
    for steps in (2000, 8000)
]
RESNET = RECIPES["fashion-mnist-16-resnet-zeros"]
DEEPER = [  # the same pictures, as often; a pixel sees 17 x 17, and everything
    replace(
        RESNET,
        name=f"resnet-500-pictures-{layers}-layers",
        n=500,
        config={**RESNET.config, "layers": layers},
        plan=replace(RESNET.plan, steps=2000, ema=0.99),
    )
    for layers in (6, 14)
]


def labels_told(lab: els.Lab, some: els.ImageSet) -> Tensor | None:
    """The classes of these pictures, if the network is told them."""
    return some.labels if lab.network.conditional else None


def ladder(lab: els.Lab, sizes: list[int]) -> np.ndarray:
    """The loss on new pictures, for every time of the sampler below 1 and every patch size, (T, K)."""
    new = lab.held_out(100)
    labels = labels_told(lab, new)
    machines = [lab.patch_machine(f"els-{lab.network.padding}", size) for size in sizes]
    rows = []
    for t in tqdm(SAMPLED, desc=lab.network.name):
        rows.append(kept(KEEP / f"{lab.network.name}-{t}.npy", losses, machines, new.images, [t], labels))
    return np.concatenate(rows)


def least(on_new: np.ndarray, sizes: list[int], largest: int) -> list[tuple[float, int]]:
    """(t, P) from t = 1 down, P the size that loses least; at t = 1, where the score needs none, that of t = 0.95."""
    best = [sizes[int(k)] for k in on_new[:, [size <= largest for size in sizes]].argmin(1)]
    return [(1.0, best[-1]), *zip(SAMPLED[::-1], best[::-1], strict=True)]


def predicted(lab: els.Lab, curve: list[tuple[float, int]]) -> Tensor:
    """What the machine with this curve draws from 100 seeds."""
    tag = "-".join(str(size) for _, size in curve)
    return make_09_curves.drawn(lab, tag, lab.patch_machine(f"els-{lab.network.padding}", curve), 20, range(100))


def age(lab: els.Lab, drawings: Tensor) -> dict[str, np.ndarray]:
    """The losses on known and on new pictures, (2,), and the gap ratio of every drawing."""
    known, new = lab.data.subset(slice(100)), lab.held_out(100)
    away = torch.cdist(drawings.flatten(1), lab.data.images.flatten(1)).sort(1).values
    return {
        "losses of the network": np.array(
            [losses([lab.network], some.images, EVENLY, labels_told(lab, some)).mean() for some in (known, new)]
        ),
        "gap ratio": (away[:, 0] / away[:, 1]).numpy(),
    }


def main() -> None:
    """Measure what is missing, then write one file."""
    found: dict[str, np.ndarray] = {}
    shipped = [name for name in make_09_curves.NETWORKS if "-16-" in name]
    runs = {name: (els.lab("laptop", network=name, verbose=False), els.load_results(name)) for name in shipped}
    for name, (lab, images) in (runs | {recipe.name: drawn(recipe.name, recipe) for recipe in FEWER + DEEPER}).items():
        own = f"els-{lab.network.padding}"
        sizes = candidates_of(lab.patch_machine(own, 1))
        on_new = ladder(lab, sizes)
        found |= {f"sizes, {name}": np.array(sizes), f"losses on new pictures, {name}": on_new}
        curves = {"guessed": least(on_new, sizes, max(sizes)), "within reach": least(on_new, sizes, FIELD_OF_VIEW)}
        found |= {
            f"{what}, {name}": np.array([size for _, size in curve])
            for what, curve in (curves | {"measured": lab.patch_sizes(own)}).items()
        }
        predictions = {what: predicted(lab, curve) for what, curve in curves.items()}
        predictions |= {"measured": images[own], "is": images["is"]}
        for what, its in predictions.items():
            found[f"r2 {what}, {name}"] = els.compare(its, images["network-150"]).r2.numpy()
        found[f"r2 of guessed with is, {name}"] = els.compare(predictions["guessed"], images["is"]).r2.numpy()
        found |= {f"{what}, {name}": values for what, values in age(lab, images["network-150"]).items()}
    with whole_file(HERE / "14_guess.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
