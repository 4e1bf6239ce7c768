"""Make 14_straight.npz: how well the formula predicts networks if its windows grow in proportion to t.

    python data/lessons/make_14_straight.py

P = F t, rounded to an odd number and at least 3; F is the side of what a pixel of the network can see, and no more than
the largest window. No picture, no loss and no drawing has a part in this curve. Kept are the curve and r2 with the
network's drawings (150 steps, seeds 0 to 99): for the four shipped networks for 16 x 16, and for the two UNets of
make_15_exchange.py, one of other pictures.

Then the same for the eight kinds of make_14_halvings.py, most of which could see far more than they look at, with r2 of
the guessed and of the measured curve, and with the measured windows. They are trained here once more, with seed 0, as
their weights are not kept (`make_14_halvings.py NAME ...`): on another processor, whose sums are rounded otherwise (and
perhaps to 16 bits: precision is "auto", and what it chose was not noted). What is kept under "again" is nearly the same
network as in 14_halvings.npz for the ResNets, and another one for the UNets.

Drawings stay in runs/lessons, and a run that was killed goes on.
"""

from pathlib import Path

import make_15_exchange
import numpy as np
from make_10_same_recipe import drawn
from make_14_guess import age, predicted
from make_14_halvings import RUNS, field_of_view, guessed_curve
from torch import Tensor

import elscourse as els
from elscourse.files import whole_file

HERE = Path(__file__).parent
KINDS = ("resnet-zeros", "resnet-zeros-conditional", "resnet-circular", "unet-zeros")
SECOND = ("unet-2000-pictures-seed-1", "unet-2000-other-pictures-seed-1")


def networks() -> dict[str, tuple[els.Lab, Tensor]]:
    """Each lab, and what its network draws."""
    found = {}
    for name in (f"fashion-mnist-16-{kind}" for kind in KINDS):
        found[name] = els.lab("laptop", network=name, verbose=False), els.load_results(name)["network-150"]
    make_15_exchange.keep_others()
    for name in SECOND:
        lab, images = drawn(name, make_15_exchange.RUNS[name])
        found[name] = lab, images["network-150"]
    return found


AGAIN = [name for name in RUNS if "-seed-" not in name]


def straight(lab: els.Lab) -> list[tuple[float, int]]:
    """(t, P) from t = 1 down."""
    largest = lab.patch_machine(f"els-{lab.network.padding}", 1).largest_patch_size
    most = min(field_of_view(lab), largest)
    return [(t, max(3, 2 * round((most * t - 1) / 2) + 1)) for t in lab.schedule.times(20)[:-1]]


def main() -> None:
    """Draw what is missing, then write one file."""
    found: dict[str, np.ndarray] = {}
    for name, (lab, network) in networks().items():
        curve = straight(lab)
        found[f"straight, {name}"] = np.array([size for _, size in curve])
        found[f"r2 straight, {name}"] = els.compare(predicted(lab, curve), network).r2.numpy()
    for name in AGAIN:
        lab, images = drawn(name, RUNS[name])
        network, measured = images["network-150"], lab.patch_sizes("els-zeros")
        curves = {"straight": straight(lab), "guessed": guessed_curve(lab)}
        found[f"straight, again, {name}"] = np.array([size for _, size in curves["straight"]])
        found[f"measured, again, {name}"] = np.array([size for _, size in measured])
        predictions = {what: predicted(lab, curve) for what, curve in curves.items()} | {
            "measured": images["els-zeros"]
        }
        for what, its in predictions.items():
            found[f"r2 {what}, again, {name}"] = els.compare(its, network).r2.numpy()
        found[f"losses of the network, again, {name}"] = age(lab, network)["losses of the network"]
    with whole_file(HERE / "14_straight.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
