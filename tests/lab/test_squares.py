"""Not-so-Clevr: every square once, and the two ways of holding some out."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from coordlib.lab.data.squares import (
    Squares,
    quadrant_split,
    released_split,
    splits,
    squares,
    uniform_split,
)

DATA = squares()


def test_there_are_3136_squares_of_9x9_on_64x64():
    assert len(DATA) == 3136
    assert DATA.images([0, -1]).sum((1, 2, 3)).tolist() == [81, 81]
    assert DATA.positions[0].tolist() == [4, 4]
    assert DATA.positions[1].tolist() == [4, 5]  # row by row
    assert DATA.positions[-1].tolist() == [59, 59]


def test_images_are_the_pixels_convolved_with_ones_as_in_the_papers_recipe():
    for data in (DATA, squares(13, 5)):
        onehot = torch.eye((data.size - data.side + 1) ** 2)
        inner = data.size - data.side + 1
        pad = data.side // 2
        index = torch.arange(0, len(data), 7)
        pixels = F.pad(onehot[index].view(-1, 1, inner, inner), (pad,) * 4)
        painted = F.conv2d(pixels, torch.ones(1, 1, data.side, data.side), padding=pad)
        assert torch.equal(data.pixels(index), pixels)
        assert torch.equal(data.images(index), painted)


@given(st.integers(1, 20), st.integers(0, 6))
def test_every_square_lies_wholly_inside_and_each_place_comes_once(extra, half):
    side = 2 * half + 1
    data = squares(side + extra - 1, side)
    assert len(data) == extra**2 == len(data.positions.unique(dim=0))
    assert (data.images().sum((1, 2, 3)) == side**2).all()
    assert torch.equal(data.pixels().flatten(1).argmax(1), data.targets())


def test_an_index_may_be_anything_that_indexes_a_tensor():
    some = DATA.images(torch.tensor([3, 5]))
    assert torch.equal(DATA.images([3, 5]), some)
    assert torch.equal(DATA.images(slice(3, 6, 2)), some)
    mask = torch.zeros(len(DATA), dtype=torch.bool)
    mask[[3, 5]] = True
    assert torch.equal(DATA.images(mask), some)
    assert DATA.images([]).shape == (0, 1, 64, 64)
    with pytest.raises(ValueError, match="list of positions"):
        DATA.images(3)


def test_the_released_code_holds_out_768_of_3136():
    """Not a fifth, and not a quarter either: every position by a coin of its own."""
    train, test = released_split(DATA)
    assert (len(train), len(test)) == (2368, 768)
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(3136))
    other, _ = released_split(DATA, seed=1)
    assert len(other) != len(train)
    drawn = np.random.RandomState(20202)
    held = [drawn.random_sample() < 0.25 for _ in range(3136)]
    assert test.tolist() == [k for k, out in enumerate(held) if out]


def test_a_released_split_with_an_empty_side_is_refused():
    with pytest.raises(ValueError, match="one side"):
        released_split(squares(3, 3))


def test_the_uniform_split_is_four_fifths_to_one_fifth():
    train, test = uniform_split(DATA)
    assert (len(train), len(test)) == (2509, 627)
    assert torch.cat((train, test)).sort().values.tolist() == list(range(3136))


@given(st.integers(0, 2**31), st.floats(0.02, 0.98))
def test_a_uniform_split_parts_the_data_and_depends_on_the_seed_alone(seed, fraction):
    data = squares(15, 3)
    before = torch.get_rng_state()
    train, test = uniform_split(data, fraction, seed)
    assert torch.equal(torch.get_rng_state(), before)
    assert len(test) == round(fraction * len(data))
    assert torch.cat((train, test)).sort().values.tolist() == list(range(len(data)))
    again = uniform_split(data, fraction, seed)
    assert torch.equal(train, again[0]) and torch.equal(test, again[1])


def test_another_seed_holds_out_other_positions():
    assert not torch.equal(uniform_split(DATA)[1], uniform_split(DATA, seed=1)[1])


def test_the_quadrant_split_holds_out_centres_from_33_on():
    train, test = quadrant_split(DATA)
    assert (len(train), len(test)) == (2407, 729)
    assert DATA.positions[test].min().item() == 33
    assert DATA.positions[train].min(1).values.max().item() == 32
    assert torch.cat((train, test)).sort().values.tolist() == list(range(3136))


def test_both_splits_come_by_name():
    both = splits(DATA, seed=3)
    assert list(both) == ["uniform", "quadrant"]
    for name, split in (
        ("uniform", uniform_split(DATA, seed=3)),
        ("quadrant", quadrant_split(DATA)),
    ):
        assert all(torch.equal(a, b) for a, b in zip(both[name], split, strict=True))


@pytest.mark.parametrize(
    ("size", "side", "error"),
    [
        (64, 8, "odd"),
        (64, -1, "odd"),
        (5, 7, "does not fit"),
        (0, 1, "does not fit"),
    ],
)
def test_squares_that_do_not_fit_are_refused(size, side, error):
    with pytest.raises(ValueError, match=error):
        squares(size, side)


@pytest.mark.parametrize(("size", "side"), [(64.0, 9), (64, "9"), (True, 1), (None, 9)])
def test_sizes_must_be_integers(size, side):
    with pytest.raises(TypeError, match="must be an integer"):
        squares(size, side)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_a_split_needs_a_fraction(fraction):
    with pytest.raises(ValueError, match="between 0 and 1"):
        uniform_split(DATA, fraction)


def test_a_seed_is_an_integer():
    with pytest.raises(TypeError, match="seed must be an integer"):
        uniform_split(DATA, seed=0.5)


def test_a_split_leaves_no_side_empty():
    with pytest.raises(ValueError, match="empty"):
        uniform_split(squares(3, 3), 0.2)
    with pytest.raises(ValueError, match="nothing to hold out"):
        quadrant_split(squares(9, 9))


def test_squares_are_frozen():
    with pytest.raises(AttributeError):
        DATA.size = 3
    assert isinstance(DATA, Squares)
