"""Rows of small colour pictures."""

import matplotlib.pyplot as plt
import numpy as np
import torch

from coordlib.lab.figures import picture_rows


def test_each_row_has_its_name_and_its_pictures_from_black_to_white():
    black, white = -torch.ones(3, 2, 2), 3 * torch.ones(3, 2, 2)
    _, axes = picture_rows([[black, white], [white, black]], ["one", "other"])
    assert axes.shape == (2, 2)
    assert [line[0].get_ylabel() for line in axes] == ["one", "other"]
    shown = [[np.unique(ax.images[0].get_array()) for ax in line] for line in axes]
    assert shown == [[[0], [1]], [[1], [0]]]
    plt.close("all")
