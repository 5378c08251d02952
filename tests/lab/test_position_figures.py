"""Drawings at the positions of a canvas, and curves, show what they are given."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from coordlib.lab import figures
from coordlib.lab.figures.measured import spread_table
from coordlib.lab.figures.positions import OUTCOMES
from coordlib.lab.measures.groups import explained, permutation_p
from coordlib.lab.record.result import Result

CORNERS = [[0, 0], [0, 1], [1, 0], [1, 1]]
SPLITS = {"uniform": ([0, 3], [1, 2]), "quadrant": ([0, 1, 2], [3])}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def shown(ax):
    return ax.images[0].get_array().filled(np.nan).tolist()


def test_maps_stand_side_by_side_in_their_order():
    _, axes = figures.position_maps(CORNERS, {"a": [0, 1, 2, 3], "b": [4] * 4}, 2)
    assert [ax.get_title() for ax in axes] == ["a", "b"]
    assert shown(axes[0]) == [[0, 1], [2, 3]]


def test_a_split_shows_and_counts_what_it_holds_out():
    _, axes = figures.split_maps(CORNERS, SPLITS, 2)
    assert [ax.get_title() for ax in axes] == ["uniform: 2 / 2", "quadrant: 3 / 1"]
    assert shown(axes[1]) == [[0, 0], [0, 1]]


def test_four_outcomes_have_four_colours():
    right = {"uniform": torch.tensor([1.0, 1, 0, 0])}
    figure, [ax] = figures.outcome_maps(CORNERS, right, SPLITS, 2)
    names = list(OUTCOMES)
    found = [[names[int(k)] for k in row] for row in shown(ax)]
    assert found == [
        ["trained, right", "held out, right"],
        ["held out, wrong", "trained, wrong"],
    ]
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == names


def test_a_close_up_has_its_position_in_the_middle_and_zeros_beyond_the_canvas():
    maps = torch.arange(24.0).view(2, 3, 4)
    near = figures.close_ups(maps, torch.tensor([[0, 0], [1, 2]]), 1)
    assert near[0].tolist() == [[0, 0, 0], [0, 0, 1], [0, 4, 5]]
    assert near[1].tolist() == maps[1, 0:3, 1:4].tolist()


def test_a_frame_lies_around_whole_pixels():
    ax = figures.frame(plt.gca(), torch.tensor([2, 5]), 3)
    [patch] = ax.patches
    assert patch.get_xy() == (3.5, 0.5)
    assert (patch.get_width(), patch.get_height()) == (3, 3)


def test_clouds_are_numbered_at_their_means():
    clouds = np.array([[[0.0, 0], [2, 4]], [[5.0, 5], [5, 5]]])
    ax = figures.numbered_clouds(plt.gca(), clouds, "two")
    assert [(t.get_text(), list(t.xy)) for t in ax.texts] == [
        ("1", [1, 2]),
        ("2", [5, 5]),
    ]
    # The second is a point, which its number would hide.
    assert [t.get_position()[1] > 0 for t in ax.texts] == [False, True]
    assert all(t.get_path_effects() for t in ax.texts)


def test_a_grid_of_numbers_writes_each_and_makes_the_only_positive_one_bold():
    arrays = [np.array([[-1.0, 3.0]]), np.array([[2.0, 1.0]])]
    _, axes = figures.number_grids(arrays, ["a", "b"], limit=3)
    first, second = ([t.get_text() for t in ax.texts] for ax in axes.flat)
    assert first == ["\N{MINUS SIGN}1", "3"] and second == ["2", "1"]
    weights = [t.get_weight() for ax in axes.flat for t in ax.texts]
    assert weights == ["normal", "bold", "normal", "normal"]


def test_learning_curves_have_a_panel_for_each_training_and_a_line_for_each_side():
    curve = [{"step": s, "trained": s / 4, "held out": 0.1} for s in (2, 4)]
    _, axes = figures.learning_curves({"a": curve, "b": curve}, "exact")
    assert [ax.get_title() for ax in axes] == ["a", "b"]
    trained, held_out = axes[0].lines
    assert trained.get_xydata().tolist() == [[2, 0.5], [4, 1]]
    assert held_out.get_label() == "held out"


def test_a_band_reaches_from_the_least_seed_to_the_most():
    ax = figures.mean_and_range(plt.gca(), [1, 2], [[0, 2], [4, 8]], "o-", "a")
    assert ax.lines[0].get_ydata().tolist() == [1, 6]
    [band] = ax.collections
    assert band.get_datalim(ax.transData).intervaly.tolist() == [0, 8]


def test_one_seed_has_no_band():
    ax = figures.mean_and_range(plt.gca(), [1, 2], [[0], [4]], "o-", "a")
    assert not ax.collections


def test_a_spread_table_selects_by_axes_and_leaves_empty_what_a_row_lacks():
    rows = [
        {"seed": seed, "arm": "a", "split": split, "metric": "x", "value": value}
        for split, values in {"u": (0.1, 0.3), "q": (0.5, 0.5)}.items()
        for seed, value in enumerate(values)
    ]
    table = spread_table(
        Result("trial", "cpu", {}, rows),
        {"A": {"arm": "a"}, "B": {"arm": "b"}},
        {"u": {"metric": "x", "split": "u"}, "q": {"metric": "x", "split": "q"}},
        corner="%",
        scale=100,
        digits=0,
    )
    assert table.head == ["%", "u", "q"]
    assert table.rows == [["A", "20 ± 14", "50 ± 0"], ["B", "", ""]]
    assert repr(table).endswith("\nMean ± standard deviation of 2 trainings.")
    assert table.note in table._repr_html_()
    alone = Result("trial", "cpu", {}, [row for row in rows if row["seed"] == 0])
    table = spread_table(
        alone, {"A": {"arm": "a"}}, {"u": {"metric": "x", "split": "u"}}
    )
    assert not table.note  # one seed has no spread


def test_groups_explain_all_of_what_they_decide_and_nothing_of_what_they_do_not():
    groups = [0, 0, 1, 1]
    assert explained([1, 1, 0, 0], groups) == 1
    assert explained([1, 0, 1, 0], groups) == 0


def test_shuffled_values_are_as_well_explained_as_random_ones_and_not_as_real_ones():
    groups = np.arange(60) % 2
    assert permutation_p(groups, groups) == 1 / 1001
    random = np.random.default_rng(1).random(60)
    assert 0.05 < permutation_p(random, groups) <= 1
