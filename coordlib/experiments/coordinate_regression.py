"""From a square to its position: convolution beside CoordConv (L07, L12)."""

import torch
import torch.nn.functional as F
from torch import nn

from coordlib.data.squares import splits, squares
from coordlib.device import device_seconds
from coordlib.grid import to_unit
from coordlib.metrics import pixel_distance
from coordlib.models.painters import parameter_count
from coordlib.models.regressors import (
    ConvRegressor,
    CoordConvRegressor,
    DenseRegressor,
)
from coordlib.training import fit


class Stretch(nn.Module):
    """Fractions of the canvas, the targets of the source, to unit coordinates."""

    def forward(self, fraction: torch.Tensor) -> torch.Tensor:
        return 2 * fraction - 1


ARMS = {
    "dense": lambda size: DenseRegressor(size=size),
    "conv": lambda size: ConvRegressor(),
    "coordconv": lambda size: nn.Sequential(CoordConvRegressor(), Stretch()),
}
RATES = {"dense": 0.003, "conv": 0.002, "coordconv": 0.01}
PRESETS = {
    "quick": {"size": 32, "epochs": 20, "batch_size": 32, "lr": RATES},
    "cpu": {"size": 64, "epochs": 15, "batch_size": 32, "lr": RATES},
}


def measure(
    seed: int,
    device: torch.device,
    *,
    size: int,
    epochs: int,
    batch_size: int,
    lr: dict[str, float],
) -> dict[str, float]:
    """Train the three regressors of the paper on both splits.

    Returns
    -------
    dict
        For each arm and split the mean distance in pixels from the true centre, on
        training and test pictures, and the seconds of training (processor time on
        a CPU); for each arm its parameters.
    """
    world = squares(size)
    images = world.images().to(device)
    positions = to_unit(world.positions, (size, size)).to(device)
    metrics: dict[str, float] = {}
    for arm, make in ARMS.items():
        for split, (train, test) in splits(world, seed).items():
            torch.manual_seed(seed)
            model = make(size).to(device)
            start = device_seconds(device)
            fit(
                model,
                images[train],
                positions[train],
                F.mse_loss,
                epochs=epochs,
                batch_size=batch_size,
                lr=lr[arm],
                schedule="one-cycle",
                seed=seed,
            )
            name = f"{arm}_{split}"
            metrics[f"{name}_seconds"] = device_seconds(device) - start
            predicted = _predict(model, images)
            for side, index in (("train", train), ("test", test)):
                metrics[f"{name}_{side}_pixels"] = pixel_distance(
                    predicted[index], world.positions[index], size
                )
        metrics[f"{arm}_parameters"] = parameter_count(model)
    return metrics


@torch.no_grad()
def _predict(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    return torch.cat([model(part).cpu() for part in images.split(128)])
