"""Make 11_agreement.npz: controls for lesson 11, with the zero-padded ResNet for 16 x 16.

    python data/lessons/make_11_agreement.py

All are r2, seed by seed, for seeds 0 to 99.

*One step replaced.* The network's 20 steps, the k-th of them taken by the exact denoiser or by ELS, with ELS and with
the network's own 150 steps; and how far (rms) the noise estimates of the two are from the network's on its way.

*The first step turned round.* ELS, its first step taken by the network. And ELS in 150 steps, for seeds 0 to 19.

Drawings stay in runs/lessons/11_agreement, and a run that was stopped goes on.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from kept import kept
from torch import Tensor
from tqdm import tqdm

import elscourse as els
from elscourse.files import whole_file

HERE = Path(__file__).parent
KEEP = HERE.parents[1] / "runs" / "lessons" / "11_agreement"
SEEDS, FEW = range(100), range(20)


def made(name: str, *how: Any) -> Tensor:
    """What is kept under that name, or else made now."""
    return torch.from_numpy(kept(KEEP / f"{name}.npy", *how))


def main() -> None:
    """Some minutes; then one file."""
    lab = els.lab("laptop", device="cpu", verbose=False)
    stored, noise, found = els.load_results(lab.network.name), els.seeded_noise(SEEDS, lab.shape), {}
    columns = ("network-20", "network-20-exact-first", "network-150")
    machine, exact, ours = lab.machine("els-zeros"), lab.machine("is"), stored["els-zeros"]

    def r2(one: Tensor, other: Tensor) -> np.ndarray:
        return els.compare(one, other).r2.numpy()

    times, x = lab.schedule.times(20), noise
    replaced, off = {name: ([], []) for name in ("exact", "els")}, {name: [] for name in ("exact", "els")}
    for k, t in enumerate(tqdm(times[:-1])):
        own = lab.network(x, t)
        for name, other in (("exact", exact), ("els", machine)):
            guess = made(f"step-{k}-{name}", other, x, t)
            end = els.sample(lambda _, __, guess=guess: guess, x, times=times[k : k + 2])  # type: ignore[misc]
            end = els.sample(lab.network, end, times=times[k + 1 :]) if k < 19 else end
            for into, target in zip(replaced[name], (ours, stored["network-150"]), strict=True):
                into.append(r2(target, end))
            gap = els.noise_from_denoiser(own, x, t) - els.noise_from_denoiser(guess, x, t)
            off[name].append(float(gap.square().mean().sqrt()))
        x = els.sample(lambda _, __, own=own: own, x, times=times[k : k + 2])  # type: ignore[misc]
    assert (x - stored["network-20"]).abs().max() < 0.01
    for name in replaced:
        found[f"step by {name}, with els"], found[f"step by {name}, with network-150"] = map(np.stack, replaced[name])
        found[f"noise estimate, network from {name}"] = np.array(off[name])

    turned = made("els-from-network", els.sample, els.with_first_step(lab.network, machine), noise, 20)
    for column in columns:
        found[f"els, first step the network's, with {column}"] = r2(turned, stored[column])
    slow = made("els-150", els.sample, machine, noise[: len(FEW)], 150)
    for column in columns:
        found[f"els in 150 steps, with {column}"] = r2(slow, stored[column][: len(FEW)])
    with whole_file(HERE / "11_agreement.npz") as partial:
        np.savez_compressed(partial, **{name: values.astype(np.float32) for name, values in found.items()})


if __name__ == "__main__":
    main()
