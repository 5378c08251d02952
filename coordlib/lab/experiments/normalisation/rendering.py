"""Squares in place of dots: transposed convolutions with normalisation and without."""

from collections import defaultdict
from dataclasses import replace
from functools import partial

from torch import Tensor

from coordlib.lab.data.squares import squares
from coordlib.lab.experiments.coordinates import rendering
from coordlib.lab.experiments.normalisation.painters import (
    BOTH,
    HALF_SIZE,
    TUNING_SEED,
    half_size_arm,
    make_painter,
    validation_split,
)
from coordlib.lab.record.result import Row
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, best_rows

EPOCHS = 60

# With the recipe of the dots, a rate of .005 and a weight decay of .002, the painter
# without normalisation fell silent in all of five seeds, and the first result said so.
# Its rate had been chosen for dots. Since then each arm has a rate and a decay of its
# own, which .rendering_tuning found. Predicted before those runs: without normalisation
# squares of the uniform split are painted as well as with it, those of the quadrant as
# badly.
TUNED = {
    "batch": {"lr": 0.01, "weight_decay": 0.002},
    "none": {"lr": 0.02, "weight_decay": 0.0},
}
"""The best rate and weight decay of each arm on validation squares of its own; a test
holds them equal to what :mod:`.rendering_tuning` measured."""

PRESETS = {
    "cpu": HALF_SIZE
    | {
        "arms": {
            kind: half_size_arm("deconv", kind, splits=BOTH, epochs=EPOCHS, **recipe)
            for kind, recipe in TUNED.items()
        }
        | {
            f"{kind}_recipe_of_the_dots": half_size_arm(
                *("deconv", kind),
                splits=BOTH,
                epochs=EPOCHS,
                axes={"recipe": "dots"},
            )
            for kind in TUNED
        }
    }
}


def contest(size: int, side: int = 9) -> Contest:
    """Painters that differ in their normalisation, by the overlap with the square."""
    networks = defaultdict(lambda: partial(make_painter, size))
    return Contest(networks=networks, best="iou")


def task(size: int, side: int) -> Task:
    """Paint a square around a position."""
    plain, world = rendering.task(size, side), squares(size, side)

    def splits(seed: int) -> dict[str, tuple[Tensor, Tensor]]:
        validation = validation_split(world, seed=TUNING_SEED + seed)
        return plain.splits(seed) | {"validation": validation}

    own = vars(contest(size)) | {"keeps_weights": False, "splits": splits}
    return replace(plain, **own)


def summarise(contest: Contest, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """The mean IOU on training and test positions, by arm and split."""
    return best_rows(contest, arms, runs, "train_iou", "test_iou", "seconds")


EXPERIMENT = Sweep(
    "normalisation-rendering", __doc__, PRESETS, task, summarise, contest
)
