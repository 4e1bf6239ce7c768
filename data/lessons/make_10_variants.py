"""Make 10_variants.npz: how well the machines predict networks that differ from one another in one thing only.

    python data/lessons/make_10_variants.py

The recipe of the shipped network for 28 x 28 is followed at 16 x 16, and then with one thing changed: the side of the
pictures, how many there are, how long it is trained, or, at 28 x 28, whether the pictures are as sharp as they come or
enlarged from 16 x 16. Each network is calibrated, and 100 seeds are drawn by it and by the machines. Kept are r2 with
the network, the patch sizes, the network's first ten drawings, how far all of them lie from the training pictures, and
the losses of the noise estimates, on training pictures and on new ones. All of it stays in runs/10_variants, and a run
that was killed goes on where it stopped.
"""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import elscourse as els
from elscourse.files import save_array, whole_file
from elscourse.lab_calibration import calibrate_lab
from elscourse.recipes import RECIPES, Recipe, follow
from elscourse.reproduce import Experiment

SHIPPED = RECIPES["fashion-mnist-28-resnet-zeros-conditional"]
BASE = replace(SHIPPED, name="base", size=16)
HERE = Path(__file__).parent
KEEP = HERE.parent.parent / "runs" / "10_variants"
SMOOTH = KEEP / "smooth.npy"
VARIANTS = {
    "base": BASE,
    "images 1000": replace(BASE, n=1000),
    "images 100": replace(BASE, n=100),
    "images 10": replace(BASE, n=10),
    "images 100, steps 16000": replace(BASE, n=100, plan=replace(BASE.plan, steps=16_000)),
    "side 20": replace(BASE, size=20),
    "side 28": SHIPPED,
    "side 28, smooth": replace(SHIPPED, dataset=str(SMOOTH), size=None, n=None),
}
MACHINES = ("is", "ls", "els-zeros", "wiener")


def enlarge() -> None:
    """The pictures of 16 x 16 at 28 x 28: larger, but no sharper."""
    if not SMOOTH.exists():
        small = els.load(BASE.dataset, size=16, n=BASE.n)
        assert small.labels is not None
        save_array(small.labels.numpy(), SMOOTH.with_name("smooth.labels.npy"))
        save_array(F.interpolate(small.images, size=28, mode="bilinear").clamp(-1, 1).numpy(), SMOOTH)


def drawn(name: str, recipe: Recipe) -> tuple[els.Lab, dict[str, Tensor]]:
    """The lab of a variant, trained and calibrated, and what its network and machines draw from 100 seeds."""
    if recipe is SHIPPED:
        return els.lab("laptop", network=recipe.name), els.load_results(recipe.name)
    recipe = replace(recipe, name=re.sub(r"\W+", "-", name))
    network = follow(recipe, KEEP).with_suffix(".json")
    calibrated = els.lab("laptop", network=network, verbose=False).sizes
    if calibrated is None or not {"els-zeros", "els-zeros-gaussian"} <= calibrated.machines.keys():
        calibrate_lab(els.lab("laptop", network=network, verbose=False), str(network))
    lab, out = els.lab("laptop", network=network), KEEP / recipe.name
    Experiment(lab, out).run()
    with np.load(out / "samples.npz", allow_pickle=False) as samples:
        return lab, {name: torch.from_numpy(images) for name, images in samples.items()}


def losses(lab: els.Lab, pictures: els.ImageSet) -> list[float]:
    """The mean squared error of the noise estimates of network, ELS and IS on the pictures, evenly over t."""
    denoisers, total = (lab.network, lab.machine("els-zeros"), lab.machine("is")), torch.zeros(3)
    for k in range(10):
        t, eps = (k + 0.5) / 10, els.seeded_noise(range(50 * k, 50 * k + len(pictures)), lab.shape)
        x_t = els.add_noise(pictures.images, eps, t)
        for i, denoiser in enumerate(denoisers):
            guess = els.noise_from_denoiser(denoiser(x_t, t, labels=pictures.labels), x_t, t)
            total[i] += (eps - guess).square().mean() / 10
    return total.tolist()


def new_pictures(lab: els.Lab) -> els.ImageSet:
    """50 pictures that the network was not trained on, of classes that it was trained on."""
    fresh = lab.held_out(200)
    assert fresh.labels is not None and lab.data.labels is not None
    return fresh.subset(torch.isin(fresh.labels, lab.data.labels.unique()).nonzero()[:50, 0])


def main() -> None:
    """Train, calibrate, draw, then write the result."""
    found: dict[str, np.ndarray] = {}
    enlarge()
    for variant, recipe in VARIANTS.items():
        lab, images = drawn(variant, recipe)
        network = images["network-150"]
        for name in MACHINES:
            found[f"{name}, {variant}"] = els.compare(images[name], network).r2.numpy()
        found[f"patch sizes, {variant}"] = np.array([size for _, size in lab.patch_sizes("els-zeros")])
        found[f"drawings, {variant}"] = network[:10].numpy()
        found[f"distances, {variant}"] = els.nearest_training_image(network, lab.data.images)[1].numpy()
        found[f"losses, {variant}"] = np.array(losses(lab, lab.data.subset(slice(min(50, len(lab.data))))))
        if lab.shape == (1, 16, 16):
            found[f"losses on new pictures, {variant}"] = np.array(losses(lab, new_pictures(lab)))
    with whole_file(HERE / "10_variants.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
