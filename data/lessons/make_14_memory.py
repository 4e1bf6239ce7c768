"""Make 14_memory.npz: how a network that has few pictures stops inventing and begins to remember.

    python data/lessons/make_14_memory.py [RUN ...]

The recipe of the laptop's network is followed with 5, 10 and 20 pictures, in batches of 64, until each picture was
seen 102,400 times; and for 8,000 steps with 20 pictures, the first of which is there 10 times. At 1/32, 1/16, ..., 1
of its training the network is kept as it is, then calibrated, and 100 seeds are drawn by it and by the machines. All
of it stays in runs/14_memory, and a run that was killed goes on where it stopped. With names of runs, only these are
trained: for several processes side by side. Two of the networks are copied here, for the lesson to run.
"""

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from kept import all_kept, eight_bits
from torch import Tensor

import elscourse as els
from elscourse.checkpoints import save_network
from elscourse.files import save_array, whole_file
from elscourse.lab_calibration import calibrate_lab
from elscourse.recipes import RECIPES, Recipe, card_of, follow
from elscourse.training import Trainer

HERE = Path(__file__).parent
KEEP = HERE.parent.parent / "runs" / "14_memory"
REPEATED = KEEP / "repeated.npy"
PARTS = (32, 16, 8, 4, 2, 1)  # kept at one part in so many of a training
EVENLY = [(k + 0.5) / 20 for k in range(20)]  # a mean over these times is one over all t


def recipe(name: str, steps: int, **images: object) -> Recipe:
    """The laptop's, with other images, and a moving average that is short beside the shortest training."""
    laptop = RECIPES["fashion-mnist-16-resnet-zeros"]
    plan = replace(laptop.plan, steps=steps, batch=64, ema=0.99)
    return replace(laptop, name=name, plan=plan, **images)  # type: ignore[arg-type]


RUNS = {f"{n} pictures": recipe(f"{n}-pictures", 1600 * n, n=n) for n in (5, 10, 20)}
RUNS["one repeated"] = recipe("one-repeated", 8000, dataset=str(REPEATED), size=None, n=None)


def repeat() -> None:
    """20 pictures, the first of them 10 times."""
    if not REPEATED.exists():
        images = els.load("fashion-mnist", size=16, n=20).images
        save_array(torch.cat([images[:1].repeat(9, 1, 1, 1), images]).numpy(), REPEATED)


def snapshots(run: Recipe, folder: Path = KEEP) -> dict[int, Path]:
    """Step -> where the network is kept as it was then."""
    steps = [run.plan.steps // part for part in PARTS]
    return {step: folder / f"{run.name}-{step}-steps.safetensors" for step in steps}


def keep(run: Recipe, folder: Path = KEEP) -> Callable[[Trainer], None]:
    """What is called after every step: it writes the network as it is at the moments that are kept."""
    paths, card = snapshots(run, folder), card_of(run, run.data())

    def after_step(trainer: Trainer) -> None:
        if path := paths.get(trainer.step):
            save_network(trainer.average, {"name": path.stem, **card, "precision": trainer.plan.precision}, folder)

    return after_step


def influence(denoiser: els.diffusion.Denoiser, x_0: Tensor, t: float) -> Tensor:
    """How strongly the middle pixel of D depends on each pixel of x_t: mean |derivative|, (H, W). Lesson 03."""
    eps = els.seeded_noise(range(1000, 1000 + len(x_0)), x_0.shape[1:])
    x_t = els.add_noise(x_0, eps, t).requires_grad_()
    answers = denoiser(x_t, t)[:, 0, x_0.shape[2] // 2, x_0.shape[3] // 2]
    (gradient,) = torch.autograd.grad(answers.sum(), x_t)
    return gradient.abs().mean((0, 1))


def losses(
    denoisers: Sequence[els.diffusion.Denoiser], x_0: Tensor, times: list[float], labels: Tensor | None = None
) -> np.ndarray:
    """The mean squared error of the noise estimates on the pictures: a row for every time."""
    eps, found = els.seeded_noise(range(len(x_0)), x_0.shape[1:]), []
    for t in times:
        x_t = els.add_noise(x_0, eps, t)
        guesses = [els.noise_from_denoiser(denoiser(x_t, t, labels=labels), x_t, t) for denoiser in denoisers]
        found.append([(eps - guess).square().mean().item() for guess in guesses])
    return np.array(found)


def on_each(network: els.diffusion.Denoiser, pictures: Tensor) -> np.ndarray:
    """The network's loss on each of its pictures alone, with ten noises, evenly over t."""
    return np.array([losses([network], one.expand(10, -1, -1, -1), EVENLY).mean() for one in pictures])


def measure(path: Path) -> dict[str, np.ndarray]:
    """What a snapshot draws, what its machines draw, its windows, its losses, and where it looks."""
    lab = els.lab("laptop", network=path.with_suffix(".json"), verbose=False)
    if lab.sizes is None:
        calibrate_lab(lab, str(path), ["els-zeros"])
        lab = els.lab("laptop", network=path.with_suffix(".json"), verbose=False)
    noise, new = els.seeded_noise(lab.seeds, lab.shape), els.load("fashion-mnist", size=16, n=200).images[100:]
    machines = {name: lab.machine(name) for name in ("is", "ls", "els-zeros")}
    denoisers = [lab.network, machines["els-zeros"], machines["is"]]
    known = lab.data.images.repeat(-(-100 // len(lab.data)), 1, 1, 1)[:100]
    return {
        "network": eight_bits(els.sample(lab.network, noise, 150)),
        **{name: eight_bits(els.sample(machine, noise, 20)) for name, machine in machines.items()},
        "patch sizes": np.array([size for _, size in lab.patch_sizes("els-zeros")]),
        "losses": losses(denoisers, known, EVENLY),
        "losses on new pictures": losses(denoisers, new, EVENLY),
        "losses on each picture": on_each(lab.network, lab.data.images),
        "influence": np.stack([influence(lab.network, new, t).numpy() for t in (0.5, 0.2, 0.05)]),
    }


def main() -> None:
    """Train, then measure every snapshot, then write the result."""
    repeat()
    for name in sys.argv[1:] or RUNS:
        follow(RUNS[name], KEEP, after_step=keep(RUNS[name]))
    if sys.argv[1:]:
        return
    found: dict[str, np.ndarray] = {}
    for name, run in RUNS.items():
        for step, path in snapshots(run).items():
            its = all_kept(path.with_suffix(".npz"), measure, path)
            found |= {f"{what}, {name}, {step} steps": values for what, values in its.items()}
    with whole_file(HERE / "14_memory.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]
    for step in (1000, 16_000):
        for suffix in (".json", ".safetensors", ".sizes.json"):
            shutil.copy(snapshots(RUNS["10 pictures"])[step].with_suffix(suffix), HERE)


if __name__ == "__main__":
    main()
