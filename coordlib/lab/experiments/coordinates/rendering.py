"""From a position to a square: deconvolution beside CoordConv (L01, L02, L09)."""

from functools import partial

import torch.nn.functional as F
from torch import Tensor

from coordlib.grid import to_unit
from coordlib.lab.data.squares import splits, squares
from coordlib.lab.experiments.coordinates.coordinate_classification import PAPER_DECONV
from coordlib.lab.measures import iou
from coordlib.lab.models.painters import CoordConvSquarePainter, DeconvPainter
from coordlib.lab.record.result import Row
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, best_rows

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
                    "lr": 0.005,
                },
            },
            "coordconv": {
                "network": {"width": 1, "kernel_size": 3},
                "training": {
                    "epochs": 8,
                    "batch_size": 8,
                    "schedule": "one-cycle",
                    "measures": 4,
                    "lr": 0.01,
                },
            },
        },
    },
    "cpu": {
        "size": 64,
        "arms": {
            "coordconv": {
                "network": {"width": 1, "kernel_size": 3},
                "training": {
                    "epochs": 6,
                    "batch_size": 4,
                    "schedule": "one-cycle",
                    "measures": 5,
                    "lr": 0.005,
                },
            },
            "deconv": {
                "network": {"width": 1, "kernel_size": 3},
                "training": {
                    "epochs": 60,
                    "batch_size": 32,
                    "schedule": "cosine",
                    "lr": 0.005,
                },
            },
        },
    },
    # The source logs 1x1 kernels for the drawing part of its CoordConv network,
    # which see one pixel and cannot draw a square from a dot. Here they are 3x3.
    "paper": {
        "size": 64,
        "arms": {
            "coordconv": {
                "network": {"width": [1, 2], "kernel_size": 3},
                "training": {
                    "epochs": 50,
                    "batch_size": 16,
                    "lr": [0.001, 0.005],
                    "weight_decay": [0.0, 0.002],
                },
            },
            "deconv": {
                "network": PAPER_DECONV["network"],
                "training": {"loss": ["sigmoid", "mse"]} | PAPER_DECONV["training"],
            },
        },
    },
}


def contest(size: int) -> Contest:
    """Painters on a canvas of this side, by the overlap with the true square."""
    return Contest(
        networks={
            "deconv": partial(DeconvPainter, size=size),
            "coordconv": partial(CoordConvSquarePainter, size=size),
        },
        best="iou",
    )


def task(size: int, side: int = 9) -> Task:
    """Paint a square around a position, on ``size`` by ``size`` pixels."""
    world = squares(size, side)
    images = world.images()

    def score(training: dict, outputs: Tensor, index: Tensor) -> dict[str, float]:
        # Trained to be 0 or 1 themselves, outputs are halved at one half.
        threshold = 0.5 if training.get("loss") == "mse" else 0.0
        return {"iou": iou(outputs - threshold, images[index])}

    return Task(
        **vars(contest(size)),
        splits=partial(splits, world),
        inputs=to_unit(world.positions, (size, size)),
        targets=images,
        losses={"sigmoid": F.binary_cross_entropy_with_logits, "mse": F.mse_loss},
        score=score,
    )


def summarise(contest: Contest, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """The best network of each arm and split, by its IOU on test positions.

    Returns
    -------
    list of Row
        By arm and split the mean IOU on training and test positions, the seconds of
        training (processor time on a CPU) and the parameters.
    """
    names = ("seconds", "train_iou", "test_iou", "parameters")
    return best_rows(contest, arms, runs, *names)


EXPERIMENT = Sweep("rendering", __doc__, PRESETS, task, summarise, contest)
