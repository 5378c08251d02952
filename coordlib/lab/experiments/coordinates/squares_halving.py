"""Whether any published painter paints the squares held out: a grid, halved (L01, L02).

As :mod:`.dots_halving`, with squares in place of dots and their overlap in place of
right pixels. The loss is the cross-entropy of each pixel; with the mean square, the
other half of the source's grid, it would have 648 recipes.

Written before the first run, with rows that say what the rule is: *contradicted* if one
of the two recipes chosen exceeds the source's best overlap with every one of five fresh
seeds.
"""

from coordlib.lab.data.squares import squares
from coordlib.lab.experiments.coordinates import dots_halving, rendering
from coordlib.lab.experiments.coordinates.dots_halving import (
    GRID,
    LONG,
    SHORT,
    held_out,
)
from coordlib.lab.record.halving import Halving
from coordlib.lab.record.task import Task

SIGMOID = GRID | {"training": GRID["training"] | {"loss": "sigmoid"}}
PAPER = rendering.PRESETS["paper"]["arms"]["deconv"]

PRESETS = {
    "quick": dots_halving.PRESETS["quick"],
    # A quarter of the source's grid; the last round is .15 of the source's.
    "decisive": {
        "size": 64,
        "splits": ["uniform", "quadrant"],
        "arms": {"deconv": SIGMOID},
        "rounds": [
            SHORT | {"epochs": 10, "kept": 6},
            SHORT | {"epochs": 40, "kept": 2},
            LONG | {"epochs": 150},
        ],
    },
    "paper": {
        "size": 64,
        "splits": ["uniform", "quadrant"],
        "arms": {"deconv": PAPER | {"training": PAPER["training"] | {"measures": 1}}},
        "rounds": dots_halving.PRESETS["paper"]["rounds"],
    },
}


def task(size: int) -> Task:
    """Paint a square around a position, with squares to choose by."""
    return held_out(rendering.task(size), squares(size, 9))


EXPERIMENT = Halving("squares-halving", __doc__, PRESETS, task)
