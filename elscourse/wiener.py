"""The linear baseline that any theory of a network has to beat."""

from __future__ import annotations

import functools

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .diffusion import Labels
from .pieces import piece_length
from .training_set import TrainingSetDenoiser


class WienerFilter(TrainingSetDenoiser):
    r"""The best linear denoiser: it knows the mean and the covariance of the training images, nothing else.

    .. math:: D(x_t) = m + U \, \mathrm{diag}\Big(\frac{\alpha\, l}{\alpha^2 l + \sigma^2}\Big) U^T (x_t - \alpha m)

    with the mean image m and the covariance U diag(l) U^T (over 1/N) of the images, or of those of one class when
    labels are given. Exact for gaussian data. Parameters and errors: see
    `elscourse.training_set.TrainingSetDenoiser`. It has no `posterior`: nobody votes.
    Source: Wiener 1949; as a baseline for diffusion models: Lukoianov et al., arXiv 2509.09672. Lessons 10 and 11.
    """

    id = "wiener"

    @functools.cached_property
    def _spectra(self) -> dict[int | None, tuple[Tensor, Tensor, Tensor]]:
        return {}

    @torch.no_grad()
    def __call__(self, x_t: Float[Tensor, "B C H W"], t: float, labels: Labels = None) -> Float[Tensor, "B C H W"]:
        """E[x_0 | x_t] if the images of the class were gaussian, at t in (0, 1]."""
        alpha, sigma = self._alpha_sigma(t)
        self._check(x_t)
        out = torch.empty_like(x_t)
        for items, index in self._by_class(len(x_t), labels):
            m, u, variance = self._spectrum(index)
            gain = alpha * variance / (alpha**2 * variance + sigma**2)
            x = x_t[items].flatten(1).to(m.dtype)
            out[items] = (m + ((x - alpha * m) @ u * gain) @ u.T).to(x_t.dtype).view_as(x_t[items])
        return out

    def _spectrum(self, index: Int[Tensor, " n"] | None) -> tuple[Tensor, Tensor, Tensor]:
        """Mean (D,), eigenvectors (D, D) and eigenvalues (D,) of the covariance, in float64; once per class."""
        key = None if index is None else int(index[0])  # classes are disjoint: their first image names them
        if key not in self._spectra:
            m, covariance = mean_and_covariance(self.images, index)
            variance, u = torch.linalg.eigh(covariance)
            rounding = len(variance) * torch.finfo(variance.dtype).eps * variance[-1]
            self._spectra[key] = m, u, variance.masked_fill(variance < rounding, 0)
        return self._spectra[key]


def mean_and_covariance(
    images: Float[Tensor, "N C H W"], index: Int[Tensor, " n"] | None
) -> tuple[Float[Tensor, " D"], Float[Tensor, "D D"]]:
    """Those of the images with these numbers (None: of all images), over 1/n, D = C H W; in float64, piece by piece."""
    everyone = torch.arange(len(images)) if index is None else index
    chunks = everyone.split(piece_length(images))
    n = len(everyone)
    m = torch.stack([images[c].flatten(1).sum(0, dtype=torch.float64) for c in chunks]).sum(0) / n
    covariance = torch.zeros(len(m), len(m), dtype=m.dtype, device=m.device)
    for c in chunks:
        centred = images[c].flatten(1) - m
        covariance.addmm_(centred.T, centred, alpha=1 / n)
    return m, covariance
