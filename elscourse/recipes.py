"""How each network of the course is made: data, architecture, plan. `elscourse train NAME` follows it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from .catalogue import BUNDLED, CATALOGUE, EMOJI
from .checkpoints import load_network, save_network
from .data import ImageSet, load
from .errors import CourseError, brief, unknown_name
from .files import as_path, remove, save_text
from .folders import image_files
from .mapped import is_mapped
from .networks import build_network
from .pieces import sha256_of
from .training import Trainer, TrainingPlan, train
from .version import __version__


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


def _told_classes(dataset: str, size: int, n: int) -> Recipe:
    name, plan = f"{dataset}-{size}-resnet-zeros-conditional", TrainingPlan(batch=64)
    return Recipe(name, dataset, size, n, "resnet", {"padding": "zeros"}, conditional=True, plan=plan)


def _full_size(name: str, **options: Any) -> Recipe:
    config = {"padding": "zeros", "width": 256}
    plan = TrainingPlan(steps=28_000)
    return Recipe(f"fashion-mnist-32-{name}", "fashion-mnist", 32, 60_000, "resnet", config, plan=plan, **options)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        _fashion("resnet-zeros", "resnet", "zeros"),
        _fashion("resnet-circular", "resnet", "circular"),
        _fashion("unet-zeros", "unet", "zeros"),
        _fashion("resnet-zeros-conditional", "resnet", "zeros", n=10_000, conditional=True),
        _told_classes("fashion-mnist", 28, BUNDLED),  # the images as they are, not made smaller
        _told_classes("emoji", 24, EMOJI),
        # the paper's sizes, for a GPU: 60 epochs; the unconditional one is the network of the gpu lab
        _full_size("resnet-zeros"),
        _full_size("resnet-zeros-conditional", conditional=True),
    )
}


def choose(
    name: str,
    *,
    dataset: str | None = None,
    size: int | None = None,
    n: int | None = None,
    architecture: str | None = None,
    padding: str | None = None,
    width: int | None = None,
    conditional: bool = False,
    steps: int | None = None,
    seed: int | None = None,
) -> Recipe:
    """The course's recipe of that name or, with a dataset, your own: a ResNet with zero padding unless you ask for
    something else."""
    if dataset is None:
        if name not in RECIPES:
            raise CourseError(f"{unknown_name('recipe', name, RECIPES)} For a network of your own, add --dataset.")
        own: dict[str, object] = {"size": size, "n": n, "architecture": architecture, "padding": padding}
        own |= {"width": width, "conditional": conditional or None}
        given = [f"--{k}" for k, v in own.items() if v is not None]
        if given:
            raise CourseError(
                f"{', '.join(given)} would change {name}, whose recipe is fixed: add --dataset and another name to "
                "train a network of your own."
            )
        recipe = RECIPES[name]
    elif name in RECIPES:
        raise CourseError(f"{name} is the name of one of the course's recipes: give your own network another name.")
    elif not name.strip(".") or Path(name).stem != name or len(os.fsencode(name)) > 200:
        raise CourseError(
            f"a network's name must be a file name without its suffix, at most 200 bytes long, got {brief(name)}."
        )
    else:
        options: dict[str, Any] = {"padding": padding or "zeros"} | ({"width": width} if width else {})
        recipe = Recipe(name, dataset, size, n, architecture or "resnet", options, conditional)
    plan = recipe.plan
    plan = replace(plan, steps=steps or plan.steps, seed=plan.seed if seed is None else seed)
    return replace(recipe, plan=plan)


def card_of(recipe: Recipe, data: ImageSet) -> dict[str, Any]:
    """What the card of its networks says about how they are made: architecture, config, images, plan."""
    if recipe.conditional and not data.class_names:
        advice = _how_to_give_classes(recipe.dataset)
        raise CourseError(f"a class-conditional network needs classes, but {data.name} has none{advice}.")
    classes = len(data.class_names) if recipe.conditional else None
    config = {"channels": data.images.shape[1], "classes": classes, **recipe.config}
    about = {"name": _place(recipe.dataset), "size": recipe.size or list(data.images.shape[-2:]), "n": len(data)}
    if recipe.dataset not in CATALOGUE:  # files change; published sets are checked when they are read
        about["sha256"] = sha256_of(data.images, data.labels if recipe.conditional else None)
    return {"architecture": recipe.architecture, "config": config, "data": about, "plan": asdict(recipe.plan)}


def follow(
    recipe: Recipe,
    folder: Path,
    *,
    device: str = "cpu",
    fresh: bool = False,
    after_step: Callable[[Trainer], Any] | None = None,
) -> Path:
    """Train by the recipe and write the network into `folder`; an interrupted run goes on where it stopped.

    While it lasts, its state is `folder/NAME.training.safetensors`; at the end that file is removed. What is finished
    stays as it is unless `fresh`: CourseError if another recipe made it. after_step: see `train`.
    """
    data = recipe.data()
    wanted = card_of(recipe, data)
    state = folder / f"{recipe.name}.training.safetensors"
    if not fresh and not state.exists() and _is_there(folder / f"{recipe.name}.json", wanted):
        return folder / f"{recipe.name}.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.plan.seed)  # torch's initialisers take no generator
        network = build_network(recipe.architecture, **wanted["config"])
    if fresh:
        remove(state)
    module, losses = train(network, data, recipe.plan, device=device, checkpoint=state, after_step=after_step)
    card = {
        "name": recipe.name,
        **wanted,
        "device": str(device),
        "precision": recipe.plan.resolved(torch.device(device)).precision,
        "versions": {"elscourse": __version__, "torch": torch.__version__.split("+")[0]},
        "loss_curve": {"steps_per_point": 100, "values": [round(v, 5) for v in losses]},
    }
    path = save_network(module.cpu(), card, folder)
    load_network(path)  # a network that cannot be loaded must not pass for finished
    state.unlink(missing_ok=True)
    return path


def _how_to_give_classes(dataset: str) -> str:
    """What to do about images that have no classes."""
    if dataset in CATALOGUE:
        return ": take another set"
    if is_mapped(dataset):
        return ": write one whole number per image, from 0 on, into NAME.labels.npy beside NAME.npy"
    root = as_path(dataset)
    outside = next(path.name for path in image_files(root) if path.parent == root)
    return f", as {outside} lies in no subfolder: put every image into one that is named after its class"


def _place(dataset: str) -> str:
    """The name of a published set, or where a folder or file is, whatever the working folder is later."""
    return dataset if dataset in CATALOGUE else str(as_path(dataset).resolve())


def _is_there(card_path: Path, wanted: dict[str, Any]) -> bool:
    """Whether an intact network of that name and recipe is there already; one of another recipe is not replaced."""
    if not card_path.exists():
        return False
    try:
        card = load_network(card_path).card
    except CourseError:  # damaged: trained anew
        return False
    changed = [key for key, value in wanted.items() if card.get(key) != value]
    theirs = card.get("data", {})
    if changed == ["data"] and theirs.get("sha256") and theirs | {"name": wanted["data"]["name"]} == wanted["data"]:
        save_text(json.dumps(card | {"data": wanted["data"]}, indent=1) + "\n", card_path)  # moved: note where
    elif changed:
        raise CourseError(
            f"{card_path} was made by another recipe (other {', '.join(changed)}): choose another name, or --fresh to "
            "replace it."
        )
    return True
