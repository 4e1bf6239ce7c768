"""Make the bundled subset: the first 10,000 training images of Fashion-MNIST, as published (28x28, uint8).

    python data/make_bundle.py /usr/share/datasets/fashion-mnist

The argument is a folder with the two original .gz files of the training set (Debian: `apt install
dataset-fashion-mnist`).
Same input, same bytes: numpy writes a fixed date into the archive.
"""

import gzip
import sys
from pathlib import Path

import numpy as np

from elscourse.files import whole_file

N = 10_000


def read_idx(path: Path) -> np.ndarray:
    """An array in the IDX format of MNIST: a magic number whose last byte is the rank, the sizes, the bytes."""
    raw = gzip.decompress(path.read_bytes())
    rank = raw[3]
    shape = np.frombuffer(raw, ">i4", count=rank, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


if __name__ == "__main__":
    source, here = Path(sys.argv[1]), Path(__file__).parent
    images = read_idx(source / "train-images-idx3-ubyte.gz")[:N]
    labels = read_idx(source / "train-labels-idx1-ubyte.gz")[:N]
    with whole_file(here / "fashion-mnist-10k.npz") as partial:
        np.savez_compressed(partial, images=images, labels=labels)
