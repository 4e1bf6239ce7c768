"""Exercises of lesson 12: predictable failures."""

from __future__ import annotations

import torch
from torch import Tensor

from .exercise import Exercise, Mistake


def _image_cases(generator: torch.Generator) -> list[tuple[Tensor, float, int]]:
    cases = []
    for threshold, height in ((0.0, 2), (0.2, 3), (-0.3, 2)):
        images = torch.rand(7, 1, 12, 12, generator=generator, dtype=torch.float64) * 2 - 1
        images[0, 0, :, 0] = 1  # a run that begins in the first column
        images[1, 0, 3:7] = -1
        images[1, 0, 3:7, [1, 2, 5, 9]] = 1  # three runs, held for four rows
        images[4, 0] = -1
        images[4, 0, -height:, 1::4] = 1  # the best rows are the last
        images[5, 0] = -1
        images[5, 0, :height, 1::4] = 1  # the best rows are the first
        images[5, 0, :, 3] = threshold  # equal to the threshold is not brighter
        images[6, 0] = -1
        images[6, 0, 2:4, ::3] = 1  # four runs, held for two rows alone
        cases.append((images, threshold, height))
    ring = -torch.ones(1, 1, 12, 12, dtype=torch.float64)
    ring[0, 0, 0, 1::4] = ring[0, 0, -1, 1::4] = ring[0, 0, 5, 1::4] = 1  # three runs in the first row and in the last
    ring[0, 0, 6, 1:6:4] = 1  # the best two consecutive rows have three runs and two
    return [*cases, (images[2:3], threshold, height), (ring, 0.0, 2)]  # the last but one: a batch of one


def _runs(row: Tensor, threshold: float) -> int:
    bright = [bool(p > threshold) for p in row]
    return sum(b and not (k and bright[k - 1]) for k, b in enumerate(bright))


def _steady_legs(images: Tensor, threshold: float, height: int) -> Tensor:
    found = []
    for image in images[:, 0]:
        runs = [_runs(row, threshold) for row in image]
        found.append(max(min(runs[k : k + height]) for k in range(len(runs) - height + 1)))
    return torch.tensor(found)


def _joined_to_the_first(images: Tensor, threshold: float, height: int) -> Tensor:
    runs = torch.tensor([[_runs(row, threshold) for row in image] for image in images[:, 0]])
    return torch.stack([runs.roll(-i, 1) for i in range(height)]).amin(0).amax(1)


def _any_row(images: Tensor, threshold: float, height: int) -> Tensor:
    return _steady_legs(images, threshold, 1)


def _largest_of_window(images: Tensor, threshold: float, height: int) -> Tensor:
    runs = torch.tensor([[_runs(row, threshold) for row in image] for image in images[:, 0]])
    return runs.unfold(1, height, 1).max(-1).values.min(-1).values


def _bright_pixels(images: Tensor, threshold: float, height: int) -> Tensor:
    bright = (images[:, 0] > threshold).sum(-1)
    return bright.unfold(1, height, 1).min(-1).values.max(-1).values


def _without_first_column(images: Tensor, threshold: float, height: int) -> Tensor:
    runs = ((images[:, 0] > threshold).int().diff(dim=-1) == 1).sum(-1)
    return runs.unfold(1, height, 1).min(-1).values.max(-1).values


def _every_edge(images: Tensor, threshold: float, height: int) -> Tensor:
    edges = ((images[:, 0] > threshold).int().diff(dim=-1) != 0).sum(-1)
    return edges.unfold(1, height, 1).min(-1).values.max(-1).values


def _run_ends(images: Tensor, threshold: float, height: int) -> Tensor:
    runs = ((images[:, 0] > threshold).int().diff(dim=-1) == -1).sum(-1)
    return runs.unfold(1, height, 1).min(-1).values.max(-1).values


def _below_the_waist(images: Tensor, threshold: float, height: int) -> Tensor:
    return _steady_legs(images[:, :, images.shape[2] // 2 :], threshold, height)


def _rows_of(images: Tensor, threshold: float) -> Tensor:
    return torch.tensor([[_runs(row, threshold) for row in image] for image in images[:, 0]])


def _any_rows(images: Tensor, threshold: float, height: int) -> Tensor:
    return _rows_of(images, threshold).sort(1, descending=True).values[:, height - 1]


def _same_columns(images: Tensor, threshold: float, height: int) -> Tensor:
    held = (images[:, 0] > threshold).unfold(1, height, 1).all(-1)  # (B, H - height + 1, W)
    return _rows_of(held[:, None].double(), 0.5).max(-1).values


def _equal_counts(images: Tensor, threshold: float, height: int) -> Tensor:
    stretches = _rows_of(images, threshold).unfold(1, height, 1)
    equal = (stretches == stretches[..., :1]).all(-1)
    return (stretches[..., 0] * equal).max(-1).values


def _side_by_side(images: Tensor, threshold: float, height: int) -> Tensor:
    return _rows_of(images, threshold).unfold(1, height, height).min(-1).values.max(-1).values


def _last_stretch_missing(images: Tensor, threshold: float, height: int) -> Tensor:
    return _rows_of(images, threshold)[:, :-1].unfold(1, height, 1).min(-1).values.max(-1).values


def _truth_values_in_diff(images: Tensor, threshold: float, height: int) -> Tensor:
    edges = torch.nn.functional.pad(images[:, 0] > threshold, (1, 0)).diff(dim=-1).sum(-1)
    return edges.unfold(1, height, 1).min(-1).values.max(-1).values


def _padded_image(images: Tensor, threshold: float, height: int) -> Tensor:
    bright = (torch.nn.functional.pad(images[:, 0], (1, 0)) > threshold).int()
    return (bright.diff(dim=-1) == 1).sum(-1).unfold(1, height, 1).min(-1).values.max(-1).values


def _from_row_8(images: Tensor, threshold: float, height: int) -> Tensor:
    return _steady_legs(images[:, :, 8:], threshold, height)


def _not_darker(images: Tensor, threshold: float, height: int) -> Tensor:
    return _steady_legs(
        images, float(torch.tensor(threshold, dtype=images.dtype).nextafter(torch.tensor(-9.0))), height
    )


def _mid_grey(images: Tensor, threshold: float, height: int) -> Tensor:
    return _steady_legs(images, 0.0, height)


def _wrapped_round(images: Tensor, threshold: float, height: int) -> Tensor:
    bright = images[:, 0] > threshold
    runs = (bright & ~bright.roll(1, -1)).sum(-1)
    return runs.unfold(1, height, 1).min(-1).values.max(-1).values


def _mean_of_window(images: Tensor, threshold: float, height: int) -> Tensor:
    return _rows_of(images, threshold).double().unfold(1, height, 1).mean(-1).max(-1).values


def _mean_rows(images: Tensor, threshold: float, height: int) -> Tensor:
    return _rows_of(images.unfold(2, height, 1).mean(-1), threshold).max(-1).values


def _one_row_more(images: Tensor, threshold: float, height: int) -> Tensor:
    return _steady_legs(images, threshold, height + 1)


def _both_edges(images: Tensor, threshold: float, height: int) -> Tensor:
    edges = (torch.nn.functional.pad(images[:, 0] > threshold, (1, 1)).int().diff(dim=-1) != 0).sum(-1)
    return edges.unfold(1, height, 1).min(-1).values.max(-1).values


def _truth_cases(generator: torch.Generator) -> list[tuple[Tensor, Tensor, Tensor]]:
    cases = []
    for n, labels in ((40, (0, 1, 2)), (60, (0, 1, 2, 3)), (50, (2, 5, 7))):  # the last ones are not 0, 1, 2
        rate = torch.linspace(0.2, 0.8, len(labels))
        which = torch.randint(len(labels), (n,), generator=generator)
        a, b = (torch.rand(n, generator=generator) < rate[which] for _ in range(2))
        which[:6] = torch.tensor([0, 0, 0, 1, 1, 1])  # no group without both kinds
        a[:6] = torch.tensor([True, False, True, True, False, True])
        b[:6] = torch.tensor([True, False, False, True, True, False])
        cases.append((a, b, torch.tensor(labels)[which]))
    return cases


def _counts(a: Tensor, b: Tensor, group: Tensor) -> list[tuple[int, int, int]]:
    """For each group: how many are true in a, how many in b, and how many places it has."""
    return [(int(a[group == k].sum()), int(b[group == k].sum()), int((group == k).sum())) for k in group.unique()]


def _overlap(a: Tensor, b: Tensor, group: Tensor) -> tuple[int, float]:
    return int((a & b).sum()), sum(n_a * n_b / n for n_a, n_b, n in _counts(a, b, group))


def _one_group(a: Tensor, b: Tensor, group: Tensor) -> tuple[int, float]:
    return _overlap(a, b, torch.zeros_like(group))


def _last_group_alone(a: Tensor, b: Tensor, group: Tensor) -> tuple[int, float]:
    n_a, n_b, n = _counts(a, b, group)[-1]
    return int((a & b).sum()), n_a * n_b / n


def _mean_of_groups(a: Tensor, b: Tensor, group: Tensor) -> tuple[int, float]:
    both, expected = _overlap(a, b, group)
    return both, expected / len(group.unique())


def _chance_as_share(a: Tensor, b: Tensor, group: Tensor) -> tuple[int, float]:
    both, expected = _overlap(a, b, group)
    return both, expected / len(a)


def _divided_by_all(a: Tensor, b: Tensor, group: Tensor) -> tuple[int, float]:
    return int((a & b).sum()), sum(n_a * n_b for n_a, n_b, _ in _counts(a, b, group)) / len(a)


def _sum_of_shares(a: Tensor, b: Tensor, group: Tensor) -> tuple[int, float]:
    return int((a & b).sum()), sum(n_a * n_b / n**2 for n_a, n_b, n in _counts(a, b, group))


def _lift(a: Tensor, b: Tensor, group: Tensor) -> tuple[int, float]:
    both, expected = _overlap(a, b, group)
    return both, both / expected


def _equal_ones(a: Tensor, b: Tensor, group: Tensor) -> tuple[int, float]:
    return int((a == b).sum()), _overlap(a, b, group)[1]


def _either(a: Tensor, b: Tensor, group: Tensor) -> tuple[int, float]:
    return int((a | b).sum()), _overlap(a, b, group)[1]


def _labels_from_zero(a: Tensor, b: Tensor, group: Tensor) -> tuple[int, float]:
    known = group < len(group.unique())
    return int((a & b).sum()), _overlap(a[known], b[known], group[known])[1]


def _number_last(a: Tensor, b: Tensor, group: Tensor) -> tuple[float, int]:
    both, expected = _overlap(a, b, group)
    return expected, both


def _five_groups(a: Tensor, b: Tensor, group: Tensor) -> tuple[int, float]:
    each = [a[group == k].sum() * b[group == k].sum() / (group == k).sum() for k in range(5)]
    return int((a & b).sum()), float(torch.stack(each).sum())


def _up_to_the_largest(a: Tensor, b: Tensor, group: Tensor) -> tuple[int, float]:
    each = [a[group == k].sum() * b[group == k].sum() / (group == k).sum() for k in range(int(group.max()) + 1)]
    return int((a & b).sum()), float(torch.stack(each).sum())


def _mean_cases(generator: torch.Generator) -> list[tuple[Tensor, Tensor, float]]:
    cases = []
    for drawn, pictures, share in ((4, 7, 0.2), (3, 12, 0.7), (1, 5, 0.35)):
        ours, theirs = (torch.rand(n, 1, 6, 6, generator=generator) * 2 - 1 for n in (drawn, pictures))
        cases.append((ours, theirs, share))
    return cases


def _toward_mean(drawn: Tensor, pictures: Tensor, share: float) -> Tensor:
    return (1 - share) * drawn + share * pictures.mean(0)


def _shares_exchanged(drawn: Tensor, pictures: Tensor, share: float) -> Tensor:
    return share * drawn + (1 - share) * pictures.mean(0)


def _mean_of_drawings(drawn: Tensor, pictures: Tensor, share: float) -> Tensor:
    return (1 - share) * drawn + share * drawn.mean(0)


def _mean_colour(drawn: Tensor, pictures: Tensor, share: float) -> Tensor:
    return (1 - share) * drawn + share * pictures.mean()


def _added(drawn: Tensor, pictures: Tensor, share: float) -> Tensor:
    return drawn + share * pictures.mean(0)


def _whole_mean(drawn: Tensor, pictures: Tensor, share: float) -> Tensor:
    return (1 - share) * drawn + pictures.mean(0)


def _away(drawn: Tensor, pictures: Tensor, share: float) -> Tensor:
    return (1 + share) * drawn - share * pictures.mean(0)


def _half_way(drawn: Tensor, pictures: Tensor, share: float) -> Tensor:
    return (drawn + pictures.mean(0)) / 2


def _median_picture(drawn: Tensor, pictures: Tensor, share: float) -> Tensor:
    return (1 - share) * drawn + share * pictures.median(0).values


def _first_picture(drawn: Tensor, pictures: Tensor, share: float) -> Tensor:
    return (1 - share) * drawn + share * pictures[0]


def _nearest_picture(drawn: Tensor, pictures: Tensor, share: float) -> Tensor:
    nearest = torch.cdist(drawn.flatten(1), pictures.flatten(1)).argmin(1)
    return (1 - share) * drawn + share * pictures[nearest]


EXERCISES = [
    Exercise(
        name="steady_legs",
        lesson=12,
        title="A steadier counter",
        minutes=9,
        difficulty=3,
        start="Start from the number of runs in every row, shape (B, H).",
        hints=(
            "A run begins where bright follows dark: pad one dark column on the left, then diff along the row.",
            "k runs or more in each of `height` rows means that the smallest count among these rows is at least k.",
            "runs.unfold(1, height, 1) has shape (B, places, height): min over the last dim, then max over the places.",
        ),
        cases=_image_cases,
        answer=_steady_legs,
        mistakes=(
            Mistake(
                "You count pixels that equal the threshold: bright means brighter than that, > and not >=.",
                _not_darker,
            ),
            Mistake(
                "roll wraps around and joins your last rows to the first: use runs.unfold(1, height, 1).",
                _joined_to_the_first,
            ),
            Mistake("You take the best single row: the runs must be there in `height` consecutive rows.", _any_row),
            Mistake(
                "Minimum and maximum are swapped: take the smallest inside a stretch of rows, then the largest over "
                "stretches.",
                _largest_of_window,
            ),
            Mistake(
                "You count bright pixels, not runs: neighbours that are both bright belong to one run.", _bright_pixels
            ),
            Mistake(
                "You miss runs that begin in the first column: pad a dark column on the left before diff.",
                _without_first_column,
            ),
            Mistake("You count every edge: only those from dark to bright begin a run.", _every_edge),
            Mistake(
                "You miss runs that reach the last column: no edge follows them. Count where runs begin.", _run_ends
            ),
            Mistake("You look at the lower half only: here all rows count.", _below_the_waist),
            Mistake("You begin at row 8, as `legs` does: here all rows count.", _from_row_8),
            Mistake("You take any `height` rows: they must be consecutive.", _any_rows),
            Mistake(
                "You ask for legs that stand in the same columns: count the runs of each row first, then compare rows.",
                _same_columns,
            ),
            Mistake(
                "You ask for exactly k runs in each of the rows: k or more will do, so take the smallest count.",
                _equal_counts,
            ),
            Mistake(
                "Your stretches of rows do not overlap: one begins at every row, unfold(1, height, 1).",
                _side_by_side,
            ),
            Mistake("You leave out the last stretch of rows: there are H - height + 1.", _last_stretch_missing),
            Mistake(
                "diff of truth values marks both edges of a run: convert with .int() first, then count the +1.",
                _truth_values_in_diff,
            ),
            Mistake(
                "You pad the image with 0, which is bright if the threshold is below 0: compare first, then pad.",
                _padded_image,
            ),
            Mistake("You compare with 0: bright means brighter than `threshold`.", _mid_grey),
            Mistake(
                "You miss a run that begins in the first column if the last one is bright, too (roll wraps round; half "
                "of all edges, rounded up, misses it as well). Pad a dark column on the left.",
                _wrapped_round,
            ),
            Mistake(
                "You take the mean of a stretch of rows: for k or more in each row, take the smallest.", _mean_of_window
            ),
            Mistake("You average rows before you count: count the runs of each row first.", _mean_rows),
            Mistake("Your stretches are one row too long: they should have `height` rows.", _one_row_more),
            Mistake("You count both edges of each run: only those from dark to bright begin one.", _both_edges),
        ),
    ),
    Exercise(
        name="overlap",
        lesson=12,
        title="Chance among alike",
        minutes=6,
        difficulty=2,
        start="Start from (a & b).sum(): how many are true in both.",
        hints=(
            "If a is shuffled within a group, every place there where b is true gets a true a with the same "
            "probability.",
            "That probability is the share of true a in the group. Times the number of true b there, it gives the "
            "expected number.",
            "The groups' numbers add up: sum a[here].sum() * b[here].sum() / here.sum() over the groups, with here = "
            "group == k.",
        ),
        cases=_truth_cases,
        answer=_overlap,
        mistakes=(
            Mistake("You shuffle a over all n places: count a, b and places in each group, then add up.", _one_group),
            Mistake("You take the mean over the groups: add up their expected numbers.", _mean_of_groups),
            Mistake("You keep only the last group's number: add them all up (`+=`, not `=`).", _last_group_alone),
            Mistake(
                "The second number is a share: return the expected *number*, without dividing by n.",
                _chance_as_share,
            ),
            Mistake(
                "You divide by n: the probability in a group is its number of true a divided by the size of the group.",
                _divided_by_all,
            ),
            Mistake(
                "You add up products of two shares: multiply each by the size of its group.",
                _sum_of_shares,
            ),
            Mistake("The second number is the lift, both / expected: return the expected number itself.", _lift),
            Mistake(
                "You add up products, true a times true b. Divide each by the size of its group, and count each group "
                "once: set(group) and `for k in group` go through all places, group.unique() through the groups.",
                lambda a, b, group: (int((a & b).sum()), float(sum(x * y for x, y, _ in _counts(a, b, group)))),
            ),
            Mistake("The first number counts the places where a equals b: both must be true, a & b.", _equal_ones),
            Mistake("The first number counts where either is true: both must be, a & b.", _either),
            Mistake("You take the groups to be 0, 1, 2, ...: group.unique() says which ones exist.", _labels_from_zero),
            Mistake("You count empty groups, and 0/0 is not a number: use group.unique().", _five_groups),
            Mistake(
                "You go through 0, 1, 2, ... whether such a group exists or not, and 0/0 is not a number: "
                "group.unique() says which ones exist.",
                _up_to_the_largest,
            ),
            Mistake(
                "Your two numbers are swapped: first how many are true in both, then how many by chance.", _number_last
            ),
        ),
    ),
    Exercise(
        name="toward_mean",
        lesson=12,
        title="A rival that looks at nothing",
        minutes=3,
        difficulty=1,
        start="Start from pictures.mean(0), the mean picture, of shape (1, H, W).",
        hints=(
            "With share 0 the drawing stays, with share 1 it is the mean: the weights are 1 - share and share.",
            "A sum of (B, 1, H, W) and (1, H, W) adds the one picture to each of the B drawings.",
        ),
        cases=_mean_cases,
        answer=_toward_mean,
        mistakes=(
            Mistake(
                "Your weights are swapped: `share` belongs to the mean, 1 - share to the drawing.", _shares_exchanged
            ),
            Mistake("You take the mean of the drawings: take the mean of `pictures`.", _mean_of_drawings),
            Mistake(
                "You take one mean over all pixels: the mean picture has its own mean at each pixel, mean(0).",
                _mean_colour,
            ),
            Mistake("The drawing keeps all its weight: it should have 1 - share.", _added),
            Mistake("The mean has all its weight: it should have `share`.", _whole_mean),
            Mistake("You move away from the mean: take drawn + share * (mean - drawn).", _away),
            Mistake("You go half the way: go `share` of it.", _half_way),
            Mistake("That is the median picture: take the mean.", _median_picture),
            Mistake("You mix in just one picture, the first: take the mean of all.", _first_picture),
            Mistake(
                "You mix in the nearest picture: a rival that looks at nothing uses the same one for all drawings, "
                "the mean.",
                _nearest_picture,
            ),
        ),
    ),
]
