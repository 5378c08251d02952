"""Surgery: what changes in a network, what stays, and where the blur goes."""
# Long because all that is said of one thing stands in one place.

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.testing import assert_close

from coordlib.layers import BlurPool2d, CoordConv2d, MaxBlurPool2d, SamePad
from coordlib.probe import shift
from coordlib.surgery import antialias, coordify, plain


class Block(nn.Module):
    """A residual block as torchvision writes it: one rectifier, called twice."""

    def __init__(self, inputs, outputs, stride=1, mode="zeros"):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, padding_mode=mode)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, padding_mode=mode)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = None
        if stride > 1:
            conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(outputs))

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return self.relu(out + (x if self.shortcut is None else self.shortcut(x)))


def residual(mode="zeros"):
    stem = nn.Conv2d(3, 8, 3, 1, 1, padding_mode=mode)
    blocks = [Block(8, 8, 1, mode), Block(8, 16, 2, mode), Block(16, 16, 2, mode)]
    return nn.Sequential(stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def inverted(mode="zeros"):
    def depthwise(stride):
        conv = nn.Conv2d(12, 12, 3, stride, 1, groups=12, padding_mode=mode)
        return nn.Sequential(conv, nn.BatchNorm2d(12), nn.ReLU6())

    stem = nn.Conv2d(3, 12, 3, 2, 1, padding_mode=mode)
    parts = [depthwise(2), nn.Conv2d(12, 12, 1), depthwise(2)]
    return nn.Sequential(stem, *parts, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def pooled(mode="zeros"):
    def conv(inputs, outputs):
        return nn.Conv2d(inputs, outputs, 3, 1, 1, padding_mode=mode), nn.ReLU()

    return nn.Sequential(
        *(*conv(3, 8), nn.MaxPool2d(2), *conv(8, 8), nn.MaxPool2d(3, 2, 1)),
        *(*conv(8, 8), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    )


NETS = {"residual": residual, "inverted": inverted, "pooled": pooled}


def trained(make, *args):
    """A network with the weights and statistics that training might have left."""
    torch.manual_seed(0)
    net = make(*args)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return net.eval()


def pictures(size=32):
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1))


# The law


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("size", [31, 32, 33])
def test_without_blur_every_answer_stays_as_it_was(name, size):
    """Dense and subsampled again is what was there; averages are not dense before."""
    net = trained(NETS[name])
    if name == "pooled":
        net = net[:8]
    same, _ = antialias(net, filter_size=1, first_conv=True)
    assert_close(same(pictures(size)), net(pictures(size)))


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("filter_size", [2, 3, 5])
def test_the_answer_keeps_its_shape_and_becomes_another(name, filter_size):
    net = trained(NETS[name])
    blurred, _ = antialias(net, filter_size)
    for size in (32, 35):
        before, after = net(pictures(size)), blurred(pictures(size))
        assert before.shape == after.shape
        assert not torch.allclose(before, after)


@pytest.mark.parametrize("name", NETS)
def test_on_a_ring_shifts_move_the_answer_less_but_still(name):
    net = trained(NETS[name], "circular")
    x = pictures().double()

    def movement(model):
        model, rolls = model.double(), [(i, j) for i in range(4) for j in range(4)]
        moved = torch.stack([model(shift(x, by)) for by in rolls])
        return (moved.std(0).mean() / moved.mean(0).std()).item()

    blurred, _ = antialias(net, 3, "circular", first_conv=True)
    wider, _ = antialias(net, 5, "circular", first_conv=True)
    with torch.no_grad():
        assert movement(net) > 2 * movement(blurred) > 2 * movement(wider) > 1e-9


@pytest.mark.parametrize("name", NETS)
def test_on_a_ring_shifts_by_the_whole_stride_still_change_nothing(name):
    net, _ = antialias(trained(NETS[name], "circular"), 3, "circular")
    x = pictures().double()
    assert_close(net.double()(shift(x, (8, -16))), net(x))


def test_a_picture_without_detail_stays_as_it_was():
    """Blurs change nothing where there is nothing to blur."""
    net = trained(residual, "circular")
    blurred, _ = antialias(net, 5, "circular")
    flat = torch.full((1, 3, 16, 16), 0.3)
    assert_close(blurred(flat), net(flat))


# Where the blur goes


def test_a_residual_block_is_blurred_after_its_rectifier_and_before_its_shortcut():
    torch.manual_seed(0)
    block = Block(4, 6, 2).eval()
    blurred, report = antialias(nn.Sequential(nn.Conv2d(3, 4, 1), block))
    x = torch.randn(2, 4, 10, 10)
    blur = BlurPool2d()

    def dense(conv, x):
        return F.conv2d(x, conv.weight, conv.bias, 1, conv.padding)

    inside = blur(F.relu(block.bn1(dense(block.conv1, x))))
    aside = block.shortcut[1](dense(block.shortcut[0], blur(x)))
    expected = F.relu(block.bn2(block.conv2(inside)) + aside)
    assert_close(blurred[1](x), expected)
    assert [change.name for change in report.changed] == ["1.conv1", "1.shortcut.0"]
    assert "before 1.conv2" in str(report)


def test_a_convolution_with_a_rectifier_of_its_own_is_blurred_after_that():
    net = nn.Sequential(nn.Conv2d(3, 4, 3, 1), nn.Conv2d(4, 4, 3, 2), nn.PReLU(4))
    blurred, report = antialias(net, 4)
    conv = net[1]
    dense = F.conv2d(net[0](pictures()), conv.weight, conv.bias)
    assert_close(blurred(pictures()), BlurPool2d(None, 4)(net[2](dense)))
    assert "after 2" in str(report)
    blurred.load_state_dict(net.state_dict())


def test_functions_are_found_as_well_as_modules():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 4, 3, 1), nn.Conv2d(4, 4, 3, (1, 2))
            self.c = nn.Conv2d(4, 4, 3)

        def forward(self, x):
            return self.c(F.silu(self.b(self.a(x))))

    net = Net()
    blurred, report = antialias(net)
    dense = F.silu(F.conv2d(net.a(pictures()), net.b.weight, net.b.bias))
    blur = BlurPool2d(None, (1, 3), (1, 2))
    assert_close(blurred(pictures()), net.c(blur(dense)))
    assert "before c" in str(report)


def test_where_no_nonlinearity_is_found_the_blur_follows_the_convolution():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 4, 3, 2), nn.Conv2d(3, 4, 3, 2)

        def forward(self, x):
            return F.relu(self.a(x) + self.b(x))

    net = Sum()
    blurred, report = antialias(net, first_conv=True)
    dense = [F.conv2d(pictures(), c.weight, c.bias) for c in (net.a, net.b)]
    blur = BlurPool2d()
    assert_close(blurred(pictures()), F.relu(blur(dense[0]) + blur(dense[1])))
    assert str(report).count("right after it") == 2


def test_what_cannot_be_traced_is_traced_in_parts_and_reported():
    class Undecided(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = Block(3, 4, 2)

        def forward(self, x):
            return self.block(x) if x.sum() > 0 else x

    net = nn.Sequential(nn.Conv2d(3, 3, 1), Undecided())
    blurred, report = antialias(net)
    assert "before 1.block.conv2" in str(report)
    assert "1: Undecided: torch.fx cannot trace it" in str(report)
    assert blurred(pictures()).shape == net(pictures()).shape


@given(
    st.integers(1, 4), st.integers(2, 3), st.integers(0, 2), st.booleans(), st.data()
)
def test_max_pools_of_every_kind_keep_their_size(k, stride, padding, ceil, data):
    padding = min(padding, k // 2)
    pool = nn.MaxPool2d(k, stride, padding, ceil_mode=ceil)
    x = torch.randn(1, 2, data.draw(st.integers(6, 12)), data.draw(st.integers(6, 12)))
    dense, _ = antialias(nn.Sequential(pool), 1)
    assert torch.equal(dense(x), pool(x))
    assert antialias(nn.Sequential(pool), 3)[0](x).shape == pool(x).shape


@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize("mode", ["reflect", "circular"])
@pytest.mark.parametrize("ceil", [False, True])
def test_max_pools_over_two_by_two_keep_their_size_on_a_ring_too(mode, ceil, size):
    pool, x = nn.MaxPool2d(2, ceil_mode=ceil), torch.randn(1, 1, size, size)
    assert antialias(pool, 3, mode)[0](x).shape == pool(x).shape


@pytest.mark.parametrize("size", [7, 8, 9])
@pytest.mark.parametrize(
    "pool", [nn.AvgPool2d(2), nn.AvgPool2d(2, ceil_mode=True), nn.AvgPool2d(3, 2, 1)]
)
def test_average_pools_keep_their_size(pool, size):
    blurred, _ = antialias(nn.Sequential(pool))
    x = torch.randn(1, 2, size, size)
    assert blurred(x).shape == pool(x).shape


def test_an_average_over_a_box_of_two_is_a_blur_by_two():
    net, x = nn.Sequential(nn.AvgPool2d(2)), torch.randn(1, 2, 9, 8)
    assert_close(antialias(net, 2)[0](x), net(x))


def test_other_dimensions_are_changed_as_well():
    net = nn.Sequential(nn.Conv1d(1, 2, 3), nn.ReLU(), nn.MaxPool1d(2))
    assert "MaxBlurPool1d" in str(antialias(net)[1])
    net = nn.Sequential(nn.Conv3d(1, 2, 3), nn.Conv3d(2, 2, 3, 2), nn.ReLU())
    assert antialias(net)[0](torch.randn(1, 1, 9, 9, 9)).shape[2:] == (3, 3, 3)


class TensorFlowConv(nn.Conv2d):
    """Pads by its stride, as the models that came from TensorFlow do."""

    def forward(self, x):
        pad = SamePad(self.kernel_size, self.stride, self.dilation)
        return F.conv2d(pad(x), self.weight, self.bias, self.stride, 0, self.dilation)


@pytest.mark.parametrize("size", [10, 11])
def test_convolutions_that_pad_by_their_stride_go_on_padding_for_the_old_one(size):
    net = nn.Sequential(nn.Conv2d(3, 4, 1), TensorFlowConv(4, 4, 3, 2), nn.ReLU())
    same, _ = antialias(net, 1)
    assert_close(same(pictures(size)), net(pictures(size)))
    blurred, _ = antialias(net)
    assert blurred(pictures(size)).shape == net(pictures(size)).shape
    assert list(blurred.state_dict()) == list(net.state_dict())


def test_a_convolution_that_does_something_else_with_its_stride_is_left_and_named():
    class Odd(nn.Conv2d):
        def forward(self, x):
            return super().forward(x) * self.stride[0]

    net = nn.Sequential(nn.Conv2d(3, 3, 1), Odd(3, 3, 3, 2), nn.ReLU(), nn.MaxPool2d(2))
    blurred, report = antialias(net)
    assert blurred[1].stride == (2, 2)
    assert report.unchanged[0].name == "1"


# What stays


@pytest.mark.parametrize("name", NETS)
def test_weights_names_modes_and_the_original_stay(name):
    net = trained(NETS[name])
    net[0].train()
    before, answer = copy.deepcopy(net.state_dict()), net(pictures())
    blurred, _ = antialias(net)
    assert list(blurred.state_dict()) == list(before)
    blurred.load_state_dict(before)
    assert [n for n, _ in blurred.named_parameters()] == [
        n for n, _ in net.named_parameters()
    ]
    assert blurred[0].training and not blurred[1].training
    assert torch.equal(net(pictures()), answer)
    assert not {id(p) for p in net.parameters()} & {id(p) for p in blurred.parameters()}


@pytest.mark.parametrize("name", NETS)
def test_the_result_is_an_ordinary_network(name):
    """It is copied, pickled, trained, compiled and exported like any other."""
    net, _ = antialias(trained(NETS[name]))
    x = pictures()
    assert torch.equal(copy.deepcopy(net)(x), net(x))
    assert torch.equal(pickle.loads(pickle.dumps(net))(x), net(x))
    torch.compiler.reset()
    compiled = torch.compile(net, backend="eager", fullgraph=True)
    assert_close(compiled(x), net(x))
    assert_close(torch.export.export(net, (x,)).module()(x), net(x))
    net(x).square().sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_the_first_convolution_stays_strided_unless_asked_for():
    net = trained(inverted)
    assert antialias(net)[0][0].stride == (2, 2)
    assert antialias(net, first_conv=True)[0][0].stride == (1, 1)


def test_what_stays_is_reported_with_the_reason():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.wide = nn.AvgPool2d(8)
            self.dilated = nn.MaxPool2d(2, dilation=2)
            self.uneven = nn.AvgPool2d(3, 2)
            self.pool = nn.MaxPool2d(2)

        def forward(self, x):
            x = F.max_pool2d(x, 2) + F.avg_pool2d(x, kernel_size=2) + x[:, :, ::2, ::2]
            return self.wide(self.pool(self.dilated(self.uneven(x))))

    report = antialias(Net())[1]
    reasons = {entry.name: entry.how for entry in report.unchanged if entry.name}
    assert set(reasons) == {"wide", "dilated", "uneven"}
    functions = {entry.what for entry in report.unchanged if not entry.name}
    assert functions == {"max pooling", "average pooling", "slicing with a step"}
    assert [change.name for change in report.changed] == ["pool"]


def test_a_network_without_subsampling_is_refused():
    net = nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU(), nn.AvgPool2d(8))
    with pytest.raises(ValueError, match=r"nothing to antialias(.|\n)*stronger"):
        antialias(net)
    blurred, _ = antialias(nn.Sequential(nn.MaxPool2d(2)))
    with pytest.raises(ValueError, match="nothing to antialias"):
        antialias(blurred)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"model": 3}, TypeError, r"must be a torch\.nn\.Module, got int"),
        ({"filter_size": 0}, ValueError, "filter_size must be at least 1"),
        ({"filter_size": (3, 3)}, TypeError, "filter_size must be an integer"),
        ({"padding_mode": "zero"}, ValueError, "padding_mode must be one of"),
    ],
)
def test_bad_options_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        antialias(**{"model": nn.MaxPool2d(2), **arguments})


def test_a_model_may_be_a_single_layer():
    assert isinstance(antialias(nn.MaxPool2d(2))[0], MaxBlurPool2d)
    conv = nn.Conv2d(3, 4, 3, 2)
    blurred, _ = antialias(conv, first_conv=True)
    assert blurred(pictures()).shape == conv(pictures()).shape


# Coordinates


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(
    ("with_r", "axes"), [(False, None), (True, None), ("unit", ()), (False, -1)]
)
def test_coordinates_with_zero_weights_change_no_answer(name, with_r, axes):
    net = trained(NETS[name])
    seeing, report = coordify(net, "all", with_r, axes)
    convs = [n for n, m in net.named_modules() if isinstance(m, nn.Conv2d)]
    assert [change.name for change in report.changed] == convs
    assert list(seeing.state_dict()) == list(net.state_dict())
    assert torch.equal(seeing(pictures()), net(pictures()))


def test_only_the_convolutions_that_are_named_see_where_they_are():
    def seeing(which):
        net, _ = coordify(trained(residual), which)
        return [n for n, m in net.named_modules() if isinstance(m, CoordConv2d)]

    assert seeing("first") == ["0"]
    assert seeing(["2.conv2", "1.conv1"]) == ["1.conv1", "2.conv2"]


@pytest.mark.parametrize("name", NETS)
def test_there_and_back_again(name):
    net = trained(NETS[name])
    back, report = plain(coordify(net, "all", with_r=True)[0])
    assert repr(back) == repr(net)
    for key, value in back.state_dict().items():
        assert torch.equal(value, net.state_dict()[key])
    assert not report.unchanged


def test_a_layer_that_uses_its_coordinates_is_not_made_plain():
    net, _ = coordify(trained(residual), ["0", "1.conv1"])
    with torch.no_grad():
        net[0].weight[:, -1] += 1
    back, report = plain(net)
    assert isinstance(back[0], CoordConv2d)
    assert type(back[1].conv1) is nn.Conv2d
    assert [entry.name for entry in report.unchanged] == ["0"]


@pytest.mark.parametrize("name", NETS)
def test_blur_and_coordinates_go_together_in_either_order(name):
    net = trained(NETS[name])
    one = coordify(antialias(net)[0], "all")[0]
    other = antialias(coordify(net, "all")[0])[0]
    assert_close(one(pictures()), other(pictures()))
    assert_close(one(pictures()), antialias(net)[0](pictures()))


def test_what_cannot_see_is_refused_or_reported():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), TensorFlowConv(4, 4, 3), nn.Conv2d(4, 4, 1))
    net[2].register_forward_hook(lambda module, args, output: output)
    report = coordify(net, "all")[1]
    assert [entry.name for entry in report.unchanged] == ["1", "2"]
    with pytest.raises(ValueError, match="nothing to give coordinates to"):
        coordify(nn.Sequential(nn.Linear(2, 2)))
    with pytest.raises(ValueError, match=r"names no convolution .*: 5; there are 0, 1"):
        coordify(net, ["0", "5"])
    with pytest.raises(ValueError, match='"first", "all" or a list'):
        coordify(net, "0")
    with pytest.raises(ValueError, match="nothing to make plain"):
        plain(net)
    with pytest.raises(TypeError, match="model must be"):
        coordify(None)


# Networks as users have them


def users_model(library, name):
    """A model of another library, or a skip where the library cannot be imported."""
    try:
        if library == "torchvision":
            import torchvision

            return torchvision.models.get_model(name, weights=None)
        import timm

        return timm.create_model(name)
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"{library} cannot be imported: {error}")


@pytest.mark.parametrize(
    ("library", "name", "changes"),
    [
        ("torchvision", "vgg11_bn", 5),
        ("torchvision", "resnet18", 7),
        ("torchvision", "resnet50", 7),
        ("torchvision", "densenet121", 4),
        ("torchvision", "mobilenet_v2", 4),
        ("torchvision", "efficientnet_b0", 4),
        ("timm", "vgg11_bn", 5),
        ("timm", "resnet18", 7),
        ("timm", "densenet121", 4),
        ("timm", "mobilenetv2_100", 4),
        ("timm", "efficientnet_lite0", 4),
        ("timm", "tf_efficientnet_lite0", 4),
    ],
)
def test_models_of_other_libraries_are_changed_wherever_they_subsample(
    library, name, changes
):
    torch.manual_seed(0)
    net = users_model(library, name).eval()
    x = pictures(64)
    blurred, report = antialias(net)
    assert len(report.changed) == changes
    assert "right after it" not in str(report)
    assert type(blurred) is type(net)
    blurred.load_state_dict(net.state_dict())
    with torch.no_grad():
        answer = net(x)
        assert blurred(x).shape == answer.shape
        if "densenet" not in name:
            same, _ = antialias(net, 1, first_conv=True)
            assert_close(same(x), answer)
        assert torch.equal(coordify(net, "all")[0](x), answer)
