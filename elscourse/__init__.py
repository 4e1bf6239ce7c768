"""Why diffusion models create instead of copy: from noise to the equivariant local score machine.

One idea carries the package: everything is a denoiser, a callable D(x_t, t) -> x0_hat with x_t of shape (B, C, H, W)
and t in (0, 1]. Machines, networks and baselines are denoisers; sampler, calibration and metrics take any of them.
"""

from contextlib import suppress

from . import reference
from .bent_filter import BentFilter
from .calibration import calibrate, calibration_table
from .checkpoints import NetworkDenoiser, load_network
from .data import ImageSet, load
from .devices import respect_threads
from .diffusion import (
    add_noise,
    denoiser_from_noise,
    denoiser_from_score,
    noise_from_denoiser,
    sample,
    score_from_denoiser,
    seeded_noise,
    trajectory,
    with_first_step,
)
from .errors import CourseError
from .local_filter import LocalFilter
from .machine import Posterior
from .machines import (
    EquivariantLocalScoreMachine,
    EquivariantScoreMachine,
    IdealScoreMachine,
    LocalScoreMachine,
)
from .metrics import Comparison, compare, nearest_training_image, novelty, shift_error
from .networks import ResNet, UNet
from .results import load_results
from .schedule import CosineSchedule
from .training import TrainingPlan, train
from .version import __version__
from .wiener import WienerFilter

from .lab import Lab, lab  # isort: skip  (last: the function takes the module's name)

with suppress(CourseError):  # an import is no place to refuse a number: choosing a device does
    respect_threads()

__all__ = [
    "BentFilter",
    "Comparison",
    "CosineSchedule",
    "CourseError",
    "EquivariantLocalScoreMachine",
    "EquivariantScoreMachine",
    "IdealScoreMachine",
    "ImageSet",
    "Lab",
    "LocalFilter",
    "LocalScoreMachine",
    "NetworkDenoiser",
    "Posterior",
    "ResNet",
    "TrainingPlan",
    "UNet",
    "WienerFilter",
    "__version__",
    "add_noise",
    "calibrate",
    "calibration_table",
    "compare",
    "denoiser_from_noise",
    "denoiser_from_score",
    "lab",
    "load",
    "load_network",
    "load_results",
    "nearest_training_image",
    "noise_from_denoiser",
    "novelty",
    "reference",
    "sample",
    "score_from_denoiser",
    "seeded_noise",
    "shift_error",
    "train",
    "trajectory",
    "with_first_step",
]
