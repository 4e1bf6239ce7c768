"""The engine's side of a machine: questions to a dictionary, answers put back into images, and who voted."""

from __future__ import annotations

import copy
import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .clusters import Library
from .diffusion import Labels
from .errors import NUMBER, CourseError, brief, whole_number
from .pieces import pieces
from .posterior import LOGIT_ERROR, MEMORY, Asks, Partial, Source, posterior_mean, top_voters
from .ranks import Ranks
from .schedule import CosineSchedule, Schedule
from .training_set import TrainingSetDenoiser

GREYS = 256  # steps of grey in 1
LITTLE_NOISE = 0.1  # sigma^2, below which subtracting a grey in float32 costs more digits than it saves


@dataclass(frozen=True, eq=False)
class Posterior:
    """Who voted, heaviest first. For patch machines one vote per pixel: the shapes begin with (B, H, W); for
    whole-image machines one per image: they begin with (B,).

    image (..., top): index into the images as given to the machine, -1 where the dictionary has fewer entries.
    location (..., top, 2): row and column of the voting patch's centre; for whole images the shift (0, 0 for IS);
    -1, -1 where image is -1.
    weight (..., top): posterior weights; over the whole dictionary they sum to one.
    entropy (...): of all the weights, in nats.
    """

    image: Int[Tensor, "... top"]
    location: Int[Tensor, "... top 2"]
    weight: Float[Tensor, "... top"]
    entropy: Float[Tensor, "..."]


@dataclass(frozen=True, eq=False)
class Certified:
    """An answer, and how far from the exact one it can be.

    mean (B, C, H, W): E[x_0 | x_t]. bound (B,): no pixel of an image differs from the exact mean by more than this, in
    pixels of [-1, 1]. It sums what was left out, which is proven, and the rounding, which is an estimate for an x_t =
    alpha v + sigma eps near the data. (Far from the data float32 may lose a few times more, and where unlike images are
    equally near, either loses about 2^-53 |alpha v|^2 / sigma^2 of their difference: 1e-8 at t = 0.001. float64 may
    lose some 1e-7 where images that differ by less than 1e-6 meet as little noise.) visited: the fraction of all pairs
    of query and key that was computed: 1 without a tolerance.
    """

    mean: Float[Tensor, "B C H W"]
    bound: Float[Tensor, " B"]
    visited: float


@dataclass(frozen=True)
class Question:
    """A lookup, and where its answers belong: `places` (G, m) are the pixels of each group; None: whole images."""

    lookup: Asks
    places: Int[Tensor, "G m"] | None


class Machine(TrainingSetDenoiser, ABC):
    """An exact posterior mean over a dictionary: every entry is visited, unless a tolerance says that not all need be.

    Parameters: see `elscourse.training_set.TrainingSetDenoiser`; and memory: the budget in bytes for everything beyond
    the images themselves, x_t and the answer.

    A subclass says which pieces of x_t look up which pieces of the training images (`_questions`); the engine in
    `posterior` does the rest.
    """

    whole_image: bool  # whether all pixels of an image share one vote
    ranks: Ranks | None = None  # the processes that share the dictionary: see `across`

    def __init__(
        self,
        images: Float[Tensor, "N C H W"],
        schedule: Schedule = CosineSchedule(),
        *,
        image_labels: Int[Tensor, " N"] | Sequence[int] | None = None,
        memory: int = MEMORY,
    ):
        super().__init__(images, schedule, image_labels=image_labels)
        if isinstance(memory, bool) or not isinstance(memory, NUMBER) or not 1 <= memory < math.inf:
            raise CourseError(f"memory must be a number of bytes, at least 1, got {brief(memory)}.")
        self.memory = min(int(memory), 2**62)  # as far as torch can count
        # Subtracting one grey per channel from both sides changes no distance: see _grey_at. The grey has few digits,
        # so that black or white minus grey is exact: pixels of one colour would all be rounded alike, which adds up.
        total = torch.stack([piece.detach().sum((0, 2, 3), dtype=torch.float64) for piece in pieces(images)]).sum(0)
        self.grey = (total / images[:, 0].numel() * GREYS).round().div(GREYS).view(1, -1, 1, 1).to(images.dtype)

    @torch.no_grad()
    def __call__(self, x_t: Float[Tensor, "B C H W"], t: float, labels: Labels = None) -> Float[Tensor, "B C H W"]:
        """E[x_0 | x_t] under the machine's constraint, at t in (0, 1]."""
        self._check(x_t)
        out = torch.empty_like(x_t, memory_format=torch.contiguous_format)
        for items, partial, _, _ in self._answers(x_t, t, labels):
            out[items] = partial.mean().mT.reshape(len(items), *out.shape[1:]).to(out.dtype)
        return _brighter(out, self._grey_at(t))

    @torch.no_grad()
    def certified(self, x_t: Float[Tensor, "B C H W"], t: float, labels: Labels = None) -> Certified:
        """The same, with a bound on its error and the part of the dictionary that was visited."""
        self._check(x_t)
        out = torch.empty_like(x_t, memory_format=torch.contiguous_format)
        bound, visited, everyone = torch.empty(len(x_t), dtype=torch.float64), 0.0, 0.0
        for items, partial, share, images in self._answers(x_t, t, labels):
            out[items] = partial.mean().mT.reshape(len(items), *out.shape[1:]).to(out.dtype)
            bound[items.cpu()] = (
                self.value_range * partial.lost().amax((1, 2)).cpu() + max(self.value_range, 1) * self.rounding
            )
            visited, everyone = visited + share * len(items) * images, everyone + len(items) * images
        if self.ranks is not None:
            visited, everyone = self.ranks.sums(visited, everyone)
        return Certified(_brighter(out, self._grey_at(t)), bound, visited / max(everyone, 1))

    def _answers(self, x_t: Tensor, t: float, labels: Labels) -> Iterator[tuple[Tensor, Partial, float, int]]:
        """For each part of the batch: which images, their sums, the part of the pairs that was visited, and how many
        training images they were compared with."""
        for items, source in self._parts(x_t, t, labels):
            partial, share = self._partial(self._centred(x_t[items], t), t, source)
            yield items, partial if self.ranks is None else self.ranks.merge(partial), share, len(source)

    @functools.cached_property
    def _library(self) -> Library:
        return Library(self.memory)

    @property
    def value_range(self) -> float:
        """The largest difference that two values of a dictionary can have."""
        return self._library.value_range(self.images)

    @property
    def rounding(self) -> float:
        """What the arithmetic alone may move a weight by, as a part of the whole."""
        return 2 * LOGIT_ERROR if self.images.dtype == torch.float32 else 1e-9

    def across(self, ranks: Ranks) -> Self:
        """A copy whose dictionary the processes of `ranks` share: each visits its part of the images.

        All of them must call it with the same x_t, t and labels, and all get the answer over the whole dictionary.
        """
        other = copy.copy(self)
        other.ranks = ranks
        return other

    @torch.no_grad()
    def posterior(self, x_t: Float[Tensor, "B C H W"], t: float, top: int = 8, labels: Labels = None) -> Posterior:
        """The `top` heaviest voters behind every answer of `self(x_t, t)`: the provenance of each pixel. At most N H W
        are given, as many as any dictionary has."""
        self._check(x_t)
        wanted = whole_number(top, 1)
        if wanted is None:
            raise CourseError(f"top must be a whole number of voters, at least 1, got {brief(top)}.")
        if self.ranks is not None:
            raise CourseError("voters are not merged across processes: ask the machine itself, not its across(...).")
        top = min(wanted, len(self.images) * self.images[0, 0].numel())
        alpha, sigma = self._alpha_sigma(t)
        batch, _, height, width = x_t.shape
        pixels = () if self.whole_image else (height, width)
        try:
            key = torch.empty(batch, top, *pixels, dtype=torch.int64, device=x_t.device)
        except RuntimeError as error:
            raise CourseError(f"not enough memory for the {top:,} heaviest voters: ask for fewer (top=).") from error
        image, place, weight = key.clone(), key.clone(), key.to(torch.float64)
        entropy = weight[:, :1].clone()
        for items, source in self._parts(x_t, t, labels):
            for question in self._questions(self._centred(x_t[items], t), t, source):
                voters = top_voters(question.lookup, source, alpha, sigma, top, self.memory)
                nobody, per_image = voters.key < 0, question.lookup.keys_per_image
                index = (voters.key // per_image).clamp(min=0)
                index = index if source.index is None else source.index[index]
                _scatter(image, items, question, index.masked_fill(nobody, -1))
                _scatter(place, items, question, self._place_of(voters.key % per_image, question))
                _scatter(weight, items, question, voters.weight)
                _scatter(entropy, items, question, voters.entropy[..., None])
        location = torch.stack([place // width, place % width], dim=-1).masked_fill(image.unsqueeze(-1) < 0, -1)
        return Posterior(
            image.movedim(1, -1),
            location.movedim(1, -2),
            weight.movedim(1, -1).to(x_t.dtype),
            entropy[:, 0].to(x_t.dtype),
        )

    @abstractmethod
    def _questions(self, centred: Float[Tensor, "B C H W"], t: float, source: Source) -> Iterator[Question]:
        """The lookups that together answer for every pixel: what a machine IS."""

    @abstractmethod
    def _place_of(self, within: Int[Tensor, "G M top"], question: Question) -> Int[Tensor, "G M top"]:
        """Key number within its image -> flat place (row * W + column) of the patch's centre, or the shift."""

    @abstractmethod
    def _query_bytes(self, t: float) -> int:
        """Memory that one image's queries take."""

    def _parts(self, x_t: Tensor, t: float, labels: Labels) -> Iterator[tuple[Tensor, Source]]:
        """The batch in parts that share a dictionary (a class) and whose queries fit the memory budget."""
        at_once = max(1, self.memory // 4 // self._query_bytes(t))
        for items, index in self._by_class(len(x_t), labels):
            for part in items.split(at_once):
                yield part.to(x_t.device), self._source(index, self._grey_at(t))

    def _source(self, index: Int[Tensor, " n"] | None, grey: Float[Tensor, "1 C 1 1"] | None) -> Source:
        """The images of a class, or all of them; of these, this rank's share."""
        if self.ranks is None:
            return Source(self.images, grey, index)
        mine = self.ranks.share(len(self.images if index is None else index))
        return Source(self.images[mine], grey) if index is None else Source(self.images, grey, index[mine])

    def _grey_at(self, t: float) -> Float[Tensor, "1 C 1 1"] | None:
        """The grey that is taken from images and x_t at time t; None: they stay as they are.

        Taking a grey away shortens the vectors whose products are logits, so these are rounded less. But it also rounds
        every pixel once and for all, and the less noise there is, the more a pixel counts.
        """
        _, sigma = self._alpha_sigma(t)
        return self.grey if sigma**2 > LITTLE_NOISE or self.images.dtype == torch.float64 else None

    def _centred(self, x_t: Float[Tensor, "B C H W"], t: float) -> Float[Tensor, "B C H W"]:
        grey, (alpha, _) = self._grey_at(t), self._alpha_sigma(t)
        return x_t if grey is None else (x_t.double() - alpha * grey.double()).to(x_t.dtype)

    def _partial(self, centred: Float[Tensor, "B C H W"], t: float, source: Source) -> tuple[Partial, float]:
        """The engine's sums over these images, for (B, H W) queries with C values or (B, 1) with C H W; and the part
        of the pairs that was visited."""
        alpha, sigma = self._alpha_sigma(t)
        batch, channels, height, width = centred.shape
        queries, values = (1, channels * height * width) if self.whole_image else (height * width, channels)
        whole = Partial.empty(batch, queries, values, centred.device)
        if len(source):  # a rank may have no images of a class
            for question in self._questions(centred, t, source):
                part = posterior_mean(question.lookup, source, alpha, sigma, self.memory)
                whole.place(part, question.places)
        return whole, 1.0


def _brighter(image: Tensor, grey: Float[Tensor, "1 C 1 1"] | None) -> Tensor:
    return image if grey is None else image.add_(grey)


def _scatter(out: Tensor, items: Tensor, question: Question, answer: Float[Tensor, "G M V"]) -> None:
    """Put answers (G, batch * m, V) where they belong in out (B, V, H, W), or (B, ...) for whole images."""
    if question.places is None:
        out[items] = answer[0].view(len(items), *out.shape[1:])
        return
    groups, m = question.places.shape
    flat = out.view(*out.shape[:2], -1)
    by_item = answer.view(groups, len(items), m, -1).permute(1, 3, 0, 2)  # (items, V, G, m)
    channels = torch.arange(out.shape[1], device=out.device)
    flat[items[:, None, None, None], channels[:, None, None], question.places] = by_item
