"""The oracle, proved right on its own: known limits, closed forms, and a second way to compute each thing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import product

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from elscourse import reference
from elscourse.diffusion import sample, score_from_denoiser
from elscourse.errors import CourseError
from elscourse.schedule import CosineSchedule

ALPHA, SIGMA = 0.6, 0.8
BLACK_AND_WHITE = (-1.0, 1.0)


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pictures(n: int = 3, c: int = 2, h: int = 5, w: int = 5, seed: int = 1) -> Tensor:
    return randn(n, c, h, w, seed=seed).tanh()


def black_and_white(h: int, w: int) -> Tensor:
    return torch.tensor(BLACK_AND_WHITE, dtype=torch.float64)[:, None, None, None].expand(2, 1, h, w)


def same(actual: Tensor, expected: Tensor) -> None:
    assert actual.dtype == torch.float64
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-11)


def differ(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).abs().max() > 1e-3)


MACHINES: dict[str, Callable[..., Tensor]] = {
    "is": reference.ideal,
    "es": reference.equivariant,
    "ls": partial(reference.local, patch_size=3),
    "els-circular": partial(reference.equivariant_local, patch_size=3, padding="circular"),
    "els-zeros": partial(reference.equivariant_local, patch_size=3, padding="zeros"),
}
every_machine = pytest.mark.parametrize("name", MACHINES)


# ------------------------------------------------------------------------------------- closed forms and second ways


@pytest.mark.parametrize("window", [None, reference.gaussian_window(3, 0.7), randn(3, 3, seed=9).abs()])
def test_black_and_white_images_give_a_hyperbolic_tangent(window: Tensor | None) -> None:
    """For D = {all -1, all 1} the two squared distances differ by 4 alpha sum(K x_t), so D is tanh(alpha sum / s^2)."""
    v, x_t = black_and_white(4, 5), randn(2, 1, 4, 5)
    K = torch.ones(3, 3, dtype=torch.float64) if window is None else window
    kernel = K[None, None]  # conv2d does not flip its kernel: [K * f](x) = sum_o K(o) f(x + o)

    def tanh(total: Tensor) -> Tensor:
        return torch.tanh(ALPHA * total / SIGMA**2)

    truncated = tanh(F.conv2d(F.pad(x_t, (1, 1, 1, 1)), kernel))
    wrapped = tanh(F.conv2d(F.pad(x_t, (1, 1, 1, 1), mode="circular"), kernel))
    same(reference.local(x_t, v, ALPHA, SIGMA, 3, window), truncated)
    same(reference.equivariant_local(x_t, v, ALPHA, SIGMA, 3, "zeros", window), truncated)
    same(reference.equivariant_local(x_t, v, ALPHA, SIGMA, 3, "circular", window), wrapped)
    whole = tanh(x_t.sum((-2, -1), keepdim=True)).expand_as(x_t)
    same(reference.ideal(x_t, v, ALPHA, SIGMA), whole)
    same(reference.equivariant(x_t, v, ALPHA, SIGMA), whole)


def test_equivariant_is_ideal_on_the_orbit() -> None:
    v, x_t = pictures(2, 2, 3, 4), randn(2, 2, 3, 4)
    orbit = torch.cat([torch.roll(v, shift, (-2, -1)) for shift in product(range(3), range(4))])
    same(reference.equivariant(x_t, v, ALPHA, SIGMA), reference.ideal(x_t, orbit, ALPHA, SIGMA))


def windows(x: Tensor, patch_size: int, mode: str) -> Tensor:
    """(B, C, H, W) -> (B, H, W, C, P, P), through unfold."""
    r = patch_size // 2
    padded = F.pad(x, (r, r, r, r), mode=mode)
    return padded.unfold(2, patch_size, 1).unfold(3, patch_size, 1).permute(0, 2, 3, 1, 4, 5)


@pytest.mark.parametrize("patch_size", [3, 5])
def test_local_machines_are_the_ideal_one_on_padded_windows(patch_size: int) -> None:
    """Cutting the window equals padding both sides with zeros, and ELS is IS with patches in the place of images."""
    v, x_t, r = pictures(3, 2, 5, 6), randn(2, 2, 5, 6), patch_size // 2
    mosaics = {
        "ls": reference.local(x_t, v, ALPHA, SIGMA, patch_size),
        "circular": reference.equivariant_local(x_t, v, ALPHA, SIGMA, patch_size, "circular"),
        "zeros": reference.equivariant_local(x_t, v, ALPHA, SIGMA, patch_size, "zeros"),
    }
    inside = windows(torch.ones(1, 1, 5, 6), patch_size, "constant")[0]
    for name, mosaic in mosaics.items():
        mode = "circular" if name == "circular" else "constant"
        seen, patches = windows(x_t, patch_size, mode), windows(v, patch_size, mode)
        for y, x in product(range(5), range(6)):
            if name == "ls":
                dictionary = patches[:, y, x]
            elif name == "circular":
                dictionary = patches.flatten(0, 2)
            else:
                dictionary = patches[:, (inside == inside[y, x]).flatten(2).all(2)].flatten(0, 1)
            centre = reference.ideal(seen[:, y, x], dictionary, ALPHA, SIGMA)[:, :, r, r]
            same(mosaic[:, :, y, x], centre)


@pytest.mark.parametrize("shape", [(3, 2, 5, 5), (2, 1, 4, 6)])
def test_one_formula_is_every_machine(shape: tuple[int, ...]) -> None:
    v, x_t = pictures(*shape), randn(2, *shape[1:])
    one = partial(reference.one_formula, x_t, v, ALPHA, SIGMA)
    same(one("none", None), reference.ideal(x_t, v, ALPHA, SIGMA))
    same(one("boundary", None), reference.ideal(x_t, v, ALPHA, SIGMA))
    same(one("all", None), reference.equivariant(x_t, v, ALPHA, SIGMA))
    for K in (torch.ones(3, 3), reference.gaussian_window(3, 0.8), randn(3, 3, seed=5).abs(), torch.ones(1, 1)):
        P = len(K)
        same(one("none", K), reference.local(x_t, v, ALPHA, SIGMA, P, K))
        same(one("all", K), reference.equivariant_local(x_t, v, ALPHA, SIGMA, P, "circular", K))
        same(one("boundary", K), reference.equivariant_local(x_t, v, ALPHA, SIGMA, P, "zeros", K))
    for P in (5, 7, 11):  # windows that reach past both borders at once
        K = reference.gaussian_window(P, 2.0)
        same(one("none", K), reference.local(x_t, v, ALPHA, SIGMA, P, K))
        same(one("boundary", K), reference.equivariant_local(x_t, v, ALPHA, SIGMA, P, "zeros", K))


def test_the_whole_image_leaves_no_pixel_interior() -> None:
    v, x_t = pictures(3, 1, 2, 7), randn(2, 1, 2, 7)
    same(reference.one_formula(x_t, v, ALPHA, SIGMA, "boundary", None), reference.ideal(x_t, v, ALPHA, SIGMA))


def test_wiener_is_the_conditional_mean_of_the_joint_gaussian() -> None:
    """Through the precision matrix of (x_0, x_t), where conditioning reads m - L_00^-1 L_0t (x_t - alpha m)."""
    v, x_t = pictures(20, 2, 2, 2), randn(3, 2, 2, 2)
    flat = v.flatten(1)
    m, C = flat.mean(0), torch.cov(flat.T, correction=0)
    n = len(m)
    noised = ALPHA**2 * C + SIGMA**2 * torch.eye(n, dtype=torch.float64)
    L = torch.linalg.inv(torch.cat([torch.cat([C, ALPHA * C], 1), torch.cat([ALPHA * C, noised], 1)]))
    expected = m - (x_t.flatten(1) - ALPHA * m) @ torch.linalg.solve(L[:n, :n], L[:n, n:]).T
    torch.testing.assert_close(reference.wiener(x_t, v, ALPHA, SIGMA).flatten(1), expected, rtol=0, atol=1e-9)


def test_wiener_shrinks_each_principal_direction() -> None:
    """The eigenvector form, with fewer images than pixels: the covariance is singular and D stays in their span."""
    v, x_t = pictures(3, 1, 3, 4), randn(2, 1, 3, 4)
    m = v.flatten(1).mean(0)
    l, U = torch.linalg.eigh(torch.cov(v.flatten(1).T, correction=0))  # noqa: E741
    gain = ALPHA * l / (ALPHA**2 * l + SIGMA**2)
    expected = m + (x_t.flatten(1) - ALPHA * m) @ U * gain @ U.T
    same(reference.wiener(x_t, v, ALPHA, SIGMA).flatten(1), expected)
    same(reference.wiener(x_t, v[:1], ALPHA, SIGMA), v[:1].expand_as(x_t))


def test_local_wiener_between_its_limits() -> None:
    """Windows that see all: Wiener, on the torus that of all shifts. One pixel: a straight line through its values."""
    v, x_t = pictures(20, 2, 4, 5), randn(3, 2, 4, 5)
    same(reference.local_wiener(x_t, v, ALPHA, SIGMA, 9), reference.wiener(x_t, v, ALPHA, SIGMA))
    square, seen = v[..., :3, :3], x_t[..., :3, :3]
    shifts = [square.roll((i, j), (2, 3)) for i, j in product(range(3), repeat=2)]
    expected = reference.wiener(seen, torch.cat(shifts), ALPHA, SIGMA)
    torch.testing.assert_close(
        reference.local_wiener(seen, square, ALPHA, SIGMA, 3, "circular", True), expected, rtol=0, atol=1e-9
    )
    grey, noisy = v[:, :1], x_t[:, :1]
    m, variance = grey.mean(0), grey.var(0, correction=0)
    line = m + ALPHA * variance / (ALPHA**2 * variance + SIGMA**2) * (noisy - ALPHA * m)
    same(reference.local_wiener(noisy, grey, ALPHA, SIGMA, 1), line)
    m, variance = grey.mean(), grey.var(correction=0)
    line = m + ALPHA * variance / (ALPHA**2 * variance + SIGMA**2) * (noisy - ALPHA * m)
    same(reference.local_wiener(noisy, grey, ALPHA, SIGMA, 1, equivariant=True), line)


def test_local_wiener_is_a_least_squares_fit() -> None:
    """No affine guess of the middle from a window of 3 has a smaller squared error over images and noise."""
    v = pictures(30, 1, 3, 4)
    m = v.mean(0)
    window = (v - m)[:, 0, :, 1:4].flatten(1)  # around row 1, column 2
    rows = torch.cat([ALPHA * window / len(v) ** 0.5, SIGMA * torch.eye(9, dtype=torch.float64)])
    aims = torch.cat([window[:, 4] / len(v) ** 0.5, torch.zeros(9, dtype=torch.float64)])
    weights = torch.linalg.lstsq(rows, aims[:, None]).solution
    x_t = randn(5, 1, 3, 4)
    expected = m[0, 1, 2] + ((x_t - ALPHA * m)[:, 0, :, 1:4].flatten(1) @ weights)[:, 0]
    same(reference.local_wiener(x_t, v, ALPHA, SIGMA, 3)[:, 0, 1, 2], expected)


def test_tweedie_by_autograd() -> None:
    t = 0.4
    schedule = CosineSchedule()
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    v, x_t = pictures(), randn(2, 2, 5, 5).requires_grad_()
    (score,) = torch.autograd.grad(reference.log_density(x_t, v, alpha, sigma).sum(), x_t)
    x_t = x_t.detach()
    same(score, score_from_denoiser(reference.ideal(x_t, v, alpha, sigma), x_t, t, schedule))


def test_log_density_is_normalised() -> None:
    v = torch.tensor([-1.0, 0.2, 0.9], dtype=torch.float64).reshape(3, 1, 1, 1)
    grid = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    density = reference.log_density(grid.reshape(-1, 1, 1, 1), v, ALPHA, SIGMA).exp()
    assert torch.trapezoid(density, grid).item() == pytest.approx(1, abs=1e-9)
    pair = v[:1].expand(1, 1, 1, 2)  # two pixels, one image: a product of two normal densities
    normal = torch.distributions.Normal(-ALPHA, SIGMA)
    x_t = torch.tensor([0.3, -1.1], dtype=torch.float64).reshape(1, 1, 1, 2)
    assert reference.log_density(x_t, pair, ALPHA, SIGMA).item() == pytest.approx(normal.log_prob(x_t).sum().item())


# ---------------------------------------------------------------------------------------------------- known limits


def test_one_training_image() -> None:
    v, x_t = pictures(n=1), randn(2, 2, 5, 5)
    for name in ("is", "ls"):
        same(MACHINES[name](x_t, v, ALPHA, SIGMA), v.expand_as(x_t))
    for name in ("es", "els-circular", "els-zeros"):
        assert differ(MACHINES[name](x_t, v, ALPHA, SIGMA), v)  # one image holds many shifts and many patches


@every_machine
def test_repeating_every_image_changes_nothing(name: str) -> None:
    v, x_t = pictures(), randn(2, 2, 5, 5)
    same(MACHINES[name](x_t, torch.cat([v, v]), ALPHA, SIGMA), MACHINES[name](x_t, v, ALPHA, SIGMA))


@pytest.mark.parametrize("height,width", [(4, 4), (3, 4), (4, 2)])
def test_large_windows_make_local_ideal(height: int, width: int) -> None:
    v, x_t = pictures(3, 2, height, width), randn(2, 2, height, width)
    ideal = reference.ideal(x_t, v, ALPHA, SIGMA)
    for patch_size in (7, 9):  # 2 * 4 - 1, for the longer side
        same(reference.local(x_t, v, ALPHA, SIGMA, patch_size), ideal)
        same(reference.equivariant_local(x_t, v, ALPHA, SIGMA, patch_size, "zeros"), ideal)
    assert differ(reference.local(x_t, v, ALPHA, SIGMA, 5), ideal)


@pytest.mark.parametrize("height,width,patch_size", [(5, 5, 5), (4, 4, 5), (3, 5, 5), (5, 2, 7)])
def test_windows_of_the_longer_side_make_boundary_broken_local(height: int, width: int, patch_size: int) -> None:
    v, x_t = pictures(3, 2, height, width), randn(2, 2, height, width)
    bbels = partial(reference.equivariant_local, x_t, v, ALPHA, SIGMA, padding="zeros")
    same(bbels(patch_size), reference.local(x_t, v, ALPHA, SIGMA, patch_size))
    assert differ(bbels(3), reference.local(x_t, v, ALPHA, SIGMA, 3))


def test_all_noise_gives_the_means() -> None:
    v, x_t = pictures(), randn(2, 2, 5, 5)
    at_noise = {name: machine(x_t, v, 1e-9, 1.0) for name, machine in MACHINES.items()}
    mean = v.mean(0, keepdim=True).expand_as(x_t)
    grey = v.mean((0, 2, 3))[None, :, None, None].expand_as(x_t)
    by_class = torch.empty_like(mean)
    for row, col in product(range(5), range(5)):
        rows = slice(1, 4) if 0 < row < 4 else slice(row, row + 1)
        cols = slice(1, 4) if 0 < col < 4 else slice(col, col + 1)
        by_class[:, :, row, col] = v[:, :, rows, cols].mean((0, 2, 3))
    for name, expected in (
        ("is", mean), ("ls", mean), ("es", grey), ("els-circular", grey), ("els-zeros", by_class),
    ):  # fmt: skip
        torch.testing.assert_close(at_noise[name], expected, rtol=0, atol=1e-7, msg=name)
    same(reference.wiener(x_t, v, 0.0, 1.0), mean)


def test_no_noise_gives_the_nearest() -> None:
    """And stays finite: without subtracting the largest logit every exp would be 0 here."""
    v, x_t, sigma = pictures(6), 2 * randn(4, 2, 5, 5), 1e-4
    x_t[3] = v[0]
    nearest = torch.cdist(x_t.flatten(1), v.flatten(1)).argmin(1)
    assert nearest[3] == 0 and len(set(nearest.tolist())) > 1
    same(reference.ideal(x_t, v, 1.0, sigma), v[nearest])
    patches = windows(v, 3, "circular").flatten(0, 2)
    seen = windows(x_t, 3, "circular").flatten(0, 2)
    nearest = torch.cdist(seen.flatten(1), patches.flatten(1)).argmin(1)
    mosaic = patches[nearest][:, :, 1, 1].reshape(4, 5, 5, 2).permute(0, 3, 1, 2)
    same(reference.equivariant_local(x_t, v, 1.0, sigma, 3, "circular"), mosaic)


@pytest.mark.parametrize("height,width", [(5, 5), (3, 4)])
def test_who_commutes_with_shifts(height: int, width: int) -> None:
    v, x_t = pictures(2, 2, height, width), randn(1, 2, height, width)
    for name, machine in MACHINES.items():
        D = machine(x_t, v, ALPHA, SIGMA)
        for shift in product(range(height), range(width)):
            shifted = machine(torch.roll(x_t, shift, (-2, -1)), v, ALPHA, SIGMA)
            if name in ("es", "els-circular"):
                same(shifted, torch.roll(D, shift, (-2, -1)))
            elif shift != (0, 0):
                assert differ(shifted, torch.roll(D, shift, (-2, -1))), name


@every_machine
def test_a_batch_is_its_items(name: str) -> None:
    v, x_t = pictures(), randn(3, 2, 5, 5)
    alone = torch.cat([MACHINES[name](x, v, ALPHA, SIGMA) for x in x_t.split(1)])
    same(MACHINES[name](x_t, v, ALPHA, SIGMA), alone)


def test_a_wide_gaussian_window_is_the_square_one() -> None:
    K = reference.gaussian_window(5, 1.5)
    assert K.argmax() == 12 and K[2, 2] == 1
    assert K[0, 1].item() == pytest.approx(math.exp(-(2**2 + 1**2) / (2 * 1.5**2)))
    assert torch.equal(K, K.T) and torch.equal(K, K.flip(0))
    v, x_t = pictures(), randn(2, 2, 5, 5)
    for padding in ("circular", "zeros"):
        els = partial(reference.equivariant_local, x_t, v, ALPHA, SIGMA, 3, padding)
        torch.testing.assert_close(els(reference.gaussian_window(3, 1e6)), els(), rtol=0, atol=1e-9)
        assert differ(els(reference.gaussian_window(3, 0.5)), els())


# ---------------------------------------------------------------------------------------- weights and dictionaries


def is_distribution(w: Tensor, over: tuple[int, ...]) -> None:
    assert w.dtype == torch.float64 and (w >= 0).all()
    total = w.sum(over)
    same(total, torch.ones_like(total))


def test_weights_are_distributions_and_reproduce_the_denoisers() -> None:
    B, N, C, H, W = 2, 3, 2, 4, 5
    v, x_t = pictures(N, C, H, W), randn(B, C, H, W)

    w = reference.ideal_weights(x_t, v, ALPHA, SIGMA)
    assert w.shape == (B, N)
    is_distribution(w, (1,))
    same(reference.ideal(x_t, v, ALPHA, SIGMA), (w @ v.flatten(1)).reshape(x_t.shape))

    w = reference.equivariant_weights(x_t, v, ALPHA, SIGMA)
    assert w.shape == (B, N, H, W)
    is_distribution(w, (1, 2, 3))
    D = torch.zeros_like(x_t)
    for n, dy, dx, y, x in product(range(N), range(H), range(W), range(H), range(W)):
        D[:, :, y, x] += w[:, n, dy, dx, None] * v[n, :, (y + dy) % H, (x + dx) % W]
    same(reference.equivariant(x_t, v, ALPHA, SIGMA), D)

    w = reference.local_weights(x_t, v, ALPHA, SIGMA, 3)
    assert w.shape == (B, H, W, N)
    is_distribution(w, (3,))
    same(reference.local(x_t, v, ALPHA, SIGMA, 3), (w[:, None] * v.permute(1, 2, 3, 0)).sum(-1))

    for padding in ("circular", "zeros"):
        w = reference.equivariant_local_weights(x_t, v, ALPHA, SIGMA, 3, padding)
        assert w.shape == (B, H, W, N, H, W)
        is_distribution(w, (3, 4, 5))
        D = (w[:, None] * v.transpose(0, 1)[None, :, None, None]).sum((-3, -2, -1))
        same(reference.equivariant_local(x_t, v, ALPHA, SIGMA, 3, padding), D)
        for row, col in product(range(H), range(W)):
            voters = (w[:, row, col] > 0).all(0).all(0).nonzero().tolist()
            everywhere = [[y, x] for y, x in product(range(H), range(W))]
            dictionary = [list(place) for place in reference.boundary_dictionary(row, col, H, W, 3)]
            assert voters == (everywhere if padding == "circular" else dictionary)
            assert ((w[:, row, col] > 0).sum((1, 2, 3)) == N * len(voters)).all()


def test_weights_name_the_image_and_the_shift() -> None:
    """At low noise a displaced training image is recognised: x_t = alpha v(. + d) puts all weight on (v, d)."""
    v = pictures(3, 1, 4, 5)
    x_t = torch.stack([ALPHA * torch.roll(v[2], (-1, -3), (-2, -1)), ALPHA * v[0]])
    w = reference.equivariant_weights(x_t, v, ALPHA, 0.01)
    assert w[0, 2, 1, 3].item() == pytest.approx(1) and w[1, 0, 0, 0].item() == pytest.approx(1)
    w_local = reference.equivariant_local_weights(x_t[:1], v, ALPHA, 0.01, 3, "circular")
    for y, x in product(range(4), range(5)):
        assert w_local[0, y, x, 2, (y + 1) % 4, (x + 3) % 5].item() == pytest.approx(1)


@pytest.mark.parametrize("height,width,patch_size", [(6, 6, 3), (7, 7, 5), (5, 8, 3), (9, 6, 5), (8, 8, 7)])
def test_there_are_exactly_p_squared_dictionaries(height: int, width: int, patch_size: int) -> None:
    r = (patch_size - 1) // 2
    dictionaries = {
        tuple(reference.boundary_dictionary(row, col, height, width, patch_size))
        for row, col in product(range(height), range(width))
    }
    assert len(dictionaries) == patch_size**2
    assert sorted(place for d in dictionaries for place in d) == list(product(range(height), range(width)))
    expected = Counter({(height - 2 * r) * (width - 2 * r): 1})  # the interior
    expected += Counter({height - 2 * r: 2 * r}) + Counter({width - 2 * r: 2 * r})  # the edges
    expected += Counter({1: 4 * r * r})  # the corners
    assert Counter(len(d) for d in dictionaries) == expected
    interior, top, corner = (r, r), (0, r), (height - 1, 0)
    assert len(reference.boundary_dictionary(*interior, height, width, patch_size)) == expected.most_common()[-1][0]
    assert reference.boundary_dictionary(*top, height, width, patch_size) == [(0, x) for x in range(r, width - r)]
    assert reference.boundary_dictionary(*corner, height, width, patch_size) == [corner]


def test_the_boundary_class_is_the_padding_mask() -> None:
    assert reference.boundary_class(0, 1, 4, 3, 3) == ((False,) * 3, (True,) * 3, (True,) * 3)
    assert reference.boundary_class(3, 2, 4, 3, 3) == ((True, True, False),) * 2 + ((False,) * 3,)
    mask = windows(torch.ones(1, 1, 4, 6), 5, "constant")[0, :, :, 0].bool()
    for row, col in product(range(4), range(6)):
        assert torch.equal(torch.tensor(reference.boundary_class(row, col, 4, 6, 5)), mask[row, col])


def test_a_short_side_alone_does_not_make_every_pixel_its_own_class() -> None:
    assert reference.boundary_dictionary(1, 2, 3, 6, 3) == [(1, x) for x in range(1, 5)]
    assert all(reference.boundary_dictionary(y, x, 3, 6, 7) == [(y, x)] for y, x in product(range(3), range(6)))


# ----------------------------------------------------------------------------------------------- local consistency


def all_black_and_white(height: int, width: int) -> Tensor:
    """Every image of -1 and 1, with shape (2^(H W), H, W)."""
    bits = torch.arange(2 ** (height * width))[:, None] >> torch.arange(height * width) & 1
    return (2 * bits - 1).reshape(-1, height, width)


def agrees_with_majority(u: Tensor) -> Tensor:
    """Per pixel of images (..., H, W) of -1 and 1 on the torus: is it the sign of the sum of its 3 x 3 window?"""
    total = sum(torch.roll(u, shift, (-2, -1)) for shift in product((-1, 0, 1), repeat=2))
    return u == torch.sign(torch.as_tensor(total))


@pytest.mark.parametrize("height,width,count", [(3, 3, 2), (3, 4, 6), (3, 5, 12), (4, 4, 188)])
def test_fixed_points_of_the_black_and_white_toy(height: int, width: int, count: int) -> None:
    """Brute force over all images by the majority rule; `locally_consistent` agrees with it, pixel by pixel."""
    u = all_black_and_white(height, width)
    agrees = agrees_with_majority(u)
    fixed = agrees.flatten(1).all(1)
    assert fixed.sum() == count
    some = torch.randperm(len(u), generator=torch.Generator().manual_seed(3))[:100]
    v = black_and_white(height, width)
    for i in [*range(512)] if len(u) == 512 else [*fixed.nonzero().flatten().tolist()[:20], *some.tolist()]:
        assert torch.equal(reference.locally_consistent(u[i][None], v, 3, "circular"), agrees[i])


def test_training_images_are_locally_consistent_and_others_are_not() -> None:
    v = pictures(3, 2, 5, 6)
    stripes = torch.cat([v[0, :, :, :3], v[1, :, :, 3:]], dim=-1)
    for padding in ("circular", "zeros"):
        assert reference.locally_consistent(v[1], v, 3, padding).all()
        assert not reference.locally_consistent(stripes + 0.01, v, 3, padding).any()
        assert not reference.locally_consistent(v[1] + 0.01, v, 3, padding, tolerance=0.009).any()
        assert reference.locally_consistent(v[1] + 0.01, v, 3, padding, tolerance=0.011).all()
    one_channel_off = v[1] + torch.tensor([0.0, 0.01])[:, None, None]
    assert not reference.locally_consistent(one_channel_off, v, 3, "circular").any()
    shifted = torch.roll(v[2], (1, 2), (-2, -1))
    assert reference.locally_consistent(shifted, v, 3, "circular").all()
    assert not reference.locally_consistent(shifted, v, 3, "zeros").all()


def test_the_tie_rule() -> None:
    """Two patches equally near the window in the middle, one with the right centre: accepted, in either order."""
    u, a, b = torch.zeros(3, 1, 3, 3, dtype=torch.float64)
    u[0, 1, 1], u[0, 0, 0] = 1, 2
    a[0, 1, 1] = 1  # right centre, 2 away in the corner
    b[0, 1, 1], b[0, 0, 0] = -1, 2  # right corner, 2 away in the centre
    for images in (torch.stack([a, b]), torch.stack([b, a])):
        assert reference.locally_consistent(u, images, 3, "zeros")[1, 1]
        images[:, 0, 2, 2] = (images[:, 0, 1, 1] == 1) * 0.1  # now b is nearer
        assert not reference.locally_consistent(u, images, 3, "zeros")[1, 1]


def test_samples_with_small_last_steps_are_locally_consistent() -> None:
    """Theorem 4.1, and its counterpart for IS: a sample is a training image. After one step neither holds."""
    schedule = CosineSchedule()
    times = [*torch.linspace(1, 0.05, 12).tolist(), *(0.05 * 0.5**i for i in range(1, 25)), 0.0]
    v, noise = black_and_white(6, 6), randn(6, 1, 6, 6, seed=2)

    def els(x_t: Tensor, t: float, /, labels: None = None) -> Tensor:
        return reference.equivariant_local(x_t, v, schedule.alpha(t), schedule.sigma(t), 3, "circular")

    def consistent(images: Tensor) -> bool:
        return all(reference.locally_consistent(u, v, 3, "circular", tolerance=1e-6).all() for u in images)

    mosaics = sample(els, noise, times=times)
    assert consistent(mosaics)
    assert any(len(u.sign().unique()) == 2 for u in mosaics)  # black and white together: in no training image
    assert not consistent(sample(els, noise, steps=1))

    memories = pictures(4)

    def ideal(x_t: Tensor, t: float, /, labels: None = None) -> Tensor:
        return reference.ideal(x_t, memories, schedule.alpha(t), schedule.sigma(t))

    def remembered(images: Tensor) -> bool:
        return bool((torch.cdist(images.flatten(1), memories.flatten(1)).min(1).values < 1e-6).all())

    assert remembered(sample(ideal, randn(3, 2, 5, 5), times=times))
    assert not remembered(sample(ideal, randn(3, 2, 5, 5), steps=1))


# ---------------------------------------------------------------------------------------------------------- refusals


def test_even_patch_sizes_are_refused() -> None:
    v, x_t = pictures(), randn(1, 2, 5, 5)
    for call in (
        lambda: reference.local(x_t, v, ALPHA, SIGMA, 4),
        lambda: reference.equivariant_local(x_t, v, ALPHA, SIGMA, 2, "zeros"),
        lambda: reference.equivariant_local(x_t, v, ALPHA, SIGMA, 4, "circular"),
        lambda: reference.one_formula(x_t, v, ALPHA, SIGMA, "none", torch.ones(4, 4)),
        lambda: reference.boundary_class(0, 0, 5, 5, 2),
        lambda: reference.boundary_dictionary(0, 0, 5, 5, 0),
        lambda: reference.local(x_t, v, ALPHA, SIGMA, 3.0),  # type: ignore[arg-type]
        lambda: reference.local(x_t, v, ALPHA, SIGMA, "3"),  # type: ignore[arg-type]
        lambda: reference.gaussian_window(4, 1.0),
        lambda: reference.gaussian_window(-1, 1.0),
        lambda: reference.locally_consistent(v[0], v, 2, "circular"),
    ):
        with pytest.raises(CourseError, match="odd"):
            call()


def test_a_circular_window_must_not_wrap_onto_itself() -> None:
    v, x_t = pictures(2, 1, 4, 6), randn(1, 1, 4, 6)
    for call in (
        lambda: reference.equivariant_local(x_t, v, ALPHA, SIGMA, 5, "circular"),
        lambda: reference.one_formula(x_t, v, ALPHA, SIGMA, "all", torch.ones(5, 5)),
        lambda: reference.locally_consistent(v[0], v, 5, "circular"),
    ):
        with pytest.raises(CourseError, match="at most 4"):
            call()
    assert reference.equivariant_local(x_t, v, ALPHA, SIGMA, 5, "zeros").shape == x_t.shape


def test_unknown_words_and_windows_are_refused() -> None:
    v, x_t = pictures(), randn(1, 2, 5, 5)
    with pytest.raises(CourseError, match="did you mean circular"):
        reference.equivariant_local(x_t, v, ALPHA, SIGMA, 3, "circle")
    with pytest.raises(CourseError, match="unknown shifts"):
        reference.one_formula(x_t, v, ALPHA, SIGMA, "some", None)
    for window in (torch.ones(5, 5), torch.ones(3, 5), -torch.ones(3, 3)):
        with pytest.raises(CourseError, match="window"):
            reference.local(x_t, v, ALPHA, SIGMA, 3, window)


def test_a_batch_axis_that_is_missing_is_told() -> None:
    """With as many images as channels torch would take one image of the former for a batch."""
    v, x_t = pictures(3, 3, 4, 5), randn(3, 4, 5)
    for call in (
        lambda: reference.ideal_weights(x_t, v, ALPHA, SIGMA),
        lambda: reference.equivariant(x_t, v, ALPHA, SIGMA),
        lambda: reference.log_density(x_t, v, ALPHA, SIGMA),
        lambda: reference.local(x_t[None], v[0], ALPHA, SIGMA, 3),
        lambda: reference.ideal(x_t[None].numpy(), v, ALPHA, SIGMA),
        lambda: reference.locally_consistent(v, v, 3, "circular"),
    ):
        with pytest.raises(CourseError, match=r"shape \((B, )?C, H, W\)"):
            call()


def test_what_the_formulas_do_not_know_is_refused() -> None:
    """No noise, infinitely much image, nothing to average, a pixel outside: not NaN, and not another pixel's answer."""
    v, x_t = pictures(3, 1, 4, 5), randn(2, 1, 4, 5)
    for formula in (
        *MACHINES.values(),
        partial(reference.one_formula, shifts="none", window=None),
        partial(reference.local_wiener, patch_size=3),
        reference.wiener,
        reference.log_density,
    ):
        wrong = [(ALPHA, 0.0), (ALPHA, -SIGMA), (ALPHA, 1e-161), (ALPHA, math.nan), (math.inf, SIGMA), ("1", SIGMA)]
        for alpha, sigma in wrong:
            with pytest.raises(CourseError, match=r"must be finite and sigma above 0 \(at least 1e-100\), got"):
                formula(x_t, v, alpha, sigma)
        with pytest.raises(CourseError, match="at least one each"):
            formula(x_t, v[:0], ALPHA, SIGMA)
    for width in (0, -1.0, math.nan, "2"):
        with pytest.raises(CourseError, match=f"a number of pixels above 0, got {width!r}"):
            reference.gaussian_window(3, width)  # type: ignore[arg-type]
    for row, col in ((-1, 0), (4, 0), (0, -1), (0, 5)):
        with pytest.raises(CourseError, match=rf"pixel \({row}, {col}\) lies outside an image of 4x5"):
            reference.boundary_dictionary(row, col, 4, 5, 3)
