"""Accuracy and consistency of a small network under three kinds of pooling."""

import torch
import torch.nn.functional as F
from torch import nn

from coordlib.lab.data import garments
from coordlib.lab.measures import consistency, pixel_accuracy
from coordlib.lab.models import GarmentNet
from coordlib.lab.training.loop import fit

PRESETS = {
    "cpu": {
        "pools": ["max", "maxblur", "polyphase"],
        "epochs": 4,
        "places": [[-2, 2], [2, -1], [0, -2], [1, 0]],
    }
}


def measure(
    seed: int,
    device: torch.device,
    *,
    pools: list[str],
    epochs: int,
    places: list[list[int]],
) -> dict[str, float]:
    """Train one network for each kind of pooling, from the same weights.

    Returns
    -------
    dict
        For each kind of pooling the accuracy on the test pictures, and for each
        meaning of "moved" how often two of the places agree on the label.
    """
    images, labels = garments("test")
    images, shifts = images.to(device), [tuple(place) for place in places]
    metrics = {}
    for pool in pools:
        torch.manual_seed(seed)
        net = GarmentNet(pool).to(device)
        fit(
            net,
            *garments("train"),
            F.cross_entropy,
            epochs=epochs,
            batch_size=64,
            lr=0.02,
            schedule="one-cycle",
            seed=seed,
        )
        metrics[f"{pool}_accuracy"] = _accuracy(net, images, labels)
        for mode in ("circular", "zero", "cropped"):
            metrics[f"{pool}_{mode}"] = consistency(
                net, images, shifts, mode=mode, batch_size=100
            )
    return metrics


@torch.no_grad()
def _accuracy(net: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    logits = torch.cat([net(part).cpu() for part in images.split(100)])
    return pixel_accuracy(logits, labels)
