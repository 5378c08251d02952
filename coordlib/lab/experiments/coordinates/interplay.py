"""Coordinates, downsampling and borders at once: which digit it is, and where."""

from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.grid import to_unit
from coordlib.lab.data import digits, mnist
from coordlib.lab.measures import consistency, pixel_accuracy, pixel_distance
from coordlib.lab.models.classifiers import WhatAndWhere
from coordlib.lab.record.result import Row, rows
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, best_rows

COORDINATES = {"off": False, "on": True}
DOWNSAMPLINGS = ("plain", "blur", "polyphase")
PADDINGS = ("zeros", "reflect", "circular")
CELLS = {
    f"{name}_{downsampling}_{padding_mode}": {
        "coordinates": coordinates,
        "downsampling": downsampling,
        "padding_mode": padding_mode,
    }
    for (name, coordinates), downsampling, padding_mode in product(
        COORDINATES.items(), DOWNSAMPLINGS, PADDINGS
    )
}
"""The 18 cells of the table, by names such as ``on_blur_zeros``."""

SIDE = 14
"""Of a digit: the 28x28 pixels of the source, averaged over 2x2."""
SIZE = 32
"""Of the canvas."""
REACH = 8
"""Pixels that consistency moves a picture by, at most."""
CLASSES = 10
PLACE_WEIGHT = 10.0
"""Of the mean squared error of the place, beside the cross-entropy of the digit."""


def _arms(width: int, **training) -> dict[str, dict]:
    shared = {"batch_size": 32, "schedule": "one-cycle", "measures": 1, "lr": 0.005}
    return {
        cell: {
            "axes": options,
            "network": options | {"width": width},
            "training": shared | training,
        }
        for cell, options in CELLS.items()
    }


PRESETS = {
    "quick": {"samples": 1000, "tested": 200, "arms": _arms(width=8, epochs=4)},
    "cpu": {"samples": 6000, "tested": 1000, "arms": _arms(width=16, epochs=6)},
    "paper": {"samples": 60_000, "tested": 10_000, "arms": _arms(width=64, epochs=50)},
}


def contest(**_) -> Contest:
    """A network for each cell of the table, by the share of digits it names."""
    return Contest(networks=dict.fromkeys(CELLS, WhatAndWhere), best="accuracy")


def task(samples: int, tested: int) -> Task:
    """Say which digit lies on a canvas, and where: two answers of one network.

    Parameters
    ----------
    samples : int
        Training digits, drawn by the seed, each at one place. Up to 1,000 come from
        the sample of MNIST that ships with the library, and so do up to 500 to test;
        more come from the complete set.
    tested : int
        Test digits, the first ones.
    """
    read = digits if samples <= 1000 and tested <= 500 else mnist
    (train, train_labels), (test, test_labels) = read("train"), read("test")
    small = F.avg_pool2d(torch.cat([train, test[:tested]]), 28 // SIDE)
    labels = torch.cat([train_labels, test_labels[:tested]])
    held = torch.arange(len(train), len(small))
    corners = random_corners(len(small), 0, SIZE - SIDE)
    centres = corners + (SIDE - 1) / 2
    inputs = place(small, corners, SIZE)
    targets = torch.cat([labels[:, None], to_unit(centres, (SIZE, SIZE))], 1)
    # Each of these digits is whole in every window.
    inside = random_corners(len(held), REACH, SIZE - SIDE)
    larger = place(small[held], inside, SIZE + REACH)

    def one_split(seed: int) -> dict[str, tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(train), generator=generator)
        return {"test": (order[:samples], held)}

    def score(training: dict, outputs: Tensor, index: Tensor) -> dict[str, float]:
        what, where = outputs[:, :CLASSES], outputs[:, CLASSES:]
        return {
            "accuracy": pixel_accuracy(what, labels[index]),
            "pixels": pixel_distance(where, centres[index], SIZE),
        }

    def examine(model: nn.Module) -> dict[str, float]:
        device = next(model.parameters()).device
        drawn = {"pairs": 4, "batch_size": 64}

        def what(x: Tensor) -> Tensor:
            return model(x.to(device))[:, :CLASSES]

        return {
            "circular": consistency(what, inputs[held], max_shift=REACH, **drawn),
            "cropped": consistency(what, larger, window=SIZE, mode="cropped", **drawn),
        }

    return Task(
        **vars(contest()),
        inputs=inputs,
        targets=targets,
        splits=one_split,
        losses={"what and where": what_and_where},
        score=score,
        watched=500,
        examine=examine,
        keeps_weights=False,
    )


def what_and_where(outputs: Tensor, targets: Tensor) -> Tensor:
    """The loss of both answers: cross-entropy, and the square of the distance.

    Parameters
    ----------
    outputs : Tensor, shape (N, 12)
    targets : Tensor, shape (N, 3)
        The digit, then the place of its centre in unit coordinates.

    Returns
    -------
    Tensor, a single number
    """
    what = F.cross_entropy(outputs[:, :CLASSES], targets[:, 0].long())
    return what + PLACE_WEIGHT * F.mse_loss(outputs[:, CLASSES:], targets[:, 1:])


def random_corners(count: int, low: int, high: int) -> Tensor:
    """Draw places ``(i, j)``, each from ``low`` to ``high`` inclusive.

    Returns
    -------
    LongTensor, shape (count, 2)
        Always the same for the same arguments.
    """
    generator = torch.Generator().manual_seed(0)
    return torch.randint(low, high + 1, (count, 2), generator=generator)


def place(pictures: Tensor, corners: Tensor, size: int) -> Tensor:
    """Put each picture on a black canvas of its own.

    Parameters
    ----------
    pictures : Tensor, shape (N, C, h, w)
    corners : LongTensor, shape (N, 2)
        Where the upper left pixels go; all of each picture must fit.
    size : int
        Side of the canvases.

    Returns
    -------
    Tensor, shape (N, C, size, size)
    """
    count, channels, height, width = pictures.shape
    canvases = pictures.new_zeros(count, channels, size, size)
    each = torch.arange(count)[:, None, None]
    rows = corners[:, 0, None] + torch.arange(height)
    columns = corners[:, 1, None] + torch.arange(width)
    # Indices around a slice put the channels last.
    canvases[each, :, rows[:, :, None], columns[:, None, :]] = pictures.movedim(1, -1)
    return canvases


def summarise(task: Task, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """The four numbers of every cell, and what a guess would score.

    Returns
    -------
    list of Row
        By coordinates, downsampling and padding ``accuracy``, ``pixels`` (mean distance
        of the place named from the true one), ``circular`` and ``cropped`` (consistency
        of the digit under shifts on a ring, and of a window over a larger canvas);
        ``pixels`` of the arm "guess", which always names the mean of the training
        places.
    """
    found = best_rows(
        *(task, arms, runs, "circular", "cropped"),
        accuracy="test_accuracy",
        pixels="test_pixels",
    )
    train, test = task.splits(runs[0]["seed"])["test"]
    guess = task.targets[train].mean(0).expand(len(test), 3)
    # Which digit does not matter here.
    outputs = torch.cat([torch.zeros(len(test), CLASSES), guess[:, 1:]], 1)
    distance = task.score({}, outputs, test)["pixels"]
    return found + rows({"pixels": distance}, arm="guess", split="test")


EXPERIMENT = Sweep("interplay", __doc__, PRESETS, task, summarise, contest)
