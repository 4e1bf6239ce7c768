"""Trained networks as denoisers, and as files: safetensors for the weights, a JSON card for everything else."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from torch import Tensor, nn

from .data import data_dir
from .diffusion import Labels, check_batch, check_labels, denoiser_from_noise
from .errors import CourseError, brief, unknown_name
from .files import as_path, save_tensors, save_text
from .networks import build_network, channels_of, classes_of, predicted_noise
from .schedule import CosineSchedule, Schedule, check_schedule, check_time

# modules that answer differently in training, at random or by the rest of the batch, and may change when they are asked
CHANGED_BY_USE = (
    nn.modules.dropout._DropoutNd, nn.modules.batchnorm._NormBase, nn.MultiheadAttention, nn.RNNBase, nn.RReLU
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class NetworkDenoiser:
    r"""A trained noise predictor seen as a denoiser.

    .. math:: D(x_t, t) = (x_t - \sigma_t \, \hat\epsilon(x_t, t)) / \alpha_t

    x_t with shape (B, C, H, W), t in (0, 1]. labels: one class, or one per image, for a class-conditional network.
    Differentiable in x_t (lesson 09 asks for its Jacobian).

    module: eps_hat(x_t, t, labels), with t of shape (B,) in (0, 1], and labels (B,) or None; in eval mode if it has
        dropout or batch norm. A network of your own that is told classes has their number as `classes`. (One that
        estimates x_0 itself needs none of this: any function D(x_t, t, labels=None) is a denoiser.)
    card: what is known about it: "name"; "config" with "padding" ("zeros" or "circular") and "channels".

    Raises CourseError for an x_t of another shape, precision or device; for unknown labels, or if they are missing; and
    for a module that is not one of torch's, takes other arguments, answers in another shape, or holds modules in
    training mode for which that matters (dropout, batch norm, attention; what its forward does with `self.training`
    cannot be seen: call eval()).
    """

    module: nn.Module
    card: dict[str, Any] = field(default_factory=dict)
    schedule: Schedule = CosineSchedule()

    def __post_init__(self) -> None:
        if not isinstance(self.module, nn.Module):
            raise CourseError(
                f"module must be a torch.nn.Module, eps_hat(x_t, t, labels), got {type(self.module).__name__}."
            )
        if not isinstance(self.card, dict) or not isinstance(self.card.get("config", {}), dict):
            raise CourseError(
                f'card must be a dict, such as {{"config": {{"padding": "zeros"}}}}, got {brief(self.card)}.'
            )
        check_schedule(self.schedule)

    @property
    def name(self) -> str:
        """The name on the card."""
        return str(self.card.get("name", "network"))

    @property
    def channels(self) -> int | None:
        """Channels of the images that it draws: 1 grey, 3 colour; None: neither its card nor the network says."""
        return self.card.get("config", {}).get("channels", channels_of(self.module))

    @property
    def classes(self) -> int | None:
        """How many classes it can be told; None: it knows none."""
        return classes_of(self.module)

    @property
    def conditional(self) -> bool:
        """Whether it must be told a class."""
        return self.classes is not None

    @property
    def padding(self) -> str:
        """What its convolutions see beyond the border: "zeros" or "circular"."""
        try:
            return str(self.card["config"]["padding"])
        except KeyError:
            raise CourseError(
                f"the card of {self.name} does not say its padding: give it one with "
                'card={"config": {"padding": "zeros"}}, or "circular".'
            ) from None

    def to(self, device: str | torch.device, dtype: torch.dtype | None = None) -> NetworkDenoiser:
        """The same denoiser on another device, in another precision (the weights move, as with torch modules)."""
        return NetworkDenoiser(self.module.to(device, dtype), self.card, self.schedule)

    def __call__(self, x_t: Float[Tensor, "B C H W"], t: float, labels: Labels = None) -> Float[Tensor, "B C H W"]:
        t = check_time(t)
        check_batch(x_t, "x_t")
        if self.channels not in (None, x_t.shape[1]):
            raise CourseError(f"{self.name} draws images of {self.channels} channel(s), but x_t has {x_t.shape[1]}.")
        weight = next(self.module.parameters(), x_t)
        if (x_t.dtype, x_t.device) != (weight.dtype, weight.device):
            raise CourseError(
                f"x_t is {x_t.dtype} on {x_t.device}, but {self.name} is {weight.dtype} on {weight.device}: move one "
                "of them with .to(...)."
            )
        if any(module.training and isinstance(module, CHANGED_BY_USE) for module in self.module.modules()):
            raise CourseError(
                f"{self.name} has dropout or batch norm, and is in training mode: call module.eval() first."
            )
        if self.conditional and labels is None:
            raise CourseError(f"{self.name} is class-conditional: pass labels=, one class or one per image.")
        if not self.conditional and labels is not None:
            raise CourseError(f"{self.name} knows no classes: call it without labels.")
        y = None if labels is None else self._classes(labels, len(x_t)).to(x_t.device)
        eps_hat = predicted_noise(self.module, x_t, torch.full((len(x_t),), t, device=x_t.device, dtype=x_t.dtype), y)
        return denoiser_from_noise(eps_hat, x_t, t, self.schedule)

    def _classes(self, labels: Labels, batch: int) -> Tensor:
        wanted = check_labels(labels, batch)
        last = (self.classes or 0) - 1
        wrong = wanted[(wanted < 0) | (wanted > last)]
        if len(wrong):
            raise CourseError(f"{self.name} knows the classes 0 ... {last}, got {int(wrong[0])}.")
        return wanted


def save_network(module: nn.Module, card: dict[str, Any], folder: str | Path) -> Path:
    """Write `folder/NAME.safetensors` and `folder/NAME.json`; the name and how to build it are read from the card."""
    if not card.get("name"):
        raise CourseError(f'a network is saved under the "name" on its card, and this card has none: {brief(card)}.')
    path = as_path(folder) / f"{card['name']}.safetensors"
    save_tensors(module.state_dict(), path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    text = json.dumps({**card, "sha256": sha256}, indent=1) + "\n"
    save_text(text, path.with_suffix(".json"))
    return path


OWN_NETWORKS = Path("runs/networks")  # where `elscourse train` writes, in the working folder


def network_cards() -> list[Path]:
    """The cards of the shipped networks, then of those trained here, whether or not the weights are there."""
    folders = (data_dir() / "networks", OWN_NETWORKS)
    found = [card for folder in folders for card in sorted(folder.glob("*.json"))]
    return [card for card in found if not card.name.endswith((".sizes.json", ".partial.json"))]


def network_files() -> dict[str, Path]:
    """Every network found: name -> card. One trained here wins over a shipped one of the same name."""
    return {card.stem: card for card in network_cards() if card.with_suffix(".safetensors").exists()}


def find_card(name: str | Path) -> Path:
    """The card of a network, by name (shipped or trained here) or by the path of its .safetensors or .json file."""
    if not isinstance(name, str | Path):
        raise unknown_name("network", name, network_files())
    path = as_path(name)
    if path.suffix not in (".safetensors", ".json"):
        known = network_files()
        if str(name) in known:
            return known[str(name)]
        path = Path(f"{path}.json")
        if not os.path.exists(path):  # unlike path.exists(), it takes a name of any length
            _check_finished(OWN_NETWORKS / str(name))
            _check_finished(path.with_suffix(""))
            error = unknown_name("network", str(name), known)
            raise CourseError(f"{error} Or give the path of a network's .safetensors file.")
    for part in (path.with_suffix(".json"), path.with_suffix(".safetensors")):
        if not os.path.exists(part):
            _check_finished(path.with_suffix(""))
            raise CourseError(f"{part} does not exist: a network is a .safetensors file with its .json card beside it.")
    return path.with_suffix(".json")


def _check_finished(network: Path) -> None:
    """Raise CourseError if this is a network whose training was interrupted."""
    if os.path.exists(f"{network}.training.safetensors"):
        raise CourseError(
            f"the training of {network.name} is not finished: run its `elscourse train` again, which goes on where it "
            "stopped."
        )


def load_network(name: str | Path) -> NetworkDenoiser:
    """A trained network as a denoiser: by name, or by the path of its file; float32, frozen, in eval mode.

    Raises CourseError for an unknown name and for damaged files.
    """
    card_path = find_card(name)
    card = _read_card(card_path)
    weights = _read_weights(card_path.with_suffix(".safetensors"), card)
    try:
        with torch.random.fork_rng(devices=[]):  # its first weights are drawn, and written over
            module = build_network(card["architecture"], **card["config"]).float()  # whatever torch's default is
        module.load_state_dict(weights)
    except (TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise CourseError(f"{card_path} does not describe the weights beside it ({reason}): restore both.") from error
    return NetworkDenoiser(module.eval().requires_grad_(False), card)


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text("utf-8"))
        missing = {"name", "architecture", "config", "sha256"} - card.keys()
    except PermissionError as error:
        raise CourseError(f"{path} cannot be read ({error.strerror}): change its permissions.") from error
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise CourseError(f"{path} is not a network's card ({error}): restore or download it again.") from error
    if not missing and not isinstance(card["sha256"], str):
        missing = {"sha256"}
    if missing:
        raise CourseError(f"{path} lacks {', '.join(sorted(missing))}: restore or download it again.")
    return dict(card)


def _read_weights(path: Path, card: dict[str, Any]) -> dict[str, Tensor]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CourseError(f"{path} cannot be read ({error.strerror}): restore it or change its permissions.") from error
    found = hashlib.sha256(raw).hexdigest()
    if found != card["sha256"]:
        raise CourseError(
            f"{path} is damaged or not the file its card describes: sha256 {found[:12]}..., "
            f"expected {card['sha256'][:12]}... ({len(raw)} bytes). Restore it, or train it again "
            f"(`elscourse train {card['name']}`, if it is one of the course's)."
        )
    try:
        return parse_safetensors(raw)
    except SafetensorError as error:
        raise CourseError(f"{path} holds no weights that can be read ({error}): restore it.") from error
