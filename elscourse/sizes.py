"""Calibrated sizes as files: what the calibration found for a network, and how to find it again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from operator import index
from pathlib import Path
from typing import Any

from .errors import CourseError
from .files import as_path, save_text


@dataclass
class CalibratedSizes:
    """For one network, the pairs (t, P) from t = 1 down by machine id, with the command and seeds that made them."""

    network: str
    command: str
    seeds: list[int]
    steps: int
    machines: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    network_sha256: str = ""

    def save(self, path: str | Path) -> None:
        """Write as JSON, moved into place at once."""
        save_text(_compact_pairs(asdict(self)), as_path(path))

    @classmethod
    def load(cls, path: str | Path) -> CalibratedSizes:
        """Read what `save` wrote; anything else is refused with a sentence."""
        try:
            raw = json.loads(as_path(path).read_text("utf-8"))
            machines = {m: [(float(t), index(p)) for t, p in pairs] for m, pairs in raw.pop("machines").items()}
            return cls(**raw, machines=machines)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise CourseError(
                f"{path} does not hold calibrated sizes ({error!r}): make it again with `elscourse calibrate`."
            ) from error


def sizes_path(card_path: Path) -> Path:
    """Beside the network's card: NAME.json -> NAME.sizes.json."""
    return card_path.with_suffix(".sizes.json")


def sizes_of(card: dict[str, Any], path: Path) -> CalibratedSizes | None:
    """The sizes calibrated for the network of this card. If they are damaged, or belong to a network that it replaced,
    that is reported and they are left out: `elscourse calibrate` writes them anew."""
    if not path.exists():
        return None
    try:
        sizes = CalibratedSizes.load(path)
    except CourseError as error:
        print(error)
        return None
    if sizes.network_sha256 != card.get("sha256", ""):
        print(f"{path.name} was measured on another training of {card['name']}: run `elscourse calibrate` again.")
        return None
    return sizes


def _compact_pairs(content: dict[str, Any]) -> str:
    """JSON with one line per machine, so that a calibration is read, and compared, as the curve it is."""
    curves = content.pop("machines")
    lines = ",\n".join(f"  {json.dumps(m)}: {json.dumps(pairs)}" for m, pairs in curves.items())
    head = json.dumps(content, indent=1).removesuffix("\n}")
    return f'{head},\n "machines": {{\n{lines}\n }}\n}}\n'
