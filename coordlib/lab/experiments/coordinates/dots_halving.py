"""Whether any published painter draws the dots held out: a grid, halved (L03, L06).

The painters are transposed convolutions as published, with batch normalisation; the
grid is that of the source. Each round is longer than the one before, and only the best
recipes on dots held out of the training side enter it.

Written before the first run. By the rule for a bound: *contradicted* if one of the two
recipes chosen draws more than 86 % of the dots held out, by more than the sampling
error, with every one of five fresh seeds; *not exceeded* only if none does, training
reached 99 % and at least a quarter of the source's 324 recipes were searched.
"""

from torch import Tensor

from coordlib.lab.data.squares import Squares, squares
from coordlib.lab.data.squares import splits as published_splits
from coordlib.lab.experiments.coordinates import coordinate_classification
from coordlib.lab.experiments.coordinates.coordinate_classification import PAPER_DECONV
from coordlib.lab.experiments.normalisation.painters import validation_split
from coordlib.lab.record.halving import VALIDATION, Halving
from coordlib.lab.record.task import Task

SPLIT_SEED = 0
"""Of the uniform split, one for all: a dot that is held out for the test of one seed
must not have helped to choose the recipe."""

GRID = {
    "network": PAPER_DECONV["network"],
    "training": {
        "batch_size": 32,
        "lr": PAPER_DECONV["training"]["lr"],
        "weight_decay": PAPER_DECONV["training"]["weight_decay"],
        "measures": 1,
    },
}
"""Half of the source's grid of 324: all but the batches of 16, of which an epoch has
twice as many steps."""

SHORT, LONG = {"schedule": "one-cycle"}, {"schedule": "steps"}
"""A short round anneals, so that it says what a recipe can do in its time; the last has
the schedule of the source, a tenth of the rate after each fifth."""

PRESETS = {
    "quick": {
        "size": 32,
        "splits": ["uniform", "quadrant"],
        "arms": {
            "deconv": {
                "network": {"width": 1, "kernel_size": [2, 4]},
                "training": GRID["training"]
                | {"lr": [0.005, 0.05], "weight_decay": 0.0},
            }
        },
        "rounds": [
            SHORT | {"epochs": 3, "kept": 2},
            SHORT | {"epochs": 6, "kept": 1},
            LONG | {"epochs": 12},
        ],
    },
    # The uniform split alone: no row asks for a bound on the dots of the quadrant. The
    # last round is a quarter of the source's.
    "decisive": {
        "size": 64,
        "splits": ["uniform"],
        "arms": {"deconv": GRID},
        "rounds": [
            SHORT | {"epochs": 12, "kept": 8},
            SHORT | {"epochs": 50, "kept": 2},
            LONG | {"epochs": 250},
        ],
    },
    "paper": {
        "size": 64,
        "splits": ["uniform", "quadrant"],
        "arms": {
            "deconv": PAPER_DECONV
            | {"training": PAPER_DECONV["training"] | {"measures": 1}}
        },
        "rounds": [
            SHORT | {"epochs": 30, "kept": 24},
            SHORT | {"epochs": 200, "kept": 6},
            LONG | {"epochs": 1000},
        ],
    },
}


def with_validation(world: Squares) -> dict[str, tuple[Tensor, Tensor]]:
    """Both splits, one for all seeds, and the training side of each divided once more.

    That of the uniform split is divided at random, four to one. That of the quadrant
    loses the opposite quadrant, as large as the one held out: to draw there asks the
    same of a painter, a row and a column that it has seen, but never together.

    Returns
    -------
    dict of str to (train, test)
        ``uniform`` and ``quadrant``, and the same names with "validation".
    """
    found = published_splits(world, seed=SPLIT_SEED)
    train, _ = found["quadrant"]
    mirrored = world.size - 1 - world.positions[train]
    opposite = (mirrored > world.size / 2).all(1)
    return found | {
        VALIDATION.format("uniform"): validation_split(world, seed=SPLIT_SEED),
        VALIDATION.format("quadrant"): (train[~opposite], train[opposite]),
    }


def task(size: int) -> Task:
    """Light the pixel at a position, with dots to choose by."""
    plain, world = coordinate_classification.task(size), squares(size)
    return held_out(plain, world)


def held_out(plain: Task, world: Squares) -> Task:
    """A task on positions, its splits those of :func:`with_validation`."""
    own = with_validation(world)
    return Task(**vars(plain) | {"splits": lambda seed: own, "keeps_weights": False})


EXPERIMENT = Halving("dots-halving", __doc__, PRESETS, task)
