"""What the explorers share: pixels as bytes, checks with sentences, scripts that need nothing from outside."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import anywidget
import torch
import traitlets
from jaxtyping import Float
from torch import Tensor

from ..diffusion import Labels, check_labels
from ..errors import CourseError, brief, shape_of, whole_number
from ..machine import Machine
from ..plotting import check_channels, check_pixels

MOST_VOTERS = 100


def text(*names: str) -> str:
    """Files of this folder, one after the other."""
    return "\n".join((files(__package__) / name).read_text(encoding="utf-8") for name in names)


def script(name: str) -> str:
    """The ES module of one explorer: it may import nothing, so what all share comes first in the same text."""
    return text("shared.js", name)


class Explorer(anywidget.AnyWidget):
    """All data are computed at construction and travel with the widget; no kernel is asked afterwards."""

    _css = text("widgets.css")

    shape = traitlets.List(traitlets.Int(), help="(C, H, W) of every picture").tag(sync=True)

    def __init__(self, *data: object, **traits: Any) -> None:
        if data:
            name = type(self).__name__
            raise CourseError(f"{name} is made from data by {name}.of(...): write .of before the parenthesis.")
        super().__init__(**traits)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._summary()})"

    def _repr_mimebundle_(self, **include: Any) -> Any:
        """Beside the explorer the text for whoever cannot show it, as a notebook that was opened but not run."""
        data, metadata = super()._repr_mimebundle_(**include) or ({}, {})
        return data | {"text/plain": f"{self!r}: run this cell to use it"}, metadata

    def _summary(self) -> str:
        raise NotImplementedError

    def _bounded(self, proposal: Any, count: int) -> int:
        """A position among `count`; one that does not exist is refused with a sentence."""
        name, value = proposal.trait.name, int(proposal.value)
        if not 0 <= value < max(count, 1):
            raise CourseError(f"{name} must lie between 0 and {count - 1}, got {value}.")
        return value


def check_images(images: object, what: str, letters: str = "BCHW") -> Tensor:
    """Images that can be shown: floats of the shape named by `letters`, grey or coloured, finite."""
    shape = f"({', '.join(letters)})"
    if not isinstance(images, Tensor) or images.ndim != len(letters) or images.numel() == 0:
        raise CourseError(f"{what} must be a tensor with the shape {shape}, got {shape_of(images)}.")
    check_channels(images.shape[-3], what)
    check_pixels(images, what)
    return images.detach()


def check_number(value: Any, what: str) -> float:
    """A real number, of whatever type."""
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CourseError(f"{what} must be a number, got {brief(value)}.") from error


def check_top(top: object) -> int:
    """How many voters are listed: no more than a reader can read and a notebook can carry."""
    voters = whole_number(top, 1, MOST_VOTERS)
    if voters is None:
        raise CourseError(f"top must be a whole number from 1 to {MOST_VOTERS}, got {brief(top)}.")
    return voters


def check_same_shape(a: Tensor, b: Tensor, what: tuple[str, str]) -> None:
    """Two stacks of pictures that belong together."""
    if a.shape != b.shape:
        raise CourseError(
            f"{what[0]} and {what[1]} must have the same shape, got {tuple(a.shape)} and {tuple(b.shape)}."
        )


def check_machine(machine: object, labels: Labels, batch: int) -> None:
    """A machine that can say who voted, and labels if it knows classes."""
    if not isinstance(machine, Machine):
        raise CourseError(
            f"only a machine can say which training images voted (is, es, ls, els), got {type(machine).__name__}."
        )
    if labels is None and machine.image_labels is not None:
        raise CourseError(
            "this machine was built with image_labels: give labels=, the class (or classes) that the images were made "
            "with, so that the same training images vote."
        )
    if labels is not None:
        check_labels(labels, batch)


def pixels(images: Float[Tensor, "... C H W"]) -> bytes:
    """One byte per channel of every pixel, channels last: -1 is 0, 1 is 255, beyond is clipped."""
    scaled = images.detach().cpu().double().clamp(-1, 1).add(1).mul(127.5).round()
    return packed(scaled.movedim(-3, -1), torch.uint8)


def packed(values: Tensor, dtype: torch.dtype) -> bytes:
    """The numbers as raw bytes (little-endian on every machine that runs torch)."""
    return values.detach().cpu().to(dtype).contiguous().numpy().tobytes()
