"""Compute what the landing page shows: book/_static/explorer-data.js and pairs-*.png (two minutes on two CPU cores).

python book/make_explorer.py

Twelve images of the class-conditional laptop lab, seeds 0 to 11. For ten times on the formula's way and four patch
sizes: who voted for every pixel, and what the machine would answer. The file is a script, not a binary file, because a
page opened from disk may load scripts but no data. It holds one base64 text, of zlib-compressed bytes in this order:

    pictures  uint8  (12, 10, H, W)      x_t
    answers   uint8  (12, 10, 4, H, W)   D(x_t) with that patch size
    final     uint8  (12, H, W)          what the formula drew
    network   uint8  (12, H, W)          what the network drew from the same noise
    atlas     uint8  (A, H, W)           the training images that voted, class by class, in 32 greys
    weight    uint8  (4, V)              V = 12 * 10 * 4 * H * W: the four heaviest voters, code 255 + 12 ln(share)
    place     uint8  (4, V)              row * W + column of the voter in its image
    low       uint8  (4, V)              low + 256 high: the voter's place among the images of its class in the atlas
    high      uint8  (4, V)
    number    uint16 (A,)                its index in the training set
"""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot

import elscourse as els
from elscourse.patches import size_at
from elscourse.widgets.base import pixels

SEEDS = range(12)
EVERY = range(1, 20, 2)  # of the 20 steps: t = 0.95, 0.85, ..., 0.05
SIZES = (3, 5, 9, 15)
TOP = 4
STATIC = Path(__file__).parent / "_static"
DATA = STATIC / "explorer-data.js"


def votes_at(lab: els.Lab, x_t: torch.Tensor, t: float, size: int, labels: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """(answer, image, place, weight) of the machine with that patch size; the last three (B, H, W, TOP)."""
    machine = lab.patch_machine("els-zeros", size)
    votes = machine.posterior(x_t, t, top=TOP, labels=labels)
    place = votes.location[..., 0] * x_t.shape[-1] + votes.location[..., 1]
    return machine(x_t, t, labels=labels), votes.image, place, votes.weight


def compute() -> tuple[dict, bytes]:
    """The header that the page reads first, and the bytes described above. Also draws pairs-1.png and pairs-2.png."""
    lab = els.lab(network="fashion-mnist-16-resnet-zeros-conditional", verbose=False)
    noise, labels = els.seeded_noise(SEEDS, lab.shape), lab.labels_for(SEEDS)
    way = list(els.trajectory(lab.machine("els-zeros"), noise, steps=20, labels=labels))
    drawn = els.sample(lab.network, noise, steps=150, labels=labels)
    stops = [way[k] for k in EVERY]
    table = [[votes_at(lab, x_t, t, size, labels) for size in SIZES] for t, x_t, _ in stops]

    def stacked(k: int) -> torch.Tensor:  # (12, 10, 4, ...)
        return torch.stack([torch.stack([cell[k] for cell in row], dim=1) for row in table], dim=1)

    image, place, weight = (stacked(k).flatten(0, -2).T.contiguous() for k in (1, 2, 3))  # (TOP, V)
    weight = (255 + 12 * weight.log()).round().clamp(min=0).to(torch.uint8)
    number, voter = by_class(image, lab.data.labels)
    first = torch.searchsorted(lab.data.labels[number], torch.arange(10))  # of each class in the atlas
    voter -= first[labels].repeat_interleave(voter.shape[1] // len(SEEDS))
    x_t = torch.stack([x for _, x, _ in stops], dim=1)
    for half in (0, 6):
        save_pairs(STATIC / f"pairs-{half // 6 + 1}.png", way[-1][1][half : half + 6], drawn[half : half + 6])
    parts = [
        *(pixels(picture) for picture in (x_t / x_t.abs().amax((-2, -1), keepdim=True).clamp(min=1), stacked(0))),
        *(pixels(picture) for picture in (way[-1][1], drawn)),
        (np.frombuffer(pixels(lab.data.images[number]), np.uint8) // 8 * 8).tobytes(),
        weight.numpy().tobytes(),
        place.numpy().astype(np.uint8).tobytes(),
        (voter % 256).numpy().astype(np.uint8).tobytes(),
        (voter // 256).numpy().astype(np.uint8).tobytes(),
        number.numpy().astype(np.uint16).tobytes(),
    ]
    r2 = els.compare(way[-1][1], drawn).r2
    calibrated = lab.patch_sizes("els-zeros")
    header = {
        "seeds": list(SEEDS),
        "names": [lab.data.class_names[int(y)] for y in labels],
        "r2": [round(float(value), 2) for value in r2],
        "side": lab.shape[-1],
        "times": [round(t, 2) for t, _, _ in stops],
        "sizes": list(SIZES),
        "calibrated": [size_at(calibrated, t) for t, _, _ in stops],
        "top": TOP,
        "atlas": len(number),
        "first": [int(first[y]) for y in labels],
    }
    return header, b"".join(parts)


def by_class(image: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The images that occur, ordered by class, and the place of each entry of `image` in that order."""
    found = image.unique()
    order = found[labels[found].argsort(stable=True)]
    at = torch.empty(len(labels), dtype=torch.long)
    at[order] = torch.arange(len(order))
    return order, at[image]


def save_pairs(path: Path, above: torch.Tensor, below: torch.Tensor) -> None:
    """Two rows of pictures (B, 1, H, W), each pixel 8 pixels wide, gaps transparent."""
    rows = [torch.nn.functional.pad(row[:, 0].clamp(-1, 1) / 2 + 0.5, (0, 1, 0, 1), value=-1) for row in (above, below)]
    tiled = torch.cat([torch.cat(list(row), dim=1) for row in rows])[:-1, :-1].repeat_interleave(8, 0)
    tiled = tiled.repeat_interleave(8, 1).numpy()
    image = np.repeat(tiled.clip(0, 1)[..., None], 4, axis=2)
    image[..., 3] = tiled >= 0
    pyplot.imsave(path, image)


def main() -> None:
    """Write the script."""
    header, body = compute()
    text = base64.b64encode(zlib.compress(body, 9)).decode()
    DATA.write_text(f"window.elsExplorer({json.dumps(header)},\n'{text}');\n", encoding="ascii")
    print(f"{DATA.name}: {DATA.stat().st_size / 1e6:.2f} MB, {header['atlas']} training images")


if __name__ == "__main__":
    main()
