"""Four classical classifiers for small pictures, with every downsampling named.

They are as deep as published, and as wide if ``width`` is 1. What they do where they
halve the picture is one argument for all four.

=============  =====================================================================
downsampling   a strided layer becomes
=============  =====================================================================
"plain"        itself
"blur"         the layer with stride 1 (and its nonlinearity), blur and subsample
"polyphase"    the layer with stride 1 (and its nonlinearity), then the strongest of
               the four subsampled pictures
"blur-before"  blur, then the strided layer: naive, for what the layer makes aliases
"blur-after"   the strided layer, then blur: naive, for it has aliased already
=============  =====================================================================

Zhang, 2019, "Making convolutional networks shift-invariant again", for the blur;
Chaman and Dokmanić, 2021, "Truly shift-invariant convolutional neural networks", for
the polyphase sampling.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.arguments import check_choice, check_flag, check_integer, check_positive
from coordlib.lab.models.classifiers import DenseMax2d
from coordlib.lab.models.painters import he_normal_
from coordlib.layers import BlurPool2d, MaxBlurPool2d, PolyphasePool2d

__all__ = ["DOWNSAMPLINGS", "VGG", "DenseNet", "MobileNetV2", "ResNet"]

DOWNSAMPLINGS = ("plain", "blur", "polyphase", "blur-before", "blur-after")
Downsampling = Literal["plain", "blur", "polyphase", "blur-before", "blur-after"]

# Convolutions of each stage; a pool follows each stage.
_VGG = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
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


@dataclass(frozen=True)
class _Way:
    """How a network downsamples, and what its borders are."""

    downsampling: str
    filter_size: int
    padding_mode: str

    def __post_init__(self) -> None:
        check_choice("downsampling", self.downsampling, DOWNSAMPLINGS)
        check_choice("padding_mode", self.padding_mode, ("zeros", "circular"))
        BlurPool2d(filter_size=self.filter_size)  # refuses what is no size

    def conv(
        self, inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1
    ) -> nn.Conv2d:
        return nn.Conv2d(
            inputs,
            outputs,
            size,
            stride,
            size // 2,
            groups=groups,
            bias=False,
            padding_mode=self.padding_mode,
        )

    def blur(self, stride: int) -> BlurPool2d:
        # The last maps have two pixels a side, too few to reflect.
        mode = "circular" if self.padding_mode == "circular" else "replicate"
        return BlurPool2d(None, self.filter_size, stride, mode)

    def strided(self, layers: Callable[[int], list[nn.Module]]) -> list[nn.Module]:
        """Halve with a convolution; ``layers`` makes it from its stride."""
        return {
            "plain": lambda: layers(2),
            "blur": lambda: [*layers(1), self.blur(2)],
            "polyphase": lambda: [*layers(1), PolyphasePool2d(2)],
            "blur-before": lambda: [self.blur(1), *layers(2)],
            "blur-after": lambda: [*layers(2), self.blur(1)],
        }[self.downsampling]()

    def max_pool(self) -> nn.Module:
        blur = self.blur(1)
        return {
            "plain": lambda: nn.MaxPool2d(2),
            "blur": lambda: MaxBlurPool2d(
                *(2, 2, "same"),
                filter_size=self.filter_size,
                padding_mode=blur.padding_mode,
            ),
            "polyphase": lambda: nn.Sequential(
                DenseMax2d(self.padding_mode), PolyphasePool2d(2)
            ),
            "blur-before": lambda: nn.Sequential(blur, nn.MaxPool2d(2)),
            "blur-after": lambda: nn.Sequential(nn.MaxPool2d(2), blur),
        }[self.downsampling]()

    def average_pool(self) -> nn.Module:
        mode = self.blur(1).padding_mode
        dense = BlurPool2d(None, 2, 1, mode)  # a blur of size 2 is an average
        return {
            "plain": lambda: nn.AvgPool2d(2),
            "blur": lambda: self.blur(2),
            "polyphase": lambda: nn.Sequential(dense, PolyphasePool2d(2)),
            "blur-before": lambda: nn.Sequential(self.blur(1), nn.AvgPool2d(2)),
            "blur-after": lambda: nn.Sequential(nn.AvgPool2d(2), self.blur(1)),
        }[self.downsampling]()


class VGG(nn.Sequential):
    """VGG with batch normalisation, and one linear layer: five stages, five pools.

    The layers are named as in the paper: ``conv1_1``, ``relu1_1``, ..., ``pool1``.

    Parameters
    ----------
    downsampling : {"plain", "blur", "polyphase", "blur-before", "blur-after"}
        What the pools do, see the table above. "plain" is the 2x2 maximum
        with stride 2.
    filter_size : int
        Taps of the blur, where there is one.
    padding_mode : {"zeros", "circular"}
        How convolutions and maxima fill their borders. Blurs repeat the border in the
        first case, and wrap around in the second.
    width : float
        Multiplies the number of channels of every layer.
    classes : int
        Number of outputs.
    depth : {11, 13, 16, 19}
        Layers with weights, three of which the paper has at the end: here it is one.
    channels : int
        Of the picture.

    Raises
    ------
    TypeError
        If a number is not of its type.
    ValueError
        If an option is unknown or a number out of its range.

    Notes
    -----
    ``(N, channels, H, W)`` to ``(N, classes)``; H and W are at least 32 (for
    "polyphase": multiples of 32). 9,413,066 parameters for depth 13.

    Simonyan and Zisserman, 2015, "Very deep convolutional networks for large-scale
    image recognition", table 1.
    """

    def __init__(
        self,
        downsampling: Downsampling = "plain",
        filter_size: int = 3,
        padding_mode: str = "zeros",
        width: float = 1.0,
        classes: int = 10,
        *,
        depth: int = 13,
        channels: int = 3,
    ) -> None:
        way = _Way(downsampling, filter_size, padding_mode)
        check_choice("depth", depth, _VGG)
        check_integer("classes", classes)
        check_integer("channels", channels)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for stage, (count, full) in enumerate(
            zip(_VGG[depth], (64, 128, 256, 512, 512), strict=True), start=1
        ):
            outputs = _scaled(full, width)
            for n in range(1, count + 1):
                layers[f"conv{stage}_{n}"] = way.conv(channels, outputs)
                layers[f"bn{stage}_{n}"] = nn.BatchNorm2d(outputs)
                layers[f"relu{stage}_{n}"] = nn.ReLU()
                channels = outputs
            layers[f"pool{stage}"] = way.max_pool()
        layers["average"] = nn.AdaptiveAvgPool2d(1)
        layers["flatten"] = nn.Flatten()
        layers["linear"] = nn.Linear(channels, classes)
        super().__init__(layers)
        he_normal_(self)


class ResNet(nn.Module):
    """The ResNet for CIFAR: three stages, of which the second and third begin strided.

    The halving is in ``stages[1][0]`` and ``stages[2][0]``, in the first convolution of
    a block and in its shortcut, which has no weights: it subsamples and fills the new
    channels with zeros.

    Parameters
    ----------
    downsampling, filter_size, padding_mode, width, classes, channels
        As for :class:`VGG`. A blurred shortcut blurs before it subsamples; "blur-after"
        blurs it after. With "polyphase" the shortcut keeps the pixels that the
        convolution keeps.
    depth : int
        6 n + 2, with n blocks a stage: 20, 32, 44, 56 and 110 in the paper.

    Raises
    ------
    TypeError
        If a number is not of its type.
    ValueError
        If an option is unknown or a number out of its range.

    Notes
    -----
    ``(N, channels, H, W)`` to ``(N, classes)``. 269,722 parameters for depth 20.

    He, Zhang, Ren and Sun, 2016, "Deep residual learning for image recognition",
    section 4.2 and table 6.
    """

    def __init__(
        self,
        downsampling: Downsampling = "plain",
        filter_size: int = 3,
        padding_mode: str = "zeros",
        width: float = 1.0,
        classes: int = 10,
        *,
        depth: int = 20,
        channels: int = 3,
    ) -> None:
        super().__init__()
        way = _Way(downsampling, filter_size, padding_mode)
        check_integer("depth", depth)
        if depth < 8 or depth % 6 != 2:
            raise ValueError(f"depth must be 6 n + 2 with n at least 1, not {depth}")
        check_integer("classes", classes)
        check_integer("channels", channels)
        widths = [_scaled(full, width) for full in (16, 32, 64)]
        inputs = widths[0]
        self.stem = nn.Sequential(
            way.conv(channels, inputs), nn.BatchNorm2d(inputs), nn.ReLU()
        )
        stages = []
        for stage, outputs in enumerate(widths):
            blocks = []
            for block in range((depth - 2) // 6):
                halve = stage > 0 and block == 0
                blocks.append(_Residual(way, inputs, outputs, halve))
                inputs = outputs
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes)
        )
        he_normal_(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.stages(self.stem(x)))


class _Residual(nn.Module):
    def __init__(self, way: _Way, inputs: int, outputs: int, halve: bool) -> None:
        super().__init__()

        def first(stride: int) -> list[nn.Module]:
            conv = way.conv(inputs, outputs, stride=stride)
            return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]

        self.first = nn.Sequential(*(way.strided(first) if halve else first(1)))
        self.second = nn.Sequential(way.conv(outputs, outputs), nn.BatchNorm2d(outputs))
        self.shortcut = _shortcut(way) if halve else nn.Identity()
        if isinstance(self.shortcut, PolyphasePool2d):
            # Both branches must keep the same pixels, so this one tells which.
            self.first[-1].return_phase = True
        self.more = outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.shortcut, PolyphasePool2d):
            out, phase = self.first(x)
            kept, _ = self.shortcut(x, phase)
        else:
            out, kept = self.first(x), self.shortcut(x)
        # The new channels of the shortcut are zero.
        return torch.relu(self.second(out) + F.pad(kept, (0, 0, 0, 0, 0, self.more)))


def _shortcut(way: _Way) -> nn.Module:
    subsample = BlurPool2d(filter_size=1)
    return {
        "plain": lambda: subsample,
        "blur": lambda: way.blur(2),
        "polyphase": lambda: PolyphasePool2d(2, return_phase=True),
        "blur-before": lambda: way.blur(2),
        "blur-after": lambda: nn.Sequential(subsample, way.blur(1)),
    }[way.downsampling]()


class DenseNet(nn.Module):
    """The DenseNet for CIFAR: three dense blocks, and two transitions that halve.

    The halving is in ``transition1.pool`` and ``transition2.pool``.

    Parameters
    ----------
    downsampling, filter_size, padding_mode, width, classes, channels
        As for :class:`VGG`. "plain" is the 2x2 average with stride 2, and "polyphase"
        that with stride 1, then sampled.
    depth : int
        3 n + 4, with n layers a block (6 n + 4 with a bottleneck): 40 and 100.
    growth : int
        New channels of each layer, if ``width`` is 1.
    bottleneck : bool
        The variant BC: 1x1 convolutions before those of 3x3, and transitions that halve
        the channels as well.

    Raises
    ------
    TypeError
        If a number is not of its type.
    ValueError
        If an option is unknown or a number out of its range.

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
        way = _Way(downsampling, filter_size, padding_mode)
        check_integer("depth", depth)
        check_flag("bottleneck", bottleneck)
        step = 6 if bottleneck else 3
        if depth < step + 4 or (depth - 4) % step:
            raise ValueError(
                f"depth must be {step} n + 4 with n at least 1, not {depth}"
            )
        check_integer("growth", growth)
        check_integer("classes", classes)
        check_integer("channels", channels)
        new = _scaled(growth, width)
        count = 2 * new if bottleneck else _scaled(16, width)
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

    def __init__(self, way: _Way, inputs: int, new: int, bottleneck: bool) -> None:
        layers: list[nn.Module] = []
        if bottleneck:
            narrow = way.conv(inputs, 4 * new, 1)
            layers, inputs = [nn.BatchNorm2d(inputs), nn.ReLU(), narrow], 4 * new
        conv = way.conv(inputs, new)
        super().__init__(*layers, nn.BatchNorm2d(inputs), nn.ReLU(), conv)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, super().forward(x)], 1)


class MobileNetV2(nn.Module):
    """MobileNetV2 at the size of CIFAR: three halvings, in depthwise convolutions.

    The halving is in ``blocks[3]``, ``blocks[6]`` and ``blocks[13]``: their second
    step.

    Parameters
    ----------
    downsampling, filter_size, padding_mode, width, classes, channels
        As for :class:`VGG`. Channels are rounded to multiples of 8, as in the paper's
        code.

    Raises
    ------
    TypeError
        If a number is not of its type.
    ValueError
        If an option is unknown or a number out of its range.

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
        way = _Way(downsampling, filter_size, padding_mode)
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
        self, way: _Way, inputs: int, outputs: int, expansion: int, halve: bool
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


def _scaled(channels: int, width: float) -> int:
    check_positive("width", width)
    return max(round(channels * width), 1)


def _in_eights(channels: int, width: float) -> int:
    """Round to a multiple of 8, but not down by more than a tenth."""
    scaled = _scaled(channels, width)  # refuses what is no width
    wanted = channels * width
    nearest = max(int(scaled + 4) // 8 * 8, 8)
    return nearest + 8 if nearest < 0.9 * wanted else nearest
