"""The forward process under a slider."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import torch
import traitlets
from jaxtyping import Float
from torch import Tensor

from ..errors import CourseError, brief
from ..schedule import CosineSchedule, Schedule, alpha_sigma, check_schedule
from .base import check_images, check_same_shape, packed, script
from .time import TimeExplorer, check_stops

GRID = 401  # places at which a density is computed
STEPS = 50  # of the slider


class NoiseExplorer(TimeExplorer):
    """x_t = alpha x_0 + sigma eps under a slider for t; `index` is its position, `t` the time there."""

    _esm = script("noise.js")

    alphas = traitlets.List(traitlets.Float()).tag(sync=True)
    sigmas = traitlets.List(traitlets.Float()).tag(sync=True)
    clean = traitlets.Bytes(help="float32 (B, H, W, C)").tag(sync=True)
    noise = traitlets.Bytes(help="float32 (B, H, W, C)").tag(sync=True)
    points = traitlets.List(traitlets.Float(), help="1-D data, or nothing").tag(sync=True)
    span = traitlets.List(traitlets.Float(), help="first and last place of the density's grid").tag(sync=True)
    density = traitlets.Bytes(help="float32 (times, grid); where sigma is 0 there is none: zeros").tag(sync=True)

    @classmethod
    def of(
        cls,
        images: Float[Tensor, "B C H W"],
        noise: Float[Tensor, "B C H W"],
        schedule: Schedule = CosineSchedule(),
        points: Float[Tensor, " n"] | Sequence[float] | None = None,
        *,
        times: Sequence[float] | None = None,
    ) -> Self:
        """Images being noised. points: 1-D data, (n,), whose noised density is drawn below.

        times: the stops of the slider; 51 from 0 to 1 unless given.
        """
        check_same_shape(check_images(images, "images"), check_images(noise, "noise"), ("images", "noise"))
        check_schedule(schedule)
        stops = [i / STEPS for i in range(STEPS + 1)] if times is None else check_stops(times, zero=True)
        alphas, sigmas = map(list, zip(*(alpha_sigma(schedule, t) for t in stops), strict=True))
        data = _check_points(points)
        reach = max(3.5, float(data.abs().max()) + 0.5) if len(data) else 3.5
        return cls(
            shape=list(images.shape[1:]),
            times=stops,
            alphas=alphas,
            sigmas=sigmas,
            clean=packed(images.movedim(1, -1), torch.float32),
            noise=packed(noise.movedim(1, -1), torch.float32),
            points=data.tolist(),
            span=[-reach, reach],
            density=packed(noised_density(data, alphas, sigmas, reach), torch.float32) if len(data) else b"",
        )

    def _summary(self) -> str:
        batch = len(self.clean) // (4 * math.prod(self.shape)) if self.shape else 0
        return f"{batch} images, {len(self.times)} times" + (f", {len(self.points)} points" if self.points else "")


def noised_density(
    points: Float[Tensor, " n"], alphas: Sequence[float], sigmas: Sequence[float], reach: float
) -> Float[Tensor, "T grid"]:
    """p_t on the grid from -reach to reach: the mean of normals around alpha * point; zeros where sigma is 0."""
    x = torch.linspace(-reach, reach, GRID, dtype=torch.float64)
    rows = []
    for alpha, sigma in zip(alphas, sigmas, strict=True):
        if sigma == 0:
            rows.append(torch.zeros_like(x))
            continue
        z = (x[:, None] - alpha * points) / sigma
        rows.append(torch.exp(-z.square() / 2).mean(1) / (sigma * math.sqrt(2 * math.pi)))
    return torch.stack(rows)


def _check_points(points: object) -> Float[Tensor, " n"]:
    if points is None:
        return torch.empty(0, dtype=torch.float64)
    try:
        data = torch.as_tensor(points).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise CourseError(f"points must be numbers, like [-1.0, 1.0], got {brief(points)}.") from error
    if data.is_complex():
        raise CourseError("points must be real numbers, got complex ones.")
    data = data.double()
    if data.ndim != 1 or not len(data) or not data.isfinite().all():
        raise CourseError(f"points must be finite numbers with the shape (n,), n >= 1, got {tuple(data.shape)}.")
    return data
