"""Make 09_curves.npz: how well other curves than the calibrated one predict the five shipped networks of clothes.

    python data/lessons/make_09_curves.py

For each network three curves: a straight line from the calibrated size at t = 1 to 3, the calibrated one with the
windows from t = 0.35 to 0.7 one size larger, and (pictures of 16 x 16) two of two sizes, that of t = 0.7 down to 0.45,
or down to 0.25 (late switch), then 3. For the first network also the calibrated curve with wrong sizes at one end: 3 at
t = 1 and 0.95 or at t = 1 alone, 5 from t = 0.8 up, 5 or 15 at the last two steps; and the curve of ten other seeds,
from the scores that make_09_time.py keeps. Kept are r2 with the network (150 steps), seed by seed: seeds 0 to 99, whose
calibrated predictions are in data/results, and 100 to 199, for which the calibrated curve is drawn here, too. Five
curves (`NEW`) are drawn from the latter alone, two of these (`FEW`) from the first thirty; the other r2 are nan. Every
part is kept in runs/lessons/09_curves, so a run that was stopped goes on.
"""

from pathlib import Path

import numpy as np
import torch
from kept import kept
from torch import Tensor
from tqdm import tqdm

import elscourse as els
from elscourse.calibration import CalibrationTable
from elscourse.diffusion import Denoiser
from elscourse.files import whole_file

NETWORKS = [f"fashion-mnist-16-{name}" for name in ("resnet-zeros", "resnet-zeros-conditional", "resnet-circular")]
NETWORKS += ["fashion-mnist-16-unet-zeros", "fashion-mnist-28-resnet-zeros-conditional"]
FIRST, NEXT = range(100), range(100, 200)
NEW = ("two sizes", "late switch", "3 at the first", "15 at the last two", "ten others")
FEW = {"late switch": 30, "15 at the last two": 30}
HERE = Path(__file__).parent
KEEP = HERE.parents[1] / "runs" / "lessons" / "09_curves"
CHUNK = 20


def curves(sizes: list[tuple[float, int]], largest: int) -> dict[str, list[tuple[float, int]]]:
    """The four curves made from calibrated pairs (t, P), from t = 1 down, with no window above `largest`."""
    steps, top = len(sizes) - 1, sizes[0][1]
    line = [(t, 2 * round((3 + (top - 3) * (steps - i) / steps - 1) / 2) + 1) for i, (t, _) in enumerate(sizes)]
    wider = [(t, min(p + 2, largest) if 0.34 < t < 0.71 else p) for t, p in sizes]
    early, late = ([(t, sizes[6][1] if t > last else 3) for t, _ in sizes] for last in (0.44, 0.24))
    return {"straight": line, "larger": wider, "two sizes": early, "late switch": late}


def wrong_ends(sizes: list[tuple[float, int]]) -> dict[str, list[tuple[float, int]]]:
    """The calibrated pairs (t, P) with other sizes at one end only."""
    return {
        "3 at the first": [(t, 3 if t == 1 else p) for t, p in sizes],
        "3 at the first two": [(t, 3 if t > 0.94 else p) for t, p in sizes],
        "5 at the first five": [(t, 5 if t > 0.79 else p) for t, p in sizes],
        "5 at the last two": [(t, 5 if t < 0.11 else p) for t, p in sizes],
        "15 at the last two": [(t, 15 if t < 0.11 else p) for t, p in sizes],
    }


def ten_others() -> list[tuple[float, int]]:
    """The curve of the first network from the second ten calibration seeds."""
    table = els.load_results("09_time")
    return CalibrationTable(table["times"].tolist(), table["candidates"].tolist(), table["cosine-again"]).best()


def drawn(lab: els.Lab, column: str, denoiser: Denoiser, steps: int, seeds: range) -> Tensor:
    """The images of these seeds, in chunks that are kept."""
    pieces = []
    for start in tqdm(range(seeds.start, seeds.stop, CHUNK), desc=f"{lab.network.name} {column}"):
        path, some = KEEP / f"{lab.network.name}-{column}-{start}.npy", range(start, min(start + CHUNK, seeds.stop))
        noise, labels = els.seeded_noise(some, lab.shape), lab.labels_for(some)
        pieces.append(kept(path, els.sample, denoiser, noise, steps, labels=labels))
    return torch.from_numpy(np.concatenate(pieces))


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
        if name == NETWORKS[-1]:
            del wanted["two sizes"], wanted["late switch"]
        if name == NETWORKS[0]:
            wanted |= wrong_ends(calibrated) | {"ten others": ten_others()}
        for curve, sizes in wanted.items():
            machine = lab.patch_machine(own, sizes)
            seeds = NEXT[: FEW.get(curve, len(NEXT))]
            images = {NEXT: drawn(lab, curve, machine, 20, seeds)}
            if curve not in NEW:
                images[FIRST] = stored[own] if curve == "calibrated" else drawn(lab, curve, machine, 20, FIRST)
            r2 = torch.full((2, 100), torch.nan)
            for row, hundred in zip(r2, (FIRST, NEXT), strict=True):
                if hundred in images:
                    some = len(images[hundred])
                    row[:some] = els.compare(images[hundred], target[hundred][:some]).r2
            found[f"{curve}, {name}"] = r2.numpy()
    with whole_file(HERE / "09_curves.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
