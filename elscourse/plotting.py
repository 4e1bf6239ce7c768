"""Figures. matplotlib is imported only when one is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, BLUE, ORANGE = "#222222", "#0072b2", "#d55e00"  # told apart by colour-blind readers (Okabe & Ito)


def image_rows(rows: Mapping[str, Float[Tensor, "B C H W"]], notes: Sequence[str] = ()) -> Figure:
    """One labelled row of images per entry, pixels clipped to [-1, 1]; `notes` stand under the columns."""
    from matplotlib.figure import Figure

    count = max(len(images) for images in rows.values())
    # a figure of our own, without pyplot: no global state, no window, no backend to choose
    figure = Figure(figsize=(1.7 + 0.82 * count, 0.85 * len(rows) + 0.3 * bool(notes)), dpi=150, layout="constrained")
    axes = figure.subplots(len(rows), count, squeeze=False)
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9, color=INK)
        for axis, image in zip(line, images, strict=False):
            _show(axis, image)
    for axis, note in zip(axes[-1], notes, strict=False):
        axis.set_xlabel(note, fontsize=8, color=INK)
    return figure


def _show(axis, image: Float[Tensor, "C H W"]) -> None:  # type: ignore[no-untyped-def]
    pixels = ((image.detach().cpu().clamp(-1, 1) + 1) / 2).movedim(0, -1).numpy()
    axis.imshow(pixels if pixels.shape[-1] == 3 else pixels[..., 0], cmap="gray", vmin=0, vmax=1)
    axis.set(xticks=[], yticks=[])
    for spine in axis.spines.values():
        spine.set_visible(False)


def agreement_scatter(
    ours: Float[Tensor, " B"], baseline: Float[Tensor, " B"], names: tuple[str, str], target: str
) -> Figure:
    """r2 of one machine against r2 of another, a point per seed: above the diagonal the first predicts better."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 4.4), dpi=150, layout="constrained")
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="0.7", lw=1, zorder=0)
    axis.scatter(baseline.numpy(), ours.numpy(), s=16, color=BLUE, alpha=0.75, linewidths=0)
    medians = [float(v.nanquantile(0.5)) for v in (baseline, ours)]
    axis.plot(*medians, "+", color=ORANGE, ms=14, mew=2.5, label=f"medians {medians[0]:.2f} and {medians[1]:.2f}")
    axis.set(
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
        xlabel=f"r² of {names[1]} with {target}",
        ylabel=f"r² of {names[0]} with {target}",
    )
    axis.legend(loc="lower right", frameon=False, fontsize=9)
    return figure
