"""Explorers for the notebooks: what Python computed, to be moved through in the browser, with or without a kernel."""

from ..errors import CourseError

try:
    import anywidget as _anywidget  # noqa: F401
except ImportError as error:
    raise CourseError(
        "the interactive explorers need anywidget, which is not installed: pip install anywidget."
    ) from error

from .board import BoardExplorer
from .exchange import ExchangeExplorer
from .mosaic import MosaicExplorer
from .noise import NoiseExplorer
from .patch_size import PatchSizeExplorer
from .posterior import PosteriorExplorer
from .prediction import PredictionExplorer

__all__ = [
    "BoardExplorer",
    "ExchangeExplorer",
    "MosaicExplorer",
    "NoiseExplorer",
    "PatchSizeExplorer",
    "PosteriorExplorer",
    "PredictionExplorer",
]
