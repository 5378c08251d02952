"""From a position to a square: deconvolution beside CoordConv (L01, L02, L09)."""

from functools import partial

import torch
import torch.nn.functional as F

from coordlib.data.squares import squares
from coordlib.experiments.arms import train_arms
from coordlib.grid import to_unit
from coordlib.metrics import iou
from coordlib.models.painters import CoordConvSquarePainter, DeconvPainter

PRESETS = {
    "quick": {
        "size": 32,
        "deconv": {
            "network": {"width": 1, "kernel_size": 3},
            "training": {"epochs": 20, "batch_size": 16, "lr": 0.005},
        },
        "coordconv": {
            "network": {"width": 1, "kernel_size": 3},
            "training": {"epochs": 8, "batch_size": 8, "lr": 0.01},
        },
    },
    "cpu": {
        "size": 64,
        "deconv": {
            "network": {"width": 1, "kernel_size": 3},
            "training": {"epochs": 40, "batch_size": 32, "lr": 0.01},
        },
        "coordconv": {
            "network": {"width": 1, "kernel_size": 3},
            "training": {"epochs": 3, "batch_size": 4, "lr": 0.01},
        },
    },
}


def measure(
    seed: int, device: torch.device, *, size: int, deconv: dict, coordconv: dict
) -> dict[str, float]:
    """Train both painters on both splits to paint 9x9 squares.

    Returns
    -------
    dict
        For each arm and split the mean IOU on training and test positions and the
        seconds of training (processor time on a CPU); for each arm its parameters.
    """
    world = squares(size)
    positions, images = to_unit(world.positions, (size, size)), world.images()
    arms = {
        arm: (partial(painter, size=size, **options["network"]), options["training"])
        for arm, painter, options in (
            ("deconv", DeconvPainter, deconv),
            ("coordconv", CoordConvSquarePainter, coordconv),
        )
    }
    loss = F.binary_cross_entropy_with_logits
    metrics: dict[str, float] = {}
    for run in train_arms(arms, world, positions, images, loss, seed, device):
        metrics[f"{run.name}_seconds"] = run.seconds
        for side, index in run.sides.items():
            metrics[f"{run.name}_{side}_iou"] = iou(run.outputs[index], images[index])
        metrics[f"{run.arm}_parameters"] = run.parameters
    return metrics
