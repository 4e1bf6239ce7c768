"""Explorers with a slider for the time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import traitlets

from ..errors import CourseError, brief
from ..schedule import check_time
from .base import Explorer, check_number


class TimeExplorer(Explorer):
    """One slider for t: `index` is its position, `t` the time there."""

    index = traitlets.Int(0, help="position of the slider").tag(sync=True)
    times = traitlets.List(traitlets.Float()).tag(sync=True)

    @property
    def t(self) -> float:
        """The time at the slider."""
        return self.times[self.index]

    @traitlets.validate("index")
    def _check_index(self, proposal: Any) -> int:
        return self._bounded(proposal, len(self.times))


def check_stops(times: Sequence[float], *, zero: bool) -> list[float]:
    """The stops of a slider for t, rising from left to right."""
    if isinstance(times, str) or not isinstance(times, Iterable):
        raise CourseError(f"times must be a list of numbers, like [0.1, 0.5, 1.0], got {brief(times)}.")
    stops = sorted({check_time(check_number(t, "a time"), zero=zero) for t in times})
    if not stops:
        raise CourseError("times must hold at least one t.")
    return stops
