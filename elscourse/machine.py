"""The engine's side of a machine: questions to a dictionary, answers put back into images, and who voted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .diffusion import Labels
from .errors import CourseError
from .posterior import Lookup, Source, posterior_mean, top_voters
from .training_set import TrainingSetDenoiser


@dataclass(frozen=True)
class Posterior:
    """Who voted, heaviest first. For patch machines one vote per pixel: the shapes begin with (B, H, W); for
    whole-image machines one per image: they begin with (B,).

    image (..., top): index into the images as given to the machine, -1 where the dictionary has fewer entries.
    location (..., top, 2): row and column of the voting patch's centre; for whole images the shift (0, 0 for IS).
    weight (..., top): posterior weights; over the whole dictionary they sum to one.
    entropy (...): of all the weights, in nats.
    """

    image: Int[Tensor, "... top"]
    location: Int[Tensor, "... top 2"]
    weight: Float[Tensor, "... top"]
    entropy: Float[Tensor, "..."]


@dataclass(frozen=True)
class Question:
    """A lookup, and where its answers belong: `places` (G, m) are the pixels of each group; None: whole images."""

    lookup: Lookup
    places: Int[Tensor, "G m"] | None


class Machine(TrainingSetDenoiser, ABC):
    """An exact posterior mean over a dictionary: every entry is visited. Parameters: see `TrainingSetDenoiser`.

    A subclass says which pieces of x_t look up which pieces of the training images (`_questions`); the engine in
    `posterior` does the rest.
    """

    whole_image: bool  # whether all pixels of an image share one vote

    @torch.no_grad()
    def __call__(self, x_t: Float[Tensor, "B C H W"], t: float, labels: Labels = None) -> Float[Tensor, "B C H W"]:
        """E[x_0 | x_t] under the machine's constraint, at t in (0, 1]."""
        alpha, sigma = self._angle(t)
        self._check(x_t)
        out = torch.empty_like(x_t, memory_format=torch.contiguous_format)
        for items, source in self._parts(x_t, t, labels):
            for question in self._questions(x_t[items] - alpha * self.grey, t):
                mean = posterior_mean(question.lookup, source, alpha, sigma, self.memory).mean()
                _scatter(out, items, question, mean.to(out.dtype))
        return out.add_(self.grey)

    @torch.no_grad()
    def posterior(self, x_t: Float[Tensor, "B C H W"], t: float, top: int = 8, labels: Labels = None) -> Posterior:
        """The `top` heaviest voters behind every answer of `self(x_t, t)`: the provenance of each pixel."""
        if top < 1:
            raise CourseError(f"top must be at least 1 voter, got {top}.")
        alpha, sigma = self._angle(t)
        batch, _, height, width = x_t.shape if x_t.ndim == 4 else (0, 0, 0, 0)
        pixels = () if self.whole_image else (height, width)
        key = torch.empty(batch, top, *pixels, dtype=torch.int64, device=x_t.device)
        image, place, weight = key.clone(), key.clone(), key.to(torch.float64)
        entropy = weight[:, :1].clone()
        for items, source in self._parts(x_t, t, labels):
            for question in self._questions(x_t[items] - alpha * self.grey, t):
                voters = top_voters(question.lookup, source, alpha, sigma, top, self.memory)
                nobody, per_image = voters.key < 0, question.lookup.keys_per_image
                index = (voters.key // per_image).clamp(min=0)
                index = index if source.index is None else source.index[index]
                _scatter(image, items, question, index.masked_fill(nobody, -1))
                _scatter(place, items, question, self._place_of(voters.key % per_image, question))
                _scatter(weight, items, question, voters.weight)
                _scatter(entropy, items, question, voters.entropy[..., None])
        location = torch.stack([place // width, place % width], dim=-1)
        return Posterior(
            image.movedim(1, -1),
            location.movedim(1, -2),
            weight.movedim(1, -1).to(x_t.dtype),
            entropy[:, 0].to(x_t.dtype),
        )

    @abstractmethod
    def _questions(self, centred: Float[Tensor, "B C H W"], t: float) -> Iterator[Question]:
        """The lookups that together answer for every pixel: what a machine IS."""

    @abstractmethod
    def _place_of(self, within: Int[Tensor, "G M top"], question: Question) -> Int[Tensor, "G M top"]:
        """Key number within its image -> flat place (row * W + column) of the patch's centre, or the shift."""

    @abstractmethod
    def _query_bytes(self, t: float) -> int:
        """Memory that one image's queries take."""

    def _parts(self, x_t: Tensor, t: float, labels: Labels) -> Iterator[tuple[Tensor, Source]]:
        """The batch in parts that share a dictionary (a class) and whose queries fit the memory budget."""
        self._check(x_t)
        at_once = max(1, self.memory // 4 // self._query_bytes(t))
        for items, index in self._by_class(len(x_t), labels):
            for part in items.split(at_once):
                yield part.to(x_t.device), Source(self.images, self.grey, index)


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
