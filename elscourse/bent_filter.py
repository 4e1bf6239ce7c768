"""The linear filters, bent by a curve at each time: the strongest rivals of the local machines."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .diffusion import Denoiser, Labels, add_noise, check_denoiser, seeded_noise
from .errors import CourseError
from .local_filter import LocalFilter
from .schedule import CosineSchedule, Schedule, check_time
from .wiener import WienerFilter

SHOWN = 400  # images on which a filter's curve is found
BINS = 200
FIRST_SEED = 5000  # of their noise: none of the seeds of evaluation or calibration


class Curve(NamedTuple):
    """What a denoiser's answers stand for, channel by channel: answers above edge i and up to edge i + 1 stand for
    `mean[:, i + 1]`."""

    edges: Float[Tensor, "C bins-1"]
    mean: Float[Tensor, "C bins"]

    def __call__(self, answer: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Each number replaced by what it stands for."""
        numbers = _by_channel(answer)
        bent = self.mean.gather(1, torch.searchsorted(self.edges, numbers))
        return bent.view(len(bent), len(answer), *answer.shape[2:]).transpose(0, 1).contiguous()


@torch.no_grad()
def find_curve(
    denoiser: Denoiser,
    x_0: Float[Tensor, "N C H W"],
    t: float,
    labels: Labels = None,
    schedule: Schedule = CosineSchedule(),
) -> Curve:
    r"""The curve of a denoiser's answers at time t, for which it is asked about the noised images x_0.

    .. math:: a \mapsto E[\, x_0(y) \mid D(x_t)(y) \approx a \,]

    over all images and pixels y of a channel: a is *about* a number if both lie in the same one of `BINS` bins, which
    hold equally many answers. The noise is that of the seeds from `FIRST_SEED` up, in float32, so a curve in float64 is
    the same except for rounding. With few images, or plain grounds, many answers are equal or nearly so: the curve is
    rough then, and how it comes out depends on rounding.
    """
    eps = seeded_noise(range(FIRST_SEED, FIRST_SEED + len(x_0)), x_0.shape[1:]).to(x_0)
    answers = _by_channel(denoiser(add_noise(x_0, eps, t, schedule), t, labels))
    clean, n = _by_channel(x_0).double(), answers.shape[1]
    bins = min(BINS, n)
    last = torch.arange(1, bins, device=x_0.device) * n // bins - 1  # the largest answer of each bin but the last
    edges = answers.sort(1).values[:, last]
    which = torch.searchsorted(edges, answers)
    total = clean.new_zeros(len(clean), bins).scatter_add_(1, which, clean)
    count = torch.zeros_like(total).scatter_add_(1, which, torch.ones_like(clean))
    mean = total / count.clamp(min=1)  # a bin between two equal edges stays empty
    mean[:, -1:] = mean.gather(1, which.amax(1, keepdim=True))  # but the last one may be asked for
    return Curve(edges, mean.to(x_0.dtype))


class BentFilter:
    r"""A linear filter whose answers are bent by a curve: it is no longer linear, but still nobody votes.

    .. math:: D(x_t)(x) = E[\, x_0(y) \mid F(\tilde x_t)(y) \approx F(x_t)(x) \,]

    where F is the filter, and the mean runs over all pixels y of the same channel in 400 of its images x_0, noised to
    \tilde x_t (`find_curve`): the first ones or, if these lack one of its classes, images spread evenly over all. So it
    keeps the filter's windows and weights, and also learns which values pixels have. Each curve is found once and kept.
    With few images, or plain grounds, it is rough, and depends on rounding (`find_curve`).

    filter: a `WienerFilter` or a `LocalFilter`, which brings its own images, schedule and classes. Images that are
        sorted, as those of a folder with classes are, need image_labels, or the curve is that of the first class.

    Raises CourseError for anything else. Lessons 04, 07 and 11.
    """

    def __init__(self, filter: WienerFilter | LocalFilter):
        if isinstance(filter, type):
            check_denoiser(filter)
        if not isinstance(filter, WienerFilter | LocalFilter):
            raise CourseError(
                "a BentFilter is made of a linear filter, els.WienerFilter or els.LocalFilter, got "
                f"{type(filter).__name__}."
            )
        self.filter, self.schedule = filter, filter.schedule
        self._curves: dict[tuple[float, bool], Curve] = {}

    @property
    def id(self) -> str:
        """The id in files and tables."""
        return f"bent-{self.filter.id}"

    def __call__(self, x_t: Float[Tensor, "B C H W"], t: float, labels: Labels = None) -> Float[Tensor, "B C H W"]:
        """The filter's answer at t in (0, 1], bent; x_t and labels as for the filter."""
        t = check_time(t)  # as a number, by which curves are kept
        answer = self.filter(x_t, t, labels)
        return self._curve(t, None if labels is None else self.filter.image_labels)(answer)

    def _curve(self, t: float, image_labels: Int[Tensor, " N"] | None) -> Curve:
        """The curve at t of the filter that is told each image's class, or of the one that is not."""
        key = t, image_labels is not None
        if key not in self._curves:
            shown = self._shown()
            told = None if image_labels is None else image_labels[shown]
            self._curves[key] = find_curve(self.filter, self.filter.images[shown], t, told, self.filter.schedule)
        return self._curves[key]

    def _shown(self) -> slice | Int[Tensor, " n"]:
        """The images on which a curve is found."""
        labels = self.filter.image_labels
        if labels is None or len(labels[:SHOWN].unique()) == len(labels.unique()):
            return slice(SHOWN)
        return torch.arange(SHOWN) * len(labels) // SHOWN


def _by_channel(images: Float[Tensor, "B C H W"]) -> Float[Tensor, "C n"]:
    """All numbers of each channel, image after image."""
    return images.transpose(0, 1).flatten(1).contiguous()
