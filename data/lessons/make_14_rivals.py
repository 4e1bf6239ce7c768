"""Make 14_rivals.npz: what else predicts the drawings of the network that remembers its ten pictures.

    python data/lessons/make_14_rivals.py

All with the windows that make_14_memory.py measured at the six moments, 20 steps, seeds 0 to 99; r2 seed by seed.

others, S steps         ELS of ten other pictures, with the windows of the network after S steps, and r2 with this
                        network: a row for each of five tens (nos. 10 to 19, 20 to 29, ..., 50 to 59)
KIND filter, S steps    the best linear filter of the ten, a filter for every pixel (local) or one for every border
                        class (equivariant), with these windows; of each a row for each of the six networks
repeated                drawings of the local filter of the 29 entries of which ten are one picture (8 bits per pixel)

Drawings stay in runs/14_rivals, and a run that was killed goes on.
"""

import numpy as np
import torch
from make_14_memory import HERE, PARTS, RUNS, eight_bits
from torch import Tensor

import elscourse as els
from elscourse.diffusion import Denoiser
from elscourse.files import save_array, whole_file

KEEP = HERE.parents[1] / "runs" / "14_rivals"


def main() -> None:
    """Draw what is missing, then write one file."""
    stored = els.load_results("14_memory")
    images = els.load("fashion-mnist", size=16, n=60).images
    noise, times = els.seeded_noise(range(100), images.shape[1:]), els.CosineSchedule().times(20)[:-1]

    def windows(run: str, step: int) -> list[tuple[float, int]]:
        return list(zip(times, stored[f"patch sizes, {run}, {step} steps"].tolist(), strict=True))

    def drawn(name: str, machine: Denoiser) -> Tensor:
        path = KEEP / f"{name}.npy"
        if not path.exists():
            print(name, flush=True)
            save_array(eight_bits(els.sample(machine, noise, 20)), path)
        return torch.from_numpy(np.load(path, allow_pickle=False))

    def from_bits(pixels: Tensor) -> Tensor:
        return pixels.float() / 127.5 - 1

    ten, tens = images[:10], {first: images[first : first + 10] for first in (10, 20, 30, 40, 50)}
    steps = [RUNS["10 pictures"].plan.steps // part for part in PARTS]
    networks = {step: from_bits(stored[f"network, 10 pictures, {step} steps"]) for step in steps}
    found: dict[str, np.ndarray] = {}
    for step in steps:
        sizes = windows("10 pictures", step)
        rivals: dict[str, Denoiser] = {
            "local filter": els.LocalFilter(ten, patch_size=sizes),
            "equivariant filter": els.LocalFilter(ten, patch_size=sizes, equivariant=True),
        }
        for name, rival in rivals.items():
            its = from_bits(drawn(f"{name.split()[0]}-{step}", rival))
            rows = [els.compare(its, drawings).r2 for drawings in networks.values()]
            found[f"{name}, {step} steps"] = torch.stack(rows).numpy()
        machines = {
            first: els.EquivariantLocalScoreMachine(other, patch_size=sizes, padding="zeros")
            for first, other in tens.items()
        }
        rows = [from_bits(drawn(f"from-{first}-{step}", machine)) for first, machine in machines.items()]
        found[f"others, {step} steps"] = torch.stack([els.compare(its, networks[step]).r2 for its in rows]).numpy()
    entries = torch.cat([images[:1].repeat(9, 1, 1, 1), images[:20]])
    found["repeated"] = drawn("repeated", els.LocalFilter(entries, patch_size=windows("one repeated", 8000))).numpy()
    with whole_file(HERE / "14_rivals.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
