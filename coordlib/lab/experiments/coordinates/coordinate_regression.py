"""From a square to its position: convolution beside CoordConv (L07, L12)."""

from functools import partial

import torch.nn.functional as F
from torch import Tensor

from coordlib.grid import to_unit
from coordlib.lab.data.squares import splits, squares
from coordlib.lab.measures import pixel_distance
from coordlib.lab.models.regressors import (
    ConvRegressor,
    CoordConvRegressor,
    DenseRegressor,
    from_fractions,
)
from coordlib.lab.record.result import Row, rows
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, best_rows, best_run


def _training(lr, weight_decay=0.0, epochs=15, batch_size=32, schedule="one-cycle"):
    return {
        "epochs": epochs,
        "batch_size": batch_size,
        "schedule": schedule,
        "measures": 10,
        "lr": lr,
        "weight_decay": weight_decay,
    }


def _arms(**trainings: dict) -> dict[str, dict]:
    return {arm: {"network": {}, "training": t} for arm, t in trainings.items()}


_AS_PUBLISHED = partial(_training, epochs=100, batch_size=256, schedule="constant")
_GRID = {"lr": [0.0005, 0.001, 0.01], "weight_decay": [2e-5, 2e-4, 1e-3]}

PRESETS = {
    "quick": {
        "size": 32,
        "arms": _arms(
            coordconv=_training(0.01, epochs=20),
            conv=_training(0.002, epochs=20),
            dense=_training(0.003, epochs=20),
        ),
    },
    "cpu": {
        "size": 64,
        "arms": _arms(
            coordconv=_training(0.01), conv=_training(0.002), dense=_training(0.003)
        ),
    },
    "paper": {
        "size": 64,
        "arms": _arms(
            coordconv=_AS_PUBLISHED(0.01, 2e-5),
            conv=_AS_PUBLISHED(**_GRID),
            dense=_AS_PUBLISHED(**_GRID),
        ),
    },
}


def contest(size: int) -> Contest:
    """Regressors on a canvas of this side, by their distance from the truth."""
    return Contest(
        networks={
            "dense": partial(DenseRegressor, size=size),
            "conv": ConvRegressor,
            "coordconv": lambda: from_fractions(CoordConvRegressor()),
        },
        best="pixels",
        smaller_is_better=True,
    )


def task(size: int) -> Task:
    """Say where the 9x9 square is, on a canvas of ``size`` by ``size`` pixels."""
    world = squares(size)

    def score(training: dict, outputs: Tensor, index: Tensor) -> dict[str, float]:
        return {"pixels": pixel_distance(outputs, world.positions[index], size)}

    return Task(
        **vars(contest(size)),
        splits=partial(splits, world),
        inputs=world.images(),
        targets=to_unit(world.positions, (size, size)),
        losses={"mse": F.mse_loss},
        score=score,
    )


def summarise(contest: Contest, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """The best network of each arm and split, by its distance on test pictures.

    Returns
    -------
    list of Row
        By arm and split the mean distance in pixels from the true centre, on training
        and test pictures, and the seconds of training (processor time on a CPU); by
        arm its parameters.
    """
    found = best_rows(contest, arms, runs, "seconds", "train_pixels", "test_pixels")
    for arm in arms:
        size = best_run(contest, runs, arm=arm)["parameters"]
        found += rows({"parameters": size}, arm=arm)
    return found


EXPERIMENT = Sweep("coordinate-regression", __doc__, PRESETS, task, summarise, contest)
