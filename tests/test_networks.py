"""The networks: shapes, symmetry, receptive field; as files and as denoisers; and their training."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import ok, pictures, run
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

import elscourse as els
from elscourse import checkpoints, recipes, training
from elscourse.checkpoints import NetworkDenoiser, network_files, save_network
from elscourse.data import data_dir
from elscourse.files import save_tensors
from elscourse.networks import build_network
from elscourse.pieces import sha256_of
from elscourse.recipes import RECIPES, choose, follow
from elscourse.training import Trainer, TrainingPlan, learning_rate, noise_prediction_loss, train

SHIPPED = {
    "fashion-mnist-16-resnet-zeros": (2000, "zeros", False),
    "fashion-mnist-16-resnet-circular": (2000, "circular", False),
    "fashion-mnist-16-unet-zeros": (2000, "zeros", False),
    "fashion-mnist-16-resnet-zeros-conditional": (10_000, "zeros", True),
    "fashion-mnist-28-resnet-zeros-conditional": (10_000, "zeros", True),
    "emoji-24-resnet-zeros-conditional": (1372, "zeros", True),
}


def small(architecture: str = "resnet", **config: object) -> nn.Module:
    torch.manual_seed(0)
    return build_network(architecture, **{"width": 8, **config})


@pytest.mark.parametrize("architecture", ["resnet", "unet"])
@pytest.mark.parametrize("padding", ["zeros", "circular"])
def test_padding_decides_equivariance(architecture: str, padding: str) -> None:
    network, x, t = small(architecture, channels=3, padding=padding), pictures(2, 3, 8, 12), torch.tensor([0.2, 0.9])
    with torch.no_grad():
        out = network(x, t)
        moved = network(x.roll((4, 4), (-2, -1)), t)  # a multiple of the UNet's stride
    assert out.shape == x.shape
    error = (moved - out.roll((4, 4), (-2, -1))).abs().max()
    assert error < 1e-5 if padding == "circular" else error > 1e-3


def test_receptive_field_of_the_resnet_is_17() -> None:
    x = torch.zeros(1, 1, 25, 25, requires_grad=True)
    small(layers=6)(x, torch.tensor([0.5]))[0, 0, 12, 12].backward()
    rows, columns = (x.grad[0, 0] != 0).nonzero(as_tuple=True)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 20, 4, 20)


def test_no_normalisation_anywhere() -> None:
    for architecture in ("resnet", "unet"):
        kinds = {type(m).__name__ for m in small(architecture).modules()}
        assert not any("Norm" in kind for kind in kinds)


def test_class_changes_the_output() -> None:
    network, x, t = small(classes=4), pictures(1, 1, 8, 8), torch.tensor([0.5])
    assert (network(x, t, torch.tensor([0])) - network(x, t, torch.tensor([3]))).abs().max() > 1e-4


@pytest.mark.parametrize("sides", [(10, 8), (8, 10)])
def test_unet_refuses_what_it_cannot_halve(sides: tuple[int, int]) -> None:
    with pytest.raises(els.CourseError, match="divisible by 4"):
        small("unet")(pictures(1, 1, *sides), torch.tensor([0.5]))


def test_a_denoiser_turns_the_noise_estimate_around() -> None:
    denoiser = NetworkDenoiser(small(), {"name": "n"})
    x, t, schedule = pictures(2, 1, 8, 8), 0.4, els.CosineSchedule()
    with torch.no_grad():
        eps_hat = denoiser.module(x, torch.tensor([t, t]))
        expected = (x - schedule.sigma(t) * eps_hat) / schedule.alpha(t)
        torch.testing.assert_close(denoiser(x, t), expected)


def test_labels_are_asked_for_and_refused() -> None:
    x = pictures(2, 1, 8, 8)
    with pytest.raises(els.CourseError, match="class-conditional: pass labels"):
        NetworkDenoiser(small(classes=3), {})(x, 0.5)
    with pytest.raises(els.CourseError, match="knows no classes"):
        NetworkDenoiser(small(), {})(x, 0.5, labels=1)
    with pytest.raises(els.CourseError, match=r"classes 0 \.\.\. 2, got 5"):
        NetworkDenoiser(small(classes=3), {})(x, 0.5, labels=5)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.uint16])
def test_labels_of_any_whole_numbers(dtype: torch.dtype) -> None:
    x, denoiser = pictures(2, 1, 8, 8), NetworkDenoiser(small(classes=3), {})
    plain = torch.tensor([2, 1])
    assert torch.equal(denoiser(x, 0.5, labels=plain.to(dtype)), denoiser(x, 0.5, labels=plain))


def test_a_network_that_cannot_know_the_time_is_refused() -> None:
    with pytest.raises(els.CourseError, match="width must be a whole number of at least 2, got 1"):
        els.ResNet(width=1)


class Own(nn.Module):
    """A learner's own network: one convolution, no time, no classes."""

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, outputs, 3, padding=1)

    def forward(self, x_t: torch.Tensor, t: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return self.conv(x_t)


class Told(Own):
    """A class-conditional network of one's own: it says how many classes it can be told."""

    classes = 3

    def forward(self, x_t: torch.Tensor, t: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        assert labels is not None and labels.shape == (len(x_t),)
        return self.conv(x_t) * (1 + labels[:, None, None, None])


def test_a_network_of_ones_own_may_be_told_classes() -> None:
    x, own = pictures(6, 1, 8, 8), NetworkDenoiser(Told())
    assert own.conditional and own.classes == 3
    alpha, sigma = els.CosineSchedule().alpha(0.5), els.CosineSchedule().sigma(0.5)
    torch.testing.assert_close(own(x, 0.5, labels=2), (x - 3 * sigma * own.module.conv(x)) / alpha)
    with pytest.raises(els.CourseError, match=r"knows the classes 0 \.\.\. 2, got 3"):
        own(x, 0.5, labels=3)
    for labels in (torch.tensor([0, 1, 2, 0, 1, 2]), torch.full((6,), 2)):
        train(Told(), els.ImageSet(x, labels), TrainingPlan(steps=1, batch=2), progress=False)
    with pytest.raises(els.CourseError, match="a class-conditional network needs labels"):
        train(Told(), els.ImageSet(x), TrainingPlan(steps=1, batch=2), progress=False)


def test_classes_are_a_number() -> None:
    network = small()
    network.__dict__["condition"], network.classes = None, ("shirt", "coat")
    with pytest.raises(els.CourseError, match=r"`classes` must be how many it knows, got \('shirt', 'coat'\)"):
        NetworkDenoiser(network)(pictures(1, 1, 16, 16), 0.5, labels=0)


def test_denoisers_can_be_keys_of_a_dict() -> None:
    one, two = NetworkDenoiser(small()), NetworkDenoiser(small())
    first = els.with_first_step(one, two)
    assert {one: 1, two: 2, first: 3}[first] == 3 and one != two


def test_a_network_in_eval_mode_is_trained_in_training_mode() -> None:
    class Asked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.modes = nn.Conv2d(1, 1, 1), []

        def forward(self, x_t: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
            self.modes.append(self.training)
            return self.layer(x_t)

    network = Asked().eval()
    train(network, els.load("fashion-mnist", 8, 10), TrainingPlan(steps=2, batch=2))
    assert network.modes == [True, True]


def test_no_time_of_training_is_rounded_to_0(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    class Spy(nn.Module):
        def forward(self, x_t: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
            seen.append(t)
            return x_t

    x_0 = pictures(128, 1, 2, 2)
    monkeypatch.setattr(torch, "rand", lambda n, **_: torch.full((n,), 1 - 2.0**-22))  # once in 4 million
    noise_prediction_loss(Spy(), x_0, None, torch.Generator(), "float32")
    assert 0 < seen[0].min() < 1e-8


def test_the_start_page_s_way_with_own_pictures_and_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my-pictures").mkdir()
    for k, picture in enumerate(pictures(5, 3, 20, 24)):
        Image.fromarray(((picture.movedim(0, -1) + 1) * 127.5).byte().numpy()).save(tmp_path / f"my-pictures/{k}.png")
    monkeypatch.chdir(tmp_path)
    start = (Path(__file__).parents[1] / "book" / "start.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", start, re.DOTALL)
    torch.manual_seed(0)
    exec(code, {"network": els.ResNet(3, width=8)})
    assert re.fullmatch(r"the formula predicts the network with r2 0\.\d\d\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Dropout(0.5),
        nn.BatchNorm2d(1),
        nn.InstanceNorm2d(1, track_running_stats=True),
        nn.LSTM(1, 1, 2, dropout=0.5),
        nn.RReLU(),
        nn.MultiheadAttention(4, 2, 0.5),
    ],
)
def test_a_network_that_draws_at_random_is_refused_until_it_is_in_eval_mode(layer: nn.Module) -> None:
    own, x = Own(), pictures(2, 1, 8, 8)
    own.add_module("layer", layer)
    with pytest.raises(els.CourseError, match=r"is in training mode: call module.eval\(\) first"):
        NetworkDenoiser(own)(x, 0.5)
    NetworkDenoiser(own.eval())(x, 0.5)


def test_a_network_itself_is_no_denoiser() -> None:
    noise, ideal = pictures(2, 1, 8, 8), els.IdealScoreMachine(pictures(3, 1, 8, 8))
    for network in (small(), els.UNet(width=8)):
        for ask in (lambda n: els.sample(n, noise, 2), lambda n: els.sample(els.with_first_step(ideal, n), noise, 2)):
            with pytest.raises(els.CourseError, match=r"one number, .*: give the sampler els.NetworkDenoiser\("):
                ask(network)


def test_what_a_network_draws_is_known_without_a_card() -> None:
    with pytest.raises(els.CourseError, match=r"draws images of 1 channel\(s\), but x_t has 3"):
        NetworkDenoiser(small())(pictures(1, 3, 8, 8), 0.5)
    with pytest.raises(els.CourseError, match=r"draws images of 3 channel\(s\), but x_t has 1"):
        NetworkDenoiser(Own(), {"config": {"channels": 3}})(pictures(1, 1, 8, 8), 0.5)
    own = Own()
    own.channels = 8  # of its own convolutions
    els.train(own, els.ImageSet(pictures(4, 1, 8, 8)), TrainingPlan(steps=1, batch=2), progress=False)


def test_a_network_without_a_signature_gets_the_sentence_of_a_wrong_one() -> None:
    class Traced(nn.Module):
        forward = staticmethod(torch.add)

    with pytest.raises(els.CourseError, match=r"must have a forward\(x_t, t, labels\)"):
        NetworkDenoiser(Traced())(pictures(2, 1, 8, 8), 0.5)


@pytest.mark.parametrize("default", [torch.float64, torch.bfloat16, torch.float16])
def test_the_precision_of_a_network_is_not_that_of_torchs_default(default: torch.dtype) -> None:
    before, x = torch.get_default_dtype(), pictures(4, 1, 16, 16)
    wanted = els.load_network("fashion-mnist-16-resnet-zeros")(x, 0.5)
    try:
        torch.set_default_dtype(default)
        torch.testing.assert_close(els.load_network("fashion-mnist-16-resnet-zeros")(x, 0.5), wanted)
        network, _ = els.train(small().float(), els.ImageSet(x), TrainingPlan(steps=1, batch=2), progress=False)
        assert {p.dtype for p in network.parameters()} == {torch.float32}
    finally:
        torch.set_default_dtype(before)


def test_what_is_wrong_inside_a_network_is_not_called_a_wrong_signature() -> None:
    class Broken(Own):
        def forward(self, x_t: torch.Tensor, t: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
            return self.conv(x_t) + None  # type: ignore[operator]

    with pytest.raises(TypeError, match="unsupported operand"):
        NetworkDenoiser(Broken())(pictures(2, 1, 8, 8), 0.5)


@pytest.mark.parametrize(
    ("steps", "ema", "said"),
    [(20, 0.99, "82%"), (3, 0.6, "22%"), (3, 0.51, "13%"), (20, 0.8, ""), (1, 0.0, ""), (3, 0.5, ""), (4, 0.55, "")],
)
def test_an_average_that_still_holds_the_first_weights_is_told(
    steps: int, ema: float, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = TrainingPlan(steps=steps, ema=ema, batch=2, precision="float32")
    train(Own(), els.ImageSet(pictures(4, 1, 8, 8)), plan, progress=False)
    told = capsys.readouterr().out
    assert bool(told) is bool(said)
    assert not said or (f"holds {said} of the first weights. Take more steps (--steps), or in Python" in told)


class WithoutLabels(Own):
    def forward(self, x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return self.conv(x_t)


def test_a_network_of_ones_own_is_a_denoiser() -> None:
    x, own = pictures(2, 1, 8, 8), NetworkDenoiser(Own())
    alpha, sigma = els.CosineSchedule().alpha(0.5), els.CosineSchedule().sigma(0.5)
    torch.testing.assert_close(own(x, 0.5), (x - sigma * own.module(x, 0.5)) / alpha)
    assert (own.name, own.classes, own.channels) == ("network", None, None)
    with pytest.raises(els.CourseError, match="the card of network does not say its padding: give it one"):
        own.padding  # noqa: B018


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        (WithoutLabels(), r"must have a forward\(x_t, t, labels\), .*: too many positional arguments"),
        (Own(outputs=3), r"must answer with noise of x_t's shape, \(2, 1, 8, 8\), got \(2, 3, 8, 8\)"),
    ],
)
def test_what_is_no_noise_predictor_gets_a_sentence(network: nn.Module, sentence: str) -> None:
    x = pictures(2, 1, 8, 8)
    with pytest.raises(els.CourseError, match=sentence):
        NetworkDenoiser(network)(x, 0.5)
    with pytest.raises(els.CourseError, match=sentence):
        train(network, els.ImageSet(x), TrainingPlan(steps=1, batch=2), progress=False)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_networks_are_those_of_their_recipes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "train", lambda *_, **__: pytest.fail("it was trained anew"))
    folder = data_dir() / "networks"
    assert follow(RECIPES[name], folder) == folder / f"{name}.safetensors"
    monkeypatch.setitem(RECIPES, name, replace(RECIPES[name], n=100))
    with pytest.raises(els.CourseError, match=r"was made by another recipe \(other data\)"):
        follow(RECIPES[name], folder)


def test_a_recipe_can_be_watched_and_its_network_kept_on_the_way(tmp_path: Path) -> None:
    recipe = replace(RECIPES["fashion-mnist-16-resnet-zeros"], name="few", n=4, plan=TrainingPlan(steps=3, batch=2))
    card, steps = recipes.card_of(recipe, recipe.data()), []

    def after_step(trainer: Trainer) -> None:
        steps.append(trainer.step)
        save_network(trainer.average, {"name": f"after-{trainer.step}", **card}, tmp_path)

    path = follow(recipe, tmp_path, after_step=after_step)
    end, last, before = (els.load_network(tmp_path / f"{name}.json") for name in ("few", "after-3", "after-2"))
    assert end.card["precision"] in ("bfloat16", "float32") and end.card["plan"]["precision"] == "auto"
    x = pictures(2, 1, 16, 16)
    assert steps == [1, 2, 3] and path == tmp_path / "few.safetensors"
    assert torch.equal(end(x, 0.5), last(x, 0.5)) and not torch.equal(end(x, 0.5), before(x, 0.5))
    assert {key: end.card[key] for key in card} == {key: last.card[key] for key in card} == card


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_networks_load_and_denoise(name: str) -> None:
    n, padding, conditional = SHIPPED[name]
    network = els.load_network(name)
    assert (network.card["data"]["n"], network.padding, network.conditional) == (n, padding, conditional)
    assert network_files()[name].with_suffix(".safetensors").stat().st_size < 4e6
    curve = network.card["loss_curve"]["values"]
    assert len(curve) == network.card["plan"]["steps"] // 100 and sum(curve[-5:]) < sum(curve[:5])
    about = network.card["data"]
    data = els.load(about["name"], size=about["size"], n=min(about["n"], 2000))
    x_0, labels, t = data.images[:64], data.labels[:64] if conditional else None, 0.3
    x_t = els.add_noise(x_0, els.seeded_noise(range(64), data.images.shape[1:]), t)
    error = (network(x_t, t, labels) - x_0).square().mean()
    linear = (els.WienerFilter(data.images)(x_t, t) - x_0).square().mean()
    assert error < linear, "a trained network denoises better than the best linear filter"


def test_a_network_may_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    path = save_network(small(), {"name": "mine", "architecture": "resnet", "config": {"width": 8}}, tmp_path)
    assert path.stat().st_mode == path.with_suffix(".json").stat().st_mode


def test_weights_that_share_memory_are_kept(tmp_path: Path) -> None:
    network = Own()
    network.other = network.conv
    save_tensors(network.state_dict(), tmp_path / "tied.safetensors")
    assert len(load_file(tmp_path / "tied.safetensors")) == 4


def test_weights_that_lie_in_another_order_are_kept(tmp_path: Path) -> None:
    """As those of a network that was told to(memory_format=torch.channels_last)."""
    weights = {"a": pictures(2, 3, 4, 5).to(memory_format=torch.channels_last)}
    save_tensors(weights, tmp_path / "w.safetensors")
    assert torch.equal(load_file(tmp_path / "w.safetensors")["a"], weights["a"])


def test_a_damaged_file_is_refused_by_name(tmp_path: Path) -> None:
    path = save_network(small(), {"name": "mine", "architecture": "resnet", "config": {"width": 8}}, tmp_path)
    assert isinstance(els.load_network(path), NetworkDenoiser)
    assert isinstance(els.load_network(tmp_path / "mine"), NetworkDenoiser), "without its suffix, too"
    with pytest.raises(els.CourseError, match=r"unknown network .*yours'.* Or give the path of a network's \.safe"):
        els.load_network(tmp_path / "yours")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(els.CourseError, match=r"mine\.safetensors is damaged.*sha256.*expected"):
        els.load_network(path)
    path.with_suffix(".json").write_text("{")
    with pytest.raises(els.CourseError, match=r"mine\.json is not a network's card"):
        els.load_network(path)
    path.with_suffix(".json").write_text(json.dumps({"name": "mine"}))
    with pytest.raises(els.CourseError, match="lacks architecture, config, sha256"):
        els.load_network(path)
    path.unlink()
    with pytest.raises(els.CourseError, match="does not exist"):
        els.load_network(path)


def test_a_folder_is_no_file_of_a_network(tmp_path: Path) -> None:
    path = save_network(small(), {"name": "mine", "architecture": "resnet", "config": {"width": 8}}, tmp_path)
    for part, sentence in (
        (path, r"mine\.safetensors cannot be read"),
        (path.with_suffix(".json"), "not a network's c"),
    ):
        part.unlink()
        part.mkdir()
        with pytest.raises(els.CourseError, match=sentence):
            els.load_network(path)


def test_an_unknown_network_is_answered_with_near_names() -> None:
    with pytest.raises(els.CourseError, match="did you mean fashion-mnist-16-resnet-zeros"):
        els.load_network("fashion-mnist-16-resnet-zero")
    for nothing in ("", ".", "/"):
        with pytest.raises(els.CourseError, match="unknown network"):
            els.load_network(nothing)


def test_a_network_that_is_still_in_training_is_not_called_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPES["fashion-mnist-16-resnet-zeros"], name="own", n=4, plan=TrainingPlan(steps=3, batch=2))

    def stop(trainer: object) -> None:
        if trainer.step == 2:  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "OWN_NETWORKS", tmp_path)
    with pytest.raises(KeyboardInterrupt):
        follow(recipe, tmp_path, after_step=stop)
    for name in ("own", tmp_path / "own", tmp_path / "own.safetensors", tmp_path / "own.json"):
        with pytest.raises(
            els.CourseError, match="the training of own is not finished: run its `elscourse train` again"
        ):
            els.load_network(name)
    follow(recipe, tmp_path)
    assert els.load_network("own").name == "own"


def test_loss_is_that_of_the_noise(generator: torch.Generator) -> None:
    """A network that knows the images finds the noise: loss 0; one that says zero has loss 1."""
    x_0, schedule = pictures(1, 1, 8, 8).expand(512, 1, 8, 8), els.CosineSchedule()

    class Oracle(nn.Module):
        def forward(self, x_t, t, labels):
            theta = (schedule.theta(1.0) * t)[:, None, None, None]
            return (x_t - theta.cos() * x_0) / theta.sin()

    class Zero(nn.Module):
        def forward(self, x_t, t, labels):
            return x_t * 0

    loss = lambda network: noise_prediction_loss(network, x_0, None, generator, "float32")  # noqa: E731
    assert loss(Oracle()) < 1e-4 and loss(Zero()) == pytest.approx(1, abs=0.05)


def test_learning_rate_is_one_cycle() -> None:
    plan = TrainingPlan(steps=100, learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(step, plan) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == pytest.approx(1) and rates[-1] < 0.001
    assert rates.index(max(rates)) in (9, 10)
    for steps, warmup in ((1, 0.1), (3, 0.1), (15, 0.1), (100, 0.001)):
        plan = TrainingPlan(steps=steps, learning_rate=1.0, warmup=warmup)
        assert max(learning_rate(step, plan) for step in range(steps)) == 1, "the largest is the plan's own"


def test_times_are_stratified(generator: torch.Generator) -> None:
    """Sorted, the k-th of B times lies in the k-th B-th of (0, 1]."""
    seen: list[Tensor] = []

    class Spy(nn.Module):
        def forward(self, x_t, t, labels):
            seen.append(t)
            return x_t

    for _ in range(5):
        noise_prediction_loss(Spy(), pictures(64, 1, 2, 2), None, generator, "float32")
        assert torch.equal((64 * seen.pop()).ceil().sort().values, torch.arange(1.0, 65))


def test_every_image_is_trained_on_and_with_its_own_label() -> None:
    levels = torch.linspace(-1, 1, 4)
    images, labels = levels.expand(1, 8, 8, 4).permute(3, 0, 1, 2), torch.tensor([2, 0, 3, 1])
    data = els.ImageSet(images, labels, tuple("abcd"), "greys")
    network = small(classes=4)
    met: set[tuple[int, int]] = set()

    def look(module: nn.Module, given: tuple[Tensor, Tensor, Tensor]) -> None:
        x_t, t, labels = given
        clear = t < 0.2  # a grey is recognised through so little noise
        images = (x_t[clear].mean((1, 2, 3))[:, None] - levels).abs().argmin(1)
        met.update(zip(images.tolist(), labels[clear].tolist(), strict=True))

    network.register_forward_pre_hook(look)
    train(network, data, TrainingPlan(steps=10, batch=32, precision="float32"), progress=False)
    assert met == {(0, 2), (1, 0), (2, 3), (3, 1)}


def test_each_step_is_of_the_learning_rate_of_the_plan() -> None:
    """Adam moves a weight by the learning rate where the gradient is always the same."""

    class Far(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))

        def forward(self, x_t, t, labels):
            return x_t * 0 + 1e4 + self.weight  # noise is nothing beside it

    network, path = Far(), [0.0]
    plan = TrainingPlan(steps=10, batch=2, learning_rate=0.1, warmup=0.3, precision="float32")
    data = els.ImageSet(pictures(4, 1, 8, 8), None, (), "random")
    train(network, data, plan, progress=False, after_step=lambda _: path.append(network.weight.item()))
    moved = [before - after for before, after in itertools.pairwise(path)]
    assert moved == pytest.approx([learning_rate(step, plan) for step in range(10)], rel=1e-2)


def test_training_learns_and_its_average_follows(generator: torch.Generator) -> None:
    data = els.ImageSet(pictures(1, 1, 8, 8).expand(4, 1, 8, 8), None, (), "one image")
    network = small(width=16, layers=2)
    average, losses = train(
        network, data, TrainingPlan(steps=400, batch=32, ema=0.9, learning_rate=3e-3), progress=False
    )
    assert len(losses) == 4 and losses[-1] < losses[0] / 2
    x_0 = data.images[:1].expand(512, 1, 8, 8)
    with torch.no_grad():
        loss = noise_prediction_loss(average, x_0, None, generator, "float32")
    assert loss < losses[0] / 2
    assert not any(p.requires_grad for p in average.parameters())


class Normed(Own):
    """One that keeps statistics of what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.drop = nn.BatchNorm2d(1), nn.Dropout(0.0)

    def forward(self, x_t: torch.Tensor, t: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return self.drop(self.norm(self.conv(x_t)))


def test_the_average_has_the_statistics_of_its_network_and_draws_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, plan = els.ImageSet(pictures(8, 1, 8, 8)), TrainingPlan(steps=4, batch=4, precision="float32")

    def go(**options: object) -> tuple[nn.Module, nn.Module]:
        torch.manual_seed(0)
        network = Normed()
        return network, train(network, data, plan, progress=False, **options)[0]  # type: ignore[arg-type]

    def stop(trainer: Trainer) -> None:
        if trainer.step == 3:
            raise KeyboardInterrupt

    network, average = go()
    assert average.norm.num_batches_tracked == 4 and average.norm.running_var != 1  # as it was before the training
    assert all(torch.equal(a, b) for a, b in zip(average.buffers(), network.buffers(), strict=True))
    assert not any(module.training for module in average.modules())
    monkeypatch.setattr(training, "SAVE_EVERY", 2)
    with pytest.raises(KeyboardInterrupt):
        go(checkpoint=tmp_path / "state", after_step=stop)
    resumed = go(checkpoint=tmp_path / "state")[1].state_dict()
    assert all(torch.equal(resumed[name], value) for name, value in average.state_dict().items())


SCRIPT = textwrap.dedent("""
    import sys, torch
    from pathlib import Path
    from safetensors.torch import save_file
    import elscourse as els
    from elscourse import training
    from elscourse.networks import build_network
    from elscourse.training import TrainingPlan, train

    torch.set_num_threads(1)
    torch.manual_seed(0)
    training.SAVE_EVERY = 20
    network = build_network("resnet", width=8, layers=2, classes=10)
    out, checkpoint = Path(sys.argv[1]), Path(sys.argv[2])
    show = lambda trainer: print(trainer.step, flush=True)
    data = els.load("fashion-mnist", 16, 200)
    plan = TrainingPlan(steps=300, batch=8, ema=0.99, precision=sys.argv[3])
    average, losses = train(network, data, plan, progress=False, checkpoint=checkpoint, after_step=show)
    save_file(average.state_dict(), out, {"losses": repr(losses)})
""")


def start(out: Path, checkpoint: Path, precision: str) -> subprocess.Popen:
    command = [sys.executable, "-c", SCRIPT, str(out), str(checkpoint), precision]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("native", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_a_gpu_that_only_emulates_bfloat16_trains_in_float32(
    monkeypatch: pytest.MonkeyPatch, native: bool, precision: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or native)
    assert TrainingPlan().resolved(torch.device("cuda")).precision == precision


@pytest.mark.parametrize(("how", "precision"), [(signal.SIGKILL, "float32"), (signal.SIGTERM, "bfloat16")])
def test_a_killed_training_resumes_to_the_same_bits(tmp_path: Path, how: signal.Signals, precision: str) -> None:
    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    assert start(straight, tmp_path / "a", precision).communicate() and straight.exists()
    process = start(resumed, tmp_path / "b", precision)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == 77:
            os.kill(process.pid, how)
            break
    process.communicate()
    assert process.returncode != 0 and not resumed.exists() and (tmp_path / "b").exists()
    steps = start(resumed, tmp_path / "b", precision).communicate()[0].split()
    assert int(steps[0]) > (77 if how == signal.SIGTERM else 1), "it went on, it did not start over"
    assert resumed.read_bytes() == straight.read_bytes()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux, which says what is mapped")
def test_a_checkpoint_that_was_read_is_not_held(tmp_path: Path) -> None:
    """Windows lets nobody replace a file that is mapped, and a training that goes on writes the next one there."""
    data, plan = els.load("fashion-mnist", 8, 60), TrainingPlan(steps=3, batch=8)
    train(build_network("resnet", width=8, layers=2), data, plan, progress=False, checkpoint=tmp_path / "state")
    tensors, _ = training.read_checkpoint(tmp_path / "state")
    assert tensors and str(tmp_path / "state") not in Path("/proc/self/maps").read_text()


def test_a_killed_training_loses_few_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written every SAVE_EVERY steps, not only when it is asked to stop."""
    monkeypatch.setattr(training, "SAVE_EVERY", 3)
    data, plan, state = els.load("fashion-mnist", 8, 60), TrainingPlan(steps=20, batch=8), tmp_path / "state"

    def power_cut(trainer: training.Trainer) -> None:
        if trainer.step == 8:
            raise SystemError

    with pytest.raises(SystemError):
        train(small(), data, plan, progress=False, checkpoint=state, after_step=power_cut)
    left = training.Trainer(small(), data, plan, torch.device("cpu"))
    left.load(state)
    assert left.step == 6


@pytest.mark.parametrize(
    "other", [{"ema": 0.5}, {"learning_rate": 1e-4}, {"warmup": 0.5}, {"batch": 4}, {"seed": 1}, {"steps": 5},
              {"precision": "bfloat16"}]
)  # fmt: skip
def test_a_checkpoint_of_another_plan_is_refused(tmp_path: Path, other: dict[str, Any]) -> None:
    data, plan, state = (
        els.load("fashion-mnist", 8, 60),
        TrainingPlan(2, 8, ema=0.9, precision="float32"),
        tmp_path / "state",
    )
    train(small(), data, plan, progress=False, checkpoint=state)
    (name,) = other
    with pytest.raises(els.CourseError, match=rf"something else \(.*{name} .* -> {other[name]}"):
        train(small(), data, replace(plan, **other), progress=False, checkpoint=state)


def test_pictures_in_float64_train_a_network_of_float32() -> None:
    """As a .npy file may hold them."""
    data = els.load("fashion-mnist", 8, 60)
    double = replace(data, images=data.images.double())
    drawn = [train(small(), some, TrainingPlan(2, 8, ema=0.5), progress=False)[0] for some in (data, double)]
    for one, other in zip(*(network.parameters() for network in drawn), strict=True):
        assert one.dtype == torch.float32 and torch.equal(one, other)


@pytest.mark.parametrize(("flags", "precision"), [(["amx_bf16"], "bfloat16"), ([], "float32"), (None, "float32")])
def test_the_precision_on_a_processor(flags: list[str] | None, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "bfloat16_flags", lambda: flags)
    assert TrainingPlan().resolved(torch.device("cpu")).precision == precision


def test_a_loss_that_grows_out_of_range_ends_the_training() -> None:
    """Infinite is no number to go on with either."""

    class Huge(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.tensor(1e25))

        def forward(self, x_t: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
            return self.weight * x_t

    with pytest.raises(els.CourseError, match="the loss is not finite after step 1"):
        train(Huge(), els.load("fashion-mnist", 8, 60), TrainingPlan(steps=2, batch=8, ema=0.5), progress=False)


class Table(nn.Module):
    """A network whose numbers are its own, of no layer."""

    def __init__(self, length: int):
        super().__init__()
        self.numbers = nn.Parameter(torch.zeros(length))

    def forward(self, x_t: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        return x_t * self.numbers.sum()


def test_the_same_numbers_have_the_same_digest_however_they_lie_in_memory() -> None:
    x = pictures(3, 1, 4, 5)
    assert sha256_of(x) == hashlib.sha256(x.numpy().tobytes()).hexdigest() == sha256_of(x.mT.contiguous().mT)
    assert len({sha256_of(x.to(dtype)) for dtype in (torch.float16, torch.bfloat16, torch.float32)}) == 3


def test_a_checkpoint_of_a_network_of_another_shape_is_refused(tmp_path: Path) -> None:
    data, plan = els.ImageSet(pictures(4, 1, 8, 8)), TrainingPlan(steps=2, batch=2, ema=0.0)
    for length in (3, 3):
        train(Table(length), data, plan, progress=False, checkpoint=tmp_path / "state")
    with pytest.raises(els.CourseError, match=r"something else \(network \w{8} -> \w{8}\)"):
        train(Table(4), data, plan, progress=False, checkpoint=tmp_path / "state")


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_a_training_needs_no_gradients_around_it(off: type) -> None:
    data, plan = els.ImageSet(pictures(4, 1, 8, 8)), TrainingPlan(steps=2, batch=2, ema=0.0)
    usual, _ = train(Table(3), data, plan, progress=False)
    network = Table(3)
    with off():
        average, _ = train(network, data, plan, progress=False)
    assert torch.equal(average.numbers, usual.numbers) and (average.numbers != 0).all()
    with torch.inference_mode(), pytest.raises(els.CourseError, match=r"torch.inference_mode\(\) cannot be trained"):
        train(Table(3), data, plan, progress=False)


def test_another_plan_does_not_continue_a_checkpoint(tmp_path: Path) -> None:
    data, checkpoint = els.ImageSet(pictures(4, 1, 8, 8), None, (), "random"), tmp_path / "state"
    train(small(), data, TrainingPlan(steps=2, batch=2), progress=False, checkpoint=checkpoint)
    with pytest.raises(els.CourseError, match=r"something else \(steps 2 -> 3\).*--fresh"):
        train(small(), data, TrainingPlan(steps=3, batch=2), progress=False, checkpoint=checkpoint)
    checkpoint.write_bytes(b"half a file")
    with pytest.raises(els.CourseError, match="not a readable training checkpoint"):
        train(small(), data, TrainingPlan(steps=2, batch=2), progress=False, checkpoint=checkpoint)


def test_other_images_or_another_network_do_not_continue_a_checkpoint(tmp_path: Path) -> None:
    data, checkpoint = els.ImageSet(pictures(4, 1, 8, 8), None, (), "random"), tmp_path / "state"
    other = els.ImageSet(pictures(4, 1, 8, 8, seed=5), None, (), "random")
    plan = TrainingPlan(steps=2, batch=2)
    train(small(), data, plan, progress=False, checkpoint=checkpoint)
    with pytest.raises(els.CourseError, match=r"something else \(images [0-9a-f]{8} -> [0-9a-f]{8}\)"):
        train(small(), other, plan, progress=False, checkpoint=checkpoint)
    wide = els.ImageSet(data.images.view(4, 1, 4, 16), None, (), "random")
    with pytest.raises(els.CourseError, match=r"something else \(shape .* -> \(4, 1, 4, 16\)\)"):
        train(small(), wide, plan, progress=False, checkpoint=checkpoint)
    with pytest.raises(els.CourseError, match=r"something else \(network "):
        train(small(padding="circular"), data, plan, progress=False, checkpoint=checkpoint)


def test_the_recipe_of_a_shipped_network_is_fixed(tmp_path: Path) -> None:
    with pytest.raises(els.CourseError, match="--size, --padding would change fashion-mnist-16-resnet-zeros"):
        choose("fashion-mnist-16-resnet-zeros", size=8, padding="circular")
    with pytest.raises(els.CourseError, match="--padding would change fashion-mnist-16-resnet-circular"):
        choose("fashion-mnist-16-resnet-circular", padding="zeros")
    shipped = ("train", "fashion-mnist-16-unet-zeros", "--steps", "1", "--out", str(tmp_path))
    assert "is trained" in ok(*shipped)
    result = run(*shipped, "--architecture", "resnet")
    assert result.exit_code == 1 and "--architecture would change fashion-mnist-16-unet-zeros" in result.output


def test_a_network_of_ones_own_is_made_as_asked(tmp_path: Path) -> None:
    images = ("--dataset", "fashion-mnist", "--size", "8", "--n", "20", "--width", "4", "--steps", "1")
    ok("train", "plain", *images, "--out", str(tmp_path))
    asked = ("--architecture", "unet", "--padding", "circular", "--seed", "3")
    ok("train", "asked", *images, *asked, "--out", str(tmp_path))
    cards = [json.loads((tmp_path / f"{name}.json").read_text()) for name in ("plain", "asked")]
    made = [(c["architecture"], c["config"]["padding"], c["plan"]["seed"], c["plan"]["steps"]) for c in cards]
    assert made == [("resnet", "zeros", 0, 1), ("unet", "circular", 3, 1)]
    assert cards[1]["config"]["width"] == 4 and cards[1]["data"] == {"name": "fashion-mnist", "size": 8, "n": 20}


def test_a_plan_that_makes_no_sense_is_refused() -> None:
    data = els.ImageSet(pictures(4, 1, 8, 8), None, (), "random")
    with pytest.raises(els.CourseError, match="precision must be"):
        train(small(), data, TrainingPlan(steps=1, precision="half"), progress=False)
    with pytest.raises(els.CourseError, match="steps >= 1"):
        train(small(), data, TrainingPlan(steps=0), progress=False)
    with pytest.raises(els.CourseError, match="needs labels, but random has none"):
        train(small(classes=3), data, TrainingPlan(steps=1), progress=False)


@pytest.mark.parametrize(("change", "says"), [("weights", "no weights that can be read"), ("card", "lacks sha256")])
def test_a_card_of_what_are_no_weights(change: str, says: str, tmp_path: Path) -> None:
    card = {"name": "net", "architecture": "resnet", "config": {"width": 4, "layers": 1}}
    path = save_network(build_network("resnet", width=4, layers=1), card, tmp_path)
    path.write_bytes(b"no weights")
    sha256 = hashlib.sha256(b"no weights").hexdigest() if change == "weights" else None
    path.with_suffix(".json").write_text(json.dumps({**card, "sha256": sha256}))
    with pytest.raises(els.CourseError, match=says):
        els.load_network(path)


def test_a_recipe_decides_every_weight_and_leaves_random_numbers_alone(tmp_path: Path) -> None:
    recipe = replace(RECIPES["fashion-mnist-16-resnet-zeros"], n=4, plan=TrainingPlan(steps=1, batch=2))
    written, drawn = [], []
    for seed in (1, 2):
        torch.manual_seed(seed)
        written.append(follow(replace(recipe, name=f"own-{seed}"), tmp_path).read_bytes())
        drawn.append(torch.rand(1))
    assert written[0] == written[1] and drawn[0] != drawn[1]


def test_other_labels_do_not_continue_a_checkpoint(tmp_path: Path) -> None:
    plan = TrainingPlan(steps=2, batch=2)
    for labels in ([0, 1, 0, 1], [0, 1, 0, 1], [1, 0, 1, 0]):
        data = els.ImageSet(pictures(4, 1, 8, 8), torch.tensor(labels), ("a", "b"), "random")
        go = lambda data=data: train(small(classes=2), data, plan, progress=False, checkpoint=tmp_path / "state")  # noqa: E731
        if labels[0]:
            with pytest.raises(els.CourseError, match=r"something else \(images "):
                go()
        else:
            go()


def test_a_denoiser_that_moves_keeps_its_schedule() -> None:
    network = NetworkDenoiser(small(), {"name": "mine"}, els.CosineSchedule(0.3))
    moved = network.to("cpu", torch.float64)
    assert (moved.schedule, moved.card, moved.module) == (network.schedule, network.card, network.module)
    assert moved(pictures(1, 1, 8, 8).double(), 0.5).dtype == torch.float64


def test_signals_are_as_before_after_a_training_which_any_thread_may_do() -> None:
    data, plan = els.ImageSet(pictures(4, 1, 8, 8)), TrainingPlan(steps=1, batch=2)
    handlers = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    train(small(), data, plan, progress=False)
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == handlers
    trained: list[object] = []
    thread = threading.Thread(target=lambda: trained.append(train(small(), data, plan, progress=False)))
    thread.start()
    thread.join()
    assert len(trained) == 1


def test_a_network_trained_here_wins_over_a_shipped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "fashion-mnist-16-resnet-zeros"
    monkeypatch.setattr(checkpoints, "OWN_NETWORKS", tmp_path)
    assert checkpoints.find_card(name).parent == data_dir() / "networks"
    save_network(small(), {"name": name, "architecture": "resnet", "config": {"width": 8}}, tmp_path)
    assert checkpoints.find_card(name) == tmp_path / f"{name}.json"


def test_a_dot_in_a_network_s_name_is_no_suffix(tmp_path: Path) -> None:
    path = save_network(small(), {"name": "width-0.5", "architecture": "resnet", "config": {"width": 8}}, tmp_path)
    assert els.load_network(tmp_path / "width-0.5").name == els.load_network(path).name == "width-0.5"


def test_a_network_that_was_loaded_is_frozen_and_knows_no_class_below_0() -> None:
    network = els.load_network("fashion-mnist-16-resnet-zeros-conditional")
    assert not any(weight.requires_grad for weight in network.module.parameters())
    for label in (-1, 10):
        with pytest.raises(els.CourseError, match=rf"knows the classes 0 ... 9, got {label}"):
            network(pictures(1, 1, 16, 16), 0.5, label)


def test_fresh_forgets_a_training_that_was_interrupted(tmp_path: Path) -> None:
    recipe = replace(RECIPES["fashion-mnist-16-resnet-zeros"], name="own", n=4, plan=TrainingPlan(steps=3, batch=2))

    def stop(trainer: object) -> None:
        if trainer.step == 2:  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(recipe, tmp_path, after_step=stop)
    assert (tmp_path / "own.training.safetensors").exists()
    steps: list[int] = []
    other = replace(recipe, plan=replace(recipe.plan, seed=1))
    follow(other, tmp_path, fresh=True, after_step=lambda trainer: steps.append(trainer.step))
    assert steps == [1, 2, 3] and not (tmp_path / "own.training.safetensors").exists()
    with pytest.raises(KeyboardInterrupt):
        follow(other, tmp_path, fresh=True, after_step=stop)
    steps.clear()
    follow(other, tmp_path, after_step=lambda trainer: steps.append(trainer.step))
    assert steps[-1] == 3, "what was begun anew goes on, though a network is there"


def test_a_network_that_cannot_be_loaded_does_not_pass_for_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told at once, and the state of the training is still there to write it again."""
    recipe = replace(RECIPES["fashion-mnist-16-resnet-zeros"], name="own", n=4, plan=TrainingPlan(steps=2, batch=2))

    def cut_off(*given: Any) -> Path:
        path = save_network(*given)
        path.write_bytes(path.read_bytes()[:-1])
        return path

    with monkeypatch.context() as damaging, pytest.raises(els.CourseError, match=r"own\.safetensors"):
        damaging.setattr(recipes, "save_network", cut_off)
        follow(recipe, tmp_path)
    steps: list[int] = []
    path = follow(recipe, tmp_path, after_step=lambda trainer: steps.append(trainer.step))
    assert els.load_network(path).name == "own" and not steps, "nothing is trained again"


@pytest.mark.parametrize("part", ["network.", "average.", "adam.", "generator", "step"])
def test_a_checkpoint_in_which_a_bit_was_flipped_is_refused(part: str, tmp_path: Path) -> None:
    data, plan, state = els.ImageSet(pictures(4, 1, 8, 8)), TrainingPlan(steps=2, batch=2), tmp_path / "state"
    train(small(), data, plan, progress=False, checkpoint=state)
    whole = bytearray(state.read_bytes())
    header = 8 + int.from_bytes(whole[:8], "little")
    places = json.loads(whole[8:header])
    if part == "step":
        assert whole.count(b'"step":"2"') == 1
        whole = whole.replace(b'"step":"2"', b'"step":"3"')
    else:
        name = next(name for name in places if name.startswith(part))
        whole[header + places[name]["data_offsets"][0]] ^= 1
    state.write_bytes(whole)
    with pytest.raises(els.CourseError, match=r"not a readable training checkpoint .*numbers are not those"):
        train(small(), data, plan, progress=False, checkpoint=state)


def test_the_average_moves_by_what_ema_leaves_of_it() -> None:
    """After each step: ema of what it was, and for the rest what the network has become."""
    network, plan = Own(), TrainingPlan(steps=3, batch=2, ema=0.7, precision="float32")
    means = [network.conv.weight.detach().clone()]

    def look(trainer: Trainer) -> None:
        means.append(0.7 * means[-1] + 0.3 * network.conv.weight.detach())
        torch.testing.assert_close(trainer.average.conv.weight, means[-1])

    train(network, els.ImageSet(pictures(4, 1, 8, 8)), plan, progress=False, after_step=look)
    assert len(means) == 4


def test_a_point_of_the_curve_is_the_mean_of_its_hundred_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    losses: list[Tensor] = []
    monkeypatch.setattr(
        training, "noise_prediction_loss", lambda *of: losses.append(noise_prediction_loss(*of)) or losses[-1]
    )
    plan = TrainingPlan(steps=200, batch=2, ema=0.0, precision="float32")
    _, curve = train(Table(3), els.ImageSet(pictures(4, 1, 8, 8)), plan, progress=False)
    assert curve == pytest.approx(torch.stack(losses).view(2, 100).mean(1).tolist())


def test_loading_a_network_leaves_random_numbers_alone() -> None:
    drawn = []
    for load in (False, True):
        torch.manual_seed(0)
        if load:
            els.load_network("fashion-mnist-16-resnet-zeros")
        drawn.append(torch.rand(1))
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_training_multiplies_in_the_precision_of_its_plan(precision: str) -> None:
    met: set[torch.dtype] = set()
    network = Own()
    network.conv.register_forward_hook(lambda module, given, answer: met.add(answer.dtype))
    plan = TrainingPlan(steps=1, batch=2, precision=precision)
    train(network, els.ImageSet(pictures(4, 1, 8, 8)), plan, progress=False)
    assert met == {getattr(torch, precision)}


def test_another_seed_is_another_training(tmp_path: Path) -> None:
    """Of other batches, times and noise; in a recipe also from other first weights."""
    losses, first = [], []
    for seed in (0, 0, 1):
        plan = TrainingPlan(steps=1, batch=2, precision="float32", seed=seed)
        look = lambda trainer: losses.append(trainer.running[0])  # noqa: E731
        train(Table(3), els.ImageSet(pictures(4, 1, 8, 8)), plan, progress=False, after_step=look)
        recipe = replace(RECIPES["fashion-mnist-16-resnet-zeros"], name="own", n=4, plan=replace(plan, ema=0.999999))
        follow(recipe, tmp_path, fresh=True)
        first.append(els.load_network(tmp_path / "own.json").module.up.weight)  # as it was, all but a millionth
    assert losses[0] == losses[1] != losses[2]
    assert torch.equal(first[0], first[1]) and (first[0] - first[2]).abs().max() > 0.01


def test_a_network_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    card = checkpoints.find_card("fashion-mnist-16-resnet-zeros")
    for suffix in (".json", ".safetensors"):
        (tmp_path / f"mine{suffix}").write_bytes(card.with_suffix(suffix).read_bytes())
    for given in ("~/mine.safetensors", Path("~/mine.json"), "~/mine"):
        assert checkpoints.find_card(given) == tmp_path / "mine.json"
    (tmp_path / "half.training.safetensors").write_bytes(b"")
    with pytest.raises(els.CourseError, match="training of half is not finished"):
        checkpoints.find_card("~/half")
