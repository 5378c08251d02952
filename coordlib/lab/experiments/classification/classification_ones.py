"""Naming photographs with coordinates, with ones in their place, without (L15, P04).

A layer in front of a ResNet sees the picture alone, with three channels of ones, or
with coordinates and the distance from the centre. The last two have the same number of
weights: what coordinates add is what they add to ones. All 50,000 pictures are trained
on, with flips and shifts, by the recipe of :mod:`.classification`.

What is judged, written before the first run:

- Estimand: accuracy with coordinates minus accuracy with ones, seed by seed;
  coordinates minus the plain layer beside it.
- *Coordinates change little* (L15): two one-sided tests, the 90 % interval within .003
  either way, the third decimal of the source: supported; the 95 % interval outside:
  contradicted; else undecided, with the number of seeds that it would take.
- Gates: twelve seeds; the plain network names at least half of the test pictures right.

Scale: ResNet-20 in place of ResNet-50, CIFAR-10 in place of ImageNet; at "cpu" a
quarter as wide, for ten epochs.
"""

from copy import deepcopy
from dataclasses import replace
from functools import partial

from torch import nn

from coordlib.lab.experiments.classification import classification
from coordlib.lab.experiments.classification.classification_control import natural
from coordlib.lab.models.detector import ConstantConv2d
from coordlib.lab.record.result import Row
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, best_rows

FIRST = {
    "conv": nn.Conv2d,
    "ones": partial(ConstantConv2d, ones=3),
    "coordconv": classification.coordconv,
}
"""The layer in front."""


def arms(like: dict[str, dict], padding: str) -> dict[str, dict]:
    """Every layer in front, with the recipes of a preset of :mod:`.classification`.

    Parameters
    ----------
    like : dict of str to dict
        Arms of that preset whose first layer is a plain one.
    padding : {"zeros", "circular"}
        Of the ResNet.
    """
    found = {}
    for first in FIRST:
        for theirs in like.values():
            arm = deepcopy(theirs)
            arm["axes"] |= {"first": first, "padding": padding}
            arm["network"] |= {"padding_mode": padding}
            found[f"{first}_{arm['axes']['augmentation']}"] = arm
    return found


def _preset(size: str, samples: int) -> dict:
    like = classification.PRESETS[size]["arms"]
    chosen = {name: like[name] for name in ("conv_augmented",)}
    return {"samples": samples, "arms": arms(chosen, "zeros")}


PRESETS = {
    "quick": _preset("quick", 500),
    "cpu": _preset("cpu", 50_000),
    "decisive": _preset("decisive", 50_000),
    "paper": _preset("paper", 50_000),
}


def contest(**_) -> Contest:
    """Networks that differ in their first layer, by their accuracy."""
    networks = {
        f"{first}_{augmentation}": partial(classification.network, layer)
        for first, layer in FIRST.items()
        for augmentation in ("still", "augmented")
    }
    return Contest(networks=networks, best="accuracy")


def task(samples: int) -> Task:
    """Name what a photograph shows, as in :mod:`.classification`."""
    whole = classification.task(samples)
    splits = partial(natural, whole.splits)
    return replace(whole, splits=splits, **vars(contest()))


def summarise(contest: Contest, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """Accuracy on test pictures, by first layer, padding, augmentation and split."""
    return best_rows(contest, arms, runs, accuracy="test_accuracy")


EXPERIMENT = Sweep("classification-ones", __doc__, PRESETS, task, summarise, contest)
