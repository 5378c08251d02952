"""Small trainings: of a line, and of painters that are strictly compared."""

import torch
from torch import nn

from coordlib.grid import to_unit
from coordlib.lab.data.squares import squares
from coordlib.lab.training.losses import pixel_cross_entropy

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(40, 3, generator=GENERATOR)
Y = X @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.25


def line():
    torch.manual_seed(0)
    return nn.Linear(3, 1)


WORLD = squares(8, side=1)
RATES, DECAYS = [0.003, 0.01, 0.03], [0.0, 0.002, 0.02]


def painters(make):
    """Three painters with weights of their own, in float64 to compare strictly."""
    for seed in range(3):
        torch.manual_seed(seed)
        yield make(size=8).double()


def paint(fitting, *models, **options):
    positions = to_unit(WORLD.positions, (8, 8)).double()
    return fitting(
        *models,
        positions,
        WORLD.targets(),
        pixel_cross_entropy,
        batch_size=5,
        **{"steps": 12, "schedule": "cosine", "seed": 3} | options,
    )


def same(a, b, tolerance=0.0):
    return a.keys() == b.keys() and all(
        torch.allclose(a[name], b[name], rtol=0, atol=tolerance) for name in a
    )


class Killed(Exception):
    """Stands for a power cut in the middle of a training."""
