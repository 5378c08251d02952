"""From a square to its position: convolution beside CoordConv (L07, L12)."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from coordlib.data.squares import squares
from coordlib.experiments.arms import train_arms
from coordlib.grid import to_unit
from coordlib.metrics import pixel_distance
from coordlib.models.regressors import (
    ConvRegressor,
    CoordConvRegressor,
    DenseRegressor,
)


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
    positions = to_unit(world.positions, (size, size))
    arms = {
        arm: (
            partial(make, size),
            {"epochs": epochs, "batch_size": batch_size, "lr": lr[arm]},
        )
        for arm, make in ARMS.items()
    }
    metrics: dict[str, float] = {}
    for run in train_arms(
        arms, world, world.images(), positions, F.mse_loss, seed, device
    ):
        metrics[f"{run.name}_seconds"] = run.seconds
        for side, index in run.sides.items():
            metrics[f"{run.name}_{side}_pixels"] = pixel_distance(
                run.outputs[index], world.positions[index], size
            )
        metrics[f"{run.arm}_parameters"] = run.parameters
    return metrics
