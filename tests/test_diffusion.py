"""The schedule, the conversions, and the sampler, against closed forms."""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch
from conftest import pictures
from torch import Tensor

import elscourse as els
from elscourse.schedule import check_time

SCHEDULE = els.CosineSchedule()


def test_schedule_is_an_angle() -> None:
    assert SCHEDULE.alpha(0) == 1 and SCHEDULE.sigma(0) == 0
    assert SCHEDULE.alpha(1) == pytest.approx(0.01247, abs=5e-6), "the paper's alpha(1)"
    for t in (0.1, 0.5, 0.9):
        assert SCHEDULE.alpha(t) ** 2 + SCHEDULE.sigma(t) ** 2 == pytest.approx(1)
        assert math.atan2(SCHEDULE.sigma(t), SCHEDULE.alpha(t)) == pytest.approx(math.pi / 2 * t / 1.008)
    assert SCHEDULE.times(4) == [1, 0.75, 0.5, 0.25, 0]


def test_the_three_faces_of_a_denoiser_are_one(generator: torch.Generator) -> None:
    x_0, t = pictures(2, 1, 4, 4, dtype=torch.float64), 0.3
    eps = torch.randn(x_0.shape, generator=generator, dtype=torch.float64)
    x_t = els.add_noise(x_0, eps, t)
    close = lambda a, b: torch.testing.assert_close(a, b, rtol=0, atol=1e-12)  # noqa: E731
    close(els.noise_from_denoiser(x_0, x_t, t), eps)
    close(els.score_from_denoiser(x_0, x_t, t), -eps / SCHEDULE.sigma(t))
    close(els.denoiser_from_noise(eps, x_t, t), x_0)
    close(els.denoiser_from_score(-eps / SCHEDULE.sigma(t), x_t, t), x_0)


@dataclass(frozen=True)
class Faint(els.CosineSchedule):
    """The same little of the image at all times."""

    trace: float = 0.0

    def alpha(self, t: float) -> float:
        return self.trace

    def sigma(self, t: float) -> float:
        return 1.0


def test_alpha_may_be_as_small_as_float32_can_divide_by(generator: torch.Generator) -> None:
    """An x_t below 2 is rounded by 2^-24 or less, which alpha turns into 0.06 of a pixel; more is refused."""
    x_0, eps = pictures(2, 1, 8, 8), torch.randn(2, 1, 8, 8, generator=generator).clamp(-1, 1)
    estimates = (els.denoiser_from_noise, eps), (els.denoiser_from_score, -eps)
    for least in (2**-24 / 0.06, -(2**-24) / 0.06):
        x_t = (1.01 * least * x_0.double() + eps.double()).float()
        for turn, estimate in estimates:
            assert (turn(estimate, x_t, 1.0, Faint(trace=1.01 * least)) - x_0).abs().max() < 0.06
            with pytest.raises(els.CourseError, match="leaves nothing of the image at t = 1"):
                turn(estimate, x_t, 1.0, Faint(trace=0.99 * least))


def test_one_step_turns_the_pair_of_image_and_noise(generator: torch.Generator) -> None:
    """With a denoiser that always says y, x stays in the plane of y and the first noise estimate."""
    noise = torch.randn(3, 1, 5, 5, generator=generator, dtype=torch.float64)
    y = pictures(1, 1, 5, 5, dtype=torch.float64).expand_as(noise)
    eps = els.noise_from_denoiser(y, noise, 1.0)
    for t, x_t, x0_hat in els.trajectory(lambda x, t: y, noise, 7):
        torch.testing.assert_close(x_t, SCHEDULE.alpha(t) * y + SCHEDULE.sigma(t) * eps)
        assert torch.equal(x0_hat, y)
    assert t == 0


def test_sampler_follows_the_exact_flow_of_a_gaussian(generator: torch.Generator) -> None:
    """For data N(0, s^2) the flow is x -> x std(0)/std(1) in closed form; the error falls with the number of steps."""
    s, noise = 0.5, torch.randn(64, 1, 2, 2, generator=generator, dtype=torch.float64)
    variance = lambda t: (SCHEDULE.alpha(t) * s) ** 2 + SCHEDULE.sigma(t) ** 2  # noqa: E731
    denoiser = lambda x, t: SCHEDULE.alpha(t) * s**2 / variance(t) * x  # noqa: E731
    exact = noise * s / math.sqrt(variance(1))
    errors = [float((els.sample(denoiser, noise, steps) - exact).abs().max()) for steps in (20, 200, 2000)]
    assert errors[0] > 5 * errors[1] > 25 * errors[2] and errors[2] < 2e-3


def test_grid_of_ones_own_and_number_of_evaluations() -> None:
    asked: list[float] = []

    def denoiser(x, t):
        asked.append(t)
        return x * 0

    noise = torch.zeros(1, 1, 2, 2)
    assert len(list(els.trajectory(denoiser, noise, 20))) == 21 and len(asked) == 20
    assert asked[0] == 1, "the default starts at t = 1"
    asked.clear()
    els.sample(denoiser, noise, times=[0.8, 0.3, 0.1])
    assert asked == [0.8, 0.3]


def test_a_denoiser_of_ones_own_may_take_numbers_instead_of_images() -> None:
    assert els.sample(lambda x, t: 0 * x + 3, torch.zeros(5), 2).tolist() == [3] * 5


def test_what_a_denoiser_writes_into_its_input_stays_there() -> None:
    """As many networks do that begin with an activation in place."""
    noise = els.seeded_noise([0, 1], (1, 4, 4))
    before, network = noise.clone(), els.ResNet(width=8, layers=1)
    drawn = els.sample(lambda x_t, t: x_t * 0.5, noise)
    assert torch.equal(els.sample(lambda x_t, t: x_t.mul_(0.5), noise), drawn) and torch.equal(noise, before)

    class Begins(torch.nn.Module):
        def __init__(self, inplace: bool):
            super().__init__()
            self.first, self.rest = torch.nn.ReLU(inplace), network

        def forward(self, x_t: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
            return self.rest(self.first(x_t), t, labels)

    one, other = (els.NetworkDenoiser(Begins(inplace)) for inplace in (False, True))
    assert torch.equal(other(noise, 0.5), one(noise, 0.5)) and torch.equal(noise, before)


class Uneven:
    """A schedule of one's own, whose times are whatever it is made with."""

    def __init__(self, times: Sequence[float] | Tensor):
        self.steps = times

    def alpha(self, t: float) -> float:
        return 1 - t

    def sigma(self, t: float) -> float:
        return t

    def times(self, steps: int) -> Sequence[float] | Tensor:
        return self.steps


@pytest.mark.parametrize("times", [[1, 0.5, 0.7, 0], [1.0], [], [1, 0, -1]])
def test_times_of_a_schedule_of_ones_own_must_fall(times: list[float]) -> None:
    with pytest.raises(els.CourseError, match=r"times must decrease strictly|t must lie in \[0, 1\]"):
        els.sample(lambda x_t, t: x_t, els.seeded_noise([0], (1, 4, 4)), schedule=Uneven(times))


def test_times_of_a_schedule_of_ones_own_may_be_a_tensor() -> None:
    noise = els.seeded_noise([0], (1, 4, 4))
    given, listed = Uneven(torch.linspace(1, 0, 5)), Uneven([1, 0.75, 0.5, 0.25, 0])
    assert torch.equal(*(els.sample(lambda x_t, t: x_t / 2, noise, schedule=own) for own in (given, listed)))
    assert all(type(t) is float for t, _, _ in els.trajectory(lambda x_t, t: x_t / 2, noise, schedule=given))


def test_a_bent_filter_is_sampled_with_the_schedule_of_its_filter() -> None:
    images = els.load("fashion-mnist", size=16, n=20).images
    bent = els.BentFilter(els.WienerFilter(images, els.CosineSchedule(0.1)))
    with pytest.raises(els.CourseError, match="another schedule"):
        els.sample(bent, els.seeded_noise([0], (1, 16, 16)), 2)
    assert els.sample(bent, els.seeded_noise([0], (1, 16, 16)), 2, schedule=bent.schedule).isfinite().all()


def test_labels_reach_the_denoiser() -> None:
    seen: list[object] = []
    els.sample(lambda x, t, labels=None: seen.append(labels) or x, torch.zeros(1, 1, 2, 2), 2, labels=3)
    assert seen == [3, 3]


def test_first_step_is_swapped_only_at_one() -> None:
    both = els.with_first_step(lambda x, t: x + 1, lambda x, t: x - 1)
    x = torch.zeros(1, 1, 2, 2)
    assert both(x, 1.0).mean() == 1 and both(x, 0.95).mean() == -1


def test_a_swapped_first_step_can_be_sent_to_another_process() -> None:
    images = els.load("fashion-mnist", size=16, n=5).images
    both = els.with_first_step(els.IdealScoreMachine(images), els.WienerFilter(images))
    again, x_t = pickle.loads(pickle.dumps(both)), els.seeded_noise([0], (1, 16, 16))
    for t in (1, 1 + 1e-10, 0.5):  # a rounding beside 1 is 1
        assert torch.equal(again(x_t, t), both(x_t, t))
    assert torch.equal(both(x_t, 1 + 1e-10), els.IdealScoreMachine(images)(x_t, 1))


def test_a_denoiser_is_sampled_with_its_own_schedule() -> None:
    schedule, noise = els.CosineSchedule(0.5), els.seeded_noise([0], (1, 4, 4))
    machine = els.WienerFilter(pictures(5, 1, 4, 4), schedule)
    with pytest.raises(els.CourseError, match=r"schedule CosineSchedule\(offset=0.5\), but .*: pass schedule=denoiser"):
        els.sample(machine, noise, 3)
    assert els.sample(machine, noise, 3, schedule=machine.schedule).isfinite().all()
    same = els.WienerFilter(pictures(5, 1, 4, 4), els.CosineSchedule(0.008))
    assert els.sample(same, noise, 3).isfinite().all(), "equal ones are one"


def test_a_schedule_written_in_another_way_is_the_same() -> None:
    class Circle(els.CosineSchedule):
        def sigma(self, t: float) -> float:
            return (1 - self.alpha(t) ** 2) ** 0.5

    noise, machine = els.seeded_noise([0], (1, 4, 4)), els.WienerFilter(pictures(5, 1, 4, 4), Circle())
    apart = [Circle().sigma(t) - els.CosineSchedule().sigma(t) for t in els.CosineSchedule().times(3)]
    assert 0 < max(map(abs, apart)) < 1e-12, "but for rounding"
    torch.testing.assert_close(els.sample(machine, noise, 3), els.sample(machine, noise, 3, schedule=machine.schedule))


def test_noise_is_drawn_on_the_cpu_whatever_the_default_device() -> None:
    before = els.seeded_noise([3], (1, 4, 4))
    with torch.device("meta"):
        assert torch.equal(els.seeded_noise([3], (1, 4, 4)), before)


def test_noise_of_a_seed_does_not_depend_on_its_company() -> None:
    together, alone = els.seeded_noise(range(5), (1, 4, 4)), els.seeded_noise([3], (1, 4, 4))
    assert torch.equal(together[3], alone[0]) and not torch.equal(together[3], together[2])


@pytest.mark.parametrize("steps", [7, 10, 49, 1000])
def test_a_loop_that_subtracts_may_end_a_rounding_beside_zero(steps: int) -> None:
    t = 1.0
    for _ in range(steps):
        t = t - 1 / steps
    assert abs(t) < 1e-12 and SCHEDULE.sigma(t) == pytest.approx(0, abs=1e-9)
    assert check_time(1 + 1e-12) == 1 and check_time(-1e-12, zero=True) == 0
    for outside in (1 + 1e-6, -1e-6, float("nan")):
        with pytest.raises(els.CourseError, match="t must lie in"):
            check_time(outside, zero=True)
    with pytest.raises(els.CourseError, match="t must lie in"):
        check_time(-1e-12)


class Own(els.CosineSchedule):
    """The same numbers in another form."""

    form = staticmethod(torch.tensor)

    def alpha(self, t):
        return self.form(super().alpha(t))

    def sigma(self, t):
        return self.form(super().sigma(t))


class InNumpy(Own):
    form = staticmethod(np.array)


@pytest.mark.parametrize("schedule", [Own(), InNumpy()])
def test_numbers_of_a_schedule_may_be_tensors_or_arrays(schedule: els.CosineSchedule) -> None:
    """Also where so many images take part that compiled loops do the work."""
    images, noise = pictures(200, 1, 16, 16), els.seeded_noise([0], (1, 16, 16))
    for build in (partial(els.EquivariantLocalScoreMachine, patch_size=3), els.WienerFilter):
        plain = els.sample(build(images), noise, 3)
        torch.testing.assert_close(els.sample(build(images, schedule), noise, 3, schedule=schedule), plain)


class Reversed:
    """Time as flow matching counts it: t = 1 is clean."""

    def alpha(self, t):
        return float(t)

    def sigma(self, t):
        return 1 - float(t)

    def times(self, steps):
        return [1 - i / steps for i in range(steps)] + [0.0]


@pytest.mark.parametrize(
    "ask",
    [
        lambda images, x: els.LocalScoreMachine(images, Reversed(), patch_size=3)(x, 1.0),
        lambda images, x: els.IdealScoreMachine(images, Reversed())(x, 1.0),
        lambda images, x: els.WienerFilter(images, Reversed())(x, 1.0),
        lambda images, x: els.sample(lambda x_t, t: 0 * x_t, x, 3, schedule=Reversed()),
        lambda images, x: els.score_from_denoiser(x, x, 1.0, Reversed()),
    ],
)
def test_time_that_runs_the_other_way_is_refused(ask) -> None:
    with pytest.raises(els.CourseError, match=r"has no noise at t = 1 .*: time runs from 0, the clean image, to 1"):
        ask(pictures(5, 1, 6, 6), els.seeded_noise([0], (1, 6, 6)))


def test_a_schedule_may_be_learnt_and_has_one_number_for_each_time() -> None:
    angle = torch.tensor(1.2, requires_grad=True)

    class Learnt(els.CosineSchedule):
        alpha = lambda self, t: torch.cos(angle * t)  # noqa: E731
        sigma = lambda self, t: torch.sin(angle * t)  # noqa: E731

    noise = els.seeded_noise([0], (1, 4, 4))
    els.add_noise(pictures(1, 1, 4, 4), noise, 0.5, Learnt()).sum().backward()
    assert angle.grad is not None and angle.grad != 0
    leaf = type("Leaf", (els.CosineSchedule,), {"alpha": lambda self, t: torch.tensor(0.8, requires_grad=True)})()
    fixed = type("Fixed", (els.CosineSchedule,), {"alpha": lambda self, t: 0.8})()
    images, x = pictures(40, 1, 16, 16), els.seeded_noise([0], (1, 16, 16))
    machines = [els.EquivariantLocalScoreMachine(images, schedule, patch_size=3) for schedule in (leaf, fixed)]
    torch.testing.assert_close(*[m(x, 0.5) for m in machines])  # a machine learns nothing: its loops take numbers
    two = type("Two", (els.CosineSchedule,), {"alpha": lambda self, t: torch.ones(2)})()
    with pytest.raises(els.CourseError, match="must have one number as alpha and one as sigma"):
        els.add_noise(noise, noise, 0.5, two)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_alpha_and_sigma_are_finite(wrong: float) -> None:
    images = pictures(5, 1, 6, 6)
    for name in ("alpha", "sigma"):
        schedule = type("Wrong", (els.CosineSchedule,), {name: lambda self, t: wrong})()
        for ask in (
            lambda: els.add_noise(images, images, 0.5, schedule),  # noqa: B023
            lambda: els.LocalScoreMachine(images, schedule, patch_size=3)(images, 0.5),  # noqa: B023
        ):
            with pytest.raises(els.CourseError, match="one number as alpha and one as sigma, both finite, got"):
                ask()


def test_a_schedule_that_begins_with_a_little_too_much_noise_is_refused() -> None:
    class Loud(els.CosineSchedule):
        def sigma(self, t: float) -> float:
            return 1.03 * super().sigma(t)

    with pytest.raises(els.CourseError, match="begins with noise of variance 1"):
        els.sample(lambda x, t: x, torch.zeros(1, 1, 2, 2), 2, schedule=Loud())


def test_a_sampler_keeps_no_gradients() -> None:
    weight = torch.ones((), requires_grad=True)
    assert not els.sample(lambda x_t, t: weight * x_t, els.seeded_noise([0], (1, 4, 4)), 2).requires_grad


def test_noise_in_float64_has_all_its_digits() -> None:
    noise = els.seeded_noise([0], (1, 8, 8), torch.float64)
    assert (noise != noise.float().double()).all()


def test_schedules_are_compared_at_all_times() -> None:
    """Both begin alike; later one leaves more of the image."""

    class Bent(els.CosineSchedule):
        def theta(self, t: float) -> float:
            return super().theta(t) if t == 1 else super().theta(t**2)

    machine = els.IdealScoreMachine(els.load("fashion-mnist", 8, 10).images, Bent())
    with pytest.raises(els.CourseError, match="another schedule"):
        els.sample(machine, els.seeded_noise([0], (1, 8, 8)), 4)
