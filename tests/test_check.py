"""The feedback on exercises: whatever a learner's function does, the check answers with a sentence."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import elscourse as els
from elscourse import check
from elscourse.check.attempt import unchanged
from elscourse.check.exercise import Exercise, Mistake, Verdict
from elscourse.check.record import FILE, Progress


def double_cases(generator: torch.Generator) -> list[tuple[Tensor, float]]:
    return [(torch.randn(2, 3, generator=generator), 2.0), (torch.randn(4, 3, generator=generator), 3.0)]


SCALE = Exercise(
    name="scale",
    lesson=0,
    title="Scale",
    minutes=3,
    difficulty=1,
    start="Multiply.",
    hints=("One.", "Two."),
    cases=double_cases,
    answer=lambda x, a: a * x.double(),
    mistakes=(
        Mistake("You add a.", lambda x, a: x + a),
        Mistake("You divide by zero.", lambda x, a: x / 0 * 0),
        Mistake("You sum over the wrong axis.", lambda x, a: (x * a).sum(0)),
    ),
)


def stub(x, a):
    """Only a docstring."""
    ...


def explain(attempt: object, exercise: Exercise = SCALE) -> str:
    verdict = exercise.examine(attempt)
    assert verdict.state == "incorrect"
    return verdict.says


def test_three_states() -> None:
    assert SCALE.examine(stub).state == "not attempted"
    assert "Multiply." in SCALE.examine(stub).says
    assert SCALE.examine(lambda x, a: x * a).state == "correct"
    assert SCALE.examine(lambda x, a: x * a * 1.01).state == "incorrect"


@pytest.mark.parametrize(
    ("attempt", "kind"),
    [
        (lambda x, a: list(x * a), "a list of 2"),
        (lambda x, a: (x * a).tolist(), "a list of 2"),
        (lambda x, a: (x * a).numpy(), "a numpy array of shape (2, 3)"),
    ],
)
def test_right_numbers_that_are_no_tensor_are_correct_and_told_so(attempt: object, kind: str) -> None:
    verdict = SCALE.examine(attempt)
    assert verdict.state == "correct" and f"You return {kind}: a later cell that uses it may need" in verdict.says
    assert "may need" not in SCALE.examine(lambda x, a: x * a).says


def not_implemented(x, a):
    raise NotImplementedError("my own message")


def only_pass(x, a):
    pass


@pytest.mark.parametrize("attempt", [not_implemented, only_pass, lambda x, a: ..., None, ...])
def test_nothing_written_is_not_attempted(attempt: object) -> None:
    assert SCALE.examine(attempt).state == "not attempted"


def raises(x, a):
    return x @ x


def mutates(x, a):
    x *= a
    return x


def mutates_a_view(x, a):
    flat = x.flatten(1)
    flat *= a
    return flat


def divides_by_zero(x, a):
    return x / (1 / (a - a))


def divides_by_zero_sigma(x, sigma):
    return x / (1 / (sigma - sigma))


def needs_math(x, a):
    return x * math.sqrt(a)  # noqa: F821


def needs_a_cell(x, a):
    return x * lab.factor  # noqa: F821


def not_a_power(x, a):
    return x * x ^ 2


def forgets_to_return(x, a):
    y = x * a  # noqa: F841


@pytest.mark.parametrize(
    ("attempt", "sentence"),
    [
        (lambda x, a: x + a, "You add a."),
        (lambda x, a: torch.full_like(x, torch.nan), "You divide by zero."),
        (lambda x, a: (x * a).log(), "returns NaN"),
        (lambda x, a: (x * a).sum(dim=0), "You sum over the wrong axis."),
        (raises, "raises RuntimeError, in your line `return x @ x`"),
        (mutates, "changes x (argument 1) in place"),
        (mutates_a_view, "not `a += b` (`flatten`, `view` and slices share its memory)"),
        (forgets_to_return, "returns None"),
        (lambda x, a: x * a if a < 2.5 else None, "or no `if` holds? First in case 2 of 2"),
        (lambda x, a: (x * a).min(0), "returns values and their indices together: take `.values` (or `.indices`)"),
        (lambda x, a: x.min(1) * a, "values and indices: take `.values`)"),
        (lambda x, a: x * forgets_to_return(x, a), "(does a function that you call return None, perhaps one from"),
        (lambda x, a: forgets_to_return(x, a).sum(), "(does a function that you call return None, perhaps one from"),
        (lambda x, a: (x * a).topk(1), "returns values and their indices together: take `.values` (or `.indices`)"),
        (divides_by_zero, "division by zero (which number is 0 there?)."),  # "float division" before Python 3.14
        (divides_by_zero_sigma, "(which number is 0 there? sigma is, at t = 0.)."),
        (needs_math, "name 'math' is not defined (write `import math` above it first)."),
        (needs_a_cell, "name 'lab' is not defined (in a fresh notebook, run the cells above first)."),
        (not_a_power, "(a power is written ** in Python; ^ is something else)."),
        (lambda x, a: (x * a).numpy()[0], "must return shape (2, 3), but it returns (3,)."),
        (lambda x, a: np.full((2, 3), "one"), "shape (2, 3), but it returns a numpy array of <U3."),
        (lambda x, a: (x * a).sqrt(), "or the root of a number below 0?"),
        (lambda x, a: x * a > 0, "real numbers, but it returns torch.bool"),
        (lambda x, a: (x * a).half(), "float16"),
        (lambda x, a: (x * a).sum(), "shape (2, 3), but it returns ()"),
        (lambda x, a: (x * a).to("meta"), "tensor on meta"),
        (lambda x, a: "text", "a torch tensor of shape (2, 3), but it returns a str"),
        (lambda x: x, "Your function takes (x), but 2 arguments are given to it: keep the `def` line"),
        (lambda x, a: x + "1", "raises TypeError"),
        (torch.ones(2), "Pass your function itself"),
        (dict, "dict is a class: pass a function"),
        (lambda x, a: (x + a).tolist(), "You add a."),
        (lambda x, a: [1.0], "it returns a list of 1."),
        (lambda x, a: (x * a).to_sparse(), "sparse tensor: end with `.to_dense()`"),
        (lambda x, a: torch.where(x == x.max(), torch.inf, x * a), "you return inf at"),
        (lambda x, a: x * a + (a > 2.5), "In case 2 of 2 (x of shape (4, 3), a = 3), you return"),
        (lambda *both: both[0] * both[1] * 1.01, "In case 1 of 2, you return"),
    ],
)
def test_a_sentence_for_every_slip(attempt: object, sentence: str) -> None:
    assert sentence in explain(attempt)


@pytest.mark.parametrize(
    "attempt",
    [
        lambda x, a: (x * a).double().numpy()[::-1][::-1],
        lambda x, a: np.asarray(x) * a,
        lambda x, a: tuple(list(row) for row in (x * a).tolist()),
    ],
)
def test_arrays_and_lists_of_the_right_numbers_are_right(attempt: object) -> None:
    assert SCALE.examine(attempt).state == "correct"


def test_a_function_that_exits_or_recurses_does_not_end_the_notebook() -> None:
    def forever(x, a):
        return forever(x, a)

    assert "RecursionError" in explain(forever)

    def leaves(x, a):
        raise SystemExit

    assert "SystemExit" in explain(leaves)


def test_whatever_is_raised_is_told() -> None:
    class OwnError(BaseException):
        def __str__(self) -> str:
            raise ValueError("says nothing")

    def raising(error: BaseException):
        def attempt(x, a):
            raise error

        return attempt

    assert "raises OwnError, in your line `raise error`." in explain(raising(OwnError()))
    assert "was stopped, in your line `raise error`: is there a loop" in explain(raising(KeyboardInterrupt()))

    def half_written(x, a):
        y = x * a  # noqa: F841
        raise NotImplementedError("todo")

    assert "take `raise NotImplementedError` out" in explain(half_written)

    def caught(x, a):
        try:
            return x * a
        except NotImplementedError:
            return x

    assert SCALE.examine(caught).state == "correct", "a name in the code makes no stub"


class Scaler(torch.nn.Module):
    def forward(self, x, a):
        return x * a


class Unwritten(torch.nn.Module):
    def forward(self, x, a): ...


class Callable:
    def __call__(self, x, a):
        x *= a
        return x


def test_decorated_functions_and_objects_that_can_be_called() -> None:
    for right in (Scaler(), functools.partial(lambda a, x: x * a, 2.0), torch.no_grad()(lambda x, a: x * a)):
        exercise = SCALE if not isinstance(right, functools.partial) else DOUBLE
        assert exercise.examine(right).state == "correct"
    for unwritten in (Unwritten(), functools.partial(stub), torch.no_grad()(stub)):
        assert SCALE.examine(unwritten).state == "not attempted"
    assert "in your line `return x @ x`" in explain(torch.no_grad()(raises))
    assert "changes x (argument 1)" in explain(Callable())

    class Evil:
        def __getattr__(self, name: str) -> object:
            raise RuntimeError("no such thing")

        def __call__(self, x: object, a: object) -> int:
            return 1

    assert "it returns an int" in explain(Evil())


DOUBLE = Exercise(
    "double", 0, "Double", 1, 1, "Double.", ("One.",), lambda g: [(torch.randn(3, generator=g),)], lambda x: 2 * x,
    (Mistake("You forget the 2.", lambda x: x),),
)  # fmt: skip
ARGUMENT = [1, torch.ones(2), (torch.ones(2), np.zeros(2))]
NESTED = Exercise(
    "nested", 0, "Nested", 1, 1, "Count.", ("One.",), lambda g: [(ARGUMENT,)], len,
    (Mistake("Off by one.", lambda a: len(a) + 1),),
)  # fmt: skip


def changing(change):
    def attempt(a):
        change(a)
        return 3

    return attempt


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.append(1),
        lambda a: a.reverse(),
        lambda a: a.__setitem__(0, torch.ones(2)),
        lambda a: a.__setitem__(1, torch.ones(2, device="meta")),
        lambda a: a[1].add_(1),
        lambda a: a[1].unsqueeze_(0),
        lambda a: setattr(a[1], "data", a[1].data.double()),
        lambda a: a[2][0].mul_(torch.nan),
        lambda a: a[2][1].fill(1),
    ],
)
def test_changed_lists_tuples_and_arrays_are_seen(change) -> None:
    assert "changes a (argument 1) in place: work on a copy (`.clone()`), and" in explain(changing(change), NESTED)
    assert NESTED.examine(lambda a: 3).state == "correct", "the next check starts from the same arguments"


def test_a_list_of_numbers_is_copied_by_list() -> None:
    exercise = dataclasses.replace(NESTED, cases=lambda g: [([3, 5],)])
    for change in (list.pop, lambda a: a.sort(reverse=True)):
        assert explain(changing(change), exercise).endswith("in place: work on a copy, `list(...)`.")


@pytest.mark.parametrize(
    "change",
    [
        lambda: torch.set_default_dtype(torch.float64),
        lambda: torch.set_default_device("meta"),
        lambda: torch.set_grad_enabled(False),
    ],
)
def test_settings_of_torch_are_kept(change) -> None:
    before = settings()

    def attempt(x, a):
        change()
        return x * a

    try:
        assert "changes a setting of torch" in explain(attempt)
        assert settings() == before
        change()
        mine = settings()
        assert SCALE.examine(lambda x, a: x * a).state == "correct", "settings of the notebook do not matter"
        assert settings() == mine
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
        torch.set_grad_enabled(True)


def test_a_default_device_does_not_matter() -> None:
    """Every exercise's own solution: cases are made as if the learner had set nothing."""
    torch.set_default_device("meta")
    try:
        for exercise in check.exercises().values():
            verdict = exercise.examine(exercise.answer)
            assert verdict.state == "correct" or exercise.judge is not None, verdict
    finally:
        torch.set_default_device(None)


def settings() -> tuple[object, ...]:
    return torch.get_default_dtype(), torch.empty(0).device, torch.is_grad_enabled()


def test_random_numbers_go_on_after_a_check() -> None:
    torch.manual_seed(1)
    expected = torch.randn(2)
    torch.manual_seed(1)

    def seeds(x, a):
        torch.manual_seed(0)
        return x * a

    assert SCALE.examine(seeds).state == "correct"
    assert torch.equal(torch.randn(2), expected)


def test_large_counts_are_right_to_the_last_one() -> None:
    count = dataclasses.replace(NUMBER, answer=lambda n: n * 10**9, mistakes=())
    assert count.examine(lambda n: n * 1e9).state == "correct"
    assert "you return 3000000001, expected 3000000000" in explain(lambda n: n * 10**9 + 1, count)


def test_infinite_answers_are_no_difference() -> None:
    infinite = dataclasses.replace(DOUBLE, answer=lambda x: torch.cat([2 * x, torch.tensor([-torch.inf])]))
    wrong = explain(lambda x: torch.cat([2 * x[:2], x[2:], torch.tensor([-torch.inf])]), infinite)
    assert "you return " in wrong and " at [2], expected " in wrong


def test_nan_in_the_answer_is_an_answer() -> None:
    def doubled(x: Tensor, times: float = 2) -> Tensor:
        return torch.cat([times * x, torch.tensor([torch.nan])])

    holed = dataclasses.replace(DOUBLE, answer=doubled, mistakes=())
    assert holed.examine(doubled).state == "correct"
    wrong = explain(lambda x: doubled(x, 3), holed)
    assert "you return " in wrong and "you return nan" not in wrong


def test_one_buffer_for_all_outputs_is_no_mistake() -> None:
    buffer = torch.empty(1)

    def attempt(n):
        return buffer.fill_(n + 1)[0]

    assert NUMBER.examine(attempt).state == "correct"


def test_what_nobody_foresaw_is_a_sentence_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> object:
        raise IndexError("a judge\nstumbles")

    exercise = dataclasses.replace(NUMBER, judge=broken)
    assert "cannot be checked (IndexError: a judge stumbles): restart the kernel" in explain(lambda n: n + 7, exercise)
    monkeypatch.setattr(torch, "isclose", None)  # written over in a notebook
    assert "restart the kernel" in explain(lambda n: n + 7, NUMBER)


def test_the_cases_are_not_made_anew_for_each_mistake() -> None:
    made: list[object] = []
    exercise = dataclasses.replace(
        NUMBER, cases=lambda generator: made.append(generator) or NUMBER.cases(generator), mistakes=NUMBER.mistakes * 9
    )
    assert exercise.examine(lambda n: n + 7).state == "incorrect"
    assert len(made) <= 3


NUMBER = Exercise(
    "number", 0, "Number", 1, 1, "Count.", ("One.",), lambda g: [(3,), (4,)], lambda n: n + 1,
    (Mistake("Off by one.", lambda n: n),),
)  # fmt: skip
PAIR = Exercise(
    "pair", 0, "Pair", 1, 1, "Both.", ("One.",), lambda g: [(3,), (4,)], lambda n: (n + 1, True),
    (Mistake("Off by one.", lambda n: (n, True)),),
)  # fmt: skip


def test_numbers_and_tuples() -> None:
    for right in (lambda n: n + 1, lambda n: torch.tensor(n + 1), lambda n: np.float32(n + 1.0), np.int64(1).__add__):
        assert NUMBER.examine(right).state == "correct"
    assert explain(lambda n: n, NUMBER) == "Off by one."
    assert explain(lambda n: np.array([n]), NUMBER).endswith("a numpy array of shape (1,): convert it with float(...).")
    assert explain(lambda n: np.ones(2), NUMBER).endswith("it returns a numpy array of shape (2,).")
    assert explain(lambda n: [n + 1], NUMBER).endswith("it returns a list of 1: return what is in it.")
    assert explain(lambda n: [n, n], NUMBER).endswith("it returns a list of 2.")
    assert "take `.values`" in explain(lambda n: torch.tensor([n + 1.0]).max(0), NUMBER)
    for pair in (np.ones, torch.ones):
        assert explain(lambda n, pair=pair: pair(2), PAIR).endswith("of shape (2,): split it with tuple(...).")
    assert "one number, but it returns a tensor of shape (2,)" in explain(lambda n: torch.ones(2), NUMBER)
    assert PAIR.examine(lambda n: (n + 1, np.bool_(True))).state == "correct"
    assert explain(lambda n: (n, 1), PAIR) == "Off by one."
    for other in (lambda n: n, lambda n: (n + 1, True, 0)):
        assert "must return 2 values" in explain(other, PAIR)
    assert "Output 2 of 2: Your function must return one truth value" in explain(lambda n: (n + 1, "yes"), PAIR)
    assert "a complex tensor" in explain(lambda n: torch.tensor(n + 1 + 1j), NUMBER)
    assert "a tensor without values" in explain(lambda n: torch.ones((), device="meta"), NUMBER)
    assert "a numpy array of <U3" in explain(lambda n: np.array("one"), NUMBER)
    assert "you return inf" in explain(lambda n: 10**400, NUMBER)
    assert "you return -inf" in explain(lambda n: -(10**400), NUMBER)
    assert "In case 1 of 2 (n = 3), you return 0 as output 2, expected 1" in explain(lambda n: (n + 1, False), PAIR)
    tensors = dataclasses.replace(PAIR, answer=lambda n: (torch.ones(n), True), mistakes=())
    assert "you return 2 at [0] of output 1, expected 1" in explain(lambda n: (2 * torch.ones(n), True), tensors)
    verdict = tensors.examine(lambda n: (n * [1.0], True))
    assert verdict.state == "correct" and "You return a list of 3: a later cell" in verdict.says


def test_a_case_is_told_by_what_is_given() -> None:
    case = ([1, 2.5], (3, 4), True, 10**6, 0.25, list(range(9)), ["a"], torch.zeros(()), np.ones(2), len)
    exercise = dataclasses.replace(NUMBER, cases=lambda g: [case], answer=lambda *a: 1, mistakes=())
    told = "(a = [1, 2.5], b = (3, 4), c = True, d = 1000000, e = 0.25, h of shape ())"
    assert f"In case 1 of 1 {told}, you return 2" in explain(lambda a, b, c, d, e, f, g, h, i, j: 2, exercise)


def test_a_list_of_places_is_told_to_mark_them() -> None:
    marks = dataclasses.replace(DOUBLE, answer=lambda x: x > 0, mistakes=())
    assert explain(lambda x: [(0, 1)], marks).endswith("a list of 1: mark them in a tensor of truth values.")
    assert marks.examine(lambda x: (x > 0).tolist()).state == "correct"
    assert "truth values (torch.bool), but it returns torch.float32" in explain(lambda x: (x > 0).float(), marks)


def judge_even(output: int, n: int) -> str | None:
    return None if output % 2 == 0 and output > n else f"{output} is not an even number above {n}."


def test_answers_that_are_not_unique_are_judged() -> None:
    exercise = Exercise(
        "even", 0, "Even", 1, 1, "Any even one.", ("One.",), lambda g: [(3,), (8,)], lambda n: 2 * n + 2,
        (Mistake("Too small.", lambda n: 0),), judge=judge_even,
    )  # fmt: skip
    assert exercise.examine(lambda n: 4 * n).state == "correct"
    assert explain(lambda n: 0, exercise) == "Too small."
    assert explain(lambda n: 2 * n + 1, exercise) == "7 is not an even number above 3."
    assert explain(lambda n: 4, exercise) == "4 is not an even number above 8.", "right in the first case alone"


def test_verdict_shows_as_text() -> None:
    assert repr(Verdict(SCALE, "correct", "On 2 cases.")) == "✓ scale: correct. On 2 cases."


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(check, "exercises", lambda: {"scale": SCALE, "number": NUMBER})
    monkeypatch.setattr(check, "_hints_given", {})
    return tmp_path


def test_progress_is_kept_and_exported(own_folder: Path) -> None:
    assert check.scale(stub).state == "not attempted"
    assert not (own_folder / FILE).exists(), "opening a lesson leaves no trace"
    check.scale(lambda x, a: x + a)
    assert "✗ 00  scale" in repr(check.progress())
    check.scale(lambda x, a: x * a)
    check.scale(lambda x, a: x + a)  # trying things afterwards takes nothing away
    assert "✓ 00  scale" in repr(check.progress()) and "1 of 2 exercises correct" in repr(check.progress())
    check.export("ada.json")
    record = json.loads((own_folder / "ada.json").read_text())
    assert record["learner"] == "ada" and record["elscourse"] == els.__version__
    rows = record["exercises"]
    assert [row["points"] for row in rows] == [SCALE.difficulty, NUMBER.difficulty]
    assert rows[0]["state"] == "correct" and rows[0]["checks"] == 3 and rows[1]["state"] == "not attempted"


def test_damaged_records_are_never_overwritten(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for content in ("first", '{"version": 2, "exercises": {}}', "[" * 100_000):
        (own_folder / FILE).write_text(content)
        assert Progress.here().done == {}
    assert (own_folder / "elscourse-progress.damaged.json").read_text() == "first"
    assert "version" in (own_folder / "elscourse-progress.damaged2.json").read_text()
    (own_folder / FILE).mkdir()
    assert check.scale(lambda x, a: x * a).state == "correct"
    assert "kept as elscourse-progress.damaged4.json" in capsys.readouterr().out


def refuse(*args: object, **kwargs: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_a_record_that_cannot_be_moved_is_told(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (own_folder / FILE).write_text("damaged")
    monkeypatch.setattr("os.replace", refuse)
    assert check.scale(lambda x, a: x * a).state == "correct"
    assert "neither be read nor put aside (Permission denied): move it away" in capsys.readouterr().out


def test_odd_entries_cost_nothing(own_folder: Path) -> None:
    odd = {"scale": {"state": ["?"], "checks": "many", "stars": 3}, "number": {"state": "skipped"}, "gone": {}}
    (own_folder / FILE).write_text(json.dumps(odd))
    assert "? 00  scale" in repr(check.progress()) and "? 00  number" in repr(check.progress())
    check.scale(lambda x, a: x * a)
    kept = json.loads((own_folder / FILE).read_text())
    assert kept["scale"] == {"state": "correct", "checks": 1, "stars": 3} and kept["gone"] == {}
    assert "stars" not in Progress.here().rows([SCALE])[0], "an export holds what the course knows"


def test_a_folder_that_is_gone_costs_only_the_record(
    own_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    try:
        gone.rmdir()
    except OSError:
        pytest.skip("this system keeps the folder one works in")
    assert check.scale(lambda x, a: x * a).state == "correct"
    assert "could not be saved" in capsys.readouterr().out


@pytest.mark.parametrize(
    "path", ["", "mine", "04_local.ipynb", FILE, f"../{FILE}", FILE.title(), None, 3, "a\0b.json", f"{FILE}/mine.json"]
)
def test_odd_exports_are_refused(own_folder: Path, path: object) -> None:
    check.scale(lambda x, a: x * a)
    with pytest.raises(els.CourseError, match="name a"):
        check.export(path)  # type: ignore[arg-type]
    assert "✓ 00  scale" in repr(check.progress())


def test_an_export_finds_the_home_folder(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(own_folder / "home"))
    check.export("~/ada.json")
    assert (own_folder / "home" / "ada.json").exists() and not (own_folder / "~").exists()


def test_a_check_without_parentheses_tells_no_hint(own_folder: Path) -> None:
    said = repr(check.scale)
    assert "check.scale(scale)" in said and not any(hint in said for hint in SCALE.hints)


def test_an_export_is_the_old_file_or_the_new_one(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check.export("new/folder/ada.json")
    before = Path("new/folder/ada.json").read_text()
    check.scale(lambda x, a: x * a)
    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(els.CourseError, match="could not write"):
        check.export("new/folder/ada.json")
    assert [path.read_text() for path in Path("new/folder").iterdir()] == [before]


def test_a_folder_that_cannot_be_written_to_costs_only_the_record(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for write in ("write_text", "write_bytes"):
        monkeypatch.setattr(Path, write, refuse)
    assert check.scale(lambda x, a: x * a).state == "correct"
    assert "could not be saved" in capsys.readouterr().out
    with pytest.raises(els.CourseError, match=r"could not write mine.json \(Permission denied\)"):
        check.export("mine.json")


def test_hints_come_one_at_a_time(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check.hint("scale")
    assert capsys.readouterr().out == "Hint 1 of 2 for scale: One.\n"
    check.hint("scale")
    assert capsys.readouterr().out.endswith("Two.\nThat was the last hint; the next call shows the first one again.\n")
    check.hint("scale")
    assert "One." in capsys.readouterr().out, "then from the start again"


def test_unknown_exercises_are_named(own_folder: Path) -> None:
    with pytest.raises(els.CourseError, match="did you mean scale"):
        check.hint("scael")
    with pytest.raises(AttributeError, match="did you mean scale"):
        check.scael(stub)
    for odd in ("", None, 3, ["scale"], functools.partial(stub)):
        with pytest.raises(els.CourseError, match="unknown exercise"):
            check.hint(odd)
    with pytest.raises(els.CourseError, match="unknown exercise"):
        check.hint()


def test_hints_by_function_and_by_check(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def scale(x, a): ...

    check.hint(scale)
    check.hint(check.scale)
    assert capsys.readouterr().out.startswith("Hint 1 of 2 for scale: One.\nHint 2 of 2 for scale: Two.")


@pytest.mark.parametrize("given", [(), (stub, stub), (torch.ones(2),)])
def test_a_check_without_its_function_says_how(own_folder: Path, given: tuple[object, ...]) -> None:
    assert "Pass your function itself, without calling it: check.scale(scale)." in check.scale(*given).says


def test_numbers_that_differ_are_shown_to_differ() -> None:
    exercise = dataclasses.replace(SCALE, tolerance=1e-12)
    says = exercise.examine(lambda x, a: x * a * (1 + 1e-7)).says
    given, expected = re.findall(r"(?:you return|expected) (\S+?)(?: at|,| \()", says)
    assert given != expected


def counting(answer, cases) -> Exercise:
    return Exercise("count", 0, "Count", 1, 1, "Count.", ("One.",), lambda g: cases, answer, ())


def test_how_many_cases_are_right_is_told() -> None:
    exercise = counting(lambda n: n * n, [(0,), (1,), (3,)])
    assert "(2 of 3 cases are right)" in explain(lambda n: n, exercise)


def test_who_draws_at_random_is_told_so() -> None:
    assert "something different at each call" in explain(lambda x, a: torch.rand(x.shape), SCALE)


def test_a_half_precision_answer_is_named() -> None:
    for dtype in (torch.float16, torch.bfloat16):
        assert "keeps 2 or 3 digits" in explain(lambda x, a, dtype=dtype: (x * a).to(dtype), SCALE)


def test_a_large_float_is_compared_within_the_tolerance() -> None:
    exercise = counting(lambda x: x, [(3e20,)])
    assert exercise.examine(lambda x: x * (1 + 1e-6)).state == "correct", "no count, beyond 2^53"


def test_nan_that_stays_is_no_change() -> None:
    holes = torch.tensor([1.0, float("nan")])
    assert unchanged(holes, holes.clone()) and unchanged(holes.numpy(), holes.numpy().copy())
    assert not unchanged(holes, torch.tensor([1.0, 2.0]))


def test_an_export_says_how_many_exercises_it_holds(own_folder, capsys) -> None:
    check.export("ada.json")
    assert capsys.readouterr().out == "2 exercises written to ada.json.\n"


def test_the_tolerance_is_that_of_the_exercise() -> None:
    exercise = counting(lambda x: x / 3, [(1.0,)])
    for times, state in ((0.5, "correct"), (3, "incorrect")):
        assert exercise.examine(lambda x, times=times: x / 3 + times * exercise.tolerance).state == state


def test_as_many_numbers_in_another_shape_are_another_shape() -> None:
    assert "must return shape" in explain(lambda x, a: (x * a).flatten()[None], SCALE)


def test_a_right_answer_of_several_is_no_mistake_where_it_looks_like_one() -> None:
    exercise = Exercise(
        "above", 0, "Above", 1, 1, "Any above.", ("One.",), lambda g: [(3,), (4,), (8,)], lambda n: n + 0.5,
        (Mistake("Too small for large ones.", lambda n: n + 1.5 if n < 5 else 0.0),),
        judge=lambda output, n: None if output > n else "Not above.",
    )  # fmt: skip
    assert exercise.examine(lambda n: n + 1.5).state == "correct"


def test_the_line_that_is_told_is_where_it_went_wrong() -> None:
    def helper(x):
        return x @ x

    def attempt(x, a):
        return helper(x) * a

    assert "in your line `return x @ x`" in explain(attempt)


def test_the_line_that_is_told_is_the_learner_s_own() -> None:
    """Not the one in torch's code where the error is raised in the end."""

    def attempt(x, a):
        return torch.nn.functional.softmax(x, dim=7) * a

    assert "in your line `return torch.nn.functional.softmax(x, dim=7) * a`" in explain(attempt)


def test_a_long_error_is_cut() -> None:
    def attempt(x, a):
        raise ValueError(300 * "x")

    assert f": {197 * 'x'}." in explain(attempt) and 198 * "x" not in explain(attempt)


def test_a_decorator_with_other_parameters_does_not_matter() -> None:
    attempt = functools.wraps(lambda x: x)(lambda *both: both[0] * both[1] * 1.01)
    assert "In case 1 of 2, you return" in explain(attempt)


def test_large_whole_numbers_are_told_in_short() -> None:
    assert "you return 1e+20, expected" in explain(lambda n: 1e20, NUMBER)


def test_no_two_exercises_share_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from elscourse.check import lesson_01

    monkeypatch.setattr(lesson_01, "EXERCISES", 2 * list(lesson_01.EXERCISES))
    with pytest.raises(els.CourseError, match=r"two exercises are named '\w+': rename one"):
        check.exercises.__wrapped__()


def test_every_check_is_offered_by_the_tab_key() -> None:
    assert {"hint", "progress", *check.exercises()} <= {*dir(check)}


def test_an_export_takes_a_path(own_folder: Path) -> None:
    check.export(Path("ada.json"))  # type: ignore[arg-type]
    assert Path("ada.json").exists()
