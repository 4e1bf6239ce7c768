"""What a run of the headline experiment shows: medians over seeds, the table, the figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .errors import CourseError
from .lab import Lab
from .metrics import bootstrap_interval, compare, nearest_training_image
from .plotting import agreement_scatter, image_rows


def comparisons(samples: dict[str, Tensor], machines: Sequence[str], network: str) -> list[dict[str, Any]]:
    """Every machine against every network column: medians over seeds of r, r2, R2, and more.

    samples: images with shape (seeds, C, H, W) by column; those of the network are named network-GRID.
    """
    rows = []
    for column in (c for c in samples if c.startswith("network-")):
        target = samples[column]
        ideal = compare(samples["is"], target).r2
        label = column.removeprefix("network-")
        for machine in machines:
            c = compare(samples[machine], target)
            if c.r2.isnan().all():
                raise CourseError(
                    f"{machine} or {column} draws only images of one grey value, for which r is undefined: are the "
                    "training images constant?"
                )
            row = {
                "machine": machine,
                "network": network,
                "network_steps": int(label) if label.isdigit() else label,
                "n": len(target),
                "r": median(c.r),
                "r2": median(c.r2),
                "R2": median(c.R2),
                "r2_quartiles": [_round(q) for q in c.r2.nanquantile(torch.tensor([0.25, 0.75]).double())],
                "r2_interval": [
                    _round(b) for b in bootstrap_interval(c.r2[~c.r2.isnan()], torch.Generator().manual_seed(0))
                ],
                "beats_ideal": _round((c.r2 > ideal).double().mean()),
            }
            rows.append(row)
    return rows


def table(metrics: dict[str, Any]) -> str:
    """The metrics as a Markdown table: one line per machine and network column."""
    s = metrics["settings"]
    lines = [
        f"Network {s['network']}, {s['images'][0]:,} images of {s['dataset']}, {s['seeds']} seeds, "
        f"machines {s['steps']} steps, on {s['device']}. Medians over seeds; filters with windows are cut at black and "
        "white.",
        "",
        "| network steps | machine | r | r2 | r2 quartiles | R2 | beats IS |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in metrics["rows"]:
        low, high = row["r2_quartiles"]
        beats = "" if row["machine"] == "is" else f"{row['beats_ideal']:.0%}"
        lines.append(
            f"| {row['network_steps']} | {row['machine']} | {row['r']:.3f} | {row['r2']:.3f} "
            f"| {low:.2f} - {high:.2f} | {row['R2']:.3f} | {beats} |"
        )
    return "\n".join(lines) + "\n"


def figure(lab: Lab, samples: dict[str, Tensor], own: str, target: str) -> Any:
    """The noise, what machines and network draw from it, and the training image nearest to the network's.

    own: the machine that predicts the network; target: the network's column. Their r² stands between the two.
    """
    nearest, _ = nearest_training_image(samples[target].to(lab.device), lab.data.images)
    rows = {
        "noise": samples["noise"] / 3,
        "ideal denoiser\nIS": samples["is"],
        "local machine\nLS": samples["ls"],
        f"local + equivariant\nELS {lab.network.padding}": samples[own],
        "trained\nnetwork": samples[target],
        "nearest\ntraining image": lab.data.images[nearest].cpu(),
    }
    shown = image_rows(rows)
    shown.set_figheight(shown.get_figheight() + 0.25)  # room for the numbers
    predicted = shown.axes[3 * len(nearest) : 4 * len(nearest)]  # the row of `own`
    for axis, value in zip(predicted, compare(samples[own], samples[target]).r2.tolist(), strict=True):
        axis.set_xlabel(f"r² {value:.2f}", fontsize=10)
    return shown


def scatter(lab: Lab, samples: dict[str, Tensor], own: str, target: str) -> Any:
    """Seed by seed, how well `own` and the ideal denoiser predict the network."""
    ours, ideal = (compare(samples[m], samples[target]).r2 for m in (own, "is"))
    return agreement_scatter(ours, ideal, (f"ELS {lab.network.padding}", "IS"), "the network")


def median(values: Tensor) -> float:
    """The median of the values that are numbers, to five digits."""
    return _round(values.double().nanquantile(0.5))


def _round(value: Tensor | float) -> float:
    return round(float(value), 5)
