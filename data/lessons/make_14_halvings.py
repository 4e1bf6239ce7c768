"""Make 14_halvings.npz: what lets a network look far.

    python data/lessons/make_14_halvings.py [NAME ...]

Lesson 14's UNet of 500 pictures (2,000 steps), with one or no halving of its pictures in place of two, the
layers the same; the ResNet with one or two halvings before its six layers, as much enlarging after them, and a direct
way for what is fine, each with two seeds; and a ResNet whose layers look further apart (dilated), so that a pixel sees
everything. All are trained, calibrated, and draw 100 pictures. Kept are the patch sizes, r2 with the machines, with the
one whose windows make_14_guess.py has told from these pictures alone, too, and the losses on known and on new pictures,
also of the ResNets of 6 and 14 layers that make_14_guess.py trains. All of it stays in runs/networks, and a run that
was killed goes on where it stopped. With names, only these are trained: for several processes side by side.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from make_10_same_recipe import drawn
from make_14_guess import DEEPER, FEWER, age, predicted
from torch import Tensor, nn
from torch.nn import functional as F

import elscourse as els
from elscourse.files import whole_file
from elscourse.networks import ARCHITECTURES, ResNet, UNet, conv3x3
from elscourse.recipes import Recipe

HERE = Path(__file__).parent


def enlarged(h: Tensor, like: Tensor) -> Tensor:
    """Each pixel repeated until it fills the other's height and width."""
    return F.interpolate(h, size=like.shape[-2:], mode="nearest")


class HalvedUNet(UNet):
    """The UNet with as many halvings as it is told, two at most; with two it is the UNet."""

    def __init__(self, halvings: int, **config: object):
        super().__init__(**config)  # type: ignore[arg-type]
        for k, conv in enumerate((self.half1, self.half2)):
            if k >= halvings:
                conv.stride = (1, 1)

    def forward(self, x_t: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        e = self.condition(t, labels)
        h1 = self.in1(x_t, e)
        h2 = self.in2(self.half1(h1), e)
        h = self.middle(self.half2(h2), e)
        h = self.out2(torch.cat([enlarged(h, h2), h2], dim=1), e)
        h = self.out1(torch.cat([enlarged(h, h1), h1], dim=1), e)
        return self.down(h)


class HalvedResNet(ResNet):
    """The ResNet, its layers at a half, a quarter, ... of the size, and the first convolution led past them."""

    def __init__(self, halvings: int, width: int = 64, padding: str = "zeros", **config: object):
        super().__init__(width=width, padding=padding, **config)  # type: ignore[arg-type]
        self.halves = nn.ModuleList(conv3x3(width, width, padding, stride=2) for _ in range(halvings))  # type: ignore[arg-type]
        self.join = conv3x3(2 * width, width, padding)  # type: ignore[arg-type]

    def forward(self, x_t: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        e = self.condition(t, labels)
        h = fine = self.up(x_t)
        for half in self.halves:
            h = half(F.silu(h))
        for conv, shift in zip(self.convs, self.shifts, strict=True):
            h = h + conv(F.silu(h + shift(e)[:, :, None, None]))
        h = self.join(torch.cat([enlarged(h, fine), fine], dim=1))
        return self.down(F.silu(h))


class DilatedResNet(ResNet):
    """The ResNet, but a layer compares each pixel with those `dilation` pixels away."""

    def __init__(self, dilations: Sequence[int], **config: object):
        super().__init__(layers=len(dilations), **config)  # type: ignore[arg-type]
        for conv, dilation in zip(self.convs, dilations, strict=True):
            conv.dilation = conv.padding = (dilation, dilation)


ARCHITECTURES |= {"halved-unet": HalvedUNet, "halved-resnet": HalvedResNet, "dilated-resnet": DilatedResNet}
UNET, RESNET = FEWER[0], DEEPER[0]  # on 500 pictures, for 2,000 steps


def variant(of: Recipe, name: str, architecture: str, seed: int = 0, **config: object) -> Recipe:
    """The same pictures and plan, another network."""
    plan = replace(of.plan, seed=seed)
    return replace(of, name=name, architecture=architecture, config={"padding": "zeros", **config}, plan=plan)


DILATED = variant(RESNET, "resnet-500-pictures-dilated", "dilated-resnet", dilations=[1, 2, 4, 4, 2, 1])
SECOND = variant(UNET, "unet-500-pictures-seed-1", "unet", seed=1)
RUNS = {recipe.name: recipe for recipe in (UNET, SECOND, *DEEPER, DILATED)}
for seed, suffix in ((0, ""), (1, "-seed-1")):
    for recipe in (
        variant(UNET, f"unet-500-pictures-1-halving{suffix}", "halved-unet", seed, halvings=1),
        variant(UNET, f"unet-500-pictures-0-halvings{suffix}", "halved-unet", seed, halvings=0),
        variant(RESNET, f"resnet-500-pictures-1-halving{suffix}", "halved-resnet", seed, halvings=1),
        variant(RESNET, f"resnet-500-pictures-2-halvings{suffix}", "halved-resnet", seed, halvings=2),
    ):
        RUNS[recipe.name] = recipe


def field_of_view(lab: els.Lab) -> int:
    """The side of the square that a pixel of the network depends on, of a picture large enough to hold it."""
    x_t = els.seeded_noise([0], (1, 64, 64)).requires_grad_()
    label = torch.tensor([0]) if lab.network.conditional else None
    (gradient,) = torch.autograd.grad(lab.network.module(x_t, torch.tensor([0.5]), label)[0, 0, 32, 32], x_t)
    rows = gradient[0, 0].abs().sum(1).nonzero()
    return int(rows.max() - rows.min()) + 1


def guessed_curve(lab: els.Lab) -> list[tuple[float, int]]:
    """(t, P) with the windows that the 500 pictures and 100 new ones tell: the same for every network."""
    sizes = els.load_results("14_guess")[f"guessed, {UNET.name}"].tolist()
    return [(t, size) for (t, _), size in zip(lab.patch_sizes("els-zeros"), sizes, strict=True)]


def guess() -> Tensor:
    """What ELS draws with them."""
    lab, _ = drawn(UNET.name, UNET)
    return predicted(lab, guessed_curve(lab))


def measured(name: str, guessed: Tensor) -> dict[str, np.ndarray]:
    """All that is kept of one network; guessed: see `guess`."""
    lab, images = drawn(name, RUNS[name])
    network = images["network-150"]
    predictions = {"guessed": guessed, "els-zeros": images["els-zeros"], "is": images["is"]}
    values = {
        "measured": np.array([size for _, size in lab.patch_sizes("els-zeros")]),
        **{f"r2 {what}": els.compare(its, network).r2.numpy() for what, its in predictions.items()},
        **age(lab, network),
        "sees": np.array(field_of_view(lab)),
        "weights": np.array(sum(p.numel() for p in lab.network.module.parameters())),
    }
    return {f"{what}, {name}": value for what, value in values.items()}


def main(names: list[str]) -> None:
    """Train what is asked for; without names measure all of it, then write one file."""
    for name in names:
        drawn(name, RUNS[name])
    if names:
        return
    guessed = guess()
    found = {what: value for name in RUNS for what, value in measured(name, guessed).items()}
    with whole_file(HERE / "14_halvings.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1:])
