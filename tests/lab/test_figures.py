"""Figures: the plots that return show what they are given."""

import re

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

from coordlib.lab import figures
from coordlib.lab.figures.changes import changes, outcome


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_the_colours_are_eight_and_told_apart():
    assert len(set(figures.COLORS.values())) == 8


def test_use_sets_the_look():
    figures.use()
    assert plt.rcParams["image.interpolation"] == "nearest"
    assert plt.rcParams["axes.prop_cycle"].by_key()["color"][0] == "#0072B2"


def test_images_are_drawn_in_order_with_their_titles():
    pictures = [np.full((4, 6), n) for n in range(3)]
    _, axes = figures.show_images(pictures, ["a", "b", "c"], columns=2, vmin=0, vmax=3)
    assert [ax.get_title() for ax in axes[:3]] == ["a", "b", "c"]
    assert axes[1].images[0].get_array().mean() == 1
    assert axes[2].images[0].get_clim() == (0, 3)
    assert not axes[3].axison


def test_colour_pictures_come_channels_first_or_last():
    _, axes = figures.show_images([torch.rand(3, 4, 5), np.ones((4, 5, 3))])
    assert all(ax.images[0].get_array().shape == (4, 5, 3) for ax in axes)


def test_the_probe_panel_shows_both_sides_and_their_difference():
    torch.manual_seed(0)
    conv = nn.Conv2d(1, 2, 3, padding=1)
    x = torch.rand(1, 1, 8, 8)
    _, axes = figures.probe_panel(conv, x, (0, 3), channel=1)
    shown = [np.asarray(ax.images[0].get_array()) for ax in axes]
    assert len(shown) == 5
    np.testing.assert_allclose(shown[1], np.roll(shown[0], 3, axis=1))
    np.testing.assert_allclose(shown[4], abs(shown[2] - shown[3]), atol=1e-6)
    assert "relative error" in axes[4].get_xlabel()


def test_a_position_map_leaves_places_without_a_value_empty():
    bar = {"colorbar": "pixels off"}
    ax = figures.position_map([[0, 1], [2, 3]], [5.0, 7.0], (3, 4), **bar)
    assert ax.figure.axes[-1].get_ylabel() == "pixels off"
    picture = ax.images[0].get_array().filled(np.nan)
    assert picture[0, 1] == 5
    assert picture[2, 3] == 7
    assert np.isnan(picture).sum() == 10


def test_an_arrow_leads_from_the_truth_to_the_answer_rows_down():
    _, ax = plt.subplots()
    figures.answers(ax, [[1, 2]], [[4, 0]], 8)
    [quiver] = ax.collections
    assert (quiver.X[0], quiver.Y[0], quiver.U[0], quiver.V[0]) == (2, 1, -2, 3)
    assert ax.get_ylim() == (7.5, -0.5)


def a_run(arm, split):
    points = [
        {"seconds": s, "train_iou": 1.0, "test_iou": v}
        for s, v in ((1, 0.5), (2, None))
    ]
    return {"arm": arm, "split": split, "curve": points}


RUNS = [a_run("a", "uniform"), a_run("b", "uniform"), a_run("a", "quadrant")]


def test_training_curves_draw_both_sides_of_every_run_by_split():
    _, axes = figures.training_curves({"IOU": (RUNS, "iou"), "again": (RUNS, "iou")})
    assert axes.shape == (2, 2)
    assert [ax.get_title() for ax in axes[0]] == ["uniform", "quadrant"]
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["IOU", "again"]
    assert [len(ax.lines) for ax in axes[0]] == [4, 2]
    diverged = axes[0, 0].lines[1].get_ydata()
    assert diverged[0] == 0.5 and np.isnan(diverged[1])
    colors = [line.get_color() for line in axes[0, 0].lines]
    assert colors[0] == colors[1] != colors[2]


def test_an_arm_drawn_alone_keeps_its_colour():
    _, together = figures.training_curves({"IOU": (RUNS, "iou")})
    _, alone = figures.training_curves({"IOU": (RUNS, "iou")}, arms=["b"])
    assert [len(ax.lines) for ax in alone[0]] == [2, 0]
    assert alone[0, 0].lines[0].get_color() == together[0, 0].lines[2].get_color()


def test_boxes_are_drawn_where_their_pixels_are():
    ax = figures.boxes_on(plt.gca(), np.eye(6), [[2.0, 3, 4, 2]], margin=1)
    figures.boxes_on(ax, None, [[9.0, 9, 2, 2]])
    first, second = ax.patches
    assert first.get_xy() == (2, 0) and second.get_xy() == (8, 8)
    assert (first.get_width(), first.get_height()) == (2, 4)
    [picture] = ax.images
    assert picture.get_extent() == [0, 6, 6, 0]
    assert ax.get_xlim() == (-1, 7) and ax.get_ylim() == (7, -1)


def test_the_answer_grid_tells_held_out_positions_apart():
    _, ax = plt.subplots()
    figures.answer_grid(ax, [[1, 2], [3, 4], [5, 6]], [False, True, False], (8, 9))
    known, unknown = ax.lines
    assert (known.get_xdata().tolist(), known.get_ydata().tolist()) == ([2, 6], [1, 5])
    assert (unknown.get_xdata().tolist(), unknown.get_ydata().tolist()) == ([4], [3])
    assert known.get_color() != unknown.get_color()
    assert ax.get_ylim() == (7.5, -0.5)


def test_a_table_shows_every_cell_and_no_markup():
    table = figures.Table(["what", "px"], [["a < b", "1.5"], ["sum", "12.25"]])
    assert repr(table).splitlines() == ["what      px", "a < b    1.5", "sum    12.25"]
    shown = table._repr_html_()
    assert '<th scope="row">a &lt; b</th><td>1.5</td>' in shown
    assert shown.count("<tr>") == 3


def test_a_tree_says_every_answer_and_leads_to_pages():
    leaf = ["blur < 1", figures.Linked("36 dB", "coordconv")]
    tree = figures.Tree("Where?", {"here": figures.Tree("And?", {"yes": leaf})})
    told = "Where?\n- here\n    And?\n    - yes\n        blur < 1\n        36 dB"
    assert repr(tree) == told
    shown = tree._repr_html_()
    assert "<p>blur &lt; 1</p>" in shown and 'href="coordconv.html"' in shown
    assert shown.count("<ul>") == shown.count("</ul>") == 2
    with pytest.raises(ValueError, match="branches of 'Where"):
        figures.Tree("Where?", {})


def test_a_cell_of_a_table_may_lead_to_a_page():
    cell = figures.Linked("< 2 px", "coordconv")
    table = figures.Table(["what", "px"], [["sum", cell]])
    assert repr(table).splitlines()[1] == "sum   < 2 px"
    shown = table._repr_html_().replace("\N{NO-BREAK SPACE}", " ")
    assert '<td><a href="coordconv.html">&lt; 2 px</a></td>' in shown


def test_what_belongs_to_a_number_in_a_table_is_not_cut_from_it():
    cells = {
        "12.5 ± 0.4": "12.5_±_0.4",
        "13.8 px → 0.2 px": "13.8_px_→_0.2_px",
        "+6.0 points [+5.6, +6.4]": "+6.0_points [+5.6,_+6.4]",
        "2.01 (1.34 to 3.81)": "2.01 (1.34_to_3.81)",
        "what a layer costs": "what a layer costs",
    }
    table = figures.Table(["what", "is"], [["a", cell] for cell in cells])
    shown = table._repr_html_().replace("\N{NO-BREAK SPACE}", "_")
    assert re.findall("<td>([^<]*)</td>", shown) == list(cells.values())
    assert "\N{NO-BREAK SPACE}" not in repr(table)


def test_a_signed_map_has_symmetric_limits():
    _, ax = plt.subplots()
    figures.signed(ax, [[-3.0, 1.0]])
    assert ax.images[0].get_clim() == (-3, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: figures.show_images([]), "at least one"),
        (lambda: figures.show_images([np.zeros((2, 2))], ["a", "b"]), "2 titles"),
        (lambda: figures.show_images([np.zeros(3)]), "an image has shape"),
        (lambda: figures.position_map([1, 2], [3, 4], 8), r"shape \(N, 2\)"),
        (lambda: figures.position_map([[1, 2]], [3, 4], 8), "1 positions"),
        (lambda: figures.position_map([[9, 2]], [3], 8), "must lie in"),
        (lambda: figures.answers(plt.gca(), [[1, 2]], [[1]], 8), "both have shape"),
        (lambda: figures.training_curves({}), "rows is empty"),
        (lambda: figures.training_curves({"IOU": ([], "iou")}), "rows is empty"),
        (
            lambda: figures.training_curves({"IOU": (RUNS, "iou")}, arms=["c"]),
            "arms must be one of 'a', 'b', got 'c'",
        ),
        (
            lambda: figures.training_curves(
                {"IOU": ([a_run(arm, "uniform") for arm in "abcdefghijk"], "iou")}
            ),
            "rows must have at most [0-9]+ arms",
        ),
        (
            lambda: figures.show_images(2 * [np.eye(3)], cmap=["gray"]),
            "1 colour maps for 2 images",
        ),
        (
            lambda: figures.answer_grid(plt.gca(), [[1, 2]], [True, False], 8),
            "held_out",
        ),
        (lambda: figures.Table(["a", "b"], [["c"]]), "2 columns"),
        (lambda: figures.mean_and_spread([]), "values is empty"),
        (lambda: figures.spread_note(1), "trainings must be at least 2, got 1"),
        (
            lambda: figures.probe_panel(
                nn.Identity(), torch.rand(1, 1, 4, 4), (0, 1), channel=3
            ),
            "channel 3",
        ),
        (
            lambda: figures.probe_panel(
                lambda x: x.mean((2, 3)), torch.rand(1, 1, 4, 4), (0, 1)
            ),
            "maps from images",
        ),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_change_is_drawn_from_before_to_after_and_told_by_its_interval():
    worse, open_ = np.array([1.0, 1.1, 0.9]), np.array([0.0, 9.0, -7.0])
    rows = {"helped": (worse, worse + 1), "nothing": (worse, worse + open_)}
    ax = changes(plt.gca(), rows)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["helped (3)", "nothing (3)"]
    assert len(ax.texts) == 1  # an arrow where the interval does not hold zero
    assert outcome(*rows["helped"]) == "better"
    assert outcome(*rows["helped"], less=True) == "worse"
    assert outcome(*rows["nothing"]) == "open"
