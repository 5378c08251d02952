"""What lies at the edge of what is accepted: no places, no window, other numbers."""

from fractions import Fraction

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from coordlib import grid, layers
from coordlib.layers import functional, heatmaps

RANKS = pytest.mark.parametrize("rank", [1, 2, 3])


def layer(kind, rank, *args, **options):
    return getattr(layers, f"{kind}{rank}d")(*args, **options)


@RANKS
@pytest.mark.parametrize("samples", [1, 2**15])  # which decide how it is computed
@pytest.mark.parametrize(
    "window, options",
    [
        (3, {}),
        (5, {"padding": 1}),
        (5, {"padding": 0, "padding_mode": "circular"}),
        (5, {"ceil_mode": True}),
    ],
)
def test_a_map_smaller_than_the_window_of_a_maximum_is_refused(
    rank, samples, window, options
):
    x = torch.rand(samples, 2, *[2] * rank)
    message = rf"input must hold a window of \({window}.* got size \(2"
    with pytest.raises(ValueError, match=message):
        layer("MaxBlurPool", rank, window, **options)(x)
    with pytest.raises(ValueError, match=message):
        functional.max_blur_pool(x, window, **options)


@RANKS
def test_a_last_window_that_ceil_mode_fills_up_is_large_enough(rank):
    x = torch.rand(1, 2, *[2] * rank)
    pooled = layer("MaxBlurPool", rank, 3, ceil_mode=True, filter_size=1)(x)
    assert_close(pooled.flatten(1), x.flatten(2).amax(2))


WITH_PLACES = {
    "AddCoords": lambda rank: layers.AddCoords(),
    "AddSinusoidalEncoding": lambda rank: layers.AddSinusoidalEncoding(),
    "AddLearnedEncoding": lambda rank: layers.AddLearnedEncoding(12, (4,) * rank),
    **{
        f"{kind} {mode}": lambda rank, kind=kind, mode=mode: layer(
            kind, rank, padding_mode=mode
        )
        for kind in ("BlurPool", "BlurUpsample")
        for mode in ("zeros", "replicate", "reflect", "circular")
    },
    "MaxBlurPool": lambda rank: layer("MaxBlurPool", rank, 2),
    "PolyphasePool": lambda rank: layer("PolyphasePool", rank),
    "PolyphasePool ceil": lambda rank: layer("PolyphasePool", rank, ceil_mode=True),
    "PolyphasePool scores": lambda rank: layer(
        "PolyphasePool", rank, scores=nn.Flatten()
    ),
    "PolyphaseUpsample": lambda rank: layer("PolyphaseUpsample", rank),
    "SoftArgmax": lambda rank: layer("SoftArgmax", rank),
    "SoftArgmax normalised": lambda rank: layer("SoftArgmax", rank, normalised=True),
}


@RANKS
@pytest.mark.parametrize("name", WITH_PLACES)
def test_a_map_without_places_is_refused_and_a_batch_without_samples_is_not(name, rank):
    made = WITH_PLACES[name](rank)
    message = r"input must have at least one place along each axis, got shape \(2, 12, "
    for axis in range(rank):
        size = [4] * rank
        size[axis] = 0
        with pytest.raises(ValueError, match=message):
            made(torch.rand(2, 12, *size))
    assert len(made(torch.rand(0, 12, *[4] * rank))) == 0


@pytest.mark.parametrize(
    "name", ["BlurPool zeros", "BlurUpsample zeros", "MaxBlurPool", "PolyphasePool"]
)
def test_a_map_without_channels_is_refused_where_none_can_be_made_of_it(name):
    with pytest.raises(ValueError, match=r"at least one channel, got shape \(1, 0,"):
        WITH_PLACES[name](2)(torch.rand(1, 0, 4, 4))
    with pytest.raises(ValueError, match="a multiple of 4 channels"):
        layers.AddSinusoidalEncoding()(torch.rand(1, 0, 4, 4))


def test_heat_maps_without_places_have_no_variance():
    with pytest.raises(ValueError, match="heat must have at least one place"):
        heatmaps.variance_penalty(torch.rand(1, 2, 0, 4))


@pytest.mark.parametrize("shape", [(2, 1, 0, 4), (0, 1, 4, 4), (2, 1, 4, 0)])
def test_what_holds_nothing_is_shifted_by_fractions_into_itself(shape):
    assert grid.shift(torch.rand(shape), (0.5, 0.5), "fourier").shape == shape


@pytest.mark.parametrize(
    "call",
    [
        lambda half: layers.SoftArgmax2d(half)(torch.eye(6)[None]),
        lambda half: functional.soft_argmax(torch.eye(6)[None, None], half),
        lambda half: heatmaps.render_gaussian(torch.zeros(1, 2), (5, 5), half),
        lambda half: heatmaps.variance_penalty(torch.eye(6)[None, None], half),
        lambda half: layers.FourierFeatures(scale=half)(torch.rand(4, 2) * 0 + 0.3),
        lambda half: layers.RotaryEncoding(8, base=half)(torch.ones(3, 3, 8)),
        lambda half: layers.AddSinusoidalEncoding(half)(torch.zeros(1, 8, 3, 3)),
        lambda half: layers.SamePad((3,), (1,), (1,), half)(torch.zeros(1, 1, 3)),
    ],
)
def test_a_fraction_is_a_number_like_others(call):
    assert_close(call(Fraction(1, 2)), call(0.5), rtol=0, atol=0)


@pytest.mark.parametrize(
    "call, name",
    [
        (layers.SoftArgmax2d, "temperature"),
        (lambda many: heatmaps.variance_penalty(torch.ones(1, 1, 1), many), "sigma"),
        (lambda many: layers.FourierFeatures(scale=many), "scale"),
        (lambda many: layers.SamePad((3,), (1,), (1,), many), "value"),
    ],
)
def test_a_number_that_no_float_can_hold_is_named(call, name):
    with pytest.raises(ValueError, match=rf"{name} must be below 2\*\*1024"):
        call(10**5000)


def test_what_float32_cannot_hold_is_refused_when_a_layer_is_made():
    for base in 1e-31, 1e31:
        with pytest.raises(ValueError, match="base must be from 1e-30 to 1e30"):
            layers.RotaryEncoding(8, base=base)
        with pytest.raises(ValueError, match="base must be from 1e-30 to 1e30"):
            layers.AddSinusoidalEncoding(base)
    with pytest.raises(ValueError, match=r"so small that torch\.float16 holds"):
        layers.FourierFeatures(scale=1e5, dtype=torch.float16)


@pytest.mark.parametrize("axes, message", [((), "where r is not"), ((0, 0), "once")])
def test_axes_that_fit_no_map_are_refused_when_the_layer_is_made(axes, message):
    with pytest.raises(ValueError, match=f"axes must name .*{message}"):
        layers.AddCoords(axes=axes)
    layers.AddCoords(with_r=True, axes=())  # the distance alone


def test_axes_may_name_one_in_two_ways_until_their_number_is_known():
    made = layers.AddCoords(axes=(1, -1))
    assert made(torch.rand(1, 1, 2, 2, 2)).shape[1] == 3
    with pytest.raises(ValueError, match="each axis once"):
        made(torch.rand(1, 1, 2, 2))
