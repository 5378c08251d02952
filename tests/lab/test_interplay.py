"""Coordinates x downsampling x borders: the canvases, the cells, the two answers."""

import pytest
import torch
from torch import nn

from coordlib.grid import from_unit
from coordlib.lab import experiments
from coordlib.lab.data import digits
from coordlib.lab.experiments.coordinates import interplay
from coordlib.lab.models import parameter_count
from coordlib.probe import shift

SIZE, SIDE = interplay.SIZE, interplay.SIDE


def network(cell):
    torch.manual_seed(0)
    net = interplay.WhatAndWhere(**interplay.CELLS[cell], width=4)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.bias, -0.3, 0.3)
    return net.double().eval()


@torch.no_grad()
def change(cell, by):
    """How far both answers change under a circular shift."""
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(3, 1, SIZE, SIZE, generator=generator).double()
    net = network(cell)
    return (net(shift(x, by)) - net(x)).abs().max().item()


@pytest.fixture(scope="module")
def task():
    return interplay.task(samples=100, tested=50)


def test_there_is_a_cell_for_every_combination():
    assert len(interplay.CELLS) == 2 * 3 * 3
    assert len({tuple(options.values()) for options in interplay.CELLS.values()}) == 18


@pytest.mark.parametrize("cell", interplay.CELLS)
def test_a_network_gives_ten_scores_and_a_place(cell):
    net = interplay.WhatAndWhere(**interplay.CELLS[cell], width=4)
    assert net(torch.rand(2, 1, SIZE, SIZE)).shape == (2, 12)
    # Two more planes of nine weights for each of four channels.
    extra = 2 * 9 * 4 if cell.startswith("on") else 0
    plain = interplay.WhatAndWhere(width=4)
    assert parameter_count(net) == parameter_count(plain) + extra


@pytest.mark.parametrize("name", ["downsampling", "padding_mode"])
def test_a_cell_outside_the_table_is_refused_by_name(name):
    with pytest.raises(ValueError, match=name):
        interplay.WhatAndWhere(**{name: "none"})


@pytest.mark.parametrize("by", [(1, 0), (3, -2), (8, 5)])
def test_one_cell_of_the_table_cannot_know_a_place(by):
    """No coordinates, no fixed grid, no border: nothing tells shifts apart."""
    assert change("off_polyphase_circular", by) < 1e-12
    for cell in interplay.CELLS:
        if cell != "off_polyphase_circular":
            assert change(cell, by) > 1e-6, cell


@pytest.mark.parametrize("way", interplay.DOWNSAMPLINGS)
def test_on_a_ring_the_total_stride_is_not_noticed_without_coordinates(way):
    assert change(f"off_{way}_circular", (4, -8)) < 1e-12
    assert change(f"on_{way}_circular", (4, -8)) > 1e-6


def test_a_picture_lies_where_it_was_put_and_all_else_is_black():
    pictures = torch.rand(3, 1, 4, 5)
    corners = torch.tensor([[0, 0], [2, 3], [6, 5]])
    canvases = interplay.place(pictures, corners, 10)
    assert canvases.shape == (3, 1, 10, 10)
    assert torch.equal(canvases[1, :, 2:6, 3:8], pictures[1])
    torch.testing.assert_close(canvases.sum((1, 2, 3)), pictures.sum((1, 2, 3)))


def test_corners_reach_both_ends():
    corners = interplay.random_corners(1000, 3, 9)
    assert corners.shape == (1000, 2)
    assert corners.amin(0).tolist() == [3, 3] and corners.amax(0).tolist() == [9, 9]


def test_the_place_to_name_is_the_middle_of_the_digit(task):
    centres = from_unit(task.targets[:, 1:], (SIZE, SIZE))
    corners = (centres - (SIDE - 1) / 2).round().long()
    for picture, (i, j) in zip(task.inputs[:200], corners.tolist(), strict=False):
        inside = picture[:, i : i + SIDE, j : j + SIDE]
        torch.testing.assert_close(inside.sum(), picture.sum())
    assert corners.amin() == 0 and corners.amax() == SIZE - SIDE


def test_training_digits_are_not_tested(task):
    train, test = task.splits(0)["test"]
    assert len(train) == 100 and len(test) == 50
    assert not set(train.tolist()) & set(test.tolist())
    assert task.targets[test, 0].tolist() == digits("test")[1][:50].tolist()


def test_both_answers_count_in_the_loss():
    outputs = torch.zeros(2, 12)
    targets = torch.tensor([[3.0, 0.0, 0.0], [7.0, 0.5, 0.5]])
    expected = torch.tensor(10.0).log() + interplay.PLACE_WEIGHT * 0.125
    torch.testing.assert_close(interplay.what_and_where(outputs, targets), expected)


def test_the_score_takes_the_digit_and_the_place_apart(task):
    _, test = task.splits(0)["test"]
    right = torch.zeros(len(test), 12)
    right[torch.arange(len(test)), task.targets[test, 0].long()] = 1
    right[:, 10:] = task.targets[test, 1:]
    score = task.score({}, right, test)
    assert score["accuracy"] == 1 and score["pixels"] < 1e-4
    right[:, 10] += 2 / (SIZE - 1)  # one pixel down
    score = task.score({}, right, test)
    assert score["accuracy"] == 1
    assert score["pixels"] == pytest.approx(1, abs=1e-4)


def test_windows_show_digits_whole(task):
    """What depends on the sum of all light alone is the same under every window."""

    class Light(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, x):
            # Of 255 steps each pixel, four pixels to one: a whole number.
            light = (x.double().sum((1, 2, 3)) * 4 * 255).round().long()
            return nn.functional.one_hot(light % 10, 12)

    assert task.examine(Light()) == {"circular": 1.0, "cropped": 1.0}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The quick preset with the smallest networks and fewest digits."""
    tiny = {
        "samples": 64,
        "tested": 20,
        "arms": {
            cell: {
                "axes": options,
                "network": options | {"width": 2},
                "training": {"steps": 2, "batch_size": 16, "measures": 1, "lr": 0.01},
            }
            for cell, options in interplay.CELLS.items()
        },
    }
    where = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(interplay.PRESETS, "quick", tiny)
        options = {"device": "cpu", "where": where, "report": lambda line: None}
        return experiments.run("interplay", "quick", **options)


def test_every_cell_has_its_four_numbers_and_there_is_a_guess(measured):
    assert len(measured.rows) == 18 * 4 + 1
    for axes in interplay.CELLS.values():
        for name in ("accuracy", "circular", "cropped"):
            assert 0 <= measured.mean(name, **axes) <= 1
        assert measured.mean("pixels", **axes) > 1
    # Two independent places, each uniform over 19: about half the side of the square.
    assert 5 < measured.mean("pixels", arm="guess") < 9


def test_the_cell_that_knows_no_place_agrees_with_itself_on_a_ring(measured):
    blind = {"coordinates": False, "downsampling": "polyphase"}
    assert measured.mean("circular", **blind, padding_mode="circular") == 1


@pytest.mark.parametrize("preset", interplay.PRESETS)
def test_all_cells_are_trained_in_the_same_way(preset):
    arms = interplay.PRESETS[preset]["arms"]
    assert arms.keys() == interplay.CELLS.keys()
    recipes = [arm["training"] for arm in arms.values()]
    assert all(recipe == recipes[0] for recipe in recipes)
