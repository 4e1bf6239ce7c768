"""Make 11_agreement.npz: rivals and controls for lesson 11, with the zero-padded ResNet for 16 x 16.

    python data/lessons/make_11_agreement.py

All are r2, seed by seed, for seeds 0 to 99.

*Linear rivals.* The best linear denoiser that looks through ELS's measured windows: one filter per pixel (local), or
one per border class, as ELS has (local and equivariant). `check` compares it with two things made in other ways.

*One step replaced.* The network's 20 steps, the k-th of them taken by the exact denoiser or by ELS, with ELS and with
the network's own 150 steps; and how far (rms) the noise estimates of the two are from the network's on its way.

*The first step turned round.* ELS, its first step taken by the network. And ELS in 150 steps, for seeds 0 to 19.

Drawings stay in runs/lessons/11_agreement, and a run that was stopped goes on.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import elscourse as els
from elscourse.files import save_array, whole_file

HERE = Path(__file__).parent
KEEP = HERE.parents[1] / "runs" / "lessons" / "11_agreement"
SEEDS, FEW = range(100), range(20)


class LinearThroughWindows:
    """For every pixel the best linear guess from its window; if equivariant, one for all pixels of a border class.

    The images are square, (N, C, H, H); a window holds its C H H numbers, and the guess is that of all C of its pixel.
    """

    def __init__(self, images: Tensor, sizes: list[tuple[float, int]], equivariant: bool):
        flat, self.channels, self.side = images.flatten(1).double(), images.shape[1], images.shape[-1]
        self.mean, self.products = flat.mean(0), flat.T @ flat / len(flat)
        self.sizes, self.equivariant, self.schedule = dict(sizes), equivariant, els.CosineSchedule()

    def classes(self, r: int) -> list[list[tuple[int, int]]]:
        """Pixels (row, column) that share a filter: those with the same distances to the borders, up to r."""
        found: dict[tuple[int, ...], list[tuple[int, int]]] = {}
        last = self.side - 1
        for i, j in np.ndindex(self.side, self.side):
            border = (min(i, r), min(last - i, r), min(j, r), min(last - j, r))
            found.setdefault(border if self.equivariant else (i, j), []).append((i, j))
        return list(found.values())

    def filter(self, t: float, size: int) -> tuple[Tensor, Tensor]:
        """Matrix A and vector b of the denoiser D = A x_t + b with windows of this size."""
        alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
        r, pixels = (size - 1) // 2, torch.arange(len(self.mean)).view(self.channels, self.side, self.side)
        a, b = torch.zeros_like(self.products), torch.zeros_like(self.mean)
        for members in self.classes(r):
            windows = [pixels[:, max(i - r, 0) : i + r + 1, max(j - r, 0) : j + r + 1].flatten() for i, j in members]
            centres = [pixels[:, i, j] for i, j in members]
            m, m_centre = (torch.stack([self.mean[some] for some in each]).mean(0) for each in (windows, centres))
            within = torch.stack([self.products[w][:, w] for w in windows]).mean(0) - m[:, None] * m
            to_centre = torch.stack([self.products[w][:, c] for w, c in zip(windows, centres, strict=True)]).mean(0)
            noisy = alpha**2 * within + sigma**2 * torch.eye(len(m), dtype=m.dtype)
            weights = torch.linalg.solve(noisy, alpha * (to_centre - m[:, None] * m_centre))  # (n, C)
            for window, centre in zip(windows, centres, strict=True):
                a[centre[:, None], window], b[centre] = weights.T, m_centre - alpha * weights.T @ m
        return a, b

    def __call__(self, x_t: Tensor, t: float, labels: object = None) -> Tensor:
        a, b = self.filter(t, self.sizes[round(t, 4)])
        return (x_t.flatten(1).double() @ a.T + b).float().view_as(x_t)


def check(lab: els.Lab, t: float = 0.5) -> None:
    """Windows that see all are the Wiener filter; inside, one filter for all is a least-squares fit on all patches."""
    for images in (els.load("emoji", size=8).images, lab.data.images):  # in colour, too
        x_t = els.add_noise(images[:3], els.seeded_noise(range(3), images.shape[1:]), t)
        everything = LinearThroughWindows(images, [(t, 2 * images.shape[-1] - 1)], False)(x_t, t)
        torch.testing.assert_close(everything, els.WienerFilter(images, lab.schedule)(x_t, t), rtol=0, atol=1e-4)
    size, alpha, sigma = 5, lab.schedule.alpha(t), lab.schedule.sigma(t)
    patches = torch.nn.functional.unfold(images.double(), size).transpose(1, 2).flatten(0, 1)
    m, n = patches.mean(0), size**2
    rows = torch.cat([alpha * (patches - m) / len(patches) ** 0.5, sigma * torch.eye(n, dtype=m.dtype)])
    aims = torch.cat([(patches - m)[:, n // 2] / len(patches) ** 0.5, torch.zeros(n, dtype=m.dtype)])
    weights = torch.linalg.lstsq(rows, aims[:, None]).solution[:, 0]
    a, b = LinearThroughWindows(images, [], True).filter(t, size)
    middle = a[8 * 16 + 8].view(16, 16)[6:11, 6:11].flatten()
    torch.testing.assert_close(middle, weights, rtol=0, atol=1e-9)
    torch.testing.assert_close(b[8 * 16 + 8], m[n // 2] - alpha * weights @ m, rtol=0, atol=1e-9)


def kept(name: str, make: Callable[[], Tensor]) -> Tensor:
    """What `make` returns, from the file if it is there."""
    path = KEEP / f"{name}.npy"
    if not path.exists():
        print(name, flush=True)
        save_array(make().numpy(), path)
    return torch.from_numpy(np.load(path, allow_pickle=False))


def main() -> None:
    """Some minutes; then one file."""
    lab = els.lab("laptop", device="cpu", verbose=False)
    check(lab)
    stored, noise, found = els.load_results(lab.network.name), els.seeded_noise(SEEDS, lab.shape), {}
    columns = ("network-20", "network-20-exact-first", "network-150")
    machine, exact, ours = lab.machine("els-zeros"), lab.machine("is"), stored["els-zeros"]

    def r2(one: Tensor, other: Tensor) -> np.ndarray:
        return els.compare(one, other).r2.numpy()

    for name, equivariant in (("local", False), ("local and equivariant", True)):
        linear = LinearThroughWindows(lab.data.images, lab.patch_sizes("els-zeros"), equivariant)
        drawing = kept(name, lambda linear=linear: els.sample(linear, noise, 20))  # type: ignore[misc]
        found[f"linear, {name}"] = r2(drawing, stored["network-150"])
        found[f"linear, {name}, cut"] = r2(drawing.clamp(-1, 1), stored["network-150"])

    times, x = lab.schedule.times(20), noise
    replaced, off = {name: ([], []) for name in ("exact", "els")}, {name: [] for name in ("exact", "els")}
    for k, t in enumerate(times[:-1]):
        own = lab.network(x, t)
        for name, other in (("exact", exact), ("els", machine)):
            guess = kept(f"step-{k}-{name}", lambda x=x, t=t, other=other: other(x, t))  # type: ignore[misc]
            end = els.sample(lambda _, __, guess=guess: guess, x, times=times[k : k + 2])  # type: ignore[misc]
            end = els.sample(lab.network, end, times=times[k + 1 :]) if k < 19 else end
            for into, target in zip(replaced[name], (ours, stored["network-150"]), strict=True):
                into.append(r2(target, end))
            gap = els.noise_from_denoiser(own, x, t) - els.noise_from_denoiser(guess, x, t)
            off[name].append(float(gap.square().mean().sqrt()))
        x = els.sample(lambda _, __, own=own: own, x, times=times[k : k + 2])  # type: ignore[misc]
    assert (x - stored["network-20"]).abs().max() < 0.01
    for name in replaced:
        found[f"step by {name}, with els"], found[f"step by {name}, with network-150"] = map(np.stack, replaced[name])
        found[f"noise estimate, network from {name}"] = np.array(off[name])

    turned = kept("els-from-network", lambda: els.sample(els.with_first_step(lab.network, machine), noise, 20))
    for column in columns:
        found[f"els, first step the network's, with {column}"] = r2(turned, stored[column])
    slow = kept("els-150", lambda: els.sample(machine, noise[: len(FEW)], 150))
    for column in columns:
        found[f"els in 150 steps, with {column}"] = r2(slow, stored[column][: len(FEW)])
    with whole_file(HERE / "11_agreement.npz") as partial:
        np.savez_compressed(partial, **{name: values.astype(np.float32) for name, values in found.items()})


if __name__ == "__main__":
    main()
