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
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

import elscourse as els
from elscourse.diffusion import Denoiser
from elscourse.files import whole_file

SIZES = (3, 5, 7, 9, 11, 13, 15)
SEEDS = range(8)
TIMES = (0.9, 0.5, 0.3, 0.15)
NETWORK = 4  # its row among the denoisers
HERE = Path(__file__).parent
PARTIAL = HERE.parent.parent / "runs" / "07_els.pt"  # what is done so far: an interrupted run goes on


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


def local_on_the_torus(lab: els.Lab) -> Denoiser:
    """The machine ls with windows that wrap around the border; otherwise the same."""
    images, ls = lab.data.images, lab.machine("ls")

    def denoise(x_t: Tensor, t: float, labels: Tensor | None = None) -> Tensor:
        alpha, sigma, size = lab.schedule.alpha(t), lab.schedule.sigma(t), ls.size_at(t)
        found = []
        for x in x_t:
            squares = F.pad((x - alpha * images).square(), [size // 2] * 4, mode="circular")
            energy = size**2 * F.avg_pool2d(squares, size, stride=1)
            found.append((torch.softmax(-energy / (2 * sigma**2), dim=0) * images).sum(0))
        return torch.stack(found)

    return denoise


def main() -> None:
    lab = els.lab(network="fashion-mnist-16-resnet-circular")
    done: dict[str, Tensor] = torch.load(PARTIAL) if PARTIAL.exists() else {}

    def keep(name: str, value: Tensor) -> None:
        done[name] = value
        with whole_file(PARTIAL) as partial:
            torch.save(done, partial)

    if "es" not in done:
        keep("es", els.sample(lab.machine("es"), els.seeded_noise(lab.seeds, lab.shape), steps=20))
    if "losses" not in done:
        new = els.load("fashion-mnist", size=16, n=2100).images[2000:]
        denoisers = [*map(lab.machine, ("is", "es", "ls", "els-circular")), lab.network, lab.machine("wiener")]
        sets = (lab.data.images[:100], new)
        found = torch.stack([torch.stack([losses(denoisers, images, t) for images in sets], dim=-1) for t in TIMES])
        done["apart"] = found[:, 1]
        keep("losses", found[:, 0])
    if "ls_torus" not in done:
        keep("ls_torus", els.sample(local_on_the_torus(lab), els.seeded_noise(range(20), lab.shape), steps=20))
    noise = els.seeded_noise(SEEDS, lab.shape)
    machine = lab.patch_machine("els-circular", lab.patch_sizes("els-circular"))
    if "x_t" not in done:
        steps = list(els.trajectory(machine, noise, steps=20))
        t, x_t, _ = steps[15]
        assert round(t, 2) == 0.25
        done["calibrated"] = steps[-1][1]
        keep("x_t", x_t)
    shown = done["calibrated"][:, 0] > -0.9
    for size in tqdm(SIZES):
        if f"mosaics-{size}" in done:
            continue
        fixed = machine.with_patch_size(size)
        entropy, images, places = voters(fixed, done["x_t"], 0.25, shown)
        done |= {f"entropy-{size}": entropy, f"images-{size}": images, f"places-{size}": places}
        steps = list(els.trajectory(fixed, noise, steps=20))
        t, x_t, _ = steps[-2]
        mosaic = steps[-1][1]
        done[f"mosaic_images-{size}"] = voters(fixed, x_t, t, mosaic[:, 0] > -0.9)[1]
        keep(f"mosaics-{size}", mosaic)
    stacked = {
        name: torch.stack([done[f"{name}-{size}"] for size in SIZES]).numpy()
        for name in ("mosaics", "entropy", "images", "places", "mosaic_images")
    }
    stacked |= {name: done[name].numpy() for name in ("es", "losses", "apart", "ls_torus")}
    with whole_file(HERE / "07_els.npz") as partial:
        np.savez_compressed(partial, sizes=np.array(SIZES), times=np.array(TIMES), **stacked)
    PARTIAL.unlink()


if __name__ == "__main__":
    main()
