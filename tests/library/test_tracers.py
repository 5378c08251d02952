"""Every layer under every tool that traces: the values of eager mode at three sizes.

A sample belongs to the usual tests; ``make tracers`` runs the whole table. The columns
for ONNX need the packages of the extra ``onnx``, and are skipped without them.
"""

import copy
import io
import re
import warnings

import pytest
import torch
from every_layer import CHANNELS, MODES, ROWS, made
from torch import fx, nn
from torch.ao.quantization import get_default_qconfig_mapping, quantize_fx
from torch.export import Dim
from torch.func import functional_call
from torch.fx.experimental.proxy_tensor import make_fx
from torch.testing import assert_close

# Quantisation and the older exporter say that they will go one day.
pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"
)


def variable_axes(name):
    """The axes that may change from call to call: all but the channels."""
    rank = ROWS[name][0]
    return [0, *range(2, rank + 2)] if rank else [0, 1]


# The columns: from a layer and an example to something to call


def by_compiler(backend, dynamic):
    def tool(layer, example, axes):
        torch.compiler.reset()
        return torch.compile(layer, backend=backend, dynamic=dynamic, fullgraph=True)

    return tool


def by_export(layer, example, axes):
    shapes = ({axis: Dim.AUTO for axis in axes},)
    return torch.export.export(layer, (example,), dynamic_shapes=shapes).module()


def by_jit(layer, example, axes):
    return torch.jit.trace(layer, example)


def by_make_fx(layer, example, axes):
    state = dict(layer.named_parameters()) | dict(layer.named_buffers())

    def function(state, input):
        return functional_call(layer, state, (input,))

    graph = make_fx(function, tracing_mode="symbolic")(state, example)
    return lambda input: graph(state, input)


def by_fx(layer, example, axes):
    return fx.symbolic_trace(layer)


def by_fx_in_a_network(layer, example, axes):
    return fx.symbolic_trace(nn.Sequential(nn.Identity(), layer))


def by_onnx(dynamo):
    def tool(layer, example, axes):
        for package in "onnx", "onnxscript", "onnxruntime":
            pytest.importorskip(package)
        import onnxruntime

        file = io.BytesIO()
        names = {"input_names": ["input"], "output_names": ["output"]}
        if dynamo:
            sizes = {"dynamic_shapes": ({axis: Dim.AUTO for axis in axes},)}
        else:
            sizes = {"dynamic_axes": {"input": {axis: f"n{axis}" for axis in axes}}}
        torch.onnx.export(
            layer.eval(), (example,), file, dynamo=dynamo, **names, **sizes
        )
        session = onnxruntime.InferenceSession(file.getvalue())
        return lambda input: torch.from_numpy(
            session.run(None, {"input": input.detach().numpy()})[0]
        )

    return tool


def by_quantisation(layer, example, axes):
    """The network that observes before it is quantised: still the same function."""
    network = nn.Sequential(nn.Identity(), layer).eval()
    return quantize_fx.prepare_fx(network, get_default_qconfig_mapping(), (example,))


TOOLS = {
    "compile": by_compiler("inductor", None),
    "compile-dynamic": by_compiler("aot_eager", True),
    "compile-static": by_compiler("aot_eager", False),
    "export": by_export,
    "jit.trace": by_jit,
    "make_fx": by_make_fx,
    "fx": by_fx,
    "fx-network": by_fx_in_a_network,
    "prepare_fx": by_quantisation,
    "onnx-older": by_onnx(dynamo=False),
    "onnx": by_onnx(dynamo=True),
}
KINDS = ("CoordConv", "BlurPool", "MaxBlurPool")
LEARNING = {"compile", "compile-dynamic", "compile-static", "fx", "fx-network"}
QUICK = {"jit.trace", "make_fx", "fx", "fx-network", "prepare_fx"}
SAMPLE = {
    ("compile-dynamic", "CoordConv2d-strided"),
    ("compile-dynamic", "CoordConvTranspose2d-strided"),
    ("compile-static", "PolyphasePool2d-2"),
    ("compile-static", "MaxBlurPool2d-reflect"),
    ("export", "CoordConv2d-strided"),
    ("export", "SoftArgmax2d-2"),
}


class IntoTheBatch(nn.Module):
    """Every second pixel along each axis as a picture of its own."""

    def forward(self, x):
        n, c, height, width = x.shape
        pairs = x.reshape(n, c, height // 2, 2, width // 2, 2)
        return pairs.permute(0, 3, 5, 1, 2, 4).flatten(0, 2)


# What torch's inductor cannot do itself: torch's own layers fail alike, see below. In
# three dimensions a second size ends in "ValueRangeError: Invalid ranges [0:-1]", where
# dynamic=False helps; in two the gradient of a replicated border has other strides than
# inductor believes.
OF_TORCH = {
    "replicate": ("expected size", nn.Conv2d(4, 4, 3, padding_mode="replicate")),
    "circular": (
        "Invalid ranges",
        nn.Conv3d(4, 4, 3, padding=1, padding_mode="circular"),
    ),
    "strided": ("Invalid ranges", nn.Conv3d(4, 4, 3, stride=2, padding=1)),
    "transposed": ("Invalid ranges", nn.ConvTranspose3d(4, 4, 3)),
    "depthwise": (
        "Invalid ranges",
        nn.Sequential(nn.ZeroPad3d(1), nn.Conv3d(4, 4, 3, stride=2, groups=4)),
    ),
    "into the batch": (
        "cannot determine truth value of Relational",
        nn.Sequential(IntoTheBatch(), nn.Conv2d(4, 1, 1)),
    ),
}
BEYOND_TORCH = {
    **{f"{kind}2d-replicate": "replicate" for kind in (*KINDS, "BlurUpsample")},
    **{f"{kind}3d-{m}": "circular" for kind in KINDS for m in MODES if m != "zeros"},
    "CoordConv3d-strided": "strided",
    "CoordConvTranspose3d": "transposed",
    "CoordConvTranspose3d-strided": "transposed",
    "BlurPool3d-zeros": "depthwise",
    "MaxBlurPool3d-zeros": "depthwise",
    "BlurPool3d-channels": "depthwise",
    "PolyphasePool2d-scores": "into the batch",
}


def table(tools):
    for tool in tools:
        for row, (rank, *_) in ROWS.items():
            usual = (tool, row) in SAMPLE or (tool in QUICK and rank in (0, 2))
            marks = [] if usual else [pytest.mark.tracers]
            if tool == "compile" and (like := BEYOND_TORCH.get(row)):
                marks.append(
                    pytest.mark.xfail(reason=f"as {OF_TORCH[like][1]}", strict=True)
                )
            yield pytest.param(tool, row, marks=marks, id=f"{tool}-{row}")


def with_gradients(function, layer, input):
    """The output, and its gradients by the input and the parameters."""
    variables = [input.clone().requires_grad_(), *layer.parameters()]
    output = function(variables[0])
    weight = torch.linspace(1, 2, output.numel()).view(output.shape)
    return [output, *torch.autograd.grad((output * weight).sum(), variables)]


@pytest.mark.parametrize(("tool", "row"), list(table(TOOLS)))
def test_what_is_traced_computes_the_same_at_three_sizes(tool, row):
    layer, inputs = made(row)
    reference = copy.deepcopy(layer)
    expected = [with_gradients(reference, reference, x) for x in inputs]
    # After ordinary calls, of another size and without gradients, too.
    layer(inputs[1])
    with torch.no_grad():
        layer(inputs[0])
    with (
        warnings.catch_warnings(),
        torch._dynamo.config.patch(
            fail_on_recompile_limit_hit=True, suppress_errors=False
        ),
    ):
        # Such a warning says that a size was taken for good.
        warnings.simplefilter("error", torch.jit.TracerWarning)
        traced = TOOLS[tool](layer, inputs[0], variable_axes(row))
    for x, wanted in zip(inputs, expected, strict=True):
        if tool in LEARNING:
            owner = traced if isinstance(traced, fx.GraphModule) else layer
            found = with_gradients(traced, owner, x)
            assert_close(found, wanted, rtol=1e-4, atol=1e-4)
        else:
            assert_close(traced(x), wanted[0], rtol=1e-4, atol=1e-5)


@pytest.mark.tracers
@pytest.mark.parametrize("like", OF_TORCH)
def test_torchs_own_layers_fail_alike_under_inductor(like):
    message, layer = OF_TORCH[like]
    flat = any(isinstance(part, nn.Conv2d) for part in layer.modules())
    row = "CoordConv2d-replicate" if flat else "CoordConv3d-zeros"
    compiled = TOOLS["compile"](layer, None, None)
    with pytest.raises(Exception, match=re.escape(message)):
        for x in made(row)[1]:
            with_gradients(compiled, layer, x)


@pytest.mark.parametrize(("tool", "row"), list(table(["jit.trace", "make_fx"])))
def test_a_layer_that_was_never_called_can_be_traced_too(tool, row):
    layer, inputs = made(row)
    traced = TOOLS[tool](copy.deepcopy(layer), inputs[0], variable_axes(row))
    assert_close(traced(inputs[2]), layer(inputs[2]), rtol=1e-4, atol=1e-5)


def image_layers():
    kinds = "CoordConv2d", "CoordConvTranspose2d", "BlurPool2d", "MaxBlurPool2d"
    more = "BlurUpsample2d", "PolyphasePool2d", "PolyphaseUpsample2d"
    return [name for name in ROWS if name.startswith((*kinds, *more))]


@pytest.mark.parametrize("row", image_layers())
def test_a_quantised_network_keeps_the_layer_in_floating_point(row):
    layer, inputs = made(row)
    network = nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 1), nn.ReLU(), layer).eval()
    mapping = get_default_qconfig_mapping()
    prepared = quantize_fx.prepare_fx(network, mapping, (inputs[0],))
    for x in inputs:
        assert_close(prepared(x), network(x))  # it observes, and changes nothing
    quantised = quantize_fx.convert_fx(prepared)
    for x in inputs:
        output, wanted = quantised(x), network(x)
        assert output.shape == wanted.shape
        if "Polyphase" not in row:  # which may choose another phase after rounding
            assert (output - wanted).abs().max() < 0.1 * wanted.abs().max()
