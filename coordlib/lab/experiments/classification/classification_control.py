"""Naming photographs with channels of ones in place of coordinates: a control (L15)."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from torch import Tensor

from coordlib.lab.experiments.classification import classification
from coordlib.lab.models.detector import ConstantConv2d
from coordlib.lab.record.sweeps import Contest, Run, Task, best_numbers

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


def contest() -> Contest:
    """Networks with ones in place of coordinates, by their accuracy."""
    make = partial(classification.network, partial(ConstantConv2d, ones=3))
    networks = dict.fromkeys(PRESETS["paper"]["arms"], make)
    return replace(classification.contest(), networks=networks)


def task(samples: int) -> Task:
    """Name what a photograph shows, as in :mod:`.classification`.

    The layer in front has as many weights as CoordConv's, and they multiply ones: it
    starts alike, and learns nothing about the place.
    """
    whole = classification.task(samples)
    splits = partial(_natural, whole.splits)
    return replace(whole, splits=splits, **vars(contest()))


def _natural(
    splits: Callable[[int], dict[str, tuple[Tensor, Tensor]]], seed: int
) -> dict[str, tuple[Tensor, Tensor]]:
    return {"natural": splits(seed)["natural"]}


def summarise(task: Task, runs: list[Run]) -> dict[str, float]:
    """Accuracy on test pictures of each arm: ``constant_still_natural_accuracy``."""
    return best_numbers(task, runs, accuracy="test_accuracy")
