"""Maps of the probe's error over all shifts."""

import matplotlib.pyplot as plt
import pytest
import torch
import torch.nn.functional as F

from coordlib import probe
from coordlib.lab.figures import shift_maps

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
