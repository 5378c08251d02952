"""Surgery on any device and type, with other tools before it and after it."""

import copy
import pickle
import warnings
from functools import cache

import pytest
import torch
import torch.nn.functional as F
from torch import fx, nn
from torch.nn.utils import parametrizations, parametrize
from torch.testing import assert_close

from coordlib.layers import (
    AddCoords,
    BlurPool2d,
    CoordConv2d,
    CoordConvTranspose2d,
    PolyphasePool2d,
    SamePad,
    SoftArgmax2d,
)
from coordlib.surgery import antialias, coordify, plain


@fx.wrap
def same_padded(x, kernel_size, stride, dilation):
    return SamePad(kernel_size, stride, dilation)(x)


class TensorFlowConv(nn.Conv2d):
    """Pads by its stride, as the models that came from TensorFlow do."""

    def forward(self, x):
        x = same_padded(x, self.kernel_size, self.stride, self.dilation)
        options = self.stride, (0, 0), self.dilation, self.groups
        return F.conv2d(x, self.weight, self.bias, *options)


class Functions(nn.Module):
    """Nonlinearities as functions: the blur stands in the next convolution."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1)
        self.bn, self.pool = nn.BatchNorm2d(8), nn.MaxPool2d(3, 2, 1)
        self.c = nn.Conv2d(8, 4, 1)

    def forward(self, x):
        x = F.relu(self.bn(self.b(F.relu(self.a(x)))))
        return self.c(self.pool(x)).mean((2, 3))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.pool = nn.Conv2d(3, 8, 3, 1, 1), nn.AvgPool2d(2)
        self.conv1, self.bn1 = nn.Conv2d(8, 12, 3, 2, 1), nn.BatchNorm2d(12)
        self.conv2, self.bn2 = nn.Conv2d(12, 12, 3, 1, 1), nn.BatchNorm2d(12)
        self.shortcut, self.relu = nn.Conv2d(8, 12, 1, 2), nn.ReLU()

    def forward(self, x):
        x = self.pool(self.relu(self.stem(x)))
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(out + self.shortcut(x)).mean((2, 3))


def straight():
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True)),
        *(TensorFlowConv(8, 8, 3, 2), nn.BatchNorm2d(8), nn.PReLU(8)),
        *(nn.Conv2d(8, 8, 3, 2, 1), nn.SiLU(), nn.AvgPool2d(2)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    )


NETS = {"functions": Functions, "residual": Residual, "straight": straight}


def made(name):
    torch.manual_seed(0)
    return NETS[name]().eval()


@cache
def pictures(size=32):
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1))


def blurred(net, **options):
    return antialias(net, first_conv=True, **options)[0]


def seeing(net, **options):
    return coordify(net, "all", **options)[0]


OPERATIONS = {
    "antialias": blurred,
    "coordify": seeing,
    "both": lambda net: seeing(blurred(net)),
    "both, the other way": lambda net: blurred(seeing(net)),
    "and back": lambda net: plain(seeing(blurred(net)))[0],
}
every_net = pytest.mark.parametrize("name", NETS)
every_operation = pytest.mark.parametrize("operation", OPERATIONS)


# Devices and types


def tensors(net):
    return {**dict(net.named_parameters()), **dict(net.named_buffers())}


@every_net
@every_operation
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_all_that_surgery_makes_lies_where_the_model_lies(
    name, operation, dtype, device
):
    net = made(name).to(device, dtype)
    changed = OPERATIONS[operation](net)
    for key, tensor in tensors(changed).items():
        assert tensor.device.type == device.type, key
        assert tensor.dtype == dtype or not tensor.is_floating_point(), key
    x = pictures().to(device, dtype)
    assert changed(x).shape == net(x).shape
    assert changed(x).dtype == dtype
    assert changed(x).isfinite().all()


@every_net
@every_operation
def test_a_model_without_memory_stays_without_until_it_has_some(name, operation):
    if operation == "and back":
        pytest.skip("nobody knows whether weights on the meta device are zero")
    net = made(name)
    with torch.device("meta"):
        hollow = NETS[name]().eval()
    changed = OPERATIONS[operation](hollow)
    assert all(tensor.is_meta for tensor in tensors(changed).values())
    assert changed(pictures().to("meta")).shape == net(pictures()).shape


def test_coordinates_without_values_are_left():
    with torch.device("meta"):
        hollow = seeing(made("residual").to("meta"))
    with pytest.raises(ValueError, match="on the meta device nobody knows"):
        plain(hollow)


def test_surroundings_decide_nothing():
    """Neither torch's default device nor its default type, but the model."""
    net = made("straight")
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            changed = seeing(blurred(net))
    finally:
        torch.set_default_dtype(torch.float32)
    for key, tensor in tensors(changed).items():
        assert tensor.device.type == "cpu", key
        assert tensor.dtype == torch.float32 or not tensor.is_floating_point(), key
    assert_close(changed(pictures()), blurred(net)(pictures()))


def test_each_part_of_a_model_may_have_a_type_and_a_device_of_its_own():
    net = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2)).half(),
        nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(4, 4, 3)).double(),
        nn.Sequential(nn.MaxPool2d(2)),
        nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU()).to("meta"),
    )
    buffers = dict(antialias(net)[0].named_buffers())
    found = [(b.dtype, b.device.type) for b in buffers.values()]
    assert found == [
        (torch.float16, "cpu"),
        (torch.float64, "cpu"),
        (torch.float64, "cpu"),
    ]


def test_without_weights_the_example_decides():
    x = pictures().to(torch.bfloat16)
    changed, _ = antialias(nn.Sequential(nn.MaxPool2d(2)), example=x)
    assert next(changed.buffers()).dtype == torch.bfloat16


# Copies


@every_net
@every_operation
def test_what_surgery_makes_is_copied_and_pickled(name, operation):
    net = OPERATIONS[operation](made(name))
    assert torch.equal(copy.deepcopy(net)(pictures()), net(pictures()))
    again = pickle.loads(pickle.dumps(net))
    assert torch.equal(again(pictures()), net(pictures()))
    assert repr(again) == repr(net)


# Weights that are computed, and weights that are shared


def spectral(conv):
    return parametrizations.spectral_norm(conv)


def weight(conv):
    return parametrizations.weight_norm(conv)


def older_spectral(conv):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.utils.spectral_norm(conv)


def older_weight(conv):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.utils.weight_norm(conv)


@pytest.mark.parametrize("norm", [spectral, weight, older_spectral, older_weight])
@every_net
def test_convolutions_whose_weight_is_computed_are_blurred_as_others_are(name, norm):
    net = made(name)
    for conv in [m for m in net.modules() if type(m) is nn.Conv2d]:
        norm(conv)
    x = pictures()
    with torch.no_grad():
        net.train(), net(x), net.eval()  # one step of the power iteration
        same, report = antialias(net, 1, first_conv=True, example=x)
        if name != "straight":  # an average is not dense before
            first = same if name == "functions" else same.bn1
            assert first is not None
        changed = blurred(net)
        assert changed(x).shape == net(x).shape
        assert list(changed.state_dict()) == list(net.state_dict())
        changed.load_state_dict(net.state_dict())
    if name == "functions":
        assert_close(same(x), net(x))
    assert not [c for c in report.unchanged if "Conv" in c.what]
    changed(x).sum().backward()


def test_a_parametrization_can_be_taken_off_and_put_on_afterwards():
    net = made("functions")
    parametrizations.weight_norm(net.b)
    changed = blurred(net)
    before = changed(pictures())
    assert_close(copy.deepcopy(changed)(pictures()), before)
    parametrize.remove_parametrizations(changed.b, "weight")
    assert_close(changed(pictures()), before)
    assert isinstance(changed.b, nn.Conv2d) and not parametrize.is_parametrized(
        changed.b
    )
    parametrizations.weight_norm(changed.b)
    assert_close(changed(pictures()), before)


def test_coordinates_are_not_given_to_computed_weights_and_it_says_why():
    net = made("functions")
    parametrizations.spectral_norm(net.b)
    older_weight(net.c)
    report = coordify(net, "all")[1]
    assert [change.name for change in report.changed] == ["a"]
    reasons = {entry.name: entry.how for entry in report.unchanged}
    assert "parametrize" in reasons["b"] and "hooks" in reasons["c"]


@pytest.mark.parametrize("operation", ["antialias", "coordify"])
def test_a_model_that_keeps_a_weight_with_its_gradient_is_copied(operation):
    """As torch.nn.utils.weight_norm does, which copy.deepcopy refuses."""
    net, x = made("functions"), pictures()
    older_weight(net.b)
    changed = OPERATIONS[operation](net)
    assert changed(x).shape == net(x).shape
    net(x).sum().backward()
    changed(x).sum().backward()
    assert changed.b.weight_v.grad is not None
    assert changed.b.weight_v is not net.b.weight_v


def tied():
    torch.manual_seed(0)
    net = nn.Sequential(*(nn.Conv2d(3, 3, 3, 2, 1) for _ in range(3)), nn.ReLU())
    net[1].weight, net[1].bias, net[2].bias = net[0].weight, net[0].bias, net[0].bias
    return net


@every_operation
def test_shared_weights_stay_shared(operation):
    net, x = tied(), pictures()
    changed = OPERATIONS[operation](net)
    assert changed[1].weight is changed[0].weight
    assert changed[1].bias is changed[0].bias is changed[2].bias
    assert changed[2].weight is not changed[0].weight
    assert len(list(changed.parameters())) == len(list(net.parameters())) == 3
    if operation == "coordify":
        assert torch.equal(changed(x), net(x))


def test_where_not_all_that_share_a_weight_can_change_none_does():
    with pytest.raises(
        ValueError, match="0: Conv2d: its weight is also the weight of 1"
    ):
        coordify(tied(), "first")
    net = coordify(tied(), ["0", "2"])[0]
    assert [type(m) for m in net[:3]] == [nn.Conv2d, nn.Conv2d, CoordConv2d]
    assert net[1].weight is net[0].weight

    class Both(nn.Module):
        """An autoencoder that decodes with the weights of its encoder."""

        def __init__(self):
            super().__init__()
            self.down, self.up = nn.Conv2d(3, 8, 3), nn.ConvTranspose2d(8, 3, 3)
            self.up.weight = self.down.weight

        def forward(self, x):
            return self.up(self.down(x))

    with pytest.raises(ValueError, match="its weight is also the weight of up"):
        coordify(Both(), "all")


# Layers of this library


class Own(nn.Module):
    """A network of many of this library's layers, and a strided convolution."""

    def __init__(self):
        super().__init__()
        self.coords, self.polyphase = AddCoords(), PolyphasePool2d()
        self.blur, self.up = BlurPool2d(), CoordConvTranspose2d(8, 8, 4, 2, 1)
        self.conv1, self.conv2 = nn.Conv2d(5, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1)
        self.relu, self.argmax = nn.ReLU(), SoftArgmax2d()

    def forward(self, x):
        x = self.relu(self.conv1(self.coords(x)))
        x = self.blur(self.polyphase(self.relu(self.up(x))))
        return self.argmax(F.relu(self.conv2(x)))


def test_blur_and_coordinates_go_together_in_either_order_among_own_layers():
    torch.manual_seed(0)
    net, x = Own(), pictures()
    one, report = antialias(coordify(net, "all")[0], first_conv=True, example=x)
    other = coordify(antialias(net, first_conv=True)[0], "all")[0]
    assert_close(one(x), other(x))
    assert_close(one(x), blurred(net)(x))
    assert not [entry for entry in report.unchanged if "cannot trace" in entry.how]
    assert "before up" in str(report)
    operated = blurred(net)
    assert_close(operated.up.blur_input(x), BlurPool2d()(x))


# Tracers


@every_net
@every_operation
def test_it_is_traced_symbolically_and_serves_every_size(name, operation):
    net = OPERATIONS[operation](made(name))
    traced = fx.symbolic_trace(net)
    for size in (32, 45):
        assert_close(traced(pictures(size)), net(pictures(size)))


@every_net
@every_operation
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_it_is_traced_by_jit_and_serves_every_size(name, operation):
    net = OPERATIONS[operation](made(name))
    traced = torch.jit.trace(net, pictures(32))
    for size in (32, 45):
        assert_close(traced(pictures(size)), net(pictures(size)))


@every_net
@pytest.mark.parametrize("operation", ["both"])
def test_it_is_compiled_whole_with_gradients_for_two_sizes(name, operation):
    net = OPERATIONS[operation](made(name))
    torch.compiler.reset()
    compiled = torch.compile(net, backend="aot_eager", fullgraph=True)
    for size in (32, 44):
        x = pictures(size).clone().requires_grad_()
        result = compiled(x)
        assert_close(result, net(x))
        (slope,) = torch.autograd.grad(result.square().sum(), x)
        (expected,) = torch.autograd.grad(net(x).square().sum(), x)
        assert_close(slope, expected)


@every_net
@pytest.mark.parametrize("operation", ["both"])
def test_it_is_exported_for_every_size(name, operation):
    net = OPERATIONS[operation](made(name))
    sizes = {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    program = torch.export.export(net, (pictures(33),), dynamic_shapes=(sizes,))
    for size in (33, 45):
        assert_close(program.module()(pictures(size)), net(pictures(size)))


@every_net
@every_operation
@pytest.mark.filterwarnings("ignore")
def test_it_is_quantised_by_fx(name, operation):
    net, plain = OPERATIONS[operation](made(name)), made(name)
    prepared, quantised = quantised_by_fx(net)
    assert_close(prepared(pictures()), net(pictures()), atol=1e-4, rtol=1e-4)
    error = (quantised(pictures()) - net(pictures())).abs().max()
    # Eight bits cost the network before the surgery something, too.
    usual = (quantised_by_fx(plain)[1](pictures()) - plain(pictures())).abs().max()
    assert error < 2 * usual + 0.05 * net(pictures()).abs().max()
    assert quantised(pictures(44)).shape == net(pictures(44)).shape


def quantised_by_fx(net):
    """A network that watches its activations, and the same one in eight bits."""
    from torch.ao.quantization import get_default_qconfig_mapping
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    mapping = get_default_qconfig_mapping(torch.backends.quantized.engine)
    prepared = prepare_fx(copy.deepcopy(net), mapping, (pictures(),))
    prepared(pictures())
    return prepared, convert_fx(copy.deepcopy(prepared))
