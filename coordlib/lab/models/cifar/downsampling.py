"""What the classical classifiers do where they halve a picture.

The blurred forms are written out, and not made by :func:`coordlib.surgery.antialias`,
because they are other networks at borders: the surgery keeps what a trained maximum
reads, so nothing beyond a border of zeros and no odd last row, while these maxima read
both, and results were measured with them. On a ring whose sides stay even, both are the
same, as a test shows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import nn

from coordlib.arguments import check_choice, check_positive
from coordlib.lab.models.classifiers import DenseMax2d
from coordlib.layers import BlurPool2d, MaxBlurPool2d, PolyphasePool2d

DOWNSAMPLINGS = (
    *("plain", "blur", "polyphase"),
    *("blur-before", "blur-after", "blur-instead"),
)
Downsampling = Literal[
    "plain", "blur", "polyphase", "blur-before", "blur-after", "blur-instead"
]


@dataclass(frozen=True)
class Way:
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
            "blur-instead": lambda: [*layers(1), self.blur(2)],
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
            "blur-instead": lambda: self.blur(2),
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
            "blur-instead": lambda: self.blur(2),
        }[self.downsampling]()


def scaled(channels: int, width: float) -> int:
    check_positive("width", width)
    return max(round(channels * width), 1)
