"""Make NN_local_filter.npz: what the best linear filter with ELS's windows draws where lessons change something; and
NN_bent.npz: the same by this filter, bent by a curve at each step (`els.BentFilter`).

    python data/lessons/make_local_filter.py [local_filter] [bent]

Kept with 8 bits per pixel (0 is -1, 255 is 1). Seeds are 0 to 99 where nothing else is said. What it draws without any
change is in data/results/. Of its two kinds it is the one that foretells the network better (15 has both): a filter for
every pixel (local) or, for the circular network and for emoji, one for all pixels of a dictionary (equivariant).
Noises, changes and windows are those of the lessons' other files.

12: class-conditional as in 12_legs.npz
    trousers (seeds 0 to 399), pullover, shirt; GARMENT, alike: by the equivariant filter
15: as in 15_exchange.npz
    equivariant, 10 others   straight only: 10 of the pictures that the shipped ResNet does not know, with its windows
    KIND, N others           bent only, and so are the next: 100 or 2,000 of them; KIND is local or equivariant
    KIND, NETWORK            with its windows and its pictures, where these are 2,000; and of shipped ones (see SHIPPED)
16: as in 16_what_if.npz, bent only
    exchanged, NETWORK   after a block of 6 x 6 of the noise was exchanged: the four shipped networks for 16 x 16
    turned, NETWORK      class-conditional, 20 pairs of noises, one turned into the other in 20 steps
17: emoji, as in 17_colour.npz
    recoloured           after the noise of one colour was exchanged
    drawn                only bent: without any change
    as others            only bent: 12 noises drawn as each of the eight groups
18: as in 18_edges.npz, bent only
    noisy                class-conditional, 40 steps, each with fresh noise, one sequence of it and another
    guided, W            with and without the class: the difference of the two filters' answers W times
    drawn, NETWORK       for each network that lesson 18 trained, with its windows
    exchanged, NETWORK   the same after a block of the noise was exchanged
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from kept import eight_bits
from make_15_exchange import RUNS
from make_16_what_if import CONDITIONAL, NETWORKS, PLAIN, classes, exchanged, turned
from make_17_colour import NETWORK as EMOJI
from make_17_colour import NOISES, recoloured
from make_18_edges import STRENGTHS, TRAINED, guided, noisy_sample

import elscourse as els
from elscourse.diffusion import Denoiser
from elscourse.files import whole_file

Drawings = dict[str, np.ndarray]
Bend = Callable[..., Denoiser]  # a filter itself, or bent
SHIPPED = (("local", PLAIN), ("local", "fashion-mnist-16-unet-zeros"), ("equivariant", PLAIN))
SHIPPED += (("equivariant", "fashion-mnist-16-resnet-circular"),)
GARMENTS = {"trousers": (1, range(400)), "pullover": (2, range(100)), "shirt": (6, range(100))}


def lab_and_filter(network: str) -> tuple[els.Lab, Denoiser]:
    """A shipped network's lab, and the filter with its windows and pictures."""
    lab = els.lab("laptop", network=network, device="cpu", verbose=False)
    alike = network == EMOJI or lab.network.padding == "circular"
    return lab, lab.machine("equivariant-filter" if alike else "local-filter")


def straight(linear: Denoiser) -> Denoiser:
    """As it is."""
    return linear


def legs(bend: Bend) -> Drawings:
    """Of one class each."""
    lab, local = lab_and_filter(CONDITIONAL)

    def drawn(denoiser: Denoiser, garment: str) -> np.ndarray:
        label, seeds = GARMENTS[garment]
        noise, labels = els.seeded_noise(seeds, lab.shape), torch.full((len(seeds),), label)
        curved = bend(denoiser)
        return eight_bits(els.sample(curved, noise, 20, labels=labels))

    filters = {"": local, ", alike": lab.machine("equivariant-filter")}
    return {garment + kind: drawn(each, garment) for kind, each in filters.items() for garment in GARMENTS}


def other_pictures(bend: Bend) -> Drawings:
    """Of other pictures and other trainings."""
    plain, stored = els.lab("laptop", network=PLAIN, device="cpu", verbose=False), els.load_results("15_exchange")
    noise, windows = els.seeded_noise(plain.seeds, plain.shape), plain.patch_sizes("els-zeros")
    pictures = els.load("fashion-mnist", size=16, n=4000).images
    if bend is straight:
        few = els.LocalFilter(pictures[2000:2010], plain.schedule, patch_size=windows, equivariant=True)
        return {"equivariant, 10 others": eight_bits(els.sample(few, noise, 20))}
    asked = {f"{n} others": (pictures[2000 : 2000 + n], windows) for n in (100, 2000)}
    for name, recipe in RUNS.items():
        if recipe.n == 2000:
            sizes = zip([t for t, _ in windows], stored[f"patch sizes, {name}"].tolist(), strict=True)
            asked[name] = pictures[2000:] if "other" in name else pictures[:2000], list(sizes)
    found = {}
    for kind in ("local", "equivariant"):
        for name, (known, sizes) in asked.items():
            machine = els.LocalFilter(known, plain.schedule, patch_size=sizes, equivariant=kind == "equivariant")
            found[f"{kind}, {name}"] = eight_bits(els.sample(bend(machine), noise, 20))
    return found | shipped(bend, noise)


def shipped(bend: Bend, noise: torch.Tensor) -> Drawings:
    """Of shipped networks, whose straight filters have drawn in data/results/."""
    found = {}
    for kind, name in SHIPPED:
        lab = els.lab("laptop", network=name, device="cpu", verbose=False)
        curved = bend(lab.machine(f"{kind}-filter"))
        found[f"{kind}, {name}"] = eight_bits(els.sample(curved, noise, 20))
    return found


def what_if(bend: Bend) -> Drawings:
    """After a change of the noise."""
    found = {}
    for name in NETWORKS:
        lab, local = lab_and_filter(name)
        noises = {"exchanged": exchanged(lab)} | ({"turned": turned(lab)} if name == CONDITIONAL else {})
        for change, noise in noises.items():
            labels = classes(noise) if lab.network.conditional else None
            curved = bend(local)
            drawn = eight_bits(els.sample(curved, noise.flatten(0, -4), 20, labels=labels))
            found[f"{change}, {name}"] = drawn.reshape(noise.shape)
    return found


def colour(bend: Bend) -> Drawings:
    """Emoji."""
    lab, linear = lab_and_filter(EMOJI)
    noise, labels = els.seeded_noise(lab.seeds, lab.shape), lab.labels_for(lab.seeds)
    changed = recoloured(noise, els.seeded_noise([10_000 + seed for seed in lab.seeds], lab.shape))
    asked = {"recoloured": (changed, labels)}
    if bend is els.BentFilter:  # the straight one's others are in data/results and 17_controls.npz
        each = els.seeded_noise(NOISES, lab.shape).repeat_interleave(8, 0)
        asked |= {"drawn": (noise, labels), "as others": (each, torch.arange(8).repeat(len(NOISES)))}
    curved = bend(linear)
    found = {name: eight_bits(els.sample(curved, some, 20, labels=told)) for name, (some, told) in asked.items()}
    if "as others" in found:
        found["as others"] = found["as others"].reshape(len(NOISES), 8, *lab.shape)
    return found


def edges(bend: Bend) -> Drawings:
    """Fresh noise, guidance, and attention."""
    (told, with_word), (untold, _) = lab_and_filter(CONDITIONAL), lab_and_filter(PLAIN)
    windows = untold.patch_sizes("els-zeros")
    without = bend(els.LocalFilter(told.data.images, patch_size=windows))  # the same pictures, as the formulas have
    with_word = bend(with_word)
    noise, labels = els.seeded_noise(told.seeds, told.shape), told.labels_for(told.seeds)
    found = {"noisy": np.stack([noisy_sample(with_word, noise, k, told.seeds, labels) for k in (0, 1)])}
    for strength in STRENGTHS:
        drawn = els.sample(guided(with_word, without, strength), noise, 20, labels=labels)
        found[f"guided, {strength}"] = eight_bits(drawn)
    times, stored = [t for t, _ in windows], els.load_results("18_edges")
    for name in TRAINED:
        sizes = list(zip(times, stored[f"patch sizes, {name}"].tolist(), strict=True))
        local = bend(els.LocalFilter(untold.data.images, untold.schedule, patch_size=sizes))
        found[f"drawn, {name}"] = eight_bits(els.sample(local, noise, 20))
        found[f"exchanged, {name}"] = eight_bits(els.sample(local, exchanged(untold), 20))
    return found


def main(wanted: list[str]) -> None:
    """Some minutes; a file of each kind for each lesson."""
    kinds = {"local_filter": straight, "bent": els.BentFilter}
    lessons = {12: legs, 15: other_pictures, 17: colour}
    for kind in wanted or kinds:
        for lesson, make in (lessons | {16: what_if, 18: edges} if kind == "bent" else lessons).items():
            with whole_file(Path(__file__).parent / f"{lesson}_{kind}.npz") as partial:
                np.savez_compressed(partial, **make(kinds[kind]))  # type: ignore[arg-type]
            print(lesson, kind, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
