"""Figures say what they show, and refuse what they cannot draw."""

from __future__ import annotations

import io
import itertools
from typing import Any

import numpy as np
import pytest
import torch
from conftest import pictures, python, run
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex, to_rgb, to_rgba_array
from PIL import Image

import elscourse as els
from elscourse import plotting


@pytest.mark.parametrize("alt", ["", "   ", "a plot", None, 3])
def test_a_figure_without_description_is_refused(alt: object) -> None:
    figure, _ = plt.subplots()
    with pytest.raises(els.CourseError, match="needs a sentence"):
        plotting.show(figure, alt=alt)  # type: ignore[arg-type]
    plt.close(figure)


@pytest.mark.parametrize("figure", [None, plt, [1], torch.zeros(2)])
def test_only_figures_are_shown(figure: object) -> None:
    with pytest.raises(els.CourseError, match="needs a matplotlib figure"):
        plotting.show(figure, alt="a line that rises")  # type: ignore[arg-type]


WEIGHTS = torch.tensor([0.9, 0.1])
VOTES = els.LocalScoreMachine(pictures(8, 1, 4, 4), patch_size=3).posterior(pictures(1, 1, 4, 4), 0.9)


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        (lambda: plotting.provenance_map(pictures(1, 1, 4, 4)[0], WEIGHTS), r"shape \(B, C, H, W\)"),
        (lambda: plotting.provenance_map(pictures(1, 1, 4, 4), [0]), "source must be a tensor of indices.* got list"),
        (
            lambda: plotting.provenance_map(pictures(1, 1, 4, 4), torch.ones(1, 4, 4)),
            "source must be a tensor of indices.* got torch.float32",
        ),
        (lambda: plotting.calibration_map([1.0], [3], [[0.5]]), r"cosine must .* \(1, 1\), got list"),
        (lambda: plotting.calibration_map([1.0], [3], torch.ones(3, 3)), r"\(1, 1\), got \(3, 3\)"),
        (
            lambda: plotting.calibration_map([1.0], [3], torch.ones(1, 1), [(1.0, 9)]),
            r"sizes \[9\] that are not among the candidates \[3\]",
        ),
        (lambda: plotting.calibration_map([1.0], [3], torch.ones(1, 1) * torch.nan), "cosine holds NaN only"),
        (lambda: plotting.image_rows({"a": pictures(2, 1, 4, 4)}, notes=None), "notes must be a list .* got None"),
        (lambda: plotting.image_rows({"a": pictures(2, 1, 4, 4)}, [1, 2, 3]), "notes has 3 entries, .* only 2 columns"),
        (lambda: plotting.image_rows({"a": pictures(2, 1, 4, 4)}, titles="ab"), "titles must be a list .* got 'ab'"),
        (lambda: plotting.agreement_scatter(WEIGHTS, WEIGHTS[:1], ("a", "b"), "c"), r"baseline must .* \(2,\)"),
        (lambda: plotting.image_rows({1: pictures(1, 1, 4, 4)}), "names of rows must be text, got 1"),
        (lambda: plotting.show_image(None, torch.ones(4, 4)), r"image must .* \(C, H, W\), got \(4, 4\)"),
        (lambda: plotting.show_image(None, torch.ones(2, 4, 4)), "1 channel"),
        (
            lambda: plotting.show_image(None, torch.ones(1, 4, 4, dtype=torch.uint8)),
            "must hold floats, uint8 / 127.5 - 1",
        ),
        (lambda: plotting.show_image(None, torch.ones(1, 4, 4) / 0), "image contains NaN or infinite pixels"),
        (lambda: plotting.image_rows({"a": torch.zeros(1, 1, 4, 4) / 0}), "row 'a' contains NaN or infinite pixels"),
        (
            lambda: plotting.coloured_by_voters(pictures(1, 3, 4, 4), VOTES),
            r"images must .* \(B, 1, H, W\), got \(1, 3",
        ),
        (
            lambda: plotting.coloured_by_voters(pictures(2, 1, 4, 4), VOTES),
            r"votes must be on these 2 images .*\(1, 4, 4\)",
        ),
        (
            lambda: plotting.coloured_by_voters(pictures(1, 1, 4, 4), VOTES),
            "for 7 training images, but image 7 has votes",
        ),
        (
            lambda: plotting.coloured_by_voters(pictures(1, 1, 4, 4), None),
            "votes must be what machine.posterior.* NoneType",
        ),
        (lambda: plotting.image_rows({"a": torch.zeros(1001, 1, 4, 4)}), r"holds 1,001 images, .*take images\[:20\]"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, sentence: str) -> None:
    with pytest.raises(els.CourseError, match=sentence):
        draw()


def test_the_candidates_of_a_map_may_be_a_tensor() -> None:
    figure = plotting.calibration_map([1.0], torch.tensor([3, 5]), torch.tensor([[0.5, 0.6]]), [(1.0, 5)])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["3", "5"]


def test_shown_figures_carry_alt_text_and_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    monkeypatch.setattr(plotting, "_display", lambda page, text: shown.append((page, text)))
    figure, axis = plt.subplots()
    axis.plot([0, 1])
    plotting.show(figure, alt='A line that rises, with "quotes" & <signs>')
    ((page, text),) = shown
    assert 'alt="A line that rises, with &quot;quotes&quot; &amp; &lt;signs&gt;"' in page
    assert 'src="data:image/png;base64,' in page and "A line that rises" in text
    assert not plt.fignum_exists(figure.number)


def test_nothing_is_displayed_outside_of_a_notebook(capsys: pytest.CaptureFixture[str]) -> None:
    plotting.show(plt.figure(), alt="an empty figure, nothing to see")
    assert capsys.readouterr().out == ""


def test_image_rows_draws_every_image() -> None:
    rows = {"grey": pictures(3, 1, 4, 4), "colour": pictures(2, 3, 5, 5)}
    figure = plotting.image_rows(rows, notes=["a", "b", "c"], titles=["x", "y", "z"])
    axes = figure.axes
    assert len(axes) == 6 and sum(bool(a.images) for a in axes) == 5
    assert [a.get_title() for a in axes[:3]] == ["x", "y", "z"] and axes[3].get_xlabel() == "a"
    for axis, image in zip([*axes[:3], *axes[3:5]], [*rows["grey"], *rows["colour"]], strict=True):
        shown = torch.from_numpy(axis.images[0].get_array().data).view(*image.shape[1:], -1).movedim(-1, 0)
        torch.testing.assert_close(2 * shown - 1, image.clamp(-1, 1).float(), rtol=0, atol=1e-5)  # white is 1
        assert axis.images[0].get_clim() == (0, 1)


@pytest.mark.parametrize(
    ("words", "points"), [(["r2 0.94"] * 10, 11), (["ankle boot"] * 10, 10.5), (["change\n(grey: none)"] * 3, 8.7)]
)
def test_words_beside_pictures_are_as_large_as_neighbours_leave_room_for(words: list[str], points: float) -> None:
    rows = {name: pictures(len(words), 1, 4, 4) for name in ("network", "equivariant\nfilter")}
    figure = plotting.image_rows(rows, notes=words, titles=words)
    figure.draw_without_rendering()
    axes = np.array(figure.axes).reshape(2, -1)
    for texts in ([a.title for a in axes[0]], [a.xaxis.label for a in axes[1]]):
        assert [t.get_fontsize() for t in texts] == pytest.approx([points] * len(words), abs=0.1)
        boxes = [t.get_window_extent() for t in texts]
        assert all(one.x1 < two.x0 for one, two in itertools.pairwise(boxes))
        assert all(0 <= box.y0 < box.y1 <= figure.bbox.height for box in boxes)
    names = [a.yaxis.label for a in axes[:, 0]]
    assert [t.get_fontsize() for t in names] == [11, 11] and all(t.get_window_extent().x0 >= 0 for t in names)


def test_a_window_is_outlined_around_its_pixel() -> None:
    axis = plt.figure().add_subplot()
    plotting.patch_outline(axis, row=2, column=5, patch_size=3)
    (box,) = axis.patches
    assert (box.get_xy(), box.get_width(), box.get_height()) == ((3.5, 0.5), 3, 3)
    plt.close(axis.figure)


def test_an_outlined_block_is_seen_without_colours() -> None:
    """Printed in grey, orange is as bright as a pixel that is 0: the white beside it shows there."""
    figure, axis = plt.subplots(figsize=(2, 2), dpi=100)
    axis.imshow(np.full((8, 8), 0.5), cmap="gray", vmin=0, vmax=1)
    plotting.block_outline(axis, row=2, column=3, side=4)
    (box,) = axis.patches
    assert (box.get_xy(), box.get_width(), box.get_height()) == ((2.5, 1.5), 4, 4)
    page = io.BytesIO()
    axis.set_axis_off()
    figure.savefig(page, facecolor="0.5")
    grey = np.asarray(Image.open(page).convert("L"))
    assert (grey > 220).sum() > 200
    plt.close(figure)


@pytest.mark.parametrize(
    "rows", [{}, torch.zeros(1, 1, 2, 2), {"a": torch.zeros(1, 2, 2)}, {"a": torch.zeros(1, 2, 2, 2)}]
)
def test_image_rows_refuses(rows: object) -> None:
    with pytest.raises(els.CourseError, match="row"):
        plotting.image_rows(rows)  # type: ignore[arg-type]


def rgb(name: str) -> torch.Tensor:
    return torch.tensor(to_rgb(name))


def test_coloured_by_voters_mixes_the_colours_as_the_votes() -> None:
    images = torch.tensor([[[[1.0, 0.0], [-1.0, 1.0]]]])
    image = torch.tensor([[[[0, -1], [2, 0]], [[1, 0], [1, 3]]]])
    weight = torch.tensor([[[[1.0, 0.0], [0.25, 0.75]], [[0.5, 0.5], [0.9, 0.1]]]])
    voters = els.Posterior(image, torch.zeros(*image.shape, 2, dtype=torch.long), weight, weight.sum(-1))
    red, green, blue, yellow = map(rgb, plotting.VOTERS[:4])
    one, two, four = red, 0.25 * blue + 0.75 * red, 0.9 * green + 0.1 * yellow
    found = plotting.coloured_by_voters(images, voters)[0].movedim(0, -1)
    expected = torch.stack([torch.stack([2 * one - 1, two - 1]), torch.stack([0 * one - 1, 2 * four - 1])])
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("machine", "size"),
    [
        (els.IdealScoreMachine, {}),
        (els.EquivariantScoreMachine, {}),
        (els.EquivariantLocalScoreMachine, {"patch_size": 3}),
    ],
)
def test_coloured_by_voters_takes_what_every_machine_says(machine: Any, size: dict[str, int]) -> None:
    """One training image: all that is not black has its colour."""
    images = pictures(1, 1, 6, 6)
    votes = machine(images, **size).posterior(images, 0.3, top=100)
    torch.testing.assert_close(
        plotting.coloured_by_voters(images, votes), (images + 1) * rgb(plotting.VOTERS[0])[:, None, None] - 1
    )


def test_provenance_map_draws_a_seam_wherever_the_source_changes() -> None:
    source = torch.zeros(1, 4, 4, dtype=torch.int64)
    source[0, :, 2:] = 7
    figure = plotting.provenance_map(pictures(1, 1, 4, 4), source)
    seams = [segment for lines in figure.axes[1].collections for segment in lines.get_segments()]
    assert sorted(seam.tolist() for seam in seams) == [[[1.5, y - 0.5], [1.5, y + 0.5]] for y in range(4)]
    with pytest.raises(els.CourseError, match="one training image per pixel"):
        plotting.provenance_map(pictures(1, 1, 4, 4), source[:, :2])


def test_no_source_looks_like_the_background() -> None:
    every = torch.arange(-1, 39).view(1, 5, 8)
    colours = plotting.provenance_map(pictures(1, 1, 5, 8), every).axes[1].images[0].get_array().reshape(40, -1)[:, :3]
    grey = colours.max(1) - colours.min(1) < 0.05
    assert grey[0] and not grey[1:].any()
    assert (colours[2] != colours[1]).any() and (colours[3] != colours[2]).any(), "two sources, two colours"


def test_calibration_map_leaves_a_time_blank_that_has_no_cosine() -> None:
    cosine = torch.tensor([[torch.nan, torch.nan], [0.9, 0.4]])
    figure = plotting.calibration_map([1.0, 0.5], [3, 5], cosine)
    assert figure.axes[1].get_yticks().tolist() == [1, 2, 5]  # 0.6 is 6 times 0.1


def test_calibration_map_leaves_only_the_sizes_blank_that_have_no_cosine() -> None:
    figure = plotting.calibration_map([1.0], [3, 5, 7], torch.tensor([[0.9, torch.nan, 0.8]]))
    np.testing.assert_allclose(figure.axes[0].images[0].get_array().filled(np.nan), [[1], [np.nan], [2]], rtol=1e-5)


def test_calibration_map_draws_the_ridge_at_the_best_sizes() -> None:
    cosine = torch.tensor([[0.1, 0.9], [0.8, 0.2]])
    figure = plotting.calibration_map([1.0, 0.5], [3, 5], cosine, [(1.0, 5), (0.5, 3)])
    (ridge,) = figure.axes[0].lines
    assert list(ridge.get_ydata()) == [1, 0]
    colours = torch.from_numpy(figure.axes[0].images[0].get_array().data)  # sizes upwards, times to the right
    torch.testing.assert_close(colours, torch.tensor([[0.9 / 0.1, 1.0], [1.0, 0.8 / 0.2]]).double(), rtol=1e-5, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_scatter_marks_the_medians(dtype: torch.dtype) -> None:
    ours, other = torch.tensor([0.9, 0.8], dtype=dtype), torch.tensor([0.5, 0.7], dtype=dtype)
    figure = plotting.agreement_scatter(ours, other, ("ELS", "IS"), "the network")
    np.testing.assert_allclose(
        figure.axes[0].collections[0].get_offsets(), [(0.5, 0.9), (0.7, 0.8)], atol=torch.finfo(dtype).eps
    )
    assert "0.60 and 0.85" in figure.axes[0].get_legend().get_texts()[0].get_text()


def test_numbers_that_carry_a_gradient_are_drawn() -> None:
    numbers = torch.tensor([[0.5, 0.9]], requires_grad=True)
    assert plotting.calibration_map([1.0], [3, 5], numbers).axes
    assert plotting.agreement_scatter(numbers[0], numbers[0], ("ELS", "IS"), "the network").axes


def test_the_style_is_found_by_name() -> None:
    code = 'from matplotlib import pyplot as p; p.style.use("elscourse.course"); print(p.rcParams["image.cmap"])'
    assert python("-c", code) == "gray\n"


@pytest.mark.parametrize("name", ["picture", "picture.xyz", "a.b/picture"])
def test_an_unknown_kind_of_picture_is_refused_before_drawing(name: str) -> None:
    result = run("sample", "--out", name)
    assert result.exit_code == 1 and "end it in .png" in result.output


def test_the_sources_with_most_pixels_have_the_strong_colours() -> None:
    """Nine of them are strong, nine middling: of 40 sources the one with half of all pixels has the first."""
    source = torch.arange(64).clamp(max=32).view(1, 8, 8)  # 0 ... 31 once, 32 half of the time
    colours = plotting.provenance_map(pictures(1, 1, 8, 8), source).axes[1].images[0].get_array()
    assert to_hex(colours[7, 7]) == plotting.BLUE


@pytest.mark.parametrize("cones", ["all", "no red", "no green"])
def test_strong_sources_are_told_apart_by_every_eye(cones: str) -> None:
    """In CIE Lab, for which 2.3 is just noticeable; without red or green cones as Machado et al. 2009 simulate it."""
    seen = {
        "all": np.eye(3),
        "no red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
        "no green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    }[cones]
    colours = to_rgba_array([*plotting.SOURCES, "0.85"])[:, :3]  # and the grey of "no source"
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    xyz = (linear @ np.transpose(seen)).clip(0, 1) @ np.transpose(
        [[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0177, 0.1095, 0.8728]]  # divided by those of white
    )
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116).T
    lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)
    apart = np.linalg.norm(lab[:, None] - lab, axis=-1) + 1e9 * np.eye(len(lab))
    assert apart.min() > 15


def test_notes_and_titles_may_be_numbers() -> None:
    r2 = torch.tensor([0.98765, 0.5], dtype=torch.float64)
    figure = plotting.image_rows({"one": torch.zeros(2, 1, 4, 4)}, notes=r2, titles=np.array([0.25, 10.0]))
    assert [axis.get_xlabel() for axis in figure.axes] == ["0.988", "0.5"]
    assert [axis.get_title() for axis in figure.axes] == ["0.25", "10"]
    for one in ([1372], torch.tensor([1372]), [np.int64(1372)]):
        assert plotting.image_rows({"one": torch.zeros(1, 1, 4, 4)}, notes=one).axes[0].get_xlabel() == "1372"


def test_a_map_has_seams_of_both_kinds_titles_and_no_frames() -> None:
    source = torch.zeros(1, 3, 3, dtype=torch.int64)
    source[0, 2] = 7
    figure = plotting.provenance_map(pictures(1, 1, 3, 3), source, titles=["t = 1"])
    seams = [segment.tolist() for lines in figure.axes[1].collections for segment in lines.get_segments()]
    assert sorted(seams) == [[[x - 0.5, 1.5], [x + 0.5, 1.5]] for x in range(3)]
    assert figure.axes[0].get_title() == "t = 1"
    assert not any(spine.get_visible() for axis in figure.axes for spine in axis.spines.values())


def test_axes_say_what_they_are_of() -> None:
    half = torch.full((2,), 0.5)
    axis = plotting.agreement_scatter(half, half, ("ELS", "IS"), "the network").axes[0]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("r² of IS with the network", "r² of ELS with the network")
    assert axis.lines[0].get_xydata().tolist() == [[0, 0], [1, 1]], "the diagonal"
    times = [1 - k / 40 for k in range(40)]
    axis = plotting.calibration_map(times, [3], torch.full((40, 1), 0.5)).axes[0]
    assert "time t" in axis.get_xlabel() and axis.get_ylabel() == "patch size P" and len(axis.get_xticks()) == 10


def test_pictures_may_end_in_capitals_and_need_no_latex() -> None:
    from pathlib import Path

    plotting.check_picture_name(Path("a.PNG"))
    with pytest.raises(els.CourseError, match="does not name a kind of picture"):
        plotting.check_picture_name(Path("a.pgf"))


def test_a_shown_figure_is_as_wide_as_it_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    monkeypatch.setattr(plotting, "_display", lambda page, text: shown.append(page))
    plotting.show(plt.figure(figsize=(5, 2)), alt="an empty figure, nothing to see")
    assert 'width="480"' in shown[0]


def test_a_notebook_gets_the_picture_and_a_terminal_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    figure, shown = plt.figure(), []
    monkeypatch.setattr("IPython.get_ipython", object)
    monkeypatch.setattr("IPython.display.publish_display_data", shown.append)
    plotting.show(figure, alt="an empty figure, nothing to see")
    assert shown[0]["text/html"].startswith("<img ")
    assert shown[0]["text/plain"] == "[figure: an empty figure, nothing to see]"


def test_a_row_may_hold_a_hundred_and_its_name_stands_to_the_left() -> None:
    axes = plotting.image_rows({"one": pictures(100, 1, 2, 2), "two": pictures(1, 1, 2, 2)}).axes
    assert [axes[k].get_ylabel() for k in (0, 99, 100)] == ["one", "", "two"]


def test_sources_are_told_apart_over_all_maps() -> None:
    """By their pixels in all of them; the nineteenth and later ones have colours of their own, too: paler."""
    source = torch.zeros(2, 5, 8, dtype=torch.int64)
    source[1] = torch.arange(40).view(5, 8).clamp(max=26)
    axes = plotting.provenance_map(pictures(2, 1, 5, 8), source).axes
    first, second = (axes[k].images[0].get_array().reshape(40, -1) for k in (2, 3))
    assert (first == second[0]).all() and len(np.unique(second, axis=0)) == 18 + 9
    assert [axis.get_ylabel() for axis in axes] == ["image", "", "source", ""]


def test_calibration_map_names_its_times_and_takes_the_ridge_at_the_nearest() -> None:
    times = [1 - k / 20 for k in range(20)]
    figure = plotting.calibration_map(times, [3, 5], torch.ones(20, 2), [(0.9, 5), (0.1, 3)], title="a network")
    axis = figure.axes[0]
    assert axis.get_title() == "a network" and figure.axes[1].get_ylabel().startswith("(1 - cosine)")
    assert [label.get_text() for label in axis.get_xticklabels()][:3] == ["1", "0.9", "0.8"]
    assert list(axis.lines[0].get_ydata()) == 11 * [1] + 9 * [0]
    assert np.all(axis.images[0].get_array() == 1), "a cosine of 1 falls short by nothing, and is drawn"


def test_a_seed_that_cannot_be_compared_is_not_in_the_medians() -> None:
    ours, other = torch.tensor([0.9, 0.8, 0.7]), torch.tensor([0.5, torch.nan, 0.7])
    axis = plotting.agreement_scatter(ours, other, ("ELS", "IS"), "the network").axes[0]
    assert "0.60 and 0.80" in axis.get_legend().get_texts()[0].get_text()
    assert axis.get_xlim() == axis.get_ylim() == (0, 1)


@pytest.mark.parametrize("notes", [[None, 1], [[1.0], [2.0]], torch.zeros(2, 2)])
def test_notes_that_are_neither_words_nor_numbers_are_refused(notes: object) -> None:
    with pytest.raises(els.CourseError, match="notes must be words or numbers, one for each column, got "):
        plotting.image_rows({"a": torch.zeros(2, 1, 4, 4)}, notes)
