"""Every exercise of the course: its stub, its solution and its mistakes are told apart.

Stub and solution are read from the lesson itself, so that what a learner sees is what is tested.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import math
import re
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import jupytext
import numpy as np
import pytest
import torch

import elscourse as els
from elscourse import check
from elscourse.check.exercise import Exercise, Mistake

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
EXERCISES = list(check.exercises().values())
HEADING = re.compile(r"^### Exercise (\d+): (.+) \((\d+) minutes, ([★☆]{3})\)$", re.MULTILINE)
CHECK = re.compile(r"^(def \w+\(.*^    \.\.\.)\n+check\.(\w+)\((\w+)\)$", re.MULTILINE | re.DOTALL)
SOLUTION = re.compile(r"<details><summary>Solution</summary>\n(.*?)</details>", re.DOTALL)
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)


@cache
def lesson_cells(number: int) -> list[Any]:
    (path,) = NOTEBOOKS.glob(f"{number:02d}_*.py")
    return list(jupytext.read(path).cells)


def place_of(exercise: Exercise) -> int:
    """The number of the cell that holds the stub and ends in its check."""
    cells = lesson_cells(exercise.lesson)
    found = [i for i, c in enumerate(cells) if (m := CHECK.match(c.source.strip())) and m[2] == exercise.name]
    assert len(found) == 1, (
        f"lesson {exercise.lesson:02d} must have one cell of this form: def ..., a docstring, '    ...', then "
        f"check.{exercise.name}(...) and nothing else"
    )
    return found[0]


@cache
def stub_of(exercise: Exercise) -> Any:
    match = CHECK.match(lesson_cells(exercise.lesson)[place_of(exercise)].source.strip())
    assert match is not None
    namespace: dict[str, Any] = {}
    exec(match[1], namespace)
    return namespace[match[3]]


def imports_before(exercise: Exercise) -> str:
    """The import statements of the lesson above an exercise: whoever pastes the solution has no others."""
    code = "\n".join(c.source for c in lesson_cells(exercise.lesson)[: place_of(exercise)] if c.cell_type == "code")
    found = [node for node in ast.parse(code).body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return "\n".join(ast.unparse(node) for node in found)


@cache
def solution_of(exercise: Exercise) -> Any:
    """The folded solution, run with what the lesson has imported by then, after those of its earlier exercises."""
    cells = lesson_cells(exercise.lesson)
    namespace: dict[str, Any] = {}
    exec(imports_before(exercise), namespace)
    for cell in cells[: place_of(exercise)]:
        for folded in SOLUTION.findall(cell.source) if cell.cell_type == "markdown" else ():
            for code in CODE.findall(folded):
                exec(code, namespace)
    (folded,) = SOLUTION.findall(cells[place_of(exercise) + 1].source)
    (code,) = CODE.findall(folded)
    exec(compile(code, f"<solution of {exercise.name}>", "exec"), namespace)
    match = CHECK.match(cells[place_of(exercise)].source.strip())
    assert match is not None
    return namespace[match[3]]


def perturbed(output: Any) -> Any:
    """Slightly wrong: 3 % off and shifted for real numbers, one more for whole ones, one truth value turned round."""
    if isinstance(output, (tuple, list)):
        return (perturbed(output[0]), *output[1:])
    if isinstance(output, torch.Tensor):
        if output.dtype == torch.bool:
            return output ^ (torch.arange(output.numel()) == 0).view(output.shape)
        return output * 1.03 + 0.01 if output.is_floating_point() else output + 1
    if isinstance(output, (bool, np.bool_)):
        return not output
    return output * 1.03 + 0.01 if isinstance(output, float) else output + 1


each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: f"{e.lesson:02d}-{e.name}")


@each_exercise
def test_stub_is_not_attempted(exercise: Exercise) -> None:
    verdict = exercise.examine(stub_of(exercise))
    assert verdict.state == "not attempted" and exercise.start in verdict.says


@each_exercise
def test_solution_is_correct(exercise: Exercise) -> None:
    verdict = exercise.examine(solution_of(exercise))
    assert verdict.state == "correct", verdict.says


@each_exercise
def test_every_mistake_is_recognised(exercise: Exercise) -> None:
    assert len(exercise.mistakes) >= 2
    assert len({m.says for m in exercise.mistakes}) == len(exercise.mistakes)
    for mistake in exercise.mistakes:
        verdict = exercise.examine(mistake.function)
        assert (verdict.state, verdict.says) == ("incorrect", mistake.says)


@each_exercise
def test_a_perturbed_solution_is_incorrect(exercise: Exercise) -> None:
    solution = solution_of(exercise)
    verdict = exercise.examine(lambda *arguments: perturbed(solution(*arguments)))
    assert verdict.state == "incorrect", "the check would let a wrong answer pass"
    assert not [m.says for m in exercise.mistakes if m.says in verdict.says], "a diagnosis that does not apply"


@pytest.mark.parametrize("name", ["noising", "posterior_weights", "ls_box_sums"])
def test_a_mistake_is_recognised_beside_another_one(name: str) -> None:
    exercise = check.exercises()[name]
    cases, calls = exercise._cases(), itertools.count(1)
    mistake = next(
        m for m in exercise.mistakes if not any(exercise._same(m.function(*c), exercise.answer(*c)) for c in cases)
    )

    def two_mistakes(*arguments: Any) -> Any:
        output = mistake.function(*arguments)
        return perturbed(output) if next(calls) % len(cases) == 0 else output

    says = exercise.examine(two_mistakes).says
    assert says.startswith(f"In {len(cases) - 1} of {len(cases)} cases: {mistake.says}"), says
    assert says.endswith(" The other wrong cases do not fit this."), says


def test_an_argument_that_comes_back_tells_no_mistake_in_part() -> None:
    """Where a mistake happens to change nothing it is not told to somebody else who changes nothing."""
    ranges = [(torch.arange(4.0) + 0.5, k) for k in (0, 0, 3)]
    shift = Exercise(
        *("shift", 0, "Shift", 1, 1, "Shift.", ("Roll.", "x.roll(k)")),
        cases=lambda generator: ranges,
        answer=lambda x, k: x.roll(k + 1),
        mistakes=(Mistake("You shift by k.", lambda x, k: x.roll(k)),),
    )
    assert shift.examine(lambda x, k: x.roll(k)).says == "You shift by k."
    assert "You shift by k." not in shift.examine(lambda x, k: x.clone()).says


def test_a_crop_that_ends_at_minus_r_is_refused() -> None:
    """Right for all windows but those of one pixel, where r = 0 and [r:-r] is empty."""

    def ls_box_sums(x_t: Any, images: Any, alpha: float, sigma: float, P: int) -> Any:
        (batch, n), (h, w), r = (len(x_t), len(images)), x_t.shape[-2:], P // 2
        squares = (x_t[:, None] - alpha * images).square().sum(2).view(-1, 1, h, w)
        sums = torch.nn.functional.conv2d(squares, torch.ones(1, 1, P, P), padding=2 * r)[..., r:-r, r:-r]
        weights = torch.softmax(-sums.reshape(batch, n, *sums.shape[-2:]) / (2 * sigma**2), 1)
        return torch.einsum("bnhw,nchw->bchw", weights, images)

    exercise = check.exercises()["ls_box_sums"]
    right = [c for c in exercise._cases() if c[-1] > 1]
    assert all(exercise._same(ls_box_sums(*case), exercise.answer(*case)) for case in right)
    assert exercise.examine(ls_box_sums).state == "incorrect"


def test_whole_numbers_that_agree_by_chance_tell_no_mistake() -> None:
    four = [(torch.tensor(n),) for n in (1, 2, 3, 4)]
    squares = Exercise(
        *("square", 0, "Square", 1, 1, "Square it.", ("Times itself.", "n * n")),
        cases=lambda generator: four,
        answer=lambda n: n * n,
        mistakes=(Mistake("You double it.", lambda n: 2 * n),),
    )
    assert "double" in squares.examine(lambda n: n + n).says
    assert "double" not in squares.examine(lambda n: torch.tensor([2, 4, 6, 7][int(n) - 1])).says


@each_exercise
def test_the_lesson_announces_what_the_check_knows(exercise: Exercise) -> None:
    cells = lesson_cells(exercise.lesson)
    heading = HEADING.search(cells[place_of(exercise) - 1].source)
    assert heading, "the cell before the stub needs a line of this form: ### Exercise 1: Title (5 minutes, ★★☆)"
    assert heading[2] == exercise.title
    assert int(heading[3]) == exercise.minutes
    assert heading[4].count("★") == exercise.difficulty
    assert f'check.hint("{exercise.name}")' in cells[place_of(exercise) + 1].source
    assert len(exercise.hints) >= 2


@pytest.mark.parametrize("lesson", sorted(NOTEBOOKS.glob("*.py")), ids=lambda p: p.stem)
def test_every_lesson_has_its_exercises(lesson: Path) -> None:
    number = int(lesson.stem[:2])
    cells = lesson_cells(number)
    checked = [m[2] for c in cells if (m := CHECK.match(c.source.strip()))]
    assert sorted(checked) == sorted(e.name for e in EXERCISES if e.lesson == number)
    least = 1 if number == 0 else 3
    assert least <= len(checked) <= 6, f"{len(checked)} exercises: a lesson has {least} to 6"
    numbers = [int(m[1]) for c in cells for m in HEADING.finditer(c.source)]
    assert numbers == list(range(1, len(numbers) + 1)), "number the exercises in the order of the page"


# What a reader of the exercises got past a check, or could not: the mistake is told, the right solution passes.


def _held_anywhere(J):
    pooled = (torch.nn.functional.avg_pool2d(J[None, None], P, 1).max() * P * P for P in range(1, len(J) + 1, 2))
    return next(2 * k + 1 for k, most in enumerate(pooled) if most >= 0.9 * J.sum())


def _held_by_cumulative_sums(J, share=0.9):
    offset = np.abs(np.arange(len(J)) - len(J) // 2)
    ring = np.maximum.outer(offset, offset).ravel()
    held = np.bincount(ring, weights=np.asarray(J, dtype=float).ravel()).cumsum()
    return 2 * int(np.searchsorted(held, share * held[-1])) + 1


def _alone_by_height(height: int, width: int, patch_size: int) -> torch.Tensor:
    if patch_size >= height:
        return torch.ones(height, width, dtype=torch.bool)
    r = patch_size // 2
    rows, columns = ((torch.arange(n) < r) | (torch.arange(n) >= n - r) for n in (height, width))
    return rows[:, None] & columns[None]


def _rim_alone(row, column, height, width, patch_size, too_many=1):
    r = patch_size // 2
    votes = torch.ones(height, width, dtype=torch.bool)
    for axis, (k, n) in enumerate(((row, height), (column, width))):
        places = torch.arange(n)
        inside = (places >= r) & (places < n - r)
        alone = k < r or k >= n - r - too_many
        allowed = (places == k) if alone else inside
        votes &= allowed[:, None] if axis == 0 else allowed
    return votes


def _square_pictures(f, x):
    side = x.shape[-1]

    def same(dy, dx):
        if dy >= x.shape[-2]:
            return True
        return torch.allclose(f(x.roll((dy, dx), (-2, -1))), f(x).roll((dy, dx), (-2, -1)), atol=1e-4)

    return torch.tensor([[same(i, j) for j in range(side)] for i in range(side)])


def _steady(images, threshold, height, first=0, last=0):
    bright = images[:, 0] > threshold
    begins = bright & ~torch.nn.functional.pad(bright, (1, 0))[..., :-1]
    runs = begins.sum(-1)
    windows = [runs[:, i : i + height].amin(1) for i in range(first, runs.shape[1] - height + 1 - last)]
    return torch.stack(windows).amax(0)


def _unstable_in_float64(query, dictionary, alpha, sigma):
    r = dictionary.shape[-1] // 2
    squares = (query.double() - alpha * dictionary.double()).square().sum((-3, -2, -1))
    w = torch.exp(-squares / (2 * sigma**2))
    return (w / w.sum()) @ dictionary[:, :, r, r].double()


def _formula_in_one_array(x_t, images, alpha, sigma, shifts, blur, over=torch.sum, weigh=None, dims=(-2, -1), sign=-1):
    slid = torch.stack([images.double().roll((-dy, -dx), dims) for dy, dx in shifts])
    logits = sign * blur(over((x_t - alpha * slid) ** 2, 2)) / (2 * sigma**2)
    weights = (weigh or (lambda g: (g - g.logsumexp((0, 1))).exp()))(logits)
    return torch.einsum("dnhw,dnchw->chw", weights, slid)[None]


def _formula_shift_by_shift(x_t, images, alpha, sigma, shifts, blur):
    logits, values = [], []
    for dy, dx in shifts:
        for v in images:
            slid = torch.roll(v, (-dy, -dx), (1, 2))
            logits.append(-blur((x_t[0] - alpha * slid) ** 2).sum(0) / 2 / sigma**2)
            values.append(slid)
    return torch.einsum("khw,kchw->chw", torch.stack(logits).softmax(0), torch.stack(values))[None]


def _sign_test_in_float32(wins, n):
    k = torch.arange(wins, n + 1.0)
    log = torch.lgamma(torch.tensor(n + 1.0)) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1) - n * math.log(2)
    return float(log.exp().sum())


def _one_minus_the_others(wins, n):
    return 1 - sum(math.comb(n, k) for k in range(wins)) / 2**n


def _sorted_means(ours, theirs, index, low, high):
    means = (ours - theirs)[index].mean(1).sort().values
    return means[low], means[high]


def _expanded_square(x, images):
    x, v = x.flatten(1), images.flatten(1)
    least, index = (x.square().sum(1)[:, None] + v.square().sum(1) - 2 * x @ v.T).min(1)
    return index, least.sqrt()


def _clamped_square(x, images):
    x, v = x.flatten(1), images.flatten(1)
    least, index = (x.square().sum(1)[:, None] + v.square().sum(1) - 2 * x @ v.T).clamp(min=0).min(1)
    return index, least.sqrt()


def _bare(exponents, axis):
    e = exponents.exp()
    return e / e.sum(axis, keepdim=True)


def _exponents(x_t, images, alpha, sigma):
    return -(x_t[:, None] - alpha * images).square().sum((2, 3, 4)) / (2 * sigma**2)


def _one_maximum(exponents):
    return _bare(exponents - exponents.max(), 1)


def _expanded_exponents(x_t, images, alpha, sigma):
    x, v = x_t.flatten(1), alpha * images.flatten(1)
    return -(x.square().sum(1)[:, None] + v.square().sum(1) - 2 * x @ v.T) / (2 * sigma**2)


def _exponents_by_cdist(x_t, images, alpha, sigma):
    return -(torch.cdist(x_t.flatten(1), alpha * images.flatten(1)) ** 2) / (2 * sigma**2)


def _small_below(exponents, small=1e-12):
    e = exponents.exp()
    return e / (e.sum(1, keepdim=True) + small)


# What learners do against 0/0, which leaves all weights 0 where all exponentials are.
HIDDEN = {
    "1e-12": lambda e, axis: e / (e.sum(axis, keepdim=True) + 1e-12),
    "1e-8": lambda e, axis: e / (e.sum(axis, keepdim=True) + 1e-8),
    "clamp": lambda e, axis: e / e.sum(axis, keepdim=True).clamp(min=1e-12),
    "nan_to_num": lambda e, axis: (e / e.sum(axis, keepdim=True)).nan_to_num(),
}


def _coin_by_weights(weigh, x_t, alpha, sigma):
    heads, tails = weigh(torch.stack([(-((x_t - alpha * side) ** 2) / (2 * sigma**2)).exp() for side in (1, -1)]), 0)
    return heads - tails


def _pixel_by_weights(weigh, query, dictionary, alpha, sigma):
    r = dictionary.shape[-1] // 2
    logits = -(query - alpha * dictionary).square().sum((1, 2, 3)) / (2 * sigma**2)
    return weigh(logits.exp(), 0) @ dictionary[:, :, r, r]


def _boxes_by_weights(weigh, x_t, images, alpha, sigma, size):
    squares = (x_t[:, None] - alpha * images).square().sum(2)
    distance = torch.nn.functional.avg_pool2d(squares, size, 1, size // 2) * size**2
    return torch.einsum("bnhw,nchw->bchw", weigh((-distance / (2 * sigma**2)).exp(), 1), images)


def _formula_by_weights(weigh, x_t, images, alpha, sigma, shifts, blur):
    slid = torch.stack([images.roll((-dy, -dx), (-2, -1)) for dy, dx in shifts])
    logits = (-blur((x_t - alpha * slid).square().sum(2)) / (2 * sigma**2)).flatten(0, 1)
    return (weigh(logits.exp(), 0)[:, None] * slid.flatten(0, 1)).sum(0, keepdim=True)


def _heaps_of_a_coin(x_t, alpha, sigma):
    """The lesson's denoiser, its means replaced."""
    means, V = torch.tensor([-1.0, 1.0]), alpha**2 * 0.1**2 + sigma**2
    distance = x_t[..., None] - alpha * means
    w = torch.softmax(-(distance**2) / (2 * V), dim=-1)
    return (w * (means + alpha * 0.1**2 / V * distance)).sum(-1)


def _asked_once(denoiser, x, steps):
    x0_hat = denoiser(x, 1.0)
    return _walked(lambda *_: x0_hat, x, steps)


def _walked(denoiser, x, steps, back=False):
    schedule = els.CosineSchedule()
    for i in range(steps):
        t, later = 1 - i / steps, 1 - (i + 1) / steps
        x0_hat, then = denoiser(x, t), t if back else later
        eps_hat = (x - schedule.alpha(t) * x0_hat) / schedule.sigma(t)
        x = schedule.alpha(then) * x0_hat + schedule.sigma(then) * eps_hat
    return x


def _walked_upwards(denoiser, x, steps):
    """From each time to the one below it, but from the smallest on."""
    schedule = els.CosineSchedule()
    for i in range(1, steps + 1):
        t, later = i / steps, (i - 1) / steps
        x0_hat = denoiser(x, t)
        eps_hat = (x - schedule.alpha(t) * x0_hat) / schedule.sigma(t)
        x = schedule.alpha(later) * x0_hat + schedule.sigma(later) * eps_hat
    return x


def _walked_by_radians(denoiser, x, steps):
    for i in range(steps):
        t, later = 1 - i / steps, 1 - (i + 1) / steps
        x0_hat = denoiser(x, t)
        x = math.cos(later) * x0_hat + math.sin(later) * (x - math.cos(t) * x0_hat) / math.sin(t)
    return x


def _walked_by_ratios(denoiser, x, steps):
    """From 0 to 1, with a division of two numbers."""
    schedule = els.CosineSchedule()
    for i in range(steps):
        t, later = i / steps, (i + 1) / steps
        x0_hat = denoiser(x, t)
        noise = schedule.sigma(later) / schedule.sigma(t) * (x - schedule.alpha(t) * x0_hat)
        x = schedule.alpha(later) * x0_hat + noise
    return x


def _counted_down(denoiser, x, steps):
    schedule, t = els.CosineSchedule(), 1.0
    while t > 0:
        later = t - 1 / steps
        alpha, sigma = schedule.alpha(t), schedule.sigma(t)
        x0_hat = denoiser(x, t)
        x = schedule.alpha(max(later, 0)) * x0_hat + schedule.sigma(max(later, 0)) * (x - alpha * x0_hat) / sigma
        t = later
    return x


def _bare_window(x_t, images, alpha, sigma, row, column, size):
    r = size // 2
    window = (..., slice(max(row - r, 0), row + r + 1), slice(max(column - r, 0), column + r + 1))
    return _bare(_exponents(x_t[window][None].double(), images[window].double(), alpha, sigma)[0], 0)


def _bare_boxes(x_t, images, alpha, sigma, size):
    squares = (x_t[:, None] - alpha * images).square().sum(2).double()
    distance = torch.nn.functional.avg_pool2d(squares, size, 1, size // 2) * size**2
    return torch.einsum("bnhw,nchw->bchw", _bare(-distance / (2 * sigma**2), 1), images.double())


def _coin_of_exponentials(x_t, alpha, sigma):
    u = alpha * x_t.double() / sigma**2
    return (u.exp() - (-u).exp()) / (u.exp() + (-u).exp())


def _coin_of_densities(x_t, alpha, sigma):
    sides = [(-((x_t - alpha * side) ** 2) / (2 * sigma**2)).exp() for side in (1, -1)]
    return (sides[0] - sides[1]) / (sides[0] + sides[1])


def _commutes(f, x, fails, by=-1, dims=(-2, -1), size=torch.abs):
    def holds(dy, dx):
        return bool(fails(size(f(x.roll((by * dy, by * dx), dims)) - f(x).roll((by * dy, by * dx), dims))) < 1e-4)

    return torch.tensor([[holds(dy, dx) for dx in range(x.shape[-1])] for dy in range(x.shape[-2])])


def _consistent_pixel_by_pixel(u, colours):
    height, width = u.shape
    verdict = torch.zeros(height, width, dtype=torch.bool)
    for row in range(height):
        for column in range(width):
            window = [float(u[(row + i) % height, (column + j) % width]) for i in (-1, 0, 1) for j in (-1, 0, 1)]
            nearest = min(colours, key=lambda colour: sum((pixel - colour) ** 2 for pixel in window))
            verdict[row, column] = nearest == u[row, column]
    return verdict


def _squares_of_windows(u, colours):
    shifted = [u.roll((i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return torch.stack([sum((v - colour) ** 2 for v in shifted) for colour in colours])


def _sign_of_the_sum(u, colours):
    return sum(u.roll((i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)).sign() == u


def _one_side_of_each_axis(window):
    rows, columns = (window == 0).all(1), (window == 0).all(0)
    return tuple(int(zero.sum()) * bool(zero[end]) for zero in (rows, columns) for end in (0, -1))


def _nearest_two(drawings, pictures, largest=False):
    first, second = torch.cdist(drawings.flatten(1), pictures.flatten(1)).topk(2, largest=largest).values.T
    return first / second


def _by_numpy(own, ladder, windows, errors=2.0, ddof=1):
    widest = 0
    for window, row in zip(windows, np.asarray(ladder), strict=True):
        gain = row - np.asarray(own[list(windows).index(window)] if own.ndim == 2 else own)
        if gain.mean() > errors * gain.std(ddof=ddof) / np.sqrt(gain.size):
            widest = max(widest, window)
    return widest


def _stopped(steps, losses, patience, first=math.inf):
    lowest, failed, kept = first, 0, steps[0]
    for step, loss in zip(steps, losses, strict=True):
        failed = 0 if loss < lowest else failed + 1
        lowest, kept = (loss, step) if not failed else (lowest, kept)
        if failed == patience:
            break
    return kept


def _alike(a, b, group, size=lambda here, n: here, first=torch.logical_and):
    places = [group == k for k in sorted(set(group.tolist()))]
    return first(a, b).sum(), sum(a[p].sum() * b[p].sum() / size(int(p.sum()), len(a)) for p in places)


def _grown_from_one(J):
    m = len(J) // 2
    squares = ((r, J[m - r : m + r + 1, m - r : m + r + 1].sum()) for r in range(1, m + 1))
    return next(2 * r + 1 for r, held in squares if held >= 0.9 * J.sum())


def _stepped(x_t, x0_hat, alpha, sigma, alpha_next, sigma_next):
    return alpha_next * x0_hat + sigma_next * (x_t - alpha * x0_hat) / sigma


def _nearest_slid(samples, images, sides=None, dims=(-2, -1), of_images=True):
    height, width = sides or images.shape[-2:]
    nearest = []
    for shift in itertools.product(range(height), range(width)):
        slid = (samples, images.roll(shift, dims)) if of_images else (samples.roll(shift, dims), images)
        nearest.append(torch.cdist(*(a.flatten(1) for a in slid)).amin(1))
    return torch.stack(nearest).amin(0)


@pytest.mark.parametrize(
    ("name", "attempt", "state"),
    [
        ("gap_ratio", _nearest_two, "correct"),
        ("proven_reach", _by_numpy, "correct"),
        ("proven_reach", lambda *a: _by_numpy(*a, errors=1.96), "correct"),
        ("proven_reach", lambda *a: _by_numpy(*a, ddof=0), "correct"),
        ("early_stop", _stopped, "correct"),
        ("early_stop", lambda *a: _stopped(*a, first=0.5), "incorrect"),
        ("picture_r2", lambda a, b: max(0.0, float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])) ** 2,
         "incorrect"),
        ("receptive_field", lambda kernels, strides: _field(kernels, strides, lambda k: 2 * (k // 2)), "incorrect"),
        ("receptive_field", lambda kernels, strides: _field(kernels, strides, lambda k: k - 1), "correct"),
        ("naive_es", lambda x, v, a, s: _shifts_weighed(x, v, a, s).double(), "correct"),
        ("naive_es", lambda x, v, a, s: _shifts_weighed(x, v.flip(0), a, s), "correct"),
        ("commuting_shifts", _square_pictures, "incorrect"),
        ("els_pixel", _unstable_in_float64, "incorrect"),
        ("one_formula", _formula_shift_by_shift, "correct"),
        ("one_formula", _formula_in_one_array, "correct"),
        ("may_vote", _rim_alone, "incorrect"),
        ("may_vote", lambda *a: _rim_alone(*a, too_many=0), "correct"),
        ("nine_tenths_square", _held_by_cumulative_sums, "correct"),
        ("nine_tenths_square", lambda J: _held_by_cumulative_sums(J.T.flip(0)), "correct"),
        ("nine_tenths_square", lambda J: _held_by_cumulative_sums(J**2), "incorrect"),
        ("nine_tenths_square", lambda J: _held_by_cumulative_sums(J, share=0.899), "incorrect"),
        ("nine_tenths_square", lambda J: _held_by_cumulative_sums(J, share=0.901), "incorrect"),
        ("nine_tenths_square", _held_anywhere, "incorrect"),
        ("nine_tenths_square", _grown_from_one, "incorrect"),
        ("nearest_shifted", _nearest_slid, "correct"),
        ("nearest_shifted", lambda *a: _nearest_slid(*a, sides=(16, 16)), "incorrect"),
        ("nine_tenths_square", lambda J: _held_by_cumulative_sums(J) ** 2, "incorrect"),
        ("calibrate_one_step", lambda c, sizes: sizes[int(c.argmax(0).sort().values[4])], "incorrect"),
        ("calibrate_one_step", lambda cosine, candidates: int(2 * cosine.argmax(0).median() + 3), "incorrect"),
        ("sign_test", _sign_test_in_float32, "correct"),
        ("sign_test", lambda wins, n: Fraction(sum(math.comb(n, k) for k in range(wins, n + 1)), 2**n), "correct"),
        ("paired_interval", lambda *a: _sorted_means(*a, 50, 1950), "correct"),
        ("paired_interval", lambda *a: _sorted_means(*a, 49, 1951), "correct"),
        ("paired_interval", lambda *a: _sorted_means(*a, 20, 1980), "incorrect"),
        ("sign_test", _one_minus_the_others, "incorrect"),
        ("steady_legs", _steady, "correct"),
        ("steady_legs", lambda *a: _steady(*a, first=1), "incorrect"),
        ("steady_legs", lambda *a: _steady(*a, last=1), "incorrect"),
        ("novelty_score", lambda x, v, held: _expanded_square(x, v)[1] / _expanded_square(held, v)[1].median(),
         "incorrect"),
        ("novelty_score", lambda x, v, held: _clamped_square(x, v)[1] / _clamped_square(held, v)[1].median(),
         "correct"),
        ("posterior_weights", lambda x, v, *a: _bare(_exponents(x.double(), v.double(), *a), 1), "incorrect"),
        ("posterior_weights", lambda x, v, *a: _expanded_exponents(x, v, *a).softmax(1), "correct"),
        ("posterior_weights", lambda x, v, *a: _exponents_by_cdist(x, v, *a).softmax(1), "correct"),
        ("posterior_weights", lambda x, v, a, s: torch.distributions.Normal(a * v, s).log_prob(x[:, None]).sum(
            (2, 3, 4)).softmax(1), "correct"),
        ("coin_denoiser", lambda x, a, s: 2 / (1 + (-2 * a * x / s**2).exp()) - 1, "correct"),
        ("coin_denoiser", _coin_of_exponentials, "incorrect"),
        ("coin_denoiser", _coin_of_densities, "incorrect"),
        ("coin_denoiser", lambda x, a, s: _coin_of_densities(x.double(), a, s), "correct"),
        ("ls_weights", _bare_window, "incorrect"),
        ("merge_partials", lambda a, b: _merged_without_the_largest(a, b), "incorrect"),
        ("ls_box_sums", _bare_boxes, "incorrect"),
        ("commuting_shifts", lambda f, x: _commutes(f, x, lambda gap: gap[0].max()), "incorrect"),
        ("commuting_shifts", lambda f, x: _commutes(f, x, lambda gap: gap[:, 0].max()), "incorrect"),
        ("commuting_shifts", lambda f, x: _commutes(f, x, torch.mean), "incorrect"),
        ("commuting_shifts", lambda f, x: _commutes(f, x, torch.max), "correct"),
        ("commuting_shifts", lambda f, x: _commutes(f, x, torch.max, by=1), "correct"),
        ("commuting_shifts", lambda f, x: _commutes(f, x, torch.max, size=lambda gap: gap.abs() / 10), "incorrect"),
        ("coin_denoiser", lambda x, a, s: torch.tanh(a * x / max(s**2, 0.01)), "incorrect"),
        ("naive_es", lambda *a: _shifts_weighed(*a, weigh=lambda e, axis: _bare(e - e.mean(axis, keepdim=True), axis)),
         "incorrect"),
        ("nearer_to_own", lambda x, own, others: _share_nearer(x[:, -1:], own[:, -1:], others[:, -1:]), "incorrect"),
        ("nearer_to_own", lambda *a: _share_nearer(*a, by_channel=True), "incorrect"),
        ("nearer_to_own", lambda *a: _share_nearer(*a), "correct"),
        ("elsewhere", lambda change, channel: 1 - change.square().sum((2, 3)).amax(1) / change.square().sum((1, 2, 3)),
         "incorrect"),
        ("overlap", _alike, "correct"),
        ("toy_consistent", _consistent_pixel_by_pixel, "correct"),
        ("toy_consistent", _sign_of_the_sum, "incorrect"),
        ("window_overhang", _one_side_of_each_axis, "incorrect"),
        ("toward_mean", lambda x, v, share: torch.lerp(x, v.mean(0, keepdim=True).expand_as(x), share), "correct"),
        ("toward_mean", lambda x, v, share: ((1 - share) * x + share * v.mean(0)).clamp(-0.5, 0.5), "incorrect"),
        ("novelty_score", lambda *sets: _novelty_in_numpy(*(a.numpy() for a in sets)), "correct"),
        ("loss_at", lambda denoiser, x, eps, t, a, s: (
            eps - (a * x + s * eps - a * denoiser(a * x + s * eps, torch.full((len(x),), t))) / s
        ).square().mean(), "correct"),
    ],
)  # fmt: skip
def test_what_once_got_past_a_check_or_could_not(name: str, attempt: Any, state: str) -> None:
    verdict = check.exercises()[name].examine(attempt)
    assert verdict.state == state, verdict


def _share_nearer(drawings, own, others, by_channel=False):
    def near(some):
        squares = (drawings[:, None] - some).square().sum((3, 4))  # (B, N, C)
        return (squares.sqrt().sum(-1) if by_channel else squares.sum(-1).sqrt()).amin(1)

    return (near(own) < near(others)).float().mean().item()


def _novelty_in_numpy(x, images, held_out):
    near = [np.sqrt(((p[:, None] - images[None]) ** 2).sum((2, 3, 4))).min(1) for p in (x, held_out)]
    return near[0] / np.median(near[1])


def _field(kernels, strides, grows):
    side, step = 1, 1
    for k, s in zip(kernels, strides, strict=True):
        side, step = side + grows(k) * step, step * s
    return side


def _shifts_weighed(x_t, images, alpha, sigma, sizes=None, dims=(-2, -1), weigh=torch.softmax, by=1):
    height, width = sizes or images.shape[-2:]
    v = torch.cat([images.roll((by * dy, by * dx), dims) for dy in range(height) for dx in range(width)])
    return (weigh(_exponents_by_cdist(x_t, v, alpha, sigma), 1) @ v.flatten(1)).view_as(x_t)


def _averaged_over_shifts(denoiser, x_t, t, dims=(-2, -1), rows=None, by=-1, square=False):
    height, width = x_t.shape[-2:]
    total = torch.zeros_like(x_t)
    for dy in range(height):
        for dx in range(height if square else width):
            total = total + denoiser(x_t.roll((by * dy, by * dx), dims), t).roll((-by * dy, -by * dx), dims)
        if dy + 1 == rows:
            break
    return total / (height * width)


def _picture_by_picture(x_t, images, alpha, sigma):
    """Rolls (C, H, W) along its first two axes."""
    v = [torch.roll(u, (dy, dx), (0, 1)) for dy in range(x_t.shape[2]) for dx in range(x_t.shape[3]) for u in images]
    return _shifts_weighed(x_t, torch.stack(v), alpha, sigma, sizes=(1, 1))


def _one_axis_weighed(x_t, images, alpha, sigma):
    copies = [images.roll(dy, -2) for dy in range(images.shape[-2])] + [
        images.roll(dx, -1) for dx in range(images.shape[-1])
    ]
    return _shifts_weighed(x_t, torch.cat(copies), alpha, sigma, sizes=(1, 1))


def _shift_compared(denoiser, x_t, t, shift, dims):
    gap = denoiser(torch.roll(x_t, shift, dims), t) - torch.roll(denoiser(x_t, t), shift, dims)
    return (gap**2).mean((0, 1)) ** 0.5


def _window_from_both_ends(image, row, column, size):
    """Pixel by pixel; only an index that is too large raises an error."""
    window = torch.zeros(image.shape[0], size, size)
    for i, j in itertools.product(range(size), repeat=2):
        with contextlib.suppress(IndexError):
            window[:, i, j] = image[:, row + i - size // 2, column + j - size // 2]
    return window


def _window_in_a_loop(image, row, column, size):
    """With row and column swapped; pixels beyond the border stay 0."""
    window, r = torch.zeros(image.shape[0], size, size), size // 2
    for i in range(size):
        for j in range(size):
            y, x = column + i - r, row + j - r
            if 0 <= y < image.shape[1] and 0 <= x < image.shape[2]:
                window[:, i, j] = image[:, y, x]
    return window


def _asked_of_all_images(height, width):
    u = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=height * width))).view(-1, height, width)
    votes = sum(u.roll((i, j), (1, 2)) for i in (-1, 0, 1) for j in (-1, 0, 1))
    return int((votes.sign() == u).all())


def _corner_squares(height, width, size, lines=False):
    """Slices from both ends, which know no single interior row, and no r = 0."""
    r = size // 2
    rows, columns = torch.zeros(height, dtype=torch.bool), torch.zeros(width, dtype=torch.bool)
    rows[:r] = rows[-r:] = columns[:r] = columns[-r:] = True
    corners = torch.zeros(height, width, dtype=torch.bool)
    corners[:r, :r] = corners[:r, -r:] = corners[-r:, :r] = corners[-r:, -r:] = True
    return torch.outer(rows, columns) if lines else corners


def _correlations_by_std(p, y):
    p, y = p.flatten(1), y.flatten(1)
    r = ((p - p.mean(1, keepdim=True)) * (y - y.mean(1, keepdim=True))).mean(1) / (p.std(1) * y.std(1))
    return r, r**2, 1 - ((y - p) ** 2).mean(1) / y.var(1)


def _line_through_0_moved(p, y):
    over = {"dim": (1, 2, 3), "keepdim": True}
    b = (p * y).sum(**over) / (p * p).sum(**over)
    return (y - b * p).mean(**over) + b * p


def _block_from(noise, other, y, x, side):
    made = noise.clone()
    made[..., y : y + side, x : x + side] = other[..., y : y + side, x : x + side]
    return made


def _block_put_at(noise, other, y, x, to_y, to_x, side):
    made = noise.clone()
    made[..., to_y : to_y + side, to_x : to_x + side] = other[..., y : y + side, x : x + side]
    return made


def _slice_from_below_zero(image, row, column, size):
    r = size // 2
    return image[:, row - r : row + r + 1, column - r : column + r + 1]


def _padded_at_two_sides(image, row, column, size):
    padded = torch.nn.functional.pad(image, (size // 2, size // 2))
    return padded[:, max(row - size // 2, 0) : row + size // 2 + 1, column : column + size]


def _zeros_last(image, row, column, size):
    window = torch.zeros(image.shape[0], size, size, dtype=image.dtype)
    cut = image[:, max(row - size // 2, 0) : row + size // 2 + 1, max(column - size // 2, 0) : column + size // 2 + 1]
    window[:, : cut.shape[1], : cut.shape[2]] = cut
    return window


def _distances_of_a_window(x_t, images, alpha, sigma, row, column, size):
    q, v = (torch.nn.functional.pad(a, (size // 2,) * 4) for a in (x_t[None], images))
    window = (..., slice(row, row + size), slice(column, column + size))
    return (q[window] - alpha * v[window]).square().sum((1, 2, 3))


def _nearer_numbers(drawings, own, others):
    first, second = (torch.cdist(drawings.flatten(1), some.flatten(1)).argmin(1) for some in (own, others))
    return (first < second).float().mean().item()


def _centred_channels(first, second):
    first, second = (x - x.mean((2, 3), keepdim=True) for x in (first, second))
    return torch.cosine_similarity(first.flatten(1), second.flatten(1))


def _nearest_windows(x_t, images, alpha, sigma, size):
    squares = (x_t[:, None] - alpha * images).square().sum(2)
    nearest = torch.nn.functional.avg_pool2d(squares, size, 1, size // 2).argmin(1)
    return torch.stack([images[:, c].gather(0, nearest) for c in range(images.shape[1])], dim=1)


def _votes_pooled(x_t, images, alpha, sigma, size):
    votes = (-(x_t[:, None] - alpha * images).square().sum(2) / (2 * sigma**2)).softmax(1)
    return torch.einsum("bnhw,nchw->bchw", torch.nn.functional.avg_pool2d(votes, size, 1, size // 2), images)


def _one_largest_exponent(x_t, images, alpha, sigma, size):
    squares = (x_t[:, None] - alpha * images).square().sum(2)
    logits = -torch.nn.functional.avg_pool2d(squares, size, 1, size // 2) * size**2 / (2 * sigma**2)
    e = (logits - logits.max()).exp()
    return torch.einsum("bnhw,nchw->bchw", e / e.sum(1, keepdim=True), images)


def _transposed_window(x_t, images, alpha, sigma, row, column, size):
    q, v = (torch.nn.functional.pad(a, (size // 2,) * 4) for a in (x_t[None], images))
    window = (..., slice(column, column + size), slice(row, row + size))
    return _exponents(q[window], v[window], alpha, sigma)[0].softmax(0)


def _correlations(p, y, centred=True):
    p, y = p.flatten(1), y.flatten(1)
    dy = y - y.mean(1, keepdim=True)
    R2 = 1 - (y - p).square().sum(1) / dy.square().sum(1)
    r = torch.cosine_similarity(p - p.mean(1, keepdim=True) if centred else p, dy if centred else y)
    return r, r**2, R2


def _noised_at(x_0, eps, theta):
    return theta.cos()[:, None, None, None] * x_0 + theta.sin()[:, None, None, None] * eps


def _sampled_without_offset(denoiser, x, steps):
    for i in range(steps):
        angle, turned = math.pi / 2 * (1 - i / steps), math.pi / 2 * (1 - (i + 1) / steps)
        x0_hat = denoiser(x, 1 - i / steps)
        x = math.cos(turned) * x0_hat + math.sin(turned) * (x - math.cos(angle) * x0_hat) / math.sin(angle)
    return x


def _one_decision(a, b):
    if (a[0] >= b[0]).all():
        factor = torch.exp(b[0] - a[0])
        return a[0], a[1] + factor * b[1], a[2] + factor * b[2]
    factor = torch.exp(a[0] - b[0])
    return b[0], factor * a[1] + b[1], factor * a[2] + b[2]


def _merged_without_the_largest(a, b):
    (m, z, s), (m_b, z_b, s_b) = ([part.double() for part in half] for half in (a, b))
    largest = torch.maximum(m, m_b)
    return largest, *((m.exp() * x + m_b.exp() * y) / largest.exp() for x, y in ((z, z_b), (s, s_b)))


def _log_sums_merged(a, b):
    logs, means = zip(*((m + z.log(), s / z) for m, z, s in (a, b)), strict=True)
    total = torch.logaddexp(*logs)
    return total, torch.ones_like(total), sum((log - total).exp() * mean for log, mean in zip(logs, means, strict=True))


def _central(means):
    return means.quantile(0.025).item(), means.quantile(0.975).item()


def _normal_interval(ours, theirs, index):
    gap = (ours - theirs).numpy()
    half = 1.96 * gap.std(ddof=1) / len(gap) ** 0.5
    return gap.mean() - half, gap.mean() + half


def _zeros_around(window, r):
    rows, columns = ((window == 0).all(dim=axis) for axis in (1, 0))
    return tuple(int(part.sum()) for part in (rows[:r], rows[r + 1 :], columns[:r], columns[r + 1 :]))


def _exchanged_ends(window, *order):
    found = _zeros_around(window, len(window) // 2)
    return tuple(found[k] for k in order)


def _interior(row, column, height, width, patch_size):
    r = patch_size // 2
    inside = torch.zeros(height, width, dtype=torch.bool)
    inside[r : height - r, r : width - r] = True
    return inside


def _around(row, column, height, width, reach):
    rows, columns = (torch.arange(height) - row).abs() <= reach, (torch.arange(width) - column).abs() <= reach
    return rows[:, None] & columns[None]


def _covariance_over_torch_variances(first, second):
    over = (1, 2, 3)
    products = (first - first.mean(over, keepdim=True)) * (second - second.mean(over, keepdim=True))
    return products.mean(over) / (first.var(over) * second.var(over)).sqrt()


def _between(by_formula, by_network, zero, best):
    """What the network gives where the formula chooses, between zero (0) and best (1)."""
    given = by_network[torch.arange(len(by_network)), by_formula.argmax(1)]
    return (given - zero) / (best - zero)


def _filled_by_padding(denoiser, x_t, t, shift):
    (dy, dx), (height, width) = shift, x_t.shape[-2:]

    def moved(image):
        padded = torch.nn.functional.pad(image, (width,) * 2 + (height,) * 2)
        return padded[..., height - dy : 2 * height - dy, width - dx : 2 * width - dx]

    return (denoiser(moved(x_t), t) - moved(denoiser(x_t, t))).square().mean((0, 1)).sqrt()


def _sigma_of_eps(q, k, alpha, tolerance):
    longest = float(q.norm(dim=1).max() * k.norm(dim=1).max())
    return math.sqrt(torch.finfo(torch.float32).eps * alpha * longest / tolerance)


def _begins_by_roll(images, threshold, height):
    bright = images[:, 0] > threshold
    return (bright & ~bright.roll(1, 2)).sum(2).unfold(1, height, 1).amin(2).amax(1)


def _mean_run(images, threshold, height):
    runs = (torch.nn.functional.pad(images[:, 0] > threshold, (1, 0)).int().diff(dim=2) == 1).sum(2)
    return torch.nn.functional.avg_pool1d(runs.double(), height, 1).amax(1)


def _rolled_on_and_on(denoiser, x_t, t):
    answers = []
    for dy in range(x_t.shape[-2]):
        for dx in range(x_t.shape[-1]):
            x_t = x_t.roll((-dy, -dx), (-2, -1))
            answers.append(denoiser(x_t, t).roll((dy, dx), (-2, -1)))
    return torch.stack(answers).mean(0)


def _rows_then_columns(denoiser, x_t, t):
    answers = [denoiser(x_t.roll(-dy, -2), t).roll(dy, -2) for dy in range(x_t.shape[-2])]
    answers += [denoiser(x_t.roll(-dx, -1), t).roll(dx, -1) for dx in range(x_t.shape[-1])]
    return torch.stack(answers).mean(0)


@pytest.mark.parametrize(
    ("name", "attempt", "says"),
    [
        ("picture_r2", lambda p, y: torch.corrcoef(torch.stack([p.flatten(), y.flatten()]))[0, 1].abs(), "its sign"),
        ("pixel_by_vote", lambda votes, pixels: votes / votes.max() @ pixels, "by the largest number of votes"),
        ("loss_at", lambda denoiser, x, eps, t, a, s: a / s * (denoiser(a * x + s * eps, t) - x).square().mean(),
         "square that factor"),
        ("novelty_score", lambda x, v, held: (near := torch.cdist(x.flatten(1), v.flatten(1)).amin(1)) / near.median(),
         "median over x itself"),
        ("shift_error", _filled_by_padding, "let the picture wrap around"),
        ("naive_es", lambda x, v, a, s: _shifts_weighed(x, v, a, s, sizes=(3, 3)), "check.hint('naive_es')"),
        ("naive_es", lambda x, v, a, s: els.reference.ideal(x, v, a, s), "that is IS"),
        ("ls_window", _slice_from_below_zero, "counts from the end"),
        ("ls_window", _window_from_both_ends, "your row or column is negative"),
        ("picture_r2", lambda p, y: ((p := p - p.mean()) * (y := y - y.mean())).sum().div(p.norm()).mul(y.norm()) ** 2,
         "put brackets round b * c"),
        ("picture_r2", lambda p, y: (((p - p.mean()) * (y - y.mean())).mean() / p.std() * y.std()) ** 2,
         "brackets round p.std() * y.std()"),
        ("posterior_weights", lambda *a: (e := _exponents(*a).exp()) / e.sum(), "over the batch, too"),
        ("posterior_weights", lambda *a: _exponents(*a).flatten().softmax(0).view(len(a[0]), -1), "batch, too"),
        ("sampler_loop", _walked_upwards, "begin with the one from t = 1"),
        ("sampler_loop", _walked_by_radians, "Your angle is t itself"),
        ("coin_denoiser", lambda x, a, s: torch.tanh(a * x), "You do not divide by sigma**2"),
        ("pixel_by_vote", lambda votes, pixels: votes.softmax(0) @ pixels, "they are positive already"),
        ("ls_weights", _transposed_window, "Row and column are swapped"),
        ("ls_window", _padded_at_two_sides, "First in case 2 of 5 (image of shape (1, 8, 8), row = 0, column = 7"),
        ("ls_box_sums", _one_largest_exponent, "an election of its own"),
        ("ls_window", _zeros_last, "all zeros to the right and below"),
        ("ls_weights", lambda *a: (-_distances_of_a_window(*a)).softmax(0), "You leave out sigma"),
        ("ls_weights", lambda *a: torch.eye(len(a[1]))[_distances_of_a_window(*a).argmin()], "the winner take all"),
        ("ls_box_sums", _nearest_windows, "the winner take all"),
        ("ls_box_sums", _votes_pooled, "pixel by pixel"),
        ("three_correlations", lambda p, y: _correlations(p, y, centred=False), "Your R2 is right, but in r"),
        ("three_correlations", lambda p, y: [_correlations(p, y)[k] for k in (0, 2, 1)], "r2 and R2 are swapped"),
        ("three_correlations", lambda p, y: [_correlations(p, y)[k] for k in (1, 0, 2)], "r and r2 are swapped"),
        ("three_correlations", lambda p, y: [_correlations(p, y)[k] for k in (0, 2, 2)], "Your r2 is R2 once more"),
        ("three_correlations", lambda p, y: _correlations(p, y)[2], "like `return a, b, c`"),
        ("toward_mean", lambda x, v, share: x + share * (x - v.mean(0)), "You move away"),
        ("steady_legs", _begins_by_roll, "roll wraps round"),
        ("steady_legs", _mean_run, "You take the mean"),
        ("overlap", lambda a, b, group: _alike(a, b, torch.ones(len(a))), "over all n places"),
        ("overlap", lambda *abg: _alike(*abg, size=lambda here, n: n), "You divide by n"),
        ("overlap", lambda *abg: _alike(*abg, size=lambda here, n: here**2), "products of two shares"),
        ("overlap", lambda *abg: (_alike(*abg)[0], _alike(*abg)[0] / _alike(*abg)[1]), "is the lift"),
        ("overlap", lambda *abg: (_alike(*abg)[0], _alike(*abg)[1] / len(abg[0])), "is a share"),
        ("overlap", lambda *abg: (_alike(*abg)[0], _alike(*abg)[1] / len(set(abg[2].tolist()))), "You take the mean"),
        ("overlap", lambda *abg: _alike(*abg, first=torch.logical_or), "where either is true"),
        ("overlap", lambda a, b, g: ((a & b).sum(), _alike(*(x[g == g.max()] for x in (a, b, g)))[1]), "last group's"),
        ("overlap", lambda *abg: _alike(*abg, first=torch.eq), "where a equals b"),
        ("overlap", lambda a, b, g: ((a & b).sum(), _alike(*(x[g < len(g.unique())] for x in (a, b, g)))[1]),
         "groups to be 0, 1, 2"),
        ("noising", lambda x, eps, t: _noised_at(x, eps, math.pi * t / 1.008), "twice as large"),
        ("noising", lambda x, eps, t: (a := math.pi / 2 * t / 1.008).cos() * x + a.sin() * eps, "with the columns"),
        ("sampler_loop", _sampled_without_offset, "divides t by 1.008"),
        ("sampler_loop", _counted_down, "one step too many"),
        ("sampler_loop", lambda denoiser, x, n: denoiser(x, torch.ones(len(x))), "t must be one number"),
        ("posterior_weights", lambda x, v, *a: _one_maximum(_exponents(x, v, *a).double()), "its own largest exponent"),
        ("sign_test", _one_minus_the_others, "add the small cases"),
        ("sign_test", lambda n, wins: sum(math.comb(n, k) for k in range(wins, n + 1)) / 2**n, "swapped wins and n"),
        ("sign_test", lambda wins, n: sum(math.comb(n, k) for k in range(wins, n + 1)) // 2**n, "divide with /"),
        ("sign_test", lambda wins, n: sum(math.comb(n, k) for k in range(wins, n + 1)) / 2 / n, "2**n sequences"),
        ("sign_test", lambda wins, n: wins / n / 2, "check.hint('sign_test')"),
        ("sign_test", lambda wins, n: 1.01 * _sign_test_in_float32(wins, n), "check.hint('sign_test')"),
        ("paired_interval", lambda *a: _sorted_means(*a, 500, 1950), "0.25 for the lower end"),
        ("paired_interval", lambda *a: tuple(len(a[0]) * end for end in _sorted_means(*a, 50, 1950)), "divide by n"),
        ("paired_interval", _normal_interval, "normal formula for a mean"),
        ("paired_interval", lambda a, b, k: _central(a[k].mean(1) - b[k.roll(1, 0)].mean(1)), "resample the two apart"),
        ("paired_interval", lambda a, b, k: _central((a - b).abs()[k].mean(1)), "absolute values"),
        ("sign_test", lambda wins, n: sum(math.comb(n, k) for k in range(wins, n + 1)) / n**2, "not n**2"),
        ("sign_test", lambda wins, n: sum(math.comb(n, k) * 0.5**k for k in range(wins, n + 1)), "you take 0.5**k"),
        ("sign_test", lambda wins, n: sum(math.comb(n, wins) for _ in range(wins, n + 1)) / 2**n, "not (n, wins)"),
        ("sign_test", lambda wins, n: sum(math.comb(wins, k) for k in range(wins, n + 1)) / 2**n, "n comes first"),
        ("sign_test", lambda wins, n: [math.comb(n, k) / 2**n for k in range(wins, n + 1)][-1], "only the last term"),
        ("sign_test", lambda wins, n: wins / n, "the share of seeds"),
        ("paired_interval", lambda *a: _sorted_means(*a, 50, 1900), "5 % above"),
        ("paired_interval", lambda *a: _sorted_means(*a, 0, 2000), "the highest of the means"),
        ("skill", lambda r2, b: 1 - (1 - r2) / 1 - b, "brackets round (1 - r2)"),
        ("skill", lambda r2, b: r2 / (1 - b), "the gain over the baseline"),
        ("skill", lambda r2, b: (r2 - b) / 1 - b, "brackets round (1 - baseline)"),
        ("skill", lambda r2, b: (r2 - b.mean()) / (1 - b.mean()), "one baseline for all"),
        ("smallest_sigma", _sigma_of_eps, "finfo.eps is 2^-23"),
        ("smallest_sigma", lambda q, k, a, tol: (2.0**-24 * a * (q @ k.T).max() / tol).sqrt(), "at negative ones"),
        ("attention_logits", lambda q, k, a, s: (a * q @ k.T - a**2 / 2 * (k**2).sum()) / s**2, "one number per key"),
        ("attention_logits", lambda q, k, a, s: (a**2 / 2 * (k**2).sum(1) - a * q @ k.T) / s**2, "Both signs"),
        ("attention_logits", lambda q, k, a, s: (a * q @ k.T - (q**2).sum(1)[:, None] / 2) / s**2, "term that cancels"),
        ("attention_logits", lambda q, k, a, s: (a * q @ k.T - (a * k).sum(1) ** 2 / 2) / s**2, "square of a sum"),
        ("attention_logits", lambda q, k, a, s: (q @ k.T / a - (k**2).sum(1) / 2) / s**2, "You divide by alpha"),
        ("merge_partials", _one_decision, "query by query"),
        ("merge_partials", _log_sums_merged, "in another unit"),
        ("machine_cost", lambda n, s, c, p, k: (k * n * s**4 * 2 * c * p**2, 32 * n * s**4), "which are 4 bytes"),
        ("machine_cost", lambda n, s, c, p, k: (k * n * s**4 * 2 * c * p**2, n * s**4 * 4e-12), "in TB"),
        ("machine_cost", lambda n, s, c, p, k: (k * n * s**4 * (2 * c * p**2 + 1), 4 * n * s**4), "You count a bias"),
        ("posterior_weights", lambda x, v, *a: (_exponents(x, v, *a) / x[0].numel()).softmax(1), "mean of the squares"),
        ("commuting_shifts", lambda f, x: _commutes(f, x, lambda gap: float((gap > 0).any())), "too strict"),
        ("commuting_shifts", lambda f, x: _commutes(f, x, lambda gap: 100 * gap.max()), "too strict"),
        ("commuting_shifts", lambda f, x: _commutes(f, x, lambda gap: gap.square().max()), "a square shrinks it"),
        ("commuting_shifts", lambda f, x: _commutes(f, x, lambda gap: gap.max() / 20), "a large tolerance allows it"),
        ("orbit_average", _rolled_on_and_on, "its shifts add up"),
        ("orbit_average", _rows_then_columns, "one axis at a time"),
        ("window_overhang", lambda window: _exchanged_ends(window, 1, 0, 2, 3), "swapped above and below"),
        ("window_overhang", lambda window: _exchanged_ends(window.where(window.abs() > 0.3, 0), 0, 1, 2, 3),
         "Noise may be small too"),
        ("may_vote", lambda *a: _rim_alone(*a, too_many=0) & _interior(*a), "A place always votes for itself"),
        ("may_vote", lambda *a: _around(*a[:4], a[4] // 2), "what it looks at"),
        ("may_vote", lambda *a: _interior(*a) | _around(*a[:4], 0), "let the interior vote"),
        ("alone_in_the_dictionary", _alone_by_height, "check only the height"),
        ("ls_box_sums", _bare_boxes, "all rounded to 0"),
        ("perfect_r2", _covariance_over_torch_variances, "correction=0"),
        ("best_factor", lambda c, p: (c * p).sum((1, 2, 3)) / (c**2).sum((1, 2, 3)), "by the squares of the true"),
        ("best_factor", lambda c, p: (c * p).sum((1, 2, 3)) / (p**2).sum((1, 2, 3)), "which is not a number"),
        ("best_factor", lambda c, p: (c / p).mean((1, 2, 3)), "You divide pixel by pixel"),
        ("best_factor", lambda c, p: torch.cosine_similarity(c.flatten(1), p.flatten(1)), "That is a cosine"),
        ("best_factor", lambda c, p: c.flatten(1).norm(dim=1) / p.flatten(1).norm(dim=1), "You compare the sizes"),
        ("best_factor", lambda c, p: 1 - ((c - p) ** 2).sum((1, 2, 3)) / (c**2).sum((1, 2, 3)), "with factor 1"),
        ("kept", lambda f, n: _between(f, n, n.mean(1), n.amax(1)).clamp(min=0), "can be worse than a blind one"),
        ("kept", lambda f, n: (f.argmax(1) == n.argmax(1)).float(), "You count hits"),
        ("kept", lambda f, n: _between(f, n, n.median(1).values, n.amax(1)), "measure from the median"),
        ("kept", lambda f, n: _between(f, n, n.mean(), n.max()), "one mean and one best for all rows"),
        ("ddim_step", lambda x, x0, a, s, a1, s1: a1 * x0 + s1 * torch.randn(x.shape), "different at each call"),
        ("ddim_step", lambda x, x0, a, s, a1, s1: a1 * x0 + s1 * (x - a * x0) / s1, "keeps its old amount"),
        ("ddim_step", lambda x, x0, *angles: _stepped(x, x0.clamp(-1, 1), *angles), "You clamp the guess"),
        ("ddim_step", lambda x, x0, a, s, a1, s1: a1 * x0.clamp(-1, 1) + s1 / s * (x - a * x0), "where you mix it in"),
        ("ddim_step", lambda *a: _stepped(*a).clamp(-1, 1), "You clamp what you return"),
        ("sampler_loop", _asked_once, "ask it anew"),
        ("sampler_loop", _walked_by_ratios, "division by zero (which number is 0 there? sigma is, at t = 0"),
        ("nine_tenths_square", _grown_from_one, "begins at r = 1"),
        ("nine_tenths_square", lambda J: next(P for P in itertools.count(1, 2) if J[
            (b := max(0, len(J) // 2 - P)) :, b:][: 2 * P + 1, : 2 * P + 1].sum() >= 0.9 * J.sum()), "is too large"),
        ("nearest_shifted", lambda *a: _nearest_slid(*a, sides=(16, 16)), "width from images.shape"),
        ("nearest_shifted", lambda *a: _nearest_slid(*a, sides=(16, 16), of_images=False), "width from samples.shape"),
        ("posterior_weights", lambda x, v, a, s: (a * torch.einsum("bchw,nchw->bn", x, v) / s**2).softmax(1),
         "You leave out the term alpha**2 * |v|**2"),
        ("posterior_weights", lambda x, v, a, s: (-(x.flatten(1).square().sum(1, keepdim=True) - 2 * a * x.flatten(
            1) @ v.flatten(1).T) / (2 * s**2)).softmax(1), "You leave out the term alpha**2 * |v|**2"),
        *(case for by, moved in ((-1, "(columns move to the left)"), (1, "(columns move to the right)")) for case in (
            ("naive_es", lambda x, v, a, s, by=by: _shifts_weighed(x, v, a, s, sizes=(v.shape[2],) * 2, by=by),
             f"You let dy and dx both run to H {moved}"),
            ("orbit_average", lambda *a, by=by: _averaged_over_shifts(*a, by=by, square=True),
             f"You let dy and dx both run to H {moved}"),
            ("orbit_average", lambda f, x, t, by=by: _averaged_over_shifts(f, x, t, by=by, square=True) * x.shape[3]
             / x.shape[2], f"and divide by H H {moved}"))),
        ("naive_es", _one_axis_weighed, "You take one axis at a time"),
        *(("naive_es", lambda *a, by=by: _shifts_weighed(*a, dims=(1, 2), by=by),
           f"You move rows {way} by dx, and no columns") for by, way in ((-1, "up"), (1, "down"))),
        ("naive_es", _picture_by_picture, "You move rows down by dx, and no columns"),
        *(("orbit_average", lambda *a, by=by: _averaged_over_shifts(*a, dims=(1, 2), by=by),
           f"You move rows {way} by dx, and no columns") for by, way in ((-1, "up"), (1, "down"))),
        *(("commuting_shifts", lambda *a, by=by: _commutes(*a, torch.max, by=by, dims=(1, 2)),
           "You move rows by dx, and no columns") for by in (-1, 1)),
        ("shift_error", lambda *a: _shift_compared(*a, dims=(1, 2)), "You move rows by shift[1], and no"),
        ("ddim_step", lambda x, x0, a, s, a1, s1: a * ((x - a * x0) / s) - s * x0, "You return the velocity u"),
        ("toy_count", _asked_of_all_images, "You find none, not even the two training images"),
        ("novelty_score", lambda x, v, held: torch.cdist(x.flatten(1), v.flatten(1)).amin(1) / torch.cdist(
            x.flatten(1), held.flatten(1)).amin(1).median(), "how far x is from the held-out pictures"),
        ("ls_window", _window_in_a_loop, "You have swapped row and column"),
        *(("alone_in_the_dictionary", lambda *a, lines=lines: _corner_squares(*a, lines=lines), "Two things. If")
          for lines in (False, True)),
        ("three_correlations", _correlations_by_std, "In r and in R2, std and var divide by n - 1"),
        ("rescaled", _line_through_0_moved, "a line through 0: subtract both means"),
        ("noisy_step", lambda x, e, f, a, s, n: a * x + (s**2 - n) ** 0.5 * e + n * f, "you subtract new itself"),
        ("noisy_step", lambda x, e, f, a, s, n: a * x + (s - n) ** 0.5 * e + n**0.5 * f, "sigma and new for variances"),
        ("mean_of_k", lambda r, k: (k * r) ** 2 / ((k + k * (k - 1) * r) / k**2), "You are k^2 times too large"),
        ("perfect_r2", lambda a, b: ((a - a.mean((1, 2, 3), keepdim=True)) * b).mean((1, 2, 3)), "is the covariance"),
        ("naive_es", lambda *a: _shifts_weighed(*a, sizes=(16, 16)), "Your loops run to 16"),
        ("naive_es", lambda *a: _shifts_weighed(*a, dims=(0, 1)), "along dims (0, 1)"),
        ("orbit_average", lambda *a: _averaged_over_shifts(*a, dims=(0, 1)), "along dims (0, 1)"),
        ("commuting_shifts", lambda *a: _commutes(*a, torch.max, dims=(0, 1)), "along dims (0, 1)"),
        ("one_formula", lambda *a: _formula_in_one_array(*a, dims=(0, 1)), "along dims (0, 1)"),
        ("nearest_shifted", lambda *a: _nearest_slid(*a, dims=(0, 1)), "the images along dims (0, 1)"),
        ("nearest_shifted", lambda s, i: torch.stack([torch.cdist(*(x.roll((3, d), (2, 3)).flatten(1) for x in (s, i)))
            for d in range(16)]).amin((0, 2)), "samples and images alike"),
        ("nearest_shifted", lambda *a: _nearest_slid(*a, dims=(0, 1), of_images=False), "You shift along dims (0, 1)"),
        ("els_pixel", lambda q, p, a, s: (-(q - a * p).square().sum((1, 2, 3)) / (2 * s**2)).softmax(0) @ p[:, :, 2, 2],
         "take it from the query, P = query.shape[-1]"),
        ("window_overhang", lambda window: _zeros_around(window, 2), "take it from the window, len(window) // 2"),
        ("may_vote", lambda *a: _rim_alone(*a[:4], 5, too_many=0), "take r from patch_size, patch_size // 2"),
        ("alone_in_the_dictionary", lambda height, width, P: torch.tensor([[int(_rim_alone(
            y, x, height, width, 5, too_many=0).sum()) == 1 for x in range(width)] for y in range(height)]),
         "take r from patch_size, patch_size // 2"),
        ("nearer_to_own", _nearer_numbers, "compare how near they are, amin"),
        ("toy_consistent", lambda u, colours: torch.stack([u.roll((i, j), (0, 1)) for i in (-1, 0, 1)
                                                           for j in (-1, 0, 1)]).median(0).values == u, "its median"),
        *(("commuting_shifts", lambda f, x, by=by, size=size: _commutes(f, x, torch.max, by, size=size), says)
          for by in (1, -1) for size, says in ((torch.positive, "differences, shifted first minus shifted last"),
                                               (torch.negative, "differences, shifted last minus shifted first"))),
        ("ls_weights", lambda *a: (-_distances_of_a_window(*a) / (len(a[0]) * a[6] ** 2) / (2 * a[3] ** 2)).softmax(0),
         "the mean of the squares over the window"),
        ("one_formula", lambda *a: _formula_in_one_array(*a, sign=1), "The sign is wrong"),
        ("perfect_r2", _centred_channels, "one mean per channel"),
        ("naive_es", lambda *a: _shifts_weighed(*a, weigh=lambda e, _: e.softmax(0)), "over the wrong axis"),
        ("orbit_average", lambda *a: _averaged_over_shifts(*a, rows=1), "not in the outer one"),
        ("orbit_average", lambda denoiser, x, t: denoiser(x, t) / x[0, 0].numel(), "not in the inner one"),
        ("coin_denoiser", lambda x, a, s: ((e := (2 * a * x / s**2).exp()) - 1).div(e + 1).nan_to_num(),
         "nan_to_num only hides inf/inf, and makes it 0: at low noise exp(2 alpha"),
        ("sampler_loop", lambda denoiser, x, n: _walked(denoiser, x, n, back=True), "from t to t_next"),
        ("coin_denoiser", _heaps_of_a_coin, "kept the width 0.1"),
        ("coin_denoiser", _coin_of_densities, "both exponentials are rounded to 0"),
        ("coin_denoiser", lambda x, a, s: (x / a).clamp(-1, 1), "cut off at -1 and +1"),
        ("coin_denoiser", lambda x, a, s: 2 * torch.sigmoid(2 * a * x / s**2 + math.log(7 / 3)) - 1, "kept the shares"),
        ("noising", lambda x, eps, t: _noised_at(x, eps, math.pi / 2 * (t + 0.008) / 1.008), "shift t by 0.008"),
        ("ddim_step", lambda x, x0, a, s, a1, s1: (1 - s1 / s) * x0 + s1 / s * x, "does not dim"),
        ("sampler_loop", lambda denoiser, x, n: els.sample(denoiser, x, n).clamp(-1, 1), "clamp the result"),
        ("coin_denoiser", lambda x, a, s: a * x, "best straight line"),
        ("coin_denoiser", lambda x, a, s: (1 - (-2 * a * x / s**2).exp()) / (1 + (-2 * a * x / s**2).exp()),
         "where x_t is negative"),
        ("gap_ratio", lambda x, v: _nearest_two(x, v, largest=True), "largest=False"),
        ("gap_ratio", lambda x, v: torch.cdist(x.flatten(1), v.flatten(1)).min(1).values
         / torch.cdist(x.flatten(1), v.flatten(1)).median(1).values, "median over the pictures"),
        ("proven_reach", lambda *a: _by_numpy(*a, errors=0), "the means alone"),
        ("proven_reach", lambda own, ladder, windows: max([P for P, gain in zip(windows, ladder - own, strict=True)
            if gain.mean() > 2 * (ladder - own).std() / len(own) ** 0.5], default=0), "for all rungs"),
        ("proven_reach", lambda own, ladder, windows: max([P for P, row in zip(windows, ladder, strict=True) if (
            row.mean() - own.mean()) > 2 * (row.var() / 100 + own.var() / 100) ** 0.5], default=0), "different noises"),
        ("proven_reach", lambda own, ladder, windows: _by_numpy(ladder, own.expand_as(ladder), windows), "wrong sign"),
        ("early_stop", lambda steps, losses, patience: steps[losses.index(min(losses))], "the lowest of all"),
        ("early_stop", lambda steps, losses, patience: _stopped(steps, losses, patience + 1), "one look too late"),
        ("posterior_weights", lambda x, v, *a: _small_below(_exponents(x, v, *a)), "hides 0/0"),
        ("posterior_weights", lambda x, v, *a: _small_below(_exponents(x.double(), v.double(), *a), 1e-8), "hides 0/0"),
        ("noisy_step", lambda x, e, f, a, s, n: a * x + (s**2 - n**2) ** 0.5 * e + n**2 * f, "scaled by new^2"),
        ("noisy_step", lambda x, e, f, a, s, n: a * x + (s**2 - n) ** 0.5 * e + n**0.5 * f, "new for a variance"),
        ("noisy_step", lambda x, e, f, a, s, n: a * x + s * ((1 - n) ** 0.5 * e + n**0.5 * f), "share of the variance"),
        ("toy_consistent", lambda u, colours: _squares_of_windows(u, colours).argmin(0) == u, "an index with u"),
        ("toy_consistent", lambda u, colours: torch.tensor(colours)[_squares_of_windows(u, colours).argmax(0)] == u,
         "farthest"),
        ("els_pixel", lambda q, p, a, s: (-(q[:, len(q[0]) // 2, len(q[0]) // 2] - a * p[:, :, len(q[0]) // 2, len(
            q[0]) // 2]).pow(2).sum(1) / 2 / s**2).softmax(0) @ p[..., len(q[0]) // 2, len(q[0]) // 2],
         "only the centres"),
        ("els_pixel", lambda q, p, a, s: (-(q * a - p).square().sum((1, 2, 3)) / (2 * s**2)).softmax(0) @ p[
            :, :, len(q[0]) // 2, len(q[0]) // 2], "You dim the query"),
        ("one_formula", lambda *a: _formula_in_one_array(*a, over=torch.mean), "mean over the channels"),
        ("one_formula", lambda *a: _formula_in_one_array(*a, weigh=lambda g: g.softmax(0)),
         "only over the displacements"),
        ("one_formula", lambda *a: _formula_in_one_array(*a, weigh=lambda g: g.softmax(0) / g.shape[1]),
         "you average over the images"),
        ("one_formula", lambda *a: _formula_in_one_array(*a, weigh=lambda g: (s := g.sum((2, 3), keepdim=True)).flatten(
            0, 1).softmax(0).view_as(s).expand_as(g)), "one weight for all pixels"),
        ("nearest_shifted", lambda s, i: torch.stack([torch.cdist(s.flatten(1), i.roll(d, -1).flatten(1)).amin(1)
                                                      for d in range(s.shape[-1])]).amin(0), "only sideways"),
        ("guided", lambda told, untold, w: w * told - (1 - w) * untold, "You subtract 1 - strength times untold"),
        ("guided", lambda told, untold, w: told + (w - 1) * (untold - told), "Beyond told you turn back"),
        ("attend", lambda h, q, k, v: ((h @ q) @ (h @ k).T / k.shape[0] ** 0.5).softmax(1) @ (h @ v), "rows of W_q"),
        ("attend", lambda h, q, k, v: ((h @ q) @ (h @ k).T / v.shape[1] ** 0.5).softmax(1) @ (h @ v), "those of W_q"),
        ("attend", lambda h, q, k, v: ((h @ q) @ (h @ k).T).softmax(1) / q.shape[1] ** 0.5 @ (h @ v), "the weights by"),
        ("attend", lambda h, q, k, v: torch.softmax(((h @ q) @ (h @ k).T / q.shape[1] ** 0.5).flatten(), 0).view(
            len(h), -1) @ (h @ v), "over all pairs"),
        ("posterior_mean", lambda w, v: (w[..., None, None, None] * v).sum(1) / len(v), "You divide by N"),
        ("effective_voters", lambda w: -torch.xlogy(w, w).sum(1), "That is the entropy"),
        ("receptive_field", lambda kernels, strides: sum(kernels) - len(kernels) + 1, "You ignore the strides"),
        ("bend", lambda a, shown, clean, bins: clean.sort()[0].reshape(bins, -1).mean(1)[torch.bucketize(
            a, shown.sort()[0].reshape(bins, -1)[:-1, -1].contiguous())], "each by themselves"),
        ("toy_count", lambda h, w: 1 << h * w, "You count all images"),
        ("new_consistent_image", lambda h, w: torch.full((h, w), 1.0), "all white"),
        ("score_mismatch", lambda a, b, *_: (torch.cosine_similarity(a.flatten(1), b.flatten(1)), (
            a - b).flatten(1).norm(dim=1) / b.flatten(1).norm(dim=1)), "You compare the denoised images"),
        ("calibrate_one_step", lambda cosine, sizes: sorted(sizes[k] for k in cosine.max(0).indices.tolist())[
            cosine.shape[1] // 2], "the upper of the two middle values"),
        ("rescaled", lambda p, y: p * ((p * y).mean((1, 2, 3)) / (p * p).mean((1, 2, 3)))[:, None, None, None],
         "without an intercept"),
        ("error_amplification", lambda error, a, b: error * math.cos(b), "into alpha' D alone"),
        ("mean_of_k", lambda r, k: r**2, "That is r2 for k = 1"),
        ("exchange", lambda noise, other, y, x, side: _block_from(noise, other, x, y, side), "swapped y and x"),
        ("exchange", lambda noise, other, y, x, side: _block_put_at(noise, other, y, x, x, y, side), "left of the ="),
        ("exchange", lambda noise, other, y, x, side: _block_put_at(noise, other, x, y, y, x, side), "right of the ="),
        ("exchange", lambda noise, other, y, x, side: torch.cat([_block_from(noise[:1], other[:1], y, x, side),
                                                                 noise[1:]]), "the first image only"),
        ("apart", lambda machines, x, t: torch.cat([machines[0](x[:, c : c + 1], t) for c in range(3)], 1),
         "one machine for all colours"),
        ("tint", lambda v: v - v.mean((2, 3), keepdim=True), "the mean over the pixels"),
        ("tint", lambda v: v - (v[:, 0] + v[:, 1] + v[:, 2]) / 3, "Your grey, (B, H, W), has lost the dimension"),
        ("elsewhere", lambda d, c: d[:, c].square().sum((1, 2)) / d.square().sum((1, 2, 3)), "subtract it from 1"),
        ("continued", lambda s, r, c, on: ((s.diff(dim=-1) == 0) & on[..., 1:] & on[..., :-1]).sum() / (
            on[..., 1:] & on[..., :-1]).sum(), "neighbours there, too"),
        ("continued", lambda s, r, c, on: ((s == s.roll(1, -1)) & (r == r.roll(1, -1)) & (c == c.roll(1, -1) + 1) & (
            on & on.roll(1, -1))).sum() / (on & on.roll(1, -1)).sum(), "the last column with the first"),
    ],
)  # fmt: skip
def test_a_typical_mistake_is_named(name: str, attempt: Any, says: str) -> None:
    assert says in check.exercises()[name].examine(attempt).says


@pytest.mark.parametrize(
    ("name", "attempt"),
    [
        ("posterior_weights", lambda *a: _bare(_exponents(*a).clamp(min=-80), 1)),
        ("ls_weights", lambda *a: _bare((-_distances_of_a_window(*a) / (2 * a[3] ** 2)).clamp(min=-80), 0)),
    ],
)
def test_weights_that_became_equal_name_no_mistake(name: str, attempt: Any) -> None:
    verdict = check.exercises()[name].examine(attempt)
    assert verdict.state == "incorrect" and verdict.says.startswith("In case "), verdict


def test_numbers_that_are_wrong_before_the_first_nan_are_told() -> None:
    posterior = check.exercises()["posterior_weights"]
    verdict = posterior.examine(lambda x, v, a, s: _bare(_exponents(x.double(), s * v.double(), 1, s), 1))
    assert "NaN" in verdict.says and verdict.says.endswith("Before that, other numbers are wrong already."), verdict


@pytest.mark.parametrize("weigh", HIDDEN.values(), ids=HIDDEN)
@pytest.mark.parametrize(
    ("name", "attempt"),
    [
        ("coin_denoiser", _coin_by_weights),
        ("posterior_weights", lambda weigh, *a: weigh(_exponents(*a).exp(), 1)),
        ("ls_weights", lambda weigh, *a: weigh((-_distances_of_a_window(*a) / (2 * a[3] ** 2)).exp(), 0)),
        ("ls_box_sums", _boxes_by_weights),
        ("naive_es", lambda weigh, *a: _shifts_weighed(*a, weigh=lambda e, axis: weigh(e.exp(), axis))),
        ("els_pixel", _pixel_by_weights),
        ("one_formula", _formula_by_weights),
    ],
)
def test_0_divided_by_0_is_named_however_it_is_hidden(name: str, attempt: Any, weigh: Any) -> None:
    verdict = check.exercises()[name].examine(lambda *case: attempt(weigh, *case))
    assert verdict.says.startswith("A small number added"), verdict


def hinted(name: str, pattern: str) -> str:
    """The code that the start or a hint of an exercise writes out."""
    exercise = check.exercises()[name]
    (code,) = re.findall(pattern, " ".join((exercise.start, *exercise.hints)))
    return code


def with_names(code: str, **names: Any) -> dict[str, Any]:
    exec(code, names)
    return names


def test_what_a_hint_writes_out_is_right_as_it_stands() -> None:
    """With the arguments of the function, and no names of the notebook (its P is 5, its r is 2)."""
    ends = hinted("paired_interval", r"(low, high = .*?) are the two ends\. Return low, high\.")
    edges = hinted("bend", r"shown\[order\]\..*?amax\(1\)")
    padded = hinted("ls_window", r"r = patch_size // 2")
    sizes = [code.strip() for code in hinted("ls_box_sums", r"With (.*?):").split(" and ")]
    sums = hinted("ls_box_sums", r"F\.avg_pool2d\(.*?\) \* P\*\*2")
    size, centre = hinted("els_pixel", r"With (P = .*?),"), hinted("els_pixel", r"dictionary\[.*?\]")
    radius = hinted("window_overhang", r"With (r = .*?):")

    def paired_interval(ours, theirs, index):
        found = with_names(ends, torch=torch, means=(ours - theirs)[index].mean(1))
        return found["low"], found["high"]

    def bend(answers, shown, clean, bins):
        order = shown.argsort()
        found = eval(edges, {"shown": shown, "order": order, "bins": bins})
        assert found.is_contiguous(), "or torch.searchsorted warns of it"
        return clean[order].view(bins, -1).mean(1)[torch.searchsorted(found, answers)]

    def ls_window(image, row, column, patch_size):
        r = with_names(padded, patch_size=patch_size)["r"]
        return torch.nn.functional.pad(image, (r, r, r, r))[:, row : row + patch_size, column : column + patch_size]

    def ls_box_sums(x_t, images, alpha, sigma, patch_size):
        squares = (x_t[:, None] - alpha * images).square().sum(2)
        names = {"F": torch.nn.functional, "squares": squares, "patch_size": patch_size}
        distance = eval(sums, with_names("\n".join(sizes), **names))
        return torch.einsum("bnhw,nchw->bchw", (-distance / (2 * sigma**2)).softmax(1), images)

    def els_pixel(query, dictionary, alpha, sigma):
        weights = (-(query - alpha * dictionary).square().sum((1, 2, 3)) / (2 * sigma**2)).softmax(0)
        return weights @ eval(centre, with_names(size, query=query, dictionary=dictionary))

    def window_overhang(window):
        return _zeros_around(window, with_names(radius, window=window)["r"])

    for attempt in (paired_interval, bend, ls_window, ls_box_sums, els_pixel, window_overhang):
        verdict = check.exercises()[attempt.__name__].examine(attempt)
        assert verdict.state == "correct", verdict


def test_the_start_of_tint_leaves_something_to_do() -> None:
    tint = check.exercises()["tint"]
    assert not [said for said in (tint.start, *tint.hints[:-1]) if "mean(1" in said]


def test_of_every_exercise_a_typical_mistake_is_tried() -> None:
    """As somebody else writes it: each registered one is compared with itself alone."""
    [cases] = [mark.args[1] for mark in test_a_typical_mistake_is_named.pytestmark if mark.name == "parametrize"]
    assert {name for name, _, _ in cases} == {*check.exercises()}


def test_a_lake_is_black_that_the_sea_does_not_reach() -> None:
    exercise = check.exercises()["new_consistent_image"]

    def island(height: int, width: int) -> torch.Tensor:
        u = -torch.ones(height, width)
        u[0:8, 1:7], u[1:7, 0:8] = 1, 1
        return u

    def with_lake(height: int, width: int) -> torch.Tensor:
        u = island(height, width)
        u[2:6, 3:5], u[3:5, 2:6] = -1, -1
        return u.roll((3, 5), (0, 1))  # over the edge of the torus, as well as anywhere

    assert exercise.examine(with_lake).state == "correct"
    assert "all black pixels form one piece, the sea" in exercise.examine(island).says


def _band_with_lake(height: int, width: int) -> torch.Tensor:
    u = -torch.ones(height, width)
    u[0:8], u[2:6, 3:5], u[3:5, 2:6] = 1, -1, -1
    return u


def _speck(height: int, width: int) -> torch.Tensor:
    u = -torch.ones(height, width)
    u[4, 4] = 1
    return u


@pytest.mark.parametrize(
    ("paint", "says"),
    [
        (lambda height, width: _band_with_lake(12, 12), "your image must have shape (10, 10), but it has (12, 12)."),
        (lambda height, width: torch.full((3, 4), torch.nan), "your image must have shape (10, 10)"),
        (lambda *size: _band_with_lake(*size) / 2, "Every pixel must be black (-1) or white (1)"),
        (_band_with_lake, "no whole column of your image is black"),
        (_speck, "1 of the pixels disagree with the majority of their window."),
    ],
)
def test_an_image_that_is_no_island_with_a_lake_is_refused(paint: Any, says: str) -> None:
    assert says in check.exercises()["new_consistent_image"].examine(paint).says
