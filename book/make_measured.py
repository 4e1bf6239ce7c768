"""Draw book/_static/measured.png: how alike the drawings of each denoiser and of six networks are (seconds).

python book/make_measured.py

Medians of r2 over the seeds 0 to 99, of the drawings in data/results and data/lessons; all cut at black and white.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor

import elscourse as els
from elscourse import plotting

FIGURE = Path(__file__).parent / "_static" / "measured.png"
NETWORKS = {
    "first ResNet, 16 x 16": "fashion-mnist-16-resnet-zeros",
    "told the class, 16 x 16": "fashion-mnist-16-resnet-zeros-conditional",
    "UNet, 16 x 16": "fashion-mnist-16-unet-zeros",
    "circular, 16 x 16": "fashion-mnist-16-resnet-circular",
    "told the class, 28 x 28": "fashion-mnist-28-resnet-zeros-conditional",
    "emoji, told the group": "emoji-24-resnet-zeros-conditional",
}
LOOKS: dict[str, dict[str, Any]] = {
    "the formula (ELS)": {"marker": "o", "color": plotting.ORANGE, "ms": 10},
    "the best filter, bent by a curve": {"marker": "D", "color": plotting.BLUE, "ms": 7},
    "the best filter with windows, straight": {"marker": "D", "color": plotting.BLUE, "ms": 7, "mfc": "white"},
    "its patches kept at their place (LS)": {"marker": "s", "color": "0.4", "ms": 9, "mfc": "none"},
    "the ideal denoiser (IS)": {"marker": "x", "color": "black", "ms": 7},
    "the mean picture (of the class)": {"marker": "|", "color": "black", "ms": 11},
}


def mean_pictures(name: str) -> Tensor:
    """What who knows only the class would guess for each seed, (100, C, H, W)."""
    lab = els.lab("laptop", network=name, verbose=False)
    images, told = lab.data.images, lab.labels_for(lab.seeds)
    if told is None:
        return images.mean(0).expand(100, *images.shape[1:])
    return torch.stack([images[lab.data.labels == label].mean(0) for label in told])


def medians(name: str) -> dict[str, float]:
    """The median r2 of each denoiser's drawings with those of the network in 150 steps, in the order of ``LOOKS``."""
    stored = els.load_results(name) | {"mean": mean_pictures(name)}
    bent = [r2 for key, r2 in els.load_results("11_bent").items() if key.partition(", ")[0] == name]

    def r2(column: str) -> Tensor:
        return els.compare(stored[column].clamp(-1, 1), stored["network-150"]).r2

    return dict(
        zip(
            LOOKS,
            [
                r2("els-circular" if "circular" in name else "els-zeros").quantile(0.5).item(),
                max(seeds.quantile(0.5).item() for seeds in bent),
                max(r2(kind).quantile(0.5).item() for kind in ("local-filter", "equivariant-filter")),
                *(r2(column).quantile(0.5).item() for column in ("ls", "is", "mean")),
            ],
            strict=True,
        )
    )


def figure() -> Figure:
    """A row for each network, a mark for each denoiser."""
    fig, axis = plt.subplots(figsize=(8.6, 4.2))
    for row, name in enumerate(NETWORKS.values()):
        axis.axhline(row, color="0.9", lw=1, ls="-", zorder=0)
        for who, r2 in medians(name).items():
            axis.plot(r2, row, ls="", mew=1.8, label=None if row else who, **LOOKS[who])
    axis.set_yticks(range(len(NETWORKS)), list(NETWORKS))
    axis.set(xlabel="median r2 with what the network draws from the same noise", xlim=(0, 1), ylim=(5.5, -0.5))
    fig.legend(loc="outside upper center", ncols=2)
    return fig


if __name__ == "__main__":
    with plt.style.context("elscourse.course"):
        figure().savefig(FIGURE)
