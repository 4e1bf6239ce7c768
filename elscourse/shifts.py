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
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from .patches import Padding
from .posterior import LOGIT_ERROR, Partial, Source, Tile, slices

COPIES = 8  # bytes for each pixel of a block of images: itself and its copy
BLOCK = 2**22  # bytes of images brought into this order at a time
LANES = 512  # images side by side in a chunk at most: its rows then stay in a core's second cache
WORTH = 2**22  # pairs of query and key, times the patch size, from which on it beats a few matrix products
PARTS = 16  # pieces of the work, whatever the number of threads: the sums are then the same on every computer
KEYS = 512  # images at a time in torch: a float32 sum over many more would lose digits
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
    """Whether the compiled loops can and should answer: float32, on the CPU, enough of it, and room for some images."""
    here = x.dtype == torch.float32 and x.device.type == "cpu" and 16 * COPIES * x[0].numel() <= memory // 2
    return here and pairs(moves, len(x), images) * patch_size >= WORTH


def bytes_per_query(channels: int) -> int:
    """Memory that a pixel of x_t takes: itself, and its sums in each part of the work."""
    return 4 * channels + PARTS * (4 + 8 + 8 * channels)


def sliding_mean(
    x: Float[Tensor, "B C H W"], sliding: Sliding, source: Source, alpha: float, sigma: float, memory: int
) -> Partial | None:
    """The sums of all pixels' dictionaries, (B, H W) queries with C values; None where float32 is not enough.

    x: x_t with alpha times the grey subtracted, float32, on the CPU. Of the two forms of S the one that rounds less is
    taken; `largest` of the result leaves out the queries' own squares either way, as in `posterior`.
    """
    linear = _error_without_squares(x, sliding, alpha, sigma) <= LOGIT_ERROR
    best, total, weighted = _sums(x, sliding, source, alpha, sigma, linear, memory)
    largest = np.where(total > 0, -math.log(2) * best.astype(np.float64), -np.inf)
    if not linear:
        if 2.0**-24 * math.log(2) * best.max(where=total > 0, initial=0) > LOGIT_ERROR:
            return None
        largest += squares(x.double(), sliding.taps, sliding.padding).numpy() / (2 * sigma**2)
    rows = [torch.from_numpy(a).flatten(-2).mT for a in (largest[:, None], total[:, None], weighted)]
    return Partial(rows[0], rows[1], rows[2], torch.zeros_like(rows[1]))


@dataclass(frozen=True)
class InPlace:
    """H W questions of one shape, as `posterior.Lookup` asks them, where each pixel meets only its own place (LS).

    A blur is then a product with a band matrix along the rows and one along the columns: no window is cut out, in any
    precision, on any device. x: see `sliding_mean`; taps: half of the window, from its centre outwards.
    """

    x: Float[Tensor, "B C H W"]
    taps: Float[Tensor, " r+1"]
    keys_per_image: int = 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """How many questions, queries of each, and numbers in a value."""
        batch, channels, height, width = self.x.shape
        return height * width, batch, channels

    def tiles(self, source: Source, alpha: float, sigma: float, memory: int) -> Iterator[Tile]:
        """All logits, some images at a time: float64, as they are differences of what may be large."""
        places, batch, channels = self.shape
        x, taps = self.x.double(), self.taps.to(self.x.device, torch.float64)
        down, across = (_band(n, taps) for n in x.shape[2:])
        own = squares(x, taps, "zeros").flatten(1)[:, None]  # all keys share it
        one = 8 * (2 * channels + 6) * batch * places  # bytes of all that is made of the differences to an image
        for part in slices(len(source), max(1, min(KEYS, memory // 2 // one))):
            images = source.block(part.start, part.stop)
            apart = (x[:, None] - alpha * images).square().sum(2)
            logits = (own - (down @ apart @ across).flatten(2)) / (2 * sigma**2)  # (B, n, H W)
            values = images.flatten(2).permute(2, 0, 1)
            yield Tile(slice(None), slice(None), part.start, logits.permute(2, 0, 1), values)


def _band(n: int, taps: Float[Tensor, " r+1"]) -> Float[Tensor, "n n"]:
    """The weight of place j in the window of place i."""
    places = torch.arange(n, device=taps.device)
    apart = (places[:, None] - places).abs()
    return F.pad(taps, (0, n))[apart]


def squares(x: Float[Tensor, "B C H W"], taps: Float[Tensor, " r+1"], padding: Padding) -> Float[Tensor, "B H W"]:
    """The squared length of every window."""
    both, r = torch.cat([taps[1:].flip(0), taps]).to(x), len(taps) - 1
    summed = x.square().sum(1, keepdim=True)
    summed = F.pad(summed, (r, r, r, r), mode="circular" if padding == "circular" and r else "constant")
    return F.conv2d(F.conv2d(summed, both.view(1, 1, -1, 1)), both.view(1, 1, 1, -1))[:, 0]


def depth(channels: int, taps: Float[Tensor, " r+1"]) -> float:
    """How many numbers a window compares: C P^2, and fewer where most of its weights are small."""
    both = torch.cat([taps[1:], taps]).double()
    return channels * float(both.sum() ** 2 / both.square().sum()) ** 2


def _error_without_squares(x: Tensor, sliding: Sliding, alpha: float, sigma: float) -> float:
    """How far rounding may move a logit alpha q.k - alpha^2 k.k / 2 over sigma^2: see `posterior.logit_dtype`."""
    q, k = float(squares(x, sliding.taps, sliding.padding).max().sqrt()), alpha * sliding.longest
    return 2.0**-24 * k * (q + k / 2) / sigma**2 / depth(x.shape[1], sliding.taps) ** 0.5


def _sums(
    x: Tensor, sliding: Sliding, source: Source, alpha: float, sigma: float, linear: bool, memory: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """best, total, weighted of `kernel.slide` over all images: in parts, by as many threads as torch would use."""
    from .compiled import UNSEEN
    from .kernel import slide

    batch, _, height, width = x.shape
    unit = math.sqrt(0.5 / math.log(2)) / sigma  # of pixels in which half a squared distance is an exponent of base 2
    queries, wrap = (x * unit).contiguous().numpy(), sliding.padding == "circular"
    taps, square = sliding.taps.float().numpy(), bool((sliding.taps == 1).all())
    parts = _parts(sliding.moves)
    best = np.full((len(parts), batch, height, width), UNSEEN, np.float32)
    total = np.zeros(best.shape)
    weighted = np.zeros((len(parts), *x.shape))
    with workers(min(torch.get_num_threads(), len(parts))) as pool:
        for keys in _chunks(source, alpha * unit, memory):
            done = [
                pool.submit(slide, queries, keys, taps, square, moves, wrap, linear, *sums)
                for moves, *sums in zip(parts, best, total, weighted, strict=True)
            ]
            for future in done:
                future.result()
    least = best.min(0)
    rescale = np.exp2(least.astype(np.float64) - best)
    return least, (rescale * total).sum(0), (rescale[:, :, None] * weighted).sum(0) / (alpha * unit)


@contextmanager
def workers(threads: int) -> Iterator[ThreadPoolExecutor]:
    """A pool that, when stopped from outside, does not begin what is still waiting."""
    with ThreadPoolExecutor(threads) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _parts(moves: Int[np.ndarray, "n 6"]) -> list[Int[np.ndarray, "m 6"]]:
    """The moves dealt out; where there are fewer than parts, their rows are."""
    if 0 < len(moves) < PARTS:
        moves = np.concatenate([_rows(move) for move in moves])
    return [moves[i::PARTS] for i in range(max(1, min(PARTS, len(moves))))]


def _rows(move: Int[np.ndarray, " 6"]) -> Int[np.ndarray, "n 6"]:
    """One move as several that share its rectangle, a few rows each."""
    dy, dx, top, bottom, left, right = move
    cuts = np.unique(np.linspace(top, bottom, PARTS + 1).astype(int))
    return np.array([(dy, dx, a, b, left, right) for a, b in itertools.pairwise(cuts)])


def _chunks(source: Source, unit: float, memory: int) -> Iterator[Float[np.ndarray, "chunks C H W lanes"]]:
    """The images times `unit`, a block at a time, those of a chunk side by side; the last chunk is filled up."""
    one = COPIES * source.images[0].numel()
    at_once = max(1, min(len(source), BLOCK // one, memory // 2 // one))
    chunks = math.ceil(at_once / LANES)
    lanes = 16 * math.ceil(at_once / chunks / 16)  # whole vectors
    for part in slices(len(source), chunks * lanes):
        block = source.block(part.start, part.stop).mul_(unit)
        missing = -len(block) % lanes
        block = F.pad(block, (0, 0, 0, 0, 0, 0, 0, missing), value=FAR)
        shape = (-1, lanes, *block.shape[1:])
        yield block.view(shape).permute(0, 2, 3, 4, 1).contiguous().numpy()
