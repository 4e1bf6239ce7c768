"""The noise schedule: how much of the image, how much noise, at time t."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Protocol

import torch
from torch import Tensor

from .errors import CourseError, brief

ROUNDING = 1e-9  # t may lie this far outside: a loop that subtracts 1 / steps again and again ends beside 0


def check_time(t: float, *, zero: bool = False) -> float:
    """t as a float in (0, 1] (or [0, 1] with `zero`); anything else is refused with a sentence."""
    try:
        t = float(t)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        given = f"shape {tuple(t.shape)}" if hasattr(t, "shape") else brief(t)
        raise CourseError(f"t must be one number, the same for the whole batch, got {given}.") from None
    inside = min(max(t, 0.0), 1.0)
    if not abs(inside - t) <= ROUNDING or (inside == 0 and not zero):
        interval = "[0, 1]" if zero else "(0, 1]"
        raise CourseError(f"t must lie in {interval} (0 is the clean image, 1 is noise), got {t!r}.")
    return inside


class Schedule(Protocol):
    """x_t = alpha(t) x_0 + sigma(t) eps, and times that fall from 1 to 0: `CosineSchedule`, or one of your own."""

    def alpha(self, t: float, /) -> float: ...
    def sigma(self, t: float, /) -> float: ...
    def times(self, steps: int, /) -> Sequence[float] | Tensor: ...


def is_schedule(schedule: object) -> bool:
    """Whether it says how much of the image and how much noise there is at t, and at which times to sample."""
    there = (callable(getattr(schedule, name, None)) for name in ("alpha", "sigma", "times"))
    return not isinstance(schedule, type) and all(there)


def check_schedule(schedule: object) -> None:
    """Raise CourseError unless it is a schedule, which may be your own: x_t = alpha(t) x_0 + sigma(t) eps, and
    times(steps), a grid that falls from 1 to 0. A sampler also asks for alpha(1)^2 + sigma(1)^2 = 1."""
    if not is_schedule(schedule):
        raise CourseError(
            "schedule must have alpha(t), sigma(t) and times(steps), as els.CosineSchedule() has, got "
            f"{brief(schedule)}."
        )


def alpha_sigma(schedule: Schedule, t: float) -> tuple[float, float]:
    """alpha and sigma at t in [0, 1] as floats, whatever numbers a schedule of your own has.

    Raises CourseError for a t outside [0, 1], where one of them is not a finite number, and where there is no noise:
    only t = 0 is the clean image.
    """
    t = check_time(t, zero=True)
    given = schedule.alpha(t), schedule.sigma(t)
    learning = torch.is_grad_enabled()  # then what is being learnt stays a tensor
    try:
        alpha, sigma = (x if learning and isinstance(x, Tensor) and x.requires_grad else float(x) for x in given)
        finite = bool(abs(alpha) < math.inf and abs(sigma) < math.inf)  # NaN is not
    except (TypeError, ValueError, RuntimeError):
        finite = False
    if not finite:
        raise CourseError(
            f"{schedule} must have one number as alpha and one as sigma, both finite, got {brief(given)} at t = {t:g}."
        )
    if t > 0 and not sigma > 0:
        raise CourseError(
            f"{schedule} has no noise at t = {t:g} (sigma = {sigma:g}): time runs from 0, the clean image, to 1, noise."
        )
    return alpha, sigma


MOST_STEPS = 100_000  # a sampler lists its times


@dataclass(frozen=True)
class CosineSchedule:
    r"""Variance-preserving schedule of the paper: an angle that grows evenly with time.

    .. math::
        x_t = \alpha_t x_0 + \sigma_t \epsilon, \quad
        \alpha_t = \cos\theta_t, \quad \sigma_t = \sin\theta_t, \quad
        \theta_t = \frac{\pi}{2} \frac{t}{1 + s}

    with s = 0.008 (`offset`): alpha(1) = 0.01247, so a trace of the image is left at t = 1; t = 0 is exactly clean.

    Raises CourseError for an s below 0, because the noise would then not grow all the way to t = 1.

    Source: Kamb & Ganguli, ICML 2025 (arXiv 2412.20292), appendix on experiments. Lesson 01.
    """

    offset: float = 0.008

    def __post_init__(self) -> None:
        if not isinstance(self.offset, Real) or not 0 <= self.offset < math.inf:
            raise CourseError(f"offset must be a number of at least 0, got {brief(self.offset)}.")

    def theta(self, t: float) -> float:
        """The angle in radians at time t in [0, 1]."""
        return math.pi / 2 * check_time(t, zero=True) / (1 + self.offset)

    def alpha(self, t: float) -> float:
        """The factor of the image at time t in [0, 1]."""
        return math.cos(self.theta(t))

    def sigma(self, t: float) -> float:
        """The factor of the noise at time t in [0, 1], also its standard deviation in pixel units."""
        return math.sin(self.theta(t))

    def times(self, steps: int) -> list[float]:
        """The uniform grid 1 = t_0 > t_1 > ... > t_steps = 0; a sampler evaluates its denoiser at all but the last."""
        try:
            whole = int(steps) == steps
        except (TypeError, ValueError, OverflowError):
            whole = False
        if not whole or not 1 <= steps <= MOST_STEPS:
            raise CourseError(f"steps must be a whole number from 1 to {MOST_STEPS:,}, got {brief(steps)}.")
        return [1 - i / int(steps) for i in range(int(steps))] + [0.0]
