"""Noising, the three faces of a denoiser, and the deterministic sampler. Knows no machine and no network by name."""

from __future__ import annotations

import inspect
import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .errors import CourseError, brief, is_no_memory, shape_of, type_of, whole_number
from .schedule import CosineSchedule, Schedule, alpha_sigma, check_schedule, check_time, is_schedule

VARIANCE_SLACK = 0.01  # of x_1, whose noise is drawn with variance 1
SEEDS = 2**32  # torch takes larger ones, but draws for 2^32 + 7 what it draws for 7
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)  # in which noise can be drawn
SAME = 1e-6  # schedules that differ by less are one, computed in two ways
FAINTEST = 1e-6  # least alpha to divide by: the rounding of float32, 6e-8, then becomes 0.06 of a pixel

Labels = int | Sequence[int] | Tensor | None


class Denoiser(Protocol):
    """Anything that estimates E[x_0 | x_t]: x_t with shape (B, C, H, W), t in (0, 1]; and labels= if it knows any."""

    def __call__(self, x_t: Tensor, t: float, /, *args: Any, **labels: Any) -> Tensor: ...


def add_noise(
    x_0: Float[Tensor, "B C H W"], eps: Float[Tensor, "B C H W"], t: float, schedule: Schedule = CosineSchedule()
) -> Float[Tensor, "B C H W"]:
    """x_t = alpha x_0 + sigma eps, for t in [0, 1]. One image may meet many noises, or the reverse. See lesson 01.

    Raises CourseError for a t outside [0, 1], and for shapes that do not fit.
    """
    check_schedule(schedule)
    if not all(isinstance(x, Tensor) and x.is_floating_point() for x in (x_0, eps)):
        raise CourseError(f"images and noise must be tensors of floats, got {type_of(x_0)} and {type_of(eps)}.")
    try:
        torch.broadcast_shapes(x_0.shape, eps.shape)
        fit = x_0.shape[-3:] == eps.shape[-3:]
    except RuntimeError:
        fit = False
    if not fit:
        raise CourseError(f"images and noise must have one shape, got {tuple(x_0.shape)} and {tuple(eps.shape)}.")
    alpha, sigma = alpha_sigma(schedule, t)
    return alpha * x_0 + sigma * eps


def score_from_denoiser(
    x0_hat: Float[Tensor, "B C H W"],
    x_t: Float[Tensor, "B C H W"],
    t: float,
    schedule: Schedule = CosineSchedule(),
) -> Float[Tensor, "B C H W"]:
    """Tweedie: the score s = (alpha D - x_t) / sigma^2, the gradient of log p_t at x_t, for t in (0, 1].
    Lessons 01 and 09.

    Raises CourseError for a t outside (0, 1], and if the estimate and x_t have different shapes.
    """
    _check_conversion(x0_hat, x_t, schedule)
    alpha, sigma = alpha_sigma(schedule, check_time(t))
    return (alpha * x0_hat - x_t) / sigma**2


def noise_from_denoiser(
    x0_hat: Float[Tensor, "B C H W"],
    x_t: Float[Tensor, "B C H W"],
    t: float,
    schedule: Schedule = CosineSchedule(),
) -> Float[Tensor, "B C H W"]:
    """The noise estimate eps_hat = (x_t - alpha D) / sigma, which is -sigma times the score, for t in (0, 1].
    Lessons 01 and 03.

    Raises CourseError for a t outside (0, 1], and if the estimate and x_t have different shapes.
    """
    _check_conversion(x0_hat, x_t, schedule)
    alpha, sigma = alpha_sigma(schedule, check_time(t))
    return (x_t - alpha * x0_hat) / sigma


def denoiser_from_noise(
    eps_hat: Float[Tensor, "B C H W"],
    x_t: Float[Tensor, "B C H W"],
    t: float,
    schedule: Schedule = CosineSchedule(),
) -> Float[Tensor, "B C H W"]:
    """The denoiser D = (x_t - sigma eps_hat) / alpha. At t = 1 it multiplies errors by 1/alpha = 80.
    Lesson 03.

    Raises CourseError as `noise_from_denoiser` does, and where a schedule of your own leaves nothing of the image
    (alpha = 0).
    """
    _check_conversion(eps_hat, x_t, schedule)
    alpha, sigma = _with_an_image(t, schedule)
    return (x_t - sigma * eps_hat) / alpha


def denoiser_from_score(
    score: Float[Tensor, "B C H W"],
    x_t: Float[Tensor, "B C H W"],
    t: float,
    schedule: Schedule = CosineSchedule(),
) -> Float[Tensor, "B C H W"]:
    """The denoiser D = (x_t + sigma^2 s) / alpha. Lesson 01.

    Raises CourseError as `denoiser_from_noise` does.
    """
    _check_conversion(score, x_t, schedule)
    alpha, sigma = _with_an_image(t, schedule)
    return (x_t + sigma**2 * score) / alpha


def _with_an_image(t: float, schedule: Schedule) -> tuple[float, float]:
    """alpha and sigma, unless alpha is so small that what it divides becomes noise."""
    alpha, sigma = alpha_sigma(schedule, check_time(t))
    if abs(alpha) < FAINTEST:
        raise CourseError(
            f"{schedule} leaves nothing of the image at t = {t:g} (alpha = {alpha:.1g}), but D divides by alpha: begin "
            "at a smaller t, with times= where you sample, or in times(steps) of your schedule."
        )
    return alpha, sigma


def _check_conversion(estimate: Tensor, x_t: Tensor, schedule: Schedule) -> None:
    """Raise CourseError unless both have one shape (otherwise torch would broadcast one over the other) and the
    schedule is one."""
    check_schedule(schedule)
    if not isinstance(estimate, Tensor) or not isinstance(x_t, Tensor) or estimate.shape != x_t.shape:
        raise CourseError(
            f"the estimate and x_t must be tensors of one shape, got {shape_of(estimate)} and {shape_of(x_t)}."
        )


def check_batch(x: object, what: str) -> None:
    """Raise CourseError unless x is a batch of images: a tensor of floats with shape (B, C, H, W), nothing empty."""
    if not isinstance(x, Tensor) or x.ndim != 4 or not x.numel() or not x.is_floating_point():
        raise CourseError(f"{what} must be a tensor of floats with the shape (B, C, H, W), B >= 1, got {type_of(x)}.")


def check_denoiser(denoiser: object) -> None:
    """Raise CourseError for what cannot be called, and for a class, which would take the noise for its images."""
    if isinstance(denoiser, type):
        raise CourseError(
            f"a denoiser must be callable, as denoiser(x_t, t), got the class {denoiser.__name__}: build one, such as "
            f"{denoiser.__name__}(images)."
        )
    if not callable(denoiser):
        raise CourseError(f"a denoiser must be callable, as denoiser(x_t, t), got {type(denoiser).__name__}.")


def answer_of(denoiser: Callable[..., Tensor], x_t: Float[Tensor, "B C H W"], t: float, **given: Any) -> Tensor:
    """D(x_t, t). Raises CourseError for a denoiser that does not take these arguments, and for an answer of another
    shape, which torch would broadcast over the batch."""
    try:
        inspect.signature(denoiser).bind(x_t, t, **given)
    except TypeError as error:
        wanted = ", ".join(("x_t", "t", *given))
        raise CourseError(f"the denoiser must take ({wanted}), but it does not: {error}.") from error
    except ValueError:  # it has no signature that Python knows
        pass
    x0_hat = denoiser(x_t.clone(), t, **given)  # networks that begin with inplace=True would write into it
    if not isinstance(x0_hat, Tensor) or x0_hat.shape != x_t.shape:
        raise CourseError(f"the denoiser must answer in the shape of x_t, {tuple(x_t.shape)}, got {shape_of(x0_hat)}.")
    return x0_hat


def check_labels(labels: Labels, batch: int) -> Int[Tensor, " B"]:
    """Labels as one whole number per image of the batch, on the CPU."""
    expected = f"labels must be one class or one per image ({batch}), whole numbers"
    try:
        wanted = torch.as_tensor(labels).cpu()
    except (TypeError, ValueError, RuntimeError):
        raise CourseError(f"{expected}, got {brief(labels)}.") from None
    whole = not (wanted.is_floating_point() or wanted.is_complex() or wanted.dtype == torch.bool)
    if not whole or wanted.ndim > 1 or (wanted.ndim == 1 and len(wanted) != batch):
        raise CourseError(f"{expected}, got {wanted.dtype} of shape {tuple(wanted.shape)}.")
    return wanted.long().expand(batch)


def check_times(times: Sequence[float] | Tensor) -> list[float]:
    """A sampling grid: strictly decreasing, in [0, 1], at least two entries."""
    try:
        given = list(times)
    except TypeError:  # a single number
        given = [times]  # type: ignore[list-item]
    grid = [check_time(t, zero=True) for t in given]
    if len(grid) < 2 or any(b >= a for a, b in itertools.pairwise(grid)):
        raise CourseError(
            f"times must decrease strictly from the first to the last, with at least two entries, got {grid}."
        )
    return grid


def _check_same_schedule(denoiser: Denoiser, schedule: Any, grid: list[float]) -> None:
    """A denoiser with a schedule of its own takes x_t for an image with that much noise: x_t must have as much."""
    own: Any = getattr(denoiser, "schedule", None)
    if not (is_schedule(own) and is_schedule(schedule)):  # a denoiser may mean something else by the name
        return
    pairs = ((alpha_sigma(own, t), alpha_sigma(schedule, t)) for t in grid)
    if any(abs(a - b) > SAME for pair in pairs for a, b in zip(*pair, strict=True)):
        raise CourseError(
            f"the denoiser has the schedule {own}, but it is to be sampled with another schedule, {schedule}: pass "
            "schedule=denoiser.schedule."
        )


@torch.no_grad()
def trajectory(
    denoiser: Denoiser,
    noise: Float[Tensor, "B C H W"],
    steps: int = 20,
    *,
    schedule: Schedule = CosineSchedule(),
    times: Sequence[float] | Tensor | None = None,
    labels: Labels = None,
) -> Iterator[tuple[float, Tensor, Tensor]]:
    r"""Deterministic DDIM, one evaluation of the denoiser per step: yields (t, x_t, x0_hat).

    .. math:: x_{t'} = \alpha_{t'} D(x_t, t) + \sigma_{t'} \hat\epsilon, \quad
              \hat\epsilon = (x_t - \alpha_t D(x_t, t)) / \sigma_t

    The first yield is at the first time (1, unless `times` begin elsewhere), where x_t is `noise` itself. The last is
    (t_end, x_end, the last x0_hat), without a further evaluation: one yield for each time, and x_end is the sample.

    noise: standard normal, with shape (B, C, H, W), or whatever a denoiser of your own takes.
    times: a decreasing grid of your own; the default is `schedule.times(steps)`, which ends at 0.
    labels: passed on to the denoiser when given.

    Computed without gradients, even where the denoiser has some: to get them, write the loop yourself.

    Raises CourseError, when the loop begins, for noise that is not a tensor of finite floats, steps or times that do
    not make a grid, a schedule that is not one or not the denoiser's own, and a denoiser that is not one, does not take
    x_t and t (and labels), or answers in another shape.

    Source: Song, Meng & Ermon, ICLR 2021 (arXiv 2010.02502), with eta = 0. Lesson 01.
    """
    check_denoiser(denoiser)
    if not isinstance(noise, Tensor) or not noise.is_floating_point():
        raise CourseError(f"noise must be a tensor of floats, got {type_of(noise)}.")
    if not noise.isfinite().all():
        raise CourseError("noise contains NaN or infinite pixels.")
    check_schedule(schedule)
    grid = check_times(schedule.times(steps) if times is None else times)
    _check_same_schedule(denoiser, schedule, grid)
    alpha, sigma = alpha_sigma(schedule, grid[0])
    variance = alpha**2 + sigma**2
    if grid[0] == 1 and not abs(variance - 1) < VARIANCE_SLACK:
        raise CourseError(
            f"sampling begins with noise of variance 1, but {schedule} has alpha^2 + sigma^2 = {variance:.4g} at t = "
            "1: divide alpha and sigma by its square root, for all t."
        )
    told = {} if labels is None else {"labels": labels}
    x_t = noise
    for t, t_next in itertools.pairwise(grid):
        x0_hat = answer_of(denoiser, x_t, t, **told)
        yield t, x_t, x0_hat
        x_t = add_noise(x0_hat, noise_from_denoiser(x0_hat, x_t, t, schedule), t_next, schedule)
    yield grid[-1], x_t, x0_hat


def sample(
    denoiser: Denoiser,
    noise: Float[Tensor, "B C H W"],
    steps: int = 20,
    *,
    schedule: Schedule = CosineSchedule(),
    times: Sequence[float] | Tensor | None = None,
    labels: Labels = None,
) -> Float[Tensor, "B C H W"]:
    """The end of `trajectory`: the images that this denoiser draws from this noise, in `steps` steps.

    noise (B, C, H, W), schedule, times, labels and what raises CourseError: as for `trajectory`.
    """
    steps_taken = trajectory(denoiser, noise, steps, schedule=schedule, times=times, labels=labels)
    _, x_end, _ = deque(steps_taken, maxlen=1).pop()
    return x_end


def with_first_step(first: Denoiser, rest: Denoiser) -> Denoiser:
    """A denoiser that is `first` at t = 1 and `rest` everywhere below.

    At t = 1 the error of a network's x0_hat is the error of its noise estimate divided by alpha = 0.0125, and the first
    of 20 uniform steps carries the noise estimate's error into x with the factor sin(theta - theta') / alpha = 6.2.
    Lesson 11.

    Raises CourseError for what cannot be called, and for two schedules that differ at t = 1.
    """
    for one in (first, rest):
        check_denoiser(one)
    schedule = getattr(rest, "schedule", None) or getattr(first, "schedule", None)
    _check_same_schedule(first, schedule, [1.0])

    return _FirstStep(first, rest, schedule)


@dataclass(frozen=True, eq=False)
class _FirstStep:
    """See `with_first_step`. schedule: `trajectory` asks for it."""

    first: Denoiser
    rest: Denoiser
    schedule: Any

    def __call__(self, x_t: Tensor, t: float, labels: Any = None) -> Tensor:
        given = {} if labels is None else {"labels": labels}
        return (self.first if check_time(t) == 1 else self.rest)(x_t, t, **given)


def seeded_noise(seeds: Sequence[int], shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
    """Standard normal noise with shape (len(seeds), *shape): image i depends on seeds[i] alone, on every device.

    Processors differ in the last bits: torch computes the logarithms and cosines of normal numbers by vectors of AVX2
    where there are such, else one by one. float64 draws different numbers from float32: for the same noise in both,
    draw in float32 and convert.

    Raises CourseError unless seeds is a list of at least one whole number, each at least 0 and below 2^32, shape is
    whole numbers above 0 (at least one), and dtype is one of floats; and if the memory does not suffice.
    """
    if dtype not in FLOATS:
        raise CourseError(f"dtype must be one of torch's float types, such as torch.float32, got {brief(dtype)}.")
    wanted = check_seeds(seeds)
    try:
        size = torch.Size(shape)
        if min(size, default=0) < 1:
            raise TypeError
    except TypeError:
        raise CourseError(f"shape must be that of one image, such as (1, 16, 16), got {brief(shape)}.") from None
    generators = [torch.Generator().manual_seed(seed) for seed in wanted]
    try:
        images = [torch.randn(size, generator=one, dtype=dtype, device="cpu") for one in generators]
        return torch.stack(images)
    except RuntimeError as error:
        if not is_no_memory(error):
            raise
        raise CourseError(
            f"not enough memory for {len(wanted):,} images of shape {tuple(size)}: ask for less."
        ) from error


def check_seeds(seeds: Sequence[int]) -> list[int]:
    """Seeds as Python's whole numbers, from a list, a range, an array or a tensor: at least one."""
    try:
        given = [_check_seed(seed) for seed in list(seeds)]
    except TypeError:
        raise CourseError(
            f"seeds must be a list of whole numbers, such as [7] or range(10), got {brief(seeds)}."
        ) from None
    if not given:
        raise CourseError("seeds must be a list of at least one whole number, got an empty one.")
    return given


def _check_seed(seed: object) -> int:
    number = whole_number(seed, 0, SEEDS - 1)
    if number is None:
        raise CourseError(f"seeds must be whole numbers, at least 0 and below 2^32, got {brief(seed)} among them.")
    return number
