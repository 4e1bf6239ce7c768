"""Make 10_variants.npz: how well the machines predict networks that differ from one another in one thing only.

    python data/lessons/make_10_variants.py

The recipe of the shipped network for 28 x 28 is followed at 16 x 16, and then with one thing changed: the side of the
pictures, or how many there are. Each network is calibrated, and 100 seeds are drawn by it and by the machines. Kept are
r2 with the network, the patch sizes, how far the network's drawings lie from the training pictures, and the losses of
the noise estimates. All of it stays in runs/10_variants, and a run that was killed goes on where it stopped.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import elscourse as els
from elscourse.files import whole_file
from elscourse.recipes import RECIPES, Recipe, follow
from elscourse.reproduce import Experiment
from elscourse.sizes import calibrate_lab

SHIPPED = RECIPES["fashion-mnist-28-resnet-zeros-conditional"]
BASE = replace(SHIPPED, name="base", size=16)
VARIANTS = {
    "base": BASE,
    "images 1000": replace(BASE, n=1000),
    "images 100": replace(BASE, n=100),
    "side 20": replace(BASE, size=20),
    "side 28": SHIPPED,
}
MACHINES = ("is", "ls", "els-zeros", "wiener")
HERE = Path(__file__).parent
KEEP = HERE.parent.parent / "runs" / "10_variants"


def drawn(name: str, recipe: Recipe) -> tuple[els.Lab, dict[str, Tensor]]:
    """The lab of a variant, trained and calibrated, and what its network and machines draw from 100 seeds."""
    if recipe is SHIPPED:
        return els.lab("laptop", network=recipe.name), els.load_results(recipe.name)
    recipe = replace(recipe, name=name.replace(" ", "-"))
    network = follow(recipe, KEEP).with_suffix(".json")
    if els.lab("laptop", network=network, verbose=False).sizes is None:
        calibrate_lab(els.lab("laptop", network=network, verbose=False), str(network))
    lab, out = els.lab("laptop", network=network), KEEP / recipe.name
    Experiment(lab, out).run()
    with np.load(out / "samples.npz", allow_pickle=False) as samples:
        return lab, {name: torch.from_numpy(images) for name, images in samples.items()}


def losses(lab: els.Lab, images: int = 50) -> list[float]:
    """The mean squared error of the noise estimates of network, ELS and IS on training pictures, evenly over t."""
    denoisers, total = (lab.network, lab.machine("els-zeros"), lab.machine("is")), torch.zeros(3)
    for k in range(10):
        t, eps = (k + 0.5) / 10, els.seeded_noise(range(images * k, images * (k + 1)), lab.shape)
        x_t = els.add_noise(lab.data.images[:images], eps, t)
        for i, denoiser in enumerate(denoisers):
            guess = els.noise_from_denoiser(denoiser(x_t, t, labels=lab.data.labels[:images]), x_t, t)
            total[i] += (eps - guess).square().mean() / 10
    return total.tolist()


def main() -> None:
    """Train, calibrate, draw, then write the result."""
    found: dict[str, np.ndarray] = {}
    KEEP.mkdir(parents=True, exist_ok=True)
    for variant, recipe in VARIANTS.items():
        lab, images = drawn(variant, recipe)
        network = images["network-150"]
        for name in MACHINES:
            found[f"{name}, {variant}"] = els.compare(images[name], network).r2.numpy()
        found[f"patch sizes, {variant}"] = np.array([size for _, size in lab.patch_sizes("els-zeros")])
        found[f"distances, {variant}"] = els.nearest_training_image(network, lab.data.images)[1].numpy()
        found[f"losses, {variant}"] = np.array(losses(lab))
    with whole_file(HERE / "10_variants.npz") as partial, partial.open("wb") as file:
        np.savez_compressed(file, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
