"""Every machine against its formula, written out in `reference`, on random shapes, classes and ways to cut the work."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from conftest import noised, pictures
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

import elscourse as els
from elscourse import patches, posterior, reference, shifts
from elscourse.machines import PatchMachine

SCHEDULE = els.CosineSchedule()
TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-9}


@dataclass
class Case:
    """One random situation: images, their classes, a noisy batch, a time, and the sizes of the engine's pieces."""

    images: Tensor
    image_labels: Tensor
    x_t: Tensor
    labels: Tensor | None
    t: float
    patch_size: int
    padding: str
    width: float | None  # of a gaussian window, in patch sizes
    pieces: dict[str, int]
    sliding: dict[str, int]

    @property
    def angle(self) -> tuple[float, float]:
        return SCHEDULE.alpha(self.t), SCHEDULE.sigma(self.t)

    @property
    def window(self) -> Tensor | None:
        return None if self.width is None else reference.gaussian_window(self.patch_size, self.width * self.patch_size)

    def options(self) -> dict:
        return {"patch_size": self.patch_size, "window": "square" if self.width is None else "gaussian"}

    def answer(self, machine: type, **options: object) -> Tensor:
        with (
            patch.multiple(posterior, **self.pieces),
            patch.multiple(shifts, **self.sliding),
            patch.object(patches, "GAUSSIAN_WIDTH", self.width),
        ):
            built = machine(self.images, SCHEDULE, image_labels=self.image_labels, **options)
            return built(self.x_t, self.t, labels=self.labels)

    def expected(self, formula, *arguments: object) -> Tensor:
        """The formula, item by item, each with the images of its class."""
        rows = []
        for i, x in enumerate(self.x_t):
            mine = slice(None) if self.labels is None else self.image_labels == self.labels[i]
            rows.append(formula(x[None], self.images[mine], *self.angle, *arguments))
        return torch.cat(rows)

    def check(self, actual: Tensor, expected: Tensor) -> None:
        assert actual.dtype == self.images.dtype
        torch.testing.assert_close(actual.double(), expected, rtol=0, atol=TOLERANCE[self.images.dtype])


@st.composite
def cases(draw, *paddings: str) -> Case:
    c, h, w = draw(st.integers(1, 3)), draw(st.integers(3, 7)), draw(st.integers(3, 7))
    n, batch = draw(st.one_of(st.integers(1, 6), st.just(40))), draw(st.integers(1, 4))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    t = draw(st.sampled_from([0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.8, 1.0]))
    padding = draw(st.sampled_from(paddings or ("zeros", "circular")))
    largest = min(h, w) if padding == "circular" else 2 * max(h, w) - 1
    patch_size = 2 * draw(st.integers(0, (largest - 1) // 2)) + 1
    images = pictures(n, c, h, w, seed=draw(st.integers(0, 999)), dtype=dtype)
    image_labels = torch.arange(n) % 2
    known = st.sampled_from(sorted(set(image_labels.tolist())))
    labels = torch.tensor([draw(known) for _ in range(batch)]) if draw(st.booleans()) else None
    x_t = noised(images, batch, SCHEDULE.alpha(t), SCHEDULE.sigma(t), seed=draw(st.integers(0, 999)))
    width = draw(st.one_of(st.none(), st.floats(0.1, 1.3)))
    # from one key at a time to everything at once
    pieces = {"TILE": draw(st.sampled_from([4, 60, 2**19])), "KEYS": draw(st.sampled_from([1, 7, 128]))}
    pieces["BLOCK"] = draw(st.sampled_from([1, 5000, 2**25]))
    # by cutting patches, or by sliding images: in one part or in several
    sliding = {"WORTH": draw(st.sampled_from([0, 2**24])), "PARTS": draw(st.sampled_from([1, 5, 16]))}
    return Case(images, image_labels, x_t, labels, t, patch_size, padding, width, pieces, sliding)


@given(cases())
def test_ideal(case: Case) -> None:
    case.check(case.answer(els.IdealScoreMachine), case.expected(reference.ideal))


@given(cases())
def test_equivariant(case: Case) -> None:
    case.check(case.answer(els.EquivariantScoreMachine), case.expected(reference.equivariant))


@given(cases())
def test_local(case: Case) -> None:
    actual = case.answer(els.LocalScoreMachine, **case.options())
    case.check(actual, case.expected(reference.local, case.patch_size, case.window))


@given(cases())
def test_equivariant_local(case: Case) -> None:
    actual = case.answer(els.EquivariantLocalScoreMachine, **case.options(), padding=case.padding)
    case.check(actual, case.expected(reference.equivariant_local, case.patch_size, case.padding, case.window))


class LocalOnTheTorus(els.LocalScoreMachine):
    """A machine as someone may add it: LS whose windows are taken around. Each path of the engine must do so."""

    padding = "circular"


def local_on_the_torus(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, patch_size: int, window: Tensor | None = None
) -> Tensor:
    """LS inside pictures that have their own pixels around them."""
    r = patch_size // 2
    around = [torch.nn.functional.pad(a, (r, r, r, r), mode="circular") for a in (x_t, images)]
    inner = slice(r, -r or None)
    return reference.local(*around, alpha, sigma, patch_size, window)[..., inner, inner]


@given(cases("circular"))
def test_local_on_the_torus(case: Case) -> None:
    actual = case.answer(LocalOnTheTorus, **case.options())
    case.check(actual, case.expected(local_on_the_torus, case.patch_size, case.window))


def test_windows_taken_around_have_a_largest_size_with_any_machine() -> None:
    with pytest.raises(els.CourseError, match="a patch of 7 would wrap onto itself: the shorter side is 6"):
        LocalOnTheTorus(pictures(2, 1, 6, 9), patch_size=7)


@given(cases())
def test_wiener(case: Case) -> None:
    built = els.WienerFilter(case.images, SCHEDULE, image_labels=case.image_labels)
    with patch("elscourse.pieces.PIECE", case.pieces["BLOCK"]):  # one image at a time, some, or all
        case.check(built(case.x_t, case.t, labels=case.labels), case.expected(reference.wiener))


@pytest.mark.parametrize("equivariant", [False, True])
@given(cases())
def test_local_filter(equivariant: bool, case: Case) -> None:
    looks: dict = {"patch_size": case.patch_size, "padding": case.padding, "equivariant": equivariant}
    built = els.LocalFilter(case.images, SCHEDULE, **looks, image_labels=case.image_labels)
    with patch("elscourse.local_filter.MEMORY", case.pieces["BLOCK"]):  # one x_t at a time and nothing kept, or all
        for _ in range(2):
            answer = built(case.x_t, case.t, labels=case.labels)
            case.check(answer, case.expected(partial(reference.local_wiener, **looks)))


def test_the_windows_of_a_local_filter_keep_to_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many of the batch at once as fit, at least one; how many does not change the answer."""
    images = pictures(12, 2, 6, 6, seed=3)
    x_t = noised(images, 9, SCHEDULE.alpha(0.3), SCHEDULE.sigma(0.3))
    built, met, original = els.LocalFilter(images, patch_size=3), [], patches.windows
    expected = built(x_t, 0.3)  # the filter itself is kept
    monkeypatch.setattr(patches, "windows", lambda some, *more: met.append(len(some)) or original(some, *more))
    one = original(x_t[:1], 3, "zeros").numel() * x_t.element_size()
    for budget, parts in ((9 * one, [9]), (4 * one, [4, 4, 1]), (4 * one - 1, [3, 3, 3]), (1, 9 * [1])):
        monkeypatch.setattr("elscourse.local_filter.MEMORY", budget)
        met.clear()
        torch.testing.assert_close(built(x_t, 0.3), expected, rtol=0, atol=1e-6)
        assert met == parts


def test_a_local_filter_does_not_depend_on_the_default_type() -> None:
    images = pictures(12, 1, 20, 20, seed=3)
    x_t = noised(images, 1, SCHEDULE.alpha(0.3), SCHEDULE.sigma(0.3))
    expected = els.LocalFilter(images, patch_size=3)(x_t, 0.3)
    torch.set_default_dtype(torch.bfloat16)
    try:
        answer = els.LocalFilter(images, patch_size=3)(x_t, 0.3)
    finally:
        torch.set_default_dtype(torch.float32)
    torch.testing.assert_close(answer, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("padding", ["zeros", "circular"])
def test_local_filter_of_plain_images_after_sixty_halvings(padding: patches.Padding) -> None:
    """Two images, all -1 and all 1: alpha sum / (n alpha^2 + sigma^2) of the n pixels that a window sees, also where
    their covariance alone has no inverse."""
    grey = torch.tensor([-1.0, 1.0], dtype=torch.float64).view(2, 1, 1, 1).expand(2, 1, 6, 6).clone()
    x_t = torch.randn(2, 1, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    windows = partial(F.pad, mode="constant" if padding == "zeros" else padding)
    total, n = (F.avg_pool2d(windows(x, (1, 1, 1, 1)), 3, 1, divisor_override=1) for x in (x_t, torch.ones_like(x_t)))
    for t in (1.0, 0.5, 2.0**-60):
        alpha, sigma = SCHEDULE.alpha(t), SCHEDULE.sigma(t)
        for equivariant in (False, True):
            built = els.LocalFilter(grey, SCHEDULE, patch_size=3, padding=padding, equivariant=equivariant)
            expected = alpha * total / (n * alpha**2 + sigma**2)
            torch.testing.assert_close(built(x_t, t), expected, rtol=0, atol=1e-5)


def test_local_filter_of_images_that_hardly_differ() -> None:
    """By a thousandth, which still is far more than the noise."""
    images = 1e-3 * pictures(30, 1, 5, 5, dtype=torch.float64)
    alpha, sigma = SCHEDULE.alpha(1e-4), SCHEDULE.sigma(1e-4)
    x_t = noised(images, 2, alpha, sigma)
    expected = reference.local_wiener(x_t, images, alpha, sigma, 3)
    torch.testing.assert_close(els.LocalFilter(images, patch_size=3)(x_t, 1e-4), expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("kind", ["wiener", "local", "equivariant"])
@settings(max_examples=15)  # each takes its time
@given(cases())
def test_bent_filter(kind: str, case: Case) -> None:
    """One number at a time, with lists: to the answer of a filter, the mean clean pixel of its bin."""
    images, image_labels = case.images, case.image_labels
    if kind == "wiener":
        straight: els.WienerFilter | els.LocalFilter = els.WienerFilter(images, SCHEDULE, image_labels=image_labels)
    else:
        looks: dict = {"patch_size": case.patch_size, "padding": case.padding, "equivariant": kind == "equivariant"}
        straight = els.LocalFilter(images, SCHEDULE, **looks, image_labels=image_labels)
    eps = els.seeded_noise(range(5000, 5000 + len(images)), images.shape[1:]).to(images.dtype)
    told = None if case.labels is None else image_labels
    seen = straight(els.add_noise(images, eps, case.t), case.t, told)
    answer = straight(case.x_t, case.t, case.labels)
    expected = torch.empty_like(answer)
    for channel in range(images.shape[1]):
        pairs = sorted(zip(seen[:, channel].flatten().tolist(), images[:, channel].flatten().tolist(), strict=True))
        bins = min(200, len(pairs))
        tops = [pairs[(k + 1) * len(pairs) // bins - 1][0] for k in range(bins - 1)]  # the largest answer of a bin
        for place in torch.cartesian_prod(*map(torch.arange, expected[:, channel].shape)).tolist():
            mine = answer[place[0], channel, place[1], place[2]].item()
            below = max((top for top in tops if top < mine), default=-torch.inf)
            above = min((top for top in tops if top >= mine), default=torch.inf)
            here = [clean for theirs, clean in pairs if below < theirs <= above]
            expected[place[0], channel, place[1], place[2]] = sum(here) / len(here)
    bent = els.BentFilter(straight)
    for _ in range(2):  # found, then kept
        case.check(bent(case.x_t, case.t, labels=case.labels), expected.double())


def dense_weights(post: els.Posterior, shape: tuple[int, ...]) -> Tensor:
    """A posterior with every voter listed -> weights over (..., N, H, W)."""
    n, h, w = shape
    flat = (post.image * h + post.location[..., 0]) * w + post.location[..., 1]
    voted = post.image >= 0
    dense = torch.zeros(*post.image.shape[:-1], n * h * w, dtype=torch.float64)
    dense.scatter_add_(-1, flat.where(voted, 0), post.weight.double().where(voted, 0))
    return dense.view(*post.image.shape[:-1], n, h, w)


@pytest.mark.parametrize("machine", ["is", "es", "ls", "els-zeros", "els-circular"])
@given(cases())
def test_posterior_lists_the_weights_of_the_formula(machine: str, case: Case) -> None:
    n, _, h, w = case.images.shape
    largest_odd = min(h, w) - 1 + min(h, w) % 2
    size, everyone = min(case.patch_size, largest_odd), n * h * w
    built, formula = {
        "is": lambda: (els.IdealScoreMachine(case.images), reference.ideal_weights),
        "es": lambda: (els.EquivariantScoreMachine(case.images), reference.equivariant_weights),
        "ls": lambda: (
            els.LocalScoreMachine(case.images, patch_size=size),
            lambda *a: reference.local_weights(*a, size),
        ),
        "els-zeros": lambda: (
            els.EquivariantLocalScoreMachine(case.images, patch_size=size),
            lambda *a: reference.equivariant_local_weights(*a, size, "zeros"),
        ),
        "els-circular": lambda: (
            els.EquivariantLocalScoreMachine(case.images, patch_size=size, padding="circular"),
            lambda *a: reference.equivariant_local_weights(*a, size, "circular"),
        ),
    }[machine]()
    with patch.multiple(posterior, **case.pieces):
        post = built.posterior(case.x_t, case.t, top=everyone)
    expected = formula(case.x_t, case.images, *case.angle)
    actual = dense_weights(post, (n, h, w))
    if machine == "is":  # no shift: everything at (0, 0)
        actual = actual[..., 0, 0]
    if machine == "ls":  # every voter sits at the pixel itself
        rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        actual = torch.stack(
            [actual[:, i, j, :, i, j] for i, j in zip(rows.flatten(), columns.flatten(), strict=True)], 1
        )
        actual = actual.view(len(case.x_t), h, w, n)
    torch.testing.assert_close(actual, expected, rtol=0, atol=2e-5)
    assert (post.weight.diff(dim=-1) <= 1e-7).all(), "heaviest first"
    torch.testing.assert_close(post.weight.sum(-1).double(), torch.ones(post.entropy.shape).double(), rtol=0, atol=1e-5)
    over = {"is": (1,), "es": (1, 2, 3), "ls": (3,)}.get(machine, (3, 4, 5))
    entropy = -torch.special.xlogy(expected, expected).sum(over)
    torch.testing.assert_close(post.entropy.double(), entropy, rtol=0, atol=2e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_votes_are_as_precise_as_the_images(dtype: torch.dtype) -> None:
    """Two that are level have half of the votes each, and the entropy is log 2, in all digits of that type."""
    images = pictures(1, 1, 4, 4, dtype=dtype).repeat(2, 1, 1, 1)
    x_t = noised(images, 3, SCHEDULE.alpha(0.5), SCHEDULE.sigma(0.5))
    digits = {"rtol": 0, "atol": 1000 * torch.finfo(dtype).eps}
    for machine in (els.IdealScoreMachine(images), els.LocalScoreMachine(images, patch_size=3)):
        votes = machine.posterior(x_t, 0.5, top=3)
        assert (votes.image[..., 2] == -1).all() and (votes.location[..., 2, :] == -1).all(), "only two may vote"
        votes = machine.posterior(x_t, 0.5, top=2)
        assert votes.weight.dtype == votes.entropy.dtype == dtype
        torch.testing.assert_close(votes.weight, torch.full_like(votes.weight, 1 / 2), **digits)
        torch.testing.assert_close(votes.entropy, torch.full_like(votes.entropy, math.log(2)), **digits)


@given(cases())
def test_posterior_of_a_class_names_images_as_given(case: Case) -> None:
    assume(case.labels is not None)
    machine = els.EquivariantLocalScoreMachine(case.images, patch_size=1, image_labels=case.image_labels)
    post = machine.posterior(case.x_t, case.t, top=2, labels=case.labels)
    voters = post.image.flatten(1)
    for mine, label in zip(voters, case.labels, strict=True):
        assert set(case.image_labels[mine[mine >= 0]].tolist()) == {int(label)}


@pytest.mark.parametrize("worth", [0, 2**24])
def test_near_duplicates_at_low_noise(worth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images 1e-3 apart at t = 0.005: in float32 the expanded logits would be wrong by whole units."""
    monkeypatch.setattr(shifts, "WORTH", worth)
    base = pictures(1, 3, 16, 16, seed=3)
    images = torch.cat([base, base + 1e-3 * pictures(3, 3, 16, 16, seed=4)])
    for t in (0.005, 0.02, 0.1):
        x_t = noised(images, 4, SCHEDULE.alpha(t), SCHEDULE.sigma(t))
        for machine, formula in (
            (els.IdealScoreMachine(images), reference.ideal),
            (els.LocalScoreMachine(images, patch_size=5), lambda *a: reference.local(*a, 5)),
        ):
            expected = formula(x_t, images, SCHEDULE.alpha(t), SCHEDULE.sigma(t))
            torch.testing.assert_close(machine(x_t, t).double(), expected, rtol=0, atol=2e-5)


def test_a_large_window_after_a_small_one_keeps_its_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are 23 times as long as those of the first window: how float32 rounds must be judged anew."""
    monkeypatch.setattr(shifts, "WORTH", 0)
    white = 1 - 0.02 * pictures(2, 3, 24, 24, seed=3).abs()
    images = torch.cat([white, -white])
    for t in (0.06, 0.07, 0.08):
        machine = els.LocalScoreMachine(images, patch_size=[(1.0, 1), (t, 23)])
        machine(pictures(1, 3, 24, 24), 1.0)
        x_t = noised(images, 4, SCHEDULE.alpha(t), SCHEDULE.sigma(t))
        exact = els.LocalScoreMachine(images.double(), patch_size=23)(x_t.double(), t)
        torch.testing.assert_close(machine(x_t, t).double(), exact, rtol=0, atol=2e-6)


def machine_and_formula(
    kind: str, images: Tensor, size: int, window: str = "square"
) -> tuple[PatchMachine, Callable[..., Tensor]]:
    """LS, LS on the torus, or ELS with that padding."""
    look: dict = {"patch_size": size, "window": window}
    by_hand = look | {"window": None if window == "square" else reference.gaussian_window(size, 0.25 * size)}
    if kind == "ls":
        return els.LocalScoreMachine(images, **look), partial(reference.local, **by_hand)
    if kind == "ls-torus":
        return LocalOnTheTorus(images, **look), partial(local_on_the_torus, **by_hand)
    machine = els.EquivariantLocalScoreMachine(images, **look, padding=kind)  # type: ignore[arg-type]
    return machine, partial(reference.equivariant_local, **by_hand, padding=kind)


@pytest.mark.parametrize(
    ("kind", "size", "window"),
    [
        ("zeros", 3, "square"),
        ("zeros", 13, "square"),
        ("circular", 7, "square"),
        ("zeros", 7, "gaussian"),
        ("ls", 9, "square"),
    ],
)
def test_far_from_all_images_sums_are_float64(
    kind: str, size: int, window: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A float32 of so large a distance has no digits left that tell keys apart; the compiled loops have float64 too."""
    monkeypatch.setattr(shifts, "WORTH", 0)
    images = 0.1 * pictures(70, 2, 10, 11, seed=9)
    images[::2] += 0.9
    x_t = 2 + 0.1 * pictures(3, 2, 10, 11, seed=10)
    machine, formula = machine_and_formula(kind, images, size, window)
    monkeypatch.setattr(machine, "_questions", lambda *_: pytest.fail("not by the compiled loops"))
    for t in (0.01, 0.03):
        exact = formula(x_t, images, SCHEDULE.alpha(t), SCHEDULE.sigma(t))
        torch.testing.assert_close(machine(x_t, t).double(), exact, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["circular", "zeros", "ls"])
def test_with_hardly_any_noise_at_all(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After seventy halvings of the last step a squared distance is no float32; then float64 has none either."""
    monkeypatch.setattr(shifts, "WORTH", 0)
    images = pictures(70, 1, 8, 9, seed=9)
    machine, _ = machine_and_formula(kind, images, 3, "square")
    x_t = images[:2] + 0.01 * pictures(2, 1, 8, 9, seed=10)
    for halvings in (40, 70, 300):
        torch.testing.assert_close(machine(x_t, 0.05 * 0.5**halvings), machine(x_t, 1e-6), rtol=0, atol=1e-5)
    with pytest.raises(
        els.CourseError, match=r"sigma = \S+e-200 at t = 1e-200, whose square is 0 .*: ask at a larger t"
    ):
        machine(x_t, 1e-200)


@pytest.mark.parametrize("kind", ["circular", "zeros", "ls"])
def test_far_from_all_images_with_hardly_any_noise(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In units of such noise x_t is farther from the images than those that only fill up a chunk."""
    monkeypatch.setattr(shifts, "WORTH", 0)
    machine, _ = machine_and_formula(kind, pictures(7, 1, 8, 9, seed=9), 3, "square")
    x_t = 1e5 * pictures(1, 1, 8, 9, seed=10)
    for t in (1e-9, 1e-12, 3e-15):
        assert machine(x_t, t).abs().max() <= 1 + 1e-6


@pytest.mark.parametrize("kind", ["circular", "zeros", "ls"])
@pytest.mark.parametrize("alpha", [6e-17, 1e-30, 1e-7])
def test_with_hardly_a_trace_of_the_image(alpha: float, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cosine that ends at t = 1, to 17 digits: images that only fill up a chunk must not have a vote."""
    monkeypatch.setattr(shifts, "WORTH", 0)
    images = pictures(2, 1, 8, 9, seed=9)
    machine, formula = machine_and_formula(kind, images, 3, "square")
    monkeypatch.setattr(machine, "_alpha_sigma", lambda _: (alpha, 1.0))
    x_t = pictures(1, 1, 8, 9, seed=10)
    torch.testing.assert_close(machine(x_t, 1.0).double(), formula(x_t, images, alpha, 1.0), rtol=0, atol=2e-7)


@pytest.mark.parametrize("t", [1e-4, 1e-8, 4.7e-11])
def test_equal_voters_share_at_little_noise(t: float) -> None:
    """The largest logit is then 1e17 and more; beside it the number of those who have it would be lost."""
    images = torch.full((6, 1, 5, 5), -1.0)
    images[0] = pictures(1, 1, 5, 5, seed=1)[0]
    machine = els.EquivariantLocalScoreMachine(images, patch_size=3, padding="circular")
    votes = machine.posterior(SCHEDULE.alpha(t) * images[1:2], t, top=4)
    torch.testing.assert_close(votes.weight, torch.full_like(votes.weight, 1 / 125), rtol=1e-5, atol=0)
    torch.testing.assert_close(votes.entropy, torch.full_like(votes.entropy, math.log(125)), rtol=1e-5, atol=0)


def test_one_bright_pixel_among_many_is_enough_for_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest of the windows decides, not the others, in which the digits would do."""
    monkeypatch.setattr(shifts, "WORTH", 0)
    images = pictures(70, 1, 9, 9, seed=9)
    images[:, :, 4, 4] = 0.3
    x_t = noised(images, 2, SCHEDULE.alpha(0.4), SCHEDULE.sigma(0.4))
    x_t[1, 0, 4, 4] = 3000
    machine, formula = machine_and_formula("ls", images, 3)
    exact = formula(x_t, images, SCHEDULE.alpha(0.4), SCHEDULE.sigma(0.4))
    torch.testing.assert_close(machine(x_t, 0.4).double(), exact, rtol=0, atol=1e-5)


def test_keys_that_come_from_farther_and_farther(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums are relative to about the nearest key so far: if others moved that reference too, they would overflow."""
    monkeypatch.setattr(shifts, "WORTH", 0)
    monkeypatch.setattr(shifts, "PARTS", 1)
    ramp = torch.linspace(0, 1, 64).sqrt().expand(1, 1, 3, 64)  # the nearest pixel weighs 2^330 times the farthest
    alpha, sigma = SCHEDULE.alpha(0.03), SCHEDULE.sigma(0.03)
    machine, formula = machine_and_formula("circular", ramp, 1)
    exact = formula(torch.zeros(1, 1, 3, 64), ramp, alpha, sigma)
    torch.testing.assert_close(machine(torch.zeros(1, 1, 3, 64), 0.03).double(), exact, rtol=0, atol=2e-5)


@pytest.mark.parametrize("parts", [1, 16])
@pytest.mark.parametrize("t", [0.03, 0.6])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("kind", "size"), [("zeros", 7), ("zeros", 13), ("circular", 7), ("circular", 11), ("ls", 9)])
def test_wide_windows(
    kind: str, size: int, channels: int, t: float, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer images than windows: several blocks of rows and columns, whole ones and what is left."""
    monkeypatch.setattr(shifts, "WORTH", 0)
    monkeypatch.setattr(shifts, "PARTS", parts)
    images = pictures(3, channels, 17, 20, seed=5)
    x_t = noised(images, 2, SCHEDULE.alpha(t), SCHEDULE.sigma(t))
    machine, formula = machine_and_formula(kind, images, size)
    exact = formula(x_t, images, SCHEDULE.alpha(t), SCHEDULE.sigma(t))
    torch.testing.assert_close(machine(x_t, t).double(), exact, rtol=0, atol=2e-5)


@pytest.mark.parametrize("block", [1, 2**17, 2**22])
@pytest.mark.parametrize("parts", [1, 3, 16])
@pytest.mark.parametrize(("size", "window"), [(1, "square"), (3, "square"), (5, "square"), (5, "gaussian")])
def test_many_images(size: int, window: str, parts: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several chunks and what is left, in one block or in several; an odd number of x_t, which are taken in pairs."""
    for name, value in (("WORTH", 0), ("PARTS", parts), ("BLOCK", block)):
        monkeypatch.setattr(shifts, name, value)
    images = pictures(200, 2, 6, 7, seed=8)
    machine, formula = machine_and_formula("zeros", images, size, window)
    for t in (0.05, 0.7):
        x_t = noised(images, 3, SCHEDULE.alpha(t), SCHEDULE.sigma(t))
        exact = formula(x_t, images, SCHEDULE.alpha(t), SCHEDULE.sigma(t))
        torch.testing.assert_close(machine(x_t, t).double(), exact, rtol=0, atol=2e-5)


@pytest.mark.parametrize("t", [0.03, 0.6])
@pytest.mark.parametrize("kind", ["ls", "ls-torus", "zeros", "circular"])
def test_parts_computed_in_different_ways_can_be_merged(kind: str, t: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process may slide images while another, with fewer of them, does not: their sums must mean the same."""
    images = pictures(30, 1, 8, 8, seed=6)
    x_t = noised(images, 2, SCHEDULE.alpha(t), SCHEDULE.sigma(t))
    machine, _ = machine_and_formula(kind, images, 5)
    sums = []
    for worth in (0, 2**40):
        monkeypatch.setattr(shifts, "WORTH", worth)
        ((_, part, _, _),) = machine._answers(x_t, t, None)
        sums.append(part.largest + part.total.log())
    torch.testing.assert_close(*sums, rtol=0, atol=1e-3)


@pytest.mark.parametrize("t", [0.05, 0.2, 0.7])
def test_thousands_of_real_images(t: float) -> None:
    """Rounding must not add up with the size of the dictionary: border classes are few queries, many keys."""
    images = els.load("fashion-mnist", size=16, n=2000).images
    x_t = els.add_noise(images[:2], els.seeded_noise(range(2), (1, 16, 16)), t)
    for machine in (
        els.IdealScoreMachine,
        lambda v: els.LocalScoreMachine(v, patch_size=5),
        lambda v: els.EquivariantLocalScoreMachine(v, patch_size=3),
        lambda v: els.EquivariantLocalScoreMachine(v, patch_size=9, window="gaussian"),
    ):
        exact = machine(images.double())(x_t.double(), t)
        torch.testing.assert_close(machine(images)(x_t, t).double(), exact, rtol=0, atol=2e-5)


def test_the_longest_query_decides_whether_logits_are_float64() -> None:
    queries = torch.full((1, 2, 100), 0.1)
    lookup = posterior.Lookup(queries, lambda v: v.flatten(1)[None], 1, slice(None), longest=1.0, depth=100)
    assert posterior.logit_dtype(lookup, 1.0, 0.056) == torch.float32
    queries[0, 1] = 1.0
    assert posterior.logit_dtype(lookup, 1.0, 0.056) == torch.float64


def test_the_squares_of_keys_are_rounded_even_where_x_t_is_grey() -> None:
    grey = torch.zeros(1, 1, 100)
    lookup = posterior.Lookup(grey, lambda v: v.flatten(1)[None], 1, slice(None), longest=10.0, depth=4)
    assert posterior.logit_dtype(lookup, 1.0, 0.1) == torch.float64


def test_keys_of_a_block_fit_into_half_of_the_memory() -> None:
    source, one = posterior.Source(pictures(1000, 1, 8, 8), None), 64 * (2 * 4 + 8)  # bytes of a key and its copies
    lookup = posterior.Lookup(torch.zeros(1, 2, 64), lambda v: v.flatten(1)[None], 1, slice(None), 8.0, 64)
    assert posterior.images_per_block(lookup, source, 2 * (300 * one + 100)) == 300


def test_differences_to_images_fit_into_half_of_the_memory() -> None:
    memory, source = 2**20, posterior.Source(pictures(100, 1, 8, 8), None)
    tiles = list(shifts.OwnPlace(pictures(5, 1, 8, 8), torch.ones(2), "zeros").tiles(source, 0.6, 0.8, memory))
    assert sum(tile.logits.shape[-1] for tile in tiles) == 100
    assert all(8 * tile.logits.numel() * (2 * 1 + 6) <= memory // 2 for tile in tiles)


def test_images_are_brought_into_order_in_whole_chunks_that_fit_into_half_of_the_memory() -> None:
    source = posterior.Source(pictures(1000, 1, 8, 8), None)
    one = 2 * 4 * 64  # bytes of an image and its copy
    assert shifts._images_at_once(source, 4, 2 * 300 * one, 64) == 4 * 64 <= 300
    assert shifts._images_at_once(source, 4, 2**30, 64) == 16 * 64 >= 1000


def test_parts_of_a_dictionary_merge_to_the_whole() -> None:
    images, t = pictures(9, 1, 6, 6), 0.3
    alpha, sigma = SCHEDULE.alpha(t), SCHEDULE.sigma(t)
    x_t = noised(images, 2, alpha, sigma)
    zero = torch.zeros(1, 1, 1, 1)
    lookup = posterior.Lookup(x_t.flatten(1)[None], lambda v: v.flatten(1)[None], 1, slice(None), 9.0, 36)
    source = lambda i: posterior.Source(images[i], zero)  # noqa: E731
    part = lambda i: posterior.posterior_mean(lookup, source(i), alpha, sigma, posterior.MEMORY)  # noqa: E731
    merged = part(slice(0, 2)).merge(part(slice(2, 3))).merge(part(slice(3, 9)))
    whole = part(slice(None))
    torch.testing.assert_close(merged.mean(), whole.mean(), rtol=0, atol=1e-6)
    averaged = torch.stack([part(slice(0, 2)).mean(), part(slice(2, 9)).mean()]).mean(0)
    assert (averaged - whole.mean()).abs().max() > 1e-2, "averaging softmaxes is not merging them"


@pytest.mark.parametrize("kind", ["is", "es", "els"])
def test_voters_of_mixed_classes_belong_to_their_x_t(kind: str) -> None:
    images, labels = pictures(12, 1, 8, 8), [1, 0, 0, 1]
    made = {"is": els.IdealScoreMachine, "es": els.EquivariantScoreMachine}
    made["els"] = partial(els.EquivariantLocalScoreMachine, patch_size=3)
    machine = made[kind](images, image_labels=torch.arange(12) % 2)
    x_t = noised(images, 4, SCHEDULE.alpha(0.5), SCHEDULE.sigma(0.5))
    votes = machine.posterior(x_t, 0.5, top=3, labels=labels)
    for i, label in enumerate(labels):
        alone = machine.posterior(x_t[i : i + 1], 0.5, top=3, labels=label)
        for what in ("image", "location", "weight", "entropy"):
            one, other = getattr(votes, what)[i : i + 1], getattr(alone, what)
            torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_many_keys_that_hardly_count_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """2^18 keys of 2^-26 each, beside one at the query."""
    monkeypatch.setattr(shifts, "WORTH", 0)
    alpha, sigma, n = 0.995, 0.1, 2**18
    images = torch.full((n + 1, 1, 1, 1), -math.sqrt(26 * 2 * math.log(2)) * sigma / alpha)
    images[0] = 0
    machine = els.LocalScoreMachine(images, patch_size=1)
    monkeypatch.setattr(machine, "_alpha_sigma", lambda _: (alpha, sigma))
    share = n * 2.0**-26 / (1 + n * 2.0**-26)
    assert float(machine(torch.zeros(1, 1, 1, 1), 0.5)) == pytest.approx(share * float(images[1]), abs=1e-4)


def test_the_batch_is_cut_to_fit_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = 4 * 3 * 64 * shifts.bytes_per_query(1)  # three x_t in a quarter of it
    machine = els.EquivariantLocalScoreMachine(pictures(4, 1, 8, 8), patch_size=3, memory=memory)
    assert [len(items) for items, _ in machine._parts(pictures(8, 1, 8, 8), 0.5, None)] == [3, 3, 2]
    x_t, one = pictures(1, 1, 8, 8), shifts.MOST_LANES * shifts.COPIES * 8 * 64  # a chunk and its copy, in float64
    monkeypatch.setattr(shifts, "WORTH", 0)
    moves = machine._displacements(3)
    assert shifts.pays(x_t, moves, 3, 1, 2 * one) and not shifts.pays(x_t, moves, 3, 1, 2 * one - 2)
