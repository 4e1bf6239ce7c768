"""`elscourse bench`: how fast the engine is on this computer, and how fast a textbook implementation is beside it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from . import measure
from .catalogue import CATALOGUE
from .checkpoints import find_card, load_network
from .data import ImageSet, load
from .devices import pick_device
from .errors import CourseError, is_no_memory
from .files import save_text
from .hardware import gib
from .lab import lab
from .measure import Row
from .measure_memory import memory
from .patches import Padding
from .sizes import sizes_of, sizes_path

FULL_LAB_CURVE = "fashion-mnist-16-resnet-zeros-conditional"


# What is measured: side in pixels, training images and x_t of a single call; its patch sizes; circular only with --full
SIDE, IMAGES, BATCH = 32, 256, 8
SIZES: dict[Padding, tuple[int, ...]] = {"zeros": (3, 7, 13), "circular": (3, 13)}
REPEATS = 3
PAIRS = 7  # of trajectories, exact and pruned in turn
MATRICES, PRODUCTS = 2048, 5  # side of the matrices whose product sets the scale, and how often they are multiplied
MEMORY = [  # (kind, images, patch size) of each process, with images of MEMORY_SIDE
    *(("els", n, 21) for n in (2_000, 10_000, 60_000)),
    *(("ls", n, 7) for n in (2_000, 10_000, 60_000)),
    *(("textbook", n, 21) for n in (2_000, 6_000)),
]
MEMORY_SIDE = 28
SEEDS, STEPS = 8, 20  # of the laptop's trajectories
EVERY = 4  # one step in so many of the full lab is measured


def run(
    device: str | None = None,
    full: bool = False,
    say: Callable[[str], Any] = lambda text: None,
) -> dict[str, Any]:
    """All measurements, the textbook's beside the engine's; the table of each section goes to `say` when it is done.

    device: cpu (the default) or cuda. full: measure circular padding and the full lab, too.

    A section that cannot be measured is left out and `say` is told why, so that the minutes that went into the others
    are not lost. Raises CourseError for a device that is not here.
    """
    where = pick_device(device)
    results: dict[str, Any] = {}
    with tqdm(_sections(where, full), leave=False) as bar:
        for name, measurement in bar:
            bar.set_description(name)
            try:
                results[name] = measurement()
                text = "\n".join(SECTIONS[name](results))
            except (CourseError, MemoryError, RuntimeError) as error:
                if not isinstance(error, CourseError) and not is_no_memory(error):
                    raise
                text = f"Left out, {name}: {error}\n"
            bar.clear()
            say(text)
    return results


def _sections(where: torch.device, full: bool) -> list[tuple[str, Callable[[], Any]]]:
    """Name of a section -> its measurement, in the order in which they run."""
    laptop = lab("laptop", device=where, verbose=False)
    wanted: list[tuple[str, Callable[[], Any]]] = [
        ("machine", lambda: measure.computer(where)),
        ("matrix_product", lambda: measure.matrix_rate(where, MATRICES, PRODUCTS)),
        ("speed", lambda: _speed(where, full)),
        ("memory", lambda: [memory(kind, n, MEMORY_SIDE, p, where) for kind, n, p in MEMORY]),
        ("laptop", lambda: measure.laptop_trajectory(laptop, SEEDS, STEPS, PAIRS)),
    ]
    if full:
        wanted.append(("full_lab", lambda: _full_lab(where)))
    return wanted


def _speed(where: torch.device, full: bool) -> dict[str, Any]:
    images = load("fashion-mnist", size=SIDE, n=IMAGES).images.to(where)
    x_t = measure.noisy(images, BATCH)
    paddings: list[Padding] = ["zeros", "circular"] if full else ["zeros"]
    rows = [measure.speed(images, x_t, p, padding, REPEATS) for padding in paddings for p in SIZES[padding]]
    zeros = [row for row in rows if row["padding"] == "zeros"]
    return {
        "shape": list(images.shape),
        "rows": rows,
        "mean_ratio": statistics.geometric_mean(row["ratio"] for row in zeros),
        "mean_tuned_ratio": statistics.geometric_mean(row["tuned_ratio"] for row in zeros),
    }


def _full_lab(where: torch.device) -> Row:
    data = _as_many_as_there_are(SIDE)
    card = find_card(FULL_LAB_CURVE)
    sizes = sizes_of(load_network(FULL_LAB_CURVE).card, sizes_path(card))
    if sizes is None or data.labels is None:
        raise CourseError(f"the full lab needs labelled images and the calibrated sizes of {FULL_LAB_CURVE}.")
    curve = sizes.machines["els-zeros"]
    row = measure.full_trajectory(data.images.to(where), data.labels, curve, STEPS, EVERY)
    return {"curve": FULL_LAB_CURVE, "complete": CATALOGUE["fashion-mnist"].images, **row}


def _as_many_as_there_are(side: int) -> ImageSet:
    """The complete Fashion-MNIST or, where it is not on this computer, its bundled part."""
    try:
        return load("fashion-mnist", size=side)
    except CourseError:
        return load("fashion-mnist", size=side, n=CATALOGUE["fashion-mnist"].bundled)


def table(results: dict[str, Any]) -> str:
    """The results of `run` as Markdown, one part per section, for the lesson and the site."""
    return "\n".join("\n".join(SECTIONS[name](results)) for name in SECTIONS if name in results)


def _machine(results: dict[str, Any]) -> Iterator[str]:
    here = results["machine"]
    gpu = f"{here['gpu']} ({gib(here['gpu_memory_bytes'])}); " if here["gpu"] else ""
    yield f"{gpu}{here['cpu']}, {here['cores']} cores, {here['threads']} threads, {gib(here['memory_bytes'])}."
    yield f"{here['system']}; " + ", ".join(f"{name} {number}" for name, number in here["versions"].items()) + ".\n"


def _matrix_product(results: dict[str, Any]) -> Iterator[str]:
    rate = results["matrix_product"]
    side = rate["side"]
    yield f"Matrix product, {side} x {side}, float32: {rate['flops'] / 1e9:,.0f} GFLOP/s.\n"


def _speed_table(results: dict[str, Any]) -> Iterator[str]:
    speed, rate = results["speed"], results.get("matrix_product", {}).get("flops")  # None: that section was left out
    n, _, height, width = speed["shape"]
    yield f"One exact call: {speed['rows'][0]['batch']} x_t and {n} training images of {height} x {width}, t = 0.5.\n"
    yield (
        "| ELS | P | seconds | ns per nominal pair | ns per true pair | effective GFLOP/s | of the matrix product "
        "| textbook, s | ratio | tuned textbook, s | ratio |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for row in speed["rows"]:
        share = f"{row['effective_flops'] / rate:.0%}" if rate else "unknown"
        yield (
            f"| {row['padding']} | {row['patch_size']} | {row['seconds']:.3f} | {row['ns_per_nominal_pair']:.3f} "
            f"| {row['ns_per_true_pair']:.3f} | {row['effective_flops'] / 1e9:,.1f} "
            f"| {share} | {row['textbook_seconds']:.2f} | {row['ratio']:.1f} "
            f"| {row['tuned_seconds']:.2f} | {row['tuned_ratio']:.1f} |"
        )
    yield (
        f"\nGeometric mean of the ratios with zeros: {speed['mean_ratio']:.1f} to the textbook, "
        f"{speed['mean_tuned_ratio']:.1f} to the tuned textbook. A nominal pair is any pixel with any patch; a true "
        "pair is a pixel with a patch of its boundary class. The effective rate counts the 2 C P² operations per true "
        "pair that the attention form needs, whatever was computed instead.\n"
    )


def _memory_table(results: dict[str, Any]) -> Iterator[str]:
    yield "Peak memory of one call with one x_t, beyond the images.\n"
    yield "| machine | P | images | MiB of images | MiB beyond | seconds |"
    yield "|---|---|---|---|---|---|"
    for row in results["memory"]:
        yield (
            f"| {row['kind']} | {row['patch_size']} | {row['images']:,} | {row['image_bytes'] / 2**20:,.0f} "
            f"| {format(row['bytes'] / 2**20, ',.0f') if row['bytes'] else 'unknown'} | {row['seconds']:.2f} |"
        )
    yield ""


def _laptop_table(results: dict[str, Any]) -> Iterator[str]:
    row = results["laptop"]
    textbook = row["textbook_seconds"]
    yield (
        f"The laptop lab: {row['images']:,} images, {row['seeds']} seeds, {row['steps']} calibrated steps of "
        "els-zeros.\n"
    )
    yield "| | first call, s | seconds | textbook / this |"
    yield "|---|---|---|---|"
    for name in ("exact", "pruned"):
        seconds = row[name]["seconds"]
        yield f"| {name} | {row[name]['first_seconds']:.2f} | {seconds:.2f} | {textbook / seconds:.1f} |"
    yield f"| textbook (one seed's time x {row['seeds']}) | | {textbook:.2f} | 1 |"
    yield (
        f"\nExact / pruned: {row['ratio_exact_to_pruned']:.1f}. Pruned with tolerance {row['tolerance']:g}: its "
        f"samples differ by at most {row['largest_difference']:.1e} in a pixel, {row['rms_difference']:.1e} RMS.\n"
    )


def _full_table(results: dict[str, Any]) -> Iterator[str]:
    row = results["full_lab"]
    steps, seconds = row["steps"], row["seconds"]
    yield (
        f"The full lab: {row['images']:,} of {row['complete']:,} images, class-conditional (the "
        f"{row['dictionary_images']:,} of class 0), one x_t. Patch sizes as calibrated for {row['curve']}, not scaled "
        "to these images. Seconds of one step:\n"
    )
    yield "| t | P | exact | pruned | its first call | textbook | largest difference |"
    yield "|---|---|---|---|---|---|---|"
    for one in row["measured"]:
        yield (
            f"| {one['t']:.2f} | {one['patch_size']} | {one['exact']:.2f} | {one['pruned']:.2f} "
            f"| {one['pruned_first']:.2f} | {one['textbook']:.1f} | {one['difference']:.0e} |"
        )
    yield (
        f"| all {steps}, from these {len(row['measured'])} | | {seconds['exact']:.0f} | {seconds['pruned']:.0f} "
        f"| | {seconds['textbook']:.0f} | |"
    )
    yield (
        f"\nExact / pruned: {row['ratio_exact_to_pruned']:.1f}; textbook / exact: "
        f"{row['ratio_textbook_to_exact']:.1f}. The textbook's time is {measure.SHARE} times its time on a "
        "tenth of the class.\n"
    )


SECTIONS: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "machine": _machine,
    "matrix_product": _matrix_product,
    "speed": _speed_table,
    "memory": _memory_table,
    "laptop": _laptop_table,
    "full_lab": _full_table,
}


def write(results: dict[str, Any], out: Path) -> None:
    """bench.json and bench.md in the folder, each moved into place at once."""
    for name, text in (("bench.json", json.dumps(results, indent=1) + "\n"), ("bench.md", table(results))):
        save_text(text, out / name)
