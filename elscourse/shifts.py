r"""The patch machines without patches: slide an image over x_t, square, blur with the window, exponentiate, average.

.. math:: D(x) = \frac{\sum_{v, d} v(x + d) \, e^{-S_{v,d}(x)}}{\sum_{v, d} e^{-S_{v,d}(x)}}, \quad
          S_{v,d} = K * (x_t - \alpha v(\cdot + d))^2 / 2 \sigma^2

The same mean as that of `posterior` over keys cut from the images, but a key is never cut: the blur is shared by all
pixels, so that a square window costs six additions a pair, whatever P, a gaussian one 2 P, and not P^2. All classes of
the boundary-broken machine come out of one loop over displacements: which d a pixel may use is what makes the machine
(`patches.displacements`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from .devices import workers
from .patches import Padding
from .posterior import LOGIT_ERROR, Partial, Source, Tile, fitting, logit_error, slices

COPIES = 2  # of each pixel of a block of images: itself and its copy
BLOCK = 2**22  # bytes of images brought into the kernel's order at a time
WORTH = 2**20  # pairs of query and key, times the patch size, from which on it beats a few matrix products
PARTS = 16  # pieces of the work, whatever the number of threads: the sums are then the same with any
KEYS = 512  # images at a time in torch: a float32 sum over many more would lose digits
MOST_LANES = 64  # images side by side, on any processor
# Of image and of noise in x_t, for the compiled loops: with less noise, pixels (scaled by 1 / sigma) are as far away as
# FAR; with less image, FAR times the least power of two that the loops know, divided by alpha, is not nothing.
LEAST = 1e-8
FAR = 1e15  # pixels (scaled) of the images that fill up the last chunk: too far from everything to have a weight


@dataclass(frozen=True)
class Sliding:
    """What to slide: the window's taps (r + 1,) from the centre outwards, who meets whom, and how long keys are."""

    taps: Float[Tensor, " r+1"]
    moves: Int[np.ndarray, "n 6"]
    padding: Padding
    longest: float  # the length of the longest key, or more


def pairs(moves: Int[np.ndarray, "n 6"], queries: int, images: int) -> int:
    """Pairs of query and key in all, for so many x_t."""
    _, _, top, bottom, left, right = moves.T
    return int(((bottom - top) * (right - left)).sum()) * queries * images


def pays(x: Float[Tensor, "B C H W"], moves: Int[np.ndarray, "n 6"], patch_size: int, images: int, memory: int) -> bool:
    """Whether the compiled loops can and should answer: float32, on the CPU, enough work, and room for some images."""
    room = MOST_LANES * COPIES * 8 * x[0].numel() <= memory // 2  # in float64, which it may take
    here = x.dtype == torch.float32 and x.device.type == "cpu" and room
    return here and pairs(moves, len(x), images) * patch_size >= WORTH


def bytes_per_query(channels: int) -> int:
    """Memory that a pixel of x_t takes: itself, and its sums in each part of the work."""
    return 4 * channels + PARTS * (4 + 8 + 8 * channels)


def sliding_mean(
    x: Float[Tensor, "B C H W"], sliding: Sliding, source: Source, alpha: float, sigma: float, memory: int
) -> Partial:
    """The sums of all pixels' dictionaries, (B, H W) queries with C values.

    x: x_t with alpha times the grey subtracted, float32, on the CPU. It takes the form of S that rounds less; where the
    nearest key of a pixel is so far away that even this rounds too much, S is summed in float64. `largest` of the
    result leaves out the queries' own squares either way, as in `posterior`.
    """
    with workers(PARTS) as pool:
        query, many = float(squares(x, sliding.taps, sliding.padding).max().sqrt()), depth(x.shape[1], sliding.taps)
        without_own = logit_error(query, sliding.longest, alpha, sigma, many) <= LOGIT_ERROR
        best, total, weighted = _sums(x, sliding, source, alpha, sigma, without_own, memory, pool)
        if not without_own and 2.0**-24 * math.log(2) * best.max(where=total > 0, initial=0) > LOGIT_ERROR:
            best, total, weighted = _sums(x.double(), sliding, source, alpha, sigma, without_own, memory, pool)
        largest = np.where(total > 0, -math.log(2) * best.astype(np.float64), -np.inf)
        if not without_own:
            largest += squares(x.double(), sliding.taps, sliding.padding).numpy() / (2 * sigma**2)
    rows = [torch.from_numpy(a).flatten(-2).mT for a in (largest[:, None], total[:, None], weighted)]
    return Partial(rows[0], rows[1], rows[2], torch.zeros_like(rows[1]))


@dataclass(frozen=True)
class OwnPlace:
    """H W questions of one shape, as `posterior.Lookup` asks them, where each pixel meets only its own place (LS).

    A blur is then a product with a band matrix along the rows and one along the columns: no window is cut out, in any
    precision, on any device. x: x_t with alpha times the grey subtracted; taps: half of the window, from its centre
    outwards; padding: what a window sees beyond the border.
    """

    x: Float[Tensor, "B C H W"]
    taps: Float[Tensor, " r+1"]
    padding: Padding
    keys_per_image: int = 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """How many questions, queries in each, and numbers in a value."""
        batch, channels, height, width = self.x.shape
        return height * width, batch, channels

    def tiles(self, source: Source, alpha: float, sigma: float, memory: int) -> Iterator[Tile]:
        """All logits, some images at a time: float64, as they are differences of what may be large."""
        places, batch, channels = self.shape
        x, taps = self.x.double(), self.taps.to(self.x.device, torch.float64)
        down, across = (_band(n, taps, self.padding) for n in x.shape[2:])
        own = squares(x, taps, self.padding).flatten(1)[:, None]  # all keys share it
        one = 8 * (2 * channels + 6) * batch * places  # bytes of all that is made of the differences to an image
        for part in slices(len(source), min(KEYS, fitting(one, memory))):
            images = source.block(part.start, part.stop)
            apart = (x[:, None] - alpha * images.double()).square().sum(2)
            logits = (own - (down @ apart @ across).flatten(2)) / (2 * sigma**2)  # (B, n, H W)
            values = images.flatten(2).permute(2, 0, 1)
            yield Tile(slice(None), slice(None), part.start, logits.permute(2, 0, 1), values)


def _band(n: int, taps: Float[Tensor, " r+1"], padding: Padding) -> Float[Tensor, "n n"]:
    """The weight of place j in the window of place i; on a torus, where a window is no longer than it, taken around."""
    places = torch.arange(n, device=taps.device)
    apart = (places[:, None] - places).abs()
    return F.pad(taps, (0, n))[apart if padding == "zeros" else torch.minimum(apart, n - apart)]


def squares(x: Float[Tensor, "B C H W"], taps: Float[Tensor, " r+1"], padding: Padding) -> Float[Tensor, "B H W"]:
    """The squared length of every window."""
    down, across = (_band(n, taps.to(x), padding) for n in x.shape[2:])
    return down @ x.square().sum(1) @ across


def depth(channels: int, taps: Float[Tensor, " r+1"]) -> float:
    """How many numbers a window compares: C P^2, and fewer where most of its weights are small."""
    both = torch.cat([taps[1:], taps]).double()
    return channels * float(both.sum() ** 2 / both.square().sum()) ** 2


def _sums(
    x: Tensor,
    sliding: Sliding,
    source: Source,
    alpha: float,
    sigma: float,
    without_own: bool,
    memory: int,
    pool: ThreadPoolExecutor,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """best, weights and values of `kernel.slide` over all images, S in the precision of x."""
    from .kernel import slide
    from .vectors import UNSEEN, WIDTH

    batch, _, height, width = x.shape
    unit = math.sqrt(0.5 / math.log(2)) / sigma  # of pixels in which half a squared distance is an exponent of base 2
    queries, wrap = (x * unit).contiguous().numpy(), sliding.padding == "circular"
    taps, square = sliding.taps.to(x.dtype).numpy(), bool((sliding.taps == 1).all())
    at_once = _images_at_once(source, x.element_size(), memory, WIDTH)
    groups = min(PARTS, 2 ** int(math.log2(at_once // WIDTH)))  # of chunks; where they are few, of displacements too
    dealt = [np.ascontiguousarray(sliding.moves[i :: PARTS // groups]) for i in range(PARTS // groups)]
    parts = list(itertools.product(range(groups), dealt))
    best = np.full((len(parts), batch, height, width), UNSEEN, queries.dtype)
    weights, values = np.zeros(best.shape), np.zeros((len(parts), *x.shape))
    for chunks in _chunks(source, alpha * unit, x.dtype, at_once, WIDTH):
        some = np.array_split(chunks, groups)
        done = [
            pool.submit(slide, queries, some[group], taps, square, moves, wrap, without_own, *sums)
            for (group, moves), *sums in zip(parts, best, weights, values, strict=True)
        ]
        for future in done:
            future.result()
    least = best.min(0)
    rescale = np.exp2(least.astype(np.float64) - best)
    return least, (rescale * weights).sum(0), (rescale[:, :, None] * values).sum(0) / (alpha * unit)


def _images_at_once(source: Source, number: int, memory: int, lanes: int) -> int:
    """How many images are brought into the kernel's order together: whole chunks. number: bytes that a pixel takes."""
    one = COPIES * number * source.images[0].numel()
    return lanes * max(1, min(math.ceil(len(source) / lanes), BLOCK // one // lanes, memory // 2 // one // lanes))


def _chunks(
    source: Source, unit: float, dtype: torch.dtype, at_once: int, lanes: int
) -> Iterator[Float[np.ndarray, "chunks C H W lanes"]]:
    """The images times `unit`, a block at a time, those of a chunk side by side; the last chunk is filled up."""
    for part in slices(len(source), at_once):
        block = source.block(part.start, part.stop).to(dtype) * unit
        block = F.pad(block, (0, 0, 0, 0, 0, 0, 0, -len(block) % lanes), value=FAR)
        shape = (-1, lanes, *block.shape[1:])
        yield block.view(shape).permute(0, 2, 3, 4, 1).contiguous().numpy()
