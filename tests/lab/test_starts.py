"""Networks forget their weights, or are moved a little away from them."""

import copy

import torch
from torch import nn

from coordlib.lab.models.starts import disturb, forget


def network():
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 200))


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_a_network_forgets_as_torch_makes_a_new_one():
    torch.manual_seed(7)
    new = network()
    assert torch.equal(weights(forget(network(), 7)), weights(new))


def test_a_seed_leaves_the_global_generator_alone():
    model = network()
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    forget(disturb(model, 0), 0)
    assert torch.equal(torch.rand(1), expected)


def test_a_disturbed_weight_is_off_by_about_a_tenth_of_itself():
    old = network()
    factor = weights(disturb(copy.deepcopy(old), 3)) / weights(old)
    assert abs(factor.mean() - 1) < 0.02
    assert 0.08 < factor.std() < 0.12
