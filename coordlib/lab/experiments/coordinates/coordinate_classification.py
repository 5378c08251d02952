"""From a position to its pixel: deconvolution beside CoordConv (L03-L06, L08-L11)."""

from functools import partial

import torch
from torch import Tensor

from coordlib.grid import to_unit
from coordlib.lab.data.squares import Squares, splits, squares
from coordlib.lab.measures import pixel_accuracy
from coordlib.lab.models.painters import CoordConvPainter, DeconvPainter
from coordlib.lab.record.result import Row, rows
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, best_rows, best_run
from coordlib.lab.training.losses import pixel_cross_entropy

PAPER_EPOCHS = 1000

# The sources' l2 is half of a weight decay: see coordlib.lab.training.loop.fit.
PAPER_DECONV = {
    "network": {"width": [1, 2, 3], "kernel_size": [2, 3, 4]},
    "training": {
        "epochs": PAPER_EPOCHS,
        "batch_size": [16, 32],
        "schedule": "steps",
        "lr": [0.001, 0.002, 0.005, 0.01, 0.02, 0.05],
        "weight_decay": [0.0, 0.002, 0.02],
    },
}
"""The grid that the paper searches, for rendering as well."""

PRESETS = {
    "quick": {
        "size": 32,
        "arms": {
            "deconv": {
                "network": {"width": 1, "kernel_size": 3},
                "training": {
                    "epochs": 20,
                    "batch_size": 16,
                    "schedule": "one-cycle",
                    "lr": 0.01,
                    "weight_decay": 0.002,
                },
            },
            "coordconv": {
                "network": {"width": 1},
                "training": {
                    "epochs": 4,
                    "batch_size": 2,
                    "schedule": "one-cycle",
                    "measures": 4,
                    "lr": 0.02,
                },
            },
        },
    },
    "cpu": {
        "size": 64,
        "arms": {
            "coordconv": {
                "network": {"width": 1},
                "training": {
                    "epochs": 1,
                    "batch_size": 2,
                    "schedule": "one-cycle",
                    "measures": 5,
                    "lr": 0.02,
                },
            },
            "deconv": {
                "network": {"width": 1, "kernel_size": 3},
                "training": {
                    "epochs": 200,
                    "batch_size": 32,
                    "schedule": "cosine",
                    "lr": 0.002,
                    "weight_decay": 0.002,
                },
            },
        },
    },
    "paper": {
        "size": 64,
        "arms": {
            "coordconv": {
                "network": {"width": 1},
                "training": {
                    "epochs": 50,
                    "batch_size": 16,
                    "lr": [0.001, 0.005, 0.01],
                    "weight_decay": [0.0, 0.002],
                },
            },
            "deconv": PAPER_DECONV,
        },
    },
}


def contest(size: int) -> Contest:
    """Painters on a canvas of this side, by the share of right pixels."""
    return Contest(
        networks={
            "deconv": partial(DeconvPainter, size=size),
            "coordconv": partial(CoordConvPainter, size=size),
        },
        best="accuracy",
    )


def task(size: int) -> Task:
    """Light the pixel at a position, on a canvas of ``size`` by ``size`` pixels."""
    world = squares(size)
    targets = world.targets()

    def score(training: dict, outputs: Tensor, index: Tensor) -> dict[str, float]:
        return {
            "accuracy": pixel_accuracy(outputs, targets[index]),
            "near_miss_share": near_miss_share(outputs, world, index),
        }

    return Task(
        **vars(contest(size)),
        splits=partial(splits, world),
        inputs=to_unit(world.positions, (size, size)),
        targets=targets,
        losses={"softmax": pixel_cross_entropy},
        score=score,
    )


def summarise(contest: Contest, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """The best network of each arm and split, by its accuracy on test positions.

    Returns
    -------
    list of Row
        By arm and split the accuracies, the share of wrong test answers within two
        pixels of the truth, and the seconds of training (seconds of processor time on
        a CPU); the ratios of parameters and of seconds.
    """
    deconv = best_run(contest, runs, arm="deconv", split="uniform")
    coordconv = best_run(contest, runs, arm="coordconv", split="uniform")
    rounds = deconv["training"]["epochs"]
    hours = deconv["seconds"] * (PAPER_EPOCHS / rounds / 3600)
    uniform = [r for r in runs if (r["arm"], r["split"]) == ("deconv", "uniform")]
    highest = max(run["train_accuracy"] for run in uniform)
    return (
        best_rows(
            *(contest, arms, runs, "seconds", "train_accuracy", "test_accuracy"),
            near_miss_share="test_near_miss_share",
        )
        + rows({"hours_at_paper_length": hours}, arm="deconv")
        + rows({"best_train_accuracy": highest}, arm="deconv", split="uniform")
        + rows(
            {
                "parameter_ratio": deconv["parameters"] / coordconv["parameters"],
                "time_ratio": deconv["seconds"] / coordconv["seconds"],
            }
        )
    )


def near_miss_share(logits: Tensor, world: Squares, index: Tensor) -> float:
    """Among wrong answers, the share no more than two pixels away in either axis.

    Parameters
    ----------
    logits : Tensor, shape (n, 1, H, W)
    world : Squares
    index : LongTensor, shape (n,)
        Which positions of the world the pictures stand for.

    Returns
    -------
    float, in [0, 1]
        0 if no answer is wrong.
    """
    answer = logits.flatten(1).argmax(1)
    places = torch.stack((answer // world.size, answer % world.size), dim=1)
    distance = (places - world.positions[index]).abs().amax(1)
    wrong = distance[distance > 0]
    return float((wrong <= 2).float().mean()) if len(wrong) else 0.0


EXPERIMENT = Sweep(
    "coordinate-classification", __doc__, PRESETS, task, summarise, contest
)
