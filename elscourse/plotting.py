"""Figures. matplotlib is imported only when one is drawn; a helper returns one, or draws on an axis that it is given;
`show` puts a figure on the page."""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .errors import CourseError, shape_of, type_of
from .machine import Posterior
from .patches import size_at

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST = 11.0  # points: of the words beside pictures, which are also read from the last row of a lecture hall
LETTER = 0.62  # width of a letter in units of the size of its font
MOST = 100  # images in a row: more are too small to be seen, and take minutes to draw
# told apart by colour-blind readers (Okabe & Ito)
INK, GREY, BLUE, ORANGE, GREEN = "#222222", "#8c8c8c", "#0072b2", "#d55e00", "#009e73"
# likewise, of sources; none is grey, which means that there is no source
SOURCES = BLUE, "#e69f00", GREEN, "#f0e442", "#56b4e9", ORANGE, "#cc79a7", "#332288", "#661100"
# of voters: the bright ones first, as they are seen on black
VOTERS = "#e69f00", "#56b4e9", GREEN, "#f0e442", BLUE, ORANGE, "#cc79a7"


def show(figure: Figure, *, alt: str = "") -> None:
    """Display a figure with its description `alt`, for those who cannot see it, or look before it has loaded.

    Raises CourseError without an `alt`. It closes the figure; outside of a notebook it displays nothing.
    """
    from matplotlib.figure import Figure

    if not isinstance(figure, Figure):
        raise CourseError(f"show(figure, alt=...) needs a matplotlib figure, got {type(figure).__name__}.")
    if not isinstance(alt, str) or len(alt.split()) < 3:
        raise CourseError(f"show(figure, alt=...) needs a sentence that says what the figure shows, got {alt!r}.")
    png = io.BytesIO()
    figure.savefig(png, format="png")
    _close(figure)
    width = round(figure.get_figwidth() * 96)
    data = base64.b64encode(png.getvalue()).decode()
    _display(f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{data}" width="{width}">', f"[figure: {alt}]")


def _close(figure: Figure) -> None:
    """Figures that pyplot made are shown once more by notebooks, and kept in memory, unless closed."""
    import matplotlib.pyplot as plt

    plt.close(figure)


def _display(page: str, text: str) -> None:
    try:
        from IPython import get_ipython
        from IPython.display import publish_display_data
    except ImportError:
        return
    if get_ipython() is not None:
        publish_display_data({"text/html": page, "text/plain": text})


def _figure(width: float, height: float) -> Figure:
    # a figure of our own, without pyplot: no global state, no window, no backend to choose
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=110, layout="constrained")


def image_rows(
    rows: Mapping[str, Float[Tensor, "B C H W"]],
    notes: Sequence[str | float] | Tensor = (),
    titles: Sequence[str | float] | Tensor = (),
) -> Figure:
    """One labelled row of images per entry, pixels clipped to [-1, 1].

    titles stand above the columns, notes below them: words, or numbers, which are shown with three digits. Rows may
    differ in length and in the size of their images.

    Raises CourseError if rows hold no batches of images, and for words that are none or are more than the columns.
    """
    _check_rows(rows)
    count = max(len(images) for images in rows.values())
    notes, titles = _words(notes, "notes", count), _words(titles, "titles", count)
    side, points = min(0.9, 9 / count), LARGEST
    if letters := _longest(titles + notes):
        points = min(points, max(8, 72 * side / (LETTER * letters)))  # as large as neighbours leave room for
    lines = sum(max((word.count("\n") + 1 for word in words), default=0) for words in (titles, notes))
    height = (side + 0.02) * len(rows) + 1.4 * points / 72 * lines + 0.1
    figure = _figure(LETTER * LARGEST / 72 * _longest(rows) + (side + 0.02) * count + 0.15, height)
    figure.set_dpi(150)
    axes = figure.subplots(len(rows), count, squeeze=False)
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=LARGEST, color=INK)
        for axis in line:
            _bare(axis)
        for axis, image in zip(line, images, strict=False):
            show_image(axis, image)
    for axis, title in zip(axes[0], titles, strict=False):
        axis.set_title(title, fontsize=points, color=INK, pad=3)
    for axis, note in zip(axes[-1], notes, strict=False):
        axis.set_xlabel(note, fontsize=points, color=INK)
    return figure


def _longest(words: Iterable[str]) -> int:
    """Letters in the longest line."""
    return max((len(line) for word in words for line in word.split("\n")), default=0)


def _words(given: Sequence[str | float] | Tensor, what: str, columns: int) -> list[str]:
    plain = given.tolist() if isinstance(given, Tensor | np.ndarray) else given
    if isinstance(plain, str) or not isinstance(plain, Sequence):
        raise CourseError(f"{what} must be a list of words or numbers, one for each column, got {given!r}.")
    if len(plain) > columns:
        raise CourseError(f"{what} has {len(plain)} entries, but there are only {columns} columns to put them at.")
    try:
        return [str(one) if isinstance(one, str | Integral) else f"{float(one):.3g}" for one in plain]
    except (TypeError, ValueError, RuntimeError) as error:
        raise CourseError(f"{what} must be words or numbers, one for each column, got {given!r}.") from error


def check_picture_name(path: Path) -> None:
    """Raise CourseError unless a file's name says which kind of picture to write, before hours are spent on it."""
    from matplotlib.backend_bases import FigureCanvasBase

    kinds = sorted(FigureCanvasBase.get_supported_filetypes().keys() - {"pgf"})  # which needs LaTeX
    if path.suffix.removeprefix(".").lower() not in kinds:
        raise CourseError(f"{path} does not name a kind of picture: end it in .png, or one of {', '.join(kinds)}.")


def check_channels(channels: int, what: str) -> None:
    """Raise CourseError for images that cannot be drawn: neither grey nor coloured."""
    if channels not in (1, 3):
        raise CourseError(f"{what} must have 1 channel (grey) or 3 (red, green, blue), got {channels}.")


def _check_rows(rows: object) -> None:
    if not isinstance(rows, Mapping) or not rows:
        raise CourseError(f"rows must map names to images, like {{'network': images}}, got {type(rows).__name__}.")
    for name, images in rows.items():
        if not isinstance(images, Tensor) or images.ndim != 4 or images.shape[1] not in (1, 3) or not len(images):
            raise CourseError(
                f"row {name!r} must hold images of shape (B, C, H, W) with C = 1 or 3, got {shape_of(images)}."
            )
        check_pixels(images, f"row {name!r}")
        if len(images) > MOST:
            raise CourseError(f"row {name!r} holds {len(images):,} images, too many to be seen: take images[:20].")
        if not isinstance(name, str):
            raise CourseError(f"the names of rows must be text, got {name!r}: write str({name!r}).")


def check_pixels(images: Tensor, what: str) -> None:
    """Raise CourseError for images of which there is nothing to see: of whole numbers, or NaN or infinite ones."""
    if not images.is_floating_point():
        raise CourseError(f"{what} must hold floats, uint8 / 127.5 - 1 for instance, got {images.dtype}.")
    if not images.isfinite().all():
        raise CourseError(f"{what} contains NaN or infinite pixels: there is nothing to show.")


def _check_shape(value: object, what: str, *shape: int | str) -> None:
    """A tensor with this shape, where a letter stands for any size."""
    sizes = tuple(value.shape) if isinstance(value, Tensor) else ()
    if len(sizes) != len(shape) or any(isinstance(a, int) and a != b for a, b in zip(shape, sizes, strict=True)):
        wanted = ", ".join(map(str, shape)) + "," * (len(shape) == 1)
        raise CourseError(f"{what} must be a tensor of shape ({wanted}), got {shape_of(value)}.")


def show_image(axis: Any, image: Float[Tensor, "C H W"]) -> None:
    """Draw one image, pixels clipped to [-1, 1], on a matplotlib axis, without ticks or frame."""
    _check_shape(image, "image", "C", "H", "W")
    check_channels(image.shape[0], "image")
    check_pixels(image, "image")
    pixels = ((image.detach().cpu().float().clamp(-1, 1) + 1) / 2).movedim(0, -1).numpy()
    axis.imshow(
        pixels if pixels.shape[-1] == 3 else pixels[..., 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest"
    )
    _bare(axis)


def _bare(axis: Any) -> None:
    axis.set(xticks=[], yticks=[])
    for spine in axis.spines.values():
        spine.set_visible(False)


def provenance_map(
    images: Float[Tensor, "B C H W"], source: Int[Tensor, "B H W"], titles: Sequence[str | float] | Tensor = ()
) -> Figure:
    """Generated images above; below them, each pixel in the colour of the training image that it came from.

    The 18 sources with the most pixels have a colour of their own, the same in every map, nine strong ones and nine
    lighter ones; the others share the palest. Lines run where the source changes, so the pieces can be seen without the
    colours. -1, no source, is grey.
    """
    _check_rows({"images": images})
    if not isinstance(source, Tensor) or source.is_floating_point():
        raise CourseError(f"source must be a tensor of indices, shape (B, H, W), got {type_of(source)}.")
    if source.shape != (len(images), *images.shape[-2:]):
        raise CourseError(
            f"source must name one training image per pixel, shape {(len(images), *images.shape[-2:])}, "
            f"got {tuple(source.shape)}."
        )
    from matplotlib.colors import to_rgba_array

    count = len(images)
    titles = _words(titles, "titles", count)
    figure = _figure(1.5 * count + 0.9, 3.1 + 0.2 * bool(titles))
    axes = figure.subplots(2, count, squeeze=False)
    strong = to_rgba_array(SOURCES)
    full, pale = np.concatenate([strong, 0.5 * strong + 0.5]), 0.2 * strong + 0.8
    sources, pixels = source[source >= 0].cpu().unique(return_counts=True)
    rank = dict(zip(sources[pixels.argsort(descending=True, stable=True)].tolist(), range(len(sources)), strict=True))
    for b in range(count):
        show_image(axes[0, b], images[b])
        index = source[b].cpu().numpy()
        place = np.array([[rank.get(k, 0) for k in row] for row in index.tolist()])
        colours = np.where(place[..., None] < len(full), full[place % len(full)], pale[place % len(pale)])
        colours[index < 0] = (0.85, 0.85, 0.85, 1)
        axes[1, b].imshow(colours, interpolation="nearest")
        _bare(axes[1, b])
        _draw_seams(axes[1, b], source[b])
    for axis, title in zip(axes[0], titles, strict=False):
        axis.set_title(title, fontsize=9, color=INK)
    axes[0, 0].set_ylabel("image", rotation=0, ha="right", va="center", fontsize=9)
    axes[1, 0].set_ylabel("source", rotation=0, ha="right", va="center", fontsize=9)
    return figure


def _draw_seams(axis: Any, source: Int[Tensor, "H W"]) -> None:
    """White lines between neighbouring pixels of different sources."""
    height, width = source.shape
    line: dict[str, Any] = {"color": "white", "lw": 1, "capstyle": "projecting", "snap": False}
    y, x = (source[1:] != source[:-1]).nonzero().cpu().numpy().T
    axis.hlines(y + 0.5, x - 0.5, x + 0.5, **line)
    y, x = (source[:, 1:] != source[:, :-1]).nonzero().cpu().numpy().T
    axis.vlines(x + 0.5, y - 0.5, y + 0.5, **line)
    axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))


def coloured_by_voters(images: Float[Tensor, "B 1 H W"], votes: Posterior) -> Float[Tensor, "B 3 H W"]:
    """Grey images, each pixel in the colours of the training images that voted for it, mixed by their weights.

    votes: what `machine.posterior(x_t, t)` says of these images. Training image n has the colour VOTERS[n], and black
    stays black.

    Raises CourseError for images that are not grey, votes on others, and more training images than colours.
    """
    _check_shape(images, "images", "B", 1, "H", "W")
    check_pixels(images, "images")
    if not isinstance(votes, Posterior):
        raise CourseError(f"votes must be what machine.posterior(x_t, t) returns, got {type(votes).__name__}.")
    batch, _, height, width = images.shape
    if votes.image.shape[:-1] not in ((batch,), (batch, height, width)):
        raise CourseError(
            f"votes must be on these {batch} images of {height}x{width} pixels, one vote for each pixel or image, got "
            f"{tuple(votes.image.shape[:-1])}."
        )
    if votes.image.max() >= len(VOTERS):
        raise CourseError(
            f"there are colours for {len(VOTERS)} training images, but image {int(votes.image.max())} has votes: "
            "give the machine fewer images."
        )
    from matplotlib.colors import to_rgb

    colours = torch.tensor([to_rgb(colour) for colour in VOTERS]).to(images)
    mixed = (votes.weight[..., None].to(images) * colours[votes.image]).sum(-2)  # -1, nobody, has no weight
    mixed = mixed if mixed.ndim == 4 else mixed[:, None, None]
    return (images + 1) * mixed.movedim(-1, 1) - 1


def calibration_map(
    times: Sequence[float],
    candidates: Sequence[int],
    cosine: Float[Tensor, "T K"],
    ridge: Sequence[tuple[float, int]] = (),
    title: str = "",
) -> Figure:
    """How far the cosine of machine and network falls short of 1, for every time and patch size, with a ridge.

    Colours show (1 - cosine) divided by its least value at that time, on a log scale; ridge: the calibrated (t, P).
    """
    _check_shape(cosine, "cosine", len(times), len(candidates))
    if cosine.isnan().all():
        raise CourseError("cosine holds NaN only, no size at any time was scored: finish the calibration first.")
    candidates = [int(size) for size in candidates]
    unknown = sorted({size for _, size in ridge} - set(candidates))
    if unknown:
        raise CourseError(f"ridge holds patch sizes {unknown} that are not among the candidates {candidates}.")
    figure = _figure(6.4, 3.6)
    axis = figure.subplots()
    missing = (1 - cosine.detach().double()).clamp(min=1e-6)
    least = missing.nan_to_num(nan=math.inf).amin(1, keepdim=True)  # not every size need have been scored
    times_the_least = (missing / least).T.cpu().numpy()
    picture = axis.imshow(
        times_the_least, cmap="cividis_r", norm="log", origin="lower", aspect="auto", interpolation="nearest"
    )
    every = max(1, len(times) // 10)
    axis.set_xticks(range(0, len(times), every), [f"{t:.2g}" for t in times[::every]])
    axis.set_yticks(range(len(candidates)), [str(p) for p in candidates])
    axis.set(xlabel="time t (noise on the left)", ylabel="patch size P", title=title)
    if ridge:
        place = [candidates.index(size_at(ridge, t)) for t in times]
        axis.plot(range(len(times)), place, "o-", color=ORANGE, ms=5, lw=1.5, mec="white", label="calibrated P")
        axis.legend(loc="upper right", bbox_to_anchor=(1.02, -0.1))  # below, where it hides no size
    bar = figure.colorbar(picture, ax=axis)
    bar.set_label("(1 - cosine) / the least at that time")
    most = np.nanmax(times_the_least, initial=1)
    bar.set_ticks([k * 10**e for e in range(len(str(int(most)))) for k in (1, 2, 5) if k * 10**e <= most])
    bar.ax.yaxis.set_major_formatter("{x:g}")
    bar.ax.yaxis.set_minor_formatter("")
    return figure


def agreement_scatter(
    ours: Float[Tensor, " B"], baseline: Float[Tensor, " B"], names: tuple[str, str], target: str
) -> Figure:
    """r2 of one machine against r2 of another, one point per seed: above the diagonal the first predicts better.

    ours, baseline: r2 of the same seeds; names: of the two machines, in this order; target: of what both predict.
    """
    _check_shape(ours, "ours", "B")
    _check_shape(baseline, "baseline", len(ours))
    figure = _figure(4.6, 4.4)
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="0.7", lw=1, zorder=0)
    ours, baseline = ours.detach().cpu().double(), baseline.detach().cpu().double()
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


def patch_outline(axis: Any, row: int, column: int, patch_size: int) -> None:
    """Draw the P x P window centred on a pixel, as far as it lies in the image, on an axis that shows the image."""
    r = patch_size // 2
    block_outline(axis, row - r, column - r, patch_size, width=2)


def block_outline(axis: Any, row: int, column: int, side: int, width: float = 1) -> None:
    """Draw a block of side x side pixels, whose upper left one is given, on an axis that shows the image.

    A wider white line lies under the orange one, which in grey would be the grey of a pixel that is 0.
    """
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    white = withStroke(linewidth=width + 2, foreground="white")
    corner = column - 0.5, row - 0.5
    axis.add_patch(Rectangle(corner, side, side, fill=False, ec=ORANGE, lw=width, path_effects=[white]))
