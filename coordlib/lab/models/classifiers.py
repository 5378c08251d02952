"""Small convolutional networks on which borders and pooling can be compared."""

import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.arguments import check_choice, check_flag, check_integer
from coordlib.lab.models.common import Stack, he_normal_
from coordlib.layers import BlurPool2d, CoordConv2d, PolyphasePool2d

__all__ = ["DenseMax2d", "GarmentNet", "PositionNet", "WhatAndWhere"]

PADDING_MODES = ("zeros", "circular", "reflect", "replicate")
POOLS = ("max", "maxblur", "stride", "strideblur", "average", "blur", "polyphase")


class PositionNet(Stack):
    """Guess a position through nothing but convolutions and a global average.

    ``depth`` convolutions 3x3 of stride 1 with rectifiers, the average over the
    picture, and one linear layer to ``(i, j)``. Without borders such a network gives
    the same answer wherever the content is; all that can tell places apart is what
    the padding does at the border.

    Parameters
    ----------
    padding_mode : {"zeros", "circular", "reflect", "replicate"}
        How the convolutions fill their borders.
    width : int
        Channels of every convolution.
    depth : int
        Number of convolutions: what happens at the border reaches ``depth`` pixels
        inwards.

    References
    ----------
    Islam, Jia and Bruce, 2020, "How much position information do convolutional
    neural networks encode?"; Kayhan and van Gemert, 2020.
    """

    def __init__(
        self, padding_mode: str = "zeros", width: int = 32, depth: int = 6
    ) -> None:
        check_choice("padding_mode", padding_mode, PADDING_MODES)
        check_integer("width", width)
        check_integer("depth", depth, at_most=2**12)
        layers: list[nn.Module] = []
        for inputs in [1] + [width] * (depth - 1):
            conv = nn.Conv2d(inputs, width, 3, padding=1, padding_mode=padding_mode)
            layers += [conv, nn.ReLU()]
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 2)]
        super().__init__(*layers)
        he_normal_(self)


class GarmentNet(Stack):
    """A small classifier of which only the way of pooling changes.

    Two stages of convolution 3x3, batch normalisation, rectifier and pooling by two,
    a third without pooling, then the global average and a linear layer. Whatever the
    pooling, the number of parameters is the same.

    Parameters
    ----------
    pool : str
        ``"max"``: 2x2 maximum with stride 2. ``"maxblur"``: 2x2 maximum with stride
        1, then blur and subsample. ``"stride"``: the convolution before takes stride
        2. ``"strideblur"``: it takes stride 1, and after the rectifier comes blur and
        subsample. ``"average"``: 2x2 average with stride 2. ``"blur"``: the average
        replaced by blur and subsample, which makes it the same network as
        "strideblur". ``"polyphase"``: 2x2 maximum with stride 1, then the strongest
        of the four subsampled pictures.
    filter_size : int
        Size of the blur filter, where there is one.
    padding_mode : {"zeros", "circular"}
        How convolutions, maxima and blurs fill their borders.
    width : int
        Channels of the first stage; the others have twice as many.
    classes : int
        Number of outputs.

    References
    ----------
    Zhang, 2019, "Making convolutional networks shift-invariant again";
    Chaman and Dokmanić, 2021, for the polyphase pooling.
    """

    def __init__(
        self,
        pool: str = "max",
        filter_size: int = 3,
        padding_mode: str = "circular",
        width: int = 16,
        classes: int = 10,
    ) -> None:
        check_choice("pool", pool, POOLS)
        check_choice("padding_mode", padding_mode, ("zeros", "circular"))
        check_integer("width", width)
        check_integer("classes", classes)

        def stage(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
            return _stage(nn.Conv2d, inputs, outputs, stride, padding_mode)

        def smaller() -> list[nn.Module]:
            blur = BlurPool2d(filter_size=filter_size, padding_mode=padding_mode)
            return {
                "max": [nn.MaxPool2d(2)],
                "maxblur": [DenseMax2d(padding_mode), blur],
                "stride": [],
                "strideblur": [blur],
                "average": [nn.AvgPool2d(2)],
                "blur": [blur],
                "polyphase": [DenseMax2d(padding_mode), PolyphasePool2d(2)],
            }[pool]

        stride = 2 if pool == "stride" else 1
        super().__init__(
            *(stage(1, width, stride) + smaller()),
            *(stage(width, 2 * width, stride) + smaller()),
            *stage(2 * width, 2 * width, 1),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * width, classes)),
        )
        he_normal_(self)


class WhatAndWhere(nn.Sequential):
    """Name a digit and its place: three convolutions, the average, two dense layers.

    Parameters
    ----------
    coordinates : bool
        Whether the first layer is a :class:`~coordlib.layers.CoordConv2d`.
    downsampling : {"plain", "blur", "polyphase"}
        What follows the first and the second stage: "plain" is a stride of 2 in their
        convolution; "blur" a Tri-3 blur, "polyphase" polyphase sampling after it.
    padding_mode : {"zeros", "reflect", "circular"}
        How convolutions and blurs fill their borders; blurs repeat the border where
        convolutions see zeros.
    width : int
        Channels of the first stage; the others have twice as many.

    Notes
    -----
    ``(N, 1, H, W)`` to ``(N, 12)``: ten class scores, then ``(i, j)`` in unit
    coordinates. Without coordinates, with polyphase sampling and circular padding the
    answer is the same for all circular shifts of a picture, so the network can name
    the digit but not its place.
    """

    def __init__(
        self,
        coordinates: bool = False,
        downsampling: str = "plain",
        padding_mode: str = "zeros",
        width: int = 16,
    ) -> None:
        check_choice("downsampling", downsampling, ("plain", "blur", "polyphase"))
        check_choice("padding_mode", padding_mode, ("zeros", "reflect", "circular"))
        check_flag("coordinates", coordinates)
        check_integer("width", width, at_most=2**12)
        blur_mode = "replicate" if padding_mode == "zeros" else padding_mode
        stride = 2 if downsampling == "plain" else 1

        def sample() -> list[nn.Module]:
            return {
                "plain": [],
                "blur": [BlurPool2d(filter_size=3, padding_mode=blur_mode)],
                "polyphase": [PolyphasePool2d(2)],
            }[downsampling]

        first = CoordConv2d if coordinates else nn.Conv2d
        wide = 2 * width
        super().__init__(
            *(_stage(first, 1, width, stride, padding_mode) + sample()),
            *(_stage(nn.Conv2d, width, wide, stride, padding_mode) + sample()),
            *_stage(nn.Conv2d, wide, wide, 1, padding_mode),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            *(nn.Linear(wide, 64), nn.ReLU(), nn.Linear(64, 12)),
        )
        he_normal_(self)


def _stage(
    conv: type[nn.Module], inputs: int, outputs: int, stride: int, padding_mode: str
) -> list[nn.Module]:
    layer = conv(inputs, outputs, 3, stride, 1, bias=False, padding_mode=padding_mode)
    return [layer, nn.BatchNorm2d(outputs), nn.ReLU()]


class DenseMax2d(nn.Module):
    """The maximum over every 2x2 window, one window a pixel: max pooling, undivided.

    The size of the picture stays: a row below and a column to the right are filled
    in.

    Parameters
    ----------
    padding_mode : {"zeros", "circular"}
        What they are filled with.
    """

    def __init__(self, padding_mode: str = "circular") -> None:
        super().__init__()
        check_choice("padding_mode", padding_mode, ("zeros", "circular"))
        self.padding_mode = padding_mode

    def forward(self, x: Tensor) -> Tensor:
        mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
        return F.max_pool2d(F.pad(x, (0, 1, 0, 1), mode=mode), 2, stride=1)

    def extra_repr(self) -> str:
        return f"padding_mode={self.padding_mode!r}"
