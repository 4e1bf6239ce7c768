"""The website, and JupyterLab, in a real browser: what a visitor sees, clicks, and reaches with the keyboard.

Needs chromium (CHROMIUM=path where it is not on PATH) and is skipped, with that reason, where there is none.
"""

from __future__ import annotations

import functools
import http.server
import io
import itertools
import json
import math
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import CHROMIUM, pictures
from PIL import Image

import elscourse as els
from elscourse import reference

ROOT = Path(__file__).parents[1]
pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no chromium: install it, or set CHROMIUM to its path")
LESSONS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
PAGES = ["book/index", "book/start", "book/play", "book/theory", "book/measured", "book/paper", "book/glossary",
         "book/further", "book/status", "book/teach/index", "book/teach/lessons/02", "notebooks/00_result",
         "notebooks/02_ideal", "notebooks/07_els"]  # fmt: skip

COVERED = "notebooks/12_failures"  # a lesson without explorers, looked at before anything is decided


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


ALL_SHOWN = "localStorage.setItem('els-answers', 'shown')"  # the switch of a lesson's answers, as it is remembered


class Visit:
    """A page in a window of its own; `leave` asserts that nothing failed and nothing was asked of the outside.

    Whoever comes has chosen to see all answers of the lessons, unless their memory is something else, a script.
    """

    def __init__(self, browser: Any, address: str, memory: str = ALL_SHOWN, **window: Any) -> None:
        self.base = re.split("/(?:book|notebooks|search)", address)[0]
        self.page = browser.new_page(**{"viewport": {"width": 1300, "height": 1000}, **window})
        self.errors: list[str] = []
        self.outside: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("requestfailed", lambda request: self.errors.append(f"failed: {request.url[:200]}"))
        self.page.on("response", lambda r: self.errors.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
        self.page.on("request", self._look)
        self.page.add_init_script(memory)
        self.page.goto(address)

    def _look(self, request: Any) -> None:
        if not request.url.startswith((self.base, "data:", "blob:")):
            self.outside.append(request.url)

    def settle(self) -> None:
        """Wait until all is loaded, explorers included."""
        self.page.wait_for_load_state("networkidle")
        if self.page.locator('script[type="application/vnd.jupyter.widget-state+json"]').count():
            self.page.wait_for_selector(".els input, .els [tabindex]", state="attached", timeout=60_000)

    def leave(self) -> None:
        self.settle()
        self.page.close()
        assert not self.errors and not self.outside, (self.errors, self.outside)


def drawn(page: Any, selector: str) -> str:
    """What the canvas inside an element shows, as a text that changes when a pixel does."""
    return str(page.eval_on_selector(f"{selector} canvas", "canvas => canvas.toDataURL()"))


PLACES = {
    "exactly": reference.local,
    "border": lambda *given: reference.equivariant_local(*given, "zeros"),
    "nothing": lambda *given: reference.equivariant_local(*given, "circular"),
}
EVERYWHERE = {"exactly": reference.ideal, "border": reference.ideal, "nothing": reference.equivariant}


@pytest.fixture
def machine(chromium: Any) -> Iterator[Any]:
    """A page that has the playground's machines and nothing else."""
    page = chromium.new_page()
    page.add_script_tag(path=ROOT / "book" / "machine.js")
    yield page
    page.close()


@pytest.mark.parametrize("place", PLACES)
def test_the_machines_in_the_browser_equal_the_formulas(place: str, machine: Any) -> None:
    side, schedule = 8, els.CosineSchedule()
    images = pictures(4, 1, side, side, dtype=torch.float64)
    call = """([x, t, images, side, size, place]) =>
        Array.from(denoise(x, t, images, side, size ?? Infinity, place).mean)"""
    for t in (1.0, 0.6, 0.2, 0.02):
        eps = els.seeded_noise([3], (1, side, side), dtype=torch.float64)
        x = schedule.alpha(t) * images[:1].roll((1, 2), (-2, -1)) + schedule.sigma(t) * eps
        for size in (1, 3, 5, 7, 11, None):
            given = (x, images, schedule.alpha(t), schedule.sigma(t))
            whole = size is None or (place == "nothing" and size > side)  # on a torus nothing is seen twice
            wanted = EVERYWHERE[place](*given) if whole else PLACES[place](*given, size)
            found = machine.evaluate(call, [x.flatten().tolist(), t, images.flatten(1).tolist(), side, size, place])
            torch.testing.assert_close(torch.tensor(found), wanted.flatten().float(), rtol=0, atol=1e-6)


def test_the_browser_names_the_heaviest_voter(machine: Any) -> None:
    side, t, schedule = 8, 0.4, els.CosineSchedule()
    images = pictures(4, 1, side, side)
    x = els.add_noise(images[:1], els.seeded_noise([5], (1, side, side)), t)
    for place, padding in (("border", "zeros"), ("nothing", "circular")):
        votes = els.EquivariantLocalScoreMachine(images, schedule, patch_size=3, padding=padding).posterior(x, t, top=1)
        given = [x.flatten().tolist(), t, images.flatten(1).tolist(), side, place]
        picture, voter, _ = machine.evaluate(VOTERS, given)
        row, column = votes.location.flatten(0, -2).unbind(-1)
        assert (picture, voter) == (votes.image.flatten().tolist(), (row * side + column).tolist())


VOTERS = """([x, t, images, side, place]) => { const { votes, voter } = denoise(x, t, images, side, 3, place);
    return [Array.from(voter.picture), Array.from(voter.place), votes.map((share) => Array.from(share))] }"""


def test_of_equal_voters_the_one_at_home_is_named_and_all_share(machine: Any) -> None:
    """Mostly black pictures, so that most windows occur in many places; and the second picture is the first."""
    side, t, schedule = 8, 0.3, els.CosineSchedule()
    images = -torch.ones(3, 1, side, side, dtype=torch.float64)
    images[:2, :, 2:5, 3] = images[2, :, 5, 2:6] = 1
    x = els.add_noise(images[:1], els.seeded_noise([5], (1, side, side), dtype=torch.float64), t)
    for place, padding in (("border", "zeros"), ("nothing", "circular")):
        given = [x.flatten().tolist(), t, images.flatten(1).tolist(), side, place]
        picture, voter, votes = machine.evaluate(VOTERS, given)
        weights = reference.equivariant_local_weights(x, images, schedule.alpha(t), schedule.sigma(t), 3, padding)
        weights = weights.reshape(64, 3, 64)
        home = weights.diagonal(dim1=0, dim2=2).T  # (pixel, picture)
        alike = home > weights.amax((1, 2))[:, None] * (1 - 1e-9)
        tied = alike.any(1)
        assert tied.sum() > 40
        assert torch.equal(torch.tensor(voter)[tied], torch.arange(64)[tied])
        assert torch.equal(torch.tensor(picture)[tied], alike.int().argmax(1)[tied])
        torch.testing.assert_close(torch.tensor(votes[0]), torch.tensor(votes[1]))


def test_the_votes_of_the_pictures_are_those_of_the_formula(machine: Any) -> None:
    side, t, schedule = 8, 0.5, els.CosineSchedule()
    images = pictures(3, 1, side, side, dtype=torch.float64)
    x = els.add_noise(images[:1], els.seeded_noise([5], (1, side, side), dtype=torch.float64), t)
    given = [x.flatten().tolist(), t, images.flatten(1).tolist(), side, "border"]
    votes = torch.tensor(machine.evaluate(VOTERS, given)[2])
    weights = reference.equivariant_local_weights(x, images, schedule.alpha(t), schedule.sigma(t), 3, "zeros")
    torch.testing.assert_close(votes, weights.sum((-2, -1)).reshape(64, 3).T.float(), rtol=0, atol=1e-6)


def test_the_browser_samples_as_the_course_does(machine: Any) -> None:
    images = pictures(3, 1, 8, 8, dtype=torch.float64)
    drawn_here = machine.evaluate(
        """images => { let x = noise(1, 64); const first = Array.from(x);
            for (let k = 20; k; k--) {
                const { mean } = denoise(x, k / 20, images, 8, 5, "border");
                x = stepped(x, mean, k / 20, (k - 1) / 20);
            }
            return [first, Array.from(x)] }""",
        images.flatten(1).tolist(),
    )
    first, last = torch.tensor(drawn_here, dtype=torch.float64).reshape(2, 1, 1, 8, 8)
    formula = els.EquivariantLocalScoreMachine(images, els.CosineSchedule(), patch_size=5, padding="zeros")
    torch.testing.assert_close(els.sample(formula, first, steps=20), last, rtol=0, atol=1e-6)


def test_the_browser_s_noise(machine: Any) -> None:
    """Standard normal, the same for the same seed, another for another, and no drift along one seed."""
    call = "([seed, count]) => Array.from(noise(seed, count))"
    many = torch.tensor(machine.evaluate(call, [7, 40_000]))
    assert abs(many.mean()) < 0.02 and abs(many.std() - 1) < 0.02
    assert abs((many.abs() < 1).float().mean() - 0.683) < 0.01
    assert abs((many[1:] * many[:-1]).mean()) < 0.02
    rows = torch.tensor([machine.evaluate(call, [seed, 256]) for seed in range(40)])
    assert torch.equal(rows[7], many[:256]) and abs(torch.corrcoef(rows) - torch.eye(40)).max() < 0.3


def test_what_the_playground_s_answers_say(machine: Any) -> None:
    painted = els.load("painted").images.flatten(1).tolist()
    windows = [size for _, size in els.lab("laptop", verbose=False).patch_sizes("els-zeros")]
    assert (windows[0], windows[-1]) == (15, 3)

    def drawings(images: list[list[int]], size: int | list[int], place: str, seeds: range) -> torch.Tensor:
        sizes = size if isinstance(size, list) else [size] * 20
        call = """([images, sizes, place, seeds]) => seeds.map((seed) => { let x = noise(seed, 256);
            for (let k = 20; k; k--)
                x = stepped(x, denoise(x, k / 20, images, 16, sizes[20 - k], place).mean, k / 20, (k - 1) / 20);
            return Array.from(x) })"""
        return torch.tensor(machine.evaluate(call, [images, sizes, place, list(seeds)]))

    def new(drawn: torch.Tensor, images: list[list[int]]) -> int:
        away = (drawn[:, None] - torch.tensor(images)).abs().amax(-1).amin(1)
        return int((away >= 0.2).sum())

    assert [new(drawings(painted, size, "exactly", range(1, 25)), painted) for size in (9, 11)] == [17, 3]
    recombined = drawings(painted, windows, "border", range(1, 9))
    somewhere = torch.tensor(painted).amax(0) > 0
    loose = ((recombined > 0) & ~somewhere).sum(1)
    assert new(recombined, painted) == 8 and (loose > 0).sum() >= 6, "strokes where no picture has one"
    for one in painted:
        assert all(new(drawings([one], size, "exactly", range(1, 5)), [one]) == 0 for size in (3, 7))
        assert new(drawings([one], 5, "border", range(1, 5)), [one]) == 4


# What an element says until it has drawn, each with how loudly it says it to a screen reader.
WATCHED = """said => { window.watched = []; new MutationObserver(() => {
    const one = [said.innerText, said.ariaLive];
    if (/step/.test(one[0]) && `${one}` !== `${window.watched.at(-1)}`) window.watched.push(one);
}).observe(said, { childList: true, characterData: true, subtree: true }) }"""


@pytest.mark.parametrize("over", ["http", "file"])
def test_the_playground(over: str, chromium: Any, served: str, site: Path) -> None:
    """What the page says one will see, and all that can be done there, by hand and with the keyboard."""
    base = served if over == "http" else site.as_uri()
    visit = Visit(chromium, f"{base}/book/play.html")
    page = visit.page
    said = page.locator("#playground .els-said")
    wall = page.locator("#playground .els-wall figcaption")

    def finished() -> list[str]:
        page.wait_for_function("() => /Click a pixel/.test(document.querySelector('#playground .els-said').innerText)")
        return wall.all_inner_texts()

    def tried(number: int) -> list[str]:
        page.locator("[data-els-try]").nth(number).click()
        return finished()

    assert all(told.startswith("copy of picture") for told in finished())
    assert not page.get_by_role("button", name="Back to the question").is_visible(), "one came from none"
    third = "#playground .els-wall figure:nth-child(3)"
    copies = [*finished(), drawn(page, third)]
    assert set(copies[:8]) == {f"copy of picture {n}" for n in (1, 2, 3)}
    assert said.inner_text().startswith("8 of 8 are copies.")
    said.evaluate(WATCHED)
    broken = [*tried(0), drawn(page, third)]
    assert page.evaluate("() => window.watched") == [[f"It draws: step {k} of 20.", "off"] for k in range(1, 21)]
    assert said.inner_text().startswith("1 of 8 is a copy.") and said.get_attribute("aria-live") == "polite"
    recombined = [*tried(1), drawn(page, third)]
    assert said.inner_text().startswith("None of 8 is a copy.")
    assert sum(told.startswith("copy") for told in tried(2)) == 5 and tried(3) == ["new"] * 8, "one change at a time"
    free = tried(4)
    assert broken.count("new") == 7 and recombined[:8] == free == ["new"] * 8
    for name, before in (("everything", copies), ("near", broken), ("only by the border", recombined)):
        page.locator("#playground .els-presets").get_by_role("button", name=name).click()
        assert [*finished(), drawn(page, third)] == before, f"the button does what the page's text does: {name}"
        assert page.locator("#playground .els-presets [aria-pressed=true]").all_inner_texts() == [
            page.locator("#playground .els-presets").get_by_role("button", name=name).inner_text()
        ]
    page.locator("#playground").get_by_label("nothing").check()
    page.locator("#playground input[type=range]").press("End")
    assert all(re.fullmatch(r"copy of picture \d(, moved)?", told) for told in finished())
    assert sum("moved" in told for told in wall.all_inner_texts()) >= 6

    tried(1)
    frame = page.locator("#playground .els-wall .els-frame").nth(2)
    frame.click(position={"x": 30, "y": 40})
    assert re.match(r"Drawing 3, row \d+, column \d+: the heaviest voter .* picture \d, row", said.inner_text())
    answers = page.locator("#playground .els-large:has(+ .els-large), #playground .els-large + .els-large")
    assert answers.count() == 2 and all(one.locator("rect").count() == 4 for one in answers.all())
    before = said.inner_text()
    frame.press("ArrowUp")
    assert said.inner_text() != before
    large = answers.first.locator(".els-frame")
    large.click(position={"x": 5, "y": 5})
    assert said.inner_text().startswith("Drawing 3, row 0, column 0:"), "one asks in the large drawing, too"
    large.press("ArrowRight")
    assert said.inner_text().startswith("Drawing 3, row 0, column 1:") and large.locator("rect").count() == 4
    frame.press("ArrowDown")
    assert said.inner_text().startswith("Drawing 3, row 1, column 1:"), "the small one goes on from there"
    back = page.get_by_role("button", name="Back to the question")
    back.click()
    question = page.locator("[data-els-try]").nth(1)
    assert question.evaluate("e => e === document.activeElement") and question.is_visible()
    grey = drawn(page, third)
    page.get_by_label("Colour the pixels").check()
    assert drawn(page, third) != grey
    assert all(one.is_visible() for one in answers.all()) and said.inner_text().startswith("Drawing 3, row")
    assert frame.locator("rect").count() == 2, "the pixel is still marked"

    remove = page.get_by_role("button", name="Remove this one")
    for _ in range(4):  # before it has drawn anew, and when there is no more to remove
        frame.click(position={"x": 30, "y": 40})
        remove.press("Enter")
    assert page.locator("#playground .els-choice").count() == 1 and not answers.first.is_visible()
    assert remove.get_attribute("aria-disabled") == "true" and remove.evaluate("e => e === document.activeElement")
    page.get_by_role("button", name="Add an empty one").click()
    editor = page.locator("#playground .els-row:has(.els-buttons) .els-frame")
    white = "c => c.getContext('2d').getImageData(0, 0, 16, 16).data.filter((v, i) => i % 4 === 0 && v > 0).length"

    def painted() -> int:
        return int(editor.locator("canvas").evaluate(white))

    box = editor.bounding_box()
    pixel = box["width"] / 16
    page.mouse.move(box["x"] + 2.5 * pixel, box["y"] + 3.5 * pixel)
    page.mouse.down(button="right")
    page.mouse.up(button="right")
    page.mouse.move(box["x"] + 2.5 * pixel, box["y"] - 2.5 * pixel)
    page.mouse.down()
    page.mouse.move(box["x"] + 2.5 * pixel, box["y"] + 4.5 * pixel)
    page.mouse.up()
    assert painted() == 0, "neither with the right button nor from outside"
    page.mouse.move(box["x"] + 2.5 * pixel, box["y"] + 3.5 * pixel)
    page.mouse.down()
    page.mouse.move(box["x"] + 11.5 * pixel, box["y"] + 3.5 * pixel)  # in one jump
    page.mouse.up()
    assert painted() == 10
    page.mouse.down()  # dark now, as this pixel was light
    for row, column in ((3, 18), (18, 18), (18, -2), (3, -2), (3, 2)):
        page.mouse.move(box["x"] + (column + 0.5) * pixel, box["y"] + (row + 0.5) * pixel)
    page.mouse.up()
    assert painted() == 8, "a stroke that leaves the canvas begins anew where it comes back"
    for column in (2, 11):
        page.mouse.click(box["x"] + (column + 0.5) * pixel, box["y"] + 3.5 * pixel)
    editor.press("ArrowDown")
    assert "row 4, column 11: dark" in page.inner_text("#playground") and painted() == 10
    editor.press(" ")
    assert "row 4, column 11: light" in page.inner_text("#playground") and painted() == 11
    page.locator("[data-els-try]").first.focus()
    page.keyboard.press("Enter")
    page.locator("#playground input[type=range]").press("End")
    assert set(finished()) <= {"copy of picture 1", "copy of picture 2"}

    def shown() -> tuple[int, int]:
        return page.locator("#playground .els-choice").count(), painted()

    undo = page.get_by_role("button", name="Undo")
    for name, after in (("Clear this one", (2, 0)), ("Begin with ten clothes", None)):
        page.get_by_role("button", name=name).click()
        assert shown() == after if after else shown()[0] == 10
        undo.click()
        assert shown() == (2, 11), name
    undo.click()
    assert shown() == (2, 10), "a stroke"
    page.reload()
    page.wait_for_selector("#playground .els-choice")
    page.locator("#playground .els-choice").nth(1).click()
    assert shown() == (2, 10), "kept"
    assert undo.get_attribute("aria-disabled") == "true"

    page.get_by_role("button", name="Begin with ten clothes").click()
    assert page.get_by_role("button", name="Add an empty one").get_attribute("aria-disabled") == "true"
    assert len(set(finished())) >= 4, "copies of at least four of ten"
    page.locator("#playground .els-choice input").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#playground .els-choice input").nth(1).is_checked()
    assert page.evaluate("() => document.activeElement.value") == "1"
    first = drawn(page, "#playground .els-wall figure:nth-child(1)")
    page.get_by_role("button", name="Other noise").click()
    assert finished() and drawn(page, "#playground .els-wall figure:nth-child(1)") != first
    page.get_by_role("button", name="First noise").click()
    assert finished() and drawn(page, "#playground .els-wall figure:nth-child(1)") == first
    visit.leave()


RECTS = "all => all.map((r) => ['y', 'x', 'height', 'width'].map((a) => +r.getAttribute(a)))"

SPOKEN = "all => all.map((e) => e.ariaLabel)"


@pytest.fixture
def play(chromium: Any, site: Path) -> Iterator[Any]:
    """The playground when it has drawn."""
    visit = Visit(chromium, f"{site.as_uri()}/book/play.html")
    visit.page.wait_for_selector("#playground .els-said:has-text('Click')")
    yield visit.page
    visit.leave()


def finished(page: Any, pressed: str) -> None:
    """Press something, and wait until all is drawn anew."""
    page.locator(pressed).first.click()
    page.wait_for_selector("#playground .els-said:has-text('Click')")


def shown(page: Any, selector: str) -> np.ndarray:
    """The pixels (16, 16, 3) of all canvases."""
    script = "all => all.map((c) => [...c.getContext('2d').getImageData(0, 0, 16, 16).data])"
    return np.array(page.locator(f"{selector} canvas").evaluate_all(script)).reshape(-1, 16, 16, 4)[..., :3]


def cells(row: int, column: int, size: int, around: bool) -> set[tuple[int, int]]:
    """The pixels of a window: cut off at the border, or wrapped around it."""
    reach = range(-(size // 2), size // 2 + 1)
    seen = {(row + i, column + j) for i in reach for j in reach}
    return {(i % 16, j % 16) for i, j in seen} if around else {(i, j) for i, j in seen if {i, j} <= set(range(16))}


@pytest.mark.parametrize(("number", "size", "around"), [(None, 31, False), (1, 3, False), (4, 3, True)])
def test_where_a_pixel_is_from_is_said_and_shown(number: int | None, size: int, around: bool, play: Any) -> None:
    """In the drawing and in the training picture that is named: both windows, and their pixels."""
    if number is not None:
        finished(play, f":nth-match([data-els-try], {number + 1})")
    thumbs = shown(play, "#playground .els-choice")
    wall = play.locator("#playground .els-wall .els-frame")
    homes = set()
    for x, y in ((0.5, 0.5), (15.5, 9.5), (6.5, 0.5), (4.5, 5.5)):
        for i in range(8):
            box = wall.nth(i).bounding_box()
            wall.nth(i).click(position={"x": box["width"] * x / 16, "y": box["height"] * y / 16})
            said = re.fullmatch(
                r"Drawing (\d), row (\d+), column (\d+): .* was picture (\d), row (\d+), column (\d+)( .*)?\.",
                play.inner_text("#playground .els-said"),
            )
            drawing, row, column, picture, r, c = map(int, said.groups()[:6])
            assert (drawing, row, column) == (i + 1, int(y), int(x))
            assert said[7] == (" (the same place)" if (r, c) == (row, column) else None)
            homes.add(said[7])
            found = "#playground .els-drawing .els-large"
            pictures = shown(play, found)
            assert (pictures[0] == shown(play, "#playground .els-wall")[i]).all()
            assert (pictures[1] == thumbs[picture - 1]).all()
            assert play.locator(f"{found} figcaption").nth(1).inner_text() == f"picture {picture}, row {r}, column {c}"
            for figure, place in enumerate([(row, column), (r, c)]):
                rects = play.locator(found).nth(figure).locator(".els-over").evaluate_all(RECTS)
                assert rects.pop() == [*place, 1, 1]
                inside = {
                    (a, b) for top, left, h, w in rects for a in range(top, top + h) for b in range(left, left + w)
                }
                assert inside == cells(*place, size, around)
    assert len(homes) == 1 + (number is not None)


def test_a_pixel_has_the_colour_of_the_picture_that_it_is_from(play: Any) -> None:
    """Drawings that are copies look as the training pictures do."""
    play.get_by_label("Colour the pixels").check()
    told = play.locator("#playground .els-wall figcaption").all_inner_texts()
    spoken = play.locator("#playground .els-wall .els-frame").evaluate_all("all => all.map((e) => e.ariaLabel)")
    assert [name.split(";")[0] for name in spoken] == [f"Drawing {i}: {words}" for i, words in enumerate(told, 1)]
    thumbs, wall = shown(play, "#playground .els-choice"), shown(play, "#playground .els-wall")
    for drawing, words in zip(wall, told, strict=True):
        assert abs(drawing - thumbs[int(words[-1]) - 1]).max() < 30
    assert len(np.unique(thumbs.max((1, 2)), axis=0)) == 3, "one colour each"
    play.locator("#playground .els-choice").nth(2).click()
    large = shown(play, "#playground .els-large:not(.els-drawing *)")
    assert (large[0] == thumbs[2]).all()


def test_the_playground_names_the_picture_that_is_painted_and_where_a_pixel_is_from(play: Any) -> None:
    """To a screen reader, and under the pictures."""
    chooser = play.get_by_role("group", name="Training pictures", exact=True)
    assert chooser.get_by_role("radio").evaluate_all(SPOKEN) == [f"training picture {n}" for n in (1, 2, 3)]
    finished(play, ":nth-match([data-els-try], 2)")
    play.locator("#playground .els-choice").nth(1).click()
    editor = play.locator("#playground .els-large").first
    spoken = "Training picture 2; paint by hand, or with arrow keys and space"
    assert editor.locator(".els-frame").get_attribute("aria-label") == spoken
    assert editor.locator("figcaption").inner_text() == "picture 2: paint in it"
    assert editor.locator("figcaption").get_attribute("aria-live") == "polite"
    assert play.get_by_role("group", name="Playground: your own training pictures").count() == 1
    play.locator("#playground .els-wall .els-frame").nth(4).click()
    said = play.inner_text("#playground .els-said")
    drawing, source = re.fullmatch(r"Drawing 5, (row.*?): .* was picture (\d, row \d+, column \d+).*\.", said).groups()
    assert not source.endswith(drawing)
    answers = play.locator("#playground .els-drawing .els-large")
    names = [f"The drawing, {drawing}; arrow keys ask where a pixel is from", f"Training picture {source}"]
    assert answers.locator(".els-frame").evaluate_all(SPOKEN) == names
    assert answers.locator("figcaption").all_inner_texts() == [drawing, f"picture {source}"]
    play.get_by_role("button", name="Clear this one").click()
    play.locator("#playground .els-choice").first.click()
    play.get_by_role("button", name="Undo").click()
    assert chooser.get_by_role("radio").nth(1).is_checked(), "the picture that was changed"


def test_colours_are_lighter_than_the_grey_that_they_stand_for(play: Any) -> None:
    play.get_by_role("button", name="Begin with ten clothes").click()
    grey = shown(play, "#playground .els-choice")[7]
    play.get_by_label("Colour the pixels").check()
    white = shown(play, "#playground .els-choice")[7]  # the colour of the eighth picture
    assert (white >= grey).all() and (white > grey).any()


def test_other_noise_is_eight_others(play: Any) -> None:
    finished(play, "[data-els-try]")
    seen = shown(play, "#playground .els-wall").reshape(8, -1)
    finished(play, "button:has-text('Other noise')")
    others = shown(play, "#playground .els-wall").reshape(8, -1)
    assert len(np.unique(np.concatenate([seen, others]), axis=0)) >= 14, "but for copies"


def test_the_rules_show_what_the_machine_may_and_can_be_set_one_by_one(play: Any) -> None:
    farther = play.get_by_label("and farther")
    words = play.locator("#playground .els-ruling .els-words")
    assert words.inner_text() == "everywhere" and farther.is_disabled()
    finished(play, ":nth-match([data-els-try], 2)")
    assert words.inner_text() == "3 × 3 pixels" and farther.is_checked() and farther.is_enabled()
    assert play.get_by_label("how far the border is").is_checked()
    preset = shown(play, "#playground .els-wall")
    finished(play, "#playground .els-tick:has-text('farther')")
    assert not farther.is_checked() and (shown(play, "#playground .els-wall") != preset).any()
    finished(play, "#playground .els-tick:has-text('farther')")
    assert farther.is_checked() and (shown(play, "#playground .els-wall") == preset).all()
    farther.press("Shift+Tab")
    play.keyboard.press("ArrowRight")
    assert words.inner_text() == "5 × 5 pixels"


def test_painting_a_stroke_and_taking_pictures_away(play: Any) -> None:
    """A fast stroke has no gaps and is undone at once; the picture that is removed is the one that is picked."""
    editor = play.locator("#playground .els-large .els-frame").first
    finished(play, "button:has-text('Add an empty')")
    box = editor.bounding_box()

    def move(row: int, column: int) -> None:
        play.mouse.move(box["x"] + (column + 0.5) * box["width"] / 16, box["y"] + (row + 0.5) * box["height"] / 16)

    move(2, 3)
    play.mouse.down()
    for row, column in ((12, 3), (14, 9), (4, 14)):
        move(row, column)
    play.mouse.up()
    light = shown(play, "#playground .els-choice")[3, ..., 0] > 0
    down = {(row, 3) for row in range(2, 13)}
    across = {(12 + round(k / 3), 3 + k) for k in range(7)}
    assert down | across <= set(zip(*light.nonzero(), strict=True)) and light.sum(1)[4:12].min() >= 2
    for key in ("ArrowUp", "ArrowLeft"):
        editor.press(key)
    editor.press(" ")
    assert editor.evaluate("e => e === document.activeElement"), "whoever paints with keys goes on"
    play.get_by_role("button", name="Undo").click()
    assert "It draws" in play.inner_text("#playground .els-said")
    play.wait_for_selector("#playground .els-said:has-text('Click')")
    editor.press("ArrowDown")
    assert "Click" in play.inner_text("#playground .els-said"), "only a stroke is learned"
    play.get_by_role("button", name="Undo").click()
    assert not shown(play, "#playground .els-choice")[3].any()

    face, _, tree, _ = shown(play, "#playground .els-choice")
    remove = play.get_by_role("button", name="Remove this one")
    remove.click()
    assert (shown(play, "#playground .els-large")[0] == tree).all(), "the last is gone, and the one before it is picked"
    play.locator("#playground .els-choice").nth(1).click()
    remove.click()
    assert (shown(play, "#playground .els-choice") == np.stack([face, tree])).all()


def test_on_a_phone_whoever_paints_or_presses_sees_the_drawings(chromium: Any, site: Path) -> None:
    visit = Visit(chromium, f"{site.as_uri()}/book/play.html", viewport={"width": 390, "height": 844})
    canvas = visit.page.locator("#playground .els-large").first.bounding_box()
    wall = visit.page.locator("#playground .els-wall")
    drawings = wall.bounding_box()
    assert 0 < drawings["y"] + drawings["height"] - canvas["y"] < 650, "room is left for the browser's bars"
    reached = visit.page.evaluate(
        "() => [...document.querySelectorAll('#playground :is(input, button, [tabindex])')]"
        ".filter((e) => e.checkVisibility()).map((e) => e.getBoundingClientRect().bottom + scrollY)"
    )
    assert all(after > before - 40 for before, after in itertools.pairwise(reached)), "the keyboard goes downwards"
    for pressed in (".els-presets button", "[data-els-try]"):
        visit.page.locator(pressed).last.click()
        visit.page.wait_for_function(
            "wall => (({ top, bottom }) => top > 0 && bottom < innerHeight)(wall.getBoundingClientRect())",
            arg=wall.element_handle(),
        )
    visit.leave()


def test_the_keyboard_sees_where_it_begins_and_keeps_its_place(chromium: Any, site: Path) -> None:
    visit = Visit(chromium, f"{site.as_uri()}/book/play.html")
    page = visit.page
    page.wait_for_selector("#playground .els-said:has-text('Click')")
    frames = page.locator("#playground .els-wall .els-frame")
    marks = lambda: [one.locator("rect").count() for one in frames.all()]  # noqa: E731
    page.locator("#playground .els-presets button").last.focus()
    while not frames.first.evaluate("e => e === document.activeElement"):
        page.keyboard.press("Tab")
    assert marks() == [2, *[0] * 7]
    page.keyboard.press("Tab")
    assert marks() == [0, 2, *[0] * 6], "the first one was not asked"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    assert marks() == [0, 2, 2, *[0] * 5], "what was asked is still marked"
    for width in (390, 1300):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(100)
        assert frames.nth(2).evaluate("e => e === document.activeElement"), width
    visit.leave()


def test_fingers(chromium: Any, site: Path) -> None:
    """The second finger paints nothing; a finger that scrolls the page asks nothing, one that taps does."""
    visit = Visit(
        chromium,
        f"{site.as_uri()}/book/play.html",
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
    )
    page = visit.page
    page.wait_for_selector("#playground .els-said:has-text('Click')")
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    before = drawn(page, "#playground .els-large")
    canvas = page.locator("#playground .els-large .els-frame").first.bounding_box()
    pixel = canvas["width"] / 16
    (x1, y1), (x2, y2) = ((canvas["x"] + n * pixel, canvas["y"] + n * pixel) for n in (0.5, 14.5))
    fingers("touchStart", (x1, y1))
    fingers("touchStart", (x1, y1), (x2, y2))
    fingers("touchMove", (x1, y1), (x2 - 1, y2 - 1))
    fingers("touchEnd")
    page.get_by_role("button", name="Undo").click()
    assert drawn(page, "#playground .els-large") == before, "one press, of one pixel"
    page.wait_for_selector("#playground .els-said:has-text('Click')")
    said = page.locator("#playground .els-said")
    frame = page.locator("#playground .els-wall .els-frame").first
    frame.evaluate("e => e.scrollIntoView({ block: 'center' })")
    counted, top, box = said.inner_text(), page.evaluate("scrollY"), frame.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    fingers("touchStart", (x, y))
    for step in range(1, 16):
        fingers("touchMove", (x, y - 10 * step))
        page.wait_for_timeout(20)  # as fast as a finger
    fingers("touchEnd")
    page.wait_for_function("top => scrollY > top + 100", arg=top)
    assert said.inner_text() == counted
    frame.tap()
    assert re.match(r"Drawing 1, row [78], column [78]:", said.inner_text())
    visit.leave()


def test_an_old_browser_is_told_what_an_explorer_needs(chromium: Any, site: Path) -> None:
    """Safari before 16.4 cannot unpack what an explorer shows: its place says so, and is not left empty."""
    for name, place in (("book/index", "#explorer"), ("notebooks/04_local", ".cell_output")):
        page = chromium.new_page()
        page.add_init_script(f"delete window.DecompressionStream; {ALL_SHOWN}")
        page.goto(f"{site.as_uri()}/{name}.html")
        told = page.locator(place, has_text="This explorer needs a newer browser").first
        told.wait_for()
        assert "Safari 16.4" in told.inner_text()
        page.close()


def test_print_and_old_safaris(chromium: Any, site: Path) -> None:
    """On paper code is as large as it was meant (in WebKit a window's width counts there, too), and no declaration is
    one that Safari before 26 drops whole."""
    visit = Visit(chromium, f"{site.as_uri()}/notebooks/11_agreement.html", viewport={"width": 1000, "height": 900})
    code = visit.page.locator(".cell_input div.highlight pre").first
    size = "code => parseFloat(getComputedStyle(code).fontSize)"
    on_screen = code.evaluate(size)
    visit.page.emulate_media(media="print")
    assert on_screen < code.evaluate(size) == 12
    for path in ("_static/course.css", "_static/explorer.css"):
        assert not re.search(r"text-decoration:\s*underline\s+\w", (site / path).read_text("utf-8")), path
    visit.leave()


@pytest.mark.parametrize("over", ["http", "file"])
def test_the_explorer_of_the_landing_page(over: str, chromium: Any, served: str, site: Path) -> None:
    base = served if over == "http" else site.as_uri()
    visit = Visit(chromium, f"{base}/book/index.html")
    page = visit.page
    page.wait_for_selector("#explorer .els-four")
    frame = "#explorer .els-four figure:nth-child({}) .els-frame"
    said = page.locator("#explorer .els-said")
    assert page.locator("#explorer .els-choice").count() == 12
    assert page.locator("#explorer .els-patches li").count() == 4

    before = drawn(page, frame.format(1))
    time_slider, size_slider = page.locator("#explorer input[type=range]").all()
    time_slider.focus()
    page.keyboard.press("Home")
    assert drawn(page, frame.format(1)) != before and "t = 0.95" in page.inner_text("#explorer")

    box = time_slider.bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 3, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    assert "t = 0.05" in page.inner_text("#explorer"), "dragged to the end"

    size_slider.press("Home")
    box = page.locator(frame.format(1)).bounding_box()
    page.locator(frame.format(1)).click(position={"x": box["width"] * 6.5 / 16, "y": box["height"] * 7.5 / 16})
    captions = page.locator("#explorer .els-patches figcaption").all_inner_texts()
    shares = [float(caption.split(": ")[1].split("\u00a0")[0]) for caption in captions]
    assert 95 < sum(shares) < 100.2, "their stored eight bits sum to 103.9"

    guess = drawn(page, frame.format(2))
    size_slider.focus()
    page.keyboard.press("End")
    assert drawn(page, frame.format(2)) != guess and "15 × 15" in page.inner_text("#explorer")
    size_slider.press("Home")

    voter = drawn(page, "#explorer .els-patches li:first-child")
    page.locator(frame.format(1)).click(position={"x": 5, "y": 5})
    assert (
        "Pixel in row 0, column 0" in said.inner_text()
        and drawn(page, "#explorer .els-patches li:first-child") != voter
    )
    page.locator(frame.format(1)).press("ArrowDown")
    assert "Pixel in row 1, column 0" in said.inner_text()

    final = drawn(page, frame.format(3))
    page.locator("#explorer .els-choice").first.click()
    assert drawn(page, frame.format(3)) != final
    page.keyboard.press("ArrowRight")
    assert page.locator("#explorer .els-choice input").nth(1).is_checked()
    visit.leave()


@pytest.mark.parametrize(("image", "time", "size", "row", "column"), [(0, 7, 1, 7, 6), (5, 3, 0, 0, 11)])
def test_the_explorer_tells_what_the_machine_says(
    image: int, time: int, size: int, row: int, column: int, chromium: Any, served: str
) -> None:
    """What the machine sees and guesses, and the four voters of one pixel, against the machine itself."""
    lab = els.lab(network="fashion-mnist-16-resnet-zeros-conditional", verbose=False)
    noise, labels = els.seeded_noise([image], lab.shape), lab.labels_for([image])
    t, x_t, _ = list(els.trajectory(lab.machine("els-zeros"), noise, steps=20, labels=labels))[2 * time + 1]
    side = (3, 5, 9, 15)[size]
    machine = lab.patch_machine("els-zeros", side)
    votes = machine.posterior(x_t, t, top=4, labels=labels)

    visit = Visit(chromium, f"{served}/book/index.html")
    page = visit.page
    page.wait_for_selector("#explorer .els-four")
    page.locator("#explorer .els-choice").nth(image).click()
    for slider, steps in zip(page.locator("#explorer input[type=range]").all(), (time, size), strict=True):
        slider.press("Home")
        for _ in range(steps):
            slider.press("ArrowRight")
    now = lab.machine("els-zeros").size_at(t)
    assert f"{side} × {side} pixels (most like the network now: {now} × {now})" in page.inner_text("#explorer")
    frame = page.locator("#explorer .els-four figure:first-child .els-frame")
    box = frame.bounding_box()
    frame.click(position={"x": box["width"] * (column + 0.5) / 16, "y": box["height"] * (row + 0.5) / 16})
    captions = page.locator("#explorer .els-patches figcaption").all_inner_texts()
    voters, places = votes.image[0, row, column].tolist(), votes.location[0, row, column].tolist()
    for k, caption in enumerate(captions):
        r, c = places[k]
        assert caption.startswith(f"image {voters[k]}, row {r}, column {c}: "), captions
        share = float(caption.split(": ")[1].split("\u00a0")[0])
        assert abs(share - 100 * float(votes.weight[0, row, column, k])) < 0.05 * share + 0.1
        rects = page.locator("#explorer .els-patches li").nth(k).locator(".els-over").evaluate_all(RECTS)
        inside = {(a, b) for top, left, h, w in rects for a in range(top, top + h) for b in range(left, left + w)}
        assert inside == cells(r, c, side, False)
    stored = lab.data.images[voters] * 127.5 + 127.5
    assert abs(shown(page, "#explorer .els-patches")[..., 0] - stored[:, 0].numpy()).max() <= 8, "32 greys"
    sees, guess, *drawn_by = shown(page, "#explorer .els-four")[..., 0]
    assert abs(sees - 127.5 * (x_t / x_t.abs().max().clamp(min=1) + 1)[0, 0].numpy()).max() <= 1
    assert abs(guess - 127.5 * (machine(x_t, t, labels=labels) + 1)[0, 0].clamp(0, 2).numpy()).max() <= 1
    r2 = np.corrcoef(*(one.ravel() for one in drawn_by))[0, 1] ** 2
    assert f"(r²\u00a0=\u00a0{r2:.2f})" in page.locator("#explorer .els-four figcaption").last.inner_text().replace(
        " ", "\u00a0"
    )
    chosen, what = lab.data.class_names[int(labels[0])], f"pixel row {row}, column {column}; click"
    assert page.locator("#explorer input:checked").get_attribute("aria-label") == f"{chosen}, seed {image}"
    assert (shown(page, "#explorer .els-choice")[image] == shown(page, "#explorer .els-four")[2]).all()
    assert page.get_by_role("group", name="Image", exact=True).get_by_role("radio").count() == 12
    words = page.locator("#explorer .els-words").first.inner_text()
    assert words == f"t = {t:.2f}, on the way"
    assert [name.split(", or")[0] for name in page.locator("#explorer .els-four .els-frame").evaluate_all(SPOKEN)] == [
        f"What the formula sees at t = {t:.2f}; {what}",
        f"The formula's guess of the clean image; {what}",
        f"{chosen} drawn by the formula",
        f"{chosen} drawn by the trained network from the same noise",
    ]
    explorer = page.get_by_role("group", name="Explorer: who drew this pixel?")
    assert explorer.locator(".els-said").get_attribute("aria-live") == "polite"
    heaviest = explorer.get_by_role("list", name="The four heaviest voters")
    assert heaviest.locator(".els-frame").evaluate_all(SPOKEN) == [
        f"Training image {who}, voting patch around row {r}, column {c}"
        for who, (r, c) in zip(voters, places, strict=True)
    ]
    wide = heaviest.locator(".els-filled").evaluate_all("all => all.map((e) => parseFloat(e.style.width))")
    told = [float(caption.split(": ")[1].split("\u00a0")[0]) for caption in captions]
    assert wide == pytest.approx(told, abs=0.06)
    *rects, pixel = page.locator("#explorer .els-four figure:first-child .els-over").evaluate_all(RECTS)
    inside = {(a, b) for top, left, h, w in rects for a in range(top, top + h) for b in range(left, left + w)}
    assert pixel == [row, column, 1, 1] and inside == cells(row, column, side, False)
    elsewhere = sum(place != [row, column] for place in places)
    assert f"{['None', 'One', 'Two', 'Three', 'All four'][elsewhere]} of them" in page.inner_text("#explorer .els-said")
    answer = page.locator("#explorer .els-four figure:nth-child(2)")
    assert answer.locator(".els-over").evaluate_all(RECTS) == [[row, column, 1, 1]]
    answer.locator(".els-frame").press("ArrowDown")
    assert f"Pixel in row {row + 1}, column {column}" in page.inner_text("#explorer .els-said"), (
        "the keys go on from there"
    )
    visit.leave()


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_page(name: str, chromium: Any, site: Path) -> None:
    """From disk: formulas are typeset, explorers live, nothing fails."""
    visit = Visit(chromium, f"{site.as_uri()}/notebooks/{name}.html")
    page = visit.page
    visit.settle()
    if page.locator("span.math").count():
        page.wait_for_selector("mjx-container", state="attached")  # perhaps all of them are in folded solutions
        raw = page.evaluate(
            "() => [...document.querySelectorAll('.math')].filter(m => !m.querySelector('mjx-container')).length"
        )
        assert raw == 0, f"{raw} formulas are raw"
        assert page.locator("mjx-merror").count() == 0
    visit.leave()


@pytest.mark.parametrize("over", ["http", "file"])
def test_search(over: str, chromium: Any, served: str, site: Path) -> None:
    visit = Visit(chromium, f"{served if over == 'http' else site.as_uri()}/search.html?q=mosaic")
    visit.page.wait_for_selector("#search-results ul.search li a")
    found = visit.page.locator("#search-results ul.search li a").all_inner_texts()
    assert any("mosaic" in title.lower() for title in found), found
    if over == "http":
        visit.page.wait_for_selector("#search-results p.context")
        excerpts = visit.page.locator("#search-results p.context").all_inner_texts()
        assert excerpts and not [text for text in excerpts if "System Settings" in text or "Contents" in text], excerpts
    visit.leave()


def test_search_finds_the_pages_for_lecturers_last(chromium: Any, served: str) -> None:
    visit = Visit(chromium, f"{served}/search.html?q=equivariance")
    visit.page.wait_for_selector("#search-results p.search-summary:has-text('found')")
    found = visit.page.locator("#search-results ul.search li > a").evaluate_all("all => all.map(a => a.pathname)")
    for_lecturers = ["/book/teach/" in address for address in found]
    assert any(for_lecturers) and for_lecturers == sorted(for_lecturers), found
    visit.leave()


def test_a_page_that_does_not_exist_leads_back(chromium: Any, served: str, site: Path) -> None:
    """Below any folder, as servers show 404.html at the address that was asked for."""
    for address in ("book/teach/gone.html", "notebooks/99_gone.html", "gone.html"):
        page = chromium.new_page()
        page.route(f"**/{address}", lambda route: route.fulfill(path=site / "404.html", status=404))
        page.goto(f"{served}/{address}")
        page.get_by_role("link", name="The course").click()
        assert page.url == f"{served}/book/index.html"
        page.close()


def test_explorers_in_lessons_react(chromium: Any, served: str) -> None:
    visit = Visit(chromium, f"{served}/notebooks/02_ideal.html")
    page = visit.page
    page.wait_for_selector(".els input[type=range]")
    before = drawn(page, ".els .els-large .els-frame")
    page.locator(".els input[type=range]").first.press("End")
    assert drawn(page, ".els .els-large .els-frame") != before
    visit.leave()

    visit = Visit(chromium, f"{served}/notebooks/07_els.html")
    page = visit.page
    page.wait_for_selector(".els .els-pick")
    before = page.locator(".els-said").first.inner_text()
    page.locator(".els-pick").first.click(position={"x": 20, "y": 30})
    assert page.locator(".els-said").first.inner_text() != before
    visit.leave()

    visit = Visit(chromium, f"{served}/notebooks/05_mosaics.html")
    board = visit.page.get_by_role("group", name="A board that votes")
    said = board.locator(".els-said")
    board.get_by_label("stripes").check(force=True)  # its radio button lies under its picture
    assert "outvoted" in said.inner_text()
    board.get_by_label("island").check(force=True)
    assert "locally consistent" in said.inner_text()
    visit.leave()

    visit = Visit(chromium, f"{served}/notebooks/16_what_if.html")
    blocks = visit.page.get_by_role("group", name="Exchange a block of the noise")
    said = blocks.locator(".els-said")
    assert "What will the network change?" in said.inner_text()
    blocks.get_by_label("I have decided").check()
    assert re.search(r"foretold \d\.\d\d of the network's change", said.inner_text())
    blocks.locator(".els-large [tabindex='0']").press("ArrowDown")
    assert "What will the network change?" in said.inner_text()  # another block, another question
    visit.leave()

    visit = Visit(chromium, f"{served}/notebooks/10_prediction.html")
    drawings = visit.page.get_by_role("group", name="Predictions of a network's drawings")
    drawings.get_by_label("r2 of ELS").check()
    noise = drawings.get_by_label("noise", exact=True)
    stored = np.load(ROOT / "data" / "results" / "fashion-mnist-16-resnet-zeros.samples.npz")
    pairs = zip(stored["els-zeros"], stored["network-150"], strict=True)
    alike = [np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] ** 2 for ours, theirs in pairs]
    for key, seed in {"Home": np.argmin(alike), "End": np.argmax(alike)}.items():
        noise.press(key)
        assert drawings.locator(".els-said").inner_text().startswith(f"Seed {seed}: ")
        assert f"ELS\nr2 {alike[seed]:.2f}" in drawings.locator("figcaption").all_inner_texts()
    network = drawings.locator(".els-predicted figure").last
    assert not network.is_visible()  # the learner guesses first
    drawings.get_by_label("Show what the network drew").check()
    assert network.is_visible()
    visit.leave()


def test_every_explorer_answers_to_the_keyboard(chromium: Any, site: Path) -> None:
    """Each slider and each picture that can be clicked is reached without a mouse, and says what changed."""
    sliders = pickers = 0
    for name in LESSONS:
        visit = Visit(chromium, f"{site.as_uri()}/notebooks/{name}.html")
        visit.settle()
        for slider in visit.page.locator(".els input[type=range]").all():
            slider.press("Home")
            before = slider.get_attribute("aria-valuetext")
            slider.press("End")
            assert before and slider.get_attribute("aria-valuetext") != before
            sliders += 1
        for picker in visit.page.locator(".els .els-pick").all():
            before = picker.get_attribute("aria-label")
            assert before and picker.get_attribute("tabindex") == "0"
            picker.press("ArrowDown" if "row 0 " in before else "ArrowUp")
            assert picker.get_attribute("aria-label") != before
            pickers += 1
        visit.leave()
    assert sliders >= 4 and pickers >= 3


# Whether each answer of a lesson is seen: what is in it, as it may be hidden and yet have a place.
SEEN = """() => [...document.querySelectorAll(".els-answer")].map(({ firstElementChild: e }) =>
    e.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true }) && e.offsetHeight > 0)"""
BROWSERS = {"new": "", "old": "delete window.onbeforematch"}  # an old one finds no words in what is hidden


def section(page: Any, words: str) -> Any:
    """The section with these words in its heading."""
    return page.locator("section", has=page.locator(f"> :is(h2, h3):has-text('{words}')"))


@pytest.mark.parametrize("browser", BROWSERS)
def test_answers_are_covered_and_a_section_opens_question_by_question(browser: str, chromium: Any, site: Path) -> None:
    visit = Visit(chromium, f"{site.as_uri()}/notebooks/01_noise.html", BROWSERS[browser])
    page = visit.page
    page.wait_for_selector(".els-decide")
    hidden = page.locator(".els-answer").evaluate_all("all => all.map(one => one.getAttribute('hidden'))")
    assert set(hidden) == {"until-found" if browser == "new" else ""} and not any(page.evaluate(SEEN))
    assert len(hidden) == 10 and page.get_by_role("radio", name="covered until you decide").is_checked()

    film = section(page, "5. Can the film run backwards?")
    first, second = film.locator(".els-answer").all()
    seen = "one => one.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true })"
    questions = [film.locator("p", has_text=words) for words in ("You know only this point", "Will these paths cross?")]
    buttons = film.get_by_role("button", name="I have decided: show", include_hidden=True).all()
    shows = film.locator(".els-answer > :first-child").all()
    assert [one.evaluate(seen) for one in (*questions, *buttons, *shows)] == [True, False, True, False, False, False]
    assert buttons[0].get_attribute("aria-expanded") == "false"
    assert buttons[0].get_attribute("aria-controls") == first.get_attribute("id")
    buttons[0].focus()
    page.keyboard.press("Enter")
    assert [one.evaluate(seen) for one in (*questions, *buttons, *shows)] == [True, True, False, True, True, False]
    assert first.evaluate("one => one === document.activeElement")
    page.keyboard.press("Tab")
    assert first.evaluate("one => one.contains(document.activeElement) && one !== document.activeElement")
    assert first.get_attribute("tabindex") is None, "one comes through once"
    buttons[1].click()
    assert [one.evaluate(seen) for one in (*questions, *buttons, *shows)] == [True, True, False, False, True, True]
    assert second.evaluate("one => one === document.activeElement") and sum(page.evaluate(SEEN)) == 2
    visit.leave()


def test_no_question_has_its_answer_below_it(chromium: Any, site: Path) -> None:
    """In all lessons. What a question is about stays in sight, and so do exercises, but not what follows them."""
    for name in LESSONS:
        visit = Visit(chromium, f"{site.as_uri()}/notebooks/{name}.html", "")
        told = visit.page.evaluate(
            """() => [...document.querySelectorAll(".bd-article p > strong")].filter((word) =>
                word.textContent === "Predict.").map(({ parentElement: question }) => {
                    let next = question.nextElementSibling;
                    while (next?.matches(".tag_question, details")) next = next.nextElementSibling;
                    return [Boolean(next?.matches(".els-decide")), next?.tagName, question.textContent];
                })"""
        )
        assert len(told) >= 3 and sum(covered for covered, *_ in told) >= 3
        for covered, tag, question in told:
            assert covered or tag in (None, "SECTION"), (name, question)
        visit.leave()
    visit = Visit(chromium, f"{site.as_uri()}/{COVERED}.html", "")
    page = visit.page
    about = page.locator("p:has-text('Which row is real?') + .tag_question img")
    assert about.is_visible() and not about.evaluate("one => one.closest('.els-answer')")
    exercise = section(page, "Exercise 2: Chance among alike")
    assert exercise.get_by_text("Solution").is_visible() and exercise.locator("> .els-decide").count() == 1
    assert exercise.locator("> .els-decide ~ :not(.els-answer)").count() == 0, "the question stands above the exercise"
    visit.leave()
    visit = Visit(chromium, f"{site.as_uri()}/notebooks/07_els.html", "")
    four = section(visit.page, "5. Four machines, one noise").first
    four.get_by_role("button", name="I have decided: show").last.click()
    assert visit.page.evaluate(SEEN)[:2] == [True, True] and four.locator(".els-decide:visible").count() == 0
    visit.leave()


def test_the_choice_to_see_all_answers_is_remembered(chromium: Any, site: Path) -> None:
    visit = Visit(chromium, f"{site.as_uri()}/notebooks/01_noise.html", "")
    page = visit.page
    switch = page.get_by_role("group", name="Answers:")
    assert switch.bounding_box()["y"] < section(page, "1. A picture with one pixel").bounding_box()["y"]
    switch.get_by_label("all shown").check()
    assert all(page.evaluate(SEEN)) and page.locator(".els-decide:visible").count() == 0
    visit.settle()  # whoever leaves while an explorer loads breaks its loading off
    page.locator("a.right-next").click()
    page.wait_for_url("**/02_ideal.html")
    assert len(page.evaluate(SEEN)) == 12 and all(page.evaluate(SEEN)) and switch.get_by_label("all").is_checked()
    switch.get_by_label("covered").check()
    assert not any(page.evaluate(SEEN))
    visit.settle()
    page.goto(f"{site.as_uri()}/notebooks/01_noise.html")
    visit.settle()
    assert not any(page.evaluate(SEEN)) and switch.get_by_label("covered").is_checked()
    page.goto(f"{site.as_uri()}/book/theory.html")
    assert page.locator(".els-answer, .els-answers, .els-decide").count() == 0, "only lessons ask"
    visit.leave()
    forgets = """for (const name of ["getItem", "setItem"]) { const before = Storage.prototype[name];
        Storage.prototype[name] = function (key, ...more) {
            if (key === "els-answers") throw new DOMException("no", "SecurityError");
            return before.call(this, key, ...more); } }"""
    visit = Visit(chromium, f"{site.as_uri()}/notebooks/01_noise.html", forgets)
    assert not any(visit.page.evaluate(SEEN))
    visit.page.get_by_label("all shown").check()
    assert all(visit.page.evaluate(SEEN))
    visit.leave()


def test_without_javascript_and_on_paper_answers_are_shown(chromium: Any, site: Path) -> None:
    address = f"{site.as_uri()}/notebooks/01_noise.html"
    page = chromium.new_page(java_script_enabled=False)
    page.goto(address)
    assert page.locator("p", has_text="Nobody overtakes anybody").is_visible()
    assert page.locator(".els-decide, .els-answer").count() == 0
    assert page.locator(".els-answers").count() == 1 and not page.locator(".els-answers").is_visible()
    page.close()
    for memory in BROWSERS.values():
        visit = Visit(chromium, address, memory)
        visit.settle()
        assert not any(visit.page.evaluate(SEEN))
        visit.page.emulate_media(media="print")
        visit.page.wait_for_function(f"() => ({SEEN})().every(Boolean)")
        assert visit.page.locator(".els-decide:visible, .els-answers:visible").count() == 0
        covered = visit.page.evaluate("() => document.querySelector('article').scrollHeight")
        visit.page.evaluate("() => document.querySelectorAll('.els-answer').forEach((one) => (one.hidden = false))")
        assert covered == visit.page.evaluate("() => document.querySelector('article').scrollHeight") > 5000
        visit.leave()


@pytest.mark.parametrize("browser", BROWSERS)
def test_who_looks_for_something_that_is_covered_finds_it(browser: str, chromium: Any, site: Path) -> None:
    address = f"{site.as_uri()}/notebooks/01_noise.html"
    for place in ("#answer-6", ""):
        visit = Visit(chromium, address + place, BROWSERS[browser])
        page = visit.page
        if not place:
            assert not any(page.evaluate(SEEN))
            page.evaluate("() => (location.hash = 'answer-6')")
            page.wait_for_function("document.querySelector('.els-answer:not([hidden])')")
        visit.settle()
        assert sum(page.evaluate(SEEN)) == 2, "and what one must know to understand the question"
        parts = section(page, "5. Can the film run backwards?").locator(".els-answer")
        assert parts.nth(1).get_attribute("id") == "answer-6"
        assert -1 < parts.nth(1).bounding_box()["y"] < 900
        visit.leave()
    if browser == "new":  # the browser looks for words
        visit = Visit(chromium, f"{address}#:~:text=Nobody%20overtakes%20anybody%3A", "")
        visit.settle()
        assert sum(visit.page.evaluate(SEEN)) == 2
        assert 0 < visit.page.locator("p", has_text="Nobody overtakes").bounding_box()["y"] < 1000
        visit.leave()


@pytest.mark.parametrize("browser", BROWSERS)
@pytest.mark.parametrize("width", [1280, 390])
def test_what_was_covered_is_as_it_would_have_been(width: int, browser: str, chromium: Any, site: Path) -> None:
    """Explorers and formulas that were drawn while nobody saw them, and what scrolls is reached by keyboard."""
    look = """() => [".els", ".els canvas", "mjx-container > svg", "pre", "[tabindex='0']"].map((what) =>
        [what, [...document.querySelectorAll(`.els-answer ${what}`)].map((one) => one.getBoundingClientRect())
            .map(({ width, height }) => [width, height].map(Math.round).join(" x "))])"""
    found = []
    for memory in (ALL_SHOWN, BROWSERS[browser]):
        size = {"width": width, "height": 900}
        visit = Visit(chromium, f"{site.as_uri()}/notebooks/07_els.html", memory, viewport=size)
        visit.settle()
        page = visit.page
        page.evaluate("() => MathJax.startup.promise")
        while page.locator(":not(.els-answer[hidden]) > .els-decide:visible").count():
            page.locator(":not(.els-answer[hidden]) > .els-decide:visible").first.click()
        assert all(page.evaluate(SEEN))
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        found.append(page.evaluate(look))
        slider = page.locator(".els-answer .els input[type=range]")
        before = drawn(page, ".els-answer .els:has(input[type=range])")
        slider.press("End")
        assert drawn(page, ".els-answer .els:has(input[type=range])") != before
        visit.leave()
    shown, opened = found
    assert shown == opened and all(sizes for _, sizes in shown)
    assert all(int(place.split()[0]) > 300 for place in dict(opened)[".els"])


@pytest.mark.parametrize("name", [*LESSONS, "lecture", "workshop"])
def test_slides(name: str, chromium: Any, site: Path) -> None:
    """From disk: the deck opens, moves on, typesets its formulas, and every slide fits."""
    visit = Visit(chromium, f"{site.as_uri()}/book/teach/slides/{name}.html", viewport={"width": 1280, "height": 800})
    page = visit.page
    page.wait_for_function("() => window.Reveal && Reveal.isReady() && window.MathJax.startup?.promise")
    page.evaluate("() => MathJax.startup.promise")
    first = page.inner_text("section.present")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("section.present") != first
    assert page.locator("mjx-merror").count() == 0
    assert page.locator("aside.notes > :is(h1, h2, h3):first-child").count() == 0, "the heading is on the slide"
    overfull = page.evaluate(
        """() => [...document.querySelectorAll('.slides > section')].map((s, i) => {
            Reveal.slide(i); return [i + 1, s.scrollHeight]; }).filter(([, height]) => height > 705)"""
    )
    assert not overfull, f"slides that do not fit: {overfull}"
    visit.leave()


def test_slides_on_a_phone_are_read_like_a_page(chromium: Any, site: Path) -> None:
    """One below the other, in letters that can be read; what is too wide scrolls."""
    for name in ("lecture", "17_colour"):
        visit = Visit(
            chromium, f"{site.as_uri()}/book/teach/slides/{name}.html", viewport={"width": 390, "height": 844}
        )
        visit.page.wait_for_function("() => window.MathJax.startup?.promise")
        visit.page.evaluate("() => MathJax.startup.promise")
        places = visit.page.evaluate(
            """() => [...document.querySelectorAll('.slides > section')].map((s) => {
                const { top, bottom, right } = s.getBoundingClientRect();
                const { overflowX, fontSize } = getComputedStyle(s);
                return [top, bottom, right, overflowX, parseFloat(fontSize)]; })"""
        )
        assert len(places) > 30 and visit.page.evaluate("() => document.documentElement.scrollWidth") <= 390
        assert all(bottom > top and right <= 390 and scroll == "auto" for top, bottom, right, scroll, _ in places)
        assert all(above[1] <= below[0] + 1 for above, below in itertools.pairwise(places))
        assert min(size for *_, size in places) > 12 and not visit.page.locator("aside.notes").first.is_visible()
        visit.leave()


def test_a_lecturers_page_is_printed_with_the_answers_to_its_quiz(chromium: Any, site: Path) -> None:
    visit = Visit(chromium, f"{site.as_uri()}/book/teach/lessons/02.html")
    look = "() => [...document.querySelectorAll('.bd-article details')].map((folded) => folded.open)"
    assert visit.page.evaluate(look) == 3 * [False]
    visit.page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    assert visit.page.evaluate(look) == 3 * [True]
    visit.leave()


@pytest.mark.parametrize(("theme", "width"), [("light", 1300), ("dark", 1300), ("light", 390)])
def test_accessibility(theme: str, width: int, chromium: Any, served: str) -> None:
    """axe-core has nothing serious to say about any kind of page, in either theme, on a desktop and on a phone."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = []
    for name in [*PAGES, "search", COVERED]:
        size = {"width": width, "height": 1000}
        words = "?q=mosaic" if name == "search" else ""
        memory = "" if name == COVERED else ALL_SHOWN
        visit = Visit(chromium, f"{served}/{name}.html{words}", memory, color_scheme=theme, viewport=size)
        page = visit.page
        page.evaluate(f"() => {{ document.documentElement.dataset.theme = '{theme}' }}")
        visit.settle()  # axe would keep an explorer waiting for longer than it can
        if name == "book/index":
            page.wait_for_selector("#explorer .els-four")
        if words:
            page.wait_for_selector("#search-results a .highlighted")
        for violation in axe.run(page, options={"resultTypes": ["violations"], "preload": False}).response[
            "violations"
        ]:
            if violation["impact"] in ("serious", "critical"):
                found.append((name, violation["id"], [node["html"][:150] for node in violation["nodes"][:3]]))
        visit.leave()
    assert not found, "\n".join(map(str, found))


def test_no_line_begins_with_what_follows_a_formula(chromium: Any, site: Path) -> None:
    """A browser may break a line between a formula and its comma; together they are one piece, on slides, too."""
    alone = """() => {
        const texts = document.createTreeWalker(document.querySelector("article, .reveal"), NodeFilter.SHOW_TEXT);
        const found = [0, []];
        while (texts.nextNode()) {
            const text = texts.currentNode, formula = text.previousSibling;
            if (!/^[.,;:)?!]/.test(text.data) || !formula?.matches?.("span.math")) continue;
            const mark = document.createRange();
            mark.setStart(text, 0);
            mark.setEnd(text, 1);
            const [at, before] = [mark, formula].map((one) => one.getBoundingClientRect());
            found[0] += 1;
            if (at.width && at.left < before.left + 2) found[1].push(formula.textContent + text.data.slice(0, 20));
        }
        return found;
    }"""
    for name in (
        "notebooks/01_noise",
        "notebooks/04_local",
        "book/theory",
        "book/glossary",
        "book/teach/slides/04_local",
    ):
        visit = Visit(chromium, f"{site.as_uri()}/{name}.html", viewport={"width": 390, "height": 844})
        visit.settle()
        visit.page.wait_for_selector("mjx-container", state="attached")
        looked_at, begins = visit.page.evaluate(alone)
        assert looked_at > 10 and not begins, (name, looked_at, begins)
        visit.leave()


def test_code_and_tables_are_not_cut(chromium: Any, site: Path) -> None:
    """On a desktop every line of code is seen in full; on a phone prints in columns scroll, and sentences wrap."""
    for name in LESSONS:
        visit = Visit(chromium, f"{site.as_uri()}/notebooks/{name}.html", viewport={"width": 1400, "height": 900})
        visit.page.evaluate("() => document.querySelectorAll('details').forEach(folded => folded.open = true)")
        for width in (1400, 1280):
            visit.page.set_viewport_size({"width": width, "height": 900})
            cut = visit.page.evaluate(
                """() => [...document.querySelectorAll('.cell_input pre')].filter(p => !p.clientWidth ||
                    p.scrollWidth > p.clientWidth + 1).map(p => p.innerText.slice(0, 80))"""
            )
            assert not cut, (name, width, cut)
        visit.leave()
    visit = Visit(chromium, f"{site.as_uri()}/notebooks/13_gpu.html", viewport={"width": 390, "height": 844})
    wide = "e => [getComputedStyle(e).overflowX, e.scrollWidth > e.clientWidth]"
    for selector, has_text, scrolls in (
        (".columns pre", "logit, direct differences", True),
        ("pre", "not attempted", False),
    ):
        print_ = visit.page.locator(f".cell_output {selector}", has_text=has_text).first
        assert print_.evaluate(wide) == ["auto", scrolls], has_text
    visit.leave()
    visit = Visit(chromium, f"{site.as_uri()}/notebooks/06_equivariance.html", viewport={"width": 390, "height": 844})
    visit.page.wait_for_selector("mjx-container")
    formulas = visit.page.locator("ol span.math").evaluate_all(f"all => all.map({wide})")
    assert ["auto", True] in formulas and all(how == "auto" for how, _ in formulas)
    figure = visit.page.locator(".cell_output img").first
    assert figure.evaluate("e => [e.clientWidth, getComputedStyle(e.parentElement).overflowX]") == [640, "auto"]
    visit.leave()
    visit = Visit(chromium, f"{site.as_uri()}/notebooks/00_result.html", viewport={"width": 390, "height": 844})
    figure = visit.page.locator(".cell_output img").first
    assert figure.evaluate("e => [e.naturalWidth <= 800, e.clientWidth < 390]") == [True, True], "legible as a whole"
    visit.leave()


def test_what_scrolls_fades_where_there_is_more(chromium: Any, site: Path) -> None:
    """On a phone wide code fades on the right, at its end on the left; what fits does not fade."""
    visit = Visit(chromium, f"{site.as_uri()}/notebooks/07_els.html", viewport={"width": 390, "height": 844})
    faded = """(pre, left) => { pre.scrollLeft = left; return new Promise(done => requestAnimationFrame(() =>
        requestAnimationFrame(() => { const mask = getComputedStyle(pre).maskImage; done(mask === 'none' ? null :
        [/right, rgba\\(0, 0, 0, 0\\)/, /rgba\\(0, 0, 0, 0\\)\\)$/].map(side => side.test(mask)))})))}"""
    code = visit.page.locator(".cell_input pre", has_text="def all_patches").first
    assert code.evaluate(faded, 0) == [False, True] and code.evaluate(faded, 9999) == [True, False]
    fits = visit.page.locator(".cell_output pre", has_text="differs from the package's machine").first
    assert fits.evaluate(faded, 0) is None
    visit.leave()
    visit = Visit(chromium, f"{site.as_uri()}/book/index.html", viewport={"width": 390, "height": 844})
    assert not visit.page.get_by_role("columnheader", name="you need").is_visible(), "titles have the room"
    figures = visit.page.locator(".els-scrolls")
    assert figures.locator("img").evaluate_all("all => all.map(e => e.clientWidth)") == [640, 640]
    assert figures.first.evaluate(faded, 0) == [False, True]
    visit.leave()


def test_letters_in_the_text_are_whole(chromium: Any, site: Path) -> None:
    """A slanted letter leans out of its box: that is no formula to scroll, which would be cut, and fade."""
    for width, longest in ((1280, math.inf), (390, 60)):  # on a phone what is long scrolls
        size = {"width": width, "height": 900}
        visit = Visit(chromium, f"{site.as_uri()}/book/theory.html", viewport=size)
        visit.settle()
        formulas = visit.page.locator(".bd-article span.math")
        shown = formulas.evaluate_all("all => all.map(e => [e.clientWidth, getComputedStyle(e).maskImage])")
        assert len(shown) > 100
        assert not [long for long, mask in shown if mask != "none" and long < longest]
        visit.leave()


def test_the_contents_scroll_along(chromium: Any, served: str) -> None:
    """The section that is read is seen in the list of sections, which is longer than the window."""
    visit = Visit(chromium, f"{served}/notebooks/07_els.html", viewport={"width": 1300, "height": 700})
    visit.settle()
    contents = visit.page.locator("#pst-page-toc-nav a").all_inner_texts()
    assert "Exercise 1: One pixel of the machine" in contents and not re.search("minutes", "".join(contents))
    current = visit.page.locator("#pst-page-toc-nav a[aria-current]")
    for number in (9, 1):
        heading = visit.page.locator(".bd-article h2", has_text=f"{number}. ").first
        heading.evaluate("e => window.scrollBy(0, e.getBoundingClientRect().top - 100)")
        current.filter(has_text=f"{number}. ").wait_for()
        assert 0 < current.bounding_box()["y"] < 650
    visit.leave()


def test_on_a_phone_the_contents_make_way_for_what_was_chosen(chromium: Any, served: str) -> None:
    visit = Visit(chromium, f"{served}/notebooks/07_els.html", viewport={"width": 390, "height": 844})
    visit.settle()
    drawer = visit.page.locator("#pst-secondary-sidebar-modal")
    for section in ("2. ", "5. "):
        visit.page.locator(".secondary-toggle:visible").first.click()
        drawer.locator("a", has_text=section).first.click()
        drawer.wait_for(state="hidden")
        heading = visit.page.locator(".bd-article h2", has_text=section).first
        assert 0 <= heading.bounding_box()["y"] < 300
    visit.leave()


@pytest.mark.parametrize(
    ("address", "selector"), [("notebooks/00_result", "details.hide > summary"), ("book/theory", "table[tabindex]")]
)
def test_where_the_keyboard_is_is_seen(address: str, selector: str, chromium: Any, served: str) -> None:
    """On what cuts off all that is outside: in a picture of it the frame is seen, but where a wide table fades away."""
    visit = Visit(chromium, f"{served}/{address}.html", viewport={"width": 390, "height": 844})
    visit.settle()
    one = visit.page.locator(f".bd-article {selector}").first
    without = np.asarray(Image.open(io.BytesIO(one.screenshot())).convert("RGB"), int)
    one.focus()
    visit.page.keyboard.press("Shift+Tab")
    visit.page.keyboard.press("Tab")
    assert one.evaluate("e => e === document.activeElement")
    framed = np.asarray(Image.open(io.BytesIO(one.screenshot())).convert("RGB"), int)
    changed = abs(framed - without).sum(2) > 90
    for side in (changed[:3], changed[-3:], changed[:, :3]):
        assert side.mean() > 0.5
    visit.leave()


def test_paper_is_white_and_motion_can_be_reduced(chromium: Any, site: Path) -> None:
    window = {"color_scheme": "dark", "reduced_motion": "reduce"}
    visit = Visit(chromium, f"{site.as_uri()}/notebooks/{LESSONS[2]}.html", **window)
    visit.settle()
    themes = visit.page.evaluate(
        """() => [null, 'beforeprint', 'afterprint'].map((name) => {
            if (name) dispatchEvent(new Event(name)); return document.documentElement.dataset.theme; })"""
    )
    assert themes == ["dark", "light", "dark"]
    dimmed = visit.page.locator(".cell_output img").first.evaluate("e => getComputedStyle(e).filter")
    assert re.fullmatch(r"brightness\([\d.]+\)", dimmed), "a contrast would make faint pixels black"
    visit.leave()
    visit = Visit(chromium, f"{site.as_uri()}/book/index.html", **window)
    visit.page.locator("summary", has_text="Answer").click()
    way = visit.page.locator(".els-way")
    way.scroll_into_view_if_needed()
    assert way.evaluate("e => e.decode().then(() => e.currentSrc)").endswith("pairs-1.png"), "it does not move"
    visit.leave()
    visit = Visit(chromium, f"{site.as_uri()}/book/teach/slides/{LESSONS[2]}.html", **window)
    visit.page.wait_for_function("() => window.Reveal && Reveal.isReady()")
    assert visit.page.evaluate("() => Reveal.getConfig().transition") == "none"
    visit.leave()


def test_without_javascript(chromium: Any, site: Path) -> None:
    """The decks are readable, and pages say what is missing."""
    page = chromium.new_page(java_script_enabled=False)
    page.goto(f"{site.as_uri()}/book/teach/slides/{LESSONS[0]}.html")
    slides = page.locator(".slides > section")
    assert slides.nth(1).is_visible() and slides.nth(1).bounding_box()["y"] > slides.first.bounding_box()["y"] + 100
    page.goto(f"{site.as_uri()}/book/index.html")
    assert "need JavaScript" in page.inner_text("#explorer")
    page.goto(f"{site.as_uri()}/notebooks/{LESSONS[1]}.html")
    assert "TeX" in page.locator(".bd-article").evaluate("e => getComputedStyle(e, '::before').content")
    page.close()


@pytest.mark.parametrize("width", [320, 390, 1300])
def test_no_page_scrolls_sideways(width: int, chromium: Any, served: str) -> None:
    for name in (*PAGES, "notebooks/08_borders"):  # with a long name in its text
        visit = Visit(chromium, f"{served}/{name}.html", viewport={"width": width, "height": 900})
        wide = visit.page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 1, f"{name} is {wide} pixels too wide"
        visit.leave()


@pytest.fixture(scope="module")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server on copies of the lessons, as `elscourse lab` starts it."""
    from elscourse.workspace import copy_lessons

    folder = tmp_path_factory.mktemp("lab")
    copy_lessons(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {f"JUPYTER_{name}_DIR": str(folder / f".{name}") for name in ("CONFIG", "RUNTIME", "DATA")}
    settings |= {f"JUPYTERLAB_{name}_DIR": str(folder / f".lab-{name}") for name in ("SETTINGS", "WORKSPACES")}
    log = (folder / "lab.log").open("w")
    options = f"""--no-browser --allow-root --ServerApp.ip=127.0.0.1 --port={port} --ServerApp.port_retries=0
        --IdentityProvider.token= --ServerApp.root_dir={folder} --LabApp.expose_app_in_browser=True
        --LabApp.news_url= --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"""
    command = [sys.executable, "-m", "jupyterlab", *options.split()]
    server = subprocess.Popen(command, cwd=folder, env=os.environ | settings,
                              stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            urllib.request.urlopen(f"{address}/api/status", timeout=2)
            break
        except OSError:
            assert server.poll() is None, (folder / "lab.log").read_text()
            time.sleep(0.5)
    yield address
    server.terminate()
    server.wait(20)
    log.close()


def test_a_lesson_in_jupyterlab(chromium: Any, jupyterlab: str) -> None:
    """Opens lesson 00, runs all of it, clicks a pixel, and picks another picture."""
    page = chromium.new_page(viewport={"width": 1300, "height": 1000})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{jupyterlab}/doc/tree/00_result.ipynb?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    ready = page.evaluate(
        """() => Promise.race([new Promise(r => setTimeout(() => r(false), 90000)), (async () => {
            const session = window.jupyterapp.shell.currentWidget.sessionContext;
            await session.ready; await session.session.kernel.info; return true })()])"""
    )
    assert ready, "the kernel was not ready in 90 s"
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")  # not awaited: it may hang
    done = """() => {
        const model = window.jupyterapp.shell.currentWidget.content.model;
        const code = [...model.cells].filter(cell => cell.type === 'code');
        return code.every(cell => cell.executionCount !== null && cell.executionState !== 'running') &&
            window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle' }"""
    page.wait_for_timeout(2000)
    page.wait_for_function(done, timeout=240_000)
    failed = page.evaluate(
        """() => [...window.jupyterapp.shell.currentWidget.content.model.cells].flatMap(cell => cell.type === 'code' ?
            cell.outputs.toJSON().filter(output => output.output_type === 'error') : [])"""
    )
    assert not failed, json.dumps(failed)[:2000]
    folded = page.evaluate(
        """() => window.jupyterapp.shell.currentWidget.content.widgets.map(cell => [cell.inputHidden,
            (cell.model.getMetadata('tags') || []).includes('hide-input')])"""
    )
    assert any(hidden for hidden, _ in folded) and all(hidden == tagged for hidden, tagged in folded)
    number = page.evaluate(
        """() => { const panel = window.jupyterapp.shell.currentWidget.content;
            const at = [...panel.model.cells].findIndex(c => c.sharedModel.source.includes('MosaicExplorer'));
            panel.activeCellIndex = at; panel.scrollToItem(at); return at }"""
    )
    assert number > 0
    page.wait_for_selector(".els .els-pick", timeout=30_000)
    said = page.locator(".els-said").first
    before = said.inner_text()
    page.locator(".els-pick").first.click(position={"x": 40, "y": 60})
    page.wait_for_function("before => document.querySelector('.els-said').innerText !== before", arg=before)
    page.locator(".els .els-choice").nth(3).click()
    page.wait_for_function("() => document.querySelector('.els-said').innerText.includes('of image 3')")
    page.close()
    assert not errors, errors


def test_a_slider_in_jupyterlab(chromium: Any, jupyterlab: str) -> None:
    """Lesson 02's explorer follows its slider with a live kernel behind it."""
    page = chromium.new_page(viewport={"width": 1300, "height": 1000})
    page.goto(f"{jupyterlab}/doc/tree/02_ideal.ipynb?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.evaluate(
        """async () => { const panel = window.jupyterapp.shell.currentWidget;
            await panel.sessionContext.ready; await panel.sessionContext.session.kernel.info;
            const cells = [...panel.content.model.cells];
            const at = cells.findIndex(c => c.sharedModel.source.includes('PosteriorExplorer'));
            panel.content.activeCellIndex = at; panel.content.scrollToItem(at);
            window.jupyterapp.commands.execute('notebook:run-all-above').then(() =>
                window.jupyterapp.commands.execute('notebook:run-cell')) }"""
    )
    slider = page.locator(".els input[type=range]").first
    slider.wait_for(timeout=180_000)
    slider.press("Home")
    first = page.locator(".els-said").first.inner_text()
    slider.press("End")
    assert page.locator(".els-said").first.inner_text() != first
    page.close()
