"""The layers as functions: the same values and errors, without a module."""

import inspect
import re

import pytest
import torch
from torch import fx
from torch.testing import assert_close

from coordlib import grid, layers
from coordlib.grid import from_unit, index_grid, shift, to_unit, unit_grid
from coordlib.layers import functional, heatmaps
from coordlib.layers.functional import (
    add_coords,
    blur_pool,
    blur_upsample,
    max_blur_pool,
    polyphase_pool,
    polyphase_upsample,
    soft_argmax,
)
from coordlib.layers.heatmaps import js_divergence, render_gaussian, variance_penalty

RANKS = [1, 2, 3]
# A function, the layer it is, and options that both take by these names.
SAME = [
    ("add_coords", "AddCoords", {"with_r": True}),
    ("add_coords", "AddCoords", {"with_r": "unit", "axes": -1}),
    ("blur_pool", "BlurPool", {}),
    (
        "blur_pool",
        "BlurPool",
        {"filter_size": 4, "stride": 3, "padding_mode": "zeros"},
    ),
    ("blur_upsample", "BlurUpsample", {}),
    ("blur_upsample", "BlurUpsample", {"filter_size": 5, "stride": 3}),
    ("max_blur_pool", "MaxBlurPool", {"kernel_size": 2}),
    ("max_blur_pool", "MaxBlurPool", {"kernel_size": 3, "padding_mode": "circular"}),
    (
        "max_blur_pool",
        "MaxBlurPool",
        {"kernel_size": 3, "stride": 3, "padding": 1, "ceil_mode": True},
    ),
    ("polyphase_pool", "PolyphasePool", {"return_phase": True}),
    ("polyphase_pool", "PolyphasePool", {"stride": 3, "norm": 1, "ceil_mode": True}),
    ("polyphase_upsample", "PolyphaseUpsample", {"stride": 3}),
    ("soft_argmax", "SoftArgmax", {"temperature": 0.5, "unit": False}),
    ("soft_argmax", "SoftArgmax", {"temperature": torch.ones(4)}),
    ("soft_argmax", "SoftArgmax", {"normalised": True}),
]
same = pytest.mark.parametrize(("name", "layer", "options"), SAME)


def made(layer, rank, options):
    kind = getattr(layers, layer, None) or getattr(layers, f"{layer}{rank}d")
    return kind(**options), torch.rand(2, 4, *[8, 6, 10][:rank])


@same
@pytest.mark.parametrize("rank", RANKS)
def test_a_function_does_what_its_layer_does(name, layer, options, rank):
    module, x = made(layer, rank, options)
    assert_close(getattr(functional, name)(x, **options), module(x))


@pytest.mark.parametrize("rank", RANKS)
def test_a_phase_goes_from_one_function_to_the_other(rank):
    x, other = torch.randn(2, 3, 4, *[6, 8, 2][:rank])
    kept, phase = functional.polyphase_pool(x, return_phase=True)
    back = functional.polyphase_upsample(kept, phase)
    assert torch.equal(functional.polyphase_pool(back, phase=phase), kept)
    module = getattr(layers, f"PolyphasePool{rank}d")()
    assert torch.equal(
        functional.polyphase_pool(other, phase=phase), module(other, phase)
    )


def test_there_is_a_function_for_every_layer_without_weights():
    named = {name.replace("_", "") for name in functional.__all__}
    kinds = {re.sub(r"\dd$", "", name) for name in layers.__all__ if name[0].isupper()}
    weights = {"CoordConv", "CoordConvTranspose", "LearnedEncoding"}
    weights |= {"AddLearnedEncoding"}
    others = {"FourierFeatures", "SinusoidalEncoding", "SamePad"}
    others |= {"AddSinusoidalEncoding", "RotaryEncoding"}
    assert {kind.lower() for kind in kinds - weights - others} == named


def test_options_have_the_defaults_of_the_layers():
    for name, layer, _ in SAME:
        kind = getattr(layers, layer, None) or getattr(layers, f"{layer}2d")
        theirs = inspect.signature(kind).parameters
        for option, given in inspect.signature(
            getattr(functional, name)
        ).parameters.items():
            if option in theirs:
                assert given.default == theirs[option].default


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_the_type_and_the_device_are_those_of_the_input(dtype, device):
    for name, layer, options in SAME:
        if name == "soft_argmax" and "temperature" in options:
            continue
        x = made(layer, 2, options)[1].to(device, dtype)
        output = getattr(functional, name)(x, **options)
        output = output[0] if isinstance(output, tuple) else output
        assert output.dtype == dtype and output.device.type == device.type


def test_a_network_of_functions_compiles_once_for_all_sizes_and_can_be_traced():
    def network(x):
        x = functional.max_blur_pool(functional.add_coords(x), 2, padding_mode="zeros")
        x, phase = functional.polyphase_pool(x, ceil_mode=True, return_phase=True)
        x = functional.polyphase_upsample(functional.blur_pool(x, stride=1), phase)
        return functional.soft_argmax(functional.blur_upsample(x))

    torch.compiler.reset()
    compiled = torch.compile(network, backend="eager", fullgraph=True, dynamic=True)
    traced = fx.symbolic_trace(network)
    for shape in [(2, 4, 8, 9), (3, 4, 10, 13)]:
        x = torch.randn(shape)
        assert_close(compiled(x), network(x))
        assert_close(traced(x), network(x))


# By names that stand here, as a user has them, and not through their modules.
BY_NAME = {
    "add_coords": lambda x: add_coords(x, with_r=True),
    "blur_pool": lambda x: blur_pool(input=x, filter_size=5),
    "blur_upsample": lambda x: blur_upsample(x, stride=3),
    "max_blur_pool": lambda x: max_blur_pool(x, 3, ceil_mode=True),
    "polyphase_pool": lambda x: polyphase_pool(x, return_phase=True)[0],
    "polyphase_upsample": lambda x: polyphase_upsample(polyphase_pool(x, 2)),
    "soft_argmax": lambda x: soft_argmax(x, 0.1 + x.amax((0, 2, 3))),
    "render_gaussian": lambda x: render_gaussian(soft_argmax(x), (5, 7)),
    "js_divergence": lambda x: js_divergence(
        x.flatten(2).softmax(2).view_as(x), x[:, :, 0, :2]
    ),
    "variance_penalty": lambda x: variance_penalty(x / x.sum((2, 3), keepdim=True)),
    "index_grid": lambda x: x * index_grid(x.shape[2:])[0],
    "unit_grid": lambda x: x * unit_grid((x.shape[2], x.shape[3]))[1],
    "to_unit": lambda x: to_unit(x[..., :2], x.shape[2:]),
    "from_unit": lambda x: from_unit(soft_argmax(x), x.shape[2:]),
    "shift": lambda x: shift(x, (1, 2), "zero"),
}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_function_imported_by_name_is_recorded_by_fx_as_one_step(name):
    class Network(torch.nn.Module):
        def forward(self, x):
            return BY_NAME[name](x)

    traced = fx.symbolic_trace(Network())
    steps = [
        node.target.__name__ for node in traced.graph.nodes if callable(node.target)
    ]
    assert name in steps
    for size in (6, 8), (10, 4):
        x = torch.rand(2, 3, *size)
        assert_close(traced(x), Network()(x), rtol=0, atol=0)


def test_every_public_function_is_traced_by_name():
    assert {*functional.__all__, *heatmaps.__all__, *grid.__all__} == set(BY_NAME)


@same
def test_bad_input_is_refused(name, layer, options):
    function = getattr(functional, name)
    with pytest.raises(ValueError, match=r"input must be .* got shape \(8, 8\)"):
        function(torch.zeros(8, 8), **options)
    with pytest.raises(TypeError, match="input must be a tensor, got list"):
        function([1.0], **options)


def test_bad_options_are_refused_as_the_layers_do():
    x = torch.zeros(1, 2, 8, 8)
    with pytest.raises(ValueError, match="stride must be at least 1, got 0"):
        functional.blur_pool(x, stride=0)
    with pytest.raises(ValueError, match="padding must be at most half of kernel_size"):
        functional.max_blur_pool(x, 2, padding=2)
    with pytest.raises(ValueError, match="norm must be one of 1, 2, inf, got 3"):
        functional.polyphase_pool(x, norm=3)
    with pytest.raises(ValueError, match=r"temperature must be positive, got 0"):
        functional.soft_argmax(x, 0)
    with pytest.raises(TypeError, match="with_r must be True or False, got 3"):
        functional.add_coords(x, 3)
