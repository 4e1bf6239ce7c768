"""Draw book/_static/painted.png: what three machines make of three painted pictures (seconds).

python book/make_painted.py

The pictures are those that the playground begins with (painted.txt), the machines the course's, the noise that of seeds
0 to 7. The colours of the pictures are mixed as each pixel's votes at the last step.
"""

from __future__ import annotations

from pathlib import Path

import torch

import elscourse as els
from elscourse import plotting

HERE = Path(__file__).parent
FIGURE = HERE / "_static" / "painted.png"
COLOURS = torch.tensor([[0xE6, 0x9F, 0x00], [0x56, 0xB4, 0xE9], [0x00, 0x9E, 0x73]]) / 255  # as in playground.js


def painted() -> torch.Tensor:
    """Face, house, tree: (3, 1, 16, 16), # is white, all else black."""
    texts = (HERE / "painted.txt").read_text(encoding="ascii").split("\n\n")
    marks = [[[mark == "#" for mark in line] for line in text.split()] for text in texts]
    return torch.tensor(marks)[:, None] * 2.0 - 1


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


def drawn(machine: els.machine.Machine) -> tuple[torch.Tensor, torch.Tensor]:
    """Eight drawings, (8, 1, 16, 16), and for each pixel how its votes are shared among the three, (8, 3, 16, 16)."""
    *_, (t, x_t, _), (_, last, _) = els.trajectory(machine, els.seeded_noise(range(8), (1, 16, 16)), steps=20)
    votes = machine.posterior(x_t, t, top=100)  # all that weigh anything
    share = torch.stack([(votes.weight * (votes.image == n)).sum(-1) for n in range(3)], dim=1)
    return last, share if share.ndim == 4 else share[..., None, None].expand(8, 3, 16, 16)  # of a whole picture


def coloured(images: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """(B, 3, 16, 16), black where it is black."""
    return (images + 1) * torch.einsum("bnhw,nc->bchw", share, COLOURS) - 1


def main() -> None:
    """Write the figure."""
    images = painted()
    own = torch.eye(3)[..., None, None].expand(3, 3, 16, 16)
    rows = {"all that they\nhave seen": coloured(images, own)}
    rows |= {name: coloured(*drawn(machine)) for name, machine in machines(images).items()}
    plotting.image_rows(rows).savefig(FIGURE)


if __name__ == "__main__":
    main()
