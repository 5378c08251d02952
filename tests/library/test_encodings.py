"""Positions written down in other ways than as coordinates."""

import math

import pytest
import torch
from torch.testing import assert_close

from coordlib.grid import index_grid, to_unit, unit_grid
from coordlib.layers import (
    AddLearnedEncoding,
    AddSinusoidalEncoding,
    FourierFeatures,
    LearnedEncoding,
    RotaryEncoding,
    SinusoidalEncoding,
)

ALL = [FourierFeatures(), SinusoidalEncoding(), LearnedEncoding((64, 64))]
names = pytest.mark.parametrize("encoding", ALL, ids=lambda e: type(e).__name__)


def everywhere(side):
    return unit_grid((side, side)).permute(1, 2, 0)


@names
def test_no_two_pixels_have_the_same_code(encoding):
    codes = encoding(everywhere(64)).flatten(0, 1)
    assert codes.shape == (4096, encoding.channels)
    distances = torch.cdist(codes, codes) + torch.eye(4096)
    assert distances.min() > 1e-2


def test_fourier_codes_differ_by_the_shift_alone():
    """Their inner product depends on the difference of two places, on nothing else."""
    encoding = FourierFeatures(scale=3.0)
    place, step = torch.rand(2, 50, 2)
    here, there = (encoding(p) @ encoding(p + step[0]).T for p in (place, place * 0))
    assert_close(here.diagonal(), there.diagonal(), atol=1e-4, rtol=0)


def test_fourier_codes_of_one_wave_are_its_cosine_and_sine():
    encoding = FourierFeatures(waves=1, axes=1)
    angle = 2 * math.pi * 0.3 * encoding.frequencies[0, 0]
    assert_close(encoding(torch.tensor([0.3])), torch.stack([angle.cos(), angle.sin()]))


def test_a_larger_scale_means_finer_waves_of_the_same_directions():
    one, four = (FourierFeatures(scale=s, seed=3).frequencies for s in (1.0, 4.0))
    assert_close(four, 4 * one)


def test_each_octave_is_twice_as_fast():
    encoding = SinusoidalEncoding(octaves=3, axes=1)
    x = torch.tensor([0.37])
    cosines, sines = encoding(x).chunk(2)
    angles = torch.tensor([1.0, 2, 4]) * math.pi / 2 * 0.37
    assert_close(cosines, angles.cos())
    assert_close(sines, angles.sin())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_octaves_are_not_rounded_in_half_precision(dtype):
    """The highest of them is beyond what float16 can hold."""
    places = (torch.rand(50, 2) * 2 - 1).to(dtype)
    layer, wide = SinusoidalEncoding(20).to(dtype), SinusoidalEncoding(20)
    assert layer(places).dtype == dtype
    assert_close(layer(places), wide(places.float()).to(dtype))
    assert_close(layer.float()(places.float()), wide(places.float()))


def test_as_many_octaves_as_float32_can_hold_are_accepted():
    assert SinusoidalEncoding(120)(torch.full((1, 2), 3.0)).isfinite().all()
    with pytest.raises(ValueError, match="octaves must be at most 120, got 121"):
        SinusoidalEncoding(121)


def test_learned_codes_are_entries_of_the_tables_and_between_them_their_means():
    encoding = LearnedEncoding((5, 9), features=3)
    rows, columns = encoding.tables
    pixels = torch.tensor([[4, 0], [2, 8]])
    codes = encoding(to_unit(pixels, (5, 9)))
    assert_close(codes[0], torch.cat([rows[4], columns[0]]))
    assert_close(codes[1], torch.cat([rows[2], columns[8]]))
    between = encoding(to_unit(torch.tensor([[1.5, 3.0]]), (5, 9)))[0]
    assert_close(between, torch.cat([(rows[1] + rows[2]) / 2, columns[3]]))


def test_learned_codes_do_not_change_beyond_the_picture():
    encoding = LearnedEncoding((5, 5))
    assert_close(encoding(torch.tensor([3.0, -2])), encoding(torch.tensor([1.0, -1])))


@names
def test_a_place_that_is_no_number_has_a_code_that_is_none(encoding):
    places = torch.tensor([[math.nan, 0.0], [0.5, -1.0]])
    codes = encoding(places)
    assert codes[0].isnan().any() and torch.equal(codes[1], encoding(places[1]))


def test_only_learned_codes_are_trained():
    assert [sum(p.numel() for p in e.parameters()) for e in ALL] == [0, 0, 2 * 64 * 16]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FourierFeatures(waves=0), "waves"),
        (lambda: FourierFeatures(scale=0), "scale must be positive and finite, got 0"),
        (lambda: SinusoidalEncoding(octaves=-1), "octaves"),
        (lambda: LearnedEncoding((1, 64)), "size"),
    ],
)
def test_impossible_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("encoding", ALL, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("shape", [(5, 3), (5, 1), ()])
def test_another_number_of_coordinates_is_refused(encoding, shape):
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 2\), one .*, got \("):
        encoding(torch.zeros(shape))


@pytest.mark.parametrize("encoding", ALL, ids=lambda e: type(e).__name__)
def test_angles_and_places_are_not_rounded_under_autocast(encoding):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = encoding(everywhere(64))
    assert_close(inside, encoding(everywhere(64)))


# What each encoding keeps when everything is shifted


def steps():
    """Places, and the same places after a step that is the same for all."""
    places = torch.randint(0, 50, (20, 2)).double()
    return places, places + torch.tensor([3.0, -7.0])


def test_turned_queries_and_keys_know_the_difference_of_their_places_alone():
    turn = RotaryEncoding(16)
    queries, keys = torch.randn(2, 20, 16, dtype=torch.float64)
    places, shifted = steps()
    scores = turn(queries, places) @ turn(keys, places).T
    assert_close(turn(queries, shifted) @ turn(keys, shifted).T, scores)
    assert not torch.allclose(turn(queries, places) @ turn(keys, shifted).T, scores)
    for axis in 0, 1:  # both axes count
        other = places.clone()
        other[0, axis] += 1
        changed = turn(queries, places) @ turn(keys, other).T
        assert not torch.allclose(changed[:, 0], scores[:, 0])


def codes_of(encoding, places):
    """The codes of places on a map of 64 x 64 pixels."""
    if isinstance(encoding, AddSinusoidalEncoding | AddLearnedEncoding):
        code = encoding(torch.zeros(1, 16, 64, 64, dtype=torch.float64))[0]
        return code[:, *places.long().T].T
    return encoding(to_unit(places, (64, 64)))


@pytest.mark.parametrize(
    "encoding",
    [FourierFeatures(8), SinusoidalEncoding(4), AddSinusoidalEncoding()],
    ids=lambda e: type(e).__name__,
)
def test_a_shift_is_one_linear_map_of_the_codes_and_a_rotation(encoding):
    places = torch.cartesian_prod(torch.arange(20.0), torch.arange(20.0)).double()
    codes = codes_of(encoding, places + 8)
    shifted = codes_of(encoding, places + torch.tensor([3.0, 1.0]) + 8)
    solved = torch.linalg.lstsq(codes[::2], shifted[::2], driver="gelsd").solution
    assert_close(codes @ solved, shifted, atol=1e-6, rtol=0)
    assert_close(codes.norm(dim=1), shifted.norm(dim=1))


@pytest.mark.parametrize(
    "encoding",
    [LearnedEncoding((64, 64), 8), AddLearnedEncoding(16, (64, 64))],
    ids=lambda e: type(e).__name__,
)
def test_learned_codes_keep_nothing_under_a_shift(encoding):
    places, shifted = steps()
    codes, moved = (codes_of(encoding, p + 7).detach() for p in (places, shifted))
    assert not torch.allclose(codes @ codes.T, moved @ moved.T, rtol=0.1)


# Turned by places


def test_a_pair_turns_by_the_angle_of_its_axis_and_its_frequency():
    """Su et al., equation 34, with the rows' share first."""
    query, (row, column) = torch.randn(8, dtype=torch.float64), (3.0, -5.0)
    turned = RotaryEncoding(8, base=10.0)(query, torch.tensor([row, column]))
    angles = [row, row * 10**-0.5, column, column * 10**-0.5]
    for pair, angle in enumerate(angles):
        cos, sin = math.cos(angle), math.sin(angle)
        rotation = torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float64)
        part = slice(2 * pair, 2 * pair + 2)
        assert_close(turned[part], rotation @ query[part], check_dtype=False)


def test_without_positions_each_place_of_a_map_turns_by_its_index():
    turn, queries = RotaryEncoding(12, axes=2), torch.randn(2, 3, 5, 7, 12)
    places = index_grid((5, 7)).flatten(1).T
    expected = turn(queries.flatten(2, 3), places).unflatten(2, (5, 7))
    assert torch.equal(turn(queries), expected)


def test_turning_keeps_lengths_and_the_type():
    for dtype in torch.bfloat16, torch.float32, torch.float64:
        queries = torch.randn(9, 9, 16, dtype=dtype)
        turned = RotaryEncoding(16)(queries)
        assert turned.dtype == dtype
        assert_close(turned.norm(dim=-1), queries.norm(dim=-1), rtol=1e-2, atol=0)


def test_angles_far_from_the_corner_are_not_rounded_in_half_precision():
    queries, far = torch.ones(16), torch.tensor([4001.0, 3999.0])
    turned = RotaryEncoding(16).half()(queries.half(), far)
    assert_close(turned.float(), RotaryEncoding(16)(queries, far), atol=1e-3, rtol=0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = RotaryEncoding(16)(queries, far)
    assert torch.equal(inside, RotaryEncoding(16)(queries, far))


@pytest.mark.parametrize(
    ("input", "positions", "message"),
    [
        ((5, 6), (5, 2), r"input must have shape \(\.\.\., 8\), got \(5, 6\)"),
        ((5, 8), None, r"input must have shape \(\.\.\., \*size, 8\), got \(5, 8\)"),
        ((5, 8), (5, 3), r"positions must have shape \(\.\.\., 2\)"),
        ((5, 8), (6, 2), "positions must broadcast against an input of shape"),
        ((5, 8), (4, 5, 2), "positions must broadcast against an input of shape"),
    ],
)
def test_what_cannot_be_turned_is_refused(input, positions, message):
    positions = None if positions is None else torch.zeros(positions)
    with pytest.raises(ValueError, match=message):
        RotaryEncoding(8)(torch.zeros(input), positions)


def test_every_axis_turns_as_many_pairs():
    for features, axes in [(6, 2), (8, 3), (3, 1)]:
        with pytest.raises(
            ValueError, match=f"features must be a multiple of {2 * axes}"
        ):
            RotaryEncoding(features, axes=axes)


# Added to a map


def test_the_waves_that_are_added_are_those_of_vaswani_axis_by_axis():
    code = AddSinusoidalEncoding()(torch.zeros(1, 24, 5, 7, 3, dtype=torch.float64))
    for axis, n in enumerate((5, 7, 3)):
        for place in range(n):
            found = code[0, 8 * axis : 8 * axis + 8].select(axis + 1, place)
            for i in range(4):
                angle = place / 10000 ** (2 * i / 8)
                assert_close(found[2 * i], torch.full_like(found[0], math.sin(angle)))
                assert_close(
                    found[2 * i + 1], torch.full_like(found[0], math.cos(angle))
                )


def test_the_table_is_added_as_it_is_and_resized_corner_on_corner():
    layer = AddLearnedEncoding(2, (5, 9))
    assert torch.equal(
        layer(torch.zeros(3, 2, 5, 9)), layer.table.expand(3, -1, -1, -1)
    )
    fine = layer(torch.zeros(1, 2, 9, 17))
    assert_close(fine[:, :, ::2, ::2], layer.table)
    between = (layer.table[..., :-1] + layer.table[..., 1:]) / 2
    assert_close(fine[:, :, ::2, 1::2], between)


@pytest.mark.parametrize(
    "layer", [AddSinusoidalEncoding(), AddLearnedEncoding(8, (4, 4))]
)
def test_the_layout_and_the_type_of_a_map_are_kept(layer):
    for dtype in torch.float16, torch.float32:
        x = torch.rand(2, 8, 6, 5, dtype=dtype).to(memory_format=torch.channels_last)
        y = layer(x)
        assert y.is_contiguous(memory_format=torch.channels_last) and y.dtype == dtype


def test_a_map_that_has_no_place_for_the_code_is_refused():
    with pytest.raises(ValueError, match=r"multiple of 4 channels.* got 6"):
        AddSinusoidalEncoding()(torch.zeros(1, 6, 5, 5))
    with pytest.raises(ValueError, match="input must have 8 channels, got shape"):
        AddLearnedEncoding(8, (4, 4))(torch.zeros(1, 6, 4, 4))
    with pytest.raises(ValueError, match="size must have one to three axes"):
        AddLearnedEncoding(8, (4, 4, 4, 4))
    with pytest.raises(TypeError, match="size must be a sequence of integers, got 4"):
        AddLearnedEncoding(8, 4)


def test_an_axis_of_length_1_takes_the_middle_of_a_learnt_table():
    layer = AddLearnedEncoding(2, (3, 5))
    layer.table.data = unit_grid((3, 5))[None].clone()
    for size in (1, 1), (1, 5), (3, 1), (1, 4):
        added = layer(torch.zeros(1, 2, *size))[0]
        assert torch.allclose(added, unit_grid(size), atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.int32, torch.complex64])
@pytest.mark.parametrize(
    "make",
    [
        lambda dtype: FourierFeatures(3, dtype=dtype),
        lambda dtype: SinusoidalEncoding(3, dtype=dtype),
        lambda dtype: LearnedEncoding((4, 4), 3, dtype=dtype),
    ],
)
def test_a_code_is_of_floating_point(make, dtype):
    with pytest.raises(TypeError, match="dtype must be a floating point type"):
        make(dtype)
