"""The command line `elscourse`: it parses the arguments, the work is done elsewhere. What `import elscourse` does not
load by itself is imported only when a command needs it."""

from __future__ import annotations

import io
import shlex
import signal
import subprocess
import sys
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from tqdm.auto import tqdm

from .calibration import CALIBRATION_SEEDS
from .catalogue import CATALOGUE
from .checkpoints import OWN_NETWORKS
from .data import status
from .datasets import download as fetch
from .devices import pick_device
from .diffusion import seeded_noise, trajectory
from .errors import CourseError, is_no_memory, unknown_name
from .files import as_path, check_place, whole_file
from .lab import MACHINES, PROFILES
from .lab import choose as choose_lab
from .lab import lab as make_lab
from .networks import ARCHITECTURES
from .ranks import start as start_ranks
from .version import __version__

MOST_SEEDS = 100  # drawn into one picture, each large enough to be seen
IDS = ", ".join(MACHINES)


def quoted(path: Path) -> str:
    """A path as one word of a command: Windows knows double quotes only."""
    word = path.as_posix()
    return subprocess.list2cmdline([word]) if sys.platform == "win32" else shlex.quote(word)


class UserPath(click.Path):
    """A path in which ~ is the user's own folder, also where a shell leaves it as it is: --out=~/results."""

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Any:
        """A Path, checked."""
        return super().convert(as_path(value), param, context)


FOLDER = UserPath(file_okay=False, path_type=Path)


class CourseGroup(click.Group):
    """A user's mistake becomes one sentence and Ctrl-C becomes a hint; neither prints a traceback, nor does a warning
    print code."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command."""
        if isinstance(sys.stdout, io.TextIOWrapper):  # a name may hold what stdout cannot write; stderr escapes it
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            with warnings_in_one_line():
                return super().invoke(context)
        except click.UsageError as error:
            options = [option.opts for option in error.ctx.command.params] if error.ctx else []
            if "extra argument" in error.message and ["--network"] in options:
                # `calibrate` and `train`, which need a network, take its name without the option
                raise click.UsageError(f"{error.message}: name the network with --network.", error.ctx) from error
            if "extra argument" in error.message and ["--dataset"] in options:
                raise click.UsageError(f"{error.message}: name the images with --dataset.", error.ctx) from error
            raise
        except BrokenPipeError:  # the reader of the output has left, as `head` does: click ends quietly
            raise
        except ImportError as error:
            raise click.ClickException(
                f"a package that the course needs cannot be loaded here ({error}): install the course again with "
                "`./course setup` or `pip install elscourse`."
            ) from error
        except (CourseError, OSError) as error:  # OSError, from the system: a full disk, a read-only folder
            raise click.ClickException(str(error)) from error
        except (MemoryError, RuntimeError) as error:
            if is_no_memory(error):
                raise click.ClickException(
                    "not enough memory for that: ask for fewer or smaller images or networks."
                ) from error
            raise
        except KeyboardInterrupt:
            command = self.commands.get(context.invoked_subcommand or "")
            goes_on = command is not None and any(option.name == "resume" for option in command.params)
            more = " Run the same command again (without --fresh): it goes on from what is finished." if goes_on else ""
            click.echo(f"\nStopped.{more}", err=True)
            sys.exit(130)


@contextmanager
def warnings_in_one_line() -> Iterator[None]:
    """Warnings are their text alone, as the line of code that Python adds is not the user's."""
    before, warnings.formatwarning = warnings.formatwarning, lambda text, *_: f"Warning: {text}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before


@contextmanager
def ended_in_order() -> Iterator[None]:
    """SIGTERM and a closed terminal end the command as sys.exit does, and with it the processes that it has started."""
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    for number in (number for number, what in before.items() if what == signal.SIG_DFL):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        for number, what in before.items():
            signal.signal(number, what)


class SeedRange(click.ParamType):
    """Seeds on the command line: 7, or 0-9, or 1,5,8."""

    name = "seeds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """Text -> list of seeds."""
        if isinstance(value, list):
            return value
        try:
            seeds: list[int] = []
            for part in str(value).split(","):
                first, *last = map(int, part.split("-"))
                wanted = range(first, (last or [first])[0] + 1)
                if len(last) > 1 or not wanted:
                    raise ValueError
                if len(seeds) + len(wanted) > MOST_SEEDS:
                    self.fail(
                        f"{value!r} is more than the {MOST_SEEDS} seeds that fit in a picture: draw fewer.", param, ctx
                    )
                seeds += wanted
            if seeds:
                return list(dict.fromkeys(seeds))  # each is drawn once
        except (ValueError, OverflowError):
            pass
        self.fail(f"{value!r} is not a list of seeds: write 7, or 0-9, or 1,5,8.", param, ctx)


class SeedCount(click.IntRange):
    """How many seeds, counted from 0: `sample` takes a list of seeds, but `reproduce` takes their number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Text -> number."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is not a number of seeds: write 10 for seeds 0 to 9.", param, ctx)


@click.group(cls=CourseGroup, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__)
def main() -> None:
    """Why diffusion models create instead of copy: the workbench of the course."""


@main.command(context_settings={"ignore_unknown_options": True})
@click.option("--dir", "folder", type=FOLDER, default=Path("my-course"), help="Your own folder for the lessons.")
@click.argument("jupyter_options", nargs=-1, type=click.UNPROCESSED)
def lab(folder: Path, jupyter_options: tuple[str, ...]) -> None:
    """Open the lessons in JupyterLab.

    You work on copies in a folder of your own, and what you have written there is kept.
    """
    from .workspace import open_lab

    with ended_in_order():
        sys.exit(open_lab(folder, list(jupyter_options)))


@main.command()
@click.option("--dataset", help="Images to use instead of the network's own: a name, a folder, or a .npy file.")
@click.option("--network", help="Name or path of a network.  [default: the lab's]")
@click.option("--lab", "profile", type=click.Choice(list(PROFILES)), help="Which lab.  [default: laptop]")
@click.option("--seeds", type=SeedCount(min=1), default=100, help="How many seeds, counted from 0.")
@click.option(
    "--steps", type=click.IntRange(min=1), default=20, help="Steps of the machines and of the short network run."
)
@click.option("--network-steps", type=click.IntRange(min=1), default=150, help="Steps of the long network run.")
@click.option("--machine", "machines", multiple=True, help=f"One more machine (may be repeated): {IDS}.")
@click.option("--out", type=FOLDER, help="Folder for the results.  [default: runs/reproduce/NETWORK]")
@click.option("--device", help="cpu or cuda.  [default: the lab's]")
@click.option("--float64", is_flag=True, help="Images, machines and network in float64: slow, but to the last digit.")
@click.option("--resume/--fresh", default=True, help="Continue with what is in the folder, or start over.")
@click.pass_context
def reproduce(
    context: click.Context,
    dataset: str | None,
    network: str | None,
    profile: str | None,
    seeds: int,
    steps: int,
    network_steps: int,
    machines: tuple[str, ...],
    out: Path | None,
    device: str | None,
    float64: bool,
    resume: bool,
) -> None:
    """Predict, image by image, what a trained network draws.

    Prints the table and saves the figures. To share the work among K processes, each on its own GPU if there are any:
    torchrun --nproc-per-node K -m elscourse reproduce ...
    """
    from .reproduce import Experiment
    from .summary import table

    profile, where = choose_lab(profile, device)
    ranks = start_ranks(where)
    if ranks is not None:
        context.call_on_close(ranks.close)
        where = ranks.device
    speaks = ranks is None or ranks.rank == 0
    chosen = make_lab(profile, network=network, dataset=dataset, device=where, float64=float64, verbose=speaks)
    out = out or Path("runs/reproduce") / chosen.network.name
    metrics = Experiment(chosen, out, seeds, steps, network_steps, machines, ranks=ranks).run(fresh=not resume)
    if not speaks:
        return
    click.echo(table(metrics))
    click.echo(f"{out}: figure.png, scatter.png, table.md, metrics.json, samples.npz")


@main.command()
@click.argument("name")
@click.option("--dataset", help="For a network of your own: a data set's name, a folder of images, or a .npy file.")
@click.option("--size", type=int, help="Side of the images in pixels.  [default: as they are]")
@click.option("--n", type=int, help="How many images, counted from the first.  [default: all]")
@click.option("--architecture", type=click.Choice(list(ARCHITECTURES)), help="Which network.  [default: resnet]")
@click.option(
    "--padding", type=click.Choice(["zeros", "circular"]), help="What lies outside the image.  [default: zeros]"
)
@click.option("--width", type=click.IntRange(2, 4096), help="Inner channels.  [default: resnet 64, unet 32]")
@click.option("--conditional", is_flag=True, help="Tell the network the classes: subfolders, or NAME.labels.npy.")
@click.option("--steps", type=click.IntRange(min=1), help="Training steps.  [default: the recipe's, or 8000]")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), help="Seed of weights and batches.  [default: the recipe's, or 0]"
)
@click.option("--device", default="cpu", help="cpu or cuda.")
@click.option("--out", type=FOLDER, default=OWN_NETWORKS, help="Folder for the network.")
@click.option("--resume/--fresh", default=True, help="Continue an interrupted training, or start over.")
def train(name: str, device: str, out: Path, resume: bool, **own: Any) -> None:
    """Train a network: one of the course's or your own.

    NAME is that of one of the course's recipes, or a new name together with --dataset.
    """
    from .recipes import choose, follow

    path = follow(choose(name, **own), out, device=str(pick_device(device)), fresh=not resume)
    click.echo(f"{path} is trained. Next: elscourse calibrate {quoted(path)}")


@main.command()
@click.argument("network")
@click.option(
    "--machine",
    "machines",
    multiple=True,
    help="els-zeros or els-circular, either also with -gaussian at the end.  [default: square and gaussian]",
)
@click.option("--samples", type=click.IntRange(1, len(CALIBRATION_SEEDS)), default=10, help="Trajectories to follow.")
@click.option("--steps", type=click.IntRange(min=1), default=20, help="Steps of each trajectory.")
@click.option("--largest", type=click.IntRange(min=3), help="Largest patch size to try.  [default: the whole image]")
@click.option("--device", help="cpu or cuda.  [default: the lab's]")
@click.option("--resume/--fresh", default=True, help="Continue with what is done, or start over.")
def calibrate(
    network: str,
    machines: tuple[str, ...],
    samples: int,
    steps: int,
    largest: int | None,
    device: str | None,
    resume: bool,
) -> None:
    """Measure the windows that fit a network best.

    Finds, at each noise level, the patch size that makes a machine most like NETWORK, and writes these sizes beside the
    network's card.
    """
    from .lab_calibration import calibrate_lab

    chosen = make_lab(network=network, device=device)
    path = calibrate_lab(chosen, network, machines, samples=samples, steps=steps, largest=largest, fresh=not resume)
    click.echo(path.read_text("utf-8"))
    click.echo(f"{path} written. Next: elscourse reproduce --network {quoted(Path(network))}")


@main.command()
@click.option("--network", help="Name or path of a network.  [default: the lab's]")
@click.option("--denoiser", default="network", help=f"network, or a machine: {IDS}.")
@click.option("--seeds", type=SeedRange(), default="0-9", help="7, or 0-9, or 1,5,8.")
@click.option("--steps", type=click.IntRange(min=1), default=20, help="Sampling steps.")
@click.option(
    "--label", type=int, help="One class for all images, if the network knows classes.  [default: seed mod classes]"
)
@click.option("--device", help="cpu or cuda.  [default: the lab's]")
@click.option("--out", type=UserPath(dir_okay=False, path_type=Path), default=Path("samples.png"))
def sample(
    network: str | None, denoiser: str, seeds: list[int], steps: int, label: int | None, device: str | None, out: Path
) -> None:
    """Draw images with the network or a machine.

    Each image starts from the noise of one of the given seeds, and all of them go into one picture.
    """
    from .plotting import check_channels, check_picture_name, image_rows

    if denoiser not in ("network", *MACHINES):
        raise unknown_name("denoiser", denoiser, ("network", *MACHINES))
    check_picture_name(out)
    check_place(out)
    chosen = make_lab(network=network, device=device)
    check_channels(chosen.shape[0], f"for a picture, images of {chosen.data.name}")
    source = chosen.network if denoiser == "network" else chosen.machine(denoiser)
    labels = chosen.labels_for(seeds) if label is None else chosen.one_label(label)
    noise = seeded_noise(seeds, chosen.shape).to(chosen.data.images)
    steps_taken = tqdm(trajectory(source, noise, steps, labels=labels), total=steps + 1, leave=False)
    _, images, _ = deque(steps_taken, maxlen=1).pop()
    rows, notes = {denoiser: images}, [str(seed) for seed in seeds]
    if len(seeds) > 10:  # in rows of ten, so that each can be seen
        tens = range(0, len(seeds), 10)
        rows, notes = {f"{denoiser}\n{' '.join(notes[k : k + 10])}": images[k : k + 10] for k in tens}, []
    with whole_file(out) as partial:
        image_rows(rows, notes).savefig(partial)
    click.echo(f"{out} written.")


@main.group(invoke_without_command=True)
@click.pass_context
def datasets(context: click.Context) -> None:
    """List the data sets, and say which are on this computer."""
    if context.invoked_subcommand is None:
        for dataset in CATALOGUE.values():
            click.echo(f"{dataset.name:<18} {dataset.images:>7,} images, {status(dataset)}; {dataset.terms}")


@datasets.command()
@click.argument("name")
def download(name: str) -> None:
    """Fetch the original files of a data set, and check their hashes."""
    click.echo(f"{fetch(name)} is complete.")


@main.command()
@click.argument("lesson")
@click.option(
    "--exercise", "only", multiple=True, help="Only this exercise, by name or number (may be repeated).  [default: all]"
)
@click.option("--out", type=FOLDER, required=True, help="Folder for the two files.")
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
def assignment(lesson: str, only: tuple[str, ...], out: Path, force: bool) -> None:
    """Write a lesson without solutions, to hand out.

    LESSON is its number or its name: 04, or 04_local. A grader for what comes back is written beside it: keep that one.
    """
    from .grading.assignment import write_assignment

    notebook, grader = write_assignment(lesson, only, out, force)
    click.echo(f"{notebook} written, for the learners.")
    command = f"python {quoted(grader)} FOLDER"
    click.echo(f"{grader} written, for you. When their notebooks are in a folder, run: {command}")


@main.command()
@click.argument("lesson")
@click.argument("returned", type=UserPath(path_type=Path))
@click.option(
    "--exercise", "only", multiple=True, help="Only this exercise, by name or number (may be repeated).  [default: all]"
)
@click.option("--out", type=FOLDER, help="Folder for grades.csv and grades.jsonl.  [default: grades-LESSON]")
@click.option(
    "--time-limit",
    type=float,
    default=60,
    help="Seconds for the cells that the functions need, and again for each exercise.",
)
@click.option("--memory", type=float, default=2, help="GiB of memory that a notebook may take.")
@click.option("--resume/--fresh", default=True, help="Keep the grades of unchanged notebooks, or grade all anew.")
def grade(
    lesson: str, returned: Path, only: tuple[str, ...], out: Path | None, time_limit: float, memory: float, resume: bool
) -> None:
    """Grade what was handed in, one line per learner.

    LESSON is its number or its name: 04, or 04_local. RETURNED is a notebook of it, or a folder of them. Each notebook
    runs in a process of its own with a time limit; whatever it does, it costs only its own grade. An exercise that its
    check calls correct earns one point per star.
    """
    from .grading.assignment import lesson_path
    from .grading.grades import UNREAD
    from .grading.grades import grade as grade_all
    from .grading.pupil import Limits

    out = out or Path(f"grades-{lesson_path(lesson).stem[:2]}")
    with ended_in_order():
        rows = grade_all(lesson, returned, out, only, Limits(time_limit, memory), fresh=not resume, say=click.echo)
    unread = [row["learner"] for row in rows if UNREAD in {found["state"] for found in row["exercises"].values()}]
    lost = f", {len(unread)} could not be read ({', '.join(unread)})" if unread else ""
    click.echo(f"{len(rows) - len(unread)} graded{lost}: {out / 'grades.csv'}; for each learner: {out / 'feedback'}")


@main.command()
@click.option("--device", help="cpu or cuda.  [default: cpu]")
@click.option("--full", is_flag=True, help="Also circular padding and the full lab: a few minutes more.")
@click.option("--out", type=FOLDER, default=Path("runs/bench"), help="Folder for bench.json and bench.md.")
def bench(device: str | None, full: bool, out: Path) -> None:
    """Measure how fast the machines are here.

    Times them on this computer, beside a textbook implementation: about three minutes.
    """
    from .bench import run, write

    check_place(out / "bench.json")  # what cannot be written is reported before the minutes, not after
    write(run(device, full, say=click.echo), out)
    click.echo(f"{out}: bench.json, bench.md")


@main.command()
def doctor() -> None:
    """Say what this computer has, and what will be slow."""
    from .doctor import report

    for topic, finding, advice in report():
        click.echo(f"{topic + ':':<22} {finding}" + (f"\n{'':<22} -> {advice}" if advice else ""))
