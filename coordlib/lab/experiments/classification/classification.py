"""What coordinates change in naming photographs (L15, P04, P05)."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.lab.experiments.aliasing.pictures import (
    AUGMENTATIONS,
    COMMON,
    SMOOTHING,
    standardised,
)
from coordlib.lab.measures import pixel_accuracy
from coordlib.lab.models.cifar import ResNet
from coordlib.lab.record.result import Row, rows
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, best_rows
from coordlib.layers import CoordConv2d

CLASSES = 10
CHANNELS = 8
"""Outputs of the layer that is put in front."""

RECIPE = {"batch_size": 128, "lr": 0.003, "weight_decay": 5e-4}


def _arms(
    width: float, epochs: int, recipe: dict = RECIPE, shifted: str = "flip and shift"
) -> dict[str, dict]:
    recipe = recipe | {"epochs": epochs, "schedule": "one-cycle", "measures": 5}
    return {
        f"{first}_{name}": {
            "axes": {"first": first, "augmentation": name},
            "network": {"width": width},
            "training": recipe | {"augment": augmentation},
        }
        for first in ("conv", "coordconv")
        for name, augmentation in (("still", None), ("augmented", shifted))
    }


PRESETS = {
    "quick": {"samples": 500, "arms": _arms(width=0.25, epochs=2)},
    "cpu": {"samples": 5000, "arms": _arms(width=0.25, epochs=10)},
    "decisive": {
        "samples": 50_000,
        "arms": _arms(1.0, 10, COMMON, "flip and shift on the device"),
    },
    "paper": {"samples": 50_000, "arms": _arms(width=1.0, epochs=100)},
}


def contest(**_) -> Contest:
    """Networks that differ in their first layer, by their accuracy."""
    networks = {
        f"{first}_{name}": partial(network, layer)
        for first, layer in (("conv", nn.Conv2d), ("coordconv", coordconv))
        for name in ("still", "augmented")
    }
    return Contest(networks=networks, best="accuracy")


def task(samples: int) -> Task:
    """Name what a photograph shows; and the same where the name depends on the place.

    On the split "natural" the pictures of CIFAR-10 are as they are. On "placed" each
    stands at half its size somewhere on an empty canvas, and in the right half of the
    canvas everything goes by the next name in the list: who does not know the side
    cannot know the name.

    Parameters
    ----------
    samples : int
        How many of the 50,000 training pictures to train on, drawn by the seed. All
        10,000 test pictures are tested.
    """
    natural, labels, count = standardised()
    placed, names = place(natural, labels)

    def splits(seed: int) -> dict[str, tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(seed)
        taught = torch.randperm(count, generator=generator)[:samples]
        held, further = torch.arange(count, len(natural)), len(natural)
        return {
            "natural": (taught, held),
            "placed": (taught + further, held + further),
        }

    targets = torch.cat([labels, names])

    def score(training: dict, outputs: Tensor, index: Tensor) -> dict[str, float]:
        return {"accuracy": pixel_accuracy(outputs, targets[index])}

    return Task(
        **vars(contest()),
        inputs=torch.cat([natural, placed]),
        targets=targets,
        splits=splits,
        losses={
            "softmax": F.cross_entropy,
            "smoothed softmax": partial(F.cross_entropy, label_smoothing=SMOOTHING),
        },
        score=score,
        watched=1000,
        augmentations=AUGMENTATIONS,
        keeps_weights=False,
    )


coordconv = partial(CoordConv2d, with_r=True)
"""A convolution that sees coordinates and the distance from the centre."""


def network(
    first: type[nn.Module], width: float, padding_mode: str = "zeros"
) -> nn.Module:
    """A ResNet with one more layer in front, of 1x1 filters.

    The paper puts such a layer, with coordinates and the distance from the centre, in
    front of a ResNet-50 (Liu et al., 2018, section 5). One without them is the network
    to compare with.

    Parameters
    ----------
    first : type
        Makes a convolution from its channels and the size of its filters.
    width : float
    padding_mode : {"zeros", "circular"}
        As for :class:`coordlib.lab.models.cifar.ResNet`.
    """
    body = ResNet(width=width, channels=CHANNELS, padding_mode=padding_mode)
    layers = first(3, CHANNELS, 1), body
    # Channels last is what convolutions on pictures are quickest with.
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def place(pictures: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Put each picture, at half its size, somewhere on an empty canvas.

    Parameters
    ----------
    pictures : Tensor, shape (N, C, H, W)
    labels : LongTensor, shape (N,)

    Returns
    -------
    canvases : Tensor, shape (N, C, H, W)
        The same for the same number of pictures: the places do not depend on a seed.
    names : LongTensor, shape (N,)
        The label, or the next one where the picture's centre is in the right half.
    """
    small = F.avg_pool2d(pictures, 2)
    (height, width), rooms = small.shape[2:], small.shape[2:]
    generator = torch.Generator().manual_seed(0)
    top, left = (
        torch.randint(0, room + 1, (len(small),), generator=generator) for room in rooms
    )
    canvases = torch.zeros_like(pictures)
    for canvas, picture, i, j in zip(canvases, small, top, left, strict=True):
        canvas[:, i : i + height, j : j + width] = picture
    right = left > rooms[1] // 2
    return canvases, (labels + right) % CLASSES


def summarise(contest: Contest, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """Accuracy with and without coordinates, and the difference.

    Returns
    -------
    list of Row
        By first layer, augmentation and split ``accuracy``; by augmentation and split
        ``gain``, CoordConv minus convolution.
    """
    found = best_rows(contest, arms, runs, accuracy="test_accuracy")
    accuracy = {
        (row["first"], row["augmentation"], row["split"]): row["value"] for row in found
    }
    for first, augmentation, split in accuracy:
        if first == "coordconv":
            without = accuracy["conv", augmentation, split]
            gain = accuracy[first, augmentation, split] - without
            found += rows({"gain": gain}, augmentation=augmentation, split=split)
    return found


EXPERIMENT = Sweep("classification", __doc__, PRESETS, task, summarise, contest)
