"""Two coloured shapes: the released recipe, at its size and at smaller ones."""

import pytest
import torch

from coordlib.lab.data.shapes import COLORS, draw, radius, shapes

SIZES = pytest.mark.parametrize("size", [16, 32, 64])
WHITE, BLUE, RED = ([1, 1, 1], [-1, -1, 1], [1, -1, -1])


def at(kind, blue=(10, 10), red=(40, 50), size=64):
    centres = torch.tensor([[blue, red]])
    return draw(centres, torch.full((1, 2), kind == "square"), size)[0]


def count(picture, color):
    return int((picture == torch.tensor(color)[:, None, None]).all(0).sum())


def test_at_the_size_of_the_source_the_numbers_are_those_of_the_source():
    data = shapes()
    assert (len(data), data.size, radius(64)) == (50_000, 64, 10)
    assert (data.centres.min(), data.centres.max()) == (10, 53)
    apart = (data.centres[:, 0] - data.centres[:, 1]).square().sum(1)
    assert apart.min() == 400


@SIZES
def test_a_smaller_canvas_has_the_same_recipe_scaled(size):
    data, reach = shapes(5000, size), radius(size)
    assert reach == 10 * size // 64
    assert (data.centres.min(), data.centres.max()) == (reach, size - 1 - reach)
    apart = (data.centres[:, 0] - data.centres[:, 1]).square().sum(1)
    assert apart.min() >= (2 * reach) ** 2


def test_kinds_and_places_are_drawn_with_equal_chance():
    data = shapes(20_000, 32)
    assert data.square.float().mean(0).tolist() == pytest.approx([0.5, 0.5], abs=0.02)
    both = data.square.all(1).float().mean()
    assert float(both) == pytest.approx(0.25, abs=0.02)
    # Blue comes first and is uniform; red keeps away from it.
    rows = torch.bincount(data.centres[:, 0, 0] - radius(32)) / len(data)
    assert rows.tolist() == pytest.approx([1 / len(rows)] * len(rows), abs=0.01)
    assert (data.centres[:, 1].float().mean(0) - 15.5).abs().max() < 0.3


def test_a_square_has_all_pixels_within_the_radius_of_rows_and_columns():
    picture = at("square")
    assert picture[:, 0:21, 0:21].flatten(1).unique(dim=1).T.tolist() == [BLUE]
    assert picture[:, 30:51, 40:61].flatten(1).unique(dim=1).T.tolist() == [RED]
    assert count(picture, BLUE) == count(picture, RED) == 21**2
    assert count(picture, WHITE) == 64**2 - 2 * 21**2


def test_a_circle_has_all_pixels_within_the_radius():
    picture = at("circle")
    i, j = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    inside = (i - 40) ** 2 + (j - 50) ** 2 <= 100
    assert torch.equal((picture == torch.tensor(RED)[:, None, None]).all(0), inside)
    assert count(picture, BLUE) == int(inside.sum())


def test_red_lies_over_blue():
    picture = at("square", blue=(20, 20), red=(34, 35))
    assert picture[:, 27, 27].tolist() == RED
    assert count(picture, BLUE) == 21**2 - 7 * 6


def test_pictures_come_in_the_order_and_number_asked_for():
    data = shapes(3000, 16)
    assert data.images().shape == (3000, 3, 16, 16)
    some = torch.tensor([2999, 5])
    assert torch.equal(data.images(some), data.images()[some])
    assert set(data.images().unique().tolist()) == {-1.0, 1.0}


def test_the_same_seed_gives_the_same_pictures():
    one, again, other = (shapes(50, 16, seed) for seed in (3, 3, 4))
    assert torch.equal(one.images(), again.images())
    assert not torch.equal(one.images(), other.images())


def test_the_global_generator_is_not_touched():
    state = torch.get_rng_state()
    shapes(10, 16)
    assert torch.equal(state, torch.get_rng_state())


def test_colors_are_blue_and_red():
    assert [list(color) for color in COLORS.values()] == [BLUE, RED]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"count": 0}, ValueError, "count must be at least 1"),
        ({"count": 2.0}, TypeError, "count must be an integer"),
        ({"size": 7}, ValueError, "size must be at least 8"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(options, error, message):
    with pytest.raises(error, match=message):
        shapes(**{"count": 4} | options)


def test_centres_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="centres and square"):
        draw(torch.zeros(3, 2, dtype=torch.long), torch.zeros(3, 2).bool(), 16)
