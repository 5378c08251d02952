"""Single trainings beside their mean, and what tells quantities apart."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from coordlib.lab.figures import measured
from coordlib.lab.record.result import interval


@pytest.fixture
def ax():
    _, ax = plt.subplots()
    yield ax
    plt.close("all")


def test_quantities_differ_in_one_axis_and_share_the_others():
    ways = measured.by("way", {"Tri-3": "tri3", "plain": "plain"}, network="vgg")
    assert list(ways) == ["Tri-3", "plain"]
    assert ways["Tri-3"] == {"way": "tri3", "network": "vgg"}


def test_each_training_is_a_dot_on_the_row_of_its_name(ax):
    gains = {"still": [1.0, 2.0, 3.0], "moved": [0.0, 1.0]}
    measured.each_training(ax, gains)
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [line.get_xdata().tolist() for line in dots] == list(gains.values())
    assert [set(line.get_ydata()) for line in dots] == [{0}, {1}]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(gains)


def test_the_bar_of_the_trainings_is_students_interval(ax):
    measured.each_training(ax, {"gain": [1.0, 2.0, 3.0]})
    bar, _, mean, _ = ax.lines
    assert tuple(bar.get_xdata()) == interval(np.array([1.0, 2.0, 3.0]))
    assert mean.get_xdata() == [2.0]


def test_the_bar_of_the_trainings_does_not_reach_beyond_its_ends(ax):
    measured.each_training(ax, {"gain": [1.0, 2.0, 3.0]})
    assert ax.lines[0].get_solid_capstyle() == "butt"


def test_a_single_training_has_no_bar(ax):
    measured.each_training(ax, {"gain": [1.0]})
    assert ax.get_legend_handles_labels()[1] == ["a training", "their mean"]


def test_an_axis_of_steps_is_labelled_in_thousands(ax):
    ax.set(xlim=(0, 200_000), xticks=[0, 200_000])
    ax.xaxis.set_major_formatter(measured.in_thousands)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "200"]
