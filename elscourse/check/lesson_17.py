"""Exercises of lesson 17: three colours, voting together or each by itself, and whether a drawing is made of pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from .attempt import Case
from .exercise import Exercise, Mistake

Grey = Callable[[Tensor, float], Tensor]  # a denoiser of images with one channel


# --------------------------------------------------------------------------------------------------------------- apart


def _grey_machine(factor: float, right: int) -> Grey:
    """A toy: each image, dimmed and moved. It takes one channel only, as a machine of grey pictures does."""

    def machine(x_t: Tensor, t: float) -> Tensor:
        if x_t.ndim != 4 or x_t.shape[1] != 1:
            raise ValueError(f"these machines take images of shape (B, 1, H, W), got {tuple(x_t.shape)}")
        return factor * (1 - t) * x_t.roll(right, -1)

    return machine


def _three_machines(generator: torch.Generator) -> list[Case]:
    machines = [_grey_machine(factor, right) for factor, right in ((0.5, 0), (1.5, 1), (-1.0, 2))]
    batches = (torch.randn(shape, generator=generator) for shape in ((1, 3, 4, 5), (3, 3, 6, 6)))
    return [(machines, x_t, t) for x_t, t in zip(batches, (0.3, 0.8), strict=True)]


def _apart(machines: Sequence[Grey], x_t: Tensor, t: float) -> Tensor:
    return torch.cat([machine(x_t[:, c : c + 1], t) for c, machine in enumerate(machines)], 1)


def _first_for_all(machines: Sequence[Grey], x_t: Tensor, t: float) -> Tensor:
    return _apart([machines[0]] * 3, x_t, t)


def _reversed(machines: Sequence[Grey], x_t: Tensor, t: float) -> Tensor:
    return _apart(machines[::-1], x_t, t)


def _colours_reversed(machines: Sequence[Grey], x_t: Tensor, t: float) -> Tensor:
    return _apart(machines, x_t, t).flip(1)


def _first_colour_for_all(machines: Sequence[Grey], x_t: Tensor, t: float) -> Tensor:
    return torch.cat([machine(x_t[:, :1], t) for machine in machines], 1)


def _of_the_mean(machines: Sequence[Grey], x_t: Tensor, t: float) -> Tensor:
    return torch.cat([machine(x_t.mean(1, keepdim=True), t) for machine in machines], 1)


def _one_below_the_other(machines: Sequence[Grey], x_t: Tensor, t: float) -> Tensor:
    return torch.cat([machine(x_t[:, c : c + 1], t) for c, machine in enumerate(machines)])


def _mixed_up(machines: Sequence[Grey], x_t: Tensor, t: float) -> Tensor:
    return _one_below_the_other(machines, x_t, t).view(x_t.shape)


def _added(machines: Sequence[Grey], x_t: Tensor, t: float) -> Tensor:
    return sum((machine(x_t[:, c : c + 1], t) for c, machine in enumerate(machines)), torch.zeros(()))


# ---------------------------------------------------------------------------------------------------------------- tint


def _pictures(generator: torch.Generator) -> list[Case]:
    return [(torch.rand(shape, generator=generator) * 2 - 1,) for shape in ((3, 3, 4, 4), (1, 3, 5, 7), (3, 3, 6, 3))]


def _tint(images: Tensor) -> Tensor:
    return images - images.mean(1, keepdim=True)


def _grey(images: Tensor) -> Tensor:
    return images.mean(1, keepdim=True).expand_as(images)


def _grey_once(images: Tensor) -> Tensor:
    return images.mean(1, keepdim=True)


def _off_the_picture(images: Tensor) -> Tensor:
    return images - images.mean((2, 3), keepdim=True)


def _off_the_batch(images: Tensor) -> Tensor:
    return images - images.mean(0, keepdim=True)


def _off_all(images: Tensor) -> Tensor:
    return images - images.mean((1, 2, 3), keepdim=True)


def _off_everything(images: Tensor) -> Tensor:
    return images - images.mean()


def _dimension_lost(images: Tensor) -> Tensor:
    return images - images.mean(1)  # (B, H, W): B is taken for the colours


def _off_the_column(images: Tensor) -> Tensor:
    return images - images.mean(2, keepdim=True)


def _off_the_row(images: Tensor) -> Tensor:
    return images - images.mean(3, keepdim=True)


def _other_sign(images: Tensor) -> Tensor:
    return -_tint(images)


def _off_the_sum(images: Tensor) -> Tensor:
    return images - images.sum(1, keepdim=True)


def _divided(images: Tensor) -> Tensor:
    return images / images.mean(1, keepdim=True)


def _luma(images: Tensor) -> Tensor:
    weights = images.new_tensor([0.299, 0.587, 0.114])[:, None, None]
    return images - (weights * images).sum(1, keepdim=True)


def _off_the_half_changed(images: Tensor) -> Tensor:
    changed = images.clone()
    for c in range(3):
        changed[:, c] -= changed.mean(1)
    return changed


def _off_the_largest(images: Tensor) -> Tensor:
    return images - images.amax(1, keepdim=True)


def _off_the_median(images: Tensor) -> Tensor:
    return images - images.median(1, keepdim=True).values


def _off_each_colour(images: Tensor) -> Tensor:
    return images - images.mean((0, 2, 3), keepdim=True)


def _off_the_green(images: Tensor) -> Tensor:
    return images - images[:, 1:2]


def _off_the_middle(images: Tensor) -> Tensor:
    return images - (images.amax(1, keepdim=True) + images.amin(1, keepdim=True)) / 2


def _range(images: Tensor) -> Tensor:
    return images.amax(1, keepdim=True) - images.amin(1, keepdim=True)


# ----------------------------------------------------------------------------------------------------------- elsewhere


def _changes(generator: torch.Generator) -> list[Case]:
    sizes = torch.tensor([1.0, 0.4, 0.2])[:, None, None]
    cases: list[Case] = []
    for shape, channel in (((4, 3, 5, 5), 0), ((2, 3, 4, 6), 2), ((3, 3, 3, 3), 1)):
        change = torch.randn(shape, generator=generator) * sizes.roll(channel, 0)
        change[0, :channel] = change[0, channel + 1 :] = 0  # one that stays in its colour
        change[-1] = change[-1].roll(1, 0)  # one that is largest in another colour
        cases.append((change, channel))
    return cases


def _by_colour(change: Tensor) -> Float[Tensor, "B C"]:
    return change.double().square().sum((2, 3))


def _elsewhere(change: Tensor, channel: int) -> Float[Tensor, " B"]:
    squares = _by_colour(change)
    return 1 - squares[:, channel] / squares.sum(1)


def _in_its_own(change: Tensor, channel: int) -> Tensor:
    return 1 - _elsewhere(change, channel)


def _to_the_own(change: Tensor, channel: int) -> Tensor:
    squares = _by_colour(change)
    return (squares.sum(1) - squares[:, channel]) / squares[:, channel]


def _absolute_share(change: Tensor, channel: int) -> Tensor:
    return _elsewhere(change.double().abs().sqrt(), channel)


def _plain_sums(change: Tensor, channel: int) -> Tensor:
    sums = change.double().sum((2, 3))
    return 1 - sums[:, channel] / sums.sum(1)


def _squares_of_sums(change: Tensor, channel: int) -> Tensor:
    squares = change.double().sum((2, 3)).square()
    return 1 - squares[:, channel] / squares.sum(1)


def _the_next_colour(change: Tensor, channel: int) -> Tensor:
    squares = _by_colour(change)
    return squares[:, (channel + 1) % 3] / squares.sum(1)


def _mean_of_pixels(change: Tensor, channel: int) -> Tensor:
    squares = change.double().square()
    return (1 - squares[:, channel] / squares.sum(1)).nan_to_num(0).mean((1, 2))


def _spread(change: Tensor, channel: int) -> Tensor:
    spread = change.double().var((2, 3))
    return 1 - spread[:, channel] / spread.sum(1)


def _whole_batch(change: Tensor, channel: int) -> Tensor:
    squares = _by_colour(change)
    return (1 - squares[:, channel].sum() / squares.sum()).expand(len(change))


def _roots_divided(change: Tensor, channel: int) -> Tensor:
    lengths = _by_colour(change).sqrt()
    return 1 - lengths[:, channel] / lengths.square().sum(1).sqrt()


def _sums_elsewhere(change: Tensor, channel: int) -> Tensor:
    squares = _by_colour(change)
    return squares.sum(1) - squares[:, channel]


def _first_colour(change: Tensor, channel: int) -> Tensor:
    return _elsewhere(change, 0)


def _mean_by_mean(change: Tensor, channel: int) -> Tensor:
    squares = change.double().square()
    return 1 - squares[:, channel].mean((1, 2)) / squares.mean((1, 2, 3))


def _rooted(change: Tensor, channel: int) -> Tensor:
    return _elsewhere(change, channel).sqrt()


def _mean_of_the_others(change: Tensor, channel: int) -> Tensor:
    return _elsewhere(change, channel) / 2


def _mean_of_two_by_mean(change: Tensor, channel: int) -> Tensor:
    squares = change.double().square()
    others = [c for c in range(3) if c != channel]
    return squares[:, others].mean((1, 2, 3)) / squares.mean((1, 2, 3))


def _image_for_channel(change: Tensor, channel: int) -> Tensor:
    """The channel taken from the batch."""
    squares = change.double().square()
    return 1 - squares[min(channel, len(change) - 1)].sum() / squares.sum((1, 2, 3))


# ------------------------------------------------------------------------------------------------------------ continued


def _mosaics(generator: torch.Generator) -> list[Case]:
    """Neighbours that continue an emoji, and such as nearly do."""
    steps = torch.tensor([[0, 0, 1], [0, 0, 1], [0, 0, 2], [0, 0, 0], [0, 0, -1], [0, 1, 1], [0, 1, 0], [1, 0, 1]])
    cases: list[Case] = []
    for shape in ((9, 12), (3, 8, 10), (2, 11, 7)):
        moves = steps[torch.randint(len(steps), shape, generator=generator)]
        begin = torch.randint(20, (*shape[:-1], 1, 3), generator=generator)
        source, row, column = (begin + moves.cumsum(-2)).unbind(-1)
        row[..., 1::2, :], column[..., 1::2, :] = row[..., :-1:2, :] + 1, column[..., :-1:2, :]  # below, too
        source[..., 1::4, :] = source[..., :-1:4, :]
        cases.append((source, row, column, torch.rand(shape, generator=generator) < 0.7))
    return cases


def _pairs(*given: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Of each array the left ones and the right ones of all neighbours side by side."""
    return [(some[..., :-1], some[..., 1:]) for some in given]


def _continues(source: Tensor, row: Tensor, column: Tensor, ahead: int = 1) -> Tensor:
    emoji, rows, columns = _pairs(source, row, column)
    return (emoji[0] == emoji[1]) & (rows[0] == rows[1]) & (columns[0] + ahead == columns[1])


def _both(coloured: Tensor) -> Tensor:
    return coloured[..., :-1] & coloured[..., 1:]


def _share(hits: Tensor, among: Tensor) -> Tensor:
    return (hits & among).sum() / among.sum()


def _continued(source: Tensor, row: Tensor, column: Tensor, coloured: Tensor) -> Tensor:
    return _share(_continues(source, row, column), _both(coloured))


def _one_emoji(source: Tensor, row: Tensor, column: Tensor, coloured: Tensor) -> Tensor:
    [(left, right)] = _pairs(source)
    return _share(left == right, _both(coloured))


def _any_row(source: Tensor, row: Tensor, column: Tensor, coloured: Tensor) -> Tensor:
    return _continued(source, torch.zeros_like(row), column, coloured)


def _any_column(source: Tensor, row: Tensor, column: Tensor, coloured: Tensor) -> Tensor:
    emoji, rows = _pairs(source, row)
    return _share((emoji[0] == emoji[1]) & (rows[0] == rows[1]), _both(coloured))


def _any_emoji(source: Tensor, row: Tensor, column: Tensor, coloured: Tensor) -> Tensor:
    return _continued(torch.zeros_like(source), row, column, coloured)


def _same_pixel(source: Tensor, row: Tensor, column: Tensor, coloured: Tensor) -> Tensor:
    return _share(_continues(source, row, column, 0), _both(coloured))


def _backwards(source: Tensor, row: Tensor, column: Tensor, coloured: Tensor) -> Tensor:
    return _share(_continues(source, row, column, -1), _both(coloured))


def _to_either_side(source: Tensor, row: Tensor, column: Tensor, coloured: Tensor) -> Tensor:
    return _continued(source, row, column, coloured) + _backwards(source, row, column, coloured)


def _among_all(source: Tensor, row: Tensor, column: Tensor, coloured: Tensor) -> Tensor:
    return _continued(source, row, column, torch.ones_like(coloured))


def _divided_by_all(source: Tensor, row: Tensor, column: Tensor, coloured: Tensor) -> Tensor:
    both = _both(coloured)
    return (_continues(source, row, column) & both).sum() / both.numel()


def _divided_by_pixels(source: Tensor, row: Tensor, column: Tensor, coloured: Tensor) -> Tensor:
    return (_continues(source, row, column) & _both(coloured)).sum() / coloured.sum()


def _left_coloured(source: Tensor, row: Tensor, column: Tensor, coloured: Tensor) -> Tensor:
    return _share(_continues(source, row, column), coloured[..., :-1])


def _right_coloured(source: Tensor, row: Tensor, column: Tensor, coloured: Tensor) -> Tensor:
    return _share(_continues(source, row, column), coloured[..., 1:])


def _one_coloured(source: Tensor, row: Tensor, column: Tensor, coloured: Tensor) -> Tensor:
    return _share(_continues(source, row, column), coloured[..., :-1] | coloured[..., 1:])


def _below(source: Tensor, row: Tensor, column: Tensor, coloured: Tensor) -> Tensor:
    return _continued(source.mT, column.mT, row.mT, coloured.mT)


def _below_with_columns(source: Tensor, row: Tensor, column: Tensor, coloured: Tensor) -> Tensor:
    return _continued(source.mT, row.mT, column.mT, coloured.mT)


def _rows_for_columns(source: Tensor, row: Tensor, column: Tensor, coloured: Tensor) -> Tensor:
    return _continued(source, column, row, coloured)


def _around(source: Tensor, row: Tensor, column: Tensor, coloured: Tensor) -> Tensor:
    wrapped = (torch.cat([some, some[..., :1]], -1) for some in (source, row, column, coloured))
    return _continued(*wrapped)


def _how_many_continue(source: Tensor, row: Tensor, column: Tensor, coloured: Tensor) -> Tensor:
    return (_continues(source, row, column) & _both(coloured)).sum()


def _what_breaks(source: Tensor, row: Tensor, column: Tensor, coloured: Tensor) -> Tensor:
    return 1 - _continued(source, row, column, coloured)


EXERCISES = [
    Exercise(
        name="apart",
        lesson=17,
        title="Each colour by itself",
        minutes=5,
        difficulty=1,
        start="Start from one colour of the batch, with its dimension kept: x_t[:, 0:1].",
        hints=(
            "x_t[:, c : c + 1] has shape (B, 1, H, W), but x_t[:, c] only (B, H, W).",
            "Machine c answers for colour c: machines[c](x_t[:, c : c + 1], t).",
            "Put the three answers side by side along dimension 1 with torch.cat.",
        ),
        cases=_three_machines,
        answer=_apart,
        mistakes=(
            Mistake("You ask one machine for all colours: each colour has its own.", _first_for_all),
            Mistake("The machines are in the wrong order: machine c answers for colour c.", _reversed),
            Mistake("You put the answers together in the wrong order: red, green, blue.", _colours_reversed),
            Mistake("You show the first colour to all machines: machine c looks at colour c.", _first_colour_for_all),
            Mistake("You show the machines the mean of the colours: machine c looks at colour c.", _of_the_mean),
            Mistake(
                "You put the answers together as more images: colours are dimension 1 (torch.cat(..., 1)).",
                _one_below_the_other,
            ),
            Mistake(
                "You put the answers together as more images and then reshape them, so images and colours get mixed "
                "up. Colours are dimension 1 (torch.cat(..., 1)).",
                _mixed_up,
            ),
            Mistake("You add the answers: put them side by side, as the three colours of one image.", _added),
        ),
    ),
    Exercise(
        name="tint",
        lesson=17,
        title="What is left without grey",
        minutes=4,
        difficulty=1,
        start="Start from the grey of each pixel: the mean over its three colours.",
        hints=(
            "Colours are dimension 1; keepdim=True keeps it, so that the grey can be subtracted.",
            "Subtract the grey from each colour: images - images.mean(1, keepdim=True).",
        ),
        cases=_pictures,
        answer=_tint,
        mistakes=(
            Mistake("That is the grey itself: return what is left when you subtract it.", _grey),
            Mistake("That is the grey of each pixel: subtract it from the pixel's three colours.", _grey_once),
            Mistake("You subtract the mean over the pixels: each pixel has a grey of its own.", _off_the_picture),
            Mistake(
                "Your grey, (B, H, W), has lost the dimension of the colours, so torch takes the batch for it: keep "
                "it, with mean(1, keepdim=True), or grey[:, None].",
                _dimension_lost,
            ),
            Mistake("You subtract the mean of each column: colours are dimension 1.", _off_the_column),
            Mistake("You subtract the mean of each row: colours are dimension 1.", _off_the_row),
            Mistake(
                "You subtract the mean over the batch: images are dimension 0, colours are dimension 1.", _off_the_batch
            ),
            Mistake("You subtract one mean for each picture: each pixel has a grey of its own.", _off_all),
            Mistake("You subtract one number from everything: each pixel has a grey of its own.", _off_everything),
            Mistake("Your sign is wrong: take image minus grey.", _other_sign),
            Mistake("You subtract the sum of the three colours: the grey is their mean.", _off_the_sum),
            Mistake("You divide by the grey: subtract it.", _divided),
            Mistake("You weight the colours as the eye does: the grey here is their plain mean.", _luma),
            Mistake(
                "You take the mean of colours that you have already changed: take it first.", _off_the_half_changed
            ),
            Mistake("You subtract the brightest colour: the grey is the mean of the three.", _off_the_largest),
            Mistake("You subtract the median of the three colours: the grey is their mean.", _off_the_median),
            Mistake("You subtract the mean of each colour: each pixel has a grey of its own.", _off_each_colour),
            Mistake("You subtract the green: the grey is the mean of the three colours.", _off_the_green),
            Mistake(
                "You subtract the midpoint of the brightest and the darkest: the grey is the mean of the three.",
                _off_the_middle,
            ),
            Mistake("That is one number per pixel: return each of its three colours, minus their mean.", _range),
        ),
    ),
    Exercise(
        name="elsewhere",
        lesson=17,
        title="How much of the change is in the other colours",
        minutes=5,
        difficulty=2,
        start="Start from the sum of the squared change in each colour of each image, shape (B, 3).",
        hints=(
            "change.square().sum((2, 3)) has one number for each image and colour.",
            "The share of colour c is its number divided by the sum of all three.",
            "What is elsewhere is 1 minus the share of the colour whose noise was exchanged.",
        ),
        cases=_changes,
        answer=_elsewhere,
        mistakes=(
            Mistake("That is the share in the colour whose noise was exchanged: subtract it from 1.", _in_its_own),
            Mistake("You divide by the change in its own colour: divide by the whole change.", _to_the_own),
            Mistake("You add absolute values: add squares.", _absolute_share),
            Mistake("You add the changes themselves, which cancel: add squares.", _plain_sums),
            Mistake(
                "You add the changes first, and they cancel: square each of them before you add.", _squares_of_sums
            ),
            Mistake("You take the variance, which leaves out the mean: add the squares themselves.", _spread),
            Mistake("You take one of the other colours: there are two.", _the_next_colour),
            Mistake("You average the shares of the pixels: add up the squares first, then divide.", _mean_of_pixels),
            Mistake("That is one number for the whole batch: return one for every image.", _whole_batch),
            Mistake("You take a root: divide the sums of squares as they are.", _rooted),
            Mistake("You divide lengths, roots of the sums: divide the sums of squares themselves.", _roots_divided),
            Mistake("You do not divide: what part of the whole change is it?", _sums_elsewhere),
            Mistake("You always take the first colour: take colour `channel`.", _first_colour),
            Mistake(
                "You divide a mean by a mean, and a mean over three colours is a third of their sum: divide sums.",
                _mean_by_mean,
            ),
            Mistake("You take the mean of the other two colours: take their sum.", _mean_of_the_others),
            Mistake(
                "You divide a mean over two colours by a mean over three: divide sums.",
                _mean_of_two_by_mean,
            ),
            Mistake("You take one image instead of one colour: colours are dimension 1.", _image_for_channel),
        ),
    ),
    Exercise(
        name="continued",
        lesson=17,
        title="Pieces or confetti?",
        minutes=6,
        difficulty=2,
        start="Start from the left ones and the right ones of all neighbours: source[..., :-1] and source[..., 1:].",
        hints=(
            "Three things must agree: the emoji and the row are the same, and the column is one more on the right.",
            "Join truth values with &, each comparison in brackets: (a == b) & (c == d).",
            "Count only pairs with both pixels coloured, coloured[..., :-1] & coloured[..., 1:], also below the line.",
        ),
        cases=_mosaics,
        answer=_continued,
        mistakes=(
            Mistake("You only ask for the same emoji: they must be neighbours there, too.", _one_emoji),
            Mistake("You do not compare the rows: neighbours side by side are in the same one.", _any_row),
            Mistake("You do not compare the columns: on the right it is one more.", _any_column),
            Mistake("You do not compare the emoji: both pixels must come from the same one.", _any_emoji),
            Mistake("You ask for the same column: on the right it is one more.", _same_pixel),
            Mistake("Your sign is wrong: on the right the column is one more, not one less.", _backwards),
            Mistake("You also count mirrored pairs: on the right the column is one more.", _to_either_side),
            Mistake("You count all pairs: only those with both pixels coloured.", _among_all),
            Mistake("You divide by all pairs: divide by those with both pixels coloured.", _divided_by_all),
            Mistake("You divide by the coloured pixels: divide by the coloured pairs.", _divided_by_pixels),
            Mistake("You ask only whether the left pixel is coloured: both must be.", _left_coloured),
            Mistake("You ask only whether the right pixel is coloured: both must be.", _right_coloured),
            Mistake("You take pairs with one coloured pixel: both must be.", _one_coloured),
            Mistake("You take neighbours one below the other: columns are the last dimension.", _below),
            Mistake("You take pixels one below the other: side by side is the last dimension.", _below_with_columns),
            Mistake("You have swapped row and column: side by side, the column grows.", _rows_for_columns),
            Mistake("You pair the last column with the first (roll): take [..., :-1] and [..., 1:].", _around),
            Mistake("That is how many pairs continue an emoji: what part is it?", _how_many_continue),
            Mistake("That is the part that does not continue: subtract it from 1.", _what_breaks),
        ),
    ),
]
