"""Make 15_exchange.npz: what networks draw that share no picture, or all of them but not the start.

    python data/lessons/make_15_exchange.py [NAME ...]

The recipe of the shipped ResNet and of the shipped UNet (16 x 16, the first 2,000 pictures, seed 0) is followed again:
with seed 1, and with seed 1 on the next 2,000 pictures, none of which is among the first; that of the ResNet with seed
2, too, and on the first 10 and the first 100 of both (with seed 0 and 1). Each network is calibrated, and 100 seeds are
drawn. Kept are its drawings, those of ELS with its windows and pictures (8 bits per pixel), and its patch sizes; the
ResNet of the other 2,000 pictures with seed 1 is kept itself, as other-2000-pictures.safetensors. All of it stays in
runs/networks, and a run that was killed goes on where it stopped. With names, only these are trained: for several
processes side by side.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from kept import eight_bits
from make_10_same_recipe import KEEP, drawn

import elscourse as els
from elscourse.checkpoints import save_network
from elscourse.files import save_array, whole_file
from elscourse.recipes import RECIPES, Recipe

RESNET, UNET = RECIPES["fashion-mnist-16-resnet-zeros"], RECIPES["fashion-mnist-16-unet-zeros"]
HERE = Path(__file__).parent
OTHERS = KEEP / "others.npy"


def keep_others() -> None:
    """The 2,000 pictures that follow those of the shipped networks, as a set of their own."""
    if not OTHERS.exists():
        pictures = els.load(RESNET.dataset, size=RESNET.size, n=4000).subset(slice(2000, 4000))
        assert pictures.labels is not None
        save_array(pictures.labels.numpy(), OTHERS.with_name("others.labels.npy"))
        save_array(pictures.images.numpy(), OTHERS)


def again(recipe: Recipe, n: int, seed: int, others: bool) -> Recipe:
    """The same recipe on the first n of its pictures, or of the others."""
    name = f"{n}-{'other-' if others else ''}pictures-seed-{seed}"
    name = name if recipe is RESNET else f"unet-{name}"
    where: dict[str, Any] = {"dataset": str(OTHERS), "size": None} if others else {}
    return replace(recipe, name=name, n=n, plan=replace(recipe.plan, seed=seed), **where)


RUNS = {
    recipe.name: recipe
    for recipe in (
        *(again(RESNET, 2000, seed, others) for seed in (1, 2) for others in (False, True)),
        *(again(UNET, 2000, 1, others) for others in (False, True)),
        *(again(RESNET, n, int(others), others) for n in (10, 100) for others in (False, True)),
    )
}


def measured(recipe: Recipe) -> dict[str, np.ndarray]:
    """All that is kept of one network."""
    lab, images = drawn(recipe.name, recipe)
    sizes = np.array([size for _, size in lab.patch_sizes("els-zeros")])
    kept = {what: eight_bits(images[what]) for what in ("network-150", "els-zeros")} | {"patch sizes": sizes}
    return {f"{what}, {recipe.name}": values for what, values in kept.items()}


def keep_network(recipe: Recipe) -> None:
    """The network beside the arrays; its card says in words which pictures it knows, not where they lay here."""
    network = els.load_network(KEEP / f"{recipe.name}.json")
    kept = ("architecture", "config", "plan", "device", "precision", "versions", "loss_curve")
    card = {key: network.card[key] for key in kept if key in network.card}  # older ones do not say the precision
    about = {"name": "fashion-mnist, images 2000 to 3999", "size": UNET.size, "n": recipe.n}
    save_network(network.module, {"name": "other-2000-pictures", **card, "data": about}, HERE)


def main(names: list[str]) -> None:
    """Train what is asked for; without names measure all of it, then write one file and the network."""
    keep_others()
    for name in names:
        drawn(name, RUNS[name])
    if names:
        return
    found = {what: values for recipe in RUNS.values() for what, values in measured(recipe).items()}
    with whole_file(HERE / "15_exchange.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]
    keep_network(RUNS["2000-other-pictures-seed-1"])


if __name__ == "__main__":
    main(sys.argv[1:])
