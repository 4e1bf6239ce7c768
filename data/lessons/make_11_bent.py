"""Make 11_bent.npz: linear filters whose answers are bent by a curve, as rivals of the formula, for six networks;
11_bent_wider.npz: three of them with windows two pixels wider, which were not fitted to ELS; and 11_bent_els.npz: the
formula, bent in the same way.

    python data/lessons/make_11_bent.py

The filters (`els.BentFilter`) look through ELS's measured windows; of the two kinds, local, and local and equivariant,
it is the one that foretells the network better, for the first network both; for it and the UNet the one that sees all
(Wiener), too.
The formula is bent by a curve that a machine without these 400 images finds: with its own it would hardly err.
r2 with the network's 150 steps, seed by seed, for seeds 0 to 99. Drawings stay in runs/lessons/11_bent, and a run that
was stopped goes on.
"""

from pathlib import Path

import numpy as np
import torch
from kept import kept
from torch import Tensor
from tqdm import tqdm

import elscourse as els
from elscourse.bent_filter import SHOWN, find_curve
from elscourse.files import whole_file

HERE = Path(__file__).parent
KEEP = HERE.parents[1] / "runs" / "lessons" / "11_bent"
SEEDS = range(100)
FILTERS = {
    "fashion-mnist-16-resnet-zeros": ("wiener", "local-filter", "equivariant-filter"),
    "fashion-mnist-16-resnet-zeros-conditional": ("local-filter",),
    "fashion-mnist-16-unet-zeros": ("wiener", "local-filter"),
    "fashion-mnist-16-resnet-circular": ("equivariant-filter",),
    "fashion-mnist-28-resnet-zeros-conditional": ("equivariant-filter",),
    "emoji-24-resnet-zeros-conditional": ("equivariant-filter",),
}


WIDER = {name: FILTERS[name][-1] for name in FILTERS if "zeros" in name and "unet" not in name and "emoji" not in name}
WIDER["fashion-mnist-16-resnet-zeros"] = "local-filter"  # the better of its two


def drawn(name: str, kind: str, wider: int = 0) -> Tensor:
    """100 drawings, from the file if they are there."""
    lab = els.lab("laptop", device="cpu", network=name, verbose=False)
    noise = els.seeded_noise(SEEDS, lab.shape)
    curved = els.BentFilter(
        els.LocalFilter(
            lab.data.images,
            lab.schedule,
            patch_size=[(t, size + wider) for t, size in lab.patch_sizes(kind)],
            padding=lab.network.padding,  # type: ignore[arg-type]
            equivariant=kind == "equivariant-filter",
            image_labels=lab.image_labels,
        )
        if wider
        else lab.machine(kind)
    )
    path = KEEP / f"{name}.{kind}{f'.{wider}-wider' if wider else ''}.npy"
    return torch.from_numpy(kept(path, els.sample, curved, noise, 20, labels=lab.labels_for(SEEDS)))


def formula(name: str) -> Tensor:
    """r2 of ELS, bent."""
    lab = els.lab("laptop", device="cpu", network=name, verbose=False)
    kind, images, labels = f"els-{lab.network.padding}", lab.data.images, lab.image_labels
    shown = torch.zeros(len(images), dtype=torch.bool)
    shown[torch.arange(SHOWN) * (len(images) // SHOWN)] = True  # spread, so that no class loses all of its voters
    theirs, others = (None, None) if labels is None else (labels[shown], labels[~shown])
    without = els.EquivariantLocalScoreMachine(
        images[~shown],
        lab.schedule,
        patch_size=lab.patch_sizes(kind),
        padding=lab.network.padding,  # type: ignore[arg-type]
        image_labels=others,
    )
    machine = lab.machine(kind)

    def curved(x_t: Tensor, t: float, labels: Tensor | None = None) -> Tensor:
        return find_curve(without, images[shown], t, theirs)(machine(x_t, t, labels))

    noise, labels = els.seeded_noise(SEEDS, lab.shape), lab.labels_for(SEEDS)
    drawings = torch.from_numpy(kept(KEEP / f"{name}.els.npy", els.sample, curved, noise, 20, labels=labels))
    return els.compare(drawings, els.load_results(name)["network-150"]).r2


def main() -> None:
    """Some minutes for the filters, half an hour for the formula; three files."""
    found = {}
    for name, kinds in tqdm(FILTERS.items(), desc="bent"):
        target = els.load_results(name)["network-150"]
        for kind in kinds:
            found[f"{name}, {kind}"] = els.compare(drawn(name, kind), target).r2.numpy().astype(np.float32)
    with whole_file(HERE / "11_bent.npz") as partial:
        np.savez_compressed(partial, **found)
    wider = {}
    for name, kind in tqdm(WIDER.items(), desc="wider"):
        r2 = els.compare(drawn(name, kind, 2), els.load_results(name)["network-150"]).r2
        wider[f"{name}, {kind}"] = r2.numpy().astype(np.float32)
    with whole_file(HERE / "11_bent_wider.npz") as partial:
        np.savez_compressed(partial, **wider)
    small = [name for name in FILTERS if "28" not in name]  # the larger pictures would take hours
    curved = {name: formula(name).numpy().astype(np.float32) for name in tqdm(small, desc="els")}
    with whole_file(HERE / "11_bent_els.npz") as partial:
        np.savez_compressed(partial, **curved)


if __name__ == "__main__":
    main()
