"""The probe: what it calls equivariant is, and what it does not is not."""

from fractions import Fraction
from math import inf

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.testing import assert_close

from coordlib.grid import index_grid
from coordlib.probe import probe, shift

RING = list(range(8))


def ring_conv(stride=1):
    torch.manual_seed(0)
    return nn.Conv2d(2, 3, 3, stride, 1, padding_mode="circular")


def picture(size=8):
    return torch.rand(2, 2, size, size, generator=torch.Generator().manual_seed(0))


def test_a_shift_moves_content_down_and_right():
    x = torch.zeros(1, 1, 3, 4)
    x[0, 0, 0, 1] = 1
    assert shift(x, (1, 2))[0, 0, 1, 3] == 1
    assert shift(x, 1)[0, 0, 0, 2] == 1


def test_a_zero_filled_shift_loses_what_leaves_and_a_circular_one_does_not():
    x = torch.ones(1, 1, 3, 3)
    assert shift(x, (1, 0), "zero").sum() == 6
    assert shift(x, (-1, 2), "zero").sum() == 2
    assert shift(x, (5, 0), "zero").sum() == 0
    assert shift(x, (1, 0), "circular").sum() == 9


@given(st.integers(-9, 9), st.integers(-9, 9))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_circular_shifts_add(a, b):
    x = picture()
    assert torch.equal(shift(shift(x, (a, b)), (b, a)), shift(x, (a + b, a + b)))


def test_circular_convolution_commutes_with_every_shift():
    result = probe(ring_conv(), picture(), [(i, j) for i in RING for j in RING])
    assert result.is_exact
    assert result.kind == "equivariance"
    assert "64 of 64" in result.summary()


def test_zero_padding_breaks_circular_equivariance_at_the_border_only():
    conv = nn.Conv2d(2, 3, 3, padding=1)
    result = probe(conv, picture(), [(0, 1)])
    assert not result.is_exact
    wrong = result.maps[0] > 1e-5
    assert wrong[:, [0, 1, -1]].any()
    assert not wrong[1:-1, 2:-1].any()


def test_a_stride_leaves_its_multiples():
    result = probe(ring_conv(2), picture(), [(0, d) for d in RING], stride=2)
    assert result.exact == [(0, 0), (0, 2), (0, 4), (0, 6)]


def test_linear_interpolation_is_exact_on_multiples_too():
    result = probe(
        ring_conv(2), picture(), [(0, 2), (2, 4)], stride=2, between="linear"
    )
    assert result.is_exact


def test_a_strided_average_of_a_ramp_moves_by_half_a_pixel():
    ramp = torch.arange(16.0).expand(1, 1, 16, 16)
    pool = nn.AvgPool2d(2)
    halves = {"stride": 2, "mode": "cropped"}
    linear = probe(pool, ramp, [(0, 1)], between="linear", **halves)
    nearest = probe(pool, ramp, [(0, 1)], between="nearest", **halves)
    assert linear.is_exact
    assert not nearest.is_exact


def test_global_average_pooling_after_a_ring_convolution_is_invariant():
    def network(x):
        return ring_conv()(x).mean(dim=(2, 3))

    result = probe(network, picture(), [(i, i) for i in RING])
    assert result.kind == "invariance"
    assert result.is_exact


def test_a_position_dependent_bias_is_seen():
    bias = torch.linspace(-1, 1, 8)
    result = probe(lambda x: x + bias, picture(), [(0, 3), (3, 0)])
    assert result.exact == [(3, 0)]


def test_cropping_compares_real_content_without_a_border():
    big = picture(16)
    shifts = [(1, 0), (0, 3), (-2, 2)]
    valid = nn.Conv2d(2, 3, 3)
    padded = nn.Conv2d(2, 3, 3, padding=1)
    assert probe(valid, big, shifts, mode="cropped").is_exact
    assert not probe(padded, big, shifts, mode="cropped").is_exact


def test_places_without_content_are_not_compared():
    result = probe(nn.Identity(), picture(), [(2, 0)], mode="zero")
    assert result.is_exact
    assert result.maps[0, :2].isnan().all()
    assert not result.maps[0, 2:].isnan().any()


def test_the_error_grid_has_rows_down_and_columns_right():
    bias = torch.linspace(-1, 1, 8)
    shifts = [(i, j) for j in (2, 0) for i in (0, 1)]
    grid = probe(lambda x: x + bias, picture(), shifts).error_grid()
    assert grid.shape == (2, 2)
    assert (grid[:, 0] == 0).all()
    assert (grid[:, 1] > 0).all()


def test_one_and_three_spatial_axes_are_probed_alike():
    line = torch.rand(1, 1, 8)
    volume = torch.rand(1, 1, 4, 4, 4)
    conv1 = nn.Conv1d(1, 1, 3, padding=1, padding_mode="circular")
    conv3 = nn.Conv3d(1, 1, 3, padding=1, padding_mode="circular")
    assert probe(conv1, line, [1, 2, 3]).is_exact
    assert probe(conv3, volume, [(1, 2, 3), (3, 0, 1)]).is_exact


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shifts": []}, "at least one shift"),
        ({"shifts": [(1, 0), 2]}, "same number"),
        ({"shifts": [(1, 0)], "mode": "wrap"}, "mode must be one of"),
        ({"shifts": [(1, 0)], "between": "cubic"}, "between must be one of"),
        ({"shifts": [(1, 0)], "stride": 0}, "positive"),
        ({"shifts": [(9, 0)], "mode": "zero"}, "no place of the output"),
        ({"shifts": [(4, 0)], "mode": "cropped"}, "too small to crop"),
        ({"shifts": [(1, 1, 1, 1, 1)]}, "too few axes"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        probe(nn.Identity(), picture(), **arguments)


def test_a_shift_of_fractions_is_refused():
    with pytest.raises(TypeError, match="int or a tuple of int"):
        shift(picture(), (0.5, 1))
    with pytest.raises(TypeError, match="int or a tuple of int"):
        probe(nn.Identity(), picture(), [(0.5, 1)])


def test_fractions_are_offered_where_they_are_refused():
    with pytest.raises(TypeError, match='mode="fourier" moves by fractions'):
        shift(picture(), (0.5, 1))
    for wrong in (float("nan"), float("inf"), "1", None, True):
        with pytest.raises(TypeError, match="by: a shift is"):
            shift(picture(), (wrong, 1), "fourier")
    with pytest.raises(TypeError, match="x must be floating point"):
        shift(torch.ones(3, 3, dtype=torch.long), 0.5, "fourier")


@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize("by", [(0, 1), (3, -2), (9, 100_003)])
def test_a_whole_shift_by_fourier_is_the_circular_one(size, by):
    x = picture(size)
    assert_close(shift(x, by, "fourier"), shift(x, by))


def waves(down, right, size=(9, 12)):
    """A band-limited picture, seen from a place."""
    i, j = index_grid(size, dtype=torch.float64)
    i, j = (i - down) * 2 * torch.pi / size[0], (j - right) * 2 * torch.pi / size[1]
    return (1 + torch.cos(4 * i + 1) + torch.sin(3 * i - 5 * j) * torch.cos(i))[None]


@pytest.mark.parametrize("by", [(0, 0.5), (0.3, -1.7), (-20.25, 1000.125)])
def test_what_is_band_limited_moves_exactly_between_the_pixels(by):
    assert_close(shift(waves(0, 0), by, "fourier"), waves(*by), rtol=0, atol=1e-9)


def test_fractions_of_a_shift_add():
    x = picture(9).double()
    there = shift(shift(x, (0.3, 0.9), "fourier"), (1.2, -0.4), "fourier")
    assert_close(there, shift(x, (1.5, 0.5), "fourier"))


def test_half_a_pixel_takes_nyquists_component_away():
    stripes = torch.tensor([1.0, -1.0]).repeat(4)
    assert_close(shift(stripes, 0.5, "fourier"), torch.zeros(8), rtol=0, atol=1e-6)
    assert_close(shift(stripes, 1 / 3, "fourier"), stripes / 2)
    assert_close(shift(stripes, 1.0, "fourier"), -stripes)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_a_fractional_shift_keeps_the_type(dtype):
    moved = shift(picture().to(dtype), (0.5, 0.25), "fourier")
    assert moved.dtype == dtype
    wanted = shift(picture(), (0.5, 0.25), "fourier")
    assert_close(moved.float(), wanted, rtol=0.02, atol=0.02)


FRACTIONS = [(0, 0.5), (0.25, 1.5), (2, -0.75)]


def test_a_circular_convolution_commutes_with_fractions_of_a_shift():
    found = probe(ring_conv(), picture(9), FRACTIONS, mode="fourier")
    assert found.is_exact
    assert found.shifts == [(0, 0.5), (0.25, 1.5), (2, -0.75)]
    assert "3 of 3" in found.summary()


def test_a_rectifier_does_not_for_it_makes_frequencies_that_alias():
    def rectified(x):
        return (x - 0.5).relu()

    assert not probe(rectified, picture(9), FRACTIONS, mode="fourier").exact
    assert probe(rectified, picture(9), [(0, 1)], mode="fourier").is_exact


def test_subsampling_what_the_coarser_grid_can_hold_moves_by_half_as_much():
    i, j = index_grid((16, 16), dtype=torch.float64)
    smooth = torch.cos((2 * i - 3 * j) * 2 * torch.pi / 16)[None, None]
    rough = torch.cos((2 * i - 7 * j) * 2 * torch.pi / 16)[None, None]
    halved = {"shifts": [(0, 1), (0.5, 0.3)], "mode": "fourier"}
    assert probe(lambda x: x[..., ::2, ::2], smooth, **halved).is_exact
    assert not probe(lambda x: x[..., ::2, ::2], rough, **halved).exact


def test_a_map_whose_output_changes_shape_is_refused():
    def fickle(x):
        return x[:, :, : 4 + int(x[0, 0, 0, 0] > 0.9)]

    x = picture()
    x[0, 0, 0, 0], x[0, 0, 0, 7] = 0, 1
    with pytest.raises(ValueError, match="gives shape"):
        probe(fickle, x, [(0, 1)])


def test_an_incomplete_set_of_shifts_has_no_error_grid():
    with pytest.raises(ValueError, match="every combination"):
        probe(nn.Identity(), picture(), [(0, 0), (1, 1)]).error_grid()


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (lambda x: (x, x), "tuple"),
        (lambda x: {"out": x}, "dict"),
        (lambda x: None, "NoneType"),
    ],
)
def test_a_map_that_gives_no_tensor_is_refused(f, name):
    with pytest.raises(TypeError, match=f"f must return a tensor, got {name}"):
        probe(f, picture(), [(0, 1)])


@pytest.mark.parametrize(
    "f", [lambda x: x.mean(1), lambda x: x.mean(2), lambda x: x[None]]
)
def test_a_map_that_loses_one_axis_is_no_invariance(f):
    with pytest.raises(ValueError, match="must keep the 4 axes of x, or all"):
        probe(f, picture(), [(0, 1)])


@pytest.mark.parametrize("f", [lambda x: x.mean((2, 3)), lambda x: x.mean((1, 2, 3))])
def test_scores_and_single_numbers_are_held_for_invariance(f):
    assert probe(f, picture(), [(0, 1)]).kind == "invariance"


@pytest.mark.parametrize(
    ("select", "error"),
    [(3, ValueError), ("out", ValueError), (1.5, TypeError), (True, TypeError)],
)
def test_a_key_that_the_output_does_not_have_is_refused(select, error):
    with pytest.raises(error, match="select must be a key"):
        probe(lambda x: (x, x), picture(), [(0, 1)], select=select)


@pytest.mark.parametrize(
    ("f", "select"),
    [
        (lambda x: (x.cumsum(3), ring_conv()(x)), 1),
        (lambda x: {"aux": x.cumsum(3), "out": ring_conv()(x)}, "out"),
        (lambda x: [[ring_conv()(x)]], lambda y: y[0][0]),
        (ring_conv(), 0),
    ],
)
def test_one_part_of_the_output_is_selected(f, select):
    assert probe(f, picture(), [(0, 1)], select=select).is_exact


def test_a_single_place_left_is_invariance():
    network = nn.Sequential(ring_conv(), nn.AdaptiveAvgPool2d(1))
    found = probe(network, picture(), [(0, 1), (3, 2)], mode="circular")
    assert found.kind == "invariance"
    assert found.is_exact
    assert probe(network, picture(), [(0, 9)], mode="zero").errors.isfinite().all()


@pytest.mark.parametrize(
    ("f", "size", "stride"),
    [
        (nn.Conv2d(2, 1, 3, padding=1), 8, 1),
        (nn.Conv2d(2, 1, 3), 8, 1),
        (nn.MaxPool2d(2), 8, 2),
        (nn.MaxPool2d(3, 2), 27, 2),
        (nn.Conv2d(2, 1, 11, 4, 2), 224, 4),
        (nn.Upsample(scale_factor=2), 8, Fraction(1, 2)),
        (nn.ConvTranspose2d(2, 1, 3, 2), 8, Fraction(1, 2)),
    ],
)
def test_sizes_tell_the_stride(f, size, stride):
    found = probe(f, picture(size), [(0, 2)])
    assert found.stride == (stride, stride)
    assert all(type(r) is type(stride) for r in found.stride)


def test_each_axis_has_a_stride_of_its_own():
    assert probe(nn.MaxPool2d((2, 1)), picture(), [(2, 3)]).is_exact
    assert probe(nn.MaxPool2d((1, 2)), picture(), [(0, 2)]).stride == (1, 2)


def test_an_upsampler_moves_its_output_by_more_than_its_input():
    shifts = [(0, 1), (2, 3)]
    assert probe(nn.Upsample(scale_factor=3), picture(), shifts).is_exact
    with pytest.warns(UserWarning, match="stride of 0.33"):
        assert not probe(nn.Upsample(scale_factor=3), picture(), shifts, stride=1).exact


def test_a_stride_that_sizes_do_not_tell_can_be_given():
    def resized(x):  # places 0, 2/3, 4/3, ... of a ring
        return x.repeat_interleave(3, 3)[..., ::2]

    assert probe(resized, picture(), [2, 4], stride=Fraction(2, 3)).is_exact
    assert not probe(resized, picture(), [2, 4]).is_exact


@pytest.mark.parametrize(
    ("f", "stride", "told"),
    [
        (nn.MaxPool2d(2), 1, "4 places out of 8 .* a stride of 2, got stride 1"),
        (nn.MaxPool2d(2), 4, "a stride of 2, got stride 4"),
        (nn.Upsample(scale_factor=2), 1, r"16 places out of 8 .* a stride of 0\.5"),
    ],
)
def test_a_stride_that_the_sizes_deny_is_noticed(f, stride, told):
    with pytest.warns(UserWarning, match=told):
        probe(f, picture(), [(0, 2)], stride=stride)


def test_a_stride_that_the_sizes_allow_is_not_spoken_of(recwarn):
    probe(nn.MaxPool2d(2), picture(), [(0, 2)], stride=2)
    probe(nn.Conv2d(2, 1, 3), picture(), [(0, 2)])
    probe(nn.Conv2d(2, 1, 3), picture(16), [(0, 1)], mode="cropped")
    probe(nn.MaxPool2d((2, 1)), picture(), [3])
    assert not recwarn.list


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_in_half_precision_errors_are_those_of_single_precision(dtype):
    x = 1000 * torch.rand(1, 8, 64, 64, generator=torch.Generator().manual_seed(0))
    pool, shifts = torch.nn.MaxPool2d(2), [(0, 1), (1, 1)]
    single, half = (probe(pool, x.to(d), shifts).errors for d in (torch.float32, dtype))
    assert half == pytest.approx(single, rel=0.02)


def test_answers_that_are_integers_are_compared():
    found = probe(lambda x: (9 * x).long(), torch.rand(2, 3, 4, 4), [(0, 1)])
    assert found.is_exact


class WritesIntoItsInput(nn.Module):
    def forward(self, x):
        x -= 0.5
        x *= 2
        return x


@pytest.mark.parametrize("mode", ["circular", "zero", "cropped", "fourier"])
def test_a_map_that_writes_into_its_input_changes_neither_the_picture_nor_the_answer(
    mode,
):
    x = picture(12)
    before = x.clone()
    found = probe(
        WritesIntoItsInput(), x, [(0, 1), (1, 1)], mode=mode, keep_panels=True
    )
    assert found.is_exact and torch.equal(x, before)
    assert float(found.panels[0][0].min()) >= 0  # the input as it was given


def test_a_map_that_gives_the_same_memory_each_time_is_held_against_what_it_gave():
    x = picture()
    memory = torch.zeros_like(x)

    def f(x):
        return torch.cumsum(x, -1, out=memory)

    found = probe(f, x, [(0, 1), (0, 2)], keep_panels=True)
    wanted = probe(lambda x: x.cumsum(-1), x, [(0, 1), (0, 2)], keep_panels=True)
    assert torch.equal(found.errors, wanted.errors) and not found.is_exact
    for one, other in zip(found.panels, wanted.panels, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_answers_that_are_yes_or_no_are_compared():
    found = probe(lambda x: x > 0.5, picture(), [(0, 1), (1, 0)])
    assert found.is_exact and found.scale == 1
    assert not probe(lambda x: x[..., ::2] > 0.5, picture(), [(0, 1)]).is_exact


@pytest.mark.parametrize("f", [lambda x: x[:, :0], lambda x: x[..., :0]])
def test_a_map_that_gives_nothing_is_refused(f):
    with pytest.raises(ValueError, match="f must give some values, got shape"):
        probe(f, picture(), [(0, 1)])


@pytest.mark.parametrize("f", [lambda x: x > 0, lambda x: x.long()])
def test_only_floating_outputs_move_by_fractions(f):
    x = torch.rand(1, 1, 8, 8)
    with pytest.raises(TypeError, match="what f gives must"):
        probe(f, x, [(0.5, 0)], mode="fourier")


def test_an_infinity_that_stays_where_it_is_is_not_exact():
    fixed = torch.arange(8) == 3
    found = probe(lambda x: torch.where(fixed, inf, x), picture(), [(0, 1)])
    assert not found.is_exact


def test_infinities_that_move_along_are_exact():
    found = probe(lambda x: torch.where(x > 0.5, x, -inf), picture(), [(0, 1)])
    assert found.is_exact
