"""From a position to its pixel: deconvolution beside CoordConv (L03-L06, L08-L11)."""

from functools import partial

import torch

from coordlib.data.squares import Squares, squares
from coordlib.experiments.arms import train_arms
from coordlib.grid import to_unit
from coordlib.metrics import pixel_accuracy
from coordlib.models.painters import CoordConvPainter, DeconvPainter
from coordlib.training import pixel_cross_entropy

PRESETS = {
    "quick": {
        "size": 32,
        "deconv": {
            "network": {"width": 1, "kernel_size": 3},
            "training": {
                "epochs": 20,
                "batch_size": 16,
                "lr": 0.01,
                "weight_decay": 0.002,
            },
        },
        "coordconv": {
            "network": {"width": 1},
            "training": {"epochs": 4, "batch_size": 2, "lr": 0.02},
        },
    },
    "cpu": {
        "size": 64,
        "deconv": {
            "network": {"width": 1, "kernel_size": 3},
            "training": {
                "epochs": 120,
                "batch_size": 32,
                "lr": 0.01,
                "weight_decay": 0.002,
            },
        },
        "coordconv": {
            "network": {"width": 1},
            "training": {"epochs": 1, "batch_size": 2, "lr": 0.02},
        },
    },
}


def measure(
    seed: int, device: torch.device, *, size: int, deconv: dict, coordconv: dict
) -> dict[str, float]:
    """Train both painters on both splits.

    Returns
    -------
    dict
        For each arm and split the accuracies, the share of wrong test answers
        within two pixels of the truth, and the seconds of training (seconds of
        processor time on a CPU); the ratios of parameters and of seconds.
    """
    world = squares(size)
    positions, targets = to_unit(world.positions, (size, size)), world.targets()
    arms = {
        arm: (partial(painter, size=size, **options["network"]), options["training"])
        for arm, painter, options in (
            ("deconv", DeconvPainter, deconv),
            ("coordconv", CoordConvPainter, coordconv),
        )
    }
    metrics, parameters = {}, {}
    for run in train_arms(
        arms, world, positions, targets, pixel_cross_entropy, seed, device
    ):
        metrics[f"{run.name}_seconds"] = run.seconds
        for side, index in run.sides.items():
            accuracy = pixel_accuracy(run.outputs[index], targets[index])
            metrics[f"{run.name}_{side}_accuracy"] = accuracy
        test = run.sides["test"]
        near = _near_miss_share(run.outputs[test], world, test)
        metrics[f"{run.name}_near_miss_share"] = near
        parameters[run.arm] = run.parameters
    metrics["parameter_ratio"] = parameters["deconv"] / parameters["coordconv"]
    slow, fast = metrics["deconv_uniform_seconds"], metrics["coordconv_uniform_seconds"]
    return metrics | {"time_ratio": slow / fast}


def _near_miss_share(
    logits: torch.Tensor, world: Squares, index: torch.Tensor
) -> float:
    """Among wrong answers, the share no more than two pixels away in either axis."""
    answer = logits.flatten(1).argmax(1)
    places = torch.stack((answer // world.size, answer % world.size), dim=1)
    distance = (places - world.positions[index]).abs().amax(1)
    wrong = distance[distance > 0]
    return float((wrong <= 2).float().mean()) if len(wrong) else 0.0
