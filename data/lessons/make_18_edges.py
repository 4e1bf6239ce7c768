"""Make 18_edges.npz: what networks and machines draw with noise in every step, guided, and with attention.

    python data/lessons/make_18_edges.py [NAME ...]

Drawings of seeds 0 to 99, kept with 8 bits per pixel (0 is -1, 255 is 1):

noisy      class-conditional, 40 steps, each with fresh noise, one sequence of it and another
guided     class-conditional and not, the shipped networks: the difference of their answers 2, 3, 4 times (and 1)
controls   guided 3 times (and 1) in 20 steps, and away from another network that is not told the class
attention  networks that look everywhere (attending.py), with the pictures and the plan of the shipped ResNet and UNet
           (one once more with another seed, two trained twice as long), and the ResNet itself trained twice and four
           times as long: before and after one block of the noise was exchanged (make_16_what_if.py), with their patch
           sizes

Of the last, and of the shipped ResNet and UNet, also how far an exchanged block is felt if they are asked once, and the
losses on known and new pictures, at 20 times. Of the shipped two also how strongly the middle pixel depends on every
pixel (lesson 03), and every pixel on a corner block. Every piece is kept in runs/, so a run that was stopped goes on.
With names, only these networks are trained, or these groups drawn, and take the place of what 18_edges.npz holds of
them.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import attending  # noqa: F401  its networks become known by name
import numpy as np
import torch
from kept import drawings, eight_bits, kept
from make_10_same_recipe import drawn
from make_14_memory import EVENLY, influence, losses
from make_16_what_if import CONDITIONAL, PLAIN, SIDE, exchange, exchanged
from torch import Tensor
from tqdm.auto import tqdm

import elscourse as els
from elscourse.diffusion import Denoiser, Labels
from elscourse.files import whole_file
from elscourse.recipes import RECIPES, Recipe

HERE = Path(__file__).parent
PARTS = HERE.parents[1] / "runs" / "lessons" / "18_edges"
UNET = "fashion-mnist-16-unet-zeros"
TRAINED = {  # name: architecture, and what is different in the plan of the training
    "resnet-16000-steps": ("resnet", {"steps": 16_000}),
    "resnet-32000-steps": ("resnet", {"steps": 32_000}),
    "attention-unet": ("attention-unet", {}),
    "attention-resnet": ("attention-resnet", {}),
    "attention-resnet-seed-1": ("attention-resnet", {"seed": 1}),
    "attention-resnet-16000-steps": ("attention-resnet", {"steps": 16_000}),
    "transformer": ("transformer", {}),
    "transformer-16000-steps": ("transformer", {"steps": 16_000}),
}
WHO = {"network": "network", "els": "els-zeros", "ls": "ls", "is": "is"}
STEPS = 40  # with noise in every one, networks and machines must take as many
STRENGTHS = (1, 2, 3, 4)
TIMES = (0.9, 0.7, 0.5, 0.3, 0.1)  # at which the networks are asked where they look
CHUNK = 20


def looking_everywhere(name: str) -> Recipe:
    """The pictures and the plan of the shipped ResNet and UNet."""
    recipe, (architecture, other) = RECIPES[UNET], TRAINED[name]
    return replace(recipe, name=name, architecture=architecture, plan=replace(recipe.plan, **other))


def fresh(sequence: int, step: int, seeds: Sequence[int], shape: Sequence[int]) -> Tensor:
    """The noise that a step adds: another for every seed, step and sequence."""
    return els.seeded_noise([100_000 * (100 * sequence + step + 1) + seed for seed in seeds], shape)


@torch.no_grad()
def noisy_sample(denoiser: Denoiser, noise: Tensor, sequence: int, seeds: Sequence[int], labels: Labels) -> np.ndarray:
    """DDIM with eta = 1, Song, Meng & Ermon 2021: as much old noise as there may be is replaced by fresh noise."""
    schedule = els.CosineSchedule()
    x_t = noise
    for step, (t, t_next) in enumerate(itertools.pairwise(schedule.times(STEPS))):
        x0_hat = denoiser(x_t, t, labels=labels)
        eps_hat = els.noise_from_denoiser(x0_hat, x_t, t)
        sigma = schedule.sigma(t_next)
        new = sigma / schedule.sigma(t) * math.sqrt(1 - (schedule.alpha(t) / schedule.alpha(t_next)) ** 2)
        x_t = schedule.alpha(t_next) * x0_hat + math.sqrt(sigma**2 - new**2) * eps_hat
        x_t = x_t + new * fresh(sequence, step, seeds, noise.shape[1:])
    return eight_bits(x_t)


def guided(told: Denoiser, untold: Denoiser, strength: float) -> Denoiser:
    """What the one knows of the class and the other does not, `strength` times. Ho & Salimans 2021."""

    def denoiser(x_t: Tensor, t: float, /, labels: Labels = None) -> Tensor:
        without = untold(x_t, t)
        return without + strength * (told(x_t, t, labels=labels) - without)

    return denoiser


def who(lab: els.Lab, name: str) -> Denoiser:
    """The lab's network, or one of its machines."""
    return lab.network if name == "network" else lab.machine(WHO[name])


def noisy() -> dict[str, np.ndarray]:
    """Two drawings of every seed, from two sequences of fresh noise."""
    lab = els.lab("laptop", network=CONDITIONAL, verbose=False)
    found = {}
    for name in WHO:
        denoiser, pieces = who(lab, name), []
        for sequence, start in tqdm(list(itertools.product((0, 1), range(0, 100, CHUNK))), desc=f"noisy, {name}"):
            seeds = range(start, start + CHUNK)
            noise, labels = els.seeded_noise(seeds, lab.shape), lab.labels_for(seeds)
            path = PARTS / f"noisy, {name}, {sequence}, {start:02d}.npy"
            pieces.append(kept(path, noisy_sample, denoiser, noise, sequence, seeds, labels))
        found[f"noisy, {name}"] = np.concatenate(pieces).reshape(2, 100, *lab.shape)
    return found


def guidance() -> dict[str, np.ndarray]:
    """Each of the machines guided as the networks are; with and without the class it has the same pictures."""
    told, untold = (els.lab("laptop", network=name, verbose=False) for name in (CONDITIONAL, PLAIN))
    untold = replace(untold, data=told.data)  # a ResNet of 2,000 of them, and its windows
    noise, labels, found = els.seeded_noise(told.seeds, told.shape), told.labels_for(told.seeds), {}
    for name, strength in itertools.product(WHO, STRENGTHS):
        denoiser, steps = guided(who(told, name), who(untold, name), strength), 150 if name == "network" else 20
        key = f"guided, {name}, {strength}"
        found[key] = drawings(PARTS, key, denoiser, noise, steps, labels)
    return found


def controls() -> dict[str, np.ndarray]:
    """Networks alone: in as few steps as the machines, and another one to be guided away from."""
    lab, other_lab = (els.lab("laptop", network=name, verbose=False) for name in (CONDITIONAL, PLAIN))
    told, untold = lab.network, other_lab.network
    other = els.load_network(HERE / "other-2000-pictures.safetensors")
    asked = {
        "guided in 20 steps, network, 1": (told, 20),
        "guided in 20 steps, network, 3": (guided(told, untold, 3), 20),
        "guided away from another, network, 3": (guided(told, other, 3), 150),
    }
    noise, labels = els.seeded_noise(lab.seeds, lab.shape), lab.labels_for(lab.seeds)
    return {name: drawings(PARTS, name, denoiser, noise, steps, labels) for name, (denoiser, steps) in asked.items()}


def felt(denoiser: Denoiser, pictures: Tensor, t: float) -> Tensor:
    """How strongly each pixel of D depends on the corner block of x_t: mean |derivative|, summed over it, (H, W)."""
    x_t = els.add_noise(pictures, els.seeded_noise(range(1000, 1000 + len(pictures)), pictures.shape[1:]), t)
    total = torch.zeros(pictures.shape[2:])
    for y, x in itertools.product(range(SIDE), repeat=2):
        step = torch.zeros_like(x_t)
        step[..., y, x] = 1
        total += torch.func.jvp(lambda x_t: denoiser(x_t, t), (x_t,), (step,))[1].abs().mean((0, 1))
    return total


@torch.no_grad()
def asked_once(lab: els.Lab, pictures: Tensor, t: float) -> float:
    """A corner block of the noise is exchanged: how much of the squared change of D lies 5 pixels away and more."""
    noise, other = (els.seeded_noise(range(start, start + len(pictures)), lab.shape) for start in (1000, 3000))
    block = exchange(noise, other, [(0, 0)] * len(pictures))
    before, after = (lab.network(els.add_noise(pictures, eps, t), t) for eps in (noise, block))
    away = (torch.arange(16) - (SIDE - 1)).clamp(min=0)
    far = torch.maximum(away[:, None], away[None]) >= 5
    squares = (after - before).square()
    return float(squares[..., far].sum() / squares.sum())


def answers(lab: els.Lab) -> dict[str, np.ndarray]:
    """How far an exchange is felt in them, and the losses on 100 of the network's pictures and on 100 new ones."""
    new, known, name = lab.held_out(100).images, lab.data.images[:100], lab.network.name
    return {
        f"exchanged once, {name}": np.array([asked_once(lab, new, t) for t in TIMES]),
        f"losses, {name}": np.stack([losses([lab.network], some, EVENLY)[:, 0] for some in (known, new)]),
    }


def maps(lab: els.Lab) -> dict[str, np.ndarray]:
    """Where the network looks: from the middle pixel, and from a corner."""
    new, name = lab.held_out(100).images, lab.network.name
    return {
        f"influence, {name}": np.stack([influence(lab.network, new, t).numpy() for t in TIMES]),
        f"felt from a corner, {name}": np.stack([felt(lab.network, new, t).numpy() for t in TIMES]),
    }


def trained(name: str) -> dict[str, np.ndarray]:
    """Drawings before and after the exchange, patch sizes, what its answers tell."""
    lab, images = drawn(name, looking_everywhere(name))
    noise = exchanged(lab)
    found = {f"patch sizes, {name}": np.array([size for _, size in lab.patch_sizes("els-zeros")])}
    for one in WHO:
        denoiser, steps = who(lab, one), 150 if one == "network" else 20
        key = "network-150" if one == "network" else WHO[one]
        found[f"drawn, {name}, {one}"] = eight_bits(images[key])
        changed = f"exchanged, {name}, {one}"
        found[changed] = drawings(PARTS, changed, denoiser, noise, steps)
    return found | answers(lab)


def main(names: list[str]) -> None:
    """Train and draw what is asked for, and write it into one file; without names all of it, anew."""
    found = {"times": np.array(TIMES)}
    for name in names or ("noisy", "guided", "controls", *TRAINED):
        make = {"noisy": noisy, "guided": guidance, "controls": controls}
        found |= make[name]() if name in make else trained(name)
    if not names:
        for network in (PLAIN, UNET):
            lab = els.lab("laptop", network=network, verbose=False)
            found |= answers(lab) | maps(lab)
    stored = HERE / "18_edges.npz"
    if names and stored.exists():
        with np.load(stored, allow_pickle=False) as before:
            found = dict(before) | found
    with whole_file(stored) as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1:])
