"""What is known about each published set of images: facts only. Finding and reading them is in datasets.py."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
CIFAR_FOLDER, CIFAR_ARCHIVE = "cifar-10-batches-py", "cifar-10-python.tar.gz"
CELEBA_FOLDER = "img_align_celeba"

BUNDLED = 10_000
EMOJI = 1_372
FASHION_CLASSES = (
    "t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
EMOJI_CLASSES = ("smileys", "people", "nature", "food", "travel", "activities", "objects", "symbols")
CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class Dataset:
    """A published set of images: its training part or, under a name of its own, its test part.

    images: how many; bundled: how many of them come with the course, in the file `bundle` of its data folder.
    folders: where its files lie below a data folder, torchvision's layout first.
    files: what must be there, each with its alternatives.
    contents, downloads: sha256 by file name, of the uncompressed files and of the files as published.
    mirrors: the addresses that a download's name is appended to; without any, `by_hand` is fetched by hand from `page`.
    """

    name: str
    images: int
    class_names: tuple[str, ...]
    terms: str
    page: str
    folders: tuple[str, ...]
    files: tuple[tuple[str, ...], ...]
    contents: dict[str, str] = field(default_factory=dict)
    downloads: dict[str, str] = field(default_factory=dict)
    mirrors: tuple[str, ...] = ()
    by_hand: str = "its files"
    bundled: int = 0
    bundle: str = ""

    @property
    def comes_whole(self) -> bool:
        """Whether all of it comes with the course."""
        return self.bundled == self.images

    def present(self, place: Path) -> bool:
        """Whether every file it needs is in this folder, in one of its forms."""
        # unlike Path.exists(), it takes a folder that may not be read for one that has nothing
        return all(any(os.path.exists(place / form) for form in forms) for forms in self.files)


def idx_files(images: str, labels: str) -> tuple[tuple[str, ...], ...]:
    """Two files that must be there, each as it is or packed."""
    return (images, f"{images}.gz"), (labels, f"{labels}.gz")


# The sha256 of the files as published are those in pytorch/vision, torchvision/prototype/datasets/_builtin. Debian's
# Fashion-MNIST is packed anew (other .gz bytes); its uncompressed contents are the publisher's, and those are checked.
FASHION = Dataset(
    name="fashion-mnist",
    images=60_000,
    class_names=FASHION_CLASSES,
    terms="MIT licence, Zalando SE",
    page="https://github.com/zalandoresearch/fashion-mnist",
    folders=("FashionMNIST/raw", "FashionMNIST", "fashion-mnist"),
    files=idx_files(IMAGES, LABELS),
    contents={
        IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    },
    downloads={
        f"{IMAGES}.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        f"{LABELS}.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    },
    mirrors=(
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    bundled=BUNDLED,
    bundle="fashion-mnist-10k.npz",
)
FASHION_TEST = replace(  # held out where all of the training part is in use
    FASHION,
    name="fashion-mnist-test",
    images=10_000,
    files=idx_files(TEST_IMAGES, TEST_LABELS),
    contents={
        TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    downloads={
        f"{TEST_IMAGES}.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        f"{TEST_LABELS}.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
    bundled=0,
    bundle="",
)

CATALOGUE = {
    dataset.name: dataset
    for dataset in (
        FASHION,
        FASHION_TEST,
        Dataset(
            name="emoji",
            images=EMOJI,
            class_names=EMOJI_CLASSES,
            terms="SIL Open Font License 1.1, Google (Noto Color Emoji)",
            page="https://github.com/googlefonts/noto-emoji",
            folders=(),
            files=(),
            bundled=EMOJI,
            bundle="emoji.npz",
        ),
        Dataset(
            name="painted",
            images=3,
            class_names=("face", "house", "tree"),
            terms="CC BY 4.0, painted for this course",
            page="",
            folders=(),
            files=(),
            bundled=3,
            bundle="painted.npz",
        ),
        Dataset(
            name="mnist",
            images=60_000,
            class_names=tuple("0123456789"),
            terms="CC BY-SA 3.0, Y. LeCun and C. Cortes",
            page="http://yann.lecun.com/exdb/mnist/",
            folders=("MNIST/raw", "MNIST", "mnist"),
            files=idx_files(IMAGES, LABELS),
            contents={
                IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            },
            downloads={
                f"{IMAGES}.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                f"{LABELS}.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            },
            mirrors=(
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
            ),
        ),
        Dataset(
            name="cifar10",
            images=50_000,
            class_names=CIFAR_CLASSES,
            terms="no licence stated; cite Krizhevsky 2009",
            page="https://www.cs.toronto.edu/~kriz/cifar.html",
            folders=(".", "cifar10", "CIFAR10"),
            files=((CIFAR_FOLDER, CIFAR_ARCHIVE),),
            downloads={CIFAR_ARCHIVE: "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"},
            mirrors=("https://www.cs.toronto.edu/~kriz/",),
        ),
        Dataset(
            name="celeba",
            images=162_770,
            class_names=(),
            terms="non-commercial research only, not to be passed on",
            page="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
            folders=("celeba",),
            files=((CELEBA_FOLDER,), ("list_eval_partition.txt",)),
            by_hand=f"{CELEBA_FOLDER}.zip (unpack it) and the annotation files (.txt)",  # Google Drive refuses programs
        ),
    )
}
