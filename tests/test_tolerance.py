"""With a tolerance, what is left out provably cannot matter: the bound holds, against float64, in every random case."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
import warnings

import numpy as np
import pytest
import torch
from conftest import noised, pictures
from torch import Tensor

import elscourse as els
from elscourse import clusters, pieces, posterior, reference, search, shifts
from elscourse.vectors import WIDTH

SCHEDULE = els.CosineSchedule()
CASES, BATCHES = 1000, 20


@pytest.fixture(autouse=True)
def always_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search wherever it is possible, not only where it pays."""
    monkeypatch.setattr(shifts, "WORTH", 0)
    monkeypatch.setattr(clusters, "MOST_NOISE", 1e9)


def smooth_pictures(n: int, c: int, side: int, seed: int) -> Tensor:
    """Random images with structure at several scales, large flat parts (equal patches) and near-duplicates."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, c, 3, 3, generator=generator) * 2 - 1
    images = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear")
    images = torch.where(images < 0, -1.0, images)
    images[n // 2 :] += 1e-3 * torch.rand(n - n // 2, c, side, side, generator=generator)
    return images.clamp(-1, 1)


def machine(case: int, images: Tensor, tolerance: float | None) -> els.EquivariantLocalScoreMachine:
    return els.EquivariantLocalScoreMachine(
        images,
        patch_size=(1, 3, 5, 7)[case % 4],
        padding=("zeros", "circular")[case // 4 % 2],
        window=("square", "gaussian")[case // 8 % 2],
        tolerance=tolerance,
    )


@pytest.mark.parametrize("far", [1, 300, 1000, 1e5])
@pytest.mark.parametrize("padding", ["zeros", "circular"])
def test_far_from_the_data_no_key_is_read_that_is_none(far: float, padding: els.Padding) -> None:
    """There an exponent is so large that "a little farther" rounds to nothing: the first round visits no leaf."""
    images = smooth_pictures(12, 1, 8, seed=0)
    x_t = far * torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    exact, quick = (
        els.EquivariantLocalScoreMachine(images, patch_size=3, padding=padding, tolerance=tolerance)
        for tolerance in (None, 0.01)
    )
    found = quick.certified(x_t, 0.02)
    torch.testing.assert_close(found.mean, exact(x_t, 0.02), rtol=0, atol=0.01 + 1e-4)
    assert found.bound.isfinite().all()
    assert torch.equal(quick.certified(x_t, 0.02).mean, found.mean)


def test_the_bound_holds_in_a_thousand_random_cases() -> None:
    """A case is one noisy image with its own time and tolerance, against the reference formulas in float64."""
    generator = torch.Generator().manual_seed(0)
    searched = 0
    for case in range(CASES // BATCHES):
        images = smooth_pictures(12, 1 + case % 2, 8, seed=case)
        tolerance = 10 ** -float(1 + 3 * torch.rand((), generator=generator))
        built = machine(case, images, tolerance)
        for batch in range(BATCHES):
            t = float(0.03 + 0.97 * torch.rand((), generator=generator))
            x_t = noised(images, 1, SCHEDULE.alpha(t), SCHEDULE.sigma(t), seed=1000 * case + batch)
            answer = built.certified(x_t, t)
            size, window = built.window_at(t)
            weights = None if window is None else window.double()
            exact = reference.equivariant_local(
                x_t, images, SCHEDULE.alpha(t), SCHEDULE.sigma(t), size, built.padding, weights
            )
            error = float((answer.mean - exact).abs().max())
            assert error <= float(answer.bound) <= max(tolerance, 1.01 * built.value_range * built.rounding), (
                case,
                batch,
            )
            searched += answer.visited < 1
    assert searched > CASES / 10, "most of these cases left nothing out: the test shows little"


def test_real_patches_are_left_out_and_the_answer_stays() -> None:
    images = els.load("fashion-mnist", size=16, n=300).images
    x_t = els.add_noise(images[:4], els.seeded_noise(range(4), (1, 16, 16)), 0.15)
    exact = els.EquivariantLocalScoreMachine(images.double(), patch_size=3)(x_t.double(), 0.15)
    bounds, visited = [], []
    for tolerance in (1e-1, 1e-2, 1e-3):
        answer = els.EquivariantLocalScoreMachine(images, patch_size=3, tolerance=tolerance).certified(x_t, 0.15)
        assert ((answer.mean - exact).abs().amax((1, 2, 3)) <= answer.bound).all()
        assert (answer.bound <= tolerance).all()
        bounds.append(float(answer.bound.max()))
        visited.append(answer.visited)
    assert visited[0] < visited[1] < visited[2] < 0.25, "a looser tolerance visits less"
    assert bounds[0] > bounds[1] > bounds[2]


def test_many_keys_of_nearly_equal_weight_are_summed_right() -> None:
    """Half a million of them: float32 sums would be rounded the same way again and again, by 2e-4 of the answer."""
    images = -0.93 + 1e-4 * torch.randn(2000, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    x_t = SCHEDULE.alpha(0.15) * images[:1]
    quick = els.EquivariantLocalScoreMachine(images, patch_size=3, padding="circular", tolerance=1e-4)
    answer = quick.certified(x_t, 0.15)
    exact = els.EquivariantLocalScoreMachine(images.double(), patch_size=3, padding="circular")(x_t.double(), 0.15)
    assert float((answer.mean - exact).abs().max()) <= float(answer.bound) <= 1e-4


def test_a_lie_about_the_boxes_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above can fail: with boxes that are taken to be elsewhere the bound no longer holds."""
    images = els.load("fashion-mnist", size=16, n=100).images
    x_t = els.add_noise(images[:2], els.seeded_noise(range(2), (1, 16, 16)), 0.15)
    build = clusters.build

    def shifted(*arguments: Tensor) -> clusters.Clusters:
        built = build(*arguments)
        *others, low, high, count = built.arrays
        return clusters.Clusters(built.mean, built.frame, (*others, low + 0.5, high + 0.5, count), 1.0)

    monkeypatch.setattr(clusters, "build", shifted)
    answer = els.EquivariantLocalScoreMachine(images, patch_size=3, tolerance=1e-3).certified(x_t, 0.15)
    exact = els.EquivariantLocalScoreMachine(images.double(), patch_size=3)(x_t.double(), 0.15)
    assert not ((answer.mean - exact).abs().amax((1, 2, 3)) <= answer.bound).all()


def test_a_key_of_a_millionth_of_the_weight_is_weighed_right_or_the_search_refused() -> None:
    """2^-20 of the best one's, at the rim of the dictionary, where the coordinates are rounded most.

    many: its radius in units in which exponents are squares. Two keys that are sqrt(20) apart there have rounded
    coordinates, in each of the nine by up to 2^-24 of where they are, and these errors add up like a random walk.
    """
    limit = posterior.LOGIT_ERROR * 9**0.5 / (2**-24 * math.log(2) * 20**0.5) - 20**0.5
    for many in (40, 80, 0.9 * limit, 1.1 * limit, 300, 1000):
        errors = []
        for seed in range(20):
            generator = torch.Generator().manual_seed(seed)
            keys, away = torch.randn(400, 9, generator=generator), torch.randn(9, generator=generator)
            reach, outermost = clusters.build(keys, keys[:, :1]).reach, keys[keys.square().sum(1).argmax()][None]
            keys = torch.cat([keys, outermost + away / away.norm() * 20**0.5 * reach / many])
            values = torch.zeros(len(keys), 1)
            values[-1] = 1
            sigma = reach / many / (2 * math.log(2)) ** 0.5
            found = clusters.search_mean(outermost, clusters.build(keys, values), 1.0, sigma, 1e-12)
            assert (found is None) == (many > limit), "its weight would be rounded"
            if found is not None:
                apart = (outermost.double() - keys.double()).square().sum(1)
                exact = torch.softmax(-apart / (2 * sigma**2), 0)[-1]
                assert exact < 2**-19.9
                errors.append(abs(math.log(found[0].mean().item() / exact)))
        assert not errors or np.median(errors) <= posterior.LOGIT_ERROR


def test_the_reach_of_a_dictionary_is_the_length_of_its_longest_key() -> None:
    """From the mean of the keys: by it is decided whether float32 is enough."""
    keys = torch.randn(3 * WIDTH + 1, 9, generator=torch.Generator().manual_seed(0))
    reach = clusters.build(keys, keys[:, 4:5]).reach
    assert reach == pytest.approx((keys - keys.mean(0)).square().sum(1).max().sqrt().item())


def test_a_leaf_at_the_limit_is_not_forgotten() -> None:
    """Distances below 256 have one bit more than those above: a limit from 250 + 9.5 may be rounded down."""
    generator, n = torch.Generator().manual_seed(0), 64
    keys, values = 1e-6 * torch.randn(2 * n, 9, generator=generator), torch.zeros(2 * n, 1)
    keys[n:, 0] += 5
    values[n:] = 1
    built = clusters.build(keys, values)
    # queries to which the first keys lie at 2^-250 and the others near 2^-259.5, where a half exponent begins
    square, place = 500 * math.log(2), (25 - 19 * math.log(2)) / 10
    queries = torch.zeros(5000, 9)
    queries[:, 0] = place + 1e-4 * (2 * torch.rand(len(queries), generator=generator) - 1)
    queries[:, 1] = math.sqrt(square - place**2) - 0.3 * torch.rand(len(queries), generator=generator)
    found = clusters.search_mean(queries, built, 1.0, 1.0, 1e-3)
    assert found is not None
    part, _ = found
    apart = torch.cdist(queries.double(), keys.double(), compute_mode="donot_use_mm_for_euclid_dist").square()
    exact = torch.softmax(-apart / 2, 1) @ values.double()
    assert ((part.mean()[0] - exact).abs() <= part.lost()[0] + 2e-5).all()


@pytest.mark.parametrize(("t", "expands"), [(0.3, True), (0.02, False)])
def test_the_form_of_a_distance_is_the_quicker_one_that_rounds_little(
    t: float, expands: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both forms are right where there is noise; where there is little, the expanded one would round too much."""
    images = els.load("fashion-mnist", size=16, n=300).images
    x_t = els.add_noise(images[:2], els.seeded_noise(range(2), (1, 16, 16)), t)
    exact = els.EquivariantLocalScoreMachine(images.double(), patch_size=3)(x_t.double(), t)
    built = els.EquivariantLocalScoreMachine(images, patch_size=3, tolerance=1e-4)
    chosen, forced = built(x_t, t), {}
    for form, rounds in ((True, 0.0), (False, math.inf)):
        monkeypatch.setattr(clusters, "logit_error", lambda *lengths, rounds=rounds: rounds)
        forced[form] = built(x_t, t)
    assert torch.equal(chosen, forced[expands]) and not torch.equal(chosen, forced[not expands])
    errors = {form: float((answer - exact).abs().max()) for form, answer in forced.items()}
    assert max(errors.values()) <= 1e-4
    assert expands or errors[True] > 5 * errors[False]


def test_a_leaf_holds_neighbours() -> None:
    """Of keys on a line: leaf after leaf, each but the last full. Else boxes would be large, and little left out."""
    keys = torch.randn(7 * WIDTH + 3, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([0.0, 1.0])
    order = torch.arange(len(keys))
    search.halve(keys.numpy(), order.numpy())
    assert torch.equal(order.sort().values, torch.arange(len(keys)))
    leaves = keys[order, 1].split(WIDTH)
    assert all(leaf.max() <= after.min() for leaf, after in itertools.pairwise(leaves))


@pytest.mark.parametrize(
    ("times", "sizes"),
    [(0, (500, 4000)), (20, (500, 4000)), (70, (500, 4000)), (110, (500, 4000)), (110, (WIDTH**2, WIDTH**2))],
)
def test_many_copies_far_away_count(times: int, sizes: tuple[int, int]) -> None:
    """A key's exponent may be beyond all that is told apart, and it may be there so often that it matters after all;
    also where whole branches are that far."""
    generator = torch.Generator().manual_seed(times)
    near, far = (a + 0.3 * torch.randn(n, 9, generator=generator) for a, n in zip((0, 4), sizes, strict=True))
    built = clusters.build(torch.cat([near, far]), torch.cat([near, far])[:, 4:5])
    keys, values, logs, *boxes, count = (a.copy() for a in built.arrays)
    heavy = values.mean((1, 2)) > 2  # leaves of the far ones
    logs[heavy] += times
    count.reshape(-1)[: len(heavy)][heavy] *= 2.0**times
    often = clusters.Clusters(built.mean, built.frame, (keys, values, logs, *boxes, count), built.reach)
    queries = 0.3 * torch.randn(20, 9, generator=generator)
    found = clusters.search_mean(queries, often, 1.0, 1.0, 1e-4)
    assert found is not None
    part, _ = found
    turned = (queries.double() - built.mean) @ built.frame
    apart = (turned[:, None, :, None] - torch.from_numpy(keys).double()).square().sum(2)
    weights = torch.softmax((torch.from_numpy(logs) * math.log(2) - apart / 2).flatten(1), 1)
    exact = weights @ torch.from_numpy(values).double().flatten()
    spread = float(torch.cat([near, far])[:, 4].max() - torch.cat([near, far])[:, 4].min())
    error = (part.mean()[0, :, 0] - exact).abs()
    assert (error <= spread * (part.lost()[0, :, 0] + 2e-5)).all()
    assert (part.lost() <= 1e-4).all()


def test_without_a_tolerance_everything_is_visited() -> None:
    images = smooth_pictures(5, 1, 8, seed=0)
    for built in (machine(1, images, None), els.IdealScoreMachine(images), els.LocalScoreMachine(images, patch_size=3)):
        answer = built.certified(images[:2], 0.4)
        assert answer.visited == 1
        assert (answer.bound <= built.value_range * built.rounding).all()


def test_a_class_is_searched_among_its_own_images() -> None:
    images, classes = smooth_pictures(40, 1, 8, seed=1), torch.arange(40) % 2
    built = els.EquivariantLocalScoreMachine(images, patch_size=3, tolerance=1e-3, image_labels=classes)
    x_t = noised(images, 4, SCHEDULE.alpha(0.2), SCHEDULE.sigma(0.2))
    answer = built(x_t, 0.2, labels=[0, 1, 0, 1])
    for label in (0, 1):
        alone = els.EquivariantLocalScoreMachine(images[classes == label].double(), patch_size=3)
        expected = alone(x_t[label::2].double(), 0.2)
        torch.testing.assert_close(answer[label::2].double(), expected, rtol=0, atol=1e-3)


def test_a_dictionary_beyond_the_budget_is_visited_whole() -> None:
    images = smooth_pictures(40, 1, 8, seed=1)
    small = els.EquivariantLocalScoreMachine(images, patch_size=3, tolerance=1e-2, memory=2**17)
    assert small.certified(images[:2], 0.1).visited == 1
    assert copy.deepcopy(small).certified(images[:2], 0.1).visited == 1, "a copy has the same budget"
    large = els.EquivariantLocalScoreMachine(images, patch_size=3, tolerance=1e-2)
    assert large.certified(images[:2], 0.1).visited < 1


@pytest.mark.parametrize("tolerance", [0, -1e-3, float("nan"), float("inf"), 10**400, "small", True])
def test_a_tolerance_is_a_positive_number(tolerance: object) -> None:
    with pytest.raises(els.CourseError, match="tolerance must be a positive number"):
        els.EquivariantLocalScoreMachine(torch.zeros(2, 1, 8, 8), patch_size=3, tolerance=tolerance)  # type: ignore


def test_the_bound_holds_for_pictures_of_one_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Black or white: all products of a window have one sign, and so have their roundings."""
    monkeypatch.setattr(shifts, "WORTH", math.inf)  # by matrix products
    images = torch.cat([torch.ones(1, 3, 16, 16), -torch.ones(1, 3, 16, 16)])
    fast, precise = (els.EquivariantLocalScoreMachine(v, patch_size=15) for v in (images, images.double()))
    for t, x_t, _ in els.trajectory(precise, els.seeded_noise(range(40), (3, 16, 16)).double(), 20):
        if 0.3 <= t <= 0.4:
            answer = fast.certified(x_t.float(), t)
            error = (answer.mean - precise(x_t.float().double(), t)).abs().amax((1, 2, 3))
            assert (error <= answer.bound).all(), t


def test_no_random_walk_over_more_than_nine_terms() -> None:
    of = lambda depth: posterior.logit_error(3, 3, 0.9, 0.1, depth)  # noqa: E731
    assert of(675) == of(9) < of(4)


def test_a_grey_is_taken_away_in_float64_and_where_there_is_noise() -> None:
    """In float32 all pixels would be shifted by one rounding, which adds up."""
    machine = els.IdealScoreMachine(torch.cat([torch.ones(3, 1, 8, 8), -torch.ones(4, 1, 8, 8)]))
    x_t = pictures(4, 1, 8, 8)
    for t in (0.3, 0.45, 0.77):
        exact = x_t.double() - SCHEDULE.alpha(t) * machine.grey.double()
        assert torch.equal(machine._centred(x_t, t), exact.float())
    at = lambda variance: math.asin(variance**0.5) / SCHEDULE.theta(1.0)  # noqa: E731
    assert machine._grey_at(at(0.09)) is None and machine._grey_at(at(0.11)) is not None


def test_a_grey_leaves_black_and_white_exact() -> None:
    """Of pictures in any numbers: rounded, all pixels of one colour would be rounded alike."""
    images = torch.cat([torch.ones(2, 1, 8, 8), -torch.ones(5, 1, 8, 8)])
    grey = els.IdealScoreMachine(images).grey
    assert abs(float(grey) + 3 / 7) < 1 / 256
    assert torch.equal((images - grey).double(), images.double() - grey.double())


def test_an_expanded_distance_keeps_its_digits_in_many_dimensions(monkeypatch: pytest.MonkeyPatch) -> None:
    """75 of them, and pictures of noise, halfway between which x_t is: what is the best key is decided by little."""
    generator, t = torch.Generator().manual_seed(0), 0.25
    for _ in range(6):
        images = (torch.rand(5, 3, 8, 8, generator=generator) < 0.5).float() * 2 - 1
        halfway = (images + images.roll(1, 0)) / 2
        x_t = SCHEDULE.alpha(t) * halfway + SCHEDULE.sigma(t) * torch.randn(images.shape, generator=generator)
        built = els.EquivariantLocalScoreMachine(images, patch_size=5, padding="circular", tolerance=0.01)
        precise = els.EquivariantLocalScoreMachine(images.double(), patch_size=5, padding="circular")
        monkeypatch.setattr(clusters, "LOGIT_ERROR", math.inf)  # expanded whatever it costs
        answer = built.certified(x_t, t)
        error = (answer.mean - precise(x_t.double(), t)).abs().amax((1, 2, 3))
        assert (error <= 1.5 * answer.bound).all()


def test_the_bound_holds_far_from_the_data_and_for_pale_images() -> None:
    """Noise alone at little noise, on images of little contrast: all distances are large, their differences small."""
    for case in range(24):
        images = (0.1, 0.02, 1.0)[case % 3] * smooth_pictures(30, 1, 8, seed=case)
        built = machine(1 + 4 * (case % 4), images, 1e-3)
        x_t = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(case))
        for t in (0.05, 0.2):
            answer = built.certified(x_t, t)
            size, window = built.window_at(t)
            weights = None if window is None else window.double()
            exact = reference.equivariant_local(
                x_t, images, SCHEDULE.alpha(t), SCHEDULE.sigma(t), size, built.padding, weights
            )
            # the rounding is an estimate for x_t near the data: see Certified
            assert ((answer.mean - exact).abs().amax((1, 2, 3)) <= 10 * answer.bound).all(), (case, t)


@pytest.mark.parametrize("t", [0.01, 0.001, 1e-4])
def test_the_bound_holds_in_float64_with_hardly_any_noise(t: float) -> None:
    """Eight pictures that differ by about the noise, whose distances are small differences of large numbers."""
    generator = torch.Generator().manual_seed(0)
    alpha, sigma = SCHEDULE.alpha(t), SCHEDULE.sigma(t)
    one = (torch.rand(1, 3, 32, 32, dtype=torch.float64, generator=generator) * 2 - 1).sign() * 0.9
    images = one + 2 * sigma / 3072**0.5 * torch.randn(8, 3, 32, 32, dtype=torch.float64, generator=generator)
    x_t = alpha * images[:1] + sigma * torch.randn(1, 3, 32, 32, dtype=torch.float64, generator=generator)
    answer = els.IdealScoreMachine(images).certified(x_t, t)
    assert (answer.mean - reference.ideal(x_t, images, alpha, sigma)).abs().max() <= answer.bound.item() < 1e-8


@pytest.mark.parametrize("t", [1e-3, 1e-4])
def test_the_bound_holds_in_float32_halfway_between_two_pictures(t: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where both are far from x_t in units of the noise, and a square that is rounded before it is summed decides."""
    generator = torch.Generator().manual_seed(0)
    images = (torch.rand(2, 3, 6, 6, generator=generator) * 255).round() / 127.5 - 1
    alpha, sigma = SCHEDULE.alpha(t), SCHEDULE.sigma(t)
    x_t = alpha * (images[:1] + images[1:]) / 2
    for window, worth in itertools.product(("square", "gaussian"), (0, math.inf)):  # by sliding, and by matrix products
        monkeypatch.setattr(shifts, "WORTH", worth)
        answer = els.EquivariantLocalScoreMachine(images, patch_size=3, window=window).certified(x_t, t)
        weights = None if window == "square" else reference.gaussian_window(3, 0.75)
        wanted = reference.equivariant_local(x_t, images, alpha, sigma, 3, "zeros", weights)
        assert (answer.mean - wanted).abs().max() <= answer.bound.item() < 1e-4, window
    answer = els.IdealScoreMachine(images).certified(x_t, t)
    assert (answer.mean - reference.ideal(x_t, images, alpha, sigma)).abs().max() <= answer.bound.item() < 1e-4


@pytest.mark.parametrize("t", [1e-3, 5e-3])
def test_the_bound_holds_where_a_schedule_turns_the_sign_of_the_image(t: float) -> None:
    class Negative(els.CosineSchedule):
        def alpha(self, t: float) -> float:
            return -super().alpha(t)

    generator = torch.Generator().manual_seed(0)
    images = torch.rand(40, 1, 1, 1, generator=generator) * 1.8 - 0.9
    images = images + 0.002 * torch.randn(40, 1, 8, 8, generator=generator)
    alpha, sigma = Negative().alpha(t), Negative().sigma(t)
    x_t = alpha * images[:3] + sigma * torch.randn(3, 1, 8, 8, generator=generator)
    answer = els.EquivariantLocalScoreMachine(images, Negative(), patch_size=5).certified(x_t, t)
    exact = reference.equivariant_local(x_t, images, alpha, sigma, 5, "zeros")
    assert (answer.mean - exact).abs().max() < 1e-6 < answer.bound.min()


@pytest.mark.parametrize("t", [1e-2, 1e-4])
def test_votes_in_float32_are_those_of_float64_with_hardly_any_noise(t: float) -> None:
    images = els.load("fashion-mnist", size=16, n=30).images
    x_t = els.add_noise(images[:3], els.seeded_noise(range(3), (1, 16, 16)), t)
    machine, precise = (els.EquivariantLocalScoreMachine(one, patch_size=3) for one in (images, images.double()))
    torch.testing.assert_close(
        machine.posterior(x_t, t).weight.double(), precise.posterior(x_t.double(), t).weight, atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("contrast", [0, 1e-5])
@pytest.mark.parametrize("tolerance", [None, 1e-3])
def test_the_bound_holds_for_images_that_hardly_differ(contrast: float, tolerance: float | None) -> None:
    images = -0.5 + contrast * torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    t, x_t = 0.2, els.add_noise(images[:2], els.seeded_noise(range(2), (1, 8, 8)), 0.2)
    machine = els.EquivariantLocalScoreMachine(images, patch_size=3, tolerance=tolerance)
    wanted = reference.equivariant_local(x_t, images, SCHEDULE.alpha(t), SCHEDULE.sigma(t), 3, "zeros")
    for one in (machine, els.EquivariantScoreMachine(images)):
        if one is not machine:
            wanted = reference.equivariant(x_t, images, SCHEDULE.alpha(t), SCHEDULE.sigma(t))
        answer = one.certified(x_t, t)
        assert ((answer.mean - wanted).abs().amax((1, 2, 3)) <= answer.bound).all() and answer.bound.max() < 2e-3


def test_a_search_among_images_that_hardly_differ_overflows_in_silence() -> None:
    """63 images of 15 x 15 leave a leaf unfilled, and what fills it up is 1e15 away, in units of next to no noise."""
    images = 1e-6 * (torch.rand(63, 1, 15, 15, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    x_t = els.add_noise(images[:2], els.seeded_noise(range(2), (1, 15, 15)), 1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = els.EquivariantLocalScoreMachine(images, patch_size=3, tolerance=1e-3)(x_t, 1e-5)
    wanted = els.EquivariantLocalScoreMachine(images.double(), patch_size=3)(x_t.double(), 1e-5)
    torch.testing.assert_close(answer.double(), wanted, atol=1e-7, rtol=0)


def test_times_of_a_schedule_may_be_tensors() -> None:
    machine = els.LocalScoreMachine(smooth_pictures(5, 1, 8, 0), patch_size=[(1.0, 5), (0.5, 3)], memory=10**30)
    x_t = els.add_noise(smooth_pictures(2, 1, 8, 1), els.seeded_noise(range(2), (1, 8, 8)), 0.5)
    for t in torch.linspace(1, 0.05, 5):
        assert torch.equal(machine(x_t, t), machine(x_t, float(t)))


def test_the_bound_is_that_of_the_channel_that_varies_most() -> None:
    images = smooth_pictures(30, 3, 8, seed=0)
    images[:, 1] = 0.3
    x_t = noised(images, 2, SCHEDULE.alpha(0.3), SCHEDULE.sigma(0.3))
    exact = els.EquivariantLocalScoreMachine(images.double(), patch_size=3)(x_t.double(), 0.3)
    for tolerance in (None, 1e-2):
        answer = els.EquivariantLocalScoreMachine(images, patch_size=3, tolerance=tolerance).certified(x_t, 0.3)
        assert ((answer.mean - exact).abs().amax((1, 2, 3)) <= answer.bound).all()


@pytest.mark.parametrize("t", [0.005, 0.02, 0.1, 0.25, 0.4])
@pytest.mark.parametrize("machine", ["is", "ls", "els"])
def test_the_bound_holds_where_patches_are_nearly_as_near(machine: str, t: float) -> None:
    """Black and white pictures: many keys at the same distance, so that every digit of a difference counts."""
    pictures = els.load("fashion-mnist", size=16, n=240).images.sign()
    own, new = pictures[:200], pictures[200:]
    build = {
        "is": els.IdealScoreMachine,
        "ls": lambda images: els.LocalScoreMachine(images, patch_size=9),
        "els": lambda images: els.EquivariantLocalScoreMachine(images, patch_size=9),
    }[machine]
    x_t = els.add_noise(new, els.seeded_noise(range(len(new)), new.shape[1:]), t)
    answer = build(own).certified(x_t, t)
    assert ((answer.mean - build(own.double())(x_t.double(), t)).abs().amax((1, 2, 3)) <= answer.bound).all()


def test_a_grey_subtracted_at_little_noise_would_cost_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why there is none: what book/theory.md says of it."""
    pictures = els.load("fashion-mnist", size=16, n=240).images.sign()
    own, new = pictures[:200], pictures[200:]
    x_t = els.add_noise(new, els.seeded_noise(range(len(new)), new.shape[1:]), 0.005)
    exact = els.LocalScoreMachine(own.double(), patch_size=9)(x_t.double(), 0.005)
    without = (els.LocalScoreMachine(own, patch_size=9)(x_t, 0.005) - exact).abs().max()
    monkeypatch.setattr("elscourse.machine.LITTLE_NOISE", 0)
    centred = (els.LocalScoreMachine(own, patch_size=9)(x_t, 0.005) - exact).abs().max()
    assert without < 1e-5 < 1e-3 < centred


@pytest.mark.parametrize("tolerance", [None, 1e-3])
def test_an_x_t_far_brighter_than_all_images_is_answered_in_float64(tolerance: float | None) -> None:
    """So far from everything a float32 of a squared distance has no digits left that tell keys apart."""
    for seed in range(6):
        generator = torch.Generator().manual_seed(seed)
        images = 0.1 * torch.rand(8, 1, 8, 8, generator=generator)
        images[:4] += 0.9
        images[4:] -= 0.9
        x_t = 3 + 0.1 * torch.randn(2, 1, 8, 8, generator=generator)
        for t in (0.005, 0.01, 0.02):
            built = els.EquivariantLocalScoreMachine(images, patch_size=5, padding="circular", tolerance=tolerance)
            answer = built.certified(x_t, t)
            exact = els.EquivariantLocalScoreMachine(images.double(), patch_size=5, padding="circular")(x_t.double(), t)
            assert ((answer.mean - exact).abs().amax((1, 2, 3)) <= answer.bound / 2).all(), (seed, t)


def test_what_is_visited_counts_the_pairs_at_the_border() -> None:
    """Images of two greys: two keys inside, in one leaf, which is filled up; at the border all pairs are visited."""
    images = torch.full((40, 1, 5, 5), -0.3)
    images[0] = 1.0
    x_t = noised(images, 3, SCHEDULE.alpha(0.1), SCHEDULE.sigma(0.1))
    answer = els.EquivariantLocalScoreMachine(images, patch_size=3, tolerance=1e-2).certified(x_t, 0.1)
    inside, everywhere = 9 * 9 * 40, (9 * 9 + 4 * 3 * 3 + 4) * 40
    assert answer.visited == pytest.approx((9 * WIDTH + everywhere - inside) / everywhere)


def test_what_is_visited_on_the_torus_is_what_the_search_saw() -> None:
    images = torch.full((40, 1, 5, 5), -0.3)
    images[0] = 1.0
    x_t = noised(images, 3, SCHEDULE.alpha(0.1), SCHEDULE.sigma(0.1))
    machine = els.EquivariantLocalScoreMachine(images, patch_size=3, padding="circular", tolerance=1e-2)
    assert machine.certified(x_t, 0.1).visited == pytest.approx(WIDTH / (25 * 40)), "two keys, in one leaf"


def test_no_more_than_everything_is_visited() -> None:
    """Of a dictionary smaller than a leaf, which is filled up."""
    images = smooth_pictures(1, 1, 5, seed=0)
    x_t = noised(images, 2, SCHEDULE.alpha(0.1), SCHEDULE.sigma(0.1))
    machine = els.EquivariantLocalScoreMachine(images, patch_size=3, padding="circular", tolerance=1e-2)
    assert machine.certified(x_t, 0.1).visited == 1


def test_images_that_are_all_alike() -> None:
    images = smooth_pictures(1, 1, 5, seed=0).expand(40, 1, 5, 5)
    for padding in ("zeros", "circular"):
        built = els.EquivariantLocalScoreMachine(images, patch_size=5, padding=padding, tolerance=1e-3)
        alone = els.EquivariantLocalScoreMachine(images[:1].double(), patch_size=5, padding=padding)
        x_t = noised(images, 2, SCHEDULE.alpha(0.1), SCHEDULE.sigma(0.1))
        torch.testing.assert_close(built(x_t, 0.1).double(), alone(x_t.double(), 0.1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [5, 7])
def test_wide_windows_at_the_border_beside_a_search(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips of several heights, one after the other: what is left of the last one is not taken for the next."""
    monkeypatch.setattr(shifts, "PARTS", 1)
    images, t = smooth_pictures(12, 1, 13, seed=0)[..., :11], 0.5
    x_t = noised(images, 2, SCHEDULE.alpha(t), SCHEDULE.sigma(t))
    answer = els.EquivariantLocalScoreMachine(images, patch_size=size, tolerance=1e-3).certified(x_t, t)
    exact = reference.equivariant_local(x_t, images, SCHEDULE.alpha(t), SCHEDULE.sigma(t), size, "zeros")
    assert ((answer.mean - exact).abs().amax((1, 2, 3)) <= answer.bound).all()


def test_images_of_one_row() -> None:
    images = smooth_pictures(20, 1, 9, seed=3)[:, :, 4:5]
    built = els.EquivariantLocalScoreMachine(images, patch_size=3, tolerance=1e-3)
    x_t = noised(images, 2, SCHEDULE.alpha(0.1), SCHEDULE.sigma(0.1))
    exact = els.EquivariantLocalScoreMachine(images.double(), patch_size=3)(x_t.double(), 0.1)
    answer = built.certified(x_t, 0.1)
    torch.testing.assert_close(answer.mean.double(), exact, rtol=0, atol=1e-3)
    assert answer.visited == 1, "no window lies inside of a row"


def test_what_is_kept_belongs_to_the_images_as_they_are_now() -> None:
    images = smooth_pictures(40, 1, 8, seed=1) / 10
    built = els.EquivariantLocalScoreMachine(images, patch_size=3, tolerance=1e-3)
    x_t = noised(images, 2, SCHEDULE.alpha(0.1), SCHEDULE.sigma(0.1))
    assert built.certified(x_t, 0.1).visited < 1
    copied = copy.deepcopy(built)
    assert torch.equal(copied(x_t, 0.1), built(x_t, 0.1))
    assert len(pickle.dumps(built)) < 2 * images.numel() * 4, "dictionaries do not travel"
    images.mul_(-1)
    exact = els.EquivariantLocalScoreMachine(images.double(), patch_size=3)(x_t.double(), 0.1)
    torch.testing.assert_close(built(x_t, 0.1).double(), exact, rtol=0, atol=1e-3)
    images.mul_(10)  # values that differ by more are held to the same tolerance
    exact = els.EquivariantLocalScoreMachine(images.double(), patch_size=3)(x_t.double(), 0.1)
    answer = built.certified(x_t, 0.1)
    assert ((answer.mean - exact).abs().amax((1, 2, 3)) <= answer.bound).all()


def test_what_is_visited_is_weighted_by_the_images_of_each_class() -> None:
    images, classes = smooth_pictures(60, 1, 8, seed=1) / 10, torch.tensor([0] * 50 + [1] * 10)
    built = els.EquivariantLocalScoreMachine(images, patch_size=3, tolerance=1e-3, image_labels=classes)
    x_t = noised(images, 3, SCHEDULE.alpha(0.1), SCHEDULE.sigma(0.1))
    alone = [built.certified(x_t[:2], 0.1, labels=0).visited, built.certified(x_t[2:], 0.1, labels=1).visited]
    assert alone[0] != alone[1]
    mixed = built.certified(x_t, 0.1, labels=[0, 0, 1]).visited
    assert mixed == pytest.approx((alone[0] * 2 * 50 + alone[1] * 10) / (2 * 50 + 10))


@pytest.mark.parametrize("tolerance", [None, 1e-3])
def test_mixed_classes_get_each_their_own_answer_and_bound(tolerance: float | None) -> None:
    images, labels = pictures(12, 1, 8, 8), [1, 0, 0, 1]
    classes = torch.arange(12) % 2
    built = els.EquivariantLocalScoreMachine(images, patch_size=3, tolerance=tolerance, image_labels=classes)
    x_t = noised(images, 4, SCHEDULE.alpha(0.2), SCHEDULE.sigma(0.2))
    answer = built.certified(x_t, 0.2, labels=labels)
    assert torch.equal(answer.mean, built(x_t, 0.2, labels=labels))
    alone = [built.certified(x_t[i : i + 1], 0.2, labels=label).bound for i, label in enumerate(labels)]
    torch.testing.assert_close(answer.bound, torch.cat(alone), rtol=1e-3, atol=0)


def test_a_fine_tolerance_is_kept_for_pale_images() -> None:
    images = 0.1 * smooth_pictures(60, 1, 12, seed=1)
    for tolerance, t in itertools.product((2.2e-5, 2.5e-5, 3e-5), (0.02, 0.03, 0.05, 0.1)):
        built = els.EquivariantLocalScoreMachine(images, patch_size=3, tolerance=tolerance)
        x_t = noised(images, 4, SCHEDULE.alpha(t), SCHEDULE.sigma(t))
        assert (built.certified(x_t, t).bound <= tolerance).all(), (tolerance, t)


def test_all_dictionaries_together_keep_to_the_budget() -> None:
    images = smooth_pictures(40, 1, 8, seed=1)
    built = els.EquivariantLocalScoreMachine(
        images, patch_size=[(0.1, 3), (0.06, 5)], padding="circular", tolerance=1e-2
    )
    assert built.certified(images[:2], 0.06).visited < 1
    taken = sum(kept.nbytes for kept in built._library._clusters.values())
    needed = (clusters.COPIES * 4 * 9 + clusters.EXTRAS) * 64 * 40
    built._library.memory = 2 * (taken + needed - 1)
    assert built.certified(images[:2], 0.1).visited == 1, "one byte short"
    built._library.memory = 2 * (taken + needed)
    assert built.certified(images[:2], 0.1).visited < 1


def test_the_farthest_x_t_decides_whether_a_search_is_precise_enough() -> None:
    generator = torch.Generator().manual_seed(0)
    images = 0.1 * torch.rand(8, 1, 8, 8, generator=generator)
    images[:4] += 0.9
    images[4:] -= 0.9
    far = 3 + 0.1 * torch.randn(1, 1, 8, 8, generator=generator)
    x_t = torch.cat([SCHEDULE.alpha(0.01) * images[:1], far])
    fast = els.EquivariantLocalScoreMachine(images, patch_size=5, padding="circular", tolerance=1e-3)
    precise = els.EquivariantLocalScoreMachine(images.double(), patch_size=5, padding="circular")
    for t in (0.005, 0.01, 0.02):
        answer = fast.certified(x_t, t)
        assert ((answer.mean - precise(x_t.double(), t)).abs().amax((1, 2, 3)) <= answer.bound).all(), t


def test_what_a_search_and_what_sliding_found_can_be_merged() -> None:
    """As where the dictionary of one process is too large to be sorted: both count from the same zero."""
    images = pictures(30, 1, 8, 8, seed=6)
    x_t, found = noised(images, 2, SCHEDULE.alpha(0.1), SCHEDULE.sigma(0.1)), []
    for tolerance in (None, 1e-4):
        built = els.EquivariantLocalScoreMachine(images, patch_size=3, tolerance=tolerance)
        ((_, part, share, _),) = built._answers(x_t, 0.1, None)
        assert (share < 1) == (tolerance is not None)
        found.append(part.largest + part.total.log())
    torch.testing.assert_close(*found, rtol=0, atol=1e-3)


def test_the_longest_key_and_the_spread_are_those_of_all_images(monkeypatch: pytest.MonkeyPatch) -> None:
    dark = 0.01 * pictures(300, 1, 8, 8)
    dark[-1] = 1
    longest = els.LocalScoreMachine(dark, patch_size=3)._longest(0.1, posterior.Source(dark, None))
    assert longest == pytest.approx(3)
    monkeypatch.setattr(pieces, "PIECE", 8)  # an image at a time
    images = torch.zeros(4, 1, 8, 8)
    images[1], images[3] = -1, 1
    assert els.IdealScoreMachine(images).value_range == 2


def test_bounds_of_boxes_keep_to_their_room(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, original = [], search.search
    monkeypatch.setattr(search, "search", lambda queries, *rest: sizes.append(len(queries)) or original(queries, *rest))
    generator = torch.Generator().manual_seed(0)
    keys, queries = torch.randn(5000, 9, generator=generator), torch.randn(400, 9, generator=generator)
    built = clusters.build(keys, keys[:, :1])
    monkeypatch.setattr(clusters, "ROOM", 4 * len(built.arrays[0]) * torch.get_num_threads() * 32)
    clusters.search_mean(queries, built, 1.0, 1.0, 1e-3)
    assert max(sizes) <= 32


def test_a_lab_hands_the_tolerance_on() -> None:
    lab = els.lab(verbose=False)
    for name in ("ls", "els-zeros", "els-zeros-gaussian"):
        assert (lab.machine(name, 0.01).tolerance, lab.machine(name).tolerance) == (0.01, None)
