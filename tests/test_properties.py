"""What the theory says of the machines, true of the package's own: limits, symmetries, and what samples converge to."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from conftest import noised, pictures, python
from torch import Tensor

import elscourse as els
from elscourse import local_filter, patches, posterior, reference, shifts
from elscourse.bent_filter import find_curve

SCHEDULE = els.CosineSchedule()
MACHINES = {
    "is": els.IdealScoreMachine,
    "es": els.EquivariantScoreMachine,
    "ls": lambda v, **k: els.LocalScoreMachine(v, patch_size=3, **k),
    "els-zeros": lambda v, **k: els.EquivariantLocalScoreMachine(v, patch_size=3, **k),
    "els-circular": lambda v, **k: els.EquivariantLocalScoreMachine(v, patch_size=3, padding="circular", **k),
    "els-zeros-gaussian": lambda v, **k: els.EquivariantLocalScoreMachine(v, patch_size=3, window="gaussian", **k),
}


def equal(a: Tensor, b: Tensor, atol: float = 1e-9) -> None:
    torch.testing.assert_close(a, b.expand_as(a), rtol=0, atol=atol)


def data(n: int = 6, h: int = 6, w: int = 7) -> Tensor:
    return pictures(n, 2, h, w, dtype=torch.float64)


def seen(images: Tensor, t: float, batch: int = 3) -> Tensor:
    return noised(images, batch, SCHEDULE.alpha(t), SCHEDULE.sigma(t))


def test_one_training_image_is_all_that_is_and_ls_know() -> None:
    v = data(1)
    for machine in (els.IdealScoreMachine(v), els.LocalScoreMachine(v, patch_size=3)):
        equal(machine(seen(v, 0.7), 0.7), v)


def test_a_window_that_sees_everything_makes_ls_the_ideal_machine() -> None:
    v, t = data(), 0.95
    full = els.LocalScoreMachine(v, patch_size=2 * 7 - 1)
    equal(full(seen(v, t), t), els.IdealScoreMachine(v)(seen(v, t), t))
    smaller = els.LocalScoreMachine(v, patch_size=2 * 7 - 3)
    assert (smaller(seen(v, t), t) - full(seen(v, t), t)).abs().max() > 1e-6


def test_a_window_of_the_image_size_leaves_each_pixel_its_own_dictionary() -> None:
    v, t = data(4, 5, 5), 0.4
    own = els.EquivariantLocalScoreMachine(v, patch_size=5)
    equal(own(seen(v, t), t), els.LocalScoreMachine(v, patch_size=5)(seen(v, t), t))


def test_all_noise_leaves_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    v = data()
    noise = torch.randn(2, 2, 6, 7, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    monkeypatch.setattr(els.CosineSchedule, "alpha", lambda self, t: 0.0)
    monkeypatch.setattr(els.CosineSchedule, "sigma", lambda self, t: 1.0)
    equal(els.IdealScoreMachine(v)(noise, 1.0), v.mean(0))
    equal(els.LocalScoreMachine(v, patch_size=3)(noise, 1.0), v.mean(0))
    equal(els.WienerFilter(v)(noise, 1.0), v.mean(0))
    equal(els.LocalFilter(v, patch_size=3)(noise, 1.0), v.mean(0))
    grey = v.mean((0, 2, 3))[:, None, None]
    equal(els.EquivariantLocalScoreMachine(v, patch_size=3, padding="circular")(noise, 1.0), grey)
    zeros = els.EquivariantLocalScoreMachine(v, patch_size=3)(noise, 1.0)
    equal(zeros[:, :, 1:-1, 1:-1], v[:, :, 1:-1, 1:-1].mean((0, 2, 3))[:, None, None])
    equal(zeros[:, :, 0, 1:-1], v[:, :, 0, 1:-1].mean((0, 2))[:, None])
    equal(zeros[:, :, -1, -1], v[:, :, -1, -1].mean(0))


def test_no_noise_leaves_the_nearest_image() -> None:
    v = data()
    x_t = seen(v, 0.01)
    index, _ = els.nearest_training_image(x_t / SCHEDULE.alpha(0.01), v)
    equal(els.IdealScoreMachine(v)(x_t, 0.01), v[index], 1e-6)


def test_circular_els_commutes_with_every_shift_and_zeros_does_not() -> None:
    v, t = data(3, 5, 4), 0.3
    x_t = seen(v, t)
    circular = els.EquivariantLocalScoreMachine(v, patch_size=3, padding="circular")
    zeros = els.EquivariantLocalScoreMachine(v, patch_size=3)
    for shift in ((dy, dx) for dy in range(5) for dx in range(4)):
        moved = x_t.roll(shift, (-2, -1))
        equal(circular(moved, t), circular(x_t, t).roll(shift, (-2, -1)))
    assert (zeros(x_t.roll(2, -1), t) - zeros(x_t, t).roll(2, -1)).abs().max() > 1e-2


@pytest.mark.parametrize("name", MACHINES)
def test_how_the_work_is_cut_does_not_matter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    v, t = data(), 0.25
    x_t = seen(v, t, batch=5)
    whole = MACHINES[name](v)(x_t, t)
    equal(torch.cat([MACHINES[name](v)(x[None], t) for x in x_t]), whole, 1e-12)
    equal(MACHINES[name](v, memory=2**20)(x_t, t), whole, 1e-12)
    for pieces in ((3, 1, 1), (64, 5, 3000)):
        for setting, value in zip(("TILE", "KEYS", "BLOCK"), pieces, strict=True):
            monkeypatch.setattr(posterior, setting, value)
        equal(MACHINES[name](v)(x_t, t), whole, 1e-12)
    equal(MACHINES[name](v.flip(0))(x_t, t), whole, 1e-12)


@pytest.mark.parametrize("name", MACHINES)
def test_a_class_is_the_machine_of_its_images(name: str) -> None:
    v, t = data(), 0.3
    classes = torch.tensor([0, 1, 0, 2, 1, 0])
    machine = MACHINES[name](v, image_labels=classes)
    x_t = seen(v, t, batch=4)
    mixed = machine(x_t, t, labels=[2, 0, 1, 0])
    for i, label in enumerate([2, 0, 1, 0]):
        equal(mixed[i : i + 1], MACHINES[name](v[classes == label])(x_t[i : i + 1], t))
    equal(machine(x_t, t, labels=1), MACHINES[name](v[classes == 1])(x_t, t))


def test_a_filter_keeps_times_and_classes_apart() -> None:
    """What it has kept of one is not taken for another."""
    v, classes = data(6), torch.tensor([0, 1, 0, 1, 0, 1])
    kept = els.LocalFilter(v, patch_size=3, image_labels=classes)
    for t, label in [(0.2, None), (0.8, None), (0.2, 0), (0.2, 1), (0.8, 1), (0.2, None)]:
        new = els.LocalFilter(v if label is None else v[classes == label], patch_size=3)
        equal(kept(seen(v, t), t, labels=label), new(seen(v, t), t))


@pytest.mark.parametrize(("memory", "solved"), [(2**20, 2), (1, 3)])
def test_filters_are_kept_while_they_fit_into_the_memory(
    memory: int, solved: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    v, times = data(), []
    solve = els.LocalFilter._solve
    monkeypatch.setattr(els.LocalFilter, "_solve", lambda self, *given: times.append(given[-1]) or solve(self, *given))
    monkeypatch.setattr(local_filter, "MEMORY", memory)
    machine = els.LocalFilter(v, patch_size=3)
    for t in (0.5, 0.3, 0.5):
        machine(v, t)
    assert len(times) == solved


@pytest.mark.parametrize("schedule", [SCHEDULE, els.CosineSchedule(0.5)])
@pytest.mark.parametrize("told", [None, torch.tensor([0, 1, 0, 1, 0, 1])])
def test_a_bent_filter_is_right_on_average_and_nearer(told: torch.Tensor | None, schedule: els.CosineSchedule) -> None:
    """Where its curve was found: as bright as the images, in each channel, and with smaller errors."""
    v = data(6, 12, 12)
    straight = els.LocalFilter(v, schedule, patch_size=3, image_labels=told)
    x_t = els.add_noise(v, els.seeded_noise(range(5000, 5006), v.shape[1:]).double(), 0.6, schedule)
    bent = els.BentFilter(straight)(x_t, 0.6, labels=told)
    equal(bent.mean((0, 2, 3)), v.mean((0, 2, 3)))
    assert (bent - v).square().mean() < 0.95 * (straight(x_t, 0.6, labels=told) - v).square().mean()


def test_a_bent_filter_keeps_times_and_classes_apart() -> None:
    v, classes = data(6), torch.tensor([0, 1, 0, 1, 0, 1])
    linear = els.LocalFilter(v, patch_size=3, image_labels=classes)
    kept = els.BentFilter(linear)
    for t, label in [(0.2, None), (0.8, None), (0.2, 0), (0.2, 1), (0.8, 1), (0.2, None)]:
        equal(kept(seen(v, t), t, labels=label), els.BentFilter(linear)(seen(v, t), t, labels=label))


def one_class_after_the_other() -> els.ImageSet:
    """900 images in the order of a folder: those of the first class, dark ones, are more than a curve is found on."""
    shade = torch.tensor([-0.8, 0.8]).repeat_interleave(450)
    return els.ImageSet(0.2 * pictures(900, 1, 16, 16) + shade.view(-1, 1, 1, 1), (shade > 0).long(), ("dark", "light"))


def check_that_order_does_not_matter(bent: Callable[[els.ImageSet], Callable[..., Tensor]]) -> None:
    folder = one_class_after_the_other()
    order = torch.randperm(900, generator=torch.Generator().manual_seed(0))
    x_t = seen(folder.images.flip(0), 0.4)  # light ones
    one, other = (bent(some)(x_t, 0.4) for some in (folder, folder.subset(order)))
    assert one.mean() > 0.7 and (one - other).abs().mean() < 0.02


@pytest.mark.parametrize("told", [None, 1])
def test_the_curve_of_a_bent_filter_is_of_all_classes(told: int | None) -> None:
    def bent(images: els.ImageSet) -> Callable[..., Tensor]:
        filter = els.BentFilter(els.LocalFilter(images.images, patch_size=3, image_labels=images.labels))
        return lambda x_t, t: filter(x_t, t, told)

    check_that_order_does_not_matter(bent)


def test_a_lab_bends_filters_by_all_classes_even_if_its_network_knows_none() -> None:
    lab = els.lab(verbose=False)
    assert not lab.network.conditional
    check_that_order_does_not_matter(lambda images: replace(lab, data=images).machine("bent-local-filter"))


def test_a_wiener_filter_goes_back_to_what_all_images_share_with_hardly_any_noise() -> None:
    """Fewer images than pixels: along all other directions they do not vary, up to rounding, which is no variance."""
    v = data(20)
    x_t, m = torch.randn(4, *v.shape[1:], generator=torch.Generator().manual_seed(6), dtype=torch.float64), v.mean(0)
    along = torch.linalg.svd((v - m).flatten(1), full_matrices=False).Vh[:-1]
    expected = m.flatten() + (x_t - m).flatten(1) @ along.T @ along
    torch.testing.assert_close(els.WienerFilter(v)(x_t, 1e-9).flatten(1), expected, rtol=0, atol=1e-6)


def test_what_a_bent_filter_calls_brightest_is_not_grey() -> None:
    """Strokes on white paper: many answers share the largest value, and a brighter one may come."""
    paper = torch.ones(3, 1, 8, 8)
    paper[:, :, 2:6, 2:6] = -1
    paper[1, 0, 0, 0], paper[2, 0, 4, 4] = -1, 1
    images = paper.clone().requires_grad_()  # which is none of its business
    straight = els.WienerFilter(images)
    x_t = els.add_noise(paper[2:].repeat(50, 1, 1, 1), els.seeded_noise(range(50), (1, 8, 8)), 0.5)
    bent, answers = els.BentFilter(straight)(x_t, 0.5), straight(x_t, 0.5)
    assert (answers > 1).any() and torch.equal(bent[answers > 1], torch.ones_like(bent[answers > 1]))


def test_almost_without_noise_a_bent_filter_changes_nothing() -> None:
    """Up to the width of a bin, in which lie one two-hundredth of the pixels."""
    v = data(40, 12, 12)
    x_t = seen(v, 1e-3)
    steps = find_curve(els.LocalFilter(v, patch_size=3), v, 1e-3).mean.diff()
    assert (steps > 0).all()
    inside = (v.amin() + 0.1 < x_t) & (x_t < v.amax() - 0.1)
    gap = (els.BentFilter(els.LocalFilter(v, patch_size=3))(x_t, 1e-3) - x_t)[inside].abs()
    assert inside.double().mean() > 0.8 and gap.max() < 3 * steps.max()


def test_the_boundary_classes_are_those_with_one_padding_pattern() -> None:
    for height, width, size in ((6, 6, 3), (5, 8, 5), (4, 9, 7), (3, 3, 5)):
        found = {
            frozenset(group.tolist()) for places in patches.boundary_classes(height, width, size) for group in places
        }
        literal: dict = {}
        for row in range(height):
            for column in range(width):
                pattern = reference.boundary_class(row, column, height, width, size)
                literal.setdefault(pattern, set()).add(row * width + column)
        assert found == {frozenset(places) for places in literal.values()}
    assert sum(len(g) for g in patches.boundary_classes(9, 10, 5)) == 25, "P^2 dictionaries"


def test_ideal_samples_are_training_images(generator: torch.Generator) -> None:
    v = els.load("fashion-mnist", size=16, n=300).images
    x = els.sample(els.IdealScoreMachine(v), torch.randn(32, 1, 16, 16, generator=generator))
    _, distance = els.nearest_training_image(x, v)
    assert distance.max() < 1e-3


def test_equivariant_samples_are_shifted_training_images(generator: torch.Generator) -> None:
    v = els.load("fashion-mnist", size=16, n=20).images
    machine = els.EquivariantScoreMachine(v)
    x = els.sample(machine, torch.randn(6, 1, 16, 16, generator=generator))
    post = machine.posterior(x, 0.01, top=1)
    for sample, image, shift in zip(x, post.image[:, 0], post.location[:, 0], strict=True):
        equal(sample, v[image].roll((-int(shift[0]), -int(shift[1])), (-2, -1)), 1e-3)


def test_local_samples_become_locally_consistent() -> None:
    """The theorem is about t -> 0: with geometric last steps every pixel ends on its nearest patch's centre."""
    v = torch.tensor([-1.0, 1.0])[:, None, None, None].expand(2, 1, 8, 8).double()
    machine = els.EquivariantLocalScoreMachine(v, patch_size=3, padding="circular")
    noise = els.seeded_noise(range(20), (1, 8, 8), torch.float64)
    uniform = els.CosineSchedule().times(20)
    geometric = uniform[:-1] + [0.05 * 0.5**k for k in range(1, 30)] + [0.0]

    def consistent(times: list[float]) -> float:
        done = els.sample(machine, noise, times=times)
        return sum(bool(reference.locally_consistent(x, v, 3, "circular", tolerance=1e-3).all()) for x in done) / len(
            done
        )

    assert consistent(geometric) == 1
    assert consistent(uniform) < 1


def test_score_is_the_gradient_of_the_log_density() -> None:
    v, t = data(), 0.4
    x_t = seen(v, t).requires_grad_()
    reference.log_density(x_t, v, SCHEDULE.alpha(t), SCHEDULE.sigma(t)).sum().backward()
    score = els.score_from_denoiser(els.IdealScoreMachine(v)(x_t.detach(), t), x_t.detach(), t)
    equal(score, x_t.grad, 1e-8)


@pytest.mark.parametrize("name", ["ls", "els-circular"])
def test_a_start_in_exact_balance_between_black_and_white_stays_grey(name: str) -> None:
    """The theorem of lesson 05 leaves ties: here limits exist, and no pixel is the centre of a patch."""
    machine = MACHINES[name](torch.stack([torch.ones(1, 4, 4), -torch.ones(1, 4, 4)]).double())
    balanced = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    equal(els.sample(machine, balanced, steps=20), balanced)
    tipped = els.sample(machine, balanced + 1e-3, steps=20)
    equal(tipped, torch.ones_like(tipped), atol=1e-6)


def test_a_circular_window_of_the_shorter_side_sees_all_only_of_a_square() -> None:
    for h, w, alike in ((5, 5, True), (5, 7, False)):
        v = data(h=h, w=w)
        local = els.EquivariantLocalScoreMachine(v, patch_size=5, padding="circular")
        apart = (local(seen(v, 0.4), 0.4) - els.EquivariantScoreMachine(v)(seen(v, 0.4), 0.4)).abs().max()
        assert (apart < 1e-9) == alike


def test_twenty_steps_favour_images_near_the_mean_and_a_hundred_hardly() -> None:
    """Lesson 02: the exact flow gives each training image the same probability, a coarse one only nearly so."""
    v = els.load("fashion-mnist", size=16, n=100).images
    distance = (v - v.mean(0)).flatten(1).norm(dim=1)
    near, noise = distance <= distance.quantile(0.25), els.seeded_noise(range(4000), v.shape[1:])
    share = {}
    for steps in (20, 100):
        index, _ = els.nearest_training_image(els.sample(els.IdealScoreMachine(v), noise, steps), v)
        share[steps] = near[index].double().mean().item()
    # the fair share is 0.25, in 4,000 fair draws with a standard deviation of 0.007
    assert share[20] > 0.28 and abs(share[100] - 0.25) < 0.02


@pytest.mark.parametrize(
    ("network", "n"), [("fashion-mnist-16-resnet-zeros", 50), ("fashion-mnist-28-resnet-zeros-conditional", 20)]
)
def test_the_network_has_the_loss_of_its_windows_not_of_its_receptive_field(network: str, n: int) -> None:
    """As the lecture plan says: of a window of 17 x 17 the loss would be far lower."""
    lab = els.lab(network=network, verbose=False)
    x_0, labels = lab.data.images[:n], None if lab.image_labels is None else lab.image_labels[:n]
    denoisers = {
        "17 x 17": lab.patch_machine("ls", 17),
        "calibrated": lab.machine("els-zeros"),
        "network": lab.network,
    }
    loss = dict.fromkeys(denoisers, 0.0)
    for k in range(10):  # as in training, evenly over (0, 1]
        t = (k + 0.5) / 10
        eps = els.seeded_noise(range(n * k, n * (k + 1)), lab.shape)
        x_t = els.add_noise(x_0, eps, t)
        for name, denoiser in denoisers.items():
            error = eps - els.noise_from_denoiser(denoiser(x_t, t, labels=labels), x_t, t, lab.schedule)
            loss[name] += error.square().mean().item() / 10
    assert loss["17 x 17"] < loss["network"] / 4, loss
    assert loss["calibrated"] == pytest.approx(loss["network"], rel=0.1), loss


class Flow(els.CosineSchedule):
    """Straight lines from image to noise, as in flow matching: at t = 1 no trace of the image is left."""

    alpha = staticmethod(lambda t: 1 - t)  # type: ignore[assignment]
    sigma = staticmethod(lambda t: t)  # type: ignore[assignment]


@pytest.mark.parametrize(
    "place", ["torch.backends", "torch.backends.cuda.matmul", "torch.backends.cudnn", "torch.backends.mkldnn.matmul"]
)
def test_a_program_may_choose_the_precision_of_its_products(place: str) -> None:
    """In a process of its own: the settings are the whole program's."""
    lines = [
        "import torch, elscourse as els",
        "v = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))",
        "before = els.IdealScoreMachine(v)(v, 0.5)",
        f"{place}.fp32_precision = 'tf32' if {'cud' in place} else 'bf16'",
        "chosen = [op.fp32_precision for op in (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)]",
        "assert torch.equal(els.IdealScoreMachine(v)(v, 0.5), before)",
        "assert chosen == [op.fp32_precision for op in (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)]",
    ]
    python("-c", "\n".join(lines))


def test_filters_keep_full_precision_whatever_a_program_has_chosen() -> None:
    """Like the machines they are compared with. (Where a processor has no bfloat16 products it was right before.)"""
    lines = [
        "import torch, elscourse as els",
        "v = torch.rand(40, 1, 12, 12, generator=torch.Generator().manual_seed(0)) * 2 - 1",
        "filters = [els.LocalFilter(v, patch_size=5), els.LocalFilter(v, patch_size=5, equivariant=True)]",
        "filters += [els.WienerFilter(v), els.BentFilter(filters[0])]",
        "before = [of(v[:3], 0.2) for of in filters]",
        "torch.set_float32_matmul_precision('medium')",
        "for of, was in zip(filters, before):",
        "    torch.testing.assert_close(of(v[:3], 0.2), was, rtol=0, atol=1e-6)",
    ]
    python("-c", "\n".join(lines))


def test_a_program_keeps_its_choice_when_several_threads_ask() -> None:
    """The one that is ready first must not end full precision for the other, nor the last one keep it for good."""
    lines = [
        "import torch",
        "from elscourse.posterior import full_precision",
        "torch.backends.mkldnn.matmul.fp32_precision = 'bf16'",
        "full_precision.__enter__(), full_precision.__enter__(), full_precision.__exit__()",
        "assert torch.backends.mkldnn.matmul.fp32_precision == 'ieee'",
        "full_precision.__exit__()",
        "assert torch.backends.mkldnn.matmul.fp32_precision == 'bf16'",
    ]
    python("-c", "\n".join(lines))


def test_who_asks_for_full_precision_is_counted_under_a_lock() -> None:
    full, seen = posterior._FullPrecision(), []

    class Lock:
        def __enter__(self) -> None:
            seen.append(full._users)

        def __exit__(self, *_: object) -> None:
            seen.append(full._users)

    full._counting = Lock()  # type: ignore[assignment]
    with full:
        pass
    assert seen == [0, 1, 1, 0]


def test_a_machine_of_images_that_ask_for_a_gradient_can_be_copied() -> None:
    images = pictures(4, 1, 8, 8).requires_grad_()
    machine, x_t = els.IdealScoreMachine(images), torch.rand(1, 1, 8, 8)
    assert torch.equal(copy.deepcopy(machine)(x_t, 0.5), machine(x_t, 0.5))


def test_a_program_may_change_its_mind_about_the_precision() -> None:
    """What an operation inherits, it goes on inheriting after a machine was asked."""
    lines = [
        "import torch, elscourse as els",
        "v = torch.rand(4, 1, 8, 8)",
        "torch.backends.fp32_precision = 'tf32'",
        "els.IdealScoreMachine(v)(v, 0.5)",
        "torch.backends.fp32_precision = 'ieee'",
        "assert torch.backends.cuda.matmul.fp32_precision == torch.backends.mkldnn.matmul.fp32_precision == 'ieee'",
    ]
    python("-c", "\n".join(lines))


@pytest.mark.parametrize("kind", [els.WienerFilter, lambda v: els.LocalFilter(v, patch_size=3)])
@pytest.mark.parametrize("bent", [False, True])
def test_a_time_that_is_a_tensor_may_change_in_place(kind: Callable[..., els.WienerFilter], bent: bool) -> None:
    """Filters and curves are kept by the number."""
    v, t = data(), torch.tensor(0.9, dtype=torch.float64)
    kept, fresh = (els.BentFilter(kind(v)) if bent else kind(v) for _ in range(2))
    x_t = seen(v, 0.5)
    kept(x_t, t)
    t -= 0.5
    equal(kept(x_t, t), fresh(x_t, float(t)))


@pytest.mark.parametrize("tolerance", [None, 1e-3])
@pytest.mark.parametrize("patch_size", [3, 7])
@pytest.mark.parametrize("padding", ["zeros", "circular"])
def test_where_no_trace_is_left_everybody_votes_alike(padding: str, patch_size: int, tolerance: float | None) -> None:
    """In float32 too, and for enough images that the compiled loops would answer."""
    v = pictures(60, 3, 16, 16).float()
    options = {"patch_size": patch_size, "padding": padding, "tolerance": tolerance}
    x_t = els.seeded_noise([0, 1], (3, 16, 16))
    machine = els.EquivariantLocalScoreMachine(v, Flow(), **options)
    exact = els.EquivariantLocalScoreMachine(v.double(), Flow(), **options | {"tolerance": None})
    assert (machine(x_t, 1.0) - exact(x_t.double(), 1.0)).abs().max() < 1e-5
    if padding == "circular":
        assert (machine(x_t, 1.0) - v.mean((0, 2, 3))[:, None, None]).abs().max() < 1e-5
    assert els.sample(machine, x_t, 3, schedule=Flow()).isfinite().all()


def test_a_gaussian_window_is_a_quarter_of_the_patch_wide() -> None:
    for size in (1, 3, 7):
        equal(patches.gaussian_window(size), reference.gaussian_window(size, size / 4))


def test_a_window_compares_all_its_numbers_and_fewer_where_most_weigh_little() -> None:
    assert shifts.depth(3, torch.ones(4)) == 3 * 7**2
    assert 1 < shifts.depth(1, patches.gaussian_taps(7)) < 7**2
