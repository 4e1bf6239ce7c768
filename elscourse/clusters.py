r"""The same mean from a part of the dictionary, with a certificate: what is left out provably cannot matter.

At little noise almost all weight lies on keys that are near the query. The keys of one dictionary are sorted into boxes
once; a query then skips every box whose nearest corner is so far that all of it weighs less than its share of what may
be lost (`search`). With U the bound of what was skipped, Z what was found and a dictionary whose values span a range R

.. math:: |D - \tilde D| = \frac{U'}{Z + U'} \, |D_{skipped} - \tilde D| \le \frac{U}{Z + U} R, \quad U' \le U

Keys that are equal become one with a count, which is exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from .errors import CourseError
from .mapped import piece_length
from .patches import NUMBER
from .posterior import LOGIT_ERROR, Partial, Source, slices
from .shifts import workers

BOX = 16  # dimensions of the boxes at most: the first principal components tell far from near
MOST_NOISE = 0.45  # sigma / alpha up to which a search is tried: t = 0.27
LARGEST = 5  # patch size up to which it is
COPIES, EXTRAS = 9, 64  # of its keys, and bytes for each besides, that building clusters takes
PIECE = 128  # queries searched for together
MATTER = 20  # keys that weigh 2^-20 of the best one must still be right
FAR = 1e15  # where the keys are that fill up the last leaf


def check_tolerance(tolerance: object) -> float:
    """A positive number of pixels."""
    if isinstance(tolerance, bool) or not isinstance(tolerance, NUMBER) or not 0 < tolerance < math.inf:
        raise CourseError(
            f"tolerance must be a positive number (in pixels of [-1, 1]; None for the exact mean), got {tolerance!r}."
        )
    return float(tolerance)


@dataclass(frozen=True)
class Clusters:
    """One dictionary, sorted into boxes. Keys lie in the frame of their principal components around their mean.

    arrays: keys, values, extra, low, high and count of `search.search`.
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

    def __reduce__(self) -> tuple[object, ...]:
        """A copy or a pickle of a machine keeps nothing: what is kept here belongs to these images in this memory."""
        return Library, (self.memory,)

    def longest(self, window: tuple[object, ...], source: Source, squares: Callable[[Tensor], Tensor]) -> float:
        """The length of the longest key; `squares` gives the squared lengths of all keys of some images."""
        name = _name(window, source)
        if name not in self._longest:
            parts = slices(len(source), min(256, piece_length(source.images)))
            blocks = (source.block(part.start, part.stop) for part in parts)
            self._longest[name] = float(torch.stack([squares(block).max() for block in blocks]).max().sqrt())
        return self._longest[name]

    @staticmethod
    def may_pay(patch_size: int, alpha: float, sigma: float) -> bool:
        """Whether leaving out can win at all: with much noise everything matters, with many dimensions all is far."""
        return sigma <= MOST_NOISE * alpha and patch_size <= LARGEST

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
    """Which window on which images, as they are now: torch counts how often a tensor was changed in place."""
    members = None if source.index is None else hash(source.index.cpu().numpy().tobytes())
    version = 0 if source.images.is_inference() else source.images._version
    return (*window, source.images.data_ptr(), version, len(source), members)


def build(keys: Float[Tensor, "n d"], values: Float[Tensor, "n C"]) -> Clusters:
    """Sort keys into boxes: equal ones merged, principal components first, leaves of neighbours."""
    from .search import LEAF, halve

    keys, values, counts = _merged(keys, values)
    mean = keys.mean(0, dtype=torch.float64)
    _, frame = torch.linalg.eigh(torch.cov(keys.double().T, correction=0).reshape(keys.shape[1], -1))
    frame = F.pad(frame.flip(1), (0, -keys.shape[1] % 4))
    turned = ((keys - mean) @ frame).float()
    order = torch.arange(len(keys))
    halve(turned.numpy(), order.numpy())
    leaves = math.ceil(len(order) / LEAF)

    def in_leaves(per_key: Tensor, fill: float) -> Float[Tensor, "leaves k L"]:
        filled = F.pad(per_key[order], (0, 0, 0, leaves * LEAF - len(order)), value=fill)
        return filled.view(leaves, LEAF, -1).mT.contiguous()

    in_boxes = in_leaves(turned, torch.nan)[:, :BOX]
    arrays = (
        in_leaves(turned, FAR),
        in_leaves(values, 0),
        in_leaves(counts.log2()[:, None], 0)[:, 0],
        in_boxes.nan_to_num(torch.inf).amin(2),
        in_boxes.nan_to_num(-torch.inf).amax(2),
        in_leaves(counts[:, None], 0).sum((1, 2)),
    )
    return Clusters(mean, frame, tuple(a.numpy() for a in arrays), float(turned.square().sum(1).max().sqrt()))


def _merged(keys: Float[Tensor, "n d"], values: Float[Tensor, "n C"]) -> tuple[Tensor, Tensor, Float[Tensor, " m"]]:
    """Equal keys once, and how many of each there were; equal keys have equal values.

    They are neighbours in the order of a random projection; two that differ but share its last bit would only be kept
    apart, or let equal ones be so.
    """
    direction = torch.randn(keys.shape[1], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    order = (keys.double() @ direction).argsort(stable=True)
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

    turned = ((queries.double() / alpha - clusters.mean) @ clusters.frame).float().T
    m, channels = len(queries), clusters.arrays[1].shape[1]
    best = np.empty(m, np.float32)
    total, weighted, skipped = np.zeros(m), np.zeros((m, channels)), np.zeros(m)
    scale = alpha**2 / (2 * sigma**2) / math.log(2)
    with workers(torch.get_num_threads()) as pool:
        visited = pool.map(
            lambda p: search(
                turned[:, p].contiguous().numpy(),
                *clusters.arrays,
                np.float32(scale),
                lost,
                *(sums[p] for sums in (best, total, weighted, skipped)),
            ),
            slices(m, PIECE),
        )
        pairs = sum(visited)
    farthest = math.sqrt(float(best.max()) + MATTER)
    # a key's coordinates are rounded each on its own: half of the worst case, as when errors add up like a random walk
    rounding = 2.0**-24 * (clusters.reach * math.sqrt(scale) + farthest) * farthest * math.log(2)
    if rounding > 2 * LOGIT_ERROR:
        return None
    squares = queries.double().square().sum(-1) / (2 * sigma**2)
    largest = squares - math.log(2) * torch.from_numpy(best).double()
    sums = (torch.from_numpy(a) for a in (total[:, None], weighted, skipped[:, None]))
    return Partial(largest[None, :, None], *(a[None] for a in sums)), pairs
