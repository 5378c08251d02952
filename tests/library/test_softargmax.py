import numpy as np
import pytest
import torch
from compilers import assert_compiles_and_exports_once_for_all_sizes
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from coordlib.grid import from_unit, to_unit
from coordlib.layers import SoftArgmax1d, SoftArgmax2d, SoftArgmax3d

KINDS = [SoftArgmax1d, SoftArgmax2d, SoftArgmax3d]
sizes = st.lists(st.integers(1, 7), min_size=1, max_size=3).map(tuple)


def mean_position(image, temperature):
    """The definition: the softmax-weighted mean of all pixel positions."""
    weights = np.exp(image / temperature)
    weights /= weights.sum()
    return [(weights * index).sum() for index in np.indices(image.shape)]


# The law


@given(sizes, st.sampled_from([0.1, 1.0, 3.0]), st.integers(0, 99))
def test_it_is_the_softmax_weighted_mean_of_the_positions(size, temperature, seed):
    torch.manual_seed(seed)
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    output = KINDS[len(size) - 1](temperature, unit=False)(x)
    expected = [
        [mean_position(channel.numpy(), temperature) for channel in sample]
        for sample in x
    ]
    assert_close(output, torch.tensor(expected, dtype=torch.float64))


@given(sizes)
def test_units_and_pixels_are_the_same_position(size):
    x = torch.randn(2, 3, *size)
    kind = KINDS[len(size) - 1]
    assert_close(kind()(x), to_unit(kind(unit=False)(x), size))
    assert_close(from_unit(kind()(x), size), kind(unit=False)(x))


@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_a_high_peak_is_read_off_exactly(height, width, data):
    i = data.draw(st.integers(0, height - 1))
    j = data.draw(st.integers(0, width - 1))
    x = torch.zeros(1, 1, height, width)
    x[0, 0, i, j] = 200
    assert SoftArgmax2d(unit=False)(x).tolist() == [[[i, j]]]


def test_a_constant_map_points_at_the_centre():
    assert_close(SoftArgmax2d()(torch.full((1, 1, 4, 7), 5.0)), torch.zeros(1, 1, 2))
    centre = SoftArgmax2d(unit=False)(torch.zeros(1, 1, 4, 7))
    assert_close(centre, torch.tensor([[[1.5, 3.0]]]))


def test_a_low_peak_is_pulled_towards_the_centre_more_in_a_larger_image():
    distances = []
    for size in 8, 32, 128:
        x = torch.zeros(1, 1, size, size)
        x[0, 0, 0, 0] = 6.0
        distances.append(SoftArgmax2d()(x)[0, 0, 0].item())
    assert -1 < distances[0] < distances[1] < distances[2] < 0
    x[0, 0, 0, 0] = np.log(128 * 128) + 10
    assert_close(SoftArgmax2d()(x), torch.full((1, 1, 2), -1.0), atol=1e-3, rtol=0)


def test_a_lower_temperature_comes_closer_to_the_maximum():
    torch.manual_seed(0)
    x = torch.randn(1, 1, 9, 9)
    top = torch.tensor(np.unravel_index(int(x.argmax()), (9, 9)))
    errors = [
        (SoftArgmax2d(t, unit=False)(x)[0, 0] - top).norm().item()
        for t in (1, 0.1, 0.01, 0.001)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-3


# What a layer of this kind should be


def test_gradients_are_those_of_the_definition():
    x = torch.randn(2, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(SoftArgmax2d(0.5), x)


def test_large_scores_do_not_overflow():
    x = torch.zeros(1, 1, 3, 3, dtype=torch.float16)
    x[0, 0, 2, 0] = 60000
    assert SoftArgmax2d(0.01)(x).tolist() == [[[1, -1]]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_float_type_goes_in_and_comes_out(dtype):
    x = torch.randn(2, 3, 64, 64)
    output = SoftArgmax2d()(x.to(dtype))
    assert output.dtype == dtype
    assert_close(output.float(), SoftArgmax2d()(x), rtol=0, atol=5e-3)


def test_positions_beyond_512_are_found_in_half_precision_too():
    x = torch.zeros(1, 1, 1024, dtype=torch.bfloat16)
    x[0, 0, 513] = 100
    assert_close(
        SoftArgmax1d()(x).float(), torch.tensor([[[3 / 1023]]]), rtol=1e-2, atol=0
    )


def test_autocast_does_not_round_positions():
    x = torch.randn(1, 1, 64, 64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = SoftArgmax2d()(x)
    assert_close(inside, SoftArgmax2d()(x))


@pytest.mark.parametrize(("kind", "rank"), list(zip(KINDS, [1, 2, 3], strict=True)))
def test_a_single_image_needs_no_batch_axis(kind, rank):
    x = torch.randn(3, *[4, 6, 2][:rank])
    assert kind()(x).shape == (3, rank)
    assert_close(kind()(x), kind()(x[None])[0])


def test_it_compiles_and_exports_once_for_all_sizes():
    assert_compiles_and_exports_once_for_all_sizes(SoftArgmax2d())


def test_the_representation_shows_the_options():
    assert repr(SoftArgmax2d(0.5)) == "SoftArgmax2d(temperature=0.5, unit=True)"


@pytest.mark.parametrize(("kind", "rank"), list(zip(KINDS, [1, 2, 3], strict=True)))
def test_each_channel_may_have_a_temperature_of_its_own(kind, rank, device):
    temperatures = [0.3, 1.0, 4.0]
    x = torch.randn(2, 3, *[4, 6, 2][:rank], device=device)
    layer = kind(torch.tensor(temperatures)).to(device)
    for channel, temperature in enumerate(temperatures):
        assert_close(layer(x)[:, channel], kind(temperature)(x)[:, channel])
    assert_close(layer(x[0]), layer(x)[0])
    assert not layer.state_dict()
    assert "one for each of 3 channels" in repr(layer)


def test_temperatures_that_are_a_parameter_are_learned():
    temperature = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    layer = SoftArgmax2d(temperature)
    assert layer.temperature is temperature and list(layer.state_dict())
    x = torch.randn(1, 2, 4, 4)
    assert_close(layer(x), SoftArgmax2d(temperature.detach())(x))
    layer(x).sum().backward()
    assert (temperature.grad != 0).all()


@pytest.mark.parametrize(("kind", "rank"), list(zip(KINDS, [1, 2, 3], strict=True)))
def test_a_heat_map_that_sums_to_1_is_taken_as_it_is(kind, rank):
    scores = torch.randn(2, 3, *[4, 6, 2][:rank])
    heat = scores.flatten(2).softmax(-1).reshape(scores.shape)
    for unit in True, False:
        layer = kind(unit=unit, normalised=True)
        assert_close(layer(heat), kind(unit=unit)(scores))
        assert_close(layer(heat[0]), layer(heat)[0])
    assert "normalised=True" in repr(layer) and "temperature" not in repr(layer)


def test_a_heat_map_that_sums_to_1_has_no_temperature():
    for temperature in 0.5, torch.ones(3):
        with pytest.raises(ValueError, match="temperature must be left out where the"):
            SoftArgmax2d(temperature, normalised=True)


@pytest.mark.parametrize("temperature", [1e-37, 1e-30, 1e-6])
def test_no_temperature_makes_it_overflow(temperature, device):
    x = torch.randn(1, 2, 5, 7, device=device) * 1000
    expected = [divmod(int(i), 7) for i in x[0].flatten(1).argmax(1)]
    for dtype in torch.float32, torch.bfloat16:
        scores = x.to(dtype, copy=True).requires_grad_()
        output = SoftArgmax2d(temperature, unit=False)(scores)
        output.sum().backward()
        assert scores.grad.isfinite().all()
        if dtype == torch.float32:
            assert output[0].tolist() == [list(pair) for pair in expected]


# Bad input


@pytest.mark.parametrize("temperature", [0, -1.0, float("inf"), float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError, match="temperature must be positive"):
        SoftArgmax2d(temperature)


def test_other_bad_temperatures_are_refused_by_name():
    with pytest.raises(ValueError, match="temperature must be at least 1e-37, got"):
        SoftArgmax2d(1e-40)
    with pytest.raises(ValueError, match=r"temperature must be positive, got -1\.0"):
        SoftArgmax2d(torch.tensor([1.0, -1.0]))
    with pytest.raises(ValueError, match=r"shape \(C,\), got .* of shape \(1, 2\)"):
        SoftArgmax2d(torch.ones(1, 2))
    for other in "1", None, [1.0, 2.0], True:
        with pytest.raises(TypeError, match="temperature must be a number or a tensor"):
            SoftArgmax2d(other)
    with pytest.raises(ValueError, match=r"must have 3 channels, .* got 2 in"):
        SoftArgmax2d(torch.ones(3))(torch.zeros(1, 2, 4, 4))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"2 spatial axes .* got shape \(8, 8\)"):
        SoftArgmax2d()(torch.zeros(8, 8))
    with pytest.raises(TypeError, match=r"floating point, got torch\.int64"):
        SoftArgmax2d()(torch.zeros(1, 1, 8, 8, dtype=torch.long))


def test_a_fixed_temperature_comes_back_from_meta():
    layer, x = SoftArgmax2d(torch.tensor([0.5, 1.0, 2.0])), torch.rand(2, 3, 9, 7)
    before = layer(x)
    again = layer.to("meta").to_empty(device="cpu")
    assert torch.equal(again(x), before)
