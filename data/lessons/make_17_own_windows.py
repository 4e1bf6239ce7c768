"""Make 17_own_windows.npz: how near the bent filter comes to the network of emoji with windows of its own.

    python data/lessons/make_17_own_windows.py

The shipped results give the filters the windows that were measured for ELS. Here the bent filter's own are measured in
the same way (lesson 09; from t = 0.8 on, 3 to 11 on offer; before that it keeps those of ELS). Kept are

sizes              the windows of the 20 steps
off                on the network's own way, ten other seeds (900,010 and up): how far this filter's guess is from the
                   network's, root mean square, (20 times, 10 seeds), as in 17_last_step.npz
r2, r2 of new      with the network's drawings (150 steps) of seeds 0 to 99, and of seeds 40,000 to 40,099
relay of new       the same, of these new seeds, if ELS makes 18 of the 20 steps and the filter with ELS's windows two

Pieces are kept in runs/lessons/17_own_windows/, so a run that was stopped goes on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from kept import kept
from make_17_colour import NETWORK
from torch import Tensor

import elscourse as els
from elscourse.diffusion import Denoiser
from elscourse.files import whole_file

HERE = Path(__file__).parent
KEEP = HERE.parents[1] / "runs" / "lessons" / "17_own_windows"
OFFERED, FROM = (3, 5, 7, 9, 11), 4  # from the fifth time on, t = 0.8
NEW = range(40_000, 40_100)


def bent(lab: els.Lab, sizes: int | list[tuple[float, int]]) -> els.BentFilter:
    """The equivariant filter with these windows, bent."""
    told = {"padding": "zeros", "image_labels": lab.image_labels, "equivariant": True}
    return els.BentFilter(els.LocalFilter(lab.data.images, lab.schedule, patch_size=sizes, **told))


def way(lab: els.Lab, denoiser: Denoiser, seeds: range) -> list[tuple[float, Tensor, Tensor]]:
    """The 20 steps of these seeds, (t, x_t, guess)."""
    noise = els.seeded_noise(seeds, lab.shape)
    return list(els.trajectory(denoiser, noise, 20, labels=lab.labels_for(seeds)))


def cosines(lab: els.Lab, size: int) -> np.ndarray:
    """As in a calibration: how alike the scores of network and filter are, (16 times, 10 seeds)."""
    seeds, filter, rows = range(900_000, 900_010), bent(lab, size), []
    for t, x_t, guess in way(lab, lab.network, seeds)[FROM:-1]:
        both = guess, filter(x_t, t, lab.labels_for(seeds))
        theirs, ours = (els.score_from_denoiser(one, x_t, t).double().flatten(1) for one in both)
        rows.append(torch.cosine_similarity(ours, theirs))
    return torch.stack(rows).numpy()


def off(lab: els.Lab, filter: els.BentFilter) -> np.ndarray:
    """How far the guesses are from the network's, on its own way."""
    seeds = range(900_010, 900_020)
    path, labels = way(lab, lab.network, seeds)[:-1], lab.labels_for(seeds)
    return torch.stack([(filter(x, t, labels) - guess).square().mean((1, 2, 3)).sqrt() for t, x, guess in path]).numpy()


def main() -> None:
    """Measure, draw, compare."""
    lab = els.lab("laptop", network=NETWORK, device="cpu", verbose=False)
    table = np.stack([kept(KEEP / f"cosines, {size}.npy", cosines, lab, size) for size in OFFERED])
    chosen = np.sort(table.argmax(0), axis=1)[:, 4]  # the lower median of ten seeds
    theirs = lab.patch_sizes("els-zeros")
    sizes = [*theirs[:FROM], *((t, OFFERED[k]) for (t, _), k in zip(theirs[FROM:], chosen, strict=True))]
    print("windows:", *(size for _, size in sizes), flush=True)
    filter = bent(lab, sizes)
    found = {"sizes": np.array([size for _, size in sizes]), "off": kept(KEEP / "off.npy", off, lab, filter)}

    def r2(name: str, drawn: np.ndarray, network: Tensor) -> None:
        found[name] = els.compare(torch.from_numpy(drawn).clamp(-1, 1), network).r2.numpy()

    def by(name: str, denoiser: Denoiser, seeds: range, steps: int = 20) -> np.ndarray:
        noise = els.seeded_noise(seeds, lab.shape)
        return kept(KEEP / f"{name}.npy", els.sample, denoiser, noise, steps, labels=lab.labels_for(seeds))

    network = torch.from_numpy(by("network, new", lab.network, NEW, 150))
    r2("r2", by("own", filter, range(100)), els.load_results(NETWORK)["network-150"])
    r2("r2 of new", by("own, new", filter, NEW), network)

    def relay() -> Tensor:
        path = way(lab, lab.machine("els-zeros"), NEW)
        times = [t for t, _, _ in path]
        return els.sample(bent(lab, theirs), path[18][1], times=times[18:], labels=lab.labels_for(NEW))

    r2("relay of new", kept(KEEP / "relay, new.npy", relay), network)
    for name in ("r2", "r2 of new", "relay of new"):
        print(name, float(np.median(found[name])), flush=True)
    with whole_file(HERE / "17_own_windows.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
