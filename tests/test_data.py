"""Images: the bundled set, complete sets, folders of one's own, and every sentence for what can go wrong."""

from __future__ import annotations

import errno
import gzip
import hashlib
import pickle
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import threading
import unicodedata
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import torch
from conftest import pictures, python
from PIL import Image

import elscourse as els
from elscourse import data as data_module
from elscourse import datasets, folders
from elscourse import files as files_module
from elscourse.bent_filter import SHOWN
from elscourse.catalogue import BUNDLED, CATALOGUE, EMOJI, FASHION_CLASSES, IMAGES, LABELS, Dataset
from elscourse.data import ImageSet, data_dir, load, resize, to_unit_range
from elscourse.errors import CourseError

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
with_debian = pytest.mark.skipif(not DEBIAN.is_dir(), reason="the complete Fashion-MNIST (Debian's package) is absent")
NOTO = (Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"), Path("/usr/share/unicode/emoji/emoji-test.txt"))
with_noto = pytest.mark.skipif(not all(map(Path.exists, NOTO)), reason="Noto Color Emoji or Unicode's list is absent")


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the test's own: no complete set that is on this computer is found."""
    folder = tmp_path / "sets"
    folder.mkdir()
    monkeypatch.setenv("ELSCOURSE_DATA", str(folder))
    monkeypatch.setattr(datasets, "search_folders", lambda: [folder])
    return folder


def change(monkeypatch: pytest.MonkeyPatch, name: str, **facts: Any) -> Dataset:
    """Other facts about a set for the length of a test."""
    changed = replace(CATALOGUE[name], **facts)
    monkeypatch.setitem(CATALOGUE, name, changed)
    return changed


def sentence(match: str) -> pytest.RaisesExc[CourseError]:
    """Expect a CourseError that is one paragraph, ends as a sentence does, and says this."""
    return pytest.raises(
        CourseError, match=match, check=lambda error: "\n" not in str(error) and str(error).endswith(".")
    )


# ---- the bundled images


def test_bundled_images_have_shape_range_and_classes() -> None:
    data = load("fashion-mnist", size=16, n=500)
    assert data.images.shape == (500, 1, 16, 16) and data.images.dtype == torch.float32
    assert data.labels is not None and data.labels.dtype == torch.int64 and data.labels.shape == (500,)
    assert data.class_names == FASHION_CLASSES and data.name == "fashion-mnist" and len(data) == 500
    assert -1 <= data.images.min() < -0.99 and 0.9 < data.images.max() <= 1
    ankle_boot, t_shirt = data.labels[:2].tolist()  # the first two labels, as everyone who uses the set knows them
    assert (FASHION_CLASSES[ankle_boot], FASHION_CLASSES[t_shirt]) == ("ankle boot", "t-shirt")


def test_n_is_a_prefix_and_native_size_is_untouched() -> None:
    few, more = load("fashion-mnist", n=3), load("fashion-mnist", size=28, n=1030)
    assert few.images.shape == (3, 1, 28, 28)
    assert torch.equal(few.images, more.images[:3])
    with np.load(data_dir() / data_module.BUNDLE) as file:
        assert torch.equal(((more.images[:, 0] + 1) * 127.5).round(), torch.from_numpy(file["images"][:1030]).float())


@with_debian
def test_bundle_equals_the_first_images_of_the_published_file() -> None:
    published = gzip.decompress((DEBIAN / f"{IMAGES}.gz").read_bytes())
    labels = gzip.decompress((DEBIAN / f"{LABELS}.gz").read_bytes())
    with np.load(data_dir() / data_module.BUNDLE) as file:
        assert file["images"].shape == (BUNDLED, 28, 28)
        assert file["images"].tobytes() == published[16 : 16 + BUNDLED * 784]
        assert file["labels"].tobytes() == labels[8 : 8 + BUNDLED]


def test_emoji_are_coloured_on_white_and_named_by_their_characters() -> None:
    data, whole = load("emoji", size=24), load("emoji")
    assert data.images.shape == (EMOJI, 3, 24, 24) and whole.images.shape == (EMOJI, 3, 48, 48)
    means = whole.images.unflatten(-1, (24, 2)).unflatten(-3, (24, 2)).mean((-1, -3))
    assert torch.allclose(data.images, means, atol=1e-6)
    assert (data.images[:, :, 0, 0] == 1).float().mean() > 0.8  # a corner is white
    with np.load(data_dir() / CATALOGUE["emoji"].bundle) as file:
        characters = [chr(character) for character in file["characters"]]
    assert len(set(characters)) == len(characters) == EMOJI
    apple = characters.index(unicodedata.lookup("RED APPLE"))
    assert data.labels is not None and data.class_names[data.labels[apple]] == "food"
    red, green, blue = whole.images[apple, :, 30, 24]
    assert red > 0 > max(green, blue)
    first = data.labels[: EMOJI // 2].bincount(minlength=len(data.class_names))
    assert torch.all((first / data.labels.bincount() - 0.5).abs() < 0.1)  # the first n are of all kinds


def test_the_first_images_of_the_bundled_sets_are_of_all_classes() -> None:
    """So a bent filter's curve is found on these."""
    for data in (load("fashion-mnist", size=16, n=BUNDLED), load("emoji")):
        assert data.labels is not None and len(data.labels[:SHOWN].unique()) == len(data.class_names)


def test_the_painted_pictures_are_those_of_the_script(tmp_path: Path) -> None:
    data, script = load("painted"), data_dir() / "make_painted.py"
    assert data.images.shape == (3, 1, 16, 16) and data.images.unique().tolist() == [-1, 1]
    assert data.labels is not None and [data.class_names[k] for k in data.labels] == ["face", "house", "tree"]
    for image in data.images[:, 0].tolist():
        assert "\n".join("".join(".#"[pixel > 0] for pixel in row) for row in image) in script.read_text("utf-8")
    shutil.copy(script, tmp_path)
    subprocess.run([sys.executable, tmp_path / "make_painted.py"], check=True)
    with np.load(tmp_path / "painted.npz") as made, np.load(data_dir() / "painted.npz") as stored:
        assert made.keys() == stored.keys() and all(np.array_equal(made[name], stored[name]) for name in made)


@with_noto
def test_emoji_are_the_font_s_glyphs(tmp_path: Path) -> None:
    script = data_dir() / "make_emoji.py"
    shutil.copy(script, tmp_path)
    subprocess.run([sys.executable, tmp_path / script.name, *map(str, NOTO)], check=True)
    with np.load(tmp_path / "emoji.npz") as made, np.load(data_dir() / "emoji.npz") as stored:
        shared = {*made["characters"].tolist()} & {*stored["characters"].tolist()}
        assert len(shared) > 0.95 * EMOJI  # another version of the font or of Unicode may have others
        places = [[archive["characters"].tolist().index(one) for one in sorted(shared)] for archive in (made, stored)]
        apart = np.abs(made["images"][places[0]].astype(int) - stored["images"][places[1]]).mean((1, 2, 3))
        assert np.median(apart) < 1
        assert np.array_equal(made["labels"][places[0]], stored["labels"][places[1]])


@pytest.mark.parametrize("damage", ["truncated", "one bit", "missing", "no sums", "not listed"])
def test_damaged_bundle_is_refused_by_name(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw, sums = ((data_dir() / name).read_bytes() for name in (data_module.BUNDLE, "SHA256SUMS"))
    broken = {"truncated": raw[:-100], "one bit": raw[:5000] + bytes([raw[5000] ^ 1]) + raw[5001:]}.get(damage, raw)
    if damage != "missing":
        (tmp_path / data_module.BUNDLE).write_bytes(broken)
    if damage != "no sums":
        (tmp_path / "SHA256SUMS").write_bytes(b"" if damage == "not listed" else sums)
    monkeypatch.setattr(data_module, "data_dir", lambda: tmp_path)
    named = (
        rf"{data_module.BUNDLE} is damaged: .*expected bb6d9abe"
        if damage in ("truncated", "one bit")
        else "cannot be read"
    )
    with sentence(rf"{named}.*restore"):
        load("fashion-mnist", n=1)


def test_data_dir_prefers_the_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elscourse").mkdir()
    monkeypatch.setattr(files_module, "__file__", str(tmp_path / "elscourse" / "files.py"))
    assert data_dir() == tmp_path / "data"
    (tmp_path / "elscourse" / "_data").mkdir()
    assert data_dir() == tmp_path / "elscourse" / "_data"


def test_heavy_packages_wait_until_they_are_needed() -> None:
    code = (
        "import sys, elscourse.data; elscourse.data.load('fashion-mnist', 16, 5);"
        "print([m for m in ('torchvision', 'PIL', 'matplotlib', 'pooch', 'requests') if m in sys.modules])"
    )
    assert python("-c", code) == "[]\n"


# ---- resize


def by_hand(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Each new pixel is the mean of the old pixels that its area touches, written out."""
    H, W = image.shape
    out = np.empty((height, width))
    for i in range(height):
        for j in range(width):
            rows = slice(i * H // height, -(-(i + 1) * H // height))
            columns = slice(j * W // width, -(-(j + 1) * W // width))
            out[i, j] = image[rows, columns].mean()
    return out


@pytest.mark.parametrize("size", [32, 16, 8, 12, 1])
def test_28_gets_a_black_border_and_area_averages(size: int) -> None:
    native, small = load("fashion-mnist", n=3), load("fashion-mnist", size=size, n=3)
    bordered = np.full((3, 32, 32), -1.0)
    bordered[:, 2:30, 2:30] = native.images[:, 0].numpy()
    expected = np.stack([by_hand(image, size, size) for image in bordered])
    np.testing.assert_allclose(small.images[:, 0].numpy(), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "size", "cut"),
    [
        ((40, 60), (20, 20), np.s_[:, 10:50]),  # wide to square: the middle
        ((60, 40), (20, 20), np.s_[10:50, :]),
        ((40, 60), (10, 20), np.s_[5:35, :]),  # to a wider one: the middle rows
        ((40, 60), (20, 30), np.s_[:, :]),  # same aspect ratio: nothing is cut
        ((40, 60), 40, np.s_[:, 10:50]),
        ((15, 17), 11, np.s_[:, 1:16]),  # 15 / 11 * 11 is less than 15
    ],
)
def test_other_aspect_ratios_are_cut_from_the_middle(
    shape: tuple[int, int], size: int | tuple[int, int], cut: tuple[slice, slice]
) -> None:
    images = torch.rand(2, 3, *shape, generator=torch.Generator().manual_seed(0))
    height, width = (size, size) if isinstance(size, int) else size
    small = resize(images, size)
    assert small.shape == (2, 3, height, width)
    np.testing.assert_allclose(small[1, 2].numpy(), by_hand(images[1, 2].numpy()[cut], height, width), atol=1e-6)


def test_resize_in_chunks_is_resize_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.rand(23, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    at_once = resize(images, 16)
    monkeypatch.setattr(data_module, "CHUNK", 5)
    assert torch.equal(resize(images, 16), at_once)
    assert resize(images, None) is images and resize(images, (28, 28)) is images


@pytest.mark.parametrize("size", [0, -4, 2.5, "16", (16, 0), (8, 8, 8), (16,), (4, "4"), (3, None)])
def test_size_that_is_none(size: object) -> None:
    with sentence(r"size must be a whole number of pixels >= 1, or \(height, width\)"):
        resize(torch.zeros(1, 1, 9, 9), size)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [33, (32, 33), (33, 1)])
def test_size_beyond_the_images(size: object) -> None:
    with sentence("at most the images' own: .* up to 32x32 pixels"):
        load("fashion-mnist", size=size, n=2)  # type: ignore[arg-type]


def test_to_unit_range_maps_0_and_255_and_moves_colour_first() -> None:
    pixels = np.zeros((2, 4, 5, 3), np.uint8)
    pixels[1, 2, 3] = 255, 51, 204
    x = to_unit_range(pixels)
    assert x.shape == (2, 3, 4, 5) and x.is_contiguous() and x[0].eq(-1).all()
    torch.testing.assert_close(x[1, :, 2, 3], torch.tensor([1.0, -0.6, 0.6]))
    assert to_unit_range(pixels[..., 0]).shape == (2, 1, 4, 5)


def test_more_than_the_memory_is_one_sentence() -> None:
    with sentence(r"100,000,000 images of shape \(3, 4000, 6000\) need .* GB.*n="):
        data_module._allocate(10**8, (3, 4000, 6000), torch.zeros(1))


# ---- names and numbers


@pytest.mark.parametrize("n", [0, -1, 60_001, 2.0, "5"])
def test_n_that_does_not_fit(n: object) -> None:
    with sentence("n must be a whole number from 1 to 60000, the number of images in fashion-mnist, got"):
        load("fashion-mnist", n=n)  # type: ignore[arg-type]


def test_unknown_name_suggests_the_nearest_and_a_folder() -> None:
    with sentence(r"unknown dataset 'fashion_mnist': did you mean fashion-mnist.*path of a folder of images"):
        load("fashion_mnist")


@pytest.mark.parametrize("name", [None, 3, "", b"mnist"])
def test_name_that_is_none(name: object) -> None:
    with sentence("name must be that of a data set or the path"):
        load(name)  # type: ignore[arg-type]


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_bytes(b"PK")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no image")
    with sentence("nothing does not exist: expected a folder of images"):
        load(tmp_path / "nothing")
    with sentence("nothing does not exist: expected a folder of images"):
        load(str(tmp_path / "nothing"))
    with sentence("photos.zip is a file: expected a folder of images"):
        load(tmp_path / "photos.zip")
    with sentence("empty holds no images: expected .png, .jpg"):
        load(tmp_path / "empty")


# ---- ImageSet


def test_image_set_refuses_what_it_cannot_be() -> None:
    good = torch.zeros(3, 1, 4, 4)
    assert ImageSet(good).labels is None
    for images in (good[0], good.to(torch.uint8), good[None]):
        with sentence(r"images must be a tensor of floats of shape \(N, C, H, W\)"):
            ImageSet(images)
    with sentence("at least one image is needed"):
        ImageSet(good[:0])
    for bad in (float("nan"), float("inf"), -float("inf"), 1.01, -255.0):
        spoilt = good.clone()
        spoilt[1, 0, 2, 3] = bad
        with sentence(r"images: pixels must lie in \[-1, 1\] \(uint8 / 127.5 - 1\), got (NaN|some from)"):
            ImageSet(spoilt)
    for dtype in (torch.float16, torch.float32, torch.float64):
        ImageSet((good + 1.0001).to(dtype))  # rounded when they were made
    for labels in (torch.zeros(2, dtype=torch.int64), torch.zeros(3), torch.zeros(3, 1, dtype=torch.int64)):
        with sentence(r"labels must be an int64 tensor of shape \(3,\)"):
            ImageSet(good, labels)
    for labels in (torch.tensor([0, 1, 2]), torch.tensor([0, -1, 1])):
        with sentence(r"labels must lie in 0 \.\.\. 1, one per class"):
            ImageSet(good, labels, ("a", "b"))


def test_colours_that_come_last_are_refused_and_narrow_images_are_not(tmp_path: Path) -> None:
    path, advice = (
        tmp_path / "last.npy",
        sentence(r"colours seem to come last: move them with x.transpose\(0, 3, 1, 2\)"),
    )
    for colours in (1, 3, 4):
        last = torch.zeros(5, 6, 7, colours)
        np.save(path, last.numpy())
        for take in (lambda: load(path), lambda x=last: ImageSet(x), lambda x=last: els.IdealScoreMachine(x)):
            with advice:
                take()
        for channels in (1, 2, 3, 4):
            narrow = torch.zeros(2, channels, 6, colours)
            np.save(path, narrow.numpy())
            assert load(path).images.shape == ImageSet(narrow).images.shape == narrow.shape
            assert els.IdealScoreMachine(narrow)(narrow, 0.5).shape == narrow.shape
    many = torch.zeros(2, 5, 6, 7)  # channels, and no colours that could come last
    assert els.IdealScoreMachine(many)(many, 0.5).shape == many.shape


def numbered() -> ImageSet:
    images = torch.arange(-5.0, 1).reshape(6, 1, 1, 1).expand(6, 1, 2, 2) / 6
    return ImageSet(images, torch.tensor([0, 1, 0, 1, 1, 0]), ("cat", "dog", "owl"), "animals")


def test_subset_takes_slices_indices_and_masks() -> None:
    data = numbered()
    for index, places in (
        (slice(1, 4), [1, 2, 3]),
        ([5, 0], [5, 0]),
        (torch.tensor([2, 2]), [2, 2]),
        (data.images[:, 0, 0, 0] > -0.2, [4, 5]),
        (np.array([3]), [3]),
        (np.array([5, 0], np.uint8), [5, 0]),  # which torch would take for a mask
        (4, [4]),
    ):
        part = data.subset(index)  # type: ignore[arg-type]
        assert torch.equal(part.images, data.images[places])
        assert part.labels is not None and data.labels is not None and torch.equal(part.labels, data.labels[places])
        assert part.class_names == data.class_names and part.name == data.name
    assert ImageSet(data.images).subset([1]).labels is None
    nothings: tuple[slice | list[int] | torch.Tensor, ...] = (slice(6, 9), [], torch.zeros(6, dtype=torch.bool))
    for nothing in nothings:
        with sentence("animals: at least one image is needed"):
            data.subset(nothing)
    for beyond in ([6], torch.tensor([-7]), torch.ones(5, dtype=torch.bool), torch.tensor([0.5])):
        with sentence("animals has 6 images, but the index does not fit"):
            data.subset(beyond)
    for odd in ("a", None, ["a"], slice("a")):
        with sentence("animals has 6 images, but the index does not fit"):
            data.subset(odd)  # type: ignore[arg-type]


# ---- folders of images


def picture(height: int, width: int, seed: int, colour: bool = True) -> np.ndarray:
    """Random pixels with shape (H, W, 3), or (H, W) for a grey one."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)[: 3 if colour else 2], dtype=np.uint8)


def save(pixels: np.ndarray, path: Path, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def test_folder_of_colour_images_sorted_by_path(tmp_path: Path) -> None:
    pixels = [picture(6, 9, seed) for seed in range(3)]
    for name, image in zip(("b.png", "sub/deeper/c.BMP", "a.png"), pixels, strict=True):
        save(image, tmp_path / name)
    (tmp_path / "._a.png").write_bytes(b"left by macOS")
    (tmp_path / "readme.txt").write_text("not an image")
    data = load(tmp_path)
    assert data.images.shape == (3, 3, 6, 9) and data.labels is None and data.class_names == ()
    assert data.name == tmp_path.name
    assert torch.equal(data.images, to_unit_range(np.stack([pixels[2], pixels[0], pixels[1]])))
    assert torch.equal(load(str(tmp_path), n=2).images, data.images[:2])
    with sentence("n must be a whole number from 1 to 3"):
        load(tmp_path, n=4)


@pytest.mark.parametrize("suffix", sorted(folders.SUFFIXES))
def test_every_kind_of_file(suffix: str, tmp_path: Path) -> None:
    square = np.full((8, 8, 3), (200, 40, 90), np.uint8)
    save(square, tmp_path / f"one{suffix}")
    torch.testing.assert_close(load(tmp_path).images, to_unit_range(square[None]), atol=0.05, rtol=0)


def test_grey_if_all_are_grey(tmp_path: Path) -> None:
    grey = picture(5, 5, 0, colour=False)
    save(grey, tmp_path / "0.png")
    save(np.stack([grey] * 3, -1), tmp_path / "1.png")  # grey stored as RGB
    Image.fromarray(grey).convert("P").save(tmp_path / "2.png")
    save(grey.astype(np.uint16) * 257, tmp_path / "3.png")  # 16 bits
    data = load(tmp_path)
    assert data.images.shape == (4, 1, 5, 5)
    assert data.images.eq(to_unit_range(grey[None])).all()
    save(picture(5, 5, 1), tmp_path / "4.png")
    mixed = load(tmp_path)
    assert mixed.images.shape == (5, 3, 5, 5)
    assert torch.equal(mixed.images[:4], data.images.expand(-1, 3, -1, -1))
    assert torch.equal(mixed.images[4:], to_unit_range(picture(5, 5, 1)[None]))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("zero_is_white", [False, True])
def test_a_tiff_says_whether_zero_is_white(dtype: type, zero_is_white: bool, tmp_path: Path) -> None:
    """Written byte by byte: PIL itself writes only the usual kind."""
    ramp = (np.linspace(0, 1, 16).reshape(4, 4) * np.iinfo(dtype).max).astype(np.dtype(dtype).newbyteorder("<"))
    bits, meaning = 8 * ramp.itemsize, 0 if zero_is_white else 1
    tags = [(256, 3, 4), (257, 3, 4), (258, 3, bits), (259, 3, 1), (262, 3, meaning), (273, 4, 8), (277, 3, 1)]
    tags += [(278, 3, 4), (279, 4, ramp.nbytes)]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    head = b"II*\0" + struct.pack("<I", 8 + ramp.nbytes)
    (tmp_path / "a.tif").write_bytes(head + ramp.tobytes() + struct.pack("<H", len(tags)) + entries + bytes(4))
    bright = torch.linspace(-1, 1, 16) * (-1 if zero_is_white else 1)
    torch.testing.assert_close(load(tmp_path).images.flatten(), bright, atol=0.01, rtol=0)


@pytest.mark.parametrize(
    ("dtype", "white", "kind"),
    [
        (np.float32, 1, "floats"),
        (np.float32, 255, "floats"),
        (np.int32, 255, "signed or 32-bit integers"),
        (np.int32, 2**31 - 1, "signed or 32-bit integers"),
        (np.uint16, 65535, None),
        (np.uint8, 255, None),
    ],
)
def test_pixels_whose_white_is_not_known_are_refused(dtype: type, white: int, kind: str | None, tmp_path: Path) -> None:
    ramp = (np.linspace(0, 1, 16).reshape(4, 4) * white).astype(dtype)
    save(ramp, tmp_path / "a.tif")
    if kind is None:
        torch.testing.assert_close(load(tmp_path).images.flatten(), torch.linspace(-1, 1, 16), atol=0.01, rtol=0)
        return
    with sentence(rf"a.tif has {kind} for pixels, so its black and white are not known: save it with 8 or 16 bits"):
        load(tmp_path)


def test_transparent_is_black_and_turned_photos_are_upright(tmp_path: Path) -> None:
    pixels = np.full((4, 4, 4), 255, np.uint8)
    pixels[0, 0, 3] = 0
    save(pixels, tmp_path / "clear" / "a.png")
    clear = load(tmp_path / "clear").images[0, 0]
    assert clear[0, 0] == -1 and clear.sum() == 14
    save(pixels[..., [0, 3]], tmp_path / "grey" / "a.png")
    assert torch.equal(load(tmp_path / "grey").images[0, 0], clear)
    (tmp_path / "deep").mkdir()
    deep = np.full((4, 4), 65535, np.uint16)
    deep[0, 0] = 30_000  # 16 bits, one value of which is transparent
    Image.fromarray(deep).save(tmp_path / "deep" / "a.png", transparency=30_000)
    assert torch.equal(load(tmp_path / "deep").images[0, 0], clear)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it turned by a quarter, clockwise
    lying = picture(4, 7, 0)
    save(lying, tmp_path / "turned" / "a.png", exif=exif)
    assert torch.equal(load(tmp_path / "turned").images, to_unit_range(np.rot90(lying, -1)[None]))


def test_a_folder_may_be_called_like_an_array_file(tmp_path: Path) -> None:
    save(picture(4, 7, 0), tmp_path / "set.npy" / "a.png")
    assert load(tmp_path / "set.npy").images.shape == (1, 3, 4, 7)


def test_images_that_seem_to_begin_at_0_get_a_warning(tmp_path: Path) -> None:
    images = els.load("fashion-mnist", size=16, n=20).images
    for make in (els.IdealScoreMachine, partial(els.LocalScoreMachine, patch_size=3), ImageSet):
        with pytest.warns(UserWarning, match=r"no pixel is below 0. If the pixels are in \[0, 1\], take 2 \*") as told:
            make((images + 1) / 2)
        assert told[0].filename == __file__, "Python shows a warning once for each line"
    np.save(tmp_path / "bright.npy", ((images + 1) / 2).numpy())
    with pytest.warns(UserWarning, match="bright: no pixel is below 0") as told:
        replace(els.lab(dataset=tmp_path / "bright.npy", verbose=False).data, name="bright")
    assert {warning.filename for warning in told} == {__file__}, "neither the package's nor that of dataclasses.replace"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for all_right in (images, torch.ones(3, 1, 4, 4), (images[:1] + 1) / 2):  # one picture may well be bright
            els.IdealScoreMachine(all_right)


def test_kinds_of_images_that_are_left_out_are_named(tmp_path: Path) -> None:
    save(np.zeros((4, 4), np.uint8), tmp_path / "a.png")
    Image.new("L", (4, 4), 255).save(tmp_path / "b.tif")
    (tmp_path / "readme.txt").write_text("no image")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(tmp_path).images[:, 0, 0, 0].tolist() == [-1, 1]
    (tmp_path / "c.HEIC").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"1 images are left out \(.heic\): convert them to .png"):
        assert len(load(tmp_path).images) == 2


def test_animation_gives_its_first_frame(tmp_path: Path) -> None:
    first, second = (Image.new("RGB", (4, 4), colour) for colour in ("red", "blue"))
    for name in ("gif/a.gif", "tif/a.tif", "jpg/a.jpg"):
        (tmp_path / name).parent.mkdir()
        kind = {"format": "MPO"} if name.endswith("jpg") else {}
        first.save(tmp_path / name, save_all=True, append_images=[second], **kind)
    for kind in ("gif", "tif"):
        with pytest.warns(
            UserWarning, match=rf"{kind}: of a file with several frames or pages only the first is taken"
        ):
            assert load(tmp_path / kind).images[0, :, 0, 0].tolist() == [1, -1, -1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(tmp_path / "jpg").images[0, 0].min() > 0.9, "a photo and its previews, as telephones write them"


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    for kind, shade in (("real/a", 10), ("real/b", 200), ("mine/c", 90)):
        save(np.full((4, 4), shade, np.uint8), tmp_path / kind / "1.png")
    for kind in "ab":
        (tmp_path / "mine" / kind).symlink_to(tmp_path / "real" / kind)
    (tmp_path / "mine" / "c" / "up").symlink_to(tmp_path / "mine")
    found = els.load(tmp_path / "mine")
    assert found.class_names == ("a", "b", "c") and len(found) == 3


def test_subfolders_are_classes_if_every_image_lies_in_one(tmp_path: Path) -> None:
    for i, name in enumerate(("owl/1.png", "cat/2.png", "cat/old/3.png", "owl/4.png")):
        save(picture(4, 4, i), tmp_path / name)
    data = load(tmp_path)
    assert data.class_names == ("cat", "owl") and data.labels is not None and data.labels.tolist() == [0, 0, 1, 1]
    assert torch.equal(data.images[data.labels == 1], to_unit_range(np.stack([picture(4, 4, 0), picture(4, 4, 3)])))
    save(picture(4, 4, 9), tmp_path / "loose.png")
    assert load(tmp_path).labels is None and load(tmp_path).class_names == ()


def test_shapes_that_differ_need_a_size(tmp_path: Path) -> None:
    wide, high = picture(20, 30, 0), picture(40, 20, 1)
    save(wide, tmp_path / "a.png")
    save(high, tmp_path / "b.png")
    with sentence(r"b.png has 40x20 pixels .*a.png has 20x30: .*pass size="):
        load(tmp_path)
    data = load(tmp_path, size=10)
    assert data.images.shape == (2, 3, 10, 10)
    for c in range(3):
        np.testing.assert_allclose(
            data.images[0, c], by_hand(to_unit_range(wide[None])[0, c, :, 5:25].numpy(), 10, 10), atol=1e-6
        )
        np.testing.assert_allclose(
            data.images[1, c], by_hand(to_unit_range(high[None])[0, c, 10:30].numpy(), 10, 10), atol=1e-6
        )
    assert load(tmp_path, size=(20, 10)).images.shape == (2, 3, 20, 10)
    with sentence(r"b.png can give up to 40x20 pixels .*, got 20x30"):
        load(tmp_path, size=(20, 30))


@pytest.mark.parametrize("damage", [b"", b"not an image", "half"])
def test_unreadable_file_is_named(damage: bytes | str, tmp_path: Path) -> None:
    save(picture(30, 30, 0), tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "broken.png").write_bytes(whole[: len(whole) // 2] if isinstance(damage, str) else damage)
    with sentence(r"broken.png is not a readable image .*: repair it"):
        load(tmp_path)


def test_runs_split_by_shape_and_by_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(7):
        save(picture(4, 4, i, colour=i != 5), tmp_path / f"{i}.png")
    files = folders.image_files(tmp_path)
    assert [run.shape[0] for run in folders.runs_of_one_shape(files)] == [5, 1, 1]
    at_once = load(tmp_path, size=2).images
    monkeypatch.setattr(folders, "RUN_BYTES", 2 * 48)
    assert [run.shape[0] for run in folders.runs_of_one_shape(files)] == [2, 2, 1, 1, 1]
    torch.testing.assert_close(load(tmp_path, size=2).images, at_once)


# ---- complete sets


def idx(array: np.ndarray) -> bytes:
    """The IDX format of MNIST, written out: two zeros, 8 for uint8, the rank, the sizes (big-endian), the bytes."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()


def tiny_mnist(monkeypatch: pytest.MonkeyPatch, name: str = "mnist") -> dict[str, bytes]:
    """A set of five images in the published form, which the catalogue takes for the real one; its two files."""
    pytest.importorskip("torchvision")  # it reads them
    rng = np.random.default_rng(0)
    (images, *_), (labels, *_) = CATALOGUE[name].files
    files = {
        images: idx(rng.integers(0, 256, (5, 28, 28), dtype=np.uint8)),
        labels: idx(np.array([3, 1, 4, 1, 5], np.uint8)),
    }
    packed = {f"{stem}.gz": gzip.compress(raw, mtime=0) for stem, raw in files.items()}
    digests = {stem: hashlib.sha256(raw).hexdigest() for stem, raw in (files | packed).items()}
    change(
        monkeypatch,
        name,
        images=5,
        contents={stem: digests[stem] for stem in files},
        downloads={stem: digests[stem] for stem in packed},
    )
    return files


@pytest.mark.parametrize("layout", ["MNIST/raw", "MNIST", "mnist"])
@pytest.mark.parametrize("packed", [True, False])
def test_complete_set_in_the_usual_layouts(
    layout: str, packed: bool, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tiny_mnist(monkeypatch)
    (alone / layout).mkdir(parents=True)
    for stem, raw in files.items():
        path = alone / layout / (f"{stem}.gz" if packed else stem)
        path.write_bytes(gzip.compress(raw) if packed else raw)
    data = load("mnist")
    expected = np.frombuffer(files[IMAGES], np.uint8, offset=16).reshape(5, 28, 28)
    assert torch.equal(data.images, to_unit_range(expected))
    assert data.labels is not None and data.labels.tolist() == [3, 1, 4, 1, 5]
    assert data.class_names == tuple("0123456789") and data.name == "mnist"
    assert load("mnist", n=2, size=16).images.shape == (2, 1, 16, 16)
    left = {path.name for path in (alone / layout).iterdir()}
    assert left == {f"{stem}.gz" if packed else stem for stem in files}  # nothing is unpacked beside the originals


def test_images_held_out_are_the_next_ones_or_of_the_test_part(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = els.lab(verbose=False)
    fresh = lab.held_out(3)
    following = load("fashion-mnist", size=16, n=2003).subset(slice(2000, None))
    assert torch.equal(fresh.images, following.images) and torch.equal(fresh.labels, following.labels)
    np.save(alone / "few.npy", following.images[:5].numpy())  # what the network has seen stays what it has seen
    assert torch.equal(els.lab(dataset=alone / "few.npy", verbose=False).held_out(3).images, following.images)
    precise = els.lab(float64=True, verbose=False).held_out(3).images
    assert precise.dtype == torch.float64 and torch.equal(precise.float(), following.images), "as precise as the lab"
    change(monkeypatch, "fashion-mnist", images=2003)  # just enough are left
    assert torch.equal(lab.held_out(3).images, following.images)
    change(monkeypatch, "fashion-mnist", images=2002)  # two are left
    with sentence("complete fashion-mnist-test .*elscourse datasets download fashion-mnist-test"):
        lab.held_out(3)
    files = tiny_mnist(monkeypatch, "fashion-mnist-test")
    (alone / "fashion-mnist").mkdir()
    for stem, raw in files.items():
        (alone / "fashion-mnist" / stem).write_bytes(raw)
    assert torch.equal(lab.held_out(3).images, load("fashion-mnist-test", size=16, n=3).images)
    with sentence("fashion-mnist-test has 5 images that .* was not trained on, but 6 were asked for: take fewer"):
        lab.held_out(6)
    with sentence("emoji-24-resnet-zeros-conditional was trained on all images of emoji: none is held out"):
        els.lab(network="emoji-24-resnet-zeros-conditional", verbose=False).held_out(1)


def test_too_few_held_out_images_in_a_file_are_told_with_those_that_were_asked_for(alone: Path) -> None:
    lab = els.lab(verbose=False)
    np.save(alone / "p.npy", lab.data.images[:6].numpy())
    card = lab.network.card | {"name": "mine", "data": {"name": str(alone / "p.npy"), "size": None, "n": 4}}
    lab = replace(lab, network=replace(lab.network, card=card))
    assert torch.equal(lab.held_out(2).images, lab.data.images[4:6])
    with sentence("3 images were asked for, after the 4 that mine was trained on: n must be .* from 1 to 6, .* got 7"):
        lab.held_out(3)


def test_elscourse_data_may_be_the_set_s_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tiny_mnist(monkeypatch)
    (tmp_path / "mnist").mkdir()
    for stem, raw in files.items():
        (tmp_path / "mnist" / stem).write_bytes(raw)
    monkeypatch.setenv("ELSCOURSE_DATA", str(tmp_path / "mnist"))
    assert datasets.find(CATALOGUE["mnist"]) == tmp_path / "mnist"


@pytest.mark.parametrize("damage", ["truncated", "truncated gz", "other file"])
def test_damaged_complete_set(damage: str, alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tiny_mnist(monkeypatch)
    (alone / "mnist").mkdir()
    for stem, raw in files.items():
        (alone / "mnist" / stem).write_bytes(raw)
    path = alone / "mnist" / IMAGES
    if damage == "truncated":
        path.write_bytes(files[IMAGES][:-9])
    elif damage == "other file":
        path.write_bytes(idx(np.zeros((5, 28, 28), np.uint8)))
    else:
        path.unlink()
        Path(f"{path}.gz").write_bytes(gzip.compress(files[IMAGES])[:-50])
    with sentence(rf"mnist in .*mnist is damaged or incomplete \({IMAGES}.*elscourse datasets download mnist"):
        load("mnist")


@pytest.mark.parametrize("packed", [True, False])
def test_what_the_system_refuses_is_no_damage(packed: bool, alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tiny_mnist(monkeypatch)
    (alone / "mnist").mkdir()
    for stem, raw in files.items():
        (alone / "mnist" / f"{stem}{'.gz' * packed}").write_bytes(gzip.compress(raw, mtime=0) if packed else raw)

    def refuse(*_: object) -> None:
        raise OSError(*((errno.ENOSPC, "No space left") if packed else (errno.EACCES, "Permission denied", "a")))

    monkeypatch.setattr(*(("shutil.copyfileobj", refuse) if packed else ("hashlib.file_digest", refuse)))
    with sentence(
        r"mnist in .*mnist cannot be read \(\[Errno .*change its permissions or, if the disk is full, make room"
    ):
        load("mnist")


def test_without_a_folder_for_temporary_files_no_file_is_to_blame(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (alone / "mnist").mkdir()
    for stem, raw in tiny_mnist(monkeypatch).items():
        (alone / "mnist" / f"{stem}.gz").write_bytes(gzip.compress(raw, mtime=0))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: [])
    with sentence("mnist cannot be read .*No usable temporary directory"):
        load("mnist")


def test_a_folder_that_may_not_be_read_has_no_sets(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, **_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "stat", refuse)  # what Path.exists() asks, which os.path.exists() does not
    monkeypatch.setattr(Path, "exists", refuse)
    assert datasets.find(CATALOGUE["mnist"]) is None


def test_absent_sets_say_how_to_get_them(alone: Path) -> None:
    with sentence(
        rf"complete mnist \(60,000 images\) is not on this computer .*{re.escape(str(alone))}.*"
        "`elscourse datasets download mnist`"
    ):
        load("mnist", n=3)
    with sentence(r"complete fashion-mnist .*`elscourse datasets download fashion-mnist`.*first 10,000 are bundled"):
        load("fashion-mnist")
    with sentence("complete fashion-mnist"):
        load("fashion-mnist", n=BUNDLED + 1)
    with sentence(rf"complete celeba .*by hand from https://mmlab.*into {re.escape(str(alone / 'celeba'))}"):
        load("celeba", size=32, n=10)


def test_every_set_has_a_reader_and_none_is_no_damage(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert datasets._READERS.keys() == {name for name, dataset in CATALOGUE.items() if not dataset.comes_whole}
    (alone / "new").touch()
    monkeypatch.setitem(CATALOGUE, "new", replace(CATALOGUE["mnist"], name="new", folders=(".",), files=(("new",),)))
    with pytest.raises(KeyError):  # the mistake of whoever added it, not of the files: nobody is told to delete them
        load("new")


def test_without_torchvision(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for stem, raw in tiny_mnist(monkeypatch).items():
        (alone / stem).write_bytes(raw)
    change(monkeypatch, "mnist", folders=(".",))
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with sentence("reading the complete mnist needs torchvision.*pip install torchvision"):
        load("mnist")


def test_search_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELSCOURSE_DATA", str(tmp_path))
    first, *_, last = datasets.search_folders()
    assert first == tmp_path and last == datasets._cache_folder() and datasets.download_folder() == tmp_path
    monkeypatch.delenv("ELSCOURSE_DATA")
    assert tmp_path not in datasets.search_folders() and datasets.download_folder() == last
    assert Path("/usr/share/datasets") in datasets.search_folders()


def test_status_tells_bundled_found_and_absent(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for stem, raw in tiny_mnist(monkeypatch).items():
        (alone / "mnist").mkdir(exist_ok=True)
        (alone / "mnist" / stem).write_bytes(raw)
    found = {name: data_module.status(dataset) for name, dataset in CATALOGUE.items()}
    assert list(found) == ["fashion-mnist", "fashion-mnist-test", "emoji", "painted", "mnist", "cifar10", "celeba"]
    assert found["emoji"] == "complete, bundled"
    assert found["fashion-mnist"] == "the first 10,000 images are bundled"
    assert found["mnist"] == f"complete, found at {alone / 'mnist'}"
    assert found["cifar10"] == "not present" and "non-commercial" in CATALOGUE["celeba"].terms


@with_debian
def test_complete_fashion_mnist_and_its_memory() -> None:
    """All 60,000 images in a process of their own, which also tells how much memory the loading took at its peak."""
    pytest.importorskip("torchvision")
    pytest.importorskip("resource")  # Windows has none
    unit = 1 if sys.platform == "darwin" else 1024
    code = (
        "import resource, torch, torchvision, elscourse.data as d;"
        "few = d.load('fashion-mnist', n=10_000);"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "before = peak(); full = d.load('fashion-mnist');"
        "assert full.images.shape == (60_000, 1, 28, 28) and full.labels.bincount().tolist() == [6000] * 10;"
        "assert torch.equal(full.images[:10_000], few.images) and torch.equal(full.labels[:10_000], few.labels);"
        "print(peak() - before)"
    )
    assert int(python("-c", code, OMP_NUM_THREADS="1")) * unit < 2 * 60_000 * 784 * 4


@with_debian
def test_the_test_part_shares_no_image_with_the_training_part() -> None:
    pytest.importorskip("torchvision")
    test, train = load("fashion-mnist-test"), load("fashion-mnist")
    assert test.images.shape == (10_000, 1, 28, 28) and test.labels is not None
    assert test.labels.bincount().tolist() == [1000] * 10 and test.class_names == FASHION_CLASSES
    both = torch.cat([test.images, train.images]).flatten(1)
    assert len(both.unique(dim=0)) == len(both)


def tiny_cifar10(folder: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """CIFAR-10's layout with five batches of two images, whose md5 torchvision takes for right; the pixels."""
    cifar = pytest.importorskip("torchvision.datasets").CIFAR10
    pixels = np.random.default_rng(0).integers(0, 256, (10, 3, 32, 32), dtype=np.uint8)
    batches = {
        f"data_batch_{i + 1}": {"data": pixels[2 * i : 2 * i + 2].reshape(2, -1), "labels": [i, 9 - i]}
        for i in range(5)
    }
    batches |= {"test_batch": {}, "batches.meta": {"label_names": list(CATALOGUE["cifar10"].class_names)}}
    folder.mkdir(parents=True)
    for name, content in batches.items():
        (folder / name).write_bytes(pickle.dumps(content))
    md5 = {name: hashlib.md5((folder / name).read_bytes()).hexdigest() for name in batches}
    monkeypatch.setattr(cifar, "train_list", [[name, md5[name]] for name in batches if name.startswith("data")])
    monkeypatch.setattr(cifar, "test_list", [["test_batch", md5["test_batch"]]])
    monkeypatch.setattr(cifar, "meta", {**cifar.meta, "md5": md5["batches.meta"]})
    return pixels


def test_cifar10_unpacked_and_as_the_archive(alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(monkeypatch, "cifar10", images=10)
    pixels = tiny_cifar10(tmp_path / "cifar-10-batches-py", monkeypatch)
    archive = alone / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(tmp_path / "cifar-10-batches-py", "cifar-10-batches-py")
    with sentence(
        r"cifar10 in .* is damaged or incomplete \(cifar-10-python.tar.gz has the sha256 .*expected 6d958be0"
    ):
        load("cifar10")
    change(monkeypatch, "cifar10", downloads={archive.name: hashlib.sha256(archive.read_bytes()).hexdigest()})
    data = load("cifar10")
    assert torch.equal(data.images, to_unit_range(pixels.transpose(0, 2, 3, 1)))
    assert data.labels is not None and data.labels.tolist() == [0, 9, 1, 8, 2, 7, 3, 6, 4, 5]
    assert [path.name for path in alone.iterdir()] == [archive.name]
    archive.unlink()
    (tmp_path / "cifar-10-batches-py").rename(alone / "cifar-10-batches-py")
    assert torch.equal(load("cifar10", n=3).images, data.images[:3])
    (alone / "cifar-10-batches-py" / "data_batch_3").write_bytes(pickle.dumps({"data": "other"}))
    with sentence(r"cifar10 in .* is damaged or incomplete \(Dataset not found or corrupted\)"):
        load("cifar10")


def test_celeba_reads_its_training_images_from_files(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    celeba = pytest.importorskip("torchvision.datasets").CelebA
    monkeypatch.setattr(celeba, "file_list", [])  # no md5 fits five lines of our own
    change(monkeypatch, "celeba", images=3)
    names = [f"{i:06}.jpg" for i in range(1, 5)]
    for i, name in enumerate(names):
        save(picture(218, 178, i), alone / "celeba" / "img_align_celeba" / name)
    for file, header, row in (
        ("list_eval_partition.txt", "", None),
        ("identity_CelebA.txt", "", "7"),
        ("list_bbox_celeba.txt", "4\nx\n", "1 2 3 4"),
        ("list_landmarks_align_celeba.txt", "4\nx\n", "1 2"),
        ("list_attr_celeba.txt", "4\nx\n", "-1 1"),
    ):
        rows = [f"{name} {row if row else int(name == names[1])}\n" for name in names]  # the second is for validation
        (alone / "celeba" / file).write_text(header + "".join(rows))
    data = load("celeba", size=32)
    assert data.images.shape == (3, 3, 32, 32) and data.labels is None and data.class_names == ()
    for i, name in enumerate((names[0], names[2], names[3])):
        pixels = to_unit_range(folders.read_image(alone / "celeba" / "img_align_celeba" / name)[None])
        torch.testing.assert_close(data.images[i], resize(pixels, 32)[0])
    assert load("celeba", n=1).images.shape == (1, 3, 218, 178)


# ---- downloads, from a server on this computer


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder, and the address under which it is served."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None: ...

    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as http:
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()  # polls for its end
        yield folder, f"http://127.0.0.1:{http.server_port}/"
        http.shutdown()


def test_download_then_load(alone: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, address = server
    files = tiny_mnist(monkeypatch)
    change(monkeypatch, "mnist", mirrors=(f"{address}gone/", address))  # the first mirror has nothing
    for stem, raw in files.items():
        (folder / f"{stem}.gz").write_bytes(gzip.compress(raw, mtime=0))
    place = datasets.download("mnist")
    assert place == (alone / "MNIST" / "raw").resolve()
    assert sorted(path.name for path in place.iterdir()) == sorted(f"{stem}.gz" for stem in files)
    assert len(load("mnist")) == 5
    (folder / f"{IMAGES}.gz").unlink()  # what is there and right is not fetched again
    assert datasets.download("mnist") == place


def test_download_of_another_file_is_refused_and_leaves_nothing(
    alone: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = server
    tiny_mnist(monkeypatch)
    change(monkeypatch, "mnist", mirrors=(address,))
    (folder / f"{IMAGES}.gz").write_bytes(gzip.compress(b"something else"))
    with sentence(rf"{IMAGES}.gz of mnist could not be downloaded: {address} has another file .*sha256 is not"):
        datasets.download("mnist")
    assert list((alone / "MNIST" / "raw").iterdir()) == []


def test_a_download_that_fails_on_its_way_is_no_other_file(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some errors of requests are ValueErrors too, as that of a wrong checksum is."""
    tiny_mnist(monkeypatch)
    change(monkeypatch, "mnist", mirrors=("ftp://127.0.0.1/",))

    def fails(*_: object, **__: object) -> None:
        raise requests.exceptions.InvalidSchema("No connection adapters were found")

    monkeypatch.setattr("pooch.retrieve", fails)
    with sentence("could not be downloaded: ftp://127.0.0.1/: InvalidSchema, No connection adapters"):
        datasets.download("mnist")


def test_without_a_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in containers that run under a user nobody knows."""

    def fails(_: str) -> None:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr("pooch.os_cache", fails)
    monkeypatch.setenv("ELSCOURSE_DATA", str(tmp_path))
    assert datasets.search_folders()[0] == datasets.download_folder() == tmp_path
    monkeypatch.delenv("ELSCOURSE_DATA")
    assert datasets.search_folders() == [Path("data"), Path("/usr/share/datasets")]
    with sentence("no home folder here: set ELSCOURSE_DATA"):
        datasets.download("mnist")


def test_download_replaces_a_damaged_file(
    alone: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = server
    for stem, raw in tiny_mnist(monkeypatch).items():
        (folder / f"{stem}.gz").write_bytes(gzip.compress(raw, mtime=0))
    change(monkeypatch, "mnist", mirrors=(address,))
    (alone / "MNIST" / "raw").mkdir(parents=True)
    (alone / "MNIST" / "raw" / f"{IMAGES}.gz").write_bytes(b"half")
    datasets.download("mnist")
    assert len(load("mnist")) == 5


def test_download_without_a_connection(alone: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_mnist(monkeypatch)
    change(monkeypatch, "mnist", mirrors=("http://127.0.0.1:9/", f"{server[1]}gone/"))
    with sentence("127.0.0.1:9/: ConnectionError.*gone/: HTTPError, 404.*Check the connection"):
        datasets.download("mnist")


def test_download_of_what_cannot_be_downloaded(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sentence("celeba cannot be fetched by a program: download img_align_celeba.zip .*by hand"):
        datasets.download("celeba")
    new = change(monkeypatch, "mnist", mirrors=(), page="https://example.org/new")
    into = re.escape(str(alone / new.folders[0]))
    with sentence(rf"mnist cannot be fetched by a program: download its files by hand from {new.page} into {into}"):
        datasets.download("mnist")
    with sentence("unknown dataset 'cifar': did you mean cifar10"):
        datasets.download("cifar")
    with sentence("emoji comes with the course, all 1,372 images: there is nothing to fetch"):
        datasets.download("emoji")


def test_every_download_has_a_sha256_and_a_secure_first_mirror() -> None:
    for dataset in CATALOGUE.values():
        assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in (dataset.downloads | dataset.contents).values())
        assert all(mirror.endswith("/") for mirror in dataset.mirrors)
        assert not dataset.mirrors or dataset.mirrors[0].startswith("https://")


def test_a_tilde_is_ones_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ELSCOURSE_DATA", "~/sets")
    assert datasets.download_folder() == tmp_path / "sets"
    np.save(tmp_path / "mine.npy", pictures(2, 1, 4, 4).numpy())
    assert len(load("~/mine.npy")) == 2


def test_a_packed_file_with_other_contents_is_refused(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tiny_mnist(monkeypatch)
    (alone / "mnist").mkdir(parents=True)
    for stem, raw in files.items():
        other = raw[:-1] + bytes([raw[-1] ^ 1])
        (alone / "mnist" / f"{stem}.gz").write_bytes(gzip.compress(other))
    with pytest.raises(els.CourseError, match=f"{IMAGES} has the sha256"):
        load("mnist")


def test_a_set_of_which_a_file_is_missing_is_not_here(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tiny_mnist(monkeypatch)
    (alone / "mnist").mkdir(parents=True)
    (alone / "mnist" / IMAGES).write_bytes(files[IMAGES])
    with pytest.raises(els.CourseError, match="is not on this computer"):
        load("mnist")


def test_a_set_goes_before_a_folder_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "emoji").mkdir()
    assert load("emoji", n=2).name == "emoji"
    with pytest.raises(els.CourseError, match="holds no images"):
        load("./emoji")


def test_the_names_of_classes_are_those_of_the_publishers() -> None:
    from torchvision.datasets import FashionMNIST

    theirs = tuple(
        name.lower().replace("t-shirt/top", "t-shirt").replace("trouser", "trousers") for name in FashionMNIST.classes
    )
    assert CATALOGUE["fashion-mnist"].class_names == theirs
    assert CATALOGUE["cifar10"].class_names == (
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    )  # fmt: skip


def test_folders_are_in_the_order_of_their_paths_as_text_and_hidden_ones_are_left_out(tmp_path: Path) -> None:
    for name in ("a/b.png", "a-b.png", ".trash/c.png", "a/.cache/d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        save(picture(4, 4, 0), tmp_path / name)
    files = folders.image_files(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in files] == ["a-b.png", "a/b.png"]


def test_a_mirror_with_another_file_leaves_the_next_one_to_be_asked(
    alone: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = server
    (folder / "old").mkdir()
    for stem, raw in tiny_mnist(monkeypatch).items():
        (folder / f"{stem}.gz").write_bytes(gzip.compress(raw, mtime=0))
        (folder / "old" / f"{stem}.gz").write_bytes(b"an older one")
    change(monkeypatch, "mnist", mirrors=(f"{address}old/", address))
    datasets.download("mnist")
    assert len(load("mnist")) == 5


def test_no_folder_is_searched_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELSCOURSE_DATA", "data")
    assert datasets.search_folders().count(Path("data")) == 1
