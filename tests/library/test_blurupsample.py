"""Blurred upsampling: the zeros, the filter, the borders, and the way back down."""

import math

import numpy as np
import pytest
import torch
from compilers import assert_compiles_and_exports_once_for_all_sizes
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.testing import assert_close

from coordlib import layers
from coordlib.layers import BlurPool2d, BlurUpsample1d, BlurUpsample2d, binomial_filter

RANKS = [1, 2, 3]
BORDERS = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
MODES = [*BORDERS, "zeros"]


def upsampled(x, filter_size, stride, padding_mode):
    """The definition, axis by axis in numpy: widen, put zeros in between, filter."""
    x = x.numpy()
    for axis, (k, s) in enumerate(zip(filter_size, stride, strict=True), start=2):
        n, pads = x.shape[axis], [(0, 0)] * x.ndim
        pads[axis] = (4, 4)
        x = np.pad(x, pads, mode=BORDERS.get(padding_mode, "constant"))
        x = np.repeat(x, s, axis) * (np.arange((n + 8) * s) % s == 0).reshape(
            [-1 if a == axis else 1 for a in range(x.ndim)]
        )
        taps = s * binomial_filter(k, dtype=torch.float64).numpy()
        x = np.apply_along_axis(np.convolve, axis, x, taps)
        start = 4 * s + (k - 1) // 2
        x = x.take(range(start, start + n * s), axis)
    return torch.from_numpy(x)


def layer_of(rank, kind="BlurUpsample"):
    return getattr(layers, f"{kind}{rank}d")


@st.composite
def layer_and_input(draw):
    rank = draw(st.sampled_from(RANKS))
    options = {
        "filter_size": draw(st.tuples(*[st.integers(1, 7)] * rank)),
        "stride": draw(st.tuples(*[st.integers(1, 3)] * rank)),
        "padding_mode": draw(st.sampled_from(MODES)),
    }
    shape = draw(st.tuples(*[st.integers(1, 2)] * 2, *[st.integers(5, 7)] * rank))
    torch.manual_seed(0)
    return layer_of(rank)(**options), torch.randn(shape).double(), options


# The law


@given(layer_and_input())
def test_it_puts_zeros_in_between_and_filters_each_axis(example):
    layer, x, options = example
    assert_close(layer.double()(x), upsampled(x, **options))


@given(layer_and_input())
def test_it_is_the_adjoint_of_blur_pool_times_the_strides(example):
    layer, x, options = example
    options["padding_mode"] = "zeros" if layer.padding_mode == "zeros" else "circular"
    up = layer_of(layer.rank)(**options).double()
    down = layer_of(layer.rank, "BlurPool")(**options).double()
    y = torch.randn_like(up(x))
    assert_close((up(x) * y).sum(), (x * down(y)).sum() * math.prod(up.stride))


@given(st.integers(2, 7), st.sampled_from(MODES), st.sampled_from(RANKS))
def test_at_a_stride_of_2_a_constant_stays_unless_the_border_is_dark(k, mode, rank):
    ones = torch.ones(1, 1, *[5] * rank)
    output = layer_of(rank)(filter_size=k, padding_mode=mode)(ones)
    if mode == "zeros":
        assert output.max() <= 1 and output.flatten()[output.numel() // 2] <= 1
    else:
        assert_close(output, torch.ones(1, 1, *[10] * rank))


def test_at_a_stride_of_3_a_constant_ripples():
    output = BlurUpsample1d(stride=3, padding_mode="circular")(torch.ones(1, 2))
    assert_close(output, torch.tensor([[1.5, 0.75, 0.75] * 2]))


def test_a_filter_of_2_repeats_pixels_and_one_of_3_interpolates():
    x = torch.randn(2, 3, 5, 4)
    nearest = nn.Upsample(scale_factor=2)
    assert_close(BlurUpsample2d(filter_size=2)(x), nearest(x))
    line = BlurUpsample1d(padding_mode="replicate")(torch.tensor([[0.0, 2, 4]]))
    assert line.tolist() == [[0, 1, 2, 3, 4, 4]]


@given(
    st.tuples(st.integers(1, 7), st.integers(1, 7)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
)
def test_a_shift_of_the_input_by_d_shifts_the_output_by_stride_times_d(k, stride, by):
    layer = BlurUpsample2d(None, k, stride, "circular")
    x = torch.randn(1, 2, 5, 6)
    wide = [s * d for s, d in zip(stride, by, strict=True)]
    assert_close(layer(x.roll(by, (2, 3))), layer(x).roll(wide, (2, 3)))


@pytest.mark.parametrize("filter_size", [1, 2, 3, 4, 5])
def test_what_was_halved_and_doubled_stands_where_it_was(filter_size):
    """A picture that is its own mirror image on the ring still is, about one axis."""
    options = {"filter_size": filter_size, "padding_mode": "circular"}
    # A filter that is odd is centred on a pixel, an even one between two.
    picture = (
        [4.0, 3, 2, 1, 0, 1, 2, 3] if filter_size % 2 else [4.0, 3, 2, 1, 1, 2, 3, 4]
    )
    halved = layers.BlurPool1d(**options)(torch.tensor([picture]))
    doubled = BlurUpsample1d(**options)(halved)
    assert_close(doubled, doubled.flip(-1).roll(filter_size % 2, -1))


class SmallUNet(nn.Module):
    """Two sizes: blurred on the way down, and blurred on the way up."""

    def __init__(self, mode):
        super().__init__()
        circular = {"padding": 1, "padding_mode": mode}
        self.first = nn.Conv2d(2, 4, 3, **circular)
        self.down = BlurPool2d(padding_mode=mode)
        self.deep = nn.Conv2d(4, 4, 3, **circular)
        self.up = BlurUpsample2d(padding_mode=mode)
        self.last = nn.Conv2d(8, 1, 3, **circular)

    def forward(self, x):
        x = self.first(x).relu()
        deep = self.deep(self.down(x)).relu()
        return self.last(torch.cat([x, self.up(deep)], 1))


def test_a_circular_u_net_commutes_with_shifts_by_multiples_of_its_stride():
    torch.manual_seed(0)
    network, x = SmallUNet("circular").double(), torch.randn(2, 2, 8, 12).double()
    for by in [(2, 0), (0, 2), (4, -6), (10, 14)]:
        assert_close(network(x.roll(by, (2, 3))), network(x).roll(by, (2, 3)))
    by = (1, 0)
    assert not torch.allclose(network(x.roll(by, (2, 3))), network(x).roll(by, (2, 3)))


# What a layer of this kind should be


def test_it_adds_nothing_to_the_state_of_a_network():
    layer = BlurUpsample2d(8, 4)
    assert not layer.state_dict() and not list(layer.parameters())
    assert repr(layer) == (
        "BlurUpsample2d(8, filter_size=(4, 4), stride=(2, 2), padding_mode='reflect')"
    )


def test_it_can_be_made_on_the_meta_device_and_materialised():
    layer = BlurUpsample2d(filter_size=5, device="meta").to_empty(device="cpu")
    x = torch.randn(1, 1, 6, 6)
    assert torch.equal(layer(x), BlurUpsample2d(filter_size=5)(x))


@pytest.mark.parametrize("mode", MODES)
def test_a_single_image_needs_no_batch_axis(mode):
    x, layer = torch.randn(3, 8, 8), BlurUpsample2d(padding_mode=mode)
    assert_close(layer(x), layer(x[None])[0])


def test_channels_last_inputs_give_channels_last_outputs():
    x = torch.randn(2, 8, 6, 6).to(memory_format=torch.channels_last)
    for mode in "reflect", "replicate", "zeros":  # torch's circular padding gives none
        layer = BlurUpsample2d(padding_mode=mode)
        assert layer(x).is_contiguous(memory_format=torch.channels_last)
        assert_close(layer(x), layer(x.contiguous()))


@pytest.mark.parametrize("mode", MODES)
def test_gradients_are_those_of_the_definition(mode):
    x = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    layer = BlurUpsample2d(None, 4, (2, 1), mode).double()
    assert torch.autograd.gradcheck(layer, x)


def test_it_compiles_and_exports_once_for_all_sizes():
    assert_compiles_and_exports_once_for_all_sizes(BlurUpsample2d())


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"2 spatial axes .* got shape \(8, 8\)"):
        BlurUpsample2d()(torch.zeros(8, 8))
    with pytest.raises(TypeError, match=r"floating point, got torch\.uint8"):
        BlurUpsample2d()(torch.zeros(1, 1, 8, 8, dtype=torch.uint8))
    with pytest.raises(ValueError, match="must have 4 channels, got 3"):
        BlurUpsample2d(4)(torch.zeros(1, 3, 8, 8))


@pytest.mark.parametrize(("mode", "least"), [("reflect", 2), ("circular", 1)])
def test_a_map_too_small_for_its_border_says_so(mode, least):
    layer = BlurUpsample2d(padding_mode=mode)
    if least == 2:
        with pytest.raises(ValueError, match=r"at least 2 .* padded by 1, got size \("):
            layer(torch.zeros(1, 1, 1, 8))
    assert layer(torch.zeros(1, 1, least, 8)).shape == (1, 1, 2 * least, 16)
