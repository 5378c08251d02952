import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from coordlib.grid import from_unit, index_grid, to_unit, unit_grid

sizes = st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple)


@given(sizes)
def test_index_grid_is_numpy_indices(size):
    assert np.array_equal(index_grid(size).numpy(), np.indices(size))


@given(sizes)
def test_unit_grid_is_linspace_along_each_axis_and_zero_on_an_axis_of_length_1(size):
    axes = [np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in size]
    expected = np.stack(np.meshgrid(*axes, indexing="ij"))
    grid = unit_grid(size, dtype=torch.float64)
    assert_close(grid, torch.from_numpy(expected), rtol=0, atol=1e-15)


@given(sizes)
def test_unit_grid_is_antisymmetric_to_the_last_bit(size):
    for axis, coordinate in enumerate(unit_grid(size)):
        assert torch.equal(coordinate.flip(axis), -coordinate)


@given(sizes)
def test_r_is_the_distance_from_the_true_centre(size):
    *coordinates, r = unit_grid(size, with_r=True, dtype=torch.float64)
    assert_close(r, sum(c**2 for c in coordinates).sqrt())
    assert all(torch.equal(r.flip(axis), r) for axis in range(len(size)))
    assert_close(r.max(), torch.tensor(sum(n > 1 for n in size)).double().sqrt())


@given(sizes)
def test_r_as_a_unit_is_the_root_of_the_mean_square(size):
    r, unit = (unit_grid(size, with_r=w, axes=())[0] for w in (True, "unit"))
    assert_close(unit, r / len(size) ** 0.5)


def test_r_is_zero_at_the_middle_pixel_not_at_one_half():
    """Ports measure r from (0.5, 0.5), a quarter of the image from the centre."""
    r = unit_grid((9, 5), with_r=True)[2]
    assert r[4, 2] == 0
    assert r.argmin() == 4 * 5 + 2


def test_a_non_square_grid_stays_within_minus_1_and_1():
    """The published layer divides each axis by the length of the other."""
    i, j = unit_grid((3, 7))
    assert_close(i[:, 0], torch.tensor([-1.0, 0, 1]))
    assert_close(j[0], torch.linspace(-1, 1, 7))
    assert (i[:, :1] == i).all() and (j[:1] == j).all()


def test_a_three_dimensional_grid_has_one_axis_a_channel():
    """A port sums two indices into each of its three channels."""
    grid = unit_grid((2, 3, 4))
    for axis, coordinate in enumerate(grid):
        for other in {0, 1, 2} - {axis}:
            assert (coordinate.diff(dim=other) == 0).all()
        assert (coordinate.diff(dim=axis) > 0).all()


def test_an_axis_of_length_1_has_coordinate_0_not_nan():
    assert torch.equal(unit_grid((1, 1), with_r=True), torch.zeros(3, 1, 1))


@pytest.mark.parametrize(
    ("dtype", "limit"), [(torch.bfloat16, 512), (torch.float16, 4096)]
)
def test_half_precision_tells_pixels_apart_up_to_the_documented_size(dtype, limit):
    assert unit_grid((limit,), dtype=dtype).unique().numel() == limit
    assert unit_grid((2 * limit,), dtype=dtype).unique().numel() < 2 * limit


def test_coordinates_are_computed_in_float32_and_cast_last():
    exact = unit_grid((1000,))
    assert torch.equal(unit_grid((1000,), dtype=torch.bfloat16), exact.bfloat16())
    assert unit_grid((1000,)).unique().numel() == 1000


@given(sizes)
def test_to_unit_of_the_index_grid_is_the_unit_grid(size):
    positions = index_grid(size).movedim(0, -1)
    assert torch.equal(to_unit(positions, size), unit_grid(size).movedim(0, -1))


@given(sizes)
def test_from_unit_undoes_to_unit(size):
    positions = index_grid(size).movedim(0, -1)
    back = from_unit(to_unit(positions, size), size)
    assert_close(back, positions.float())
    assert torch.equal(back.round().long(), positions)


def test_positions_between_and_beyond_pixels_are_mapped_linearly():
    position = torch.tensor([0.5, -1.0, 6.0], dtype=torch.float64)[:, None]
    expected = torch.tensor([-0.75, -1.5, 2.0], dtype=torch.float64)[:, None]
    assert_close(to_unit(position, (5,)), expected)
    assert_close(from_unit(expected, (5,)), position)


def test_gradients_pass_through_both_maps():
    coordinate = torch.zeros(2, 2, requires_grad=True)
    to_unit(from_unit(coordinate, (5, 7)), (5, 7)).sum().backward()
    assert_close(coordinate.grad, torch.ones(2, 2))


@pytest.mark.parametrize("grid", [index_grid, unit_grid])
@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        (5, TypeError, "sequence of integers, got 5"),
        ("64", TypeError, "sequence of integers, got '64'"),
        ((), ValueError, "at least one axis"),
        ((4, 0), ValueError, r"at least 1, got \(4, 0\)"),
        ((4, 2.5), TypeError, "got 2.5"),
        ((True, 2), TypeError, "got True"),
    ],
)
def test_a_bad_size_is_refused(grid, size, error, message):
    with pytest.raises(error, match=message):
        grid(size)


def test_integer_unit_coordinates_are_refused():
    with pytest.raises(TypeError, match=r"floating point type, got torch\.int64"):
        unit_grid((2, 2), dtype=torch.long)


@pytest.mark.parametrize("convert", [to_unit, from_unit])
def test_bad_positions_are_refused(convert):
    with pytest.raises(TypeError, match="must be a tensor, got list"):
        convert([1, 2], (3, 3))
    with pytest.raises(TypeError, match=r"real numbers, got torch\.bool"):
        convert(torch.ones(2, dtype=torch.bool), (3, 3))
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 2\) .* got \(4, 3\)"):
        convert(torch.zeros(4, 3), (3, 3))
    with pytest.raises(ValueError, match=r"got \(\)"):
        convert(torch.tensor(1.0), (3,))
