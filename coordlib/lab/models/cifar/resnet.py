"""The ResNet for CIFAR."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.arguments import check_integer
from coordlib.lab.models.cifar.downsampling import Downsampling, Way, scaled
from coordlib.lab.models.common import he_normal_
from coordlib.layers import BlurPool2d, PolyphasePool2d


class ResNet(nn.Module):
    """The ResNet for CIFAR: three stages, of which the second and third begin strided.

    The halving is in ``stages[1][0]`` and ``stages[2][0]``, in the first convolution of
    a block and in its shortcut, which has no weights: it subsamples and fills the new
    channels with zeros.

    Parameters
    ----------
    downsampling
        As for :class:`VGG`. A blurred shortcut blurs before it subsamples; "blur-after"
        blurs it after. With "polyphase" the shortcut keeps the pixels that the
        convolution keeps.
    filter_size, padding_mode, width, classes, channels
        As for :class:`VGG`.
    depth : int
        6 n + 2, with n blocks a stage: 20, 32, 44, 56 and 110 in the paper.

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
        way = Way(downsampling, filter_size, padding_mode)
        check_integer("depth", depth, at_most=2**12)
        if depth < 8 or depth % 6 != 2:
            raise ValueError(f"depth must be 6 n + 2 with n at least 1, got {depth}")
        check_integer("classes", classes)
        check_integer("channels", channels)
        widths = [scaled(full, width) for full in (16, 32, 64)]
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
    def __init__(self, way: Way, inputs: int, outputs: int, halve: bool) -> None:
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
        if self.more:
            kept = F.pad(kept, (0, 0, 0, 0, 0, self.more))
        return torch.relu(self.second(out) + kept)


def _shortcut(way: Way) -> nn.Module:
    subsample = BlurPool2d(filter_size=1)
    return {
        "plain": lambda: subsample,
        "blur": lambda: way.blur(2),
        "polyphase": lambda: PolyphasePool2d(2, return_phase=True),
        "blur-before": lambda: way.blur(2),
        "blur-after": lambda: nn.Sequential(subsample, way.blur(1)),
        "blur-instead": lambda: way.blur(2),
    }[way.downsampling]()
