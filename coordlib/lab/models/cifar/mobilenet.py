"""MobileNetV2 at the size of CIFAR."""

from torch import Tensor, nn

from coordlib.arguments import check_integer
from coordlib.lab.models.cifar.downsampling import Downsampling, Way, scaled
from coordlib.lab.models.common import he_normal_

# Expansion, channels, blocks, stride: table 2 of the paper, but the first stride of 2
# is 1, as is that of the stem, for the pictures are seven times smaller.
_MOBILENET = (
    (1, 16, 1, 1),
    (6, 24, 2, 1),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class MobileNetV2(nn.Module):
    """MobileNetV2 at the size of CIFAR: three halvings, in depthwise convolutions.

    The halving is in ``blocks[3]``, ``blocks[6]`` and ``blocks[13]``: their second
    step.

    Parameters
    ----------
    width
        As for :class:`VGG`. Channels are rounded to multiples of 8, as in the paper's
        code.
    downsampling, filter_size, padding_mode, classes, channels
        As for :class:`VGG`.

    Notes
    -----
    ``(N, channels, H, W)`` to ``(N, classes)``. The blocks and their number of
    parameters are those for ImageNet; the strides of the stem and of the second stage
    are 1. 2,236,682 parameters for ten classes; 3,504,872 for a thousand.

    Sandler, Howard, Zhu, Zhmoginov and Chen, 2018, "MobileNetV2: inverted residuals and
    linear bottlenecks", table 2.
    """

    def __init__(
        self,
        downsampling: Downsampling = "plain",
        filter_size: int = 3,
        padding_mode: str = "zeros",
        width: float = 1.0,
        classes: int = 10,
        *,
        channels: int = 3,
    ) -> None:
        super().__init__()
        way = Way(downsampling, filter_size, padding_mode)
        check_integer("classes", classes)
        check_integer("channels", channels)
        inputs = _in_eights(32, width)
        self.stem = nn.Sequential(
            way.conv(channels, inputs), nn.BatchNorm2d(inputs), nn.ReLU6()
        )
        blocks = []
        for expansion, full, count, stride in _MOBILENET:
            outputs = _in_eights(full, width)
            for n in range(count):
                halve = stride == 2 and n == 0
                blocks.append(_Inverted(way, inputs, outputs, expansion, halve))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        last = _in_eights(1280, max(width, 1.0))
        self.head = nn.Sequential(
            *(way.conv(inputs, last, 1), nn.BatchNorm2d(last), nn.ReLU6()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(last, classes)),
        )
        he_normal_(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(x)))


class _Inverted(nn.Module):
    """Widen, convolve each channel, narrow; added to the input where that fits."""

    def __init__(
        self, way: Way, inputs: int, outputs: int, expansion: int, halve: bool
    ) -> None:
        super().__init__()
        wide = inputs * expansion

        def depthwise(stride: int) -> list[nn.Module]:
            conv = way.conv(wide, wide, 3, stride, groups=wide)
            return [conv, nn.BatchNorm2d(wide), nn.ReLU6()]

        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [way.conv(inputs, wide, 1), nn.BatchNorm2d(wide), nn.ReLU6()]
        layers += way.strided(depthwise) if halve else depthwise(1)
        layers += [way.conv(wide, outputs, 1), nn.BatchNorm2d(outputs)]
        self.layers = nn.Sequential(*layers)
        self.adds = not halve and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.adds else self.layers(x)


def _in_eights(channels: int, width: float) -> int:
    """Round to a multiple of 8, but not down by more than a tenth."""
    rounded = scaled(channels, width)  # refuses what is no width
    wanted = channels * width
    nearest = max(int(rounded + 4) // 8 * 8, 8)
    return nearest + 8 if nearest < 0.9 * wanted else nearest
