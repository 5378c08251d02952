"""Real pictures that the checkout holds, so that no page needs the network.

Where they come from and under which licences: ``files/README.md`` beside this file.
"""

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from coordlib.arguments import check_choice, check_flag
from coordlib.lab.data import storage

__all__ = ["GARMENTS", "digits", "garments", "photograph", "pictures"]

#: The ten classes of :func:`garments`, in the order of the labels.
GARMENTS = (
    "T-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)

# Rec. 601 luma: what "grey" means for a photograph in most image libraries.
_LUMA = (0.299, 0.587, 0.114)


def photograph(size: int | None = None, gray: bool = False) -> Tensor:
    """Load the photograph of the book: Chelsea, a cat.

    A 256x256 crop around the face of the picture by Stéfan van der Walt that ships
    with scikit-image (CC0).

    Parameters
    ----------
    size : int, optional
        Side of the picture, from 1 to 256 pixels; 256 if not given. Smaller ones
        are made by averaging areas, which aliases little when ``size`` divides 256.
    gray : bool
        One channel (Rec. 601 luma) in place of three.

    Returns
    -------
    Tensor, shape (1, 3, size, size) or (1, 1, size, size), float32, in [0, 1]
    """
    check_flag("gray", gray)
    image = torch.from_numpy(_read("photograph.npz")["image"])
    image = image.permute(2, 0, 1)[None].to(torch.float32) / 255
    if size is not None:
        if not isinstance(size, int) or isinstance(size, bool):
            raise TypeError(f"size must be an integer or None, got {size!r}")
        if not 1 <= size <= image.shape[-1]:
            raise ValueError(
                f"size must be from 1 to {image.shape[-1]} (the photograph is not "
                f"enlarged), got {size}"
            )
        image = F.adaptive_avg_pool2d(image, size)
    if gray:
        image = (image * torch.tensor(_LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    # Contiguous and inside [0, 1] to the last bit, whatever the rounding above.
    return image.clamp(0, 1).contiguous()


def garments(split: Literal["train", "test"] = "train") -> tuple[Tensor, Tensor]:
    """Load a sample of Fashion-MNIST: 28x28 grey pictures of ten kinds of garment.

    The first 300 pictures of each class of the training set (3,000), or the first
    100 of each class of the test set (1,000), in their original order. All of them, and
    their source: :func:`coordlib.lab.data.complete.fashion_mnist`.

    Parameters
    ----------
    split : {"train", "test"}

    Returns
    -------
    images : Tensor, shape (N, 1, 28, 28), float32, in [0, 1]
    labels : LongTensor, shape (N,), in [0, 10)
        Named by :data:`GARMENTS`.
    """
    return _sample("garments", split)


def digits(split: Literal["train", "test"] = "train") -> tuple[Tensor, Tensor]:
    """Load a sample of MNIST: 28x28 grey pictures of handwritten digits.

    The first 100 pictures of each class of the training set (1,000), or the first 50 of
    each class of the test set (500). As :func:`garments`; the labels are the digits.
    All of them, and their source: :func:`coordlib.lab.data.complete.mnist`.
    """
    return _sample("digits", split)


def pictures(split: Literal["train", "test"] = "train") -> tuple[Tensor, Tensor]:
    """Load a sample of CIFAR-10: 32x32 colour photographs of ten kinds of thing.

    The first 20 pictures of each class of the training set (200), or the first 10 of
    each class of the test set (100). As :func:`garments`, with images of shape
    (N, 3, 32, 32), and labels named by :data:`coordlib.lab.data.complete.PICTURES`.
    All of them, and their source: :func:`coordlib.lab.data.complete.cifar10`.
    """
    return _sample("pictures", split)


def _sample(name: str, split: str) -> tuple[Tensor, Tensor]:
    check_choice("split", split, ("train", "test"))
    stored = _read(f"{name}-{split}.npz")
    images = torch.from_numpy(stored["images"])
    # Grey pictures are stored without an axis of channels, colours with one at the end.
    images = images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2)
    images = images.to(torch.float32).div(255).contiguous()
    return images, torch.from_numpy(stored["labels"]).to(torch.long)


def _read(name: str) -> dict[str, np.ndarray]:
    path = storage.in_checkout(f"coordlib/lab/data/files/{name}")
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}
