"""Training a network to predict the noise: EMA, a loss curve, atomic checkpoints, and exact resume after a kill."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from safetensors import safe_open
from torch import Tensor, nn
from tqdm.auto import tqdm

from .data import ImageSet
from .devices import pick_device
from .diffusion import SEEDS
from .errors import CourseError, brief, whole_number
from .files import as_path, save_tensors
from .hardware import bfloat16_flags
from .networks import channels_of, classes_of, predicted_noise
from .pieces import sha256_of
from .schedule import CosineSchedule

CURVE_EVERY = 100  # steps averaged into one point of the loss curve
SAVE_EVERY = 100  # steps that a kill may cost
MUCH = 1 / 8  # of the first weights, in the average that is returned


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that decides the result besides the images and the network's first weights: same plan, same weights.

    steps: of Adam; batch: images in each. learning_rate: the largest, at most 1; warmup: the share of the steps in
        which it rises.
    ema: the weights that are returned are a moving average over the last 1 / (1 - ema) steps or so; if the training is
        not several times as long, take a smaller ema, or the average still holds the first weights.
    seed: of the batches, the times and the noise; in a recipe also of the first weights. (Dropout in a network of your
        own draws from torch's own generator, which neither this seed nor a checkpoint knows.)
    precision: "bfloat16" (autocast), "float32", or "auto": bfloat16 where the processor or GPU multiplies
        it natively.

    `train`, which follows it, raises CourseError for numbers that make no plan. Lesson 03.
    """

    steps: int = 8000
    batch: int = 128
    learning_rate: float = 1e-3
    warmup: float = 0.1
    ema: float = 0.999
    seed: int = 0
    precision: str = "auto"

    def resolved(self, device: torch.device) -> TrainingPlan:
        """The plan with "auto" decided for this device; the checkpoint records it."""
        steps, batch = (whole_number(n, 1) for n in (self.steps, self.batch))
        seed = whole_number(self.seed, 0, SEEDS - 1)
        try:
            possible = 0 <= self.ema < 1 and 0 <= self.warmup < 1 and 0 < self.learning_rate <= 1
        except TypeError:
            possible = False
        if steps is None or batch is None or seed is None or not possible:
            given = self.steps, self.batch, self.seed, self.ema, self.warmup, self.learning_rate
            raise CourseError(
                "a plan needs whole numbers steps >= 1, batch >= 1, 0 <= seed < 2^32, and 0 <= ema < 1, 0 <= warmup "
                f"< 1, 0 < learning_rate <= 1, got {', '.join(map(brief, given))}."
            )
        rates: dict[str, Any] = {name: float(getattr(self, name)) for name in ("learning_rate", "warmup", "ema")}
        plan = replace(self, steps=steps, batch=batch, seed=seed, **rates)  # numpy's numbers are no JSON
        if self.precision not in ("auto", "bfloat16", "float32"):
            raise CourseError(f"precision must be auto, bfloat16 or float32, got {brief(self.precision)}.")
        if self.precision != "auto":
            return plan
        return replace(plan, precision="bfloat16" if _multiplies_bfloat16(device) else "float32")


def _multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the processor or GPU has instructions for bfloat16 products (older torch cannot tell for a CPU: then no).

    GPUs from before 2020, such as the T4 that notebooks are often lent, only emulate them, slower than float32.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(bfloat16_flags())


def learning_rate(step: int, plan: TrainingPlan) -> float:
    """One cycle: linear warm-up over the first part of the steps, then half a cosine down to zero."""
    progress = step / plan.steps
    if progress < plan.warmup:
        return min(plan.learning_rate, plan.learning_rate * (step + 1) / (plan.warmup * plan.steps))
    return plan.learning_rate * (1 + math.cos(math.pi * (progress - plan.warmup) / (1 - plan.warmup))) / 2


def noise_prediction_loss(
    network: nn.Module,
    x_0: Float[Tensor, "B C H W"],
    labels: Int[Tensor, " B"] | None,
    generator: torch.Generator,
    precision: str,
) -> Float[Tensor, ""]:
    """The mean of (eps - eps_hat(alpha x_0 + sigma eps, t))^2, with t stratified over (0, 1]: one in each B-th."""
    batch, device = len(x_0), x_0.device
    t = 1 - (torch.arange(batch) + torch.rand(batch, generator=generator, dtype=torch.float32)) / batch
    t = t.clamp(min=2.0**-24 / batch)  # batch - 1 + nearly 1 is rounded to batch
    eps = torch.randn(x_0.shape, generator=generator, dtype=torch.float32).to(device)
    # the schedule's angle is proportional to t, so this is theta(t) of all times at once
    theta = (CosineSchedule().theta(1.0) * t).to(device)[:, None, None, None]
    x_t = theta.cos() * x_0 + theta.sin() * eps
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
        eps_hat = predicted_noise(network, x_t, t.to(device), labels)
    return (eps - eps_hat.float()).square().mean()


class Trainer:
    """The whole state of a training: network, its moving average, Adam's moments, random generator, step, losses.

    `save` writes it as one safetensors file, moved into place at once; `load` continues from it exactly:
    the weights after a kill and a resume are bitwise those of an uninterrupted run on the same machine (on a GPU as
    nearly as its convolutions add up in the same order).
    """

    def __init__(self, network: nn.Module, data: ImageSet, plan: TrainingPlan, device: torch.device):
        self.plan = plan.resolved(device)
        self.images = data.images.to(device)
        self.labels = data.labels.to(device) if data.labels is not None and classes_of(network) else None
        self.network = network.to(device).train()  # a trained one comes in eval mode
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.optimizer = torch.optim.Adam(self.network.parameters())  # at the rate that `advance` sets
        self.generator = torch.Generator().manual_seed(self.plan.seed)
        self.step = 0
        self.losses: list[float] = []  # finished points of the curve
        self.running: list[float] = []  # the steps of the point in progress

    @cached_property
    def origin(self) -> dict[str, str]:
        """What is trained on what: a checkpoint of other layers or of other images is not continued."""
        images = sha256_of(self.images, self.labels)
        parts = [f"{name} {module}" for name, module in self.network.named_modules() if not list(module.children())]
        parts += [f"{name} {tuple(numbers.shape)}" for name, numbers in self.network.state_dict().items()]
        network = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        return {"network": network, "images": images, "shape": str(tuple(self.images.shape))}

    def advance(self) -> None:
        """One step of Adam on a random batch, then one of the moving average."""
        index = torch.randint(len(self.images), (self.plan.batch,), generator=self.generator).to(self.images.device)
        labels = None if self.labels is None else self.labels[index]
        loss = noise_prediction_loss(
            self.network, self.images[index].float(), labels, self.generator, self.plan.precision
        )
        self.optimizer.param_groups[0]["lr"] = learning_rate(self.step, self.plan)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            for mean, new in zip(self.average.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(new, 1 - self.plan.ema)
            for kept, now in zip(self.average.buffers(), self.network.buffers(), strict=True):
                kept.copy_(now)  # statistics, which are means already; the course's own networks have constants only
        self.step += 1
        self.running.append(loss.item())
        if not math.isfinite(self.running[-1]):
            raise CourseError(f"the loss is not finite after step {self.step}: take a smaller learning_rate.")
        if len(self.running) == CURVE_EVERY:
            self.losses.append(sum(self.running) / CURVE_EVERY)
            self.running = []

    def save(self, path: Path) -> None:
        """Write everything to `path`: first beside it, then moved, so that a kill leaves the old file or the new."""
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        for i, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{i}.{k}": v for k, v in moments.items()}
        tensors["generator"] = self.generator.get_state()
        notes = {
            "plan": asdict(self.plan),
            "origin": self.origin,
            "tensors": list(tensors),
            "step": self.step,
            "losses": self.losses,
            "running": self.running,
        }
        notes["sha256"] = _sum_of(tensors, notes)
        save_tensors(tensors, path, {k: json.dumps(v) for k, v in notes.items()})

    def load(self, path: Path) -> None:
        """Continue from a checkpoint of the same plan, network and images; any other is refused."""
        tensors, notes = read_checkpoint(path)
        theirs = notes["plan"] | notes["origin"]
        ours = asdict(self.plan) | self.origin
        changed = [f"{k} {_short(theirs.get(k))} -> {_short(ours[k])}" for k in ours if theirs.get(k) != ours[k]]
        if changed:
            raise CourseError(
                f"{path} was started for something else ({', '.join(changed)}): "
                "use the same settings, another name, or --fresh to start over."
            )
        part = lambda prefix: {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}  # noqa: E731
        self.network.load_state_dict(part("network."))
        self.average.load_state_dict(part("average."))
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in part("adam.").items():
            i, name = key.split(".")
            moments.setdefault(int(i), {})[name] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})
        self.generator.set_state(tensors["generator"])
        self.step, self.losses, self.running = notes["step"], notes["losses"], notes["running"]


def _short(value: object) -> object:
    return value[:8] if isinstance(value, str) and len(value) == 64 else value


def _sum_of(tensors: dict[str, Tensor], notes: dict[str, Any]) -> str:
    numbers = sha256_of(*(tensors[name].flatten() for name in notes["tensors"]))
    return hashlib.sha256(json.dumps([numbers, notes], sort_keys=True).encode()).hexdigest()


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the notes of a training checkpoint, whole: as `Trainer.save` wrote them."""
    if path.is_dir():
        raise CourseError(f"{path} is a folder: name a file to keep the checkpoint in.")
    try:
        with safe_open(path, "pt") as file:
            notes = {k: json.loads(v) for k, v in (file.metadata() or {}).items()}
            # copies: a file that tensors are still mapped from cannot be replaced on Windows
            tensors = {k: file.get_tensor(k).clone() for k in file.keys()}  # noqa: SIM118
        if notes.pop("sha256") != _sum_of(tensors, notes):
            raise ValueError("its numbers are not those that were written")
        return tensors, notes
    except Exception as error:
        raise CourseError(
            f"{path} is not a readable training checkpoint ({error}): delete it, or use --fresh to start over."
        ) from error


@torch.inference_mode(False)  # gradients are needed, even if the caller is under no_grad or inference_mode
def train(
    network: nn.Module,
    data: ImageSet,
    plan: TrainingPlan = TrainingPlan(),
    *,
    device: str | int | torch.device = "cpu",
    checkpoint: str | Path | None = None,
    progress: bool = True,
    after_step: Callable[[Trainer], Any] | None = None,
) -> tuple[nn.Module, list[float]]:
    """Minimise E (eps - eps_hat(x_t, t))^2 over the images; returns the moving average, ready to be used (in eval mode,
    with the network's own buffers), and the loss curve.

    network: is itself trained, in place, and moved to the device: for the same result again, begin with the same first
    weights, not with this network.
    checkpoint: a file to continue from when it exists, written after the first step, every `SAVE_EVERY` steps, at the
    end, and when the process is asked to stop (Ctrl-C, SIGTERM). The curve has one point, a mean, per 100 steps.
    after_step: called with the trainer after every step, for plots of your own.

    Raises CourseError for a plan that cannot be followed, channels or classes that the network does not know, a network
    that is not an eps_hat(x_t, t, labels), a device that is not here, a checkpoint of something else or one that cannot
    be written, and a loss that is no longer finite.

    Source of the objective: Ho, Jain & Abbeel, NeurIPS 2020. Lesson 03.
    """
    _check_fit(network, data, plan)
    trainer = Trainer(network, data, plan, pick_device(device))
    if (left := plan.ema**plan.steps) > MUCH:
        print(
            f"After {plan.steps:,} steps the returned average (ema {plan.ema}) still holds {left:.0%} of the first "
            "weights. Take more steps (--steps), or in Python a TrainingPlan with a smaller ema."
        )
    checkpoint = None if checkpoint is None else as_path(checkpoint)
    if checkpoint is not None and checkpoint.exists():
        trainer.load(checkpoint)
    with (
        stop_between_steps() as asked_to_stop,
        tqdm(total=plan.steps, initial=trainer.step, desc="training", unit="step", disable=not progress) as bar,
    ):
        while trainer.step < plan.steps:
            trainer.advance()
            bar.update()
            if trainer.losses:
                bar.set_postfix(loss=f"{trainer.losses[-1]:.4f}", refresh=False)
            if after_step is not None:
                after_step(trainer)
            # after the first step too: what cannot be written is reported now, not minutes later
            due = asked_to_stop or trainer.step in (1, plan.steps) or trainer.step % SAVE_EVERY == 0
            if checkpoint is not None and due:
                trainer.save(checkpoint)
            if asked_to_stop:
                raise KeyboardInterrupt
    return trainer.average, trainer.losses


def _check_fit(network: object, data: object, plan: object) -> None:
    """Raise CourseError unless the three are what they should be, and the network knows such images and classes."""
    if not isinstance(network, nn.Module):
        given = type(network).__name__
        raise CourseError(f"the network must be a torch.nn.Module, eps_hat(x_t, t, labels), got {given}.")
    if not isinstance(plan, TrainingPlan):
        raise CourseError(f"plan must be an els.TrainingPlan(...), got {type(plan).__name__}.")
    if wrong := {p.dtype for p in network.parameters()} - {torch.float32}:
        raise CourseError(f"networks are trained in float32, but this one holds {wrong.pop()}: call network.float().")
    if not isinstance(data, ImageSet):
        raise CourseError(f"data must be an els.ImageSet, made with els.ImageSet(images), got {type(data).__name__}.")
    if not any(p.requires_grad for p in network.parameters()):
        raise CourseError(
            "the network has no weights that can be trained (a loaded network is frozen): call "
            "network.requires_grad_(True) first."
        )
    if any(p.is_inference() for p in network.parameters()):
        raise CourseError("weights made in torch.inference_mode() cannot be trained: make the network outside of it.")
    classes, channels = classes_of(network), channels_of(network)
    if channels not in (None, data.images.shape[1]):
        raise CourseError(
            f"the network draws images of {channels} channels (1: grey, 3: colour), but {data.name} has "
            f"{data.images.shape[1]}: build it with channels={data.images.shape[1]}."
        )
    if classes and data.labels is None:
        raise CourseError(f"a class-conditional network needs labels, but {data.name} has none.")
    if classes and data.labels is not None and not 0 <= data.labels.min() <= data.labels.max() < classes:
        raise CourseError(
            f"the network can be told the classes 0 ... {classes - 1}, but {data.name} has labels from "
            f"{int(data.labels.min())} to {int(data.labels.max())}."
        )


@contextmanager
def stop_between_steps() -> Iterator[list[int]]:
    """Hold Ctrl-C and SIGTERM back until the step is done: yields a list that is empty until one of them comes."""
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield came
        return
    old = {s: signal.signal(s, lambda number, _: came.append(number)) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
