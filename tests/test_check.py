"""The feedback on exercises: whatever a learner's function does, the check answers with a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import elscourse as els
from elscourse import check
from elscourse.check.exercise import Exercise, Mistake, Verdict
from elscourse.check.record import FILE, Progress


def double_cases(generator: torch.Generator) -> list[tuple[Tensor, float]]:
    return [(torch.randn(2, 3, generator=generator), 2.0), (torch.randn(4, 3, generator=generator), 3.0)]


SCALE = Exercise(
    name="scale",
    lesson=0,
    title="Scale",
    minutes=1,
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
        (forgets_to_return, "returns None"),
        (lambda x, a: (x * a).numpy(), "torch tensor of shape (2, 3), it returns a numpy array"),
        (lambda x, a: x * a > 0, "real numbers, it returns torch.bool"),
        (lambda x, a: (x * a).half(), "float16"),
        (lambda x, a: (x * a).sum(), "shape (2, 3), it returns ()"),
        (lambda x, a: (x * a).to("meta"), "tensor on meta"),
        (lambda x, a: "text", "a torch tensor of shape (2, 3), it returns a str"),
        (lambda x: x, "raises TypeError"),
        (torch.ones(2), "Pass your function itself"),
        (lambda x, a: x * a + (a > 2.5), "In case 2 of 2"),
    ],
)
def test_a_sentence_for_every_slip(attempt: object, sentence: str) -> None:
    assert sentence in explain(attempt)


def test_a_function_that_exits_or_recurses_does_not_end_the_notebook() -> None:
    def forever(x, a):
        return forever(x, a)

    assert "RecursionError" in explain(forever)

    def leaves(x, a):
        raise SystemExit

    assert "SystemExit" in explain(leaves)


NUMBER = Exercise(
    "number", 0, "Number", 1, 1, "Count.", ("One.",), lambda g: [(3,), (4,)], lambda n: n + 1,
    (Mistake("Off by one.", lambda n: n),),
)  # fmt: skip
PAIR = Exercise(
    "pair", 0, "Pair", 1, 1, "Both.", ("One.",), lambda g: [(3,), (4,)], lambda n: (n + 1, True),
    (Mistake("Off by one.", lambda n: (n, True)),),
)  # fmt: skip


def test_numbers_and_tuples() -> None:
    for right in (lambda n: n + 1, lambda n: torch.tensor(n + 1), lambda n: np.float32(n + 1.0)):
        assert NUMBER.examine(right).state == "correct"
    assert explain(lambda n: n, NUMBER) == "Off by one."
    assert "one number, it returns a tensor of shape (2,)" in explain(lambda n: torch.ones(2), NUMBER)
    assert PAIR.examine(lambda n: (n + 1, True)).state == "correct"
    assert explain(lambda n: (n, 1), PAIR) == "Off by one."
    assert "must return 2 values" in explain(lambda n: n, PAIR)
    assert "of output 2" in explain(lambda n: (n + 1, False), PAIR)


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


def test_verdict_shows_as_text() -> None:
    assert repr(Verdict(SCALE, "correct", "on 2 cases.")) == "✓ scale: correct. on 2 cases."


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
    check.export("mine.json")
    rows = json.loads((own_folder / "mine.json").read_text())["exercises"]
    assert rows[0]["state"] == "correct" and rows[0]["checks"] == 3 and rows[1]["state"] == "not attempted"


def test_a_damaged_record_is_put_aside(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own_folder / FILE).write_text("[1, 2")
    assert Progress.here().done == {}
    assert "kept as" in capsys.readouterr().out
    assert (own_folder / "elscourse-progress.damaged.json").read_text() == "[1, 2"


def test_a_folder_that_cannot_be_written_to_costs_only_the_record(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refuse)
    assert check.scale(lambda x, a: x * a).state == "correct"
    assert "could not be saved" in capsys.readouterr().out
    with pytest.raises(els.CourseError, match="cannot be written"):
        check.export("mine.json")


def test_hints_come_one_at_a_time(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check.hint("scale")
    assert capsys.readouterr().out == "Hint 1 of 2 for scale: One.\n"
    check.hint("scale")
    assert "Two." in capsys.readouterr().out
    check.hint("scale")
    assert "One." in capsys.readouterr().out, "then from the start again"


def test_unknown_exercises_are_named(own_folder: Path) -> None:
    with pytest.raises(els.CourseError, match="did you mean scale"):
        check.hint("scael")
    with pytest.raises(AttributeError, match="did you mean scale"):
        check.scael(stub)
