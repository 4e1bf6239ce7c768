"""The measurements behind `elscourse bench`: each is one function that returns a plain dict, ready for JSON.

Seconds are wall-clock, the best of several repeats after a first call that is not counted, because it compiles and
prepares.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from statistics import median
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from . import shifts
from .diffusion import Denoiser, add_noise, sample, seeded_noise, trajectory
from .hardware import core_count, cpu_model, memory_bytes
from .lab import Lab
from .machines import EquivariantLocalScoreMachine
from .patches import Padding, Sizes, displacements
from .posterior import full_precision
from .schedule import CosineSchedule
from .textbook import TextbookMachine
from .version import __version__

Row = dict[str, Any]

TOLERANCE = 1e-3  # of the pruned machines, in pixels
SHARE = 10  # a textbook that is too slow to wait for sees one image in ten, and its time is multiplied


def computer(device: torch.device) -> Row:
    """What the numbers were measured on: processor, cores, threads, memory (bytes), GPU, versions."""
    gpu = device.type == "cuda"
    return {
        "device": device.type,
        "cpu": cpu_model(),
        "cores": core_count(),
        "threads": torch.get_num_threads(),
        "memory_bytes": memory_bytes()[0],
        "gpu": torch.cuda.get_device_name(device) if gpu else None,
        "gpu_memory_bytes": torch.cuda.get_device_properties(device).total_memory if gpu else None,
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {
            "elscourse": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,  # with what it was built for, as in 2.9.0+cpu
            "numpy": version("numpy"),
            "numba": version("numba"),
        },
    }


def matrix_rate(device: torch.device, side: int, repeats: int) -> Row:
    """The rate of a float32 product of two matrices of side x side, 2 side^3 operations: FLOP/s."""
    a = torch.randn(side, side, generator=torch.Generator().manual_seed(0)).to(device)
    with full_precision:
        seconds, _ = best_seconds(lambda: a @ a, repeats, device)
    return {"side": side, "seconds": seconds, "flops": 2 * side**3 / seconds}


def pairs(shape: tuple[int, ...], patch_size: int, padding: Padding, n: int, batch: int) -> dict[str, int]:
    """How many (patch of x_t, training patch) pairs there are for n images of that shape (..., H, W).

    nominal: (H W)^2 n batch, as if every pixel saw every patch. true: only the dictionary that a pixel really sees, as
    a boundary class is compared with itself alone.
    """
    height, width = shape[-2:]
    moves = displacements(height, width, patch_size, "torus" if padding == "circular" else "classes")
    return {"nominal": (height * width) ** 2 * n * batch, "true": shifts.pairs(moves, batch, n)}


def speed(
    images: Float[Tensor, "N C H W"], x_t: Float[Tensor, "B C H W"], patch_size: int, padding: Padding, repeats: int
) -> Row:
    """One exact ELS call at t = 0.5, engine and textbook: seconds, ns per pair, effective FLOP/s, their ratio.

    The effective operations are the 2 C P^2 per true pair that the attention form needs, whatever the engine does
    instead. So a rate above that of the matrix product is possible.
    """
    engine = EquivariantLocalScoreMachine(images, patch_size=patch_size, padding=padding)
    textbook, tuned = (
        TextbookMachine(images, patch_size=patch_size, padding=padding, tuned=choice) for choice in (False, True)
    )
    count = pairs(tuple(images.shape), patch_size, padding, len(images), len(x_t))
    ours, answer = best_seconds(partial(engine, x_t, 0.5), repeats, x_t.device)
    with full_precision:
        theirs, theirs_answer = best_seconds(partial(textbook, x_t, 0.5), max(1, repeats - 1), x_t.device)
        tuned_seconds, _ = best_seconds(partial(tuned, x_t, 0.5), repeats, x_t.device)
    return {
        "patch_size": patch_size,
        "padding": padding,
        "images": len(images),
        "batch": len(x_t),
        "pairs": count,
        "seconds": ours,
        "ns_per_nominal_pair": ours / count["nominal"] * 1e9,
        "ns_per_true_pair": ours / count["true"] * 1e9,
        "effective_flops": 2 * images.shape[1] * patch_size**2 * count["true"] / ours,
        "textbook_seconds": theirs,
        "tuned_seconds": tuned_seconds,
        "ratio": theirs / ours,
        "tuned_ratio": tuned_seconds / ours,
        "difference": float((answer - theirs_answer).abs().max()),
    }


def laptop_trajectory(lab: Lab, seeds: int, steps: int, repeats: int) -> Row:
    """Whole calibrated els-zeros trajectories of a lab's first seeds, exact and pruned, and the textbook's time.

    first_seconds: of the first call, with what it compiles and prepares. The two then draw in turn, `repeats` times, so
    a computer that warms up or has other work slows both. seconds: the shortest of each; the ratio: the median over the
    pairs. The textbook draws one seed, and its time is multiplied by the number of seeds, as it works image by image.
    difference: between exact and pruned samples, in pixels.
    """
    noise = seeded_noise(range(seeds), lab.shape).to(lab.device)
    textbook = TextbookMachine(lab.data.images, lab.schedule, patch_size=lab.patch_sizes("els-zeros"))
    row: Row = {"images": len(lab.data), "seeds": seeds, "steps": steps, "patch_sizes": textbook.patch_size}
    machines = exact_and_pruned(partial(lab.machine, "els-zeros"))
    draws = {name: partial(sample, machine, noise, steps, schedule=lab.schedule) for name, machine in machines.items()}
    first = {name: timed(draw, lab.device) for name, draw in draws.items()}
    turns = [[timed(draw, lab.device)[0] for draw in draws.values()] for _ in range(repeats)]
    for name, seconds in zip(draws, zip(*turns, strict=True), strict=True):
        row[name] = {"first_seconds": first[name][0], "seconds": min(seconds)}
    with full_precision:
        one, _ = timed(partial(sample, textbook, noise[:1], steps, schedule=lab.schedule), lab.device)
    apart = first["exact"][1] - first["pruned"][1]
    return row | {
        "tolerance": TOLERANCE,
        "textbook_seconds": one * seeds,
        "largest_difference": float(apart.abs().max()),
        "rms_difference": float(apart.square().mean().sqrt()),
        "ratio_exact_to_pruned": median(exact / pruned for exact, pruned in turns),
    }


def full_trajectory(
    images: Float[Tensor, "N C H W"], labels: Int[Tensor, " N"], sizes: Sizes, steps: int, every: int
) -> Row:
    """One class-conditional ELS trajectory over class 0 of a large set, estimated from one step in `every`.

    x_t comes from the exact machine's own trajectory over a tenth of the class. At each measured step it times a call,
    exact and pruned, and the textbook on that tenth, times ten; the mean times `steps` stands for all the steps.
    pruned_first: seconds of the pruned machine's first call at that step, with what it may prepare in it.
    """
    schedule, device = CosineSchedule(), images.device
    own = images[(labels == 0).nonzero()[:, 0].to(device)]
    few = own[::SHARE]
    guide = EquivariantLocalScoreMachine(few, schedule, patch_size=sizes, padding="zeros")
    textbook = TextbookMachine(few, schedule, patch_size=sizes)
    machines = exact_and_pruned(
        partial(EquivariantLocalScoreMachine, images, schedule, patch_size=sizes, padding="zeros", image_labels=labels)
    )
    noise = seeded_noise([0], images.shape[1:]).to(device)
    rows = []
    for step, (t, x_t, _) in enumerate(trajectory(guide, noise, steps, schedule=schedule)):
        if step == steps or step % every != every // 2:
            continue
        row: Row = {"t": t, "patch_size": guide.size_at(t)}
        # the guide's call at this step has compiled what the exact machine needs; pruning may prepare more, once for
        # all steps of a patch size
        row["exact"], exact = timed(partial(machines["exact"], x_t, t, labels=0), device)
        row["pruned_first"], pruned = timed(partial(machines["pruned"], x_t, t, labels=0), device)
        row["pruned"], _ = timed(partial(machines["pruned"], x_t, t, labels=0), device)
        with full_precision:
            seconds, _ = timed(partial(textbook, x_t, t), device)
        row["textbook"] = seconds * len(own) / len(few)
        row["difference"] = float((exact - pruned).abs().max())
        rows.append(row)
    total = {name: sum(row[name] for row in rows) * steps / len(rows) for name in ("exact", "pruned", "textbook")}
    return {
        "images": len(images),
        "dictionary_images": len(own),
        "steps": steps,
        "tolerance": TOLERANCE,
        "measured": rows,
        "seconds": total,
        "ratio_exact_to_pruned": total["exact"] / total["pruned"],
        "ratio_textbook_to_exact": total["textbook"] / total["exact"],
    }


def exact_and_pruned(make: Callable[..., Denoiser]) -> dict[str, Denoiser]:
    """The two forms of a machine, `make` being its constructor with everything else given."""
    return {"exact": make(), "pruned": make(tolerance=TOLERANCE)}


def noisy(images: Float[Tensor, "N C H W"], batch: int) -> Float[Tensor, "B C H W"]:
    """The first images at t = 0.5, with the noise of seeds 0, 1, ..."""
    return add_noise(images[:batch], seeded_noise(range(batch), images.shape[1:]).to(images.device), 0.5)


def timed(run: Callable[[], Any], device: torch.device) -> tuple[float, Any]:
    """(seconds of one call, its result); a GPU is waited for before and after."""
    _wait(device)
    start = time.perf_counter()
    result = run()
    _wait(device)
    return time.perf_counter() - start, result


def best_seconds(run: Callable[[], Any], repeats: int, device: torch.device) -> tuple[float, Any]:
    """(the shortest of `repeats` calls after a first one that does not count, the result of that first one)."""
    result = run()
    return min(timed(run, device)[0] for _ in range(repeats)), result


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
