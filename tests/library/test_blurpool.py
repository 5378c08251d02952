"""Blur pooling: filters, borders, strides, and what they keep."""
# Long because all that is said of one thing stands in one place.

import itertools
import math
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from compilers import assert_compiles_and_exports_once_for_all_sizes
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.testing import assert_close

from coordlib.layers import (
    BlurPool1d,
    BlurPool2d,
    BlurPool3d,
    MaxBlurPool1d,
    MaxBlurPool2d,
    MaxBlurPool3d,
    _pooling,
    binomial_filter,
)

BLUR = [BlurPool1d, BlurPool2d, BlurPool3d]
MAX_BLUR = [MaxBlurPool1d, MaxBlurPool2d, MaxBlurPool3d]
PASCAL = {
    1: [1],
    2: [1, 1],
    3: [1, 2, 1],
    4: [1, 3, 3, 1],
    5: [1, 4, 6, 4, 1],
    6: [1, 5, 10, 10, 5, 1],
    7: [1, 6, 15, 20, 15, 6, 1],
}
NUMPY_MODES = {
    "reflect": "reflect",
    "replicate": "edge",
    "zeros": "constant",
    "circular": "wrap",
}
modes = st.sampled_from(list(NUMPY_MODES))


def blurred(x, filter_size, stride, padding_mode):
    """The definition, axis by axis in numpy: pad, filter, keep every s-th."""
    x = x.numpy()
    for axis, (k, s) in enumerate(zip(filter_size, stride, strict=True), start=2):
        pads = [(0, 0)] * x.ndim
        pads[axis] = ((k - 1) // 2, math.ceil((k - 1) / 2))
        x = np.pad(x, pads, mode=NUMPY_MODES[padding_mode])
        taps = np.array(PASCAL[k]) / sum(PASCAL[k])
        x = np.apply_along_axis(np.convolve, axis, x, taps, "valid")
        x = x[(slice(None),) * axis + (slice(None, None, s),)]
    return torch.from_numpy(x)


@st.composite
def blur_and_input(draw):
    rank = draw(st.integers(1, 3))
    axes = [st.integers(1, 7)] * rank
    options = {
        "filter_size": draw(st.tuples(*axes)),
        "stride": draw(st.tuples(*[st.integers(1, 3)] * rank)),
        "padding_mode": draw(modes),
    }
    low = 4 if options["padding_mode"] in ("reflect", "circular") else 1
    shape = draw(st.tuples(*[st.integers(1, 3)] * 2, *[st.integers(low, 9)] * rank))
    torch.manual_seed(0)
    return BLUR[rank - 1](**options), torch.randn(shape, dtype=torch.float64), options


# The law


@given(blur_and_input())
def test_it_pads_filters_and_subsamples_each_axis(example):
    layer, x, options = example
    assert_close(layer(x), blurred(x, **options))
    sizes = zip(x.shape[2:], options["stride"], strict=True)
    assert layer(x).shape[2:] == tuple(math.ceil(n / s) for n, s in sizes)


@given(blur_and_input())
def test_a_constant_stays_as_it_is_unless_the_border_is_dark(example):
    layer, x, options = example
    ones = layer(torch.ones_like(x))
    if options["padding_mode"] == "zeros":
        assert ones.max() <= 1 + 1e-12
    else:
        assert_close(ones, torch.ones_like(ones))


def test_zero_padding_darkens_the_border_and_nothing_else():
    ones = BlurPool2d(filter_size=3, stride=1, padding_mode="zeros")(
        torch.ones(1, 5, 5)
    )
    assert_close(ones[0, 1:-1, 1:-1], torch.ones(3, 3))
    assert_close(ones[0, 0], torch.tensor([9, 12, 12, 12, 9]) / 16)


@pytest.mark.parametrize("size", PASCAL)
def test_filters_are_the_rows_of_pascals_triangle(size):
    taps = binomial_filter(size, dtype=torch.float64)
    assert taps.tolist() == [value / 2 ** (size - 1) for value in PASCAL[size]]
    assert taps.sum() == 1


@pytest.mark.parametrize("size", [2, 3, 4, 5, 6, 7])
def test_every_filter_removes_the_finest_detail(size):
    stripes = torch.tensor([1.0, -1.0]).repeat(8)[None]
    layer = BlurPool1d(filter_size=size, stride=1, padding_mode="circular")
    assert_close(layer(stripes), torch.zeros_like(stripes))


def test_filter_size_1_is_plain_subsampling():
    x = torch.randn(2, 3, 7, 8)
    assert torch.equal(BlurPool2d(filter_size=1, stride=(2, 3))(x), x[..., ::2, ::3])


def test_filter_size_2_is_average_pooling():
    x = torch.randn(2, 3, 8, 6)
    assert_close(BlurPool2d(filter_size=2)(x), F.avg_pool2d(x, 2))


@pytest.mark.parametrize("size", PASCAL)
def test_an_even_map_is_halved_by_every_filter(size):
    """Symmetric padding, as in one library, would give 33 for a filter of 4."""
    assert BlurPool2d(filter_size=size)(torch.zeros(1, 1, 64, 64)).shape[-1] == 32


def test_a_stride_may_differ_from_axis_to_axis():
    x = torch.randn(1, 2, 8, 9)
    assert BlurPool2d(stride=(1, 2))(x).shape == (1, 2, 8, 5)
    assert_close(BlurPool2d(stride=(1, 2))(x), BlurPool2d(stride=1)(x)[..., ::2])


@given(
    st.tuples(st.integers(1, 7), st.integers(1, 7)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
)
def test_circular_blur_commutes_with_circular_shifts_by_the_stride(
    filter_size, stride, times
):
    layer = BlurPool2d(None, filter_size, stride, "circular")
    x = torch.randn(1, 2, 4 * stride[0], 3 * stride[1])
    shift = [n * s for n, s in zip(times, stride, strict=True)]
    assert_close(layer(x.roll(shift, (2, 3))), layer(x).roll(times, (2, 3)))


def test_a_blur_brings_the_outputs_of_a_shifted_input_closer_but_not_together():
    x = torch.tensor([[0.0, 0, 1, 1, 0, 0, 1, 1]])
    pool, blur = nn.MaxPool1d(2), MaxBlurPool1d(2, padding_mode="circular")
    assert pool(x).tolist() == [[0, 1, 0, 1]]
    assert pool(x.roll(-1, 1)).tolist() == [[1, 1, 1, 1]]
    assert blur(x).tolist() == [[0.5, 1, 0.5, 1]]
    assert blur(x.roll(-1, 1)).tolist() == [[0.75, 0.75, 0.75, 0.75]]


# Max, then blur


@pytest.mark.parametrize(("kernel_size", "padding"), [(2, 0), (3, 0), (3, 1), (2, 1)])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_max_blur_pool_is_the_dense_maximum_then_the_blur(kernel_size, padding, rank):
    x = torch.randn(2, 3, *[9, 8, 7][:rank])
    dense = getattr(nn, f"MaxPool{rank}d")(kernel_size, stride=1, padding=padding)
    expected = BLUR[rank - 1](filter_size=4, stride=3)(dense(x))
    layer = MAX_BLUR[rank - 1](kernel_size, 3, padding, filter_size=4)
    assert_close(layer(x), expected)


def test_without_blur_it_is_max_pooling():
    x = torch.randn(2, 3, 9, 12)
    for kernel_size, padding in [(2, 0), (3, 1)]:
        layer = MaxBlurPool2d(kernel_size, 2, padding, filter_size=1)
        assert torch.equal(layer(x), F.max_pool2d(x, kernel_size, 2, padding))


@pytest.mark.parametrize("size", [1, 2, 5, 8])
@pytest.mark.parametrize("mode", ["replicate", "zeros"])
def test_same_padding_keeps_the_size_of_the_dense_map(size, mode):
    x = torch.randn(1, 1, size, 8)
    for kernel_size in 1, 2, 3, 4:
        layer = MaxBlurPool2d(kernel_size, 2, "same", padding_mode=mode)
        assert layer(x).shape == (1, 1, math.ceil(size / 2), 4)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_ceil_mode_rounds_sizes_up_as_torch_does(rank):
    torch.manual_seed(0)
    for k, s, p in itertools.product([1, 2, 3, 4], [1, 2, 3], [0, 1, 2]):
        if 2 * p > k:
            continue
        for n in 4, 5, 6, 7:
            x = torch.randn(1, 1, n, *[6, 5][: rank - 1])
            pool = getattr(nn, f"MaxPool{rank}d")(k, s, p, ceil_mode=True)
            layer = MAX_BLUR[rank - 1](k, s, p, filter_size=1, ceil_mode=True)
            assert torch.equal(layer(x), pool(x))
            layer = MAX_BLUR[rank - 1](k, s, p, padding_mode="zeros", ceil_mode=True)
            assert layer(x).shape == pool(x).shape and layer(x).isfinite().all()


def test_the_size_that_same_padding_keeps_is_rounded_up_as_it_is():
    x = torch.randn(1, 1, 7, 8)
    ceil = MaxBlurPool2d(3, padding="same", ceil_mode=True)
    assert torch.equal(ceil(x), MaxBlurPool2d(3, padding="same")(x))


def test_what_lies_beyond_the_border_never_wins():
    x = -torch.rand(1, 1, 6, 6) - 1
    for padding in 1, "same":
        layer = MaxBlurPool2d(3, 1, padding, filter_size=1)
        assert torch.equal(layer(x), F.max_pool2d(x, 3, 1, 1))


@given(
    st.integers(1, 4),
    st.integers(1, 7),
    st.integers(1, 3),
    st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
)
def test_circular_max_blur_pool_commutes_with_circular_shifts_by_the_stride(
    kernel_size, filter_size, stride, times
):
    layer = MaxBlurPool2d(
        kernel_size, stride, filter_size=filter_size, padding_mode="circular"
    )
    x = torch.randn(1, 2, 4 * stride, 5 * stride)
    shift = [n * stride for n in times]
    assert_close(layer(x.roll(shift, (2, 3))), layer(x).roll(times, (2, 3)))


def test_an_unpadded_circular_maximum_loses_the_windows_that_wrap():
    x = torch.zeros(1, 1, 8, 8)
    x[..., 0, 0] = 1
    unpadded = MaxBlurPool2d(2, 1, 0, filter_size=1, padding_mode="circular")
    assert unpadded(x).shape[-1] == 7
    wrapped = MaxBlurPool2d(2, 1, filter_size=1, padding_mode="circular")
    assert wrapped(x)[0, 0, -1, -1] == 1


def test_a_window_of_2_halves_an_even_map_as_max_pooling_does():
    for mode, filter_size in itertools.product(NUMPY_MODES, [1, 2, 3, 4, 5]):
        layer = MaxBlurPool2d(2, filter_size=filter_size, padding_mode=mode)
        assert layer(torch.zeros(1, 1, 16, 32)).shape == (1, 1, 8, 16)


# What a layer of this kind should be


@pytest.mark.parametrize("layer", [BlurPool2d(8, 4), MaxBlurPool2d(2)])
def test_it_adds_nothing_to_the_state_of_a_network(layer):
    assert not layer.state_dict()
    assert not list(layer.parameters())


def test_initialising_all_weights_of_a_network_leaves_the_filter_alone():
    network = nn.Sequential(nn.Conv2d(1, 1, 1), BlurPool2d())
    x = torch.randn(1, 1, 6, 6)
    expected = network[1](x)
    for module in network.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    for parameter in network.parameters():
        nn.init.ones_(parameter)
    assert torch.equal(network[1](x), expected)


def test_it_can_be_made_on_the_meta_device_and_materialised():
    with torch.device("meta"):
        layer = BlurPool2d(filter_size=5)
    layer = layer.to_empty(device="cpu")
    layer.reset_parameters()
    x = torch.randn(1, 1, 6, 6)
    assert torch.equal(layer(x), BlurPool2d(filter_size=5)(x))


@pytest.mark.parametrize("layer", [BlurPool2d(), MaxBlurPool2d(2)])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_float_type_goes_in_and_comes_out(layer, dtype):
    x = torch.randn(1, 2, 8, 8)
    assert layer(x.to(dtype)).dtype == dtype
    assert_close(layer(x.to(dtype)).float(), layer(x), rtol=0.02, atol=0.02)
    assert layer.to(dtype)(x.to(dtype)).dtype == dtype


@pytest.mark.parametrize("mode", NUMPY_MODES)
def test_a_single_image_needs_no_batch_axis(mode):
    x = torch.randn(3, 8, 8)
    for layer in BlurPool2d(padding_mode=mode), MaxBlurPool2d(2, padding_mode=mode):
        assert torch.equal(layer(x), layer(x[None])[0])


def test_channels_do_not_mix():
    x = torch.randn(1, 5, 8, 8)
    layer = BlurPool2d()
    for channel in range(5):
        assert_close(layer(x)[:, channel], layer(x[:, channel : channel + 1])[:, 0])


def test_gradients_are_those_of_the_definition():
    x = torch.randn(1, 2, 6, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(BlurPool2d(filter_size=4), x)
    assert torch.autograd.gradcheck(MaxBlurPool2d(2), x)


def test_channels_last_inputs_give_channels_last_outputs():
    x = torch.randn(2, 8, 6, 6).to(memory_format=torch.channels_last)
    for layer in BlurPool2d(), MaxBlurPool2d(2):
        assert layer(x).is_contiguous(memory_format=torch.channels_last)
        assert_close(layer(x), layer(x.contiguous()))


@pytest.mark.parametrize("layer", [BlurPool2d(), MaxBlurPool2d(2, padding="same")])
def test_it_compiles_and_exports_once_for_all_sizes(layer):
    assert_compiles_and_exports_once_for_all_sizes(layer)


def test_the_representation_shows_the_options():
    assert repr(BlurPool2d(8, 4)) == (
        "BlurPool2d(8, filter_size=(4, 4), stride=(2, 2), padding_mode='reflect')"
    )
    assert "kernel_size=(3, 3), padding=1" in repr(MaxBlurPool2d(3, padding=1))
    assert "padding=0, ceil_mode=True" in repr(MaxBlurPool2d(3, ceil_mode=True))


# Small and bad input


def test_a_map_too_small_to_reflect_says_so_and_names_the_remedy():
    x = torch.zeros(1, 1, 2, 8)
    with pytest.raises(
        ValueError,
        match=r"'reflect' needs at least 3 .* padded by 2, got size \(2, 8\)",
    ) as error:
        BlurPool2d(filter_size=5)(x)
    assert "'replicate' or 'zeros'" in str(error.value)
    for mode in "replicate", "zeros":
        assert BlurPool2d(filter_size=5, padding_mode=mode)(x).shape == (1, 1, 1, 4)


def test_a_map_too_small_to_wrap_says_so():
    with pytest.raises(ValueError, match=r"'circular' needs at least 3 .* size \(2,\)"):
        BlurPool1d(filter_size=7, padding_mode="circular")(torch.zeros(1, 2))


@pytest.mark.parametrize("mode", ["replicate", "zeros"])
def test_a_single_pixel_can_be_pooled(mode):
    for size in PASCAL:
        layer = BlurPool2d(filter_size=size, padding_mode=mode)
        assert layer(torch.ones(1, 1, 1, 1)).shape == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"channels": 0}, ValueError, "channels must be at least 1, got 0"),
        ({"channels": 2.0}, TypeError, r"channels must be an integer, got 2\.0"),
        ({"filter_size": 0}, ValueError, "filter_size must be at least 1, got 0"),
        ({"filter_size": "3"}, TypeError, "filter_size must be an integer, got '3'"),
        (
            {"filter_size": (3, 3, 3)},
            ValueError,
            "filter_size must be an .* 2 integers",
        ),
        ({"stride": 0}, ValueError, "stride must be at least 1, got 0"),
        ({"stride": (2,)}, ValueError, "stride must be an integer or 2 integers"),
        ({"stride": None}, TypeError, "stride must be an integer, got None"),
        ({"padding_mode": "zero"}, ValueError, "one of 'reflect', .*, got 'zero'"),
    ],
)
def test_bad_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        BlurPool2d(**options)
    if "channels" not in options:
        with pytest.raises(error, match=message):
            MaxBlurPool2d(2, **options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"kernel_size": 0}, ValueError, "kernel_size must be at least 1"),
        ({"kernel_size": 2, "padding": 2}, ValueError, "at most half of kernel_size"),
        ({"kernel_size": 2, "padding": -1}, ValueError, "padding must be at least 0"),
        (
            {"kernel_size": 2, "padding": "valid"},
            ValueError,
            "'same', an int .*'valid'",
        ),
    ],
)
def test_bad_options_of_the_maximum_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        MaxBlurPool2d(**options)


@pytest.mark.parametrize("layer", [BlurPool2d(), MaxBlurPool2d(2)])
def test_bad_input_is_refused(layer):
    with pytest.raises(ValueError, match=r"2 spatial axes .* got shape \(8, 8\)"):
        layer(torch.zeros(8, 8))
    with pytest.raises(TypeError, match=r"floating point, got torch\.uint8"):
        layer(torch.zeros(1, 1, 8, 8, dtype=torch.uint8))


@pytest.mark.parametrize("layer", [BlurPool2d(4), MaxBlurPool2d(2, channels=4)])
def test_another_number_of_channels_than_promised_is_refused(layer):
    with pytest.raises(ValueError, match="must have 4 channels, got 3"):
        layer(torch.zeros(1, 3, 8, 8))


def test_filters_of_more_taps_than_anybody_needs_are_refused_at_once():
    assert binomial_filter(1024, dtype=torch.float64).sum() == pytest.approx(1)
    for size in 1025, 10**5:
        with pytest.raises(ValueError, match=f"^size must be at most 1024, got {size}"):
            binomial_filter(size)
        with pytest.raises(ValueError, match="filter_size must be at most 1024, got"):
            BlurPool1d(filter_size=size)


def test_bad_filters_are_refused():
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        binomial_filter(0)
    with pytest.raises(TypeError, match=r"size must be an integer, got 3\.0"):
        binomial_filter(3.0)
    with pytest.raises(TypeError, match=r"floating point type, got torch\.int64"):
        binomial_filter(3, dtype=torch.long)


# The fast forms, which take over on a CPU from a certain size on


@pytest.fixture
def fast(monkeypatch):
    """Let the fast forms take over at any size, and the plain ones at none."""
    monkeypatch.setattr(_pooling, "_LEAST", 1)


def plainly(layer, x, monkeypatch):
    """The same layer through torch's own operations, with its gradient."""
    with monkeypatch.context() as patch:
        patch.setattr(_pooling, "_LEAST", math.inf)
        return with_gradient(layer, x)


def with_gradient(layer, x):
    x = x.detach().clone().requires_grad_()
    output = layer(x)
    (output * torch.linspace(1, 2, output.numel()).view(output.shape)).sum().backward()
    return output.detach(), x.grad


@pytest.mark.parametrize("mode", NUMPY_MODES)
@pytest.mark.parametrize("stride", [1, 2, (3, 2)])
@pytest.mark.parametrize("size", [(8, 8), (9, 7)])
def test_the_fast_forms_compute_what_the_plain_ones_do(
    mode, stride, size, fast, monkeypatch
):
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    layers = [BlurPool2d(None, k, stride, mode) for k in (1, 2, 3, 4, 5, (3, 1))]
    layers += [MaxBlurPool2d(k, stride, padding_mode=mode) for k in (1, 2, 3, (1, 5))]
    for layer in layers:
        for example in (x, x.contiguous(memory_format=torch.channels_last), x[0]):
            expected = plainly(layer, example, monkeypatch)
            for got, wanted in zip(
                with_gradient(layer, example), expected, strict=True
            ):
                assert_close(got, wanted)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_fast_forms_work_in_every_dimension(rank, fast, monkeypatch):
    x = torch.randn(2, 3, *[9, 8, 7][:rank])
    for layer in BLUR[rank - 1](None, 4, 3), MAX_BLUR[rank - 1](3, 2, 1):
        for got, wanted in zip(
            with_gradient(layer, x), plainly(layer, x, monkeypatch), strict=True
        ):
            assert_close(got, wanted)


@pytest.mark.parametrize("window", [2, 3, (4, 5)])
def test_among_equal_values_the_first_gets_the_gradient(window, fast, monkeypatch):
    x = torch.randint(0, 3, (2, 3, 9, 8)).double()
    layer = MaxBlurPool2d(window, 1, filter_size=1)
    expected = plainly(layer, x, monkeypatch)
    for got, wanted in zip(with_gradient(layer, x), expected, strict=True):
        assert torch.equal(got, wanted)


@pytest.mark.parametrize("mode", NUMPY_MODES)
def test_the_fast_forms_can_be_differentiated_twice_and_forwards(mode, fast):
    x = torch.randn(1, 2, 6, 5, dtype=torch.float64, requires_grad=True)
    for layer in BlurPool2d(None, 3, padding_mode=mode), MaxBlurPool2d(3):
        check = {"check_batched_grad": True, "check_forward_ad": True}
        assert torch.autograd.gradcheck(layer, x, **check)
        assert torch.autograd.gradgradcheck(layer, x)
        assert_close(torch.vmap(layer)(x[None])[0], layer(x))
        plain = x.detach()
        assert_close(torch.vmap(layer)(plain[None])[0], layer(plain))
        moved = torch.func.jvp(layer, (plain,), (torch.ones_like(plain),))[1]
        assert_close(moved, torch.func.jvp(layer, (x,), (torch.ones_like(x),))[1])


@pytest.mark.parametrize("mode", NUMPY_MODES)
@pytest.mark.parametrize("make", [BlurPool2d, partial(MaxBlurPool2d, 3)])
def test_gradients_of_the_fast_forms_can_be_differentiated_forwards(
    mode, make, fast, monkeypatch
):
    layer = make(padding_mode=mode)
    generator = torch.Generator().manual_seed(0)
    x, direction = torch.randn(2, 1, 2, 6, 5, dtype=torch.float64, generator=generator)

    def loss(x):
        return layer(x).pow(3).sum()

    def found():
        forward_over_reverse = torch.func.jvp(torch.func.grad(loss), (x,), (direction,))
        return *forward_over_reverse, torch.func.hessian(loss)(x)

    ours = found()
    monkeypatch.setattr(_pooling, "_LEAST", math.inf)
    assert_close(ours, found())


@pytest.mark.parametrize("make", [BlurPool2d, partial(MaxBlurPool2d, 2)])
def test_a_gradient_that_does_not_move_has_no_forward_derivative(make, fast):
    x = torch.randn(1, 1, 6, 6)
    gradient = torch.func.grad(lambda x: make()(x).sum())
    moved = torch.func.jvp(gradient, (x,), (torch.ones_like(x),))[1]
    assert_close(moved, torch.zeros_like(x))


def test_not_a_number_and_infinity_go_the_way_they_go_in_torch(fast, monkeypatch):
    x = torch.randn(1, 1, 8, 8)
    x[..., 2, 3], x[..., 6, 6], x[..., 7, 1] = math.nan, math.inf, -math.inf
    layer = MaxBlurPool2d(2, 1, filter_size=1)
    expected = plainly(layer, x, monkeypatch)[0]
    assert_close(layer(x), expected, equal_nan=True)


def test_large_images_take_the_fast_forms_and_autocast_the_plain_ones():
    x = torch.rand(2, 8, 64, 64, requires_grad=True)
    assert "_Blur" in type(BlurPool2d()(x).grad_fn).__name__
    with torch.autocast("cpu"):
        assert BlurPool2d()(x).dtype == torch.bfloat16


@pytest.mark.parametrize("mode", NUMPY_MODES)
@pytest.mark.parametrize("side", [6, 64])  # one form for small inputs, one for large
def test_insisting_on_a_number_of_channels_changes_no_value_and_no_gradient(mode, side):
    x = torch.rand(2, 16, side, side, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(2, 16, side // 2, side // 2, dtype=torch.float64)
    options = {"filter_size": 4, "padding_mode": mode}
    for make in BlurPool2d, partial(MaxBlurPool2d, 2, padding="same"):
        ours, theirs = (
            torch.autograd.grad((layer.double()(x) * weight).sum(), x)[0]
            for layer in (make(channels=16, **options), make(**options))
        )
        assert_close(ours, theirs)
