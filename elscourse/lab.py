"""The lab: one network, the images it was trained on, its calibrated sizes, and every machine by its id."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from .bent_filter import BentFilter
from .catalogue import CATALOGUE
from .checkpoints import NetworkDenoiser, find_card, load_network, network_files
from .data import ImageSet, load
from .devices import pick_device
from .diffusion import Denoiser, check_seeds
from .errors import CourseError, brief, unknown_name, whole_number
from .local_filter import LocalFilter
from .machines import (
    EquivariantLocalScoreMachine,
    EquivariantScoreMachine,
    IdealScoreMachine,
    LocalScoreMachine,
    PatchMachine,
)
from .mapped import is_mapped
from .pieces import sha256_of
from .schedule import CosineSchedule
from .sizes import CalibratedSizes, sizes_of, sizes_path
from .wiener import WienerFilter

PROFILES = {"laptop": "fashion-mnist-16-resnet-zeros", "gpu": "fashion-mnist-32-resnet-zeros"}
ELS_MACHINES = ("els-zeros", "els-circular", "els-zeros-gaussian", "els-circular-gaussian")  # padding, then window
WITHOUT_WINDOW = {"is": IdealScoreMachine, "es": EquivariantScoreMachine, "wiener": WienerFilter}
PATCH_MACHINES = ("ls", *ELS_MACHINES)
FILTERS = ("local-filter", "equivariant-filter")  # as LS and ELS know where they are, or do not
BENT_FILTERS = tuple(f"bent-{name}" for name in FILTERS)
MACHINES = (*WITHOUT_WINDOW, *FILTERS, *BENT_FILTERS, *PATCH_MACHINES)


@dataclass(frozen=True)
class Lab:
    """What a lesson works with. `seeds` are for evaluation: calibration uses none of them."""

    profile: str
    network: NetworkDenoiser
    data: ImageSet
    sizes: CalibratedSizes | None
    device: torch.device
    schedule: CosineSchedule = CosineSchedule()
    seeds: range = range(100)

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W) of one image."""
        return tuple(self.data.images.shape[1:])

    @property
    def image_labels(self) -> Int[Tensor, " N"] | None:
        """The classes of the images, if the network was told them in training."""
        return self.data.labels if self.network.conditional else None

    def labels_for(self, seeds: Sequence[int]) -> Int[Tensor, " B"] | None:
        """The class to draw from each seed: of the k classes that have images, number seed mod k; None for an
        unconditional network. Seeds are those that `seeded_noise` takes."""
        if self.image_labels is None:
            return None
        classes = self.image_labels.unique().cpu()
        return classes[[seed % len(classes) for seed in check_seeds(seeds)]]

    def one_label(self, label: int) -> int:
        """The label, if this lab's network and images know it."""
        if not self.network.conditional:
            raise CourseError(
                f"{self.network.name} knows no classes: leave the label out, or take a network that does."
            )
        there = [] if self.image_labels is None else self.image_labels.unique().tolist()
        number = whole_number(label, 0)
        if number is None or number not in there:
            names = ", ".join(f"{i} {self.data.class_names[i]}" for i in there)
            raise CourseError(f"label {brief(label)} is not a class of {self.data.name}; its classes are {names}.")
        return number

    def held_out(self, n: int = 2000) -> ImageSet:
        """n images of the network's set that it was not trained on: the next ones or, if fewer than n are left, the
        first of the test part."""
        if whole_number(n, 1) is None:
            raise CourseError(f"n must be a whole number of images, at least 1, got {brief(n)}.")
        about = self.network.card["data"]
        name, seen = about["name"], about["n"]
        if name in CATALOGUE and CATALOGUE[name].images < seen + n and f"{name}-test" in CATALOGUE:
            name, seen = f"{name}-test", 0
        left = CATALOGUE[name].images - seen if name in CATALOGUE else n
        if not left:
            raise CourseError(f"{self.network.name} was trained on all images of {name}: none is held out.")
        if n > left:
            raise CourseError(
                f"{name} has {left} images that {self.network.name} was not trained on, but {n} were asked for: take "
                "fewer."
            )
        try:
            fresh = load(name, size=about["size"], n=seen + n).subset(slice(seen, None))
        except CourseError as error:
            if name in CATALOGUE:
                raise
            raise CourseError(
                f"{n} images were asked for, after the {seen} that {self.network.name} was trained on: {error}"
            ) from error
        return replace(fresh, images=fresh.images.to(self.data.images))

    def patch_sizes(self, machine: str) -> list[tuple[float, int]]:
        """The calibrated pairs (t, P) of a machine; LS and the filters look through the square windows of the
        network's own ELS."""
        with_windows = [name for name in MACHINES if name not in WITHOUT_WINDOW]
        if machine not in with_windows:
            raise unknown_name("machine with windows", machine, with_windows)
        wanted = f"els-{self.network.padding}" if machine in ("ls", *FILTERS, *BENT_FILTERS) else machine
        if self.sizes is None or wanted not in self.sizes.machines:
            raise CourseError(
                f"{self.network.name} has no calibrated sizes for {wanted}: run `elscourse calibrate NETWORK --machine "
                f"{wanted}`, where NETWORK is its name or the path of its file."
            )
        return self.sizes.machines[wanted]

    def machine(self, name: str, tolerance: float | None = None) -> Denoiser:
        """A machine by its id, on this lab's images, with its calibrated sizes.

        tolerance: see `PatchMachine`; the other machines are exact, whatever it is.
        """
        images, schedule, labels = self.data.images, self.schedule, self.image_labels
        if name not in MACHINES:
            raise unknown_name("machine", name, MACHINES)
        if name in WITHOUT_WINDOW:
            return WITHOUT_WINDOW[name](images, schedule, image_labels=labels)
        if name in BENT_FILTERS:
            # told the classes of all images, though the network may not be: those of a folder are sorted by them
            return BentFilter(self._filter(name.removeprefix("bent-"), self.data.labels))
        if name in FILTERS:
            return self._filter(name, labels)
        return self.patch_machine(name, self.patch_sizes(name), tolerance)

    def _filter(self, name: str, labels: Int[Tensor, " N"] | None) -> LocalFilter:
        return LocalFilter(
            self.data.images,
            self.schedule,
            patch_size=self.patch_sizes(name),
            padding=self.network.padding,  # type: ignore[arg-type]
            equivariant=name == "equivariant-filter",
            image_labels=labels,
        )

    def patch_machine(
        self, name: str, patch_size: int | list[tuple[float, int]], tolerance: float | None = None
    ) -> PatchMachine:
        """ls, or els-PADDING with or without -gaussian, looking through the given sizes."""
        images, schedule, labels = self.data.images, self.schedule, self.image_labels
        if name not in PATCH_MACHINES:
            raise unknown_name("patch machine", name, PATCH_MACHINES)
        if name == "ls":
            return LocalScoreMachine(images, schedule, patch_size=patch_size, tolerance=tolerance, image_labels=labels)
        _, padding, *gaussian = name.split("-")
        return EquivariantLocalScoreMachine(
            images,
            schedule,
            patch_size=patch_size,
            padding=padding,  # type: ignore[arg-type]
            window="gaussian" if gaussian else "square",
            tolerance=tolerance,
            image_labels=labels,
        )


def _check_fit(network: NetworkDenoiser, data: ImageSet, some_may_lack: bool) -> None:
    """Images that are not the network's own must at least look like its own. some_may_lack: of an array file's classes
    only the largest is known, so the last ones may have no image."""
    if network.channels not in (None, data.images.shape[1]):
        raise CourseError(
            f"{data.name} has {data.images.shape[1]} channels (1: grey, 3: colour), but {network.name} was trained on "
            f"{network.channels}: give other images or another network."
        )
    classes, told = len(data.class_names), network.classes or 0
    if network.conditional and not (1 <= classes <= told and (some_may_lack or classes == told)):
        raise CourseError(
            f"{data.name} has {classes} classes, but {network.name} was told {told}: give "
            "images of the same classes, in the same order, or a network that is told none."
        )


def _images_for(denoiser: NetworkDenoiser, dataset: str | Path | None, float64: bool) -> ImageSet:
    """The images that a network was trained on, as they were then; or others, which must look like them."""
    about = denoiser.card.get("data")
    if not isinstance(about, dict) or not {"name", "size", "n"} <= about.keys():
        raise CourseError(f"the card of {denoiser.name} does not say which images it was trained on: a lab needs them.")
    images = about["name"] if dataset is None else dataset
    try:
        data = load(images, size=about["size"], n=about["n"] if dataset is None else None)
    except CourseError as error:
        if dataset is not None or images in CATALOGUE:
            raise
        raise CourseError(
            f"the images that {denoiser.name} was trained on are not there as they were: {error} If they have moved, "
            "run its `elscourse train` again with the new place as --dataset: it only notes the place."
        ) from error
    told = data.labels if denoiser.conditional else None
    if dataset is None and "sha256" in about and sha256_of(data.images, told) != about["sha256"]:
        raise CourseError(
            f"{images} no longer holds the images{' and classes' * denoiser.conditional} that {denoiser.name} was "
            "trained on: restore them, train it anew (--fresh), or use these anyway, with els.lab(dataset=...) or "
            "`elscourse reproduce --dataset`."
        )
    _check_fit(denoiser, data, some_may_lack=is_mapped(images))
    if float64 and is_mapped(images) and data.images.dtype != torch.float64:
        raise CourseError(
            f"{images} holds {data.images.dtype}, so float64 would copy it into memory: save it in float64."
        )
    return data


def choose(profile: str | None, device: str | int | torch.device | None) -> tuple[str, torch.device]:
    """The profile (by default that of ELSCOURSE_LAB, or the laptop's) and the device asked for (by default its own)."""
    if profile is None:
        profile = os.environ.get("ELSCOURSE_LAB") or "laptop"
    if not isinstance(profile, str) or profile not in PROFILES:
        raise unknown_name("lab", profile, PROFILES)
    if profile == "gpu" and device is None and not torch.cuda.is_available():
        raise CourseError(
            'the gpu lab needs an NVIDIA GPU, but this computer has none: take the laptop lab, or "cpu" as the device.'
        )
    own = "cuda" if profile == "gpu" else "cpu"
    return profile, pick_device(own if device is None else device)


def lab(
    profile: str | None = None,
    *,
    network: str | Path | None = None,
    dataset: str | Path | None = None,
    device: str | int | torch.device | None = None,
    float64: bool = False,
    verbose: bool = True,
) -> Lab:
    """The lab of this computer; prints one line about it, unless told not to (verbose=False).

    profile: "laptop" (the default, the same on every computer, so that the numbers in the lessons hold) or "gpu";
        the environment variable ELSCOURSE_LAB sets it.
    network: a network other than the profile's, by name or path.
    dataset: images other than the network's own, by name, folder or .npy file, at the network's size.
    device: "cpu" or "cuda", as torch knows them (0 is GPU 0); the default is the profile's.
    float64: images and network in float64, as they are with a .npy file of that type.

    Raises CourseError for names and devices that are not here, and for images that do not fit the network or, without
    `dataset`, are no longer those that it was trained on.
    """
    profile, chosen = choose(profile, device)
    name = PROFILES[profile] if network is None else network
    if name == PROFILES["gpu"] and name not in network_files():
        raise CourseError(
            f"the network of the gpu lab is not here yet: `elscourse train {name} --device cuda` makes it, and then "
            f"`elscourse calibrate {name} --device cuda` measures its patch sizes."
        )
    denoiser = load_network(name)
    data = _images_for(denoiser, dataset, float64)
    dtype = torch.float64 if float64 else data.images.dtype
    data = replace(data, images=data.images.to(chosen, dtype))
    sizes = sizes_of(denoiser.card, sizes_path(find_card(name)))
    if verbose:
        side = "x".join(str(n) for n in data.images.shape[-2:])
        print(f"lab: {profile} on {chosen} | {len(data):,} images of {data.name} at {side} | network {denoiser.name}")
    return Lab(profile, denoiser.to(chosen, dtype), data, sizes, chosen)
