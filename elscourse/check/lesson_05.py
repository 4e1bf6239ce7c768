"""Exercises of lesson 05: locally consistent mosaics."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from .. import reference
from ..errors import shape_of
from .attempt import Case
from .exercise import Exercise, Mistake

BLACK_AND_WHITE = (-1.0, 1.0)


def _coin_flips(generator: torch.Generator, height: int, width: int) -> Float[Tensor, "H W"]:
    return 2.0 * torch.randint(2, (height, width), generator=generator) - 1


def _window_sum(u: Tensor, mode: str = "circular") -> Tensor:
    """The sum over the 3 x 3 window of every pixel of images (n, H, W)."""
    return 9 * F.avg_pool2d(F.pad(u[:, None], (1, 1, 1, 1), mode=mode), 3, stride=1)[:, 0]


def _agrees(u: Float[Tensor, "n H W"], votes: Float[Tensor, "n H W"]) -> Bool[Tensor, "n H W"]:
    return (votes > 0) == (u > 0)


# ------------------------------------------------------------------------------------------------- the consistency

Colours = tuple[float, ...]


def _consistency_cases(generator: torch.Generator) -> list[Case]:
    shades = 1.0 * torch.randint(-1, 2, (7, 6), generator=generator)
    whites = torch.where(torch.rand(6, 8, generator=generator) < 0.75, 1.0, -1.0)  # grey against clear majorities
    grey = (-1.0, 0.0, 1.0)
    flips = [(_coin_flips(generator, *shape), BLACK_AND_WHITE) for shape in ((5, 5), (4, 7), (6, 3))]
    return [*flips, (shades, grey), (whites, grey)]


def _consistent(u: Float[Tensor, "H W"], colours: Colours = BLACK_AND_WHITE) -> Bool[Tensor, "H W"]:
    """By the definition: the nearest patch of one plain image of each colour."""
    images = torch.tensor(colours)[:, None, None, None].expand(len(colours), 1, *u.shape)
    return reference.locally_consistent(u[None].double(), images, 3, "circular")


SQUARE = tuple((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1))
CROSS = ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0))


def _nearest(u: Tensor, colours: Colours, offsets: tuple[tuple[int, int], ...] = SQUARE, power: int = 2) -> Tensor:
    """The colour nearest to the pixels at these offsets, all taken together; in a tie the first."""
    window = torch.stack([u.roll(offset, (0, 1)) for offset in offsets])
    distances = torch.stack([(window - colour).abs().pow(power).sum(0) for colour in colours])
    return torch.tensor(colours)[distances.argmin(0)]


def _squares(u: Tensor, colours: Colours) -> Tensor:
    """The squared distance of every window to nine pixels of each colour."""
    return torch.stack([_window_sum((u - colour).square()[None])[0] for colour in colours]).round()


def _cut_off(u: Tensor, colours: Colours) -> Tensor:
    """Nothing is compared beyond the border."""
    distances = torch.stack([_window_sum((u - colour).square()[None], mode="constant")[0] for colour in colours])
    return torch.tensor(colours)[distances.argmin(0)] == u


def _filled_with_zeros(u: Tensor, colours: Colours) -> Tensor:
    padded = F.pad(u, (1, 1, 1, 1))
    return _nearest(padded, colours)[1:-1, 1:-1] == u


def _most_frequent(u: Tensor, colours: Colours) -> Tensor:
    votes = torch.stack([_window_sum((u == colour).float()[None])[0] for colour in colours])
    return torch.tensor(colours)[votes.round().argmax(0)] == u


# ------------------------------------------------------------------------------------------------------- the count


def _count_cases(generator: torch.Generator) -> list[Case]:
    return [(3, 3), (3, 4), (4, 3), (4, 4), (3, 6)]


def _all_images(height: int, width: int) -> Float[Tensor, "n H W"]:
    n = height * width
    bits = (torch.arange(2**n)[:, None] >> torch.arange(n)) & 1
    return (2.0 * bits - 1).view(-1, height, width)


def _count(height: int, width: int, mode: str = "circular") -> int:
    u = _all_images(height, width)
    return int(_agrees(u, _window_sum(u, mode)).all(-1).all(-1).sum())


def _count_cut_off(height: int, width: int) -> int:
    u = _all_images(height, width)
    return int((_window_sum(u, "constant").sign() == u).all(-1).all(-1).sum())


def _count_by_cross(height: int, width: int) -> int:
    u = _all_images(height, width)
    votes = u + u.roll(1, 1) + u.roll(-1, 1) + u.roll(1, 2) + u.roll(-1, 2)
    return int(_agrees(u, votes).all(-1).all(-1).sum())


def _count_eight_voters(height: int, width: int) -> int:
    u = _all_images(height, width)
    return int(((_window_sum(u) - u).sign() == u).all(-1).all(-1).sum())


def _count_pixels(height: int, width: int) -> int:
    u = _all_images(height, width)
    return int(_agrees(u, _window_sum(u)).sum())


def _up_to_shifts(height: int, width: int) -> int:
    u = _all_images(height, width)
    u = u[_agrees(u, _window_sum(u)).all(-1).all(-1)]
    shifts = [u.roll((i, j), (-2, -1)).flatten(1) for i in range(height) for j in range(width)]
    powers = 2.0 ** torch.arange(height * width)
    return len(torch.stack([(s > 0).float() @ powers for s in shifts]).amin(0).unique())


def _list_rolled(height: int, width: int) -> int:
    u = _all_images(height, width)
    votes = sum(u.roll(offset, (0, 1)) for offset in SQUARE)
    return int(_agrees(u, torch.as_tensor(votes)).all(-1).all(-1).sum())


def _count_zeros_and_ones(height: int, width: int) -> int:
    u = (_all_images(height, width) + 1) / 2
    return int(_agrees(u, _window_sum(u)).all(-1).all(-1).sum())


# ------------------------------------------------------------------------------------------------------ an island


def _new_image_cases(generator: torch.Generator) -> list[Case]:
    return [(10, 10), (10, 13), (12, 11)]


def _paint(height: int, width: int, *rectangles: tuple[int, int, int, int, int]) -> Float[Tensor, "H W"]:
    """A black torus with rectangles (first row, last, first column, last, colour), the later ones on top."""
    u = -torch.ones(height, width)
    for top, bottom, left, right, colour in rectangles:
        u[top : bottom + 1, left : right + 1] = colour
    return u


ISLAND = (0, 7, 1, 6, 1), (1, 6, 0, 7, 1)
LAKE = (2, 5, 3, 4, -1), (3, 4, 2, 5, -1)


def _island_with_lake(height: int, width: int) -> Float[Tensor, "H W"]:
    return _paint(height, width, *ISLAND, *LAKE)


def _sea(u: Tensor) -> Tensor:
    """All black pixels that can be reached from a row and a column that are all black."""
    black = u == -1
    sea = black & (black.all(1, keepdim=True) | black.all(0, keepdim=True))
    while True:
        beside = torch.stack([sea.roll(step, axis) for axis in (0, 1) for step in (-1, 1)]).any(0)
        more = sea | (beside & black)
        if bool((more == sea).all()):
            return sea
        sea = more


def _judge_new_image(output: Tensor, height: int, width: int) -> str | None:
    if not isinstance(output, Tensor) or output.shape != (height, width):
        shape = f"({height}, {width})"
        return f"For a torus of {height} x {width} your image must have shape {shape}, but it has {shape_of(output)}."
    u = output.detach().double()
    if not bool((u.abs() == 1).all()):
        return "Every pixel must be black (-1) or white (1): any other value is far from every centre."
    if bool((u == u[0, 0]).all()):
        return "That is one of the two training images: it is consistent, but not new."
    for axis, line in ((1, "row"), (0, "column")):
        if not bool((u == -1).all(axis).any()):
            return f"On the torus of {height} x {width} no whole {line} of your image is black (-1)."
    wrong = int((~_consistent(u)).sum())
    if wrong:
        return (
            f"On the torus of {height} x {width}, {wrong} of the pixels disagree with the majority of their window. "
            "Mark them: most are at corners, or where the white, or the black between, is less than two pixels thick."
        )
    if bool((_sea(u) == (u == -1)).all()):
        return f"On the torus of {height} x {width} all black pixels form one piece, the sea: there is no lake."
    return None


def _band(height: int, width: int) -> Tensor:
    return _paint(height, width, (0, 1, 0, width - 1, 1))


EXERCISES = [
    Exercise(
        name="toy_consistent",
        lesson=5,
        title="Is it consistent?",
        minutes=7,
        difficulty=1,
        start="Start from the squared distance of every pixel's 3 x 3 window, wrapped around, to nine of one colour.",
        hints=(
            "u.roll((i, j), (0, 1)) moves the whole torus: nine such images hold the nine pixels of every window.",
            "The nine (u.roll((i, j), (0, 1)) - colour) ** 2 add up to the squared distance to nine pixels of that "
            "colour.",
            "Stack the distances of all colours with torch.stack; argmin(0) says which is nearest, and "
            "torch.tensor(colours)[...] gives its colour. Compare that with u.",
        ),
        cases=_consistency_cases,
        answer=_consistent,
        mistakes=(
            Mistake(
                "You take the sign of the window's sum (or do not divide by 9): with grey in memory, grey can win.",
                lambda u, colours: _window_sum(u[None])[0].round().sign() == u,
            ),
            Mistake(
                "You take the most frequent colour in the window: the nearest patch has the least squared distance.",
                _most_frequent,
            ),
            Mistake(
                "You compare with black and white only: memory holds all of `colours`.",
                lambda u, colours: _nearest(u, BLACK_AND_WHITE) == u,
            ),
            Mistake(
                "You allow grey where it is not in memory (by rounding the mean?): there `colours` is black and white "
                "only.",
                lambda u, colours: _nearest(u, (-1.0, 0.0, 1.0)) == u,
            ),
            Mistake(
                "You take the middle colour of the window (its median, or the least sum of unsquared differences): the "
                "nearest patch has the least squared distance.",
                lambda u, colours: _nearest(u, colours, power=1) == u,
            ),
            Mistake(
                "You compare the eight neighbours without the pixel itself: it lies in its own window, too.",
                lambda u, colours: _nearest(u, colours, tuple(o for o in SQUARE if o != (0, 0))) == u,
            ),
            Mistake("Your windows are cut off at the border: on the torus they come back on the other side.", _cut_off),
            Mistake(
                "Your windows are filled with zeros beyond the border: on the torus they come back on the other side.",
                _filled_with_zeros,
            ),
            Mistake(
                "You mark the pixels that disagree: return True where a pixel agrees.",
                lambda u, colours: ~_consistent(u, colours),
            ),
            Mistake(
                "You take the four nearest neighbours: the window is the whole square, 3 x 3.",
                lambda u, colours: _nearest(u, colours, CROSS) == u,
            ),
            Mistake(
                "You require the window to equal a patch: it is enough that the patch is the nearest.",
                lambda u, colours: _window_sum(u[None])[0].abs() > 8.5,
            ),
            Mistake(
                "You return where white is nearest: compare the nearest colour with the pixel's own.",
                lambda u, colours: _nearest(u, colours) == 1,
            ),
            Mistake(
                "You compare an index with u: argmin gives an index, so look up its colour in torch.tensor(colours).",
                lambda u, colours: _squares(u, colours).argmin(0) == u,
            ),
            Mistake(
                "You take the farthest colour, argmax: the nearest has the least squared distance.",
                lambda u, colours: torch.tensor(colours)[_squares(u, colours).argmax(0)] == u,
            ),
            Mistake(
                "Your window is not centred: the offsets must run over -1, 0, 1, but range(-1, 1) ends at 0.",
                lambda u, colours: _nearest(u, colours, tuple((i, j) for i in (-1, 0) for j in (-1, 0))) == u,
            ),
            Mistake(
                "Your window is not centred: the offsets must run over -1, 0, 1, but range(3) is 0, 1, 2.",
                lambda u, colours: _nearest(u, colours, tuple((i, j) for i in range(3) for j in range(3))) == u,
            ),
        ),
    ),
    Exercise(
        name="toy_count",
        lesson=5,
        title="Count them",
        minutes=8,
        difficulty=2,
        start="Start with a list of all 2**(height * width) black and white images.",
        hints=(
            "itertools.product((-1.0, 1.0), repeat=height * width) yields them all; torch.tensor turns their list into "
            "rows.",
            "View them as (n, height, width), and compute all window sums at once with roll on the last two axes.",
            "Count the images in which every pixel has the sign of its window sum: .all(-1).all(-1).sum().",
        ),
        cases=_count_cases,
        answer=_count,
        mistakes=(
            Mistake(
                "You count all images: count only those in which every pixel is consistent.", lambda h, w: 2 ** (h * w)
            ),
            Mistake(
                "You count half of them: an image and its negative are two images. Did you fix one pixel?",
                lambda h, w: _count(h, w) // 2,
            ),
            Mistake(
                "Your windows are cut off at the border: on the torus they come back on the other side.",
                lambda h, w: _count(h, w, mode="constant"),
            ),
            Mistake(
                "Your windows are cut off, or filled with zeros, at the border, so that votes can tie there: on the "
                "torus they come back on the other side.",
                _count_cut_off,
            ),
            Mistake("You count the four nearest neighbours: the window is the whole square, 3 x 3.", _count_by_cross),
            Mistake(
                "You let eight neighbours vote without the pixel itself: it lies in its own window, too, so five of "
                "nine are a majority.",
                _count_eight_voters,
            ),
            Mistake("You count pixels: count the images in which every pixel is consistent.", _count_pixels),
            Mistake("You leave out the two training images: they are consistent too.", lambda h, w: _count(h, w) - 2),
            Mistake(
                "You roll the list of images: in (n, height, width) the torus is the last two axes, dims (-2, -1).",
                _list_rolled,
            ),
            Mistake(
                "You find two, whatever the size. Do you count only the training images, or are your images made of 0 "
                "and 1? Black is -1.",
                _count_zeros_and_ones,
            ),
            Mistake(
                "You find none, not even the two training images. Do you ask whether all pixels of *all* images are "
                "consistent? Ask image by image, .flatten(1).all(1).",
                lambda h, w: 0,
            ),
            Mistake("You count all shifts of an image as one: here every shift is an image of its own.", _up_to_shifts),
        ),
    ),
    Exercise(
        name="new_consistent_image",
        lesson=5,
        title="An island with a lake",
        minutes=7,
        difficulty=3,
        start="Start with a black image, -torch.ones(height, width), and paint a white region that holds its ground.",
        hints=(
            "Straight borders are safe if both sides are thick enough: a pixel there sees 6 of its own and 3 others.",
            "A square loses its corners: each sees 4 of its own and 5 others. So does a square lake. Without its "
            "corners, each of them is two overlapping rectangles, one upright and one lying.",
            "The smallest lake is 4 x 4 without its corners; the land around it must be two pixels thick: 8 x 8.",
        ),
        cases=_new_image_cases,
        answer=_island_with_lake,
        mistakes=(
            Mistake("That is a training image, all white: consistent, but not new.", lambda h, w: torch.ones(h, w)),
            Mistake("That is a training image, all black: consistent, but not new.", lambda h, w: -torch.ones(h, w)),
            Mistake("A band reaches around the torus, so no whole column is black: the white has to end.", _band),
            Mistake(
                "That is an island, but it has no lake yet.",
                lambda h, w: _paint(h, w, (0, 3, 1, 2, 1), (1, 2, 0, 3, 1)),
            ),
            Mistake(
                "The corners of a square island see 4 pixels of their own and 5 of the others, and flip.",
                lambda h, w: _paint(h, w, (0, 7, 0, 7, 1), *LAKE),
            ),
            Mistake(
                "The corners of a square lake see 4 pixels of their own and 5 of the others, and flip.",
                lambda h, w: _paint(h, w, *ISLAND, (2, 5, 2, 5, -1)),
            ),
            Mistake(
                "A lake of 2 x 2 is too small: each of its pixels sees 4 of its own and 5 of the others.",
                lambda h, w: _paint(h, w, *ISLAND, (3, 4, 3, 4, -1)),
            ),
            Mistake(
                "The colours are swapped: the island is white (1), sea and lake are black (-1).",
                lambda h, w: -_island_with_lake(h, w),
            ),
        ),
        judge=_judge_new_image,
    ),
]
