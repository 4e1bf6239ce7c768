"""Make 11_new_noises.npz: the course's main numbers once more, from noises that nothing had been chosen by.

    python data/lessons/make_11_new_noises.py [NETWORK ...]

Nearly all numbers of the course are of the seeds 0 to 99, and whatever was chosen (which rival is the best, how wide
its windows are, one pixel at the last step) was chosen by them. These are seeds 40,000 to 40,099, which nothing else
uses.

WHO, NETWORK             r2 with the network's 150 steps, seed by seed, for the six shipped networks: "mean", the mean
                         training picture (of the class); machines and filters by their ids; "bent", the better bent
                         filter with ELS's windows on seeds 0 to 99; for some networks "bent wiener", the other "bent
                         equivariant-filter", "bent, no window" (lesson 07), "wider" (bent, two pixels wider), "17 t"
                         (LS), "correlations" (lesson 10) and "one pixel last" (ELS). ", with network-20" (or
                         "-exact-first") of ELS and the bent ones: r2 with its 20 steps; "network-20": how these agree
                         with its 150
WHO, NETWORK, exchanged  for the four networks for 16 x 16: the part foretold of what changes if a block of 6 x 6 of the
                         noise is exchanged for that of seeds 50,000 to 50,099 (lesson 16); for emoji, if one colour
                         is (lesson 17), of all and of the two other colours, (2, 100)
three legs, WHO          whether 400 trousers, seeds 60,000 to 60,399 by the class-conditional network, ELS and the bent
                         equivariant filter, have three legs (lesson 12)
in two rows, WHO         whether they have them in two rows of pixels on end
width                    of those by ELS: the share below the waist that is not background
mirror, GARMENT, WHO     r2 of 400 pullovers and of 400 shirts, the same seeds, with their mirror images, by the
                         class-conditional network, ELS, filters and IS (lesson 12)

Drawings stay in runs/lessons/11_new_noises, and a run that was stopped goes on. With names of networks, only these are
drawn: for several processes side by side.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from kept import kept
from make_10_correlations import CorrelatedWindows
from make_11_bent import FILTERS, WIDER
from make_16_what_if import CONDITIONAL, PLAIN, corners, exchange
from make_17_colour import NETWORK as EMOJI
from make_17_colour import recoloured
from torch import Tensor
from tqdm.auto import tqdm

import elscourse as els
from elscourse.diffusion import Denoiser
from elscourse.files import whole_file

HERE = Path(__file__).parent
KEEP = HERE.parents[1] / "runs" / "lessons" / "11_new_noises"
SEEDS, OTHERS, CROWD = range(40_000, 40_100), range(50_000, 50_100), range(60_000, 60_400)
LINE = {name: 17 for name in (PLAIN, CONDITIONAL)}  # LS in windows of 17 t
UNET, CIRCULAR = "fashion-mnist-16-unet-zeros", "fashion-mnist-16-resnet-circular"
TAU = 0.05  # of the UNet's correlations, as lesson 10 found it


def with_windows(name: str) -> str:
    """The better of the two filters with ELS's windows, on seeds 0 to 99."""
    return "local-filter" if "local-filter" in FILTERS[name] else "equivariant-filter"


def drawn(name: str, who: str, denoiser: Denoiser, noise: Tensor, labels: Tensor | None, steps: int = 20) -> Tensor:
    """What is drawn from some noises, 20 by 20; kept."""
    pieces = []
    for start in tqdm(range(0, len(noise), 20), desc=f"{name} {who}"):
        some, told = noise[start : start + 20], None if labels is None else labels[start : start + 20]
        path = KEEP / name / f"{who}, {start:03d}.npy"
        pieces.append(kept(path, els.sample, denoiser, some, steps, labels=told))
    return torch.from_numpy(np.concatenate(pieces))


def artists(lab: els.Lab) -> dict[str, Denoiser]:
    """Who foretells the network: name -> denoiser."""
    name, told = lab.network.name, {"image_labels": lab.image_labels}
    own, kind = f"els-{lab.network.padding}", with_windows(name)
    found = {who: lab.machine(who) for who in ("is", "ls", own, "wiener", "local-filter", "equivariant-filter")}
    found["bent"] = els.BentFilter(lab.machine(kind))  # type: ignore[arg-type]
    if "wiener" in FILTERS[name]:
        found["bent wiener"] = els.BentFilter(lab.machine("wiener"))  # type: ignore[arg-type]
    if {kind, "equivariant-filter"} < {*FILTERS[name]}:
        found["bent equivariant-filter"] = els.BentFilter(lab.machine("equivariant-filter"))  # type: ignore[arg-type]
    if name == CIRCULAR:
        found["bent, no window"] = without_window(lab)
    if name == UNET:
        found["correlations"] = CorrelatedWindows(lab.data.images, TAU)
    if name in WIDER:
        wider = [(t, size + 2) for t, size in lab.patch_sizes(kind)]
        equivariant = kind == "equivariant-filter"
        found["wider"] = els.BentFilter(
            els.LocalFilter(lab.data.images, lab.schedule, patch_size=wider, equivariant=equivariant, **told)
        )
    if name in LINE:
        line = [(t, max(1, 2 * round((LINE[name] * t - 1) / 2) + 1)) for t, _ in lab.patch_sizes("ls")]
        found["17 t"] = lab.patch_machine("ls", line)
    if name == EMOJI:
        *before, (last, _) = lab.patch_sizes(own)
        found["one pixel last"] = lab.patch_machine(own, [*before, (last, 1)])
    return found


def without_window(lab: els.Lab) -> Denoiser:
    """The best linear filter of the whole torus that knows no place, bent."""
    images, curves = lab.data.images, dict[float, els.bent_filter.Curve]()
    grey = images.mean()
    power = torch.fft.fft2(images - grey).abs().square().mean((0, 1)) / images[0, 0].numel()

    def straight(x_t: Tensor, t: float, labels: object = None) -> Tensor:
        alpha, sigma = lab.schedule.alpha(t), lab.schedule.sigma(t)
        share = alpha * power / (alpha**2 * power + sigma**2)
        return grey + torch.fft.ifft2(torch.fft.fft2(x_t - alpha * grey) * share).real

    def bent(x_t: Tensor, t: float, labels: object = None) -> Tensor:
        if t not in curves:
            curves[t] = els.bent_filter.find_curve(straight, images[:400], t)
        return curves[t](straight(x_t, t))

    return bent


def mean_picture(lab: els.Lab, labels: Tensor | None) -> Tensor:
    """Of all images or, if the network is told the class, of those of the class."""
    images, kinds = lab.data.images, lab.image_labels
    if labels is None or kinds is None:
        return images.mean(0).expand(len(SEEDS), *lab.shape)
    return torch.stack([images[kinds == label].mean(0) for label in labels])


def foretold(change: Tensor, guess: Tensor, part: Tensor | float = 1.0) -> Tensor:
    """The part of the network's change that is foretold, in a part of each image, (B,)."""
    left, whole = ((some * part).square().sum((1, 2, 3)) for some in (change - guess, change))
    return 1 - left / whole


def of_network(name: str) -> dict[str, np.ndarray]:
    """All that is asked of one network."""
    lab = els.lab("laptop", network=name, device="cpu", verbose=False)
    noise, labels, found = els.seeded_noise(SEEDS, lab.shape), lab.labels_for(SEEDS), {}
    target = drawn(name, "network-150", lab.network, noise, labels, 150)
    in_20 = drawn(name, "network-20", lab.network, noise, labels)
    exact = drawn(name, "network-20-exact-first", els.with_first_step(lab.machine("is"), lab.network), noise, labels)
    found[f"mean, {name}"] = els.compare(mean_picture(lab, labels), target).r2
    found[f"network-20, {name}"] = els.compare(in_20, target).r2
    found[f"network-20-exact-first, {name}"] = els.compare(exact, target).r2

    changed, others = None, els.seeded_noise(OTHERS, lab.shape)
    if name == EMOJI:
        changed = recoloured(noise, others)
        own = (torch.arange(3) == torch.arange(len(noise))[:, None] % 3)[:, :, None, None]
    elif lab.shape[-1] == 16:
        changed = exchange(noise, others, corners(100, seed=1)[: len(noise)])
    if changed is not None:
        after = drawn(name, "exchanged, network-150", lab.network, changed, labels, 150).clamp(-1, 1)
        change = after - target.clamp(-1, 1)

    for who, denoiser in artists(lab).items():
        images = drawn(name, who, denoiser, noise, labels).clamp(-1, 1)
        found[f"{who}, {name}"] = els.compare(images, target).r2
        if who.startswith(("els", "bent")):
            found[f"{who}, {name}, with network-20"] = els.compare(images, in_20).r2
            found[f"{who}, {name}, with network-20-exact-first"] = els.compare(images, exact).r2
        if changed is not None:
            guess = drawn(name, f"exchanged, {who}", denoiser, changed, labels).clamp(-1, 1) - images
            parts = (1.0, ~own) if name == EMOJI else (1.0,)
            found[f"{who}, {name}, exchanged"] = torch.stack([foretold(change, guess, p) for p in parts]).squeeze(0)
    small = {key: value.numpy().astype(np.float32) for key, value in found.items()}
    return small | (three_legs(lab) | sleeves(lab) if name == CONDITIONAL else {})


def three_legs(lab: els.Lab) -> dict[str, np.ndarray]:
    """Lesson 12's count: three bright runs or more in a row below the waist."""
    noise, labels, found = els.seeded_noise(CROWD, lab.shape), torch.ones(len(CROWD), dtype=torch.int64), {}
    bent = els.BentFilter(lab.machine("equivariant-filter"))  # type: ignore[arg-type]
    who = {"network-150": (lab.network, 150), "els-zeros": (lab.machine("els-zeros"), 20), "bent": (bent, 20)}
    for key, (denoiser, steps) in who.items():
        trousers = drawn(lab.network.name, f"trousers, {key}", denoiser, noise, labels, steps)
        bright = torch.nn.functional.pad(trousers[:, 0, 8:] > 0, (1, 0)).int()
        three = (bright.diff(dim=-1) == 1).sum(-1) >= 3  # by rows of pixels
        found[f"three legs, {key}"] = three.any(-1).numpy()
        found[f"in two rows, {key}"] = (three[:, 1:] & three[:, :-1]).any(-1).numpy()
        if key.startswith("els"):
            found["width"] = (trousers[:, 0, 8:] > -0.7).float().mean((1, 2)).numpy()
    return found


def mirror(images: Tensor) -> Tensor:
    """(B, 1, H, W) -> (B,): r2 of each image with its mirror image, the best of shifts by -4 to 4, as in lesson 12."""
    return torch.stack([els.compare(images.flip(-1).roll(s, -1), images).r2 for s in range(-4, 5)]).amax(0)


def sleeves(lab: els.Lab) -> dict[str, np.ndarray]:
    """How symmetric pullovers and shirts are."""
    noise, found = els.seeded_noise(CROWD, lab.shape), {}
    who: dict[str, tuple[Denoiser, int]] = {"network-150": (lab.network, 150)}
    theories = ("els-zeros", "bent-equivariant-filter", "local-filter", "is", "wiener")
    who |= {name: (lab.machine(name), 20) for name in theories}
    for garment, label in (("pullover", 2), ("shirt", 6)):
        labels = torch.full((len(CROWD),), label)
        for key, (denoiser, steps) in who.items():
            images = drawn(lab.network.name, f"{garment}, {key}", denoiser, noise, labels, steps).clamp(-1, 1)
            found[f"mirror, {garment}, {key}"] = mirror(images).numpy()
    return found


def main(networks: list[str]) -> None:
    """Draw what is missing; without names, write the file."""
    found = {key: value for name in networks or FILTERS for key, value in of_network(name).items()}
    if not networks:
        with whole_file(HERE / "11_new_noises.npz") as partial:
            np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1:])
