r"""The engine: a softmax-weighted mean over a dictionary that is never held in memory as a whole.

Every machine asks the same question. A query q (a piece of x_t) meets keys k (pieces of training images):

.. math:: D(q) = \sum_k w_k \, \mathrm{value}(k), \quad
          w_k \propto \exp\Big(-\frac{\|q - \alpha k\|^2}{2\sigma^2}\Big)
                \propto \exp\Big(\frac{\alpha\, q \cdot k - \alpha^2 \|k\|^2 / 2}{\sigma^2}\Big)

which is attention. Images come in blocks; of those that have passed, only the running maximum, the sum and the weighted
sum of each query remain. Nothing here knows which machine is asking.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .errors import CourseError

MEMORY = 512 * 2**20  # default budget in bytes for everything beyond the images
TILE = 2**19  # logits computed at once: few enough to stay in a processor's cache
GPU_TILE = 2**26  # the same on a GPU, where few large matrix products beat many small ones
KEYS = 128  # keys in a tile at least: fewer make the matrix products inefficient
BLOCK = 2**25  # bytes of keys cut from the images at a time
FARTHEST = -1e100  # the least logit beside the largest, 0: its weight is 0, and 0 times -inf would be NaN
WALK = 9  # terms of a logit whose roundings cancel like a random walk: those of more, in flat pictures, have one sign
COLUMNS = 48  # how many columns of a product processors take at once divides it: they sum a rest in another order
LOGIT_ERROR = 1e-5  # rounding allowed in a float32 logit before it is computed in float64


@dataclass(frozen=True)
class Lookup:
    """G independent questions of one shape: queries (G, M, D) against the keys that `keys_of` cuts from images.

    keys_of: images (n, C, H, W) -> keys (G, n * keys_per_image, D), image after image.
    values: the columns of a key that make up its value: all of them for whole images, the centre pixel for patches.
    longest: the length of the longest key there is, or more. depth: how many of its D numbers count: all of them, or
    fewer where most have small weights.
    """

    queries: Float[Tensor, "G M D"]
    keys_of: Callable[[Tensor], Tensor]
    keys_per_image: int
    values: Int[Tensor, " V"] | slice
    longest: float
    depth: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """G, M and V."""
        groups, queries, _ = self.queries.shape
        return groups, queries, self.queries[:1, :1, self.values].shape[-1]

    def tiles(self, source: Source, alpha: float, sigma: float, memory: int) -> Iterator[Tile]:
        """All logits, tile by tile: blocks of images outside, inside them groups, queries, keys.

        At little noise, where they are float64, one rounding of a logit may be more than 1. So keys are filled up to
        whole COLUMNS there: equal ones are rounded alike, and share the weight.
        """
        groups, queries, _ = self.queries.shape
        g, m, n_keys = tile_shape(groups, queries, tile_size(self.queries.device, memory))
        n_keys -= n_keys % min(COLUMNS, n_keys)
        dtype = logit_dtype(self, alpha, sigma)
        for images in slices(len(source), images_per_block(self, source, memory)):
            keys = self.keys_of(source.block(images.start, images.stop))
            squares = keys.square() if keys.dtype == dtype else keys.to(dtype).square_()
            fill = -keys.shape[1] % COLUMNS if dtype == torch.float64 else 0
            bias = filled(squares.sum(-1) * (-(alpha**2) / (2 * sigma**2)), fill, dtype)
            for some in slices(groups, g):
                values, precise = keys[some][..., self.values], filled(keys[some], fill, dtype).mT
                for rows in slices(queries, m):
                    scaled = self.queries[some, rows].to(dtype) * (alpha / sigma**2)
                    for part in slices(keys.shape[1], n_keys):
                        last = part.stop == keys.shape[1]
                        whole = slice(part.start, part.stop + fill * last)
                        logits = torch.baddbmm(bias[some, None, whole], scaled, precise[..., whole])
                        first = images.start * self.keys_per_image + part.start
                        yield Tile(some, rows, first, logits[..., : part.stop - part.start], values[:, part])


class Asks(Protocol):
    """What can be asked of a source of images: `Lookup`, and `OwnPlace`."""

    @property
    def shape(self) -> tuple[int, int, int]: ...
    @property
    def keys_per_image(self) -> int: ...
    def tiles(self, source: Source, alpha: float, sigma: float, memory: int) -> Iterator[Tile]: ...


@dataclass(frozen=True)
class Source:
    """Training images as the engine reads them: block by block, without `grey` and only those of `index`, if given."""

    images: Float[Tensor, "N C H W"]
    grey: Float[Tensor, "1 C 1 1"] | None
    index: Int[Tensor, " n"] | None = None

    def __len__(self) -> int:
        return len(self.images if self.index is None else self.index)

    def block(self, start: int, stop: int) -> Float[Tensor, "n C H W"]:
        """Images start..stop, centred; without a grey and an index a view of them, to be read only."""
        part = slice(start, stop)
        images = self.images[part if self.index is None else self.index[part]]
        return images if self.grey is None else images - self.grey


@dataclass
class Partial:
    """What is kept of the keys seen so far: enough to add more of them, or to merge with another part's result.

    largest (G, M, 1): the largest logit; total (G, M, 1): the sum of exp(logit - largest); weighted (G, M, V): the same
    sum with the values as factors; skipped (G, M, 1): no less than what keys that were left out would add to total, 0
    where every key was visited. Adding sums is exact; averaging the softmaxes of parts would not be.
    """

    largest: Float[Tensor, "G M 1"]
    total: Float[Tensor, "G M 1"]
    weighted: Float[Tensor, "G M V"]
    skipped: Float[Tensor, "G M 1"]

    @classmethod
    def empty(cls, groups: int, queries: int, values: int, device: torch.device) -> Partial:
        """Nothing seen yet. The sums are float64, as they collect up to millions of terms."""

        def full(width: int, value: float) -> Tensor:
            return torch.full((groups, queries, width), value, dtype=torch.float64, device=device)

        return cls(full(1, -torch.inf), full(1, 0), full(values, 0), full(1, 0))

    @classmethod
    def of(cls, logits: Float[Tensor, "G M L"], values: Float[Tensor, "G L V"]) -> Partial:
        """The result over a few keys, all at once, in the precision of the values.

        torch's softmax is the fastest exp there is here; the sum it divided by is the inverse of its largest entry.
        Logits of higher precision lose it only after their maximum is subtracted, where it is no longer needed.
        """
        largest = logits.amax(-1, keepdim=True)
        if logits.dtype != values.dtype:
            logits = (logits - largest).to(values.dtype)
        weights = torch.softmax(logits, dim=-1)
        total = 1 / weights.amax(-1, keepdim=True)
        weighted = (total * (weights @ values)).double()
        return cls(largest.double(), total.double(), weighted, torch.zeros_like(largest, dtype=torch.float64))

    @property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """largest, and the three sums that go with it."""
        return self.largest, self.total, self.weighted, self.skipped

    def absorb(self, groups: slice, queries: slice, other: Partial) -> None:
        """Merge a result for some of the groups and queries into this one, in place."""
        mine = Partial(*(x[groups, queries] for x in self.tensors))
        for old, new in zip(mine.tensors, mine.merge(other).tensors, strict=True):
            old.copy_(new)

    def place(self, part: Partial, places: Int[Tensor, "G m"] | None) -> None:
        """Put the result (G, B * m) of some pixels, or (1, B) of whole images, into this one (B, H W) or (B, 1)."""
        batch = len(self.largest)
        if places is None:
            places = torch.zeros(1, 1, dtype=torch.int64, device=self.largest.device)
        for mine, theirs in zip(self.tensors, part.tensors, strict=True):
            mine[:, places] = theirs.unflatten(1, (batch, -1)).transpose(0, 1)

    def merge(self, other: Partial) -> Partial:
        """The result over both dictionaries: rescale each to the common maximum, then add."""
        largest = torch.maximum(self.largest, other.largest)
        a, b = torch.exp(self.largest - largest), torch.exp(other.largest - largest)
        sums = zip(self.tensors[1:], other.tensors[1:], strict=True)
        return Partial(largest, *(a * mine + b * theirs for mine, theirs in sums))

    def mean(self) -> Float[Tensor, "G M V"]:
        """The posterior mean of the values."""
        return self.weighted / self.total

    def lost(self) -> Float[Tensor, "G M 1"]:
        """No less than the part of the whole weight that lies on keys which were left out."""
        return self.skipped / (self.total + self.skipped)


@dataclass(frozen=True)
class Tile:
    """The logits of some queries of some groups against some keys, the first of which is number `first_key`."""

    groups: slice
    queries: slice
    first_key: int
    logits: Float[Tensor, "g m L"]
    values: Float[Tensor, "g L V"]


def tile_size(device: torch.device, memory: int) -> int:
    """Logits computed at once: on a GPU as many as keep it busy, inside the budget and what is free there."""
    if device.type != "cuda":
        return TILE
    free, _ = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # which torch keeps for itself
    return max(TILE, min(GPU_TILE, memory // 32, free // 32))


def tile_shape(groups: int, queries: int, tile: int) -> tuple[int, int, int]:
    """How many groups, queries and keys a tile takes: near-square per group, as many groups as then fit.

    Few queries do not get more keys instead: a float32 sum over too many of them would lose digits.
    """
    side = int(tile**0.5)
    m = min(queries, side)
    g = max(1, min(groups, tile // (m * KEYS)))
    return g, m, max(KEYS, min(side, tile // (g * m)))


def filled(keys: Float[Tensor, "G L *D"], fill: int, dtype: torch.dtype) -> Float[Tensor, "G l *D"]:
    """Keys in this precision, and `fill` zeros behind them."""
    if not fill:
        return keys.to(dtype)
    out = keys.new_zeros(keys.shape[0], keys.shape[1] + fill, *keys.shape[2:], dtype=dtype)
    out[:, : keys.shape[1]] = keys
    return out


def slices(length: int, step: int) -> Iterator[slice]:
    """0..length in pieces of `step`, the last one shorter."""
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def logit_error(query: float, key: float, alpha: float, sigma: float, depth: float) -> float:
    """How far rounding to float32 may move a logit (alpha q.k - alpha^2 k.k / 2) / sigma^2 of q and k of these lengths.

    It is a sum of terms of the size |alpha| |q| |k| / sigma^2, each rounded to 24 bits; over `depth` components, though
    not over more than WALK, the roundings add up like a random walk.
    """
    key = abs(alpha) * key  # a schedule of your own may turn the image's sign
    return 2.0**-24 * key * (query + key / 2) / sigma**2 / min(depth, WALK) ** 0.5


def logit_dtype(lookup: Lookup, alpha: float, sigma: float) -> torch.dtype:
    """float64 where float32 would lose the small difference of two large terms, as it does at low noise."""
    if lookup.queries.dtype == torch.float64:
        return torch.float64
    error = logit_error(float(lookup.queries.square().sum(-1).max().sqrt()), lookup.longest, alpha, sigma, lookup.depth)
    return torch.float64 if error > LOGIT_ERROR else torch.float32


def images_per_block(lookup: Lookup, source: Source, memory: int) -> int:
    """How many images' keys are cut at once."""
    groups, _, depth = lookup.queries.shape
    one = groups * lookup.keys_per_image * depth * (2 * lookup.queries.element_size() + 8)
    # larger blocks than this gain nothing: the keys of a block are read once per tile of queries
    enough = max(1, BLOCK // one)
    return min(len(source), fitting(one, memory), enough)


def fitting(one: int, memory: int) -> int:
    """How many images fit if the keys of one and their copies take so many bytes: half of the budget is for them, the
    rest for queries and tiles."""
    if one > memory // 2:
        raise CourseError(
            f"the keys of one image need {2 * one:,} bytes, but the memory budget is {memory:,} bytes: pass a larger "
            "memory=, or a smaller patch size where there is one."
        )
    return memory // 2 // one


def posterior_mean(lookup: Asks, source: Source, alpha: float, sigma: float, memory: int) -> Partial:
    """Stream the images past the queries; `.mean()` of the result is the denoiser's answer."""
    result = Partial.empty(*lookup.shape, source.images.device)
    with full_precision:
        for tile in lookup.tiles(source, alpha, sigma, memory):
            result.absorb(tile.groups, tile.queries, Partial.of(tile.logits, tile.values))
    return result


class _FullPrecision:
    """Without TF32, whose 11 bits are too few for a logit, whatever the program has chosen for its networks.

    The choice is one for the whole process: of callers in several threads, the first one puts it aside and the last one
    gives it back.
    """

    def __init__(self) -> None:
        self._counting, self._users, self._own = threading.Lock(), 0, list[str]()

    @staticmethod
    def _operations() -> tuple[Any, ...]:
        there: Any = torch.backends
        return there.cuda.matmul, there.cudnn.conv, there.mkldnn.matmul, there.mkldnn.conv

    def __enter__(self) -> None:
        with self._counting:
            if not self._users:
                self._own = [operation.fp32_precision for operation in self._operations()]
                for operation in self._operations():
                    operation.fp32_precision = "ieee"
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._counting:
            self._users -= 1
            if self._users:
                return
            for operation, precision in zip(self._operations(), self._own, strict=True):
                operation.fp32_precision = "none"  # what it inherits goes on following what it inherits it from
                if operation.fp32_precision != precision:
                    operation.fp32_precision = precision


full_precision = _FullPrecision()


@dataclass(frozen=True)
class Voters:
    """The `top` heaviest keys of each query: number (-1 where there are fewer), weight; and the entropy of all."""

    key: Int[Tensor, "G M top"]
    weight: Float[Tensor, "G M top"]
    entropy: Float[Tensor, "G M"]


def top_voters(lookup: Asks, source: Source, alpha: float, sigma: float, top: int, memory: int) -> Voters:
    """Stream the images and keep, for each query, the keys with the largest logits.

    With logits relative to the largest, the entropy -sum w log w (in nats) is log total - sum w logit: their posterior
    mean gives it. (At little noise the largest is 1e17 or more, and log total would be lost beside it.)
    """
    shape, device = lookup.shape[:2], source.images.device
    result = Partial.empty(*shape, 1, device)
    best = torch.full((*shape, top), -torch.inf, dtype=torch.float64, device=device)
    key = torch.full((*shape, top), -1, device=device)
    with full_precision:
        for tile in lookup.tiles(source, alpha, sigma, memory):
            logits, at = tile.logits.double(), (tile.groups, tile.queries)
            value, place = logits.topk(min(top, logits.shape[-1]), dim=-1)
            kept, order = torch.cat([best[at], value], dim=-1).topk(top, dim=-1)
            best[at] = kept
            key[at] = torch.cat([key[at], place + tile.first_key], dim=-1).gather(-1, order)
            largest = logits.amax(-1, keepdim=True)
            now = torch.maximum(result.largest[at], largest)  # what the logits are relative to, old and new ones
            result.weighted[at] += result.total[at] * (result.largest[at] - now).clamp(min=FARTHEST)
            w = torch.exp(logits - largest)
            sums = w.sum(-1, keepdim=True), (w * (logits - now).clamp(min=FARTHEST)).sum(-1, keepdim=True)
            result.absorb(*at, Partial(largest, *sums, torch.zeros_like(largest)))
    entropy = result.total.log() - result.mean()
    return Voters(key, torch.exp(best - result.largest) / result.total, entropy[..., 0].clamp(min=0))
