"""What a network drew, beside what was predicted, for every seed of a set."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, Self

import torch
import traitlets
from jaxtyping import Float
from torch import Tensor

from ..errors import CourseError
from ..metrics import compare
from .base import Explorer, check_images, check_same_shape, packed, pixels, script, text


class PredictionExplorer(Explorer):
    """Predictions of a network's drawings: all their r2 at a glance, and every one of the drawings to look at.

    picked: which of the noises; order: how the slider is sorted, 0 by number, k by the r2 of the k-th prediction; told:
    whether the network's drawing is shown.
    """

    _esm = script("prediction.js")
    _css = text("widgets.css", "prediction.css")

    picked = traitlets.Int(0, help="which of the noises").tag(sync=True)
    order = traitlets.Int(0, help="0: by number; k: by the r2 of prediction k, from 1").tag(sync=True)
    told = traitlets.Bool(False, help="whether the network's drawing is shown").tag(sync=True)
    count = traitlets.Int(1, help="B, the number of noises").tag(sync=True)
    names = traitlets.List(traitlets.Unicode(), help="of the K predictions").tag(sync=True)
    r2 = traitlets.Bytes(help="float32 (K, B): squared correlation with the network's drawing").tag(sync=True)
    drawings = traitlets.Bytes(help="zlib of uint8 (2 + K, B, H, W, C): noise, halved; network; predictions").tag(
        sync=True
    )

    @classmethod
    def of(
        cls,
        predictions: Mapping[str, Float[Tensor, "B C H W"]],
        network: Float[Tensor, "B C H W"],
        noise: Float[Tensor, "B C H W"],
    ) -> Self:
        """predictions: name -> its drawings; network: what it drew; noise: from which all of
        them were drawn, of seeds 0, 1, ...

        Raises CourseError for stacks of different shapes.
        """
        if not isinstance(predictions, Mapping) or not predictions:
            raise CourseError('predictions must map each name to its drawings: {"ELS": tensor, ...}.')
        check_images(network, "network")
        for name, images in (*predictions.items(), ("noise", noise)):
            check_same_shape(check_images(images, str(name)), network, (str(name), "network"))
        r2 = torch.stack([compare(images, network).r2.cpu() for images in predictions.values()])
        stacks = [images.detach().cpu().float() for images in (noise / 2, network, *predictions.values())]
        return cls(
            shape=list(network.shape[1:]),
            count=len(network),
            names=[str(name) for name in predictions],
            r2=packed(r2, torch.float32),
            drawings=zlib.compress(pixels(torch.stack(stacks)), 9),
        )

    @traitlets.validate("picked")
    def _check_picked(self, proposal: Any) -> int:
        return self._bounded(proposal, self.count)

    @traitlets.validate("order")
    def _check_order(self, proposal: Any) -> int:
        return self._bounded(proposal, 1 + len(self.names))

    def _summary(self) -> str:
        return f"{self.count} drawings, predicted by {', '.join(self.names)}"
