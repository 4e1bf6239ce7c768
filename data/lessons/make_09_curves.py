"""Make 09_curves.npz: how well other curves than the calibrated one predict the five shipped networks of clothes.

    python data/lessons/make_09_curves.py

For each network two curves: a straight line from the calibrated size at t = 1 to 3, and the calibrated one with the
windows from t = 0.35 to 0.7 one size larger. For the first network also the calibrated curve with wrong sizes at one
end: 3 at t = 1 and 0.95, 5 from t = 0.8 up, or 5 at the last two steps. Kept are r2 with the network (150 steps), seed
by seed: seeds 0 to 99, whose calibrated predictions are in data/results, and 100 to 199, for which the calibrated curve
is drawn here, too. Every part is kept in runs/lessons/09_curves until all are done, so a run that was stopped goes on.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

import elscourse as els
from elscourse.diffusion import Denoiser
from elscourse.files import save_array, whole_file

NETWORKS = [f"fashion-mnist-16-{name}" for name in ("resnet-zeros", "resnet-zeros-conditional", "resnet-circular")]
NETWORKS += ["fashion-mnist-16-unet-zeros", "fashion-mnist-28-resnet-zeros-conditional"]
FIRST, NEXT = range(100), range(100, 200)
HERE = Path(__file__).parent
KEEP = HERE.parents[1] / "runs" / "lessons" / "09_curves"
CHUNK = 20


def curves(sizes: list[tuple[float, int]], largest: int) -> dict[str, list[tuple[float, int]]]:
    """The two curves made from calibrated pairs (t, P), from t = 1 down, with no window above `largest`."""
    steps, top = len(sizes) - 1, sizes[0][1]
    line = [(t, 2 * round((3 + (top - 3) * (steps - i) / steps - 1) / 2) + 1) for i, (t, _) in enumerate(sizes)]
    return {"straight": line, "larger": [(t, min(p + 2, largest) if 0.34 < t < 0.71 else p) for t, p in sizes]}


def wrong_ends(sizes: list[tuple[float, int]]) -> dict[str, list[tuple[float, int]]]:
    """The calibrated pairs (t, P) with other sizes at one end only."""
    return {
        "3 at the first two": [(t, 3 if t > 0.94 else p) for t, p in sizes],
        "5 at the first five": [(t, 5 if t > 0.79 else p) for t, p in sizes],
        "5 at the last two": [(t, 5 if t < 0.11 else p) for t, p in sizes],
    }


def drawn(lab: els.Lab, column: str, denoiser: Denoiser, steps: int, seeds: range) -> Tensor:
    """The images of these seeds, in chunks that are kept."""
    pieces = []
    for start in tqdm(range(seeds.start, seeds.stop, CHUNK), desc=f"{lab.network.name} {column}"):
        path, some = KEEP / f"{lab.network.name}-{column}-{start}.npy", range(start, start + CHUNK)
        if not path.exists():
            noise = els.seeded_noise(some, lab.shape)
            save_array(els.sample(denoiser, noise, steps, labels=lab.labels_for(some)).numpy(), path)
        pieces.append(torch.from_numpy(np.load(path, allow_pickle=False)))
    return torch.cat(pieces)


def main() -> None:
    """Draw what is missing, compare, then write one file."""
    found: dict[str, np.ndarray] = {}
    for name in NETWORKS:
        lab, stored = els.lab("laptop", network=name, verbose=False), els.load_results(name)
        own = f"els-{lab.network.padding}"
        calibrated = lab.patch_sizes(own)
        target = {FIRST: stored["network-150"], NEXT: drawn(lab, "network", lab.network, 150, NEXT)}
        largest = lab.patch_machine(own, 1).largest_patch_size
        wanted = {"calibrated": calibrated} | curves(calibrated, largest)
        if name == NETWORKS[0]:
            wanted |= wrong_ends(calibrated)
        for curve, sizes in wanted.items():
            machine = lab.patch_machine(own, sizes)
            first = stored[own] if curve == "calibrated" else drawn(lab, curve, machine, 20, FIRST)
            images = {FIRST: first, NEXT: drawn(lab, curve, machine, 20, NEXT)}
            r2 = [els.compare(images[seeds], target[seeds]).r2 for seeds in (FIRST, NEXT)]
            found[f"{curve}, {name}"] = torch.stack(r2).numpy()
    with whole_file(HERE / "09_curves.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
