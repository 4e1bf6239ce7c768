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


def _consistency_cases(generator: torch.Generator) -> list[Case]:
    return [(_coin_flips(generator, *shape),) for shape in ((5, 5), (4, 7), (6, 3), (8, 8))]


def _consistent(u: Float[Tensor, "H W"]) -> Bool[Tensor, "H W"]:
    """By the definition: the nearest patch of an all-black and an all-white image."""
    images = torch.tensor(BLACK_AND_WHITE)[:, None, None, None].expand(2, 1, *u.shape)
    return reference.locally_consistent(u[None].double(), images, 3, "circular")


def _without_the_centre(u: Tensor) -> Tensor:
    return _agrees(u[None], _window_sum(u[None]) - u)[0]


def _eight_voters(u: Tensor) -> Tensor:
    return ((_window_sum(u[None]) - u).sign() == u)[0]


def _cut_off(u: Tensor) -> Tensor:
    return _agrees(u[None], _window_sum(u[None], mode="constant"))[0]


def _cut_off_with_ties(u: Tensor) -> Tensor:
    return (_window_sum(u[None], mode="constant").sign() == u)[0]


def _cross(u: Tensor) -> Tensor:
    votes = u + u.roll(1, 0) + u.roll(-1, 0) + u.roll(1, 1) + u.roll(-1, 1)
    return _agrees(u[None], votes[None])[0]


def _votes_of_four(u: Tensor) -> Tensor:
    """What range(-1, 1) gives."""
    return u + u.roll(-1, 0) + u.roll(-1, 1) + u.roll((-1, -1), (0, 1))


def _unanimous(u: Tensor) -> Tensor:
    return _window_sum(u[None])[0].abs() > 8.5


# ------------------------------------------------------------------------------------------------------- the count


def _count_cases(generator: torch.Generator) -> list[Case]:
    return [(3, 3), (3, 4), (4, 3), (4, 4)]


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


# --------------------------------------------------------------------------------------------------------- the grid


def _grid_cases(generator: torch.Generator) -> list[Case]:
    return [(20, 10, 0.5), (10, 4, 0.7), (5, 1, 0.3), (6, 0, 0.5)]


def _grid(steps: int, extra: int, ratio: float, start: float | None = None) -> Float[Tensor, " n"]:
    uniform = [1 - i / steps for i in range(steps)]
    last = uniform[-1] if start is None else start
    return torch.tensor([*uniform, *(last * ratio**k for k in range(1, extra + 1)), 0.0], dtype=torch.float64)


def _evenly(steps: int, extra: int, ratio: float) -> Tensor:
    grid = _grid(steps, extra, ratio)
    last = grid[steps - 1]
    grid[steps:-1] = last * (1 - torch.arange(1, extra + 1) / (extra + 1))
    return grid


def _wrong_way(steps: int, extra: int, ratio: float) -> Tensor:
    grid = _grid(steps, extra, ratio)
    grid[steps:-1] = grid[steps:-1].flip(0)
    return grid


def _last_time_twice(steps: int, extra: int, ratio: float) -> Tensor:
    grid = _grid(steps, extra, ratio)
    grid[steps:-1] = grid[steps - 1 : -2].clone()
    return grid


# ------------------------------------------------------------------------------------------------------ an island


def _new_image_cases(generator: torch.Generator) -> list[Case]:
    return [(5, 5), (5, 9), (8, 6)]


def _island(height: int, width: int) -> Float[Tensor, "H W"]:
    u = -torch.ones(height, width)
    u[0:4, 1:3] = 1
    u[1:3, 0:4] = 1
    return u


def _judge_new_image(output: Tensor, height: int, width: int) -> str | None:
    if not isinstance(output, Tensor) or output.shape != (height, width):
        shape = f"({height}, {width})"
        return f"For a torus of {height} x {width} your image must have the shape {shape}, it has {shape_of(output)}."
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
            "Mark them: most are at corners, or where a colour is less than two pixels thick."
        )
    return None


def _band(height: int, width: int) -> Tensor:
    u = -torch.ones(height, width)
    u[:2] = 1
    return u


def _square(height: int, width: int) -> Tensor:
    u = -torch.ones(height, width)
    u[:4, :4] = 1
    return u


def _plus(height: int, width: int) -> Tensor:
    u = -torch.ones(height, width)
    u[0:3, 1] = 1
    u[1, 0:3] = 1
    return u


EXERCISES = [
    Exercise(
        name="toy_consistent",
        lesson=5,
        title="Is it consistent?",
        minutes=6,
        difficulty=1,
        start="Start from the squared distance of every pixel's 3 x 3 window, wrapped around, to nine whites.",
        hints=(
            "u.roll((i, j), (0, 1)) moves the whole torus: nine such images hold the nine pixels of every window.",
            "The nine (u.roll((i, j), (0, 1)) - 1) ** 2 add up to the squared distance to nine whites; + 1: to blacks.",
            "White is nearer where the first sum is smaller: there a consistent pixel is white, elsewhere it is black.",
        ),
        cases=_consistency_cases,
        answer=_consistent,
        mistakes=(
            Mistake(
                "You let the eight neighbours vote without the pixel itself: it lies in its own window.",
                _without_the_centre,
            ),
            Mistake("Your windows are cut off at the border: on the torus they come back on the other side.", _cut_off),
            Mistake(
                "You ask for more than half without the pixel's own vote: it lies in its own window, and with it five "
                "of nine are a majority.",
                _eight_voters,
            ),
            Mistake(
                "Your windows are cut off, or filled with zeros, at the border, so that votes can tie there: on the "
                "torus they come back on the other side.",
                _cut_off_with_ties,
            ),
            Mistake(
                "You mark the pixels that are outvoted: return True where a pixel agrees.", lambda u: ~_consistent(u)
            ),
            Mistake("You count the four nearest neighbours: the window is the whole square, 3 x 3.", _cross),
            Mistake("You ask for a unanimous window: the majority is enough to be the nearest patch.", _unanimous),
            Mistake(
                "You return where white is nearer: compare that with the pixel's own colour.",
                lambda u: _window_sum(u[None])[0] > 0,
            ),
            Mistake(
                "Your window is not centred: offsets run over -1, 0, 1, and range(-1, 1) ends at 0.",
                lambda u: (_votes_of_four(u) > 0) == (u > 0),
            ),
            Mistake(
                "Your window is not centred, and its votes can tie: range(-1, 1) ends at 0, range(-1, 2) at 1.",
                lambda u: _votes_of_four(u).sign() == u,
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
            "itertools.product((-1.0, 1.0), repeat=height * width) yields them all; torch.tensor makes rows of a list.",
            "View them as (n, height, width), and compute all window sums at once with roll on the last two axes.",
            "Count the images whose every pixel has the sign of its window sum: .all(-1).all(-1).sum().",
        ),
        cases=_count_cases,
        answer=_count,
        mistakes=(
            Mistake(
                "You count all images: only those count whose every pixel is consistent.", lambda h, w: 2 ** (h * w)
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
                "You let eight neighbours vote without the pixel itself: it lies in its own window, and with it five "
                "of nine are a majority.",
                _count_eight_voters,
            ),
            Mistake("You count pixels: count the images whose every pixel is consistent.", _count_pixels),
            Mistake("You leave out the two training images: they are consistent too.", lambda h, w: _count(h, w) - 2),
            Mistake("You count shifted images once: here every shift is an image of its own.", _up_to_shifts),
        ),
    ),
    Exercise(
        name="new_consistent_image",
        lesson=5,
        title="Invent an island",
        minutes=5,
        difficulty=2,
        start="Start with a black image, -torch.ones(height, width), and paint a white region that holds its ground.",
        hints=(
            "Straight borders are safe if both sides are thick enough: a pixel there sees 6 of its own and 3 others.",
            "A square loses its corners: each sees 4 of its own and 5 others. What is left without them?",
            "A square of 4 x 4 without its corners: u[0:4, 1:3] = 1 and u[1:3, 0:4] = 1.",
        ),
        cases=_new_image_cases,
        answer=_island,
        mistakes=(
            Mistake("That is a training image, all white: consistent, but not new.", lambda h, w: torch.ones(h, w)),
            Mistake("That is a training image, all black: consistent, but not new.", lambda h, w: -torch.ones(h, w)),
            Mistake("A band reaches around the torus, so that no whole column is black: it has to end.", _band),
            Mistake("The corners of a square see 4 pixels of their own and 5 of the others, and flip.", _square),
            Mistake("A plus is too thin: its arms see 4 pixels of their own and 5 of the others.", _plus),
            Mistake(
                "The colours are exchanged: the island is white (1), the rows and columns around it are black (-1).",
                lambda h, w: -_island(h, w),
            ),
        ),
        judge=_judge_new_image,
    ),
    Exercise(
        name="geometric_end",
        lesson=5,
        title="A grid that slows down",
        minutes=7,
        difficulty=1,
        start="Start from the uniform times 1 - i/steps, without the final 0.",
        hints=(
            "The last uniform time above 0 is 1/steps; append ratio times it, ratio**2 times it, and so on.",
            "End with 0.0: steps + extra + 1 times in all.",
        ),
        cases=_grid_cases,
        answer=_grid,
        mistakes=(
            Mistake(
                "Your new times fall evenly: each must be `ratio` times the one before, so that they crowd at 0.",
                _evenly,
            ),
            Mistake("Your new times rise: the largest comes first.", _wrong_way),
            Mistake(
                "The last uniform time is there twice: the first new time is ratio times that one.", _last_time_twice
            ),
            Mistake(
                "You halve, whatever the ratio: each new time is `ratio` times the one before.",
                lambda steps, extra, ratio: _grid(steps, extra, 0.5),
            ),
            Mistake(
                "You divide by the ratio, and the times grow: multiply by it.",
                lambda steps, extra, ratio: _grid(steps, extra, 1 / ratio),
            ),
            Mistake(
                "Your list ends before 0: the last step goes from the smallest new time to 0.",
                lambda steps, extra, ratio: _grid(steps, extra, ratio)[:-1],
            ),
            Mistake(
                "Your powers start from 1: start from the last uniform time, 1/steps.",
                lambda steps, extra, ratio: _grid(steps, extra, ratio, start=1.0),
            ),
        ),
        tolerance=1e-6,
    ),
]
