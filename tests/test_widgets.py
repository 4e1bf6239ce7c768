"""The explorers: what they show is what the machines say, it fits into a notebook, and it moves in a real browser."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import noised, pictures, python
from torch import Tensor

import elscourse as els

pytest.importorskip("anywidget")
import pytest

from elscourse import widgets
from elscourse.widgets.mosaic import PICTURES

FOLDER = Path(widgets.__file__).parent
IMAGES = pictures(12, 1, 6, 8)
COLOURS = pictures(9, 3, 6, 8)
CLASSES = torch.arange(12) % 2
ALPHA, SIGMA = 0.8, 0.6
T = 0.4
SCRIPTS = ["board.js", "exchange.js", "mosaic.js", "noise.js", "patch_size.js", "posterior.js", "prediction.js"]


def read(data: bytes, dtype: type, *shape: int) -> Tensor:
    """What the browser reads from a bytes traitlet."""
    return torch.from_numpy(np.frombuffer(data, dtype).reshape(shape).copy())


def shades(images: Tensor) -> Tensor:
    """Pixels as the screen has them, channels last."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round().byte().movedim(-3, -1)


def patch_machine(images: Tensor = IMAGES, **options: Any) -> els.EquivariantLocalScoreMachine:
    return els.EquivariantLocalScoreMachine(images, **{"patch_size": 3, **options})


def mosaic(**options: Any) -> widgets.MosaicExplorer:
    x_t = noised(IMAGES, 2, ALPHA, SIGMA)
    return widgets.MosaicExplorer.of(patch_machine(), x_t, IMAGES[:2], T, **options)


def noise(**options: Any) -> widgets.NoiseExplorer:
    return widgets.NoiseExplorer.of(IMAGES[:3], pictures(3, 1, 6, 8, seed=1), **options)


def posterior(**options: Any) -> widgets.PosteriorExplorer:
    machine = els.IdealScoreMachine(IMAGES)
    return widgets.PosteriorExplorer.of(machine, IMAGES[3], pictures(1, 1, 6, 8, seed=1)[0], [0.9, 0.3], **options)


def patch_sizes() -> widgets.PatchSizeExplorer:
    return widgets.PatchSizeExplorer.of({5: IMAGES[:2], 1: IMAGES[2:4]})


CORNERS, BLOCK = [(0, 0), (0, 5), (2, 3), (3, 5)], 3


def drawings(seed: int, colours: int = 1) -> tuple[Tensor, Tensor]:
    """Before, and after each exchange: two of each, not all within black and white."""
    return 1.5 * pictures(2, colours, 6, 8, seed=seed), pictures(8, colours, 6, 8, seed=seed + 1).unflatten(0, (2, 4))


def exchange(colours: int = 1) -> widgets.ExchangeExplorer:
    noise, other = (els.seeded_noise(seeds, (colours, 6, 8)) for seeds in ((0, 1), (2, 3)))
    return widgets.ExchangeExplorer.of(noise, other, CORNERS, BLOCK, drawings(4, colours), drawings(7, colours))


def prediction(colours: int = 1) -> widgets.PredictionExplorer:
    """Five drawings: one prediction near them, one of nothing but grey, which has no r2, one of something else."""
    drawn, other, noise = (pictures(5, colours, 6, 8, seed=seed) for seed in (1, 2, 3))
    predictions = {"near": 0.9 * drawn + 0.3 * other, "grey": torch.zeros_like(drawn), "other": 2 * other}
    return widgets.PredictionExplorer.of(predictions, drawn, 3 * noise)


def board() -> widgets.BoardExplorer:
    square = -torch.ones(5, 6)
    square[1:4, 1:4] = 1
    return widgets.BoardExplorer.of({"square": square, "sea": -torch.ones(5, 6)})


# --- what is shown is what the machine says ---


@pytest.mark.parametrize(
    "machine",
    [
        patch_machine(),
        patch_machine(padding="circular", patch_size=5),
        patch_machine(COLOURS),
        patch_machine(IMAGES.double(), window="gaussian"),
        els.LocalScoreMachine(IMAGES, patch_size=[(0.4, 7), (1.0, 11)]),
    ],
    ids=["zeros", "circular", "colour", "gaussian", "local"],
)
def test_mosaic_shows_the_posterior(machine: els.EquivariantLocalScoreMachine) -> None:
    x_t = noised(machine.images, 2, ALPHA, SIGMA)
    explorer = widgets.MosaicExplorer.of(machine, x_t, machine.images[:2], T, top=3)
    votes, shape = machine.posterior(x_t, T, 3), (2, 6, 8, 3)
    image = read(explorer.image, np.int32, *shape)
    place = read(explorer.place, np.uint16, *shape).long()
    there = votes.image >= 0
    assert torch.equal(image, votes.image.int())
    assert torch.equal(torch.stack([place // 8, place % 8], -1)[there], votes.location[there])
    assert torch.equal(read(explorer.weight, np.float32, *shape), votes.weight.float())
    assert torch.equal(read(explorer.entropy, np.float32, 2, 6, 8), votes.entropy.float())
    sent = read(explorer.atlas_index, np.int32, -1)
    assert torch.equal(sent, image[there].unique())
    atlas = read(zlib.decompress(explorer.atlas), np.uint8, len(sent), 6, 8, machine.images.shape[1])
    assert torch.equal(atlas, shades(machine.images[sent]))
    assert explorer.noisy == shades(x_t).numpy().tobytes()
    assert explorer.samples == shades(machine.images[:2]).numpy().tobytes()
    assert explorer.window == machine.size_at(T)
    assert explorer.circular == (machine.padding == "circular")
    assert explorer.pixel == (3, 4)


def test_mosaic_lets_only_the_class_vote() -> None:
    machine = patch_machine(image_labels=CLASSES)
    x_t = noised(IMAGES, 2, ALPHA, SIGMA)
    explorer = widgets.MosaicExplorer.of(machine, x_t, IMAGES[:2], T, labels=[1, 0])
    image = read(explorer.image, np.int32, 2, 6, 8, 4)
    assert CLASSES[image[0]].eq(1).all() and CLASSES[image[1]].eq(0).all()


def test_noise_has_what_is_needed_to_noise() -> None:
    explorer = noise(times=[1.0, 0.0, 0.5])
    assert explorer.times == [0.0, 0.5, 1.0]
    schedule = els.CosineSchedule()
    assert explorer.alphas == [schedule.alpha(t) for t in explorer.times]
    assert explorer.sigmas == [schedule.sigma(t) for t in explorer.times]
    assert torch.equal(read(explorer.clean, np.float32, 3, 6, 8, 1), IMAGES[:3].movedim(1, -1))
    assert torch.equal(read(explorer.noise, np.float32, 3, 6, 8, 1), pictures(3, 1, 6, 8, seed=1).movedim(1, -1))
    assert (explorer.points, explorer.density) == ([], b"")
    explorer.index = 1
    assert explorer.t == 0.5


def test_noise_by_a_schedule_of_ones_own() -> None:
    class Straight:
        alpha = staticmethod(lambda t: torch.tensor(1 - t))
        sigma = staticmethod(lambda t: torch.tensor(t))
        times = staticmethod(lambda steps: [1 - k / steps for k in range(steps + 1)])

    explorer = noise(schedule=Straight(), times=[0.0, 0.25, 1.0])
    assert (explorer.alphas, explorer.sigmas) == ([1.0, 0.75, 0.0], [0.0, 0.25, 1.0])


def test_noise_density_is_one_of_a_mixture() -> None:
    explorer = noise(points=torch.tensor([-1.0, 0.5, 0.5]))
    density = read(explorer.density, np.float32, 51, 401).double()
    x = torch.linspace(*explorer.span, 401, dtype=torch.float64)
    mass = torch.trapezoid(density, x)
    assert mass[0] == 0 and (mass[1:] - 1).abs().max() < 0.01
    alpha, sigma = explorer.alphas[20], explorer.sigmas[20]
    normal = torch.distributions.Normal(torch.tensor([-alpha, 0.5 * alpha]), sigma)
    by_hand = normal.log_prob(x[:, None]).exp() @ torch.tensor([1 / 3, 2 / 3], dtype=torch.float64)
    assert (density[20] - by_hand).abs().max() < 1e-5


def test_posterior_shows_answer_and_voters() -> None:
    explorer, machine = posterior(top=3), els.IdealScoreMachine(IMAGES)
    assert explorer.times == [0.3, 0.9] and explorer.t == 0.3
    eps = pictures(1, 1, 6, 8, seed=1)
    for k, t in enumerate(explorer.times):
        x_t = els.add_noise(IMAGES[3:4], eps, t)
        votes = machine.posterior(x_t, t, 3)
        assert torch.equal(read(explorer.noisy, np.uint8, 2, 6, 8, 1)[k], shades(x_t)[0])
        assert torch.equal(read(explorer.denoised, np.uint8, 2, 6, 8, 1)[k], shades(machine(x_t, t))[0])
        assert torch.equal(read(explorer.weight, np.float32, 2, 3)[k], votes.weight[0])
        assert torch.equal(read(explorer.entropy, np.float32, 2)[k : k + 1], votes.entropy)
        who = read(explorer.voter, np.int32, 2, 3)[k]
        assert torch.equal(read(explorer.image, np.int32, -1)[who], votes.image[0].int())
        assert torch.equal(read(explorer.voters, np.uint8, -1, 6, 8, 1)[who], shades(IMAGES[votes.image[0]]))


def test_posterior_shows_voters_shifted_as_they_voted() -> None:
    shifted = IMAGES[5].roll((-2, -3), (-2, -1))
    machine = els.EquivariantScoreMachine(IMAGES)
    explorer = widgets.PosteriorExplorer.of(machine, shifted, torch.zeros_like(shifted), [0.2], top=1)
    assert explorer.voters == shades(shifted).numpy().tobytes()
    assert read(explorer.image, np.int32, -1).tolist() == [5]
    assert read(explorer.shift, np.int32, -1).tolist() == [2, 3]


def test_fewer_voters_than_asked_for() -> None:
    alone = IMAGES[:1]
    explorer = widgets.PosteriorExplorer.of(els.IdealScoreMachine(alone), alone[0], alone[0], [0.5], top=3)
    who = read(explorer.voter, np.int32, 3)
    assert who[1:].tolist() == [-1, -1] and read(explorer.image, np.int32, -1)[who[0]] == 0
    corner = els.LocalScoreMachine(alone, patch_size=3)
    explorer = widgets.MosaicExplorer.of(corner, alone, alone, T, top=2)
    assert read(explorer.image, np.int32, 6, 8, 2)[..., 1].eq(-1).all()
    assert read(explorer.atlas_index, np.int32, -1).tolist() == [0]
    tiny = alone[..., :2, :2].contiguous()  # four patches in all, five voters asked for
    for explorer in (
        widgets.PosteriorExplorer.of(els.EquivariantScoreMachine(tiny), tiny[0], tiny[0], [0.5], top=5),
        widgets.MosaicExplorer.of(els.EquivariantLocalScoreMachine(tiny, patch_size=1), tiny, tiny, T, top=5),
    ):
        assert len(explorer.weight) == 4 * explorer.top * (4 if isinstance(explorer, widgets.MosaicExplorer) else 1)


def test_exchange_shows_drawings_changes_and_what_was_foretold() -> None:
    explorer = exchange()
    (first, then), (old, new) = ([some.clamp(-1, 1) for some in drawings(seed)] for seed in (4, 7))
    assert explorer.before == shades(torch.stack([first, old])).numpy().tobytes()
    assert explorer.after == shades(torch.stack([then, new])).numpy().tobytes()
    changes = then - first[:, None], new - old[:, None]
    assert explorer.change == shades(torch.stack(changes)).numpy().tobytes()
    foretold = read(explorer.foretold, np.float32, 2, 4)
    for b in range(2):
        for k in range(4):
            said, did = (change[b, k].double() for change in changes)
            expected = 1 - ((did - said) ** 2).sum() / (did**2).sum()
            torch.testing.assert_close(foretold[b, k].double(), expected, rtol=1e-5, atol=0)
    assert explorer.noise == shades(els.seeded_noise([0, 1], (1, 6, 8)) / 2).numpy().tobytes()
    assert explorer.other == shades(els.seeded_noise([2, 3], (1, 6, 8)) / 2).numpy().tobytes()
    assert (explorer.shape, explorer.count, explorer.side) == ([1, 6, 8], 2, 3)
    assert explorer.corners == [list(corner) for corner in CORNERS] and not explorer.told


def test_a_board_begins_with_the_first_image() -> None:
    explorer = board()
    assert torch.equal(explorer.image[1:4, 1:4], torch.ones(3, 3)) and explorer.image.sum() == 9 - 21
    explorer.board = [-1] * 29 + [1]
    assert explorer.image.shape == (5, 6) and explorer.image[4, 5] == 1 and explorer.image.sum() == -28


def test_patch_sizes_rise() -> None:
    explorer = patch_sizes()
    assert explorer.sizes == [1, 5]
    assert explorer.samples == shades(torch.stack([IMAGES[2:4], IMAGES[:2]])).numpy().tobytes()
    explorer.index = 1
    assert explorer.patch_size == 5


def test_numpy_times_and_beyond_the_range() -> None:
    assert (
        widgets.PatchSizeExplorer.of({np.int64(3): IMAGES[:1] * 3}).samples == shades(IMAGES[:1] * 3).numpy().tobytes()
    )
    assert posterior().get_state()["times"] == [0.3, 0.9]
    assert noise(times=np.linspace(0, 1, 3)).times == [0, 0.5, 1]


# --- it fits into a notebook, and says what it is ---


@pytest.mark.parametrize("colours", [1, 3])
def test_prediction_shows_all_drawings_and_how_alike_they_are(colours: int) -> None:
    explorer = prediction(colours)
    drawn, other, noise = (pictures(5, colours, 6, 8, seed=seed) for seed in (1, 2, 3))
    r2 = read(explorer.r2, np.float32, 3, 5)
    for k, images in ((0, 0.9 * drawn + 0.3 * other), (2, 2 * other)):
        pairs = zip(images.flatten(1).numpy(), drawn.flatten(1).numpy(), strict=True)
        assert np.allclose(r2[k], [np.corrcoef(*pair)[0, 1] ** 2 for pair in pairs], atol=1e-5)
    assert r2[1].isnan().all()
    stacks = read(zlib.decompress(explorer.drawings), np.uint8, 5, 5, 6, 8, colours)
    expected = [1.5 * noise, drawn, 0.9 * drawn + 0.3 * other, torch.zeros_like(drawn), 2 * other]
    assert torch.equal(stacks, shades(torch.stack(expected)))
    assert explorer.names == ["near", "grey", "other"] and not explorer.told


def stored(explorer: Any) -> int:
    """Bytes in a notebook's metadata."""
    state = explorer.get_state()
    return sum(len(base64.b64encode(v)) if isinstance(v, bytes) else len(json.dumps(v)) for v in state.values())


@pytest.mark.parametrize("t", [0.2, 0.6, 1.0])
def test_mosaic_is_small(t: float) -> None:
    lab = els.lab(verbose=False)
    images = lab.data.images[:4]
    x_t = els.add_noise(images, els.seeded_noise(range(4), lab.shape), t)
    explorer = widgets.MosaicExplorer.of(lab.machine("els-zeros"), x_t, images, t)
    assert stored(explorer) < 400_000
    assert len(explorer.atlas_index) // 4 == len(set(np.frombuffer(explorer.image, np.int32)))


def test_mosaic_of_incompressible_images_keeps_the_heaviest() -> None:
    images = pictures(2000, 1, 16, 16)
    x_t = pictures(4, 1, 16, 16, seed=1)
    explorer = widgets.MosaicExplorer.of(patch_machine(images), x_t, images[:4], T)
    assert stored(explorer) < 4 / 3 * PICTURES + 100_000  # in base64, with the voters
    image, weight = read(explorer.image, np.int32, -1, 4), read(explorer.weight, np.float32, -1, 4)
    weight[:, 0] += 1  # a pixel's heaviest voter comes before all others
    sent = torch.isin(image, read(explorer.atlas_index, np.int32, -1))
    most = torch.zeros(2000).scatter_reduce_(0, image.flatten().long(), weight.flatten(), "amax")
    kept = most[image[sent].long()].min()
    assert sent.any() and not sent.all() and most[image[~sent].long()].max() <= kept


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (board, "BoardExplorer(5 x 6 pixels to paint)"),
        (exchange, "ExchangeExplorer(2 noises, 4 blocks of 3 x 3 pixels)"),
        (mosaic, "MosaicExplorer(2 images, 4 voters per pixel at t = 0.4, window 3)"),
        (noise, "NoiseExplorer(3 images, 51 times)"),
        (posterior, "PosteriorExplorer(2 times, 5 voters each)"),
        (patch_sizes, "PatchSizeExplorer(2 images, patch sizes 1, 5)"),
        (prediction, "PredictionExplorer(5 drawings, predicted by near, grey, other)"),
    ],
    ids=["board", "exchange", "mosaic", "noise", "posterior", "patch_sizes", "prediction"],
)
def test_the_text_shown_instead(build: Callable[[], Any], text: str) -> None:
    assert repr(build()) == text
    data, _ = build()._repr_mimebundle_()
    assert data["text/plain"] == f"{text}: run this cell to use it"
    assert "application/vnd.jupyter.widget-view+json" in data


def test_nothing_is_asked_of_the_network() -> None:
    for path in [*FOLDER.glob("*.js"), *FOLDER.glob("*.css")]:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")  # a name, not an address
        assert not re.search(r"//\w+\.|\bimport\b|fetch\(|url\(|XMLHttp", text), path.name
    assert sorted(path.name for path in FOLDER.glob("*.js")) == sorted([*SCRIPTS, "shared.js"])


def test_public_names() -> None:
    assert sorted(widgets.__all__) == [
        "BoardExplorer",
        "ExchangeExplorer",
        "MosaicExplorer",
        "NoiseExplorer",
        "PatchSizeExplorer",
        "PosteriorExplorer",
        "PredictionExplorer",
    ]


def test_without_anywidget() -> None:
    code = (
        "import sys; sys.modules['anywidget'] = None\n"
        "import elscourse as els\n"
        "try:\n    from elscourse import widgets\n"
        "except els.CourseError as error:\n    print(error)\n"
    )
    said = python("-c", code)
    assert said.endswith("pip install anywidget.\n") and said.count("\n") == 1


# --- Python sees what the browser does ---


@pytest.mark.parametrize(
    ("build", "trait", "sent", "seen"),
    [
        (board, "board", [1] * 30, [1] * 30),
        (exchange, "picked", 1, 1),
        (exchange, "place", 3, 3),
        (exchange, "told", True, True),
        (mosaic, "picked", 1, 1),
        (mosaic, "pixel", [5, 7], (5, 7)),
        (noise, "index", 50, 50),
        (posterior, "index", 1, 1),
        (patch_sizes, "index", 1, 1),
        (prediction, "picked", 4, 4),
        (prediction, "order", 3, 3),
        (prediction, "told", True, True),
    ],
)
def test_observers_fire(build: Callable[[], Any], trait: str, sent: Any, seen: Any) -> None:
    explorer, heard = build(), []
    explorer.observe(lambda change: heard.append(change["new"]), trait)
    explorer.set_state({trait: sent})  # what a message from the browser does
    assert heard == [seen]


@pytest.mark.parametrize(
    ("build", "trait", "value", "sentence"),
    [
        (board, "board", [1] * 29, r"board must hold 30 numbers, -1 or 1, got \[1, 1"),
        (board, "board", [0] * 30, r"board must hold 30 numbers, -1 or 1, got \[0, 0"),
        (exchange, "picked", 2, r"picked must lie between 0 and 1, got 2"),
        (exchange, "place", 4, r"place must lie between 0 and 3, got 4"),
        (mosaic, "picked", 2, r"picked must lie between 0 and 1, got 2"),
        (mosaic, "pixel", (6, 0), r"rows 0\.\.5, columns 0\.\.7, got \(6, 0\)"),
        (mosaic, "pixel", (0, -1), r"got \(0, -1\)"),
        (noise, "index", 51, r"index must lie between 0 and 50, got 51"),
        (posterior, "index", -1, r"between 0 and 1, got -1"),
        (patch_sizes, "index", 2, r"between 0 and 1, got 2"),
        (prediction, "picked", 5, r"picked must lie between 0 and 4, got 5"),
        (prediction, "order", 4, r"order must lie between 0 and 3, got 4"),
    ],
)
def test_positions_are_bounded(build: Callable[[], Any], trait: str, value: Any, sentence: str) -> None:
    explorer = build()
    before = getattr(explorer, trait)
    with pytest.raises(els.CourseError, match=sentence):
        setattr(explorer, trait, value)
    assert getattr(explorer, trait) == before


# --- bad input gets a sentence ---

IDEAL = els.IdealScoreMachine(IMAGES)
KNOWS_CLASSES = patch_machine(image_labels=CLASSES)
NOISE, PAIR = torch.zeros(2, 1, 6, 8), drawings(4)
Exchange, Board = widgets.ExchangeExplorer.of, widgets.BoardExplorer.of
Predicted = widgets.PredictionExplorer.of
Mosaic, Noise = widgets.MosaicExplorer.of, widgets.NoiseExplorer.of
Post, Sizes = widgets.PosteriorExplorer.of, widgets.PatchSizeExplorer.of
ONE = IMAGES[0]
BAD = [
    (lambda: Board({}), r"starts must map names to images of -1 and 1"),
    (lambda: Board([torch.ones(5, 5)]), r"starts must map names to images of -1 and 1"),
    (lambda: Board({"a": torch.ones(5)}), r"'a' must be a tensor of shape \(H, W\), got \(5,\)"),
    (lambda: Board({"a": torch.ones(2, 5)}), r"'a' must have sides of 3 to 32 pixels, got \(2, 5\)"),
    (lambda: Board({"a": torch.ones(5, 33)}), r"'a' must have sides of 3 to 32 pixels, got \(5, 33\)"),
    (lambda: Board({"a": torch.zeros(5, 5)}), r"all pixels of 'a' must be -1 \(black\) or 1 \(white\)"),
    (lambda: Board({"a": torch.ones(5, 5), "b": torch.ones(5, 6)}), r"must have the same size, got \(5, 5\), \(5, 6\)"),
    (lambda: Exchange(NOISE, NOISE[:1], CORNERS, 3, PAIR, PAIR), r"noise and other must have the same shape"),
    (lambda: Exchange(NOISE, NOISE, CORNERS, 7, PAIR, PAIR), r"side must be a whole number from 1 to 6, got 7"),
    (lambda: Exchange(NOISE, NOISE, [], 3, PAIR, PAIR), r"corners must list the upper left pixels .* got \[\]"),
    (lambda: Exchange(NOISE, NOISE, [(4, 0)], 3, PAIR, PAIR), r"begins in rows 0 to 3, columns 0 to 5, got \(4, 0\)"),
    (lambda: Exchange(NOISE, NOISE, [3], 3, PAIR, PAIR), r"begins in rows 0 to 3, columns 0 to 5, got 3"),
    (
        lambda: Exchange(NOISE, NOISE, CORNERS[:3], 3, PAIR, PAIR),
        r"formula's .* shape \(2, 3, 1, 6, 8\), .* got \(2, 4",
    ),
    (lambda: Exchange(NOISE, NOISE, CORNERS, 3, PAIR, PAIR[0]), r"network must be a pair, .* got Tensor"),
    (
        lambda: Exchange(NOISE, NOISE, CORNERS, 3, PAIR, (PAIR[0][:1], PAIR[1])),
        r"network's drawings before .* same shape",
    ),
    (
        lambda: Exchange(NOISE, NOISE, CORNERS, 3, (PAIR[0], PAIR[0]), PAIR),
        r"formula's drawings after .*\(B, K, C, H, W\)",
    ),
    (lambda: Mosaic(IDEAL, IMAGES, IMAGES, T), r"is votes with whole images, not with patches: use PosteriorExplorer"),
    (lambda: Mosaic(els.WienerFilter(IMAGES), IMAGES, IMAGES, T), r"only a machine can say which.*got WienerFilter"),
    (lambda: Mosaic(KNOWS_CLASSES, IMAGES, IMAGES, T), r"built with image_labels: give labels="),
    (lambda: Mosaic(KNOWS_CLASSES, IMAGES, IMAGES, T, labels=[1]), r"one class or one per image \(12\)"),
    (lambda: Mosaic(KNOWS_CLASSES, IMAGES, IMAGES, T, labels=5), r"label 5 has no images"),
    (lambda: Mosaic(patch_machine(), IMAGES, IMAGES, T, labels=1), r"labels were given, but the machine was built"),
    (lambda: Mosaic(patch_machine(), ONE, ONE, T), r"x_t must be a tensor with the shape \(B, C, H, W\), got \(1, 6"),
    (lambda: Mosaic(patch_machine(), IMAGES, IMAGES[:2], T), r"x_t and samples must have the same shape.*\(2, 1"),
    (lambda: Mosaic(patch_machine(), COLOURS, COLOURS, T), r"x_t must have the shape \(B, 1, 6, 8\)"),
    (lambda: Mosaic(patch_machine(), IMAGES, IMAGES, 0), r"t must lie in \(0, 1\]"),
    (lambda: Mosaic(patch_machine(), IMAGES, IMAGES, T, top=0), r"top must be a whole number from 1"),
    (lambda: widgets.MosaicExplorer(patch_machine(), IMAGES), r"made from data by MosaicExplorer.of"),
    (lambda: Mosaic(patch_machine(), IMAGES, IMAGES, "late"), r"t must be a number, got 'late'"),
    (lambda: Mosaic(patch_machine(), IMAGES, IMAGES, T, top=2.5), r"a whole number from 1 to 100, got 2.5"),
    (lambda: Mosaic(patch_machine(), IMAGES, IMAGES, T, top=101), r"a whole number from 1 to 100, got 101"),
    (lambda: Post(IDEAL, ONE, ONE, [0.5], top="all"), r"a whole number from 1 to 100, got 'all'"),
    (lambda: Post(IDEAL, ONE, ONE, 0.5), r"times must be a list of numbers.*got 0.5"),
    (lambda: Noise(IMAGES, IMAGES, times="0.5"), r"times must be a list of numbers.*got '0.5'"),
    (lambda: Noise(IMAGES, IMAGES, times=[None]), r"a time must be a number, got None"),
    (lambda: Noise(IMAGES, IMAGES, points=["a"]), r"points must be numbers, like .*got \['a'\]"),
    (lambda: Noise(IMAGES, IMAGES, points=[1j]), r"points must be real numbers"),
    (lambda: Noise(IMAGES, IMAGES, [1.0]), r"schedule must have alpha\(t\), sigma\(t\)"),
    (lambda: Noise(IMAGES.numpy(), IMAGES), r"images must be a tensor.*got ndarray"),
    (lambda: Noise(IMAGES, IMAGES[:2]), r"images and noise must have the same shape"),
    (lambda: Noise(IMAGES[:, :, :0], IMAGES), r"got \(12, 1, 0, 8\)"),
    (lambda: Noise(IMAGES.expand(-1, 2, -1, -1), IMAGES), r"images must have 1 channel \(grey\) or 3.*got 2"),
    (lambda: Noise(IMAGES.byte(), IMAGES), r"images must hold floats, .*, got torch.uint8"),
    (lambda: Noise(IMAGES, IMAGES / 0), r"noise contains NaN or infinite"),
    (lambda: Noise(IMAGES, IMAGES, points=torch.zeros(2, 2)), r"points must be finite numbers.*got \(2, 2\)"),
    (lambda: Noise(IMAGES, IMAGES, points=[]), r"n >= 1, got \(0,\)"),
    (lambda: Noise(IMAGES, IMAGES, times=[2.0]), r"t must lie in \[0, 1\]"),
    (lambda: Noise(IMAGES, IMAGES, times=[]), r"times must hold at least one t"),
    (lambda: Post(patch_machine(), ONE, ONE, [0.5]), r"looks through windows.*use MosaicExplorer"),
    (lambda: Post(IDEAL, IMAGES, IMAGES, [0.5]), r"x_0 must be a tensor with the shape \(C, H, W\), got \(12"),
    (lambda: Post(IDEAL, ONE, ONE[:, :5], [0.5]), r"x_0 and noise must have the same shape"),
    (lambda: Post(IDEAL, ONE, ONE, [0.0, 0.5]), r"t must lie in \(0, 1\]"),
    (lambda: Post(els.IdealScoreMachine(IMAGES, image_labels=CLASSES), ONE, ONE, [0.5]), r"give labels="),
    (lambda: Sizes({}), r"samples must map each patch size to its images"),
    (lambda: Sizes(IMAGES), r"samples must map each patch size"),
    (lambda: Sizes({4: IMAGES}), r"patch size must be odd"),
    (lambda: Sizes({3: ONE}), r"the samples of patch size 3 must be a tensor"),
    (lambda: Sizes({3: IMAGES, 5: IMAGES[:1]}), r"of patch size 3 and of 5 must have the same shape"),
    (lambda: Predicted({}, IMAGES, IMAGES), r"predictions must map each name to its drawings"),
    (lambda: Predicted(IMAGES, IMAGES, IMAGES), r"predictions must map each name to its drawings"),
    (lambda: Predicted({"a": IMAGES[:2]}, IMAGES, IMAGES), r"a and network must have the same shape, got \(2, 1"),
    (lambda: Predicted({"a": IMAGES}, IMAGES, ONE), r"noise must be a tensor with the shape \(B, C, H, W\)"),
    (lambda: Predicted({"a": IMAGES}, IMAGES.byte(), IMAGES), r"network must hold floats"),
]


@pytest.mark.parametrize(("build", "sentence"), BAD)
def test_bad_input(build: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(els.CourseError, match=sentence) as error:
        build()
    assert "\n" not in str(error.value)


# --- in a real browser, with a model that is only a table ---

PAGE = """<!doctype html><meta charset="utf-8"><body><div id="here"></div><script type="module">
const state = STATE, heard = {};
for (const [name, value] of Object.entries(state)) {
  if (value === null || value.base64 === undefined) continue;
  const data = Uint8Array.from("x".repeat(3) + atob(value.base64), (c) => c.charCodeAt(0));
  state[name] = new DataView(data.buffer, 3);  // as the widget manager gives it, and at an odd place
}
window.model = {
  saved: {}, get: (name) => state[name],
  set(name, value) { state[name] = value; this.saved[name] = value; (heard[name] || []).forEach((f) => f()); },
  on(event, f) { (heard[event.slice(7)] ||= []).push(f); },
  off(event, f) { heard[event.slice(7)] = heard[event.slice(7)].filter((g) => g !== f); },
  save_changes() {}, listeners: () => Object.values(heard).flat().length,
};
const url = URL.createObjectURL(new Blob([state._esm], { type: "text/javascript" }));
document.head.append(Object.assign(document.createElement("style"), { textContent: state._css }));
const { default: widget } = await import(url);
window.undo = await widget.render({ model: window.model, el: document.getElementById("here") });
window.ready = true;
</script>"""


@pytest.fixture
def show(chromium: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens an explorer on a page of its own; fails at the end on any script error or outside request."""
    pages, wrong = [], []

    def shown(explorer: Any, width: int = 900) -> Any:
        state = {
            name: {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
            for name, value in explorer.get_state().items()
            if name != "layout"
        }
        path = tmp_path / "page.html"
        path.write_text(PAGE.replace("STATE", json.dumps(state).replace("</", "<\\/")), encoding="utf-8")
        page = chromium.new_page(viewport={"width": width, "height": 800})
        pages.append(page)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        local = ("file:", "blob:", "data:")
        page.on("request", lambda request: wrong.append(request.url) if not request.url.startswith(local) else None)
        page.goto(path.as_uri())
        page.wait_for_function("window.ready", timeout=20_000)
        return page

    yield shown
    for page in pages:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        unnamed = "e => !e.ariaLabel && !e.closest('[aria-hidden=true], [hidden]') && !(e.labels || []).length"
        assert (
            page.evaluate(f"[...document.querySelectorAll('[role=img], [role=application], input')].filter({unnamed})")
            == []
        )
        page.evaluate("window.undo()")
        assert page.evaluate("model.listeners()") == 0
        page.close()
    assert not wrong


def colour_at(page: Any, canvas: str, row: int, column: int) -> list[int]:
    """Red, green, blue of one pixel of a canvas."""
    script = f"c => [...c.getContext('2d').getImageData({column}, {row}, 1, 1).data].slice(0, 3)"
    return page.locator(canvas).first.evaluate(script)


def test_browser_mosaic(show: Callable[..., Any]) -> None:
    machine = patch_machine(COLOURS)
    x_t = noised(COLOURS, 2, ALPHA, SIGMA)
    page = show(widgets.MosaicExplorer.of(machine, x_t, COLOURS[:2], T, top=2))
    votes = machine.posterior(x_t, T, 2)

    def told(picked: int, row: int, column: int) -> None:
        assert page.evaluate("[model.get('picked'), model.get('pixel')].flat()") == [picked, row, column]
        said = page.locator(".els-said").inner_text().replace("\u00a0", " ")
        assert said.startswith(f"Pixel ({row}, {column}) of image {picked}, window 3 × 3.")
        image, (r, c) = votes.image[picked, row, column, 0], votes.location[picked, row, column, 0].tolist()
        share = 100 * float(votes.weight[picked, row, column, 0])
        assert f"Voters: image {image} at ({r}, {c}): {share:.1f} %" in said
        assert colour_at(page, ".els-patches canvas", r, c) == shades(COLOURS[image])[r, c].tolist()
        assert colour_at(page, ".els-pick canvas", row, column) == shades(COLOURS[picked])[row, column].tolist()
        first = page.locator(".els-pick .els-over").first.evaluate("r => ['y', 'x'].map((a) => +r.getAttribute(a))")
        assert first == [max(0, row - 1), max(0, column - 1)]

    told(0, 3, 4)
    assert page.get_by_role("group", name="Generated image").get_by_role("radio").count() == 2
    box = page.locator(".els-pick").bounding_box()
    page.locator(".els-pick").click(position={"x": box["width"] * 2.5 / 8, "y": box["height"] * 1.5 / 6})
    told(0, 1, 2)
    for key in ("ArrowUp", "ArrowUp", "ArrowRight"):
        page.keyboard.press(key)
    told(0, 0, 3)  # the border holds
    page.keyboard.press("Shift+Tab")
    page.evaluate("window.keys = []; document.addEventListener('keydown', (event) => keys.push(event.key))")
    page.keyboard.press("ArrowRight")
    told(1, 0, 3)
    for key in ("d", "Escape"):
        page.keyboard.press(key)
    assert page.evaluate("keys") == ["Escape"]  # a notebook that heard the others would change or delete cells
    page.evaluate("model.set('pixel', [5, 7])")  # as when Python sets it
    told(1, 5, 7)


def test_browser_mosaic_wraps_windows_around(show: Callable[..., Any]) -> None:
    machine = patch_machine(padding="circular")
    explorer = widgets.MosaicExplorer.of(machine, IMAGES[:1], IMAGES[:1], T)
    explorer.pixel = (0, 7)
    page = show(explorer, width=400)
    script = "rs => rs.map((r) => ['y', 'x', 'height', 'width'].map((a) => +r.getAttribute(a)))"
    pieces = page.locator(".els-pick .els-over").evaluate_all(script)
    assert sorted(pieces) == sorted([[0, 6, 2, 2], [0, 0, 2, 1], [5, 6, 1, 2], [5, 0, 1, 1], [0, 7, 1, 1]])
    assert page.locator("fieldset").count() == 0  # nothing to choose from


@pytest.mark.parametrize("points", [None, [-1.0, 1.0]])
def test_browser_noise(show: Callable[..., Any], points: list[float] | None) -> None:
    explorer = noise(points=points)
    page = show(explorer, width=400)
    page.locator("input[type=range]").focus()
    page.keyboard.press("End")
    assert page.evaluate("model.saved") == {"index": 50}
    assert page.locator(".els-words").inner_text() == "t = 1.00, α = 0.012, σ = 1.000"
    x_t = els.add_noise(IMAGES[:3], pictures(3, 1, 6, 8, seed=1), 1.0)
    assert abs(colour_at(page, "canvas", 2, 3)[0] - int(shades(x_t)[0, 2, 3, 0])) <= 1
    assert page.locator("svg.els-plot").count() == (points is not None)
    if points:
        assert "highest value is 0.4" in page.locator("svg.els-plot").get_attribute("aria-label")
        page.keyboard.press("Home")
        assert "a spike on each of the 2 points" in page.locator("svg.els-plot").get_attribute("aria-label")


def test_browser_posterior(show: Callable[..., Any]) -> None:
    page = show(posterior(top=3), width=400)
    votes = els.IdealScoreMachine(IMAGES).posterior(
        els.add_noise(IMAGES[3:4], pictures(1, 1, 6, 8, seed=1), 0.9), 0.9, 3
    )
    page.locator("input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    lines = [text.replace("\u00a0", " ") for text in page.locator(".els-voters .els-words").all_inner_texts()]
    pairs = zip(votes.image[0].tolist(), votes.weight[0].tolist(), strict=True)
    assert lines == [f"training image {image}: {100 * weight:.1f} %" for image, weight in pairs]
    wide = page.locator(".els-voters .els-filled").first.evaluate("e => parseFloat(e.style.width)")
    assert wide == pytest.approx(100 * float(votes.weight[0, 0]), abs=0.01)


@pytest.mark.parametrize("colours", [1, 3])
def test_browser_exchange(colours: int, show: Callable[..., Any]) -> None:
    explorer = exchange(colours)
    page = show(explorer)
    batch, blocks = (2, 6, 8, colours), (2, 2, 4, 6, 8, colours)
    noise, other = (read(some, np.uint8, *batch) for some in (explorer.noise, explorer.other))
    after, change = (read(some, np.uint8, *blocks) for some in (explorer.after, explorer.change))
    before = read(explorer.before, np.uint8, 2, *batch)
    foretold = read(explorer.foretold, np.float32, 2, 4)

    def drawn(canvas: str) -> Tensor:
        whole = "c => [...c.getContext('2d').getImageData(0, 0, 8, 6).data]"
        return torch.tensor(page.locator(canvas).first.evaluate(whole)).view(6, 8, 4)[..., :3]

    def told(picked: int, place: int, asked: bool) -> None:
        assert page.evaluate("['picked', 'place', 'told'].map((name) => model.get(name))") == [picked, place, asked]
        y, x = CORNERS[place]
        mixed = noise[picked].clone()
        mixed[y : y + 3, x : x + 3] = other[picked, y : y + 3, x : x + 3]
        assert torch.equal(drawn(".els-pick canvas"), mixed.expand(6, 8, 3))
        for k, name in enumerate(("formula", "network")):
            row = f".els-row[aria-label={name}] figure"
            stacks = before[k, picked], after[k, picked, place], change[k, picked, place]
            for figure, image in enumerate(stacks):
                shown = page.locator(row).nth(figure)
                assert shown.is_visible() == (asked or name == "formula" or not figure)
                if shown.is_visible():
                    assert torch.equal(drawn(f"{row} >> nth={figure} >> canvas"), image.expand(6, 8, 3))
                    assert name in shown.locator(".els-frame").get_attribute("aria-label")
        outlined = page.locator(".els-over").evaluate_all(
            "all => all.map(r => [r.getAttribute('y'), r.getAttribute('x')])"
        )
        assert outlined == [[str(y), str(x)]] * 5
        said = page.locator(".els-said").inner_text()
        assert said.startswith(f"Exchanged: rows {y} to {y + 2}, columns {x} to {x + 2}.")
        assert (f"foretold {foretold[picked, place]:.2f} of" in said) == asked

    told(0, 2, False)
    box = page.get_by_role("checkbox")
    box.check()
    told(0, 2, True)
    page.get_by_role("radio", name="drawing 1").check(force=True)  # the next one is covered again
    told(1, 2, False)
    frame = page.locator(".els-pick")
    size = frame.bounding_box()
    box.check()
    frame.click(position={"x": 0.06 * size["width"], "y": 0.1 * size["height"]})
    told(1, 0, False)
    for key, place in (("Right", 1), ("Up", 1), ("Down", 3), ("Left", 2), ("Up", 1), ("Left", 0), ("Left", 0)):
        frame.press(f"Arrow{key}")  # from block to block, and not beyond the last one
        told(1, place, False)


@pytest.mark.parametrize("colours", [1, 3])
def test_browser_prediction(colours: int, show: Callable[..., Any]) -> None:
    explorer = prediction(colours)
    page = show(explorer)
    r2 = read(explorer.r2, np.float32, 3, 5)
    stacks = read(zlib.decompress(explorer.drawings), np.uint8, 5, 5, 6, 8, colours)
    slider, figures = page.locator("input[type=range]"), page.locator(".els-row figure")

    def told(picked: int, asked: bool) -> None:
        assert page.evaluate("model.get('picked')") == picked
        assert page.locator(".els-words").inner_text() == f"seed {picked}"
        assert figures.count() == 5
        for at, stack in enumerate((0, 2, 3, 4, 1)):  # the network comes last
            if stack != 1 or asked:
                whole = "c => [...c.getContext('2d').getImageData(0, 0, 8, 6).data]"
                shown = torch.tensor(figures.nth(at).locator("canvas").evaluate(whole)).view(6, 8, 4)[..., :3]
                assert torch.equal(shown, stacks[stack, picked].expand(6, 8, 3))
        assert figures.nth(4).is_visible() == asked
        near, other = (f"{r2[k, picked]:.2f}" for k in (0, 2))
        assert figures.locator("figcaption").all_inner_texts()[:4] == [
            "noise",
            f"near\nr2 {near}",
            "grey\nno r2",
            f"other\nr2 {other}",
        ]
        said = page.locator(".els-said").inner_text()
        assert said == f"Seed {picked}: near is most like the network's drawing, r2 {near}."
        marked = page.locator(".els-marked").evaluate_all("all => all.map((c) => +c.getAttribute('cx'))")
        assert marked == pytest.approx([80 + 460 * float(r2[k, picked]) for k in (0, 2)], abs=0.01)  # the axis

    told(0, False)
    slider.press("End")
    told(4, False)
    page.get_by_role("checkbox").check()
    told(4, True)
    page.get_by_label("r2 of other").check()  # the same noise, in another place of the slider
    told(4, True)
    order = r2[2].argsort().tolist()
    slider.press("Home")
    for picked in order:  # from the worst prediction to the best
        told(picked, True)
        slider.press("ArrowRight")
    dots = page.locator("circle:not(.els-marked)")
    assert dots.count() == 10  # none for grey
    dots.nth(2).click(force=True)  # the marks of another noise may lie above it
    told(2, True)
    page.evaluate("model.set('picked', 1)")  # as when Python sets it
    told(1, True)


def test_browser_board(show: Callable[..., Any]) -> None:
    """Painting, crosses, voting and undoing, beside the rule in torch."""
    page = show(board())
    frame, said = page.locator(".els-pick"), page.locator(".els-said")

    def seen() -> Tensor:
        """What is painted, as is seen and as Python has it; and the crosses stand where a pixel is outvoted."""
        image = torch.tensor(page.evaluate("model.get('board')")).view(5, 6)
        shown = page.locator(".els-pick canvas").evaluate("c => [...c.getContext('2d').getImageData(0, 0, 6, 5).data]")
        assert torch.equal(torch.tensor(shown).view(5, 6, 4)[..., 0], 255 * (image > 0))
        votes = sum(image.roll((i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1))
        wrong = (votes.sign() != image).nonzero().tolist()
        crosses = page.locator(".els-cross").evaluate_all("all => all.map((one) => one.getAttribute('d'))")
        assert crosses == [f"M{x + 0.3:g} {y + 0.3:g}l.4 .4m-.4 0l.4 -.4" for y, x in wrong]
        text = said.inner_text()
        assert ("locally consistent" in text) == (not wrong) and (not wrong or text.startswith(f"{len(wrong)} pixel"))
        return image

    def click(row: int, column: int) -> None:
        box = frame.bounding_box()
        frame.click(position={"x": (column + 0.5) * box["width"] / 6, "y": (row + 0.5) * box["height"] / 5})

    assert torch.equal(seen(), board().image.long())  # the corners of a square are outvoted
    page.get_by_role("button", name="All vote once").click()
    plus = seen()
    assert plus.sum() == 5 - 25 and plus[2, 1:4].tolist() == [1, 1, 1]
    page.get_by_role("button", name="Undo").click()
    assert torch.equal(seen(), board().image.long())
    click(0, 0)
    assert seen()[0, 0] == 1
    click(0, 0)
    assert seen()[0, 0] == -1
    frame.press("ArrowLeft")  # not beyond the border
    frame.press("ArrowDown")
    assert "row 1 column 0 black" in frame.get_attribute("aria-label")
    frame.press(" ")
    assert seen()[1, 0] == 1 and "row 1 column 0 white" in frame.get_attribute("aria-label")
    box = frame.bounding_box()
    at = [(box["x"] + (column + 0.5) * box["width"] / 6, box["y"] + 4.5 * box["height"] / 5) for column in (0, 5)]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1])
    page.mouse.up()
    assert seen()[4].tolist() == [1] * 6, "a stroke has no gaps"
    page.get_by_role("button", name="Undo").click()
    assert seen()[4].tolist() == [-1] * 6, "and is undone as a whole"
    page.get_by_role("button", name="All black").click()
    assert seen().sum() == -30 and page.get_by_role("radio", name="sea").is_checked()
    assert page.get_by_role("button", name="All vote once").get_attribute("aria-disabled") == "true"
    page.get_by_role("radio", name="square").check(force=True)
    assert torch.equal(seen(), board().image.long())
    undo = page.get_by_role("button", name="Undo")
    for _ in range(5):
        undo.click()
    assert torch.equal(seen(), board().image.long()) and undo.get_attribute("aria-disabled") == "true"


def test_browser_patch_size(show: Callable[..., Any]) -> None:
    page = show(patch_sizes())
    assert colour_at(page, "canvas", 1, 1) == shades(IMAGES[2])[1, 1].expand(3).tolist()
    page.locator("input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".els-words").inner_text() == "5 × 5 pixels"
    assert colour_at(page, "canvas", 1, 1) == shades(IMAGES[0])[1, 1].expand(3).tolist()


def test_posterior_is_that_of_the_class_and_of_the_machine_s_schedule() -> None:
    schedule, eps = els.CosineSchedule(0.5), pictures(1, 1, 6, 8, seed=1)[0]
    machine = els.IdealScoreMachine(IMAGES, schedule, image_labels=CLASSES)
    explorer = widgets.PosteriorExplorer.of(machine, IMAGES[3], eps, [0.9], top=3, labels=1)
    x_t = els.add_noise(IMAGES[3:4], eps[None], 0.9, schedule)
    assert explorer.noisy == shades(x_t).numpy().tobytes()
    assert explorer.denoised == shades(machine(x_t, 0.9, 1)).numpy().tobytes()
    assert CLASSES[read(explorer.image, np.int32, -1)].eq(1).all()


def test_noise_is_that_of_the_schedule_and_its_density_reaches_all_points() -> None:
    schedule, times = els.CosineSchedule(0.5), [0.0, 0.5, 1.0]
    explorer = widgets.NoiseExplorer.of(IMAGES, IMAGES, schedule, points=[-6.0, 2.0], times=times)
    assert explorer.alphas == [schedule.alpha(t) for t in times]
    assert explorer.sigmas == [schedule.sigma(t) for t in times]
    assert explorer.span == [-6.5, 6.5]


def test_images_that_are_too_large_to_travel() -> None:
    images = torch.zeros(1, 1, 257, 256)
    machine = els.LocalScoreMachine(images, patch_size=1)
    with pytest.raises(els.CourseError, match="257 x 256 pixels are too large"):
        widgets.MosaicExplorer.of(machine, images, images, 0.5)


# --- in the browser: each picture, number and mark is that of the pixel or the time that is shown ---

RECTS = "all => all.map((r) => ['y', 'x', 'height', 'width'].map((a) => +r.getAttribute(a)))"


def test_browser_mosaic_redraws_all_that_a_pixel_decides(show: Callable[..., Any]) -> None:
    x_t = noised(IMAGES, 2, 0.99, 0.1)
    machine = patch_machine()
    page = show(widgets.MosaicExplorer.of(machine, x_t, IMAGES[:2], T, top=2))
    votes = machine.posterior(x_t, T, 2)
    page.evaluate("model.set('picked', 1), model.set('pixel', [5, 7])")
    assert page.locator(".els-large canvas").nth(1).evaluate(
        "c => c.getContext('2d').getImageData(7, 5, 1, 1).data[0]"
    ) == int(shades(x_t)[1, 5, 7, 0])
    assert page.locator(".els-large .els-over").evaluate_all(RECTS) == 2 * [[4, 6, 2, 2], [5, 7, 1, 1]]
    r, c = votes.location[1, 5, 7, 0].tolist()
    first = page.locator(".els-patches li").first
    assert first.locator(".els-over").evaluate_all(RECTS)[0][:2] == [max(0, r - 1), max(0, c - 1)]
    weights = votes.weight[1, 5, 7].double()
    wide = page.locator(".els-patches .els-filled").evaluate_all("all => all.map((e) => parseFloat(e.style.width))")
    assert wide == pytest.approx((100 * weights).tolist(), abs=0.01)
    said = page.locator(".els-said").inner_text().replace("\u00a0", " ")
    assert f"; all others together {100 * float(1 - weights.sum()):.1f} %. " in said
    assert said.endswith(f"as over {float(votes.entropy[1, 5, 7].exp()):.1f} equal voters.")
    page.locator(".els-pick").press("ArrowUp")
    assert page.evaluate("model.get('pixel')") == [4, 7], "keys go on from the pixel that Python has set"


def test_browser_mosaic_hides_voters_that_are_not_there(show: Callable[..., Any]) -> None:
    corner = els.LocalScoreMachine(IMAGES[:1], patch_size=3)
    page = show(widgets.MosaicExplorer.of(corner, IMAGES[:1], IMAGES[:1], T, top=2))
    assert [line.is_visible() for line in page.locator(".els-patches li").all()] == [True, False]
    alone = widgets.PosteriorExplorer.of(els.IdealScoreMachine(IMAGES[:1]), ONE, ONE, [0.5], top=2)
    assert [line.is_visible() for line in show(alone).locator(".els-voters li").all()] == [True, False]


def test_browser_mosaic_says_which_pictures_are_not_stored(
    show: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elscourse.widgets.mosaic.PICTURES", 1)
    monkeypatch.setattr("elscourse.widgets.mosaic.FEWEST", 1)
    explorer = mosaic(top=1)
    image, sent = read(explorer.image, np.int32, 2, 6, 8), read(explorer.atlas_index, np.int32, -1)
    page = show(explorer)
    frame = page.locator(".els-patches .els-frame")
    stored = (image[0] == sent).nonzero()[0].tolist()
    gone = (image[0] != sent).nonzero()[0].tolist()
    for pixel, there in ((stored, True), (gone, False), (stored, True)):
        page.evaluate(f"model.set('pixel', {pixel})")
        assert ("is not stored here" in frame.get_attribute("aria-label")) != there
        assert ("els-absent" in frame.get_attribute("class")) != there
        assert frame.locator("canvas").is_visible() == there


def test_browser_keys_of_the_notebook_stay_its_own(show: Callable[..., Any]) -> None:
    """And those that move the pixel do not scroll the page as well; nor does a mouse that only passes move it."""
    page = show(mosaic())
    page.evaluate("window.keys = []; document.addEventListener('keydown', (e) => keys.push(e.key))")
    page.evaluate("window.all = []; window.addEventListener('keydown', (e) => all.push(e), true)")
    picture = page.locator(".els-pick")
    for key in ("Control+ArrowUp", "Meta+ArrowUp", "Alt+ArrowUp", "Enter"):
        picture.press(key)
    assert page.evaluate("keys.filter((key) => ['ArrowUp', 'Enter'].includes(key))") == [*3 * ["ArrowUp"], "Enter"]
    assert page.evaluate("model.get('pixel')") == [3, 4] and not page.evaluate("all.some((e) => e.defaultPrevented)")
    picture.press("ArrowUp")
    assert page.evaluate("[model.get('pixel')[0], all.at(-1).defaultPrevented, keys.length]") == [2, True, 7]
    picture.press("Tab")
    assert page.evaluate("keys.at(-1)") == "Tab"
    box = picture.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.move(box["x"] + 50, box["y"] + 5)
    assert page.evaluate("model.get('pixel')") == [2, 4]
    assert page.locator(".els").get_attribute("data-lm-suppress-shortcuts") == "true"


def test_browser_noise_draws_the_density_of_its_time(show: Callable[..., Any]) -> None:
    page = show(noise(points=[-1.0, 1.0]))
    plot, ticks = page.locator("svg.els-plot"), "g text"

    def path(name: str) -> list[tuple[float, float]]:
        drawn = plot.locator(name).get_attribute("d") or ""
        return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", drawn)]

    assert not path(".els-curve"), "spikes alone"
    spikes = [x for x, _ in path(".els-data")]
    page.locator("input[type=range]").press("End")
    (left, right), middle = (x for x, _ in path(".els-data")), sum(spikes) / 2
    assert right - left == pytest.approx(0.0123 * (spikes[1] - spikes[0]), abs=0.2), "the points times alpha"
    curve, normal = path(".els-curve"), path(".els-end")
    assert len(curve) == 401 and max(abs(a - b) for (_, a), (_, b) in zip(curve, normal, strict=True)) < 1
    top = min(curve, key=lambda place: place[1])
    assert top[0] == pytest.approx(middle, abs=1) and top[1] < 70 < 170 < curve[0][1], "a hill"
    assert plot.locator(ticks).all_text_contents() == ["0", "0.25", "0.5"]


def test_browser_posterior_shows_what_there_is_at_its_time(show: Callable[..., Any]) -> None:
    machine, eps = els.EquivariantScoreMachine(IMAGES), pictures(1, 1, 6, 8, seed=1)
    explorer = widgets.PosteriorExplorer.of(machine, IMAGES[3].roll((1, 2), (-2, -1)), eps[0], [0.3, 0.9], top=3)
    page = show(explorer)
    x_t = els.add_noise(IMAGES[3:4].roll((1, 2), (-2, -1)), eps, 0.9)
    votes = machine.posterior(x_t, 0.9, 3)
    page.locator("input[type=range]").press("End")
    shifts = votes.location[0].tolist()
    value = "all => all.map((c) => c.getContext('2d').getImageData(2, 1, 1, 1).data[0])"
    rolled = [IMAGES[i].roll((-r, -c), (-2, -1)) for i, (r, c) in zip(votes.image[0], shifts, strict=True)]
    wanted = [x_t[0], machine(x_t, 0.9)[0], *rolled]
    assert page.locator("canvas").evaluate_all(value) == [int(shades(one)[1, 2, 0]) for one in wanted]
    words = [text.replace("\u00a0", " ") for text in page.locator(".els-voters .els-words").all_inner_texts()]
    for text, image, place in zip(words, votes.image[0].tolist(), shifts, strict=True):
        moved = f" shifted by ({place[0]}, {place[1]})" if any(place) else ""
        assert text.startswith(f"training image {image}{moved}: ")
    said = page.locator(".els-said").inner_text().replace("\u00a0", " ")
    assert f"the 3 listed hold {100 * float(votes.weight.sum()):.1f} %." in said
    assert said.endswith(f"as over {round(float(votes.entropy.exp()))} equal voters.")


def test_browser_posterior_counts_the_voters_that_there_are(show: Callable[..., Any]) -> None:
    machine = els.IdealScoreMachine(IMAGES[:5], image_labels=[0, 0, 1, 1, 1])
    page = show(
        widgets.PosteriorExplorer.of(machine, IMAGES[0], els.seeded_noise([0], (1, 6, 8))[0], [0.9], 4, labels=0)
    )
    assert page.locator(".els-voters li:visible").count() == 2
    assert "the 2 listed hold 100.0" in page.locator(".els-said").inner_text()


def test_browser_patch_size_names_its_pictures_and_its_position(show: Callable[..., Any]) -> None:
    page = show(patch_sizes())
    assert page.locator("figcaption").all_inner_texts() == ["0", "1"]
    page.locator("input[type=range]").press("End")
    assert page.locator("input[type=range]").get_attribute("aria-valuetext") == "5 × 5 pixels"


NAMES = "[role=img], [role=application]"
SPOKEN = "all => all.map((e) => e.ariaLabel)"


def test_browser_names_in_a_mosaic_are_those_of_what_is_shown(show: Callable[..., Any]) -> None:
    """To a screen reader, and under the pictures, after another picture and pixel were chosen."""
    x_t = noised(IMAGES, 2, ALPHA, SIGMA)
    page = show(mosaic(top=2))
    page.evaluate("model.set('picked', 1), model.set('pixel', [5, 7])")
    votes = patch_machine().posterior(x_t, T, 2)
    voters = zip(votes.image[1, 5, 7].tolist(), votes.location[1, 5, 7].tolist(), strict=True)
    assert page.locator(NAMES).evaluate_all(SPOKEN) == [
        "Generated image 1, pixel row 5 column 7. Arrow keys move.",
        "What the machine looked at: image 1 at t = 0.40",
        *(f"Training image {image}, voting patch around ({r}, {c})" for image, (r, c) in voters),
    ]
    assert page.locator(".els-large figcaption").all_inner_texts() == ["generated image 1", "x_t at t = 0.40"]
    assert page.locator("input").evaluate_all(SPOKEN) == ["generated image 0", "generated image 1"]


def test_browser_thumbnails_are_of_their_pictures_and_only_their_names_are_said(
    show: Callable[..., Any],
) -> None:
    page = show(mosaic())
    value = "all => all.map((c) => c.getContext('2d').getImageData(4, 3, 1, 1).data[0])"
    assert page.locator(".els-choice canvas").evaluate_all(value) == shades(IMAGES[:2])[:, 3, 4, 0].tolist()
    assert page.get_by_role("group", name="Generated image").get_by_role("radio").count() == 2
    assert page.locator(".els-choice").get_by_role("figure").count() == 0
    small, large = (page.locator(f"{one} .els-frame").first.bounding_box() for one in (".els-choice", ".els-large"))
    assert small["width"] < large["width"] / 2
    assert page.get_by_role("group", name="Who voted for a pixel").get_by_role("application").count() == 1


def test_browser_pixels_are_squares_and_the_words_beside_a_slider_are_said_once(show: Callable[..., Any]) -> None:
    box = show(mosaic()).locator(".els-pick").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(8 / 6, rel=0.02)
    assert show(posterior()).locator("output").get_attribute("aria-live") == "off", "the slider says them"


def test_browser_names_beside_a_slider_are_those_of_its_time_or_size(show: Callable[..., Any]) -> None:
    page = show(posterior(top=2))
    page.locator("input[type=range]").press("End")
    lines = [line.rpartition(":")[0] for line in page.locator(".els-voters .els-words").all_inner_texts()]
    spoken = ["The noised image at t = 0.90", "The denoiser's answer at t = 0.90", *lines]
    assert page.locator(NAMES).evaluate_all(SPOKEN) == spoken
    assert page.locator("figcaption").first.inner_text() == "x_t at t = 0.90"
    assert page.locator(".els-said").inner_text().startswith(f"At t = 0.90 {lines[0]} holds ")
    page = show(noise(points=[-1.0, 1.0]))
    page.locator("input[type=range]").press("End")
    spoken = [f"Image {i} at t = 1.00: 0.01 times the image plus 1.00 times noise" for i in range(3)]
    assert page.locator(".els-frame").evaluate_all(SPOKEN) == spoken
    assert page.locator(".els-row figcaption").all_inner_texts() == ["0", "1", "2"]
    assert page.locator("svg.els-plot").get_attribute("aria-label").startswith("Density of x_t at t = 1.00;")
    page = show(patch_sizes())
    page.locator("input[type=range]").press("End")
    assert page.locator(NAMES).evaluate_all(SPOKEN) == [f"Sample {i} drawn with patch size 5" for i in range(2)]


def test_browser_noise_beyond_black_and_white_is_black_and_white(show: Callable[..., Any]) -> None:
    eps = 2 * pictures(3, 1, 6, 8, seed=1)
    page = show(widgets.NoiseExplorer.of(IMAGES[:3], eps))
    page.locator("input[type=range]").press("End")
    script = "all => all.map((c) => [...c.getContext('2d').getImageData(0, 0, 8, 6).data].filter((_, i) => i % 4 == 0))"
    drawn = torch.tensor(page.locator("canvas").evaluate_all(script))
    wanted = shades(els.add_noise(IMAGES[:3], eps, 1.0)).flatten(1)
    assert wanted.eq(0).any() and wanted.eq(255).any() and (drawn - wanted).abs().max() <= 1


def test_browser_mosaic_wraps_the_windows_of_the_voters_around(show: Callable[..., Any]) -> None:
    page = show(widgets.MosaicExplorer.of(patch_machine(padding="circular"), IMAGES[:1], IMAGES[:1], T))
    for pixel in ((0, 7), (5, 0), (3, 4)):
        page.evaluate(f"model.set('pixel', {list(pixel)})")
        for voter in page.locator(".els-patches li").all():
            rects = voter.locator(".els-over").evaluate_all(RECTS)
            assert sum(height * width for _, _, height, width in rects) == 9


def test_browser_what_is_chosen_and_where_the_keyboard_is_are_seen(show: Callable[..., Any]) -> None:
    page = show(mosaic())
    outlined = "e => ((s) => s.outlineStyle === 'none' ? 0 : parseFloat(s.outlineWidth))(getComputedStyle(e))"
    away = "e => parseFloat(getComputedStyle(e).outlineOffset)"
    first, second = page.locator(".els-choice .els-frame").all()
    assert [one.evaluate(outlined) for one in (first, second)] == [3, 0]
    assert first.evaluate(away) == 0
    page.keyboard.press("Tab")
    assert first.evaluate(away) > 0, "focused"
    page.keyboard.press("ArrowRight")
    assert [one.evaluate(outlined) for one in (first, second)] == [0, 3] and second.evaluate(away) > 0
    page.keyboard.press("Tab")
    assert second.evaluate(away) == 0 and page.locator(".els-pick").evaluate(outlined) == 3


@pytest.fixture
def shared(chromium: Any) -> Iterator[Any]:
    """A page that has what the explorers share, and nothing else."""
    page = chromium.new_page()
    page.add_script_tag(path=FOLDER / "shared.js")
    yield page
    page.close()


def test_browser_shares_and_spreads_in_words(shared: Any) -> None:
    told = [text.replace("\u00a0", " ") for text in shared.evaluate("[0.5, 0.001, 0.00042, 1e-7].map(percent)")]
    assert told == ["50.0 %", "0.1 %", "0.04 %", "under 0.0001 %"]
    over = [
        text.removeprefix("The weights are spread as over ")
        for text in shared.evaluate("[0, 0.3, 1, 3, 9].map(spread)")
    ]
    few = ["One voter decides alone.", "1.3 equal voters.", "2.7 equal voters."]
    assert over == [*few, "20 equal voters.", "8,103 equal voters."]
    assert shared.evaluate("others(1)") == ""
    assert shared.evaluate("others(0.95)").replace("\u00a0", " ") == "; all others together 5.0 %"


def test_browser_two_explorers_do_not_share_their_choice_and_one_is_not_shown_twice(shared: Any) -> None:
    checked = shared.evaluate(
        """() => { const two = [1, 2].map(() => choice("Image", [[0, "a"], [1, "b"]], () => {}));
            for (const _ of two) explorer(document.body, "both", ...two.map((one) => one.line));
            two.forEach((one, i) => one.check(i));
            const inputs = [...document.querySelectorAll(".els input")].map((input) => input.checked);
            return [document.querySelectorAll(".els").length, ...inputs] }"""
    )
    assert checked == [1, True, False, False, True]


def test_browser_what_is_chosen_is_sent_to_python(shared: Any) -> None:
    saved = shared.evaluate(
        """() => { const model = { set(...pair) { this.now = pair }, save_changes() { this.sent = this.now } };
            store(model, { index: 3 }); return model.sent }"""
    )
    assert saved == ["index", 3]


TOUCHED = """() => { window.heard = [];
    window.made = touchable([1, 6, 8], "", (pixel, how) => {
        heard.push([...pixel, how]); made.outline([[...pixel, 1, 1]]) });
    made.figure.style.width = "160px";
    made.frame.style.height = "120px";
    document.body.append(made.figure, element("button")) }"""


def test_browser_keys_begin_in_the_middle_and_what_was_clicked_stays_marked(shared: Any) -> None:
    shared.evaluate(TOUCHED)
    shared.keyboard.press("Tab")
    assert shared.locator(".els-over, .els-under").count() == 2, "where the keys begin"
    shared.keyboard.press("ArrowUp")
    shared.keyboard.press("Tab")
    shared.evaluate("made.outline([])")
    shared.keyboard.press("Shift+Tab")
    shared.locator(".els-pick").click(position={"x": 30, "y": 10})
    shared.evaluate("made.frame.blur()")
    assert shared.evaluate("heard") == [[2, 4, "move"], [0, 1, "press"]]
    assert shared.locator("rect").count() == 2
    shared.evaluate("made.outline([])")
    shared.locator(".els-pick").click(button="right")
    assert shared.locator("rect").count() == 0, "a mouse needs no mark where the keys begin"


def test_browser_a_second_finger_does_not_end_or_join_a_stroke_and_a_pen_does_not_wait(shared: Any) -> None:
    shared.evaluate(TOUCHED)
    script = """(events) => { made.frame.setPointerCapture = () => {};
        const box = made.frame.getBoundingClientRect();
        for (const [name, isPrimary, row, column, pointerType] of events)
            made.frame.dispatchEvent(new PointerEvent(`pointer${name}`, { isPrimary, pointerType,
                clientX: box.left + 20 * column + 10, clientY: box.top + 20 * row + 10 })) }"""
    first, second = [True, 1, 1], [False, 4, 5]
    for events in (["down", *first], ["move", *second], ["up", *second], ["move", True, 1, 2], ["up", True, 1, 2]):
        shared.evaluate(script, [[*events, "mouse"]])
    shared.evaluate(script, [["down", *first, "pen"]])
    assert shared.evaluate("heard") == [[1, 1, "press"], [1, 2, "drag"], [1, 1, "press"]]
