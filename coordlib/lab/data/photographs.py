"""Real photographs larger than what an ImageNet network sees, so that it can move.

None of them ships with coordlib: they are fetched through the verified door of
:mod:`.cache`, each collection from a package or repository that holds it.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from coordlib.arguments import check_choice, check_integer
from coordlib.lab.data.archives import collection, files, from_archive, installed, pip
from coordlib.lab.data.cache import Route, download

__all__ = ["SIZE", "SOURCES", "Photographs", "photographs"]

#: Side of the photographs in pixels; the networks see windows of 224.
SIZE = 256


@dataclass(frozen=True)
class Photographs:
    """Pictures with their names and, where somebody gave them, their classes.

    Attributes
    ----------
    names : tuple of str
    images : Tensor, shape (N, 3, 256, 256), uint8
    labels : LongTensor, shape (N,), in [0, 1000), or None
        The class of ImageNet.
    """

    names: tuple[str, ...]
    images: Tensor
    labels: Tensor | None


def photographs(source: str, index: Iterable[int] | None = None) -> Photographs:
    """Load photographs: the shorter side scaled to 256 pixels, the middle cut out.

    ==============  ==================================================  =============
    source          what it is                                          fetched
    ==============  ==================================================  =============
    "foolbox"       20 labelled pictures of ImageNet, in the Python     2 MB
                    package foolbox
    "samples"       one picture of each of the 1,000 classes, from the  109 MB
                    repository imagenet-sample-images. Nobody states a
                    licence: for measurement only. Whether the
                    networks were trained on them is not stated either
    "scikit-image"  four photographs that are free to use, in the       14 MB
                    Python package scikit-image; without labels, for
                    ImageNet has no class for some
    ==============  ==================================================  =============

    Parameters
    ----------
    source : str
        One of :data:`SOURCES`.
    index : iterable of int, optional
        Which of them, in the order of their names; all if not given.

    Returns
    -------
    Photographs

    Raises
    ------
    TypeError, ValueError
        If the source is unknown, or the index holds no places.
    MissingDataError
        If it is not in the cache and no route leads to it, or what came is not it.
    ModuleNotFoundError
        If Pillow is missing, which reads the files.
    """
    check_choice("source", source, SOURCES)
    if index is not None:
        index = _places(index)
    found = sorted(files(SOURCES[source]).items())
    labels = [_label(source, k, name) for k, (name, _) in enumerate(found)]
    chosen = range(len(found)) if index is None else index
    return Photographs(
        tuple(found[k][0].rsplit(".", 1)[0] for k in chosen),
        torch.stack([_decode(found[k][1]) for k in chosen]),
        None if None in labels else torch.tensor([labels[k] for k in chosen]),
    )


def _places(index: Iterable[int]) -> list[int]:
    if isinstance(index, str) or not isinstance(index, Iterable):
        raise TypeError(f"index must be integers, or None, got {index!r}")
    return [check_integer("index", place, at_least=0) for place in index]


def _label(source: str, order: int, name: str) -> int | None:
    if source == "foolbox":  # imagenet_03_990.jpg
        return int(name.rsplit(".", 1)[0].rsplit("_", 1)[1])
    # The classes of ImageNet are numbered in the order of their identifiers.
    return order if source == "samples" else None


def _decode(data: bytes) -> Tensor:
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(data)) as image:
        whole = image.convert("RGB")
    square = ImageOps.fit(whole, (SIZE, SIZE), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(square)).permute(2, 0, 1)


_COMMIT = "bc69043e2862758a1906c6a24a792bb28c6bb2ff"
_FREE = tuple(
    f"skimage/data/{name}"
    for name in ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
)
#: The collections of :func:`photographs`, by name.
SOURCES = {
    "foolbox": collection(
        "photographs-foolbox",
        "a set of 20 pictures of ImageNet",
        "MIT for the package; none stated for the pictures; for measurement only",
        "f0e47d0e029777d68a2ce7dca2d60b637b795e1c9c9f11b8d42cac3875be3d15",
        installed("foolbox", "foolbox/data/imagenet_*.jpg"),
        pip("foolbox==3.3.4", 2, "foolbox/data/imagenet_*.jpg"),
    ),
    "samples": collection(
        "photographs-samples",
        "a set of 1,000 pictures of ImageNet",
        "none stated; for measurement only",
        "d2172f2b69cbf21db36f792a4be7c20bcee388751aebff50b604452122495019",
        Route(
            "repository imagenet-sample-images",
            (f"{_COMMIT}.tar.gz",),
            109,
            download("https://github.com/EliSchwartz/imagenet-sample-images/archive/"),
            from_archive(f"{_COMMIT}.tar.gz", "*.JPEG"),
        ),
    ),
    "scikit-image": collection(
        "photographs-scikit-image",
        "a set of four photographs of scikit-image",
        "CC0 (chelsea, coffee) and public domain (astronaut: NASA, rocket: SpaceX)",
        "8b770552eeba74b6dbe95f541b5d31436bd7d5ebdc9f6fb8e1e25af191d9fa10",
        installed("skimage", *_FREE),
        pip("scikit-image==0.26.0", 14, *_FREE),
    ),
}
