"""The four machines: the best denoiser under each constraint. Each says which pieces of x_t look up which pieces of the
training images; `machine` and the engine in `posterior` do the rest."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, Self

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from . import patches, shifts
from .clusters import check_tolerance, search_mean
from .errors import unknown_name
from .machine import Machine, Question
from .patches import Padding, Sizes
from .posterior import MEMORY, Lookup, Partial, Source, logit_dtype
from .schedule import CosineSchedule, Schedule

Window = Literal["square", "gaussian"]
ALIKE = 4  # depth of whole images: sums of products of one sign are rounded by more than a random walk


class IdealScoreMachine(Machine):
    r"""The ideal score machine (IS): no constraint. It can only remember.

    .. math:: D(x_t) = \sum_v v \, w_v, \quad w_v \propto \exp\big(-\|x_t - \alpha v\|^2 / 2\sigma^2\big)

    over the training images v. Lesson 02. Parameters and errors: see `elscourse.machine.Machine`.
    """

    id = "is"
    whole_image = True

    def _keys(self, images: Float[Tensor, "n C H W"]) -> Float[Tensor, "1 K D"]:
        return images.flatten(1)[None]

    def _keys_per_image(self) -> int:
        return 1

    def _questions(self, centred: Float[Tensor, "B C H W"], t: float, source: Source) -> Iterator[Question]:
        queries, per_image = centred.flatten(1)[None], self._keys_per_image()
        longest = self._library.longest((), source, lambda images: images.flatten(1).square().sum(1))
        yield Question(Lookup(queries, self._keys, per_image, slice(None), longest, ALIKE), None)

    def _place_of(self, within: Int[Tensor, "G M top"], question: Question) -> Int[Tensor, "G M top"]:
        return within

    def _query_bytes(self, t: float) -> int:
        # x_t and its copy without a grey; in float64 the sums of the images so far, their copy and the mean
        return self.images[0].numel() * (2 * self.images.element_size() + 3 * 8)


class EquivariantScoreMachine(IdealScoreMachine):
    r"""The equivariant score machine (ES): may not know where it is. It remembers up to a shift.

    .. math:: D(x_t) = \sum_{v, d} v(\cdot + d) \, w_{v,d}, \quad
              w_{v,d} \propto \exp\big(-\|x_t - \alpha v(\cdot + d)\|^2 / 2\sigma^2\big)

    over the training images v and all H W shifts d of the torus. Lesson 06. Parameters and errors: see
    `elscourse.machine.Machine`. Source: Kamb & Ganguli, ICML 2025 (arXiv 2412.20292).
    `posterior(...).location` is the shift d: the voter is torch.roll(v, (-d_row, -d_column), dims=(-2, -1)).
    """

    id = "es"

    def _keys(self, images: Float[Tensor, "n C H W"]) -> Float[Tensor, "1 K D"]:
        n, c, h, w = images.shape
        twice = torch.cat([images, images[:, :, :-1]], dim=2)
        twice = torch.cat([twice, twice[:, :, :, :-1]], dim=3)
        shifted = twice.unfold(2, h, 1).unfold(3, w, 1)  # (n, C, H, W, H, W): shift, then pixel
        return shifted.permute(0, 2, 3, 1, 4, 5).reshape(1, n * h * w, c * h * w)

    def _keys_per_image(self) -> int:
        return self.images[0, 0].numel()


class PatchMachine(Machine):
    """What LS and ELS share: a pixel looks through a window of `patch_size`, and a patch votes with its centre pixel.

    patch_size: odd, in pixels; or calibrated pairs (t, P) read as a step function at the nearest t.
    window: "square" counts every pixel of the patch alike (the paper's); "gaussian" weights the squared differences by
        K(o) = exp(-|o|^2 / (2 width^2)), its width a quarter of the patch size.
    tolerance: how far a pixel of the answer may be from the exact mean, in pixels of [-1, 1]; with it, keys that
        provably cannot matter are left out where that pays (float32, CPU, little noise) and half of `memory` is enough
        to sort all patches (about 250 bytes for a grey one of 3 x 3, 560 for 5 x 5); `certified` says how far off the
        answer may be. Nothing is left out if it is None, or below float32's rounding: 2e-5 times the range of the
        pixels, or 2e-5 where that range is below 1.

    Raises CourseError for invalid sizes, windows and tolerances.
    """

    whole_image = False
    padding: Padding = "zeros"  # what a window sees beyond the border; every path of the engine honours it

    def __init__(
        self,
        images: Float[Tensor, "N C H W"],
        schedule: Schedule = CosineSchedule(),
        *,
        patch_size: int | Sizes,
        window: Window = "square",
        tolerance: float | None = None,
        image_labels: Int[Tensor, " N"] | Sequence[int] | None = None,
        memory: int = MEMORY,
    ):
        super().__init__(images, schedule, image_labels=image_labels, memory=memory)
        self.tolerance = tolerance if tolerance is None else check_tolerance(tolerance)
        if not isinstance(window, str) or window not in ("square", "gaussian"):
            raise unknown_name("window", window, ("square", "gaussian"))
        self.window = window
        self._set_sizes(patch_size)

    def _set_sizes(self, patch_size: int | Sizes) -> None:
        self.patch_size = patches.check_sizes(patch_size, self.images.shape, self.padding)

    @property
    def largest_patch_size(self) -> int:
        """See `patches.largest_patch_size`."""
        return patches.largest_patch_size(self.images.shape, self.padding)

    def with_patch_size(self, patch_size: int | Sizes) -> Self:
        """The same machine (sharing its images) with windows of another size."""
        other = copy.copy(self)
        other._set_sizes(patch_size)
        return other

    def size_at(self, t: float) -> int:
        """The patch size at time t."""
        return patches.size_at(self.patch_size, t)

    def window_at(self, t: float) -> tuple[int, Float[Tensor, "P P"] | None]:
        """The patch size at time t, and the weights K of its pixels, in float64 (None: all one)."""
        size = self.size_at(t)
        if self.window == "square":
            return size, None
        return size, patches.gaussian_window(size).to(self.images.device)

    @abstractmethod
    def _displacements(self, patch_size: int) -> Int[np.ndarray, "n 6"]:
        """Who meets whom: see `patches.displacements`."""

    def _shared(self, patch_size: int) -> tuple[Int[Tensor, "1 m"], Int[np.ndarray, "n 6"]] | None:
        """The pixels that share one large dictionary, if any do, and the displacements of the others."""
        return None

    def _partial(self, centred: Float[Tensor, "B C H W"], t: float, source: Source) -> tuple[Partial, float]:
        """By a search where a tolerance allows it, else by sliding images where that pays, else as `_questions` say.

        With hardly a trace of the image in x_t (as with other schedules at t = 1), or of noise, numbers would be out of
        the range of float32.
        """
        size, taps = self.size_at(t), self._taps(t)
        moves = self._displacements(size)
        alpha, sigma = self._alpha_sigma(t)
        both = min(abs(alpha), sigma) > shifts.LEAST
        if len(source) and both and shifts.pays(centred, moves, size, len(source), self.memory):
            sliding = shifts.Sliding(taps, moves, self.padding, self._longest(t, source))
            found = None if self.tolerance is None else self._search(centred, t, source, sliding, self.tolerance)
            if found is not None:
                return found
            return shifts.sliding_mean(centred, sliding, source, alpha, sigma, self.memory), 1.0
        return super()._partial(centred, t, source)

    def _search(
        self, centred: Float[Tensor, "B C H W"], t: float, source: Source, sliding: shifts.Sliding, tolerance: float
    ) -> tuple[Partial, float] | None:
        """The pixels that share one large dictionary by a search in it, the others by sliding; None: not worth it."""
        (alpha, sigma), size = self._alpha_sigma(t), self.size_at(t)
        shared = self._shared(size)
        lost = (tolerance - max(self.value_range, 1) * self.rounding) / self.value_range if self.value_range else 0.0
        if shared is None or lost <= 0 or not self._library.may_pay(size, alpha, sigma):
            return None
        places, moves = shared
        keys_of = self._cut(t, places, self.images.dtype)
        clusters = self._library.clusters(self._window_name(t), source, keys_of, places.shape[1])
        if clusters is None:
            return None
        found = search_mean(keys_of(centred)[0], clusters, alpha, sigma, lost)
        if found is None:
            return None
        part, pairs = found
        edges = replace(sliding, moves=moves)
        whole = shifts.sliding_mean(centred, edges, source, alpha, sigma, self.memory)
        whole.place(part, places)
        everyone = shifts.pairs(sliding.moves, len(centred), len(source))
        visited = (pairs + shifts.pairs(edges.moves, len(centred), len(source))) / everyone
        return whole, min(1.0, visited)  # the last leaf is filled up

    def _cut(self, t: float, places: Int[Tensor, "G m"], dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
        """How keys and queries at these places are cut from images; a window's weight goes half to each of them, in
        `dtype`."""
        size, window = self.window_at(t)
        roots = None if window is None else window.sqrt().flatten().to(dtype)

        def keys_of(images: Tensor) -> Tensor:
            pieces = patches.gather(patches.windows(images, size, self.padding), places)
            return pieces if roots is None else pieces * roots.repeat(images.shape[1])

        return keys_of

    def _taps(self, t: float) -> Float[Tensor, " r+1"]:
        """One axis of the window, from the centre outwards."""
        size = self.size_at(t)
        return torch.ones(size // 2 + 1) if self.window == "square" else patches.gaussian_taps(size)

    def _window_name(self, t: float) -> tuple[object, ...]:
        return self.window, self.size_at(t)

    def _longest(self, t: float, source: Source) -> float:
        """The length of the longest key that a window can see."""
        taps = self._taps(t).to(self.images)  # once, and not with each block of images
        return self._library.longest(
            self._window_name(t), source, lambda images: shifts.squares(images, taps, self.padding)
        )

    def _questions(self, centred: Float[Tensor, "B C H W"], t: float, source: Source) -> Iterator[Question]:
        """Each pixel by itself: it meets its own place only."""
        places = torch.arange(centred[0, 0].numel(), device=centred.device)[:, None]
        yield Question(shifts.OwnPlace(centred, self._taps(t), self.padding), places)

    def _place_of(self, within: Int[Tensor, "G M top"], question: Question) -> Int[Tensor, "G M top"]:
        assert question.places is not None
        return question.places[torch.arange(len(within), device=within.device)[:, None, None], within]

    def _query_bytes(self, t: float) -> int:
        size = self.size_at(t)
        channels, height, width = self.images.shape[1:]
        as_patches = channels * size**2 * (self.images.element_size() if self.window == "square" else 8)
        return height * width * max(as_patches, shifts.bytes_per_query(channels))


class LocalScoreMachine(PatchMachine):
    r"""The local score machine (LS): may not look further than a window. The memory breaks into pieces.

    .. math:: D(x_t)(x) = \sum_v v(x) \, w_v, \quad
              w_v \propto \exp\big(-\|x_t[\Omega_x] - \alpha v[\Omega_x]\|^2 / 2\sigma^2\big)

    with Omega_x the P x P window around pixel x, cut off at the border of the image: the same place in every training
    image. Lesson 04. Parameters and errors: see `elscourse.machines.PatchMachine` and
    `elscourse.machine.Machine`. Source: Kamb & Ganguli, ICML 2025 (arXiv 2412.20292).
    """

    @property
    def id(self) -> str:  # type: ignore[override]
        """The machine's id in files and tables."""
        return "ls" if self.window == "square" else "ls-gaussian"

    def _displacements(self, patch_size: int) -> Int[np.ndarray, "n 6"]:
        height, width = self.images.shape[-2:]
        return patches.displacements(height, width, patch_size, "none")


class EquivariantLocalScoreMachine(PatchMachine):
    r"""The equivariant local score machine (ELS): it may neither look far nor know where it is. The pieces recombine
    into patch mosaics.

    .. math:: D(x_t)(x) = \sum_p p(0) \, w_p, \quad
              w_p \propto \exp\big(-\|x_t[\Omega_x] - \alpha p\|^2 / 2\sigma^2\big)

    over patches p of all training images, p(0) their centre pixel. padding="circular": the patches at all H W places,
    wrapped around. padding="zeros", the boundary-broken machine: the patches whose zero-padding pattern equals the one
    at x; border pixels meet border patches. Lessons 07 and 08. Other parameters, and errors: see
    `elscourse.machines.PatchMachine` and `elscourse.machine.Machine`. Source: Kamb & Ganguli, ICML
    2025 (arXiv 2412.20292).
    """

    def __init__(
        self,
        images: Float[Tensor, "N C H W"],
        schedule: Schedule = CosineSchedule(),
        *,
        patch_size: int | Sizes,
        padding: Padding = "zeros",
        window: Window = "square",
        tolerance: float | None = None,
        image_labels: Int[Tensor, " N"] | Sequence[int] | None = None,
        memory: int = MEMORY,
    ):
        self.padding = patches.check_padding(padding)
        super().__init__(
            images,
            schedule,
            patch_size=patch_size,
            window=window,
            tolerance=tolerance,
            image_labels=image_labels,
            memory=memory,
        )

    @property
    def id(self) -> str:  # type: ignore[override]
        """The machine's id in files and tables."""
        return f"els-{self.padding}" + ("" if self.window == "square" else "-gaussian")

    def _questions(self, centred: Float[Tensor, "B C H W"], t: float, source: Source) -> Iterator[Question]:
        size, channels, device = self.size_at(t), centred.shape[1], centred.device
        if len(self._displacements(size)) == 1:  # no pixel meets another place
            yield from super()._questions(centred, t, source)
            return
        centre = torch.arange(channels, device=device) * size**2 + size**2 // 2
        depth = shifts.depth(channels, self._taps(t))
        for places in self._classes(size):
            places = places.to(device)
            keys_of = self._cut(t, places, self.images.dtype)
            lookup = Lookup(keys_of(centred), keys_of, places.shape[1], centre, self._longest(t, source), depth)
            if self.window != "square" and logit_dtype(lookup, *self._alpha_sigma(t)) != self.images.dtype:
                keys_of = self._cut(t, places, torch.float64)  # in float32 both would be rounded, each on its own
                lookup = replace(lookup, queries=keys_of(centred), keys_of=keys_of)
            yield Question(lookup, places)

    def _classes(self, patch_size: int) -> list[Int[Tensor, "G m"]]:
        """Which pixels share a dictionary."""
        height, width = self.images.shape[-2:]
        return patches.dictionaries(height, width, patch_size, self.padding)

    def _displacements(self, patch_size: int) -> Int[np.ndarray, "n 6"]:
        height, width = self.images.shape[-2:]
        return patches.displacements(height, width, patch_size, "torus" if self.padding == "circular" else "classes")

    def _shared(self, patch_size: int) -> tuple[Int[Tensor, "1 m"], Int[np.ndarray, "n 6"]] | None:
        height, width = self.images.shape[-2:]
        first = self._classes(patch_size)[0]  # the interior or, on the torus, everything
        if self.padding == "circular":
            return first, self._displacements(patch_size)[:0]
        if min(height, width) < patch_size:
            return None  # no window lies inside
        return first, patches.displacements(height, width, patch_size, "edges")


def compile_loops() -> None:
    """Compile what a first large call would wait for, once on each computer: numba keeps the result."""
    images = torch.rand(64, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    machine = EquivariantLocalScoreMachine(images, patch_size=3, tolerance=0.1)
    machine(images[:1], 0.1)
    machine(images[:1] + 100, 0.1)  # so far away that it takes float64
