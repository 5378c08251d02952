"""Naming photographs with channels of ones in place of coordinates: a control (L15)."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from torch import Tensor

from coordlib.lab.experiments.classification import classification
from coordlib.lab.models.detector import ConstantConv2d
from coordlib.lab.record.result import Row
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, best_rows

PRESETS = {
    name: preset
    | {
        "arms": {
            f"constant_{arm['axes']['augmentation']}": arm
            | {"axes": arm["axes"] | {"first": "constant"}}
            for arm in preset["arms"].values()
            if arm["axes"]["first"] == "coordconv"
        }
    }
    for name, preset in classification.PRESETS.items()
}


def contest(**_) -> Contest:
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
    splits = partial(natural, whole.splits)
    return replace(whole, splits=splits, **vars(contest()))


def natural(
    splits: Callable[[int], dict[str, tuple[Tensor, Tensor]]], seed: int
) -> dict[str, tuple[Tensor, Tensor]]:
    """Of the splits of a seed the one whose pictures are as they are."""
    return {"natural": splits(seed)["natural"]}


def summarise(contest: Contest, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """Accuracy on test pictures by augmentation."""
    return best_rows(contest, arms, runs, accuracy="test_accuracy")


EXPERIMENT = Sweep("classification-control", __doc__, PRESETS, task, summarise, contest)
