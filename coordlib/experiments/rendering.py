"""From a position to a square: deconvolution beside CoordConv (L01, L02, L09)."""

import torch
import torch.nn.functional as F
from torch import nn

from coordlib.data.squares import splits, squares
from coordlib.device import device_seconds
from coordlib.grid import to_unit
from coordlib.metrics import iou
from coordlib.models.painters import (
    CoordConvSquarePainter,
    DeconvPainter,
    parameter_count,
)
from coordlib.training import fit

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
    positions = to_unit(world.positions, (size, size)).to(device)
    images = world.images().to(device)
    metrics: dict[str, float] = {}
    arms = {
        "deconv": (DeconvPainter, deconv),
        "coordconv": (CoordConvSquarePainter, coordconv),
    }
    for arm, (painter, options) in arms.items():
        for split, (train, test) in splits(world, seed).items():
            torch.manual_seed(seed)
            model = painter(size=size, **options["network"]).to(device)
            start = device_seconds(device)
            fit(
                model,
                positions[train],
                images[train],
                F.binary_cross_entropy_with_logits,
                schedule="one-cycle",
                seed=seed,
                **options["training"],
            )
            name = f"{arm}_{split}"
            metrics[f"{name}_seconds"] = device_seconds(device) - start
            for side, index in (("train", train), ("test", test)):
                metrics[f"{name}_{side}_iou"] = _iou(
                    model, positions[index], images[index]
                )
        metrics[f"{arm}_parameters"] = parameter_count(model)
    return metrics


@torch.no_grad()
def _iou(model: nn.Module, positions: torch.Tensor, images: torch.Tensor) -> float:
    logits = torch.cat([model(part) for part in positions.split(64)])
    return iou(logits, images)
