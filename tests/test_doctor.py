"""`elscourse doctor`: it tells intact from damaged, survives what it cannot examine, and knows what is slow."""

from __future__ import annotations

import hashlib
import json
import shutil
import tomllib
from collections import namedtuple
from pathlib import Path

import pytest
import torch

from elscourse import checkpoints, data, doctor
from elscourse.catalogue import CATALOGUE
from elscourse.hardware import GIB


def test_report_is_complete_here() -> None:
    findings = doctor.report()
    topics = [topic for topic, _, _ in findings]
    assert len(topics) == len(set(topics))
    assert {"Python", "torch", "CPU", "memory", "GPU", "free disk", "bundled files", "networks", "slow here"} <= {
        *topics
    }
    for topic, finding, advice in findings:
        assert topic and finding and "could not be examined" not in finding, (topic, finding)
        assert advice is None or advice.strip(), topic
        assert "\n" not in f"{finding}{advice}", topic


def test_bundle_is_intact_here() -> None:
    [(_, finding, advice)] = doctor.bundled_files()
    assert data.BUNDLE in finding
    assert advice is None


def test_a_failing_section_becomes_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken_part() -> list[doctor.Finding]:
        raise OSError("no such thing")

    monkeypatch.setattr(doctor, "SECTIONS", (broken_part, doctor.disk))
    first, second = doctor.report()
    assert first[0] == "broken part" and "no such thing" in first[1] and first[2]
    assert second[0] == "free disk"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of one's own: a bundle, a second file, their sums."""
    (tmp_path / "networks").mkdir()
    (tmp_path / data.BUNDLE).write_bytes(b"images")
    (tmp_path / "results.json").write_bytes(b"{}")
    lines = [f"{sha(tmp_path / n)} {mark}{n}\n" for n, mark in ((data.BUNDLE, " "), ("results.json", "*"))]
    (tmp_path / "SHA256SUMS").write_text("".join(lines))
    monkeypatch.chdir(tmp_path)  # networks trained in the folder one works in are found too
    for module in (data, checkpoints, doctor):  # each has its own reference
        monkeypatch.setattr(module, "data_dir", lambda: tmp_path)
    return tmp_path


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_intact_files(folder: Path) -> None:
    [(_, finding, advice)] = doctor.bundled_files()
    assert finding == f"{data.BUNDLE} intact; 1 of 1 other files intact"
    assert advice is None


def test_truncated_bundle_is_damaged(folder: Path) -> None:
    (folder / data.BUNDLE).write_bytes(b"imag")
    [(_, finding, advice)] = doctor.bundled_files()
    assert f"{data.BUNDLE} changed or damaged" in finding
    assert advice is not None and data.BUNDLE in advice and "git checkout" in advice


def test_missing_file_is_named(folder: Path) -> None:
    (folder / "results.json").unlink()
    [(_, finding, advice)] = doctor.bundled_files()
    assert "0 of 1 other files intact" in finding
    assert advice is not None and "results.json is missing" in advice


def test_sums_that_are_gone_or_damaged_are_told(folder: Path) -> None:
    """Without them nothing loads."""
    sums = folder / "SHA256SUMS"
    for cut in (sums.read_text().splitlines()[1], "0123", None):
        sums.unlink() if cut is None else sums.write_text(cut)
        [(_, finding, advice)] = doctor.bundled_files()
        assert "checksums cannot be read" in finding
        assert advice is not None and "SHA256SUMS" in advice and "git checkout" in advice


def make_network(folder: Path, name: str, *, damaged: bool = False) -> None:
    weights = folder / "networks" / f"{name}.safetensors"
    weights.write_bytes(name.encode())
    weights.with_suffix(".json").write_text(json.dumps({"sha256": sha(weights)}))
    if damaged:
        weights.write_bytes(name.encode()[:-1])


def test_changed_sizes_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The lessons assert what the shipped ones give."""
    shutil.copytree(data.data_dir(), tmp_path / "data")
    monkeypatch.setattr(doctor, "data_dir", lambda: tmp_path / "data")
    sizes = tmp_path / "data" / "networks" / "fashion-mnist-16-unet-zeros.sizes.json"
    sizes.write_text(sizes.read_text().replace("15", "13", 1))
    [(_, _, advice)] = doctor.bundled_files()
    assert advice == f"networks/{sizes.name} is changed or damaged: `git checkout -- data` brings it back"


def test_networks_against_their_cards(folder: Path) -> None:
    assert doctor.networks()[0][1] == "none"
    make_network(folder, "good")
    assert doctor.networks() == [("networks", "1 intact: good", None)]
    make_network(folder, "bad", damaged=True)
    (folder / "networks" / "odd.safetensors").write_bytes(b"x")
    (folder / "networks" / "odd.json").write_text("no json")
    for rest in ("own.77.partial.json", "own.sizes.77.partial.json"):  # of a process that was killed
        (folder / "networks" / rest).write_text("{")
    [(_, finding, advice)] = doctor.networks()
    assert finding == "1 intact: good"
    assert advice is not None and "partial" not in advice
    assert (
        "bad is changed or damaged: `git checkout -- data` brings it back" in advice
        and "odd is changed or damaged" in advice
    )


def test_a_file_that_may_not_be_read_is_told_and_the_others_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("card", "good", "weights"):
        make_network(folder, name)
    opened = Path.open

    def refuse(self: Path, *arguments: object, **options: object) -> object:
        if self.name in ("card.json", "weights.safetensors"):
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    [(_, finding, advice)] = doctor.examined(doctor.networks)
    assert finding == "1 intact: good" and advice is not None
    assert "card is unreadable (Permission denied): " in advice and "weights is unreadable (Permission den" in advice


def test_a_network_of_ones_own_is_not_in_git(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "course").mkdir()
    monkeypatch.setattr(doctor, "data_dir", lambda: tmp_path / "course")
    for name in ("mine", "fashion-mnist-16-resnet-zeros"):
        make_network(folder, name, damaged=True)
    advice = doctor.networks()[0][2]
    assert advice is not None and "mine is changed or damaged: restore it" in advice
    assert "`elscourse train fashion-mnist-16-resnet-zeros` makes it again" in advice


@pytest.mark.parametrize(("name", "value", "said"), [("THREADS", "abc", "whole number"), ("LAB", "foo", "unknown lab")])
def test_settings_that_are_refused_are_told(name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"ELSCOURSE_{name}", value)
    [(_, finding, advice)] = doctor.settings()
    assert finding == f"ELSCOURSE_{name}={value}" and advice is not None and said in advice


def test_a_bundled_set_whose_file_is_gone_is_not_complete(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "find", lambda _: None)
    assert data.status(CATALOGUE["fashion-mnist"]).startswith("the first 10,000 images are bundled")
    assert "its file is missing" in data.status(CATALOGUE["emoji"])


def test_little_memory_gets_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "memory_bytes", lambda: (8 * GIB, GIB))
    assert doctor.memory()[0][2]
    monkeypatch.setattr(doctor, "memory_bytes", lambda: (None, None))
    assert doctor.memory() == [("memory", "an unknown amount in all, an unknown amount free", None)]


@pytest.mark.parametrize(("cores", "threads", "word"), [(2, 8, "OMP_NUM_THREADS=2"), (8, 1, "unset"), (4, 2, None)])
def test_threads_advice(cores: int, threads: int, word: str | None) -> None:
    advice = doctor.threads_advice(cores, threads)
    assert advice is None if word is None else word in str(advice)


def test_slow_reasons() -> None:
    asked = {"ELSCOURSE_LAB": "gpu"}
    assert doctor.slow_reasons(8, ["amx_bf16"], 16 * GIB, True, asked) == []
    assert doctor.slow_reasons(2, ["amx_bf16"], 4 * GIB, True, {}) == []
    assert doctor.slow_reasons(1, [], 4 * GIB - 1, False, asked) == [
        "everything (the lessons' times are for 2 cores)",
        "training on the CPU (no native bfloat16, so it runs in float32)",
        "large dictionaries (under 4 GiB free, so in small pieces)",
        "nearly everything (ELSCOURSE_LAB=gpu without a GPU)",
    ]
    unknown = doctor.slow_reasons(2, None, None, False, {})
    assert unknown == ["the lab with larger images, ELSCOURSE_LAB=gpu (no GPU)"], "the unknown is not called slow"


def test_gpu_asked_for_but_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "gpu_names", list)
    monkeypatch.delenv("ELSCOURSE_LAB", raising=False)
    assert doctor.accelerators()[0][2] is None
    monkeypatch.setenv("ELSCOURSE_LAB", "gpu")
    assert "ELSCOURSE_LAB" in str(doctor.accelerators()[0][2])


def test_a_gpu_that_no_lab_takes_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)  # an Apple computer
    monkeypatch.setenv("ELSCOURSE_LAB", "gpu")
    assert doctor.accelerators() == [
        ("GPU", "none; the laptop lab needs none", "ELSCOURSE_LAB=gpu is set, but torch finds no CUDA GPU: unset it")
    ]


def test_missing_tool_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "OPTIONAL_TOOLS", {"surely-no-such-tool": "site"})
    assert doctor.optional_tools() == [("surely-no-such-tool", "not installed", 'pip install "elscourse[site]"')]


def test_a_network_without_its_weights_is_told(folder: Path) -> None:
    card = folder / "networks" / "mine.json"
    card.write_text('{"sha256": "0"}')
    (folder / "networks" / "mine.sizes.json").write_text("{}")
    [(_, finding, advice)] = doctor.networks()
    assert finding == "none" and advice == "mine is missing: `git checkout -- data` brings it back"


def test_a_full_disk_gets_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    for free, advised in ((2 * GIB - 1, True), (2 * GIB, False)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage(0, 0, free))
        ((_, _, advice),) = doctor.disk()
        assert bool(advice) == advised


@pytest.mark.parametrize(
    ("cuda", "gpu", "advised"), [(None, False, False), ("12.8", False, True), ("12.8", True, False)]
)
def test_a_cuda_build_without_a_gpu_is_told(
    cuda: str | None, gpu: bool, advised: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.version.cuda", cuda)
    monkeypatch.setattr("torch.cuda.is_available", lambda: gpu)
    assert bool(doctor.python_and_torch()[1][2]) == advised


def test_as_many_threads_as_cores_need_no_advice() -> None:
    assert doctor.threads_advice(4, 4) is None


def test_the_setting_that_wins_is_the_one_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "OMP_NUM_THREADS=2" in str(doctor.threads_advice(2, 8))
    monkeypatch.setenv("ELSCOURSE_THREADS", "8")
    assert "ELSCOURSE_THREADS=2" in str(doctor.threads_advice(2, 8))


def test_an_installed_course_is_not_mended_by_git(tmp_path: Path) -> None:
    assert doctor.repair(tmp_path / "_data") == "install the course again"


def test_without_networks_it_says_how_to_make_one(folder: Path) -> None:
    assert "`elscourse train NAME` makes one" in str(doctor.networks()[0][2])


def test_what_torch_does_not_tell_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for flags, told in ((None, "this torch cannot tell"), ([], "not native"), (["amx"], "native (amx)")):
        monkeypatch.setattr(doctor, "bfloat16_flags", lambda flags=flags: flags)
        assert doctor.processor()[1][1] == told


def test_a_tool_that_is_there_is_told_with_its_version() -> None:
    import importlib.metadata

    found = {tool: told for tool, told, advice in doctor.optional_tools() if advice is None}
    assert found == {tool: importlib.metadata.version(tool) for tool in found}


def test_every_section_is_in_the_report() -> None:
    topics = {topic for topic, _, _ in doctor.report()}
    assert {"bfloat16 on the CPU", "settings", "complete sets", *doctor.OPTIONAL_TOOLS} <= topics


def test_every_setting_and_every_set_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("LAB", "laptop"), ("THREADS", "2"), ("DATA", "here")):
        monkeypatch.setenv(f"ELSCOURSE_{name}", value)
    assert doctor.settings() == [("settings", "ELSCOURSE_LAB=laptop, ELSCOURSE_THREADS=2, ELSCOURSE_DATA=here", None)]
    assert all(f"{name}: " in doctor.datasets()[0][1] for name in CATALOGUE)


def test_the_extra_that_is_advised_has_the_tool() -> None:
    pyproject = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    for tool, extra in doctor.OPTIONAL_TOOLS.items():
        assert any(line.startswith(f"{tool}>") for line in pyproject["project"]["optional-dependencies"][extra]), tool


@pytest.mark.parametrize("card", ["{}", "[]"])
def test_a_card_without_a_sum_is_damaged(card: str, folder: Path) -> None:
    make_network(folder, "mine")
    (folder / "networks" / "mine.json").write_text(card)
    assert doctor.networks()[0][:2] == ("networks", "none") and "mine is changed or damaged" in str(doctor.networks())


def test_numbers_are_told_in_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Free memory decides what is slow, the memory in all does not."""
    for name, found in (("memory_bytes", (8 * GIB, GIB)), ("core_count", 2), ("gpu_names", ["cuda:0 a GPU"])):
        monkeypatch.setattr(doctor, name, lambda found=found: found)
    monkeypatch.setattr(doctor, "bfloat16_flags", lambda: None)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    assert doctor.memory()[0][1] == "8.0 GiB in all, 1.0 GiB free"
    assert doctor.processor()[0][1] == "2 cores, 8 torch threads" and "=2" in str(doctor.processor()[0][2])
    assert doctor.what_is_slow()[0][1] == "large dictionaries (under 4 GiB free, so in small pieces)"
