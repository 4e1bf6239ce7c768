"""Results that took long to compute, stored with the course: samples, tables, counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .checkpoints import network_files
from .data import data_dir
from .errors import CourseError, unknown_name
from .files import UNREADABLE


def load_results(name: str) -> dict[str, Tensor]:
    """The stored arrays of that name as tensors.

    name: that of a lesson's results ("12_legs": data/lessons/12_legs.npz) or of a network, for its 100-seed samples:
        data/results/NAME.samples.npz or, if the course ships none of that name, runs/reproduce/NAME/samples.npz in the
        working folder. So the lessons' numbers hold even after you reproduced them. (For the networks themselves,
        `load_network` takes your own first.)
        data/README.md and data/lessons/README.md have the command that makes each.
    """
    own = {path.parent.name: path for path in Path("runs/reproduce").glob("*/samples.npz")}
    lessons = {path.stem: path for path in (data_dir() / "lessons").glob("*.npz")}
    samples = {path.name.removesuffix(".samples.npz"): path for path in (data_dir() / "results").glob("*.samples.npz")}
    found = own | lessons | samples
    if not isinstance(name, str) or name not in found:
        advice = f" `elscourse reproduce --network {name}` computes them." if str(name) in network_files() else ""
        raise CourseError(f"{unknown_name('results', name, found)}{advice}")
    try:
        with np.load(found[name], allow_pickle=False) as arrays:
            return {key: torch.from_numpy(arrays[key]) for key in arrays.files}
    except UNREADABLE as error:
        raise CourseError(f"{found[name]} is damaged ({error}): restore it, or make it again.") from error
