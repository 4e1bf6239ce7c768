"""Draw book/_static/painted.png: what three machines make of three painted pictures (seconds).

python book/make_painted.py

The pictures are those that the playground begins with, the machines the course's, the noise that of seeds 0 to 7. The
colours of the pictures are mixed as each pixel's votes at the last step.
"""

from __future__ import annotations

from pathlib import Path

import torch

import elscourse as els
from elscourse import plotting

FIGURE = Path(__file__).parent / "_static" / "painted.png"


def machines(images: torch.Tensor) -> dict[str, els.machine.Machine]:
    """The ideal one; local, 7 x 7; local and equivariant, with the windows of a trained network."""
    schedule, windows = els.CosineSchedule(), els.lab("laptop", verbose=False).patch_sizes("els-zeros")
    return {
        "ideal:\nlooks everywhere,\nknows its place": els.IdealScoreMachine(images, schedule),
        "local:\nlooks 7 x 7,\nknows its place": els.LocalScoreMachine(images, schedule, patch_size=7),
        "local, equivariant:\nknows only how far\nthe border is": els.EquivariantLocalScoreMachine(
            images, schedule, patch_size=windows, padding="zeros"
        ),
    }


def drawn(machine: els.machine.Machine) -> tuple[torch.Tensor, els.machine.Posterior]:
    """Eight drawings, (8, 1, 16, 16), and who voted for their pixels at the last step."""
    *_, (t, x_t, _), (_, last, _) = els.trajectory(machine, els.seeded_noise(range(8), (1, 16, 16)), steps=20)
    return last, machine.posterior(x_t, t, top=100)  # all that weigh anything


def main() -> None:
    """Write the figure."""
    images = els.load("painted").images
    by_machine = machines(images)
    ideal, *_ = by_machine.values()
    rows = {"all that they\nhave seen": plotting.coloured_by_voters(images, ideal.posterior(images, 0.01))}
    rows |= {name: plotting.coloured_by_voters(*drawn(machine)) for name, machine in by_machine.items()}
    plotting.image_rows(rows).savefig(FIGURE)


if __name__ == "__main__":
    main()
