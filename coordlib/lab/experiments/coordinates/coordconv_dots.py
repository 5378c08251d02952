"""Dots by CoordConv alone, ten seeds, with unit and with raw positions (L08).

:mod:`.coordinate_classification` trains CoordConv beside a network that takes fifty
times as long. Here it is alone, by the same recipe: one epoch, in batches of two. The
released code feeds positions in pixels, from 0 to 63; a second arm does so too, and
differs in nothing else. The recipe was found with unit positions and may not be the
best for the other.

What is judged, written before the first run:

- *Perfect* (L08), by arm and split: in how many of ten seeds every training dot and
  every dot held out is right. At least 8: supported; at most 2: contradicted; else
  undecided. The arm for L08 has unit positions, and has to be perfect on both splits.
- Gates: ten seeds. A seed that diverged is an outcome and counts.

Scale: the canvas, network and splits of the source; 1,568 steps of two dots in place of
50 epochs of sixteen.
"""

from dataclasses import replace
from functools import partial

from torch import nn

from coordlib.lab.experiments.coordinates import coordinate_classification
from coordlib.lab.experiments.normalisation.painters import InPixels
from coordlib.lab.models.painters import CoordConvPainter
from coordlib.lab.record.result import Row
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, best_rows


def _arms(like: dict) -> dict[str, dict]:
    return {
        inputs: {
            "axes": {"inputs": inputs},
            "network": {"raw": inputs == "raw"},
            "training": like["training"] | {"measures": 1},
        }
        for inputs in ("unit", "raw")
    }


PRESETS = {
    name: {"size": preset["size"], "arms": _arms(preset["arms"]["coordconv"])}
    for name, preset in coordinate_classification.PRESETS.items()
    if name != "paper"  # a search, which is no part of this question
}


def make_painter(size: int, *, raw: bool) -> nn.Module:
    """A CoordConv painter, from unit positions; ``raw`` turns them into pixels."""
    network = CoordConvPainter(size=size)
    return nn.Sequential(InPixels(size), network) if raw else network


def contest(size: int) -> Contest:
    """CoordConv painters that differ in what they are fed, by their accuracy."""
    make = partial(make_painter, size)
    return Contest(networks={"unit": make, "raw": make}, best="accuracy")


def task(size: int) -> Task:
    """Light the pixel at a position, as in :mod:`.coordinate_classification`."""
    plain = coordinate_classification.task(size)
    return replace(plain, **vars(contest(size)), keeps_weights=False)


def summarise(contest: Contest, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """By ``inputs`` and split, accuracy on training and test dots, and the seconds."""
    names = ("train_accuracy", "test_accuracy", "seconds")
    return best_rows(contest, arms, runs, *names)


EXPERIMENT = Sweep("coordconv-dots", __doc__, PRESETS, task, summarise, contest)
