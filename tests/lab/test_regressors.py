"""The regressors: sizes as published, geometry as TensorFlow's, read-outs."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from coordlib.grid import unit_grid
from coordlib.lab.models import (
    ConvRegressor,
    CoordConvRegressor,
    DenseRegressor,
    SameConv2d,
    parameter_count,
)
from coordlib.lab.models.handmade import paint_pixel
from coordlib.lab.models.regressors import READOUTS


def test_the_regressors_have_the_published_parameter_counts():
    assert parameter_count(DenseRegressor()) == 72_850
    assert parameter_count(DenseRegressor(width=2)) == 159_330
    assert parameter_count(ConvRegressor()) == 12_914
    assert parameter_count(CoordConvRegressor()) == 906


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("rectifier", [False, True])
def test_no_option_changes_the_number_of_parameters(readout, rectifier):
    regressor = CoordConvRegressor(rectifier, readout)
    assert parameter_count(regressor) == 906
    assert sum(isinstance(m, nn.ReLU) for m in regressor.modules()) == 4 * rectifier


@pytest.mark.parametrize(
    ("regressor", "size"),
    [
        (DenseRegressor(), (64, 64)),
        (DenseRegressor(size=16), (16, 16)),
        (ConvRegressor(), (64, 64)),
        (ConvRegressor(), (17, 30)),
        *((CoordConvRegressor(readout=r), (12, 20)) for r in READOUTS),
    ],
)
def test_regressors_turn_pictures_into_positions(regressor, size):
    assert regressor(torch.rand(3, 1, *size)).shape == (3, 2)


@pytest.mark.parametrize(
    ("kernel_size", "stride", "before"),
    [(5, 2, 1), (3, 2, 0), (3, 1, 1), (5, 1, 2), (1, 1, 0), (1, 2, 0)],
)
def test_strided_convolutions_are_padded_as_tensorflow_pads(
    kernel_size, stride, before
):
    """A kernel of ones at even sizes: output o sees from o * stride - before on."""
    layer = SameConv2d(1, 1, kernel_size, stride)
    nn.init.ones_(layer.weight)
    nn.init.zeros_(layer.bias)
    out = 16 // stride
    seen = layer(torch.eye(16)[:, None, :, None].expand(-1, 1, -1, 16))[:, 0, :, 8 // 2]
    assert seen.shape == (16, out)
    for o in range(out):
        first = o * stride - before
        window = set(range(first, first + kernel_size)) & set(range(16))
        assert set(seen[:, o].nonzero()[:, 0].tolist()) == window


@given(
    st.integers(1, 20), st.integers(1, 20), st.sampled_from([(3, 2), (5, 2), (3, 1)])
)
def test_same_padding_gives_the_ceiling_of_the_division(height, width, form):
    kernel_size, stride = form
    layer = SameConv2d(1, 1, kernel_size, stride)
    shape = layer(torch.zeros(1, 1, height, width)).shape
    assert shape == (1, 1, -(-height // stride), -(-width // stride))


def test_the_convolutional_regressor_halves_five_times():
    sizes = []
    regressor = ConvRegressor()
    for m in regressor:
        if isinstance(m, SameConv2d):
            m.register_forward_hook(lambda module, args, y: sizes.append(y.shape[-1]))
    regressor(torch.zeros(1, 1, 64, 64))
    assert sizes == [32, 32, 32, 16, 8, 4, 4, 2, 2]


def test_the_convolutional_regressor_answers_on_the_canvas_or_beyond_its_far_end():
    """Its last layer is rectified: a fraction that is never negative."""
    assert (ConvRegressor()(torch.randn(4, 1, 32, 32)) >= -1).all()


def test_without_rectifiers_only_the_global_maximum_is_not_linear():
    maps = CoordConvRegressor().maps.double()
    a, b = torch.rand(2, 1, 1, 9, 9, dtype=torch.float64)
    middle = maps((a + b) / 2)
    assert torch.allclose(middle, (maps(a) + maps(b)) / 2)
    rectified = CoordConvRegressor(rectifier=True).maps.double()
    assert not torch.allclose(rectified(a + b), rectified(a) + rectified(b))


@pytest.mark.parametrize(
    ("readout", "expected"),
    [
        ("max", lambda maps: maps.amax((2, 3))),
        ("sum", lambda maps: maps.sum((2, 3))),
        ("mean", lambda maps: maps.mean((2, 3))),
    ],
)
def test_a_readout_reads_each_map_alone(readout, expected):
    regressor = CoordConvRegressor(readout=readout)
    images = torch.rand(2, 1, 7, 9)
    found = regressor(images)
    assert torch.allclose(found, expected(regressor.maps(images)), rtol=1e-4, atol=1e-5)


def test_soft_argmax_reads_the_row_from_one_map_and_the_column_from_the_other():
    regressor = CoordConvRegressor(readout="softargmax")
    images = torch.rand(2, 1, 7, 9)
    maps = regressor.maps(images)
    weights = maps.flatten(2).softmax(2).view_as(maps)
    rows, columns = unit_grid((7, 9))
    expected = torch.stack(
        ((weights[:, 0] * rows).sum((1, 2)), (weights[:, 1] * columns).sum((1, 2))), 1
    )
    assert torch.allclose(regressor(images), expected, atol=1e-5)


def test_max_readout_can_be_set_by_hand_to_find_a_dot():
    """What the 906 parameters can do: i + 4 a is largest at the lit pixel."""
    regressor = CoordConvRegressor()
    convs = list(regressor.maps)
    with torch.no_grad():
        for conv in convs:
            conv.weight.zero_()
            conv.bias.zero_()
        convs[0].weight[0, :, 0, 0] = torch.tensor([4.0, 1.0, 0.0])
        convs[0].weight[1, :, 0, 0] = torch.tensor([4.0, 0.0, 1.0])
        for conv in convs[1:]:
            middle = conv.kernel_size[0] // 2
            for c in (0, 1):
                conv.weight[c, c, middle, middle] = 1
        convs[-1].bias.fill_(-4)
        positions = torch.tensor([[0, 0], [3, 10], [8, 2]])
        found = regressor(paint_pixel(positions, (9, 11)))
    expected = positions / torch.tensor([8, 10]) * 2 - 1
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("regressor", "shape"),
    [
        (DenseRegressor(size=16), (1, 1, 16, 8)),
        (DenseRegressor(size=16), (1, 1, 64, 64)),
        (ConvRegressor(), (1, 3, 16, 16)),
        (ConvRegressor(), (16, 16)),
        (CoordConvRegressor(), (1, 16, 16)),
    ],
)
def test_pictures_of_another_shape_are_refused(regressor, shape):
    with pytest.raises(ValueError, match=r"images must be of shape \(N, 1"):
        regressor(torch.zeros(shape))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: DenseRegressor(size=60), ValueError, "multiple of 8"),
        (lambda: DenseRegressor(size=64.0), TypeError, "size must be an integer"),
        (lambda: DenseRegressor(width=0), ValueError, "at least 1"),
        (lambda: ConvRegressor(width=-1), ValueError, "at least 1"),
        (lambda: ConvRegressor(width="1"), TypeError, "width must be an integer"),
        (lambda: CoordConvRegressor(readout="argmax"), ValueError, "readout must be"),
    ],
)
def test_a_regressor_that_cannot_be_built_says_why(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_regressor_may_go_without_normalisation_or_with_coordinates():
    assert parameter_count(ConvRegressor()) == 12_914
    assert parameter_count(ConvRegressor(normalisation="none")) == 12_850
    assert parameter_count(ConvRegressor(coordinates=True)) == 12_914 + 2 * 16 * 25
    pictures = torch.rand(3, 1, 64, 64)
    for options in ({"normalisation": "none"}, {"coordinates": True}):
        assert ConvRegressor(**options)(pictures).shape == (3, 2)
