"""Makes 07_els.npz: what lesson 07 shows of the circular machine on many seeds. Run: python data/lessons/make_07_els.py

es (100, 1, 16, 16): samples of the equivariant machine, seeds 0..99, 20 steps.
sizes (7,): the patch sizes tried. mosaics (7, 8, 1, 16, 16): samples of the circular ELS machine that looks through
that size at every time, seeds 0..7, 20 steps.
entropy, images, places (7, 8): at one and the same x_t (t = 0.25 on the calibrated machine's trajectory, seeds 0..7),
posterior entropy in nats, mean over the pixels that are not background, and over these pixels the number of different
training images and of different displacements among the heaviest voters.
mosaic_images (7, 8): the number of images at the last evaluation (t = 0.05) of each mosaic, counted in the same way.
times (4,), losses (4, 6, 2): mean squared error at each of these times, per pixel, of is, es, ls, els-circular, the
circular network and the Wiener filter, on the first 100 training images and on 100 images that come after the training
set; noise of the seeds 1000..1099. apart (4, 6, 2): mean squared distance of these answers from the network's.
ls_torus (20, 1, 16, 16): samples of ls with windows that wrap around the border, seeds 0..19, 20 steps.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from kept import all_kept, kept
from torch import Tensor
from tqdm import tqdm

import elscourse as els
from elscourse.diffusion import Denoiser
from elscourse.files import whole_file

SIZES = (3, 5, 7, 9, 11, 13, 15)
TIMES = (0.9, 0.5, 0.3, 0.15)
NETWORK = 4  # its row among the denoisers
HERE = Path(__file__).parent
KEEP = HERE.parents[1] / "runs" / "lessons" / "07_els"  # pieces: a run that was stopped goes on
OF_SIZE = ("mosaics", "entropy", "images", "places", "mosaic_images")


def voters(machine: els.EquivariantLocalScoreMachine, x_t: Tensor, t: float, shown: Tensor) -> tuple[Tensor, ...]:
    """Mean entropy, number of images and number of displacements over the pixels `shown`, one of each per picture."""
    height, width = x_t.shape[-2:]
    post = machine.posterior(x_t, t, top=1)
    own = torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij"), dim=-1)
    moved = (post.location[..., 0, :] - own) % torch.tensor([height, width])
    place = moved[..., 0] * width + moved[..., 1]
    rows = range(len(x_t))
    return (
        torch.stack([post.entropy[b][shown[b]].mean() for b in rows]),
        torch.tensor([len(post.image[b, ..., 0][shown[b]].unique()) for b in rows]),
        torch.tensor([len(place[b][shown[b]].unique()) for b in rows]),
    )


def losses(denoisers: list[Denoiser], images: Tensor, t: float) -> Tensor:
    """The training loss at t, as an error of the clean image, and the distance of each answer from the network's."""
    noise = els.seeded_noise(range(1000, 1000 + len(images)), images.shape[1:])
    answers = torch.stack([denoiser(els.add_noise(images, noise, t), t) for denoiser in denoisers])
    return torch.stack([(answers - beside).square().flatten(1).mean(1) for beside in (images, answers[NETWORK])])


class LocalOnTheTorus(els.LocalScoreMachine):
    """LS with windows that wrap around the border; otherwise the same."""

    padding = "circular"


def all_losses(lab: els.Lab) -> dict[str, np.ndarray]:
    """Of known and of new pictures, at every time."""
    new = els.load("fashion-mnist", size=16, n=2100).images[2000:]
    denoisers = [*map(lab.machine, ("is", "es", "ls", "els-circular")), lab.network, lab.machine("wiener")]
    sets = (lab.data.images[:100], new)
    found = torch.stack([torch.stack([losses(denoisers, images, t) for images in sets], dim=-1) for t in TIMES])
    return {"losses": found[:, 0].numpy(), "apart": found[:, 1].numpy()}


def of_size(
    machine: els.EquivariantLocalScoreMachine, noise: Tensor, x_t: Tensor, shown: Tensor
) -> dict[str, np.ndarray]:
    """Who votes at x_t, and at the last step of the mosaics that it draws."""
    *_, (t, last, _), (_, mosaics, _) = els.trajectory(machine, noise, steps=20)
    _, mosaic_images, _ = voters(machine, last, t, mosaics[:, 0] > -0.9)
    found = (mosaics, *voters(machine, x_t, 0.25, shown), mosaic_images)
    return {name: values.numpy() for name, values in zip(OF_SIZE, found, strict=True)}


def main() -> None:
    """Compute what is missing, then write one file."""
    lab = els.lab(network="fashion-mnist-16-resnet-circular")
    noise = els.seeded_noise(lab.seeds, lab.shape)
    torus = LocalOnTheTorus(lab.data.images, lab.schedule, patch_size=lab.patch_sizes("ls"))
    found = {"es": kept(KEEP / "es.npy", els.sample, lab.machine("es"), noise, steps=20)}
    found |= all_kept(KEEP / "losses.npz", all_losses, lab)
    found["ls_torus"] = kept(KEEP / "ls_torus.npy", els.sample, torus, noise[:20], steps=20)
    machine, noise = lab.patch_machine("els-circular", lab.patch_sizes("els-circular")), noise[:8]
    steps = list(els.trajectory(machine, noise, steps=20))
    (t, x_t, _), (_, calibrated, _) = steps[15], steps[-1]
    assert round(t, 2) == 0.25
    given = noise, x_t, calibrated[:, 0] > -0.9
    each = [all_kept(KEEP / f"{size}.npz", of_size, machine.with_patch_size(size), *given) for size in tqdm(SIZES)]
    stacked = {name: np.stack([its[name] for its in each]) for name in OF_SIZE}
    with whole_file(HERE / "07_els.npz") as partial:
        np.savez_compressed(partial, sizes=np.array(SIZES), times=np.array(TIMES), **stacked, **found)


if __name__ == "__main__":
    main()
