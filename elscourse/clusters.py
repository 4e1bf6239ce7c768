r"""The same mean from a part of the dictionary, with a certificate: what is left out provably cannot matter.

At little noise almost all weight lies on keys that are near the query. The keys of one dictionary are sorted into boxes
once; a query then skips the boxes whose nearest points are so far that all of them together weigh less than what may
be lost (`search`). With U the bound on the weight skipped, Z the weight found, and a dictionary whose values span a
range R

.. math:: |D - \tilde D| = \frac{U'}{Z + U'} \, |D_{skipped} - \tilde D| \le \frac{U}{Z + U} R, \quad U' \le U

Keys that are equal become one with a count, which is exact.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from .devices import thread_count, workers
from .errors import NUMBER, CourseError, brief
from .pieces import piece_length, pieces
from .posterior import LOGIT_ERROR, Partial, Source, logit_error, slices

BOX = 18  # dimensions of the boxes at most: the first principal components tell far from near
MOST_NOISE = 2.6  # P sigma / alpha up to which a search is tried: t = 0.45 for P = 3, t = 0.3 for P = 5
COPIES, EXTRAS = 5, 64  # what building clusters takes: so many times the keys' bytes, and so many more for each key
BLOCK = 2**14  # keys treated at a time while building
PIECE = 128  # queries searched for together, at most: their bounds then stay in a core's second cache
ROOM = 2**27  # bytes that their bounds may take, one for each leaf, in all threads
MATTER = 20  # keys that weigh 2^-20 of the best one must still be right
FAR = 1e15  # where the keys are that fill up the last leaf
TOO_FAR = np.float32(1e30)  # the largest exponent of such keys, so that it stays a number


def check_tolerance(tolerance: object) -> float:
    """A positive number of pixels."""
    if isinstance(tolerance, bool) or not isinstance(tolerance, NUMBER) or not 0 < tolerance <= sys.float_info.max:
        raise CourseError(
            "tolerance must be a positive number (in pixels of [-1, 1]; None for the exact mean), got "
            f"{brief(tolerance)}."
        )
    return float(tolerance)


@dataclass(frozen=True)
class Clusters:
    """One dictionary, sorted into leaves. Keys lie in the frame of their principal components around their mean.

    arrays: keys, values, log2 of their counts, squared lengths of the keys, and low, high and count of `search.search`.
    """

    mean: Float[Tensor, " d"]
    frame: Float[Tensor, "d D"]
    arrays: tuple[np.ndarray, ...]
    reach: float  # the length of the longest key

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return sum(array.nbytes for array in self.arrays)


class Library:
    """What a machine keeps of its dictionaries from call to call, one set for each window and class of images."""

    def __init__(self, memory: int):
        """memory: a budget in bytes, half of which may be taken."""
        self.memory = memory
        self._clusters: dict[tuple[object, ...], Clusters] = {}
        self._longest: dict[tuple[object, ...], float] = {}
        self._value_range: dict[tuple[int, int], float] = {}

    def __reduce__(self) -> tuple[object, ...]:
        """A deep copy or a pickle of a machine keeps nothing: what is kept belongs to these images in this memory."""
        return Library, (self.memory,)

    def longest(self, window: tuple[object, ...], source: Source, squares: Callable[[Tensor], Tensor]) -> float:
        """The length of the longest key; `squares` gives the squared lengths of all keys of some images."""
        name = _name(window, source)
        if name not in self._longest:
            parts = slices(len(source), min(256, piece_length(source.images)))
            blocks = (source.block(part.start, part.stop) for part in parts)
            self._longest[name] = float(torch.stack([squares(block).max() for block in blocks]).max().sqrt())
        return self._longest[name]

    def value_range(self, images: Float[Tensor, "N C H W"]) -> float:
        """The largest difference that two values of one channel can have."""
        name = (images.data_ptr(), _changes(images))
        if name not in self._value_range:
            low = torch.stack([piece.detach().amin((0, 2, 3)) for piece in pieces(images)]).amin(0)
            high = torch.stack([piece.detach().amax((0, 2, 3)) for piece in pieces(images)]).amax(0)
            self._value_range[name] = float((high - low).max())
        return self._value_range[name]

    @staticmethod
    def may_pay(patch_size: int, alpha: float, sigma: float) -> bool:
        """Whether leaving keys out can pay at all: with much noise all matter, in many dimensions all are far."""
        return patch_size * sigma <= MOST_NOISE * alpha

    def clusters(
        self, window: tuple[object, ...], source: Source, keys_of: Callable[[Tensor], Tensor], keys_per_image: int
    ) -> Clusters | None:
        """The clusters of one window on one set of images, built when first asked for; None where memory is short."""
        name = _name(window, source)
        if name not in self._clusters:
            depth = keys_of(source.block(0, 1)).shape[-1]
            needed = (COPIES * 4 * depth + EXTRAS) * keys_per_image * len(source)
            if needed + sum(clusters.nbytes for clusters in self._clusters.values()) > self.memory // 2:
                return None
            keys, channels = keys_of(source.block(0, len(source)))[0], source.images.shape[1]
            size = depth // channels
            self._clusters[name] = build(keys, keys[:, torch.arange(channels) * size + size // 2])
        return self._clusters[name]


def _name(window: tuple[object, ...], source: Source) -> tuple[object, ...]:
    """Which window on which images, as they are now."""
    members = None if source.index is None else hash(source.index.cpu().numpy().tobytes())
    return (*window, source.grey is None, source.images.data_ptr(), _changes(source.images), len(source), members)


def _changes(images: Tensor) -> int:
    """How often a tensor was changed in place, by torch's own count."""
    return 0 if images.is_inference() else images._version


def build(keys: Float[Tensor, "n d"], values: Float[Tensor, "n C"]) -> Clusters:
    """Sort keys into leaves of neighbours: equal ones merged, principal components first."""
    from .search import LEAF, halve

    keys, values, counts = _merged(keys, values)
    mean, frame = _principal(keys)
    first = torch.cat([(block.double() - mean) @ frame[:, :BOX] for block in keys.split(BLOCK)]).float()
    order = torch.arange(len(keys))
    halve(first.numpy(), order.numpy())
    del first
    leaves, dims = math.ceil(len(order) / LEAF), min(BOX, len(mean))
    branches = math.ceil(leaves / LEAF)
    places = F.pad(order, (0, leaves * LEAF - len(order)), value=-1).view(leaves, LEAF)
    missing = places < 0
    turned = torch.empty(leaves, len(mean), LEAF, dtype=torch.float32)
    # leaves that fill up the last branch are far away
    low, high = torch.full((2, branches * LEAF, dims), FAR, dtype=torch.float32)
    for some in slices(leaves, BLOCK // LEAF):
        own = ((keys[places[some]].double() - mean) @ frame).float()
        inside, nobody = own[..., :dims], missing[some, :, None]
        low[some], high[some] = (
            inside.masked_fill(nobody, torch.inf).amin(1),
            inside.masked_fill(nobody, -torch.inf).amax(1),
        )
        turned[some] = own.masked_fill_(nobody, FAR).mT
    squares = turned.square().sum(1)
    reach = float(squares.masked_fill(missing, 0).max().sqrt())
    count = counts[places].masked_fill_(missing, 0)
    low, high = (box.view(branches, LEAF, dims).mT.contiguous() for box in (low, high))
    by_branch = F.pad(count.sum(1), (0, branches * LEAF - leaves)).view(branches, LEAF)
    arrays = (turned, values[places].mT.contiguous(), count.clamp(min=1).log2(), squares, low, high, by_branch)
    return Clusters(mean, frame, tuple(a.numpy() for a in arrays), reach)


def _principal(keys: Float[Tensor, "n d"]) -> tuple[Float[Tensor, " d"], Float[Tensor, "d d"]]:
    """The mean of the keys, and the axes along which they vary, most first; both float64."""
    mean = keys.mean(0, dtype=torch.float64)
    scatter = torch.zeros(keys.shape[1], keys.shape[1], dtype=torch.float64)
    for block in keys.split(BLOCK):
        centred = block.double() - mean
        scatter.addmm_(centred.mT, centred)
    return mean, torch.linalg.eigh(scatter).eigenvectors.flip(1)


def _merged(keys: Float[Tensor, "n d"], values: Float[Tensor, "n C"]) -> tuple[Tensor, Tensor, Float[Tensor, " m"]]:
    """Equal keys once, and how many of each there were; equal keys have equal values.

    They are neighbours in the order of a random projection. Different keys with the same projection stay apart; at
    worst they keep equal ones apart as well.
    """
    direction = torch.randn(keys.shape[1], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    order = torch.cat([block.double() @ direction for block in keys.split(BLOCK)]).argsort(stable=True)
    keys, values = keys[order], values[order]
    first = torch.ones(len(keys), dtype=torch.bool)
    first[1:] = (keys[1:] != keys[:-1]).any(1)
    starts = first.nonzero()[:, 0]
    counts = torch.diff(starts, append=torch.tensor([len(keys)])).float()
    return keys[starts], values[starts], counts


def search_mean(
    queries: Float[Tensor, "M d"], clusters: Clusters, alpha: float, sigma: float, lost: float
) -> tuple[Partial, int] | None:
    """The sums over the keys that matter, (1, M) queries, and how many pairs of query and key were visited.

    lost: the part of the whole weight that may be left out. None where float32 is not enough.
    """
    from .search import search

    keys, values, logs, key_squares, *boxes = clusters.arrays
    m, channels, depth = len(queries), values.shape[1], len(clusters.mean)
    best, total, weighted, skipped = np.empty(m, np.float32), np.zeros(m), np.zeros((m, channels)), np.zeros(m)
    scale = alpha**2 / (2 * sigma**2) / math.log(2)
    threads = thread_count()
    most = max(16, min(PIECE, ROOM // (4 * len(keys) * threads)))
    turns = math.ceil(m / most / threads)  # of all threads, with pieces of about equal length
    with workers(threads) as pool:
        turned = ((queries.double() / alpha - clusters.mean) @ clusters.frame).float()
        longest = float(turned.square().sum(1).max().sqrt())
        expanded = logit_error(alpha * longest, clusters.reach, alpha, sigma, depth) <= LOGIT_ERROR
        if expanded:  # the squares of keys that only fill up a leaf may be too large for float32
            with np.errstate(over="ignore"):
                extra = np.minimum(np.float32(scale) * key_squares, TOO_FAR) - logs
        else:
            extra = -logs

        def some(p: slice) -> int:
            sums = (array[p] for array in (best, total, weighted, skipped))
            return search(turned[p].numpy(), keys, values, extra, *boxes, np.float32(scale), expanded, lost, *sums)

        pairs = sum(pool.map(some, slices(m, math.ceil(m / turns / threads))))
        squares = queries.double().square().sum(-1) / (2 * sigma**2)
    # keys and queries are rounded each on its own, coordinate by coordinate; such errors add up like a random walk
    farthest = math.sqrt(max(float(best.max()), 0.0) + MATTER)  # NaN stays NaN, and is refused
    rounding = 2.0**-24 * (clusters.reach * math.sqrt(scale) + farthest) * farthest * math.log(2)
    if not rounding / len(clusters.mean) ** 0.5 <= LOGIT_ERROR:
        return None
    largest = squares - math.log(2) * torch.from_numpy(best).double()
    sums = (torch.from_numpy(a) for a in (total[:, None], weighted, skipped[:, None]))
    return Partial(largest[None, :, None], *(a[None] for a in sums)), pairs
