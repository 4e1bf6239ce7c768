"""Stored results are found by name, and a name or file that is wrong gets a sentence."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import elscourse as els

DATA = Path(__file__).parents[1] / "data"


def test_samples_of_a_network_and_results_of_a_lesson() -> None:
    samples = els.load_results("fashion-mnist-16-resnet-zeros")
    assert samples["noise"].shape == samples["els-zeros"].shape == (100, 1, 16, 16)
    assert torch.equal(samples["noise"][:3], els.seeded_noise(range(3), (1, 16, 16)))
    for path in (DATA / "lessons").glob("*.npz"):
        assert els.load_results(path.stem)


def test_own_reproductions_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs" / "reproduce" / "mine"
    folder.mkdir(parents=True)
    np.savez_compressed(folder / "samples.npz", noise=np.arange(300))
    assert els.load_results("mine")["noise"].tolist() == [*range(300)]
    whole = (folder / "samples.npz").read_bytes()
    rewritten = whole[:100] + b"\xff" * 20 + whole[120:]
    for damaged in (whole[:-50], whole[:100], b"", rewritten, b"not an archive"):
        (folder / "samples.npz").write_bytes(damaged)
        with pytest.raises(els.CourseError, match="is damaged"):
            els.load_results("mine")


def test_unknown_results_are_named() -> None:
    with pytest.raises(els.CourseError, match="did you mean fashion-mnist-16-resnet-zeros"):
        els.load_results("fashion-mnist-16-resnet-zero")


def test_every_stored_array_has_its_checksum_and_its_command() -> None:
    sums = dict(reversed(line.split(maxsplit=1)) for line in (DATA / "SHA256SUMS").read_text().splitlines())
    stored = sorted(path.relative_to(DATA).as_posix() for path in DATA.rglob("*.npz"))
    assert sorted(sums) == stored
    for name in stored:
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == sums[name], (
            f"{name} changed: see data/README.md"
        )
    text = (DATA / "lessons" / "README.md").read_text(encoding="utf-8")
    for path in (DATA / "lessons").glob("*.npz"):
        assert f"`{path.name}`" in text and f"make_{path.stem}.py" in text


def test_scripts_replace_stored_arrays_whole() -> None:
    """A kill, or a full disk, leaves the old file. And pieces are kept in runs/: here they would pass for results."""
    for path in (DATA / "lessons").glob("make_*.py"):
        text = path.read_text(encoding="utf-8")
        assert set(re.findall(r"np\.savez\w*\(\s*(\w+)", text)) <= {"partial"}, path.name
        assert ".part." not in text, path.name
