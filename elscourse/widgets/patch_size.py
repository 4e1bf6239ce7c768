"""The same noise through windows of growing size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

import torch
import traitlets
from jaxtyping import Float
from torch import Tensor

from ..errors import CourseError
from ..patches import check_patch_size
from .base import Explorer, check_images, check_same_shape, pixels, script


class PatchSizeExplorer(Explorer):
    """A row of samples under a slider for the patch size P; `index` is its position, `patch_size` the size there."""

    _esm = script("patch_size.js")

    index = traitlets.Int(0, help="position of the slider").tag(sync=True)
    sizes = traitlets.List(traitlets.Int()).tag(sync=True)
    samples = traitlets.Bytes(help="uint8 (sizes, B, H, W, C)").tag(sync=True)

    @classmethod
    def of(cls, samples: Mapping[int, Float[Tensor, "B C H W"]]) -> Self:
        """samples: patch size -> what was drawn with it, (B, C, H, W), from the same noise for every size."""
        if not isinstance(samples, Mapping) or not samples:
            raise CourseError("samples must map each patch size to its images: {3: tensor, 5: tensor, ...}.")
        checked = {
            check_patch_size(size): check_images(images, f"the samples of patch size {size}")
            for size, images in samples.items()
        }
        sizes = sorted(checked)
        for size in sizes:
            names = (f"the samples of patch size {sizes[0]}", f"of {size}")
            check_same_shape(checked[sizes[0]], checked[size], names)
        stack = torch.stack([checked[size].cpu() for size in sizes])
        return cls(shape=list(stack.shape[2:]), sizes=sizes, samples=pixels(stack))

    @property
    def patch_size(self) -> int:
        """The patch size at the slider."""
        return self.sizes[self.index]

    @traitlets.validate("index")
    def _check_index(self, proposal: Any) -> int:
        return self._bounded(proposal, len(self.sizes))

    def _summary(self) -> str:
        batch = len(self.samples) // (math.prod(self.shape) * len(self.sizes)) if self.sizes else 0
        return f"{batch} images, patch sizes {', '.join(map(str, self.sizes))}"
