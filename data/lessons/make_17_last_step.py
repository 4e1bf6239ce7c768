"""Make 17_last_step.npz: what the smallest window may be, and who draws better at which time, vote or filter.

    python data/lessons/make_17_last_step.py

The calibration (lesson 09) offers windows from 3 x 3 on. Here 1 x 1 is on offer, too, at the last three times of the
sampler; the ten calibration seeds, 900,000 and up.

cosine, NETWORK         each of the six shipped networks: cosine of the scores, (3 times, sizes 1, 3, 5 and 7, 10 seeds)
drawn, NETWORK          seeds 0 to 99 by ELS with its measured windows, but one pixel at the last step (8 bits)

and, for the emoji and the class-conditional clothes:

off, NETWORK            on the network's own way, 20 times, ten other seeds (900,010 and up): the root mean square
                        distance of the guess from the network's, of ELS, of ELS with one pixel, of the bent filter and
                        of the mean of ELS and the bent filter, (4, 20 times, 10 seeds)
relay, NETWORK          r2 with the network's drawings of seeds 0 to 99, if ELS makes the first K steps and the bent
                        filter the rest, K in FIRST, then of the reverse, K in REVERSE, (9, 100)

and, for the emoji, by ELS with one pixel at the last step and 8 bits: seeds 0 to 99 `recoloured` as in 17_colour.npz;
and by the bent filter with one pixel at the last step: `bent`.

Every network is kept in runs/lessons/17_last_step/, so a run that was stopped goes on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from kept import all_kept, eight_bits
from make_17_colour import NETWORK as EMOJI
from make_17_colour import recoloured
from torch import Tensor
from tqdm.auto import tqdm

import elscourse as els
from elscourse.diffusion import Denoiser
from elscourse.files import whole_file

HERE = Path(__file__).parent
KEEP = HERE.parents[1] / "runs" / "lessons" / "17_last_step"
CONDITIONAL = "fashion-mnist-16-resnet-zeros-conditional"
NETWORKS = (EMOJI, CONDITIONAL, "fashion-mnist-16-resnet-zeros", "fashion-mnist-16-unet-zeros")
NETWORKS += ("fashion-mnist-16-resnet-circular", "fashion-mnist-28-resnet-zeros-conditional")
SIZES, LATE = (1, 3, 5, 7), 3
FIRST, REVERSE = (10, 13, 15, 16, 17, 18, 19), (10, 15)
Way = list[tuple[float, Tensor, Tensor]]


def way(denoiser: Denoiser, lab: els.Lab, seeds: range) -> tuple[Way, Tensor | None]:
    """The 20 steps of these seeds, (t, x_t, guess), and their labels."""
    labels = lab.labels_for(seeds)
    return list(els.trajectory(denoiser, els.seeded_noise(seeds, lab.shape), 20, labels=labels)), labels


def cosines(machine: els.EquivariantLocalScoreMachine, path: Way, labels: Tensor | None) -> np.ndarray:
    """As in a calibration: how alike the scores of network and machine are, (3 times, 4 sizes, 10 seeds)."""
    rows = []
    for t, x_t, guess in path[-1 - LATE : -1]:
        answers = [guess, *(machine.with_patch_size(size)(x_t, t, labels) for size in SIZES)]
        theirs, *ours = [els.score_from_denoiser(one, x_t, t).double().flatten(1) for one in answers]
        rows.append(torch.stack([torch.cosine_similarity(one, theirs) for one in ours]))
    return torch.stack(rows).numpy()


def last_pixel(machine: els.EquivariantLocalScoreMachine, path: Way, labels: Tensor | None) -> Tensor:
    """The drawings if the last question, whose answer is the drawing, is asked through one pixel."""
    t, x_t, _ = path[-2]
    return machine.with_patch_size(1)(x_t, t, labels)


def distances(lab: els.Lab, machine: els.EquivariantLocalScoreMachine, bent: els.BentFilter) -> np.ndarray:
    """How far the guesses are from the network's, on its own way."""
    path, labels = way(lab.network, lab, range(900_010, 900_020))
    found = []
    for t, x_t, guess in path[:-1]:
        asked = [denoiser(x_t, t, labels) for denoiser in (machine, machine.with_patch_size(1), bent)]
        asked.append((asked[0] + asked[2]) / 2)
        found.append(torch.stack([(one - guess).square().mean((1, 2, 3)).sqrt() for one in asked]))
    return torch.stack(found, dim=1).numpy()


def relays(lab: els.Lab, by_els: Way, bent: els.BentFilter, labels: Tensor | None) -> np.ndarray:
    """r2 with the network's drawings of what two artists draw, one after the other."""
    network, by_bent = els.load_results(lab.network.name)["network-150"], way(bent, lab, range(100))[0]
    times = [t for t, _, _ in by_els]
    runs = [(by_els[k][1], bent, k) for k in FIRST]
    runs += [(by_bent[k][1], lab.machine("els-zeros"), k) for k in REVERSE]
    drawn = [els.sample(second, x_t, times=times[k:], labels=labels) for x_t, second, k in runs]
    return torch.stack([els.compare(one.clamp(-1, 1), network).r2 for one in drawn]).numpy()


def of_network(name: str) -> dict[str, np.ndarray]:
    """All that is asked of one network."""
    lab = els.lab("laptop", network=name, device="cpu", verbose=False)
    machine = lab.machine("els-circular" if "circular" in name else "els-zeros")
    path, labels = way(lab.network, lab, range(900_000, 900_010))
    by_els, told = way(machine, lab, range(100))
    found = {f"cosine, {name}": cosines(machine, path, labels)}
    found[f"drawn, {name}"] = eight_bits(last_pixel(machine, by_els, told))
    if name in (EMOJI, CONDITIONAL):
        linear = lab.machine("equivariant-filter" if name == EMOJI else "local-filter")
        bent = els.BentFilter(linear)
        found[f"off, {name}"] = distances(lab, machine, bent)
        found[f"relay, {name}"] = relays(lab, by_els, bent, told)
    if name == EMOJI:
        noise, others = (els.seeded_noise(range(k, k + 100), lab.shape) for k in (0, 10_000))
        changed = list(els.trajectory(machine, recoloured(noise, others), 20, labels=told))
        found["recoloured"] = eight_bits(last_pixel(machine, changed, told))
        sizes = [*lab.patch_sizes("els-zeros")[:-1], (lab.patch_sizes("els-zeros")[-1][0], 1)]
        small = els.LocalFilter(lab.data.images, lab.schedule, patch_size=sizes, padding="zeros",
                                image_labels=lab.image_labels, equivariant=True)  # fmt: skip
        found["bent"] = eight_bits(els.sample(els.BentFilter(small), noise, 20, labels=told))
    return found


def main() -> None:
    """Ask the networks that are missing, then write the file."""
    found: dict[str, np.ndarray] = {}
    for name in tqdm(NETWORKS):
        found |= all_kept(KEEP / f"{name}.npz", of_network, name)
    with whole_file(HERE / "17_last_step.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
