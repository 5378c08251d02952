"""What a layer does in a stack of networks is what it does alone."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from coordlib.lab.training import fit, fit_many
from coordlib.layers import PolyphasePool2d

X = torch.randn(12, 6, 5, generator=torch.Generator().manual_seed(0))
Y = torch.randn(12, 1, generator=torch.Generator().manual_seed(1))
RECIPE = {"steps": 4, "batch_size": 4}


class Frozen(nn.Sequential):
    """A network whose normalisation stays in evaluation."""

    def train(self, mode=True):
        super().train(mode)
        self[1].eval()
        return self


def frozen():
    return Frozen(nn.Flatten(), nn.BatchNorm1d(30), nn.Linear(30, 1))


def pooled():
    return nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Flatten(), nn.Linear(30, 1))


class Top(nn.Module):
    """Scores a component by its largest number."""

    def forward(self, x):
        return x.amax((1, 2, 3))


def scored():
    pool = PolyphasePool2d((2, 1), scores=Top())
    shape = nn.Unflatten(1, (1, 6))
    return nn.Sequential(
        shape, nn.Conv2d(1, 2, 3, padding=1), pool, nn.Flatten(), nn.Linear(30, 1)
    )


def together(models, **options):
    recipe = {"lr": [0.01] * 2, "weight_decay": [0.0] * 2} | RECIPE | options
    return fit_many(models, X, Y, F.mse_loss, **recipe)


@pytest.mark.parametrize("make", [frozen, pooled, scored])
def test_a_layer_computes_in_a_stack_what_it_does_alone(make):
    torch.manual_seed(0)
    models = [make(), make()]
    alone = [
        fit(copy.deepcopy(model), X, Y, F.mse_loss, lr=0.01, seed=k, **RECIPE).losses
        for k, model in enumerate(models)
    ]
    stacked = [history.losses for history in together(models, seed=[0, 1])]
    assert_close(torch.tensor(stacked), torch.tensor(alone), rtol=1e-4, atol=1e-5)


def test_networks_that_compute_differently_are_not_of_one_shape():
    models = [
        nn.Sequential(nn.Flatten(), nn.Linear(30, 4), act, nn.Linear(4, 1))
        for act in (nn.ReLU(), nn.Tanh())
    ]
    with pytest.raises(ValueError, match="of one shape"):
        together(models)


def test_networks_do_not_share_weights():
    model = pooled()
    with pytest.raises(ValueError, match="must not share weights"):
        together([model, model])


@pytest.mark.parametrize(
    ("samples", "error", "message"),
    [
        (torch.arange(12) > 5, TypeError, "indices, 1-D tensors of int64, got"),
        (torch.arange(12).view(6, 2), TypeError, "of shape"),
        (torch.arange(6, 13), ValueError, "indices of 12 inputs"),
        (torch.arange(-1, 3), ValueError, "indices of 12 inputs"),
    ],
)
def test_samples_are_indices(samples, error, message):
    with pytest.raises(error, match=message):
        together([pooled(), pooled()], samples=[samples, samples])
