"""The classical classifiers: their sizes, and what they do where they halve."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from coordlib.lab.models import VGG, DenseNet, MobileNetV2, ResNet, parameter_count
from coordlib.lab.models.cifar import DOWNSAMPLINGS
from coordlib.layers import BlurPool2d, MaxBlurPool2d, PolyphasePool2d
from coordlib.probe import shift
from coordlib.surgery import antialias

NETS = {
    "VGG": lambda *a, **k: VGG(*a, depth=11, **k),
    "ResNet": lambda *a, **k: ResNet(*a, depth=8, **k),
    "DenseNet": lambda *a, **k: DenseNet(*a, depth=10, **k),
    "MobileNetV2": MobileNetV2,
}
HALVINGS = {"VGG": 5, "ResNet": 2, "DenseNet": 2, "MobileNetV2": 3}
every_net = pytest.mark.parametrize("name", NETS)


def small(name, *args, **options):
    torch.manual_seed(0)
    net = NETS[name](*args, width=0.25, **options)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.bias, -0.3, 0.3)
    return net.double().eval()


def pictures(size=32):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(2, 3, size, size, generator=generator).double()


def movement(net, shifts):
    """How far answers move with the picture, relative to their size."""
    x = pictures()
    with torch.no_grad():
        answers = torch.stack([net(shift(x, by)) for by in shifts])
    return (answers.std(0).mean() / answers.mean(0).std()).item()


@pytest.mark.parametrize(
    ("make", "published"),
    [
        # He et al. (2016), table 6
        (lambda: ResNet(depth=20), "0.27M"),
        (lambda: ResNet(depth=32), "0.46M"),
        (lambda: ResNet(depth=44), "0.66M"),
        (lambda: ResNet(depth=56), "0.85M"),
        (lambda: ResNet(depth=110), "1.7M"),
        # Huang et al. (2017), table 2
        (lambda: DenseNet(depth=40), "1.0M"),
        (lambda: DenseNet(depth=100), "7.0M"),
        (lambda: DenseNet(depth=100, bottleneck=True), "0.8M"),
    ],
)
def test_the_sizes_are_those_of_the_papers(make, published):
    digits = len(published.partition(".")[2]) - 1
    assert f"{parameter_count(make()) / 1e6:.{digits}f}M" == published


def test_a_mobilenet_for_a_thousand_classes_is_as_large_as_torchvisions():
    assert parameter_count(MobileNetV2(classes=1000)) == 3_504_872


def test_the_convolutions_of_vgg_13_are_those_of_the_paper():
    """Simonyan and Zisserman (2015), configuration B: all its 3x3 convolutions."""
    channels = [3, 64, 64, 128, 128, 256, 256, 512, 512, 512, 512]
    convs = [m for m in VGG() if isinstance(m, nn.Conv2d)]
    assert [(c.in_channels, c.out_channels) for c in convs] == [*pairwise(channels)]
    weights = sum(9 * a * b for a, b in pairwise(channels))
    assert parameter_count(VGG()) == weights + 2 * sum(channels[1:]) + 5130


@every_net
@pytest.mark.parametrize("downsampling", DOWNSAMPLINGS)
@pytest.mark.parametrize("padding_mode", ["zeros", "circular"])
def test_downsampling_changes_neither_weights_nor_the_shape_of_the_answer(
    name, downsampling, padding_mode
):
    net = small(name, downsampling, padding_mode=padding_mode)
    assert net(pictures()).shape == (2, 10)
    assert parameter_count(net) == parameter_count(small(name))
    wide = small(name, downsampling, 5, padding_mode)
    assert wide(pictures(64)).shape == (2, 10)


@every_net
@pytest.mark.parametrize("downsampling", DOWNSAMPLINGS)
def test_on_a_ring_shifts_by_all_the_strides_change_nothing(name, downsampling):
    net, stride = small(name, downsampling, 3, "circular"), 2 ** HALVINGS[name]
    shifts = [(0, 0), (stride, 0), (-stride, 2 * stride)]
    assert movement(net, shifts) < 1e-12


@every_net
def test_on_a_ring_a_polyphase_net_keeps_its_answer_for_every_shift(name):
    net = small(name, "polyphase", 3, "circular")
    assert movement(net, [(0, 0), (1, 0), (3, 5), (-7, 2), (16, 1)]) < 1e-12


@every_net
def test_on_a_ring_blur_keeps_the_answer_stiller_and_more_so_if_wider(name):
    shifts = [(i, j) for i in (0, 1, 3) for j in (0, 1, 2)]
    plain = movement(small(name, "plain", 3, "circular"), shifts)
    blur = movement(small(name, "blur", 3, "circular"), shifts)
    wider = movement(small(name, "blur", 5, "circular"), shifts)
    assert plain > 1.5 * blur
    assert blur > wider > 1e-6


@every_net
def test_with_a_filter_of_one_all_ways_but_polyphase_are_the_plain_one(name):
    """But for an average: there a blur takes its place."""
    x, plain = pictures(), small(name)
    for downsampling in ("blur", "blur-before", "blur-after"):
        if (name, downsampling) == ("DenseNet", "blur"):
            continue
        net = small(name, downsampling, 1)
        net.load_state_dict(
            dict(zip(net.state_dict(), plain.state_dict().values(), strict=True))
        )
        torch.testing.assert_close(net(x), plain(x))


def layers(net):
    return [type(m).__name__ for m in net.modules() if not any(m.children())]


def test_each_way_places_its_layers_where_its_name_says():
    def around(name, downsampling):
        net = NETS[name](downsampling)
        part = {
            "VGG": lambda: net.pool1,
            "ResNet": lambda: net.stages[1][0].first,
            "DenseNet": lambda: net.transition1.pool,
            "MobileNetV2": lambda: net.blocks[3].layers[3:-2],
        }[name]()
        return layers(part)

    conv = ["Conv2d", "BatchNorm2d", "ReLU"]
    assert around("ResNet", "plain") == conv
    assert around("ResNet", "blur") == [*conv, "BlurPool2d"]
    assert around("ResNet", "blur-before") == ["BlurPool2d", *conv]
    assert around("ResNet", "blur-after") == [*conv, "BlurPool2d"]
    assert around("ResNet", "polyphase") == [*conv, "PolyphasePool2d"]
    assert around("MobileNetV2", "blur") == [*conv[:2], "ReLU6", "BlurPool2d"]
    assert around("VGG", "plain") == ["MaxPool2d"]
    assert around("VGG", "blur-before") == ["BlurPool2d", "MaxPool2d"]
    assert around("VGG", "blur-after") == ["MaxPool2d", "BlurPool2d"]
    assert around("VGG", "blur-instead") == ["BlurPool2d"]
    assert around("ResNet", "blur-instead") == around("ResNet", "blur")
    assert around("DenseNet", "blur-instead") == around("DenseNet", "blur")
    assert around("VGG", "polyphase") == ["DenseMax2d", "PolyphasePool2d"]
    assert isinstance(VGG("blur").pool1, MaxBlurPool2d)
    assert around("DenseNet", "plain") == ["AvgPool2d"]
    assert around("DenseNet", "blur") == ["BlurPool2d"]


@every_net
def test_only_the_naive_ways_keep_the_stride_where_it_was(name):
    def strides(downsampling):
        net = NETS[name](downsampling)
        kinds = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)
        found = [m.stride for m in net.modules() if isinstance(m, kinds)]
        return sum(s in (2, (2, 2)) for s in found)

    assert strides("blur") == strides("polyphase") == 0
    for downsampling in ("plain", "blur-before", "blur-after"):
        assert strides(downsampling) == HALVINGS[name]


def test_a_blur_in_place_of_the_maximum_leaves_no_maximum():
    x = pictures()
    average = VGG("blur-instead", 2).double().pool1
    torch.testing.assert_close(average(x), nn.functional.avg_pool2d(x, 2))
    net = VGG("blur-instead", 3, "circular").double()
    kinds = (nn.MaxPool2d, MaxBlurPool2d)
    assert not any(isinstance(m, kinds) for m in net.modules())
    kernel = torch.tensor([1.0, 2.0, 1.0]).double() / 4
    around = nn.functional.pad(x, (1, 1, 1, 1), mode="circular")
    blurred = sum(
        kernel[i] * kernel[j] * around[..., i : i + 32, j : j + 32]
        for i in range(3)
        for j in range(3)
    )
    torch.testing.assert_close(net.pool1(x), blurred[..., ::2, ::2])


@every_net
def test_every_halving_is_a_halving(name):
    def halvings(downsampling, kind):
        net = NETS[name](downsampling)
        mains = [m for m in net.modules() if isinstance(m, kind)]
        return len(mains)

    shortcuts = HALVINGS[name] if name == "ResNet" else 0
    assert halvings("polyphase", PolyphasePool2d) == HALVINGS[name] + shortcuts
    assert halvings("blur", BlurPool2d) == HALVINGS[name] + shortcuts


def by_surgery(name, padding_mode, border):
    """Blur a plain net; give it beside one that was made blurred, of its weights."""
    blurred = small(name, "blur", padding_mode=padding_mode)
    plain, values = small(name, padding_mode=padding_mode), blurred.state_dict()
    plain.load_state_dict(dict(zip(plain.state_dict(), values.values(), strict=True)))
    operated, report = antialias(plain, 3, border)
    assert len(report.changed) == HALVINGS[name]
    return operated, blurred


@pytest.mark.parametrize("name", ["VGG", "DenseNet", "MobileNetV2"])
def test_blurring_a_plain_net_by_surgery_gives_the_blurred_net(name):
    operated, blurred = by_surgery(name, "circular", "circular")
    torch.testing.assert_close(operated(pictures()), blurred(pictures()))


def test_with_zeros_around_it_does_too_but_for_maxima():
    """The surgery keeps what a trained maximum reads: nothing beyond the border."""
    for name in ("DenseNet", "MobileNetV2"):
        operated, blurred = by_surgery(name, "zeros", "replicate")
        torch.testing.assert_close(operated(pictures()), blurred(pictures()))
    operated, blurred = by_surgery("VGG", "zeros", "replicate")
    assert (operated(pictures()) - blurred(pictures())).abs().max() > 0.1


def test_the_surgery_leaves_the_shortcut_of_a_resnet_as_it_is():
    operated, blurred = by_surgery("ResNet", "circular", "circular")
    assert operated.stages[1][0].shortcut.filter_size == (1, 1)
    assert blurred.stages[1][0].shortcut.filter_size == (3, 3)


@pytest.mark.parametrize("name", NETS)
def test_every_weight_learns(name):
    net = small(name, "blur").train()
    net(pictures()).square().sum().backward()
    assert all(p.grad is not None for p in net.parameters())


@pytest.mark.parametrize("name", NETS)
def test_width_classes_and_channels_are_what_was_asked_for(name):
    net = NETS[name](width=0.5, classes=7, channels=1)
    assert net(torch.rand(2, 1, 32, 32)).shape == (2, 7)
    assert parameter_count(net) < 0.45 * parameter_count(NETS[name]())


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: VGG("none"), ValueError, "downsampling must be one of"),
        (lambda: VGG(padding_mode="reflect"), ValueError, "padding_mode must be"),
        (lambda: VGG(depth=12), ValueError, "depth must be one of"),
        (lambda: VGG(width=0), ValueError, "width must be positive"),
        (lambda: VGG(width="1"), TypeError, "width must be a number"),
        (lambda: VGG("blur", 0), ValueError, "filter_size must be at least 1"),
        (lambda: ResNet(depth=21), ValueError, r"depth must be 6 n \+ 2"),
        (lambda: ResNet(depth=2), ValueError, r"depth must be 6 n \+ 2"),
        (lambda: ResNet(classes=0), ValueError, "classes must be at least 1"),
        (lambda: DenseNet(depth=41), ValueError, r"depth must be 3 n \+ 4"),
        (lambda: DenseNet(depth=43, bottleneck=True), ValueError, r"6 n \+ 4"),
        (lambda: DenseNet(growth=1.5), TypeError, "growth must be an integer"),
        (lambda: MobileNetV2(channels=0), ValueError, "channels must be at least 1"),
    ],
)
def test_a_network_that_cannot_be_built_says_why(make, error, message):
    with pytest.raises(error, match=message):
        make()
