"""From a position to its pixel: deconvolution beside CoordConv (L03-L06, L08-L11)."""

import torch
from torch import nn

from coordlib.data.squares import Squares, splits, squares
from coordlib.device import device_seconds
from coordlib.grid import to_unit
from coordlib.metrics import pixel_accuracy
from coordlib.models.painters import CoordConvPainter, DeconvPainter, parameter_count
from coordlib.training import fit, pixel_cross_entropy

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
    positions = to_unit(world.positions, (size, size)).to(device)
    targets = world.targets().to(device)
    metrics, parameters = {}, {}
    arms = {
        "deconv": (DeconvPainter, deconv),
        "coordconv": (CoordConvPainter, coordconv),
    }
    for arm, (painter, options) in arms.items():
        for split, (train, test) in splits(world, seed).items():
            torch.manual_seed(seed)
            model = painter(size=size, **options["network"]).to(device)
            start = device_seconds(device)
            fit(
                model,
                positions[train],
                targets[train],
                pixel_cross_entropy,
                schedule="one-cycle",
                seed=seed,
                **options["training"],
            )
            name = f"{arm}_{split}"
            metrics[f"{name}_seconds"] = device_seconds(device) - start
            logits = _logits(model, positions)
            for side, index in (("train", train), ("test", test)):
                accuracy = pixel_accuracy(logits[index], targets[index].cpu())
                metrics[f"{name}_{side}_accuracy"] = accuracy
            near = _near_miss_share(logits[test], world, test)
            metrics[f"{name}_near_miss_share"] = near
        parameters[arm] = parameter_count(model)
    metrics["parameter_ratio"] = parameters["deconv"] / parameters["coordconv"]
    slow, fast = metrics["deconv_uniform_seconds"], metrics["coordconv_uniform_seconds"]
    return metrics | {"time_ratio": slow / fast}


@torch.no_grad()
def _logits(model: nn.Module, positions: torch.Tensor) -> torch.Tensor:
    return torch.cat([model(part).cpu() for part in positions.split(64)])


def _near_miss_share(
    logits: torch.Tensor, world: Squares, index: torch.Tensor
) -> float:
    """Among wrong answers, the share no more than two pixels away in either axis."""
    answer = logits.flatten(1).argmax(1)
    places = torch.stack((answer // world.size, answer % world.size), dim=1)
    distance = (places - world.positions[index]).abs().amax(1)
    wrong = distance[distance > 0]
    return float((wrong <= 2).float().mean()) if len(wrong) else 0.0
