"""Networks that look everywhere: the course's ResNet and UNet with attention, and a small transformer.

No lesson trains them; make_18_edges.py does. To use them from files, import this module first.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elscourse.networks import ARCHITECTURES, Block, Conditioning, ResNet, UNet
from elscourse.patches import Padding


class Attention(nn.Module):
    """Each place asks all others, by what they hold and not by where they are: h + O softmax(Q K^T / sqrt(d)) V."""

    def __init__(self, width: int, heads: int = 4):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, h: Tensor) -> Tensor:
        """h: (B, places, width)."""
        q, k, v = self.qkv(self.norm(h)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)  # torch's one call takes twice as long for so few places
        return h + self.out((weights.to(v.dtype) @ v).transpose(1, 2).flatten(2))


def attend(attention: Attention, h: Tensor) -> Tensor:
    """The same on a picture, (B, width, H, W)."""
    return attention(h.flatten(2).mT).mT.unflatten(2, h.shape[2:])


class AttentionResNet(ResNet):
    """The ResNet, with one layer of attention in the middle, between all pixels: no longer local, still equivariant."""

    def __init__(self, width: int = 64, **config: object):
        super().__init__(width=width, **config)  # type: ignore[arg-type]
        self.attention = Attention(width, heads=1)

    def forward(self, x_t: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        e = self.condition(t, labels)
        h = self.up(x_t)
        for i, (conv, shift) in enumerate(zip(self.convs, self.shifts, strict=True)):
            if i == len(self.convs) // 2:
                h = attend(self.attention, h)
            h = h + conv(F.silu(h + shift(e)[:, :, None, None]))
        return self.down(F.silu(h))


class AttentionBlock(Block):
    """Two convolutions, then a layer of attention between all places."""

    def __init__(self, inputs: int, outputs: int, embedding: int, padding: Padding):
        super().__init__(inputs, outputs, embedding, padding)
        self.attention = Attention(outputs)

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        return attend(self.attention, super().forward(x, e))


class AttentionUNet(UNet):
    """The UNet, with attention where it is coarse, at a half and a quarter of the size: the usual network of the field.

    Source: Ho, Jain & Abbeel, NeurIPS 2020 (arXiv 2006.11239), which attends at 16 x 16 of 32 x 32 pixels.
    """

    def __init__(self, width: int = 32, padding: Padding = "zeros", **config: object):
        super().__init__(width=width, padding=padding, **config)  # type: ignore[arg-type]
        w1, w2, w3, e = width, 2 * width, 4 * width, 2 * width
        self.in2 = AttentionBlock(w1, w2, e, padding)
        self.middle = AttentionBlock(w2, w3, e, padding)
        self.out2 = AttentionBlock(w3 + w2, w2, e, padding)


class Transformer(nn.Module):
    """Pieces of 2 x 2 pixels and where they are, as words of a sentence: no convolution, nothing local, all attention.

    Source: Peebles & Xie, ICCV 2023 (arXiv 2212.09748), in small; the time is added to the pieces.
    """

    def __init__(
        self,
        channels: int = 1,
        width: int = 96,
        layers: int = 6,
        side: int = 16,
        padding: str = "zeros",  # has none; calibration asks which machine it is to be compared with
        classes: int | None = None,
    ):
        super().__init__()
        self.channels = channels
        self.condition = Conditioning(width, classes)
        self.up = nn.Conv2d(channels, width, 2, stride=2)
        self.place = nn.Parameter(0.02 * torch.randn((side // 2) ** 2, width))
        self.attention = nn.ModuleList(Attention(width) for _ in range(layers))
        self.shifts = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.wider = nn.ModuleList(nn.Linear(width, 4 * width) for _ in range(layers))
        self.narrower = nn.ModuleList(nn.Linear(4 * width, width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.down = nn.ConvTranspose2d(width, channels, 2, stride=2)

    def forward(self, x_t: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        e = self.condition(t, labels)
        h = self.up(x_t)
        size, h = h.shape[2:], h.flatten(2).mT + self.place
        for attention, shift, wider, narrower in zip(
            self.attention, self.shifts, self.wider, self.narrower, strict=True
        ):
            h = attention(h + shift(e)[:, None])
            h = h + narrower(F.gelu(wider(F.layer_norm(h, h.shape[-1:]))))
        return self.down(self.norm(h).mT.unflatten(2, size))


ARCHITECTURES |= {"attention-resnet": AttentionResNet, "attention-unet": AttentionUNet, "transformer": Transformer}
