"""The probe's error over all shifts, and layer by layer."""

import matplotlib.pyplot as plt
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from coordlib import probe, probe_layers
from coordlib.lab.figures import layer_errors, shift_maps

SHIFTS = [(i, j) for i in range(-1, 2) for j in range(-1, 2)]


@pytest.fixture
def maps():
    x = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    probes = {
        "pool": probe(lambda x: F.max_pool2d(x, 2), x, SHIFTS, stride=2),
        "nothing": probe(lambda x: x, x, SHIFTS),
    }
    yield probes, shift_maps(probes, columns=2)[1]
    plt.close("all")


def test_each_map_shows_the_errors_of_its_probe_in_one_range(maps):
    probes, axes = maps
    assert [ax.get_title() for ax in axes] == list(probes)
    assert len({ax.images[0].get_clim() for ax in axes}) == 1
    for ax, found in zip(axes, probes.values(), strict=True):
        assert (ax.images[0].get_array() == found.error_grid().numpy()).all()


def test_a_dot_stands_on_each_exact_shift_and_on_no_other(maps):
    probes, axes = maps
    for ax, found in zip(axes, probes.values(), strict=True):
        dots = ax.collections[0].get_offsets()
        assert [(i - 1, j - 1) for j, i in dots.tolist()] == found.exact
        labels = [label.get_text() for label in ax.get_xticklabels()]
        assert labels == ["-1", "0", "1"]


@pytest.fixture
def by_layer():
    x = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    ring = nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular")
    deep = nn.Sequential(ring, *[nn.ReLU()] * 30, nn.MaxPool2d(2))
    networks = {
        "pooled": probe_layers(nn.Sequential(ring, nn.MaxPool2d(2)), x, SHIFTS),
        "deep": probe_layers(deep, x, SHIFTS),
    }
    yield networks, layer_errors(networks)[1]
    plt.close("all")


def test_a_point_stands_at_the_mean_error_of_each_layer(by_layer):
    networks, axes = by_layer
    assert [ax.get_title() for ax in axes] == list(networks)
    for ax, found in zip(axes, networks.values(), strict=True):
        heights = ax.collections[0].get_offsets()[:, 1]
        errors = [float(p.errors.mean()) for p in found.probes.values()]
        assert heights.tolist() == errors


def test_exact_layers_are_rings_and_the_first_other_has_a_line(by_layer):
    _, axes = by_layer
    assert (axes[0].collections[0].get_facecolors()[0] == 1).all()
    assert (axes[0].collections[0].get_facecolors()[1] != 1).any()
    assert list(axes[0].lines[1].get_xdata()) == [1, 1]


def test_few_layers_are_all_named_and_of_many_some(by_layer):
    _, (pooled, deep) = by_layer
    assert [label.get_text() for label in pooled.get_xticklabels()] == ["0", "1"]
    assert len(deep.get_xticklabels()) == 16


def test_no_network_is_an_error():
    with pytest.raises(ValueError, match="networks is empty"):
        layer_errors({})
