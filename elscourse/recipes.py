"""How each shipped network is made: data, architecture, plan. `elscourse train NAME` follows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from . import __version__
from .checkpoints import load_network, save_network
from .data import ImageSet, load
from .networks import build_network
from .training import TrainingPlan, train


@dataclass(frozen=True)
class Recipe:
    """A network to train: images, architecture with its options, plan."""

    name: str
    dataset: str
    size: int | None
    n: int | None
    architecture: str
    config: dict[str, Any] = field(default_factory=dict)
    conditional: bool = False
    plan: TrainingPlan = TrainingPlan()

    def data(self) -> ImageSet:
        """The images it is trained on."""
        return load(self.dataset, size=self.size, n=self.n)


def _fashion(name: str, architecture: str, padding: str, n: int = 2000, **options: Any) -> Recipe:
    return Recipe(f"fashion-mnist-16-{name}", "fashion-mnist", 16, n, architecture, {"padding": padding}, **options)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        _fashion("resnet-zeros", "resnet", "zeros"),
        _fashion("resnet-circular", "resnet", "circular"),
        _fashion("unet-zeros", "unet", "zeros"),
        _fashion("resnet-zeros-conditional", "resnet", "zeros", n=10_000, conditional=True),
    )
}


def follow(recipe: Recipe, folder: Path, *, device: str = "cpu", fresh: bool = False, progress: bool = True) -> Path:
    """Train by the recipe and write the network into `folder`; an interrupted run goes on where it stopped.

    While it lasts, its state is `folder/NAME.training.safetensors`; at the end that file is removed.
    """
    data = recipe.data()
    classes = len(data.class_names) if recipe.conditional else None
    config = {"channels": data.images.shape[1], "classes": classes, **recipe.config}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.plan.seed)  # torch's initialisers take no generator
        network = build_network(recipe.architecture, **config)
    state = folder / f"{recipe.name}.training.safetensors"
    if fresh:
        state.unlink(missing_ok=True)
    module, losses = train(network, data, recipe.plan, device=device, checkpoint=state, progress=progress)
    card = {
        "name": recipe.name,
        "architecture": recipe.architecture,
        "config": config,
        "data": {"name": recipe.dataset, "size": recipe.size, "n": len(data)},
        "plan": recipe.plan.__dict__,
        "device": str(device),
        "versions": {"elscourse": __version__, "torch": torch.__version__.split("+")[0]},
        "loss_curve": {"steps_per_point": 100, "values": [round(v, 5) for v in losses]},
    }
    path = save_network(module.cpu(), card, folder)
    load_network(path)
    state.unlink(missing_ok=True)
    return path
