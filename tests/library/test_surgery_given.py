"""What surgery is given: examples, networks that share or keep things, or compiled."""

import warnings

import pytest
import torch
from test_strides import NormThatActs
from test_surgery_everywhere import pictures, straight
from torch import nn
from torch.testing import assert_close

from coordlib.layers import CoordConv2d
from coordlib.surgery import antialias, coordify, plain


@pytest.mark.parametrize("example", [[torch.rand(1, 3, 8, 8)], {}, "picture", 3])
def test_an_example_is_a_tensor_or_a_tuple(example):
    with pytest.raises(TypeError, match="example must be a tensor, or a tuple, got"):
        antialias(nn.Sequential(nn.MaxPool2d(2)), example=example)


def test_an_example_that_the_model_fails_on_is_named():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2))
    told = "example must be an input of the model, which fails on it: RuntimeError: "
    with pytest.raises(ValueError, match=told):
        antialias(net, example=torch.rand(1, 2, 8, 8))


def test_an_example_stays_as_it_was():
    class Centring(nn.Module):
        def forward(self, x):
            return x.sub_(0.5)

    x = pictures()
    before = x.clone()
    antialias(nn.Sequential(Centring(), nn.MaxPool2d(2)), example=x)
    assert torch.equal(x, before)


class Keeping(nn.Module):
    """Counts its calls, and keeps what the first one made for the others."""

    def __init__(self):
        super().__init__()
        self.conv, self.grid, self.known = nn.Conv2d(3, 4, 3, 2, 1), None, {}
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x):
        self.calls += 1
        if self.grid is None:
            self.grid = torch.linspace(0, 1, x.shape[-1] // 2)
        self.known.setdefault("mean", x.mean())
        return self.conv(x).relu() + self.grid + self.known["mean"]


@pytest.mark.parametrize("example", [None, torch.rand(1, 3, 32, 32)])
def test_what_a_network_keeps_from_calls_is_not_kept_from_surgerys(example):
    torch.manual_seed(0)
    net = Keeping()
    steady, _ = antialias(net, 1, first_conv=True, example=example)
    for one in net, steady:
        assert (one.calls.item(), one.grid, one.known) == (0, None, {})
    x = pictures()
    assert_close(steady(x), net(x))
    assert torch.equal(steady.calls, net.calls)


def test_a_network_that_torch_jit_has_compiled_is_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = torch.jit.trace(straight(), pictures())
    for change in antialias, coordify, plain:
        with pytest.raises(TypeError, match=r"one that torch\.jit has compiled"):
            change(compiled)


class OneActivation(nn.Module):
    """Normalisations that act with one module, which a third place may call itself."""

    def __init__(self, strides, bare=False):
        super().__init__()
        act = nn.ReLU()
        norms = [NormThatActs(8, lambda: act) for _ in strides]
        if bare:
            norms[-1] = nn.Sequential(nn.BatchNorm2d(8), act)
        channels = zip((3, 8, 8), strides, strict=True)
        convs = [nn.Conv2d(c, 8, 3, stride, 1) for c, stride in channels]
        self.convs, self.norms = nn.ModuleList(convs), nn.ModuleList(norms)

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = norm(conv(x))
        return x


@pytest.mark.parametrize("strides", [(1, 2, 2), (1, 1, 2), (2, 1, 1), (2, 2, 2)])
def test_normalisations_may_share_their_activation(strides):
    net, x = OneActivation(strides).eval(), pictures()
    steady, report = antialias(net, first_conv=True, example=x)
    places = [f"after norms.{i}" for i in range(3) if strides[i] > 1]
    assert [entry.how[-13:] for entry in report.changed] == places
    assert steady(x).shape == net(x).shape


def test_an_activation_that_a_normalisation_calls_too_is_not_blurred_there():
    net, x = OneActivation((1, 2, 2), bare=True).eval(), pictures()
    steady, report = antialias(net, first_conv=True)
    assert "right after it" in report.changed[1].how
    assert steady(x).shape == net(x).shape


def test_a_lazy_layer_stays_and_is_said_to_have_no_weight_yet():
    lazy = nn.LazyConv2d(4, 3, stride=2)
    model = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), lazy)
    reports = (
        antialias(model, first_conv=True)[1],
        coordify(model, which="all")[1],
    )
    for report in reports:
        (kept,) = report.unchanged
        assert kept.name == "2" and "before the model has run once" in kept.how


def test_a_coordconv_of_one_pixel_sees_the_coordinates_that_it_saw():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), CoordConv2d(8, 8, 1, stride=2)).eval()
    x = torch.rand(1, 3, 18, 18)
    assert_close(antialias(net, filter_size=1)[0](x), net(x))
