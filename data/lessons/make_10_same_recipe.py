"""Make 10_same_recipe.npz: does the recipe of the network for 28 x 28 explain why its drawings are foretold less well?

    python data/lessons/make_10_same_recipe.py

The recipe is followed at 16 x 16, the network is calibrated, and 100 seeds are drawn by it and by the machines. Kept is
r2 with the network. All else stays in runs/networks, and a run that was killed goes on where it stopped.
"""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import elscourse as els
from elscourse.files import whole_file
from elscourse.lab_calibration import calibrate_lab
from elscourse.recipes import RECIPES, Recipe, follow
from elscourse.reproduce import Experiment

HERE = Path(__file__).parent
KEEP = HERE.parent.parent / "runs" / "networks"


def drawn(name: str, recipe: Recipe) -> tuple[els.Lab, dict[str, Tensor]]:
    """The lab of a network, trained and calibrated, and what it and its machines draw from 100 seeds."""
    recipe = replace(recipe, name=re.sub(r"\W+", "-", name))
    network = follow(recipe, KEEP).with_suffix(".json")
    calibrated = els.lab("laptop", network=network, verbose=False).sizes
    if calibrated is None or not {"els-zeros", "els-zeros-gaussian"} <= calibrated.machines.keys():
        calibrate_lab(els.lab("laptop", network=network, verbose=False), str(network))
    lab, out = els.lab("laptop", network=network), KEEP / recipe.name
    Experiment(lab, out).run()
    with np.load(out / "samples.npz", allow_pickle=False) as samples:
        return lab, {name: torch.from_numpy(images) for name, images in samples.items()}


def main() -> None:
    """Train, calibrate, draw, then write the result."""
    _, images = drawn("base", replace(RECIPES["fashion-mnist-28-resnet-zeros-conditional"], size=16))
    found = {name: els.compare(images[name], images["network-150"]).r2.numpy() for name in ("is", "ls", "els-zeros")}
    with whole_file(HERE / "10_same_recipe.npz") as partial:
        np.savez_compressed(partial, **found)


if __name__ == "__main__":
    main()
