"""The U-Net: its size, and to which shifts on a ring each way is equivariant."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from coordlib.lab.models import parameter_count
from coordlib.lab.models.unet import DOWNSAMPLINGS, UNet, spread
from coordlib.layers import PolyphasePool2d
from coordlib.probe import shift

every_way = pytest.mark.parametrize("way", DOWNSAMPLINGS)


def made(way, **options):
    torch.manual_seed(0)
    net = UNet(way, width=4, **options)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.bias, -0.3, 0.3)
    return net.double().eval()


def pictures(size=16):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(3, 1, size, size, generator=generator).double()


@torch.no_grad()
def moved_apart(net, by):
    """How far shift-then-generate is from generate-then-shift, on a ring."""
    x = pictures()
    return (net(shift(x, by)) - shift(net(x), by)).abs().max().item()


@every_way
def test_a_picture_leaves_as_large_as_it_came(way):
    x = torch.rand(2, 3, 16, 24)
    assert UNet(way, channels=3, outputs=2)(x).shape == (2, 2, 16, 24)


@every_way
@pytest.mark.parametrize("padding_mode", ["zeros", "circular", "reflect"])
def test_the_number_of_parameters_depends_on_neither_way_nor_border(way, padding_mode):
    down = 9 * (1 * 4 + 4 * 8 + 8 * 16)
    up = 9 * (16 * 8 + 16 * 4 + 8 * 4)  # two of three see a short cut
    norms = 2 * (4 + 8 + 16) + 2 * (8 + 4 + 4)
    last = 9 * 4 + 1
    net = UNet(way, padding_mode=padding_mode, width=4)
    assert parameter_count(net) == down + up + norms + last


@every_way
def test_shifts_by_the_total_stride_keep_the_picture_on_a_ring(way):
    assert moved_apart(made(way), (8, 0)) < 1e-12
    assert moved_apart(made(way), (-8, 8)) < 1e-12


@pytest.mark.parametrize("by", [(1, 0), (3, 2), (-5, 7), (4, 4)])
def test_on_a_ring_only_polyphase_sampling_keeps_it_under_all_shifts(by):
    assert moved_apart(made("polyphase"), by) < 1e-12
    assert moved_apart(made("plain"), by) > 1e-6
    assert moved_apart(made("blur"), by) > 1e-6


def test_a_shallower_network_has_a_smaller_total_stride():
    assert moved_apart(made("plain", depth=2), (4, 0)) < 1e-12
    assert moved_apart(made("plain", depth=2), (2, 0)) > 1e-3


@every_way
def test_borders_of_zeros_are_seen_on_a_ring(way):
    assert moved_apart(made(way, padding_mode="zeros"), (8, 0)) > 1e-3


def test_a_convolution_after_spreading_is_a_transposed_convolution():
    x = torch.rand(2, 3, 5, 6)
    conv = nn.Conv2d(3, 4, 3, padding=1, bias=False)
    kernel = conv.weight.transpose(0, 1).flip(2, 3)
    expected = F.conv_transpose2d(x, kernel, stride=2, padding=1, output_padding=1)
    torch.testing.assert_close(conv(spread(x)), expected)


def test_spreading_puts_pixels_where_polyphase_sampling_took_them():
    x = torch.rand(4, 2, 3, 5)
    phase = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
    wide = spread(x, phase)
    torch.testing.assert_close(wide.sum(), x.sum())
    assert torch.equal(PolyphasePool2d(2)(wide, phase), x)
    assert torch.equal(spread(x)[0], wide[0])


@pytest.mark.parametrize("size", [12, 20])
def test_a_picture_that_cannot_be_halved_so_often_is_refused(size):
    with pytest.raises(ValueError, match="multiples of 8"):
        UNet()(torch.rand(1, 1, size, size))


@pytest.mark.parametrize(
    "options",
    [
        {"downsampling": "max"},
        {"padding_mode": "mirror"},
        {"width": 0},
        {"depth": 0},
        {"outputs": -1},
    ],
)
def test_what_it_cannot_be_is_refused_by_name(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        UNet(**options)
