"""Make 17_colour.npz: emoji drawn colour by colour, after an exchange of colours, and as pictures of other groups.

    python data/lessons/make_17_colour.py

Drawings are kept with 8 bits per pixel (0 is -1, 255 is 1):

apart      seeds 0 to 99 by three ELS machines, one for each colour, which know nothing of one another, with sizes that
           are calibrated for them
recoloured seeds 0 to 99 after the noise of one colour, number seed mod 3, was replaced by that of seed 10,000 more
as others  each of 12 noises drawn as each of the eight groups

Every piece is kept in runs/lessons/17_colour/, so a run that was stopped goes on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from kept import drawings
from torch import Tensor

import elscourse as els
from elscourse.calibration import calibrate
from elscourse.diffusion import Denoiser, Labels
from elscourse.files import whole_file

HERE = Path(__file__).parent
PARTS = HERE.parents[1] / "runs" / "lessons" / "17_colour"
NETWORK = "emoji-24-resnet-zeros-conditional"
NOISES = range(200, 212)  # that are drawn as every group


class Apart(els.EquivariantLocalScoreMachine):
    """One ELS machine for each colour; no window sees two of them."""

    def __init__(self, lab: els.Lab):
        """On the images of a lab, with the sizes of its ELS."""
        told = {"patch_size": lab.patch_sizes("els-zeros"), "padding": "zeros", "image_labels": lab.image_labels}
        super().__init__(lab.data.images, lab.schedule, **told)
        colours = lab.data.images.split(1, dim=1)
        self.machines = [els.EquivariantLocalScoreMachine(one, lab.schedule, **told) for one in colours]

    def __call__(self, x_t: Tensor, t: float, labels: Labels = None) -> Tensor:
        """The three answers side by side."""
        size = self.size_at(t)
        colours = zip(self.machines, x_t.split(1, dim=1), strict=True)
        return torch.cat([machine.with_patch_size(size)(one, t, labels) for machine, one in colours], 1)


def recoloured(noise: Tensor, other: Tensor) -> Tensor:
    """Noise k with colour k mod 3 of the other; all (B, 3, H, W)."""
    changed = noise.clone()
    for k in range(len(noise)):
        changed[k, k % 3] = other[k, k % 3]
    return changed


def main() -> None:
    """Draw what is missing, then write the file."""
    lab = els.lab(network=NETWORK)
    noise, labels = els.seeded_noise(lab.seeds, lab.shape), lab.labels_for(lab.seeds)
    assert labels is not None
    apart = Apart(lab)
    kept = PARTS / "apart, calibration.npz"
    told = lab.labels_for(range(900_000, 900_010))
    sizes = calibrate(apart, lab.network, samples=10, labels=told, progress=True, checkpoint=kept)
    apart = apart.with_patch_size(sizes)
    found = {"apart": drawings(PARTS, "apart", apart, noise, 20, labels)}
    artists: dict[str, tuple[Denoiser, int]] = {
        "network-150": (lab.network, 150),
        "els-zeros": (lab.machine("els-zeros"), 20),
        "apart": (apart, 20),
    }
    changed = recoloured(noise, els.seeded_noise([10_000 + seed for seed in lab.seeds], lab.shape))
    for name, (denoiser, steps) in artists.items():
        found[f"recoloured, {name}"] = drawings(PARTS, f"recoloured, {name}", denoiser, changed, steps, labels)

    groups = len(lab.data.class_names)
    each = els.seeded_noise(NOISES, lab.shape).repeat_interleave(groups, 0)
    others = torch.arange(groups).repeat(len(NOISES))
    for name in ("network-150", "els-zeros"):
        denoiser, steps = artists[name]
        drawn = drawings(PARTS, f"as others, {name}", denoiser, each, steps, others)
        found[f"as others, {name}"] = drawn.reshape(len(NOISES), groups, *lab.shape)
    with whole_file(HERE / "17_colour.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
