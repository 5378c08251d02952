"""The DenseNet for CIFAR."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from coordlib.arguments import check_flag, check_integer
from coordlib.lab.models.cifar.downsampling import Downsampling, Way, scaled
from coordlib.lab.models.common import he_normal_


class DenseNet(nn.Module):
    """The DenseNet for CIFAR: three dense blocks, and two transitions that halve.

    The halving is in ``transition1.pool`` and ``transition2.pool``.

    Parameters
    ----------
    downsampling
        As for :class:`VGG`. "plain" is the 2x2 average with stride 2, and "polyphase"
        that with stride 1, then sampled.
    filter_size, padding_mode, width, classes, channels
        As for :class:`VGG`.
    depth : int
        3 n + 4, with n layers a block (6 n + 4 with a bottleneck): 40 and 100.
    growth : int
        New channels of each layer, if ``width`` is 1.
    bottleneck : bool
        The variant BC: 1x1 convolutions before those of 3x3, and transitions that halve
        the channels as well.

    Notes
    -----
    ``(N, channels, H, W)`` to ``(N, classes)``. 1,019,722 parameters for depth 40 and
    growth 12; 769,162 for depth 100, growth 12 and a bottleneck.

    Huang, Liu, van der Maaten and Weinberger, 2017, "Densely connected convolutional
    networks", section 3 and table 2.
    """

    def __init__(
        self,
        downsampling: Downsampling = "plain",
        filter_size: int = 3,
        padding_mode: str = "zeros",
        width: float = 1.0,
        classes: int = 10,
        *,
        depth: int = 40,
        growth: int = 12,
        bottleneck: bool = False,
        channels: int = 3,
    ) -> None:
        super().__init__()
        way = Way(downsampling, filter_size, padding_mode)
        check_integer("depth", depth, at_most=2**12)
        check_flag("bottleneck", bottleneck)
        step = 6 if bottleneck else 3
        if depth < step + 4 or (depth - 4) % step:
            raise ValueError(
                f"depth must be {step} n + 4 with n at least 1, got {depth}"
            )
        check_integer("growth", growth)
        check_integer("classes", classes)
        check_integer("channels", channels)
        new = scaled(growth, width)
        count = 2 * new if bottleneck else scaled(16, width)
        self.stem = way.conv(channels, count)
        for block in (1, 2, 3):
            layers = []
            for _ in range((depth - 4) // step):
                layers.append(_DenseLayer(way, count, new, bottleneck))
                count += new
            self.add_module(f"block{block}", nn.Sequential(*layers))
            if block < 3:
                fewer = count // 2 if bottleneck else count
                transition = OrderedDict(
                    bn=nn.BatchNorm2d(count),
                    relu=nn.ReLU(),
                    conv=way.conv(count, fewer, 1),
                    pool=way.average_pool(),
                )
                self.add_module(f"transition{block}", nn.Sequential(transition))
                count = fewer
        self.head = nn.Sequential(
            *(nn.BatchNorm2d(count), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(count, classes)),
        )
        he_normal_(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.transition1(self.block1(self.stem(x)))
        x = self.transition2(self.block2(x))
        return self.head(self.block3(x))


class _DenseLayer(nn.Sequential):
    """A normalised, rectified convolution, whose output joins its input."""

    def __init__(self, way: Way, inputs: int, new: int, bottleneck: bool) -> None:
        layers: list[nn.Module] = []
        if bottleneck:
            narrow = way.conv(inputs, 4 * new, 1)
            layers, inputs = [nn.BatchNorm2d(inputs), nn.ReLU(), narrow], 4 * new
        conv = way.conv(inputs, new)
        super().__init__(*layers, nn.BatchNorm2d(inputs), nn.ReLU(), conv)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, super().forward(x)], 1)
