"""Exercises of lesson 06: equivariance."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import product

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from ..diffusion import Denoiser
from .attempt import Case
from .exercise import Exercise, Mistake

Layer = Callable[[Tensor], Tensor]


def _shift(images: Tensor, dy: int, dx: int) -> Tensor:
    return torch.roll(images, (-dy, -dx), dims=(-2, -1))


# ---------------------------------------------------------------------------------------------- the shift operator


def _shift_cases(generator: torch.Generator) -> list[Case]:
    asked = [((2, 1, 4, 5), 1, 0), ((1, 3, 5, 4), 3, -2), ((2, 2, 6, 6), -1, 8), ((5, 3), 2, -4)]
    return [(torch.rand(*shape, generator=generator) * 2 - 1, dy, dx) for shape, dy, dx in asked]


def _by_index(images: Tensor, dy: int, dx: int) -> Tensor:
    """v(. + d), pixel by pixel as it is defined."""
    height, width = images.shape[-2:]
    out = torch.empty_like(images, dtype=torch.float64)
    for y, x in product(range(height), range(width)):
        out[..., y, x] = images[..., (y + dy) % height, (x + dx) % width]
    return out


def _other_way(images: Tensor, dy: int, dx: int) -> Tensor:
    return _shift(images, -dy, -dx)


def _rows_for_columns(images: Tensor, dy: int, dx: int) -> Tensor:
    return _shift(images, dx, dy)


def _rows_the_other_way(images: Tensor, dy: int, dx: int) -> Tensor:
    return _shift(images, -dy, dx)


def _columns_the_other_way(images: Tensor, dy: int, dx: int) -> Tensor:
    return _shift(images, dy, -dx)


def _fallen_off(images: Tensor, dy: int, dx: int) -> Tensor:
    height, width = images.shape[-2:]
    out = torch.zeros_like(images)
    for y, x in product(range(height), range(width)):
        if 0 <= y + dy < height and 0 <= x + dx < width:
            out[..., y, x] = images[..., y + dy, x + dx]
    return out


def _edge_repeated(images: Tensor, dy: int, dx: int) -> Tensor:
    height, width = images.shape[-2:]
    rows, columns = (torch.arange(height) + dy).clamp(0, height - 1), (torch.arange(width) + dx).clamp(0, width - 1)
    return images[..., rows[:, None], columns]


def _cut_and_joined(images: Tensor, dy: int, dx: int) -> Tensor:
    """Two slices change places: right while they are no longer than the image."""
    down = torch.cat([images[..., dy:, :], images[..., :dy, :]], -2)
    return torch.cat([down[..., dx:], down[..., :dx]], -1)


def _rows_alone(images: Tensor, dy: int, dx: int) -> Tensor:
    return _shift(images, dy, 0)


def _exchanged_and_the_other_way(images: Tensor, dy: int, dx: int) -> Tensor:
    return _shift(images, -dx, -dy)


def _one_long_row(images: Tensor, dy: int, dx: int) -> Tensor:
    return torch.roll(images, -dy * images.shape[-1] - dx)


# ----------------------------------------------------------------------------------------------- the size of an orbit


def _orbit_cases(generator: torch.Generator) -> list[Case]:
    def fresh(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator) * 2 - 1

    y, x = torch.meshgrid(torch.arange(6), torch.arange(6), indexing="ij")
    checkerboard = ((y + x) % 2 * 2 - 1)[None].float()
    diagonal_stripes = fresh(3)[(y + x) % 3][None]
    return [
        (fresh(1, 4, 5),),
        (fresh(2, 4, 3).repeat(1, 1, 2),),
        (fresh(1, 5, 1).expand(1, 5, 4).clone(),),
        (torch.full((1, 3, 4), 0.5),),
        (checkerboard,),
        (diagonal_stripes,),
        (torch.cat([torch.full((1, 4, 5), 0.5), fresh(1, 4, 5)]),),  # the first channel alone looks constant
        (fresh(1, 3, 4).sign(),),  # two numbers, twelve pictures
    ]


def _orbit(image: Tensor) -> Float[Tensor, "HW CHW"]:
    height, width = image.shape[-2:]
    return torch.stack([_shift(image, dy, dx).flatten() for dy, dx in product(range(height), range(width))])


def _orbit_size(image: Tensor) -> int:
    return len(set(map(tuple, _orbit(image).tolist())))


def _number_of_shifts(image: Tensor) -> int:
    return image.shape[-2] * image.shape[-1]


def _shifts_that_do_nothing(image: Tensor) -> int:
    return int((_orbit(image) == image.flatten()).all(1).sum())


def _shifts_that_change_it(image: Tensor) -> int:
    return _number_of_shifts(image) - _shifts_that_do_nothing(image) + 1


def _some_shifts(image: Tensor, places: Callable[[int, int], Iterable[tuple[int, int]]]) -> int:
    """The different pictures among those of some shifts."""
    return len({tuple(_shift(image, *d).flatten().tolist()) for d in places(*image.shape[-2:])})


def _channels_for_pictures(image: Tensor) -> int:
    return len(torch.unique(_orbit(image).unflatten(1, (len(image), -1)).flatten(0, 1), dim=0))


def _different_numbers(image: Tensor) -> int:
    return len(torch.unique(_orbit(image)))


def _rows_times_columns(image: Tensor) -> int:
    height, width = image.shape[-2:]
    down = {tuple(_shift(image, dy, 0).flatten().tolist()) for dy in range(height)}
    across = {tuple(_shift(image, 0, dx).flatten().tolist()) for dx in range(width)}
    return len(down) * len(across)


def _flattened_before(image: Tensor) -> int:
    """Every pixel moves on by k in reading order, so that rows run into each other."""
    return len({tuple(torch.roll(image, k).flatten().tolist()) for k in range(_number_of_shifts(image))})


def _first_channel_only(image: Tensor) -> int:
    return _orbit_size(image[:1])


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
    height, width = x_t.shape[-2:]
    places = [(dy, 0) for dy in range(height)] + [(0, dx) for dx in range(width)]
    return torch.stack([_shift(denoiser(_shift(x_t, *d), t), -d[0], -d[1]) for d in places]).mean(0)


def _sum_not_mean(denoiser: Denoiser, x_t: Tensor, t: float) -> Tensor:
    return _over_shifts(denoiser, x_t, t, back=-1, mean=False)


def _divided_by_h_plus_w(denoiser: Denoiser, x_t: Tensor, t: float) -> Tensor:
    return _over_shifts(denoiser, x_t, t, back=-1, mean=False) / (x_t.shape[-2] + x_t.shape[-1])


def _height_for_both(denoiser: Denoiser, x_t: Tensor, t: float, by_all: bool) -> Tensor:
    """Rows and columns both counted to H; divided by H W, or by H H."""
    height, width = x_t.shape[-2:]
    places = product(range(height), range(height))
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

    def lifted(x: Tensor) -> Tensor:  # under some shifts it is off in one direction only
        return x + x[..., :1, :1]

    def checkered(x: Tensor) -> Tensor:  # commutes with (1, 1), and neither with (1, 0) nor with (0, 1)
        return x + board.to(x.dtype)

    def far(x: Tensor) -> Tensor:  # sums in another order after a shift: equal up to rounding alone
        return torch.cat([torch.fft.ifft2(torch.fft.fft2(x) * x.shape[-1]).real, x.abs()], 1)

    def second_channel(x: Tensor) -> Tensor:
        return torch.cat([circular(x), zeros(x)], 1)

    def second_picture(x: Tensor) -> Tensor:
        return torch.cat([x[:1], painted(x[1:])])

    def spotted(x: Tensor) -> Tensor:  # off in one pixel, and there by little: an average misses it
        return x + 1e-3 * F.pad(torch.ones(1, 1), (2, 3, 1, 2)).to(x.dtype)

    layers = (
        *(circular, zeros, pooled, in_columns, painted, lifted, checkered, far),
        *(second_channel, second_picture, spotted),
    )
    return [(layer, torch.randn(2, 1, 4, 6, generator=generator)) for layer in layers]


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


def _signed(layer: Layer, x: Tensor) -> Tensor:
    def below(dy: int, dx: int) -> bool:
        return bool((layer(_shift(x, dy, dx)) - _shift(layer(x), dy, dx)).max() < 1e-4)

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


def _columns_before_rows(layer: Layer, x: Tensor) -> Tensor:
    return _commuting(layer, x).T


EXERCISES = [
    Exercise(
        name="shift_image",
        lesson=6,
        title="The shift operator",
        minutes=5,
        difficulty=1,
        start="Start from one pixel: the new image holds at row y what the old one holds at row y + dy.",
        hints=(
            "Coordinates count modulo H and W: what leaves on one side comes back on the other.",
            "(torch.arange(H) + dy) % H lists, for each new row, the old row that it shows. The same for columns.",
            "images[..., rows[:, None], columns] reads them all at once. (Or torch.roll, but mind its sign: entry y of "
            "torch.roll(a, 1) is a[y - 1], and you want a[y + dy].)",
        ),
        cases=_shift_cases,
        answer=_by_index,
        mistakes=(
            Mistake(
                "You shift the other way: roll by +dy gives v(x - d). At pixel x must stand v(x + d), so the contents "
                "move by minus d.",
                _other_way,
            ),
            Mistake(
                "One of your two signs is wrong: columns are right, but rows move the other way. At row y must stand "
                "row y + dy.",
                _rows_the_other_way,
            ),
            Mistake(
                "One of your two signs is wrong: rows are right, but columns move the other way. At column x must "
                "stand column x + dx.",
                _columns_the_other_way,
            ),
            Mistake("You take rows for columns: dy belongs to axis -2, dx to axis -1.", _rows_for_columns),
            Mistake(
                "You take rows for columns, and shift the other way: dy belongs to axis -2, dx to axis -1, and row y "
                "must show row y + dy.",
                _exchanged_and_the_other_way,
            ),
            Mistake("You shift rows alone: columns must move, too, by dx.", _rows_alone),
            Mistake(
                "What leaves the image is lost: on the torus it comes back on the other side, count modulo H and W.",
                _fallen_off,
            ),
            Mistake(
                "You repeat the edge where an index leaves the image (clamp): on the torus it comes back on the other "
                "side, count modulo H and W.",
                _edge_repeated,
            ),
            Mistake(
                "Your slices are right while dy and dx are smaller than the image: take them modulo H and W first.",
                _cut_and_joined,
            ),
            Mistake(
                "You roll all numbers as one long row: without dims, torch.roll moves the end of each row into the "
                "next. Give it dims=(-2, -1).",
                _one_long_row,
            ),
        ),
    ),
    Exercise(
        name="orbit_size",
        lesson=6,
        title="The size of an orbit",
        minutes=7,
        difficulty=2,
        start="Start by collecting all H W shifted copies of the image, flattened, in one tensor.",
        hints=(
            "Two shifts may give the same picture: a constant image has an orbit of one.",
            "torch.unique(copies, dim=0) removes repeated rows. (Two tensors: torch.equal(a, b). `in` and `==` fail.)",
            "Rows and columns cannot be counted apart: a checkerboard has only 2 different copies.",
        ),
        cases=_orbit_cases,
        answer=_orbit_size,
        mistakes=(
            Mistake(
                "You count shifts, not images: H W is right only if no shift leaves the image as it is. (A Python set "
                "takes equal tensors for different ones: torch.unique does not.)",
                _number_of_shifts,
            ),
            Mistake(
                "You count the shifts that change nothing (the stabiliser). The orbit has H W divided by that many.",
                _shifts_that_do_nothing,
            ),
            Mistake(
                "You count the shifts that change the image: two such shifts may give the same picture.",
                _shifts_that_change_it,
            ),
            Mistake(
                "You shift rows alone: there are H W shifts, every dy with every dx.",
                partial(_some_shifts, places=lambda height, width: product(range(height), [0])),
            ),
            Mistake(
                "You let dy and dx both run to H: dx has W values, and an image need not be a square.",
                partial(_some_shifts, places=lambda height, width: product(range(height), range(height))),
            ),
            Mistake(
                "torch.unique(all_shifts(image), dim=0) takes each channel for a picture: all_shifts wants a batch, "
                "image[None].",
                _channels_for_pictures,
            ),
            Mistake(
                "You count different numbers, not different pictures: torch.unique needs one picture a row and dim=0.",
                _different_numbers,
            ),
            Mistake(
                "You multiply the different vertical copies by the different horizontal ones. A checkerboard moved by "
                "(1, 1) is itself again, which this misses: compare all H W copies with each other.",
                _rows_times_columns,
            ),
            Mistake(
                "You look at the first channel only: a shift moves all channels, and two pictures are the same if all "
                "of them are.",
                _first_channel_only,
            ),
            Mistake(
                "You roll the image as one long row: without dims, torch.roll moves the end of each row into the next. "
                "Give it dims=(-2, -1).",
                _flattened_before,
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
            "Two loops over dy and dx, a running sum, one division at the end.",
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
                "One of your two signs is wrong: columns are shifted back, but rows once more. To undo a shift by dy, "
                "shift by -dy.",
                _rows_back_twice,
            ),
            Mistake(
                "One of your two signs is wrong: rows are shifted back, but columns once more. To undo a shift by dx, "
                "shift by -dx.",
                _columns_back_twice,
            ),
            Mistake(
                "You shift rows back by what columns were shifted, and the reverse: dy belongs to axis -2, dx to -1.",
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
                "You write over x_t in the loop, so that its shifts add up: shift the x_t that came in, every time.",
                _shifts_added_up,
            ),
            Mistake(
                "You take one axis at a time, (dy, 0) and (0, dx): there are H W shifts, every dy with every dx.",
                _one_axis_at_a_time,
            ),
            Mistake("You add the H W answers up: divide by H W.", _sum_not_mean),
            Mistake("You divide by H + W: there are H W shifts.", _divided_by_h_plus_w),
            Mistake(
                "You let dy and dx both run to H: dx has W values, and an image need not be a square.",
                partial(_height_for_both, by_all=True),
            ),
            Mistake(
                "You let dy and dx both run to H, and divide by H H: dx has W values, and images need not be square.",
                partial(_height_for_both, by_all=False),
            ),
            Mistake(
                "Your loops run to 16, the notebook's H and W: take height and width from x_t.shape.", _loops_to_sixteen
            ),
            Mistake(
                "You denoise x_t itself and shift nothing: denoise every shifted copy of it, then shift back.",
                _not_shifted_at_all,
            ),
            Mistake(
                "You denoise once and average shifted copies of the answer, which leaves its mean. Denoise every "
                "shifted copy of x_t anew, then shift that answer back.",
                _denoised_once,
            ),
            Mistake(
                "You average the input and denoise that. The average is over answers: denoise each shifted copy.",
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
                "You test invariance: that the output does not change. Equivariance lets it move with the input.",
                _unchanged,
            ),
            Mistake("You move the output the opposite way: input and output take the same shift.", _opposite),
            Mistake("You return where the test fails; asked for is where it holds.", _where_it_fails),
            Mistake(
                "You compare averages over all pixels: a shift never changes those. Compare pixel by pixel.", _mean_only
            ),
            Mistake(
                "You compare signed differences: a large negative one is below 1e-4 too. Take .abs() first.", _signed
            ),
            Mistake("Rows and columns are exchanged: entry [dy, dx], with one row per dy.", _columns_before_rows),
            Mistake(
                "You compare the first picture alone, or a picture of your own: the shift must do for all of x.",
                _first_picture,
            ),
            Mistake("You compare the first channel alone: the shift must do for all of them.", _first_output_channel),
            Mistake(
                "You let pass a difference of 0.001 in a single pixel: an average hides it, a square shrinks it, a "
                "large tolerance allows it. The largest absolute difference must be below 1e-4.",
                _mean_difference,
            ),
            Mistake(
                "Your test is too strict (torch.equal, or a tolerance well below 1e-4): rounding differs from shift to "
                "shift. Allow differences below 1e-4.",
                _to_the_last_bit,
            ),
        ),
    ),
]
