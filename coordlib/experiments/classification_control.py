"""Naming photographs with channels of ones in place of coordinates: a control (L15)."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from torch import Tensor

from coordlib.experiments import classification
from coordlib.experiments.sweeps import Run, Task, best_numbers
from coordlib.models.detector import ConstantConv2d

PRESETS = {
    name: preset
    | {
        "arms": {
            arm.replace("coordconv", "constant"): options
            for arm, options in preset["arms"].items()
            if arm.startswith("coordconv")
        }
    }
    for name, preset in classification.PRESETS.items()
}


def task(samples: int) -> Task:
    """Name what a photograph shows, as in :mod:`.classification`.

    The layer in front has as many weights as CoordConv's, and they multiply ones: it
    starts alike, and learns nothing about the place.
    """
    whole = classification.task(samples)
    first = partial(ConstantConv2d, ones=3)
    return replace(
        whole,
        splits=partial(_natural, whole.splits),
        networks={
            arm: partial(classification.network, first)
            for arm in PRESETS["paper"]["arms"]
        },
    )


def _natural(
    splits: Callable[[int], dict[str, tuple[Tensor, Tensor]]], seed: int
) -> dict[str, tuple[Tensor, Tensor]]:
    return {"natural": splits(seed)["natural"]}


def summarise(task: Task, runs: list[Run]) -> dict[str, float]:
    """Accuracy on test pictures of each arm: ``constant_still_natural_accuracy``."""
    return best_numbers(task, runs, accuracy="test_accuracy")
