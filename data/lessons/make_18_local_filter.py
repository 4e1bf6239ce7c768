"""Make 18_local_filter.npz: what the best linear filter with ELS's windows draws where lesson 18 tries the theory.

    python data/lessons/make_18_local_filter.py

Drawings of seeds 0 to 99 by lesson 11's strongest rival, one filter for every pixel, kept with 8 bits per pixel (0 is
-1, 255 is 1). They answer to groups of 18_edges.npz, and take noises and windows from there:

noisy      class-conditional, 40 steps, each with fresh noise, one sequence of it and another
guided     class-conditional and not: the difference of the two filters' answers 1, 2, 3, 4 times
attention  for each network: as it is, and after a block of the noise was exchanged
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from make_14_memory import eight_bits
from make_16_local_filter import LocalFilter
from make_16_what_if import CONDITIONAL, PLAIN, exchanged
from make_18_edges import STRENGTHS, TRAINED, guided, noisy_sample

import elscourse as els
from elscourse.files import whole_file

HERE = Path(__file__).parent


def noisy() -> dict[str, np.ndarray]:
    """Two drawings of every seed, from the two sequences of fresh noise."""
    lab = els.lab("laptop", network=CONDITIONAL, verbose=False)
    noise, labels = els.seeded_noise(lab.seeds, lab.shape), lab.labels_for(lab.seeds)
    local = LocalFilter(lab.data, lab.patch_sizes("els-zeros"))
    return {"noisy": np.stack([eight_bits(noisy_sample(local, noise, k, lab.seeds, labels)) for k in (0, 1)])}


def guidance() -> dict[str, np.ndarray]:
    """Guided as the formulas are: with and without the class of the same pictures, each with its network's windows."""
    told, untold = (els.lab("laptop", network=name, verbose=False) for name in (CONDITIONAL, PLAIN))
    noise, labels = els.seeded_noise(told.seeds, told.shape), told.labels_for(told.seeds)
    with_word, without = (LocalFilter(told.data, lab.patch_sizes("els-zeros")) for lab in (told, untold))
    return {
        f"guided, {strength}": eight_bits(els.sample(guided(with_word, without, strength), noise, 20, labels=labels))
        for strength in STRENGTHS
    }


def attention() -> dict[str, np.ndarray]:
    """For every network that lesson 18 trained, with its windows."""
    lab, stored, found = els.lab("laptop", network=PLAIN, verbose=False), els.load_results("18_edges"), {}
    noises = {"drawn": els.seeded_noise(lab.seeds, lab.shape), "exchanged": exchanged(lab)}
    times = [t for t, _ in lab.patch_sizes("els-zeros")]
    for name in TRAINED:
        local = LocalFilter(lab.data, list(zip(times, stored[f"patch sizes, {name}"].tolist(), strict=True)))
        found |= {f"{group}, {name}": eight_bits(els.sample(local, some, 20)) for group, some in noises.items()}
        print(name, flush=True)
    return found


def main() -> None:
    """Some minutes; then one file."""
    found = noisy() | guidance() | attention()
    with whole_file(HERE / "18_local_filter.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
