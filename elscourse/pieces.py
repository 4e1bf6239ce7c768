"""Every pass over images in pieces: what is computed on the way does not grow with their number."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

PIECE = 2**22  # bytes of images looked at together


def piece_length(images: Float[Tensor, "N C H W"]) -> int:
    """How many images make a piece."""
    return max(1, PIECE // (images[0].numel() * images.element_size()))


def pieces(images: Float[Tensor, "N C H W"]) -> Iterator[Float[Tensor, "n C H W"]]:
    """The images in order, a view of some 4 MB at a time, so that what is computed from them never grows with N."""
    yield from images.split(piece_length(images))


def sha256_of(*tensors: Tensor | None) -> str:
    """The SHA-256 of the numbers in order, in hex; None adds nothing."""
    digest = hashlib.sha256()
    for tensor in (tensor for tensor in tensors if tensor is not None and tensor.numel()):
        for piece in pieces(tensor):
            digest.update(piece.detach().cpu().contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()
