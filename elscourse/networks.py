"""The two networks of the paper, small: convolutions only, no normalisation in the image path, predicting the noise."""

from __future__ import annotations

import inspect
import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from .errors import CourseError, brief, shape_of, unknown_name, whole_number
from .patches import Padding, check_padding


def _check_counts(least: int, **given: object) -> None:
    """Raise CourseError for a number of channels, layers or classes that is none, or too small."""
    for what, n in given.items():
        if whole_number(n, least) is None:
            raise CourseError(f"a network's {what} must be a whole number of at least {least}, got {brief(n)}.")


def conv3x3(inputs: int, outputs: int, padding: Padding, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size (or halves it), with zeros or the other side of the image at the border."""
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, padding_mode=check_padding(padding))


class Conditioning(nn.Module):
    """The time, and optionally the class, as one vector per image: sinusoids -> MLP (+ class embedding)."""

    frequencies: Tensor

    def __init__(self, width: int, classes: int | None):
        super().__init__()
        if classes is not None:
            _check_counts(1, classes=classes)
        frequencies = 1000 * torch.exp(-math.log(10_000) * torch.arange(width // 2, dtype=torch.float32) / (width // 2))
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.mlp = nn.Sequential(nn.Linear(2 * (width // 2), width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.label = nn.Embedding(classes, width) if classes is not None else None

    def forward(self, t: Float[Tensor, " B"], labels: Int[Tensor, " B"] | None) -> Float[Tensor, "B width"]:
        if not isinstance(t, Tensor):
            raise CourseError(
                f"a network takes t with shape (B,), but a sampler passes one number, {brief(t)}: give the sampler "
                "els.NetworkDenoiser(network)."
            )
        angle = t[:, None] * self.frequencies
        e = self.mlp(torch.cat([angle.sin(), angle.cos()], dim=1))
        return e if self.label is None else e + self.label(labels)


class ResNet(nn.Module):
    r"""Residual 3x3 convolutions at full resolution: eps_hat(x_t, t).

    .. math:: h_0 = U x_t, \quad h_{l+1} = h_l + W_l * \mathrm{silu}(h_l + A_l e(t)), \quad
              \hat\epsilon = V * \mathrm{silu}(h_L)

    With 6 layers the receptive field is 17 x 17: 8 convolutions of radius 1.

    channels: 1 grey, 3 colour; width: numbers at each pixel in between; layers: convolutions besides the first and the
        last; padding: "zeros" or "circular"; classes: how many it can be told, None for none.
    x_t (B, C, H, W), t (B,) in (0, 1], labels (B,), whole numbers below `classes`, or None -> the noise (B, C, H, W).
    As a denoiser: `NetworkDenoiser`, which also checks what it is given.

    Raises CourseError for sizes that are not whole numbers or too small (width: at least 2) and an unknown padding;
    when called, for a t that is one number.

    Source: Kamb & Ganguli 2025, appendix (there 256 channels at 32x32; here 64 at 16x16, 0.26 M parameters). Lesson 03.
    """

    def __init__(
        self,
        channels: int = 1,
        width: int = 64,
        layers: int = 6,
        padding: Padding = "zeros",
        classes: int | None = None,
    ):
        super().__init__()
        _check_counts(2, width=width)  # with 1 there would be no frequency, and no t
        _check_counts(1, channels=channels, layers=layers)
        self.channels = channels
        self.condition = Conditioning(width, classes)
        self.up = conv3x3(channels, width, padding)
        self.convs = nn.ModuleList(conv3x3(width, width, padding) for _ in range(layers))
        self.shifts = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.down = conv3x3(width, channels, padding)

    def forward(
        self, x_t: Float[Tensor, "B C H W"], t: Float[Tensor, " B"], labels: Int[Tensor, " B"] | None = None
    ) -> Float[Tensor, "B C H W"]:
        e = self.condition(t, labels)
        h = self.up(x_t)
        for conv, shift in zip(self.convs, self.shifts, strict=True):
            h = h + conv(F.silu(h + shift(e)[:, :, None, None]))
        return self.down(F.silu(h))


class Block(nn.Module):
    """Two 3x3 convolutions, the conditioning added between them."""

    def __init__(self, inputs: int, outputs: int, embedding: int, padding: Padding):
        super().__init__()
        self.first = conv3x3(inputs, outputs, padding)
        self.shift = nn.Linear(embedding, outputs)
        self.second = conv3x3(outputs, outputs, padding)

    def forward(self, x: Float[Tensor, "B i H W"], e: Float[Tensor, "B width"]) -> Float[Tensor, "B o H W"]:
        h = self.first(x) + self.shift(e)[:, :, None, None]
        return F.silu(self.second(F.silu(h)))


class UNet(nn.Module):
    """Three scales with skip connections: eps_hat(x_t, t). Halving by strided convolution, doubling by repetition.

    Height and width must be divisible by 4. Circular padding makes it equivariant to shifts by multiples of 4 only.
    Arguments as for `ResNet`; width: numbers at each pixel of the finest scale; the coarser ones have twice and four
    times as many.

    Raises CourseError as `ResNet` does (width: at least 1) and, when called, for a height or width that 4 does not
    divide.

    Source: Kamb & Ganguli 2025, appendix (there 64/128/256 channels, 2.0 M parameters; here 32/64/128, 0.55 M).
    Lesson 03.
    """

    def __init__(
        self,
        channels: int = 1,
        width: int = 32,
        padding: Padding = "zeros",
        classes: int | None = None,
    ):
        super().__init__()
        _check_counts(1, width=width, channels=channels)
        w1, w2, w3, e = width, 2 * width, 4 * width, 2 * width
        self.channels = channels
        self.condition = Conditioning(e, classes)
        self.in1 = Block(channels, w1, e, padding)
        self.half1 = conv3x3(w1, w1, padding, stride=2)
        self.in2 = Block(w1, w2, e, padding)
        self.half2 = conv3x3(w2, w2, padding, stride=2)
        self.middle = Block(w2, w3, e, padding)
        self.out2 = Block(w3 + w2, w2, e, padding)
        self.out1 = Block(w2 + w1, w1, e, padding)
        self.down = conv3x3(w1, channels, padding)

    def forward(
        self, x_t: Float[Tensor, "B C H W"], t: Float[Tensor, " B"], labels: Int[Tensor, " B"] | None = None
    ) -> Float[Tensor, "B C H W"]:
        if x_t.shape[-1] % 4 or x_t.shape[-2] % 4:
            raise CourseError(
                f"the UNet halves twice: height and width must be divisible by 4, got {tuple(x_t.shape)}."
            )
        e = self.condition(t, labels)
        h1 = self.in1(x_t, e)
        h2 = self.in2(self.half1(h1), e)
        h = self.middle(self.half2(h2), e)
        h = self.out2(torch.cat([_double(h), h2], dim=1), e)
        h = self.out1(torch.cat([_double(h), h1], dim=1), e)
        return self.down(h)


def _double(x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C 2*H 2*W"]:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


ARCHITECTURES: dict[str, type[nn.Module]] = {"resnet": ResNet, "unet": UNet}


def classes_of(network: nn.Module) -> int | None:
    """How many classes the network was built to be told; None: it knows none. Your own says so by `classes`."""
    condition = getattr(network, "condition", None)
    if not isinstance(condition, Conditioning):  # a network of the user's own
        classes = getattr(network, "classes", None)
        if classes is not None and whole_number(classes, 1) is None:
            raise CourseError(f"a network's `classes` must be how many it knows, got {brief(classes)}.")
        return classes
    return None if condition.label is None else condition.label.num_embeddings


def channels_of(network: nn.Module) -> int | None:
    """Channels of the images that the network draws; None: your own may mean something else by `channels`."""
    return network.channels if isinstance(network, ResNet | UNet) else None


def predicted_noise(
    network: nn.Module, x_t: Float[Tensor, "B C H W"], t: Float[Tensor, " B"], labels: Int[Tensor, " B"] | None
) -> Float[Tensor, "B C H W"]:
    """eps_hat(x_t, t, labels) of any network: CourseError for a learner's own that is not such a function."""
    try:
        inspect.signature(network.forward).bind(x_t, t, labels)
    except (TypeError, ValueError) as error:  # a traced one has no signature
        raise CourseError(
            f"the network must have a forward(x_t, t, labels), with labels None where there are no classes: {error}."
        ) from error
    eps_hat = network(x_t.clone(), t, labels)  # one that begins with inplace=True would write into it
    if not isinstance(eps_hat, Tensor) or eps_hat.shape != x_t.shape:  # another shape might be broadcast, silently
        raise CourseError(
            f"the network must answer with noise of x_t's shape, {tuple(x_t.shape)}, got {shape_of(eps_hat)}."
        )
    return eps_hat


def build_network(architecture: str, **config: object) -> nn.Module:
    """A fresh network by name ("resnet" or "unet") and the keyword arguments of its class."""
    if architecture not in ARCHITECTURES:
        raise unknown_name("architecture", architecture, ARCHITECTURES)
    return ARCHITECTURES[architecture](**config)
