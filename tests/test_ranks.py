"""Many processes give the result of one, whatever happens to them; and images may lie in a file larger than memory."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ok, pictures, python, run

import elscourse as els
from elscourse import reproduce
from elscourse.pieces import pieces, sha256_of
from elscourse.ranks import Ranks, start
from elscourse.reproduce import Experiment

SMALL = ["reproduce", "--network", "tiny", "--seeds", "23", "--steps", "3", "--network-steps", "5"]
DTYPES = {"float32": ([], 1e-4), "float64": (["--float64"], 1e-9)}
linux = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the memory of a process")


def torchrun(processes: int, *command: str) -> subprocess.CompletedProcess[str]:
    """What `command` (-m elscourse ..., or a script) does in so many processes."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return subprocess.run(
        [*launch, *command],
        env={**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )


def script(text: str) -> str:
    Path("script.py").write_text(textwrap.dedent(text))
    return "script.py"


def together(processes: int, *command: str) -> str:
    done = torchrun(processes, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_torch_without_distributed_is_enough_for_one_process() -> None:
    hidden = "import sys, torch; sys.modules['torch.distributed.rendezvous'] = None; import elscourse"
    assert python("-c", f"{hidden}; print(elscourse.lab(verbose=False).profile)") == "laptop\n"


def assert_same(out: str | Path, expected: Path, tolerance: float) -> None:
    ours, theirs = np.load(Path(out) / "samples.npz"), np.load(expected / "samples.npz")
    assert set(ours.files) == set(theirs.files)
    for name in theirs.files:
        assert ours[name].dtype == theirs[name].dtype
        np.testing.assert_allclose(ours[name], theirs[name], rtol=0, atol=tolerance, err_msg=name)


@pytest.fixture(scope="module")
def bench(tiny: Path) -> Path:
    """The folder of the tiny network, with what one process reproduces with it: float32 and float64."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tiny)
        for dtype, (flag, _) in DTYPES.items():
            ok(*SMALL, *flag, "--out", dtype)
    return tiny


def test_shares_are_a_partition() -> None:
    for size in range(1, 6):
        for n in range(12):
            shares = [Ranks(rank, size, torch.device("cpu")).share(n) for rank in range(size)]
            assert [i for share in shares for i in range(n)[share]] == list(range(n))
            lengths = [len(range(n)[share]) for share in shares]
            assert max(lengths) - min(lengths) <= 1


def test_one_process_starts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert start(torch.device("cpu")) is None
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(els.CourseError, match=r"RANK or LOCAL_RANK is missing .*: start with torchrun"):
        start(torch.device("cpu"))
    for name in ("RANK", "LOCAL_RANK"):
        monkeypatch.setenv(name, "first")
    with pytest.raises(els.CourseError, match=r"not a number \(invalid literal .*'first'\): start with torchrun"):
        start(torch.device("cpu"))


def test_processes_that_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("RANK", "1"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(els.CourseError, match="no GPU for process 1 on this computer, which has 1: pass --nproc-per-n"):
        start(torch.device("cuda"))
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(els.CourseError, match=r"cannot find each other: start them with torchrun \(.*MASTER_ADDR"):
        start(torch.device("cpu"))


def test_settings_that_only_one_rank_has_are_a_disagreement(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs: dict = {}
    monkeypatch.setattr(Ranks, "_gather", lambda _, mine: [mine, mine | theirs])
    ranks = Ranks(0, 2, torch.device("cpu"))
    ranks.agree({"seeds": 3})
    theirs["fresh"] = "some hash"
    with pytest.raises(els.CourseError, match="the processes of this run disagree on fresh: start all"):
        ranks.agree({"seeds": 3})


def test_processes_that_start_over_and_others_that_go_on_disagree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or one would remove the pieces that another counts on."""
    met: list[dict] = []

    def go_on(*_: object) -> None:
        raise els.CourseError("they agree")

    monkeypatch.setattr(Ranks, "_gather", lambda _, mine: met.append(mine) or met)
    monkeypatch.setattr(Ranks, "first", go_on)
    experiment = Experiment(els.lab(verbose=False), tmp_path, ranks=Ranks(0, 2, torch.device("cpu")))
    with pytest.raises(els.CourseError, match="they agree"):
        experiment.run(fresh=True)
    with pytest.raises(els.CourseError, match="the processes of this run disagree on fresh: start all"):
        experiment.run(fresh=False)


def test_the_pieces_of_the_network_are_dealt_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Together the ranks draw each of them once; none has two more to draw than another."""
    columns, drawn = Experiment.columns, []
    own = lambda self: {name: how for name, how in columns(self).items() if name.startswith("network-")}  # noqa: E731
    monkeypatch.setattr(Experiment, "columns", own)
    monkeypatch.setattr(Experiment, "_finish", lambda self: {})
    monkeypatch.setattr(reproduce, "CHUNK", 1)
    for name in ("agree", "wait"):
        monkeypatch.setattr(Ranks, name, lambda *_: None)
    monkeypatch.setattr(Ranks, "first", lambda _, make: make())
    lab = els.lab(verbose=False)
    for rank in range(2):
        ranks, out = Ranks(rank, 2, torch.device("cpu")), tmp_path / str(rank)
        experiment = Experiment(lab, out, seeds=3, steps=1, network_steps=2, ranks=ranks)
        experiment.run()
        drawn.append({path.name for path in (out / "parts").glob("*.npz")})
    pieces = {f"{column}-0000{seed}.npz" for column in experiment.columns() for seed in range(3)}
    assert len(pieces) == 9 and drawn[0] | drawn[1] == pieces and sorted(map(len, drawn)) == [4, 5]


MERGING = """
    import sys, torch, elscourse as els
    from elscourse import shifts
    from elscourse.posterior import Partial
    from elscourse.ranks import start

    ranks = start(torch.device("cpu"))
    random = torch.Generator().manual_seed(0)
    logits = 200 * torch.randn(2, 3, 7, generator=random, dtype=torch.float64)  # maxima far apart: exp overflows
    values = torch.randn(2, 7, 4, generator=random, dtype=torch.float64)
    whole = Partial.of(logits, values)
    for n in (7, 2):  # two keys for three ranks: one has none
        mine = range(7)[:n][ranks.share(n)]
        part = Partial.of(logits[..., mine], values[:, mine]) if len(mine) else Partial.empty(2, 3, 4, logits.device)
        whole, merged = Partial.of(logits[..., :n], values[:, :n]), ranks.merge(part)
        assert torch.equal(merged.largest, whole.largest)
        torch.testing.assert_close(merged.mean(), whole.mean(), rtol=0, atol=1e-14)
        torch.testing.assert_close(merged.total, whole.total, rtol=1e-14, atol=0)
    nothing = ranks.merge(Partial.empty(2, 3, 4, logits.device))
    assert not nothing.total.any() and not nothing.weighted.any()

    images = torch.rand(8, 2, 6, 6, generator=random, dtype=torch.float64) * 2 - 1
    x_t = torch.randn(4, 2, 6, 6, generator=random, dtype=torch.float64)
    y = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1])  # two images of class 1 for three ranks
    patches = dict(patch_size=3, image_labels=y)
    machines = [els.IdealScoreMachine(images, image_labels=y), els.EquivariantScoreMachine(images, image_labels=y)]
    machines += [els.LocalScoreMachine(images, **patches), els.EquivariantLocalScoreMachine(images, **patches)]
    for padding in ("zeros", "circular"):
        options = dict(patches, padding=padding, window="gaussian")
        machines.append(els.EquivariantLocalScoreMachine(images, **options))
    for machine in machines:
        for labels in (None, 1, [0, 1, 1, 0]):
            for t in (0.02, 0.5, 1.0):
                ours, alone = machine.across(ranks)(x_t, t, labels), machine(x_t, t, labels)
                torch.testing.assert_close(ours, alone, rtol=0, atol=1e-12)
        try:
            machine.across(ranks).posterior(x_t, 0.5)
        except els.CourseError as error:
            assert "voters are not merged across processes" in str(error)
        else:
            raise AssertionError("posterior must be refused")
        machine.posterior(x_t, 0.5)  # the machine itself is as it was

    shifts.WORTH = 0  # search, however little it is worth
    images = els.load("fashion-mnist", size=16, n=50).images
    x_t = els.add_noise(images[:2], els.seeded_noise(range(2), (1, 16, 16)), 0.2)
    exact = els.EquivariantLocalScoreMachine(images.double(), patch_size=3)(x_t.double(), 0.2)
    machine = els.EquivariantLocalScoreMachine(images, patch_size=3, tolerance=0.5).across(ranks)
    answer = machine.certified(x_t, 0.2)
    error = (answer.mean - exact).abs().amax((1, 2, 3))
    assert (error <= answer.bound).all() and (answer.bound <= 0.5).all()
    assert (error > 10 * machine.value_range * machine.rounding).all(), "what was left out must show"
    assert len(set(ranks._gather(answer.visited))) == 1 and 0 < answer.visited < 1, "of the whole dictionary"
    assert els.IdealScoreMachine(images[:1]).across(ranks).certified(x_t, 0.2).visited == 1, "whoever has no image"
    assert ranks.first(lambda: ranks.rank) == 0
    ranks.close()
    print(f"rank {ranks.rank} agrees")
"""


def test_merged_parts_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert together(3, script(MERGING)).count("agrees") == 3


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("processes", [1, 2, 3])
def test_many_processes_give_the_result_of_one(here: Path, bench: Path, processes: int, dtype: str) -> None:
    flag, tolerance = DTYPES[dtype]
    said = together(processes, "-m", "elscourse", *SMALL, *flag, "--out", "out")
    assert_same("out", bench / dtype, tolerance)
    table = Path("out/table.md").read_text()
    assert said.count("lab:") == 1 and said.count(table) == 1, "one process speaks"
    settings = json.loads(Path("out/metrics.json").read_text())["settings"]
    assert settings == json.loads((bench / dtype / "metrics.json").read_text())["settings"]
    assert settings["dtype"] == dtype


DYING = """
    import os, signal
    from elscourse import reproduce
    from elscourse.cli import main

    original, left = reproduce.Experiment._piece, [9]

    def piece(*arguments):
        left[0] -= 1
        if os.environ["RANK"] == "1" and left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments)

    reproduce.Experiment._piece = piece
    main()
"""


def test_a_dead_process_ends_the_run_and_another_run_goes_on(here: Path, bench: Path) -> None:
    done = torchrun(3, script(DYING), *SMALL, "--out", "out")
    assert done.returncode == 1
    assert "another process of this run ended" in done.stderr and "run the same command again" in done.stderr
    assert f"{os.sep}elscourse{os.sep}reproduce.py" not in done.stderr, "a sentence, no traceback"
    assert not Path("out/metrics.json").exists()
    kept = {p: p.stat().st_mtime_ns for p in Path("out/parts").glob("*.npz")}
    assert 6 <= len(kept) < 16
    together(2, "-m", "elscourse", *SMALL, "--out", "out")
    assert all(p.stat().st_mtime_ns == at for p, at in kept.items()), "what was finished was not computed again"
    assert_same("out", bench / "float32", 1e-4)


TOLD = """
    import os, signal, torch
    from elscourse import CourseError
    from elscourse.ranks import start

    start(torch.device("cpu")).close()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    start(torch.device("cpu"))
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except CourseError as error:
        os.kill(os.getpid(), signal.SIGTERM)  # it has heard
        print(error)
"""


def test_a_process_that_torchrun_tells_to_end_says_why_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "another process of this run ended" in together(1, script(TOLD))


DISAGREEING = """
    import os, sys
    from elscourse.cli import main

    rank = int(os.environ["RANK"])
    main([*sys.argv[1:], "--seeds", str(20 + rank), "--steps", str(3 + rank)])
"""


def test_processes_that_disagree_are_refused(here: Path) -> None:
    command = ("reproduce", "--network", "tiny", "--network-steps", "5", "--out", "out")
    done = torchrun(2, script(DISAGREEING), *command)
    assert done.returncode == 1
    assert done.stderr.count("Error: the processes of this run disagree on seeds, steps: start all") == 1
    assert f"{os.sep}elscourse{os.sep}ranks.py" not in done.stderr and not Path("out").exists()


def test_other_settings_are_refused_once(here: Path, bench: Path) -> None:
    done = torchrun(2, "-m", "elscourse", *SMALL, "--out", str(bench / "float64"))
    assert done.returncode == 1 and done.stderr.count("holds a run with other settings (images_sha256, dtype)") == 1


def test_an_array_file_is_a_data_set(here: Path, bench: Path) -> None:
    images = els.load("fashion-mnist", size=8, n=60)
    np.save("set.npy", images.images.numpy())
    np.save("set.labels.npy", images.labels.numpy().astype(np.uint8))
    mapped = els.load("set.npy", n=50)
    assert torch.equal(mapped.images, images.images[:50]) and torch.equal(mapped.labels, images.labels[:50])
    assert mapped.class_names == tuple("0123456789") and mapped.name == "set"
    assert sha256_of(els.load("set.npy").images) == sha256_of(images.images)
    ok(*SMALL, "--dataset", "set.npy", "--out", "out")
    assert_same("out", bench / "float32", 1e-6)
    result = run(*SMALL, "--dataset", "set.npy", "--float64", "--out", "out")
    assert result.exit_code == 1 and "set.npy holds torch.float32, so float64 would copy it" in result.output
    np.save("set.npy", images.images.double().numpy())
    ok(*SMALL, "--dataset", "set.npy", "--out", "precise")
    assert_same("precise", bench / "float64", 1e-9)


GOOD = pictures(6, 1, 8, 8).numpy()


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (GOOD[:, 0], r"float32 or float64 of shape \(N, C, H, W\), at least one image, got float32 \(6, 8, 8\)"),
        (GOOD[:0], r"at least one image, got float32 \(0, 1, 8, 8\)"),
        ((GOOD * 127).astype(np.uint8), r"must hold float32 or float64 .*, got uint8"),
        (GOOD.astype(">f4"), r"must hold float32 or float64 .*, got >f4"),
        (np.asfortranarray(GOOD), "Fortran order: save it with"),
        (GOOD * 255, r"must lie in \[-1, 1\] \(uint8 / 127.5 - 1\), got some from -25"),
        (np.where(GOOD > 0.99, np.nan, GOOD), r"got NaN"),
        (np.array([{}]), "holds no images, or is incomplete"),
    ],
)
def test_arrays_that_are_no_images(tmp_path: Path, array: np.ndarray, sentence: str) -> None:
    np.save(tmp_path / "set.npy", array)
    with pytest.raises(els.CourseError, match=sentence) as error:
        els.load(tmp_path / "set.npy")
    assert "\n" not in str(error.value) and "set.npy" in str(error.value)


@pytest.mark.parametrize(
    ("array", "advice"),
    [
        (GOOD[:, 0], "x[:, None] for grey images"),
        (GOOD.astype(">f4"), "np.float32(x)"),
        (GOOD.astype(np.float16), "np.float32(x)"),
        (np.uint8(np.round((GOOD + 1) * 127.5)), "np.float32(x) / 127.5 - 1 for pixels of 0 to 255"),
        (
            np.uint8(np.round((GOOD[:, 0] + 1) * 127.5)),
            "np.float32(x[:, None]) / 127.5 - 1 for grey images with pixels of 0 to 255",
        ),
        (
            np.uint8(np.round((GOOD.transpose(0, 2, 3, 1) + 1) * 127.5)),
            "np.float32(x.transpose(0, 3, 1, 2)) / 127.5 - 1 for pixels of 0 to 255",
        ),
        (GOOD.transpose(0, 2, 3, 1).astype(np.float16), "np.float32(x.transpose(0, 3, 1, 2))"),
        (GOOD[0, 0], "an array like that"),
        (GOOD[:0], "an array like that"),
        (GOOD.astype(complex), "an array like that"),
    ],
)
def test_the_advice_for_an_array_makes_images_of_it(tmp_path: Path, array: np.ndarray, advice: str) -> None:
    path = tmp_path / "set.npy"
    np.save(path, array)
    with pytest.raises(els.CourseError, match=re.escape(f": save {advice}.")):
        els.load(path)
    if "like that" not in advice:
        np.save(path, eval(advice.partition(" for ")[0], {"np": np, "x": array}))
        torch.testing.assert_close(els.load(path).images, torch.from_numpy(GOOD), rtol=0, atol=0.01)


def test_what_is_written_to_the_images_of_a_file_stays_in_memory(tmp_path: Path) -> None:
    """In a process of its own, which a write to read-only images would end."""
    path = tmp_path / "set.npy"
    np.save(path, GOOD)
    before = path.read_bytes()
    write = (
        "import sys, elscourse as els; x = els.load(sys.argv[1]).images; x.mul_(-1); x[0] = 0.5; print(x.sum().item())"
    )
    path.chmod(0o400)
    assert float(python("-c", write, str(path))) == pytest.approx(0.5 * 64 - GOOD[1:].sum(dtype=float), abs=1e-3)
    assert path.read_bytes() == before and torch.equal(els.load(path).images, torch.from_numpy(GOOD))


def test_an_array_file_is_opened_without_a_warning(tmp_path: Path) -> None:
    np.save(tmp_path / "set.npy", GOOD)
    torch.set_warn_always(True)  # otherwise torch would say it once only, to another test
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            els.load(tmp_path / "set.npy")
    finally:
        torch.set_warn_always(False)


def test_files_that_are_no_arrays(tmp_path: Path) -> None:
    path = tmp_path / "set.npy"
    with pytest.raises(els.CourseError, match=r"does not exist: expected images written by np\.save"):
        els.load(path)
    np.save(path, GOOD)
    whole, archive = path.read_bytes(), io.BytesIO()
    np.savez(archive, GOOD)
    archives = (archive.getvalue(), archive.getvalue()[:-50])
    flipped = whole.replace(b"'shape': (", b"'shape':((")  # a bit, and the header is no Python any more
    assert flipped != whole
    for wrong in (whole[:-5], whole[:60], b"", b"\x93NUMPY nonsense", b"P5 8 8 255", flipped, *archives):
        path.write_bytes(wrong)
        with pytest.raises(els.CourseError, match=r"set\.npy holds no images, or is incomplete") as error:
            els.load(path)
        assert "\n" not in str(error.value) and "pickle" not in str(error.value)
    path.write_bytes(whole)
    with pytest.raises(els.CourseError, match=r"has images of 8x8 pixels .* but size 4 was asked for"):
        els.load(path, size=4)
    with pytest.raises(els.CourseError, match="n must be a whole number from 1 to 6"):
        els.load(path, n=7)
    for labels in (np.arange(5), np.arange(6) - 1, np.arange(6.0), np.array(3), np.arange(6) * 10**6):
        np.save(tmp_path / "set.labels.npy", labels)
        with pytest.raises(els.CourseError, match=r"set\.labels\.npy must hold 6 whole numbers from 0 to 9999"):
            els.load(path)
    np.save(tmp_path / "set.labels.npy", np.arange(6))
    data = els.load(path, size=8)
    assert data.labels.tolist() == [0, 1, 2, 3, 4, 5] and data.class_names == tuple("012345")


def sparse(path: Path, n: int) -> None:
    """n black-and-grey images of 16x16 in float32 that take no disk: all but the header is a hole."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (n, 1, 16, 16)})
        file.truncate(file.tell() + n * 1024)


@linux
def test_a_file_may_be_larger_than_memory(tmp_path: Path) -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    sparse(tmp_path / "set.npy", 4 * memory // 1024)
    torch.set_warn_always(True)
    try:
        with pytest.warns(UserWarning) as told:
            images = els.load(tmp_path / "set.npy", n=300).images
    finally:
        torch.set_warn_always(False)
    (warning,) = told
    assert "set.npy does not fit into memory, so writing to its images would end Python" in str(warning.message)
    assert els.IdealScoreMachine(images)(torch.randn(1, 1, 16, 16), 0.5).isfinite().all()


STREAMING = """
    import resource, sys, torch, elscourse as els
    from elscourse.pieces import sha256_of

    def use(images):
        x_t = torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(0)).to(images)
        for machine in (els.IdealScoreMachine(images, memory=2**25), els.WienerFilter(images)):
            assert machine(x_t, 0.5).isfinite().all()
        classes = torch.arange(len(images)) % 2
        assert els.IdealScoreMachine(images, image_labels=classes, memory=2**25)(x_t, 0.5, labels=1).isfinite().all()
        els.LocalScoreMachine(images[:5000], patch_size=3, memory=2**25)(x_t, 0.5)
        els.nearest_training_image(x_t, images)
        sha256_of(images)

    def limit():
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        now = int(status["VmData"].split()[0]) * 1024  # private memory that can be written
        resource.setrlimit(resource.RLIMIT_DATA, (now + int(sys.argv[2]), -1))

    use(torch.zeros(3000, 1, 16, 16))  # what is loaded and made once is there before the limit
    images = els.load(sys.argv[1]).images  # which can be written
    limit()
    use(images)
    del images
    limit()
    use(els.load(sys.argv[1]).images)  # there is no room for this one: it is read-only
    print("enough")
"""


@linux
def test_a_file_is_never_read_as_a_whole(tmp_path: Path) -> None:
    """400 MB of images, and 150 MB of memory to work in."""
    path = tmp_path / "set.npy"
    sparse(path, 400_000)
    room = str(150 * 10**6)
    assert python("-c", textwrap.dedent(STREAMING), str(path), room, OMP_NUM_THREADS="1") == "enough\n"


def test_pieces_are_views_of_all_in_order() -> None:
    images = torch.zeros(50_000, 1, 16, 16)
    several = list(pieces(images))
    assert len(several) > 2 and sum(len(p) for p in several) == 50_000
    assert all(p.untyped_storage().data_ptr() == images.untyped_storage().data_ptr() for p in several)
    assert max(p.nbytes for p in several) == max(p.nbytes for p in pieces(images.double())) == 2**22


@pytest.mark.parametrize("labels", [np.arange(5), np.array([0, 1, 2, 10_000]), np.arange(0)])
def test_labels_that_do_not_fit(labels: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", pictures(4, 1, 4, 4).numpy())
    np.save(tmp_path / "mine.labels.npy", labels)
    with pytest.raises(els.CourseError, match="must hold 4 whole numbers from 0 to 9999"):
        els.load(tmp_path / "mine.npy")


def test_axes_in_the_order_of_fortran_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", np.asfortranarray(pictures(4, 2, 4, 4).numpy()))
    with pytest.raises(els.CourseError, match="is in Fortran order"):
        els.load(tmp_path / "mine.npy")


ALONE = """
import os
from datetime import timedelta
import torch
from elscourse import CourseError, ranks
ranks.MEETING = timedelta(seconds=1)
if os.environ["RANK"] == os.environ.get("COMES", "1"):
    try:
        ranks.start(torch.device("cpu"))
    except CourseError as error:
        print(error)
"""


def test_under_torchrun_a_rank_that_does_not_meet_the_others_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its store is there at once, and does not wait for them."""
    monkeypatch.chdir(tmp_path)
    for comes in "01":
        monkeypatch.setenv("COMES", comes)
        assert "the processes of this run cannot find each other" in together(2, script(ALONE))


def test_a_rank_that_does_not_meet_the_others_gives_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    alone = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    done = subprocess.run(
        [sys.executable, "-c", ALONE],
        env={**os.environ, **alone},
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    assert "the processes of this run cannot find each other" in done.stdout, done.stderr
