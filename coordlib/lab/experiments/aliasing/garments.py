"""Accuracy and consistency of a small network under three kinds of pooling."""

import torch
import torch.nn.functional as F
from torch import nn

from coordlib.lab.data import garments
from coordlib.lab.measures import consistency, pixel_accuracy
from coordlib.lab.models import GarmentNet
from coordlib.lab.record.experiment import Setting, Trial
from coordlib.lab.record.result import Row, rows
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
    setting: Setting,
    *,
    pools: list[str],
    epochs: int,
    places: list[list[int]],
) -> list[Row]:
    """Train one network for each kind of pooling, from the same weights.

    Returns
    -------
    list of Row
        By pooling the ``accuracy`` on the test pictures, and by mode, the meaning of
        "moved", the ``consistency``: how often two of the places agree on the label.
    """
    images, labels = garments("test")
    images = images.to(setting.device)
    shifts, found = [tuple(place) for place in places], []
    for pool in pools:
        torch.manual_seed(seed)
        net = GarmentNet(pool).to(setting.device)
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
        found += rows({"accuracy": _accuracy(net, images, labels)}, pool=pool)
        for mode in ("circular", "zero", "cropped"):
            share = consistency(net, images, shifts, mode=mode, batch_size=100)
            found += rows({"consistency": share}, pool=pool, mode=mode)
    return found


@torch.no_grad()
def _accuracy(net: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    logits = torch.cat([net(part).cpu() for part in images.split(100)])
    return pixel_accuracy(logits, labels)


EXPERIMENT = Trial("garments", __doc__, PRESETS, measure)
