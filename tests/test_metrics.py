"""The three correlations and the distances, against numpy and by hand."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from conftest import pictures

import elscourse as els
from elscourse.metrics import bootstrap_interval


def test_against_numpy() -> None:
    p, y = pictures(4, 3, 5, 6, seed=1), pictures(4, 3, 5, 6, seed=2)
    c = els.compare(p, y)
    for i in range(4):
        a, b = p[i].double().numpy().ravel(), y[i].double().numpy().ravel()
        r = np.corrcoef(a, b)[0, 1]
        assert float(c.r[i]) == pytest.approx(r) and float(c.r2[i]) == pytest.approx(r**2)
        assert float(c.R2[i]) == pytest.approx(1 - ((b - a) ** 2).sum() / ((b - b.mean()) ** 2).sum())


def test_what_each_minds() -> None:
    y = pictures(2, 1, 4, 4)
    flat = els.compare(0.3 * y + 0.2, y)
    torch.testing.assert_close(flat.r2, torch.ones(2).double())
    assert (flat.R2 < 0.6).all() and (els.compare(-y, y).R2 < 0).all()
    torch.testing.assert_close(els.compare(-y, y).r, -torch.ones(2).double())
    assert (els.compare(y, y).R2 == 1).all()


def test_a_constant_image_gives_nan() -> None:
    coloured = torch.full((1, 3, 16, 16), 0.1, dtype=torch.float64)
    assert coloured.mean() != 0.1  # rounded: its pixels differ from their mean
    for constant in (torch.full((1, 1, 4, 4), 0.1), coloured):
        y = pictures(*constant.shape).to(constant)
        c = els.compare(constant, y)
        assert c.r.isnan().all() and c.r2.isnan().all() and c.R2.isfinite().all()
        c = els.compare(y, constant)
        assert c.r.isnan().all() and c.R2.isnan().all()


@pytest.mark.parametrize("scale", [1e-100, 1e-80, 1e80, 1e100])
def test_a_correlation_does_not_depend_on_the_scale(scale: float) -> None:
    x = torch.rand(2, 3, 1, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(els.compare(scale * x[0], scale * x[1]).r, els.compare(*x).r)


def test_of_equal_images_the_first_is_the_nearest() -> None:
    images = pictures(5000, 1, 2, 2)
    images[4500] = images[7]  # in another chunk
    assert els.nearest_training_image(images[7:8], images)[0].item() == 7


def test_nearest_and_novelty() -> None:
    images, held_out = pictures(5000, 1, 4, 4, seed=1), pictures(50, 1, 4, 4, seed=2)
    index, distance = els.nearest_training_image(images[[4999, 7]] + 0.01, images)
    assert index.tolist() == [4999, 7] and torch.allclose(distance, torch.tensor(0.04), atol=1e-4)
    brute = (held_out[:, None] - images[None]).square().sum((2, 3, 4)).sqrt().min(1).values
    torch.testing.assert_close(els.nearest_training_image(held_out, images)[1], brute)
    assert (els.novelty(images[:3], images, held_out) == 0).all()
    assert els.novelty(held_out, images, held_out).median() == 1


def test_shift_error() -> None:
    x, ramp = pictures(3, 2, 4, 5), torch.arange(4.0)[:, None].expand(4, 5)
    assert (els.shift_error(lambda x_t, t: t * x_t.square(), x, 0.5, (1, -2)) == 0).all(), "pixel by pixel: equivariant"
    # who adds a picture of his own: the error is the difference of that picture and its shifted self
    error = els.shift_error(lambda x_t, t: x_t + t * ramp, x, 0.5, (1, 0))
    expected = 0.5 * torch.tensor([3.0, 1, 1, 1])[:, None].expand(4, 5)
    torch.testing.assert_close(error, expected)
    with pytest.raises(els.CourseError):
        els.shift_error(lambda x_t, t: x_t, x[0], 0.5, (1, 0))


def test_bootstrap_interval_covers_the_median(generator: torch.Generator) -> None:
    values = torch.randn(400, generator=generator)
    low, high = bootstrap_interval(values, generator)
    assert low < float(values.median()) < high and 0.1 < high - low < 0.4  # 2 * 1.96 * 1.253 / sqrt(400) = 0.25


def test_bootstrap_interval_is_the_exact_one_of_the_median(generator: torch.Generator) -> None:
    """n values are drawn again: the median is the k-th of them or less if most draws are; n draws, each with k / n."""
    n = 101
    values = 1.5 ** torch.arange(n, dtype=torch.float64)  # so skewed that a mean is no median
    at_most = lambda k: sum(  # noqa: E731
        math.comb(n, m) * (k / n) ** m * (1 - k / n) ** (n - m) for m in range(n // 2 + 1, n + 1)
    )
    exact = [next(k for k in range(1, n + 1) if at_most(k) >= p) for p in (0.025, 0.975)]
    interval = bootstrap_interval(values[torch.randperm(n, generator=generator)], generator)
    ranks = [1 + math.log(bound, 1.5) for bound in interval]
    assert ranks == pytest.approx(exact, abs=1), "2,000 resamples are not all there are"


def test_a_bootstrap_interval_is_that_of_two_thousand_resamples() -> None:
    """Each as long as the values, of each the median, of these the central 95 %."""
    values = pictures(1, 1, 20, 20).flatten()
    places = torch.randint(400, (2000, 400), generator=torch.Generator().manual_seed(0))
    medians = np.median(values.double().numpy()[places], axis=1)
    interval = bootstrap_interval(values, torch.Generator().manual_seed(0))
    assert interval == pytest.approx(tuple(np.quantile(medians, [0.025, 0.975])), abs=1e-12)


def test_answers_made_of_tensors_can_be_compared_and_kept_in_a_set() -> None:
    """Like tensors in a set: each equals itself. Field by field, == of two batches would end in torch's own error."""
    x, machine = pictures(2, 1, 4, 4), els.IdealScoreMachine(pictures(3, 1, 4, 4, seed=1))
    for answer in (
        els.compare(x, x + 1),
        machine.posterior(x, 0.5),
        machine.certified(x, 0.5),
        els.calibration_table(els.LocalScoreMachine(machine.images, patch_size=3), machine, [1, 3], x, steps=2),
    ):
        assert answer == answer and answer != copy.deepcopy(answer)
        assert len({answer, copy.deepcopy(answer)}) == 2


def test_shift_error_is_a_root_mean_square() -> None:
    """A denoiser that adds a mark at one place: of two images and three colours the mark is in one colour each."""
    marks = torch.zeros(2, 3, 4, 4)
    marks[0, 0, 1, 1], marks[1, 2, 1, 1] = 1, 3
    error = els.shift_error(lambda x_t, t: x_t + marks, torch.zeros(2, 3, 4, 4), 0.5, (1, 0))
    expected = torch.zeros(4, 4)
    expected[1, 1] = expected[2, 1] = ((1 + 9) / 6) ** 0.5
    torch.testing.assert_close(error, expected)
