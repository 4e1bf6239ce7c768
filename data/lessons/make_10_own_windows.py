"""Make 10_own_windows.npz: how well the local machine predicts networks with windows of its own.

    python data/lessons/make_10_own_windows.py

The shipped results give LS the windows that were measured for ELS. Here its own are measured, in the same way (lesson
09), and the same 100 seeds are drawn. Kept are the windows and r2 with the network's drawings (150 steps).
"""

from pathlib import Path

import numpy as np

import elscourse as els
from elscourse.calibration import calibrate
from elscourse.files import whole_file

HERE = Path(__file__).parent
KINDS = {kind: f"fashion-mnist-16-{kind}" for kind in ("resnet-zeros", "resnet-zeros-conditional", "unet-zeros")}
KINDS["28 x 28"] = "fashion-mnist-28-resnet-zeros-conditional"


def main() -> None:
    """Calibrate, draw, compare: some minutes."""
    found = {}
    for kind, name in KINDS.items():
        lab = els.lab("laptop", network=name, verbose=False)
        machine, told = lab.machine("ls"), lab.labels_for(range(900_000, 900_010))
        sizes = calibrate(machine, lab.network, samples=10, labels=told, progress=True)
        noise, labels = els.seeded_noise(lab.seeds, lab.shape), lab.labels_for(lab.seeds)
        drawn = els.sample(machine.with_patch_size(sizes), noise, 20, labels=labels)
        network = els.load_results(lab.network.name)["network-150"]
        found[f"sizes, {kind}"] = np.array([size for _, size in sizes])
        found[f"r2, {kind}"] = els.compare(drawn, network).r2.numpy()
    with whole_file(HERE / "10_own_windows.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
