"""Painting the square with other ways to write a position down than coordinates."""

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.grid import to_unit
from coordlib.lab.data.squares import splits, squares
from coordlib.lab.measures import iou
from coordlib.lab.models.painters import EncodedPainter
from coordlib.lab.record.result import Row
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, best_rows
from coordlib.layers import FourierFeatures, LearnedEncoding, SinusoidalEncoding

ENCODINGS: dict[str, Callable[..., nn.Module | None]] = {
    "coordinates": lambda size: None,
    "sinusoidal": lambda size: SinusoidalEncoding(),
    "fourier1": lambda size: FourierFeatures(scale=1.0),
    "fourier4": lambda size: FourierFeatures(scale=4.0),
    "learned": lambda size: LearnedEncoding((size, size)),
}
"""What makes the encoding of an arm from the side of the canvas."""


def _arms(epochs: int, **training: float | list[float]) -> dict[str, dict]:
    recipe = {"batch_size": 16, "lr": 0.005, "schedule": "one-cycle", "epochs": epochs}
    return {name: {"network": {}, "training": recipe | training} for name in ENCODINGS}


PRESETS = {
    "quick": {"size": 16, "arms": _arms(epochs=200)},
    "cpu": {"size": 32, "arms": _arms(epochs=20)},
    "paper": {"size": 64, "arms": _arms(epochs=50, lr=[0.001, 0.005])},
}


def contest(size: int) -> Contest:
    """Painters that differ in the encoding, by the overlap with the true square."""
    networks = {name: partial(_painter, name, size) for name in ENCODINGS}
    return Contest(networks=networks, best="iou")


def task(size: int) -> Task:
    """Paint a 9x9 square around a position, on ``size`` by ``size`` pixels, at once.

    The painter of the paper first lights the middle pixel and sharpens it by a softmax
    (:mod:`.rendering`). Here nothing helps: each pixel decides by itself, from two
    encoded positions.
    """
    world = squares(size)
    images = world.images()

    def score(training: dict, outputs: Tensor, index: Tensor) -> dict[str, float]:
        return {"iou": iou(outputs, images[index])}

    return Task(
        **vars(contest(size)),
        splits=partial(splits, world),
        inputs=to_unit(world.positions, (size, size)),
        targets=images,
        losses={"sigmoid": F.binary_cross_entropy_with_logits},
        score=score,
        keeps_weights=False,
    )


def _painter(name: str, size: int) -> EncodedPainter:
    return EncodedPainter(ENCODINGS[name](size), size)


def summarise(contest: Contest, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """IOU on training and test positions by encoding and split.

    Returns
    -------
    list of Row
        Also the seconds of training, and the parameters.
    """
    names = ("seconds", "train_iou", "test_iou", "parameters")
    return best_rows(contest, arms, runs, *names)


EXPERIMENT = Sweep("encodings", __doc__, PRESETS, task, summarise, contest)
