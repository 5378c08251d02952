"""CoordConv: the textbook layer, computed in another way."""
# Long because all that is said of one thing stands in one place.

import copy
import itertools
import pickle

import numpy as np
import pytest
import torch
from compilers import assert_compiles_and_exports_once_for_all_sizes
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call
from torch.testing import assert_close

from coordlib.layers import (
    AddCoords,
    CoordConv1d,
    CoordConv2d,
    CoordConv3d,
    CoordConvTranspose1d,
    CoordConvTranspose2d,
    CoordConvTranspose3d,
)

FORWARD = [CoordConv1d, CoordConv2d, CoordConv3d]
TRANSPOSED = [CoordConvTranspose1d, CoordConvTranspose2d, CoordConvTranspose3d]


def coordinates(size, with_r, axes=None):
    """The coordinate channels, by their definition."""
    lines = [np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in size]
    channels = every = np.stack(np.meshgrid(*lines, indexing="ij"))
    if axes is not None:
        channels = every[list(axes)]
    if with_r:
        r = np.sqrt((every**2).sum(0, keepdims=True))
        r = r / np.sqrt(len(size)) if with_r == "unit" else r
        channels = np.concatenate([channels, r])
    return torch.from_numpy(channels)


def concatenated(layer, x, **forward):
    """The textbook form: append the coordinates to every group, convolve plainly."""
    rank = len(layer.kernel_size)
    batch = x if x.ndim == rank + 2 else x[None]
    c = coordinates(x.shape[-rank:], layer.with_r, layer.axes).to(x.dtype)
    c = c.expand(len(batch), *c.shape)
    groups = batch.chunk(layer.groups, 1)
    wide = torch.cat([part for group in groups for part in (group, c)], 1)
    names = "kernel_size stride padding dilation groups padding_mode".split()
    options = {name: getattr(layer, name) for name in names}
    if layer.transposed:
        options["output_padding"] = layer.output_padding
    options["bias"] = layer.bias is not None
    plain = layer.plain(wide.shape[1], layer.out_channels, **options)
    output = functional_call(plain, dict(layer.named_parameters()), (wide,), forward)
    return output if x.ndim == rank + 2 else output[0]


def per_axis(rank, low, high):
    return st.tuples(*[st.integers(low, high)] * rank)


@st.composite
def layer_and_input(draw, transposed=False):
    """Any layer in double precision, and an input that it accepts."""
    rank = draw(st.integers(1, 3))
    groups = draw(st.integers(1, 3))
    options = {
        "kernel_size": draw(per_axis(rank, 1, 3)),
        "stride": draw(per_axis(rank, 1, 3)),
        "dilation": draw(per_axis(rank, 1, 2)),
        "bias": draw(st.booleans()),
        "with_r": draw(st.sampled_from([False, True, "unit"])),
        "groups": groups,
    }
    if draw(st.booleans()):
        some = st.permutations(range(-rank, 0)) if rank > 1 else st.just([0])
        least = 0 if options["with_r"] else 1
        options["axes"] = tuple(draw(some)[: draw(st.integers(least, rank))])
    if transposed:
        options["padding"] = draw(per_axis(rank, 0, 1))
        spare = zip(options["stride"], options["dilation"], strict=True)
        options["output_padding"] = tuple(
            draw(st.integers(0, max(pair) - 1)) for pair in spare
        )
        low = 4
    else:
        options["padding_mode"] = draw(
            st.sampled_from(["zeros", "reflect", "replicate", "circular"])
        )
        options["padding"] = draw(
            st.one_of(per_axis(rank, 0, 2), st.sampled_from(["same", "valid"]))
        )
        if options["padding"] == "same":
            options["stride"] = (1,) * rank
        low = 5
    if draw(st.booleans()):  # an axis of length 1 here and there
        low = 1
        options |= {"kernel_size": (1,) * rank, "padding": (0,) * rank}
    size = draw(per_axis(rank, low, 6))
    torch.manual_seed(draw(st.integers(0, 99)))
    kinds = TRANSPOSED if transposed else FORWARD
    channels = groups * draw(st.integers(1, 2))
    layer = kinds[rank - 1](channels, groups * 2, **options, dtype=torch.float64)
    batch = draw(st.sampled_from([(), (1,), (3,)]))
    return layer, torch.randn(*batch, channels, *size, dtype=torch.float64)


def assert_equal_with_gradients(layer, x, **forward):
    variables = [x.requires_grad_(), *layer.parameters()]
    outputs = [layer(x, **forward), concatenated(layer, x, **forward)]
    assert_close(*outputs)
    probe = torch.randn_like(outputs[0])
    gradients = [torch.autograd.grad(out, variables, probe) for out in outputs]
    assert_close(*gradients)


# The law


@given(layer_and_input())
def test_fast_form_equals_concatenation_in_value_and_all_gradients(example):
    assert_equal_with_gradients(*example)


@given(layer_and_input(transposed=True))
def test_transposed_fast_form_equals_concatenation_in_value_and_all_gradients(example):
    assert_equal_with_gradients(*example)


@pytest.mark.parametrize("size", [(9, 14), (10, 15)])
def test_transposed_layer_reaches_the_output_size_asked_for(size):
    layer = CoordConvTranspose2d(4, 6, 3, stride=(2, 3), padding=1, groups=2).double()
    x = torch.randn(2, 4, 5, 5, dtype=torch.float64)
    if size == (9, 14):
        with pytest.raises(ValueError, match="requested an output size"):
            layer(x, output_size=(9, 16))
    assert layer(x, output_size=size).shape[-2:] == size
    assert_equal_with_gradients(layer, x, output_size=size)


@pytest.mark.parametrize("with_r", [False, True, "unit"])
@pytest.mark.parametrize("shape", [(2, 3, 5), (2, 3, 4, 7), (2, 3, 4, 1, 5)])
def test_add_coords_appends_the_coordinates_last(shape, with_r):
    x = torch.randn(shape)
    y = AddCoords(with_r)(x)
    assert torch.equal(y[:, :3], x)
    expected = coordinates(shape[2:], with_r).float().expand(2, -1, *shape[2:])
    assert_close(y[:, 3:], expected)


def test_the_textbook_network_loads_into_the_layer_as_it_is():
    textbook = nn.Sequential(AddCoords(with_r=True), nn.Conv2d(3 + 3, 8, 3, padding=1))
    layer = CoordConv2d(3, 8, 3, padding=1, with_r=True)
    layer.load_state_dict(textbook[1].state_dict())
    x = torch.randn(2, 3, 6, 9)
    assert_close(layer(x), textbook(x))


def test_a_one_by_one_layer_computes_a_x_plus_b_i_plus_c_j_plus_bias():
    layer = CoordConv2d(1, 1, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([2.0, 3.0, 5.0]).view(1, 3, 1, 1))
        layer.bias.fill_(7)
    output = layer(torch.ones(1, 1, 3, 3))[0, 0]
    assert output.tolist() == [[1, 6, 11], [4, 9, 14], [7, 12, 17]]


# What a layer of this kind should be


def test_it_is_a_torch_convolution_with_one_weight_and_one_bias():
    """A port owns a second, unused convolution."""
    layer = CoordConv2d(3, 8, 5, with_r=True)
    assert isinstance(layer, nn.Conv2d)
    assert layer.in_channels == 3
    shapes = {name: tuple(p.shape) for name, p in layer.named_parameters()}
    assert shapes == {"weight": (8, 6, 5, 5), "bias": (8,)}
    assert layer.state_dict().keys() == shapes.keys()
    assert not list(layer.buffers())


@pytest.mark.parametrize(("kind", "rank"), list(zip(FORWARD, [1, 2, 3], strict=True)))
def test_the_weight_has_the_documented_shape(kind, rank):
    assert kind(4, 6, 1, groups=2).weight.shape[:2] == (6, 2 + rank)
    assert kind(4, 6, 1, groups=2, with_r=True).weight.shape[:2] == (6, 3 + rank)


@pytest.mark.parametrize(
    ("kind", "rank"), list(zip(TRANSPOSED, [1, 2, 3], strict=True))
)
def test_the_transposed_weight_has_the_documented_shape(kind, rank):
    assert kind(4, 6, 1, groups=2).weight.shape[:2] == (4 + 2 * rank, 3)
    assert kind(4, 6, 1, groups=2, with_r=True).weight.shape[:2] == (6 + 2 * rank, 3)


def test_initialisation_is_that_of_torch_for_the_enlarged_input():
    layer = CoordConv2d(6, 64, 3, groups=2)
    bound = 1 / np.sqrt((3 + 2) * 9)
    for parameter in layer.parameters():
        assert parameter.abs().max() <= bound
        assert_close(parameter.std().item(), bound / 3**0.5, rtol=0.2, atol=0)
    assert layer.weight[:, 3:].abs().max() > 0.9 * bound


def test_the_same_seed_gives_the_same_layer():
    layers = []
    for _ in range(2):
        torch.manual_seed(0)
        layers.append(CoordConv2d(2, 3, 3))
    assert torch.equal(layers[0].weight, layers[1].weight)


def test_one_layer_serves_all_sizes():
    layer = CoordConv2d(1, 2, 3, padding=1)
    for size in [(1, 1), (1, 7), (5, 3), (64, 48)]:
        assert layer(torch.zeros(1, 1, *size)).shape == (1, 2, *size)


def test_the_effect_of_coordinates_does_not_depend_on_the_batch():
    layer = CoordConv2d(2, 3, 3, padding=1).double()
    x = torch.randn(4, 2, 5, 5, dtype=torch.float64)
    effect = layer(x) - layer(x.roll(1, 0)).roll(-1, 0)
    assert_close(effect, torch.zeros_like(effect))
    assert_close(layer(x)[2], layer(x[2]))


@pytest.mark.parametrize("kind", [CoordConv2d, CoordConvTranspose2d])
def test_the_representation_says_with_r_only_if_it_is_so(kind):
    assert repr(kind(2, 3, 1, with_r=True)).endswith(", with_r=True)")
    assert "with_r" not in repr(kind(2, 3, 1))
    assert repr(AddCoords(True)) == "AddCoords(with_r=True)"
    chosen = kind(2, 3, 1, with_r="unit", axes=-1)
    assert repr(chosen).endswith(", with_r='unit', axes=(-1,))")
    assert repr(AddCoords(axes=[1, 0])) == "AddCoords(with_r=False, axes=(1, 0))"


@pytest.mark.parametrize("kind", [CoordConv2d, CoordConvTranspose2d])
def test_copies_and_saved_states_compute_the_same(kind, tmp_path):
    layer, x = kind(2, 3, 3, with_r=True), torch.randn(1, 2, 6, 6)
    other = kind(2, 3, 3, with_r=True)
    torch.save(layer.state_dict(), tmp_path / "state.pt")
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(layer(x), other(x))
    assert torch.equal(layer(x), copy.deepcopy(layer)(x))


@pytest.mark.parametrize("kind", [CoordConv2d, CoordConvTranspose2d])
def test_it_can_be_made_on_the_meta_device_and_materialised(kind):
    layer = kind(2, 3, 3, device="meta")
    assert layer(torch.empty(1, 2, 6, 6, device="meta")).is_meta
    layer = layer.to_empty(device="cpu")
    layer.reset_parameters()
    assert layer(torch.randn(1, 2, 6, 6)).isfinite().all()


# Types and compilers


@pytest.mark.parametrize("kind", [CoordConv2d, CoordConvTranspose2d])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_the_output_has_the_type_of_the_layer(kind, dtype):
    layer = kind(2, 3, 3, with_r=True, dtype=dtype)
    x = torch.randn(1, 2, 8, 8, dtype=dtype)
    output = layer(x)
    assert output.dtype == layer.weight.dtype == dtype
    tolerance = {torch.bfloat16: 2e-2, torch.float16: 2e-3, torch.float64: 1e-12}
    exact = layer.double()(x.double())
    assert_close(output.double(), exact, rtol=0, atol=tolerance[dtype])


def distinct_rows(function):
    """How many of 5 rows about each of some rows the function tells apart, at least."""
    counts = []
    x = torch.zeros(1, 1, 1024, 1, dtype=torch.bfloat16)
    for channel in function(x)[0, :, :, 0].float():
        row = channel.abs().argmin().clamp(2, 1021)
        counts.append(channel[row - 2 : row + 3].unique().numel())
    return min(counts)


def row_detectors(layer):
    """Hand-set weights: output k is zero near one row and grows by 1 a row."""
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[:, 1] = 512
        layer.bias.copy_(torch.linspace(-500, 500, len(layer.bias)))
    return layer


def test_bfloat16_layers_tell_neighbouring_rows_of_1024_apart():
    layer = row_detectors(CoordConv2d(1, 50, 1, dtype=torch.bfloat16))
    assert distinct_rows(layer) == 5
    plain = row_detectors(nn.Conv2d(3, 50, 1, dtype=torch.bfloat16))
    assert distinct_rows(nn.Sequential(AddCoords(), plain)) < 5


def test_under_autocast_coordinates_stay_in_float32():
    layer = row_detectors(CoordConv2d(1, 50, 1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(torch.zeros(1, 1, 4, 4)).dtype == torch.bfloat16
        assert distinct_rows(layer) == 5


@pytest.mark.parametrize("kind", [CoordConv2d, CoordConvTranspose2d])
def test_channels_last_inputs_give_channels_last_outputs(kind):
    layer = kind(4, 8, 3).to(memory_format=torch.channels_last)
    x = torch.randn(2, 4, 6, 6)
    output = layer(x.to(memory_format=torch.channels_last))
    assert output.is_contiguous(memory_format=torch.channels_last)
    assert_close(output, layer(x))


@pytest.mark.parametrize(
    "layer",
    [
        AddCoords(with_r=True),
        CoordConv2d(4, 8, 3, padding=1, padding_mode="circular"),
        CoordConv2d(4, 8, 3, groups=2),
        CoordConvTranspose2d(4, 8, 3, groups=2),
        CoordConvTranspose2d(4, 8, 3, stride=2),
    ],
    ids=["add_coords", "circular", "grouped", "grouped_transpose", "transpose"],
)
def test_the_layout_of_the_input_is_kept_whatever_that_of_the_weights(layer, device):
    layer = layer.to(device)
    x = torch.randn(2, 4, 6, 6, device=device)
    output = layer(x.to(memory_format=torch.channels_last))
    assert output.is_contiguous(memory_format=torch.channels_last)
    assert_close(output, layer(x), atol=1e-4, rtol=1e-4)
    assert layer(x).is_contiguous()


@pytest.mark.parametrize(
    "layer",
    [
        CoordConv2d(4, 6, 3, padding=1, padding_mode="circular", with_r=True),
        CoordConv2d(4, 6, 3, padding="same", groups=2),
        CoordConvTranspose2d(4, 6, 3, stride=2, groups=2),
        AddCoords(),
    ],
    ids=["circular", "same", "transposed", "add_coords"],
)
def test_it_compiles_and_exports_once_for_all_sizes(layer):
    assert_compiles_and_exports_once_for_all_sizes(layer)


# What a layer keeps between calls


@pytest.mark.parametrize("kind", FORWARD + TRANSPOSED)
def test_it_keeps_nothing_between_calls(kind):
    """What is kept for one size or without gradients, a tracer would find later."""
    layer = kind(2, 3, 3)
    before = set(vars(layer)), len(pickle.dumps(layer))
    for context in torch.no_grad, torch.inference_mode, torch.enable_grad:
        with context():
            layer(torch.randn(1, 2, *[8, 7, 6][: len(layer.kernel_size)]))
    assert (set(vars(layer)), len(pickle.dumps(layer))) == before


@pytest.mark.parametrize("kind", [CoordConv2d, CoordConv3d, CoordConvTranspose2d])
@pytest.mark.parametrize("kernel_size", [1, 3])
def test_the_layout_in_memory_changes_no_gradient(kind, kernel_size):
    layer = kind(4, 6, kernel_size, dtype=torch.float64)
    axes = len(layer.kernel_size)
    x = torch.randn(2, 4, *[7, 6, 5][:axes], dtype=torch.float64)
    layouts = [torch.channels_last, torch.channels_last_3d]
    found = []
    for layout in [torch.contiguous_format, layouts[axes - 2]]:
        layer = layer.to(memory_format=layout)
        y = x.clone(memory_format=layout).requires_grad_()
        layer(y).square().sum().backward()
        found.append([y.grad, layer.weight.grad, layer.bias.grad])
        layer.zero_grad()
    assert_close(*found)


def change_in_place(layer):
    with torch.no_grad():
        layer.weight[:, 2:].mul_(2)


def change_data(layer):
    layer.weight.data[:, 2:].add_(1)  # no version counter sees this


def change_state(layer):
    layer.load_state_dict({k: v + 1 for k, v in layer.state_dict().items()})


def change_padding(layer):
    layer.padding_mode = "circular"


def change_type(layer):
    layer.double()


def train_one_step(layer):
    layer(torch.randn(1, 2, 5, 6)).sum().backward()
    torch.optim.SGD(layer.parameters(), 0.1).step()


@pytest.mark.parametrize(
    "change",
    [
        change_in_place,
        change_data,
        change_state,
        change_padding,
        change_type,
        train_one_step,
    ],
)
def test_a_layer_that_was_evaluated_notices_every_change(change):
    layer = CoordConv2d(2, 3, 3, padding=1)
    x = torch.randn(1, 2, 5, 6)
    with torch.no_grad():
        layer(x)
    before = copy.deepcopy(layer)
    change(layer)
    x = x.to(layer.weight.dtype)
    with torch.no_grad():
        assert torch.equal(layer(x), copy.deepcopy(layer)(x))
        if change is not change_type:
            assert not torch.equal(layer(x), before(x))


def test_sizes_and_modes_may_alternate():
    layer = CoordConv2d(2, 3, 3, padding=1)
    contexts = [torch.no_grad, torch.inference_mode, torch.enable_grad]
    for context, size in itertools.product(2 * contexts, [(4, 5), (5, 4), (1, 1)]):
        x = torch.randn(2, 2, *size)
        with context():
            assert_close(layer(x), copy.deepcopy(layer)(x))
    layer(torch.randn(1, 2, 4, 5)).sum().backward()
    assert layer.weight.grad.isfinite().all()


@pytest.mark.parametrize("first", [torch.func.grad, torch.func.vmap])
def test_what_a_transform_left_behind_does_no_harm(first):
    layer = CoordConv2d(2, 1, 3, padding=1)
    x = torch.randn(3, 2, 4, 5)
    reference = copy.deepcopy(layer)(x)
    first(lambda image: layer(image[None]).sum())(
        x[0] if first is torch.func.grad else x
    )
    assert_close(layer(x), reference)
    with torch.no_grad():
        assert_close(layer(x), reference)
    layer(x).sum().backward()


# To and from plain convolutions


@pytest.mark.parametrize("kind", FORWARD + TRANSPOSED)
@pytest.mark.parametrize("with_r", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("groups", [1, 2])
def test_from_conv_computes_exactly_what_the_convolution_does(
    kind, with_r, dtype, groups
):
    for kernel_size, channels in itertools.product([1, 3], [2, 16]):
        conv = kind.plain(
            channels, 8, kernel_size, stride=2, padding=kernel_size // 2, groups=groups
        ).to(dtype)
        size = [7, 6, 5][: len(conv.kernel_size)]
        x = torch.randn(3, channels, *size, dtype=dtype)
        layer = kind.from_conv(conv, with_r=with_r)
        assert layer.with_r is with_r
        assert torch.equal(layer(x), conv(x))
        back = layer.to_conv()
        assert type(back) is kind.plain
        assert repr(back) == repr(conv)
        assert torch.equal(back(x), conv(x))


@pytest.mark.parametrize("kind", FORWARD + TRANSPOSED)
def test_an_older_layer_without_a_choice_of_axes_sees_them_all(kind):
    rank = len(kind(1, 1, 1).kernel_size)
    layer, x = kind(2, 3, 3, padding=1), torch.rand(1, 2, *[5] * rank)
    del layer.__dict__["axes"]
    assert torch.equal(layer(x), copy.deepcopy(layer)(x))
    assert layer.coordinate_channels == rank
    older = AddCoords()
    del older.__dict__["axes"]
    assert older(x).shape[1] == 2 + rank


def test_axes_are_appended_in_the_order_in_which_they_are_named():
    """The columns first, as the authors' layer has them; or r alone."""
    x = torch.zeros(1, 0, 4, 6)
    rows, columns, r = AddCoords(with_r=True)(x)[0]
    assert torch.equal(AddCoords(axes=(1, 0))(x)[0], torch.stack([columns, rows]))
    assert torch.equal(AddCoords(axes=-2)(x)[0], rows[None])
    assert torch.equal(AddCoords(True, axes=())(x)[0], r[None])
    layer = CoordConv2d(3, 8, 3, axes=1)
    assert layer.weight.shape == (8, 3 + 1, 3, 3)
    assert CoordConvTranspose2d(4, 6, 3, groups=2, axes=1).weight.shape[0] == 4 + 2


@pytest.mark.parametrize("size", [(5,), (5, 8), (3, 4, 5)])
def test_r_as_a_unit_is_one_at_the_corners(size):
    (r,) = AddCoords("unit", axes=())(torch.zeros(1, 0, *size))[0]
    assert r.max() == 1 and r.flatten()[0] == 1


@pytest.mark.parametrize(
    ("axes", "error", "message"),
    [
        (2, ValueError, "axes must be at most 1, got 2"),
        ((0, -3), ValueError, "axes must be at least -2, got -3"),
        ((0, -2), ValueError, r"axes must name each axis once, got \(0, -2\)"),
        ((), ValueError, "axes must name an axis where r is not wanted"),
        ("ij", TypeError, "axes must be an integer, got 'ij'"),
        ((0.5,), TypeError, r"axes must be an integer, got 0\.5"),
    ],
)
def test_axes_that_are_not_there_are_refused(axes, error, message):
    for make in (
        lambda: CoordConv2d(2, 3, 1, axes=axes),
        lambda: AddCoords(axes=axes)(torch.zeros(1, 1, 4, 4)),
    ):
        with pytest.raises(error, match=message):
            make()


@given(layer_and_input())
def test_to_conv_undoes_from_conv_whatever_the_options(example):
    some_layer, x = example
    nn.init.zeros_(some_layer._split(some_layer.weight)[1])
    conv = some_layer.to_conv()
    sees = {"with_r": some_layer.with_r, "axes": some_layer.axes}
    layer = type(some_layer).from_conv(conv, **sees)
    assert torch.equal(layer.weight, some_layer.weight)
    assert torch.equal(layer(x), conv(x))
    assert torch.equal(layer.to_conv().weight, conv.weight)


def test_from_conv_is_exact_on_channels_last_inputs_too():
    conv = nn.Conv2d(16, 8, 3).to(memory_format=torch.channels_last)
    x = torch.randn(2, 16, 9, 9).to(memory_format=torch.channels_last)
    assert torch.equal(CoordConv2d.from_conv(conv)(x), conv(x))


@pytest.mark.parametrize("kind", [CoordConv2d, CoordConvTranspose2d])
def test_conversion_keeps_mode_and_trainability_and_shares_nothing(kind):
    conv = kind.plain(2, 4, 3).eval()
    conv.weight.requires_grad_(False)
    before = conv.weight.clone()
    layer = kind.from_conv(conv)
    assert not layer.training
    assert not layer.weight.requires_grad and layer.bias.requires_grad
    with torch.no_grad():
        layer.weight.add_(1)
        layer.bias.add_(1)
    assert torch.equal(conv.weight, before)
    assert not torch.equal(conv.bias, layer.bias)


def test_conversion_draws_no_random_number():
    conv = nn.Conv2d(2, 4, 3)
    state = torch.get_rng_state()
    CoordConv2d.from_conv(conv).to_conv()
    assert torch.equal(torch.get_rng_state(), state)


def test_coordinate_weights_of_a_converted_layer_learn():
    layer = CoordConv2d.from_conv(nn.Conv2d(1, 1, 1))
    layer(torch.zeros(1, 1, 5, 5)).square().sum().backward()
    layer(torch.zeros(1, 1, 5, 5))[..., 0, 0].sum().backward()
    assert (layer.weight.grad[:, 1:] != 0).all()


class Standardised(nn.Conv2d):
    pass


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv1d(1, 1, 1),
        nn.Conv3d(1, 1, 1),
        nn.ConvTranspose2d(1, 1, 1),
        nn.LazyConv2d(1, 1),
        nn.Linear(1, 1),
        CoordConv2d(1, 1, 1),
        Standardised(1, 1, 1),
        nn.utils.parametrizations.weight_norm(nn.Conv2d(1, 1, 1)),
        "conv",
    ],
    ids=lambda module: type(module).__name__,
)
def test_from_conv_refuses_what_is_not_exactly_that_convolution(module):
    with pytest.raises(TypeError, match=r"plain torch\.nn\.Conv2d .* got "):
        CoordConv2d.from_conv(module)


@pytest.mark.parametrize("kind", [CoordConv2d, CoordConvTranspose2d])
def test_to_conv_refuses_a_layer_that_uses_its_coordinates(kind):
    layer = kind.from_conv(kind.plain(2, 4, 1))
    on_coords = layer.weight[2:] if layer.transposed else layer.weight[:, 2:]
    with torch.no_grad():
        on_coords[1, 0] = -0.25
    with pytest.raises(ValueError, match=r"largest magnitude is 0\.25"):
        layer.to_conv()


# Bad input


@pytest.mark.parametrize(
    "options",
    [
        {"padding_mode": "mirror"},
        {"padding": "full"},
        {"padding": "same", "stride": 2},
        {"groups": 2},
        {"groups": 0},
    ],
)
def test_bad_options_raise_what_torch_raises(options):
    with pytest.raises(ValueError) as expected:
        nn.Conv2d(3, 4, 3, **options)
    with pytest.raises(ValueError) as raised:
        CoordConv2d(3, 4, 3, **options)
    assert str(raised.value) == str(expected.value)


@pytest.mark.parametrize("kind", [CoordConv2d, CoordConvTranspose2d])
def test_complex_layers_are_refused_when_they_are_made(kind):
    with pytest.raises(TypeError, match=r"floating point type, got torch\.complex64"):
        kind(3, 4, 3, dtype=torch.complex64)


def test_transposed_layers_only_pad_with_zeros_as_in_torch():
    with pytest.raises(ValueError, match='Only "zeros" padding mode'):
        CoordConvTranspose2d(3, 4, 3, padding_mode="circular")


@pytest.mark.parametrize("shape", [(1, 2, 8, 8), (8, 8), (1, 1, 3, 8, 8)])
def test_a_bad_input_shape_raises_what_torch_raises(shape):
    for kind in CoordConv2d, CoordConvTranspose2d:
        with pytest.raises((RuntimeError, ValueError)):
            kind(3, 4, 3)(torch.zeros(shape))


def test_add_coords_refuses_what_is_not_a_batch_of_floats():
    for shape in [(3, 8), (1, 1, 2, 2, 2, 2)]:
        with pytest.raises(ValueError, match=r"\(N, C, H, W\).*got shape"):
            AddCoords()(torch.zeros(shape))
    refused = r"input must be floating point, got torch\.uint8"
    with pytest.raises(TypeError, match=refused):
        AddCoords()(torch.zeros(1, 1, 4, 4, dtype=torch.uint8))
