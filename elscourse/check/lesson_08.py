"""Exercises of lesson 08: borders break the symmetry."""

from __future__ import annotations

from functools import partial

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.nn import functional as F

from .. import reference
from .attempt import Case
from .exercise import Exercise, Mistake

LESSON_SIDE = 16  # the lesson's functions know only images of this size
LESSON_SIZE = 5  # its P, whose r = 2 is at hand in the notebook

# --------------------------------------------------------------------------------------- the border, seen from inside


def _window_cases(generator: torch.Generator) -> list[Case]:
    asked = [(0, 0, 7), (3, 4, 3), (1, 4, 5), (8, 6, 5), (4, 0, 3), (7, 5, 7)]
    noised = F.pad(torch.randn(9, 8, generator=generator), (3, 3, 3, 3))
    cases: list[Case] = []
    for row, col, size in asked:
        top, left = row + 3 - size // 2, col + 3 - size // 2
        cases.append((noised[top : top + size, left : left + size].clone(),))
    flat = F.pad(torch.randn(3, 9, generator=generator), (3, 3, 3, 3))  # not as high as the window
    faint = noised.clone()
    faint[3] /= 1000  # the first row of the image: small, but not 0
    return [*cases, (flat[1:8, 4:11].clone(),), (flat.T[6:13, 2:9].clone(),), (faint[2:7, 5:10].clone(),)]


def _overhang(window: Tensor) -> tuple[int, int, int, int]:
    """Walks inwards from each side, as long as a whole row (column) is zero."""
    rows, columns = (window == 0).all(1).tolist(), (window == 0).all(0).tolist()

    def run(flags: list[bool]) -> int:
        return next((i for i, flag in enumerate(flags) if not flag), len(flags))

    return run(rows), run(rows[::-1]), run(columns), run(columns[::-1])


def _any_zero(window: Tensor) -> tuple[int, int, int, int]:
    half = len(window) // 2
    rows, columns = (window == 0).any(1), (window == 0).any(0)
    return (
        int(rows[:half].sum()),
        int(rows[half + 1 :].sum()),
        int(columns[:half].sum()),
        int(columns[half + 1 :].sum()),
    )


def _nearly_zero(window: Tensor) -> tuple[int, int, int, int]:
    return _overhang(window * (window.abs() > 0.01))


def _zeros_counted(window: Tensor) -> tuple[int, int, int, int]:
    half, zero = len(window) // 2, window == 0
    return (
        int(zero[:half].sum()),
        int(zero[half + 1 :].sum()),
        int(zero[:, :half].sum()),
        int(zero[:, half + 1 :].sum()),
    )


def _ends_only(window: Tensor) -> tuple[int, int, int, int]:
    """Looks along the first row and the first column only."""
    half, down, across = len(window) // 2, window[:, 0] == 0, window[0] == 0
    return (
        int(down[:half].sum()),
        int(down[half + 1 :].sum()),
        int(across[:half].sum()),
        int(across[half + 1 :].sum()),
    )


def _outermost_lines(window: Tensor) -> tuple[int, int, int, int]:
    zero = window == 0
    return tuple(int(line.sum()) for line in (zero[:, 0], zero[:, -1], zero[0], zero[-1]))  # type: ignore[return-value]


def _columns_as_rows(window: Tensor) -> tuple[int, int, int, int]:
    return _overhang(window.T)


def _exchanged(window: Tensor, rows: bool, columns: bool) -> tuple[int, int, int, int]:
    above, below, left, right = _overhang(window)
    return (*((below, above) if rows else (above, below)), *((right, left) if columns else (left, right)))


def _one_too_many(window: Tensor) -> tuple[int, int, int, int]:
    """Counts from the last pixel of the image to P, not to P - 1."""
    above, below, left, right = _overhang(window)
    return above, below + 1, left, right + 1


def _by_axis_exchanged(window: Tensor) -> tuple[int, int, int, int]:
    above, below, left, right = _overhang(window)
    return above, left, below, right


def _whether(window: Tensor) -> tuple[int, int, int, int]:
    above, below, left, right = _overhang(window)
    return int(above > 0), int(below > 0), int(left > 0), int(right > 0)


def _both_sides_at_once(window: Tensor) -> tuple[int, int, int, int]:
    rows, columns = (int((window == 0).all(axis).sum()) for axis in (1, 0))
    return rows, rows, columns, columns


def _radius_of_the_lesson(window: Tensor) -> tuple[int, int, int, int]:
    rows, columns, r = (window == 0).all(1), (window == 0).all(0), LESSON_SIZE // 2
    return int(rows[:r].sum()), int(rows[r + 1 :].sum()), int(columns[:r].sum()), int(columns[r + 1 :].sum())


def _image_instead(window: Tensor) -> tuple[int, int, int, int]:
    r = len(window) // 2
    above, below, left, right = _overhang(window)
    return r - above, r - below, r - left, r - right


# -------------------------------------------------------------------------------------------- who may vote for a pixel


def _pixel_cases(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for height, width, size in ((8, 7, 3), (8, 7, 5), (9, 9, 5), (6, 10, 7)):
        r = size // 2
        inner = (height // 2, width // 2)
        cases += [(*inner, height, width, size), (0, width // 2, height, width, size)]
        cases += [(height // 2, width - 1, height, width, size), (r - 1, 0, height, width, size)]
        cases += [(r, width - r - 1, height, width, size), (height - r - 1, r, height, width, size)]
    row, col = (int(torch.randint(0, side, (1,), generator=generator)) for side in (7, 8))
    return [*cases, (row, col, 7, 8, 5)]


def _may_vote(row: int, column: int, height: int, width: int, patch_size: int) -> Bool[Tensor, "H W"]:
    vote = torch.zeros(height, width, dtype=torch.bool)
    for y, x in reference.boundary_dictionary(row, column, height, width, patch_size):
        vote[y, x] = True
    return vote


def _alike(mine: int, other: int, side: int, r: int) -> bool:
    """Whether two rows (or columns) see the same of the border."""
    return mine == other or (r <= mine < side - r and r <= other < side - r)


def _mask(height: int, width: int, rule_rows: list[bool], rule_columns: list[bool], both: bool = True) -> Tensor:
    rows, columns = torch.tensor(rule_rows)[:, None], torch.tensor(rule_columns)[None]
    return (rows & columns) if both else (rows | columns)


def _mirrored(row: int, column: int, height: int, width: int, patch_size: int) -> Tensor:
    r = patch_size // 2

    def alike(mine: int, other: int, side: int) -> bool:
        return _alike(min(mine, side - 1 - mine), min(other, side - 1 - other), side, r)

    return _mask(
        height,
        width,
        [alike(row, y, height) for y in range(height)],
        [alike(column, x, width) for x in range(width)],
    )


def _same_depth(row: int, column: int, height: int, width: int, patch_size: int) -> Tensor:
    r = patch_size // 2

    def depth(y: int, x: int) -> int:
        return min(y, x, height - 1 - y, width - 1 - x, r)

    return torch.tensor([[depth(y, x) == depth(row, column) for x in range(width)] for y in range(height)])


def _side_only(row: int, column: int, height: int, width: int, patch_size: int) -> Tensor:
    r = patch_size // 2

    def side(y: int, x: int) -> tuple[bool, ...]:
        return y < r, y >= height - r, x < r, x >= width - r

    return torch.tensor([[side(y, x) == side(row, column) for x in range(width)] for y in range(height)])


def _as_many_zeros(row: int, column: int, height: int, width: int, patch_size: int) -> Tensor:
    """Counts what section 2 of the lesson draws, not the pattern."""
    r = patch_size // 2
    rows, columns = (
        torch.tensor([min(at + r, side - 1) - max(at - r, 0) + 1 for at in range(side)]) for side in (height, width)
    )
    seen = rows[:, None] * columns[None]
    return seen == seen[row, column]


def _inside_or_not(row: int, column: int, height: int, width: int, patch_size: int) -> Tensor:
    r = patch_size // 2

    def alike(mine: int, side: int) -> list[bool]:
        return [(r <= y < side - r) == (r <= mine < side - r) for y in range(side)]

    return _mask(height, width, alike(row, height), alike(column, width))


def _one_row_too_many(row: int, column: int, height: int, width: int, patch_size: int) -> Tensor:
    r = patch_size // 2

    def alike(mine: int, side: int) -> list[bool]:
        return [y == mine or (r <= mine <= side - r and r <= y <= side - r) for y in range(side)]

    return _mask(height, width, alike(row, height), alike(column, width))


def _one_row_too_few(row: int, column: int, height: int, width: int, patch_size: int) -> Tensor:
    r = patch_size // 2

    def alike(mine: int, side: int) -> list[bool]:
        return [y == mine or (r < mine < side - r and r < y < side - r) for y in range(side)]

    return _mask(height, width, alike(row, height), alike(column, width))


def _itself_forgotten(row: int, column: int, height: int, width: int, patch_size: int) -> Tensor:
    r = patch_size // 2

    def alike(mine: int, side: int) -> list[bool]:
        return [r <= y < side - r and r <= mine < side - r for y in range(side)]

    return _mask(height, width, alike(row, height), alike(column, width))


def _corners_too(row: int, column: int, height: int, width: int, patch_size: int) -> Tensor:
    """The whole row for a pixel at the upper or the lower edge, the whole column for one at the others."""
    r = patch_size // 2
    inner_row, inner_column = r <= row < height - r, r <= column < width - r
    if inner_row == inner_column:
        return _may_vote(row, column, height, width, patch_size)
    rows, columns = [y == row for y in range(height)], [x == column for x in range(width)]
    everywhere = [True] * (height if inner_row else width)
    return _mask(height, width, everywhere if inner_row else rows, columns if inner_row else everywhere)


def _whole_row_first(row: int, column: int, height: int, width: int, patch_size: int) -> Tensor:
    """As _corners_too, but a pixel in the corner gets its whole row."""
    return _whole_line_first(row, column, height, width, patch_size, rows_first=True)


def _whole_column_first(row: int, column: int, height: int, width: int, patch_size: int) -> Tensor:
    return _whole_line_first(row, column, height, width, patch_size, rows_first=False)


def _whole_line_first(row: int, column: int, height: int, width: int, patch_size: int, rows_first: bool) -> Tensor:
    r = patch_size // 2
    inner_row, inner_column = r <= row < height - r, r <= column < width - r
    if inner_row or inner_column:
        return _corners_too(row, column, height, width, patch_size)
    vote = torch.zeros(height, width, dtype=torch.bool)
    vote[(row, slice(None)) if rows_first else (slice(None), column)] = True
    return vote


def _edge_alone(row: int, column: int, height: int, width: int, patch_size: int) -> Tensor:
    r = patch_size // 2
    vote = torch.zeros(height, width, dtype=torch.bool)
    if r <= row < height - r and r <= column < width - r:
        vote[r : height - r, r : width - r] = True
    vote[row, column] = True
    return vote


def _window_instead(row: int, column: int, height: int, width: int, patch_size: int) -> Tensor:
    r = patch_size // 2
    vote = torch.zeros(height, width, dtype=torch.bool)
    vote[max(0, row - r) : row + r + 1, max(0, column - r) : column + r + 1] = True
    return vote


def _interior_always(row: int, column: int, height: int, width: int, patch_size: int) -> Tensor:
    r = patch_size // 2
    vote = torch.zeros(height, width, dtype=torch.bool)
    vote[r : height - r, r : width - r] = True
    vote[row, column] = True
    return vote


def _all_but_itself(row: int, column: int, height: int, width: int, patch_size: int) -> Tensor:
    vote = _may_vote(row, column, height, width, patch_size)
    vote[row, column] = False
    return vote


def _of_the_lesson(row: int, column: int, height: int, width: int, patch_size: int) -> Tensor:
    """Above and on the left only; also with the lesson's padding_pattern, which knows only its own images."""
    return _may_vote(row, column, LESSON_SIDE, LESSON_SIDE, patch_size)[:height, :width]


def _two_classes(row: int, column: int, height: int, width: int, patch_size: int) -> Tensor:
    """The interior, and one class for all the rest."""
    r = patch_size // 2
    interior = torch.zeros(height, width, dtype=torch.bool)
    interior[r : height - r, r : width - r] = True
    return interior == interior[row, column]


def _radius_is_the_size(row: int, column: int, height: int, width: int, patch_size: int) -> Tensor:
    return _mask(
        height,
        width,
        [_alike(row, y, height, patch_size) for y in range(height)],
        [_alike(column, x, width, patch_size) for x in range(width)],
    )


def _rows_or_columns(row: int, column: int, height: int, width: int, patch_size: int) -> Tensor:
    r = patch_size // 2
    return _mask(
        height,
        width,
        [_alike(row, y, height, r) for y in range(height)],
        [_alike(column, x, width, r) for x in range(width)],
        both=False,
    )


# ------------------------------------------------------------------------------------------ where the machine is LS


def _alone(height: int, width: int, patch_size: int) -> Bool[Tensor, "H W"]:
    return torch.tensor(
        [
            [len(reference.boundary_dictionary(y, x, height, width, patch_size)) == 1 for x in range(width)]
            for y in range(height)
        ]
    )


def _alone_cases(generator: torch.Generator) -> list[Case]:
    some = int(torch.randint(8, 11, (1,), generator=generator))
    return [(9, 8, 5), (7, 7, 7), (6, 8, 11), (8, 5, 5), (5, 8, 5), (some, some, 3), (4, 5, 1)]


def _near(height: int, width: int, r: int) -> tuple[Tensor, Tensor]:
    rows, columns = torch.arange(height), torch.arange(width)
    return (rows < r) | (rows >= height - r), (columns < r) | (columns >= width - r)


def _edges_too(height: int, width: int, patch_size: int) -> Tensor:
    rows, columns = _near(height, width, patch_size // 2)
    return rows[:, None] | columns[None]


def _all_or_corners(height: int, width: int, patch_size: int) -> Tensor:
    if patch_size >= max(height, width):
        return torch.ones(height, width, dtype=torch.bool)
    return _band_of_one_forgotten(height, width, patch_size)


def _one_side_is_enough(height: int, width: int, patch_size: int, which: int | None = None) -> Tensor:
    """Which side is asked: the height (0), the width (1), or the shorter one."""
    if patch_size >= (min(height, width) if which is None else (height, width)[which]):
        return torch.ones(height, width, dtype=torch.bool)
    return _band_of_one_forgotten(height, width, patch_size)


def _one_too_far(height: int, width: int, patch_size: int) -> Tensor:
    rows, columns = _near(height, width, patch_size // 2 + 1)
    return rows[:, None] & columns[None]


def _in_the_lesson(height: int, width: int, patch_size: int) -> Tensor:
    """With the lesson's padding_pattern, which knows only its own images."""
    return _alone(LESSON_SIDE, LESSON_SIDE, patch_size)[:height, :width]


def _from_minus_r(height: int, width: int, patch_size: int) -> Tensor:
    """The last rows and columns as a slice [-r:], which is all of them for r = 0."""
    return _alone(height, width, patch_size) | (patch_size == 1)


def _off_by_one(height: int, width: int, patch_size: int, first: int, last: int) -> Tensor:
    """`first` more rows and columns than r at the beginning, and `last` more at the end."""

    def alone(side: int) -> Tensor:
        r, place = patch_size // 2, torch.arange(side)
        return (place < r + first) | (place >= side - r - last) | (side - 2 * r == 1)

    return alone(height)[:, None] & alone(width)


def _those_not_alone(height: int, width: int, patch_size: int) -> Tensor:
    return ~_alone(height, width, patch_size)


def _only_if_square(height: int, width: int, patch_size: int, rows_too: bool) -> Tensor:
    """Sees a single interior row or a single interior column, but not both of these cases."""
    rows, columns = _near(height, width, patch_size // 2)
    both = height == width == patch_size
    alone_rows = rows | both | (rows_too and height == patch_size)
    alone_columns = columns | both | (not rows_too and width == patch_size)
    return alone_rows[:, None] & alone_columns[None]


def _band_of_one_forgotten(height: int, width: int, patch_size: int) -> Tensor:
    rows, columns = _near(height, width, patch_size // 2)
    return rows[:, None] & columns[None]


EXERCISES = [
    Exercise(
        name="window_overhang",
        lesson=8,
        title="Read the border off a window",
        minutes=6,
        difficulty=1,
        start="Start with the rows: which rows of the window are zero in every pixel?",
        hints=(
            "A row lies outside the image exactly when all its pixels are 0; inside, noise makes that impossible.",
            "The centre of the window is always in the image: rows above the centre belong to `above`, the others to "
            "`below`.",
            "With r = len(window) // 2: zero_rows = (window == 0).all(dim=1); above = zero_rows[:r].sum(), below = "
            "zero_rows[r + 1:].sum()",
        ),
        cases=_window_cases,
        answer=_overhang,
        mistakes=(
            Mistake(
                "You count rows with ANY zero: if the window hangs over on the left, every row has zeros. Ask for rows "
                "in which all pixels are zero.",
                _any_zero,
            ),
            Mistake(
                "You ask for small numbers. Noise may be small too, even along a whole row; padding is exactly 0.",
                _nearly_zero,
            ),
            Mistake(
                "You count the zero pixels: count the rows and the columns that are zero throughout.",
                _zeros_counted,
            ),
            Mistake(
                "Rows and columns are swapped: (window == 0).all(dim=1) gives one truth value per row.",
                _columns_as_rows,
            ),
            Mistake(
                "You look along the first row and column of the window, which may lie outside the image themselves. "
                "Ask for rows and columns in which all pixels are zero.",
                _ends_only,
            ),
            Mistake(
                "You count along the outermost rows and columns, which may lie outside the image themselves. Ask for "
                "rows and columns in which all pixels are zero.",
                _outermost_lines,
            ),
            Mistake("You count what lies inside the image: count what hangs over.", _image_instead),
            Mistake(
                "You count the zero rows on both sides together, and the columns, too: split them at the centre of the "
                "window.",
                _both_sides_at_once,
            ),
            Mistake("Below and on the right you count one too many: the last of P rows is row P - 1.", _one_too_many),
            Mistake(
                "Your order is above, left, below, right: return above, below, left, right.",
                _by_axis_exchanged,
            ),
            Mistake(
                "You return whether there is a border at each side: return how many rows or columns lie beyond it.",
                _whether,
            ),
            Mistake(
                "You have swapped above and below, and left and right: rows before the centre lie above, columns "
                "before it on the left.",
                partial(_exchanged, rows=True, columns=True),
            ),
            Mistake(
                "You have swapped above and below: rows before the centre lie above.",
                partial(_exchanged, rows=True, columns=False),
            ),
            Mistake(
                "You have swapped left and right: columns before the centre lie on the left.",
                partial(_exchanged, rows=False, columns=True),
            ),
            Mistake("You use the notebook's r = 2: take it from the window, len(window) // 2.", _radius_of_the_lesson),
        ),
    ),
    Exercise(
        name="may_vote",
        lesson=8,
        title="Who may vote for a pixel?",
        minutes=9,
        difficulty=2,
        start="Start with rows alone: which rows y see the same of the top and the bottom border as `row` does?",
        hints=(
            "With r = patch_size // 2, a row is interior if r <= y < height - r: its window reaches past neither end.",
            "Two different rows see the same only if both are interior. A row near the border is alone.",
            "rows[y] is True if y == row or (both interior); the same for columns; the answer is rows[:, None] & "
            "columns[None].",
        ),
        cases=_pixel_cases,
        answer=_may_vote,
        mistakes=(
            Mistake(
                "You let the top edge vote for the bottom edge: they are mirror images, but the window at the top has "
                "its zeros above and the one at the bottom below.",
                _mirrored,
            ),
            Mistake(
                "You group pixels by their distance to the nearest border. The window also knows WHICH border; near "
                "a corner it sees two.",
                _same_depth,
            ),
            Mistake(
                "You ask which borders a window sees. It also knows how far away they are: one row of zeros and two "
                "rows are different patterns.",
                _side_only,
            ),
            Mistake(
                "You compare how many zeros a window has. At the top and at the bottom, or at two neighbouring edges, "
                "the number is the same, but the pattern is not.",
                _as_many_zeros,
            ),
            Mistake(
                "You separate interior rows from rows near the border, but treat the latter as alike. Each of them is "
                "alone: its window sees a different border, or the same one at a different distance.",
                _inside_or_not,
            ),
            Mistake(
                "Your interior is one row and one column too large: the window of row height - r reaches row height, "
                "which is outside. The interior is r <= y < height - r.",
                _one_row_too_many,
            ),
            Mistake(
                "Your interior is one row and one column too small: the window of row r just fits. The interior is r "
                "<= y < height - r. (Is r a whole number, patch_size // 2?)",
                _one_row_too_few,
            ),
            Mistake(
                "Your border zone is P wide, but a window reaches only r = (P - 1)/2 pixels from its centre.",
                _radius_is_the_size,
            ),
            Mistake(
                "A place always votes for itself: near the border, too, row y = `row` counts as alike.",
                _itself_forgotten,
            ),
            Mistake(
                "Leave out the corners along the edge: near them the window sees a second border.",
                _corners_too,
            ),
            Mistake(
                "You give a pixel near a corner its whole row, but it sees two borders, so only itself is like it. "
                "Along an edge, too, leave out the corners.",
                _whole_row_first,
            ),
            Mistake(
                "You give a pixel near a corner its whole column, but it sees two borders, so only itself is like it. "
                "Along an edge, too, leave out the corners.",
                _whole_column_first,
            ),
            Mistake(
                "You treat every pixel near a border as alone. Pixels in one row (column) at the edge see the same, as "
                "long as no corner is near: they share a dictionary.",
                _edge_alone,
            ),
            Mistake(
                "You mark the pixel's window, that is, what it looks at. Mark the places whose windows look alike.",
                _window_instead,
            ),
            Mistake(
                "You let the interior vote for every pixel, and add the pixel itself. Near the border no interior "
                "window has the same zeros; at an edge, the pixels along it do.",
                _interior_always,
            ),
            Mistake("Right except for one place: the pixel itself is in its own dictionary.", _all_but_itself),
            Mistake(
                "You compare only what hangs over above and on the left: below and on the right count, too. (The "
                "lesson's padding_pattern and boundary_classes do the same here: they know only its own images of 16 x "
                "16 pixels. Or do you use the notebook's H and W? Take height and width.)",
                _of_the_lesson,
            ),
            Mistake(
                "You have two classes, the interior and the rest. A window near a border knows which border it is, and "
                "how far away.",
                _two_classes,
            ),
            Mistake(
                "You accept a place if its row OR its column fits: the patterns agree only if both do.",
                _rows_or_columns,
            ),
            Mistake(
                "You use the notebook's r = 2 (or its P = 5): take r from patch_size, patch_size // 2.",
                lambda row, column, height, width, patch_size: _may_vote(row, column, height, width, LESSON_SIZE),
            ),
        ),
    ),
    Exercise(
        name="alone_in_the_dictionary",
        lesson=8,
        title="Which pixels know exactly where they are?",
        minutes=4,
        difficulty=2,
        start="Start with rows: which rows share their overhang with no other row?",
        hints=(
            "A row is alone if it is one of the first r = patch_size // 2 or of the last r.",
            "Or if it is the only interior one: how many interior rows are there when height = patch_size?",
            "rows = near the border, or height - 2 * r == 1; the same for columns; a pixel is alone if its row AND "
            "its column are.",
        ),
        cases=_alone_cases,
        answer=_alone,
        mistakes=(
            Mistake(
                "You include the edges: an edge pixel knows its distance to one border, but may be anywhere along it.",
                _edges_too,
            ),
            Mistake(
                "Your border zone is one pixel too wide: the window of row r just fits into the image.", _one_too_far
            ),
            Mistake(
                "Nearly: you ask whether the window is as large as the whole image. Judge height and width separately: "
                "with P = H < W all rows are alone, but not all columns.",
                _all_or_corners,
            ),
            Mistake(
                "You mark everything as soon as P reaches ONE side. Along the longer side there may still be several "
                "interior places, which share a dictionary.",
                _one_side_is_enough,
            ),
            Mistake(
                "You check only the height, and then mark everything. Along the width there may still be several "
                "interior places, which share a dictionary.",
                partial(_one_side_is_enough, which=0),
            ),
            Mistake(
                "You check only the width, and then mark everything. Along the height there may still be several "
                "interior places, which share a dictionary.",
                partial(_one_side_is_enough, which=1),
            ),
            Mistake(
                "Nearly: a single interior row (height = patch_size) knows its place as well, even when the image is "
                "wider.",
                partial(_only_if_square, rows_too=False),
            ),
            Mistake(
                "Nearly: a single interior column (W = P) knows its place as well, even when the image is higher.",
                partial(_only_if_square, rows_too=True),
            ),
            Mistake(
                "You mark only the top left corner. (So do the lesson's padding_pattern and boundary_classes here: "
                "they know only its own images of 16 x 16 pixels. Or do you use the notebook's H and W? Take height "
                "and width.)",
                _in_the_lesson,
            ),
            Mistake(
                "For P = 1 your r is 0, and `[-0:]` is everything: count from the front, `[side - r:]`.", _from_minus_r
            ),
            Mistake(
                "At the beginning you count one row and one column too many: the first r rows are y < r. (Is r a "
                "whole number, patch_size // 2?)",
                partial(_off_by_one, first=1, last=0),
            ),
            Mistake(
                "At the end you count one row and one column too many: the last r rows are y >= height - r.",
                partial(_off_by_one, first=0, last=1),
            ),
            Mistake(
                "At the end you count one row and one column too few: the last r rows are y >= height - r.",
                partial(_off_by_one, first=0, last=-1),
            ),
            Mistake(
                "You are one row and one column too far at both ends: the rows y < r and y >= height - r are alone.",
                partial(_off_by_one, first=1, last=-1),
            ),
            Mistake("You mark the pixels that are NOT alone: mark the others.", _those_not_alone),
            Mistake(
                "Nearly: if height = patch_size there is a single interior row (or column), and it knows its place as "
                "well.",
                _band_of_one_forgotten,
            ),
            Mistake(
                "Two things. If height = patch_size there is a single interior row (or column), and it knows its "
                "place as well. And for P = 1 you mark everything: your r is 0, and `[-0:]` is everything, so count "
                "from the front, `[side - r:]`.",
                lambda height, width, patch_size: _band_of_one_forgotten(height, width, patch_size) | (patch_size == 1),
            ),
            Mistake(
                "You use the notebook's r = 2 (or its P = 5): take r from patch_size, patch_size // 2.",
                lambda height, width, patch_size: _alone(height, width, LESSON_SIZE),
            ),
        ),
    ),
]
