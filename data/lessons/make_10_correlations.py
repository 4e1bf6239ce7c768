"""Make 10_correlations.npz: a rival of ELS whose windows are made of the pictures' correlations (lesson 10).

    python data/lessons/make_10_correlations.py

After Lukoianov and others (arXiv 2509.09672), in a simple form: every pixel has a window of its own at every t, those
pixels whose weight in the Wiener filter, in its row for that pixel, is in size more than TAU times the largest. (The
code that they publish takes weights as parts of the pixel's own and holds one threshold to all rows.) With these
windows the local machine LS is run; and, to see what the negative weights are good for, in windows without them.

Nothing but TAU is chosen on a network: for each of the two networks that were trained on the same 2,000 pictures the
one with the highest median r2 on 40 seeds, 900,000 and up. Kept are r2 with the network (150 steps) for each TAU, for
these seeds and for seeds 0 to 99, for the latter also without negative weights; the pixels in a window; and ten
drawings. Drawings stay in runs/lessons/10_correlations, and a run that was stopped goes on.
"""

from pathlib import Path

import numpy as np
import torch
from kept import kept
from torch import Tensor
from tqdm import tqdm

import elscourse as els
from elscourse.diffusion import Denoiser
from elscourse.files import whole_file
from elscourse.wiener import mean_and_covariance

HERE = Path(__file__).parent
KEEP = HERE.parents[1] / "runs" / "lessons" / "10_correlations"
NETWORKS = ("fashion-mnist-16-resnet-zeros", "fashion-mnist-16-unet-zeros")
TAUS = (0.02, 0.05, 0.1, 0.2, 0.4)
CHOOSE, JUDGE = range(900_000, 900_040), range(100)  # the calibration's and twenty more; the lesson's
CHUNK = 20


class CorrelatedWindows:
    """LS with windows told by the Wiener filter's rows, of either sign or of positive weights only."""

    def __init__(self, images: Tensor, tau: float, positive: bool = False):
        self.shape, self.tau, self.schedule, self.positive = images.shape[1:], tau, els.CosineSchedule(), positive
        self.images = images.flatten(1)
        self.covariance = mean_and_covariance(images, None)[1]

    def windows(self, t: float) -> Tensor:
        """(D, D): in row i the pixels that pixel i looks at, 1 or 0."""
        alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
        noisy = alpha**2 * self.covariance + sigma**2 * torch.eye(len(self.covariance), dtype=torch.float64)
        weight = torch.linalg.solve(noisy, alpha * self.covariance).T  # both symmetric: (C (a^2 C + s^2)^-1)
        weight = weight if self.positive else weight.abs()
        return (weight > self.tau * weight.amax(1, keepdim=True)).float()

    @torch.no_grad()
    def __call__(self, x_t: Tensor, t: float, labels: object = None) -> Tensor:
        """For every pixel the mean of the pictures' pixels there, weighted by how well they fit in its window."""
        alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
        windows = self.windows(t)
        fits = (-((x - alpha * self.images).square() @ windows.T) / (2 * sigma**2) for x in x_t.flatten(1))
        return torch.stack([(fit.softmax(0) * self.images).sum(0) for fit in fits]).view_as(x_t)


def drawn(name: str, denoiser: Denoiser, steps: int, seeds: range) -> Tensor:
    """The images of these seeds, in chunks that are kept."""
    pieces = []
    for start in tqdm(range(seeds.start, seeds.stop, CHUNK), desc=name):
        noise = els.seeded_noise(range(start, start + CHUNK), (1, 16, 16))
        pieces.append(kept(KEEP / f"{name}-{start}.npy", els.sample, denoiser, noise, steps))
    return torch.from_numpy(np.concatenate(pieces))


def main() -> None:
    """Draw what is missing, compare, then write one file."""
    images = els.load("fashion-mnist", size=16, n=2000).images
    rivals = {tau: CorrelatedWindows(images, tau) for tau in TAUS}
    predictions = {seeds: {tau: drawn(f"tau-{tau}", rival, 20, seeds) for tau, rival in rivals.items()}
                   for seeds in (CHOOSE, JUDGE)}  # fmt: skip
    positive = [drawn(f"positive-tau-{tau}", CorrelatedWindows(images, tau, positive=True), 20, JUDGE) for tau in TAUS]
    times = els.CosineSchedule().times(20)[:-1]
    found: dict[str, np.ndarray] = {"taus": np.array(TAUS), "drawings": predictions[JUDGE][0.05][:10].numpy()}
    found["pixels in a window"] = np.array([[r.windows(t).sum(1).mean() for t in times] for r in rivals.values()])
    for name in NETWORKS:
        network = els.lab("laptop", network=name, verbose=False).network
        target = {CHOOSE: drawn(name, network, 150, CHOOSE), JUDGE: els.load_results(name)["network-150"]}
        for what, seeds in (("to choose by", CHOOSE), ("seeds 0 to 99", JUDGE)):
            r2 = torch.stack([els.compare(its, target[seeds]).r2 for its in predictions[seeds].values()])
            found[f"r2 {what}, {name}"] = r2.numpy()
        r2 = torch.stack([els.compare(its, target[JUDGE]).r2 for its in positive])
        found[f"r2 without negative weights, {name}"] = r2.numpy()
        found[f"chosen, {name}"] = np.array(TAUS[int(np.median(found[f"r2 to choose by, {name}"], 1).argmax())])
    with whole_file(HERE / "10_correlations.npz") as partial:
        np.savez_compressed(partial, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
