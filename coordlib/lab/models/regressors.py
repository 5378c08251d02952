"""From a picture to a position: the regressors of Liu et al. (2018), layer by layer.

Every regressor takes pictures of shape (N, 1, H, W) and gives positions in unit
coordinates, shape (N, 2) as ``(i, j)``. Widths, filters and layers are those of the
released code of the paper, whose targets are fractions of the canvas instead.
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.arguments import check_choice, check_flag, check_integer, check_module
from coordlib.lab.models.common import Stack, he_normal_
from coordlib.lab.models.handmade import GlobalSum
from coordlib.lab.models.normalisation import NORMALISATIONS, normalisation_layer
from coordlib.layers import AddCoords, CoordConv2d, SoftArgmax2d
from coordlib.layers.padding import same_pads

__all__ = [
    "ConvRegressor",
    "CoordConvRegressor",
    "DenseRegressor",
    "SameConv2d",
    "from_fractions",
]

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
READOUTS = ("max", "sum", "mean", "softargmax")


class Stretch(nn.Module):
    """Fractions of the canvas, the targets of the source, to unit coordinates."""

    def forward(self, fraction: Tensor) -> Tensor:
        return 2 * fraction - 1


def from_fractions(regressor: nn.Module) -> nn.Sequential:
    """Let a regressor answer in fractions of the canvas, as those of the source do.

    Parameters
    ----------
    regressor : nn.Module
        Its answers are taken for fractions: 0 is the first pixel, 1 the last.

    Returns
    -------
    nn.Sequential
        Gives unit coordinates.
    """
    check_module("regressor", regressor)
    return nn.Sequential(regressor, Stretch())


class SameConv2d(nn.Conv2d):
    """A strided convolution padded as TensorFlow's "same" does.

    The output has ``ceil(n / stride)`` pixels; what padding that needs is divided
    evenly, and an odd pixel goes to the *end*. At an even size, stride 2 pads a 3x3
    kernel by (0, 1) and a 5x5 kernel by (1, 2).

    Parameters
    ----------
    in_channels, out_channels, kernel_size : int
    stride : int
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding_mode: str = "zeros",
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding_mode=padding_mode
        )

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[2:]
        pads = same_pads(size, self.kernel_size, self.stride, self.dilation)
        mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
        padded = F.pad(x, pads, mode)
        return F.conv2d(padded, self.weight, self.bias, self.stride)


class DenseRegressor(Stack):
    """Convolutions and max pooling, then dense layers that see where things are.

    Three times convolution 3x3, rectifier, 2x2 max pooling; a fourth convolution;
    then a dense layer of 64 and one of 2. 72,850 parameters at width 1 on 64x64.

    Parameters
    ----------
    width : int
        Multiplies the 16 channels of the convolutions.
    size : int
        Side of the pictures: a multiple of 8. The dense layers are made for it.

    References
    ----------
    Liu et al., 2018, section 3; ``conv_regressor`` for the uniform split.
    """

    def __init__(self, width: int = 1, size: int = 64) -> None:
        check_integer("width", width)
        check_integer("size", size)
        if size % 8:
            raise ValueError(f"size must be a multiple of 8, got {size}")
        c = 16 * width
        layers: list[nn.Module] = []
        for inputs in (1, c, c):
            conv = nn.Conv2d(inputs, c, 3, padding=1)
            layers += [conv, nn.ReLU(), nn.MaxPool2d(2)]
        layers += [nn.Conv2d(c, c, 3, padding=1), nn.ReLU(), nn.Flatten()]
        layers += [nn.Linear(c * (size // 8) ** 2, 64), nn.ReLU(), nn.Linear(64, 2)]
        super().__init__(*layers)
        self.size = size
        he_normal_(self)

    def forward(self, images: Tensor) -> Tensor:
        _check_pictures(images, (self.size, self.size))
        return super().forward(images)


class ConvRegressor(Stack):
    """Nothing but convolutions, five of them with stride 2, and a global average.

    12,914 parameters at width 1, whatever the size of the picture. The last layer is
    rectified, as in the source, so the average is a fraction of the canvas, never
    negative; the result is that fraction stretched from [0, 1] to [-1, 1].

    Parameters
    ----------
    width : int
        Multiplies the 16 channels.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        How the convolutions fill their borders; zeros in the source. Reflection
        needs pictures of at least 64x64, for the last maps have 2x2 pixels.
    normalisation : {"batch", "none", "group", "instance"}
        What stands behind the second and the fifth convolution; "batch" in the paper.
    coordinates : bool
        Whether the first convolution sees coordinates beside the picture; not so in
        the paper.

    References
    ----------
    Liu et al., 2018, section 3; ``conv_regressor`` for the quadrant split.
    """

    def __init__(
        self,
        width: int = 1,
        padding_mode: str = "zeros",
        normalisation: str = "batch",
        coordinates: bool = False,
    ) -> None:
        check_integer("width", width)
        check_flag("coordinates", coordinates)
        check_choice("padding_mode", padding_mode, PADDING_MODES)
        check_choice("normalisation", normalisation, NORMALISATIONS)
        c = 16 * width
        conv = partial(SameConv2d, padding_mode=padding_mode)

        def norm() -> list[nn.Module]:
            if normalisation == "none":
                return []
            return [normalisation_layer(normalisation, c)]

        super().__init__(
            *([AddCoords()] if coordinates else []),
            *(conv(3 if coordinates else 1, c, 5, stride=2), nn.ReLU()),
            *(conv(c, c, 1), nn.ReLU(), *norm()),
            *(conv(c, c, 3), nn.ReLU()),
            *(conv(c, c, 3, stride=2), nn.ReLU()),
            *(conv(c, c, 3, stride=2), *norm(), nn.ReLU()),
            *(conv(c, c, 3, stride=2), nn.ReLU()),
            *(conv(c, c, 1), nn.ReLU()),
            *(conv(c, c, 3, stride=2), nn.ReLU()),
            *(conv(c, 2, 3), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        )
        he_normal_(self)

    def forward(self, images: Tensor) -> Tensor:
        _check_pictures(images)
        return 2 * super().forward(images) - 1


class CoordConvRegressor(nn.Module):
    """Five convolutions on the picture and its coordinates, then one global read-out.

    1x1 to 8 channels (a :class:`~coordlib.layers.CoordConv2d`), 1x1, 1x1, 3x3, and
    3x3 to 2 channels: 906 parameters. In the released code there is no rectifier
    anywhere; the one thing that is not linear is the global maximum at the end. The
    options tell which part does the work.

    Parameters
    ----------
    rectifier : bool
        Put a ReLU after each convolution but the last.
    readout : {"max", "sum", "mean", "softargmax"}
        How the two last maps become two numbers. The first three act on each map
        alone; "softargmax" takes the expected row under the softmax of the first and
        the expected column under that of the second.
    halvings : int
        How many 3x3 convolutions with stride 2 to put before the last one.
    coordinates : bool
        Whether the first layer sees coordinates; if not, it is a plain convolution.

    References
    ----------
    Liu et al., 2018, section 4; ``coordconv_regressor`` in the released code.
    """

    def __init__(
        self,
        rectifier: bool = False,
        readout: str = "max",
        halvings: int = 0,
        coordinates: bool = True,
    ) -> None:
        super().__init__()
        check_choice("readout", readout, READOUTS)
        check_integer("halvings", halvings, at_least=0, at_most=32)
        check_flag("rectifier", rectifier)
        check_flag("coordinates", coordinates)
        self.readout = readout
        layers: list[nn.Module] = [
            CoordConv2d(1, 8, 1) if coordinates else nn.Conv2d(1, 8, 1),
            nn.Conv2d(8, 8, 1),
            nn.Conv2d(8, 8, 1),
            nn.Conv2d(8, 8, 3, padding=1),
            *(SameConv2d(8, 8, 3, stride=2) for _ in range(halvings)),
            nn.Conv2d(8, 2, 3, padding=1),
        ]
        if rectifier:
            layers = [m for layer in layers for m in (layer, nn.ReLU())][:-1]
        self.maps = he_normal_(nn.Sequential(*layers))
        self.read = {
            "max": nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten()),
            "mean": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            "sum": GlobalSum(),
            "softargmax": SoftArgmax2d(),
        }[readout]

    def forward(self, images: Tensor) -> Tensor:
        _check_pictures(images)
        read = self.read(self.maps(images))
        if self.readout == "softargmax":  # (N, maps, axes): own axis of each map
            return torch.diagonal(read, dim1=1, dim2=2)
        return read


def _check_pictures(images: Tensor, size: tuple[int, int] | None = None) -> None:
    shape = tuple(getattr(images, "shape", ()))
    if len(shape) != 4 or shape[1] != 1 or (size and shape[2:] != size):
        wanted = "(N, 1, H, W)" if size is None else f"(N, 1, {size[0]}, {size[1]})"
        raise ValueError(f"images must be of shape {wanted}, got {shape}")
