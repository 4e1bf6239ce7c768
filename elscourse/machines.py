"""The four machines: the best denoiser under each constraint. Each says which pieces of x_t look up which pieces of the
training images; `machine` and the engine in `posterior` do the rest."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterator
from functools import partial
from typing import Literal, Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from . import patches
from .errors import CourseError, unknown_name
from .machine import Machine, Question
from .patches import Padding, Steps
from .posterior import MEMORY, Lookup
from .schedule import CosineSchedule

Window = Literal["square", "gaussian"]


class IdealScoreMachine(Machine):
    r"""The ideal score machine (IS): no constraint. It can only remember.

    .. math:: D(x_t) = \sum_v v \, w_v, \quad w_v \propto \exp\big(-\|x_t - \alpha v\|^2 / 2\sigma^2\big)

    over the training images v. Lesson 02. Parameters: see `TrainingSetDenoiser`.
    """

    id = "is"
    whole_image = True

    def _keys(self, images: Float[Tensor, "n C H W"]) -> Float[Tensor, "1 K D"]:
        return images.flatten(1)[None]

    def _questions(self, centred: Float[Tensor, "B C H W"], t: float) -> Iterator[Question]:
        per_image = self._keys(centred[:1]).shape[1]
        yield Question(Lookup(centred.flatten(1)[None], self._keys, per_image, slice(None)), None)

    def _place_of(self, within: Int[Tensor, "G M top"], question: Question) -> Int[Tensor, "G M top"]:
        return within

    def _query_bytes(self, t: float) -> int:
        return self.images[0].numel() * self.images.element_size()


class EquivariantScoreMachine(IdealScoreMachine):
    r"""The equivariant score machine (ES): may not know where it is. It remembers up to a shift.

    .. math:: D(x_t) = \sum_{v, d} v(\cdot + d) \, w_{v,d}, \quad
              w_{v,d} \propto \exp\big(-\|x_t - \alpha v(\cdot + d)\|^2 / 2\sigma^2\big)

    over the training images v and all H W shifts d of the torus. Lesson 06. Parameters: see `TrainingSetDenoiser`.
    `posterior(...).location` is the shift d: the voter is torch.roll(v, (-d_row, -d_column), dims=(-2, -1)).
    """

    id = "es"

    def _keys(self, images: Float[Tensor, "n C H W"]) -> Float[Tensor, "1 K D"]:
        n, c, h, w = images.shape
        twice = torch.cat([images, images[:, :, :-1]], dim=2)
        twice = torch.cat([twice, twice[:, :, :, :-1]], dim=3)
        shifted = twice.unfold(2, h, 1).unfold(3, w, 1)  # (n, C, H, W, H, W): shift, then pixel
        return shifted.permute(0, 2, 3, 1, 4, 5).reshape(1, n * h * w, c * h * w)


class PatchMachine(Machine):
    """What LS and ELS share: a pixel looks through a window of `patch_size`, and its value is the centre's.

    patch_size: odd, in pixels; or calibrated pairs (t, P) read as a step function at the nearest t.
    window: "square" counts every pixel of the patch alike (the paper's); "gaussian" weights the squared differences by
        K(d) = exp(-|d|^2 / (2 width^2)).
    width: of the gaussian, in pixels (or pairs (t, width)); a quarter of the patch size unless given.
    """

    whole_image = False
    padding: Padding = "zeros"

    def __init__(
        self,
        images: Float[Tensor, "N C H W"],
        schedule: CosineSchedule = CosineSchedule(),
        *,
        patch_size: int | Steps,
        window: Window = "square",
        width: float | Steps | None = None,
        image_labels: Int[Tensor, " N"] | None = None,
        memory: int = MEMORY,
    ):
        super().__init__(images, schedule, image_labels=image_labels, memory=memory)
        if window not in ("square", "gaussian"):
            raise unknown_name("window", str(window), ("square", "gaussian"))
        if width is not None and window == "square":
            raise CourseError('width belongs to window="gaussian"; a square window has only its patch_size.')
        self.window = window
        self._set_sizes(patch_size, width)

    def _set_sizes(self, patch_size: int | Steps, width: float | Steps | None) -> None:
        self.patch_size = patches.check_steps(patch_size, "patch_size")
        self.width = None if width is None else patches.check_steps(width, "width")
        sizes = [self.patch_size] if isinstance(self.patch_size, (int, float)) else [p for _, p in self.patch_size]
        for size in sizes:
            self._check_size(patches.check_patch_size(size))

    def _check_size(self, size: int) -> None:
        side = max(self.images.shape[-2:])
        if size > 2 * side - 1:
            raise CourseError(
                f"patch size {size} is larger than {2 * side - 1}, at which every window already sees the whole image "
                f"of side {side}."
            )

    def with_patch_size(self, patch_size: int | Steps, width: float | Steps | None = None) -> Self:
        """The same machine (sharing its images) looking through another window."""
        other = copy.copy(self)
        other._set_sizes(patch_size, width)
        return other

    def window_at(self, t: float) -> tuple[int, Float[Tensor, "P P"] | None]:
        """The patch size at time t, and the weights K of its pixels (None: all one)."""
        size = int(patches.value_at(self.patch_size, t))
        if self.window == "square":
            return size, None
        width = patches.GAUSSIAN_WIDTH * size if self.width is None else patches.value_at(self.width, t)
        return size, patches.gaussian_window(size, width, self.images.dtype).to(self.images.device)

    @abstractmethod
    def _classes(self, patch_size: int) -> list[Int[Tensor, "G m"]]:
        """Which pixels share a dictionary."""

    def _questions(self, centred: Float[Tensor, "B C H W"], t: float) -> Iterator[Question]:
        size, window = self.window_at(t)
        root = None if window is None else window.sqrt().flatten().repeat(centred.shape[1])
        centre = torch.arange(centred.shape[1], device=centred.device) * size**2 + size**2 // 2

        def cut(images: Tensor, places: Tensor) -> Tensor:
            pieces = patches.gather(patches.windows(images, size, self.padding), places)
            return pieces if root is None else pieces * root

        for places in self._classes(size):
            places = places.to(centred.device)
            keys_of = partial(cut, places=places)
            yield Question(Lookup(keys_of(centred), keys_of, places.shape[1], centre), places)

    def _place_of(self, within: Int[Tensor, "G M top"], question: Question) -> Int[Tensor, "G M top"]:
        assert question.places is not None
        return question.places[torch.arange(len(within), device=within.device)[:, None, None], within]

    def _query_bytes(self, t: float) -> int:
        size, _ = self.window_at(t)
        return self.images[0].numel() * size**2 * self.images.element_size()


class LocalScoreMachine(PatchMachine):
    r"""The local score machine (LS): may not look further than a window. The memory breaks into pieces.

    .. math:: D(x_t)(x) = \sum_v v(x) \, w_v, \quad
              w_v \propto \exp\big(-\|x_t[\Omega_x] - \alpha v[\Omega_x]\|^2 / 2\sigma^2\big)

    with Omega_x the P x P window around pixel x, cut off at the border of the image: the same place in every training
    image. Lesson 04. Parameters: see `PatchMachine` and `TrainingSetDenoiser`.
    """

    @property
    def id(self) -> str:  # type: ignore[override]
        """The machine's id in files and tables."""
        return "ls" if self.window == "square" else "ls-gaussian"

    def _classes(self, patch_size: int) -> list[Int[Tensor, "G m"]]:
        return patches.every_pixel_alone(*self.images.shape[-2:])


class EquivariantLocalScoreMachine(PatchMachine):
    r"""The equivariant local score machine (ELS): neither far nor where. The pieces recombine: patch mosaics.

    .. math:: D(x_t)(x) = \sum_p p(0) \, w_p, \quad
              w_p \propto \exp\big(-\|x_t[\Omega_x] - \alpha p\|^2 / 2\sigma^2\big)

    over patches p of all training images, p(0) their centre pixel. padding="circular": the patches at all H W places,
    wrapped around. padding="zeros", the boundary-broken machine: the patches whose zero-padding pattern equals the one
    at x; border pixels meet border patches. Lessons 07 and 08. Parameters: see `PatchMachine`, `TrainingSetDenoiser`.
    """

    def __init__(
        self,
        images: Float[Tensor, "N C H W"],
        schedule: CosineSchedule = CosineSchedule(),
        *,
        patch_size: int | Steps,
        padding: Padding = "zeros",
        window: Window = "square",
        width: float | Steps | None = None,
        image_labels: Int[Tensor, " N"] | None = None,
        memory: int = MEMORY,
    ):
        if padding not in ("zeros", "circular"):
            raise unknown_name("padding", str(padding), ("zeros", "circular"))
        self.padding = padding
        super().__init__(
            images,
            schedule,
            patch_size=patch_size,
            window=window,
            width=width,
            image_labels=image_labels,
            memory=memory,
        )

    @property
    def id(self) -> str:  # type: ignore[override]
        """The machine's id in files and tables."""
        return f"els-{self.padding}" + ("" if self.window == "square" else "-gaussian")

    def _check_size(self, size: int) -> None:
        super()._check_size(size)
        side = min(self.images.shape[-2:])
        if self.padding == "circular" and size > side:
            raise CourseError(
                f"with circular padding a patch of {size} would wrap onto itself: the shorter side is {side}, "
                "use a smaller patch_size."
            )

    def _classes(self, patch_size: int) -> list[Int[Tensor, "G m"]]:
        height, width = self.images.shape[-2:]
        if self.padding == "circular":
            return patches.one_class(height, width)
        return patches.boundary_classes(height, width, patch_size)
