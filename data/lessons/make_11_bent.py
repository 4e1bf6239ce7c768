"""Make 11_bent.npz: linear filters whose answers are bent by a curve, as rivals of the formula, for six networks.

    python data/lessons/make_11_bent.py

A filter is bent as in lesson 07: at each of the 20 steps each of its answers is replaced by the mean of the clean
pixels for which it gives this answer, over 400 noised training images, channel by channel, in 200 bins with equally
many. The filters look through ELS's measured windows; of the two kinds, local, and local and equivariant, it is the one
that foretells the network better, for the first network both; for it and the UNet the one that sees all (Wiener), too.
r2 with the network's 150 steps, seed by seed, for seeds 0 to 99. Drawings stay in runs/lessons/11_bent, and a run that
was stopped goes on.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import elscourse as els
from elscourse.diffusion import Denoiser
from elscourse.files import save_array, whole_file

HERE = Path(__file__).parent
KEEP = HERE.parents[1] / "runs" / "lessons" / "11_bent"
SEEDS, SHOWN, BINS = range(100), 400, 200
FILTERS = {
    "fashion-mnist-16-resnet-zeros": ("wiener", "local-filter", "equivariant-filter"),
    "fashion-mnist-16-resnet-zeros-conditional": ("local-filter",),
    "fashion-mnist-16-unet-zeros": ("wiener", "local-filter"),
    "fashion-mnist-16-resnet-circular": ("equivariant-filter",),
    "fashion-mnist-28-resnet-zeros-conditional": ("equivariant-filter",),
    "emoji-24-resnet-zeros-conditional": ("equivariant-filter",),
}


def bent(linear: Denoiser, images: Tensor, image_labels: Tensor | None = None) -> Denoiser:
    """The filter, each of its answers replaced by the mean clean pixel of the images with such an answer."""
    clean, theirs = images[:SHOWN], None if image_labels is None else image_labels[:SHOWN]
    eps = els.seeded_noise(range(5000, 5000 + len(clean)), clean.shape[1:])

    def denoise(x_t: Tensor, t: float, labels: Tensor | None = None) -> Tensor:
        given = linear(els.add_noise(clean, eps, t), t, theirs)
        answers = linear(x_t, t, labels)
        for channel in range(clean.shape[1]):
            seen, answer = given[:, channel].flatten(), answers[:, channel].contiguous()
            ranks = torch.linspace(0, len(seen) - 1, BINS + 1)[1:-1].long()
            edges = seen.sort().values[ranks]  # between bins with equally many answers
            which = torch.bucketize(seen, edges)
            count = torch.bincount(which, minlength=BINS).clamp(min=1)
            mean = torch.bincount(which, clean[:, channel].flatten(), BINS) / count
            answers[:, channel] = mean[torch.bucketize(answer, edges)].to(answers)
        return answers

    return denoise


def drawn(name: str, kind: str) -> Tensor:
    """100 drawings, from the file if they are there."""
    path = KEEP / f"{name}.{kind}.npy"
    if not path.exists():
        print(name, kind, flush=True)
        lab = els.lab("laptop", device="cpu", network=name, verbose=False)
        noise = els.seeded_noise(SEEDS, lab.shape)
        curved = bent(lab.machine(kind), lab.data.images, lab.image_labels)
        save_array(els.sample(curved, noise, 20, labels=lab.labels_for(SEEDS)).numpy(), path)
    return torch.from_numpy(np.load(path, allow_pickle=False))


def main() -> None:
    """Some minutes; then one file."""
    found = {}
    for name, kinds in FILTERS.items():
        target = els.load_results(name)["network-150"]
        for kind in kinds:
            found[f"{name}, {kind}"] = els.compare(drawn(name, kind), target).r2.numpy().astype(np.float32)
    with whole_file(HERE / "11_bent.npz") as partial:
        np.savez_compressed(partial, **found)


if __name__ == "__main__":
    main()
