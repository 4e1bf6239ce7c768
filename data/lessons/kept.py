"""What the scripts beside this one share: pieces of long work are kept in runs/, so a run that was stopped goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

import elscourse as els
from elscourse.diffusion import Denoiser, Labels
from elscourse.files import save_array, whole_file


def kept(path: Path, make: Callable[..., np.ndarray | Tensor], *given: Any, **named: Any) -> np.ndarray:
    """What `make` returns for this: from its file or, if there is none yet, made and kept there."""
    if not path.exists():
        save_array(np.asarray(make(*given, **named)), path)
    return np.load(path, allow_pickle=False)


def all_kept(path: Path, make: Callable[..., dict[str, np.ndarray]], *given: Any) -> dict[str, np.ndarray]:
    """The same for several arrays with names."""
    if not path.exists():
        with whole_file(path) as partial:
            np.savez(partial, **make(*given))  # type: ignore[arg-type]
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def eight_bits(images: Tensor) -> np.ndarray:
    """0 is -1, 255 is 1."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).numpy()


def piece(path: Path, denoiser: Denoiser, noise: Tensor, steps: int, labels: Labels) -> np.ndarray:
    """What is drawn from some noises, with 8 bits per pixel; kept."""
    return kept(path, lambda: eight_bits(els.sample(denoiser, noise, steps, labels=labels)))


def drawings(
    folder: Path,
    name: str,
    denoiser: Denoiser,
    noise: Tensor,
    steps: int,
    labels: Tensor | None = None,
) -> np.ndarray:
    """The same 20 by 20; the file of each piece is named after its first noise, too."""
    pieces = []
    for start in tqdm(range(0, len(noise), 20), desc=name):
        some = slice(start, start + 20)
        told = None if labels is None else labels[some]
        pieces.append(piece(folder / f"{name}, {start:04d}.npy", denoiser, noise[some], steps, told))
    return np.concatenate(pieces)
