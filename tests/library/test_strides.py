"""Strides: surgery loses none, wherever the nonlinearity and the pool may stand."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from coordlib.layers import BlurPool2d, MaxBlurPool2d
from coordlib.surgery import _antialias as surgery
from coordlib.surgery import antialias


class Followed(nn.Module):
    """A strided convolution, its nonlinearity, and whatever follows."""

    def __init__(self, after, nonlinearity=F.relu):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, 2, 1)
        self.relu = nonlinearity
        self.after = after

    def forward(self, x):
        return self.after(self.relu(self.conv(x)))


class Twice(nn.Module):
    """One module called twice: as ResNets have their rectifier."""

    def __init__(self, after):
        super().__init__()
        self.relu = nn.ReLU()
        self.first, self.second = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1)
        self.after = after

    def forward(self, x):
        return self.after(self.relu(self.second(self.relu(self.first(x)))))


class SharedPool(nn.Module):
    """One pool called twice."""

    def __init__(self, pool):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1)
        self.pool = pool

    def forward(self, x):
        return self.pool(F.relu(self.second(self.pool(F.relu(self.first(x))))))


class Basic(nn.Module):
    """As torchvision writes GoogLeNet: the rectifier is a function of the block."""

    def __init__(self, inputs, outputs, kernel_size, stride=1):
        super().__init__()
        padding = kernel_size // 2
        self.conv = nn.Conv2d(inputs, outputs, kernel_size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Inception(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.branch1 = Basic(inputs, 4, 1)
        self.branch2 = nn.Sequential(Basic(inputs, 4, 1), Basic(4, 4, 3))
        pool = nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True)
        self.branch3 = nn.Sequential(pool, Basic(inputs, 4, 1))

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x)], 1)


class GoogLeNet(nn.Module):
    """The stem, an inception and the global pool, behind which a size is not seen."""

    def __init__(self):
        super().__init__()
        self.conv1 = Basic(3, 8, 7, 2)
        self.maxpool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2 = Basic(8, 8, 3)
        self.maxpool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.inception = Inception(8)
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(12, 5)

    def forward(self, x):
        x = self.maxpool2(self.conv2(self.maxpool1(self.conv1(x))))
        return self.fc(self.avgpool(self.inception(x)).flatten(1))


POOLS = {
    "max": lambda: nn.MaxPool2d(2),
    "max with padding": lambda: nn.MaxPool2d(3, 2, 1),
    "average": lambda: nn.AvgPool2d(2),
    "wide average": lambda: nn.AvgPool2d(8, 2, 4),
    "convolution": lambda: nn.Conv2d(8, 4, 3, 2, 1),
    "pointwise": lambda: nn.Conv2d(8, 4, 1, 2),
    "nothing": lambda: nn.Identity(),
}
NETS = {
    "function": Followed,
    "module": lambda after: Followed(after, nn.ReLU()),
    "weighted": lambda after: Followed(after, nn.PReLU(8)),
    "method": lambda after: Followed(after, torch.Tensor.relu_),
    "twice": Twice,
    "shared pool": SharedPool,
}


def pictures(size=64):
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1))


def shapes_of(net, x, names):
    """Shapes of the outputs of some modules."""
    seen = {}

    def note(name):
        return lambda module, args, output: seen.update({name: output.shape})

    for name in names:
        net.get_submodule(name).register_forward_hook(note(name))
    net(x)
    return seen


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("mode", ["reflect", "circular"])
def test_no_pool_swallows_the_stride_of_the_convolution_before_it(name, pool, mode):
    if name == "shared pool" and pool in ("convolution", "pointwise"):
        pytest.skip("a convolution that takes 8 channels and gives 4 runs once")
    torch.manual_seed(0)
    net = NETS[name](POOLS[pool]()).eval()
    for size in (61, 64):
        x = pictures(size)
        with torch.no_grad():
            blurred, report = antialias(net, 3, mode, first_conv=True, example=x)
            assert blurred(x).shape == net(x).shape
            assert antialias(net, 3, mode, first_conv=True)[0](x).shape == net(x).shape
        assert sum(m.stride == (2, 2) for m in blurred.modules() if is_conv(m)) == 0
        assert len(report.changed) >= 1


def is_conv(module):
    return isinstance(module, nn.Conv2d)


@pytest.mark.parametrize("name", NETS)
def test_without_blur_a_convolution_before_a_max_pool_computes_what_it_did(name):
    torch.manual_seed(0)
    net, x = NETS[name](nn.MaxPool2d(3, 2, 1)).eval(), pictures()
    same, _ = antialias(net, 1, first_conv=True)
    assert_close(same(x), net(x))


def test_the_blur_of_a_convolution_stands_between_its_function_and_the_pool():
    torch.manual_seed(0)
    net, x = Followed(nn.MaxPool2d(2)), pictures()
    blurred, report = antialias(net, first_conv=True)
    dense = F.relu(F.conv2d(x, net.conv.weight, net.conv.bias, 1, 1))
    assert_close(blurred(x), MaxBlurPool2d(2)(BlurPool2d()(dense)))
    assert "before after" in str(report)
    assert [change.name for change in report.changed] == ["conv", "after"]


def test_a_network_like_googlenet_keeps_every_size_inside():
    torch.manual_seed(0)
    net, x = GoogLeNet().eval(), pictures()
    blurred, report = antialias(net, first_conv=True, example=x)
    names = ["maxpool1", "conv2", "maxpool2", "inception.branch2.0", "inception"]
    assert shapes_of(blurred, x, names) == shapes_of(net, x, names)
    assert "before maxpool1" in str(report)
    assert len(report.changed) == 3
    same, _ = antialias(net, 1, first_conv=True, example=x)
    assert_close(same(x), net(x))


def test_a_change_that_alters_a_shape_is_refused_with_the_name_of_the_module(
    monkeypatch,
):
    """Whatever may go wrong: here a pool that loses its stride."""
    monkeypatch.setattr(surgery, "blurred_pool", lambda *args: nn.MaxPool2d(3, 1, 1))
    net = Followed(nn.Sequential(nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1)))
    with pytest.raises(ValueError, match=r"output of after\.0 had shape \(2, 8, 16, 1"):
        antialias(net, example=pictures())


def test_a_stride_that_is_lost_is_refused_without_an_example(monkeypatch):
    monkeypatch.setattr(surgery, "add_before", lambda model, *args, **options: model)
    with pytest.raises(ValueError, match=r"stride \(2, 2\) of conv is lost at after"):
        antialias(Followed(nn.MaxPool2d(2)), first_conv=True)


def test_a_changed_network_that_fails_on_the_example_is_refused(monkeypatch):
    monkeypatch.setattr(surgery, "blurred_pool", lambda *args: nn.Linear(1, 1))
    with pytest.raises(ValueError, match="the changed one fails on example: mat1"):
        antialias(Followed(nn.MaxPool2d(2)), example=pictures())


def test_an_example_may_be_several_inputs_and_changes_neither_mode_nor_statistics():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.bn, self.pool = nn.BatchNorm2d(3), nn.MaxPool2d(2)

        def forward(self, x, y):
            return {"a": [self.pool(self.bn(x))], "b": (self.pool(y), None)}

    net = Two()
    net.bn.eval()
    blurred, _ = antialias(net, example=(pictures(), pictures(32)))
    assert blurred.training and blurred.pool.training and not blurred.bn.training
    assert blurred.bn.num_batches_tracked == 0
    assert not any(m._forward_hooks for m in blurred.modules())


def test_a_module_that_the_other_mode_calls_twice_holds_no_blur():
    """Else training, or evaluation, would subsample once more."""

    class Auxiliary(Followed):
        def forward(self, x):
            x = self.relu(self.conv(x))
            return self.after(self.relu(x) if self.training else x)

    net = Auxiliary(nn.MaxPool2d(2), nn.ReLU())
    for start in (True, False):
        blurred, _ = antialias(net.train(start), first_conv=True)
        for training in (True, False):
            net.train(training), blurred.train(training)
            assert blurred(pictures()).shape == net(pictures()).shape


def test_a_module_that_two_untraceable_parts_share_holds_no_blur():
    class Undecided(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = Followed(nn.Identity(), nn.ReLU()), None
            self.b = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), self.a.relu)

        def forward(self, x):
            return self.b(self.a(x)) if x.sum() > 0 else x

    net, x = Undecided(), pictures()
    assert antialias(net, first_conv=True)[0](x).shape == net(x).shape


def test_parts_in_a_list_are_traced_and_a_part_that_cannot_be_is_passed_by():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = nn.ModuleList([Followed(nn.Conv2d(8, 8, 1)), Merge(True)])

        def forward(self, x):
            x = self.parts[0](x)
            return self.parts[1](x, x) if x.sum() > 0 else x

    net, x = Net(), pictures()
    report = antialias(net, first_conv=True, example=x)[1]
    assert "before parts.0.after" in str(report)
    assert [entry.name for entry in report.unchanged] == ["parts.1", ""]


def test_a_normalisation_over_pixels_is_not_given_more_of_them():
    net = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.LayerNorm([4, 32, 32]), nn.ReLU())
    blurred, report = antialias(net, first_conv=True)
    assert blurred(pictures()).shape == net(pictures()).shape
    assert "right after it" in str(report)


class NormThatActs(nn.BatchNorm2d):
    """A normalisation that ends in a nonlinearity, and has parts: as in timm."""

    def __init__(self, channels, act=nn.ReLU):
        super().__init__(channels)
        self.drop, self.act = nn.Identity(), act()

    def forward(self, x):
        return self.act(self.drop(super().forward(x)))


@pytest.mark.parametrize("behind", [[], [nn.SiLU()]], ids=["alone", "and another"])
def test_the_parts_of_a_normalisation_give_what_is_blurred_behind_it(behind):
    act = nn.Identity if behind else nn.ReLU
    norm = NormThatActs(8, act)
    net = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), norm, *behind).eval()
    steady, report = antialias(net, first_conv=True, example=pictures())
    assert [change.name for change in report.changed] == ["0"]
    assert steady(pictures()).shape == net(pictures()).shape
    assert list(steady.state_dict()) == list(net.state_dict())


# Modules of several inputs


class Merge(nn.Module):
    """No trace looks into it, for it asks what it was given."""

    def __init__(self, weighted):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0)) if weighted else 1.0

    def forward(self, skip, x, other=None):
        if x.sum() < 0:
            raise ValueError
        return skip + self.scale * x + (0 if other is None else other)


class Merging(nn.Module):
    def __init__(self, call, weighted=True):
        super().__init__()
        self.conv, self.merge = nn.Conv2d(3, 3, 3, 2, 1), Merge(weighted)
        self.call = call

    def forward(self, x):
        small = x[:, :, :32, :32]
        return self.call(self.merge, small, F.relu(self.conv(x)))


CALLS = {
    "second": lambda merge, small, x: merge(small, x),
    "named": lambda merge, small, x: merge(small, x=x),
    "all named": lambda merge, small, x: merge(x=x, skip=small),
    "two": lambda merge, small, x: merge(small, x, other=x),
    "first": lambda merge, small, x: merge(x, small),
}


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("call", CALLS)
def test_a_module_of_several_inputs_is_given_the_right_one_blurred(call, weighted):
    torch.manual_seed(0)
    net, x = Merging(CALLS[call], weighted), pictures()
    blurred, report = antialias(net, first_conv=True, example=x)
    dense = BlurPool2d()(F.relu(F.conv2d(x, net.conv.weight, net.conv.bias, 1, 1)))
    assert_close(blurred(x), CALLS[call](net.merge, x[:, :, :32, :32], dense))
    assert "before merge" in str(report)
    assert list(blurred.state_dict()) == list(net.state_dict())


def test_two_convolutions_may_run_into_one_module():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 3, 3, 2, 1), nn.Conv2d(3, 3, 5, 2, 2)
            self.merge = Merge(True)

        def forward(self, x):
            return self.merge(F.relu(self.a(x)), x=F.relu(self.b(x)))

    torch.manual_seed(0)
    net, x, blur = Net(), pictures(), BlurPool2d()
    blurred, _ = antialias(net, first_conv=True, example=x)
    a, b = (
        blur(F.relu(F.conv2d(x, conv.weight, conv.bias, 1, conv.padding)))
        for conv in (net.a, net.b)
    )
    assert_close(blurred(x), net.merge(a, b))


# Later changes


def test_exchanging_nonlinearities_one_by_one_keeps_the_stride():
    net, x = Followed(nn.Identity(), nn.ReLU()), pictures()
    blurred, _ = antialias(net, first_conv=True)

    def exchange(module):
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU):
                setattr(module, name, nn.GELU())
            exchange(child)

    exchange(blurred)
    assert any(isinstance(m, nn.GELU) for m in blurred.modules())
    assert blurred(x).shape == net(x).shape


def test_no_blur_lives_in_a_hook():
    for name, make in NETS.items():
        after = nn.MaxPool2d(2) if name == "shared pool" else nn.Conv2d(8, 4, 3, 2)
        blurred, _ = antialias(make(after), first_conv=True)
        hooks = [
            m for m in blurred.modules() if m._forward_hooks or m._forward_pre_hooks
        ]
        assert not hooks


def test_blurs_of_this_and_other_libraries_are_called_blurs():
    class BlurPool2D(nn.Module):
        """As timm has it: a strided convolution with a fixed filter."""

        def __init__(self, channels):
            super().__init__()
            self.register_buffer("filt", torch.ones(channels, 1, 3, 3) / 9)

        def forward(self, x):
            x = F.pad(x, [1] * 4, mode="reflect")
            return F.conv2d(x, self.filt, stride=2, groups=x.shape[1])

    net = nn.Sequential(BlurPool2D(3), BlurPool2d(), nn.MaxPool2d(2), MaxBlurPool2d(2))
    report = antialias(net)[1]
    assert [(entry.name, entry.how) for entry in report.unchanged] == [
        *[(name, "a blur already") for name in ("0", "1", "3")]
    ]


def test_a_sum_over_a_window_is_no_average():
    net = nn.Sequential(nn.AvgPool2d(2, divisor_override=1), nn.MaxPool2d(2))
    report = antialias(net)[1]
    assert [entry.name for entry in report.unchanged] == ["0"]


def test_a_network_is_no_blur_by_its_name():
    class BlurPoolNet(Followed):
        pass

    assert antialias(BlurPoolNet(nn.MaxPool2d(2)))[1].changed[0].name == "after"


def test_a_pool_with_hooks_of_its_own_stays_and_is_named():
    net = nn.Sequential(nn.MaxPool2d(2), nn.MaxPool2d(2))
    net[0].register_forward_hook(lambda module, args, output: None)
    report = antialias(net)[1]
    assert [entry.name for entry in report.unchanged] == ["0"]
    assert "hooks of its own" in report.unchanged[0].how
