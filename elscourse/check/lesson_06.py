"""Exercises of lesson 06: equivariance."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from itertools import product

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from .. import reference
from ..diffusion import Denoiser
from .attempt import Case
from .exercise import EXCHANGED, NEVER_BY_ZERO, UNDERFLOW, WRONG_DIMS, Exercise, Mistake

Layer = Callable[[Tensor], Tensor]

# Where H and W differ, these mistakes give other numbers if they roll the other way: by -1 or by +1.
HEIGHT_FOR_BOTH = {
    by: f"You let dy and dx both run to H%s (columns move to the {side}): dx has W values, and an image need not be "
    "square."
    for by, side in ((-1, "left"), (1, "right"))
}
CHANNELS_AND_ROWS = {  # dims=(1, 2), or (0, 1) of a single picture
    by: f"You move rows {way} by dx, and no columns: rows and columns are the last two axes, dims=(-2, -1)."
    for by, way in ((-1, "up"), (1, "down"))
}
ONE_AXIS = "You take one axis at a time, (dy, 0) and (0, dx): there are H W shifts, every dy with every dx."


def _shift(images: Tensor, dy: int, dx: int) -> Tensor:
    return torch.roll(images, (-dy, -dx), dims=(-2, -1))


# ------------------------------------------------------------------------------------------------- the machine

Places = Callable[[int, int], Iterable[tuple[int, int]]]


def _all_places(height: int, width: int) -> Iterable[tuple[int, int]]:
    return product(range(height), range(width))


def _one_axis(height: int, width: int) -> Iterable[tuple[int, int]]:
    return [(dy, 0) for dy in range(height)] + [(0, dx) for dx in range(width)]


def _height_for_both(height: int, width: int, by: int) -> Iterable[tuple[int, int]]:
    """Rows and columns both counted to H."""
    return ((-by * dy, -by * dx) for dy, dx in product(range(height), repeat=2))


def _es_cases(generator: torch.Generator) -> list[Case]:
    def seen(batch: int, n: int, shape: tuple[int, ...], theta: float, noise: float = 1) -> Case:
        """x_t made from blends of shifted images, so that several pairs get a vote; the images; alpha and sigma."""
        images = 2 * torch.rand(n, *shape, generator=generator) - 1
        blend = torch.rand(batch, n, generator=generator).softmax(1)
        alpha, sigma = math.cos(theta), math.sin(theta)
        eps = noise * torch.randn(batch, *shape, generator=generator)
        return alpha * torch.einsum("bn,nchw->bchw", blend, _shift(images, 1, 2)) + sigma * eps, images, alpha, sigma

    x_t, images, *angle = seen(2, 3, (1, 3, 4), 0.9)
    images[0], images[1] = 0.1, images[2]  # one plain grey, so all its shifts are equal; and one image twice
    return [
        (x_t, images, *angle),
        seen(3, 4, (1, 3, 5), 0.9),
        seen(2, 3, (1, 4, 3), 1.1),
        seen(2, 2, (3, 2, 3), 1.2),
        seen(2, 3, (1, 4, 5), 0.02),  # exponents so far apart that only the largest may be subtracted
        seen(2, 3, (1, 4, 5), 1.3, noise=12),  # exponents near -1400: exp alone is 0, in float64 too
    ]


def _shifted(images: Tensor, places: Places = _all_places) -> Float[Tensor, "shifts N C H W"]:
    return torch.stack([_shift(images, *d) for d in places(*images.shape[-2:])]).double()


def _exponents(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, places: Places = _all_places
) -> Float[Tensor, "B shifts N"]:
    difference = x_t.double()[:, None, None] - alpha * _shifted(images, places)
    return -difference.square().sum((-3, -2, -1)) / (2 * sigma**2)


def _weighed(weights: Float[Tensor, "B shifts N"], shifted: Float[Tensor, "shifts N C H W"]) -> Tensor:
    return torch.einsum("bdn,dnchw->bchw", weights, shifted)


def _over_pairs(exponents: Float[Tensor, "B shifts N"]) -> Float[Tensor, "B shifts N"]:
    return exponents.flatten(1).softmax(1).view_as(exponents)


def _without_duplicates(x_t: Tensor, images: Tensor, alpha: float, sigma: float) -> Tensor:
    orbits = _shifted(images).flatten(0, 1).unique(dim=0)
    distance = (x_t.double()[:, None] - alpha * orbits).square().sum((-3, -2, -1))
    return torch.einsum("bn,nchw->bchw", torch.softmax(-distance / (2 * sigma**2), 1), orbits)


def _some_shifts(x_t: Tensor, images: Tensor, alpha: float, sigma: float, places: Places) -> Tensor:
    weights = _over_pairs(_exponents(x_t, images, alpha, sigma, places))
    return _weighed(weights, _shifted(images, places))


def _es_of(change: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """ES with other weights: `change` makes them from the exponents."""

    def wrong(x_t: Tensor, images: Tensor, alpha: float, sigma: float) -> Tensor:
        return _weighed(change(_exponents(x_t, images, alpha, sigma)), _shifted(images))

    return wrong


def _scaled(scale: Callable[[float], float]) -> Callable[..., Tensor]:
    """ES whose exponents are too large or too small by a factor that depends on sigma."""
    return lambda x_t, images, alpha, sigma: _es_of(lambda e: _over_pairs(e * scale(sigma)))(x_t, images, alpha, sigma)


def _bare(exponents: Tensor) -> Tensor:
    e = exponents.exp()
    return e / e.sum((1, 2), keepdim=True)


def _never_by_zero(exponents: Tensor) -> Tensor:
    e = exponents.exp()
    return e / (e.sum((1, 2), keepdim=True) + 1e-12)


def _heaviest(exponents: Tensor) -> Tensor:
    return (exponents == exponents.amax((1, 2), keepdim=True)).double()


def _by_roots(x_t: Tensor, images: Tensor, alpha: float, sigma: float) -> Tensor:
    """The distance in place of its square."""
    root = (-_exponents(x_t, images, alpha, sigma) * 2 * sigma**2).sqrt()
    return _weighed(_over_pairs(-root / (2 * sigma**2)), _shifted(images))


def _undimmed(x_t: Tensor, images: Tensor, alpha: float, sigma: float) -> Tensor:
    return _some_shifts(x_t, images, 1, sigma, _all_places)


def _dimmed_answer(x_t: Tensor, images: Tensor, alpha: float, sigma: float) -> Tensor:
    return alpha * _some_shifts(x_t, images, alpha, sigma, _all_places)


def _es_along_wrong_dims(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, dims: tuple[int, int] = (0, 1), by: int = -1
) -> Tensor:
    copies = [images.roll((by * dy, by * dx), dims) for dy, dx in _all_places(*images.shape[-2:])]
    return reference.ideal(x_t, torch.cat(copies), alpha, sigma)


def _average_where_they_were(x_t: Tensor, images: Tensor, alpha: float, sigma: float) -> Tensor:
    weights = _over_pairs(_exponents(x_t, images, alpha, sigma)).sum(1)
    return torch.einsum("bn,nchw->bchw", weights, images.double())


# ------------------------------------------------------------------------------------------------- the orbit average


def _average_cases(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for shape, t in (((2, 1, 3, 4), 0.5), ((1, 2, 4, 4), 0.9), ((3, 1, 4, 3), 0.1)):
        size = shape[1] * shape[2] * shape[3]
        matrix = torch.randn(size, size, generator=generator) / size**0.5
        cases.append((_mixer(matrix), torch.randn(*shape, generator=generator), t))
    return cases


def _mixer(matrix: Tensor) -> Denoiser:
    """A denoiser that treats no two places alike."""

    def denoiser(x_t: Tensor, t: float, labels: object = None) -> Tensor:
        return torch.tanh(x_t.flatten(1).to(matrix.dtype) @ matrix + t).view_as(x_t)

    return denoiser


def _over_shifts(denoiser: Denoiser, x_t: Tensor, t: float, back: int, mean: bool = True) -> Tensor:
    height, width = x_t.shape[-2:]
    total = torch.zeros_like(x_t)
    for dy, dx in product(range(height), range(width)):
        total = total + _shift(denoiser(_shift(x_t, dy, dx), t), back * dy, back * dx)
    return total / (height * width) if mean else total


def _average(denoiser: Denoiser, x_t: Tensor, t: float) -> Tensor:
    return _over_shifts(denoiser, x_t, t, back=-1)


def _not_shifted_back(denoiser: Denoiser, x_t: Tensor, t: float) -> Tensor:
    return _over_shifts(denoiser, x_t, t, back=0)


def _shifted_twice(denoiser: Denoiser, x_t: Tensor, t: float) -> Tensor:
    return _over_shifts(denoiser, x_t, t, back=1)


def _back_by(denoiser: Denoiser, x_t: Tensor, t: float, undo: Callable[[int, int], tuple[int, int]]) -> Tensor:
    height, width = x_t.shape[-2:]
    places = product(range(height), range(width))
    return torch.stack([_shift(denoiser(_shift(x_t, *d), t), *undo(*d)) for d in places]).mean(0)


def _rows_back_twice(denoiser: Denoiser, x_t: Tensor, t: float) -> Tensor:
    return _back_by(denoiser, x_t, t, lambda dy, dx: (dy, -dx))


def _columns_back_twice(denoiser: Denoiser, x_t: Tensor, t: float) -> Tensor:
    return _back_by(denoiser, x_t, t, lambda dy, dx: (-dy, dx))


def _back_exchanged(denoiser: Denoiser, x_t: Tensor, t: float) -> Tensor:
    return _back_by(denoiser, x_t, t, lambda dy, dx: (-dx, -dy))


def _from_one(denoiser: Denoiser, x_t: Tensor, t: float, by_all: bool) -> Tensor:
    """Loops that begin at 1; divided by the number of all shifts, or of those that are left."""
    height, width = x_t.shape[-2:]
    places = list(product(range(1, height), range(1, width)))
    total = sum((_shift(denoiser(_shift(x_t, y, x), t), -y, -x) for y, x in places), torch.zeros_like(x_t))
    return total / (height * width if by_all else len(places))


def _shifts_added_up(denoiser: Denoiser, x_t: Tensor, t: float) -> Tensor:
    height, width = x_t.shape[-2:]
    total = torch.zeros_like(x_t)
    for dy, dx in product(range(height), range(width)):
        x_t = _shift(x_t, dy, dx)
        total = total + _shift(denoiser(x_t, t), -dy, -dx)
    return total / (height * width)


def _one_axis_at_a_time(denoiser: Denoiser, x_t: Tensor, t: float) -> Tensor:
    places = _one_axis(*x_t.shape[-2:])
    return torch.stack([_shift(denoiser(_shift(x_t, *d), t), -d[0], -d[1]) for d in places]).mean(0)


def _sum_not_mean(denoiser: Denoiser, x_t: Tensor, t: float) -> Tensor:
    return _over_shifts(denoiser, x_t, t, back=-1, mean=False)


def _along_wrong_dims(
    denoiser: Denoiser, x_t: Tensor, t: float, dims: tuple[int, int] = (0, 1), by: int = -1
) -> Tensor:
    shifts = [(by * dy, by * dx) for dy, dx in _all_places(*x_t.shape[-2:])]
    return torch.stack([denoiser(x_t.roll((y, x), dims), t).roll((-y, -x), dims) for y, x in shifts]).mean(0)


def _first_row_alone(denoiser: Denoiser, x_t: Tensor, t: float, by_all: bool) -> Tensor:
    """dy = 0 and every dx; divided by the number of all shifts, or of these."""
    height, width = x_t.shape[-2:]
    total = sum((_shift(denoiser(_shift(x_t, 0, dx), t), 0, -dx) for dx in range(width)), torch.zeros_like(x_t))
    return total / (height * width if by_all else width)


def _rows_alone(denoiser: Denoiser, x_t: Tensor, t: float) -> Tensor:
    return torch.stack([_shift(denoiser(_shift(x_t, dy, 0), t), -dy, 0) for dy in range(x_t.shape[-2])]).mean(0)


def _divided_by_h_plus_w(denoiser: Denoiser, x_t: Tensor, t: float) -> Tensor:
    return _over_shifts(denoiser, x_t, t, back=-1, mean=False) / (x_t.shape[-2] + x_t.shape[-1])


def _average_height_for_both(denoiser: Denoiser, x_t: Tensor, t: float, by: int, by_all: bool) -> Tensor:
    """Rows and columns both counted to H; divided by H W, or by H H."""
    height, width = x_t.shape[-2:]
    places = _height_for_both(height, width, by)
    total = sum((_shift(denoiser(_shift(x_t, y, x), t), -y, -x) for y, x in places), torch.zeros_like(x_t))
    return total / (height * (width if by_all else height))


def _loops_to_sixteen(denoiser: Denoiser, x_t: Tensor, t: float) -> Tensor:
    """The height and width of the notebook's images, whatever comes in."""
    places = product(range(16), repeat=2)
    return sum((_shift(denoiser(_shift(x_t, y, x), t), -y, -x) for y, x in places), torch.zeros_like(x_t)) / 256


def _not_shifted_at_all(denoiser: Denoiser, x_t: Tensor, t: float) -> Tensor:
    return denoiser(x_t, t)


def _denoised_once(denoiser: Denoiser, x_t: Tensor, t: float) -> Tensor:
    answer = denoiser(x_t, t)
    return _over_shifts(lambda x, t, labels=None: x, answer, t, back=0)


def _average_of_the_input(denoiser: Denoiser, x_t: Tensor, t: float) -> Tensor:
    return denoiser(x_t.mean((-2, -1), keepdim=True).expand_as(x_t).clone(), t)


# ------------------------------------------------------------------------------------------------- testing a layer


def _layer_cases(generator: torch.Generator) -> list[Case]:
    kernel = torch.randn(1, 1, 3, 3, generator=generator)
    ramp = torch.randn(4, 6, generator=generator)
    board = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(2, 3)

    def circular(x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="circular"), kernel.to(x.dtype))

    def zeros(x: Tensor) -> Tensor:
        return F.conv2d(x, kernel.to(x.dtype), padding=1)

    def pooled(x: Tensor) -> Tensor:
        return F.max_pool2d(x, 2).repeat_interleave(2, -2).repeat_interleave(2, -1)

    def in_columns(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, (1, 3)).repeat_interleave(3, -1)

    def painted(x: Tensor) -> Tensor:
        return x + ramp.to(x.dtype)

    def lifted(x: Tensor) -> Tensor:  # with the inputs below, off in one direction only
        return x + x[..., :1, :1]

    def checkered(x: Tensor) -> Tensor:  # commutes with (1, 1), but with neither (1, 0) nor (0, 1)
        return x + board.to(x.dtype)

    def far(x: Tensor) -> Tensor:  # sums in another order after a shift: equal only up to rounding
        return torch.cat([torch.fft.ifft2(torch.fft.fft2(x) * x.shape[-1]).real, x.abs()], 1)

    def second_channel(x: Tensor) -> Tensor:
        return torch.cat([circular(x), zeros(x)], 1)

    def second_picture(x: Tensor) -> Tensor:
        return torch.cat([x[:1], painted(x[1:])])

    def spotted(x: Tensor) -> Tensor:  # off in one pixel, and only by a little: an average misses it
        return x + 5e-4 * F.pad(torch.ones(1, 1), (2, 3, 1, 2)).to(x.dtype)

    layers = (
        *(circular, zeros, pooled, in_columns, painted, checkered, far),
        *(second_channel, second_picture, spotted),
    )
    cases: list[Case] = [(layer, torch.randn(2, 1, 4, 6, generator=generator)) for layer in layers]
    bright, dark = (torch.randn(2, 1, 4, 6, generator=generator).clamp(-3, 3) for _ in range(2))
    bright[..., 0, 0], dark[..., 0, 0] = 4, -4  # the first pixel is the largest of all, or the smallest
    return [*cases, (lifted, bright), (lifted, dark)]


def _for_every_shift(x: Tensor, holds: Callable[[int, int], bool]) -> Bool[Tensor, "H W"]:
    height, width = x.shape[-2:]
    return torch.tensor([[holds(dy, dx) for dx in range(width)] for dy in range(height)])


def _near(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).abs().max() < 1e-4)


def _commuting(layer: Layer, x: Tensor) -> Tensor:
    x = x.double()
    return _for_every_shift(x, lambda dy, dx: _near(layer(_shift(x, dy, dx)), _shift(layer(x), dy, dx)))


def _unchanged(layer: Layer, x: Tensor) -> Tensor:
    return _for_every_shift(x, lambda dy, dx: _near(layer(_shift(x, dy, dx)), layer(x)))


def _opposite(layer: Layer, x: Tensor) -> Tensor:
    return _for_every_shift(x, lambda dy, dx: _near(layer(_shift(x, dy, dx)), _shift(layer(x), -dy, -dx)))


def _where_it_fails(layer: Layer, x: Tensor) -> Tensor:
    return _for_every_shift(x, lambda dy, dx: not _near(layer(_shift(x, dy, dx)), _shift(layer(x), dy, dx)))


def _mean_only(layer: Layer, x: Tensor) -> Tensor:
    return _for_every_shift(x, lambda dy, dx: _near(layer(_shift(x, dy, dx)).mean(), _shift(layer(x), dy, dx).mean()))


def _signed(layer: Layer, x: Tensor, sign: int) -> Tensor:
    def below(dy: int, dx: int) -> bool:
        return bool((sign * (layer(_shift(x, dy, dx)) - _shift(layer(x), dy, dx))).max() < 1e-4)

    return _for_every_shift(x, below)


def _first_picture(layer: Layer, x: Tensor) -> Tensor:
    return _for_every_shift(x, lambda dy, dx: _near(layer(_shift(x, dy, dx))[0], _shift(layer(x), dy, dx)[0]))


def _first_output_channel(layer: Layer, x: Tensor) -> Tensor:
    return _for_every_shift(x, lambda dy, dx: _near(layer(_shift(x, dy, dx))[:, 0], _shift(layer(x), dy, dx)[:, 0]))


def _mean_difference(layer: Layer, x: Tensor) -> Tensor:
    def small(dy: int, dx: int) -> bool:
        return bool((layer(_shift(x, dy, dx)) - _shift(layer(x), dy, dx)).abs().mean() < 1e-4)

    return _for_every_shift(x, small)


def _to_the_last_bit(layer: Layer, x: Tensor) -> Tensor:
    return _for_every_shift(x, lambda dy, dx: torch.equal(layer(_shift(x, dy, dx)), _shift(layer(x), dy, dx)))


def _layer_along_wrong_dims(layer: Layer, x: Tensor, dims: tuple[int, int] = (0, 1)) -> Tensor:
    def same(dy: int, dx: int) -> bool:
        return _near(layer(x.roll((-dy, -dx), dims)), layer(x).roll((-dy, -dx), dims))

    return _for_every_shift(x, same)


def _columns_before_rows(layer: Layer, x: Tensor) -> Tensor:
    return _commuting(layer, x).T


EXERCISES = [
    Exercise(
        name="naive_es",
        lesson=6,
        title="The equivariant score machine",
        minutes=10,
        difficulty=2,
        start="Start by collecting all H W shifted copies of all N images in one tensor, (H * W * N, C, H, W).",
        hints=(
            "torch.roll(images, (dy, dx), (-2, -1)) shifts all images at once; torch.cat joins a list of the results.",
            "The rest is the ideal denoiser of lesson 02: squared distances of each x_t to alpha times every copy, (B, "
            "H * W * N), and one softmax over all of them.",
            "With the copies v and weights of shape (B, H * W * N): (weights @ v.flatten(1)).view_as(x_t).",
        ),
        cases=_es_cases,
        answer=reference.equivariant,
        tolerance=1e-3,  # exponents near -1400 in float32
        mistakes=(
            Mistake(
                "You shift nothing: that is IS, the ideal denoiser of the images where they are. Sum over all shifts.",
                partial(_some_shifts, places=lambda height, width: [(0, 0)]),
            ),
            Mistake(
                "You shift only rows: there are H W shifts, every dy with every dx.",
                partial(_some_shifts, places=lambda height, width: product(range(height), [0])),
            ),
            Mistake(
                "You shift only columns: there are H W shifts, every dy with every dx.",
                partial(_some_shifts, places=lambda height, width: product([0], range(width))),
            ),
            Mistake(ONE_AXIS, partial(_some_shifts, places=_one_axis)),
            Mistake(
                "You drop pictures that are there twice (`unique`): the sum runs over all N H W pairs of image and "
                "shift, and equal pictures count each time.",
                _without_duplicates,
            ),
            *(
                Mistake(says % "", partial(_some_shifts, places=partial(_height_for_both, by=by)))
                for by, says in HEIGHT_FOR_BOTH.items()
            ),
            Mistake(
                "Your loops begin at 1: (0, 0), (dy, 0) and (0, dx) are shifts, too. There are H W in all.",
                partial(_some_shifts, places=lambda height, width: product(range(1, height), range(1, width))),
            ),
            Mistake(
                "You weigh the shifted images, but average the unshifted ones: the mean, too, is over v(. + d).",
                _average_where_they_were,
            ),
            Mistake(
                "For each shift, your weights sum to one over the images: all N H W weights together must sum to one. "
                "Take one softmax over all pairs.",
                _es_of(lambda e: e.softmax(2) / e.shape[1]),
            ),
            Mistake(
                "For each image, your weights sum to one over the shifts: all N H W weights together must sum to one. "
                "Take one softmax over all pairs.",
                _es_of(lambda e: e.softmax(1) / e.shape[2]),
            ),
            Mistake("You take only the heaviest pair: D is the weighted mean over all pairs.", _es_of(_heaviest)),
            Mistake(
                EXCHANGED,
                lambda x_t, images, alpha, sigma: _some_shifts(x_t, images, sigma, alpha, _all_places),
            ),
            Mistake(
                "You compare x_t with v itself: the image inside x_t is dimmed, so compare with alpha * v.", _undimmed
            ),
            Mistake("You average alpha * v: D returns clean images, so the mean is over v.", _dimmed_answer),
            Mistake(
                "You forgot the 2 of the normal distribution: the exponent is -d**2 / (2 sigma**2).",
                _scaled(lambda sigma: 2),
            ),
            Mistake("You divide by 2 sigma: the variance of the noise is sigma squared.", _scaled(lambda sigma: sigma)),
            Mistake(
                "You leave out sigma: how fast the weights fall depends on it, so divide by 2 sigma**2.",
                _scaled(lambda sigma: sigma**2),
            ),
            Mistake("Your weights grow with the distance: the exponent needs a minus.", _scaled(lambda sigma: -1)),
            Mistake("You take the distance, not its square: the exponent is -d**2 / (2 sigma**2).", _by_roots),
            Mistake(
                "You take the mean of the squares over the pixels: the squared distance is their sum.",
                lambda x_t, images, alpha, sigma: _es_of(lambda e: _over_pairs(e / images[0].numel()))(
                    x_t, images, alpha, sigma
                ),
            ),
            Mistake(UNDERFLOW, _es_of(_bare)),
            Mistake(NEVER_BY_ZERO, _es_of(_never_by_zero)),
            Mistake(WRONG_DIMS, _es_along_wrong_dims),
            *(
                Mistake(says, partial(_es_along_wrong_dims, dims=(1, 2), by=by))
                for by, says in CHANNELS_AND_ROWS.items()
            ),
            Mistake(
                "Your loops run to 16, the notebook's H and W: take height and width from images.shape.",
                partial(_some_shifts, places=lambda height, width: product(range(16), range(16))),
            ),
            Mistake(
                "Your softmax runs over the wrong axis: each row, dim=1, must sum to one over all copies.",
                _es_of(lambda e: e.softmax(0)),
            ),
        ),
    ),
    Exercise(
        name="orbit_average",
        lesson=6,
        title="Any denoiser, made equivariant",
        minutes=8,
        difficulty=2,
        start="Start with one shift: shift x_t, denoise it, shift the answer back. Then average over all shifts.",
        hints=(
            "You need two loops over dy and dx, a running sum, and one division at the end.",
            "Shifting by d is torch.roll(x_t, (-dy, -dx), (-2, -1)); shifting back is the same with (dy, dx).",
            "total = total + torch.roll(denoiser(torch.roll(x_t, (-dy, -dx), (-2, -1)), t), (dy, dx), (-2, -1))",
        ),
        cases=_average_cases,
        answer=_average,
        mistakes=(
            Mistake(
                "You average the answers without shifting them back: copies at all places blur into one another.",
                _not_shifted_back,
            ),
            Mistake("You shift the answer by d once more: to undo a shift, use the opposite sign.", _shifted_twice),
            Mistake(
                "One of your two signs is wrong: columns are shifted back, but rows are shifted once more. To undo a "
                "shift by dy, shift by -dy.",
                _rows_back_twice,
            ),
            Mistake(
                "One of your two signs is wrong: rows are shifted back, but columns are shifted once more. To undo a "
                "shift by dx, shift by -dx.",
                _columns_back_twice,
            ),
            Mistake(
                "You shift rows back by dx, and columns by dy: dy belongs to axis -2, dx to -1.",
                _back_exchanged,
            ),
            Mistake(
                "Your loops begin at 1: (0, 0), (dy, 0) and (0, dx) are shifts, too. There are H W in all.",
                partial(_from_one, by_all=False),
            ),
            Mistake(
                "You divide by H W, but your loops begin at 1 and leave shifts out: (0, 0), (dy, 0) and (0, dx).",
                partial(_from_one, by_all=True),
            ),
            Mistake(
                "You overwrite x_t in the loop, so its shifts add up: every time, shift the x_t that was passed in.",
                _shifts_added_up,
            ),
            Mistake(ONE_AXIS, _one_axis_at_a_time),
            Mistake("You only add up the H W answers: divide the sum by H W.", _sum_not_mean),
            Mistake("You divide by H + W: there are H W shifts.", _divided_by_h_plus_w),
            *(
                Mistake(says % divided, partial(_average_height_for_both, by=by, by_all=not divided))
                for by, says in HEIGHT_FOR_BOTH.items()
                for divided in ("", ", and divide by H H")
            ),
            Mistake(
                "Your loops run to 16, the notebook's H and W: take height and width from x_t.shape.", _loops_to_sixteen
            ),
            Mistake(WRONG_DIMS, _along_wrong_dims),
            *(Mistake(says, partial(_along_wrong_dims, dims=(1, 2), by=by)) for by, says in CHANNELS_AND_ROWS.items()),
            Mistake(
                "You return after the first dy: `return` belongs after both loops, not in the outer one.",
                partial(_first_row_alone, by_all=True),
            ),
            Mistake(
                "You return after one shift: `return` belongs after both loops, not in the inner one.",
                lambda denoiser, x_t, t: denoiser(x_t, t) / (x_t.shape[-2] * x_t.shape[-1]),
            ),
            Mistake("You shift only rows: there are H W shifts, every dy with every dx.", _rows_alone),
            Mistake(
                "You shift only columns (or return after the first dy): there are H W shifts, every dy with every dx.",
                partial(_first_row_alone, by_all=False),
            ),
            Mistake(
                "You denoise x_t itself and shift nothing: denoise every shifted copy of it, then shift the answer "
                "back.",
                _not_shifted_at_all,
            ),
            Mistake(
                "You denoise once and average shifted copies of the answer, which leaves only its mean. Denoise every "
                "shifted copy of x_t anew, then shift that answer back.",
                _denoised_once,
            ),
            Mistake(
                "You average the input and denoise that: average the answers instead, one for each shifted copy.",
                _average_of_the_input,
            ),
        ),
    ),
    Exercise(
        name="commuting_shifts",
        lesson=6,
        title="Put a layer to the test",
        minutes=8,
        difficulty=2,
        start="Start with one shift: is layer(shift of x) the same as shift of layer(x)?",
        hints=(
            "The answer is a tensor of truth values with one entry per shift: shape (H, W), entry [dy, dx].",
            "Rounding differs from shift to shift: call two results the same if they differ by less than 1e-4.",
            "same = (layer(S(x)) - S(layer(x))).abs().max() < 1e-4, with S(a) = torch.roll(a, (-dy, -dx), (-2, -1))",
        ),
        cases=_layer_cases,
        answer=_commuting,
        mistakes=(
            Mistake(
                "You test on a constant image, which no shift changes: use the x that was passed in.",
                lambda layer, x: _commuting(layer, torch.ones_like(x)),
            ),
            Mistake(
                "You test invariance, that is, whether the output stays the same. Equivariance lets it move with the "
                "input.",
                _unchanged,
            ),
            Mistake("You move the output the opposite way: input and output take the same shift.", _opposite),
            Mistake("You return where the test fails: return where it holds.", _where_it_fails),
            Mistake(
                "You compare averages over all pixels: a shift never changes those. Compare pixel by pixel.", _mean_only
            ),
            *(
                Mistake(
                    f"You compare signed differences, {order}: a large negative one is below 1e-4 too. Take .abs() "
                    "first.",
                    partial(_signed, sign=sign),
                )
                for order, sign in (("shifted first minus shifted last", 1), ("shifted last minus shifted first", -1))
            ),
            Mistake("Rows and columns are swapped: the entry is [dy, dx], with one row per dy.", _columns_before_rows),
            Mistake(
                "You compare only the first picture, or a picture of your own: the results must agree for all of x.",
                _first_picture,
            ),
            Mistake(
                "You compare only the first channel: the results must agree in all channels.", _first_output_channel
            ),
            Mistake(
                "You let a difference of 0.0005 in a single pixel pass: an average hides it, a square shrinks it, a "
                "large tolerance allows it. The largest absolute difference must be below 1e-4.",
                _mean_difference,
            ),
            Mistake(
                "Your test is too strict (torch.equal, or a tolerance well below 1e-4): rounding differs from shift to "
                "shift. Allow differences below 1e-4.",
                _to_the_last_bit,
            ),
            Mistake(WRONG_DIMS, _layer_along_wrong_dims),
            Mistake(
                "You move rows by dx, and no columns: rows and columns are the last two axes, dims=(-2, -1).",
                partial(_layer_along_wrong_dims, dims=(1, 2)),
            ),
        ),
    ),
]
