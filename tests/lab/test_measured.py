"""Figures and tables of results: every number comes with its interval."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from made import result_rows

from coordlib.lab.figures import measured
from coordlib.lab.record.result import Result, rows


def result(seeds, **metrics):
    """A result in which each metric has one value for each seed."""
    found = {
        n: {name: values[n] for name, values in metrics.items()} for n in range(seeds)
    }
    return Result("trial", "cpu", {}, result_rows(found))


GAINS = result(3, a_gain=[0.01, 0.02, 0.03], b_gain=[0.1, 0.1, 0.1])
ONE = result(1, a_gain=[0.5])
A, B = {"metric": "a_gain"}, {"metric": "b_gain"}


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_an_interval_over_seeds_is_students():
    middle, low, high = measured.estimate(GAINS, A)
    assert middle == pytest.approx(0.02)
    assert (low, high) == pytest.approx((-0.00484, 0.04484), abs=1e-4)


def test_an_interval_over_pictures_comes_before_one_over_seeds():
    found = result(2, a=[0.4, 0.6], a_low=[0.3, 0.5], a_high=[0.8, 0.8])
    assert measured.estimate(found, {"metric": "a"}) == pytest.approx((0.5, 0.4, 0.8))


def test_a_gain_has_a_sign_and_a_share_a_unit():
    assert measured.interval_text(GAINS, A, signed=True) == "+2.0 % [-0.5, +4.5]"
    assert measured.interval_text(GAINS, A, unit="") == "0.0 [-0.0, 0.0]"


def test_a_difference_of_shares_is_in_points():
    assert measured.interval_text(GAINS, A, unit="points") == "+2.0 points [-0.5, +4.5]"
    assert measured.interval_text(GAINS, (B, B)) == "+0.0 points [+0.0, +0.0]"
    assert measured.interval_text(GAINS, (B, B), unit="") == "+0.0 [+0.0, +0.0]"


def test_a_single_seed_has_no_interval():
    assert measured.interval_text(ONE, A) == "50.0 %"


def test_points_beside_each_other_show_the_means_within_the_limits(ax):
    measured.intervals_beside(ax, GAINS, {"both": (A, B)})
    assert ax.get_xlim()[0] < 0.02 < ax.get_xlim()[1]
    assert ax.get_legend_handles_labels()[1] == ["both"]


@pytest.mark.parametrize("reference", [-1, 0, 1])
def test_effects_stand_beside_a_reference_that_is_in_sight(ax, reference):
    series = {"one": {"a": A, "b": B}, "other": {"b": A}}
    measured.effects(ax, GAINS, series, reference=reference)
    low, high = ax.get_xlim()
    assert low < reference < high
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]


def test_the_limits_of_effects_hold_every_interval_whole(ax):
    wide = result(2, a_gain=[-0.5, 0.6])  # the mean is small, the interval is not
    measured.effects(ax, wide, {"one": {"a": A}})
    _, low, high = measured.estimate(wide, A)
    left, right = ax.get_xlim()
    assert left < low < high < right < left + 1.2 * (high - low)


def test_effects_of_a_single_seed_are_drawn_without_arms(ax):
    measured.effects(ax, ONE, {"one": {"a": A}}, reference=1)
    (arms,) = ax.collections
    (segment,) = arms.get_segments()
    assert np.ptp(segment[:, 0]) == 0


def test_maps_share_one_range():
    maps = {"pool": torch.ones(2, 2), "conv": torch.zeros(2, 2)}
    figure, axes = measured.map_grid({"net": maps}, ["conv", "pool"])
    assert {ax.images[0].get_clim() for ax in axes[0]} == {(0, 1)}
    plt.close(figure)


def test_a_band_of_curves_is_students_interval_at_every_step(ax):
    trainings = [
        [{"step": 10, "return": None}, {"step": 20, "return": value}]
        for value in (0.01, 0.02, 0.03)
    ]
    measured.curve_bands(ax, {"plain": trainings}, "return")
    [line], [band] = ax.lines, ax.collections
    assert line.get_xdata().tolist() == [10, 20]
    assert np.isnan(line.get_ydata()[0])
    assert line.get_ydata()[1] == pytest.approx(0.02)
    ends = band.get_paths()[0].vertices[:, 1]
    assert (ends.min(), ends.max()) == pytest.approx((-0.00484, 0.04484), abs=1e-4)


def test_a_single_curve_has_no_band(ax):
    points = [{"step": step, "return": step} for step in (1, 2)]
    measured.curve_bands(ax, {"plain": [points], "coords": [points]}, "return")
    assert len(ax.lines) == 2 and not ax.collections


def test_more_series_than_colours_are_refused_and_not_left_out(ax):
    five = {name: [[{"step": 0, "return": 1.0}]] for name in "abcde"}
    with pytest.raises(ValueError, match="curves must hold at most 4 series"):
        measured.curve_bands(ax, five, "return")
    series = {name: {"one": A} for name in "abcde"}
    with pytest.raises(ValueError, match="quantities must hold at most 4 series"):
        measured.effects(ax, GAINS, series)


def test_a_column_may_have_colours_of_its_own(ax):
    found = Result("trial", "cpu", {})
    found.add(0, rows({"x": 1.0, "y": 90.0}, arm="a"))
    found.add(0, rows({"x": 2.0, "y": 10.0}, arm="b"))
    arms = {"A": {"arm": "a"}, "B": {"arm": "b"}}
    columns = {"x": {"metric": "x"}, "y": {"metric": "y"}}
    measured.heat_map(ax, found, arms, columns, percent=False, by_column=True)
    assert ax.images[0].get_array().tolist() == [[0, 1], [1, 0]]
    assert [text.get_text() for text in ax.texts] == ["1", "90", "2", "10"]
    assert [text.get_color() for text in ax.texts] == "white black black white".split()


def test_bright_is_better_also_where_small_is_good(ax):
    found = Result("trial", "cpu", {})
    for arm, (right, wrong) in {"a": (0.9, 0.1), "b": (0.2, 0.8)}.items():
        found.add(0, rows({"right": right, "wrong": wrong}, arm=arm))
    arms = {"A": {"arm": "a"}, "B": {"arm": "b"}}
    columns = {"right": {"metric": "right"}, "wrong": {"metric": "wrong"}}
    measured.heat_map(ax, found, arms, columns, by_column=True, low=["wrong"])
    assert ax.images[0].get_array().tolist() == [[1, 1], [0, 0]]
